// What waits for a run to be computed together with what it comes from: writes to buffers such as running means, detached tensors.
// Runs nothing itself.
import { makeLeaf, placeholderName } from "../graph/leaf.ts";
import { DEEP, type Node } from "../graph/node.ts";
import { numeric } from "../graph/shape.ts";
import { topological } from "../graph/walk.ts";
import type { Storage } from "./storage.ts";
import { activeTrace } from "./trace.ts";

interface Waiting {
  /** What a run computes anyway: the value is computed with it. */
  source: Node;
  node: Node;
  storage: WeakRef<Storage>;
}

const waiting = new Set<Waiting>();
/** Writes since the storage last held a leaf. */
const depths = new WeakMap<Storage, number>();
/** Beyond this many writes that no run has computed, or that keep their history, one is computed for itself. */
const MOST_WAITING = 16;

/** Puts an uncomputed node into a storage; true when it has to be computed now, as too many have waited. */
export function writeWaiting(storage: Storage, node: Node, source: Node): boolean {
  storage.write(node);
  if (activeTrace() !== undefined) return false;
  waiting.add({ source, node, storage: new WeakRef(storage) });
  const depth = (depths.get(storage) ?? 0) + 1;
  depths.set(storage, depth);
  return depth > MOST_WAITING;
}

/**
 * What was detached before it was computed, such as the state that a recurrent network hands to its next step: the run that
 * computes its source keeps it. Later steps would compute it again, each with all steps before it.
 */
const carried = new Set<{ node: WeakRef<Node>; storage: WeakRef<Storage> }>();
/** Older ones are let go: nothing may ever run what they come from. */
const MOST_CARRIED = 256;

export function carry(storage: Storage): void {
  const node = storage.peek;
  if (activeTrace() !== undefined || numeric(node.shape) === undefined) return;
  carried.add({ node: new WeakRef(node), storage: new WeakRef(storage) });
  if (carried.size > MOST_CARRIED) for (const oldest of carried) return void carried.delete(oldest);
}

/**
 * Values at the end of long chains that nothing has read, such as a running total: the next run on their device computes
 * them. Reading one late would compute the whole chain, which until then keeps alive all that it comes from.
 */
const deep = new Map<Node, { storage: WeakRef<Storage>; device: string; hasGradient: boolean }>();
/** So far beyond DEEP no run is near. */
const TOO_DEEP = DEEP + 64;

/** Notes what has become deep; true when it has to be computed now. */
export function noteDeep(storage: Storage, device: string, hasGradient: boolean): boolean {
  const node = storage.peek;
  if (activeTrace() !== undefined) return false;
  // A long forward pass is computed with its loss: of what takes a gradient, only what goes on from run to run is noted.
  if (hasGradient && !goesOn(node)) return false;
  deep.set(node, { storage: new WeakRef(storage), device, hasGradient });
  if (deep.size > MOST_CARRIED) for (const [oldest] of deep) if (deep.delete(oldest)) break;
  return !hasGradient && node.depth >= TOO_DEEP && computable([node]).length > 0;
}

/** Whether a node takes up what was recorded before the last run and not computed. */
function goesOn({ inputs, recording }: Node): boolean {
  return inputs.some((input) => input.value === undefined && input.recording !== recording);
}

/** Without those that stand on the input of a graph that is still being written. */
function computable(nodes: readonly Node[]): readonly Node[] {
  const { nodes: behind, isLeaf } = topological(nodes);
  if (!behind.some((node) => isLeaf(node) && placeholderName(node) !== undefined)) return nodes;
  return nodes.length === 1 ? [] : nodes.filter((node) => computable([node]).length > 0);
}

/** What is deep, on a device, and still held by somebody. */
function deepOn(device: string): readonly Node[] {
  const held = [...deep].flatMap(([node, { storage, device: own }]) =>
    own === device && node.value === undefined && storage.deref()?.peek === node ? [node] : [],
  );
  return held.length === 0 ? held : computable(held);
}

/** Waiting writes that a run of `wanted` computes on the way, and what is deep. */
export function waitingFor(given: readonly Node[], device: string): readonly Node[] {
  const old = deep.size === 0 ? [] : deepOn(device);
  if (waiting.size + carried.size === 0) return old;
  const wanted = old.length === 0 ? given : [...given, ...old];
  const met = new Set<Node>(wanted);
  for (const node of met) {
    // A set yields what is added while it is walked.
    if (node.value === undefined) for (const input of node.inputs) met.add(input);
  }
  const found = [...old];
  for (const entry of waiting) {
    if (entry.storage.deref() === undefined) waiting.delete(entry);
    else if (entry.node.value === undefined && met.has(entry.source)) found.push(entry.node);
  }
  for (const entry of carried) {
    const node = entry.node.deref();
    const source = node?.inputs[0];
    if (node === undefined || source === undefined) carried.delete(entry);
    else if (node.value === undefined && source.value === undefined && met.has(source)) found.push(node);
  }
  return found;
}

/** After a run: storages hold what it computed, without the history. */
export function settleWaiting(): void {
  for (const [node, entry] of deep) {
    const storage = entry.storage.deref();
    if (storage?.peek === node && node.value === undefined) continue;
    deep.delete(node);
    if (storage?.peek === node && !entry.hasGradient) storage.forgetHistory();
  }
  for (const entry of waiting) {
    const { node } = entry;
    if (node.value === undefined) continue;
    waiting.delete(entry);
    const storage = entry.storage.deref();
    if (storage?.peek !== node) continue;
    storage.write(makeLeaf(node.shape, node.dtype, node.value));
    depths.set(storage, 0);
  }
  for (const entry of carried) {
    const node = entry.node.deref();
    if (node !== undefined && node.value === undefined) continue;
    carried.delete(entry);
    const storage = entry.storage.deref();
    if (storage !== undefined && storage.peek === node) storage.forgetHistory();
  }
}
