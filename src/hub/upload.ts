// A folder → one commit on a hub, through the official client.
// Writes no card: that is the caller's.
import { readdir } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { pathToFileURL } from "node:url";
import * as official from "@huggingface/hub";
import { AbrazoError } from "../errors.ts";
import { reportProgress } from "../log.ts";
import { type HubAccess, hubError, unreachable } from "./client.ts";
import { fullName, type RepoId } from "./repo-id.ts";

/** What the official client calls a repository. */
const designation = (id: RepoId) => ({ type: id.type, name: fullName(id) });

const credentials = ({ endpoint, token }: HubAccess) => ({
  hubUrl: endpoint,
  ...(token !== undefined && { accessToken: token }),
});

/** Errors of the official client in our words. */
async function translated<Result>(access: HubAccess, call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof official.HubApiError) {
      throw hubError(error.statusCode, {
        message: error.message,
        wireCode: undefined,
        requestId: error.requestId,
        signedIn: access.token !== undefined,
        endpoint: access.endpoint,
      });
    }
    if (error instanceof TypeError && /fetch/.test(error.message)) throw unreachable(access.endpoint, error);
    throw error;
  }
}

/** Makes a repository; one that exists already is fine. Returns whether it was made. */
export async function createRepo(access: HubAccess, id: RepoId, { isPrivate = false } = {}): Promise<boolean> {
  return translated(access, async () => {
    try {
      await official.createRepo({ ...credentials(access), repo: designation(id), private: isPrivate });
      return true;
    } catch (error) {
      if (error instanceof official.HubApiError && error.statusCode === 409) return false;
      throw error;
    }
  });
}

export function deleteRepo(access: HubAccess, id: RepoId): Promise<void> {
  return translated(access, () => official.deleteRepo({ ...credentials(access), repo: designation(id) }));
}

/** The user behind a token. */
export async function whoAmI(access: HubAccess): Promise<{ name: string; role: string | undefined }> {
  return translated(access, async () => {
    const me = await official.whoAmI({ ...credentials(access) } as Parameters<typeof official.whoAmI>[0]); // safe because a missing token is answered by the hub with 401
    return { name: me.name, role: me.auth?.accessToken?.role };
  });
}

const IGNORED = new Set([".git", ".cache", "node_modules", ".DS_Store"]);

/** Files of a folder by their path in the repository, sorted; caches and git's own are left out. */
export async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((cause: unknown) => {
    throw new AbrazoError({
      code: "FOLDER_MISSING",
      message: `The folder ${folder} cannot be read.`,
      hint: "Give a folder that holds the repository's files.",
      cause,
    });
  });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((path) => !path.split("/").some((segment) => IGNORED.has(segment)))
    .sort();
}

export interface UploadOptions {
  message: string;
  revision?: string | undefined;
}

/** Commits a folder's files: one commit, unchanged files are skipped by the client. Returns the commit. */
export async function uploadFolder(
  access: HubAccess,
  id: RepoId,
  folder: string,
  { message, revision = "main" }: UploadOptions,
): Promise<{ commit: string; url: string; files: number }> {
  const paths = await filesOf(folder);
  return translated(access, async () => {
    const upload = official.uploadFilesWithProgress({
      ...credentials(access),
      repo: designation(id),
      branch: revision,
      commitTitle: message,
      useXet: false,
      files: paths.map((path) => ({ path, content: pathToFileURL(join(folder, path)) })),
    });
    for (let next = await upload.next(); ; next = await upload.next()) {
      if (next.done === true) {
        if (next.value === undefined)
          throw new AbrazoError({
            code: "NOTHING_TO_COMMIT",
            message: `${folder} holds no files.`,
            hint: "Give a folder with files.",
          });
        const { oid, url } = next.value.commit;
        return { commit: oid, url, files: paths.length };
      }
      const event = next.value;
      if (event.event !== "fileProgress" || event.state !== "uploading") continue;
      reportProgress({
        task: `upload ${event.path}`,
        loaded: event.progress,
        total: 1,
        unit: "items",
        done: event.progress >= 1,
      });
    }
  });
}
