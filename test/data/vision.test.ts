// Pictures on disk and on the web: IDX files, MNIST's folder and download, ImageFolder, reading and writing images.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  DataLoader,
  datasets,
  defaultCollate,
  Image,
  makeGrid,
  readIdx,
  saveImage,
  transforms,
} from "../../src/data/index.ts";
import { onProgress } from "../../src/log.ts";
import { manualSeed, ones, type Tensor, tensor, zeros } from "../../src/tensor/index.ts";
import { dataPath } from "../support/data.ts";

const folder = mkdtempSync(join(tmpdir(), "abrazo-vision-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** An IDX file: type, sizes, elements in big-endian order. */
function idx(type: number, sizes: number[], elements: Buffer): Buffer {
  const header = Buffer.alloc(4 + 4 * sizes.length);
  header.writeUInt8(type, 2);
  header.writeUInt8(sizes.length, 3);
  for (const [axis, size] of sizes.entries()) header.writeUInt32BE(size, 4 + 4 * axis);
  return Buffer.concat([header, elements]);
}

function written(name: string, bytes: Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

describe("readIdx", () => {
  it("each type, plain and gzipped", () => {
    const int16 = Buffer.from([0xff, 0xfe, 0x01, 0x02]);
    expect(readIdx(written("a.idx", idx(11, [2], int16))).tolistSync()).toEqual([-2, 258]);
    const float = Buffer.alloc(8);
    float.writeFloatBE(1.5, 0);
    float.writeFloatBE(-2.25, 4);
    const read = readIdx(written("b.gz", gzipSync(idx(13, [1, 2], float))));
    expect([read.dtype, read.tolistSync()]).toEqual(["float32", [[1.5, -2.25]]]);
    const double = Buffer.alloc(8);
    double.writeDoubleBE(0.1);
    expect(readIdx(written("c.idx", idx(14, [1], double))).tolistSync()).toEqual([0.1]);
    expect(readIdx(written("d.idx", idx(9, [2], Buffer.from([255, 1])))).tolistSync()).toEqual([-1, 1]);
    expect(readIdx(written("e.idx", idx(12, [1], Buffer.from([0, 0, 1, 0])))).tolistSync()).toEqual([256]);
    expect(readIdx(written("f.idx", idx(8, [0, 28], Buffer.alloc(0)))).shape).toEqual([0, 28]);
  });

  it.each([
    ["no zeros first", Buffer.from([1, 2, 3, 4]), "it does not begin with 00 00"],
    ["short", Buffer.from([0, 0]), "it does not begin with 00 00"],
    ["type", idx(7, [1], Buffer.alloc(1)), "its type is 7"],
    ["header", idx(8, [1, 1], Buffer.alloc(0)).subarray(0, 9), "its header is cut short"],
    ["elements", idx(8, [3], Buffer.alloc(2)), "it has 2 bytes of elements, [3] needs 3"],
    ["gzip", gzipSync(idx(8, [3], Buffer.alloc(3))).subarray(0, 15), "its gzip data are broken or cut short"],
  ])("a broken file (%s) is an error that says why", (name, bytes, why) => {
    const path = written(`broken-${name}`, bytes);
    expect(() => readIdx(path)).toThrow(`${path} is no IDX file: ${why}.`);
  });
});

describe("MNIST", () => {
  const small = join(folder, "small");
  const pixels = Buffer.from(Array.from({ length: 8 }, (_, index) => index));
  beforeAll(() => {
    mkdirSync(small);
    writeFileSync(join(small, "train-images-idx3-ubyte"), idx(8, [2, 2, 2], pixels));
    writeFileSync(join(small, "train-labels-idx1-ubyte.gz"), gzipSync(idx(8, [2], Buffer.from([7, 3]))));
  });

  it("reads a folder, with transforms of picture and label", () => {
    const plain = new datasets.MNIST({ root: small });
    const [image, label] = plain.get(-1);
    expect([[...image.data], label, plain.classes[label]]).toEqual([[4, 5, 6, 7], 3, "3 - three"]);
    const changed = new datasets.MNIST({
      root: small,
      transform: (of: Image) => of.width,
      targetTransform: (of) => -of,
    });
    expect(changed.get(0)).toEqual([2, -7]);
  });

  it("the quick way of a batch gives what its samples give; a transform of another kind has none", () => {
    const { Compose, Normalize, RandomInvert, ToTensor } = transforms;
    const make = (transform: (image: Image) => Tensor) =>
      new datasets.MNIST({ root: small, transform, targetTransform: (label) => label * 2 });
    for (const transform of [new ToTensor(), new Compose([new ToTensor(), new Normalize([0.2], [0.3])])]) {
      const dataset = make(transform);
      const quick = dataset.getBatch?.([1, 0, -1]) as Tensor[];
      const slow = defaultCollate([1, 0, -1].map((index) => dataset.get(index)));
      expect(quick.map((part) => [part.dtype, part.tolistSync()])).toEqual(
        slow.map((part) => [part.dtype, part.tolistSync()]),
      );
    }
    class Other extends ToTensor {}
    for (const transform of [new Other(), new Compose([new RandomInvert(), new ToTensor()])]) {
      expect(make(transform).getBatch).toBeUndefined();
    }
    expect(() => make(new Compose([new ToTensor(), new Normalize([0, 1], [1, 1])]))).toThrow("must match the size");
  });

  it("says what is missing and how to get it", () => {
    expect(() => new datasets.MNIST({ root: small, train: false })).toThrow(
      expect.objectContaining({
        code: "DATASET_NOT_FOUND",
        message: expect.stringContaining(
          "Dataset not found. You can use download=True to download it: t10k-images-idx3-ubyte(.gz)",
        ),
        hint: expect.stringContaining("download: true"),
      }),
    );
  });

  it("files that do not belong together", () => {
    const mixed = join(folder, "mixed");
    mkdirSync(mixed);
    writeFileSync(join(mixed, "train-images-idx3-ubyte"), idx(8, [2, 2, 2], pixels));
    writeFileSync(join(mixed, "train-labels-idx1-ubyte"), idx(8, [1], Buffer.from([7])));
    expect(() => new datasets.FashionMNIST({ root: mixed })).toThrow(
      "do not belong together: pictures [2, 2, 2], labels [1].",
    );
  });

  it("travels to workers with its transform", async () => {
    const dataset = new datasets.MNIST({
      root: small,
      transform: new transforms.Compose([new transforms.ToTensor(), new transforms.Normalize([0.5], [0.5])]),
    });
    const seen: unknown[] = [];
    for await (const [images, labels] of new DataLoader(dataset, { batchSize: 2, numWorkers: 1 })) {
      seen.push(images.tolistSync(), labels.tolistSync());
    }
    const [here] = new DataLoader(dataset, { batchSize: 2 });
    expect(seen).toEqual(here?.map((part) => part.tolistSync()));
  });

  it("download: an address that is not there or gives something else leaves nothing behind", async () => {
    const server = createServer((request, response) => {
      if (request.url?.includes("train-images") === true) response.end("not the file");
      else response.writeHead(404).end();
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mnist`;
    const root = join(folder, "failed");
    try {
      await expect(datasets.FashionMNIST.open({ root, download: true, baseUrl })).rejects.toThrow(
        expect.objectContaining({
          code: "DOWNLOAD_FAILED",
          message: expect.stringMatching(
            /^Error downloading train-images-idx3-ubyte.gz: .*its MD5 is .*, published is 8d4fb7e6c68d591d4c3dfef9ec88bf0d/,
          ),
        }),
      );
      expect(() => new datasets.FashionMNIST({ root })).toThrow("Dataset not found");
      await expect(datasets.MNIST.download(root, { baseUrl: "http://127.0.0.1:9/" })).rejects.toThrow(
        "Error downloading",
      );
    } finally {
      server.close();
    }
  });

  const published = dataPath("images", "fashion-mnist");
  it.skipIf(published === undefined)(
    "download: gets the files that are missing, checked, and only once (ABRAZO_DATA)",
    async () => {
      const asked: string[] = [];
      const server = createServer((request, response) => {
        const name = (request.url ?? "").split("/").at(-1) ?? "";
        asked.push(name);
        response.end(readFileSync(join(published ?? "", name)));
      }).listen(0, "127.0.0.1");
      await new Promise((resolve) => server.once("listening", resolve));
      const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      const root = join(folder, "downloaded");
      let loaded = 0;
      const silence = onProgress((event) => {
        if (event.done === true) loaded += event.loaded;
      });
      try {
        const test = await datasets.FashionMNIST.open({ root, train: false, download: true, baseUrl });
        expect([test.length, asked.length]).toEqual([10_000, 4]);
        await datasets.FashionMNIST.open({ root, download: true, baseUrl });
        expect(asked).toHaveLength(4);
        expect(loaded).toBeGreaterThan(30_000_000);
      } finally {
        silence();
        server.close();
      }
    },
  );
});

describe("ImageFolder", () => {
  const root = join(folder, "pets");
  beforeAll(async () => {
    for (const [at, path] of ["dog/2.png", "dog/deep/1.jpg", "cat/b.PNG", "cat/a.png"].entries()) {
      mkdirSync(join(root, path, ".."), { recursive: true });
      const image = new Image(new Uint8Array(8 * 6 * 3).fill(40 * (at + 1)), 8, 6, 3);
      await image.save(join(root, path.replace("PNG", "png")));
    }
    writeFileSync(join(root, "cat", "notes.txt"), "no picture");
  });

  it("classes and samples in the order of their names", async () => {
    const pets = new datasets.ImageFolder(root);
    expect([pets.classes, pets.classToIdx, pets.length]).toEqual([["cat", "dog"], { cat: 0, dog: 1 }, 4]);
    expect(pets.samples.map(([path, target]) => [path.slice(root.length + 1), target])).toEqual([
      ["cat/a.png", 0],
      ["cat/b.png", 0],
      ["dog/2.png", 1],
      ["dog/deep/1.jpg", 1],
    ]);
    const [image, target] = await pets.get(0);
    expect([image.mode, image.width, image.height, image.data[0], target]).toEqual(["RGB", 8, 6, 160, 0]);
  });

  it("loads in batches, the same with workers, whatever file is quicker", async () => {
    const transform = new transforms.Compose([new transforms.RandomCrop(5), new transforms.ToTensor()]);
    const batches = async (numWorkers: number) => {
      manualSeed(3);
      const seen: unknown[] = [];
      const loader = new DataLoader(new datasets.ImageFolder(root, { transform }), { batchSize: 3, numWorkers });
      for await (const [images, labels] of loader) seen.push([images.shape, labels.tolistSync()]);
      return seen;
    };
    expect(await batches(0)).toEqual([
      [
        [3, 3, 5, 5],
        [0, 0, 1],
      ],
      [[1, 3, 5, 5], [1]],
    ]);
    expect(await batches(1)).toEqual(await batches(0));
  });

  it("folders without classes, or without pictures", () => {
    expect(() => new datasets.ImageFolder(join(root, "cat"))).toThrow(
      `Couldn't find any class folder in ${join(root, "cat")}.`,
    );
    expect(() => new datasets.ImageFolder(join(root, "none"))).toThrow(
      expect.objectContaining({ code: "DATASET_NOT_FOUND" }),
    );
    mkdirSync(join(folder, "empty", "bird"), { recursive: true });
    expect(() => new datasets.ImageFolder(join(folder, "empty"))).toThrow("Found no valid file for the classes bird.");
  });
});

describe("images", () => {
  it("PNG keeps every byte: grey, colour and opacity", async () => {
    for (const channels of [1, 3, 4]) {
      const image = new Image(
        Uint8Array.from({ length: 6 * channels }, (_, index) => index * 9),
        3,
        2,
        channels,
      );
      const path = join(folder, `kept-${channels}.png`);
      await image.save(path);
      const read = await Image.open(path);
      expect([read.mode, read.width, read.height, [...read.data]]).toEqual([image.mode, 3, 2, [...image.data]]);
      expect((await Image.decode(readFileSync(path), "RGB")).mode).toBe("RGB");
    }
  });

  it("modes: grey by PIL's formula, grey made RGB, opacity left out", async () => {
    const path = join(folder, "modes.png");
    await new Image(new Uint8Array([255, 0, 0, 0, 255, 0]), 2, 1, 3).save(path);
    expect([...(await Image.open(path, "L")).data]).toEqual([76, 150]);
    await new Image(new Uint8Array([7]), 1, 1, 1).save(path);
    expect([...(await Image.open(path, "RGB")).data]).toEqual([7, 7, 7]);
    expect([...(await Image.open(path, "RGBA")).data]).toEqual([7, 7, 7, 255]);
  });

  it("what is no picture, and what has not its bytes", async () => {
    const path = written("no.png", Buffer.from("no picture"));
    await expect(Image.open(path)).rejects.toThrow(
      expect.objectContaining({
        code: "IMAGE_UNREADABLE",
        message: expect.stringContaining(`cannot identify image file '${path}'`),
      }),
    );
    await expect(Image.open(join(folder, "absent.png"))).rejects.toThrow("cannot identify image file");
    expect(() => new Image(new Uint8Array(5), 2, 2, 1)).toThrow("not enough image data");
    expect(() => new Image(new Uint8Array(8), 2, 2, 2)).toThrow("not enough image data");
  });

  it("makeGrid sets pictures side by side", () => {
    const batch = tensor([[[[1]]], [[[2]]], [[[3]]]], { dtype: "float32" });
    const grid = makeGrid(batch, { nrow: 2, padding: 1, padValue: 9 });
    const row = [9, 9, 9, 9, 9];
    expect(grid.select(0, 1).tolistSync()).toEqual([row, [9, 1, 9, 2, 9], row, [9, 3, 9, 9, 9], row]);
    expect(makeGrid(zeros([1, 28, 28])).shape).toEqual([3, 28, 28]);
    expect(makeGrid(zeros([28, 28])).shape).toEqual([3, 28, 28]);
    expect(makeGrid(zeros([2, 3, 4, 4])).shape).toEqual([3, 8, 14]);
    const stretched = makeGrid(
      tensor(
        [
          [
            [2, 4],
            [6, 10],
          ],
        ],
        { dtype: "float32" },
      ),
      { normalize: true },
    );
    expect(stretched.select(0, 0).tolistSync()).toEqual([
      [0, 0.25],
      [0.5, 1],
    ]);
    expect(() => makeGrid(zeros([3]))).toThrow("tensor or list of tensors expected");
  });

  it("saveImage rounds as torchvision does", async () => {
    const path = join(folder, "saved.png");
    await saveImage(
      tensor([
        [
          [0, 0.5],
          [1.2, -1],
        ],
      ]),
      path,
    );
    expect([...(await Image.open(path, "L")).data]).toEqual([0, 128, 255, 0]);
    await saveImage(ones([4, 1, 2, 2], { dtype: "uint8" }), path, { nrow: 2, padding: 0 });
    expect((await Image.open(path)).data.every((value) => value === 1)).toBe(true);
  });
});
