// Counterfactual fairness of a classifier (Garg et al. 2019, arXiv 1809.10610): sentences that differ in the group alone
// should get one label. Pure functions of scores; knows no model.
import type { Row } from "../data/readers.ts";
import { AbrazoError } from "../errors.ts";
import { wilsonInterval } from "./metrics.ts";

/** A sentence of a set whose members differ in `group` alone. */
export interface CounterfactualSentence {
  text: string;
  /** What differs inside the set, e.g. "gender". */
  attribute: string;
  /** What it is here, e.g. "female". */
  group: string;
  setId: string;
}

export interface GroupFlips {
  group: string;
  /** Pairs of one of its sentences and another of the same set. */
  pairs: number;
  /** Pairs whose labels differ. */
  flipped: number;
  rate: number;
  /** Mean of its positive scores less those of its sets: above 0 is judged kinder than the others. */
  shift: number;
}

export interface AttributeFlips {
  attribute: string;
  sets: number;
  /** Sets whose members do not all get the same label. */
  flipped: number;
  rate: number;
  interval: [number, number];
  /** Largest difference of the positive score inside a set, mean over sets. */
  meanSpread: number;
  members: GroupFlips[];
}

/** Sentences of a file with the columns sentence, attribute, group and set_id. */
export function toCounterfactuals(rows: readonly Row[], path: string): CounterfactualSentence[] {
  const columns = ["sentence", "attribute", "group", "set_id"];
  const missing = columns.filter((column) => rows[0]?.[column] === undefined);
  if (missing.length > 0) {
    throw new AbrazoError({
      code: "COLUMN_MISSING",
      message: `${path} has no column ${missing.join(", ")}.`,
      hint: `Counterfactual sentences need the columns ${columns.join(", ")}.`,
    });
  }
  return rows.map((row) => ({
    text: row["sentence"] ?? "",
    attribute: row["attribute"] ?? "",
    group: row["group"] ?? "",
    setId: row["set_id"] ?? "",
  }));
}

/**
 * How often the label changes with the group alone, by attribute and by group.
 *
 * @param scores probability of the positive class of each sentence; 0.5 and more is positive
 */
export function counterfactualFlips(
  sentences: readonly CounterfactualSentence[],
  scores: readonly number[],
): AttributeFlips[] {
  const scored = sentences.map((sentence, index) => ({ ...sentence, score: scores[index] ?? 0 }));
  return [...groupBy(scored, ({ attribute }) => attribute)].map(([attribute, members]) => {
    const sets = [...groupBy(members, ({ setId }) => setId).values()];
    const flipped = sets.filter((set) => new Set(set.map(isPositive)).size > 1).length;
    const spreads = sets.map((set) => Math.max(...set.map(scoreOf)) - Math.min(...set.map(scoreOf)));
    return {
      attribute,
      sets: sets.length,
      flipped,
      rate: flipped / sets.length,
      interval: wilsonInterval(flipped, sets.length),
      meanSpread: mean(spreads),
      members: [...new Set(members.map(({ group }) => group))].map((group) => flipsOf(group, sets)),
    };
  });
}

interface Scored extends CounterfactualSentence {
  score: number;
}

function flipsOf(group: string, sets: readonly Scored[][]): GroupFlips {
  let pairs = 0;
  let flipped = 0;
  const shifts: number[] = [];
  for (const set of sets) {
    const average = mean(set.map(scoreOf));
    for (const own of set.filter((member) => member.group === group)) {
      shifts.push(own.score - average);
      for (const other of set) {
        if (other === own) continue;
        pairs++;
        if (isPositive(own) !== isPositive(other)) flipped++;
      }
    }
  }
  return { group, pairs, flipped, rate: flipped / Math.max(1, pairs), shift: mean(shifts) };
}

function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

const scoreOf = ({ score }: Scored): number => score;
const isPositive = ({ score }: Scored): boolean => score >= 0.5;
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
