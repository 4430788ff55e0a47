// Decoding of models with an encoder: the source is read once, and what the decoder looks at in it is fed to every step.
// Knows no sampling, a model only by its contract, and leaves the decoder's own cache to kv-cache.ts.
import { requireParts } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
import type { AnyModel } from "../models/architecture.ts";
import { architectureOf } from "../models/auto.ts";
import { checkingIds } from "../models/checked-ids.ts";
import type { Compile } from "../models/graphs.ts";
import { INPUT_NAMES } from "../models/inputs.ts";
import { adapterWeights } from "../models/lora-layers.ts";
import { Seq2SeqModel } from "../models/seq2seq.ts";
import { SOURCE_MASK, traceSource, traceStep } from "../models/seq2seq-trace.ts";
import { type CompiledGraph, compileGraph, type Feed } from "../tensor/index.ts";
import { CachedDecoding, type Decoder, type DecoderOptions, type DecodeStep, type Decoding } from "./kv-cache.ts";

/** Texts that texts are made from, padded to one length. */
export interface SourceBatch {
  /** int64 [B, S] */
  inputIds: BigInt64Array;
  /** int64 [B, S], 1 where there is text */
  attentionMask: BigInt64Array;
  rows: number;
}

/** Decodes texts made from others. */
export interface Seq2SeqDecoder {
  /** Tokens that a text may have; infinite where nothing bounds it. */
  readonly maxLength: number;
  /** Reads the sources; the first step then has a row for each of them. */
  start(source: SourceBatch): Decoding;
  /**
   * A decoder of texts made from these sources, for generate(): as many prompts as sources, each the tokens that its text
   * starts with. The sources are read once, however often it is started.
   */
  from(source: SourceBatch): Decoder;
  dispose(): void;
}

/**
 * Compiles a model with an encoder into a decoder: one graph that reads sources, one for each step.
 *
 * @throws NOT_A_DECODER for a model that writes no text from another; TRAINING_MODE for one in training mode; UNSUPPORTED_DTYPE, UNKNOWN_OPTION, BAD_ARGUMENT
 *
 * @example
 * ```ts
 * const sizes = { vocab_size: 8, d_model: 4, d_kv: 2, d_ff: 4, num_layers: 1, num_heads: 2 };
 * const config = { model_type: "t5", architectures: ["T5ForConditionalGeneration"], ...sizes };
 * const decoder = makeSeq2SeqDecoder(fromConfig(config, new Generator(0)).eval());
 * const source = { inputIds: BigInt64Array.of(5n, 6n, 1n), attentionMask: BigInt64Array.of(1n, 1n, 1n), rows: 1 };
 * const start = { inputIds: BigInt64Array.of(0n), attentionMask: BigInt64Array.of(1n), positionIds: BigInt64Array.of(0n) };
 * const [logits] = await decoder.start(source).step({ ...start, rows: 1 });
 * logits?.length; // 8
 * decoder.dispose();
 * ```
 */
export function makeSeq2SeqDecoder(model: AnyModel, options: DecoderOptions = {}): Seq2SeqDecoder {
  requireParts("makeSeq2SeqDecoder", model, ["config", "inputs", "forward"], "a model");
  const exact = adapterWeights(model);
  return seq2SeqDecoderOver(model, (_, trace) => compileGraph(trace(), { ...options, exact }));
}

/** A decoder whose graphs someone else compiles. */
export function seq2SeqDecoderOver(model: AnyModel, compile: Compile): Seq2SeqDecoder {
  if (!(model instanceof Seq2SeqModel)) throw notSeq2Seq(model);
  const checked = (graph: CompiledGraph) => checkingIds(graph, model.config);
  const encoder = checked(compile("source", () => traceSource(model)));
  const step = checked(compile("step", () => traceStep(model, { lastOnly: true })));
  // Only drafts are verified with logits of several positions: compiled when first asked for.
  let wide: CompiledGraph | undefined;
  const wideStep = () => {
    wide ??= checked(compile("wide step", () => traceStep(model)));
    return wide;
  };
  const maxLength = architectureOf(model.config).maxLength(model.config);
  const begin = (read: Feeds): Decoding => {
    const source = new SourceRows(read);
    const fed = (graph: CompiledGraph) => withFeeds(graph, source);
    const cached = new CachedDecoding(fed(step), () => fed(wideStep()), model.cacheLayout, STEP_NAMES, maxLength);
    return new Seq2SeqDecoding(cached, source);
  };
  return {
    maxLength,
    start: (source) => begin(readSource(encoder, source)),
    from: (source) => {
      let read: Feeds | undefined;
      const start = () => {
        read ??= readSource(encoder, source);
        return begin(read);
      };
      return { maxLength, start, dispose: () => undefined };
    },
    dispose: () => {
      for (const graph of [encoder, step, wide]) graph?.dispose();
    },
  };
}

