// A pipeline whose model runs in threads of its own: calls look as those of the model on this thread.
// Knows no task.
import { AbrazoError } from "../../src/errors.ts";
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

/** Devices whose runtime crashes the process when two of its threads use it; "auto" may become such a one. */
const OF_ONE_THREAD: ReadonlySet<string | undefined> = new Set(["webgpu", "auto"]);
/** Threads that use one of them. */
let taken = 0;

/**
 * Starts the threads, each with the model loaded.
 *
 * @param folder where the model was found: the threads ask no hub
 * @throws DEVICE_TAKEN for a second thread on WebGPU, and what loading throws
 */
export async function startWorkers(
  task: string,
  folder: string,
  { worker, device, dtype, batchSize, threads, adapters, adapter }: PipelineOptions,
): Promise<WorkerPipeline> {
  const count = typeof worker === "object" ? (worker.count ?? 1) : 1;
  const options = { device, dtype, batchSize, threads, adapters, adapter };
  if (!OF_ONE_THREAD.has(device)) return started(new PipelinePool({ task, folder, count, options }));
  if (taken + count > 1) throw deviceTaken(device, taken + count);
  taken += count;
  const give = () => {
    taken -= count;
  };
  const made = await started(new PipelinePool({ task, folder, count, options })).catch((error: unknown) => {
    give();
    throw error;
  });
  return { ...made, dispose: () => made.dispose().finally(give) };
}

const started = async (pool: PipelinePool): Promise<WorkerPipeline> => pooled(pool, await pool.start());

function deviceTaken(device: string | undefined, threads: number): AbrazoError {
  const which = device === "auto" ? '"auto", which may be WebGPU,' : "WebGPU";
  return new AbrazoError({
    code: "DEVICE_TAKEN",
    message: `${threads} threads would use ${which} and the runtime takes one of a process.`,
    hint: 'Leave worker out, so that models take turns in this thread, or name the device: "cpu" or "cuda".',
    data: { device, threads },
  });
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
