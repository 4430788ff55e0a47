// The safetensors format: header, byte ranges, writer. Judges files as the reference implementation (0.8) does.
// Knows no model names and no network; tensor bytes are only read when asked for.
//
//   8 bytes   N, unsigned little-endian
//   N bytes   JSON { "__metadata__"?: {string: string}, name: {"dtype", "shape", "data_offsets": [begin, end]}, … }, may be space-padded
//   the rest  tensor bytes, little-endian, row-major, in one piece without holes
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { AbrazoError } from "../errors.ts";
import { type ByteSource, withFile } from "./bytes.ts";
import { parseStrictJson, StrictJsonError, type StrictValue } from "./strict-json.ts";
import { fileError } from "./system-error.ts";

const MAX_HEADER = 100_000_000;

/** Bits of one element, by the tag in the header; in the order of the reference implementation, whose writer sorts by it. */
const DTYPE_BITS: Readonly<Record<string, number>> = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
};

export interface TensorEntry {
  name: string;
  dtype: string;
  shape: readonly number[];
  /** First byte, counted from the start of the file. */
  offset: number;
  byteLength: number;
}

export interface SafetensorsHeader {
  metadata: Readonly<Record<string, string>>;
  tensors: ReadonlyMap<string, TensorEntry>;
  /** Where tensor bytes begin in the file. */
  dataStart: number;
}

function refuse(
  what: string,
  hint = "The file is damaged or was not written as safetensors; get it again.",
): AbrazoError {
  return new AbrazoError({ code: "INVALID_SAFETENSORS", message: `Not a valid safetensors file: ${what}.`, hint });
}

/** The length of the header, from the first eight bytes and the size of the file. */
export function headerLength(first: Uint8Array, fileSize: number): number {
  if (fileSize < 8 || first.length < 8) throw refuse(`it has ${fileSize} bytes, fewer than 8`);
  const length = new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER)) throw refuse(`its header claims ${length} bytes, more than ${MAX_HEADER}`);
  if (8 + Number(length) > fileSize) throw refuse(`its header claims ${length} bytes, the file has ${fileSize}`);
  return Number(length);
}

/** Checks and reads a header. `fileSize` is the size of the whole file. */
export function parseHeader(header: Uint8Array, fileSize: number): SafetensorsHeader {
  const root = parseJson(header);
  if (!(root instanceof Map)) throw refuse("its header is no object");
  const dataStart = 8 + header.length;
  const entries = [...root].filter(([name]) => name !== "__metadata__").map(([name, info]) => entry(name, info));
  entries.sort((a, b) => Number(a.begin - b.begin) || Number(a.end - b.end));
  let position = 0n;
  for (const { name, begin, end, bytes } of entries) {
    if (begin !== position || end < begin) throw refuse(`tensor "${name}" begins at ${begin}, not at ${position}`);
    if (end - begin !== bytes) throw refuse(`tensor "${name}" has ${end - begin} bytes, its shape needs ${bytes}`);
    position = end;
  }
  if (position !== BigInt(fileSize - dataStart)) {
    throw refuse(`its tensors take ${position} bytes, ${fileSize - dataStart} follow the header`);
  }
  const tensors = new Map(
    entries.map(({ name, dtype, shape, begin, bytes }) => [
      name,
      { name, dtype, shape: shape.map(Number), offset: dataStart + Number(begin), byteLength: Number(bytes) },
    ]),
  );
  return { metadata: metadataOf(root.get("__metadata__")), tensors, dataStart };
}

function parseJson(header: Uint8Array): StrictValue {
  try {
    return parseStrictJson(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(header));
  } catch (error) {
    if (error instanceof StrictJsonError) throw refuse(`its header is no JSON: ${error.message}`);
    throw refuse("its header is no UTF-8");
  }
}

function metadataOf(value: StrictValue | undefined): Record<string, string> {
  if (value === undefined || value === null) return {};
  if (!(value instanceof Map)) throw refuse("its __metadata__ is no object");
  return Object.fromEntries(
    [...value].map(([key, text]) => {
      if (typeof text !== "string") throw refuse(`its __metadata__ "${key}" is no string`);
      return [key, text];
    }),
  );
}

interface RawEntry {
  name: string;
  dtype: string;
  shape: bigint[];
  begin: bigint;
  end: bigint;
  bytes: bigint;
}

