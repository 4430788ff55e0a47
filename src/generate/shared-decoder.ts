// A decoder that texts of many calls share: each goes its own way, with its own options, and the steps that they take at the same time are
// one run. Texts join when they come and leave when they end.
// Knows no options of generation: a text is seen by its steps alone.
import { Admission, type Bounds } from "./admission.ts";
import type { CacheRow, RowCache } from "./cache-rows.ts";
import type { TokenInputs } from "./feeds.ts";
import type { Decoder, DecodeStep, Decoding } from "./kv-cache.ts";

/** Decoders that take turns, such as a model's alone and with each of its adapters: together they have so much in hand at once. */
export class SharedDecoders {
  readonly #admission: Admission;
  readonly #made = new WeakMap<Decoder, Decoder>();

  /** @param bounds what is in hand at once; other calls wait, in their order */
  constructor(bounds: Bounds) {
    this.#admission = new Admission(bounds);
  }

  /**
   * The decoder as calls share it: every decoding that it starts is a text, or a few, that go with all the others. One that keeps each
   * text's past for itself is shared too: as many texts are in hand, and take their steps in turn.
   */
  of(decoder: Decoder): Decoder {
    const made = this.#made.get(decoder) ?? this.#share(decoder);
    this.#made.set(decoder, made);
    return made;
  }

  #share(decoder: Decoder): Decoder {
    const cache = decoder.rows?.();
    const company = cache === undefined ? undefined : new Company(cache);
    return {
      maxLength: decoder.maxLength,
      start: () => (company === undefined ? decoder.start() : new SharedDecoding(company)),
      dispose: () => decoder.dispose(),
      alone: decoder,
      admit: (need, signal) => this.#admission.enter(need, signal),
    };
  }
}

/** A text's step that waits for the next run. */
interface Waiting {
  member: SharedDecoding;
  step: DecodeStep;
  resolve(logits: Float32Array[]): void;
  reject(error: unknown): void;
}

/** Tokens of prompts that are read in one run at most, padding among them: those who write meanwhile wait for it. */
const PROMPT_TOKENS = 2048;
/** Milliseconds that a run waits for the texts of the last one at most. */
const WAIT = 5;

/** The texts that go together. */
class Company {
  readonly cache: RowCache;
  #waiting: Waiting[] = [];
  /** Those of the last run that have not come back yet. */
  readonly #expected = new Set<SharedDecoding>();
  #complete = (): void => {};
  #isRunning = false;
  #lastRun = 0;

  constructor(cache: RowCache) {
    this.cache = cache;
  }

