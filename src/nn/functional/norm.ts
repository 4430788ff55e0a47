// Normalization: over a batch, a layer, groups of channels, single planes; by the root of the mean square; across channels.
// Holds no weights: running statistics are tensors of the caller's, written here.
import { requireList, requireType } from "../../arguments.ts";
import * as build from "../../graph/build.ts";
import { STAT } from "../../graph/ops/batch-norm.ts";
import { type Dim, type Shape, shapeError, showShape } from "../../graph/shape.ts";
import { optionsOf } from "../../options.ts";
import { requireOptionalTensor, requireTensors, tensorOf } from "../../tensor/arguments.ts";
import { noGrad, Tensor } from "../../tensor/index.ts";
import { realizeNodes } from "../../tensor/realize.ts";
import { writeWaiting } from "../../tensor/waiting.ts";
import { responseOptions } from "./options.ts";
import { optionError } from "./sizes.ts";

type Optional = Tensor | null | undefined;

/**
 * Layer normalization (Ba et al. 2016, arXiv 1607.06450): over the last axis, or over the last axes of the sizes
 * `normalizedShape`, which weight and bias have too. [..., normalizedShape] → the same shape.
 *
 * @throws SHAPE_MISMATCH when x does not end in these sizes
 * @example
 * ```ts
 * layerNorm(tensor([[1, 3]], { dtype: "float32" }), [2]).tolistSync(); // [[-0.9999949932098389, 0.9999949932098389]]
 * ```
 */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, eps: number): Tensor;
export function layerNorm(
  x: Tensor,
  normalizedShape: number | readonly number[],
  weight?: Optional,
  bias?: Optional,
  eps?: number,
): Tensor;
export function layerNorm(
  x: Tensor,
  second: Tensor | number | readonly number[],
  third?: Optional,
  fourth?: Optional | number,
  eps = 1e-5,
): Tensor {
  requireTensors("layerNorm", x);
  requireOptionalTensor("layerNorm", 3, third);
  if (second instanceof Tensor) {
    if (x.ndim === 0) throw shapeError("layer_norm() of the last axis needs a tensor that has one, but got 0 dims");
    if (!(third instanceof Tensor) || typeof fourth !== "number") {
      throw optionError(
        "layer_norm(): argument 'normalized_shape' must be tuple of ints, not Tensor",
        "Call layerNorm(x, [width], weight, bias, eps), or layerNorm(x, weight, bias, eps) over the last axis.",
      );
    }
    return Tensor.fromNode(build.layerNorm(x.node, second.node, third.node, fourth), [x, second, third]);
  }
  const sizes = typeof second === "number" ? [second] : second;
  const [weight, bias] = [third, typeof fourth === "number" ? undefined : fourth];
  requireEnd(x, sizes);
  for (const [name, given] of [
    ["weight", weight],
    ["bias", bias],
  ] as const)
    requireSame(given, sizes, name);
  const lead = x.dims.slice(0, x.ndim - sizes.length);
  const width = sizes.reduce((all, size) => all * size, 1);
  const flat = build.reshape(x.node, [...lead, width]);
  const own = (given: Optional, value: number) =>
    given ? build.reshape(given.node, [width]) : build.expand(build.constant(value, x.dtype), [width]);
  const normal = build.layerNorm(flat, own(weight, 1), own(bias, 0), eps);
  return Tensor.fromNode(build.reshape(normal, x.dims), [x, ...given(weight, bias)]);
}

const given = (...tensors: readonly Optional[]): Tensor[] => tensors.filter((tensor) => tensor instanceof Tensor);

function requireEnd(x: Tensor, sizes: readonly number[]): void {
  requireList("layerNorm", sizes, 2);
  const end = x.dims.slice(-sizes.length);
  if (sizes.length > 0 && x.ndim >= sizes.length && sizes.every((size, axis) => size === end[axis])) return;
  throw shapeError(
    `Given normalized_shape=${showShape(sizes)}, expected input with shape [*, ${sizes.join(", ")}], but got input of size${showShape(x.dims)}`,
    "The last axes of the input are normalized: they have to be of these sizes.",
    { input: x.dims, normalizedShape: sizes },
  );
}

function requireSame(tensor: Optional, sizes: readonly number[], name: string): void {
  if (tensor) requireTensors(name, tensor);
  if (!tensor || (tensor.ndim === sizes.length && sizes.every((size, axis) => size === tensor.dims[axis]))) return;
  throw shapeError(
    `Expected ${name} to be of same shape as normalized_shape, but got ${name} of shape ${showShape(tensor.dims)} and normalized_shape = ${showShape(sizes)}`,
  );
}

