// Optimizers against PyTorch, step by step; schedules against transformers.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { functional as F } from "../../src/nn/index.ts";
import {
  Adam,
  AdamW,
  clipGradNorm_,
  constantSchedule,
  cosineSchedule,
  linearSchedule,
  type Optimizer,
  SGD,
} from "../../src/optim/index.ts";
import { packageFile } from "../../src/package-root.ts";
import { clearSessions, fromTypedArray, sessionStats, type Tensor, tensor, zeros } from "../../src/tensor/index.ts";

interface Step {
  loss: number;
  norm: number | null;
  weight: number[];
  bias: number[];
}
interface Golden {
  start: { weight: number[]; bias: number[] };
  x: number[];
  y: number[];
  cases: Record<string, Step[]>;
  clipped: Step[];
  groups: Step[];
  schedules: Record<"linear" | "cosine" | "constant", number[]>;
}
const golden: Golden = JSON.parse(readFileSync(packageFile("test", "goldens", "optim.json"), "utf8"));

const CASES: Readonly<Record<string, (parameters: Tensor[]) => Optimizer>> = {
  SGD: (p) => new SGD(p, { lr: 0.1 }),
  "SGD decay": (p) => new SGD(p, { lr: 0.1, weightDecay: 0.1 }),
  "SGD momentum": (p) => new SGD(p, { lr: 0.1, momentum: 0.9 }),
  "SGD dampening": (p) => new SGD(p, { lr: 0.1, momentum: 0.9, dampening: 0.5 }),
  "SGD nesterov": (p) => new SGD(p, { lr: 0.1, momentum: 0.9, weightDecay: 0.05, nesterov: true }),
  Adam: (p) => new Adam(p, { lr: 0.05 }),
  "Adam decay": (p) => new Adam(p, { lr: 0.05, weightDecay: 0.1, betas: [0.8, 0.95], eps: 1e-3 }),
  AdamW: (p) => new AdamW(p, { lr: 0.05 }),
  "AdamW decay": (p) => new AdamW(p, { lr: 0.05, weightDecay: 0.3, betas: [0.8, 0.95], eps: 1e-3 }),
};

function parameters(): { weight: Tensor; bias: Tensor } {
  const make = (values: number[], shape: number[]) =>
    fromTypedArray(Float32Array.from(values), shape, { requiresGrad: true });
  return { weight: make(golden.start.weight, [3, 4]), bias: make(golden.start.bias, [3]) };
}

/** Loss of one batch of the golden's data. */
function lossOf({ weight, bias }: { weight: Tensor; bias: Tensor }, step: number): Tensor {
  const x = fromTypedArray(Float32Array.from(golden.x.slice(step * 24, (step + 1) * 24)), [6, 4]);
  const y = fromTypedArray(Float32Array.from(golden.y.slice(step * 18, (step + 1) * 18)), [6, 3]);
  return F.linear(x, weight, bias).sub(y).square().mean();
}

function compare(expected: readonly Step[], make: (p: Tensor[]) => Optimizer, maxNorm?: number): void {
  const held = parameters();
  const list = [held.weight, held.bias];
  const optimizer = make(list);
  for (const [step, want] of expected.entries()) {
    optimizer.zeroGrad();
    const loss = lossOf(held, step);
    loss.backward();
    const norm = maxNorm === undefined ? undefined : clipGradNorm_(list, maxNorm);
    optimizer.step(norm === undefined ? [loss] : [loss, norm]);
    expect(loss.itemSync()).toBeCloseTo(want.loss, 5);
    if (norm !== undefined) expect(norm.itemSync()).toBeCloseTo(want.norm ?? Number.NaN, 5);
    for (const name of ["weight", "bias"] as const) {
      for (const [place, value] of [...held[name].dataSync()].entries()) {
        expect(Math.abs(Number(value) - (want[name][place] ?? Number.NaN))).toBeLessThan(5e-6);
      }
    }
  }
}

