// Shards: what an upload says of its files and xorbs, read in the order of its bytes; and the shard that answers a question for a chunk.
// A shard claims; nothing here believes it.
import { setImmediate } from "node:timers/promises";
import { HASH_BYTES, hashBytes, hashText, type KeyedHash } from "./hash.ts";
import type { ChunkTable } from "./xorb.ts";

/** Every record has this many bytes. */
const RECORD = 48;
const FOOTER_BYTES = 200;
const VERSION = 2n;
const FOOTER_VERSION = 1n;
const WITH_RANGE_HASHES = 1 << 31;
const WITH_SHA256 = 1 << 30;

/** Files, and xorbs, of one shard: a commit has far fewer. Those without terms would be a million and more in a body. */
const MOST_ITEMS = 100_000;

/** Chunks after which others get their turn. */
export const TURN = 2048;

const TAG = Uint8Array.from([
  ...new TextEncoder().encode("HFRepoMetaData\0"),
  ...[85, 105, 103, 69, 106, 123, 129, 87, 131, 165, 189, 217, 92, 205, 209, 74, 169],
]);

/** Chunks [start, end) of a xorb, as a part of a file. */
export interface Term {
  xorb: string;
  /** Bytes of data. */
  size: number;
  start: number;
  end: number;
}

export interface ClaimedTerm extends Term {
  /** What proves that the client knows the chunks. */
  rangeHash: string;
}

/** What a shard says of a file. Terms are made as they are looked at: there may be very many. */
export interface ClaimedFile {
  hash: string;
  count: number;
  terms(): Generator<ClaimedTerm>;
  sha256: string | undefined;
}

export interface ClaimedXorb {
  hash: string;
  count: number;
  /** Hashes and bytes of data of its chunks. */
  chunks(): Generator<{ hash: string; size: number }>;
}

export interface ParsedShard {
  files: ClaimedFile[];
  xorbs: ClaimedXorb[];
}

/** Reads a shard; one that is cut off or not of this kind throws a RangeError. */
export function parseShard(bytes: Uint8Array): ParsedShard {
  const reader = new RecordReader(bytes);
  reader.header();
  return { files: readSection(reader, "files", readFile), xorbs: readSection(reader, "xorbs", readXorb) };
}

function readSection<Item>(
  reader: RecordReader,
  what: string,
  read: (reader: RecordReader, header: ShardRecord) => Item,
): Item[] {
  const items: Item[] = [];
  for (let record = reader.next(); !record.isEnd; record = reader.next()) {
    if (items.length === MOST_ITEMS) throw new RangeError(`The shard has more than ${MOST_ITEMS} ${what}.`);
    items.push(read(reader, record));
  }
  return items;
}

function readFile(reader: RecordReader, header: ShardRecord): ClaimedFile {
  const [hash, flags, count] = [header.hash(), header.number(0), header.number(1)];
  const terms = reader.skip(count);
  if ((flags & WITH_RANGE_HASHES) === 0 && count > 0)
    throw new RangeError(`The file ${hash} comes without the hashes of its ranges.`);
  const proofs = reader.skip(count);
  return {
    hash,
    count,
    *terms() {
      for (let index = 0; index < count; index++) {
        const [record, proof] = [terms(index), proofs(index)];
        const [size, start, end] = [record.number(1), record.number(2), record.number(3)];
        yield { xorb: record.hash(), size, start, end, rangeHash: proof.hash() };
      }
    },
    sha256: flags & WITH_SHA256 ? reader.next().hash() : undefined,
  };
}

function readXorb(reader: RecordReader, header: ShardRecord): ClaimedXorb {
  const count = header.number(1);
  if (count === 0) throw new RangeError(`The xorb ${header.hash()} has no chunks.`);
  const records = reader.skip(count);
  return {
    hash: header.hash(),
    count,
    *chunks() {
      for (let index = 0; index < count; index++) {
        const record = records(index);
        yield { hash: record.hash(), size: record.number(1) };
      }
    },
  };
}

interface ShardRecord {
  isEnd: boolean;
  hash(): string;
  /** Which of the four numbers behind the hash. */
  number(index: number): number;
}

class RecordReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  header(): void {
    const isShard = this.#bytes.length >= RECORD && TAG.every((byte, index) => this.#bytes[index] === byte);
    if (!isShard) throw new RangeError("The body is no shard.");
    const version = this.#view.getBigUint64(TAG.length, true);
    if (version !== VERSION) throw new RangeError(`The shard has version ${version}; only ${VERSION} is known.`);
    this.#at = RECORD;
  }

  next(): ShardRecord {
    return this.skip(1)(0);
  }

  /** Goes past some records and gives how to look at them. More than are there are refused, before anything is made of them. */
  skip(count: number): (index: number) => ShardRecord {
    const start = this.#at;
    if (start + count * RECORD > this.#bytes.length) throw new RangeError("The shard ends too early.");
    this.#at += count * RECORD;
    return (index) => this.#record(start + index * RECORD);
  }

  #record(at: number): ShardRecord {
    const bytes = this.#bytes;
    return {
      isEnd: bytes.subarray(at, at + HASH_BYTES).every((byte) => byte === 0xff),
      hash: () => hashText(bytes, at),
      number: (index) => this.#view.getUint32(at + HASH_BYTES + 4 * index, true),
    };
  }
}

