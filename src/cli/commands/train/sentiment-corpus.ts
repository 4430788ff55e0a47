// The texts that the shipped classifier learns from, read from the data folder.
// Cuts nothing by itself: sentiment-data.ts does.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Example, readLines, readRows, toExamples } from "../../../data/readers.ts";
import type { TrainingRecord } from "../../../io/training-record.ts";
import { Generator } from "../../../tensor/index.ts";
import { cleanReview, holdOut } from "./sentiment-data.ts";

type DatasetFacts = TrainingRecord["datasets"][number];

export const LABELS = ["NEGATIVE", "POSITIVE"] as const;
export const HELD_OUT = 1000;
/** The held-out sentences are the same for all models, whatever their seeds. */
const SPLIT_SEED = 1;

interface Phrases {
  all: Example[];
  train: Example[];
  /** Whole sentences of which no phrase is in `train`. */
  heldOut: Example[];
  facts: DatasetFacts;
}

/** The phrases of SST-2's train set. */
export async function readPhrases(data: string): Promise<Phrases> {
  const path = join(data, "sentiment", "sst2", "train.tsv");
  const all = await examplesIn(path);
  const { train, validation } = holdOut(all, new Generator(SPLIT_SEED), HELD_OUT);
  const facts = await factsOf(path, "SST-2", "stanfordnlp/sst2", "train", train.length);
  return { all, train, heldOut: validation, facts };
}

export async function readDev(data: string): Promise<Example[]> {
  return examplesIn(join(data, "sentiment", "sst2", "dev.tsv"));
}

/** The labelled reviews of IMDB's train set. */
export async function readReviews(data: string): Promise<{ reviews: Example[]; facts: DatasetFacts }> {
  const path = join(data, "sentiment", "imdb", "train.tsv.gz");
  const reviews = (await examplesIn(path)).map(({ text, label }) => ({ text: cleanReview(text), label }));
  return { reviews, facts: await factsOf(path, "IMDB", "stanfordnlp/imdb", "train", reviews.length) };
}

export async function readUnlabelled(data: string): Promise<{ reviews: string[]; facts: DatasetFacts }> {
  const path = join(data, "sentiment", "imdb", "unsup.txt.gz");
  const reviews = (await readLines(path)).map(cleanReview);
  return { reviews, facts: await factsOf(path, "IMDB", "stanfordnlp/imdb", "unsupervised", reviews.length) };
}

export async function examplesIn(path: string): Promise<Example[]> {
  return toExamples(await readRows(path), LABELS, path);
}

async function factsOf(path: string, name: string, id: string, split: string, examples: number): Promise<DatasetFacts> {
  const sha256 = createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
  return { name, id, split, examples, sha256 };
}
