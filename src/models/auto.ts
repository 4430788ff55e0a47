// A folder → a model, and back: config.json → architecture → weights by reference → every name accounted for.
// Branches on no model type.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { requireParts, requireType } from "../arguments.ts";
import { AbrazoError, suggestion } from "../errors.ts";
import { DTYPES, type DType } from "../graph/dtype.ts";
import { readJson } from "../io/json.ts";
import { writeSafetensors } from "../io/safetensors.ts";
import { log } from "../log.ts";
import type { Generator } from "../tensor/index.ts";
import { withoutDrawing } from "../tensor/random.ts";
import type { AnyModel, Architecture, BaseConfig, PreTrainedModel } from "./architecture.ts";
import { configText } from "./config-file.ts";
import { ARCHITECTURES } from "./index.ts";
import { isOfAdapter } from "./lora-config.ts";
import { mapped, ownNames, readWeights, type StoredTensor } from "./weights.ts";

export const configSchema = z.looseObject({ model_type: z.string(), architectures: z.array(z.string()).optional() });

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

/** The class that a config names. */
export const classOf = ({ architectures }: BaseConfig): string =>
  (Array.isArray(architectures) ? String(architectures[0]) : undefined) ?? "";

/**
 * A model of a config with fresh weights, of a class that gives logits; those of others come from their AutoModel.
 *
 * @throws UNKNOWN_ARCHITECTURE, UNKNOWN_HEAD with the nearest name; NO_LOGITS, BAD_ARGUMENT
 *
 * @example
 * ```ts
 * const config = { model_type: "gpt2", architectures: ["GPT2LMHeadModel"], vocab_size: 8, n_embd: 4, n_layer: 1, n_head: 1 };
 * fromConfig(config, new Generator(0)).parameters().length; // 16
 * ```
 */
export function fromConfig(config: BaseConfig, generator?: Generator): PreTrainedModel {
  requireParts("fromConfig", config, [], "a config");
  const model = buildModel(config, classOf(config));
  model.initialize(generator);
  return withLogits(model, classOf(config));
}

/**
 * A model of a class of an architecture, its weights not set.
 *
 * @throws UNKNOWN_ARCHITECTURE, UNKNOWN_HEAD with the nearest name; MODEL_TOO_LARGE
 */
export function buildModel(config: BaseConfig, name: string): AnyModel {
  const { heads } = architectureOf(config);
  const make = Object.hasOwn(heads, name) ? heads[name] : undefined;
  if (make !== undefined) return allocate(() => make(config));
  throw new AbrazoError({
    code: "UNKNOWN_HEAD",
    message: `The model class "${name}" of ${config.model_type} is not supported.`,
    hint: suggestion(name, Object.keys(heads)),
  });
}

const WITHOUT_LOGITS = /(?:Model|ForQuestionAnswering|WithProjection|EncoderModel)$/;

/** The class gives logits; others have an AutoModel of their own. */
function withLogits(model: AnyModel, name: string): PreTrainedModel {
  // safe because every class of such a name gives logits, and takes what its architecture declares
  if (/LMHeadModel$/.test(name) || !WITHOUT_LOGITS.test(name)) return model as unknown as PreTrainedModel;
  throw new AbrazoError({
    code: "NO_LOGITS",
    message: `A ${name} gives no logits.`,
    hint: name.endsWith("ForQuestionAnswering")
      ? "Load it with AutoModelForQuestionAnswering."
      : "Load it with AutoModel, or name a class with a head in config.json.",
    data: { class: name },
  });
}

/** Sizes that no memory has are the config's fault. */
function allocate(make: () => AnyModel): AnyModel {
  try {
    return make();
  } catch (cause) {
    const isOurs = cause instanceof AbrazoError && /^(OUT_OF_MEMORY|BAD_SIZE)$/.test(cause.code);
    if (!isOurs && !(cause instanceof RangeError)) throw cause;
    throw new AbrazoError({
      code: "MODEL_TOO_LARGE",
      message: `A model of these sizes cannot be held in memory: ${cause.message}.`,
      hint: "Check the sizes in config.json.",
      cause,
    });
  }
}

/** Fields that say how often a part is made. */
const REPEATED = /^((num_hidden_|num_|n_|num_decoder_)layers?|num_hidden_groups|inner_group_num)$/;
/** Fields that are a size of some tensor in every checkpoint. */
const WIDTHS = /^(hidden_size|d_model|dim|n_embd|embedding_size|intermediate_size|hidden_dim|d_ff|vocab_size)$/;

/**
 * A config that names more layers than there are tensors is refused before they are built, and so is one whose sizes are far from any
 * of the tensors, in every part of the model: to compare the others, they are built.
 */
function checkSizes(folder: string, config: object, tensors: ReadonlyMap<string, StoredTensor>): void {
  const widest = Math.max(1, ...[...tensors.values()].map(({ shape }) => Math.max(1, ...shape)));
  for (const { field, name, value } of numbersOf(config)) {
    const isRepeated = REPEATED.test(name) && value > tensors.size;
    if (!isRepeated && !(WIDTHS.test(name) && value > 16 * widest)) continue;
    const has = isRepeated ? `has ${tensors.size} tensors` : `has no size above ${widest}`;
    throw new AbrazoError({
      code: "STATE_DICT_MISMATCH",
      message: `config.json of ${folder} says ${field} ${value}; model.safetensors ${has}.`,
      hint: "The two files belong to different models.",
      data: { field, value, tensors: tensors.size, widest },
    });
  }
}

