// Tasks that are handed on: on tiny repositories of every one, what transformers.js's own pipeline gives, under our names; arrays,
// streams and threads give the same, and what is wrong is an error of ours that says so.
import { mkdtempSync, rmSync } from "node:fs";
import { copyFile, cp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as theirs from "@huggingface/transformers";
import { afterAll, describe, expect, it } from "vitest";
import {
  FOREIGN_TASKS,
  type ForeignCall,
  type PipelineInfo,
  type PipelineOptions,
  pipeline,
} from "../../pipelines/index.ts";
import { Image } from "../../src/data/index.ts";
import { Tensor } from "../../src/tensor/index.ts";
import { TINY_ONNX, tinyOnnx } from "../support/tiny-onnx.ts";

type Task = keyof typeof TINY_ONNX;
type Run = ForeignCall & PipelineInfo;

const root = mkdtempSync(join(tmpdir(), "abrazo-foreign-"));
const open: { dispose(): Promise<unknown> }[] = [];
afterAll(async () => {
  for (const each of open) await each.dispose();
  rmSync(root, { recursive: true });
});

const folders = new Map<Task, Promise<string>>();
function folderOf(task: Task): Promise<string> {
  const folder = folders.get(task) ?? tinyOnnx(join(root, task), task);
  folders.set(task, folder);
  return folder;
}

async function load(task: Task, options: PipelineOptions = {}, folder?: string): Promise<Run> {
  const run = await pipeline(task, folder ?? (await folderOf(task)), options);
  open.push(run);
  return run;
}

/** A sound of the model's rate, and another one. */
const SOUNDS = [3, 7].map((pitch) =>
  Float32Array.from({ length: 1200 }, (_, at) => Math.sin((at * pitch) / 9) * Math.cos(at / (90 * pitch))),
);
/** A bright picture and a dark one. */
const PICTURES = [5, 11].map((seed, dark) => {
  const [width, height] = [12, 10];
  const data = Uint8Array.from({ length: width * height * 3 }, (_, at) => {
    const value = ((at * at * seed + at * 17) % 256) / 4;
    return dark === 1 ? value : 255 - value;
  });
  return { data, width, height, channels: 3 };
});

interface Case {
  inputs: readonly unknown[];
  /** Between the input and the options. */
  others?: readonly unknown[];
  ours?: Record<string, unknown>;
  theirs?: Record<string, unknown>;
}

const [audio, images] = [{ inputs: SOUNDS }, { inputs: PICTURES }];
const CASES: Readonly<Record<Task, readonly Case[]>> = {
  "audio-classification": [audio, { ...audio, ours: { topK: 2 }, theirs: { top_k: 2 } }],
  "automatic-speech-recognition": [audio],
  "background-removal": [images],
  "depth-estimation": [images],
  "document-question-answering": [
    { ...images, others: ["a red book?"] },
    { ...images, others: ["a film?"], ours: { maxNewTokens: 4 }, theirs: { max_new_tokens: 4 } },
  ],
  "image-segmentation": [images],
  "image-to-image": [images],
  "image-to-text": [{ ...images, ours: { maxNewTokens: 5 }, theirs: { max_new_tokens: 5 } }],
  "object-detection": [
    { ...images, ours: { threshold: 0.5 }, theirs: { threshold: 0.5 } },
    { ...images, ours: { threshold: 0.5, percentage: true }, theirs: { threshold: 0.5, percentage: true } },
  ],
  "text-to-audio": [{ inputs: ["a red dog", "this is a film"] }],
  "zero-shot-audio-classification": [
    { ...audio, others: [["dog", "cat", "film"]] },
    {
      ...{ ...audio, others: [["dog", "cat"]], ours: { hypothesisTemplate: "this is {}" } },
      theirs: { hypothesis_template: "this is {}" },
    },
  ],
  "zero-shot-object-detection": [
    {
      ...images,
      others: [["a dog", "a film"]],
      ours: { threshold: 0.6, topK: 3 },
      theirs: { threshold: 0.6, top_k: 3 },
    },
  ],
};

it("has a tiny repository for every task that is handed on", () => {
  expect(Object.keys(TINY_ONNX).sort()).toEqual([...FOREIGN_TASKS].sort());
});

const camel = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** A result of theirs or ours as plain numbers and texts under our names. */
function plain(value: unknown): unknown {
  if (value instanceof theirs.RawAudio) return { audio: [...value.data], samplingRate: value.sampling_rate };
  if (value instanceof theirs.Tensor) return { shape: value.dims, data: [...(value.data as Float32Array)] }; // safe because outputs are float32
  if (value instanceof Tensor) return { shape: value.shape, data: [...(value.dataSync() as Float32Array)] }; // safe for the same reason
  if (value instanceof Float32Array) return [...value];
  if (value instanceof theirs.RawImage || value instanceof Image) {
    const { data, width, height, channels } = value;
    return { data: [...data], width, height, channels };
  }
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [camel(name), plain(item)]));
}

