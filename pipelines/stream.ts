// Generators and streams of inputs → results one by one, in order, computed in batches.
// Knows no task: it is given the call for an array.
import { AbrazoError } from "../src/errors.ts";
import { Tensor } from "../src/tensor/index.ts";

/** Inputs that come one by one, such as those of a generator, a file read line by line or a dataset. */
export type InputStream<Input> = AsyncIterable<Input> | IterableIterator<Input>;

/** Inputs that are gathered before they run: enough to sort them by length. */
const GATHERED = 256;

export function isStream(input: unknown): input is InputStream<unknown> {
  if (typeof input !== "object" || input === null || Array.isArray(input) || input instanceof Tensor) return false;
  return Symbol.asyncIterator in input || (Symbol.iterator in input && "next" in input);
}

/**
 * Gathers inputs, runs them together and gives their results in order. Nothing is read ahead of what is asked for but the batch;
 * leaving the loop ends the input as well.
 */
export async function* streamed(
  inputs: InputStream<unknown>,
  run: (batch: unknown[]) => Promise<unknown>,
  gathered = GATHERED,
): AsyncGenerator<unknown, void, undefined> {
  let batch: unknown[] = [];
  for await (const input of inputs) {
    batch.push(input);
    if (batch.length < gathered) continue;
    yield* resultsOf(await run(batch), batch.length);
    batch = [];
  }
  if (batch.length > 0) yield* resultsOf(await run(batch), batch.length);
}

function resultsOf(results: unknown, count: number): readonly unknown[] {
  const list = results instanceof Tensor ? results.unbind(0) : results;
  if (Array.isArray(list) && list.length === count) return list;
  throw new AbrazoError({
    code: "INVALID_INPUT",
    message: "This task gives no result for each input of a stream.",
    hint: "Call it with an array.",
  });
}
