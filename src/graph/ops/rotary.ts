// Rotary positions: the pairs of every head turned by the angles of its place.
import { add, mul, narrow, neg, reshape, rotaryEmbedding, sub, sum, unbroadcast } from "../build.ts";
import type { Node } from "../node.ts";
import { defineOp, eachAlong, inputAt, type LowerContext, like, NOT_REAL } from "../op.ts";

/** Heads [.., T, H, d] of what lies side by side, so wide as the pairs [.., T, d / 2] of their angles say. */
function headsOf(x: Node, pairs: number): Node {
  const width = Number(x.shape.at(-1));
  return reshape(x, [...x.shape.slice(0, -1), width / (2 * pairs), 2 * pairs]);
}

/**
 * RoPE (Su et al. 2021, arXiv 2104.09864) over halves: of a head's x = (a, b) and the cosines c and sines s of its place,
 * y = (a c - b s, b c + a s). The gradient turns back: dx is g by -s, dc = Σ (g_a a + g_b b), ds = Σ (g_b a - g_a b).
 */
defineOp({
  name: "rotaryEmbedding",
  doc: "Pairs (x_i, x_(i + d/2)) of every head turned by angles, of which the cosines and sines are given.",
  lacks: NOT_REAL,
  along: (node, axis) => (axis === node.shape.length - 1 ? undefined : eachAlong(node, axis)),
  infer: like(0),
  lower: (ctx) => (hasKernel(ctx) ? lowerKernel(ctx) : lowerParts(ctx)),
  grad: ({ node, inputs, g }) => {
    const [x, cos, sin] = [inputAt(inputs, 0), inputAt(inputs, 1), inputAt(inputs, 2)];
    const pairs = Number(cos.shape.at(-1));
    const halves = (of: Node) => {
      const heads = headsOf(of, pairs);
      const last = heads.shape.length - 1;
      return [narrow(heads, last, 0, pairs), narrow(heads, last, pairs, pairs)] as const;
    };
    const [[a, b], [ga, gb]] = [halves(x), halves(g)];
    const over = (products: Node) => sum(products, [node.shape.length - 1]);
    return [
      rotaryEmbedding(g, cos, neg(sin)),
      unbroadcast(over(add(mul(ga, a), mul(gb, b))), cos.shape),
      unbroadcast(over(sub(mul(gb, a), mul(ga, b))), sin.shape),
    ];
  },
});

/** onnxruntime's own kernel takes float32 and texts of a batch, of which there is one. */
function hasKernel({ device, node: { dtype, shape } }: LowerContext): boolean {
  return (device === "cpu" || device === "webgpu") && dtype === "float32" && shape.length === 3 && !shape.includes(0);
}

/** Angles lie in one table there, of which every place names its row; of texts that all count alike, the first row is enough. */
function lowerKernel(ctx: LowerContext): readonly string[] {
  const [x, cos, sin] = [ctx.input(0), ctx.input(1), ctx.input(2)];
  const angles = inputAt(ctx.node.inputs, 1).shape;
  const turn = (...inputs: string[]) => ctx.emit("RotaryEmbedding", inputs, { domain: "com.microsoft" });
  if (angles.length === 2) return turn(x, ctx.int64([0]), cos, sin);
  const table = (of: string) => ctx.emit("Reshape", [of, ctx.int64([-1, Number(angles.at(-1))])])[0] ?? "";
  const [sizes = ""] = ctx.emit("Shape", [cos], { attrs: { start: 0, end: 2 } });
  const [count = ""] = ctx.emit("ReduceProd", [sizes], { attrs: { keepdims: 0 } });
  const [rows = ""] = ctx.emit("Range", [ctx.int64(0), count, ctx.int64(1)]);
  const [places = ""] = ctx.emit("Reshape", [rows, sizes]);
  return turn(x, places, table(cos), table(sin));
}

function lowerParts(ctx: LowerContext): readonly string[] {
  const on = (opType: string, ...inputs: string[]) => ctx.emit(opType, inputs)[0] ?? "";
  const joined = (...parts: string[]) => ctx.emit("Concat", parts, { attrs: { axis: -1 } })[0] ?? "";
  const { shape } = ctx.node;
  const pairs = Number(inputAt(ctx.node.inputs, 1).shape.at(-1));
  const kept = shape.slice(1).map(() => 0);
  const x = on("Reshape", ctx.input(0), ctx.int64([...kept, Number(shape.at(-1)) / (2 * pairs), 2 * pairs]));
  const half = (from: number) => on("Slice", x, ctx.int64([from]), ctx.int64([from + pairs]), ctx.int64([-1]));
  const [cos, sin] = [1, 2].map((at) => on("Unsqueeze", ctx.input(at), ctx.int64([-2]))) as [string, string]; // safe because two went in
  const level = on("Mul", x, joined(cos, cos));
  const swapped = on("Mul", joined(half(pairs), half(0)), joined(on("Neg", sin), sin));
  return [on("Reshape", on("Add", level, swapped), ctx.int64([...kept, Number(shape.at(-1))]))];
}
