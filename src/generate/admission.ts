// How many texts a decoder has in hand at once: the others wait, and come in the order in which they asked.
// Knows no texts, only how many rows and tokens one takes.

/** What one request takes. */
export interface Need {
  rows: number;
  /** Tokens that its longest row may come to have. */
  tokens: number;
}

/** What may be in hand at once. */
export interface Bounds {
  rows: number;
  /** Of the cache: its rows are all as long as the longest. */
  tokens: number;
}

interface Waiting {
  need: Need;
  enter(): void;
}

export class Admission {
  readonly #bounds: Bounds;
  readonly #inside = new Set<Need>();
  #queue: Waiting[] = [];

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  /** Waits for room. One request that needs more than there ever is comes in alone. The returned function gives its room back. */
  enter(given: Need, signal?: AbortSignal): Promise<() => void> {
    const need = { ...given };
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      const abort = () => {
        this.#queue = this.#queue.filter((each) => each !== waiting);
        reject(signal?.reason);
        // It may have been what the others waited behind.
        this.#admit();
      };
      const waiting = {
        need,
        enter: () => {
          signal?.removeEventListener("abort", abort);
          this.#inside.add(need);
          resolve(() => {
            if (this.#inside.delete(need)) this.#admit();
          });
        },
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#queue.push(waiting);
      this.#admit();
    });
  }

  #admit(): void {
    for (;;) {
      const [first] = this.#queue;
      if (first === undefined || !this.#fits(first.need)) return;
      this.#queue.shift();
      first.enter();
    }
  }

  #fits(need: Need): boolean {
    if (this.#inside.size === 0) return true;
    const all = [...this.#inside, need];
    const rows = all.reduce((sum, each) => sum + each.rows, 0);
    const longest = Math.max(...all.map(({ tokens }) => tokens));
    return rows <= this.#bounds.rows && rows * longest <= this.#bounds.tokens;
  }
}
