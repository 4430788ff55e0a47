// What happens to the values of pixels: brightness, contrast, saturation, hue, inversion, grey. torchvision's formulas for
// tensors, for images too: float32 at each step, cut (not rounded) to 8 bits.
// Knows no random numbers and moves no pixel.
import { AbrazoError } from "../../errors.ts";
import { Image } from "./image.ts";
import {
  changed,
  dimensionsOf,
  type Layout,
  layoutOf,
  type Picture,
  type Pixels,
  pictureOf,
  pixelsLike,
  rasterOf,
} from "./raster.ts";

type Round = (value: number) => number;

/** The arithmetic of the elements' dtype; 8-bit pixels are computed in float32. */
const roundOf = (data: Pixels): Round => (data instanceof Float64Array ? (value) => value : Math.fround);
const boundOf = (data: Pixels): number => (data instanceof Uint8Array ? 255 : 1);

/** Mixes with another picture: ratio * a + (1 - ratio) * b, held between 0 and the largest value. */
function blend<P extends Picture>(
  picture: P,
  ratio: number,
  other: (index: number, layout: Layout, data: Pixels) => number,
): P {
  return changed(picture, (raster) => {
    const { data } = raster;
    const [f, bound, layout] = [roundOf(data), boundOf(data), layoutOf(picture, raster)];
    const [mine, theirs] = [f(ratio), f(1 - ratio)];
    const out = pixelsLike(data, data.length);
    for (let i = 0; i < data.length; i++) {
      const value = f(f(mine * (data[i] ?? 0)) + f(theirs * other(i, layout, data)));
      out[i] = Math.min(bound, Math.max(0, value));
    }
    return { ...raster, data: out };
  });
}

function requireFactor(name: string, factor: number): void {
  if (factor >= 0) return;
  throw new AbrazoError({
    code: "BAD_FACTOR",
    message: `${name} (${factor}) is not non-negative.`,
    hint: "0 takes all away, 1 leaves the picture as it is.",
  });
}

function requireColors(picture: Picture): void {
  const { channels } = dimensionsOf(picture);
  if (channels === 1 || channels === 3) return;
  throw new AbrazoError({
    code: "BAD_CHANNELS",
    message: `Input image tensor permitted channel values are 1 or 3, but found ${channels}`,
    hint: 'Read the file with Image.open(path, "RGB").',
  });
}

/** Grey of pixel `i`: 0.2989 R + 0.587 G + 0.114 B, in the picture's dtype. */
function greyAt(data: Pixels, first: number, { channel }: Layout, f: Round): number {
  const [r, g, b] = [data[first] ?? 0, data[first + channel] ?? 0, data[first + 2 * channel] ?? 0];
  const grey = f(f(f(f(0.2989) * r) + f(f(0.587) * g)) + f(f(0.114) * b));
  return data instanceof Uint8Array ? Math.trunc(grey) : grey;
}

/** The elements of each channel, given the place of an element. */
const pixelStart = (index: number, { picture, pictures, pixel, pixels, channels }: Layout): number =>
  pixel === 1 && pictures * channels > 0
    ? Math.floor(index / (channels * pixels)) * picture + (index % pixels)
    : index - (index % channels);

/**
 * Each element times a factor, within the range of the dtype: 0 is black, 1 the picture as it is. An Image, or a tensor
 * [..., C, H, W]; the size stays.
 *
 * @throws BAD_FACTOR for a factor below 0
 *
 * @example
 * ```ts
 * adjustBrightness(new Image(new Uint8Array([100, 50]), 2, 1, 1), 1.5).data; // Uint8Array [150, 75]
 * ```
 */
export function adjustBrightness<P extends Picture>(picture: P, factor: number): P {
  requireFactor("brightness_factor", factor);
  requireColors(picture);
  return blend(picture, factor, () => 0);
}

