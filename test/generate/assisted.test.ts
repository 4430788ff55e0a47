// Drafts: the same text in fewer steps of the decoder, and the same distribution when sampling.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type GenerateOptions, generateSequences } from "../../src/generate/generate.ts";
import { type Decoder, type Decoding, makeDecoder } from "../../src/generate/kv-cache.ts";
import { fromConfig, loadPretrained } from "../../src/models/auto.ts";
import { packageFile } from "../../src/package-root.ts";
import { Generator, noGrad } from "../../src/tensor/index.ts";
import { golden, optionsOf, promptOf, tinyDecoder } from "./support.ts";

const fixture = packageFile("test", "fixtures", "generate");

/** The decoder of the goldens with noise in its weights: it is often right. */
async function noisyDecoder(): Promise<Decoder> {
  const model = await loadPretrained(fixture);
  const noise = fromConfig(model.config, new Generator(1));
  const others = new Map(noise.namedParameters());
  noGrad(() => {
    for (const [name, parameter] of model.namedParameters()) {
      const other = others.get(name);
      if (other !== undefined && other.shape.length > 1) parameter.add_(other, { alpha: 0.12 });
    }
  });
  return makeDecoder(model);
}

/** A decoder that counts its steps. */
function counted(decoder: Decoder): Decoder & { steps: number } {
  const watched = {
    steps: 0,
    maxLength: decoder.maxLength,
    dispose: () => {},
    start: (): Decoding => {
      const decoding = decoder.start();
      return {
        step: (step) => {
          watched.steps++;
          return decoding.step(step);
        },
        stepMany: async (step, count) => {
          watched.steps++;
          return (await decoding.stepMany?.(step, count)) ?? [];
        },
        keep: (rows) => decoding.keep(rows),
        truncate: (tokens) => decoding.truncate?.(tokens),
      };
    },
  };
  return watched;
}

let decoder: Decoder;
let noisy: Decoder;
let unlike: Decoder;
const prompts = golden.prompts.map((ids) => promptOf(ids));

beforeAll(async () => {
  decoder = await tinyDecoder();
  noisy = await noisyDecoder();
  unlike = makeDecoder(fromConfig((await loadPretrained(fixture)).config, new Generator(5)));
});
afterAll(() => {
  for (const one of [decoder, noisy, unlike]) one.dispose();
});

const newIds = async (of: Decoder, options: GenerateOptions) =>
  (await generateSequences(of, prompts, options)).map(({ ids, finished }) => ({ ids, finished }));

/** Drafts to the end whatever the assistant thinks of them. */
const BOLD = { assistantConfidenceThreshold: 0 };

describe("greedy texts with drafts are those without", () => {
  const settings: Record<string, Record<string, unknown>> = {
    plain: {},
    "end tokens": { eos_token_id: [57, 13] },
    processors: { repetition_penalty: 1.2, no_repeat_ngram_size: 3, min_new_tokens: 6, eos_token_id: 57 },
    "stop strings": { stop_strings: ["prop", "tstos"] },
    "the largest length": { max_new_tokens: 200 },
  };
  const assistants: Record<string, () => GenerateOptions> = {
    "the decoder itself": () => ({ assistant: decoder, ...BOLD }),
    "one that is often right": () => ({ assistant: noisy, ...BOLD, numAssistantTokens: 4 }),
    "one that is often right, and knows when": () => ({ assistant: noisy, numAssistantTokensSchedule: "heuristic" }),
    "one that knows nothing": () => ({ assistant: unlike, ...BOLD, numAssistantTokensSchedule: "heuristic_transient" }),
    "the text itself": () => ({ promptLookupNumTokens: 5 }),
  };
  for (const [name, options] of Object.entries(settings)) {
    it.each(Object.keys(assistants))(`${name}, drafted by %s`, async (of) => {
      const wanted = await newIds(decoder, optionsOf(options));
      const found = await newIds(decoder, { ...optionsOf(options), ...assistants[of]?.() });
      expect(found).toEqual(wanted);
    });
  }
});

