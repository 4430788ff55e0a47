// Keys and values of texts that come and go, in one buffer: each row holds as many tokens as its own text has, so that whoever joins
// or leaves moves rows, and a step copies a token's share.
// Knows no sampling, and not whose the rows are.
import type { Feed } from "../tensor/index.ts";
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

/** Runs that a row may sit out at its place: then it goes behind those that take part, and costs them nothing. */
const PATIENCE = 8;

export class HostRowCache implements RowCache {
  readonly #parts: RowCacheParts;
  /** [capacity, H, room, D] each, by wire name. */
  #cache = new Map<string, Float32Array>();
  #rows: CacheRow[] = [];
  #capacity = 0;
  /** Tokens that each row has room for. */
  #room = 0;

  constructor(parts: RowCacheParts) {
    this.#parts = parts;
  }

  read(prompts: TokenInputs): { rows: CacheRow[]; logits: Float32Array[] } {
    const { heads, width } = this.#parts.layout;
    const { inputs, columns, lengths } = promptInputs(prompts);
    const feeds: Record<string, Feed> = tokenFeeds(this.#parts.names, inputs);
    const nothing = { data: new Float32Array(prompts.rows * heads * width), shape: [prompts.rows, heads, 1, width] };
    for (const part of partsOf(this.#parts.layout)) feeds[`past_key_values.${part}`] = nothing;
    const results = this.#parts.graph.run(feeds);
    this.#fit(this.#rows.length + prompts.rows, Math.max(...lengths));
    const rows = lengths.map((length, at) => {
      const row = this.#append(length);
      this.#write(results, { from: at, skip: columns - length, columns }, row, length);
      return row;
    });
    return { rows, logits: logitRows(results["logits"], prompts.rows) };
  }

  next(tokens: readonly NextToken[]): Float32Array[] {
    this.#settle(new Set(tokens.map(({ row }) => row)));
    this.#fit(this.#rows.length, Math.max(...tokens.map(({ row }) => row.length + 1)));
    // Rows between those that take part are run along; what comes of them is not read.
    const rows = 1 + Math.max(...tokens.map(({ row }) => row.place));
    const feeds = tokenFeeds(this.#parts.names, nextInputs(tokens, rows, this.#room));
    const { heads, width } = this.#parts.layout;
    const size = heads * this.#room * width;
    for (const [name, data] of this.#cache)
      feeds[name] = { data: data.subarray(0, rows * size), shape: [rows, heads, this.#room, width] };
    const results = this.#parts.graph.run(feeds);
    const logits = logitRows(results["logits"], rows);
    for (const row of this.#rows) row.idle++;
    return tokens.map(({ row }) => {
      this.#write(results, { from: row.place, skip: 0, columns: 1 }, row, 1, row.length);
      row.length++;
      row.idle = 0;
      return logits[row.place] ?? new Float32Array(0);
    });
  }

  copy(row: CacheRow): CacheRow {
    this.#fit(this.#rows.length + 1, row.length);
    const copy = this.#append(row.length);
    this.#move(row.place, copy.place, row.length);
    return copy;
  }

  remove(row: CacheRow): void {
    const last = this.#rows.pop();
    if (last === undefined) return;
    if (last !== row) {
      this.#move(last.place, row.place, last.length);
      last.place = row.place;
      this.#rows[row.place] = last;
    }
    this.#shrink();
  }

  #append(length: number): CacheRow {
    const row = { place: this.#rows.length, length, idle: 0 };
    this.#rows.push(row);
    return row;
  }

  /** Copies `count` columns of one row of results into the cache, after `at` tokens. */
  #write(
    results: Readonly<Record<string, Feed>>,
    { from, skip, columns }: { from: number; skip: number; columns: number },
    { place }: CacheRow,
    count: number,
    at = 0,
  ): void {
    const { heads, width } = this.#parts.layout;
    for (const [name, data] of this.#cache) {
      const fresh = results[name.replace("past_key_values", "present")]?.data as Float32Array; // safe because the traced cache is float32
      for (let head = 0; head < heads; head++) {
        const start = ((from * heads + head) * columns + skip) * width;
        const line = (place * heads + head) * this.#room;
        data.set(fresh.subarray(start, start + count * width), (line + at) * width);
      }
    }
  }

  #move(from: number, to: number, length: number): void {
    const { heads, width } = this.#parts.layout;
    for (const data of this.#cache.values()) {
      for (let head = 0; head < heads; head++) {
        const start = (from * heads + head) * this.#room * width;
        data.copyWithin((to * heads + head) * this.#room * width, start, start + length * width);
      }
    }
  }

  /** Rows that have sat out several runs change places with those that take part and stand behind them. */
  #settle(active: ReadonlySet<CacheRow>): void {
    for (let place = 0; place < active.size; place++) {
      const row = this.#rows[place];
      if (row === undefined || active.has(row) || row.idle < PATIENCE) continue;
      const other = this.#rows.findLast((each) => active.has(each));
      if (other === undefined || other.place < place) return;
      this.#swap(row, other);
    }
  }

  #swap(one: CacheRow, other: CacheRow): void {
    const spare = this.copy(one);
    this.#move(other.place, one.place, other.length);
    this.#move(spare.place, other.place, spare.length);
    this.#rows.pop();
    [one.place, other.place] = [other.place, one.place];
    this.#rows[one.place] = one;
    this.#rows[other.place] = other;
  }

  /** Makes room for so many rows, and for so many tokens of each. */
  #fit(rows: number, tokens: number): void {
    const isRoomy = rows <= this.#capacity && tokens <= this.#room;
    if (isRoomy) return;
    const { maxLength } = this.#parts;
    const room = tokens <= this.#room ? this.#room : roomFor(tokens, maxLength);
    this.#resize(rows <= this.#capacity ? this.#capacity : Math.max(rows, Math.ceil(this.#capacity * 1.25)), room);
  }

  /** Gives back what long texts, or many, have left. */
  #shrink(): void {
    if (this.#rows.length === 0) {
      this.#cache.clear();
      [this.#capacity, this.#room] = [0, 0];
      return;
    }
    const tokens = Math.max(...this.#rows.map(({ length }) => length)) + 32;
    if (this.#rows.length * 4 <= this.#capacity || tokens * 4 <= this.#room)
      this.#resize(this.#rows.length, Math.min(this.#room, tokens));
  }

  #resize(capacity: number, room: number): void {
    const { heads, width } = this.#parts.layout;
    for (const part of partsOf(this.#parts.layout)) {
      const name = `past_key_values.${part}`;
      const old = this.#cache.get(name);
      const made = new Float32Array(capacity * heads * room * width);
      for (const { place, length } of old === undefined ? [] : this.#rows) {
        for (let line = place * heads; line < (place + 1) * heads; line++) {
          const start = line * this.#room * width;
          made.set(old?.subarray(start, start + length * width) ?? [], line * room * width);
        }
      }
      this.#cache.set(name, made);
    }
    [this.#capacity, this.#room] = [capacity, room];
  }
}
