// What the families of methods share: axes, dtype rules, and the forms in which one line makes a method.
// Has no method of its own.
import { AbrazoError } from "../../errors.ts";
import * as build from "../../graph/build.ts";
import { type DType, isFloat } from "../../graph/dtype.ts";
import { makeLeaf } from "../../graph/leaf.ts";
import type { Attrs, Node } from "../../graph/node.ts";
import { axisOf, shapeError } from "../../graph/shape.ts";
import { decode } from "../convert.ts";
import { currentScope } from "../scope.ts";
import { Storage } from "../storage.ts";
import { Tensor, type TensorLike } from "../tensor.ts";

/** One axis, several, or all when absent; counted from the end when negative. */
export type Axes = number | readonly number[] | undefined;

export function axesOf(dim: Axes, rank: number): number[] {
  const all = Array.from({ length: rank }, (_, axis) => axis);
  const list = typeof dim === "number" ? [dim] : (dim ?? []);
  // An empty list means every axis, as in PyTorch.
  if (list.length === 0) return all;
  const axes = list.map((axis) => axisOf(axis, rank));
  for (const [index, axis] of axes.entries()) {
    if (axes.indexOf(axis) === index) continue;
    throw shapeError(`dim ${axis} appears multiple times in the list of dims`, "Name every axis once.", { dim });
  }
  return rank === 0 ? [] : axes;
}

/** An operation along one axis; a 0-d tensor counts as one of one element. */
export function onAxis(node: Node, dim: number, make: (node: Node, axis: number) => Node): Node {
  const axis = axisOf(dim, node.shape.length);
  return node.shape.length > 0 ? make(node, axis) : build.reshape(make(build.reshape(node, [1]), 0), []);
}

/** What exists for real numbers alone and converts no others. */
export function requireReal(name: string, dtype: DType): void {
  if (isFloat(dtype)) return;
  throw new AbrazoError({
    code: "DTYPE_UNSUPPORTED",
    message: `"${name}" not implemented for ${dtype}`,
    hint: 'Convert the tensor first, e.g. with to("float32").',
  });
}

/** Functions of real numbers give float32 for whole numbers, as PyTorch does. */
export function floating(node: Node): Node {
  return isFloat(node.dtype) ? node : build.cast(node, "float32");
}

/** Powers are of those functions that autocast computes in float32: their range is soon too large for float16. */
export function wideInAutocast(node: Node): Node {
  return isFloat(node.dtype) && node.dtype !== "float64" && currentScope().autocast !== undefined
    ? build.cast(node, "float32")
    : node;
}

/** Whole numbers are summed in int64, as PyTorch does. */
export function widened(node: Node): Node {
  return isFloat(node.dtype) ? node : build.cast(node, "int64");
}

/** A method of two operands: one operation after PyTorch's promotion. */
export const binary = (name: string): ((this: Tensor, other: TensorLike) => Tensor) =>
  function (this: Tensor, other: TensorLike): Tensor {
    return this.combine(other, (a, b) => build.call(name, [a, b]));
  };

/** A method of two operands: a function of real numbers, which has none of whole ones unless it converts them. */
export const realBinary = (name: string, converts = true): ((this: Tensor, other: TensorLike) => Tensor) =>
  function (this: Tensor, other: TensorLike): Tensor {
    return this.combine(other, (a, b) => build.call(name, converts ? [floating(a), floating(b)] : [a, b]));
  };

/** A method of one operand: a function of real numbers. */
export const unary = (name: string, attrs: Attrs = {}): ((this: Tensor) => Tensor) =>
  function (this: Tensor): Tensor {
    return this.map((node) => build.call(name, [floating(node)], attrs));
  };

/** Places, counted row by row, of the elements that are not zero. */
export function placesOfTruth(tensor: Tensor): number[] {
  const { dtype } = tensor;
  const data = tensor.dataSync();
  const places: number[] = [];
  for (let at = 0; at < data.length; at++) if (decode(data, dtype, at) !== 0) places.push(at);
  return places;
}

/** An int64 tensor over elements that are there. */
export function integers(data: BigInt64Array, shape: readonly number[], device: string): Tensor {
  return new Tensor(new Storage(makeLeaf(shape, "int64", { kind: "host", data })), { device });
}

/** A tensor of its own with the same elements. One that gathers gradients stays apart from its copy. */
export function copied(tensor: Tensor): Tensor {
  return tensor.map((node) => (tensor.requiresGrad ? build.clone(node) : node));
}

/** The in-place twin of a method: its result is written into the tensor. */
export const inPlaceOf = <Args extends unknown[]>(
  method: (this: Tensor, ...args: Args) => Tensor,
): ((this: Tensor, ...args: Args) => Tensor) =>
  function (this: Tensor, ...args: Args): Tensor {
    const given = args.filter((arg): arg is Tensor & Args[number] => arg instanceof Tensor);
    return this.write(method.apply(this, args).node, given);
  };
