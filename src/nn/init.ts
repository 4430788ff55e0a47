// torch.nn.init: filling parameters in place, from PyTorch's stream of random numbers. No gradient is recorded.
// Knows no layer.
import { AbrazoError } from "../errors.ts";
import { optionsOf } from "../options.ts";
import { tensorOf } from "../tensor/arguments.ts";
import { encode } from "../tensor/convert.ts";
import { fromHost } from "../tensor/host.ts";
import { defaultGenerator, type Generator, noGrad, randperm, type Tensor, zeros } from "../tensor/index.ts";
import { drawOptions } from "../tensor/methods/random.ts";

const sparseOptions = optionsOf<Draw & { std?: number }>({ generator: true, std: true });

/** Where random numbers come from. */
export interface Draw {
  /** Where numbers are drawn from; the default generator when absent. */
  generator?: Generator;
}

/**
 * Uniform in [a, b).
 *
 * @example
 * ```ts
 * init.uniform_(new Linear(2, 1).weight, -0.1, 0.1).shape; // [1, 2]
 * ```
 */
export function uniform_(tensor: Tensor, a = 0, b = 1, given?: Draw): Tensor {
  const options = drawOptions("uniform_", given);
  return noGrad(() => tensorOf("uniform_", tensor).uniform_(a, b, options));
}

/**
 * Normal of mean and deviation.
 *
 * @example
 * ```ts
 * init.normal_(zeros([2, 3]), 0, 0.02).shape; // [2, 3]
 * ```
 */
export function normal_(tensor: Tensor, mean = 0, std = 1, given?: Draw): Tensor {
  const options = drawOptions("normal_", given);
  return noGrad(() => tensorOf("normal_", tensor).normal_(mean, std, options));
}

/**
 * Normal of mean and deviation, without what lies outside [a, b]: numbers there are drawn again. Where less than 0.3 of
 * the distribution lies inside, uniform numbers are taken with the probability of their density instead, as in PyTorch.
 *
 * @example
 * ```ts
 * init.truncNormal_(zeros([3]), 0, 1, -0.5, 0.5).abs().max().itemSync() <= 0.5; // true
 * ```
 */
export function truncNormal_(tensor: Tensor, mean = 0, std = 1, a = -2, b = 2, given?: Draw): Tensor {
  const options = drawOptions("truncNormal_", given);
  const cdf = (x: number) => (1 + erf((x - mean) / std / Math.SQRT2)) / 2;
  const like = () => zeros(tensorOf("truncNormal_", tensor).shape, { dtype: tensor.dtype });
  const values =
    cdf(b) - cdf(a) > 0.3 ? redrawn(like, mean, std, a, b, options) : accepted(like, mean, std, a, b, options);
  return put(tensor, values);
}

function numbersOf(tensor: Tensor): number[] {
  const data = tensor.to("float64").dataSync();
  return Array.from({ length: data.length }, (_, place) => Number(data[place]));
}

/** Whole tensors are drawn until each place has had a number inside the bounds. */
function redrawn(like: () => Tensor, mean: number, std: number, a: number, b: number, options: Draw): number[] {
  const values = numbersOf(normal_(like(), mean, std, options));
  const isOut = (value: number) => value < Math.fround(a) || value > Math.fround(b);
  while (values.some(isOut)) {
    const next = numbersOf(normal_(like(), mean, std, options));
    for (const [place, value] of values.entries()) if (isOut(value)) values[place] = next[place] ?? value;
  }
  return values;
}

function accepted(like: () => Tensor, mean: number, std: number, a: number, b: number, options: Draw): number[] {
  const density = (value: number) => -0.5 * ((value - mean) / std) ** 2;
  const peak = density(Math.max(a, Math.min(mean, b)));
  const values = new Array<number>(like().numel()).fill(mean);
  let pending = values.map(() => true);
  while (pending.includes(true)) {
    const candidates = numbersOf(uniform_(like(), a, b, options));
    const chances = numbersOf(uniform_(like(), 0, 1, options));
    for (const [place, isPending] of pending.entries()) if (isPending) values[place] = candidates[place] ?? mean;
    pending = pending.map(
      (isPending, place) => isPending && Math.log(chances[place] ?? 1) > density(candidates[place] ?? mean) - peak,
    );
  }
  return values;
}

