// What is computed together: a loss that is read before or after the step costs no second forward pass, and changes nothing.
import { expect, it } from "vitest";
import { functional as F, Linear, Sequential } from "../../src/nn/index.ts";
import { Adam, clipGradNorm_, GradScaler, type Optimizer, SGD } from "../../src/optim/index.ts";
import { Generator, manualSeed, randint, randn, sessionStats, type Tensor } from "../../src/tensor/index.ts";

const STEPS = 12;
type Loop = (make: { loss: () => Tensor; optimizer: Optimizer; model: Sequential }, step: number) => number | undefined;

/** Trains a small model; gives the losses that were read, the final weights, and the runs of the later steps. */
function trained(loop: Loop, kind: "sgd" | "adam" = "sgd"): { losses: number[]; weights: number[]; runs: number } {
  manualSeed(3);
  const model = new Sequential(new Linear(6, 8), new Linear(8, 3));
  const optimizer = kind === "sgd" ? new SGD(model.parameters(), { lr: 0.1 }) : new Adam(model.parameters());
  const generator = new Generator(5);
  const losses: number[] = [];
  let runs = 0;
  for (let step = 0; step < STEPS; step++) {
    const [x, y] = [randn([4, 6], { generator }), randint(0, 3, [4], { generator })];
    if (step === STEPS - 4) runs = sessionStats.runs;
    const read = loop({ loss: () => F.crossEntropy(model(x), y), optimizer, model }, step);
    if (read !== undefined) losses.push(read);
  }
  const count = sessionStats.runs - runs;
  return { losses, weights: model.parameters().flatMap((p) => [...p.dataSync()].map(Number)), runs: count };
}

const plain: Loop = ({ loss, optimizer }) => {
  const value = loss();
  optimizer.zeroGrad();
  value.backward();
  optimizer.step();
  return undefined;
};

const before: Loop = ({ loss, optimizer }) => {
  const value = loss();
  const read = value.itemSync();
  optimizer.zeroGrad();
  value.backward();
  optimizer.step();
  return read;
};

const after: Loop = ({ loss, optimizer }) => {
  const value = loss();
  optimizer.zeroGrad();
  value.backward();
  optimizer.step();
  return value.itemSync();
};

const near = (a: readonly number[], b: readonly number[]): void => {
  expect(a.length).toBe(b.length);
  for (const [at, value] of a.entries()) expect(value).toBeCloseTo(b[at] ?? Number.NaN, 5);
};

it.each(["sgd", "adam"] as const)(
  "%s: a loss read before or after the step is computed with it, one run a step",
  (kind) => {
    const [without, first, last] = [trained(plain, kind), trained(before, kind), trained(after, kind)];
    expect([without.runs, first.runs, last.runs]).toEqual([4, 4, 4]);
    near(first.weights, without.weights);
    near(last.weights, without.weights);
    near(first.losses, last.losses);
  },
);

it("gradients that are changed before the step are used as they were changed", () => {
  const clipped =
    (readFirst: boolean): Loop =>
    ({ loss, optimizer, model }) => {
      const value = loss();
      const read = readFirst ? value.itemSync() : 0;
      optimizer.zeroGrad();
      value.backward();
      clipGradNorm_(model.parameters(), 0.05);
      optimizer.step();
      return read;
    };
  near(trained(clipped(true)).weights, trained(clipped(false)).weights);
});

it("a step that was foreseen is not taken when something changed: learning rate, gradients, parameters, or no step at all", () => {
  const meddled =
    (readFirst: boolean): Loop =>
    ({ loss, optimizer, model }, step) => {
      const value = loss();
      const read = readFirst ? value.itemSync() : 0;
      if (step === 6) return read;
      optimizer.zeroGrad();
      value.backward();
      if (step === 4) optimizer.lr = 0.02;
      if (step === 8) for (const p of model.parameters()) p.grad = p.grad?.mul(3) ?? null;
      if (step === 9) model.parameters()[0]?.detach().mul_(2);
      optimizer.step();
      return read;
    };
  for (const kind of ["sgd", "adam"] as const)
    near(trained(meddled(true), kind).weights, trained(meddled(false), kind).weights);
});

it("gradients can be read after a step that was foreseen", () => {
  const watching =
    (readFirst: boolean): Loop =>
    ({ loss, optimizer, model }) => {
      const value = loss();
      if (readFirst) value.itemSync();
      optimizer.zeroGrad();
      value.backward();
      optimizer.step();
      return model.parameters()[0]?.grad?.abs().sum().itemSync();
    };
  near(trained(watching(true)).losses, trained(watching(false)).losses);
});

it("a scaled loss and its clipped gradients take two runs: one to see whether they are finite, one for the step", () => {
  const scaler = new GradScaler();
  const scaled: Loop = ({ loss, optimizer, model }) => {
    const value = loss();
    optimizer.zeroGrad();
    scaler.scale(value).backward();
    scaler.unscale_(optimizer);
    clipGradNorm_(model.parameters(), 1e3);
    scaler.step(optimizer);
    scaler.update();
    return value.itemSync();
  };
  const found = trained(scaled);
  near(found.losses, trained(after).losses);
  expect(found.runs).toBe(2 * 4);
});
