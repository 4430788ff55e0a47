// Activations, element by element. Slopes at kinks are PyTorch's.
// Holds no weights.
import { AbrazoError } from "../../errors.ts";
import * as build from "../../graph/build.ts";
import type { Node } from "../../graph/node.ts";
import { requireTensors } from "../../tensor/arguments.ts";
import type { Tensor } from "../../tensor/index.ts";
import { geluOptions } from "./options.ts";

const number = (value: number, like: Node): Node => build.constant(value, like.dtype);

/**
 * max(x, 0); slope 0 at 0. [...] → [...], element by element.
 *
 * @example
 * ```ts
 * relu(tensor([-1.5, 0.25])).tolistSync(); // [0, 0.25]
 * ```
 */
export function relu(x: Tensor): Tensor {
  requireTensors("relu", x);
  return x.relu();
}

/**
 * min(max(x, 0), 6). [...] → [...], element by element.
 *
 * @example
 * ```ts
 * relu6(tensor([-1.5, 0.25])).tolistSync(); // [0, 0.25]
 * ```
 */
export function relu6(x: Tensor): Tensor {
  requireTensors("relu6", x);
  return hardtanh(x, 0, 6);
}

/**
 * x where x > 0, else negativeSlope · x. [...] → [...], element by element.
 *
 * @example
 * ```ts
 * leakyRelu(tensor([-1.5, 0.25]), 0.1).tolistSync(); // [-0.15, 0.25]
 * ```
 */
export function leakyRelu(x: Tensor, negativeSlope = 0.01): Tensor {
  requireTensors("leakyRelu", x);
  return x.map((node) => build.where(build.greater(node, number(0, node)), node, build.scale(node, negativeSlope)));
}

/**
 * x where x > 0, else w x, with w [1], or [C] over axis 1 (He et al. 2015, arXiv 1502.01852).
 *
 * @example
 * ```ts
 * prelu(tensor([-2, 3], { dtype: "float32" }), tensor([0.5])).tolistSync(); // [-1, 3]
 * ```
 */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  requireTensors("prelu", x, weight);
  return x.prelu(weight);
}

/** scale · (x where x > 0, else α (e^(x / width) - 1)); the exponential sees no positive x, so that it stays finite. */
function exponentialBelow(x: Node, alpha: number, width: number, scale: number): Node {
  const positive = build.greater(x, number(0, x));
  const below = build.scale(build.where(positive, number(0, x), x), 1 / width);
  return build.scale(build.where(positive, x, build.scale(build.call("expm1", [below]), alpha)), scale);
}

/**
 * x where x > 0, else α (eˣ - 1) (Clevert et al. 2016, arXiv 1511.07289). [...] → [...], element by element.
 *
 * @example
 * ```ts
 * elu(tensor([-1.5, 0.25])).tolistSync(); // [-0.7769, 0.25]
 * ```
 */
export function elu(x: Tensor, alpha = 1): Tensor {
  requireTensors("elu", x);
  return x.map((node) => exponentialBelow(node, alpha, 1, 1));
}

/**
 * λ · elu(x, α) with the λ and α that keep mean 0 and variance 1 (Klambauer et al. 2017, arXiv 1706.02515). [...] →
 * [...], element by element.
 *
 * @example
 * ```ts
 * selu(tensor([-1.5, 0.25])).tolistSync(); // [-1.3658, 0.2627]
 * ```
 */
export function selu(x: Tensor): Tensor {
  requireTensors("selu", x);
  return x.map((node) => exponentialBelow(node, 1.6732632423543772, 1, 1.0507009873554805));
}

/**
 * max(0, x) + min(0, α (e^(x/α) - 1)) (Barron 2017, arXiv 1704.07483). [...] → [...], element by element.
 *
 * @example
 * ```ts
 * celu(tensor([-1.5, 0.25])).tolistSync(); // [-0.7769, 0.25]
 * ```
 */
export function celu(x: Tensor, alpha = 1): Tensor {
  requireTensors("celu", x);
  return x.map((node) => exponentialBelow(node, alpha, alpha, 1));
}

/**
 * x Φ(x), or its tanh approximation (Hendrycks and Gimpel 2016, arXiv 1606.08415). [...] → [...], element by element.
 *
 * @example
 * ```ts
 * gelu(tensor([-1.5, 0.25])).tolistSync(); // [-0.1002, 0.1497]
 * ```
 */
