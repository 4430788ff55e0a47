// ImageProcessor: pictures → pixel values [B, C, H, W] as a model was trained on them, by the steps of preprocessor_config.json.
// Knows no models; fetches nothing.
import { kindOf } from "../../arguments.ts";
import { AbrazoError } from "../../errors.ts";
import { Tensor } from "../../tensor/index.ts";
import { cropRaster } from "./geometry.ts";
import { Image, readImage } from "./image.ts";
import { resizeBytes } from "./pil-resize.ts";
import {
  MAX_PIXELS,
  type ProcessorConfig,
  processorConfig,
  readProcessorConfig,
  type TargetSize,
} from "./processor-config.ts";
import { type Pixels, type Raster, rasterOf } from "./raster.ts";
import { resizedSize } from "./resize.ts";

/** Pixels in hand: `data[(y * width + x) * channels + c]`, 0 to 255; an Image is one. */
export interface RawPixels {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
  /** 1 grey, 3 red green blue, 4 with opacity. */
  channels: number;
}

/** A path, the bytes of a file, pixels, or a tensor [C, H, W] or [B, C, H, W], uint8 or float32. */
export type ProcessorImage = string | Uint8Array | RawPixels | Tensor;

/** float32 in row-major order. */
export interface PixelValues {
  data: Float32Array;
  /** [B, C, H, W] */
  shape: number[];
}

/**
 * Makes of pictures what a model is called with, as transformers does: resized, cropped, scaled and normalized by the folder's
 * preprocessor_config.json. Knows the processors of ViT, DeiT, BEiT, CLIP, SigLIP, BLIP, BiT (which DINOv2 has) and ConvNeXT, also by
 * the names that end in Fast or FeatureExtractor.
 *
 * @throws FILE_MISSING, INVALID_JSON, UNKNOWN_IMAGE_PROCESSOR for configs
 *
 * @example
 * ```ts
 * const processor = ImageProcessor.fromConfig({ image_processor_type: "ViTImageProcessor", size: 2 });
 * const { data, shape } = await processor.process(new Image(new Uint8Array(12).fill(255), 2, 2, 3));
 * shape; // [1, 3, 2, 2]
 * data.every((value) => value === 1); // true
 * ```
 */
export class ImageProcessor {
  readonly #config: ProcessorConfig;

  private constructor(config: ProcessorConfig) {
    this.#config = config;
  }

  /** The processor of a folder of a model. */
  static async fromFolder(folder: string): Promise<ImageProcessor> {
    return new ImageProcessor(await readProcessorConfig(folder));
  }

  /** A processor of what preprocessor_config.json would hold; what is left out is as the named kind has it. */
  static fromConfig(config: object): ImageProcessor {
    return new ImageProcessor(processorConfig(config, "The config of the image processor"));
  }

  /** Every step with its numbers, those that the file left out too. */
  get config(): Readonly<ProcessorConfig> {
    return this.#config;
  }

  /**
   * Pixel values of one picture or of several, in their order. A picture file is turned upright as its EXIF says and becomes
   * RGB, unless do_convert_rgb is false.
   *
   * @throws IMAGE_UNREADABLE, IMAGE_TOO_LARGE for files; NOT_A_PICTURE and BAD_PIXELS for what is none; SHAPE_MISMATCH where
   *   pictures of one call come out in several sizes
   */
  async process(images: ProcessorImage | readonly ProcessorImage[]): Promise<PixelValues> {
    const list: readonly ProcessorImage[] = isList(images) ? images : [images];
    const made: PixelValues[] = [];
    for (const [at, image] of list.entries()) {
      const name = list.length === 1 ? "the picture" : `picture ${at}`;
      for (const raster of await this.#rasters(image, name)) made.push(this.#pixelValues(raster, name));
    }
    return joined(made);
  }

  async #rasters(image: ProcessorImage, name: string): Promise<Raster[]> {
    if (image instanceof Tensor) return picturesOf(image, name);
    const decoded = isEncoded(image) ? await decode(image, name, this.#config.do_convert_rgb) : imageOf(image, name);
    const picture = this.#config.do_convert_rgb ? toRgb(decoded) : decoded;
    if (picture.channels < 4) return [rasterOf(picture)];
    throw notPicture(`${name} has opacity, which no model sees`, "Set do_convert_rgb, which leaves it away.");
  }

  #pixelValues(raster: Raster, name: string): PixelValues {
    const { do_resize, do_center_crop, crop_size } = this.#config;
    const resized = do_resize ? this.#resized(raster, name) : raster;
    return valuesOf(do_center_crop ? centerOf(resized, crop_size) : resized, this.#config, name);
  }

  #resized(raster: Raster, name: string): Raster {
    const { size, resample, crop_pct: share } = this.#config;
    if (share === null || !("shortest_edge" in size)) return resize(raster, size, resample, name);
    const { shortest_edge: edge } = size;
    const square = { height: edge, width: edge };
    if (edge >= LARGE) return resize(raster, square, resample, name);
    return centerOf(resize(raster, { shortest_edge: Math.trunc(edge / share) }, resample, name), square);
  }
}

