// Normalization layers with running statistics: of batches and of instances. Their buffers have PyTorch's names.
// Knows no model.
import { shapeError } from "../graph/shape.ts";
import { optionsOf } from "../options.ts";
import { ones, type Tensor, tensor, zeros } from "../tensor/index.ts";
import { activeTrace } from "../tensor/trace.ts";
import { batchNorm, instanceNorm } from "./functional/norm.ts";
import { buffer, parameter } from "./marks.ts";
import { Module } from "./module.ts";
import { python, pythonFloat } from "./print.ts";

/** How a normalization with statistics of the batch is made. */
export interface NormOptions {
  eps?: number;
  /** Share of a new batch in the running statistics; null: all batches count the same. */
  momentum?: number | null;
  /** A weight, which starts at one, and a bias, which starts at zero. */
  affine?: boolean;
  bias?: boolean;
  /** Keeps running statistics for eval(); without them a batch's own are always used. */
  trackRunningStats?: boolean;
}

const normOptions = optionsOf<NormOptions>({
  eps: true,
  momentum: true,
  affine: true,
  bias: true,
  trackRunningStats: true,
});

abstract class RunningNorm extends Module<[Tensor], Tensor> {
  readonly numFeatures: number;
  readonly eps: number;
  readonly momentum: number | null;
  readonly weight: Tensor | undefined;
  readonly bias: Tensor | undefined;
  readonly running_mean: Tensor | undefined;
  readonly running_var: Tensor | undefined;
  readonly num_batches_tracked: Tensor | undefined;

  constructor(numFeatures: number, options: Required<NormOptions>) {
    super();
    const { eps, momentum, affine, bias, trackRunningStats } = options;
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.momentum = momentum;
    this.weight = affine ? parameter(ones([numFeatures])) : undefined;
    this.bias = affine && bias ? parameter(zeros([numFeatures])) : undefined;
    this.running_mean = trackRunningStats ? buffer(zeros([numFeatures])) : undefined;
    this.running_var = trackRunningStats ? buffer(ones([numFeatures])) : undefined;
    this.num_batches_tracked = trackRunningStats ? buffer(tensor(0, { dtype: "int64" })) : undefined;
  }

  /** The running means [C], or undefined where none are kept. */
  get runningMean(): Tensor | undefined {
    return this.running_mean;
  }

  /** The running variances [C], or undefined where none are kept. */
  get runningVar(): Tensor | undefined {
    return this.running_var;
  }

  /** How many batches have moved the running statistics, int64. */
  get numBatchesTracked(): Tensor | undefined {
    return this.num_batches_tracked;
  }

  /** Back to a mean of 0 and a variance of 1, as if no batch had been seen. */
  resetRunningStats(): void {
    this.running_mean?.assign(zeros([this.numFeatures]).node);
    this.running_var?.assign(ones([this.numFeatures]).node);
    this.num_batches_tracked?.assign(tensor(0, { dtype: "int64" }).node);
  }

  override extraRepr(): string {
    const { eps, momentum, weight, bias, running_mean } = this;
    const [affine, hasBias, tracks] = [weight, bias, running_mean].map((part) => python(part !== undefined));
    const share = momentum === null ? "None" : pythonFloat(momentum);
    return `${this.numFeatures}, eps=${pythonFloat(eps)}, momentum=${share}, affine=${affine}, bias=${hasBias}, track_running_stats=${tracks}`;
  }
}

abstract class BatchNorm extends RunningNorm {
  constructor(numFeatures: number, given?: NormOptions) {
    const {
      eps = 1e-5,
      momentum = 0.1,
      affine = true,
      bias = true,
      trackRunningStats = true,
    } = normOptions(new.target.name, given);
    super(numFeatures, { eps, momentum, affine, bias, trackRunningStats });
  }

  /** Throws unless x has the axes that the layer is made for. */
  protected abstract requireAxes(x: Tensor): void;

