// Byte writer for the ONNX messages we emit (onnx.proto of ONNX 1.18, protobuf wire format).
// Knows no operations and no shapes beyond the numbers it is given.
//
//   ModelProto     ir_version=1 producer_name=2 graph=7 opset_import=8
//   GraphProto     node=1 name=2 initializer=5 input=11 output=12
//   NodeProto      input=1 output=2 name=3 op_type=4 attribute=5 domain=7
//   AttributeProto name=1 f=2 i=3 s=4 floats=7 ints=8 type=20
//   TensorProto    dims=1 data_type=2 name=8 raw_data=9 external_data=13 data_location=14
//   ValueInfoProto name=1 type=2 → TypeProto tensor_type=1 → elem_type=1 shape=2 → dim=1 → dim_value=1 dim_param=2

const VARINT = 0;
const BYTES = 2;
const FIXED32 = 5;
const text = new TextEncoder();

/** Grows as it is written; messages inside messages are written first and then copied in with their length. */
export class ProtoWriter {
  #bytes = new Uint8Array(256);
  #length = 0;

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  int(field: number, value: number): this {
    this.#tag(field, VARINT);
    this.#varint(value);
    return this;
  }

  float(field: number, value: number): this {
    this.#tag(field, FIXED32);
    const room = this.#grow(4);
    new DataView(this.#bytes.buffer).setFloat32(room, value, true);
    return this;
  }

  string(field: number, value: string): this {
    return this.bytes(field, text.encode(value));
  }

  bytes(field: number, value: Uint8Array): this {
    this.#tag(field, BYTES);
    this.#varint(value.length);
    const room = this.#grow(value.length);
    this.#bytes.set(value, room);
    return this;
  }

  message(field: number, write: (inner: ProtoWriter) => void): this {
    const inner = new ProtoWriter();
    write(inner);
    return this.bytes(field, inner.#bytes.subarray(0, inner.#length));
  }

  #tag(field: number, wire: number): void {
    this.#varint(field * 8 + wire);
  }

  /** Negative numbers take ten bytes, as two's complement of 64 bits. */
  #varint(value: number): void {
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest > 0x7fn) {
      this.#byte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.#byte(Number(rest));
  }

  #byte(value: number): void {
    const room = this.#grow(1);
    this.#bytes[room] = value;
  }

  #grow(by: number): number {
    const start = this.#length;
    this.#length += by;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, start));
      this.#bytes = larger;
    }
    return start;
  }
}

export type OnnxAttribute = number | string | { float: number } | readonly number[] | { floats: readonly number[] };

export interface OnnxNode {
  opType: string;
  inputs: readonly string[];
  outputs: readonly string[];
  domain?: string | undefined;
  attrs?: Readonly<Record<string, OnnxAttribute>> | undefined;
}

export interface OnnxInitializer {
  name: string;
  dims: readonly number[];
  dataType: number;
  /** Little-endian, row-major. */
  content: { bytes: Uint8Array } | { location: string; offset: number; length: number };
}

export interface OnnxValue {
  name: string;
  dataType: number;
  shape: readonly (number | string)[];
}

export interface OnnxModel {
  nodes: readonly OnnxNode[];
  initializers: readonly OnnxInitializer[];
  inputs: readonly OnnxValue[];
  outputs: readonly OnnxValue[];
}

/** ai.onnx opset 20 (Gelu) and IR 10: what onnxruntime 1.17 and later run, and transformers.js with them. */
const OPSET = 20;
const IR_VERSION = 10;

export function encodeModel(model: OnnxModel): Uint8Array {
  const writer = new ProtoWriter().int(1, IR_VERSION).string(2, "abrazo");
  writer.message(7, (graph) => {
    for (const node of model.nodes) graph.message(1, (inner) => writeNode(inner, node));
    graph.string(2, "graph");
    for (const initializer of model.initializers) graph.message(5, (inner) => writeInitializer(inner, initializer));
    for (const value of model.inputs) graph.message(11, (inner) => writeValue(inner, value));
    for (const value of model.outputs) graph.message(12, (inner) => writeValue(inner, value));
  });
  writer.message(8, (opset) => opset.string(1, "").int(2, OPSET));
  if (model.nodes.some((node) => node.domain === "com.microsoft")) {
    writer.message(8, (opset) => opset.string(1, "com.microsoft").int(2, 1));
  }
  return writer.finish();
}

function writeNode(writer: ProtoWriter, node: OnnxNode): void {
  for (const input of node.inputs) writer.string(1, input);
  for (const output of node.outputs) writer.string(2, output);
  writer.string(4, node.opType);
  for (const [name, value] of Object.entries(node.attrs ?? {})) {
    writer.message(5, (inner) => writeAttribute(inner, name, value));
  }
  if (node.domain !== undefined) writer.string(7, node.domain);
}

const ATTRIBUTE = { float: 1, int: 2, string: 3, floats: 6, ints: 7 } as const;

function writeAttribute(writer: ProtoWriter, name: string, value: OnnxAttribute): void {
  writer.string(1, name);
  if (typeof value === "number") writer.int(3, value).int(20, ATTRIBUTE.int);
  else if (typeof value === "string") writer.string(4, value).int(20, ATTRIBUTE.string);
  else if ("float" in value) writer.float(2, value.float).int(20, ATTRIBUTE.float);
  else if ("floats" in value) {
    for (const item of value.floats) writer.float(7, item);
    writer.int(20, ATTRIBUTE.floats);
  } else {
    for (const item of value) writer.int(8, item);
    writer.int(20, ATTRIBUTE.ints);
  }
}

function writeInitializer(writer: ProtoWriter, { name, dims, dataType, content }: OnnxInitializer): void {
  for (const dim of dims) writer.int(1, dim);
  writer.int(2, dataType).string(8, name);
  if ("bytes" in content) {
    writer.bytes(9, content.bytes);
    return;
  }
  const entries = { location: content.location, offset: `${content.offset}`, length: `${content.length}` };
  for (const [key, value] of Object.entries(entries)) {
    writer.message(13, (inner) => inner.string(1, key).string(2, value));
  }
  writer.int(14, 1);
}

function writeValue(writer: ProtoWriter, { name, dataType, shape }: OnnxValue): void {
  writer.string(1, name).message(2, (type) =>
    type.message(1, (tensor) => {
      tensor.int(1, dataType).message(2, (dims) => {
        for (const dim of shape) {
          dims.message(1, (inner) => (typeof dim === "number" ? inner.int(1, dim) : inner.string(2, dim)));
        }
      });
    }),
  );
}
