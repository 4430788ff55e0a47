// A text on its way through normalizers and pre-tokenizers, with the place in the original that each of its UTF-16 units
// came from. The rules by which places travel are those of Hugging Face tokenizers (Rust), odd ones included, so that
// offsets come out equal. Knows no normalizer and no vocabulary.
import { AbrazoError } from "../../errors.ts";

const isLow = (unit: number) => unit >= 0xdc00 && unit <= 0xdfff;
const isHigh = (unit: number) => unit >= 0xd800 && unit <= 0xdbff;

/** UTF-16 units of the character that begins at `at`. */
export function sizeAt(text: string, at: number): number {
  return isHigh(text.charCodeAt(at)) && isLow(text.charCodeAt(at + 1)) ? 2 : 1;
}

/** Where units came from: start and end in the original, one pair a unit. */
interface Places {
  starts: Int32Array;
  ends: Int32Array;
}

/** A text whose units came from those of another, by a list of these. */
interface Derived {
  parent: Aligned;
  units: Uint16Array | Uint32Array;
}

/** A piece of text and where it came from. Immutable. */
export class Aligned {
  readonly text: string;
  /** The original place of the first unit when the piece is the original itself, moved. */
  readonly #shift: number;
  readonly #places: Places | undefined;
  readonly #derived: Derived | undefined;
  /** Where the piece's places begin. */
  readonly #from: number;

  constructor(text: string, shift = 0, places?: Places, from = 0, derived?: Derived) {
    this.text = text;
    this.#shift = shift;
    this.#places = places;
    this.#from = from;
    this.#derived = derived;
  }

  /** Where the piece begins in the original. */
  get origin(): number {
    return this.text === "" ? this.#shift : this.startOf(0);
  }

