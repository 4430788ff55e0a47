// Arrays on the host that a training step writes again and again: what replaces a parameter takes the memory of what an
// earlier step replaced. Left to the garbage collector, old weights would have it mark the heap every few steps of a small model.
// Runs nothing by itself: what was written over comes back by the run that made it.
import { internalError } from "../errors.ts";
import type { TypedArray } from "../graph/dtype.ts";
import type { Node, Value } from "../graph/node.ts";
import { type NativeTensor, nativeTensor } from "./runtime.ts";

/**
 * How results come back after they were written over: the run that made them is repeated, with what it was given. Somebody may
 * still hold what was recorded on old weights and not computed; nothing tells whether.
 */
export interface Recipe {
  /** Runs to repeat at most, as what this one was given may have been written over as well. */
  readonly steps: number;
  /** What it keeps alive. */
  readonly bytes: number;
  /** Its results, each at its place among those of the run. */
  readonly results: Map<number, HostBuffer>;
  repeat(): readonly Value[];
}

export interface HostBuffer {
  /** Until it is written over. */
  tensor: NativeTensor | undefined;
  /** None: it is never written over. */
  recipe: Recipe | undefined;
  readonly shape: string;
  readonly pool: HostPool;
}

/** A recipe longer or larger than this is not kept: its results stay as they are, and recipes begin anew from there. */
const MOST_STEPS = 32;
const MOST_BYTES = 64 * 1024 ** 2;
/** Smaller arrays cost the collector little. */
const LEAST_BYTES = 4096;
/** So many arrays are not written over after one had to come back; doubled each time. */
const PENALTY = 1024;

/** Arrays of state that were made, written again, and brought back after that. */
export const poolStats = { made: 0, reused: 0, restored: 0 };

/** What holds the elements of a value, if that belongs to a pool. */
export function pooledBuffer(value: Value | undefined): HostBuffer | undefined {
  // safe because HostPool.keep alone makes values of the device "cpu"
  return value?.kind === "device" && value.device === "cpu" ? (value.handle as HostBuffer) : undefined;
}

/** The pool that a result belongs to, where its array is worth it. */
export function poolOf({ state, dtype }: Pick<Node, "state" | "dtype">, bytes: number): HostPool | undefined {
  return state instanceof HostPool && dtype === "float32" && bytes >= LEAST_BYTES ? state : undefined;
}

/** The recipe of a run on leaves, or undefined where it would hold too much. */
export function recipeOf(
  leaves: readonly Node[],
  repeat: Recipe["repeat"],
  bytesOf: (leaf: Node) => number,
): Recipe | undefined {
  let [steps, behind, own] = [1, 0, 0];
  for (const leaf of leaves) {
    const buffer = pooledBuffer(leaf.value);
    if (buffer !== undefined) {
      steps = Math.max(steps, (buffer.recipe?.steps ?? 0) + 1);
      behind = Math.max(behind, buffer.recipe?.bytes ?? 0);
    } else if (leaf.value?.kind === "host") own += bytesOf(leaf);
    else if (leaf.value?.kind !== "file") return undefined;
  }
  if (steps > MOST_STEPS || behind + own > MOST_BYTES) return undefined;
  return { steps, bytes: behind + own, results: new Map(), repeat };
}

/** The memory of one optimizer's state. */
export class HostPool {
  /** By shape, the one that was replaced longest ago first. */
  readonly #retired = new Map<string, HostBuffer[]>();
  #penalty = 0;

  keep(tensor: NativeTensor, shape: string, recipe: Recipe | undefined, place: number): Value {
    const buffer: HostBuffer = { tensor, recipe, shape, pool: this };
    recipe?.results.set(place, buffer);
    return { kind: "device", device: "cpu", handle: buffer };
  }

  /** Says that a value has been replaced: its array may be written over. */
  retire(value: Value | undefined): void {
    const buffer = pooledBuffer(value);
    if (buffer?.pool !== this || !isReusable(buffer)) return;
    if (this.#penalty > 0) {
      this.#penalty--;
      return;
    }
    const queue = this.#retired.get(buffer.shape) ?? [];
    queue.push(buffer);
    this.#retired.set(buffer.shape, queue);
  }

  /** Memory of a retired value that the run does not read. */
  take(shape: string, read: ReadonlySet<HostBuffer>): NativeTensor | undefined {
    const queue = this.#retired.get(shape) ?? [];
    const place = queue.findIndex((buffer) => isReusable(buffer) && !read.has(buffer));
    const buffer = queue[place];
    // What was passed over is read once more, or somebody may keep it.
    queue.splice(0, place + 1);
    if (buffer === undefined) {
      poolStats.made++;
      return undefined;
    }
    const { tensor } = buffer;
    buffer.tensor = undefined;
    poolStats.reused++;
    return tensor;
  }

  /** Somebody does hold old values: for a while none is written over. */
  pause(): void {
    this.#retired.clear();
    this.#penalty = PENALTY * 2 ** Math.min(poolStats.restored++, 20);
  }
}

/** Not what somebody has read and may keep, which has lost its recipe. */
const isReusable = ({ tensor, recipe }: HostBuffer): boolean => tensor !== undefined && recipe !== undefined;

/** The elements as a tensor for a run, brought back where they were written over. */
export function tensorOf(buffer: HostBuffer): NativeTensor {
  if (buffer.tensor !== undefined) return buffer.tensor;
  const { recipe } = buffer;
  if (recipe === undefined) throw internalError("an array was written over that cannot come back");
  buffer.pool.pause();
  const values = recipe.repeat();
  for (const [place, result] of recipe.results) {
    const value = values[place];
    const dims = result.shape.split(",").map(Number);
    if (result.tensor === undefined && value?.kind === "host")
      result.tensor = nativeTensor("float32", value.data, dims);
    // What was held once is read again most likely: it stays.
    result.recipe = undefined;
  }
  if (buffer.tensor === undefined) throw internalError("a run did not bring back what it had made");
  return buffer.tensor;
}

/** The elements for a reader who may keep them: they are never written over. */
export function exposed(buffer: HostBuffer): TypedArray {
  const { data } = tensorOf(buffer);
  buffer.recipe = undefined;
  return data;
}
