// What tokenizer_config.json, special_tokens_map.json and config.json say about special tokens, brought together.
// Knows no files and no models.
import { z } from "zod";
import type { AddedToken } from "./engine/added-tokens.ts";

/** The roles that a special token may have. */
export const ROLES = ["pad", "eos", "bos", "unk", "cls", "sep", "mask"] as const;
export type SpecialName = (typeof ROLES)[number];

const flag = z.boolean().nullish();
const described = z.looseObject({
  content: z.string(),
  single_word: flag,
  lstrip: flag,
  rstrip: flag,
  normalized: flag,
  special: flag,
});
const token = z.union([z.string(), described]);
type Token = z.infer<typeof token>;
const special = token.nullish();
// A list, or in newer files also names for single tokens.
const specials = z.union([z.array(token), z.record(z.string(), token)]).nullish();

const roleFields = {
  pad_token: special,
  eos_token: special,
  bos_token: special,
  unk_token: special,
  cls_token: special,
  sep_token: special,
  mask_token: special,
  additional_special_tokens: specials,
  extra_special_tokens: specials,
};

export const specialTokensMapSchema = z.looseObject(roleFields);

const template = z.looseObject({ name: z.string(), template: z.string() });
const side = z.enum(["left", "right"]).nullish();
export const tokenizerConfigSchema = z.looseObject({
  ...roleFields,
  model_max_length: z.number().nullish(),
  added_tokens_decoder: z.record(z.string(), described).nullish(),
  tokenizer_class: z.string().nullish(),
  chat_template: z.union([z.string(), z.array(template)]).nullish(),
  clean_up_tokenization_spaces: flag,
  padding_side: side,
  truncation_side: side,
});
/** tokenizer_config.json: special tokens, sides, lengths, chat templates. */
export type TokenizerConfig = z.infer<typeof tokenizerConfigSchema>;

const idOrIds = z.union([z.int(), z.array(z.int())]).nullish();
export const modelConfigSchema = z.looseObject({
  model_type: z.string().nullish(),
  pad_token_id: idOrIds,
  eos_token_id: idOrIds,
  bos_token_id: idOrIds,
  unk_token_id: idOrIds,
  cls_token_id: idOrIds,
  sep_token_id: idOrIds,
  mask_token_id: idOrIds,
});
export type ModelConfig = z.infer<typeof modelConfigSchema>;

/** One configuration: what tokenizer_config.json lacks is taken from special_tokens_map.json. */
export function withTokensMap(config: TokenizerConfig, map: z.infer<typeof specialTokensMapSchema>): TokenizerConfig {
  const missing = Object.entries(map).filter(([name, value]) => value && !config[name]);
  return { ...config, ...Object.fromEntries(missing) };
}

/** Every special token that a configuration names. */
export function namedTokens(config: TokenizerConfig): Token[] {
  const roles = ROLES.flatMap((role) => config[`${role}_token`] ?? []);
  const lists = [config.additional_special_tokens, config.extra_special_tokens];
  return [...roles, ...lists.flatMap((list) => Object.values(list ?? {}))];
}

export function contentOf(token: Token): string {
  return typeof token === "string" ? token : token.content;
}

/**
 * The added tokens of a tokenizer and those that its configuration names beside: what is in the vocabulary, or in
 * `added_tokens_decoder` with an id of its own. A token that was added already stays as it is.
 *
 * @param idOf the id that the vocabulary has for a token
 */
export function withNamedTokens(
  added: readonly AddedToken[],
  config: TokenizerConfig,
  idOf: (token: string) => number | undefined,
): AddedToken[] {
  const byContent = new Map(added.map((token) => [token.content, token]));
  const named = namedTokens(config);
  const special = new Set(named.map(contentOf));
  const add = (token: Token, id: number | undefined) => {
    const content = contentOf(token);
    if (content === "" || id === undefined || byContent.has(content)) return;
    byContent.set(content, addedToken(token, id, special.has(content)));
  };
  for (const [id, token] of Object.entries(config.added_tokens_decoder ?? {})) {
    add(token, idOf(token.content) ?? Number(id));
  }
  for (const token of named) add(token, idOf(contentOf(token)));
  return [...byContent.values()];
}

/** An added token with the flags of its description; a bare string is special and not normalized. */
export function addedToken(token: Token, id: number, isSpecial: boolean): AddedToken {
  const flags = typeof token === "string" ? undefined : token;
  const special = isSpecial || flags?.special === true;
  return {
    id,
    content: contentOf(token),
    single_word: flags?.single_word ?? false,
    lstrip: flags?.lstrip ?? false,
    rstrip: flags?.rstrip ?? false,
    normalized: flags?.normalized ?? !special,
    special,
  };
}

/** Added tokens as tokenizer_config.json lists them: by their ids. */
export function decoderOf(tokens: readonly AddedToken[]): Record<string, Omit<AddedToken, "id">> {
  return Object.fromEntries(tokens.map(({ id, ...flags }) => [String(id), flags]));
}
