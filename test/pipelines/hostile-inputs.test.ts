// Inputs that mean harm or are broken: long texts, half characters, ids of no word, weights that are cut short. Each ends soon, with a
// result or with an error that says why.
import { mkdtempSync, rmSync } from "node:fs";
import { cp, readFile, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PipelineInfo, pipeline } from "../../pipelines/index.ts";
import { AbrazoError } from "../../src/errors.ts";
import { generateSequences } from "../../src/generate/generate.ts";
import { makeDecoder } from "../../src/generate/kv-cache.ts";
import { makeSeq2SeqDecoder } from "../../src/generate/seq2seq-decoder.ts";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import { setLogListener } from "../../src/log.ts";
import { fromConfig, loadPretrained } from "../../src/models/auto.ts";
import { traceModel } from "../../src/models/trace.ts";
import { compileGraph, Generator } from "../../src/tensor/index.ts";
import { LEAST_GPT2, LEAST_T5, tinyClassifier, tinyLanguageModel } from "../support/tiny-models.ts";

const root = mkdtempSync(join(tmpdir(), "abrazo-hostile-"));
const [classifier, judge, writer] = ["classifier", "judge", "writer"].map((name) => join(root, name)) as [
  string,
  string,
  string,
]; // safe because three go in
const open: PipelineInfo[] = [];
beforeAll(async () => {
  await tinyClassifier(classifier);
  await tinyClassifier(judge, { labels: ["contradiction", "neutral", "entailment"] });
  await tinyLanguageModel(writer);
});
afterAll(async () => {
  for (const each of open) await each.dispose();
  rmSync(root, { recursive: true });
});

function kept<Run extends PipelineInfo>(run: Run): Run {
  open.push(run);
  return run;
}

/** Ten million characters: so many words, and one word. */
const LONG = { words: "film ".repeat(2_000_000), word: "x".repeat(10_000_000) };
const SOON = 20_000;

describe.each(Object.entries(LONG))("ten megabytes of %s", (name, text) => {
  it("end soon in every task of texts", { timeout: 4 * SOON }, async () => {
    const [classify, embed, compare, write] = [
      kept(await pipeline("text-classification", classifier)),
      kept(await pipeline("feature-extraction", classifier)),
      kept(await pipeline("zero-shot-classification", judge)),
      kept(await pipeline("text-generation", writer)),
    ];
    const timed = async <Result>(run: () => Promise<Result>): Promise<Result | unknown> => {
      const start = performance.now();
      const result = await run().catch((error: unknown) => error);
      expect(performance.now() - start).toBeLessThan(SOON);
      return result;
    };
    expect(await timed(() => classify(text))).toHaveLength(1);
    expect(await timed(() => embed(text, { pooling: "mean" }))).toMatchObject({ shape: [1, 32] });
    expect(await timed(() => compare(text, ["film", "book"]))).toMatchObject({ labels: expect.any(Array) });
    const written = await timed(() => write(text, { maxNewTokens: 2 }));
    if (name === "word") expect(written).toHaveLength(1);
    else expect(written).toMatchObject({ code: "PROMPT_TOO_LONG", message: expect.stringContaining("2000000 tokens") });
  });
});

describe("texts longer than the model's positions", () => {
  const words =
    "i love this film and it was not dull but a great story and very good but not dull and this book is bad".split(" ");

  it("are cut to what fits, as in Python, which is said once", async () => {
    const classify = kept(await pipeline("text-classification", classifier));
    // 24 positions, of which [CLS] and [SEP] take two.
    const fitting = await classify(words.slice(0, 22).join(" "), { topK: null });
    const said: string[] = [];
    const restore = setLogListener(({ level, message }) => said.push(`${level}: ${message}`));
    expect(await classify(words.join(" "), { topK: null })).toEqual(fitting);
    await classify([words.join(" "), words.join(" ")]);
    expect(await classify(words.slice(0, 21).join(" "), { topK: null })).not.toEqual(fitting);
    restore();
    expect(said).toEqual([expect.stringMatching(/^warn: A text of 26 tokens is cut to the 24 that the model takes/)]);
  });

  it("are refused by a graph that is fed them", async () => {
    const graph = compileGraph(traceModel(await loadPretrained(classifier)));
    const row = { data: new BigInt64Array(40).fill(5n), shape: [1, 40] };
    expect(() => graph.run({ input_ids: row, attention_mask: row })).toThrow(
      expect.objectContaining({ code: "SHAPE_MISMATCH", hint: expect.stringContaining("positions") }),
    );
    graph.dispose();
  });
});

