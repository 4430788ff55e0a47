// Transforms without chance, torchvision's `transforms`: each keeps its options and calls the function of its name.
// Draws nothing.

import { requireList } from "../../arguments.ts";
import { AbrazoError } from "../../errors.ts";
import type { DType } from "../../graph/dtype.ts";
import { packageModule } from "../../package-root.ts";
import { Tensor } from "../../tensor/index.ts";
import * as functional from "./functional.ts";
import { Image } from "./image.ts";
import { padOptions, resizeOptions } from "./options.ts";
import type { Picture } from "./raster.ts";
import type { ResizeOptions, Size } from "./resize.ts";
import { APPLY, Callable, PictureTransform, Transform } from "./transform.ts";

const HERE = packageModule("src/data/vision/transforms");

/** Anything called with one input: a transform, or a function. */
export type Step = (input: never) => unknown;

/** What comes out when an input passes through steps. */
export type Through<Steps extends readonly unknown[], Input> = Steps extends readonly [infer First, ...infer Rest]
  ? Through<
      Rest,
      First extends PictureTransform ? Input : First extends (input: never) => infer Output ? Output : never
    >
  : Input;

/**
 * Transforms one after another. Augmentation belongs to training data alone: give the test set the same steps without
 * the random ones.
 *
 * @example
 * ```ts
 * const transform = new Compose([new ToTensor(), new Normalize([0.5], [0.5])]);
 * transform(new Image(new Uint8Array([0, 255]), 2, 1, 1)).tolistSync(); // [[[-1, 1]]]
 * ```
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the call signature is the other half of the class
export class Compose<const Steps extends readonly Step[]> extends Callable {
  readonly transforms: Steps;

  constructor(transforms: Steps) {
    super(HERE, [transforms]);
    requireSteps("Compose", transforms);
    this.transforms = transforms;
  }

  forward<P extends Picture>(input: P): Through<Steps, P> {
    let value: unknown = input;
    // safe because Through says what each step takes and gives
    for (const step of this.transforms) value = step(value as never);
    return value as Through<Steps, P>;
  }

  override [APPLY](input: unknown): unknown {
    return this.forward(input as Picture); // safe because the first step refuses what is no picture
  }
}

export interface Compose<Steps> {
  // biome-ignore lint/style/useShorthandFunctionType: a type cannot merge with the class
  <P extends Picture>(input: P): Through<Steps extends readonly unknown[] ? Steps : never, P>;
}

/** Fails where the list is given, not at the first sample. */
export function requireSteps(name: string, steps: readonly unknown[]): void {
  requireList(name, steps);
  const wrong = steps.findIndex((step) => typeof step !== "function");
  if (wrong < 0) return;
  throw new AbrazoError({
    code: "BAD_OPTION",
    message: `Argument transforms of ${name} should be a sequence of callables; item ${wrong} is not callable`,
    hint: "Items are transforms, e.g. new ToTensor(), or functions.",
  });
}

/**
 * A function as a transform.
 *
 * @throws BAD_OPTION for what is no function
 *
 * @example
 * ```ts
 * const middle = new Lambda((image: Image) => functional.crop(image, 5, 5, 18, 18));
 * middle(new Image(new Uint8Array(28 * 28), 28, 28, 1)).width; // 18
 * ```
 */
export class Lambda<Input, Output> extends Transform<Input, Output> {
  readonly lambd: (input: Input) => Output;

  constructor(lambd: (input: Input) => Output) {
    super(HERE, [lambd]);
    if (typeof lambd !== "function") {
      throw new AbrazoError({
        code: "BAD_OPTION",
        message: `Argument lambd should be callable, got ${typeof lambd}`,
        hint: "new Lambda((image) => …)",
      });
    }
    this.lambd = lambd;
  }

  forward(input: Input): Output {
    return this.lambd(input);
  }
}

/**
 * An image as float32 [C, H, W] from 0 to 1; see `functional.toTensor`.
 *
 * @example
 * ```ts
 * new ToTensor()(new Image(new Uint8Array([0, 255]), 2, 1, 1)).tolistSync(); // [[[0, 1]]]
 * ```
 */
export class ToTensor extends Transform<Image, Tensor> {
  constructor() {
    super(HERE);
  }

  forward(image: Image): Tensor {
    return functional.toTensor(image);
  }
}

/**
 * An image as uint8 [C, H, W].
 *
 * @example
 * ```ts
 * new PILToTensor()(new Image(new Uint8Array([0, 255]), 2, 1, 1)).tolistSync(); // [[[0, 255]]]
 * ```
 */
export class PILToTensor extends Transform<Image, Tensor> {
  constructor() {
    super(HERE);
  }

  forward(image: Image): Tensor {
    return functional.pilToTensor(image);
  }
}

/**
 * A tensor [C, H, W] as an image.
 *
 * @example
 * ```ts
 * new ToPILImage()(tensor([[[0, 0.5, 1]]])).data; // Uint8Array [0, 127, 255]
 * ```
 */
export class ToPILImage extends Transform<Tensor, Image> {
  constructor() {
    super(HERE);
  }

