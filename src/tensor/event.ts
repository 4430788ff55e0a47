// Marks in time between which recorded work is measured: torch.cuda.Event for every device.
// Knows no operation.
import { AbrazoError } from "../errors.ts";
import { optionsOf } from "../options.ts";
import { requireTensors } from "./arguments.ts";
import type { Tensor } from "./tensor.ts";
import { compute, finish } from "./timing.ts";

const eventOptions = optionsOf<{ enableTiming?: boolean }>({ enableTiming: true });

/**
 * A mark in time. Operations are only recorded here, so a mark computes first what was recorded since the mark before
 * it: the time between two marks is the time of the work between them. Of equal expressions one is computed.
 *
 * @throws EVENT where times are asked of marks that have none
 *
 * @example
 * ```ts
 * const [start, end] = [new Event({ enableTiming: true }), new Event({ enableTiming: true })];
 * const [a, b] = [rand([100, 100]), rand([100, 100])];
 * start.record(a, b);
 * const c = a.matmul(b);
 * end.record();
 * synchronize();
 * start.elapsedTime(end) > 0; // true
 * ```
 */
export class Event {
  readonly #isTimed: boolean;
  #at: number | undefined;

  constructor(given?: { enableTiming?: boolean }) {
    const { enableTiming = false } = eventOptions("Event", given);
    this.#isTimed = enableTiming;
  }

  /** Sets the mark, after what was recorded since the last mark, and `first`, has been computed. */
  record(...first: Tensor[]): void {
    finish(true);
    compute(first);
    this.#at = performance.now();
  }

  /** Ends the measurement: nothing is remembered from here on. What was recorded before this mark is computed already. */
  synchronize(): void {
    finish(false);
  }

  /** True once the mark is set: everything before it is then computed. */
  query(): boolean {
    return this.#at !== undefined;
  }

  /**
   * Milliseconds from this mark to another.
   *
   * @throws EVENT where one was made without enableTiming, or is not set
   */
  elapsedTime(end: Event): number {
    if (!this.#isTimed || !end.#isTimed) {
      throw eventError(
        "Both events must be created with argument 'enable_timing=True'.",
        "new Event({ enableTiming: true })",
      );
    }
    if (this.#at === undefined || end.#at === undefined) {
      throw eventError("Both events must be recorded before calculating elapsed time.", "Call record() on both.");
    }
    return end.#at - this.#at;
  }
}

/**
 * Computes what was recorded since an event was set, and the tensors named; returns when the devices are through.
 *
 * @example
 * ```ts
 * const c = ones([2, 2]).matmul(ones([2, 2]));
 * synchronize(c);
 * c.tolistSync(); // [[2, 2], [2, 2]]
 * ```
 */
export function synchronize(...tensors: Tensor[]): void {
  requireTensors("synchronize", ...tensors);
  finish(false);
  compute(tensors);
}

function eventError(message: string, hint: string): AbrazoError {
  return new AbrazoError({ code: "EVENT", message, hint });
}
