// Lengths of vectors and distances between them.
// Holds no weights.
import * as build from "../../graph/build.ts";
import { broadcast } from "../../graph/shape.ts";
import { optionsOf } from "../../options.ts";
import { requireTensors } from "../../tensor/arguments.ts";
import type { Tensor } from "../../tensor/index.ts";
import { distanceOptions } from "./options.ts";

const normalizeOptions = optionsOf<{ p?: number; dim?: number; eps?: number }>({ p: true, dim: true, eps: true });

/** The p-norm along an axis, but at least `least`; where it is less, no gradient flows. */
function lengthOf(x: Tensor, p: number, dim: number, keepDim: boolean, least: number): Tensor {
  const size = x.abs();
  if (p === Number.POSITIVE_INFINITY) return atLeast(size.amax(dim, keepDim), least);
  if (p === 0) return x.ne(0).to(x.dtype).sum(dim, keepDim);
  if (p === 1) return atLeast(size.sum(dim, keepDim), least);
  const power = p === 2 ? x.square().sum(dim, keepDim) : size.pow(p).sum(dim, keepDim);
  // The root has no slope at 0: there its argument is 1, and the result is not taken.
  const root = power.map((node) => {
    const positive = build.greater(node, build.constant(0, node.dtype));
    const safe = build.where(positive, node, build.constant(1, node.dtype));
    const taken = p === 2 ? build.call("sqrt", [safe]) : build.pow(safe, build.constant(1 / p, node.dtype));
    return build.where(positive, taken, build.constant(0, node.dtype));
  });
  return atLeast(root, least);
}

function atLeast(x: Tensor, least: number): Tensor {
  if (least === 0) return x;
  return x.map((node) => {
    const limit = build.constant(least, node.dtype);
    return build.where(build.less(node, limit), limit, node);
  });
}

/**
 * x over its p-norm along an axis, the norm being at least `eps`. [...] → [...].
 *
 * @example
 * ```ts
 * normalize(tensor([[3, 4]]).to("float32")).tolistSync(); // [[0.6, 0.8]]
 * ```
 */
export function normalize(x: Tensor, given?: { p?: number; dim?: number; eps?: number }): Tensor {
  requireTensors("normalize", x);
  const { p = 2, dim = 1, eps = 1e-12 } = normalizeOptions("normalize", given);
  return x.div(lengthOf(x, p, dim, true, eps));
}

/**
 * Cosine of the angle between vectors along an axis; each norm is at least `eps`. [..., D, ...] and a shape that
 * broadcasts with it → without that axis.
 *
 * @example
 * ```ts
 * cosineSimilarity(tensor([[3, 4]]).to("float32"), tensor([[6, 8]]).to("float32")).tolistSync(); // [1]
 * ```
 */
export function cosineSimilarity(x1: Tensor, x2: Tensor, dim = 1, eps = 1e-8): Tensor {
  requireTensors("cosineSimilarity", x1, x2);
  const shape = broadcast(x1.dims, x2.dims);
  const unit = (x: Tensor) => normalize(x.expand(shape), { dim, eps });
  return unit(x1).mul(unit(x2)).sum(dim);
}

/**
 * The p-norm of x₁ - x₂ + ε over the last axis. [..., D] and a shape that broadcasts with it → [...].
 *
 * @example
 * ```ts
 * pairwiseDistance(tensor([[3, 4]]).to("float32"), zeros([1, 2])).tolistSync(); // [5.0000014…]
 * ```
 */
export function pairwiseDistance(
  x1: Tensor,
  x2: Tensor,
  given?: { p?: number; eps?: number; keepDim?: boolean },
): Tensor {
  requireTensors("pairwiseDistance", x1, x2);
  const { p = 2, eps = 1e-6, keepDim = false } = distanceOptions("pairwiseDistance", given);
  return lengthOf(x1.sub(x2).add(eps), p, -1, keepDim, 0);
}
