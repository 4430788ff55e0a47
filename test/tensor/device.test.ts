// Devices as far as a machine without one can tell: moving, errors, events, the report of a run.
import { describe, expect, it } from "vitest";
import { deviceReport, Event, noGrad, ones, synchronize, tensor, zeros } from "../../src/tensor/index.ts";

describe("to", () => {
  it("takes a dtype, a device, or both, and gives the tensor itself where nothing changes", () => {
    const x = ones([2]);
    expect(x.to("cpu")).toBe(x);
    expect(x.to("float32")).toBe(x);
    expect(x.to({ device: "cpu", dtype: "float64" })).toMatchObject({ device: "cpu", dtype: "float64" });
    expect(() => x.to("gpu")).toThrow(expect.objectContaining({ code: "UNKNOWN_DEVICE" }));
    expect(() => x.to({ device: "auto" })).toThrow(expect.objectContaining({ code: "DEVICE_UNAVAILABLE" }));
  });

  it("lets gradients through, in the dtype of each side", () => {
    const x = ones([2], { requiresGrad: true });
    const y = x.to({ dtype: "float64" });
    y.mul(3).sum().backward();
    expect([y.gradFn, x.grad?.dtype, x.grad?.tolistSync()]).toEqual(["ToCopyBackward0", "float32", [3, 3]]);
    expect(noGrad(() => x.to("float64")).requiresGrad).toBe(false);
  });
});

describe("events", () => {
  const timed = () => new Event({ enableTiming: true });

  it("compute what was recorded between them, and count the time", () => {
    const [start, end, later] = [timed(), timed(), timed()];
    start.record();
    const a = ones([300, 300]).mul(2);
    const b = a.matmul(a);
    const c = b.sum();
    end.record();
    expect([a, b, c].map(({ node }) => node.value !== undefined)).toEqual([false, false, true]); // steps on the way stay inside
    later.record();
    expect(start.elapsedTime(end)).toBeGreaterThan(later.elapsedTime(later));
    expect(end.query()).toBe(true);
    end.synchronize();
    expect(ones([2]).mul(5).node.value).toBeUndefined();
  });

  it("compute gradients too, and tensors that are named", () => {
    const [start, end] = [timed(), timed()];
    const before = ones([2]).mul(7);
    start.record(before);
    expect(before.node.value).toBeDefined();
    const x = ones([2], { requiresGrad: true });
    x.mul(x).sum().backward();
    end.record();
    expect(x.grad?.node.value).toBeDefined();
    const after = ones([2]).mul(8);
    synchronize(after);
    expect(after.node.value).toBeDefined();
  });

  it("are refused in PyTorch's words", () => {
    expect(() => new Event().elapsedTime(timed())).toThrow(
      "Both events must be created with argument 'enable_timing=True'.",
    );
    expect(() => timed().elapsedTime(timed())).toThrow("Both events must be recorded before calculating elapsed time.");
    expect(timed().query()).toBe(false);
  });

  it("leave nothing behind when a computation between them fails", () => {
    const [start, end] = [timed(), timed()];
    start.record();
    ones([3]).gather(0, tensor([2]).add(3));
    expect(() => end.record()).toThrow("An index is out of range");
    end.record();
    synchronize();
    expect(start.elapsedTime(end)).toBeGreaterThan(0);
  });
});

describe("deviceReport", () => {
  it("names each kernel, its device, its results and its time", () => {
    const a = ones([64, 64]);
    const report = deviceReport(() => a.matmul(a));
    expect(report.map(({ kernel, device, outputs }) => ({ kernel, device, outputs }))).toEqual([
      { kernel: "MatMul", device: "cpu", outputs: ["float"] },
    ]);
    expect(report[0]?.milliseconds).toBeGreaterThanOrEqual(0);
    expect(
      deviceReport([a.exp(), a.matmul(a)])
        .map(({ kernel }) => kernel)
        .sort(),
    ).toEqual(["Exp", "MatMul"]);
    expect(() => deviceReport(zeros([1]).exp(), { device: "gpu" })).toThrow('There is no device "gpu".');
  });
});
