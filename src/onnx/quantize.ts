// ONNX models with smaller weights: 16 bits, or 8 or 4 with a scale a row or a block.
// Knows graphs only: no files, no model types.
//
// 8 bits, activations quantized as they come:
//   MatMul(a, w)       → DynamicQuantizeLinear(a) → MatMulInteger with w as bytes → Cast → Mul(scales)
//   Gather(table, ids) → Gather(int8 table, ids) → Cast → Mul(Gather(scales, ids))
//
// In blocks, which 4 bits are, and 8 bits in decoders:
//   MatMul(a, w)       → MatMulNBits(a, blocks of w, scales), which quantizes activations a block
//   Gather(table, ids) → as above; of a table that is also a product's, GatherBlockQuantized(blocks of w, ids, scales)
//
// Products of a single row a text, such as poolers and classifiers, stay as they are.
//
// Measured on x [M, 768] W [768, 3072], onnxruntime 1.30, one thread with AVX-512 VNNI, milliseconds for M = 1, 8, 512, and the
// relative error of the result:
//   float32                            0.097  0.199  12.0
//   MatMulInteger, int8                0.035  0.061   3.2   1.2e-2
//   MatMulInteger, uint8               0.036  0.113   6.7   1.2e-2
//   MatMulNBits, 8 bits, level 4       0.035  0.134   8.6   0.8e-2
//   MatMulNBits, 8 bits, level 0       2.259  2.491  12.8   0.5e-2
//   MatMulNBits, 4 bits, level 4       0.031  0.156   9.9   8.6e-2
//   MatMulNBits, 4 bits, level 0       0.098  0.444  10.6   8.6e-2
// MatMulInteger has one scale for all activations of a run. In a decoder it would cost nothing less for a token, a text's result
// would depend on those that share its step, and the few activations that are very large (of the first token) would take all
// precision from the others: decoders have blocks, and their prompts take somewhat less than in float32.
import { internalError } from "../errors.ts";
import { DTYPES } from "../graph/dtype.ts";
import { fromHalf, toHalf, widenBfloat16 } from "../graph/half.ts";
import { discard } from "./discard.ts";
import type { OnnxInitializer, OnnxModel, OnnxNode } from "./proto.ts";
import { BLOCK, type BlockBits, blockBytes, packBlocks, quantizeRows, transposed } from "./quantized.ts";

const { bfloat16, float16, float32, int8, uint8 } = DTYPES;
/** Products with fewer outputs stay in float32: a classifier's head is small, and its error would be the result's. */
const LEAST_OUTPUTS = 16;

/** What is known of a model beside its graph. */
export interface QuantizeOptions {
  /** Bytes of a weight that lies in a file. */
  read?: (initializer: OnnxInitializer) => Uint8Array;
  /** Takes what a weight was made into elsewhere; it stays inside the model otherwise. */
  place?: (bytes: Uint8Array) => OnnxInitializer["content"];
  /**
   * Weights of 8 bits as int8 rather than uint8, which stand for the same numbers. The kernel for int8 is the faster one, but on
   * x86 processors without VNNI it saturates in 16 bits: not for files, which run anywhere.
   */
  signed?: boolean;
  /** Names of weights that stay as they are. */
  exact?: ReadonlySet<string>;
}

/** The same model with its large products and embeddings in 8 bits. Inputs and outputs stay as they are. */
export function quantizeModel(model: OnnxModel, options: QuantizeOptions = {}): OnnxModel {
  return new Quantizer(model, 8, options).run();
}

/** The same model with its large products in 4 bits and its embeddings in 8. Inputs and outputs stay as they are. */
export function quantizeBlocks(model: OnnxModel, options: QuantizeOptions = {}): OnnxModel {
  return new Quantizer(model, 4, options).run();
}

/**
 * The same model with its matrices in float16. It computes in float32: runtimes for CPUs lack most kernels for less, and turn
 * weights back once, when they load.
 */