/** Each element through a function, on the host. */
function fill(tensor: Tensor, transform: (value: number, place: number) => number): Tensor {
  return put(tensor, numbersOf(tensor).map(transform));
}

function put(tensor: Tensor, values: readonly number[]): Tensor {
  return noGrad(() => tensor.copy_(fromHost(encode(values, "float64"), tensor.shape, "float64")));
}

/**
 * One value everywhere.
 *
 * @example
 * ```ts
 * init.constant_(zeros([2]), 0.5).tolistSync(); // [0.5, 0.5]
 * ```
 */
export function constant_(tensor: Tensor, value: number): Tensor {
  return noGrad(() => tensorOf("constant_", tensor).fill_(value));
}

/**
 * Ones everywhere.
 *
 * @example
 * ```ts
 * init.ones_(zeros([2])).tolistSync(); // [1, 1]
 * ```
 */
export function ones_(tensor: Tensor): Tensor {
  return constant_(tensor, 1);
}

/**
 * Zeros everywhere.
 *
 * @example
 * ```ts
 * init.zeros_(ones([2])).tolistSync(); // [0, 0]
 * ```
 */
export function zeros_(tensor: Tensor): Tensor {
  return constant_(tensor, 0);
}

/**
 * Ones on the diagonal of a matrix, zeros elsewhere.
 *
 * @throws SHAPE_MISMATCH for other than two axes
 *
 * @example
 * ```ts
 * init.eye_(zeros([2, 3])).tolistSync(); // [[1, 0, 0], [0, 1, 0]]
 * ```
 */
export function eye_(tensor: Tensor): Tensor {
  if (tensorOf("eye_", tensor).ndim !== 2) throw rankError("Only tensors with 2 dimensions are supported");
  const width = tensor.size(1);
  return fill(tensor, (_, place) => (Math.floor(place / width) === place % width ? 1 : 0));
}

/**
 * The kernel [out, in / groups, …] of a convolution that keeps as many channels as it can.
 *
 * @throws SHAPE_MISMATCH for other than three to five axes
 *
 * @example
 * ```ts
 * init.dirac_(zeros([1, 1, 3])).tolistSync(); // [[[0, 1, 0]]]
 * ```
 */
export function dirac_(tensor: Tensor, groups = 1): Tensor {
  const { shape } = tensorOf("dirac_", tensor);
  const [out = 0, inside = 0, ...kernel] = shape;
  if (kernel.length < 1 || kernel.length > 3) throw rankError("Only tensors with 3, 4, or 5 dimensions are supported");
  if (out % groups !== 0) throw rankError("dim 0 must be divisible by groups");
  const perGroup = out / groups;
  const size = kernel.reduce((product, dim) => product * dim, 1);
  const middle = kernel.reduce((place, dim) => place * dim + Math.floor(dim / 2), 0);
  return fill(tensor, (_, place) => {
    const [channel, within] = [Math.floor(place / size), place % size];
    const [row, column] = [Math.floor(channel / inside), channel % inside];
    return within === middle && row % perGroup === column ? 1 : 0;
  });
}

function rankError(message: string): AbrazoError {
  return new AbrazoError({ code: "SHAPE_MISMATCH", message, hint: "See the shape of the tensor." });
}

/** How many inputs an output has, and how many outputs an input: [out, in, …kernel]. */
function fans(tensor: Tensor): { fanIn: number; fanOut: number } {
  if (tensor.ndim < 2) {
    throw rankError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions");
  }
  const [out = 1, inside = 1, ...kernel] = tensor.shape;
  const field = kernel.reduce((product, dim) => product * dim, 1);
  return { fanIn: inside * field, fanOut: out * field };
}

/**
 * Uniform in ±gain √(6 / (fan in + fan out)) (Glorot and Bengio 2010).
 *
 * @example
 * ```ts
 * init.xavierUniform_(new Linear(10, 5).weight).abs().max().itemSync() <= Math.sqrt(6 / 15); // true
 * ```
 */
export function xavierUniform_(tensor: Tensor, gain = 1, given?: Draw): Tensor {
  const options = drawOptions("xavierUniform_", given);
  const { fanIn, fanOut } = fans(tensorOf("xavierUniform_", tensor));
  const bound = Math.sqrt(3) * (gain * Math.sqrt(2 / (fanIn + fanOut)));
  return uniform_(tensor, -bound, bound, options);
}

