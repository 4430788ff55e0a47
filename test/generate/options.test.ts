// Every option of the table does something: set to another value than its default, it changes the text, what is asked of the
// decoder, or ends in an error. Names of Python's are ours, or are refused with a reason.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Prompt } from "../../src/generate/contract.ts";
import { generateSequences } from "../../src/generate/generate.ts";
import {
  effectiveOptions,
  generationFile,
  generationSettings,
  generationShape,
  REFUSED_OPTIONS,
  unreadOptions,
  wireName,
} from "../../src/generate/generation-config.ts";
import type { Decoder, Decoding } from "../../src/generate/kv-cache.ts";
import { GENERATION_OPTIONS, type GenerationOptionName, type GenerationOptions } from "../../src/generate/options.ts";
import { PROCESSORS } from "../../src/generate/processors/index.ts";
import { setLogListener } from "../../src/log.ts";
import { packageFile } from "../../src/package-root.ts";
import { decode, golden, promptOf, tinyDecoder } from "./support.ts";

let decoder: Decoder;
beforeAll(async () => {
  decoder = await tinyDecoder();
});
afterAll(() => decoder.dispose());

/** Values of one option that must each show, and what else has to be set for it. */
type Probe<Name extends GenerationOptionName> = {
  values: GenerationOptions[Name][];
  with?: GenerationOptions;
  prompts?: readonly Prompt[];
};

const drawn: GenerationOptions = { doSample: true, topK: 0 };
const ending: GenerationOptions = { eosTokenIds: [57, 13] };
const searching: GenerationOptions = { ...ending, numBeams: 3 };
const drafting: GenerationOptions = { promptLookupNumTokens: 3 };
const told: number[] = [];
const empty = [promptOf([])];
/** Stands for the decoder of the test, which is there once the tests run. */
const itself: Decoder = {
  get maxLength() {
    return decoder.maxLength;
  },
  start: () => recorded(decoder.start(), "assistant"),
  dispose: () => {},
};
const assisted: GenerationOptions = { assistant: itself };

const PROBES: { [Name in GenerationOptionName]: Probe<Name> } = {
  maxLength: { values: [9, 12], with: { maxNewTokens: undefined } },
  maxNewTokens: { values: [1, 5] },
  minLength: { values: [15], with: ending },
  minNewTokens: { values: [9], with: ending },
  earlyStopping: { values: [true, "never"], with: { ...searching, lengthPenalty: 2, maxNewTokens: 40 } },
  maxTime: { values: [1e-6] },
  stopStrings: { values: ["op", ["tes", "rit."]], with: { decode } },
  stoppingCriteria: { values: [[(ids) => ids.length > 10]] },
  doSample: { values: [true] },
  numBeams: { values: [2, 5] },
  lengthPenalty: { values: [-2, 3], with: searching },
  temperature: { values: [0.3, 3], with: drawn },
  topK: { values: [0, 1, 3], with: { doSample: true, temperature: 4 } },
  topP: { values: [0.1, 0.6], with: drawn },
  minP: { values: [0.5], with: drawn },
  topH: { values: [0.3], with: drawn },
  typicalP: { values: [0.2], with: drawn },
  epsilonCutoff: { values: [0.1], with: drawn },
  etaCutoff: { values: [0.5], with: drawn },
  repetitionPenalty: { values: [1.5, 0.7] },
  encoderRepetitionPenalty: { values: [2] },
  noRepeatNgramSize: { values: [1, 2] },
  encoderNoRepeatNgramSize: { values: [1] },
  badWordsIds: { values: [[[51]], [[51, 51]]] },
  sequenceBias: { values: [[[[18], -5]]] },
  suppressTokens: { values: [[51, 57]] },
  beginSuppressTokens: { values: [[22, 13, 51, 6]] },
  forcedBosTokenId: { values: [33], prompts: [promptOf([7])] },
  forcedEosTokenId: { values: [33, [3, 4]] },
  exponentialDecayLengthPenalty: { values: [[2, 1.5]], with: { eosTokenIds: [30] } },
  removeInvalidValues: { values: [true], with: { badWordsIds: [[51]], outputScores: true } },
  renormalizeLogits: { values: [true], with: { outputScores: true } },
  guidanceScale: { values: [1.7, 0] },
  logitsProcessor: { values: [[(scores) => void scores.fill(Number.NEGATIVE_INFINITY, 40)]] },
  prefixAllowedTokensFn: { values: [(prompt, ids) => [prompt, ids.length]] },
  numReturnSequences: { values: [2], with: drawn },
  outputScores: { values: [true] },
  outputLogits: { values: [true] },
  decode: { values: [() => "", (ids) => ids.join("op")], with: { stopStrings: "op" } },
  streamer: { values: [{ put: (rows) => void told.push(...rows.flat().map(Number)), end: () => void told.push(-1) }] },
  signal: { values: [AbortSignal.abort(new Error("enough"))] },
  padTokenId: { values: [9] },
  bosTokenId: { values: [5], prompts: empty },
  decoderStartTokenId: { values: [7], with: { bosTokenId: 5 }, prompts: empty },
  eosTokenIds: { values: [57, [57, 13]] },
  assistant: { values: [itself] },
  numAssistantTokens: { values: [1, 4], with: { ...assisted, assistantConfidenceThreshold: 0 } },
  numAssistantTokensSchedule: {
    values: ["heuristic", "heuristic_transient"],
    with: { ...assisted, numAssistantTokens: 2, assistantConfidenceThreshold: 0 },
  },
  assistantConfidenceThreshold: { values: [0, 0.9], with: assisted },
  promptLookupNumTokens: { values: [2, 6] },
  maxMatchingNgramSize: { values: [1, 4], with: drafting },
};