export function halveWeights(model: OnnxModel): OnnxModel {
  const casts: OnnxNode[] = [];
  const initializers = model.initializers.map((initializer): OnnxInitializer => {
    if (initializer.dataType !== float32.onnx || initializer.dims.length < 2) return initializer;
    const name = `${initializer.name}_float16`;
    casts.push({ opType: "Cast", inputs: [name], outputs: [initializer.name], attrs: { to: float32.onnx } });
    const bits = Uint16Array.from(floatsOf(initializer, bytesInside(initializer)), (weight) =>
      toHalf(Math.max(-65504, Math.min(65504, weight))),
    );
    return { name, dims: initializer.dims, dataType: float16.onnx, content: { bytes: new Uint8Array(bits.buffer) } };
  });
  return { ...model, initializers, nodes: [...casts, ...model.nodes] };
}

interface Weight {
  initializer: OnnxInitializer;
  /** Stored as [outputs, inputs], to be turned for the product. */
  turned: boolean;
}

class Quantizer {
  readonly #model: OnnxModel;
  /** Of the weights of products. */
  readonly #bits: BlockBits;
  readonly #inBlocks: boolean;
  readonly #options: QuantizeOptions;
  readonly #initializers: Map<string, OnnxInitializer>;
  readonly #producers = new Map<string, OnnxNode>();
  readonly #nodes: OnnxNode[] = [];
  readonly #added = new Map<string, OnnxInitializer>();
  /** Quantized activations by the name of the float32 one: q, k and v share theirs. */
  readonly #activations = new Map<string, readonly [quantized: string, scale: string, zero: string]>();

  constructor(model: OnnxModel, bits: BlockBits, options: QuantizeOptions) {
    this.#model = model;
    this.#bits = bits;
    this.#inBlocks = bits === 4 || model.inputs.some(({ name }) => name.startsWith("past_key_values."));
    this.#options = options;
    this.#initializers = new Map(model.initializers.map((initializer) => [initializer.name, initializer]));
    for (const node of model.nodes) for (const output of node.outputs) this.#producers.set(output, node);
  }

