// The tasks of images as the Inference API speaks them: a file as the body, or in base64.
// Knows no HTTP, and decodes no picture. An image is never a path or an address here: those are the server's own.
import { z } from "zod";
import { Tensor } from "../../src/tensor/index.ts";
import { RequestError } from "./errors.ts";
import type { ServedModel } from "./models.ts";
import { listed, named, type Wire, withLabels } from "./wire.ts";

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;
const EXPECTED = "an image's file in base64 is expected";

const file = z
  .union([z.instanceof(Uint8Array), z.string().min(1, EXPECTED).regex(BASE64, EXPECTED)], EXPECTED)
  .transform((image) => (typeof image === "string" ? new Uint8Array(Buffer.from(image, "base64")) : image));

const image = {
  input: file,
  texts: () => [],
  media: ["image/*", "application/octet-stream"],
};

/** Of each image its vectors. */
async function featuresOf(model: ServedModel, inputs: unknown[], options: Record<string, unknown>): Promise<unknown[]> {
  const features = await model.call(inputs, options);
  if (!(features instanceof Tensor)) throw new RequestError(500, { code: "INTERNAL", message: "internal: no tensor" });
  const list = await features.tolist();
  return Array.isArray(list) ? list : [];
}

/** The tasks of images that are served. */
export const IMAGE_WIRES = {
  "image-classification": {
    ...image,
    parameters: named("topK", "functionToApply"),
    run: listed,
    output: (output) => output,
  },
  "zero-shot-image-classification": {
    ...image,
    // JavaScript's client puts the image into an object.
    input: z.union([file, z.strictObject({ image: file }).transform(({ image: inner }) => inner)], EXPECTED),
    parameters: named("candidateLabels", "hypothesisTemplate"),
    options: withLabels("zero-shot-image-classification"),
    run: (model, inputs, { candidateLabels, ...options }) => listed(model, inputs, candidateLabels, options),
    output: (output) => output,
  },
  "image-feature-extraction": {
    ...image,
    parameters: named("pool"),
    run: featuresOf,
    output: (output) => output,
  },
} as const satisfies Readonly<Record<string, Wire>>;
