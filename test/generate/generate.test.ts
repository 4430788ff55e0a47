// Decoding: cached equals uncached, rows stop each for itself, a row does not depend on its batch.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type GenerateOptions, generate, type Prompt } from "../../src/generate/generate.ts";
import { type Decoder, makeDecoder } from "../../src/generate/kv-cache.ts";
import { StopRule } from "../../src/generate/stop.ts";
import { loadPretrained } from "../../src/models/auto.ts";
import { traceModel } from "../../src/models/trace.ts";
import { packageFile } from "../../src/package-root.ts";
import { type CompiledGraph, compileGraph } from "../../src/tensor/index.ts";
import { dataPath } from "../support/data.ts";
import { tinyClassifier, tinyLanguageModel } from "../support/tiny-models.ts";

const GREEDY: GenerateOptions = {
  ...{ doSample: false, temperature: 1, topK: 0, topP: 1, repetitionPenalty: 1 },
  ...{ maxNewTokens: 20, eosTokenIds: [], stopStrings: [], padTokenId: 0 },
};

const prompt = (ids: readonly number[], seed = 0): Prompt => ({ ids, seed });

async function run(decoder: Decoder, prompts: readonly Prompt[], options: GenerateOptions) {
  const rows = prompts.map((): number[] => []);
  const reasons: (string | undefined)[] = [];
  for await (const { row, id, finished } of generate(decoder, prompts, options)) {
    expect(reasons[row], "a row goes on after its end").toBeUndefined();
    rows[row]?.push(id);
    reasons[row] = finished;
  }
  return { rows, reasons };
}

/** Greedy tokens of the whole model, run anew over all tokens for each of them. */
function continued(graph: CompiledGraph, start: readonly number[], count: number): number[] {
  const ids = [...start];
  while (ids.length < start.length + count) {
    const feed = (values: number[]) => ({ data: BigInt64Array.from(values, BigInt), shape: [1, ids.length] });
    const places = feed(ids.map((_, at) => at));
    const { logits } = graph.run({
      ...{ input_ids: feed(ids), attention_mask: feed(ids.map(() => 1)), position_ids: places },
    });
    const last = Array.from(logits?.data ?? [], Number).slice(-(logits?.shape[2] ?? 0));
    ids.push(last.indexOf(Math.max(...last)));
  }
  return ids.slice(start.length);
}

let folder: string;
let decoder: Decoder;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "abrazo-generate-"));
  decoder = makeDecoder(await loadPretrained(await tinyLanguageModel(folder)));
});
afterAll(async () => {
  decoder.dispose();
  await rm(folder, { recursive: true });
});

