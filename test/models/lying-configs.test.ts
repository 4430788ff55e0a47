// Configs that lie about a size, at any depth and in every architecture: an error of ours, soon, and never a process without memory.
import { mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { AbrazoError } from "../../src/errors.ts";
import { loadClass } from "../../src/models/auto.ts";
import { ARCHITECTURES } from "../../src/models/index.ts";
import { MODEL_CASES, type ModelCase, writeCheckpoint } from "../support/model-goldens.ts";

const root = mkdtempSync(join(tmpdir(), "abrazo-lying-"));
afterAll(() => rmSync(root, { recursive: true }));

/** Whole numbers of a config, by their path. */
function wholeNumbers(config: object, path: readonly string[] = []): string[][] {
  return Object.entries(config).flatMap(([name, value]) => {
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return wholeNumbers(value, [...path, name]);
    return Number.isInteger(value) ? [[...path, name]] : [];
  });
}

function changed(config: object, [name = "", ...rest]: readonly string[], value: number): object {
  const inner: unknown = Reflect.get(config, name);
  const isInner = rest.length > 0 && typeof inner === "object" && inner !== null;
  return { ...config, [name]: isInner ? changed(inner, rest, value) : value };
}

const FIRST = ARCHITECTURES.map(({ modelType }): [string, ModelCase] => {
  const found = MODEL_CASES.find(({ config }) => config.model_type === modelType);
  if (found === undefined) throw new Error(`no case of ${modelType}`);
  return [modelType, found];
});

/** What one that lies about sizes gets: a size that is none, other weights, or no memory. */
const CODES = ["INVALID_JSON", "STATE_DICT_MISMATCH", "MODEL_TOO_LARGE", "PADDING_IDX", "SHAPE_MISMATCH"];

describe.each(FIRST)("%s", (modelType, row) => {
  it("is loaded soon or refused soon, whatever a number says", async () => {
    const folder = await writeCheckpoint(row, join(root, modelType));
    const refused: string[] = [];
    for (const path of wholeNumbers(row.config)) {
      await writeFile(join(folder, "config.json"), JSON.stringify(changed(row.config, path, 1_000_000_000)));
      const start = performance.now();
      const failed: unknown = await loadClass(folder).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(performance.now() - start, path.join(".")).toBeLessThan(2000);
      if (failed === undefined) continue;
      expect(failed, path.join(".")).toBeInstanceOf(AbrazoError);
      expect(CODES, path.join(".")).toContain(failed instanceof AbrazoError ? failed.code : "");
      refused.push(path.join("."));
    }
    const layers = wholeNumbers(row.config).filter((path) => /^(num_|n_|num_hidden_)layers?$/.test(path.at(-1) ?? ""));
    expect(layers.length).toBeGreaterThan(0);
    expect(refused).toEqual(expect.arrayContaining(layers.map((path) => path.join("."))));
  });
});
