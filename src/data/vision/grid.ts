// Pictures to look at: a grid of a batch, and PNG files.
// Knows no datasets.
import { AbrazoError } from "../../errors.ts";
import { optionsOf } from "../../options.ts";
import { requireTensors } from "../../tensor/arguments.ts";
import { fromHost } from "../../tensor/create.ts";
import type { Tensor } from "../../tensor/index.ts";
import { Image } from "./image.ts";
import { dtypeOf, layoutOf, type Pixels, pixelsLike, rasterOf } from "./raster.ts";

/** How pictures are laid out in a grid. */
export interface GridOptions {
  /** Pictures in a row. */
  nrow?: number;
  /** Pixels between pictures. */
  padding?: number;
  /** Brings the smallest value to 0 and the largest to 1. */
  normalize?: boolean;
  /** Value of the pixels between. */
  padValue?: number;
}

const gridOptions = optionsOf<GridOptions>({ nrow: true, padding: true, normalize: true, padValue: true });

/**
 * Pictures [B, C, H, W], one [C, H, W], or a grey one [H, W], as one picture [3, height, width].
 *
 * @throws NOT_A_PICTURE for tensors of fewer than two axes or more than four
 *
 * @example
 * ```ts
 * makeGrid(zeros([10, 1, 28, 28]), { nrow: 5 }).shape; // [3, 62, 152]
 * ```
 */
export function makeGrid(pictures: Tensor, given?: GridOptions): Tensor {
  requireTensors("makeGrid", pictures);
  const options = gridOptions("makeGrid", given);
  const { nrow = 8, padding = 2, normalize = false, padValue = 0 } = options;
  if (pictures.ndim < 2 || pictures.ndim > 4) {
    throw new AbrazoError({
      code: "NOT_A_PICTURE",
      message: `tensor or list of tensors expected, got a tensor of ${pictures.ndim} dimensions`,
      hint: "A batch is [B, C, H, W].",
    });
  }
  const raster = rasterOf(pictures);
  const { pictures: count, channels, pixels, channel } = layoutOf(pictures, raster);
  const data = normalize ? stretched(raster.data) : raster.data;
  const depth = channels === 1 ? 3 : channels;
  const single = pictures.ndim < 4 || count === 1;
  const gap = single ? 0 : padding;
  const across = Math.max(1, Math.min(nrow, count));
  const down = Math.ceil(count / across);
  const height = (raster.height + gap) * down + gap;
  const width = (raster.width + gap) * across + gap;
  const out = pixelsLike(data, depth * height * width).fill(padValue);
  for (let n = 0; n < count; n++) {
    const top = Math.floor(n / across) * (raster.height + gap) + gap;
    const left = (n % across) * (raster.width + gap) + gap;
    for (let c = 0; c < depth; c++) {
      const first = n * channels * pixels + (channels === 1 ? 0 : c) * channel;
      for (let row = 0; row < raster.height; row++) {
        const start = first + row * raster.width;
        out.set(data.subarray(start, start + raster.width), (c * height + top + row) * width + left);
      }
    }
  }
  return fromHost(out, [depth, height, width], dtypeOf(out));
}

function stretched(data: Pixels): Pixels {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of data) [low, high] = [Math.min(low, value), Math.max(high, value)];
  const out = new Float32Array(data.length);
  // torchvision's floor for a picture of one value.
  const range = Math.max(high - low, 1e-5);
  for (let i = 0; i < out.length; i++) out[i] = ((data[i] ?? 0) - low) / range;
  return out;
}

/**
 * Writes pictures to a PNG file (or JPEG, by the ending): an image as it is, a tensor with values from 0 to 1, or uint8, as a grid.
 *
 * @example
 * ```ts
 * await saveImage(ones([3, 4, 6]).mul(0.5), "grey.png");
 * const sample = new transforms.ToTensor()(await Image.open("grey.png"));
 * sample.shape; // [3, 4, 6]
 * ```
 */
export async function saveImage(picture: Tensor | Image, path: string, given?: GridOptions): Promise<void> {
  const options = gridOptions("saveImage", given);
  await (picture instanceof Image ? picture : toBytes(makeGrid(picture, options))).save(path);
}

/** torchvision's save_image rounds: x * 255 + 0.5, held between 0 and 255, cut. */
function toBytes(grid: Tensor): Image {
  const { data, width, height, planes } = rasterOf(grid);
  const bytes = new Uint8Array(data.length);
  const whole = data instanceof Uint8Array;
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < planes; c++) {
      const value = data[c * width * height + i] ?? 0;
      bytes[i * planes + c] = whole ? value : Math.trunc(Math.min(255, Math.max(0, value * 255 + 0.5)));
    }
  }
  return new Image(bytes, width, height, planes);
}
