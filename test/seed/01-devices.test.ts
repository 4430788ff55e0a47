// Chapter 3.1.1, devices: is one there, moving to it, and timing on it.
import { expect, it } from "vitest";
import { AbrazoError } from "../../src/errors.ts";
import { DEVICES, Event, isAvailable, rand, synchronize, type Tensor, tensor, zeros } from "../../src/tensor/index.ts";

it("seed/1-13 the block that picks a device, and says when there is none", () => {
  const lines: string[] = [];
  const pick = (name: string): string => {
    if (isAvailable(name)) return name;
    lines.push("GPU not available");
    return "cpu";
  };
  const device = pick("no such device");
  expect([device, lines]).toEqual(["cpu", ["GPU not available"]]);
  expect(isAvailable("cpu")).toBe(true);
  const x = tensor([1, 2]);
  expect(x.to(device)).toBe(x);
  expect(x.to({ device }).device).toBe("cpu");
  for (const name of DEVICES.filter((each) => each !== "auto")) {
    if (isAvailable(name)) expect(x.to(name).device).toBe(name);
    else expect(() => x.to(name)).toThrow(expect.objectContaining({ code: "DEVICE_UNAVAILABLE" }));
  }
  expect(() => x.to("gpu")).toThrow(AbrazoError);
});

it("seed/1-14 the benchmark of a product, with events", () => {
  const size = 400; // 10,000 in the chapter: 400 MB a matrix
  const [a, b] = [rand([size, size]), rand([size, size])];
  const measure = (work: () => Tensor): { seconds: number; result: Tensor } => {
    const [start, end] = [new Event({ enableTiming: true }), new Event({ enableTiming: true })];
    start.record(a, b);
    const result = work();
    end.record();
    synchronize();
    return { seconds: start.elapsedTime(end) / 1000, result };
  };
  const one = measure(() => a.matmul(b));
  expect(one.result.node.value).toBeDefined();
  const three = measure(() => a.matmul(b).matmul(a).matmul(b).sum());
  expect(one.seconds).toBeGreaterThan(0);
  expect(`CPU computation time = ${one.seconds.toFixed(2)} seconds`).toMatch(
    /^CPU computation time = \d+\.\d\d seconds$/,
  );
  expect(`GPU is ${(three.seconds / one.seconds).toFixed(1)} times faster.`).toMatch(/^GPU is \d+\.\d times faster\.$/);
});

it("seed/1-16 numpy() of a tensor on a device asks for cpu() first", () => {
  const x = zeros([0], { device: "webgpu" });
  expect(() => x.numpy()).toThrow(
    "can't convert webgpu device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first.",
  );
  expect(zeros([2]).cpu().numpy()).toEqual(new Float32Array(2));
});
