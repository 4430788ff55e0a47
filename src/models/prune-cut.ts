// A model without some of its parts: the config that says so, and the matrices that are left. The model itself stays as it is.
// Chooses nothing: it is told what stays.
import { AbrazoError } from "../errors.ts";
import { noGrad, type Tensor, tensor } from "../tensor/index.ts";
import { withoutDrawing } from "../tensor/random.ts";
import type { AnyModel } from "./architecture.ts";
import { buildModel, classOf } from "./auto.ts";
import { range } from "./prunable.ts";
import type { FoundStack, PrunableParts, Site } from "./prune-parts.ts";

/** What stays. */
export interface Plan {
  /** Layers by stack, all of a stack that is not named. */
  layers: ReadonlyMap<FoundStack, readonly number[]>;
  /** Units by site, all of one that is not named. */
  units: ReadonlyMap<Site, readonly number[]>;
}

/** @throws NOTHING_LEFT, UNEVEN_PARTS, LAYERS_NOT_PRUNABLE, HEADS_NOT_ALLOWED */
export function cutModel<Model extends AnyModel>(model: Model, parts: PrunableParts, plan: Plan): Model {
  check(model, parts, plan);
  const state = cutState(model, parts, plan);
  const name = classOf(model.config);
  const config = { ...model.config, ...changesOf(model, parts, plan) };
  const smaller = withoutDrawing(() => buildModel(config, name)) as Model; // safe because it is of the same class
  const [first] = model.parameters();
  if (first !== undefined) smaller.to({ device: first.device });
  smaller.requiresGrad_(false).loadStateDict(state);
  const own = new Map([...model.stateDict()]);
  for (const [path, parameter] of smaller.stateDict()) {
    if (own.get(path)?.requiresGrad === true) parameter.requiresGrad_();
  }
  for (const parameter of smaller.parameters()) if (parameter.requiresGrad && !parameter.isLeaf) settle(parameter);
  smaller.train(model.training);
  return smaller;
}

const settle = (parameter: Tensor): unknown => parameter.assign(parameter.detach().settle().node);

const layersOf = (plan: Plan, stack: FoundStack): readonly number[] =>
  plan.layers.get(stack) ?? range(stack.layers.length);
const unitsOf = (plan: Plan, site: Site): readonly number[] => plan.units.get(site) ?? range(site.count);
const isThere = (plan: Plan, { stack, layer }: Site): boolean => layersOf(plan, stack).includes(layer);

// --- what a config can say ---

function check(model: AnyModel, { prunable, stacks, sites }: PrunableParts, plan: Plan): void {
  for (const stack of stacks) {
    const kept = layersOf(plan, stack);
    if (kept.length === 0) throw nothingLeft("layers", stack.path);
    const refusal = kept.length < stack.layers.length ? prunable.refusesLayers?.(model.config) : undefined;
    if (refusal !== undefined) throw layersRefused(refusal);
  }
  const left = sites.filter((site) => isThere(plan, site));
  for (const site of left) if (unitsOf(plan, site).length === 0) throw nothingLeft(site.kind, site.path);
  const [heads, neurons] = (["heads", "neurons"] as const).map((kind) => left.filter((site) => site.kind === kind));
  if (prunable.heads.areAlike) checkAlike(heads ?? [], plan);
  checkAlike(neurons ?? [], plan);
  checkColumns(heads ?? [], plan);
  checkAllowed(model, prunable.heads, heads ?? [], plan);
}

function checkAlike(sites: readonly Site[], plan: Plan): void {
  const counts = new Map(sites.map((site) => [site.path, unitsOf(plan, site).length]));
  if (new Set(counts.values()).size < 2) return;
  throw new AbrazoError({
    code: "UNEVEN_PARTS",
    message: `The config has one number of ${sites[0]?.kind} for all layers, and these would differ: ${[...new Set(counts.values())].join(", ")}.`,
    hint: "Take as many out of every layer.",
    data: { counts: Object.fromEntries(counts) },
  });
}

/** All layers read the same columns of a table. */
function checkColumns(heads: readonly Site[], plan: Plan): void {
  const first = new Map<FoundStack, Site>();
  for (const site of heads.filter(({ units }) => units.columns !== undefined)) {
    const other = first.get(site.stack) ?? site;
    first.set(site.stack, other);
    if (unitsOf(plan, other).join() === unitsOf(plan, site).join()) continue;
    throw new AbrazoError({
      code: "UNEVEN_PARTS",
      message: `The layers of ${site.stack.path} share a table with a column a head, and ${other.path} would keep others than ${site.path}.`,
      hint: "Take the same heads out of every layer of a stack.",
      data: { paths: [other.path, site.path] },
    });
  }
}

function checkAllowed(
  { config }: AnyModel,
  { allows, count }: PrunableParts["prunable"]["heads"],
  heads: readonly Site[],
  plan: Plan,
): void {
  const [site] = heads.filter((each) => unitsOf(plan, each).length < each.count);
  if (site === undefined || allows?.(config, unitsOf(plan, site).length) !== false) return;
  const all = count(config, site.layer);
  const possible = range(all).filter((left) => left > 0 && allows(config, left));
  throw new AbrazoError({
    code: "HEADS_NOT_ALLOWED",
    message: `A config of ${config.model_type} cannot say that ${unitsOf(plan, site).length} of ${all} groups of heads are left.`,
    hint:
      possible.length === 0
        ? "No smaller number is possible; prune neurons or layers."
        : `Possible: ${possible.join(", ")}; shares of ${possible.map((left) => `${(all - left) / all}`).join(", ")} to take out.`,
    data: { left: unitsOf(plan, site).length, possible },
  });
}

