// IDX files, the format of MNIST, plain or gzipped: big-endian arrays of any number of axes.
//   00 00 | type | number of axes | sizes, 4 bytes each | elements
//   e.g. 00 00 08 03 | 0000EA60 | 0000001C | 0000001C | 47,040,000 bytes
// Downloads nothing.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { requireType } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
import { DTYPES, type DType, viewBytes } from "../graph/dtype.ts";
import { fileError } from "../io/system-error.ts";
import { fromHost } from "../tensor/create.ts";
import type { Tensor } from "../tensor/index.ts";

const TYPES: Readonly<Record<number, DType>> = {
  8: "uint8",
  9: "int8",
  11: "int16",
  12: "int32",
  13: "float32",
  14: "float64",
};

/**
 * The array of an IDX file as a tensor.
 *
 * @example needs files
 * ```ts
 * readIdx("train-labels-idx1-ubyte.gz").shape; // [60000]
 * ```
 */
export function readIdx(path: string): Tensor {
  const bytes = readWhole(path);
  return parseIdx(bytes[0] === 0x1f && bytes[1] === 0x8b ? unzip(bytes, path) : bytes, path);
}

function readWhole(path: string): Buffer {
  requireType("readIdx", "string", path);
  try {
    return readFileSync(path);
  } catch (error) {
    throw fileError(path, error);
  }
}

function unzip(bytes: Buffer, path: string): Buffer {
  try {
    return gunzipSync(bytes);
  } catch (cause) {
    throw badFile(path, "its gzip data are broken or cut short", cause);
  }
}

export function parseIdx(bytes: Buffer, path: string): Tensor {
  if (bytes.length < 4 || bytes.readUInt16BE(0) !== 0) throw badFile(path, "it does not begin with 00 00");
  const [dtype, axes] = [TYPES[bytes.readUInt8(2)], bytes.readUInt8(3)];
  if (dtype === undefined) throw badFile(path, `its type is ${bytes.readUInt8(2)}`);
  const start = 4 + 4 * axes;
  if (bytes.length < start) throw badFile(path, "its header is cut short");
  const shape = Array.from({ length: axes }, (_, axis) => bytes.readUInt32BE(4 + 4 * axis));
  const length = shape.reduce((a, b) => a * b, 1);
  const width = DTYPES[dtype].bytes;
  if (bytes.length !== start + length * width) {
    throw badFile(
      path,
      `it has ${bytes.length - start} bytes of elements, [${shape.join(", ")}] needs ${length * width}`,
    );
  }
  const elements = new Uint8Array(length * width);
  elements.set(bytes.subarray(start));
  if (width > 1) reverseEach(elements, width);
  return fromHost(viewBytes(dtype, elements.buffer, 0, length), shape, dtype);
}

/** From big-endian to this machine's order. */
function reverseEach(bytes: Uint8Array, width: number): void {
  for (let at = 0; at < bytes.length; at += width) bytes.subarray(at, at + width).reverse();
}

function badFile(path: string, why: string, cause?: unknown): AbrazoError {
  return new AbrazoError({
    code: "BAD_IDX",
    message: `${path} is no IDX file: ${why}.`,
    hint: "Delete it and download it again.",
    data: { path },
    cause,
  });
}
