// Operations without float64 kernels: values and gradients against PyTorch's (test/goldens/make_float32_ops.py).
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { functional as F } from "../../src/nn/index.ts";
import { fromTypedArray, type Tensor } from "../../src/tensor/index.ts";

interface Case {
  y: number[];
  grads: number[][];
}
interface Golden
  extends Record<"x" | "w" | "b" | "g", number[]>,
    Record<"layerNorm" | "gelu" | "geluTanh" | "erf", Case> {}

const golden: Golden = JSON.parse(readFileSync(new URL("../goldens/float32-ops.json", import.meta.url), "utf8"));
const SHAPE = [2, 3, 8];
const leaf = (values: number[], shape: number[]): Tensor =>
  fromTypedArray(new Float32Array(values), shape).clone().settle().requiresGrad_();

it.each(["layerNorm", "gelu", "geluTanh", "erf"] as const)("%s equals PyTorch's, value and gradients", (name) => {
  const [x, w, b] = [leaf(golden.x, SHAPE), leaf(golden.w, [8]), leaf(golden.b, [8])];
  const results = {
    layerNorm: () => F.layerNorm(x, w, b, 1e-5),
    gelu: () => x.gelu(),
    geluTanh: () => x.gelu({ approximate: "tanh" }),
    erf: () => x.erf(),
  };
  const y = results[name]();
  y.mul(leaf(golden.g, SHAPE).detach()).sum().backward();
  close(y, golden[name].y);
  for (const [index, input] of [x, w, b].slice(0, golden[name].grads.length).entries()) {
    if (input.grad === null) throw new Error("no gradient arrived");
    close(input.grad, golden[name].grads[index] ?? []);
  }
});

function close(found: Tensor, expected: readonly number[]): void {
  const values = [...found.dataSync()].map(Number);
  expect(values.length).toBe(expected.length);
  for (const [index, value] of values.entries()) expect(Math.abs(value - (expected[index] ?? 0))).toBeLessThan(2e-5);
}
