// A repository's tokenizer: texts → ids with their places, ids → texts, special tokens by their roles.
// Knows no models and no prompts. How a text is cut is the business of engine/, which files there are that of files.ts.
import { AbrazoError, internalError } from "../errors.ts";
import { optionsOf } from "../options.ts";
import { type Encoding, type Side, type Truncation, windowsOf } from "./encoding.ts";
import { cleanUp } from "./engine/decoders.ts";
import { Engine } from "./engine/engine.ts";
import { readTokenizerFiles } from "./files.ts";
import {
  contentOf,
  type ModelConfig,
  namedTokens,
  ROLES,
  type SpecialName,
  type TokenizerConfig,
  withNamedTokens,
} from "./special-tokens.ts";

export { type EncodedBatch, type PadOptions, padBatch, type TypedRow } from "./batch.ts";
export type { Encoding, Truncation } from "./encoding.ts";
export type { SpecialName, TokenizerConfig } from "./special-tokens.ts";

export interface EncodeOptions {
  addSpecialTokens?: boolean;
  /** Ids to keep at most, special ones included; longer texts lose their end, not their closing special token. */
  maxLength?: number;
}

export interface EncodePlusOptions extends EncodeOptions {
  /** A second text: an answer, a hypothesis, a context. */
  textPair?: string | undefined;
  /** Which text gives way when there are more than `maxLength` tokens; `false` for none. */
  truncation?: Truncation;
  /** Tokens that a window repeats from the one before. */
  stride?: number;
  /** All windows in place of the first. */
  overflowing?: boolean;
}

export interface DecodeOptions {
  skipSpecialTokens?: boolean;
  /** Takes spaces out before English punctuation and contractions; by default what tokenizer_config.json says. */
  cleanUpTokenizationSpaces?: boolean;
}

const encodeOptions = optionsOf<EncodeOptions>({ addSpecialTokens: true, maxLength: true });
const encodePlusOptions = optionsOf<EncodePlusOptions>({
  ...encodeOptions.names,
  textPair: true,
  truncation: true,
  stride: true,
  overflowing: true,
});
const decodeOptions = optionsOf<DecodeOptions>({ skipSpecialTokens: true, cleanUpTokenizationSpaces: true });

/**
 * A repository's tokenizer. Ids, places and texts equal those of Hugging Face tokenizers in Python.
 *
 * @example
 * ```ts
 * const tokenizer = await Tokenizer.fromFolder("pipelines/defaults/text-classification");
 * const ids = tokenizer.encode("I love it");
 * ids; // [2, …, 3]
 * tokenizer.decode(ids); // "i love it"
 * ```
 */
export class Tokenizer {
  readonly #engine: Engine;
  readonly #json: object;
  readonly #config: TokenizerConfig;
  readonly #modelConfig: ModelConfig;
  readonly #specialIds: ReadonlySet<number>;
  /** Ids that a sequence may have at most, by the tokenizer's own word; infinite when it has none. */
  readonly maxLength: number;
  /** Where short rows are filled up: `padBatch(rows, tokenizer.padId, tokenizer.paddingSide)`. */
  readonly paddingSide: Side;
  /** Where texts are cut that are too long. */
  readonly truncationSide: Side;

  /**
   * @param tokenizerJson the contents of tokenizer.json
   * @param tokenizerConfig the contents of tokenizer_config.json
   * @param modelConfig the contents of config.json, asked for special tokens that the tokenizer does not name
   * @throws INVALID_TOKENIZER
   */
  constructor(tokenizerJson: object, tokenizerConfig: TokenizerConfig, modelConfig: ModelConfig = {}) {
    this.#config = tokenizerConfig;
    this.#modelConfig = modelConfig;
    const engine = new Engine(tokenizerJson, (added, idOf) => withNamedTokens(added, tokenizerConfig, idOf));
    this.#json = tokenizerJson;
    this.#engine = engine;
    const longest = tokenizerConfig.model_max_length ?? Number.POSITIVE_INFINITY;
    this.maxLength = longest > 1e9 ? Number.POSITIVE_INFINITY : longest;
    this.paddingSide = tokenizerConfig.padding_side ?? "right";
    this.truncationSide = tokenizerConfig.truncation_side ?? "right";
    const named = namedTokens(tokenizerConfig).map((token) => engine.idOf(contentOf(token)));
    const roles = ROLES.map((role) => this.specialId(role));
    const added = engine.added.flatMap(({ special, id }) => (special ? [id] : []));
    this.#specialIds = new Set([...roles, ...named, ...added].filter((id) => id !== undefined));
  }

  /**
   * Reads the tokenizer of a folder: tokenizer.json, or the files that older repositories have in its place.
   *
   * @throws FILE_MISSING, INVALID_JSON, INVALID_TOKENIZER
   */
  static async fromFolder(folder: string): Promise<Tokenizer> {
    const { tokenizerJson, tokenizerConfig, modelConfig } = await readTokenizerFiles(folder);
    try {
      return new Tokenizer(tokenizerJson, tokenizerConfig, modelConfig);
    } catch (cause) {
      throw new AbrazoError({
        code: "INVALID_TOKENIZER",
        message: `The tokenizer in ${folder} cannot be used: ${cause instanceof Error ? cause.message : String(cause)}.`,
        hint: "Check tokenizer.json and tokenizer_config.json; a newer kind of tokenizer may not be supported yet.",
        data: { folder },
        cause,
      });
    }
  }

  /** The number of tokens, added ones among them. */
  get vocabSize(): number {
    return this.#engine.size;
  }

