// Files of a user's folder, written whole or not at all.
import { rename, rm, writeFile } from "node:fs/promises";

/** A new file in the place of the old one: where that is a link into a cache, the cache stays as it is. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, text);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
