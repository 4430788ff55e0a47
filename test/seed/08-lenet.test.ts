// Section 8 of the seed checklist: LeNet5, the answer to exercise 5.
import { expect, it } from "vitest";
import { functional as F } from "../../src/nn/index.ts";
import { SGD } from "../../src/optim/index.ts";
import { manualSeed, rand, tensor } from "../../src/tensor/index.ts";
import { LeNet5 } from "../nn/images.ts";

it("seed/8-12 LeNet5 has 61,706 parameters, layer by layer, gives (2, 10) for (2, 1, 28, 28), and learns", () => {
  manualSeed(7);
  const model = new LeNet5();
  const layers = [model.conv1, model.conv2, model.fc1, model.fc2, model.fc3];
  expect(layers.map((layer) => layer.parameterCount())).toEqual([156, 2416, 48120, 10164, 850]);
  expect(model.parameterCount()).toBe(61706);
  const x = rand([2, 1, 28, 28]);
  expect(model.pool(model.conv1(x)).shape).toEqual([2, 6, 14, 14]);
  expect(model(x).shape).toEqual([2, 10]);
  const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
  const losses = Array.from({ length: 30 }, () => {
    optimizer.zeroGrad();
    const loss = F.crossEntropy(model(x), tensor([3, 8]));
    loss.backward();
    optimizer.step([loss]);
    return loss.itemSync();
  });
  expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) / 2);
});
