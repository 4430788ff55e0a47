// Gradients across devices, events and prints on WebGPU.
import { expect, it } from "vitest";
import { deviceReport, Event, isAvailable, ones, synchronize } from "../../src/tensor/index.ts";

const device = "webgpu";

it("is available, and prints itself", () => {
  expect(isAvailable(device)).toBe(true);
  expect(`${ones([2], { device })}`).toBe("tensor([1., 1.], device='webgpu')");
});

it("gradients go through moves in both directions", () => {
  const x = ones([2], { device, requiresGrad: true });
  const y = x.mul(2).cpu();
  expect([y.device, y.requiresGrad, y.isLeaf]).toEqual(["cpu", true, false]);
  y.mul(3).sum().backward();
  expect([x.grad?.device, x.grad?.tolistSync()]).toEqual([device, [6, 6]]);
  const host = ones([2], { requiresGrad: true });
  host.to(device).mul(5).sum().backward();
  expect([host.grad?.device, host.grad?.tolistSync()]).toEqual(["cpu", [5, 5]]);
});

it("an event waits for the device", () => {
  const a = ones([128, 128], { device });
  const [start, end] = [new Event({ enableTiming: true }), new Event({ enableTiming: true })];
  start.record(a);
  const b = a.matmul(a);
  end.record();
  synchronize();
  expect(b.node.value).toBeDefined();
  expect(start.elapsedTime(end)).toBeGreaterThan(0);
});

it("the report names the kernels of the device", () => {
  const a = ones([64, 64], { device });
  const kernels = deviceReport(() => a.matmul(a));
  expect(kernels.filter(({ kernel }) => kernel === "MatMul").map((each) => each.device)).toEqual([device]);
});
