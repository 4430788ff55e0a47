// The linear classifier over n-grams: it learns pairs that single tokens cannot tell, and repeats itself from a seed.
import { expect, it } from "vitest";
import { Generator } from "../../src/tensor/index.ts";
import { NgramClassifier } from "../../src/train/ngram-classifier.ts";

const GOOD = 10;
const BAD = 11;
const NOT = 12;

/** Fillers around a judgement, which "not" turns round. */
function documents(count: number, seed: number): { texts: number[][]; labels: number[] } {
  const generator = new Generator(seed);
  const texts: number[][] = [];
  const labels: number[] = [];
  for (let at = 0; at < count; at++) {
    const filler = () => Array.from({ length: generator.u32() % 5 }, () => 20 + (generator.u32() % 50));
    const positive = generator.u32() % 2 === 1;
    const denied = generator.u32() % 2 === 1;
    texts.push([...filler(), ...(denied ? [NOT] : []), positive ? GOOD : BAD, ...filler()]);
    labels.push(Number(positive !== denied));
  }
  return { texts, labels };
}

function accuracy(order: number): number {
  const train = documents(2000, 1);
  const test = documents(500, 2);
  const options = { order, slotBits: 16, epochs: 5, generator: new Generator(3) };
  const classifier = NgramClassifier.train(train.texts, train.labels, options);
  const right = test.texts.filter((ids, at) => Number(classifier.probability(ids) > 0.5) === test.labels[at]);
  return right.length / test.texts.length;
}

it("tells pairs apart that single tokens cannot", () => {
  expect(accuracy(2)).toBeGreaterThan(0.97);
  expect(accuracy(1)).toBeLessThan(0.6);
});

it("gives probabilities, for unknown tokens the share of the classes, and the same ones for the same seed", () => {
  const { texts, labels } = documents(400, 1);
  const skewed = labels.map((label, at) => (at % 2 === 0 ? 1 : label));
  const make = () => NgramClassifier.train(texts, skewed, { slotBits: 16, generator: new Generator(5) });
  const first = make();
  const unknown = first.probability([900, 901]);
  expect(unknown).toBeGreaterThan(0.5);
  expect(unknown).toBeLessThan(1);
  expect(first.probability([])).toBe(unknown);
  const second = make();
  for (const ids of texts.slice(0, 20)) {
    expect(second.probability(ids)).toBe(first.probability(ids));
    expect(first.probability(ids)).toBeGreaterThan(0);
  }
});
