// Training on WebGPU: the CPU's losses and weights, state that stays on the device, memory that stays bounded.
import { describe, expect, it } from "vitest";
import { onProgress } from "../../src/log.ts";
import type { PreTrainedModel } from "../../src/models/architecture.ts";
import { fromConfig } from "../../src/models/auto.ts";
import { deviceStats, Generator, sessionStats } from "../../src/tensor/index.ts";
import { trainClassifier } from "../../src/train/classifier.ts";
import { trainLanguageModel } from "../../src/train/language-model.ts";
import type { TrainResult } from "../../src/train/trainer.ts";

const DISTILBERT = {
  ...{ model_type: "distilbert", architectures: ["DistilBertForSequenceClassification"] },
  ...{ vocab_size: 300, dim: 32, n_layers: 2, n_heads: 4, hidden_dim: 64, max_position_embeddings: 16 },
  ...{ dropout: 0.1, attention_dropout: 0.1, seq_classif_dropout: 0.2, initializer_range: 0.2 },
};
const GPT2 = {
  ...{ model_type: "gpt2", architectures: ["GPT2LMHeadModel"], initializer_range: 0.1 },
  ...{ vocab_size: 200, n_embd: 32, n_head: 4, n_layer: 1, n_positions: 16 },
  ...{ attn_pdrop: 0.1, embd_pdrop: 0.1, resid_pdrop: 0.1 },
};

/** Texts of eight to twelve tokens: two shapes of batches. */
const examples = Array.from({ length: 64 }, (_, at) => ({
  ids: [2, ...Array.from({ length: 6 + (at % 5) }, (__, place) => 10 + ((at * 37 + place * 11) % 280)), 3],
  label: at % 2,
}));
const stream = Int32Array.from({ length: 400 }, (_, at) => (at * 7 + (at % 13)) % 200);
const COMMON = { epochs: 10, maxGradNorm: 1, weightDecay: 0.01, seed: 3 };

const classifier = (model: PreTrainedModel, device: string, maxSteps: number): Promise<TrainResult> =>
  trainClassifier(model, examples, {
    ...{ ...COMMON, device, maxSteps, learningRate: 1e-3, batchTokens: 96, warmup: 0, labelSmoothing: 0.1, padId: 0 },
  });
const languageModel = (model: PreTrainedModel, device: string, maxSteps: number): Promise<TrainResult> =>
  trainLanguageModel(model, stream, {
    ...{ ...COMMON, device, maxSteps, learningRate: 1e-3, context: 16, batchSize: 4, warmup: 0 },
  });

const fresh = (config: typeof DISTILBERT | typeof GPT2) => fromConfig(config, new Generator(5));
const flat = (values: ArrayLike<number | bigint>) => Array.from(values, Number);

describe.each([
  { title: "a DistilBERT with dropout, clipping and AdamW", config: DISTILBERT, run: classifier },
  { title: "a GPT-2 with dropout, clipping and AdamW", config: GPT2, run: languageModel },
])("$title", { timeout: 120_000 }, ({ config, run }) => {
  it("has the CPU's losses, gradient norms and weights", async () => {
    const [onHost, onDevice] = [fresh(config), fresh(config)];
    const steps = 6;
    const [expected, found] = [await run(onHost, "cpu", steps), await run(onDevice, "webgpu", steps)];
    expect(found.stepFigures).toHaveLength(steps);
    for (const [step, { loss, gradNorm, learningRate }] of expected.stepFigures.entries()) {
      const figures = found.stepFigures[step];
      expect(Math.abs((figures?.loss ?? Number.NaN) - loss)).toBeLessThan(1e-3);
      expect(Math.abs((figures?.gradNorm ?? Number.NaN) / gradNorm - 1)).toBeLessThan(1e-3);
      expect(figures?.learningRate).toBe(learningRate);
    }
    // It clips, and it learns something: equal losses of a model that stands still would say little.
    expect(Math.max(...expected.stepFigures.map(({ gradNorm }) => gradNorm))).toBeGreaterThan(1);
    const weights = new Map(onHost.namedParameters());
    for (const [name, parameter] of onDevice.namedParameters()) {
      expect(parameter.device).toBe("webgpu");
      // A bias of all keys shifts every score alike: its gradient is rounding alone, which Adam scales up to full steps.
      if (name.includes("k_lin.bias")) continue;
      const wanted = flat(weights.get(name)?.dataSync() ?? []);
      const differences = flat(parameter.dataSync()).map((value, at) => Math.abs(value - (wanted[at] ?? Number.NaN)));
      expect(Math.max(...differences), name).toBeLessThan(5e-4);
    }
  });
});

describe("thirty steps of a DistilBERT with 7 MB of weights", { timeout: 180_000 }, () => {
  it("are one graph and one run each; weights and state stay on the device, and what they replace is freed", async () => {
    const model = fresh({ ...DISTILBERT, vocab_size: 30_000, dim: 60, n_layers: 1 });
    const state = 3 * 4 * model.parameterCount();
    const before = { ...deviceStats, ...sessionStats };
    const after: (typeof before)[] = [];
    const stop = onProgress(({ done }) => {
      if (done !== true) after.push({ ...deviceStats, ...sessionStats });
    });
    const steps = 30;
    await trainClassifier(
      model,
      examples.map(({ ids, label }) => ({ ids: ids.slice(0, 8), label })),
      {
        ...{ ...COMMON, device: "webgpu", maxSteps: steps, learningRate: 1e-3, batchTokens: 64 },
        ...{ warmup: 0, labelSmoothing: 0, padId: 0 },
      },
    );
    stop();
    expect(after).toHaveLength(steps);
    const [first, last] = [after[0] ?? before, after.at(-1) ?? before];

    // One run moves the weights there, the first step takes the state's zeros along.
    expect([first.runs - before.runs, last.runs - first.runs]).toEqual([2, steps - 1]);
    expect([first.compiled - before.compiled, last.compiled - first.compiled]).toEqual([2, 0]);
    expect(first.fromHost - before.fromHost).toBeGreaterThan(0.9 * state);
    for (const [at, now] of after.entries()) {
      const previous = after[at - 1];
      if (previous === undefined) continue;
      expect(now.fromHost - previous.fromHost).toBeLessThan(4_000); // ids, mask, labels and scalars
      expect(now.toHost - previous.toHost).toBe(8); // loss and norm
    }
    expect(last.moved - before.moved).toBe(0);
    for (const [name, { node }] of model.namedParameters()) expect(node.value?.kind, name).toBe("device");

    const most = Math.max(...after.map(({ bytes }) => bytes)) - before.bytes;
    expect(most).toBeGreaterThan(0.95 * state);
    expect(most).toBeLessThan(500e6);
    expect(steps * state).toBeGreaterThan(600e6); // what it would be if nothing were freed
  });
});
