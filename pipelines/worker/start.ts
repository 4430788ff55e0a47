// A pipeline whose model runs in threads of its own: calls look as those of the model on this thread.
// Knows no task.
import type { PipelineOptions } from "../options.ts";
import { type InputStream, streamed } from "../stream.ts";
import type { LoadedModel } from "../task.ts";
import { PipelinePool } from "./pool.ts";
import { takeSignal, untilAborted } from "./signals.ts";

/** The function of a pipeline, with its further ones. */
export interface WorkerPipeline {
  call: (...args: unknown[]) => unknown;
  runtime: LoadedModel["runtime"];
  /** The results of a stream of inputs. */
  stream(
    inputs: InputStream<unknown>,
    others: readonly unknown[],
    gathered?: number,
  ): AsyncGenerator<unknown, void, undefined>;
  dispose(): Promise<void>;
}

/**
 * Starts the threads, each with the model loaded.
 *
 * @param folder where the model was found: the threads ask no hub
 */
export async function startWorkers(
  task: string,
  folder: string,
  { worker, device, dtype, batchSize, threads, adapters, adapter }: PipelineOptions,
): Promise<WorkerPipeline> {
  const count = typeof worker === "object" ? (worker.count ?? 1) : 1;
  const pool = new PipelinePool({
    task,
    folder,
    count,
    options: { device, dtype, batchSize, threads, adapters, adapter },
  });
  return pooled(pool, await pool.start());
}

/** The function over a pool that was started. */
export function pooled(
  pool: PipelinePool,
  { runtime, ways }: { runtime: LoadedModel["runtime"]; ways: readonly string[] },
): WorkerPipeline {
  const call = async (...given: unknown[]): Promise<unknown> => {
    const { args, signal } = takeSignal(given);
    return pool.call(args, signal);
  };
  const streams = ways.map((way) => [
    way,
    async function* stream(...given: unknown[]) {
      const { args, signal } = takeSignal(given);
      yield* pool.stream(way, args, signal);
    },
  ]);
  return {
    call: Object.assign(call, Object.fromEntries(streams)),
    runtime,
    stream: (inputs, others, gathered) => {
      const { args, signal } = takeSignal([inputs, ...others]);
      const run = (batch: unknown[]) => pool.call([batch, ...args.slice(1)], signal);
      return untilAborted(streamed(inputs, run, gathered), signal);
    },
    dispose: () => pool.dispose(),
  };
}
