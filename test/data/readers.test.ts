// Rows of TSV, CSV and JSONL as files have them, and what is refused with its place.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readRows } from "../../src/data/readers.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "abrazo-readers-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function rows(name: string, content: string | Uint8Array) {
  const path = join(folder, name);
  await writeFile(path, content);
  return readRows(path);
}

const EXPECTED = [
  { text: "one", label: "1" },
  { text: "two", label: "0" },
];

it.each([
  ["plain.tsv", "text\tlabel\none\t1\ntwo\t0\n"],
  ["mark.tsv", "\uFEFFtext\tlabel\r\none\t1\r\ntwo\t0"],
  ["plain.csv", "text,label\none,1\ntwo,0"],
  ["quoted.csv", '"text","label"\r\n"one",1\r\n\r\ntwo,"0"\r\n'],
  ["plain.jsonl", '{"text":"one","label":1}\n\n{"text":"two","label":0}\n'],
])("%s", async (name, content) => {
  expect(await rows(name, content)).toEqual(EXPECTED);
  expect(await rows(`${name}.gz`, gzipSync(content))).toEqual(EXPECTED);
});

it("fields of CSV hold commas, line ends and quotes", async () => {
  expect(await rows("rich.csv", 'text,label\n"a, ""b""\nc",1\n,0\n"",\n')).toEqual([
    { text: 'a, "b"\nc', label: "1" },
    { text: "", label: "0" },
    { text: "", label: "" },
  ]);
});

describe("is refused, with its place:", () => {
  it.each([
    ["open.csv", 'text,label\n"one,1\ntwo,0\n', /line 2.*not closed/],
    ["inside.csv", 'text,label\none,1\nt"w"o,0\n', /line 3.*middle of a field/],
    ["after.csv", 'text,label\n"one"x,1\n', /line 2/],
    ["few.csv", "text,label\none\n", /row 2: 1 fields, the header names 2/],
    ["many.tsv", "text\tlabel\none\t1\t1\n", /row 2: 3 fields/],
    ["number.jsonl", '{"text":"one"}\n3\n', /line 2 is no JSON object/],
    ["list.jsonl", "[1]\n", /line 1 is no JSON object/],
    ["null.jsonl", "null\n", /line 1 is no JSON object/],
    ["broken.jsonl", "{\n", /line 1 is no JSON object/],
    ["words.txt", "text", /neither .tsv, .csv nor .jsonl/],
  ])("%s", async (name, content, message) => {
    await expect(rows(name, content)).rejects.toThrow(message);
  });
});
