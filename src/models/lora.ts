// LoRA adapters (Hu et al. 2021, arXiv 2106.09685), DoRA among them, in PEFT's files: added to a model, trained, loaded, switched, merged, saved.
// Knows no architecture: layers are found by their path.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { requireType } from "../arguments.ts";
import { writeSafetensors } from "../io/safetensors.ts";
import { functional as F, init, Linear, ModuleDict } from "../nn/index.ts";
import { optionsOf } from "../options.ts";
import { type Generator, type HookHandle, noGrad, type Tensor } from "../tensor/index.ts";
import type { AnyModel } from "./architecture.ts";
import { isSaved, type LoraConfig, type LoraOptions, loraConfig, rankOf, toPeft } from "./lora-config.ts";
import { asRows, deltaOf, doraAdded, doraMerged, lengthsOf } from "./lora-dora.ts";
import { nameOf, readAdapter } from "./lora-file.ts";
import {
  type AdapterParts,
  dictOf,
  exists,
  type Layer,
  Magnitude,
  ownParameters,
  PREFIX,
  targetsOf,
  unknownAdapter,
  WEIGHTS,
  widthOf,
  wrappedPath,
} from "./lora-layers.ts";

interface Adapter {
  config: LoraConfig;
  /** Layers by path, each with the factor on what the adapter adds. */
  scales: ReadonlyMap<string, number>;
  /** Parameters that the adapter has whole, e.g. of a classifier, by path; as they were left while it is not active. */
  whole: Map<string, Tensor>;
}

interface Adapters {
  layers: Map<string, Layer>;
  hooks: HookHandle[];
  named: Map<string, Adapter>;
  active: string | undefined;
  /** Parameters of the model itself that adapters have whole. */
  own: Map<string, Tensor>;
}

const adaptersOf = new WeakMap<AnyModel, Adapters>();

/** By which name an adapter is known, and what its matrices are drawn from. */
export interface AdapterOptions {
  /** "default" when absent. */
  name?: string | undefined;
  generator?: Generator | undefined;
}

const adapterOptions = optionsOf<AdapterOptions>({ name: true, generator: true });
const nameOptions = optionsOf<{ name?: string | undefined }>({ name: true });

/**
 * Adds a fresh adapter and makes it the active one: y = W x + scale · B A x, with A [r, in] drawn as PEFT draws it and B [out, r] of
 * zeros, so that nothing changes before it is trained. Everything else is frozen but what `modulesToSave` and `bias` name. With
 * `useDora` the rows of W + scale · B A have lengths of their own, which are trained too.
 *
 * @returns the number of parameters that are trained
 * @throws NO_TARGET_MODULES where no layer has such a name; ADAPTER_EXISTS
 *
 * @example
 * ```ts
 * const model = await loadPretrained("pipelines/defaults/text-classification");
 * addAdapter(model, { r: 4, targetModules: ["q_lin", "v_lin"], taskType: "SEQ_CLS" }) < model.parameterCount(); // true
 * ```
 */
export function addAdapter(model: AnyModel, given: LoraOptions, options?: AdapterOptions): number {
  const { name = "default", generator } = adapterOptions("addAdapter", options);
  const config = loraConfig(given);
  install(
    model,
    name,
    config,
    (layer, r) => {
      const [inner, outer] = widthOf(layer);
      const a = new Linear(inner, r, { bias: false });
      init.kaimingUniform_(a.weight, { a: Math.sqrt(5), ...(generator === undefined ? {} : { generator }) });
      const b = new Linear(r, outer, { bias: false });
      init.zeros_(b.weight);
      // B is zero: the lengths are those of the layer's own rows.
      const lengths = () => new Magnitude(noGrad(() => lengthsOf(asRows(layer).detach())).settle());
      return { a, b, magnitude: config.useDora ? lengths() : undefined };
    },
    wholeOf(model, config),
  );
  setAdapter(model, name);
  trainAlone(model, name, config);
  return model.parameters().reduce((sum, each) => sum + (each.requiresGrad ? each.numel() : 0), 0);
}

