// Levels and progress events, as values handed to listeners.
// Knows nothing of terminals: rendering is the command line's.

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
/** How much is said: each level and those after it. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** One line of the log, as a listener gets it. */
export interface LogRecord {
  level: Exclude<LogLevel, "silent">;
  message: string;
  data?: Record<string, unknown> | undefined;
}

/** One step of long work. `total` is absent while unknown. */
export interface ProgressEvent {
  /** What is going on, e.g. "upload model.safetensors". Events of one task share this id. */
  task: string;
  loaded: number;
  total?: number | undefined;
  unit: "bytes" | "steps" | "items";
  done?: boolean | undefined;
  /** Figures worth showing beside the bar, e.g. { loss: 0.31 }. */
  figures?: Record<string, number> | undefined;
}

type LogListener = (record: LogRecord) => void;
type ProgressListener = (event: ProgressEvent) => void;

let level: LogLevel = "info";
let logListener: LogListener = ({ level: of, message }) => process.stderr.write(`${of}: ${message}\n`);
const progressListeners = new Set<ProgressListener>();

function emit(of: LogRecord["level"], message: string, data?: Record<string, unknown>): void {
  if (LOG_LEVELS.indexOf(of) >= LOG_LEVELS.indexOf(level)) logListener({ level: of, message, data });
}

export const log = {
  debug: (message: string, data?: Record<string, unknown>): void => emit("debug", message, data),
  info: (message: string, data?: Record<string, unknown>): void => emit("info", message, data),
  warn: (message: string, data?: Record<string, unknown>): void => emit("warn", message, data),
  error: (message: string, data?: Record<string, unknown>): void => emit("error", message, data),
};

/**
 * Sets the least level that is emitted; the default is "info".
 *
 * @example
 * ```ts
 * const restore = setLogListener(({ message }) => console.log(message));
 * setLogLevel("silent");
 * nn.functional.mseLoss(ones([2, 3]), ones([3])); // prints nothing
 * setLogLevel("info");
 * restore();
 * ```
 */
export function setLogLevel(next: LogLevel): void {
  level = next;
}

/**
 * Replaces where log records go; the default writes `level: message` to stderr. Returns the way back.
 *
 * @example
 * ```ts
 * const restore = setLogListener(({ level, message }) => console.log(level, message));
 * nn.functional.mseLoss(ones([2, 2]), ones([2])); // prints warn Using a target size (torch.Size([2])) that is different …
 * restore();
 * ```
 */
export function setLogListener(next: LogListener): () => void {
  const previous = logListener;
  logListener = next;
  return () => {
    logListener = previous;
  };
}

/**
 * Listens to progress events until the returned function is called.
 *
 * @example
 * ```ts
 * const stop = onProgress(({ task, loaded }) => console.log(task, loaded));
 * for (const _ of withProgress([1, 2], "count")); // prints count 1 count 2
 * stop();
 * ```
 */
export function onProgress(listener: ProgressListener): () => void {
  progressListeners.add(listener);
  return () => progressListeners.delete(listener);
}

export function reportProgress(event: ProgressEvent): void {
  for (const listener of progressListeners) listener(event);
}

/**
 * The items of a list or a loader, with a progress event after each: what tqdm is to Python.
 *
 * @param total items in all, where the iterable does not tell its `length`
 *
 * @example
 * ```ts
 * const stop = onProgress(({ task, loaded, total }) => console.log(`${task} ${loaded}/${total}`));
 * for (const batch of withProgress(["a", "b"], "epoch 1")) void batch; // prints epoch 1 1/2 epoch 1 2/2
 * stop();
 * ```
 */
export function* withProgress<Item>(
  items: Iterable<Item> & { readonly length?: number },
  task: string,
  total: number | undefined = items.length,
): Generator<Item> {
  let loaded = 0;
  for (const item of items) {
    yield item;
    reportProgress({ task, loaded: ++loaded, total, unit: "steps", done: loaded === total });
  }
}
