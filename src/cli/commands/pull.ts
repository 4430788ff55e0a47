// abrazo pull: a repository into the cache, and into a folder if one is named.
import { listFiles } from "../../hub/client.ts";
import { filterOf } from "../../hub/patterns.ts";
import { fullName } from "../../hub/repo-id.ts";
import { cacheFolder, isOffline } from "../../hub/settings.ts";
import { snapshotDownload } from "../../hub/snapshot.ts";
import { defineCommand } from "../command.ts";
import { checkTarget, copySnapshot, pathsOf } from "../copy.ts";
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
    const paths = await pathsOf(found.folder, filterOf({ include, exclude }));
    if (folder !== undefined) await copySnapshot(found.folder, folder, paths);
    const document = { ...found, folder: folder ?? found.folder, files: paths.length };
    const of = `${fullName(id)} at ${found.commit.slice(0, 7)}`;
    const isNothing = paths.length === 0 && (include ?? exclude) !== undefined;
    if (isNothing)
      ui.badResult(document, `No file of ${of} is let through by the patterns; abrazo ls shows what there is.`);
    else ui.result(document, `${of} is in ${document.folder}`);
  },
});
