// The models of a server: found, their tasks told, loaded, and each with its queue, its batcher and its counts.
// Knows no routes and no shapes of results.
import { basename, join } from "node:path";
import { z } from "zod";
import { AbrazoError, internalError, suggestion } from "../../src/errors.ts";
import { readJson } from "../../src/io/json.ts";
import type { BaseConfig } from "../../src/models/architecture.ts";
import { Tokenizer } from "../../src/text/tokenizer.ts";
import { findAdapters, withBase } from "../adapters.ts";
import { type GenerationConfig, readGenerationConfig } from "../generation-config.ts";
import type { PipelineOptions } from "../options.ts";
import { findModel } from "../resolve.ts";
import type { StreamedToken } from "../tasks/text-generation.ts";
import { TASKS, type TaskRow, taskRow } from "../tasks.ts";
import { Batcher, Turns } from "./batcher.ts";
import { busy, isCallers } from "./errors.ts";
import type { Limits } from "./limits.ts";
import { taskOf } from "./task-of.ts";
import type { Wire } from "./wire.ts";
import { WIRES } from "./wires.ts";

/** pipeline(), which stands above this folder: a task, a folder, options. */
export type OpenPipeline = (task: string, model: string, options: PipelineOptions) => Promise<unknown>;

/** A pipeline as it is used here; `tokens` is there where the task continues texts. */
interface Run {
  (...args: unknown[]): Promise<unknown>;
  tokens?(prompt: string, options: object): AsyncGenerator<StreamedToken, void, undefined>;
  dispose(): Promise<void>;
}

/** Which model is served, under which name, for what. */
export interface ModelSource {
  model: string;
  id?: string | undefined;
  task?: string | undefined;
  revision?: string | undefined;
  /** Folders or repositories of its adapters, by their names in requests. */
  adapters?: Record<string, string> | undefined;
}

const configSchema = z.looseObject({ model_type: z.string(), architectures: z.array(z.string()).optional() });

/** What is known of a model besides its pipeline. */
interface Facts {
  id: string;
  task: string;
  wire: Wire;
  config: BaseConfig;
  folder: string;
  /** Names of its adapters. */
  adapters: readonly string[];
  limits: Limits;
  /** Of a model that reads texts. */
  words: { tokenizer: Tokenizer; generation: GenerationConfig } | undefined;
}

/** A loaded model with what waits for it. */
export class ServedModel {
  readonly id: string;
  readonly task: string;
  readonly wire: Wire;
  readonly config: BaseConfig;
  readonly folder: string;
  readonly adapters: readonly string[];
  readonly limits: Limits;
  readonly turns = new Turns();
  readonly #words: Facts["words"];
  readonly #run: Run;
  readonly #batcher: Batcher<unknown, unknown>;
  readonly #running = new Set<Promise<unknown>>();
  #pending = 0;
  #requests = 0;
  #runs = 0;

  constructor(facts: Facts, run: Run, batchSize: number) {
    ({ id: this.id, task: this.task, wire: this.wire, config: this.config, folder: this.folder } = facts);
    ({ adapters: this.adapters, limits: this.limits, words: this.#words } = facts);
    this.#run = run;
    this.#batcher = new Batcher({
      run: (inputs, key, signal) => this.wire.run(this, inputs, { ...JSON.parse(key), signal }),
      isOfInput: isCallers,
      turns: this.turns,
      batchSize,
    });
  }

  get tokenizer(): Tokenizer {
    return this.#ofWords().tokenizer;
  }

  /** What its repository says about generation. */
  get generation(): GenerationConfig {
    return this.#ofWords().generation;
  }

  #ofWords(): NonNullable<Facts["words"]> {
    if (this.#words === undefined) throw internalError(`${this.task} reads no texts`);
    return this.#words;
  }

