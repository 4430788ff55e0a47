// pipeline("text-generation") on a tiny model: shapes of results, options, seeds, stops, engines.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import { exportModel, type GeneratedText, pipeline } from "../../pipelines/index.ts";
import type { ChatMessage } from "../../src/text/tokenizer.ts";
import { tinyClassifier, tinyLanguageModel } from "../support/tiny-models.ts";

let root: string;
let folder: string;
const make = (model: string) => pipeline("text-generation", model);
let generate: Awaited<ReturnType<typeof make>>;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "abrazo-text-"));
  folder = await tinyLanguageModel(join(root, "lm"));
  generate = await make(folder);
});
afterAll(async () => {
  await generate.dispose();
  await rm(root, { recursive: true });
});

const PROMPTS = ["this film was", "i love the story and the book", "great"];
const GREEDY = { doSample: false, maxNewTokens: 8 } as const;

describe("results", () => {
  it("one prompt gives a list, many prompts a list each", async () => {
    const one = await generate(PROMPTS[0] ?? "", GREEDY);
    const many = await generate(PROMPTS, GREEDY);
    expectTypeOf(one).toEqualTypeOf<GeneratedText[]>();
    expectTypeOf(many).toEqualTypeOf<GeneratedText[][]>();
    expect(many).toHaveLength(3);
    expect(many[0]).toEqual(one);
    for (const [at, [text]] of many.entries()) expect(text?.generatedText.startsWith(PROMPTS[at] ?? "?")).toBe(true);
    expect(await generate([], GREEDY)).toEqual([]);
  });

  it("does not depend on batches", async () => {
    expect(await generate(PROMPTS, { ...GREEDY, batchSize: 1 })).toEqual(await generate(PROMPTS, GREEDY));
    const drawn = { seed: 5, maxNewTokens: 8 };
    expect(await generate(PROMPTS, { ...drawn, batchSize: 1 })).toEqual(await generate(PROMPTS, drawn));
  });

  it("returnFullText: false gives the new text alone", async () => {
    const [whole] = await generate(PROMPTS[0] ?? "", GREEDY);
    const [fresh] = await generate(PROMPTS[0] ?? "", { ...GREEDY, returnFullText: false });
    expect(PROMPTS[0] + (fresh?.generatedText ?? "")).toBe(whole?.generatedText);
  });

  it("an empty prompt starts from the token that begins texts", async () => {
    expect((await generate("", GREEDY))[0]?.generatedText.length).toBeGreaterThan(0);
  });
});

describe("options", () => {
  it("a seed gives the same texts, another seed others, and numReturnSequences differ", async () => {
    const [a, b, c] = [1, 1, 2].map((seed) =>
      generate(PROMPTS[0] ?? "", { seed, numReturnSequences: 3, temperature: 2 }),
    );
    expect(await a).toEqual(await b);
    expect(await a).not.toEqual(await c);
    expect(new Set((await a)?.map(({ generatedText }) => generatedText)).size).toBe(3);
  });

  it("topK 1 and a tiny topP and temperature are greedy", async () => {
    const greedy = await generate(PROMPTS, GREEDY);
    for (const option of [{ topK: 1 }, { topP: 1e-6 }, { temperature: 1e-4 }]) {
      expect(await generate(PROMPTS, { maxNewTokens: 8, ...option })).toEqual(greedy);
    }
  });

  it("maxLength counts the prompt, maxNewTokens goes before it", async () => {
    const words = async (options: object) =>
      (await generate("i love this", { doSample: false, ...options }))[0]?.generatedText.split(" ").length;
    expect(await words({ maxNewTokens: 4 })).toBeLessThanOrEqual(7);
    expect(await words({ maxLength: 5 })).toBeLessThanOrEqual(5);
    expect(await words({ maxLength: 5, maxNewTokens: 6 })).toBe(await words({ maxNewTokens: 6 }));
  });

  it("stopStrings end a text, which ends with them", async () => {
    const [{ generatedText } = { generatedText: "" }] = await generate("this film", {
      ...GREEDY,
      returnFullText: false,
    });
    const word = generatedText.trim().split(" ")[1] ?? "?";
    const [stopped] = await generate("this film", { ...GREEDY, returnFullText: false, stopStrings: word });
    expect(stopped?.generatedText.endsWith(word)).toBe(true);
    expect(generatedText.startsWith(stopped?.generatedText ?? "?")).toBe(true);
    expect(stopped?.generatedText.length).toBeLessThan(generatedText.length);
  });

  it("generation_config.json goes before the defaults, the call before both", async () => {
    const own = await tinyLanguageModel(join(root, "configured"));
    await writeFile(join(own, "generation_config.json"), JSON.stringify({ do_sample: false, max_new_tokens: 3 }));
    const configured = await make(own);
    expect(await configured(PROMPTS)).toEqual(await generate(PROMPTS, { doSample: false, maxNewTokens: 3 }));
    expect(await configured(PROMPTS, { maxNewTokens: 8 })).toEqual(await generate(PROMPTS, GREEDY));
    await configured.dispose();
  });

  it("beams give the most probable texts, best first, whatever the batch", async () => {
    const options = { doSample: false, numBeams: 4, numReturnSequences: 3, maxNewTokens: 6 };
    const lists = await generate(PROMPTS, options);
    for (const [at, list] of lists.entries()) {
      expect(list).toHaveLength(3);
      expect(new Set(list.map(({ generatedText }) => generatedText)).size).toBe(3);
      expect(await generate(PROMPTS[at] ?? "", options)).toEqual(list);
    }
    expect(await generate(PROMPTS, { ...options, batchSize: 1 })).toEqual(lists);
  });

  it("an option that changes nothing beside the others is refused, not ignored", async () => {
    for (const [options, name] of [
      [{ doSample: false, topK: 3 }, "topK"],
      [{ doSample: false, temperature: 0.5 }, "temperature"],
      [{ lengthPenalty: 2 }, "lengthPenalty"],
    ] as const) {
      await expect(generate("i love", options)).rejects.toMatchObject({
        code: "INVALID_OPTION",
        message: expect.stringContaining(`${name} changes nothing`),
      });
    }
  });

  it("a text streams in pieces that add up to it, and leaving the loop ends it", async () => {
    const [whole] = await generate("i love", { seed: 3, maxNewTokens: 12, returnFullText: false });
    const pieces: string[] = [];
    for await (const piece of generate.stream("i love", { seed: 3, maxNewTokens: 12 })) pieces.push(piece);
    expect(pieces.length).toBeGreaterThan(3);
    expect(pieces.join("")).toBe(whole?.generatedText);
    for await (const piece of generate.stream("i love", { seed: 3 })) if (piece !== "") break;
    expect(await generate("i love", { seed: 3, maxNewTokens: 12, returnFullText: false })).toEqual([whole]);
  });

  it("wrong ones are errors", async () => {
    const untyped = generate as unknown as (...args: unknown[]) => Promise<unknown>;
    await expect(untyped("x", { max_new_tokens: 3 })).rejects.toMatchObject({ hint: 'Did you mean "maxNewTokens"?' });
    await expect(untyped("x", { numBeans: 4 })).rejects.toMatchObject({ code: "UNKNOWN_OPTION" });
    await expect(untyped("x", { temperature: 0 })).rejects.toMatchObject({ code: "INVALID_OPTION" });
    await expect(generate("x", { doSample: false, numReturnSequences: 2 })).rejects.toMatchObject({
      code: "INVALID_OPTION",
    });
    await expect(generate("this ".repeat(40), GREEDY)).rejects.toMatchObject({ code: "PROMPT_TOO_LONG" });
    await expect(make(await tinyClassifier(join(root, "classifier")))).rejects.toMatchObject({ code: "WRONG_TASK" });
  });
});