/**
 * The distance of each element from the mean of the grey picture, times a factor: 0 is grey all over, 1 the picture as
 * it is. An Image, or a tensor [..., C, H, W]; the size stays.
 *
 * @throws BAD_FACTOR for a factor below 0
 *
 * @example
 * ```ts
 * adjustContrast(new Image(new Uint8Array([100, 50]), 2, 1, 1), 2).data; // Uint8Array [125, 25]
 * ```
 */
export function adjustContrast<P extends Picture>(picture: P, factor: number): P {
  requireFactor("contrast_factor", factor);
  requireColors(picture);
  const raster = rasterOf(picture);
  const means = greyMeans(raster.data, layoutOf(picture, raster));
  return blend(picture, factor, (index, { picture: size }) => means[size === 0 ? 0 : Math.floor(index / size)] ?? 0);
}

/** Mean grey of each picture of a batch. */
function greyMeans(data: Pixels, layout: Layout): number[] {
  const f = roundOf(data);
  return Array.from({ length: layout.pictures }, (_, n) => {
    let sum = 0;
    for (let i = 0; i < layout.pixels; i++) {
      const first = n * layout.picture + i * layout.pixel;
      sum += layout.channels === 3 ? greyAt(data, first, layout, f) : (data[first] ?? 0);
    }
    return f(sum / layout.pixels);
  });
}

/**
 * The distance of each element from the grey of its pixel, times a factor: 0 is a grey picture, 1 the picture as it is.
 * An Image, or a tensor [..., C, H, W]; the size stays.
 *
 * @throws BAD_FACTOR for a factor below 0
 *
 * @example
 * ```ts
 * adjustSaturation(new Image(new Uint8Array([200, 100, 0]), 1, 1, 3), 0).data; // Uint8Array [118, 118, 118]
 * ```
 */
export function adjustSaturation<P extends Picture>(picture: P, factor: number): P {
  requireFactor("saturation_factor", factor);
  requireColors(picture);
  if (dimensionsOf(picture).channels === 1) return picture;
  const f = roundOf(rasterOf(picture).data);
  return blend(picture, factor, (index, layout, data) => greyAt(data, pixelStart(index, layout), layout, f));
}

/**
 * Turns the colours round the circle by a part of it, -0.5 to 0.5. An Image, or a tensor [..., C, H, W]; the size
 * stays.
 *
 * @throws BAD_FACTOR outside [-0.5, 0.5]
 *
 * @example
 * ```ts
 * adjustHue(new Image(new Uint8Array([200, 100, 0]), 1, 1, 3), 0.5).data; // Uint8Array [0, 100, 200]
 * ```
 */
export function adjustHue<P extends Picture>(picture: P, factor: number): P {
  if (!(factor >= -0.5 && factor <= 0.5)) {
    throw new AbrazoError({
      code: "BAD_FACTOR",
      message: `hue_factor (${factor}) is not in [-0.5, 0.5].`,
      hint: "0.5 is half way round the circle of colours.",
    });
  }
  requireColors(picture);
  if (dimensionsOf(picture).channels === 1) return picture;
  return changed(picture, (raster) => {
    const { data } = raster;
    const layout = layoutOf(picture, raster);
    const out = pixelsLike(data, data.length);
    const bytes = data instanceof Uint8Array;
    const f = roundOf(data);
    for (let n = 0; n < layout.pictures; n++) {
      for (let i = 0; i < layout.pixels; i++) {
        const first = n * layout.picture + i * layout.pixel;
        const [r, g, b] = [0, 1, 2].map((c) => f((data[first + c * layout.channel] ?? 0) / (bytes ? 255 : 1)));
        const turned = turnHue(r ?? 0, g ?? 0, b ?? 0, factor, f);
        for (let c = 0; c < 3; c++) {
          const value = turned[c] ?? 0;
          out[first + c * layout.channel] = bytes ? Math.trunc(f(value * f(TO_BYTE))) : value;
        }
      }
    }
    return { ...raster, data: out };
  });
}

/** torchvision's scale of floats to bytes: just below 256, and the result is cut. */
export const TO_BYTE = 255 + 1 - 1e-3;

