// Layers with PyTorch's first weights, called on PyTorch's inputs: outputs, and gradients of inputs and parameters.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isDType, isFloat } from "../../src/graph/dtype.ts";
import * as nn from "../../src/nn/index.ts";
import { packageFile } from "../../src/package-root.ts";
import { encode } from "../../src/tensor/convert.ts";
import { fromHost } from "../../src/tensor/create.ts";
import { linspace, manualSeed, Tensor } from "../../src/tensor/index.ts";

interface Row {
  js: string;
  call: string;
  mode: "eval" | "train";
  inputs: { shape: number[]; dtype: string; data: (number | boolean)[] }[];
  outs: { shape: number[]; value: number[] }[];
  grads: (number[] | null)[];
  parameters: Record<string, number[] | null>;
}
const { rows }: { rows: Row[] } = JSON.parse(readFileSync(packageFile("test", "goldens", "layers.json"), "utf8"));

function tensorsOf(result: unknown): Tensor[] {
  if (result instanceof Tensor) return [result];
  return Array.isArray(result) ? result.flatMap(tensorsOf) : [];
}

function worst(tensor: Tensor | null | undefined, wanted: readonly number[]): number {
  const values = Array.from(tensor?.dataSync() ?? [], Number);
  if (values.length !== wanted.length) return Number.POSITIVE_INFINITY;
  return values.reduce((most, value, at) => Math.max(most, Math.abs(value - (wanted[at] ?? Number.NaN))), 0);
}

describe("outputs and gradients equal PyTorch's", () => {
  it.each(rows)("$js as $call", ({ js, call, mode, inputs, outs, grads, parameters }) => {
    manualSeed(7);
    const layer: nn.AnyModule = new Function("nn", `return ${js}`)(nn);
    layer.train(mode === "train");
    const leaves = inputs.map(({ shape, dtype, data }) => {
      if (!isDType(dtype)) throw new Error(`no dtype ${dtype}`);
      return fromHost(encode(data, dtype), shape, dtype, { requiresGrad: isFloat(dtype) });
    });
    const result = new Function("nn", "m", ..."abcd".slice(0, leaves.length), `return ${call}`)(nn, layer, ...leaves);
    const found = tensorsOf(result);
    expect(found.map(({ shape }) => shape)).toEqual(outs.map(({ shape }) => shape));
    for (const [at, tensor] of found.entries())
      expect(worst(tensor, outs[at]?.value ?? []), `output ${at}`).toBeLessThan(2e-6);
    found
      .filter(({ requiresGrad }) => requiresGrad)
      .map((tensor) => tensor.mul(linspace(0.25, 1, tensor.numel()).reshape(tensor.shape)).sum())
      .reduce((sum, part) => sum.add(part))
      .backward();
    for (const [at, leaf] of leaves.entries()) {
      const wanted = grads[at];
      if (wanted) expect(worst(leaf.grad, wanted), `gradient of input ${at}`).toBeLessThan(1e-5);
    }
    const own = new Map(layer.namedParameters());
    expect([...own.keys()]).toEqual(Object.keys(parameters));
    for (const [name, wanted] of Object.entries(parameters)) {
      if (wanted === null) expect(own.get(name)?.grad, name).toBeNull();
      else expect(worst(own.get(name)?.grad, wanted), name).toBeLessThan(1e-5);
    }
  });
});
