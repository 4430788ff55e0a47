// A traced graph as one session for every size (inference), or as the bytes of an ONNX file (export).
// Knows no models.
import { argumentError, requireParts } from "../arguments.ts";
import { internalError } from "../errors.ts";
import { allocate, DTYPES, type DType, type TypedArray } from "../graph/dtype.ts";
import { forgetRecorded, type Node } from "../graph/node.ts";
import { readEarly } from "../graph/parts.ts";
import { topological } from "../graph/walk.ts";
import { DeviceArray } from "../onnx/device-array.ts";
import { external, folderOf, withoutPrepacking, withWeights } from "../onnx/execute.ts";
import { type Lowered, type LowerOptions, lower } from "../onnx/lower.ts";
import { encodeModel, type OnnxModel } from "../onnx/proto.ts";
import { fromSession, toSession } from "../onnx/represent.ts";
import { nativeTensor, Session } from "../onnx/runtime.ts";
import { sessionOptions } from "../onnx/session.ts";
import { holdWeights, requireWeightDType, type WeightDType } from "../onnx/weight-dtype.ts";
import { optionsOf } from "../options.ts";
import { requireTensorList } from "./arguments.ts";
import { elementsOf } from "./realize.ts";
import type { Tensor } from "./tensor.ts";

export type { WeightDType } from "../onnx/weight-dtype.ts";

/** Where a graph runs, and how it holds its weights. */
export interface CompileGraphOptions {
  /** "cpu" when absent. */
  device?: string;
  /** Threads of one operation; as many as there are cores when absent. */
  threads?: number;
  /** "fp32" when absent. */
  dtype?: WeightDType;
  /** Weights that stay in float32 whatever the dtype, such as an adapter's. */
  exact?: readonly Tensor[];
  /**
   * Whether weights are laid out anew for the kernels, which takes as much memory as they do; true when absent. false leaves those of
   * a file where they are: for one of several graphs of the same weights.
   */
  prepack?: boolean;
}

const compileGraphOptions = optionsOf<CompileGraphOptions>({
  ...{ device: true, threads: true, dtype: true, exact: true },
  prepack: true,
});

/** A graph from named inputs to named outputs. */
export interface Traced {
  /** Tensors made by symbolic(), in the order in which others see them. */
  inputs: readonly Tensor[];
  outputs: Readonly<Record<string, Tensor>>;
}

/** Elements and sizes of an input or an output. */
export interface Feed {
  data: TypedArray;
  shape: readonly number[];
}

/** Inputs by name: elements in memory, or what lies on the graph's device. */
export type Feeds = Readonly<Record<string, Feed | DeviceArray>>;

/** A graph with a session of its own. */
export interface CompiledGraph {
  /**
   * Runs on this thread; feeds are read in place, results are new arrays.
   *
   * @param into where outputs stay on the device, by name: they are not among the results
   */
  run(feeds: Feeds, into?: Readonly<Record<string, DeviceArray>>): Record<string, Feed>;
  dispose(): void;
}

/**
 * Compiles a traced graph into one session. Weights that lie in files are mapped, others become part of the model; of a
 * quantized graph the session has the quantized weights alone.
 *
 * @throws UNKNOWN_OPTION, BAD_ARGUMENT; UNSUPPORTED_DTYPE for a dtype that there is not, or not on the device
 *
 * @example
 * ```ts
 * const x = symbolic("x", ["batch", 2], "float32");
 * const graph = compileGraph({ inputs: [x], outputs: { y: x.mul(2) } });
 * graph.run({ x: { data: new Float32Array([1, 2]), shape: [1, 2] } })["y"]?.data; // Float32Array [2, 4]
 * graph.dispose();
 * ```
 */
export function compileGraph(traced: Traced, given?: CompileGraphOptions): CompiledGraph {
  const options = compileGraphOptions("compileGraph", given);
  const { device = "cpu", threads, dtype = "fp32", exact = [], prepack = true } = options;
  requireWeightDType(dtype);
  requireTensorList("compileGraph", exact);
  const files = new Set<string>();
  const names = new Map(exact.map(({ node }, at) => [node, `exact${at}`]));
  const { lowered, names: outputs } = lowerTraced(
    "compileGraph",
    traced,
    device,
    (leaf) => external(leaf, files) ?? embedded(leaf, device),
    names,
  );
  const settings = sessionOptions(device, Number.POSITIVE_INFINITY, threads);
  const folder = folderOf(files);
  if (folder !== undefined) withWeights(settings, folder);
  if (!prepack) withoutPrepacking(settings);
  const weights = { device, folder, exact: new Set(names.values()) };
  const held = holdWeights(lowered.model, dtype, weights, settings);
  const session = sessionOf(held, outputs);
  const dtypes = new Map<string, DType>(lowered.inputs.map(({ name, node }) => [name, node.dtype]));
  return {
    run: (feeds, into = {}) => runSession(session, { feeds, into }, dtypes, traced.outputs),
    dispose: () => session.release(),
  };
}

