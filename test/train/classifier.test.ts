// Training on few sentences: it learns, and the same seed gives the same losses.
import { expect, it } from "vitest";
import { fromConfig } from "../../src/models/auto.ts";
import { Generator } from "../../src/tensor/index.ts";
import { predict, probabilities, trainClassifier } from "../../src/train/classifier.ts";
import { accuracy, macroF1, wilsonInterval } from "../../src/train/metrics.ts";

const config = {
  model_type: "distilbert",
  architectures: ["DistilBertForSequenceClassification"],
  vocab_size: 40,
  dim: 16,
  n_layers: 1,
  n_heads: 2,
  hidden_dim: 32,
  max_position_embeddings: 16,
  dropout: 0.1,
};

/** Sequences whose class is whether token 7 occurs. */
const examples = Array.from({ length: 64 }, (_, at) => {
  const label = at % 2;
  const filler = Array.from({ length: 3 + (at % 5) }, (__, place) => 10 + ((at * 7 + place * 3) % 30));
  return { ids: [2, ...filler, ...(label === 1 ? [7] : [8]), 3], label };
});

const options = {
  epochs: 12,
  learningRate: 5e-3,
  batchTokens: 256,
  weightDecay: 0.01,
  warmup: 0.1,
  maxGradNorm: 1,
  labelSmoothing: 0,
  seed: 3,
  device: "cpu",
  padId: 0,
};

const run = () => {
  const model = fromConfig(config, new Generator(1));
  return trainClassifier(model, examples, options).then((result) => ({ model, result }));
};

it("learns, and repeats itself from a seed", async () => {
  const [first, second] = [await run(), await run()];
  expect(first.result.stepFigures).toEqual(second.result.stepFigures);
  expect(predict(first.model, examples, options)).toEqual(examples.map(({ label }) => label));
});

it("learns from a teacher's probabilities, and from labels beside them", async () => {
  const model = fromConfig(config, new Generator(1));
  const taught = examples.map((example, at) =>
    at % 4 < 2 ? { ...example, label: 0, probabilities: example.label === 1 ? [0.2, 0.8] : [0.8, 0.2] } : example,
  );
  // A number of rows that fills no batch: the rows that fill it up count for nothing.
  await trainClassifier(model, taught.slice(0, 61), { ...options, epochs: 30 });
  const rows = probabilities(model, examples, options);
  for (const [at, { label }] of examples.entries()) {
    expect(rows[at]?.indexOf(Math.max(...(rows[at] ?? [])))).toBe(label);
    if (at % 4 < 2) expect(rows[at]?.[label]).toBeLessThan(0.99);
  }
});

it("keeps each step of a short run in its history, and about a hundred of a long one", async () => {
  const few = { ...options, epochs: 2 };
  const evaluate = async (epoch: number) => ({ accuracy: epoch });
  const short = await trainClassifier(fromConfig(config, new Generator(1)), examples, { ...few, evaluate });
  expect(short.steps).toBe(8);
  expect(short.history.map(({ step, stepLoss }) => [step, stepLoss])).toEqual(
    short.stepFigures.map(({ loss }, at) => [at + 1, loss]),
  );
  expect(short.history.flatMap(({ step, metrics }) => (metrics === undefined ? [] : [[step, metrics]]))).toEqual([
    [4, { accuracy: 0 }],
    [8, { accuracy: 1 }],
  ]);
  const long = await trainClassifier(fromConfig(config, new Generator(1)), examples, { ...few, epochs: 50 });
  expect([long.steps, long.history.length]).toEqual([200, 100]);
});

it("metrics agree with scikit-learn and statsmodels", () => {
  expect(accuracy([1, 0, 1], [1, 1, 1])).toBeCloseTo(2 / 3, 10);
  expect(macroF1([1, 0, 1, 0], [1, 1, 1, 0], 2)).toBeCloseTo((0.8 + 2 / 3) / 2, 10);
  const [low, high] = wilsonInterval(8, 10);
  expect(low).toBeCloseTo(0.49016, 4);
  expect(high).toBeCloseTo(0.94332, 4);
});
