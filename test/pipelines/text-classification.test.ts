// pipeline("text-classification") on a tiny model: shapes of results, options, batching, engines, bad input.
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import { type Classification, exportModel, pipeline, type TextClassificationPipeline } from "../../pipelines/index.ts";
import { AutoModel, AutoModelForSequenceClassification, AutoTokenizer, Generator } from "../../src/index.ts";
import { setLogListener } from "../../src/log.ts";
import { dataPath } from "../support/data.ts";
import { tinyClassifier, tinyLanguageModel } from "../support/tiny-models.ts";

let root: string;
let folder: string;
const made: { dispose(): Promise<void> }[] = [];

async function classifier(...[model, options]: [string?, Parameters<typeof pipeline>[2]?]) {
  const classify = await pipeline("sentiment-analysis", model ?? folder, options);
  made.push(classify);
  return classify;
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "abrazo-classify-"));
  folder = await tinyClassifier(join(root, "plain"));
});
afterAll(async () => {
  for (const each of made) await each.dispose();
  await rm(root, { recursive: true });
});

const TEXTS = ["i love this book", "the film was bad and very dull but it is a great story", "not good", "great"];

describe("results", () => {
  it("one text gives a list of one, many texts one each", async () => {
    const classify = await classifier();
    const one = await classify(TEXTS[0] ?? "");
    const many = await classify(TEXTS);
    expect(one).toEqual([many[0]]);
    expect(many).toHaveLength(TEXTS.length);
    expectTypeOf(classify).toExtend<TextClassificationPipeline>();
    expectTypeOf(one).toEqualTypeOf<Classification[]>();
    for (const { label, score } of many) {
      expect(["NEGATIVE", "POSITIVE"]).toContain(label);
      expect(score).toBeGreaterThanOrEqual(0.5);
      expect(score).toBeLessThanOrEqual(1);
    }
    expect(new Set(many.map(({ score }) => score)).size, "the model tells texts apart").toBe(TEXTS.length);
    expect(await classify([])).toEqual([]);
  });

  it("topK gives a list for each text, best first", async () => {
    const classify = await classifier();
    const lists = await classify(TEXTS, { topK: null });
    expectTypeOf(lists).toEqualTypeOf<Classification[][]>();
    for (const list of lists) {
      expect(list.map(({ score }) => score).reduce((a, b) => a + b)).toBeCloseTo(1, 6);
      expect(list[0]?.score).toBeGreaterThanOrEqual(list[1]?.score ?? 1);
    }
    expect(await classify(TEXTS, { topK: 1 })).toEqual(lists.map((list) => list.slice(0, 1)));
    expect(await classify(TEXTS[1] ?? "", { topK: 2 })).toEqual(lists[1]);
    expect(await classify(TEXTS[1] ?? "", { topK: 99 })).toEqual(lists[1]);
  });

  it("does not depend on batches or order", async () => {
    const classify = await classifier();
    const many = Array.from({ length: 150 }, (_, at) => `${TEXTS[at % 4]} ${TEXTS[(at * 7) % 4]}`.slice(at % 9));
    const whole = await classify(many);
    for (const at of [0, 1, 77, 149]) {
      const [alone] = await classify(many[at] ?? "");
      expect(whole[at]?.label).toBe(alone?.label);
      expect(whole[at]?.score).toBeCloseTo(alone?.score ?? 0, 5);
    }
    const single = await classify(many, { batchSize: 1 });
    for (const [at, { score }] of single.entries()) expect(whole[at]?.score).toBeCloseTo(score, 5);
  });

  it("takes texts longer than the model, and empty ones", async () => {
    const classify = await classifier();
    const long = TEXTS.join(" ").repeat(50);
    expect(await classify([long, ""])).toHaveLength(2);
  });
});

describe("functionToApply", () => {
  it("is softmax for one of several labels, and as asked", async () => {
    const classify = await classifier();
    const [logits = []] = await classify(["great"], { topK: null, functionToApply: "none" });
    const [sigmoid = []] = await classify(["great"], { topK: null, functionToApply: "sigmoid" });
    const [softmax = []] = await classify(["great"], { topK: null });
    const total = logits.reduce((sum, { score }) => sum + Math.exp(score), 0);
    for (const [at, { score }] of logits.entries()) {
      expect(sigmoid[at]?.score).toBeCloseTo(1 / (1 + Math.exp(-score)), 6);
      expect(softmax[at]?.score).toBeCloseTo(Math.exp(score) / total, 6);
    }
  });

  it.each([
    { name: "one label", labels: ["TOXIC"], expected: "sigmoid" },
    { name: "several at once", problem_type: "multi_label_classification", expected: "sigmoid" },
    { name: "a regression", problem_type: "regression", labels: ["STARS"], expected: "none" },
  ] as const)("follows the model: $name", async ({ expected, name: _, ...options }) => {
    const classify = await classifier(await tinyClassifier(join(root, `${expected}-${_}`), options));
    const given = await classify(TEXTS, { topK: null });
    expect(given).toEqual(await classify(TEXTS, { topK: null, functionToApply: expected }));
    expect(given).not.toEqual(await classify(TEXTS, { topK: null, functionToApply: "softmax" }));
  });
});

