// Layers, attention and losses against PyTorch: values, gradients, and what they start from.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Embedding, functional as F, LayerNorm, Linear } from "../../src/nn/index.ts";
import { packageFile } from "../../src/package-root.ts";
import { fromTypedArray, Generator, ones, rand, type Tensor, tensor, zeros } from "../../src/tensor/index.ts";

type Recorded = Record<string, number[]>;
interface Golden {
  linear: Recorded;
  embedding: Recorded;
  layerNorm: Recorded;
  attention: Recorded;
  losses: Record<string, { logits: number[]; target?: number[]; each?: number[]; loss: number; d: number[] }>;
  start: Record<string, number[]>;
}
const golden: Golden = JSON.parse(readFileSync(packageFile("test", "goldens", "nn.json"), "utf8"));

function leaf(values: readonly number[] | undefined, shape: readonly number[]): Tensor {
  // Not fromTypedArray alone: a tensor that shares an array is copied whenever it is read.
  return fromTypedArray(Float32Array.from(values ?? []), shape)
    .mul(1)
    .settle()
    .requiresGrad_();
}

function expectClose(actual: Tensor | null, wanted: readonly number[] | undefined): void {
  const values = [...(actual?.dataSync() ?? [])].map(Number);
  expect(values).toHaveLength(wanted?.length ?? -1);
  for (const [at, value] of values.entries()) expect(Math.abs(value - (wanted?.[at] ?? Number.NaN))).toBeLessThan(2e-5);
}

/** Compares a result and, after going back with the golden's gradient, the gradient of each input. */
function compare(recorded: Recorded, y: Tensor, inputs: Record<string, Tensor>): void {
  expectClose(y, recorded["y"]);
  y.backward(fromTypedArray(Float32Array.from(recorded["g"] ?? []), y.shape));
  for (const [name, input] of Object.entries(inputs)) expectClose(input.grad, recorded[`d_${name}`]);
}

describe("values and gradients", () => {
  it("linear", () => {
    const { linear } = golden;
    const inputs = { x: leaf(linear["x"], [2, 3, 4]), w: leaf(linear["w"], [5, 4]), b: leaf(linear["b"], [5]) };
    compare(linear, F.linear(inputs.x, inputs.w, inputs.b), inputs);
  });

  it("embedding, with an id that occurs three times", () => {
    const { embedding } = golden;
    const table = leaf(embedding["table"], [7, 3]);
    const ids = tensor([
      [1, 6, 1],
      [0, 1, 3],
    ]);
    compare(embedding, F.embedding(ids, table), { table });
  });

  it("embedding of many equal ids: no thread's part of the gradient is lost, and it is the same each time", () => {
    const [rows, width, count] = [2000, 192, 4096];
    const places = Array.from({ length: count }, (_, at) => (at * at * 7 + at) % 300);
    const ids = fromTypedArray(BigInt64Array.from(places, BigInt));
    const values = Float32Array.from({ length: count * width }, (_, at) => ((at * 37) % 101) / 50 - 1);
    const exact = new Float64Array(rows * width);
    for (const [at, value] of values.entries()) {
      const cell = (places[Math.floor(at / width)] ?? 0) * width + (at % width);
      exact[cell] = (exact[cell] ?? 0) + value;
    }
    const gradients = Array.from({ length: 4 }, () => {
      const weight = zeros([rows, width]).requiresGrad_();
      F.embedding(ids, weight)
        .mul(fromTypedArray(values, [count, width]))
        .sum()
        .backward();
      return Float32Array.from(weight.grad?.dataSync() ?? [], Number);
    });
    const [first = new Float32Array()] = gradients;
    let worst = 0;
    for (const [at, value] of exact.entries()) worst = Math.max(worst, Math.abs((first[at] ?? Number.NaN) - value));
    expect(worst).toBeLessThan(1e-3);
    for (const other of gradients) expect(Buffer.compare(Buffer.from(other.buffer), Buffer.from(first.buffer))).toBe(0);
  });

  it("layer norm", () => {
    const { layerNorm } = golden;
    const inputs = { x: leaf(layerNorm["x"], [2, 3, 6]), w: leaf(layerNorm["w"], [6]), b: leaf(layerNorm["b"], [6]) };
    compare(layerNorm, F.layerNorm(inputs.x, inputs.w, inputs.b, 1e-12), inputs);
  });

  it("attention with padding", () => {
    const { attention } = golden;
    const make = (name: string) => leaf(attention[name], [2, 2, 4, 3]);
    const inputs = { q: make("q"), k: make("k"), v: make("v") };
    const mask = F.extendMask(
      tensor([
        [1, 1, 1, 0],
        [1, 1, 1, 1],
      ]),
    );
    compare(attention, F.scaledDotProductAttention(inputs.q, inputs.k, inputs.v, { attnMask: mask }), inputs);
  });
});

