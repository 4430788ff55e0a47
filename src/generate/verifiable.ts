// A decoding that drafts can go through: it gives logits of several positions, and takes tokens back.
// Knows no drafts.
import { AbrazoError } from "../errors.ts";
import type { Decoding } from "./kv-cache.ts";

export type VerifiableDecoding = Decoding & Required<Pick<Decoding, "stepMany" | "truncate">>;

/** @throws NO_VERIFICATION for any other */
export function verifiable(decoding: Decoding): VerifiableDecoding {
  const { stepMany, truncate } = decoding;
  if (stepMany !== undefined && truncate !== undefined) {
    return decoding as VerifiableDecoding; // safe because both are there
  }
  throw new AbrazoError({
    code: "NO_VERIFICATION",
    message: "This decoder gives one token a step: it cannot verify drafts.",
    hint: "Leave out assistant and promptLookupNumTokens, or load the model from safetensors.",
  });
}
