// DoRA (Liu et al. 2024, arXiv 2402.09353): a changed matrix whose rows have learned lengths, y = m / ‖W + s B A‖ · (W + s B A) x + b.
// Knows layers, no models.
import { functional as F } from "../nn/index.ts";
import { noGrad, type Tensor } from "../tensor/index.ts";
import type { Layer } from "./lora-layers.ts";

/** The matrices of an adapter at a layer. */
export interface Matrices {
  /** [r, in] */
  a: Tensor;
  /** [out, r] */
  b: Tensor;
  /** The factor on B A. */
  scale: number;
}

/** The matrix of a layer as [out, in]. */
export const asRows = ({ weight, isTransposed }: Layer): Tensor => (isTransposed ? weight.t() : weight);

/** What is added to the matrix, [out, in]. */
export const deltaOf = ({ a, b, scale }: Matrices): Tensor => b.matmul(a).mul(scale);

/** Lengths of the rows of [out, in]: [out]. */
export const lengthsOf = (rows: Tensor): Tensor => rows.square().sum(1).sqrt();

/** m / ‖W + s B A‖ of each row, [out]. As in the paper's section 4.3, the lengths are constants to the gradient. */
export function factorOf(layer: Layer, matrices: Matrices, magnitude: Tensor): Tensor {
  const lengths = noGrad(() => lengthsOf(asRows(layer).detach().add(deltaOf(matrices))));
  return magnitude.div(lengths);
}

/** What is added to the layer's own y for x; `dropped` is x behind a dropout, where there is one. */
export function doraAdded(
  layer: Layer,
  matrices: Matrices,
  magnitude: Tensor,
  { x, y, dropped }: { x: Tensor; y: Tensor; dropped: Tensor },
): Tensor {
  const factor = factorOf(layer, matrices, magnitude);
  const { bias } = layer;
  const own = dropped !== x ? F.linear(dropped, asRows(layer)) : bias === undefined ? y : y.sub(bias);
  const low = F.linear(F.linear(dropped, matrices.a), matrices.b).mul(matrices.scale);
  return own.mul(factor.sub(1)).add(low.mul(factor));
}

/** m / ‖W + s B A‖ · (W + s B A), [out, in] */
export function doraMerged(layer: Layer, matrices: Matrices, magnitude: Tensor): Tensor {
  return asRows(layer)
    .add(deltaOf(matrices))
    .mul(factorOf(layer, matrices, magnitude).unsqueeze(1));
}
