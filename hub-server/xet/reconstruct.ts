// From a range of a file to ranges of xorbs: as the plan that clients follow, and as the bytes themselves.
// Knows no storage: tables and bytes of xorbs are asked for.
import { ChunkReader, unpack } from "./chunks.ts";
import { type Term, termsIn } from "./shard.ts";
import type { ChunkTable } from "./xorb.ts";

/** A file in the store: its terms, as packTerms keeps them. */
export interface XetFile {
  hash: string;
  sha256: string;
  size: number;
  terms: Uint8Array;
}

/** Bytes of a file: [start, end). */
export interface Span {
  start: number;
  end: number;
}

/** Some chunks of a xorb that go together over the wire. */
export interface Fetch {
  /** Chunks: [start, end). */
  chunks: Span;
  /** Bytes of the xorb: [start, end). */
  bytes: Span;
}

export interface Plan {
  /** Bytes to drop of the first term. */
  offset: number;
  terms: Term[];
  /** What to fetch of each xorb; a term lies in one fetch. */
  fetches: Map<string, Fetch[]>;
}

/** The chunks of a term that have bytes of the range. */
function trim(term: Term, before: number, table: ChunkTable, { start, end }: Span): { term: Term; skipped: number } {
  const base = table.start(term.start);
  const first = start <= before ? term.start : table.chunkOf(base + start - before);
  const last = end >= before + term.size ? term.end - 1 : table.chunkOf(base + end - before - 1);
  const trimmed = { xorb: term.xorb, start: first, end: last + 1, size: table.sizeOf(first, last + 1) };
  return { term: trimmed, skipped: table.start(first) - base };
}

/** How clients put a range of a file together. */
export async function planFetches(
  file: XetFile,
  span: Span,
  tableOf: (xorb: string) => Promise<ChunkTable>,
): Promise<Plan> {
  const plan: Plan = { offset: 0, terms: [], fetches: new Map() };
  for (const { term, before } of termsIn(file.terms, span.start, span.end)) {
    const { term: trimmed, skipped } = trim(term, before, await tableOf(term.xorb), span);
    if (plan.terms.length === 0) plan.offset = Math.max(0, span.start - before - skipped);
    plan.terms.push(trimmed);
  }
  const spans = new Map<string, Span[]>();
  for (const { xorb, start, end } of plan.terms) {
    const list = spans.get(xorb);
    if (list === undefined) spans.set(xorb, [{ start, end }]);
    else list.push({ start, end });
  }
  for (const [xorb, list] of spans) {
    const table = await tableOf(xorb);
    const fetches = union(list).map((chunks) => ({
      chunks,
      bytes: { start: table.packedStart(chunks.start), end: table.packedStart(chunks.end) },
    }));
    plan.fetches.set(xorb, fetches);
  }
  return plan;
}

/** Spans in order, those that overlap or touch made one. */
function union(spans: readonly Span[]): Span[] {
  const out: Span[] = [];
  for (const { start, end } of [...spans].sort((a, b) => a.start - b.start)) {
    const last = out.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else out.push({ start, end });
  }
  return out;
}

export interface XorbSource {
  tableOf(xorb: string): Promise<ChunkTable>;
  /** Bytes of a xorb as it is stored. */
  open(xorb: string, span: Span): Promise<AsyncIterable<Uint8Array>>;
}

/** The packed bytes of the chunks in which a range lies, term by term, with how much of what they unpack to is not asked for. */
async function* packedParts(file: XetFile, span: Span, source: XorbSource) {
  for (const { term, before } of termsIn(file.terms, span.start, span.end)) {
    const table = await source.tableOf(term.xorb);
    const { term: trimmed, skipped } = trim(term, before, table, span);
    const bytes = { start: table.packedStart(trimmed.start), end: table.packedStart(trimmed.end) };
    const position = before + skipped;
    yield { position, pieces: await source.open(term.xorb, bytes) };
  }
}

/** Bytes of a file as its chunks give them, unpacked one at a time. */
export async function* readFile(file: XetFile, span: Span, source: XorbSource): AsyncGenerator<Uint8Array> {
  for await (const { position, pieces } of packedParts(file, span, source)) {
    const reader = new ChunkReader();
    let at = position;
    for await (const piece of pieces) {
      for (const chunk of reader.push(piece)) {
        const bytes = unpack(chunk);
        const [from, to] = [Math.max(0, span.start - at), Math.min(bytes.length, span.end - at)];
        at += bytes.length;
        yield from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to);
      }
    }
    reader.finish();
  }
}

/** The stored bytes of all of a file, for whoever unpacks them elsewhere. */
export async function* readPacked(file: XetFile, source: XorbSource): AsyncGenerator<Uint8Array> {
  for await (const { pieces } of packedParts(file, { start: 0, end: file.size }, source)) yield* pieces;
}
