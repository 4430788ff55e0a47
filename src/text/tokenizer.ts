// A repository's tokenizer: texts → ids with their places, ids → texts, special tokens by their roles.
// Knows no models and no prompts. How a text is cut is the business of engine/, which files there are that of files.ts.
import { AbrazoError, internalError } from "../errors.ts";
import { optionsOf } from "../options.ts";
import { applyTemplate, type ChatMessage, type ChatTemplateOptions, templatesOf } from "./chat-template.ts";
import { type Encoding, type Side, type Truncation, windowsOf } from "./encoding.ts";
import { cleanUp } from "./engine/decoders.ts";
import { Engine } from "./engine/engine.ts";
import { readTokenizerFiles, writeTokenizerFiles } from "./files.ts";
import {
  contentOf,
  decoderOf,
  type ModelConfig,
  namedTokens,
  ROLES,
  type SpecialName,
  type TokenizerConfig,
  withNamedTokens,
} from "./special-tokens.ts";
import { DecodeStream } from "./stream.ts";

export { type EncodedBatch, padBatch } from "./batch.ts";
export type { ChatMessage, ChatTemplateOptions } from "./chat-template.ts";
export type { Encoding, Truncation } from "./encoding.ts";
export type { SpecialName, TokenizerConfig } from "./special-tokens.ts";
export { DecodeStream } from "./stream.ts";

