// Raster: the one form in which transforms see pictures, images and tensors alike, without copying them.
// Knows no transform.
import { AbrazoError } from "../../errors.ts";
import type { DType } from "../../graph/dtype.ts";
import { fromHost } from "../../tensor/create.ts";
import { Tensor } from "../../tensor/index.ts";
import { Image } from "./image.ts";

/** What transforms take: an Image, or a tensor [..., H, W] whose third axis from the end is the channels. */
export type Picture = Image | Tensor;

export type Pixels = Float32Array | Float64Array | Uint8Array;

/**
 * Elements [planes, height, width, cells]: a tensor [C, H, W] is C planes of one cell, an image one plane of `channels`
 * cells. What moves pixels works on planes and cells alike and need not know which it has.
 */
export interface Raster {
  data: Pixels;
  planes: number;
  height: number;
  width: number;
  cells: number;
}

/** The elements of a picture; those of a tensor are computed if they are not yet. */
export function rasterOf(picture: Picture): Raster {
  if (picture instanceof Image) {
    const { data, width, height, channels } = picture;
    return { data, planes: 1, height, width, cells: channels };
  }
  if (!(picture instanceof Tensor)) throw notPicture(picture);
  const { shape } = picture;
  const [height, width] = shape.slice(-2);
  if (height === undefined || width === undefined) {
    throw new AbrazoError({
      code: "NOT_A_PICTURE",
      message: "Tensor is not a torch image.",
      hint: `A picture is [..., height, width]; this tensor is [${shape.join(", ")}].`,
    });
  }
  const planes = shape.slice(0, -2).reduce((a, b) => a * b, 1);
  return { data: pixelsOf(picture), planes, height, width, cells: 1 };
}

function pixelsOf(tensor: Tensor): Pixels {
  const data = tensor.dataSync();
  const fits = data instanceof Float32Array || data instanceof Float64Array;
  if (fits || (data instanceof Uint8Array && tensor.dtype === "uint8")) return data;
  throw new AbrazoError({
    code: "DTYPE_UNSUPPORTED",
    message: `transforms are not implemented for ${tensor.dtype}`,
    hint: 'Pictures are uint8, float32 or float64; convert with to("float32").',
    data: { dtype: tensor.dtype },
  });
}

/** A picture of the kind of `like` with the elements of a raster. */
export function pictureOf<P extends Picture>(raster: Raster, like: P): P {
  const { data, height, width, cells } = raster;
  if (like instanceof Image) {
    // safe because an image gives 8-bit pixels, and what is made of them has their type
    return new Image(data as Uint8Array, width, height, cells) as P;
  }
  const leading = like.shape.slice(0, -2);
  const channels = raster.planes / leading.slice(0, -1).reduce((a, b) => a * b, 1);
  const front = leading.length === 0 ? [] : [...leading.slice(0, -1), channels];
  return fromHost(data, [...front, height, width], like.dtype) as P; // safe because `like` is a tensor
}

/** A picture with other elements of the same kind. */
export function changed<P extends Picture>(picture: P, make: (raster: Raster) => Raster): P {
  return pictureOf(make(rasterOf(picture)), picture);
}

/** An array of the same kind. */
export function pixelsLike(data: Pixels, length: number): Pixels {
  if (data instanceof Float32Array) return new Float32Array(length);
  return data instanceof Float64Array ? new Float64Array(length) : new Uint8Array(length);
}

/** Channels, height and width, as torchvision's get_dimensions. */
export function dimensionsOf(picture: Picture): { channels: number; height: number; width: number } {
  if (picture instanceof Image) return picture;
  if (!(picture instanceof Tensor)) throw notPicture(picture);
  const [height = 0, width = 0] = picture.shape.slice(-2);
  return { channels: picture.shape.at(-3) ?? 1, height, width };
}

export function dtypeOf(data: Pixels): DType {
  if (data instanceof Uint8Array) return "uint8";
  return data instanceof Float64Array ? "float64" : "float32";
}

function notPicture(value: unknown): AbrazoError {
  const what = typeof value === "object" && value !== null ? value.constructor.name : typeof value;
  return new AbrazoError({
    code: "NOT_A_PICTURE",
    message: `Unexpected type ${what}`,
    hint: "Transforms take an Image or a Tensor.",
  });
}

/** Elements of each channel: where pixel `i` of channel `c` of picture `n` stands. */
export interface Layout {
  pictures: number;
  channels: number;
  /** Pixels of one channel. */
  pixels: number;
  picture: number;
  channel: number;
  pixel: number;
}

export function layoutOf(picture: Picture, raster: Raster): Layout {
  const pixels = raster.height * raster.width;
  if (picture instanceof Image) {
    const { cells } = raster;
    return { pictures: 1, channels: cells, pixels, picture: 0, channel: 1, pixel: cells };
  }
  const channels = picture.ndim > 2 ? (picture.shape.at(-3) ?? 1) : 1;
  const pictures = channels === 0 ? 0 : raster.planes / channels;
  return { pictures, channels, pixels, picture: channels * pixels, channel: pixels, pixel: 1 };
}
