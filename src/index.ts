// The front door: `import { pipeline } from "abrazo"`. Re-exports only.
// Has no logic, no defaults and no side effects; the hub server has an entry point of its own.
export * from "../pipelines/index.ts";
export * as data from "./data/index.ts";
export { AbrazoError, type AbrazoErrorOptions } from "./errors.ts";
export type {
  FinishReason,
  GeneratedToken,
  LogitsProcessor,
  Prompt,
  StoppingCriterion,
  Streamer,
} from "./generate/contract.ts";
export { type GeneratedSequence, generate, generateSequences, padSequences } from "./generate/generate.ts";
export { type GenerationFile, generationFile, generationSettings } from "./generate/generation-config.ts";
export { type Decoder, type DecoderOptions, type DecodeStep, type Decoding, makeDecoder } from "./generate/kv-cache.ts";
export {
  GENERATION_OPTIONS,
  type GenerationOptionName,
  type GenerationOptions,
  type GenerationSettings,
  type OptionDeclaration,
} from "./generate/options.ts";
export { makeSeq2SeqDecoder, type Seq2SeqDecoder, type SourceBatch } from "./generate/seq2seq-decoder.ts";
export { type StreamTextOptions, streamText } from "./generate/stream-text.ts";
export { TextStreamer, type TextStreamerOptions } from "./generate/text-streamer.ts";
export * as hub from "./hub/index.ts";
export {
  type LogLevel,
  type LogRecord,
  onProgress,
  type ProgressEvent,
  setLogLevel,
  setLogListener,
  withProgress,
} from "./log.ts";
export type {
  CacheLayout,
  HiddenOutput,
  KeyValue,
  LogitsOutput,
  ModelInputs,
  ModelOutput,
  PixelInputs,
  PreTrainedModel,
  Seq2SeqInputs,
  SpanOutput,
} from "./models/architecture.ts";
export { fromConfig, loadPretrained, savePretrained } from "./models/auto.ts";
export {
  AutoConfig,
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForImageClassification,
  AutoModelForMaskedLM,
  AutoModelForQuestionAnswering,
  AutoModelForSeq2SeqLM,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  AutoTokenizer,
  type FromPretrainedOptions,
} from "./models/auto-model.ts";
export type { SourceOptions } from "./models/files.ts";
export {
  type AdapterOptions,
  adapterNames,
  addAdapter,
  loadAdapter,
  mergeAdapter,
  saveAdapter,
  setAdapter,
} from "./models/lora.ts";
export type { LoraConfig, LoraOptions, TaskType } from "./models/lora-config.ts";
export {
  type ModelParts,
  type PartImportance,
  type PruneBatch,
  type Pruned,
  type PruneOptions,
  partImportance,
  pruneHeads,
  pruneModel,
  pruneParts,
  type RowLoss,
} from "./models/prune.ts";
export {
  type DecoderInputs,
  type DecoderOutput,
  Seq2SeqModel,
  type ShiftTokens,
  shiftRight,
} from "./models/seq2seq.ts";
export * as nn from "./nn/index.ts";
export * as optim from "./optim/index.ts";
export * from "./serialize/index.ts";
export * from "./tensor/index.ts";
export {
  type ChatMessage,
  type ChatTemplateOptions,
  type EncodedBatch,
  type Encoding,
  padBatch,
  Tokenizer,
  type TokenizerConfig,
  type Truncation,
} from "./text/tokenizer.ts";
export { EarlyStopping, type EarlyStoppingOptions, type EarlyStoppingState } from "./train/early-stopping.ts";