function sessionOf({ model, options, release }: ReturnType<typeof holdWeights>, outputs: readonly string[]): Session {
  try {
    return new Session(encodeModel(model), outputs, options);
  } finally {
    release();
  }
}

function runSession(
  session: Session,
  { feeds, into }: { feeds: Feeds; into: Readonly<Record<string, DeviceArray>> },
  dtypes: ReadonlyMap<string, DType>,
  outputs: Traced["outputs"],
): Record<string, Feed> {
  const natives = Object.fromEntries(
    [...dtypes].map(([name, dtype]) => {
      const feed = feeds[name];
      if (feed === undefined) throw internalError(`the graph needs an input "${name}"`);
      if (feed instanceof DeviceArray) return [name, feed.native];
      const given = toSession(dtype, feed.data.length > 0 ? feed.data : allocate(dtype, 0));
      return [name, nativeTensor(given.dtype, given.data, feed.shape)];
    }),
  );
  const held = Object.entries(into).map(([name, array]) => [name, array.native] as const);
  const results = session.run(natives, Object.fromEntries(held));
  const wanted = Object.entries(outputs).filter(([name]) => !(name in into));
  return Object.fromEntries(
    wanted.map(([name, { dtype }]) => {
      const result = results[name];
      if (result === undefined) throw internalError(`output ${name} did not come back`);
      return [name, { data: fromSession(dtype, result.data), shape: result.dims }];
    }),
  );
}

/**
 * The bytes of an ONNX file, weights inside, for other runtimes.
 *
 * @param weightNames names of the weights in the file, as in the checkpoint
 *
 * @example
 * ```ts
 * const x = symbolic("x", ["batch", 2], "float32");
 * exportOnnx({ inputs: [x], outputs: { y: x.mul(2) } }) instanceof Uint8Array; // true
 * ```
 */
export function exportOnnx(traced: Traced, weightNames: ReadonlyMap<Tensor, string> = new Map()): Uint8Array {
  return encodeModel(portableModel(traced, weightNames));
}

/**
 * What exportOnnx writes, before it is encoded: standard operations only, every weight inside and named.
 *
 * @example
 * ```ts
 * const x = symbolic("x", ["batch", 2], "float32");
 * portableModel({ inputs: [x], outputs: { y: x.mul(2) } }, new Map()).nodes.map(({ opType }) => opType); // ["Mul"]
 * ```
 */
export function portableModel(traced: Traced, weightNames: ReadonlyMap<Tensor, string>): OnnxModel {
  if (!(weightNames instanceof Map)) throw argumentError("exportOnnx", 2, "a Map of names by tensor", weightNames);
  const names = new Map([...weightNames].map(([tensor, name]) => [tensor.node, name]));
  return lowerTraced("exportOnnx", traced, "export", (leaf) => embedded(leaf, "cpu"), names).lowered.model;
}

function lowerTraced(
  where: string,
  traced: Traced,
  device: string,
  initializer: LowerOptions["initializer"],
  names?: ReadonlyMap<Node, string>,
): { lowered: Lowered; names: string[] } {
  requireParts(where, traced, ["inputs", "outputs"], "{ inputs, outputs }");
  const { inputs, outputs } = traced;
  requireTensorList(where, inputs);
  requireTensorList(where, Object.values(outputs));
  const outputNames = Object.keys(outputs);
  const nodes = readEarly(Object.values(outputs).map((tensor) => tensor.node));
  const order = topological([...inputs.map((tensor) => tensor.node), ...nodes]);
  const options: LowerOptions = { device, outputNames, initializer };
  if (names !== undefined) options.names = names;
  const lowered = lower(order, nodes, options);
  forgetRecorded();
  return { lowered, names: outputNames };
}

function embedded(leaf: Node, device: string): { bytes: Uint8Array } | undefined {
  if (leaf.value === undefined) return undefined;
  const data = elementsOf(leaf, device);
  return { bytes: new Uint8Array(data.buffer, data.byteOffset, data.length * DTYPES[leaf.dtype].bytes) };
}
