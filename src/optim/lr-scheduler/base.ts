// What schedulers of the learning rate share: they count steps and write `lr` into the optimizer's groups, as PyTorch's do.
// Knows no rule; reads neither time nor disk.
import { kindOf, requireList } from "../../arguments.ts";
import { AbrazoError } from "../../errors.ts";
import { log } from "../../log.ts";
import { optionsOf } from "../../options.ts";
import { Optimizer } from "../optimizer.ts";

/** Where a schedule starts. */
export interface SchedulerOptions {
  /** Steps that a checkpoint has behind it; -1 starts anew. */
  lastEpoch?: number;
}

export const schedulerOptions = optionsOf<SchedulerOptions>({ lastEpoch: true });

/** State to keep: plain numbers, words, and lists and records of them. */
export interface SchedulerState {
  [name: string]: number | string | boolean | null | readonly number[] | SchedulerState | readonly SchedulerState[];
}

/** Fields that are not state: what the scheduler works on. */
const NOT_STATE = new Set(["optimizer", "schedulers", "initial"]);

/**
 * Base of all schedulers. `step()` is called after `optimizer.step()`, once an epoch or once a step: whichever the rule
 * counts.
 * Rules work on the current rate (it is multiplied, not set), so several schedulers may share an optimizer.
 *
 * @throws SCHEDULER_OPTION where a schedule goes on and a group has no initial rate; SCHEDULER_STATE for the state of
 *   another
 *
 * @example
 * ```ts
 * class Halving extends LRScheduler {
 *   constructor(optimizer: Optimizer) { super(optimizer); this.initialStep(); }
 *   protected override getLr(): number[] { return this.currentLrs().map((lr) => (this.lastEpoch === 0 ? lr : lr / 2)); }
 * }
 * const optimizer = new SGD([zeros([1])], { lr: 1 });
 * const scheduler = new Halving(optimizer);
 * optimizer.step();
 * scheduler.step();
 * scheduler.getLastLr(); // [0.5]
 * ```
 */
export abstract class LRScheduler {
  readonly optimizer: Optimizer;
  /** Learning rates of the groups before any scheduling. */
  baseLrs: number[];
  /** Steps taken, from 0; PyTorch's `last_epoch`. */
  lastEpoch: number;
  protected stepCount = 0;
  protected lastLr: number[];
  /** While the constructor writes the first rates. */
  protected initial = false;

  constructor(optimizer: Optimizer, given?: SchedulerOptions) {
    const { lastEpoch = -1 } = schedulerOptions(new.target.name, given);
    requireOptimizer(optimizer);
    this.optimizer = optimizer;
    this.baseLrs = optimizer.paramGroups.map((group, index) => {
      if (lastEpoch === -1) group.initialLr ??= group.lr;
      if (group.initialLr === undefined) throw noInitialLr(index);
      return group.initialLr;
    });
    this.lastEpoch = lastEpoch;
    this.lastLr = this.currentLrs();
  }

  /** The rates of the groups for `lastEpoch`. */
  protected abstract getLr(): number[];

  /** The rates from `lastEpoch` alone, for rules that can say; else as step() would. */
  protected closedForm(): number[] {
    return this.getLr();
  }

  /** Writes the rates of step 0: the last act of a constructor, and of SequentialLR when it hands over. */
  initialStep(): void {
    this.stepCount = 0;
    this.initial = true;
    this.step();
    this.initial = false;
  }

  /** Goes one step on. */
  step(): void {
    if (this.stepCount === 1 && this.optimizer.stepCount === 0) {
      log.warn(
        "Detected call of `lrScheduler.step()` before `optimizer.step()`. Call them in the opposite order: " +
          "otherwise the first value of the learning rate schedule is skipped.",
      );
    }
    this.stepCount++;
    this.lastEpoch++;
    this.write(this.getLr());
  }

  /** Goes to a step at once, as SequentialLR does at a milestone. */
  jumpTo(epoch: number): void {
    this.lastEpoch = epoch;
    this.write(this.closedForm());
  }

  /** The rates that were written last, by group. */
  getLastLr(): number[] {
    return [...this.lastLr];
  }

  /** All that a later loadStateDict() needs to go on. The optimizer's state is its own. */
  stateDict(): SchedulerState {
    const fields = Object.entries(this).filter(([name, value]) => !NOT_STATE.has(name) && typeof value !== "function");
    return structuredClone(Object.fromEntries(fields));
  }

  /** Takes up the state of a scheduler of the same kind. */
  loadStateDict(state: SchedulerState): void {
    const known = this.stateDict();
    for (const [name, value] of Object.entries(state)) {
      const kind = (item: unknown) => (Array.isArray(item) ? "list" : item === null ? "object" : typeof item);
      if (Object.hasOwn(known, name) && kind(known[name]) === kind(value)) continue;
      throw new AbrazoError({
        code: "SCHEDULER_STATE",
        message: `The state has "${name}", which a ${this.constructor.name} does not hold in this form.`,
        hint: "Load the state into a scheduler of the class that it was saved from.",
      });
    }
    Object.assign(this, structuredClone(state));
  }

  protected write(rates: readonly number[]): void {
    for (const [index, group] of this.optimizer.paramGroups.entries()) group.lr = rates[index] ?? group.lr;
    this.lastLr = this.currentLrs();
  }

  protected currentLrs(): number[] {
    return this.optimizer.paramGroups.map(({ lr }) => lr);
  }

  /** Current rates times a factor. */
  protected scaled(factor: number): number[] {
    return this.currentLrs().map((lr) => lr * factor);
  }
}

/** One value for every group, or a list of one for each. */
export function perGroup(name: string, optimizer: Optimizer, value: number | readonly number[]): number[] {
  requireOptimizer(optimizer);
  const count = optimizer.paramGroups.length;
  if (typeof value === "number") return Array.from({ length: count }, () => value);
  requireList(name, value);
  if (value.length === count) return [...value];
  throw schedulerOption(
    `${name} must have the same length as optimizer.param_groups. ${name} has ${value.length} values, param_groups has ${count}.`,
    "Give one number for all groups, or one for each.",
  );
}

/** PyTorch's sentence for what is scheduled and is no optimizer. */
function requireOptimizer(optimizer: Optimizer): void {
  if (optimizer instanceof Optimizer) return;
  throw schedulerOption(
    `${kindOf(optimizer)} is not an Optimizer`,
    "Pass the optimizer whose learning rate it writes.",
  );
}

export function schedulerOption(message: string, hint: string): AbrazoError {
  return new AbrazoError({ code: "SCHEDULER_OPTION", message, hint });
}

/** Whole and at least `least`, or PyTorch's sentence. */
export function requireWhole(name: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least) return;
  const wanted = least === 1 ? `positive integer ${name}` : `integer ${name} >= ${least}`;
  throw schedulerOption(`Expected ${wanted}, but got ${value}`, "Count steps or epochs in whole numbers.");
}

function noInitialLr(index: number): AbrazoError {
  return schedulerOption(
    `param 'initial_lr' is not specified in param_groups[${index}] when resuming scheduler with last_epoch >= 0.`,
    "Load the optimizer's state, which has initialLr, before making the scheduler; or leave lastEpoch out.",
  );
}
