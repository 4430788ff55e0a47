// The SHA-256 of bytes that come by and by: of many in a thread, so that the one that serves goes on serving; a few are hashed at once.
import { createHash } from "node:crypto";
import { open } from "./pool.ts";

/** Below this the way to a thread and back takes longer than the hash. */
const FEW = 2 * 1024 * 1024;

export interface Sha256 {
  /** Takes the next bytes, which must stay as they are until it has them. */
  update(piece: Uint8Array): Promise<unknown>;
  /** The hash in hexadecimal digits. */
  digest(): Promise<string>;
  /** Ends it, whether it is done or not. */
  close(): void;
}

/** @param size how many bytes are to come, where that is known */
export function startSha256(size = Number.POSITIVE_INFINITY): Sha256 {
  if (size <= FEW) {
    const hash = createHash("sha256");
    return { update: async (piece) => hash.update(piece), digest: async () => hash.digest("hex"), close: () => {} };
  }
  const session = open("sha256");
  return {
    update: (piece) => session.push(piece),
    digest: () => session.finish(),
    close: () => session.close(),
  };
}

/** The SHA-256 of a stream. */
export async function sha256Of(source: AsyncIterable<Uint8Array>, size?: number): Promise<string> {
  const hash = startSha256(size);
  try {
    for await (const chunk of source) await hash.update(chunk);
    return await hash.digest();
  } finally {
    hash.close();
  }
}