describe("halves of characters", () => {
  const [halves, whole] = ["i love \ud800 this \udc00\ud800 film", "i love \ufffd this \ufffd\ufffd film"];

  it("are read as the character that stands for none", async () => {
    const classify = kept(await pipeline("text-classification", classifier));
    expect(await classify(halves, { topK: null })).toEqual(await classify(whole, { topK: null }));
    const embed = kept(await pipeline("feature-extraction", classifier));
    expect(await (await embed(halves)).tolist()).toEqual(await (await embed(whole)).tolist());
    const write = kept(await pipeline("text-generation", writer));
    const written = async (text: string) =>
      (await write(text, { maxNewTokens: 3, doSample: false, returnFullText: false }))[0];
    expect(await written(halves)).toEqual(await written(whole));
  });
});

describe("ids that are no words", () => {
  const one = BigInt64Array.of(1n);

  it.each([8n, -1n, 2n ** 40n])("%s is refused by decoders, whatever device runs them", async (id) => {
    const wrong = { code: "INDEX_OUT_OF_RANGE", message: expect.stringContaining(`no token ${id}`) };
    const step = { inputIds: BigInt64Array.of(id), attentionMask: one, positionIds: BigInt64Array.of(0n), rows: 1 };
    const decoder = makeDecoder(fromConfig(LEAST_GPT2, new Generator(0)).eval());
    await expect(decoder.start().step(step)).rejects.toMatchObject(wrong);
    const seq2seq = makeSeq2SeqDecoder(fromConfig(LEAST_T5, new Generator(0)).eval());
    expect(() => seq2seq.start({ inputIds: BigInt64Array.of(id), attentionMask: one, rows: 1 })).toThrow(
      expect.objectContaining(wrong),
    );
    const good = seq2seq.start({ inputIds: one, attentionMask: one, rows: 1 });
    await expect(good.step(step)).rejects.toMatchObject(wrong);
    if (id > 0n)
      await expect(generateSequences(decoder, [{ ids: [Number(id)], seed: 0 }])).rejects.toMatchObject(wrong);
    decoder.dispose();
    seq2seq.dispose();
  });

  it("are told of where the tokenizer is that of a larger model", async () => {
    const copy = join(root, "larger");
    await cp(classifier, copy, { recursive: true });
    const tokenizer = JSON.parse(await readFile(join(copy, "tokenizer.json"), "utf8"));
    tokenizer.model.vocab["spaceship"] = 5000;
    await writeFile(join(copy, "tokenizer.json"), JSON.stringify(tokenizer));
    const classify = kept(await pipeline("text-classification", copy));
    await expect(classify("a spaceship")).rejects.toMatchObject({
      code: "INDEX_OUT_OF_RANGE",
      message: expect.stringContaining("5000"),
      hint: expect.stringContaining("tokenizer"),
    });
    expect(await classify("a film")).toHaveLength(1);
  });
});

describe("weights", () => {
  async function copied(name: string): Promise<{ folder: string; path: string }> {
    const folder = join(root, name);
    await cp(classifier, folder, { recursive: true });
    return { folder, path: join(folder, "model.safetensors") };
  }

  it("that are cut short anywhere are refused", async () => {
    const { folder, path } = await copied("cut");
    const whole = await readFile(path);
    for (const length of [0, 7, 8, 9, 200, Math.floor(whole.length / 2), whole.length - 1]) {
      await writeFile(path, whole);
      await truncate(path, length);
      const found = await pipeline("text-classification", folder).catch((error: unknown) => error);
      expect(found, String(length)).toBeInstanceOf(AbrazoError);
      expect(found, String(length)).toMatchObject({ code: "INVALID_SAFETENSORS" });
    }
  });

  it("that lack, are too many or have another shape are told of in one error, with the nearest names", async () => {
    const { folder, path } = await copied("others");
    const changed = [...(await loadPretrained(folder)).namedParameters()].map(([name, parameter]) => ({
      name: name === "classifier.bias" ? "classifier.bais" : name,
      dtype: "F32" as const,
      shape: name === "classifier.weight" ? [...parameter.shape].reverse() : parameter.shape,
      data: parameter.dataSync(),
    }));
    await writeSafetensors(path, changed);
    await expect(pipeline("text-classification", folder)).rejects.toMatchObject({
      code: "STATE_DICT_MISMATCH",
      message: expect.stringMatching(/classifier\.bias[\s\S]*classifier\.bais[\s\S]*classifier\.weight/),
      hint: expect.stringContaining('"classifier.bais" is near "classifier.bias"'),
    });
  });
});
