// The pages of a repository: address → service calls → page.
// Holds no rules: services do.
import { createHash } from "node:crypto";
import type { Hono } from "hono";
import { plural, type RepoType, repoPath } from "../../src/hub/repo-id.ts";
import { type HubEnv, splitRevision } from "../api/route.ts";
import type { Context } from "../context.ts";
import { mayAccess, type Repo } from "../services/access.ts";
import { commitChanges } from "../services/changes.ts";
import { type FileEntry, findEntry, listTree, listTreeOf, openFile } from "../services/files.ts";
import { listEvaluations } from "../services/indexer.ts";
import { LOOK_BACK, lastChanges } from "../services/last-changes.ts";
import { checkPath } from "../services/paths.ts";
import { type CommitRow, firstParents, listCommits, listRefs, resolveRevision } from "../services/refs.ts";
import { relativesOf } from "../services/relatives.ts";
import { getRepo } from "../services/repos.ts";
import { ASSETS } from "./assets.ts";
import { pathUrl } from "./format.ts";
import { lineDiffs } from "./line-diffs.ts";
import { CardPage } from "./pages/card.tsx";
import { CommitPage, HistoryPage } from "./pages/commits.tsx";
import { FilePage, TreePage } from "./pages/files.tsx";
import { addressesOf, type C, html, idOf, PAGE_HEADERS, pageNumber, shellOf } from "./respond.tsx";
import { cardOf, datasetPreview, viewOf } from "./views.ts";

const COMMITS_PAGE = 30;
const FILES_PAGE = 500;

export function repositoryRoutes(web: Hono<HubEnv>, type: RepoType): void {
  const base = `${type === "model" ? "" : `/${plural(type)}`}/:namespace/:name`;
  web.get(base, (c) => cardPage(c, type));
  // The tabs without a revision; before those with one, whose star takes nothing, too.
  for (const tab of ["tree", "commits"]) {
    web.get(`${base}/${tab}`, async (c) => {
      const repo = await getRepo(c.get("ctx"), idOf(c, type));
      return c.redirect(`${repoPath(repo)}/${tab}/main`, 302);
    });
  }
  web.get(`${base}/tree/*`, (c) => treePage(c, type));
  web.get(`${base}/blob/*`, (c) => filePage(c, type));
  web.get(`${base}/commits/*`, (c) => historyPage(c, type));
  web.get(`${base}/commit/:id`, async (c) => {
    const changes = await commitChanges(c.get("ctx"), idOf(c, type), c.req.param("id") ?? "");
    const diffs = await lineDiffs(changes.files);
    return html(c, <CommitPage shell={shellOf(c)} changes={changes} diffs={diffs} />);
  });
}

async function cardPage(c: C, type: RepoType): Promise<Response> {
  const ctx = c.get("ctx");
  const repo = await getRepo(ctx, idOf(c, type));
  if (repo.name !== c.req.param("name") || repo.namespace !== c.req.param("namespace"))
    return c.redirect(repoPath(repo), 307);
  const [addresses, table] = [addressesOf(c), c.req.query("table")];
  const commit = await resolveRevision(ctx, repo, "HEAD");
  const relatives = await relativesOf(ctx, repo);
  // Everything that the page is made from, the looks of it included.
  const open = await mayAccess(ctx, "content", repo);
  const facts = [
    commit?.id,
    repo,
    open,
    relatives,
    addresses,
    table,
    ctx.actor?.name,
    ctx.actor?.admin,
    ASSETS.style.url,
  ];
  const etag = `W/"${createHash("sha256").update(JSON.stringify(facts)).digest("base64url")}"`;
  if (c.req.header("if-none-match") === etag)
    return new Response(null, { status: 304, headers: { ...PAGE_HEADERS, ETag: etag } });
  const files = await filesOf(ctx, commit);
  const readme = files.find(({ path }) => path === "README.md");
  const props = {
    shell: shellOf(c),
    repo,
    addresses,
    card: readme === undefined ? undefined : await cardOf(ctx, repo, readme),
    evaluations: commit === undefined ? [] : await listEvaluations(ctx, repo, commit.id),
    relatives,
    // Every repository begins with this one; a visitor looks for the others.
    files: files.filter(({ path }) => path !== ".gitattributes"),
    preview: type === "dataset" && open && files.length > 1 ? await datasetPreview(ctx, files, table) : undefined,
  };
  return html(c, <CardPage {...props} />, 200, { ETag: etag });
}

