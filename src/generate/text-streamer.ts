// Words as they are generated, for callbacks: the class that transformers and transformers.js call TextStreamer.
// Knows a tokenizer only by its decode(), and is told of tokens by whoever generates.
import { requireParts } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
import { optionsOf } from "../options.ts";
import type { Streamer } from "./contract.ts";
import type { TextDecoder } from "./text-pieces.ts";

/** What a TextStreamer leaves out, and who gets what it gives. */
export interface TextStreamerOptions {
  /** The new text alone. */
  skipPrompt?: boolean;
  /** Leave special tokens out (the default). */
  skipSpecialTokens?: boolean;
  /** Gets the text; standard output when absent, with a newline at the end. */
  callbackFunction?: (text: string) => void;
  /** Gets the ids of every `put`. */
  tokenCallbackFunction?: (ids: number[]) => void;
}

const streamerOptions = optionsOf<TextStreamerOptions>({
  skipPrompt: true,
  skipSpecialTokens: true,
  callbackFunction: true,
  tokenCallbackFunction: true,
});

/**
 * Gives text in whole words: up to the last space, at once after a newline or a Chinese character, and the rest at the end.
 *
 * @throws UNKNOWN_OPTION, BAD_ARGUMENT; ONE_ROW_ONLY where several rows are put
 *
 * @example
 * ```ts
 * const words = ["I", " love", " this", " film", "."];
 * const tokenizer = { decode: (ids: readonly number[]) => ids.map((id) => words[id]).join("") };
 * const streamer = new TextStreamer(tokenizer, { callbackFunction: (text) => console.log(JSON.stringify(text)) });
 * for (const id of [0, 1, 2]) streamer.put([[id]]);
 * streamer.end(); // prints "I " "love " "this"
 * ```
 */
export class TextStreamer implements Streamer {
  readonly #tokenizer: TextDecoder;
  readonly #options: TextStreamerOptions;
  #ids: number[] = [];
  /** Characters of their text that were given. */
  #given = 0;
  #isPrompt = true;

  constructor(tokenizer: TextDecoder, options: TextStreamerOptions = {}) {
    requireParts("TextStreamer", tokenizer, ["decode"], "a tokenizer");
    this.#tokenizer = tokenizer;
    this.#options = streamerOptions("TextStreamer", options);
  }

  /** Takes the ids of the prompt first, then each token; one row. */
  put(rows: readonly (readonly (number | bigint)[])[]): void {
    if (rows.length !== 1) throw oneRowOnly(rows.length);
    const ids = (rows[0] ?? []).map(Number);
    const isSkipped = this.#isPrompt && this.#options.skipPrompt === true;
    this.#isPrompt = false;
    if (isSkipped) return;
    this.#options.tokenCallbackFunction?.(ids);
    this.#ids.push(...ids);
    const text = this.#text();
    if (text.endsWith("\n")) {
      this.#give(text.slice(this.#given));
      this.#forget();
      return;
    }
    const end = HAN.test(text) ? text.length : text.lastIndexOf(" ") + 1;
    this.#give(text.slice(this.#given, end));
    this.#given = Math.max(this.#given, end);
  }

  /** Gives what is left of the text; the next `put` is a prompt again. */
  end(): void {
    this.#give(this.#text().slice(this.#given));
    this.#forget();
    this.#isPrompt = true;
    if (this.#options.callbackFunction === undefined) process.stdout.write("\n");
  }

  #text(): string {
    const { skipSpecialTokens = true } = this.#options;
    return this.#ids.length === 0 ? "" : this.#tokenizer.decode(this.#ids, { skipSpecialTokens });
  }

  #forget(): void {
    this.#ids = [];
    this.#given = 0;
  }

  #give(text: string): void {
    if (text === "") return;
    const { callbackFunction = (piece) => process.stdout.write(piece) } = this.#options;
    callbackFunction(text);
  }
}

/** A last character of the blocks that are written without spaces. */
const HAN = /[\u4E00-\u9FFF\u3400-\u4DBF\u{20000}-\u{2A6DF}\u{2A700}-\u{2CEAF}\uF900-\uFAFF\u{2F800}-\u{2FA1F}]$/u;

function oneRowOnly(rows: number): AbrazoError {
  return new AbrazoError({
    code: "ONE_ROW_ONLY",
    message: `TextStreamer only supports batch size of 1, and ${rows} rows were put.`,
    hint: "Generate one text, or tell rows apart with generate().",
    data: { rows },
  });
}