describe("engines", () => {
  it("a folder with ONNX files alone runs through transformers.js, with the same texts", async () => {
    const out = join(root, "onnx-only");
    await exportModel(folder, { out });
    const theirs = await make(out);
    expect(theirs.runtime).toBe("transformers.js");
    const options = { doSample: false, maxNewTokens: 12 };
    expect(await theirs(PROMPTS, options)).toEqual(await generate(PROMPTS, options));
    expect(await theirs(PROMPTS, { seed: 3 })).toEqual(await generate(PROMPTS, { seed: 3 }));
    await theirs.dispose();
  });
});

describe("chats", () => {
  const TEMPLATE =
    "{% for message in messages %}{{ message.content }} {% endfor %}{% if add_generation_prompt %}story{% endif %}{{ mood }}";
  const CHAT = [
    { role: "user", content: "i love this book" },
    { role: "assistant", content: "great" },
    { role: "user", content: "and the film" },
  ];
  const chat = { ...GREEDY, chatTemplate: TEMPLATE };

  it("become a prompt by the template, and come back with the answer", async () => {
    const [whole] = await generate(CHAT, chat);
    const [fresh] = await generate(CHAT, { ...chat, returnFullText: false });
    expectTypeOf(whole?.generatedText).toEqualTypeOf<ChatMessage[] | undefined>();
    expectTypeOf(fresh?.generatedText).toEqualTypeOf<string | undefined>();
    expect(whole?.generatedText).toEqual([...CHAT, { role: "assistant", content: fresh?.generatedText }]);
    const prompt = "i love this book great and the film story";
    const [text] = await generate(prompt, { ...GREEDY, returnFullText: false, addSpecialTokens: false });
    expect(fresh?.generatedText).toBe(text?.generatedText);
    expect(await generate([CHAT, CHAT], chat)).toEqual([[whole], [whole]]);
    expect(await generate(CHAT, { ...chat, templateVariables: { mood: " dull" } })).not.toEqual([whole]);
  });

  it("go on with what the assistant began", async () => {
    const open = CHAT.slice(0, 2);
    const [{ generatedText = [] } = {}] = await generate(open, chat);
    expect(generatedText).toHaveLength(2);
    expect(String(generatedText[1]?.content).startsWith("great")).toBe(true);
    expect(await generate(open, { ...chat, continueFinalMessage: false })).toMatchObject([
      { generatedText: { length: 3 } },
    ]);
  });

  it("stream like texts", async () => {
    const pieces: string[] = [];
    for await (const piece of generate.stream(CHAT, chat)) pieces.push(piece);
    const [fresh] = await generate(CHAT, { ...chat, returnFullText: false });
    expect(pieces.join("")).toBe(fresh?.generatedText);
  });

  it("without a template, with a hostile one, and options of the wrong kind of prompt are refused", async () => {
    await expect(generate(CHAT, GREEDY)).rejects.toMatchObject({ code: "CHAT_TEMPLATE" });
    const endless = "{% for a in range(100000) %}{% for b in range(100000) %}{{ a }}{% endfor %}{% endfor %}";
    await expect(generate(CHAT, { ...GREEDY, chatTemplate: endless })).rejects.toMatchObject({ code: "CHAT_TEMPLATE" });
    await expect(generate("a text", chat)).rejects.toMatchObject({ code: "INVALID_OPTION" });
    await expect(generate(CHAT, { ...chat, addSpecialTokens: false })).rejects.toMatchObject({
      code: "INVALID_OPTION",
    });
  });
});
