// Storage and views: nodes are immutable, so a write replaces a storage's node, and views are recipes over it.
// Knows no arithmetic.
import { AbrazoError } from "../errors.ts";
import { permute, reshape, slice, sliceScatter } from "../graph/build.ts";
import type { TypedArray } from "../graph/dtype.ts";
import { makeLeaf } from "../graph/leaf.ts";
import type { Node } from "../graph/node.ts";
import type { Shape } from "../graph/shape.ts";

/** What several tensors may look at. */
export class Storage {
  #node: Node;
  /** Elements that the caller may change at any time: they are copied whenever an operation is recorded. */
  readonly shared: TypedArray | undefined;
  /** Counts writes, so that views know when to look again. */
  version = 0;

  constructor(node: Node, shared?: TypedArray) {
    this.#node = node;
    this.shared = shared;
  }

  get node(): Node {
    if (this.shared === undefined) return this.#node;
    const { shape, dtype } = this.#node;
    return makeLeaf(shape, dtype, { kind: "host", data: this.shared.slice() });
  }

  /** The node without a copy: for what only reads shape, dtype or the elements of this moment. */
  get peek(): Node {
    return this.#node;
  }

  write(node: Node): void {
    this.version++;
    this.#node = node;
  }
}

/** One step from a base to a view, with the way back for writes. */
export interface ViewStep {
  apply(base: Node): Node;
  /** The base with the view's elements replaced. */
  put(base: Node, value: Node): Node;
}

export function reshapeStep(shape: Shape): ViewStep {
  return { apply: (base) => reshape(base, shape), put: (base, value) => reshape(value, base.shape) };
}

export function permuteStep(order: readonly number[]): ViewStep {
  const inverse = order.map((_, axis) => order.indexOf(axis));
  return { apply: (base) => permute(base, order), put: (_, value) => permute(value, inverse) };
}

export function sliceStep(axis: number, start: number, end: number, step: number): ViewStep {
  return {
    apply: (base) => slice(base, axis, start, end, step),
    put: (base, value) => sliceScatter(base, value, axis, start, step),
  };
}

export function readOnlyStep(apply: (base: Node) => Node): ViewStep {
  return {
    apply,
    put: () => {
      throw new AbrazoError({
        code: "WRITE_TO_EXPANDED",
        message:
          "unsupported operation: more than one element of the written-to tensor refers to a single memory location",
        hint: "Please clone() the tensor before performing the operation.",
      });
    },
  };
}

export function viewNode(base: Node, steps: readonly ViewStep[]): Node {
  return steps.reduce((node, step) => step.apply(node), base);
}

/** The base after writing `value` through a chain of views. */
export function writeThrough(base: Node, steps: readonly ViewStep[], value: Node): Node {
  const bases = [base];
  for (const step of steps.slice(0, -1)) bases.push(step.apply(bases.at(-1) ?? base));
  let written = value;
  for (let index = steps.length - 1; index >= 0; index--) {
    const [step, under] = [steps[index], bases[index]];
    if (step !== undefined && under !== undefined) written = step.put(under, written);
  }
  return written;
}
