// Image: the pixels of a picture, 8 bits a channel, row by row; read from and written to JPEG, PNG and what else sharp knows.
// Knows no transforms and no datasets.
import { argumentError } from "../../arguments.ts";
import { AbrazoError } from "../../errors.ts";

/** Grey, or red, green and blue, with or without an alpha channel: the names of PIL. */
export type ImageMode = "L" | "RGB" | "RGBA";

const MODES: Readonly<Record<number, ImageMode>> = { 1: "L", 3: "RGB", 4: "RGBA" };

/**
 * A picture on the host, what torchvision calls a PIL image: `data[(y * width + x) * channels + c]`, 0 to 255.
 *
 * @throws SHAPE_MISMATCH where the bytes are not width · height · channels, or the channels not 1, 3 or 4;
 *   IMAGE_UNREADABLE and IMAGE_TOO_LARGE from open() and decode()
 *
 * @example
 * ```ts
 * const image = new Image(new Uint8Array([0, 255, 128, 64]), 2, 2, 1);
 * image.mode; // "L"
 * ```
 */
export class Image {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** 1 grey, 3 red green blue, 4 with opacity. */
  readonly channels: number;

  constructor(data: Uint8Array, width: number, height: number, channels: number) {
    if (!(data instanceof Uint8Array)) throw argumentError("Image", 1, "Uint8Array", data);
    if (data.length !== width * height * channels || MODES[channels] === undefined) {
      throw new AbrazoError({
        code: "SHAPE_MISMATCH",
        message: `not enough image data: ${data.length} bytes for ${width} x ${height} pixels of ${channels} channels`,
        hint: "An image has width * height * channels bytes, and 1, 3 or 4 channels.",
      });
    }
    this.data = data;
    this.width = width;
    this.height = height;
    this.channels = channels;
  }

  /** "L" for grey, "RGB", or "RGBA". */
  get mode(): ImageMode {
    return MODES[this.channels] ?? "RGB";
  }

  /**
   * Reads a picture file.
   *
   * @param mode what to convert to; absent, grey stays grey and opacity stays
   */
  static async open(path: string, mode?: ImageMode): Promise<Image> {
    return readImage(path, path, mode);
  }

  /** Decodes the bytes of a picture file. */
  static async decode(bytes: Uint8Array, mode?: ImageMode): Promise<Image> {
    return readImage(bytes, "the picture", mode);
  }

  /** One channel, by PIL's whole-number formula of ITU-R 601: L = (19595 R + 38470 G + 7471 B + 32768) >> 16. */
  toGrey(): Image {
    const { data, width, height, channels } = this;
    if (channels === 1) return this;
    const grey = new Uint8Array(width * height);
    for (let i = 0, at = 0; i < grey.length; i++, at += channels) {
      const [r, g, b] = [data[at] ?? 0, data[at + 1] ?? 0, data[at + 2] ?? 0];
      grey[i] = (19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16;
    }
    return new Image(grey, width, height, 1);
  }

  /** Writes the picture; the ending of the path says the format. */
  async save(path: string): Promise<void> {
    const { default: sharp } = await import("sharp");
    const { width, height } = this;
    // safe because the constructor lets only 1, 3 and 4 through
    const channels = this.channels as 1 | 3 | 4;
    const picture = sharp(this.data, { raw: { width, height, channels } });
    await (channels === 1 ? picture.toColourspace("b-w") : picture).toFile(path);
  }
}

/** What decoding does beside: turning a picture upright as its EXIF says, leaving colour profiles, refusing what is larger. */
export interface DecodeSettings {
  autoOrient?: boolean;
  ignoreIcc?: boolean;
  limitInputPixels?: number;
}

/**
 * A picture from a file or from its bytes; errors call it `name`.
 *
 * @throws IMAGE_UNREADABLE, IMAGE_TOO_LARGE
 */
export async function readImage(
  input: string | Uint8Array,
  name: string,
  mode: ImageMode | undefined,
  settings: DecodeSettings = {},
): Promise<Image> {
  const { default: sharp } = await import("sharp");
  try {
    const picture = sharp(input, settings);
    const { channels = 3 } = await picture.metadata();
    const grey = channels <= 2 && mode !== "RGB" && mode !== "RGBA";
    const pixels = grey ? picture.removeAlpha().toColourspace("b-w") : picture.toColourspace("srgb");
    const { data, info } = await opacity(pixels, mode).raw().toBuffer({ resolveWithObject: true });
    const image = new Image(data, info.width, info.height, info.channels);
    return mode === "L" ? image.toGrey() : image;
  } catch (cause) {
    throw unreadable(name, cause);
  }
}

function unreadable(name: string, cause: unknown): AbrazoError {
  const message = cause instanceof Error ? cause.message : String(cause);
  if (/pixel limit/.test(message)) {
    return new AbrazoError({
      code: "IMAGE_TOO_LARGE",
      message: `'${name}' has more pixels than are decoded: ${message}`,
      hint: "A small file may hold a picture that fills the memory; make it smaller first if it is meant.",
      data: { path: name },
      cause,
    });
  }
  return new AbrazoError({
    code: "IMAGE_UNREADABLE",
    message: `cannot identify image file '${name}': ${message}`,
    hint: "The file is missing, cut short, or no picture; JPEG, PNG, WebP, GIF, TIFF and AVIF are read.",
    data: { path: name },
    cause,
  });
}

interface Alpha<T> {
  removeAlpha(): T;
  ensureAlpha(): T;
}

function opacity<T extends Alpha<T>>(picture: T, mode: ImageMode | undefined): T {
  if (mode === undefined) return picture;
  return mode === "RGBA" ? picture.ensureAlpha() : picture.removeAlpha();
}
