// Which devices this installation can run on, and what to install for the others.
import { AbrazoError, suggestion } from "../errors.ts";
import { supportedBackends } from "./runtime.ts";

export const DEVICES = ["cpu", "webgpu", "cuda", "auto"] as const;
export type Device = (typeof DEVICES)[number];

const INSTALL: Readonly<Record<string, string>> = {
  cuda: "Install CUDA 12 and cuDNN 9, then: npm rebuild onnxruntime-node (without ONNXRUNTIME_NODE_INSTALL=skip).",
  webgpu: "WebGPU is bundled for Linux x64, Windows and macOS arm64, and needs a Vulkan, Direct3D 12 or Metal driver.",
};

export function isDevice(name: string): name is Device {
  return (DEVICES as readonly string[]).includes(name); // safe because widening a list of literals to look a string up
}

/** Fails unless the runtime has the device's provider. Whether a driver is there shows only when a graph is compiled. */
export function requireDevice(device: string): void {
  if (device === "cpu") return;
  if (!isDevice(device)) {
    throw new AbrazoError({
      code: "UNKNOWN_DEVICE",
      message: `There is no device "${device}".`,
      hint: suggestion(device, DEVICES),
    });
  }
  const backend = supportedBackends().find(({ name }) => name === device);
  if (backend?.bundled === true) return;
  throw new AbrazoError({
    code: "DEVICE_UNAVAILABLE",
    message: `The device "${device}" is not available in this installation.`,
    hint: INSTALL[device],
    data: { device },
  });
}
