// abrazo push: checks a folder, makes the repository if need be, uploads the folder as one commit.
import { join } from "node:path";
import { z } from "zod";
import { AbrazoError } from "../../errors.ts";
import { fullName, parseRepoId, type RepoType } from "../../hub/repo-id.ts";
import { filesOf } from "../../hub/upload-files.ts";
import { readJson } from "../../io/json.ts";
import { readHeader } from "../../io/safetensors.ts";
import { writeAccess } from "../access.ts";
import { checkCardFacts } from "../card.ts";
import { defineCommand, HUB_FLAGS } from "../command.ts";
import { publish } from "../publish.ts";
import { repoType, TYPE_FLAG } from "./repo.ts";

export const push = defineCommand({
  name: "push",
  summary: "Upload a folder as one commit. The repository is made if it does not exist.",
  args: [
    { name: "DIR", summary: "Folder to upload" },
    { name: "NS/NAME", summary: "Repository to upload to" },
  ],
  flags: {
    ...HUB_FLAGS,
    ...TYPE_FLAG,
    revision: { type: "string", value: "BRANCH", summary: "Branch; main when left out" },
    message: { type: "string", short: "m", value: "TEXT", summary: "Message of the commit" },
    private: { type: "boolean", summary: "Make the repository private, if it is made" },
    "no-card": { type: "boolean", summary: "Leave README.md alone instead of refreshing the model card" },
  },
  examples: [
    "abrazo push ./model ana/sentiment-small",
    'abrazo push ./reviews ana/reviews --type dataset -m "Add May"',
  ],
  run: async ({ args: [folder = "", name = ""], flags, ui }) => {
    const id = parseRepoId(name, repoType(flags.type));
    const access = writeAccess(flags);
    const card = id.type === "model" && flags["no-card"] !== true;
    const files = await checkFolder(folder, id.type);
    if (card) await checkCardFacts(folder);
    const message = flags.message ?? `Upload ${files} ${files === 1 ? "file" : "files"}`;
    const { revision, private: isPrivate } = flags;
    const done = await publish({ access, id, folder, message, revision, isPrivate, card });
    ui.result({ ...done, repository: fullName(id) }, `${fullName(id)} is at ${done.commit.slice(0, 7)}: ${done.url}`);
  },
});

/** Refuses what no reader could load, before a byte is sent. Returns the number of files. */
export async function checkFolder(folder: string, type: RepoType): Promise<number> {
  const paths = await filesOf(folder);
  if (paths.length === 0) {
    throw new AbrazoError({
      code: "FOLDER_EMPTY",
      message: `${folder} holds no files.`,
      hint: "Give a folder that holds the repository's files.",
    });
  }
  for (const path of paths) {
    if (path.endsWith(".safetensors"))
      await readHeader(join(folder, path)).catch((error: unknown) => refuse(path, error));
    // A dataset's .json may hold an object a line, and be larger than memory.
    else if (path.endsWith(".json") && type === "model") await readJson(join(folder, path), z.unknown());
  }
  return paths.length;
}

function refuse(path: string, cause: unknown): never {
  if (!(cause instanceof AbrazoError)) throw cause;
  throw new AbrazoError({ code: cause.code, message: `${path}: ${cause.message}`, hint: cause.hint, cause });
}
