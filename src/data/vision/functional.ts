// Functions on pictures, torchvision's `transforms.functional`: what transforms do, without anything random.
// Computed on the host at once: for one sample that is far cheaper than a graph. Gradients do not pass through.
import { requireList, requireParts } from "../../arguments.ts";
import { AbrazoError } from "../../errors.ts";
import type { DType } from "../../graph/dtype.ts";
import { fromHost } from "../../tensor/create.ts";
import { Tensor } from "../../tensor/index.ts";
import { TO_BYTE } from "./color.ts";
import {
  cropRaster,
  flipColumns,
  flipRows,
  type PaddingMode,
  padRaster,
  type RotateOptions,
  rotateRaster,
  roundHalfEven,
} from "./geometry.ts";
import { Image } from "./image.ts";
import { padOptions, resizeOptions, rotateOptions } from "./options.ts";
import { changed, dimensionsOf, layoutOf, type Picture, pictureOf, rasterOf } from "./raster.ts";
import { type ResizeOptions, requireNumbers, resizedSize, resizeRaster, type Size } from "./resize.ts";

export { adjustBrightness, adjustContrast, adjustHue, adjustSaturation, invert, rgbToGrayscale } from "./color.ts";

const WINDOW = ["top", "left", "height", "width"];

/** A part of a picture, in pixels. */
export interface Window {
  top: number;
  left: number;
  height: number;
  width: number;
}

/**
 * A window of a picture; what lies outside of it is 0. An Image, or a tensor [..., H, W].
 *
 * @example
 * ```ts
 * const image = new Image(new Uint8Array([1, 2, 3, 4]), 2, 2, 1);
 * crop(image, 0, 1, 2, 1).data; // Uint8Array [2, 4]
 * ```
 */
export function crop<P extends Picture>(picture: P, top: number, left: number, height: number, width: number): P {
  return changed(picture, (raster) => cropRaster(raster, top, left, height, width));
}

/**
 * The middle of a picture; a smaller one is padded with 0. An Image, or a tensor [..., H, W].
 *
 * @example
 * ```ts
 * centerCrop(arange(16).reshape([1, 4, 4]).to("float32"), 2).tolistSync(); // [[[5, 6], [9, 10]]]
 * ```
 */
export function centerCrop<P extends Picture>(picture: P, size: Size): P {
  const [wantedHeight, wantedWidth] = pairOf(size);
  const { height, width } = dimensionsOf(picture);
  const [down, across] = [Math.max(0, wantedHeight - height), Math.max(0, wantedWidth - width)];
  const padding = [across >> 1, down >> 1, (across + 1) >> 1, (down + 1) >> 1] as const;
  const large = down > 0 || across > 0 ? pad(picture, padding) : picture;
  const { height: fullHeight, width: fullWidth } = dimensionsOf(large);
  const top = roundHalfEven((fullHeight - wantedHeight) / 2);
  const left = roundHalfEven((fullWidth - wantedWidth) / 2);
  return crop(large, top, left, wantedHeight, wantedWidth);
}

/**
 * A window of a picture brought to a size. An Image, or a tensor [..., H, W].
 *
 * @example
 * ```ts
 * resizedCrop(zeros([3, 40, 40]), { top: 0, left: 5, height: 20, width: 30 }, [10, 15]).shape; // [3, 10, 15]
 * ```
 */
export function resizedCrop<P extends Picture>(picture: P, window: Window, size: Size, options?: ResizeOptions): P {
  requireParts("resizedCrop", window, WINDOW, "{ top, left, height, width }", 2);
  return resize(crop(picture, window.top, window.left, window.height, window.width), size, options);
}

/**
 * Mirrored left to right. An Image, or a tensor [..., H, W]; the size stays.
 *
 * @example
 * ```ts
 * hflip(tensor([[[1, 2], [3, 4]]]).to("float32")).tolistSync(); // [[[2, 1], [4, 3]]]
 * ```
 */
export function hflip<P extends Picture>(picture: P): P {
  return changed(picture, flipColumns);
}

