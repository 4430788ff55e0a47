// A text on its way through normalizers and pre-tokenizers, with the place in the original that each of its UTF-16 units
// came from. The rules by which places travel are those of Hugging Face tokenizers (Rust), odd ones included, so that
// offsets come out equal. Knows no normalizer and no vocabulary.

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

/** A piece of text and where it came from. Immutable. */
export class Aligned {
  readonly text: string;
  /** The original place of the first unit when the piece is the original itself, moved. */
  readonly #shift: number;
  readonly #places: Places | undefined;

  constructor(text: string, shift = 0, places?: Places) {
    this.text = text;
    this.#shift = shift;
    this.#places = places;
  }

  /** Where the piece begins in the original. */
  get origin(): number {
    return this.#places?.starts[0] ?? this.#shift;
  }

  /** Start in the original of the character that the unit `at` belongs to. */
  startOf(at: number): number {
    if (this.#places !== undefined) return this.#places.starts[at] ?? 0;
    return this.#shift + (isLow(this.text.charCodeAt(at)) && isHigh(this.text.charCodeAt(at - 1)) ? at - 1 : at);
  }

  /** End in the original of the character that the unit `at` belongs to. */
  endOf(at: number): number {
    if (this.#places !== undefined) return this.#places.ends[at] ?? 0;
    return this.#shift + (isHigh(this.text.charCodeAt(at)) && isLow(this.text.charCodeAt(at + 1)) ? at + 2 : at + 1);
  }

  /** The units from `start` to `end`. */
  slice(start: number, end = this.text.length): Aligned {
    if (start === 0 && end === this.text.length) return this;
    const places = this.#places && {
      starts: this.#places.starts.subarray(start, end),
      ends: this.#places.ends.subarray(start, end),
    };
    return new Aligned(this.text.slice(start, end), this.#shift + start, places);
  }

  /** Another text of as many units, each of which takes the place of the old one. */
  withText(text: string): Aligned {
    return text === this.text ? this : new Aligned(text, this.#shift, this.#places);
  }
}

/** Writes a new text while it reads an old one, and carries the places along. */
export class Rewrite {
  readonly #old: Aligned;
  #at = 0;
  #text = "";
  #length = 0;
  #starts: Int32Array;
  #ends: Int32Array;

  constructor(old: Aligned) {
    this.#old = old;
    this.#starts = new Int32Array(old.text.length + 16);
    this.#ends = new Int32Array(old.text.length + 16);
  }

  /** Units of the old text that were read. */
  get at(): number {
    return this.#at;
  }

  /** Takes the old text up to `end` over as it is. */
  copyTo(end: number): void {
    if (end <= this.#at) return;
    this.#reserve(end - this.#at);
    for (let at = this.#at; at < end; at++) {
      this.#starts[this.#length] = this.#old.startOf(at);
      this.#ends[this.#length++] = this.#old.endOf(at);
    }
    this.#text += this.#old.text.slice(this.#at, end);
    this.#at = end;
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
    const { text } = this.#old;
    if (change > 0) {
      const none = this.#at === 0;
      const before = this.#at - 1;
      this.#write(
        char,
        none ? this.#old.origin : this.#old.startOf(before),
        none ? this.#old.origin : this.#old.endOf(before),
      );
      return;
    }
    this.#write(char, this.#old.startOf(this.#at), this.#old.endOf(this.#at));
    for (let left = 1 - change; left > 0 && this.#at < text.length; left--) this.#at += sizeAt(text, this.#at);
  }

  /** The new text, after the rest of the old one was taken over. */
  finish(): Aligned {
    this.copyTo(this.#old.text.length);
    return this.end();
  }

  /** The new text as written so far; what was not read of the old one is left out. */
  end(): Aligned {
    const places = { starts: this.#starts.subarray(0, this.#length), ends: this.#ends.subarray(0, this.#length) };
    return new Aligned(this.#text, this.#old.origin, places);
  }

  #write(char: string, start: number, end: number): void {
    this.#reserve(char.length);
    for (let unit = 0; unit < char.length; unit++) {
      this.#starts[this.#length] = start;
      this.#ends[this.#length++] = end;
    }
    this.#text += char;
  }

  #reserve(units: number): void {
    if (this.#length + units <= this.#starts.length) return;
    const size = 2 * (this.#length + units);
    this.#starts = grown(this.#starts, size);
    this.#ends = grown(this.#ends, size);
  }
}

function grown(old: Int32Array, size: number): Int32Array {
  const larger = new Int32Array(size);
  larger.set(old);
  return larger;
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

/** Every `char` as `content`, both of one unit. */
export function replaceChar(text: Aligned, char: string, content: string): Aligned {
  return text.withText(text.text.replaceAll(char, content));
}

/** Every match of a pattern replaced by `content`, whose characters take the place of the last one matched. */
export function replaceMatches(text: Aligned, pattern: RegExp, content: string): Aligned {
  if (!found(text.text, pattern)) return text;
  const chars = [...content];
  const rewrite = new Rewrite(text);
  for (const match of text.text.matchAll(pattern)) {
    rewrite.copyTo(match.index);
    rewrite.skipTo(match.index + match[0].length);
    for (const char of chars) rewrite.emit(char, 1);
  }
  return rewrite.finish();
}

/** Every match of a pattern left out. */
export function removeMatches(text: Aligned, pattern: RegExp): Aligned {
  return replaceMatches(text, pattern, "");
}
