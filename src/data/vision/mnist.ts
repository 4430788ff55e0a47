// MNIST and Fashion-MNIST: 70,000 grey pictures of 28 x 28 in memory, from IDX files of a folder.
// Knows no loader.

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { AbrazoError } from "../../errors.ts";
import { optionsOf } from "../../options.ts";
import { packageModule } from "../../package-root.ts";
import { fromHost } from "../../tensor/create.ts";
import type { Tensor } from "../../tensor/index.ts";
import { defaultCollate } from "../collate.ts";
import { Dataset, type ModuleSource } from "../dataset.ts";
import { readIdx } from "../idx.ts";
import { checkedIndex } from "../sized.ts";
import { downloadFile } from "./download.ts";
import { Image } from "./image.ts";
import { byteTable } from "./transforms.ts";

/** Where the files are, which part is wanted, and what becomes of pictures and labels. */
export interface MnistOptions<Sample, Target> {
  /** The folder of the four files, or the one above `<name>/raw`, where `download` puts them. */
  root: string;
  /** The 60,000 pictures to train with (default), or the 10,000 to test with. */
  train?: boolean;
  transform?: (image: Image) => Sample;
  targetTransform?: (target: number) => Target;
}

const mnistOptions = optionsOf<MnistOptions<unknown, unknown>>({
  root: "required",
  train: true,
  transform: true,
  targetTransform: true,
});

/** Where a dataset is downloaded from. */
export interface DownloadOptions {
  /** Where the files are, instead of the publisher's addresses. */
  baseUrl?: string;
}

const downloadOptions = optionsOf<DownloadOptions>({ baseUrl: true });

interface Published {
  name: string;
  urls: readonly string[];
  /** MD5 of the four gzip files. */
  md5: { images: readonly [train: string, test: string]; labels: readonly [train: string, test: string] };
  classes: readonly string[];
}

const FASHION: Published = {
  name: "FashionMNIST",
  urls: ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"],
  md5: {
    images: ["8d4fb7e6c68d591d4c3dfef9ec88bf0d", "bef4ecab320f06d8554ea6380940ec79"],
    labels: ["25c81989df183df01b3e8a0aad5dffbe", "bb300cfdad3c16e7a12a480ee83cd310"],
  },
  classes: ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"],
};

const DIGITS: Published = {
  name: "MNIST",
  urls: ["https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"],
  md5: {
    images: ["f68b3c2dcbeaaa9fbdd348bbdeb94873", "9fb629c4189551a2d022fa330f9573f3"],
    labels: ["d53e105ee54ea40749a09fcbcd1e9432", "ec29112dd5afa0611ce80d1b7f02629c"],
  },
  classes: ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"].map(
    (word, digit) => `${digit} - ${word}`,
  ),
};

const PARTS = ["train", "t10k"] as const;
const fileName = (part: string, kind: "images" | "labels"): string =>
  `${part}-${kind}-idx${kind === "images" ? 3 : 1}-ubyte`;

/** What both datasets are; they differ in what is published. */
abstract class IdxPictures<Sample, Target> extends Dataset<[Sample, Target]> {
  /** All pictures, uint8 [N, 28, 28]. */
  readonly data: Tensor;
  /** All labels, uint8 [N]. */
  readonly targets: Tensor;
  readonly classes: readonly string[];
  readonly train: boolean;
  override readonly source: ModuleSource;
  declare readonly getBatch?: (indices: readonly number[]) => unknown;
  readonly #pixels: Uint8Array;
  readonly #labels: Uint8Array;
  readonly #size: readonly [height: number, width: number];
  readonly #transform: ((image: Image) => Sample) | undefined;
  readonly #targetTransform: ((target: number) => Target) | undefined;

  constructor(published: Published, options: MnistOptions<Sample, Target>) {
    super();
    const { root, train = true, transform, targetTransform } = mnistOptions(new.target.name, options);
    const part = PARTS[train ? 0 : 1];
    this.data = readIdx(locate(published, root, fileName(part, "images")));
    this.targets = readIdx(locate(published, root, fileName(part, "labels")));
    this.classes = published.classes;
    this.train = train;
    this.source = {
      module: packageModule("src/data/vision/mnist"),
      export: published.name,
      args: [{ root: resolve(root), train, transform, targetTransform }],
    };
    const [count, height = 0, width = 0] = this.data.shape;
    if (this.data.ndim !== 3 || this.targets.ndim !== 1 || this.targets.shape[0] !== count) {
      throw new AbrazoError({
        code: "BAD_IDX",
        message: `The files in ${root} do not belong together: pictures [${this.data.shape.join(", ")}], labels [${this.targets.shape.join(", ")}].`,
        hint: "Delete them and download them again.",
      });
    }
    this.#pixels = bytesOf(this.data, root);
    this.#labels = bytesOf(this.targets, root);
    this.#size = [height, width];
    this.#transform = transform;
    this.#targetTransform = targetTransform;
    const table = transform === undefined ? undefined : byteTable(transform);
    if (table !== undefined) this.getBatch = (indices) => this.#lookUp(indices, table);
  }

  /** A batch at once: what the transform makes of each byte is known. */
  #lookUp(indices: readonly number[], table: Float32Array): [Tensor, unknown] {
    const [height, width] = this.#size;
    const area = height * width;
    const pixels = this.#pixels;
    const out = new Float32Array(indices.length * area);
    let at = 0;
    for (const index of indices) {
      const start = checkedIndex(index, this.length) * area;
      for (let i = start; i < start + area; i++) out[at++] = table[pixels[i] ?? 0] ?? 0;
    }
    const targets = indices.map((index) => this.#target(checkedIndex(index, this.length)));
    return [fromHost(out, [indices.length, 1, height, width], "float32"), defaultCollate(targets)];
  }

