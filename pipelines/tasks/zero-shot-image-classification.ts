// Zero-shot image classification: images and any labels → how well each label fits, by a model that knows images and texts.
// Knows no model and no runtime.
import { z } from "zod";
import { withAdapter } from "../adapted.ts";
import { type ImageInput, imageOptions, imagesOf } from "../images.ts";
import { candidateLabels, hypothesesOf } from "../labels.ts";
import { parseOptions } from "../options.ts";
import { largest, softmax } from "../scores.ts";
import type { InputStream } from "../stream.ts";
import { defineTask, type ImageTextModel } from "../task.ts";
import { comparing, IMAGE_BATCH, type ImageRun, runImages } from "../vision.ts";
import type { Classification } from "./text-classification.ts";

const optionsSchema = z.strictObject({
  /** The sentence that a label is put into, at {}; "This is a photo of {}." when absent. */
  hypothesisTemplate: z.string().optional(),
  ...imageOptions,
});

/** How labels are put. */
export type ZeroShotImageClassificationOptions = z.infer<typeof optionsSchema>;

/**
 * `pipeline("zero-shot-image-classification")`. Labels are a list, or one string with commas between them; each image gives all of
 * them, best first, with scores that add up to 1. The labels are read once for all images of a call or a stream.
 */
export interface ZeroShotImageClassificationPipeline {
  (
    image: ImageInput,
    candidateLabels: string | readonly string[],
    options?: ZeroShotImageClassificationOptions,
  ): Promise<Classification[]>;
  (
    images: readonly ImageInput[],
    candidateLabels: string | readonly string[],
    options?: ZeroShotImageClassificationOptions,
  ): Promise<Classification[][]>;
  (
    images: InputStream<ImageInput>,
    candidateLabels: string | readonly string[],
    options?: ZeroShotImageClassificationOptions,
  ): AsyncGenerator<Classification[], void, undefined>;
}

export const zeroShotImageClassification = defineTask({
  name: "zero-shot-image-classification",
  kind: "imageText",
  auto: "AutoModelForZeroShotImageClassification",
  gathered: IMAGE_BATCH,
  create: (base: ImageTextModel, context) => {
    const compare = lastOne(comparing);
    async function classify(
      input: unknown,
      candidates: unknown,
      given?: ZeroShotImageClassificationOptions,
    ): Promise<Classification[] | Classification[][]> {
      const options = parseOptions("zero-shot-image-classification", optionsSchema, given);
      const engine = withAdapter(base, options.adapter);
      const { hypothesisTemplate = "This is a photo of {}.", timeout, signal, batchSize = context.batchSize } = options;
      const { images, single } = imagesOf(input, "zero-shot-image-classification");
      const labels = candidateLabels(candidates, "zero-shot-image-classification");
      const run = compare(engine, hypothesesOf(hypothesisTemplate, labels));
      const outputs = await runImages({ processor: engine.processor, run }, images, { batchSize, timeout, signal });
      const lists = outputs.map(({ logits }) => {
        const scores = softmax(logits?.data ?? []);
        return largest(scores).map((place) => ({ label: labels[place] ?? "", score: scores[place] ?? 0 }));
      });
      return single ? (lists[0] ?? []) : lists;
    }
    return classify as ZeroShotImageClassificationPipeline; // safe because one image gives one list and an array one each
  },
});

/** Keeps what was made last: the batches of a stream, and most calls after one another, have the same labels. */
function lastOne(make: typeof comparing): typeof make {
  let last: { engine: ImageTextModel; key: string; run: ImageRun["run"] } | undefined;
  return (engine, hypotheses) => {
    const key = JSON.stringify(hypotheses);
    if (last?.key !== key || last.engine !== engine) last = { engine, key, run: make(engine, hypotheses) };
    return last.run;
  };
}
