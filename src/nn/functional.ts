// Stateless functions of torch.nn.functional: compositions of operations.
// Holds no state; dropout takes its randomness from the step that is running.
import { AsyncLocalStorage } from "node:async_hooks";
import { AbrazoError } from "../errors.ts";
import * as build from "../graph/build.ts";
import type { Dim } from "../graph/shape.ts";
import { cat, fromTypedArray, Tensor } from "../tensor/index.ts";

/** x Wᵀ + b, with W [out, in]. */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const product = Tensor.fromNode(build.matmul(x.node, weight.node, true), [x, weight]);
  return bias === undefined ? product : product.add(bias);
}

/** Rows of `weight` [V, D] at `ids` of any shape [...]: [..., D]. */
export function embedding(ids: Tensor, weight: Tensor): Tensor {
  return Tensor.fromNode(build.gather(weight.node, ids.node, 0), [weight]);
}

/** Layer normalization over the last axis. */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, eps: number): Tensor {
  return Tensor.fromNode(build.layerNorm(x.node, weight.node, bias.node, eps), [x, weight, bias]);
}

/** int64 0, 1, … up to the size of one axis, also where that size is only known at run time. */
export function arangeLike(x: Tensor, dim: number): Tensor {
  return Tensor.fromNode(build.arangeLike(x.node, dim < 0 ? dim + x.ndim : dim), []);
}

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

export interface CrossEntropyOptions {
  /** Class targets of this value count for nothing; no share of probability targets can be left out. */
  ignoreIndex?: number;
  /** Share of the target spread evenly over all classes (Szegedy et al. 2016). */
  labelSmoothing?: number;
  /** "mean" over the targets that count, or "none": one loss for each. */
  reduction?: "mean" | "none";
}

/**
 * Cross entropy of logits [..., C]: against class indices, int64 [...], or against probabilities of the classes, [..., C]
 * of the logits' dtype.
 */
export function crossEntropy(
  logits: Tensor,
  target: Tensor,
  { ignoreIndex = -100, labelSmoothing = 0, reduction = "mean" }: CrossEntropyOptions = {},
): Tensor {
  const logProbabilities = logits.logSoftmax(-1); // [..., C]
  const smooth = (each: Tensor) =>
    labelSmoothing === 0 ? each : each.mul(1 - labelSmoothing).add(logProbabilities.mean(-1).neg().mul(labelSmoothing)); // [...]
  if (target.dtype === logits.dtype) {
    if (ignoreIndex >= 0) throw ignoredProbabilities(ignoreIndex);
    const each = smooth(target.mul(logProbabilities).sum(-1).neg());
    return reduction === "none" ? each : each.mean();
  }
  const keep = target.ne(ignoreIndex); // [...]
  const safe = target.mul(keep.to("int64"));
  const each = smooth(logProbabilities.gather(-1, safe.unsqueeze(-1)).squeeze(-1).neg()); // [...]
  const weight = keep.to(logits.dtype);
  return reduction === "none" ? each.mul(weight) : each.mul(weight).sum().div(weight.sum());
}

function ignoredProbabilities(ignoreIndex: number): AbrazoError {
  return new AbrazoError({
    code: "IGNORE_INDEX",
    message: `ignore_index is not supported for floating point target; got ${ignoreIndex}`,
    hint: 'Leave ignoreIndex out, and weigh the rows of reduction: "none" instead.',
  });
}

export interface AttentionOptions {
  /** Additive, broadcast to [B, H, T, P + T]. */
  mask?: Tensor;
  /** Keys and values of P tokens before these, [B, H, P, d]: attended to as they lie, never joined with the new ones. */
  past?: { key: Tensor; value: Tensor } | undefined;
  dropoutP?: number;
  training?: boolean;
}

/**
 * softmax(q kᵀ / √d + mask) v for q, k, v of [B, H, T, d]
 * (Vaswani et al. 2017, arXiv 1706.03762).
 */
export function scaledDotProductAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  { mask, past, dropoutP = 0, training = false }: AttentionOptions = {},
): Tensor {
  const width = Number(q.dims.at(-1));
  const scaled = q.mul(1 / Math.sqrt(width)); // [B, H, T, d]
  const product = (keys: Tensor) => Tensor.fromNode(build.matmul(scaled.node, keys.node, true), [scaled, keys]);
  const scores = past === undefined ? product(k) : cat([product(past.key), product(k)], -1); // [B, H, T, P + T]
  const weights = dropout((mask === undefined ? scores : scores.add(mask)).softmax(-1), dropoutP, training);
  if (past === undefined) return weights.matmul(v);
  const [before, now] = [past.key.dims[2] ?? 0, k.dims[2] ?? 0];
  const part = (start: Dim, length: Dim) => weights.map((node) => build.narrow(node, 3, start, length));
  return part(0, before).matmul(past.value).add(part(before, now).matmul(v)); // [B, H, T, d]
}

/** An additive mask [B, 1, 1, T] from an attention mask of ones and zeros [B, T]: 0 where there is text, else the least float32. */
export function extendMask(attentionMask: Tensor): Tensor {
  const least = -3.4028234663852886e38;
  const padding = attentionMask.unsqueeze(1).unsqueeze(1).eq(0).to("float32");
  return padding.mul(least);
}

const ACTIVATIONS: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  gelu: (x) => x.gelu(),
  gelu_new: (x) => x.gelu({ approximate: "tanh" }),
  gelu_pytorch_tanh: (x) => x.gelu({ approximate: "tanh" }),
  relu: (x) => x.relu(),
  tanh: (x) => x.tanh(),
  silu: (x) => x.mul(x.sigmoid()),
};

/** The activation of a config's name, e.g. "gelu_new". */
export function activation(name: string): (x: Tensor) => Tensor {
  const found = ACTIVATIONS[name];
  if (found !== undefined) return found;
  throw new AbrazoError({
    code: "UNKNOWN_ACTIVATION",
    message: `There is no activation "${name}".`,
    hint: `Known: ${Object.keys(ACTIVATIONS).join(", ")}.`,
  });
}
