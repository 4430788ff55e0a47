// A bounded number of things at once; who comes later waits, and after a while is told to come back.
import { ServiceError } from "../errors.ts";

const busy = () =>
  new ServiceError(503, "Too many clones and pushes at once.", {
    code: "GIT_BUSY",
    hint: "Try again in a moment.",
    headers: { "Retry-After": "10" },
  });

export class Slots {
  #free: number;
  readonly #most: number;
  readonly #patience: number;
  readonly #waiting: (() => void)[] = [];

  /** @param patience milliseconds that somebody waits at most */
  constructor(count: number, { waiting = 64, patience = 60_000 } = {}) {
    this.#free = count;
    this.#most = waiting;
    this.#patience = patience;
  }

  /**
   * Takes a slot; what it gives back is called once to return it.
   *
   * @throws ServiceError 503 when too many wait, or nobody returns one in time
   */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#wait(signal);
    let returned = false;
    return () => {
      if (returned) return;
      returned = true;
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    };
  }

  #wait(signal: AbortSignal): Promise<void> {
    if (this.#waiting.length >= this.#most) throw busy();
    return new Promise((resolve, reject) => {
      const stop = (error: unknown) => {
        const at = this.#waiting.indexOf(mine);
        if (at >= 0) this.#waiting.splice(at, 1);
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        reject(error);
      };
      const timer = setTimeout(() => stop(busy()), this.#patience);
      const onAbort = () => stop(signal.reason);
      const mine = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiting.push(mine);
    });
  }
}
