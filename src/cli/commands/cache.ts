// abrazo cache: what Hugging Face's cache on this disk holds, whichever client brought it, and how it is put in order.
import { AbrazoError, suggestion } from "../../errors.ts";
import { findInCache, pruneCache, removeFromCache, verifyCache } from "../../hub/cache-care.ts";
import { type CachedRepo, scanCacheDir } from "../../hub/cache-scan.ts";
import { cacheFolder } from "../../hub/settings.ts";
import { defineCommand } from "../command.ts";
import { repoType, requireYes, TYPE_FLAG } from "../repository.ts";
import { shortDate, table } from "../table.ts";
import { formatBytes } from "../ui.ts";

const DIR_FLAG = {
  dir: { type: "string", value: "DIR", summary: "The cache; else HF_HUB_CACHE, HF_HOME or ~/.cache/huggingface/hub" },
} as const;
const ONE = { name: "NS/NAME", summary: "One repository; all when left out", optional: true } as const;

/** Repositories that a command is about; a name that is not there is an error with the nearest. */
async function wanted(dir: string, name: string | undefined, type: string | undefined): Promise<CachedRepo[]> {
  if (name === undefined) return scanCacheDir(dir);
  const [, prefix, id = name] = /^(models|datasets|spaces)\/(.+\/.+)$/.exec(name) ?? [];
  const kind = prefix?.slice(0, -1) ?? (type === undefined ? undefined : repoType(type));
  const found = await findInCache(dir, id, kind);
  if (found.length > 0) return found;
  const all = (await scanCacheDir(dir)).map((repo) => repo.id);
  throw new AbrazoError({
    code: "NOT_CACHED",
    message: `${id} is not in the cache in ${dir}.`,
    hint: all.length === 0 ? "The cache is empty." : suggestion(id, all),
    data: { folder: dir },
  });
}

export const cacheLs = defineCommand({
  name: "cache ls",
  summary: "List the repositories in the cache with their sizes, or the commits of one.",
  args: [ONE],
  flags: { ...DIR_FLAG, ...TYPE_FLAG },
  examples: ["abrazo cache ls", "abrazo cache ls ana/sentiment-small"],
  run: async ({ args: [name], flags, ui }) => {
    const dir = cacheFolder(flags.dir);
    const repos = await wanted(dir, name, flags.type);
    const total = repos.reduce((sum, { size }) => sum + size, 0);
    const body = name === undefined ? repoTable(repos) : repos.map(revisionTable).join("\n");
    ui.result({ folder: dir, size: total, repos: repos.map(documentOf) }, `${body}\n${formatBytes(total)} in ${dir}`);
  },
});

const documentOf = ({ blobs, revisions, ...repo }: CachedRepo) => ({
  ...repo,
  blobs: blobs.length,
  revisions: revisions.map(({ files, ...revision }) => ({ ...revision, files: files.length })),
});

const repoTable = (repos: readonly CachedRepo[]): string =>
  table(
    ["REPOSITORY", "TYPE", "SIZE", "COMMITS", "CHANGED", "HUB"],
    repos.map(({ id, type, size, revisions, lastModified, endpoint }) => [
      ...[id, type, formatBytes(size), `${revisions.length}`, shortDate(lastModified), endpoint ?? ""],
    ]),
    "The cache is empty.",
  );

const revisionTable = ({ id, revisions }: CachedRepo): string =>
  table(
    ["REPOSITORY", "COMMIT", "REFS", "FILES", "SIZE"],
    revisions.map(({ commit, refs, files }) => {
      const size = files.reduce((sum, file) => sum + (file.size ?? 0), 0);
      return [id, commit.slice(0, 7), refs.join(", "), `${files.length}`, formatBytes(size)];
    }),
  );

