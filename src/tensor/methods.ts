// The methods of Tensor: each forwards to an operation of the graph, with PyTorch's names and argument order.
// Computes nothing.
import * as build from "../graph/build.ts";
import { isFloat } from "../graph/dtype.ts";
import { makeLeaf } from "../graph/leaf.ts";
import type { Node } from "../graph/node.ts";
import { axisOf, type Dim, inferReshape } from "../graph/shape.ts";
import { decode } from "./convert.ts";
import { formatTensor } from "./format.ts";
import { permuteStep, readOnlyStep, reshapeStep, Storage, sliceStep } from "./storage.ts";
import { scalarNode, Tensor, type TensorLike } from "./tensor.ts";

type Axes = number | readonly number[] | undefined;

const binary = (name: string) =>
  function (this: Tensor, other: TensorLike): Tensor {
    return this.combine(other, (a, b) => build.call(name, [a, b]));
  };

const unary = (name: string) =>
  function (this: Tensor): Tensor {
    return this.map((node) => build.call(name, [floating(node)]));
  };

/** Functions of real numbers give float32 for whole numbers, as PyTorch does. */
function floating(node: Node): Node {
  return isFloat(node.dtype) ? node : build.cast(node, "float32");
}

const reduction = (make: (node: Node, axes: readonly number[], keepDim: boolean) => Node) =>
  function (this: Tensor, dim?: Axes, keepDim = false): Tensor {
    return this.map((node) => make(node, axesOf(dim, node.shape.length), keepDim));
  };

function axesOf(dim: Axes, rank: number): number[] {
  if (dim === undefined) return Array.from({ length: rank }, (_, axis) => axis);
  const list = typeof dim === "number" ? [dim] : dim;
  return list.map((axis) => axisOf(axis, rank));
}

/** Whole numbers are summed in int64, as PyTorch does. */
function widened(node: Node): Node {
  return isFloat(node.dtype) ? node : build.cast(node, "int64");
}

/** Places, counted row by row, of the elements that are not zero. */
function placesOfTruth(tensor: Tensor): number[] {
  const { dtype } = tensor;
  const data = tensor.dataSync();
  const places: number[] = [];
  for (let at = 0; at < data.length; at++) if (decode(data, dtype, at) !== 0) places.push(at);
  return places;
}

function integers(data: BigInt64Array, shape: readonly number[], device: string): Tensor {
  return new Tensor(new Storage(makeLeaf(shape, "int64", { kind: "host", data })), { device });
}

const inPlace = (name: keyof Pick<TensorMethods, "add" | "sub" | "mul" | "div">) =>
  function (this: Tensor, other: TensorLike): Tensor {
    const result = this[name](other);
    return this.write(result.node, typeof other === "number" ? [] : [other]);
  };

export interface TensorMethods {
  add(other: TensorLike): Tensor;
  sub(other: TensorLike): Tensor;
  mul(other: TensorLike): Tensor;
  div(other: TensorLike): Tensor;
  pow(other: TensorLike): Tensor;
  maximum(other: TensorLike): Tensor;
  minimum(other: TensorLike): Tensor;
  eq(other: TensorLike): Tensor;
  ne(other: TensorLike): Tensor;
  lt(other: TensorLike): Tensor;
  le(other: TensorLike): Tensor;
  gt(other: TensorLike): Tensor;
  ge(other: TensorLike): Tensor;
  logicalAnd(other: Tensor): Tensor;
  logicalOr(other: Tensor): Tensor;
  logicalNot(): Tensor;
  neg(): Tensor;
  abs(): Tensor;
  sign(): Tensor;
  exp(): Tensor;
  log(): Tensor;
  sqrt(): Tensor;
  rsqrt(): Tensor;
  reciprocal(): Tensor;
  sin(): Tensor;
  cos(): Tensor;
  tanh(): Tensor;
  sigmoid(): Tensor;
  relu(): Tensor;
  erf(): Tensor;
  floor(): Tensor;
  round(): Tensor;
  isnan(): Tensor;
  gelu(options?: { approximate?: "none" | "tanh" }): Tensor;
  square(): Tensor;
  clamp(min: number, max: number): Tensor;
  sum(dim?: Axes, keepDim?: boolean): Tensor;
  mean(dim?: Axes, keepDim?: boolean): Tensor;
  amax(dim?: Axes, keepDim?: boolean): Tensor;
  amin(dim?: Axes, keepDim?: boolean): Tensor;
  /** The largest element of all. */
  max(): Tensor;
  /** The smallest element of all. */
  min(): Tensor;
  argmax(dim?: number, keepDim?: boolean): Tensor;
  cumsum(dim: number): Tensor;
  softmax(dim: number): Tensor;
  logSoftmax(dim: number): Tensor;
  matmul(other: Tensor): Tensor;
  reshape(shape: readonly Dim[]): Tensor;
  view(shape: readonly Dim[]): Tensor;
  flatten(start?: number, end?: number): Tensor;
  unflatten(dim: number, sizes: readonly number[]): Tensor;
  squeeze(dim?: number): Tensor;
  unsqueeze(dim: number): Tensor;
  transpose(first: number, second: number): Tensor;
  permute(order: readonly number[]): Tensor;
  t(): Tensor;
  expand(shape: readonly Dim[]): Tensor;
  /** Elements `start` to `start + length` along an axis, sharing memory. */
  narrow(dim: number, start: number, length: number): Tensor;
  /** Elements from `start` below `end` along an axis, every `step`-th, sharing memory; negative bounds count from the end. */
  slice(dim: number, start?: number, end?: number, step?: number): Tensor;
  /** The slice at one index, without that axis, sharing memory. */
  select(dim: number, index: number): Tensor;
  gather(dim: number, index: Tensor): Tensor;
  indexSelect(dim: number, index: Tensor): Tensor;
  maskedFill(mask: Tensor, value: number): Tensor;
  /** Positions of the elements that are not zero, [count, rank], int64. Its shape depends on data: it is computed now. */
  nonzero(): Tensor;
  /** The elements where a mask of this shape holds, [count]. Computes the mask now. */
  maskedSelect(mask: Tensor): Tensor;
  tril(diagonal?: number): Tensor;
  triu(diagonal?: number): Tensor;
  clone(): Tensor;
  /** The elements as PyTorch prints them. Computes them now. */
  toString(): string;
  add_(other: TensorLike): Tensor;
  sub_(other: TensorLike): Tensor;
  mul_(other: TensorLike): Tensor;
  div_(other: TensorLike): Tensor;
  copy_(other: Tensor): Tensor;
  fill_(value: number): Tensor;
  zero_(): Tensor;
}

