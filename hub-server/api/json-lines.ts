// Lines of JSON as they arrive. Long texts in them go to a spool as they stand and are named in the line instead, so a line
// may be as long as it likes, with its keys in any order. Knows nothing of what the lines say.
import { randomUUID } from "node:crypto";
import { badRequest, ServiceError } from "../errors.ts";
import type { Spool } from "../storage/spool.ts";

/** Bytes up to which a text stays in its line: as base64, a file of 64 KiB. */
const INLINE = 96 * 1024;
/** Bytes of a line without its long texts. */
const MOST_KEPT = 512 * 1024;

const [QUOTE, BACKSLASH, NEWLINE] = [0x22, 0x5c, 0x0a];

/** A text that is in the spool, with the escapes of JSON. */
export interface LongText {
  start: number;
  end: number;
  escaped: boolean;
}

export interface JsonLine {
  value: unknown;
  /** Long texts by what stands for them in the value. */
  long: ReadonlyMap<string, LongText>;
}

/** Cuts a body into lines. What a line put into the spool is there until the next line is asked for. */
export async function* jsonLines(source: AsyncIterable<Uint8Array>, spool: Spool): AsyncGenerator<JsonLine> {
  const line = new Line(spool);
  for await (const chunk of source) {
    let at = 0;
    while (at < chunk.length) {
      const { next, ended } = await line.take(chunk, at);
      at = next;
      if (ended && !line.isEmpty) yield line.finish();
    }
  }
  if (!line.isEmpty) yield line.finish();
}

class Line {
  readonly #spool: Spool;
  /** Nobody can guess it, so no text of a client stands for another one. */
  readonly #mark = `long:${randomUUID()}:`;
  #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #long = new Map<string, LongText>();
  /** Of the text that is being read: its bytes, or where they begin in the spool. */
  #text: Uint8Array[] | undefined;
  #textBytes = 0;
  #spooled: number | undefined;
  #escaped = false;
  /** Whether the last byte escapes the next. */
  #escapes = false;

  constructor(spool: Spool) {
    this.#spool = spool;
  }

  get isEmpty(): boolean {
    return this.#keptBytes === 0 && this.#text === undefined;
  }

