// Which files of a repository a model needs, and the folder that holds them: one of the disk, or one brought from the hub.
// Reads nothing in them.
import { requireType } from "../arguments.ts";
import { localFolder, type ResolveOptions, resolveModel } from "../hub/resolve-model.ts";

/** Configs, tokenizers of every kind, chat templates. */
export const CONFIG_FILES =
  /^((config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|preprocessor_config|processor_config|chat_template)\.json|vocab\.txt|merges\.txt|(spiece|tokenizer|sentencepiece\.bpe)\.model|chat_template\.jinja|additional_chat_templates\/[^/]+\.jinja)$/;

/** Weights, whole or in shards with their index. */
export const WEIGHT_FILES = /^model(-\d+-of-\d+)?\.safetensors(\.index\.json)?$/;

/** An adapter in PEFT's files. */
export const ADAPTER_FILES = /^adapter_(config\.json|model\.safetensors)$/;

/** Where a repository comes from. */
export interface SourceOptions {
  /** Branch, tag or commit; "main" when absent. */
  revision?: string | undefined;
  /** Access token of the hub; the one that `abrazo login` stored when absent. */
  token?: string | undefined;
  /** Address of the hub; ABRAZO_ENDPOINT, then HF_ENDPOINT, then https://huggingface.co when absent. */
  endpoint?: string | undefined;
  /** Folder of the download cache; HF_HUB_CACHE when absent. */
  cacheDir?: string | undefined;
  /** Ask no hub. */
  localFilesOnly?: boolean | undefined;
}

/** The folder of a model: the one that is named, or that of a repository with the files that match `wanted`. */
export async function modelFolder(
  source: string,
  options: SourceOptions,
  wanted: readonly RegExp[] = [CONFIG_FILES, WEIGHT_FILES],
): Promise<string> {
  requireType("fromPretrained", "string", source);
  const folder = localFolder(source);
  if (folder !== undefined) return folder;
  const access: ResolveOptions = { ...options, ignore: (path) => !wanted.some((files) => files.test(path)) };
  return (await resolveModel(source, access)).folder;
}
