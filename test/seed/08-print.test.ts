// Chapter 3.2, models: what a printed result says of itself.
import { expect, it } from "vitest";
import { Linear } from "../../src/nn/index.ts";
import { manualSeed, ones, zeros } from "../../src/tensor/index.ts";

it("seed/8-06 a print names the device, if it is not the CPU, and the gradient function", () => {
  manualSeed(7);
  const logits = new Linear(3, 2)(ones([2, 3]));
  expect(`${logits}`).toMatch(/^tensor\(\[\[.*\],\n {8}\[.*\]\], grad_fn=<AddmmBackward0>\)$/);
  expect(`${logits.softmax(1)}`).toMatch(/\]\], grad_fn=<SoftmaxBackward0>\)$/);
  expect(`${ones([2])}`).toBe("tensor([1., 1.])");
  expect(`${ones([2], { requiresGrad: true })}`).toBe("tensor([1., 1.], requires_grad=True)");
  const onDevice = zeros([0, 2], { device: "webgpu", requiresGrad: true });
  expect(`${onDevice.mul(2)}`).toBe("tensor([], device='webgpu', size=(0, 2), grad_fn=<MulBackward0>)");
});
