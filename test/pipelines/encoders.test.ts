// The pipelines that read whole texts, against transformers' own: labels, scores, offsets, long texts, batches, streams, bad input.
// The cases come from test/goldens/pipelines/encoders.py.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exportModel, type PipelineInfo, pipeline } from "../../pipelines/index.ts";
import { setLogListener } from "../../src/log.ts";
import { packageFile } from "../../src/package-root.ts";
import { Tensor } from "../../src/tensor/index.ts";
import { type ModelCase, writeCheckpoint } from "../support/model-goldens.ts";

interface Call {
  args: unknown[];
  options: object;
  result: unknown;
}

type Kind =
  | "text-classification"
  | "token-classification"
  | "question-answering"
  | "fill-mask"
  | "zero-shot-classification"
  | "feature-extraction";

const golden: {
  tokenizer: object;
  tokenizerConfig: object;
  models: Record<Kind, Pick<ModelCase, "config" | "tensors"> & { calls: Call[] }>;
} = JSON.parse(readFileSync(packageFile("test", "goldens", "pipelines", "encoders.json"), "utf8"));
const KINDS = Object.keys(golden.models) as Kind[]; // safe because the script names models by task

const root = mkdtempSync(join(tmpdir(), "abrazo-encoders-"));
const folders = new Map<Kind, string>();
const open: PipelineInfo[] = [];
let restoreLog = (): void => {};
beforeAll(async () => {
  restoreLog = setLogListener(() => {});
  for (const kind of KINDS) folders.set(kind, await writeModel(kind, join(root, kind)));
});
afterAll(async () => {
  restoreLog();
  for (const each of open) await each.dispose();
  rmSync(root, { recursive: true });
});

async function writeModel(kind: Kind, at: string): Promise<string> {
  await writeCheckpoint({ ...golden.models[kind], note: "", inputs: {}, outputs: {} }, at);
  await writeFile(join(at, "tokenizer.json"), JSON.stringify(golden.tokenizer));
  await writeFile(join(at, "tokenizer_config.json"), JSON.stringify(golden.tokenizerConfig));
  return at;
}

type Run = ((...args: unknown[]) => Promise<unknown>) & PipelineInfo;

async function load(kind: Kind, options = {}): Promise<Run> {
  const run = await pipeline(kind, folders.get(kind), options);
  open.push(run);
  return run as unknown as Run; // safe because every pipeline is a function; what it takes is this test's matter
}

/** Numbers may differ by 1e-4, all else not at all. */
function expectLike(actual: unknown, wanted: unknown, path = "result"): void {
  if (typeof wanted === "number" && typeof actual === "number" && !Number.isInteger(wanted)) {
    expect(Math.abs(actual - wanted), path).toBeLessThan(1e-4);
  } else if (Array.isArray(wanted)) {
    expect(Array.isArray(actual) ? actual.length : actual, path).toBe(wanted.length);
    for (const [at, item] of wanted.entries()) expectLike((actual as unknown[])[at], item, `${path}[${at}]`); // safe because its length was compared
  } else if (typeof wanted === "object" && wanted !== null) {
    expect(Object.keys(actual ?? {}).sort(), path).toEqual(Object.keys(wanted).sort());
    for (const [name, item] of Object.entries(wanted))
      expectLike((actual as Record<string, unknown>)[name], item, `${path}.${name}`); // safe because it has the same keys
  } else expect(actual, path).toEqual(wanted);
}

const settled = async (result: unknown): Promise<unknown> => (result instanceof Tensor ? result.tolist() : result);

describe.each(KINDS)("%s", (kind) => {
  it.each(
    golden.models[kind].calls.map((call) => [JSON.stringify([call.args, call.options]).slice(0, 90), call] as const),
  )("gives what Python's gives: %s", async (_, { args, options, result }) => {
    const run = await load(kind);
    expectLike(await settled(await run(...args, options)), result);
  });

  it("refuses unknown options and inputs that are none", async () => {
    const run = await load(kind);
    const labels = kind === "zero-shot-classification" ? [["sport"]] : [];
    const { args } = golden.models[kind].calls[0] ?? { args: [] };
    await expect(run(...args, { topQ: 1 })).rejects.toMatchObject({ code: "UNKNOWN_OPTION" });
    await expect(run(7, ...labels)).rejects.toMatchObject({ code: "INVALID_INPUT" });
    await expect(run([null], ...labels)).rejects.toMatchObject({ code: "INVALID_INPUT" });
    const none = await run([], ...labels);
    expect(none instanceof Tensor ? none.shape[0] : none).toEqual(none instanceof Tensor ? 0 : []);
  });
});

