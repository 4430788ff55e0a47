// Transforms by chance. What they draw, and in which order, is torchvision's, from the default generator.
// Knows no dataset.

import { AbrazoError } from "../../errors.ts";
import { optionsOf } from "../../options.ts";
import { packageModule } from "../../package-root.ts";
import type { Tensor } from "../../tensor/index.ts";
import { defaultGenerator } from "../../tensor/rng.ts";
import { drawBelow, drawUniform } from "../random.ts";
import * as functional from "./functional.ts";
import { type RotateOptions, roundHalfEven } from "./geometry.ts";
import { padOptions, rotateOptions } from "./options.ts";
import { dimensionsOf, type Picture } from "./raster.ts";
import type { ResizeOptions, Size } from "./resize.ts";
import { PictureTransform, Transform } from "./transform.ts";
import { requireSteps } from "./transforms.ts";

const HERE = packageModule("src/data/vision/random-transforms");

/** `torch.rand(1) < p`. */
const happens = (p: number): boolean => defaultGenerator.float() < p;

function requireProbability(p: number): number {
  if (p >= 0 && p <= 1) return p;
  throw badOption(`p should be a probability between 0 and 1, got ${p}`, "0 never, 1 always.");
}

export function badOption(message: string, hint: string): AbrazoError {
  return new AbrazoError({ code: "BAD_OPTION", message, hint });
}

/**
 * Mirrored left to right with probability p. An Image, or a tensor [..., H, W]; the size stays.
 *
 * @throws BAD_OPTION where p is no probability
 *
 * @example
 * ```ts
 * new RandomHorizontalFlip(1)(new Image(new Uint8Array([1, 2, 3, 4]), 2, 2, 1)).data; // Uint8Array [2, 1, 4, 3]
 * ```
 */
export class RandomHorizontalFlip extends PictureTransform {
  readonly p: number;

  constructor(p = 0.5) {
    super(HERE, [p]);
    this.p = requireProbability(p);
  }

  forward<P extends Picture>(picture: P): P {
    return happens(this.p) ? functional.hflip(picture) : picture;
  }
}

/**
 * Upside down with probability p. An Image, or a tensor [..., H, W]; the size stays.
 *
 * @throws BAD_OPTION where p is no probability
 *
 * @example
 * ```ts
 * new RandomVerticalFlip(1)(new Image(new Uint8Array([1, 2, 3, 4]), 2, 2, 1)).data; // Uint8Array [3, 4, 1, 2]
 * ```
 */
export class RandomVerticalFlip extends PictureTransform {
  readonly p: number;

  constructor(p = 0.5) {
    super(HERE, [p]);
    this.p = requireProbability(p);
  }

  forward<P extends Picture>(picture: P): P {
    return happens(this.p) ? functional.vflip(picture) : picture;
  }
}

/**
 * A negative with probability p. An Image, or a tensor [..., H, W]; the size stays.
 *
 * @throws BAD_OPTION where p is no probability
 *
 * @example
 * ```ts
 * new RandomInvert(1)(new Image(new Uint8Array([1, 2, 3, 4]), 2, 2, 1)).data; // Uint8Array [254, 253, 252, 251]
 * ```
 */
export class RandomInvert extends PictureTransform {
  readonly p: number;

  constructor(p = 0.5) {
    super(HERE, [p]);
    this.p = requireProbability(p);
  }

  forward<P extends Picture>(picture: P): P {
    return happens(this.p) ? functional.invert(picture) : picture;
  }
}

/**
 * Grey with probability p; the number of channels stays. An Image, or a tensor [..., H, W]; the size stays.
 *
 * @throws BAD_OPTION where p is no probability
 *
 * @example
 * ```ts
 * new RandomGrayscale(1)(new Image(new Uint8Array([200, 100, 0]), 1, 1, 3)).data; // Uint8Array [118, 118, 118]
 * ```
 */
