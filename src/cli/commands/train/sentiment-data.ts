// How the sentiment data is cut: validation sentences that share no phrase with training, and the two ends of a review.
// Reads no files.
import type { Example } from "../../../data/readers.ts";
import type { Generator } from "../../../tensor/index.ts";

/** Words of SST-2 as an ordinary text has them: "do n't" → "don't", no space before punctuation. */
export function normalizeSentence(text: string): string {
  return text
    .trim()
    .replace(/ (n't|'s|'re|'ve|'ll|'d|'m)\b/g, "$1")
    .replace(/ ([.,;:!?])/g, "$1")
    .replace(/-lrb- /g, "(")
    .replace(/ -rrb-/g, ")");
}

/** A review without its HTML line breaks. */
export function cleanReview(text: string): string {
  return text
    .replace(/<br \/>/g, " ")
    .replace(/\s+/g, " ")
    .trim();
}

/** The first and the last tokens of a review: where reviewers say what they think. */
export function reviewEnds(
  ids: ArrayLike<number>,
  { first, last }: { first: number; last: number },
): ArrayLike<number>[] {
  if (ids.length <= first) return [ids];
  const all = Array.from(ids);
  return [all.slice(0, first), all.slice(-last)];
}

/** The sentences of a text, from 4 to 40 words long. */
export function sentencesOf(text: string): string[] {
  const sentences = text.match(/[^.!?]+[.!?]+/g) ?? [];
  return sentences
    .map((sentence) => sentence.trim())
    .filter((sentence) => {
      const words = sentence.split(" ").length;
      return words >= 4 && words <= 40;
    });
}

/**
 * Splits the phrases of SST-2's train set. Validation takes `count` whole sentences (phrases that are part of no other);
 * every phrase that occurs inside one of them leaves the training part, so the two share no sentence.
 */
export function holdOut(
  examples: readonly Example[],
  generator: Generator,
  count: number,
): { train: Example[]; validation: Example[] } {
  const texts = examples.map(({ text }) => ` ${text.trim()} `);
  const sentences = wholeSentences(texts).filter((index) => (texts[index] ?? "").split(" ").length > 9);
  const chosen = generator.permutation(sentences.length).slice(0, count);
  const held = chosen.map((at) => sentences[at] ?? 0);
  const haystack = held.map((index) => texts[index]).join("|");
  return {
    train: examples.filter((_, index) => !haystack.includes(texts[index] ?? "")),
    validation: held.map((index) => examples[index]).filter((example) => example !== undefined),
  };
}

/** Indices of the phrases that are part of no longer one, by an index from their first three words. */
function wholeSentences(texts: readonly string[]): number[] {
  const order = texts
    .map((_, index) => index)
    .sort((a, b) => (texts[b]?.length ?? 0) - (texts[a]?.length ?? 0) || a - b);
  const starts = new Map<string, string[]>();
  const whole: number[] = [];
  for (const index of order) {
    const text = texts[index] ?? "";
    const words = text.trim().split(" ");
    const key = words.slice(0, 3).join(" ");
    if ((starts.get(key) ?? []).some((longer) => longer.includes(text))) continue;
    whole.push(index);
    for (let at = 0; at < words.length; at++) {
      for (let length = 1; length <= 3; length++) {
        const start = words.slice(at, at + length).join(" ");
        const list = starts.get(start);
        if (list === undefined) starts.set(start, [text]);
        else if (list.at(-1) !== text) list.push(text);
      }
    }
  }
  return whole;
}
