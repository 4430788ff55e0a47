// CLIP's tower of pictures: config → patches → encoder → the first token's state → the space shared with texts.
// Knows no texts and reads no picture; names of modules are the checkpoint's names.
import { z } from "zod";
import { Conv2d, Embedding, LayerNorm, Linear, Module, parameter } from "../nn/index.ts";
import { type Generator, type Tensor, zeros } from "../tensor/index.ts";
import { defineArchitecture, type HiddenOutput, type PixelInputs, PreTrainedModel } from "./architecture.ts";
import { dividesHeads, Encoder, initializeTower, NOT_DIVIDED, towerFields } from "./clip-encoder.ts";
import type { TowerOutput } from "./clip-text.ts";
import type { InputName } from "./inputs.ts";
import { inFront, patchCount, requirePictures, side } from "./pictures.ts";

export const clipVisionSchema = z
  .looseObject({
    ...towerFields({ hidden: 768, heads: 12, intermediate: 3072 }),
    model_type: z.literal("clip_vision_model").default("clip_vision_model"),
    num_channels: z.number().int().positive().default(3),
    image_size: side.default(224),
    patch_size: side.default(32),
  })
  .refine(dividesHeads, NOT_DIVIDED);

export type ClipVisionConfig = z.infer<typeof clipVisionSchema>;

/** Of a tower of pictures with its projection. */
export interface ImageEmbedsOutput extends HiddenOutput {
  imageEmbeds: Tensor;
}

/** A token for the whole picture, then one a patch, each with its place. */
class Embeddings extends Module<[Tensor], Tensor> {
  readonly class_embedding: Tensor;
  readonly patch_embedding: Conv2d;
  readonly position_embedding: Embedding;
  readonly #config: ClipVisionConfig;

  constructor(config: ClipVisionConfig) {
    super();
    this.class_embedding = parameter(zeros([config.hidden_size]));
    this.patch_embedding = new Conv2d(config.num_channels, config.hidden_size, config.patch_size, {
      stride: config.patch_size,
      bias: false,
    });
    this.position_embedding = new Embedding(1 + patchCount(config), config.hidden_size);
    this.#config = config;
  }

  override forward(pixelValues: Tensor): Tensor {
    requirePictures(pixelValues, this.#config);
    const patches = this.patch_embedding(pixelValues).flatten(2).transpose(1, 2); // [B, P, D]
    // Every row of the table is used once, in order: it is added as it stands.
    return inFront(this.class_embedding, patches).add(this.position_embedding.weight); // [B, 1 + P, D]
  }
}

/** States of a picture and its patches [B, 1 + P, D], and the first one normed [B, D]. */
export class CLIPVisionModel extends PreTrainedModel<TowerOutput, PixelInputs> {
  readonly embeddings: Embeddings;
  /** Misspelt in every checkpoint. */
  readonly pre_layrnorm: LayerNorm;
  readonly encoder: Encoder;
  readonly post_layernorm: LayerNorm;
  readonly #config: ClipVisionConfig;

  constructor(config: ClipVisionConfig) {
    super(config);
    this.embeddings = new Embeddings(config);
    this.pre_layrnorm = new LayerNorm(config.hidden_size, { eps: config.layer_norm_eps });
    this.encoder = new Encoder(config);
    this.post_layernorm = new LayerNorm(config.hidden_size, { eps: config.layer_norm_eps });
    this.#config = config;
  }

  override get inputs(): readonly InputName[] {
    return ["pixelValues"];
  }

  override forward({ pixelValues }: PixelInputs): TowerOutput {
    const lastHiddenState = this.encoder(this.pre_layrnorm(this.embeddings(pixelValues)), undefined);
    return { lastHiddenState, poolerOutput: this.post_layernorm(lastHiddenState.select(1, 0)) };
  }

  override initialize(generator?: Generator): void {
    initializeTower(this, this.#config, generator);
  }
}

/** A picture in the space that it shares with texts: [B, E]. */
export class CLIPVisionModelWithProjection extends PreTrainedModel<ImageEmbedsOutput, PixelInputs> {
  readonly vision_model: CLIPVisionModel;
  readonly visual_projection: Linear;
  readonly #config: ClipVisionConfig;

  constructor(config: ClipVisionConfig) {
    super(config);
    this.vision_model = new CLIPVisionModel(config);
    this.visual_projection = new Linear(config.hidden_size, config.projection_dim, { bias: false });
    this.#config = config;
  }

  override get inputs(): readonly InputName[] {
    return this.vision_model.inputs;
  }

  override forward(inputs: PixelInputs): ImageEmbedsOutput {
    const { lastHiddenState, poolerOutput } = this.vision_model(inputs);
    return { lastHiddenState, imageEmbeds: this.visual_projection(poolerOutput) };
  }

  override initialize(generator?: Generator): void {
    initializeTower(this, this.#config, generator);
  }
}

export const clipVision = defineArchitecture({
  modelType: "clip_vision_model",
  config: clipVisionSchema,
  heads: {
    CLIPVisionModel: (config) => new CLIPVisionModel(config),
    CLIPVisionModelWithProjection: (config) => new CLIPVisionModelWithProjection(config),
  },
  maxLength: () => Number.POSITIVE_INFINITY,
  // Older checkpoints have the prefix also where there is no projection, and the places 0, 1, … as a buffer.
  checkpoint: { prefix: "vision_model", ignored: /embeddings\.position_ids$/ },
});
