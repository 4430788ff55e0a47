// A product of matrices added to a third: one kernel for a linear layer, and for a step of gradient descent.
import { matmul, transpose, unbroadcast } from "../build.ts";
import type { Node } from "../node.ts";
import { defineOp, eachAlong, flag, inputAt, type LowerContext, NOT_REAL } from "../op.ts";
import { broadcast, type Dim, sameShape, shapeError, showShape } from "../shape.ts";

interface Sides {
  rows: Dim | undefined;
  inner: readonly [Dim | undefined, Dim | undefined];
  columns: Dim | undefined;
}

function sides(a: Node, b: Node, transposeA: boolean, transposeB: boolean): Sides {
  const [first, second] = transposeA ? [a.shape[1], a.shape[0]] : a.shape;
  const [third, fourth] = transposeB ? [b.shape[1], b.shape[0]] : b.shape;
  return { rows: first, inner: [second, third], columns: fourth };
}

function addmmShape(inputs: readonly Node[], transposeA: boolean, transposeB: boolean): Dim[] {
  const [c, a, b] = [inputAt(inputs, 0), inputAt(inputs, 1), inputAt(inputs, 2)];
  const { rows, inner, columns } = sides(a, b, transposeA, transposeB);
  if (
    a.shape.length !== 2 ||
    b.shape.length !== 2 ||
    inner[0] !== inner[1] ||
    rows === undefined ||
    columns === undefined
  ) {
    throw shapeError(
      `mat1 and mat2 shapes cannot be multiplied (${showShape(a.shape)} and ${showShape(b.shape)})`,
      "Both are matrices, and their inner sizes are equal.",
      { a: a.shape, b: b.shape },
    );
  }
  const shape = [rows, columns];
  if (!sameShape(broadcast(c.shape, shape), shape)) {
    throw shapeError(
      `The expanded size of the tensor must match the existing size: ${showShape(c.shape)} does not broadcast to ${showShape(shape)}`,
      "What is added has the shape of the product, or one that broadcasts to it.",
      { c: c.shape, product: shape },
    );
  }
  return shape;
}

function lowerAddmm(ctx: LowerContext): readonly string[] {
  const { attrs, inputs, shape, dtype } = ctx.node;
  if (ctx.device === "webgpu" && inputAt(inputs, 1).shape[flag(attrs, "transposeA") ? 0 : 1] === 0) {
    // A sum of nothing, which WebGPU's kernel does not survive.
    const [zeros = ""] = ctx.emit("Expand", [ctx.constant(dtype, 0), ctx.shape(shape)]);
    return ctx.emit("Add", [zeros, ctx.input(0)]);
  }
  const transA = flag(attrs, "transposeA") ? 1 : 0;
  const transB = flag(attrs, "transposeB") ? 1 : 0;
  return ctx.emit("Gemm", [ctx.input(1), ctx.input(2), ctx.input(0)], { attrs: { transA, transB } });
}

defineOp({
  name: "addmm",
  autocast: "lower",
  doc: "c + a b for matrices, each transposed first where asked; dc = g, da = g bᵀ, db = aᵀ g.",
  infer: (inputs, attrs) => ({
    shape: addmmShape(inputs, flag(attrs, "transposeA"), flag(attrs, "transposeB")),
    dtype: inputAt(inputs, 0).dtype,
  }),
  lower: lowerAddmm,
  // As of matmul: rows alone.
  along: (node, axis) =>
    axis === 0 ? [eachAlong(node, 0)[0], flag(node.attrs, "transposeA") ? 1 : 0, undefined] : undefined,
  lacks: NOT_REAL,
  grad: ({ inputs, attrs, g }) => {
    const [c, a, b] = [inputAt(inputs, 0), inputAt(inputs, 1), inputAt(inputs, 2)];
    const [transposeA, transposeB] = [flag(attrs, "transposeA"), flag(attrs, "transposeB")];
    const right = transposeB ? transpose(b, 0, 1) : b; // [K, N]
    const left = transposeA ? a : transpose(a, 0, 1); // [K, M]
    const da = transposeA ? matmul(right, g, true) : matmul(g, b, !transposeB);
    const db = transposeB ? matmul(transpose(g, 0, 1), transpose(left, 0, 1)) : matmul(left, g);
    return [unbroadcast(g, c.shape), da, db];
  },
  flops: ({ shape, inputs, attrs }) =>
    shape.reduce<number>((product, dim) => product * Number(dim), 1) *
    Number(inputAt(inputs, 1).shape[flag(attrs, "transposeA") ? 0 : 1]),
});
