// What is known about integers before anything is computed: those that the caller gave.
// Realizes nothing.
import type { Tensor } from "../../tensor/index.ts";

/** The least and the largest element of whole numbers that lie in memory, without those equal to `ignored`. */
export function givenExtremes(tensor: Tensor, ignored?: number): { low: number; high: number } | undefined {
  const { value } = tensor.node;
  if (value?.kind !== "host" || value.data.length === 0) return undefined;
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const element of value.data) {
    const number = Number(element);
    if (number === ignored) continue;
    if (number < low) low = number;
    if (number > high) high = number;
  }
  return low <= high ? { low, high } : undefined;
}
