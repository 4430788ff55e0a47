// Step → factor on the learning rate: pure functions, counted from 0 as in transformers, so a warm-up begins at 0.
// Read neither time nor disk.

/** The factor on the learning rate at a step. */
export type Schedule = (step: number) => number;

/**
 * Rises linearly over `warmup` steps and stays there.
 *
 * @example
 * ```ts
 * [0, 1, 2, 3].map(constantSchedule(2)); // [0, 0.5, 1, 1]
 * ```
 */
export function constantSchedule(warmup = 0): Schedule {
  return (step) => (step < warmup ? step / Math.max(1, warmup) : 1);
}

/**
 * Rises linearly over `warmup` steps, then falls linearly to 0 at `total`.
 *
 * @example
 * ```ts
 * [0, 1, 2, 3, 4].map(linearSchedule(2, 4)); // [0, 0.5, 1, 0.5, 0]
 * ```
 */
export function linearSchedule(warmup: number, total: number): Schedule {
  return (step) =>
    step < warmup ? step / Math.max(1, warmup) : Math.max(0, (total - step) / Math.max(1, total - warmup));
}

/**
 * Rises linearly over `warmup` steps, then falls as half a cosine to 0 at `total`.
 *
 * @example
 * ```ts
 * [0, 1, 2, 3, 4].map(cosineSchedule(2, 4)); // [0, 0.5, 1, 0.5, 0]
 * ```
 */
export function cosineSchedule(warmup: number, total: number): Schedule {
  return (step) => {
    if (step < warmup) return step / Math.max(1, warmup);
    const progress = Math.min(1, (step - warmup) / Math.max(1, total - warmup));
    return 0.5 * (1 + Math.cos(Math.PI * progress));
  };
}