const END = Uint8Array.from({ length: RECORD }, (_, index) => (index < HASH_BYTES ? 0xff : 0));

/**
 * The shard that tells which chunks some xorbs have. Their hashes go under a key of the answer's own: who asks recognises
 * the chunks it has, and learns nothing of the others, which it could claim otherwise.
 */
export async function writeDedupShard(
  xorbs: readonly { hash: string; table: ChunkTable }[],
  { key, hide, created, expires }: { key: Uint8Array; hide: KeyedHash; created: number; expires: number },
): Promise<Uint8Array> {
  const records = xorbs.reduce((sum, { table }) => sum + 1 + table.count, 0);
  const casAt = 2 * RECORD;
  const footerAt = casAt + (records + 1) * RECORD;
  const out = Buffer.alloc(footerAt + FOOTER_BYTES);
  out.set(TAG);
  out.writeBigUInt64LE(VERSION, TAG.length);
  out.writeBigUInt64LE(BigInt(FOOTER_BYTES), TAG.length + 8);
  out.set(END, RECORD);
  let at = casAt;
  let stored = 0;
  let hidden = 0;
  for (const { hash, table } of xorbs) {
    const [size, packed] = [table.start(table.count), table.packedStart(table.count)];
    stored += packed;
    writeRecord(out, at, hashBytes(hash), [0, table.count, size, packed]);
    at += RECORD;
    for (let chunk = 0; chunk < table.count; chunk++, at += RECORD) {
      const start = table.start(chunk);
      writeRecord(out, at, hide(table.hashAt(chunk)), [start, table.start(chunk + 1) - start, 0, 0]);
      if (++hidden % TURN === 0) await setImmediate();
    }
  }
  out.set(END, at);
  const footer = { casAt, footerAt, stored, created, expires, size: 0 };
  writeFooter(out, { ...footer, size: xorbs.reduce((sum, { table }) => sum + table.start(table.count), 0) }, key);
  return out;
}

function writeRecord(out: Buffer, at: number, hash: Uint8Array, numbers: readonly number[]): void {
  out.set(hash, at);
  for (const [index, number] of numbers.entries()) out.writeUInt32LE(number, at + HASH_BYTES + 4 * index);
}

interface Footer {
  casAt: number;
  footerAt: number;
  stored: number;
  size: number;
  created: number;
  expires: number;
}

/** The tables for looking up are empty, and lie behind everything: readers go through the records in order. */
function writeFooter(out: Buffer, { casAt, footerAt, stored, size, created, expires }: Footer, key: Uint8Array): void {
  const lookup = [footerAt, 0, footerAt, 0, footerAt, 0];
  const words = [Number(FOOTER_VERSION), RECORD, casAt, ...lookup];
  for (const [index, word] of words.entries()) out.writeBigUInt64LE(BigInt(word), footerAt + 8 * index);
  out.set(key, footerAt + 72);
  out.writeBigUInt64LE(BigInt(created), footerAt + 104);
  out.writeBigUInt64LE(BigInt(expires), footerAt + 112);
  for (const [index, word] of [stored, size, stored].entries())
    out.writeBigUInt64LE(BigInt(word), footerAt + 168 + 8 * index);
  out.writeBigUInt64LE(BigInt(footerAt), footerAt + 192);
}

const TERM_BYTES = HASH_BYTES + 12;

/** Terms as they are kept. */
export function packTerms(terms: Iterable<Term>, count: number): Uint8Array {
  const out = Buffer.alloc(count * TERM_BYTES);
  let at = 0;
  for (const { xorb, size, start, end } of terms) {
    writeRecord(out, at, hashBytes(xorb), [size, start, end]);
    at += TERM_BYTES;
  }
  return out;
}

export function unpackTerm(bytes: Uint8Array, index: number): Term {
  const view = new DataView(bytes.buffer, bytes.byteOffset + index * TERM_BYTES, TERM_BYTES);
  const number = (at: number) => view.getUint32(HASH_BYTES + at, true);
  return { xorb: hashText(bytes, index * TERM_BYTES), size: number(0), start: number(4), end: number(8) };
}

/** A part of a file: some bytes of a term. */
export interface TermPart {
  term: Term;
  /** Bytes of the file before the term. */
  before: number;
}

/** The terms that have bytes of [start, end) of the file. */
export function* termsIn(packed: Uint8Array, start: number, end: number): Generator<TermPart> {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  let before = 0;
  for (let index = 0; index * TERM_BYTES < packed.length && before < end; index++) {
    const size = view.getUint32(index * TERM_BYTES + HASH_BYTES, true);
    if (before + size > start) yield { term: unpackTerm(packed, index), before };
    before += size;
  }
}
