// Logits → scores. Numbers only.

export function sigmoid(logits: ArrayLike<number>): number[] {
  return Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit)));
}

export function softmax(logits: ArrayLike<number>): number[] {
  const list = Array.from(logits);
  const largest = list.reduce((most, logit) => Math.max(most, logit), Number.NEGATIVE_INFINITY);
  const weights = list.map((logit) => Math.exp(logit - largest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** Places of the `count` largest scores, best first; all when absent. */
export function largest(scores: ArrayLike<number>, count: number = scores.length): number[] {
  const order = Array.from(scores, (_, place) => place);
  return order.sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b).slice(0, count);
}
