// Which files of a repository a model needs, and the folder that holds them: one of the disk, or one brought from the hub.
// Reads nothing in them.
import { requireType } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
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

/** Options that say where on a hub a repository is, and who asks. */
export const HUB_OPTIONS = ["revision", "token", "endpoint", "cacheDir"] as const;

/** The error for such an option where no hub is asked. */
export function idleBeside(option: string, reason: string): AbrazoError {
  return new AbrazoError({
    code: "INVALID_OPTION",
    message: `${option} changes nothing here: ${reason}.`,
    hint: `Leave it out, or name a repository of a hub, as namespace/name.`,
    data: { option },
  });
}

/** The folder of a model: the one that is named, or that of a repository with the files that match `wanted`. */
export async function modelFolder(
  source: string,
  options: SourceOptions,
  wanted: readonly RegExp[] = [CONFIG_FILES, WEIGHT_FILES],
): Promise<string> {
  requireType("fromPretrained", "string", source);
  const folder = localFolder(source);
  if (folder !== undefined) {
    const idle = HUB_OPTIONS.find((name) => options[name] !== undefined);
    if (idle === undefined) return folder;
    throw idleBeside(idle, `${source} is a folder, which is read as it is`);
  }
  const access: ResolveOptions = { ...options, ignore: (path) => !wanted.some((files) => files.test(path)) };
  return (await resolveModel(source, access)).folder;
}
