// The decode session: keys and values go in and come out of one compiled graph, and this keeps them between steps.
// Knows no sampling, and a model only by its contract.
import { requireParts } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
import type { AnyModel, CacheLayout } from "../models/architecture.ts";
import { architectureOf } from "../models/auto.ts";
import { checkingIds } from "../models/checked-ids.ts";
import type { Compile } from "../models/graphs.ts";
import { adapterWeights } from "../models/lora-layers.ts";
import { cacheName, INPUT_NAMES, type TraceOptions, traceModel } from "../models/trace.ts";
import { optionsOf } from "../options.ts";
import { type CompiledGraph, compileGraph, DeviceArray, type Feed, type WeightDType } from "../tensor/index.ts";
import type { Need, Room } from "./admission.ts";
import type { RowCache } from "./cache-rows.ts";
import { DeviceRowCache } from "./device-row-cache.ts";
import { logitRows, tokenFeeds } from "./feeds.ts";
import { HostRowCache } from "./row-cache.ts";

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
  /** Goes on with these rows alone, in this order; a row may come more than once, and there may be more than before. */
  keep(rows: readonly number[]): void;
  /** A step that gives the logits after each of its last `count` tokens: for each row, `count` arrays of V. */
  stepMany?(step: DecodeStep, count: number): Promise<Float32Array[][]>;
  /** Forgets the last `tokens` tokens of every row. */
  truncate?(tokens: number): void;
  /** Gives back what is held between steps; the sequence is not used any more. */
  dispose?(): void;
}

/** What generation needs of a model, whatever runs it. */
export interface Decoder {
  /** Tokens that prompt and text may have together. */
  readonly maxLength: number;
  start(): Decoding;
  dispose(): void;
  /** Keys and values of texts that come and go, where steps of several texts may be one run. */
  rows?(): RowCache;
  /** Of a decoder that texts share: the same for one text alone. */
  alone?: Decoder;
  /**
   * Of a decoder that texts share: waits for room for so many rows of so many tokens at most.
   *
   * @throws the reason of `signal` when it is aborted first
   */
  admit?(need: Need, signal?: AbortSignal): Promise<Room>;
}

/** Where a decoder runs. */
export interface DecoderOptions {
  /** "cpu" when absent; "webgpu" where there is one. */
  device?: string;
  /** Threads of one operation; as many as there are cores when absent. */
  threads?: number;
  /** How weights are held: "fp32", as they are stored, when absent; "q8" or "q4", quantized while they are loaded. */
  dtype?: WeightDType;
}

const decoderOptions = optionsOf<DecoderOptions>({ device: true, threads: true, dtype: true });

/**
 * Compiles a model that declares a cache into a decoder: one graph for every length of prompt and text.
 *
 * @param model one that gives logits float32 [B, T, V], in evaluation mode: eval()
 * @throws NOT_A_DECODER for a model that generates no text; TRAINING_MODE for one in training mode; UNSUPPORTED_DTYPE, UNKNOWN_OPTION, BAD_ARGUMENT
 *
 * @example
 * ```ts
 * const sizes = { vocab_size: 8, n_embd: 4, n_layer: 1, n_head: 1 };
 * const config = { model_type: "gpt2", architectures: ["GPT2LMHeadModel"], ...sizes };
 * const decoder = makeDecoder(fromConfig(config, new Generator(0)).eval());
 * const one = { inputIds: BigInt64Array.of(5n), attentionMask: BigInt64Array.of(1n), positionIds: BigInt64Array.of(0n) };
 * const [logits] = await decoder.start().step({ ...one, rows: 1 });
 * logits?.length; // 8
 * decoder.dispose();
 * ```
 */
export function makeDecoder(model: AnyModel, given?: DecoderOptions): Decoder {
  requireParts("makeDecoder", model, ["config", "inputs", "forward"], "a model");
  const options = decoderOptions("makeDecoder", given);
  const exact = adapterWeights(model);
  return decoderOver(model, (_, trace) => compileGraph(trace(), { ...options, exact }), options.device);
}

/** A decoder whose graphs someone else compiles for a device. */
export function decoderOver(model: AnyModel, compile: Compile, device = "cpu"): Decoder {
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
  const checked = (graph: CompiledGraph) => checkingIds(graph, model.config);
  // What a graph holds of a model on a device is a copy: those that nobody asks for are not compiled.
  const graphs = new Map<string, CompiledGraph>();
  const graphOf = (name: string, options: TraceOptions) => {
    const graph = graphs.get(name) ?? checked(compile(name, () => traceModel(model, options)));
    graphs.set(name, graph);
    return graph;
  };
  const step = () => graphOf("step", { present: "new", lastOnly: true });
  // Only drafts are verified with logits of several positions.
  const wide = () => graphOf("wide step", { present: "new" });
  const placed = () => graphOf("placed step", { present: "placed", lastOnly: true });
  const staysThere = DeviceArray.isKeptOn(device);
  // What is wrong with the model or the device shows at once.
  if (staysThere) placed();
  else step();
  const maxLength = architecture.maxLength(model.config);
  const names = new Set<string>(model.inputs.map((name) => INPUT_NAMES[name]));
  return {
    maxLength,
    start: () => new CachedDecoding(step(), wide, layout, names, maxLength),
    rows: () =>
      staysThere
        ? new DeviceRowCache({ graph: placed(), layout, names, maxLength }, device)
        : new HostRowCache({ graph: step(), layout, names, maxLength }),
    dispose: () => {
      for (const graph of graphs.values()) graph.dispose();
      graphs.clear();
    },
  };
}

