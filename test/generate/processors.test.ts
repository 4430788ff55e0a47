// Every processor of logits against Hugging Face's class, and the order and cost of the whole list.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { RowFacts } from "../../src/generate/contract.ts";
import { generationSettings } from "../../src/generate/generation-config.ts";
import type { GenerationOptionName } from "../../src/generate/options.ts";
import { logitsProcessors, PROCESSORS } from "../../src/generate/processors/index.ts";
import { onlyAllowed, removeInvalid, sequenceBias } from "../../src/generate/processors/penalties.ts";
import { kthLargest, largestIds } from "../../src/generate/processors/scores.ts";
import { topK, topP } from "../../src/generate/processors/warpers.ts";
import { packageFile } from "../../src/package-root.ts";
import { Generator } from "../../src/tensor/index.ts";

type Row = (number | null)[];

interface Case {
  option: GenerationOptionName;
  value: unknown;
  ids: number[];
  promptLength: number;
  keep?: number;
  maxLength?: number;
  results: Record<string, Row>;
}

const golden: { rows: Record<string, Row>; source: number[]; eos: number[]; cases: Case[]; removed: number[] } =
  JSON.parse(readFileSync(packageFile("test", "goldens", "generate", "processors.json"), "utf8"));

const OUT = Number.NEGATIVE_INFINITY;
const scoresOf = (row: Row) => Float32Array.from(row, (value) => value ?? OUT);

const facts = (row: Partial<RowFacts> = {}): RowFacts => ({
  ...{ prompt: 0, promptLength: 1, maxLength: 100, sourceIds: golden.source, minTokensToKeep: 1 },
  ...row,
});

function expectClose(found: Float32Array, wanted: Row): void {
  expect([...found].map((value) => value === OUT)).toEqual(wanted.map((value) => value === null));
  for (const [id, value] of wanted.entries()) {
    if (value === null) continue;
    expect(Math.abs((found[id] ?? Number.NaN) - value), `token ${id}`).toBeLessThan(
      1e-6 * Math.max(1, Math.abs(value)),
    );
  }
}

describe("processors equal transformers'", () => {
  it.each(golden.cases.map((of) => [of.option, JSON.stringify(of.value), of.ids.length, of] as const))(
    "%s %s after %i tokens",
    (option, _, __, { value, ids, promptLength, keep, maxLength, results }) => {
      const settings = generationSettings({
        ...{ doSample: true, topK: 0, eosTokenIds: golden.eos },
        [option]: value,
      });
      const row = facts({ promptLength, minTokensToKeep: keep ?? 1, maxLength: maxLength ?? 100 });
      const processors = logitsProcessors(settings, row);
      expect(processors).toHaveLength(1);
      for (const [name, wanted] of Object.entries(results)) {
        const scores = scoresOf(golden.rows[name] ?? []);
        for (const process of processors) process(scores, ids);
        expectClose(scores, wanted);
      }
    },
  );

  it("has a case for each that Python has as a class", () => {
    const covered = new Set<string>(golden.cases.map(({ option }) => option));
    const ours = PROCESSORS.map(({ option }) => option).filter((option) => !covered.has(option));
    expect(ours).toEqual(["prefixAllowedTokensFn", "removeInvalidValues", "logitsProcessor"]);
  });

  it("removeInvalidValues", () => {
    const scores = Float32Array.from([1, Number.NaN, Number.POSITIVE_INFINITY, OUT, -2]);
    removeInvalid()(scores, []);
    expect([...scores]).toEqual(golden.removed);
  });
});

describe("logitsProcessors", () => {
  it("leaves out what would change nothing, and all warpers without sampling", () => {
    expect(logitsProcessors(generationSettings({ doSample: true, topK: 0 }), facts())).toEqual([]);
    const warping = { temperature: 0.5, topK: 3, topP: 0.9, minP: 0.1, typicalP: 0.5, repetitionPenalty: 1.2 };
    expect(logitsProcessors(generationSettings(warping), facts())).toHaveLength(1);
    expect(logitsProcessors(generationSettings({ ...warping, doSample: true }), facts())).toHaveLength(6);
  });

  it("runs the caller's own before the warpers, and the normalization last", () => {
    const seen: number[] = [];
    const settings = generationSettings({
      ...{ doSample: true, temperature: 0.5, topK: 2, renormalizeLogits: true, suppressTokens: [0] },
      logitsProcessor: [(scores) => void seen.push(...scores)],
    });
    const scores = Float32Array.from([4, 3, 2, 1]);
    for (const process of logitsProcessors(settings, facts())) process(scores, [1]);
    expect(seen).toEqual([OUT, 3, 2, 1]);
    const [first, second] = [1 / (1 + Math.exp(-2)), 1 / (1 + Math.exp(2))];
    expectClose(scores, [null, Math.fround(Math.log(first)), Math.fround(Math.log(second)), null]);
  });

  it("lets only allowed ids come, also where all of them are ruled out", () => {
    const scores = Float32Array.from([4, 3, OUT, OUT]);
    onlyAllowed(() => [1, 2])(scores, []);
    expect([...scores]).toEqual([OUT, 3, OUT, OUT]);
    onlyAllowed(() => [2, 3])(scores, []);
    expect([...scores]).toEqual([OUT, OUT, 0, 0]);
    expect(() => onlyAllowed(() => [])(scores, [])).toThrow(/allows no token/);
  });

  it("names an id that the model cannot give", () => {
    expect(() => sequenceBias([[[4], 1]])(new Float32Array(4), [])).toThrow(/no token 4/);
  });
});

describe("a vocabulary of 150 000", () => {
  const generator = new Generator(5);
  const scores = Float32Array.from({ length: 150_000 }, () => generator.normal() * 3);
  const sorted = [...scores].sort((a, b) => b - a);

  it("keeps as many as topK says, and what topP says", () => {
    expect(kthLargest(scores, 50)).toBe(sorted[49]);
    expect(largestIds(scores, 20).map((id) => scores[id])).toEqual(sorted.slice(0, 20));
    const fifty = scores.slice();
    topK(50)(fifty, []);
    expect(fifty.filter((value) => value !== OUT).sort((a, b) => b - a)).toEqual(
      Float32Array.from(sorted.slice(0, 50)),
    );
    for (const sum of [0.1, 0.9]) {
      const kept = scores.slice();
      topP(sum)(kept, []);
      const count = kept.filter((value) => value !== OUT).length;
      const total = sorted.reduce((all, value) => all + Math.exp(value), 0);
      const mass = (length: number) => sorted.slice(0, length).reduce((all, value) => all + Math.exp(value), 0) / total;
      expect(mass(count)).toBeGreaterThanOrEqual(sum);
      expect(mass(count - 1)).toBeLessThan(sum);
    }
  });
});
