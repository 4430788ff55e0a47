// Two revisions of a repository, file by file or line by line.
// Computes no lines: the hub does.
import { apiPath, listFiles, type RemoteEntry } from "./client.ts";
import type { RepoId } from "./repo-id.ts";
import { type HubAccess, requestText } from "./request.ts";

/** A file that two revisions do not have alike. */
export interface FileChange {
  path: string;
  change: "added" | "deleted" | "changed";
  before?: RemoteEntry;
  after?: RemoteEntry;
}

/**
 * The files that differ between two revisions, by path. Reads lists alone, so it works with any hub.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: undefined };
 * const changes = await diffRevisions(access, parseRepoId("ana/mood"), "v1", "main");
 * changes.map(({ change, path }) => `${change} ${path}`); // ["changed model.safetensors"]
 * ```
 */
export async function diffRevisions(access: HubAccess, id: RepoId, from: string, to: string): Promise<FileChange[]> {
  const [old, next] = await Promise.all([listFiles(access, id, from), listFiles(access, id, to)]);
  const before = new Map(old.map((entry) => [entry.path, entry]));
  const after = new Map(next.map((entry) => [entry.path, entry]));
  const changes: FileChange[] = [];
  for (const path of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    const [was, is] = [before.get(path), after.get(path)];
    if (was !== undefined && is !== undefined) {
      if (was.oid !== is.oid) changes.push({ path, change: "changed", before: was, after: is });
    } else if (is !== undefined) changes.push({ path, change: "added", after: is });
    else if (was !== undefined) changes.push({ path, change: "deleted", before: was });
  }
  return changes;
}

/**
 * What changed between two revisions, as git's unified diff.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: undefined };
 * await compareRevisions(access, parseRepoId("ana/mood"), "v1", "main"); // "diff --git a/config.json b/config.json\n…"
 * ```
 */
export async function compareRevisions(access: HubAccess, id: RepoId, from: string, to: string): Promise<string> {
  const range = `${encodeURIComponent(from)}..${encodeURIComponent(to)}`;
  return (await requestText(access, `${apiPath(id)}/compare/${range}`)).text;
}
