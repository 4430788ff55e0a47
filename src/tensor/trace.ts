// What a function does to tensors while it is traced: which it reads, which it writes, and which numbers it makes anew.
// Runs nothing. A trace is synchronous, so that one at a time is enough.
import { AbrazoError } from "../errors.ts";
import type { TypedArray } from "../graph/dtype.ts";
import { makeLeaf, noteCopies } from "../graph/leaf.ts";
import type { Node } from "../graph/node.ts";
import type { Storage } from "./storage.ts";
import type { Tensor } from "./tensor.ts";

/** Leaves whose elements each call makes anew. */
export interface Fresh {
  leaves: readonly Node[];
  /** The elements of each leaf for this call. */
  make(): readonly TypedArray[];
}

export class Trace {
  /** Storages that were there before, by the node that was read, with their device. */
  readonly read = new Map<Node, { storage: Storage; device: string }>();
  /** Storages that were there before and were written, with the node that they had. */
  readonly written = new Map<Storage, Node>();
  /** Tensors whose grad was asked for or set, with what it was. */
  readonly grads = new Map<Tensor, Tensor | null>();
  readonly fresh: Fresh[] = [];
  /** What the trace took for granted: it holds while each gives the same. */
  readonly guards: { read: () => unknown; was: unknown }[] = [];
  /** What a call does besides writing tensors, such as counting an optimizer's steps. */
  readonly effects: (() => void)[] = [];
  /** Leaves that are copies of others. */
  readonly copies = new WeakMap<Node, Node>();
  /** Nodes from here on were made by the trace. */
  readonly firstId: number = makeLeaf([], "bool", { kind: "host", data: new Uint8Array(1) }).id;
  /** True when the function made state that another call would find: the trace of that one is another. */
  isPassing = false;
  readonly #made = new WeakSet<Storage>();
  #numbers: Node[] | undefined;

  made(storage: Storage): void {
    this.#made.add(storage);
  }

  /** `tensor` is what was read, or what it is a view of. */
  reads(tensor: Tensor, node: Node): void {
    const { storage, device } = tensor;
    if (this.#made.has(storage) || this.read.has(node)) return;
    this.read.set(node, { storage, device });
    this.guards.push({ read: () => tensor.requiresGrad, was: tensor.requiresGrad });
  }

  /** Called before a storage is written. */
  writes(storage: Storage): void {
    if (this.#made.has(storage) || this.written.has(storage)) return;
    if (storage.shared !== undefined) {
      throw traceError(
        "A tensor that shares the memory of a typed array was written while compiling.",
        "clone() it first, or write outside of the compiled function.",
      );
    }
    this.written.set(storage, storage.peek);
  }

  gradOf(tensor: Tensor, grad: Tensor | null): void {
    if (this.#made.has(tensor.storage) || this.grads.has(tensor)) return;
    this.grads.set(tensor, grad);
    this.guards.push({ read: () => tensor.grad === null, was: grad === null });
  }

  number(leaf: Node): void {
    this.#numbers?.push(leaf);
  }

  /** Runs `fn`; gives the leaves that numbers became in it, in order. */
  numbersIn<Result>(fn: () => Result): { result: Result; leaves: Node[] } {
    const outer = this.#numbers;
    const leaves: Node[] = [];
    this.#numbers = leaves;
    try {
      return { result: fn(), leaves };
    } finally {
      this.#numbers = outer;
    }
  }
}

let current: Trace | undefined;

/** The trace that is being made, if one is. */
export function activeTrace(): Trace | undefined {
  return current;
}

export function inTrace<Result>(trace: Trace, fn: () => Result): Result {
  const outer = current;
  current = trace;
  noteCopies(trace.copies);
  try {
    return fn();
  } finally {
    current = outer;
    noteCopies(outer?.copies);
  }
}

/** Fails where a value is asked for that a trace does not have. */
export function requireNoTrace(): void {
  if (current === undefined) return;
  throw traceError(
    "A tensor's value was read while compiling.",
    "Return the tensor and read it outside. What needs values to be recorded, such as item() and nonzero(), cannot be compiled.",
  );
}

/** Says what a trace takes for granted. */
export function guard(read: () => unknown): void {
  current?.guards.push({ read, was: read() });
}

/** Says that each call makes the elements of a leaf anew. */
export function drawnAnew(leaf: Node, make: () => TypedArray): void {
  current?.fresh.push({ leaves: [leaf], make: () => [make()] });
}

export function traceError(message: string, hint: string): AbrazoError {
  return new AbrazoError({ code: "NOT_COMPILABLE", message, hint });
}
