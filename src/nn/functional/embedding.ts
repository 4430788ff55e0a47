// Rows of tables: embedding, one-hot rows, and the places along an axis.
// Holds no weights.
import { AbrazoError } from "../../errors.ts";
import * as build from "../../graph/build.ts";
import { axisOf, shapeError } from "../../graph/shape.ts";
import { optionsOf } from "../../options.ts";
import { requireTensors } from "../../tensor/arguments.ts";
import { arange, isGradEnabled, Tensor } from "../../tensor/index.ts";
import { scalarTypeName } from "../../tensor/operands.ts";
import { givenExtremes } from "./given.ts";

const embeddingOptions = optionsOf<{ paddingIdx?: number | undefined }>({ paddingIdx: true });

/**
 * Rows of `weight` [V, D] at `ids` of any shape [...]: [..., D].
 *
 * @param paddingIdx the row of this id takes no gradient
 * @throws INDEX_OUT_OF_RANGE for ids that are known and have no row
 *
 * @example
 * ```ts
 * embedding(tensor([2, 0]), tensor([[1], [2], [3]])).tolistSync(); // [[3], [1]]
 * ```
 */
export function embedding(ids: Tensor, weight: Tensor, options?: { paddingIdx?: number | undefined }): Tensor {
  requireTensors("embedding", ids, weight);
  const { paddingIdx } = embeddingOptions("embedding", options);
  if (ids.dtype !== "int64" && ids.dtype !== "int32") {
    throw new AbrazoError({
      code: "INDEX_DTYPE",
      message: `Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got ${scalarTypeName(ids.dtype)} instead (while checking arguments for embedding)`,
      hint: 'Ids are whole numbers: convert them with to("int64").',
      data: { dtype: ids.dtype },
    });
  }
  if (weight.ndim !== 2) throw shapeError("'weight' must be 2-D");
  const count = weight.dims[0];
  const given = givenExtremes(ids);
  if (given !== undefined && typeof count === "number" && (given.low < 0 || given.high >= count)) {
    throw new AbrazoError({
      code: "INDEX_OUT_OF_RANGE",
      message: "index out of range in self",
      hint: `Ids go from ${given.low} to ${given.high}; the table has ${count} rows, numbered from 0.`,
      data: { ...given, rows: count },
    });
  }
  const rows = build.gather(weight.node, ids.node, 0);
  // Only a gradient tells that row from the others: where none is taken, the graph needs no choice between them.
  if (paddingIdx === undefined || !(isGradEnabled() && weight.requiresGrad)) return Tensor.fromNode(rows, [weight]);
  const row = paddingIdx < 0 ? paddingIdx + weight.size(0) : paddingIdx;
  const padding = build.equal(ids.node, build.constant(row, ids.dtype));
  const column = build.reshape(padding, [...padding.shape, 1]);
  return Tensor.fromNode(build.where(column, build.stopGradient(rows), rows), [weight]);
}

/**
 * int64 rows that are 1 at the class and 0 elsewhere: classes [...] → [..., C].
 *
 * @param numClasses C; when absent, one more than the largest class, which is computed now
 * @throws INDEX_OUT_OF_RANGE for classes below 0 or from numClasses on
 *
 * @example
 * ```ts
 * oneHot(tensor([0, 2])).tolistSync(); // [[1, 0, 0], [0, 0, 1]]
 * ```
 */
export function oneHot(classes: Tensor, numClasses = -1): Tensor {
  requireTensors("oneHot", classes);
  if (numClasses === -1 && classes.numel() === 0) {
    throw shapeError("Can not infer total number of classes from empty tensor.", "Pass their number.");
  }
  const count = numClasses === -1 ? classes.max().itemSync() + 1 : numClasses;
  const given = givenExtremes(classes);
  if (given !== undefined && (given.low < 0 || given.high >= count)) {
    throw new AbrazoError({
      code: "INDEX_OUT_OF_RANGE",
      message: given.low < 0 ? "Class values must be non-negative." : "Class values must be smaller than num_classes.",
      hint: `Classes go from ${given.low} to ${given.high}; there are ${count}.`,
    });
  }
  return classes.to("int64").unsqueeze(-1).eq(arange(count)).to("int64");
}

/**
 * int64 0, 1, … up to the size of one axis, also where that size is only known at run time.
 *
 * @example
 * ```ts
 * arangeLike(ones([2, 3]), 1).tolistSync(); // [0, 1, 2]
 * ```
 */
export function arangeLike(x: Tensor, dim: number): Tensor {
  requireTensors("arangeLike", x);
  return Tensor.fromNode(build.arangeLike(x.node, axisOf(dim, x.ndim)), []);
}
