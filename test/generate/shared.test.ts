// Texts that share a decoder: each is, token for token, what it is alone, whoever comes, goes or fails meanwhile; and what is in hand at
// once is bounded.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Admission } from "../../src/generate/admission.ts";
import { type GenerateOptions, generate, generateSequences } from "../../src/generate/generate.ts";
import { type Decoder, makeDecoder } from "../../src/generate/kv-cache.ts";
import { SharedDecoders } from "../../src/generate/shared-decoder.ts";
import { fromConfig, loadPretrained } from "../../src/models/auto.ts";
import { Generator } from "../../src/tensor/index.ts";
import { tinyLanguageModel } from "../support/tiny-models.ts";

const BOUNDS = { rows: 16, tokens: 1 << 15 };
const SIZES = { vocab_size: 24, hidden_size: 32, intermediate_size: 48, num_hidden_layers: 2, num_attention_heads: 4 };

let folder: string;
const decoders: Record<string, Decoder> = {};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "abrazo-shared-"));
  decoders["gpt2"] = makeDecoder(await loadPretrained(await tinyLanguageModel(folder, 5, 256)));
  // A window that is narrower than most texts, and heads that share keys.
  const mistral = {
    ...{ model_type: "mistral", architectures: ["MistralForCausalLM"], ...SIZES, num_key_value_heads: 2 },
    ...{ sliding_window: 6, max_position_embeddings: 256, initializer_range: 0.5 },
  };
  decoders["mistral"] = makeDecoder(fromConfig(mistral, new Generator(7)).eval());
});
afterAll(async () => {
  for (const decoder of Object.values(decoders)) decoder.dispose();
  await rm(folder, { recursive: true });
});

const decoderOf = (name: string): Decoder => {
  const decoder = decoders[name];
  if (decoder === undefined) throw new Error(`no decoder ${name}`);
  return decoder;
};

/** A decoder that counts its runs, and how many rows the largest had. */
function counted(decoder: Decoder, bounds = BOUNDS) {
  const counts = { reads: 0, runs: 0, most: 0 };
  const rows = () => {
    const cache = decoder.rows?.();
    if (cache === undefined) throw new Error("no rows");
    const [read, next] = [cache.read.bind(cache), cache.next.bind(cache)];
    cache.read = (prompts) => {
      counts.reads++;
      return read(prompts);
    };
    cache.next = (tokens) => {
      counts.runs++;
      counts.most = Math.max(counts.most, tokens.length);
      return next(tokens);
    };
    return cache;
  };
  return { shared: new SharedDecoders(bounds).of({ ...decoder, rows }), counts };
}

interface Text {
  ids: number[];
  seed: number;
  options: GenerateOptions;
  /** Tokens that others have when this one comes. */
  after?: number;
}

const TEXTS: readonly Text[] = [
  { ids: [4, 5, 7], seed: 0, options: { maxNewTokens: 40 } },
  { ids: [10, 11, 12, 13, 14, 15, 4, 4, 9], seed: 1, options: { maxNewTokens: 12, repetitionPenalty: 1.3 } },
  { ids: [9], seed: 2, options: { maxNewTokens: 60, doSample: true, temperature: 1.4, topK: 0 } },
  { ids: [6, 6, 8], seed: 3, options: { maxNewTokens: 25, doSample: true, topP: 0.8 }, after: 5 },
  { ids: [20, 21], seed: 4, options: { maxNewTokens: 33, doSample: true, numReturnSequences: 3 }, after: 9 },
  { ids: [12, 4, 19, 17], seed: 5, options: { maxNewTokens: 20, numBeams: 3 }, after: 9 },
  { ids: [15, 9, 4], seed: 6, options: { maxNewTokens: 30, guidanceScale: 1.5 }, after: 14 },
  { ids: [11, 8], seed: 7, options: { maxNewTokens: 10, noRepeatNgramSize: 2, eosTokenIds: [9] }, after: 20 },
  { ids: [5, 6, 7, 5, 6], seed: 8, options: { maxNewTokens: 20, promptLookupNumTokens: 3 }, after: 20 },
];

async function textOf(decoder: Decoder, { ids, seed, options }: Text) {
  const made = await generateSequences(decoder, [{ ids, seed }], options);
  return made.map(({ ids: tokens, finished }) => ({ tokens, finished }));
}

