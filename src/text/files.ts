// The files of a tokenizer in a folder: which there are, and what they say together.
// Knows not how a text is cut.
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { AbrazoError } from "../errors.ts";
import { parseJson } from "../io/json.ts";
import { fileError, onFile } from "../io/system-error.ts";
import { DEFAULT_TEMPLATE, templatesOf } from "./chat-template.ts";
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
  /** Templates that have their own files, and the names that these go by; undefined where there are none. */
  chatTemplates: ReadonlyMap<string, string> | undefined;
}

const TEMPLATE = "chat_template.jinja";
const MORE_TEMPLATES = "additional_chat_templates";

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
  const chatTemplates = await templateFiles(folder, tokenizerConfig);
  if (tokenizerJson !== undefined) return { tokenizerJson, tokenizerConfig, modelConfig: model, chatTemplates };
  const contents = await Promise.all(OLDER_FILES.map(async (name) => [name, await bytesOf(folder, name)] as const));
  const files = new Map(contents.flatMap(([name, bytes]) => (bytes === undefined ? [] : [[name, bytes] as const])));
  const older = readOlder(files, tokenizerConfig, model);
  if (older === undefined) throw missing(folder);
  return { ...older, modelConfig: model, chatTemplates };
}

/** The files stand before what tokenizer_config.json says. */
async function templateFiles(
  folder: string,
  config: TokenizerConfig,
): Promise<ReadonlyMap<string, string> | undefined> {
  const names = await readdir(join(folder, MORE_TEMPLATES)).catch(() => []);
  const files = [
    TEMPLATE,
    ...names.filter((name) => name.endsWith(".jinja")).map((name) => `${MORE_TEMPLATES}/${name}`),
  ];
  const templates = templatesOf(config);
  let found = false;
  for (const file of files) {
    const text = (await bytesOf(folder, file))?.toString("utf8");
    if (text === undefined) continue;
    found = true;
    templates.set(file === TEMPLATE ? DEFAULT_TEMPLATE : basename(file, ".jinja"), text);
  }
  return found ? templates : undefined;
}

/** Writes a tokenizer's files into a folder. */
export async function writeTokenizerFiles(
  folder: string,
  contents: Pick<TokenizerContents, "tokenizerJson" | "tokenizerConfig" | "chatTemplates">,
): Promise<void> {
  const { chat_template: _, ...config } = contents.tokenizerConfig;
  const files: [name: string, text: string][] = [
    ["tokenizer.json", `${JSON.stringify({ ...EMPTY, ...contents.tokenizerJson })}\n`],
    ["tokenizer_config.json", `${JSON.stringify(config, null, 2)}\n`],
    ...Array.from(contents.chatTemplates ?? [], ([name, text]): [string, string] => [templateFile(name), text]),
  ];
  for (const [name, text] of files) {
    const path = join(folder, name);
    await onFile(path, async () => {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    });
  }
}

/** What tokenizer.json must have for others to read it. */
const EMPTY = {
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
};

function templateFile(name: string): string {
  if (name === DEFAULT_TEMPLATE) return TEMPLATE;
  // A name comes from a repository and must not lead out of the folder.
  return join(MORE_TEMPLATES, `${name.replace(/[^\p{L}\p{N}_.-]/gu, "_")}.jinja`);
}

function missing(folder: string): AbrazoError {
  return new AbrazoError({
    code: "FILE_MISSING",
    message: `${folder} has no tokenizer.json.`,
    hint: "A model repository needs tokenizer.json beside its weights, or vocab.txt, vocab.json and merges.txt, or a SentencePiece model.",
    data: { folder, name: "tokenizer.json" },
  });
}
