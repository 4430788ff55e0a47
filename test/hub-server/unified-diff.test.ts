// The text of a diff is one that git takes: applied to what was there, it gives what is there.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { unifiedDiff } from "../../hub-server/api/unified-diff.ts";
import type { FileChange } from "../../hub-server/services/changes.ts";
import { objectId } from "../../src/io/git-objects.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "abrazo-diff-"));
  execFileSync("git", ["init", "-q", folder]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function changeOf(path: string, before: string | undefined, after: string | undefined): FileChange {
  const side = (text: string | undefined) =>
    text === undefined
      ? undefined
      : { kind: "file" as const, path, id: objectId("blob", Buffer.from(text)), size: text.length };
  const change = before === undefined ? "added" : after === undefined ? "removed" : "changed";
  return {
    path,
    change,
    before: side(before),
    after: side(after),
    text: { before: before ?? "", after: after ?? "" },
  };
}

const many = (change: string) =>
  Array.from({ length: 100 }, (_, index) => (index % 23 === 0 ? `${change} ${index}\n` : `line ${index}\n`)).join("");

describe("a unified diff", () => {
  it.each<[string, string, string | undefined, string | undefined]>([
    ["a line in the middle", "a.txt", "one\ntwo\nthree\n", "one\n2\nthree\n"],
    ["several places", "a.txt", many("old"), many("new")],
    ["a line at the beginning", "a.txt", "b\n", "a\nb\n"],
    ["a line at the end", "a.txt", many("x"), `${many("x")}end\n`],
    ["an end of line that is new", "a.txt", "a\nb", "a\nb\n"],
    ["an end of line that is gone", "a.txt", "a\nb\n", "a\nb"],
    ["no end of line on both sides", "a.txt", "a\nb", "a\nc"],
    ["a change far from a last line without an end", "a.txt", `x\n${many("x")}end`, `y\n${many("x")}end`],
    ["lines that end in CR", "a.txt", "a\r\nb\r\n", "a\r\nc\r\n"],
    ["a new file", "new.txt", undefined, "a\nb\n"],
    ["a new file without an end of line", "new.txt", undefined, "a"],
    ["a new file with nothing in it", "new.txt", undefined, ""],
    ["a file that is gone", "a.txt", "a\nb\n", undefined],
    ["everything", "a.txt", "a\nb\nc\n", "d\ne\n"],
    ["a file that is emptied", "a.txt", "a\n", ""],
    ["lines that look like a diff", "a.txt", "--- a\n+++ b\n@@ -1 +1 @@\n", "--- a\n+++ c\n@@ -1 +1 @@\n"],
    ["a name with spaces and letters of others", "a ü 日本.txt", "a\n", "b\n"],
    ["a name with quotes", 'a"b\\c.txt', "a\n", "b\n"],
  ])("of %s", async (_, path, before, after) => {
    const at = join(folder, path);
    if (before === undefined) rmSync(at, { force: true });
    else writeFileSync(at, before);
    const text = await unifiedDiff([changeOf(path, before, after)], 0);
    execFileSync("git", ["apply", "--whitespace=nowarn", "-"], { cwd: folder, input: text });
    if (after === undefined) expect(() => readFileSync(at)).toThrow();
    else expect(readFileSync(at, "utf8")).toBe(after);
    rmSync(at, { force: true });
  });

  it("names files that are no text, and says how many more there are", async () => {
    const { text: _, ...binary } = changeOf("model.bin", "a", "b");
    const shown = await unifiedDiff([binary], 7);
    expect(shown).toContain("Binary files a/model.bin and b/model.bin differ\n");
    expect(shown).toMatch(/# 7 more files are not shown\.\n$/);
  });

  it("is bounded", async () => {
    const files = Array.from({ length: 20 }, (_, index) => changeOf(`${index}.txt`, "", "x".repeat(100_000)));
    const shown = await unifiedDiff(files, 3);
    expect(shown.length).toBeLessThan(1_100_000);
    expect(shown).toMatch(/# 13 more files are not shown\.\n$/);
  });
});
