// Zip archives as .npz and .pth are: stored or deflated entries, zip64, CRC checked. Neither encryption nor several disks.
// Knows nothing of what the entries hold. Follows PKWARE's APPNOTE 6.3.10.
//
//   entries   "PK\3\4", 26 bytes, name, extra field, data
//   directory "PK\1\2" and 42 bytes for each entry, name, extra field, comment
//   end       ["PK\6\6" zip64 record, "PK\6\7" where it is,] "PK\5\6" and 18 bytes, comment
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { crc32, deflateRawSync, inflateRawSync } from "node:zlib";
import { AbrazoError } from "../errors.ts";
import type { ByteSource } from "./bytes.ts";
import { fileError } from "./system-error.ts";

const END = 0x06054b50;
const END64 = 0x06064b50;
const END64_LOCATOR = 0x07064b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_ENTRY = 0x04034b50;
const MAX32 = 0xffffffff;
const MAX16 = 0xffff;
const ZIP64_FIELD = 0x0001;
const [STORED, DEFLATED] = [0, 8];
/** Deflate cannot shrink further than this: an entry that claims to is damaged or made to hurt. */
const MAX_RATIO = 1032;
/** The end record, its longest comment, and the zip64 records before it. */
const TAIL = 22 + MAX16 + 20 + 56;

export interface ZipEntry {
  name: string;
  /** Bytes of the data, unpacked. */
  size: number;
  packedSize: number;
  method: number;
  crc: number;
  /** Where its local header begins. */
  offset: number;
}

function refuse(name: string, what: string): AbrazoError {
  return new AbrazoError({
    code: "INVALID_ZIP",
    message: `Not a valid zip archive: ${name}: ${what}.`,
    hint: "The file is damaged, was cut off, or is of another format; get it again.",
  });
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The directory of an archive, by name. Overlapping entries, impossible sizes and names that stand twice are refused. */
export async function readZip(source: ByteSource): Promise<Map<string, ZipEntry>> {
  const end = await findEnd(source);
  const { count, size, offset } = end;
  if (offset + size > source.size) throw refuse(source.name, `its directory would end at ${offset + size}`);
  const bytes = await source.read(offset, size);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let index = 0; index < count; index++) {
    const { entry, next } = directoryEntry(source.name, bytes, at);
    if (entries.has(entry.name)) throw refuse(source.name, `the entry "${entry.name}" stands twice`);
    entries.set(entry.name, entry);
    at = next;
  }
  checkRanges(source.name, [...entries.values()], offset);
  return entries;
}

async function findEnd(source: ByteSource): Promise<{ count: number; size: number; offset: number }> {
  const start = Math.max(0, source.size - TAIL);
  const tail = await source.read(start, source.size - start);
  const view = viewOf(tail);
  let at = tail.length - 22;
  while (at >= 0 && !(view.getUint32(at, true) === END && at + 22 + view.getUint16(at + 20, true) === tail.length))
    at--;
  if (at < 0) throw refuse(source.name, "it has no directory");
  const end = {
    count: view.getUint16(at + 10, true),
    size: view.getUint32(at + 12, true),
    offset: view.getUint32(at + 16, true),
  };
  if (at < 20 || view.getUint32(at - 20, true) !== END64_LOCATOR) return end;
  const where = safeNumber(source.name, view.getBigUint64(at - 12, true));
  if (where + 56 > source.size) throw refuse(source.name, "its zip64 record is outside");
  const record = viewOf(await source.read(where, 56));
  if (record.getUint32(0, true) !== END64) throw refuse(source.name, "its zip64 record is missing");
  const read = (place: number): number => safeNumber(source.name, record.getBigUint64(place, true));
  return { count: read(32), size: read(40), offset: read(48) };
}

function safeNumber(name: string, value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw refuse(name, `a size of ${value} bytes`);
  return Number(value);
}

function directoryEntry(archive: string, bytes: Uint8Array, at: number): { entry: ZipEntry; next: number } {
  const view = viewOf(bytes);
  if (at + 46 > bytes.length || view.getUint32(at, true) !== DIRECTORY_ENTRY) {
    throw refuse(archive, "its directory is cut off");
  }
  const [nameLength, extraLength] = [view.getUint16(at + 28, true), view.getUint16(at + 30, true)];
  const nameEnd = at + 46 + nameLength;
  const next = nameEnd + extraLength + view.getUint16(at + 32, true);
  if (next > bytes.length) throw refuse(archive, "its directory is cut off");
  const name = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(at + 46, nameEnd));
  if ((view.getUint16(at + 8, true) & 1) !== 0) throw refuse(archive, `the entry "${name}" is encrypted`);
  const wide = zip64Field(bytes.subarray(nameEnd, nameEnd + extraLength));
  // The zip64 field holds those of the three that do not fit, in this order.
  const full = (value: number): number => {
    if (value !== MAX32) return value;
    const found = wide.shift();
    if (found === undefined) throw refuse(archive, `the entry "${name}" lacks its zip64 sizes`);
    return safeNumber(archive, found);
  };
  const size = full(view.getUint32(at + 24, true));
  const packedSize = full(view.getUint32(at + 20, true));
  const offset = full(view.getUint32(at + 42, true));
  const entry = {
    name,
    size,
    packedSize,
    method: view.getUint16(at + 10, true),
    crc: view.getUint32(at + 16, true),
    offset,
  };
  checkEntry(archive, entry);
  return { entry, next };
}

