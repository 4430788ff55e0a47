// A bounded number of things at once; who comes later waits, and after a while is told to come back. One caller has at most half of
// them, and of the places to wait: the others get theirs however many one asks for.
import { ServiceError } from "../errors.ts";

const busy = () =>
  new ServiceError(503, "Too many clones and pushes at once.", {
    code: "GIT_BUSY",
    hint: "Try again in a moment.",
    headers: { "Retry-After": "10" },
  });

interface Waiting {
  caller: string;
  begin(): void;
}

export class Slots {
  #free: number;
  readonly #share: number;
  readonly #most: number;
  readonly #patience: number;
  readonly #held = new Map<string, number>();
  readonly #waiting: Waiting[] = [];

  /** @param patience milliseconds that somebody waits at most */
  constructor(count: number, { waiting = 64, patience = 60_000 } = {}) {
    this.#free = count;
    this.#share = Math.ceil(count / 2);
    this.#most = waiting;
    this.#patience = patience;
  }

  /**
   * Takes a slot; what it gives back is called once to return it.
   *
   * @throws ServiceError 503 when too many wait, or nobody returns one in time
   */
  async take(caller: string, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#mayBegin(caller)) this.#begin(caller);
    else await this.#wait(caller, signal);
    let returned = false;
    return () => {
      if (returned) return;
      returned = true;
      this.#end(caller);
    };
  }

  #heldBy(caller: string): number {
    return this.#held.get(caller) ?? 0;
  }

  #mayBegin(caller: string): boolean {
    return this.#free > 0 && this.#heldBy(caller) < this.#share;
  }

  #begin(caller: string): void {
    this.#free--;
    this.#held.set(caller, this.#heldBy(caller) + 1);
  }

  #end(caller: string): void {
    this.#free++;
    const left = this.#heldBy(caller) - 1;
    if (left > 0) this.#held.set(caller, left);
    else this.#held.delete(caller);
    const next = this.#waiting.findIndex((one) => this.#mayBegin(one.caller));
    for (const { begin } of next < 0 ? [] : this.#waiting.splice(next, 1)) begin();
  }

  #wait(caller: string, signal: AbortSignal): Promise<void> {
    const own = this.#waiting.filter((one) => one.caller === caller).length;
    if (this.#waiting.length >= this.#most || own >= Math.ceil(this.#most / 2)) throw busy();
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
      const begin = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        this.#begin(caller);
        resolve();
      };
      const mine = { caller, begin };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiting.push(mine);
    });
  }
}