  /** Start in the original of the character that the unit `at` belongs to. */
  startOf(at: number): number {
    if (this.#places !== undefined) return this.#places.starts[this.#from + at] ?? 0;
    if (this.#derived !== undefined) return this.#derived.parent.startOf(this.#derived.units[this.#from + at] ?? 0);
    return this.#shift + (isLow(this.text.charCodeAt(at)) && isHigh(this.text.charCodeAt(at - 1)) ? at - 1 : at);
  }

  /** End in the original of the character that the unit `at` belongs to. */
  endOf(at: number): number {
    if (this.#places !== undefined) return this.#places.ends[this.#from + at] ?? 0;
    if (this.#derived !== undefined) return this.#derived.parent.endOf(this.#derived.units[this.#from + at] ?? 0);
    return this.#shift + (isHigh(this.text.charCodeAt(at)) && isLow(this.text.charCodeAt(at + 1)) ? at + 2 : at + 1);
  }

  /** The units from `start` to `end`. */
  slice(start: number, end = this.text.length): Aligned {
    if (start === 0 && end === this.text.length) return this;
    return new Aligned(
      this.text.slice(start, end),
      this.#shift + start,
      this.#places,
      this.#from + start,
      this.#derived,
    );
  }

  /** Another text of as many units, each of which takes the place of the old one. */
  withText(text: string): Aligned {
    return text === this.text ? this : new Aligned(text, this.#shift, this.#places, this.#from, this.#derived);
  }

  /** Another text, the units of which came from those that `units` lists. */
  derive(text: string, units: Uint16Array | Uint32Array): Aligned {
    return new Aligned(text, 0, undefined, 0, { parent: this, units });
  }
}

/** Writes a new text while it reads an old one, and carries the places along. */
export class Rewrite {
  readonly #old: Aligned;
  #at = 0;
  #length = 0;
  #units: Uint16Array;
  #starts: Int32Array;
  #ends: Int32Array;

  constructor(old: Aligned) {
    this.#old = old;
    const size = old.text.length + 16;
    this.#units = new Uint16Array(size);
    this.#starts = new Int32Array(size);
    this.#ends = new Int32Array(size);
  }

  /** Units of the old text that were read. */
  get at(): number {
    return this.#at;
  }

  /** Takes the old text up to `end` over as it is. */
  copyTo(end: number): void {
    if (end <= this.#at) return;
    this.#reserve(end - this.#at);
    for (; this.#at < end; this.#at++) {
      this.#put(this.#old.text.charCodeAt(this.#at), this.#old.startOf(this.#at), this.#old.endOf(this.#at));
    }
  }

  /** Leaves the old text up to `end` out. */
  skipTo(end: number): void {
    this.#at = Math.max(this.#at, end);
  }

  /**
   * Writes one character. `change` is 0 where it replaces the next old one, -n where it replaces that and n more,
   * and 1 where it is new: a new character takes the place of the one before.
   */
  emit(char: string, change: number): void {
    const isNew = change > 0;
    const none = isNew && this.#at === 0;
    const from = isNew ? this.#at - 1 : this.#at;
    const start = none ? this.#old.origin : this.#old.startOf(from);
    const end = none ? start : this.#old.endOf(from);
    this.#reserve(char.length);
    for (let unit = 0; unit < char.length; unit++) this.#put(char.charCodeAt(unit), start, end);
    const { text } = this.#old;
    for (let left = isNew ? 0 : 1 - change; left > 0 && this.#at < text.length; left--)
      this.#at += sizeAt(text, this.#at);
  }

  /** The new text, after the rest of the old one was taken over. */
  finish(): Aligned {
    this.copyTo(this.#old.text.length);
    return this.end();
  }

  /** The new text as written so far; what was not read of the old one is left out. */
  end(): Aligned {
    const { buffer, byteOffset } = this.#units;
    const text = Buffer.from(buffer, byteOffset, 2 * this.#length).toString("utf16le");
    return new Aligned(text, this.#old.origin, { starts: this.#starts, ends: this.#ends });
  }

  #put(unit: number, start: number, end: number): void {
    this.#units[this.#length] = unit;
    this.#starts[this.#length] = start;
    this.#ends[this.#length++] = end;
  }

  #reserve(units: number): void {
    if (this.#length + units <= this.#starts.length) return;
    const size = 2 * (this.#length + units);
    const starts = new Int32Array(size);
    const ends = new Int32Array(size);
    const text = new Uint16Array(size);
    starts.set(this.#starts);
    ends.set(this.#ends);
    text.set(this.#units);
    [this.#starts, this.#ends, this.#units] = [starts, ends, text];
  }
}

/** A text before its first character; nothing where the text is empty. */
export function prepend(text: Aligned, head: string): Aligned {
  if (text.text === "") return text;
  const size = sizeAt(text.text, 0);
  const rewrite = new Rewrite(text);
  for (const [index, char] of [...head].entries()) rewrite.emit(char, index === 0 ? 0 : 1);
  // What stood first follows as a new character, which has its own place again.
  rewrite.emit(text.text.slice(0, size), head === "" ? 0 : 1);
  return rewrite.finish();
}

/** Whether a global pattern matches anywhere. */
export function found(text: string, pattern: RegExp): boolean {
  pattern.lastIndex = 0;
  const matches = pattern.test(text);
  pattern.lastIndex = 0;
  return matches;
}

/** Calls `act` with the place of every match of a global pattern, in order; matches may be empty. */
export function eachMatch(text: string, pattern: RegExp, act: (start: number, end: number) => void): void {
  pattern.lastIndex = 0;
  try {
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      const { index } = match;
      const [{ length }] = match;
      act(index, index + length);
      pattern.lastIndex = length === 0 ? index + Math.max(1, sizeAt(text, index)) : index + length;
    }
  } catch (cause) {
    if (cause instanceof RangeError) throw endlessMatch(text, pattern, cause);
    throw cause;
  } finally {
    pattern.lastIndex = 0;
  }
}

/** V8 keeps a step to go back to for every character of a match, some millions at most. */
function endlessMatch(text: string, pattern: RegExp, cause: RangeError): AbrazoError {
  return new AbrazoError({
    code: "TEXT_TOO_LONG",
    message: `A text of ${text.length} characters has a part of millions without a break for the pattern ${pattern.source.slice(0, 200)}`,
    hint: "Cut the text before it is encoded.",
    data: { length: text.length },
    cause,
  });
}

/** Every `char` as `content`, both of one unit. */
export function replaceChar(text: Aligned, char: string, content: string): Aligned {
  return text.withText(text.text.replaceAll(char, content));
}

/** Every match of a pattern replaced by `content`, whose characters take the place of the last one matched. */
export function replaceMatches(text: Aligned, pattern: RegExp, content: string): Aligned {
  if (!found(text.text, pattern)) return text;
  const chars = [...content];
  const rewrite = new Rewrite(text);
  eachMatch(text.text, pattern, (start, end) => {
    rewrite.copyTo(start);
    rewrite.skipTo(end);
    for (const char of chars) rewrite.emit(char, 1);
  });
  return rewrite.finish();
}

/** Every match of a pattern left out. */
export function removeMatches(text: Aligned, pattern: RegExp): Aligned {
  return replaceMatches(text, pattern, "");
}
