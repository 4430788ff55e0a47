// Pruning: a smaller model without the heads, neurons or layers that it needs least, or without those that are named.
// Knows no architecture: each declares where its parts are.
import { requireFunction, requireList, requireParts } from "../arguments.ts";
import { AbrazoError, suggestion } from "../errors.ts";
import { optionsOf } from "../options.ts";
import type { AnyModel } from "./architecture.ts";
import { range } from "./prunable.ts";
import { cutModel } from "./prune-cut.ts";
import {
  crossEntropyOfRows,
  meanLoss,
  type PruneBatch,
  type RowLoss,
  unitImportance,
  without,
} from "./prune-importance.ts";
import { type FoundStack, type PrunableParts, partsOf, type Site } from "./prune-parts.ts";

export type { PruneBatch, RowLoss } from "./prune-importance.ts";

/** Parts of a model, by path: those of the layers that read heads and neurons, e.g. "bert.encoder.layer.0.output.dense". */
export interface ModelParts {
  /** Paths of whole layers, e.g. "bert.encoder.layer.3". */
  layers?: readonly string[] | undefined;
  heads?: Readonly<Record<string, readonly number[]>> | undefined;
  neurons?: Readonly<Record<string, readonly number[]>> | undefined;
}

/** How much is taken out, and by which loss it is judged. */
export interface PruneOptions {
  /** Share of the heads, from 0 to below 1; heads that share their keys go together. */
  heads?: number | undefined;
  /** Share of the neurons between the two matrices of each feed-forward, from 0 to below 1. */
  neurons?: number | undefined;
  /** How many whole layers. */
  layers?: number | undefined;
  /** Loss of each row, [B]; cross-entropy with the batch's `labels` when absent. */
  loss?: RowLoss | undefined;
}

/** A smaller model, and what it lacks. */
export interface Pruned<Model extends AnyModel> {
  model: Model;
  /** In the form that pruneParts() takes. */
  removed: { layers: string[]; heads: Record<string, number[]>; neurons: Record<string, number[]> };
}

/** How much a model needs its parts. */
export interface PartImportance {
  /** Mean loss of a row with all parts. */
  loss: number;
  /** Mean loss without each layer, by its path. */
  layers: Record<string, number>;
  /** Mean of |∂L/∂ξ| over rows, for each unit of each site. */
  heads: Record<string, number[]>;
  neurons: Record<string, number[]>;
}

const pruneOptions = optionsOf<PruneOptions>({ heads: true, neurons: true, layers: true, loss: true });
const importanceOptions = optionsOf<{ loss?: RowLoss | undefined }>({ loss: true });
const partNames = optionsOf<ModelParts>({ layers: true, heads: true, neurons: true });

/**
 * A model without the parts that it needs least; the given one stays as it is. First go layers, one after the other, each time the
 * one without which the mean loss is least. Then heads and neurons by the first-order estimate of what the loss would be without
 * them (Michel et al. 2019): of neurons, and of heads where the config has one number for all layers, each layer loses the same
 * share; other heads are compared over the whole model, each layer's scores divided by their norm, and one stays in each.
 *
 * Its matrices are smaller, and it is trained, saved and exported like any other. transformers 5 loads it from Python unless heads
 * went of BERT, RoBERTa and their kin, DistilBERT or GPT-2: of those no config can say it but by `pruned_heads`, which it knows no more.
 *
 * @param batches what the model is called with, and `labels`; [B, …] each
 * @throws INVALID_OPTION for a share that is none, or takes nothing; NOT_PRUNABLE; DATASET_TOO_SMALL without a row; NO_LOSS, LOSS_NOT_PER_ROW;
 *   NOTHING_LEFT, HEADS_NOT_ALLOWED, LAYERS_NOT_PRUNABLE where the config cannot say it
 *
 * @example
 * ```ts
 * const model = await loadPretrained("pipelines/defaults/text-classification");
 * const inputIds = tensor([[2, 5, 3], [2, 9, 3]]);
 * const batch = { inputIds, attentionMask: inputIds.ge(0).to("int64"), labels: tensor([0, 1]) };
 * const { model: smaller, removed } = await pruneModel(model, [batch], { heads: 0.25, neurons: 0.5, layers: 1 });
 * removed.layers.length; // 1
 * smaller.parameterCount() < model.parameterCount(); // true
 * ```
 */
