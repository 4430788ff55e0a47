// adapter_model.safetensors: what an adapter holds, checked as a whole against the model that it shall change.
// Changes no model.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { AbrazoError, nearestName } from "../errors.ts";
import { readHeader } from "../io/safetensors.ts";
import type { Tensor } from "../tensor/index.ts";
import type { AnyModel } from "./architecture.ts";
import { type LoraConfig, rankOf, readLoraConfig } from "./lora-config.ts";
import { inMemory, type Layer, ownParameters, ownPath, PREFIX, targetsOf, WEIGHTS, widthOf } from "./lora-layers.ts";
import { mapped } from "./weights.ts";

/** What an adapter adds to one layer. */
export interface StoredMatrices {
  layer: Layer;
  /** float32 [r, in] */
  a: Tensor;
  /** float32 [out, r] */
  b: Tensor;
  /** The factor on B A. */
  scale: number;
  /** float32 [out], the lengths of the rows of the changed matrix, where they are learned too (DoRA). */
  magnitude: Tensor | undefined;
}

/** An adapter as its files have it. */
export interface StoredAdapter {
  config: LoraConfig;
  /** By the path of a layer. */
  layers: Map<string, StoredMatrices>;
  /** Parameters that the adapter has whole, by path. */
  whole: Map<string, Tensor>;
}

/**
 * Reads an adapter that PEFT or saveAdapter() wrote, for a model.
 *
 * @throws UNSUPPORTED_ADAPTER, FILE_MISSING, NO_TARGET_MODULES; ADAPTER_MISMATCH that lists all that lacks, has another shape or is
 *   too much
 */
export async function readAdapter(model: AnyModel, folder: string): Promise<StoredAdapter> {
  const config = await readLoraConfig(folder);
  const path = join(folder, WEIGHTS);
  if (!existsSync(path)) throw missingWeights(folder);
  const header = await readHeader(path);
  const state = new Map([...header.tensors].map(([key, entry]) => [ownPath(key), mapped(key, { ...entry, path })]));
  const layers = targetsOf(model, config);
  const parameters = ownParameters(model);
  const wanted = new Map([...layers].flatMap(([at, layer]) => partsOf(config, at, layer)));
  const whole = [...state.keys()].filter((key) => !wanted.has(key) && parameters.has(key));
  for (const key of whole) wanted.set(key, parameters.get(key)?.shape ?? []);
  check(folder, state, wanted, [...wanted.keys(), ...parameters.keys()]);
  const take = async (key: string): Promise<Tensor | undefined> => {
    const stored = state.get(key);
    return stored === undefined ? undefined : inMemory(stored);
  };
  const stored: StoredAdapter = { config, layers: new Map(), whole: new Map() };
  for (const [at, layer] of layers) {
    const [a, b, magnitude] = [await take(nameOf(at, "A")), await take(nameOf(at, "B")), await take(nameOf(at, "m"))];
    const [, scale] = rankOf(config, at);
    if (a !== undefined && b !== undefined) stored.layers.set(at, { layer, a, b, scale, magnitude });
  }
  for (const key of whole) {
    const value = await take(key);
    if (value !== undefined) stored.whole.set(key, value);
  }
  return stored;
}

/** Rows of a head that an adapter has whole, such as a new classifier; undefined where it has none. */
export async function headRows(folder: string): Promise<number | undefined> {
  const path = join(folder, WEIGHTS);
  if (!existsSync(path)) return undefined;
  const head = [...(await readHeader(path)).tensors].find(([key]) => HEAD.test(key));
  return head?.[1].shape[0];
}

const HEAD = /\.(classifier|score|qa_outputs)(\.out_proj)?\.weight$/;

const PARTS = { A: "lora_A.weight", B: "lora_B.weight", m: "lora_magnitude_vector" } as const;

/** The key of a part of what is added to a layer, without the prefix. */
export const nameOf = (path: string, part: keyof typeof PARTS): string => `${path}.${PARTS[part]}`;

/** What there must be for a layer, with its sizes. */
function partsOf(config: LoraConfig, path: string, layer: Layer): [string, readonly number[]][] {
  const [inner, outer] = widthOf(layer);
  const [r] = rankOf(config, path);
  const magnitude: [string, number[]][] = config.useDora ? [[nameOf(path, "m"), [outer]]] : [];
  return [[nameOf(path, "A"), [r, inner]], [nameOf(path, "B"), [outer, r]], ...magnitude];
}

const sizes = (shape: readonly number[]): string => `[${shape.join(", ")}]`;

/** Every difference between what there is and what there must be, as one error. */
function check(
  folder: string,
  state: ReadonlyMap<string, Tensor>,
  wanted: ReadonlyMap<string, readonly number[]>,
  known: readonly string[],
): void {
  const list = (keys: readonly string[], more: (key: string) => string = () => "") =>
    keys.map((key) => `"${PREFIX}${key}"${more(key)}`).join(", ");
  const shapeOf = (key: string) => wanted.get(key) ?? [];
  const missing = [...wanted.keys()].filter((key) => !state.has(key));
  const unexpected = [...state.keys()].filter((key) => !wanted.has(key));
  const misshapen = [...wanted.keys()].filter((key) => {
    const given = state.get(key)?.shape;
    return given !== undefined && given.join() !== shapeOf(key).join();
  });
  const problems = [
    { keys: missing, text: `lacks ${list(missing, (key) => ` ${sizes(shapeOf(key))}`)}` },
    { keys: unexpected, text: `has what the model has no place for: ${list(unexpected)}` },
    {
      keys: misshapen,
      text: `has ${list(misshapen, (key) => ` ${sizes(state.get(key)?.shape ?? [])} for ${sizes(shapeOf(key))}`)}`,
    },
  ].filter(({ keys }) => keys.length > 0);
  if (problems.length === 0) return;
  const near =
    unexpected.length > 0 ? nearestName(unexpected[0] ?? "", known) : nearestName(missing[0] ?? "", [...state.keys()]);
  throw new AbrazoError({
    code: "ADAPTER_MISMATCH",
    message: `The adapter in ${folder} does not fit: it ${problems.map(({ text }) => text).join("; it ")}.`,
    hint: `It belongs to another model, or to another version of it.${near === undefined ? "" : ` Did you mean "${near}"?`}`,
    data: { folder, missing, unexpected, misshapen },
  });
}

function missingWeights(folder: string): AbrazoError {
  return new AbrazoError({
    code: "FILE_MISSING",
    message: `${folder} has no ${WEIGHTS}.`,
    hint: "Adapters are read from safetensors; save it again with PEFT's safe_serialization.",
    data: { folder, name: WEIGHTS },
  });
}