export class RandomGrayscale extends PictureTransform {
  readonly p: number;

  constructor(p = 0.1) {
    super(HERE, [p]);
    this.p = requireProbability(p);
  }

  forward<P extends Picture>(picture: P): P {
    if (!happens(this.p)) return picture;
    return functional.rgbToGrayscale(picture, dimensionsOf(picture).channels);
  }
}

/**
 * Transforms, all of them with probability p or none.
 *
 * @throws BAD_OPTION where p is no probability
 *
 * @example
 * ```ts
 * const flips = [new RandomHorizontalFlip(1), new RandomVerticalFlip(1)];
 * new RandomApply(flips, 1)(new Image(new Uint8Array([1, 2, 3, 4]), 2, 2, 1)).data; // Uint8Array [4, 3, 2, 1]
 * ```
 */
export class RandomApply extends PictureTransform {
  readonly transforms: readonly PictureTransform[];
  readonly p: number;

  constructor(transforms: readonly PictureTransform[], p = 0.5) {
    super(HERE, [transforms, p]);
    requireSteps("RandomApply", transforms);
    this.transforms = transforms;
    this.p = requireProbability(p);
  }

  forward<P extends Picture>(picture: P): P {
    // torchvision compares the other way round: p of exactly the drawn number still applies.
    if (this.p < defaultGenerator.float()) return picture;
    return this.transforms.reduce((made, transform) => transform(made), picture);
  }
}

/**
 * One of several transforms. The draw is from the default generator, so a seed repeats it; torchvision's is Python's
 * own
 * `random`, whose choices are others.
 *
 * @example
 * ```ts
 * manualSeed(7);
 * const flips = [new RandomHorizontalFlip(1), new RandomVerticalFlip(1)];
 * new RandomChoice(flips)(new Image(new Uint8Array([1, 2, 3, 4]), 2, 2, 1)).data; // Uint8Array [3, 4, 1, 2]
 * ```
 */
export class RandomChoice extends PictureTransform {
  readonly transforms: readonly PictureTransform[];

  constructor(transforms: readonly PictureTransform[]) {
    super(HERE, [transforms]);
    requireSteps("RandomChoice", transforms);
    this.transforms = transforms;
  }

  forward<P extends Picture>(picture: P): P {
    return this.transforms[drawBelow(defaultGenerator, this.transforms.length)]?.(picture) ?? picture;
  }
}

/** What is added around a picture before a window is cut out. */
export interface RandomCropOptions extends functional.PadOptions {
  /** Border added first. */
  padding?: functional.Padding;
  /** Pads a picture that is smaller than the window. */
  padIfNeeded?: boolean;
}

const randomCropOptions = optionsOf<RandomCropOptions>({ ...padOptions.names, padding: true, padIfNeeded: true });

/**
 * A window of a size somewhere in the picture. An Image, or a tensor [..., H, W] → [..., height, width].
 *
 * @throws BAD_SIZE where the picture is smaller than the window, unless padIfNeeded
 *
 * @example
 * ```ts
 * new RandomCrop(28, { padding: 4 })(zeros([1, 28, 28])).shape; // [1, 28, 28]
 * ```
 */
export class RandomCrop extends PictureTransform {
  readonly size: readonly [number, number];
  readonly #options: RandomCropOptions;

  constructor(size: Size, given?: RandomCropOptions) {
    const options = randomCropOptions("RandomCrop", given);
    super(HERE, [size, options]);
    this.size = functional.pairOf(size);
    this.#options = options;
  }

  forward<P extends Picture>(picture: P): P {
    const { padding, padIfNeeded = false, ...border } = this.#options;
    const [height, width] = this.size;
    let large = padding === undefined ? picture : functional.pad(picture, padding, border);
    const across = width - dimensionsOf(large).width;
    if (padIfNeeded && across > 0) large = functional.pad(large, [across, 0], border);
    const down = height - dimensionsOf(large).height;
    if (padIfNeeded && down > 0) large = functional.pad(large, [0, down], border);
    const { top, left } = this.#place(dimensionsOf(large));
    return functional.crop(large, top, left, height, width);
  }