export async function pruneModel<Model extends AnyModel>(
  model: Model,
  batches: readonly PruneBatch[],
  given?: PruneOptions,
): Promise<Pruned<Model>> {
  const { heads = 0, neurons = 0, layers = 0, loss } = pruneOptions("pruneModel", given);
  requireModel("pruneModel", model);
  checkShares({ heads, neurons });
  checkCount(layers);
  if (heads + neurons + layers === 0)
    throw invalid({ heads, neurons, layers }, "Say how much of which: { heads: 0.25 }.");
  const parts = partsOf(model);
  checkBatches("pruneModel", batches);
  const lossOf = loss ?? crossEntropyOfRows(model);
  requireFunction("pruneModel", lossOf, 3);
  return evaluating(model, async () => {
    const gone = await leastLayers(model, parts, { layers, batches, loss: lossOf });
    const left = parts.sites.filter((site) => !gone.includes(layerPath(site)));
    const wanted = left.filter((site) => (site.kind === "heads" ? heads : neurons) > 0);
    const modules = parts.stacks.flatMap((stack) =>
      stack.layers.filter((_, layer) => gone.includes(layerPath({ stack, layer }))),
    );
    const scores = await without(modules, () => unitImportance(model, wanted, batches, lossOf));
    const removed = {
      layers: gone,
      heads: heads === 0 ? {} : leastHeads(parts, scores, heads),
      neurons: neurons === 0 ? {} : leastOfEach(ofKind(scores, "neurons"), neurons),
    };
    return { model: pruneParts(model, removed), removed };
  });
}

/**
 * How much a model needs each of its layers, heads and neurons: what pruneModel() chooses by.
 *
 * @throws NOT_PRUNABLE, DATASET_TOO_SMALL, NO_LOSS, LOSS_NOT_PER_ROW
 *
 * @example
 * ```ts
 * const model = await loadPretrained("pipelines/defaults/text-classification");
 * const inputIds = tensor([[2, 5, 3]]);
 * const batch = { inputIds, attentionMask: inputIds.ge(0).to("int64"), labels: tensor([1]) };
 * const { heads } = await partImportance(model, [batch]);
 * Object.keys(heads)[0]; // "distilbert.transformer.layer.0.attention.out_lin"
 * ```
 */
export async function partImportance(
  model: AnyModel,
  batches: readonly PruneBatch[],
  given?: { loss?: RowLoss | undefined },
): Promise<PartImportance> {
  requireModel("partImportance", model);
  const { loss = crossEntropyOfRows(model) } = importanceOptions("partImportance", given);
  requireFunction("partImportance", loss, 3);
  const { stacks, sites } = partsOf(model);
  checkBatches("partImportance", batches);
  return evaluating(model, async () => {
    const scores = await unitImportance(model, sites, batches, loss);
    const layers: Record<string, number> = {};
    for (const stack of stacks) {
      for (const [layer, module] of stack.layers.entries()) {
        layers[layerPath({ stack, layer })] = await without([module], () => meanLoss(model, batches, loss));
      }
    }
    const byPath = (kind: Site["kind"]) =>
      Object.fromEntries([...ofKind(scores, kind)].map(([site, each]) => [site.path, each]));
    return {
      loss: await meanLoss(model, batches, loss),
      layers,
      heads: byPath("heads"),
      neurons: byPath("neurons"),
    };
  });
}

/**
 * A model without the parts that are named; the given one stays as it is.
 *
 * @throws UNKNOWN_PART with the nearest path; NOT_PRUNABLE, NOTHING_LEFT, UNEVEN_PARTS, HEADS_NOT_ALLOWED, LAYERS_NOT_PRUNABLE
 *
 * @example
 * ```ts
 * const model = await loadPretrained("pipelines/defaults/text-classification");
 * const smaller = pruneParts(model, { layers: ["distilbert.transformer.layer.1"] });
 * smaller.config["n_layers"]; // 1
 * ```
 */
