// abrazo log, abrazo diff: the commits of a repository, and what changed between two of them.
import { compareRevisions, diffRevisions, type FileChange } from "../../hub/compare.ts";
import { listRepoCommits } from "../../hub/refs.ts";
import { defineCommand } from "../command.ts";
import { NAME, REPO_FLAGS, REVISION_FLAG, source, usage } from "../repository.ts";
import { shortDate, table } from "../table.ts";
import { formatBytes } from "../ui.ts";

export const log = defineCommand({
  name: "log",
  summary: "List the commits of a repository, newest first.",
  args: [NAME],
  flags: {
    ...REPO_FLAGS,
    ...REVISION_FLAG,
    limit: { type: "number", short: "n", whole: true, least: 1, summary: "How many at most; 20 when left out" },
  },
  examples: ["abrazo log ana/sentiment-small", "abrazo log ana/reviews --type dataset --revision v1 -n 5"],
  run: async ({ args: [name], flags, ui }) => {
    const { id, access } = source(name, flags);
    const commits = await listRepoCommits(access, id, { revision: flags.revision, limit: flags.limit ?? 20 });
    const rows = commits.map(({ id: commit, date, authors, title }) => [
      ...[commit.slice(0, 7), shortDate(date), authors.map(({ user = "" }) => user).join(", "), title],
    ]);
    ui.result(commits, table(["COMMIT", "DATE", "AUTHOR", "TITLE"], rows, "There are no commits."));
  },
});

const SAME = "They hold the same files.";
const LETTER = { added: "A", deleted: "D", changed: "M" } as const;

export const diff = defineCommand({
  name: "diff",
  summary: "List the files that differ between two revisions, or their lines.",
  args: [NAME, { name: "A..B", summary: "The two revisions; main stands for one that is left out" }],
  flags: { ...REPO_FLAGS, patch: { type: "boolean", short: "p", summary: "Lines of text files, as git shows them" } },
  examples: [
    "abrazo diff ana/sentiment-small v1..main",
    "abrazo diff ana/sentiment-small v1.. --patch",
    "abrazo diff ana/reviews v1..v2 --type dataset --json",
  ],
  run: async ({ args: [name, range = ""], flags, ui }) => {
    const { id, access } = source(name, flags);
    const [, from, to] = /^(.*?)\.\.\.?(.*)$/.exec(range) ?? [];
    if (from === undefined || to === undefined)
      throw usage(`"${range}" names no two revisions.`, "Give them as A..B, for example v1..main.");
    if (flags.patch === true) {
      const patch = await compareRevisions(access, id, from || "main", to || "main");
      ui.result({ patch }, patch.trimEnd() || SAME);
      return;
    }
    const changes = await diffRevisions(access, id, from || "main", to || "main");
    ui.result(changes, changes.length === 0 ? SAME : changes.map(lineOf).join("\n"));
  },
});

function lineOf({ path, change, before, after }: FileChange): string {
  const sizes = [before, after].flatMap((side) => (side === undefined ? [] : [formatBytes(side.size)]));
  return `${LETTER[change]}  ${path}  ${sizes.join(" → ")}`;
}
