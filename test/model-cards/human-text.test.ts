// What people wrote in a card, byte for byte, however they wrote it.
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { type ModelFacts, writeCard } from "../../model-cards/index.ts";

const facts = (value = 0.9, changes: Partial<ModelFacts> = {}): ModelFacts => ({
  name: "ana/mood",
  task: "text-classification",
  architecture: "DistilBertForSequenceClassification",
  modelType: "distilbert",
  labels: ["NO", "YES"],
  maxLength: 128,
  vocabSize: 100,
  parameters: 12,
  dtypes: { F32: 12 },
  files: [],
  record: {
    ...{ version: 1, createdAt: "2026-01-01T00:00:00Z", abrazoVersion: "0.1.0", task: "text-classification" },
    ...{ seed: 1, device: "cpu", hyperparameters: { epochs: 2 }, steps: 10, durationSeconds: 5, environment: {} },
    model: { modelType: "distilbert", parameters: 12 },
    datasets: [{ name: "Reviews", split: "train", examples: 1200 }],
    history: [],
    evaluations: [{ dataset: { name: "Reviews", split: "test" }, metric: "accuracy", value }],
  },
  ...changes,
});
const write = (readme: string | null, of = facts()) => writeCard(readme, of);

const BLOCK = /<!-- abrazo:[a-z-]+ -->[\s\S]*?<!-- \/abrazo:[a-z-]+ -->/;
/** What stands around the blocks of a card, front matter left out. */
const around = (text: string) =>
  text.replace(/^\uFEFF?---\r?\n[\s\S]*?\r?\n---\r?\n/, "").split(new RegExp(BLOCK, "g"));
const ids = (text: string) => [...text.matchAll(/<!-- abrazo:([a-z-]+) -->/g)].map(([, id]) => id);
const metaOf = (text: string): Record<string, unknown> => parse(/---\r?\n([\s\S]*?)\r?\n---/.exec(text)?.[1] ?? "");

const YAML = [
  "license: mit",
  "license:    'mit'   # ours, by lawyers",
  '# first\ntags: [mine,  "other"]\n\n# last',
  "tags:\n- mine\n- other",
  "tags:\n    - mine\nlanguage:\n      - en",
  "widget:\n  - text: >\n      A long text that is folded,\n      over lines.\n    example: |\n      kept\n\n",
  `long: ${"words ".repeat(60)}`,
  "a: &x 1\nb: *x",
  "pipeline_tag: other-task\nlibrary_name: null",
  "license: mit\n   ",
];
const BODIES = [
  "# Title\n\nWords.\n",
  "# Title\n\nWords, no line end",
  "\n\n\n  # Indented   \n\n\n\ntrailing spaces   \n\n\n\n",
  "Words\n---\nA rule above, and code:\n\n```yaml\n---\nlicense: no\n---\n```\n",
  "",
];

describe("a card that people began", () => {
  for (const [eolName, eol] of [
    ["LF", "\n"],
    ["CRLF", "\r\n"],
  ] as const) {
    it(`keeps its front matter and its text, with ${eolName}`, () => {
      for (const yaml of YAML) {
        for (const body of BODIES) {
          const [head, rest] = [yaml, body].map((text) => text.replaceAll("\n", eol));
          const human = `---${eol}${head}${eol}---${eol}${rest}`;
          const { text, changed } = write(human);
          expect(changed).toBe(true);
          expect(text.startsWith(`---${eol}${head}${eol}`)).toBe(true);
          expect(text).toContain(`---${eol}${rest}`);
          expect(metaOf(text)).toMatchObject({ ...parse(head ?? ""), "model-index": expect.anything() });
          if (eol === "\r\n") expect(text.replaceAll("\r\n", "")).not.toContain("\n");
          expect(write(text)).toMatchObject({ text, changed: false });
        }
      }
    });
  }

  it.each(["# Only text\n", "Text, no line end", "\uFEFF# With a mark\n", "# CR\r\nLF\r\n", ""])(
    "gets front matter when it has none: %j",
    (human) => {
      const { text } = write(human);
      expect(text).toContain(human.replace("\uFEFF", ""));
      expect(text.startsWith("\uFEFF")).toBe(human.startsWith("\uFEFF"));
      expect(text.replace("\uFEFF", "").startsWith("---")).toBe(true);
      expect(metaOf(text)["library_name"]).toBe("transformers");
      expect(write(text)).toMatchObject({ text, changed: false });
    },
  );

  it("may have empty front matter", () => {
    const { text } = write("---\n---\n# x\n");
    expect(text.match(/^---$/gm)).toHaveLength(2);
    expect(metaOf(text)["library_name"]).toBe("transformers");
  });

  it.each([
    ["---\nlicense: [\n---\n# x\n", "no YAML"],
    ["---\na: 1\na: 2\n---\n# x\n", "no YAML"],
    ["---\n\tlicense: mit\n---\n# x\n", "no YAML"],
    ["---\n- a\n- list\n---\n# x\n", "no mapping"],
    ["---\nJust a rule above\n---\n# x\n", "no mapping"],
    ["---\n{license: mit}\n---\n# x\n", "nothing can be added"],
    ["---\n  license: mit\n---\n# x\n", "nothing can be added"],
  ])("keeps front matter that cannot be added to, and says so: %j", (human, issue) => {
    const { text, issues } = write(human);
    expect(text.startsWith(human)).toBe(true);
    expect(issues.join("\n")).toContain(issue);
    expect(text).toContain("## Evaluation");
    expect(write(text)).toMatchObject({ text, changed: false });
  });
});

