// A signal among the options of a call on the caller's own thread: between two batches it ends the call with its reason.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pipeline } from "../../pipelines/index.ts";
import { writeEncoders, writeVision } from "../support/pipeline-goldens.ts";
import { tinyClassifier } from "../support/tiny-models.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "abrazo-signals-"));
  await writeEncoders(root);
  await writeVision(root);
  await tinyClassifier(join(root, "text-classification"));
});
afterAll(() => rm(root, { recursive: true }));

const QUESTION = { question: "who lives in berlin ?", context: "ana lives in berlin ." };
const TASKS: readonly [task: string, input: unknown, ...others: unknown[]][] = [
  ["text-classification", "i love this book"],
  ["token-classification", "ana lives in berlin ."],
  ["fill-mask", "ana [MASK] the book"],
  ["feature-extraction", "a day"],
  ["zero-shot-classification", "a day", ["sport", "music"]],
  ["question-answering", QUESTION],
  ["image-classification", { data: new Uint8Array(8 * 8 * 3), width: 8, height: 8, channels: 3 }],
  ["image-feature-extraction", { data: new Uint8Array(8 * 8 * 3), width: 8, height: 8, channels: 3 }],
  ["zero-shot-image-classification", { data: new Uint8Array(8 * 8 * 3), width: 8, height: 8, channels: 3 }, ["a", "b"]],
];
type Call = ((...args: unknown[]) => Promise<unknown>) & { dispose(): Promise<void> };

describe.each(TASKS)("%s", (task, input, ...others) => {
  it("ends between two batches, with the signal's reason", async () => {
    const made: unknown = await pipeline(task as "text-classification", join(root, task));
    const run = made as Call; // safe because every pipeline is such a function
    const controller = new AbortController();
    const reason = new Error("enough");
    let turns = 0;
    const count = () => {
      turns++;
      if (turns === 3) controller.abort(reason);
      if (turns < 1000) setImmediate(count);
    };
    setImmediate(count);
    const many = Array.from({ length: 500 }, () => input);
    await expect(run(many, ...others, { batchSize: 1, signal: controller.signal })).rejects.toBe(reason);
    expect(turns, "of 500 batches, each of which gives way").toBeLessThan(100);
    await expect(run(input, ...others, { signal: controller.signal })).rejects.toBe(reason);
    expect(await run(input, ...others, { signal: new AbortController().signal })).toBeDefined();
    await expect(run(input, ...others, { signal: "now" })).rejects.toMatchObject({ code: "INVALID_OPTION" });
    await run.dispose();
  });
});

it("ends a stream of inputs that do not come", async () => {
  const classify = await pipeline("text-classification", join(root, "text-classification"));
  const controller = new AbortController();
  const inputs = (async function* () {
    yield "great";
    await new Promise(() => {});
  })();
  const next = classify(inputs, { signal: controller.signal }).next();
  controller.abort();
  await expect(next).rejects.toMatchObject({ name: "AbortError" });
  await classify.dispose();
});
