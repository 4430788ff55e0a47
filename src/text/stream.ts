// Ids one by one → text as it grows, for showing what a model writes while it writes it.
// Knows no tokenizer: it is given how ids are decoded.

// A character is of four bytes at most; what is no text after twice as many tokens will not become one.
const LONGEST_HELD = 8;
const REPLACEMENT = "\uFFFD";

/**
 * Text of ids that come one by one. What it gives, joined, is the text of all ids. A character whose bytes are several
 * tokens is given once it is whole; spaces come with the word that they stand before. An id takes the same time however
 * many came before it.
 *
 * @example
 * ```ts
 * const tokenizer = await Tokenizer.fromFolder("pipelines/defaults/text-generation");
 * const stream = tokenizer.stream();
 * const parts = tokenizer.encode("One day, a café").map((id) => stream.push(id));
 * parts.push(stream.end());
 * parts.join(""); // "One day, a café"
 * ```
 */
export class DecodeStream {
  readonly #decode: (ids: readonly number[]) => string;
  readonly #skips: (id: number) => boolean;
  /** The last ids whose text was given, and after them those that are held back. */
  #ids: number[] = [];
  #given = 0;
  /** The text of the given ones alone: how they are written may depend on standing first. */
  #prefix = "";

  /**
   * @param decode the text of ids
   * @param skips whether an id has no text
   */
  constructor(decode: (ids: readonly number[]) => string, skips: (id: number) => boolean) {
    this.#decode = decode;
    this.#skips = skips;
  }

  /** The text that an id adds; empty while a character is not whole. */
  push(id: number): string {
    if (this.#skips(id)) return "";
    this.#ids.push(id);
    const text = this.#decode(this.#ids);
    if (text.endsWith(REPLACEMENT) && this.#ids.length - this.#given < LONGEST_HELD) return "";
    return this.#give(text);
  }

  /** What was held back, at the end. The stream begins anew. */
  end(): string {
    const rest = this.#ids.length > this.#given ? this.#give(this.#decode(this.#ids)) : "";
    this.#ids = [];
    this.#given = 0;
    this.#prefix = "";
    return rest;
  }

  #give(text: string): string {
    const held = this.#ids.slice(this.#given);
    // Bytes that make no character may make those before them none either; these were given.
    const added = text.startsWith(this.#prefix) ? text.slice(this.#prefix.length) : this.#decode(held);
    this.#ids = held;
    this.#given = held.length;
    this.#prefix = this.#decode(held);
    return added;
  }
}
