// Nodes → an ONNX model: order, names, inputs, initializers.
// Knows no operation: each emits itself through the context given to it.
import { AbrazoError, internalError } from "../errors.ts";
import { DTYPES, type DType } from "../graph/dtype.ts";
import { toBfloat16, toHalf } from "../graph/half.ts";
import { placeholderName } from "../graph/leaf.ts";
import type { FileRange, Node } from "../graph/node.ts";
import type { EmitOptions, LowerContext } from "../graph/op.ts";
import type { Dim } from "../graph/shape.ts";
import type { Order } from "../graph/walk.ts";
import type { OnnxInitializer, OnnxModel, OnnxNode, OnnxValue } from "./proto.ts";
import { asComputed, onnxTypeOf, storedAs } from "./represent.ts";

export interface LowerOptions {
  device: string;
  /** Names of leaves, for graphs that others read; leaves without one are numbered. */
  names?: ReadonlyMap<Node, string>;
  outputNames?: readonly string[];
  /** Single float32 numbers that the graph is fed arrive as one vector: to a device each feed is a transfer of its own. */
  packed?: readonly Node[];
  /** How the bytes of a leaf become an initializer; a leaf for which it gives undefined becomes an input. */
  initializer(leaf: Node): OnnxInitializer["content"] | undefined;
}

/** The input that holds packed numbers. */
export const PACKED = "numbers";

export interface Lowered {
  model: OnnxModel;
  /** Leaves in the order of the model's inputs, without those that are packed. */
  inputs: { name: string; node: Node }[];
  /** Sum of multiply-adds, for the choice of threads. */
  flops: number;
  /** Bytes of the intermediate results that are needed at one time, at most: what the session's arena grows to. */
  bytes: number;
}

export function lower(order: Order, outputs: readonly Node[], options: LowerOptions): Lowered {
  const builder = new Builder(options);
  let flops = 0;
  const computed: Node[] = [];
  for (const node of order.nodes) {
    if (order.isLeaf(node) && node.op.lower !== undefined && isOutside(node)) builder.leaf(node);
    else {
      builder.node(node);
      flops += node.op.flops?.(node) ?? elements(node);
      computed.push(node);
    }
  }
  return { model: builder.finish(outputs), inputs: builder.leaves, flops, bytes: mostBytes(computed, outputs) };
}

function elements(node: Node): number {
  return node.shape.reduce<number>((product, dim) => product * (typeof dim === "number" ? dim : 64), 1);
}

/** A result lives from its node to its last reader, an output to the end: the largest sum on the way. */
function mostBytes(computed: readonly Node[], outputs: readonly Node[]): number {
  const lastReader = new Map<Node, number>();
  for (const [place, node] of computed.entries()) {
    for (const input of node.inputs) lastReader.set(input, place);
  }
  for (const output of outputs) lastReader.set(output, computed.length);
  const ending = new Map<number, number>();
  let live = 0;
  let most = 0;
  for (const [place, node] of computed.entries()) {
    const bytes = elements(node) * DTYPES[storedAs(node.dtype)].bytes;
    const end = lastReader.get(node) ?? place;
    live += bytes;
    most = Math.max(most, live);
    ending.set(end, (ending.get(end) ?? 0) + bytes);
    live -= ending.get(place) ?? 0;
  }
  return most;
}

/** A leaf of the graph, as opposed to an operation without inputs such as a constant. */
function isOutside(node: Node): boolean {
  return node.value !== undefined || placeholderName(node) !== undefined;
}

class Builder {
  readonly leaves: { name: string; node: Node }[] = [];
  readonly #options: LowerOptions;
  readonly #nodes: OnnxNode[] = [];
  readonly #initializers: OnnxInitializer[] = [];
  readonly #constants = new Map<string, string>();
  readonly #names = new Map<Node, readonly string[]>();
  readonly #symbols = new Map<string, { name: string; axis: number }>();
  readonly #packed: ReadonlyMap<Node, number>;
  #next = 0;

  constructor(options: LowerOptions) {
    this.#options = options;
    this.#packed = new Map((options.packed ?? []).map((node, place) => [node, place]));
  }

