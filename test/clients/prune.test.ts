// Pruned models in Python's transformers: what a config can say loads whole and gives the same; heads that only pruned_heads tells of do not load.
// What is pruned is held to PyTorch in test/models/prune.test.ts.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { AnyModel, ModelOutput } from "../../src/models/architecture.ts";
import { architectureOf, loadClass, savePretrained } from "../../src/models/auto.ts";
import { inputOf, OUTPUT_NAMES } from "../../src/models/inputs.ts";
import { pruneModel, pruneParts } from "../../src/models/prune.ts";
import { partsOf } from "../../src/models/prune-parts.ts";
import type { Module } from "../../src/nn/index.ts";
import { noGrad, ones, type Tensor, tensor } from "../../src/tensor/index.ts";
import { MODEL_CASES, type ModelCase, titleOf, writeCheckpoint } from "../support/model-goldens.ts";
import { ClientHome, describeClients, type Python } from "./python.ts";

const RUN = `
  import torch, transformers
  def values(out):
      return {key: value.flatten().tolist() for key, value in out.items() if isinstance(value, torch.Tensor)}
  def load(folder, name):
      model, info = getattr(transformers, name).from_pretrained(folder, output_loading_info=True)
      return model.eval(), [sorted(info["missing_keys"]), sorted(info["unexpected_keys"])]
`;

const className = ({ config }: ModelCase): string => config.architectures[0] ?? "";

/** The plain case of every class of the architectures that can be pruned. */
const CASES = [
  ...new Map(
    MODEL_CASES.filter(({ config, note }) => note === "" && architectureOf(config).prunable !== undefined).map(
      (row) => [className(row), row] as const,
    ),
  ).values(),
];

const saysHeads = ({ config }: ModelCase): boolean => architectureOf(config).prunable?.heads.isListed === false;

const wire = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function batchOf({ inputs }: ModelCase): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [
      name,
      tensor(value ?? [], { dtype: inputOf(name as keyof typeof inputs).dtype }), // safe because a case names inputs
    ]),
  );
}

const run = (model: AnyModel, batch: Record<string, Tensor>): ModelOutput =>
  noGrad(() => (model as unknown as Module<[typeof batch], ModelOutput>)(batch)); // safe because a case is of its class

describeClients("transformers reads what was pruned", () => {
  let home: ClientHome;
  let python: Python;
  const scratch = mkdtempSync(join(tmpdir(), "abrazo-prune-clients-"));
  let made = 0;
  const fresh = (): string => join(scratch, String(made++));

  beforeAll(async () => {
    home = await ClientHome.make("http://127.0.0.1:9");
    python = home.python();
    await python.run(RUN);
  });
  afterAll(async () => {
    await home?.remove();
    rmSync(scratch, { recursive: true });
  });

  it.each(CASES.map((row) => [titleOf(row), row] as const))("%s", async (_, row) => {
    const model = await loadClass(await writeCheckpoint(row, fresh()));
    const batch = batchOf(row);
    // Whatever the class gives: this is about what loads, not about what goes.
    const loss = (output: ModelOutput) => {
      const [first = ones([2, 1])] = Object.keys(OUTPUT_NAMES).flatMap(
        (name) => output[name as keyof typeof OUTPUT_NAMES] ?? [], // safe because they are its keys
      );
      return first.pow(2).flatten(1).mean(1);
    };
    const count = partsOf(model).sites.find(({ kind }) => kind === "heads")?.count ?? 1;
    const heads = saysHeads(row) ? Math.floor(count / 2) / count : 0;
    const { model: smaller } = await pruneModel(model, [batch], { heads, neurons: 0.2, layers: 1, loss });
    const out = fresh();
    await savePretrained(smaller, out);
    const inputs = Object.fromEntries(Object.entries(row.inputs).map(([name, value]) => [wire(name), value]));
    const [loaded, parameters, found] = await python.run<[unknown, number, Record<string, number[]>]>(
      `
      model, loaded = load(folder, name)
      with torch.no_grad():
          out = values(model(**{key: torch.tensor(value) for key, value in inputs.items()}))
      result = [loaded, sum(p.numel() for p in model.parameters()), out]
      `,
      { folder: out, name: className(row), inputs },
    );
    expect(loaded).toEqual([[], []]);
    expect(parameters).toBe(smaller.parameterCount());
    expect(parameters).toBeLessThan(model.parameterCount());
    const output = run(smaller, batch);
    const compared = Object.entries(OUTPUT_NAMES).flatMap(([name, key]) => {
      const value = output[name as keyof typeof OUTPUT_NAMES]; // safe because they are its keys
      const theirs = found[key];
      return value === undefined || theirs === undefined ? [] : [[[...value.dataSync()].map(Number), theirs] as const];
    });
    expect(compared.length).toBeGreaterThan(0);
    for (const [ours, theirs] of compared) {
      expect(ours.length).toBe(theirs.length);
      expect(Math.max(...ours.map((value, at) => Math.abs(value - (theirs[at] ?? Number.NaN))))).toBeLessThan(1e-4);
    }
  });

  it.each(CASES.filter((row) => !saysHeads(row)).map((row) => [titleOf(row), row] as const))(
    "%s without heads is refused, and not read wrongly",
    async (_, row) => {
      const model = await loadClass(await writeCheckpoint(row, fresh()));
      const paths = partsOf(model).sites.filter(({ kind }) => kind === "heads");
      const smaller = pruneParts(model, { heads: Object.fromEntries(paths.map(({ path }) => [path, [1]])) });
      const out = fresh();
      await savePretrained(smaller, out);
      const refused = python.run("result = load(folder, name)[1]", { folder: out, name: className(row) });
      await expect(refused).rejects.toThrow(/size mismatch|mismatched|ignore_mismatched_sizes/);
    },
  );
});
