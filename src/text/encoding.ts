// The tokens of one or two texts → what a model is given: cut to a length, in windows that overlap, special tokens around.
// As Hugging Face tokenizers truncates and merges. Knows no vocabulary.
import { AbrazoError } from "../errors.ts";
import { sizeAt } from "./engine/aligned.ts";
import type { Sequence } from "./engine/engine.ts";
import { type Part, PLAIN, type PostProcessor } from "./engine/post-processors.ts";

/** One text, or a pair, as a model takes it. All arrays have one entry a token. */
export interface Encoding {
  ids: number[];
  /** Which segment a token belongs to, by the tokenizer's template. */
  typeIds: number[];
  /** Ones: padding is added by `padBatch`. */
  attentionMask: number[];
  /** 1 for tokens that the template added. */
  specialTokensMask: number[];
  /** Start and end in the text that was given, in UTF-16 units as `slice` takes them; [0, 0] for tokens that were added. */
  offsets: [start: number, end: number][];
  /** The number of the word in its text, as the pre-tokenizer cuts; undefined for tokens that were added. */
  wordIds: (number | undefined)[];
  tokens: string[];
  /** 0 for the first text, 1 for the second, undefined for tokens that were added. */
  sequenceIds: (0 | 1 | undefined)[];
}

/** Which text gives way when a pair is too long: the longer one token by token, one of them, or none. */
export type Truncation = "longestFirst" | "onlyFirst" | "onlySecond" | false;
export type Side = "left" | "right";

export interface Limits {
  maxLength: number;
  truncation: Truncation;
  /** Tokens that a window has in common with the one before. */
  stride: number;
  side: Side;
}

type Window = [start: number, stop: number];

/** Tokens that a post-processor adds to one text or to a pair. */
export function addedCount(post: PostProcessor, isPair: boolean): number {
  return (isPair ? post.pair : post.single).reduce(
    (sum, part) => sum + (part.kind === "special" ? part.ids.length : 0),
    0,
  );
}

/** The first window of one or two texts, or all of them. */
export function windowsOf(
  texts: readonly Sequence[],
  post: PostProcessor,
  addSpecial: boolean,
  limits: Limits,
  all: boolean,
): Encoding[] {
  const added = addSpecial ? addedCount(post, texts.length > 1) : 0;
  const lengths = keptLengths(
    texts.map(({ ids }) => ids.length),
    limits,
    added,
  );
  const [first = [], second] = texts.map(({ ids }, at) => {
    const windows = cut(ids.length, lengths[at] ?? 0, limits);
    return all ? windows : windows.slice(0, 1);
  });
  const merge = (...windows: (Window | undefined)[]) => merged(texts, windows, post, addSpecial);
  const [head, ...rest] = first;
  if (second === undefined) return first.map((window) => merge(window));
  // The order in which Rust merges two texts that both overflow.
  return [
    merge(head, second[0]),
    ...rest.flatMap((window) => second.map((other) => merge(window, other))),
    ...second.slice(1).map((other) => merge(head, other)),
  ];
}

/** How many tokens each text keeps. */
function keptLengths(lengths: readonly number[], { maxLength, truncation }: Limits, added: number): readonly number[] {
  const [first = 0, second] = lengths;
  const excess = first + (second ?? 0) + added - maxLength;
  if (truncation === false || excess <= 0) return lengths;
  const room = maxLength - added;
  if (room < 0) throw tooShort(maxLength, added);
  if (truncation === "longestFirst") return second === undefined ? [room] : longestFirst(first, second, room);
  const target = truncation === "onlyFirst" ? 0 : 1;
  const length = lengths[target];
  if (length === undefined) throw noSecond();
  if (length <= excess) throw cannotGiveWay(truncation, length, excess);
  return lengths.map((old, at) => (at === target ? old - excess : old));
}

function longestFirst(first: number, second: number, room: number): readonly number[] {
  let short = Math.min(first, second);
  let long = short > room ? short : Math.max(short, room - short);
  if (short + long > room) {
    short = Math.floor(room / 2);
    long = short + (room % 2);
  }
  return first > second ? [long, short] : [short, long];
}

/** The windows of `length` tokens, each of `most` at most. */
function cut(length: number, most: number, { stride, side }: Limits): Window[] {
  if (most >= length) return [[0, length]];
  if (most === 0)
    return [
      [0, 0],
      [0, length],
    ];
  if (stride >= most) throw strideTooLarge(stride, most);
  const windows: Window[] = [];
  const step = most - stride;
  for (let at = 0; ; at += step) {
    const [start, stop] =
      side === "right" ? [at, Math.min(at + most, length)] : [Math.max(0, length - at - most), length - at];
    windows.push([start, stop]);
    if (side === "right" ? stop === length : start === 0) return windows;
  }
}