  run(): OnnxModel {
    for (const node of this.#model.nodes) {
      if (!(this.#product(node) || this.#embedding(node))) this.#nodes.push(node);
    }
    return withoutUnused({
      ...this.#model,
      nodes: this.#nodes,
      initializers: [...this.#model.initializers, ...this.#added.values()],
    });
  }

  #product(node: OnnxNode): boolean {
    const [a] = node.inputs;
    const weight = this.#weightOfProduct(node);
    if (weight === undefined || a === undefined) return false;
    const { initializer, turned } = weight;
    const [rows = 0, columns = 0] = initializer.dims;
    const outputs = turned ? rows : columns;
    if (outputs < LEAST_OUTPUTS) return false;
    if (this.#inBlocks) this.#blockProduct(a, weight, node.outputs[0] ?? "");
    else this.#byteProduct(a, weight, node.outputs[0] ?? "");
    return true;
  }

  #byteProduct(a: string, { initializer, turned }: Weight, y: string): void {
    const { matrix, scales } = this.#byteMatrix(initializer, turned);
    const [quantized, scale, zero] = this.#activation(a);
    const [whole, real, both] = [`${y}_integer`, `${y}_float`, `${y}_scale`];
    this.#nodes.push(
      { opType: "MatMulInteger", inputs: [quantized, matrix, zero, this.#zeroPoint()], outputs: [whole] },
      { opType: "Cast", inputs: [whole], outputs: [real], attrs: { to: float32.onnx } },
      { opType: "Mul", inputs: [scale, scales], outputs: [both] },
      { opType: "Mul", inputs: [real, both], outputs: [y] },
    );
  }

  /** Rows of the kernel's matrix are the outputs, as a layer stores them. */
  #blockProduct(a: string, weight: Weight, y: string): void {
    const { bytes, scales, outputs, inputs } = this.#blockMatrix(weight);
    this.#nodes.push({
      ...{ opType: "MatMulNBits", domain: "com.microsoft", inputs: [a, bytes, scales], outputs: [y] },
      // Activations are rounded to 8 bits a block: with less the kernel is several times slower.
      attrs: { K: inputs, N: outputs, bits: this.#bits, block_size: BLOCK, accuracy_level: 4 },
    });
  }

  #blockMatrix({ initializer, turned }: Weight) {
    const [rows = 0, columns = 0] = initializer.dims;
    const [outputs, inputs] = turned ? [rows, columns] : [columns, rows];
    const base = `${initializer.name}${turned ? "_turned" : ""}_uint${this.#bits}_blocks`;
    const [bytes, scales, blocks] = [base, `${base}_scale`, Math.ceil(inputs / BLOCK)];
    if (!this.#added.has(bytes)) {
      const pack = (perOutput: Float32Array) => packBlocks(perOutput, outputs, inputs, this.#bits);
      const packed = this.#perOutput(initializer, turned, pack);
      this.#add(bytes, [outputs, blocks, blockBytes(this.#bits)], uint8.onnx, packed.bytes);
      this.#add(scales, [outputs, blocks], float32.onnx, packed.scales);
    }
    return { bytes, scales, outputs, inputs };
  }

  #embedding(node: OnnxNode): boolean {
    const [name = "", ids] = node.inputs;
    const table = node.opType === "Gather" && node.attrs?.["axis"] === 0 ? this.#weightOf(name) : undefined;
    if (table === undefined || table.turned || ids === undefined) return false;
    const { initializer } = table;
    const y = node.outputs[0] ?? "";
    const shared = this.#isProductOf(initializer.name);
    const isWhole = (initializer.dims[1] ?? 0) % BLOCK === 0;
    if (shared && this.#inBlocks && isWhole) this.#sharedBlocks(initializer, ids, y);
    else if (shared && !this.#inBlocks && this.#rankOf(ids) === 2) this.#sharedRows(initializer, ids, y);
    else this.#ownRows(initializer, ids, y);
    return true;
  }

  #ownRows(table: OnnxInitializer, ids: string, y: string): void {
    const [rows = 0, columns = 0] = table.dims;
    const [bytes, scales, picked, real, factor] = [
      `${table.name}_rows_int8`,
      `${table.name}_rows_scale`,
      `${y}_int8`,
      `${y}_float`,
      `${y}_scale`,
    ];
    if (!this.#added.has(bytes)) {
      const quantized = this.#perOutput(table, true, (weights) => quantizeRows(weights, rows, columns, 0));
      this.#add(bytes, [rows, columns], int8.onnx, quantized.bytes);
      this.#add(scales, [rows, 1], float32.onnx, quantized.scales);
    }
    this.#nodes.push(
      { opType: "Gather", inputs: [bytes, ids], outputs: [picked], attrs: { axis: 0 } },
      { opType: "Cast", inputs: [picked], outputs: [real], attrs: { to: float32.onnx } },
      { opType: "Gather", inputs: [scales, ids], outputs: [factor], attrs: { axis: 0 } },
      { opType: "Mul", inputs: [real, factor], outputs: [y] },
    );
  }

  /** A table that is also the matrix of a product (a tied language model head) is stored once, as the product needs it. */
  #sharedRows(table: OnnxInitializer, ids: string, y: string): void {
    const { matrix, scales } = this.#byteMatrix(table, true);
    const axis = this.#constant("quantized_axis_last", [-1]);
    const isSigned = this.#bytes.zero === 0;
    const name = (part: string) => `${y}_${part}`;
    this.#nodes.push(
      { opType: "Gather", inputs: [matrix, ids], outputs: [name("bytes")], attrs: { axis: 1 } }, // [D, B, T]
      { opType: "Transpose", inputs: [name("bytes")], outputs: [name("turned")], attrs: { perm: [1, 2, 0] } }, // [B, T, D]
      { opType: "Cast", inputs: [name("turned")], outputs: [name("float")], attrs: { to: float32.onnx } },
      ...(isSigned ? [] : [this.#centred(name("float"), name("centred"))]),
      { opType: "Gather", inputs: [scales, ids], outputs: [name("scale")], attrs: { axis: 0 } }, // [B, T]
      { opType: "Unsqueeze", inputs: [name("scale"), axis], outputs: [name("column")] },
      { opType: "Mul", inputs: [name(isSigned ? "float" : "centred"), name("column")], outputs: [y] },
    );
  }

