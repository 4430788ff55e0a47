// Pipelines on WebGPU give what they give on the CPU: with the shipped models, and with tiny ones of far from uniform scores.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pipeline } from "../../pipelines/index.ts";
import { makeDecoder } from "../../src/generate/kv-cache.ts";
import { setLogListener } from "../../src/log.ts";
import { loadPretrained } from "../../src/models/auto.ts";
import { packageFile } from "../../src/package-root.ts";
import { tinyAdapter, tinyClassifier, tinyLanguageModel } from "../support/tiny-models.ts";

const SHIPPED = (task: string) => packageFile("pipelines", "defaults", task);
const texts = [
  "i love this book",
  "the film was bad and very dull",
  "not good",
  "What a waste of time, although the first half hour had promised so very much more than this.",
];

let root: string;
const folders: Record<string, string> = {
  "the shipped classifier": SHIPPED("text-classification"),
  "the shipped generator": SHIPPED("text-generation"),
};
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "abrazo-gpu-"));
  folders["a tiny classifier"] = await tinyClassifier(join(root, "classifier"), { initializer_range: 0.15 });
  folders["a tiny generator"] = await tinyLanguageModel(join(root, "lm"));
});
afterAll(() => rm(root, { recursive: true }));

describe("webgpu", () => {
  it.each(["the shipped classifier", "a tiny classifier"])("classifies with %s", async (name) => {
    const folder = folders[name] ?? "";
    const [cpu, gpu] = [
      await pipeline("text-classification", folder),
      await pipeline("text-classification", folder, { device: "webgpu" }),
    ];
    const [expected, found] = [await cpu(texts, { topK: null }), await gpu(texts, { topK: null })];
    expect(found).toHaveLength(texts.length);
    for (const [at, list] of expected.entries()) {
      for (const [place, { label, score }] of list.entries()) {
        expect(found[at]?.[place]?.label).toBe(label);
        expect(found[at]?.[place]?.score).toBeCloseTo(score, 4);
      }
    }
    await Promise.all([cpu.dispose(), gpu.dispose()]);
  });

  it.each(["q4", "q8"] as const)(
    "continues texts with weights in %s, as near as activations of 8 bits are",
    async (dtype) => {
      const model = await loadPretrained(SHIPPED("text-generation"));
      const ids = BigInt64Array.of(5n, 90n, 300n);
      const step = {
        inputIds: ids,
        attentionMask: ids.map(() => 1n),
        positionIds: BigInt64Array.of(0n, 1n, 2n),
        rows: 1,
      };
      const [cpu, gpu] = [makeDecoder(model, { dtype }), makeDecoder(model, { dtype, device: "webgpu" })];
      const [[expected], [found]] = [await cpu.start().step(step), await gpu.start().step(step)];
      const most = Math.max(...(expected ?? []).map(Math.abs));
      expect(found).toHaveLength(4096);
      for (const [at, logit] of (expected ?? []).entries())
        expect(Math.abs((found?.[at] ?? Number.NaN) - logit) / most).toBeLessThan(0.03);
      cpu.dispose();
      gpu.dispose();
    },
  );

  it("classifies with weights of 4 bits, and says that those of 8 are the CPU's", async () => {
    const folder = SHIPPED("text-classification");
    const [cpu, gpu] = [
      await pipeline("text-classification", folder, { dtype: "q4" }),
      await pipeline("text-classification", folder, { dtype: "q4", device: "webgpu" }),
    ];
    const [expected, found] = [await cpu(texts), await gpu(texts)];
    expect(found.map(({ label }) => label)).toEqual(expected.map(({ label }) => label));
    for (const [at, { score }] of found.entries())
      expect(Math.abs(score - (expected[at]?.score ?? Number.NaN))).toBeLessThan(0.03);
    await Promise.all([cpu.dispose(), gpu.dispose()]);
    await expect(pipeline("text-classification", folder, { dtype: "q8", device: "webgpu" })).rejects.toMatchObject({
      code: "UNSUPPORTED_DTYPE",
      hint: expect.stringContaining('"q4"'),
    });
  });

  it.each(["the shipped generator", "a tiny generator"])(
    "generates with %s, greedily and drawing from a seed",
    async (name) => {
      const folder = folders[name] ?? "";
      const [cpu, gpu] = [
        await pipeline("text-generation", folder),
        await pipeline("text-generation", folder, { device: "webgpu" }),
      ];
      for (const options of [
        { doSample: false, maxNewTokens: 12 },
        { seed: 6, maxNewTokens: 12 },
      ]) {
        const found = await gpu(texts.slice(0, 3), options);
        expect(found).toEqual(await cpu(texts.slice(0, 3), options));
      }
      await Promise.all([cpu.dispose(), gpu.dispose()]);
    },
  );

  it("keeps what texts have read on the device, whoever comes and goes", async () => {
    const folder = await tinyLanguageModel(join(root, "long"), 5, 256);
    const [cpu, gpu] = [
      await pipeline("text-generation", folder),
      await pipeline("text-generation", folder, { device: "webgpu" }),
    ];
    // Beams copy rows and drop others; texts of other lengths end at other times, and two calls share their steps.
    const calls = (run: typeof cpu) =>
      Promise.all([
        run(texts, { doSample: false, maxNewTokens: 70 }),
        run(texts.slice(0, 2), { doSample: false, numBeams: 3, maxNewTokens: 20 }),
        run([texts[1] ?? "", `${texts[3]} ${texts[3]}`], { seed: 3, maxNewTokens: 45 }),
      ]);
    expect(await calls(gpu)).toEqual(await calls(cpu));
    await Promise.all([cpu.dispose(), gpu.dispose()]);
  });

  it("has adapters, of several kinds", async () => {
    const folder = folders["a tiny classifier"] ?? "";
    const adapters = {
      first: await tinyAdapter(folder, join(root, "first"), { r: 4, targetModules: "all-linear", useDora: true }),
      second: await tinyAdapter(
        folder,
        join(root, "second"),
        { r: 2, targetModules: ["q_lin"], taskType: "SEQ_CLS" },
        2,
      ),
    };
    const [cpu, gpu] = [
      await pipeline("text-classification", folder, { adapters }),
      await pipeline("text-classification", folder, { adapters, device: "webgpu" }),
    ];
    for (const adapter of ["first", "second", null]) {
      const [expected, found] = [await cpu(texts, { adapter }), await gpu(texts, { adapter })];
      expect(found.map(({ label }) => label)).toEqual(expected.map(({ label }) => label));
      for (const [at, { score }] of expected.entries()) expect(found[at]?.score).toBeCloseTo(score, 4);
    }
    await Promise.all([cpu.dispose(), gpu.dispose()]);
  });

  it("is what auto takes where there is no CUDA, and it says so", async () => {
    const messages: string[] = [];
    const restore = setLogListener(({ message }) => messages.push(message));
    const classify = await pipeline("text-classification", folders["a tiny classifier"], { device: "auto" });
    restore();
    expect(messages).toEqual([expect.stringMatching(/^Device: (webgpu|cuda)\.$/)]);
    expect(await classify(texts)).toHaveLength(texts.length);
    await classify.dispose();
  });
});