function merged(
  texts: readonly Sequence[],
  windows: readonly (Window | undefined)[],
  post: PostProcessor,
  addSpecial: boolean,
): Encoding {
  const result: Encoding = {
    ids: [],
    typeIds: [],
    attentionMask: [],
    specialTokensMask: [],
    offsets: [],
    wordIds: [],
    tokens: [],
    sequenceIds: [],
  };
  for (const part of partsOf(post, texts.length > 1, addSpecial)) {
    if (part.kind === "special") addSpecialTokens(result, part);
    else addText(result, part, texts[part.text], windows[part.text], post.trim);
  }
  result.attentionMask = result.ids.map(() => 1);
  return result;
}

function partsOf(post: PostProcessor, isPair: boolean, addSpecial: boolean): readonly Part[] {
  if (addSpecial) return isPair ? post.pair : post.single;
  const [first, second] = post.plainTypes;
  return (isPair ? PLAIN.pair : PLAIN.single).map((part) => ({
    ...part,
    typeId: isPair ? (part.kind === "text" && part.text === 1 ? second : first) : singleType(post),
  }));
}

function singleType(post: PostProcessor): number {
  return post.single.find(({ kind }) => kind === "text")?.typeId ?? 0;
}

function addSpecialTokens(to: Encoding, { ids, tokens, typeId }: Extract<Part, { kind: "special" }>): void {
  for (const [at, id] of ids.entries()) {
    to.ids.push(id);
    to.tokens.push(tokens[at] ?? "");
    to.typeIds.push(typeId);
    to.specialTokensMask.push(1);
    to.offsets.push([0, 0]);
    to.wordIds.push(undefined);
    to.sequenceIds.push(undefined);
  }
}

function addText(
  to: Encoding,
  { text, typeId }: Extract<Part, { kind: "text" }>,
  sequence: Sequence | undefined,
  [start, stop]: Window = [0, 0],
  trim: PostProcessor["trim"],
): void {
  if (sequence === undefined) return;
  for (let at = start; at < stop; at++) {
    const name = sequence.names[at] ?? "";
    const place: [number, number] = [sequence.starts[at] ?? 0, sequence.ends[at] ?? 0];
    to.ids.push(sequence.ids[at] ?? 0);
    to.tokens.push(name);
    to.typeIds.push(typeId);
    to.specialTokensMask.push(0);
    to.offsets.push(trim === undefined ? place : trimmed(sequence.text, name, place, at === start, trim.prefixSpace));
    to.wordIds.push(sequence.words[at]);
    to.sequenceIds.push(text);
  }
}

const LEADING = /^[Ġ\p{White_Space}]+/u;
const TRAILING = /[Ġ\p{White_Space}]+$/u;

/** A place without the white space that its byte-level token begins and ends with. */
function trimmed(
  text: string,
  name: string,
  place: [number, number],
  isFirst: boolean,
  prefixSpace: boolean,
): [number, number] {
  const [start, end] = place;
  const leading = LEADING.exec(name)?.[0].length ?? 0;
  const trailing = TRAILING.exec(name)?.[0].length ?? 0;
  // One space may have been put before the text, and has no place in it; more than one is the text's own.
  const cut = leading === 1 && prefixSpace && (isFirst || start === 0) ? 0 : leading;
  let from = start;
  for (let left = cut; left > 0 && from < end; left--) from += sizeAt(text, from);
  let to = end;
  for (let left = trailing; left > 0 && to > from; left--) to -= to >= 2 ? sizeAt(text, to - 2) : 1;
  return [Math.min(from, end), Math.max(to, from)];
}

function tooShort(maxLength: number, added: number): AbrazoError {
  return new AbrazoError({
    code: "BAD_OPTION",
    message: `encodePlus(): maxLength is ${maxLength}, but the special tokens alone are ${added}.`,
    hint: "Raise maxLength, or set addSpecialTokens to false.",
    data: { maxLength, added },
  });
}

function noSecond(): AbrazoError {
  return new AbrazoError({
    code: "BAD_OPTION",
    message: 'encodePlus(): truncation is "onlySecond", but there is no second text.',
    hint: 'Give textPair, or choose "longestFirst".',
  });
}

function cannotGiveWay(truncation: string, length: number, excess: number): AbrazoError {
  return new AbrazoError({
    code: "BAD_OPTION",
    message: `encodePlus(): truncation is "${truncation}", and that text has ${length} tokens, but ${excess} are too many.`,
    hint: 'Raise maxLength, or choose "longestFirst".',
    data: { truncation, length, excess },
  });
}

function strideTooLarge(stride: number, most: number): AbrazoError {
  return new AbrazoError({
    code: "BAD_OPTION",
    message: `encodePlus(): stride is ${stride}, but a window has room for ${most} tokens of the text.`,
    hint: "A stride must be smaller than the window, which is maxLength less special tokens and less the other text.",
    data: { stride, most },
  });
}
