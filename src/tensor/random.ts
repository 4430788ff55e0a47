// Tensors of random numbers as PyTorch's CPU draws them, from the same seed the same ones.
// The only state is whether numbers are drawn at all: theirs is the generator's.
import { AbrazoError } from "../errors.ts";
import { allocate, type DType } from "../graph/dtype.ts";
import { broadcast, numeric, sizeOf } from "../graph/shape.ts";
import { optionsOf } from "../options.ts";
import { requireTensors, tensorOf } from "./arguments.ts";
import { encode } from "./convert.ts";
import { drawIntegers, drawNormal, drawUniform } from "./draw.ts";
import { type CreateOptions, createOptions, filled, fromHost, requireSizes } from "./host.ts";
import { type Draw, memoryOrder, parameterError, requireFloat, requireSpan } from "./methods/random.ts";
import { defaultGenerator, type Generator } from "./rng.ts";
import { Tensor } from "./tensor.ts";

/** What a new tensor is like, and where its numbers come from. */
export interface RandomOptions extends CreateOptions {
  generator?: Generator;
}

const randomOptions = optionsOf<RandomOptions>({ ...createOptions.names, generator: true });

let isSkipped = false;

/**
 * Layers made within `make` start with zeros in place of random numbers, which are not drawn: for weights that are read from a file
 * right after, as `torch.nn.utils.skip_init` has it. Drawing those of a large model takes longer than loading it.
 */
export function withoutDrawing<Made>(make: () => Made): Made {
  const before = isSkipped;
  isSkipped = true;
  try {
    return make();
  } finally {
    isSkipped = before;
  }
}

/**
 * Uniform in [0, 1): torch.rand's own stream. Float dtypes alone.
 *
 * @throws DTYPE_UNSUPPORTED for dtypes that are no floats; BAD_SIZE for sizes below 0
 *
 * @example
 * ```ts
 * manualSeed(7);
 * await rand([3]).tolist(); // [0.5349…, 0.1988…, 0.6592…]
 * ```
 */
export function rand(shape: readonly number[], given?: RandomOptions): Tensor {
  const { generator = defaultGenerator, ...options } = randomOptions("rand", given);
  const dtype = options.dtype ?? "float32";
  requireFloat(dtype, "check_uniform_bounds");
  const sizes = requireSizes(shape, dtype);
  return fromHost(drawUniform(generator, dtype, sizeOf(sizes)), sizes, dtype, options);
}

/**
 * Uniform in [low, high), float32 unless another float dtype is given.
 *
 * @throws DTYPE_UNSUPPORTED for dtypes that are no floats
 *
 * @example
 * ```ts
 * manualSeed(7);
 * uniform([2], -1, 1).tolistSync(); // [0.0698, -0.6024]
 * ```
 */
export function uniform(shape: readonly number[], low: number, high: number, given?: RandomOptions): Tensor {
  const { generator = defaultGenerator, ...options } = randomOptions("uniform", given);
  const dtype = options.dtype ?? "float32";
  requireFloat(dtype, "check_uniform_bounds");
  const sizes = requireSizes(shape, dtype);
  if (isSkipped) return fromHost(allocate(dtype, sizeOf(sizes)), sizes, dtype, options);
  return fromHost(drawUniform(generator, dtype, sizeOf(sizes), low, high), sizes, dtype, options);
}

/**
 * Standard normal: torch.randn's own stream. Float dtypes alone.
 *
 * @throws DTYPE_UNSUPPORTED for dtypes that are no floats; BAD_SIZE for sizes below 0
 *
 * @example
 * ```ts
 * manualSeed(7);
 * randn([3]).tolistSync(); // [-0.1468, 0.7861, 0.9468]
 * ```
 */
export function randn(shape: readonly number[], given?: RandomOptions): Tensor {
  const { generator = defaultGenerator, ...options } = randomOptions("randn", given);
  const dtype = options.dtype ?? "float32";
  requireFloat(dtype, "normal_kernel_cpu");
  const sizes = requireSizes(shape, dtype);
  if (isSkipped) return fromHost(allocate(dtype, sizeOf(sizes)), sizes, dtype, options);
  return fromHost(drawNormal(generator, dtype, sizeOf(sizes)), sizes, dtype, options);
}

/**
 * Normal numbers of given mean and deviation: of one of each with a shape, or of tensors, which broadcast.
 *
 * @throws BAD_SIZE for two numbers without a shape; BAD_PARAMETER for a deviation below 0
 *
 * @example
 * ```ts
 * normal(2, 3, [4]).shape; // [4]
 * normal(arange(3).to("float32"), 1).shape; // [3]
 * ```
 */
export function normal(
  mean: number | Tensor,
  std: number | Tensor = 1,
  shape?: readonly number[],
  given?: RandomOptions,
): Tensor {
  const options = randomOptions("normal", given);
  if (typeof std === "number" && !(std >= 0)) throw parameterError(`normal expects std >= 0.0, but found std ${std}`);
  const tensors = [mean, std].filter((given) => given instanceof Tensor);
  if (typeof mean === "number" && typeof std === "number") {
    if (shape === undefined) {
      throw new AbrazoError({
        code: "BAD_SIZE",
        message: "normal() of two numbers needs a size",
        hint: "normal(0, 1, [2, 3]).",
      });
    }
    const { generator = defaultGenerator, ...rest } = options;
    const dtype = rest.dtype ?? "float32";
    requireFloat(dtype, "normal_kernel_cpu");
    const sizes = requireSizes(shape, dtype);
    return fromHost(drawNormal(generator, dtype, sizeOf(sizes), { mean, std }), sizes, dtype, rest);
  }
  const [first, second] = tensors;
  const sizes = numeric(broadcast(first?.dims ?? [], second?.dims ?? [])) ?? [];
  const dtype = tensors.some((given) => given.dtype === "float64") ? "float64" : (first?.dtype ?? "float32");
  const drawn = randn(sizes, { ...options, dtype: options.dtype ?? dtype });
  const device = first?.device ?? "cpu";
  return drawn.to({ device }).mul(std).add(mean);
}

