// The card of a folder: facts from its files, written where README.md is.
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { collectModelFacts, type RepositoryFiles, writeCard } from "../../model-cards/index.ts";
import { filesOf } from "../hub/upload.ts";
import { readHeader } from "../io/safetensors.ts";

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
    list: async () =>
      Promise.all((await filesOf(folder)).map(async (path) => ({ path, size: (await stat(join(folder, path))).size }))),
    text: (path) => ifThere(path, (full) => readFile(full, "utf8")),
    header: (path) => ifThere(path, readHeader),
  };
}

/** Writes or refreshes README.md of a model folder; what people wrote in it stays. */
export async function refreshCard(folder: string, name: string): Promise<{ changed: boolean; issues: string[] }> {
  const files = folderFiles(folder);
  const readme = (await files.text("README.md")) ?? null;
  const { text, changed, issues } = writeCard(readme, await collectModelFacts(name, files));
  if (changed) await writeFile(join(folder, "README.md"), text);
  return { changed, issues };
}
