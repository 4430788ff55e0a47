// Pipelines on WebGPU give what they give on the CPU. Software Vulkan serves where there is no GPU.
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pipeline } from "../../pipelines/index.ts";
import { tinyClassifier, tinyLanguageModel } from "../support/tiny-models.ts";

const SOFTWARE = "/usr/lib/chromium/vk_swiftshader_icd.json";
// Read by the Vulkan loader when the runtime first asks for a device, which is after this.
if (existsSync(SOFTWARE)) process.env["VK_ICD_FILENAMES"] ??= SOFTWARE;

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "abrazo-gpu-"));
});
afterAll(() => rm(root, { recursive: true }));

describe.skipIf(process.env["VK_ICD_FILENAMES"] === undefined)(
  "webgpu (needs VK_ICD_FILENAMES, or Debian's chromium)",
  () => {
    const texts = ["i love this book", "the film was bad and very dull", "not good"];

    it("classifies", async () => {
      const folder = await tinyClassifier(join(root, "classifier"), { initializer_range: 0.15 });
      const [cpu, gpu] = [
        await pipeline("text-classification", folder),
        await pipeline("text-classification", folder, { device: "webgpu" }),
      ];
      const [expected, found] = [await cpu(texts, { topK: null }), await gpu(texts, { topK: null })];
      for (const [at, list] of expected.entries()) {
        for (const [place, { label, score }] of list.entries()) {
          expect(found[at]?.[place]?.label).toBe(label);
          expect(found[at]?.[place]?.score).toBeCloseTo(score, 4);
        }
      }
      await Promise.all([cpu.dispose(), gpu.dispose()]);
    });

    it("generates", async () => {
      const folder = await tinyLanguageModel(join(root, "lm"));
      const [cpu, gpu] = [
        await pipeline("text-generation", folder),
        await pipeline("text-generation", folder, { device: "webgpu" }),
      ];
      const greedy = { doSample: false, maxNewTokens: 12 };
      expect(await gpu(texts, greedy)).toEqual(await cpu(texts, greedy));
      await Promise.all([cpu.dispose(), gpu.dispose()]);
    });

    it("auto takes it where it works", async () => {
      const folder = await tinyClassifier(join(root, "auto"));
      const classify = await pipeline("text-classification", folder, { device: "auto" });
      expect(await classify(texts)).toHaveLength(3);
      await classify.dispose();
    });
  },
);
