// A folder to a repository: made if need be, with its card, as one commit.
// Checks no files.
import { readText } from "../hub/client.ts";
import { fullName, type RepoId } from "../hub/repo-id.ts";
import { createRepo, repoInfo } from "../hub/repositories.ts";
import type { HubAccess } from "../hub/request.ts";
import { type Uploaded, type UploadOptions, uploadFolder } from "../hub/upload.ts";
import { log } from "../log.ts";
import { refreshCard } from "./card.ts";

export interface PublishOptions extends UploadOptions {
  access: HubAccess;
  id: RepoId;
  folder: string;
  isPrivate?: boolean | undefined;
  /** Write or refresh the card. */
  card: boolean;
}

export async function publish(options: PublishOptions): Promise<Uploaded> {
  const { access, id, folder, isPrivate = false, card, ...upload } = options;
  const { revision = "main" } = upload;
  const made = await createRepo(access, id, { isPrivate });
  if (!made && isPrivate && (await repoInfo(access, id)).private === false) {
    const change = `abrazo repo settings ${fullName(id)} --type ${id.type} --private`;
    log.warn(`${fullName(id)} is there already, and everybody sees it. To hide it: ${change}`);
  }
  // What people wrote into the repository's card stays when it is pushed to from a folder without one.
  const ofBranch = async () =>
    (await readText(access, id, revision, "README.md")) ??
    (revision === "main" ? undefined : await readText(access, id, "main", "README.md"));
  if (card) await refreshCard(folder, fullName(id), { earlier: made ? undefined : ofBranch });
  return uploadFolder(access, id, folder, upload);
}
