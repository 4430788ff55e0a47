// What waits for a run to be computed together with what it comes from: writes to buffers such as running means, detached tensors.
// Runs nothing itself.
import { makeLeaf } from "../graph/leaf.ts";
import type { Node } from "../graph/node.ts";
import { numeric } from "../graph/shape.ts";
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

/** Waiting writes that a run of `wanted` computes on the way. */
export function waitingFor(wanted: readonly Node[]): Node[] {
  if (waiting.size + carried.size === 0) return [];
  const met = new Set<Node>(wanted);
  for (const node of met) {
    // A set yields what is added while it is walked.
    if (node.value === undefined) for (const input of node.inputs) met.add(input);
  }
  const found: Node[] = [];
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