/**
 * Loads an adapter that PEFT or saveAdapter() wrote, and makes it the active one.
 *
 * @param folder with adapter_config.json and adapter_model.safetensors
 * @throws UNSUPPORTED_ADAPTER for other kinds than LoRA; ADAPTER_MISMATCH that lists what lacks or is too many
 *
 * @example
 * ```ts
 * const model = await loadPretrained("pipelines/defaults/text-classification");
 * addAdapter(model, { r: 4, targetModules: ["q_lin"], taskType: "SEQ_CLS" });
 * await saveAdapter(model, "adapter");
 * const other = await loadPretrained("pipelines/defaults/text-classification");
 * await loadAdapter(other, "adapter", { name: "mine" });
 * adapterNames(other); // { names: ["mine"], active: "mine" }
 * ```
 */
export async function loadAdapter(
  model: AnyModel,
  folder: string,
  options?: { name?: string | undefined },
): Promise<void> {
  const { name = "default" } = nameOptions("loadAdapter", options);
  requireType("loadAdapter", "string", folder, 2);
  // Checked before anything of the model is changed.
  const { config, layers, whole } = await readAdapter(model, folder);
  const made = new Map<string, Parts>();
  for (const [path, { a, b, magnitude }] of layers) {
    const parts = { a: linearOf(a), b: linearOf(b), magnitude: magnitude && new Magnitude(magnitude) };
    made.set(path, parts);
  }
  install(model, name, config, (_, __, path) => made.get(path), whole);
  setAdapter(model, name);
  for (const tensor of model.parameters()) tensor.requiresGrad_(false);
}

/** y = x Wᵀ for W [out, in]. */
function linearOf(weight: Tensor): Linear {
  const [outer = 0, inner = 0] = weight.shape;
  const linear = new Linear(inner, outer, { bias: false });
  linear.weight.assign(weight.settle().node);
  return linear;
}

/**
 * Makes another adapter the active one, or none: the model then gives what it gave before.
 *
 * @throws UNKNOWN_ADAPTER with the nearest name
 *
 * @example
 * ```ts
 * const model = await loadPretrained("pipelines/defaults/text-classification");
 * addAdapter(model, { r: 4, targetModules: ["q_lin"], taskType: "SEQ_CLS" });
 * setAdapter(model, undefined);
 * adapterNames(model).active; // undefined
 * setAdapter(model, "defalt"); // throws The model has no adapter "defalt".
 * ```
 */
export function setAdapter(model: AnyModel, name: string | undefined): void {
  const adapters = adaptersOf.get(model);
  if (name !== undefined && adapters?.named.has(name) !== true) throw unknownAdapter(name, namesOf(adapters));
  if (adapters === undefined || adapters.active === name) return;
  const parameters = new Map(model.namedParameters());
  const leaving = adapters.active === undefined ? undefined : adapters.named.get(adapters.active);
  for (const path of leaving?.whole.keys() ?? []) {
    const tensor = parameters.get(path);
    if (tensor === undefined) continue;
    leaving?.whole.set(path, tensor.detach().settle());
    put(tensor, adapters.own.get(path));
  }
  for (const [path, value] of (name === undefined ? undefined : adapters.named.get(name))?.whole ?? []) {
    const tensor = parameters.get(path);
    if (tensor === undefined) continue;
    if (!adapters.own.has(path)) adapters.own.set(path, tensor.detach().settle());
    put(tensor, value);
  }
  adapters.active = name;
}

function put(tensor: Tensor, value: Tensor | undefined): void {
  if (value !== undefined) tensor.assign(value.settle().node);
}

const namesOf = (adapters: Adapters | undefined): string[] => [...(adapters?.named.keys() ?? [])];

/**
 * Names of a model's adapters, and which one is active.
 *
 * @example
 * ```ts
 * const model = await loadPretrained("pipelines/defaults/text-classification");
 * addAdapter(model, { r: 4, targetModules: ["q_lin"], taskType: "SEQ_CLS" });
 * adapterNames(model); // { names: ["default"], active: "default" }
 * ```
 */
export function adapterNames(model: AnyModel): { names: string[]; active: string | undefined } {
  const adapters = adaptersOf.get(model);
  return { names: namesOf(adapters), active: adapters?.active };
}

/**
 * Adds the active adapter into the weights and takes all adapters away: the model is then one without, as fast as before.
 *
 * @throws UNKNOWN_ADAPTER where none is active
 *
 * @example
 * ```ts
 * const model = await loadPretrained("pipelines/defaults/text-classification");
 * addAdapter(model, { r: 4, targetModules: ["q_lin"], taskType: "SEQ_CLS" });
 * mergeAdapter(model);
 * adapterNames(model).names; // []
 * ```
 */
