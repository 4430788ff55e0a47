// Runs a graph: finds or compiles its session, feeds the leaves, takes the results.
// Decides nothing about when to run.

import { realpathSync } from "node:fs";
import { basename, dirname } from "node:path";
import { internalError } from "../errors.ts";
import { allocate, DTYPES, type TypedArray } from "../graph/dtype.ts";
import { makeLeaf, placeholderName } from "../graph/leaf.ts";
import { forgetRecorded, type Node, type Value } from "../graph/node.ts";
import { type HostArray, hostOnlyError } from "../graph/op.ts";
import { sizeOf } from "../graph/shape.ts";
import { type Order, topological } from "../graph/walk.ts";
import { deviceMemory, deviceStats } from "./device-memory.ts";
import { allocateOn, keepsResults } from "./devices.ts";
import { exposed, type HostBuffer, type HostPool, pooledBuffer, poolOf, recipeOf, tensorOf } from "./host-pool.ts";
import { lower, PACKED, rangeKey } from "./lower.ts";
import { encodeModel, type OnnxInitializer } from "./proto.ts";
import { fromSession, storedAs, toSession } from "./represent.ts";
import { deviceTensor, type NativeTensor, nativeTensor, Session } from "./runtime.ts";
import { type Grant, isLarge, sessionOptions, sessionStats, sessions } from "./session.ts";

/**
 * Computes `outputs` on a device. Results are host values, or stay on the device when `keep` is set and it has memory of
 * its own; single elements always come to the host, as they are what a loop reads.
 */
export function execute(outputs: readonly Node[], device: string, keep = false): Value[] {
  const { leaves, run } = prepare(outputs, device, keep);
  return run(leaves);
}

/** A graph that is ready to run, again and again with other values of the same types. */
export interface Prepared {
  /** Leaves of the graph. */
  leaves: readonly Node[];
  /**
   * @param values in the place of the leaves, of their types
   * @param into arrays of the host for outputs, by place: they are written there
   */
  run(values: readonly Node[], into?: readonly (TypedArray | undefined)[]): Value[];
}

export function prepare(outputs: readonly Node[], device: string, keep = false): Prepared {
  const order = orderedFor(outputs, device);
  const { key, leaves } = describe(order, outputs, device);
  const known = plans.get(key);
  const plan = known ?? makePlan(order, outputs, device);
  if (known === undefined) remember(key, plan);
  const types = outputs.map(({ shape, dtype, state }) => ({ shape, dtype, state }));
  return { leaves, run: (values, into) => runPlan(key, plan, types, device, keep, values, into) };
}

type Type = Pick<Node, "shape" | "dtype" | "state">;