describe("engines", () => {
  it("bert runs, too", async () => {
    const classify = await classifier(await tinyClassifier(join(root, "bert"), { modelType: "bert" }));
    expect(classify.runtime).toBe("native");
    expect(await classify(TEXTS)).toHaveLength(4);
  });

  it("a folder with ONNX files alone runs through transformers.js, with the same results", async () => {
    const out = join(root, "onnx-only");
    await exportModel(folder, { out });
    const [ours, theirs] = [await classifier(), await classifier(out)];
    expect([ours.runtime, theirs.runtime]).toEqual(["native", "transformers.js"]);
    const [a, b] = [await ours(TEXTS, { topK: null }), await theirs(TEXTS, { topK: null })];
    for (const [at, list] of a.entries()) {
      for (const [place, { label, score }] of list.entries()) {
        expect(b[at]?.[place]?.label).toBe(label);
        expect(b[at]?.[place]?.score).toBeCloseTo(score, 5);
      }
    }
  });
});

describe("bad input", () => {
  it("names the nearest task, option and value", async () => {
    const classify = await classifier();
    // safe because the point is what happens without the types
    const untyped = classify as unknown as (...args: unknown[]) => Promise<unknown>;
    const make = pipeline as unknown as (...args: unknown[]) => Promise<unknown>;
    await expect(make("sentiment-analisis")).rejects.toMatchObject({
      code: "UNKNOWN_TASK",
      hint: 'Did you mean "sentiment-analysis"?',
    });
    await expect(make("sentiment-analysis", folder, { devise: "cpu" })).rejects.toMatchObject({
      code: "UNKNOWN_OPTION",
      hint: 'Did you mean "device"?',
    });
    await expect(untyped("x", { top_k: 2 })).rejects.toMatchObject({
      code: "UNKNOWN_OPTION",
      hint: 'Did you mean "topK"?',
    });
    await expect(untyped("x", { topK: 0 })).rejects.toMatchObject({ code: "INVALID_OPTION" });
    await expect(make("sentiment-analysis", folder, { device: "tpu" })).rejects.toMatchObject({
      code: "INVALID_OPTION",
    });
    await expect(untyped(["x", 3])).rejects.toThrow(/number at place 1/);
    await expect(untyped(null)).rejects.toMatchObject({ code: "INVALID_INPUT" });
  });

  it("says that a model does another task", async () => {
    const other = await tinyLanguageModel(join(root, "lm"));
    await expect(classifier(other)).rejects.toMatchObject({ code: "WRONG_TASK" });
  });

  it("says what a folder lacks", async () => {
    await expect(classifier(join(root, "nothing"))).rejects.toMatchObject({ code: "MODEL_NOT_FOUND" });
    for (const file of ["config.json", "model.safetensors", "tokenizer.json"]) {
      const broken = join(root, `without-${file}`);
      await cp(folder, broken, { recursive: true });
      await rm(join(broken, file));
      await expect(classifier(broken)).rejects.toMatchObject({
        code: "FILE_MISSING",
        message: expect.stringContaining(file),
      });
    }
  });

  it("refuses damaged JSON and weights with an error that names the file", async () => {
    for (const file of ["config.json", "tokenizer.json", "tokenizer_config.json"]) {
      const broken = join(root, `damaged-${file}`);
      await cp(folder, broken, { recursive: true });
      await writeFile(join(broken, file), '{"model_type": ');
      await expect(classifier(broken)).rejects.toMatchObject({
        code: "INVALID_JSON",
        message: expect.stringContaining(file),
      });
    }
    const cut = join(root, "cut");
    await cp(folder, cut, { recursive: true });
    const weights = await readFile(join(folder, "model.safetensors"));
    await writeFile(join(cut, "model.safetensors"), weights.subarray(0, weights.length - 100));
    await expect(classifier(cut)).rejects.toMatchObject({ code: "INVALID_SAFETENSORS" });
  });

  it("lists weights that do not belong to the config", async () => {
    const wrong = await tinyClassifier(join(root, "wrong"), { labels: ["A", "B", "C"] });
    await cp(join(folder, "model.safetensors"), join(wrong, "model.safetensors"));
    await expect(classifier(wrong)).rejects.toThrow(/classifier\.weight/);
  });

  const vectors = dataPath("fixtures", "safetensors", "vectors", "expected.json");
  it.skipIf(vectors === undefined)(
    "refuses every malformed vector (needs ABRAZO_DATA/fixtures/safetensors)",
    async () => {
      const { cases }: { cases: { file: string; valid?: boolean; rejected?: unknown }[] } = JSON.parse(
        await readFile(vectors ?? "", "utf8"),
      );
      const broken = join(root, "vectors");
      await cp(folder, broken, { recursive: true });
      for (const { file } of cases) {
        await cp(dataPath("fixtures", "safetensors", "vectors", file) ?? "", join(broken, "model.safetensors"), {
          force: true,
        });
        const error = await classifier(broken).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        expect(error, file).toMatchObject({ name: "AbrazoError" });
        expect(["INVALID_SAFETENSORS", "STATE_DICT_MISMATCH", "UNSUPPORTED_DTYPE"], file).toContain(
          (error as { code: string }).code,
        );
        await rm(join(broken, "model.safetensors"), { force: true });
      }
    },
  );

  it("a disposed pipeline says so", async () => {
    const classify = await classifier();
    await classify.dispose();
    await classify.dispose();
    await expect(async () => classify("x")).rejects.toMatchObject({ code: "PIPELINE_DISPOSED" });
  });
});