  leaf(node: Node): void {
    const place = this.#packed.get(node);
    if (place !== undefined) {
      const at = this.#constant("int64", node.shape.length === 0 ? place : [place]);
      this.#names.set(node, this.#emit("Gather", [PACKED, at]));
      return;
    }
    const name = placeholderName(node) ?? this.#options.names?.get(node) ?? `i${this.#next++}`;
    this.#names.set(node, [name]);
    const content = placeholderName(node) === undefined ? this.#options.initializer(node) : undefined;
    if (content !== undefined) {
      const dims = node.shape.map(Number);
      this.#initializers.push({ name, dims, dataType: DTYPES[node.dtype].onnx, content });
      this.#names.set(node, [this.#cast(name, node.dtype, storedAs(node.dtype))]);
      return;
    }
    this.leaves.push({ name, node });
    for (const [axis, dim] of node.shape.entries()) {
      if (typeof dim === "string" && !this.#symbols.has(dim)) this.#symbols.set(dim, { name, axis });
    }
  }

  node(node: Node): void {
    // WebGPU refuses to start a kernel for no elements.
    if (this.#options.device === "webgpu" && node.shape.includes(0)) {
      this.#names.set(node, [this.#empty(node)]);
      return;
    }
    const computed = asComputed(node);
    const ctx: LowerContext = {
      node: computed,
      device: this.#options.device,
      onnxType: onnxTypeOf,
      input: (index) => {
        const name = this.#namesOf(node, index)[0] ?? "";
        const own = storedAs(node.inputs[index]?.dtype ?? node.dtype);
        return this.#cast(name, own, computed.inputs[index]?.dtype ?? own);
      },
      emit: (opType, inputs, options) => this.#emit(opType, inputs, options),
      int64: (values) => this.#constant("int64", values),
      constant: (dtype, values) => this.#constant(dtype, values),
      shape: (shape) => this.#shape(shape),
      outputsOf: (index) => this.#namesOf(node, index),
    };
    const results = node.op.lower(ctx);
    this.#names.set(
      node,
      results.map((name) => this.#settle(name, computed.dtype, node.dtype)),
    );
  }

  /**
   * A result takes its output's name where it is made. Identity names it only where it is an input or a constant, or asked for
   * twice: onnxruntime's fusions lose a name that has one reader besides an Identity.
   */
  finish(outputs: readonly Node[]): OnnxModel {
    const made = new Set(this.#nodes.flatMap((node) => node.outputs));
    const renamed = new Map<string, string>();
    const values: OnnxValue[] = outputs.map((node, index) => {
      const name = this.#options.outputNames?.[index] ?? `o${index}`;
      const source = this.#names.get(node)?.[0];
      if (source === undefined) throw internalError(`output ${index} was not lowered`);
      if (made.has(source) && !renamed.has(source)) renamed.set(source, name);
      else this.#nodes.push({ opType: "Identity", inputs: [source], outputs: [name] });
      return { name, dataType: onnxTypeOf(node.dtype), shape: node.shape };
    });
    const rename = (name: string): string => renamed.get(name) ?? name;
    const nodes = this.#nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map(rename),
      outputs: node.outputs.map(rename),
    }));
    const inputs = this.leaves.map(({ name, node }) => ({
      name,
      dataType: onnxTypeOf(node.dtype),
      shape: node.shape,
    }));
    if (this.#packed.size > 0) {
      inputs.push({ name: PACKED, dataType: DTYPES.float32.onnx, shape: [this.#packed.size] });
    }
    return { nodes, initializers: this.#initializers, inputs, outputs: values };
  }

  #namesOf(node: Node, index: number): readonly string[] {
    const input = node.inputs[index];
    const names = input === undefined ? undefined : this.#names.get(input);
    if (names === undefined) throw internalError(`input ${index} of ${node.op.name} was not lowered`);
    return names;
  }

  #cast(name: string, from: DType, to: DType): string {
    if (from === to) return name;
    return this.#emit("Cast", [name], { attrs: { to: DTYPES[to].onnx } })[0] ?? "";
  }

  /** A kernel's result in the node's own dtype. */
  #settle(name: string, computed: DType, dtype: DType): string {
    if (dtype !== "bfloat16") return this.#cast(name, computed, dtype);
    return this.#cast(this.#cast(name, computed, "bfloat16"), "bfloat16", "float32");
  }

