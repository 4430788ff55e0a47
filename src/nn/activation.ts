// Smooth activations as layers: each calls the function of its name.
// Holds no weights.
import type { Tensor } from "../tensor/index.ts";
import * as F from "./functional/activation.ts";
import { geluOptions } from "./functional/options.ts";
import { glu, logSoftmax, softmax, softmin } from "./functional/softmax.ts";
import { Module } from "./module.ts";
import { python, pythonFloat } from "./print.ts";

/** A layer of one tensor in and one out. */
export abstract class Activation extends Module<[Tensor], Tensor> {}

/**
 * x where x > 0, else α (eˣ - 1). [...] → [...], element by element.
 *
 * @example
 * ```ts
 * new ELU()(tensor([-1.5, 0.25])).tolistSync(); // [-0.7769, 0.25]
 * ```
 */
export class ELU extends Activation {
  readonly alpha: number;

  constructor(alpha = 1) {
    super();
    this.alpha = alpha;
  }

  override forward(x: Tensor): Tensor {
    return F.elu(x, this.alpha);
  }

  override extraRepr(): string {
    return `alpha=${pythonFloat(this.alpha)}`;
  }
}

/**
 * The self-normalizing λ · elu(x, α). [...] → [...], element by element.
 *
 * @example
 * ```ts
 * new SELU()(tensor([-1.5, 0.25])).tolistSync(); // [-1.3658, 0.2627]
 * ```
 */
export class SELU extends Activation {
  override forward(x: Tensor): Tensor {
    return F.selu(x);
  }
}

/**
 * max(0, x) + min(0, α (e^(x/α) - 1)). [...] → [...], element by element.
 *
 * @example
 * ```ts
 * new CELU()(tensor([-1.5, 0.25])).tolistSync(); // [-0.7769, 0.25]
 * ```
 */
export class CELU extends Activation {
  readonly alpha: number;

  constructor(alpha = 1) {
    super();
    this.alpha = alpha;
  }

  override forward(x: Tensor): Tensor {
    return F.celu(x, this.alpha);
  }

  override extraRepr(): string {
    return `alpha=${pythonFloat(this.alpha)}`;
  }
}

/**
 * x σ(x). [...] → [...], element by element.
 *
 * @example
 * ```ts
 * new SiLU()(tensor([-1.5, 0.25])).tolistSync(); // [-0.2736, 0.1405]
 * ```
 */
export class SiLU extends Activation {
  override forward(x: Tensor): Tensor {
    return F.silu(x);
  }
}

/**
 * x tanh(softplus(x)). [...] → [...], element by element.
 *
 * @example
 * ```ts
 * new Mish()(tensor([-1.5, 0.25])).tolistSync(); // [-0.2981, 0.1696]
 * ```
 */
export class Mish extends Activation {
  override forward(x: Tensor): Tensor {
    return F.mish(x);
  }
}

/**
 * ln(1 + e^(βx)) / β; x itself where βx > threshold. [...] → [...], element by element.
 *
 * @example
 * ```ts
 * new Softplus()(tensor([-1.5, 0.25])).tolistSync(); // [0.2014, 0.8259]
 * ```
 */
export class Softplus extends Activation {
  readonly beta: number;
  readonly threshold: number;

  constructor(beta = 1, threshold = 20) {
    super();
    this.beta = beta;
    this.threshold = threshold;
  }

  override forward(x: Tensor): Tensor {
    return F.softplus(x, this.beta, this.threshold);
  }

  override extraRepr(): string {
    return `beta=${pythonFloat(this.beta)}, threshold=${pythonFloat(this.threshold)}`;
  }
}

/**
 * x / (1 + |x|). [...] → [...], element by element.
 *
 * @example
 * ```ts
 * new Softsign()(tensor([-1.5, 0.25])).tolistSync(); // [-0.6, 0.2]
 * ```
 */
export class Softsign extends Activation {
  override forward(x: Tensor): Tensor {
    return F.softsign(x);
  }
}