/** Numbers of a config, those of its parts too. */
function numbersOf(config: object, path = ""): { field: string; name: string; value: number }[] {
  return Object.entries(config).flatMap(([name, value]) => {
    const field = `${path}${name}`;
    if (typeof value === "number") return [{ field, name, value }];
    return typeof value === "object" && value !== null ? numbersOf(value, `${field}.`) : [];
  });
}

/**
 * Loads a model of the class that a repository folder names, one that gives logits. Weights stay in model.safetensors, mapped,
 * until they are trained; those of half precision are computed in float32.
 *
 * @throws STATE_DICT_MISMATCH that names every weight that lacks, is too many or has another shape; FILE_MISSING, NO_LOGITS,
 *   UNKNOWN_ARCHITECTURE, UNKNOWN_HEAD, BAD_ARGUMENT
 *
 * @example
 * ```ts
 * const model = await loadPretrained("pipelines/defaults/text-classification");
 * model.labels; // ["NEGATIVE", "POSITIVE"]
 * ```
 */
export async function loadPretrained(folder: string): Promise<PreTrainedModel> {
  const model = await loadClass(folder);
  return withLogits(model, classOf(model.config));
}

/**
 * Loads a model of the class that the folder names, or of the one that `pick` chooses. Another class than the one that was saved
 * shares its body: what only the new one has starts fresh, with a warning; what only the old one had is left away.
 */
export async function loadClass(
  folder: string,
  pick: (config: BaseConfig) => string = classOf,
  changes: Partial<BaseConfig> = {},
): Promise<AnyModel> {
  requireType("loadPretrained", "string", folder);
  const config = { ...(await readJson(join(folder, "config.json"), configSchema)), ...changes };
  const name = pick(config);
  if (name === "") throw noClass(folder);
  const { heads } = architectureOf(config);
  if (!Object.hasOwn(heads, name)) buildModel(config, name);
  const tensors = await readWeights(folder);
  checkSizes(folder, config, tensors);
  const model = withoutDrawing(() => buildModel({ ...config, architectures: [name] }, name));
  takeWeights(model.requiresGrad_(false).eval(), tensors, {
    folder,
    isExact: name === classOf(config),
    hasNewLabels: changes["id2label"] !== undefined,
  });
  return model;
}

interface Taking {
  folder: string;
  /** The class is the one that was saved. */
  isExact: boolean;
  /** The head may have another number of classes than the one that was saved. */
  hasNewLabels: boolean;
}

function takeWeights(model: AnyModel, tensors: ReadonlyMap<string, StoredTensor>, taking: Taking): void {
  const { folder, isExact, hasNewLabels } = taking;
  const own = model.stateDict();
  const { checkpoint } = architectureOf(model.config);
  const named = [...ownNames(tensors.keys(), own, checkpoint)];
  const isBody = (name: string) => checkpoint.prefix === undefined || name.startsWith(`${checkpoint.prefix}.`);
  const fits = (name: string, stored: string) =>
    !hasNewLabels || isBody(name) || tensors.get(stored)?.shape.join() === own.get(name)?.shape.join();
  const taken = named.filter(([name, stored]) => (isExact || own.has(name)) && fits(name, stored));
  const names = new Set(taken.map(([name]) => name));
  const fresh = [...own.keys()].filter(
    (name) => !names.has(name) && (!isExact || named.some(([known]) => known === name)),
  );
  if (fresh.length > 0) {
    // Not one tensor of the body: these are the weights of something else.
    if (names.size === 0) model.loadStateDict(new Map());
    model.initialize();
    log.warn(
      `Some weights of ${classOf(model.config)} are not in ${folder} and start fresh: ${fresh.join(", ")}. ` +
        "Train the model before you use it.",
      { folder, fresh },
    );
  }
  const state = new Map(
    taken.flatMap(([name, stored]) => {
      const entry = tensors.get(stored);
      return entry === undefined ? [] : [[name, mapped(stored, entry)] as const];
    }),
  );
  model.loadStateDict(state, { strict: isExact && fresh.length === 0 });
}

function noClass(folder: string): AbrazoError {
  return new AbrazoError({
    code: "UNKNOWN_HEAD",
    message: `config.json of ${folder} names no model class in "architectures".`,
    hint: "Load it with the AutoModel class of what it is for, e.g. AutoModelForSequenceClassification.",
    data: { folder },
  });
}

/**
 * Writes config.json and model.safetensors into a folder.
 *
 * @throws ADAPTER_NOT_MERGED, BAD_ARGUMENT
 *
 * @example
 * ```ts
 * const config = { model_type: "gpt2", architectures: ["GPT2LMHeadModel"], vocab_size: 8, n_embd: 4, n_layer: 1, n_head: 1 };
 * await savePretrained(fromConfig(config, new Generator(0)), "tiny");
 * (await loadPretrained("tiny")).config.model_type; // "gpt2"
 * ```
 */
export async function savePretrained(model: AnyModel, folder: string): Promise<void> {
  requireParts("savePretrained", model, ["namedParameters", "config"], "a model");
  requireType("savePretrained", "string", folder, 2);
  const parameters = [...model.namedParameters()];
  if (parameters.some(([name]) => isOfAdapter(name))) throw notMerged();
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "config.json"), configText(model.config));
  const tensors = parameters.map(([name, parameter]) => ({
    name,
    dtype: DTYPES[parameter.dtype satisfies DType].safetensors,
    shape: parameter.shape,
    data: parameter.dataSync(),
  }));
  await writeSafetensors(join(folder, "model.safetensors"), tensors);
}

function notMerged(): AbrazoError {
  return new AbrazoError({
    code: "ADAPTER_NOT_MERGED",
    message: "The model has adapters, which are no part of its checkpoint.",
    hint: "Write the adapter with saveAdapter(), or put it into the weights with mergeAdapter() first.",
  });
}
