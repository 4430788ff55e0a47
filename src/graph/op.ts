// The Op contract, defineOp and the helpers of the families.
// Knows no particular operation.
import { attributeError } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
import type { DType, TypedArray } from "./dtype.ts";
import type { Attrs, Node } from "./node.ts";
import type { Dim, Shape } from "./shape.ts";

export interface TypeInfo {
  shape: Shape;
  dtype: DType;
}

type OnnxAttr = number | string | { float: number } | readonly number[] | { floats: readonly number[] };

/** What a lowering may do: name inputs, emit ONNX nodes, make small constants. */
export interface LowerContext {
  readonly node: Node;
  readonly device: string;
  /** The ONNX number of a dtype. */
  onnxType(dtype: DType): number;
  /** ONNX name of input `index`. */
  input(index: number): string;
  /** Emits one ONNX node and returns the names of its outputs. */
  emit(opType: string, inputs: readonly string[], options?: EmitOptions): string[];
  /** A constant of int64 values; a scalar when `values` is a number. */
  int64(values: number | readonly number[]): string;
  /** A scalar or 1-d constant of a dtype. */
  constant(dtype: DType, values: number | readonly number[]): string;
  /** int64 tensor of a shape whose sizes may be symbolic. */
  shape(shape: readonly Dim[]): string;
  /** All output names of the node behind input `index` (for projections of an operation with several outputs). */
  outputsOf(index: number): readonly string[];
}

export interface EmitOptions {
  attrs?: Readonly<Record<string, OnnxAttr>>;
  outputs?: number;
  domain?: string;
}

export interface GradContext {
  readonly node: Node;
  readonly inputs: readonly Node[];
  readonly attrs: Attrs;
  /** The operation's own result. */
  readonly out: Node;
  /** Gradient of the loss with respect to `out`, of its shape. */
  readonly g: Node;
}

/** The elements of an input, for an operation that is computed in JavaScript: floats of 16 bits do not occur. */
export interface HostArray {
  shape: readonly number[];
  dtype: DType;
  data: TypedArray;
}

export interface Op {
  readonly name: string;
  /** One sentence, with the formula where there is one. */
  readonly doc: string;
  infer(inputs: readonly Node[], attrs: Attrs): TypeInfo;
  /** Emits ONNX and returns the output names, the first being the operation's result. */
  lower(ctx: LowerContext): readonly string[];
  /** Gradients of the inputs (undefined: none flows there), or the reason why there is no gradient. */
  readonly grad: string | ((ctx: GradContext) => readonly (Node | undefined)[]);
  /** base + factor · result, factor being a scalar, where one kernel does all of it; undefined where it does not. */
  addScaledTo?(node: Node, base: Node, factor: Node): Node | undefined;
  /** True for another look at the elements of the first input, which is not worth keeping: it costs next to nothing. */
  readonly isView?: boolean;
  /** True for an operation that reads a further output of its first input: that input is computed even if its value is known. */
  readonly projects?: boolean;
  /** Dtypes without a kernel, and the dtype in which each is computed instead; the result is cast back. */
  readonly computeIn?: Partial<Record<DType, DType>>;
  /** Dtypes in which the operation does not exist: recording it is an error that says so. */
  readonly lacks?: readonly DType[];
  /**
   * What autocast computes it in: the lower dtype (products, whose kernels gain by it) or float32 (sums of many parts and
   * functions that grow fast). When absent, in the widest dtype among its inputs.
   */
  readonly autocast?: "lower" | "float32";
  /**
   * Computes the result in JavaScript where the runtime has no kernel, from the elements of the inputs. Such an operation
   * splits a graph in two runs and cannot be exported; its gradient is made of operations like any other.
   */
  readonly host?: (inputs: readonly HostArray[], node: Node) => Float64Array;
  /**
   * For each input, its axis whose n-th part is all that the n-th part of the result along `axis` takes of it, or undefined where
   * every part takes the whole input. Absent, or undefined as a whole: parts are not made of parts. An attribute `shape` is the
   * result's, and is cut with it. See src/graph/parts.ts.
   */
  readonly along?: (node: Node, axis: number) => readonly (number | undefined)[] | undefined;
  /** True for an operation that gives some parts of its first input along its attribute `axis`, and takes no other input apart. */
  readonly selects?: boolean;
  /** Multiply-adds of the node, for the choice of threads; element count when absent. */
  flops?(node: Node): number;
}

