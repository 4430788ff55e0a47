// Activations that look along an axis: softmax and its kin, and gates.
// Knows no layer.
import { AbrazoError } from "../../errors.ts";
import { axisOf } from "../../graph/shape.ts";
import { optionsOf } from "../../options.ts";
import { requireTensors } from "../../tensor/arguments.ts";
import { arange, rand, type Tensor } from "../../tensor/index.ts";

const gumbelSoftmaxOptions = optionsOf<{ hard?: boolean; dim?: number }>({ hard: true, dim: true });

/**
 * e^x / Σ e^x along an axis. [...] → [...]; numbers along the axis depend on each other.
 *
 * @example
 * ```ts
 * softmax(tensor([-1.5, 0.25]), 0).tolistSync(); // [0.148, 0.852]
 * ```
 */
export function softmax(x: Tensor, dim: number): Tensor {
  requireTensors("softmax", x);
  return x.softmax(dim);
}

/**
 * ln softmax(x) along an axis. [...] → [...]; numbers along the axis depend on each other.
 *
 * @example
 * ```ts
 * logSoftmax(tensor([-1.5, 0.25]), 0).tolistSync(); // [-1.9102, -0.1602]
 * ```
 */
export function logSoftmax(x: Tensor, dim: number): Tensor {
  requireTensors("logSoftmax", x);
  return x.logSoftmax(dim);
}

/**
 * softmax(-x) along an axis. [...] → [...]; numbers along the axis depend on each other.
 *
 * @example
 * ```ts
 * softmin(tensor([-1.5, 0.25]), 0).tolistSync(); // [0.852, 0.148]
 * ```
 */
export function softmin(x: Tensor, dim: number): Tensor {
  requireTensors("softmin", x);
  return x.neg().softmax(dim);
}

/**
 * a σ(b) for the halves a and b of x along an axis (Dauphin et al. 2017, arXiv 1612.08083). [..., 2 n, ...] → [..., n,
 * ...].
 *
 * @throws SHAPE_MISMATCH where the axis has an odd size
 *
 * @example
 * ```ts
 * glu(tensor([-1.5, 0.25])).tolistSync(); // [-0.8433]
 * ```
 */
export function glu(x: Tensor, dim = -1): Tensor {
  requireTensors("glu", x);
  if (x.ndim === 0)
    throw halvingError(
      "glu does not support scalars because halving size must be even",
      "Give it an axis of even size.",
    );
  const size = x.size(dim);
  if (size % 2 !== 0) {
    const message = `Halving dimension must be even, but dimension ${axisOf(dim, x.ndim)} is size ${size}`;
    throw halvingError(message, "Choose an axis of even size.");
  }
  return x.narrow(dim, 0, size / 2).mul(x.narrow(dim, size / 2, size / 2).sigmoid());
}

function halvingError(message: string, hint: string): AbrazoError {
  return new AbrazoError({ code: "SHAPE_MISMATCH", message, hint });
}

/**
 * A sample of the Gumbel-softmax distribution over an axis (Jang et al. 2017, arXiv 1611.01144). Noise comes from the
 * default generator. [...] → [...], floats.
 *
 * @param hard the sample is one-hot, and its gradient that of the soft one
 *
 * @example
 * ```ts
 * gumbelSoftmax(zeros([2, 3]), 1, { hard: true }).sum(-1).tolistSync(); // [1, 1]
 * ```
 */
export function gumbelSoftmax(logits: Tensor, tau = 1, given?: { hard?: boolean; dim?: number }): Tensor {
  requireTensors("gumbelSoftmax", logits);
  const { hard = false, dim = -1 } = gumbelSoftmaxOptions("gumbelSoftmax", given);
  const noise = rand(logits.shape).log().neg().log().neg().to(logits.dtype);
  const soft = logits.add(noise).div(tau).softmax(dim);
  if (!hard) return soft;
  const axis = axisOf(dim, logits.ndim);
  const places = arange(logits.size(axis)).reshape(logits.dims.map((_, at) => (at === axis ? -1 : 1)));
  const chosen = soft.argmax(axis, true).eq(places).to(logits.dtype);
  return chosen.sub(soft.detach()).add(soft);
}
