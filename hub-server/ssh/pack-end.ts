// Where a pack ends that comes over a line which stays open: git sends no more behind it, and waits for the answer.
import { createHash } from "node:crypto";

const TRAILER = 20;

/**
 * Passes a pack on and ends with it. Its last 20 bytes are the SHA-1 of all before, and nothing comes behind them: so it ends with the
 * first piece after which that holds.
 */
export async function* untilPackEnds(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha1");
  let last: Buffer = Buffer.alloc(0);
  for await (const piece of source) {
    yield piece;
    const all = Buffer.concat([last, piece]);
    const cut = Math.max(0, all.length - TRAILER);
    hash.update(all.subarray(0, cut));
    last = all.subarray(cut);
    if (last.length === TRAILER && hash.copy().digest().equals(last)) return;
  }
}
