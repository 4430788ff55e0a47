// The files of a tokenizer in a folder: which there are, and what they say together.
// Knows not how a text is cut.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { AbrazoError } from "../errors.ts";
import { parseJson } from "../io/json.ts";
import { fileError } from "../io/system-error.ts";
import { tokenizerJsonSchema } from "./engine/engine.ts";
import { OLDER_FILES, readOlder } from "./older/read-older.ts";
import {
  type ModelConfig,
  modelConfigSchema,
  specialTokensMapSchema,
  type TokenizerConfig,
  tokenizerConfigSchema,
  withTokensMap,
} from "./special-tokens.ts";

export interface TokenizerContents {
  tokenizerJson: object;
  tokenizerConfig: TokenizerConfig;
  modelConfig: ModelConfig;
}

/** The bytes of a file, undefined where there is none. */
async function bytesOf(folder: string, name: string): Promise<Buffer | undefined> {
  const path = join(folder, name);
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      return undefined;
    throw fileError(path, error);
  }
}

async function jsonOf<Schema extends z.ZodType>(folder: string, name: string, schema: Schema) {
  const bytes = await bytesOf(folder, name);
  return bytes === undefined ? undefined : parseJson(bytes.toString("utf8"), schema, join(folder, name));
}

/**
 * Reads a tokenizer's files.
 *
 * @throws FILE_MISSING where none of the files is there that a tokenizer can be read from
 */
export async function readTokenizerFiles(folder: string): Promise<TokenizerContents> {
  const config = (await jsonOf(folder, "tokenizer_config.json", tokenizerConfigSchema)) ?? {};
  const map = (await jsonOf(folder, "special_tokens_map.json", specialTokensMapSchema)) ?? {};
  // A model's configuration is judged by the model; here only its words about tokens count, where they can be read.
  const modelConfig = modelConfigSchema.safeParse(await jsonOf(folder, "config.json", z.unknown()).catch(() => ({})));
  const tokenizerConfig = withTokensMap(config, map);
  const model = modelConfig.data ?? {};
  const tokenizerJson = await jsonOf(folder, "tokenizer.json", tokenizerJsonSchema);
  if (tokenizerJson !== undefined) return { tokenizerJson, tokenizerConfig, modelConfig: model };
  const contents = await Promise.all(OLDER_FILES.map(async (name) => [name, await bytesOf(folder, name)] as const));
  const files = new Map(contents.flatMap(([name, bytes]) => (bytes === undefined ? [] : [[name, bytes] as const])));
  const older = readOlder(files, tokenizerConfig, model);
  if (older === undefined) throw missing(folder);
  return { ...older, modelConfig: model };
}

function missing(folder: string): AbrazoError {
  return new AbrazoError({
    code: "FILE_MISSING",
    message: `${folder} has no tokenizer.json.`,
    hint: "A model repository needs tokenizer.json beside its weights, or vocab.txt, vocab.json and merges.txt, or a SentencePiece model.",
    data: { folder, name: "tokenizer.json" },
  });
}
