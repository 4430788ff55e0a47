// abrazo train: fine-tunes a classifier on a file and pushes it if a repository is named; abrazo train sentiment: the shipped one from nothing.
import { mkdtemp, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AbrazoError } from "../../errors.ts";
import type { RepoId } from "../../hub/repo-id.ts";
import type { HubAccess } from "../../hub/request.ts";
import type { Uploaded } from "../../hub/upload.ts";
import type { TrainingRecord } from "../../io/training-record.ts";
import { defineCommand, HUB_FLAGS } from "../command.ts";
import { describeRecord } from "../describe.ts";

const SHARED = {
  epochs: { type: "number", whole: true, least: 1, summary: "Passes over the data" },
  seed: {
    type: "number",
    whole: true,
    least: 0,
    summary: "Seed of order, dropout and split; the same seed gives the same model",
  },
  out: { type: "string", value: "DIR", summary: "Folder for the new model" },
  lr: { type: "number", above: 0, summary: "Learning rate" },
  "batch-tokens": { type: "number", whole: true, least: 1, summary: "Rows times length of a batch" },
  steps: { type: "number", whole: true, least: 1, summary: "Stop after this many steps" },
} as const;

/** What a model from nothing is like. */
const SIZE = {
  dim: { type: "number", whole: true, least: 1, summary: "Width of the model" },
  layers: { type: "number", whole: true, least: 1, summary: "Blocks of the model" },
  vocab: { type: "number", whole: true, least: 1, summary: "Tokens of the vocabulary" },
} as const;

export const train = defineCommand({
  name: "train",
  summary: "Fine-tune a classifier on a TSV, CSV or JSONL file with a text and a label column.",
  flags: {
    ...HUB_FLAGS,
    ...SHARED,
    model: {
      type: "string",
      value: "DIR|NS/NAME",
      summary: "Model to start from; the shipped classifier when left out",
    },
    dataset: { type: "string", value: "FILE", summary: "Labelled examples" },
    device: { type: "string", value: "cpu|webgpu|cuda|auto", summary: "Where to train; cpu when left out" },
    push: { type: "string", value: "NS/NAME", summary: "Push the result as the next commit of this repository" },
  },
  examples: [
    "abrazo train --dataset reviews.tsv --out ./my-model",
    "abrazo train --model ana/sentiment --dataset reviews.csv --epochs 2 --push ana/sentiment",
  ],
  run: async ({ flags, ui }) => {
    const { fineTune } = await import("./train/fine-tune.ts");
    const { baseFolder, chooseDevice, requireDataset } = await import("./train/inputs.ts");
    const dataset = requireDataset(flags.dataset);
    const wanted = chooseDevice(flags.device);
    // Before the work: a push that cannot be would lose it.
    const target = flags.push === undefined ? undefined : await pushTarget(flags.push, flags);
    const base = await baseFolder(flags.model, flags);
    const out = flags.out ?? (await mkdtemp(join(tmpdir(), "abrazo-model-")));
    const record = await fineTune({
      model: base.folder,
      baseModel: base.baseModel,
      dataset,
      out,
      epochs: flags.epochs ?? 1,
      steps: flags.steps,
      learningRate: flags.lr ?? 5e-5,
      batchTokens: flags["batch-tokens"] ?? 1024,
      holdOut: 0.1,
      seed: flags.seed ?? 0,
      device: wanted,
    }).catch(async (error: unknown) => {
      // Of a folder that we made, what was refused leaves nothing.
      if (flags.out === undefined) await rmdir(out).catch(() => {});
      throw error;
    });
    const pushed = target === undefined ? undefined : await pushResult(out, target, record);
    const lines = [
      ...describeRecord(record),
      `The model is in ${out}`,
      ...(pushed === undefined ? [] : [`Pushed: ${pushed.url}`]),
    ];
    const { device, steps, history, evaluations } = record;
    ui.result({ out, device, steps, history, evaluations, pushed }, lines.join("\n"));
  },
});

interface Target {
  access: HubAccess;
  id: RepoId;
}

/** Where the result goes, as somebody whom the hub knows. */
async function pushTarget(name: string, flags: { endpoint?: string; token?: string }): Promise<Target> {
  const { whoAmI } = await import("../../hub/client.ts");
  const { writeAccess } = await import("../access.ts");
  const { repoId } = await import("../repository.ts");
  const target = { access: writeAccess(flags), id: repoId(name) };
  const { name: user, role } = await whoAmI(target.access);
  if (role !== "read") return target;
  throw new AbrazoError({
    code: "READ_ONLY_TOKEN",
    message: `The token of ${user} for ${target.access.endpoint} may only read.`,
    hint: "Use one with the role write.",
  });
}

