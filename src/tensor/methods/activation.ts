// Activations that PyTorch has as methods; the others are in nn.functional.
import { AbrazoError } from "../../errors.ts";
import * as build from "../../graph/build.ts";
import type { Node } from "../../graph/node.ts";
import { shapeError } from "../../graph/shape.ts";
import { optionsOf } from "../../options.ts";
import type { Tensor } from "../tensor.ts";
import { type DTypeOption, dtypeOption } from "./reduce.ts";
import { onAxis, requireReal } from "./support.ts";

const geluOptions = optionsOf<{ approximate?: "none" | "tanh" }>({ approximate: true });

/** Softmax and its logarithm: of real numbers, or after conversion to `dtype`. */
const along = (name: string, make: (node: Node, axis: number) => Node) =>
  function (this: Tensor, dim: number, given?: DTypeOption): Tensor {
    const { dtype } = dtypeOption(name, given);
    return this.map((node) => onAxis(dtype === undefined ? node : build.cast(node, dtype), dim, make));
  };

export const activationMethods = {
  /** max(x, 0). */
  relu(this: Tensor): Tensor {
    if (this.dtype === "bool") {
      throw new AbrazoError({
        code: "DTYPE_UNSUPPORTED",
        message: "Boolean inputs not supported for relu",
        hint: "Truth values have no sign.",
      });
    }
    return this.map((node) => build.call("relu", [node]));
  },
  /** x Φ(x), or its tanh approximation. */
  gelu(this: Tensor, given?: { approximate?: "none" | "tanh" }): Tensor {
    const { approximate = "none" } = geluOptions("gelu", given);
    return this.map((node) => build.gelu(node, approximate));
  },
  /** x where it is positive, else weight · x; one weight, or one for each channel (axis 1). */
  prelu(this: Tensor, weight: Tensor): Tensor {
    const channels = this.ndim < 2 ? 1 : this.dims[1];
    if (weight.numel() !== 1 && weight.numel() !== channels) {
      throw shapeError(
        `Mismatch of parameter numbers and input channel size. Found parameter numbers = ${weight.numel()} and channel size = ${channels}.`,
        "The weight has one element, or one for each channel.",
      );
    }
    requireReal("prelu", this.dtype);
    const perAxis = this.dims.map((_, axis) => (axis === 1 ? weight.numel() : 1));
    const slopes = weight.reshape(weight.numel() === 1 ? [] : perAxis);
    return this.combine(slopes, (x, w) =>
      build.where(build.greater(x, build.constant(0, x.dtype)), x, build.mul(w, x)),
    );
  },
  /** x, and 0 where |x| ≤ lambd. */
  hardshrink(this: Tensor, lambd = 0.5): Tensor {
    requireReal("hardshrink", this.dtype);
    return this.combine(lambd, (x, limit) =>
      build.where(build.lessEqual(build.abs(x), limit), build.constant(0, x.dtype), x),
    );
  },
  /**
   * eˣ / Σ eˣ along an axis: positive, and 1 in sum.
   *
   * @example
   * ```ts
   * await tensor([0.5, 0.5]).softmax(0).tolist(); // [0.5, 0.5]
   * ```
   */
  softmax: along("softmax", build.softmax),
  /** ln softmax, without the loss of digits that the logarithm of small numbers has. */
  logSoftmax: along("logSoftmax", build.logSoftmax),
};