/**
 * Keys and values lie in buffers with room for more tokens than there are. The graph reads them in place, unused room being
 * masked, and gives those of the new tokens alone: a step copies a token's share, never the whole past.
 */
export class CachedDecoding implements Decoding {
  readonly #graph: CompiledGraph;
  readonly #wideGraph: () => CompiledGraph;
  readonly #layout: CacheLayout;
  readonly #names: ReadonlySet<string>;
  readonly #maxLength: number;
  #cache = new Map<string, Float32Array>();
  #rows = 0;
  /** Tokens held, and tokens there is room for. */
  #length = 0;
  #room = 0;

  constructor(
    graph: CompiledGraph,
    wideGraph: () => CompiledGraph,
    layout: CacheLayout,
    names: ReadonlySet<string>,
    maxLength: number,
  ) {
    this.#graph = graph;
    this.#wideGraph = wideGraph;
    this.#layout = layout;
    this.#names = names;
    this.#maxLength = maxLength;
  }

  async step(step: DecodeStep): Promise<Float32Array[]> {
    return logitRows(await this.#run(this.#graph, step), step.rows);
  }

  async stepMany(step: DecodeStep, count: number): Promise<Float32Array[][]> {
    const columns = step.inputIds.length / step.rows;
    const lines = logitRows(await this.#run(this.#wideGraph(), step), step.inputIds.length);
    return Array.from({ length: step.rows }, (_, row) => lines.slice((row + 1) * columns - count, (row + 1) * columns));
  }

  truncate(tokens: number): void {
    this.#length -= tokens;
  }

  dispose(): void {
    this.#cache.clear();
  }

  async #run(
    graph: CompiledGraph,
    { inputIds, attentionMask, positionIds, rows }: DecodeStep,
  ): Promise<Feed | undefined> {
    // The runtime computes on this thread; others get their turn between tokens.
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (this.#rows === 0) this.#allocate(rows);
    const columns = inputIds.length / rows;
    const mask = this.#spread(attentionMask, columns);
    const feeds = tokenFeeds(this.#names, { inputIds, positionIds, rows, attentionMask: mask });
    const { heads, width } = this.#layout;
    for (const [name, data] of this.#cache) feeds[name] = { data, shape: [rows, heads, this.#room, width] };
    const results = graph.run(feeds);
    this.#append(results, columns);
    return results["logits"];
  }

  keep(rows: readonly number[]): void {
    const size = this.#layout.heads * this.#room * this.#layout.width;
    for (const [name, data] of this.#cache) {
      const picked = new Float32Array(rows.length * size);
      for (const [place, row] of rows.entries()) picked.set(data.subarray(row * size, (row + 1) * size), place * size);
      this.#cache.set(name, picked);
    }
    this.#rows = rows.length;
  }

  #allocate(rows: number): void {
    const { heads, width, layers } = this.#layout;
    this.#rows = rows;
    // Room for one token, which is masked: the WebGPU runtime crashes on inputs without elements.
    this.#room = 1;
    for (let layer = 0; layer < layers; layer++) {
      for (const part of ["key", "value"] as const) {
        this.#cache.set(cacheName("past_key_values", layer, part), new Float32Array(rows * heads * width));
      }
    }
  }

  /** The mask [B, P + T] with zeros between the P tokens that are held and the T new ones, for the unused room. */
  #spread(mask: BigInt64Array, columns: number): BigInt64Array {
    const [held, wide] = [this.#length + columns, this.#room + columns];
    if (held === wide) return mask;
    const out = new BigInt64Array(this.#rows * wide);
    for (let row = 0; row < this.#rows; row++) {
      const source = mask.subarray(row * held, (row + 1) * held);
      out.set(source.subarray(0, this.#length), row * wide);
      out.set(source.subarray(this.#length), row * wide + this.#room);
    }
    return out;
  }

  #append(results: Readonly<Record<string, Feed>>, columns: number): void {
    if (this.#length + columns > this.#room) this.#grow(this.#length + columns);
    const { heads, width } = this.#layout;
    const size = columns * width;
    for (const [name, data] of this.#cache) {
      const fresh = results[name.replace("past_key_values", "present")]?.data as Float32Array; // safe because the traced cache is float32
      for (let line = 0; line < this.#rows * heads; line++) {
        data.set(fresh.subarray(line * size, (line + 1) * size), (line * this.#room + this.#length) * width);
      }
    }
    this.#length += columns;
  }

  /** Room for a quarter more than is needed, so that growing is rare. */
  #grow(needed: number): void {
    const room = Math.min(Math.max(needed, this.#maxLength), Math.max(needed + 32, Math.ceil(needed * 1.25)));
    const { heads, width } = this.#layout;
    for (const [name, data] of this.#cache) {
      const larger = new Float32Array(this.#rows * heads * room * width);
      for (let line = 0; line < this.#rows * heads; line++) {
        const start = line * this.#room * width;
        larger.set(data.subarray(start, start + this.#length * width), line * room * width);
      }
      this.#cache.set(name, larger);
    }
    this.#room = room;
  }
}
