// An adapter as inputs of its base's graph: what is fed for it, and the graph that takes it. The base's weights stay where they are.
// Compiles nothing, and knows no architecture.
import type { DType, TypedArray } from "../graph/dtype.ts";
import { topological } from "../graph/walk.ts";
import { functional as F } from "../nn/index.ts";
import { type Feed, fromFile, fromTypedArray, noGrad, symbolic, type Tensor, type Traced } from "../tensor/index.ts";
import type { AnyModel } from "./architecture.ts";
import { factorOf } from "./lora-dora.ts";
import { readAdapter, type StoredMatrices } from "./lora-file.ts";
import { type Layer, ownParameters, widthOf } from "./lora-layers.ts";

/** An adapter, ready to be fed. */
export interface FedAdapter {
  /** Adapters of one kind change the same layers and parameters: they take the same graphs. */
  readonly kind: string;
  readonly feeds: Readonly<Record<string, Feed>>;
  /** Changed layers by path. */
  readonly layers: ReadonlyMap<string, Layer>;
  /** Paths of the parameters that it has whole. */
  readonly whole: readonly string[];
}

/** Names of the inputs of a layer: A, B with every factor in it, and where rows have lengths of their own y's factor and what is added. */
const PARTS = ["lora_A", "lora_B", "lora_factor", "lora_shift"] as const;

const inputName = (path: string, part: (typeof PARTS)[number]): string => `${path}.${part}`;

/**
 * Reads an adapter for a model. DoRA's lengths of rows are computed here, once, so that a call costs what it costs with LoRA.
 *
 * @throws what readAdapter() throws
 */
export async function feedAdapter(model: AnyModel, folder: string): Promise<FedAdapter> {
  const { layers, whole } = await readAdapter(model, folder);
  const feeds: Record<string, Feed> = {};
  for (const [path, value] of whole) feeds[path] = feedOf(value);
  for (const [path, stored] of layers) {
    const factor = stored.magnitude === undefined ? undefined : await rowFactors(stored, stored.magnitude);
    feeds[inputName(path, "lora_A")] = feedOf(stored.a);
    feeds[inputName(path, "lora_B")] = scaledRows(stored.b, stored.scale, factor);
    if (factor === undefined) continue;
    feeds[inputName(path, "lora_factor")] = { data: factor, shape: [factor.length] };
    const bias = whole.get(`${path}.bias`) ?? stored.layer.bias;
    if (bias !== undefined) feeds[inputName(path, "lora_shift")] = shiftOf(asRead(bias), factor);
  }
  const paths = [...layers].map(([path, { layer }]) => [path, layer] as const);
  const kind = Object.keys(feeds).sort().join();
  return { kind, feeds, layers: new Map(paths), whole: [...whole.keys()] };
}

const feedOf = (tensor: Tensor): Feed => ({ data: floats(tensor), shape: tensor.shape });

function floats(tensor: Tensor): Float32Array {
  return tensor.dataSync() as Float32Array; // safe because what is read of adapters and widened weights is float32
}

/** Weights that are computed with at once, where their lengths are wanted alone. */
const BLOCK = 2 ** 20;

