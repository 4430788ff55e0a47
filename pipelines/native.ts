// The engine contract served by our own graphs: weights mapped from model.safetensors, one session for every size.
// Knows no task.
import { join } from "node:path";
import { ImageProcessor, type PixelValues } from "../src/data/index.ts";
import { AbrazoError } from "../src/errors.ts";
import { decoderOver } from "../src/generate/kv-cache.ts";
import { seq2SeqDecoderOver } from "../src/generate/seq2seq-decoder.ts";
import { readJson } from "../src/io/json.ts";
import type { AnyModel } from "../src/models/architecture.ts";
import { architectureOf, classOf, configSchema, loadClass } from "../src/models/auto.ts";
import { checkingIds } from "../src/models/checked-ids.ts";
import type { Compile } from "../src/models/graphs.ts";
import { type InputName, inputOf } from "../src/models/inputs.ts";
import { traceModel } from "../src/models/trace.ts";
import type { CompiledGraph, Feed } from "../src/tensor/index.ts";
import { type EncodedBatch, Tokenizer } from "../src/text/tokenizer.ts";
import { overGraphs } from "./adapted.ts";
import { readGenerationConfig } from "./generation-config.ts";
import {
  AUTO_CLASSES,
  type Encoder,
  type EngineLoaders,
  type EngineOptions,
  type ImageTextModel,
  type LanguageModel,
  type Output,
  type Text2TextModel,
  type VisionModel,
} from "./task.ts";

/** Loaders for folders that hold model.safetensors. */
export const nativeEngines: EngineLoaders = {
  encoder: loadEncoder,
  decoder: loadLanguageModel,
  text2text: loadText2Text,
  vision: loadVision,
  imageText: loadImageText,
};

/** A model of the class that does the task: the caller's, or the folder's. */
async function modelOf(folder: string, { auto, labels, given }: EngineOptions): Promise<AnyModel> {
  if (given?.model !== undefined) return given.model.eval();
  const automatic = AUTO_CLASSES[auto];
  const isWhole =
    labels === undefined || automatic.has(classOf(await readJson(join(folder, "config.json"), configSchema)));
  return loadClass(folder, (config) => automatic.classFor(config), isWhole ? {} : { id2label: labels });
}

const tokenizerOf = async (folder: string, { given }: EngineOptions): Promise<Tokenizer> =>
  given?.tokenizer ?? Tokenizer.fromFolder(folder);

const processorOf = async (folder: string, { given }: EngineOptions): Promise<ImageProcessor> =>
  given?.imageProcessor ?? ImageProcessor.fromFolder(folder);

/** The model's one graph, which refuses ids that are no words. */
const graphOfTexts = (model: AnyModel, compile: Compile): CompiledGraph =>
  checkingIds(
    compile("run", () => traceModel(model)),
    model.config,
  );

async function loadEncoder(folder: string, options: EngineOptions): Promise<Encoder> {
  const [model, tokenizer] = await Promise.all([modelOf(folder, options), tokenizerOf(folder, options)]);
  const { config } = model;
  return overGraphs<Encoder>(model, options, (compile, ends) => {
    const graph = graphOfTexts(model, compile);
    return {
      config,
      tokenizer,
      folder,
      runtime: "native",
      maxLength: Math.min(tokenizer.maxLength, architectureOf(config).maxLength(config)),
      run: async (batch) => outputsOf(graph.run(feedsOf(batch, model.inputs))),
      ...ends,
    };
  });
}

async function loadLanguageModel(folder: string, options: EngineOptions): Promise<LanguageModel> {
  const [model, tokenizer] = await Promise.all([modelOf(folder, options), tokenizerOf(folder, options)]);
  const { config } = model;
  const generation = await readGenerationConfig(folder, config, tokenizer);
  return overGraphs<LanguageModel>(model, options, (compile, ends) => {
    const decoder = decoderOver(model, compile, options.device);
    return { config, tokenizer, folder, runtime: "native", generation, decoder, ...ends };
  });
}

