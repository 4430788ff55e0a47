// Chapter 3, Fashion-MNIST: each row of its section. The pictures are read where ABRAZO_DATA says; without them all is skipped.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DataLoader, type Dataset, datasets, Image, saveImage, transforms } from "../../src/data/index.ts";
import { manualSeed, randint, type Tensor } from "../../src/tensor/index.ts";
import { dataPath } from "../support/data.ts";

const root = dataPath("images", "fashion-mnist");
const LABELS: Readonly<Record<number, string>> = {
  0: "T-shirt",
  1: "Trouser",
  2: "Pullover",
  3: "Dress",
  4: "Coat",
  5: "Sandal",
  6: "Shirt",
  7: "Sneaker",
  8: "Bag",
  9: "Ankle Boot",
};

if (root === undefined)
  process.stderr.write("seed/6: images/fashion-mnist is not under ABRAZO_DATA; its rows are skipped\n");

describe.skipIf(root === undefined)("Fashion-MNIST", () => {
  const from = root ?? "";
  const toTensor = new transforms.ToTensor();

  it("seed/6-01 60,000 pictures to train with, 10,000 to test with, 28 x 28 in grey", () => {
    const [train, test] = [true, false].map((part) => new datasets.FashionMNIST({ root: from, train: part }));
    expect([train?.length, test?.length]).toEqual([60_000, 10_000]);
    expect(train?.get(0)[0]).toMatchObject({ width: 28, height: 28, channels: 1, mode: "L" });
    expect(train?.data.shape).toEqual([60_000, 28, 28]);
    const counts = new Map<number, number>();
    for (const label of train?.targets.dataSync() ?? [])
      counts.set(Number(label), (counts.get(Number(label)) ?? 0) + 1);
    expect([...counts.values()]).toEqual(Array(10).fill(6000));
  });

  it("seed/6-02 made of a local folder, with a transform", async () => {
    const train = await datasets.FashionMNIST.open({ root: from, train: true, transform: toTensor });
    const [image, label] = train.get(0);
    expect([image.shape, image.dtype, label]).toEqual([[1, 28, 28], "float32", 9]);
  });

  const calculateMeanStd = async (dataset: Dataset<[Tensor, number]>) => {
    const loader = new DataLoader(dataset, { batchSize: dataset.length });
    for (const [images] of loader) {
      return [images.mean([0, 2, 3]), images.std([0, 2, 3])] as const;
    }
    throw new Error("no batch");
  };

  it("seed/6-03 mean and deviation of the whole set in one batch", async () => {
    const [mean, std] = await calculateMeanStd(new datasets.FashionMNIST({ root: from, transform: toTensor }));
    expect([String(mean), String(std)]).toEqual(["tensor([0.2860])", "tensor([0.3530])"]);
    expect(mean.dataSync()[0]).toBeCloseTo(0.2860406, 6);
    expect(std.dataSync()[0]).toBeCloseTo(0.3530242, 6);
  });

  it("seed/6-04 ToTensor and Normalize in a row", () => {
    const transform = new transforms.Compose([toTensor, new transforms.Normalize([0.286], [0.353])]);
    const [plain] = new datasets.FashionMNIST({ root: from, transform: toTensor }).get(3);
    const [image] = new datasets.FashionMNIST({ root: from, transform }).get(3);
    const wanted = plain.sub(0.286).div(0.353);
    expect(image.sub(wanted).abs().max().itemSync()).toBeLessThan(1e-6);
  });

  it("seed/6-05 a random picture and the name of its label", () => {
    manualSeed(7);
    const test = new datasets.FashionMNIST({ root: from, train: false, transform: toTensor });
    for (let i = 0; i < 20; i++) {
      const [image, label] = test.get(randint(0, test.length, [1]).itemSync());
      expect(image.squeeze().shape).toEqual([28, 28]);
      expect(LABELS[label]).toBe(Object.values(LABELS)[label]);
    }
    const sandals = test.targets.dataSync().findIndex((label) => Number(label) === 5);
    expect(`Label: ${LABELS[test.get(sandals)[1]]}`).toBe("Label: Sandal");
  });

  it("seed/6-06 the names of the classes", () => {
    const plain = datasets.FashionMNIST.classes.map((name) => name.replace("/top", "").toLowerCase());
    expect(plain).toEqual(Object.values(LABELS).map((name) => name.toLowerCase()));
    expect(new datasets.FashionMNIST({ root: from, train: false }).classes[9]).toBe("Ankle boot");
  });

  it("seed/6-07 a picture to look at is a PNG file", async () => {
    const folder = mkdtempSync(join(tmpdir(), "abrazo-png-"));
    try {
      const [image] = new datasets.FashionMNIST({ root: from, transform: toTensor }).get(0);
      await saveImage(image.squeeze(), join(folder, "boot.png"));
      const [original] = new datasets.FashionMNIST({ root: from }).get(0);
      const read = await Image.open(join(folder, "boot.png"), "L");
      expect([read.width, read.height]).toEqual([28, 28]);
      expect(read.data.every((value, index) => value === original.data[index])).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("seed/6-08 loaders of 32: 1,875 batches to train, 313 to test, the last of 16", () => {
    const [train, test] = [true, false].map(
      (part) =>
        new DataLoader(new datasets.FashionMNIST({ root: from, train: part, transform: toTensor }), {
          batchSize: 32,
          shuffle: part,
        }),
    );
    expect([train?.length, test?.length]).toEqual([1875, 313]);
    const sizes = [...(test ?? [])].map(([images]) => images.size(0));
    expect([sizes.length, sizes.at(-1), sizes[0]]).toEqual([313, 16, 32]);
  });
});