describe("streams", () => {
  it("results come in the order of the inputs, and leaving the loop ends the input", async () => {
    const run = await load("text-classification");
    const texts = ["a good book", "the bad film in the night", "ana", "bo sings"];
    let ended = false;
    async function* endless(): AsyncGenerator<string> {
      try {
        for (let at = 0; ; at++) yield texts[at % 4] ?? "";
      } finally {
        ended = true;
      }
    }
    const stream = run(endless()) as unknown as AsyncGenerator<{ label: string; score: number }>; // safe because streams give streams
    const seen: unknown[] = [];
    for await (const result of stream) if (seen.push(result) === 600) break;
    expect(ended).toBe(true);
    expectLike(seen.slice(0, 4), await run(texts));
    expectLike(seen.slice(596), await run(texts));
  });

  it("features come text by text", async () => {
    const run = await load("feature-extraction");
    function* texts(): Generator<string> {
      yield "a day";
      yield "the old city of rome";
    }
    const rows: unknown[] = [];
    const stream = run(texts(), { pooling: "mean" }) as unknown as AsyncGenerator<Tensor>; // safe because streams give streams
    for await (const row of stream) rows.push(await row.tolist());
    expectLike(rows, await settled(await run(["a day", "the old city of rome"], { pooling: "mean" })));
  });
});

it("batches of any size give the same", async () => {
  const texts = Array.from({ length: 70 }, (_, at) =>
    "ana lives in the old city of berlin and reads"
      .split(" ")
      .slice(0, 1 + (at % 9))
      .join(" "),
  );
  for (const [kind, more] of [
    ["token-classification", { aggregationStrategy: "simple" }],
    ["feature-extraction", { pooling: "mean" }],
  ] as const) {
    const run = await load(kind);
    const whole = await settled(await run(texts, more));
    expectLike(await settled(await run(texts, { ...more, batchSize: 1 })), whole);
  }
});

it("the same answers come from an exported ONNX file", async () => {
  for (const kind of ["token-classification", "question-answering", "fill-mask"] as const) {
    const copy = join(root, `${kind}-onnx`);
    await writeModel(kind, copy);
    await exportModel(copy);
    rmSync(join(copy, "model.safetensors"));
    const run = (await pipeline(kind, copy)) as unknown as Run; // safe as in load()
    open.push(run);
    expect(run.runtime).toBe("transformers.js");
    const { args, options, result } = golden.models[kind].calls[0] ?? { args: [], options: {}, result: undefined };
    expectLike(await run(...args, options), result);
  }
});

describe("refuses", () => {
  it("a model that does another task", async () => {
    await expect(pipeline("fill-mask", folders.get("question-answering"))).rejects.toMatchObject({
      code: "WRONG_TASK",
    });
    await expect(pipeline("zero-shot-classification", folders.get("text-classification"))).rejects.toMatchObject({
      code: "WRONG_TASK",
    });
  });

  it("a text without a mask, an empty label, a template without a place, a question without context", async () => {
    const fill = await load("fill-mask");
    await expect(fill("no mask")).rejects.toMatchObject({ code: "INVALID_INPUT" });
    const zeroShot = await load("zero-shot-classification");
    await expect(zeroShot("a day", [])).rejects.toMatchObject({ code: "INVALID_INPUT" });
    await expect(zeroShot("a day", ["sport", ""])).rejects.toMatchObject({ code: "INVALID_INPUT" });
    await expect(zeroShot("a day", ["sport"], { hypothesisTemplate: "about" })).rejects.toMatchObject({
      code: "INVALID_OPTION",
    });
    const answer = await load("question-answering");
    await expect(answer("who?", "")).rejects.toMatchObject({ code: "INVALID_INPUT" });
    await expect(answer({ question: "who?" })).rejects.toMatchObject({ code: "INVALID_INPUT" });
  });

  it("a task without a default model when none is named", async () => {
    await expect(pipeline("fill-mask")).rejects.toMatchObject({ code: "NO_DEFAULT_MODEL" });
  });
});