  forward(tensor: Tensor): Image {
    return functional.toPilImage(tensor);
  }
}

/**
 * Another dtype, with the range of values brought along. [..., H, W] → [..., H, W]; uint8, float32 and float64.
 *
 * @example
 * ```ts
 * new ConvertImageDtype("uint8")(tensor([[[0, 0.5, 1]]])).tolistSync(); // [[[0, 127, 255]]]
 * ```
 */
export class ConvertImageDtype extends Transform<Tensor, Tensor> {
  readonly dtype: Extract<DType, "uint8" | "float32" | "float64">;

  constructor(dtype: Extract<DType, "uint8" | "float32" | "float64">) {
    super(HERE, [dtype]);
    this.dtype = dtype;
  }

  forward(tensor: Tensor): Tensor {
    return functional.convertImageDtype(tensor, this.dtype);
  }
}

/**
 * (x - mean) / std for each channel of a float tensor: put it after `ToTensor`. [..., C, H, W] → the same shape.
 *
 * @example
 * ```ts
 * new Normalize([0.5], [0.25])(tensor([[[0.5, 1]]])).tolistSync(); // [[[0, 2]]]
 * ```
 */
export class Normalize extends Transform<Tensor, Tensor> {
  readonly mean: readonly number[];
  readonly std: readonly number[];

  constructor(mean: readonly number[], std: readonly number[]) {
    super(HERE, [mean, std]);
    this.mean = mean;
    this.std = std;
  }

  forward(tensor: Tensor): Tensor {
    return functional.normalize(tensor, this.mean, this.std);
  }
}

/**
 * Another size; one number is the smaller edge. An Image, or a tensor [..., H, W] → [..., height, width].
 *
 * @example
 * ```ts
 * new Resize([64, 48])(zeros([3, 100, 100])).shape; // [3, 64, 48]
 * ```
 */
export class Resize extends PictureTransform {
  readonly size: Size;
  readonly #options: ResizeOptions;

  constructor(size: Size, given?: ResizeOptions) {
    const options = resizeOptions("Resize", given);
    super(HERE, [size, options]);
    this.size = size;
    this.#options = options;
  }

  forward<P extends Picture>(picture: P): P {
    return functional.resize(picture, this.size, this.#options);
  }
}

/**
 * The middle of a picture. An Image, or a tensor [..., H, W] → [..., height, width].
 *
 * @example
 * ```ts
 * new CenterCrop(2)(arange(16).reshape([1, 4, 4]).to("float32")).tolistSync(); // [[[5, 6], [9, 10]]]
 * ```
 */
export class CenterCrop extends PictureTransform {
  readonly size: Size;

  constructor(size: Size) {
    super(HERE, [size]);
    this.size = size;
  }

  forward<P extends Picture>(picture: P): P {
    return functional.centerCrop(picture, this.size);
  }
}

/**
 * A border on all sides. An Image, or a tensor [..., H, W] → with more rows and columns.
 *
 * @example
 * ```ts
 * new Pad([1, 0])(tensor([[[1, 2]]]).to("float32")).tolistSync(); // [[[0, 1, 2, 0]]]
 * ```
 */
export class Pad extends PictureTransform {
  readonly padding: functional.Padding;
  readonly #options: functional.PadOptions;

  constructor(padding: functional.Padding, given?: functional.PadOptions) {
    const options = padOptions("Pad", given);
    super(HERE, [padding, options]);
    this.padding = padding;
    this.#options = options;
  }

  forward<P extends Picture>(picture: P): P {
    return functional.pad(picture, this.padding, this.#options);
  }
}

/**
 * Grey, in one channel or three. An Image, or a tensor [..., C, H, W].
 *
 * @example
 * ```ts
 * new Grayscale()(new Image(new Uint8Array([200, 100, 0]), 1, 1, 3)).data; // Uint8Array [118]
 * ```
 */
export class Grayscale extends PictureTransform {
  readonly numOutputChannels: number;

  constructor(numOutputChannels = 1) {
    super(HERE, [numOutputChannels]);
    this.numOutputChannels = numOutputChannels;
  }

  forward<P extends Picture>(picture: P): P {
    return functional.rgbToGrayscale(picture, this.numOutputChannels);
  }
}

/**
 * What a transform makes of each of the 256 values of a grey pixel, if it looks at nothing but that value: `ToTensor`, and
 * `Normalize` after it. A dataset in memory then makes a batch without a tensor for each sample.
 */
export function byteTable(transform: Step): Float32Array | undefined {
  const steps: readonly Step[] = transform instanceof Compose ? transform.transforms : [transform];
  // A class that extends one of these may do anything.
  const [first, ...rest] = steps.map((step) => step.constructor);
  if (first !== ToTensor || rest.some((step) => step !== Normalize)) return undefined;
  const all = new Image(
    Uint8Array.from({ length: 256 }, (_, value) => value),
    256,
    1,
    1,
  );
  const made = new Compose([...steps])(all);
  const values = made instanceof Tensor ? made.dataSync() : undefined;
  return values instanceof Float32Array ? values : undefined;
}
