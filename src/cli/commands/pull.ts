// abrazo pull: a repository into the cache, and into a folder if one is named.
import { statSync } from "node:fs";
import { cp } from "node:fs/promises";
import { AbrazoError } from "../../errors.ts";
import { fullName, parseRepoId } from "../../hub/repo-id.ts";
import { cacheFolder, isOffline } from "../../hub/settings.ts";
import { snapshot } from "../../hub/snapshot.ts";
import { readAccess } from "../access.ts";
import { defineCommand, HUB_FLAGS } from "../command.ts";
import { repoType, TYPE_FLAG } from "./repo.ts";

export const pull = defineCommand({
  name: "pull",
  summary: "Download a repository into the cache, or into a folder.",
  args: [
    { name: "NS/NAME", summary: "The repository" },
    { name: "DIR", summary: "Folder to copy the files to", optional: true },
  ],
  flags: {
    ...HUB_FLAGS,
    ...TYPE_FLAG,
    revision: { type: "string", value: "REVISION", summary: "Branch, tag or commit; main when left out" },
  },
  examples: ["abrazo pull ana/sentiment-small", "abrazo pull ana/reviews ./reviews --type dataset --revision v1"],
  run: async ({ args: [name = "", folder], flags, ui }) => {
    if (folder !== undefined) checkTarget(folder);
    const id = parseRepoId(name, repoType(flags.type));
    const options = { revision: flags.revision, cacheDir: cacheFolder(), localFilesOnly: isOffline() };
    const found = await snapshot(readAccess(flags), id, options);
    if (folder !== undefined) await cp(found.folder, folder, { recursive: true, dereference: true });
    const place = folder ?? found.folder;
    ui.result({ ...found, folder: place }, `${fullName(id)} at ${found.commit.slice(0, 7)} is in ${place}`);
  },
});

/** Before the download: the files could not be put there. */
function checkTarget(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== false) return;
  throw new AbrazoError({
    code: "NOT_A_FOLDER",
    message: `${folder} is a file; the repository needs a folder.`,
    hint: "Give another name.",
    data: { folder },
  });
}
