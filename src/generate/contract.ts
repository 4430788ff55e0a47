// What the parts of generation hand each other: prompts, processors of logits, criteria of stopping, tokens.
// Holds types alone.

/**
 * Changes one row of scores in place; a token that it rules out becomes -Infinity. `ids` are the row's prompt and text so
 * far, without padding.
 */
export type LogitsProcessor = (scores: Float32Array, ids: readonly number[]) => void;

/** Judges a row after each token, from the ids of its prompt and text; true ends it. */
export type StoppingCriterion = (ids: readonly number[]) => boolean;

/** Gets the ids of the prompt, then each token, then the end. */
export interface Streamer {
  /** One list of ids a row. */
  put(rows: readonly (readonly (number | bigint)[])[]): void;
  end(): void;
}

/** Why a text ended: its room was used up, an end token came, a stop string, the time was over, a criterion of the caller's. */
export type FinishReason = "length" | "eos" | "stop" | "time" | "criterion";

/** One text to continue. */
export interface Prompt {
  /** Token ids; where there are none, the text starts with `decoderStartTokenId` or `bosTokenId`. */
  ids: readonly number[];
  /** Seed of this row's draws, so that a text does not depend on what else is in its batch. */
  seed: number;
  /** What the text is made from, for the options named `encoder…`; the prompt itself when absent. */
  sourceIds?: readonly number[];
  /** What `guidanceScale` leads away from; the last token of the prompt when absent. */
  negativeIds?: readonly number[];
}

/** One token of one text. */
export interface GeneratedToken {
  /** Place of the text: `prompt * numReturnSequences + copy`. */
  row: number;
  id: number;
  /** Given with the row's last token. */
  finished: FinishReason | undefined;
  /** [V], what the token was chosen by, after all processors; with `outputScores`. */
  scores?: Float32Array;
  /** [V], what the model gave; with `outputLogits`. */
  logits?: Float32Array;
  /** Sum of the log probabilities over length ** lengthPenalty; with the last token of a beam search. */
  sequenceScore?: number;
}

/** What a row's processors may know of it besides its ids. */
export interface RowFacts {
  /** Place of the prompt among the prompts. */
  prompt: number;
  /** Tokens of the prompt. */
  promptLength: number;
  /** Tokens that prompt and text may have together. */
  maxLength: number;
  sourceIds: readonly number[];
  /** Candidates that no warper may go below: beams need one that does not end. */
  minTokensToKeep: number;
}
