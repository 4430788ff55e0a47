// CLIP (Radford et al. 2021, arXiv 2103.00020): a tower of texts and one of pictures, and how near what they give lies.
// Downloads nothing; names of modules are the checkpoint's names.
import { z } from "zod";
import { Linear, parameter } from "../nn/index.ts";
import { type Generator, type Tensor, tensor } from "../tensor/index.ts";
import { defineArchitecture, type ModelOutput, type PixelInputs, PreTrainedModel } from "./architecture.ts";
import { drawNormal } from "./clip-encoder.ts";
import { CLIPTextModel, CLIPTextModelWithProjection, type ClipTextInputs, clipTextSchema } from "./clip-text.ts";
import { CLIPVisionModel, CLIPVisionModelWithProjection, clipVisionSchema } from "./clip-vision.ts";
import type { InputName } from "./inputs.ts";

/** Older configs write a tower twice; then the second writing, with its defaults, counts. */
function oneWriting(config: unknown): unknown {
  if (typeof config !== "object" || config === null) return config;
  const { text_config_dict: text, vision_config_dict: vision, ...rest } = { ...config } as Record<string, unknown>; // safe because any object has names
  return {
    ...rest,
    text_config: clipTextSchema.safeParse(text).data ?? text ?? rest["text_config"] ?? {},
    vision_config: clipVisionSchema.safeParse(vision).data ?? vision ?? rest["vision_config"] ?? {},
  };
}

export const clipConfigSchema = z.preprocess(
  oneWriting,
  z.looseObject({
    model_type: z.literal("clip"),
    text_config: clipTextSchema,
    vision_config: clipVisionSchema,
    projection_dim: z.number().int().positive().default(512),
    logit_scale_init_value: z.number().default(2.6592),
    initializer_factor: z.number().default(1),
  }),
);

export type ClipConfig = z.infer<typeof clipConfigSchema>;

/** What a pair of towers is called with: M texts and N pictures. */
export interface ClipInputs extends ClipTextInputs, PixelInputs {}

/** Of a pair of towers: embeddings of length 1, and their products by e to the learned scale. */
export interface ClipOutput extends ModelOutput {
  /** [N, M] */
  logitsPerImage: Tensor;
  /** [M, N] */
  logitsPerText: Tensor;
  /** [M, E] */
  textEmbeds: Tensor;
  /** [N, E] */
  imageEmbeds: Tensor;
}

/** Vectors [..., E] of length 1. */
const unit = (x: Tensor): Tensor => x.div(x.mul(x).sum(-1, true).sqrt());

/** How well each of N pictures fits each of M texts. */
export class CLIPModel extends PreTrainedModel<ClipOutput, ClipInputs> {
  readonly text_model: CLIPTextModel;
  readonly vision_model: CLIPVisionModel;
  readonly visual_projection: Linear;
  readonly text_projection: Linear;
  /** ln of what cosines are multiplied by. */
  readonly logit_scale: Tensor;
  readonly #config: ClipConfig;

  constructor(config: ClipConfig) {
    super(config);
    const { text_config: text, vision_config: vision, projection_dim: width } = config;
    this.text_model = new CLIPTextModel(text);
    this.vision_model = new CLIPVisionModel(vision);
    this.visual_projection = new Linear(vision.hidden_size, width, { bias: false });
    this.text_projection = new Linear(text.hidden_size, width, { bias: false });
    this.logit_scale = parameter(tensor(config.logit_scale_init_value, { dtype: "float32" }));
    this.#config = config;
  }

  override get inputs(): readonly InputName[] {
    return ["inputIds", "pixelValues", "attentionMask"];
  }

  override forward({ pixelValues, ...texts }: ClipInputs): ClipOutput {
    const imageEmbeds = unit(this.visual_projection(this.vision_model({ pixelValues }).poolerOutput)); // [N, E]
    const textEmbeds = unit(this.text_projection(this.text_model(texts).poolerOutput)); // [M, E]
    const logitsPerText = textEmbeds.matmul(imageEmbeds.transpose(0, 1)).mul(this.logit_scale.exp()); // [M, N]
    return { logitsPerImage: logitsPerText.transpose(0, 1), logitsPerText, textEmbeds, imageEmbeds };
  }

  override initialize(generator?: Generator): void {
    this.text_model.initialize(generator);
    this.vision_model.initialize(generator);
    const { text_config: text, vision_config: vision, initializer_factor: factor } = this.#config;
    drawNormal(this.text_projection.weight, text.hidden_size ** -0.5 * factor, generator);
    drawNormal(this.visual_projection.weight, vision.hidden_size ** -0.5 * factor, generator);
    this.logit_scale.assign(tensor(this.#config.logit_scale_init_value, { dtype: "float32" }).node);
  }
}

/** The config of a tower as that of a model of its own. */
const named = <Config extends object>(config: Config, name: string): Config => ({ ...config, architectures: [name] });

export const clip = defineArchitecture({
  modelType: "clip",
  config: clipConfigSchema,
  // A tower alone is taken from the checkpoint of both.
  heads: {
    CLIPModel: (config) => new CLIPModel(config),
    CLIPTextModel: ({ text_config: text }) => new CLIPTextModel(named(text, "CLIPTextModel")),
    // The pair says how wide embeddings are; parts may say otherwise.
    CLIPTextModelWithProjection: ({ text_config: text, projection_dim }) =>
      new CLIPTextModelWithProjection(named({ ...text, projection_dim }, "CLIPTextModelWithProjection")),
    // Before the one without: features of pictures of a pair are those that are compared with texts.
    CLIPVisionModelWithProjection: ({ vision_config: vision, projection_dim }) =>
      new CLIPVisionModelWithProjection(named({ ...vision, projection_dim }, "CLIPVisionModelWithProjection")),
    CLIPVisionModel: ({ vision_config: vision }) => new CLIPVisionModel(named(vision, "CLIPVisionModel")),
  },
  maxLength: (config) => config.text_config.max_position_embeddings,
  checkpoint: { ignored: /embeddings\.position_ids$/ },
});
