// Devices by name: what is unknown, what is missing and how it is got, what auto stands for.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { keepsResults, requireDevice, resolveDevice } from "../../src/onnx/devices.ts";
import { ones } from "../../src/tensor/index.ts";

const package_ = dirname(createRequire(import.meta.url).resolve("onnxruntime-node/package.json"));
const hasCuda = existsSync(join(package_, "bin", "napi-v6", "linux", "x64", "libonnxruntime_providers_cuda.so"));

const failing = (fn: () => unknown): unknown => {
  try {
    fn();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
};

it("an unknown device offers the nearest", () => {
  expect(failing(() => requireDevice("webgp"))).toMatchObject({
    code: "UNKNOWN_DEVICE",
    message: 'There is no device "webgp".',
    hint: 'Did you mean "webgpu"?',
  });
});

it.skipIf(hasCuda)(
  `cuda without its provider says what to install${hasCuda ? " (skipped: it is installed)" : ""}`,
  () => {
    const wanted = {
      code: "DEVICE_UNAVAILABLE",
      message: 'The device "cuda" is not available in this installation.',
      hint: expect.stringMatching(/^Install CUDA 12 and cuDNN 9, then: npm rebuild onnxruntime-node/),
    };
    expect(failing(() => requireDevice("cuda"))).toMatchObject(wanted);
    expect(failing(() => resolveDevice("cuda"))).toMatchObject(wanted);
    expect(failing(() => ones([2], { device: "cuda" }).add(1).dataSync())).toMatchObject(wanted);
  },
);

it("a tensor lies on one device, which auto has to be resolved to", () => {
  expect(resolveDevice("cpu")).toBe("cpu");
  expect(failing(() => ones([2], { device: "auto" }).add(1).dataSync())).toMatchObject({
    code: "DEVICE_UNAVAILABLE",
    hint: expect.stringContaining('resolveDevice("auto")'),
  });
});

it("results stay on WebGPU alone, in the dtypes of its buffers", () => {
  expect(["cpu", "webgpu", "cuda"].map((device) => keepsResults(device, "float32"))).toEqual([false, true, false]);
  expect(keepsResults("webgpu", "float64")).toBe(false);
});
