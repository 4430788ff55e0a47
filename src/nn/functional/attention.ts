// Scaled dot-product attention and its masks.
// Holds no weights.
import * as build from "../../graph/build.ts";
import type { Dim } from "../../graph/shape.ts";
import { cat, Tensor } from "../../tensor/index.ts";
import { dropout } from "./dropout.ts";

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