describe("drafts save steps of the decoder", () => {
  const stepsWith = async (options: GenerateOptions): Promise<number> => {
    const watched = counted(decoder);
    await generateSequences(watched, prompts, { maxNewTokens: 24, ...options });
    return watched.steps;
  };

  it("an assistant that is always right: a step for each draft and its token", async () => {
    // four prompts, three of which are read in a step of their own; 20 drafted and 1, then 2 drafted and 1
    expect(await stepsWith({ assistant: decoder, ...BOLD })).toBe(3 + 4 * 2);
    expect(await stepsWith({ assistant: decoder, ...BOLD, numAssistantTokens: 5 })).toBe(3 + 4 * 4);
  });

  it("longer drafts after right ones", async () => {
    const grows: GenerateOptions = { assistant: decoder, ...BOLD, numAssistantTokens: 1 };
    const constant = await stepsWith(grows);
    const transient = await stepsWith({ ...grows, numAssistantTokensSchedule: "heuristic_transient" });
    const kept = await stepsWith({ ...grows, numAssistantTokensSchedule: "heuristic" });
    expect(constant).toBe(3 + 4 * 12);
    expect(transient).toBeLessThan(constant);
    expect(kept).toBeLessThan(transient);
  });

  it("one that is often right, and the text itself", async () => {
    const without = 4 * 24;
    expect(await stepsWith({ assistant: noisy, ...BOLD, numAssistantTokens: 3 })).toBeLessThan(0.8 * without);
    expect(await stepsWith({ promptLookupNumTokens: 5 })).toBeLessThan(0.85 * without);
  });

  it("a doubtful draft ends early", async () => {
    const drafted = async (threshold: number) => {
      const watched = counted(noisy);
      const options = { maxNewTokens: 24, assistant: watched, assistantConfidenceThreshold: threshold };
      await generateSequences(decoder, prompts, options);
      return watched.steps;
    };
    expect(await drafted(0.4)).toBeLessThan(await drafted(0));
  });
});

describe("sampling with drafts", () => {
  const sampled = { doSample: true, topK: 6, maxNewTokens: 3 };
  const COUNT = 800;

  it.each<[string, () => GenerateOptions]>([
    ["an assistant that is often right", () => ({ assistant: noisy, ...BOLD })],
    ["one that knows nothing", () => ({ assistant: unlike, ...BOLD })],
    ["the text itself", () => ({ promptLookupNumTokens: 2 })],
  ])("draws from the decoder's distribution with %s", async (_, drafts) => {
    const rows = Array.from({ length: COUNT }, (_, seed) => promptOf([20, 21, 20, 21, 20], seed));
    const count = async (options: GenerateOptions) => {
      const counts = new Map<number, number>();
      for (const { ids } of await generateSequences(decoder, rows, { ...sampled, ...options })) {
        for (const [at, id] of ids.entries()) counts.set(100 * at + id, (counts.get(100 * at + id) ?? 0) + 1);
      }
      return counts;
    };
    const [wanted, found] = [await count({}), await count(drafts())];
    let [sum, cells] = [0, 0];
    for (const key of new Set([...wanted.keys(), ...found.keys()])) {
      const [a, b] = [wanted.get(key) ?? 0, found.get(key) ?? 0];
      if (a + b < 20) continue;
      sum += (a - b) ** 2 / (a + b);
      cells++;
    }
    expect(cells).toBeGreaterThan(15);
    expect(sum).toBeLessThan(cells + 5 * Math.sqrt(2 * cells));
  });

  it("gives the same for a seed, and several texts a prompt", async () => {
    const options = { ...sampled, assistant: noisy, maxNewTokens: 12, numReturnSequences: 2, ...BOLD };
    const first = await generateSequences(decoder, prompts.slice(0, 2), options);
    expect(first.map(({ prompt }) => prompt)).toEqual([0, 0, 1, 1]);
    expect(await generateSequences(decoder, prompts.slice(0, 2), options)).toEqual(first);
    expect(first[0]?.ids).not.toEqual(first[1]?.ids);
  });
});

describe("refusals", () => {
  it("a decoder that gives one token a step", async () => {
    const plain: Decoder = {
      maxLength: decoder.maxLength,
      start: () => {
        const decoding = decoder.start();
        return { step: (step) => decoding.step(step), keep: (rows) => decoding.keep(rows) };
      },
      dispose: () => {},
    };
    await expect(newIds(plain, { promptLookupNumTokens: 2 })).rejects.toMatchObject({ code: "NO_VERIFICATION" });
    await expect(newIds(decoder, { assistant: plain })).rejects.toMatchObject({ code: "NO_VERIFICATION" });
  });

  it("drafts for beams, and from two places", async () => {
    await expect(newIds(decoder, { assistant: noisy, numBeams: 2 })).rejects.toThrow(/do not go with beams/);
    await expect(newIds(decoder, { assistant: noisy, promptLookupNumTokens: 2 })).rejects.toThrow(/not from both/);
  });
});
