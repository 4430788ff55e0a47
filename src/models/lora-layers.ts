// Where adapters go: the layers of a model that a config means, and what is said of adapters that do not fit.
// Adds nothing to a model.
import { AbrazoError, nearestName } from "../errors.ts";
import { type AnyModule, Linear, Module, type ModuleDict, parameter } from "../nn/index.ts";
import { fromTypedArray, noGrad, type Tensor } from "../tensor/index.ts";
import type { AnyModel } from "./architecture.ts";
import { isOfAdapter, isTarget, type LoraConfig } from "./lora-config.ts";

/** What all keys of PEFT's files begin with. */
export const PREFIX = "base_model.model.";
export const WEIGHTS = "adapter_model.safetensors";

/** The matrices of a model's adapters: small, and exact where the model itself is held in fewer bits. */
export const adapterWeights = (model: AnyModel): Tensor[] =>
  [...model.namedParameters()].flatMap(([name, weight]) => (isOfAdapter(name) ? [weight] : []));

/** Path of a key: PEFT wraps a changed layer, whose own parameters then lie one step further down. */
export const ownPath = (key: string): string => key.replace(PREFIX, "").replace(".base_layer.", ".");

/** The key of a parameter, without the prefix, where `layers` are changed. */
export function wrappedPath(path: string, layers: ReadonlyMap<string, unknown>): string {
  const [, layer = "", name = ""] = /^(.*)\.([^.]+)$/.exec(path) ?? [];
  return layers.has(layer) ? `${layer}.base_layer.${name}` : path;
}

/** A stored matrix in float32. Weights of one graph are mapped from one folder, and that is the model's. */
export async function inMemory(stored: Tensor): Promise<Tensor> {
  const held = fromTypedArray(await stored.data(), stored.shape, { dtype: stored.dtype });
  return stored.dtype === "float32" ? held : noGrad(() => held.to("float32").settle());
}

/** A layer that adapters are added to: a matrix, stored [out, in] or, as in GPT-2, [in, out]. */
export interface Layer {
  module: Module<[Tensor], Tensor>;
  weight: Tensor;
  bias: Tensor | undefined;
  isTransposed: boolean;
}

/** What adapters add to a layer besides matrices: the lengths of its rows [out]. */
export class Magnitude extends Module<[], Tensor> {
  readonly weight: Tensor;

  constructor(lengths: Tensor) {
    super();
    this.weight = parameter(lengths);
  }

  override forward(): Tensor {
    return this.weight;
  }
}

/** The modules that adapters add to a layer. */
export interface AdapterParts {
  lora_A: Linear;
  lora_B: Linear;
  lora_magnitude_vector: Magnitude;
}

/** The parts of a layer's adapters, by name of the adapter. */
export function dictOf<Part extends keyof AdapterParts>({ module }: Layer, part: Part): ModuleDict<AdapterParts[Part]> {
  return module.getSubmodule(part) as ModuleDict<AdapterParts[Part]>; // safe because whoever adds an adapter registers it so
}

/** Layers that an adapter changes, by path. */
export function targetsOf(model: AnyModel, config: LoraConfig): Map<string, Layer> {
  const found = new Map<string, Layer>();
  const all: string[] = [];
  for (const [path, module] of model.namedModules()) {
    if (isOfAdapter(`${path}.`)) continue;
    const layer = layerOf(module);
    if (layer === undefined) continue;
    all.push(path);
    if (isTarget(config, path, /(^|\.)(lm_head|classifier|score|qa_outputs|decoder)$/.test(path)))
      found.set(path, layer);
  }
  if (found.size > 0) return found;
  const wanted = typeof config.targetModules === "string" ? [config.targetModules] : config.targetModules;
  const ends = [...new Set(all.map((path) => path.split(".").at(-1) ?? ""))];
  throw new AbrazoError({
    code: "NO_TARGET_MODULES",
    message: `Target modules ${wanted.join(", ")} not found in the base model. Please check the target modules and try again.`,
    hint: `Layers of this model end in: ${ends.join(", ")}.${near(wanted[0] ?? "", ends)}`,
    data: { targetModules: wanted, known: ends },
  });
}

function layerOf(module: AnyModule): Layer | undefined {
  const own = new Map(module.namedParameters("", false));
  const [weight, bias] = [own.get("weight"), own.get("bias")];
  if (weight?.shape.length !== 2) return undefined;
  const isLinear = module instanceof Linear;
  // A matrix with a bias as long as its rows is one that is stored the other way round.
  if (!isLinear && bias?.shape.join() !== String(weight.shape[1])) return undefined;
  return { module: module as Module<[Tensor], Tensor>, weight, bias, isTransposed: !isLinear }; // safe because both are layers of one tensor
}

/** Parameters of the model without those of its adapters. */
export function ownParameters(model: AnyModel): Map<string, Tensor> {
  return new Map([...model.namedParameters()].filter(([path]) => !isOfAdapter(path)));
}

export function widthOf({ weight, isTransposed }: Layer): [inner: number, outer: number] {
  const [rows = 0, columns = 0] = weight.shape;
  return isTransposed ? [rows, columns] : [columns, rows];
}

const near = (name: string, known: readonly string[]): string => {
  const found = nearestName(name, known);
  return found === undefined ? "" : ` Did you mean "${found}"?`;
};

export function exists(name: string): AbrazoError {
  return new AbrazoError({
    code: "ADAPTER_EXISTS",
    message:
      name === "" || name.includes(".")
        ? `"${name}" cannot name an adapter.`
        : `The model has an adapter "${name}" already.`,
    hint: 'Give it another name: { name: "second" }.',
    data: { name },
  });
}

export function unknownAdapter(name: string, known: readonly string[]): AbrazoError {
  return new AbrazoError({
    code: "UNKNOWN_ADAPTER",
    message: name === "" ? "The model has no active adapter." : `The model has no adapter "${name}".`,
    hint:
      known.length === 0
        ? "Load one with loadAdapter() or add one with addAdapter()."
        : `It has ${known.join(", ")}.${near(name, known)}`,
    data: { name, known },
  });
}
