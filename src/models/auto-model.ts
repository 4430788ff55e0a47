// AutoModelFor…, AutoConfig, AutoTokenizer: a repository's name and what it shall do → the class for it.
// Branches on no architecture: a class is found by how its name ends.
import { join } from "node:path";
import { requireParts } from "../arguments.ts";
import { AbrazoError, suggestion } from "../errors.ts";
import { readJson } from "../io/json.ts";
import { optionsOf } from "../options.ts";
import type { Generator } from "../tensor/index.ts";
import { Tokenizer } from "../text/tokenizer.ts";
import type {
  AnyModel,
  BaseConfig,
  HiddenOutput,
  LogitsOutput,
  ModelInputs,
  ModelOutput,
  PixelInputs,
  PreTrainedModel,
  Seq2SeqInputs,
  SpanOutput,
} from "./architecture.ts";
import { architectureOf, buildModel, classOf, configSchema, loadClass } from "./auto.ts";
import { CONFIG_FILES, modelFolder, type SourceOptions } from "./files.ts";
import { numberedLabels, requireLabels } from "./labels.ts";

/** Where a model comes from, and what is changed of it. */
export interface FromPretrainedOptions extends SourceOptions {
  /** Fields that go before those of config.json. */
  config?: Readonly<Record<string, unknown>> | undefined;
  /** Names of the classes by number; a classifier that was saved with as many keeps its weights. */
  id2label?: Readonly<Record<string, string>> | undefined;
  /** How many classes, named LABEL_0 and so on. */
  numLabels?: number | undefined;
}

const sourceNames = { revision: true, token: true, endpoint: true, cacheDir: true, localFilesOnly: true } as const;
const sourceOptions = optionsOf<SourceOptions>(sourceNames);
const fromPretrainedOptions = optionsOf<FromPretrainedOptions>({
  ...sourceNames,
  config: true,
  id2label: true,
  numLabels: true,
});

/** Finds the class of a config that does one thing, and loads or makes models of it. */
export class AutoModelClass<Output extends ModelOutput, Inputs extends object = ModelInputs> {
  readonly name: string;
  readonly #endings: RegExp;

  /** @param endings how the names of its classes end */
  constructor(name: string, endings: RegExp) {
    this.name = name;
    this.#endings = endings;
  }

  /** Whether a class does it. */
  has(className: string): boolean {
    return this.#endings.test(className);
  }

  /**
   * The class for a config: the one that was saved where it does this, else that of the same architecture which does.
   *
   * @throws UNKNOWN_ARCHITECTURE; UNKNOWN_HEAD where the architecture has no such class
   */
  classFor(config: BaseConfig): string {
    requireParts(`${this.name}.fromConfig`, config, [], "a config");
    const saved = classOf(config);
    const { heads, modelType } = architectureOf(config);
    if (Object.hasOwn(heads, saved) && this.has(saved)) return saved;
    const known = Object.keys(heads);
    const found = known.find((name) => this.has(name));
    if (found !== undefined) return found;
    throw new AbrazoError({
      code: "UNKNOWN_HEAD",
      message: `${modelType} has no class for ${this.name}.`,
      hint: suggestion(saved, known),
      data: { modelType, known },
    });
  }

  /**
   * Loads a repository or a folder. What the class has beyond the body that was saved starts fresh, with a warning.
   *
   * @throws STATE_DICT_MISMATCH where a weight has another shape than the config says
   */
  async fromPretrained(source: string, given?: FromPretrainedOptions): Promise<PreTrainedModel<Output, Inputs>> {
    const { config, id2label, numLabels, ...from } = fromPretrainedOptions(`${this.name}.fromPretrained`, given);
    const labels = id2label ?? (numLabels === undefined ? undefined : numberedLabels(numLabels));
    if (labels !== undefined) requireLabels(`${this.name}.fromPretrained`, numLabels, labels);
    // The names are the count: one that the file has besides is of those that it had.
    const named = labels === undefined ? {} : { id2label: labels, label2id: inverse(labels), num_labels: undefined };
    const changes = { ...config, ...named };
    const folder = await modelFolder(source, from);
    return this.#typed(await loadClass(folder, (read) => this.classFor(read), changes));
  }

  /** A model of the class for a config, with fresh weights. */
  fromConfig(config: BaseConfig, generator?: Generator): PreTrainedModel<Output, Inputs> {
    const name = this.classFor(config);
    const model = buildModel({ ...config, architectures: [name] }, name);
    model.initialize(generator);
    return this.#typed(model);
  }

