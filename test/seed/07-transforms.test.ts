// Chapter 3, transforms: each row of its section.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DataLoader, Dataset, datasets, Image, transforms } from "../../src/data/index.ts";
import { manualSeed, rand, randperm, type Tensor } from "../../src/tensor/index.ts";
import { dataPath } from "../support/data.ts";

const { functional } = transforms;
const { Compose, Lambda, ColorJitter, RandomInvert, ToTensor, Normalize } = transforms;

const numbered = new Image(
  Uint8Array.from({ length: 784 }, (_, index) => index % 251),
  28,
  28,
  1,
);
const cropImage = <P extends transforms.Picture>(image: P): P => functional.crop(image, 5, 5, 18, 18);
const [MEAN, STD] = [0.2860406033, 0.3530242449];

it("seed/7-01 a crop of 18 x 18 from 5, 5 on", () => {
  const cropped = new Lambda(cropImage<Image>)(numbered);
  expect([cropped.width, cropped.height]).toEqual([18, 18]);
  const all = functional.pilToTensor(numbered).to("int64");
  expect(functional.pilToTensor(cropped).to("int64").tolistSync()).toEqual(
    all.slice(1, 5, 23).slice(2, 5, 23).tolistSync(),
  );
});

it("seed/7-02 ColorJitter without options changes nothing and draws an order of four", () => {
  manualSeed(7);
  expect(new ColorJitter()(numbered).data).toEqual(numbered.data);
  const after = rand([2]).tolistSync();
  manualSeed(7);
  randperm(4);
  expect(after).toEqual(rand([2]).tolistSync());
});

it("seed/7-03 RandomInvert: the picture, or its negative", () => {
  manualSeed(7);
  const seen = Array.from({ length: 20 }, () => new RandomInvert()(numbered).data[3]);
  expect(new Set(seen)).toEqual(new Set([3, 252]));
  const float = functional.toTensor(numbered);
  const inverted = new RandomInvert(1)(float);
  expect(inverted.add(float).min().itemSync()).toBeCloseTo(1, 6);
});

it("seed/7-04 ToTensor comes before Normalize: the wrong order is an error", () => {
  const right = new Compose([new ToTensor(), new Normalize([0.5], [0.5])]);
  const made = right(new Image(new Uint8Array([0, 255]), 2, 1, 1));
  expect(made.tolistSync()).toEqual([[[-1, 1]]]);
  const wrong = new Compose([new Normalize([0.5], [0.5]), new ToTensor()]);
  expect(() => wrong(numbered)).toThrow(
    expect.objectContaining({
      message: "img should be Tensor Image. Got an Image",
      hint: expect.stringContaining("ToTensor() before"),
    }),
  );
});

const chapter = new Compose([
  new Lambda(cropImage<Image>),
  new ColorJitter(),
  new RandomInvert(),
  new ToTensor(),
  new Normalize([MEAN], [STD]),
]);

it("seed/7-05 the chapter's transforms: 18 x 18, from -0.8102576732635498 to 2.022408962249756", () => {
  // A crop that holds a 0 and a 255 has these ends, inverted or not.
  const data = new Uint8Array(784).fill(100);
  data[28 * 10 + 10] = 0;
  data[28 * 11 + 10] = 255;
  manualSeed(7);
  for (let i = 0; i < 6; i++) {
    const made: Tensor = chapter(new Image(data, 28, 28, 1));
    expect(made.shape).toEqual([1, 18, 18]);
    expect(made.min().itemSync()).toBeCloseTo(-0.8102576732635498, 6);
    expect(made.max().itemSync()).toBeCloseTo(2.022408962249756, 6);
  }
});

describe.skipIf(dataPath("images", "fashion-mnist") === undefined)("with Fashion-MNIST (ABRAZO_DATA)", () => {
  it("seed/7-06 augmentation is for the training data alone", () => {
    const root = dataPath("images", "fashion-mnist") ?? "";
    const plain = new Compose([new ToTensor(), new Normalize([MEAN], [STD])]);
    const train = new datasets.FashionMNIST({ root, train: true, transform: chapter });
    const test = new datasets.FashionMNIST({ root, train: false, transform: plain });
    manualSeed(1);
    const twice = (dataset: Dataset<[Tensor, number]>) => {
      const runs = Array.from({ length: 8 }, () =>
        JSON.stringify((dataset.get(4) as [Tensor, number])[0].tolistSync()),
      );
      return new Set(runs).size;
    };
    expect([twice(train), twice(test)]).toEqual([2, 1]);
  });
});

describe("a folder of pictures", () => {
  const folder = mkdtempSync(join(tmpdir(), "abrazo-pictures-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  beforeAll(async () => {
    mkdirSync(join(folder, "photos"));
    for (const [index, name] of ["a.png", "b.jpg", "c.jpeg"].entries()) {
      const pixels = Uint8Array.from({ length: 300 * 260 * 3 }, (_, at) => (at % 3 === index ? 200 : 20));
      await new Image(pixels, 300, 260, 3).save(join(folder, "photos", name));
    }
  });

  class CustomImageDataset extends Dataset<Tensor> {
    readonly rootDir: string;
    readonly transform: (image: Image) => Tensor;
    readonly #files: string[];

    constructor(rootDir: string, transform: (image: Image) => Tensor) {
      super();
      this.rootDir = rootDir;
      this.transform = transform;
      this.#files = readdirSync(rootDir).sort();
    }

    get length(): number {
      return this.#files.length;
    }

    async get(index: number): Promise<Tensor> {
      return this.transform(await Image.open(join(this.rootDir, this.#files[index] ?? ""), "RGB"));
    }
  }

  it("seed/7-07 the answer's augmentation gives [3, 224, 224]", () => {
    const augment = new Compose([
      new transforms.RandomResizedCrop(224),
      new transforms.RandomHorizontalFlip(),
      new transforms.RandomRotation(10),
      new ColorJitter({ brightness: 0.2, contrast: 0.2, saturation: 0.2, hue: 0.1 }),
      new ToTensor(),
      new Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]);
    const picture = new Image(
      Uint8Array.from({ length: 60 * 90 * 3 }, (_, index) => index % 256),
      90,
      60,
      3,
    );
    manualSeed(7);
    const made = augment(picture);
    expect([made.shape, made.dtype]).toEqual([[3, 224, 224], "float32"]);
    expect(made.min().itemSync()).toBeGreaterThanOrEqual((0 - 0.485) / 0.229 - 1e-5);
  });

  it("seed/7-08 a dataset of a folder decodes PNG and JPEG", async () => {
    const transform = new Compose([new transforms.Resize([8, 8]), new ToTensor()]);
    const dataset = new CustomImageDataset(join(folder, "photos"), transform);
    expect(dataset.length).toBe(3);
    for await (const batch of new DataLoader(dataset, { batchSize: 3 })) {
      expect(batch.shape).toEqual([3, 3, 8, 8]);
      const means = batch.mean([2, 3]).tolistSync() as number[][];
      for (const [index, row] of means.entries())
        for (const [channel, mean] of row.entries())
          expect(Math.abs(mean - (channel === index ? 200 : 20) / 255)).toBeLessThan(0.02);
    }
  });
});
