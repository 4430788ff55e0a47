// ImageFolder: pictures in one folder for each class.
// Knows no loader and no transform.

import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { AbrazoError } from "../../errors.ts";
import { optionsOf } from "../../options.ts";
import { packageModule } from "../../package-root.ts";
import { defaultCollate } from "../collate.ts";
import { Dataset, type ModuleSource } from "../dataset.ts";
import { checkedIndex } from "../sized.ts";
import { Image, type ImageMode } from "./image.ts";

const imageFolderOptions = optionsOf<ImageFolderOptions<unknown, unknown>>({
  transform: true,
  targetTransform: true,
  mode: true,
});

const EXTENSIONS = [".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"] as const;

/** What the pictures of a folder are converted to, and what becomes of them and of their labels. */
export interface ImageFolderOptions<Sample, Target> {
  transform?: (image: Image) => Sample;
  targetTransform?: (target: number) => Target;
  /** What pictures are converted to; default "RGB". */
  mode?: ImageMode;
}

/**
 * Pictures in `root/<class>/…`, also deeper. Classes are numbered in the order of their names.
 * Samples are promises, for pictures are decoded when they are asked for: loop with `for await`.
 *
 * @example needs files
 * ```ts
 * const pets = new datasets.ImageFolder("pets", { transform: new Compose([new Resize([64, 64]), new ToTensor()]) });
 * pets.classes; // ["cat", "dog"]
 * const [image, label] = await pets.get(0);
 * ```
 */
export class ImageFolder<Sample = Image, Target = number> extends Dataset<[Sample, Target]> {
  readonly classes: readonly string[];
  readonly classToIdx: Readonly<Record<string, number>>;
  readonly samples: readonly (readonly [path: string, target: number])[];
  override readonly source: ModuleSource;
  override readonly getBatch: (indices: readonly number[]) => Promise<unknown>;
  readonly #options: ImageFolderOptions<Sample, Target>;

  constructor(root: string, given?: ImageFolderOptions<Sample, Target>) {
    const options = imageFolderOptions("ImageFolder", given);
    super();
    this.classes = classesOf(root);
    this.classToIdx = Object.fromEntries(this.classes.map((name, index) => [name, index]));
    this.samples = this.classes.flatMap((name, target) =>
      picturesIn(join(root, name)).map((path) => [path, target] as const),
    );
    requireSamples(this.classes, this.samples);
    this.source = {
      module: packageModule("src/data/vision/image-folder"),
      export: "ImageFolder",
      args: [resolve(root), options],
    };
    this.#options = options;
    this.getBatch = async (indices) => {
      // Decoded side by side, transformed in order: what transforms draw does not depend on which file was quicker.
      const images = await Promise.all(indices.map((index) => this.#open(index)));
      return defaultCollate(images.map((image, at) => this.#sample(image, indices[at] ?? 0)));
    };
  }

  /** The number of pictures. */
  get length(): number {
    return this.samples.length;
  }

  /** A picture, decoded now, and the number of its class. */
  async get(index: number): Promise<[Sample, Target]> {
    return this.#sample(await this.#open(index), index);
  }

  #at(index: number): readonly [string, number] {
    return this.samples[checkedIndex(index, this.samples.length)] ?? ["", 0];
  }

  #open(index: number): Promise<Image> {
    return Image.open(this.#at(index)[0], this.#options.mode ?? "RGB");
  }

  #sample(image: Image, index: number): [Sample, Target] {
    const { transform, targetTransform } = this.#options;
    const [, target] = this.#at(index);
    const sample = transform === undefined ? image : transform(image);
    // safe because without a transform Sample is Image and Target is number, which are the defaults
    return [sample, targetTransform === undefined ? target : targetTransform(target)] as [Sample, Target];
  }
}

function classesOf(root: string): string[] {
  const entries = readFolder(root).filter((entry) => entry.isDirectory());
  if (entries.length > 0) return entries.map(({ name }) => name).sort();
  throw new AbrazoError({
    code: "DATASET_NOT_FOUND",
    message: `Couldn't find any class folder in ${root}.`,
    hint: "Put the pictures of each class into a folder of its name.",
    data: { root },
  });
}

function readFolder(root: string) {
  try {
    return readdirSync(root, { withFileTypes: true });
  } catch (cause) {
    throw new AbrazoError({
      code: "DATASET_NOT_FOUND",
      message: `${root} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      hint: "Name a folder that exists.",
      data: { root },
      cause,
    });
  }
}

function picturesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => EXTENSIONS.some((extension) => name.toLowerCase().endsWith(extension)))
    .sort()
    .map((name) => join(folder, name));
}

function requireSamples(classes: readonly string[], samples: readonly (readonly [string, number])[]): void {
  const empty = classes.filter((_, target) => samples.every(([, of]) => of !== target));
  if (empty.length === 0) return;
  throw new AbrazoError({
    code: "DATASET_EMPTY",
    message: `Found no valid file for the classes ${empty.join(", ")}. Supported extensions are: ${EXTENSIONS.join(", ")}`,
    hint: "Remove empty folders, or put pictures into them.",
    data: { classes: empty },
  });
}