/**
 * Normal of deviation gain √(2 / (fan in + fan out)) (Glorot and Bengio 2010).
 *
 * @example
 * ```ts
 * init.xavierNormal_(new Linear(10, 5).weight).shape; // [5, 10]
 * ```
 */
export function xavierNormal_(tensor: Tensor, gain = 1, given?: Draw): Tensor {
  const options = drawOptions("xavierNormal_", given);
  const { fanIn, fanOut } = fans(tensorOf("xavierNormal_", tensor));
  return normal_(tensor, 0, gain * Math.sqrt(2 / (fanIn + fanOut)), options);
}

/** The nonlinearities whose gain is known, by PyTorch's names. */
export type Nonlinearity =
  | "linear"
  | "conv1d"
  | "conv2d"
  | "conv3d"
  | "conv_transpose1d"
  | "conv_transpose2d"
  | "conv_transpose3d"
  | "sigmoid"
  | "tanh"
  | "relu"
  | "leaky_relu"
  | "selu";

/** Which deviation Kaiming's initialization takes. */
export interface KaimingOptions extends Draw {
  /** Slope of leaky_relu below 0. */
  a?: number;
  /** Whether the variance is kept going forward ("fan_in") or back ("fan_out"). */
  mode?: "fan_in" | "fan_out";
  nonlinearity?: Nonlinearity;
}

const kaimingOptions = optionsOf<KaimingOptions>({ generator: true, a: true, mode: true, nonlinearity: true });

function kaimingDeviation(tensor: Tensor, { a = 0, mode = "fan_in", nonlinearity = "leaky_relu" }: KaimingOptions) {
  if (mode !== "fan_in" && mode !== "fan_out") {
    throw new AbrazoError({
      code: "INIT_MODE",
      message: `Mode ${String(mode)} not supported, please use one of ['fan_in', 'fan_out']`,
      hint: '"fan_in" keeps the variance going forward, "fan_out" going back.',
    });
  }
  const { fanIn, fanOut } = fans(tensor);
  return calculateGain(nonlinearity, a) / Math.sqrt(mode === "fan_in" ? fanIn : fanOut);
}

/**
 * Uniform in ±gain √(3 / fan) (He et al. 2015, arXiv 1502.01852).
 *
 * @example
 * ```ts
 * init.kaimingUniform_(zeros([3, 4]), { nonlinearity: "relu" }).shape; // [3, 4]
 * ```
 */
export function kaimingUniform_(tensor: Tensor, given?: KaimingOptions): Tensor {
  const { generator = defaultGenerator, ...rule } = kaimingOptions("kaimingUniform_", given);
  if (tensorOf("kaimingUniform_", tensor).shape.includes(0)) return tensor;
  const bound = Math.sqrt(3) * kaimingDeviation(tensor, rule);
  return uniform_(tensor, -bound, bound, { generator });
}

/**
 * Normal of deviation gain / √fan (He et al. 2015, arXiv 1502.01852).
 *
 * @example
 * ```ts
 * init.kaimingNormal_(new Linear(10, 5).weight, { mode: "fan_out", nonlinearity: "relu" }).shape; // [5, 10]
 * ```
 */
export function kaimingNormal_(tensor: Tensor, given?: KaimingOptions): Tensor {
  const { generator = defaultGenerator, ...rule } = kaimingOptions("kaimingNormal_", given);
  if (tensorOf("kaimingNormal_", tensor).shape.includes(0)) return tensor;
  return normal_(tensor, 0, kaimingDeviation(tensor, rule), { generator });
}

/**
 * What a nonlinearity shrinks deviations by, inverted.
 *
 * @throws UNKNOWN_NONLINEARITY
 *
 * @example
 * ```ts
 * init.calculateGain("leaky_relu", 0.2); // 1.3867504905630728
 * ```
 */
export function calculateGain(nonlinearity: Nonlinearity, param?: number): number {
  if (nonlinearity === "tanh") return 5 / 3;
  if (nonlinearity === "relu") return Math.SQRT2;
  if (nonlinearity === "leaky_relu") return Math.sqrt(2 / (1 + (param ?? 0.01) ** 2));
  if (nonlinearity === "selu") return 3 / 4;
  if (nonlinearity === "sigmoid" || nonlinearity === "linear" || String(nonlinearity).startsWith("conv")) return 1;
  throw new AbrazoError({
    code: "UNKNOWN_NONLINEARITY",
    message: `Unsupported nonlinearity ${nonlinearity}`,
    hint: "Known: linear, conv1d, …, sigmoid, tanh, relu, leaky_relu, selu.",
  });
}

