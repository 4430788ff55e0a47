// The decoders of tokenizer.json: names of tokens → pieces of text, which joined are the text.
// A table by `type`; knows no ids.
import { z } from "zod";
import { bytesOfToken } from "./byte-level.ts";
import { patternOf, patternSchema } from "./pattern.ts";
import { makerOf, type Stage, stageSchema } from "./stage.ts";

export type Decoder = (tokens: string[]) => string[];

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const strictUtf8 = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

const wordPieceSchema = z.object({ prefix: z.string().default("##"), cleanup: z.boolean().default(true) });
const metaspaceSchema = z.object({
  replacement: z.string().default("▁"),
  prepend_scheme: z.enum(["always", "first", "never"]).optional(),
  add_prefix_space: z.boolean().optional(),
});
const ctcSchema = z.object({
  pad_token: z.string().default("<pad>"),
  word_delimiter_token: z.string().default("|"),
  cleanup: z.boolean().default(true),
});
const stripSchema = z.object({ content: z.string(), start: z.int().nonnegative(), stop: z.int().nonnegative() });

const DECODERS: Readonly<Record<string, (stage: Stage) => Decoder>> = {
  ByteLevel: () => (tokens) => [utf8.decode(Buffer.concat(tokens.map(bytesOfToken)))],
  WordPiece: (stage) => {
    const { prefix, cleanup } = stageSchema(wordPieceSchema, stage);
    return (tokens) =>
      tokens.map((token, index) => {
        const joined = token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
        return cleanup ? cleanUpToken(index === 0 ? token : joined) : index === 0 ? token : joined;
      });
  },
  Metaspace: (stage) => {
    const { replacement, prepend_scheme, add_prefix_space } = stageSchema(metaspaceSchema, stage);
    const first = prepend_scheme === "never" || add_prefix_space === false ? " " : "";
    return (tokens) => tokens.map((token, index) => token.replaceAll(replacement, index === 0 ? first : " "));
  },
  BPEDecoder: (stage) => {
    const { suffix } = stageSchema(z.object({ suffix: z.string().default("</w>") }), stage);
    return (tokens) => tokens.map((token, at) => token.replaceAll(suffix, at === tokens.length - 1 ? "" : " "));
  },
  CTC: ctc,
  Replace: (stage) => {
    const { pattern, content } = stageSchema(z.object({ pattern: patternSchema, content: z.string() }), stage);
    const regex = patternOf(pattern);
    return (tokens) => tokens.map((token) => token.replace(regex, () => content));
  },
  Fuse: () => (tokens) => [tokens.join("")],
  Strip: (stage) => {
    const { content, start, stop } = stageSchema(stripSchema, stage);
    return (tokens) => tokens.map((token) => stripped(token, content, start, stop));
  },
  ByteFallback: () => byteFallback,
  Sequence: (stage) => {
    const list = z.object({ decoders: z.array(z.looseObject({ type: z.string() })) });
    const each = stageSchema(list, stage).decoders.map(decoderOf);
    return (tokens) => each.reduce((pieces, decode) => decode(pieces), tokens);
  },
};

/** The decoder that a stage of tokenizer.json describes. */
export function decoderOf(stage: Stage): Decoder {
  return makerOf("decoder", DECODERS, stage)(stage);
}

const CLEAN_UP: readonly [string, string][] = [
  [" .", "."],
  [" ?", "?"],
  [" !", "!"],
  [" ,", ","],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

/** The spaces taken out that stand before English punctuation and contractions. */
export function cleanUp(text: string): string {
  return CLEAN_UP.reduce((clean, [spaced, joined]) => clean.replaceAll(spaced, joined), text);
}

/** The clean-up of a decoder, which knows one contraction more than that of a whole text. */
function cleanUpToken(token: string): string {
  return cleanUp(token).replaceAll(" do not", " don't");
}

function ctc(stage: Stage): Decoder {
  const { pad_token, word_delimiter_token, cleanup } = stageSchema(ctcSchema, stage);
  return (tokens) =>
    tokens
      .filter((token, index) => token !== tokens[index - 1])
      .map((token) => {
        const text = token.replaceAll(pad_token, "");
        return cleanup ? cleanUpToken(text).replaceAll(word_delimiter_token, " ") : text;
      })
      .filter((text) => text !== "");
}

function stripped(token: string, content: string, start: number, stop: number): string {
  let from = 0;
  let to = token.length;
  while (from < start && token[from] === content) from++;
  while (token.length - to < stop && to > from && token[to - 1] === content) to--;
  return token.slice(from, to);
}

/** Tokens <0x00> to <0xFF> as the text that their bytes are; a run that is no UTF-8 has one U+FFFD for each byte. */
function byteFallback(tokens: string[]): string[] {
  const pieces: string[] = [];
  let bytes: number[] = [];
  const flush = () => {
    if (bytes.length > 0) pieces.push(textOfBytes(bytes));
    bytes = [];
  };
  for (const token of tokens) {
    const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
    if (byte !== undefined) bytes.push(Number.parseInt(byte, 16));
    else {
      flush();
      pieces.push(token);
    }
  }
  flush();
  return pieces;
}

function textOfBytes(bytes: readonly number[]): string {
  try {
    return strictUtf8.decode(Uint8Array.from(bytes));
  } catch {
    return "\uFFFD".repeat(bytes.length);
  }
}
