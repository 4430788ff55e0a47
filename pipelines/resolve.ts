// Finds the folder of a model: an explicit folder, the hub and its cache, the copy shipped with the package.
// Loads nothing.
import { existsSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { z } from "zod";
import { AbrazoError } from "../src/errors.ts";
import { parseJson } from "../src/io/json.ts";
import { log } from "../src/log.ts";
import { packageFile } from "../src/package-root.ts";
import type { PipelineOptions } from "./options.ts";

export interface FoundModel {
  folder: string;
  /** What the user calls it: a folder or namespace/name. */
  name: string;
  /** Commit or version, where there is one. */
  revision: string | undefined;
}

/** A task's shipped model, or undefined when this installation has none. */
export interface ShippedModel {
  task: string;
  name: string;
}

/** The default model of a task, with a warning that names it and its version. */
export function findDefault({ task, name }: ShippedModel): FoundModel {
  const found = shipped({ task, name });
  if (found === undefined) {
    throw new AbrazoError({
      code: "NO_DEFAULT_MODEL",
      message: `No default model of ${task} is installed.`,
      hint: `Name one: pipeline("${task}", "namespace/name" or a folder).`,
      data: { task },
    });
  }
  log.warn(
    `No model was supplied, defaulted to ${name} and revision ${found.revision} (${found.folder}).\n` +
      "Using a pipeline without specifying a model name and revision in production is not recommended.",
    { ...found },
  );
  return found;
}

/** The model that the user named: a folder, or a repository of the hub. */
export async function findModel(
  model: string,
  options: PipelineOptions,
  defaults: readonly ShippedModel[],
): Promise<FoundModel> {
  const folder = folderOf(model);
  if (folder !== undefined) return { folder, name: model, revision: undefined };
  const own = defaults.find(({ name }) => name === model);
  try {
    return await fromHub(model, options);
  } catch (error) {
    const copy = own === undefined || options.revision !== undefined ? undefined : shipped(own);
    if (copy === undefined) throw error;
    log.warn(`${model} could not be had from the hub; using the copy shipped with the package.`, { ...copy });
    return copy;
  }
}

/** A path as a folder; undefined for what can only be a repository's name. A path that is not there is an error. */
function folderOf(model: string): string | undefined {
  const path = model.startsWith("~/") ? join(homedir(), model.slice(2)) : resolve(model);
  if (existsSync(path) && statSync(path).isDirectory()) return path;
  const isPath = isAbsolute(model) || /^(\.{0,2}|~)[\\/]/.test(model) || model.split("/").length > 2;
  if (!isPath) return undefined;
  throw new AbrazoError({
    code: "MODEL_NOT_FOUND",
    message: `There is no folder ${path}.`,
    hint: "Give a folder that holds config.json, or the name of a repository as namespace/name.",
    data: { model, path },
  });
}

function shipped({ task, name }: ShippedModel): FoundModel | undefined {
  const folder = packageFile("pipelines", "defaults", task);
  if (!existsSync(join(folder, "config.json"))) return undefined;
  // Shipped models change with the package, so its version pins them.
  const manifest = readFileSync(packageFile("package.json"), "utf8");
  const { version } = parseJson(manifest, z.looseObject({ version: z.string() }), "package.json");
  return { folder, name, revision: `v${version}` };
}

async function fromHub(model: string, options: PipelineOptions): Promise<FoundModel> {
  throw new AbrazoError({
    code: "MODEL_NOT_FOUND",
    message: `There is no model "${model}"${options.revision === undefined ? "" : ` at ${options.revision}`}.`,
    hint: "Give a folder that holds config.json, or the name of a repository as namespace/name.",
  });
}
