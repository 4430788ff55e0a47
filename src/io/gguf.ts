// The head of a GGUF file: what llama.cpp and its kin keep beside quantized weights. Reads little-endian files of versions 2 and 3.
// Reads no weights, and knows no models.
//
//   4 bytes   "GGUF"
//   4 bytes   version
//   8 and 8   how many tensors, how many values there are
//   values    key (8 bytes of length, UTF-8), 4 bytes of type, the value; an array has its elements' type and their number first
//   tensors   name, 4 bytes of rank, 8 bytes for each size, 4 bytes of type, 8 bytes of offset
import { AbrazoError } from "../errors.ts";

export interface GgufHead {
  architecture?: string;
  contextLength?: number;
  chatTemplate?: string;
  bosToken?: string;
  eosToken?: string;
  /** Elements of all tensors. */
  elements: number;
}

/** Bytes of a value by its type; strings (8) and arrays (9) say themselves how long they are. */
const WIDTHS: readonly (number | undefined)[] = [1, 1, 2, 2, 4, 4, 4, 1, undefined, undefined, 8, 8, 8];
const STRING = 8;
const ARRAY = 9;
const WHOLE: Readonly<Record<number, (bytes: Buffer, at: number) => number>> = {
  4: (bytes, at) => bytes.readUInt32LE(at),
  5: (bytes, at) => bytes.readInt32LE(at),
  10: (bytes, at) => wide(bytes, at),
  11: (bytes, at) => wide(bytes, at),
};
/** As ggml has it. */
const MOST_RANK = 4;

const damaged = (what: string): AbrazoError =>
  new AbrazoError({
    code: "GGUF_INVALID",
    message: `The GGUF file is damaged: ${what}.`,
    hint: "Fetch or write the file again.",
  });

function wide(bytes: Buffer, at: number): number {
  const value = bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
  if (!Number.isSafeInteger(value)) throw damaged(`the number at ${at} is beyond all sizes`);
  return value;
}

/** Thrown where the bytes end before the head does. */
const CUT = Symbol("cut");

class Walker {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Where `length` bytes stand that are passed by. */
  pass(length: number): number {
    const at = this.#at;
    if (length > this.#bytes.length - at) throw CUT;
    this.#at += length;
    return at;
  }

  small = (): number => this.#bytes.readUInt32LE(this.pass(4));
  wide = (): number => wide(this.#bytes, this.pass(8));
  whole = (type: number): number | undefined => {
    const at = this.pass(WIDTHS[type] ?? 0);
    return WHOLE[type]?.(this.#bytes, at);
  };

  text(): Buffer {
    const length = this.wide();
    const at = this.pass(length);
    return this.#bytes.subarray(at, at + length);
  }
}

/**
 * The head that a file begins with; undefined where more of the file is needed.
 *
 * @throws AbrazoError GGUF_INVALID for what is no GGUF file, or none that this reads
 */
export function parseGguf(bytes: Buffer): GgufHead | undefined {
  try {
    return readHead(new Walker(bytes), bytes.subarray(0, 4).toString("latin1"));
  } catch (error) {
    if (error === CUT) return undefined;
    throw error;
  }
}

function readHead(walker: Walker, magic: string): GgufHead {
  walker.pass(4);
  if (magic !== "GGUF") throw damaged(`it begins with ${JSON.stringify(magic)}`);
  const version = walker.small();
  if (version !== 2 && version !== 3) throw damaged(`its version is ${version}, and not 2 or 3`);
  const [tensors, values] = [walker.wide(), walker.wide()];
  const found = readValues(walker, values);
  let elements = 0;
  for (let index = 0; index < tensors; index++) elements += readElements(walker);
  const { texts, numbers, tokens } = found;
  const architecture = texts.get("general.architecture");
  const context = numbers.get(`${architecture}.context_length`);
  const token = (name: string) => tokens[numbers.get(`tokenizer.ggml.${name}_token_id`) ?? -1]?.toString("utf8");
  const head = {
    architecture,
    contextLength: context,
    chatTemplate: texts.get("tokenizer.chat_template"),
    bosToken: token("bos"),
    eosToken: token("eos"),
  };
  const said = Object.entries(head).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(said), elements };
}

interface Found {
  texts: Map<string, string>;
  numbers: Map<string, number>;
  tokens: readonly Buffer[];
}

function readValues(walker: Walker, count: number): Found {
  const found: Found = { texts: new Map(), numbers: new Map(), tokens: [] };
  for (let index = 0; index < count; index++) {
    const key = walker.text().toString("utf8");
    const type = walker.small();
    if (type === STRING) found.texts.set(key, walker.text().toString("utf8"));
    else if (type === ARRAY) {
      const strings = readArray(walker, key === "tokenizer.ggml.tokens");
      if (strings.length > 0) found.tokens = strings;
    } else {
      if (WIDTHS[type] === undefined) throw damaged(`the type ${type} of "${key}" is none`);
      const value = walker.whole(type);
      if (value !== undefined) found.numbers.set(key, value);
    }
  }
  return found;
}

/** The strings of an array, where they are asked for; all others are passed by. */
function readArray(walker: Walker, wanted: boolean): Buffer[] {
  const type = walker.small();
  const count = walker.wide();
  const width = WIDTHS[type];
  if (width !== undefined) {
    walker.pass(width * count);
    return [];
  }
  if (type !== STRING) throw damaged(`an array has elements of the type ${type}`);
  const strings: Buffer[] = [];
  for (let index = 0; index < count; index++) {
    const text = walker.text();
    if (wanted) strings.push(text);
  }
  return strings;
}

function readElements(walker: Walker): number {
  walker.text();
  const rank = walker.small();
  if (rank > MOST_RANK) throw damaged(`a tensor has ${rank} dimensions`);
  let elements = 1;
  for (let axis = 0; axis < rank; axis++) elements *= walker.wide();
  walker.pass(12);
  return elements;
}
