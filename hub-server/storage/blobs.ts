// The blob contract: bytes by their SHA-256. No caller ever sees a file path.
import type { Readable } from "node:stream";

export interface Range {
  start: number;
  /** Excluded. */
  end: number;
}

export interface BlobStore {
  has(sha256: string): Promise<boolean>;
  /** Takes bytes, checks size and hash, and only then makes them visible. A mismatch leaves nothing behind. */
  put(source: AsyncIterable<Uint8Array>, expected: { sha256: string; size: number }): Promise<void>;
  /** Bytes of a blob, whole or a range of it. */
  open(sha256: string, range?: Range): Promise<Readable>;
  delete(sha256: string): Promise<void>;
}
