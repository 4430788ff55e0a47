// Markdown laid out in a thread, and kept: a card or comment is read more often than it is written.
// Says where a text is not laid out; whoever shows it shows it as it was written.

import { Latest } from "../latest.ts";
import { readApart } from "../texts/thread.ts";
import type { MarkdownPlace } from "./markdown.ts";

/** Longer texts are not laid out: the time it takes may grow with the square of the length. */
const LONGEST = 128 * 1024;
/** Quotations within quotations; laying them out takes the square of their number. */
const MOST_QUOTES = 50;
const DEEP_QUOTES = new RegExp(`^(?:[ \\t]*>){${MOST_QUOTES}}`, "m");
/** A machine that was busy may be less so later. */
const AGAIN_MS = 10 * 60_000;

export const NOT_LAID_OUT =
  "Shown as plain text, because it is too long, too deeply nested or takes too much time to be laid out.";

const FRONT_MATTER = /^\s*---(?:\r\n|\r|\n)[\s\S]*?(?:\r\n|\r|\n)---[ \t]*(?:\r\n|\n|$)/;

export const withoutFrontMatter = (source: string): string => source.replace(FRONT_MATTER, "");

const kept = new Latest<string | undefined>(400);

/**
 * HTML of a text without front matter; undefined for one that is not laid out.
 *
 * @param key stands for the text and the place
 */
export async function layOut(key: string, body: string, place: MarkdownPlace): Promise<string | undefined> {
  if (body.length > LONGEST || DEEP_QUOTES.test(body)) return undefined;
  return kept.get(key, async () => {
    const html = await readApart("markdown", { body, place });
    if (html === undefined) setTimeout(() => kept.forget(key), AGAIN_MS).unref();
    return html;
  });
}
