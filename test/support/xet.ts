// A client of the content-addressed store for tests: xorbs and shards made by hand, so that they can be wrong.
import { createHash } from "node:crypto";
import { chunkHash, fileHash, hashBytes, hashText, MerkleRoot, rangeHash } from "../../hub-server/xet/hash.ts";

export interface TestChunk {
  hash: Uint8Array;
  size: number;
}

export interface TestXorb {
  hash: string;
  bytes: Buffer;
  chunks: TestChunk[];
  data: Uint8Array[];
}

const threeBytes = (value: number): number[] => [value & 255, (value >> 8) & 255, value >> 16];

/** A chunk with its header. */
export const packed = (data: Uint8Array, { scheme = 0, size = data.length, version = 0 } = {}): Buffer =>
  Buffer.concat([Buffer.from([version, ...threeBytes(data.length), scheme, ...threeBytes(size)]), data]);

/** A frame of LZ4 with given blocks; one that is not compressed has the high bit in its length. */
export const lz4Frame = (...blocks: { data: Uint8Array; plain?: boolean }[]): Buffer =>
  Buffer.concat([
    Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]),
    ...blocks.flatMap(({ data, plain = false }) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(data.length + (plain ? 0x80000000 : 0));
      return [length, data];
    }),
    Buffer.alloc(4),
  ]);

export function rootOf(chunks: readonly TestChunk[]): Uint8Array {
  const root = new MerkleRoot();
  for (const { hash, size } of chunks) root.add(hash, size);
  return root.finish();
}

export function makeXorb(data: readonly Uint8Array[]): TestXorb {
  const chunks = data.map((bytes) => ({ hash: chunkHash(bytes), size: bytes.length }));
  return {
    hash: hashText(rootOf(chunks)),
    bytes: Buffer.concat(data.map((bytes) => packed(bytes))),
    chunks,
    data: [...data],
  };
}

/** Bytes that do not repeat, the same for the same name. */
export const noise = (name: string, size: number): Buffer =>
  createHash("shake256", { outputLength: size }).update(name).digest();

export const pieces = (bytes: Uint8Array, size: number): Uint8Array[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );

export interface TestTerm {
  xorb: TestXorb;
  start: number;
  end: number;
  /** What is claimed in place of the truth. */
  claims?: { xorb?: string; size?: number; start?: number; end?: number; rangeHash?: Uint8Array };
}

export interface TestFile {
  terms: readonly TestTerm[];
  claims?: { hash?: string; sha256?: string | undefined; flags?: number };
}

const chunksOf = ({ xorb, start, end }: TestTerm) => xorb.chunks.slice(start, end);

export const bytesOf = ({ terms }: TestFile): Buffer =>
  Buffer.concat(terms.flatMap(({ xorb, start, end }) => xorb.data.slice(start, end)));

export function hashOf({ terms }: TestFile): string {
  const chunks = terms.flatMap(chunksOf);
  return hashText(fileHash(rootOf(chunks), chunks.length));
}

export const sha256Of = (file: TestFile): string => createHash("sha256").update(bytesOf(file)).digest("hex");

function record(hash: Uint8Array, ...numbers: number[]): Buffer {
  const out = Buffer.alloc(48);
  out.set(hash);
  for (const [index, number] of numbers.entries()) out.writeUInt32LE(number, 32 + 4 * index);
  return out;
}

const END = record(new Uint8Array(32).fill(255));

const sum = (chunks: readonly TestChunk[]): number => chunks.reduce((total, { size }) => total + size, 0);

function termRecord(term: TestTerm): Buffer {
  const { xorb, size, start, end } = { ...term, xorb: term.xorb.hash, size: sum(chunksOf(term)), ...term.claims };
  return record(hashBytes(xorb), 0, size, start, end);
}

function fileRecords(file: TestFile): Buffer[] {
  const { hash = hashOf(file), flags = 0xc0000000 } = file.claims ?? {};
  const sha256 = file.claims !== undefined && "sha256" in file.claims ? file.claims.sha256 : sha256Of(file);
  const proofs = file.terms.map((term) => {
    const hashes = Buffer.concat(chunksOf(term).map((chunk) => chunk.hash));
    return record(term.claims?.rangeHash ?? rangeHash(hashes));
  });
  const shown = sha256 === undefined ? flags & ~0x40000000 : flags;
  return [
    record(hashBytes(hash), shown >>> 0, file.terms.length),
    ...file.terms.map(termRecord),
    ...(shown & 0x80000000 ? proofs : []),
    ...(sha256 === undefined ? [] : [record(hashBytes(sha256))]),
  ];
}

function xorbRecords({ hash, chunks }: TestXorb): Buffer[] {
  let at = 0;
  const rows = chunks.map((chunk) => {
    const row = record(chunk.hash, at, chunk.size);
    at += chunk.size;
    return row;
  });
  return [record(hashBytes(hash), 0, chunks.length, at, 0), ...rows];
}

const TAG = Buffer.concat([
  Buffer.from("HFRepoMetaData\0"),
  Buffer.from([85, 105, 103, 69, 106, 123, 129, 87, 131, 165, 189, 217, 92, 205, 209, 74, 169]),
]);

export function makeShard(files: readonly TestFile[], xorbs: readonly TestXorb[] = []): Buffer {
  const header = Buffer.alloc(48);
  header.set(TAG);
  header.writeBigUInt64LE(2n, 32);
  return Buffer.concat([header, ...files.flatMap(fileRecords), END, ...xorbs.flatMap(xorbRecords), END]);
}
