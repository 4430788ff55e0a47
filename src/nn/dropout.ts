// Dropout layers.
// Draws nothing by itself: masks come from the step that is running, or from the default generator.
import type { Tensor } from "../tensor/index.ts";
import * as F from "./functional/dropout.ts";
import { checkProbability } from "./functional/dropout.ts";
import { Module } from "./module.ts";
import { python } from "./print.ts";

abstract class AnyDropout extends Module<[Tensor], Tensor> {
  readonly p: number;

  constructor(p = 0.5) {
    super();
    checkProbability(p);
    this.p = p;
  }

  override extraRepr(): string {
    return `p=${python(this.p)}, inplace=False`;
  }
}

/**
 * Zeros elements with probability p while training and scales the others by 1 / (1 - p). [...] → [...].
 *
 * @example
 * ```ts
 * new Dropout(0.2).eval()(ones([2])).tolistSync(); // [1, 1]
 * ```
 */
export class Dropout extends AnyDropout {
  override forward(x: Tensor): Tensor {
    return F.dropout(x, this.p, this.training);
  }
}

/**
 * Zeros whole channels of [N, C, L] with probability p while training.
 *
 * @example
 * ```ts
 * new Dropout1d(0.2).eval()(ones([1, 1, 2])).tolistSync(); // [[[1, 1]]]
 * ```
 */
export class Dropout1d extends AnyDropout {
  override forward(x: Tensor): Tensor {
    return F.dropout1d(x, this.p, this.training);
  }
}

/**
 * Zeros whole channels of [N, C, H, W] with probability p while training (Tompson et al. 2015).
 *
 * @example
 * ```ts
 * new Dropout2d(0.2).eval()(ones([1, 1, 1, 2])).tolistSync(); // [[[[1, 1]]]]
 * ```
 */
export class Dropout2d extends AnyDropout {
  override forward(x: Tensor): Tensor {
    return F.dropout2d(x, this.p, this.training);
  }
}

/**
 * Zeros whole channels of [N, C, D, H, W] with probability p while training.
 *
 * @example
 * ```ts
 * new Dropout3d(0.2).eval()(ones([1, 1, 1, 1, 2])).tolistSync(); // [[[[[1, 1]]]]]
 * ```
 */
export class Dropout3d extends AnyDropout {
  override forward(x: Tensor): Tensor {
    return F.dropout3d(x, this.p, this.training);
  }
}

/**
 * Dropout that keeps mean 0 and variance 1, for networks of SELU (Klambauer et al. 2017). [...] → [...].
 *
 * @example
 * ```ts
 * new AlphaDropout(0.2).eval()(ones([2])).tolistSync(); // [1, 1]
 * ```
 */
export class AlphaDropout extends AnyDropout {
  override forward(x: Tensor): Tensor {
    return F.alphaDropout(x, this.p, this.training);
  }
}
