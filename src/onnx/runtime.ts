// The one file that touches onnxruntime-node: its native binding, called synchronously.
// The binding is not a public interface, so the version is pinned exactly and checked when it loads.
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { AbrazoError, internalError } from "../errors.ts";
import type { DType, TypedArray } from "../graph/dtype.ts";
import { discard } from "./discard.ts";

const PINNED = "1.30.0";

/** A tensor as the binding takes and gives it. float16 travels as Uint16Array, bool as Uint8Array. */
export interface NativeTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: TypedArray;
  readonly location: string;
  /** A handle of the memory, where that lies on a device. */
  readonly gpuBuffer: unknown;
  dispose(): void;
}

export interface SessionOptions {
  executionProviders?: readonly (string | Record<string, unknown>)[];
  intraOpNumThreads?: number;
  interOpNumThreads?: number;
  graphOptimizationLevel?: "disabled" | "basic" | "extended" | "all";
  enableCpuMemArena?: boolean;
  enableMemPattern?: boolean;
  /** Writes what each node took, and which provider ran it, to a file when the session is released. */
  enableProfiling?: boolean;
  profileFilePrefix?: string;
  logSeverityLevel?: number;
  preferredOutputLocation?: string | Record<string, string>;
  /** Contents of files that a model refers to, by their names; read while the session is made. */
  externalData?: readonly { path: string; data: Uint8Array }[];
  extra?: Record<string, unknown>;
}

interface NativeSession {
  loadModel(buffer: ArrayBufferLike, offset: number, length: number, options: SessionOptions): void;
  run(
    feeds: Record<string, NativeTensor>,
    fetches: Record<string, NativeTensor | null>,
    options: object,
  ): Record<string, NativeTensor>;
  dispose(): void;
}

interface Binding {
  InferenceSession: new () => NativeSession;
  listSupportedBackends(): { name: string; bundled: boolean }[];
}

interface TensorConstructor {
  new (type: string, data: TypedArray, dims: readonly number[]): NativeTensor;
  fromGpuBuffer(
    buffer: unknown,
    options: { dataType: string; dims: readonly number[]; dispose: () => void },
  ): NativeTensor;
}

interface Loaded {
  binding: Binding;
  Tensor: TensorConstructor;
  /** Where the libraries of providers lie. */
  folder: string;
}

let loaded: Loaded | undefined;

function load(): Loaded {
  if (loaded !== undefined) return loaded;
  // The library writes an identifier under HOME and phones home otherwise; it reads this when it loads.
  process.env["ORT_DISABLE_TELEMETRY"] ??= "1";
  const require = createRequire(import.meta.url);
  const manifestPath = require.resolve("onnxruntime-node/package.json");
  const manifest: { version: string } = JSON.parse(readFileSync(manifestPath, "utf8"));
  if (manifest.version !== PINNED) {
    throw new AbrazoError({
      code: "RUNTIME_VERSION",
      message: `onnxruntime-node ${manifest.version} is installed; Abrazo is built on ${PINNED}.`,
      hint: `npm install --save-exact onnxruntime-node@${PINNED}`,
    });
  }
  const { binding, initOrt }: { binding: Binding; initOrt(): void } = require("onnxruntime-node/dist/binding.js");
  const { Tensor }: { Tensor: TensorConstructor } = require("onnxruntime-node");
  initOrt();
  const folder = join(dirname(manifestPath), "bin", "napi-v6", process.platform, process.arch);
  loaded = { binding, Tensor, folder };
  return loaded;
}

export function nativeTensor(dtype: DType, data: TypedArray, dims: readonly number[]): NativeTensor {
  return new (load().Tensor)(dtype, data, dims);
}

/** Memory on a device as a tensor of another dtype and shape; disposing of either frees it. */
export function deviceTensor(memory: NativeTensor, dtype: DType, dims: readonly number[]): NativeTensor {
  return load().Tensor.fromGpuBuffer(memory.gpuBuffer, { dataType: dtype, dims, dispose: () => memory.dispose() });
}

/** Names of the providers that are installed: those in the package, and those whose library was downloaded beside it. */
export function installedProviders(): string[] {
  const { binding, folder } = load();
  return binding
    .listSupportedBackends()
    .filter(({ name, bundled }) => bundled || existsSync(join(folder, `libonnxruntime_providers_${name}.so`)))
    .map(({ name }) => name);
}

/** A compiled model. */
export class Session {
  readonly #native: NativeSession;
  readonly #outputs: Record<string, null>;

