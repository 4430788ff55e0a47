// What clients are told about the front matter of a card before they commit it.
import { describe, expect, it } from "vitest";
import { checkCard } from "../../hub-server/services/card-metadata.ts";

const card = (yaml: string) => `---\n${yaml}\n---\n# Title\n`;
const result = "results: [{task: {type: t}, dataset: {type: d, name: D}, metrics: [{type: accuracy, value: 0.5}]}]";

describe("metadata of a card", () => {
  it.each([
    ["what the hub reads", "license: mit\ntags: [a, b]\nlanguage: [en, de]\npipeline_tag: text-classification"],
    ["fields it does not know", "widget:\n  - text: Hello\nco2_eq_emissions: 3"],
    ["evaluations", `model-index:\n  - {name: x, ${result}}`],
    ["nothing where a value may stand", "license:\ntags:"],
  ])("takes %s", (_, yaml) => {
    expect(checkCard(card(yaml), "model")).toEqual({ errors: [], warnings: [] });
  });

  it.each([
    ["license: [", /^Flow sequence/],
    ["tags: a", /^"tags" must be a list of strings$/],
    ["license: 3", /^"license" must be a string or a list of strings$/],
    ["model-index: {}", /^"model-index" must be a list$/],
    ["model-index: [{name: x}]", /^"model-index\.0\.results" must be a list$/],
    [
      `model-index: [{name: x, ${result.replace("value: 0.5", "")}}]`,
      /^"model-index\.0\.results\.0\.metrics\.0\.value" is missing$/,
    ],
    ["- a", /^The metadata is no mapping\.$/],
  ])("refuses %s", (yaml, message) => {
    const { errors } = checkCard(card(yaml), "model");
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(message);
  });

  it("warns of a card without any, and refuses one that expands without end", () => {
    for (const text of ["# Title\n", "---\n# nothing\n---\n"])
      expect(checkCard(text, "dataset").warnings).toHaveLength(1);
    const bomb = `a: &a [x, x]\n${[..."bcdefgh"].map((name, at) => `${name}: &${name} [${`*${"abcdefgh"[at]}, `.repeat(9)}]`).join("\n")}`;
    expect(checkCard(card(bomb), "model").errors[0]).toMatch(/alias/i);
  });
});
