// Writes that wait for a run: values of buffers, such as running means, that are computed together with what they come from.
// Runs nothing itself.
import { makeLeaf } from "../graph/leaf.ts";
import type { Node } from "../graph/node.ts";
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

/** Waiting writes that a run of `wanted` computes on the way. */
export function waitingFor(wanted: readonly Node[]): Node[] {
  if (waiting.size === 0) return [];
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
}
