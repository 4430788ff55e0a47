// INPUTS and OUTPUTS: what models are called with and what they give, with the names, dtypes and sizes of exported graphs.
// Knows no architecture.
import type { DType } from "../graph/dtype.ts";
import type { Dim } from "../graph/shape.ts";
import type { ModelOutput } from "./architecture.ts";

/** Of a config with the sizes of pictures, its own or those of its vision part. */
function pictureOf(config: Readonly<Record<string, unknown>>): Dim[] {
  const vision = config["vision_config"] as typeof config | undefined; // safe because schemas of models with one check it
  const { num_channels: channels, image_size: size } = vision ?? config;
  return [Number(channels), Number(size), Number(size)];
}

interface Input {
  /** As transformers.js and optimum spell it. */
  wire: string;
  dtype: DType;
  /** Sizes behind the batch: NOW is the call's own length, ALL that with the past. */
  dims(config: Readonly<Record<string, unknown>>): readonly (Dim | typeof NOW | typeof ALL)[];
}

export const NOW = "sequence_length";
export const ALL = "attention_length";

const INPUTS = {
  inputIds: { wire: "input_ids", dtype: "int64", dims: () => [NOW] },
  attentionMask: { wire: "attention_mask", dtype: "int64", dims: () => [ALL] },
  tokenTypeIds: { wire: "token_type_ids", dtype: "int64", dims: () => [NOW] },
  positionIds: { wire: "position_ids", dtype: "int64", dims: () => [NOW] },
  decoderInputIds: { wire: "decoder_input_ids", dtype: "int64", dims: () => ["decoder_sequence_length"] },
  decoderAttentionMask: { wire: "decoder_attention_mask", dtype: "int64", dims: () => ["decoder_sequence_length"] },
  pixelValues: { wire: "pixel_values", dtype: "float32", dims: pictureOf },
} as const satisfies Record<string, Input>;

/** What a model may be called with. */
export type InputName = keyof typeof INPUTS;

export const inputOf = (name: InputName): Input => INPUTS[name];

/** Wire names of the inputs. */
export const INPUT_NAMES = {
  inputIds: INPUTS.inputIds.wire,
  attentionMask: INPUTS.attentionMask.wire,
  tokenTypeIds: INPUTS.tokenTypeIds.wire,
  positionIds: INPUTS.positionIds.wire,
  decoderInputIds: INPUTS.decoderInputIds.wire,
  decoderAttentionMask: INPUTS.decoderAttentionMask.wire,
  pixelValues: INPUTS.pixelValues.wire,
} as const;

/** Wire names of the outputs, in the order of an exported graph. */
export const OUTPUT_NAMES = {
  logits: "logits",
  startLogits: "start_logits",
  endLogits: "end_logits",
  lastHiddenState: "last_hidden_state",
  poolerOutput: "pooler_output",
  logitsPerImage: "logits_per_image",
  logitsPerText: "logits_per_text",
  textEmbeds: "text_embeds",
  imageEmbeds: "image_embeds",
} as const satisfies Record<Exclude<keyof ModelOutput, "present">, string>;
