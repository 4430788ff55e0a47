// Cards: facts in, Markdown out, human text kept.
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { collectModelFacts, type ModelFacts, type RepositoryFiles, writeCard } from "../../model-cards/index.ts";

const record = {
  version: 1,
  createdAt: "2026-01-01T00:00:00Z",
  abrazoVersion: "0.1.0",
  task: "text-classification",
  seed: 1,
  device: "cpu",
  model: { modelType: "distilbert", parameters: 12 },
  datasets: [{ name: "Reviews", id: "ana/reviews", split: "train", examples: 1200 }],
  hyperparameters: { epochs: 2 },
  steps: 10,
  durationSeconds: 5,
  environment: {},
  history: [],
  evaluations: [
    { dataset: { name: "Reviews", split: "test" }, metric: "accuracy", value: 0.9, interval: [0.8, 0.95], count: 100 },
  ],
  notes: ["Three seeds gave 0.89,\n0.90 and 0.91.", " "],
};

const texts: Record<string, string> = {
  "config.json": JSON.stringify({
    model_type: "distilbert",
    architectures: ["DistilBertForSequenceClassification"],
    id2label: { 0: "NO", 1: "YES" },
  }),
  "training-record.json": JSON.stringify(record),
};
const files: RepositoryFiles = {
  list: async () => Object.keys(texts).map((path) => ({ path, size: 1 })),
  text: async (path) => texts[path],
  header: async () => undefined,
};
const facts = (): Promise<ModelFacts> => collectModelFacts("ana/mood", files);

describe("writeCard", () => {
  it("writes valid front matter with model-index, and changes nothing the second time", async () => {
    const { text, changed, issues } = writeCard(null, await facts());
    expect(changed).toBe(true);
    expect(issues).toEqual(["samples: no samples were recorded", "files: there is no model.safetensors"]);
    const meta = parse(text.split("---\n")[1] ?? "");
    expect(meta).toMatchObject({
      library_name: "transformers",
      pipeline_tag: "text-classification",
      datasets: ["ana/reviews"],
    });
    expect(meta["model-index"][0].results[0].metrics).toEqual([{ type: "accuracy", value: 0.9 }]);
    expect(text).toContain("Bias was not measured.");
    expect(text).toContain(
      "| Reviews, test | accuracy | 0.9000 | 0.800 to 0.950 | 100 |\n\nThree seeds gave 0.89, 0.90 and 0.91.\n<!--",
    );
    expect(writeCard(text, await facts())).toMatchObject({ text, changed: false });
  });

  it("keeps human text, keys and line ends byte for byte", async () => {
    const human = "---\r\nlicense: mit # ours\r\ntags: [mine]\r\n---\r\n# My title\r\n\r\nWords, *kept*.  \r\n";
    const { text } = writeCard(human, await facts());
    expect(text).toMatch(/^---\r\nlicense: mit # ours\r\ntags: \[ ?mine ?\]\r\n/);
    expect(text).toContain("---\r\n# My title\r\n\r\nWords, *kept*.");
    const edited = text.replace("Words, *kept*.", "Other words.").replace("0.9000", "0.1234");
    const again = writeCard(edited, await facts()).text;
    expect(again).toContain("Other words.");
    expect(again).toContain("0.9000");
    expect(again).not.toContain("0.1234");
  });

  it("takes out what no longer holds, and reports front matter it cannot read", async () => {
    const { text } = writeCard(null, await facts());
    const without = { ...(await facts()), record: undefined };
    expect(writeCard(text, without).text).not.toContain("## Evaluation");
    const broken = "---\nlicense: [\n---\n# x\n";
    expect(writeCard(broken, without).issues.join()).toContain("front matter is no YAML");
  });

  it("names the field of a broken file", async () => {
    const bad: RepositoryFiles = {
      ...files,
      text: async (path) => (path === "config.json" ? '{"architectures": 3}' : undefined),
    };
    await expect(collectModelFacts("x", bad)).rejects.toMatchObject({
      code: "INVALID_JSON",
      message: expect.stringContaining("architectures"),
    });
  });
});