  override forward(x: Tensor): Tensor {
    this.requireAxes(x);
    const { weight, bias, eps, momentum, training, running_mean, running_var, num_batches_tracked: tracked } = this;
    // Counted on the host, where the count is a number that the moving average may need; in a trace it is a node like others.
    const isTraced = activeTrace() !== undefined && momentum !== null;
    const count = training && tracked !== undefined && !isTraced ? tracked.itemSync() + 1 : 1;
    const y = batchNorm(x, running_mean, running_var, {
      weight,
      bias,
      eps,
      training: training || running_mean === undefined,
      momentum: momentum ?? 1 / count,
    });
    if (training) tracked?.assign(isTraced ? tracked.add(1).node : tensor(count, { dtype: "int64" }).node);
    return y;
  }
}

function requireRank(x: Tensor, ranks: readonly number[]): void {
  if (ranks.includes(x.ndim)) return;
  throw shapeError(`expected ${ranks.map((rank) => `${rank}D`).join(" or ")} input (got ${x.ndim}D input)`);
}

/**
 * Batch normalization of [N, C] or [N, C, L]. While training it uses the batch's statistics and moves the running ones;
 * after eval() it uses those.
 *
 * @example
 * ```ts
 * const layer = new BatchNorm1d(2);
 * layer(tensor([[1, 10], [3, 30]], { dtype: "float32" })).tolistSync(); // [[-0.9999949932098389, -1], [0.9999949932098389, 1]]
 * layer.running_mean?.tolistSync(); // [0.20000000298023224, 2]
 * ```
 */
export class BatchNorm1d extends BatchNorm {
  protected override requireAxes(x: Tensor): void {
    requireRank(x, [2, 3]);
  }
}

/**
 * Batch normalization of [N, C, H, W].
 *
 * @example
 * ```ts
 * new BatchNorm2d(3)(ones([2, 3, 4, 4])).shape; // [2, 3, 4, 4]
 * [...new BatchNorm2d(3).stateDict().keys()]; // ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
 * ```
 */
export class BatchNorm2d extends BatchNorm {
  protected override requireAxes(x: Tensor): void {
    requireRank(x, [4]);
  }
}

/**
 * Batch normalization of [N, C, D, H, W].
 *
 * @example
 * ```ts
 * new BatchNorm3d(3)(ones([2, 3, 4, 4, 4])).shape; // [2, 3, 4, 4, 4]
 * ```
 */
export class BatchNorm3d extends BatchNorm {
  protected override requireAxes(x: Tensor): void {
    requireRank(x, [5]);
  }
}

abstract class InstanceNorm extends RunningNorm {
  /** Axes behind [N, C]. */
  protected abstract get rank(): number;

  constructor(numFeatures: number, given?: NormOptions & { momentum?: number }) {
    const {
      eps = 1e-5,
      momentum = 0.1,
      affine = false,
      bias = true,
      trackRunningStats = false,
    } = normOptions(new.target.name, given);
    super(numFeatures, { eps, momentum, affine, bias, trackRunningStats });
  }

  override forward(x: Tensor): Tensor {
    const { rank, numFeatures } = this;
    requireRank(x, [rank + 1, rank + 2]);
    if (x.ndim === rank + 1) return this.forward(x.unsqueeze(0)).squeeze(0);
    if (this.weight !== undefined && x.dims[1] !== numFeatures) {
      throw shapeError(`expected input's size at dim=1 to match num_features (${numFeatures}), but got: ${x.dims[1]}.`);
    }
    return instanceNorm(x, {
      runningMean: this.running_mean,
      runningVar: this.running_var,
      weight: this.weight,
      bias: this.bias,
      useInputStats: this.training || this.running_mean === undefined,
      momentum: this.momentum ?? 0,
      eps: this.eps,
    });
  }
}

/**
 * Instance normalization of [N, C, L] or [C, L]: each channel of each instance by itself.
 *
 * @example
 * ```ts
 * new InstanceNorm1d(3)(ones([2, 3, 4])).shape; // [2, 3, 4]
 * ```
 */
export class InstanceNorm1d extends InstanceNorm {
  protected override get rank(): number {
    return 1;
  }
}

/**
 * Instance normalization of [N, C, H, W] or [C, H, W]: each channel of each instance by itself.
 *
 * @example
 * ```ts
 * new InstanceNorm2d(3)(ones([2, 3, 4, 4])).shape; // [2, 3, 4, 4]
 * ```
 */
export class InstanceNorm2d extends InstanceNorm {
  protected override get rank(): number {
    return 2;
  }
}
