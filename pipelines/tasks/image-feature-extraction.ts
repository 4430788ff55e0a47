// Image feature extraction: images → the states of their patches, or one vector an image.
// Knows no model and no runtime.
import { z } from "zod";
import { AbrazoError } from "../../src/errors.ts";
import { fromTypedArray, type Tensor } from "../../src/tensor/index.ts";
import { withAdapter } from "../adapted.ts";
import { type ImageInput, imageOptions, imagesOf } from "../images.ts";
import { parseOptions } from "../options.ts";
import type { InputStream } from "../stream.ts";
import { defineTask, type Output, type Outputs, type VisionModel } from "../task.ts";
import { IMAGE_BATCH, runImages } from "../vision.ts";

const optionsSchema = z.strictObject({
  /** One vector an image in place of the states of its patches: what the model's own pooler or projection gives. */
  pool: z.boolean().optional(),
  ...imageOptions,
});

/** What is given of an image. */
export type ImageFeatureExtractionOptions = z.infer<typeof optionsSchema>;

/**
 * `pipeline("image-feature-extraction")`: float32 [B, T, D], the states of the whole image and of its patches, or [B, D] with
 * `pool`. B is 1 for one image.
 */
export interface ImageFeatureExtractionPipeline {
  (images: ImageInput | readonly ImageInput[], options?: ImageFeatureExtractionOptions): Promise<Tensor>;
  /** A tensor for each image: [T, D], or [D] with `pool`. */
  (images: InputStream<ImageInput>, options?: ImageFeatureExtractionOptions): AsyncGenerator<Tensor, void, undefined>;
}

export const imageFeatureExtraction = defineTask({
  name: "image-feature-extraction",
  kind: "vision",
  auto: "AutoModelForImageFeatureExtraction",
  gathered: IMAGE_BATCH,
  create: (base: VisionModel, context): ImageFeatureExtractionPipeline => {
    const extract = async (input: unknown, given?: ImageFeatureExtractionOptions): Promise<Tensor> => {
      const options = parseOptions("image-feature-extraction", optionsSchema, given);
      const engine = withAdapter(base, options.adapter);
      const { pool = false, timeout, signal, batchSize = context.batchSize } = options;
      const { images } = imagesOf(input, "image-feature-extraction");
      const outputs = await runImages(engine, images, { batchSize, timeout, signal });
      const features = outputs.map((output) => featuresOf(output, pool));
      const shape = features[0]?.shape ?? (pool ? [0] : [0, 0]);
      const size = shape.reduce((product, length) => product * length, 1);
      const all = new Float32Array(features.length * size);
      for (const [at, { data }] of features.entries()) all.set(data, at * size);
      return fromTypedArray(all, [features.length, ...shape]);
    };
    return extract as ImageFeatureExtractionPipeline; // safe because streams are taken apart before a task sees them
  },
});

/** Towers with a projection have that in place of a pooler. */
const POOLED = ["pooler_output", "image_embeds"];
const STATES = ["last_hidden_state"];

function featuresOf(outputs: Outputs, pool: boolean): Output {
  const names = pool ? POOLED : STATES;
  const found = names.map((name) => outputs[name]).find((output) => output !== undefined);
  if (found !== undefined) return found;
  const given = Object.keys(outputs).join(", ");
  throw new AbrazoError({
    code: "INVALID_OPTION",
    message: `The model gives no ${names.join(" and no ")}, which pool: ${pool} asks for; it gives ${given}.`,
    hint: pool ? "Leave pool away, or take a model with a pooler." : "Call it with pool: true.",
    data: { pool, given: Object.keys(outputs) },
  });
}
