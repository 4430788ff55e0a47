// ViT and CLIP beyond their outputs: a step of training, fresh weights, checkpoints of other days, pictures that do not fit.
// What outputs they give, goldens.test.ts holds; numbers come from test/goldens/models/vision.py.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import type { AnyModel, BaseConfig } from "../../src/models/architecture.ts";
import { buildModel, loadClass, savePretrained } from "../../src/models/auto.ts";
import { CLIPModel } from "../../src/models/clip.ts";
import { CLIPTextModel, CLIPTextModelWithProjection } from "../../src/models/clip-text.ts";
import { CLIPVisionModel } from "../../src/models/clip-vision.ts";
import { ViTForImageClassification, ViTModel } from "../../src/models/vit.ts";
import { functional as F } from "../../src/nn/index.ts";
import { packageFile } from "../../src/package-root.ts";
import { Generator, noGrad, type Tensor, tensor, zeros } from "../../src/tensor/index.ts";
import { dataPath } from "../support/data.ts";
import { elements, MODEL_CASES, type ModelCase, writeCheckpoint } from "../support/model-goldens.ts";

interface Golden {
  training: Pick<ModelCase, "config" | "tensors"> & {
    pixelValues: number[][][][];
    labels: number[];
    loss: number;
    norms: Record<string, number>;
  };
  starts: {
    config: ModelCase["config"];
    scale: number | null;
    deviations: Record<string, number>;
    constants: Record<string, number>;
  }[];
}

const golden: Golden = JSON.parse(readFileSync(packageFile("test", "goldens", "models", "vision.json"), "utf8"));
const scratch = mkdtempSync(join(tmpdir(), "abrazo-vision-"));
afterAll(() => rmSync(scratch, { recursive: true }));
const fresh = (): string => mkdtempSync(join(scratch, "model-"));

/** The model as the class that it is. */
function as<Model extends AnyModel>(model: AnyModel, made: new (...given: never[]) => Model): Model {
  if (model instanceof made) return model;
  throw new Error(`${model.constructor.name} is no ${made.name}`);
}

const caseOf = (name: string): ModelCase => {
  const found = MODEL_CASES.find(({ config }) => config.architectures[0] === name);
  if (found === undefined) throw new Error(`no case of ${name}`);
  return found;
};
const numbers = (x: Tensor): number[] => [...x.dataSync()].map(Number);

function expectClose(actual: readonly number[], wanted: readonly number[], tolerance = 1e-4): void {
  expect(actual).toHaveLength(wanted.length);
  for (const [at, value] of wanted.entries()) {
    expect(Math.abs((actual[at] ?? Number.NaN) - value)).toBeLessThan(tolerance * Math.max(1, Math.abs(value)));
  }
}

const folder = dataPath("models", "tiny-random-vit");
const why = folder === undefined ? " (skipped: ABRAZO_DATA holds no such model)" : "";
it.skipIf(folder === undefined)(`gives transformers' logits for a checkpoint that it wrote${why}`, async () => {
  const model = as(await loadClass(folder ?? ""), ViTForImageClassification);
  const waves = Float32Array.from({ length: 2 * 784 }, (_, at) => Math.sin(0.37 * at));
  const { logits } = noGrad(() =>
    model({
      pixelValues: tensor([...waves])
        .to("float32")
        .reshape([2, 1, 28, 28]),
    }),
  );
  const expected: { logits: { data: number[] } } = JSON.parse(
    readFileSync(join(folder ?? "", "expected.json"), "utf8"),
  );
  expectClose(numbers(logits), expected.logits.data);
});

