// The parts of a model that can be taken out, found by what its architecture declares: layers, and the heads and neurons in them.
// Measures nothing and cuts nothing.
import { AbrazoError } from "../errors.ts";
import { type AnyModule, type Module, ModuleList } from "../nn/index.ts";
import type { Tensor } from "../tensor/index.ts";
import type { AnyModel, BaseConfig } from "./architecture.ts";
import { architectureOf } from "./auto.ts";
import { ARCHITECTURES } from "./index.ts";
import { isOfAdapter } from "./lora-config.ts";
import type { Prunable, Stack, Units } from "./prunable.ts";

/** Heads or neurons of a layer, which one matrix reads. */
export interface Site {
  kind: "heads" | "neurons";
  /** Of the layer that reads them, e.g. "bert.encoder.layer.0.attention.output.dense". */
  path: string;
  read: Module<[Tensor], Tensor>;
  /** Of the layers that make them. */
  made: readonly string[];
  units: Units;
  /** How many there are. */
  count: number;
  stack: FoundStack;
  /** In its stack. */
  layer: number;
}

/** A stack that a model has. */
export interface FoundStack {
  declared: Stack;
  /** Of the list of layers. */
  path: string;
  layers: readonly AnyModule[];
}

/** What can be taken out of a model. */
export interface PrunableParts {
  prunable: Prunable<unknown>;
  stacks: readonly FoundStack[];
  sites: readonly Site[];
}

/** @throws NOT_PRUNABLE that lists the architectures that can be; ADAPTER_NOT_MERGED */
export function partsOf(model: AnyModel): PrunableParts {
  const { prunable, modelType } = architectureOf(model.config);
  const modules = new Map(model.namedModules());
  const stacks = (prunable?.stacks ?? []).flatMap((declared) => foundStack(modules, declared) ?? []);
  if (prunable === undefined || stacks.length === 0) throw notPrunable(modelType);
  if ([...modules.keys()].some((path) => isOfAdapter(`${path}.`))) throw notMerged();
  const sites = stacks.flatMap((stack) =>
    stack.layers.flatMap((_, layer) => {
      const { heads, neurons } = stack.declared;
      const place = { stack, layer, prunable, modules, config: model.config };
      return [
        ...heads.flatMap((units) => siteOf("heads", units, place)),
        ...neurons.flatMap((units) => siteOf("neurons", units, place)),
      ];
    }),
  );
  return { prunable, stacks, sites };
}

/** Whether Python's transformers 5 reads a config: it does not know heads that are listed as pruned. */
export const isInPython = ({ pruned_heads: lists }: BaseConfig): boolean =>
  Object.values(lists ?? {}).every((gone) => Array.isArray(gone) && gone.length === 0);

function foundStack(modules: ReadonlyMap<string, AnyModule>, declared: Stack): FoundStack | undefined {
  for (const [path, module] of modules) {
    const isIt = path === declared.layers || path.endsWith(`.${declared.layers}`);
    if (isIt && module instanceof ModuleList) return { declared, path, layers: [...module] };
  }
  return undefined;
}

interface Place extends Pick<Site, "stack" | "layer"> {
  prunable: Prunable<unknown>;
  modules: ReadonlyMap<string, AnyModule>;
  config: unknown;
}

function siteOf(kind: Site["kind"], units: Units, { stack, layer, prunable, modules, config }: Place): Site[] {
  const below = (name: string) => `${stack.path}.${layer}.${name}`;
  const path = below(units.read);
  const read = modules.get(path) as Site["read"] | undefined; // safe because what an architecture declares here is a layer of one tensor
  if (read === undefined) return [];
  const [rows = 0, columns = 0] = new Map(read.namedParameters("", false)).get("weight")?.shape ?? [];
  const neurons = prunable.isTransposed === true ? rows : columns;
  const count = kind === "neurons" ? neurons : prunable.heads.count(config, layer);
  const made = units.made.map(below).filter((name) => modules.has(name));
  return [{ kind, path, read, made, units, count, stack, layer }];
}

function notPrunable(modelType: string): AbrazoError {
  const known = ARCHITECTURES.filter(({ prunable }) => prunable !== undefined).map((each) => each.modelType);
  return new AbrazoError({
    code: "NOT_PRUNABLE",
    message: `A model of the type "${modelType}" cannot be pruned.`,
    hint: `Types that can: ${known.join(", ")}.`,
    data: { modelType, known },
  });
}

function notMerged(): AbrazoError {
  return new AbrazoError({
    code: "ADAPTER_NOT_MERGED",
    message: "The model has adapters, which belong to its matrices as they are.",
    hint: "Put the adapter into the weights with mergeAdapter() first.",
  });
}
