// The decode session: keys and values go in and come out of one compiled graph, and this keeps them between steps.
// Knows no sampling, and a model only by its contract.
import { AbrazoError } from "../errors.ts";
import type { CacheLayout, PreTrainedModel } from "../models/architecture.ts";
import { architectureOf } from "../models/auto.ts";
import { cacheName, INPUT_NAMES, traceModel } from "../models/trace.ts";
import { type CompiledGraph, compileGraph, type Feed } from "../tensor/index.ts";

/** One call of a decoder: the new tokens of every row, with the mask over all tokens so far. */
export interface DecodeStep {
  /** int64 [B, T] */
  inputIds: BigInt64Array;
  /** int64 [B, P + T] */
  attentionMask: BigInt64Array;
  /** int64 [B, T] */
  positionIds: BigInt64Array;
  rows: number;
}

/** A sequence of steps over one batch. */
export interface Decoding {
  /** Logits of the token after the last, one array of V a row. */
  step(step: DecodeStep): Promise<Float32Array[]>;
  /** Goes on with these rows alone, in this order. */
  keep(rows: readonly number[]): void;
}

/** What generation needs of a model, whatever runs it. */
export interface Decoder {
  /** Tokens that prompt and text may have together. */
  readonly maxLength: number;
  start(): Decoding;
  dispose(): void;
}

export interface DecoderOptions {
  device?: string;
  threads?: number;
}

/** Compiles a model that declares a cache into a decoder. */
export function makeDecoder(model: PreTrainedModel, options: DecoderOptions = {}): Decoder {
  const architecture = architectureOf(model.config);
  const layout = architecture.cache(model.config);
  if (layout === undefined) {
    throw new AbrazoError({
      code: "NOT_A_DECODER",
      message: `A ${architecture.modelType} model does not generate text.`,
      hint: "Text generation needs a causal language model, e.g. a GPT2LMHeadModel.",
      data: { modelType: architecture.modelType },
    });
  }
  const traced = traceModel(model, { withPast: true, lastOnly: true });
  const graph = compileGraph(traced, options);
  const names = new Set([
    INPUT_NAMES.inputIds,
    INPUT_NAMES.attentionMask,
    ...architecture.inputs.map((name) => INPUT_NAMES[name]),
  ]);
  return {
    maxLength: architecture.maxLength(model.config),
    start: () => new CachedDecoding(graph, layout, names),
    dispose: () => graph.dispose(),
  };
}

class CachedDecoding implements Decoding {
  readonly #graph: CompiledGraph;
  readonly #layout: CacheLayout;
  readonly #names: ReadonlySet<string>;
  /** By the name of the graph's input, [B, H, P, d]. */
  #cache = new Map<string, Feed>();

  constructor(graph: CompiledGraph, layout: CacheLayout, names: ReadonlySet<string>) {
    this.#graph = graph;
    this.#layout = layout;
    this.#names = names;
  }

  async step({ inputIds, attentionMask, positionIds, rows }: DecodeStep): Promise<Float32Array[]> {
    // The runtime computes on this thread; others get their turn between tokens.
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (this.#cache.size === 0) this.#cache = emptyCache(this.#layout, rows);
    const matrix = (data: BigInt64Array): Feed => ({ data, shape: [rows, data.length / rows] });
    const feeds: Record<string, Feed> = Object.fromEntries(this.#cache);
    const given = { inputIds, attentionMask, positionIds, tokenTypeIds: undefined };
    for (const [name, data] of Object.entries(given)) {
      const wire = INPUT_NAMES[name as keyof typeof INPUT_NAMES]; // safe because `given` has the keys of INPUT_NAMES
      if (this.#names.has(wire)) feeds[wire] = matrix(data ?? new BigInt64Array(inputIds.length));
    }
    const results = this.#graph.run(feeds);
    for (const [name] of this.#cache) {
      const present = results[name.replace("past_key_values", "present")];
      if (present !== undefined) this.#cache.set(name, present);
    }
    return rowsOf(results["logits"], rows);
  }

  keep(rows: readonly number[]): void {
    for (const [name, feed] of this.#cache) this.#cache.set(name, selectRows(feed, rows));
  }
}

function emptyCache({ layers, heads, width }: CacheLayout, rows: number): Map<string, Feed> {
  const cache = new Map<string, Feed>();
  for (let layer = 0; layer < layers; layer++) {
    for (const part of ["key", "value"] as const) {
      cache.set(cacheName("past_key_values", layer, part), {
        data: new Float32Array(0),
        shape: [rows, heads, 0, width],
      });
    }
  }
  return cache;
}

function selectRows({ data, shape }: Feed, rows: readonly number[]): Feed {
  const size = shape.slice(1).reduce((product, dim) => product * dim, 1);
  // safe because caches are float32 by emptyCache and by the graph's outputs
  const source = data as Float32Array;
  const picked = new Float32Array(rows.length * size);
  for (const [place, row] of rows.entries()) picked.set(source.subarray(row * size, (row + 1) * size), place * size);
  return { data: picked, shape: [rows.length, ...shape.slice(1)] };
}

/** [B, 1, V] as one array a row. */
function rowsOf(logits: Feed | undefined, rows: number): Float32Array[] {
  const data = logits?.data as Float32Array; // safe because the traced logits are float32
  const width = data.length / rows;
  return Array.from({ length: rows }, (_, row) => data.subarray(row * width, (row + 1) * width));
}