describe("cross entropy", () => {
  const LOSSES = {
    plain: {},
    smoothed: { labelSmoothing: 0.1 },
    ignored: { ignoreIndex: 2 },
    both: { labelSmoothing: 0.2, ignoreIndex: 2 },
  };
  it.each(Object.entries(LOSSES))("%s", (name, options) => {
    const wanted = golden.losses[name];
    const logits = leaf(wanted?.logits, [4, 3]);
    const loss = F.crossEntropy(logits, tensor([0, 2, 1, 0]), options);
    loss.backward();
    expect(loss.itemSync()).toBeCloseTo(wanted?.loss ?? Number.NaN, 5);
    expectClose(logits.grad, wanted?.d);
  });

  it.each([
    ["probabilities", {}],
    ["smoothedProbabilities", { labelSmoothing: 0.1 }],
  ])("against %s of the classes", (name, options) => {
    const wanted = golden.losses[name];
    const logits = leaf(wanted?.logits, [4, 3]);
    const target = tensor(wanted?.target ?? []).reshape([4, 3]);
    const loss = F.crossEntropy(logits, target, options);
    loss.backward();
    expect(loss.itemSync()).toBeCloseTo(wanted?.loss ?? Number.NaN, 5);
    expectClose(logits.grad, wanted?.d);
    expectClose(F.crossEntropy(logits, target, { ...options, reduction: "none" }), wanted?.each);
    expect(() => F.crossEntropy(logits, target, { ignoreIndex: 1 })).toThrow(/floating point target/);
  });

  it("of each row, for rows that count for nothing 0", () => {
    const logits = leaf(golden.losses["plain"]?.logits, [4, 3]);
    const target = tensor([0, 2, -100, 0]);
    const each = Array.from(F.crossEntropy(logits, target, { reduction: "none" }).dataSync(), Number);
    expect(each[2]).toBe(0);
    const mean = F.crossEntropy(logits, target).itemSync();
    expect(each.reduce((sum, value) => sum + value, 0) / 3).toBeCloseTo(mean, 5);
  });

  it("of a sequence with padding", () => {
    const wanted = golden.losses["sequence"];
    const logits = leaf(wanted?.logits, [2, 3, 4]);
    const target = tensor([1, 0, 3, -100, -100, 2]);
    const loss = F.crossEntropy(logits.flatten(0, 1), target);
    loss.backward();
    expect(loss.itemSync()).toBeCloseTo(wanted?.loss ?? Number.NaN, 5);
    expectClose(logits.grad, wanted?.d);
  });
});

it("layers start from PyTorch's numbers for the same seed", () => {
  const generator = new Generator(9);
  const linear = new Linear(6, 5, { generator });
  const embedding = new Embedding(9, 4, { generator });
  const norm = new LayerNorm(4);
  for (const [name, layer] of Object.entries({ linear, embedding, norm })) {
    for (const [path, value] of layer.namedParameters()) expectClose(value, golden.start[`${name}.${path}`]);
  }
});

describe("dropout", () => {
  const x = ones([200, 200]);
  const share = (y: Tensor) => y.eq(0).to("float32").mean().itemSync();
  const values = (y: Tensor) => [...y.dataSync()].map(Number);

  it("zeros the share asked for and scales the rest", () => {
    const y = F.dropoutStep(1, 0, () => F.dropout(x, 0.3, true));
    expect(Math.abs(share(y) - 0.3)).toBeLessThan(0.01);
    expect(y.mean().itemSync()).toBeCloseTo(1, 1);
    expect(new Set(values(y))).toEqual(new Set([0, Math.fround(1 / 0.7)]));
  });

  it("repeats its mask for the same seed, step and place, and for no other", () => {
    const masks = (seed: number, step: number) =>
      F.dropoutStep(seed, step, () => [F.dropout(x, 0.5, true), F.dropout(x, 0.5, true)].map(values));
    const first = masks(1, 0);
    expect(masks(1, 0)).toEqual(first);
    const others = [first[1], ...masks(1, 1), ...masks(2, 0)];
    for (const other of others) {
      const same = (other ?? []).filter((value, at) => value === first[0]?.[at]).length / 40_000;
      expect(Math.abs(same - 0.5)).toBeLessThan(0.02);
    }
  });

  it("treats rows and columns alike", () => {
    const y = F.dropoutStep(3, 5, () => F.dropout(x, 0.5, true))
      .eq(0)
      .to("float32");
    for (const axis of [0, 1]) {
      const means = [...y.mean(axis).dataSync()].map(Number);
      // 200 draws of ½: five standard deviations are 0.18.
      expect(Math.max(...means.map((mean) => Math.abs(mean - 0.5)))).toBeLessThan(0.18);
    }
  });

  it("is the identity when not training, zero at 1, and refuses the rest", () => {
    expect(F.dropout(x, 0.5, false)).toBe(x);
    expect(F.dropout(x, 0, true)).toBe(x);
    expect(F.dropout(x, 1, true).sum().itemSync()).toBe(0);
    expect(() => F.dropout(x, 1.5, true)).toThrow("dropout probability has to be between 0 and 1, but got 1.5");
  });

  it("gives gradients the mask of its forward pass", () => {
    const w = zeros([50, 50]).add(1).settle().requiresGrad_();
    const y = F.dropoutStep(4, 2, () => F.dropout(w, 0.4, true));
    y.sum().backward();
    expect(values(w.grad ?? zeros([1]))).toEqual(values(y));
  });
});

it("names the activations that there are when one is unknown", () => {
  expect(() => F.activation("gelu_neww")).toThrow('There is no activation "gelu_neww".');
  const x = rand([4]);
  expectClose(F.activation("silu")(x), [...x.mul(x.sigmoid()).dataSync()].map(Number));
});
