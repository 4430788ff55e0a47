// What transformers.js 4.3 gets wrong, each as its users met it: here it is right. Where another file looks closer, the name says which.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type PipelineInfo, pipeline } from "../../pipelines/index.ts";
import { buildModel, loadPretrained } from "../../src/models/auto.ts";
import { Gpt2LMHeadModel } from "../../src/models/gpt2.ts";
import { Generator } from "../../src/tensor/index.ts";
import { Tokenizer } from "../../src/text/tokenizer.ts";
import { tinyClassifier, tinyLanguageModel } from "../support/tiny-models.ts";

const root = mkdtempSync(join(tmpdir(), "abrazo-defects-"));
const [classifier, writer] = [join(root, "classifier"), join(root, "writer")];
const open: PipelineInfo[] = [];
const kept = <Pipe extends PipelineInfo>(pipe: Pipe): Pipe => {
  open.push(pipe);
  return pipe;
};

beforeAll(async () => {
  await tinyClassifier(classifier);
  await tinyLanguageModel(writer);
});
afterAll(async () => {
  await Promise.all(open.map((pipe) => pipe.dispose()));
  rmSync(root, { recursive: true });
});

const PROMPTS = [
  "i love this",
  "a very dull",
  "the story was great and",
  "good",
  "this film is not bad but i hate it",
  "it",
];

describe("generation", () => {
  it("ends each text of a batch where it ends alone, whatever the others do", async () => {
    const write = kept(await pipeline("text-generation", writer));
    // A token that some of the texts come to soon ends them; the others go on.
    const eosTokenIds = [3, 4, 6, 11];
    const options = { doSample: false, maxNewTokens: 20, eosTokenIds, returnFullText: false };
    const together = await write(PROMPTS, options);
    const lengths = new Set<number>();
    for (const [at, prompt] of PROMPTS.entries()) {
      const alone = await write(prompt, options);
      expect(together[at]).toEqual(alone);
      lengths.add(alone[0]?.generatedText.length ?? 0);
    }
    expect(lengths.size).toBeGreaterThan(1);
  });

  it("takes no option without effect: test/generate/options.test.ts changes each", async () => {
    const write = kept(await pipeline("text-generation", writer));
    await expect(write("i love", { numBeamGroups: 2 } as object)).rejects.toMatchObject({ code: "UNKNOWN_OPTION" });
    await expect(write("i love", { doSample: false, topP: 0.5 })).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });

  it("leaves the caller's tokenizer as it was", async () => {
    const tokenizer = await Tokenizer.fromFolder(writer);
    const before = [tokenizer.paddingSide, tokenizer.truncationSide];
    const write = kept(await pipeline("text-generation", await loadPretrained(writer), { tokenizer }));
    await write(PROMPTS, { maxNewTokens: 2, doSample: false });
    expect([tokenizer.paddingSide, tokenizer.truncationSide]).toEqual(before);
    expect(before[0]).toBe("right");
  });

  it("works with a class that extends a known one", async () => {
    class Careful extends Gpt2LMHeadModel {}
    const base = await loadPretrained(writer);
    const model = new Careful({ ...base.config } as ConstructorParameters<typeof Gpt2LMHeadModel>[0]); // safe because it is a config of that class
    model.loadStateDict(base.stateDict());
    const tokenizer = await Tokenizer.fromFolder(writer);
    const options = { maxNewTokens: 5, doSample: false };
    const [own, theirs] = [
      kept(await pipeline("text-generation", model, { tokenizer })),
      kept(await pipeline("text-generation", writer)),
    ];
    expect(await own(PROMPTS, options)).toEqual(await theirs(PROMPTS, options));
  });
});

describe("reading", () => {
  it("one label has a probability of its own, not 1", async () => {
    const folder = await tinyClassifier(join(root, "one"), { labels: ["TOXIC"] });
    const classify = kept(await pipeline("text-classification", folder));
    const scores = (await classify(PROMPTS)).map(({ score }) => score);
    expect(scores.filter((score) => score > 0.999_999)).toEqual([]);
    expect(new Set(scores).size).toBe(PROMPTS.length);
  });

  it("answers do not change with what they are padded to", async () => {
    const config = { ...(await loadPretrained(classifier)).config, architectures: ["DistilBertForQuestionAnswering"] };
    const model = buildModel(config, "DistilBertForQuestionAnswering");
    model.initialize(new Generator(4));
    const tokenizer = await Tokenizer.fromFolder(classifier);
    const answer = kept(await pipeline("question-answering", model, { tokenizer }));
    const asked = PROMPTS.map((context) => ({ question: "is it good", context }));
    const together = await answer(asked);
    for (const [at, { question, context }] of asked.entries()) {
      const { score, ...alone } = await answer(question, context);
      expect(together[at]).toMatchObject(alone);
      expect(together[at]?.score).toBeCloseTo(score, 5);
    }
  });

  it("the name of a task says the languages: test/pipelines/text2text.test.ts translates", async () => {
    await expect(pipeline("translation_en_to_fr", classifier)).rejects.toMatchObject({ code: "WRONG_TASK" });
  });
});

describe("loading", () => {
  it("asks no network for a folder, nor with localFilesOnly: test/pipelines/hub.test.ts has revisions and caches", async () => {
    const fetching = vi.spyOn(globalThis, "fetch");
    kept(await pipeline("text-classification", classifier));
    const offline = { localFilesOnly: true, cacheDir: join(root, "empty") };
    await expect(pipeline("text-classification", "ana/none", offline)).rejects.toMatchObject({
      code: expect.any(String),
    });
    expect(fetching).not.toHaveBeenCalled();
    fetching.mockRestore();
  });

  it("does not mind what another library has left on globalThis", async () => {
    const key = Symbol.for("onnxruntime");
    Object.assign(globalThis, { [key]: {} });
    try {
      const classify = kept(await pipeline("text-classification", classifier, { device: "cpu" }));
      expect(await classify("i love this")).toHaveLength(1);
    } finally {
      Reflect.deleteProperty(globalThis, key);
    }
  });
});