  #place(of: { height: number; width: number }): { top: number; left: number } {
    const [height, width] = this.size;
    if (of.height < height || of.width < width) {
      throw new AbrazoError({
        code: "BAD_SIZE",
        message: `Required crop size (${height}, ${width}) is larger than input image size (${of.height}, ${of.width})`,
        hint: "Give padding, or padIfNeeded: true.",
      });
    }
    if (of.height === height && of.width === width) return { top: 0, left: 0 };
    const top = drawBelow(defaultGenerator, of.height - height + 1);
    return { top, left: drawBelow(defaultGenerator, of.width - width + 1) };
  }
}

/** From the least to the most. */
export type Range = readonly [low: number, high: number];

/** Which windows are cut out, and how they are resized. */
export interface ResizedCropOptions extends Omit<ResizeOptions, "maxSize"> {
  /** Part of the picture's area that the window covers. */
  scale?: Range;
  /** Width by height of the window. */
  ratio?: Range;
}

const cropOptions = optionsOf<ResizedCropOptions>({ interpolation: true, antialias: true, scale: true, ratio: true });

/**
 * A window of random area and shape, brought to a size: the usual augmentation for classifiers of pictures. An Image,
 * or a tensor [..., H, W] → [..., height, width].
 *
 * @throws BAD_OPTION for ranges whose end is before their start
 *
 * @example
 * ```ts
 * new RandomResizedCrop(24)(ones([3, 40, 30])).shape; // [3, 24, 24]
 * ```
 */
export class RandomResizedCrop extends PictureTransform {
  readonly size: readonly [number, number];
  readonly scale: Range;
  readonly ratio: Range;
  readonly #resize: ResizeOptions;

  constructor(size: Size, given?: ResizedCropOptions) {
    const options = cropOptions("RandomResizedCrop", given);
    super(HERE, [size, options]);
    const { scale = [0.08, 1], ratio = [3 / 4, 4 / 3], ...resize } = options;
    if (scale[0] > scale[1] || ratio[0] > ratio[1])
      throw badOption("Scale and ratio should be of kind (min, max)", "The smaller number comes first.");
    this.size = functional.pairOf(size);
    this.scale = scale;
    this.ratio = ratio;
    this.#resize = resize;
  }

  forward<P extends Picture>(picture: P): P {
    return functional.resizedCrop(picture, this.getParams(dimensionsOf(picture)), this.size, this.#resize);
  }

  /** The window that is drawn; after ten misses the largest in the middle that keeps the ratio. */
  getParams({ height, width }: { height: number; width: number }): functional.Window {
    for (let tries = 0; tries < 10; tries++) {
      const drawn = drawShape(height * width, this.scale, this.ratio);
      if (!(drawn.width > 0 && drawn.width <= width && drawn.height > 0 && drawn.height <= height)) continue;
      const top = drawBelow(defaultGenerator, height - drawn.height + 1);
      return { ...drawn, top, left: drawBelow(defaultGenerator, width - drawn.width + 1) };
    }
    const ratio = Math.min(Math.max(width / height, this.ratio[0]), this.ratio[1]);
    const [w, h] =
      width / height < ratio ? [width, roundHalfEven(width / ratio)] : [roundHalfEven(height * ratio), height];
    return { top: (height - h) >> 1, left: (width - w) >> 1, height: h, width: w };
  }
}

/** Height and width of a random part of an area. */
function drawShape(area: number, scale: Range, ratio: Range): { height: number; width: number } {
  const target = area * drawUniform(defaultGenerator, scale[0], scale[1]);
  const log = (value: number) => Math.fround(Math.log(Math.fround(value)));
  const aspect = Math.fround(Math.exp(drawUniform(defaultGenerator, log(ratio[0]), log(ratio[1]))));
  return { width: roundHalfEven(Math.sqrt(target * aspect)), height: roundHalfEven(Math.sqrt(target / aspect)) };
}

/**
 * Turned by an angle between -degrees and degrees, or between two. An Image, or a tensor [..., H, W]; the size stays
 * unless `expand` is set.
 *
 * @throws BAD_OPTION for a single number of degrees below 0
 *
 * @example
 * ```ts
 * new RandomRotation([90, 90])(tensor([[[1, 2], [3, 4]]]).to("float32")).tolistSync(); // [[[2, 4], [1, 3]]]
 * ```
 */
export class RandomRotation extends PictureTransform {
  readonly degrees: Range;
  readonly #options: RotateOptions;