  #emit(opType: string, inputs: readonly string[], options: EmitOptions = {}): string[] {
    const outputs = Array.from({ length: options.outputs ?? 1 }, () => `n${this.#next++}`);
    this.#nodes.push({ opType, inputs, outputs, domain: options.domain, attrs: options.attrs });
    return outputs;
  }

  #constant(dtype: DType, values: number | readonly number[]): string {
    const signed = (value: number): string => (Object.is(value, -0) ? "-0" : `${value}`);
    const key = `${dtype}:${typeof values === "number" ? `s${signed(values)}` : values.map(signed).join(",")}`;
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const name = `c${this.#constants.size}`;
    const list = typeof values === "number" ? [values] : values;
    const dims = typeof values === "number" ? [] : [values.length];
    const content = { bytes: encodeNumbers(dtype, list) };
    this.#initializers.push({ name, dims, dataType: DTYPES[dtype].onnx, content });
    this.#constants.set(key, name);
    return name;
  }

  #empty({ shape, dtype }: Node): string {
    const name = `e${this.#initializers.length}`;
    const content = { bytes: new Uint8Array(0) };
    this.#initializers.push({ name, dims: shape.map(Number), dataType: onnxTypeOf(dtype), content });
    return name;
  }

  #shape(shape: readonly Dim[]): string {
    if (shape.every((dim) => typeof dim === "number")) return this.#constant("int64", shape as number[]); // safe because each was just checked
    const parts = shape.map((dim) => (typeof dim === "number" ? this.#constant("int64", [dim]) : this.#symbol(dim)));
    return parts.length === 1 ? (parts[0] ?? "") : (this.#emit("Concat", parts, { attrs: { axis: 0 } })[0] ?? "");
  }

  /** A symbolic size as a one-element int64 tensor, read off the input that declares it; sums are added up. */
  #symbol(dim: string): string {
    const terms = dim.split(" + ").map((term) => {
      const source = this.#symbols.get(term);
      if (source !== undefined) {
        return this.#emit("Shape", [source.name], { attrs: { start: source.axis, end: source.axis + 1 } })[0] ?? "";
      }
      if (/^\d+$/.test(term)) return this.#constant("int64", [Number(term)]);
      throw new AbrazoError({
        code: "UNKNOWN_SYMBOL",
        message: `The symbolic size "${term}" is not a size of any input.`,
        hint: `Declare it on an input; known: ${[...this.#symbols.keys()].join(", ") || "none"}.`,
      });
    });
    return terms.reduce((sum, term) => this.#emit("Add", [sum, term])[0] ?? "");
  }
}

/** Little-endian bytes of numbers in a dtype. */
export function encodeNumbers(dtype: DType, values: readonly number[]): Uint8Array {
  const width = DTYPES[dtype].bytes;
  const bytes = new Uint8Array(values.length * width);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) writeNumber(view, index * width, dtype, value);
  return bytes;
}

function writeNumber(view: DataView, at: number, dtype: DType, value: number): void {
  if (dtype === "float32") view.setFloat32(at, value, true);
  else if (dtype === "float64") view.setFloat64(at, value, true);
  else if (dtype === "int64") view.setBigInt64(at, BigInt(value), true);
  else if (dtype === "int32") view.setInt32(at, value, true);
  else if (dtype === "int16") view.setInt16(at, value, true);
  else if (dtype === "int8") view.setInt8(at, value);
  else if (dtype === "uint8" || dtype === "bool") view.setUint8(at, Number(value));
  else view.setUint16(at, dtype === "float16" ? toHalf(value) : toBfloat16(value), true);
}

/** What a leaf in a file is to a graph's key: its bytes are part of the session. */
export function rangeKey(range: FileRange): string {
  return `${range.path}@${range.offset}`;
}
