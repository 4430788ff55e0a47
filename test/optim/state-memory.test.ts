// Steps write new weights over old ones. Whoever still holds something of an old step reads it as it was.
import { describe, expect, it } from "vitest";
import { BatchNorm1d, Dropout, functional as F, Linear, ReLU, Sequential } from "../../src/nn/index.ts";
import { poolStats } from "../../src/onnx/host-pool.ts";
import { Adam, AdamW, type Optimizer, SGD } from "../../src/optim/index.ts";
import { Generator, manualSeed, noGrad, randint, randn, type Tensor, zerosLike } from "../../src/tensor/index.ts";

const numbers = (tensor: Tensor): number[] => Array.from(tensor.dataSync(), Number);
const makes: Readonly<Record<string, (parameters: Tensor[]) => Optimizer>> = {
  SGD: (parameters) => new SGD(parameters, { lr: 0.05, momentum: 0.9 }),
  Adam: (parameters) => new Adam(parameters, { lr: 0.01 }),
};

interface Training {
  model: Sequential;
  optimizer: Optimizer;
  /** One step; gives what it recorded. */
  step(): { out: Tensor; loss: Tensor };
}

/** Weights of 16 kB and more, which are worth a place; dropout and running means have state of their own. */
function training(make: (parameters: Tensor[]) => Optimizer, readsFirst = true): Training {
  manualSeed(11);
  const generator = new Generator(12);
  const layers = [new Linear(64, 96), new BatchNorm1d(96), new ReLU(), new Dropout(0.1), new Linear(96, 64)];
  const model = new Sequential(...layers);
  const optimizer = make(model.parameters());
  const step = () => {
    const [x, y] = [randn([8, 64], { generator }), randint(0, 64, [8], { generator })];
    const out = model(x);
    const loss = F.crossEntropy(out, y);
    if (readsFirst) loss.itemSync();
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return { out, loss };
  };
  return { model, optimizer, step };
}

const weightOf = ({ model }: Training): number[] => numbers(model.parameters()[0] ?? expect.unreachable());

describe.each(Object.keys(makes))("%s", (name) => {
  const make = makes[name] ?? ((parameters) => new SGD(parameters));

  it.each([true, false])("writes new weights over old ones (loss read first: %s)", (readsFirst) => {
    const { step } = training(make, readsFirst);
    for (let at = 0; at < 8; at++) step();
    const before = { ...poolStats };
    for (let at = 0; at < 12; at++) step();
    expect(poolStats.reused - before.reused).toBeGreaterThan(12);
    // One step in 32 begins anew and leaves its arrays as they are: here at most once.
    expect(poolStats.made - before.made).toBeLessThanOrEqual(name === "SGD" ? 4 : 6);
    expect(poolStats.restored).toBe(before.restored);
  });

  it("what was recorded in old steps and never read is read as it was", () => {
    const held = training(make);
    const kept = Array.from({ length: 45 }, () => held.step().out);
    const read = training(make);
    const wanted = Array.from({ length: 45 }, () => numbers(read.step().out));
    expect(weightOf(held)).toEqual(weightOf(read));
    // From the newest to the oldest, each of which stands on others.
    for (const at of [44, 20, 3, 40, 0, 31]) expect(numbers(kept[at] ?? expect.unreachable())).toEqual(wanted[at]);
  });

  it("weights, state and arrays that were taken hold still while the training goes on", () => {
    const { model, optimizer, step } = training(make);
    const weight = model.parameters()[0] ?? expect.unreachable();
    for (let at = 0; at < 6; at++) step();
    const array = weight.dataSync();
    const before = Array.from(array, Number);
    const copy = weight.detach().clone();
    const state = Object.values(optimizer.stateDict().state[0] ?? {}).filter((value) => typeof value !== "number");
    step();
    const after = weight.detach().clone();
    for (let at = 0; at < 50; at++) step();
    const reference = training(make);
    for (let at = 0; at < 7; at++) reference.step();
    expect(Array.from(array, Number)).toEqual(before);
    expect(numbers(copy)).toEqual(before);
    expect(numbers(after)).toEqual(weightOf(reference));
    expect(state.length).toBeGreaterThan(0);
    for (const value of state) expect(numbers(value).every(Number.isFinite)).toBe(true);
  });
});