function turnHue(r: number, g: number, b: number, factor: number, f: Round): [number, number, number] {
  const [most, least] = [Math.max(r, g, b), Math.min(r, g, b)];
  const range = f(most - least);
  const saturation = range === 0 ? 0 : f(range / most);
  const divisor = range === 0 ? 1 : range;
  const [rc, gc, bc] = [f(f(most - r) / divisor), f(f(most - g) / divisor), f(f(most - b) / divisor)];
  let hue = f(f(4 + gc) - rc);
  if (most === r) hue = f(bc - gc);
  else if (most === g) hue = f(f(2 + rc) - bc);
  hue = f(f(f(hue / 6) + 1) % 1);
  return fromHue(modulo(f(hue + f(factor)), 1), saturation, most, f);
}

/** Python's remainder: of the sign of the divisor. */
const modulo = (value: number, by: number): number => ((value % by) + by) % by;

function fromHue(hue: number, saturation: number, value: number, f: Round): [number, number, number] {
  const sector = Math.floor(f(hue * 6));
  const rest = f(f(hue * 6) - sector);
  const hold = (x: number) => Math.min(1, Math.max(0, x));
  const p = hold(f(value * f(1 - saturation)));
  const q = hold(f(value * f(1 - f(saturation * rest))));
  const t = hold(f(value * f(1 - f(saturation * f(1 - rest)))));
  const sectors: readonly [number, number, number][] = [
    [value, t, p],
    [q, value, p],
    [p, value, t],
    [p, q, value],
    [t, p, value],
    [value, p, q],
  ];
  return sectors[sector % 6] ?? [value, value, value];
}

/**
 * The largest value minus each: a negative. An Image, or a tensor [..., C, H, W]; the size stays.
 *
 * @example
 * ```ts
 * invert(new Image(new Uint8Array([100, 50]), 2, 1, 1)).data; // Uint8Array [155, 205]
 * ```
 */
export function invert<P extends Picture>(picture: P): P {
  return changed(picture, (raster) => {
    const bound = boundOf(raster.data);
    const out = pixelsLike(raster.data, raster.data.length);
    for (let i = 0; i < out.length; i++) out[i] = bound - (raster.data[i] ?? 0);
    return { ...raster, data: out };
  });
}

/**
 * One channel of grey, or three alike. An Image, or a tensor [..., C, H, W] → with 1 or 3 channels.
 *
 * @throws BAD_OPTION for other numbers of channels than 1 and 3
 *
 * @example
 * ```ts
 * rgbToGrayscale(new Image(new Uint8Array([200, 100, 0]), 1, 1, 3)).data; // Uint8Array [118]
 * ```
 */
export function rgbToGrayscale<P extends Picture>(picture: P, numOutputChannels = 1): P {
  if (numOutputChannels !== 1 && numOutputChannels !== 3) {
    throw new AbrazoError({
      code: "BAD_OPTION",
      message: "num_output_channels should be either 1 or 3",
      hint: `It is ${numOutputChannels}.`,
    });
  }
  requireColors(picture);
  const raster = rasterOf(picture);
  const { data, planes, cells } = raster;
  const layout = layoutOf(picture, raster);
  const [f, size] = [roundOf(data), layout.pixels * numOutputChannels];
  const out = pixelsLike(data, layout.pictures * size);
  const interleaved = picture instanceof Image;
  for (let n = 0; n < layout.pictures; n++) {
    for (let i = 0; i < layout.pixels; i++) {
      const first = n * layout.picture + i * layout.pixel;
      const grey = layout.channels === 3 ? greyAt(data, first, layout, f) : (data[first] ?? 0);
      for (let c = 0; c < numOutputChannels; c++) {
        out[n * size + (interleaved ? i * numOutputChannels + c : c * layout.pixels + i)] = grey;
      }
    }
  }
  const shape = interleaved
    ? { planes, cells: numOutputChannels }
    : { planes: layout.pictures * numOutputChannels, cells };
  return pictureOf({ ...raster, ...shape, data: out }, picture);
}
