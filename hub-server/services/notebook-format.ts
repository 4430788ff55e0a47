// Whether some bytes are a Jupyter notebook, as far as whoever opens one relies on it.
// Knows no cells' contents.
import { z } from "zod";

/** Since version 4 cells lie in the notebook; before, in its worksheets. */
const schema = z.union([
  z.object({ nbformat: z.int().min(4), cells: z.array(z.unknown()) }),
  z.object({ nbformat: z.int().min(1).max(3), worksheets: z.array(z.unknown()) }),
]);

/** Why some bytes are no notebook; undefined where they are one. */
export function notebookProblem(bytes: Uint8Array): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return "it is no JSON";
  }
  return schema.safeParse(value).success ? undefined : "it has no nbformat with cells";
}
