// Models that make texts from others, run by transformers.js: the source is read once, and fed to every step with the cache.
// Knows no task, and leaves sampling to src/generate.
import type { DecodeStep, Decoding } from "../src/generate/kv-cache.ts";
import type { Seq2SeqDecoder, SourceBatch } from "../src/generate/seq2seq-decoder.ts";
import { open } from "./engine.ts";
import { readGenerationConfig } from "./generation-config.ts";
import { lastLogits, matrixOf, type OnnxModel, pastOf, pickRows, type Tensors } from "./onnx-steps.ts";
import type { EngineOptions, Text2TextModel } from "./task.ts";

/** Loads encoder_model.onnx and decoder_model_merged.onnx of a folder. */
export async function loadText2Text(folder: string, options: EngineOptions): Promise<Text2TextModel> {
  const { transformers, model, shared } = await open(folder, options);
  const { config, tokenizer } = shared;
  // What T5 calls n_positions bounds nothing: its positions are relative.
  const positions = config.max_position_embeddings ?? Number.POSITIVE_INFINITY;
  const start = config["decoder_start_token_id"];
  const given = { transformers, model, folder };
  const decoder: Seq2SeqDecoder = {
    maxLength: positions,
    start: (source) => new OnnxDecoding(given, source),
    from: (source) => {
      const read = readSource(given, source);
      return { maxLength: positions, start: () => new OnnxDecoding(given, source, read), dispose: () => undefined };
    },
    dispose: () => undefined,
  };
  return {
    ...shared,
    maxLength: Math.min(tokenizer.maxLength, positions),
    generation: {
      decoderStartTokenId: typeof start === "number" ? start : undefined,
      ...(await readGenerationConfig(folder, config, tokenizer)),
    },
    decoder,
    dispose: async () => {
      await model.dispose();
    },
  };
}

/** What every step is fed of the sources: the encoder's states, and their mask. */
async function readSource(
  { transformers, model }: OnnxModel,
  { inputIds, attentionMask, rows }: SourceBatch,
): Promise<Tensors> {
  const inputs = {
    input_ids: matrixOf(transformers, inputIds, rows),
    attention_mask: matrixOf(transformers, attentionMask, rows),
  };
  const { encoder_outputs: states } = await model._prepare_encoder_decoder_kwargs_for_generation({
    ...{ inputs_tensor: inputs.input_ids, model_inputs: inputs, model_input_name: "input_ids" },
    generation_config: { guidance_scale: null },
  });
  return { encoder_outputs: states, attention_mask: inputs.attention_mask };
}

class OnnxDecoding implements Decoding {
  readonly #given: OnnxModel;
  #source: Promise<Tensors>;
  /** By input name; undefined before the first step. */
  #past: Tensors | undefined;

  constructor(given: OnnxModel, source: SourceBatch, read = readSource(given, source)) {
    this.#given = given;
    this.#source = read;
  }

  async step({ inputIds, attentionMask, rows }: DecodeStep): Promise<Float32Array[]> {
    const { transformers, model, folder } = this.#given;
    const outputs = await model({
      ...(await this.#source),
      decoder_input_ids: matrixOf(transformers, inputIds, rows),
      decoder_attention_mask: matrixOf(transformers, attentionMask, rows),
      past_key_values: this.#past ?? null,
    });
    this.#past = this.#withFirstSource(pastOf(outputs));
    return lastLogits(outputs, rows, folder);
  }

  keep(rows: readonly number[]): void {
    const { transformers } = this.#given;
    this.#source = this.#source.then((source) => pickRows(transformers, source, rows));
    if (this.#past !== undefined) this.#past = pickRows(transformers, this.#past, rows);
  }

  /** Later steps may give nothing of the source: its keys and values are those of the first. */
  #withFirstSource(next: Tensors): Tensors {
    if (this.#past === undefined) return next;
    const first = Object.entries(this.#past).filter(([name]) => name.includes(".encoder."));
    return { ...next, ...Object.fromEntries(first) };
  }
}