  /** Requests so far, and calls of the pipeline that they took. */
  get counts(): { requests: number; runs: number } {
    return { requests: this.#requests, runs: this.#runs };
  }

  /** Calls the pipeline. */
  call(...args: unknown[]): Promise<unknown> {
    this.#runs++;
    return this.#noted(this.#run(...args));
  }

  /** The tokens of a text as it grows. */
  async *tokens(prompt: string, options: object): AsyncGenerator<StreamedToken, void, undefined> {
    this.#runs++;
    if (this.#run.tokens === undefined) throw internalError(`${this.task} gives no tokens`);
    let end = (): void => {};
    void this.#noted(
      new Promise<void>((resolve) => {
        end = resolve;
      }),
    );
    try {
      yield* this.#run.tokens(prompt, options);
    } finally {
      end();
    }
  }

  /** Until it has come to its end, the model is not given back. */
  #noted<Result>(work: Promise<Result>): Promise<Result> {
    const ended = work.catch(() => undefined).finally(() => this.#running.delete(ended));
    this.#running.add(ended);
    return work;
  }

  /** One output for each input, computed beside those of other requests with the same options. */
  gather(inputs: readonly unknown[], options: object, signal: AbortSignal): Promise<unknown[]> {
    const key = JSON.stringify(options);
    return Promise.all(inputs.map((input) => this.#batcher.submit(input, key, signal)));
  }

  /**
   * Counts a request in; the returned function counts it out.
   *
   * @throws OVERLOADED where too many run or wait
   */
  admit(): () => void {
    if (this.#pending >= this.limits.maxQueue) throw busy(`${this.#pending} requests for ${this.id} wait already.`);
    this.#pending++;
    this.#requests++;
    let isDone = false;
    return () => {
      if (!isDone) this.#pending--;
      isDone = true;
    };
  }

  /** Waits for what still runs, as that of a request that was given up, and gives the model back. */
  async dispose(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    await this.#run.dispose();
  }
}

/** Loads models one after the other; those that were loaded are given back when one cannot be. */
export async function loadModels(
  open: OpenPipeline,
  sources: readonly ModelSource[],
  { limits, batchSize, ...options }: PipelineOptions & { limits: Limits },
): Promise<ReadonlyMap<string, ServedModel>> {
  const models = new Map<string, ServedModel>();
  try {
    for (const source of sources) {
      const id = idOf(source);
      if (models.has(id)) throw sameName(id);
      models.set(id, await load(open, { ...source, id }, options, limits, batchSize));
    }
  } catch (error) {
    for (const model of models.values()) await model.dispose();
    throw error;
  }
  return models;
}

/** A repository by its name, a folder by its last part. */
function idOf({ id, model }: ModelSource): string {
  if (id !== undefined) return id;
  return /^[\w.-]+\/[\w.-]+$/.test(model) && !model.startsWith(".") ? model : basename(model);
}

const BATCH_SIZE = 32;

async function load(
  open: OpenPipeline,
  { model, id, task: asked, revision, adapters: named }: ModelSource & { id: string },
  { device, threads, dtype, worker, ...hub }: PipelineOptions,
  limits: Limits,
  batchSize = BATCH_SIZE,
): Promise<ServedModel> {
  const rows: [string, TaskRow][] = Object.entries(TASKS);
  const defaults = rows.flatMap(([task, { defaultModel }]) =>
    defaultModel === undefined ? [] : [{ task, name: defaultModel }],
  );
  const options = { ...hub, adapters: named, ...(revision === undefined ? {} : { revision }) };
  const first = await findModel(model, options, defaults);
  const { found, options: more } = await withBase(first, options, (base, of) => findModel(base, of, defaults));
  const { folder } = found;
  const adapters = Object.fromEntries(await findAdapters(more));
  const names = Object.keys(adapters);
  const config = await readJson(join(folder, "config.json"), configSchema);
  const task = asked ?? taskOf(config);
  const wire = wireOf(task);
  const ofAdapters = names.length > 0 ? { adapters, adapter: more.adapter } : {};
  const opening = { device, threads, dtype, batchSize, worker, ...ofAdapters };
  // safe because every pipeline is a function with dispose(), and one that continues texts has tokens()
  const run = (await open(task, folder, opening)) as Run;
  const words = wire.media === undefined ? await wordsOf(folder, config) : undefined;
  return new ServedModel({ id, task, wire, config, folder, adapters: names, limits, words }, run, batchSize);
}

async function wordsOf(folder: string, config: BaseConfig): Promise<NonNullable<Facts["words"]>> {
  const tokenizer = await Tokenizer.fromFolder(folder);
  return { tokenizer, generation: await readGenerationConfig(folder, config, tokenizer) };
}

function wireOf(task: string): Wire {
  const { name } = taskRow(task);
  const wires: Readonly<Record<string, Wire>> = WIRES;
  const wire = wires[name];
  if (wire !== undefined) return wire;
  throw new AbrazoError({
    code: "UNKNOWN_TASK",
    message: `${name} is not served.`,
    hint: suggestion(name, Object.keys(WIRES)),
    data: { task },
  });
}

function sameName(id: string): AbrazoError {
  return new AbrazoError({
    code: "DUPLICATE_MODEL",
    message: `Two of the models are called "${id}".`,
    hint: "Give one of them a name of its own: { model, id }; on the command line, another folder.",
    data: { id },
  });
}