async function pushResult(folder: string, { access, id }: Target, { datasets }: TrainingRecord): Promise<Uploaded> {
  const { publish } = await import("../publish.ts");
  const message = `Fine-tune on ${datasets[0]?.name ?? "a file"}`;
  try {
    return await publish({ access, id, folder, message, card: true });
  } catch (error) {
    if (!(error instanceof AbrazoError)) throw error;
    const { code, data } = error;
    const again = `The model is in ${folder}; push it with: abrazo push ${folder} ${id.namespace}/${id.name}`;
    throw new AbrazoError({
      code,
      message: error.message,
      hint: `${error.hint ?? ""}\n${again}`.trim(),
      data,
      cause: error,
    });
  }
}

export const trainSentiment = defineCommand({
  name: "train sentiment",
  summary: "Train the shipped sentiment classifier from nothing on SST-2 and IMDB.",
  flags: {
    ...SHARED,
    data: { type: "string", value: "DIR", summary: "Folder that holds sentiment/ and fairness/" },
    ...SIZE,
    sentences: {
      type: "number",
      whole: true,
      least: 0,
      summary: "Sentences of unlabelled reviews that a teacher over n-grams labels",
    },
    "batch-rows": { type: "number", whole: true, least: 1, summary: "Texts of a batch at most" },
    check: {
      type: "string",
      value: "FILE",
      summary: "Labelled sentences to keep out of training and score at the end",
    },
    final: {
      type: "boolean",
      summary: "Train on the held-out sentences, too, and score the dev set: once per final model",
    },
  },
  examples: [
    "abrazo train sentiment --data ../shared/data --out ./sentiment --seed 1",
    "abrazo train sentiment --data ../shared/data --check plain.tsv --final --out ./sentiment --seed 1",
  ],
  run: async ({ flags, ui }) => {
    const { pretrainSentiment } = await import("./train/pretrain-sentiment.ts");
    const { requireDataset } = await import("./train/inputs.ts");
    const data = requireDataset(flags.data, "--data");
    const out = flags.out ?? (await mkdtemp(join(tmpdir(), "abrazo-sentiment-")));
    const record = await pretrainSentiment({
      data,
      out,
      epochs: flags.epochs ?? 1,
      seed: flags.seed ?? 0,
      vocabSize: flags.vocab ?? 12_000,
      dim: flags.dim ?? 192,
      layers: flags.layers ?? 2,
      heads: 4,
      sentences: flags.sentences ?? 250_000,
      learningRate: flags.lr ?? 5e-4,
      batchTokens: flags["batch-tokens"] ?? 4096,
      batchRows: flags["batch-rows"] ?? 128,
      maxSteps: flags.steps,
      check: flags.check,
      final: flags.final === true,
    });
    ui.result(
      { out, evaluations: record.evaluations },
      [...describeRecord(record), `The model is in ${out}`].join("\n"),
    );
  },
});

export const trainGeneration = defineCommand({
  name: "train generation",
  summary: "Train the shipped text generator from nothing on film reviews.",
  flags: {
    ...SHARED,
    data: {
      type: "string",
      value: "DIR",
      summary: "Folder that holds sentiment/imdb/",
    },
    reviews: { type: "number", whole: true, least: 1, summary: "Reviews to read; nine tenths of them are trained on" },
    ...SIZE,
    context: { type: "number", whole: true, least: 2, summary: "Tokens that the model sees at once" },
    dropout: { type: "number", least: 0, most: 0.99, summary: "Share of activations dropped while training" },
  },
  examples: ["abrazo train generation --data ../shared/data --out ./generator --seed 1"],
  run: async ({ flags, ui }) => {
    const { pretrainGeneration } = await import("./train/pretrain-generation.ts");
    const { requireDataset } = await import("./train/inputs.ts");
    const data = requireDataset(flags.data, "--data");
    const out = flags.out ?? (await mkdtemp(join(tmpdir(), "abrazo-generator-")));
    const context = flags.context ?? 128;
    const record = await pretrainGeneration({
      data,
      out,
      reviews: flags.reviews ?? 30_000,
      epochs: flags.epochs ?? 1,
      seed: flags.seed ?? 0,
      vocabSize: flags.vocab ?? 4096,
      dim: flags.dim ?? 192,
      layers: flags.layers ?? 4,
      heads: 6,
      context,
      batchSize: Math.max(1, Math.round((flags["batch-tokens"] ?? 2048) / context)),
      dropout: flags.dropout ?? 0,
      learningRate: flags.lr ?? 1.5e-3,
      maxSteps: flags.steps,
    });
    ui.result(
      { out, evaluations: record.evaluations },
      [...describeRecord(record), `The model is in ${out}`].join("\n"),
    );
  },
});
