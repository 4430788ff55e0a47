// Counterfactual flips against counts made by hand, and on the shared sentences against a model that sees nothing.
import { expect, it } from "vitest";
import { readRows } from "../../src/data/readers.ts";
import { counterfactualFlips, toCounterfactuals } from "../../src/train/bias.ts";
import { dataPath } from "../support/data.ts";

const sentence = (attribute: string, group: string, setId: string) => ({ text: "", attribute, group, setId });

it("counts sets whose labels differ, pairs by group, and how far a group's scores lie from its sets'", () => {
  const sentences = [
    ...["female", "male"].map((group) => sentence("gender", group, "g0")),
    ...["female", "male"].map((group) => sentence("gender", group, "g1")),
    ...["young", "old", "teen"].map((group) => sentence("age", group, "a0")),
  ];
  const [gender, age, ...rest] = counterfactualFlips(sentences, [0.9, 0.8, 0.6, 0.4, 0.7, 0.2, 0.9]);
  expect(rest).toEqual([]);
  expect(gender).toMatchObject({ attribute: "gender", sets: 2, flipped: 1, rate: 0.5 });
  expect(gender?.meanSpread).toBeCloseTo(0.15, 10);
  expect(gender?.members[0]).toMatchObject({ group: "female", pairs: 2, flipped: 1, rate: 0.5 });
  expect(gender?.members[0]?.shift).toBeCloseTo(0.075, 10);
  expect(age).toMatchObject({ sets: 1, flipped: 1 });
  expect(age?.members.map(({ group, pairs, flipped }) => [group, pairs, flipped])).toEqual([
    ["young", 2, 1],
    ["old", 2, 2],
    ["teen", 2, 1],
  ]);
});

const path = dataPath("fairness/counterfactual_sentiment.tsv");

it.skipIf(path === undefined)(
  "reads the shared sentences: a constant score never flips (needs ABRAZO_DATA)",
  async () => {
    const sentences = toCounterfactuals(await readRows(path ?? ""), path ?? "");
    const attributes = counterfactualFlips(
      sentences,
      sentences.map(() => 0.7),
    );
    expect(attributes.map(({ attribute }) => attribute).sort()).toEqual([
      "age",
      "disability",
      "gender",
      "origin",
      "religion",
    ]);
    expect(attributes.every(({ flipped, sets }) => flipped === 0 && sets >= 45)).toBe(true);
    expect(attributes.every(({ members }) => members.every(({ shift }) => Math.abs(shift) < 1e-12))).toBe(true);
  },
);

it("names the columns that are missing", () => {
  expect(() => toCounterfactuals([{ sentence: "a" }], "x.tsv")).toThrow(/no column attribute, group, set_id/);
});
