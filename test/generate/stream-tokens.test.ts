// A text token by token: the tokens of generate(), their pieces joined the text, and the probabilities of Python's scores.
import { afterAll, beforeAll, expect, it } from "vitest";
import { generateSequences } from "../../src/generate/generate.ts";
import type { Decoder } from "../../src/generate/kv-cache.ts";
import type { GenerationOptions } from "../../src/generate/options.ts";
import { streamTokens, type TextToken } from "../../src/generate/stream-tokens.ts";
import { decode, golden, optionsOf, promptOf, tinyDecoder } from "./support.ts";

let decoder: Decoder;
beforeAll(async () => {
  decoder = await tinyDecoder();
});
afterAll(() => decoder.dispose());

/** The last token is a special one. */
const SPECIAL = golden.words.length - 1;
const tokenizer = {
  decode: (ids: readonly number[], { skipSpecialTokens = true } = {}) =>
    decode(skipSpecialTokens ? ids.filter((id) => id !== SPECIAL) : ids),
  isSpecial: (id: number) => id === SPECIAL,
  idToToken: (id: number) => golden.words[id],
};
const [PROMPT = []] = golden.prompts;

async function tokensOf(options: GenerationOptions & { logprobs: boolean }): Promise<TextToken[]> {
  const tokens: TextToken[] = [];
  for await (const token of streamTokens(decoder, tokenizer, promptOf(PROMPT), options)) tokens.push(token);
  return tokens;
}

it.each(golden.scored.map((of) => [JSON.stringify(of.options), of] as const))(
  "%s: log probabilities of the scores that tokens were chosen by",
  async (_, { options, scores }) => {
    const tokens = await tokensOf({ ...optionsOf(options), logprobs: true });
    expect(scores.length).toBeGreaterThan(3);
    for (const [step, row] of scores.entries()) {
      const values = row.map((score) => score ?? Number.NEGATIVE_INFINITY);
      const total = Math.log(values.reduce((sum, value) => sum + Math.exp(value), 0));
      const { id = 0, logprob } = tokens[step] ?? {};
      expect(logprob).toBeCloseTo((values[id] ?? 0) - total, 3);
    }
  },
);

it("are the tokens of generate(), with the text's pieces and its end", async () => {
  const options = { maxNewTokens: 12, doSample: true };
  const [whole] = await generateSequences(decoder, [promptOf(PROMPT)], options);
  const tokens = await tokensOf({ ...options, logprobs: false });
  expect(tokens.map(({ id }) => id)).toEqual(whole?.ids);
  expect(tokens.map(({ text }) => text).join("")).toBe(tokenizer.decode(whole?.ids ?? []));
  expect(tokens.map(({ finished }) => finished)).toEqual([...new Array(11).fill(undefined), "length"]);
  expect(tokens.every(({ logprob }) => logprob === undefined)).toBe(true);
});

it("special ones have a name and no text", async () => {
  const only = { prefixAllowedTokensFn: () => [SPECIAL], maxNewTokens: 2 };
  expect(await tokensOf({ ...only, logprobs: true })).toMatchObject([
    { id: SPECIAL, text: "", name: golden.words[SPECIAL], isSpecial: true, logprob: 0 },
    { id: SPECIAL, finished: "length" },
  ]);
});

it("is one text", async () => {
  await expect(tokensOf({ numBeams: 2, logprobs: false })).rejects.toMatchObject({ code: "INVALID_OPTION" });
});
