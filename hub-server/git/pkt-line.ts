// git's framing: lines that begin with their length. Knows no command.
//
//   line       4 hex digits of the length, themselves included, then the payload: "0009done\n"
//   flush      "0000" ends a list
//   side band  a payload whose first byte says what it is: 1 the answer, 2 a text for people, 3 a fatal one
import { badRequest } from "../errors.ts";

export const FLUSH = Buffer.from("0000");
/** Longest payload of a line, as git allows. */
const MOST = 65_516;

export function pktLine(payload: string | Uint8Array): Buffer {
  const bytes = Buffer.from(payload);
  if (bytes.length > MOST) throw new RangeError(`A line of ${bytes.length} bytes; git allows ${MOST}.`);
  return Buffer.concat([Buffer.from((bytes.length + 4).toString(16).padStart(4, "0")), bytes]);
}

export const BANDS = { answer: 1, text: 2 } as const;

/** Bytes on a side band, in as many lines as they take. */
export function sideBand(band: keyof typeof BANDS, content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content);
  const out: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += MOST - 1)
    out.push(pktLine(Buffer.concat([Buffer.from([BANDS[band]]), bytes.subarray(at, at + MOST - 1)])));
  return Buffer.concat(out);
}

/** A line that says nothing, so that nobody in between takes a long answer for a dead one. */
export const KEEP_ALIVE = pktLine(Uint8Array.of(BANDS.text));

/** Reads lines off a stream, and then what follows them. */
export class PktReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /**
   * The next line's payload; "flush" for the end of a list, undefined at the end of the stream.
   *
   * @throws ServiceError 400 for what is no line, and for a stream that ends inside one
   */
  async next(): Promise<Buffer | "flush" | undefined> {
    if (!(await this.#fill(4))) {
      if (this.#held.length === 0) return undefined;
      throw badRequest("The request ends inside a line of git's protocol.");
    }
    const digits = this.#held.toString("latin1", 0, 4);
    const length = /^[0-9a-f]{4}$/i.test(digits) ? Number.parseInt(digits, 16) : -1;
    if (length === 0) {
      this.#held = this.#held.subarray(4);
      return "flush";
    }
    if (length < 4) throw badRequest("The request is none of git's protocol.");
    if (!(await this.#fill(length))) throw badRequest("The request ends inside a line of git's protocol.");
    const payload = this.#held.subarray(4, length);
    this.#held = this.#held.subarray(length);
    return payload;
  }

  /** Everything after the lines that were read. */
  async *rest(): AsyncGenerator<Uint8Array> {
    if (this.#held.length > 0) yield this.#held;
    this.#held = Buffer.alloc(0);
    for (;;) {
      const { value, done } = await this.#source.next();
      if (done === true) return;
      yield value;
    }
  }

  async #fill(length: number): Promise<boolean> {
    while (this.#held.length < length) {
      const { value, done } = await this.#source.next();
      if (done === true) return false;
      this.#held = Buffer.concat([this.#held, value]);
    }
    return true;
  }
}