type Real = number | bigint;

/**
 * Whole numbers in [low, high), or [0, high), int64 unless a dtype is given. 64 random bits an element from spans of
 * 2^28 on, as PyTorch takes.
 *
 * @example
 * ```ts
 * manualSeed(7);
 * await randint(0, 10, [4]).tolist(); // [5, 2, 1, 6]
 * ```
 */
export function randint(high: Real, shape: readonly number[], options?: RandomOptions): Tensor;
export function randint(low: Real, high: Real, shape: readonly number[], options?: RandomOptions): Tensor;
export function randint(
  first: Real,
  second: Real | readonly number[],
  third?: readonly number[] | RandomOptions,
  fourth?: RandomOptions,
): Tensor {
  const isShort = typeof second === "object";
  const [low, high] = isShort ? [0, first] : [first, second];
  // safe because the overloads put the shape and the options there
  const shape = (isShort ? second : third) as readonly number[];
  const given = (isShort ? third : fourth) as RandomOptions | undefined;
  const { generator = defaultGenerator, ...options } = randomOptions("randint", given);
  const dtype: DType = options.dtype ?? "int64";
  requireSpan(low, high);
  const sizes = requireSizes(shape, dtype);
  const data = drawIntegers(generator, dtype, sizeOf(sizes), BigInt(low), BigInt(high));
  return fromHost(data, sizes, dtype, options);
}

/**
 * A random order of 0 … n-1, int64 unless a dtype is given.
 *
 * @example
 * ```ts
 * manualSeed(7);
 * randperm(5).tolistSync(); // [0, 1, 3, 2, 4]
 * ```
 */
export function randperm(n: number, given?: RandomOptions): Tensor {
  const { generator = defaultGenerator, ...options } = randomOptions("randperm", given);
  const dtype = options.dtype ?? "int64";
  const [size = 0] = requireSizes([n], dtype);
  return fromHost(encode(generator.permutation(size), dtype), [size], dtype, options);
}

/** Of what does not lie row by row in memory the numbers do not either: they are written into a tensor that lies alike. */
function drawnLike(
  where: string,
  like: Tensor,
  given: RandomOptions | undefined,
  { make, write }: { make: (options: RandomOptions) => Tensor; write: (tensor: Tensor, options: Draw) => Tensor },
): Tensor {
  const options = { dtype: like.dtype, device: like.device, ...randomOptions(where, given) };
  if (like.isContiguous()) return make(options);
  const order = memoryOrder(like);
  const { generator = defaultGenerator, requiresGrad = false, ...kind } = options;
  const sizes = order.map((axis) => like.size(axis));
  const lies = filled(sizes, 0, kind.dtype, kind).permute(order.map((_, axis) => order.indexOf(axis)));
  return write(lies, { generator }).requiresGrad_(requiresGrad);
}

/**
 * rand() in the shape, dtype and on the device of another tensor.
 *
 * @example
 * ```ts
 * manualSeed(7);
 * randLike(zeros([2])).tolistSync(); // [0.5349, 0.1988]
 * ```
 */
export const randLike = (like: Tensor, options?: RandomOptions): Tensor => {
  requireTensors("randLike", like);
  return drawnLike("randLike", like, options, {
    make: (kind) => rand(like.shape, kind),
    write: (tensor, draw) => tensor.uniform_(0, 1, draw),
  });
};
/**
 * randn() in the shape, dtype and on the device of another tensor.
 *
 * @example
 * ```ts
 * manualSeed(7);
 * randnLike(zeros([2])).tolistSync(); // [-0.1468, 0.7861]
 * ```
 */
export const randnLike = (like: Tensor, options?: RandomOptions): Tensor => {
  requireTensors("randnLike", like);
  return drawnLike("randnLike", like, options, {
    make: (kind) => randn(like.shape, kind),
    write: (tensor, draw) => tensor.normal_(0, 1, draw),
  });
};
/**
 * randint() in the shape, dtype and on the device of another tensor: of floats the numbers are whole too.
 *
 * @example
 * ```ts
 * manualSeed(7);
 * randintLike(zeros([3]), 0, 10).tolistSync(); // [5, 2, 1]
 * ```
 */
export const randintLike = (like: Tensor, low: Real, high: Real, options?: RandomOptions): Tensor => {
  requireTensors("randintLike", like);
  return drawnLike("randintLike", like, options, {
    make: (kind) => randint(low, high, tensorOf("randintLike", like).shape, kind),
    write: (tensor, draw) => tensor.random_(low, high, draw),
  });
};

/**
 * 1 with the probability that each element is, else 0; float tensors alone.
 *
 * @throws BAD_PARAMETER where an element is no probability
 *
 * @example
 * ```ts
 * bernoulli(tensor([0, 1]).to("float32")).tolistSync(); // [0, 1]
 * ```
 */
export const bernoulli = (probabilities: Tensor, given?: { generator?: Generator }): Tensor =>
  tensorOf("bernoulli", probabilities).bernoulli(given);