/** All of them; who comes later comes when the first text has so many tokens. */
function together(decoder: Decoder, texts: readonly Text[]) {
  const [first, ...others] = texts;
  if (first === undefined) throw new Error("no texts");
  const starts = new Map<number, (() => void)[]>();
  const later = others.map(async (text) => {
    const { after = 0 } = text;
    if (after > 0) await new Promise<void>((resolve) => starts.set(after, [...(starts.get(after) ?? []), resolve]));
    return textOf(decoder, text);
  });
  const leading = (async () => {
    const tokens: number[] = [];
    let finished: string | undefined;
    for await (const token of generate(decoder, [first], first.options)) {
      tokens.push(token.id);
      finished = token.finished;
      for (const start of starts.get(tokens.length) ?? []) start();
    }
    return [{ tokens, finished }];
  })();
  return Promise.all([leading, ...later]);
}

describe.each(["gpt2", "mistral"])("texts that share a decoder of %s", (name) => {
  it("are what they are alone, whoever joins and leaves", async () => {
    const decoder = decoderOf(name);
    const { shared, counts } = counted(decoder, { ...BOUNDS, rows: 24 });
    const apart = [];
    for (const text of TEXTS) apart.push(await textOf(decoder, text));
    expect(await together(shared, TEXTS)).toEqual(apart);
    const alone = TEXTS.reduce((sum, { options }) => sum + (options.maxNewTokens ?? 0), 0);
    expect(counts.runs).toBeLessThan(alone / 2);
    expect(counts.most).toBeGreaterThan(8);
  });

  it("are what they are alone in another order, and again on the rows that were left", async () => {
    const decoder = decoderOf(name);
    const { shared } = counted(decoder);
    const texts = TEXTS.filter(({ options }) => options.numBeams === undefined);
    for (const order of [texts, texts.toReversed()]) {
      const apart = [];
      for (const text of order) apart.push(await textOf(decoder, text));
      expect(await Promise.all(order.map((text) => textOf(shared, text)))).toEqual(apart);
    }
  });

  it("go on when one is cancelled, left, or fails", async () => {
    const decoder = decoderOf(name);
    const { shared } = counted(decoder);
    const kept = TEXTS.slice(0, 4).map((text) => ({ ...text, options: { ...text.options, maxNewTokens: 30 } }));
    const apart = [];
    for (const text of kept) apart.push(await textOf(decoder, text));
    const controller = new AbortController();
    const cancelled = textOf(shared, {
      ids: [7, 8],
      seed: 9,
      options: { maxNewTokens: 100, signal: controller.signal },
    });
    const failing = textOf(shared, {
      ...{ ids: [8, 8], seed: 9 },
      options: {
        maxNewTokens: 100,
        logitsProcessor: [
          (_, ids) => {
            if (ids.length > 10) throw new RangeError("a processor of the caller's");
          },
        ],
      },
    });
    // No model has that token: the run of its prompt fails.
    const unknown = textOf(shared, { ids: [999_999], seed: 9, options: { maxNewTokens: 5 } });
    const left = (async () => {
      const seen: number[] = [];
      for await (const { id } of generate(shared, [{ ids: [4, 4], seed: 0 }], { maxNewTokens: 100 })) {
        seen.push(id);
        if (seen.length === 6) break;
        if (seen.length === 3) controller.abort(new Error("not wanted any more"));
      }
      return seen.length;
    })();
    const all = Promise.all(kept.map((text) => textOf(shared, text)));
    const ends = await Promise.allSettled([cancelled, failing, unknown]);
    expect(ends.map((end) => (end.status === "rejected" ? end.reason : end))).toMatchObject([
      { message: "not wanted any more" },
      { message: "a processor of the caller's" },
      { code: "INDEX_OUT_OF_RANGE" },
    ]);
    expect(await left).toBe(6);
    expect(await all).toEqual(apart);
  });

  it("are not waited for by the others while nobody reads them", async () => {
    const decoder = decoderOf(name);
    const { shared } = counted(decoder);
    const slow = { ids: [9, 4], seed: 1, options: { maxNewTokens: 40, doSample: true } };
    const reader = generate(shared, [slow], slow.options);
    const seen = [(await reader.next()).value?.id, (await reader.next()).value?.id];
    const apart = [];
    for (const text of TEXTS.slice(0, 4)) apart.push(await textOf(decoder, text));
    expect(await Promise.all(TEXTS.slice(0, 4).map((text) => textOf(shared, text)))).toEqual(apart);
    for await (const { id } of reader) seen.push(id);
    expect(seen).toEqual((await textOf(decoder, slow))[0]?.tokens);
  });
});

