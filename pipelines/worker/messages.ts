// What the main thread and a thread of a pipeline say to each other.
// Types only.
import type { Wire } from "../../src/data/wire.ts";
import type { LogRecord } from "../../src/log.ts";
import type { PipelineOptions } from "../options.ts";
import type { LoadedModel } from "../task.ts";
import type { Fault } from "./faults.ts";

/** What a thread is made with: the arguments of pipeline(), with a folder that is there. */
export interface WorkerSetup {
  task: string;
  folder: string;
  options: PipelineOptions;
}

/** What a thread gets besides: a number that it sets to 1 when it ends. */
export interface WorkerStart {
  setup: WorkerSetup;
  gone: Int32Array;
}

/** What a thread is asked: each has one answer. */
export type Request =
  | { kind: "call"; id: number; args: Wire[]; isCancellable: boolean }
  /** The next result of a stream; the first time it is opened. */
  | { kind: "pull"; id: number; open: { way: string; args: Wire[]; isCancellable: boolean } | undefined };

export type ToWorker =
  | Request
  /** Nobody waits for that answer. */
  | { kind: "cancel"; id: number }
  /** The stream is not read any further. */
  | { kind: "leave"; id: number }
  | { kind: "stop" }
  /** The process ends. */
  | { kind: "exit" };

export type Answer =
  | { kind: "value"; id: number; value: Wire }
  /** The stream has ended. */
  | { kind: "end"; id: number }
  | { kind: "error"; id: number; error: Fault };

/** What a thread says of its pipeline: `ways` are further functions of it, each a stream. */
export interface Ready {
  kind: "ready";
  runtime: LoadedModel["runtime"];
  ways: string[];
  /** Requests that it takes at once: those that it computes one after another wait where another thread may take them. */
  together: number;
}

export type FromWorker = Answer | Ready | { kind: "failed"; error: Fault } | { kind: "log"; record: LogRecord };