function nothingLeft(kind: string, path: string): AbrazoError {
  return new AbrazoError({
    code: "NOTHING_LEFT",
    message: `All ${kind} of ${path} would go.`,
    hint: kind === "layers" ? "Leave one layer at least." : "Leave one at least, or take the whole layer out.",
    data: { kind, path },
  });
}

function layersRefused(reason: string): AbrazoError {
  return new AbrazoError({
    code: "LAYERS_NOT_PRUNABLE",
    message: `No layer can be taken out: ${reason}.`,
    hint: "Prune heads or neurons.",
  });
}

function changesOf({ config }: AnyModel, { prunable, stacks, sites }: PrunableParts, plan: Plan): object {
  const [stack] = stacks;
  if (stack === undefined) return {};
  const layers = layersOf(plan, stack);
  const neurons = sites.find((site) => site.kind === "neurons" && plan.units.has(site) && isThere(plan, site));
  const heads = sites.filter((site) => site.kind === "heads" && site.stack === stack);
  // Of a layer with several kinds of attention the first one's: they have as many heads.
  const kept = stack.layers.map((_, layer) => {
    const site = heads.find((each) => each.layer === layer);
    return site === undefined ? [] : unitsOf(plan, site);
  });
  return {
    ...(layers.length < stack.layers.length && prunable.keepLayers?.(config, layers)),
    ...Object.fromEntries(stacks.map((each) => [each.declared.count, layersOf(plan, each).length])),
    ...(neurons !== undefined && { [prunable.neurons]: unitsOf(plan, neurons).length }),
    ...prunable.heads.keep(config, kept, layers),
  };
}

// --- what is left of the weights ---

function cutState(model: AnyModel, { prunable, stacks, sites }: PrunableParts, plan: Plan): Map<string, Tensor> {
  const cuts = cutsOf(prunable.isTransposed === true, sites, plan);
  const state = new Map<string, Tensor>();
  for (const [name, value] of model.stateDict()) {
    const place = placeOf(name, stacks, plan);
    if (place === undefined) continue;
    const each = cuts.get(name) ?? [];
    const cut = noGrad(() => each.reduce((left, { axis, ...kept }) => keptAlong(left, axis, kept), value.detach()));
    state.set(place, each.length === 0 ? cut : cut.settle());
  }
  return state;
}

interface Cut {
  axis: number;
  units: readonly number[];
  count: number;
  packed: number;
}

/** Where each tensor is cut. */
function cutsOf(isTransposed: boolean, sites: readonly Site[], plan: Plan): Map<string, Cut[]> {
  const cuts = new Map<string, Cut[]>();
  const add = (name: string, cut: Cut) => cuts.set(name, [...(cuts.get(name) ?? []), cut]);
  const [made, read] = isTransposed ? [1, 0] : [0, 1];
  for (const site of sites) {
    const units = plan.units.get(site);
    if (units === undefined || !isThere(plan, site)) continue;
    const { count, units: declared } = site;
    const packed = declared.packed ?? 1;
    for (const path of site.made) {
      add(`${path}.weight`, { axis: made, units, count, packed });
      add(`${path}.bias`, { axis: 0, units, count, packed });
    }
    add(`${site.path}.weight`, { axis: read, units, count, packed: 1 });
  }
  // Once a stack: its layers keep the same columns, and the first one holds the table.
  for (const stack of new Set(sites.map((site) => site.stack))) {
    const site = sites.find(
      (each) => each.stack === stack && each.units.columns !== undefined && plan.units.has(each) && isThere(plan, each),
    );
    if (site === undefined) continue;
    const cut = { axis: 1, units: unitsOf(plan, site), count: site.count, packed: 1 };
    for (const name of site.units.columns ?? []) add(`${stack.path}.0.${name}.weight`, cut);
  }
  return cuts;
}

/** An axis of `packed` × `count` blocks without those that go. */
function keptAlong(value: Tensor, axis: number, { units, count, packed }: Omit<Cut, "axis">): Tensor {
  const blocks = value.unflatten(axis, [packed, count, (value.shape[axis] ?? 0) / packed / count]);
  const index = tensor([...units], { dtype: "int64", device: value.device });
  return blocks.indexSelect(axis + 1, index).flatten(axis, axis + 2);
}

/** The name that a tensor has then; undefined when it goes with its layer. */
function placeOf(name: string, stacks: readonly FoundStack[], plan: Plan): string | undefined {
  const stack = stacks.find(({ path }) => name.startsWith(`${path}.`));
  if (stack === undefined) return name;
  const [number = "", ...rest] = name.slice(stack.path.length + 1).split(".");
  const [layer, below] = [Number(number), rest.join(".")];
  const place = layersOf(plan, stack).indexOf(layer);
  const isOfAll = layer === 0 && (stack.declared.first ?? []).some((first) => below.startsWith(`${first}.`));
  if (place < 0 && !isOfAll) return undefined;
  return `${stack.path}.${Math.max(0, place)}.${below}`;
}