/** From this edge on ConvNeXT sees pictures whole, out of shape. */
const LARGE = 384;

function centerOf(raster: Raster, { height, width }: { height: number; width: number }): Raster {
  const [top, left] = [Math.floor((raster.height - height) / 2), Math.floor((raster.width - width) / 2)];
  return cropRaster(raster, top, left, height, width);
}

const isList = (images: ProcessorImage | readonly ProcessorImage[]): images is readonly ProcessorImage[] =>
  Array.isArray(images);

const isEncoded = (image: string | Uint8Array | RawPixels): image is string | Uint8Array =>
  typeof image === "string" || image instanceof Uint8Array;

/** As transformers loads pictures: upright, colours as they are stored, and not more pixels than Pillow takes. */
function decode(image: string | Uint8Array, name: string, isRgb: boolean): Promise<Image> {
  const settings = { autoOrient: true, ignoreIcc: true, limitInputPixels: MAX_PIXELS };
  return readImage(image, typeof image === "string" ? image : name, isRgb ? "RGB" : undefined, settings);
}

function notPicture(message: string, hint: string): AbrazoError {
  return new AbrazoError({ code: "NOT_A_PICTURE", message, hint });
}

/** A tensor is a picture or a batch of them, as it is: nothing makes it RGB. */
function picturesOf(tensor: Tensor, name: string): Raster[] {
  const [channels = 0, height = 0, width = 0] = tensor.shape.slice(-3);
  if (tensor.ndim < 3 || tensor.ndim > 4) {
    throw notPicture(
      `${name} is a tensor [${tensor.shape.join(", ")}]`,
      "A picture is [C, H, W], a batch of pictures [B, C, H, W].",
    );
  }
  const { data } = rasterOf(tensor);
  const length = channels * height * width;
  return Array.from({ length: tensor.ndim === 3 ? 1 : (tensor.shape[0] ?? 0) }, (_, at) => {
    return { data: data.subarray(at * length, (at + 1) * length), planes: channels, height, width, cells: 1 };
  });
}

function imageOf(pixels: RawPixels, name: string): Image {
  if (pixels instanceof Image) return pixels;
  const { data, width, height, channels } = pixels ?? {};
  if (data instanceof Uint8ClampedArray) {
    return new Image(new Uint8Array(data.buffer, data.byteOffset, data.length), width, height, channels);
  }
  if (data instanceof Uint8Array) return new Image(data, width, height, channels);
  throw notPicture(
    `${name} is no picture but ${kindOf(pixels)}`,
    "Give a path, the bytes of a file, { data, width, height, channels } or a tensor.",
  );
}

/** Grey three times; opacity is left away, not blended. */
function toRgb(image: Image): Image {
  const { data, width, height, channels } = image;
  if (channels === 3) return image;
  const rgb = new Uint8Array(width * height * 3);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let c = 0; c < 3; c++) rgb[pixel * 3 + c] = data[pixel * channels + (channels === 1 ? 0 : c)] ?? 0;
  }
  return new Image(rgb, width, height, 3);
}

