// Datasets, splits, samplers and collators; orders are PyTorch's, from test/goldens/make_data.py.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  BatchSampler,
  ChainDataset,
  ConcatDataset,
  DataLoader,
  Dataset,
  defaultCollate,
  Image,
  IterableDataset,
  padCollate,
  RandomSampler,
  randomSplit,
  SequentialSampler,
  Subset,
  SubsetRandomSampler,
  TensorDataset,
  WeightedRandomSampler,
} from "../../src/data/index.ts";
import { packageFile } from "../../src/package-root.ts";
import { Generator, manualSeed, ones, rand, Tensor, tensor, zeros } from "../../src/tensor/index.ts";

type Lists = number[][];
interface Orders {
  shuffle: Lists[];
  shuffleDropLast: Lists[];
  shuffleOwn: Lists[];
  subset: Lists[];
  replacement: number[];
  more: number[];
  weighted: number[];
  batchSampler: Lists;
  after: number[];
  afterOwn: number[];
  split: Lists;
  fractions: Lists;
}
const golden: {
  seeds: Record<string, Orders>;
  collated: { a0: number[]; a1: [number[], boolean[]]; b: Lists };
} = JSON.parse(readFileSync(packageFile("test/goldens/data.json"), "utf8"));

const range = (n: number): number[] => Array.from({ length: n }, (_, index) => index);
const data = range(23);
const epochs = (loader: DataLoader<number>, count: number): unknown =>
  Array.from({ length: count }, () => [...loader].map((batch) => batch.tolistSync()));

describe.each(Object.entries(golden.seeds))("seed %s: the order is PyTorch's", (text, orders) => {
  const seed = Number(text);
  const seeded = <T>(run: () => T): T => {
    manualSeed(seed);
    return run();
  };

  it("of a shuffled loader, epoch after epoch", () => {
    expect(seeded(() => epochs(new DataLoader(data, { batchSize: 5, shuffle: true }), 3))).toEqual(orders.shuffle);
    const dropping = () => epochs(new DataLoader(data, { batchSize: 5, shuffle: true, dropLast: true }), 2);
    expect(seeded(dropping)).toEqual(orders.shuffleDropLast);
  });

  it("of a loader with a generator of its own", () => {
    const generator = new Generator(seed);
    expect(epochs(new DataLoader(data, { batchSize: 5, shuffle: true, generator }), 3)).toEqual(orders.shuffleOwn);
  });

  it("of each sampler", () => {
    const sampler = () => new SubsetRandomSampler([3, 1, 4, 15, 9, 2, 6]);
    expect(seeded(() => epochs(new DataLoader(data, { batchSize: 4, sampler: sampler() }), 2))).toEqual(orders.subset);
    expect(seeded(() => [...new RandomSampler(data, { replacement: true, numSamples: 70 })])).toEqual(
      orders.replacement,
    );
    expect(seeded(() => [...new RandomSampler(data, { numSamples: 60 })])).toEqual(orders.more);
    expect(seeded(() => [...new WeightedRandomSampler([0.1, 3, 0, 1.5, 0.7, 2.2], 40)])).toEqual(orders.weighted);
    expect(seeded(() => [...new BatchSampler(new RandomSampler(data), 4, true)])).toEqual(orders.batchSampler);
  });

  it("of what is drawn after an epoch", () => {
    const loader = (generator?: Generator) =>
      new DataLoader(data, { batchSize: 5, shuffle: true, ...(generator && { generator }) });
    const rounded = (values: number[]) => values.map(Math.fround);
    seeded(() => epochs(loader(), 1));
    expect(rand([3]).tolistSync()).toEqual(rounded(orders.after));
    const generator = new Generator(seed);
    epochs(loader(generator), 1);
    expect(rand([3], { generator }).tolistSync()).toEqual(rounded(orders.afterOwn));
  });

  it("of random splits, by lengths and by fractions", () => {
    expect(seeded(() => randomSplit(data, [10, 13]).map(({ indices }) => indices))).toEqual(orders.split);
    expect(seeded(() => randomSplit(data, [0.5, 0.25, 0.25]).map(({ indices }) => indices))).toEqual(orders.fractions);
  });
});

