// A pipeline's model alone and with each of its adapters: the same engine over other graphs, made when first asked for.
// Knows no task, and not where adapters come from.
import { AbrazoError, suggestion } from "../src/errors.ts";
import type { AnyModel } from "../src/models/architecture.ts";
import { type Compile, isMapped, ModelGraphs } from "../src/models/graphs.ts";
import { type FedAdapter, feedAdapter, ofOneKind } from "../src/models/lora-inputs.ts";
import { adapterWeights } from "../src/models/lora-layers.ts";
import { requireWeightDType } from "../src/onnx/weight-dtype.ts";
import { compileGraph } from "../src/tensor/index.ts";
import { onDevice } from "./devices.ts";
import type { Ends, EngineOptions } from "./task.ts";

/**
 * The model as a call wants it.
 *
 * @param adapter name of an adapter, null for the model alone, undefined for what the pipeline was made with
 * @throws UNKNOWN_ADAPTER with the nearest name; NO_ADAPTERS for a name where the pipeline has none
 */
export function withAdapter<Model extends Pick<Ends<Model>, "adapted">>(
  model: Model,
  adapter: string | null | undefined,
): Model {
  if (model.adapted !== undefined) return model.adapted(adapter);
  if (adapter === undefined || adapter === null) return model;
  throw new AbrazoError({
    code: "NO_ADAPTERS",
    message: `The call asks for the adapter "${adapter}", and the pipeline was made without any.`,
    hint: `Name it when the pipeline is made: pipeline(task, model, { adapters: { "${adapter}": folder or repository } }).`,
    data: { adapter },
  });
}

/**
 * An engine over the graphs of a model. Adapters are read, and checked, at once; what runs them is compiled with their first call.
 *
 * @param make the engine over graphs that `compile` gives, with what all engines end with
 */
export async function overGraphs<Model>(
  model: AnyModel,
  { device, threads, dtype = "fp32", adapters = new Map(), adapter: usual, given }: EngineOptions,
  make: (compile: Compile, ends: Ends<Model>) => Model,
): Promise<Model> {
  const read = new Map<string, FedAdapter>();
  for (const [name, folder] of adapters) read.set(name, await feedAdapter(model, folder));
  const known = [...read.keys()];
  requireWeightDType(dtype);
  const exact = adapterWeights(model);
  return onDevice(device, (on) => {
    const settings = { device: on, dtype, exact, ...(threads === undefined ? {} : { threads }) };
    const graphs = new ModelGraphs(model, (traced, isFirst) =>
      compileGraph(traced, { ...settings, prepack: isFirst || dtype !== "fp32" }),
    );
    const { alone, adapters: fed } = fedTo(model, read, on === "cpu" && dtype === "fp32");
    const made = new Map<string | null, Model>();
    const adapted = (wanted: string | null | undefined): Model => {
      const name = wanted === undefined ? (usual ?? null) : wanted;
      const engine = made.get(name) ?? make(graphs.of(name === null ? alone : adapterOf(fed, name)), ends);
      made.set(name, engine);
      return engine;
    };
    const ends: Ends<Model> = { dispose: async () => graphs.dispose(), ...(known.length > 0 ? { adapted } : {}) };
    // The caller may train a model of their own on: the weights are those of now.
    if (given?.model !== undefined) for (const name of [null, ...known]) adapted(name);
    return adapted(undefined);
  });
}

/** What is fed for the model alone, and for each adapter. Where a graph has a copy of the weights, one graph computes all of them. */
function fedTo(model: AnyModel, adapters: ReadonlyMap<string, FedAdapter>, usesFiles: boolean) {
  const isOne = adapters.size > 0 && !(usesFiles && isMapped(model));
  return isOne ? ofOneKind(model, adapters) : { alone: undefined, adapters };
}

function adapterOf(fed: ReadonlyMap<string, FedAdapter>, name: string): FedAdapter {
  const found = fed.get(name);
  if (found !== undefined) return found;
  const known = [...fed.keys()];
  throw new AbrazoError({
    code: "UNKNOWN_ADAPTER",
    message: `The pipeline has no adapter "${name}".`,
    hint: known.length === 0 ? "Name its folder or repository among { adapters }." : suggestion(name, known),
    data: { adapter: name, known },
  });
}
