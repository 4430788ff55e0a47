// abrazo push: checks a folder, makes the repository if need be, uploads the folder as one commit.
import { statSync } from "node:fs";
import { basename, join } from "node:path";
import { z } from "zod";
import { AbrazoError } from "../../errors.ts";
import { filterOf, type PathFilter } from "../../hub/patterns.ts";
import { fullName, type RepoType } from "../../hub/repo-id.ts";
import { planUpload, type Uploaded, type UploadPlan } from "../../hub/upload.ts";
import { filesOf, statOf } from "../../hub/upload-files.ts";
import { readJson } from "../../io/json.ts";
import { readHeader } from "../../io/safetensors.ts";
import { checkCardFacts } from "../card.ts";
import { defineCommand } from "../command.ts";
import { publish } from "../publish.ts";
import { REPO_FLAGS, target } from "../repository.ts";
import { formatBytes } from "../ui.ts";

export const PATTERN_FLAGS = {
  include: {
    type: "string",
    many: true,
    value: "PATTERN",
    summary: "Only files that match, such as *.json; may be given again",
  },
  exclude: { type: "string", many: true, value: "PATTERN", summary: "No files that match; may be given again" },
} as const;

export const push = defineCommand({
  name: "push",
  summary:
    "Upload a folder or a file as one commit. The repository is made if it does not exist; what it has already is not sent again.",
  args: [
    { name: "DIR", summary: "Folder or file to upload" },
    { name: "NS/NAME", summary: "Repository to upload to" },
    { name: "PATH", summary: "Folder of the repository, or the file's path in it", optional: true },
  ],
  flags: {
    ...REPO_FLAGS,
    ...PATTERN_FLAGS,
    revision: { type: "string", value: "BRANCH", summary: "Branch, or refs/pr/N; main when left out" },
    message: { type: "string", short: "m", value: "TEXT", summary: "Message of the commit" },
    description: { type: "string", value: "TEXT", summary: "What is said below the message" },
    delete: {
      type: "string",
      many: true,
      value: "PATTERN",
      summary: "Delete files of the repository that match and are not uploaded; may be given again",
    },
    "create-pr": { type: "boolean", summary: "Propose the commit as a pull request" },
    private: { type: "boolean", summary: "Make the repository private, if it is made" },
    "no-card": { type: "boolean", summary: "Leave README.md alone instead of refreshing the model card" },
    "dry-run": { type: "boolean", summary: "Say what would be uploaded and deleted, and do nothing" },
  },
  examples: [
    "abrazo push ./model ana/sentiment-small",
    'abrazo push ./reviews ana/reviews --type dataset -m "Add May"',
    'abrazo push ./model ana/sentiment-small --exclude "*.bin" --delete "*.bin" --create-pr',
    "abrazo push ./weights.safetensors ana/sentiment-small onnx/weights.safetensors",
  ],
  run: async ({ args: [folder = "", name, pathInRepo], flags, ui }) => {
    const { id, access } = target(name, flags);
    const { include, exclude, revision, description, delete: deleted, private: isPrivate } = flags;
    const isWhole = pathInRepo === undefined && statSync(folder, { throwIfNoEntry: false })?.isFile() !== true;
    const card = id.type === "model" && isWhole && flags["no-card"] !== true;
    const files = await checkFolder(folder, id.type, { include, exclude });
    const message = flags.message ?? `Upload ${countOf(files, "file")}`;
    const options = {
      ...{ message, description, revision, include, exclude, pathInRepo, delete: deleted },
      createPr: flags["create-pr"],
    };
    if (flags["dry-run"] === true) {
      const plan = await planUpload(access, id, folder, options);
      ui.result(plan, describePlan(plan));
      return;
    }
    if (card) await checkCardFacts(folder);
    const done = await publish({ access, id, folder, isPrivate, card, ...options });
    if (done.bytes > 0) ui.note(describeSavings(done));
    const moved = `${fullName(id)} is at ${done.commit.slice(0, 7)}: ${done.url}`;
    const same = done.bytes === 0 && done.deleted === 0 && done.unchanged === done.files;
    const words = done.pullRequestUrl ?? (same ? `${moved} (nothing has changed)` : moved);
    ui.result({ ...done, repository: fullName(id) }, words);
  },
});

const countOf = (count: number, word: string): string => `${count} ${word}${count === 1 ? "" : "s"}`;

function describePlan({ upload, unchanged, deleted }: UploadPlan): string {
  const bytes = upload.reduce((sum, { size }) => sum + size, 0);
  return [
    ...upload.map(({ path, size }) => `upload  ${path}  ${formatBytes(size)}`),
    ...deleted.map((path) => `delete  ${path}`),
    `${countOf(upload.length, "file")} of ${formatBytes(bytes)} to upload, ${unchanged.length} unchanged, ${deleted.length} to delete.`,
  ].join("\n");
}

/** What deduplication saved. */
function describeSavings({ bytes, sent, unchanged }: Uploaded): string {
  const saved = bytes - sent;
  const had = saved > 0 ? `, ${formatBytes(saved)} (${Math.round((100 * saved) / bytes)}%) were there or packed` : "";
  return `Sent ${formatBytes(sent)} of ${formatBytes(bytes)}${had}; ${countOf(unchanged, "file")} unchanged.`;
}

/** Refuses what no reader could load, before a byte is sent. Returns the number of files. */
export async function checkFolder(place: string, type: RepoType, filter: PathFilter = {}): Promise<number> {
  if (statSync(place, { throwIfNoEntry: false })?.isFile() === true) {
    await checkFile(place, basename(place), type);
    return 1;
  }
  const paths = (await filesOf(place)).filter(filterOf(filter));
  if (paths.length === 0) {
    throw new AbrazoError({
      code: "FOLDER_EMPTY",
      message: `${place} holds no files${filter.include === undefined && filter.exclude === undefined ? "" : " that the patterns let through"}.`,
      hint: "Give a folder that holds the repository's files.",
    });
  }
  for (const path of paths) {
    await statOf(join(place, path));
    await checkFile(join(place, path), path, type);
  }
  return paths.length;
}

async function checkFile(full: string, path: string, type: RepoType): Promise<void> {
  if (path.endsWith(".safetensors")) await readHeader(full).catch((error: unknown) => refuse(path, error));
  // A dataset's .json may hold an object a line, and be larger than memory.
  else if (path.endsWith(".json") && type === "model") await readJson(full, z.unknown());
}

function refuse(path: string, cause: unknown): never {
  if (!(cause instanceof AbrazoError)) throw cause;
  throw new AbrazoError({ code: cause.code, message: `${path}: ${cause.message}`, hint: cause.hint, cause });
}
