// abrazo ls: the files of a repository.
import { listFiles } from "../../hub/client.ts";
import { defineCommand } from "../command.ts";
import { NAME, REPO_FLAGS, REVISION_FLAG, source } from "../repository.ts";
import { formatBytes } from "../ui.ts";

export const ls = defineCommand({
  name: "ls",
  summary: "List the files of a repository.",
  args: [NAME],
  flags: { ...REPO_FLAGS, ...REVISION_FLAG },
  examples: ["abrazo ls ana/sentiment-small", "abrazo ls ana/reviews --type dataset --json"],
  run: async ({ args: [name], flags, ui }) => {
    const { access, id } = source(name, flags);
    const files = await listFiles(access, id, flags.revision ?? "main");
    const sizes = files.map(({ size }) => formatBytes(size));
    const width = Math.max(0, ...sizes.map((size) => size.length));
    const lines = files.map(
      ({ path, lfs }, index) => `${(sizes[index] ?? "").padStart(width)}  ${path}${lfs === undefined ? "" : "  (LFS)"}`,
    );
    ui.result(files, lines.join("\n"));
  },
});
