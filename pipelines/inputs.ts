// Inputs of text tasks: one or many texts, cut into batches of like length, with results in the order of the inputs.
// Knows no models.
import { AbrazoError } from "../src/errors.ts";

/** The texts of a call, and whether it was one text outside a list. */
export function textsOf(input: unknown, task: string): { texts: string[]; single: boolean } {
  if (typeof input === "string") return { texts: [input], single: true };
  if (isTexts(input)) return { texts: input, single: false };
  const list: readonly unknown[] = Array.isArray(input) ? input : [];
  const wrong = list.findIndex((item) => typeof item !== "string");
  const what = wrong < 0 ? typeName(input) : `${typeName(list[wrong])} at place ${wrong}`;
  throw new AbrazoError({
    code: "INVALID_INPUT",
    message: `${task} takes a text or an array of texts; it got ${what}.`,
    hint: 'Give it "…" or ["…", "…"]; tasks on pairs take { text: "…", textPair: "…" } as well.',
  });
}

/** A text with a second one, such as a question with its context. */
export interface TextPair {
  text: string;
  textPair?: string | undefined;
}

/** The texts or pairs of a call, and whether it was one outside a list. */
export function pairsOf(input: unknown, task: string): { pairs: TextPair[]; single: boolean } {
  const single = !Array.isArray(input);
  const list: readonly unknown[] = Array.isArray(input) ? input : [input];
  return { single, pairs: list.map((item) => pairOf(item) ?? textsPair(input, task)) };
}

function pairOf(item: unknown): TextPair | undefined {
  if (typeof item === "string") return { text: item };
  if (typeof item !== "object" || item === null || !("text" in item) || typeof item.text !== "string") return undefined;
  const others = Object.keys(item).filter((name) => name !== "text" && name !== "textPair");
  const textPair = "textPair" in item ? item.textPair : undefined;
  if (others.length > 0 || (textPair !== undefined && typeof textPair !== "string")) return undefined;
  return { text: item.text, textPair };
}

function textsPair(input: unknown, task: string): TextPair {
  const { texts } = textsOf(input, task);
  return { text: texts[0] ?? "" };
}

function isTexts(input: unknown): input is string[] {
  return Array.isArray(input) && input.every((item) => typeof item === "string");
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : typeof value;
}

/** What a batch costs besides its tokens, in tokens: the weights are read once more. */
const BATCH_COST = 40;

/**
 * Places of `lengths` in batches: shortest first, each batch of at most `tokenBudget` padded tokens and `batchSize` rows, cut where
 * padding and the number of batches together cost least.
 */
export function lengthBuckets(lengths: readonly number[], tokenBudget: number, batchSize: number): number[][] {
  const order = lengths.map((_, place) => place).sort((a, b) => (lengths[a] ?? 0) - (lengths[b] ?? 0));
  // costs[n]: of the first n rows; starts[n]: where the last of their batches begins.
  const costs = [0];
  const starts = [0];
  for (let end = 1; end <= order.length; end++) {
    const longest = lengths[order[end - 1] ?? 0] ?? 0;
    const rows = Math.max(1, Math.min(end, batchSize, Math.floor(tokenBudget / Math.max(longest, 1))));
    let best = end - 1;
    let least = Number.POSITIVE_INFINITY;
    for (let start = end - rows; start < end; start++) {
      const cost = (costs[start] ?? 0) + longest * (end - start) + BATCH_COST;
      if (cost < least) [best, least] = [start, cost];
    }
    costs.push(least);
    starts.push(best);
  }
  const batches: number[][] = [];
  for (let end = order.length; end > 0; end = starts[end] ?? 0) batches.push(order.slice(starts[end], end));
  return batches.reverse();
}
