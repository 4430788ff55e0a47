// abrazo push: checks a folder, makes the repository if need be, uploads the folder as one commit.
import { join } from "node:path";
import { z } from "zod";
import { AbrazoError } from "../../errors.ts";
import { fullName, parseRepoId } from "../../hub/repo-id.ts";
import { createRepo, filesOf, uploadFolder } from "../../hub/upload.ts";
import { readJson } from "../../io/json.ts";
import { readHeader } from "../../io/safetensors.ts";
import { writeAccess } from "../access.ts";
import { refreshCard } from "../card.ts";
import { defineCommand, HUB_FLAGS } from "../command.ts";
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
    const files = await checkFolder(folder);
    if (id.type === "model" && flags["no-card"] !== true) await refreshCard(folder, fullName(id));
    await createRepo(access, id, { isPrivate: flags.private === true });
    const message = flags.message ?? `Upload ${files} ${files === 1 ? "file" : "files"}`;
    const done = await uploadFolder(access, id, folder, { message, revision: flags.revision });
    ui.result({ ...done, repository: fullName(id) }, `${fullName(id)} is at ${done.commit.slice(0, 7)}: ${done.url}`);
  },
});

/** Refuses what no reader could load, before a byte is sent. Returns the number of files. */
async function checkFolder(folder: string): Promise<number> {
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
    else if (path.endsWith(".json")) await readJson(join(folder, path), z.unknown());
  }
  return paths.length;
}

function refuse(path: string, cause: unknown): never {
  if (!(cause instanceof AbrazoError)) throw cause;
  throw new AbrazoError({ code: cause.code, message: `${path}: ${cause.message}`, hint: cause.hint, cause });
}
