// What is written in discussions, as HTML. Texts of strangers: sanitised, their links resolved at the head of main.
import { type RepoId, repoPath } from "../../src/hub/repo-id.ts";
import { escaped } from "../escape-html.ts";
import type { DiscussionEvent } from "../services/discussion-log.ts";
import { layOut, NOT_LAID_OUT } from "./rendered.ts";

/** Stands where a hidden comment was. */
export const HIDDEN = "This comment has been hidden";

export async function commentHtml(repo: RepoId, { id, raw, hidden, updatedAt }: DiscussionEvent): Promise<string> {
  if (hidden) return `<p>${HIDDEN}</p>`;
  const base = repoPath(repo);
  const text = raw ?? "";
  const place = { blob: `${base}/blob/main`, resolve: `${base}/resolve/main` };
  const key = `${id} ${updatedAt?.getTime() ?? 0} ${base}`;
  const html = isCostly(text) ? undefined : await layOut(key, text, place);
  return html ?? `<p><em>${NOT_LAID_OUT}</em></p><pre>${escaped(text)}</pre>`;
}

/** Marks of Markdown, outside of fenced code, that one comment may have to be laid out; what they cost grows with the square. */
const MOST_MARKS = 3000;

/** Whether a text was written to keep a server busy. */
function isCostly(text: string): boolean {
  const open = text.replace(/^(`{3}|~{3})[\s\S]*?^\1/gm, "");
  const marks = open.match(/[~*_`<>[\]]/g)?.length ?? 0;
  return marks > MOST_MARKS;
}
