// Clipping of gradients: by their norm taken over all of them, or element by element.
// Knows no optimizer.
import { argumentError } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
import { optionsOf } from "../options.ts";
import { requireTensorList } from "../tensor/arguments.ts";
import { noGrad, Tensor, tensor } from "../tensor/index.ts";

/** Which norm of gradients is taken. */
export interface NormOptions {
  /** Which p-norm; Infinity: the largest absolute value. */
  normType?: number;
  /** Refuses a norm that is NaN or infinite, which computes it now. */
  errorIfNonfinite?: boolean;
}

const normOptions = optionsOf<NormOptions>({ normType: true, errorIfNonfinite: true });

/**
 * The p-norm of tensors as if they were one vector: 0-d. Nothing is computed yet, but with `errorIfNonfinite`.
 *
 * @throws NORM_NOT_FINITE with errorIfNonfinite; NORM_ORDER for orders below 0
 *
 * @example
 * ```ts
 * getTotalNorm([tensor([3.0]), tensor([4.0])].map((part) => part.to("float32"))).itemSync(); // 5
 * ```
 */
export function getTotalNorm(tensors: readonly Tensor[], given?: NormOptions): Tensor {
  requireTensorList("getTotalNorm", tensors);
  const { normType = 2, errorIfNonfinite = false } = normOptions("getTotalNorm", given);
  const norm = noGrad(() => normOf(tensors, normType));
  if (errorIfNonfinite && !Number.isFinite(norm.itemSync())) {
    throw new AbrazoError({
      code: "NORM_NOT_FINITE",
      message: `The total norm of order ${normType} for gradients from \`parameters\` is non-finite, so it cannot be clipped.`,
      hint: "Look for a division by zero or a too high learning rate; without errorIfNonfinite the gradients are scaled by it anyway.",
      data: { norm: norm.itemSync() },
    });
  }
  return norm;
}

function normOf(tensors: readonly Tensor[], p: number): Tensor {
  const parts = tensors.filter((part) => part.numel() > 0);
  const zero = tensor(0, { dtype: "float32" });
  const sum = (items: Tensor[]) => items.reduce((total, part) => total.add(part), zero);
  if (p === Number.POSITIVE_INFINITY) {
    return parts.map((part) => part.abs().amax()).reduce((top, part) => top.maximum(part), zero);
  }
  if (p === 2) return sum(parts.map((part) => part.square().sum())).sqrt();
  if (p === 1) return sum(parts.map((part) => part.abs().sum()));
  // PyTorch takes the norm of the tensors' norms, which for order 0 counts the tensors that are not all zero.
  if (p === 0) return sum(parts.map((part) => part.abs().amax().ne(0).to(part.dtype)));
  if (p > 0) return sum(parts.map((part) => part.abs().pow(p).sum())).pow(1 / p);
  throw new AbrazoError({
    code: "NORM_ORDER",
    message: `linalg.vector_norm: the order ${p} is not supported for gradients`,
    hint: "Use a number from 0 on, or Infinity.",
  });
}

/**
 * Scales gradients so that their norm, taken over all of them together, is at most `maxNorm`. Returns the norm before.
 * Nothing is computed yet: pass the norm to step() to have its value with the step.
 *
 * @example
 * ```ts
 * const w = tensor([1.5, 2], { requiresGrad: true });
 * w.square().sum().backward();
 * const norm = clipGradNorm_([w], 1);
 * [w.grad?.tolistSync(), norm.itemSync()]; // [[0.6, 0.8], 5]
 * ```
 */
export function clipGradNorm_(parameters: readonly Tensor[], maxNorm: number, given?: NormOptions): Tensor {
  requireTensorList("clipGradNorm_", parameters);
  const options = normOptions("clipGradNorm_", given);
  const grads = parameters.flatMap(({ grad }) => (grad === null ? [] : [grad]));
  const norm = getTotalNorm(grads, options);
  clipGradsWithNorm_(parameters, maxNorm, norm);
  return norm;
}

/**
 * Scales gradients by `maxNorm` over a norm that is known, never up.
 *
 * @example
 * ```ts
 * const w = tensor([0, 0], { dtype: "float32", requiresGrad: true });
 * w.grad = tensor([3, 4], { dtype: "float32" });
 * clipGradsWithNorm_([w], 1, getTotalNorm([w.grad]));
 * w.grad.tolistSync(); // [0.5999999046325684, 0.7999998331069946]
 * ```
 */
export function clipGradsWithNorm_(parameters: readonly Tensor[], maxNorm: number, totalNorm: Tensor): void {
  requireTensorList("clipGradsWithNorm_", parameters);
  if (!(totalNorm instanceof Tensor)) throw argumentError("clipGradsWithNorm_", 3, "Tensor", totalNorm);
  noGrad(() => {
    const scale = totalNorm.add(1e-6).reciprocal().mul(maxNorm).clamp(0, 1); // as PyTorch's clip_grad_norm_
    for (const parameter of parameters) if (parameter.grad !== null) parameter.grad = parameter.grad.mul(scale);
  });
}

/**
 * Moves every element of the gradients into ±`clipValue`.
 *
 * @example
 * ```ts
 * const w = tensor([1, 5], { dtype: "float32", requiresGrad: true });
 * w.square().sum().backward();
 * clipGradValue_([w], 3);
 * w.grad?.tolistSync(); // [2, 3]
 * ```
 */
export function clipGradValue_(parameters: readonly Tensor[], clipValue: number): void {
  requireTensorList("clipGradValue_", parameters);
  noGrad(() => {
    for (const parameter of parameters) {
      if (parameter.grad !== null) parameter.grad = parameter.grad.clamp(-clipValue, clipValue);
    }
  });
}
