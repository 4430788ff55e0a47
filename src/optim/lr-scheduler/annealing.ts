// Schedulers along a cosine (Loshchilov and Hutter 2017, arXiv 1608.03983).
// Reads neither time nor disk.
import { optionsOf } from "../../options.ts";
import type { Optimizer } from "../optimizer.ts";
import { LRScheduler, requireWhole, type SchedulerOptions, schedulerOptions } from "./base.ts";

const cosineAnnealingWarmRestartsOptions = optionsOf<
  SchedulerOptions & { t0: number; tMult?: number; etaMin?: number }
>({ ...schedulerOptions.names, t0: "required", tMult: true, etaMin: true });

const cosineAnnealingLROptions = optionsOf<SchedulerOptions & { tMax: number; etaMin?: number }>({
  ...schedulerOptions.names,
  tMax: "required",
  etaMin: true,
});

/**
 * From the initial learning rate to `etaMin` along half a cosine of `tMax` steps, and back up after it:
 * η = ηmin + (η₀ - ηmin) (1 + cos(π t / T)) / 2.
 *
 * @example
 * ```ts
 * const optimizer = new SGD([zeros([1])], { lr: 1 });
 * const scheduler = new CosineAnnealingLR(optimizer, { tMax: 2 });
 * const rates = scheduler.getLastLr();
 * for (let step = 1; step <= 2; step++) { optimizer.step(); scheduler.step(); rates.push(...scheduler.getLastLr()); }
 * rates; // [1, 0.5, 0]
 * ```
 */
export class CosineAnnealingLR extends LRScheduler {
  protected tMax: number;
  protected etaMin: number;

  constructor(optimizer: Optimizer, given: SchedulerOptions & { tMax: number; etaMin?: number }) {
    const { tMax, etaMin = 0, ...options } = cosineAnnealingLROptions("CosineAnnealingLR", given);
    super(optimizer, options);
    this.tMax = tMax;
    this.etaMin = etaMin;
    this.initialStep();
  }

  protected override getLr(): number[] {
    const { lastEpoch, tMax, etaMin } = this;
    if (this.initial) return this.currentLrs();
    if (this.stepCount === 1 && lastEpoch > 0) return this.closedForm();
    if ((lastEpoch - 1 - tMax) % (2 * tMax) === 0) {
      // The formula below would divide by the zero that the rate has reached.
      const rise = (1 - Math.cos(Math.PI / tMax)) / 2;
      return this.currentLrs().map((lr, index) => lr + ((this.baseLrs[index] ?? 0) - etaMin) * rise);
    }
    const at = (epoch: number): number => 1 + Math.cos((Math.PI * epoch) / tMax);
    const ratio = at(lastEpoch) / at(lastEpoch - 1);
    return this.currentLrs().map((lr) => ratio * (lr - etaMin) + etaMin);
  }

  protected override closedForm(): number[] {
    const factor = (1 + Math.cos((Math.PI * this.lastEpoch) / this.tMax)) / 2;
    return this.baseLrs.map((lr) => this.etaMin + (lr - this.etaMin) * factor);
  }
}

/**
 * Along half a cosine of `t0` steps, then anew from the initial rate, each time `tMult` as long.
 *
 * @example
 * ```ts
 * const optimizer = new SGD([zeros([1])], { lr: 1 });
 * const scheduler = new CosineAnnealingWarmRestarts(optimizer, { t0: 2 });
 * const rates = scheduler.getLastLr();
 * for (let step = 1; step <= 3; step++) { optimizer.step(); scheduler.step(); rates.push(...scheduler.getLastLr()); }
 * rates; // [1, 0.5, 1, 0.5]
 * ```
 */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  protected t0: number;
  protected tMult: number;
  protected etaMin: number;
  /** Length of the current half cosine, and the place in it. */
  protected tI: number;
  protected tCur: number;

  constructor(optimizer: Optimizer, given: SchedulerOptions & { t0: number; tMult?: number; etaMin?: number }) {
    const {
      t0,
      tMult = 1,
      etaMin = 0,
      ...options
    } = cosineAnnealingWarmRestartsOptions("CosineAnnealingWarmRestarts", given);
    super(optimizer, options);
    requireWhole("T_0", t0, 1);
    requireWhole("T_mult", tMult, 1);
    this.t0 = t0;
    this.tI = t0;
    this.tMult = tMult;
    this.etaMin = etaMin;
    this.tCur = this.lastEpoch;
    this.initialStep();
  }

  override step(): void {
    if (this.lastEpoch < 0) {
      this.jumpTo(0);
      return;
    }
    this.lastEpoch++;
    this.tCur++;
    if (this.tCur >= this.tI) {
      this.tCur %= this.tI;
      this.tI *= this.tMult;
    }
    this.write(this.getLr());
  }

  override jumpTo(epoch: number): void {
    this.lastEpoch = epoch;
    this.tI = this.t0;
    this.tCur = epoch;
    while (this.tCur >= this.tI) {
      this.tCur -= this.tI;
      this.tI *= this.tMult;
    }
    this.write(this.getLr());
  }

  protected override getLr(): number[] {
    const factor = (1 + Math.cos((Math.PI * this.tCur) / this.tI)) / 2;
    return this.baseLrs.map((lr) => this.etaMin + (lr - this.etaMin) * factor);
  }
}
