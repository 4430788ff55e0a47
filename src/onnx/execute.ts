// Runs a graph: finds or compiles its session, feeds the leaves, takes the results.
// Decides nothing about when to run.

import { realpathSync } from "node:fs";
import { basename, dirname } from "node:path";
import { internalError } from "../errors.ts";
import { DTYPES, type TypedArray } from "../graph/dtype.ts";
import { makeLeaf, placeholderName } from "../graph/leaf.ts";
import { forgetRecorded, type Node, type Value } from "../graph/node.ts";
import { sizeOf } from "../graph/shape.ts";
import { type Order, topological } from "../graph/walk.ts";
import { deviceMemory, deviceStats } from "./device-memory.ts";
import { allocateOn, keepsResults } from "./devices.ts";
import { lower, rangeKey } from "./lower.ts";
import { encodeModel, type OnnxInitializer } from "./proto.ts";
import { fromSession, storedAs, toSession } from "./represent.ts";
import { deviceTensor, type NativeTensor, nativeTensor, Session } from "./runtime.ts";
import { sessionOptions, sessionStats, sessions } from "./session.ts";

/**
 * Computes `outputs` on a device. Results are host values, or stay on the device when `keep` is set and it has memory of
 * its own; single elements always come to the host, as they are what a loop reads.
 */
export function execute(outputs: readonly Node[], device: string, keep = false): Value[] {
  const order = topological(outputs);
  const kept = outputs.map((node) => keep && sizeOf(node.shape) > 1 && keepsResults(device, node.dtype));
  const { key, leaves } = describe(order, outputs, device);
  const known = plans.get(key);
  const plan = known ?? makePlan(order, outputs, device);
  if (known === undefined) remember(key, plan);
  const session = sessions.get(
    key,
    plan.bytes,
    (arena) => new Session(plan.model(), plan.outputs, { ...plan.options, enableCpuMemArena: arena }),
  );
  const feeds: Record<string, NativeTensor> = {};
  for (const [index, name] of plan.feeds) {
    const leaf = leaves[index];
    if (leaf === undefined) throw internalError(`leaf ${index} of a graph is missing`);
    feeds[name] = feedOf(leaf, device);
  }
  const into: Record<string, NativeTensor> = {};
  for (const [index, node] of outputs.entries()) {
    if (kept[index] === true) into[plan.outputs[index] ?? ""] = allocateFor(node, device);
  }
  sessionStats.runs++;
  const results = session.run(feeds, into);
  forgetRecorded();
  const values = outputs.map((node, index): Value => {
    const name = plan.outputs[index] ?? "";
    const held = into[name];
    if (held !== undefined) return keepOn(device, node, held);
    const tensor = results[name];
    if (tensor === undefined) throw internalError(`output ${index} did not come back`);
    if (device !== "cpu") deviceStats.toHost += bytesOf(node);
    return { kind: "host", data: fromSession(node.dtype, tensor.data) };
  });
  if (kept.includes(true))
    deviceMemory.endRun((value, { shape, dtype }) => fetchElements(makeLeaf(shape, dtype, value), device));
  return values;
}

const bytesOf = ({ shape, dtype }: Node): number => sizeOf(shape) * DTYPES[storedAs(dtype)].bytes;

/** In the dtype that the session writes: bfloat16 is float32 there. */
function allocateFor(node: Node, device: string): NativeTensor {
  return deviceTensor(allocateOn(device, bytesOf(node)), storedAs(node.dtype), node.shape.map(Number));
}

function keepOn(device: string, node: Node, tensor: NativeTensor): Value {
  return deviceMemory.keep(tensor, { device, shape: node.shape, dtype: node.dtype, bytes: bytesOf(node) });
}

function feedOf(leaf: Node, device: string): NativeTensor {
  const { value } = leaf;
  const buffer = value?.kind === "device" ? deviceMemory.use(value) : undefined;
  if (buffer?.tensor !== undefined && buffer.device === device) return buffer.tensor;
  const elements = value?.kind === "host" ? value.data : (buffer?.moved ?? fetched(leaf, buffer?.device));
  if (device !== "cpu") deviceStats.fromHost += bytesOf(leaf);
  const { dtype, data } = toSession(leaf.dtype, elements);
  return nativeTensor(dtype, data, leaf.shape.map(Number));
}

function fetched(leaf: Node, device: string | undefined): TypedArray {
  if (device === undefined) throw internalError("a leaf without elements in memory cannot be fed");
  return fetchElements(leaf, device);
}

/** Device memory is not readable from Node: the tensor goes through a graph whose output lies on the CPU. */
export function fetchElements(node: Node, device: string): TypedArray {
  const [value] = execute([node], device);
  if (value?.kind !== "host") throw internalError("a fetched tensor did not arrive on the CPU");
  return value.data;
}

interface Plan {
  /** (index among the leaves, input name) of each feed. */
  feeds: [number, string][];
  outputs: string[];
  options: ReturnType<typeof sessionOptions>;
  bytes: number;
  /** The model's bytes; lowered anew when a session was released and comes back. */
  model(): Uint8Array;
}

const plans = new Map<string, Plan>();
const MOST_PLANS = 2_000;

function remember(key: string, plan: Plan): void {
  plans.set(key, plan);
  if (plans.size > MOST_PLANS) plans.delete(plans.keys().next().value ?? "");
}

function makePlan(order: Order, outputs: readonly Node[], device: string): Plan {
  const files = new Set<string>();
  const lowered = lower(order, outputs, { device, initializer: (leaf) => external(leaf, files) });
  const folder = folderOf(files);
  const indexOf = new Map(order.nodes.filter((node) => isLeafValue(order, node)).map((node, index) => [node, index]));
  const names = lowered.model.outputs.map(({ name }) => name);
  const bytes = encodeModel(lowered.model);
  const options = sessionOptions(device, lowered.flops, undefined);
  if (folder !== undefined) withWeights(options, folder);

  return {
    feeds: lowered.inputs.map(({ name, node }) => [indexOf.get(node) ?? -1, name]),
    outputs: names,
    options,
    bytes: lowered.bytes,
    model: () => bytes,
  };
}

/** Files are named relative to one folder, because the runtime refuses paths that leave it. */
export function withWeights(options: ReturnType<typeof sessionOptions>, folder: string): void {
  const session = (options.extra?.["session"] ?? {}) as Record<string, unknown>; // safe because sessionOptions wrote it
  options.extra = { ...options.extra, session: { ...session, model_external_initializers_file_folder_path: folder } };
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
