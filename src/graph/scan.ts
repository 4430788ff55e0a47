// Cumulative combinations along an axis, as one expression of ordinary operations.
// Knows no operation: what is combined, and how, comes from outside.
import { concat, narrow } from "./build.ts";
import type { Node } from "./node.ts";
import { symbolicError } from "./shape.ts";

/**
 * Combines every element with all before it along an axis, in log2(n) steps (Hillis and Steele 1986): after each step an
 * element stands for twice as many. `parts` go together, such as a value and its place.
 */
export function scan(
  parts: readonly Node[],
  axis: number,
  combine: (earlier: readonly Node[], later: readonly Node[]) => readonly Node[],
): readonly Node[] {
  const shape = parts[0]?.shape ?? [];
  const size = shape[axis];
  if (typeof size !== "number") throw symbolicError(shape);
  let current = parts;
  for (let distance = 1; distance < size; distance *= 2) {
    const span = size - distance;
    const earlier = current.map((part) => narrow(part, axis, 0, span));
    const later = current.map((part) => narrow(part, axis, distance, span));
    const combined = combine(earlier, later);
    current = current.map((part, index) => concat([narrow(part, axis, 0, distance), combined[index] ?? part], axis));
  }
  return current;
}
