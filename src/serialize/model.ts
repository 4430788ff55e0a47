// A whole model as a folder: architecture.json, which says what it is made of, and model.safetensors. No code is stored.
// Classes are found by name in what the caller passes and in the table of layers; nothing else can be made.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { argumentError, requireType } from "../arguments.ts";
import { AbrazoError, suggestion } from "../errors.ts";
import { readJson } from "../io/json.ts";
import { onFile } from "../io/system-error.ts";
import * as nn from "../nn/index.ts";
import { optionsOf } from "../options.ts";
import { Tensor } from "../tensor/index.ts";
import { LAYERS, type Recorded } from "./layers.ts";
import { loadSafetensors, saveFile } from "./safetensors.ts";
import { underAllNames } from "./shared.ts";
import type { LoadOptions } from "./state.ts";

const ARCHITECTURE = "architecture.json";
const WEIGHTS = "model.safetensors";
const FORMAT = "abrazo-model-1";

/** One module of the architecture, with those below it. */
interface RecordedModule extends Recorded {
  /** What its constructor takes, where the model says so. */
  args: readonly unknown[];
  children: Readonly<Record<string, RecordedModule | SameModule>>;
}

/** A module that is held a second time: the path where it was met first. */
interface SameModule {
  sameAs: string;
}

const moduleSchema: z.ZodType<RecordedModule> = z.strictObject({
  class: z.string(),
  args: z.array(z.unknown()),
  settings: z.record(z.string(), z.unknown()),
  tensors: z.record(z.string(), z.array(z.int().nonnegative())),
  get children() {
    return z.record(z.string(), z.union([z.strictObject({ sameAs: z.string() }), moduleSchema]));
  },
});
const fileSchema = z.strictObject({
  format: z.literal(FORMAT),
  training: z.boolean(),
  /** Parameters that are not trained. */
  frozen: z.array(z.string()),
  model: moduleSchema,
});

/** A class of modules, or what stands in for one. */
export type ModuleClass = new (...args: never[]) => nn.AnyModule;

/** What is stored besides layers and weights. */
export interface SaveModelOptions {
  /** What the model's constructor took, as JSON; else its property `config`, where it has one, is its only argument. */
  args?: readonly unknown[];
}

const saveModelOptions = optionsOf<SaveModelOptions>({ args: true });

/**
 * Stores a model: what it is made of (`architecture.json`), and its weights (`model.safetensors`). loadModel() makes it again.
 *
 * @throws UNSTORABLE_MODEL for a layer that an architecture file cannot say how to make
 *
 * @example
 * ```ts
 * class SimpleNetwork extends nn.Module<[Tensor], Tensor> {
 *   readonly fc = new nn.Linear(2, 1);
 *   override forward(x: Tensor): Tensor { return this.fc(x).relu(); }
 * }
 * await saveModel(new SimpleNetwork(), "my-model");
 * const again = await loadModel("my-model", { classes: { SimpleNetwork } });
 * again instanceof SimpleNetwork; // true
 * ```
 */
export async function saveModel(model: nn.AnyModule, folder: string, given?: SaveModelOptions): Promise<void> {
  const { args } = saveModelOptions("saveModel", given);
  if (!(model instanceof nn.AnyModule)) throw argumentError("saveModel", 1, "a Module", model);
  requireType("saveModel", "string", folder, 2);
  const recorded = describe(model);
  const frozen = [...model.namedParameters()].filter(([, { requiresGrad }]) => !requiresGrad).map(([name]) => name);
  const described = args === undefined ? recorded : { ...recorded, args };
  const file = { format: FORMAT, training: model.training, frozen, model: described };
  await onFile(folder, () => mkdir(folder, { recursive: true }));
  await saveFile(model.stateDict(), join(folder, WEIGHTS), { format: "pt" });
  await writeFile(join(folder, ARCHITECTURE), `${JSON.stringify(file, null, 2)}\n`);
}

function describe(model: nn.AnyModule): RecordedModule {
  // Through JSON, so that what is compared after loading is what was stored.
  return JSON.parse(JSON.stringify(recordOf(model, "", new Map(), true)));
}

