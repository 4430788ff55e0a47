// The config of a LoRA adapter: PEFT's adapter_config.json and ours, which layers it means, and its ranks and factors.
// Knows paths of layers, no layers.
import { join } from "node:path";
import { z } from "zod";
import { requireType } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
import { readJson } from "../io/json.ts";
import { optionsOf } from "../options.ts";

const TASK_TYPES = ["SEQ_CLS", "TOKEN_CLS", "CAUSAL_LM", "SEQ_2_SEQ_LM", "QUESTION_ANS", "FEATURE_EXTRACTION"] as const;

/** PEFT's names of what a model does. */
export type TaskType = (typeof TASK_TYPES)[number];

/** A LoRA adapter, complete. */
export interface LoraConfig {
  /** Rank of the matrices. */
  r: number;
  /** The factor on what is added is loraAlpha / r, or loraAlpha / √r with useRslora. */
  loraAlpha: number;
  loraDropout: number;
  /** Ends of the paths of layers, or a regular expression on whole paths, or "all-linear". */
  targetModules: string | readonly string[];
  excludeModules: string | readonly string[];
  /** Numbers of the layers that are changed; all when empty. */
  layersToTransform: readonly number[];
  useRslora: boolean;
  /** The lengths of the matrix's rows are learned by themselves, and the matrices change directions alone (DoRA, arXiv 2402.09353). */
  useDora: boolean;
  /** Which biases are trained and saved. */
  bias: "none" | "all" | "lora_only";
  /** Modules that the adapter has whole, such as a new classifier. */
  modulesToSave: readonly string[];
  /** Ranks and alphas of single layers, by an end of their path. */
  rankPattern: Readonly<Record<string, number>>;
  alphaPattern: Readonly<Record<string, number>>;
  taskType: TaskType | undefined;
}

/** What may be said of a new adapter; `targetModules` must be. */
export type LoraOptions = Pick<LoraConfig, "targetModules"> & Partial<LoraConfig>;

const loraOptions = optionsOf<LoraOptions>({
  r: true,
  loraAlpha: true,
  loraDropout: true,
  targetModules: "required",
  excludeModules: true,
  layersToTransform: true,
  useRslora: true,
  useDora: true,
  bias: true,
  modulesToSave: true,
  rankPattern: true,
  alphaPattern: true,
  taskType: true,
});

const DEFAULTS: Omit<LoraConfig, "targetModules"> = {
  ...{
    r: 8,
    loraAlpha: 8,
    loraDropout: 0,
    excludeModules: [],
    layersToTransform: [],
    useRslora: false,
    useDora: false,
  },
  ...{ bias: "none", modulesToSave: [], rankPattern: {}, alphaPattern: {}, taskType: undefined },
};

/** Heads that PEFT saves whole without being told, for tasks whose head is new. */
const HEADS: Partial<Record<TaskType, readonly string[]>> = {
  SEQ_CLS: ["classifier", "score"],
  TOKEN_CLS: ["classifier", "score"],
  QUESTION_ANS: ["qa_outputs"],
};

export function loraConfig(given: LoraOptions): LoraConfig {
  const options = loraOptions("addAdapter", given);
  const config: LoraConfig = { ...DEFAULTS, ...options, targetModules: options.targetModules };
  if (config.r < 1 || !Number.isInteger(config.r)) throw badRank(config.r);
  const heads = config.taskType === undefined ? [] : (HEADS[config.taskType] ?? []);
  return { ...config, modulesToSave: [...new Set([...config.modulesToSave, ...heads])] };
}

function badRank(r: number): AbrazoError {
  return new AbrazoError({
    code: "BAD_OPTION",
    message: `\`r\` should be a positive integer value but the value passed is ${r}`,
    hint: "Take a small number, such as 8.",
    data: { r },
  });
}

const names = z.union([z.string(), z.array(z.string())]);
const numbers = z.record(z.string(), z.number());

const fileSchema = z.looseObject({
  peft_type: z.string(),
  task_type: z.enum(TASK_TYPES).nullish(),
  r: z.number().int().positive().default(8),
  lora_alpha: z.number().default(8),
  lora_dropout: z.number().min(0).max(1).default(0),
  target_modules: names.nullish(),
  exclude_modules: names.nullish(),
  layers_to_transform: z.union([z.number().int(), z.array(z.number().int())]).nullish(),
  use_rslora: z.boolean().default(false),
  use_dora: z.boolean().default(false),
  bias: z.enum(["none", "all", "lora_only"]).default("none"),
  modules_to_save: z.array(z.string()).nullish(),
  rank_pattern: numbers.nullish(),
  alpha_pattern: numbers.nullish(),
});

/** Fields that change what an adapter computes, in ways that are not computed here. */
const UNSUPPORTED = [
  ...[
    "target_parameters",
    "trainable_token_indices",
    "layer_replication",
    "lora_bias",
    "megatron_config",
    "use_qalora",
  ],
  ...["corda_config", "use_bdlora", "arrow_config", "kasa_config", "monteclora_config", "alora_invocation_tokens"],
];

/** First weights that are taken out of the base, which is then another one than that of the repository. */
const OTHER_BASE = /^(pissa|olora|corda|loftq|lora_ga)/;

function variantOf(file: z.infer<typeof fileSchema>): string | undefined {
  if (file.peft_type !== "LORA") return `a ${file.peft_type}`;
  const field = UNSUPPORTED.find((name) => ![undefined, null, false].some((nothing) => file[name] === nothing));
  if (field !== undefined) return `one with ${field}`;
  const { init_lora_weights: first } = file;
  if (typeof first === "string" && OTHER_BASE.test(first)) return `one with init_lora_weights "${first}"`;
  return file.target_modules ? undefined : "one without target_modules";
}