/**
 * ln σ(x). [...] → [...], element by element.
 *
 * @example
 * ```ts
 * new LogSigmoid()(tensor([-1.5, 0.25])).tolistSync(); // [-1.7014, -0.5759]
 * ```
 */
export class LogSigmoid extends Activation {
  override forward(x: Tensor): Tensor {
    return F.logsigmoid(x);
  }
}

/**
 * tanh x. [...] → [...], element by element.
 *
 * @example
 * ```ts
 * new Tanh()(tensor([-1.5, 0.25])).tolistSync(); // [-0.9051, 0.2449]
 * ```
 */
export class Tanh extends Activation {
  override forward(x: Tensor): Tensor {
    return F.tanh(x);
  }
}

/**
 * 1 / (1 + e⁻ˣ). [...] → [...], element by element.
 *
 * @example
 * ```ts
 * new Sigmoid()(tensor([-1.5, 0.25])).tolistSync(); // [0.1824, 0.5622]
 * ```
 */
export class Sigmoid extends Activation {
  override forward(x: Tensor): Tensor {
    return F.sigmoid(x);
  }
}

/**
 * e^x / Σ e^x along an axis. [...] → [...]; numbers along the axis depend on each other.
 *
 * @example
 * ```ts
 * new Softmax(-1)(tensor([-1.5, 0.25])).tolistSync(); // [0.148, 0.852]
 * ```
 */
export class Softmax extends Activation {
  readonly dim: number;

  constructor(dim: number) {
    super();
    this.dim = dim;
  }

  override forward(x: Tensor): Tensor {
    return softmax(x, this.dim);
  }

  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/**
 * ln softmax(x) along an axis. [...] → [...]; numbers along the axis depend on each other.
 *
 * @example
 * ```ts
 * new LogSoftmax(-1)(tensor([-1.5, 0.25])).tolistSync(); // [-1.9102, -0.1602]
 * ```
 */
export class LogSoftmax extends Activation {
  readonly dim: number;

  constructor(dim: number) {
    super();
    this.dim = dim;
  }

  override forward(x: Tensor): Tensor {
    return logSoftmax(x, this.dim);
  }

  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/**
 * softmax(-x) along an axis. [...] → [...]; numbers along the axis depend on each other.
 *
 * @example
 * ```ts
 * new Softmin(-1)(tensor([-1.5, 0.25])).tolistSync(); // [0.852, 0.148]
 * ```
 */
export class Softmin extends Activation {
  readonly dim: number;

  constructor(dim: number) {
    super();
    this.dim = dim;
  }

  override forward(x: Tensor): Tensor {
    return softmin(x, this.dim);
  }

  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/**
 * a σ(b) for the halves a and b of x along an axis. [..., 2 n, ...] → [..., n, ...].
 *
 * @example
 * ```ts
 * new GLU()(tensor([-1.5, 0.25])).tolistSync(); // [-0.8433]
 * ```
 */
export class GLU extends Activation {
  readonly dim: number;

  constructor(dim = -1) {
    super();
    this.dim = dim;
  }

  override forward(x: Tensor): Tensor {
    return glu(x, this.dim);
  }

  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/**
 * x - tanh x. [...] → [...], element by element.
 *
 * @example
 * ```ts
 * new Tanhshrink()(tensor([-1.5, 0.25])).tolistSync(); // [-0.5949, 0.0051]
 * ```
 */
export class Tanhshrink extends Activation {
  override forward(x: Tensor): Tensor {
    return F.tanhshrink(x);
  }
}

/**
 * x Φ(x), or its tanh approximation. [...] → [...], element by element.
 *
 * @example
 * ```ts
 * `${new GELU({ approximate: "tanh" })}`; // "GELU(approximate='tanh')"
 * ```
 */
export class GELU extends Activation {
  readonly approximate: "none" | "tanh";

  constructor(given?: { approximate?: "none" | "tanh" }) {
    const { approximate = "none" } = geluOptions("GELU", given);
    super();
    this.approximate = approximate;
  }

  override forward(x: Tensor): Tensor {
    return F.gelu(x, { approximate: this.approximate });
  }

  override extraRepr(): string {
    return `approximate=${python(this.approximate)}`;
  }
}
