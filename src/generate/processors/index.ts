// The processors of logits in Hugging Face's order, each declared once: which options it reads, and how it is made.
// What each does stands with it.
import type { LogitsProcessor, RowFacts } from "../contract.ts";
import type { GenerationOptionName, GenerationSettings } from "../options.ts";
import {
  badWords,
  encoderNoRepeatNgram,
  encoderRepetitionPenalty,
  exponentialDecay,
  force,
  noRepeatNgram,
  onlyAllowed,
  removeInvalid,
  repetitionPenalty,
  sequenceBias,
  suppress,
  suppressAt,
  suppressBefore,
} from "./penalties.ts";
import { logSoftmax } from "./scores.ts";
import { epsilonCutoff, etaCutoff, minP, temperature, topH, topK, topP, typicalP } from "./warpers.ts";

export interface ProcessorDeclaration {
  /** The option that asks for it. */
  readonly option: GenerationOptionName;
  /** Only with sampling. */
  readonly isWarper?: boolean;
  /** For one row; undefined where it would change nothing. */
  make(settings: GenerationSettings, row: RowFacts): LogitsProcessor | undefined;
}

const listOf = (ids: number | readonly number[]): readonly number[] => [ids].flat();

/** All of them, in the order in which they run. */
export const PROCESSORS: readonly ProcessorDeclaration[] = [
  { option: "sequenceBias", make: ({ sequenceBias: biases }) => biases && sequenceBias(biases) },
  {
    option: "encoderRepetitionPenalty",
    make: ({ encoderRepetitionPenalty: value }, { sourceIds }) =>
      value === 1 ? undefined : encoderRepetitionPenalty(value, sourceIds),
  },
  {
    option: "repetitionPenalty",
    make: ({ repetitionPenalty: value }) => (value === 1 ? undefined : repetitionPenalty(value)),
  },
  {
    option: "noRepeatNgramSize",
    make: ({ noRepeatNgramSize: size }) => (size === 0 ? undefined : noRepeatNgram(size)),
  },
  {
    option: "encoderNoRepeatNgramSize",
    make: ({ encoderNoRepeatNgramSize: size }, { sourceIds }) =>
      size === 0 ? undefined : encoderNoRepeatNgram(size, sourceIds),
  },
  {
    option: "badWordsIds",
    make: ({ badWordsIds, eosTokenIds }) => badWordsIds && badWords(badWordsIds, listOf(eosTokenIds)),
  },
  {
    option: "minLength",
    make: ({ minLength, minNewTokens, eosTokenIds }) =>
      minLength === 0 || minNewTokens !== undefined ? undefined : suppressBefore(listOf(eosTokenIds), minLength),
  },
  {
    option: "minNewTokens",
    make: ({ minNewTokens, eosTokenIds }, { promptLength }) =>
      minNewTokens === undefined ? undefined : suppressBefore(listOf(eosTokenIds), promptLength + minNewTokens),
  },
  {
    option: "prefixAllowedTokensFn",
    make: ({ prefixAllowedTokensFn: allowed }, { prompt }) => allowed && onlyAllowed((ids) => allowed(prompt, ids)),
  },
  {
    option: "forcedBosTokenId",
    make: ({ forcedBosTokenId: id }) => (id === undefined ? undefined : force([id], 1)),
  },
  {
    option: "forcedEosTokenId",
    make: ({ forcedEosTokenId: ids }, { maxLength }) =>
      ids === undefined ? undefined : force(listOf(ids), maxLength - 1),
  },
  {
    option: "removeInvalidValues",
    make: ({ removeInvalidValues }) => (removeInvalidValues ? removeInvalid() : undefined),
  },
  {
    option: "exponentialDecayLengthPenalty",
    make: ({ exponentialDecayLengthPenalty: decay, eosTokenIds }, { promptLength }) =>
      decay && exponentialDecay(promptLength + decay[0], decay[1], listOf(eosTokenIds)),
  },
  { option: "suppressTokens", make: ({ suppressTokens: ids }) => ids && suppress(ids) },
  {
    option: "beginSuppressTokens",
    // After a prompt of one token the forced one comes first, and is no beginning.
    make: ({ beginSuppressTokens: ids, forcedBosTokenId }, { promptLength }) =>
      ids && suppressAt(ids, promptLength > 1 || forcedBosTokenId === undefined ? promptLength : promptLength + 1),
  },
  {
    option: "logitsProcessor",
    make: ({ logitsProcessor: list }) =>
      list.length === 0
        ? undefined
        : (scores, ids) => {
            for (const process of list) process(scores, ids);
          },
  },
  {
    option: "temperature",
    isWarper: true,
    make: ({ temperature: value }) => (value === 1 ? undefined : temperature(value)),
  },
  { option: "topH", isWarper: true, make: ({ topH: part }) => (part === undefined ? undefined : topH(part)) },
  {
    option: "topK",
    isWarper: true,
    make: ({ topK: count }, { minTokensToKeep }) => (count === 0 ? undefined : topK(count, minTokensToKeep)),
  },
  {
    option: "topP",
    isWarper: true,
    make: ({ topP: sum }, { minTokensToKeep }) => (sum === 1 ? undefined : topP(sum, minTokensToKeep)),
  },
  {
    option: "minP",
    isWarper: true,
    make: ({ minP: part }, { minTokensToKeep }) => (part === undefined ? undefined : minP(part, minTokensToKeep)),
  },
  {
    option: "typicalP",
    isWarper: true,
    make: ({ typicalP: mass }, { minTokensToKeep }) => (mass === 1 ? undefined : typicalP(mass, minTokensToKeep)),
  },
  {
    option: "epsilonCutoff",
    isWarper: true,
    make: ({ epsilonCutoff: value }, { minTokensToKeep }) =>
      value === 0 ? undefined : epsilonCutoff(value, minTokensToKeep),
  },
  {
    option: "etaCutoff",
    isWarper: true,
    make: ({ etaCutoff: value }, { minTokensToKeep }) => (value === 0 ? undefined : etaCutoff(value, minTokensToKeep)),
  },
  { option: "renormalizeLogits", make: ({ renormalizeLogits }) => (renormalizeLogits ? logSoftmax : undefined) },
];

/** The processors that the options ask for, for one row; those that would change nothing are left out. */
export function logitsProcessors(settings: GenerationSettings, row: RowFacts): LogitsProcessor[] {
  return PROCESSORS.flatMap(({ isWarper, make }) => {
    if (isWarper === true && !settings.doSample) return [];
    const processor = make(settings, row);
    return processor === undefined ? [] : [processor];
  });
}