async function loadText2Text(folder: string, options: EngineOptions): Promise<Text2TextModel> {
  const [model, tokenizer] = await Promise.all([modelOf(folder, options), tokenizerOf(folder, options)]);
  const { config } = model;
  const read = await readGenerationConfig(folder, config, tokenizer);
  const start = config["decoder_start_token_id"];
  const generation = { decoderStartTokenId: typeof start === "number" ? start : undefined, ...read };
  return overGraphs<Text2TextModel>(model, options, (compile, ends) => {
    const decoder = seq2SeqDecoderOver(model, compile);
    // Where positions are relative, the tokenizer alone says how long a text may be.
    const maxLength = Math.min(tokenizer.maxLength, decoder.maxLength);
    return { config, tokenizer, folder, runtime: "native", maxLength, generation, decoder, ...ends };
  });
}

async function loadVision(folder: string, options: EngineOptions): Promise<VisionModel> {
  const [model, processor] = await Promise.all([modelOf(folder, options), processorOf(folder, options)]);
  const { config } = model;
  return overGraphs<VisionModel>(model, options, (compile, ends) => {
    const graph = compile("run", () => traceModel(model));
    const run = async (pixels: PixelValues) => outputsOf(graph.run(pictureFeeds(pixels, model)));
    return { config, folder, runtime: "native", processor, run, ...ends };
  });
}

async function loadImageText(folder: string, options: EngineOptions): Promise<ImageTextModel> {
  const [model, tokenizer, processor] = await Promise.all([
    modelOf(folder, options),
    tokenizerOf(folder, options),
    processorOf(folder, options),
  ]);
  const { config } = model;
  const ofTexts = model.inputs.filter((name) => name !== "pixelValues");
  return overGraphs<ImageTextModel>(model, options, (compile, ends) => {
    const graph = graphOfTexts(model, compile);
    return {
      config,
      tokenizer,
      folder,
      runtime: "native",
      processor,
      maxLength: Math.min(tokenizer.maxLength, architectureOf(config).maxLength(config)),
      run: async (texts, pixels) =>
        outputsOf(graph.run({ ...feedsOf(texts, ofTexts), ...pictureFeeds(pixels, model) })),
      ...ends,
    };
  });
}

/** The graph is made for images of one size, which the processor has to give. */
function pictureFeeds(pixels: PixelValues, { config }: AnyModel): Record<string, Feed> {
  const { wire, dims } = inputOf("pixelValues");
  const [given, wanted] = [pixels.shape.slice(1), dims(config)];
  if (given.join() === wanted.join()) return { [wire]: pixels };
  throw new AbrazoError({
    code: "SHAPE_MISMATCH",
    message: `The image processor gives images [${given.join(", ")}], the model takes [${wanted.join(", ")}].`,
    hint: "preprocessor_config.json has to resize or crop to the image_size of config.json.",
    data: { given, wanted },
  });
}

function feedsOf(batch: EncodedBatch, inputs: readonly InputName[]): Record<string, Feed> {
  const { inputIds, attentionMask, tokenTypeIds, shape } = batch;
  const given: Partial<Record<InputName, BigInt64Array | undefined>> = {
    inputIds,
    attentionMask,
    tokenTypeIds,
    positionIds: inputs.includes("positionIds") ? placesOf(batch) : undefined,
  };
  const feeds = inputs.map((name) => {
    const data = given[name] ?? new BigInt64Array(inputIds.length);
    return [inputOf(name).wire, { data, shape }] as const;
  });
  return Object.fromEntries(feeds);
}

/** 0, 1, … from the first token of each row on, wherever its padding is. */
function placesOf({ attentionMask, shape: [rows, columns] }: EncodedBatch): BigInt64Array {
  const places = new BigInt64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    let next = 0n;
    for (let at = row * columns; at < (row + 1) * columns; at++) {
      places[at] = next;
      if (attentionMask[at] === 1n) next++;
    }
  }
  return places;
}

/** What is float32, which every output of a model is. */
function outputsOf(results: Readonly<Record<string, Feed>>): Record<string, Output> {
  const outputs: Record<string, Output> = {};
  for (const [name, { data, shape }] of Object.entries(results)) {
    if (data instanceof Float32Array) outputs[name] = { data, shape };
  }
  return outputs;
}
