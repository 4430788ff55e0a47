// Tensors of two versions of a safetensors file: which came, went or changed, and how far the values moved.
// Contents never change under their ids, so a comparison is made once and kept.
import type { TensorEntry } from "../../src/io/safetensors.ts";
import type { Store } from "../context.ts";
import { Latest } from "../latest.ts";
import { type FileEntry, openContent } from "./files.ts";
import { safetensorsHeader } from "./indexer.ts";

/** Weights up to this are compared by content, larger ones by name, dtype and shape. */
const CONTENT_LIMIT = 256 * 1024 * 1024;
/** Bytes that are read at once. */
const PIECE = 4 * 1024 * 1024;
const MOST_KEPT = 100;

export interface TensorChange {
  name: string;
  change: "added" | "removed" | "changed";
  before?: string;
  after?: string;
  /** Length of the difference in parts of the length before, where both are floats of one dtype and shape. */
  moved?: number;
}

export interface TensorChanges {
  changes: TensorChange[];
  same: number;
  /** False when a file was too large to read for it. */
  byContent: boolean;
}

const kept = new Latest<TensorChanges>(MOST_KEPT);

export function tensorChanges(
  ctx: Store,
  before: FileEntry | undefined,
  after: FileEntry | undefined,
): Promise<TensorChanges> {
  return kept.get(`${before?.id} ${after?.id}`, () => compareFiles(ctx, before, after));
}

async function compareFiles(
  ctx: Store,
  before: FileEntry | undefined,
  after: FileEntry | undefined,
): Promise<TensorChanges> {
  const [old, now] = [await tensorsOf(ctx, before), await tensorsOf(ctx, after)];
  const byContent = [before, after].every((side) => side === undefined || side.size <= CONTENT_LIMIT);
  const [oldBytes, newBytes] = [before && new Pieces(ctx, before), after && new Pieces(ctx, after)];
  const changes: TensorChange[] = [];
  let same = 0;
  for (const [name, right] of now) {
    const left = old.get(name);
    if (left === undefined) changes.push({ name, change: "added", after: kindOf(right) });
    else if (kindOf(left) !== kindOf(right))
      changes.push({ name, change: "changed", before: kindOf(left), after: kindOf(right) });
    else if (!byContent || oldBytes === undefined || newBytes === undefined) same++;
    else {
      const { equal, moved } = await compare(left, right, oldBytes, newBytes);
      const kinds = { before: kindOf(left), after: kindOf(right) };
      if (equal) same++;
      else changes.push({ name, change: "changed", ...kinds, ...(moved !== undefined && { moved }) });
    }
  }
  for (const [name, left] of old) if (!now.has(name)) changes.push({ name, change: "removed", before: kindOf(left) });
  changes.sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  return { changes, same, byContent };
}

const kindOf = ({ dtype, shape }: TensorEntry): string => `${dtype} [${shape.join(", ")}]`;

/** In the order in which they lie in the file, so that it is read from front to back. */
async function tensorsOf(ctx: Store, file: FileEntry | undefined): Promise<Map<string, TensorEntry>> {
  if (file === undefined) return new Map();
  const { tensors } = await safetensorsHeader(ctx, file);
  return new Map([...tensors].sort(([, a], [, b]) => a.offset - b.offset));
}

async function compare(left: TensorEntry, right: TensorEntry, old: Pieces, now: Pieces) {
  const decode = DECODERS[left.dtype];
  let [equal, difference, length] = [true, 0, 0];
  for (let at = 0; at < left.byteLength; at += PIECE) {
    const size = Math.min(PIECE, left.byteLength - at);
    const [a, b] = [await old.read(left.offset + at, size), await now.read(right.offset + at, size)];
    const alike = a.equals(b);
    equal &&= alike;
    if (decode === undefined) continue;
    const [x, y] = [decode(a), alike ? undefined : decode(b)];
    for (let index = 0; index < x.length; index++) {
      const value = x[index] ?? 0;
      length += value * value;
      if (y !== undefined) difference += ((y[index] ?? 0) - value) ** 2;
    }
  }
  const moved = Math.sqrt(difference / length);
  return { equal, moved: decode !== undefined && Number.isFinite(moved) ? moved : undefined };
}

/** A file in order: what lies near the last bytes read is not asked for again. */
class Pieces {
  private readonly ctx: Store;
  private readonly file: FileEntry;
  private from = 0;
  private bytes = Buffer.alloc(0);

  constructor(ctx: Store, file: FileEntry) {
    this.ctx = ctx;
    this.file = file;
  }

  async read(start: number, size: number): Promise<Buffer> {
    if (start < this.from || start + size > this.from + this.bytes.length) {
      const end = Math.min(this.file.size, start + PIECE);
      const chunks: Buffer[] = [];
      for await (const chunk of await openContent(this.ctx, this.file.id, { start, end }))
        chunks.push(Buffer.from(chunk));
      this.from = start;
      this.bytes = Buffer.concat(chunks);
    }
    return this.bytes.subarray(start - this.from, start - this.from + size);
  }
}

type Decode = (bytes: Buffer) => ArrayLike<number>;

/** safetensors is little-endian, as every machine is that Node 20 is built for but one (s390x). */
const DECODERS: Readonly<Record<string, Decode | undefined>> = {
  F64: (bytes) => new Float64Array(aligned(bytes)),
  F32: (bytes) => new Float32Array(aligned(bytes)),
  BF16: (bytes) => new Float32Array(Uint32Array.from(new Uint16Array(aligned(bytes)), (bits) => bits << 16).buffer),
  F16: (bytes) => Float32Array.from(new Uint16Array(aligned(bytes)), halfToNumber),
};

/** Views of more than a byte begin at multiples of their size; a copy does. */
const aligned = (bytes: Buffer): ArrayBuffer => Uint8Array.from(bytes).buffer;

function halfToNumber(bits: number): number {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const size =
    exponent === 0 ? fraction * 2 ** -24 : exponent === 31 ? Number.NaN : (1024 + fraction) * 2 ** (exponent - 25);
  return bits & 0x8000 ? -size : size;
}
