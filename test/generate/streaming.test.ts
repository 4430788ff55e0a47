// Text as it is generated: whole characters, no part of a stop string, the pieces of Python's TextStreamer.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { generateSequences } from "../../src/generate/generate.ts";
import { type Decoder, makeDecoder } from "../../src/generate/kv-cache.ts";
import { type StreamTextOptions, streamText } from "../../src/generate/stream-text.ts";
import { StopFilter, type TextDecoder, TextPieces } from "../../src/generate/text-pieces.ts";
import { TextStreamer } from "../../src/generate/text-streamer.ts";
import { loadPretrained } from "../../src/models/auto.ts";
import { packageFile } from "../../src/package-root.ts";
import { Tokenizer } from "../../src/text/tokenizer.ts";
import { decode, golden, promptOf, tinyDecoder } from "./support.ts";

/** Ids are the bytes of UTF-8. */
const bytes: TextDecoder = { decode: (ids) => Buffer.from(ids).toString("utf8") };

describe("TextPieces", () => {
  it("gives whole characters alone, and all of them", () => {
    const text = "aé€😀 b";
    const pieces = new TextPieces(bytes, { skipSpecialTokens: true });
    const given = [...Buffer.from(text)].map((byte) => pieces.push(byte));
    expect(given.filter((piece) => piece !== "")).toEqual(["a", "é", "€", "😀", " ", "b"]);
    expect(pieces.end()).toBe("");
  });

  it("gives half a character at the end, as decoding does", () => {
    const pieces = new TextPieces(bytes, { skipSpecialTokens: true });
    expect(pieces.push(97, 0xe2, 0x82)).toBe("");
    expect(pieces.end()).toBe("a\uFFFD");
  });
});

describe("StopFilter", () => {
  it("holds back what may become a stop string, and gives it when it does not", () => {
    const filter = new StopFilter(["stop", "\n\n"], "");
    expect(["as", "t", "ou", "\n", "b"].map((text) => filter.push(text))).toEqual(["a", "", "stou", "", "\nb"]);
    expect(filter.end("x", false)).toBe("x");
  });

  it("ends before the stop string, also when its last token says more or its first is the prompt's", () => {
    const over = new StopFilter(["stop"], "");
    expect(over.push("a st")).toBe("a ");
    expect(over.end("opper", true)).toBe("");
    const early = new StopFilter(["stop"], "say st");
    expect(early.push("o")).toBe("");
    expect(early.end("p", true)).toBe("");
    const twice = new StopFilter(["\n", "Human:"], "Hello\n");
    expect(twice.push("Hi Hum")).toBe("Hi ");
    expect(twice.end("\n", true)).toBe("Hum");
  });
});

let decoder: Decoder;
beforeAll(async () => {
  decoder = await tinyDecoder();
});
afterAll(() => decoder.dispose());

const tokenizer: TextDecoder = { decode };

async function pieces(prompt: readonly number[], options: StreamTextOptions): Promise<string[]> {
  const found: string[] = [];
  for await (const piece of streamText(decoder, tokenizer, prompt, { maxNewTokens: 24, ...options })) found.push(piece);
  return found;
}

