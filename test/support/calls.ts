// Calls of the API as one user, short enough to read a test by.
import { createHash } from "node:crypto";
import { expect } from "vitest";

export type Line = Record<string, unknown>;

export interface Caller {
  /** A call as it is; the body goes as JSON, or as it stands when it is a text. */
  call(method: string, path: string, body?: unknown, text?: string): Promise<Response>;
  /** The answer of a call that succeeds. */
  ok<Answer = unknown>(method: string, path: string, body?: unknown): Promise<Answer>;
  /** Commits lines to a revision of a repository, "/api/models/ana/mood". */
  commit(
    path: string,
    revision: string,
    lines: readonly Line[],
    header?: Line,
    query?: string,
  ): Promise<{ commitOid: string; pullRequestUrl?: string }>;
  /** Uploads a content by LFS; gives the line that commits it under a name. */
  lfs(path: string, content: string): Promise<(name: string) => Line>;
}

export const file = (path: string, content: string): Line => ({
  key: "file",
  value: { path, content: Buffer.from(content).toString("base64"), encoding: "base64" },
});

export function caller(url: string, token: string | undefined): Caller {
  const call: Caller["call"] = (method, path, body, text) =>
    fetch(`${url}${path}`, {
      method,
      redirect: "manual",
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body === undefined ? text !== undefined && { body: text } : { body: JSON.stringify(body) }),
    });
  const answer = async (response: Response) => {
    const text = await response.text();
    expect(response.status, text).toBeLessThan(300);
    return JSON.parse(text);
  };
  return {
    call,
    ok: async (method, path, body) => answer(await call(method, path, body)),
    commit: async (path, revision, lines, header = {}, query = "") => {
      const first = { key: "header", value: { summary: "change", ...header } };
      const text = [first, ...lines].map((line) => `${JSON.stringify(line)}\n`).join("");
      return answer(await call("POST", `${path}/commit/${encodeURIComponent(revision)}${query}`, undefined, text));
    },
    lfs: async (path, content) => {
      const oid = createHash("sha256").update(content).digest("hex");
      const repo = path.replace(/^\/api\/models/, "").replace(/^\/api/, "");
      const batch = await answer(
        await call("POST", `${repo}.git/info/lfs/objects/batch`, {
          operation: "upload",
          transfers: ["basic"],
          objects: [{ oid, size: content.length }],
        }),
      );
      const href: string = batch.objects[0]?.actions?.upload?.href ?? "";
      if (href !== "") expect((await fetch(href, { method: "PUT", body: content })).status).toBe(200);
      return (name) => ({ key: "lfsFile", value: { path: name, algo: "sha256", oid, size: content.length } });
    },
  };
}
