// A xorb as it is taken in: every chunk unpacked and hashed, its hashes made the xorb's name; and the table of chunks that is kept.
// Knows no storage.
import { ChunkReader, HEADER_BYTES, MOST_CHUNK_BYTES, unpack } from "./chunks.ts";
import { chunkHash, HASH_BYTES, hashText, isDedupEligible, MerkleRoot } from "./hash.ts";

export const MOST_CHUNKS = 8192;
/** Clients count 64 MiB of data; the chunks' headers come on top. */
export const MOST_XORB_BYTES = 64 * 1024 * 1024 + MOST_CHUNKS * HEADER_BYTES;

/** A row of the table: the chunk's hash, and where it ends in the xorb, packed and unpacked. */
const ROW_BYTES = HASH_BYTES + 4 + 4;

/** The chunks of a xorb: their hashes and where they lie. All ranges are [start, end). */
export class ChunkTable {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get count(): number {
    return this.bytes.length / ROW_BYTES;
  }

  hashAt(chunk: number): Uint8Array {
    const at = chunk * ROW_BYTES;
    return this.bytes.subarray(at, at + HASH_BYTES);
  }

  /** Where a chunk begins in the xorb; that of the one after the last is the xorb's end. */
  packedStart(chunk: number): number {
    return chunk === 0 ? 0 : this.#view.getUint32(chunk * ROW_BYTES - 8, true);
  }

  /** Bytes of data before a chunk. */
  start(chunk: number): number {
    return chunk === 0 ? 0 : this.#view.getUint32(chunk * ROW_BYTES - 4, true);
  }

  /** Bytes of data of some chunks. */
  sizeOf(from: number, to: number): number {
    return this.start(to) - this.start(from);
  }

  /** The chunk in which a byte of data lies. */
  chunkOf(position: number): number {
    let [low, high] = [0, this.count];
    while (low < high - 1) {
      const middle = (low + high) >> 1;
      if (this.start(middle) <= position) low = middle;
      else high = middle;
    }
    return low;
  }

  /** Hashes of some chunks, one after the other. */
  hashes(from: number, to: number): Uint8Array {
    const out = new Uint8Array((to - from) * HASH_BYTES);
    for (let chunk = from; chunk < to; chunk++) out.set(this.hashAt(chunk), (chunk - from) * HASH_BYTES);
    return out;
  }

  /** Chunks that other uploads are asked for. */
  eligible(): string[] {
    const out: string[] = [];
    for (let at = 0; at < this.bytes.length; at += ROW_BYTES)
      if (isDedupEligible(this.bytes, at)) out.push(hashText(this.bytes, at));
    return out;
  }
}

export interface VerifiedXorb {
  hash: string;
  table: Uint8Array;
  /** Bytes of the chunks, packed. */
  packedSize: number;
  /** Bytes of data. */
  size: number;
}

/** Takes a xorb in by pieces; a chunk that is not what it says throws a RangeError at once. */
export class XorbVerifier {
  readonly #reader = new ChunkReader();
  readonly #root = new MerkleRoot();
  readonly #memory = new Uint8Array(MOST_CHUNK_BYTES);
  #rows = Buffer.alloc(256 * ROW_BYTES);
  #count = 0;
  #size = 0;

  /** How many bytes of chunks are known to be right. */
  get taken(): number {
    return this.#reader.taken;
  }

  push(piece: Uint8Array): void {
    for (const chunk of this.#reader.push(piece)) {
      if (this.#count === MOST_CHUNKS) throw new RangeError(`The xorb has more than ${MOST_CHUNKS} chunks.`);
      if (this.#reader.taken > MOST_XORB_BYTES)
        throw new RangeError(`The xorb has more than ${MOST_XORB_BYTES} bytes.`);
      const hash = chunkHash(unpack(chunk, this.#memory));
      this.#root.add(hash, chunk.size);
      this.#size += chunk.size;
      this.#note(hash);
    }
  }

  #note(hash: Uint8Array): void {
    const at = this.#count * ROW_BYTES;
    if (at === this.#rows.length) this.#rows = Buffer.concat([this.#rows, Buffer.alloc(this.#rows.length)]);
    this.#rows.set(hash, at);
    this.#rows.writeUInt32LE(this.#reader.taken, at + HASH_BYTES);
    this.#rows.writeUInt32LE(this.#size, at + HASH_BYTES + 4);
    this.#count++;
  }

  finish(): VerifiedXorb {
    this.#reader.finish();
    if (this.#count === 0) throw new RangeError("The xorb has no chunks.");
    const table = Uint8Array.from(this.#rows.subarray(0, this.#count * ROW_BYTES));
    return { hash: hashText(this.#root.finish()), table, packedSize: this.taken, size: this.#size };
  }
}
