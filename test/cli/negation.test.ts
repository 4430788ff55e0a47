// Sentences about negation: the label follows from the frame, and what is judged on is never among them.
import { expect, it } from "vitest";
import { negationSentences } from "../../src/cli/commands/train/negation.ts";
import { readRows } from "../../src/data/readers.ts";
import { packageFile } from "../../src/package-root.ts";
import { Generator } from "../../src/tensor/index.ts";

const made = negationSentences(new Generator(1), 5000, new Set());

it("fills every frame, and repeats itself from a seed", () => {
  expect(made).toHaveLength(5000);
  expect(made).toEqual(negationSentences(new Generator(1), 5000, new Set()));
  for (const { text } of made) {
    expect(text).not.toMatch(/\b[SBCT]\b|\bA [A-Z]\b|\ba [aeiou]/);
    expect(text).toMatch(/^[A-Z].*[.!]$/);
  }
  expect(new Set(made.map(({ text }) => text)).size).toBeGreaterThan(3000);
  const positive = made.filter(({ label }) => label === 1).length;
  expect(positive / made.length).toBeGreaterThan(0.45);
  expect(positive / made.length).toBeLessThan(0.55);
});

it.each([
  [/^The \w+ is (good|great|lovely|fresh)\.$/, 1],
  [/^The \w+ is not (good|great|lovely|fresh)\.$/, 0],
  [/^The \w+ (was|were) not (bad|awful|boring|dull) at all\.$/, 1],
  [/^There is nothing (bad|awful|boring|dull) about the \w+\.$/, 1],
  [/^I have no (problem|regret|complaint) with the \w+\.$/, 1],
  [/^I do not like the \w+\.$/, 0],
])("labels what matches %s", (pattern, label) => {
  const found = negationSentences(new Generator(7), 40_000, new Set()).filter(({ text }) => pattern.test(text));
  expect(found.length).toBeGreaterThan(3);
  expect(new Set(found.map((each) => each.label))).toEqual(new Set([label]));
});

it("leaves out what is excluded", async () => {
  const rows = await readRows(packageFile("test", "fixtures", "plain-sentiment.tsv"));
  const excluded = new Set(rows.map(({ sentence = "" }) => sentence));
  const clean = negationSentences(new Generator(3), 40_000, excluded);
  expect(clean.filter(({ text }) => excluded.has(text))).toEqual([]);
});
