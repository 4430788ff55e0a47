// The name of a repository → a folder with its files: asked of the hub, kept in the cache.
// Loads nothing.

import { existsSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { AbrazoError } from "../errors.ts";
import { parseRepoId } from "./repo-id.ts";
import { cacheFolder, endpointOf, isOffline, tokenFor } from "./settings.ts";
import { snapshotDownload } from "./snapshot.ts";

/** Which version is wanted, from which hub, and where it is kept. */
export interface ResolveOptions {
  revision?: string | undefined;
  token?: string | undefined;
  cacheDir?: string | undefined;
  localFilesOnly?: boolean | undefined;
  endpoint?: string | undefined;
  ignore?: ((path: string) => boolean) | undefined;
}

/** Where a model lies on disk, which commit it is, and whether the hub was asked. */
export interface ResolvedModel {
  folder: string;
  commit: string;
  source: "hub" | "cache";
}

/**
 * Brings a model repository into the cache.
 *
 * @param name "namespace/name"
 * @example needs a hub
 * ```ts
 * const { folder, commit } = await resolveModel("ana/sentiment-small", { revision: "main" });
 * ```
 */
export function resolveModel(name: string, options: ResolveOptions = {}): Promise<ResolvedModel> {
  const endpoint = endpointOf(options.endpoint);
  const access = { endpoint, token: tokenFor(endpoint, options.token) };
  return snapshotDownload(access, parseRepoId(name), {
    revision: options.revision,
    cacheDir: cacheFolder(options.cacheDir),
    localFilesOnly: options.localFilesOnly ?? isOffline(),
    ignore: options.ignore,
  });
}

/** A path as a folder; undefined for what can only be a repository's name. A path that is not there is an error. */
export function localFolder(model: string): string | undefined {
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
