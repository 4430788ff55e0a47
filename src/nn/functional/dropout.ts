// Dropout, and the step that its masks come from.
// Holds no state; the randomness is that of the step which is running.
import { AsyncLocalStorage } from "node:async_hooks";
import { AbrazoError } from "../../errors.ts";
import * as build from "../../graph/build.ts";
import { fromTypedArray, Tensor } from "../../tensor/index.ts";

interface DropoutState {
  seed: number;
  step: number;
  next: number;
}

const dropoutScope = new AsyncLocalStorage<DropoutState>();
const freeRunning: DropoutState = { seed: 0, step: 0, next: 0 };

/** Runs one training step: dropout masks inside depend on the seed, the step and the place of the call, on nothing else. */
export function dropoutStep<Result>(seed: number, step: number, fn: () => Result): Result {
  return dropoutScope.run({ seed, step, next: 0 }, fn);
}

/** Zeros each element with probability `p` and scales the others by 1 / (1 - p); the identity when not training. */
export function dropout(x: Tensor, p: number, training: boolean): Tensor {
  if (!training || p === 0) return x;
  if (p < 0 || p > 1) {
    throw new AbrazoError({
      code: "DROPOUT_PROBABILITY",
      message: `dropout probability has to be between 0 and 1, but got ${p}`,
      hint: "0 keeps everything, 1 drops everything.",
    });
  }
  if (p === 1) return x.mul(0);
  const state = dropoutScope.getStore() ?? freeRunning;
  const seed = fromTypedArray(dropoutSeed(state.seed, state.step, state.next++));
  const kept = build.greaterEqual(build.hashUniform(seed.node, x.shape), build.constant(p, "float32"));
  const mask = build.scale(build.cast(kept, x.dtype), 1 / (1 - p));
  return Tensor.fromNode(build.mul(x.node, mask), [x]);
}

/** Two float32 offsets in [0, 1024) mixed from three whole numbers: the graph's input, so that a new step needs no new graph. */
function dropoutSeed(seed: number, step: number, place: number): Float32Array {
  let h = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(step + 1, 0xc2b2ae35) ^ Math.imul(place + 1, 0x27d4eb2f);
  const next = () => {
    h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
    h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
    h ^= h >>> 15;
    return (h >>> 0) / 2 ** 22;
  };
  return new Float32Array([next(), next()]);
}
