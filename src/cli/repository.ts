// What commands about a repository have in common: its name, its type and the hub that it is on.
// Asks no hub.
import { AbrazoError, suggestion } from "../errors.ts";
import { parseRepoId, REPO_TYPES, type RepoId, type RepoType } from "../hub/repo-id.ts";
import type { HubAccess } from "../hub/request.ts";
import { readAccess, writeAccess } from "./access.ts";
import { HUB_FLAGS, UsageError } from "./command.ts";

export const NAME = { name: "NS/NAME", summary: "The repository" } as const;

export const TYPE_FLAG = {
  type: { type: "string", value: "model|dataset|space", summary: "Kind of repository; model when left out" },
} as const;

/** Flags of commands about a repository. */
export const REPO_FLAGS = { ...HUB_FLAGS, ...TYPE_FLAG } as const;

export const REVISION_FLAG = {
  revision: { type: "string", value: "REVISION", summary: "Branch, tag or commit; main when left out" },
} as const;

export function repoType(value: string | undefined): RepoType {
  const found = REPO_TYPES.find((type) => type === (value ?? "model"));
  if (found !== undefined) return found;
  throw usage(`--type is no "${value}".`, suggestion(value ?? "", REPO_TYPES));
}

/** A repository that a word of the command names: one that names none is a mistake in the words. */
export function repoId(text = "", type?: RepoType): RepoId {
  try {
    return parseRepoId(text, type);
  } catch (error) {
    throw error instanceof AbrazoError ? new UsageError(error.toJSON()) : error;
  }
}

interface Given {
  type?: string;
  endpoint?: string;
  token?: string;
}

export interface Target {
  access: HubAccess;
  id: RepoId;
}

/** A repository to read of. */
export const source = (name: string | undefined, flags: Given): Target => ({
  id: repoId(name, repoType(flags.type)),
  access: readAccess(flags),
});

/** A repository to change; its hub must have been named. */
export const target = (name: string | undefined, flags: Given): Target => ({
  id: repoId(name, repoType(flags.type)),
  access: writeAccess(flags),
});

export const usage = (message: string, hint: string): UsageError => new UsageError({ code: "USAGE", message, hint });

/** "3" or "#3": the number of a discussion. */
export function discussionNumber(text = ""): number {
  const digits = /^#?([1-9]\d{0,8})$/.exec(text)?.[1];
  if (digits !== undefined) return Number(digits);
  throw usage(`"${text}" is no number of a discussion.`, "Give it as 3 or #3; abrazo discussion list shows them.");
}

/** One of a few words. */
export function oneOf<Word extends string>(flag: string, value: string, words: readonly Word[]): Word {
  const found = words.find((word) => word === value);
  if (found !== undefined) return found;
  throw usage(`${flag} is no "${value}".`, suggestion(value, words));
}

/** What deletes for good wants a word. */
export function requireYes(yes: boolean | undefined, what: string): void {
  if (yes !== true) throw usage(`This deletes ${what} for good.`, "Pass --yes if that is what you want.");
}
