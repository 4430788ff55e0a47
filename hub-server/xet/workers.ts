// Xet's bytes, checked in a thread as they come.
import type { Digest, Work } from "../threads/messages.ts";
import { open, type Session, through } from "../threads/pool.ts";
import type { VerifiedXorb } from "./xorb.ts";

/**
 * Checks a xorb while it comes: gives its bytes without what older clients put behind the chunks, each once its chunk is right.
 *
 * @param done told what the xorb is, before the last bytes' consumer is
 * @throws RefusedBytes for a xorb that is broken
 */
export async function* verifyXorb(
  source: AsyncIterable<Uint8Array>,
  done: (xorb: VerifiedXorb) => void,
): AsyncGenerator<Uint8Array> {
  const session = open("xorb");
  try {
    let given = 0;
    let held: Uint8Array = new Uint8Array();
    // safe because sessions of all kinds take pieces alike
    for await (const { bytes, taken } of through(source, session as unknown as Session<Work>)) {
      const right = taken - given - held.length;
      if (right < 0) {
        held = Buffer.concat([held, bytes]);
        continue;
      }
      if (held.length > 0) yield held;
      if (right > 0) yield bytes.subarray(0, right);
      given = taken;
      held = bytes.slice(right);
    }
    done(await session.finish());
  } finally {
    session.close();
  }
}

/** The SHA-256 of what a stream of packed chunks holds, and its size; `seen` is told of the bytes that went in. */
export async function digestChunks(
  source: AsyncIterable<Uint8Array>,
  seen: (bytes: number) => void = () => {},
): Promise<Digest> {
  const session = open("digest");
  try {
    // safe because sessions of all kinds take pieces alike
    for await (const { bytes } of through(source, session as unknown as Session<Work>)) seen(bytes.length);
    return await session.finish();
  } finally {
    session.close();
  }
}
