// Filling tensors with random numbers in place, and drawing from the probabilities that a tensor holds.
// Draws on the host, from PyTorch's stream: the elements are there at once.
import { AbrazoError } from "../../errors.ts";
import * as build from "../../graph/build.ts";
import { type DType, isFloat, type TypedArray } from "../../graph/dtype.ts";
import { makeLeaf } from "../../graph/leaf.ts";
import { shapeError } from "../../graph/shape.ts";
import { optionsOf } from "../../options.ts";
import { decode } from "../convert.ts";
import { drawFrom, drawFromNormal, drawIntegers, drawNormal, drawUniform, drawWhole } from "../draw.ts";
import { defaultGenerator, type Generator } from "../rng.ts";
import type { Tensor } from "../tensor.ts";
import { integers } from "./support.ts";

export interface Draw {
  generator?: Generator;
}

export const drawOptions = optionsOf<Draw>({ generator: true });

type Fill = (generator: Generator, dtype: DType, length: number) => TypedArray;

/** The axes from the one whose neighbours lie farthest apart to the one whose neighbours are next to each other. */
export function memoryOrder(tensor: Tensor): number[] {
  const strides = tensor.stride();
  return [...strides.keys()].sort((a, b) => (strides[b] ?? 0) - (strides[a] ?? 0) || a - b);
}

/** Elements are drawn in the order in which they lie in memory, as in PyTorch. */
function fill(tensor: Tensor, { generator = defaultGenerator }: Draw, draw: Fill): Tensor {
  const { shape } = tensor;
  const order = memoryOrder(tensor);
  const data = draw(generator, tensor.dtype, tensor.numel());
  const drawn = makeLeaf(
    order.map((axis) => shape[axis] ?? 1),
    tensor.dtype,
    { kind: "host", data },
  );
  return tensor.write(
    build.permute(
      drawn,
      order.map((_, axis) => order.indexOf(axis)),
    ),
  );
}

export function parameterError(message: string): AbrazoError {
  return new AbrazoError({ code: "BAD_PARAMETER", message, hint: "See the bounds in the message." });
}

export function requireFloat(dtype: DType, name: string): void {
  if (isFloat(dtype)) return;
  throw new AbrazoError({
    code: "DTYPE_UNSUPPORTED",
    message: `"${name}" not implemented for ${dtype}`,
    hint: 'Pass { dtype: "float32" }, or convert the tensor first.',
    data: { dtype },
  });
}

type Real = number | bigint;

function random_(this: Tensor, options?: Draw): Tensor;
function random_(this: Tensor, to: Real, options?: Draw): Tensor;
function random_(this: Tensor, from: Real, to: Real | undefined, options?: Draw): Tensor;
function random_(this: Tensor, ...args: readonly (Real | Draw | undefined)[]): Tensor {
  const options = drawOptions(
    "random_",
    args.find((arg) => typeof arg === "object"),
  );
  const [first, second] = args.filter((arg) => typeof arg !== "object");
  if (first === undefined) return fill(this, options, drawWhole);
  const [from, to] = second === undefined ? [0, first] : [first, second];
  requireSpan(from, to);
  return fill(this, options, (generator, dtype, length) =>
    drawIntegers(generator, dtype, length, BigInt(from), BigInt(to)),
  );
}

export function requireSpan(from: Real, to: Real): void {
  if (![from, to].every((bound) => typeof bound === "bigint" || Number.isInteger(bound))) {
    throw parameterError(`random_ expects whole numbers, but got from=${from}, to=${to}`);
  }
  if (from < to) return;
  throw parameterError(`random_ expects 'from' to be less than 'to', but got from=${from} >= to=${to}`);
}

/** True with a probability each, from numbers in [0, 1) of the probabilities' own precision. */
export function drawTruth(generator: Generator, probabilities: Tensor): Uint8Array {
  const data = probabilities.dataSync();
  const { dtype } = probabilities;
  const draw = dtype === "float64" ? () => generator.double() : () => generator.float();
  return Uint8Array.from({ length: data.length }, (_, at) => {
    const p = decode(data, dtype, at);
    if (!(p >= 0 && p <= 1))
      throw parameterError(`bernoulli expects all probabilities to be in [0, 1], but got p=${p}`);
    return draw() < p ? 1 : 0;
  });
}

