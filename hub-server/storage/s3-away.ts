// A bucket that fails or cannot be reached, as an error that says so. Every other error stays what it is.
import { log } from "../../src/log.ts";
import { ServiceError } from "../errors.ts";

/** A connection that was lost or not to be had. */
const LOST = /^E(CONNREFUSED|CONNRESET|PIPE|TIMEDOUT|HOSTUNREACH|NOTFOUND|AI_AGAIN)$/;

export function asBucketError(error: unknown): unknown {
  if (error instanceof ServiceError || !(error instanceof Error)) return error;
  const { code, $metadata: { httpStatusCode: status = 0 } = {} }: Failure = error;
  const isAway = status >= 500 || status === 429 || LOST.test(code ?? "") || error.name === "TimeoutError";
  if (!isAway) return error;
  log.warn(`The bucket cannot be used: ${error.name}: ${error.message}`);
  return new ServiceError(503, "The hub's storage cannot be reached at the moment.", {
    code: "STORAGE_AWAY",
    hint: "Nothing was stored. Try again in a few seconds.",
    headers: { "Retry-After": "2" },
  });
}

/** What errors of the system and of Amazon's client tell besides. */
interface Failure extends Error {
  code?: string;
  $metadata?: { httpStatusCode?: number };
}

/** What comes of a stream of the bucket, whose end in the middle is none of the caller's doing. */
export async function* fromBucket(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch (error) {
    throw asBucketError(error);
  }
}
