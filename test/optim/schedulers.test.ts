// Schedulers against PyTorch, step by step, over two groups and their momentum.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Adam, lrScheduler, type Optimizer, RMSprop, SGD } from "../../src/optim/index.ts";
import { packageFile } from "../../src/package-root.ts";
import { type Tensor, zeros } from "../../src/tensor/index.ts";

const {
  ChainedScheduler,
  ConstantLR,
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  CyclicLR,
  ExponentialLR,
  LambdaLR,
  LinearLR,
  MultiplicativeLR,
  MultiStepLR,
  OneCycleLR,
  PolynomialLR,
  ReduceLROnPlateau,
  SequentialLR,
  StepLR,
} = lrScheduler;

/** Rates of both groups and the first one's momentum. */
type Row = readonly [number, number, number];
const golden: Record<string, Row[]> = JSON.parse(
  readFileSync(packageFile("test", "goldens", "optim.json"), "utf8"),
).schedulers;

type Groups = { params: Tensor[]; lr?: number }[];
const sgd = (groups: Groups) => new SGD(groups, { lr: 0.1, momentum: 0.9 });
const adam = (groups: Groups) => new Adam(groups, { lr: 0.1 });

interface Scheduler {
  step(metric: number): void;
  getLastLr(): number[];
  stateDict(): lrScheduler.SchedulerState;
  loadStateDict(state: lrScheduler.SchedulerState): void;
}

interface Case {
  make: (optimizer: Optimizer) => Scheduler;
  optimizer?: (groups: Groups) => Optimizer;
  metric?: (step: number) => number;
}

const lossOf = (step: number): number =>
  [1.0, 0.8, 0.6, 0.6, 0.6, 0.6, 0.59999, 0.7, 0.5, 0.5][Math.min(Math.floor(step / 3), 9)] ?? 0;

const CASES: Readonly<Record<string, Case>> = {
  LambdaLR: { make: (o) => new LambdaLR(o, [(e) => 0.95 ** e, (e) => 1 / (1 + e)]) },
  MultiplicativeLR: { make: (o) => new MultiplicativeLR(o, (e) => 0.9 + 0.001 * e) },
  StepLR: { make: (o) => new StepLR(o, { stepSize: 30, gamma: 0.1 }) },
  MultiStepLR: { make: (o) => new MultiStepLR(o, { milestones: [10, 30, 30, 60], gamma: 0.5 }) },
  ConstantLR: { make: (o) => new ConstantLR(o, { factor: 0.5, totalIters: 20 }) },
  LinearLR: { make: (o) => new LinearLR(o, { startFactor: 0.1, endFactor: 0.8, totalIters: 40 }) },
  ExponentialLR: { make: (o) => new ExponentialLR(o, { gamma: 0.93 }) },
  PolynomialLR: { make: (o) => new PolynomialLR(o, { totalIters: 60, power: 2 }) },
  CosineAnnealingLR: { make: (o) => new CosineAnnealingLR(o, { tMax: 20, etaMin: 0.01 }) },
  CosineAnnealingWarmRestarts: { make: (o) => new CosineAnnealingWarmRestarts(o, { t0: 7, tMult: 2, etaMin: 0.001 }) },
  "CyclicLR triangular": {
    make: (o) => new CyclicLR(o, { baseLr: 0.01, maxLr: 0.1, stepSizeUp: 5, stepSizeDown: 8 }),
  },
  "CyclicLR triangular2": {
    make: (o) => new CyclicLR(o, { baseLr: [0.01, 0.02], maxLr: [0.1, 0.3], stepSizeUp: 6, mode: "triangular2" }),
    optimizer: adam,
  },
  "CyclicLR exp_range": {
    make: (o) =>
      new CyclicLR(o, {
        baseLr: 0.01,
        maxLr: 0.1,
        stepSizeUp: 9,
        mode: "exp_range",
        gamma: 0.98,
        cycleMomentum: false,
      }),
  },
  OneCycleLR: { make: (o) => new OneCycleLR(o, { maxLr: 0.3, totalSteps: 80 }) },
  "OneCycleLR linear": {
    make: (o) =>
      new OneCycleLR(o, {
        maxLr: [0.3, 0.6],
        epochs: 8,
        stepsPerEpoch: 10,
        pctStart: 0.4,
        annealStrategy: "linear",
        divFactor: 10,
        finalDivFactor: 100,
        baseMomentum: 0.7,
        maxMomentum: 0.8,
      }),
    optimizer: adam,
  },
  "OneCycleLR three phases": {
    make: (o) => new OneCycleLR(o, { maxLr: 0.3, totalSteps: 80, threePhase: true, cycleMomentum: false }),
  },
  ReduceLROnPlateau: {
    make: (o) => new ReduceLROnPlateau(o, { patience: 3, factor: 0.5, minLr: [0.06, 0.001] }),
    metric: lossOf,
  },
  "ReduceLROnPlateau max": {
    make: (o) =>
      new ReduceLROnPlateau(o, { mode: "max", patience: 2, cooldown: 3, threshold: 0.05, thresholdMode: "abs" }),
    metric: (step) => -lossOf(step),
  },
  SequentialLR: {
    make: (o) =>
      new SequentialLR(o, {
        schedulers: [
          new LinearLR(o, { startFactor: 0.1, totalIters: 10 }),
          new CosineAnnealingLR(o, { tMax: 30 }),
          new StepLR(o, { stepSize: 7 }),
        ],
        milestones: [10, 40],
      }),
  },
  ChainedScheduler: {
    make: (o) =>
      new ChainedScheduler([new ConstantLR(o, { factor: 0.1, totalIters: 12 }), new ExponentialLR(o, { gamma: 0.95 })]),
  },
  "two on one optimizer": {
    make: (o) => {
      // The first takes its step 0 and is then left alone, as in the golden.
      new StepLR(o, { stepSize: 20, gamma: 0.5 });
      return new ExponentialLR(o, { gamma: 0.97 });
    },
  },
};

