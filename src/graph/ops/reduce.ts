// Reductions over axes, and what is kin to them: softmax, cumulative sums, argmax.
import { cast, cumsum, div, equal, exp, expand, mul, reshape, scale, sub, sum } from "../build.ts";
import type { Node } from "../node.ts";
import {
  defineOp,
  direct,
  flag,
  type GradContext,
  inputAt,
  type LowerContext,
  like,
  listAttr,
  NARROW_INTS,
  NOT_REAL,
  numberAttr,
} from "../op.ts";
import type { Dim, Shape } from "../shape.ts";

function reducedShape(shape: Shape, axes: readonly number[], keepDim: boolean): Dim[] {
  const kept = shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
  return keepDim ? kept : kept.filter((_, axis) => !axes.includes(axis));
}

function reduceType(inputs: readonly Node[], attrs: GradContext["attrs"]): { shape: Shape; dtype: Node["dtype"] } {
  const input = inputAt(inputs, 0);
  return { shape: reducedShape(input.shape, listAttr(attrs, "axes"), flag(attrs, "keepDim")), dtype: input.dtype };
}

/** The reduced result or its gradient, brought back to the input's shape. */
function spread({ inputs, attrs }: GradContext, reduced: Node): Node {
  const { shape } = inputAt(inputs, 0);
  return expand(reshape(reduced, reducedShape(shape, listAttr(attrs, "axes"), true)), shape);
}

/** ReduceSum takes its axes as an input since opset 13; the others since 18. */
function lowerReduce(opType: string): (ctx: LowerContext) => readonly string[] {
  return (ctx) =>
    ctx.emit(opType, [ctx.input(0), ctx.int64(listAttr(ctx.node.attrs, "axes"))], {
      attrs: { keepdims: flag(ctx.node.attrs, "keepDim") ? 1 : 0 },
    });
}

defineOp({
  name: "sum",
  doc: "Sum over axes; g goes to every element.",
  infer: reduceType,
  lower: lowerReduce("ReduceSum"),
  computeIn: NARROW_INTS,
  lacks: ["bool"],
  grad: (ctx) => [spread(ctx, ctx.g)],
});

defineOp({
  name: "mean",
  doc: "Mean over axes; every element takes g / n.",
  infer: reduceType,
  lower: lowerReduce("ReduceMean"),
  lacks: NOT_REAL,
  grad: (ctx) => {
    const { shape } = inputAt(ctx.inputs, 0);
    const count = listAttr(ctx.attrs, "axes").reduce((product, axis) => product * Number(shape[axis]), 1);
    return [scale(spread(ctx, ctx.g), 1 / count)];
  },
});

/** g is shared evenly among the elements that hold the extremum, as in PyTorch's amax and amin. */
function extremeGrad(ctx: GradContext): readonly Node[] {
  const hit = cast(equal(inputAt(ctx.inputs, 0), spread(ctx, ctx.out)), ctx.g.dtype);
  const count = sum(hit, listAttr(ctx.attrs, "axes"), flag(ctx.attrs, "keepDim"));
  return [mul(hit, spread(ctx, div(ctx.g, count)))];
}

defineOp({
  name: "amax",
  doc: "Largest element over axes.",
  infer: reduceType,
  lower: lowerReduce("ReduceMax"),
  computeIn: { int16: "int32" },
  grad: extremeGrad,
});

defineOp({
  name: "amin",
  doc: "Smallest element over axes.",
  infer: reduceType,
  lower: lowerReduce("ReduceMin"),
  computeIn: { int16: "int32" },
  grad: extremeGrad,
});

defineOp({
  name: "argmax",
  doc: "Index (int64) of the first largest element along an axis.",
  infer: (inputs, attrs) => ({
    shape: reducedShape(inputAt(inputs, 0).shape, [numberAttr(attrs, "axis")], flag(attrs, "keepDim")),
    dtype: "int64",
  }),
  lower: (ctx) =>
    ctx.emit("ArgMax", [ctx.input(0)], {
      attrs: { axis: numberAttr(ctx.node.attrs, "axis"), keepdims: flag(ctx.node.attrs, "keepDim") ? 1 : 0 },
    }),
  computeIn: { int16: "int32" },
  lacks: ["bool"],
  grad: "an index has no gradient",
});

defineOp({
  name: "cumsum",
  doc: "Cumulative sum along an axis; d = cumulative sum of g from the end.",
  computeIn: NARROW_INTS,
  lacks: ["bool"],
  infer: like(0),
  lower: (ctx) =>
    ctx.emit("CumSum", [ctx.input(0), ctx.int64(numberAttr(ctx.node.attrs, "axis"))], {
      attrs: { reverse: flag(ctx.node.attrs, "reverse") ? 1 : 0 },
    }),
  grad: ({ attrs, g }) => {
    const axis = numberAttr(attrs, "axis");
    // Σ_{j≥i} g_j = total - cumsum + g_i, which needs no reversed kernel
    const total = expand(sum(g, [axis], true), g.shape);
    return [sub(total, sub(cumsum(g, axis), g))];
  },
});

function lowerAlongAxis(opType: string): (ctx: LowerContext) => readonly string[] {
  return (ctx) => {
    const axis = numberAttr(ctx.node.attrs, "axis");
    return direct(opType, { attrs: { axis } })(ctx);
  };
}

defineOp({
  name: "softmax",
  doc: "e^x / Σ e^x along an axis; d = y (g - Σ g y).",
  infer: like(0),
  lower: lowerAlongAxis("Softmax"),
  lacks: NOT_REAL,
  grad: ({ attrs, g, out }) => {
    const weighted = mul(g, out);
    return [sub(weighted, mul(out, sum(weighted, [numberAttr(attrs, "axis")], true)))];
  },
});

defineOp({
  name: "logSoftmax",
  doc: "x - ln Σ e^x along an axis; d = g - softmax(x) Σ g.",
  lacks: NOT_REAL,
  infer: like(0),
  lower: (ctx) => (ctx.device === "webgpu" ? lowerLogSoftmaxByParts(ctx) : lowerAlongAxis("LogSoftmax")(ctx)),
  grad: ({ attrs, g, out }) => [sub(g, mul(exp(out), sum(g, [numberAttr(attrs, "axis")], true)))],
});

/** WebGPU has no LogSoftmax kernel. The logarithm of its Softmax would be -∞ where that is too small for float32. */
function lowerLogSoftmaxByParts(ctx: LowerContext): readonly string[] {
  const on = (opType: string, ...inputs: string[]) => ctx.emit(opType, inputs)[0] ?? "";
  const axes = ctx.int64([numberAttr(ctx.node.attrs, "axis")]);
  const centred = on("Sub", ctx.input(0), on("ReduceMax", ctx.input(0), axes));
  return [on("Sub", centred, on("Log", on("ReduceSum", on("Exp", centred), axes)))];
}