  /**
   * The same in blocks. In the shipped language model 4 bits of the table add 0.006 to a loss of 4.28, the head's own add 0.012:
   * a second copy of 8 bits is not worth its memory.
   */
  #sharedBlocks(initializer: OnnxInitializer, ids: string, y: string): void {
    const { bytes, scales, outputs } = this.#blockMatrix({ initializer, turned: true });
    const [shape, rows] = [this.#constant(`${bytes}_shape`, [outputs, -1]), `${y}_blocks`];
    this.#nodes.push(
      { opType: "Reshape", inputs: [bytes, shape], outputs: [rows] },
      {
        ...{ opType: "GatherBlockQuantized", domain: "com.microsoft", inputs: [rows, ids, scales], outputs: [y] },
        attrs: { bits: this.#bits, block_size: BLOCK, gather_axis: 0, quantize_axis: 1 },
      },
    );
  }

  /** A weight as [inputs, outputs] of bytes with one scale an output. */
  #byteMatrix(initializer: OnnxInitializer, turned: boolean): { matrix: string; scales: string } {
    const [rows = 0, columns = 0] = initializer.dims;
    const base = turned ? `${initializer.name}_turned` : initializer.name;
    const { name, zero, onnx } = this.#bytes;
    const names = { matrix: `${base}_${name}`, scales: `${base}_scale` };
    if (this.#added.has(names.matrix)) return names;
    const [outputs, inputs] = turned ? [rows, columns] : [columns, rows];
    const quantize = (perOutput: Float32Array) => quantizeRows(perOutput, outputs, inputs, zero);
    const { bytes, scales } = this.#perOutput(initializer, turned, quantize);
    this.#add(names.matrix, [inputs, outputs], onnx, transposed(bytes, outputs, inputs));
    discard([bytes.buffer]);
    this.#add(names.scales, [outputs], float32.onnx, scales);
    return names;
  }

  /** How the weights of products are stored in 8 bits. */
  get #bytes() {
    return this.#options.signed === true ? SIGNED : UNSIGNED;
  }

  #activation(name: string): readonly [string, string, string] {
    const known = this.#activations.get(name);
    if (known !== undefined) return known;
    const outputs = [`${name}_quantized`, `${name}_quantized_scale`, `${name}_quantized_zero`] as const;
    this.#nodes.push({ opType: "DynamicQuantizeLinear", inputs: [name], outputs });
    this.#activations.set(name, outputs);
    return outputs;
  }

  /** The matrix that a node multiplies by, where it is a weight. */
  #weightOfProduct(node: OnnxNode): Weight | undefined {
    const { transA = 0, transB = 0, alpha } = node.attrs ?? {};
    const isProduct =
      node.opType === "MatMul" || (node.opType === "FusedMatMul" && transA === 0 && alpha === undefined);
    const weight = isProduct ? this.#weightOf(node.inputs[1] ?? "") : undefined;
    return weight && transB === 1 ? { ...weight, turned: !weight.turned } : weight;
  }

  /** The matrix behind an operand: an initializer, or one that is only turned or made wider. */
  #weightOf(operand: string): Weight | undefined {
    let [name, turned] = [operand, false];
    for (let producer = this.#producers.get(name); producer !== undefined; producer = this.#producers.get(name)) {
      const isWider = producer.opType === "Cast" && producer.attrs?.["to"] === float32.onnx;
      if (!isWider && producer.opType !== "Transpose") return undefined;
      if (!isWider) turned = !turned;
      name = producer.inputs[0] ?? "";
    }
    const initializer = this.#initializers.get(name);
    if (!isMatrix(initializer) || this.#options.exact?.has(name)) return undefined;
    return { initializer, turned };
  }

  #isProductOf(table: string): boolean {
    return this.#model.nodes.some((node) => {
      const weight = this.#weightOfProduct(node);
      return weight?.turned === true && weight.initializer.name === table;
    });
  }

  #rankOf(name: string): number | undefined {
    return this.#model.inputs.find((input) => input.name === name)?.shape.length;
  }

  #zeroPoint(): string {
    const { zero, onnx } = this.#bytes;
    const name = "quantized_zero_point";
    if (!this.#added.has(name)) this.#add(name, [], onnx, new Uint8Array([zero]));
    return name;
  }

  /** Bytes less their zero point. */
  #centred(bytes: string, out: string): OnnxNode {
    const zero = "quantized_zero_point_float";
    if (!this.#added.has(zero)) this.#add(zero, [], float32.onnx, new Float32Array([this.#bytes.zero]));
    return { opType: "Sub", inputs: [bytes, zero], outputs: [out] };
  }

  #constant(name: string, values: readonly number[]): string {
    if (!this.#added.has(name)) this.#add(name, [values.length], DTYPES.int64.onnx, BigInt64Array.from(values, BigInt));
    return name;
  }

  /** What `use` makes of a matrix as [outputs, inputs]. Nothing else of it is kept. */
  #perOutput<Made>(initializer: OnnxInitializer, turned: boolean, use: (perOutput: Float32Array) => Made): Made {
    const [rows = 0, columns = 0] = initializer.dims;
    const bytes = (this.#options.read ?? bytesInside)(initializer);
    const weights = floatsOf(initializer, bytes);
    const perOutput = turned ? weights : transposed(weights, rows, columns);
    const made = use(perOutput);
    const buffers = new Set([bytes, weights, perOutput].map(({ buffer }) => buffer as ArrayBuffer)); // safe because weights are in no shared memory
    if ("bytes" in initializer.content) buffers.delete(initializer.content.bytes.buffer as ArrayBuffer); // safe for the same reason
    discard([...buffers]);
    return made;
  }

  #add(name: string, dims: readonly number[], dataType: number, data: ArrayBufferView<ArrayBuffer>): void {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const content = this.#options.place?.(bytes) ?? { bytes };
    this.#added.set(name, { name, dims, dataType, content });
    if (!("bytes" in content)) discard([data.buffer]);
  }
}

