// Tests of the operations of Hugging Face's list, by their rows: which ones there are is read off these calls.
import { it } from "vitest";

/** A test that changes or reads real state through this operation, and sees the effect by another route, client or page. */
export function operation(row: `${string} /${string}`, test: () => Promise<void>): void {
  it(row, test);
}
