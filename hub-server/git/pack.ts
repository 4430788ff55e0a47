// Packs, as git sends and keeps objects: written from contents, and looked through before git unpacks a stranger's.
// Knows neither the database nor the git binary.
//
//   pack    "PACK", version 2, number of objects (4 bytes each), the objects, SHA-1 of all before
//   object  type and inflated size, 7 bits a byte from the lowest, 4 in the first; then zlib
//   delta   the same, with the place or the id of its base between both; inflated it begins with two sizes: base, result
import { createHash } from "node:crypto";
import { once } from "node:events";
import { type FileHandle, open } from "node:fs/promises";
import { setImmediate as turn } from "node:timers/promises";
import { promisify } from "node:util";
import { createDeflate, createInflate, deflate, inflateSync } from "node:zlib";
import type { ObjectType } from "../../src/io/git-objects.ts";
import { ServiceError } from "../errors.ts";

const TYPES: Readonly<Record<ObjectType, number>> = { commit: 1, tree: 2, blob: 3, tag: 4 };
const OFS_DELTA = 6;
const REF_DELTA = 7;

/** Most of what repositories hold does not compress; the least effort costs a tenth more bytes and half of the time. */
const LEVEL = 1;
const deflated = promisify(deflate);

export interface PackObject {
  type: ObjectType;
  size: number;
  /** A stream for what is not to be held at once. */
  content: Uint8Array | AsyncIterable<Uint8Array>;
}

/** A pack of so many objects. */
export async function* writePack(count: number, objects: AsyncIterable<PackObject>): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha1");
  const head = Buffer.from("PACK\0\0\0\x02\0\0\0\0", "latin1");
  head.writeUInt32BE(count, 8);
  hash.update(head);
  yield head;
  let written = 0;
  for await (const object of objects) {
    written++;
    for await (const chunk of encodeObject(object)) {
      hash.update(chunk);
      yield chunk;
    }
  }
  if (written !== count) throw new Error(`internal: a pack of ${count} objects was given ${written}`);
  yield hash.digest();
}

async function* encodeObject({ type, size, content }: PackObject): AsyncGenerator<Uint8Array> {
  const head = objectHead(TYPES[type], size);
  if (content instanceof Uint8Array) {
    yield Buffer.concat([head, await deflated(content, { level: LEVEL })]);
    return;
  }
  yield head;
  const zlib = createDeflate({ level: LEVEL });
  const feeding = feed(content, zlib).catch((error: Error) => zlib.destroy(error));
  yield* zlib;
  await feeding;
}

async function feed(source: AsyncIterable<Uint8Array>, into: ReturnType<typeof createDeflate>): Promise<void> {
  for await (const chunk of source) if (!into.write(chunk)) await once(into, "drain");
  into.end();
}

function objectHead(type: number, size: number): Buffer {
  const bytes: number[] = [];
  let [byte, rest] = [(type << 4) | (size % 16), Math.floor(size / 16)];
  while (rest > 0) {
    bytes.push(byte | 128);
    [byte, rest] = [rest % 128, Math.floor(rest / 128)];
  }
  return Buffer.from([...bytes, byte]);
}

export interface PackLimits {
  objects: number;
  /** Bytes of all objects, unpacked. */
  unpacked: number;
  /** Bytes of one object that is held at once: all but whole blobs. */
  held: number;
  /** Deltas of deltas of … */
  depth: number;
  /** Unpacked bytes for each of the pack, beyond the first 64 MiB. */
  ratio: number;
}

const RATIO_FREE = 64 * 1024 * 1024;

export interface PackFacts {
  objects: number;
  unpacked: number;
}

/** A refusal of a pack, before git has seen it. */
export const packRefused = (message: string, hint?: string): ServiceError =>
  new ServiceError(400, message, { code: "PACK_REFUSED", ...(hint !== undefined && { hint }) });

const damaged = () => packRefused("The pack is damaged or was cut off.", "Push again.");

/**
 * Looks through a pack without keeping anything of it: small ones can unpack to more than any memory.
 *
 * @throws ServiceError 400 `PACK_REFUSED` for one that is damaged or beyond a limit
 */
