// Schedulers that move the learning rate up and down and the momentum against it (Smith 2017, arXiv 1506.01186 and 1708.07120).
// Reads neither time nor disk.
import { optionsOf } from "../../options.ts";
import type { Optimizer } from "../optimizer.ts";
import {
  LRScheduler,
  perGroup,
  requireWhole,
  type SchedulerOptions,
  schedulerOption,
  schedulerOptions,
} from "./base.ts";

interface MomentumOptions {
  /** Moves momentum, or Adam's first beta, against the learning rate. */
  cycleMomentum?: boolean;
  baseMomentum?: number | readonly number[];
  maxMomentum?: number | readonly number[];
}

function requireMomentum(optimizer: Optimizer): void {
  if ("momentum" in optimizer.defaults || "betas" in optimizer.defaults) return;
  throw schedulerOption(
    "optimizer must support momentum or beta1 with `cycle_momentum` option enabled",
    "Pass cycleMomentum: false for this optimizer.",
  );
}

function writeMomentum(optimizer: Optimizer, index: number, value: number): void {
  const group: { lr: number; betas?: readonly [number, number]; momentum?: number } | undefined =
    optimizer.paramGroups[index];
  if (group?.betas !== undefined) group.betas = [value, group.betas[1]];
  else if (group !== undefined) group.momentum = value;
}

/** Bounds, lengths and shape of a cycle. */
export interface CyclicOptions extends SchedulerOptions, MomentumOptions {
  baseLr: number | readonly number[];
  maxLr: number | readonly number[];
  stepSizeUp?: number;
  stepSizeDown?: number;
  /** Every cycle as high, half as high as the one before, or `gamma` to the power of the step. */
  mode?: "triangular" | "triangular2" | "exp_range";
  gamma?: number;
}

const cyclicOptions = optionsOf<CyclicOptions>({
  ...schedulerOptions.names,
  cycleMomentum: true,
  baseMomentum: true,
  maxMomentum: true,
  baseLr: "required",
  maxLr: "required",
  stepSizeUp: true,
  stepSizeDown: true,
  mode: true,
  gamma: true,
});

/**
 * Between `baseLr` and `maxLr`, linearly up in `stepSizeUp` steps and down in `stepSizeDown`, again and again.
 *
 * @example
 * ```ts
 * const optimizer = new SGD([zeros([1])], { momentum: 0.9 });
 * const scheduler = new CyclicLR(optimizer, { baseLr: 0.25, maxLr: 0.75, stepSizeUp: 2 });
 * const rates = scheduler.getLastLr();
 * for (let step = 1; step <= 4; step++) { optimizer.step(); scheduler.step(); rates.push(...scheduler.getLastLr()); }
 * rates; // [0.25, 0.5, 0.75, 0.5, 0.25]
 * ```
 */
export class CyclicLR extends LRScheduler {
  protected maxLrs: number[];
  protected totalSize: number;
  protected stepRatio: number;
  protected mode: string;
  protected gamma: number;
  protected cycleMomentum: boolean;
  protected baseMomentums: number[];
  protected maxMomentums: number[];

  constructor(optimizer: Optimizer, given: CyclicOptions) {
    const options = cyclicOptions("CyclicLR", given);
    const { baseLr, maxLr, stepSizeUp = 2000, stepSizeDown = stepSizeUp, mode = "triangular", gamma = 1 } = options;
    const { cycleMomentum = true, baseMomentum = 0.8, maxMomentum = 0.9, lastEpoch = -1 } = options;
    const baseLrs = perGroup("base_lr", optimizer, baseLr);
    if (cycleMomentum) requireMomentum(optimizer);
    if (lastEpoch === -1)
      for (const [index, group] of optimizer.paramGroups.entries()) group.lr = baseLrs[index] ?? group.lr;
    super(optimizer, { lastEpoch });
    this.baseLrs = baseLrs;
    this.maxLrs = perGroup("max_lr", optimizer, maxLr);
    this.totalSize = stepSizeUp + stepSizeDown;
    this.stepRatio = stepSizeUp / this.totalSize;
    this.mode = mode;
    this.gamma = gamma;
    this.cycleMomentum = cycleMomentum;
    this.baseMomentums = perGroup("base_momentum", optimizer, baseMomentum);
    this.maxMomentums = perGroup("max_momentum", optimizer, maxMomentum);
    this.initialStep();
  }

  protected override getLr(): number[] {
    const { lastEpoch, totalSize, stepRatio } = this;
    const cycle = Math.floor(1 + lastEpoch / totalSize);
    const x = 1 + lastEpoch / totalSize - cycle;
    const height = (x <= stepRatio ? x / stepRatio : (x - 1) / (stepRatio - 1)) * this.#scale(cycle);
    if (this.cycleMomentum) {
      for (const [index, most] of this.maxMomentums.entries()) {
        writeMomentum(this.optimizer, index, most - (most - (this.baseMomentums[index] ?? most)) * height);
      }
    }
    return this.baseLrs.map((lr, index) => lr + ((this.maxLrs[index] ?? lr) - lr) * height);
  }

  #scale(cycle: number): number {
    if (this.mode === "triangular") return 1;
    return this.mode === "triangular2" ? 1 / 2 ** (cycle - 1) : this.gamma ** this.lastEpoch;
  }
}

