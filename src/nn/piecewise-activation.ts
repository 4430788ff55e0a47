// Activations of straight pieces as layers: each calls the function of its name.
// Holds no weights but PReLU's slopes.
import type { DType } from "../graph/dtype.ts";
import { optionsOf } from "../options.ts";
import { full, type Tensor } from "../tensor/index.ts";
import { Activation } from "./activation.ts";
import * as F from "./functional/activation.ts";
import { parameter } from "./marks.ts";
import { python, pythonFloat } from "./print.ts";

const pReLUOptions = optionsOf<{ dtype?: DType }>({ dtype: true });

/**
 * max(x, 0). [...] → [...], element by element.
 *
 * @example
 * ```ts
 * new ReLU()(tensor([-1.5, 0.25])).tolistSync(); // [0, 0.25]
 * ```
 */
export class ReLU extends Activation {
  override forward(x: Tensor): Tensor {
    return F.relu(x);
  }
}

/**
 * min(max(x, 0), 6). [...] → [...], element by element.
 *
 * @example
 * ```ts
 * new ReLU6()(tensor([-1.5, 0.25])).tolistSync(); // [0, 0.25]
 * ```
 */
export class ReLU6 extends Activation {
  override forward(x: Tensor): Tensor {
    return F.relu6(x);
  }
}

/**
 * x where x > 0, else negativeSlope · x. [...] → [...], element by element.
 *
 * @example
 * ```ts
 * new LeakyReLU()(tensor([-1.5, 0.25])).tolistSync(); // [-0.015, 0.25]
 * ```
 */
export class LeakyReLU extends Activation {
  readonly negativeSlope: number;

  constructor(negativeSlope = 0.01) {
    super();
    this.negativeSlope = negativeSlope;
  }

  override forward(x: Tensor): Tensor {
    return F.leakyRelu(x, this.negativeSlope);
  }

  override extraRepr(): string {
    return `negative_slope=${python(this.negativeSlope)}`;
  }
}

/**
 * x limited to [minVal, maxVal]. [...] → [...], element by element.
 *
 * @example
 * ```ts
 * new Hardtanh()(tensor([-1.5, 0.25])).tolistSync(); // [-1, 0.25]
 * ```
 */
export class Hardtanh extends Activation {
  readonly minVal: number;
  readonly maxVal: number;

  constructor(minVal = -1, maxVal = 1) {
    super();
    this.minVal = minVal;
    this.maxVal = maxVal;
  }

  override forward(x: Tensor): Tensor {
    return F.hardtanh(x, this.minVal, this.maxVal);
  }

  override extraRepr(): string {
    return `min_val=${pythonFloat(this.minVal)}, max_val=${pythonFloat(this.maxVal)}`;
  }
}

/**
 * min(max(x + 3, 0), 6) / 6. [...] → [...], element by element.
 *
 * @example
 * ```ts
 * new Hardsigmoid()(tensor([-1.5, 0.25])).tolistSync(); // [0.25, 0.5417]
 * ```
 */
export class Hardsigmoid extends Activation {
  override forward(x: Tensor): Tensor {
    return F.hardsigmoid(x);
  }
}

/**
 * x · hardsigmoid(x). [...] → [...], element by element.
 *
 * @example
 * ```ts
 * new Hardswish()(tensor([-1.5, 0.25])).tolistSync(); // [-0.375, 0.1354]
 * ```
 */
export class Hardswish extends Activation {
  override forward(x: Tensor): Tensor {
    return F.hardswish(x);
  }
}

/**
 * x where x > threshold, else value. [...] → [...], element by element.
 *
 * @example
 * ```ts
 * new Threshold(0.5, 9)(tensor([-1.5, 0.25])).tolistSync(); // [9, 9]
 * ```
 */
export class Threshold extends Activation {
  readonly threshold: number;
  readonly value: number;

  constructor(threshold: number, value: number) {
    super();
    this.threshold = threshold;
    this.value = value;
  }

  override forward(x: Tensor): Tensor {
    return F.threshold(x, this.threshold, this.value);
  }

  override extraRepr(): string {
    return `threshold=${python(this.threshold)}, value=${python(this.value)}`;
  }
}

/**
 * x moved by λ towards 0; 0 within ±λ. [...] → [...], element by element.
 *
 * @example
 * ```ts
 * new Softshrink()(tensor([-1.5, 0.25])).tolistSync(); // [-1, 0]
 * ```
 */
export class Softshrink extends Activation {
  readonly lambd: number;

  constructor(lambd = 0.5) {
    super();
    this.lambd = lambd;
  }

  override forward(x: Tensor): Tensor {
    return F.softshrink(x, this.lambd);
  }

  override extraRepr(): string {
    return python(this.lambd);
  }
}

/**
 * x outside ±λ, else 0. [...] → [...], element by element.
 *
 * @example
 * ```ts
 * new Hardshrink()(tensor([-1.5, 0.25])).tolistSync(); // [-1.5, 0]
 * ```
 */
export class Hardshrink extends Activation {
  readonly lambd: number;

  constructor(lambd = 0.5) {
    super();
    this.lambd = lambd;
  }

  override forward(x: Tensor): Tensor {
    return F.hardshrink(x, this.lambd);
  }

  override extraRepr(): string {
    return python(this.lambd);
  }
}

/**
 * x where x > 0, else w x with trained slopes w: one, or one for each channel (axis 1).
 *
 * @example
 * ```ts
 * new PReLU(3).weight.tolistSync(); // [0.25, 0.25, 0.25]
 * ```
 */
export class PReLU extends Activation {
  readonly numParameters: number;
  readonly weight: Tensor;

  constructor(numParameters = 1, init = 0.25, given?: { dtype?: DType }) {
    const { dtype = "float32" } = pReLUOptions("PReLU", given);
    super();
    this.numParameters = numParameters;
    this.weight = parameter(full([numParameters], init, { dtype }));
  }

  override forward(x: Tensor): Tensor {
    return F.prelu(x, this.weight);
  }

  override extraRepr(): string {
    return `num_parameters=${this.numParameters}`;
  }
}
