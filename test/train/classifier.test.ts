// Training on few sentences: it learns, and the same seed gives the same losses.
import { expect, it } from "vitest";
import { fromConfig } from "../../src/models/auto.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import { cosineSchedule, linearSchedule } from "../../src/optim/schedules.ts";
import { Generator, tensor } from "../../src/tensor/index.ts";
import { predict, trainClassifier } from "../../src/train/classifier.ts";
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
  expect(first.result.losses).toEqual(second.result.losses);
  expect(predict(first.model, examples, options)).toEqual(examples.map(({ label }) => label));
});

it("AdamW steps as PyTorch's does", () => {
  // torch 2.13: p = tensor([1., -2.]); AdamW(lr=0.1, weight_decay=0.1); loss = (p ** 2).sum(); three steps
  const p = tensor([1, -2], { dtype: "float32", requiresGrad: true });
  const optimizer = new AdamW([p], { lr: 0.1, weightDecay: 0.1 });
  const seen: number[][] = [];
  for (let step = 0; step < 3; step++) {
    optimizer.zeroGrad();
    p.square().sum().backward();
    optimizer.step();
    seen.push([...p.dataSync()].map(Number));
  }
  const expected = EXPECTED_ADAMW;
  for (const [step, values] of expected.entries()) {
    for (const [place, value] of values.entries()) expect(seen[step]?.[place]).toBeCloseTo(value, 5);
  }
});

const EXPECTED_ADAMW = [
  [0.89, -1.88],
  [0.7815719, -1.7614089],
  [0.6751013, -1.6443686],
];

it("schedules rise and fall", () => {
  const linear = linearSchedule(2, 10);
  expect([0, 1, 2, 6, 10].map(linear)).toEqual([0, 0.5, 1, 0.5, 0]);
  expect(cosineSchedule(2, 10)(6)).toBeCloseTo(0.5, 10);
});

it("metrics agree with scikit-learn and statsmodels", () => {
  expect(accuracy([1, 0, 1], [1, 1, 1])).toBeCloseTo(2 / 3, 10);
  expect(macroF1([1, 0, 1, 0], [1, 1, 1, 0], 2)).toBeCloseTo((0.8 + 2 / 3) / 2, 10);
  const [low, high] = wilsonInterval(8, 10);
  expect(low).toBeCloseTo(0.49016, 4);
  expect(high).toBeCloseTo(0.94332, 4);
});