describe("what is in hand at once", () => {
  it("is so many rows; the others wait in their order", async () => {
    const { shared, counts } = counted(decoderOf("gpt2"), { rows: 3, tokens: 1 << 15 });
    const texts = TEXTS.slice(0, 4).flatMap((text) => [text, { ...text, seed: text.seed + 20 }]);
    const ended: number[] = [];
    const options = { maxNewTokens: 8 };
    await Promise.all(
      texts.map(async ({ ids, seed }, at) => {
        await textOf(shared, { ids, seed, options });
        ended.push(at);
      }),
    );
    expect(counts.most).toBe(3);
    expect(ended).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it("is one call where that alone needs more than there is", async () => {
    const { shared, counts } = counted(decoderOf("gpt2"), { rows: 2, tokens: 20 });
    const wide = { ids: [4, 5], seed: 1, options: { maxNewTokens: 40, doSample: true, numReturnSequences: 5 } };
    const made = await Promise.all([textOf(shared, wide), textOf(shared, wide)]);
    expect(made[0]).toEqual(await textOf(decoderOf("gpt2"), wide));
    expect(made[1]).toEqual(made[0]);
    expect(counts.most).toBe(5);
  });

  it("says at once what is wrong with a text, and lets one go that waits", async () => {
    const { shared } = counted(decoderOf("gpt2"), { rows: 1, tokens: 400 });
    const long = generate(shared, [{ ids: [4], seed: 0 }], { maxNewTokens: 200 });
    await long.next();
    const tooLong = textOf(shared, { ids: new Array<number>(300).fill(4), seed: 0, options: { maxNewTokens: 5 } });
    await expect(tooLong).rejects.toMatchObject({ code: "PROMPT_TOO_LONG" });
    const controller = new AbortController();
    const options = { maxNewTokens: 5, signal: controller.signal };
    const waiting = textOf(shared, { ids: [4], seed: 0, options });
    const next = textOf(shared, { ids: [4], seed: 0, options: { maxNewTokens: 5 } });
    controller.abort(new Error("gone"));
    await expect(waiting).rejects.toThrow("gone");
    await long.return();
    expect((await next)[0]?.tokens).toHaveLength(5);
  });

  it("is not kept by who does not go on, while others wait", async () => {
    const admission = new Admission({ rows: 2, tokens: 100 }, 60);
    const [slow, going] = [
      await admission.enter({ rows: 1, tokens: 9 }),
      await admission.enter({ rows: 1, tokens: 9 }),
    ];
    const beat = setInterval(() => going.touch(), 10);
    const start = performance.now();
    const third = await admission.enter({ rows: 1, tokens: 9 });
    expect(performance.now() - start).toBeGreaterThan(30);
    // It goes on after all: now there are three, and a fourth waits for two of them.
    slow.touch();
    third.leave();
    let isIn = false;
    const fourth = admission.enter({ rows: 1, tokens: 9 }).then((room) => {
      isIn = true;
      return room;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isIn).toBe(false);
    slow.leave();
    (await fourth).leave();
    clearInterval(beat);
  });

  it("counts rows as long as the longest, and lets nobody pass who asked later", async () => {
    const admission = new Admission({ rows: 4, tokens: 100 });
    const seen: string[] = [];
    const enter = async (name: string, rows: number, tokens: number) => {
      const leave = await admission.enter({ rows, tokens });
      seen.push(name);
      return leave;
    };
    const a = await enter("a", 1, 30);
    const b = await enter("b", 2, 30);
    const c = enter("c", 1, 40);
    const d = enter("d", 1, 10);
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual(["a", "b"]);
    b.leave();
    b.leave();
    const [left] = await Promise.all([c]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual(["a", "b", "c"]);
    a.leave();
    (await d).leave();
    left.leave();
    expect(seen).toEqual(["a", "b", "c", "d"]);
  });
});

describe("a decoder that keeps each past for itself", () => {
  it("is shared as well: texts take their steps in turn", async () => {
    const { rows: _, ...plain } = decoderOf("gpt2");
    const shared = new SharedDecoders(BOUNDS).of(plain);
    const apart = [];
    for (const text of TEXTS) apart.push(await textOf(plain, text));
    expect(await Promise.all(TEXTS.map((text) => textOf(shared, text)))).toEqual(apart);
  });
});

describe("decoders that take turns", () => {
  it("have so much in hand together, and each its own texts", async () => {
    const decoders = new SharedDecoders({ rows: 2, tokens: 1 << 15 });
    const names = ["gpt2", "mistral"];
    const pairs = names.flatMap((name) => TEXTS.slice(0, 3).map((text) => ({ name, text })));
    const apart = [];
    for (const { name, text } of pairs) apart.push(await textOf(decoderOf(name), text));
    const all = pairs.map(({ name, text }) => textOf(decoders.of(decoderOf(name)), text));
    expect(await Promise.all(all)).toEqual(apart);
    expect(decoders.of(decoderOf("gpt2"))).toBe(decoders.of(decoderOf("gpt2")));
  });
});
