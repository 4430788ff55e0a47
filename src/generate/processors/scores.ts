// Arithmetic over one row of scores: softmax, the k-th largest, what is kept of a distribution.
// Knows no option.

export const OUT = Number.NEGATIVE_INFINITY;

export function largestOf(scores: Float32Array): number {
  let largest = OUT;
  for (let id = 0; id < scores.length; id++) {
    const score = scores[id] ?? OUT;
    if (score > largest) largest = score;
  }
  return largest;
}

/** softmax(scores) in float64; where no token is left, nothing is probable. */
export function softmax(scores: Float32Array): Float64Array {
  const largest = largestOf(scores);
  const probabilities = new Float64Array(scores.length);
  if (largest === OUT) return probabilities;
  let total = 0;
  for (let id = 0; id < scores.length; id++) {
    const score = scores[id] ?? OUT;
    if (score === OUT) continue;
    const weight = Math.exp(score - largest);
    probabilities[id] = weight;
    total += weight;
  }
  for (let id = 0; id < scores.length; id++) probabilities[id] = (probabilities[id] ?? 0) / total;
  return probabilities;
}

/** Σ exp(score - largest). */
export function totalWeight(scores: Float32Array, largest: number): number {
  let total = 0;
  for (let id = 0; id < scores.length; id++) {
    const score = scores[id] ?? OUT;
    if (score !== OUT) total += Math.exp(score - largest);
  }
  return total;
}

/** log(softmax(scores)) in place. */
export function logSoftmax(scores: Float32Array): void {
  const largest = largestOf(scores);
  if (largest === OUT) return;
  const shift = largest + Math.log(totalWeight(scores, largest));
  for (let id = 0; id < scores.length; id++) scores[id] = (scores[id] ?? 0) - shift;
}

/** -Σ p·log p; tokens of no probability add nothing. */
export function entropyOf(probabilities: Float64Array): number {
  let entropy = 0;
  for (let id = 0; id < probabilities.length; id++) {
    const probability = probabilities[id] ?? 0;
    if (probability > 0) entropy -= probability * Math.log(probability);
  }
  return entropy;
}

/** Rules out what is smaller than `least`. */
export function dropBelow(scores: Float32Array, least: number): void {
  for (let id = 0; id < scores.length; id++) if ((scores[id] ?? OUT) < least) scores[id] = OUT;
}

/** Smallest of the `count` largest values, through a heap of that size whose root is the smallest kept. */
export function kthLargest(values: Float32Array, count: number): number {
  const heap = values.slice(0, count).sort();
  for (let at = count; at < values.length; at++) {
    const value = values[at] ?? OUT;
    if (value > (heap[0] ?? OUT)) sink(heap, value);
  }
  return heap[0] ?? OUT;
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

/** Ids of the `count` largest values, the largest first; of equals the lower id. Values of -Infinity are left out. */
export function largestIds(values: Float32Array, count: number): number[] {
  const least = count < values.length ? kthLargest(values, count) : OUT;
  const ids: number[] = [];
  for (let id = 0; id < values.length; id++) if ((values[id] ?? OUT) >= least && values[id] !== OUT) ids.push(id);
  return ids.sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b).slice(0, count);
}
