// Image classification: images → labels with scores.
// Knows no model and no runtime.
import { z } from "zod";
import { labelsOf } from "../../src/models/architecture.ts";
import { withAdapter } from "../adapted.ts";
import { type ImageInput, imageOptions, imagesOf } from "../images.ts";
import { count, parseOptions } from "../options.ts";
import { largest, sigmoid, softmax } from "../scores.ts";
import type { InputStream } from "../stream.ts";
import { defineTask, type VisionModel } from "../task.ts";
import { IMAGE_BATCH, runImages } from "../vision.ts";
import type { Classification } from "./text-classification.ts";

const FUNCTIONS = ["softmax", "sigmoid", "none", "default"] as const;

const optionsSchema = z.strictObject({
  /** Labels to give for each image, best first; 5 when absent, all with null. */
  topK: count.nullable().optional(),
  /**
   * What turns logits into scores. "default" follows the model: sigmoid for one label or several at once, softmax for one of
   * several.
   */
  functionToApply: z.enum(FUNCTIONS).optional(),
  ...imageOptions,
});

/** Which classes of an image are given. */
export type ImageClassificationOptions = z.infer<typeof optionsSchema>;

/** `pipeline("image-classification")`: one image gives a list of labels, many images a list each. */
export interface ImageClassificationPipeline {
  (image: ImageInput, options?: ImageClassificationOptions): Promise<Classification[]>;
  (images: readonly ImageInput[], options?: ImageClassificationOptions): Promise<Classification[][]>;
  (
    images: InputStream<ImageInput>,
    options?: ImageClassificationOptions,
  ): AsyncGenerator<Classification[], void, undefined>;
}

export const imageClassification = defineTask({
  name: "image-classification",
  kind: "vision",
  auto: "AutoModelForImageClassification",
  gathered: IMAGE_BATCH,
  create: (base: VisionModel, context) => {
    const labels = labelsOf(base.config);
    async function classify(
      input: unknown,
      given?: ImageClassificationOptions,
    ): Promise<Classification[] | Classification[][]> {
      const options = parseOptions("image-classification", optionsSchema, given);
      const engine = withAdapter(base, options.adapter);
      const { topK = 5, functionToApply = "default", timeout, signal, batchSize = context.batchSize } = options;
      const { images, single } = imagesOf(input, "image-classification");
      const outputs = await runImages(engine, images, { batchSize, timeout, signal });
      const score = scoring(engine, functionToApply);
      const lists = outputs.map(({ logits }) => {
        const scores = score(logits?.data ?? new Float32Array());
        return largest(scores, topK ?? undefined).map((place) => {
          return { label: labels[place] ?? `LABEL_${place}`, score: scores[place] ?? 0 };
        });
      });
      return single ? (lists[0] ?? []) : lists;
    }
    return classify as ImageClassificationPipeline; // safe because one image gives one list and an array one each
  },
});

/** Unlike those of texts, images of a regression get a sigmoid: Python asks for no more than how many labels there are. */
function scoring({ config }: VisionModel, name: (typeof FUNCTIONS)[number]): (logits: Float32Array) => number[] {
  if (name === "none") return (logits) => [...logits];
  if (name !== "default") return name === "sigmoid" ? sigmoid : softmax;
  const isSigmoid = config["problem_type"] === "multi_label_classification" || labelsOf(config).length === 1;
  return isSigmoid ? sigmoid : softmax;
}
