// Which recipe a repository's older files are read by: the class that tokenizer_config.json names, else the one that goes
// with the type of the model in config.json, else the plainest for the files that are there.
import { AbrazoError, suggestion } from "../../errors.ts";
import type { ModelConfig, TokenizerConfig } from "../special-tokens.ts";
import { clip, deberta, gpt2, qwen2, roberta } from "./byte-bpe-recipes.ts";
import type { Recipe } from "./recipe.ts";
import {
  albert,
  anySentencePiece,
  camembert,
  debertaV2,
  gemma,
  llama,
  t5,
  xlmRoberta,
  xlnet,
} from "./sentence-piece-recipes.ts";
import { bert, mpnet } from "./word-piece-recipes.ts";

/** Class of tokenizers, without "Tokenizer" and "Fast" → recipe. */
const CLASSES: Readonly<Record<string, Recipe>> = {
  Albert: albert,
  Bart: roberta,
  Bert: bert,
  CLIP: clip,
  Camembert: camembert,
  CodeGen: gpt2,
  ConvBert: bert,
  DPRContextEncoder: bert,
  DPRQuestionEncoder: bert,
  DPRReader: bert,
  Deberta: deberta,
  DebertaV2: debertaV2,
  DistilBert: bert,
  Electra: bert,
  GPT2: gpt2,
  Gemma: gemma,
  LED: roberta,
  LayoutLM: bert,
  Llama: llama,
  Longformer: roberta,
  Lxmert: bert,
  MPNet: mpnet,
  MT5: t5,
  MobileBert: bert,
  Mvp: roberta,
  Qwen2: qwen2,
  Roberta: roberta,
  SqueezeBert: bert,
  T5: t5,
  XLMRoberta: xlmRoberta,
  XLNet: xlnet,
};

/** Type of a model in config.json → class of its tokenizer. */
const MODEL_TYPES: Readonly<Record<string, string>> = {
  albert: "Albert",
  bart: "Bart",
  bert: "Bert",
  camembert: "Camembert",
  clip: "CLIP",
  codegen: "CodeGen",
  convbert: "ConvBert",
  deberta: "Deberta",
  "deberta-v2": "DebertaV2",
  distilbert: "DistilBert",
  electra: "Electra",
  ernie: "Bert",
  gemma: "Gemma",
  gemma2: "Gemma",
  gpt2: "GPT2",
  gpt_neo: "GPT2",
  gptj: "GPT2",
  layoutlm: "LayoutLM",
  led: "LED",
  llama: "Llama",
  longformer: "Longformer",
  longt5: "T5",
  mistral: "Llama",
  mixtral: "Llama",
  mobilebert: "MobileBert",
  mpnet: "MPNet",
  mt5: "T5",
  nomic_bert: "Bert",
  opt: "GPT2",
  phi: "CodeGen",
  qwen2: "Qwen2",
  qwen3: "Qwen2",
  roberta: "Roberta",
  squeezebert: "SqueezeBert",
  switch_transformers: "T5",
  t5: "T5",
  umt5: "T5",
  "xlm-roberta": "XLMRoberta",
  xlnet: "XLNet",
};

/** Classes that stand for any tokenizer. */
const GENERAL: readonly string[] = ["PreTrained", "TokenizersBackend", "PreTrainedTokenizersBackend"];

const PLAINEST: Readonly<Record<Recipe["from"], Recipe>> = {
  wordPiece: bert,
  byteBpe: gpt2,
  sentencePiece: anySentencePiece,
};

/**
 * The recipe for a repository.
 *
 * @param found the kinds of files that are there
 * @throws INVALID_TOKENIZER for a class that is not known, or whose files are not there
 */
export function recipeOf(config: TokenizerConfig, model: ModelConfig, found: readonly Recipe["from"][]): Recipe {
  const [plain] = found;
  const named = config.tokenizer_class?.replace(/Fast$/, "").replace(/Tokenizer$/, "");
  const name = named === undefined || GENERAL.includes(named) ? MODEL_TYPES[model.model_type ?? ""] : named;
  const recipe = name === undefined ? undefined : Object.hasOwn(CLASSES, name) ? CLASSES[name] : null;
  if (recipe === null) throw unknownClass(config.tokenizer_class ?? "");
  if (recipe !== undefined && found.includes(recipe.from)) {
    return name === named ? recipe : { ...recipe, defaults: { ...recipe.defaults, ...recipe.byModelType } };
  }
  const general = plain === undefined ? undefined : PLAINEST[plain];
  if (general === undefined || (recipe !== undefined && named === name)) throw otherFiles(name ?? "", found);
  return general;
}

function unknownClass(name: string): AbrazoError {
  const known = Object.keys(CLASSES).map((each) => `${each}Tokenizer`);
  return new AbrazoError({
    code: "INVALID_TOKENIZER",
    message: `Without tokenizer.json, a tokenizer of the class "${name}" cannot be made.`,
    hint: `${suggestion(name, known)} Or save tokenizer.json with transformers in Python, and take that.`,
    data: { name, known },
  });
}

function otherFiles(name: string, found: readonly string[]): AbrazoError {
  return new AbrazoError({
    code: "INVALID_TOKENIZER",
    message: `A ${name}Tokenizer is made of other files than those that are there.`,
    hint: "Check tokenizer_class in tokenizer_config.json, and that the vocabulary's files are complete.",
    data: { name, found },
  });
}