  constructor(model: Uint8Array, outputs: readonly string[], options: SessionOptions) {
    this.#native = new (load().binding.InferenceSession)();
    this.#outputs = Object.fromEntries(outputs.map((name) => [name, null]));
    try {
      this.#native.loadModel(model.buffer, model.byteOffset, model.byteLength, { logSeverityLevel: 4, ...options });
    } catch (error) {
      throw runtimeError("compile", error);
    }
  }

  /**
   * Runs to the end before it returns: the thread is busy meanwhile.
   *
   * @param into memory of a device or arrays, for outputs that shall lie there, by name; their results are not to be read
   */
  run(feeds: Record<string, NativeTensor>, into: Record<string, NativeTensor> = {}): Record<string, NativeTensor> {
    try {
      const results = this.#native.run(feeds, { ...this.#outputs, ...into }, {});
      discardCopies(results, into);
      return results;
    } catch (error) {
      throw runtimeError("run", error);
    }
  }

  release(): void {
    this.#native.dispose();
  }
}

/** Arrays from here on are given back at once. */
const LARGE_COPY = 2 ** 16;

/**
 * The binding copies every result, also one that was written where it belongs. Left to the garbage collector, these copies
 * would have it run every few steps of a training loop.
 */
function discardCopies(results: Record<string, NativeTensor>, into: Record<string, NativeTensor>): void {
  const copies = Object.entries(into).flatMap(([name, tensor]) => {
    if (tensor.location !== "cpu") return [];
    const copy = results[name]?.data.buffer;
    const isOwn = copy instanceof ArrayBuffer && copy !== tensor.data.buffer && copy.byteLength >= LARGE_COPY;
    return isOwn ? [copy] : [];
  });
  discard(copies);
}

/** How a device says that it cannot compute here. */
const UNAVAILABLE = [
  {
    device: "webgpu",
    sign: /webgpu_context|Failed to get (a|an)? ?(adapter|device)/i,
    lack: "no graphics driver that can compute was found",
    hint: "WebGPU needs a Vulkan, Direct3D 12 or Metal driver. On Linux without a GPU, VK_ICD_FILENAMES may name a software one.",
  },
  {
    device: "cuda",
    sign: /ExecutionProvider_Cuda|libonnxruntime_providers_|\bCUDA (failure|error)|CUDA driver/i,
    lack: "its provider could not be loaded, or no GPU of NVIDIA was found",
    hint: "Install CUDA 12 and cuDNN 9 where the loader finds them, and check the driver with nvidia-smi.",
  },
] as const;

function runtimeError(phase: "compile" | "run", cause: unknown): AbrazoError {
  const text = cause instanceof Error ? cause.message : String(cause);
  if (/bad_alloc|Failed to allocate|out of memory/i.test(text)) {
    return new AbrazoError({
      code: "OUT_OF_MEMORY",
      message: `The device ran out of memory: ${text}`,
      hint: "Use a smaller batch or shorter sequences.",
      cause,
    });
  }
  if (/indices element out of data bounds|out of bounds|out of range value in index/i.test(text)) {
    return new AbrazoError({
      code: "INDEX_OUT_OF_RANGE",
      message: `An index is out of range: ${text}`,
      hint: "Check ids against the size of the table they index.",
      cause,
    });
  }
  if (/Attempting to broadcast an axis|unable to broadcast|are not broadcastable/i.test(text)) {
    return new AbrazoError({
      code: "SHAPE_MISMATCH",
      message: `Sizes that are only known when the graph runs do not fit together: ${text}`,
      hint: "Feed sizes that belong together; a text may not be longer than the positions that its model has.",
      cause,
    });
  }
  if (/requires f16 but the device does not support it/.test(text)) {
    return new AbrazoError({
      code: "DTYPE_UNSUPPORTED",
      message: "This device does not compute in float16.",
      hint: 'Convert the tensor first, e.g. with to("float32").',
      data: { dtype: "float16" },
      cause,
    });
  }
  const unavailable = UNAVAILABLE.find(({ sign }) => phase === "compile" && sign.test(text));
  if (unavailable !== undefined) {
    const { device, lack, hint } = unavailable;
    return new AbrazoError({
      code: "DEVICE_UNAVAILABLE",
      message: `The device "${device}" is not available: ${lack}.`,
      hint,
      data: { device },
      cause,
    });
  }
  const error = internalError(`onnxruntime could not ${phase} the graph: ${text}`);
  error.cause = cause;
  return error;
}
