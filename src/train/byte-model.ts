// An n-gram model of bytes: what a trained language model has to beat.
// Knows no tensors.

/**
 * Bytes predicted from the bytes before them, orders 0 to n interpolated by Witten and Bell (1991):
 * p(b | context) = (count(context b) + types(context) · p(b | shorter context)) / (count(context) + types(context)).
 */
export class ByteModel {
  readonly #order: number;
  /** By context, as a string of its bytes. */
  readonly #contexts = new Map<string, { total: number; counts: Map<number, number> }>();

  constructor(order: number) {
    this.#order = order;
  }

  train(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at++) {
      for (let order = 0; order <= Math.min(this.#order, at); order++) {
        const key = contextKey(bytes, at, order);
        const entry = this.#contexts.get(key) ?? { total: 0, counts: new Map<number, number>() };
        if (entry.total === 0) this.#contexts.set(key, entry);
        entry.total++;
        entry.counts.set(bytes[at] ?? 0, (entry.counts.get(bytes[at] ?? 0) ?? 0) + 1);
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
      const entry = this.#contexts.get(contextKey(bytes, at, order));
      if (entry === undefined) break;
      const types = entry.counts.size;
      p = ((entry.counts.get(bytes[at] ?? 0) ?? 0) + types * p) / (entry.total + types);
    }
    return p;
  }
}

function contextKey(bytes: Uint8Array, at: number, order: number): string {
  return String.fromCharCode(...bytes.subarray(at - order, at));
}