  #target(at: number): unknown {
    const label = this.#labels[at] ?? 0;
    return this.#targetTransform === undefined ? label : this.#targetTransform(label);
  }

  get length(): number {
    return this.#labels.length;
  }

  get(index: number): [Sample, Target] {
    const at = checkedIndex(index, this.length);
    const [height, width] = this.#size;
    const image = new Image(this.#pixels.subarray(at * height * width, (at + 1) * height * width), width, height, 1);
    const sample = this.#transform === undefined ? image : this.#transform(image);
    // safe because without a transform Sample is Image and Target is number, which are the defaults
    return [sample, this.#target(at)] as [Sample, Target];
  }
}

function bytesOf(tensor: Tensor, root: string): Uint8Array {
  const data = tensor.dataSync();
  if (data instanceof Uint8Array) return data;
  throw new AbrazoError({
    code: "BAD_IDX",
    message: `The files in ${root} hold ${tensor.dtype}, not bytes.`,
    hint: "Delete them and download them again.",
  });
}

const rawFolder = ({ name }: Published, root: string): string => join(root, name, "raw");

function locate(published: Published, root: string, name: string): string {
  const folders = [rawFolder(published, root), root];
  const found = folders.flatMap((folder) => [join(folder, name), join(folder, `${name}.gz`)]).find(existsSync);
  if (found !== undefined) return found;
  throw new AbrazoError({
    code: "DATASET_NOT_FOUND",
    message: `Dataset not found. You can use download=True to download it: ${name}(.gz) is neither in ${folders.join(" nor in ")}.`,
    hint: `await ${published.name}.open({ root, download: true }) gets it from ${published.urls[0]}.`,
    data: { root, name },
  });
}

async function download(published: Published, root: string, { baseUrl }: DownloadOptions): Promise<void> {
  const folder = rawFolder(published, root);
  for (const kind of ["images", "labels"] as const) {
    for (const [index, part] of PARTS.entries()) {
      const name = fileName(part, kind);
      if (existsSync(join(folder, name)) || existsSync(join(folder, `${name}.gz`))) continue;
      const file = { name: `${name}.gz`, md5: published.md5[kind][index] ?? "" };
      await downloadFile(file, folder, baseUrl === undefined ? published.urls : [baseUrl]);
    }
  }
}

/** Options of a dataset that may be downloaded first. */
export interface OpenOptions<Sample, Target> extends MnistOptions<Sample, Target>, DownloadOptions {
  /** Gets the files that are missing. */
  download?: boolean;
}

const openOptions = optionsOf<OpenOptions<unknown, unknown>>({
  ...mnistOptions.names,
  ...downloadOptions.names,
  download: true,
});

/** The options of the dataset itself, once its files are there. */
async function opened<Sample, Target>(
  published: Published,
  given: OpenOptions<Sample, Target>,
): Promise<MnistOptions<Sample, Target>> {
  const { download: isWished, baseUrl, ...options } = openOptions(`${published.name}.open`, given);
  if (isWished === true) await download(published, options.root, baseUrl === undefined ? {} : { baseUrl });
  return options;
}

/**
 * Zalando's pictures of clothes in ten classes.
 *
 * @example needs files
 * ```ts
 * const train = await datasets.FashionMNIST.open({ root: "data", download: true, transform: new ToTensor() });
 * const [image, label] = train.get(0);
 * [image.shape, train.classes[label]]; // [[1, 28, 28], "Ankle boot"]
 * ```
 */
export class FashionMNIST<Sample = Image, Target = number> extends IdxPictures<Sample, Target> {
  /** Names of the classes, by label. */
  static readonly classes: readonly string[] = FASHION.classes;

  constructor(options: MnistOptions<Sample, Target>) {
    super(FASHION, options);
  }

  /** Makes the dataset, after a download where that is wished. */
  static async open<Sample = Image, Target = number>(
    options: OpenOptions<Sample, Target>,
  ): Promise<FashionMNIST<Sample, Target>> {
    return new FashionMNIST(await opened(FASHION, options));
  }

  /** Gets the files that are missing under `root`, and holds them to their checksums. */
  static async download(root: string, options?: DownloadOptions): Promise<void> {
    await download(FASHION, root, downloadOptions("FashionMNIST.download", options));
  }
}

/**
 * LeCun's handwritten digits. As FashionMNIST.
 *
 * @example needs files
 * ```ts
 * const test = await datasets.MNIST.open({ root: "data", train: false, download: true });
 * [test.length, test.get(0)[1]]; // [10000, 7]
 * ```
 */
export class MNIST<Sample = Image, Target = number> extends IdxPictures<Sample, Target> {
  /** Names of the classes, by label. */
  static readonly classes: readonly string[] = DIGITS.classes;

  constructor(options: MnistOptions<Sample, Target>) {
    super(DIGITS, options);
  }

  /** Makes the dataset, after a download where that is wished. */
  static async open<Sample = Image, Target = number>(
    options: OpenOptions<Sample, Target>,
  ): Promise<MNIST<Sample, Target>> {
    return new MNIST(await opened(DIGITS, options));
  }

  /** Gets the files that are missing under `root`, and holds them to their checksums. */
  static async download(root: string, options?: DownloadOptions): Promise<void> {
    await download(DIGITS, root, downloadOptions("MNIST.download", options));
  }
}
