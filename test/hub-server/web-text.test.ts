// What pages make of texts: Markdown, tables, differences, numbers, code to paste.
import { describe, expect, it } from "vitest";
import { diffLines } from "../../hub-server/web/diff.ts";
import { ago, bytes, languageName, many, short, words } from "../../hub-server/web/format.ts";
import { renderText } from "../../hub-server/web/markdown.ts";
import { isBetter, metricWords } from "../../hub-server/web/metrics.ts";
import { layOut, withoutFrontMatter } from "../../hub-server/web/rendered.ts";
import { previewRows } from "../../hub-server/web/rows.ts";
import { PIPELINE_CALLS } from "../../hub-server/web/usage.ts";
import { TASKS } from "../../pipelines/tasks.ts";

const PLACE = { blob: "/ana/mood/blob/main/docs", resolve: "/ana/mood/resolve/main/docs" };
const render = async (source: string) => (await renderText(withoutFrontMatter(source), PLACE)) ?? "";

describe("Markdown", () => {
  it("leaves out the front matter and keeps GitHub's subset of HTML", async () => {
    const html = await render(
      '---\na: 1\n---\n# Hi\n\n<details open><summary>More</summary>\n\n**Bold**\n\n</details>\n\n<p align="center">x<br>y</p>',
    );
    expect(html).toContain('<h1 id="user-content-hi">Hi</h1>');
    expect(html).toContain("<summary>More</summary>\n<p><strong>Bold</strong></p>");
    expect(html).toContain('<p align="center">x<br>y</p>');
    expect(html).not.toContain("a: 1");
  });

  it.each([
    '<script>document.title="hacked"</script>',
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><circle/></svg>",
    '<a href="javascript:alert(1)">x</a>',
    "[x](javascript:alert(1)) [y](JaVaScRiPt:alert(1)) [z](data:text/html,x)",
    '<iframe src="https://evil.example"></iframe><object data=x></object><embed src=x>',
    '<form action="/logout" method="post"><button>x</button><input name=x></form>',
    "<style>body{display:none}</style><link rel=stylesheet href=x><base href=x><meta http-equiv=refresh content=0>",
    '<math><mtext><style><img src=x onerror="alert(1)"></style></mtext></math>',
    '<div style="position:fixed" onclick="alert(1)" tabindex="1" accesskey="x">x</div>',
    "<template><script>alert(1)</script></template><noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
  ])("runs nothing: %s", async (source) => {
    // Quoted text of a title is no markup.
    const html = (await render(source)).replaceAll(/title="[^"]*"/g, "");
    expect(html).not.toMatch(/<(script|svg|iframe|object|embed|form|button|style|link|base|meta|math|template)\b/i);
    expect(html).not.toMatch(/javascript:|data:text|\son\w+=|style=|accesskey|tabindex="1"|hacked/i);
  });

  it("resolves links and images beside the file, and lets none leave the repository by dots", async () => {
    const html = await render(
      "[a](b.md#part) [up](../c.txt) [out](../../../../../../login) [top](/models) [here](#part) [away](https://x.example) ![in](p%20q.png)",
    );
    expect([...html.matchAll(/href="([^"]*)"/g)].map((match) => match[1])).toEqual([
      "/ana/mood/blob/main/docs/b.md#part",
      "/ana/mood/blob/main/c.txt",
      "/ana/mood/blob/main/docs",
      "/models",
      "#user-content-part",
      "https://x.example",
    ]);
    expect(html).toContain('<img src="/ana/mood/resolve/main/docs/p%20q.png" alt="in" loading="lazy">');
  });

  it.each([
    "/&#9;/evil.example/t.png",
    "&#9;//evil.example/t.png",
    "/&#10;\\evil.example/t.png",
    " &#13;//evil.example/t.png",
  ])("fetches nothing from elsewhere by an address that browsers read otherwise: %s", async (src) => {
    expect(await render(`<img src="${src}" alt="t">`)).not.toContain("<img");
    const [, href = ""] = /href="([^"]*)"/.exec(await render(`<a href="${src}">x</a>`)) ?? [];
    expect(href).toMatch(/^[/\\]{2}evil/);
  });

  it("makes links of images from elsewhere, so that a card's readers fetch nothing unasked", async () => {
    const html = await render(
      "![track](https://evil.example/t.png) [![badge](//evil.example/b.svg)](https://x.example)",
    );
    expect(html).not.toContain("<img");
    expect(html).toContain('<a href="https://evil.example/t.png" class="away">track</a>');
    expect(html).toContain('<a href="https://x.example"><span>badge</span></a>');
  });

  it("keeps ids of a card apart from the page's, footnotes working", async () => {
    const html = await render(
      '## main\n\n<img name="getElementById" src="x.png"> <a name="main"></a>\n\nx[^1]\n\n[^1]: Note',
    );
    const ids = [...html.matchAll(/\s(?:id|name)="([^"]*)"/g)].map((match) => match[1] ?? "");
    expect(ids.length).toBeGreaterThan(3);
    expect(ids.every((id) => id.startsWith("user-content-"))).toBe(true);
    const target = /href="#(user-content-fn-1)"/.exec(html)?.[1];
    expect(ids).toContain(target);
  });

  it("gives up on what is nested too deep or too long, and does not fail", async () => {
    expect(await renderText("<div>".repeat(20_000), PLACE)).toBeUndefined();
    expect(await layOut("long", "x".repeat(200_000), PLACE)).toBeUndefined();
    expect(await render(`---\na: ${"x".repeat(300_000)}\n---\nBody`)).toBe("<p>Body</p>");
  });
});

