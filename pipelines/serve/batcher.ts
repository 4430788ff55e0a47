// Inputs of many requests → runs of a few together; runs of one model one after the other.
// Knows no model, no task and no HTTP.

/** Runs one after the other, in the order in which they were asked for. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs once all before have ended, however they ended; not at all when `signal` is aborted by then. */
  take<Result>(run: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    const result = this.#last.then(() => {
      signal?.throwIfAborted();
      return run();
    });
    this.#last = result.catch(() => {});
    return result;
  }
}

interface Waiting<Input, Output> {
  input: Input;
  signal: AbortSignal | undefined;
  resolve(output: Output): void;
  reject(reason: unknown): void;
}

interface Group<Input, Output> {
  waiting: Waiting<Input, Output>[];
  timer: NodeJS.Timeout | undefined;
}

export interface BatcherOptions<Input, Output> {
  /** One output for each input, in their order; `signal` is aborted once all callers have gone. */
  run(inputs: Input[], key: string, signal: AbortSignal): Promise<readonly Output[]>;
  /** Whether an error may be that of one input, and the others would do without it. */
  isOfInput(error: unknown): boolean;
  turns: Turns;
  /** Inputs that run together at most. */
  batchSize: number;
  /** Milliseconds that an input waits for others. */
  wait?: number;
}

/**
 * Gathers inputs that come within a few milliseconds, or while the model is busy, and runs those of one key together. When a
 * run fails, each of its inputs runs alone, so that an error stays with the input that it belongs to.
 */
export class Batcher<Input, Output> {
  readonly #options: Required<BatcherOptions<Input, Output>>;
  readonly #groups = new Map<string, Group<Input, Output>>();

  constructor({ wait = 5, ...options }: BatcherOptions<Input, Output>) {
    this.#options = { wait, ...options };
  }

  /** @param key inputs of one key may run together */
  submit(input: Input, key: string, signal?: AbortSignal): Promise<Output> {
    return new Promise<Output>((resolve, reject) => {
      const group = this.#groups.get(key) ?? { waiting: [], timer: undefined };
      this.#groups.set(key, group);
      group.waiting.push({ input, signal, resolve, reject });
      if (group.waiting.length >= this.#options.batchSize) this.#flush(key, group);
      else group.timer ??= setTimeout(() => this.#flush(key, group), this.#options.wait);
    });
  }

  /** Takes a turn for what waits. Whatever else has come by then goes along, up to a batch. */
  #flush(key: string, group: Group<Input, Output>): void {
    clearTimeout(group.timer);
    group.timer = undefined;
    const turn = this.#options.turns.take(async () => {
      const batch = this.#next(group);
      if (group.waiting.length > 0) this.#flush(key, group);
      else if (group.timer === undefined) this.#groups.delete(key);
      if (batch.length > 0) await this.#run(batch, key);
    });
    turn.catch(() => {}); // each input was told of its own error
  }

  /** Those whose callers are still there. */
  #next(group: Group<Input, Output>): Waiting<Input, Output>[] {
    const batch: Waiting<Input, Output>[] = [];
    while (batch.length < this.#options.batchSize) {
      const next = group.waiting.shift();
      if (next === undefined) break;
      if (next.signal?.aborted === true) next.reject(next.signal.reason);
      else batch.push(next);
    }
    return batch;
  }

  async #run(batch: readonly Waiting<Input, Output>[], key: string): Promise<void> {
    const inputs = batch.map(({ input }) => input);
    const all = whenAllAre(batch.map(({ signal }) => signal));
    try {
      const outputs = await this.#options.run(inputs, key, all.signal);
      for (const [at, { resolve }] of batch.entries()) resolve(outputs[at] as Output); // safe because run() gives one for each
    } catch (error) {
      const mayBeOne = batch.length > 1 && !all.signal.aborted && this.#options.isOfInput(error);
      if (mayBeOne) for (const each of batch) await this.#run([each], key);
      else for (const { reject } of batch) reject(error);
    } finally {
      all.end();
    }
  }
}

/** Aborted once all of these are; never where there is one that cannot be. */
function whenAllAre(signals: readonly (AbortSignal | undefined)[]): { signal: AbortSignal; end(): void } {
  const controller = new AbortController();
  const check = () => {
    if (signals.every((signal) => signal?.aborted === true)) controller.abort(signals[0]?.reason);
  };
  for (const signal of new Set(signals)) signal?.addEventListener("abort", check, { once: true });
  check();
  return {
    signal: controller.signal,
    end: () => {
      for (const signal of new Set(signals)) signal?.removeEventListener("abort", check);
    },
  };
}

/** The promise's result, or the signal's reason if that comes first. */
export function untilAborted<Result>(promise: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