/**
 * x / √(mean(x²) + ε) · weight over the last axes of the sizes `normalizedShape` (Zhang and Sennrich 2019, arXiv
 * 1910.07467); ε is the dtype's own when absent, as in PyTorch. [..., normalizedShape] → the same shape.
 *
 * @throws SHAPE_MISMATCH when x does not end in these sizes
 * @example
 * ```ts
 * rmsNorm(tensor([[3, 4]], { dtype: "float32" }), [2]).tolistSync(); // [[0.8485281467437744, 1.1313709020614624]]
 * ```
 */
export function rmsNorm(
  x: Tensor,
  normalizedShape: number | readonly number[],
  weight?: Optional,
  eps: number = EPSILON[tensorOf("rmsNorm", x).dtype] ?? EPSILON["float32"],
): Tensor {
  requireOptionalTensor("rmsNorm", 3, weight);
  const sizes = typeof normalizedShape === "number" ? [normalizedShape] : normalizedShape;
  requireEnd(x, sizes);
  requireSame(weight, sizes, "weight");
  const width = sizes.reduce((all, size) => all * size, 1);
  const flat = build.reshape(x.node, [...x.dims.slice(0, x.ndim - sizes.length), width]);
  const own = weight?.dtype === x.dtype ? weight : undefined;
  const factor = own ? build.reshape(own.node, [width]) : build.expand(build.constant(1, x.dtype), [width]);
  const normal = build.reshape(build.rmsNorm(flat, factor, eps), x.dims);
  const result = Tensor.fromNode(normal, [x, ...given(own)]);
  return weight && !own ? result.mul(weight) : result;
}

const EPSILON: Readonly<Record<string, number>> & { float32: number } = {
  float64: 2 ** -52,
  float32: 2 ** -23,
  float16: 2 ** -10,
  bfloat16: 2 ** -7,
};

/** Weights, mode and numbers of a batch normalization. */
export interface BatchNormOptions {
  weight?: Optional;
  bias?: Optional;
  /** Statistics of this batch, which also move the running ones; else the running ones. */
  training?: boolean;
  /** Share of this batch in the running statistics: a number, or one that is still to be computed. */
  momentum?: number | Tensor;
  eps?: number;
}

const batchNormOptions = optionsOf<BatchNormOptions>({
  weight: true,
  bias: true,
  training: true,
  momentum: true,
  eps: true,
});

/**
 * Batch normalization (Ioffe and Szegedy 2015, arXiv 1502.03167) of x [N, C, …] for each channel. While training the running mean
 * and the running variance (that of N - 1) move towards those of the batch: they are computed with the next run that
 * computes the result.
 *
 * @throws SHAPE_MISMATCH when a channel has one value alone while training, or a tensor has not C elements
 * @example
 * ```ts
 * const x = tensor([[1, 10], [3, 30]], { dtype: "float32" });
 * batchNorm(x, null, null, { training: true }).tolistSync(); // [[-0.9999949932098389, -1], [0.9999949932098389, 1]]
 * ```
 */
export function batchNorm(x: Tensor, runningMean: Optional, runningVar: Optional, given?: BatchNormOptions): Tensor {
  requireTensors("batchNorm", x);
  const { weight, bias, training = false, momentum = 0.1, eps = 1e-5 } = batchNormOptions("batchNorm", given);
  if (x.ndim < 2) throw shapeError(`expected at least 2D input (got ${x.ndim}D input)`);
  const channels = Number(x.dims[1]);
  const vectors = { running_mean: runningMean, running_var: runningVar, weight, bias };
  for (const [name, tensor] of Object.entries(vectors)) requireVector(tensor, channels, name);
  if (training) {
    const axes = x.dims.map((_, axis) => axis).filter((axis) => axis !== 1);
    const count = axes.reduce((all, axis) => all * Number(x.dims[axis]), 1);
    if (count === 1) {
      throw shapeError(
        `Expected more than 1 value per channel when training, got input size ${torchSize(x.dims)}`,
        "Its variance is 0. Use a larger batch, or eval().",
        { shape: x.dims },
      );
    }
    const normal = build.standardize(x.node, axes, eps);
    moveRunning({ x, normal, axes, count, momentum, runningMean, runningVar });
    return affine(Tensor.fromNode(normal, [x]), weight, bias);
  }
  if (!runningMean || !runningVar) {
    throw optionError(
      "Expected running_mean and running_var to be defined when training=False",
      "Pass { training: true } to use the statistics of the batch.",
    );
  }
  const along = channelShape(x.ndim, channels);
  // One factor and one offset for each channel: two operations on x, however many parts they have.
  const factor = weight ? runningVar.add(eps).rsqrt().mul(weight) : runningVar.add(eps).rsqrt();
  const offset = bias ? bias.sub(runningMean.mul(factor)) : runningMean.mul(factor).neg();
  return x.mul(factor.reshape(along)).add(offset.reshape(along));
}

