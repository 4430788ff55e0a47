// Places in sorted rows: searchsorted and bucketize.
// Sorts nothing.
import { argumentError } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
import { call, cast, reshape } from "../graph/build.ts";
import { promote } from "../graph/dtype.ts";
import type { Node } from "../graph/node.ts";
import { sameShape, showShape } from "../graph/shape.ts";
import { optionsOf } from "../options.ts";
import { requireTensors } from "./arguments.ts";
import { scalarNode, Tensor } from "./tensor.ts";

export interface SearchOptions {
  /** Behind equal elements instead of before them. */
  right?: boolean;
}

const searchOptions = optionsOf<SearchOptions>({ right: true });

function boundariesError(message: string, hint: string): AbrazoError {
  return new AbrazoError({ code: "SHAPE_MISMATCH", message, hint });
}

/**
 * The places (int64, of the shape of `values`) at which values would be put into sorted rows to keep them sorted. Either one
 * row [n] for all values, or rows [..., n] for values [..., m].
 *
 * @throws SHAPE_MISMATCH where the sequence has no axis, or its other axes are not those of the values
 *
 * @example
 * ```ts
 * await searchsorted(tensor([1, 3, 5]), tensor([3, 4])).tolist(); // [1, 2]
 * ```
 */
export function searchsorted(sortedSequence: Tensor, values: Tensor | number, given?: SearchOptions): Tensor {
  requireTensors("searchsorted", sortedSequence);
  const { right = false } = searchOptions("searchsorted", given);
  if (typeof values !== "number" && !(values instanceof Tensor)) {
    throw argumentError("searchsorted", 2, "Tensor", values);
  }
  const wanted = typeof values === "number" ? scalarNode(values, sortedSequence.dtype) : values.node;
  if (sortedSequence.ndim === 0) {
    throw boundariesError(
      "torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension",
      "Pass a sorted vector.",
    );
  }
  const fits = sortedSequence.ndim === 1 || sameShape(sortedSequence.dims.slice(0, -1), wanted.shape.slice(0, -1));
  if (!fits || (sortedSequence.ndim > 1 && sortedSequence.ndim !== wanted.shape.length)) {
    throw boundariesError(
      `torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input value tensor must match, but we got boundaries tensor ${showShape(sortedSequence.dims)} and input value tensor ${showShape(wanted.shape)}`,
      "Pass one sorted vector, or a row for each row of values.",
    );
  }
  const common = promote(sortedSequence.dtype, wanted.dtype);
  const dtype = common === "float16" || common === "bfloat16" ? "float32" : common;
  const flat = (node: Node) => (node.shape.length === 0 ? reshape(node, [1]) : node);
  const found = call("searchSorted", [cast(sortedSequence.node, dtype), flat(cast(wanted, dtype))], { right });
  return Tensor.fromNode(
    reshape(found, wanted.shape),
    values instanceof Tensor ? [sortedSequence, values] : [sortedSequence],
  );
}

/**
 * The bucket of each element, given the sorted boundaries [n] between buckets: 0 … n, int64. With `right` an element equal to
 * a boundary goes to the bucket above it.
 *
 * @throws SHAPE_MISMATCH where the boundaries have other than one axis
 *
 * @example
 * ```ts
 * await bucketize(tensor([3, 6, 9]), tensor([1, 3, 5, 7, 9])).tolist(); // [1, 3, 4]
 * ```
 */
export function bucketize(input: Tensor | number, boundaries: Tensor, given?: SearchOptions): Tensor {
  if (!(boundaries instanceof Tensor)) throw argumentError("bucketize", 2, "Tensor", boundaries);
  const options = searchOptions("bucketize", given);
  if (boundaries.ndim !== 1) {
    throw boundariesError(
      `boundaries tensor must be 1 dimension, but got dim(${boundaries.ndim})`,
      "Pass a sorted vector.",
    );
  }
  return searchsorted(boundaries, input, options);
}