describe("every step gives PyTorch's parameters", () => {
  it.each(Object.keys(golden.cases))("%s", (name) => {
    const make = CASES[name];
    expect(make).toBeDefined();
    if (make !== undefined) compare(golden.cases[name] ?? [], make);
  });

  it("AdamW with clipped gradients, and their norm before", () => {
    compare(golden.clipped, (p) => new AdamW(p, { lr: 0.05 }), 0.5);
  });

  it("AdamW with a decay for each group", () => {
    compare(golden.groups, ([weight, bias]) => {
      if (weight === undefined || bias === undefined) throw new Error("two parameters");
      return new AdamW(
        [
          { params: [weight], weightDecay: 0.3 },
          { params: [bias], weightDecay: 0 },
        ],
        { lr: 0.05 },
      );
    });
  });
});

it("one step is one run of one session, compiled once whatever the learning rate", () => {
  clearSessions();
  const held = parameters();
  const list = [held.weight, held.bias];
  const optimizer = new AdamW(list, { lr: 0.05 });
  const before = { ...sessionStats };
  for (let step = 0; step < 5; step++) {
    optimizer.lr = 0.1 / (step + 1);
    optimizer.zeroGrad();
    const loss = lossOf(held, step);
    loss.backward();
    const norm = clipGradNorm_(list, 1);
    optimizer.step([loss, norm]);
    loss.itemSync();
    norm.itemSync();
  }
  expect(sessionStats.runs - before.runs).toBe(5);
  expect(sessionStats.compiled - before.compiled).toBe(1);
});

it("goes on from its state as if it had not stopped", () => {
  const run = (stopAt: number | undefined): number[] => {
    const held = parameters();
    let optimizer: Optimizer = new AdamW([held.weight, held.bias], { lr: 0.05 });
    for (let step = 0; step < 6; step++) {
      if (step === stopAt) {
        const state = optimizer.stateDict();
        optimizer = new AdamW([held.weight, held.bias], { lr: 0.05 });
        optimizer.loadStateDict(state);
      }
      optimizer.zeroGrad();
      lossOf(held, step).backward();
      optimizer.step();
    }
    return [...held.weight.dataSync()].map(Number);
  };
  expect(run(3)).toEqual(run(undefined));
});

it("leaves frozen parameters and those without a gradient alone", () => {
  const held = parameters();
  held.bias.requiresGrad_(false);
  const idle = zeros([2], { requiresGrad: true });
  const optimizer = new AdamW([held.weight, held.bias, idle], { lr: 0.1, weightDecay: 1 });
  lossOf(held, 0).backward();
  optimizer.step();
  expect([...held.bias.dataSync()]).toEqual([...Float32Array.from(golden.start.bias)]);
  expect([...idle.dataSync()]).toEqual([0, 0]);
  expect(held.weight.dataSync()[0]).not.toBe(Math.fround(golden.start.weight[0] ?? 0));
});

it("refuses options that PyTorch refuses", () => {
  const p = tensor([1], { dtype: "float32", requiresGrad: true });
  expect(() => new SGD([p], { lr: -1 })).toThrow("Invalid learning rate: -1");
  expect(() => new AdamW([p], { weightDecay: -0.1 })).toThrow("Invalid weight_decay value: -0.1");
  expect(() => new SGD([p], { nesterov: true })).toThrow("Nesterov momentum requires a momentum and zero dampening");
  expect(() => new AdamW([])).toThrow("optimizer got an empty parameter list");
});

it("schedules are those of transformers", () => {
  const made = { linear: linearSchedule(4, 20), cosine: cosineSchedule(4, 20), constant: constantSchedule(4) };
  for (const name of ["linear", "cosine", "constant"] as const) {
    for (const [step, value] of golden.schedules[name].entries()) expect(made[name](step)).toBeCloseTo(value, 10);
  }
});