/** What was asked of decoders. */
let requests: string[] = [];

function recorded(decoding: Decoding, of: string): Decoding {
  const note = (kind: string, value: unknown) => void requests.push(`${of} ${kind} ${value}`);
  return {
    step: (step) => {
      note("step", step.inputIds);
      return decoding.step(step);
    },
    stepMany: async (step, count) => {
      note(`step of ${count}`, step.inputIds);
      return (await decoding.stepMany?.(step, count)) ?? [];
    },
    keep: (rows) => {
      note("keep", rows);
      decoding.keep(rows);
    },
    truncate: (tokens) => decoding.truncate?.(tokens),
  };
}

/** Everything that a call shows: its texts or its error, what it asked of decoders, and what it told a streamer. */
async function observed(options: GenerationOptions, prompts: readonly Prompt[]): Promise<string> {
  requests = [];
  told.length = 0;
  const watched: Decoder = { ...decoder, start: () => recorded(decoder.start(), "decoder") };
  const texts = await generateSequences(watched, prompts, options).catch((error: unknown) => String(error));
  return JSON.stringify([texts, requests, told], (_, value: unknown) =>
    value instanceof Float32Array ? Array.from(value, String) : value,
  );
}

const two = golden.prompts.slice(0, 2).map((ids) => promptOf(ids, 11));
const one = golden.prompts.slice(0, 1).map((ids) => promptOf(ids, 11));

describe("every option shows", () => {
  const cases = Object.entries(PROBES).flatMap(([name, probe]) =>
    probe.values.map((value, at) => [name as GenerationOptionName, at, value, probe] as const),
  ); // safe because PROBES has the names of the table

  it.each(cases)("%s, value %i", async (name, _, value, probe) => {
    const context: GenerationOptions = { maxNewTokens: 16, padTokenId: 2, ...probe.with };
    delete context[name];
    if (name === "maxLength") delete context.maxNewTokens;
    const prompts = probe.prompts ?? (name === "streamer" ? one : two);
    const without = await observed(context, prompts);
    expect(await observed({ ...context, [name]: value }, prompts)).not.toBe(without);
    expect(unreadOptions({ ...context, [name]: value }).map((unread) => unread.name)).not.toContain(name);
  });

  it.each(Object.entries(GENERATION_OPTIONS))("%s is refused where it is of another kind", (name) => {
    for (const wrong of [Symbol("no value"), Number.NaN]) {
      expect(() => generationSettings({ [name]: wrong } as object)).toThrow(/Wrong options of generate\(\)/);
    }
  });

  it("processors are those that the table says are read by one", () => {
    const readers = Object.entries(GENERATION_OPTIONS).filter(([, { readBy }]) => /processor|warper/.test(readBy));
    expect(PROCESSORS.map(({ option }) => option).sort()).toEqual(readers.map(([name]) => name).sort());
    const warpers = readers.filter(([, { readBy }]) => readBy === "warper").map(([name]) => name);
    expect(PROCESSORS.flatMap(({ option, isWarper }) => (isWarper ? [option] : [])).sort()).toEqual(warpers.sort());
  });

  it("the shape for other schemas has every option", () => {
    expect(Object.keys(generationShape)).toEqual(Object.keys(GENERATION_OPTIONS));
  });
});

