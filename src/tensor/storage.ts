// Storage: nodes are immutable, so a write replaces a storage's node, and views are recipes over it.
// Knows no arithmetic.
import { kindOf } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
import { call, cutOff, stopGradient } from "../graph/build.ts";
import type { TypedArray } from "../graph/dtype.ts";
import { copyLeaf, makeLeaf } from "../graph/leaf.ts";
import type { Node } from "../graph/node.ts";
import { activeTrace } from "./trace.ts";

/** What several tensors may look at. */
export class Storage {
  #node: Node;
  #shared: TypedArray | undefined;
  /** What storages of the same elements have in common: a tensor and what was detached from it. */
  #memory: Memory | undefined;
  /** Writes to the memory that this storage has taken over. */
  #seen = 0;
  #version = 0;

  constructor(node: Node, shared?: TypedArray) {
    this.#node = node;
    this.#shared = shared;
    activeTrace()?.made(this);
  }

  /** Elements that the caller may change at any time: an operation takes them as they are when it is recorded. */
  get shared(): TypedArray | undefined {
    return this.#memory?.shared ?? this.#shared;
  }

  /** Counts writes, so that views know when to look again. */
  get version(): number {
    this.#follow();
    return this.#version;
  }

  get node(): Node {
    this.#follow();
    const { shared } = this;
    if (shared === undefined) {
      this.#node.isRead = true;
      return this.#node;
    }
    const { shape, dtype, value } = this.#node;
    const isCurrent = value?.kind === "host" && value.data !== shared && sameBytes(value.data, shared);
    if (!isCurrent) this.#replace(makeLeaf(shape, dtype, { kind: "host", data: shared.slice() }));
    return this.#node;
  }

  /** The node without a look at shared elements: for what only reads shape and dtype. */
  get peek(): Node {
    this.#follow();
    return this.#node;
  }

  /** Replaces the elements. */
  write(node: Node): void {
    activeTrace()?.writes(this);
    this.#version++;
    this.#node = node;
    if (this.#memory === undefined) return;
    this.#memory.last = stopGradient(node);
    this.#seen = ++this.#memory.writes;
  }

  /** Gives the elements a node of their own without a history, which no other tensor shares. */
  isolate(): void {
    activeTrace()?.writes(this);
    this.#node = cutOff(this.peek);
    this.#version++;
  }

  /** From now on the elements are those of an array that the caller may change. */
  share(data: TypedArray): void {
    if (this.#memory === undefined) this.#shared = data;
    else this.#memory.shared = data;
  }

  /** Lets go of what computed elements were computed from, where no gradient goes back through them. */
  forgetHistory(): void {
    const { value, inputs } = this.peek;
    if (value === undefined || inputs.length === 0 || activeTrace() !== undefined) return;
    this.#version++;
    this.#node = copyLeaf(this.#node, value);
  }

  /** A storage of the same elements without their history: a write to either is seen in both. */
  twin(): Storage {
    const { node, shared } = this;
    const other = new Storage(stopGradient(node));
    this.#memory ??= { writes: 0, last: undefined, shared };
    other.#memory = this.#memory;
    other.#seen = this.#seen;
    return other;
  }

  /** Takes over what another storage of the memory wrote. */
  #follow(): void {
    const memory = this.#memory;
    if (memory === undefined || memory.writes === this.#seen) return;
    this.#seen = memory.writes;
    if (memory.last !== undefined) this.#replace(memory.last);
  }

  /** Other elements in the place of these, gradients going where they went before. */
  #replace(elements: Node): void {
    this.#version++;
    const { inputs, op } = this.#node;
    const isCut = inputs.length === 0 || op.name === "stopGradient";
    this.#node = isCut ? elements : withHistory(elements, this.#node);
  }
}

/** Elements that several storages show. It keeps no history, so that a detached tensor that lives on does not either. */
interface Memory {
  writes: number;
  /** What was written last. */
  last: Node | undefined;
  shared: TypedArray | undefined;
}

/** The elements of one node with the gradient of another, for writes that are not recorded. */
export function withHistory(elements: Node, history: Node): Node {
  const [, older] = history.op.name === "withHistory" ? history.inputs : [];
  return call("withHistory", [elements, older ?? history]);
}

/** Copies elements into an array of the same dtype. */
export function setElements(target: TypedArray, source: TypedArray): void {
  for (let i = 0; i < target.length; i++) {
    // safe because both arrays are of one dtype, so both hold numbers or both bigints
    (target as { [index: number]: number | bigint })[i] = source[i] as number | bigint;
  }
}

function sameBytes(a: TypedArray, b: TypedArray): boolean {
  return Buffer.compare(bytesOf(a), bytesOf(b)) === 0;
}

function bytesOf(data: TypedArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** @throws BAD_ARGUMENT for what PyTorch's Tensor() takes and this constructor does not: numbers and sizes */
export function requireStorage(given: Storage): Storage {
  if (given instanceof Storage) return given;
  throw new AbrazoError({
    code: "BAD_ARGUMENT",
    message: `Tensor(): argument (position 1) must be Storage, not ${kindOf(given)}`,
    hint: "tensor([1, 2]) makes a tensor of numbers, floatTensor() one of float32, zeros([2, 3]) one of sizes.",
  });
}
