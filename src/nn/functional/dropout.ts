// Dropout, and the step that its masks come from.
// Holds no state; the randomness is that of the step which is running, or else of the default generator.
import { AsyncLocalStorage } from "node:async_hooks";
import { requireFunction } from "../../arguments.ts";
import { AbrazoError } from "../../errors.ts";
import * as build from "../../graph/build.ts";
import type { Dim, Shape } from "../../graph/shape.ts";
import { requireTensors } from "../../tensor/arguments.ts";
import { fromTypedArray, Tensor } from "../../tensor/index.ts";
import { defaultGenerator } from "../../tensor/rng.ts";
import { drawnAnew } from "../../tensor/trace.ts";

interface DropoutState {
  seed: number;
  step: number;
  next: number;
}

const dropoutScope = new AsyncLocalStorage<DropoutState>();

/**
 * Runs one training step: dropout masks inside depend on the seed, the step and the place of the call, on nothing else.
 *
 * @example
 * ```ts
 * const mask = () => dropoutStep(1, 7, () => dropout(ones([100]), 0.5));
 * mask().equal(mask()); // true
 * ```
 */
export function dropoutStep<Result>(seed: number, step: number, fn: () => Result): Result {
  requireFunction("dropoutStep", fn, 3);
  return dropoutScope.run({ seed, step, next: 0 }, fn);
}

/**
 * Zeros each element with probability `p` and scales the others by 1 / (1 - p); the identity when not training. Outside
 * dropoutStep the mask is drawn from the default generator, so that manualSeed() repeats it. [...] → [...].
 *
 * @example
 * ```ts
 * dropout(ones([2]), 0.5, false).tolistSync(); // [1, 1]
 * ```
 */
export function dropout(x: Tensor, p = 0.5, training = true): Tensor {
  requireTensors("dropout", x);
  checkProbability(p);
  if (!training || p === 0) return x;
  if (p === 1) return x.mul(0);
  const mask = build.scale(build.cast(keepMask(x.dims, p), x.dtype), 1 / (1 - p));
  return Tensor.fromNode(build.mul(x.node, mask), [x]);
}

/**
 * Zeros whole channels of [N, C, L] (or [C, L]) with probability `p`.
 *
 * @example
 * ```ts
 * dropout1d(ones([1, 2, 3]), 0.5, false).shape; // [1, 2, 3]
 * ```
 */
export function dropout1d(x: Tensor, p = 0.5, training = true): Tensor {
  requireTensors("dropout1d", x);
  return dropoutChannels("dropout1d", x, p, training, 1);
}

/**
 * Zeros whole channels of [N, C, H, W] (or [C, H, W]) with probability `p`.
 *
 * @example
 * ```ts
 * dropout2d(ones([1, 3, 4, 4])).shape; // [1, 3, 4, 4]
 * ```
 */
export function dropout2d(x: Tensor, p = 0.5, training = true): Tensor {
  requireTensors("dropout2d", x);
  return dropoutChannels("dropout2d", x, p, training, 2);
}

/**
 * Zeros whole channels of [N, C, D, H, W] (or [C, D, H, W]) with probability `p`.
 *
 * @example
 * ```ts
 * dropout3d(ones([1, 8, 3, 3, 3])).shape; // [1, 8, 3, 3, 3]
 * ```
 */
export function dropout3d(x: Tensor, p = 0.5, training = true): Tensor {
  requireTensors("dropout3d", x);
  return dropoutChannels("dropout3d", x, p, training, 3);
}

/**
 * Sets elements with probability `p` to the value that SELU saturates at, and shifts and scales so that mean 0 and
 * variance 1 are kept (Klambauer et al. 2017, arXiv 1706.02515): a (x · kept + α' · dropped) + b with α' = -λα. [...] →
 * [...].
 *
 * @example
 * ```ts
 * alphaDropout(ones([2]), 0.5, false).tolistSync(); // [1, 1]
 * ```
 */
export function alphaDropout(x: Tensor, p = 0.5, training = false): Tensor {
  checkProbability(p);
  if (!training || p === 0) return x;
  if (p === 1) return x.mul(0);
  const low = -1.7580993408473766;
  const scale = 1 / Math.sqrt((low * low * p + 1) * (1 - p));
  const kept = keepMask(x.dims, p);
  const node = build.where(kept, x.node, build.constant(low, x.dtype));
  const shifted = build.shift(build.scale(node, scale), -scale * low * p);
  return Tensor.fromNode(shifted, [x]);
}

function dropoutChannels(name: string, x: Tensor, p: number, training: boolean, spatial: number): Tensor {
  checkProbability(p);
  const { dims } = x;
  if (dims.length !== spatial + 1 && dims.length !== spatial + 2) {
    throw new AbrazoError({
      code: "SHAPE_MISMATCH",
      message: `${name}: Expected ${spatial + 1}D or ${spatial + 2}D input, but received a ${dims.length}D input.`,
      hint: "Channels come right before the spatial axes; the batch comes first.",
    });
  }
  if (!training || p === 0) return x;
  if (p === 1) return x.mul(0);
  const shape: Dim[] = dims.map((dim, axis) => (axis < dims.length - spatial ? dim : 1));
  const mask = build.scale(build.cast(keepMask(shape, p), x.dtype), 1 / (1 - p));
  return Tensor.fromNode(build.mul(x.node, mask), [x]);
}

/** A bool node of a shape, true with probability 1 - p. */
function keepMask(shape: Shape, p: number) {
  const seed = fromTypedArray(nextSeed()).node;
  drawnAnew(seed, nextSeed);
  return build.greaterEqual(build.hashUniform(seed, shape), build.constant(p, "float32"));
}

/**
 * Throws where a probability of dropout does not lie in [0, 1].
 *
 * @example
 * ```ts
 * checkProbability(1.5); // throws dropout probability has to be between 0 and 1, but got 1.5
 * ```
 */
export function checkProbability(p: number): void {
  if (p >= 0 && p <= 1) return;
  throw new AbrazoError({
    code: "DROPOUT_PROBABILITY",
    message: `dropout probability has to be between 0 and 1, but got ${p}`,
    hint: "0 keeps everything, 1 drops everything.",
  });
}

/** Two float32 offsets in [0, 1024): the graph's input, so that another mask needs no other graph. */
function nextSeed(): Float32Array {
  const state = dropoutScope.getStore();
  if (state === undefined) return Float32Array.of(defaultGenerator.float() * 1024, defaultGenerator.float() * 1024);
  return mixed(state.seed, state.step, state.next++);
}

function mixed(seed: number, step: number, place: number): Float32Array {
  let h = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(step + 1, 0xc2b2ae35) ^ Math.imul(place + 1, 0x27d4eb2f);
  const next = () => {
    h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
    h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
    h ^= h >>> 15;
    return (h >>> 0) / 2 ** 22;
  };
  return new Float32Array([next(), next()]);
}
