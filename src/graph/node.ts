// Node: one operation applied to nodes. Immutable and hash-consed: the same expression is the same object.
// Knows no devices and no gradients; a computed value may be attached to a node, and then it is a leaf to later graphs.
import { AbrazoError } from "../errors.ts";
import type { DType, TypedArray } from "./dtype.ts";
import type { Op } from "./op.ts";
import type { Shape } from "./shape.ts";

export type AttrValue = number | string | boolean | readonly (number | string)[];
export type Attrs = Readonly<Record<string, AttrValue>>;

/** Bytes of a file that hold a leaf's elements as they are: mapped by the runtime, never read into JavaScript. */
export interface FileRange {
  path: string;
  offset: number;
  byteLength: number;
}

/** Where a node's elements are once they exist. */
export type Value =
  | { kind: "host"; data: TypedArray }
  | { kind: "file"; range: FileRange }
  | { kind: "device"; device: string; handle: unknown };

export class Node {
  readonly id: number;
  readonly op: Op;
  readonly inputs: readonly Node[];
  readonly attrs: Attrs;
  readonly shape: Shape;
  readonly dtype: DType;
  /** A small number that stands for op, attributes, shape and dtype: what a node adds to a graph's key. */
  readonly signature: number;
  /** The elements, once known. Set once; a node with a value is a leaf. */
  value: Value | undefined;

  constructor(op: Op, inputs: readonly Node[], attrs: Attrs, shape: Shape, dtype: DType, signature: number) {
    this.id = nextId++;
    this.op = op;
    this.inputs = inputs;
    this.attrs = attrs;
    this.shape = shape;
    this.dtype = dtype;
    this.signature = signature;
  }
}

let nextId = 1;
const signatures = new Map<string, number>();
/**
 * Nodes recorded since the last run, by operation and inputs. Strong references, let go after each run: weak ones would
 * hold every node, and with it its buffers, to the end of a synchronous loop.
 */
const recorded = new Map<string, Node>();
const MOST_RECORDED = 200_000;

/** Ends a recording: the same expression recorded from here on is a new node. */
export function forgetRecorded(): void {
  recorded.clear();
}

export function signatureOf(op: Op, attrs: Attrs, shape: Shape, dtype: DType): number {
  const text = `${op.name}|${JSON.stringify(attrs)}|${shape.join(",")}|${dtype}`;
  let signature = signatures.get(text);
  if (signature === undefined) {
    signature = signatures.size + 1;
    signatures.set(text, signature);
  }
  return signature;
}

function requireDType(op: Op, inputs: readonly Node[]): void {
  const dtype = inputs.find((input) => op.lacks?.includes(input.dtype))?.dtype;
  if (dtype === undefined) return;
  throw new AbrazoError({
    code: "DTYPE_UNSUPPORTED",
    message: `"${op.name}" not implemented for ${dtype}`,
    hint: 'Convert the tensor first, e.g. with to("float32").',
    data: { op: op.name, dtype },
  });
}

/** The node of `op` over `inputs`; an equal one of the same recording is returned instead of a new one. */
export function makeNode(op: Op, inputs: readonly Node[], attrs: Attrs = {}): Node {
  const { shape, dtype } = op.infer(inputs, attrs);
  if (op.lacks !== undefined) requireDType(op, inputs);
  const signature = signatureOf(op, attrs, shape, dtype);
  let key = `${signature}`;
  for (const input of inputs) key += `,${input.id}`;
  const known = recorded.get(key);
  if (known !== undefined) return known;
  if (recorded.size >= MOST_RECORDED) recorded.clear();
  const node = new Node(op, inputs, attrs, shape, dtype, signature);
  recorded.set(key, node);
  return node;
}
