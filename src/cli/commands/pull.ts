// abrazo pull: a repository into the cache, and into a folder if one is named.
import { listFiles } from "../../hub/client.ts";
import { filterOf } from "../../hub/patterns.ts";
import { fullName } from "../../hub/repo-id.ts";
import { cacheFolder, isOffline } from "../../hub/settings.ts";
import { snapshotDownload } from "../../hub/snapshot.ts";
import { defineCommand } from "../command.ts";
import { checkTarget, copySnapshot } from "../copy.ts";
import { NAME, REPO_FLAGS, REVISION_FLAG, source } from "../repository.ts";
import { formatBytes } from "../ui.ts";
import { PATTERN_FLAGS } from "./push.ts";

export const pull = defineCommand({
  name: "pull",
  summary: "Download a repository into the cache, or into a folder. A download that was cut off goes on.",
  args: [NAME, { name: "DIR", summary: "Folder to copy the files to", optional: true }],
  flags: {
    ...REPO_FLAGS,
    ...REVISION_FLAG,
    ...PATTERN_FLAGS,
    "dry-run": { type: "boolean", summary: "List the files and their sizes, and download nothing" },
  },
  examples: [
    "abrazo pull ana/sentiment-small",
    "abrazo pull ana/reviews ./reviews --type dataset --revision v1",
    'abrazo pull ana/sentiment-small --include "*.json" --exclude "onnx/*"',
  ],
  run: async ({ args: [name, folder], flags, ui }) => {
    if (folder !== undefined) checkTarget(folder);
    const { id, access } = source(name, flags);
    const { revision, include, exclude } = flags;
    if (flags["dry-run"] === true) {
      const wanted = filterOf({ include, exclude });
      const files = (await listFiles(access, id, revision ?? "main")).filter(({ path }) => wanted(path));
      const bytes = files.reduce((sum, { size }) => sum + size, 0);
      const lines = files.map(({ path, size }) => `${path}  ${formatBytes(size)}`);
      ui.result(files, [...lines, `${files.length} files of ${formatBytes(bytes)}.`].join("\n"));
      return;
    }
    const cacheDir = cacheFolder();
    const found = await snapshotDownload(access, id, {
      revision,
      include,
      exclude,
      cacheDir,
      localFilesOnly: isOffline(),
    });
    if (folder !== undefined) await copySnapshot(found.folder, folder, filterOf({ include, exclude }));
    const place = folder ?? found.folder;
    ui.result({ ...found, folder: place }, `${fullName(id)} at ${found.commit.slice(0, 7)} is in ${place}`);
  },
});
