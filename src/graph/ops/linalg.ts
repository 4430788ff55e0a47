// Matrix products.
import { addmm, matmul, mul, reshape, sum, transpose } from "../build.ts";
import { isFloat } from "../dtype.ts";
import type { Node } from "../node.ts";
import { defineOp, eachAlong, flag, inputAt, type LowerContext, NARROW_INTS } from "../op.ts";
import { broadcast, broadcastAxes, type Dim, numeric, type Shape, sameShape, shapeError, showShape } from "../shape.ts";

/** As PyTorch prints it: rows of all batches together. */
function sidesOf(shape: Shape): string {
  const rows = shape.slice(0, -1);
  const count = rows.every((dim) => typeof dim === "number")
    ? rows.reduce<number>((n, dim) => n * Number(dim), 1)
    : rows.join("*");
  return `${count}x${shape.at(-1)}`;
}

function matmulShape(a: Shape, b: Shape, transposeB: boolean): Dim[] {
  const inner = a.at(-1);
  const [innerB, columns] = transposeB ? [b.at(-1), b.at(-2)] : [b.at(-2), b.at(-1)];
  const batch = broadcast(a.slice(0, -2), b.slice(0, -2));
  if (inner === undefined || columns === undefined || inner !== innerB) {
    throw shapeError(
      b.length > 2
        ? `Expected size for first two dimensions of batch2 tensor to be: [${batch.join(", ")}, ${inner}] but got: [${batch.join(", ")}, ${innerB}].`
        : `mat1 and mat2 shapes cannot be multiplied (${sidesOf(a)} and ${innerB}x${columns})`,
      `Shapes are ${showShape(a)} and ${showShape(b)}; inner sizes are ${inner} and ${innerB} and must be equal. Transpose one input, or check which axis is the batch.`,
      { a, b },
    );
  }
  return [...batch, a.at(-2) ?? 1, columns];
}

/** Transpose and product in one kernel where the device has it: it reads `nn.Linear`'s [out, in] as stored. */
function lowerMatmul(ctx: LowerContext): readonly string[] {
  const [a, b] = [ctx.input(0), ctx.input(1)];
  if (ctx.node.inputs.some(({ shape }) => shape.includes(0))) {
    // A product without elements, or sums of nothing: fused kernels and WebGPU's do not survive them.
    return ctx.emit("Expand", [ctx.constant(ctx.node.dtype, 0), ctx.shape(ctx.node.shape)]);
  }
  if (!flag(ctx.node.attrs, "transposeB")) return ctx.emit("MatMul", [a, b]);
  const { dtype, shape } = inputAt(ctx.node.inputs, 1);
  if (ctx.device === "cpu" && dtype === "float32") {
    return ctx.emit("FusedMatMul", [a, b], { domain: "com.microsoft", attrs: { transB: 1 } });
  }
  const order = shape.map((_, axis) => axis);
  order.splice(-2, 2, shape.length - 1, shape.length - 2);
  const [turned = ""] = ctx.emit("Transpose", [b], { attrs: { perm: order } });
  return ctx.emit("MatMul", [a, turned]);
}

/** Rows come from a's, matrices of a batch from those of both. Columns would take a weight apart, in every run anew. */
function productAlong(node: Node, axis: number): readonly (number | undefined)[] | undefined {
  const fromEnd = node.shape.length - axis;
  if (fromEnd === 1) return undefined;
  return fromEnd === 2 ? [inputAt(node.inputs, 0).shape.length - 2, undefined] : eachAlong(node, axis);
}

defineOp({
  name: "matmul",
  autocast: "lower",
  doc: "Batched a b, or a bᵀ with transposeB; da = g bᵀ, db = aᵀ g.",
  infer: (inputs, attrs) => {
    const [a, b] = [inputAt(inputs, 0), inputAt(inputs, 1)];
    return { shape: matmulShape(a.shape, b.shape, flag(attrs, "transposeB")), dtype: a.dtype };
  },
  lower: lowerMatmul,
  along: productAlong,
  computeIn: NARROW_INTS,
  lacks: ["bool"],
  grad: ({ inputs, attrs, g }) => {
    const [a, b] = [inputAt(inputs, 0), inputAt(inputs, 1)];
    const transposed = flag(attrs, "transposeB");
    const da = matmul(g, b, !transposed);
    const [left, right] = flattened(a, b, g);
    const db = transposed ? matmul(turn(right), left) : matmul(turn(left), right);
    return [summedTo(da, a.shape), summedTo(db, b.shape)];
  },
  addScaledTo: ({ inputs, attrs, shape, dtype }, base, factor) => {
    const [a, b] = [inputAt(inputs, 0), inputAt(inputs, 1)];
    if (a.shape.length !== 2 || b.shape.length !== 2 || !isFloat(dtype)) return undefined;
    if (!sameShape(base.shape, shape) || base.dtype !== dtype) return undefined;
    const turned = a.op.name === "permute" && a.value === undefined;
    const left = mul(turned ? inputAt(a.inputs, 0) : a, factor);
    return addmm(base, left, b, { transposeA: turned, transposeB: flag(attrs, "transposeB") });
  },
  flops: (node) => {
    const out = numeric(node.shape)?.reduce((product, dim) => product * dim, 1) ?? 0;
    return out * Number(inputAt(node.inputs, 0).shape.at(-1));
  },
});

const turn = (node: Node): Node => transpose(node, -1, -2);

/** A weight shared by the whole batch takes one product over all rows instead of one per batch and a sum. */
function flattened(a: Node, b: Node, g: Node): [Node, Node] {
  if (b.shape.length !== 2 || a.shape.length <= 2) return [a, g];
  const rows = numeric(a.shape.slice(0, -1))?.reduce((product, dim) => product * dim, 1) ?? -1;
  return [reshape(a, [rows, Number(a.shape.at(-1))]), reshape(g, [rows, Number(g.shape.at(-1))])];
}

function summedTo(g: Node, shape: Shape): Node {
  const axes = broadcastAxes(shape, g.shape);
  return axes.length === 0 ? g : reshape(sum(g, axes), shape);
}
