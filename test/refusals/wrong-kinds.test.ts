// Every public function and class, called with arguments of wrong kinds: it works, or says what is wrong.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as data from "../../src/data/index.ts";
import { AbrazoError } from "../../src/errors.ts";
import * as abrazo from "../../src/index.ts";
import { setLogLevel } from "../../src/log.ts";
import * as nn from "../../src/nn/index.ts";
import * as optim from "../../src/optim/index.ts";
import * as serialize from "../../src/serialize/index.ts";
import * as T from "../../src/tensor/index.ts";

type Kind = readonly [name: string, make: () => unknown];

const NUMBER: Kind = ["3", () => 3];
const LIST: Kind = ["[]", () => []];
const VECTOR: Kind = ["vector", () => T.tensor([1.5, 2.5])];
const CUBE: Kind = ["cube", () => T.ones([2, 3, 4])];
const KINDS: readonly Kind[] = [
  ["undefined", () => undefined],
  NUMBER,
  ['"x"', () => "x"],
  ["{}", () => ({})],
  LIST,
  ["null", () => null],
  ["scalar", () => T.tensor(1.5)],
  VECTOR,
  CUBE,
  ["ids", () => T.tensor([[1, 2]])],
  ["function", () => () => 1],
  ["true", () => true],
  ["NaN", () => Number.NaN],
];
/** Nothing, one argument, two, and three behind two of a usual kind. */
const CALLS: readonly (readonly Kind[])[] = [
  [],
  ...KINDS.map((kind) => [kind]),
  ...[NUMBER, VECTOR, CUBE, LIST].flatMap((first) => KINDS.map((kind) => [first, kind])),
  ...[NUMBER, VECTOR].flatMap((first) => KINDS.map((kind) => [first, first, kind])),
];

/** What a generator gives first: it checks its arguments when it is asked for that. */
const first =
  (generator: unknown): Callable =>
  (...given) =>
    (generator as (...given: unknown[]) => AsyncGenerator<unknown>)(...given).next(); // safe because only generators are passed

const { generateSequences, padSequences, generationSettings, generationFile } = abrazo;
const { makeDecoder, makeSeq2SeqDecoder, TextStreamer, shiftRight } = abrazo;
const GENERATION = {
  ...{ generateSequences, padSequences, generationSettings, generationFile, makeDecoder, makeSeq2SeqDecoder },
  ...{ TextStreamer, shiftRight, generate: first(abrazo.generate), streamText: first(abrazo.streamText) },
};

const { fromConfig, loadPretrained, savePretrained, exportModel, AutoModel, AutoConfig, AutoTokenizer } = abrazo;
const { addAdapter, adapterNames, loadAdapter, mergeAdapter, saveAdapter, setAdapter } = abrazo;
/** Words are names of repositories, which a hub would be asked for. */
const ofWrongKind =
  (load: (source: never) => unknown): Callable =>
  (source) =>
    typeof source === "string" ? undefined : load(source as never); // safe because the test is that it is refused
const MODELS = {
  ...{ fromConfig, loadPretrained, savePretrained, exportModel },
  ...{ addAdapter, adapterNames, loadAdapter, mergeAdapter, saveAdapter, setAdapter },
  autoModel: ofWrongKind((source) => AutoModel.fromPretrained(source)),
  autoModelFromConfig: ofWrongKind((config) => AutoModel.fromConfig(config)),
  autoConfig: ofWrongKind((source) => AutoConfig.fromPretrained(source)),
  autoTokenizer: ofWrongKind((source) => AutoTokenizer.fromPretrained(source)),
};

const MODULES: readonly (readonly [string, object])[] = [
  ["tensor", T],
  ["linalg", T.linalg],
  ["autograd", T.autograd],
  ["autograd.functional", T.autograd.functional],
  ["nn", nn],
  ["nn.functional", nn.functional],
  ["nn.init", nn.init],
  ["optim", optim],
  ["optim.lrScheduler", optim.lrScheduler],
  ["data", data],
  ["data.transforms", data.transforms],
  ["data.transforms.functional", data.transforms.functional],
  ["data.datasets", data.datasets],
  ["serialize", serialize],
  ["generation", GENERATION],
  ["models", MODELS],
];

type Callable = (...given: unknown[]) => unknown;
const isCallable = (value: unknown): value is Callable => typeof value === "function";
const isClass = (value: Callable): boolean => /^class\b/.test(Function.prototype.toString.call(value));

/** What came out in place of a result or of an error of ours. */
async function rawError(value: Callable, kinds: readonly Kind[]): Promise<string | undefined> {
  const given = kinds.map(([, make]) => make());
  try {
    const made: unknown = await (isClass(value) ? Reflect.construct(value, given) : value(...given));
    // What is recorded is computed too: a run may refuse what recording let through.
    if (made instanceof T.Tensor && made.numel() < 1000) made.tolistSync();
    return undefined;
  } catch (error) {
    if (error instanceof AbrazoError && error.code !== "INTERNAL") return undefined;
    return `(${kinds.map(([name]) => name).join(", ")}): ${String(error)}`;
  }
}

describe("arguments of wrong kinds", () => {
  const home = process.cwd();

  beforeAll(() => {
    // Some of the calls write files, and some warn.
    process.chdir(mkdtempSync(`${tmpdir()}/kinds-`));
    setLogLevel("silent");
  });
  afterAll(() => {
    process.chdir(home);
    setLogLevel("info");
    T.setPrintOptions({ profile: "default" });
  });

  it.each(MODULES)("%s", async (_, module) => {
    const raw: string[] = [];
    const functions = Object.entries(module).filter(([, value]) => isCallable(value));
    expect(functions.length).toBeGreaterThan(0);
    for (const [name, value] of functions) {
      for (const kinds of CALLS) {
        const found = await rawError(value, kinds);
        if (found !== undefined) raw.push(`${name}${found}`);
      }
    }
    expect(raw).toEqual([]);
  });
});
