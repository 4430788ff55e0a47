// Learning merges from counted words: byte-pair encoding (Sennrich et al. 2016, arXiv 1508.07909), used by both trainers.
// Knows no tokenizer format.

export interface MergeOptions {
  /** Symbols to reach, the initial ones included. */
  vocabSize: number;
  minFrequency: number;
  /** Symbols that are there even if no word holds them. */
  alphabet?: readonly string[];
  /** What a merged symbol is called. */
  join(left: string, right: string): string;
}

export interface Merges {
  /** Every symbol in order: initial ones sorted, then merged ones as they were made. */
  symbols: string[];
  /** The pairs that were merged, in order. */
  merges: [string, string][];
}

interface Word {
  symbols: number[];
  count: number;
}

const SHIFT = 2 ** 21;

/**
 * Merges the most frequent neighbouring pair until the vocabulary is full. Ties go to the pair of lower symbols, so the
 * result depends on the counts alone. Counts are kept up to date pair by pair; a heap with lazy deletion finds the largest.
 */
export function learnMerges(
  words: ReadonlyMap<string, number>,
  split: (word: string) => string[],
  options: MergeOptions,
): Merges {
  const splits = [...words].map(([word, count]) => ({ parts: split(word), count }));
  const symbols = [...new Set([...(options.alphabet ?? []), ...splits.flatMap(({ parts }) => parts)])].sort();
  const ids = new Map(symbols.map((symbol, id) => [symbol, id]));
  const list: Word[] = splits.map(({ parts, count }) => ({ symbols: parts.map((part) => ids.get(part) ?? 0), count }));
  const table = new PairTable(list);
  const merges: [string, string][] = [];
  while (symbols.length < options.vocabSize) {
    const best = table.most();
    if (best === undefined || best.count < options.minFrequency) break;
    const [left, right] = [symbols[best.left] ?? "", symbols[best.right] ?? ""];
    const joined = options.join(left, right);
    const id = ids.get(joined) ?? symbols.push(joined) - 1;
    ids.set(joined, id);
    merges.push([left, right]);
    table.merge(best.left, best.right, id);
  }
  return { symbols, merges };
}

class PairTable {
  readonly #words: Word[];
  readonly #counts = new Map<number, number>();
  readonly #places = new Map<number, Set<number>>();
  readonly #heap = new Heap();

  constructor(words: Word[]) {
    this.#words = words;
    for (const [index, { symbols, count }] of words.entries()) {
      for (let at = 0; at + 1 < symbols.length; at++) this.#change(symbols, at, count, index);
    }
    for (const [pair, count] of this.#counts) this.#heap.push(count, pair);
  }

  most(): { left: number; right: number; count: number } | undefined {
    for (let top = this.#heap.pop(); top !== undefined; top = this.#heap.pop()) {
      const count = this.#counts.get(top.pair) ?? 0;
      if (count === top.count && count > 0)
        return { left: Math.floor(top.pair / SHIFT), right: top.pair % SHIFT, count };
      // A stale entry: its pair was counted anew since, and pushed again if it grew.
      if (count > 0 && count < top.count) this.#heap.push(count, top.pair);
    }
    return undefined;
  }

  merge(left: number, right: number, id: number): void {
    const pair = left * SHIFT + right;
    const touched = new Set<number>();
    for (const index of this.#places.get(pair) ?? []) {
      const word = this.#words[index];
      if (word !== undefined) this.#mergeWord(word, index, left, right, id, touched);
    }
    this.#counts.delete(pair);
    this.#places.delete(pair);
    for (const changed of touched) {
      const count = this.#counts.get(changed) ?? 0;
      if (count > 0) this.#heap.push(count, changed);
    }
  }

  #mergeWord(word: Word, index: number, left: number, right: number, id: number, touched: Set<number>): void {
    const { symbols, count } = word;
    for (let at = 0; at + 1 < symbols.length; at++) this.#change(symbols, at, -count, index);
    const merged: number[] = [];
    for (let at = 0; at < symbols.length; at++) {
      const here = symbols[at] ?? 0;
      if (here === left && symbols[at + 1] === right) {
        merged.push(id);
        at++;
      } else merged.push(here);
    }
    word.symbols = merged;
    for (let at = 0; at + 1 < merged.length; at++) {
      const pair = this.#change(merged, at, count, index);
      if (merged[at] === id || merged[at + 1] === id) touched.add(pair);
    }
  }

  #change(symbols: readonly number[], at: number, by: number, index: number): number {
    const pair = (symbols[at] ?? 0) * SHIFT + (symbols[at + 1] ?? 0);
    this.#counts.set(pair, (this.#counts.get(pair) ?? 0) + by);
    if (by > 0) {
      const places = this.#places.get(pair);
      if (places === undefined) this.#places.set(pair, new Set([index]));
      else places.add(index);
    }
    return pair;
  }
}

interface HeapEntry {
  count: number;
  pair: number;
}

/** Largest count first, then the lowest pair. */
class Heap {
  readonly #items: HeapEntry[] = [];

  push(count: number, pair: number): void {
    const items = this.#items;
    items.push({ count, pair });
    let at = items.length - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(at, parent)) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  pop(): HeapEntry | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (top === undefined || last === undefined || items.length === 0) return top;
    items[0] = last;
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      let best = at;
      if (left < items.length && this.#before(left, best)) best = left;
      if (right < items.length && this.#before(right, best)) best = right;
      if (best === at) return top;
      this.#swap(at, best);
      at = best;
    }
  }

  #before(a: number, b: number): boolean {
    const [one, two] = [this.#items[a], this.#items[b]];
    if (one === undefined || two === undefined) return false;
    return one.count !== two.count ? one.count > two.count : one.pair < two.pair;
  }

  #swap(a: number, b: number): void {
    const [one, two] = [this.#items[a], this.#items[b]];
    if (one === undefined || two === undefined) return;
    this.#items[a] = two;
    this.#items[b] = one;
  }
}
