// Scopes that follow async code: whether gradients are recorded, and the default device.
// Two interleaved async functions each keep their own.
import { AsyncLocalStorage } from "node:async_hooks";

interface Scope {
  grad: boolean;
}

const scopes = new AsyncLocalStorage<Scope>();

export function gradEnabled(): boolean {
  return scopes.getStore()?.grad ?? true;
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
  return scopes.run({ grad: false }, fn);
}

/** Runs `fn` with gradients recorded, also inside noGrad. */
export function enableGrad<Result>(fn: () => Result): Result {
  return scopes.run({ grad: true }, fn);
}
