// How a session holds the weights of its graph: as they are stored, or in fewer bits, made while it loads.
// Knows no tensors: a model comes with the folder of the files that its weights lie in.
import { AbrazoError, suggestion } from "../errors.ts";
import { DTYPES } from "../graph/dtype.ts";
import { encodeModel, type OnnxModel } from "./proto.ts";
import { quantizeBlocks, quantizeModel } from "./quantize.ts";
import { nativeTensor, Session, type SessionOptions } from "./runtime.ts";
import { sessionOptions } from "./session.ts";
import { FileStore, gathered, MemoryStore, readerOf, type WeightStore } from "./weights.ts";

/** Names of weights' types, as transformers.js has them. */
export const WEIGHT_DTYPES = ["fp32", "q8", "q4"] as const;

/**
 * How weights are held: "fp32" as they are stored, computed in float32; "q8" large products and embeddings as bytes, activations
 * quantized as they come; "q4" large products as half bytes in blocks of 32, embeddings as bytes.
 */
export type WeightDType = (typeof WEIGHT_DTYPES)[number];

const QUANTIZE = { q8: quantizeModel, q4: quantizeBlocks } as const;

/** @throws UNSUPPORTED_DTYPE with the nearest name */
export function requireWeightDType(dtype: string): asserts dtype is WeightDType {
  if (!(WEIGHT_DTYPES as readonly string[]).includes(dtype)) {
    // safe because widening a list of literals to look a string up
    throw new AbrazoError({
      code: "UNSUPPORTED_DTYPE",
      message: `Weights cannot be held as "${dtype}".`,
      hint: suggestion(dtype, WEIGHT_DTYPES),
      data: { dtype, known: WEIGHT_DTYPES },
    });
  }
}

/** Products of whole numbers are the CPU's: elsewhere each would be fetched, computed there and sent back. */
function requireKernels({ nodes }: OnnxModel, device: string): void {
  if (device === "cpu" || !nodes.some(({ opType }) => opType === "MatMulInteger")) return;
  throw new AbrazoError({
    code: "UNSUPPORTED_DTYPE",
    message: `The device "${device}" has no kernels for q8 of a model that generates no text.`,
    hint: 'Take dtype "q4" or "fp32" there, or the device "cpu".',
    data: { dtype: "q8", device },
  });
}

/** Where weights lie and go, and which of them stay as they are. */
export interface HeldWeights {
  device: string;
  folder: string | undefined;
  exact: ReadonlySet<string>;
}

/** A model with its weights as they shall be held, and the options that its session then needs. */
interface Held {
  model: OnnxModel;
  options: SessionOptions;
  /** To be called when the session is made: lets go of what it has by then. */
  release(): void;
}

/**
 * Holds the weights of a model as a dtype says. They are read one after the other, and let go once they are quantized.
 *
 * @throws UNSUPPORTED_DTYPE where the device has no kernels for it
 */
export function holdWeights(model: OnnxModel, dtype: WeightDType, weights: HeldWeights, options: SessionOptions): Held {
  if (dtype === "fp32") return { model, options, release: () => undefined };
  const hold = (store: WeightStore) => heldIn(store, model, dtype, weights, options);
  // Windows removes no file that is mapped.
  if (process.platform === "win32") return hold(new MemoryStore());
  try {
    return hold(new FileStore());
  } catch (error) {
    // A full disk, or one that is not to be written to.
    if (!(error instanceof Error && "syscall" in error)) throw error;
    return hold(new MemoryStore());
  }
}

function heldIn(
  store: WeightStore,
  model: OnnxModel,
  dtype: "q8" | "q4",
  { device, folder, exact }: HeldWeights,
  options: SessionOptions,
): Held {
  try {
    const read = readerOf(folder);
    const signed = dtype === "q8" && multipliesInt8();
    const small = QUANTIZE[dtype](model, { read, exact, signed, place: (bytes) => store.place(bytes) });
    requireKernels(small, device);
    const graph = gathered(small, read, store);
    const { folder: path, files } = store.options;
    const session = (options.extra?.["session"] ?? {}) as Record<string, unknown>; // safe because sessionOptions wrote it
    const given = {
      ...session,
      // An arena grows by doubling: weights in it would take up to twice their memory.
      use_device_allocator_for_initializers: "1",
      ...(path === undefined ? {} : { model_external_initializers_file_folder_path: path }),
    };
    const more = {
      extra: { ...options.extra, session: given },
      ...(files === undefined ? {} : { externalData: files }),
    };
    return { model: graph, options: { ...options, ...more }, release: () => store.release() };
  } catch (error) {
    store.release();
    throw error;
  }
}

const { int32, int8, uint8 } = DTYPES;
const DEPTH = 64;
let isExact: boolean | undefined;

/** Whether this processor's kernel for uint8 times int8 is right for the largest numbers too: some saturate in 16 bits. */
function multipliesInt8(): boolean {
  isExact ??= productOfLargest() === DEPTH * 255 * 127;
  return isExact;
}

function productOfLargest(): number {
  const content = { bytes: new Uint8Array(DEPTH * DEPTH).fill(127) };
  const model: OnnxModel = {
    nodes: [{ opType: "MatMulInteger", inputs: ["x", "w"], outputs: ["y"] }],
    initializers: [{ name: "w", dims: [DEPTH, DEPTH], dataType: int8.onnx, content }],
    inputs: [{ name: "x", dataType: uint8.onnx, shape: [1, DEPTH] }],
    outputs: [{ name: "y", dataType: int32.onnx, shape: [1, DEPTH] }],
  };
  const session = new Session(encodeModel(model), ["y"], sessionOptions("cpu", 1, 1));
  const { y } = session.run({ x: nativeTensor("uint8", new Uint8Array(DEPTH).fill(255), [1, DEPTH]) });
  session.release();
  return Math.min(...Array.from(y?.data ?? [], Number));
}
