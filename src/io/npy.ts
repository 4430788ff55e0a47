// NumPy's .npy and .npz: header, elements, archive of arrays. Object arrays are pickles and never read.
// Knows no tensors. Follows numpy.lib.format.
//
//   6 bytes   "\x93NUMPY"
//   2 bytes   version 1.0, 2.0 or 3.0
//   2 or 4    length of the header (4 from version 2 on), little-endian
//   header    a Python dict {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}, padded to 64 with spaces and "\n"
//   the rest  elements
import { AbrazoError } from "../errors.ts";
import { allocate, DTYPES, type DType, type TypedArray, viewBytes } from "../graph/dtype.ts";
import { type ByteSource, toHostOrder, walkStrides } from "./bytes.ts";
import { readZip, readZipEntry, writeZip } from "./zip.ts";

/** numpy has no bfloat16. */
export type NpyDType = Exclude<DType, "bfloat16">;

export interface NpyArray {
  dtype: NpyDType;
  shape: readonly number[];
  /** Elements row by row. */
  data: TypedArray;
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** As numpy's: a longer one is not worth parsing. */
const MAX_HEADER = 10_000;

/** By kind and width. Unsigned numbers that have no dtype of their own take the next wider signed one. */
const DTYPE_OF: Readonly<Record<string, NpyDType>> = {
  b1: "bool",
  i1: "int8",
  i2: "int16",
  i4: "int32",
  i8: "int64",
  u1: "uint8",
  u2: "int32",
  u4: "int64",
  u8: "int64",
  f2: "float16",
  f4: "float32",
  f8: "float64",
};

const DESCR_OF: Readonly<Record<NpyDType, string>> = {
  bool: "|b1",
  int8: "|i1",
  int16: "<i2",
  int32: "<i4",
  int64: "<i8",
  uint8: "|u1",
  float16: "<f2",
  float32: "<f4",
  float64: "<f8",
};

function refuse(code: string, message: string, hint: string): AbrazoError {
  return new AbrazoError({ code, message, hint });
}

const damaged = (message: string): AbrazoError =>
  refuse("INVALID_NPY", message, "The file is damaged or is no .npy file; get it again.");

interface Header {
  descr: string;
  fortranOrder: boolean;
  shape: number[];
  /** Where elements begin. */
  start: number;
}

/** The array of a .npy file's bytes. */
export function readNpy(bytes: Uint8Array): NpyArray {
  const { descr, fortranOrder, shape, start } = readHeader(bytes);
  const kind = descr.slice(1);
  const dtype = dtypeOf(descr);
  const width = Number(kind.slice(1));
  const count = shape.reduce((product, size) => product * size, 1);
  const wanted = count * width;
  if (!Number.isSafeInteger(wanted) || bytes.length - start < wanted) {
    throw damaged(`EOF: reading array data, expected ${wanted} bytes got ${bytes.length - start}`);
  }
  const raw = Uint8Array.from(bytes.subarray(start, start + wanted));
  toHostOrder(raw, width, descr[0] !== ">");
  const data = elementsOf(kind, dtype, raw.buffer, count);
  return { dtype, shape, data: fortranOrder && shape.length > 1 ? rowMajor(data, dtype, shape) : data };
}

function readHeader(bytes: Uint8Array): Header {
  if (bytes.length < 10 || MAGIC.some((byte, index) => bytes[index] !== byte)) {
    const got = String.fromCharCode(...bytes.subarray(0, 6));
    throw damaged(
      `the magic string is not correct; expected ${JSON.stringify("\x93NUMPY")}, got ${JSON.stringify(got)}`,
    );
  }
  const [major = 0, minor = 0] = bytes.subarray(6, 8);
  if (major < 1 || major > 3 || minor !== 0) {
    throw refuse(
      "INVALID_NPY",
      `we only support format version (1,0), (2,0), and (3,0), not (${major}, ${minor})`,
      "Save it anew with a current numpy.",
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const from = major === 1 ? 10 : 12;
  if (bytes.length < from)
    throw damaged(`EOF: reading array header length, expected ${from} bytes got ${bytes.length}`);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MAX_HEADER)
    throw damaged(`Header info length (${length}) is large and may not be safe to load securely.`);
  if (bytes.length < from + length) {
    throw damaged(`EOF: reading array header, expected ${length} bytes got ${bytes.length - from}`);
  }
  const text = new TextDecoder(major === 3 ? "utf-8" : "latin1").decode(bytes.subarray(from, from + length));
  return { ...parseHeader(text), start: from + length };
}

const HEADER_FIELD = /\s*'(?<name>\w+)'\s*:\s*(?<value>'[^']*'|True|False|\([\d\s,L]*\)|\[.*\])\s*(?:,|(?=\}))/y;

/** The header's dict, which holds exactly three fields in any order. */
function parseHeader(text: string): Omit<Header, "start"> {
  const body = text.trim();
  const fields = new Map<string, string>();
  let at = 1;
  while (body[0] === "{" && body.slice(at).trim() !== "}") {
    HEADER_FIELD.lastIndex = at;
    const { name, value } = HEADER_FIELD.exec(body)?.groups ?? {};
    if (name === undefined || value === undefined || fields.has(name)) break;
    fields.set(name, value);
    at = HEADER_FIELD.lastIndex;
  }
  const [descr, order, shape] = ["descr", "fortran_order", "shape"].map((name) => fields.get(name));
  if (
    body.slice(at).trim() !== "}" ||
    fields.size !== 3 ||
    !/^(True|False)$/.test(order ?? "") ||
    !shape?.startsWith("(")
  ) {
    throw damaged(`Cannot parse header: ${JSON.stringify(body.slice(0, 200))}`);
  }
  if (descr === undefined || !descr.startsWith("'")) throw unsupported(descr ?? "");
  const sizes = shape
    .slice(1, -1)
    .split(",")
    .map((part) => part.trim().replace(/L$/, ""))
    .filter((part) => part !== "")
    .map(Number);
  if (!sizes.every(Number.isSafeInteger)) throw damaged(`shape is not valid: ${shape}`);
  return { descr: descr.slice(1, -1), fortranOrder: order === "True", shape: sizes };
}

function unsupported(descr: string): AbrazoError {
  return refuse(
    "DTYPE_UNSUPPORTED",
    `The array has the dtype ${JSON.stringify(descr)}, which no tensor has.`,
    "Convert it in numpy first, e.g. with array.astype('float32').",
  );
}

function dtypeOf(descr: string): NpyDType {
  if (/^\|?O/.test(descr)) {
    throw refuse(
      "OBJECT_ARRAY",
      "Object arrays cannot be loaded when allow_pickle=False",
      "They hold a pickle, which runs code when it is read; save numbers instead.",
    );
  }
  const kind = descr.slice(1);
  const dtype = Object.hasOwn(DTYPE_OF, kind) ? DTYPE_OF[kind] : undefined;
  if (dtype === undefined || !"<>|=".includes(descr[0] ?? "")) throw unsupported(descr);
  return dtype;
}

function elementsOf(kind: string, dtype: DType, buffer: ArrayBuffer, count: number): TypedArray {
  if (kind === "u2") return Int32Array.from(new Uint16Array(buffer));
  if (kind === "u4") return BigInt64Array.from(new Uint32Array(buffer), BigInt);
  if (kind === "u8") {
    const values = new BigUint64Array(buffer);
    const over = values.find((value) => value >= 2n ** 63n);
    if (over !== undefined) {
      throw refuse(
        "DTYPE_UNSUPPORTED",
        `The uint64 array holds ${over}, more than int64 can.`,
        "Convert it in numpy first.",
      );
    }
    return BigInt64Array.from(values);
  }
  if (kind === "b1") return new Uint8Array(buffer).map((value) => (value === 0 ? 0 : 1));
  return viewBytes(dtype, buffer, 0, count);
}

function rowMajor(data: TypedArray, dtype: DType, shape: readonly number[]): TypedArray {
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((product, size) => product * size, 1));
  const out = allocate(dtype, data.length);
  walkStrides(shape, strides, 0, (from, to) => {
    // safe because both arrays are of one dtype, so both hold numbers or both bigints
    (out as { [index: number]: number | bigint })[to] = data[from] as number | bigint;
  });
  return out;
}

/** The bytes of a .npy file, version 1.0. */
export function encodeNpy({ dtype, shape, data }: NpyArray): Uint8Array<ArrayBuffer> {
  const sizes = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const dict = `{'descr': '${DESCR_OF[dtype]}', 'fortran_order': False, 'shape': ${sizes}, }`;
  const length = Math.ceil((10 + dict.length + 1) / 64) * 64 - 10;
  const out = new Uint8Array(10 + length + data.byteLength);
  out.set([...MAGIC, 1, 0, length & 0xff, length >> 8]);
  out.set(new TextEncoder().encode(`${dict.padEnd(length - 1)}\n`), 10);
  const body = out.subarray(10 + length);
  body.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  toHostOrder(body, DTYPES[dtype].bytes, true);
  return out;
}

/** The arrays of a .npz archive, by name and in its order. */
export async function readNpz(source: ByteSource): Promise<Map<string, NpyArray>> {
  const arrays = new Map<string, NpyArray>();
  for (const entry of (await readZip(source)).values()) {
    if (!entry.name.endsWith(".npy")) {
      throw refuse(
        "INVALID_NPZ",
        `The archive holds "${entry.name}", which is no array.`,
        "An .npz holds files named ….npy alone; is this a .pth or another zip?",
      );
    }
    arrays.set(entry.name.slice(0, -4), readNpy(await readZipEntry(source, entry)));
  }
  return arrays;
}

/** Writes a .npz archive as numpy.savez does, or savez_compressed. */
export async function writeNpz(
  path: string,
  arrays: ReadonlyMap<string, NpyArray>,
  { compressed = false } = {},
): Promise<void> {
  const inputs = [...arrays].map(([name, array]) => ({ name: `${name}.npy`, data: encodeNpy(array) }));
  await writeZip(path, inputs, { compressed });
}
