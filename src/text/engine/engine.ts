// tokenizer.json as a whole: text → tokens with their places, and ids → text. Added tokens, normalizer, pre-tokenizer, model,
// decoder, each by its `type`. Ids and places equal those of Hugging Face tokenizers (Python and Rust).
// Knows no files, no special roles and no batches.
import { z } from "zod";
import { AbrazoError } from "../../errors.ts";
import { type AddedToken, addedTokenSchema, addedTokenSplitter, type Piece } from "./added-tokens.ts";
import type { Aligned } from "./aligned.ts";
import { bpe } from "./bpe.ts";
import { type Decoder, decoderOf } from "./decoders.ts";
import type { Model } from "./model.ts";
import { normalizerOf } from "./normalizers.ts";
import { PLAIN, type PostProcessor, postProcessorOf } from "./post-processors.ts";
import { preTokenizerOf } from "./pre-tokenizers.ts";
import { makerOf, type Stage } from "./stage.ts";
import { unigram } from "./unigram.ts";
import { wordLevel, wordPiece } from "./word-piece.ts";

const stage = z.looseObject({ type: z.string() }).nullish();
export const tokenizerJsonSchema = z.looseObject({
  added_tokens: z.array(addedTokenSchema).nullish(),
  normalizer: stage,
  pre_tokenizer: stage,
  post_processor: stage,
  decoder: stage,
  model: z.looseObject({ type: z.string().optional() }),
});

const MODELS: Readonly<Record<string, (stage: Stage) => Model>> = {
  BPE: bpe,
  WordPiece: wordPiece,
  Unigram: unigram,
  WordLevel: wordLevel,
};

/** The tokens of a text, without special ones around it. */
export interface Sequence {
  /** The text itself, with U+FFFD where it was none. */
  text: string;
  ids: number[];
  names: string[];
  /** Places in the text, UTF-16 units. */
  starts: number[];
  ends: number[];
  /** The number of the word that a token belongs to, counted by the pre-tokenizer. */
  words: number[];
}

// Lone halves of a surrogate pair, which are no text; U+FFFD takes their place as in UTF-8.
const LONE = /\p{Surrogate}/gu;

export class Engine {
  readonly added: readonly AddedToken[];
  readonly post: PostProcessor;
  readonly modelType: string;
  /** What tokens begin with that go on with a word; undefined where nothing marks them. */
  readonly continuingPrefix: string | undefined;
  readonly #model: Model;
  readonly #split: (text: string) => Piece[];
  readonly #preTokenize: (text: Aligned) => Aligned[];
  readonly #decode: Decoder | undefined;
  readonly #byId: (string | undefined)[] = [];
  readonly #ids: Map<string, number>;
  readonly #special: ReadonlySet<number>;

  /**
   * @param addTokens what else is an added token, by those that there are and the ids of the vocabulary
   * @throws INVALID_TOKENIZER
   */
  constructor(
    tokenizerJson: object,
    addTokens = (added: readonly AddedToken[], _idOf: (token: string) => number | undefined) => added,
  ) {
    const json = checked(tokenizerJson);
    const model: Stage = { ...json.model, type: json.model.type ?? typeOf(json.model) };
    this.modelType = model.type;
    this.#model = makerOf("model", MODELS, model)(model);
    this.added = addTokens(json.added_tokens ?? [], (token) => this.#model.vocab.get(token));
    const prefix = model["continuing_subword_prefix"];
    this.continuingPrefix = typeof prefix === "string" && prefix !== "" ? prefix : undefined;
    const normalize = json.normalizer ? normalizerOf(json.normalizer) : undefined;
    this.#split = addedTokenSplitter(this.added, normalize);
    this.#preTokenize = json.pre_tokenizer ? preTokenizerOf(json.pre_tokenizer) : (text) => [text];
    this.post = json.post_processor ? postProcessorOf(json.post_processor) : PLAIN;
    this.#decode = json.decoder ? decoderOf(json.decoder) : undefined;
    this.#ids = new Map(this.#model.vocab);
    for (const [token, id] of this.#ids) this.#byId[id] = token;
    for (const { content, id } of this.added) {
      this.#ids.set(content, id);
      this.#byId[id] = content;
    }
    this.#special = new Set(this.added.flatMap(({ special, id }) => (special ? [id] : [])));
  }

  /** Tokens in all, added ones among them. */
  get size(): number {
    return this.#ids.size;
  }

  idOf(token: string): number | undefined {
    return this.#ids.get(token);
  }

  tokenOf(id: number): string | undefined {
    return this.#byId[id];
  }

  /** The ids alone, which is quicker. */
  ids(text: string): number[] {
    const ids: number[] = [];
    for (const { text: piece, added } of this.#split(text.replace(LONE, "\uFFFD"))) {
      if (added !== undefined) ids.push(added.id);
      else for (const word of this.#words(piece)) for (const id of this.#model.tokenize(word.text).ids) ids.push(id);
    }
    return ids;
  }

  /** The tokens of a text and where they stand. */
  sequence(text: string): Sequence {
    const whole = text.replace(LONE, "\uFFFD");
    const result: Sequence = { text: whole, ids: [], names: [], starts: [], ends: [], words: [] };
    let word = 0;
    for (const { text: piece, added } of this.#split(whole)) {
      if (added !== undefined) {
        push(result, added.id, piece.text, piece.startOf(0), piece.endOf(piece.text.length - 1), word++);
        continue;
      }
      for (const part of this.#words(piece)) this.#addTokens(result, part, word++);
    }
    return result;
  }

  #words(piece: Aligned): Aligned[] {
    return this.#preTokenize(piece).filter(({ text }) => text !== "");
  }

  #addTokens(result: Sequence, part: Aligned, word: number): void {
    const { ids, starts, ends, names } = this.#model.tokenize(part.text);
    for (let at = 0; at < ids.length; at++) {
      const id = ids[at] ?? 0;
      const name = names?.[at] ?? this.#byId[id] ?? "";
      push(result, id, name, part.startOf(starts[at] ?? 0), part.endOf((ends[at] ?? 1) - 1), word);
    }
  }

  /** The text of ids; ids without a token are left out. */
  decode(ids: readonly number[], skipSpecial: boolean): string {
    const tokens: string[] = [];
    for (const id of ids) {
      const token = this.#byId[id];
      if (token !== undefined && !(skipSpecial && this.#special.has(id))) tokens.push(token);
    }
    return this.#decode === undefined ? tokens.join(" ") : this.#decode(tokens).join("");
  }
}

function push(to: Sequence, id: number, name: string, start: number, end: number, word: number): void {
  to.ids.push(id);
  to.names.push(name);
  to.starts.push(start);
  to.ends.push(end);
  to.words.push(word);
}

function checked(tokenizerJson: object): z.infer<typeof tokenizerJsonSchema> {
  const result = tokenizerJsonSchema.safeParse(tokenizerJson);
  if (result.success) return result.data;
  const issues = result.error.issues.map(({ path, message }) => `${path.join(".") || "the whole"}: ${message}`);
  throw new AbrazoError({
    code: "INVALID_TOKENIZER",
    message: `tokenizer.json is not as expected: ${issues.slice(0, 5).join("; ")}`,
    hint: "Correct the fields named.",
    data: { issues },
  });
}

/** The type of a model that does not say it, as older files do not. */
function typeOf(model: Record<string, unknown>): string {
  if (Array.isArray(model["vocab"])) return "Unigram";
  if ("merges" in model) return "BPE";
  return "continuing_subword_prefix" in model || "max_input_chars_per_word" in model ? "WordPiece" : "WordLevel";
}
