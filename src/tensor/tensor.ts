// Tensor: a node of a graph or a buffer, with PyTorch's behaviour. Recording is synchronous and cheap; reading realizes.
// Has no arithmetic of its own: methods make nodes.
import { AbrazoError } from "../errors.ts";
import * as build from "../graph/build.ts";
import { type DType, isFloat, promote, type TypedArray } from "../graph/dtype.ts";
import { makeLeaf } from "../graph/leaf.ts";
import type { Node } from "../graph/node.ts";
import "../graph/ops/index.ts";
import { axisOf, numeric, type Shape, sizeOf, symbolicError } from "../graph/shape.ts";
import {
  accumulated,
  backwardNodes,
  inPlaceLeafError,
  leafGradients,
  noGraphError,
  registerLeaf,
  secondBackwardError,
} from "./autograd.ts";
import { decode, encode, type NestedArray, nest } from "./convert.ts";
import { foreseen, noteLoss } from "./foresight.ts";
import { elementsOf, realizeNodes } from "./realize.ts";
import { gradEnabled } from "./scope.ts";
import { Storage, type ViewStep, viewNode, writeThrough } from "./storage.ts";

export type TensorLike = Tensor | number;

export interface TensorInit {
  requiresGrad?: boolean;
  device?: string;
  steps?: readonly ViewStep[];
  /** The tensor that a view looks at. */
  root?: Tensor;
}

/**
 * An n-dimensional array whose operations are recorded and computed when a value is read.
 *
 * @example
 * ```ts
 * const w = tensor([[1, 2], [3, 4]], { dtype: "float32", requiresGrad: true });
 * const loss = w.mul(w).sum();
 * loss.backward();
 * await w.grad?.tolist(); // [[2, 4], [6, 8]]
 * ```
 */
export class Tensor {
  readonly storage: Storage;
  readonly #steps: readonly ViewStep[];
  readonly #root: Tensor;
  #requiresGrad: boolean;
  #grad: Tensor | null = null;
  #device: string;
  #backwardDone = false;
  #view: { version: number; node: Node } | undefined;

  constructor(storage: Storage, { requiresGrad = false, device = "cpu", steps = [], root }: TensorInit = {}) {
    this.storage = storage;
    this.#root = root ?? this;
    this.#steps = steps;
    this.#requiresGrad = requiresGrad;
    this.#device = device;
  }

  // --- what it is ---

