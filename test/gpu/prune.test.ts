// Pruning on WebGPU: the CPU's importance, the same parts taken out, weights that stay on the device.
import { expect, it } from "vitest";
import type { AnyModel } from "../../src/models/architecture.ts";
import { fromConfig } from "../../src/models/auto.ts";
import { type PruneBatch, partImportance, pruneModel } from "../../src/models/prune.ts";
import { Generator, tensor } from "../../src/tensor/index.ts";

const GPT2 = {
  ...{ model_type: "gpt2", architectures: ["GPT2LMHeadModel"], initializer_range: 0.3 },
  ...{ vocab_size: 40, n_embd: 32, n_head: 4, n_layer: 3, n_positions: 16 },
};
const model = (device: string): AnyModel => fromConfig(GPT2, new Generator(5)).eval().to({ device });
const batch = (device: string): PruneBatch => {
  const rows = [0, 1, 2, 3].map((row) => Array.from({ length: 8 }, (_, at) => (row * 7 + at * 11) % 40));
  const inputIds = tensor(rows, { dtype: "int64", device });
  return { inputIds, attentionMask: inputIds.ge(0).to("int64"), labels: inputIds };
};

it("measures and takes out what it does on the CPU", { timeout: 240_000 }, async () => {
  const [host, device] = [model("cpu"), model("webgpu")];
  const expected = await partImportance(host, [batch("cpu")]);
  const found = await partImportance(device, [batch("webgpu")]);
  for (const kind of ["heads", "neurons"] as const) {
    for (const [path, scores] of Object.entries(expected[kind])) {
      const largest = Math.max(...scores);
      for (const [unit, score] of scores.entries())
        expect(Math.abs((found[kind][path]?.[unit] ?? Number.NaN) - score) / largest, path).toBeLessThan(1e-3);
    }
  }
  const shares = { heads: 0.25, neurons: 0.5, layers: 1 };
  const [wanted, pruned] = [
    await pruneModel(host, [batch("cpu")], shares),
    await pruneModel(device, [batch("webgpu")], shares),
  ];
  expect(pruned.removed.layers).toEqual(wanted.removed.layers);
  expect(pruned.removed.heads).toEqual(wanted.removed.heads);
  expect(pruned.model.parameterCount()).toBe(wanted.model.parameterCount());
  expect(new Set(pruned.model.parameters().map((parameter) => parameter.device))).toEqual(new Set(["webgpu"]));
});
