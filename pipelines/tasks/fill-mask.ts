// Fill mask: texts with masks → the tokens that fit best there.
// Knows no model and no runtime.
import { z } from "zod";
import { AbrazoError } from "../../src/errors.ts";
import { log } from "../../src/log.ts";
import type { Tokenizer } from "../../src/text/tokenizer.ts";
import { withAdapter } from "../adapted.ts";
import { textsOf } from "../inputs.ts";
import { adapter, count, parseOptions, signal } from "../options.ts";
import { encodePairs, runRows } from "../rows.ts";
import { largest, softmax } from "../scores.ts";
import type { InputStream } from "../stream.ts";
import { defineTask, type Encoder, type Output } from "../task.ts";

const optionsSchema = z.strictObject({
  /** Tokens to give for each mask, best first; 5 when absent. */
  topK: count.optional(),
  /** The words to choose from; one that is no token of the model stands for its first, with a warning. */
  targets: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]).optional(),
  adapter,
  signal,
  /** Texts that run together at most, for this call. */
  batchSize: count.optional(),
});

/** Which tokens are given. */
export type FillMaskOptions = z.infer<typeof optionsSchema>;

/** A token that may stand at a mask. */
export interface FilledMask {
  score: number;
  /** Its id. */
  token: number;
  tokenStr: string;
  /** The text with it. */
  sequence: string;
}

/**
 * `pipeline("fill-mask")`. A text with one mask gives a list of tokens, one with several masks a list for each of them, where
 * the sequences show the other masks. Many texts give a list of such lists.
 */
export interface FillMaskPipeline {
  (text: string, options?: FillMaskOptions): Promise<FilledMask[] | FilledMask[][]>;
  (texts: readonly string[], options?: FillMaskOptions): Promise<(FilledMask[] | FilledMask[][])[]>;
  (
    texts: InputStream<string>,
    options?: FillMaskOptions,
  ): AsyncGenerator<FilledMask[] | FilledMask[][], void, undefined>;
}

export const fillMask = defineTask({
  name: "fill-mask",
  kind: "encoder",
  auto: "AutoModelForMaskedLM",
  create: (base: Encoder, context) => {
    const mask = maskOf(base.tokenizer);
    async function fill(input: unknown, given?: FillMaskOptions) {
      const { topK = 5, targets, adapter, ...options } = parseOptions("fill-mask", optionsSchema, given);
      const engine = withAdapter(base, adapter);
      const { texts, single } = textsOf(input, "fill-mask");
      const rows = encodePairs(
        engine,
        texts.map((text) => ({ text })),
      );
      const places = rows.map(({ ids }, at) => masksOf(ids, mask, at));
      const wanted = targets === undefined ? undefined : targetIds(engine.tokenizer, targets);
      const outputs = await runRows(engine, rows, { ...options, batchSize: options.batchSize ?? context.batchSize });
      const results = outputs.map(({ logits }, at) => {
        const ids = rows[at]?.ids ?? [];
        const masks = places[at] ?? [];
        const lists = masks.map((place) => {
          const isOnly = masks.length === 1;
          return best(scoresAt(logits, place), wanted, topK).map(({ token, score }): FilledMask => {
            const filled = ids.map((id, index) => (index === place ? token : id));
            const sequence = engine.tokenizer.decode(filled, { skipSpecialTokens: isOnly });
            return { score, token, tokenStr: engine.tokenizer.decode([token]), sequence };
          });
        });
        return lists.length === 1 ? (lists[0] ?? []) : lists;
      });
      return single ? (results[0] ?? []) : results;
    }
    return fill as FillMaskPipeline; // safe because one text gives its result and an array a list of results
  },
});

function maskOf(tokenizer: Tokenizer): number {
  const id = tokenizer.specialId("mask");
  if (id !== undefined) return id;
  throw new AbrazoError({
    code: "NO_MASK_TOKEN",
    message: "The tokenizer has no mask token.",
    hint: "fill-mask needs a model whose tokenizer_config.json names a mask_token.",
  });
}

function masksOf(ids: readonly number[], mask: number, at: number): number[] {
  const places = ids.flatMap((id, place) => (id === mask ? [place] : []));
  if (places.length > 0) return places;
  throw new AbrazoError({
    code: "INVALID_INPUT",
    message: `Text ${at} has no mask, or only beyond what the model can read.`,
    hint: "Write the tokenizer's mask token where a word is missing, e.g. [MASK] or <mask>.",
    data: { at },
  });
}

/** Of logits [T, V]. */
function scoresAt(logits: Output | undefined, place: number): number[] {
  const width = logits?.shape[1] ?? 0;
  return softmax(logits?.data.subarray(place * width, (place + 1) * width) ?? []);
}

function best(scores: readonly number[], wanted: readonly number[] | undefined, count: number) {
  const tokens = wanted ?? scores.map((_, token) => token);
  const own = tokens.map((token) => scores[token] ?? 0);
  return largest(own, count).map((at) => ({ token: tokens[at] ?? 0, score: own[at] ?? 0 }));
}

function targetIds(tokenizer: Tokenizer, targets: string | readonly string[]): number[] {
  const ids = (typeof targets === "string" ? [targets] : targets).map((target) => {
    const whole = tokenizer.tokenToId(target);
    if (whole !== undefined) return whole;
    const [first] = tokenizer.encode(target, { addSpecialTokens: false });
    if (first === undefined) throw emptyTarget(target);
    log.warn(`The target "${target}" is no token of the model; "${tokenizer.idToToken(first)}" stands for it.`);
    return first;
  });
  return [...new Set(ids)];
}

function emptyTarget(target: string): AbrazoError {
  return new AbrazoError({
    code: "INVALID_OPTION",
    message: `The target ${JSON.stringify(target)} has no token.`,
    hint: "Give words of the model's vocabulary.",
  });
}
