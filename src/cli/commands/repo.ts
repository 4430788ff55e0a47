// abrazo repo create, delete.

import { suggestion } from "../../errors.ts";
import { fullName, parseRepoId, REPO_TYPES, type RepoType, repoPath } from "../../hub/repo-id.ts";
import { createRepo, deleteRepo } from "../../hub/repositories.ts";
import { writeAccess } from "../access.ts";
import { defineCommand, HUB_FLAGS, UsageError } from "../command.ts";

export const TYPE_FLAG = {
  type: { type: "string", value: "model|dataset", summary: "Kind of repository; model when left out" },
} as const;

export function repoType(value: string | undefined): RepoType {
  const found = REPO_TYPES.find((type) => type === (value ?? "model"));
  if (found !== undefined) return found;
  throw new UsageError({
    code: "USAGE",
    message: `--type is no "${value}".`,
    hint: suggestion(value ?? "", REPO_TYPES),
  });
}

const NAME = { name: "NS/NAME", summary: "The repository" } as const;

export const repoCreate = defineCommand({
  name: "repo create",
  summary: "Make a repository.",
  args: [NAME],
  flags: { ...HUB_FLAGS, ...TYPE_FLAG, private: { type: "boolean", summary: "Only its owner sees it" } },
  examples: ["abrazo repo create ana/sentiment-small", "abrazo repo create ana/reviews --type dataset --private"],
  run: async ({ args: [name = ""], flags, ui }) => {
    const id = parseRepoId(name, repoType(flags.type));
    const access = writeAccess(flags);
    const created = await createRepo(access, id, { isPrivate: flags.private === true });
    const url = `${access.endpoint}${repoPath(id)}`;
    ui.result({ url, created }, created ? `Created ${url}` : `${url} exists already.`);
  },
});

export const repoDelete = defineCommand({
  name: "repo delete",
  summary: "Delete a repository with all its versions.",
  args: [NAME],
  flags: { ...HUB_FLAGS, ...TYPE_FLAG, yes: { type: "boolean", summary: "Do not ask" } },
  examples: ["abrazo repo delete ana/sentiment-small --yes"],
  run: async ({ args: [name = ""], flags, ui }) => {
    const id = parseRepoId(name, repoType(flags.type));
    if (flags.yes !== true) {
      throw new UsageError({
        code: "USAGE",
        message: `This deletes ${fullName(id)} for good.`,
        hint: "Pass --yes if that is what you want.",
      });
    }
    await deleteRepo(writeAccess(flags), id);
    ui.result({ deleted: fullName(id), type: id.type }, `Deleted ${fullName(id)}`);
  },
});
