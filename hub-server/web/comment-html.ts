// What is written in discussions, as HTML. Texts of strangers: sanitised, their links resolved at the head of main.
import { type RepoId, repoPath } from "../../src/hub/repo-id.ts";
import { Latest } from "../latest.ts";
import type { DiscussionEvent } from "../services/discussion-log.ts";
import { renderText } from "./markdown.ts";

/** Rendered comments by id, state and place: a discussion is read more often than it is written. */
const rendered = new Latest<string>(200);

/** Stands where a hidden comment was. */
export const HIDDEN = "This comment has been hidden";

export function commentHtml(repo: RepoId, { id, raw, hidden, updatedAt }: DiscussionEvent): Promise<string> {
  if (hidden) return Promise.resolve(`<p>${HIDDEN}</p>`);
  const base = repoPath(repo);
  return rendered.get(`${id} ${updatedAt?.getTime() ?? 0} ${base}`, async () => {
    const text = raw ?? "";
    const place = { blob: `${base}/blob/main`, resolve: `${base}/resolve/main` };
    const html = isCostly(text) ? undefined : await renderText(text, place);
    return html ?? `<pre>${escaped(text)}</pre>`;
  });
}

/** Marks of Markdown, outside of fenced code, that one comment may have to be laid out; what they cost grows with the square. */
const MOST_MARKS = 3000;
/** Quotations within quotations. */
const MOST_QUOTES = 50;

/** Whether a text was written to keep a server busy. */
function isCostly(text: string): boolean {
  const open = text.replace(/^(`{3}|~{3})[\s\S]*?^\1/gm, "");
  const marks = open.match(/[~*_`<>[\]]/g)?.length ?? 0;
  return marks > MOST_MARKS || new RegExp(`^(?:[ \\t]*>){${MOST_QUOTES}}`, "m").test(open);
}

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
/** A text that stands in HTML as it is. */
export const escaped = (text: string): string => text.replace(/[&<>"]/g, (letter) => ESCAPES[letter] ?? letter);
