// Schedulers made of others: one after the other, or all at once.
// Has no rule of its own; reads neither time nor disk.
import { argumentError, requireList } from "../../arguments.ts";
import { optionsOf } from "../../options.ts";
import type { Optimizer } from "../optimizer.ts";
import { LRScheduler, type SchedulerState, schedulerOption } from "./base.ts";

const sequentialOptions = optionsOf<{ schedulers: readonly LRScheduler[]; milestones: readonly number[] }>({
  schedulers: "required",
  milestones: "required",
});

/** What both share: the parts, and their state. */
abstract class Composite extends LRScheduler {
  readonly schedulers: readonly LRScheduler[];

  constructor(optimizer: Optimizer, schedulers: readonly LRScheduler[]) {
    super(optimizer);
    requireList(new.target.name, schedulers, 2);
    const odd = schedulers.find((scheduler) => !(scheduler instanceof LRScheduler));
    if (odd !== undefined) throw argumentError(new.target.name, 2, "a list of schedulers, not one that holds", odd);
    this.schedulers = schedulers;
    for (const [index, scheduler] of schedulers.entries()) {
      if (scheduler.optimizer === optimizer) continue;
      throw schedulerOption(
        `${new.target.name} expects all schedulers to belong to the same optimizer, but got scheduler ${scheduler.constructor.name} at index ${index} with another.`,
        "Make every scheduler with the same optimizer.",
      );
    }
  }

  protected override getLr(): number[] {
    return this.currentLrs();
  }

  override jumpTo(epoch: number): void {
    throw schedulerOption(
      `A ${this.constructor.name} cannot be restarted at step ${epoch}.`,
      "Inside a SequentialLR, put a composite first, or name its parts one by one.",
    );
  }

  /** The parts' own steps back, before the first scheduler alone takes step 0. */
  undo(): void {
    for (const scheduler of this.schedulers) {
      if (scheduler instanceof Composite) scheduler.undo();
      else scheduler.lastEpoch--;
    }
  }

  override stateDict(): SchedulerState {
    return { ...super.stateDict(), schedulers: this.schedulers.map((scheduler) => scheduler.stateDict()) };
  }

  override loadStateDict({ schedulers, ...own }: SchedulerState): void {
    const states = Array.isArray(schedulers) ? schedulers : [];
    if (states.length !== this.schedulers.length) {
      throw schedulerOption(
        `The state is of ${states.length} schedulers, this ${this.constructor.name} has ${this.schedulers.length}.`,
        "Make it of the same schedulers as the one that was saved.",
      );
    }
    super.loadStateDict(own);
    for (const [index, scheduler] of this.schedulers.entries()) scheduler.loadStateDict(states[index] ?? {});
  }
}

/**
 * One scheduler after the other: each milestone hands over to the next, which begins at its step 0.
 *
 * @throws SCHEDULER_OPTION where the milestones do not fit the schedulers, or these another optimizer
 *
 * @example
 * ```ts
 * const optimizer = new SGD([zeros([1])], { lr: 1 });
 * const warmup = new LinearLR(optimizer, { startFactor: 0.5, totalIters: 2 });
 * const decay = new ExponentialLR(optimizer, { gamma: 0.9 });
 * const scheduler = new SequentialLR(optimizer, { schedulers: [warmup, decay], milestones: [2] });
 * scheduler.getLastLr(); // [0.5]
 * ```
 */
export class SequentialLR extends Composite {
  protected milestones: number[];

  constructor(optimizer: Optimizer, given: { schedulers: readonly LRScheduler[]; milestones: readonly number[] }) {
    const { schedulers, milestones } = sequentialOptions("SequentialLR", given);
    super(optimizer, schedulers);
    requireList("SequentialLR", milestones, 2);
    if (milestones.length !== schedulers.length - 1) {
      throw schedulerOption(
        `Sequential Schedulers expects number of schedulers provided to be one more than the number of milestone points, but got number of schedulers ${schedulers.length} and the number of milestones to be equal to ${milestones.length}`,
        "Name the step at which each scheduler but the first begins.",
      );
    }
    this.milestones = [...milestones];
    this.lastEpoch = 0;
    for (const group of optimizer.paramGroups) group.lr = group.initialLr ?? group.lr;
    this.undo();
    this.#at(0)?.initialStep();
    this.lastLr = this.currentLrs();
  }

  #at(epoch: number): LRScheduler | undefined {
    return this.schedulers[this.milestones.filter((milestone) => milestone <= epoch).length];
  }

  override step(): void {
    this.lastEpoch++;
    const scheduler = this.#at(this.lastEpoch);
    if (this.milestones.includes(this.lastEpoch)) scheduler?.jumpTo(0);
    else scheduler?.step();
    this.lastLr = this.currentLrs();
  }
}

/**
 * All schedulers at once, in order: each step takes a step of every one.
 *
 * @throws SCHEDULER_OPTION for no schedulers, or some of another optimizer
 *
 * @example
 * ```ts
 * const optimizer = new SGD([zeros([1])], { lr: 1 });
 * const scheduler = new ChainedScheduler([
 *   new ConstantLR(optimizer, { factor: 0.1, totalIters: 4 }),
 *   new ExponentialLR(optimizer, { gamma: 0.9 }),
 * ]);
 * scheduler.getLastLr(); // [0.1]
 * ```
 */
export class ChainedScheduler extends Composite {
  constructor(schedulers: readonly LRScheduler[]) {
    requireList("ChainedScheduler", schedulers);
    const [first] = schedulers;
    if (first === undefined) {
      throw schedulerOption(
        "ChainedScheduler expects at least one scheduler to be chained, but got no scheduler.",
        "Pass a list of schedulers.",
      );
    }
    super(first.optimizer, schedulers);
  }

  override step(): void {
    for (const scheduler of this.schedulers) scheduler.step();
    this.lastLr = this.currentLrs();
  }
}
