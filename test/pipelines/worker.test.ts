// pipeline(…, { worker }): real threads with real models, the same results, a free caller, and every way in which a call can end.
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import { type Classification, exportModel, type GeneratedText, pipeline } from "../../pipelines/index.ts";
import { PipelinePool } from "../../pipelines/worker/pool.ts";
import { pooled } from "../../pipelines/worker/start.ts";
import { Image, transforms } from "../../src/data/index.ts";
import { type LogRecord, setLogListener } from "../../src/log.ts";
import { packageFile } from "../../src/package-root.ts";
import { Tensor } from "../../src/tensor/index.ts";
import { writeCheckpoint } from "../support/model-goldens.ts";
import { tinyClassifier, tinyLanguageModel } from "../support/tiny-models.ts";

let root: string;
let folder: string;
let language: string;
/** A classifier big enough to compute for a while. */
let slow: string;
const made: { dispose(): Promise<void> }[] = [];

function kept<Pipe extends { dispose(): Promise<void> }>(pipe: Pipe): Pipe {
  made.push(pipe);
  return pipe;
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "abrazo-worker-"));
  folder = await tinyClassifier(join(root, "plain"));
  language = await tinyLanguageModel(join(root, "lm"), 1, 4096);
  slow = await tinyClassifier(join(root, "slow"), { dim: 384, n_layers: 4, n_heads: 6, hidden_dim: 1536 });
});
afterAll(async () => {
  for (const each of made) await each.dispose();
  await rm(root, { recursive: true });
});

const TEXTS = ["i love this book", "the film was bad and very dull but it is a great story", "not good", "great"];
function* streamOf<Item>(items: readonly Item[]): Generator<Item, void, undefined> {
  yield* items;
}

/** Runs for as long as there are places: nothing ends the text. */
const ENDLESS = { doSample: false, maxNewTokens: 4000, suppressTokens: [3] };

describe("results", () => {
  it("of text-classification are those of the model on this thread", async () => {
    const [here, there] = [
      kept(await pipeline("text-classification", folder)),
      kept(await pipeline("text-classification", folder, { worker: true })),
    ];
    expect([there.task, there.model, there.runtime, there.revision]).toEqual([
      "text-classification",
      folder,
      "native",
      undefined,
    ]);
    expect(await there(TEXTS)).toEqual(await here(TEXTS));
    expect(await there(TEXTS[0] ?? "")).toEqual(await here(TEXTS[0] ?? ""));
    expect(await there(TEXTS, { topK: null })).toEqual(await here(TEXTS, { topK: null }));
    const seen: Classification[] = [];
    for await (const each of there(streamOf(TEXTS))) seen.push(each);
    expect(seen).toEqual(await here(TEXTS));
    expect(await there([])).toEqual([]);
  });

  it("of feature-extraction are tensors", async () => {
    const [here, there] = [
      kept(await pipeline("feature-extraction", folder)),
      kept(await pipeline("feature-extraction", folder, { worker: { count: 1 } })),
    ];
    const [expected, given] = [await here(TEXTS), await there(TEXTS)];
    expect(given).toBeInstanceOf(Tensor);
    expect([given.shape, given.dtype]).toEqual([expected.shape, expected.dtype]);
    expect(await given.tolist()).toEqual(await expected.tolist());
    const rows: number[] = [];
    for await (const row of there(streamOf(TEXTS), { pooling: "mean" })) rows.push(...row.shape);
    expect(rows).toEqual([32, 32, 32, 32]);
  });

  it("of text-generation are drawn from the same seed, whole and as they grow", async () => {
    const [here, there] = [
      kept(await pipeline("text-generation", language)),
      kept(await pipeline("text-generation", language, { worker: true })),
    ];
    const options = { seed: 5, maxNewTokens: 12, numReturnSequences: 2 };
    expect(await there(["this film", "great"], options)).toEqual(await here(["this film", "great"], options));
    const pieces = async (pipe: typeof here): Promise<string[]> => {
      const all: string[] = [];
      for await (const piece of pipe.stream("this film", { seed: 5, maxNewTokens: 12 })) all.push(piece);
      return all;
    };
    const expected = await pieces(here);
    expect(expected.length).toBeGreaterThan(2);
    const seen: string[] = [];
    for await (const piece of there.stream("this film", { seed: 5, maxNewTokens: 12 })) {
      seen.push(piece);
      // Another call goes on between two pieces, on the one thread that there is.
      if (seen.length === 1) expect(await there("great", { doSample: false, maxNewTokens: 2 })).toHaveLength(1);
    }
    expect(seen).toEqual(expected);
  });

  it("of images, in every form of one", async () => {
    const { models, pictures, processors } = JSON.parse(
      await readFile(packageFile("test", "goldens", "pipelines", "images.json"), "utf8"),
    );
    const { config, tensors, processor } = models["several"];
    const at = await writeCheckpoint({ config, tensors, note: "", inputs: {}, outputs: {} }, join(root, "vit"));
    await writeFile(join(at, "preprocessor_config.json"), JSON.stringify(processors[processor]));
    const bytes = Buffer.from(pictures["wide"], "base64");
    const path = join(root, "wide.png");
    await writeFile(path, bytes);
    const image = await Image.open(path);
    const forms = [path, pathToFileURL(path), bytes, new Blob([bytes]), image, transforms.functional.toTensor(image)];
    const [here, there] = [
      kept(await pipeline("image-classification", at)),
      kept(await pipeline("image-classification", at, { worker: true })),
    ];
    for (const form of forms) expect(await there(form)).toEqual(await here(form));
    expect(await there(forms)).toEqual(await here(forms));
  });

  it("of ONNX files are those of transformers.js on this thread", async () => {
    const out = join(root, "onnx-only");
    await exportModel(folder, { out });
    const [here, there] = [
      kept(await pipeline("text-classification", out)),
      kept(await pipeline("text-classification", out, { worker: true })),
    ];
    expect(there.runtime).toBe("transformers.js");
    expect(await there(TEXTS, { topK: null })).toEqual(await here(TEXTS, { topK: null }));
  });

  it("every form of a call takes a signal", async () => {
    const there = kept(await pipeline("text-classification", folder, { worker: true }));
    const { signal } = new AbortController();
    const one = await there("great", { signal });
    expectTypeOf(one).toEqualTypeOf<Classification[]>();
    const lists = await there(TEXTS, { topK: 2, signal });
    expectTypeOf(lists).toEqualTypeOf<Classification[][]>();
    expect(lists.map((list) => list.length)).toEqual([2, 2, 2, 2]);
    const text = kept(await pipeline("text-generation", language, { worker: true }));
    expectTypeOf(await text("great", { maxNewTokens: 1, signal })).toEqualTypeOf<GeneratedText[]>();
    await expect(there("great", { signal: 3 as never })).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });
});

