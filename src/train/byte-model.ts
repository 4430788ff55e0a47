// An n-gram model of bytes: what a trained language model has to beat.
// Knows no tensors.

/** Contexts are numbers of base 256 beside their order; with the next byte they must stay below 2^53. */
const MAX_ORDER = 5;

/**
 * Bytes predicted from the bytes before them, orders 0 to n ≤ 5 interpolated by Witten and Bell (1991):
 * p(b | context) = (count(context b) + types(context) · p(b | shorter context)) / (count(context) + types(context)).
 */
export class ByteModel {
  readonly #order: number;
  readonly #runs = new CountTable();
  readonly #totals = new CountTable();
  readonly #types = new CountTable();

  constructor(order: number) {
    if (!Number.isInteger(order) || order < 0 || order > MAX_ORDER)
      throw new RangeError(`An order is a whole number from 0 to ${MAX_ORDER}, not ${order}.`);
    this.#order = order;
  }

  train(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at++) {
      for (let order = 0; order <= Math.min(this.#order, at); order++) {
        const context = contextKey(bytes, at, order);
        if (this.#runs.add(runKey(context, bytes[at] ?? 0)) === 1) this.#types.add(context);
        this.#totals.add(context);
      }
    }
  }

  /** Bits that the model needs for each byte of a text, on average. */
  bitsPerByte(bytes: Uint8Array): number {
    let bits = 0;
    for (let at = 0; at < bytes.length; at++) bits -= Math.log2(this.#probability(bytes, at));
    return bits / Math.max(1, bytes.length);
  }

  #probability(bytes: Uint8Array, at: number): number {
    let p = 1 / 256;
    for (let order = 0; order <= Math.min(this.#order, at); order++) {
      const context = contextKey(bytes, at, order);
      const total = this.#totals.get(context);
      if (total === 0) break;
      const types = this.#types.get(context);
      p = (this.#runs.get(runKey(context, bytes[at] ?? 0)) + types * p) / (total + types);
    }
    return p;
  }
}

/** The `order` bytes before a place, and the order: below 2^43. */
function contextKey(bytes: Uint8Array, at: number, order: number): number {
  let key = 0;
  for (let back = at - order; back < at; back++) key = key * 256 + (bytes[back] ?? 0);
  return key * 8 + order;
}

function runKey(context: number, next: number): number {
  return context * 256 + next;
}

/** Counts by number: open addressing in typed arrays, for tens of millions of entries. */
class CountTable {
  #keys = new Float64Array(1 << 12).fill(-1);
  #counts = new Uint32Array(1 << 12);
  #size = 0;

  /** The count after adding one. */
  add(key: number): number {
    if (this.#size * 2 > this.#keys.length) this.#grow();
    const slot = this.#slot(key);
    if (this.#keys[slot] === -1) {
      this.#keys[slot] = key;
      this.#size++;
    }
    const count = (this.#counts[slot] ?? 0) + 1;
    this.#counts[slot] = count;
    return count;
  }

  get(key: number): number {
    return this.#counts[this.#slot(key)] ?? 0;
  }

  #slot(key: number): number {
    const mask = this.#keys.length - 1;
    const low = Math.imul(key | 0, 0x9e3779b1);
    const high = Math.imul((key / 0x100000000) | 0, 0x85ebca6b);
    let slot = (low ^ (low >>> 15) ^ high ^ (high >>> 13)) & mask;
    while (this.#keys[slot] !== -1 && this.#keys[slot] !== key) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const [keys, counts] = [this.#keys, this.#counts];
    this.#keys = new Float64Array(keys.length * 2).fill(-1);
    this.#counts = new Uint32Array(keys.length * 2);
    for (let at = 0; at < keys.length; at++) {
      const key = keys[at] ?? -1;
      if (key === -1) continue;
      const slot = this.#slot(key);
      this.#keys[slot] = key;
      this.#counts[slot] = counts[at] ?? 0;
    }
  }
}
