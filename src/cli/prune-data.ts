// Examples of a file as the batches that pruning measures on: ids of few lengths, a mask, labels.
// Measures nothing.
import { lengthBuckets } from "../data/batches.ts";
import { readLines, toExamples } from "../data/readers.ts";
import { AbrazoError } from "../errors.ts";
import type { AnyModel } from "../models/architecture.ts";
import type { PruneBatch } from "../models/prune.ts";
import { fromTypedArray } from "../tensor/index.ts";
import { padBatch, type Tokenizer } from "../text/tokenizer.ts";
import { readDataFile } from "./data.ts";

/** A text, and what its loss is taken with: a class, or its own tokens. */
interface Row {
  ids: number[];
  label: number | undefined;
}

/** Rows in batches, with what they are counted by. */
export interface Batches {
  batches: PruneBatch[];
  rows: number;
  /** Tokens that are predicted, of a language model. */
  tokens: number;
}

export interface Source {
  path: string;
  /** "labels": a class for each text; "texts": texts alone. */
  kind: "labels" | "texts";
  model: AnyModel;
  tokenizer: Tokenizer;
  device: string;
  /** Rows times length of a batch. */
  batchTokens: number;
}

const MAX_TOKENS = 128;
const IGNORED = -100n;

/** Rows of a file, texts cut after 128 tokens. @throws DATASET_TOO_SMALL; as readDataFile() and toExamples() */
export async function rowsOf({ path, kind, model, tokenizer }: Source): Promise<Row[]> {
  const maxLength = Math.min(tokenizer.maxLength, MAX_TOKENS);
  const encode = (text: string) => tokenizer.encode(text, { maxLength });
  const rows =
    kind === "labels"
      ? toExamples(await readDataFile(path), model.labels, path).map(({ text, label }) => ({
          ids: encode(text),
          label,
        }))
      : (await linesOf(path)).map((text) => ({ ids: encode(text), label: undefined }));
  // A token alone predicts none.
  const usable = rows.filter(({ ids, label }) => ids.length > (label === undefined ? 1 : 0));
  if (usable.length >= 2) return usable;
  throw new AbrazoError({
    code: "DATASET_TOO_SMALL",
    message: `${path} has ${usable.length === 1 ? "1 example" : "no examples"} to measure on; at least 2 are needed.`,
    hint: kind === "labels" ? "Add labelled examples." : "Write one text a line, of two tokens at least.",
    data: { path, examples: usable.length },
  });
}

async function linesOf(path: string): Promise<string[]> {
  return (await readLines(path)).filter((line) => line.trim() !== "");
}

/** So many rows of all, evenly spread. */
export function spread<Item>(rows: readonly Item[], most: number): Item[] {
  if (rows.length <= most) return [...rows];
  return Array.from({ length: most }, (_, at) => rows[Math.floor((at * rows.length) / most)]).filter(
    (row) => row !== undefined,
  );
}

export function batchesOf(rows: readonly Row[], { tokenizer, device, batchTokens }: Source): Batches {
  const buckets = lengthBuckets(
    rows.map(({ ids }) => ids.length),
    { tokens: batchTokens },
  );
  const batches = buckets.map(({ indices, length }): PruneBatch => {
    const chosen = indices.map((at) => rows[at]).filter((row) => row !== undefined);
    const { inputIds, attentionMask, shape } = padBatch(
      chosen.map(({ ids }) => ids),
      tokenizer.padId,
      "right",
      length,
    );
    return {
      inputIds: fromTypedArray(inputIds, shape, { device }),
      attentionMask: fromTypedArray(attentionMask, shape, { device }),
      labels: labelsOf(chosen, { inputIds, attentionMask, shape }, device),
    };
  });
  const tokens = rows.reduce((sum, { ids, label }) => sum + (label === undefined ? ids.length - 1 : 0), 0);
  return { batches, rows: rows.length, tokens };
}

/** [B] of classes, or [B, T] of the tokens themselves. */
function labelsOf(
  rows: readonly Row[],
  { inputIds, attentionMask, shape }: ReturnType<typeof padBatch>,
  device: string,
) {
  if (rows[0]?.label !== undefined) {
    return fromTypedArray(
      BigInt64Array.from(rows, ({ label = 0 }) => BigInt(label)),
      [rows.length],
      { device },
    );
  }
  const own = inputIds.map((id, at) => (attentionMask[at] === 1n ? id : IGNORED));
  return fromTypedArray(own, shape, { device });
}