  /** The ids of a text, cut to `maxLength`. */
  encode(text: string, options?: EncodeOptions): number[] {
    const { addSpecialTokens = true, maxLength = this.maxLength } = encodeOptions("encode", options);
    const ids = this.#engine.ids(text);
    const parts = addSpecialTokens ? this.#engine.post.single : undefined;
    if (parts === undefined) return this.#cut(ids, maxLength);
    const added = parts.reduce((sum, part) => sum + (part.kind === "special" ? part.ids.length : 0), 0);
    const kept = this.#cut(ids, Math.max(0, maxLength - added));
    const whole = parts.flatMap((part) => (part.kind === "text" ? kept : part.ids));
    return whole.length <= maxLength ? whole : whole.slice(whole.length - maxLength);
  }

  #cut(ids: number[], length: number): number[] {
    if (ids.length <= length) return ids;
    return this.truncationSide === "right" ? ids.slice(0, length) : ids.slice(ids.length - length);
  }

  /**
   * A text, or a pair of texts, with all that is known of its tokens: names, places, words, segments.
   *
   * Ids and places equal those of Python's tokenizers, but that places are counted in UTF-16 units, as `slice` does, where
   * Python counts code points. Halves of a surrogate pair that stand alone are read as U+FFFD. Takes time in proportion to
   * the text.
   *
   * @returns one encoding, or with `overflowing: true` every window of the text
   * @throws UNKNOWN_OPTION, BAD_OPTION where a text cannot be cut as asked
   * @example
   * ```ts
   * const tokenizer = await Tokenizer.fromFolder("pipelines/defaults/text-classification");
   * const text = "I love it";
   * const { tokens, offsets, wordIds } = tokenizer.encodePlus(text);
   * tokens; // ["[CLS]", "i", "love", "it", "[SEP]"]
   * offsets.map(([start, end]) => text.slice(start, end)); // ["", "I", "love", "it", ""]
   * wordIds; // [undefined, 0, 1, 2, undefined]
   * const windows = tokenizer.encodePlus("one two three four", { maxLength: 4, stride: 1, overflowing: true });
   * windows.length; // 3
   * ```
   */
  encodePlus(text: string, options: EncodePlusOptions & { overflowing: true }): Encoding[];
  encodePlus(text: string, options?: EncodePlusOptions & { overflowing?: false }): Encoding;
  encodePlus(text: string, options?: EncodePlusOptions): Encoding | Encoding[] {
    const {
      textPair,
      addSpecialTokens = true,
      maxLength = this.maxLength,
      truncation = "longestFirst",
      stride = 0,
      overflowing = false,
    } = encodePlusOptions("encodePlus", options);
    checkNumbers(maxLength, stride);
    const texts = [text, ...(textPair === undefined ? [] : [textPair])].map((each) => this.#engine.sequence(each));
    const limits = { maxLength, truncation, stride, side: this.truncationSide };
    const windows = windowsOf(texts, this.#engine.post, addSpecialTokens, limits, overflowing);
    if (overflowing) return windows;
    const [first] = windows;
    if (first === undefined) throw internalError("a text without a window");
    return first;
  }

  /** The text of ids. Ids that stand for no token are left out. */
  decode(ids: readonly number[], options?: DecodeOptions): string {
    const { skipSpecialTokens = true, cleanUpTokenizationSpaces = this.#config.clean_up_tokenization_spaces ?? false } =
      decodeOptions("decode", options);
    const text = this.#engine.decode(ids, skipSpecialTokens);
    // transformers leaves the text of a BPE tokenizer alone, which would not come back as it was.
    return cleanUpTokenizationSpaces && this.#engine.modelType !== "BPE" ? cleanUp(text) : text;
  }

  /** The id of a token, undefined where there is none. */
  tokenToId(token: string): number | undefined {
    return this.#engine.idOf(token);
  }

  /** The token of an id, undefined where there is none. */
  idToToken(id: number): string | undefined {
    return this.#engine.tokenOf(id);
  }

  /** Id of a special token by its role, or undefined when the tokenizer has none. */
  specialId(name: SpecialName): number | undefined {
    const token = this.#config[`${name}_token`];
    if (token) return this.#engine.idOf(contentOf(token));
    const id = this.#modelConfig[`${name}_token_id`];
    return (Array.isArray(id) ? id[0] : id) ?? undefined;
  }

  /** What fills short rows: the padding token, or the end token where there is none. */
  get padId(): number {
    return this.specialId("pad") ?? this.specialId("eos") ?? 0;
  }

  /** The ids of all special tokens: those with a role, and those that the tokenizer calls special; in rising order. */
  get allSpecialIds(): number[] {
    return [...this.#specialIds].sort((a, b) => a - b);
  }

  /** Whether an id is that of a special token, which `decode` leaves out. */
  isSpecial(id: number): boolean {
    return this.#specialIds.has(id);
  }

  /** What tokens begin with that go on with a word, such as "##"; undefined where nothing marks them. */
  get continuingSubwordPrefix(): string | undefined {
    return this.#engine.continuingPrefix;
  }
}

function checkNumbers(maxLength: number, stride: number): void {
  const wrong = !(maxLength >= 0) ? { maxLength } : !(Number.isInteger(stride) && stride >= 0) ? { stride } : undefined;
  if (wrong === undefined) return;
  throw new AbrazoError({
    code: "BAD_OPTION",
    message: `encodePlus(): ${JSON.stringify(wrong)} is no number of tokens.`,
    hint: "Give whole numbers from 0 on.",
    data: wrong,
  });
}
