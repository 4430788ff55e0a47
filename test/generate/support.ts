// The tiny model of the goldens, and what Python generates with it.
// Asserts nothing.
import { readFileSync } from "node:fs";
import type { Prompt } from "../../src/generate/contract.ts";
import { generationFile } from "../../src/generate/generation-config.ts";
import { type Decoder, makeDecoder } from "../../src/generate/kv-cache.ts";
import type { GenerationOptions } from "../../src/generate/options.ts";
import { loadPretrained } from "../../src/models/auto.ts";
import { packageFile } from "../../src/package-root.ts";

/** Options by the names of generation_config.json, and the new tokens of each row. */
export interface GoldenCase {
  name: string;
  options: Record<string, unknown>;
  rows: number[][];
  sequencesScores: number[][];
}

export interface Golden {
  prompts: number[][];
  /** Text of each token. */
  words: string[];
  cases: GoldenCase[];
  beams: GoldenCase[];
  padded: GoldenCase[];
  stops: GoldenCase[];
  /** Pieces of each prompt's text, with the prompt's own and without. */
  streamed: [string[], string[]][];
  scored: { options: Record<string, unknown>; scores: (number | null)[][]; logits: number[][] }[];
  distributions: { options: Record<string, unknown>; probabilities: Record<string, number> }[];
  frequencies: { options: Record<string, unknown>; draws: number; counts: Record<string, number> }[];
}

export const golden: Golden = JSON.parse(
  readFileSync(packageFile("test", "goldens", "generate", "generation.json"), "utf8"),
);

export const tinyDecoder = async (): Promise<Decoder> =>
  makeDecoder(await loadPretrained(packageFile("test", "fixtures", "generate")));

export const decode = (ids: readonly number[]): string => ids.map((id) => golden.words[id] ?? "").join("");

/** Our options of a golden; texts have 24 new tokens where it says nothing else. */
export function optionsOf(given: Record<string, unknown>): GenerationOptions {
  const { options } = generationFile(given);
  const length = "max_length" in given ? {} : { maxNewTokens: 24 };
  return { ...length, padTokenId: 2, ...options, ...("stop_strings" in given ? { decode } : {}) };
}

export const promptOf = (ids: readonly number[], seed = 0): Prompt => ({ ids, seed });
