// Stores bytes whose hash nobody knows before they have come: in the store itself where it can name them at the end, else by way of a
// temporary file. Bytes that are refused on the way leave nothing.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BlobStore, Expected } from "./blobs.ts";
import { asStorageError } from "./disk-full.ts";
import { writeAll } from "./write-all.ts";

export async function addBlob(blobs: BlobStore, source: AsyncIterable<Uint8Array>): Promise<Expected> {
  if (blobs.add !== undefined) return blobs.add(source);
  const folder = await mkdtemp(join(tmpdir(), "abrazo-blob-"));
  try {
    const path = join(folder, "blob");
    const expected = await spool(path, source);
    await blobs.put(createReadStream(path), expected);
    return expected;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function spool(path: string, source: AsyncIterable<Uint8Array>): Promise<Expected> {
  const file = await open(path, "wx");
  const hash = createHash("sha256");
  let size = 0;
  try {
    await writeAll(file, 0, source, (chunk) => {
      hash.update(chunk);
      size += chunk.length;
    });
  } catch (error) {
    throw asStorageError(error);
  } finally {
    await file.close();
  }
  return { sha256: hash.digest("hex"), size };
}