/** What transformers.js gives for each input by itself. */
async function wanted(task: Task, { inputs, others = [], theirs: options = {} }: Case): Promise<unknown[]> {
  const folder = await folderOf(task);
  const made = await theirs.pipeline(task as "depth-estimation", folder, { dtype: "fp32" });
  const run = made as unknown as (...args: unknown[]) => Promise<unknown>; // safe because every pipeline is a function
  const results: unknown[] = [];
  for (const input of inputs) {
    const isPicture = typeof input === "object" && !(input instanceof Float32Array);
    const { data, width, height, channels } = (isPicture ? input : {}) as (typeof PICTURES)[number]; // safe because pictures are these
    const given = isPicture ? new theirs.RawImage(data, width, height, channels as 3) : input; // safe because they have three
    results.push(plain(await run(given, ...others, options)));
  }
  await made.dispose();
  return results;
}

const rows = Object.entries(CASES).flatMap(
  ([task, cases]) => cases.map((each) => [task as Task, JSON.stringify(each.ours ?? {}), each] as const), // safe because these are its keys
);

describe.each(rows)("%s %s", (task, _, row) => {
  const { inputs, others = [], ours = {} } = row;

  it("gives what transformers.js gives: alone, in an array, as a stream, in a thread", async () => {
    const expected = await wanted(task, row);
    expect(expected[0]).not.toEqual(expected[1]);
    const run = await load(task);
    expect(run.runtime).toBe("transformers.js");
    expect(plain(await run(inputs[0], ...others, ours))).toEqual(expected[0]);
    expect(plain(await run(inputs, ...others, ours))).toEqual(expected);
    async function* stream(): AsyncGenerator<unknown> {
      yield* inputs;
    }
    const seen: unknown[] = [];
    const streamed = run(stream(), ...others, ours) as unknown as AsyncIterable<unknown>; // safe because streams give streams
    for await (const result of streamed) seen.push(plain(result));
    expect(seen).toEqual(expected);
    const apart = await load(task, { worker: true });
    expect(plain(await apart(inputs, ...others, ours))).toEqual(expected);
  });
});

describe("batchSize", () => {
  it.each(["depth-estimation", "image-to-image"] as const)("%s runs pictures together", async (task) => {
    const expected = await wanted(task, CASES[task][0] ?? audio);
    expect(plain(await (await load(task, { batchSize: 2 }))(PICTURES))).toEqual(expected);
    expect(plain(await (await load(task))(PICTURES, { batchSize: 2 }))).toEqual(expected);
  });

  it("is refused where inputs run one after the other", async () => {
    await expect(load("object-detection", { batchSize: 2 })).rejects.toMatchObject({ code: "INVALID_OPTION" });
    const run = await load("object-detection");
    await expect(run(PICTURES, { batchSize: 2 })).rejects.toMatchObject({ code: "UNKNOWN_OPTION" });
  });
});