export function gelu(x: Tensor, given?: { approximate?: "none" | "tanh" }): Tensor {
  requireTensors("gelu", x);
  const options = geluOptions("gelu", given);
  return x.gelu(options);
}

/**
 * x σ(x). [...] → [...], element by element.
 *
 * @example
 * ```ts
 * silu(tensor([-1.5, 0.25])).tolistSync(); // [-0.2736, 0.1405]
 * ```
 */
export function silu(x: Tensor): Tensor {
  requireTensors("silu", x);
  return x.mul(x.sigmoid());
}

/**
 * x tanh(softplus(x)) (Misra 2019, arXiv 1908.08681). [...] → [...], element by element.
 *
 * @example
 * ```ts
 * mish(tensor([-1.5, 0.25])).tolistSync(); // [-0.2981, 0.1696]
 * ```
 */
export function mish(x: Tensor): Tensor {
  requireTensors("mish", x);
  return x.mul(softplus(x).tanh());
}

/**
 * ln(1 + e^(βx)) / β; x itself where βx > threshold. [...] → [...], element by element.
 *
 * @example
 * ```ts
 * softplus(tensor([-1.5, 0.25])).tolistSync(); // [0.2014, 0.8259]
 * ```
 */
export function softplus(x: Tensor, beta = 1, threshold = 20): Tensor {
  requireTensors("softplus", x);
  return x.map((node) => {
    const scaled = beta === 1 ? node : build.scale(node, beta);
    const soft = build.call("softplus", [scaled]);
    const linear = build.greater(scaled, number(threshold, node));
    return build.where(linear, node, beta === 1 ? soft : build.scale(soft, 1 / beta));
  });
}

/**
 * x / (1 + |x|). [...] → [...], element by element.
 *
 * @example
 * ```ts
 * softsign(tensor([-1.5, 0.25])).tolistSync(); // [-0.6, 0.2]
 * ```
 */
export function softsign(x: Tensor): Tensor {
  requireTensors("softsign", x);
  return x.map((node) => build.div(node, build.shift(build.call("abs", [node]), 1)));
}

/**
 * x limited to [min, max]; slope 0 at both ends. [...] → [...], element by element.
 *
 * @throws BOUNDS where max is below min
 *
 * @example
 * ```ts
 * hardtanh(tensor([-1.5, 0.25])).tolistSync(); // [-1, 0.25]
 * ```
 */
export function hardtanh(x: Tensor, min = -1, max = 1): Tensor {
  requireTensors("hardtanh", x);
  if (min > max) {
    throw new AbrazoError({
      code: "BOUNDS",
      message: "max_val must be larger than min_val",
      hint: `They are ${max} and ${min}.`,
    });
  }
  return x.map((node) => limited(node, min, max));
}

function limited(x: Node, min: number, max: number): Node {
  const [low, high] = [number(min, x), number(max, x)];
  return build.where(build.lessEqual(x, low), low, build.where(build.greaterEqual(x, high), high, x));
}

/**
 * min(max(x + 3, 0), 6) / 6. [...] → [...], element by element.
 *
 * @example
 * ```ts
 * hardsigmoid(tensor([-1.5, 0.25])).tolistSync(); // [0.25, 0.5417]
 * ```
 */
export function hardsigmoid(x: Tensor): Tensor {
  requireTensors("hardsigmoid", x);
  return x.map((node) => build.scale(limited(build.shift(node, 3), 0, 6), 1 / 6));
}

/**
 * x · hardsigmoid(x) (Howard et al. 2019, arXiv 1905.02244). [...] → [...], element by element.
 *
 * @example
 * ```ts
 * hardswish(tensor([-1.5, 0.25])).tolistSync(); // [-0.375, 0.1354]
 * ```
 */
export function hardswish(x: Tensor): Tensor {
  requireTensors("hardswish", x);
  return x.mul(hardsigmoid(x));
}

/**
 * ln σ(x) = -ln(1 + e⁻ˣ). [...] → [...], element by element.
 *
 * @example
 * ```ts
 * logsigmoid(tensor([-1.5, 0.25])).tolistSync(); // [-1.7014, -0.5759]
 * ```
 */