describe("the caller's thread", () => {
  it("is free while a thread computes", async () => {
    const there = kept(await pipeline("text-classification", slow, { worker: true, threads: 1 }));
    let fired = 0;
    let longest = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      fired++;
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 5);
    const start = performance.now();
    const texts = Array.from({ length: 85 }, () => TEXTS.join(" "));
    // One batch is one run: on this thread no timer fires within it.
    while (performance.now() - start < 300) await there(texts);
    const elapsed = performance.now() - start;
    clearInterval(timer);
    expect(fired, "of one in 5 ms").toBeGreaterThan(elapsed / 5 / 10);
    expect(longest).toBeLessThan(Math.max(250, elapsed / 2));
  });

  it("two threads work side by side, one after another does", async () => {
    const orderOf = async (count: number): Promise<string[]> => {
      const classify = kept(await pipeline("text-classification", slow, { worker: { count } }));
      const order: string[] = [];
      const many = Array.from({ length: 100 }, () => TEXTS.join(" "));
      await Promise.all([
        classify(many).then(() => order.push("long")),
        classify("great").then(() => order.push("short")),
      ]);
      return order;
    };
    expect(await orderOf(2)).toEqual(["short", "long"]);
    expect(await orderOf(1)).toEqual(["long", "short"]);
  });

  it("texts of one thread grow together, and are what they are alone", async () => {
    const generate = kept(await pipeline("text-generation", language, { worker: true }));
    const prompts = ["this film", "great", "i love the story and", "a book"];
    const options = (seed: number) => ({ maxNewTokens: 20 * (4 - seed), seed, doSample: true, suppressTokens: [3] });
    const apart: unknown[] = [];
    for (const [at, prompt] of prompts.entries()) apart.push(await generate(prompt, options(at)));
    const order: number[] = [];
    const together = prompts.map(async (prompt, at) => {
      const texts =
        at % 2 === 0 ? await generate(prompt, options(at)) : await streamedText(generate, prompt, options(at));
      order.push(at);
      return texts;
    });
    expect(await Promise.all(together)).toEqual(apart);
    // The whole ones: what is streamed has further to go.
    expect(order.filter((at) => at % 2 === 0)).toEqual([2, 0]);
  });
});

