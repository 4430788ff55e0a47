// Storage: nodes are immutable, so a write replaces a storage's node, and views are recipes over it.
// Knows no arithmetic.
import { call, cutOff, stopGradient } from "../graph/build.ts";
import type { TypedArray } from "../graph/dtype.ts";
import { makeLeaf } from "../graph/leaf.ts";
import type { Node } from "../graph/node.ts";
import { activeTrace } from "./trace.ts";

/** What several tensors may look at. */
export class Storage {
  #node: Node;
  #shared: TypedArray | undefined;
  /** Storages of the same elements with other histories: a tensor and what was detached from it. */
  #twins: Twins | undefined;
  /** Counts writes, so that views know when to look again. */
  version = 0;

  constructor(node: Node, shared?: TypedArray) {
    this.#node = node;
    this.#shared = shared;
    activeTrace()?.made(this);
  }

  /** Elements that the caller may change at any time: an operation takes them as they are when it is recorded. */
  get shared(): TypedArray | undefined {
    return this.#shared;
  }

  get hasTwins(): boolean {
    return this.#twins !== undefined;
  }

  get node(): Node {
    const shared = this.#shared;
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
    return this.#node;
  }

  /** Replaces the elements; twins see those of `leaf`, which is computed. */
  write(node: Node, leaf: Node = node): void {
    activeTrace()?.writes(this);
    this.version++;
    this.#node = node;
    for (const twin of this.#twins?.living() ?? []) {
      if (twin === this) continue;
      activeTrace()?.writes(twin);
      twin.#replace(stopGradient(leaf));
    }
  }

  /** Gives the elements a node of their own without a history, which no other tensor shares. */
  isolate(): void {
    activeTrace()?.writes(this);
    this.version++;
    this.#node = cutOff(this.#node);
  }

  /** From now on the elements are those of an array that the caller may change. */
  share(data: TypedArray): void {
    this.#shared = data;
    for (const twin of this.#twins?.living() ?? []) twin.#shared = data;
  }

  /** A storage of the same elements without their history: a write to either is seen in both. */
  twin(): Storage {
    const other = new Storage(stopGradient(this.node), this.#shared);
    this.#twins ??= new Twins(this);
    this.#twins.add(other);
    other.#twins = this.#twins;
    return other;
  }

  /** Other elements in the place of these, gradients going where they went before. */
  #replace(leaf: Node): void {
    this.version++;
    this.#node = this.#node.inputs.length === 0 ? leaf : withHistory(leaf, this.#node);
  }
}

/** The elements of one node with the gradient of another, for writes that are not recorded. */
export function withHistory(elements: Node, history: Node): Node {
  const [, older] = history.op.name === "withHistory" ? history.inputs : [];
  return call("withHistory", [elements, older ?? history]);
}

/** Held weakly: a detached tensor that lives on does not keep the other's history. */
class Twins {
  #members: WeakRef<Storage>[];
  #limit = 16;

  constructor(first: Storage) {
    this.#members = [new WeakRef(first)];
  }

  living(): Storage[] {
    return this.#members.flatMap((member) => member.deref() ?? []);
  }

  add(storage: Storage): void {
    if (this.#members.length >= this.#limit) {
      this.#members = this.#members.filter((member) => member.deref() !== undefined);
      this.#limit = 2 * this.#members.length + 16;
    }
    this.#members.push(new WeakRef(storage));
  }
}

function sameBytes(a: TypedArray, b: TypedArray): boolean {
  return Buffer.compare(bytesOf(a), bytesOf(b)) === 0;
}

function bytesOf(data: TypedArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
