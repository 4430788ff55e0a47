// Tensor: a node of a graph or a buffer, with PyTorch's behaviour. Recording is synchronous and cheap; reading realizes.
// Has no arithmetic of its own: methods make nodes.
import { AbrazoError } from "../errors.ts";
import * as build from "../graph/build.ts";
import { type DType, isFloat, type TypedArray } from "../graph/dtype.ts";
import { copyLeaf } from "../graph/leaf.ts";
import { DEEP, type Node } from "../graph/node.ts";
import "../graph/ops/index.ts";
import { axisOf, numeric, type Shape, shapeError, sizeOf, symbolicError } from "../graph/shape.ts";
import { checkFinite } from "./anomaly.ts";
import { gradientsAhead, inPlaceLeafError, registerLeaf } from "./autograd.ts";
import { decode, type NestedArray, nest, type Scalar } from "./convert.ts";
import { foreseen } from "./foresight.ts";
import { checkGrad, detachViewError, integerGradError, notLeafError } from "./grad-errors.ts";
import { gradName } from "./grad-name.ts";
import { contiguousLayout, type Layout } from "./layout.ts";
import { numberNode, operandNodes } from "./operands.ts";
import { elementsOf, realizeNodes } from "./realize.ts";
import { currentScope, gradEnabled } from "./scope.ts";
import { requireStorage, Storage, setElements, withHistory } from "./storage.ts";
import { timed } from "./timing.ts";
import { activeTrace } from "./trace.ts";
import { permuteStep, type ViewStep, viewNode, writeThrough } from "./view-steps.ts";
import { carry, noteDeep } from "./waiting.ts";

