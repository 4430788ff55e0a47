// What an architecture declares of the parts that can be taken out of it: where layers, heads and neurons are, what a config says of them.
// Holds no model and cuts nothing.
import { z } from "zod";

/** Units of one kind in a layer: the matrices that make them and the one that reads them are cut together. Paths lie below the layer. */
export interface Units {
  /** Those that a layer lacks are passed over: a gate, or an activation without one. */
  made: readonly string[];
  read: string;
  /** How many matrices lie side by side in one of those that make them. */
  packed?: number;
  /** Tables with a column a unit that the first layer holds for all: every layer then loses the same ones. */
  columns?: readonly string[];
}

/** Layers that are called one after the other. */
export interface Stack {
  /** Path of their list in the body. */
  layers: string;
  /** The config's field that counts them. */
  count: string;
  heads: readonly Units[];
  neurons: readonly Units[];
  /** Parameters that the first layer holds for all of them, below it. */
  first?: readonly string[];
}

type Changes = Readonly<Record<string, unknown>>;

/** Which of their units stay, by layer of the model as it is. */
export type Kept = readonly (readonly number[])[];

/** How a config counts heads. Heads that share their keys are one unit, their group. */
export interface Heads<Config> {
  /** Units of a layer. */
  count(config: Config, layer: number): number;
  /** Every layer has as many as the others. */
  areAlike: boolean;
  /** What the config says once `kept` of them stay in those of its `layers` that stay. */
  keep(config: Config, kept: Kept, layers: readonly number[]): Changes;
  /** Whether a layer may have so many. */
  allows?(config: Config, count: number): boolean;
  /** Those that went are listed in `pruned_heads`, and not counted in a field that Python's transformers 5 reads. */
  isListed: boolean;
}

/** What can be taken out of an architecture. */
export interface Prunable<Config> {
  stacks: readonly Stack[];
  /** Matrices are stored [in, out], and not [out, in]. */
  isTransposed?: boolean;
  heads: Heads<Config>;
  /** The config's field with the neurons of a layer. */
  neurons: string;
  /** Further fields once only those `layers` are there that stay. */
  keepLayers?(config: Config, layers: readonly number[]): Changes;
  /** Why no layer can be taken out, where so. */
  refusesLayers?(config: Config): string | undefined;
}

/** The same declaration for configs that are not parsed yet. */
export function onAnyConfig<Config>(
  { heads, keepLayers, refusesLayers, ...declared }: Prunable<Config>,
  parse: (config: unknown) => Config,
): Prunable<unknown> {
  return {
    ...declared,
    heads: {
      areAlike: heads.areAlike,
      isListed: heads.isListed,
      count: (config, layer) => heads.count(parse(config), layer),
      keep: (config, kept, layers) => heads.keep(parse(config), kept, layers),
      allows: (config, count) => heads.allows?.(parse(config), count) ?? true,
    },
    keepLayers: (config, layers) => keepLayers?.(parse(config), layers) ?? {},
    refusesLayers: (config) => refusesLayers?.(parse(config)),
  };
}

/** Heads that were taken out of each layer, by their first numbers: transformers 4 writes this field, transformers 5 knows it no more. */
export const prunedHeads = z.record(z.string().regex(/^\d+$/), z.array(z.number().int().nonnegative())).nullish();

interface Listed {
  pruned_heads?: z.infer<typeof prunedHeads>;
}

export const range = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

/** First numbers of the heads that a layer still has. */
function headsOf({ pruned_heads: pruned }: Listed, heads: number, layer: number): number[] {
  const gone = pruned?.[layer] ?? [];
  return range(heads).filter((head) => !gone.includes(head));
}

/** How many of its heads a layer still has: counted, not listed, since a config may lie about how many there are. */
export const headsLeft = ({ pruned_heads: pruned }: Listed, heads: number, layer: number): number =>
  heads - new Set(pruned?.[layer]?.filter((head) => head < heads)).size;

/** A check of schemas: some head is left in each layer, and as many in all where they have to be alike. */
export function leavesHeads(config: Listed, heads: number, layers: number, areAlike = false): boolean {
  const lists = Object.entries(config.pruned_heads ?? {});
  if (lists.some(([layer, gone]) => Number(layer) >= layers || gone.some((head) => head >= heads))) return false;
  const counts = lists.map(([layer]) => headsLeft(config, heads, Number(layer)));
  // Layers that are not listed have all of them.
  const first = lists.length < layers ? heads : counts[0];
  return counts.every((count) => count > 0 && (!areAlike || count === first));
}

export const NO_HEADS_LEFT = {
  path: ["pruned_heads"],
  message: "names heads or layers that are not there, or leaves none",
};

/** Heads whose width is hidden size by heads, so that no count can say that some lack: they are listed in pruned_heads. */
export function listedHeads<Config extends Listed>(
  total: (config: Config) => number,
  { areAlike = false } = {},
): Heads<Config> {
  return {
    areAlike,
    isListed: true,
    count: (config, layer) => headsLeft(config, total(config), layer),
    keep: (config, kept, layers) => {
      const lists = layers.flatMap((layer, place) => {
        const left = headsOf(config, total(config), layer);
        const stay = new Set((kept[layer] ?? []).map((unit) => left[unit]));
        const gone = range(total(config)).filter((head) => !stay.has(head));
        return gone.length === 0 ? [] : [[`${place}`, gone] as const];
      });
      return lists.length === 0 && config.pruned_heads === undefined ? {} : { pruned_heads: Object.fromEntries(lists) };
    },
  };
}

/** Heads whose number the config says, beside a width of its own. */
export function countedHeads<Config>(declared: {
  count(config: Config): number;
  /** Fields of a config with so many. */
  fields(config: Config, count: number): Changes;
  allows?(config: Config, count: number): boolean;
}): Heads<Config> {
  const { count, fields, allows } = declared;
  return {
    areAlike: true,
    isListed: false,
    count: (config) => count(config),
    keep: (config, kept, [first = 0]) => {
      const left = kept[first]?.length ?? count(config);
      return left === count(config) ? {} : fields(config, left);
    },
    ...(allows !== undefined && { allows }),
  };
}
