// ONNX models with smaller weights: 16 bits, or 8 or 4 with a scale a row or a block.
// Knows graphs only: no files, no model types.
//
// 8 bits, activations quantized as they come:
//   MatMul(a, w)       → DynamicQuantizeLinear(a) → MatMulInteger with w as uint8, zero point 128 → Cast → Mul(scales)
//   Gather(table, ids) → Gather(int8 table, ids) → Cast → Mul(Gather(scales, ids))
//
// 4 bits: MatMul(a, w) → MatMulNBits(a, blocks of w, scales); embeddings as with 8.
// Products of a single row a text, such as poolers and classifiers, stay as they are.
// Weights are uint8 and not int8: on x86 processors without VNNI the kernel for int8 weights saturates in 16 bits.
import { internalError } from "../src/errors.ts";
import { DTYPES } from "../src/graph/dtype.ts";
import { toHalf } from "../src/graph/half.ts";
import type { OnnxInitializer, OnnxModel, OnnxNode } from "../src/onnx/proto.ts";

const { float16, float32, int8, uint8 } = DTYPES;
const ZERO_POINT = 128;
/** Products with fewer outputs stay in float32: a classifier's head is small, and its error would be the result's. */
const LEAST_OUTPUTS = 16;

/** A matrix as bytes: row r is (bytes - zero point) * scales[r]. */
export interface QuantizedRows {
  bytes: Uint8Array | Int8Array;
  scales: Float32Array;
}

/** Symmetric quantization of each row of a [rows, columns] matrix: scale = max |w| / 127. */
export function quantizeRows(weights: Float32Array, rows: number, columns: number, zeroPoint: 0 | 128): QuantizedRows {
  const bytes = zeroPoint === 0 ? new Int8Array(weights.length) : new Uint8Array(weights.length);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const start = row * columns;
    let largest = 0;
    for (let at = start; at < start + columns; at++) largest = Math.max(largest, Math.abs(weights[at] ?? 0));
    const scale = Math.fround(largest / 127);
    scales[row] = scale;
    for (let at = start; at < start + columns; at++) {
      const steps = scale === 0 ? 0 : Math.round((weights[at] ?? 0) / scale);
      bytes[at] = Math.max(-127, Math.min(127, steps)) + zeroPoint;
    }
  }
  return { bytes, scales };
}

/** Weights of a block, which share a scale, and bytes of two weights each. */
const BLOCK = 32;
const BLOCK_BYTES = BLOCK / 2;

/** A matrix in blocks along its rows, the last one of a row filled up with zeros: a weight is (nibble - 8) * scale. */
export interface QuantizedBlocks {
  /** [rows, blocks, 16], the first weight of two in the low half. */
  bytes: Uint8Array;
  /** [rows * blocks] */
  scales: Float32Array;
}

/**
 * Symmetric quantization of a [rows, columns] matrix to 4 bits: the largest |w| of a block becomes -8, which has no positive
 * twin, so that all 16 steps are used on its side.
 */
export function packBlocks(weights: Float32Array, rows: number, columns: number): QuantizedBlocks {
  const blocks = Math.ceil(columns / BLOCK);
  const bytes = new Uint8Array(rows * blocks * BLOCK_BYTES);
  const scales = new Float32Array(rows * blocks);
  for (let block = 0; block < scales.length; block++) {
    const start = Math.floor(block / blocks) * columns + (block % blocks) * BLOCK;
    const end = Math.min(start + BLOCK, (Math.floor(block / blocks) + 1) * columns);
    let extreme = 0;
    for (let at = start; at < end; at++) {
      if (Math.abs(weights[at] ?? 0) > Math.abs(extreme)) extreme = weights[at] ?? 0;
    }
    const scale = extreme === 0 ? 0 : Math.fround(extreme / -8);
    scales[block] = scale;
    const step = (at: number): number => {
      const steps = scale === 0 || at >= end ? 0 : Math.round((weights[at] ?? 0) / scale);
      return Math.max(-8, Math.min(7, steps)) + 8;
    };
    for (let pair = 0; pair < BLOCK_BYTES; pair++) {
      bytes[block * BLOCK_BYTES + pair] = step(start + 2 * pair) | (step(start + 2 * pair + 1) << 4);
    }
  }
  return { bytes, scales };
}