  get #peek(): Node {
    return this.#steps.length === 0 ? this.storage.peek : this.#viewOf(this.storage.peek);
  }

  #viewOf(base: Node): Node {
    if (this.storage.shared !== undefined) return viewNode(base, this.#steps);
    if (this.#view?.version !== this.storage.version) {
      this.#view = { version: this.storage.version, node: viewNode(base, this.#steps) };
    }
    return this.#view.node;
  }

  /** The node that an operation recorded now reads. */
  get node(): Node {
    const base = this.storage.node;
    const node = this.#steps.length === 0 ? base : this.#viewOf(base);
    if (this.#root.#requiresGrad && base.inputs.length === 0) registerLeaf(base, this.#root);
    return node;
  }

  /** Sizes; a typed error when one is only known at run time. */
  get shape(): readonly number[] {
    const sizes = numeric(this.#peek.shape);
    if (sizes === undefined) throw symbolicError(this.#peek.shape);
    return sizes;
  }

  /** Sizes, symbolic ones by name. */
  get dims(): Shape {
    return this.#peek.shape;
  }

  get ndim(): number {
    return this.#peek.shape.length;
  }

  get dtype(): DType {
    return this.#peek.dtype;
  }

  get device(): string {
    return this.#device;
  }

  get requiresGrad(): boolean {
    return this.#requiresGrad;
  }

  get isLeaf(): boolean {
    return !this.#requiresGrad || (this.#steps.length === 0 && this.storage.peek.inputs.length === 0);
  }

  /** The accumulated gradient of a leaf, or null before the first backward(). */
  get grad(): Tensor | null {
    return this.#grad;
  }

  set grad(value: Tensor | null) {
    this.#grad = value;
  }

  size(dim: number): number {
    return this.shape[axisOf(dim, this.ndim)] ?? 1;
  }

  numel(): number {
    return sizeOf(this.#peek.shape);
  }

  // --- making results ---

  /** A tensor for a node computed from `inputs`: it requires grad if one of them does and gradients are recorded. */
  static fromNode(node: Node, inputs: readonly Tensor[]): Tensor {
    const wanted = isFloat(node.dtype) && inputs.some((input) => input.requiresGrad);
    const recorded = wanted && gradEnabled();
    const device = inputs.find((input) => input.device !== "cpu")?.device ?? "cpu";
    return new Tensor(new Storage(wanted && !recorded ? build.stopGradient(node) : node), {
      requiresGrad: recorded,
      device,
    });
  }

  /** A view of this tensor: it shares the elements, and writes go through. */
  viewBy(step: ViewStep): Tensor {
    const requiresGrad = this.#requiresGrad && gradEnabled();
    return new Tensor(this.storage, {
      requiresGrad,
      device: this.#device,
      steps: [...this.#steps, step],
      root: this.#root,
    });
  }

  map(make: (node: Node) => Node): Tensor {
    return Tensor.fromNode(make(this.node), [this]);
  }

  /** Applies an operation of two operands after PyTorch's promotion; numbers become inputs of the graph, never part of it. */
  combine(other: TensorLike, make: (a: Node, b: Node) => Node): Tensor {
    const a = this.node;
    const b = typeof other === "number" ? scalarNode(other, a.dtype) : other.node;
    const dtype = promoteOperands(a, b, typeof other === "number");
    const node = make(build.cast(a, dtype), build.cast(b, dtype));
    return Tensor.fromNode(node, typeof other === "number" ? [this] : [this, other]);
  }

  // --- writing in place ---

  /** Replaces the elements by those of `node`, of this shape and dtype. */
  write(node: Node, inputs: readonly Tensor[] = []): this {
    const recording = gradEnabled();
    if (this.#requiresGrad && recording && this.isLeaf) throw inPlaceLeafError();
    const fitted = build.expand(build.cast(node, this.dtype), this.dims);
    const base = this.storage.peek;
    const written = this.#steps.length === 0 ? fitted : writeThrough(base, this.#steps, fitted);
    const { shared } = this.storage;
    if (shared === undefined) {
      // A leaf that requires grad stays a leaf: what is written to it is a value, not a graph.
      const plain = this.#requiresGrad && !recording ? leafOf(written, this.#device) : written;
      this.storage.write(plain);
    } else {
      setElements(shared, elementsOf(written, this.#device));
      this.storage.write(base);
    }
    if (recording && inputs.some((input) => input.requiresGrad)) this.#requiresGrad = true;
    return this;
  }

  /** Swaps in a computed value, as an optimizer does after a step; one of another device moves the tensor there. */
  assign(node: Node, device: string = this.#device): this {
    const { shared } = this.storage;
    if (shared === undefined) this.storage.write(node);
    else setElements(shared, elementsOf(node, device));
    this.#device = device;
    return this;
  }

  // --- gradients ---

  requiresGrad_(requiresGrad = true): this {
    if (requiresGrad && !isFloat(this.dtype)) {
      throw new AbrazoError({
        code: "GRAD_OF_INTEGER",
        message: "only Tensors of floating point dtype can require gradients",
        hint: `This tensor is ${this.dtype}; convert it with to("float32").`,
      });
    }
    this.#requiresGrad = requiresGrad;
    return this;
  }

  /** The same elements without a history. */
  detach(): Tensor {
    return new Tensor(new Storage(build.stopGradient(this.node)), { device: this.#device });
  }

  /** Computes the elements now and forgets the operations that made them: a leaf. */
  settle(): Tensor {
    return new Tensor(new Storage(leafOf(this.node, this.#device)), { device: this.#device });
  }

  /**
   * Adds to the `grad` of every leaf behind this tensor.
   *
   * @param gradient gradient with respect to this tensor, of its shape; needed unless it has one element
   */
  backward(gradient?: Tensor | null, { retainGraph = false, createGraph = false } = {}): void {
    if (!this.#requiresGrad) throw noGraphError();
    if (this.#backwardDone) throw secondBackwardError();
    this.#backwardDone = !(retainGraph || createGraph) && this.node.inputs.length > 0;
    const { leaves, nodes } = backwardNodes(this.node, gradient?.node);
    noteLoss(this.node, leaves);
    for (const [index, leaf] of leaves.entries()) {
      const node = nodes[index];
      if (node === undefined) continue;
      const sum = accumulated(leaf.grad?.node, node, createGraph);
      leaf.grad = new Tensor(new Storage(sum), { device: leaf.device, requiresGrad: createGraph });
    }
  }

  // --- reading ---

  /** The elements, row by row; realizes what is not yet computed. */
  async data(): Promise<TypedArray> {
    // The runtime computes on this thread; giving way first lets pending work of the caller go ahead.
    await new Promise<void>((resolve) => setImmediate(resolve));
    return this.dataSync();
  }

  dataSync(): TypedArray {
    const { shared } = this.storage;
    if (shared !== undefined && this.#steps.length === 0) return shared;
    const { node } = this;
    this.#realizeWithGradients(node);
    return elementsOf(node, this.#device);
  }

  /** Reading a scalar loss also computes its gradients, so that backward() does not run the forward pass again. */
  #realizeWithGradients(node: Node): void {
    if (node.value !== undefined || !this.#requiresGrad || !gradEnabled() || numeric(node.shape) === undefined) return;
    if (sizeOf(node.shape) !== 1 || node.inputs.length === 0) return;
    const { leaves, nodes } = leafGradients(node);
    realizeNodes([node, ...foreseen(leaves, nodes)], this.#device);
  }

  async item(): Promise<number> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    return this.itemSync();
  }

  itemSync(): number {
    if (this.numel() !== 1) {
      throw new AbrazoError({
        code: "NOT_ONE_ELEMENT",
        message: `a Tensor with ${this.numel()} elements cannot be converted to Scalar`,
        hint: "Use tolist() or data() for more than one element.",
      });
    }
    return decode(this.dataSync(), this.dtype, 0);
  }

  async tolist(): Promise<NestedArray> {
    return nest(await this.data(), this.dtype, this.shape);
  }

  tolistSync(): NestedArray {
    return nest(this.dataSync(), this.dtype, this.shape);
  }

  /** The same tensor in another dtype or on another device. */
  to(target: DType | { device: string }): Tensor {
    if (typeof target === "string") return target === this.dtype ? this : this.map((node) => build.cast(node, target));
    if (target.device === this.#device) return this;
    const node = this.#device === "cpu" ? this.node : hostLeaf(this.node, this.#device);
    return new Tensor(new Storage(node), { requiresGrad: this.#requiresGrad, device: target.device });
  }
}

function hostLeaf(node: Node, device: string): Node {
  return makeLeaf(node.shape, node.dtype, { kind: "host", data: elementsOf(node, device) });
}

/** A computed node as a leaf without a history. */
export function leafOf(node: Node, device: string): Node {
  realizeNodes([node], device);
  if (node.value === undefined || node.inputs.length === 0) return node;
  return makeLeaf(node.shape, node.dtype, node.value);
}

/** A number as an input of the graph: another number needs no other graph. */
export function scalarNode(value: number, dtype: DType): Node {
  const kind = isFloat(dtype) || Number.isInteger(value) ? dtype : "float32";
  const fitting = kind === "bool" ? "int64" : kind;
  return makeLeaf([], fitting, { kind: "host", data: encode([value], fitting) });
}

/** A number never raises the dtype within its kind; a 0-d tensor does not either, as in PyTorch. */
function promoteOperands(a: Node, b: Node, scalar: boolean): DType {
  if (scalar) return promote(a.dtype, b.dtype);
  if (a.shape.length > 0 === b.shape.length > 0) return promote(a.dtype, b.dtype);
  const [array, zeroD] = a.shape.length > 0 ? [a, b] : [b, a];
  const sameKind =
    isFloat(array.dtype) === isFloat(zeroD.dtype) && (array.dtype === "bool") === (zeroD.dtype === "bool");
  return sameKind ? array.dtype : promote(a.dtype, b.dtype);
}

function setElements(target: TypedArray, source: TypedArray): void {
  for (let i = 0; i < target.length; i++) {
    // safe because both arrays are of one dtype, so both hold numbers or both bigints
    (target as { [index: number]: number | bigint })[i] = source[i] as number | bigint;
  }
}
