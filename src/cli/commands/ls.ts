// abrazo ls: the files of a repository.
import { listFiles } from "../../hub/client.ts";
import { parseRepoId } from "../../hub/repo-id.ts";
import { readAccess } from "../access.ts";
import { defineCommand, HUB_FLAGS } from "../command.ts";
import { formatBytes } from "../ui.ts";
import { repoType, TYPE_FLAG } from "./repo.ts";

export const ls = defineCommand({
  name: "ls",
  summary: "List the files of a repository.",
  args: [{ name: "NS/NAME", summary: "The repository" }],
  flags: {
    ...HUB_FLAGS,
    ...TYPE_FLAG,
    revision: { type: "string", value: "REVISION", summary: "Branch, tag or commit; main when left out" },
  },
  examples: ["abrazo ls ana/sentiment-small", "abrazo ls ana/reviews --type dataset --json"],
  run: async ({ args: [name = ""], flags, ui }) => {
    const files = await listFiles(readAccess(flags), parseRepoId(name, repoType(flags.type)), flags.revision ?? "main");
    const sizes = files.map(({ size }) => formatBytes(size));
    const width = Math.max(0, ...sizes.map((size) => size.length));
    const lines = files.map(
      ({ path, lfs }, index) => `${(sizes[index] ?? "").padStart(width)}  ${path}${lfs === undefined ? "" : "  (LFS)"}`,
    );
    ui.result(files, lines.join("\n"));
  },
});