describe("rows", () => {
  const table = (path: string, text: string, whole = true) => {
    const { columns, rows } = previewRows(path, text, whole) ?? { columns: [], rows: [] };
    return [columns.map(({ name }) => name), ...rows];
  };

  it("reads CSV with quotes, commas and line ends in fields, and what breaks the rules as it stands", () => {
    const text = '\uFEFFa,b\r\n"x, ""y""\nz",1\n\nplain "quoted",\n"open,2\n';
    expect(table("t.CSV", text)).toEqual([
      ["a", "b"],
      ['x, "y"\nz', "1"],
      ['plain "quoted"', ""],
      ["open,2\n", undefined],
    ]);
  });

  it("takes time in proportion to a text of quotes", () => {
    const started = performance.now();
    previewRows("t.csv", `a,b\n${'"a'.repeat(250_000)}`, true);
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it("reads TSV, fields that are missing apart from empty ones", () => {
    expect(table("t.tsv", "a\tb\n1\t\n2\n")).toEqual([
      ["a", "b"],
      ["1", ""],
      ["2", undefined],
    ]);
  });

  it("reads JSONL with the columns of all lines and counts what is no object", () => {
    const preview = previewRows("t.jsonl", '{"a":1,"b":{"c":[1]}}\n[1]\nno\n{"d":null}\n', true);
    expect(preview?.skipped).toBe(2);
    expect(preview?.columns.map(({ name }) => name)).toEqual(["a", "b", "d"]);
    expect(preview?.rows).toEqual([
      ["1", '{"c":[1]}', undefined],
      [undefined, undefined, "null"],
    ]);
  });

  it("leaves out a last line that may be cut, cuts long cells, and knows numbers from texts", () => {
    expect(table("t.tsv", "a\n1\n2", false)).toEqual([["a"], ["1"]]);
    const preview = previewRows("t.csv", `id,x,y\n-1.5e3,${"word ".repeat(300)},b\n`, true);
    expect(preview?.columns.map(({ kind }) => kind)).toEqual(["number", "long", "short"]);
    expect(preview?.cut).toBe(true);
    expect(preview?.rows[0]?.[1]?.length).toBe(501);
  });

  it("shows a hundred rows and fifty columns at most, and says what it leaves out", () => {
    const line = Array.from({ length: 70 }, (_, index) => `c${index}`).join(",");
    const preview = previewRows("t.csv", `${line}\n`.repeat(200), true);
    expect([preview?.rows.length, preview?.columns.length, preview?.moreColumns]).toEqual([100, 50, 20]);
    expect(previewRows("t.csv", "a,b\n", true)).toBeUndefined();
    expect(previewRows("t.csv", "", true)).toBeUndefined();
  });
});

describe("differences", () => {
  let seed = 1;
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed % below;
  };
  const lines = () => Array.from({ length: random(12) }, () => "abc".charAt(random(3)));
  const text = (list: readonly string[]) => list.map((line) => `${line}\n`).join("");

  /** Insertions and deletions that the longest common subsequence leaves. */
  function fewest(a: readonly string[], b: readonly string[]): number {
    let row = new Array<number>(b.length + 1).fill(0);
    for (const left of a) {
      const next = [0];
      for (const [index, right] of b.entries())
        next.push(left === right ? (row[index] ?? 0) + 1 : Math.max(next[index] ?? 0, row[index + 1] ?? 0));
      row = next;
    }
    return a.length + b.length - 2 * (row[b.length] ?? 0);
  }

  it("are as few as can be, with the right numbers of lines", () => {
    for (let run = 0; run < 1000; run++) {
      const [a, b] = [lines(), lines()];
      const diff = diffLines(text(a), text(b));
      expect(diff.filter(({ kind }) => kind === "add" || kind === "del").length).toBe(fewest(a, b));
      for (const { kind, text: line, before, after } of diff) {
        if (kind === "del" || kind === "same") expect(a[(before ?? 0) - 1]).toBe(line);
        if (kind === "add" || kind === "same") expect(b[(after ?? 0) - 1]).toBe(line);
      }
    }
  });

  it("of long texts come soon, scattered or everywhere", () => {
    const before = Array.from({ length: 20_000 }, (_, index) => `line ${index}`);
    const scattered = before.map((line, index) => (index % 40 === 0 ? `${line}!` : line));
    const started = performance.now();
    expect(diffLines(text(before), text(scattered)).filter(({ kind }) => kind === "add").length).toBe(500);
    expect(diffLines(text(before), text(before.map((line) => `${line}!`))).length).toBe(40_000);
    expect(performance.now() - started).toBeLessThan(15_000);
  });
});

describe("words and numbers", () => {
  it("shorten counts, sizes and times", () => {
    expect([0, 999, 1000, 821_666, 999_500, 5.2e6, 10.4e6, 999.6e6, 7.24e9, 1.5e12].map(short)).toEqual([
      "0",
      "999",
      "1k",
      "822k",
      "1.0M",
      "5.2M",
      "10M",
      "1.0B",
      "7.2B",
      "1.5T",
    ]);
    expect([0, 999, 1000, 3_291_176, 5e12, 7e18].map(bytes)).toEqual([
      "0 B",
      "999 B",
      "1.00 kB",
      "3.29 MB",
      "5.00 TB",
      "7000.0 PB",
    ]);
    expect([1, 1200].map((count) => many(count, "commit"))).toEqual(["1 commit", "1,200 commits"]);
    const now = new Date("2026-11-26T12:00:00Z");
    const before = (seconds: number) => ago(new Date(now.getTime() - seconds * 1000), now);
    expect([-5, 59, 60, 7200, 86_400 * 3, 86_400 * 70, 86_400 * 800].map(before)).toEqual([
      "just now",
      "just now",
      "1 minute ago",
      "2 hours ago",
      "3 days ago",
      "2 months ago",
      "2 years ago",
    ]);
  });

  it("turn slugs and codes into words, and leave what is none", () => {
    expect(["text-classification", "<b>", "Ready made", "-x"].map(words)).toEqual([
      "Text classification",
      "<b>",
      "Ready made",
      "-x",
    ]);
    expect(["en", "not a code", "multilingual"].map(languageName)).toEqual(["English", "not a code", "multilingual"]);
  });

  it("know which way a metric is better, and say nothing where the name does not", () => {
    expect(isBetter("accuracy", 0.01)).toBe(true);
    expect(isBetter("eval_loss", 0.01)).toBe(false);
    expect(isBetter("bits_per_byte", -0.01)).toBe(true);
    expect(isBetter("distinct_4", 0.01)).toBeUndefined();
    expect(metricWords({ metric: "f1", metricName: "Macro F1" })).toBe("Macro F1");
    expect(metricWords({ metric: "toString", metricName: null })).toBe("toString");
  });

  it("offer a call for every task of pipeline(), and for no other", () => {
    expect(Object.keys(PIPELINE_CALLS).sort()).toEqual(Object.keys(TASKS).sort());
  });
});
