// Chapter 3, datasets and loaders: each row of its section on Dataset and DataLoader.
import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import { type Collated, DataLoader, Dataset, datasets, randomSplit, transforms } from "../../src/data/index.ts";
import { data, nn, pipeline, Tokenizer } from "../../src/index.ts";
import { manualSeed, ones, rand, type Tensor, tensor } from "../../src/tensor/index.ts";
import { Squares } from "../data/worker-datasets.ts";
import { dataPath } from "../support/data.ts";

/** numpy's dirichlet of ones: exponentials by their sum. */
const dirichlet = (size: number, parts: number): Tensor => {
  const drawn = rand([size, parts]).neg().add(1).log().neg();
  return drawn.div(drawn.sum(1, true));
};

const oneHotOfMax = (a: Tensor): Tensor => {
  const rows = a.tolistSync() as number[][];
  return tensor(
    rows.map((row) => row.map((value) => (value === Math.max(...row) ? 1 : 0))),
    { dtype: "int64" },
  );
};

class RandomData extends Dataset<[Tensor, Tensor]> {
  readonly length: number;
  readonly #data: Tensor;
  readonly #labels: Tensor;

  constructor(length: number, features: number) {
    super();
    this.length = length;
    this.#data = dirichlet(length, features).settle();
    this.#labels = oneHotOfMax(this.#data);
  }