  constructor(degrees: number | Range, given?: RotateOptions) {
    const options = rotateOptions("RandomRotation", given);
    super(HERE, [degrees, options]);
    if (typeof degrees === "number" && degrees < 0) {
      throw badOption("If degrees is a single number, it must be positive.", `It is ${degrees}.`);
    }
    this.degrees = typeof degrees === "number" ? [-degrees, degrees] : degrees;
    this.#options = options;
  }

  forward<P extends Picture>(picture: P): P {
    const angle = drawUniform(defaultGenerator, ...this.degrees);
    return functional.rotate(picture, angle, { fill: 0, ...this.#options });
  }
}

/** How often a window is erased, of which size and shape, and what is written there. */
export interface ErasingOptions {
  p?: number;
  scale?: Range;
  ratio?: Range;
  /** What is written: one value, one for each channel, or "random" for normal noise. */
  value?: number | readonly number[] | "random";
}

const erasingOptions = optionsOf<ErasingOptions>({ p: true, scale: true, ratio: true, value: true });

/**
 * A window of a tensor erased with probability p: put it after `ToTensor`. [..., C, H, W] → the same shape.
 *
 * @throws BAD_OPTION where p is no probability, or the scale leaves [0, 1]
 *
 * @example
 * ```ts
 * new RandomErasing({ p: 1 })(ones([1, 8, 8])).sum().itemSync() < 64; // true
 * ```
 */
export class RandomErasing extends Transform<Tensor, Tensor> {
  readonly p: number;
  readonly scale: Range;
  readonly ratio: Range;
  readonly value: number | readonly number[] | "random";

  constructor(given?: ErasingOptions) {
    const { p = 0.5, scale = [0.02, 0.33], ratio = [0.3, 3.3], value = 0 } = erasingOptions("RandomErasing", given);
    super(HERE, [{ p, scale, ratio, value }]);
    if (scale[0] < 0 || scale[1] > 1)
      throw badOption("Scale should be between 0 and 1", `It is ${scale.join(" to ")}.`);
    this.p = requireProbability(p);
    this.scale = scale;
    this.ratio = ratio;
    this.value = value;
  }

  forward(tensor: Tensor): Tensor {
    if (!happens(this.p)) return tensor;
    const { channels, height, width } = dimensionsOf(tensor);
    for (let tries = 0; tries < 10; tries++) {
      // Here the ratio is height by width, in the window of RandomResizedCrop width by height: torchvision has it so.
      const shape = drawShape(height * width, this.scale, this.ratio);
      const drawn = { height: shape.width, width: shape.height };
      if (!(drawn.height < height && drawn.width < width)) continue;
      // torch draws the noise before the place.
      const value = this.value === "random" ? drawNormal(channels * drawn.height * drawn.width) : this.value;
      const top = drawBelow(defaultGenerator, height - drawn.height + 1);
      const window = { ...drawn, top, left: drawBelow(defaultGenerator, width - drawn.width + 1) };
      return functional.erase(tensor, window, value);
    }
    return tensor;
  }
}

function drawNormal(length: number): Float32Array {
  const noise = new Float32Array(length);
  defaultGenerator.fillNormal(noise);
  return noise;
}