it("has PyTorch's loss and gradients in a step of training", async () => {
  const { training } = golden;
  const checkpoint = await writeCheckpoint({ ...training, note: "", inputs: {}, outputs: {} }, fresh());
  const model = as(await loadClass(checkpoint), ViTForImageClassification);
  model.requiresGrad_(true).train();
  const { logits } = model({ pixelValues: tensor(training.pixelValues, { dtype: "float32" }) });
  const loss = F.crossEntropy(logits, tensor(training.labels, { dtype: "int64" }));
  loss.backward();
  expectClose(numbers(loss), [training.loss], 1e-5);
  const norms = new Map(
    [...model.namedParameters()].map(([name, { grad }]) => [name, Math.hypot(...(grad == null ? [] : numbers(grad)))]),
  );
  expect([...norms.keys()].sort()).toEqual(Object.keys(training.norms).sort());
  for (const [name, norm] of Object.entries(training.norms)) {
    expect(Math.abs((norms.get(name) ?? Number.NaN) - norm), name).toBeLessThan(1e-4 * Math.max(1, norm));
  }
});

describe("starts as transformers starts", () => {
  it.each(golden.starts.map((row) => [row.config.architectures[0] ?? "", row] as const))("%s", (name, row) => {
    const model = buildModel(row.config, name);
    model.initialize(new Generator(7));
    const weights = new Map([...model.namedParameters()].map(([at, weight]) => [at, numbers(weight)]));
    for (const [at, wanted] of Object.entries(row.deviations)) {
      const values = weights.get(at) ?? [];
      const deviation = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
      // Both are estimates from a thousand numbers or more.
      expect(Math.abs(deviation / wanted - 1), at).toBeLessThan(0.12);
    }
    for (const [at, wanted] of Object.entries(row.constants)) {
      expect(
        weights.get(at)?.every((value) => value === wanted),
        at,
      ).toBe(true);
    }
    if (row.scale !== null) expectClose(weights.get("logit_scale") ?? [], [row.scale], 1e-6);
  });
});

const pixels = (side: number, channels = 3): Tensor => zeros([1, channels, side, side]);

describe("pictures that do not fit are refused with both sizes", () => {
  const message = (given: string) => `Input image size [${given}] doesn't match model [B, 3, 8, 8].`;

  it.each(["ViTModel", "CLIPVisionModel"])("by %s", (name) => {
    const call = buildModel(caseOf(name).config, name) as unknown as (inputs: { pixelValues: Tensor }) => unknown; // safe because both take pictures
    expect(() => call({ pixelValues: pixels(12) })).toThrow(message("1, 3, 12, 12"));
    expect(() => call({ pixelValues: pixels(8, 1) })).toThrow(message("1, 1, 8, 8"));
    expect(() => call({ pixelValues: zeros([3, 8, 8]) })).toThrow(message("3, 8, 8"));
  });
});

describe("configs", () => {
  const { config } = caseOf("ViTModel");
  const build = (changes: object) => () => buildModel({ ...config, ...changes } as BaseConfig, "ViTModel"); // safe because the config's schema judges it

  it("may write a square with two numbers", () => {
    const model = buildModel({ ...config, image_size: [8, 8], patch_size: [4, 4] }, "ViTModel");
    expect(model.config["image_size"]).toBe(8);
  });

  it("are refused where heads, patches or shapes do not fit", () => {
    expect(build({ image_size: [8, 12] })).toThrow("image_size: has to be one number from 1 on, or two equal ones");
    expect(build({ patch_size: 16 })).toThrow("patch_size: is larger than image_size");
    expect(build({ num_attention_heads: 5 })).toThrow("num_attention_heads: does not divide hidden_size");
    expect(build({ hidden_act: "swosh" })).toThrow('There is no activation "swosh".');
    const clip = { model_type: "clip", text_config: { num_attention_heads: 7 } };
    expect(() => buildModel(clip, "CLIPModel")).toThrow("text_config.num_attention_heads: does not divide hidden_size");
  });

  it("of CLIP that write a tower twice count the second time", () => {
    const { config: both } = caseOf("CLIPModel");
    const written = { ...both, text_config: { hidden_size: 4 }, text_config_dict: both["text_config"] };
    const model = as(buildModel(written, "CLIPModel"), CLIPModel);
    expect(model.text_model.embeddings.token_embedding.weight.shape).toEqual([24, 16]);
    expect(model.config).not.toHaveProperty("text_config_dict");
  });

  it("of CLIP that say nothing have the sizes of its first model", () => {
    const tower = buildModel({ model_type: "clip_vision_model", num_hidden_layers: 1 }, "CLIPVisionModel");
    expect(tower.config).toMatchObject({ hidden_size: 768, image_size: 224, patch_size: 32 });
  });
});

