// Reductions over axes, and what is kin to them: softmax, cumulative sums, argmax.
import {
  arangeLike,
  cast,
  concat,
  constant,
  cumsum,
  div,
  equal,
  exp,
  expand,
  gather,
  mul,
  narrow,
  onesLike,
  reshape,
  scale,
  sub,
  sum,
} from "../build.ts";
import { isFloat } from "../dtype.ts";
import type { Node } from "../node.ts";
import {
  apartFrom,
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
import { scan } from "../scan.ts";
import { type Dim, numeric, type Shape, sizeOf } from "../shape.ts";
import { type Formula, formula } from "./formula.ts";

function reducedShape(shape: Shape, axes: readonly number[], keepDim: boolean): Dim[] {
  const kept = shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
  return keepDim ? kept : kept.filter((_, axis) => !axes.includes(axis));
}

function reduceType(inputs: readonly Node[], attrs: GradContext["attrs"]): { shape: Shape; dtype: Node["dtype"] } {
  const input = inputAt(inputs, 0);
  return { shape: reducedShape(input.shape, listAttr(attrs, "axes"), flag(attrs, "keepDim")), dtype: input.dtype };
}

/** Along an axis that is kept. */
function keptAlong({ inputs, attrs }: Node, axis: number): readonly number[] | undefined {
  const axes = listAttr(attrs, "axes");
  if (flag(attrs, "keepDim")) return axes.includes(axis) ? undefined : [axis];
  const kept = [...inputAt(inputs, 0).shape.keys()].filter((at) => !axes.includes(at));
  const own = kept[axis];
  return own === undefined ? undefined : [own];
}

/** The reduced result or its gradient, brought back to the input's shape. */
function spread({ inputs, attrs }: GradContext, reduced: Node): Node {
  const { shape } = inputAt(inputs, 0);
  return expand(reshape(reduced, reducedShape(shape, listAttr(attrs, "axes"), true)), shape);
}

/** ReduceSum takes its axes as an input since opset 13; the others since 18. */
function reduced(ctx: LowerContext, opType: string, input: string): readonly string[] {
  return ctx.emit(opType, [input, ctx.int64(listAttr(ctx.node.attrs, "axes"))], {
    attrs: { keepdims: flag(ctx.node.attrs, "keepDim") ? 1 : 0 },
  });
}

/** More elements than this are added up in stages. */
const MOST_AT_ONCE = 2 ** 16;

/** What a stage adds to one number: one after another, or by the 256 threads of a workgroup. */
const MOST_OF_THREAD = 512;
const MOST_OF_GROUP = 8192;

/**
 * The kernels add float32 numbers one after another: beyond some ten thousand, what each adds is rounded away. So many are
 * added in stages, over axes that are cut up, so that each adds few.
 */
function lowerSums(opType: string): (ctx: LowerContext) => readonly string[] {
  return (ctx) => {
    const shape = numeric(inputAt(ctx.node.inputs, 0).shape);
    const axes = listAttr(ctx.node.attrs, "axes");
    const count = shape === undefined ? 0 : sizeOf(shape.filter((_, axis) => axes.includes(axis)));
    if (shape === undefined || count <= MOST_AT_ONCE || sizeOf(shape) === 0) return lowerReduce(opType)(ctx);
    const groups = groupsOf(shape, axes, ctx.device === "webgpu" ? MOST_OF_GROUP : MOST_OF_THREAD);
    const [first = ""] = ctx.emit("Reshape", [ctx.input(0), ctx.int64(groups.map(({ size }) => size))]);
    let stage = first;
    for (const [axis, { reduced: gone }] of [...groups.entries()].reverse()) {
      if (gone) [stage = ""] = ctx.emit(opType, [stage, ctx.int64([axis])], { attrs: { keepdims: 0 } });
    }
    return ctx.emit("Reshape", [stage, ctx.int64(numeric(ctx.node.shape) ?? [])]);
  };
}

/** Neighbouring axes as one where all are reduced or none is; large reduced ones cut up. */
function groupsOf(
  shape: readonly number[],
  axes: readonly number[],
  most: number,
): { size: number; reduced: boolean }[] {
  const groups: { size: number; reduced: boolean }[] = [];
  for (const [axis, size] of shape.entries()) {
    if (size === 1) continue;
    const last = groups.at(-1);
    if (last?.reduced === axes.includes(axis)) last.size *= size;
    else groups.push({ size, reduced: axes.includes(axis) });
  }
  return groups.flatMap(({ size, reduced: gone }) =>
    (gone ? cut(size, most) : [size]).map((part) => ({ size: part, reduced: gone })),
  );
}

/** A size as a product of sizes of `most` at most, as far as it has divisors. */
function cut(size: number, most: number): number[] {
  let part = size <= most ? 1 : Math.floor(Math.sqrt(size));
  while (size % part !== 0) part--;
  return part === 1 ? [size] : [...cut(part, most), ...cut(size / part, most)];
}

function lowerReduce(opType: string): (ctx: LowerContext) => readonly string[] {
  return (ctx) => reduced(ctx, opType, ctx.input(0));
}

defineOp({
  name: "sum",
  along: keptAlong,
  autocast: "float32",
  doc: "Sum over axes; g goes to every element.",
  infer: reduceType,
  lower: lowerSums("ReduceSum"),
  computeIn: NARROW_INTS,
  lacks: ["bool"],
  grad: (ctx) => [spread(ctx, ctx.g)],
});

/** Each takes g times the product of the others, which is not y / x where an x is 0: products from both ends. */
defineOp({
  name: "prod",
  autocast: "float32",
  doc: "Product along an axis; every element takes g times the product of the others.",
  infer: reduceType,
  lower: lowerReduce("ReduceProd"),
  computeIn: NARROW_INTS,
  lacks: ["bool"],
  grad: (ctx) => {
    const x = inputAt(ctx.inputs, 0);
    const axis = listAttr(ctx.attrs, "axes")[0] ?? 0;
    const size = Number(x.shape[axis]);
    if (x.shape.includes(0)) return [x];
    const before = productsBefore(x, axis, size);
    const after = flipped(productsBefore(flipped(x, axis, size), axis, size), axis, size);
    return [mul(spread(ctx, ctx.g), mul(before, after))];
  },
});

function productsBefore(x: Node, axis: number, size: number): Node {
  const one = onesLike(narrow(x, axis, 0, 1));
  if (size === 1) return one;
  return concat([one, ...scan([narrow(x, axis, 0, size - 1)], axis, ([a = x], [b = x]) => [mul(a, b)])], axis);
}

function flipped(x: Node, axis: number, size: number): Node {
  const places = sub(constant(size - 1, "int64"), arangeLike(x, axis));
  return gather(x, places, axis);
}

/** The kernel gives 0 for no elements, where 0 / 0 is meant. */
function lowerMean(ctx: LowerContext): readonly string[] {
  const { shape } = inputAt(ctx.node.inputs, 0);
  const none = listAttr(ctx.node.attrs, "axes").some((axis) => shape[axis] === 0);
  if (!none) return lowerSums("ReduceMean")(ctx);
  return ctx.emit("Div", [...lowerReduce("ReduceSum")(ctx), ctx.constant(ctx.node.dtype, 0)]);
}

defineOp({
  name: "mean",
  along: keptAlong,
  autocast: "float32",
  doc: "Mean over axes; every element takes g / n.",
  infer: reduceType,
  lower: lowerMean,
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

/** The kernels pass over a NaN; here it is the result, as what went wrong must be seen. */
function lowerExtreme(opType: string): (ctx: LowerContext) => readonly string[] {
  return (ctx) => {
    if (!isFloat(ctx.node.dtype)) return lowerReduce(opType)(ctx);
    const f = formula(ctx);
    const [missing = ""] = reduced(ctx, "ReduceMax", nanAsOne(f, ctx));
    const [found = ""] = lowerReduce(opType)(ctx);
    return [f.where(f.on("Greater", missing, f.number(0)), f.number(Number.NaN), found)];
  };
}

const nanAsOne = (f: Formula, ctx: LowerContext): string =>
  ctx.emit("Cast", [f.on("IsNaN", ctx.input(0))], { attrs: { to: ctx.onnxType(f.dtype) } })[0] ?? "";

defineOp({
  name: "amax",
  doc: "Largest element over axes.",
  infer: reduceType,
  lower: lowerExtreme("ReduceMax"),
  computeIn: { int16: "int32" },
  grad: extremeGrad,
});

defineOp({
  name: "amin",
  doc: "Smallest element over axes.",
  infer: reduceType,
  lower: lowerExtreme("ReduceMin"),
  computeIn: { int16: "int32" },
  grad: extremeGrad,
});

/** The kernels pass over a NaN: the first one is looked for by itself. */
function lowerPlace(ctx: LowerContext, opType: string): readonly string[] {
  const axis = numberAttr(ctx.node.attrs, "axis");
  const attrs = { axis, keepdims: flag(ctx.node.attrs, "keepDim") ? 1 : 0 };
  const place = ctx.emit(opType, [ctx.input(0)], { attrs });
  const f = formula(ctx);
  if (!isFloat(f.dtype)) return place;
  const missing = nanAsOne(f, ctx);
  const [first = ""] = ctx.emit("ArgMax", [missing], { attrs });
  const [some = ""] = ctx.emit("ReduceMax", [missing, ctx.int64([axis])], { attrs: { keepdims: attrs.keepdims } });
  return [f.where(f.on("Greater", some, f.number(0)), first, place[0] ?? "")];
}

for (const [name, opType, which] of [
  ["argmax", "ArgMax", "largest"],
  ["argmin", "ArgMin", "smallest"],
] as const)
  defineOp({
    name,
    doc: `Index (int64) of the first ${which} element along an axis; a NaN is both.`,
    infer: (inputs, attrs) => ({
      shape: reducedShape(inputAt(inputs, 0).shape, [numberAttr(attrs, "axis")], flag(attrs, "keepDim")),
      dtype: "int64",
    }),
    lower: (ctx) => lowerPlace(ctx, opType),
    computeIn: { int16: "int32" },
    lacks: ["bool"],
    grad: "an index has no gradient",
  });

defineOp({
  name: "cumsum",
  autocast: "float32",
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
  along: apartFrom(({ attrs }) => [numberAttr(attrs, "axis")]),
  autocast: "float32",
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
  along: apartFrom(({ attrs }) => [numberAttr(attrs, "axis")]),
  autocast: "float32",
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