function start({ make, optimizer: of = sgd }: Case): { optimizer: Optimizer; scheduler: Scheduler } {
  const optimizer = of([{ params: [zeros([1])], lr: 0.5 }, { params: [zeros([1])] }]);
  return { optimizer, scheduler: make(optimizer) };
}

function rowOf(optimizer: Optimizer): number[] {
  const [first]: { lr: number; momentum?: number; betas?: readonly [number, number] }[] = optimizer.paramGroups;
  return [...optimizer.paramGroups.map(({ lr }) => lr), first?.betas?.[0] ?? first?.momentum ?? Number.NaN];
}

function expectRow(optimizer: Optimizer, want: Row | undefined): void {
  for (const [place, value] of rowOf(optimizer).entries()) {
    const wanted = want?.[place] ?? Number.NaN;
    expect(Math.abs(value - wanted)).toBeLessThanOrEqual(1e-12 * Math.max(1, Math.abs(wanted)) + 1e-9 * wanted);
  }
}

describe("every step gives PyTorch's rates and momentum", () => {
  it("for each scheduler that PyTorch's goldens have", () => {
    expect(Object.keys(CASES)).toEqual(Object.keys(golden));
  });

  it.each(Object.keys(golden))("%s", (name) => {
    const of = CASES[name];
    if (of === undefined) throw new Error(`no case ${name}`);
    const { optimizer, scheduler } = start(of);
    const rows = golden[name] ?? [];
    expect(rows.length).toBeGreaterThan(60);
    for (const [step, row] of rows.entries()) {
      expectRow(optimizer, row);
      expect(scheduler.getLastLr()).toEqual(optimizer.paramGroups.map(({ lr }) => lr));
      optimizer.step();
      scheduler.step(of.metric?.(step) ?? 0);
    }
  });

  it.each(Object.keys(golden))("%s, resumed from its state and the optimizer's", (name) => {
    const of = CASES[name];
    if (of === undefined) throw new Error(`no case ${name}`);
    let { optimizer, scheduler } = start(of);
    for (const [step, row] of (golden[name] ?? []).entries()) {
      if (step === 23) {
        const saved = JSON.stringify({ scheduler: scheduler.stateDict(), optimizer: optimizer.stateDict() });
        ({ optimizer, scheduler } = start(of));
        const state = JSON.parse(saved);
        optimizer.loadStateDict(state.optimizer);
        scheduler.loadStateDict(state.scheduler);
      }
      expectRow(optimizer, row);
      optimizer.step();
      scheduler.step(of.metric?.(step) ?? 0);
    }
  });
});