async function streamedText(
  generate: { stream(prompt: string, options: object): AsyncGenerator<string, void, undefined> },
  prompt: string,
  options: object,
): Promise<{ generatedText: string }[]> {
  let generatedText = prompt;
  for await (const piece of generate.stream(prompt, options)) generatedText += piece;
  return [{ generatedText }];
}

const settled = (promise: Promise<unknown>) => {
  const state = { is: "waiting" };
  promise.then(
    () => {
      state.is = "done";
    },
    () => {
      state.is = "failed";
    },
  );
  return state;
};

describe("a signal", () => {
  it("ends a call that waits, and lets what runs go on", async () => {
    const generate = kept(await pipeline("text-generation", language, { worker: true }));
    const running = generate("this film", { ...ENDLESS, maxNewTokens: 500 });
    const state = settled(running);
    const controller = new AbortController();
    const waiting = generate("great", { maxNewTokens: 2, signal: controller.signal });
    const reason = new Error("the user left");
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect(state.is).toBe("waiting");
    expect(await running).toHaveLength(1);
    await expect(generate("great", { signal: controller.signal })).rejects.toBe(reason);
  });

  it("ends one that runs between two tokens, and the thread goes on", async () => {
    const generate = kept(await pipeline("text-generation", language, { worker: true }));
    const start = performance.now();
    await generate("this film", { ...ENDLESS, maxNewTokens: 400 });
    const tenth = performance.now() - start;
    const began = performance.now();
    await expect(generate("this film", { ...ENDLESS, signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
      name: "TimeoutError",
    });
    expect(await generate("great", { maxNewTokens: 2 })).toHaveLength(1);
    expect(performance.now() - began, "less than half of the text").toBeLessThan(5 * tenth);
  });

  it("stops an encoder between its batches, and drops its results at once", async () => {
    const classify = kept(await pipeline("text-classification", slow, { worker: true }));
    const controller = new AbortController();
    const texts = Array.from({ length: 400 }, () => TEXTS.join(" "));
    const start = performance.now();
    await classify(texts.slice(0, 100), { batchSize: 1 });
    const quarter = performance.now() - start;
    const began = performance.now();
    const call = classify(texts, { batchSize: 1, signal: controller.signal });
    setTimeout(() => controller.abort(), 20);
    await expect(call).rejects.toMatchObject({ name: "AbortError" });
    expect(await classify("great")).toHaveLength(1);
    expect(performance.now() - began, "less than half of the texts").toBeLessThan(2 * quarter);
  });

  it("ends streams: of texts as they grow, and of inputs that do not come", async () => {
    const generate = kept(await pipeline("text-generation", language, { worker: true }));
    const controller = new AbortController();
    const pieces: string[] = [];
    const reading = (async () => {
      for await (const piece of generate.stream("this film", { ...ENDLESS, signal: controller.signal })) {
        pieces.push(piece);
        if (pieces.length === 3) setTimeout(() => controller.abort(), 5);
      }
    })();
    await expect(reading).rejects.toMatchObject({ name: "AbortError" });
    expect(pieces.length).toBeLessThan(3900);
    const never = new AbortController();
    const inputs = (async function* () {
      yield "great";
      await new Promise(() => {});
    })();
    const results = generate(inputs, { signal: never.signal });
    const next = results.next();
    never.abort();
    await expect(next).rejects.toMatchObject({ name: "AbortError" });
  });

  it("a loop that is left ends the text in the thread", async () => {
    const generate = kept(await pipeline("text-generation", language, { worker: true }));
    for await (const _ of generate.stream("this film", ENDLESS)) break;
    const start = performance.now();
    expect(await generate("great", { maxNewTokens: 2 })).toHaveLength(1);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

describe("the end of a thread", () => {
  const body = pathToFileURL(packageFile("test/pipelines/worker-bodies.ts"));
  const mortal = async (count = 1) => {
    const pool = new PipelinePool({ task: "text-classification", folder, options: {}, count, body });
    return kept(pooled(pool, await pool.start()));
  };

  it.each([
    { how: "exit", why: "exit code 7", data: { exitCode: 7, task: "text-classification" } },
    { how: "throw", why: "RangeError: thrown outside of a call", data: { exitCode: 1 } },
  ])("$how: its call fails, those that wait do not, and the next starts another", async ({ how, why, data }) => {
    const { call } = await mortal();
    const dying = call(how);
    const waiting = call("great");
    await expect(dying).rejects.toMatchObject({
      code: "WORKER_DIED",
      message: `A worker thread of text-classification ended unexpectedly (${why}).`,
      hint: expect.stringContaining("The next call starts a new one."),
      data,
    });
    expect(await waiting).toHaveLength(1);
    expect(await call("great")).toEqual(await waiting);
  });

  it("the other thread goes on", async () => {
    const { call } = await mortal(2);
    const results = await Promise.allSettled([call("exit"), call(TEXTS), call("great")]);
    expect(results.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled"]);
  });

  it("a stream that it held is lost with it", async () => {
    const pool = new PipelinePool({ task: "text-generation", folder: language, options: {}, count: 1, body });
    const { call } = kept(pooled(pool, await pool.start()));
    const pieces = pool.stream("stream", ["this film", ENDLESS]);
    await pieces.next();
    await expect(call("exit")).rejects.toMatchObject({ code: "WORKER_DIED" });
    await expect(pieces.next()).rejects.toMatchObject({ code: "WORKER_DIED", data: { exitCode: 7 } });
  });

  it("what it logs reaches the listener of this thread", async () => {
    const { call } = await mortal();
    const records: LogRecord[] = [];
    const restore = setLogListener((record) => records.push(record));
    await call("log");
    restore();
    expect(records).toEqual([{ level: "warn", message: "said in a thread", data: { answer: 42 } }]);
  });
});

describe("dispose()", () => {
  it("finishes what runs, refuses what waits and ends the threads", async () => {
    const classify = await pipeline("text-classification", slow, { worker: true });
    const running = classify(Array.from({ length: 60 }, () => TEXTS.join(" ")));
    const state = settled(running);
    const waiting = classify("great");
    const disposal = classify.dispose();
    await expect(waiting).rejects.toMatchObject({ code: "PIPELINE_DISPOSED" });
    await disposal;
    expect(state.is).toBe("done");
    expect(await running).toHaveLength(60);
    expect(() => classify("great")).toThrow(expect.objectContaining({ code: "PIPELINE_DISPOSED" }));
  });

  it("finishes all texts that a thread has in hand", async () => {
    const generate = await pipeline("text-generation", language, { worker: true });
    const running = ["this film", "great"].map((prompt) => generate(prompt, { ...ENDLESS, maxNewTokens: 100 }));
    const states = running.map(settled);
    await generate.dispose();
    expect(states.map(({ is }) => is)).toEqual(["done", "done"]);
  });

  it("ends a stream that is held in the middle", async () => {
    const generate = await pipeline("text-generation", language, { worker: true });
    const pieces = generate.stream("this film", ENDLESS);
    await pieces.next();
    await generate.dispose();
    await expect(pieces.next()).rejects.toMatchObject({ code: "PIPELINE_DISPOSED" });
  });
});

describe("errors", () => {
  /** What a call ends with, without where it was thrown. */
  const failure = async (work: Promise<unknown>): Promise<unknown> => {
    const error: unknown = await work.then(
      () => "nothing failed",
      (reason: unknown) => reason,
    );
    return { error, json: JSON.parse(JSON.stringify(error)), name: error instanceof Error ? error.name : undefined };
  };

  it("of loading are those of the model on this thread", async () => {
    const empty = join(root, "empty");
    await tinyClassifier(empty);
    await writeFile(join(empty, "config.json"), '{"model_type": ');
    for (const [task, model] of [
      ["text-classification", language],
      ["text-classification", empty],
      ["text-generation", folder],
    ] as const) {
      const here = await failure(pipeline(task, model));
      expect(await failure(pipeline(task, model, { worker: { count: 2 } }))).toEqual(here);
      expect(here).toMatchObject({ json: { code: expect.stringMatching(/^[A-Z_]+$/) }, name: "AbrazoError" });
    }
    await expect(pipeline("text-classification", join(root, "none"), { worker: true })).rejects.toMatchObject({
      code: "MODEL_NOT_FOUND",
    });
  });

  it("of calls are, too, and name what cannot be sent", async () => {
    const [here, there] = [
      kept(await pipeline("text-generation", language)),
      kept(await pipeline("text-generation", language, { worker: true })),
    ];
    for (const [input, options] of [
      ["great", { max_new_tokens: 3 }],
      ["great", { temperature: 0 }],
      [3, {}],
    ] as unknown as [string, object][]) {
      expect(await failure(there(input, options))).toEqual(await failure(here(input, options)));
    }
    await expect(there("great", { logitsProcessor: [() => {}] })).rejects.toMatchObject({
      code: "CANNOT_SEND_TO_WORKER",
      message: "options.logitsProcessor[0]: a function cannot be sent to a worker thread.",
      hint: expect.stringContaining("without { worker }"),
      data: { path: "options.logitsProcessor[0]" },
    });
    await expect(there("great", { streamer: { put: () => {}, end: () => {} } })).rejects.toThrow(
      "options.streamer.put",
    );
    const hidden = new Map([["function", () => {}]]);
    await expect(there("great", { seed: hidden } as never)).rejects.toMatchObject({ code: "CANNOT_SEND_TO_WORKER" });
    expect(await there("great", { maxNewTokens: 2 })).toHaveLength(1);
  });

  it("of options", async () => {
    const wrong = { worker: { count: 0 } };
    await expect(pipeline("text-classification", folder, wrong)).rejects.toMatchObject({ code: "INVALID_OPTION" });
    await expect(pipeline("text-classification", folder, { worker: 2 as never })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining("worker: expected true, false or { count: 1, 2, … }"),
    });
  });
});

/** A program of its own, run by Node with tsx: its output, and how it ended. */
async function program(lines: string, flags: string[] = []) {
  const path = join(root, `program-${Math.random().toString(36).slice(2)}.mts`);
  const url = (file: string) => JSON.stringify(pathToFileURL(packageFile(file)).href);
  await writeFile(
    path,
    `import { pipeline } from ${url("pipelines/index.ts")};
     import { PipelinePool } from ${url("pipelines/worker/pool.ts")};
     const [folder, body] = [${JSON.stringify(folder)}, new URL(${url("test/pipelines/worker-bodies.ts")})];
     ${lines}`,
  );
  const tsx = pathToFileURL(packageFile("node_modules/tsx/dist/loader.mjs")).href;
  return spawnSync(process.execPath, [...flags, "--import", tsx, path], { encoding: "utf8", timeout: 100_000 });
}

describe("WebGPU", () => {
  it("is used by one thread: two would crash the process", async () => {
    for (const device of ["webgpu", "auto"] as const) {
      const two = pipeline("text-classification", folder, { device, worker: { count: 2 } });
      await expect(two).rejects.toMatchObject({ code: "DEVICE_TAKEN", data: { threads: 2 } });
    }
    const one = await pipeline("text-classification", folder, { device: "auto", worker: true });
    const another = pipeline("text-classification", folder, { device: "auto", worker: true });
    await expect(another).rejects.toMatchObject({ code: "DEVICE_TAKEN" });
    await one.dispose();
    await kept(await pipeline("text-classification", folder, { device: "auto", worker: true })).dispose();
    await expect(pipeline("fill-mask", folder, { device: "auto", worker: true })).rejects.toMatchObject({
      code: "WRONG_TASK",
    });
    await kept(await pipeline("text-classification", folder, { device: "auto", worker: true })).dispose();
  });
});

describe("the process", () => {
  it("ends by itself, with pipelines disposed of or not", async () => {
    const { status, stdout, stderr } = await program(`
      const first = await pipeline("text-classification", folder, { worker: { count: 2 } });
      await first(["great", "good"]);
      await first.dispose();
      console.log(process._getActiveHandles().filter((handle) => handle.constructor.name === "Worker").length);
      const left = await pipeline("text-classification", folder, { worker: true });
      console.log((await left("great")).length);
    `);
    expect(stderr).toBe("");
    expect([status, stdout]).toEqual([0, "0\n1\n"]);
  });

  it("may be ended while a thread computes", async () => {
    const { status, stdout } = await program(`
      const classify = await pipeline("text-classification", ${JSON.stringify(slow)}, { worker: true });
      void classify(Array.from({ length: 400 }, () => "great ".repeat(30)));
      setTimeout(() => {
        console.log("ends");
        process.exit(3);
      }, 100);
    `);
    expect([status, stdout]).toEqual([3, "ends\n"]);
  });

  it("survives a thread that runs out of memory", async () => {
    const { status, stdout } = await program(
      `const pool = new PipelinePool({ task: "text-classification", folder, options: {}, count: 1, body });
       await pool.start();
       await pool.call(["memory"]).catch((error) => console.log(error.code, error.data.reason));
       console.log((await pool.call(["great"])).length);
      `,
      ["--max-old-space-size=160"],
    );
    expect([status, stdout]).toEqual([0, "WORKER_DIED ERR_WORKER_OUT_OF_MEMORY\n1\n"]);
  });
});