/**
 * Reads adapter_config.json.
 *
 * @throws UNSUPPORTED_ADAPTER for other kinds than LoRA and for its variants that compute otherwise
 */
export async function readLoraConfig(folder: string): Promise<LoraConfig> {
  requireType("loadAdapter", "string", folder, 2);
  const file = await readJson(join(folder, "adapter_config.json"), fileSchema);
  const variant = variantOf(file);
  if (variant !== undefined || !file.target_modules) {
    throw new AbrazoError({
      code: "UNSUPPORTED_ADAPTER",
      message: `The adapter in ${folder} is ${variant}; LoRA and DoRA adapters on layers are supported.`,
      hint: "Merge it into its model with PEFT (merge_and_unload) and load that.",
      data: { folder, peftType: file.peft_type },
    });
  }
  const layers = file.layers_to_transform ?? [];
  return {
    r: file.r,
    loraAlpha: file.lora_alpha,
    loraDropout: file.lora_dropout,
    targetModules: file.target_modules,
    excludeModules: file.exclude_modules ?? [],
    layersToTransform: typeof layers === "number" ? [layers] : layers,
    useRslora: file.use_rslora,
    useDora: file.use_dora,
    bias: file.bias,
    modulesToSave: file.modules_to_save ?? [],
    rankPattern: file.rank_pattern ?? {},
    alphaPattern: file.alpha_pattern ?? {},
    taskType: file.task_type ?? undefined,
  };
}

const baseSchema = z.looseObject({ base_model_name_or_path: z.string().nullish(), revision: z.string().nullish() });

/** The model that an adapter in a folder was made for, and which version of it; undefined where the adapter does not say. */
export async function baseOf(folder: string): Promise<{ base: string | undefined; revision: string | undefined }> {
  const file = await readJson(join(folder, "adapter_config.json"), baseSchema);
  return { base: file.base_model_name_or_path || undefined, revision: file.revision || undefined };
}

/** The file as PEFT writes it. */
export function toPeft(
  config: LoraConfig,
  baseModel: string | undefined,
  isTransposed: boolean,
): Record<string, unknown> {
  const orNull = <Value>(list: readonly Value[] | string) => (list.length === 0 ? null : list);
  return {
    peft_type: "LORA",
    task_type: config.taskType ?? null,
    base_model_name_or_path: baseModel ?? null,
    revision: null,
    inference_mode: true,
    r: config.r,
    lora_alpha: config.loraAlpha,
    lora_dropout: config.loraDropout,
    target_modules: config.targetModules,
    exclude_modules: orNull(config.excludeModules),
    layers_to_transform: orNull(config.layersToTransform),
    layers_pattern: null,
    bias: config.bias,
    fan_in_fan_out: isTransposed,
    use_rslora: config.useRslora,
    use_dora: config.useDora,
    init_lora_weights: true,
    modules_to_save: orNull(config.modulesToSave),
    rank_pattern: config.rankPattern,
    alpha_pattern: config.alphaPattern,
  };
}

/** An expression on the whole of a path; Python's own forms are none here. */
function wholePath(source: string, expression: string): RegExp {
  try {
    return new RegExp(expression);
  } catch (cause) {
    throw new AbrazoError({
      code: "BAD_OPTION",
      message: `"${source}" of an adapter is no regular expression: ${cause instanceof Error ? cause.message : String(cause)}.`,
      hint: "Name the ends of the layers' paths in a list, or write the expression without what is Python's alone.",
      data: { expression: source },
      cause,
    });
  }
}

/** Whether a list of path ends, or an expression on the whole path, means a path. */
function means(path: string, wanted: string | readonly string[]): boolean {
  if (typeof wanted === "string") return wanted !== "" && wholePath(wanted, `^(?:${wanted})$`).test(path);
  return wanted.some((name) => path === name || path.endsWith(`.${name}`));
}

/** Whether an adapter changes the layer at a path; `isHead` for the one that gives the logits, which "all-linear" leaves out. */
export function isTarget(config: LoraConfig, path: string, isHead: boolean): boolean {
  const { targetModules, excludeModules, layersToTransform } = config;
  if (means(path, excludeModules) || isSaved(config, path)) return false;
  const isNamed = targetModules === "all-linear" ? !isHead : means(path, targetModules);
  if (!isNamed || layersToTransform.length === 0) return isNamed;
  const number = /\.(\d+)\./.exec(path)?.[1];
  return number !== undefined && layersToTransform.includes(Number(number));
}

/** Whether the adapter has the module at a path whole. */
export function isSaved({ modulesToSave }: LoraConfig, path: string): boolean {
  return modulesToSave.some(
    (name) => path === name || path.endsWith(`.${name}`) || path.startsWith(`${name}.`) || path.includes(`.${name}.`),
  );
}

/** Rank of a layer, and the factor on what is added there. */
export function rankOf(config: LoraConfig, path: string): [r: number, scale: number] {
  const pick = (pattern: Readonly<Record<string, number>>, otherwise: number) =>
    Object.entries(pattern).find(([key]) => wholePath(key, `^(?:.*\\.)?(?:${key})$`).test(path))?.[1] ?? otherwise;
  const r = pick(config.rankPattern, config.r);
  const alpha = pick(config.alphaPattern, config.loraAlpha);
  return [r, alpha / (config.useRslora ? Math.sqrt(r) : r)];
}

/** Whether a parameter's path is that of an adapter's matrix. */
export const isOfAdapter = (path: string): boolean => /\.lora_(?:[AB]|magnitude_vector)\./.test(path);
