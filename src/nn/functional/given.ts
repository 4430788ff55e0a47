// What is known about elements before anything is computed: those that the caller gave.
// Realizes nothing.
import { decode } from "../../tensor/convert.ts";
import type { Tensor } from "../../tensor/index.ts";

/** The least and the largest element of a tensor whose elements lie in memory, without those equal to `ignored`. */
export function givenExtremes(tensor: Tensor, ignored?: number): { low: number; high: number } | undefined {
  const { value, dtype } = tensor.node;
  if (value?.kind !== "host" || value.data.length === 0) return undefined;
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let at = 0; at < value.data.length; at++) {
    const number = decode(value.data, dtype, at);
    if (number === ignored) continue;
    if (number < low) low = number;
    if (number > high) high = number;
  }
  return low <= high ? { low, high } : undefined;
}