function resize(raster: Raster, size: TargetSize, resample: number, name: string): Raster {
  if (raster.height === 0 || raster.width === 0) throw notPicture(`${name} has no pixels`, "Leave it out.");
  const [height, width] =
    "shortest_edge" in size ? resizedSize(raster.height, raster.width, size.shortest_edge) : [size.height, size.width];
  if (height * width > MAX_PIXELS) {
    throw new AbrazoError({
      code: "IMAGE_TOO_LARGE",
      message: `${name}, ${raster.width} x ${raster.height}, would become ${width} x ${height} pixels`,
      hint: `At most ${MAX_PIXELS} are made; is the picture a line, or "size" of the config wrong?`,
    });
  }
  if (raster.data instanceof Uint8Array) return resizeBytes(raster, height, width, resample);
  const scale = byteScale(raster.data, name);
  const bytes = Uint8Array.from(raster.data, (value) => Math.trunc(Math.fround(value * scale)));
  const resized = resizeBytes({ ...raster, data: bytes }, height, width, resample);
  return scale === 1 ? resized : { ...resized, data: Float32Array.from(resized.data, (value) => value * (1 / 255)) };
}

/**
 * What makes bytes of floats, as transformers guesses it: whole numbers are bytes already, all else is from 0 to 1.
 * The pixels go through 8 bits and back.
 */
function byteScale(data: Exclude<Pixels, Uint8Array>, name: string): 1 | 255 {
  const isWhole = data.every(
    (value) => Math.abs(value - Math.trunc(value)) <= 1e-8 + 1e-5 * Math.abs(Math.trunc(value)),
  );
  const most = isWhole ? 255 : 1;
  if (data.every((value) => value >= 0 && value <= most)) return isWhole ? 1 : 255;
  let [least, largest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of data) [least, largest] = [Math.min(least, value), Math.max(largest, value)];
  throw new AbrazoError({
    code: "BAD_PIXELS",
    message: `${name} contains values outside the range [0, ${most}], got [${least}, ${largest}] which cannot be converted to uint8.`,
    hint: "Floats are resized as 8-bit pixels: give 0 to 1, or whole numbers from 0 to 255. What is normalized already needs no processor.",
  });
}

/** Scaled, normalized, channels first; every step is rounded to float32 as in numpy. */
function valuesOf({ data, planes, height, width, cells }: Raster, config: ProcessorConfig, name: string): PixelValues {
  const channels = planes * cells;
  const pixels = height * width;
  const { means, deviations } = normalization(config, channels, name);
  const scale = config.do_rescale ? config.rescale_factor : 1;
  const values = new Float32Array(channels * pixels);
  const [channel, pixel] = cells === 1 ? [pixels, 1] : [1, cells];
  for (let c = 0; c < channels; c++) {
    const [mean, deviation] = [Math.fround(means[c] ?? 0), Math.fround(deviations[c] ?? 1)];
    for (let i = 0; i < pixels; i++) {
      const value = Math.fround((data[c * channel + i * pixel] ?? 0) * scale);
      values[c * pixels + i] = Math.fround(value - mean) / deviation;
    }
  }
  return { data: values, shape: [1, channels, height, width] };
}

/** The numbers of each channel; 0 and 1 where nothing is normalized. */
function normalization(
  config: ProcessorConfig,
  channels: number,
  name: string,
): { means: number[]; deviations: number[] } {
  const each = (field: "image_mean" | "image_std", neutral: number): number[] => {
    const value = config.do_normalize ? config[field] : neutral;
    const list = typeof value === "number" ? Array.from({ length: channels }, () => value) : value;
    if (list.length === channels) return list;
    throw new AbrazoError({
      code: "SHAPE_MISMATCH",
      message: `${field} must have ${channels} elements, as ${name} has channels, got ${list.length}`,
      hint: "Colours need three, grey one; do_convert_rgb makes every picture RGB.",
      data: { field, channels },
    });
  };
  return { means: each("image_mean", 0), deviations: each("image_std", 1) };
}

function joined(made: readonly PixelValues[]): PixelValues {
  const [first] = made;
  if (first === undefined) throw notPicture("There are no pictures", "Give one at least.");
  const other = made.findIndex(({ shape }) => shape.some((size, axis) => size !== first.shape[axis]));
  if (other >= 0) {
    const [wanted, got] = [first.shape, made[other]?.shape ?? []].map((shape) => `[${shape.slice(1).join(", ")}]`);
    throw new AbrazoError({
      code: "SHAPE_MISMATCH",
      message: `pictures of one batch come out in several sizes: ${wanted} and, at ${other}, ${got}`,
      hint: "Process them one by one, or have the config crop them or resize them to a height and a width.",
    });
  }
  const data = new Float32Array(made.length * first.data.length);
  for (const [at, values] of made.entries()) data.set(values.data, at * first.data.length);
  return { data, shape: [made.length, ...first.shape.slice(1)] };
}