describe("generate", () => {
  const prompts = [[4, 5, 7], [10, 11, 12, 13, 14, 15], [9]];

  it("gives what the whole model gives without a cache, also when the cache grows and rows leave", async () => {
    const long = await mkdtemp(join(tmpdir(), "abrazo-generate-"));
    const model = await loadPretrained(await tinyLanguageModel(long, 3, 128));
    const [whole, cached] = [compileGraph(traceModel(model)), makeDecoder(model)];
    const expected = prompts.map((ids) => continued(whole, ids, 100));
    const eos = expected[1]?.at(40) ?? -1;
    const { rows } = await run(
      cached,
      prompts.map((ids) => prompt(ids)),
      { ...GREEDY, maxNewTokens: 100, eosTokenIds: [eos] },
    );
    const until = (ids: number[]) => ids.slice(0, ids.includes(eos) ? ids.indexOf(eos) + 1 : undefined);
    expect(rows).toEqual(expected.map(until));
    expect(new Set(rows.map((row) => row.length)).size, "rows end at different times").toBeGreaterThan(1);
    whole.dispose();
    cached.dispose();
    await rm(long, { recursive: true });
  });

  it("gives each row of a padded batch what it gets alone", async () => {
    const together = await run(
      decoder,
      prompts.map((ids) => prompt(ids)),
      GREEDY,
    );
    for (const [row, ids] of prompts.entries()) {
      const alone = await run(decoder, [prompt(ids)], GREEDY);
      expect(together.rows[row]).toEqual(alone.rows[0]);
    }
  });

  it("stops each row at its own end token, and the others go on", async () => {
    const free = await run(
      decoder,
      prompts.map((ids) => prompt(ids)),
      GREEDY,
    );
    const eos = free.rows[0]?.[2] ?? -1;
    const { rows, reasons } = await run(
      decoder,
      prompts.map((ids) => prompt(ids)),
      { ...GREEDY, eosTokenIds: [eos] },
    );
    for (const [row, ids] of (free.rows ?? []).entries()) {
      const at = ids.indexOf(eos);
      expect(rows[row]).toEqual(at < 0 ? ids : ids.slice(0, at + 1));
      expect(reasons[row]).toBe(at < 0 ? "length" : "eos");
    }
    expect(rows[0]?.length).toBeLessThanOrEqual(3);
  });

  it("draws the same for a seed whatever else is in the batch", async () => {
    const sampled = { ...GREEDY, doSample: true };
    const alone = await run(decoder, [prompt([4, 5], 9)], sampled);
    const batch = await run(decoder, [prompt([8], 1), prompt([4, 5], 9), prompt([4, 5], 10)], sampled);
    expect(batch.rows[1]).toEqual(alone.rows[0]);
    expect(batch.rows[2]).not.toEqual(alone.rows[0]);
  });

  it("never goes beyond what the model has positions for", async () => {
    const { rows, reasons } = await run(decoder, [prompt([4, 5, 6])], { ...GREEDY, maxNewTokens: 500 });
    expect(rows[0]).toHaveLength(32 - 3);
    expect(reasons).toEqual(["length"]);
  });

  it("refuses prompts without room, and models that do not generate", async () => {
    const long = Array.from({ length: 32 }, () => 4);
    await expect(run(decoder, [prompt(long)], GREEDY)).rejects.toMatchObject({ code: "PROMPT_TOO_LONG" });
    await expect(run(decoder, [prompt([4, 5])], { ...GREEDY, maxLength: 2 })).rejects.toMatchObject({
      code: "PROMPT_TOO_LONG",
    });
    await expect(run(decoder, [prompt([])], GREEDY)).rejects.toMatchObject({ code: "EMPTY_PROMPT" });
    const other = await mkdtemp(join(tmpdir(), "abrazo-generate-"));
    const classifier = await loadPretrained(await tinyClassifier(other));
    expect(() => makeDecoder(classifier)).toThrow(/does not generate/);
    await rm(other, { recursive: true });
  });
});

describe("StopRule", () => {
  const decode = (ids: readonly number[]) => ids.map((id) => String.fromCharCode(id)).join("");
  const rule = new StopRule({ maxNewTokens: 10, eosTokenIds: [0], stopStrings: ["end", "\n\n"] }, decode);
  const ids = (text: string) => [...text].map((letter) => letter.charCodeAt(0));

  it("names the reason", () => {
    expect(rule.finished(ids("go on"))).toBeUndefined();
    expect(rule.finished(ids("the end"))).toBe("stop");
    expect(rule.finished([65, 0])).toBe("eos");
    expect(rule.finished(ids("0123456789"))).toBe("length");
  });

  it("cuts after the first stop string", () => {
    expect(rule.cutAtStop("a\n\nb end")).toBe("a\n\n");
    expect(rule.cutAtStop("nothing")).toBeUndefined();
  });
});

const reference = dataPath("models", "tiny-random-gpt2");

describe.skipIf(reference === undefined)(
  "decoding equals transformers' (needs ABRAZO_DATA/models/tiny-random-gpt2)",
  () => {
    interface Decoding {
      prompts: number[][];
      greedy: number[][];
      penalty: number[][];
      stopped: { eos: number[]; rows: number[][] };
    }
    let golden: Decoding;
    let theirs: Decoder;

    beforeAll(async () => {
      golden = JSON.parse(await readFile(packageFile("test", "goldens", "generate.json"), "utf8")).decoding;
      theirs = makeDecoder(await loadPretrained(reference ?? ""));
    });
    afterAll(() => theirs.dispose());

    it.each<[keyof Decoding & ("greedy" | "penalty"), Partial<GenerateOptions>]>([
      ["greedy", {}],
      ["penalty", { repetitionPenalty: 1.4 }],
    ])("%s", async (name, options) => {
      const { rows } = await run(
        theirs,
        golden.prompts.map((ids) => prompt(ids)),
        { ...GREEDY, ...options },
      );
      expect(rows).toEqual(golden[name]);
    });

    it("stopped at end tokens", async () => {
      const { eos, rows } = golden.stopped;
      const found = await run(
        theirs,
        golden.prompts.map((ids) => prompt(ids)),
        { ...GREEDY, eosTokenIds: eos },
      );
      expect(found.rows).toEqual(rows);
    });
  },
);
