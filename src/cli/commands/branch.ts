// abrazo branch and abrazo tag: names for commits.
import { createBranch, createTag, deleteBranch, deleteTag, type GitRef, listRepoRefs } from "../../hub/refs.ts";
import { fullName } from "../../hub/repo-id.ts";
import { defineCommand } from "../command.ts";
import { NAME, REPO_FLAGS, REVISION_FLAG, source, target } from "../repository.ts";
import { table } from "../table.ts";

const BRANCH = { name: "BRANCH", summary: "Name of the branch" } as const;
const TAG = { name: "TAG", summary: "Name of the tag" } as const;
const EXIST_FLAG = { "exist-ok": { type: "boolean", summary: "It is fine when there is one already" } } as const;

const refTable = (refs: readonly GitRef[]): string =>
  table(
    ["NAME", "COMMIT"],
    refs.map(({ name, targetCommit }) => [name, targetCommit.slice(0, 7)]),
  );

export const branchList = defineCommand({
  name: "branch list",
  summary: "List the branches of a repository.",
  args: [NAME],
  flags: REPO_FLAGS,
  examples: ["abrazo branch list ana/sentiment-small"],
  run: async ({ args: [name], flags, ui }) => {
    const { id, access } = source(name, flags);
    const { branches } = await listRepoRefs(access, id);
    ui.result(branches, refTable(branches));
  },
});

export const branchCreate = defineCommand({
  name: "branch create",
  summary: "Make a branch.",
  args: [NAME, BRANCH],
  flags: { ...REPO_FLAGS, ...REVISION_FLAG, ...EXIST_FLAG },
  examples: [
    "abrazo branch create ana/sentiment-small dev",
    "abrazo branch create ana/reviews v2 --type dataset --revision v1",
  ],
  run: async ({ args: [name, branch = ""], flags, ui }) => {
    const { id, access } = target(name, flags);
    const created = await createBranch(access, id, branch, { revision: flags.revision, existOk: flags["exist-ok"] });
    const words = created ? `Created ${branch} of ${fullName(id)}` : `${fullName(id)} has a branch ${branch} already.`;
    ui.result({ repository: fullName(id), branch, created }, words);
  },
});

export const branchDelete = defineCommand({
  name: "branch delete",
  summary: "Delete a branch. Its commits stay while another branch or tag leads to them.",
  args: [NAME, BRANCH],
  flags: REPO_FLAGS,
  examples: ["abrazo branch delete ana/sentiment-small dev"],
  run: async ({ args: [name, branch = ""], flags, ui }) => {
    const { id, access } = target(name, flags);
    await deleteBranch(access, id, branch);
    ui.result({ repository: fullName(id), deleted: branch }, `Deleted ${branch} of ${fullName(id)}`);
  },
});

export const tagList = defineCommand({
  name: "tag list",
  summary: "List the tags of a repository.",
  args: [NAME],
  flags: REPO_FLAGS,
  examples: ["abrazo tag list ana/sentiment-small"],
  run: async ({ args: [name], flags, ui }) => {
    const { id, access } = source(name, flags);
    const { tags } = await listRepoRefs(access, id);
    ui.result(tags, refTable(tags));
  },
});

export const tagCreate = defineCommand({
  name: "tag create",
  summary: "Tag a revision.",
  args: [NAME, TAG],
  flags: {
    ...REPO_FLAGS,
    ...REVISION_FLAG,
    ...EXIST_FLAG,
    message: { type: "string", short: "m", value: "TEXT", summary: "What the tag says" },
  },
  examples: ['abrazo tag create ana/sentiment-small v1 -m "First release"'],
  run: async ({ args: [name, tag = ""], flags, ui }) => {
    const { id, access } = target(name, flags);
    const { revision, message, "exist-ok": existOk } = flags;
    const created = await createTag(access, id, tag, { revision, message, existOk });
    const words = created ? `Tagged ${fullName(id)} as ${tag}` : `${fullName(id)} has a tag ${tag} already.`;
    ui.result({ repository: fullName(id), tag, created }, words);
  },
});

export const tagDelete = defineCommand({
  name: "tag delete",
  summary: "Delete a tag.",
  args: [NAME, TAG],
  flags: REPO_FLAGS,
  examples: ["abrazo tag delete ana/sentiment-small v1"],
  run: async ({ args: [name, tag = ""], flags, ui }) => {
    const { id, access } = target(name, flags);
    await deleteTag(access, id, tag);
    ui.result({ repository: fullName(id), deleted: tag }, `Deleted ${tag} of ${fullName(id)}`);
  },
});
