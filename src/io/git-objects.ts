// Git's object encoding: blobs, trees and commits with git's own SHA-1 ids, and LFS pointers.
// Knows no repository, no database and no git binary.
//
//   object   "<type> <length>\0" + content, id = SHA-1 of all of it
//   tree     for each entry "<mode> <name>\0" + 20 bytes of id, sorted by name, folders as if they ended in "/"
//   commit   "tree <id>\n" + "parent <id>\n"… + "author <who> <time> +0000\n" + "committer …\n" + "\n" + message
//   tag      "object <id>\ntype commit\ntag <name>\ntagger <who> <time> +0000\n" + "\n" + message
//   pointer  "version https://git-lfs.github.com/spec/v1\noid sha256:<hex>\nsize <bytes>\n"
import { createHash, type Hash } from "node:crypto";
import { globMatches, parseGlob } from "./glob.ts";

export type ObjectType = "blob" | "tree" | "commit" | "tag";

/** A hash that has taken an object's head and waits for its content. */
export function objectHash(type: ObjectType, size: number): Hash {
  return createHash("sha1").update(`${type} ${size}\0`);
}

export function objectId(type: ObjectType, content: Uint8Array): string {
  return objectHash(type, content.length).update(content).digest("hex");
}

export interface TreeEntry {
  name: string;
  kind: "file" | "directory";
  /** Id of the blob or tree, 40 hex digits. */
  id: string;
}

const MODES = { file: "100644", directory: "40000" } as const;

export function encodeTree(entries: readonly TreeEntry[]): Uint8Array {
  const key = ({ name, kind }: TreeEntry) => Buffer.from(kind === "directory" ? `${name}/` : name);
  const sorted = [...entries].sort((a, b) => Buffer.compare(key(a), key(b)));
  return Buffer.concat(
    sorted.flatMap(({ name, kind, id }) => [Buffer.from(`${MODES[kind]} ${name}\0`), Buffer.from(id, "hex")]),
  );
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

const POINTER = /^version https:\/\/git-lfs\.github\.com\/spec\/v1\noid sha256:([0-9a-f]{64})\nsize (\d+)\n$/;

export function encodePointer(sha256: string, size: number): Uint8Array {
  return Buffer.from(`version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${size}\n`);
}

export function parsePointer(content: Uint8Array): { sha256: string; size: number } | undefined {
  if (content.length > 1024) return undefined;
  const match = POINTER.exec(Buffer.from(content).toString("utf8"));
  return match?.[1] === undefined ? undefined : { sha256: match[1], size: Number(match[2]) };
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
