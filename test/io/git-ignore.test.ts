// .gitignore rules against git itself.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { parseGitignore } from "../../src/io/git-ignore.ts";
import { globMatches, parseGlob } from "../../src/io/glob.ts";

const PATHS = [
  ...["a", "a.log", "keep.log", "b/a.log", "b/c/a.log", "build", "build/x", "b/build/x", "b/build.txt", ".env"],
  ...["b/.env", "doc/a.txt", "doc/b/a.txt", "doc/b/c/d.txt", "a b.txt", "tail ", "#note", "!bang", "x1", "x2", "xy"],
  ...["x-", "a/b/c", "a/c", "a/x/y/c", "deep/one/two.bin", "日本.log", "star*", "q?", "[x]", "back\\slash"],
];

const TEXTS = [
  "*.log\n!keep.log",
  "# comment\n\n.env\nbuild/",
  "/a.log\n/build",
  "doc/*.txt",
  "doc/**/*.txt\n!doc/b/a.txt",
  "doc/**",
  "**/build",
  "a/**/c",
  "b/*\n!b/c",
  "b/\n!b/a.log",
  "*\n!*.txt\n!*/",
  "\\#note\n\\!bang",
  "a b.txt   \ntail\\ ",
  "x[12]\n[!a-z]*",
  "x[0-9-]",
  "x?\n日本.*",
  "star\\*\nq\\?\n\\[x\\]",
  "deep/one\n!deep/one/two.bin",
  "/*\n!/doc\n/doc/*\n!/doc/b",
];

const folder = mkdtempSync(join(tmpdir(), "abrazo-ignore-"));
execFileSync("git", ["init", "--quiet", folder]);
afterAll(() => rmSync(folder, { recursive: true }));

it.each(TEXTS)("%j", (text) => {
  writeFileSync(join(folder, ".gitignore"), text);
  // -z keeps git from quoting; its exit code says whether any path is ignored.
  const { stdout } = spawnSync("git", ["-C", folder, "check-ignore", "--no-index", "--stdin", "-z"], {
    input: PATHS.join("\0"),
    encoding: "utf8",
  });
  const ignored = parseGitignore(text);
  expect(PATHS.filter(ignored)).toEqual(stdout.split("\0").filter((path) => path !== ""));
});

it("takes no time over a pattern made to take long", () => {
  const started = performance.now();
  expect(globMatches(parseGlob(`${"*a".repeat(100)}b`), "a".repeat(2000))).toBe(false);
  expect(globMatches(parseGlob(`${"**/".repeat(50)}b`), "a/".repeat(1000))).toBe(false);
  expect(performance.now() - started).toBeLessThan(2000);
});
