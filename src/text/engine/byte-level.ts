// The alphabet of byte-level tokenizers: a printable character for each byte (GPT-2). Text → such characters and back.
// Knows no vocabulary.
import type { Aligned } from "./aligned.ts";

/** Byte → its character: itself where it is printable Latin-1, else the next from U+0100 on. */
export const BYTE_CHARS: readonly string[] = byteChars();

const BYTE_OF: ReadonlyMap<string, number> = new Map(BYTE_CHARS.map((char, byte) => [char, byte]));

const CODES = Uint16Array.from(BYTE_CHARS, (char) => char.charCodeAt(0));

function byteChars(): string[] {
  let next = 0x100;
  const printable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
}

const encoder = new TextEncoder();
const PRINTABLE = /^[\x20-\x7e]*$/;

/** A text in the alphabet, and which unit of it each byte belongs to. */
interface Encoded {
  chars: string;
  units: Uint16Array | Uint32Array;
}

const LONGEST_KNOWN = 32;
const KNOWN = 1 << 14;
let known = new Map<string, Encoded>();

/** Each byte of the text in UTF-8 as its character; all bytes of a character have its place. */
export function encodeBytes(text: Aligned): Aligned {
  if (PRINTABLE.test(text.text)) return text.withText(text.text.replaceAll(" ", "Ġ"));
  const { chars, units } = text.text.length > LONGEST_KNOWN ? encoded(text.text) : encodedOnce(text.text);
  return text.derive(chars, units);
}

function encodedOnce(text: string): Encoded {
  const old = known.get(text);
  if (old !== undefined) return old;
  if (known.size >= KNOWN) known = new Map();
  const made = encoded(text);
  known.set(text, made);
  return made;
}

function encoded(text: string): Encoded {
  const bytes = encoder.encode(text);
  const units = text.length < 0x10000 ? new Uint16Array(bytes.length) : new Uint32Array(bytes.length);
  const chars = new Uint16Array(bytes.length);
  let unit = -1;
  let wide = false;
  for (const [at, byte] of bytes.entries()) {
    // The first byte of a character is none of 10xxxxxx; one of four bytes has two units.
    if ((byte & 0xc0) !== 0x80) {
      unit += wide ? 2 : 1;
      wide = byte >= 0xf0;
    }
    units[at] = unit;
    chars[at] = CODES[byte] ?? 0;
  }
  return { chars: Buffer.from(chars.buffer).toString("utf16le"), units };
}

/** The bytes of a token; a token with characters that stand for no byte is its own UTF-8. */
export function bytesOfToken(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length);
  let length = 0;
  for (const char of token) {
    const byte = BYTE_OF.get(char);
    if (byte === undefined) return encoder.encode(token);
    bytes[length++] = byte;
  }
  return bytes.subarray(0, length);
}
