// Texts that were written to keep a server busy: they are cut off, given up or read in a thread, and others are served meanwhile.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readYaml } from "../../hub-server/services/front-matter.ts";
import { describedBy } from "../../hub-server/services/repo-facts.ts";
import { cardCheckOf, tensorsOf, yamlOf } from "../../hub-server/texts/read.ts";
import { readApart } from "../../hub-server/texts/thread.ts";
import { diffLines } from "../../hub-server/web/diff.ts";
import { lineDiffs } from "../../hub-server/web/line-diffs.ts";
import { layOut, NOT_LAID_OUT } from "../../hub-server/web/rendered.ts";
import { previewRows } from "../../hub-server/web/rows.ts";
import { type Caller, caller, file } from "../support/calls.ts";
import { type TestHub, testHub } from "../support/hub.ts";

const PLACE = { blob: "/ana/mood/blob/main", resolve: "/ana/mood/resolve/main" };
/** A text again and again, up to a length. */
const flood = (text: string, length: number): string => text.repeat(Math.ceil(length / text.length)).slice(0, length);
const LONG = 120 * 1024;

/** The longest that nothing else was done while something was. */
async function longestPause(work: () => Promise<unknown>): Promise<number> {
  const delays = monitorEventLoopDelay({ resolution: 10 });
  delays.enable();
  await work();
  delays.disable();
  return delays.max / 1e6;
}

describe("hostile Markdown", () => {
  const wide = `${flood("|a", LONG / 3)}|\n${flood("|-", LONG / 3)}|\n${flood("|\n", LONG / 3)}`;

  it.each([
    ["emphasis in emphasis", flood("*_", LONG)],
    ["brackets in brackets", flood("[", LONG / 2) + flood("](b)", LONG / 2)],
    // Fills four gigabytes: the thread has less.
    ["a table that is as wide as it is long", wide],
  ])("is given up while others are served: %s", async (_, body) => {
    let given: string | undefined = "nothing yet";
    const pause = await longestPause(async () => {
      given = await readApart("markdown", { body, place: PLACE }, 1500);
    });
    expect(given).toBeUndefined();
    expect(pause).toBeLessThan(1000);
    expect(await readApart("markdown", { body: "*on*", place: PLACE })).toBe("<p><em>on</em></p>");
  });

  it.each([
    ["quotations", `text\n ${flood("> ", 200)}a`],
    ["letters", flood("word ", 200_000)],
  ])("is not looked at for too many %s", async (kind, body) => {
    expect(await layOut(kind, body, PLACE)).toBeUndefined();
  });
});

describe("hostile YAML", () => {
  const stairs = (depth: number) => Array.from({ length: depth }, (_, at) => `${" ".repeat(at)}a:`).join("\n");
  const closedInText = 'a: ["]", ';

  it.each([
    ["lists", flood("[", 16_000)],
    ["mappings", flood("{a: ", 16_000)],
    ["marks of lists", flood("- ", 16_000)],
    ["marks of keys", flood("? ", 16_000)],
    ["indents", stairs(2000)],
    ["lists whose ends are text", closedInText + flood('["]", ', 16_000)],
  ])("is not parsed where it is nested too deep: %s", async (_, source) => {
    expect(readYaml(source)).toEqual({ errors: [expect.stringMatching(/^Lists and mappings are nested more than/)] });
    expect((await cardCheckOf(`---\n${source}\n---\n`, "model")).errors).toHaveLength(1);
  });

  it("is what it was where it is nested as people nest it", () => {
    const nested = `${flood("[", 90)}1${flood("]", 90)}`;
    expect(readYaml(`a: ${nested}`)).toEqual({ value: { a: JSON.parse(nested) } });
    expect(readYaml(flood('- "[[["\n', 7000))).toMatchObject({ value: expect.arrayContaining(["[[["]) });
    expect(readYaml(`${flood("- - a\n  - b\n", 12_000)}`)).toMatchObject({
      value: expect.arrayContaining([["a", "b"]]),
    });
  });

  it("tells the first hundred errors, and how many more there are", async () => {
    const { errors } = await cardCheckOf(`---\ntags: [${flood("1,", 20_000)}]\n---\n`, "model");
    expect(errors).toHaveLength(101);
    expect(errors.at(-1)).toBe("9900 more errors.");
  });

  it("is read in a thread where it is long, with the same result", async () => {
    const source = Array.from({ length: 2000 }, (_, at) => `k${at}: [${at}, "x"]`).join("\n");
    expect(await yamlOf(source)).toEqual(readYaml(source));
  });
});

