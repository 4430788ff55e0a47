// What is written in discussions, as HTML. Texts of strangers: sanitised, their links resolved at the head of main.
import { type RepoId, repoPath } from "../../src/hub/repo-id.ts";
import { Latest } from "../latest.ts";
import type { DiscussionEvent } from "../services/discussion-log.ts";
import { renderText } from "./markdown.ts";

/** Rendered comments by id, state and place: a discussion is read more often than it is written. */
const rendered = new Latest<string>(1000);

/** Stands where a hidden comment was. */
export const HIDDEN = "This comment has been hidden";

export function commentHtml(repo: RepoId, { id, raw, hidden, updatedAt }: DiscussionEvent): Promise<string> {
  if (hidden) return Promise.resolve(`<p>${HIDDEN}</p>`);
  const base = repoPath(repo);
  return rendered.get(`${id} ${updatedAt?.getTime() ?? 0} ${base}`, async () => {
    const html = await renderText(raw ?? "", { blob: `${base}/blob/main`, resolve: `${base}/resolve/main` });
    return html ?? `<pre>${escaped(raw ?? "")}</pre>`;
  });
}

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escaped = (text: string): string => text.replace(/[&<>"]/g, (letter) => ESCAPES[letter] ?? letter);
