// Keys and values of texts that come and go, in a device's memory: a step writes them from one array into another, both there, and of
// the rows that come or go the device makes new arrays.
// Knows no sampling, and not whose the rows are.

import { CACHE_PLACE } from "../models/trace.ts";
import { functional as F } from "../nn/index.ts";
import {
  type CompiledGraph,
  cat,
  compileGraph,
  DeviceArray,
  type Feeds,
  symbolic,
  type Traced,
} from "../tensor/index.ts";
import {
  type CacheRow,
  type NextToken,
  nextInputs,
  partsOf,
  promptInputs,
  type RowCache,
  type RowCacheParts,
  roomFor,
} from "./cache-rows.ts";
import { logitRows, type TokenInputs, tokenFeeds } from "./feeds.ts";

/** Arrays of every layer's keys and values, by part. */
type Arrays = ReadonlyMap<string, DeviceArray>;

export class DeviceRowCache implements RowCache {
  readonly #parts: RowCacheParts;
  readonly #shelves: Shelves;
  #rows: CacheRow[] = [];
  /** For each row, that of the arrays which has its tokens: rows are copied and dropped when the next run needs them so. */
  #sources: number[] = [];
  /** [rows, H, room, D] each; undefined while there is no row. */
  #held: Arrays | undefined;
  /** Of the same sizes: what the next step writes. */
  #spare: Arrays | undefined;
  /** [rows, H, 1, D] each: a step's own keys and values, which nobody reads. */
  #fresh: Arrays | undefined;
  #room = 0;

  constructor(parts: RowCacheParts, device: string) {
    this.#parts = parts;
    this.#shelves = new Shelves(parts, device);
  }

