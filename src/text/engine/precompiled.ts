// SentencePiece's precompiled character map: a double-array trie (darts-clone) of what is replaced, and the replacements.
// Format: uint32 size of the trie in bytes, its uint32 units, then strings that end with NUL; all little-endian.
// As Hugging Face tokenizers applies it: grapheme by grapheme, and the first prefix found stands for all of a grapheme.
import { AbrazoError } from "../../errors.ts";
import { type Aligned, Rewrite } from "./aligned.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
/** Made when a text first needs it: that takes longer than all else of this file. */
let segmenter: Intl.Segmenter | undefined;

/** What a whole grapheme or a single character becomes; undefined where it stays. */
type Lookup = (part: string) => string | undefined;

/** The normalizer of a map in base64. */
export function precompiled(charsmap: string): (text: Aligned) => Aligned {
  const lookup = cached(lookupOf(Buffer.from(charsmap, "base64")));
  // What most texts are made of, and most maps leave alone.
  const kept = Uint8Array.from({ length: 0x80 }, (_, unit) =>
    lookup(String.fromCharCode(unit)) === undefined ? 1 : 0,
  );
  return (text) => apply(text, lookup, kept);
}

/** Writes characters of the new text, the last of which is held back: what is left out after it is counted with it. */
class Writer {
  readonly #rewrite: Rewrite;
  #held: { char: string; change: number } | undefined;

  constructor(text: Aligned) {
    this.#rewrite = new Rewrite(text);
  }

  write(char: string, change: number): void {
    this.#flush();
    this.#held = { char, change };
  }

  /** The old text from `start` to `end` as it is. */
  copy(text: string, start: number, end: number): void {
    this.#flush();
    // Where something was left out before all else, the places have moved on and each character takes the next.
    if (this.#rewrite.at === start) {
      this.#rewrite.copyTo(end - 1);
      this.write(text.charAt(end - 1), 0);
    } else for (const char of text.slice(start, end)) this.write(char, 0);
  }

  replace(old: string, content: string): void {
    const chars = [...content];
    const more = chars.length - [...old].length;
    for (const [index, char] of chars.entries()) this.write(char, more > 0 && index >= chars.length - more ? 1 : 0);
    if (more < 0 && this.#held !== undefined) this.#held.change += more;
  }

  end(): Aligned {
    this.#flush();
    return this.#rewrite.end();
  }

  #flush(): void {
    if (this.#held !== undefined) this.#rewrite.emit(this.#held.char, this.#held.change);
    this.#held = undefined;
  }
}

function apply(text: Aligned, lookup: Lookup, kept: Uint8Array): Aligned {
  const writer = new Writer(text);
  let changed = false;
  const take = (part: string) => {
    const content = lookup(part);
    if (content === undefined) return false;
    writer.replace(part, content);
    changed = true;
    return true;
  };
  const takeGrapheme = (grapheme: string) => {
    if (grapheme.length < 6 && (grapheme.length < 2 || encoder.encode(grapheme).length < 6) && take(grapheme)) return;
    for (const char of grapheme) if (!take(char)) writer.write(char, 0);
  };
  for (const { start, end, is } of runsOf(text.text, kept)) {
    if (is === "kept") writer.copy(text.text, start, end);
    else if (is === "single") take(text.text.slice(start, end));
    else for (const grapheme of graphemesOf(text.text.slice(start, end))) takeGrapheme(grapheme);
  }
  return changed ? writer.end() : text;
}

// What can belong to a character before or behind it; without any of these each character stands for itself.
const JOINING =
  /\r\n|[\p{M}\p{Cf}\p{RI}\p{EMod}\p{Gr_Ext}\u0d4e\u0e33\u0eb3\u1100-\u11ff\ua960-\ua97c\ud7b0-\ud7fb\u{11000}-\u{11fff}]/u;

function* graphemesOf(run: string): Generator<string> {
  if (!JOINING.test(run)) yield* run;
  else {
    segmenter ??= new Intl.Segmenter("und", { granularity: "grapheme" });
    for (const { segment } of segmenter.segment(run)) yield segment;
  }
}

interface Run {
  start: number;
  end: number;
  /** Characters of ASCII that stay, one that does not, or characters that may belong together. */
  is: "kept" | "single" | "graphemes";
}

// Between two characters of ASCII there is always a boundary, but for a line end: only the rest needs to be looked at.
function* runsOf(text: string, kept: Uint8Array): Generator<Run> {
  const stays = (at: number) => isBoundary(text, at) && kept[text.charCodeAt(at)] === 1;
  for (let start = 0; start < text.length; ) {
    let end = start;
    if (isBoundary(text, start)) {
      while (end < text.length && stays(end)) end++;
      if (end > start) yield { start, end, is: "kept" };
      else yield { start, end: ++end, is: "single" };
    } else {
      while (end < text.length && !isBoundary(text, end)) end++;
      // The last of these is the one behind which there is a boundary.
      end = Math.min(end + 1, text.length);
      yield { start, end, is: "graphemes" };
    }
    start = end;
  }
}

/** Whether a grapheme ends behind the unit `at`, as far as ASCII alone tells. */
function isBoundary(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  const next = text.charCodeAt(at + 1);
  return unit < 0x80 && !(next >= 0x80) && !(unit === 0x0d && next === 0x0a);
}

const CACHED = 1 << 15;

function cached(lookup: Lookup): Lookup {
  const known = new Map<string, string | undefined>();
  return (part) => {
    if (known.has(part)) return known.get(part);
    const content = lookup(part);
    if (known.size < CACHED) known.set(part, content);
    return content;
  };
}

function lookupOf(bytes: Uint8Array): Lookup {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = bytes.length >= 4 ? view.getUint32(0, true) : 0;
  if (size === 0 || size % 4 !== 0 || 4 + size > bytes.length) throw damaged(bytes.length, size);
  const units = Uint32Array.from({ length: size / 4 }, (_, index) => view.getUint32(4 + 4 * index, true));
  const strings = bytes.subarray(4 + size);
  return (part) => {
    const start = firstPrefix(units, encoder.encode(part));
    if (start === undefined) return undefined;
    const end = strings.indexOf(0, start);
    return decoder.decode(strings.subarray(start, end < 0 ? strings.length : end));
  };
}

function damaged(length: number, size: number): AbrazoError {
  return new AbrazoError({
    code: "INVALID_TOKENIZER",
    message: `The precompiled character map is damaged: ${length} bytes, of which it says that ${size} are its trie.`,
    hint: "Get the tokenizer's file again.",
    data: { length, size },
  });
}

const offsetOf = (unit: number) => (unit >>> 10) << ((unit & 0x200) >>> 6);

/** The value of the shortest key that the bytes begin with. */
function firstPrefix(units: Uint32Array, key: Uint8Array): number | undefined {
  let at = offsetOf(units[0] ?? 0);
  for (const byte of key) {
    if (byte === 0) return undefined;
    at ^= byte;
    const unit = units[at] ?? 0;
    if ((unit & 0x800000ff) >>> 0 !== byte) return undefined;
    at ^= offsetOf(unit);
    if ((unit >>> 8) & 1) return (units[at] ?? 0) & 0x7fffffff;
  }
  return undefined;
}
