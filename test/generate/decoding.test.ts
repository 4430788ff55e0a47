// Whole texts token for token as Python's, with every processor and every setting of beams; draws by their distribution.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { generateSequences } from "../../src/generate/generate.ts";
import type { Decoder } from "../../src/generate/kv-cache.ts";
import { type GoldenCase, golden, optionsOf, promptOf, tinyDecoder } from "./support.ts";

let decoder: Decoder;

beforeAll(async () => {
  decoder = await tinyDecoder();
});
afterAll(() => decoder.dispose());

const prompts = golden.prompts.map((ids) => promptOf(ids));
const named = (cases: readonly GoldenCase[]) => cases.map((of) => [of.name, of] as const);

async function texts(options: Record<string, unknown>) {
  const sequences = await generateSequences(decoder, prompts, optionsOf(options));
  return golden.prompts.map((_, prompt) => sequences.filter((sequence) => sequence.prompt === prompt));
}

/** Python cuts nothing but what follows an end token, so that its rows of one prompt come one after the other. */
const newIds = (rows: Awaited<ReturnType<typeof texts>>) => rows.flatMap((row) => row.map(({ ids }) => ids));

describe("without sampling, texts equal transformers'", () => {
  it.each(named(golden.cases))("%s", async (_, { options, rows }) => {
    expect(newIds(await texts(options))).toEqual(rows.flat());
  });
});

describe("beams equal transformers'", () => {
  it.each(named(golden.beams))("%s", async (_, { options, rows, sequencesScores }) => {
    const found = await texts(options);
    expect(newIds(found)).toEqual(rows.flat());
    const scores = found.flatMap((row) => row.map(({ sequenceScore }) => sequenceScore ?? Number.NaN));
    for (const [at, score] of sequencesScores.flat().entries()) expect(scores[at]).toBeCloseTo(score, 4);
  });

  it("find more probable texts than greedy decoding", () => {
    const [greedy, beams] = [golden.cases[0], golden.beams.find(({ name }) => name === "4 beams without an end")];
    expect(beams?.rows.map((rows) => rows[0])).not.toEqual(greedy?.rows.map((rows) => rows[0]));
  });
});

describe("a padded batch gives what transformers' gives", () => {
  it.each(golden.padded.map((of) => [of.name, of] as const))("%s", async (_, { options, rows }) => {
    expect(newIds(await texts(options))).toEqual(rows);
  });
});

describe("stop strings end texts where transformers' do", () => {
  it.each(named(golden.stops))("%s", async (_, { options, rows }) => {
    const found = await texts(options);
    expect(newIds(found)).toEqual(rows.flat());
  });
});

describe("scores and logits of each step equal transformers'", () => {
  it.each(golden.scored.map((of) => [JSON.stringify(of.options), of] as const))("%s", async (_, of) => {
    const options = { ...optionsOf(of.options), outputScores: true, outputLogits: true };
    const [text] = await generateSequences(decoder, prompts.slice(0, 1), options);
    expect(text?.scores).toHaveLength(24);
    for (const [step, row] of of.scores.entries()) {
      for (const [id, score] of row.entries()) {
        expect(text?.scores?.[step]?.[id]).toBeCloseTo(score ?? Number.NEGATIVE_INFINITY, 3);
      }
      for (const [id, logit] of (of.logits[step] ?? []).entries()) {
        if (of.options["guidance_scale"] === undefined) expect(text?.logits?.[step]?.[id]).toBeCloseTo(logit, 3);
      }
    }
  });
});

/** Σ (found - expected)² / expected over cells of five or more, which has about as many as its degrees of freedom. */
function chiSquare(found: ReadonlyMap<string, number>, expected: ReadonlyMap<string, number>) {
  let [sum, cells, restFound, restExpected] = [0, 0, 0, 0];
  for (const key of new Set([...found.keys(), ...expected.keys()])) {
    const [seen, wanted] = [found.get(key) ?? 0, expected.get(key) ?? 0];
    if (wanted < 5) {
      restFound += seen;
      restExpected += wanted;
      continue;
    }
    sum += (seen - wanted) ** 2 / wanted;
    cells++;
  }
  if (restExpected > 0) sum += (restFound - restExpected) ** 2 / Math.max(restExpected, 5);
  return { sum, cells, restFound, restExpected };
}

async function draws(options: Record<string, unknown>, count: number): Promise<Map<string, number>> {
  const rows = Array.from({ length: count }, (_, seed) => promptOf(golden.prompts[0] ?? [], seed));
  const settings = { ...optionsOf({ ...options, max_new_tokens: 2 }), doSample: true };
  const counts = new Map<string, number>();
  for (const { ids } of await generateSequences(decoder, rows, settings)) {
    const key = ids.join(" ");
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

describe("draws are distributed as transformers'", () => {
  it.each(golden.distributions.map((of) => [JSON.stringify(of.options), of] as const))("%s", async (_, of) => {
    const count = 3000;
    const found = await draws(of.options, count);
    const wanted = new Map(Object.entries(of.probabilities).map(([key, probability]) => [key, probability * count]));
    for (const key of found.keys()) expect(wanted.get(key), `${key} cannot come`).toBeGreaterThan(0);
    const { sum, cells } = chiSquare(found, wanted);
    // five standard deviations of chi-square
    expect(sum).toBeLessThan(cells + 5 * Math.sqrt(2 * cells));
    expect(cells).toBeGreaterThan(3);
  });

  it.each(golden.frequencies.map((of) => [JSON.stringify(of.options), of] as const))("%s", async (_, of) => {
    const found = await draws(of.options, 2000);
    const wanted = new Map(Object.entries(of.counts).map(([key, seen]) => [key, (seen * 2000) / of.draws]));
    const { sum, cells } = chiSquare(found, wanted);
    // Python's counts are draws too: the differences have one and a half times the variance
    expect(sum).toBeLessThan(1.5 * (cells + 5 * Math.sqrt(2 * cells)));
    expect(cells).toBeGreaterThan(10);
  });
});