function runPlan(
  key: string,
  plan: Plan,
  outputs: readonly Type[],
  device: string,
  keep: boolean,
  leaves: readonly Node[],
  given?: readonly (TypedArray | undefined)[],
): Value[] {
  const session = sessions.get(key, plan);
  const feeds: Record<string, NativeTensor> = {};
  // Before the first feed: this runs, and what a run ends may move what lies idle.
  for (const [index] of plan.feeds) stay(leaves[index], device);
  for (const [index, name] of plan.feeds) {
    const leaf = leaves[index];
    if (leaf === undefined) throw internalError(`leaf ${index} of a graph is missing`);
    feeds[name] = feedOf(leaf, device);
  }
  if (plan.packed.length > 0) {
    const numbers = Float32Array.from(plan.packed, (index) => numberOf(leaves[index], device));
    feeds[PACKED] = nativeTensor("float32", numbers, [numbers.length]);
    deviceStats.fromHost += numbers.byteLength;
  }
  const into: Record<string, NativeTensor> = {};
  const memory = new Map<number, NativeTensor>();
  const kept = outputs.map(({ shape, dtype }) => keep && sizeOf(shape) > 1 && keepsResults(device, dtype));
  const pools = outputs.map((type) => (keep && device === "cpu" ? poolOf(type, bytesOf(type)) : undefined));
  const isPooling = pools.some((pool) => pool !== undefined);
  const read = new Set(isPooling ? leaves.flatMap(({ value }) => pooledBuffer(value) ?? []) : []);
  for (const [index, type] of outputs.entries()) {
    const [name = "", array] = [plan.outputs[index], given?.[index]];
    if (kept[index] === true) {
      const bytes = bytesOf(type);
      const piece = deviceMemory.reuse(device, bytes) ?? allocateOn(device, bytes);
      memory.set(index, piece);
      // In the dtype that the session writes: bfloat16 is float32 there.
      into[name] = deviceTensor(piece, storedAs(type.dtype), type.shape.map(Number));
    } else if (array !== undefined) into[name] = nativeTensor(type.dtype, array, type.shape.map(Number));
    else if (pools[index] !== undefined) into[name] = takeFrom(pools[index], type, read);
  }
  sessionStats.runs++;
  const results = session.run(feeds, into);
  forgetRecorded();
  const recipe = isPooling ? recipeOf(leaves, repeating(key, plan, outputs, leaves), bytesOf) : undefined;
  const values = outputs.map((type, index): Value => {
    const name = plan.outputs[index] ?? "";
    const [held, tensor, piece] = [into[name], results[name], memory.get(index)];
    if (held !== undefined && piece !== undefined)
      return deviceMemory.keep(held, { ...type, device, bytes: bytesOf(type), memory: piece });
    const pool = pools[index];
    if (held !== undefined && pool !== undefined) return pool.keep(held, type.shape.join(), recipe, index);
    if (held !== undefined) return { kind: "host", data: held.data };
    if (tensor === undefined) throw internalError(`output ${index} did not come back`);
    if (device !== "cpu") deviceStats.toHost += bytesOf(type);
    return { kind: "host", data: fromSession(type.dtype, tensor.data) };
  });
  if (kept.includes(true))
    deviceMemory.endRun((value, { shape, dtype }) => fetchElements(makeLeaf(shape, dtype, value), device));
  return values;
}

/** The order of a graph, once what it holds of operations without a kernel has been computed here. */
function orderedFor(outputs: readonly Node[], device: string): Order {
  const order = topological(outputs);
  const waiting = order.nodes.filter((node) => node.op.host !== undefined && node.value === undefined);
  if (waiting.length === 0) return order;
  for (const node of waiting) {
    if (order.nodes.some((other) => placeholderName(other) !== undefined)) throw hostOnlyError(node.op.name);
    node.value = { kind: "host", data: computedHere(node, device) };
  }
  return topological(outputs);
}

/** The inputs come to the host in one run; they keep what they cost. */
function computedHere(node: Node, device: string): TypedArray {
  const unknown = node.inputs.filter((input) => input.value === undefined);
  for (const [index, value] of (unknown.length === 0 ? [] : execute(unknown, device)).entries()) {
    const input = unknown[index];
    if (input !== undefined) input.value = value;
  }
  const arrays = node.inputs.map((input): HostArray => {
    const { value, shape, dtype } = input;
    const data = value?.kind === "host" ? value.data : fetchElements(input, device);
    return { shape: shape.map(Number), dtype, data };
  });
  const result = node.op.host?.(arrays, node) ?? new Float64Array();
  const data = allocate(node.dtype, result.length);
  // safe because BigInt is what an int64 array takes, and numbers what all others do
  for (let i = 0; i < result.length; i++)
    data[i] = (data instanceof BigInt64Array ? BigInt(result[i] ?? 0) : result[i]) as never;
  return data;
}

function takeFrom(pool: HostPool, { dtype, shape }: Type, read: ReadonlySet<HostBuffer>): NativeTensor {
  return pool.take(shape.join(), read) ?? nativeTensor(dtype, allocate(dtype, sizeOf(shape)), shape.map(Number));
}

/** In a function of its own: what it refers to lives as long as the recipe, and no result of the run may. */
function repeating(key: string, plan: Plan, outputs: readonly Type[], leaves: readonly Node[]): () => Value[] {
  return () => runPlan(key, plan, outputs, "cpu", false, leaves);
}