describe("streamText", () => {
  it("gives the text, with the prompt's or without", async () => {
    for (const ids of golden.prompts) {
      const [text] = await generateSequences(decoder, [promptOf(ids)], { maxNewTokens: 24 });
      expect((await pieces(ids, { skipPrompt: true })).join("")).toBe(decode(text?.ids ?? []));
      expect((await pieces(ids, {})).join("")).toBe(decode([...ids, ...(text?.ids ?? [])]));
    }
  });

  it("ends before the stop string, or with it when asked to", async () => {
    const [ids = []] = golden.prompts;
    const whole = (await pieces(ids, { skipPrompt: true })).join("");
    const stopStrings = ["tstos", "propro"];
    const cut = await pieces(ids, { skipPrompt: true, stopStrings });
    expect(cut.join("")).toBe(whole.slice(0, whole.indexOf("propro")));
    const kept = await pieces(ids, { skipPrompt: true, stopStrings, includeStopString: true });
    expect(kept.join("").startsWith(`${cut.join("")}propro`)).toBe(true);
  });

  it("leaves the end token out with the special ones", async () => {
    const [ids = []] = golden.prompts;
    const whole = await pieces(ids, { skipPrompt: true });
    const until = await pieces(ids, { skipPrompt: true, eosTokenIds: [57] });
    expect(until).toEqual(whole.slice(0, until.length));
    const shown = await pieces(ids, { skipPrompt: true, eosTokenIds: [57], skipSpecialTokens: false });
    expect(shown).toEqual([...until, decode([57])]);
  });

  it("draws by its seed, and refuses what is no one text", async () => {
    const draws = { doSample: true, topK: 0, skipPrompt: true };
    expect(await pieces([7], { ...draws, seed: 3 })).toEqual(await pieces([7], { ...draws, seed: 3 }));
    expect(await pieces([7], { ...draws, seed: 3 })).not.toEqual(await pieces([7], { ...draws, seed: 4 }));
    await expect(pieces([7], { numBeams: 2 })).rejects.toMatchObject({ code: "INVALID_OPTION" });
    await expect(pieces([7], { callback: () => {} } as object)).rejects.toMatchObject({ code: "UNKNOWN_OPTION" });
  });

  it("a loop that is left frees the decoding", async () => {
    let freed = 0;
    const watched: Decoder = {
      ...decoder,
      start: () => {
        const decoding = decoder.start();
        return {
          step: (step) => decoding.step(step),
          keep: (rows) => decoding.keep(rows),
          dispose: () => void freed++,
        };
      },
    };
    for await (const _ of streamText(watched, tokenizer, [7], { skipPrompt: true })) break;
    expect(freed).toBe(1);
  });

  it("gives what the shipped model's tokenizer decodes", async () => {
    const folder = packageFile("pipelines", "defaults", "text-generation");
    const [theirs, shipped] = [await Tokenizer.fromFolder(folder), makeDecoder(await loadPretrained(folder))];
    const ids = theirs.encode("This film is");
    const options = { maxNewTokens: 30, doSample: true, topK: 0, temperature: 2 };
    const found: string[] = [];
    for await (const piece of streamText(shipped, theirs, ids, { ...options, seed: 5 })) found.push(piece);
    const [text] = await generateSequences(shipped, [promptOf(ids, 5)], options);
    expect(found.join("")).toBe(theirs.decode([...ids, ...(text?.ids ?? [])]));
    expect(found.length).toBeGreaterThan(15);
    shipped.dispose();
  });
});

describe("TextStreamer", () => {
  it("gives the pieces that Python's gives", async () => {
    for (const [at, ids] of golden.prompts.entries()) {
      for (const [place, skipPrompt] of [false, true].entries()) {
        const found: string[] = [];
        const streamer = new TextStreamer(tokenizer, { skipPrompt, callbackFunction: (text) => void found.push(text) });
        await generateSequences(decoder, [promptOf(ids)], { maxNewTokens: 24, streamer });
        expect(found).toEqual(golden.streamed[at]?.[place]);
      }
    }
  });

  it("gives lines and Chinese characters at once", () => {
    const words = ["one", " two", " three\n", "四", "五", " six"];
    const found: string[] = [];
    const seen: number[][] = [];
    const streamer = new TextStreamer(
      { decode: (ids) => ids.map((id) => words[id] ?? "").join("") },
      { callbackFunction: (text) => void found.push(text), tokenCallbackFunction: (ids) => void seen.push(ids) },
    );
    for (const id of words.keys()) streamer.put([[BigInt(id)]]);
    streamer.end();
    expect(found).toEqual(["one ", "two three\n", "四", "五", " ", "six"]);
    expect(seen).toEqual([[0], [1], [2], [3], [4], [5]]);
  });

  it("takes one row", async () => {
    const streamer = new TextStreamer(tokenizer, { callbackFunction: () => {} });
    const rows = golden.prompts.map((ids) => promptOf(ids));
    await expect(generateSequences(decoder, rows, { streamer })).rejects.toMatchObject({ code: "ONE_ROW_ONLY" });
  });
});