  get(index: number): [Tensor, Tensor] {
    return [
      tensor(this.#data.select(0, index).tolistSync(), { dtype: "float32" }),
      tensor(this.#labels.select(0, index).tolistSync(), { dtype: "int64" }),
    ];
  }
}

it("seed/5-01 rows of random parts of one sum to 1", () => {
  manualSeed(7);
  const parts = dirichlet(2, 5);
  expect(parts.shape).toEqual([2, 5]);
  for (const sum of parts.sum(1).tolistSync() as number[]) expect(sum).toBeCloseTo(1, 6);
});

it("seed/5-02 labels are one where the row is largest", () => {
  const printed = tensor([
    [0.46073711, 0.1119476, 0.0741386, 0.1712368, 0.18193989],
    [0.01, 0.4, 0.3, 0.2, 0.09],
  ]);
  expect(oneHotOfMax(printed).tolistSync()).toEqual([
    [1, 0, 0, 0, 0],
    [0, 1, 0, 0, 0],
  ]);
});

it("seed/5-03 a dataset of one's own: its length and the types of its samples", () => {
  const dataset = new RandomData(100, 10);
  expect(`Number of data samples = ${dataset.length}`).toBe("Number of data samples = 100");
  const [x, y] = dataset.get(0);
  expect([x.dtype, x.shape, y.dtype, y.shape]).toEqual(["float32", [10], "int64", [10]]);
  expect(y.sum().itemSync()).toBe(1);
});

it("seed/5-04 tensor() honours the dtype", () => {
  expect(tensor([1, 2], { dtype: "float32" }).dtype).toBe("float32");
  expect(tensor([1.7, -2.2], { dtype: "int64" }).tolistSync()).toEqual([1, -2]);
});

it("seed/5-05 small floats print in scientific form", () => {
  const row = tensor([1.4867e-1, 1.6088e-1, 2.2735e-2, 1.1054e-4, 3.1e-1, 7.5e-3, 9.99e-2, 1.2e-1, 6e-2, 6.69e-2]);
  expect(String(row)).toBe(
    "tensor([1.4867e-01, 1.6088e-01, 2.2735e-02, 1.1054e-04, 3.1000e-01, 7.5000e-03,\n        9.9900e-02, 1.2000e-01, 6.0000e-02, 6.6900e-02])",
  );
});

it("seed/5-06 a shuffled loader gives every sample once an epoch, in batches of 4", () => {
  const dataset = new RandomData(100, 10);
  const loader = new DataLoader(dataset, { batchSize: 4, shuffle: true, numWorkers: 0 });
  const [x, y] = loader[Symbol.iterator]().next().value as Collated<[Tensor, Tensor]>;
  expect([x.shape, x.dtype, y.shape, y.dtype]).toEqual([[4, 10], "float32", [4, 10], "int64"]);
  const numbers = new DataLoader(
    Array.from({ length: 100 }, (_, index) => index),
    { batchSize: 4, shuffle: true },
  );
  for (let epoch = 0; epoch < 2; epoch++) {
    const seen = [...numbers].flatMap((batch) => batch.tolistSync() as number[]);
    expect([...seen].sort((a, b) => a - b)).toEqual(seen.map((_, index) => index));
    expect(seen).not.toEqual(seen.map((_, index) => index));
  }
});

it("seed/5-07 batchSize, shuffle, numWorkers and dropLast", async () => {
  const ten = Array.from({ length: 10 }, (_, index) => index);
  const batches = (options: object) => [...new DataLoader(ten, options)].map((batch) => batch.tolistSync());
  expect(batches({ batchSize: 4 })).toEqual([
    [0, 1, 2, 3],
    [4, 5, 6, 7],
    [8, 9],
  ]);
  expect(batches({ batchSize: 4, dropLast: true })).toEqual([
    [0, 1, 2, 3],
    [4, 5, 6, 7],
  ]);
  expect(batches({})).toHaveLength(10);
  expect(batches({ batchSize: 4, shuffle: true }).flat()).toHaveLength(10);
  const seen: unknown[] = [];
  for await (const { y } of new DataLoader(new Squares(10), { batchSize: 4, numWorkers: 1, dropLast: true }))
    seen.push(y.tolistSync());
  expect(seen).toEqual([
    [0, 1, 2, 3],
    [4, 5, 6, 7],
  ]);
});

it("seed/5-08 as many workers as cores give the same batches in order", async () => {
  const numWorkers = Math.min(4, availableParallelism());
  const here: unknown[] = [];
  for (const { x } of new DataLoader(new Squares(21), { batchSize: 2 })) here.push(x.tolistSync());
  const there: unknown[] = [];
  for await (const { x } of new DataLoader(new Squares(21), { batchSize: 2, numWorkers })) there.push(x.tolistSync());
  expect(there).toEqual(here);
});

it("seed/5-09 CustomDataset(data, targets, transform): the transform is for the sample alone", () => {
  class CustomDataset extends Dataset<[Tensor, Tensor]> {
    readonly length: number;

    readonly samples: Tensor;
    readonly targets: Tensor;
    readonly transform: ((sample: Tensor) => Tensor) | undefined;

    constructor(samples: Tensor, targets: Tensor, transform?: (sample: Tensor) => Tensor) {
      super();
      this.samples = samples;
      this.targets = targets;
      this.transform = transform;
      this.length = samples.size(0);
    }

    get(index: number): [Tensor, Tensor] {
      const sample = this.samples.select(0, index);
      return [this.transform?.(sample) ?? sample, this.targets.select(0, index)];
    }
  }
  const [x, y] = [ones([3, 2]), tensor([5, 6, 7])];
  const plain = new CustomDataset(x, y).get(1);
  expect(plain.map((part) => part.tolistSync())).toEqual([[1, 1], 6]);
  const [batch] = new DataLoader(new CustomDataset(x, y, (sample) => sample.mul(10)), { batchSize: 3 });
  expect(batch?.map((part) => part.tolistSync())).toEqual([
    [
      [10, 10],
      [10, 10],
      [10, 10],
    ],
    [5, 6, 7],
  ]);
});

describe.skipIf(dataPath("images", "mnist") === undefined)("with MNIST (ABRAZO_DATA)", () => {
  it("seed/5-10 80 and 20 percent of MNIST, in loaders of 64 and 32", () => {
    const dataset = new datasets.MNIST({
      root: dataPath("images", "mnist") ?? "",
      train: true,
      transform: new transforms.ToTensor(),
    });
    const trainSize = Math.trunc(0.8 * dataset.length);
    manualSeed(7);
    const [train, validation] = randomSplit(dataset, [trainSize, dataset.length - trainSize]);
    expect([train.length, validation.length]).toEqual([48_000, 12_000]);
    const trainLoader = new DataLoader(train, { batchSize: 64, shuffle: true });
    const validationLoader = new DataLoader(validation, { batchSize: 32 });
    expect([trainLoader.length, validationLoader.length]).toEqual([750, 375]);
    expect(new Set([...train.indices, ...validation.indices]).size).toBe(60_000);
    const [images, labels] = trainLoader[Symbol.iterator]().next().value as [Tensor, Tensor];
    expect([images.shape, labels.shape, labels.dtype]).toEqual([[64, 1, 28, 28], [64], "int64"]);
  });
});

it("seed/5-11 packages of domains: pictures in data, words in tokenizers and pipelines; sound has none yet", () => {
  expect(Object.keys(data)).toEqual(expect.arrayContaining(["datasets", "transforms", "Image", "DataLoader"]));
  expect([typeof Tokenizer, typeof pipeline, typeof nn]).toEqual(["function", "function", "object"]);
  expect(Object.keys(data)).not.toContain("audio");
});

it("seed/5-12 seed 7: the order of a shuffled loader", () => {
  manualSeed(7);
  const ten = Array.from({ length: 10 }, (_, index) => index);
  const batches = [...new DataLoader(ten, { batchSize: 4, shuffle: true })].map((batch) => batch.tolistSync());
  expect(batches).toEqual([
    [3, 2, 7, 8],
    [6, 1, 5, 9],
    [0, 4],
  ]);
});

it("seed/5-13 seed 7: a random split", () => {
  manualSeed(7);
  const ten = Array.from({ length: 10 }, (_, index) => index);
  const [train, test] = randomSplit(ten, [8, 2]);
  expect([train.indices, test.indices]).toEqual([
    [5, 0, 3, 4, 1, 7, 9, 6],
    [8, 2],
  ]);
});
