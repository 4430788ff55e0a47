// When a text is finished: length, end token, stop strings. Each row of a batch stops for itself.
// Prints nothing.

export interface StopOptions {
  /** Tokens to add at most. */
  maxNewTokens: number;
  /** Tokens that end a text; they are not part of it. */
  eosTokenIds: readonly number[];
  /** Strings that end a text; they are part of it. */
  stopStrings: readonly string[];
}

/** Why a text ended. */
export type FinishReason = "length" | "eos" | "stop";

/**
 * One row's judge. `decode` turns the new tokens into text; it is only called when there are stop strings.
 */
export class StopRule {
  readonly #options: StopOptions;
  readonly #decode: (ids: readonly number[]) => string;

  constructor(options: StopOptions, decode: (ids: readonly number[]) => string) {
    this.#options = options;
    this.#decode = decode;
  }

  /** Judges the new tokens of a row after each one; undefined while it goes on. */
  finished(newIds: readonly number[]): FinishReason | undefined {
    const { maxNewTokens, eosTokenIds, stopStrings } = this.#options;
    const last = newIds.at(-1);
    if (last !== undefined && eosTokenIds.includes(last)) return "eos";
    if (stopStrings.length > 0 && this.cutAtStop(this.#decode(newIds)) !== undefined) return "stop";
    return newIds.length >= maxNewTokens ? "length" : undefined;
  }

  /** The text up to and with the first stop string, or undefined when it holds none. */
  cutAtStop(text: string): string | undefined {
    let end = Number.POSITIVE_INFINITY;
    for (const stop of this.#options.stopStrings) {
      const at = text.indexOf(stop);
      if (at >= 0) end = Math.min(end, at + stop.length);
    }
    return end === Number.POSITIVE_INFINITY ? undefined : text.slice(0, end);
  }
}
