// Tokens → pieces of text: never half a character, and nothing of a stop string before it is known to be none.
// Knows a tokenizer only by its decode().

/** What is needed of a tokenizer to show text. */
export interface TextDecoder {
  decode(ids: readonly number[], options?: { skipSpecialTokens?: boolean }): string;
}

/** Ends what a tokenizer gives for bytes that are no character yet. */
const INCOMPLETE = "\uFFFD";

/** The text of one row as it grows. A token's text may depend on the one before it, so that pairs of tokens are decoded. */
export class TextPieces {
  readonly #tokenizer: TextDecoder;
  readonly #options: { skipSpecialTokens: boolean };
  readonly #ids: number[] = [];
  /** Ids from here on are decoded, and those before `#read` are given already. */
  #start = 0;
  #read = 0;

  constructor(tokenizer: TextDecoder, options: { skipSpecialTokens: boolean }) {
    this.#tokenizer = tokenizer;
    this.#options = options;
  }

  /** The text that a token completes; empty while a character lacks bytes. */
  push(...ids: readonly number[]): string {
    this.#ids.push(...ids);
    const fresh = this.#fresh();
    return fresh.endsWith(INCOMPLETE) ? "" : this.#give(fresh);
  }

  /** What is left at the end, half a character among it. */
  end(): string {
    return this.#give(this.#fresh());
  }

  #fresh(): string {
    const decode = (to: number) => this.#tokenizer.decode(this.#ids.slice(this.#start, to), this.#options);
    return decode(this.#ids.length).slice(decode(this.#read).length);
  }

  #give(fresh: string): string {
    // Tokens without text, such as special ones, do not become the context of the next.
    if (fresh !== "") [this.#start, this.#read] = [this.#read, this.#ids.length];
    return fresh;
  }
}

/** Holds back what may become a stop string. */
export class StopFilter {
  readonly #stopStrings: readonly string[];
  /** End of the prompt, in which a stop string may begin, and what is not known to be harmless yet. */
  #held: string;
  /** Characters of `#held` that were given already. */
  #given: number;

  constructor(stopStrings: readonly string[], promptText: string) {
    this.#stopStrings = stopStrings;
    const longest = Math.max(1, ...stopStrings.map(({ length }) => length));
    this.#held = longest > 1 ? promptText.slice(1 - longest) : "";
    this.#given = this.#held.length;
  }

  /** What may be shown, now that `text` follows. */
  push(text: string): string {
    this.#held += text;
    return this.#giveUpTo(this.#held.length - this.#openLength());
  }

  /** What may be shown of the last text; with `stopped`, what comes before the stop string that it completes. */
  end(text: string, stopped: boolean): string {
    this.#held += text;
    const starts = stopped ? this.#stopStrings.flatMap((stop) => this.#startOf(stop)) : [];
    return this.#giveUpTo(Math.min(this.#held.length, ...starts));
  }

  #startOf(stop: string): number[] {
    const at = this.#held.indexOf(stop, Math.max(0, this.#given - stop.length + 1));
    return at < 0 ? [] : [at];
  }

  /** Length of the longest end that a stop string begins with. */
  #openLength(): number {
    const open = this.#stopStrings.map((stop) => {
      let length = Math.min(stop.length, this.#held.length);
      while (length > 0 && !this.#held.endsWith(stop.slice(0, length))) length--;
      return length;
    });
    return Math.max(0, ...open);
  }

  #giveUpTo(end: number): string {
    const text = this.#held.slice(this.#given, Math.max(this.#given, end));
    this.#given += text.length;
    const spare = Math.min(this.#given, end);
    this.#held = this.#held.slice(spare);
    this.#given -= spare;
    return text;
  }
}
