// A scheduler that lowers the learning rate when a metric no longer gets better.
// Reads neither time nor disk.
import { optionsOf } from "../../options.ts";
import type { Optimizer } from "../optimizer.ts";
import { perGroup, type SchedulerState, schedulerOption } from "./base.ts";

/** When a measure counts as no better, and what becomes of the rate then. */
export interface PlateauOptions {
  /** Whether less or more is better. */
  mode?: "min" | "max";
  factor?: number;
  /** Epochs without getting better that are borne. */
  patience?: number;
  /** What counts as better: by this part, or by this much. */
  threshold?: number;
  thresholdMode?: "rel" | "abs";
  /** Epochs after a reduction in which none counts as bad. */
  cooldown?: number;
  minLr?: number | readonly number[];
  /** Smaller changes of the rate are left out. */
  eps?: number;
}

const plateauOptions = optionsOf<PlateauOptions>({
  mode: true,
  factor: true,
  patience: true,
  threshold: true,
  thresholdMode: true,
  cooldown: true,
  minLr: true,
  eps: true,
});

/**
 * The learning rate times `factor` after more than `patience` epochs in which the metric did not get better.
 *
 * @throws SCHEDULER_OPTION for a factor from 1 on
 *
 * @example
 * ```ts
 * const optimizer = new SGD([zeros([1])], { lr: 1 });
 * const scheduler = new ReduceLROnPlateau(optimizer, { patience: 1, factor: 0.5 });
 * for (const loss of [0.9, 0.9, 0.9]) scheduler.step(loss);
 * optimizer.lr; // 0.5
 * ```
 */
export class ReduceLROnPlateau {
  readonly optimizer: Optimizer;
  readonly #minLr: number | readonly number[];
  #state: { best: number; numBadEpochs: number; cooldownCounter: number; lastEpoch: number; lastLr: number[] };
  readonly #options: Required<Omit<PlateauOptions, "minLr">>;

  constructor(optimizer: Optimizer, given?: PlateauOptions) {
    const { minLr = 0, ...options } = plateauOptions("ReduceLROnPlateau", given);
    const rule = { mode: "min", factor: 0.1, patience: 10, threshold: 1e-4, thresholdMode: "rel" } as const;
    this.#options = { ...rule, cooldown: 0, eps: 1e-8, ...options };
    const { mode, thresholdMode } = this.#options;
    if (mode !== "min" && mode !== "max")
      throw schedulerOption(`mode ${String(mode)} is unknown!`, 'It is "min" or "max".');
    if (thresholdMode !== "rel" && thresholdMode !== "abs") {
      throw schedulerOption(`threshold mode ${String(thresholdMode)} is unknown!`, 'It is "rel" or "abs".');
    }
    if (!(this.#options.factor < 1)) throw schedulerOption("Factor should be < 1.0.", "It multiplies the rate down.");
    perGroup("min_lr", optimizer, minLr);
    this.optimizer = optimizer;
    this.#minLr = minLr;
    const worst = this.#options.mode === "min" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    this.#state = { best: worst, numBadEpochs: 0, cooldownCounter: 0, lastEpoch: 0, lastLr: this.#rates() };
  }

  /** Measures seen. */
  get lastEpoch(): number {
    return this.#state.lastEpoch;
  }

  /** Takes the metric of an epoch. */
  step(metric: number): void {
    const state = this.#state;
    state.lastEpoch++;
    if (this.#isBetter(metric)) {
      state.best = metric;
      state.numBadEpochs = 0;
    } else state.numBadEpochs++;
    if (state.cooldownCounter > 0) {
      state.cooldownCounter--;
      state.numBadEpochs = 0;
    }
    if (state.numBadEpochs > this.#options.patience) {
      this.#reduce();
      state.cooldownCounter = this.#options.cooldown;
      state.numBadEpochs = 0;
    }
    state.lastLr = this.#rates();
  }

  /** The rates of the groups after the last step. */
  getLastLr(): number[] {
    return [...this.#state.lastLr];
  }

  /** State for a checkpoint: plain numbers and lists of them. */
  stateDict(): SchedulerState {
    return structuredClone(this.#state);
  }

  /** Takes up the state of another ReduceLROnPlateau. */
  loadStateDict(state: SchedulerState): void {
    for (const name of Object.keys(this.#state)) {
      if (typeof state[name] === "number" || Array.isArray(state[name])) continue;
      throw schedulerOption(`The state lacks "${name}".`, "Load the state of a ReduceLROnPlateau.");
    }
    Object.assign(this.#state, structuredClone(state));
  }

  #isBetter(value: number): boolean {
    const { mode, threshold, thresholdMode } = this.#options;
    const { best } = this.#state;
    const sign = mode === "min" ? -1 : 1;
    const bar = thresholdMode === "rel" ? best * (1 + sign * threshold) : best + sign * threshold;
    return mode === "min" ? value < bar : value > bar;
  }

  #reduce(): void {
    const least = perGroup("min_lr", this.optimizer, this.#minLr);
    for (const [index, group] of this.optimizer.paramGroups.entries()) {
      const next = Math.max(group.lr * this.#options.factor, least[index] ?? 0);
      if (group.lr - next > this.#options.eps) group.lr = next;
    }
  }

  #rates(): number[] {
    return this.optimizer.paramGroups.map(({ lr }) => lr);
  }
}