it("a moving average of the weights is the one of weights that are read each step", () => {
  const run = (isRead: boolean) => {
    const { model, step } = training((parameters) => new AdamW(parameters, { lr: 0.01 }));
    const averages = model.parameters().map((parameter) => zerosLike(parameter));
    for (let at = 0; at < 60; at++) {
      step();
      noGrad(() => {
        for (const [index, parameter] of model.parameters().entries()) {
          averages[index]?.mul_(0.9).add_(parameter.mul(0.1));
          if (isRead) averages[index]?.dataSync();
        }
      });
    }
    return averages.map(numbers);
  };
  const [found, wanted] = [run(false), run(true)];
  for (const [at, values] of found.entries()) {
    for (const [place, value] of values.entries()) expect(value).toBeCloseTo(wanted[at]?.[place] ?? Number.NaN, 5);
  }
});

it("gradients that two optimizers leave to each other, and that add up, are those of their steps", () => {
  const run = (isRead: boolean) => {
    manualSeed(4);
    const [first, second] = [new Linear(64, 64), new Linear(64, 64)];
    const optimizers = [first, second].map((layer) => new SGD(layer.parameters(), { lr: 0.01 }));
    const generator = new Generator(5);
    for (let at = 0; at < 40; at++) {
      const loss = second(first(randn([4, 64], { generator })).tanh())
        .square()
        .mean();
      loss.backward();
      if (isRead) for (const { grad } of second.parameters()) grad?.dataSync();
      optimizers[0]?.step();
      optimizers[0]?.zeroGrad();
      // The other's gradients stand on weights that the first has replaced meanwhile.
      if (at % 10 === 9) {
        optimizers[1]?.step();
        optimizers[1]?.zeroGrad();
      }
    }
    return [...first.parameters(), ...second.parameters()].map(numbers);
  };
  const [found, wanted] = [run(false), run(true)];
  for (const [at, values] of found.entries()) {
    for (const [place, value] of values.entries()) expect(value).toBeCloseTo(wanted[at]?.[place] ?? Number.NaN, 5);
  }
});

it("a run that computes something of the step before writes nothing that it reads", () => {
  const run = (isRead: boolean): number[] => {
    manualSeed(6);
    const layer = new Linear(64, 64);
    const optimizer = new SGD(layer.parameters(), { lr: 0.5 });
    const generator = new Generator(7);
    const sums: Tensor[] = [];
    let last: Tensor | undefined;
    for (let at = 0; at < 12; at++) {
      const out = layer(randn([4, 64], { generator })).tanh();
      optimizer.zeroGrad();
      out.square().mean().backward();
      // It stands on weights that were replaced, and not on the gradients: nothing says when the runtime computes it.
      if (last !== undefined) sums.push(last.detach().square().sum());
      optimizer.step(sums.slice(-1));
      if (isRead) out.dataSync();
      last = out;
    }
    return sums.map((sum) => sum.itemSync());
  };
  const wanted = run(true);
  for (const [at, sum] of run(false).entries()) expect(sum).toBeCloseTo(wanted[at] ?? Number.NaN, 3);
});

it("after old values were asked for, none is written over for a while", () => {
  const { step } = training((parameters) => new SGD(parameters, { lr: 0.05 }));
  const kept = Array.from({ length: 12 }, () => step().out);
  const before = { ...poolStats };
  numbers(kept[4] ?? expect.unreachable());
  expect(poolStats.restored).toBeGreaterThan(before.restored);
  for (let at = 0; at < 3; at++) step();
  const paused = { ...poolStats };
  for (let at = 0; at < 10; at++) step();
  expect(poolStats.reused).toBe(paused.reused);
  expect(poolStats.made).toBeGreaterThan(paused.made);
});