export const cacheVerify = defineCommand({
  name: "cache verify",
  summary: "Hash what is in the cache again, and tell what is damaged. Exit code 1 if anything is.",
  args: [ONE],
  flags: {
    ...DIR_FLAG,
    ...TYPE_FLAG,
    repair: { type: "boolean", summary: "Delete what is damaged; the next pull brings it again" },
  },
  examples: ["abrazo cache verify", "abrazo cache verify ana/sentiment-small --repair"],
  run: async ({ args: [name], flags, ui }) => {
    const repos = await wanted(cacheFolder(flags.dir), name, flags.type);
    const report = await verifyCache(repos, { repair: flags.repair === true });
    const { checked, bytes, unknown, problems } = report;
    const checkedWords = `${checked} files of ${formatBytes(bytes)} hashed, ${problems.length} damaged${unknown === 0 ? "" : `; of ${unknown} nobody noted the hash`}.`;
    const isRepaired = flags.repair === true;
    const lines = problems.map(({ path, problem }) => `${isRepaired ? "deleted " : ""}${path}: ${problem}`);
    const isBad = problems.length > 0 && !isRepaired;
    const next = "abrazo cache verify --repair deletes what is damaged; the next pull brings it again.";
    const tell = isBad ? ui.badResult : ui.result;
    tell(report, [...lines, checkedWords, ...(isBad ? [next] : [])].join("\n"));
  },
});

export const cachePrune = defineCommand({
  name: "cache prune",
  summary: "Delete commits that no branch or tag names any more, and contents that no commit is left to name.",
  args: [ONE],
  flags: {
    ...DIR_FLAG,
    ...TYPE_FLAG,
    "dry-run": { type: "boolean", summary: "Say what would be deleted, and do nothing" },
  },
  examples: ["abrazo cache prune --dry-run", "abrazo cache prune ana/sentiment-small"],
  run: async ({ args: [name], flags, ui }) => {
    const dir = cacheFolder(flags.dir);
    const dryRun = flags["dry-run"] === true;
    const saved = await pruneCache(await wanted(dir, name, flags.type), dir, { dryRun });
    const lines = saved.revisions.map(({ repo, commit }) => `${repo} at ${commit.slice(0, 7)}`);
    const verb = dryRun ? "would be" : "were";
    const words = `${saved.revisions.length} commits and ${saved.blobs} contents ${verb} deleted: ${formatBytes(saved.bytes)}.`;
    ui.result({ ...saved, dryRun }, [...lines, words].join("\n"));
  },
});

export const cacheRm = defineCommand({
  name: "cache rm",
  summary: "Delete a repository from the cache, or one commit of it. The hub keeps it.",
  args: [{ name: "NS/NAME", summary: "The repository" }],
  flags: {
    ...DIR_FLAG,
    ...TYPE_FLAG,
    revision: { type: "string", value: "REVISION", summary: "Only this commit, branch or tag" },
    yes: { type: "boolean", summary: "Do not ask" },
  },
  examples: [
    "abrazo cache rm ana/sentiment-small --yes",
    "abrazo cache rm ana/reviews --type dataset --revision v1 --yes",
  ],
  run: async ({ args: [name = ""], flags, ui }) => {
    const dir = cacheFolder(flags.dir);
    const repos = await wanted(dir, name, flags.type);
    requireYes(flags.yes, `${name} from the cache in ${dir}`);
    let freed = 0;
    for (const repo of repos) {
      const commit = flags.revision === undefined ? undefined : commitIn(repo, flags.revision);
      freed += await removeFromCache(repo, dir, { commit });
    }
    ui.result({ deleted: name, bytes: freed }, `Deleted ${name}: ${formatBytes(freed)}`);
  },
});

function commitIn({ id, revisions }: CachedRepo, revision: string): string {
  const found = revisions.find(({ commit, refs }) => refs.includes(revision) || commit.startsWith(revision));
  if (found !== undefined && revision.length > 0) return found.commit;
  throw new AbrazoError({
    code: "NOT_CACHED",
    message: `${id} at ${revision} is not in the cache.`,
    hint: suggestion(
      revision,
      revisions.flatMap(({ commit, refs }) => [...refs, commit.slice(0, 7)]),
    ),
  });
}