  /** Reads on up to the end of a text, of a line or of the chunk. */
  async take(chunk: Uint8Array, from: number): Promise<{ next: number; ended: boolean }> {
    if (this.#text !== undefined) return { next: await this.#takeText(chunk, from), ended: false };
    for (let at = from; at < chunk.length; at++) {
      if (chunk[at] === QUOTE) {
        this.#keep(chunk.subarray(from, at + 1));
        [this.#text, this.#textBytes, this.#spooled] = [[], 0, undefined];
        [this.#escaped, this.#escapes] = [false, false];
        return { next: at + 1, ended: false };
      }
      if (chunk[at] === NEWLINE) {
        this.#keep(chunk.subarray(from, at));
        return { next: at + 1, ended: true };
      }
    }
    this.#keep(chunk.subarray(from));
    return { next: chunk.length, ended: false };
  }

  async #takeText(chunk: Uint8Array, from: number): Promise<number> {
    const end = this.#endOfText(chunk, from);
    const bytes = chunk.subarray(from, end ?? chunk.length);
    this.#textBytes += bytes.length;
    this.#text?.push(bytes);
    if (this.#textBytes > INLINE) {
      this.#spooled ??= this.#spool.length;
      for (const piece of this.#text ?? []) await this.#spool.append(piece);
      this.#text = [];
    }
    if (end === undefined) return chunk.length;
    this.#endText();
    this.#keep(chunk.subarray(end, end + 1));
    return end + 1;
  }

  /** Where the quote is that ends the text; one after an odd number of backslashes does not. */
  #endOfText(chunk: Uint8Array, from: number): number | undefined {
    let [quote, backslash] = [chunk.indexOf(QUOTE, from), chunk.indexOf(BACKSLASH, from)];
    let at = from;
    if (this.#escapes && at < chunk.length) {
      this.#escapes = false;
      at++;
      if (quote === from) quote = chunk.indexOf(QUOTE, at);
      if (backslash === from) backslash = chunk.indexOf(BACKSLASH, at);
    }
    while (backslash !== -1 && (quote === -1 || backslash < quote)) {
      this.#escaped = true;
      at = backslash + 2;
      if (at > chunk.length) {
        this.#escapes = true;
        return undefined;
      }
      if (quote !== -1 && quote < at) quote = chunk.indexOf(QUOTE, at);
      backslash = chunk.indexOf(BACKSLASH, at);
    }
    return quote === -1 ? undefined : quote;
  }

  #endText(): void {
    if (this.#spooled === undefined) for (const piece of this.#text ?? []) this.#keep(piece);
    else {
      const name = `${this.#mark}${this.#long.size}`;
      this.#long.set(name, { start: this.#spooled, end: this.#spool.length, escaped: this.#escaped });
      this.#keep(Buffer.from(name));
    }
    this.#text = undefined;
  }

  #keep(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#kept.push(bytes);
    this.#keptBytes += bytes.length;
    if (this.#keptBytes <= MOST_KEPT) return;
    throw new ServiceError(413, "A line of the commit is too long, apart from the contents of files.", {
      code: "LINE_TOO_LONG",
    });
  }

  finish(): JsonLine {
    if (this.#text !== undefined) throw noJson();
    const [text, long] = [Buffer.concat(this.#kept).toString("utf8"), this.#long];
    [this.#kept, this.#keptBytes, this.#long] = [[], 0, new Map()];
    if (text.trim() === "") return { value: undefined, long };
    try {
      return { value: JSON.parse(text), long };
    } catch {
      throw noJson();
    }
  }
}

const noJson = (): ServiceError => badRequest("A line of the commit is no JSON; the upload may have been cut off.");

/** A long text's bytes as UTF-8, without the escapes. */
export async function* longText(spool: Spool, { start, end, escaped }: LongText): AsyncGenerator<Buffer> {
  if (!escaped) {
    yield* spool.read(start, end);
    return;
  }
  const decoder = new TextDecoder("utf-8");
  let held = "";
  for await (const piece of spool.read(start, end)) {
    const { text, rest } = unescapeMost(held + decoder.decode(piece, { stream: true }));
    held = rest;
    if (text !== "") yield Buffer.from(text);
  }
  const { text, rest } = unescapeMost(held + decoder.decode());
  if (rest !== "") throw badRequest("A text of the commit ends in the middle of an escape.");
  yield Buffer.from(text);
}

/** Characters that an escape of two halves has. */
const LONGEST_ESCAPE = 12;

/** Takes the escapes out of as much as is whole. */
function unescapeMost(source: string): { text: string; rest: string } {
  for (let cut = source.length; cut >= Math.max(0, source.length - LONGEST_ESCAPE); cut--) {
    const text = unescaped(source.slice(0, cut));
    const isWhole = text !== undefined && (cut === source.length - LONGEST_ESCAPE || !/[\uD800-\uDBFF]$/.test(text));
    if (isWhole) return { text, rest: source.slice(cut) };
  }
  throw badRequest("A text of the commit is no JSON.");
}

function unescaped(source: string): string | undefined {
  try {
    const text: unknown = JSON.parse(`"${source}"`);
    return typeof text === "string" ? text : undefined;
  } catch {
    return undefined;
  }
}

/** Bytes of base64; anything else in it is refused. */
export async function* decodeBase64(source: AsyncIterable<Buffer>, path: string): AsyncGenerator<Buffer> {
  const broken = () => badRequest(`The content of "${path}" is no base64; the upload may have been cut off.`);
  let held = "";
  let ended = false;
  for await (const piece of source) {
    const text = held + piece.toString("latin1");
    const whole = text.slice(0, text.length - (text.length % 4));
    held = text.slice(whole.length);
    if (ended && text !== "") throw broken();
    const padding = /={0,2}$/.exec(whole)?.[0].length ?? 0;
    ended = padding > 0;
    const bytes = Buffer.from(whole, "base64");
    // Node leaves out what it does not know.
    if (bytes.length !== (whole.length / 4) * 3 - padding) throw broken();
    yield bytes;
  }
  if (held !== "") throw broken();
}
