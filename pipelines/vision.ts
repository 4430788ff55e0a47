// Images through a model: read and processed a batch at a time, each image's outputs in the order of the images.
// Knows no task and no runtime.
import type { ImageProcessor, PixelValues } from "../src/data/index.ts";
import { AbrazoError } from "../src/errors.ts";
import { OUTPUT_NAMES } from "../src/models/inputs.ts";
import { padBatch } from "../src/text/tokenizer.ts";
import { type NamedImage, readInput } from "./images.ts";
import { lengthBuckets } from "./inputs.ts";
import type { ImageTextModel, Output, Outputs } from "./task.ts";

/**
 * Images of a batch: an image has hundreds of tokens of its own, so that a few keep the cores busy, and their pixels are all in
 * memory at once.
 */
export const IMAGE_BATCH = 8;

export interface ImageRun {
  processor: ImageProcessor;
  /** Outputs of a batch by name, the images along their first axis. */
  run(pixels: PixelValues): Promise<Outputs>;
}

/** How images are read, and how many at a time. */
export interface ImageRunOptions {
  batchSize?: number | undefined;
  /** Seconds for one image from the web. */
  timeout?: number | undefined;
  /** Looked at before each batch. */
  signal?: AbortSignal | undefined;
}

/** The outputs of each image, without the batch's axis. */
export async function runImages(
  { processor, run }: ImageRun,
  images: readonly NamedImage[],
  { batchSize = IMAGE_BATCH, timeout, signal }: ImageRunOptions,
): Promise<Outputs[]> {
  const results: Outputs[] = [];
  for (let at = 0; at < images.length; at += batchSize) {
    signal?.throwIfAborted();
    const batch = images.slice(at, at + batchSize);
    const outputs = await run(joined(await pixelsOf(processor, batch, timeout), batch));
    for (const place of batch.keys()) results.push(rowOf(outputs, place, batch.length));
    // The runtime computes on this thread; others get their turn between batches.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return results;
}

/** Waits for all of them, so that nothing is still being fetched when the first that failed is told. */
async function pixelsOf(
  processor: ImageProcessor,
  batch: readonly NamedImage[],
  timeout: number | undefined,
): Promise<PixelValues[]> {
  const made = await Promise.allSettled(batch.map(async (image) => processor.process(await readInput(image, timeout))));
  return made.map((result, at) => {
    if (result.status === "fulfilled") return result.value;
    throw named(result.reason, batch[at]?.name ?? "");
  });
}

/** The same error, which says of which image it is. */
function named(error: unknown, name: string): unknown {
  if (!(error instanceof AbrazoError)) return error;
  const { code, message, hint, data } = error;
  return new AbrazoError({ code, message: `${name}: ${message}`, hint, data: { ...data, image: name }, cause: error });
}

function joined(made: readonly PixelValues[], batch: readonly NamedImage[]): PixelValues {
  const [first = { data: new Float32Array(), shape: [0] }] = made;
  const data = new Float32Array(made.length * first.data.length);
  for (const [at, values] of made.entries()) {
    if (values.shape.join() !== first.shape.join()) throw otherSize(values, batch[at]?.name ?? "", first.shape);
    data.set(values.data, at * first.data.length);
  }
  return { data, shape: [made.length, ...first.shape.slice(1)] };
}

function otherSize({ shape }: PixelValues, name: string, wanted: readonly number[]): AbrazoError {
  return new AbrazoError({
    code: "SHAPE_MISMATCH",
    message: `${name} comes out as [${shape.slice(1).join(", ")}], others of its batch as [${wanted.slice(1).join(", ")}]`,
    hint: "Have preprocessor_config.json crop images or resize them to a height and a width.",
    data: { image: name, given: shape.slice(1), wanted: wanted.slice(1) },
  });
}

function rowOf(outputs: Outputs, at: number, count: number): Outputs {
  const rows = Object.entries(outputs).map(([name, { data, shape }]): [string, Output] => {
    const size = data.length / count;
    // A copy: a view of one image would keep the whole batch in memory.
    return [name, { data: data.slice(at * size, (at + 1) * size), shape: shape.slice(1) }];
  });
  return Object.fromEntries(rows);
}

/** Tokens of texts that run together at most, and texts. */
const TOKEN_BUDGET = 2048;
const TEXT_BATCH = 128;

/** Texts in the space that they share with images. */
interface KnownTexts {
  /** [M, E], each of length 1 */
  units: readonly Float32Array[];
  /** What the model multiplies cosines by. */
  scale: number;
}

/**
 * Tells how well images fit texts: logits [N, M] of a batch. The texts are read with the first batch, and once.
 * Graphs of both kinds take both, so that texts come with one image, and images with one text.
 */
export function comparing(engine: ImageTextModel, texts: readonly string[]): ImageRun["run"] {
  const { tokenizer, maxLength } = engine;
  const rows = texts.map((text) => tokenizer.encode(text, { maxLength }));
  let known: KnownTexts | undefined;
  return async (pixels) => {
    known ??= await readTexts(engine, rows, firstOf(pixels));
    const { units, scale } = known;
    const images = unitsOf(await runBatch(engine, rows.slice(0, 1), pixels), OUTPUT_NAMES.imageEmbeds);
    const logits = images.flatMap((image) => units.map((text) => scale * dot(image, text)));
    return { [OUTPUT_NAMES.logits]: { data: Float32Array.from(logits), shape: [images.length, units.length] } };
  };
}

async function readTexts(
  engine: ImageTextModel,
  rows: readonly (readonly number[])[],
  pixels: PixelValues,
): Promise<KnownTexts> {
  const units = new Array<Float32Array>(rows.length);
  // Logits are cosines times a scale that the graph does not give: it is the factor with the least squares.
  let [products, squares] = [0, 0];
  const lengths = rows.map((row) => row.length);
  for (const places of lengthBuckets(lengths, TOKEN_BUDGET, TEXT_BATCH)) {
    const batch = places.map((place) => rows[place] ?? []);
    const outputs = await runBatch(engine, batch, pixels);
    const [image = new Float32Array()] = unitsOf(outputs, OUTPUT_NAMES.imageEmbeds);
    const { data: logits } = outputOf(outputs, OUTPUT_NAMES.logitsPerImage);
    for (const [at, text] of unitsOf(outputs, OUTPUT_NAMES.textEmbeds).entries()) {
      const cosine = dot(image, text);
      products += cosine * (logits[at] ?? 0);
      squares += cosine * cosine;
      units[places[at] ?? 0] = text;
    }
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return { units, scale: squares === 0 ? 1 : products / squares };
}

function runBatch(engine: ImageTextModel, rows: readonly (readonly number[])[], pixels: PixelValues): Promise<Outputs> {
  const { padId, paddingSide } = engine.tokenizer;
  return engine.run(padBatch(rows, padId, paddingSide), pixels);
}

/** Rows of an output, each divided by its length. */
function unitsOf(outputs: Outputs, name: string): Float32Array[] {
  const { data, shape } = outputOf(outputs, name);
  const [rows = 0, width = 0] = shape;
  return Array.from({ length: rows }, (_, row) => {
    const vector = data.subarray(row * width, (row + 1) * width);
    const length = Math.sqrt(dot(vector, vector));
    return vector.map((value) => value / length);
  });
}

function outputOf(outputs: Outputs, name: string): Output {
  const found = outputs[name];
  if (found !== undefined) return found;
  throw new AbrazoError({
    code: "UNSUPPORTED_ONNX",
    message: `The model gives no ${name}; it gives ${Object.keys(outputs).join(", ")}.`,
    hint: "Export it with both of its towers.",
    data: { wanted: name, given: Object.keys(outputs) },
  });
}

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);

function firstOf({ data, shape }: PixelValues): PixelValues {
  const [count = 1, ...size] = shape;
  return { data: data.subarray(0, data.length / count), shape: [1, ...size] };
}