  step(member: SharedDecoding, step: DecodeStep): Promise<Float32Array[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ member, step, resolve, reject });
      this.noLonger(member);
      if (!this.#isRunning) void this.#run();
    });
  }

  /** That text need not be waited for. */
  noLonger(member: SharedDecoding): void {
    this.#expected.delete(member);
    if (this.#expected.size === 0) this.#complete();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      await this.#gathered();
      // The runtime computes on this thread; others get their turn between tokens.
      await new Promise<void>((resolve) => setImmediate(resolve));
      this.#round();
    }
    this.#isRunning = false;
  }

  /** Until all texts of the last run are back, or have been given the time of a run: a reader may be slow. */
  async #gathered(): Promise<void> {
    if (this.#expected.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#complete = resolve;
      timer = setTimeout(resolve, Math.min(WAIT, this.#lastRun));
    });
    clearTimeout(timer);
    this.#complete = () => {};
    this.#expected.clear();
  }

  /** Prompts of those who come, as many as may hold up the others; then a token of each who was there. */
  #round(): void {
    const start = performance.now();
    const [prompts, others] = this.#taken();
    this.#waiting = others.filter(({ member }) => member.rows.length === 0);
    const tokens = others.filter(({ member }) => member.rows.length > 0);
    this.#attempt(prompts, (batch) => this.#read(batch));
    this.#attempt(tokens, (batch) => this.#next(batch));
    this.#lastRun = performance.now() - start;
    for (const { member } of [...prompts, ...tokens]) this.#expected.add(member);
  }

  #taken(): [prompts: Waiting[], others: Waiting[]] {
    const prompts: Waiting[] = [];
    const others: Waiting[] = [];
    let [rows, columns] = [0, 0];
    let isFull = false;
    for (const each of this.#waiting) {
      const { inputIds, rows: own } = each.step;
      const [sum, widest] = [rows + own, Math.max(columns, inputIds.length / own)];
      const isPrompt = each.member.rows.length === 0;
      isFull ||= isPrompt && rows > 0 && sum * widest > PROMPT_TOKENS;
      if (isPrompt && !isFull) {
        prompts.push(each);
        [rows, columns] = [sum, widest];
      } else others.push(each);
    }
    return [prompts, others];
  }

  /** One run of all; where it fails, one of each, so that an error stays with the text that it belongs to. */
  #attempt(batch: readonly Waiting[], run: (batch: readonly Waiting[]) => Float32Array[]): void {
    if (batch.length === 0) return;
    try {
      const logits = run(batch);
      let at = 0;
      for (const { step, resolve } of batch) {
        resolve(logits.slice(at, at + step.rows));
        at += step.rows;
      }
    } catch (error) {
      if (batch.length === 1) batch[0]?.reject(error);
      else for (const each of batch) this.#attempt([each], run);
    }
  }

  #read(batch: readonly Waiting[]): Float32Array[] {
    const { rows, logits } = this.cache.read(side(batch.map(({ step }) => step)));
    let at = 0;
    for (const { member, step } of batch) {
      member.rows = rows.slice(at, at + step.rows);
      at += step.rows;
    }
    return logits;
  }

  #next(batch: readonly Waiting[]): Float32Array[] {
    return this.cache.next(
      batch.flatMap(({ member, step }) =>
        member.rows.map((row, at) => ({
          row,
          id: step.inputIds[at] ?? 0n,
          position: step.positionIds[at] ?? 0n,
        })),
      ),
    );
  }
}

/** Prompts side by side, each padded in front to the longest. */
function side(steps: readonly DecodeStep[]): TokenInputs {
  const columns = Math.max(...steps.map(({ inputIds, rows }) => inputIds.length / rows));
  const rows = steps.reduce((sum, step) => sum + step.rows, 0);
  const all = {
    inputIds: new BigInt64Array(rows * columns),
    attentionMask: new BigInt64Array(rows * columns),
    positionIds: new BigInt64Array(rows * columns),
    rows,
  };
  let line = 0;
  for (const step of steps) {
    const own = step.inputIds.length / step.rows;
    for (let row = 0; row < step.rows; row++) {
      const place = line++ * columns + columns - own;
      for (const name of ["inputIds", "attentionMask", "positionIds"] as const)
        all[name].set(step[name].subarray(row * own, (row + 1) * own), place);
    }
  }
  return all;
}

/** One text, or a few that go in step. */
class SharedDecoding implements Decoding {
  readonly #company: Company;
  /** Empty before the prompt was read. */
  rows: CacheRow[] = [];

  constructor(company: Company) {
    this.#company = company;
  }

  async step(step: DecodeStep): Promise<Float32Array[]> {
    const columns = step.inputIds.length / step.rows;
    if (this.rows.length === 0 || columns === 1) return this.#company.step(this, step);
    let logits: Float32Array[] = [];
    // Behind a past the company goes token by token.
    for (let at = 0; at < columns; at++) {
      const column = (data: BigInt64Array) => data.filter((_, place) => place % columns === at);
      const [inputIds, positionIds] = [column(step.inputIds), column(step.positionIds)];
      logits = await this.#company.step(this, { ...step, inputIds, positionIds });
    }
    return logits;
  }

  keep(places: readonly number[]): void {
    const { cache } = this.#company;
    const taken = new Set<CacheRow>();
    const kept = places.flatMap((place) => {
      const row = this.rows[place];
      if (row === undefined) return [];
      const own = taken.has(row) ? cache.copy(row) : row;
      taken.add(own);
      return [own];
    });
    for (const row of this.rows) if (!taken.has(row)) cache.remove(row);
    this.rows = kept;
  }

  dispose(): void {
    for (const row of this.rows) this.#company.cache.remove(row);
    this.rows = [];
    this.#company.noLonger(this);
  }
}
