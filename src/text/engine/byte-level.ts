// The alphabet of byte-level tokenizers: a printable character for each byte (GPT-2). Text → such characters and back.
// Knows no vocabulary.
import { type Aligned, Rewrite } from "./aligned.ts";

/** Byte → its character: itself where it is printable Latin-1, else the next from U+0100 on. */
export const BYTE_CHARS: readonly string[] = byteChars();

const BYTE_OF: ReadonlyMap<string, number> = new Map(BYTE_CHARS.map((char, byte) => [char, byte]));

function byteChars(): string[] {
  let next = 0x100;
  const printable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
}

const encoder = new TextEncoder();
const PRINTABLE = /^[\x20-\x7e]*$/;
const ASCII = /^\p{ASCII}*$/u;
const NOT_ITSELF = /[ \p{Cc}]/gu;

/** Each byte of the text in UTF-8 as its character; all bytes of a character have its place. */
export function encodeBytes(text: Aligned): Aligned {
  if (PRINTABLE.test(text.text)) return text.withText(text.text.replaceAll(" ", "Ġ"));
  if (ASCII.test(text.text)) {
    return text.withText(text.text.replace(NOT_ITSELF, (char) => BYTE_CHARS[char.charCodeAt(0)] ?? ""));
  }
  const rewrite = new Rewrite(text);
  for (const char of text.text) {
    const bytes = encoder.encode(char);
    for (let index = 0; index < bytes.length; index++)
      rewrite.emit(BYTE_CHARS[bytes[index] ?? 0] ?? "", index === 0 ? 0 : 1);
  }
  return rewrite.finish();
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