export function pruneParts<Model extends AnyModel>(model: Model, removed: ModelParts): Model {
  const { layers = [], heads = {}, neurons = {} } = partNames("pruneParts", removed);
  requireModel("pruneParts", model);
  const parts = partsOf(model);
  const { stacks, sites } = parts;
  const paths = stacks.flatMap((stack) => stack.layers.map((_, layer) => layerPath({ stack, layer })));
  for (const path of layers) if (!paths.includes(path)) throw unknownPart(path, paths);
  const units = new Map<Site, number[]>();
  for (const [kind, lists] of Object.entries({ heads, neurons })) {
    for (const [path, list] of Object.entries(lists)) {
      const site = sites.find((each) => each.kind === kind && each.path === path);
      if (site === undefined)
        throw unknownPart(
          path,
          sites.filter((each) => each.kind === kind).map((each) => each.path),
        );
      units.set(site, keptUnits(site, list));
    }
  }
  const kept = stacks.map((stack) => {
    const stay = range(stack.layers.length).filter((layer) => !layers.includes(layerPath({ stack, layer })));
    return [stack, stay] as const;
  });
  return cutModel(model, parts, { layers: new Map(kept), units });
}

/**
 * A model without the heads that are listed by layer, as `prune_heads` of transformers 4 took them; layers are counted through all
 * stacks. Heads that share their keys are one, and of a layer with several kinds of attention each loses them.
 *
 * @throws UNKNOWN_PART for a layer or head that is not there; as pruneParts()
 *
 * @example
 * ```ts
 * const model = await loadPretrained("pipelines/defaults/text-classification");
 * pruneHeads(model, { 0: [1, 3] }).config["pruned_heads"]; // { 0: [1, 3] }
 * pruneHeads(model, { 0: [0, 1, 2, 3] }); // throws All heads of distilbert.transformer.layer.0.attention.out_lin would go.
 * ```
 */
export function pruneHeads<Model extends AnyModel>(
  model: Model,
  heads: Readonly<Record<number, readonly number[]>>,
): Model {
  requireModel("pruneHeads", model);
  requireParts("pruneHeads", heads, [], "lists of heads by layer", 2);
  const { stacks, sites } = partsOf(model);
  const layers = stacks.flatMap((stack) => stack.layers.map((_, layer) => layerPath({ stack, layer })));
  const lists = Object.entries(heads).flatMap(([number, list]) => {
    const path = layers[Number(number)];
    if (path === undefined) throw unknownPart(number, Object.keys(layers));
    return sites.filter((site) => site.kind === "heads" && layerPath(site) === path).map((site) => [site.path, list]);
  });
  return pruneParts(model, { heads: Object.fromEntries(lists) });
}

const layerPath = ({ stack, layer }: Pick<Site, "stack" | "layer">): string => `${stack.path}.${layer}`;

const ofKind = (scores: ReadonlyMap<Site, number[]>, kind: Site["kind"]): Map<Site, number[]> =>
  new Map([...scores].filter(([site]) => site.kind === kind));

function keptUnits({ path, count, kind }: Site, gone: readonly number[]): number[] {
  requireList("pruneParts", gone, 2);
  const wrong = gone.find((unit) => !Number.isInteger(unit) || unit < 0 || unit >= count);
  if (wrong === undefined) return range(count).filter((unit) => !gone.includes(unit));
  throw new AbrazoError({
    code: "UNKNOWN_PART",
    message: `${path} has ${count} ${kind}, none of them with the number ${wrong}.`,
    hint: `Numbers go from 0 to ${count - 1}.`,
    data: { path, count, number: wrong },
  });
}

function unknownPart(path: string, known: readonly string[]): AbrazoError {
  return new AbrazoError({
    code: "UNKNOWN_PART",
    message: `The model has no "${path}" to prune.`,
    hint: suggestion(path, known),
    data: { path, known },
  });
}

/** Without dropout, and then as it was. */
async function evaluating<Result>(model: AnyModel, use: () => Promise<Result>): Promise<Result> {
  const { training } = model;
  model.eval();
  try {
    return await use();
  } finally {
    model.train(training);
  }
}

// --- choosing ---

interface LayerSearch {
  layers: number;
  batches: readonly PruneBatch[];
  loss: RowLoss;
}

/** Paths of layers that go, one after the other. */
async function leastLayers(model: AnyModel, parts: PrunableParts, { layers, batches, loss }: LayerSearch) {
  const gone: { stack: FoundStack; layer: number }[] = [];
  const all = parts.stacks.flatMap((stack) => stack.layers.map((_, layer) => ({ stack, layer })));
  const most = all.length - parts.stacks.length;
  if (layers > most) throw invalid({ layers }, `The model has ${all.length}; at most ${most} can go.`);
  const moduleOf = ({ stack, layer }: (typeof all)[number]) => stack.layers[layer] ?? model;
  for (let round = 0; round < layers; round++) {
    const losses = [];
    for (const each of all) {
      const left = each.stack.layers.length - gone.filter(({ stack }) => stack === each.stack).length;
      if (gone.includes(each) || left < 2) continue;
      const value = await without([...gone, each].map(moduleOf), () => meanLoss(model, batches, loss));
      losses.push({ each, value });
    }
    const [least] = losses.sort((a, b) => a.value - b.value);
    if (least !== undefined) gone.push(least.each);
  }
  return gone.map(layerPath);
}

