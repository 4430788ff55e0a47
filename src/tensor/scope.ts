// Scopes that follow async code: whether gradients are recorded, mixed precision, the search for numbers that are not finite.
// Two interleaved async functions each keep their own.
import { AsyncLocalStorage } from "node:async_hooks";
import { requireFunction } from "../arguments.ts";
import type { DType } from "../graph/dtype.ts";
import type { Node } from "../graph/node.ts";

/** What the search for numbers that are not finite remembers of each node. */
export interface AnomalyNotes {
  /** The node whose rule made a node of a gradient, and the input that the gradient is of. */
  origins: WeakMap<Node, { of: Node; index: number }>;
  stacks: WeakMap<Node, string>;
}

export interface Scope {
  grad: boolean;
  /** The dtype in which products are computed. */
  autocast?: DType | undefined;
  anomaly?: AnomalyNotes | undefined;
}

const scopes = new AsyncLocalStorage<Scope>();
const OUTSIDE: Scope = { grad: true };

export function currentScope(): Scope {
  return scopes.getStore() ?? OUTSIDE;
}

/** Runs `fn` in the scope of here, changed. */
export function inScope<Result>(change: Partial<Scope>, fn: () => Result): Result {
  return scopes.run({ ...currentScope(), ...change }, fn);
}

export function gradEnabled(): boolean {
  return currentScope().grad;
}

/**
 * Runs `fn` without recording gradients; results inside do not require grad.
 *
 * @example
 * ```ts
 * const w = ones([2], { requiresGrad: true });
 * noGrad(() => w.mul(2)).requiresGrad; // false
 * ```
 */
export function noGrad<Result>(fn: () => Result): Result {
  requireFunction("noGrad", fn);
  return inScope({ grad: false }, fn);
}

/**
 * Runs `fn` with gradients recorded, also inside noGrad.
 *
 * @example
 * ```ts
 * const w = ones([2], { requiresGrad: true });
 * noGrad(() => enableGrad(() => w.mul(2))).requiresGrad; // true
 * ```
 */
export function enableGrad<Result>(fn: () => Result): Result {
  requireFunction("enableGrad", fn);
  return inScope({ grad: true }, fn);
}

/**
 * Runs `fn` with gradients recorded or not.
 *
 * @example
 * ```ts
 * const w = ones([2], { requiresGrad: true });
 * setGradEnabled(false, () => w.mul(2)).requiresGrad; // false
 * ```
 */
export function setGradEnabled<Result>(mode: boolean, fn: () => Result): Result {
  requireFunction("setGradEnabled", fn, 2);
  return inScope({ grad: mode }, fn);
}

/**
 * Runs `fn` for its values alone. The same as noGrad here: PyTorch's saves the bookkeeping of versions and views, of which a
 * recorded graph has none.
 *
 * @example
 * ```ts
 * const w = ones([2], { requiresGrad: true });
 * inferenceMode(() => w.mul(2)).requiresGrad; // false
 * ```
 */
export function inferenceMode<Result>(fn: () => Result): Result {
  requireFunction("inferenceMode", fn);
  return inScope({ grad: false }, fn);
}

/**
 * Whether operations recorded here can be differentiated.
 *
 * @example
 * ```ts
 * noGrad(() => isGradEnabled()); // false
 * ```
 */
export function isGradEnabled(): boolean {
  return gradEnabled();
}
