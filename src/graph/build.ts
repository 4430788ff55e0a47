// One function per operation: what tensors, gradients and layers write graphs with.
// Knows no rule: each is in the operation's declaration, found by name once ops/index.ts has been loaded.
import { internalError } from "../errors.ts";
import type { DType } from "./dtype.ts";
import { copyLeaf } from "./leaf.ts";
import { type Attrs, makeNode, makeUnique, type Node } from "./node.ts";
import { OPS, type Op } from "./op.ts";
import { type Windows, windowAttrs } from "./ops/windows.ts";
import { axisOf, broadcastAxes, type Dim, type Shape, sameShape } from "./shape.ts";

export function call(name: string, inputs: readonly Node[], attrs?: Attrs): Node {
  const op = OPS.get(name);
  if (op === undefined) throw internalError(`operation ${name} is not declared`);
  return recorder === undefined ? makeNode(op, inputs, attrs) : recorder(op, inputs, attrs);
}

type Recorder = (op: Op, inputs: readonly Node[], attrs: Attrs | undefined) => Node;
let recorder: Recorder | undefined;

/** From now on every node is made by `make`: scopes that change what is recorded set it once one of them is entered. */
export function recordThrough(make: Recorder): void {
  recorder = make;
}

/** A scalar that is part of the graph's structure. Values that change from step to step are leaves instead. */
export const constant = (value: number, dtype: DType): Node => call("constant", [], { value, dtype });

export const add = (a: Node, b: Node): Node => call("add", [a, b]);
export const sub = (a: Node, b: Node): Node => call("sub", [a, b]);
export const mul = (a: Node, b: Node): Node => call("mul", [a, b]);
export const div = (a: Node, b: Node): Node => call("div", [a, b]);
/** The quotient as a whole number: rounded down, or towards 0. */
export const divideWhole = (a: Node, b: Node, rounding: "floor" | "trunc"): Node =>
  call("divideWhole", [a, b], { rounding });
export const pow = (a: Node, b: Node): Node => call("pow", [a, b]);
export const scale = (a: Node, factor: number): Node => mul(a, constant(factor, a.dtype));
export const shift = (a: Node, offset: number): Node => add(a, constant(offset, a.dtype));

export const neg = (a: Node): Node => call("neg", [a]);
export const exp = (a: Node): Node => call("exp", [a]);
export const log = (a: Node): Node => call("log", [a]);
export const sqrt = (a: Node): Node => call("sqrt", [a]);
export const rsqrt = (a: Node): Node => call("rsqrt", [a]);
export const reciprocal = (a: Node): Node => call("reciprocal", [a]);
export const sigmoid = (a: Node): Node => call("sigmoid", [a]);
export const abs = (a: Node): Node => call("abs", [a]);
export const erf = (a: Node): Node => call("erf", [a]);
export const tanh = (a: Node): Node => call("tanh", [a]);
export const sin = (a: Node): Node => call("sin", [a]);
export const cos = (a: Node): Node => call("cos", [a]);
export const sign = (a: Node): Node => call("sign", [a]);
export const square = (a: Node): Node => mul(a, a);

export const equal = (a: Node, b: Node): Node => call("eq", [a, b]);
export const less = (a: Node, b: Node): Node => call("lt", [a, b]);
export const greater = (a: Node, b: Node): Node => call("gt", [a, b]);
export const lessEqual = (a: Node, b: Node): Node => call("le", [a, b]);
export const greaterEqual = (a: Node, b: Node): Node => call("ge", [a, b]);
export const logicalOr = (a: Node, b: Node): Node => call("logicalOr", [a, b]);
export const logicalNot = (a: Node): Node => call("logicalNot", [a]);
export const where = (condition: Node, a: Node, b: Node): Node => call("where", [condition, a, b]);

export const cast = (a: Node, dtype: DType): Node => (a.dtype === dtype ? a : call("cast", [a], { dtype }));
/** The input without its history; one that is computed becomes a leaf with the same elements. */
export const stopGradient = (a: Node): Node =>
  a.value === undefined ? call("stopGradient", [a]) : copyLeaf(a, a.value);

/** As stopGradient, but equal to no other node: what a leaf stands for, so that no gradient of another reaches it. */
export const cutOff = (a: Node): Node => (a.value === undefined ? uniqueNode("stopGradient", a) : stopGradient(a));
/** The input itself, equal to no other node. */
export const clone = (a: Node): Node => uniqueNode("clone", a);