/** What MatMulInteger takes. */
const UNSIGNED = { name: "uint8", zero: 128, onnx: uint8.onnx } as const;
const SIGNED = { name: "int8", zero: 0, onnx: int8.onnx } as const;

function isMatrix(initializer: OnnxInitializer | undefined): initializer is OnnxInitializer {
  if (initializer === undefined || initializer.dims.length !== 2) return false;
  return initializer.dataType in FLOATS;
}

/** How the elements of a dtype, by its number, are float32. */
const FLOATS: Readonly<Record<number, (buffer: ArrayBuffer) => Float32Array>> = {
  [float32.onnx]: (buffer) => new Float32Array(buffer),
  [float16.onnx]: (buffer) => Float32Array.from(new Uint16Array(buffer), fromHalf),
  [bfloat16.onnx]: (buffer) => widenBfloat16(new Uint16Array(buffer)),
};

function bytesInside({ name, content }: OnnxInitializer): Uint8Array {
  if (!("bytes" in content)) throw internalError(`the weight ${name} is not inside the model`);
  return content.bytes;
}

function floatsOf(initializer: OnnxInitializer, bytes: Uint8Array): Float32Array {
  const isWhole = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength;
  const buffer = isWhole ? bytes.buffer : bytes.slice().buffer;
  return FLOATS[initializer.dataType]?.(buffer as ArrayBuffer) ?? new Float32Array(); // safe because weights are in no shared memory
}

/** Drops nodes and weights that nothing reads any more, from the end to the start. */
function withoutUnused(model: OnnxModel): OnnxModel {
  const needed = new Set(model.outputs.map(({ name }) => name));
  const nodes: OnnxNode[] = [];
  for (const node of [...model.nodes].reverse()) {
    if (!node.outputs.some((output) => needed.has(output))) continue;
    nodes.push(node);
    for (const input of node.inputs) needed.add(input);
  }
  return {
    ...model,
    nodes: nodes.reverse(),
    initializers: model.initializers.filter(({ name }) => needed.has(name)),
  };
}
