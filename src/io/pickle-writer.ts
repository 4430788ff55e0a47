// Plain values as a pickle of protocol 2, which every Python reads.
// Knows no names of Python's but those of its own types.
import { AbrazoError } from "../errors.ts";

/** Deeper values are refused: one that holds itself would never end. */
const MAX_DEPTH = 200;

/** Collects the bytes of one pickle. */
export class PickleWriter {
  readonly #parts: Uint8Array[] = [new Uint8Array([0x80, 2])];
  readonly #special: (value: object, writer: PickleWriter) => boolean;

  /** @param special writes an object of a kind that the caller knows and says whether it did */
  constructor(special: (value: object, writer: PickleWriter) => boolean) {
    this.#special = special;
  }

  finish(): Uint8Array {
    this.op(".");
    return new Uint8Array(Buffer.concat(this.#parts));
  }

  op(...letters: readonly (string | number)[]): void {
    this.#parts.push(
      new Uint8Array(letters.map((letter) => (typeof letter === "number" ? letter : letter.charCodeAt(0)))),
    );
  }

  global(module: string, name: string): void {
    this.#parts.push(new TextEncoder().encode(`c${module}\n${name}\n`));
  }

  tuple(items: readonly unknown[], depth = 0): void {
    this.op("(");
    for (const item of items) this.value(item, depth + 1);
    this.op("t");
  }

  value(value: unknown, depth = 0): void {
    if (depth > MAX_DEPTH) {
      throw unstorable(`A value is nested more than ${MAX_DEPTH} deep, or holds itself.`);
    }
    if (value === null) this.op("N");
    else if (typeof value === "boolean") this.op(value ? 0x88 : 0x89);
    else if (typeof value === "number") this.#number(value);
    else if (typeof value === "bigint") this.#long(value);
    else if (typeof value === "string") this.#text(value);
    else if (typeof value === "object") this.#object(value, depth);
    else throw unstorable(`A value of type ${typeof value} cannot be stored.`);
  }

  #number(value: number): void {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
      if (Math.abs(value) >= 2 ** 31) {
        this.#long(BigInt(value));
        return;
      }
      const out = new Uint8Array(5);
      out[0] = "J".charCodeAt(0);
      new DataView(out.buffer).setInt32(1, value, true);
      this.#parts.push(out);
      return;
    }
    const out = new Uint8Array(9);
    out[0] = "G".charCodeAt(0);
    new DataView(out.buffer).setFloat64(1, value, false);
    this.#parts.push(out);
  }

  #long(value: bigint): void {
    let length = 1;
    while (BigInt.asIntN(8 * length, value) !== value) length++;
    if (length > 255) throw unstorable("An integer of more than 255 bytes cannot be stored.");
    const bytes = Array.from({ length }, (_, index) => Number(BigInt.asUintN(8, value >> BigInt(8 * index))));
    this.#parts.push(new Uint8Array([0x8a, length, ...bytes]));
  }

  #text(value: string): void {
    const bytes = new TextEncoder().encode(value);
    const head = new Uint8Array(5);
    head[0] = "X".charCodeAt(0);
    new DataView(head.buffer).setUint32(1, bytes.length, true);
    this.#parts.push(head, bytes);
  }

  #object(value: object, depth: number): void {
    if (this.#special(value, this)) return;
    if (value instanceof Uint8Array) {
      this.global("_codecs", "encode");
      this.tuple([Buffer.from(value).toString("latin1"), "latin1"], depth);
      this.op("R");
    } else if (value instanceof Set) {
      this.global("__builtin__", "set");
      this.tuple([[...value]], depth);
      this.op("R");
    } else if (Array.isArray(value)) this.#list(value, depth);
    else if (value instanceof Map) {
      this.global("collections", "OrderedDict");
      this.op(")", "R");
      this.#items([...value], depth);
    } else if (Object.getPrototypeOf(value) === Object.prototype) {
      this.op("}");
      // JavaScript has no numbers as keys: those that read as one were one, as in an optimizer's state.
      this.#items(
        Object.entries(value).map(([key, item]) => [/^(0|[1-9]\d{0,8})$/.test(key) ? Number(key) : key, item]),
        depth,
      );
    } else throw unstorable(`An object of class ${value.constructor?.name ?? "null"} cannot be stored.`);
  }

  #list(value: readonly unknown[], depth: number): void {
    if (Object.isFrozen(value)) {
      this.tuple(value, depth);
      return;
    }
    this.op("]", "(");
    for (const item of value) this.value(item, depth + 1);
    this.op("e");
  }

  #items(entries: readonly (readonly unknown[])[], depth: number): void {
    this.op("(");
    for (const [key, item] of entries) {
      if (typeof key !== "string" && typeof key !== "number") throw unstorable("A Map has a key that is no word.");
      this.value(key, depth + 1);
      this.value(item, depth + 1);
    }
    this.op("u");
  }
}

function unstorable(message: string): AbrazoError {
  return new AbrazoError({
    code: "UNSTORABLE_VALUE",
    message,
    hint: "Tensors, numbers, words, truth values, null, lists, Sets, plain objects and Maps can be stored.",
  });
}