function bernoulli_(this: Tensor, p: number | Tensor = 0.5, given?: Draw): Tensor {
  const options = drawOptions("bernoulli_", given);
  if (typeof p !== "number") {
    requireFloat(p.dtype, "bernoulli_tensor_cpu_p_");
    const probabilities = p.expand(this.shape).contiguous();
    const truth = drawTruth(options.generator ?? defaultGenerator, probabilities);
    return this.write(makeLeaf(this.shape, "bool", { kind: "host", data: truth }));
  }
  if (!(p >= 0 && p <= 1)) throw parameterError(`bernoulli_ expects p to be in [0, 1], but got p=${p}`);
  return fill(this, options, (generator, dtype, length) =>
    drawFrom(generator, dtype, length, (uniform) => (uniform < p ? 1 : 0)),
  );
}

export interface Sampling extends Draw {
  replacement?: boolean;
}

const samplingOptions = optionsOf<Sampling>({ ...drawOptions.names, replacement: true });

/** Rows of probabilities, checked as PyTorch checks them. */
function requireProbabilities(rows: readonly (readonly number[])[], samples: number, replacement: boolean): void {
  const size = rows[0]?.length ?? 0;
  if (!(Number.isInteger(samples) && samples > 0)) throw parameterError("cannot sample n_sample <= 0 samples");
  if (!replacement && samples > size) {
    throw parameterError("cannot sample n_sample > prob_dist.size(-1) samples without replacement");
  }
  for (const row of rows) {
    if (!row.every((p) => p >= 0 && Number.isFinite(p))) {
      throw parameterError("probability tensor contains either `inf`, `nan` or element < 0");
    }
    if (!row.some((p) => p > 0)) {
      throw parameterError("invalid multinomial distribution (sum of probabilities <= 0)");
    }
  }
}

/** With replacement: where a uniform number falls among the sums of the probabilities. */
function drawBySums(
  generator: Generator,
  row: readonly number[],
  samples: number,
  round: (x: number) => number,
): number[] {
  let total = 0;
  const sums = row.map((p) => (total = round(total + p))).map((sum) => round(sum / total));
  return Array.from({ length: samples }, () => {
    const uniform = generator.double();
    let [low, high] = [0, row.length];
    while (high > low) {
      const middle = low + Math.floor((high - low) / 2);
      if ((sums[middle] ?? 1) < uniform) low = middle + 1;
      else high = middle;
    }
    return Math.min(low, row.length - 1);
  });
}

/** Without: the largest of p / e with e exponential, which is drawn with probability p each time. */
function drawByRaces(
  row: readonly number[],
  times: readonly number[],
  samples: number,
  round: (x: number) => number,
): number[] {
  const scores = row.map((p, at) => round(p / (times[at] ?? 1)));
  return [...row.keys()].sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0)).slice(0, samples);
}

