// abrazo prune: what is written, what is measured of it, what it says, and what it refuses before it writes.
import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { evaluateModel } from "../../src/cli/evaluate.ts";
import { type PruneFolderOptions, pruneFolder } from "../../src/cli/prune.ts";
import { readHeader } from "../../src/io/safetensors.ts";
import { trainingRecordSchema } from "../../src/io/training-record.ts";
import { loadClass, loadPretrained, savePretrained } from "../../src/models/auto.ts";
import { packageFile } from "../../src/package-root.ts";
import { Tokenizer } from "../../src/text/tokenizer.ts";
import { negativeLogLikelihood } from "../../src/train/language-model.ts";
import { runCli } from "../support/cli.ts";
import { tinyClassifier, tinyLanguageModel } from "../support/tiny-models.ts";

const SHIPPED = packageFile("pipelines", "defaults", "text-classification");
const SENTENCES = packageFile("test", "fixtures", "plain-sentiment.tsv");
const TEXTS = ["this film was good", "a very dull story and it was bad", "i love this great book", "but", ""];

describe("prune", () => {
  let root: string;
  let texts: string;
  let writer: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "abrazo-pruned-"));
    texts = join(root, "texts.txt");
    await writeFile(texts, TEXTS.join("\r\n"));
    writer = await tinyLanguageModel(join(root, "writer"));
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  const options = (more: Partial<PruneFolderOptions>): PruneFolderOptions => ({
    ...{ folder: SHIPPED, out: join(root, "out"), heads: 0, neurons: 0, layers: 0 },
    ...{ examples: 256, batchTokens: 1024, device: "cpu", ...more },
  });

  it("a classifier: smaller files, scores that evaluation finds again, a card that says so", async () => {
    const out = join(root, "smaller");
    const result = await pruneFolder(options({ out, heads: 0.25, neurons: 0.5, dataset: SENTENCES, examples: 20 }));
    expect(result).toMatchObject({
      ...{ removed: { layers: [], heads: 2, neurons: 768 }, of: { layers: 2, heads: 8, neurons: 1536 } },
      ...{ examples: { importance: 20, score: 60 }, loadsInPython: false, device: "cpu" },
    });
    const smaller = await loadPretrained(out);
    expect(result.parameters).toEqual({
      before: (await loadPretrained(SHIPPED)).parameterCount(),
      after: smaller.parameterCount(),
    });
    expect(result.bytes.after).toBe((await stat(join(out, "model.safetensors"))).size);
    expect(result.bytes.after).toBeLessThan(result.bytes.before - 4 * 300_000);
    for (const [folder, score] of [
      [SHIPPED, result.before],
      [out, result.after],
    ] as const) {
      const copy = join(root, `copy-${folder === out}`);
      await cp(folder, copy, { recursive: true });
      const { evaluations } = await evaluateModel({ folder: copy, dataset: SENTENCES, quantized: false });
      expect(score.accuracy).toBeCloseTo(evaluations[0]?.value ?? Number.NaN, 6);
    }
    expect(result.seconds.ratio).toBeCloseTo(result.seconds.after / result.seconds.before, 6);
    expect(result.seconds.rounds).toBeGreaterThanOrEqual(3);
    const record = trainingRecordSchema.parse(JSON.parse(await readFile(join(out, "training-record.json"), "utf8")));
    expect(record.evaluations.map(({ metric, value }) => [metric, value])).toEqual([
      ["accuracy", result.after.accuracy],
      ["loss", result.after.loss],
    ]);
    expect(record).not.toHaveProperty("bias");
    expect(record).toMatchObject({
      ...{ command: "abrazo train sentiment", hyperparameters: { prunedHeads: 0.25, prunedNeurons: 0.5 } },
      model: { parameters: result.parameters.after },
    });
    const card = await readFile(join(out, "README.md"), "utf8");
    expect(card).toContain("2 of 8 heads, 768 of 1536 neurons went.");
    expect(card).toContain("Python does not load it");
    expect(card).toContain("Bias was not measured.");
  });

  it("a language model: layers, by other texts than those of the score, without a record before", async () => {
    const [out, score] = [join(root, "shorter"), join(root, "score.txt")];
    await writeFile(score, ["this book is good", "it is a very good story"].join("\n"));
    const result = await pruneFolder(options({ folder: writer, out, layers: 1, neurons: 0.25, texts, score }));
    const [removed, of] = [
      { heads: 0, neurons: 32 },
      { layers: 2, heads: 4, neurons: 128 },
    ];
    expect(result).toMatchObject({ removed, of, examples: { importance: 3, score: 2 }, loadsInPython: true });
    const model = await loadPretrained(out);
    expect(model.config).toMatchObject({ n_layer: 1, n_inner: 96 });
    const tokenizer = await Tokenizer.fromFolder(out);
    const rows = ["this book is good", "it is a very good story"].map((text) =>
      Int32Array.from(tokenizer.encode(text)),
    );
    const sum = rows.reduce(
      (total, ids) => total + negativeLogLikelihood(model, ids, { context: 32, device: "cpu" }),
      0,
    );
    const tokens = rows.reduce((total, ids) => total + ids.length - 1, 0);
    expect(result.after.perplexity).toBeCloseTo(Math.exp(sum / tokens), 3);
    const record = JSON.parse(await readFile(join(out, "training-record.json"), "utf8"));
    expect(record).toMatchObject({ command: "abrazo prune", task: "text-generation", steps: 0, datasets: [] });
    expect(record.evaluations[0]).toMatchObject({ metric: "perplexity", dataset: { name: "score.txt" }, count: 2 });
    expect(record.notes.join(" ")).toMatch(
      /1 of 2 layers \(transformer\.h\.[01]\), 32 of the remaining 128 neurons went\./,
    );
    expect(record.notes.join(" ")).toContain("What went was chosen by 3 examples, of texts.txt.");
  });

  it("weights of half precision stay so", async () => {
    const [half, out] = [join(root, "half"), join(root, "half-smaller")];
    await cp(writer, half, { recursive: true });
    await savePretrained((await loadClass(writer)).half(), half);
    const { bytes } = await pruneFolder(options({ folder: half, out, neurons: 0.5, texts }));
    const { tensors } = await readHeader(join(out, "model.safetensors"));
    expect(new Set([...tensors.values()].map(({ dtype }) => dtype))).toEqual(new Set(["F16"]));
    expect(bytes.after).toBeLessThan(bytes.before);
  });

  it("says it in words, and as one document", async () => {
    const folder = await tinyClassifier(join(root, "tiny"));
    const out = join(root, "words");
    const args = ["prune", folder, "--layers", "1", "--dataset", SENTENCES, "--out", out];
    const said = await runCli(args, { home: root });
    expect(said.stdout).toMatch(
      /^Pruned from tiny without training afterwards: 1 of 2 layers \(distilbert\.transformer\.layer\.[01]\) went\.\nAccuracy 0\.\d{4} before, 0\.\d{4} after; loss .* on 60 examples of plain-sentiment\.tsv\.\nWhat went was chosen by 60 examples, also by those it is scored on\.\nParameters: .*\nA pass over the examples took \d\.\d\d of the time before \(cpu, each batch's fastest of \d rounds in turns\)\.\nThe model is in /,
    );
    expect(said.status).toBe(0);
    const made = await runCli(["--json", ...args], { home: root });
    expect(JSON.parse(made.stdout)).toMatchObject({
      out,
      removed: { heads: 0 },
      of: { layers: 2 },
      loadsInPython: true,
    });
  });

  it("refuses what it cannot measure or take out before it writes", async () => {
    const [one, out] = [join(root, "one.tsv"), join(root, "refused")];
    await writeFile(one, "text\tlabel\nfine\t1\n");
    const short = join(root, "short.txt");
    await writeFile(short, "but\n\nbad\n");
    const refused = (more: Partial<PruneFolderOptions>) => pruneFolder(options({ out, ...more }));
    await expect(refused({ dataset: one, neurons: 0.5 })).rejects.toMatchObject({ code: "DATASET_TOO_SMALL" });
    await expect(refused({ folder: writer, texts: short, neurons: 0.5 })).rejects.toMatchObject({
      code: "DATASET_TOO_SMALL",
    });
    await expect(refused({ folder: writer, dataset: SENTENCES, neurons: 0.5 })).rejects.toMatchObject({
      code: "NOT_MEASURABLE",
      hint: "Name --texts FILE.",
    });
    await expect(refused({ texts, neurons: 0.5 })).rejects.toMatchObject({ hint: "Name --dataset FILE." });
    await expect(refused({ out: SHIPPED, dataset: SENTENCES, neurons: 0.5 })).rejects.toMatchObject({
      code: "SAME_FOLDER",
    });
    await expect(refused({ dataset: SENTENCES, layers: 2 })).rejects.toMatchObject({ code: "INVALID_OPTION" });
    expect(await readdir(root)).not.toContain("refused");
  });

  it.each([
    [["--dataset", SENTENCES, "--out", "x"], "There is nothing to take out."],
    [["--heads", "0.5", "--out", "x"], "Pruning needs examples to measure on."],
    [["--heads", "0.5", "--dataset", SENTENCES], "--out is missing."],
    [["--heads", "1.5", "--dataset", SENTENCES, "--out", "x"], "--heads takes a number from 0 to 0.99"],
    [["--head", "0.5"], "Did you mean --heads?"],
    [["--heads", "0.5", "--dataset", "none.tsv", "--out", "x"], "--dataset: there is no none.tsv."],
  ])("tells a mistake in %j", async (flags, message) => {
    const said = await runCli(["prune", SHIPPED, ...flags], { home: root });
    expect(said).toMatchObject({ status: 2, stderr: expect.stringContaining(message) });
  });
});