describe("inputs", () => {
  it("pictures may be files, bytes, blobs and tensors", async () => {
    const run = await load("image-segmentation");
    const [pixels] = PICTURES;
    if (pixels === undefined) throw new Error("there are pictures");
    const path = join(root, "picture.png");
    const image = new Image(pixels.data, pixels.width, pixels.height, 3);
    await image.save(path);
    const { readFile } = await import("node:fs/promises");
    const bytes = new Uint8Array(await readFile(path));
    const { tensor } = await import("../../src/tensor/index.ts");
    const planes = tensor([...pixels.data], { dtype: "uint8" })
      .reshape([pixels.height, pixels.width, 3])
      .permute([2, 0, 1]);
    const expected = plain(await run(pixels));
    for (const input of [path, bytes, new Blob([bytes]), image, planes])
      expect(plain(await run(input))).toEqual(expected);
  });

  it("sounds may be WAV files of every kind of sample, with their rate", async () => {
    const run = await load("audio-classification");
    const [sound = new Float32Array()] = SOUNDS;
    const expected = (await run(sound)) as { label: string; score: number }[]; // safe because the task gives labels
    for (const [format, bits] of [
      [1, 8],
      [1, 16],
      [1, 24],
      [1, 32],
      [3, 32],
      [3, 64],
      [0xfffe, 16],
    ] as const) {
      const bytes = wav(sound, format, bits);
      const path = join(root, `${format}-${bits}.wav`);
      await writeFile(path, bytes);
      for (const input of [bytes, path, new Blob([new Uint8Array(bytes)])]) {
        const found = (await run(input)) as typeof expected; // safe as above
        expect(found.map(({ label }) => label)).toEqual(expected.map(({ label }) => label));
        for (const [at, { score }] of found.entries())
          expect(score).toBeCloseTo(expected[at]?.score ?? 0, bits === 8 ? 1 : 3);
      }
    }
    expect(await run({ audio: sound, samplingRate: 8000 })).toEqual(expected);
    expect(await run(Float64Array.from(sound))).toEqual(expected);
  });

  it("bad sounds are errors that say what is wrong", async () => {
    const run = await load("audio-classification");
    const sound = SOUNDS[0] ?? new Float32Array();
    const bad: [unknown, string, string][] = [
      [new Float32Array(0), "INVALID_INPUT", "no samples"],
      [Float32Array.of(0, Number.NaN), "INVALID_INPUT", "NaN at sample 1"],
      [[sound, 3], "INVALID_INPUT", "sound 1 is no sound but"],
      [{ audio: sound, samplingRate: 44100 }, "SAMPLING_RATE", "44100 samples a second; the model hears 8000"],
      [wav(sound, 7, 8), "AUDIO_UNREADABLE", "format 7 with 8 bits"],
      [wav(sound, 1, 16).subarray(0, 20), "AUDIO_UNREADABLE", "how its samples are written"],
      [new TextEncoder().encode("no sound at all"), "AUDIO_UNREADABLE", "it is none"],
      [join(root, "nowhere.wav"), "AUDIO_UNREADABLE", "ENOENT"],
      ["https://example.org/a.wav", "AUDIO_UNREADABLE", "the sound"],
      [undefined, "INVALID_INPUT", "undefined"],
    ];
    for (const [input, code, message] of bad)
      await expect(run(input), message).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
    // A file that ends too soon is heard as far as it goes.
    expect(await run(wav(sound, 1, 16).subarray(0, 1001))).toHaveLength(3);
    expect(await run(sound)).toHaveLength(3);
  });

  it("bad pictures, labels and questions are errors that say what is wrong", async () => {
    const run = await load("object-detection");
    for (const input of [new Uint8Array([1, 2, 3]), join(root, "nowhere.png"), new Blob(["no picture"])])
      await expect(run(input)).rejects.toMatchObject({ code: "IMAGE_UNREADABLE" });
    await expect(run([PICTURES[0], new Uint8Array(9)])).rejects.toMatchObject({
      message: expect.stringContaining("image 1"),
    });
    await expect(run({ ...PICTURES[0], width: 99 })).rejects.toMatchObject({ code: "SHAPE_MISMATCH" });
    for (const input of [undefined, 3, {}, ""])
      await expect(run(input)).rejects.toMatchObject({ code: "INVALID_INPUT" });
    const [zero, ask] = [await load("zero-shot-object-detection"), await load("document-question-answering")];
    for (const labels of [undefined, [], [3], [""], { threshold: 0.5 }])
      await expect(zero(PICTURES[0], labels)).rejects.toMatchObject({ code: "INVALID_INPUT" });
    for (const question of [undefined, "", {}, 3])
      await expect(ask(PICTURES[0], question)).rejects.toMatchObject({ code: "INVALID_INPUT" });
    expect(await run(PICTURES[0])).toBeInstanceOf(Array);
  });
});