describe("options that do not go together", () => {
  it.each<[string, GenerationOptions, RegExp]>([
    ["copies of one text", { numReturnSequences: 2 }, /would be the same/],
    ["more texts than beams", { numBeams: 2, numReturnSequences: 3 }, /above numBeams/],
    ["a forced token that is ruled out", { forcedEosTokenId: [3], suppressTokens: [3, 4] }, /rules out the token/],
    ["a decay without end tokens", { exponentialDecayLengthPenalty: [1, 1.1] }, /names none/],
    ["stop strings without text", { stopStrings: ["a"] }, /there is no decode/],
    ["guided drafts", { guidanceScale: 2, promptLookupNumTokens: 2 }, /do not go with guidanceScale/],
  ])("%s", (_, options, message) => {
    expect(() => generationSettings(options)).toThrow(message);
  });

  it("those that change nothing can be told, and left out", () => {
    const options: GenerationOptions = { temperature: 0.5, topK: 50, earlyStopping: true, maxNewTokens: 3 };
    expect(unreadOptions(options)).toEqual([
      { name: "earlyStopping", needs: "beams" },
      { name: "temperature", needs: "sampling" },
    ]);
    expect(effectiveOptions(options)).toEqual({ topK: 50, maxNewTokens: 3 });
  });
});

describe("generate()", () => {
  it("warns of an option that changes nothing", async () => {
    const heard: string[] = [];
    const restore = setLogListener(({ message }) => void heard.push(message));
    await generateSequences(decoder, one, { maxNewTokens: 1, topP: 0.5 });
    restore();
    expect(heard).toEqual(["generate(): topP changes nothing without sampling"]);
  });
});

describe("names", () => {
  it.each(Object.keys(REFUSED_OPTIONS))("%s of Python's is refused with a reason", (name) => {
    const { why, near } = REFUSED_OPTIONS[name] ?? { why: "" };
    for (const spelled of [name, name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)]) {
      const attempt = () => generationSettings({ [spelled]: 1 } as object);
      expect(attempt).toThrow(expect.objectContaining({ code: "UNKNOWN_OPTION", hint: expect.stringContaining(why) }));
      if (near !== undefined) expect(attempt).toThrow(expect.objectContaining({ hint: expect.stringContaining(near) }));
    }
  });

  it("a slip leads to the nearest name", () => {
    const hintOf = (name: string) => expect.objectContaining({ hint: expect.stringContaining(name) });
    expect(() => generationSettings({ top_k: 5 } as object)).toThrow(hintOf('"topK"'));
    expect(() => generationSettings({ maxNewToken: 5 } as object)).toThrow(hintOf('"maxNewTokens"'));
  });

  it("each of Python's GenerationConfig is ours, refused, or about the file itself", () => {
    const { attributes }: { attributes: string[] } = JSON.parse(
      readFileSync(packageFile("test", "goldens", "generate", "attributes.json"), "utf8"),
    );
    const ours = new Set(
      Object.keys(GENERATION_OPTIONS).map((name) => wireName(name as GenerationOptionName)), // safe because they are the table's keys
    );
    const camel = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    const unknown = attributes.filter((name) => !ours.has(name) && REFUSED_OPTIONS[camel(name)] === undefined);
    expect(unknown).toEqual(["_from_model_config", "transformers_version"]);
  });

  it("a file's values become options; what it asks for in vain is told", () => {
    const { options, unread } = generationFile({
      ...{ transformers_version: "5.0", _from_model_config: true, use_cache: true, num_beam_groups: 1 },
      ...{ min_p: null, eos_token_id: 3, early_stopping: "never", penalty_alpha: 0.6, use_mtp: false },
    });
    expect(options).toEqual({ eosTokenIds: 3, earlyStopping: "never" });
    expect(unread).toEqual(["penalty_alpha"]);
    expect(() => generationFile({ top_p: 3 }, "a/generation_config.json")).toThrow(/a\/generation_config.json: topP/);
  });
});
