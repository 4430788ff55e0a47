// Python's pickle format as data: a reader that calls nothing but the makers it is handed, and a writer of plain values.
// Knows no names of Python's: which globals may stand in a pickle is the caller's table.
//
// Follows the opcodes of Lib/pickletools.py, protocols 2 to 5. Tuples become frozen arrays, dicts plain objects, None null.
import { AbrazoError } from "../errors.ts";

/** A global that the caller allows. `make` gives the value where Python would call it; without it, it is only a name. */
export class PickleGlobal {
  readonly name: string;
  readonly make: ((args: readonly unknown[]) => unknown) | undefined;

  constructor(name: string, make?: (args: readonly unknown[]) => unknown) {
    this.name = name;
    this.make = make;
  }
}

export interface PickleHost {
  /** What a global such as "collections.OrderedDict" is: a PickleGlobal or a plain value; undefined refuses the pickle. */
  global(name: string): unknown;
  /** The value that a persistent id stands for. */
  persistent(id: unknown): unknown;
}

export function pickleError(what: string, code = "INVALID_PICKLE"): AbrazoError {
  return new AbrazoError({
    code,
    message: `Weights only load failed. ${what}`,
    hint: "Only tensors, numbers, words, lists and dicts of them are read from a pickle; convert other files to safetensors.",
  });
}

function refusedGlobal(name: string): AbrazoError {
  return new AbrazoError({
    code: "PICKLE_GLOBAL_REFUSED",
    message: `Weights only load failed. Unsupported global: GLOBAL ${name} was not an allowed global by default.`,
    hint: "A pickle that names it could run code when Python reads it. Nothing was run; ask for the weights as safetensors.",
    data: { global: name },
  });
}

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** What lies on the stack where a mark was set. */
const MARK = Symbol("mark");
/** Longer integers than this many bytes are refused. */
const MAX_LONG = 1024;

/** The value of the pickle that begins at `start`, and where it ends. */
export function readPickle(bytes: Uint8Array, host: PickleHost, start = 0): { value: unknown; end: number } {
  return new Unpickler(bytes, host, start).run();
}

class Unpickler {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #host: PickleHost;
  readonly #stack: unknown[] = [];
  readonly #memo = new Map<number, unknown>();
  #at: number;

  constructor(bytes: Uint8Array, host: PickleHost, start: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#host = host;
    this.#at = start;
  }

