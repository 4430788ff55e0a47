// Schedulers that multiply the learning rate: by a function, at steps, for a while, or a bit each step.
// Reads neither time nor disk.
import { requireList, requireType } from "../../arguments.ts";
import { optionsOf } from "../../options.ts";
import type { Optimizer } from "../optimizer.ts";
import { LRScheduler, requireWhole, type SchedulerOptions, schedulerOption, schedulerOptions } from "./base.ts";

const polynomialLROptions = optionsOf<SchedulerOptions & { totalIters?: number; power?: number }>({
  ...schedulerOptions.names,
  totalIters: true,
  power: true,
});

const exponentialLROptions = optionsOf<SchedulerOptions & { gamma: number }>({
  ...schedulerOptions.names,
  gamma: "required",
});

const linearLROptions = optionsOf<SchedulerOptions & { startFactor?: number; endFactor?: number; totalIters?: number }>(
  { ...schedulerOptions.names, startFactor: true, endFactor: true, totalIters: true },
);

const constantLROptions = optionsOf<SchedulerOptions & { factor?: number; totalIters?: number }>({
  ...schedulerOptions.names,
  factor: true,
  totalIters: true,
});

const multiStepLROptions = optionsOf<SchedulerOptions & { milestones: readonly number[]; gamma?: number }>({
  ...schedulerOptions.names,
  milestones: "required",
  gamma: true,
});

const stepLROptions = optionsOf<SchedulerOptions & { stepSize: number; gamma?: number }>({
  ...schedulerOptions.names,
  stepSize: "required",
  gamma: true,
});

/** Step, from 0 → factor. */
export type LrLambda = (step: number) => number;

function lambdasOf(optimizer: Optimizer, given: LrLambda | readonly LrLambda[]): readonly LrLambda[] {
  const count = optimizer.paramGroups.length;
  if (typeof given !== "function") requireList("LambdaLR", given, 2);
  if (typeof given === "function") return Array.from({ length: count }, () => given);
  if (given.length === count) return given;
  throw schedulerOption(
    `Expected ${count} lr_lambdas, but got ${given.length}`,
    "Give one function for all groups, or one for each.",
  );
}

/**
 * The initial learning rate times a function of the step.
 *
 * @example
 * ```ts
 * const optimizer = new SGD([zeros([1])], { lr: 1 });
 * const scheduler = new LambdaLR(optimizer, (epoch) => 0.5 ** epoch);
 * optimizer.step();
 * scheduler.step();
 * scheduler.getLastLr(); // [0.5]
 * ```
 */
export class LambdaLR extends LRScheduler {
  readonly #lambdas: readonly LrLambda[];

  constructor(optimizer: Optimizer, lrLambda: LrLambda | readonly LrLambda[], options: SchedulerOptions = {}) {
    super(optimizer, options);
    this.#lambdas = lambdasOf(optimizer, lrLambda);
    this.initialStep();
  }

