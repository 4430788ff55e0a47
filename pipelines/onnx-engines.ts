// The engine contract served by transformers.js, for repositories that have only ONNX files.
// Does no post-processing, and leaves models that make texts from others to onnx-text2text.ts.
import { ImageProcessor, type PixelValues } from "../src/data/index.ts";
import type { Decoder, DecodeStep, Decoding } from "../src/generate/kv-cache.ts";
import type { EncodedBatch } from "../src/text/tokenizer.ts";
import { open, openModel, type TensorLike, type Transformers } from "./engine.ts";
import { readGenerationConfig } from "./generation-config.ts";
import { floats, lastLogits, matrixOf, type OnnxModel, pastOf, pickRows, type Tensors } from "./onnx-steps.ts";
import { loadText2Text } from "./onnx-text2text.ts";
import type {
  Encoder,
  EngineLoaders,
  EngineOptions,
  ImageTextModel,
  LanguageModel,
  Outputs,
  VisionModel,
} from "./task.ts";

/** Loaders for folders that hold ONNX files but no model.safetensors. */
export const transformersEngines: EngineLoaders = {
  encoder: loadEncoder,
  decoder: loadLanguageModel,
  text2text: loadText2Text,
  vision: loadVision,
  imageText: loadImageText,
};

async function loadEncoder(folder: string, options: EngineOptions): Promise<Encoder> {
  const { transformers, model, shared, maxLength } = await open(folder, options);
  return {
    ...shared,
    maxLength,
    run: async ({ inputIds, attentionMask, tokenTypeIds, shape }: EncodedBatch) => {
      const ids = (data: BigInt64Array) => new transformers.Tensor("int64", data, [...shape]);
      const segments = tokenTypeIds === undefined ? {} : { token_type_ids: ids(tokenTypeIds) };
      const outputs = await model({ input_ids: ids(inputIds), attention_mask: ids(attentionMask), ...segments });
      return floating(outputs, folder);
    },
    dispose: async () => {
      await model.dispose();
    },
  };
}

function floating(outputs: Record<string, TensorLike>, folder: string): Outputs {
  const floats32 = Object.entries(outputs).map(([name, value]) => {
    return [name, { data: floats(value, name, folder), shape: value.dims }] as const;
  });
  return Object.fromEntries(floats32);
}

async function loadVision(folder: string, options: EngineOptions): Promise<VisionModel> {
  const [{ transformers, config, model }, processor] = await Promise.all([
    openModel(folder, options),
    options.given?.imageProcessor ?? ImageProcessor.fromFolder(folder),
  ]);
  return {
    config,
    folder,
    runtime: "transformers.js",
    processor,
    run: async (pixels) => floating(await model({ pixel_values: pictures(transformers, pixels) }), folder),
    dispose: async () => {
      await model.dispose();
    },
  };
}

async function loadImageText(folder: string, options: EngineOptions): Promise<ImageTextModel> {
  const [{ transformers, model, shared, maxLength }, processor] = await Promise.all([
    open(folder, options),
    options.given?.imageProcessor ?? ImageProcessor.fromFolder(folder),
  ]);
  return {
    ...shared,
    processor,
    maxLength,
    run: async ({ inputIds, attentionMask, shape }, pixels) => {
      const ids = (data: BigInt64Array) => new transformers.Tensor("int64", data, [...shape]);
      const texts = { input_ids: ids(inputIds), attention_mask: ids(attentionMask) };
      return floating(await model({ ...texts, pixel_values: pictures(transformers, pixels) }), folder);
    },
    dispose: async () => {
      await model.dispose();
    },
  };
}

const pictures = ({ Tensor }: Transformers, { data, shape }: PixelValues) => new Tensor("float32", data, shape);

async function loadLanguageModel(folder: string, options: EngineOptions): Promise<LanguageModel> {
  const { transformers, model, shared, maxLength } = await open(folder, options);
  const decoder: Decoder = {
    maxLength,
    start: () => new TransformersDecoding({ transformers, model, folder }),
    dispose: () => {},
  };
  return {
    ...shared,
    decoder,
    generation: await readGenerationConfig(folder, shared.config, shared.tokenizer),
    dispose: async () => {
      await model.dispose();
    },
  };
}

class TransformersDecoding implements Decoding {
  readonly #given: OnnxModel;
  /** By input name; undefined before the first step. */
  #past: Tensors | undefined;

  constructor(given: OnnxModel) {
    this.#given = given;
  }

  async step({ inputIds, attentionMask, positionIds, rows }: DecodeStep): Promise<Float32Array[]> {
    const { transformers, model, folder } = this.#given;
    const outputs = await model({
      input_ids: matrixOf(transformers, inputIds, rows),
      attention_mask: matrixOf(transformers, attentionMask, rows),
      position_ids: matrixOf(transformers, positionIds, rows),
      past_key_values: this.#past ?? null,
    });
    this.#past = pastOf(outputs);
    return lastLogits(outputs, rows, folder);
  }

  keep(rows: readonly number[]): void {
    this.#past = pickRows(this.#given.transformers, this.#past ?? {}, rows);
  }
}
