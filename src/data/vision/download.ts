// Files of a dataset from the web, held to their checksums.
// Knows no format.
import { createHash } from "node:crypto";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AbrazoError } from "../../errors.ts";
import { reportProgress } from "../../log.ts";

export interface RemoteFile {
  name: string;
  /** MD5 of the file as it is published. */
  md5: string;
}

/** Tries the addresses in turn; what is written is whole and has the checksum. */
export async function downloadFile(file: RemoteFile, folder: string, baseUrls: readonly string[]): Promise<void> {
  const failures: string[] = [];
  for (const base of baseUrls) {
    const url = new URL(file.name, base.endsWith("/") ? base : `${base}/`).href;
    const bytes = await fetchBytes(url).catch((error: unknown) => {
      failures.push(`${url}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    });
    if (bytes === undefined) continue;
    const md5 = createHash("md5").update(bytes).digest("hex");
    if (md5 === file.md5) return writeWhole(join(folder, file.name), bytes);
    failures.push(`${url}: its MD5 is ${md5}, published is ${file.md5}`);
  }
  throw new AbrazoError({
    code: "DOWNLOAD_FAILED",
    message: `Error downloading ${file.name}: ${failures.join("; ")}`,
    hint: `Name another address with baseUrl, or put the file into ${folder} yourself.`,
    data: { file: file.name, failures },
  });
}

async function fetchBytes(url: string): Promise<Uint8Array> {
  const response = await fetch(url);
  if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`);
  const length = Number(response.headers.get("content-length") ?? Number.NaN);
  const total = Number.isNaN(length) ? undefined : length;
  const parts: Uint8Array[] = [];
  let loaded = 0;
  for await (const part of response.body) {
    parts.push(part);
    loaded += part.length;
    reportProgress({ task: `download ${url}`, loaded, total, unit: "bytes" });
  }
  reportProgress({ task: `download ${url}`, loaded, total, unit: "bytes", done: true });
  return Buffer.concat(parts);
}

async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const unfinished = `${path}.${process.pid}.part`;
  await mkdir(join(path, ".."), { recursive: true });
  try {
    await writeFile(unfinished, bytes);
    await rename(unfinished, path);
  } finally {
    await rm(unfinished, { force: true });
  }
}