function uniqueNode(name: string, a: Node): Node {
  const op = OPS.get(name);
  if (op === undefined) throw internalError(`operation ${name} is not declared`);
  return makeUnique(op, [a]);
}

export const matmul = (a: Node, b: Node, transposeB = false): Node => call("matmul", [a, b], { transposeB });

/** c + a b for matrices, each transposed first where asked. */
export const addmm = (c: Node, a: Node, b: Node, { transposeA = false, transposeB = false } = {}): Node =>
  call("addmm", [c, a, b], { transposeA, transposeB });

/** base + factor · update, in one kernel where `update` is a product that nothing has computed yet. */
export function addScaled(base: Node, update: Node, factor: Node): Node {
  const fused = update.value === undefined ? update.op.addScaledTo?.(update, base, factor) : undefined;
  return fused ?? add(base, mul(update, factor));
}

export function reshape(a: Node, shape: Shape): Node {
  return sameShape(a.shape, shape) ? a : call("reshape", [a], { shape });
}

export function permute(a: Node, order: readonly number[]): Node {
  return order.every((from, to) => from === to) ? a : call("permute", [a], { order });
}

export function transpose(a: Node, first: number, second: number): Node {
  const rank = a.shape.length;
  const order = Array.from({ length: rank }, (_, axis) => axis);
  const [one, two] = [axisOf(first, rank), axisOf(second, rank)];
  order[one] = two;
  order[two] = one;
  return permute(a, order);
}

export function expand(a: Node, shape: Shape): Node {
  return sameShape(a.shape, shape) ? a : call("expand", [a], { shape });
}

/** Elements `start` (included) to `end` (excluded) along one axis, every `step`-th. */
export const slice = (a: Node, axis: number, start: number, end: number, step = 1): Node =>
  call("slice", [a], { axis, start, end, step });
/** `length` elements from `start` along one axis; both may be sizes that are only known when the graph runs. */
export const narrow = (a: Node, axis: number, start: Dim, length: Dim): Node =>
  call("narrow", [a], { axis, start, length });
export const concat = (parts: readonly Node[], axis: number): Node =>
  parts.length === 1 && parts[0] !== undefined ? parts[0] : call("concat", parts, { axis });
/** `base` with elements `start`, `start + step`, … along `axis` replaced by `value`. */
export const sliceScatter = (base: Node, value: Node, axis: number, start: number, step = 1): Node =>
  call("sliceScatter", [base, value], { axis, start, step });

export const sum = (a: Node, axes: readonly number[], keepDim = false): Node => reduceBy("sum", a, axes, keepDim);
export const mean = (a: Node, axes: readonly number[], keepDim = false): Node => reduceBy("mean", a, axes, keepDim);
export const amax = (a: Node, axes: readonly number[], keepDim = false): Node => reduceBy("amax", a, axes, keepDim);
export const amin = (a: Node, axes: readonly number[], keepDim = false): Node => reduceBy("amin", a, axes, keepDim);

function reduceBy(name: string, a: Node, axes: readonly number[], keepDim: boolean): Node {
  return axes.length === 0 ? a : call(name, [a], { axes, keepDim });
}

/** Product along one axis. */
export const prod = (a: Node, axis: number, keepDim: boolean): Node => call("prod", [a], { axes: [axis], keepDim });
export const argmin = (a: Node, axis: number, keepDim: boolean): Node => call("argmin", [a], { axis, keepDim });
export const argmax = (a: Node, axis: number, keepDim: boolean): Node => call("argmax", [a], { axis, keepDim });
export const cumsum = (a: Node, axis: number): Node => call("cumsum", [a], { axis });
export const softmax = (a: Node, axis: number): Node => call("softmax", [a], { axis });
export const logSoftmax = (a: Node, axis: number): Node => call("logSoftmax", [a], { axis });
/** Rows of `table` along `axis` picked by integer indices of any shape, as in an embedding. */
export const gather = (table: Node, indices: Node, axis: number): Node => call("gather", [table, indices], { axis });
export const gatherElements = (a: Node, indices: Node, axis: number): Node =>
  call("gatherElements", [a, indices], { axis });
/** Zeros of `shape` to which rows of `updates` are added at integer `indices` along the first axis. */
export const scatterAddRows = (indices: Node, updates: Node, rows: number): Node =>
  call("scatterAddRows", [indices, updates], { rows });
export const scatterAddElements = (base: Node, indices: Node, updates: Node, axis: number): Node =>
  call("scatterAddElements", [base, indices, updates], { axis });
