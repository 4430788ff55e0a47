// Object ids against the real git binary.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  defaultGitattributes,
  encodeCommit,
  encodePointer,
  encodeTag,
  encodeTree,
  entryOf,
  isLfsPath,
  looksLikePointer,
  objectId,
  parseCommit,
  parsePointer,
  parseTag,
  parseTree,
} from "../../src/io/git-objects.ts";
import { hashTensors, writeSafetensors } from "../../src/io/safetensors.ts";

let folder: string;
const env = { ...process.env, GIT_AUTHOR_DATE: "1700000000 +0000", GIT_COMMITTER_DATE: "1700000000 +0000" };
const git = (...args: string[]) => execFileSync("git", args, { cwd: folder, encoding: "utf8", env }).trim();

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "abrazo-git-"));
  git("init", "-q", "-b", "main");
  git("config", "user.name", "Ana");
  git("config", "user.email", "ana@example.org");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("blob, tree and commit ids are git's", () => {
  mkdirSync(join(folder, "a"));
  // "a" the folder sorts as "a/", after "a.txt" and "a-b"
  const files = { "a-b": "1", "a.txt": "2", é: "3", "a/x": "4" };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  git("add", "-A");
  git("commit", "-q", "-m", "First\n\nwith a body");
  const blob = (text: string) => objectId("blob", Buffer.from(text));
  const sub = objectId("tree", encodeTree([{ name: "x", kind: "file", id: blob("4") }]));
  const root = encodeTree([
    { name: "a", kind: "directory", id: sub },
    { name: "é", kind: "file", id: blob("3") },
    { name: "a.txt", kind: "file", id: blob("2") },
    { name: "a-b", kind: "file", id: blob("1") },
  ]);
  const tree = objectId("tree", root);
  expect(tree).toBe(git("rev-parse", "HEAD^{tree}"));
  const who = { name: "Ana", email: "ana@example.org", time: 1_700_000_000 };
  const commit = encodeCommit({ tree, parents: [], author: who, committer: who, message: "First\n\nwith a body\n" });
  expect(objectId("commit", commit)).toBe(git("rev-parse", "HEAD"));
});

it("LFS rules of the default .gitattributes are git's", () => {
  writeFileSync(join(folder, ".gitattributes"), `${defaultGitattributes()}plain/*.bin -filter\n`);
  const paths = [
    "model.safetensors",
    "sub/model.bin",
    "plain/x.bin",
    "README.md",
    "a/saved_model/b/c",
    "saved_model/x/y",
    "x.tar.gz",
    "run/events.out.tfevents.1",
    "xbin",
  ];
  for (const path of paths) {
    const attribute = git("check-attr", "filter", path).split(": ").at(-1);
    expect(isLfsPath(`${defaultGitattributes()}plain/*.bin -filter\n`, path), path).toBe(attribute === "lfs");
  }
});

it("pointers are read back, anything else is none", () => {
  const sha256 = "ab".repeat(32);
  expect(parsePointer(encodePointer(sha256, 12))).toEqual({ sha256, size: 12 });
  expect(parsePointer(Buffer.from("version https://git-lfs.github.com/spec/v1\n"))).toBeUndefined();
});

it("hashes tensors one by one", async () => {
  const path = join(folder, "x.safetensors");
  const data = new Float32Array([1, 2]);
  await writeSafetensors(path, [
    { name: "same", dtype: "F32", shape: [2], data },
    { name: "other", dtype: "F32", shape: [2], data },
  ]);
  const hashes = await hashTensors(path);
  expect(hashes.get("same")).toBe(hashes.get("other"));
  expect(hashes.get("same")).toMatch(/^[0-9a-f]{64}$/);
});

const raw = (type: string, id: string) => execFileSync("git", ["cat-file", type, id], { cwd: folder });

it("trees of git are read: programs, links, and names of any bytes", () => {
  writeFileSync(join(folder, "run.sh"), "x", { mode: 0o755 });
  symlinkSync("run.sh", join(folder, "link"));
  git("add", "-A");
  const id = git("write-tree");
  const entries = parseTree(raw("tree", id)).map(entryOf);
  expect(entries).toContainEqual({
    name: "run.sh",
    kind: "file",
    id: objectId("blob", Buffer.from("x")),
    mode: "100755",
  });
  expect(entries).toContainEqual({
    name: "link",
    kind: "file",
    id: objectId("blob", Buffer.from("run.sh")),
    mode: "120000",
  });
  expect(entries).toContainEqual(expect.objectContaining({ name: "a", kind: "directory" }));
  expect(objectId("tree", encodeTree(entries.filter((entry) => entry !== undefined)))).toBe(id);
  const odd = Buffer.concat([
    Buffer.from("160000 sub\0"),
    Buffer.alloc(20, 1),
    Buffer.from([0x31, 0x20, 0xff, 0]),
    Buffer.alloc(20),
  ]);
  expect(parseTree(odd)).toEqual([
    { mode: "160000", name: "sub", id: "01".repeat(20) },
    { mode: "1", name: undefined, id: "0".repeat(40) },
  ]);
  expect(parseTree(odd).map(entryOf)).toEqual([undefined, undefined]);
  expect(parseTree(new Uint8Array())).toEqual([]);
  for (const text of ["100644", "100644 a", "100644 a\0short", "a\0 ".padEnd(40)]) {
    expect(() => parseTree(Buffer.from(text)), text).toThrow(expect.objectContaining({ code: "GIT_OBJECT" }));
  }
});

it("commits and tags of git are read", () => {
  const id = git("commit-tree", git("write-tree"), "-p", "HEAD", "-m", "Second\n\nwith words");
  const who = { name: "Ana", email: "ana@example.org", time: 1_700_000_000 };
  const commit = parseCommit(raw("commit", id));
  expect(commit).toEqual({
    tree: git("write-tree"),
    parents: [git("rev-parse", "HEAD")],
    author: who,
    committer: who,
    message: "Second\n\nwith words\n",
  });
  expect(objectId("commit", encodeCommit(commit))).toBe(id);
  const signed = Buffer.from(
    raw("commit", id)
      .toString()
      .replace("\n\n", "\ngpgsig -----BEGIN-----\n tree not this\n -----END-----\n\n")
      .replaceAll("+0000", "-0730"),
  );
  expect(parseCommit(signed)).toEqual(commit);
  for (const text of ["", "tree x", "tree x\nauthor Ana\ncommitter Ana\n\n"])
    expect(() => parseCommit(Buffer.from(text)), text).toThrow(expect.objectContaining({ code: "GIT_OBJECT" }));
  git("tag", "-a", "v1", "-m", "The first", id);
  const tag = raw("tag", "v1");
  expect(parseTag(tag)).toEqual({ object: id, type: "commit", name: "v1", message: "The first\n" });
  expect(Buffer.from(encodeTag({ object: id, name: "v1", tagger: who, message: "The first\n" })).toString()).toBe(
    tag.toString(),
  );
  expect(() => parseTag(Buffer.from("object x\n\n"))).toThrow(expect.objectContaining({ code: "GIT_OBJECT" }));
});

it("what sets out as a pointer is told from what is none", () => {
  expect(looksLikePointer(encodePointer("a".repeat(64), 5))).toBe(true);
  expect(looksLikePointer(Buffer.from("version https://git-lfs.github.com/spec/v1\r\noid sha256:x"))).toBe(true);
  expect(looksLikePointer(Buffer.from("a version https://git-lfs.github.com/spec/v1"))).toBe(false);
  expect(looksLikePointer(Buffer.alloc(2000))).toBe(false);
});
