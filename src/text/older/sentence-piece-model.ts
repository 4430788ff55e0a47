// The model file of SentencePiece (spiece.model, tokenizer.model): a protobuf message ModelProto, of which only what a
// tokenizer needs is read. Knows no architecture.
//
//   message ModelProto     { repeated SentencePiece pieces = 1; TrainerSpec trainer_spec = 2; NormalizerSpec normalizer_spec = 3; }
//   message SentencePiece  { string piece = 1; float score = 2; Type type = 3 [default = NORMAL]; }
//   message TrainerSpec    { ModelType model_type = 3 [default = UNIGRAM]; bool byte_fallback = 35; int32 unk_id = 40;
//                            int32 bos_id = 41 [default = 1]; int32 eos_id = 42 [default = 2]; string unk_piece = 45; … }
//   message NormalizerSpec { bytes precompiled_charsmap = 2; … }
import { AbrazoError } from "../../errors.ts";

export interface SentencePieceModel {
  pieces: { piece: string; score: number; type: PieceType }[];
  modelType: "unigram" | "bpe";
  byteFallback: boolean;
  /** Place of the unknown piece, and what it and those around a text are called. */
  unkId: number;
  unkPiece: string;
  bosPiece: string | undefined;
  eosPiece: string | undefined;
  /** The character map, in base64 as tokenizer.json has it; undefined where there is none. */
  charsmap: string | undefined;
}

export type PieceType = "normal" | "unknown" | "control" | "userDefined" | "unused" | "byte";

const PIECE_TYPES: readonly (PieceType | undefined)[] = [
  undefined,
  "normal",
  "unknown",
  "control",
  "userDefined",
  "unused",
  "byte",
];
const MODEL_TYPES: readonly string[] = ["", "unigram", "bpe", "word", "char"];

/** A value as the wire has it: a number for varints and floats, bytes for what has a length. */
type Value = { number: number; bytes: Uint8Array };

const NO_BYTES = new Uint8Array();
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @throws INVALID_TOKENIZER for what is no such file, or one cut short */
export function readSentencePiece(bytes: Uint8Array, name: string): SentencePieceModel {
  try {
    return modelOf(bytes);
  } catch (cause) {
    throw new AbrazoError({
      code: "INVALID_TOKENIZER",
      message: `${name} is no SentencePiece model: ${cause instanceof Error ? cause.message : String(cause)}`,
      hint: "The file is damaged or cut short, or of another kind (a list of tiktoken, a pointer of Git LFS); get it again.",
      data: { name, bytes: bytes.length },
      cause,
    });
  }
}

function modelOf(bytes: Uint8Array): SentencePieceModel {
  const pieces: SentencePieceModel["pieces"] = [];
  let trainer: Uint8Array = NO_BYTES;
  let normalizer: Uint8Array = NO_BYTES;
  for (const [field, value] of fieldsOf(bytes)) {
    if (field === 1) pieces.push(pieceOf(value.bytes));
    else if (field === 2) trainer = value.bytes;
    else if (field === 3) normalizer = value.bytes;
  }
  if (pieces.length === 0) throw new Error("it has no pieces");
  const spec = new Map(fieldsOf(trainer));
  const number = (field: number, otherwise: number) => {
    const value = spec.get(field)?.number;
    return value === undefined ? otherwise : value;
  };
  const text = (field: number, otherwise: string) => {
    const value = spec.get(field)?.bytes;
    return value === undefined ? otherwise : utf8.decode(value);
  };
  const modelType = MODEL_TYPES[number(3, 1)];
  if (modelType !== "unigram" && modelType !== "bpe") throw new Error(`its model is of the type "${modelType ?? "?"}"`);
  const charsmap = new Map(fieldsOf(normalizer)).get(2)?.bytes;
  return {
    pieces,
    modelType,
    byteFallback: number(35, 0) !== 0,
    unkId: number(40, 0),
    unkPiece: text(45, "<unk>"),
    bosPiece: number(41, 1) < 0 ? undefined : text(46, "<s>"),
    eosPiece: number(42, 2) < 0 ? undefined : text(47, "</s>"),
    charsmap: charsmap === undefined || charsmap.length === 0 ? undefined : Buffer.from(charsmap).toString("base64"),
  };
}

function pieceOf(bytes: Uint8Array): SentencePieceModel["pieces"][number] {
  const fields = new Map(fieldsOf(bytes));
  const type = PIECE_TYPES[fields.get(3)?.number ?? 1];
  if (type === undefined) throw new Error(`a piece has the type ${fields.get(3)?.number}`);
  return { piece: utf8.decode(fields.get(1)?.bytes ?? NO_BYTES), score: fields.get(2)?.number ?? 0, type };
}

const SIZES: Readonly<Record<number, number>> = { 1: 8, 5: 4 };

/** The fields of a message in order. Groups, which no such file has, are refused. */
function* fieldsOf(bytes: Uint8Array): Generator<[field: number, value: Value]> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  // The lower 32 bits: what is longer is negative, or no size that a file can have.
  const varint = () => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error(`it ends in a number at byte ${at}`);
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new Error(`a number at byte ${at} is too long`);
  };
  const take = (size: number) => {
    if (at + size > bytes.length) throw new Error(`it ends at byte ${bytes.length}, in a field of ${size} bytes`);
    at += size;
    return bytes.subarray(at - size, at);
  };
  while (at < bytes.length) {
    const key = varint();
    const wire = key % 8;
    const field = Math.floor(key / 8);
    if (wire === 0) yield [field, { number: varint() | 0, bytes: NO_BYTES }];
    else if (wire === 2) yield [field, { number: 0, bytes: take(varint()) }];
    else {
      const size = SIZES[wire];
      if (size === undefined || field === 0) throw new Error(`byte ${at} begins no field`);
      take(size);
      yield [field, { number: size === 4 ? view.getFloat32(at - 4, true) : 0, bytes: NO_BYTES }];
    }
  }
}
