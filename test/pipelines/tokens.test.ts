// pipeline("text-generation").tokens(): a text token by token, on this thread and in another.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pipeline, type StreamedToken, type TokenStreamOptions } from "../../pipelines/index.ts";
import { tinyLanguageModel } from "../support/tiny-models.ts";

let folder: string;
beforeAll(async () => {
  folder = await tinyLanguageModel(await mkdtemp(join(tmpdir(), "abrazo-tokens-")), 1, 256);
  await writeFile(join(folder, "chat_template.jinja"), "{% for m in messages %}{{ m.content }} {% endfor %}film");
});
afterAll(() => rm(folder, { recursive: true }));

describe.each([false, true])("tokens of a text, worker: %s", (worker) => {
  const open = () => pipeline("text-generation", folder, { worker: worker as true }); // safe because both kinds have the same functions here

  it("are those of the whole text, with how it ended", async () => {
    const run = await open();
    const options: TokenStreamOptions = { maxNewTokens: 9, doSample: true, seed: 4, suppressTokens: [3] };
    const tokensOf = async (more: TokenStreamOptions, prompt: Parameters<typeof run.tokens>[0] = "this film") => {
      const tokens: StreamedToken[] = [];
      for await (const token of run.tokens(prompt, { ...options, ...more })) tokens.push(token);
      return tokens;
    };
    const [whole] = await run("this film", { ...options, returnFullText: false });
    const tokens = await tokensOf({ logprobs: true });
    expect(tokens.map(({ text }) => text).join("")).toBe(whole?.generatedText);
    expect(tokens.map(({ end }) => end)).toEqual([
      ...new Array(8).fill(undefined),
      { reason: "length", promptTokens: 2, seed: 4 },
    ]);
    for (const { id, name, isSpecial, logprob } of tokens)
      expect([id > 3, name.length > 0, isSpecial, Number(logprob) <= 0]).toEqual([true, true, false, true]);
    expect((await tokensOf({})).map(({ logprob }) => logprob)).toEqual(new Array(9).fill(undefined));
    const chat = await tokensOf({}, [{ role: "user", content: "i love this" }]);
    expect(chat.at(-1)?.end?.promptTokens).toBe(4);
    const stopped = await tokensOf({ stopStrings: tokens[3]?.name ?? "" });
    expect(stopped.at(-1)?.end?.reason).toBe("stop");
    await run.dispose();
  });

  it("end with the signal, and with the loop", async () => {
    const run = await open();
    const endless = { maxNewTokens: 200, suppressTokens: [3], doSample: false };
    const controller = new AbortController();
    const reading = (async () => {
      for await (const { id } of run.tokens("this film", { ...endless, signal: controller.signal })) {
        if (id >= 0) controller.abort(new Error("enough"));
      }
    })();
    await expect(reading).rejects.toThrow("enough");
    for await (const _ of run.tokens("this film", endless)) break;
    expect(await run("great", { maxNewTokens: 2 })).toHaveLength(1);
    await run.dispose();
  });

  it("refuse what changes nothing in them", async () => {
    const run = await open();
    const first = (options: object, prompt: string | string[] = "a") => run.tokens(prompt as string, options).next(); // safe because it is refused
    await expect(first({ returnFullText: true })).rejects.toMatchObject({ code: "UNKNOWN_OPTION" });
    await expect(first({ batchSize: 2 })).rejects.toMatchObject({ code: "UNKNOWN_OPTION" });
    await expect(first({ numBeams: 2, doSample: false })).rejects.toMatchObject({ code: "INVALID_OPTION" });
    await expect(first({ logprobs: 1 })).rejects.toMatchObject({ code: "INVALID_OPTION" });
    await expect(first({}, ["a", "b"])).rejects.toMatchObject({ code: "INVALID_INPUT" });
    await expect(first({ adapter: "none" })).rejects.toMatchObject({ code: "NO_ADAPTERS" });
    await run.dispose();
  });
});