function leastHeads({ prunable }: PrunableParts, scores: ReadonlyMap<Site, number[]>, share: number) {
  const heads = ofKind(scores, "heads");
  if (!prunable.heads.areAlike) return leastOfAll(heads, share);
  // Layers that share a table lose the same heads: those that all of them together need least.
  const shared = new Map<FoundStack, number[]>();
  for (const [{ stack, units }, each] of heads) {
    if (units.columns === undefined) continue;
    shared.set(
      stack,
      each.map((score, unit) => score + (shared.get(stack)?.[unit] ?? 0)),
    );
  }
  const summed = [...heads].map(([site, each]): [Site, number[]] => [
    site,
    site.units.columns === undefined ? each : (shared.get(site.stack) ?? each),
  ]);
  return leastOfEach(new Map(summed), share);
}

/** Of each site the units with the lowest scores. */
function leastOfEach(scores: ReadonlyMap<Site, number[]>, share: number): Record<string, number[]> {
  return Object.fromEntries(
    [...scores].map(([{ path, kind, count }, each]) => {
      const ranked = range(count).sort((a, b) => (each[a] ?? 0) - (each[b] ?? 0));
      return [path, ranked.slice(0, countOf(share, count, kind)).sort((a, b) => a - b)];
    }),
  );
}

/** Over all sites the units with the lowest scores, each site's divided by their norm; one of each site stays. */
function leastOfAll(scores: ReadonlyMap<Site, number[]>, share: number): Record<string, number[]> {
  const all = [...scores].flatMap(([site, each]) => {
    const norm = Math.hypot(...each) || 1;
    return each.map((score, unit) => ({ path: site.path, unit, count: site.count, score: score / norm }));
  });
  const gone: Record<string, number[]> = {};
  let wanted = countOf(share, all.length, "heads");
  for (const { path, unit, count } of all.sort((a, b) => a.score - b.score)) {
    const list = gone[path] ?? [];
    if (wanted === 0 || list.length === count - 1) continue;
    gone[path] = [...list, unit].sort((a, b) => a - b);
    wanted--;
  }
  if (wanted > 0) throw invalid({ heads: share }, `One head of each of ${scores.size} layers stays.`);
  return gone;
}

/** How many a share is, rounded down; products such as 0.29 · 100 come out below. */
function countOf(share: number, all: number, kind: Site["kind"]): number {
  const count = Math.floor(share * all + 1e-9);
  if (count > 0) return count;
  throw invalid({ [kind]: share }, `There are ${all}: the least share that takes one out is ${1 / all}.`);
}

function checkShares(shares: Readonly<Record<string, number>>): void {
  for (const [name, share] of Object.entries(shares)) {
    if (typeof share === "number" && share >= 0 && share < 1) continue;
    throw invalid({ [name]: share }, "A share goes from 0 to below 1.");
  }
}

function checkCount(layers: number): void {
  if (!Number.isInteger(layers) || layers < 0) throw invalid({ layers }, "Layers are counted: 0, 1, 2 …");
}

function invalid(given: Readonly<Record<string, unknown>>, hint: string): AbrazoError {
  const options = Object.entries(given).map(([name, value]) => `${name}: ${String(value)}`);
  return new AbrazoError({
    code: "INVALID_OPTION",
    message: `pruneModel() cannot take out { ${options.join(", ")} }.`,
    hint,
    data: given,
  });
}

const requireModel = (where: string, model: unknown): void =>
  requireParts(where, model, ["config", "namedModules"], "a model");

function checkBatches(where: string, batches: readonly PruneBatch[]): void {
  requireList(where, batches, 2);
  if (batches.some((batch) => Object.values(batch).some((each) => each.size(0) > 0))) return;
  throw new AbrazoError({
    code: "DATASET_TOO_SMALL",
    message: `${where}() was given no row to measure on.`,
    hint: "Pass batches of what the model is called with, and their labels.",
  });
}