  read(prompts: TokenInputs): { rows: CacheRow[]; logits: Float32Array[] } {
    const { graph, layout, names, maxLength } = this.#parts;
    const { heads, width } = layout;
    const { inputs, columns, lengths } = promptInputs(prompts);
    const nothing = { data: new Float32Array(prompts.rows * heads * width), shape: [prompts.rows, heads, 1, width] };
    const past = Object.fromEntries(partsOf(layout).map((part) => [`past_key_values.${part}`, nothing]));
    const nowhere = { data: new Uint8Array(prompts.rows), shape: [prompts.rows, 1, 1, 1] };
    const [read, unused] = [
      this.#shelves.empty([prompts.rows, heads, columns, width]),
      this.#shelves.empty(nothing.shape),
    ];
    const results = graph.run(
      { ...tokenFeeds(names, inputs), ...past, [CACHE_PLACE]: nowhere },
      { ...under("present", read), ...under("placed", unused) },
    );
    const longest = Math.max(...lengths);
    const room = longest <= this.#room ? this.#room : roomFor(longest, maxLength);
    this.#arrange(room);
    const own = lengths.map((length, row) => ({ row, from: columns - length }));
    const made = new Map<string, DeviceArray>();
    for (const [part, array] of read) {
      const picked = this.#shelves.pick(array, own, room);
      const before = this.#held?.get(part);
      made.set(part, before === undefined ? picked : this.#shelves.join(before, picked));
      if (before !== undefined) picked.dispose();
    }
    free(read, unused);
    this.#replace(made, room);
    const rows = lengths.map((length) => this.#append(length, this.#sources.length));
    return { rows, logits: logitRows(results["logits"], prompts.rows) };
  }

  next(tokens: readonly NextToken[]): Float32Array[] {
    const { graph, names, maxLength, layout } = this.#parts;
    const needed = Math.max(...tokens.map(({ row }) => row.length + 1));
    this.#arrange(needed <= this.#room ? this.#room : roomFor(needed, maxLength));
    const [rows, room] = [this.#rows.length, this.#room];
    const place = new Uint8Array(rows * room);
    for (const { row } of tokens) place[row.place * room + row.length] = 1;
    const { heads, width } = layout;
    this.#spare ??= this.#shelves.empty([rows, heads, room, width]);
    this.#fresh ??= this.#shelves.empty([rows, heads, 1, width]);
    const [held, spare, fresh] = [this.#held, this.#spare, this.#fresh];
    const feeds: Feeds = {
      ...tokenFeeds(names, nextInputs(tokens, rows, room)),
      ...under("past_key_values", held),
      [CACHE_PLACE]: { data: place, shape: [rows, 1, room, 1] },
    };
    const results = graph.run(feeds, { ...under("placed", spare), ...under("present", fresh) });
    [this.#held, this.#spare] = [spare, held];
    const logits = logitRows(results["logits"], rows);
    for (const { row } of tokens) row.length++;
    return tokens.map(({ row }) => logits[row.place] ?? new Float32Array(0));
  }

  copy(row: CacheRow): CacheRow {
    return this.#append(row.length, this.#sources[row.place] ?? 0);
  }

  remove(row: CacheRow): void {
    const [last, source] = [this.#rows.pop(), this.#sources.pop()];
    if (last === undefined || source === undefined) return;
    if (last !== row) {
      last.place = row.place;
      this.#rows[row.place] = last;
      this.#sources[row.place] = source;
    }
    if (this.#rows.length === 0) this.#replace(undefined, 0);
  }

  #append(length: number, source: number): CacheRow {
    const row = { place: this.#rows.length, length, idle: 0 };
    this.#rows.push(row);
    this.#sources.push(source);
    return row;
  }

  /** Brings the arrays to the rows as they are now, with so much room each. */
  #arrange(room: number): void {
    const held = this.#held;
    if (held === undefined) return;
    const [count = 0] = [...held.values()][0]?.shape ?? [];
    const isSame = this.#sources.length === count && this.#sources.every((source, place) => source === place);
    if (isSame && room === this.#room) return;
    const wanted = this.#sources.map((row) => ({ row, from: 0 }));
    const made = new Map([...held].map(([part, array]) => [part, this.#shelves.pick(array, wanted, room)]));
    this.#replace(made, room);
    this.#sources = this.#sources.map((_, place) => place);
  }

  #replace(arrays: Arrays | undefined, room: number): void {
    free(this.#held, this.#spare, this.#fresh);
    [this.#held, this.#spare, this.#fresh, this.#room] = [arrays, undefined, undefined, room];
  }
}

const under = (kind: string, arrays: Arrays | undefined): Record<string, DeviceArray> =>
  Object.fromEntries([...(arrays ?? [])].map(([part, array]) => [`${kind}.${part}`, array]));

function free(...all: readonly (Arrays | undefined)[]): void {
  for (const arrays of all) for (const array of arrays?.values() ?? []) array.dispose();
}

/** Small graphs that make new arrays of old ones, compiled when first needed and kept: they hold no weights. */
const compiled = new Map<string, CompiledGraph>();

/** What is done with arrays of one cache's sizes on one device. */
class Shelves {
  readonly #parts: RowCacheParts;
  readonly #device: string;

  constructor(parts: RowCacheParts, device: string) {
    this.#parts = parts;
    this.#device = device;
  }

  empty(shape: readonly number[]): Arrays {
    return new Map(partsOf(this.#parts.layout).map((part) => [part, new DeviceArray(this.#device, shape)]));
  }

  /** Rows of an array, from a token of theirs on, each with room for so many; what lies behind its tokens is of no meaning. */
  pick(array: DeviceArray, rows: readonly { row: number; from: number }[], room: number): DeviceArray {
    const [, heads = 0, before = 0, width = 0] = array.shape;
    const graph = this.#graph("pick", (size) => {
      const x = symbolic("x", ["rows", ...size("room")], "float32");
      const places = symbolic("places", ["picked", "new_room"], "int64");
      const tokens = x.transpose(1, 2).flatten(2).flatten(0, 1); // [rows * room, H D]
      const y = F.embedding(places, tokens).unflatten(-1, [heads, width]).transpose(1, 2);
      return { inputs: [x, places], outputs: { y } };
    });
    const places = new BigInt64Array(rows.length * room);
    for (const [at, { row, from }] of rows.entries()) {
      for (let slot = 0; slot < room; slot++)
        places[at * room + slot] = BigInt(row * before + Math.min(from + slot, before - 1));
    }
    const made = new DeviceArray(this.#device, [rows.length, heads, room, width]);
    graph.run({ x: array, places: { data: places, shape: [rows.length, room] } }, { y: made });
    return made;
  }

  /** The rows of one array, and behind them those of another with as much room. */
  join(array: DeviceArray, more: DeviceArray): DeviceArray {
    const graph = this.#graph("join", (size) => {
      const a = symbolic("a", ["rows", ...size("room")], "float32");
      const b = symbolic("b", ["more", ...size("room")], "float32");
      return { inputs: [a, b], outputs: { y: cat([a, b], 0) } };
    });
    const [count = 0, ...sizes] = array.shape;
    const made = new DeviceArray(this.#device, [count + (more.shape[0] ?? 0), ...sizes]);
    graph.run({ a: array, b: more }, { y: made });
    return made;
  }

  #graph(name: string, trace: (size: (room: string) => [number, string, number]) => Traced): CompiledGraph {
    const { heads, width } = this.#parts.layout;
    const key = [name, this.#device, heads, width].join(" ");
    const graph =
      compiled.get(key) ??
      compileGraph(
        trace((room) => [heads, room, width]),
        { device: this.#device },
      );
    compiled.set(key, graph);
    return graph;
  }
}
