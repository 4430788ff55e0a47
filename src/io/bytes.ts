// Bytes by range, of a file or of memory: what the readers of archives and tensors ask.
// Knows no format.
import { open } from "node:fs/promises";
import { AbrazoError } from "../errors.ts";
import { onFile } from "./system-error.ts";

/** Something that can be read in pieces. */
export interface ByteSource {
  /** What errors call it. */
  readonly name: string;
  readonly size: number;
  /** Exactly `length` bytes from `offset` on, in memory of their own. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** A file that stays open until it is closed. Nothing is read that is not asked for. */
export async function openFile(path: string): Promise<ByteSource & { close(): Promise<void> }> {
  const file = await onFile(path, () => open(path, "r"));
  const { size } = await file.stat();
  return {
    name: path,
    size,
    async read(offset, length) {
      const bytes = new Uint8Array(checkedLength(path, size, offset, length));
      // One call reads at most 2 GiB.
      for (let at = 0; at < length; ) {
        const most = Math.min(length - at, 2 ** 30);
        const { bytesRead } = await onFile(path, () => file.read(bytes, at, most, offset + at));
        if (bytesRead === 0) throw truncated(path, length, at);
        at += bytesRead;
      }
      return bytes;
    },
    close: () => file.close(),
  };
}

/** Runs `use` with a file's bytes. */
export async function withFile<Result>(path: string, use: (source: ByteSource) => Promise<Result>): Promise<Result> {
  const file = await openFile(path);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/** Bytes in memory as a source. */
export function bytesSource(bytes: Uint8Array, name = "the bytes given"): ByteSource {
  return {
    name,
    size: bytes.length,
    async read(offset, length) {
      checkedLength(name, bytes.length, offset, length);
      return Uint8Array.from(bytes.subarray(offset, offset + length));
    },
  };
}

function checkedLength(name: string, size: number, offset: number, length: number): number {
  if (offset >= 0 && length >= 0 && offset + length <= size) return length;
  throw truncated(name, length, Math.max(0, size - offset));
}

function truncated(name: string, wanted: number, got: number): AbrazoError {
  return new AbrazoError({
    code: "FILE_TRUNCATED",
    message: `EOF: reading ${name}, expected ${wanted} bytes got ${got}`,
    hint: "The file is damaged or was cut off; get it again.",
    data: { wanted, got },
  });
}

const LITTLE_HOST = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Turns elements of `width` bytes in place when they were written in the other byte order than this machine's. */
export function toHostOrder(bytes: Uint8Array, width: number, littleEndian: boolean): void {
  if (width === 1 || littleEndian === LITTLE_HOST) return;
  for (let at = 0; at < bytes.length; at += width) bytes.subarray(at, at + width).reverse();
}

/**
 * Elements row by row out of a buffer where they lie by strides, counted in elements.
 *
 * @param take copies one element: from the place in the source to the place in the result
 */
export function walkStrides(
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
  take: (from: number, to: number) => void,
): void {
  const total = shape.reduce((product, size) => product * size, 1);
  const place = shape.map(() => 0);
  let from = offset;
  for (let to = 0; to < total; to++) {
    take(from, to);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const stride = strides[axis] ?? 0;
      const next = (place[axis] ?? 0) + 1;
      from += stride;
      if (next < (shape[axis] ?? 1)) {
        place[axis] = next;
        break;
      }
      from -= next * stride;
      place[axis] = 0;
    }
  }
}