describe("refuses", () => {
  it("options that are unknown, wrong or read by other models alone", async () => {
    const run = await load("object-detection");
    await expect(run(PICTURES[0], { treshold: 0.5 })).rejects.toMatchObject({
      code: "UNKNOWN_OPTION",
      hint: expect.stringContaining("threshold"),
    });
    await expect(run(PICTURES[0], { threshold: 3 })).rejects.toMatchObject({ code: "INVALID_OPTION" });
    const hear = await load("automatic-speech-recognition");
    await expect(hear(SOUNDS[0], { returnTimestamps: true })).rejects.toMatchObject({ code: "UNKNOWN_OPTION" });
    const describeIt = await load("image-to-text");
    await expect(describeIt(PICTURES[0], { numBeams: 3 })).rejects.toMatchObject({ code: "UNKNOWN_OPTION" });
  });

  it.each(FOREIGN_TASKS)("a folder that lacks a file: %s", async (task) => {
    const folder = await folderOf(task);
    const { files, onnx }: { files: object; onnx: object } = TINY_ONNX[task];
    const needed = Object.keys(files).filter((name) => name !== "generation_config.json");
    for (const name of ["config.json", ...needed, ...Object.keys(onnx).map((name) => join("onnx", `${name}.onnx`))]) {
      const copy = mkdtempSync(join(root, "lacks-"));
      await cp(folder, copy, { recursive: true });
      await rm(join(copy, name));
      const failed = await pipeline(task, copy).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(failed, name).toMatchObject({
        name: "AbrazoError",
        code: expect.stringMatching(/FILE_MISSING|UNSUPPORTED_ONNX/),
      });
    }
  });

  it("models of another kind, and files that are none", async () => {
    const copy = join(root, "broken");
    await cp(await folderOf("object-detection"), copy, { recursive: true });
    await writeFile(join(copy, "onnx", "model.onnx"), "no model");
    await expect(pipeline("object-detection", copy)).rejects.toMatchObject({ code: "UNSUPPORTED_ONNX" });
    await copyFile(join(await folderOf("image-segmentation"), "onnx", "model.onnx"), join(copy, "onnx", "model.onnx"));
    const run = await load("object-detection", {}, copy);
    await expect(run(PICTURES[0])).rejects.toMatchObject({ code: "TRANSFORMERS_JS_FAILED" });
    await writeFile(join(copy, "config.json"), "{");
    await expect(pipeline("object-detection", copy)).rejects.toMatchObject({ code: "INVALID_JSON" });
    await writeFile(join(copy, "config.json"), JSON.stringify({ model_type: "nope" }));
    await expect(pipeline("object-detection", copy)).rejects.toMatchObject({ code: "UNSUPPORTED_ONNX" });
    await expect(pipeline("object-detection", copy, { dtype: "q8" })).rejects.toMatchObject({ code: "FILE_MISSING" });
  });

  it("a model that would fetch another from elsewhere", async () => {
    const copy = join(root, "spectrograms");
    await cp(await folderOf("text-to-audio"), copy, { recursive: true });
    await writeFile(join(copy, "config.json"), JSON.stringify({ model_type: "speecht5" }));
    await expect(pipeline("text-to-audio", copy)).rejects.toMatchObject({ code: "UNSUPPORTED_MODEL" });
  });

  it("calls after dispose(), and having no model named", async () => {
    const run = await load("text-to-audio");
    await run.dispose();
    expect(() => run("a dog")).toThrow(expect.objectContaining({ code: "PIPELINE_DISPOSED" }));
    await expect(pipeline("object-detection", "" as never)).rejects.toMatchObject({ name: "AbrazoError" });
  });
});

it("asks no network and leaves the caller's settings of transformers.js as they are", async () => {
  const { fetch, allowLocalModels } = theirs.env;
  const asked: string[] = [];
  theirs.env.fetch = (address) => {
    asked.push(String(address));
    return Promise.reject(new Error("offline"));
  };
  theirs.env.allowLocalModels = false;
  try {
    const runs = await Promise.all(FOREIGN_TASKS.map((task) => load(task)));
    expect(runs).toHaveLength(FOREIGN_TASKS.length);
    expect(theirs.env.allowLocalModels).toBe(false);
    expect(asked).toEqual([]);
  } finally {
    Object.assign(theirs.env, { fetch, allowLocalModels });
  }
});

/** A WAV file of two channels that hold the same. */
function wav(sound: Float32Array, format: number, bits: number): Uint8Array {
  const [bytes, channels] = [bits / 8, 2];
  const extra = format === 0xfffe ? 26 : 16;
  const file = new Uint8Array(12 + 8 + extra + 8 + sound.length * channels * bytes);
  const view = new DataView(file.buffer);
  const text = (at: number, letters: string) => file.set(new TextEncoder().encode(letters), at);
  text(0, "RIFF");
  view.setUint32(4, file.length - 8, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, extra, true);
  view.setUint16(20, format, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, 8000, true);
  view.setUint16(34, bits, true);
  if (format === 0xfffe) view.setUint16(44, 1, true);
  text(20 + extra, "data");
  view.setUint32(24 + extra, sound.length * channels * bytes, true);
  const kind = format === 3 ? 3 : 1;
  const write: Record<string, (at: number, value: number) => void> = {
    "1/8": (at, value) => view.setUint8(at, Math.round(value * 127) + 128),
    "1/16": (at, value) => view.setInt16(at, Math.round(value * 32767), true),
    "1/24": (at, value) => {
      const whole = Math.round(value * 8388607);
      view.setUint16(at, whole & 0xffff, true);
      view.setInt8(at + 2, whole >> 16);
    },
    "1/32": (at, value) => view.setInt32(at, Math.round(value * 2147483647), true),
    "3/32": (at, value) => view.setFloat32(at, value, true),
    "3/64": (at, value) => view.setFloat64(at, value, true),
  };
  for (const [at, value] of sound.entries())
    for (let channel = 0; channel < channels; channel++)
      write[`${kind}/${bits}`]?.(28 + extra + (at * channels + channel) * bytes, value);
  return file;
}
