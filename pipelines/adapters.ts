// Finds the folders of adapters, and the base of a repository that is nothing but an adapter.
// Loads nothing, and knows no model.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { AbrazoError } from "../src/errors.ts";
import { localFolder, resolveModel } from "../src/hub/resolve-model.ts";
import { ADAPTER_FILES } from "../src/models/files.ts";
import { numberedLabels } from "../src/models/labels.ts";
import { baseOf } from "../src/models/lora-config.ts";
import { headRows } from "../src/models/lora-file.ts";
import { hasWeights } from "../src/models/weights.ts";
import { findOnnx } from "./engine.ts";
import type { PipelineOptions } from "./options.ts";
import type { FoundModel } from "./resolve.ts";

/** The name of the adapter of a repository that is nothing else, as PEFT has it. */
const DEFAULT = "default";

/** Folders by name: those that are named, or those of repositories, brought from the hub as models are. */
export async function findAdapters(options: PipelineOptions): Promise<Map<string, string>> {
  const rows = Object.entries(options.adapters ?? {});
  return new Map(
    await Promise.all(rows.map(async ([name, source]) => [name, await folderOf(source, options)] as const)),
  );
}

/** A repository's version is its own, as "namespace/name@revision": the option is that of the model. */
async function folderOf(source: string, options: PipelineOptions): Promise<string> {
  const [, name = source, revision] = /^([^@]+)@([^@]+)$/.exec(source) ?? [];
  const folder = existsSync(source) ? localFolder(source) : localFolder(name);
  if (folder !== undefined) return folder;
  const { token, endpoint, cacheDir, localFilesOnly } = options;
  const access = { revision, token, endpoint, cacheDir, localFilesOnly };
  return (await resolveModel(name, { ...access, ignore: (path) => !ADAPTER_FILES.test(path) })).folder;
}

/** Whether adapters are asked for. */
export const wantsAdapters = ({ adapters = {}, adapter }: PipelineOptions): boolean =>
  Object.keys(adapters).length > 0 || adapter !== undefined;

/** Names of the classes of a head that each of the adapters has, for bases that have none; undefined where one has none. */
export async function headLabels(adapters: ReadonlyMap<string, string>): Promise<Record<string, string> | undefined> {
  const [rows, ...others] = await Promise.all([...adapters.values()].map(headRows));
  return rows === undefined || others.some((each) => each !== rows) ? undefined : numberedLabels(rows);
}

/** Whether a folder has an adapter, and no model that it could be beside. */
export function isOnlyAdapter(folder: string): boolean {
  return existsSync(join(folder, "adapter_config.json")) && !hasWeights(folder) && findOnnx(folder) === undefined;
}

/**
 * The model to load, and the options to load it with: where a repository is only an adapter, its base, with the adapter for every call
 * that names none.
 *
 * @param find finds a model, as that of the adapter was found
 * @throws ADAPTER_WITHOUT_BASE, ADAPTER_EXISTS, and what `find` throws
 */
export async function withBase(
  found: FoundModel,
  options: PipelineOptions,
  find: (base: string, options: PipelineOptions) => Promise<FoundModel>,
): Promise<{ found: FoundModel; options: PipelineOptions }> {
  if (!isOnlyAdapter(found.folder)) return { found, options };
  if (options.adapters?.[DEFAULT] !== undefined) throw takenName(found.name);
  const { base, revision } = await baseOf(found.folder);
  if (base === undefined) throw withoutBase(found);
  const { folder } = await find(base, { ...options, revision }).catch((cause: unknown) => {
    throw cause instanceof AbrazoError ? lostBase(found, base, cause) : cause;
  });
  if (isOnlyAdapter(folder)) throw adapterOfAdapter(found, base);
  const adapters = { [DEFAULT]: found.folder, ...options.adapters };
  return { found: { ...found, folder }, options: { ...options, adapters, adapter: options.adapter ?? DEFAULT } };
}

const byHand = (folder: string): string =>
  `Name the base yourself: pipeline(task, base, { adapters: { mine: "${folder}" }, adapter: "mine" }).`;

function withoutBase({ name, folder }: FoundModel): AbrazoError {
  return new AbrazoError({
    code: "ADAPTER_WITHOUT_BASE",
    message: `${name} is an adapter, and its adapter_config.json names no base_model_name_or_path.`,
    hint: byHand(folder),
    data: { name, folder },
  });
}

function lostBase({ name, folder }: FoundModel, base: string, cause: AbrazoError): AbrazoError {
  return new AbrazoError({
    code: cause.code,
    message: `${name} is an adapter of ${base}, which could not be had: ${cause.message}`,
    hint: byHand(folder),
    data: { ...cause.data, name, base },
    cause,
  });
}

function adapterOfAdapter({ name }: FoundModel, base: string): AbrazoError {
  return new AbrazoError({
    code: "ADAPTER_WITHOUT_BASE",
    message: `${name} is an adapter of ${base}, which is an adapter too.`,
    hint: "Merge the first into its base with mergeAdapter() and savePretrained(), and name that folder as the base.",
    data: { name, base },
  });
}

function takenName(name: string): AbrazoError {
  return new AbrazoError({
    code: "ADAPTER_EXISTS",
    message: `${name} is an adapter itself, and has the name "${DEFAULT}".`,
    hint: "Give the other one another name.",
    data: { name: DEFAULT },
  });
}

/** What runs from ONNX files has its weights inside, and no place for others. */
export function noAdaptersOf(what: string): AbrazoError {
  return new AbrazoError({
    code: "ADAPTERS_UNSUPPORTED",
    message: `${what} runs from ONNX files, which take no adapters.`,
    hint: "Adapters need a model with safetensors; or merge one with mergeAdapter(), and export what comes out.",
    data: { what },
  });
}
