// What a thread that checks bytes and the thread that serves say to each other.
import type { VerifiedXorb } from "../xet/xorb.ts";

/**
 * xorb: check the chunks and name them · digest: unpack the chunks and take the SHA-256 of what they hold ·
 * sha256: that of the bytes as they come.
 */
export type Work = "xorb" | "digest" | "sha256";

export interface Digest {
  sha256: string;
  size: number;
}

/** What each kind of work ends with. */
export interface Results {
  xorb: VerifiedXorb;
  digest: Digest;
  sha256: string;
}

export type ToWorker =
  | { kind: "open"; id: number; work: Work }
  | { kind: "piece"; id: number; bytes: Uint8Array }
  | { kind: "end"; id: number }
  | { kind: "drop"; id: number };

export type FromWorker =
  /** The next piece is seen; how many bytes of chunks are right up to its end. */
  | { kind: "took"; id: number; taken: number }
  | { kind: "done"; id: number; result: Results[Work] }
  | { kind: "refused"; id: number; message: string };