/**
 * Upside down. An Image, or a tensor [..., H, W]; the size stays.
 *
 * @example
 * ```ts
 * vflip(tensor([[[1, 2], [3, 4]]]).to("float32")).tolistSync(); // [[[3, 4], [1, 2]]]
 * ```
 */
export function vflip<P extends Picture>(picture: P): P {
  return changed(picture, flipRows);
}

/** One width for all sides, [left and right, top and bottom], or [left, top, right, bottom]. */
export type Padding = number | readonly [number, number] | readonly [number, number, number, number];

/** What a border is filled with. */
export interface PadOptions {
  fill?: number;
  paddingMode?: PaddingMode;
}

/**
 * A border around a picture. An Image, or a tensor [..., H, W].
 *
 * @example
 * ```ts
 * pad(tensor([[[1, 2]]]).to("float32"), [1, 0], { fill: 9 }).tolistSync(); // [[[9, 1, 2, 9]]]
 * ```
 */
export function pad<P extends Picture>(picture: P, padding: Padding, options?: PadOptions): P {
  const { fill = 0, paddingMode = "constant" } = padOptions("pad", options);
  if (typeof padding !== "number") requireNumbers("padding", padding, padding?.length === 4 ? 4 : 2);
  const [left, top, right = left, bottom = top] = typeof padding === "number" ? [padding, padding] : padding;
  return changed(picture, (raster) => padRaster(raster, [left, top, right, bottom], fill, paddingMode));
}

/**
 * A picture of another size, with the results of torchvision's tensors: bilinear, antialiased when shrinking. An Image,
 * or a tensor [..., H, W].
 *
 * @example
 * ```ts
 * resize(ones([3, 20, 40]), 10).shape; // [3, 10, 20]
 * ```
 */
export function resize<P extends Picture>(picture: P, size: Size, given?: ResizeOptions): P {
  const options = resizeOptions("resize", given);
  const { height, width } = dimensionsOf(picture);
  const [newHeight, newWidth] = resizedSize(height, width, size, options.maxSize);
  return changed(picture, (raster) => resizeRaster(raster, newHeight, newWidth, options));
}

/**
 * Turned counter-clockwise by degrees. An Image, or a tensor [..., H, W].
 *
 * @example
 * ```ts
 * rotate(tensor([[[1, 2], [3, 4]]]).to("float32"), 90).tolistSync(); // [[[2, 4], [1, 3]]]
 * ```
 */
export function rotate<P extends Picture>(picture: P, angle: number, given?: RotateOptions): P {
  const options = rotateOptions("rotate", given);
  return changed(picture, (raster) => rotateRaster(raster, angle, options));
}

/**
 * An image as a float32 tensor [C, H, W] with values from 0 to 1.
 *
 * @example
 * ```ts
 * toTensor(new Image(new Uint8Array([0, 255]), 2, 1, 1)).tolistSync(); // [[[0, 1]]]
 * ```
 */
export function toTensor(image: Image): Tensor {
  const planar = planesOf(image);
  const data = new Float32Array(planar.length);
  for (let i = 0; i < data.length; i++) data[i] = (planar[i] ?? 0) / 255;
  return fromHost(data, [image.channels, image.height, image.width], "float32");
}

/**
 * An image as a uint8 tensor [C, H, W], values as they are.
 *
 * @example
 * ```ts
 * pilToTensor(new Image(new Uint8Array([0, 255]), 2, 1, 1)).tolistSync(); // [[[0, 255]]]
 * ```
 */
export function pilToTensor(image: Image): Tensor {
  return fromHost(planesOf(image).slice(), [image.channels, image.height, image.width], "uint8");
}

/** An image's bytes channel by channel; those of a grey one are its own. */
function planesOf(image: Image): Uint8Array {
  const given: unknown = image;
  if (!(given instanceof Image)) {
    const what = given instanceof Tensor ? "Tensor" : typeof given;
    throw new AbrazoError({
      code: "NOT_AN_IMAGE",
      message: `pic should be PIL Image or ndarray. Got ${what}`,
      hint: given instanceof Tensor ? "It is a tensor already: leave ToTensor() out." : "Give it an Image.",
    });
  }
  const { data, channels } = image;
  if (channels === 1) return data;
  const pixels = data.length / channels;
  const out = new Uint8Array(data.length);
  for (let c = 0; c < channels; c++) for (let i = 0; i < pixels; i++) out[c * pixels + i] = data[i * channels + c] ?? 0;
  return out;
}

