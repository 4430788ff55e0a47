// The way from a repository to the content-addressed store: tokens for it, and the headers that tell a client that a file is there.
// Tokens are answered in headers and as JSON: Python reads the first, JavaScript and Rust the second.
import { randomUUID } from "node:crypto";
import type { Context as HonoContext } from "hono";
import { fullName, plural, REPO_TYPES, type RepoId } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import type { FileHandle } from "../services/files.ts";
import { xetHashes } from "../services/xet-files.ts";
import { issueXetToken, type XetGrant, type XetToken } from "../services/xet-tokens.ts";
import { countDownload } from "./count-download.ts";
import { defineRoute, type HubEnv, originOf, type Route, repoOf, splitRevision } from "./route.ts";

/** Where the store is. Clients key their caches by it, so it is the same for as long as the hub is reached by one name. */
export const casUrl = (c: HonoContext<HubEnv>): string => `${originOf(c)}/cas`;

/** A token as headers; the batch answer of LFS has them for each object. */
const xetHeaders = (c: HonoContext<HubEnv>, { accessToken, expires }: XetToken): Record<string, string> => ({
  "X-Xet-Cas-Url": casUrl(c),
  "X-Xet-Access-Token": accessToken,
  "X-Xet-Token-Expiration": `${expires}`,
});

/** What JavaScript's client accepts as the answer to "where is this file?". */
export const XET_FILE_INFO = "application/vnd.xet-fileinfo+json";

/** Headers of a file that may be fetched in chunks; none for every other one. */
export async function xetFileHeaders(
  c: HonoContext<HubEnv>,
  ctx: Context,
  { repo, commit, entry }: FileHandle,
): Promise<Record<string, string>> {
  if (entry.lfs === undefined) return {};
  const hash = (await xetHashes(ctx, repo.id, [entry.lfs.sha256])).get(entry.lfs.sha256);
  if (hash === undefined) return {};
  const route = `${originOf(c)}/api/${plural(repo.type)}/${fullName(repo)}/xet-read-token/${commit.id}`;
  const plan = `${casUrl(c)}/v1/reconstructions/${hash}`;
  return {
    "X-Xet-Hash": hash,
    "X-Xet-Refresh-Route": route,
    Link: `<${route}>; rel="xet-auth", <${plan}>; rel="xet-reconstruction-info"`,
  };
}

/** Whether the client asks where a file is, rather than for its bytes. */
export const asksWhere = (c: HonoContext<HubEnv>): boolean => c.req.header("accept")?.includes(XET_FILE_INFO) === true;

const isSet = (value: string | undefined): boolean => value !== undefined && !/^(0|false)$/i.test(value);

/** Where a client of LFS that speaks Xet sends its objects, with a token for all of them: the upload action of a batch. */
export async function xetUpload(
  c: HonoContext<HubEnv>,
  ctx: Context,
  id: RepoId,
  ref: string | undefined,
): Promise<{ href: string; header: Record<string, string> }> {
  const revision = (ref ?? "main").replace(/^refs\/heads\//, "");
  // As in the rest of a batch, who may only propose may upload: the commit decides.
  const token = await issueXetToken(ctx, id, "write", { revision, createPr: true });
  const route = `${originOf(c)}/api/${plural(id.type)}/${fullName(id)}/xet-write-token/${encodeURIComponent(revision)}`;
  const session = c.req.header("x-xet-session-id") ?? randomUUID();
  return { href: `${route}?create_pr=1`, header: { ...xetHeaders(c, token), "X-Xet-Session-Id": session } };
}

function tokenRoute(scope: XetGrant["scope"]): Route {
  const name = `xet-${scope}-token`;
  return defineRoute({
    operation: scope === "read" ? "getXetReadToken" : "getXetWriteToken",
    answers: REPO_TYPES.map((type) => `GET /api/${plural(type)}/{namespace}/{repo}/${name}/{rev}`),
    method: "GET",
    path: `/api/:type/:namespace/:name/${name}/*`,
    access: scope === "read" ? "content" : "write",
    summary: scope === "read" ? "A token to fetch files in chunks" : "A token to send files in chunks",
    query: scope === "read" ? {} : { create_pr: "1 for a pull request, which takes no right to write" },
    handle: async (c, ctx) => {
      const { revision } = splitRevision(c);
      const createPr = isSet(c.req.query("create_pr"));
      const token = await issueXetToken(ctx, repoOf(c), scope, { revision, createPr });
      const { accessToken, expires, repo } = token;
      // Clients that know a file's hash from the tree ask for nothing else of it.
      if (scope === "read") countDownload(c, ctx, repo);
      const headers = { ...xetHeaders(c, token), "Cache-Control": "no-store" };
      return c.json({ casUrl: casUrl(c), accessToken, exp: expires }, 200, headers);
    },
  });
}

export const xetRoutes = [tokenRoute("read"), tokenRoute("write")];