/** @param alone whether only containers are above it: it then has to be known by itself */
function recordOf(module: nn.AnyModule, path: string, seen: Map<nn.AnyModule, string>, alone: boolean): RecordedModule {
  seen.set(module, path);
  const settings: Record<string, unknown> = {};
  const tensors: Record<string, readonly number[]> = {};
  const children: Record<string, RecordedModule | SameModule> = {};
  let args: unknown[] = [];
  for (const [name, value] of Object.entries(module)) {
    if (value instanceof Tensor) tensors[name] = value.shape;
    else if (value instanceof nn.AnyModule || !isPlain(value)) continue;
    else if (name === "config") args = [value];
    else settings[name] = value;
  }
  if (alone && isUnknownLayer(module)) throw unstorableLayer(module.constructor.name, path);
  for (const [name, child] of childrenOf(module)) {
    const sameAs = seen.get(child);
    const below = alone && Object.hasOwn(CONTAINERS, module.constructor.name);
    children[name] = sameAs === undefined ? recordOf(child, joined(path, name), seen, below) : { sameAs };
  }
  return { class: module.constructor.name, args, settings, tensors, children };
}

/** A layer of ours that the table lacks, where no class of the caller's would make it. */
function isUnknownLayer(module: nn.AnyModule): boolean {
  const { name } = module.constructor;
  const ours: Readonly<Record<string, unknown>> = nn;
  return ours[name] === module.constructor && !Object.hasOwn(LAYERS, name) && !Object.hasOwn(CONTAINERS, name);
}

function unstorableLayer(name: string, path: string): AbrazoError {
  return new AbrazoError({
    code: "UNSTORABLE_MODEL",
    message: `The layer "${path}" is a ${name}, which an architecture file cannot say how to make.`,
    hint: "Put it into a module class of your own, which makes it, or store the state alone: saveFile(model.stateDict(), path).",
  });
}

const joined = (path: string, name: string): string => (path === "" ? name : `${path}.${name}`);

/** Modules held directly, also those that a list holds twice, which namedChildren() gives once. */
function childrenOf(module: nn.AnyModule): [string, nn.AnyModule][] {
  const named = [...module.namedChildren()];
  const items: nn.AnyModule[] = module instanceof nn.Sequential || module instanceof nn.ModuleList ? [...module] : [];
  if (items.length <= named.length) return named;
  if (named.every(([name]) => /^\d+$/.test(name))) return items.map((item, place) => [`${place}`, item]);
  throw new AbrazoError({
    code: "UNSTORABLE_MODEL",
    message: `A ${module.constructor.name} holds one module twice under names of its own.`,
    hint: "Give it its modules as a list, or make the second one anew.",
  });
}

/** Values that JSON gives back as they were. */
function isPlain(value: unknown): boolean {
  if (value === null || typeof value === "string" || typeof value === "boolean") return true;
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object") return false;
  if (Array.isArray(value)) return value.every(isPlain);
  return Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every(isPlain);
}

/** Classes of one's own that a stored model is made of, and where its tensors go. */
export interface LoadModelOptions extends LoadOptions {
  /** The classes of your own that the architecture names. */
  classes?: Readonly<Record<string, ModuleClass>>;
}

const loadModelOptions = optionsOf<LoadModelOptions>({ device: true, classes: true });

/**
 * Makes a stored model again, with its weights and its mode. Containers and usual layers are known; classes of your own
 * have to be passed. What is made has to be what was stored, layer by layer.
 *
 * @throws UNKNOWN_CLASS for a class that was not passed; ARCHITECTURE_MISMATCH where a class makes something else by now
 * @example
 * ```ts
 * await saveModel(new Sequential(new Linear(2, 3), new ReLU()), "net");
 * `${await loadModel("net")}`;
 * // Sequential(
 * //   (0): Linear(in_features=2, out_features=3, bias=True)
 * //   (1): ReLU()
 * // )
 * ```
 */
