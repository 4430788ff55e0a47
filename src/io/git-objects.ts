// Git's object encoding, written and read: blobs, trees, commits and tags with git's own SHA-1 ids, and LFS pointers.
// Knows no repository, no database and no git binary.
//
//   object   "<type> <length>\0" + content, id = SHA-1 of all of it
//   tree     for each entry "<mode> <name>\0" + 20 bytes of id, sorted by name, folders as if they ended in "/"
//   commit   "tree <id>\n" + "parent <id>\n"… + "author <who> <time> +0000\n" + "committer …\n" + "\n" + message
//   tag      "object <id>\ntype commit\ntag <name>\ntagger <who> <time> +0000\n" + "\n" + message
//   pointer  "version https://git-lfs.github.com/spec/v1\noid sha256:<hex>\nsize <bytes>\n"
import { createHash, type Hash } from "node:crypto";
import { AbrazoError } from "../errors.ts";
import { globMatches, parseGlob } from "./glob.ts";

export type ObjectType = "blob" | "tree" | "commit" | "tag";

/** A hash that has taken an object's head and waits for its content. */
export function objectHash(type: ObjectType, size: number): Hash {
  return createHash("sha1").update(`${type} ${size}\0`);
}

export function objectId(type: ObjectType, content: Uint8Array): string {
  return objectHash(type, content.length).update(content).digest("hex");
}

/** Modes beside those of a plain file and a folder: a program, and a link, whose content is where it leads. */
export type FileMode = "100755" | "120000";

export interface TreeEntry {
  name: string;
  kind: "file" | "directory";
  /** Id of the blob or tree, 40 hex digits. */
  id: string;
  mode?: FileMode;
}

const MODES = { file: "100644", directory: "40000" } as const;

export function encodeTree(entries: readonly TreeEntry[]): Uint8Array {
  const keyed = entries.map((entry) => ({
    entry,
    key: Buffer.from(entry.kind === "directory" ? `${entry.name}/` : entry.name),
  }));
  keyed.sort((a, b) => Buffer.compare(a.key, b.key));
  return Buffer.concat(
    keyed.flatMap(({ entry: { name, kind, id, mode } }) => [
      Buffer.from(`${mode ?? MODES[kind]} ${name}\0`),
      Buffer.from(id, "hex"),
    ]),
  );
}

/** A tree's entry as git holds it: a mode of any kind, and a name of any bytes. */
export interface RawTreeEntry {
  mode: string;
  /** Undefined where the bytes are no UTF-8. */
  name: string | undefined;
  id: string;
}

const broken = (what: string): AbrazoError => new AbrazoError({ code: "GIT_OBJECT", message: `This is no ${what}.` });
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * The entries of a tree object, in git's order.
 *
 * @throws AbrazoError `GIT_OBJECT` for bytes that are no tree
 */
export function parseTree(content: Uint8Array): RawTreeEntry[] {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.length);
  const out: RawTreeEntry[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [space, zero] = [bytes.indexOf(32, at), bytes.indexOf(0, at)];
    if (space < 0 || zero < space || zero + 21 > bytes.length) throw broken("tree");
    const [mode, id] = [bytes.toString("latin1", at, space), bytes.toString("hex", zero + 1, zero + 21)];
    out.push({ mode, name: textOf(bytes.subarray(space + 1, zero)), id });
    at = zero + 21;
  }
  return out;
}

/** An entry as it is kept; undefined for a mode that is not, such as that of a submodule. */
export function entryOf({ mode, name, id }: RawTreeEntry): TreeEntry | undefined {
  if (name === undefined) return undefined;
  if (mode === MODES.directory) return { name, kind: "directory", id };
  if (mode === MODES.file) return { name, kind: "file", id };
  return mode === "100755" || mode === "120000" ? { name, kind: "file", id, mode } : undefined;
}

export interface Signature {
  name: string;
  email: string;
  /** Seconds since 1970, UTC. */
  time: number;
}

export interface Commit {
  tree: string;
  parents: readonly string[];
  author: Signature;
  committer: Signature;
  message: string;
}

export function encodeCommit({ tree, parents, author, committer, message }: Commit): Uint8Array {
  const lines = [
    `tree ${tree}`,
    ...parents.map((parent) => `parent ${parent}`),
    `author ${encodeSignature(author)}`,
    `committer ${encodeSignature(committer)}`,
  ];
  return Buffer.from(`${lines.join("\n")}\n\n${message}`);
}

export interface Tag {
  /** Id of the commit. */
  object: string;
  name: string;
  tagger: Signature;
  message: string;
}

export function encodeTag({ object, name, tagger, message }: Tag): Uint8Array {
  const head = `object ${object}\ntype commit\ntag ${name}\ntagger ${encodeSignature(tagger)}`;
  return Buffer.from(`${head}\n\n${message}`);
}

/** Characters that would break the line are dropped, as git does. */
function encodeSignature({ name, email, time }: Signature): string {
  const clean = (text: string) => text.replace(/[<>\n\0]/g, "").trim();
  return `${clean(name)} <${clean(email)}> ${Math.floor(time)} +0000`;
}