function notSeq2Seq(model: AnyModel): AbrazoError {
  return new AbrazoError({
    code: "NOT_A_DECODER",
    message: `A ${model.constructor.name} does not make texts from others.`,
    hint: "It needs a model with an encoder and a decoder, e.g. a T5ForConditionalGeneration.",
    data: { modelType: model.config.model_type },
  });
}

type Feeds = Readonly<Record<string, Feed>>;

const STEP_NAMES: ReadonlySet<string> = new Set([INPUT_NAMES.inputIds, INPUT_NAMES.attentionMask]);

/** What every step is fed of the sources: their mask, and keys and values for each layer. */
function readSource(encoder: CompiledGraph, { inputIds, attentionMask, rows }: SourceBatch): Feeds {
  const shape = [rows, inputIds.length / rows];
  const mask = { data: attentionMask, shape };
  const cross = encoder.run({ [INPUT_NAMES.inputIds]: { data: inputIds, shape }, [INPUT_NAMES.attentionMask]: mask });
  return { ...cross, [SOURCE_MASK]: mask };
}

/** A graph that is fed the sources besides. */
function withFeeds(graph: CompiledGraph, source: SourceRows): CompiledGraph {
  return { run: (feeds, into) => graph.run({ ...feeds, ...source.feeds() }, into), dispose: () => graph.dispose() };
}

/** The sources in the rows that go on. Rows that only change places with others of their source move nothing. */
class SourceRows {
  readonly count: number;
  readonly #read: Feeds;
  /** Place of each row's source. */
  #rows: readonly number[];
  #current: Feeds;

  constructor(read: Feeds) {
    this.count = read[SOURCE_MASK]?.shape[0] ?? 0;
    this.#read = read;
    this.#current = read;
    this.#rows = Array.from({ length: this.count }, (_, row) => row);
  }

  feeds(): Feeds {
    return this.#current;
  }

  keep(rows: readonly number[]): void {
    const next = rows.map((row) => this.#rows[row] ?? 0);
    if (next.length === this.#rows.length && next.every((source, row) => source === this.#rows[row])) return;
    this.#rows = next;
    this.#current = Object.fromEntries(
      Object.entries(this.#read).map(([name, feed]) => [name, pickRows(feed, next)] as const),
    );
  }
}

function pickRows({ data, shape: [count = 1, ...rest] }: Feed, rows: readonly number[]): Feed {
  const size = data.length / count;
  const shape = [rows.length, ...rest];
  if (data instanceof BigInt64Array) {
    const picked = new BigInt64Array(rows.length * size);
    for (const [place, row] of rows.entries()) picked.set(data.subarray(row * size, (row + 1) * size), place * size);
    return { data: picked, shape };
  }
  const whole = data as Float32Array; // safe because traced keys and values are float32
  const picked = new Float32Array(rows.length * size);
  for (const [place, row] of rows.entries()) picked.set(whole.subarray(row * size, (row + 1) * size), place * size);
  return { data: picked, shape };
}

/** The decoder's own cache, and the sources beside it. */
class Seq2SeqDecoding implements Decoding {
  readonly #cached: CachedDecoding;
  readonly #source: SourceRows;
  #isFirst = true;

  constructor(cached: CachedDecoding, source: SourceRows) {
    this.#cached = cached;
    this.#source = source;
  }

  step(step: DecodeStep): Promise<Float32Array[]> {
    this.#check(step);
    return this.#cached.step(step);
  }

  stepMany(step: DecodeStep, count: number): Promise<Float32Array[][]> {
    this.#check(step);
    return this.#cached.stepMany(step, count);
  }

  keep(rows: readonly number[]): void {
    this.#cached.keep(rows);
    this.#source.keep(rows);
  }

  truncate(tokens: number): void {
    this.#cached.truncate(tokens);
  }

  dispose(): void {
    this.#cached.dispose();
  }

  #check({ rows }: DecodeStep): void {
    if (this.#isFirst && rows !== this.#source.count) throw wrongRows(rows, this.#source.count);
    this.#isFirst = false;
  }
}

function wrongRows(rows: number, sources: number): AbrazoError {
  return new AbrazoError({
    code: "SOURCE_ROWS",
    message: `${sources} sources were read, and the first step has ${rows} rows.`,
    hint: "Give one prompt for each source; with an assistant, generate from one source at a time.",
    data: { rows, sources },
  });
}
