// Rows of fresh tables that are zero because they stand for padding: those that are in transformers, for every architecture.
// The cases come from test/goldens/make_padding.py.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { BaseConfig } from "../../src/models/architecture.ts";
import { buildModel, classOf } from "../../src/models/auto.ts";
import { ARCHITECTURES } from "../../src/models/index.ts";
import { Embedding } from "../../src/nn/index.ts";
import { packageFile } from "../../src/package-root.ts";
import { Generator, noGrad, tensor } from "../../src/tensor/index.ts";

const golden: { cases: { config: BaseConfig; zeros: Record<string, number[]> }[] } = JSON.parse(
  readFileSync(packageFile("test", "goldens", "padding.json"), "utf8"),
);

it("has a case of every architecture", () => {
  const named = golden.cases.map(({ config }) => config.model_type);
  for (const { modelType } of ARCHITECTURES) expect(named).toContain(modelType);
});

function tablesOf(config: BaseConfig): [string, Embedding][] {
  const model = buildModel(config, classOf(config));
  model.initialize(new Generator(0));
  return [...model.namedModules()].flatMap(([name, module]): [string, Embedding][] =>
    module instanceof Embedding ? [[name, module]] : [],
  );
}

const padOf = ({ pad_token_id: pad, text_config: text }: BaseConfig): string =>
  JSON.stringify(pad ?? (text as BaseConfig | undefined)?.["pad_token_id"] ?? (pad === null ? null : "default")); // safe because configs of texts are configs

describe.each(golden.cases.map((row) => [`${classOf(row.config)}, padding ${padOf(row.config)}`, row] as const))(
  "%s",
  (_, { config, zeros }) => {
    it("has the same rows of zeros", () => {
      const found = tablesOf(config).flatMap(
        ([name, { weight, numEmbeddings, embeddingDim }]): [string, number[]][] => {
          const data = weight.dataSync() as Float32Array; // safe because tables are float32
          const rows = Array.from({ length: numEmbeddings }, (__, row) => row);
          const isZero = (row: number) =>
            data.subarray(row * embeddingDim, (row + 1) * embeddingDim).every((x) => x === 0);
          const empty = rows.filter(isZero);
          return empty.length === 0 ? [] : [[`${name}.weight`, empty]];
        },
      );
      expect(Object.fromEntries(found)).toEqual(zeros);
    });

    it("trains all the other rows, and those not", async () => {
      for (const [name, table] of tablesOf(config)) {
        const ids = tensor(Array.from({ length: table.numEmbeddings }, (__, row) => row));
        table(ids).sum().backward();
        const gradient = (await table.weight.grad?.sum(1).tolist()) as number[]; // safe because it has one axis
        const still = gradient.flatMap((value, row) => (value === 0 ? [row] : []));
        expect(still, name).toEqual(zeros[`${name}.weight`] ?? []);
        const read = noGrad(() => table(ids));
        expect(await read.tolist()).toEqual(await table.weight.tolist());
      }
    });
  },
);
