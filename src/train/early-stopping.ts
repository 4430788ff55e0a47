// Early stopping: an end to training once a measured value has stopped getting better.
// Knows no loop and no model: the caller measures, and keeps the best weights where it wishes.
import { AbrazoError } from "../errors.ts";
import { optionsOf } from "../options.ts";

/** When a loop that no longer gets better ends. */
export interface EarlyStoppingOptions {
  /** Measurements without a better one before training ends. */
  patience?: number;
  /** What a measurement has to be better by to count. */
  minDelta?: number;
  /** "min" for a loss, "max" for an accuracy. */
  mode?: "min" | "max";
}

const earlyStoppingOptions = optionsOf<EarlyStoppingOptions>({ patience: true, minDelta: true, mode: true });

/** Where an EarlyStopping stands. */
export interface EarlyStoppingState {
  /** The best value; null before the first. */
  best: number | null;
  bestStep: number;
  steps: number;
}

/**
 * Says when to stop: after `patience` measurements in a row of which none was better than the best by more than `minDelta`.
 * A value that is no number is never better.
 *
 * @example
 * ```ts
 * const stopping = new EarlyStopping({ patience: 2 });
 * [0.9, 0.7, 0.8, 0.75].map((loss) => stopping.step(loss)); // [false, false, false, true]
 * stopping.best; // 0.7
 * stopping.stateDict(); // { best: 0.7, bestStep: 1, steps: 4 }
 * ```
 */
export class EarlyStopping {
  readonly #patience: number;
  readonly #minDelta: number;
  readonly #sign: 1 | -1;
  #best: number | undefined;
  #bestStep = -1;
  #steps = 0;

  constructor(given?: EarlyStoppingOptions) {
    const { patience = 5, minDelta = 0, mode = "min" } = earlyStoppingOptions("EarlyStopping", given);
    if (mode !== "min" && mode !== "max") {
      throw new AbrazoError({
        code: "EARLY_STOPPING_OPTION",
        message: `mode ${String(mode)} is unknown!`,
        hint: 'It is "min" for a loss, "max" for an accuracy.',
      });
    }
    if (!(Number.isInteger(patience) && patience > 0) || !(minDelta >= 0)) {
      throw new AbrazoError({
        code: "EARLY_STOPPING_OPTION",
        message: `patience has to be a whole number above 0 and minDelta 0 or more, but got ${patience} and ${minDelta}`,
        hint: "patience counts measurements, minDelta is in their unit.",
      });
    }
    this.#patience = patience;
    this.#minDelta = minDelta;
    this.#sign = mode === "min" ? -1 : 1;
  }

  /** The best value so far; undefined before the first. */
  get best(): number | undefined {
    return this.#best;
  }

  /** Whether the last measurement was the best so far: the moment to keep the weights. */
  get isBest(): boolean {
    return this.#steps > 0 && this.#bestStep === this.#steps - 1;
  }

  /** Takes a measurement; true when training should end. */
  step(value: number): boolean {
    const gain = this.#best === undefined ? Number.POSITIVE_INFINITY : this.#sign * (value - this.#best);
    if (!Number.isNaN(value) && gain > this.#minDelta) {
      this.#best = value;
      this.#bestStep = this.#steps;
    }
    this.#steps++;
    return this.#steps - 1 - this.#bestStep >= this.#patience;
  }

  /** What was measured so far: plain values, so that they can be stored with a checkpoint. */
  stateDict(): EarlyStoppingState {
    return { best: this.#best ?? null, bestStep: this.#bestStep, steps: this.#steps };
  }

  /**
   * Goes on where `stateDict()` stood.
   *
   * @throws BAD_STATE for what is no such state
   */
  loadStateDict({ best, bestStep, steps }: EarlyStoppingState): void {
    if (![bestStep, steps].every(Number.isInteger) || bestStep >= Math.max(steps, 0)) {
      throw new AbrazoError({
        code: "BAD_STATE",
        message: `This is no state of EarlyStopping: step ${bestStep} of ${steps} was the best.`,
        hint: "Pass what stateDict() returned.",
      });
    }
    [this.#best, this.#bestStep, this.#steps] = [best ?? undefined, bestStep, steps];
  }
}
