// Inputs of image tasks: paths, addresses, files in memory, pixels and tensors → what an image processor takes, with names for errors.
// Knows no models and decodes no picture.
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { kindOf } from "../src/arguments.ts";
import type { ProcessorImage, RawPixels } from "../src/data/index.ts";
import { AbrazoError } from "../src/errors.ts";
import { Tensor } from "../src/tensor/index.ts";
import { adapter, count, signal } from "./options.ts";

/**
 * One image: a path, a file:, http:, https: or data: address, the bytes of a file, pixels in hand, or a tensor [C, H, W].
 * Only http: and https: ask the network.
 */
export type ImageInput = string | URL | Blob | Uint8Array | RawPixels | Tensor;

/** An image with what errors call it. */
export interface NamedImage {
  input: ImageInput;
  name: string;
}

/** Options that every image task has. */
export const imageOptions = {
  adapter,
  signal,
  /** Images that run together at most, for this call. */
  batchSize: count.optional(),
  /** Seconds that fetching one image from the web may take; 30 when absent. */
  timeout: z.number().positive().max(86_400).optional(),
};

/** The images of a call, and whether it was one outside a list. A tensor [B, C, H, W] is a list. */
export function imagesOf(given: unknown, task: string): { images: NamedImage[]; single: boolean } {
  const isBatch = given instanceof Tensor && given.ndim === 4;
  const single = !Array.isArray(given) && !isBatch;
  const list: readonly unknown[] = isBatch ? given.unbind(0) : Array.isArray(given) ? given : [given];
  const images = list.map((input, at): NamedImage => {
    if (!isImage(input)) throw noImage(input, single ? "" : ` at place ${at}`, task);
    const address = addressOf(input);
    const shown = address === undefined ? [] : [address.length > 100 ? `${address.slice(0, 100)}…` : address];
    return { input, name: [single ? "the image" : `image ${at}`, ...shown].join(", ") };
  });
  return { images, single };
}

function isImage(input: unknown): input is ImageInput {
  if (typeof input === "string") return input !== "";
  if (input instanceof Tensor) return input.ndim === 3;
  if (input instanceof URL || input instanceof Blob || input instanceof Uint8Array) return true;
  if (typeof input !== "object" || input === null) return false;
  return ["data", "width", "height", "channels"].every((name) => name in input);
}

function noImage(input: unknown, place: string, task: string): AbrazoError {
  const what =
    input === "" ? "an empty string" : input instanceof Tensor ? `a tensor [${input.shape.join(", ")}]` : kindOf(input);
  return new AbrazoError({
    code: "INVALID_INPUT",
    message: `${task} takes an image or an array of images; it got ${what}${place}.`,
    hint: "An image is a path, an address, a Blob, the bytes of a file, { data, width, height, channels } or a tensor [C, H, W].",
  });
}

/** Drive letters are no schemes: these have two letters at least. */
const SCHEME = /^([a-z][a-z0-9+.-]+):/i;
const FETCHED = ["http", "https", "data"];

/** The address that an input is, where it is one; a path with a colon in it is a path. */
function addressOf(input: ImageInput): string | undefined {
  if (input instanceof URL) return input.href;
  if (typeof input !== "string") return undefined;
  return /^([a-z][a-z0-9+.-]+:\/\/|(data|file):)/i.test(input) ? input : undefined;
}

/** What the processor takes, read no further than it must be. */
export async function readInput({ input }: NamedImage, timeout = 30): Promise<ProcessorImage> {
  if (input instanceof Blob) return new Uint8Array(await input.arrayBuffer());
  const address = addressOf(input);
  // safe because what has no address is neither a URL nor, after the line above, a Blob
  if (address === undefined) return input as Exclude<ImageInput, URL | Blob>;
  const scheme = SCHEME.exec(address)?.[1]?.toLowerCase() ?? "";
  if (scheme === "file") return pathOf(address);
  if (FETCHED.includes(scheme)) return fetchBytes(address, timeout);
  throw new AbrazoError({
    code: "INVALID_INPUT",
    message: `images are not read from ${scheme}: addresses`,
    hint: "Use http:, https:, data: or file:, or fetch it yourself and give its bytes.",
    data: { scheme },
  });
}

function pathOf(address: string): string {
  try {
    return fileURLToPath(address);
  } catch (cause) {
    throw new AbrazoError({
      code: "INVALID_INPUT",
      message: `the address names no file: ${cause instanceof Error ? cause.message : String(cause)}`,
      hint: "Write it as file:///folder/image.png, or give the path itself.",
      cause,
    });
  }
}

/** What one image from the web may weigh: a server decides how much it sends. */
const MOST_BYTES = 64 * 2 ** 20;

async function fetchBytes(address: string, timeout: number): Promise<Uint8Array> {
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(timeout * 1000) });
    return await bodyOf(response);
  } catch (cause) {
    if (cause instanceof AbrazoError) throw cause;
    const isLate = cause instanceof Error && cause.name === "TimeoutError";
    throw notFetched(isLate ? `it took more than ${timeout} s` : reasonOf(cause), { cause });
  }
}

async function bodyOf(response: Response): Promise<Uint8Array> {
  if (!response.ok) {
    await response.body?.cancel();
    throw notFetched(`HTTP ${response.status}`, { status: response.status });
  }
  if (Number(response.headers.get("content-length")) > MOST_BYTES) {
    await response.body?.cancel();
    throw tooLarge();
  }
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    // Leaving the loop ends the transfer.
    if (size > MOST_BYTES) throw tooLarge();
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** fetch says "fetch failed", and the reason below. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  const code = "code" in cause ? String(cause.code) : "";
  return cause.message === "" ? code : cause.message;
}

function notFetched(reason: string, { cause, ...data }: { cause?: unknown; status?: number }): AbrazoError {
  return new AbrazoError({
    code: "DOWNLOAD_FAILED",
    message: `the image could not be fetched: ${reason}`,
    hint: "Check the address; a slow server needs a longer timeout.",
    data: { reason, ...data },
    cause,
  });
}

function tooLarge(): AbrazoError {
  return new AbrazoError({
    code: "IMAGE_TOO_LARGE",
    message: `the file has more than the ${MOST_BYTES} bytes that are fetched`,
    hint: "Fetch it yourself and give its bytes, or take a smaller one.",
    data: { limit: MOST_BYTES },
  });
}
