// abrazo evaluate on the shipped classifier: figures, both weights, bias, and what it keeps in the record.
import { cp, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { exportModel } from "../../pipelines/index.ts";
import { evaluateModel } from "../../src/cli/evaluate.ts";
import { trainingRecordSchema } from "../../src/io/training-record.ts";
import { packageFile } from "../../src/package-root.ts";

const SENTENCES = packageFile("test", "fixtures", "plain-sentiment.tsv");

describe("evaluate", () => {
  let folder: string;
  const record = async () =>
    trainingRecordSchema.parse(JSON.parse(await readFile(join(folder, "training-record.json"), "utf8")));

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "abrazo-evaluate-"));
    await cp(packageFile("pipelines", "defaults", "text-classification"), folder, { recursive: true });
    await rm(join(folder, "onnx"), { recursive: true, force: true });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("keeps accuracy and F1 in the record, once however often it runs", async () => {
    const before = (await record()).evaluations.length;
    const options = { folder, dataset: SENTENCES, name: "plain sentences", quantized: false };
    const { evaluations, recorded } = await evaluateModel(options);
    await evaluateModel(options);
    expect(recorded).toBe(true);
    expect(evaluations.map(({ metric, count }) => [metric, count])).toEqual([
      ["accuracy", 60],
      ["f1", 60],
    ]);
    const kept = (await record()).evaluations;
    expect(kept).toHaveLength(before + 2);
    expect(kept.slice(-2)).toEqual(evaluations);
  });

  it("judges the quantized file by itself, and says how to make it", async () => {
    const options = { folder, dataset: SENTENCES, quantized: true };
    const temporary = await mkdtemp(join(folder, "tmp-"));
    vi.stubEnv("TMPDIR", temporary);
    await expect(evaluateModel(options)).rejects.toMatchObject({
      code: "FILE_MISSING",
      hint: expect.stringContaining("abrazo export"),
    });
    await exportModel(folder, { dtype: "q8" });
    const [full] = (await evaluateModel({ ...options, quantized: false })).evaluations;
    const [small] = (await evaluateModel(options)).evaluations;
    expect(small?.slice).toContain("model_quantized.onnx");
    expect(Math.abs((small?.value ?? 0) - (full?.value ?? 1))).toBeLessThanOrEqual(3 / 60);
    expect(await readdir(temporary)).toEqual([]);
    vi.unstubAllEnvs();
  });

  it("writes no figures through a link, as into a cache", async () => {
    const [path, blob] = [join(folder, "training-record.json"), join(folder, "blob")];
    await rename(path, blob);
    await symlink(blob, path);
    const before = await readFile(blob, "utf8");
    await evaluateModel({ folder, dataset: SENTENCES, name: "linked", quantized: false });
    expect(await readFile(blob, "utf8")).toBe(before);
    expect((await record()).evaluations.at(-1)?.dataset.name).toBe("linked");
  });

  it("measures flips, and refuses sentences without groups", async () => {
    const path = join(folder, "pairs.tsv");
    const rows = ["sentence\tattribute\tgroup\tset_id", "My sister is great.\tgender\tfemale\ts1"];
    await writeFile(path, [...rows, "My brother is great.\tgender\tmale\ts1", ""].join("\n"));
    const { bias } = await evaluateModel({ folder, counterfactuals: path, quantized: false });
    expect(bias?.groups).toMatchObject([{ attribute: "gender", sets: 1, flipped: 0 }]);
    expect((await record()).bias?.groups[0]?.members?.map(({ group }) => group)).toEqual(["female", "male"]);
    await expect(evaluateModel({ folder, counterfactuals: SENTENCES, quantized: false })).rejects.toMatchObject({
      code: "COLUMN_MISSING",
    });
  });
});