/** m / ‖W + s B A‖, a block of rows after the other. */
async function rowFactors({ layer, a, b, scale }: StoredMatrices, magnitude: Tensor): Promise<Float32Array> {
  const [inner, outer] = widthOf(layer);
  const { data, dtype } = elementsOf(layer.weight);
  const factors = new Float32Array(outer);
  // Rows of a matrix that is stored the other way round do not lie together.
  const step = layer.isTransposed ? outer : Math.max(1, Math.floor(BLOCK / inner));
  for (let at = 0; at < outer; at += step) {
    const end = Math.min(at + step, outer);
    const rows = (tensor: Tensor, size: number) => floats(tensor).subarray(at * size, end * size);
    const shape = layer.isTransposed ? layer.weight.shape : [end - at, inner];
    const block = fromTypedArray(data.subarray(at * inner, end * inner), shape, { dtype });
    const [, r = 1] = b.shape;
    const factor = noGrad(() => {
      const part = { ...layer, weight: block.to("float32") };
      const matrices = { a, b: fromTypedArray(rows(b, r), [end - at, r]), scale };
      return factorOf(part, matrices, fromTypedArray(rows(magnitude, 1)));
    });
    factors.set(floats(factor), at);
    // Others get their turn between blocks.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return factors;
}

/** B [out, r], its rows times their factors. */
function scaledRows(b: Tensor, scale: number, factor: Float32Array | undefined): Feed {
  const [, r = 1] = b.shape;
  const data = floats(b).map((value, at) => value * scale * (factor?.[Math.floor(at / r)] ?? 1));
  return { data, shape: b.shape };
}

/** The bias takes no part in the factor: f y + b (1 − f) for y = W x + b. */
function shiftOf(bias: Tensor, factor: Float32Array): Feed {
  const data = floats(bias).map((value, at) => value * (1 - (factor[at] ?? 1)));
  return { data, shape: bias.shape };
}

/**
 * The elements of a weight. One that lies in a file is read apart from it, so that the graphs still map the file, and as it is stored:
 * a graph with the file in it would be kept, and the whole weight with it.
 */
function elementsOf(weight: Tensor): { data: TypedArray; dtype: DType } {
  const { node } = weight;
  const source = node.value === undefined ? node.inputs[0] : node;
  if (source?.value?.kind !== "file") return { data: weight.detach().dataSync(), dtype: weight.dtype };
  return { data: fromFile(source.value.range, weight.shape, source.dtype).dataSync(), dtype: source.dtype };
}

/** A weight in memory and in float32. */
function asRead(weight: Tensor): Tensor {
  const { data, dtype } = elementsOf(weight);
  return noGrad(() => fromTypedArray(data, weight.shape, { dtype }).to("float32").settle());
}

/**
 * Adapters as if they were of one kind, with the model alone as another of them: what one changes and another does not is fed so that
 * it changes nothing. For graphs that hold weights of their own, of which there shall be one.
 */
export function ofOneKind(
  model: AnyModel,
  adapters: ReadonlyMap<string, FedAdapter>,
): { alone: FedAdapter; adapters: Map<string, FedAdapter> } {
  const layers = new Map([...adapters.values()].flatMap((each) => [...each.layers]));
  const whole = [...new Set([...adapters.values()].flatMap((each) => each.whole))];
  const names = new Set([...adapters.values()].flatMap(({ feeds }) => Object.keys(feeds)));
  const parameters = ownParameters(model);
  const idle: Record<string, Feed> = {};
  for (const path of whole) {
    const own = parameters.get(path);
    if (own !== undefined) idle[path] = feedOf(asRead(own));
  }
  for (const [path, layer] of layers) Object.assign(idle, idleLayer(path, layer, names));
  const kind = [...names].sort().join();
  const full = (feeds: FedAdapter["feeds"]): FedAdapter => ({ kind, layers, whole, feeds: { ...idle, ...feeds } });
  return { alone: full({}), adapters: new Map([...adapters].map(([name, { feeds }]) => [name, full(feeds)])) };
}

/** A rank of one whose matrices are zeros: the runtimes do not like sizes of none. */
function idleLayer(path: string, layer: Layer, names: ReadonlySet<string>): Record<string, Feed> {
  const [inner, outer] = widthOf(layer);
  const feeds: Record<(typeof PARTS)[number], Feed> = {
    lora_A: { data: new Float32Array(inner), shape: [1, inner] },
    lora_B: { data: new Float32Array(outer), shape: [outer, 1] },
    lora_factor: { data: new Float32Array(outer).fill(1), shape: [outer] },
    lora_shift: { data: new Float32Array(outer), shape: [outer] },
  };
  const named = PARTS.map((part) => [inputName(path, part), feeds[part]] as const);
  return Object.fromEntries(named.filter(([name]) => names.has(name)));
}

/**
 * What `trace` records, with an adapter's matrices as inputs. Ranks are sizes with names, so that one graph takes all of a kind.
 *
 * @returns the graph, and the names of its inputs that are the adapter's; none where it changes nothing of it
 */
export function traceWith(
  model: AnyModel,
  { feeds, layers, whole }: FedAdapter,
  trace: () => Traced,
): { traced: Traced; names: string[] } {
  const inputs = symbolicInputs(feeds, layers);
  const parameters = ownParameters(model);
  const hooks = [...layers].map(([path, { module }]) =>
    module.registerForwardHook((_, [x], y) => changed(inputs, path, x, y)),
  );
  const undo = whole.flatMap((path) => replaced(parameters.get(path), inputs.get(path)));
  let traced: Traced;
  try {
    traced = noGrad(trace);
  } finally {
    for (const hook of hooks) hook.remove();
    for (const put of undo) put();
  }
  const nodes = new Set(topological(Object.values(traced.outputs).map(({ node }) => node)).nodes);
  const used = [...inputs].filter(([, { node }]) => nodes.has(node));
  const all = [...traced.inputs, ...used.map(([, input]) => input)];
  return { traced: { ...traced, inputs: all }, names: used.map(([name]) => name) };
}

function symbolicInputs(feeds: FedAdapter["feeds"], layers: FedAdapter["layers"]): Map<string, Tensor> {
  const ranks = new Map<string, (string | number)[]>();
  for (const [at, [path, layer]] of [...layers].entries()) {
    const [inner, outer] = widthOf(layer);
    ranks.set(inputName(path, "lora_A"), [`lora_rank_${at}`, inner]);
    ranks.set(inputName(path, "lora_B"), [outer, `lora_rank_${at}`]);
  }
  const inputs = Object.entries(feeds).map(
    ([name, { shape }]) => [name, symbolic(name, ranks.get(name) ?? shape, "float32")] as const,
  );
  return new Map(inputs);
}

/** y = f (W x) + b + B A x, the factors in B and in what is added. */
function changed(inputs: ReadonlyMap<string, Tensor>, path: string, x: Tensor, y: Tensor): Tensor {
  const [a, b, factor, shift] = PARTS.map((part) => inputs.get(inputName(path, part)));
  if (a === undefined || b === undefined) return y;
  const own = factor === undefined ? y : y.mul(factor);
  const low = F.linear(F.linear(x, a), b);
  return (shift === undefined ? own : own.add(shift)).add(low);
}

/** Another value in the place of a parameter, and what puts the first one back. */
function replaced(parameter: Tensor | undefined, value: Tensor | undefined): (() => void)[] {
  if (parameter === undefined || value === undefined) return [];
  const { node } = parameter;
  parameter.assign(value.node);
  return [() => parameter.assign(node)];
}
