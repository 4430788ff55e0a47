// Logits → token: a list of small processors in Hugging Face's order, then the draw.
// Does no I/O and knows no stop rules.
import type { Generator } from "../tensor/index.ts";

/** Changes one row of logits in place; a token it rules out becomes -Infinity. `ids` are prompt and text so far. */
export type LogitsProcessor = (logits: Float32Array, ids: readonly number[]) => void;

export interface SamplingOptions {
  /** Draw from the distribution; false takes the most probable token. */
  doSample: boolean;
  /** Divides the logits: below 1 is more certain, above 1 more varied. */
  temperature: number;
  /** Only the k most probable tokens may be drawn; 0 is no limit. */
  topK: number;
  /** Only the most probable tokens whose probabilities reach this sum may be drawn; 1 is no limit. */
  topP: number;
  /** Above 1 makes tokens that are already there less probable (Keskar et al. 2019, arXiv 1909.05858); 1 leaves them. */
  repetitionPenalty: number;
}

/** The processors that the options ask for; those that would change nothing are left out. */
export function logitsProcessors(options: SamplingOptions): LogitsProcessor[] {
  const list: LogitsProcessor[] = [];
  if (options.repetitionPenalty !== 1) list.push(repetitionPenalty(options.repetitionPenalty));
  if (!options.doSample) return list;
  if (options.temperature !== 1) list.push(temperature(options.temperature));
  if (options.topK > 0) list.push(topK(options.topK));
  if (options.topP < 1) list.push(topP(options.topP));
  return list;
}

/** Each token that occurs is punished once: a positive logit is divided, a negative one multiplied. */
export function repetitionPenalty(penalty: number): LogitsProcessor {
  return (logits, ids) => {
    for (const id of new Set(ids)) {
      const logit = logits[id];
      if (logit !== undefined) logits[id] = logit < 0 ? logit * penalty : logit / penalty;
    }
  };
}

export function temperature(value: number): LogitsProcessor {
  return (logits) => {
    for (let id = 0; id < logits.length; id++) logits[id] = (logits[id] ?? 0) / value;
  };
}

/** Tokens that tie with the k-th stay, as in the reference implementation. */
export function topK(count: number): LogitsProcessor {
  return (logits) => {
    if (count >= logits.length) return;
    const least = kthLargest(logits, count);
    for (let id = 0; id < logits.length; id++) {
      if ((logits[id] ?? 0) < least) logits[id] = Number.NEGATIVE_INFINITY;
    }
  };
}

/** Nucleus sampling (Holtzman et al. 2019, arXiv 1904.09751); the most probable token always stays. */
export function topP(sum: number): LogitsProcessor {
  return (logits) => {
    const ids: number[] = [];
    for (let id = 0; id < logits.length; id++) if (logits[id] !== Number.NEGATIVE_INFINITY) ids.push(id);
    ids.sort((a, b) => (logits[a] ?? 0) - (logits[b] ?? 0));
    const largest = logits[ids.at(-1) ?? 0] ?? 0;
    const weights = ids.map((id) => Math.exp((logits[id] ?? 0) - largest));
    const total = weights.reduce((all, weight) => all + weight, 0);
    let below = 0;
    for (const [place, id] of ids.entries()) {
      below += (weights[place] ?? 0) / total;
      if (below > 1 - sum || place === ids.length - 1) return;
      logits[id] = Number.NEGATIVE_INFINITY;
    }
  };
}

/** The index of the largest logit; the first of equals. */
export function argmax(logits: Float32Array): number {
  let best = 0;
  for (let id = 1; id < logits.length; id++) {
    if ((logits[id] ?? 0) > (logits[best] ?? 0)) best = id;
  }
  return best;
}

/** Draws an index with the probabilities softmax(logits). */
export function draw(logits: Float32Array, generator: Generator): number {
  const largest = logits[argmax(logits)] ?? 0;
  let total = 0;
  for (const logit of logits) total += Math.exp(logit - largest);
  let rest = generator.double() * total;
  let last = 0;
  for (let id = 0; id < logits.length; id++) {
    const weight = Math.exp((logits[id] ?? 0) - largest);
    if (weight === 0) continue;
    last = id;
    rest -= weight;
    if (rest < 0) return id;
  }
  return last;
}

/** Smallest of the `count` largest values, through a heap of that size whose root is the smallest kept. */
function kthLargest(values: Float32Array, count: number): number {
  const heap = values.slice(0, count).sort();
  for (let at = count; at < values.length; at++) {
    const value = values[at] ?? 0;
    if (value <= (heap[0] ?? 0)) continue;
    sink(heap, value);
  }
  return heap[0] ?? 0;
}

function sink(heap: Float32Array, value: number): void {
  let at = 0;
  for (let child = 1; child < heap.length; child = 2 * at + 1) {
    if (child + 1 < heap.length && (heap[child + 1] ?? 0) < (heap[child] ?? 0)) child++;
    if ((heap[child] ?? 0) >= value) break;
    heap[at] = heap[child] ?? 0;
    at = child;
  }
  heap[at] = value;
}