async function filesOf(ctx: Context, commit: CommitRow | undefined): Promise<FileEntry[]> {
  const entries = commit === undefined ? [] : await listTreeOf(ctx, commit.treeId, "", true);
  return entries.filter((entry) => entry.kind === "file");
}

async function treePage(c: C, type: RepoType): Promise<Response> {
  const [ctx, id] = [c.get("ctx"), idOf(c, type)];
  const { revision, path } = splitRevision(c);
  const repo = await getRepo(ctx, id);
  if ((await kindAt(ctx, repo, revision, path)) === "file") return c.redirect(at(repo, "blob", revision, path), 302);
  const { commit, entries } = await listTree(ctx, id, revision, path);
  const place = await placeOf(c, repo, revision, path, commit);
  const segments = path.split("/").filter((segment) => segment !== "");
  const props = {
    ...place,
    entries,
    changes: await lastChanges(ctx, place.commits, segments),
    page: pageNumber(c.req.query("p")),
    pageSize: FILES_PAGE,
  };
  return html(c, <TreePage {...props} />);
}

async function filePage(c: C, type: RepoType): Promise<Response> {
  const [ctx, id] = [c.get("ctx"), idOf(c, type)];
  const { revision, path } = splitRevision(c);
  const repo = await getRepo(ctx, id);
  if ((await kindAt(ctx, repo, revision, path)) === "directory")
    return c.redirect(at(repo, "tree", revision, path), 302);
  const file = await openFile(ctx, id, revision, path);
  const way = c.req.query("source") === undefined ? "rendered" : "source";
  const props = {
    ...(await placeOf(c, repo, revision, path, file.commit)),
    file: file.entry,
    view: await viewOf(ctx, file, revision, way),
    way,
  } as const;
  return html(c, <FilePage {...props} />);
}

const at = (repo: Repo, kind: "tree" | "blob", revision: string, path: string): string =>
  `${repoPath(repo)}/${kind}/${encodeURIComponent(revision)}/${pathUrl(path)}`;

/** What lies at a path; undefined for nothing, and for the root. */
async function kindAt(ctx: Context, repo: Repo, revision: string, path: string) {
  const commit = path === "" ? undefined : await resolveRevision(ctx, repo, revision);
  const entry = commit && (await findEntry(ctx, commit.treeId, checkPath(path.replace(/\/$/, ""))));
  return entry?.kind;
}

/** What the pages of files share. */
async function placeOf(c: C, repo: Repo, revision: string, path: string, commit: CommitRow | undefined) {
  const ctx = c.get("ctx");
  const log = commit && (await firstParents(ctx, repo, commit, { limit: LOOK_BACK, offset: 0 }));
  const { commits = [], total = 0 } = log ?? {};
  const segments = path.split("/").filter((segment) => segment !== "");
  const name = segments.pop();
  const touched = name === undefined ? commit : (await lastChanges(ctx, commits, segments)).get(name);
  return { shell: shellOf(c), repo, revision, path, refs: await listRefs(ctx, repo), commit, touched, commits, total };
}

async function historyPage(c: C, type: RepoType): Promise<Response> {
  const [ctx, id] = [c.get("ctx"), idOf(c, type)];
  const { revision } = splitRevision(c);
  const page = pageNumber(c.req.query("p"));
  const repo = await getRepo(ctx, id);
  const found = await listCommits(ctx, id, revision, { limit: COMMITS_PAGE, offset: page * COMMITS_PAGE });
  const refs = await listRefs(ctx, id);
  const props = { shell: shellOf(c), repo, revision, refs, ...found, page, pageSize: COMMITS_PAGE };
  return html(c, <HistoryPage {...props} />);
}
