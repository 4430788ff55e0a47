// CLIP's tower of texts: config → embeddings → causal encoder → the state at the end of the text → the space shared with pictures.
// Knows no pictures and no tokenizer; names of modules are the checkpoint's names.
import { z } from "zod";
import * as build from "../graph/build.ts";
import { Embedding, functional as F, LayerNorm, Linear, Module } from "../nn/index.ts";
import { type Generator, Tensor } from "../tensor/index.ts";
import { defineArchitecture, type HiddenOutput, type ModelInputs, PreTrainedModel } from "./architecture.ts";
import { dividesHeads, Encoder, initializeTower, NOT_DIVIDED, towerFields } from "./clip-encoder.ts";
import type { InputName } from "./inputs.ts";

export const clipTextSchema = z
  .looseObject({
    ...towerFields({ hidden: 512, heads: 8, intermediate: 2048 }),
    model_type: z.literal("clip_text_model").default("clip_text_model"),
    vocab_size: z.number().int().positive().default(49408),
    max_position_embeddings: z.number().int().positive().default(77),
    eos_token_id: z.number().int().default(49407),
  })
  .refine(dividesHeads, NOT_DIVIDED);

export type ClipTextConfig = z.infer<typeof clipTextSchema>;

/** What a tower of texts is called with. */
export type ClipTextInputs = Pick<ModelInputs, "inputIds" | "attentionMask" | "positionIds">;

/** Of a tower without its projection. */
export interface TowerOutput extends HiddenOutput {
  poolerOutput: Tensor;
}

/** Of a tower of texts with its projection. */
export interface TextEmbedsOutput extends HiddenOutput {
  textEmbeds: Tensor;
}

class Embeddings extends Module<[Tensor, Tensor | undefined], Tensor> {
  readonly token_embedding: Embedding;
  readonly position_embedding: Embedding;

  constructor(config: ClipTextConfig) {
    super();
    this.token_embedding = new Embedding(config.vocab_size, config.hidden_size);
    this.position_embedding = new Embedding(config.max_position_embeddings, config.hidden_size);
  }

  override forward(inputIds: Tensor, positionIds: Tensor | undefined): Tensor {
    const places = positionIds ?? F.arangeLike(inputIds, 1); // [T] or [B, T]
    return this.token_embedding(inputIds).add(this.position_embedding(places)); // [B, T, D]
  }
}

/** An additive mask [B, 1, T, T] that hides later tokens and padding. */
function causalMask(inputIds: Tensor, attentionMask: Tensor): Tensor {
  const places = F.arangeLike(inputIds, 1); // [T]
  const later = places.unsqueeze(0).gt(places.unsqueeze(1)); // [T, T]
  const padding = attentionMask.unsqueeze(1).unsqueeze(1).eq(0); // [B, 1, 1, T]
  // One sum of flags, then one product: adding two least numbers would overflow.
  return later.logicalOr(padding).to("float32").mul(-3.4028234663852886e38);
}

/** What configs had before they named the end of a text rightly: there its token is the one of the largest id. */
const UNSET_EOS = 2;

/** The place of the first end-of-text token in each row [B, T] → [B, 1]; 0 where a row has none. */
function endOfText(inputIds: Tensor, eos: number): Tensor {
  const marks = eos === UNSET_EOS ? inputIds.to("int32") : inputIds.eq(eos).to("int32");
  return marks.argmax(-1, true);
}

/** States [B, T, D] at one place a row, [B, 1]: [B, D]. */
function statesAt(states: Tensor, places: Tensor): Tensor {
  const [batch = 1, , width = 1] = states.dims;
  const index = build.expand(build.reshape(places.node, [batch, 1, 1]), [batch, 1, width]);
  return Tensor.fromNode(build.gatherElements(states.node, index, 1), [states]).squeeze(1);
}

/** States of a text's tokens [B, T, D], and the one at its end [B, D]. */
export class CLIPTextModel extends PreTrainedModel<TowerOutput, ClipTextInputs> {
  readonly embeddings: Embeddings;
  readonly encoder: Encoder;
  readonly final_layer_norm: LayerNorm;
  readonly #config: ClipTextConfig;

  constructor(config: ClipTextConfig) {
    super(config);
    this.embeddings = new Embeddings(config);
    this.encoder = new Encoder(config);
    this.final_layer_norm = new LayerNorm(config.hidden_size, { eps: config.layer_norm_eps });
    this.#config = config;
  }

  override forward({ inputIds, attentionMask, positionIds }: ClipTextInputs): TowerOutput {
    const embedded = this.embeddings(inputIds, positionIds);
    const lastHiddenState = this.final_layer_norm(this.encoder(embedded, causalMask(inputIds, attentionMask)));
    const places = endOfText(inputIds, this.#config.eos_token_id);
    return { lastHiddenState, poolerOutput: statesAt(lastHiddenState, places) };
  }

  /** CLIP's own; tables of texts have 0.02, whatever the config says. */
  override initialize(generator?: Generator): void {
    initializeTower(this, { ...this.#config, initializer_range: 0.02 }, generator);
  }
}

/** A text in the space that it shares with pictures: [B, E]. */
export class CLIPTextModelWithProjection extends PreTrainedModel<TextEmbedsOutput, ClipTextInputs> {
  readonly text_model: CLIPTextModel;
  readonly text_projection: Linear;
  readonly #config: ClipTextConfig;

  constructor(config: ClipTextConfig) {
    super(config);
    this.text_model = new CLIPTextModel(config);
    this.text_projection = new Linear(config.hidden_size, config.projection_dim, { bias: false });
    this.#config = config;
  }

  override get inputs(): readonly InputName[] {
    return this.text_model.inputs;
  }

  override forward(inputs: ClipTextInputs): TextEmbedsOutput {
    const { lastHiddenState, poolerOutput } = this.text_model(inputs);
    return { lastHiddenState, textEmbeds: this.text_projection(poolerOutput) };
  }

  override initialize(generator?: Generator): void {
    initializeTower(this, { ...this.#config, initializer_range: 0.02 }, generator);
  }
}

export const clipText = defineArchitecture({
  modelType: "clip_text_model",
  config: clipTextSchema,
  heads: {
    CLIPTextModel: (config) => new CLIPTextModel(config),
    CLIPTextModelWithProjection: (config) => new CLIPTextModelWithProjection(config),
  },
  maxLength: (config) => config.max_position_embeddings,
  // Older checkpoints have the prefix also where there is no projection, and the places 0, 1, … as a buffer.
  checkpoint: { prefix: "text_model", ignored: /embeddings\.position_ids$/ },
});