  protected override getLr(): number[] {
    return this.baseLrs.map((lr, index) => lr * (this.#lambdas[index]?.(this.lastEpoch) ?? 1));
  }
}

/**
 * The current learning rate times a function of the step.
 *
 * @example
 * ```ts
 * const optimizer = new SGD([zeros([1])], { lr: 1 });
 * const scheduler = new MultiplicativeLR(optimizer, () => 0.5);
 * const rates = scheduler.getLastLr();
 * for (let step = 1; step <= 2; step++) { optimizer.step(); scheduler.step(); rates.push(...scheduler.getLastLr()); }
 * rates; // [1, 0.5, 0.25]
 * ```
 */
export class MultiplicativeLR extends LRScheduler {
  readonly #lambdas: readonly LrLambda[];

  constructor(optimizer: Optimizer, lrLambda: LrLambda | readonly LrLambda[], options: SchedulerOptions = {}) {
    super(optimizer, options);
    this.#lambdas = lambdasOf(optimizer, lrLambda);
    this.initialStep();
  }

  protected override getLr(): number[] {
    if (this.initial) return this.currentLrs();
    return this.currentLrs().map((lr, index) => lr * (this.#lambdas[index]?.(this.lastEpoch) ?? 1));
  }
}

/**
 * The learning rate times `gamma` every `stepSize` steps.
 *
 * @example
 * ```ts
 * const optimizer = new SGD([zeros([1])], { lr: 1 });
 * const scheduler = new StepLR(optimizer, { stepSize: 2, gamma: 0.5 });
 * const rates = scheduler.getLastLr();
 * for (let step = 1; step <= 4; step++) { optimizer.step(); scheduler.step(); rates.push(...scheduler.getLastLr()); }
 * rates; // [1, 1, 0.5, 0.5, 0.25]
 * ```
 */
export class StepLR extends LRScheduler {
  protected stepSize: number;
  protected gamma: number;

  constructor(optimizer: Optimizer, given: SchedulerOptions & { stepSize: number; gamma?: number }) {
    const { stepSize, gamma = 0.1, ...options } = stepLROptions("StepLR", given);
    super(optimizer, options);
    requireWhole("step_size", stepSize, 1);
    this.stepSize = stepSize;
    this.gamma = gamma;
    this.initialStep();
  }

  protected override getLr(): number[] {
    return this.lastEpoch === 0 || this.lastEpoch % this.stepSize !== 0 ? this.currentLrs() : this.scaled(this.gamma);
  }

  protected override closedForm(): number[] {
    return this.baseLrs.map((lr) => lr * this.gamma ** Math.floor(this.lastEpoch / this.stepSize));
  }
}

/**
 * The learning rate times `gamma` at each milestone; one that is named twice counts twice.
 *
 * @example
 * ```ts
 * const optimizer = new SGD([zeros([1])], { lr: 1 });
 * const scheduler = new MultiStepLR(optimizer, { milestones: [1, 3], gamma: 0.5 });
 * const rates = scheduler.getLastLr();
 * for (let step = 1; step <= 3; step++) { optimizer.step(); scheduler.step(); rates.push(...scheduler.getLastLr()); }
 * rates; // [1, 0.5, 0.5, 0.25]
 * ```
 */
export class MultiStepLR extends LRScheduler {
  protected milestones: number[];
  protected gamma: number;

  constructor(optimizer: Optimizer, given: SchedulerOptions & { milestones: readonly number[]; gamma?: number }) {
    const { milestones, gamma = 0.1, ...options } = multiStepLROptions("MultiStepLR", given);
    super(optimizer, options);
    requireList("MultiStepLR", milestones, 2);
    this.milestones = [...milestones];
    this.gamma = gamma;
    this.initialStep();
  }

  protected override getLr(): number[] {
    const times = this.milestones.filter((milestone) => milestone === this.lastEpoch).length;
    return times === 0 ? this.currentLrs() : this.scaled(this.gamma ** times);
  }

  protected override closedForm(): number[] {
    const times = this.milestones.filter((milestone) => milestone <= this.lastEpoch).length;
    return this.baseLrs.map((lr) => lr * this.gamma ** times);
  }
}

/**
 * The learning rate times `factor` for the first `totalIters` steps.
 *
 * @throws SCHEDULER_OPTION for a factor outside [0, 1]
 *
 * @example
 * ```ts
 * const optimizer = new SGD([zeros([1])], { lr: 1 });
 * const scheduler = new ConstantLR(optimizer, { factor: 0.5, totalIters: 2 });
 * const rates = scheduler.getLastLr();
 * for (let step = 1; step <= 2; step++) { optimizer.step(); scheduler.step(); rates.push(...scheduler.getLastLr()); }
 * rates; // [0.5, 0.5, 1]
 * ```
 */
export class ConstantLR extends LRScheduler {
  protected factor: number;
  protected totalIters: number;

  constructor(optimizer: Optimizer, given?: SchedulerOptions & { factor?: number; totalIters?: number }) {
    const { factor = 1 / 3, totalIters = 5, ...options } = constantLROptions("ConstantLR", given);
    super(optimizer, options);
    if (!(factor >= 0 && factor <= 1)) {
      throw schedulerOption("Constant multiplicative factor expected to be between 0 and 1.", `It is ${factor}.`);
    }
    this.factor = factor;
    this.totalIters = totalIters;
    this.initialStep();
  }

  protected override getLr(): number[] {
    if (this.lastEpoch === 0) return this.scaled(this.factor);
    return this.lastEpoch === this.totalIters ? this.scaled(1 / this.factor) : this.currentLrs();
  }

  protected override closedForm(): number[] {
    return this.baseLrs.map((lr) => lr * (this.lastEpoch >= this.totalIters ? 1 : this.factor));
  }
}

/**
 * The learning rate times a factor that goes linearly from `startFactor` to `endFactor` in `totalIters` steps: a warm-up.
 *
 * @throws SCHEDULER_OPTION for factors outside [0, 1]
 *
 * @example
 * ```ts
 * const optimizer = new SGD([zeros([1])], { lr: 1 });
 * const scheduler = new LinearLR(optimizer, { startFactor: 0.5, totalIters: 2 });
 * const rates = scheduler.getLastLr();
 * for (let step = 1; step <= 2; step++) { optimizer.step(); scheduler.step(); rates.push(...scheduler.getLastLr()); }
 * rates; // [0.5, 0.75, 1]
 * ```
 */
export class LinearLR extends LRScheduler {
  protected startFactor: number;
  protected endFactor: number;
  protected totalIters: number;

  constructor(
    optimizer: Optimizer,
    given?: SchedulerOptions & { startFactor?: number; endFactor?: number; totalIters?: number },
  ) {
    const { startFactor = 1 / 3, endFactor = 1, totalIters = 5, ...options } = linearLROptions("LinearLR", given);
    super(optimizer, options);
    if (!(startFactor > 0 && startFactor <= 1)) {
      throw schedulerOption(
        "Starting multiplicative factor expected to be greater than 0 and less or equal to 1.",
        `It is ${startFactor}.`,
      );
    }
    if (!(endFactor >= 0 && endFactor <= 1)) {
      throw schedulerOption("Ending multiplicative factor expected to be between 0 and 1.", `It is ${endFactor}.`);
    }
    this.startFactor = startFactor;
    this.endFactor = endFactor;
    this.totalIters = totalIters;
    this.initialStep();
  }

  protected override getLr(): number[] {
    if (this.lastEpoch === 0) return this.scaled(this.startFactor);
    if (this.initial || this.lastEpoch > this.totalIters) return this.currentLrs();
    const slope = this.endFactor - this.startFactor;
    return this.scaled(1 + slope / (this.totalIters * this.startFactor + (this.lastEpoch - 1) * slope));
  }

  protected override closedForm(): number[] {
    const part = Math.min(this.totalIters, this.lastEpoch) / this.totalIters;
    return this.baseLrs.map((lr) => lr * (this.startFactor + (this.endFactor - this.startFactor) * part));
  }
}

/**
 * The learning rate times `gamma` every step.
 *
 * @example
 * ```ts
 * const optimizer = new SGD([zeros([1])], { lr: 1 });
 * const scheduler = new ExponentialLR(optimizer, { gamma: 0.5 });
 * const rates = scheduler.getLastLr();
 * for (let step = 1; step <= 2; step++) { optimizer.step(); scheduler.step(); rates.push(...scheduler.getLastLr()); }
 * rates; // [1, 0.5, 0.25]
 * ```
 */
export class ExponentialLR extends LRScheduler {
  protected gamma: number;

  constructor(optimizer: Optimizer, given: SchedulerOptions & { gamma: number }) {
    const { gamma, ...options } = exponentialLROptions("ExponentialLR", given);
    super(optimizer, options);
    requireType("ExponentialLR", "number", gamma, 2);
    this.gamma = gamma;
    this.initialStep();
  }

  protected override getLr(): number[] {
    return this.initial ? this.currentLrs() : this.scaled(this.gamma);
  }

  protected override closedForm(): number[] {
    return this.baseLrs.map((lr) => lr * this.gamma ** this.lastEpoch);
  }
}

/**
 * The learning rate falls to 0 in `totalIters` steps: lr₀ (1 - t/T)^power.
 *
 * @example
 * ```ts
 * const optimizer = new SGD([zeros([1])], { lr: 1 });
 * const scheduler = new PolynomialLR(optimizer, { totalIters: 4 });
 * const rates = scheduler.getLastLr();
 * for (let step = 1; step <= 4; step++) { optimizer.step(); scheduler.step(); rates.push(...scheduler.getLastLr()); }
 * rates; // [1, 0.75, 0.5, 0.25, 0]
 * ```
 */
export class PolynomialLR extends LRScheduler {
  protected totalIters: number;
  protected power: number;

  constructor(optimizer: Optimizer, given?: SchedulerOptions & { totalIters?: number; power?: number }) {
    const { totalIters = 5, power = 1, ...options } = polynomialLROptions("PolynomialLR", given);
    super(optimizer, options);
    this.totalIters = totalIters;
    this.power = power;
    this.initialStep();
  }

  protected override getLr(): number[] {
    if (this.initial || this.lastEpoch > this.totalIters) return this.currentLrs();
    const left = (epoch: number): number => 1 - epoch / this.totalIters;
    return this.scaled((left(this.lastEpoch) / left(this.lastEpoch - 1)) ** this.power);
  }

  protected override closedForm(): number[] {
    const left = 1 - Math.min(this.totalIters, this.lastEpoch) / this.totalIters;
    return this.baseLrs.map((lr) => lr * left ** this.power);
  }
}
