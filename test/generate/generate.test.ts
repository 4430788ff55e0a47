// Decoding: cached equals uncached, rows stop each for itself, a row does not depend on its batch.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type GenerateOptions,
  generate,
  generateSequences,
  type Prompt,
  padSequences,
} from "../../src/generate/generate.ts";
import { generationSettings } from "../../src/generate/generation-config.ts";
import { type Decoder, makeDecoder } from "../../src/generate/kv-cache.ts";
import { cutAtStop, StopRule } from "../../src/generate/stop.ts";
import { loadPretrained } from "../../src/models/auto.ts";
import { traceModel } from "../../src/models/trace.ts";
import { packageFile } from "../../src/package-root.ts";
import { type CompiledGraph, compileGraph } from "../../src/tensor/index.ts";
import { dataPath } from "../support/data.ts";
import { tinyClassifier, tinyLanguageModel } from "../support/tiny-models.ts";

const GREEDY: GenerateOptions = { maxNewTokens: 20, padTokenId: 0 };

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
    const sampled = { ...GREEDY, doSample: true, topK: 0 };
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
    await expect(run(decoder, [prompt([4, 5])], { maxLength: 2 })).rejects.toMatchObject({
      code: "PROMPT_TOO_LONG",
    });
    await expect(run(decoder, [prompt([])], GREEDY)).rejects.toMatchObject({ code: "EMPTY_PROMPT" });
    const other = await mkdtemp(join(tmpdir(), "abrazo-generate-"));
    const classifier = await loadPretrained(await tinyClassifier(other));
    expect(() => makeDecoder(classifier)).toThrow(/does not generate/);
    await rm(other, { recursive: true });
  });
});