export const randomMethods = {
  /** Uniform numbers in [from, to), in place. */
  uniform_(this: Tensor, from = 0, to = 1, given?: Draw): Tensor {
    const options = drawOptions("uniform_", given);
    requireFloat(this.dtype, "check_uniform_bounds");
    if (!(from <= to)) {
      throw parameterError(`uniform_ expects to return a [from, to) range, but found from=${from} > to=${to}`);
    }
    return fill(this, options, (generator, dtype, length) => drawUniform(generator, dtype, length, from, to));
  },
  /** Normal numbers, in place. */
  normal_(this: Tensor, mean = 0, std = 1, given?: Draw): Tensor {
    const options = drawOptions("normal_", given);
    requireFloat(this.dtype, "normal_kernel_cpu");
    if (!(std >= 0)) throw parameterError(`normal expects std >= 0.0, but found std ${std}`);
    const inBlocks = this.isContiguous();
    return fill(this, options, (generator, dtype, length) =>
      drawNormal(generator, dtype, length, { mean, std, inBlocks }),
    );
  },
  /**
   * Whole numbers in place: in [from, to), in [0, to), or from 0 to the largest of the dtype.
   *
   * @example
   * ```ts
   * manualSeed(7);
   * await zeros([5]).random_(10).tolist(); // [5, 2, 1, 6, 3]
   * ```
   */
  random_,
  /** 1 with probability `p` (a number, or a tensor that broadcasts), else 0, in place. */
  bernoulli_,
  /** 1 with the probability that each element is, else 0: a new tensor. */
  bernoulli(this: Tensor, given?: Draw): Tensor {
    const options = drawOptions("bernoulli", given);
    requireFloat(this.dtype, "bernoulli_tensor_cpu_p_");
    return this.detach().clone().bernoulli_(this.detach(), options);
  },
  /** Exponential numbers of rate `lambda`, in place. */
  exponential_(this: Tensor, lambda = 1, given?: Draw): Tensor {
    const options = drawOptions("exponential_", given);
    requireFloat(this.dtype, "exponential_kernel_cpu");
    if (!(lambda > 0)) throw parameterError(`exponential_ expects lambda > 0.0, but found lambda=${lambda}`);
    return fill(this, options, (generator, dtype, length) =>
      drawFrom(generator, dtype, length, (uniform) => (-1 / lambda) * Math.log1p(-uniform)),
    );
  },
  /** Numbers of Cauchy's distribution, in place. */
  cauchy_(this: Tensor, median = 0, sigma = 1, given?: Draw): Tensor {
    const options = drawOptions("cauchy_", given);
    requireFloat(this.dtype, "cauchy_cpu");
    if (!(sigma > 0)) throw parameterError(`cauchy_ expects sigma > 0.0, but found sigma=${sigma}`);
    return fill(this, options, (generator, dtype, length) =>
      drawFrom(generator, dtype, length, (uniform) => median + sigma * Math.tan(Math.PI * (uniform - 0.5))),
    );
  },
  /** e to the power of normal numbers, in place; mean and deviation are those of the exponent. */
  logNormal_(this: Tensor, mean = 1, std = 2, given?: Draw): Tensor {
    const options = drawOptions("logNormal_", given);
    requireFloat(this.dtype, "log_normal_cpu");
    if (!(std > 0)) throw parameterError(`log_normal_ expects std > 0.0, but found std=${std}`);
    return fill(this, options, (generator, dtype, length) =>
      drawFromNormal(generator, dtype, length, (normal) => Math.exp(normal * std + mean)),
    );
  },
  /** Trials up to the first success of probability `p`, in place. */
  geometric_(this: Tensor, p: number, given?: Draw): Tensor {
    const options = drawOptions("geometric_", given);
    if (!(p > 0 && p < 1)) throw parameterError(`geometric_ expects p to be in (0, 1), but got p=${p}`);
    return fill(this, options, (generator, dtype, length) =>
      drawFrom(generator, dtype, length, (uniform) => Math.ceil(Math.log(uniform) / Math.log1p(-p))),
    );
  },
  /**
   * Places drawn with the probabilities of a row, which need not sum to 1: int64, [samples] or [rows, samples].
   *
   * @example
   * ```ts
   * manualSeed(7);
   * await tensor([0.1, 0.2, 0.7]).multinomial(5, { replacement: true }).tolist(); // [1, 1, 2, 2, 2]
   * ```
   */
  multinomial(this: Tensor, samples: number, given?: Sampling): Tensor {
    const { replacement = false, generator = defaultGenerator } = samplingOptions("multinomial", given);
    requireFloat(this.dtype, "multinomial");
    if (this.ndim < 1 || this.ndim > 2) throw shapeError("prob_dist must be 1 or 2 dim");
    const [count, size] = this.ndim === 1 ? [1, this.size(0)] : [this.size(0), this.size(1)];
    const data = this.dataSync();
    const rows = Array.from({ length: count }, (_, row) =>
      Array.from({ length: size }, (_, at) => decode(data, this.dtype, row * size + at)),
    );
    requireProbabilities(rows, samples, replacement);
    const round = this.dtype === "float64" ? (x: number) => x : Math.fround;
    const picked =
      replacement && samples > 1
        ? rows.map((row) => drawBySums(generator, row, samples, round))
        : rows
            .map((row) => row.map(() => round(-Math.log1p(-generator.double()))))
            .map((times, row) => drawByRaces(rows[row] ?? [], times, samples, round));
    const shape = this.ndim === 1 ? [samples] : [count, samples];
    return integers(BigInt64Array.from(picked.flat(), BigInt), shape, this.device);
  },
};
