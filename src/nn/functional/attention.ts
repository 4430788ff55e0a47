// Scaled dot-product attention and its masks.
// Holds no weights.
import { AbrazoError } from "../../errors.ts";
import * as build from "../../graph/build.ts";
import { isFloat } from "../../graph/dtype.ts";
import type { Dim } from "../../graph/shape.ts";
import { optionsOf } from "../../options.ts";
import { requireTensors } from "../../tensor/arguments.ts";
import { cat, Tensor } from "../../tensor/index.ts";
import { dropout } from "./dropout.ts";
import { arangeLike } from "./embedding.ts";

/** Mask, scale and dropout of attention. */
export interface AttentionOptions {
  /** Broadcast to [..., T, S]: of a float dtype it is added to the scores; of bool, true lets a query see a key. */
  attnMask?: Tensor | undefined;
  /** Each query sees keys up to its own place. */
  isCausal?: boolean;
  /** Keys and values of P tokens before these, [B, H, P, d]: attended to as they lie, never joined with the new ones. */
  past?: { key: Tensor; value: Tensor } | undefined;
  dropoutP?: number;
  /** False leaves the dropout out. */
  training?: boolean;
  /** In place of 1 / √d. */
  scale?: number | undefined;
}

const attentionOptions = optionsOf<AttentionOptions>({
  attnMask: true,
  isCausal: true,
  past: true,
  dropoutP: true,
  training: true,
  scale: true,
});

/** Scores that no softmax gives a weight to, and that are no infinity. */
const LEAST: Readonly<Record<string, number>> = { float16: -65504 };
const least = (x: Tensor): number => LEAST[x.dtype] ?? -3.4028234663852886e38;

/**
 * softmax(q kᵀ / √d + mask) v for q [..., T, d], k [..., S, d], v [..., S, e]: [..., T, e]
 * (Vaswani et al. 2017, arXiv 1706.03762). A query that a bool mask lets see nothing gives 0.
 *
 * @throws ATTENTION_MASK where isCausal goes with a mask or a past
 *
 * @example
 * ```ts
 * const x = ones([2, 4, 5, 8]);
 * scaledDotProductAttention(x, x, x, { isCausal: true }).shape; // [2, 4, 5, 8]
 * ```
 */
export function scaledDotProductAttention(q: Tensor, k: Tensor, v: Tensor, given?: AttentionOptions): Tensor {
  requireTensors("scaledDotProductAttention", q, k, v);
  const {
    attnMask,
    isCausal = false,
    past,
    dropoutP = 0,
    training = true,
    scale,
  } = attentionOptions("scaledDotProductAttention", given);
  if (isCausal && (attnMask !== undefined || past !== undefined)) {
    throw new AbrazoError({
      code: "ATTENTION_MASK",
      message: "Explicit attn_mask should not be set when is_causal=True",
      hint: "Put the causal part into the mask, or leave one of them out; after past tokens a mask is needed.",
    });
  }
  const mask = isCausal ? causalMask(q, k) : attnMask;
  const keys = past === undefined ? [k] : [past.key, k];
  const weights = dropout(attentionWeights(q, keys, mask, scale), dropoutP, training);
  if (past === undefined) return weights.matmul(v);
  const [before, now] = [past.key.dims[2] ?? 0, k.dims[2] ?? 0];
  const part = (start: Dim, length: Dim) => weights.map((node) => build.narrow(node, 3, start, length));
  return part(0, before).matmul(past.value).add(part(before, now).matmul(v)); // [B, H, T, d]
}

/**
 * Weights [..., T, S] of the keys, which may lie in several parts.
 *
 * @example
 * ```ts
 * const q = ones([1, 2, 8]);
 * attentionWeights(q, [q]).tolistSync(); // [[[0.5, 0.5], [0.5, 0.5]]]
 * ```
 */
export function attentionWeights(q: Tensor, keys: readonly Tensor[], mask?: Tensor, scale?: number): Tensor {
  const scaled = q.mul(scale ?? 1 / Math.sqrt(Number(q.dims.at(-1)))); // [..., T, d]
  const product = (key: Tensor) => Tensor.fromNode(build.matmul(scaled.node, key.node, true), [scaled, key]);
  const [only, ...others] = keys.map(product);
  const scores = only !== undefined && others.length === 0 ? only : cat(keys.map(product), -1); // [..., T, S]
  if (mask === undefined) return scores.softmax(-1);
  if (isFloat(mask.dtype)) return scores.add(mask).softmax(-1);
  const seen = mask.to("bool");
  return scores.maskedFill(seen.logicalNot(), least(scores)).softmax(-1).mul(seen.to(scores.dtype));
}

/**
 * [T, S] bool: keys up to the query's own place.
 *
 * @example
 * ```ts
 * causalMask(ones([3, 8]), ones([3, 8])).tolistSync(); // [[true, false, false], [true, true, false], [true, true, true]]
 * ```
 */
export function causalMask(q: Tensor, k: Tensor): Tensor {
  return arangeLike(k, -2).unsqueeze(0).le(arangeLike(q, -2).unsqueeze(1));
}

/**
 * An additive mask [B, 1, 1, T] from an attention mask of ones and zeros [B, T]: 0 where there is text, else the least
 * float32.
 *
 * @example
 * ```ts
 * extendMask(tensor([[1, 1, 0]])).eq(0).tolistSync(); // [[[[true, true, false]]]]
 * ```
 */
export function extendMask(attentionMask: Tensor): Tensor {
  requireTensors("extendMask", attentionMask);
  const padding = attentionMask.unsqueeze(1).unsqueeze(1).eq(0).to("float32");
  return padding.mul(least(padding));
}