describe("generate's options", () => {
  const prompts = [[4, 5, 7], [10, 11, 12, 13, 14, 15], [9]].map((ids) => prompt(ids));

  it("a finished row is padded, whatever its neighbours go on with", async () => {
    const free = await run(decoder, prompts, GREEDY);
    const eos = free.rows[0]?.[2] ?? -1;
    const { rows } = await run(decoder, prompts, { ...GREEDY, eosTokenIds: eos });
    const padded = padSequences(rows, 0);
    expect(new Set(padded.map((row) => row.length)).size).toBe(1);
    const longest = Math.max(...rows.map((row) => row.length));
    expect(padded).toEqual(rows.map((row) => [...row, ...new Array<number>(longest - row.length).fill(0)]));
  });

  it("numReturnSequences draws as many texts a prompt, each with a stream of its own", async () => {
    const options = { ...GREEDY, doSample: true, topK: 0, numReturnSequences: 3 };
    const texts = await generateSequences(decoder, [prompt([4, 5], 7), prompt([9], 1)], options);
    expect(texts.map((text) => text.prompt)).toEqual([0, 0, 0, 1, 1, 1]);
    const alone = { ...options, numReturnSequences: 1 };
    const [third] = await generateSequences(decoder, [prompt([4, 5], 9)], alone);
    expect(texts[2]).toEqual(third);
    expect(texts[0]).not.toEqual(texts[1]);
  });

  it("beams end each prompt for itself, and give the same in any batch", async () => {
    const options = { ...GREEDY, numBeams: 3, numReturnSequences: 2, eosTokenIds: [5, 9, 12] };
    const together = await generateSequences(decoder, prompts, options);
    for (const [at, alone] of prompts.entries()) {
      const texts = await generateSequences(decoder, [alone], options);
      const found = together.filter((text) => text.prompt === at);
      expect(found.map(({ ids }) => ids)).toEqual(texts.map(({ ids }) => ids));
    }
  });

  it("ends with the time, an abort, or a criterion of the caller's", async () => {
    const timed = await run(decoder, prompts, { ...GREEDY, maxTime: 1e-6 });
    expect(timed.reasons).toEqual(["time", "time", "time"]);
    expect(timed.rows.map((row) => row.length)).toEqual([1, 1, 1]);
    const judged = await run(decoder, prompts, { ...GREEDY, stoppingCriteria: [(ids) => ids.length >= 8] });
    expect(judged.rows.map((row) => row.length)).toEqual([5, 2, 7]);
    expect(judged.reasons).toEqual(["criterion", "criterion", "criterion"]);
    const controller = new AbortController();
    const tokens: number[] = [];
    const aborted = async () => {
      for await (const { id } of generate(decoder, [prompt([4])], { ...GREEDY, signal: controller.signal })) {
        tokens.push(id);
        if (tokens.length === 3) controller.abort(new Error("enough"));
      }
    };
    await expect(aborted()).rejects.toThrow("enough");
    expect(tokens).toHaveLength(3);
  });

  it("frees what it holds when the loop is left", async () => {
    let [started, freed] = [0, 0];
    const watched: Decoder = {
      maxLength: decoder.maxLength,
      start: () => {
        const decoding = decoder.start();
        started++;
        return {
          step: (step) => decoding.step(step),
          keep: (rows) => decoding.keep(rows),
          dispose: () => {
            freed++;
            decoding.dispose?.();
          },
        };
      },
      dispose: () => {},
    };
    for await (const _ of generate(watched, prompts, GREEDY)) break;
    for await (const _ of generate(watched, prompts, { ...GREEDY, numBeams: 2, guidanceScale: 2 })) break;
    expect([started, freed]).toEqual([3, 3]);
  });

  it("a text without a prompt starts with the token that begins texts", async () => {
    const named = await run(decoder, [prompt([])], { ...GREEDY, bosTokenId: 4 });
    expect(named.rows).toEqual((await run(decoder, [prompt([4])], GREEDY)).rows);
    const first = await run(decoder, [prompt([])], { ...GREEDY, bosTokenId: 4, decoderStartTokenId: 9 });
    expect(first.rows).toEqual((await run(decoder, [prompt([9])], GREEDY)).rows);
  });

  it("negative ids take the place of the prompt's last token in a guidance", async () => {
    const guided = { ...GREEDY, guidanceScale: 3 };
    const last = await run(decoder, [prompt([4, 5, 7])], guided);
    const same = await run(decoder, [{ ids: [4, 5, 7], seed: 0, negativeIds: [7] }], guided);
    const other = await run(decoder, [{ ids: [4, 5, 7], seed: 0, negativeIds: [12, 13] }], guided);
    expect(same.rows).toEqual(last.rows);
    expect(other.rows).not.toEqual(last.rows);
    const sampled = { ...guided, doSample: true, topK: 0, numReturnSequences: 2 };
    const [, copy] = await generateSequences(decoder, [prompt([4, 5], 3), prompt([9], 3)], sampled);
    const [alone] = await generateSequences(decoder, [prompt([4, 5], 4)], { ...sampled, numReturnSequences: 1 });
    expect(copy).toEqual(alone);
  });
});

describe("StopRule", () => {
  const decode = (ids: readonly number[]) => Buffer.from(ids).toString("utf8");
  const options = { maxNewTokens: 10, eosTokenIds: [0], stopStrings: ["end", "\n\n", "€"], decode };
  const rule = new StopRule(generationSettings(options), { maxLength: 12 }, Number.POSITIVE_INFINITY);
  const ids = (text: string) => [...Buffer.from(text)];

  it("names the reason", () => {
    expect(rule.finished(ids("go on"))).toBeUndefined();
    expect(rule.finished(ids("the end"))).toBe("stop");
    expect(rule.finished([65, 0])).toBe("eos");
    expect(rule.finished(ids("0123456789ab"))).toBe("length");
  });

  it("sees only stop strings that the last token completes", () => {
    expect(rule.finished(ids("the end of"))).toBeUndefined();
    expect(rule.finished(ids("a\n\n"))).toBe("stop");
    expect(rule.finished(ids("a\n\nb"))).toBeUndefined();
  });

  it("takes a character of several tokens as soon as it is whole", () => {
    const euro = ids("5 €");
    expect(rule.finished(euro.slice(0, -1))).toBeUndefined();
    expect(rule.finished(euro)).toBe("stop");
  });

  it("cuts after the first stop string", () => {
    expect(cutAtStop("a\n\nb end", ["end", "\n\n"])).toBe("a\n\n");
    expect(cutAtStop("nothing", ["end"])).toBeUndefined();
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