function zip64Field(extra: Uint8Array): bigint[] {
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.length; ) {
    const length = view.getUint16(at + 2, true);
    if (at + 4 + length > extra.length) return [];
    if (view.getUint16(at, true) === ZIP64_FIELD) {
      return Array.from({ length: Math.floor(length / 8) }, (_, index) => view.getBigUint64(at + 4 + 8 * index, true));
    }
    at += 4 + length;
  }
  return [];
}

function checkEntry(archive: string, { name, size, packedSize, method }: ZipEntry): void {
  if (method !== STORED && method !== DEFLATED)
    throw refuse(archive, `the entry "${name}" is packed by method ${method}`);
  if (method === STORED && size !== packedSize) throw refuse(archive, `the stored entry "${name}" has two sizes`);
  if (size > MAX_RATIO * packedSize + MAX_RATIO) {
    throw refuse(archive, `the entry "${name}" claims ${size} bytes out of ${packedSize}`);
  }
}

/** No byte may serve two entries: that is how a small file unpacks to a huge one. */
function checkRanges(archive: string, entries: ZipEntry[], directory: number): void {
  let free = 0;
  for (const { name, offset, packedSize } of entries.sort((a, b) => a.offset - b.offset)) {
    if (offset < free) throw refuse(archive, `the entry "${name}" overlaps another`);
    free = offset + 30 + packedSize;
    if (free > directory) throw refuse(archive, `the entry "${name}" reaches beyond the entries`);
  }
}

/** Where an entry's packed data begins. */
async function dataStart(source: ByteSource, { name, offset, packedSize }: ZipEntry): Promise<number> {
  if (offset + 30 > source.size) throw refuse(source.name, `the entry "${name}" is cut off`);
  const header = viewOf(await source.read(offset, 30));
  if (header.getUint32(0, true) !== LOCAL_ENTRY)
    throw refuse(source.name, `the entry "${name}" is not where it should be`);
  const start = offset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
  if (start + packedSize > source.size) throw refuse(source.name, `the entry "${name}" is cut off`);
  return start;
}

/** The data of an entry, unpacked and checked. */
export async function readZipEntry(source: ByteSource, entry: ZipEntry): Promise<Uint8Array<ArrayBuffer>> {
  const packed = await source.read(await dataStart(source, entry), entry.packedSize);
  const bytes = entry.method === STORED ? packed : inflate(source.name, packed, entry);
  if (bytes.length !== entry.size) {
    throw refuse(source.name, `the entry "${entry.name}" has ${bytes.length} bytes, not ${entry.size}`);
  }
  if (crc32(bytes) !== entry.crc) throw refuse(source.name, `the entry "${entry.name}" fails its check sum`);
  return bytes;
}

function inflate(archive: string, packed: Uint8Array, { name, size }: ZipEntry): Uint8Array<ArrayBuffer> {
  try {
    // The limit is one byte above the size, so that a longer stream is told from one of the right length.
    return new Uint8Array(inflateRawSync(packed, { maxOutputLength: size + 1 }));
  } catch (error) {
    throw refuse(archive, `the entry "${name}" cannot be unpacked (${error instanceof Error ? error.message : error})`);
  }
}

export interface ZipOptions {
  compressed?: boolean;
  /** Data begins at a multiple of this, as PyTorch's loader likes it. */
  align?: number;
  /** Sizes from this on take zip64 fields. */
  zip64From?: number;
}

export interface ZipInput {
  name: string;
  data: Uint8Array;
}

/** Writes an archive under a temporary name and renames it. Times are fixed: the same entries give the same bytes. */
export async function writeZip(path: string, inputs: readonly ZipInput[], options: ZipOptions = {}): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await pipeline(Readable.from(zipChunks(inputs, options), { objectMode: false }), createWriteStream(temporary));
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw fileError(path, error);
  }
}

