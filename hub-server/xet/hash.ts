// The hashes of Xet: BLAKE3 under keys that say what is hashed, and the tree of them that names xorbs and files.
// Knows no formats. The only importer of hash-wasm.
import { createBLAKE3, type IHasher } from "hash-wasm";

export const HASH_BYTES = 32;

const key = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes);

/** Keys of the protocol. */
const DATA_KEY = key(
  ...[102, 151, 245, 119, 91, 149, 80, 222, 49, 53, 203, 172, 165, 151, 24, 28],
  ...[157, 228, 33, 16, 155, 235, 43, 88, 180, 208, 176, 75, 147, 173, 242, 41],
);
const INTERNAL_KEY = key(
  ...[1, 126, 197, 199, 165, 71, 41, 150, 253, 148, 102, 102, 180, 138, 2, 230],
  ...[93, 221, 83, 111, 55, 199, 109, 210, 248, 99, 82, 230, 74, 83, 113, 63],
);
const RANGE_KEY = key(
  ...[127, 24, 87, 214, 206, 86, 237, 102, 18, 127, 249, 19, 231, 165, 195, 243],
  ...[164, 205, 38, 213, 181, 219, 73, 230, 65, 36, 152, 127, 40, 251, 148, 195],
);
const FILE_KEY = new Uint8Array(HASH_BYTES);

export type KeyedHash = (data: Uint8Array) => Uint8Array;

/** BLAKE3 under a key of 32 bytes. Setting one up takes a tenth of a millisecond; a call, as long as its data. */
export async function keyedHash(under: Uint8Array): Promise<KeyedHash> {
  const hasher: IHasher = await createBLAKE3(256, under);
  return (data) => hasher.init().update(data).digest("binary");
}

/** The name of a chunk's bytes. */
export const chunkHash: KeyedHash = await keyedHash(DATA_KEY);
/** What proves that somebody knows the chunks of a term: the hash of their hashes, one after the other. */
export const rangeHash: KeyedHash = await keyedHash(RANGE_KEY);
const nodeHash = await keyedHash(INTERNAL_KEY);
const rootToFile = await keyedHash(FILE_KEY);

/** A hash as text: four numbers of 64 bits, little-endian, as 16 hex digits each. */
export function hashText(bytes: Uint8Array, at = 0): string {
  let text = "";
  for (let word = at; word < at + HASH_BYTES; word += 8) {
    for (let index = word + 7; index >= word; index--) text += HEX[bytes[index] ?? 0];
  }
  return text;
}

/** The bytes of a hash's text. */
export function hashBytes(text: string): Uint8Array {
  if (!isHashText(text)) throw new RangeError(`"${text}" is no hash: it has 64 hex digits.`);
  const plain = Buffer.from(text, "hex");
  const out = new Uint8Array(HASH_BYTES);
  for (let index = 0; index < HASH_BYTES; index++) out[index] = plain[(index & ~7) + 7 - (index & 7)] ?? 0;
  return out;
}

export const isHashText = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Whether clients ask other people's uploads for a chunk of this hash: one in 1024. */
export const isDedupEligible = (hash: Uint8Array, at = 0): boolean =>
  hash[at + 24] === 0 && ((hash[at + 25] ?? 0) & 3) === 0;

const MOST_CHILDREN = 9;
const LEAST_CHILDREN = 3;

interface Level {
  /** Nodes that have no parent yet, at most MOST_CHILDREN. */
  waiting: { hash: Uint8Array; length: number }[];
  total: number;
}

/**
 * The root of a tree of hashes, taken in one at a time: memory grows with the tree's depth alone. A node closes over its
 * children after the third or a later one whose last number divides by 4, or after the ninth.
 */
export class MerkleRoot {
  readonly #levels: Level[] = [];
  readonly #text = Buffer.alloc(MOST_CHILDREN * 96);

  add(hash: Uint8Array, length: number): void {
    this.#add(0, hash, length);
  }

  /** The root; 32 zero bytes of nothing. */
  finish(): Uint8Array {
    for (let depth = 0; ; depth++) {
      const level = this.#levels[depth];
      if (level === undefined) return new Uint8Array(HASH_BYTES);
      if (level.total === 1) return level.waiting[0]?.hash ?? new Uint8Array(HASH_BYTES);
      if (level.waiting.length > 0) this.#close(depth, level);
    }
  }

  #add(depth: number, hash: Uint8Array, length: number): void {
    this.#levels[depth] ??= { waiting: [], total: 0 };
    const level = this.#levels[depth];
    level.total++;
    const count = level.waiting.push({ hash, length });
    const cuts = count >= LEAST_CHILDREN && ((hash[24] ?? 0) & 3) === 0;
    if (cuts || count === MOST_CHILDREN) this.#close(depth, level);
  }

  #close(depth: number, level: Level): void {
    let at = 0;
    let sum = 0;
    for (const { hash, length } of level.waiting) {
      at += this.#text.write(`${hashText(hash)} : ${length}\n`, at, "latin1");
      sum += length;
    }
    level.waiting = [];
    this.#add(depth + 1, nodeHash(this.#text.subarray(0, at)), sum);
  }
}

/** The name of a file, of the root of its chunks; an empty file has none of them and is all zeros. */
export const fileHash = (root: Uint8Array, size: number): Uint8Array =>
  size === 0 ? new Uint8Array(HASH_BYTES) : rootToFile(root);
