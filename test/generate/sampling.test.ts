// Processors of logits against Hugging Face's, and the draw against its own distribution.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  argmax,
  draw,
  type LogitsProcessor,
  logitsProcessors,
  repetitionPenalty,
  temperature,
  topK,
  topP,
} from "../../src/generate/sampling.ts";
import { packageFile } from "../../src/package-root.ts";
import { Generator } from "../../src/tensor/index.ts";

const golden: {
  logits: number[];
  ids: number[];
  tiedK: number;
  sampling: Record<string, (number | null)[]>;
} = JSON.parse(readFileSync(packageFile("test", "goldens", "generate.json"), "utf8"));

function processed(processors: readonly LogitsProcessor[]): Float32Array {
  const logits = Float32Array.from(golden.logits);
  for (const process of processors) process(logits, golden.ids);
  return logits;
}

const all = { doSample: true, temperature: 0.7, topK: 12, topP: 0.9, repetitionPenalty: 1.3 };

describe("processors equal transformers'", () => {
  it.each<[string, LogitsProcessor[]]>([
    ["repetitionPenalty", [repetitionPenalty(1.3)]],
    ["temperature", [temperature(0.7)]],
    ["topK", [topK(5)]],
    ["topKTie", [topK(golden.tiedK)]],
    ["topP", [topP(0.8)]],
    ["topPTiny", [topP(0.01)]],
    ["all", logitsProcessors(all)],
  ])("%s", (name, processors) => {
    const expected = (golden.sampling[name] ?? []).map((value) => value ?? Number.NEGATIVE_INFINITY);
    const found = processed(processors);
    expect([...found].map((value) => value === Number.NEGATIVE_INFINITY)).toEqual(
      expected.map((value) => value === Number.NEGATIVE_INFINITY),
    );
    for (const [id, value] of found.entries()) {
      if (value !== Number.NEGATIVE_INFINITY) expect(value).toBeCloseTo(expected[id] ?? Number.NaN, 5);
    }
  });
});

describe("logitsProcessors", () => {
  it("leaves out what would change nothing, and all warpers without sampling", () => {
    const neutral = { doSample: true, temperature: 1, topK: 0, topP: 1, repetitionPenalty: 1 };
    expect(logitsProcessors(neutral)).toEqual([]);
    expect(logitsProcessors({ ...all, doSample: false })).toHaveLength(1);
  });

  it("topK keeps as many as it says on many rows", () => {
    const generator = new Generator(5);
    for (let row = 0; row < 50; row++) {
      const logits = Float32Array.from({ length: 200 }, () => generator.normal());
      const largest = [...logits].sort((a, b) => b - a).slice(0, 17);
      topK(17)(logits, []);
      const kept = [...logits].filter((value) => value !== Number.NEGATIVE_INFINITY).sort((a, b) => b - a);
      expect(kept).toEqual(largest);
    }
  });
});

describe("draw", () => {
  it("follows the probabilities", () => {
    const logits = Float32Array.from([Math.log(0.5), Math.log(0.3), Number.NEGATIVE_INFINITY, Math.log(0.2)]);
    const counts = [0, 0, 0, 0];
    const generator = new Generator(7);
    for (let n = 0; n < 20_000; n++) {
      const id = draw(logits, generator);
      counts[id] = (counts[id] ?? 0) + 1;
    }
    const share = counts.map((count) => count / 20_000);
    for (const [id, expected] of [0.5, 0.3, 0, 0.2].entries())
      expect(Math.abs((share[id] ?? 1) - expected)).toBeLessThan(0.015);
    expect(counts[2]).toBe(0);
  });

  it("gives the same for the same seed", () => {
    const logits = Float32Array.from({ length: 30 }, (_, id) => Math.sin(id));
    const run = () => {
      const generator = new Generator(3);
      return Array.from({ length: 20 }, () => draw(logits, generator));
    };
    expect(run()).toEqual(run());
  });

  it("argmax takes the first of equals", () => {
    expect(argmax(Float32Array.from([1, 3, 3, 2]))).toBe(1);
  });
});