export async function loadModel(folder: string, given?: LoadModelOptions): Promise<nn.AnyModule> {
  const { classes = {}, ...options } = loadModelOptions("loadModel", given);
  requireType("loadModel", "string", folder);
  const { model: recorded, training, frozen } = await readJson(join(folder, ARCHITECTURE), fileSchema);
  const model = build(recorded, classes);
  checkSame(describe(model), recorded, "");
  const stored = await loadSafetensors(join(folder, WEIGHTS));
  const weights = underAllNames(stored, otherNamesOf(model, stored));
  model.loadStateDict(weights);
  for (const [name, tensor] of model.stateDict()) {
    // A model that was cast to another dtype is made in that dtype again.
    const value = weights.get(name);
    if (value !== undefined && value.dtype !== tensor.dtype) tensor.assign(value.node);
  }
  for (const name of frozen) model.getParameter(name).requiresGrad_(false);
  if (options.device !== undefined) model.to({ device: options.device });
  return model.train(training);
}

/** Names of the model that the file lacks, with another of the same tensor that it has: any one of several is enough. */
function otherNamesOf(model: nn.AnyModule, stored: ReadonlyMap<string, Tensor>): [string, string][] {
  const state = [...model.stateDict()];
  const found = new Map(state.filter(([name]) => stored.has(name)).map(([name, tensor]) => [tensor, name]));
  return state.flatMap(([name, tensor]) => {
    const kept = found.get(tensor);
    return kept === undefined || stored.has(name) ? [] : [[name, kept]];
  });
}

type Classes = Readonly<Record<string, ModuleClass>>;

function build(
  recorded: RecordedModule,
  classes: Classes,
  path = "",
  made = new Map<string, nn.AnyModule>(),
): nn.AnyModule {
  const module = make(recorded, classes, path, made);
  made.set(path, module);
  return module;
}

function make(recorded: RecordedModule, classes: Classes, path: string, made: Map<string, nn.AnyModule>): nn.AnyModule {
  const { class: name, args } = recorded;
  const own = Object.hasOwn(classes, name) ? classes[name] : undefined;
  if (own !== undefined) return new own(...(args as never[])); // safe because the class itself says what it takes
  const container = Object.hasOwn(CONTAINERS, name) ? CONTAINERS[name] : undefined;
  if (container !== undefined) {
    const children = Object.entries(recorded.children).map(([key, child]) => {
      const known = "sameAs" in child ? made.get(child.sameAs) : build(child, classes, joined(path, key), made);
      if (known === undefined) throw unknownModule(joined(path, key));
      return [key, known] as const;
    });
    return container(Object.fromEntries(children));
  }
  const layer = Object.hasOwn(LAYERS, name) ? LAYERS[name] : undefined;
  if (layer !== undefined) return layer(recorded);
  throw new AbrazoError({
    code: "UNKNOWN_CLASS",
    message: `The architecture names the class "${name}", which is not known here.`,
    hint: `Pass it: loadModel(folder, { classes: { ${name} } }). ${suggestion(name, [...Object.keys(classes), ...Object.keys(LAYERS)])}`,
    data: { class: name },
  });
}

function unknownModule(path: string): AbrazoError {
  return new AbrazoError({
    code: "INVALID_ARCHITECTURE",
    message: `The module "${path}" is said to be another, which does not come before it.`,
    hint: "The file is damaged.",
  });
}

const CONTAINERS: Readonly<Record<string, (children: Record<string, nn.AnyModule>) => nn.AnyModule>> = {
  // safe because a step that takes something else than a tensor fails when it is called, as in the model that was stored
  Sequential: (children) => new nn.Sequential(children as Readonly<Record<string, nn.Identity>>),
  ModuleList: (children) => new nn.ModuleList(Object.values(children)),
  ModuleDict: (children) => new nn.ModuleDict(children),
};

/** What was made is what was stored: classes, settings, shapes and order. */
function checkSame(made: RecordedModule | SameModule, stored: RecordedModule | SameModule, path: string): void {
  const [is, was] = [made, stored].map((module) =>
    JSON.stringify("sameAs" in module ? module : { ...module, args: [], children: Object.keys(module.children) }),
  );
  if (is !== was) {
    throw new AbrazoError({
      code: "ARCHITECTURE_MISMATCH",
      message: `The module "${path}" was stored as ${was}, and is made as ${is}.`,
      hint: "The class has changed since, or needs other arguments: pass them to saveModel() as args.",
      data: { path },
    });
  }
  if ("sameAs" in made || "sameAs" in stored) return;
  for (const [name, child] of Object.entries(stored.children)) {
    const other = made.children[name];
    if (other !== undefined) checkSame(other, child, joined(path, name));
  }
}