it("goes on from lastEpoch with an optimizer whose state was loaded", () => {
  const fresh = sgd([{ params: [zeros([1])] }]);
  expect(() => new ExponentialLR(fresh, { gamma: 0.5, lastEpoch: 3 })).toThrow(
    "param 'initial_lr' is not specified in param_groups[0]",
  );
  const before = sgd([{ params: [zeros([1])] }]);
  const scheduler = new CosineAnnealingLR(before, { tMax: 8 });
  for (let step = 0; step < 4; step++) {
    before.step();
    scheduler.step();
  }
  fresh.loadStateDict(before.stateDict());
  const resumed = new CosineAnnealingLR(fresh, { tMax: 8, lastEpoch: scheduler.lastEpoch - 1 });
  expect(resumed.lastEpoch).toBe(4);
  before.step();
  scheduler.step();
  fresh.step();
  resumed.step();
  expect(resumed.getLastLr()[0]).toBeCloseTo(scheduler.getLastLr()[0] ?? 0, 12);
});

it("refuses what PyTorch refuses", () => {
  const optimizer = sgd([{ params: [zeros([1])] }, { params: [zeros([1])] }]);
  const other = sgd([{ params: [zeros([1])] }]);
  expect(() => new LambdaLR(optimizer, [() => 1])).toThrow("Expected 2 lr_lambdas, but got 1");
  expect(() => new StepLR(optimizer, { stepSize: 0 })).toThrow("Expected positive integer step_size, but got 0");
  expect(() => new ConstantLR(optimizer, { factor: 2 })).toThrow("expected to be between 0 and 1");
  expect(() => new LinearLR(optimizer, { startFactor: 0 })).toThrow("Starting multiplicative factor expected");
  expect(() => new LinearLR(optimizer, { endFactor: 2 })).toThrow("Ending multiplicative factor expected");
  expect(() => new CosineAnnealingWarmRestarts(optimizer, { t0: 1.5 })).toThrow("Expected positive integer T_0");
  expect(() => new ReduceLROnPlateau(optimizer, { factor: 1 })).toThrow("Factor should be < 1.0.");
  expect(() => new ReduceLROnPlateau(optimizer, { minLr: [1] })).toThrow("min_lr has 1 values, param_groups has 2");
  expect(() => new ChainedScheduler([])).toThrow("expects at least one scheduler to be chained");
  expect(() => new OneCycleLR(optimizer, { maxLr: 1 })).toThrow("You must define either total_steps OR");
  expect(() => new OneCycleLR(optimizer, { maxLr: 1, totalSteps: 10, pctStart: 2 })).toThrow(
    "between 0 and 1 pct_start",
  );
  const noMomentum = new Adam([zeros([1])]);
  expect(() => new OneCycleLR(noMomentum, { maxLr: 1, totalSteps: 10 })).not.toThrow();
  expect(() => new CyclicLR(new RMSprop([zeros([1])]), { baseLr: 0, maxLr: 1 })).not.toThrow();
  const [a, b] = [new ExponentialLR(optimizer, { gamma: 1 }), new ExponentialLR(other, { gamma: 1 })];
  expect(() => new SequentialLR(optimizer, { schedulers: [a, b], milestones: [1] })).toThrow(
    "belong to the same optimizer",
  );
  expect(() => new SequentialLR(optimizer, { schedulers: [a], milestones: [1] })).toThrow("one more than the number");
  expect(() => a.loadStateDict({ tMax: 3 })).toThrow('has "tMax", which a ExponentialLR does not hold');
});

it("OneCycleLR refuses a step too many", () => {
  const optimizer = sgd([{ params: [zeros([1])] }]);
  const scheduler = new OneCycleLR(optimizer, { maxLr: 1, totalSteps: 2 });
  optimizer.step();
  scheduler.step();
  scheduler.step();
  expect(() => scheduler.step()).toThrow("Tried to step 3 times. The specified number of total steps is 2");
});