export async function scanPack(path: string, limits: PackLimits): Promise<PackFacts> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    return await new Scan(file, size, limits).run();
  } finally {
    await file.close();
  }
}

const WINDOW = 256 * 1024;
/** Bytes that are inflated here and now before others get their turn; an object costs as much as some bytes, whatever its size. */
const TURN = 1024 * 1024;
const OBJECT_COST = 4096;
/** Inflated at once up to this, in pieces above. */
const AT_ONCE = 1024 * 1024;

class Scan {
  readonly #file: FileHandle;
  readonly #size: number;
  readonly #limits: PackLimits;
  #window: Buffer = Buffer.alloc(0);
  #start = 0;
  #unpacked = 0;
  /** Bytes since the last turn of others. */
  #worked = 0;
  /** Depth of each delta by its place. */
  readonly #depths = new Map<number, number>();
  /** Places of blobs too large to be held, which git would hold if they were the base of a delta. */
  readonly #large = new Map<number, number>();
  #namesBase = false;

  constructor(file: FileHandle, size: number, limits: PackLimits) {
    this.#file = file;
    this.#size = size;
    this.#limits = limits;
  }

  async run(): Promise<PackFacts> {
    if (this.#size < 32) throw damaged();
    const head = await this.#bytes(0, 12);
    if (head.toString("latin1", 0, 4) !== "PACK" || head.readUInt32BE(4) !== 2) throw damaged();
    const objects = head.readUInt32BE(8);
    if (objects > this.#limits.objects) {
      throw packRefused(
        `The push has ${objects} objects; ${this.#limits.objects} are allowed at once.`,
        "Push older commits first: git push origin <older commit>:refs/heads/<branch>.",
      );
    }
    let at = 12;
    for (let number = 0; number < objects; number++) at = await this.#object(at);
    if (at !== this.#size - 20) throw damaged();
    if (this.#namesBase) for (const size of this.#large.values()) this.#hold(size);
    return { objects, unpacked: this.#unpacked };
  }

  /** Reads over the object at a place; gives the place of the next. */
  async #object(start: number): Promise<number> {
    const head = await this.#bytes(start, Math.min(64, this.#size - start));
    let at = 0;
    const byte = () => {
      const value = head[at++];
      if (value === undefined) throw damaged();
      return value;
    };
    const first = byte();
    const type = (first >> 4) & 7;
    let [size, scale, more] = [first % 16, 16, first];
    while (more >= 128) {
      more = byte();
      size += (more % 128) * scale;
      scale *= 128;
      if (size > Number.MAX_SAFE_INTEGER) throw damaged();
    }
    if (type === OFS_DELTA) {
      let digit = byte();
      let back = digit % 128;
      while (digit >= 128) {
        digit = byte();
        back = (back + 1) * 128 + (digit % 128);
      }
      this.#note(start, start - back);
    } else if (type === REF_DELTA) {
      this.#namesBase = true;
      at += 20;
    } else if (type < 1 || type > 4) throw damaged();
    const isDelta = type === OFS_DELTA || type === REF_DELTA;
    if (type !== TYPES.blob) this.#hold(size);
    else if (size > this.#limits.held) this.#large.set(start, size);
    if (!isDelta) this.#count(size);
    return this.#inflate(start + at, size, isDelta);
  }

  #note(start: number, base: number): void {
    this.#hold(this.#large.get(base) ?? 0);
    const depth = (this.#depths.get(base) ?? 0) + 1;
    if (depth > this.#limits.depth)
      throw packRefused(
        `The pack has a chain of more than ${this.#limits.depth} deltas.`,
        "Run git gc and push again.",
      );
    this.#depths.set(start, depth);
  }

  #hold(size: number): void {
    if (size <= this.#limits.held) return;
    throw packRefused(
      `The pack has an object of ${size} bytes; ${this.#limits.held} are allowed.`,
      "Put large files into Git LFS: git lfs migrate import --above=10MB.",
    );
  }

  #count(size: number): void {
    this.#unpacked += size;
    const { unpacked, ratio } = this.#limits;
    if (this.#unpacked > unpacked) {
      throw packRefused(
        `The push unpacks to more than ${unpacked} bytes.`,
        "Put large files into Git LFS (git lfs migrate import --above=10MB), or push older commits first.",
      );
    }
    if (this.#unpacked > RATIO_FREE && this.#unpacked > ratio * this.#size)
      throw packRefused(
        `The pack of ${this.#size} bytes unpacks to more than ${ratio} times as many.`,
        "Push less at once.",
      );
  }

  /** Checks that zlib's stream at a place gives so many bytes; gives the place after it. */
  async #inflate(at: number, size: number, isDelta: boolean): Promise<number> {
    if (size > AT_ONCE) return this.#inflateInPieces(at, size, isDelta);
    for (let room = size + (size >> 8) + 512; ; room *= 4) {
      const input = await this.#bytes(at, Math.min(room, this.#size - 20 - at));
      await this.#giveWay(input.length + size + OBJECT_COST);
      const done = inflateAtOnce(input, size);
      if (done !== undefined) {
        if (done.bytes.length !== size) throw damaged();
        if (isDelta) this.#delta(done.bytes);
        return at + done.used;
      }
      if (at + room >= this.#size - 20 || room > 4 * AT_ONCE) throw damaged();
    }
  }

  /** Inflating is done here and now: others get their turn by bytes. */
  async #giveWay(bytes: number): Promise<void> {
    this.#worked += bytes;
    if (this.#worked < TURN) return;
    this.#worked = 0;
    await turn();
  }

  async #inflateInPieces(at: number, size: number, isDelta: boolean): Promise<number> {
    const zlib = createInflate();
    let [given, first]: [number, Buffer | undefined] = [0, undefined];
    zlib.on("data", (chunk: Buffer) => {
      first ??= Buffer.from(chunk.subarray(0, 32));
      given += chunk.length;
      if (given > size) zlib.destroy(damaged());
    });
    const ended = new Promise<void>((resolve, reject) => {
      zlib.once("end", resolve);
      zlib.once("error", () => reject(damaged()));
    });
    // It may fail while the next piece is read.
    ended.catch(() => {});
    let over = false;
    zlib.once("end", () => (over = true));
    for (let place = at; !over && !zlib.destroyed && place < this.#size - 20; place += AT_ONCE) {
      const piece = Buffer.alloc(Math.min(AT_ONCE, this.#size - 20 - place));
      await this.#file.read(piece, 0, piece.length, place);
      await new Promise<void>((resolve) => zlib.write(piece, () => resolve()));
    }
    if (!over && !zlib.destroyed) zlib.end();
    await ended;
    if (given !== size) throw damaged();
    if (isDelta && first !== undefined) this.#delta(first);
    return at + zlib.bytesWritten;
  }

  /** The size of what a delta makes stands at its beginning, behind that of its base. */
  #delta(bytes: Uint8Array): void {
    let [at, result] = [0, 0];
    for (let number = 0; number < 2; number++) {
      let [scale, digit] = [1, 128];
      result = 0;
      while (digit >= 128) {
        digit = bytes[at++] ?? -1;
        if (digit < 0 || scale > 2 ** 49) throw damaged();
        result += (digit % 128) * scale;
        scale *= 128;
      }
    }
    this.#hold(result);
    this.#count(result);
  }

  async #bytes(start: number, length: number): Promise<Buffer> {
    if (length <= 0) throw damaged();
    if (start < this.#start || start + length > this.#start + this.#window.length) {
      const window = Buffer.alloc(Math.min(Math.max(length, WINDOW), this.#size - start));
      await this.#file.read(window, 0, window.length, start);
      [this.#window, this.#start] = [window, start];
    }
    return this.#window.subarray(start - this.#start, start - this.#start + length);
  }
}

/** What zlib's stream at the beginning of an input gives, and how much of the input it is; undefined where that ends inside it. */
function inflateAtOnce(input: Buffer, size: number): { bytes: Uint8Array; used: number } | undefined {
  try {
    // safe because "info" makes zlib give both, which its types do not tell
    const { buffer, engine } = inflateSync(input, {
      info: true,
      maxOutputLength: size + 1,
      chunkSize: Math.max(64, size + 1),
    }) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    return { bytes: buffer, used: engine.bytesWritten };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "Z_BUF_ERROR") return undefined;
    throw damaged();
  }
}