describe("a card that is written again", () => {
  it("has new figures, in their old place of the front matter as well, and every byte around them", () => {
    const first = write("---\nlicense: mit\n---\n# Mood\n").text;
    const edited = first
      .replace("model-index:", "# before\nmodel-index:")
      .replace("\n---\n# Mood", "\n# after\nlanguage:   en\n---\n# Mood")
      .replaceAll(/(<!-- \/abrazo:([a-z-]+) -->)/g, "$1\nRight below $2.  \n\n\n\tAnd   more\n");
    const again = write(edited, facts(0.1234)).text;
    expect(around(again)).toEqual(around(edited));
    expect(again.slice(0, again.indexOf("# Mood"))).toBe(
      edited.slice(0, edited.indexOf("# Mood")).replace("value: 0.9", "value: 0.1234"),
    );
    expect(again).toContain("| Reviews, test | accuracy | 0.1234 |");
  });

  it("takes a block out and puts it back where it was", () => {
    const { text } = write(null);
    const without = write(text, facts(0.9, { record: undefined })).text;
    expect(without).not.toContain("## Evaluation");
    expect(write(without).text).toBe(text);
    const spoken = text.replace("<!-- /abrazo:training -->", "<!-- /abrazo:training -->\n\nMore on training.");
    const gone = write(spoken, facts(0.9, { record: undefined })).text;
    expect(gone).toContain("\n\nMore on training.\n\n");
  });

  it("puts blocks that somebody deleted into their order, text around them kept", () => {
    const { text } = write(null);
    const order = ids(text);
    for (const id of order) {
      const block = new RegExp(`<!-- abrazo:${id} -->[\\s\\S]*?<!-- /abrazo:${id} -->`);
      const again = write(text.replace(block, `Instead of ${id}.`)).text;
      expect(ids(again)).toEqual(order);
      expect(again).toContain(`Instead of ${id}.`);
    }
  });

  it.each([
    ["a closing marker is gone", "<!-- /abrazo:usage -->", ""],
    ["an opening marker is gone", "<!-- abrazo:usage -->", ""],
    ["a closing marker comes first", "<!-- abrazo:usage -->", "<!-- /abrazo:usage -->\n<!-- abrazo:usage -->"],
    ["an opening marker is doubled", "<!-- abrazo:usage -->", "<!-- abrazo:usage -->\nMine.\n<!-- abrazo:usage -->"],
    ["a block is inside another", "<!-- abrazo:training -->", "<!-- abrazo:training -->\nMine.\n<!-- abrazo:bias -->"],
  ])("loses nothing and does not grow when %s", (_, from, to) => {
    const human = "Human words, between blocks.";
    const damaged = write(null)
      .text.replace(from, to)
      .replaceAll(/(<!-- \/abrazo:[a-z-]+ -->)/g, `$1\n\n${human}`);
    const count = (text: string, word: string) => text.split(word).length - 1;
    const again = write(damaged, facts(0.5)).text;
    for (const word of [human, "Mine."]) expect(count(again, word)).toBe(count(damaged, word));
    expect(again).toContain("0.5000");
    expect(write(again, facts(0.5))).toMatchObject({ text: again, changed: false });
  });

  it("keeps its example when the repository's name is not known", () => {
    const { text } = write(null);
    const again = write(text, facts(0.9, { name: "folder" }));
    expect(again.text).toContain('pipeline("text-classification", "ana/mood")');
    expect(again.issues.join()).toContain("usage");
  });
});

describe("facts", () => {
  it("that look like markers or tables stay where they belong", () => {
    const labels = ["<!-- /abrazo:summary -->", "YES"];
    const record = facts().record;
    const datasets = [{ name: "a|b\n\n## Not a heading", split: "train" }];
    const samples = [{ prompt: "`code` and\n# more", text: "one\r\n<!-- /abrazo:samples -->\r\n# two" }];
    const odd = facts(0.9, { labels, record: record && { ...record, datasets, samples } });
    const { text } = write(null, odd);
    expect(new Set(ids(text)).size).toBe(ids(text).length);
    expect(text).toContain("| a\\|b ## Not a heading | train |");
    expect(text).toContain("Prompt: `` `code` and # more ``");
    expect(text).toContain("> &lt;!-- /abrazo:samples -->\n> # two");
    expect(write(text, odd)).toMatchObject({ text, changed: false });
    expect(around(text).join("").trim()).toBe("# mood");
  });

  it("of a part are named in model-index; a generator cuts no prompts", () => {
    const { record } = facts();
    const dataset = { name: "Reviews", split: "test" };
    const evaluations = [
      { dataset, metric: "accuracy", metricName: "Accuracy", value: 0.9 },
      { dataset, metric: "accuracy", metricName: "Accuracy", value: 0.8, slice: "int8" },
    ];
    const { text } = write(null, facts(0, { record: record && { ...record, evaluations } }));
    const [index] = metaOf(text)["model-index"] as { results: { metrics: unknown[] }[] }[];
    expect(index?.results.map(({ metrics }) => metrics[0])).toEqual([
      { type: "accuracy", name: "Accuracy", value: 0.9 },
      { type: "accuracy", name: "Accuracy, int8", value: 0.8 },
    ]);
    expect(text).toContain("Inputs are cut after 128 tokens.");
    expect(write(null, facts(0, { task: "text-generation" })).text).toContain("have at most 128 tokens.");
  });
});