  run(): { value: unknown; end: number } {
    for (;;) {
      const opcode = this.#u8();
      if (opcode === 0x2e) return { value: this.#pop(), end: this.#at }; // STOP
      const act = ACTS.get(opcode);
      if (act === undefined) throw pickleError(`Unsupported operand ${opcode}`);
      act(this);
    }
  }

  // --- reading ---

  #take(length: number): number {
    const at = this.#at;
    if (!Number.isSafeInteger(length) || at + length > this.#bytes.length)
      throw pickleError("pickle data was truncated");
    this.#at += length;
    return at;
  }

  #u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u8 = (): number => this.#u8();
  u16 = (): number => this.#view.getUint16(this.#take(2), true);
  u32 = (): number => this.#view.getUint32(this.#take(4), true);
  i32 = (): number => this.#view.getInt32(this.#take(4), true);
  u64 = (): number => Number(this.#view.getBigUint64(this.#take(8), true));
  float = (): number => this.#view.getFloat64(this.#take(8), false);

  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.slice(at, at + length);
  }

  text(length: number): string {
    const at = this.#take(length);
    return UTF8.decode(this.#bytes.subarray(at, at + length));
  }

  /** Little-endian two's complement. */
  long(length: number): number | bigint {
    if (length > MAX_LONG) throw pickleError(`an integer of ${length} bytes`);
    let value = 0n;
    for (const byte of this.bytes(length).reverse()) value = (value << 8n) | BigInt(byte);
    const signed = BigInt.asIntN(8 * length, value);
    const small = Number(signed);
    return Number.isSafeInteger(small) ? small : signed;
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end === -1) throw pickleError("pickle data was truncated");
    const line = this.text(end - this.#at);
    this.#at++;
    return line;
  }

  // --- the stack and the memo ---

  push(value: unknown): void {
    this.#stack.push(value);
  }

  #pop(): unknown {
    if (this.#stack.length === 0) throw pickleError("pop from empty list");
    const value = this.#stack.pop();
    if (value === MARK) throw pickleError("unexpected MARK found");
    return value;
  }

  drop(): void {
    this.#pop();
  }

  mark(): void {
    this.#stack.push(MARK);
  }

  /** All above the last mark; the mark goes, too. */
  popMark(): unknown[] {
    const at = this.#stack.lastIndexOf(MARK);
    if (at === -1) throw pickleError("could not find MARK");
    const items = this.#stack.splice(at);
    items.shift();
    return items;
  }

  popMany(count: number): unknown[] {
    return Array.from({ length: count }, () => this.#pop()).reverse();
  }

  top(): unknown {
    const value = this.#stack.at(-1);
    if (this.#stack.length === 0 || value === MARK) throw pickleError("unexpected end of the stack");
    return value;
  }

  put(index: number): void {
    this.#memo.set(index, this.top());
  }

  memoize(): void {
    this.put(this.#memo.size);
  }

  get(index: number): void {
    if (!this.#memo.has(index)) throw pickleError(`Memo value not found at index ${index}`);
    this.push(this.#memo.get(index));
  }

  // --- containers ---

  append(items: readonly unknown[]): void {
    const list = this.top();
    if (!Array.isArray(list) || Object.isFrozen(list))
      throw pickleError(`Can only append to lists, but got ${nameOf(list)}`);
    for (const item of items) list.push(item);
  }

  add(items: readonly unknown[]): void {
    const set = this.top();
    if (!(set instanceof Set)) throw pickleError(`Can only add to sets, but got ${nameOf(set)}`);
    for (const item of items) set.add(item);
  }

  setItems(items: readonly unknown[]): void {
    const dict = this.top();
    for (let at = 0; at < items.length; at += 2) {
      if (at + 1 === items.length) throw pickleError("a key without a value");
      setItem(dict, items[at], items[at + 1]);
    }
  }

  // --- names, and what Python would call ---

  global(given = `${this.#line()}.${this.#line()}`): void {
    const name = given.replace(/^__builtin__\./, "builtins."); // protocol 2 is written with Python 2's name
    const found = this.#host.global(name);
    if (found === undefined) throw refusedGlobal(name);
    this.push(found);
  }

  stackGlobal(): void {
    const [module, name] = this.popMany(2);
    if (typeof module !== "string" || typeof name !== "string") throw pickleError("STACK_GLOBAL requires str");
    this.global(`${module}.${name}`);
  }

  reduce(): void {
    const [callable, args] = this.popMany(2);
    if (!(callable instanceof PickleGlobal) || callable.make === undefined || !isTuple(args)) {
      throw pickleError(`Trying to call reduce for unrecognized function ${nameOf(callable)}`);
    }
    this.push(callable.make(args));
  }

  /** Attributes of an ordered dict, such as the _metadata of a state dict, are let go; nothing else may have any. */
  build(): void {
    this.#pop();
    if (!(this.top() instanceof Map)) throw pickleError(`Can only build OrderedDict, but got ${nameOf(this.top())}`);
  }

  persistent(): void {
    this.push(this.#host.persistent(this.#pop()));
  }
}

export function isTuple(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && Object.isFrozen(value);
}

function isDict(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function setItem(dict: unknown, key: unknown, value: unknown): void {
  if (typeof key !== "string" && typeof key !== "number") throw pickleError(`a dict has the key ${nameOf(key)}`);
  if (dict instanceof Map) dict.set(key, value);
  else if (isDict(dict)) {
    // Defined and not set: the key may be "__proto__".
    Object.defineProperty(dict, key, { value, writable: true, enumerable: true, configurable: true });
  } else throw pickleError(`Can only set items of dicts, but got ${nameOf(dict)}`);
}

function nameOf(value: unknown): string {
  if (value instanceof PickleGlobal) return value.name;
  return value === null ? "None" : Array.isArray(value) ? "a list" : `a value of type ${typeof value}`;
}

const tuple = (items: unknown[]): readonly unknown[] => Object.freeze(items);

/** Opcode → what it does. Those that make objects of classes (NEWOBJ, INST, OBJ, EXT) are missing on purpose. */
const ACTS: ReadonlyMap<number, (it: Unpickler) => void> = new Map<number, (it: Unpickler) => void>([
  [0x80, (it) => it.u8()], // PROTO
  [0x95, (it) => it.u64()], // FRAME
  [0x28, (it) => it.mark()], // MARK
  [0x30, (it) => it.drop()], // POP
  [0x31, (it) => it.popMark()], // POP_MARK
  [0x32, (it) => it.push(it.top())], // DUP
  [0x4e, (it) => it.push(null)], // NONE
  [0x88, (it) => it.push(true)], // NEWTRUE
  [0x89, (it) => it.push(false)], // NEWFALSE
  [0x4a, (it) => it.push(it.i32())], // BININT
  [0x4b, (it) => it.push(it.u8())], // BININT1
  [0x4d, (it) => it.push(it.u16())], // BININT2
  [0x8a, (it) => it.push(it.long(it.u8()))], // LONG1
  [0x8b, (it) => it.push(it.long(it.u32()))], // LONG4
  [0x47, (it) => it.push(it.float())], // BINFLOAT
  [0x55, (it) => it.push(it.text(it.u8()))], // SHORT_BINSTRING
  [0x54, (it) => it.push(it.text(it.u32()))], // BINSTRING
  [0x8c, (it) => it.push(it.text(it.u8()))], // SHORT_BINUNICODE
  [0x58, (it) => it.push(it.text(it.u32()))], // BINUNICODE
  [0x8d, (it) => it.push(it.text(it.u64()))], // BINUNICODE8
  [0x43, (it) => it.push(it.bytes(it.u8()))], // SHORT_BINBYTES
  [0x42, (it) => it.push(it.bytes(it.u32()))], // BINBYTES
  [0x8e, (it) => it.push(it.bytes(it.u64()))], // BINBYTES8
  [0x5d, (it) => it.push([])], // EMPTY_LIST
  [0x7d, (it) => it.push({})], // EMPTY_DICT
  [0x8f, (it) => it.push(new Set())], // EMPTY_SET
  [0x29, (it) => it.push(tuple([]))], // EMPTY_TUPLE
  [0x85, (it) => it.push(tuple(it.popMany(1)))], // TUPLE1
  [0x86, (it) => it.push(tuple(it.popMany(2)))], // TUPLE2
  [0x87, (it) => it.push(tuple(it.popMany(3)))], // TUPLE3
  [0x74, (it) => it.push(tuple(it.popMark()))], // TUPLE
  [0x61, (it) => it.append(it.popMany(1))], // APPEND
  [0x65, (it) => it.append(it.popMark())], // APPENDS
  [0x90, (it) => it.add(it.popMark())], // ADDITEMS
  [0x73, (it) => it.setItems(it.popMany(2))], // SETITEM
  [0x75, (it) => it.setItems(it.popMark())], // SETITEMS
  [0x71, (it) => it.put(it.u8())], // BINPUT
  [0x72, (it) => it.put(it.u32())], // LONG_BINPUT
  [0x94, (it) => it.memoize()], // MEMOIZE
  [0x68, (it) => it.get(it.u8())], // BINGET
  [0x6a, (it) => it.get(it.u32())], // LONG_BINGET
  [0x63, (it) => it.global()], // GLOBAL
  [0x93, (it) => it.stackGlobal()], // STACK_GLOBAL
  [0x52, (it) => it.reduce()], // REDUCE
  [0x62, (it) => it.build()], // BUILD
  [0x51, (it) => it.persistent()], // BINPERSID
]);