describe("samplers", () => {
  it("weights without replacement: each index once, heavy ones first more often, weight 0 never", () => {
    manualSeed(1);
    const firsts = Array.from({ length: 400 }, () => [
      ...new WeightedRandomSampler([1, 0, 9, 2], 3, { replacement: false }),
    ]);
    for (const drawn of firsts) expect([...drawn].sort()).toEqual([0, 2, 3]);
    const share = firsts.filter(([first]) => first === 2).length / firsts.length;
    expect(share).toBeGreaterThan(0.68);
    expect(share).toBeLessThan(0.82);
  });

  it("lengths", () => {
    expect(new SequentialSampler(data).length).toBe(23);
    expect(new BatchSampler(new SequentialSampler(data), 5, false).length).toBe(5);
    expect(new BatchSampler(new SequentialSampler(data), 5, true).length).toBe(4);
    expect(() => new BatchSampler(new Set([1, 2]), 2, false).length).toThrow("object of type 'Set' has no len()");
  });

  it("what cannot be drawn from is refused where it is given", () => {
    expect(() => new RandomSampler([])).toThrow(
      "num_samples should be a positive integer value, but got num_samples=0",
    );
    expect(() => new WeightedRandomSampler([1, -1], 2)).toThrow("probability tensor contains either");
    expect(() => new WeightedRandomSampler([1, 0], 2, { replacement: false })).toThrow("without replacement");
    expect(() => new BatchSampler([1], 0, false)).toThrow("batch_size should be a positive integer value");
  });
});

describe("datasets", () => {
  const x = tensor(
    [
      [1, 2],
      [3, 4],
      [5, 6],
    ],
    { dtype: "float32" },
  );
  const y = tensor([0, 1, 2]);

  it("TensorDataset: rows, and batches as the rows joined", () => {
    const pairs = new TensorDataset(x, y);
    expect(pairs.length).toBe(3);
    expect(pairs.get(-1).map((part) => part.tolistSync())).toEqual([[5, 6], 2]);
    const joined = defaultCollate([pairs.get(2), pairs.get(0)]);
    const [bx, by] = pairs.getBatch([2, 0]);
    expect([bx?.tolistSync(), by?.tolistSync()]).toEqual(joined.map((part) => part.tolistSync()));
    expect([bx?.dtype, by?.dtype, bx?.shape]).toEqual(["float32", "int64", [2, 2]]);
    expect(() => pairs.get(3)).toThrow("index 3 is out of bounds for dimension 0 with size 3");
  });

  it("TensorDataset: every dtype, and rows of a tensor that requires grad keep their history", () => {
    for (const dtype of ["float64", "float16", "bfloat16", "int8", "int16", "int32", "uint8", "bool"] as const) {
      const part = new TensorDataset(
        tensor(
          [
            [0, 1],
            [1, 1],
          ],
          { dtype },
        ),
      ).getBatch([1, 0, 1])[0];
      expect([part?.dtype, part?.tolistSync()]).toEqual([
        dtype,
        dtype === "bool"
          ? [
              [true, true],
              [false, true],
              [true, true],
            ]
          : [
              [1, 1],
              [0, 1],
              [1, 1],
            ],
      ]);
    }
    const w = ones([3, 2], { requiresGrad: true });
    new TensorDataset(w).getBatch([0, 2, 2])[0]?.sum().backward();
    expect(w.grad?.tolistSync()).toEqual([
      [1, 1],
      [0, 0],
      [2, 2],
    ]);
  });

  it("TensorDataset: tensors of differing first size are refused", () => {
    expect(() => new TensorDataset(x, tensor([1, 2]))).toThrow("Size mismatch between tensors");
    expect(() => new TensorDataset()).toThrow("Size mismatch between tensors");
  });

  it("Subset and ConcatDataset look through", async () => {
    const both = new ConcatDataset([["a", "b"], new Subset(["c", "d", "e"], [2, 0])]);
    expect(range(both.length).map((index) => both.get(index))).toEqual(["a", "b", "e", "c"]);
    expect(both.get(-1)).toBe("c");
    expect(() => both.get(4)).toThrow("index 4 is out of bounds");
    expect(() => new ConcatDataset([])).toThrow("datasets should not be an empty iterable");
    const inner = new Subset(new Subset(new TensorDataset(y), [2, 1, 0]), [0, 2]);
    expect(inner.getBatch?.([0, 1])).toMatchObject([expect.any(Tensor)]);
    expect(defaultCollate([await inner.get(0), await inner.get(1)])[0]?.tolistSync()).toEqual([2, 0]);
  });

  it("ChainDataset joins streams, awaited ones too", async () => {
    class Plain extends IterableDataset<number> {
      override *[Symbol.iterator]() {
        yield* [1, 2];
      }
    }
    class Awaited extends IterableDataset<number> {
      override async *[Symbol.asyncIterator]() {
        yield 3;
      }
    }
    const plain = new DataLoader(new ChainDataset([new Plain(), new Plain()]), { batchSize: 3 });
    expect([...plain].map((batch) => batch.tolistSync())).toEqual([[1, 2, 1], [2]]);
    const mixed = new DataLoader(new ChainDataset<number>([new Plain(), new Awaited()]), { batchSize: 3 });
    const seen: unknown[] = [];
    for await (const batch of mixed) seen.push(batch.tolistSync());
    expect(seen).toEqual([[1, 2, 3]]);
    expect(() => [...mixed]).toThrow(expect.objectContaining({ code: "NEEDS_AWAIT" }));
  });

  it("splits: rounding goes to the first parts, sums are held to the length", () => {
    expect(randomSplit(data, [0.3, 0.3, 0.4]).map(({ length }) => length)).toEqual([7, 7, 9]);
    expect(() => randomSplit(data, [10, 10])).toThrow(
      "Sum of input lengths does not equal the length of the input dataset!",
    );
    expect(() => randomSplit(data, [-0.5, 1.5])).toThrow("Fraction at index 0 is not between 0 and 1");
    expect(() => randomSplit(data, [11.5, 11.5])).toThrow("Sum of input lengths");
  });
});

