// The models of a server: found, their tasks told, loaded, and each with its queue, its batcher and its counts.
// Knows no routes and no shapes of results.
import { basename, join } from "node:path";
import { z } from "zod";
import { AbrazoError, suggestion } from "../../src/errors.ts";
import { readJson } from "../../src/io/json.ts";
import type { BaseConfig } from "../../src/models/architecture.ts";
import { Tokenizer } from "../../src/text/tokenizer.ts";
import { type GenerationConfig, readGenerationConfig } from "../generation-config.ts";
import type { PipelineOptions } from "../options.ts";
import { findModel } from "../resolve.ts";
import { TASKS, type TaskRow, taskRow } from "../tasks.ts";
import { Batcher, Turns } from "./batcher.ts";
import { busy } from "./errors.ts";
import type { Limits } from "./limits.ts";
import { taskOf } from "./task-of.ts";
import { WIRES, type Wire } from "./wires.ts";

/** pipeline(), which stands above this folder: a task, a folder, options. */
export type OpenPipeline = (task: string, model: string, options: PipelineOptions) => Promise<unknown>;

/** A pipeline as it is used here; `stream` is there where the task generates texts. */
interface Run {
  (...args: unknown[]): Promise<unknown>;
  stream?(prompt: string, options: object): AsyncGenerator<string, void, undefined>;
  dispose(): Promise<void>;
}

/** Which model is served, under which name, for what. */
export interface ModelSource {
  model: string;
  id?: string | undefined;
  task?: string | undefined;
  revision?: string | undefined;
}

const configSchema = z.looseObject({ model_type: z.string(), architectures: z.array(z.string()).optional() });

/** A loaded model with what waits for it. */
export class ServedModel {
  readonly id: string;
  readonly task: string;
  readonly wire: Wire;
  readonly config: BaseConfig;
  readonly folder: string;
  readonly tokenizer: Tokenizer;
  /** What its repository says about generation. */
  readonly generation: GenerationConfig;
  readonly limits: Limits;
  readonly turns = new Turns();
  readonly #run: Run;
  readonly #batcher: Batcher<unknown, unknown>;
  #pending = 0;
  #requests = 0;
  #runs = 0;

  constructor(
    parts: Pick<ServedModel, "id" | "task" | "wire" | "config" | "folder" | "tokenizer" | "generation" | "limits">,
    run: Run,
    batchSize: number,
  ) {
    ({ id: this.id, task: this.task, wire: this.wire, config: this.config, folder: this.folder } = parts);
    ({ tokenizer: this.tokenizer, generation: this.generation, limits: this.limits } = parts);
    this.#run = run;
    this.#batcher = new Batcher({
      run: (inputs, key) => this.wire.run(this, inputs, JSON.parse(key)),
      turns: this.turns,
      batchSize,
    });
  }

  /** Requests so far, and calls of the pipeline that they took. */
  get counts(): { requests: number; runs: number } {
    return { requests: this.#requests, runs: this.#runs };
  }

  /** Calls the pipeline. */
  call(...args: unknown[]): Promise<unknown> {
    this.#runs++;
    return this.#run(...args);
  }

  /** The pieces of a text as it grows. */
  stream(prompt: string, options: object): AsyncGenerator<string, void, undefined> {
    this.#runs++;
    if (this.#run.stream !== undefined) return this.#run.stream(prompt, options);
    throw new AbrazoError({ code: "INTERNAL", message: `internal: ${this.task} gives no streams` });
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

  dispose(): Promise<void> {
    return this.#run.dispose();
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
  { model, id, task: asked, revision }: ModelSource & { id: string },
  options: PipelineOptions,
  limits: Limits,
  batchSize = BATCH_SIZE,
): Promise<ServedModel> {
  const rows: [string, TaskRow][] = Object.entries(TASKS);
  const defaults = rows.flatMap(([task, { defaultModel }]) =>
    defaultModel === undefined ? [] : [{ task, name: defaultModel }],
  );
  const { folder } = await findModel(model, revision === undefined ? options : { ...options, revision }, defaults);
  const config = await readJson(join(folder, "config.json"), configSchema);
  const task = asked ?? taskOf(config);
  const wire = wireOf(task);
  const { device, threads, dtype } = options;
  // safe because every pipeline is a function with dispose(), and one that generates has stream()
  const run = (await open(task, folder, { device, threads, dtype, batchSize })) as Run;
  const tokenizer = await Tokenizer.fromFolder(folder);
  const generation = await readGenerationConfig(folder, config, tokenizer);
  return new ServedModel({ id, task, wire, config, folder, tokenizer, generation, limits }, run, batchSize);
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