describe("checkpoints of other days", () => {
  /** A checkpoint of a case with tensors that its model has not. */
  async function withMore(
    row: ModelCase,
    at: string,
    rename: (name: string) => string,
    more: Record<string, number[]>,
  ) {
    const tensors = Object.entries(row.tensors).map(([name, shape]) => {
      return { name: rename(name), dtype: "F32" as const, shape, data: elements(name, shape) };
    });
    const extra = Object.entries(more).map(([name, values]) => {
      return { name, dtype: "I64" as const, shape: [1, values.length], data: BigInt64Array.from(values, BigInt) };
    });
    await writeCheckpoint(row, at);
    await writeSafetensors(join(at, "model.safetensors"), [...tensors, ...extra]);
    return at;
  }

  it("call a tower by its name also where it is alone, and keep places", async () => {
    const row = caseOf("CLIPTextModel");
    const places = { "text_model.embeddings.position_ids": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11] };
    const at = await withMore(row, fresh(), (name) => `text_model.${name}`, places);
    const model = as(await loadClass(at), CLIPTextModel);
    const [inputIds, attentionMask] = [row.inputs.inputIds, row.inputs.attentionMask].map(
      (rows = []) => tensor(rows as number[][], { dtype: "int64" }), // safe because ids are rows of numbers
    );
    if (inputIds === undefined || attentionMask === undefined) throw new Error("a case of texts has ids");
    const output = noGrad(() => model({ inputIds, attentionMask }));
    expectClose(numbers(output.poolerOutput), row.outputs.poolerOutput?.data ?? []);
    const positionIds = tensor([[0, 1, 2, 3, 4, 5]], { dtype: "int64" });
    expectClose(
      numbers(noGrad(() => model({ inputIds, attentionMask, positionIds })).poolerOutput),
      numbers(output.poolerOutput),
    );
  });

  it("give their towers one by one", async () => {
    const row = caseOf("CLIPModel");
    const both = await writeCheckpoint(row, fresh());
    const whole = as(await loadClass(both), CLIPModel);
    const text = as(await loadClass(both, () => "CLIPTextModelWithProjection"), CLIPTextModelWithProjection);
    const vision = as(await loadClass(both, () => "CLIPVisionModel"), CLIPVisionModel);
    expect(numbers(text.text_projection.weight)).toEqual(numbers(whole.text_projection.weight));
    expect(numbers(vision.embeddings.class_embedding)).toEqual(numbers(whole.vision_model.embeddings.class_embedding));
    expect(text.config.model_type).toBe("clip_text_model");
    // A tower that is saved is a repository of its own.
    const out = fresh();
    await savePretrained(text, out);
    const again = as(await loadClass(out), CLIPTextModelWithProjection);
    expect(numbers(again.text_projection.weight)).toEqual(numbers(whole.text_projection.weight));
  });

  it("give a classifier the body of pretraining, and the other way round", async () => {
    const body = await writeCheckpoint(caseOf("ViTModel"), fresh());
    const classifier = as(await loadClass(body, () => "ViTForImageClassification"), ViTForImageClassification);
    const bare = as(await loadClass(body), ViTModel);
    expect(numbers(classifier.vit.embeddings.cls_token)).toEqual(numbers(bare.embeddings.cls_token));
    const trained = await writeCheckpoint(caseOf("ViTForImageClassification"), fresh());
    const taken = as(await loadClass(trained, () => "ViTModel"), ViTModel);
    expect(numbers(taken.embeddings.cls_token)).toEqual([...elements("vit.embeddings.cls_token", [1, 1, 16])]);
  });
});
