// Object ids against the real git binary.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  defaultGitattributes,
  encodeCommit,
  encodePointer,
  encodeTree,
  isLfsPath,
  objectId,
  parsePointer,
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
