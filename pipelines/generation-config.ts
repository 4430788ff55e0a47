// generation_config.json: what a repository says about how its model generates.
// Chooses no defaults: those are the task's. What options there are stands in src/generate/options.ts.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { generationFile } from "../src/generate/generation-config.ts";
import type { GenerationOptions } from "../src/generate/options.ts";
import { readJson } from "../src/io/json.ts";
import { log } from "../src/log.ts";
import type { BaseConfig } from "../src/models/architecture.ts";
import type { Tokenizer } from "../src/text/tokenizer.ts";

const id = z.number().int().nonnegative();
const fileSchema = z.looseObject({});
const tokenSchema = z.looseObject({ bos_token_id: id.nullish(), eos_token_id: z.union([id, z.array(id)]).nullish() });

/** Options that the repository gives; the others are undefined. */
export interface GenerationConfig extends GenerationOptions {
  eosTokenIds: readonly number[];
  padTokenId: number;
}

/** Reads the file; token ids that it lacks come from config.json, then from the tokenizer. */
export async function readGenerationConfig(
  folder: string,
  config: BaseConfig,
  tokenizer: Tokenizer,
): Promise<GenerationConfig> {
  const path = join(folder, "generation_config.json");
  // A model that the caller made lies in no folder.
  const hasFile = folder !== "" && existsSync(path);
  const { options, unread } = generationFile(hasFile ? await readJson(path, fileSchema) : {}, path);
  if (unread.length > 0) log.warn(`${path} asks for what is not done here: ${unread.join(", ")}`);
  const model = tokenSchema.parse(config);
  const eos = options.eosTokenIds ?? model.eos_token_id ?? tokenizer.specialId("eos") ?? [];
  return {
    ...options,
    bosTokenId: options.bosTokenId ?? model.bos_token_id ?? tokenizer.specialId("bos"),
    eosTokenIds: [eos].flat(),
    padTokenId: options.padTokenId ?? tokenizer.padId,
  };
}
