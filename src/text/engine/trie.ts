// A trie of strings by UTF-16 units in flat arrays: small and quick to build for vocabularies of hundreds of thousands.
// Knows not what its values are.

const FIRST_UNITS = 0x10000;

export class Trie {
  // Children of a node lie side by side, in the order of their units.
  readonly #units: Uint16Array;
  readonly #children: Int32Array;
  readonly #counts: Int32Array;
  readonly #values: Int32Array;
  /** The first nodes by their unit, as there may be thousands. */
  readonly #first = new Int32Array(FIRST_UNITS).fill(-1);

  /** `keys` are distinct; `values` are not negative. */
  constructor(keys: readonly string[], values: readonly number[]) {
    const order = keys.map((_, index) => index).sort((a, b) => compare(keys[a] ?? "", keys[b] ?? ""));
    const size = keys.reduce((sum, key) => sum + key.length, 1);
    this.#units = new Uint16Array(size);
    this.#children = new Int32Array(size);
    this.#counts = new Int32Array(size);
    this.#values = new Int32Array(size).fill(-1);
    this.#build(order, keys, values);
  }

  #build(order: readonly number[], keys: readonly string[], values: readonly number[]): void {
    const key = (at: number) => keys[order[at] ?? 0] ?? "";
    let used = 1;
    // Ranges of the sorted keys, each below one node; broad before deep, so that children lie side by side.
    const waiting: { node: number; from: number; to: number; depth: number }[] = [
      { node: 0, from: 0, to: order.length, depth: 0 },
    ];
    for (const { node, from, to, depth } of waiting) {
      let at = from;
      for (; at < to && key(at).length === depth; at++) this.#values[node] = values[order[at] ?? 0] ?? 0;
      this.#children[node] = used;
      while (at < to) {
        const start = at;
        const unit = key(at).charCodeAt(depth);
        while (at < to && key(at).charCodeAt(depth) === unit) at++;
        this.#units[used] = unit;
        if (depth === 0) this.#first[unit] = used;
        waiting.push({ node: used++, from: start, to: at, depth: depth + 1 });
      }
      this.#counts[node] = used - (this.#children[node] ?? 0);
    }
  }

  /** Calls `found` with the end and the value of each key that the text has at `start`, shortest first. */
  prefixes(text: string, start: number, found: (end: number, value: number) => void): void {
    let node = start < text.length ? (this.#first[text.charCodeAt(start)] ?? -1) : -1;
    for (let at = start + 1; node >= 0; at++) {
      const value = this.#values[node] ?? -1;
      if (value >= 0) found(at, value);
      if (at >= text.length) return;
      node = this.#child(node, text.charCodeAt(at));
    }
  }

  #child(node: number, unit: number): number {
    let low = this.#children[node] ?? 0;
    let high = low + (this.#counts[node] ?? 0);
    while (low < high) {
      const middle = (low + high) >> 1;
      const here = this.#units[middle] ?? 0;
      if (here === unit) return middle;
      if (here < unit) low = middle + 1;
      else high = middle;
    }
    return -1;
  }
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
