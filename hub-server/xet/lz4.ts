// One LZ4 frame → bytes, into a buffer of the size that is known before: it cannot grow, whatever the frame claims.
// https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md and lz4_Block_format.md. Its checksums are not read:
// what comes out is hashed anyway.

const MAGIC = 0x184d2204;
const VERSION_MASK = 0xc0;
const VERSION = 0x40;
const BLOCK_CHECKSUM = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;
const DICTIONARY = 0x01;
const UNCOMPRESSED = 0x80000000;
const LEAST_MATCH = 4;

const broken = (what: string): never => {
  throw new RangeError(`The LZ4 frame is broken: ${what}.`);
};

/** Unpacks a frame that fills `out` exactly, and reads nothing of it that it has not written. */
export function decodeFrame(source: Uint8Array, out: Uint8Array): Uint8Array {
  const size = out.length;
  const view = new DataView(source.buffer, source.byteOffset, source.byteLength);
  if (source.length < 11 || view.getUint32(0, true) !== MAGIC) broken("it does not begin as one");
  const flags = source[4] ?? 0;
  if ((flags & VERSION_MASK) !== VERSION || (flags & DICTIONARY) !== 0) broken("it is of a kind that nobody sends");
  let at = 7 + ((flags & CONTENT_SIZE) === 0 ? 0 : 8);
  let filled = 0;
  for (;;) {
    if (at + 4 > source.length) broken("it ends within a block");
    const word = view.getUint32(at, true);
    at += 4;
    if (word === 0) break;
    const end = at + (word & ~UNCOMPRESSED);
    if (end > source.length) broken("it ends within a block");
    filled =
      word >= UNCOMPRESSED
        ? copyBlock(source.subarray(at, end), out, filled)
        : decodeBlock(source, at, end, out, filled);
    at = end + ((flags & BLOCK_CHECKSUM) === 0 ? 0 : 4);
  }
  if ((flags & CONTENT_CHECKSUM) !== 0) at += 4;
  if (at !== source.length) broken("something follows its end");
  if (filled !== size) broken(`it holds ${filled} bytes, not ${size}`);
  return out;
}

function copyBlock(block: Uint8Array, out: Uint8Array, filled: number): number {
  if (filled + block.length > out.length) broken(`it holds more than ${out.length} bytes`);
  out.set(block, filled);
  return filled + block.length;
}

/** Sequences of literals and matches; gives how far the output is filled after them. */
function decodeBlock(source: Uint8Array, start: number, end: number, out: Uint8Array, from: number): number {
  let at = start;
  let to = from;
  while (at < end) {
    // safe because the loops below stay under `end`, which lies within the source
    const token = source[at++] as number;
    let literals = token >> 4;
    if (literals === 15) {
      for (let more = 255; more === 255; literals += more) {
        if (at >= end) broken("it ends within a length");
        more = source[at++] as number; // safe because of the check above
      }
    }
    if (at + literals > end || to + literals > out.length) broken("literals lead beyond its end");
    if (literals > 24) out.set(source.subarray(at, at + literals), to);
    else for (let index = 0; index < literals; index++) out[to + index] = source[at + index] as number; // safe because of the check above
    at += literals;
    to += literals;
    // The last sequence has literals alone.
    if (at === end) return to;
    if (at + 2 > end) broken("it ends within an offset");
    const offset = (source[at] as number) | ((source[at + 1] as number) << 8); // safe because of the check above
    at += 2;
    let length = (token & 15) + LEAST_MATCH;
    if (length === 15 + LEAST_MATCH) {
      for (let more = 255; more === 255; length += more) {
        if (at >= end) broken("it ends within a length");
        more = source[at++] as number; // safe because of the check above
      }
    }
    if (offset === 0 || offset > to) broken("a match begins before the content");
    if (to + length > out.length) broken(`it holds more than ${out.length} bytes`);
    if (length > 24) repeat(out, to, offset, length);
    else for (let index = to; index < to + length; index++) out[index] = out[index - offset] as number; // safe because it lies before what is written
    to += length;
  }
  return to;
}

/** Writes what lies `offset` bytes back over and over; what is copied doubles each time, as a pattern may be one byte. */
function repeat(out: Uint8Array, to: number, offset: number, length: number): void {
  const from = to - offset;
  for (let done = 0; done < length; ) {
    const part = Math.min(offset + done, length - done);
    out.copyWithin(to + done, from, from + part);
    done += part;
  }
}
