// The seed's random numbers: PyTorch's CPU stream, bit for bit.
import { expect, it } from "vitest";
import { DataLoader } from "../../src/data/index.ts";
import { functional as F, Flatten, init, Linear, ReLU, Sequential } from "../../src/nn/index.ts";
import { empty, manualSeed, ones, rand, randint, randn, randperm, type Tensor, zeros } from "../../src/tensor/index.ts";
import { METHOD_CASES, type MethodCase, recordCase, toNumber } from "../tensor/goldens.ts";

const list = (t: Tensor) => t.tolistSync();
const values = (t: Tensor) => [t.flatten().tolistSync()].flat().map(Number);

/** One in the last place, of numbers from 1 to 2. */
const UNITS: Readonly<Record<string, number>> = {
  float16: 2 ** -10,
  bfloat16: 2 ** -7,
  float32: 2 ** -23,
  float64: 2 ** -52,
};

/** Rows of the goldens that draw by these operations, with as many units in the last place as they may differ. */
function expectBits(ops: readonly string[], ulps: number, where: (row: MethodCase) => boolean = () => true): void {
  const rows = METHOD_CASES.filter((row) => ops.includes(row.op) && row.js.includes("manualSeed") && where(row));
  expect(rows.length).toBeGreaterThan(0);
  for (const row of rows) {
    const [out] = recordCase(row, { dtype: "float32" }).outs;
    const wanted = row.outs[0]?.value.map(toNumber) ?? [];
    expect(out?.dtype, row.js).toBe(row.outs[0]?.dtype);
    const found = out === undefined ? [] : values(out.to("float64"));
    const unit = UNITS[out?.dtype ?? ""] ?? 0;
    const far = found.filter((value, at) => {
      const target = wanted[at] ?? Number.NaN;
      return !(Math.abs(value - target) <= ulps * unit * Math.max(Math.abs(target), 2 ** -3));
    });
    expect(far, row.js).toEqual([]);
    expect(found.length, row.js).toBe(wanted.length);
  }
}

it("seed/R-01 rand and uniform_ in float32", () => {
  expectBits(["rand", "uniform_", "rand_like", "manual_seed"], 0, ({ outs }) => outs[0]?.dtype === "float32");
  manualSeed(7);
  expect(values(rand([3])).map((value) => value.toFixed(4))).toEqual(["0.5349", "0.1988", "0.6592"]);
});

it("seed/R-02 rand in float64, float16 and bfloat16", () => {
  expectBits(["rand", "uniform_"], 0, ({ outs }) => outs[0]?.dtype !== "float32");
  manualSeed(7);
  expect(values(rand([2], { dtype: "float64" }))).toEqual([0.279380429906404, 0.27369371365176565]);
});

const isSmall = ({ outs }: MethodCase) => (outs[0]?.value.length ?? 0) < 16;

it("seed/R-03 randn of fewer than sixteen: pairs, the second kept for the next call", () => {
  expectBits(["randn", "normal_", "randn_like", "normal"], 1, isSmall);
  manualSeed(7);
  const [first, second] = [values(randn([1])), values(randn([2]))];
  manualSeed(7);
  expect(values(randn([3]))).toEqual([...first, ...second]);
});

it("seed/R-04 randn of sixteen and more: blocks, the last drawn anew", () => {
  expectBits(["randn", "normal_", "normal"], 4, (row) => !isSmall(row));
  manualSeed(7);
  expect(values(randn([17])).slice(0, 3)).toEqual([-0.8201345205307007, -0.32456663250923157, 1.9263681173324585]);
});

it("seed/R-05 randint: words below 2^28, pairs of words from there on", () => {
  expectBits(["randint", "randint_like"], 0);
  manualSeed(7);
  randperm(10);
  expect(list(randint(0, 100, [5]))).toEqual([61, 58, 31, 8, 17]);
  expect(() => randint(3, 3, [2])).toThrow("random_ expects 'from' to be less than 'to', but got from=3 >= to=3");
});

