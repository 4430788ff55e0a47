// The compiled graphs of a model: one of each name for the model alone, and one for each kind of adapter, whose matrices are fed.
// Knows no architecture, and not what the graphs are for.
import { sizeOf } from "../graph/shape.ts";
import type { CompiledGraph, Traced } from "../tensor/index.ts";
import type { AnyModel } from "./architecture.ts";
import { type FedAdapter, traceWith } from "./lora-inputs.ts";

/**
 * Whether graphs on the CPU take nothing for the model's weights: those lie in files as they are computed with. What is small beside
 * them does not count.
 */
export function isMapped(model: AnyModel): boolean {
  const sizes = { all: 0, held: 0 };
  for (const { node } of model.parameters()) {
    const size = sizeOf(node.shape);
    sizes.all += size;
    if (node.value?.kind !== "file" || node.dtype !== "float32") sizes.held += size;
  }
  return sizes.held * 50 < sizes.all;
}

/** Compiles what is recorded, or gives what was compiled by that name before. */
export type Compile = (name: string, trace: () => Traced) => CompiledGraph;

/** @param isFirst whether there is none yet that does the same; others run beside it, over the same weights */
type CompileTraced = (traced: Traced, isFirst: boolean) => CompiledGraph;

interface Compiled {
  graph: CompiledGraph;
  /** Inputs that are the adapter's. */
  names: readonly string[];
}

/** Graphs share what they can: the base's weights, and those of adapters of one kind everything. */
export class ModelGraphs {
  readonly #model: AnyModel;
  readonly #compile: CompileTraced;
  readonly #base = new Map<string, CompiledGraph>();
  /** By kind of adapter and name. */
  readonly #adapted = new Map<string, Map<string, Compiled>>();

  constructor(model: AnyModel, compile: CompileTraced) {
    this.#model = model;
    this.#compile = compile;
  }

  /** Graphs of the model alone, or with an adapter. They are given back by dispose() of this object, all together. */
  of(adapter?: FedAdapter): Compile {
    return (name, trace) =>
      adapter === undefined ? this.#baseGraph(name, trace) : this.#fedGraph(adapter, name, trace);
  }

  #baseGraph(name: string, trace: () => Traced): CompiledGraph {
    const graph = this.#base.get(name) ?? this.#compile(trace(), this.#isFirst(name));
    this.#base.set(name, graph);
    return graph;
  }

  #fedGraph(adapter: FedAdapter, name: string, trace: () => Traced): CompiledGraph {
    const ofKind = this.#adapted.get(adapter.kind) ?? new Map<string, Compiled>();
    this.#adapted.set(adapter.kind, ofKind);
    const { graph, names } = ofKind.get(name) ?? this.#adapt(adapter, name, trace);
    ofKind.set(name, { graph, names });
    if (names.length === 0) return graph;
    const fed = Object.fromEntries(Object.entries(adapter.feeds).filter(([input]) => names.includes(input)));
    return { run: (feeds, into) => graph.run({ ...feeds, ...fed }, into), dispose: () => undefined };
  }

  /** Where an adapter changes nothing, as one of a decoder alone in the graph of an encoder, the base's graph does. */
  #adapt(adapter: FedAdapter, name: string, trace: () => Traced): Compiled {
    const { traced, names } = traceWith(this.#model, adapter, trace);
    return {
      graph: names.length === 0 ? this.#baseGraph(name, trace) : this.#compile(traced, this.#isFirst(name)),
      names,
    };
  }

  #isFirst(name: string): boolean {
    return !this.#base.has(name) && ![...this.#adapted.values()].some((kind) => kind.has(name));
  }

  /** Releases every graph. */
  dispose(): void {
    for (const graph of this.#base.values()) graph.dispose();
    for (const kind of this.#adapted.values()) {
      for (const { graph, names } of kind.values()) if (names.length > 0) graph.dispose();
    }
    this.#base.clear();
    this.#adapted.clear();
  }
}
