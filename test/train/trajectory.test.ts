// Fine-tuning step by step against PyTorch and transformers: losses, gradient norms, learning rates, final weights.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readHeader } from "../../src/io/safetensors.ts";
import type { PreTrainedModel } from "../../src/models/architecture.ts";
import { loadPretrained } from "../../src/models/auto.ts";
import { functional as F } from "../../src/nn/index.ts";
import { AdamW, decayGroups, linearSchedule } from "../../src/optim/index.ts";
import { packageFile } from "../../src/package-root.ts";
import { fromFile, sessionStats, tensor } from "../../src/tensor/index.ts";
import { padBatch } from "../../src/text/tokenizer.ts";
import { train } from "../../src/train/trainer.ts";
import { dataPath } from "../support/data.ts";

interface Batch {
  rows: number[][];
  labels: number[];
}

interface Run {
  model: PreTrainedModel;
  batches: Batch[];
  lr: number;
  weightDecay: number;
  warmup: number;
  total: number;
}

function fineTune({ model, batches, lr, weightDecay, warmup, total }: Run) {
  const parameters = model.requiresGrad_().train().parameters();
  return train<Batch>({
    batches: () =>
      Array.from({ length: total }, (_, step) => batches[step % batches.length] ?? { rows: [], labels: [] }),
    loss: ({ rows, labels }) => {
      const { inputIds, attentionMask, shape } = padBatch(rows, 0);
      const int64 = (values: BigInt64Array) => tensor([...values].map(Number), { dtype: "int64" }).reshape(shape);
      const { logits } = model({ inputIds: int64(inputIds), attentionMask: int64(attentionMask) });
      return F.crossEntropy(logits, tensor(labels, { dtype: "int64" }));
    },
    parameters,
    optimizer: new AdamW(decayGroups(parameters, weightDecay), { lr }),
    schedule: linearSchedule(warmup, total),
    learningRate: lr,
    maxGradNorm: 1,
    epochs: 1,
    seed: 0,
  });
}

it("ten steps of a DistilBERT with padding", async () => {
  const golden: {
    ids: number[][];
    labels: number[];
    steps: { loss: number; gradNorm: number; learningRate: number }[];
  } = JSON.parse(readFileSync(packageFile("test", "goldens", "models.json"), "utf8"));
  const model = await loadPretrained(packageFile("test", "fixtures", "tiny-distilbert"));
  const batches = [{ rows: golden.ids, labels: golden.labels }];
  const runs = sessionStats.runs;
  const { stepFigures } = await fineTune({ model, batches, lr: 3e-3, weightDecay: 0.05, warmup: 2, total: 10 });
  for (const [step, want] of golden.steps.entries()) {
    expect(stepFigures[step]?.loss).toBeCloseTo(want.loss, 4);
    expect(stepFigures[step]?.gradNorm).toBeCloseTo(want.gradNorm, 3);
    expect(stepFigures[step]?.learningRate).toBeCloseTo(want.learningRate, 10);
  }
  expect(sessionStats.runs - runs).toBe(10);
});

const folder = dataPath("models", "tiny-random-bert-seqcls");

it.skipIf(folder === undefined)(
  `twenty steps of a BERT, to its final weights${folder === undefined ? " (skipped: ABRAZO_DATA holds no such model)" : ""}`,
  async () => {
    const at = folder ?? "";
    const golden: {
      batches: { input_ids: number[][]; labels: number[] }[];
      steps: { loss: number; grad_norm_before_clip: number; lr_used: number }[];
    } = JSON.parse(readFileSync(join(at, "finetune", "trajectory.json"), "utf8"));
    const batches = golden.batches.map(({ input_ids: rows, labels }) => ({ rows, labels }));
    const model = await loadPretrained(at);
    const { stepFigures } = await fineTune({ model, batches, lr: 2e-3, weightDecay: 0.01, warmup: 3, total: 20 });
    for (const [step, want] of golden.steps.entries()) {
      expect(stepFigures[step]?.loss).toBeCloseTo(want.loss, 4);
      expect(Math.abs((stepFigures[step]?.gradNorm ?? 0) / want.grad_norm_before_clip - 1)).toBeLessThan(1e-3);
      expect(stepFigures[step]?.learningRate).toBeCloseTo(want.lr_used, 10);
    }
    const path = join(at, "finetune", "final.safetensors");
    const { tensors } = await readHeader(path);
    for (const [name, parameter] of model.namedParameters()) {
      const entry = tensors.get(name);
      if (entry === undefined) throw new Error(`${name} is not in ${path}`);
      const wanted = fromFile({ path, ...entry }, entry.shape, "float32").dataSync();
      const largest = [...parameter.dataSync()].reduce<number>(
        (most, value, place) => Math.max(most, Math.abs(Number(value) - Number(wanted[place]))),
        0,
      );
      // A bias of all keys shifts every score alike: its gradient is rounding alone, which Adam scales up to full steps.
      if (!name.endsWith("key.bias")) expect(largest, name).toBeLessThan(2e-4);
    }
  },
);