/**
 * A tensor [C, H, W] or [H, W] as an image: floats from 0 to 1 become bytes, cut as torchvision cuts them.
 *
 * @throws NOT_A_PICTURE for other shapes
 *
 * @example
 * ```ts
 * toPilImage(tensor([[[0, 0.5, 1]]])).data; // Uint8Array [0, 127, 255]
 * ```
 */
export function toPilImage(tensor: Tensor): Image {
  if (!(tensor instanceof Tensor) || tensor.ndim < 2 || tensor.ndim > 3) {
    throw new AbrazoError({
      code: "NOT_A_PICTURE",
      message: `pic should be 2/3 dimensional. Got ${tensor instanceof Tensor ? tensor.ndim : 0} dimensions.`,
      hint: "Take one picture of a batch.",
    });
  }
  const raster = rasterOf(tensor);
  const { pixels, channels, channel } = layoutOf(tensor, raster);
  const scale = raster.data instanceof Uint8Array ? 1 : 255;
  const out = new Uint8Array(pixels * channels);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < channels; c++) out[i * channels + c] = Math.trunc((raster.data[c * channel + i] ?? 0) * scale);
  }
  return new Image(out, raster.width, raster.height, channels);
}

/**
 * (x - mean) / std for each channel of a tensor [..., C, H, W], in its dtype.
 *
 * @throws NOT_A_TENSOR for an Image; SHAPE_MISMATCH where the channels are not as many
 *
 * @example
 * ```ts
 * normalize(tensor([[[0.5, 1]]]), [0.5], [0.25]).tolistSync(); // [[[0, 2]]]
 * ```
 */
export function normalize(tensor: Tensor, mean: readonly number[], std: readonly number[]): Tensor {
  if (!(tensor instanceof Tensor)) {
    throw new AbrazoError({
      code: "NOT_A_TENSOR",
      message: "img should be Tensor Image. Got an Image",
      hint: "Put new ToTensor() before new Normalize(...).",
    });
  }
  if (tensor.dtype !== "float32" && tensor.dtype !== "float64") {
    throw new AbrazoError({
      code: "DTYPE_UNSUPPORTED",
      message: `Input tensor should be a float tensor. Got ${tensor.dtype}.`,
      hint: 'Convert it first: new ToTensor() of an image, or convertImageDtype(x, "float32").',
    });
  }
  if (tensor.ndim < 3) {
    throw new AbrazoError({
      code: "NOT_A_PICTURE",
      message: `Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = [${tensor.shape.join(", ")}]`,
      hint: "Add the axis of channels with unsqueeze(0).",
    });
  }
  const { channels } = dimensionsOf(tensor);
  requireStatistics(mean, std, channels);
  return changed(tensor, (raster) => {
    const out = raster.data.slice();
    const pixels = raster.height * raster.width;
    for (let plane = 0; plane < raster.planes; plane++) {
      const c = plane % channels;
      const [m, s] = [mean[mean.length === 1 ? 0 : c] ?? 0, std[std.length === 1 ? 0 : c] ?? 1];
      const part = out.subarray(plane * pixels, (plane + 1) * pixels);
      if (part instanceof Float32Array) standardize32(part, Math.fround(m), Math.fround(s));
      else for (let i = 0; i < part.length; i++) part[i] = ((part[i] ?? 0) - m) / s;
    }
    return { ...raster, data: out };
  });
}

/** Rounded after each step, as torch has it; a loop of its own, since it is the hot one. */
function standardize32(data: Float32Array, mean: number, std: number): void {
  for (let i = 0; i < data.length; i++) data[i] = Math.fround((data[i] ?? 0) - mean) / std;
}