function* zipChunks(
  inputs: readonly ZipInput[],
  { compressed = false, align = 1, zip64From = MAX32 }: ZipOptions,
): Generator<Uint8Array> {
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const { name, data } of inputs) {
    const packed = compressed ? deflateRawSync(data) : data;
    const fields = { name: new TextEncoder().encode(name), size: data.length, packedSize: packed.length, offset };
    const wide = Math.max(data.length, packed.length, offset) >= zip64From;
    const entry = { ...fields, wide, crc: crc32(data), method: compressed ? DEFLATED : STORED };
    const local = localHeader(entry, align);
    yield local;
    yield packed;
    directory.push(directoryHeader(entry));
    offset += local.length + packed.length;
  }
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  yield* directory;
  yield endRecords(inputs.length, size, offset, zip64From);
}

interface EntryToWrite extends Omit<ZipEntry, "name"> {
  name: Uint8Array;
  wide: boolean;
}

/** The 26 bytes that local and directory headers share, from "version needed" on. */
function sharedFields(view: DataView, at: number, { method, crc, size, packedSize, name, wide }: EntryToWrite): void {
  view.setUint16(at, wide ? 45 : 20, true);
  view.setUint16(at + 2, 0x0800, true); // the name is UTF-8
  view.setUint16(at + 4, method, true);
  view.setUint32(at + 6, 0x00210000, true); // 1980-01-01 00:00
  view.setUint32(at + 10, crc, true);
  view.setUint32(at + 14, wide ? MAX32 : packedSize, true);
  view.setUint32(at + 18, wide ? MAX32 : size, true);
  view.setUint16(at + 22, name.length, true);
}

function wideField(values: readonly number[]): Uint8Array {
  const out = new Uint8Array(4 + 8 * values.length);
  const view = viewOf(out);
  view.setUint16(0, ZIP64_FIELD, true);
  view.setUint16(2, 8 * values.length, true);
  for (const [index, value] of values.entries()) view.setBigUint64(4 + 8 * index, BigInt(value), true);
  return out;
}

function localHeader(entry: EntryToWrite, align: number): Uint8Array {
  const { name, wide, size, packedSize, offset } = entry;
  const field = wide ? wideField([size, packedSize]) : new Uint8Array(0);
  const before = offset + 30 + name.length + field.length;
  // Padding is an extra field of its own, which takes 4 bytes at least.
  const gap = (align - (before % align)) % align;
  const padding = gap === 0 ? 0 : gap < 4 ? gap + align * Math.ceil((4 - gap) / align) : gap;
  const out = new Uint8Array(30 + name.length + field.length + padding);
  const view = viewOf(out);
  view.setUint32(0, LOCAL_ENTRY, true);
  sharedFields(view, 4, entry);
  view.setUint16(28, field.length + padding, true);
  out.set(name, 30);
  out.set(field, 30 + name.length);
  if (padding > 0) {
    const at = 30 + name.length + field.length;
    view.setUint16(at, 0x4246, true); // "FB", as PyTorch names its padding
    view.setUint16(at + 2, padding - 4, true);
  }
  return out;
}

function directoryHeader(entry: EntryToWrite): Uint8Array {
  const { name, wide, size, packedSize, offset } = entry;
  const field = wide ? wideField([size, packedSize, offset]) : new Uint8Array(0);
  const out = new Uint8Array(46 + name.length + field.length);
  const view = viewOf(out);
  view.setUint32(0, DIRECTORY_ENTRY, true);
  view.setUint16(4, wide ? 45 : 20, true);
  sharedFields(view, 6, entry);
  view.setUint16(30, field.length, true);
  view.setUint32(42, wide ? MAX32 : offset, true);
  out.set(name, 46);
  out.set(field, 46 + name.length);
  return out;
}

function endRecords(count: number, size: number, offset: number, zip64From: number): Uint8Array {
  const wide = count >= MAX16 || Math.max(size, offset) >= zip64From;
  const out = new Uint8Array((wide ? 76 : 0) + 22);
  const view = viewOf(out);
  if (wide) {
    view.setUint32(0, END64, true);
    view.setBigUint64(4, 44n, true);
    view.setUint16(12, 45, true);
    view.setUint16(14, 45, true);
    for (const [index, value] of [count, count, size, offset].entries()) {
      view.setBigUint64(24 + 8 * index, BigInt(value), true);
    }
    view.setUint32(56, END64_LOCATOR, true);
    view.setBigUint64(64, BigInt(offset + size), true);
    view.setUint32(72, 1, true);
  }
  const at = out.length - 22;
  view.setUint32(at, END, true);
  view.setUint16(at + 8, wide ? MAX16 : count, true);
  view.setUint16(at + 10, wide ? MAX16 : count, true);
  view.setUint32(at + 12, wide ? MAX32 : size, true);
  view.setUint32(at + 16, wide ? MAX32 : offset, true);
  return out;
}
