// A folder → a model, and back: config.json → architecture → weights by reference → every name accounted for.
// Branches on no model type.

import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { AbrazoError, suggestion } from "../errors.ts";
import { DTYPES, type DType, isDType } from "../graph/dtype.ts";
import { readJson } from "../io/json.ts";
import { readHeader, type SafetensorsHeader, writeSafetensors } from "../io/safetensors.ts";
import { fromFile, type Generator, type Tensor } from "../tensor/index.ts";
import type { Architecture, BaseConfig, CheckpointNames, PreTrainedModel } from "./architecture.ts";
import { ARCHITECTURES } from "./index.ts";

const baseSchema = z.looseObject({ model_type: z.string(), architectures: z.array(z.string()).min(1) });

/** The architecture that a config names; an unknown one is an error that lists the known. */
export function architectureOf(config: { model_type: string }): Architecture {
  const found = ARCHITECTURES.find(({ modelType }) => modelType === config.model_type);
  if (found !== undefined) return found;
  const known = ARCHITECTURES.map(({ modelType }) => modelType);
  throw new AbrazoError({
    code: "UNKNOWN_ARCHITECTURE",
    message: `The architecture "${config.model_type}" is not supported.`,
    hint: suggestion(config.model_type, known),
    data: { modelType: config.model_type, known },
  });
}

/**
 * A model of a config with fresh weights.
 *
 * @throws UNKNOWN_ARCHITECTURE, UNKNOWN_HEAD with the nearest name
 *
 * @example
 * ```ts
 * const config = { model_type: "gpt2", architectures: ["GPT2LMHeadModel"], vocab_size: 8, n_embd: 4, n_layer: 1, n_head: 1 };
 * fromConfig(config, new Generator(0)).parameters().length; // 16
 * ```
 */
export function fromConfig(config: BaseConfig, generator: Generator): PreTrainedModel {
  const model = builderOf(config)();
  model.initialize(generator);
  return model;
}

/** What builds a config's model; an unknown class is an error before anything is built. */
function builderOf(config: BaseConfig): () => PreTrainedModel {
  const { architectures } = baseSchema.parse(config);
  const { heads } = architectureOf(config);
  const name = architectures[0] ?? "";
  const make = Object.hasOwn(heads, name) ? heads[name] : undefined;
  if (make !== undefined) return () => allocate(() => make(config));
  throw new AbrazoError({
    code: "UNKNOWN_HEAD",
    message: `The model class "${name}" of ${config.model_type} is not supported.`,
    hint: suggestion(name, Object.keys(heads)),
  });
}

/** Sizes that no memory has are the config's fault. */
function allocate(make: () => PreTrainedModel): PreTrainedModel {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new AbrazoError({
      code: "MODEL_TOO_LARGE",
      message: `A model of these sizes cannot be held in memory: ${cause.message}.`,
      hint: "Check the sizes in config.json.",
      cause,
    });
  }
}

/** A config that names more layers than there are tensors is refused before they are built. */
function checkLayers(folder: string, config: BaseConfig, { tensors }: SafetensorsHeader): void {
  for (const [field, value] of Object.entries(config)) {
    if (!/layers?$/.test(field) || typeof value !== "number" || value <= tensors.size) continue;
    throw new AbrazoError({
      code: "STATE_DICT_MISMATCH",
      message: `config.json of ${folder} says ${field} ${value}; model.safetensors has ${tensors.size} tensors.`,
      hint: "The two files belong to different models.",
      data: { field, value, tensors: tensors.size },
    });
  }
}

/**
 * Loads a model from a repository folder. Weights stay in model.safetensors, mapped, until they are trained.
 *
 * @example
 * ```ts
 * const model = await loadPretrained("pipelines/defaults/text-classification");
 * model.labels; // ["NEGATIVE", "POSITIVE"]
 * ```
 */
export async function loadPretrained(folder: string): Promise<PreTrainedModel> {
  const config = await readJson(join(folder, "config.json"), baseSchema);
  const build = builderOf(config);
  const path = join(folder, "model.safetensors");
  if (!existsSync(path)) {
    throw new AbrazoError({
      code: "FILE_MISSING",
      message: `${folder} has no model.safetensors.`,
      hint: "Weights are read from safetensors; convert other formats first.",
      data: { folder },
    });
  }
  const header = await readHeader(path);
  checkLayers(folder, config, header);
  const model = build().requiresGrad_(false).eval();
  const own = new Set(model.stateDict().keys());
  const names = ownNames([...header.tensors.keys()], own, architectureOf(config).checkpoint);
  model.loadStateDict(new Map([...names].map(([name, stored]) => [name, mapped(path, header, stored)])));
  return model;
}

/** The model's names of a checkpoint's tensors → their names in the file. */
function ownNames(
  stored: readonly string[],
  own: ReadonlySet<string>,
  { prefix, ignored, tied = {} }: CheckpointNames,
): Map<string, string> {
  const names = new Map<string, string>();
  for (const name of stored) {
    // Checkpoints converted from TensorFlow name the parts of a norm gamma and beta.
    const modern = name.replace(/LayerNorm\.gamma$/, "LayerNorm.weight").replace(/LayerNorm\.beta$/, "LayerNorm.bias");
    const full =
      prefix !== undefined && !own.has(modern) && own.has(`${prefix}.${modern}`) ? `${prefix}.${modern}` : modern;
    if (own.has(full)) names.set(full, name);
    else if (ignored?.test(full) !== true && tied[full] === undefined) names.set(full, name);
  }
  return names;
}

const DTYPE_OF_TAG: ReadonlyMap<string, string> = new Map(
  Object.entries(DTYPES).map(([name, { safetensors }]) => [safetensors, name]),
);

function mapped(path: string, header: SafetensorsHeader, name: string): Tensor {
  const entry = header.tensors.get(name);
  const dtype = DTYPE_OF_TAG.get(entry?.dtype ?? "");
  if (entry === undefined || dtype === undefined || !isDType(dtype)) {
    throw new AbrazoError({
      code: "UNSUPPORTED_DTYPE",
      message: `${path}: tensor "${name}" has the dtype ${entry?.dtype}, which has no kernels here.`,
      hint: `Supported: ${[...DTYPE_OF_TAG.keys()].join(", ")}.`,
    });
  }
  return fromFile({ path, offset: entry.offset, byteLength: entry.byteLength }, entry.shape, dtype);
}

/**
 * Writes config.json and model.safetensors into a folder.
 *
 * @example
 * ```ts
 * const config = { model_type: "gpt2", architectures: ["GPT2LMHeadModel"], vocab_size: 8, n_embd: 4, n_layer: 1, n_head: 1 };
 * await savePretrained(fromConfig(config, new Generator(0)), "tiny");
 * (await loadPretrained("tiny")).config.model_type; // "gpt2"
 * ```
 */
export async function savePretrained(model: PreTrainedModel, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "config.json"), `${JSON.stringify(model.config, null, 2)}\n`);
  const tensors = [...model.namedParameters()].map(([name, parameter]) => ({
    name,
    dtype: DTYPES[parameter.dtype satisfies DType].safetensors,
    shape: parameter.shape,
    data: parameter.dataSync(),
  }));
  await writeSafetensors(join(folder, "model.safetensors"), tensors);
}