export function mergeAdapter(model: AnyModel): void {
  const adapters = adaptersOf.get(model);
  const adapter = adapters?.active === undefined ? undefined : adapters.named.get(adapters.active);
  if (adapters === undefined || adapter === undefined) throw unknownAdapter("", namesOf(adapters));
  const name = adapters.active ?? "";
  noGrad(() => {
    for (const [path, scale] of adapter.scales) {
      const layer = adapters.layers.get(path);
      if (layer === undefined) continue;
      const { a, b, magnitude } = partsOf(layer, name, adapter.config);
      const matrices = { a: a.weight, b: b.weight, scale };
      const rows =
        magnitude === undefined ? asRows(layer).add(deltaOf(matrices)) : doraMerged(layer, matrices, magnitude.weight);
      layer.weight.assign((layer.isTransposed ? rows.t() : rows).settle().node);
    }
  });
  removeAdapters(model, adapters);
}

function removeAdapters(model: AnyModel, { layers, hooks }: Adapters): void {
  for (const hook of hooks) hook.remove();
  for (const { module } of layers.values()) {
    for (const part of PARTS) Reflect.deleteProperty(module, part);
  }
  adaptersOf.delete(model);
}

/**
 * Writes an adapter as PEFT reads it: adapter_config.json and adapter_model.safetensors.
 *
 * @param options `name` of the adapter, the active one when absent; `baseModel`, the repository that it belongs to
 * @throws UNKNOWN_ADAPTER where there is no such adapter
 *
 * @example
 * ```ts
 * const model = await loadPretrained("pipelines/defaults/text-classification");
 * addAdapter(model, { r: 4, targetModules: ["q_lin"], taskType: "SEQ_CLS" });
 * const base = "pipelines/defaults/text-classification";
 * await saveAdapter(model, "adapter", { baseModel: base });
 * await saveAdapter(model, "adapter", { name: "other" }); // throws The model has no adapter "other".
 *
 * const classify = await pipeline("text-classification", base, { adapters: { mine: "adapter" } });
 * await Promise.all([classify("I love it!", { adapter: "mine" }), classify("I love it!")]);
 * await classify("I love it!", { adapter: "mime" }); // throws The pipeline has no adapter "mime".
 * await classify.dispose();
 * ```
 */
export async function saveAdapter(
  model: AnyModel,
  folder: string,
  options?: { name?: string | undefined; baseModel?: string | undefined },
): Promise<void> {
  const adapters = adaptersOf.get(model);
  const { name = adapters?.active ?? "", baseModel } = saveOptions("saveAdapter", options);
  const adapter = adapters?.named.get(name);
  if (adapters === undefined || adapter === undefined) throw unknownAdapter(name, namesOf(adapters));
  const rows: [string, Tensor][] = [];
  for (const path of adapter.scales.keys()) {
    const layer = adapters.layers.get(path);
    if (layer === undefined) continue;
    const { a, b, magnitude } = partsOf(layer, name, adapter.config);
    rows.push([nameOf(path, "A"), a.weight], [nameOf(path, "B"), b.weight]);
    if (magnitude !== undefined) rows.push([nameOf(path, "m"), magnitude.weight]);
  }
  const parameters = new Map(model.namedParameters());
  for (const [path, value] of adapter.whole) {
    rows.push([wrappedPath(path, adapter.scales), adapters.active === name ? (parameters.get(path) ?? value) : value]);
  }
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, "adapter_config.json"),
    `${JSON.stringify(
      toPeft(
        adapter.config,
        baseModel,
        [...adapters.layers.values()].some(({ isTransposed }) => isTransposed),
      ),
      null,
      2,
    )}\n`,
  );
  const stored = rows.map(([key, tensor]) => ({
    name: `${PREFIX}${key}`,
    dtype: "F32" as const,
    shape: tensor.shape,
    data: tensor.detach().dataSync(),
  }));
  await writeSafetensors(join(folder, WEIGHTS), stored, { format: "pt" });
}

const saveOptions = optionsOf<{ name?: string | undefined; baseModel?: string | undefined }>({
  name: true,
  baseModel: true,
});