/**
 * A (semi-)orthogonal matrix, over the first axis and all others (Saxe et al. 2014, arXiv 1312.6120): the Q of normal
 * numbers, with the signs that make the diagonal of R positive.
 *
 * @throws SHAPE_MISMATCH for fewer than two axes
 *
 * @example
 * ```ts
 * const w = init.orthogonal_(zeros([2, 2]));
 * w.matmul(w.t()).allclose(eye(2), { atol: 1e-6 }); // true
 * ```
 */
export function orthogonal_(tensor: Tensor, gain = 1, given?: Draw): Tensor {
  const options = drawOptions("orthogonal_", given);
  if (tensorOf("orthogonal_", tensor).ndim < 2) throw rankError("Only tensors with 2 or more dimensions are supported");
  if (tensor.numel() === 0) return tensor;
  const rows = tensor.size(0);
  const columns = tensor.numel() / rows;
  const drawn = normal_(tensor, 0, 1, options).to("float64").dataSync();
  // Vectors to be made orthogonal: columns of a tall matrix, rows of a wide one.
  const [count, length] = rows < columns ? [rows, columns] : [columns, rows];
  const at = (vector: number, place: number) => (rows < columns ? vector * columns + place : place * columns + vector);
  const vectors = Array.from({ length: count }, (_, vector) =>
    Float64Array.from({ length }, (_, place) => Number(drawn[at(vector, place)])),
  );
  orthonormalize(vectors);
  const values = new Array<number>(rows * columns);
  for (const [vector, elements] of vectors.entries()) {
    for (const [place, element] of elements.entries()) values[at(vector, place)] = element * gain;
  }
  return put(tensor, values);
}

/** Gram and Schmidt's way, each vector twice, so that rounding leaves nothing of the others. */
function orthonormalize(vectors: readonly Float64Array[]): void {
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, place) => sum + value * (b[place] ?? 0), 0);
  for (const [index, vector] of vectors.entries()) {
    for (const earlier of [...vectors.slice(0, index), ...vectors.slice(0, index)]) {
      const share = dot(vector, earlier);
      for (let place = 0; place < vector.length; place++) {
        vector[place] = (vector[place] ?? 0) - share * (earlier[place] ?? 0);
      }
    }
    const norm = Math.sqrt(dot(vector, vector));
    for (let place = 0; place < vector.length; place++) vector[place] = (vector[place] ?? 0) / norm;
  }
}

/**
 * Normal of deviation `std`, with a share `sparsity` of each column set to 0 (Martens 2010).
 *
 * @throws SHAPE_MISMATCH for other than two axes
 *
 * @example
 * ```ts
 * init.sparse_(zeros([4, 3]), 0.5).eq(0).sum(0).tolistSync(); // [2, 2, 2]
 * ```
 */
export function sparse_(tensor: Tensor, sparsity: number, given?: Draw & { std?: number }): Tensor {
  const { std = 0.01, generator = defaultGenerator } = sparseOptions("sparse_", given);
  if (tensorOf("sparse_", tensor).ndim !== 2) throw rankError("Only tensors with 2 dimensions are supported");
  const [rows, columns] = [tensor.size(0), tensor.size(1)];
  const dropped = Math.ceil(sparsity * rows);
  normal_(tensor, 0, std, { generator });
  const zeroed = new Set<number>();
  for (let column = 0; column < columns; column++) {
    const order = randperm(rows, { generator }).dataSync();
    for (let at = 0; at < dropped; at++) zeroed.add(Number(order[at]) * columns + column);
  }
  return fill(tensor, (value, place) => (zeroed.has(place) ? 0 : value));
}

/** Abramowitz and Stegun: the series 7.1.5 near 0, beyond it the continued fraction 7.1.14 of 1 - erf x. */
function erf(x: number): number {
  const size = Math.abs(x);
  if (size > 2.5) {
    let fraction = 0;
    for (let k = 60; k > 0; k--) fraction = k / 2 / (size + fraction);
    return Math.sign(x) * (1 - Math.exp(-size * size) / Math.sqrt(Math.PI) / (size + fraction));
  }
  let [term, sum] = [x, x];
  for (let n = 1; Math.abs(term) > 1e-17; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}
