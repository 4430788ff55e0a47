// Finds the folder of a model: an explicit folder, the hub and its cache, the copy shipped with the package.
// Loads nothing.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { AbrazoError, nearestName } from "../src/errors.ts";
import { requestJson } from "../src/hub/request.ts";
import { localFolder, resolveModel } from "../src/hub/resolve-model.ts";
import { cacheFolder, endpointOf, tokenFor } from "../src/hub/settings.ts";
import { parseJson } from "../src/io/json.ts";
import { log } from "../src/log.ts";
import { ADAPTER_FILES, CONFIG_FILES, WEIGHT_FILES } from "../src/models/files.ts";
import { hasWeights } from "../src/models/weights.ts";
import { packageFile } from "../src/package-root.ts";
import { findOnnx, onnxSuffix } from "./engine.ts";
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

/** Which weights of a repository are wanted: safetensors where there are some, or ONNX files. */
export type WeightKind = "any" | "onnx";

/** The model that the user named: a folder, or a repository of the hub. */
export async function findModel(
  model: string,
  options: PipelineOptions,
  defaults: readonly ShippedModel[],
  kind: WeightKind = "any",
): Promise<FoundModel> {
  const folder = localFolder(model);
  if (folder !== undefined) return { folder, name: model, revision: undefined };
  const own = defaults.find(({ name }) => name === model);
  try {
    return await fromHub(model, options, kind);
  } catch (error) {
    const copy = own === undefined || options.revision !== undefined ? undefined : shipped(own);
    if (copy === undefined) throw await notFound(error, model, options, defaults);
    const reason = error instanceof AbrazoError ? error.code : String(error);
    log.warn(`${model} could not be had from the hub (${reason}); using the copy shipped with the package.`, {
      ...copy,
    });
    return copy;
  }
}

function shipped({ task, name }: ShippedModel): FoundModel | undefined {
  const folder = packageFile("pipelines", "defaults", task);
  if (!existsSync(join(folder, "config.json"))) return undefined;
  // Shipped models change with the package, so its version pins them.
  const manifest = readFileSync(packageFile("package.json"), "utf8");
  const { version } = parseJson(manifest, z.looseObject({ version: z.string() }), "package.json");
  return { folder, name, revision: `v${version}` };
}

/** ONNX files, and the data that lies beside them, of one type of weights or of any. */
function onnxFiles(dtype: string | undefined): RegExp {
  const suffix = dtype === undefined ? "(_[a-z0-9]+)*" : onnxSuffix(dtype);
  const names = "([a-z]+_)*model(_merged)?|text_encoder|latent_denoiser|voice_decoder|encodec_decode";
  return new RegExp(`^(onnx/)?(${names})${suffix}\\.onnx(_data(_\\d+)?)?$`);
}

/** The weights as safetensors, or as ONNX files where there are none: never both. */
async function fromHub(model: string, options: PipelineOptions, kind: WeightKind): Promise<FoundModel> {
  const { revision, token, endpoint, cacheDir, localFilesOnly, dtype } = options;
  const get = (weights: RegExp) =>
    resolveModel(model, {
      ...{ revision, token, endpoint, cacheDir, localFilesOnly },
      ignore: (path) => ![CONFIG_FILES, ADAPTER_FILES, weights].some((wanted) => wanted.test(path)),
    });
  const stored = kind === "onnx" || (dtype !== undefined && dtype !== "fp32") ? undefined : await get(WEIGHT_FILES);
  if (stored !== undefined && (hasWeights(stored.folder) || hasAdapter(stored.folder)))
    return { folder: stored.folder, name: model, revision: stored.commit };
  // The most exact alone, unless there is none of it: repositories hold many.
  const exact = await get(onnxFiles(dtype ?? "fp32"));
  if (kind === "any" && isMade(dtype) && findOnnx(exact.folder, dtype) === undefined) {
    // There is no such file, so it takes more: our own graphs make the type of the weights as they load.
    const { folder, commit } = await get(WEIGHT_FILES);
    if (hasWeights(folder) || hasAdapter(folder)) return { folder, name: model, revision: commit };
  }
  const isThere = dtype !== undefined || findOnnx(exact.folder, "fp32") !== undefined;
  const { folder, commit } = isThere ? exact : await get(onnxFiles(undefined));
  return { folder, name: model, revision: commit };
}

const isMade = (dtype: string | undefined): boolean => dtype === "q8" || dtype === "q4";

const hasAdapter = (folder: string): boolean => existsSync(join(folder, "adapter_config.json"));

/** A repository that is not there: the hub's answer, with the nearest name that is known. */
async function notFound(
  error: unknown,
  model: string,
  { endpoint, token, cacheDir, localFilesOnly }: PipelineOptions,
  defaults: readonly ShippedModel[],
): Promise<unknown> {
  const missing = error instanceof AbrazoError && (error.data["status"] === 404 || error.code === "NOT_CACHED");
  if (!missing) return error;
  const known = [...defaults.map(({ name }) => name), ...cachedModels(cacheDir)];
  const others = known.filter((name) => name !== model);
  const near =
    nearestName(model, others) ??
    (localFilesOnly === true ? undefined : nearestName(model, await modelsOfNamespace(model, endpoint, token)));
  if (near === undefined) return error;
  return new AbrazoError({
    code: error.code,
    message: error.message,
    hint: `Did you mean "${near}"? ${error.hint ?? ""}`.trim(),
    data: { ...error.data, near },
    cause: error,
  });
}

function cachedModels(cacheDir: string | undefined): string[] {
  try {
    return readdirSync(cacheFolder(cacheDir))
      .filter((entry) => entry.startsWith("models--"))
      .map((entry) => entry.split("--").slice(1).join("/"));
  } catch {
    return [];
  }
}

/** Names beside the wanted one on the hub; none when it does not answer. */
async function modelsOfNamespace(
  model: string,
  endpoint: string | undefined,
  token: string | undefined,
): Promise<string[]> {
  const base = endpointOf(endpoint);
  const namespace = encodeURIComponent(model.split("/")[0] ?? "");
  const access = { endpoint: base, token: tokenFor(base, token) };
  const path = `/api/models?author=${namespace}&limit=100`;
  try {
    return (await requestJson(access, path, z.array(z.looseObject({ id: z.string() })))).value.map(({ id }) => id);
  } catch {
    return [];
  }
}
