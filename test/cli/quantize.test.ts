// abrazo quantize: what is written, and what it says of the change.
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { quantizeFolder } from "../../src/cli/quantize.ts";
import { packageFile } from "../../src/package-root.ts";
import { runCli } from "../support/cli.ts";
import { tinyLanguageModel } from "../support/tiny-models.ts";

const CLASSIFIER = packageFile("pipelines", "defaults", "text-classification");
const TEXTS = ["I love it!", "What a waste of time.", "", "It isn't good, but I liked the end.", "a dull film", "fine"];

describe("quantize", () => {
  let root: string;
  let texts: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "abrazo-quantized-"));
    texts = join(root, "texts.txt");
    await writeFile(texts, TEXTS.join("\r\n"));
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  it.each([
    ["fp16", "model_fp16.onnx", 0.001],
    ["q8", "model_quantized.onnx", 0.05],
    ["q4", "model_q4.onnx", 0.5],
  ] as const)("%s changes answers by little, and the more the fewer bits there are", async (dtype, file, most) => {
    const out = join(root, dtype);
    const { change, files } = await quantizeFolder({ folder: CLASSIFIER, dtype, out, texts });
    expect(files).toEqual([join(out, "onnx", file)]);
    expect(change).toMatchObject({ texts: 5, agreement: 1 });
    expect(change?.meanDifference).toBeLessThan(most);
    expect(change?.meanDifference).toBeGreaterThan(most / 1000);
    expect(change?.largestDifference).toBeGreaterThanOrEqual(change?.meanDifference ?? Number.NaN);
  });

  it("says it in words, and without texts measures nothing", async () => {
    const out = join(root, "words");
    const said = await runCli(["quantize", CLASSIFIER, "--out", out, "--texts", texts], { home: root });
    expect(said.stdout).toMatch(
      /model_quantized\.onnx \(.* MB\)\n100\.0 % of 5 texts keep their label\nlogits differ by 0\.0/,
    );
    const made = await runCli(["--json", "quantize", CLASSIFIER, "--out", out, "--dtype", "q4"], { home: root });
    expect(Object.keys(JSON.parse(made.stdout))).toEqual(["path", "files", "dtype", "bytes"]);
  });

  it("refuses what it cannot measure before it writes", async () => {
    const [empty, out, model] = [join(root, "empty.txt"), join(root, "refused"), join(root, "language-model")];
    await writeFile(empty, "\n \n");
    await tinyLanguageModel(model);
    const refused = (folder: string, file: string) => quantizeFolder({ folder, dtype: "q8", out, texts: file });
    await expect(refused(CLASSIFIER, empty)).rejects.toMatchObject({ code: "DATASET_EMPTY" });
    await expect(refused(CLASSIFIER, join(root, "none"))).rejects.toMatchObject({ code: "FILE_MISSING" });
    await expect(refused(model, texts)).rejects.toMatchObject({ code: "NOT_A_CLASSIFIER" });
    expect(await readdir(root)).not.toContain("refused");
    const wrong = await runCli(["quantize", CLASSIFIER, "--dtype", "q5"], { home: root });
    expect(wrong).toMatchObject({ status: 2, stderr: expect.stringContaining('--dtype is no "q5".') });
  });
});
