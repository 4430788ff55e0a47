// Chapter 3.1.7, training: the order of a step, the losses, and the two modes of a model.
import { expect, it } from "vitest";
import * as nn from "../../src/nn/index.ts";
import { SGD } from "../../src/optim/index.ts";
import { manualSeed, ones, randn, type Tensor, tensor } from "../../src/tensor/index.ts";

const numbers = (tensor: Tensor) => Array.from(tensor.dataSync(), Number);

it("seed/9-01 data, batch, forward, loss, gradients, update: each step lowers the loss of its batch", () => {
  manualSeed(7);
  const data = randn([64, 4]); // 1 data, and what loads it in batches
  const labels = data.sum(1).gt(0).to("int64");
  const batches = [0, 16, 32, 48].map((start) => [data.narrow(0, start, 16), labels.narrow(0, start, 16)] as const);
  const model = new nn.Linear(4, 2);
  const lossFunction = new nn.CrossEntropyLoss();
  const optimizer = new SGD(model.parameters(), { lr: 0.5 });
  const before: number[] = [];
  const after: number[] = [];
  for (const [x, y] of batches) {
    // 2 a batch
    const logits = model(x); // 3 forward
    const loss = lossFunction(logits, y); // 4 loss
    before.push(loss.itemSync());
    optimizer.zeroGrad();
    expect(model.weight.grad).toBeNull();
    loss.backward(); // 5 gradients
    expect(model.weight.grad?.shape).toEqual([2, 4]);
    const old = numbers(model.weight);
    optimizer.step(); // 6 update
    expect(numbers(model.weight)).not.toEqual(old);
    after.push(lossFunction(model(x), y).itemSync());
  }
  for (const [at, value] of after.entries()) expect(value).toBeLessThan(before[at] ?? 0);
});

it("seed/9-03 BCELoss is the mean of -(y ln x + (1 - y) ln(1 - x))", () => {
  const [x, y] = [tensor([0.9, 0.2, 0.7]), tensor([1, 0, 1]).to("float32")];
  expect(new nn.BCELoss()(x, y).itemSync()).toBeCloseTo(0.22839303, 7);
  const sum = y
    .mul(x.log())
    .add(y.neg().add(1).mul(x.neg().add(1).log()))
    .sum()
    .neg();
  expect(new nn.BCELoss({ reduction: "sum" })(x, y).itemSync()).toBeCloseTo(sum.itemSync(), 6);
});

it("seed/9-04 MSELoss, NLLLoss, CrossEntropyLoss and BCEWithLogitsLoss", () => {
  expect(new nn.MSELoss()(tensor([1, 2]).to("float32"), tensor([3, 2]).to("float32")).itemSync()).toBe(2);
  const logits = tensor([[0.0464, -0.0368, 0.0447, -0.064, -0.0253, 0.0242, 0.0378, -0.1139, 0.0005, 0.0299]]);
  const wanted = 2.27400732;
  expect(new nn.CrossEntropyLoss()(logits, tensor([5])).itemSync()).toBeCloseTo(wanted, 6);
  expect(new nn.NLLLoss()(new nn.LogSoftmax(1)(logits), tensor([5])).itemSync()).toBeCloseTo(wanted, 6);
  const [x, y] = [tensor([0.5, -1, 2]), tensor([1, 0, 1]).to("float32")];
  expect(new nn.BCEWithLogitsLoss()(x, y).itemSync()).toBeCloseTo(0.3047556, 7);
  const far = tensor([1e4, -1e4]).to("float32").requiresGrad_();
  const loss = new nn.BCEWithLogitsLoss()(far, tensor([0, 1]).to("float32"));
  expect(loss.itemSync()).toBe(1e4);
  loss.backward();
  expect(numbers(far.grad ?? far)).toEqual([0.5, -0.5]);
  const wide = tensor([[1e4, -1e4]]).to("float32");
  expect(new nn.CrossEntropyLoss()(wide, tensor([1])).itemSync()).toBe(2e4);
});

it("seed/9-07 train() and eval() switch dropout and batch norm in all modules below", () => {
  manualSeed(7);
  const model = new nn.Sequential(new nn.BatchNorm1d(8), new nn.Sequential(new nn.Dropout(0.5)));
  const x = randn([32, 8]).mul(3).add(5);
  expect([...model.modules()].map(({ training }) => training)).toEqual([true, true, true, true]);
  const [first, second] = [numbers(model(x)), numbers(model(x))];
  expect(first).not.toEqual(second);
  expect(first.filter((value) => value === 0).length).toBeGreaterThan(64);
  expect(model.eval()).toBe(model);
  expect([...model.modules()].some(({ training }) => training)).toBe(false);
  const [third, fourth] = [numbers(model(x)), numbers(model(x))];
  expect(third).toEqual(fourth);
  expect(third.filter((value) => value === 0)).toHaveLength(0);
  // Running statistics after two batches, not those of the batch: a shifted input stays shifted.
  const shift = numbers(model(x.add(1)).sub(model(x)));
  for (const value of shift) expect(Math.abs(value)).toBeGreaterThan(0.1);
  model.train();
  expect(numbers(model(ones([32, 8]).mul(5))).every((value) => Math.abs(value) < 1e-3)).toBe(true);
});
