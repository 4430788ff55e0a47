// The name of a repository → a folder with its files: asked of the hub, kept in the cache.
// Loads nothing.

import { parseRepoId } from "./repo-id.ts";
import { cacheFolder, endpointOf, isOffline, tokenFor } from "./settings.ts";
import { snapshot } from "./snapshot.ts";

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
  return snapshot(access, parseRepoId(name), {
    revision: options.revision,
    cacheDir: cacheFolder(options.cacheDir),
    localFilesOnly: options.localFilesOnly ?? isOffline(),
    ignore: options.ignore,
  });
}
