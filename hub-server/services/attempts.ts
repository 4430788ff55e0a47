// How often something may be tried: windows of time by a key, in the memory of this process.
// Knows nothing of what is tried. What may not be guessed even over many processes is long enough by itself.
import { ServiceError } from "../errors.ts";

/** Keys that are remembered at once; the oldest window goes first. */
const MOST_KEYS = 50_000;

export class Attempts {
  readonly #most: number;
  readonly #seconds: number;
  readonly #windows = new Map<string, { count: number; ends: number }>();

  constructor(most: number, seconds: number) {
    this.#most = most;
    this.#seconds = seconds;
  }

  /** Counts one more, and refuses it with 429 where there were too many. */
  count(key: string, now = Date.now()): void {
    let window = this.#windows.get(key);
    if (window === undefined || window.ends <= now) {
      this.#windows.delete(key);
      if (this.#windows.size >= MOST_KEYS) this.#windows.delete(this.#windows.keys().next().value ?? "");
      window = { count: 0, ends: now + this.#seconds * 1000 };
      this.#windows.set(key, window);
    }
    window.count++;
    if (window.count <= this.#most) return;
    const wait = Math.max(1, Math.ceil((window.ends - now) / 1000));
    throw new ServiceError(429, `Too many attempts; the next one is possible in ${wait} seconds.`, {
      code: "TOO_MANY_ATTEMPTS",
      headers: { "Retry-After": `${wait}` },
    });
  }

  /** After a success: what came before it was no guessing. */
  forget(key: string): void {
    this.#windows.delete(key);
  }
}