export function logsigmoid(x: Tensor): Tensor {
  requireTensors("logsigmoid", x);
  return x.map((node) => build.neg(build.call("softplus", [build.neg(node)])));
}

/**
 * tanh x. [...] → [...], element by element.
 *
 * @example
 * ```ts
 * tanh(tensor([-1.5, 0.25])).tolistSync(); // [-0.9051, 0.2449]
 * ```
 */
export function tanh(x: Tensor): Tensor {
  requireTensors("tanh", x);
  return x.tanh();
}

/**
 * 1 / (1 + e⁻ˣ). [...] → [...], element by element.
 *
 * @example
 * ```ts
 * sigmoid(tensor([-1.5, 0.25])).tolistSync(); // [0.1824, 0.5622]
 * ```
 */
export function sigmoid(x: Tensor): Tensor {
  requireTensors("sigmoid", x);
  return x.sigmoid();
}

/**
 * x where x > threshold, else `value`. [...] → [...], element by element.
 *
 * @example
 * ```ts
 * threshold(tensor([-1.5, 0.25]), 0, 9).tolistSync(); // [9, 0.25]
 * ```
 */
export function threshold(x: Tensor, threshold: number, value: number): Tensor {
  requireTensors("threshold", x);
  return x.map((node) => build.where(build.lessEqual(node, number(threshold, node)), number(value, node), node));
}

/**
 * x - tanh x. [...] → [...], element by element.
 *
 * @example
 * ```ts
 * tanhshrink(tensor([-1.5, 0.25])).tolistSync(); // [-0.5949, 0.0051]
 * ```
 */
export function tanhshrink(x: Tensor): Tensor {
  requireTensors("tanhshrink", x);
  return x.sub(x.tanh());
}

/**
 * x moved by λ towards 0; 0 within ±λ. [...] → [...], element by element.
 *
 * @throws BOUNDS for λ below 0
 *
 * @example
 * ```ts
 * softshrink(tensor([-1.5, 0.25])).tolistSync(); // [-1, 0]
 * ```
 */
export function softshrink(x: Tensor, lambd = 0.5): Tensor {
  requireTensors("softshrink", x);
  if (lambd < 0) {
    throw new AbrazoError({
      code: "BOUNDS",
      message: `lambda must be greater or equal to 0, but found to be ${lambd}.`,
      hint: "It is the distance by which elements are moved towards 0.",
    });
  }
  return x.map((node) => {
    const outside = build.where(build.less(node, number(-lambd, node)), build.shift(node, lambd), number(0, node));
    return build.where(build.greater(node, number(lambd, node)), build.shift(node, -lambd), outside);
  });
}

/**
 * x outside ±λ, else 0. [...] → [...], element by element.
 *
 * @example
 * ```ts
 * hardshrink(tensor([-1.5, 0.25])).tolistSync(); // [-1.5, 0]
 * ```
 */
export function hardshrink(x: Tensor, lambd = 0.5): Tensor {
  requireTensors("hardshrink", x);
  return x.hardshrink(lambd);
}

const ACTIVATIONS: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  gelu: (x) => x.gelu(),
  gelu_python: (x) => x.gelu(),
  gelu_fast: (x) => x.gelu({ approximate: "tanh" }),
  gelu_accurate: (x) => x.gelu({ approximate: "tanh" }),
  gelu_new: (x) => x.gelu({ approximate: "tanh" }),
  gelu_pytorch_tanh: (x) => x.gelu({ approximate: "tanh" }),
  quick_gelu: (x) => x.mul(x.mul(1.702).sigmoid()),
  relu,
  tanh,
  silu,
  swish: silu,
};

/**
 * The activation of a config's name, e.g. "gelu_new".
 *
 * @throws UNKNOWN_ACTIVATION with the names that there are
 *
 * @example
 * ```ts
 * activation("relu")(tensor([-1.5, 0.25])).tolistSync(); // [0, 0.25]
 * ```
 */
export function activation(name: string): (x: Tensor) => Tensor {
  const found = ACTIVATIONS[name];
  if (found !== undefined) return found;
  throw new AbrazoError({
    code: "UNKNOWN_ACTIVATION",
    message: `There is no activation "${name}".`,
    hint: `Known: ${Object.keys(ACTIVATIONS).join(", ")}.`,
  });
}