/** Every operation by name, for tests and documentation. The engine never looks an operation up by its name. */
export const OPS = new Map<string, Op>();

export function defineOp(op: Op): Op {
  if (OPS.has(op.name)) throw new Error(`internal: operation ${op.name} is declared twice`);
  OPS.set(op.name, op);
  return op;
}

/** An operation without a kernel: see `host` of the contract. */
export function defineHostOp(op: Omit<Op, "lower"> & Required<Pick<Op, "host">>): Op {
  return defineOp({
    ...op,
    lower: () => {
      throw hostOnlyError(op.name);
    },
  });
}

/** The error of a graph that is to run for any input but needs an operation that only JavaScript computes. */
export function hostOnlyError(name: string): AbrazoError {
  return new AbrazoError({
    code: "HOST_ONLY",
    message: `"${name}" is computed outside of onnxruntime, so a graph that is compiled or exported cannot hold it.`,
    hint: "Compute it before the compiled part, and pass its result as an input.",
    data: { op: name },
  });
}

/** Whole numbers too narrow for most kernels; sums and products wrap in the wider dtype as they would in their own. */
export const NARROW_INTS = { int16: "int32", int8: "int32", uint8: "int32" } as const satisfies Op["computeIn"];
/** Dtypes of functions that exist for real numbers alone. */
export const NOT_REAL: readonly DType[] = ["int8", "int16", "int32", "int64", "uint8", "bool"];

export function inputAt(inputs: readonly Node[], index: number): Node {
  const node = inputs[index];
  if (node === undefined) throw new Error(`internal: operation input ${index} is missing`);
  return node;
}

/** Type rule: as input `index`. */
export function like(index: number): (inputs: readonly Node[]) => TypeInfo {
  return (inputs) => {
    const { shape, dtype } = inputAt(inputs, index);
    return { shape, dtype };
  };
}

/** Parts of an operation on elements: those of each input, aligned from the right, but of what is repeated along the axis. */
export function eachAlong({ shape, inputs }: Node, axis: number): readonly (number | undefined)[] {
  return inputs.map((input) => {
    const own = axis - shape.length + input.shape.length;
    return own < 0 || (input.shape[own] === 1 && shape[axis] !== 1) ? undefined : own;
  });
}

/** Parts of an operation along axes of its own: along any other axis, those of its first input. */
export function apartFrom(axes: (node: Node) => readonly number[]): NonNullable<Op["along"]> {
  return (node, axis) =>
    axes(node).includes(axis) ? undefined : node.inputs.map((_, at) => (at === 0 ? axis : undefined));
}

/** Lowering: one ONNX node over all inputs. */
export function direct(opType: string, options: EmitOptions = {}): (ctx: LowerContext) => readonly string[] {
  return (ctx) =>
    ctx.emit(
      opType,
      ctx.node.inputs.map((_, index) => ctx.input(index)),
      options,
    );
}

export function numberAttr(attrs: Attrs, name: string): number {
  const value = attrs[name];
  if (typeof value !== "number") throw attributeError(name, "number", value);
  return value;
}

export function stringAttr(attrs: Attrs, name: string): string {
  const value = attrs[name];
  if (typeof value !== "string") throw attributeError(name, "string", value);
  return value;
}

export function listAttr(attrs: Attrs, name: string): readonly number[] {
  const value = attrs[name];
  if (!Array.isArray(value)) throw new Error(`internal: attribute ${name} is not a list`);
  // safe because the operations that write list attributes write numbers, but for shapes, read by dimsAttr
  return value as readonly number[];
}

export function dimsAttr(attrs: Attrs, name: string): readonly Dim[] {
  const value = attrs[name];
  if (!Array.isArray(value)) throw new Error(`internal: attribute ${name} is not a list`);
  return value;
}

export function flag(attrs: Attrs, name: string): boolean {
  return attrs[name] === true;
}
