// Chapter 3.1.7, training: the optimizers that are most used, and the learning rate's schedule.
import { expect, it } from "vitest";
import { functional as F, Linear } from "../../src/nn/index.ts";
import { Adam, AdamW, lrScheduler, type Optimizer, SGD } from "../../src/optim/index.ts";
import { manualSeed, type Tensor, tensor, zeros } from "../../src/tensor/index.ts";

/** A linear layer right after seed 7, and the loss of two rows with classes 0 and 1. */
function tiny(): { layer: Linear; loss: () => Tensor } {
  manualSeed(7);
  const layer = new Linear(3, 2);
  const x = tensor([
    [0, 0.1, 0.2],
    [0.3, 0.4, 0.5],
  ]);
  const y = tensor([0, 1]);
  return { layer, loss: () => F.crossEntropy(layer(x), y) };
}

function expectClose(tensor: Tensor | null | undefined, values: readonly number[]): void {
  const got = [...(tensor?.dataSync() ?? [])].slice(0, values.length).map(Number);
  expect(got).toHaveLength(values.length);
  for (const [place, value] of values.entries()) expect(Math.abs((got[place] ?? 0) - value)).toBeLessThan(1e-7);
}

it("seed/9-05 SGD, Adam and AdamW take PyTorch's steps", async () => {
  const { layer, loss } = tiny();
  const optimizer = new SGD(layer.parameters(), { lr: 1e-3 });
  const first = loss();
  expect(await first.item()).toBeCloseTo(0.7222839, 6);
  first.backward();
  expectClose(layer.weight.grad, [0.05980865, 0.04935716, 0.03890567]);
  expectClose(layer.bias?.grad, [-0.10451485, 0.10451487]);
  optimizer.step();
  expectClose(layer.weight, [0.04026527]);

  const losses = async (make: (parameters: Tensor[]) => Optimizer): Promise<number[]> => {
    const { layer, loss } = tiny();
    const optimizer = make(layer.parameters());
    const seen: number[] = [];
    for (let step = 0; step < 3; step++) {
      optimizer.zeroGrad();
      const value = loss();
      seen.push(await value.item());
      value.backward();
      optimizer.step();
    }
    return seen;
  };
  const runs = [
    {
      make: (parameters: Tensor[]) => new Adam(parameters, { lr: 1e-3, weightDecay: 1e-5 }),
      want: [0.7222839, 0.72177887, 0.72127414],
    },
    {
      make: (parameters: Tensor[]) => new AdamW(parameters, { lr: 1e-3 }),
      want: [0.7222839, 0.72177833, 0.72127306],
    },
  ];
  for (const { make, want } of runs) {
    const got = await losses(make);
    for (const [step, value] of want.entries()) expect(Math.abs((got[step] ?? 0) - value)).toBeLessThan(2e-7);
  }
});

it("seed/9-06 StepLR(optimizer, step_size=30, gamma=0.1) is stepped once an epoch, after logging", () => {
  const optimizer = new SGD([zeros([1])], { lr: 1e-3 });
  const scheduler = new lrScheduler.StepLR(optimizer, { stepSize: 30, gamma: 0.1 });
  const printed: string[] = [];
  for (let epoch = 0; epoch < 61; epoch++) {
    optimizer.step();
    printed.push((scheduler.getLastLr()[0] ?? 0).toFixed(6));
    scheduler.step();
  }
  expect(printed.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => "0.001000"));
  expect(new Set(printed.slice(0, 30))).toEqual(new Set(["0.001000"]));
  expect(new Set(printed.slice(30, 60))).toEqual(new Set(["0.000100"]));
  expect(printed[60]).toBe("0.000010");
});
