// Runs a graph: finds or compiles its session, feeds the leaves, takes the results.
// Decides nothing about when to run.

import { realpathSync } from "node:fs";
import { basename, dirname } from "node:path";
import { internalError } from "../errors.ts";
import { placeholderName } from "../graph/leaf.ts";
import { forgetRecorded, type Node, type Value } from "../graph/node.ts";
import { type Order, topological } from "../graph/walk.ts";
import { lower, rangeKey } from "./lower.ts";
import { encodeModel, type OnnxInitializer } from "./proto.ts";
import { fromSession, toSession } from "./represent.ts";
import { type NativeTensor, nativeTensor, Session } from "./runtime.ts";
import { sessionOptions, sessionStats, sessions } from "./session.ts";

/**
 * Computes `outputs` on a device. Results are host values, or stay on the device when `keep` is set and it has memory of its own.
 */
export function execute(outputs: readonly Node[], device: string, keep = false): Value[] {
  const order = topological(outputs);
  const onDevice = keep && device !== "cpu";
  const { key, leaves } = describe(order, outputs, onDevice ? `${device}+` : device);
  const known = plans.get(key);
  const plan = known ?? makePlan(order, outputs, device, onDevice);
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
    feeds[name] = feedOf(leaf);
  }
  sessionStats.runs++;
  const results = session.run(feeds);
  forgetRecorded();
  return plan.outputs.map((name, index) => {
    const tensor = results[name];
    if (tensor === undefined) throw internalError(`output ${name} did not come back`);
    return onDevice
      ? { kind: "device", device, handle: tensor, release: () => tensor.dispose() }
      : { kind: "host", data: fromSession(outputs[index]?.dtype ?? "float32", tensor.data) };
  });
}

function feedOf(leaf: Node): NativeTensor {
  // safe because only execute makes device values, and their handles are the runtime's own tensors
  if (leaf.value?.kind === "device") return leaf.value.handle as NativeTensor;
  if (leaf.value?.kind !== "host") throw internalError("a leaf without elements in memory cannot be fed");
  const { dtype, data } = toSession(leaf.dtype, leaf.value.data);
  return nativeTensor(dtype, data, leaf.shape.map(Number));
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

function makePlan(order: Order, outputs: readonly Node[], device: string, onDevice: boolean): Plan {
  const files = new Set<string>();
  const lowered = lower(order, outputs, { device, initializer: (leaf) => external(leaf, files) });
  const folder = folderOf(files);
  const indexOf = new Map(order.nodes.filter((node) => isLeafValue(order, node)).map((node, index) => [node, index]));
  const names = lowered.model.outputs.map(({ name }) => name);
  const bytes = encodeModel(lowered.model);
  const options = sessionOptions(device, lowered.flops, undefined);
  if (onDevice) options.preferredOutputLocation = "gpu-buffer";
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
