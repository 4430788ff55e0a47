// Stores bytes whose hash nobody knows before they have come: in the store itself where it can name them at the end, else by way of a
// temporary file. Bytes that are refused on the way leave nothing.
import { createReadStream } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startSha256 } from "../threads/sha256.ts";
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
  const hash = startSha256();
  let size = 0;
  const seen = (piece: Uint8Array) => {
    size += piece.length;
    return hash.update(piece);
  };
  try {
    await writeAll(file, 0, source, { seen });
    return { sha256: await hash.digest(), size };
  } catch (error) {
    throw asStorageError(error);
  } finally {
    hash.close();
    await file.close();
  }
}
