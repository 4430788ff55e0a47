// The card of a folder: facts from its files, written where README.md is.
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { collectModelFacts, type RepositoryFiles, writeCard } from "../../model-cards/index.ts";
import { AbrazoError } from "../errors.ts";
import { filesOf, statOf } from "../hub/upload-files.ts";
import { readHeader } from "../io/safetensors.ts";
import { replaceFile } from "./files.ts";

function folderFiles(folder: string): RepositoryFiles {
  const ifThere = async <Result>(
    path: string,
    read: (full: string) => Promise<Result>,
  ): Promise<Result | undefined> => {
    const full = join(folder, path);
    const there = await stat(full).then(
      () => true,
      () => false,
    );
    return there ? read(full) : undefined;
  };
  return {
    list: async () => {
      const sized = (await filesOf(folder)).map(async (path) => ({ path, size: (await ifThere(path, statOf))?.size }));
      return (await Promise.all(sized)).flatMap(({ path, size }) => (size === undefined ? [] : [{ path, size }]));
    },
    text: (path) => ifThere(path, (full) => readFile(full, "utf8")),
    header: (path) => ifThere(path, readHeader),
  };
}

/** Refuses files that a card could not be written from. */
export async function checkCardFacts(folder: string): Promise<void> {
  await collectModelFacts("", folderFiles(folder));
  await readCard(join(folder, "README.md"));
}

export interface RefreshOptions {
  /** The card to go on from when the folder has none. */
  earlier?: (() => Promise<string | undefined>) | undefined;
}

/** Writes or refreshes README.md of a model folder; what people wrote in it stays. */
export async function refreshCard(
  folder: string,
  name: string,
  { earlier }: RefreshOptions = {},
): Promise<{ changed: boolean; issues: string[] }> {
  const facts = await collectModelFacts(name, folderFiles(folder));
  const path = join(folder, "README.md");
  const own = await readCard(path);
  const { text, issues } = writeCard(own ?? (await earlier?.()) ?? null, facts);
  if (text !== own) await replaceFile(path, text);
  return { changed: text !== own, issues };
}

/** Bytes that are no UTF-8 would not survive being written again. */
async function readCard(path: string): Promise<string | undefined> {
  const bytes = await readFile(path).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  });
  if (bytes === undefined) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new AbrazoError({
      code: "CARD_NOT_UTF8",
      message: `${path} is not UTF-8.`,
      hint: "Convert it, or leave the card alone: abrazo push --no-card.",
      data: { path },
    });
  }
}
