// What Hugging Face tokenizers makes of hard texts, as test/goldens/text/make_text.py wrote it down.
import { readFileSync } from "node:fs";
import { packageFile } from "../../src/package-root.ts";
import type { Encoding } from "../../src/text/tokenizer.ts";

interface Packed {
  ids: number[];
  tokens: string[];
  /** Start and end of each token, in UTF-16 units. */
  offsets: number[];
  words: (number | null)[];
  types: number[];
  special: number[];
  sequences: (number | null)[];
}

type Window = Pick<Packed, "ids" | "offsets" | "sequences">;

export interface Cut {
  pair: number;
  single: boolean;
  strategy: "longest_first" | "only_first" | "only_second";
  length: number;
  stride: number;
  direction: "left" | "right";
  windows: Window[] | "error";
}

export interface Case {
  name: string;
  /** The tokenizer itself, or where it lies in the shared data. */
  json?: object;
  path?: string;
  encodings: (Packed & { plain: number[]; decoded: string; decodedAll: string })[];
  pairs: (Packed & { plainTypes: number[] })[];
  cut: Cut[];
}

export interface Golden {
  texts: string[];
  pairs: [string, string][];
  cases: Case[];
}

export function readGolden<Contents = Golden>(name: string): Contents {
  return JSON.parse(readFileSync(packageFile("test", "goldens", "text", name), "utf8"));
}

/** An encoding in the form of the goldens. */
export function packed(encoding: Encoding): Packed {
  return {
    ids: encoding.ids,
    tokens: encoding.tokens,
    offsets: encoding.offsets.flat(),
    words: encoding.wordIds.map((word) => word ?? null),
    types: encoding.typeIds,
    special: encoding.specialTokensMask,
    sequences: encoding.sequenceIds.map((id) => id ?? null),
  };
}