const torchSize = (shape: Shape): string => `torch.Size(${showShape(shape)})`;

const channelShape = (rank: number, channels: number): number[] => [
  channels,
  ...new Array<number>(Math.max(0, rank - 2)).fill(1),
];

function requireVector(tensor: Optional, channels: number, name: string): void {
  if (tensor) requireTensors(name, tensor);
  if (!tensor || (tensor.ndim === 1 && tensor.dims[0] === channels)) return;
  throw shapeError(`${name} should contain ${channels} elements not ${tensor.numel()}`, "One for each channel.", {
    channels,
  });
}

/** x̂ · weight + bias, one of each for a channel. */
function affine(normal: Tensor, weight: Optional, bias: Optional): Tensor {
  const along = channelShape(normal.ndim, Number(normal.dims[1]));
  const scaled = weight ? normal.mul(weight.reshape(along)) : normal;
  return bias ? scaled.add(bias.reshape(along)) : scaled;
}

interface Batch {
  x: Tensor;
  normal: ReturnType<typeof build.standardize>;
  axes: readonly number[];
  /** Elements behind one statistic. */
  count: number;
  momentum: number | Tensor;
  runningMean: Optional;
  runningVar: Optional;
}

/** running ← (1 - momentum) running + momentum batch, the variance being that of N - 1. */
function moveRunning({ x, normal, axes, count, momentum, runningMean, runningVar }: Batch): void {
  noGrad(() => {
    const stat = (index: number): Tensor => {
      const node = build.stopGradient(build.standardizeStat(normal, x.node, axes, index)); // [1, C, 1, …] or [N, C, 1, …]
      return Tensor.fromNode(build.reshape(build.mean(node, [0], true), [Number(x.dims[1])]), [x]);
    };
    const move = (running: Optional, batch: Tensor) => {
      if (running) writeRunning(running, running.add(batch.sub(running).mul(momentum)), normal);
    };
    move(runningMean, stat(STAT.mean));
    move(runningVar, stat(STAT.variance).mul(count / (count - 1)));
  });
}

/** Writes a statistic that is computed with the next run that computes `source`. */
function writeRunning(running: Tensor, value: Tensor, source: Batch["normal"]): void {
  const node = build.cast(value.node, running.dtype);
  if (running.storage.shared !== undefined) running.assign(node);
  else if (writeWaiting(running.storage, node, source)) realizeNodes([node], running.device);
}

/**
 * Group normalization (Wu and He 2018, arXiv 1803.08494) of x [N, C, …]: over each of `numGroups` groups of channels.
 *
 * @throws SHAPE_MISMATCH when the channels do not fall into groups
 * @example
 * ```ts
 * groupNorm(ones([2, 6, 4]), 3).shape; // [2, 6, 4]
 * ```
 */
export function groupNorm(x: Tensor, numGroups: number, weight?: Optional, bias?: Optional, eps = 1e-5): Tensor {
  requireTensors("groupNorm", x);
  requireOptionalTensor("groupNorm", 3, weight);
  requireOptionalTensor("groupNorm", 4, bias);
  if (x.ndim < 2) throw shapeError(`Expected at least 2 dimensions for input tensor but received ${x.ndim}`);
  const channels = Number(x.dims[1]);
  if (!(numGroups > 0) || channels % numGroups !== 0) {
    throw shapeError(
      `Expected number of channels in input to be divisible by num_groups, but got input of shape ${showShape(x.dims)} and num_groups=${numGroups}`,
      undefined,
      { shape: x.dims, numGroups },
    );
  }
  requireChannels(weight, channels, "weight", x.dims);
  requireChannels(bias, channels, "bias", x.dims);
  return affine(inRows(x, [x.dims[0] ?? 1, numGroups], eps), weight, bias);
}

function requireChannels(tensor: Optional, channels: number, name: string, shape: Shape): void {
  if (!tensor || (tensor.ndim === 1 && tensor.dims[0] === channels)) return;
  throw shapeError(
    `Expected ${name} to be a vector of size equal to the number of channels in input, but got ${name} of shape ${showShape(tensor.dims)} and input of shape ${showShape(shape)}`,
  );
}

