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

/** What was let in. */
export interface Room {
  /** It goes on: what nobody reads any further does not keep others out. */
  touch(): void;
  /** It has ended. */
  leave(): void;
}

interface Inside {
  need: Need;
  /** When it last went on. */
  last: number;
}

interface Waiting {
  need: Need;
  enter(): void;
}

/** Milliseconds after which a text that does not go on, since its reader is slow or forgot it, is not counted while others wait. */
const IDLE = 10_000;

export class Admission {
  readonly #bounds: Bounds;
  readonly #idle: number;
  readonly #inside = new Set<Inside>();
  #queue: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(bounds: Bounds, idle = IDLE) {
    this.#bounds = bounds;
    this.#idle = idle;
  }

  /** Waits for room. One request that needs more than there ever is comes in alone. */
  enter(need: Need, signal?: AbortSignal): Promise<Room> {
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
          resolve(this.#roomFor(need));
        },
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#queue.push(waiting);
      this.#admit();
    });
  }

  #roomFor(need: Need): Room {
    const inside = { need, last: performance.now() };
    this.#inside.add(inside);
    return {
      touch: () => {
        inside.last = performance.now();
      },
      leave: () => {
        if (this.#inside.delete(inside)) this.#admit();
      },
    };
  }

  #admit(): void {
    clearTimeout(this.#timer);
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      if (!this.#fits(first.need)) {
        this.#timer = setTimeout(() => this.#admit(), this.#idle);
        return;
      }
      this.#queue.shift();
      first.enter();
    }
  }

  #fits(need: Need): boolean {
    const since = performance.now() - this.#idle;
    const going = [...this.#inside].flatMap((each) => (each.last > since ? [each.need] : []));
    if (going.length === 0) return true;
    const all = [...going, need];
    const rows = all.reduce((sum, each) => sum + each.rows, 0);
    const longest = Math.max(...all.map(({ tokens }) => tokens));
    return rows <= this.#bounds.rows && rows * longest <= this.#bounds.tokens;
  }
}
