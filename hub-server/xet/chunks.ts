// Chunks as they lie in a xorb: a header of 8 bytes, then the data, packed or as it is. Read as the bytes come, in pieces of any size.
// Knows no hashes: what a chunk is named is for whoever asks.
import { decodeFrame } from "./lz4.ts";

export const HEADER_BYTES = 8;
/** Bytes of a chunk before it is packed. */
export const MOST_CHUNK_BYTES = 128 * 1024;
/** Bytes of a packed chunk; a client sends it as it is where packing does not help. */
const MOST_PACKED_BYTES = MOST_CHUNK_BYTES + 4096;

/** What the fifth byte of a header says. */
const SCHEMES: Readonly<Record<number, (data: Uint8Array, out: Uint8Array) => Uint8Array>> = {
  0: (data) => data,
  1: (data, out) => decodeFrame(data, out),
  2: (data, out) => ungroup(decodeFrame(data, scratch.subarray(0, out.length)), out),
};

/** Holds the bytes of one chunk between two steps. */
const scratch = new Uint8Array(MOST_CHUNK_BYTES);

/** A chunk that has come whole; `packed` lies in the piece that ends it, or in memory of its own. */
export interface PackedChunk {
  /** Bytes with the header. */
  packedSize: number;
  size: number;
  scheme: number;
  packed: Uint8Array;
}

/**
 * The bytes of a chunk.
 *
 * @param memory MOST_CHUNK_BYTES of it, for who needs the bytes no longer than until the next chunk: they may lie there
 */
export function unpack({ scheme, packed, size }: PackedChunk, memory?: Uint8Array): Uint8Array {
  const decode = SCHEMES[scheme];
  if (decode === undefined) throw new RangeError(`The chunk is packed by scheme ${scheme}, which nobody knows.`);
  const bytes = decode(packed, memory?.subarray(0, size) ?? Buffer.allocUnsafeSlow(size));
  if (bytes.length !== size)
    throw new RangeError(`The chunk has ${bytes.length} bytes, not ${size} as its header says.`);
  return bytes;
}

/** Undoes "byte grouping 4": first all first bytes of groups of four, then all second ones, and so on. */
function ungroup(grouped: Uint8Array, out: Uint8Array): Uint8Array {
  const [quarter, rest] = [grouped.length >> 2, grouped.length & 3];
  const second = quarter + (rest > 0 ? 1 : 0);
  const third = second + quarter + (rest > 1 ? 1 : 0);
  const fourth = third + quarter + (rest > 2 ? 1 : 0);
  const words = new DataView(out.buffer, out.byteOffset, out.byteLength);
  for (let index = 0; index < quarter; index++) {
    // safe because the four groups lie within the size
    const [low, high] = [grouped[index] as number, grouped[fourth + index] as number];
    const middle = ((grouped[second + index] as number) << 8) | ((grouped[third + index] as number) << 16);
    words.setUint32(4 * index, low | middle | (high << 24), true);
  }
  const starts = [0, second, third];
  for (let group = 0; group < rest; group++) out[quarter * 4 + group] = grouped[(starts[group] ?? 0) + quarter] ?? 0;
  return out;
}

/** Older clients put an index behind the chunks; it begins so. Nobody needs it: the chunks say the same. */
const FOOTER = new TextEncoder().encode("XETBLOB");
/** That of the most chunks has a third of it. */
export const MOST_FOOTER_BYTES = 1024 * 1024;

/** Cuts pieces of a xorb, as they come, into chunks. */
export class ChunkReader {
  /** Bytes of chunks that were read whole. */
  taken = 0;
  /** Whether the index of older clients was met: what follows is ignored. */
  ended = false;
  /** What is there of a chunk that began in an earlier piece: memory for its header, then for all of it. */
  #begun = new Uint8Array(HEADER_BYTES);
  #held = 0;
  #ignored = 0;

  /** Chunks that are whole with this piece. */
  *push(piece: Uint8Array): Generator<PackedChunk> {
    let at = 0;
    while (at < piece.length && !this.ended) {
      if (this.#held === 0 && piece.length - at >= HEADER_BYTES) {
        const chunk = this.#read(piece, at);
        if (chunk === undefined) break;
        if (piece.length - at >= chunk.packedSize) {
          at += chunk.packedSize;
          yield this.#whole(chunk);
          continue;
        }
        this.#begun = new Uint8Array(chunk.packedSize);
      }
      const part = piece.subarray(at, at + this.#begun.length - this.#held);
      this.#begun.set(part, this.#held);
      [at, this.#held] = [at + part.length, this.#held + part.length];
      if (this.#held === this.#begun.length) yield* this.#finishBegun();
    }
    if (this.ended) this.#ignored += piece.length - at;
    if (this.#ignored > MOST_FOOTER_BYTES) throw new RangeError("Too much follows the chunks of the xorb.");
  }

  /** The memory is full: with the header alone, whose chunk needs more of it, or with the chunk. */
  *#finishBegun(): Generator<PackedChunk> {
    const bytes = this.#begun;
    const chunk = this.#read(bytes, 0);
    if (chunk !== undefined && bytes.length < chunk.packedSize) {
      this.#begun = new Uint8Array(chunk.packedSize);
      this.#begun.set(bytes);
      return;
    }
    [this.#begun, this.#held] = [new Uint8Array(HEADER_BYTES), 0];
    if (chunk !== undefined) yield this.#whole(chunk);
  }

  #whole(chunk: PackedChunk): PackedChunk {
    this.taken += chunk.packedSize;
    return chunk;
  }

  /** The chunk at a place, whether all of it is there or not; none where the index begins. */
  #read(bytes: Uint8Array, at: number): PackedChunk | undefined {
    this.ended = startsFooter(bytes, at);
    return this.ended ? undefined : chunkAt(bytes, at);
  }

  /** Refuses a xorb that ends within a chunk. */
  finish(): void {
    if (this.#held > 0) throw new RangeError(`The xorb ends within a chunk, ${this.#held} bytes after its start.`);
  }
}

const startsFooter = (bytes: Uint8Array, at: number): boolean =>
  FOOTER.every((byte, index) => bytes[at + index] === byte);

const threeBytes = (bytes: Uint8Array, at: number): number =>
  (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);

function chunkAt(bytes: Uint8Array, at: number): PackedChunk {
  const [version, scheme] = [bytes[at], bytes[at + 4] ?? 0];
  const [length, size] = [threeBytes(bytes, at + 1), threeBytes(bytes, at + 5)];
  if (version !== 0) throw new RangeError(`A chunk has version ${version}; only 0 is known.`);
  if (size === 0 || size > MOST_CHUNK_BYTES)
    throw new RangeError(`A chunk is said to have ${size} bytes; it may have 1 to ${MOST_CHUNK_BYTES}.`);
  if (length === 0 || length > MOST_PACKED_BYTES)
    throw new RangeError(`A chunk is said to have ${length} bytes packed; it may have 1 to ${MOST_PACKED_BYTES}.`);
  const start = at + HEADER_BYTES;
  return { packedSize: HEADER_BYTES + length, size, scheme, packed: bytes.subarray(start, start + length) };
}
