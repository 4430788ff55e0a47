// Results of the keys asked for latest. Knows nothing of what they are.

/** Keeps up to `most` results, the one asked for longest ago going first; a failure is not kept. */
export class Latest<Result> {
  readonly #most: number;
  readonly #kept = new Map<string, Promise<Result>>();

  constructor(most: number) {
    this.#most = most;
  }

  get(key: string, make: () => Promise<Result>): Promise<Result> {
    const known = this.#kept.get(key) ?? make();
    this.#kept.delete(key);
    this.#kept.set(key, known);
    known.catch(() => this.#kept.delete(key));
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > this.#most && oldest !== undefined) this.#kept.delete(oldest);
    return known;
  }

  forget(key: string): void {
    this.#kept.delete(key);
  }
}
