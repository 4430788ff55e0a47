// The post-processors of tokenizer.json, reduced to what they all say: where special tokens stand around one text and around
// a pair, which type each part has, and whether offsets leave out white space. Knows no text.
import { z } from "zod";
import { AbrazoError } from "../../errors.ts";
import { makerOf, type Stage, stageSchema } from "./stage.ts";

/** A part of the result: one of the texts, or special tokens. */
export type Part =
  | { kind: "text"; text: 0 | 1; typeId: number }
  | { kind: "special"; ids: readonly number[]; tokens: readonly string[]; typeId: number };

export interface PostProcessor {
  single: readonly Part[];
  pair: readonly Part[];
  /** Type ids of the two texts where no special tokens are added. */
  plainTypes: readonly [number, number];
  /** Offsets of byte-level tokens leave the white space out that a token begins or ends with. */
  trim: { prefixSpace: boolean } | undefined;
}

const text = (which: 0 | 1, typeId: number): Part => ({ kind: "text", text: which, typeId });

/** Without a post-processor: the texts one after the other. */
export const PLAIN: PostProcessor = {
  single: [text(0, 0)],
  pair: [text(0, 0), text(1, 1)],
  plainTypes: [0, 1],
  trim: undefined,
};

const specialPiece = z.object({ SpecialToken: z.object({ id: z.string(), type_id: z.int() }) });
const textPiece = z.object({ Sequence: z.object({ id: z.enum(["A", "B"]), type_id: z.int() }) });
const template = z.array(z.union([specialPiece, textPiece]));
const templateSchema = z.object({
  single: template,
  pair: template,
  special_tokens: z.record(z.string(), z.object({ ids: z.array(z.int()), tokens: z.array(z.string()) })),
});
const token = z.tuple([z.string(), z.int()]);
const bertSchema = z.object({ sep: token, cls: token });
const robertaSchema = bertSchema.extend({
  trim_offsets: z.boolean().default(true),
  add_prefix_space: z.boolean().default(true),
});
const byteLevelSchema = z.object({
  trim_offsets: z.boolean().default(true),
  add_prefix_space: z.boolean().default(true),
});

const POST_PROCESSORS: Readonly<Record<string, (stage: Stage) => PostProcessor>> = {
  TemplateProcessing: (stage) => {
    const { single, pair, special_tokens } = stageSchema(templateSchema, stage);
    const parts = (pieces: z.infer<typeof template>) =>
      pieces.map((piece): Part => {
        if ("Sequence" in piece) return text(piece.Sequence.id === "A" ? 0 : 1, piece.Sequence.type_id);
        const { id, type_id } = piece.SpecialToken;
        const special = special_tokens[id];
        if (special === undefined) throw unknownSpecial(id, Object.keys(special_tokens));
        return { kind: "special", ids: special.ids, tokens: special.tokens, typeId: type_id };
      });
    const typeOf = (which: 0 | 1) =>
      parts(pair).find((part) => part.kind === "text" && part.text === which)?.typeId ?? which;
    return { single: parts(single), pair: parts(pair), plainTypes: [typeOf(0), typeOf(1)], trim: undefined };
  },
  BertProcessing: (stage) => {
    const { cls, sep } = stageSchema(bertSchema, stage);
    const first = [special(cls, 0), text(0, 0), special(sep, 0)];
    return { single: first, pair: [...first, text(1, 1), special(sep, 1)], plainTypes: [0, 1], trim: undefined };
  },
  RobertaProcessing: (stage) => {
    const { cls, sep, trim_offsets, add_prefix_space } = stageSchema(robertaSchema, stage);
    const first = [special(cls, 0), text(0, 0), special(sep, 0)];
    return {
      single: first,
      pair: [...first, special(sep, 0), text(1, 0), special(sep, 0)],
      plainTypes: [0, 0],
      trim: trim_offsets ? { prefixSpace: add_prefix_space } : undefined,
    };
  },
  ByteLevel: (stage) => {
    const { trim_offsets, add_prefix_space } = stageSchema(byteLevelSchema, stage);
    return { ...PLAIN, trim: trim_offsets ? { prefixSpace: add_prefix_space } : undefined };
  },
  Sequence: (stage) => {
    const list = z.object({ processors: z.array(z.looseObject({ type: z.string() })) });
    const each = stageSchema(list, stage).processors.map(postProcessorOf);
    const around = each.findLast(({ single }) => single.length > 1) ?? PLAIN;
    return { ...around, trim: each.find(({ trim }) => trim !== undefined)?.trim };
  },
};

/** What a stage of tokenizer.json says about special tokens. */
export function postProcessorOf(stage: Stage): PostProcessor {
  return makerOf("post-processor", POST_PROCESSORS, stage)(stage);
}

function special([name, id]: [string, number], typeId: number): Part {
  return { kind: "special", ids: [id], tokens: [name], typeId };
}

function unknownSpecial(id: string, known: readonly string[]): AbrazoError {
  return new AbrazoError({
    code: "INVALID_TOKENIZER",
    message: `The template of tokenizer.json names the special token "${id}", which its special_tokens lack.`,
    hint: `Its special_tokens are: ${known.join(", ") || "none"}.`,
    data: { id, known },
  });
}
