// Greedy decoding and sampling: prefill, then a token a row and step, until every row is finished.
// Knows no beams and no drafts.
import { PaddedBatch } from "./batch.ts";
import type { GeneratedToken } from "./contract.ts";
import type { Decoding } from "./kv-cache.ts";
import type { GenerationSettings } from "./options.ts";
import type { Row } from "./row.ts";
import { argmax, draw } from "./sampling.ts";

/** Copies of one prompt stand side by side in `rows`; the prompt is read once for all of them. */
export async function* sample(
  decoding: Decoding,
  rows: readonly Row[],
  settings: GenerationSettings,
): AsyncGenerator<GeneratedToken, void, undefined> {
  const copies = settings.numReturnSequences;
  const batch = new PaddedBatch(
    rows.filter((_, index) => index % copies === 0),
    settings.padTokenId,
  );
  let active = rows;
  /** Where each active row stands in the last step. */
  let places = rows.map((_, index) => Math.floor(index / copies));
  let step = batch.prefill();
  while (active.length > 0) {
    settings.signal?.throwIfAborted();
    const logits = await decoding.step(step);
    const kept: number[] = [];
    for (const [at, row] of active.entries()) {
      const token = nextToken(logits[places[at] ?? 0] ?? new Float32Array(0), row, settings);
      if (token.finished === undefined) kept.push(at);
      yield token;
    }
    const from = kept.map((at) => places[at] ?? 0);
    if (from.length > 0 && !isWhole(from, logits.length)) {
      decoding.keep(from);
      batch.keep(from);
    }
    active = kept.flatMap((at) => active[at] ?? []);
    places = active.map((_, at) => at);
    step = batch.next(active);
  }
}

/** Whether `places` are all of `count` in their order: nothing need be moved then. */
export function isWhole(places: readonly number[], count: number): boolean {
  return places.length === count && places.every((place, at) => place === at);
}

/** Chooses a row's next token and adds it to the row. */
function nextToken(logits: Float32Array, row: Row, settings: GenerationSettings): GeneratedToken {
  const isShared = row.processors.length > 0 || settings.outputScores || settings.numReturnSequences > 1;
  const scores = isShared ? logits.slice() : logits;
  for (const process of row.processors) process(scores, row.ids);
  const id = settings.doSample ? draw(scores, row.generator) : argmax(scores);
  row.ids.push(id);
  return {
    ...{ row: row.index, id, finished: row.stop.finished(row.ids) },
    ...(settings.outputScores ? { scores } : {}),
    ...(settings.outputLogits ? { logits: logits.slice() } : {}),
  };
}
