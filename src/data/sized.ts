// What can be asked for its length and for items by index.
// Knows no dataset.
import { kindOf } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";

/** What has a length, and samples by index: a Dataset or a list. */
export function requireSized(dataset: unknown): void {
  const isObject = typeof dataset === "object" && dataset !== null;
  if ((isObject && Number.isInteger(Reflect.get(dataset, "length"))) || typeof dataset === "string") return;
  throw new AbrazoError({
    code: "WRONG_DATASET",
    message: `object of type '${kindOf(dataset)}' has no len()`,
    hint: "A dataset is a list, or extends Dataset or IterableDataset; tensors go into a TensorDataset.",
  });
}

/** An index from the end is counted from the start; one outside is an error. */
export function checkedIndex(index: number, length: number): number {
  const at = index < 0 ? index + length : index;
  if (Number.isInteger(at) && at >= 0 && at < length) return at;
  throw new AbrazoError({
    code: "INDEX_OUT_OF_RANGE",
    message: `index ${index} is out of bounds for dimension 0 with size ${length}`,
    hint: `Indices run from 0 to ${length - 1}; negative ones count from the end.`,
    data: { index, length },
  });
}