const bytesOf = ({ shape, dtype }: Type): number => sizeOf(shape) * DTYPES[storedAs(dtype)].bytes;

function feedOf(leaf: Node, device: string): NativeTensor {
  const { value } = leaf;
  const pooled = pooledBuffer(value);
  if (pooled !== undefined && device === "cpu") return tensorOf(pooled);
  const buffer = value?.kind === "device" && pooled === undefined ? deviceMemory.use(value) : undefined;
  if (buffer?.tensor !== undefined && buffer.device === device) return buffer.tensor;
  const elements = value?.kind === "host" ? value.data : (buffer?.moved ?? fetched(leaf, buffer?.device));
  if (device !== "cpu") {
    deviceStats.fromHost += bytesOf(leaf);
    if (value?.kind === "host" && sizeOf(leaf.shape) > 1 && keepsResults(device, leaf.dtype)) value.sent = device;
  }
  // safe because only the next lines write it
  if (value?.kind === "host" && value.native !== undefined) return value.native as NativeTensor;
  const { dtype, data } = toSession(leaf.dtype, elements);
  const native = nativeTensor(dtype, data, leaf.shape.map(Number));
  if (value?.kind === "host" && data === elements) value.native = native;
  return native;
}

/** What a second run takes to the device lies there from then on: batches go there once, and most of the rest often. */
function stay(leaf: Node | undefined, device: string): void {
  if (leaf?.value?.kind !== "host" || leaf.value.sent !== device) return;
  const { shape, dtype, value } = leaf;
  const [placed] = execute([makeLeaf(shape, dtype, { kind: "host", data: value.data })], device, true);
  if (placed !== undefined) leaf.value = placed;
}

function numberOf(leaf: Node | undefined, device: string): number {
  if (leaf === undefined) throw internalError("a number of a graph is missing");
  return Number(leaf.value?.kind === "host" ? leaf.value.data[0] : fetchElements(leaf, device)[0]);
}

function fetched(leaf: Node, device: string | undefined): TypedArray {
  if (pooledBuffer(leaf.value) !== undefined) return fetchElements(leaf, "cpu");
  if (device === undefined) throw internalError("a leaf without elements in memory cannot be fed");
  return fetchElements(leaf, device);
}

/** Device memory is not readable from Node: the tensor goes through a graph whose output lies on the CPU. */
export function fetchElements(node: Node, device: string): TypedArray {
  const pooled = pooledBuffer(node.value);
  if (pooled !== undefined) return exposed(pooled);
  const [value] = execute([node], device);
  if (value?.kind !== "host") throw internalError("a fetched tensor did not arrive on the CPU");
  return value.data;
}

interface Plan {
  /** (index among the leaves, input name) of each feed. */
  feeds: [number, string][];
  /** Indices among the leaves of the numbers that are fed together. */
  packed: number[];
  outputs: string[];
  /** Bytes that the intermediate results need at one time. */
  bytes: number;
  /** Whether it is worth more than one thread. */
  isLarge: boolean;
  compile(grant: Grant): Session;
}

const plans = new Map<string, Plan>();
const MOST_PLANS = 2_000;

function remember(key: string, plan: Plan): void {
  plans.set(key, plan);
  if (plans.size > MOST_PLANS) plans.delete(plans.keys().next().value ?? "");
}

function makePlan(order: Order, outputs: readonly Node[], device: string): Plan {
  const files = new Set<string>();
  const packed = device === "webgpu" ? numbersOf(order) : [];
  const lowered = lower(order, outputs, { device, packed, initializer: (leaf) => external(leaf, files) });
  const folder = folderOf(files);
  const indexOf = new Map(order.nodes.filter((node) => isLeafValue(order, node)).map((node, index) => [node, index]));
  const names = lowered.model.outputs.map(({ name }) => name);
  return {
    feeds: lowered.inputs.map(({ name, node }) => [indexOf.get(node) ?? -1, name]),
    packed: packed.map((node) => indexOf.get(node) ?? -1),
    outputs: names,
    bytes: lowered.bytes,
    isLarge: isLarge(lowered.flops),
    compile: compiler(encodeModel(lowered.model), names, device, lowered.flops, folder),
  };
}

