// Indices as the graph takes them: int64, none negative, checked where their values are known.
// Knows no methods.
import { AbrazoError } from "../errors.ts";
import * as build from "../graph/build.ts";
import type { DType } from "../graph/dtype.ts";
import { makeLeaf } from "../graph/leaf.ts";
import type { Node } from "../graph/node.ts";
import type { Tensor } from "./tensor.ts";

export function integerLeaf(values: Iterable<number>, shape: readonly number[]): Node {
  return makeLeaf(shape, "int64", { kind: "host", data: BigInt64Array.from(values, BigInt) });
}

export interface IndexRules {
  /** Size of the axis that is indexed; a name while it is only known at run time. */
  size: number | string;
  /** The axis, for the message. */
  dim: number;
  /** Whether -1 is the last element. */
  negative?: boolean;
  message?(index: number): string;
}

export function outOfBounds(index: number, { size, dim, message }: IndexRules): AbrazoError {
  return new AbrazoError({
    code: "INDEX_OUT_OF_RANGE",
    message: message?.(index) ?? `index ${index} is out of bounds for dimension ${dim} with size ${size}`,
    hint: "Indices count from 0 to size - 1; where negative ones are allowed, -1 is the last.",
    data: { index, dim, size },
  });
}

/** Elements in memory are checked now; those still to be computed are checked by the kernel that reads them. */
export function indexNode(index: Tensor, rules: IndexRules): Node {
  const node = build.cast(index.node, "int64");
  const { size, negative = false } = rules;
  if (typeof size !== "number") return node;
  const { value } = index.node;
  if (value?.kind !== "host") return negative ? wrapped(node, size) : node;
  let lowest = 0;
  for (let at = 0; at < value.data.length; at++) {
    const found = Number(value.data[at]);
    if (found >= size || found < (negative ? -size : 0)) throw outOfBounds(found, rules);
    lowest = Math.min(lowest, found);
  }
  if (lowest === 0) return node;
  const places = Array.from({ length: value.data.length }, (_, at) => Number(value.data[at]));
  return integerLeaf(
    places.map((found) => (found < 0 ? found + size : found)),
    index.shape,
  );
}

function wrapped(node: Node, size: number): Node {
  const isNegative = build.less(node, build.constant(0, "int64"));
  return build.where(isNegative, build.add(node, build.constant(size, "int64")), node);
}

const INDEX_DTYPES: readonly DType[] = ["int64", "int32"];

export function requireIndexDType(index: Tensor, name: string): void {
  if (INDEX_DTYPES.includes(index.dtype)) return;
  throw new AbrazoError({
    code: "INDEX_DTYPE",
    message: `${name}(): Expected dtype int32/int64 for index`,
    hint: `The index is ${index.dtype}; convert it with to("int64").`,
    data: { dtype: index.dtype },
  });
}
