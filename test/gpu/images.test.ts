// Networks for images on WebGPU: trained from a seed they are where PyTorch's are.
import { expect, it } from "vitest";
import { convnet, differences, IMAGES, LeNet5, train } from "../nn/images.ts";

const networks = [
  { name: "LeNet5", make: () => new LeNet5(), golden: IMAGES.lenet5, shape: [4, 1, 28, 28], classes: 10 },
  { name: "batch normalization and pooling", make: convnet, golden: IMAGES.convnet, shape: [6, 1, 10, 10], classes: 5 },
];

it.each(networks)("$name learns on WebGPU as in PyTorch", { timeout: 120_000 }, ({ make, golden, shape, classes }) => {
  const trained = train(make, shape, classes, golden.losses.length, "webgpu");
  expect(differences(golden, trained, 1e-4)).toEqual([]);
  for (const [name, value] of trained.model.stateDict()) expect(value.device, name).toBe("webgpu");
});
