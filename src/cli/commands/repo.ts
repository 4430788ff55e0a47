// abrazo repo: make, list, copy, rename and delete repositories, and say who sees them.
import { fullName, repoPath } from "../../hub/repo-id.ts";
import {
  createRepo,
  deleteRepo,
  duplicateRepo,
  listDatasets,
  listModels,
  listSpaces,
  moveRepo,
  type RepoSettings,
  type RepoSummary,
  updateRepoSettings,
} from "../../hub/repositories.ts";
import { readAccess } from "../access.ts";
import { defineCommand } from "../command.ts";
import { NAME, oneOf, REPO_FLAGS, repoId, repoType, requireYes, target, usage } from "../repository.ts";
import { shortDate, table } from "../table.ts";

const PRIVATE_FLAG = { private: { type: "boolean", summary: "Only its owner sees it" } } as const;
const SDKS = ["static", "gradio", "docker", "streamlit"] as const;

export const repoCreate = defineCommand({
  name: "repo create",
  summary: "Make a repository.",
  args: [NAME],
  flags: {
    ...REPO_FLAGS,
    ...PRIVATE_FLAG,
    sdk: { type: "string", value: SDKS.join("|"), summary: "What a space runs; static when left out" },
  },
  examples: ["abrazo repo create ana/sentiment-small", "abrazo repo create ana/reviews --type dataset --private"],
  run: async ({ args: [name], flags, ui }) => {
    const { id, access } = target(name, flags);
    const sdk = flags.sdk === undefined ? undefined : oneOf("--sdk", flags.sdk, SDKS);
    const created = await createRepo(access, id, { isPrivate: flags.private === true, sdk });
    const url = `${access.endpoint}${repoPath(id)}`;
    ui.result({ url, created }, created ? `Created ${url}` : `${url} exists already.`);
  },
});

export const repoDelete = defineCommand({
  name: "repo delete",
  summary: "Delete a repository with all its versions.",
  args: [NAME],
  flags: { ...REPO_FLAGS, yes: { type: "boolean", summary: "Do not ask" } },
  examples: ["abrazo repo delete ana/sentiment-small --yes"],
  run: async ({ args: [name], flags, ui }) => {
    const { id, access } = target(name, flags);
    requireYes(flags.yes, fullName(id));
    await deleteRepo(access, id);
    ui.result({ deleted: fullName(id), type: id.type }, `Deleted ${fullName(id)}`);
  },
});

const LISTS = { model: listModels, dataset: listDatasets, space: listSpaces } as const;
const SORTS = ["lastModified", "downloads", "likes", "createdAt", "trendingScore"] as const;

export const repoList = defineCommand({
  name: "repo list",
  summary: "List repositories of a hub.",
  args: [{ name: "WORDS", summary: "Part of the name", optional: true }],
  flags: {
    ...REPO_FLAGS,
    author: { type: "string", value: "NS", summary: "Only those of a user or organization" },
    filter: { type: "string", many: true, value: "TAG", summary: "Only those with this tag; may be given again" },
    task: { type: "string", value: "TASK", summary: "Only models of this task" },
    sort: { type: "string", value: SORTS.join("|"), summary: "Order, the highest or newest first" },
    limit: { type: "number", whole: true, least: 1, summary: "How many at most; 100 when left out" },
  },
  examples: ["abrazo repo list --author ana", "abrazo repo list reviews --type dataset --sort downloads --limit 10"],
  run: async ({ args: [search], flags, ui }) => {
    const list = LISTS[repoType(flags.type)];
    const { author, filter, task, limit = 100 } = flags;
    const sort = flags.sort === undefined ? undefined : oneOf("--sort", flags.sort, SORTS);
    const found = await list(readAccess(flags), { search, author, filter, pipelineTag: task, sort, limit });
    const headers = ["NAME", "SEEN BY", "DOWNLOADS", "LIKES", "CHANGED"];
    ui.result(found, table(headers, found.map(rowOf), "There are none."));
  },
});

const rowOf = ({ id, private: hidden, gated, downloads = 0, likes = 0, lastModified }: RepoSummary): string[] => [
  id,
  hidden ? "owner" : gated === undefined || gated === false ? "all" : "who asks",
  `${downloads}`,
  `${likes}`,
  shortDate(lastModified),
];

export const repoMove = defineCommand({
  name: "repo move",
  summary: "Rename a repository, or give it to another owner. The old name leads to the new one.",
  args: [NAME, { name: "NEW", summary: "Its new name, as NS/NAME" }],
  flags: REPO_FLAGS,
  examples: ["abrazo repo move ana/sentiment-small team/sentiment-small"],
  run: async ({ args: [name, next = ""], flags, ui }) => {
    const { id, access } = target(name, flags);
    const to = repoId(next, id.type);
    await moveRepo(access, id, to);
    const url = `${access.endpoint}${repoPath(to)}`;
    ui.result({ from: fullName(id), to: fullName(to), url }, `${fullName(id)} is ${url} now.`);
  },
});

export const repoDuplicate = defineCommand({
  name: "repo duplicate",
  summary: "Copy a repository of the hub under another name.",
  args: [NAME, { name: "COPY", summary: "Name of the copy, as NS/NAME" }],
  flags: { ...REPO_FLAGS, ...PRIVATE_FLAG },
  examples: ["abrazo repo duplicate ana/sentiment-small bob/sentiment-small --private"],
  run: async ({ args: [name, copy = ""], flags, ui }) => {
    const { id, access } = target(name, flags);
    const url = await duplicateRepo(access, id, repoId(copy, id.type), { isPrivate: flags.private });
    ui.result({ url }, `Copied to ${url}`);
  },
});

const GATES = ["auto", "manual", "off"] as const;

export const repoSettings = defineCommand({
  name: "repo settings",
  summary: "Say who sees a repository, and whether they must ask first.",
  args: [NAME],
  flags: {
    ...REPO_FLAGS,
    ...PRIVATE_FLAG,
    public: { type: "boolean", summary: "Everybody sees it" },
    gated: {
      type: "string",
      value: GATES.join("|"),
      summary: "auto: asking for access is enough; manual: the owner decides; off: nobody need ask",
    },
  },
  examples: ["abrazo repo settings ana/sentiment-small --public", "abrazo repo settings ana/voices --gated manual"],
  run: async ({ args: [name], flags, ui }) => {
    const { id, access } = target(name, flags);
    if (flags.private === true && flags.public === true)
      throw usage("--private and --public contradict each other.", "Pass one of them.");
    const gate = flags.gated === undefined ? undefined : oneOf("--gated", flags.gated, GATES);
    const settings: RepoSettings = {
      ...(flags.private === true && { isPrivate: true }),
      ...(flags.public === true && { isPrivate: false }),
      ...(gate !== undefined && { gated: gate === "off" ? false : gate }),
    };
    if (Object.keys(settings).length === 0)
      throw usage("Nothing is to be changed.", "Pass --private, --public or --gated.");
    await updateRepoSettings(access, id, settings);
    ui.result({ repository: fullName(id), ...settings }, `Changed ${fullName(id)}`);
  },
});
