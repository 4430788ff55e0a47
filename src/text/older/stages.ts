// Stages of tokenizer.json as the recipes for older files need them.
// Knows no files and no architecture.
import type { Stage } from "../engine/stage.ts";

export const SPACE_MARK = "▁";

export type Scheme = "always" | "first" | "never";

export const sequence = (kind: "normalizers" | "pretokenizers" | "decoders", stages: readonly Stage[]): Stage => ({
  type: "Sequence",
  [kind]: stages,
});

export const metaspace = (prepend_scheme: Scheme, split = true): Stage => ({
  type: "Metaspace",
  replacement: SPACE_MARK,
  prepend_scheme,
  split,
});

/** White space cut away, then each word with the mark before it. */
export const wordsWithMark = (scheme: Scheme): Stage =>
  sequence("pretokenizers", [{ type: "WhitespaceSplit" }, metaspace(scheme)]);

export const replace = (pattern: { String: string } | { Regex: string }, content: string): Stage => ({
  type: "Replace",
  pattern,
  content,
});

export const byteLevel = (add_prefix_space: boolean, use_regex = true): Stage => ({
  type: "ByteLevel",
  add_prefix_space,
  trim_offsets: true,
  use_regex,
});

/** Pieces with byte tokens → text; `strip` takes the space away that was put before it. */
export const byteFallbackDecoder = (strip: boolean): Stage =>
  sequence("decoders", [
    replace({ String: SPACE_MARK }, " "),
    { type: "ByteFallback" },
    { type: "Fuse" },
    ...(strip ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : []),
  ]);

/**
 * A template by words: "$A" and "$B" are the texts, other words special tokens, each with ":" and its type where that is
 * not 0.
 *
 * @param idOf the id of a special token
 */
export function template(single: string, pair: string, idOf: (token: string) => number): Stage {
  const special_tokens: Record<string, object> = {};
  const piecesOf = (words: string) =>
    words.split(" ").map((word) => {
      const [, name = word, type = "0"] = /^(.*?)(?::(\d))?$/.exec(word) ?? [];
      if (name === "$A" || name === "$B") return { Sequence: { id: name.slice(1), type_id: Number(type) } };
      special_tokens[name] = { id: name, ids: [idOf(name)], tokens: [name] };
      return { SpecialToken: { id: name, type_id: Number(type) } };
    });
  return { type: "TemplateProcessing", single: piecesOf(single), pair: piecesOf(pair), special_tokens };
}
