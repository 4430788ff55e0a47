// Which devices this machine can compute on, which of them keep results, and what to install for the others.
import { AbrazoError, internalError, suggestion } from "../errors.ts";
import { DTYPES, type DType } from "../graph/dtype.ts";
import { log } from "../log.ts";
import { encodeModel, type OnnxModel } from "./proto.ts";
import { installedProviders, type NativeTensor, nativeTensor, Session } from "./runtime.ts";
import { sessionOptions } from "./session.ts";

/** The names that a device may be asked for by; "auto" is the best one that works. */
export const DEVICES = ["cpu", "webgpu", "cuda", "auto"] as const;
/** One of DEVICES. */
export type Device = (typeof DEVICES)[number];

/** What "auto" tries, in this order. */
export const PREFERRED_DEVICES = ["cuda", "webgpu", "cpu"] as const satisfies readonly Device[];

const INSTALL: Readonly<Record<string, string>> = {
  cuda: "Install CUDA 12 and cuDNN 9, then: npm rebuild onnxruntime-node (without ONNXRUNTIME_NODE_INSTALL=skip).",
  webgpu: "WebGPU is bundled for Linux x64, Windows and macOS arm64, and needs a Vulkan, Direct3D 12 or Metal driver.",
  auto: 'A tensor lies on one device; resolveDevice("auto") names the one that auto stands for here.',
};

/** Dtypes whose results may stay on a device. The binding hands out buffers of WebGPU alone: CUDA's results come to the host. */
const KEPT: Readonly<Record<string, readonly DType[]>> = {
  webgpu: ["float32", "float16", "bfloat16", "int64", "int32", "uint8", "bool"],
};

export function isDevice(name: string): name is Device {
  return (DEVICES as readonly string[]).includes(name); // safe because widening a list of literals to look a string up
}

export function keepsResults(device: string, dtype: DType): boolean {
  return KEPT[device]?.includes(dtype) === true;
}

/**
 * A session per device that has computed here, kept as long as the process: results that stay on a device are written
 * into memory that it allocates. Memory belongs to the session that allocated it, and freeing it after that ends the process.
 */
const open = new Map<string, Session>();

/** Fails unless a device has this name and its provider is installed; whether there is a driver shows with the first run. */
export function requireInstalled(device: string): void {
  if (device === "cpu" || open.has(device)) return;
  if (typeof device !== "string" || !isDevice(device)) {
    throw new AbrazoError({
      code: "UNKNOWN_DEVICE",
      message: `There is no device "${String(device)}".`,
      hint: suggestion(String(device), DEVICES),
    });
  }
  if (!installedProviders().includes(device)) {
    throw new AbrazoError({
      code: "DEVICE_UNAVAILABLE",
      message: `The device "${device}" is not available in this installation.`,
      hint: INSTALL[device],
      data: { device },
    });
  }
}

/** Fails unless the device computes here: its provider is installed, and there is a driver. */
export function requireDevice(device: string): void {
  if (device === "cpu" || open.has(device)) return;
  requireInstalled(device);
  const options = sessionOptions(device, 1, 1);
  if (KEPT[device] !== undefined) options.preferredOutputLocation = "gpu-buffer";
  open.set(device, new Session(encodeModel(ALLOCATOR), ["memory"], options));
}

/** A zero, repeated: float32 elements in a new piece of the device's memory. */
const ALLOCATOR: OnnxModel = {
  nodes: [{ opType: "Expand", inputs: ["zero", "size"], outputs: ["memory"] }],
  initializers: [{ name: "zero", dims: [1], dataType: DTYPES.float32.onnx, content: { bytes: new Uint8Array(4) } }],
  inputs: [{ name: "size", dataType: DTYPES.int64.onnx, shape: [1] }],
  outputs: [{ name: "memory", dataType: DTYPES.float32.onnx, shape: ["n"] }],
};

/** Memory for `bytes` on a device that keeps results. */
export function allocateOn(device: string, bytes: number): NativeTensor {
  const elements = BigInt(Math.ceil(bytes / 4));
  const size = nativeTensor("int64", BigInt64Array.of(elements), [1]);
  const { memory } = open.get(device)?.run({ size }) ?? {};
  if (memory === undefined) throw internalError(`the device ${device} was not opened`);
  return memory;
}

/**
 * The device itself, or the best one that works where "auto" is asked for, which is said aloud.
 *
 * @example needs a GPU
 * ```ts
 * resolveDevice("auto"); // "webgpu"
 * ```
 */
export function resolveDevice(device: string): string {
  if (device !== "auto") {
    requireDevice(device);
    return device;
  }
  const notUsed: string[] = [];
  for (const candidate of PREFERRED_DEVICES) {
    try {
      requireDevice(candidate);
      log.info(`Device: ${candidate}.`, { device: candidate, notUsed });
      return candidate;
    } catch (error) {
      if (!(error instanceof AbrazoError)) throw error;
      notUsed.push(`${candidate}: ${error.message}`);
    }
  }
  throw internalError("the CPU was not tried");
}

/**
 * Whether a device computes here: torch.cuda.is_available() for any device.
 *
 * @example
 * ```ts
 * const device = isAvailable("webgpu") ? "webgpu" : "cpu";
 * isAvailable("cpu"); // true
 * ```
 */
export function isAvailable(device: string): boolean {
  try {
    requireDevice(device);
    return true;
  } catch (error) {
    if (error instanceof AbrazoError) return false;
    throw error;
  }
}
