// torch.nn.init from one seed, what every layer starts from, and how it prints, against PyTorch.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as nn from "../../src/nn/index.ts";
import { packageFile } from "../../src/package-root.ts";
import { manualSeed, type Tensor, zeros } from "../../src/tensor/index.ts";

interface Golden {
  fills: { js: string; shape: number[]; value: number[] }[];
  gains: { of: nn.init.Nonlinearity; param: number | null; gain: number }[];
  layers: { js: string; text: string; state: Record<string, { shape: number[]; value: number[] }> }[];
}
const golden: Golden = JSON.parse(readFileSync(packageFile("test", "goldens", "init.json"), "utf8"));

function worst(tensor: Tensor | undefined, wanted: readonly number[]): number {
  const values = Array.from(tensor?.dataSync() ?? [], Number);
  if (values.length !== wanted.length) return Number.POSITIVE_INFINITY;
  return values.reduce((most, value, at) => Math.max(most, Math.abs(value - (wanted[at] ?? Number.NaN))), 0);
}

describe("fills as PyTorch from seed 7", () => {
  it.each(golden.fills)("$js of $shape", ({ js, shape, value }) => {
    manualSeed(7);
    const tensor = zeros(shape).requiresGrad_();
    const filled = new Function("init", "t", `return init.${js}`)(nn.init, tensor);
    expect(filled).toBe(tensor);
    expect(tensor.isLeaf && tensor.requiresGrad).toBe(true);
    // Uniform numbers are the very ones; what goes through a logarithm or a matrix differs in the last digits.
    expect(worst(tensor, value)).toBeLessThanOrEqual(/uniform_/.test(js) ? 0 : 2e-6);
  });

  it.each(golden.gains)("the gain of $of ($param)", ({ of, param, gain }) => {
    expect(nn.init.calculateGain(of, param ?? undefined)).toBeCloseTo(gain, 14);
  });

  it("says what cannot be filled", () => {
    expect(() => nn.init.xavierUniform_(zeros([3]))).toThrow(
      "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions",
    );
    expect(() => nn.init.eye_(zeros([3]))).toThrow("Only tensors with 2 dimensions are supported");
    expect(() => nn.init.dirac_(zeros([3, 3]))).toThrow("Only tensors with 3, 4, or 5 dimensions are supported");
    expect(() => nn.init.dirac_(zeros([3, 3, 3]), 2)).toThrow("dim 0 must be divisible by groups");
    expect(() => nn.init.orthogonal_(zeros([3]))).toThrow("Only tensors with 2 or more dimensions are supported");
    expect(() => nn.init.sparse_(zeros([3]), 0.5)).toThrow("Only tensors with 2 dimensions are supported");
    expect(() => nn.init.calculateGain("relu7" as nn.init.Nonlinearity)).toThrow("Unsupported nonlinearity relu7");
    expect(() => nn.init.kaimingNormal_(zeros([2, 2]), { mode: "fan" as "fan_in" })).toThrow(
      "Mode fan not supported, please use one of ['fan_in', 'fan_out']",
    );
  });
});

describe("layers start and print as PyTorch's from seed 7", () => {
  it.each(golden.layers)("$js", ({ js, text, state }) => {
    manualSeed(7);
    const layer: nn.AnyModule = new Function("nn", `return ${js}`)(nn);
    expect(layer.toString()).toBe(text);
    const own = layer.stateDict();
    expect([...own.keys()]).toEqual(Object.keys(state));
    for (const [name, { shape, value }] of Object.entries(state)) {
      expect(own.get(name)?.shape, name).toEqual(shape);
      expect(worst(own.get(name), value), name).toBeLessThanOrEqual(
        name.endsWith("weight") && /Embedding/.test(js) ? 1e-6 : 0,
      );
    }
  });
});
