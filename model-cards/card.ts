// A card as a document: marked blocks among human text, which is kept byte for byte.
// Knows nothing of what a block says.
import { lineEndOf } from "./front-matter.ts";

const open = (id: string): string => `<!-- abrazo:${id} -->`;
const close = (id: string): string => `<!-- /abrazo:${id} -->`;
const MARKER = /<!-- \/?abrazo:[a-z-]+ -->/g;

interface Span {
  start: number;
  end: number;
}

/** An opening marker with its closing one as the very next: what lies between others is not ours to replace. */
function findBlock(text: string, id: string): Span | undefined {
  const markers = [...text.matchAll(MARKER)];
  const at = markers.findIndex(([marker], index) => marker === open(id) && markers[index + 1]?.[0] === close(id));
  const [first, last] = [markers[at], markers[at + 1]];
  return at < 0 || first === undefined || last === undefined
    ? undefined
    : { start: first.index, end: last.index + last[0].length };
}

/**
 * Replaces the inside of a block. One that is not there yet goes behind the nearest block that precedes it in `order`, or
 * before the nearest that follows it, or to the end.
 */
export function setBlock(text: string, id: string, content: string, order: readonly string[]): string {
  const eol = lineEndOf(text);
  // A fact that looks like a marker would end the block.
  const inside = content.replaceAll(/<!--(?= \/?abrazo:)/g, "&lt;!--").replaceAll(/\r?\n/g, eol);
  const block = `${open(id)}${eol}${inside}${eol}${close(id)}`;
  const found = findBlock(text, id);
  if (found !== undefined) return text.slice(0, found.start) + block + text.slice(found.end);
  const place = order.indexOf(id);
  for (const before of order.slice(0, Math.max(0, place)).reverse()) {
    const end = findBlock(text, before)?.end;
    if (end !== undefined) return `${text.slice(0, end)}${eol}${eol}${block}${text.slice(end)}`;
  }
  for (const behind of order.slice(place + 1)) {
    const start = findBlock(text, behind)?.start;
    if (start !== undefined) return `${text.slice(0, start)}${block}${eol}${eol}${text.slice(start)}`;
  }
  return `${text}${gap(text, eol)}${block}${eol}`;
}

/** What makes an empty line at the end of a text. */
function gap(text: string, eol: string): string {
  if (text === "" || text.endsWith(`${eol}${eol}`)) return "";
  return text.endsWith("\n") ? eol : `${eol}${eol}`;
}

/** Takes a block out, with the empty line that came with it: what it said no longer holds. */
export function removeBlock(text: string, id: string): string {
  const found = findBlock(text, id);
  if (found === undefined) return text;
  const [before, after] = [text.slice(0, found.start), text.slice(found.end)];
  const without = before.replace(/(\r?\n){2}$/, "");
  if (without !== before) return `${without}${after}`;
  return `${before}${after.replace(/^(\r?\n){1,2}/, "")}`;
}