  #typed(model: AnyModel): PreTrainedModel<Output, Inputs> {
    return model as unknown as PreTrainedModel<Output, Inputs>; // safe because classes whose names end so give this
  }
}

const inverse = (labels: Readonly<Record<string, string>>): Record<string, number> =>
  Object.fromEntries(Object.entries(labels).map(([id, label]) => [label, Number(id)]));

/**
 * Models without a head: states of tokens, and the pooled one where there is a pooler.
 *
 * @example
 * ```ts
 * const model = await AutoModel.fromPretrained("pipelines/defaults/text-classification");
 * const { lastHiddenState } = model({ inputIds: tensor([[2, 5, 3]]), attentionMask: ones([1, 3], { dtype: "int64" }) });
 * lastHiddenState.shape; // [1, 3, …]
 * ```
 */
export const AutoModel = new AutoModelClass<HiddenOutput>("AutoModel", /(?<!LMHead|DoubleHeads)Model$/);

/**
 * Models that give each text classes.
 *
 * @example
 * ```ts
 * const base = "pipelines/defaults/text-classification";
 * const model = await AutoModelForSequenceClassification.fromPretrained(base);
 * model.labels; // ["NEGATIVE", "POSITIVE"]
 * ```
 */
export const AutoModelForSequenceClassification = new AutoModelClass<LogitsOutput>(
  "AutoModelForSequenceClassification",
  /ForSequenceClassification$/,
);

/** Models that give each token classes. */
export const AutoModelForTokenClassification = new AutoModelClass<LogitsOutput>(
  "AutoModelForTokenClassification",
  /ForTokenClassification$/,
);

/** Models that find an answer's start and end. */
export const AutoModelForQuestionAnswering = new AutoModelClass<SpanOutput>(
  "AutoModelForQuestionAnswering",
  /ForQuestionAnswering$/,
);

/** Models that fill masks. */
export const AutoModelForMaskedLM = new AutoModelClass<LogitsOutput>("AutoModelForMaskedLM", /ForMaskedLM$/);

/** Models that continue texts. */
export const AutoModelForCausalLM = new AutoModelClass<LogitsOutput>(
  "AutoModelForCausalLM",
  /(LMHeadModel|ForCausalLM)$/,
);

/** Models that turn one text into another. */
export const AutoModelForSeq2SeqLM = new AutoModelClass<LogitsOutput, Seq2SeqInputs>(
  "AutoModelForSeq2SeqLM",
  /ForConditionalGeneration$/,
);

/** Models that give each picture classes. */
export const AutoModelForImageClassification = new AutoModelClass<LogitsOutput, PixelInputs>(
  "AutoModelForImageClassification",
  /ForImageClassification$/,
);

/** Models that give each picture states of its patches, and a vector of its own; of a pair of towers the one of pictures. */
export const AutoModelForImageFeatureExtraction = new AutoModelClass<HiddenOutput, PixelInputs>(
  "AutoModelForImageFeatureExtraction",
  /(?:ViT|Vision)Model(?:WithProjection)?$/,
);

/** Models that tell how well pictures fit texts. */
export const AutoModelForZeroShotImageClassification = new AutoModelClass<ModelOutput, ModelInputs & PixelInputs>(
  "AutoModelForZeroShotImageClassification",
  /CLIPModel$/,
);

/**
 * config.json of a repository, with the defaults of its architecture.
 *
 * @example
 * ```ts
 * (await AutoConfig.fromPretrained("pipelines/defaults/text-classification")).model_type; // "distilbert"
 * ```
 */
export const AutoConfig = {
  async fromPretrained(source: string, given?: SourceOptions): Promise<BaseConfig> {
    const folder = await modelFolder(source, sourceOptions("AutoConfig.fromPretrained", given), [/^config\.json$/]);
    const config = await readJson(join(folder, "config.json"), configSchema);
    return architectureOf(config).parse(config);
  },
};

/**
 * The tokenizer of a repository, whatever files it is in.
 *
 * @example
 * ```ts
 * const tokenizer = await AutoTokenizer.fromPretrained("pipelines/defaults/text-classification");
 * tokenizer.decode(tokenizer.encode("I love it")); // "i love it"
 * ```
 */
export const AutoTokenizer = {
  async fromPretrained(source: string, given?: SourceOptions): Promise<Tokenizer> {
    const options = sourceOptions("AutoTokenizer.fromPretrained", given);
    return Tokenizer.fromFolder(await modelFolder(source, options, [CONFIG_FILES]));
  },
};
