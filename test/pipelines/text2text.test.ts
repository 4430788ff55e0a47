// The pipelines from text to text against what transformers generates: prefixes and options of the config, beams, batches, bad input.
// The cases come from test/goldens/pipelines/text2text.py.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exportModel, type PipelineInfo, pipeline } from "../../pipelines/index.ts";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import { packageFile } from "../../src/package-root.ts";
import { elements, type ModelCase } from "../support/model-goldens.ts";

interface Call {
  task: "text2text-generation" | "summarization" | "translation_en_to_fr";
  options: object;
  texts: string[];
  result: string[];
}

const golden: Pick<ModelCase, "config" | "tensors"> & { tokenizer: object; tokenizerConfig: object; calls: Call[] } =
  JSON.parse(readFileSync(packageFile("test", "goldens", "pipelines", "text2text.json"), "utf8"));
const FIELDS = {
  "text2text-generation": "generatedText",
  summarization: "summaryText",
  translation_en_to_fr: "translationText",
};

const folder = mkdtempSync(join(tmpdir(), "abrazo-text2text-"));
const open: PipelineInfo[] = [];
beforeAll(async () => {
  await writeFile(join(folder, "config.json"), JSON.stringify(golden.config));
  await writeFile(join(folder, "tokenizer.json"), JSON.stringify(golden.tokenizer));
  await writeFile(join(folder, "tokenizer_config.json"), JSON.stringify(golden.tokenizerConfig));
  const rows = Object.entries(golden.tensors).map(([name, shape]) => {
    const factor = shape.length === 1 ? 1 : 3;
    return { name, dtype: "F32" as const, shape, data: elements(name, shape).map((value) => value * factor) };
  });
  await writeSafetensors(join(folder, "model.safetensors"), rows);
});
afterAll(async () => {
  for (const each of open) await each.dispose();
  rmSync(folder, { recursive: true });
});

type Run = ((input: unknown, options?: object) => Promise<unknown>) & PipelineInfo;

async function load(task: Call["task"] | "translation"): Promise<Run> {
  const run = await pipeline(task, folder);
  open.push(run);
  return run as unknown as Run; // safe because every pipeline is a function; what it takes is this test's matter
}

it.each(golden.calls.map((call) => [`${call.task} ${JSON.stringify(call.options)}`, call] as const))(
  "gives what transformers gives: %s",
  async (_, { task, options, texts, result }) => {
    const run = await load(task);
    const expected = result.map((text) => ({ [FIELDS[task]]: text }));
    const copies = result.length / texts.length;
    const lists = texts.map((__, at) => expected.slice(at * copies, (at + 1) * copies));
    expect(await run(texts, options)).toEqual(copies > 1 ? lists : expected);
    for (const [at, text] of texts.entries()) expect(await run(text, options), text).toEqual(lists[at]);
    expect(await run(texts, { ...options, batchSize: 1 })).toEqual(copies > 1 ? lists : expected);
  },
);

