// The engine contract served by our own graphs: weights mapped from model.safetensors, one session for every size.
// Knows no task.
import { makeDecoder } from "../src/generate/kv-cache.ts";
import { architectureOf, loadPretrained } from "../src/models/auto.ts";
import { INPUT_NAMES, traceModel } from "../src/models/trace.ts";
import { compileGraph, type Feed } from "../src/tensor/index.ts";
import { type EncodedBatch, Tokenizer } from "../src/text/tokenizer.ts";
import { onDevice } from "./devices.ts";
import { readGenerationConfig } from "./generation-config.ts";
import type { Classifier, EngineLoaders, EngineOptions, LanguageModel } from "./task.ts";

/** Loaders for folders that hold model.safetensors. */
export const nativeEngines: EngineLoaders = { classifier: loadClassifier, decoder: loadLanguageModel };

async function loadClassifier(folder: string, { device, threads }: EngineOptions): Promise<Classifier> {
  const [model, tokenizer] = await Promise.all([loadPretrained(folder), Tokenizer.fromFolder(folder)]);
  const architecture = architectureOf(model.config);
  const traced = traceModel(model);
  const graph = onDevice(device, (on) => compileGraph(traced, settings(on, threads)));
  const optional = model.inputs.map((name) => INPUT_NAMES[name]).slice(2);
  return {
    config: model.config,
    tokenizer,
    folder,
    runtime: "native",
    maxLength: Math.min(tokenizer.maxLength, architecture.maxLength(model.config)),
    logits: async (batch) => logitsOf(graph.run(feedsOf(batch, optional))),
    dispose: async () => graph.dispose(),
  };
}

async function loadLanguageModel(folder: string, { device, threads }: EngineOptions): Promise<LanguageModel> {
  const [model, tokenizer] = await Promise.all([loadPretrained(folder), Tokenizer.fromFolder(folder)]);
  const generation = await readGenerationConfig(folder, model.config, tokenizer);
  const decoder = onDevice(device, (on) => makeDecoder(model, settings(on, threads)));
  return {
    config: model.config,
    tokenizer,
    folder,
    runtime: "native",
    generation,
    decoder,
    dispose: async () => decoder.dispose(),
  };
}

function settings(device: string, threads: number | undefined): { device: string; threads?: number } {
  return threads === undefined ? { device } : { device, threads };
}

function feedsOf({ inputIds, attentionMask, shape }: EncodedBatch, optional: readonly string[]): Record<string, Feed> {
  const zeros = (): Feed => ({ data: new BigInt64Array(inputIds.length), shape });
  return {
    [INPUT_NAMES.inputIds]: { data: inputIds, shape },
    [INPUT_NAMES.attentionMask]: { data: attentionMask, shape },
    ...Object.fromEntries(optional.map((name) => [name, zeros()])),
  };
}

function logitsOf(results: Record<string, Feed>): Float32Array {
  return results["logits"]?.data as Float32Array; // safe because traceModel names its first output so, and logits are float32
}
