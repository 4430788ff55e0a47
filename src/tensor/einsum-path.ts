// In which order the operands of an einsum are contracted, two at a time: the fewest multiply-adds.
// Knows labels and sizes alone.
import type { Label } from "./einsum-parse.ts";

/** In which order operands are contracted, and what that costs. */
export interface ContractionPath {
  /** Each step takes the terms at two places of the list; their product goes to its end. */
  path: [number, number][];
  /** Multiply-adds of all steps. */
  cost: number;
  /** Multiply-adds from left to right, as written. */
  naiveCost: number;
}

type Labels = readonly Label[];
type Sizes = ReadonlyMap<Label, number>;

const MOST_FOR_OPTIMAL = 6;

const union = (a: Labels, b: Labels): Label[] => [...new Set([...a, ...b])];
const volume = (labels: Labels, sizes: Sizes): number =>
  labels.reduce((product, label) => product * (sizes.get(label) ?? 1), 1);
const costOf = (a: Labels, b: Labels, sizes: Sizes): number => volume(union(a, b), sizes);

/** What is left of a product: labels that the result or another term still reads. */
export function keptLabels(a: Labels, b: Labels, others: readonly Labels[], output: Labels): Label[] {
  const read = new Set([...output, ...others.flat()]);
  return union(a, b).filter((label) => read.has(label));
}

/** Walks a path, adding up its cost. */
function walk(path: readonly [number, number][], terms: readonly Labels[], output: Labels, sizes: Sizes): number {
  const list = [...terms];
  let cost = 0;
  for (const [first, second] of path) {
    const [a = [], b = []] = [list[first], list[second]];
    list.splice(Math.max(first, second), 1);
    list.splice(Math.min(first, second), 1);
    cost += costOf(a, b, sizes);
    list.push(keptLabels(a, b, list, output));
  }
  return cost;
}

/** From left to right: the first two, then that product with the next. */
function inOrder(count: number): [number, number][] {
  return Array.from({ length: count - 1 }, (_, step): [number, number] =>
    step === 0 ? [0, 1] : [0, count - step - 1],
  );
}

interface Plan {
  labels: Labels;
  cost: number;
  /** The two sets of terms whose products are multiplied last. */
  parts?: [number, number];
}

/** The best way to multiply every set of terms (bits of a number), from small sets to large: exact, 3ⁿ steps. */
function optimal(terms: readonly Labels[], output: Labels, sizes: Sizes): [number, number][] {
  const all = 2 ** terms.length - 1;
  const plans: Plan[] = [{ labels: [], cost: 0 }];
  const members = (set: number) => terms.filter((_, at) => (set >> at) & 1);
  for (let set = 1; set <= all; set++) {
    const own = members(set);
    const labels = keptLabels(own.flat(), [], members(all & ~set), output);
    let best: Plan = { labels: own[0] ?? [], cost: own.length === 1 ? 0 : Number.POSITIVE_INFINITY };
    for (let part = (set - 1) & set; part > 0; part = (part - 1) & set) {
      const rest = set & ~part;
      if (part < rest) continue;
      const [a, b] = [plans[part], plans[rest]];
      if (a === undefined || b === undefined) continue;
      const cost = a.cost + b.cost + costOf(a.labels, b.labels, sizes);
      if (cost < best.cost) best = { labels, cost, parts: [rest, part] };
    }
    plans.push(best);
  }
  return stepsOf(plans, all, terms.length);
}

/** A tree of sets as steps over the shrinking list of terms. */
function stepsOf(plans: readonly Plan[], all: number, count: number): [number, number][] {
  const list = Array.from({ length: count }, (_, at) => 2 ** at);
  const path: [number, number][] = [];
  const visit = (set: number): void => {
    const parts = plans[set]?.parts;
    if (parts === undefined) return;
    for (const part of parts) visit(part);
    const places = parts.map((part) => list.indexOf(part)).sort((a, b) => a - b);
    const [first = 0, second = 1] = places;
    path.push([first, second]);
    list.splice(second, 1);
    list.splice(first, 1);
    list.push(set);
  };
  visit(all);
  return path;
}

/** At each step the pair whose product saves the most memory; the cheaper one where that is equal. */
function greedy(terms: readonly Labels[], output: Labels, sizes: Sizes): [number, number][] {
  const list = [...terms];
  const path: [number, number][] = [];
  while (list.length > 1) {
    let best = { first: 0, second: 1, grown: Number.POSITIVE_INFINITY, cost: Number.POSITIVE_INFINITY };
    for (const [first, a] of list.entries()) {
      for (let second = first + 1; second < list.length; second++) {
        const b = list[second] ?? [];
        const others = list.filter((_, at) => at !== first && at !== second);
        const product = volume(keptLabels(a, b, others, output), sizes);
        const grown = product - volume(a, sizes) - volume(b, sizes);
        const cost = costOf(a, b, sizes);
        if (grown < best.grown || (grown === best.grown && cost < best.cost)) best = { first, second, grown, cost };
      }
    }
    const [b = []] = list.splice(best.second, 1);
    const [a = []] = list.splice(best.first, 1);
    list.push(keptLabels(a, b, list, output));
    path.push([best.first, best.second]);
  }
  return path;
}

/** The order of contraction: the best one up to six terms, a greedy one above. */
export function contractionPath(terms: readonly Labels[], output: Labels, sizes: Sizes): ContractionPath {
  const naive = inOrder(terms.length);
  const naiveCost = walk(naive, terms, output, sizes);
  if (terms.length < 3) return { path: naive, cost: naiveCost, naiveCost };
  const path = terms.length <= MOST_FOR_OPTIMAL ? optimal(terms, output, sizes) : greedy(terms, output, sizes);
  const cost = walk(path, terms, output, sizes);
  return cost < naiveCost ? { path, cost, naiveCost } : { path: naive, cost: naiveCost, naiveCost };
}