/** Each of the rows that `lead` makes of x, normalized. */
function inRows(x: Tensor, lead: readonly Dim[], eps: number): Tensor {
  if (x.dims.includes(0)) return x.clone();
  const count = x.dims.reduce<number>((all, dim) => all * Number(dim), 1);
  const width = count / lead.reduce<number>((all, dim) => all * Number(dim), 1);
  const fill = (value: number) => build.expand(build.constant(value, x.dtype), [width]);
  return x.map((node) => {
    const rows = build.layerNorm(build.reshape(node, [...lead, width]), fill(1), fill(0), eps);
    return build.reshape(rows, node.shape);
  });
}

/** Weights, mode and numbers of an instance normalization. */
export interface InstanceNormOptions {
  runningMean?: Optional;
  runningVar?: Optional;
  weight?: Optional;
  bias?: Optional;
  /** Statistics of each plane, which also move the running ones where there are some; else the running ones. */
  useInputStats?: boolean;
  momentum?: number;
  eps?: number;
}

const instanceNormOptions = optionsOf<InstanceNormOptions>({
  runningMean: true,
  runningVar: true,
  weight: true,
  bias: true,
  useInputStats: true,
  momentum: true,
  eps: true,
});

/**
 * Instance normalization (Ulyanov et al. 2016, arXiv 1607.08022) of x [N, C, …]: over each plane by itself.
 *
 * @throws SHAPE_MISMATCH when a plane has one element alone
 * @example
 * ```ts
 * instanceNorm(tensor([[[1, 3]]], { dtype: "float32" })).tolistSync(); // [[[-0.9999949932098389, 0.9999949932098389]]]
 * ```
 */
export function instanceNorm(x: Tensor, given?: InstanceNormOptions): Tensor {
  requireTensors("instanceNorm", x);
  const {
    runningMean,
    runningVar,
    weight,
    bias,
    useInputStats = true,
    momentum = 0.1,
    eps = 1e-5,
  } = instanceNormOptions("instanceNorm", given);
  if (!useInputStats) return batchNorm(x, runningMean, runningVar, { weight, bias, eps });
  if (x.ndim < 2) {
    throw shapeError(`Expected more than 1 spatial element when training, got input size ${torchSize(x.dims)}`);
  }
  const channels = Number(x.dims[1]);
  const vectors = { running_mean: runningMean, running_var: runningVar, weight, bias };
  for (const [name, tensor] of Object.entries(vectors)) requireVector(tensor, channels, name);
  const axes = x.dims.map((_, axis) => axis).slice(2);
  const count = axes.reduce((all, axis) => all * Number(x.dims[axis]), 1);
  if (count === 1) {
    throw shapeError(
      `Expected more than 1 spatial element when training, got input size ${torchSize(x.dims)}`,
      "The variance of a plane of one element is 0.",
      { shape: x.dims },
    );
  }
  if (!runningMean && !runningVar) return affine(inRows(x, x.dims.slice(0, 2), eps), weight, bias);
  const normal = build.standardize(x.node, axes, eps);
  moveRunning({ x, normal, axes, count, momentum, runningMean, runningVar });
  return affine(Tensor.fromNode(normal, [x]), weight, bias);
}

/**
 * x / (k + α / size · Σ x²)^β, the sum over `size` neighbouring channels (Krizhevsky et al. 2012). [N, C, ...] → [N, C,
 * ...].
 *
 * @throws SHAPE_MISMATCH for fewer than three axes
 *
 * @example
 * ```ts
 * localResponseNorm(ones([1, 2, 1]), 1, { alpha: 3, beta: 1 }).tolistSync(); // [[[0.25], [0.25]]]
 * ```
 */
export function localResponseNorm(
  x: Tensor,
  size: number,
  given?: { alpha?: number; beta?: number; k?: number },
): Tensor {
  requireTensors("localResponseNorm", x);
  const { alpha = 1e-4, beta = 0.75, k = 1 } = responseOptions("localResponseNorm", given);
  if (x.ndim < 3) throw shapeError(`Expected 3D or higher dimensionality input (got ${x.ndim} dimensions)`);
  if (x.dims.includes(0)) return x.clone();
  requireType("localResponseNorm", "number", size, 2);
  return x.map((node) => {
    const planes = build.reshape(build.square(node), [Number(node.shape[0]), 1, Number(node.shape[1]), -1]);
    const [before, after] = [
      [Math.floor(size / 2), 0],
      [Math.floor((size - 1) / 2), 0],
    ];
    const windows = { kernel: [size, 1], stride: [1, 1], dilation: [1, 1], before, after };
    const mean = build.reshape(build.avgPool(planes, windows), node.shape);
    const scale = build.shift(build.scale(mean, alpha), k);
    return build.div(node, build.pow(scale, build.constant(beta, node.dtype)));
  });
}
