// generation_config.json: what a repository says about how its model generates.
// Chooses no defaults: those are the task's.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { readJson } from "../src/io/json.ts";
import type { BaseConfig } from "../src/models/architecture.ts";
import type { Tokenizer } from "../src/text/tokenizer.ts";

const id = z.number().int().nonnegative();
const ids = z.union([id, z.array(id)]).nullish();

const fileSchema = z.looseObject({
  bos_token_id: id.nullish(),
  eos_token_id: ids,
  pad_token_id: id.nullish(),
  do_sample: z.boolean().nullish(),
  temperature: z.number().positive().nullish(),
  top_k: z.number().int().nonnegative().nullish(),
  top_p: z.number().positive().max(1).nullish(),
  repetition_penalty: z.number().positive().nullish(),
  max_new_tokens: z.number().int().positive().nullish(),
});

const tokenSchema = z.looseObject({ bos_token_id: id.nullish(), eos_token_id: ids });

/** Values that the repository gives; the others are undefined. */
export interface GenerationConfig {
  /** Token that an empty prompt starts with. */
  bosTokenId: number | undefined;
  eosTokenIds: readonly number[];
  padTokenId: number;
  doSample: boolean | undefined;
  temperature: number | undefined;
  topK: number | undefined;
  topP: number | undefined;
  repetitionPenalty: number | undefined;
  maxNewTokens: number | undefined;
}

/** Reads the file; token ids that it lacks come from config.json, then from the tokenizer. */
export async function readGenerationConfig(
  folder: string,
  config: BaseConfig,
  tokenizer: Tokenizer,
): Promise<GenerationConfig> {
  const path = join(folder, "generation_config.json");
  const file = existsSync(path) ? await readJson(path, fileSchema) : {};
  const model = tokenSchema.parse(config);
  const eos = file.eos_token_id ?? model.eos_token_id ?? tokenizer.specialId("eos") ?? [];
  const eosTokenIds = typeof eos === "number" ? [eos] : eos;
  return {
    bosTokenId: file.bos_token_id ?? model.bos_token_id ?? tokenizer.specialId("bos"),
    eosTokenIds,
    padTokenId: file.pad_token_id ?? tokenizer.padId,
    doSample: file.do_sample ?? undefined,
    temperature: file.temperature ?? undefined,
    topK: file.top_k ?? undefined,
    topP: file.top_p ?? undefined,
    repetitionPenalty: file.repetition_penalty ?? undefined,
    maxNewTokens: file.max_new_tokens ?? undefined,
  };
}