/** Where there are several. The kernel of clamp reads its bounds on the host. */
function numbersOf(order: Order): Node[] {
  const bounds = new Set(order.nodes.flatMap(({ op, inputs }) => (op.name === "clamp" ? inputs.slice(1) : [])));
  const numbers = order.nodes.filter(
    (node) =>
      isLeafValue(order, node) &&
      node.dtype === "float32" &&
      node.shape.length <= 1 &&
      sizeOf(node.shape) === 1 &&
      node.value?.kind !== "file" &&
      !bounds.has(node),
  );
  return numbers.length > 1 ? numbers : [];
}

/** In a function of its own: what it refers to lives as long as the plan, and no node with its elements may. */
function compiler(
  model: Uint8Array,
  outputs: readonly string[],
  device: string,
  flops: number,
  folder: string | undefined,
): Plan["compile"] {
  return ({ arena, threads }) => {
    const options = sessionOptions(device, flops, threads);
    if (folder !== undefined) withWeights(options, folder);
    // The layout of the last level is for weights that never change: here they are inputs, and the way there and back is lost.
    else if (device === "cpu") options.graphOptimizationLevel = "extended";
    return new Session(model, outputs, { ...options, enableCpuMemArena: arena });
  };
}

/** Files are named relative to one folder, because the runtime refuses paths that leave it. */
export function withWeights(options: ReturnType<typeof sessionOptions>, folder: string): void {
  const session = (options.extra?.["session"] ?? {}) as Record<string, unknown>; // safe because sessionOptions wrote it
  options.extra = { ...options.extra, session: { ...session, model_external_initializers_file_folder_path: folder } };
}

/** Weights are used as they lie in their files, which takes no memory; otherwise products have them in an order of their own. */
export function withoutPrepacking(options: ReturnType<typeof sessionOptions>): void {
  const session = (options.extra?.["session"] ?? {}) as Record<string, unknown>; // safe because sessionOptions wrote it
  options.extra = { ...options.extra, session: { ...session, disable_prepacking: "1" } };
}

export function external(leaf: Node, files: Set<string>): OnnxInitializer["content"] | undefined {
  if (leaf.value?.kind !== "file") return undefined;
  const { path, offset, byteLength } = leaf.value.range;
  const real = realpathSync(path);
  files.add(real);
  return { location: basename(real), offset, length: byteLength };
}

export function folderOf(files: ReadonlySet<string>): string | undefined {
  const folders = new Set([...files].map((file) => dirname(file)));
  if (folders.size > 1) throw internalError(`weights of one graph lie in ${folders.size} folders`);
  return folders.values().next().value;
}

function isLeafValue(order: Order, node: Node): boolean {
  return order.isLeaf(node) && node.value !== undefined;
}

/** A graph's key: what each node is and which earlier nodes it reads. Values of leaves are no part of it, files are. */
function describe(order: Order, outputs: readonly Node[], device: string): { key: string; leaves: Node[] } {
  const places = new Map<Node, number>();
  const leaves: Node[] = [];
  let key = device;
  for (const node of order.nodes) {
    places.set(node, places.size);
    if (isLeafValue(order, node)) {
      leaves.push(node);
      key +=
        node.value?.kind === "file"
          ? `;F${rangeKey(node.value.range)}:${node.dtype}${node.shape}`
          : `;L${node.dtype}${node.shape}`;
      continue;
    }
    if (placeholderName(node) !== undefined) throw internalError("a traced input has no value to read");
    key += `;${node.signature}`;
    for (const input of node.inputs) key += `,${places.get(input)}`;
  }
  for (const output of outputs) key += `>${places.get(output)}`;
  return { key, leaves };
}