/** Peak, length and shape of the one cycle. */
export interface OneCycleOptions extends SchedulerOptions, MomentumOptions {
  maxLr: number | readonly number[];
  /** Steps in all; or give `epochs` and `stepsPerEpoch`. */
  totalSteps?: number;
  epochs?: number;
  stepsPerEpoch?: number;
  /** Part of the steps in which the rate rises. */
  pctStart?: number;
  annealStrategy?: "cos" | "linear";
  /** The first rate is maxLr / divFactor. */
  divFactor?: number;
  /** The last rate is the first / finalDivFactor. */
  finalDivFactor?: number;
  /** Down to the first rate as slowly as up, and only then to the last. */
  threePhase?: boolean;
}

const oneCycleOptions = optionsOf<OneCycleOptions>({
  ...schedulerOptions.names,
  cycleMomentum: true,
  baseMomentum: true,
  maxMomentum: true,
  maxLr: "required",
  totalSteps: true,
  epochs: true,
  stepsPerEpoch: true,
  pctStart: true,
  annealStrategy: true,
  divFactor: true,
  finalDivFactor: true,
  threePhase: true,
});

type Level = "first" | "max" | "last";

/**
 * Up to `maxLr` and down to almost nothing, once; momentum goes the other way. Step it once a batch.
 *
 * @throws SCHEDULER_OPTION without a length, and for steps beyond it
 *
 * @example
 * ```ts
 * const optimizer = new AdamW([zeros([1])]);
 * const scheduler = new OneCycleLR(optimizer, { maxLr: 0.01, totalSteps: 10 });
 * scheduler.getLastLr()[0]?.toFixed(6); // "0.000400"
 * ```
 */
export class OneCycleLR extends LRScheduler {
  protected totalSteps: number;
  protected rates: { first: number[]; max: number[]; last: number[] };
  protected momenta: { base: number[]; max: number[] };
  protected phases: number[];
  protected threePhase: boolean;
  protected annealStrategy: string;
  protected cycleMomentum: boolean;

  constructor(optimizer: Optimizer, given: OneCycleOptions) {
    const options = oneCycleOptions("OneCycleLR", given);
    const { maxLr, pctStart = 0.3, annealStrategy = "cos", divFactor = 25, finalDivFactor = 1e4 } = options;
    const { threePhase = false, cycleMomentum = true, baseMomentum = 0.85, maxMomentum = 0.95 } = options;
    const totalSteps = stepsOf(options);
    if (!(pctStart >= 0 && pctStart <= 1)) {
      throw schedulerOption(
        `Expected float between 0 and 1 pct_start, but got ${pctStart}`,
        "It is a part of all steps.",
      );
    }
    const max = perGroup("max_lr", optimizer, maxLr);
    const first = max.map((lr) => lr / divFactor);
    if (cycleMomentum) requireMomentum(optimizer);
    const { lastEpoch = -1 } = options;
    if (lastEpoch === -1) {
      for (const [index, group] of optimizer.paramGroups.entries()) group.initialLr = first[index] ?? group.lr;
    }
    super(optimizer, { lastEpoch });
    this.totalSteps = totalSteps;
    this.rates = { first, max, last: first.map((lr) => lr / finalDivFactor) };
    this.momenta = {
      base: perGroup("base_momentum", optimizer, baseMomentum),
      max: perGroup("max_momentum", optimizer, maxMomentum),
    };
    const up = pctStart * totalSteps - 1;
    this.phases = threePhase ? [up, 2 * pctStart * totalSteps - 2, totalSteps - 1] : [up, totalSteps - 1];
    this.threePhase = threePhase;
    this.annealStrategy = annealStrategy;
    this.cycleMomentum = cycleMomentum;
    this.initialStep();
  }

  protected override getLr(): number[] {
    if (this.lastEpoch > this.totalSteps) {
      throw schedulerOption(
        `Tried to step ${this.lastEpoch} times. The specified number of total steps is ${this.totalSteps}`,
        "Give the number of steps that the training has: epochs times batches.",
      );
    }
    const found = this.phases.findIndex((end) => this.lastEpoch <= end);
    const phase = found === -1 ? this.phases.length - 1 : found;
    const start = phase === 0 ? 0 : (this.phases[phase - 1] ?? 0);
    const part = (this.lastEpoch - start) / ((this.phases[phase] ?? 0) - start);
    const levels: readonly Level[] = this.threePhase ? ["first", "max", "first", "last"] : ["first", "max", "last"];
    const [from, to] = [levels[phase] ?? "first", levels[phase + 1] ?? "last"];
    if (this.cycleMomentum) {
      for (const [index, base] of this.momenta.base.entries()) {
        const most = this.momenta.max[index] ?? base;
        const level = (name: Level): number => (name === "max" ? base : most);
        writeMomentum(this.optimizer, index, this.#between(level(from), level(to), part));
      }
    }
    return this.rates[from].map((lr, index) => this.#between(lr, this.rates[to][index] ?? lr, part));
  }

  #between(start: number, end: number, part: number): number {
    if (this.annealStrategy === "linear") return (end - start) * part + start;
    return end + ((start - end) / 2) * (Math.cos(Math.PI * part) + 1);
  }
}

function stepsOf({ totalSteps, epochs, stepsPerEpoch }: OneCycleOptions): number {
  if (totalSteps !== undefined) {
    requireWhole("total_steps", totalSteps, 1);
    return totalSteps;
  }
  if (epochs === undefined || stepsPerEpoch === undefined) {
    throw schedulerOption(
      "You must define either total_steps OR (epochs AND steps_per_epoch)",
      "Pass totalSteps, or epochs and stepsPerEpoch.",
    );
  }
  requireWhole("epochs", epochs, 1);
  requireWhole("steps_per_epoch", stepsPerEpoch, 1);
  return epochs * stepsPerEpoch;
}