describe("defaultCollate", () => {
  it("joins nested lists and objects as PyTorch does", () => {
    const batch = defaultCollate([
      { a: [1, [2.5, true]] as [number, [number, boolean]], b: tensor([1, 2]), name: "x" },
      { a: [3, [4.5, false]] as [number, [number, boolean]], b: tensor([3, 4]), name: "y" },
    ]);
    const [a0, [a1, a2]] = batch.a;
    expect(a0.tolistSync()).toEqual(golden.collated.a0);
    expect([a1.tolistSync(), a2.tolistSync()]).toEqual(golden.collated.a1);
    expect(batch.b.tolistSync()).toEqual(golden.collated.b);
    expect([a0.dtype, a1.dtype, a2.dtype, batch.b.dtype, batch.name]).toEqual([
      "int64",
      "float32",
      "bool",
      "int64",
      ["x", "y"],
    ]);
  });

  it("stacks typed arrays, 0-d and empty tensors, and results of operations", () => {
    expect(defaultCollate([new Float32Array([1, 2]), new Float32Array([3, 4])]).tolistSync()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(defaultCollate([tensor(1.5), tensor(2.5)]).tolistSync()).toEqual([1.5, 2.5]);
    expect(defaultCollate([zeros([0, 3]), zeros([0, 3])]).shape).toEqual([2, 0, 3]);
    expect(defaultCollate([ones([2]).add(1), ones([2]).mul(5)]).tolistSync()).toEqual([
      [2, 2],
      [5, 5],
    ]);
    expect(defaultCollate([1n, 2n]).dtype).toBe("int64");
  });

  it("keeps the gradient of tensors that have one", () => {
    const w = ones([2], { requiresGrad: true });
    defaultCollate([w.mul(2), w.mul(3)])
      .sum()
      .backward();
    expect(w.grad?.tolistSync()).toEqual([5, 5]);
  });

  it("says what does not fit", () => {
    expect(() => defaultCollate([zeros([3]), zeros([4])])).toThrow(
      "stack expects each tensor to be equal size, but got [3] at entry 0 and [4] at entry 1",
    );
    expect(() => defaultCollate([[1], [1, 2]])).toThrow("each element in list of batch should be of equal size");
    const image = new Image(new Uint8Array(1), 1, 1, 1);
    expect(() => defaultCollate([image])).toThrow(
      expect.objectContaining({
        message: "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found Image",
        hint: expect.stringContaining("ToTensor"),
      }),
    );
    expect(() => defaultCollate([null])).toThrow("found null");
    expect(() => defaultCollate([{ a: 1 }, { b: 1 } as unknown as { a: number }])).toThrow(
      expect.objectContaining({ code: "FIELD_MISSING" }),
    );
  });
});

describe("padCollate", () => {
  it("fills up rows to the longest, each field with its own value", () => {
    const collate = padCollate({ paddingValue: { labels: -100 } });
    const batch = collate([
      { ids: [1, 2, 3], labels: [1], id: 7 },
      { ids: [], labels: [2, 3], id: 8 },
    ]);
    expect(batch.ids.tolistSync()).toEqual([
      [1, 2, 3],
      [0, 0, 0],
    ]);
    expect(batch.ids.dtype).toBe("int64");
    expect(batch.labels.tolistSync()).toEqual([
      [1, -100],
      [2, 3],
    ]);
    expect(batch.id.tolistSync()).toEqual([7, 8]);
  });

  it("rounds lengths up, pads on the left, and pads rows of tensors", () => {
    expect(padCollate({ multipleOf: 4 })([new Float32Array(3), new Float32Array(5)]).shape).toEqual([2, 8]);
    expect(padCollate({ paddingSide: "left", paddingValue: 9 })([[1], [2, 3]]).tolistSync()).toEqual([
      [9, 1],
      [2, 3],
    ]);
    expect(padCollate()([ones([1, 2]), ones([2, 2])]).tolistSync()).toEqual([
      [
        [1, 1],
        [0, 0],
      ],
      [
        [1, 1],
        [1, 1],
      ],
    ]);
    expect(() => padCollate({ multipleOf: 0 })).toThrow("multipleOf should be a positive integer value");
  });
});

describe("DataLoader", () => {
  it("batchSampler, sampler, no batches, a collator of one's own", () => {
    expect(lists(new DataLoader(range(5), { batchSampler: [[0, 4], [2]] }))).toEqual([[0, 4], [2]]);
    expect(lists(new DataLoader(range(5), { batchSize: 2, sampler: [4, 3, 0] }))).toEqual([[4, 3], [0]]);
    const single = new DataLoader([new Float32Array([1]), new Float32Array([2])], { batchSize: null });
    expect([...single].map((item) => item.tolistSync())).toEqual([[1], [2]]);
    expect([...new DataLoader(["a", "b"], { batchSize: null })]).toEqual(["a", "b"]);
    const own = new DataLoader(range(5), { batchSize: 2, collateFn: (samples) => samples.join("-") });
    expect([...own]).toEqual(["0-1", "2-3", "4"]);
    expect([...new DataLoader(range(2), { batchSize: null, collateFn: (sample) => `<${String(sample)}>` })]).toEqual([
      "<0>",
      "<1>",
    ]);
  });

  it("lengths", () => {
    expect(new DataLoader(data, { batchSize: 5 }).length).toBe(5);
    expect(new DataLoader(data, { batchSize: 5, dropLast: true }).length).toBe(4);
    expect(new DataLoader(data, { batchSize: null }).length).toBe(23);
    expect(new DataLoader([], { batchSize: 5 }).length).toBe(0);
    expect([...new DataLoader([], { batchSize: 5 })]).toEqual([]);
  });

  it("a dataset of promises: for await works, a plain for says so", async () => {
    class Later extends Dataset<number> {
      readonly length = 3;
      async get(index: number) {
        await Promise.resolve();
        if (index === 2) throw new RangeError("no third");
        return index;
      }
    }
    const loader = new DataLoader(new Later(), { batchSize: 2 });
    expect(() => [...loader]).toThrow(expect.objectContaining({ code: "NEEDS_AWAIT" }));
    const seen: unknown[] = [];
    await expect(async () => {
      for await (const batch of loader) seen.push(batch.tolistSync());
    }).rejects.toThrow("no third");
    expect(seen).toEqual([[0, 1]]);
  });

  it.each([
    [{ numWorkers: -1 }, "num_workers option should be non-negative"],
    [{ timeout: -1 }, "timeout option should be non-negative"],
    [{ prefetchFactor: 2 }, "prefetch_factor option could only be specified in multiprocessing."],
    [{ persistentWorkers: true }, "persistent_workers option needs num_workers > 0"],
    [{ batchSize: 0 }, "batch_size should be a positive integer value, but got batch_size=0"],
    [{ sampler: [1], shuffle: true }, "sampler option is mutually exclusive with shuffle"],
    [{ batchSampler: [[1]], batchSize: 2 }, "batch_sampler option is mutually exclusive with"],
    [{ batchSize: null, dropLast: true }, "batch_size=None option disables auto-batching"],
  ])("%j is refused at construction", (options, message) => {
    expect(() => new DataLoader(data, options)).toThrow(message);
  });

  it("an iterable dataset has no order to be asked for", () => {
    class Empty extends IterableDataset<number> {}
    expect(() => new DataLoader(new Empty(), { shuffle: true })).toThrow("expected unspecified shuffle option");
    expect(() => new DataLoader(new Empty(), { sampler: [1] })).toThrow("expected unspecified sampler option");
    expect(() => [...new DataLoader(new Empty())]).toThrow("Subclasses of IterableDataset should implement");
    expect(() => new DataLoader(new Empty()).length).toThrow("object of type 'Empty' has no len()");
  });
});

describe("stateDict", () => {
  const loaders = {
    "the default generator": () => new DataLoader(data, { batchSize: 4, shuffle: true }),
    "its own generator": () => new DataLoader(data, { batchSize: 4, shuffle: true, generator: new Generator(5) }),
    replacement: () => new DataLoader(data, { batchSize: 4, sampler: new RandomSampler(data, { replacement: true }) }),
    "a shared draw": () => new DataLoader(data, { batchSize: 4, sampler: new SubsetRandomSampler(data) }),
  };

  it.each(Object.entries(loaders))("goes on in the middle of an epoch: %s", (_, make) => {
    manualSeed(3);
    const whole = make();
    const wanted = [...(epochs(whole, 1) as unknown[]), ...(epochs(whole, 1) as unknown[])].flat();

    manualSeed(3);
    const first = make();
    const seen: unknown[] = [];
    for (const batch of first) {
      seen.push(batch.tolistSync());
      if (seen.length === 2) break;
    }
    const state = JSON.parse(JSON.stringify(first.stateDict()));
    const held = rand([1]).tolistSync();

    // A new process: its default generator was put back to where it stood, and then drawn from as before.
    manualSeed(3);
    const again = make();
    again.loadStateDict(state);
    manualSeed(3);
    // what the first epoch drew before the state was taken
    for (const _batch of make()) break;
    expect(rand([1]).tolistSync()).toEqual(held);
    seen.push(...((epochs(again, 1) as unknown[][])[0] ?? []));
    expect(seen).toEqual(wanted.slice(0, 6));
  });

  it("between epochs it is where a generator of its own stands", () => {
    const first = loaders["its own generator"]();
    epochs(first, 1);
    const again = loaders["its own generator"]();
    again.loadStateDict(first.stateDict());
    expect(epochs(again, 1)).toEqual(epochs(first, 1));
  });

  it("leaves the default generator alone when it goes on", () => {
    manualSeed(3);
    const first = loaders["the default generator"]();
    for (const _ of first) break;
    const again = loaders["the default generator"]();
    again.loadStateDict(first.stateDict());
    manualSeed(9);
    epochs(again, 1);
    const after = rand([1]).tolistSync();
    manualSeed(9);
    expect(after).toEqual(rand([1]).tolistSync());
  });

  it("skips what a stream gave before", () => {
    class Stream extends IterableDataset<number> {
      override *[Symbol.iterator]() {
        yield* range(9);
      }
    }
    const first = new DataLoader(new Stream(), { batchSize: 2 });
    for (const _ of first) break;
    const again = new DataLoader(new Stream(), { batchSize: 2 });
    again.loadStateDict(first.stateDict());
    expect(lists(again)).toEqual([[2, 3], [4, 5], [6, 7], [8]]);
    expect(lists(again)).toHaveLength(5);
  });

  it("refuses what is no state", () => {
    const state = { ...loaders["the default generator"]().stateDict(), batchesYielded: -1 };
    expect(() => loaders["the default generator"]().loadStateDict(state)).toThrow("This is no state of a DataLoader");
  });
});

function lists(loader: DataLoader<number>): unknown[] {
  return [...loader].map((batch) => batch.tolistSync());
}