describe("a task's default model", () => {
  it("is announced in one warning that names model and revision, or is missing with what to do", async () => {
    const records: string[] = [];
    const restore = setLogListener(({ level, message }) => records.push(`${level}: ${message}`));
    try {
      const classify = await pipeline("sentiment-analysis");
      made.push(classify);
      expect(records).toHaveLength(1);
      expect(records[0]).toMatch(/^warn: No model was supplied, defaulted to abrazo\/sentiment and revision v\d/);
      expect(records[0]).toContain("is not recommended");
      expect(await classify("I love this book!")).toMatchObject([{ label: "POSITIVE" }]);
    } catch (error) {
      expect(error).toMatchObject({ code: "NO_DEFAULT_MODEL" });
    } finally {
      restore();
    }
  });
});

describe("a model of one's own", () => {
  it("runs with its tokenizer, as it is now, and gives what its folder gives", async () => {
    const [model, tokenizer] = [
      await AutoModelForSequenceClassification.fromPretrained(folder),
      await AutoTokenizer.fromPretrained(folder),
    ];
    const classify = await pipeline("text-classification", model, { tokenizer });
    made.push(classify);
    expect(classify.model).toBe("DistilBertForSequenceClassification");
    expect(await classify(TEXTS)).toEqual(await (await classifier())(TEXTS));
    const trained = AutoModelForSequenceClassification.fromConfig(model.config, new Generator(3)).train();
    const other = await pipeline("text-classification", trained, { tokenizer });
    made.push(other);
    expect(await other(TEXTS)).toEqual(await other(TEXTS));
    expect(await other(TEXTS)).not.toEqual(await classify(TEXTS));
  });

  it("without a tokenizer, of another kind or in a worker is refused", async () => {
    const [model, tokenizer] = [await AutoModel.fromPretrained(folder), await AutoTokenizer.fromPretrained(folder)];
    await expect(pipeline("text-classification", model, { tokenizer })).rejects.toMatchObject({ code: "WRONG_TASK" });
    await expect(pipeline("feature-extraction", model)).rejects.toMatchObject({ code: "MISSING_OPTION" });
    const apart = { tokenizer, worker: true } as const;
    const untyped = pipeline as unknown as (...args: unknown[]) => Promise<unknown>; // safe because the types refuse a model in a worker
    await expect(untyped("feature-extraction", model, apart)).rejects.toMatchObject({ code: "INVALID_OPTION" });
    await expect(untyped("text-classification", folder, apart)).rejects.toMatchObject({ code: "INVALID_OPTION" });
    await expect(untyped("feature-extraction", model, { tokenizer: {} })).rejects.toMatchObject({
      code: "INVALID_OPTION",
    });
  });
});
