// The one file that touches onnxruntime-node: its native binding, called synchronously.
// The binding is not a public interface, so the version is pinned exactly and checked when it loads.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { AbrazoError, internalError } from "../errors.ts";
import type { DType, TypedArray } from "../graph/dtype.ts";

const PINNED = "1.30.0";

/** A tensor as the binding takes and gives it. float16 travels as Uint16Array, bool as Uint8Array. */
export interface NativeTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: TypedArray;
  readonly location: string;
  dispose(): void;
}

export interface SessionOptions {
  executionProviders?: readonly (string | Record<string, unknown>)[];
  intraOpNumThreads?: number;
  interOpNumThreads?: number;
  graphOptimizationLevel?: "disabled" | "basic" | "extended" | "all";
  enableCpuMemArena?: boolean;
  enableMemPattern?: boolean;
  logSeverityLevel?: number;
  preferredOutputLocation?: string | Record<string, string>;
  extra?: Record<string, unknown>;
}

interface NativeSession {
  loadModel(buffer: ArrayBufferLike, offset: number, length: number, options: SessionOptions): void;
  run(
    feeds: Record<string, NativeTensor>,
    fetches: Record<string, null>,
    options: object,
  ): Record<string, NativeTensor>;
  dispose(): void;
}

interface Binding {
  InferenceSession: new () => NativeSession;
  listSupportedBackends(): { name: string; bundled: boolean }[];
}

type TensorConstructor = new (type: string, data: TypedArray, dims: readonly number[]) => NativeTensor;

interface Loaded {
  binding: Binding;
  Tensor: TensorConstructor;
}

let loaded: Loaded | undefined;

function load(): Loaded {
  if (loaded !== undefined) return loaded;
  // The library writes an identifier under HOME and phones home otherwise; it reads this when it loads.
  process.env["ORT_DISABLE_TELEMETRY"] ??= "1";
  const require = createRequire(import.meta.url);
  const manifest: { version: string } = JSON.parse(
    readFileSync(require.resolve("onnxruntime-node/package.json"), "utf8"),
  );
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
  loaded = { binding, Tensor };
  return loaded;
}

export function nativeTensor(dtype: DType, data: TypedArray, dims: readonly number[]): NativeTensor {
  return new (load().Tensor)(dtype, data, dims);
}

/** Names of the devices that this installation can run on: "cpu", and "webgpu" or "cuda" where their libraries are. */
export function supportedBackends(): { name: string; bundled: boolean }[] {
  return load().binding.listSupportedBackends();
}

/** A compiled model. */
export class Session {
  readonly #native: NativeSession;
  readonly #outputs: Record<string, null>;

  constructor(model: Uint8Array, outputs: readonly string[], options: SessionOptions) {
    this.#native = new (load().binding.InferenceSession)();
    this.#outputs = Object.fromEntries(outputs.map((name) => [name, null]));
    try {
      this.#native.loadModel(model.buffer, model.byteOffset, model.byteLength, { logSeverityLevel: 3, ...options });
    } catch (error) {
      throw runtimeError("compile", error);
    }
  }

  /** Runs to the end before it returns: the thread is busy meanwhile. */
  run(feeds: Record<string, NativeTensor>): Record<string, NativeTensor> {
    try {
      return this.#native.run(feeds, this.#outputs, {});
    } catch (error) {
      throw runtimeError("run", error);
    }
  }

  release(): void {
    this.#native.dispose();
  }
}

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
  if (/indices element out of data bounds|out of bounds/i.test(text)) {
    return new AbrazoError({
      code: "INDEX_OUT_OF_RANGE",
      message: `An index is out of range: ${text}`,
      hint: "Check ids against the size of the table they index.",
      cause,
    });
  }
  if (phase === "compile" && /webgpu_context|Failed to get (a|an)? ?(adapter|device)/i.test(text)) {
    return new AbrazoError({
      code: "DEVICE_UNAVAILABLE",
      message: 'The device "webgpu" is not available: no graphics driver that can compute was found.',
      hint: "WebGPU needs a Vulkan, Direct3D 12 or Metal driver. On Linux without a GPU, VK_ICD_FILENAMES may name a software one.",
      data: { device: "webgpu" },
      cause,
    });
  }
  const error = internalError(`onnxruntime could not ${phase} the graph: ${text}`);
  error.cause = cause;
  return error;
}