function requireStatistics(mean: readonly number[], std: readonly number[], channels: number): void {
  requireList("normalize", mean, 2);
  requireList("normalize", std, 3);
  if (std.some((value) => Math.fround(value) === 0)) {
    throw new AbrazoError({
      code: "BAD_OPTION",
      message: "std evaluated to zero after conversion to torch.float32, leading to division by zero.",
      hint: "A channel that is constant cannot be standardised; use 1.",
    });
  }
  for (const values of [mean, std]) {
    if (values.length === 1 || values.length === channels) continue;
    throw new AbrazoError({
      code: "SHAPE_MISMATCH",
      message: `The size of tensor a (${channels}) must match the size of tensor b (${values.length}) at non-singleton dimension 0`,
      hint: "mean and std have one value for each channel.",
    });
  }
}

const PIXELS: Readonly<Record<string, Uint8ArrayConstructor | Float32ArrayConstructor | Float64ArrayConstructor>> = {
  uint8: Uint8Array,
  float32: Float32Array,
  float64: Float64Array,
};

/**
 * Another dtype with the values' range brought along: 0 … 255 for uint8, 0 … 1 for floats. [..., H, W] → [..., H, W].
 *
 * @example
 * ```ts
 * convertImageDtype(tensor([[[0, 0.5, 1]]]), "uint8").tolistSync(); // [[[0, 127, 255]]]
 * ```
 */
export function convertImageDtype(tensor: Tensor, dtype: Extract<DType, "uint8" | "float32" | "float64">): Tensor {
  const raster = rasterOf(tensor);
  const { data } = raster;
  const kind = PIXELS[dtype];
  if (kind === undefined) {
    throw new AbrazoError({
      code: "DTYPE_UNSUPPORTED",
      message: `pictures of ${String(dtype)} do not exist`,
      hint: `Give one of ${Object.keys(PIXELS).join(", ")}.`,
    });
  }
  if (tensor.dtype === dtype) return tensor;
  const [from, to] = [data instanceof Uint8Array, dtype === "uint8"];
  const f = data instanceof Float64Array ? (value: number) => value : Math.fround;
  const out = new kind(data.length);
  for (let i = 0; i < out.length; i++) {
    const value = data[i] ?? 0;
    if (to) out[i] = Math.trunc(f(value * f(TO_BYTE)));
    else out[i] = from ? Math.fround(value) / 255 : value;
  }
  return fromHost(out, tensor.shape, dtype);
}

/**
 * A window of a tensor [..., C, H, W] overwritten.
 *
 * @param value one value, one for each channel, or one for each element [C, height, width] of the window
 * @throws NOT_A_TENSOR for an Image
 *
 * @example
 * ```ts
 * erase(ones([1, 2, 3]), { top: 0, left: 1, height: 1, width: 2 }, 0).tolistSync(); // [[[1, 0, 0], [1, 1, 1]]]
 * ```
 */
export function erase(tensor: Tensor, window: Window, value: number | ArrayLike<number>): Tensor {
  if (!(tensor instanceof Tensor)) {
    throw new AbrazoError({
      code: "NOT_A_TENSOR",
      message: "img should be Tensor Image. Got an Image",
      hint: "Put new ToTensor() before it.",
    });
  }
  requireParts("erase", window, WINDOW, "{ top, left, height, width }", 2);
  if (typeof value !== "number") requireParts("erase", value, ["length"], "a number or numbers", 3);
  const raster = rasterOf(tensor);
  const { channels } = dimensionsOf(tensor);
  const data = raster.data.slice();
  const area = window.height * window.width;
  const perElement = typeof value !== "number" && value.length === channels * area;
  const valueAt = (channel: number, at: number): number => {
    if (typeof value === "number") return value;
    return value[perElement ? channel * area + at : channel] ?? 0;
  };
  for (let plane = 0; plane < raster.planes; plane++) {
    for (let at = 0; at < area; at++) {
      const row = window.top + Math.floor(at / window.width);
      const column = window.left + (at % window.width);
      data[(plane * raster.height + row) * raster.width + column] = valueAt(plane % channels, at);
    }
  }
  return pictureOf({ ...raster, data }, tensor);
}

/**
 * One number for a square, or height and width.
 *
 * @example
 * ```ts
 * pairOf(5); // [5, 5]
 * ```
 */
export function pairOf(size: Size): readonly [number, number] {
  if (typeof size === "number") return [size, size];
  requireNumbers("size", size, 2);
  return size;
}
