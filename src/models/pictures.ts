// Pictures as models take them: sides in configs, and the check of what a call gives.
// Reads and resizes no picture; knows no architecture.
import { z } from "zod";
import { AbrazoError } from "../errors.ts";
import * as build from "../graph/build.ts";
import { cat, type Tensor } from "../tensor/index.ts";

const length = z.number().int().positive();

/** Pixels of a side: one number, or the two equal ones that some configs write. */
export const side = z.union(
  [
    length,
    z
      .tuple([length, length])
      .refine(([height, width]) => height === width)
      .transform(([height]) => height),
  ],
  { error: "has to be one number from 1 on, or two equal ones: pictures and patches are square" },
);

/** What a config says of its pictures. */
export interface PictureSizes {
  num_channels: number;
  image_size: number;
  patch_size: number;
}

/** Patches that a picture is cut into; what is left over at the edges is not seen. */
export const patchCount = ({ image_size, patch_size }: PictureSizes): number =>
  Math.floor(image_size / patch_size) ** 2;

/**
 * The table of positions has a row for each patch, so that a picture has to be of the size that the config says.
 *
 * @throws SHAPE_MISMATCH with both sizes
 */
export function requirePictures(pixelValues: Tensor, { num_channels: channels, image_size: size }: PictureSizes): void {
  const [, ...given] = pixelValues.dims;
  const wanted = [channels, size, size];
  if (pixelValues.ndim === 4 && wanted.every((length, axis) => given[axis] === length)) return;
  throw new AbrazoError({
    code: "SHAPE_MISMATCH",
    message: `Input image size [${pixelValues.dims.join(", ")}] doesn't match model [B, ${wanted.join(", ")}].`,
    hint: "Pixel values are [B, channels, height, width]; the model's image processor makes them so.",
    data: { given: [...pixelValues.dims], wanted },
  });
}

/** One token [..., D], the same for every picture, in front of the tokens [B, P, D]: [B, 1 + P, D]. */
export function inFront(token: Tensor, tokens: Tensor): Tensor {
  const [batch = 1, , width = 1] = tokens.dims;
  const first = token.reshape([1, 1, -1]).map((node) => build.expand(node, [batch, 1, width]));
  return cat([first, tokens], 1);
}
