// Which files of a repository would run code when Python loads them: their pickles are read as data, and nothing is called.
// Finds what a pickle names; it is no search for viruses.
import type { ByteSource } from "../../src/io/bytes.ts";
import { PickleGlobal, readPickle } from "../../src/io/pickle.ts";
import { readZip, readZipEntry } from "../../src/io/zip.ts";
import type { Context } from "../context.ts";
import { Latest } from "../latest.ts";
import type { Repo } from "./access.ts";
import { type FileEntry, listTreeOf, openContent } from "./files.ts";
import { resolveRevision } from "./refs.ts";

/** unsafe: it calls into the system · suspicious: it calls what no weights need · error: it cannot be read to its end. */
export type ScanLevel = "unsafe" | "suspicious" | "error";

export interface RepoScan {
  scansDone: boolean;
  filesWithIssues: { path: string; level: ScanLevel }[];
}

const PICKLES = /\.(bin|pkl|pickle|pt|pth|ckpt|joblib|npy|dat)$/i;
const MOST_FILES = 200;
/** A pickle of weights names things in its first bytes; the rest is numbers. */
const MOST_BYTES = 8 * 1024 * 1024;

/** Modules with which a pickle can do anything. */
const DANGEROUS =
  /^(os|posix|nt|sys|subprocess|socket|shutil|runpy|pty|pickle|_pickle|importlib|builtins|__builtin__|ctypes|webbrowser|asyncio|multiprocessing|code|codeop|pdb|timeit|httplib|requests|urllib|urllib2|bdb|operator|functools)(\.|$)/;
/** What of them weights need all the same. */
const HARMLESS = new Set(
  [
    "set",
    "frozenset",
    "dict",
    "list",
    "tuple",
    "int",
    "float",
    "bool",
    "bytes",
    "bytearray",
    "str",
    "complex",
    "slice",
    "range",
    "object",
  ].flatMap((name) => [`builtins.${name}`, `__builtin__.${name}`]),
);
/** Libraries whose classes weights are made of. */
const USUAL =
  /^(torch|numpy|collections|_codecs|transformers|datetime|pathlib|argparse|enum|copyreg|sklearn|scipy|pandas|pytorch_lightning|lightning|omegaconf|typing|fractions|decimal|uuid)(\.|$)/;

const scanned = new Latest<ScanLevel | undefined>(5000);

/** Reads the pickles at the head of main. */
export async function scanOf(ctx: Context, repo: Repo): Promise<RepoScan> {
  const head = await resolveRevision(ctx, repo, "HEAD");
  const entries = head === undefined ? [] : await listTreeOf(ctx, head.treeId, "", true);
  const files = entries.filter((entry): entry is FileEntry => entry.kind === "file" && PICKLES.test(entry.path));
  const filesWithIssues: RepoScan["filesWithIssues"] = [];
  for (const file of files.slice(0, MOST_FILES)) {
    const level = await scanned.get(file.id, () => scanFile(ctx, file));
    if (level !== undefined) filesWithIssues.push({ path: file.path, level });
  }
  return { scansDone: files.length <= MOST_FILES, filesWithIssues };
}

async function scanFile(ctx: Context, file: FileEntry): Promise<ScanLevel | undefined> {
  const source = sourceOf(ctx, file);
  const first = await source.read(0, Math.min(2, file.size));
  if (first[0] === 0x50 && first[1] === 0x4b) return scanArchive(source);
  // Pickles of all protocols since 2 begin with this.
  if (first[0] !== 0x80) return undefined;
  const bytes = await source.read(0, Math.min(MOST_BYTES, file.size));
  return scanPickle(bytes, bytes.length === file.size);
}

async function scanArchive(source: ByteSource): Promise<ScanLevel | undefined> {
  try {
    const levels: (ScanLevel | undefined)[] = [];
    for (const [name, entry] of await readZip(source)) {
      if (!name.endsWith(".pkl") || levels.length > 20) continue;
      if (entry.size > MOST_BYTES) levels.push("error");
      else levels.push(scanPickle(await readZipEntry(source, entry), true));
    }
    return worst(levels);
  } catch {
    return "error";
  }
}

const worst = (levels: readonly (ScanLevel | undefined)[]): ScanLevel | undefined =>
  (["unsafe", "suspicious", "error"] as const).find((level) => levels.includes(level));

/** What the globals of a pickle are; one after the other, as legacy files of PyTorch hold several. */
function scanPickle(bytes: Uint8Array, whole: boolean): ScanLevel | undefined {
  const named: string[] = [];
  const host = {
    global: (name: string) => {
      named.push(name);
      return new PickleGlobal(name, () => ({}));
    },
    persistent: () => null,
  };
  let failed = false;
  for (let at = 0, count = 0; bytes[at] === 0x80 && count < 8; count++) {
    try {
      at = readPickle(bytes, host, at).end;
    } catch {
      failed = true;
      break;
    }
  }
  const levels = named.map((name): ScanLevel | undefined => {
    if (HARMLESS.has(name)) return undefined;
    if (DANGEROUS.test(name)) return "unsafe";
    return USUAL.test(name) ? undefined : "suspicious";
  });
  return worst([...levels, failed && whole ? "error" : undefined]);
}

/** The bytes of a stored file by range, as the readers of archives ask for them. */
function sourceOf(ctx: Context, file: FileEntry): ByteSource {
  return {
    name: file.path,
    size: file.size,
    read: async (offset, length) => {
      const out = new Uint8Array(length);
      let at = 0;
      if (length === 0) return out;
      for await (const chunk of await openContent(ctx, file.id, { start: offset, end: offset + length })) {
        const part = Buffer.from(chunk);
        out.set(part.subarray(0, length - at), at);
        at += part.length;
      }
      if (at < length) throw new RangeError(`${file.path} ends before byte ${offset + length}.`);
      return out;
    },
  };
}