declare module "./tensor.ts" {
  interface Tensor extends TensorMethods {}
}

const methods: TensorMethods & ThisType<Tensor> = {
  add: binary("add"),
  sub: binary("sub"),
  mul: binary("mul"),
  div(other) {
    return this.combine(other, (a, b) => build.div(floating(a), floating(b)));
  },
  pow: binary("pow"),
  maximum: binary("maximum"),
  minimum: binary("minimum"),
  eq: binary("eq"),
  ne(other) {
    return this.eq(other).logicalNot();
  },
  lt: binary("lt"),
  le: binary("le"),
  gt: binary("gt"),
  ge: binary("ge"),
  logicalAnd: binary("logicalAnd"),
  logicalOr: binary("logicalOr"),
  logicalNot() {
    return this.map((node) => build.logicalNot(build.cast(node, "bool")));
  },
  neg() {
    return this.map((node) => build.neg(node));
  },
  abs: unary("abs"),
  sign: unary("sign"),
  exp: unary("exp"),
  log: unary("log"),
  sqrt: unary("sqrt"),
  rsqrt() {
    return this.sqrt().reciprocal();
  },
  reciprocal: unary("reciprocal"),
  sin: unary("sin"),
  cos: unary("cos"),
  tanh: unary("tanh"),
  sigmoid: unary("sigmoid"),
  relu: unary("relu"),
  erf: unary("erf"),
  floor: unary("floor"),
  round: unary("round"),
  isnan: unary("isnan"),
  gelu({ approximate = "none" } = {}) {
    return this.map((node) => build.gelu(floating(node), approximate));
  },
  square() {
    return this.map((node) => build.square(node));
  },
  clamp(min, max) {
    return this.map((node) => build.call("clamp", [node], { min, max }));
  },
  sum: reduction((node, axes, keepDim) => build.sum(widened(node), axes, keepDim)),
  mean: reduction((node, axes, keepDim) => build.mean(floating(node), axes, keepDim)),
  amax: reduction(build.amax),
  amin: reduction(build.amin),
  max() {
    return this.amax();
  },
  min() {
    return this.amin();
  },
  argmax(dim, keepDim = false) {
    if (dim === undefined) return this.flatten().argmax(0, keepDim);
    return this.map((node) => build.argmax(node, axisOf(dim, node.shape.length), keepDim));
  },
  cumsum(dim) {
    return this.map((node) => build.cumsum(widened(node), axisOf(dim, node.shape.length)));
  },
  softmax(dim) {
    return this.map((node) => build.softmax(floating(node), axisOf(dim, node.shape.length)));
  },
  logSoftmax(dim) {
    return this.map((node) => build.logSoftmax(floating(node), axisOf(dim, node.shape.length)));
  },
  matmul(other) {
    return matmul(this, other);
  },
  reshape(shape) {
    return this.viewBy(reshapeStep(inferReshape(this.dims, shape)));
  },
  view(shape) {
    return this.reshape(shape);
  },
  flatten(start = 0, end = -1) {
    const dims = this.dims;
    if (dims.length === 0) return this.reshape([1]);
    const [from, to] = [axisOf(start, dims.length), axisOf(end, dims.length)];
    const merged = dims.slice(from, to + 1);
    const size = merged.every((dim) => typeof dim === "number")
      ? merged.reduce((a, b) => Number(a) * Number(b), 1)
      : -1;
    return this.reshape([...dims.slice(0, from), size, ...dims.slice(to + 1)]);
  },
  unflatten(dim, sizes) {
    const dims = this.dims;
    const axis = axisOf(dim, dims.length);
    return this.reshape([...dims.slice(0, axis), ...sizes, ...dims.slice(axis + 1)]);
  },
  squeeze(dim) {
    const dims = this.dims;
    const axis = dim === undefined ? undefined : axisOf(dim, dims.length);
    return this.reshape(dims.filter((size, at) => size !== 1 || (axis !== undefined && at !== axis)));
  },
  unsqueeze(dim) {
    const dims = [...this.dims];
    dims.splice(axisOf(dim, dims.length + 1), 0, 1);
    return this.reshape(dims);
  },
  transpose(first, second) {
    const order = this.dims.map((_, axis) => axis);
    const [one, two] = [axisOf(first, order.length), axisOf(second, order.length)];
    order[one] = two;
    order[two] = one;
    return this.permute(order);
  },
  permute(order) {
    return this.viewBy(permuteStep(order.map((axis) => axisOf(axis, this.ndim))));
  },
  t() {
    return this.ndim < 2 ? this : this.transpose(0, 1);
  },
  expand(shape) {
    const dims = this.dims;
    const missing = shape.length - dims.length;
    const full = shape.map((dim, axis) => (dim === -1 ? (dims[axis - missing] ?? 1) : dim));
    return this.viewBy(readOnlyStep((node) => build.expand(node, full)));
  },
  narrow(dim, start, length) {
    return this.slice(dim, start, start + length);
  },
  slice(dim, start = 0, end, step = 1) {
    const axis = axisOf(dim, this.ndim);
    const size = this.dims[axis];
    if (typeof size !== "number") return this.viewBy(sliceStep(axis, start, end ?? start, step));
    const bound = (at: number) => Math.min(size, Math.max(0, at < 0 ? at + size : at));
    return this.viewBy(sliceStep(axis, bound(start), Math.max(bound(start), bound(end ?? size)), step));
  },
  select(dim, index) {
    const axis = axisOf(dim, this.ndim);
    const size = this.dims[axis];
    const at = typeof size === "number" && index < 0 ? index + size : index;
    if (typeof size === "number" && (at < 0 || at >= size)) {
      throw new RangeError(`index ${index} is out of bounds for dimension ${axis} with size ${size}`);
    }
    return this.viewBy(sliceStep(axis, at, at + 1, 1)).reshape(this.dims.filter((_, other) => other !== axis));
  },
  gather(dim, index) {
    const node = build.gatherElements(this.node, build.cast(index.node, "int64"), axisOf(dim, this.ndim));
    return Tensor.fromNode(node, [this]);
  },
  indexSelect(dim, index) {
    const node = build.gather(this.node, build.cast(index.node, "int64"), axisOf(dim, this.ndim));
    return Tensor.fromNode(node, [this]);
  },
  maskedFill(mask, value) {
    return this.map((node) => {
      const filling = build.cast(scalarNode(value, node.dtype), node.dtype);
      return build.where(build.cast(mask.node, "bool"), filling, node);
    });
  },
  nonzero() {
    const { shape } = this;
    const places = placesOfTruth(this);
    const data = new BigInt64Array(places.length * shape.length);
    for (const [row, place] of places.entries()) {
      let rest = place;
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        const size = shape[axis] ?? 1;
        data[row * shape.length + axis] = BigInt(rest % size);
        rest = Math.floor(rest / size);
      }
    }
    return integers(data, [places.length, shape.length], this.device);
  },
  maskedSelect(mask) {
    const places = placesOfTruth(mask.expand(this.dims));
    return this.flatten().indexSelect(0, integers(BigInt64Array.from(places, BigInt), [places.length], this.device));
  },
  tril(diagonal = 0) {
    return this.map((node) => build.trilu(node, false, diagonal));
  },
  triu(diagonal = 0) {
    return this.map((node) => build.trilu(node, true, diagonal));
  },
  clone() {
    return this.map((node) => node);
  },
  toString() {
    return formatTensor(this);
  },
  add_: inPlace("add"),
  sub_: inPlace("sub"),
  mul_: inPlace("mul"),
  div_: inPlace("div"),
  copy_(other) {
    return this.write(other.node, [other]);
  },
  fill_(value) {
    return this.write(scalarNode(value, this.dtype));
  },
  zero_() {
    return this.fill_(0);
  },
};

Object.assign(Tensor.prototype, methods);

/** Matrix product with PyTorch's treatment of vectors: a missing row or column axis is added and dropped again. */
export function matmul(a: Tensor, b: Tensor): Tensor {
  if (a.ndim === 1) return matmul(a.unsqueeze(0), b).squeeze(b.ndim === 1 ? 0 : -2);
  if (b.ndim === 1) return matmul(a, b.unsqueeze(1)).squeeze(-1);
  return a.combine(b, (left, right) => build.matmul(left, right));
}