describe("hostile files", () => {
  it("are refused by the length of their header before it is read", async () => {
    const never = () => Promise.reject(new Error("was read"));
    await expect(tensorsOf(90_000_000, 100_000_000, never)).rejects.toThrow("the hub reads headers up to");
  });

  it("of many tensors are read in a thread, and wrong ones refused with its words", async () => {
    const tensors = Array.from({ length: 4000 }, (_, at) => [
      `t${at}`,
      { dtype: "U8", shape: [1], data_offsets: [at, at + 1] },
    ]);
    const header = Buffer.from(JSON.stringify(Object.fromEntries(tensors)));
    const size = 8 + header.length + 4000;
    const found = await tensorsOf(header.length, size, async () => header);
    expect(found.tensors.get("t3999")).toMatchObject({ dtype: "U8", shape: [1], byteLength: 1 });
    const short = tensorsOf(header.length, size - 1, async () => header);
    await expect(short).rejects.toThrow("its tensors take 4000 bytes, 3999 follow the header");
  });

  it("of rows show no more cells than a page has, and what cannot be written as text", () => {
    const line = (at: number) =>
      JSON.stringify(Object.fromEntries(Array.from({ length: 400 }, (_, k) => [`${at} ${k}`, 1])));
    const preview = previewRows("a.jsonl", Array.from({ length: 100 }, (_, at) => line(at)).join("\n"), true);
    expect(preview).toMatchObject({ moreColumns: 40_000 - 50 });
    const deep = previewRows("b.jsonl", `{"a":${flood("[", 100_000)}${flood("]", 100_000)}}`, true);
    expect(deep?.rows).toEqual([["(nested too deeply to be shown)"]]);
  });

  it("that differ in long lines are compared by the number of lines, not of letters", () => {
    const lines = (end: string) => Array.from({ length: 900 }, (_, at) => `${flood("a", 250)}${at}${end}`).join("\n");
    expect(diffLines(lines("x"), lines("y"))).toHaveLength(1800);
  });

  it("take no more of a page than it has room for", async () => {
    const text = { before: "", after: flood(`${flood("a", 60)}\n`, 256 * 1024) };
    const change = { change: "added", before: undefined, after: undefined, text } as const;
    const files = Array.from({ length: 100 }, (_, at) => ({ path: `f${at}`, ...change }));
    const diffs = await lineDiffs(files);
    expect(diffs.size).toBe(20);
    expect(diffs.get(files[0] ?? { path: "", ...change })).toMatchObject({ added: 4298, more: 3898 });
    expect(diffs.get(files[50] ?? { path: "", ...change })).toBeUndefined();
  });

  it("of data sets are described in time in proportion to them", () => {
    const started = performance.now();
    for (const text of ["<", "![", "[", "[a](", "![a]("]) describedBy(flood(text, 1024 * 1024));
    expect(performance.now() - started).toBeLessThan(15_000);
  });
});

describe("hostile cards of a hub", () => {
  let hub: TestHub;
  let ana: Caller;
  beforeAll(async () => {
    hub = await testHub();
    ana = caller(hub.url, await hub.user("ana"));
  });
  afterAll(() => hub.stop());

  it("are shown as they were written, which the page says; comments, too", async () => {
    await ana.call("POST", "/api/repos/create", { name: "deep" });
    const card = `---\nlicense: mit\ntags: ${flood("[", 9000)}\n---\n${flood(">", 9000)}`;
    await ana.commit("/api/models/ana/deep", "main", [file("README.md", card), file("NOTES.md", flood(">", 9000))]);
    for (const path of ["/ana/deep", "/ana/deep/blob/main/NOTES.md"]) {
      const page = await (await fetch(`${hub.url}${path}`)).text();
      expect(page).toContain(NOT_LAID_OUT);
      expect(page).toContain("&gt;&gt;&gt;&gt;");
    }
    const talk = { title: "Hello", description: flood("> ", 400) };
    await ana.call("POST", "/api/models/ana/deep/discussions", talk);
    expect(await (await fetch(`${hub.url}/ana/deep/discussions/1`)).text()).toContain(NOT_LAID_OUT);
  });

  it("are refused by whoever is asked to check them, and the hub goes on", async () => {
    const content = `---\n${flood("[", 500_000)}\n---\n`;
    const response = await ana.call("POST", "/api/validate-yaml", { content, repoType: "model" });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errors: [{ message: expect.stringContaining("nested more than") }] });
  });
});