describe("results differ by source and options", () => {
  it("texts are not all one", () => {
    const apart = golden.calls.filter(({ texts, result }) => texts.length > 1 && new Set(result).size > 1);
    expect(apart.length).toBeGreaterThan(3);
  });

  it("languages may be options", async () => {
    const call = golden.calls.find(({ task }) => task === "translation_en_to_fr");
    const run = await load("translation");
    const translated = await run(call?.texts, { srcLang: "en", tgtLang: "fr" });
    expect(translated).toEqual(call?.result.map((translationText) => ({ translationText })));
    await expect(run("a dog", { srcLang: "en", tgtLang: "xx" })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      hint: expect.stringContaining("translation_en_to_fr"),
    });
  });

  it("a prefix of the call goes before that of the config", async () => {
    const [run, plain] = [await load("summarization"), await load("text2text-generation")];
    const options = { numBeams: 1, maxNewTokens: 4 };
    const [given] = (await run("the dog", { ...options, prefix: "" })) as { summaryText: string }[]; // safe because one text gives a list
    expect(await plain("the dog", options)).toEqual([{ generatedText: given?.summaryText }]);
  });

  it("a seed repeats what is drawn", async () => {
    const run = await load("text2text-generation");
    const options = { doSample: true, temperature: 2, maxNewTokens: 8, numReturnSequences: 3 };
    const [first, again, other] = [
      await run("a dog", { ...options, seed: 1 }),
      await run("a dog", { ...options, seed: 1 }),
      await run("a dog", { ...options, seed: 2 }),
    ];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  it("streams come in and go out in order", async () => {
    const run = await load("text2text-generation");
    const call = golden.calls[0];
    async function* texts(): AsyncGenerator<string> {
      yield* call?.texts ?? [];
    }
    const seen: unknown[] = [];
    const stream = run(texts(), call?.options) as unknown as AsyncGenerator<unknown>; // safe because streams give streams
    for await (const result of stream) seen.push(result);
    expect(seen).toEqual(call?.result.map((generatedText) => ({ generatedText })));
  });
});

describe("a folder with ONNX files alone", () => {
  const copy = join(folder, "exported");
  beforeAll(() => exportModel(folder, { out: copy }));

  it.each(golden.calls.map((call) => [`${call.task} ${JSON.stringify(call.options)}`, call] as const))(
    "gives the same: %s",
    async (_, { task, options, texts, result }) => {
      const run = (await pipeline(task, copy)) as unknown as Run; // safe as in load()
      open.push(run);
      expect(run.runtime).toBe("transformers.js");
      const expected = result.map((text) => ({ [FIELDS[task]]: text }));
      expect((await Promise.all(texts.map((text) => run(text, options)))).flat()).toEqual(expected);
      expect([await run(texts, options)].flat(2)).toEqual(expected);
    },
  );

  it("stops between two tokens when it is asked to, in a thread too", async () => {
    for (const worker of [false, true]) {
      const run = (await pipeline("text2text-generation", copy, { worker })) as unknown as Run; // safe as in load()
      open.push(run);
      const endless = { minNewTokens: 5000, maxNewTokens: 5000, signal: AbortSignal.timeout(300) };
      await expect(run("a dog", endless)).rejects.toMatchObject({ name: "TimeoutError" });
      expect(await run("a dog", { maxNewTokens: 2 })).toHaveLength(1);
    }
  });

  it("is handed on whole where its tokenizer puts languages into texts: results are those of transformers.js", async () => {
    const languages = join(folder, "languages");
    await cp(copy, languages, { recursive: true });
    const config = { ...golden.tokenizerConfig, tokenizer_class: "MarianTokenizer" };
    await writeFile(join(languages, "tokenizer_config.json"), JSON.stringify(config));
    const run = (await pipeline("translation", languages)) as unknown as Run; // safe as in load()
    open.push(run);
    const { pipeline: theirPipeline } = await import("@huggingface/transformers");
    const theirs = await theirPipeline("translation", languages, { dtype: "fp32" });
    const texts = golden.calls[0]?.texts ?? [];
    const wanted = [];
    for (const text of texts) {
      const [written] = (await theirs(text, { max_new_tokens: 5 })) as { translation_text: string }[]; // safe because a text gives a list
      wanted.push({ translationText: written?.translation_text });
    }
    expect(await run(texts, { maxNewTokens: 5 })).toEqual(wanted);
    expect(await run(texts[0], { maxNewTokens: 5, signal: new AbortController().signal })).toEqual(wanted.slice(0, 1));
    await expect(run("a dog", { numBeams: 3 })).rejects.toMatchObject({ code: "UNKNOWN_OPTION" });
    await theirs.dispose();
  });
});

describe("refuses", () => {
  it("texts that are too long where they must not be cut", async () => {
    const run = await load("text2text-generation");
    const long = "a dog ".repeat(20);
    await expect(run(long, { truncation: false })).rejects.toMatchObject({ code: "PROMPT_TOO_LONG" });
    expect(await run(long, { maxNewTokens: 2 })).toHaveLength(1);
  });

  it("options that change nothing, are unknown, or belong to another task", async () => {
    const run = await load("summarization");
    await expect(run("a dog", { topK: 3, numBeams: 1 })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining("topK changes nothing"),
    });
    await expect(run("a dog", { maxTokens: 3 })).rejects.toMatchObject({ code: "UNKNOWN_OPTION" });
    await expect(run("a dog", { srcLang: "en" })).rejects.toMatchObject({ code: "UNKNOWN_OPTION" });
    await expect(run(3)).rejects.toMatchObject({ code: "INVALID_INPUT" });
  });

  it("models that only continue texts", async () => {
    await expect(pipeline("text-generation", folder)).rejects.toMatchObject({ code: "WRONG_TASK" });
    await expect(pipeline("summarization", "pipelines/defaults/text-generation")).rejects.toMatchObject({
      code: "WRONG_TASK",
    });
  });
});
