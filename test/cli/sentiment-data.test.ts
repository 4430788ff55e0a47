// How the sentiment data is cut: a validation part that shares no sentence, ends of reviews, ordinary spelling.
import { expect, it } from "vitest";
import {
  cleanReview,
  holdOut,
  normalizeSentence,
  reviewEnds,
  sentencesOf,
} from "../../src/cli/commands/train/sentiment-data.ts";
import { Generator } from "../../src/tensor/index.ts";

const sentence = (name: string) => `${name} is one of those long films that nobody will ever forget again`;
const phrasesOf = (name: string) => [sentence(name), `${name} is one of those`, `${name} is`, "long films"];

it("holds out whole sentences, and takes all their phrases from the training part", () => {
  const names = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"];
  const examples = names.flatMap((name, label) => phrasesOf(name).map((text) => ({ text, label: label % 2 })));
  const { train, validation } = holdOut(examples, new Generator(1), 2);
  expect(validation).toHaveLength(2);
  const held = validation.map(({ text }) => text.split(" ")[0] ?? "");
  expect(validation.map(({ text }) => text)).toEqual(held.map(sentence));
  for (const { text } of train) for (const name of held) expect(text).not.toContain(name);
  // "long films" is part of the held-out sentences, too.
  expect(train.map(({ text }) => text)).not.toContain("long films");
  expect(train).toHaveLength(4 * 3);
  expect(holdOut(examples, new Generator(1), 2)).toEqual({ train, validation });
});

it("keeps both ends of a long text and the whole of a short one", () => {
  const ids = Array.from({ length: 10 }, (_, at) => at);
  expect(reviewEnds(ids, { first: 6, last: 3 })).toEqual([ids.slice(0, 6), ids.slice(7)]);
  expect(reviewEnds(ids.slice(0, 6), { first: 6, last: 3 })).toEqual([ids.slice(0, 6)]);
});

it("writes treebank words and reviews as ordinary text", () => {
  expect(normalizeSentence("it 's not bad , but it does n't move -lrb- me -rrb- . ")).toBe(
    "it's not bad, but it doesn't move (me).",
  );
  expect(cleanReview("One.<br /><br />Two.  Three. ")).toBe("One. Two. Three.");
});

it("cuts texts into sentences that are neither very short nor very long", () => {
  expect(sentencesOf("Good. It was a fine film! Was it not any better? I cannot say that for sure")).toEqual([
    "It was a fine film!",
    "Was it not any better?",
  ]);
  expect(sentencesOf(`${"word ".repeat(41)}. ${"word ".repeat(39)}end.`)).toEqual([`${"word ".repeat(39)}end.`]);
  expect(sentencesOf("")).toEqual([]);
});