const SIGNATURE = /^(.*?) ?<([^>]*)> (-?\d+) [-+]\d{4}$/;

/** The parts of an object that has header lines, an empty line and a text; lines that go on are joined. */
function partsOf(content: Uint8Array): { headers: [string, string][]; message: string } {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.length);
  const end = bytes.indexOf("\n\n");
  const head = bytes.toString("utf8", 0, end < 0 ? bytes.length : end);
  const headers = head.split("\n").map((line): [string, string] => {
    const space = line.indexOf(" ");
    return [line.slice(0, space), line.slice(space + 1)];
  });
  return { headers, message: end < 0 ? "" : bytes.toString("utf8", end + 2) };
}

function parseSignature(line: string | undefined): Signature {
  const match = SIGNATURE.exec(line ?? "");
  if (match === null) throw broken("commit: its author or committer is missing");
  return { name: match[1] ?? "", email: match[2] ?? "", time: Number(match[3]) };
}

/**
 * What a commit object says. Not all of it: time zones, encodings and signatures are left out, so that encoding it again
 * may give another object.
 *
 * @throws AbrazoError `GIT_OBJECT` for bytes that are no commit
 */
export function parseCommit(content: Uint8Array): Commit {
  const { headers, message } = partsOf(content);
  const of = (key: string) => headers.filter(([name]) => name === key).map(([, value]) => value);
  const [tree] = of("tree");
  if (tree === undefined) throw broken("commit: its tree is missing");
  const [author, committer] = [parseSignature(of("author")[0]), parseSignature(of("committer")[0])];
  return { tree, parents: of("parent"), author, committer, message };
}

/**
 * What an annotated tag says.
 *
 * @throws AbrazoError `GIT_OBJECT` for bytes that are no tag
 */
export function parseTag(content: Uint8Array): Pick<Tag, "object" | "name" | "message"> & { type: string } {
  const { headers, message } = partsOf(content);
  const found = new Map(headers);
  const [object, type, name] = ["object", "type", "tag"].map((key) => found.get(key));
  if (object === undefined || type === undefined || name === undefined) throw broken("tag");
  return { object, type, name, message };
}

const POINTER = /^version https:\/\/git-lfs\.github\.com\/spec\/v1\noid sha256:([0-9a-f]{64})\nsize (\d+)\n$/;

export function encodePointer(sha256: string, size: number): Uint8Array {
  return Buffer.from(`version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${size}\n`);
}

export function parsePointer(content: Uint8Array): { sha256: string; size: number } | undefined {
  if (content.length > 1024) return undefined;
  const match = POINTER.exec(Buffer.from(content).toString("utf8"));
  return match?.[1] === undefined ? undefined : { sha256: match[1], size: Number(match[2]) };
}

/** Whether a content sets out as a pointer, also as one that is not as git-lfs writes it. */
export function looksLikePointer(content: Uint8Array): boolean {
  return (
    content.length <= 1024 &&
    /^version https:\/\/git-lfs\.github\.com\/spec\/v\d/.test(Buffer.from(content).toString("latin1"))
  );
}

/** Suffixes that the Hub's default .gitattributes gives to LFS. */
const LFS_SUFFIXES = [
  "7z",
  "arrow",
  "bin",
  "bz2",
  "ckpt",
  "ftz",
  "gz",
  "h5",
  "joblib",
  "lz4",
  "mlmodel",
  "model",
  "msgpack",
  "npy",
  "npz",
  "onnx",
  "ot",
  "parquet",
  "pb",
  "pickle",
  "pkl",
  "pt",
  "pth",
  "rar",
  "safetensors",
  "tar",
  "tflite",
  "tgz",
  "wasm",
  "xz",
  "zip",
  "zst",
  "gguf",
];

export function defaultGitattributes(): string {
  const patterns = [...LFS_SUFFIXES.map((suffix) => `*.${suffix}`), "saved_model/**/*", "*.tar.*", "*tfevents*"];
  return patterns.map((pattern) => `${pattern} filter=lfs diff=lfs merge=lfs -text\n`).join("");
}

/** Whether a .gitattributes text gives a path to LFS. The last matching line decides, as in git. */
export function isLfsPath(gitattributes: string, path: string): boolean {
  let lfs = false;
  for (const line of gitattributes.split("\n")) {
    const [pattern, ...attributes] = line.trim().split(/\s+/);
    if (pattern === undefined || pattern === "" || pattern.startsWith("#")) continue;
    if (!matches(pattern, path)) continue;
    if (attributes.includes("filter=lfs")) lfs = true;
    else if (attributes.some((attribute) => /^[-!]?filter/.test(attribute))) lfs = false;
  }
  return lfs;
}

/** gitattributes patterns: without a slash they match the file name, with one the whole path; ** spans folders. */
function matches(pattern: string, path: string): boolean {
  const subject = pattern.includes("/") ? path : (path.split("/").at(-1) ?? path);
  return globMatches(parseGlob(pattern.replace(/^\//, "")), subject);
}