function entry(name: string, info: StrictValue): RawEntry {
  // The reference reader accepts the three fields as a list, too.
  const [dtype, shape, offsets] = Array.isArray(info)
    ? info
    : info instanceof Map
      ? [info.get("dtype"), info.get("shape"), info.get("data_offsets")]
      : [];
  const bits = typeof dtype === "string" && Object.hasOwn(DTYPE_BITS, dtype) ? DTYPE_BITS[dtype] : undefined;
  if (typeof dtype !== "string" || bits === undefined) throw refuse(`tensor "${name}" has the dtype ${String(dtype)}`);
  const sizes = unsigned(name, "shape", shape);
  const [begin, end, ...more] = unsigned(name, "data_offsets", offsets);
  if (begin === undefined || end === undefined || more.length > 0)
    throw refuse(`tensor "${name}" lacks its two offsets`);
  const count = sizes.reduce((product, size) => checked(name, product * size), 1n);
  const total = checked(name, count * BigInt(bits));
  if (total % 8n !== 0n) throw refuse(`tensor "${name}" does not end on a byte`);
  return { name, dtype, shape: sizes, begin, end, bytes: total / 8n };
}

function unsigned(name: string, field: string, value: StrictValue | undefined): bigint[] {
  if (!Array.isArray(value)) throw refuse(`tensor "${name}" has no list "${field}"`);
  return value.map((item) => {
    if (typeof item !== "bigint" || item < 0n) throw refuse(`tensor "${name}" has ${String(item)} in "${field}"`);
    return checked(name, item);
  });
}

function checked(name: string, value: bigint): bigint {
  if (value >= 2n ** 64n) throw refuse(`tensor "${name}" is larger than 64 bits can say`);
  return value;
}

/** Reads the header of a file on disk. */
export async function readHeader(path: string): Promise<SafetensorsHeader> {
  return await withFile(path, readHeaderOf);
}

/** Reads the header alone: the bytes of tensors stay where they are. */
export async function readHeaderOf(source: ByteSource): Promise<SafetensorsHeader> {
  const first = await source.read(0, Math.min(8, source.size));
  return parseHeader(await source.read(8, headerLength(first, source.size)), source.size);
}

/** Bytes of one tensor. */
export async function readTensor(path: string, { offset, byteLength }: TensorEntry): Promise<Uint8Array<ArrayBuffer>> {
  return await withFile(path, (source) => source.read(offset, byteLength));
}

/** SHA-256 of each tensor's bytes: what tells which tensors a commit changed. */
export async function hashTensors(path: string): Promise<Map<string, string>> {
  const { tensors } = await readHeader(path);
  const hashes = new Map<string, string>();
  for (const tensor of tensors.values()) {
    hashes.set(
      tensor.name,
      createHash("sha256")
        .update(await readTensor(path, tensor))
        .digest("hex"),
    );
  }
  return hashes;
}

export interface TensorToWrite {
  name: string;
  dtype: string;
  shape: readonly number[];
  data: ArrayBufferView;
}

const DTYPE_ORDER = Object.keys(DTYPE_BITS);

/**
 * Writes a file under a temporary name and renames it. Tensors are laid out by falling dtype, then name, as the reference
 * writer does, so the same tensors give the same bytes.
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = { format: "pt" },
): Promise<void> {
  const sorted = [...tensors].sort(
    (a, b) => DTYPE_ORDER.indexOf(b.dtype) - DTYPE_ORDER.indexOf(a.dtype) || byBytes(a.name, b.name),
  );
  // What cannot be written is refused before there is a file.
  const header = encodeHeader(sorted, metadata);
  const temporary = `${path}.${process.pid}.tmp`;
  const out = createWriteStream(temporary);
  try {
    out.write(header);
    for (const { data } of sorted) {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      if (!out.write(bytes)) await once(out, "drain");
    }
    out.end();
    await once(out, "finish");
    await rename(temporary, path);
  } catch (error) {
    out.destroy();
    await rm(temporary, { force: true });
    throw fileError(path, error);
  }
}

/** As the reference implementation sorts names: by their bytes in UTF-8. */
function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function encodeHeader(tensors: readonly TensorToWrite[], metadata: Readonly<Record<string, string>>): Uint8Array {
  let position = 0;
  // Put together field by field: an object would move names that read as numbers to the front.
  const fields: string[] = [];
  const pairs = Object.entries(metadata).sort(([a], [b]) => byBytes(a, b));
  if (pairs.length > 0) {
    const texts = pairs.map(([key, text]) => `${JSON.stringify(key)}:${JSON.stringify(text)}`);
    fields.push(`"__metadata__":{${texts.join(",")}}`);
  }
  for (const { name, dtype, shape, data } of tensors) {
    if (name === "__metadata__") throw refuse('a tensor may not be called "__metadata__"', "Give it another name.");
    const info = { dtype, shape, data_offsets: [position, position + data.byteLength] };
    fields.push(`${JSON.stringify(name)}:${JSON.stringify(info)}`);
    position += data.byteLength;
  }
  const json = new TextEncoder().encode(`{${fields.join(",")}}`);
  const length = Math.ceil(json.length / 8) * 8;
  const out = new Uint8Array(8 + length).fill(0x20);
  new DataView(out.buffer).setBigUint64(0, BigInt(length), true);
  out.set(json, 8);
  return out;
}