it("seed/R-06 random_ fills whole numbers, two words an int64", () => {
  expectBits(["random_"], 0);
  manualSeed(7);
  expect([...zeros([3], { dtype: "int64" }).random_().dataSync()]).toEqual([
    1407639518939636932n,
    5163590386780219894n,
    8087222774582268115n,
  ]);
});

it("seed/R-07 randperm", () => {
  expectBits(["randperm"], 0);
  manualSeed(7);
  expect(list(randperm(10))).toEqual([5, 0, 3, 4, 1, 7, 9, 6, 8, 2]);
});

it("seed/R-08 the order of a shuffling loader", () => {
  manualSeed(7);
  const loader = new DataLoader([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], { batchSize: 4, shuffle: true });
  expect([...loader].map((batch) => list(batch as Tensor))).toEqual([
    [3, 2, 7, 8],
    [6, 1, 5, 9],
    [0, 4],
  ]);
});

it("seed/R-09 a linear layer draws its weight, then its bias", () => {
  manualSeed(7);
  const layer = new Linear(4, 3);
  expect(values(layer.weight).slice(0, 4)).toEqual([
    0.03492254018783569, -0.301196813583374, 0.15921169519424438, 0.15689027309417725,
  ]);
  expect(layer.bias === undefined || layer.bias === null ? [] : values(layer.bias)).toEqual([
    -0.21316099166870117, -0.2936806082725525, -0.05490982532501221,
  ]);
});

it("seed/R-10 the chapter's network right after the seed", () => {
  manualSeed(7);
  const first = new Linear(784, 512);
  const model = new Sequential(new Flatten(), first, new ReLU(), new Linear(512, 512), new ReLU(), new Linear(512, 10));
  const weights = values(first.weight);
  for (const [at, wanted] of [0.00249447, -0.02151406, 0.01137226].entries())
    expect(weights[at]).toBeCloseTo(wanted, 8);
  const near = (found: number[], wanted: readonly number[]) => {
    expect(found.length).toBe(10);
    for (const [at, value] of wanted.entries()) expect(Math.abs((found[at] ?? 0) - value)).toBeLessThan(1e-5);
  };
  near(values(model(rand([1, 28, 28]))), [-0.00836406, -0.00700025, 0.00125374, -0.01370653, 0.05344019]);
  // The numbers of the table are those of an input drawn after the seed was set again.
  manualSeed(7);
  const wanted = [
    -0.0237801, 0.02035129, 0.00586028, 0.01113781, 0.05654728, -0.05361983, 0.03975407, 0.0339439, 0.03911184,
    -0.01884595,
  ];
  near(values(model(rand([1, 28, 28]))), wanted);
});

it("seed/R-11 kaiming_normal_ with fan_out", () => {
  manualSeed(7);
  const weight = values(init.kaimingNormal_(empty([2, 3, 3, 3]), { mode: "fan_out", nonlinearity: "relu" }));
  for (const [at, wanted] of [-0.27337819, 0.13187706, 0.29963619].entries()) {
    expect(Math.abs((weight[at] ?? 0) - wanted)).toBeLessThan(1e-6);
  }
});

it("seed/R-12 bernoulli_ as PyTorch's kernel without vendor libraries; dropout by the statistics of its mask", () => {
  expectBits(["bernoulli_", "bernoulli", "multinomial", "geometric_"], 0);
  expectBits(["exponential_", "cauchy_", "log_normal_"], 1);
  manualSeed(7);
  expect(values(empty([8]).bernoulli_(0.5))).toEqual([1, 1, 0, 0, 0, 0, 1, 0]);
  const dropped = values(F.dropout(ones([100, 100]), 0.5, true));
  expect(new Set(dropped)).toEqual(new Set([0, 2]));
  expect(Math.abs(dropped.filter((value) => value === 2).length - 5000)).toBeLessThan(250); // five deviations
});