/** The parts of an adapter at a layer. */
interface Parts {
  a: Linear;
  b: Linear;
  magnitude: Magnitude | undefined;
}

const PARTS = ["lora_A", "lora_B", "lora_magnitude_vector"] as const satisfies (keyof AdapterParts)[];

function install(
  model: AnyModel,
  name: string,
  config: LoraConfig,
  make: (layer: Layer, r: number, path: string) => Parts | undefined,
  whole: ReadonlyMap<string, Tensor> = new Map(),
): void {
  const adapters: Adapters = adaptersOf.get(model) ?? {
    layers: new Map(),
    hooks: [],
    named: new Map(),
    active: undefined,
    own: new Map(),
  };
  if (adapters.named.has(name) || name === "" || name.includes(".")) throw exists(name);
  const targets = targetsOf(model, config);
  const scales = new Map<string, number>();
  for (const [path, layer] of targets) {
    const [r, scale] = rankOf(config, path);
    const parts = make(layer, r, path);
    if (parts === undefined) continue;
    if (!adapters.layers.has(path)) {
      adapters.layers.set(path, layer);
      for (const part of PARTS) layer.module.registerModule(part, new ModuleDict());
      adapters.hooks.push(layer.module.registerForwardHook((_, [x], y) => added(adapters, path, x, y)));
    }
    dictOf(layer, "lora_A").set(name, parts.a);
    dictOf(layer, "lora_B").set(name, parts.b);
    if (parts.magnitude !== undefined) dictOf(layer, "lora_magnitude_vector").set(name, parts.magnitude);
    scales.set(path, scale);
  }
  adapters.named.set(name, { config, scales, whole: new Map(whole) });
  adaptersOf.set(model, adapters);
}

/** y with what the active adapter adds for x. */
function added({ active, named, layers }: Adapters, path: string, x: Tensor, y: Tensor): Tensor | undefined {
  const adapter = active === undefined ? undefined : named.get(active);
  const [scale, layer] = [adapter?.scales.get(path), layers.get(path)];
  if (active === undefined || adapter === undefined || scale === undefined || layer === undefined) return undefined;
  const { a, b, magnitude } = partsOf(layer, active, adapter.config);
  const { loraDropout } = adapter.config;
  const { training } = layer.module;
  const dropped = training && loraDropout > 0 ? F.dropout(x, loraDropout, training) : x;
  if (magnitude === undefined) return y.add(b(a(dropped)).mul(scale));
  const matrices = { a: a.weight, b: b.weight, scale };
  return y.add(doraAdded(layer, matrices, magnitude.weight, { x, y, dropped }));
}

function partsOf(layer: Layer, name: string, { useDora }: LoraConfig): Parts {
  const magnitude = useDora ? dictOf(layer, "lora_magnitude_vector").get(name) : undefined;
  return { a: dictOf(layer, "lora_A").get(name), b: dictOf(layer, "lora_B").get(name), magnitude };
}

/** Parameters that a new adapter has whole: those of the modules that it saves, and the biases that it trains. */
function wholeOf(model: AnyModel, config: LoraConfig): Map<string, Tensor> {
  const targets = targetsOf(model, config);
  const isOwn = (path: string) => {
    if (isSaved(config, path.replace(/\.[^.]+$/, ""))) return true;
    if (config.bias === "none" || !path.endsWith(".bias")) return false;
    return config.bias === "all" || targets.has(path.replace(/\.bias$/, ""));
  };
  const own = [...ownParameters(model)].filter(([path]) => isOwn(path));
  return new Map(own.map(([path, tensor]) => [path, tensor.detach().settle()]));
}

/** Freezes everything but what an adapter has. */
function trainAlone(model: AnyModel, name: string, { bias }: LoraConfig): void {
  const whole = adaptersOf.get(model)?.named.get(name)?.whole ?? new Map<string, Tensor>();
  const part = new RegExp(`\\.lora_(?:[AB]|magnitude_vector)\\.${name}\\.`);
  for (const [path, tensor] of model.namedParameters()) {
    tensor.requiresGrad_(part.test(path) || whole.has(path) || (bias === "all" && path.endsWith(".bias")));
    if (!tensor.isLeaf) tensor.assign(tensor.detach().settle().node);
  }
}