/** What a repository says of its tokenizer outside of its two files. */
export interface TokenizerExtras {
  /** The contents of config.json, asked for special tokens that the tokenizer does not name. */
  modelConfig?: ModelConfig;
  /** Chat templates by their names, in place of those of tokenizer_config.json. */
  chatTemplates?: ReadonlyMap<string, string> | undefined;
}

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
  readonly #templates: ReadonlyMap<string, string>;
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
   * @throws INVALID_TOKENIZER
   */
  constructor(tokenizerJson: object, tokenizerConfig: TokenizerConfig, more: TokenizerExtras = {}) {
    this.#config = tokenizerConfig;
    this.#modelConfig = more.modelConfig ?? {};
    this.#templates = more.chatTemplates ?? templatesOf(tokenizerConfig);
    const engine = new Engine(tokenizerJson, (added, idOf) => withNamedTokens(added, tokenizerConfig, idOf));
    this.#json = tokenizerJson;
    this.#engine = engine;
    const longest = tokenizerConfig.model_max_length ?? Number.POSITIVE_INFINITY;
    this.maxLength = longest > 1e9 ? Number.POSITIVE_INFINITY : longest;
    this.paddingSide = tokenizerConfig.padding_side ?? "right";
    this.truncationSide = tokenizerConfig.truncation_side ?? "right";
    const named = namedTokens(tokenizerConfig).map((token) => engine.idOf(contentOf(token)));
    const added = engine.added.flatMap(({ special, id }) => (special ? [id] : []));
    this.#specialIds = new Set([...named, ...added].filter((id) => id !== undefined));
  }

  /**
   * Reads the tokenizer of a folder: tokenizer.json, or the files that older repositories have in its place (vocab.txt;
   * vocab.json and merges.txt; a SentencePiece model), which give the ids that transformers gives with them. What
   * tokenizer_config.json does not say is taken from special_tokens_map.json, added_tokens.json and config.json; chat
   * templates from chat_template.jinja and additional_chat_templates/ too.
   *
   * @throws FILE_MISSING, INVALID_JSON, INVALID_TOKENIZER
   */
  static async fromFolder(folder: string): Promise<Tokenizer> {
    try {
      const { tokenizerJson, tokenizerConfig, ...more } = await readTokenizerFiles(folder);
      return new Tokenizer(tokenizerJson, tokenizerConfig, more);
    } catch (cause) {
      if (cause instanceof AbrazoError && cause.code !== "INVALID_TOKENIZER") throw cause;
      throw new AbrazoError({
        code: "INVALID_TOKENIZER",
        message: `The tokenizer in ${folder} cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`,
        hint:
          (cause instanceof AbrazoError ? cause.hint : undefined) ??
          "Check tokenizer.json and tokenizer_config.json; a newer kind of tokenizer may not be supported yet.",
        data: { folder },
        cause,
      });
    }
  }

  /**
   * Writes tokenizer.json, tokenizer_config.json and the chat templates into a folder, which is made where there is none.
   * The configuration is kept as it was read, but for templates, which have their own files, and the list of added tokens,
   * which is complete.
   *
   * @example
   * ```ts
   * const tokenizer = await Tokenizer.fromFolder("pipelines/defaults/text-classification");
   * await tokenizer.savePretrained("saved");
   * const again = await Tokenizer.fromFolder("saved");
   * again.encode("I love it").length; // 5
   * ```
   */
  savePretrained(folder: string): Promise<void> {
    return writeTokenizerFiles(folder, {
      tokenizerJson: { ...this.#json, added_tokens: this.#engine.added },
      tokenizerConfig: {
        ...this.#config,
        added_tokens_decoder: { ...decoderOf(this.#engine.added), ...this.#config.added_tokens_decoder },
      },
      chatTemplates: this.#templates,
    });
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

  /** A special token by its role, as the configuration names it. */
  #tokenOf(name: SpecialName): string | undefined {
    const token = this.#config[`${name}_token`];
    return token ? contentOf(token) : undefined;
  }

  /**
   * Id of a special token by its role, or undefined when there is none. A role that the tokenizer does not name is asked of
   * config.json.
   */
  specialId(name: SpecialName): number | undefined {
    const token = this.#tokenOf(name);
    if (token !== undefined) return this.#engine.idOf(token);
    const id = this.#modelConfig[`${name}_token_id`];
    return (Array.isArray(id) ? id[0] : id) ?? undefined;
  }

  /** What fills short rows: the padding token, or the end token where there is none. */
  get padId(): number {
    return this.specialId("pad") ?? this.specialId("eos") ?? 0;
  }

  /** The ids of all special tokens, in rising order: those that the tokenizer names, and those that it calls special. */
  get allSpecialIds(): number[] {
    return [...this.#specialIds].sort((a, b) => a - b);
  }

  /** Whether an id is that of a special token, which `decode` leaves out. */
  isSpecial(id: number): boolean {
    return this.#specialIds.has(id);
  }

  /**
   * Decodes ids one by one, for showing text while a model writes it. No clean-up of spaces, which would have to take back
   * what was shown.
   */
  stream({ skipSpecialTokens = true }: Pick<DecodeOptions, "skipSpecialTokens"> = {}): DecodeStream {
    return new DecodeStream(
      (ids) => this.#engine.decode(ids, false),
      (id) => (skipSpecialTokens && this.isSpecial(id)) || this.#engine.tokenOf(id) === undefined,
    );
  }

  /** The names of the chat templates; "default" is the one that is taken where none is named. */
  get chatTemplates(): string[] {
    return [...this.#templates.keys()];
  }

  /**
   * The prompt of a conversation, by the repository's chat template (Jinja), as transformers renders it.
   *
   * A template is a program of whoever made the repository. It runs in a process of its own, in which it has five seconds,
   * 256 MB and 16 million characters.
   *
   * @param options tools, documents, what the prompt ends with, and variables of the template by its own names
   * @returns the text, or with `tokenize: true` its ids, without further special tokens
   * @throws CHAT_TEMPLATE where there is no template, where it refuses the messages, is wrong, or exceeds its limits;
   * UNKNOWN_OPTION, BAD_OPTION, BAD_ARGUMENT
   * @example
   * ```ts
   * const tokenizer = await Tokenizer.fromFolder("pipelines/defaults/text-generation");
   * const chatTemplate = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}";
   * await tokenizer.applyChatTemplate([{ role: "user", content: "Hello" }], { chatTemplate }); // "user: Hello\n"
   * ```
   */
  applyChatTemplate(
    messages: readonly ChatMessage[],
    options: ChatTemplateOptions & { tokenize: true },
  ): Promise<number[]>;
  applyChatTemplate(
    messages: readonly ChatMessage[],
    options?: ChatTemplateOptions & { tokenize?: false },
  ): Promise<string>;
  async applyChatTemplate(
    messages: readonly ChatMessage[],
    options: ChatTemplateOptions = {},
  ): Promise<string | number[]> {
    const named = ROLES.flatMap((role) => {
      const token = this.#tokenOf(role);
      return token === undefined ? [] : [[`${role}_token`, token] as const];
    });
    const text = await applyTemplate(messages, options, this.#templates, Object.fromEntries(named));
    if (options.tokenize !== true) return text;
    return this.encode(text, { addSpecialTokens: false, maxLength: Number.POSITIVE_INFINITY });
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
