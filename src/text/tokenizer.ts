// tokenizer.json → ids and back, with padding and truncation for batches.
// Knows no models and no prompts. The only importer of @huggingface/tokenizers, with the trainers beside it.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Tokenizer as Engine } from "@huggingface/tokenizers";
import { z } from "zod";
import { AbrazoError } from "../errors.ts";
import { parseJson } from "../io/json.ts";

const tokenizerJsonSchema = z.looseObject({ model: z.looseObject({ type: z.string().optional() }) });
const special = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish();
const tokenizerConfigSchema = z.looseObject({
  model_max_length: z.number().optional(),
  pad_token: special,
  eos_token: special,
  bos_token: special,
  unk_token: special,
  cls_token: special,
  sep_token: special,
  mask_token: special,
});

export interface EncodeOptions {
  addSpecialTokens?: boolean;
  /** Ids to keep at most, special ones included; longer texts lose their end, not their closing special token. */
  maxLength?: number;
}

/** A batch padded to its longest row, int64. */
export interface EncodedBatch {
  inputIds: BigInt64Array;
  attentionMask: BigInt64Array;
  shape: [rows: number, columns: number];
}

type SpecialName = "pad" | "eos" | "bos" | "unk" | "cls" | "sep" | "mask";

/**
 * A repository's tokenizer.
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
  readonly #config: z.infer<typeof tokenizerConfigSchema>;
  /** Ids that a sequence may have at most, by the tokenizer's own word; infinite when it has none. */
  readonly maxLength: number;
  readonly #suffix: readonly number[];

  constructor(tokenizerJson: object, tokenizerConfig: z.infer<typeof tokenizerConfigSchema>) {
    this.#engine = new Engine(tokenizerJson, tokenizerConfig);
    this.#config = tokenizerConfig;
    const longest = tokenizerConfig.model_max_length ?? Number.POSITIVE_INFINITY;
    this.maxLength = longest > 1e9 ? Number.POSITIVE_INFINITY : longest;
    this.#suffix = this.#closing();
  }

  /** Reads tokenizer.json and tokenizer_config.json. */
  static async fromFolder(folder: string): Promise<Tokenizer> {
    const read = async (name: string) => readFile(join(folder, name), "utf8").catch(() => missing(folder, name));
    const json = parseJson(await read("tokenizer.json"), tokenizerJsonSchema, join(folder, "tokenizer.json"));
    const config = parseJson(
      await read("tokenizer_config.json"),
      tokenizerConfigSchema,
      join(folder, "tokenizer_config.json"),
    );
    try {
      return new Tokenizer(json, config);
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
    return this.#engine.get_vocab(true).size;
  }

  /** The ids of a text, cut to `maxLength`. */
  encode(text: string, { addSpecialTokens = true, maxLength = this.maxLength }: EncodeOptions = {}): number[] {
    const { ids }: { ids: number[] } = this.#engine.encode(text, { add_special_tokens: addSpecialTokens });
    if (ids.length <= maxLength) return ids;
    const suffix = addSpecialTokens ? this.#suffix : [];
    return [...ids.slice(0, Math.max(0, maxLength - suffix.length)), ...suffix];
  }

  /** The text of ids. */
  decode(ids: readonly number[], { skipSpecialTokens = true } = {}): string {
    return ids.length === 0 ? "" : this.#engine.decode([...ids], { skip_special_tokens: skipSpecialTokens });
  }

  /** The id of a token, undefined where there is none. */
  tokenToId(token: string): number | undefined {
    return this.#engine.token_to_id(token);
  }

  /** The token of an id, undefined where there is none. */
  idToToken(id: number): string | undefined {
    return this.#engine.id_to_token(id);
  }

  /** Id of a special token by its role, or undefined when the tokenizer has none. */
  specialId(name: SpecialName): number | undefined {
    const value = this.#config[`${name}_token`];
    const token = typeof value === "string" ? value : value?.content;
    return token === undefined ? undefined : this.#engine.token_to_id(token);
  }

  /** What fills short rows: the padding token, or the end token where there is none. */
  get padId(): number {
    return this.specialId("pad") ?? this.specialId("eos") ?? 0;
  }

  /** Ids that the tokenizer adds after a text. */
  #closing(): number[] {
    const plain: number[] = this.#engine.encode("a", { add_special_tokens: false }).ids;
    const full: number[] = this.#engine.encode("a").ids;
    const at = full.findIndex((_, start) => plain.every((id, index) => full[start + index] === id));
    return at < 0 ? [] : full.slice(at + plain.length);
  }
}

/** Pads rows to the longest (or to `length`), with a mask of ones where there is text. */
export function padBatch(
  rows: readonly (readonly number[])[],
  padId: number,
  side: "left" | "right" = "right",
  length = 0,
): EncodedBatch {
  const columns = Math.max(length, ...rows.map((row) => row.length));
  const inputIds = new BigInt64Array(rows.length * columns).fill(BigInt(padId));
  const attentionMask = new BigInt64Array(rows.length * columns);
  for (const [index, row] of rows.entries()) {
    const start = index * columns + (side === "left" ? columns - row.length : 0);
    for (const [at, id] of row.entries()) {
      inputIds[start + at] = BigInt(id);
      attentionMask[start + at] = 1n;
    }
  }
  return { inputIds, attentionMask, shape: [rows.length, columns] };
}

function missing(folder: string, name: string): never {
  throw new AbrazoError({
    code: "FILE_MISSING",
    message: `${folder} has no ${name}.`,
    hint: "A model repository needs tokenizer.json and tokenizer_config.json beside its weights.",
    data: { folder, name },
  });
}
