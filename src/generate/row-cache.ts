// Keys and values of texts that come and go, in one buffer: each row holds as many tokens as its own text has, so that whoever joins
// or leaves moves rows, and a step copies a token's share.
// Knows no sampling, and not whose the rows are.
import type { CacheLayout } from "../models/architecture.ts";
import { cacheName } from "../models/trace.ts";
import type { CompiledGraph, Feed } from "../tensor/index.ts";
import { logitRows, type TokenInputs, tokenFeeds } from "./feeds.ts";

/** One text's place in the cache. */
export interface CacheRow {
  /** Its index now: a row that leaves is replaced by the last. */
  place: number;
  /** Tokens held. */
  length: number;
  /** Runs that it did not take part in since its last. */
  idle: number;
}

/** A row and its next token. */
export interface NextToken {
  row: CacheRow;
  id: bigint;
  position: bigint;
}

/** What a cache is kept for. */
export interface RowCacheParts {
  graph: CompiledGraph;
  layout: CacheLayout;
  /** Wire names of the inputs that the graph has. */
  names: ReadonlySet<string>;
  /** Tokens that a row may have. */
  maxLength: number;
}

/** Runs that a row may sit out at its place: then it goes behind those that take part, and costs them nothing. */
const PATIENCE = 8;

export class RowCache {
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

  /**
   * Reads prompts, whose rows are padded in front, with their mask [B, T]: a new row for each. Nothing has changed when it throws.
   *
   * @returns the rows, and the logits after their last tokens
   */
  read(prompts: TokenInputs): { rows: CacheRow[]; logits: Float32Array[] } {
    const columns = prompts.inputIds.length / prompts.rows;
    const { heads, width } = this.#parts.layout;
    // A past of one token, which is masked: the WebGPU runtime crashes on inputs without elements.
    const attentionMask = new BigInt64Array(prompts.rows * (columns + 1));
    for (let row = 0; row < prompts.rows; row++)
      attentionMask.set(prompts.attentionMask.subarray(row * columns, (row + 1) * columns), row * (columns + 1) + 1);
    const feeds = tokenFeeds(this.#parts.names, { ...prompts, attentionMask });
    const nothing = new Float32Array(prompts.rows * heads * width);
    for (const name of this.#names()) feeds[name] = { data: nothing, shape: [prompts.rows, heads, 1, width] };
    const results = this.#parts.graph.run(feeds);
    const lengths = Array.from({ length: prompts.rows }, (_, row) =>
      prompts.attentionMask.subarray(row * columns, (row + 1) * columns).reduce((sum, one) => sum + Number(one), 0),
    );
    this.#fit(this.#rows.length + prompts.rows, Math.max(...lengths));
    const rows = lengths.map((length, at) => {
      const row = this.#append(length);
      this.#write(results, { from: at, skip: columns - length, columns }, row, length);
      return row;
    });
    return { rows, logits: logitRows(results["logits"], prompts.rows) };
  }

  /** One more token of each of these rows, in one run. The logits come in their order. Nothing has changed when it throws. */
  next(tokens: readonly NextToken[]): Float32Array[] {
    this.#settle(new Set(tokens.map(({ row }) => row)));
    this.#fit(this.#rows.length, Math.max(...tokens.map(({ row }) => row.length + 1)));
    // Rows between those that take part are run along; what comes of them is not read.
    const rows = 1 + Math.max(...tokens.map(({ row }) => row.place));
    const inputs = this.#inputs(tokens, rows);
    const feeds = tokenFeeds(this.#parts.names, inputs);
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

  /** A row with the same tokens. */
  copy(row: CacheRow): CacheRow {
    this.#fit(this.#rows.length + 1, row.length);
    const copy = this.#append(row.length);
    this.#move(row.place, copy.place, row.length);
    return copy;
  }

  /** Drops a row; the last takes its place. */
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

  #names(): string[] {
    return Array.from({ length: this.#parts.layout.layers }, (_, layer) =>
      (["key", "value"] as const).map((part) => cacheName("past_key_values", layer, part)),
    ).flat();
  }

  #append(length: number): CacheRow {
    const row = { place: this.#rows.length, length, idle: 0 };
    this.#rows.push(row);
    return row;
  }

  #inputs(tokens: readonly NextToken[], rows: number): TokenInputs {
    const wide = this.#room + 1;
    const inputs = {
      inputIds: new BigInt64Array(rows),
      positionIds: new BigInt64Array(rows),
      attentionMask: new BigInt64Array(rows * wide),
      rows,
    };
    // Each sees itself at least: a row without any key would give no numbers.
    for (let row = 0; row < rows; row++) inputs.attentionMask[row * wide + this.#room] = 1n;
    for (const { row, id, position } of tokens) {
      inputs.inputIds[row.place] = id;
      inputs.positionIds[row.place] = position;
      inputs.attentionMask.fill(1n, row.place * wide, row.place * wide + row.length);
    }
    return inputs;
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

  /** Makes room for so many rows, and for so many tokens of each: a quarter more than is needed, so that it is rare. */
  #fit(rows: number, tokens: number): void {
    const isRoomy = rows <= this.#capacity && tokens <= this.#room;
    if (isRoomy) return;
    const { maxLength } = this.#parts;
    const room =
      tokens <= this.#room
        ? this.#room
        : Math.min(Math.max(tokens, maxLength), Math.max(tokens + 32, Math.ceil(tokens * 1.25)));
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
    const names = this.#cache.size === 0 ? this.#names() : [...this.#cache.keys()];
    for (const name of names) {
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