/** An operand: a tensor, or a number, bigint or truth value. */
export type TensorLike = Tensor | Scalar;

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
  #storage: Storage;
  #steps: readonly ViewStep[];
  #root: Tensor;
  #requiresGrad: boolean;
  /** True for what was computed from others that require grad, as opposed to a leaf. */
  #history: boolean;
  #madeBy: string | undefined;
  /** typeof the first argument of what made this tensor: PyTorch numbers its overloads. */
  #overload: string | undefined;
  #grad: Tensor | null = null;
  #device: string;
  #view: { version: number; node: Node } | undefined;
  #layout: Layout | undefined;

  constructor(storage: Storage, init: TensorInit = {}) {
    this.#storage = requireStorage(storage);
    const { requiresGrad = false, device = "cpu", steps = [], root } = init;
    this.#root = root ?? this;
    this.#steps = steps;
    this.#requiresGrad = requiresGrad;
    this.#history = requiresGrad;
    this.#device = device;
  }

  // --- what it is ---

  /** What holds the elements; views share it. */
  get storage(): Storage {
    return this.#storage;
  }

  get #peek(): Node {
    return this.#steps.length === 0 ? this.storage.peek : this.#viewOf(this.storage.peek);
  }

  #viewOf(base: Node): Node {
    if (this.#view?.version !== this.storage.version) {
      this.#view = { version: this.storage.version, node: viewNode(base, this.#steps) };
    }
    return this.#view.node;
  }

  /** The node that an operation recorded now reads. */
  get node(): Node {
    const root = this.#root;
    // A node that already stands for another leaf would take its gradients.
    if (root.#requiresGrad && !root.#history && !registerLeaf(this.storage.node, root)) {
      this.storage.isolate();
      registerLeaf(this.storage.node, root);
    }
    const base = this.storage.node;
    activeTrace()?.reads(root, base);
    return this.#steps.length === 0 ? base : this.#viewOf(base);
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

  /** The number of axes. */
  get ndim(): number {
    return this.#peek.shape.length;
  }

  /** The type of the elements. */
  get dtype(): DType {
    return this.#peek.dtype;
  }

  /** Where the elements are, e.g. "cpu". */
  get device(): string {
    return this.#device;
  }

  /** Whether backward() takes gradients through it. */
  get requiresGrad(): boolean {
    return this.#root.#requiresGrad;
  }

  set requiresGrad(value: boolean) {
    this.requiresGrad_(value);
  }

  /** True for a tensor that was not computed from others that require grad: one whose `grad` backward() fills. */
  get isLeaf(): boolean {
    return !this.requiresGrad || (this.#root === this && !this.#history);
  }

  /** Name of the operation that made this tensor, as PyTorch names its gradient, e.g. "AddBackward0"; null for a leaf. */
  get gradFn(): string | null {
    return this.isLeaf ? null : gradName(this.#peek, this.#madeBy, this.#overload);
  }

  /** Says which method or function of PyTorch's made this tensor, and of which type its first argument was. */
  madeBy(name: string, overload?: string): this {
    this.#madeBy = name;
    this.#overload = overload;
    return this;
  }

  /** The accumulated gradient of a leaf, or null before the first backward(). */
  get grad(): Tensor | null {
    activeTrace()?.gradOf(this, this.#grad);
    return this.#grad;
  }

  set grad(value: Tensor | null) {
    if (value !== null) checkGrad(this, value);
    activeTrace()?.gradOf(this, this.#grad);
    this.#grad = value;
  }

  /** Where the elements lie in the storage; undefined while a size is only known at run time. */
  get layout(): Layout | undefined {
    const shape = numeric(this.storage.peek.shape);
    if (shape === undefined) return undefined;
    this.#layout ??= this.#steps.reduce((layout, step) => step.arrange(layout), contiguousLayout(shape));
    return this.#layout;
  }

  /** The size of an axis, counted from the end where negative. */
  size(dim: number): number {
    return this.shape[axisOf(dim, this.ndim)] ?? 1;
  }

  /** The number of elements. */
  numel(): number {
    return sizeOf(this.#peek.shape);
  }

  // --- making results ---

  /** A tensor for a node computed from `inputs`: it requires grad if one of them does and gradients are recorded. */
  static fromNode(node: Node, inputs: readonly Tensor[]): Tensor {
    const wanted = isFloat(node.dtype) && inputs.some((input) => input.requiresGrad);
    const recorded = wanted && gradEnabled();
    const device = inputs.find((input) => input.device !== "cpu")?.device ?? "cpu";
    const storage = new Storage(wanted && !recorded ? build.stopGradient(node) : node);
    if (node.depth >= DEEP && noteDeep(storage, device, recorded)) realizeNodes([storage.peek], device);
    return timed(new Tensor(storage, { requiresGrad: recorded, device }));
  }

  /** A view of this tensor: it shares the elements, and writes go through. */
  viewBy(step: ViewStep): Tensor {
    if (this.requiresGrad && !gradEnabled()) return this.detach().viewBy(step);
    return new Tensor(this.storage, { device: this.#device, steps: [...this.#steps, step], root: this.#root });
  }

  /** A view of the whole storage, past the steps of this view. */
  viewOfStorage(step: ViewStep): Tensor {
    if (this.requiresGrad && !gradEnabled()) return this.detach().viewOfStorage(step);
    return new Tensor(this.storage, { device: this.#device, steps: [step], root: this.#root });
  }

  /** Axes in reverse, without a copy: the transpose of a matrix. */
  get T(): Tensor {
    return this.viewBy(permuteStep([...this.dims.keys()].reverse()));
  }

  /** The last two axes exchanged, without a copy. */
  get mT(): Tensor {
    if (this.ndim === 0) return this;
    if (this.ndim === 1)
      throw shapeError("tensor.mT is only supported on matrices or batches of matrices. Got 1-D tensor.");
    const order = [...this.dims.keys()];
    return this.viewBy(permuteStep([...order.slice(0, -2), this.ndim - 1, this.ndim - 2]));
  }

  /** A tensor of what `make` records for the node of this one. */
  map(make: (node: Node) => Node): Tensor {
    return Tensor.fromNode(make(this.node), [this]);
  }

  /** Applies an operation of two operands after PyTorch's promotion; numbers become inputs of the graph, never part of it. */
  combine(other: TensorLike, make: (a: Node, b: Node) => Node): Tensor {
    return Tensor.combineAll([this, other], ([a, b]) => make(a ?? this.node, b ?? this.node));
  }

  /** The same for any number of operands. */
  static combineAll(operands: readonly TensorLike[], make: (nodes: readonly Node[]) => Node): Tensor {
    const nodes = operandNodes(operands.map((operand) => (operand instanceof Tensor ? operand.node : operand)));
    return Tensor.fromNode(
      make(nodes),
      operands.filter((operand) => operand instanceof Tensor),
    );
  }

  // --- writing in place ---

  /** Replaces the elements by those of `node`, of this dtype and of a shape that broadcasts to this one. */
  write(node: Node, inputs: readonly Tensor[] = []): this {
    const recording = gradEnabled();
    const root = this.#root;
    if (recording && root.#requiresGrad && root.isLeaf) throw inPlaceLeafError(this !== root);
    const base = this.storage.node;
    // Written without gradients, another tensor's elements bring no history along.
    const given = !recording && inputs.some((input) => input.requiresGrad) ? build.cutOff(node) : node;
    const fitted = build.expand(build.cast(given, this.dtype), this.dims);
    const written = this.#steps.length === 0 ? fitted : writeThrough(base, this.#steps, fitted);
    const differentiable = recording && isFloat(this.dtype);
    const tracked = differentiable && (root.#requiresGrad || inputs.some((input) => input.requiresGrad));
    if (tracked) {
      root.#requiresGrad = true;
      root.#history = true;
    }
    const { shared } = this.storage;
    // What is not recorded is a value: a leaf stays a leaf, and gradients go where they went before.
    const isValue = shared !== undefined || (root.#requiresGrad && !tracked);
    const leaf = isValue ? build.cutOff(leafOf(written, this.#device)) : written;
    if (shared !== undefined) setElements(shared, elementsOf(leaf, this.#device));
    if (tracked) this.storage.write(written);
    else this.storage.write(root.#requiresGrad && !root.isLeaf ? withHistory(leaf, base) : leaf);
    if (leaf.depth >= DEEP && noteDeep(this.storage, this.#device, tracked)) realizeNodes([leaf], this.#device);
    return this;
  }

  /** Swaps in a computed value, as an optimizer does after a step; one of another device moves the tensor there. */
  assign(node: Node, device: string = this.#device): this {
    const { shared } = this.storage;
    if (shared !== undefined) setElements(shared, elementsOf(node, device));
    this.storage.write(node);
    this.#device = device;
    return this;
  }

  // --- gradients ---

  /**
   * Makes a leaf that requires grad, or no longer does. A view becomes a tensor of its own: it shares elements no more.
   *
   * @throws GRAD_OF_INTEGER for whole numbers and truth values; NOT_A_LEAF for false on what was computed
   */
  requiresGrad_(requiresGrad = true): this {
    if (requiresGrad === this.requiresGrad) return this;
    if (!requiresGrad && !this.isLeaf) throw notLeafError();
    if (requiresGrad && !isFloat(this.dtype)) throw integerGradError(this.dtype);
    if (requiresGrad) {
      if (this.#steps.length > 0) this.#storage = new Storage(this.node);
      this.#steps = [];
      this.#root = this;
      this.#view = undefined;
      this.#storage.isolate();
    }
    this.#requiresGrad = requiresGrad;
    this.#history = false;
    return this;
  }

  /** Forgets what this tensor was computed from: a leaf that does not require grad. */
  detach_(): this {
    if (this.#root !== this) throw detachViewError();
    this.#storage.isolate();
    this.#requiresGrad = false;
    this.#history = false;
    return this;
  }

  /** The same elements without a history; they stay shared: a write to either tensor is seen in both. */
  detach(): Tensor {
    const storage = this.storage.twin();
    if (storage.peek.value === undefined) carry(storage);
    return new Tensor(storage, { device: this.#device, steps: this.#steps });
  }

  /** Computes the elements now and forgets the operations that made them: a leaf. */
  settle(): Tensor {
    return new Tensor(new Storage(leafOf(this.node, this.#device)), { device: this.#device });
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
    if (currentScope().anomaly !== undefined) checkFinite([this]);
    this.#realizeWithGradients(node);
    // What a view looks at is computed with it, once: another view would compute it again.
    if (this.#steps.length > 0) realizeNodes([this.storage.peek, node], this.#device);
    const elements = elementsOf(node, this.#device);
    if (!this.requiresGrad) this.storage.forgetHistory();
    return elements;
  }

  /** Reading a scalar loss, or what was detached from it, also computes its gradients: backward() does not run forward again. */
  #realizeWithGradients(node: Node): void {
    const [source] = node.inputs;
    if (node.value !== undefined || source === undefined || !gradEnabled()) return;
    if (numeric(node.shape) === undefined || sizeOf(node.shape) !== 1) return;
    const isCut = typeof node.op.grad === "string" && node.inputs.length === 1 && source.type === node.type;
    const loss = isCut ? source : node;
    if (loss.value !== undefined || !(isCut || this.requiresGrad)) return;
    const ahead = gradientsAhead(loss);
    realizeNodes([node, loss, ...(ahead === undefined ? [] : foreseen(ahead.leaves, ahead.nodes))], this.#device);
  }

  /** The only element, as a number; an error (NOT_ONE_ELEMENT) where there are more or none. */
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

  /** The elements as nested lists; like every method that ends in Sync, its twin does not give way to the event loop first. */
  async tolist(): Promise<NestedArray> {
    return nest(await this.data(), this.dtype, this.shape);
  }

  tolistSync(): NestedArray {
    return nest(this.dataSync(), this.dtype, this.shape);
  }
}

/** A computed node as a leaf without a history. */
export function leafOf(node: Node, device: string): Node {
  if (activeTrace() !== undefined) return build.cutOff(node);
  realizeNodes([node], device);
  if (node.value === undefined || node.inputs.length === 0) return node;
  return copyLeaf(node, node.value);
}

/** A number as an input of the graph: another number needs no other graph. */
export const scalarNode: (value: Scalar, dtype: DType) => Node = numberNode;