export const trilu = (a: Node, upper: boolean, diagonal: number): Node => call("trilu", [a], { upper, diagonal });
/** int64 0, 1, … up to the size of one axis of `a`. */
export const arangeLike = (a: Node, axis: number): Node => call("arangeLike", [a], { axis });
export const gelu = (a: Node, approximate: "none" | "tanh"): Node => call("gelu", [a], { approximate });
/** The mean (index 1) or inverse deviation (index 2) that the layerNorm node `source` of `x` computed on the way. */
export const layerNormStat = (source: Node, x: Node, index: number): Node =>
  call("layerNormStat", [source, x], { index });
export const layerNorm = (x: Node, weight: Node, bias: Node, eps: number): Node =>
  call("layerNorm", [x, weight, bias], { eps });
/** x / √(mean(x²) + eps) · weight over the last axis. */
export const rmsNorm = (x: Node, weight: Node, eps: number): Node => call("rmsNorm", [x, weight], { eps });
/** Heads side by side [.., T, H d], turned by the angles of their places: cosines and sines [.., T, d / 2]. */
export const rotaryEmbedding = (x: Node, cos: Node, sin: Node): Node => call("rotaryEmbedding", [x, cos, sin]);
/** How a convolution's windows lie, and into how many groups its channels fall. */
export interface ConvGeometry extends Windows {
  groups: number;
}

const convAttrs = (geometry: ConvGeometry): Attrs => ({ ...windowAttrs(geometry), groups: geometry.groups });
const withBias = (x: Node, weight: Node, bias: Node | undefined): Node[] =>
  bias === undefined ? [x, weight] : [x, weight, bias];
export const conv = (x: Node, weight: Node, bias: Node | undefined, geometry: ConvGeometry): Node =>
  call("conv", withBias(x, weight, bias), convAttrs(geometry));
/** The transpose of a convolution: a weight [C, O / groups, …], and `outputPadding` further elements at the end of each axis. */
export const convTranspose = (
  x: Node,
  weight: Node,
  bias: Node | undefined,
  { outputPadding, ...geometry }: ConvGeometry & { outputPadding: readonly number[] },
): Node => call("convTranspose", withBias(x, weight, bias), { ...convAttrs(geometry), outputPadding });
/** The gradient of a convolution by its weight, from its input and the gradient of its result. */
export const convWeight = (x: Node, g: Node, geometry: ConvGeometry): Node =>
  call("convWeight", [x, g], convAttrs(geometry));
/** `indexed`: the node also says where it found each element, for maxPoolIndices. */
export const maxPool = (x: Node, windows: Windows, indexed: boolean): Node =>
  call("maxPool", [x], { ...windowAttrs(windows), indexed });
/** Where the indexed maxPool node `source` of `x` found each element. */
export const maxPoolIndices = (source: Node, x: Node, within: "plane" | "tensor"): Node =>
  call("maxPoolIndices", [source, x], { within });
/** Zeros of `shape` with each element of `x` put at its index in the whole tensor; no index comes twice. */
export const maxUnpool = (x: Node, indices: Node, shape: Shape): Node => call("maxUnpool", [x, indices], { shape });
export const avgPool = (x: Node, windows: Windows): Node => call("avgPool", [x], windowAttrs(windows));
/** `value` put before and after each axis; a negative number crops. */
export const pad = (a: Node, before: readonly number[], after: readonly number[], value: number): Node =>
  [...before, ...after].every((count) => count === 0) ? a : call("pad", [a], { before, after, value });
/** (x - mean) / √(variance + eps) with mean and variance over `axes`. */
export const standardize = (x: Node, axes: readonly number[], eps: number): Node =>
  call("standardize", [x], { axes, eps });
/** The mean (1), variance (2) or inverse deviation (3) that the standardize node `source` of `x` computed on the way. */
export const standardizeStat = (source: Node, x: Node, axes: readonly number[], index: number): Node =>
  call("standardizeStat", [source, x], { axes, index });
/** Uniform float32 numbers in [0, 1) from a seed of two float32 scalars; the same seed gives the same numbers. */
export const hashUniform = (seed: Node, shape: Shape): Node => call("hashUniform", [seed], { shape });

/** Sums a gradient over the axes along which an input of shape `shape` was broadcast. */
export function unbroadcast(g: Node, shape: Shape): Node {
  if (sameShape(g.shape, shape)) return g;
  return reshape(sum(g, broadcastAxes(shape, g.shape)), shape);
}

export function onesLike(a: Node): Node {
  return expand(constant(1, a.dtype), a.shape);
}