/** [rows, columns] turned into [columns, rows]. */
export function transposed<Array extends Float32Array | Uint8Array>(
  matrix: Array,
  rows: number,
  columns: number,
): Array {
  const out = matrix.slice() as Array; // safe because slice() gives an array of the same type
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) out[column * rows + row] = matrix[row * columns + column] ?? 0;
  }
  return out;
}

/** The same model with its large products and embeddings in 8 bits. Inputs and outputs stay as they are. */
export function quantizeModel(model: OnnxModel): OnnxModel {
  return new Quantizer(model, 8).run();
}

/** The same model with its large products in 4 bits and its embeddings in 8. Inputs and outputs stay as they are. */
export function quantizeBlocks(model: OnnxModel): OnnxModel {
  return new Quantizer(model, 4).run();
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
    const bits = Uint16Array.from(floatsOf(initializer), (weight) => toHalf(Math.max(-65504, Math.min(65504, weight))));
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
  readonly #bits: 8 | 4;
  readonly #initializers: Map<string, OnnxInitializer>;
  readonly #producers = new Map<string, OnnxNode>();
  readonly #nodes: OnnxNode[] = [];
  readonly #added = new Map<string, OnnxInitializer>();
  /** Quantized activations by the name of the float32 one: q, k and v share theirs. */
  readonly #activations = new Map<string, readonly [quantized: string, scale: string, zero: string]>();

  constructor(model: OnnxModel, bits: 8 | 4) {
    this.#model = model;
    this.#bits = bits;
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
    const [a, b] = node.inputs;
    const weight = node.opType === "MatMul" && b !== undefined ? this.#weightOf(b) : undefined;
    if (weight === undefined || a === undefined) return false;
    const { initializer, turned } = weight;
    const [rows = 0, columns = 0] = initializer.dims;
    const outputs = turned ? rows : columns;
    if (outputs < LEAST_OUTPUTS) return false;
    if (this.#bits === 8) this.#byteProduct(a, weight, node.outputs[0] ?? "");
    else this.#blockProduct(a, weight, node.outputs[0] ?? "");
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
  #blockProduct(a: string, { initializer, turned }: Weight, y: string): void {
    const [rows = 0, columns = 0] = initializer.dims;
    const [outputs, inputs] = turned ? [rows, columns] : [columns, rows];
    const base = `${initializer.name}${turned ? "_turned" : ""}_uint4`;
    const [bytes, scales] = [base, `${base}_scale`];
    if (!this.#added.has(bytes)) {
      const weights = floatsOf(initializer);
      const packed = packBlocks(turned ? weights : transposed(weights, rows, columns), outputs, inputs);
      this.#add(bytes, [outputs, Math.ceil(inputs / BLOCK), BLOCK_BYTES], uint8.onnx, packed.bytes);
      this.#add(scales, [packed.scales.length], float32.onnx, packed.scales);
    }
    this.#nodes.push({
      ...{ opType: "MatMulNBits", domain: "com.microsoft", inputs: [a, bytes, scales], outputs: [y] },
      // Activations are rounded to 8 bits a block: with less the kernel is several times slower.
      attrs: { K: inputs, N: outputs, bits: 4, block_size: BLOCK, accuracy_level: 4 },
    });
  }

  #embedding(node: OnnxNode): boolean {
    const [name, ids] = node.inputs;
    const table = name === undefined ? undefined : this.#initializers.get(name);
    if (node.opType !== "Gather" || ids === undefined || !isMatrix(table) || node.attrs?.["axis"] !== 0) return false;
    const y = node.outputs[0] ?? "";
    const shared = this.#added.has(`${table.name}_turned_uint8`) || this.#isProductOf(table.name);
    if (this.#bits === 8 && shared && this.#rankOf(ids) === 2) this.#sharedRows(table, ids, y);
    else this.#ownRows(table, ids, y);
    return true;
  }

  #ownRows(table: OnnxInitializer, ids: string, y: string): void {
    const [rows = 0, columns = 0] = table.dims;
    const [bytes, scales, picked, real, factor] = [
      `${table.name}_int8`,
      `${table.name}_scale`,
      `${y}_int8`,
      `${y}_float`,
      `${y}_scale`,
    ];
    if (!this.#added.has(bytes)) {
      const quantized = quantizeRows(floatsOf(table), rows, columns, 0);
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
    const zero = this.#floatZeroPoint();
    const name = (part: string) => `${y}_${part}`;
    this.#nodes.push(
      { opType: "Gather", inputs: [matrix, ids], outputs: [name("uint8")], attrs: { axis: 1 } }, // [D, B, T]
      { opType: "Transpose", inputs: [name("uint8")], outputs: [name("turned")], attrs: { perm: [1, 2, 0] } }, // [B, T, D]
      { opType: "Cast", inputs: [name("turned")], outputs: [name("float")], attrs: { to: float32.onnx } },
      { opType: "Sub", inputs: [name("float"), zero], outputs: [name("centred")] },
      { opType: "Gather", inputs: [scales, ids], outputs: [name("scale")], attrs: { axis: 0 } }, // [B, T]
      { opType: "Unsqueeze", inputs: [name("scale"), axis], outputs: [name("column")] },
      { opType: "Mul", inputs: [name("centred"), name("column")], outputs: [y] },
    );
  }

  /** A weight as [inputs, outputs] of uint8 with one scale an output. */
  #byteMatrix(initializer: OnnxInitializer, turned: boolean): { matrix: string; scales: string } {
    const [rows = 0, columns = 0] = initializer.dims;
    const base = turned ? `${initializer.name}_turned` : initializer.name;
    const names = { matrix: `${base}_uint8`, scales: `${base}_scale` };
    if (this.#added.has(names.matrix)) return names;
    const [outputs, inputs] = turned ? [rows, columns] : [columns, rows];
    const weights = floatsOf(initializer);
    const perOutput = turned ? weights : transposed(weights, rows, columns); // [outputs, inputs]
    const { bytes, scales } = quantizeRows(perOutput, outputs, inputs, ZERO_POINT);
    this.#add(names.matrix, [inputs, outputs], uint8.onnx, transposed(bytes as Uint8Array, outputs, inputs)); // safe because the zero point asks for uint8
    this.#add(names.scales, [outputs], float32.onnx, scales);
    return names;
  }

  #activation(name: string): readonly [string, string, string] {
    const known = this.#activations.get(name);
    if (known !== undefined) return known;
    const outputs = [`${name}_quantized`, `${name}_quantized_scale`, `${name}_quantized_zero`] as const;
    this.#nodes.push({ opType: "DynamicQuantizeLinear", inputs: [name], outputs });
    this.#activations.set(name, outputs);
    return outputs;
  }

  /** The float32 matrix behind an operand: an initializer, or one that is only turned. */
  #weightOf(name: string): Weight | undefined {
    const direct = this.#initializers.get(name);
    if (isMatrix(direct)) return { initializer: direct, turned: false };
    const producer = this.#producers.get(name);
    const source = producer?.opType === "Transpose" ? this.#initializers.get(producer.inputs[0] ?? "") : undefined;
    return isMatrix(source) ? { initializer: source, turned: true } : undefined;
  }

  #isProductOf(table: string): boolean {
    return this.#model.nodes.some((node) => {
      if (node.opType !== "MatMul") return false;
      const weight = this.#weightOf(node.inputs[1] ?? "");
      return weight?.turned === true && weight.initializer.name === table;
    });
  }

  #rankOf(name: string): number | undefined {
    return this.#model.inputs.find((input) => input.name === name)?.shape.length;
  }

  #zeroPoint(): string {
    const name = "quantized_zero_point";
    if (!this.#added.has(name)) this.#add(name, [], uint8.onnx, new Uint8Array([ZERO_POINT]));
    return name;
  }

  #floatZeroPoint(): string {
    const name = "quantized_zero_point_float";
    if (!this.#added.has(name)) this.#add(name, [], float32.onnx, new Float32Array([ZERO_POINT]));
    return name;
  }

  #constant(name: string, values: readonly number[]): string {
    if (!this.#added.has(name)) this.#add(name, [values.length], DTYPES.int64.onnx, BigInt64Array.from(values, BigInt));
    return name;
  }

  #add(name: string, dims: readonly number[], dataType: number, data: ArrayBufferView): void {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.#added.set(name, { name, dims, dataType, content: { bytes } });
  }
}

function isMatrix(initializer: OnnxInitializer | undefined): initializer is OnnxInitializer {
  return initializer?.dataType === float32.onnx && initializer.dims.length === 2;
}

function floatsOf({ name, content }: OnnxInitializer): Float32Array {
  if (!("bytes" in content)) throw internalError(`the weight ${name} is not inside the model`);
  return new Float32Array(content.bytes.slice().buffer);
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
