// URL → service calls → page. Every page answers without JavaScript.
// Holds no rules: services do.
import { readFile } from "node:fs/promises";
import { Hono, type Context as HonoContext } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { csrf } from "hono/csrf";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { plural, REPO_TYPES, type RepoId, type RepoType, repoPath } from "../../src/hub/repo-id.ts";
import { packageFile } from "../../src/package-root.ts";
import { type HubEnv, originOf, splitRevision } from "../api/route.ts";
import type { Context } from "../context.ts";
import { ServiceError, unauthorized } from "../errors.ts";
import { commitChanges } from "../services/changes.ts";
import { listTree, openFile } from "../services/files.ts";
import { listEvaluations } from "../services/indexer.ts";
import { listCommits, listRefs, resolveRevision } from "../services/refs.ts";
import { createRepo, facets, getRepo, listRepos } from "../services/repos.ts";
import {
  checkPassword,
  createFirstUser,
  createSession,
  createToken,
  endSession,
  findUser,
  listTokens,
  revokeToken,
  userCount,
} from "../services/users.ts";
import { SESSION_COOKIE } from "./cookie.ts";
import type { Shell } from "./layout.tsx";
import { ErrorPage, LoginPage, NewRepoPage, SetupPage, TokensPage } from "./pages/account.tsx";
import { CardPage } from "./pages/card.tsx";
import { CommitPage, HistoryPage } from "./pages/commits.tsx";
import { FilePage, TreePage } from "./pages/files.tsx";
import { Home, RepoList, SORT_NAMES, UserPage } from "./pages/lists.tsx";
import { datasetPreview, readme, viewOf } from "./views.ts";

type C = HonoContext<HubEnv>;

/** A page with its doctype: without one, browsers fall back to the layout rules of the nineties. */
const html = (
  c: C,
  page: { toString(): string },
  status: ContentfulStatusCode = 200,
  headers: Record<string, string> = {},
) => c.html(`<!doctype html>${page}`, status, headers);

const PAGE_SIZE = 30;
const POLICY =
  "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const shellOf = (c: C): Shell => ({ actor: c.get("ctx").actor, path: new URL(c.req.url).pathname });
const idOf = (c: C, type: RepoType): RepoId => ({
  type,
  namespace: c.req.param("namespace") ?? "",
  name: c.req.param("name") ?? "",
});

export interface WebOptions {
  /** Opens the first set-up; a link with it is printed when there is no user. */
  setupSecret: string;
}

export function webRoutes({ setupSecret }: WebOptions): Hono<HubEnv> {
  const web = new Hono<HubEnv>();
  web.use(csrf());
  web.use(async (c, next) => {
    await next();
    c.header("Content-Security-Policy", POLICY);
    c.header("X-Content-Type-Options", "nosniff");
    c.header("Referrer-Policy", "same-origin");
  });
  assets(web);
  lists(web);
  accounts(web, setupSecret);
  for (const type of REPO_TYPES) repositories(web, type);
  web.get("/:name", userPage);
  web.onError((error, c) => errorPage(c, error));
  return web;
}

function assets(web: Hono<HubEnv>): void {
  const types: Readonly<Record<string, string>> = { "style.css": "text/css", "script.js": "text/javascript" };
  for (const [name, type] of Object.entries(types)) {
    web.get(`/assets/${name}`, async (c) => {
      const body = await readFile(packageFile("hub-server", "web", "public", name), "utf8");
      return c.body(body, 200, { "Content-Type": `${type}; charset=utf-8`, "Cache-Control": "no-cache" });
    });
  }
}

function lists(web: Hono<HubEnv>): void {
  web.get("/", async (c) => {
    const ctx = c.get("ctx");
    const [models, datasets] = [
      await listRepos(ctx, { type: "model", limit: 9 }),
      await listRepos(ctx, { type: "dataset", limit: 6 }),
    ];
    return html(c, <Home shell={shellOf(c)} models={models.repos} datasets={datasets.repos} />);
  });
  for (const type of REPO_TYPES) {
    web.get(`/${plural(type)}`, async (c) => {
      const ctx = c.get("ctx");
      const query = new URL(c.req.url).searchParams;
      const sort = SORT_NAMES.find((name) => name === query.get("sort")) ?? "lastModified";
      const offset = Math.max(0, Math.floor(Number(query.get("cursor") ?? 0)) || 0);
      const found = await listRepos(ctx, {
        type,
        search: query.get("search") ?? undefined,
        author: query.get("author") ?? undefined,
        tags: query.getAll("filter"),
        pipelineTag: query.get("pipeline_tag") ?? undefined,
        library: query.get("library") ?? undefined,
        sort,
        limit: PAGE_SIZE,
        offset,
      });
      const props = {
        shell: shellOf(c),
        type,
        ...found,
        facets: await facets(ctx, type),
        query,
        sort,
        offset,
        pageSize: PAGE_SIZE,
      };
      return html(c, <RepoList {...props} />);
    });
  }
}

async function userPage(c: C): Promise<Response> {
  const ctx = c.get("ctx");
  const user = await findUser(ctx, c.req.param("name") ?? "");
  if (user === undefined) throw new ServiceError(404, "There is no such page.");
  const of = (type: RepoType) => listRepos(ctx, { type, author: user.name, limit: 100 });
  const [models, datasets] = [await of("model"), await of("dataset")];
  return html(c, <UserPage shell={shellOf(c)} name={user.name} models={models.repos} datasets={datasets.repos} />);
}

function repositories(web: Hono<HubEnv>, type: RepoType): void {
  const base = `${type === "model" ? "" : `/${plural(type)}`}/:namespace/:name`;
  web.get(base, (c) => cardPage(c, type));
  web.get(`${base}/tree/*`, async (c) => {
    const [ctx, id] = [c.get("ctx"), idOf(c, type)];
    const { revision, path } = splitRevision(c, "tree");
    const repo = await getRepo(ctx, id);
    const { commit, entries } = await listTree(ctx, id, revision, path);
    return html(
      c,
      <TreePage
        shell={shellOf(c)}
        repo={repo}
        revision={revision}
        path={path}
        refs={await listRefs(ctx, id)}
        commit={commit}
        entries={entries}
      />,
    );
  });
  web.get(`${base}/blob/*`, async (c) => {
    const [ctx, id] = [c.get("ctx"), idOf(c, type)];
    const { revision, path } = splitRevision(c, "blob");
    const file = await openFile(ctx, id, revision, path);
    const place = {
      shell: shellOf(c),
      repo: file.repo,
      revision,
      path,
      refs: await listRefs(ctx, id),
      commit: file.commit,
    };
    return html(
      c,
      <FilePage
        {...place}
        file={file.entry}
        view={await viewOf(ctx, file, revision, c.req.query("raw") !== undefined)}
      />,
    );
  });
  web.get(`${base}/commits/*`, async (c) => {
    const [ctx, id] = [c.get("ctx"), idOf(c, type)];
    const { revision } = splitRevision(c, "commits");
    const page = Math.max(0, Math.floor(Number(c.req.query("p") ?? 0)) || 0);
    const repo = await getRepo(ctx, id);
    const found = await listCommits(ctx, id, revision, { limit: PAGE_SIZE, offset: page * PAGE_SIZE });
    const refs = await listRefs(ctx, id);
    return html(
      c,
      <HistoryPage
        shell={shellOf(c)}
        repo={repo}
        revision={revision}
        refs={refs}
        {...found}
        page={page}
        pageSize={PAGE_SIZE}
      />,
    );
  });
  web.get(`${base}/commit/:id`, async (c) => {
    const changes = await commitChanges(c.get("ctx"), idOf(c, type), c.req.param("id"));
    return html(c, <CommitPage shell={shellOf(c)} changes={changes} />);
  });
}

async function cardPage(c: C, type: RepoType): Promise<Response> {
  const ctx = c.get("ctx");
  const repo = await getRepo(ctx, idOf(c, type));
  if (repo.name !== c.req.param("name") || repo.namespace !== c.req.param("namespace"))
    return c.redirect(repoPath(repo), 307);
  const commit = await resolveRevision(ctx, repo, "HEAD");
  // The page depends on the commit, the numbers beside it, and who looks.
  const etag = `W/"${commit?.id ?? "empty"}-${repo.downloads}-${repo.isPrivate}-${ctx.actor?.name ?? ""}"`;
  if (c.req.header("if-none-match") === etag) return new Response(null, { status: 304, headers: { ETag: etag } });
  const card = commit === undefined ? undefined : await readme(ctx, repo, commit);
  const props = {
    shell: shellOf(c),
    repo,
    origin: originOf(c),
    html: card,
    empty: commit === undefined,
    evaluations: commit === undefined ? [] : await listEvaluations(ctx, repo, commit.id),
    preview: type === "dataset" && commit !== undefined ? await datasetPreview(ctx, commit) : undefined,
  };
  return html(c, <CardPage {...props} />, 200, { ETag: etag, "Cache-Control": "private, no-cache" });
}

/** Only paths of this hub: a login must not lead elsewhere. */
const safeNext = (value: unknown): string => (typeof value === "string" && /^\/(?![/\\])/.test(value) ? value : "/");
const field = (form: FormData, name: string): string => {
  const value = form.get(name);
  return typeof value === "string" ? value : "";
};

async function startSession(c: C, ctx: Context, userId: string): Promise<void> {
  const secure = originOf(c).startsWith("https:");
  setCookie(c, SESSION_COOKIE, await createSession(ctx, userId), {
    httpOnly: true,
    sameSite: "Lax",
    path: "/",
    secure,
    maxAge: 30 * 86_400,
  });
}

function accounts(web: Hono<HubEnv>, setupSecret: string): void {
  web.get("/login", (c) => html(c, <LoginPage shell={shellOf(c)} next={safeNext(c.req.query("next"))} />));
  web.post("/login", async (c) => {
    const form = await c.req.formData();
    const [ctx, name, next] = [c.get("ctx"), field(form, "name"), safeNext(field(form, "next"))];
    try {
      const user = await checkPassword(ctx, name, field(form, "password"));
      await startSession(c, ctx, user.id);
      return c.redirect(next, 303);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      return html(c, <LoginPage shell={shellOf(c)} next={next} problem={error.message} name={name} />, 401);
    }
  });
  web.post("/logout", async (c) => {
    const cookie = getCookie(c, SESSION_COOKIE);
    if (cookie !== undefined) await endSession(c.get("ctx"), cookie);
    deleteCookie(c, SESSION_COOKIE, { path: "/" });
    return c.redirect("/", 303);
  });
  setup(web, setupSecret);
  web.get("/new", (c) => html(c, <NewRepoPage shell={shellOf(c)} owner={signedIn(c).name} />));
  web.post("/new", async (c) => {
    const form = await c.req.formData();
    const owner = signedIn(c).name;
    const id: RepoId = {
      type: field(form, "type") === "dataset" ? "dataset" : "model",
      namespace: owner,
      name: field(form, "name"),
    };
    try {
      await createRepo(c.get("ctx"), { ...id, isPrivate: field(form, "private") === "yes" });
      return c.redirect(repoPath(id), 303);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      return html(c, <NewRepoPage shell={shellOf(c)} owner={owner} problem={error.message} />, 400);
    }
  });
  tokens(web);
}

function setup(web: Hono<HubEnv>, secret: string): void {
  const closed = () => new ServiceError(404, "The set-up link is used up or wrong.");
  const open = async (c: C, given: string): Promise<void> => {
    if (given !== secret || (await userCount(c.get("ctx"))) > 0) throw closed();
  };
  web.get("/setup", async (c) => {
    await open(c, c.req.query("secret") ?? "");
    return html(c, <SetupPage shell={shellOf(c)} secret={secret} />);
  });
  web.post("/setup", async (c) => {
    const form = await c.req.formData();
    await open(c, field(form, "secret"));
    try {
      const user = await createFirstUser(c.get("ctx"), {
        name: field(form, "name"),
        password: field(form, "password"),
      });
      if (user === undefined) throw closed();
      await startSession(c, c.get("ctx"), user.id);
      return c.redirect("/settings/tokens", 303);
    } catch (error) {
      if (!(error instanceof ServiceError) || error.status === 404) throw error;
      return html(c, <SetupPage shell={shellOf(c)} secret={secret} problem={error.message} />, 400);
    }
  });
}

function signedIn(c: C): NonNullable<Context["actor"]> {
  const { actor } = c.get("ctx");
  if (actor === undefined) throw unauthorized();
  return actor;
}

function tokens(web: Hono<HubEnv>): void {
  web.get("/settings/tokens", async (c) => {
    signedIn(c);
    return html(c, <TokensPage shell={shellOf(c)} tokens={await listTokens(c.get("ctx"))} />);
  });
  web.post("/settings/tokens", async (c) => {
    const form = await c.req.formData();
    const role = field(form, "role") === "read" ? "read" : "write";
    const name = field(form, "name").trim().slice(0, 80) || "token";
    const made = await createToken(c.get("ctx"), signedIn(c).id, { name, role });
    return html(c, <TokensPage shell={shellOf(c)} tokens={await listTokens(c.get("ctx"))} made={made} />);
  });
  web.post("/settings/tokens/revoke", async (c) => {
    signedIn(c);
    await revokeToken(c.get("ctx"), field(await c.req.formData(), "id"));
    return c.redirect("/settings/tokens", 303);
  });
}

function errorPage(c: C, error: Error): Response | Promise<Response> {
  if (!(error instanceof ServiceError)) throw error;
  const shell = shellOf(c);
  if (error.status === 401) return c.redirect(`/login?next=${encodeURIComponent(shell.path)}`, 303);
  c.header("Content-Security-Policy", POLICY);
  const words =
    error.wireCode === "RepoNotFound" ? "There is no such repository, or you may not see it." : error.message;
  return html(c, <ErrorPage shell={shell} status={error.status} message={words} />, error.status === 404 ? 404 : 400);
}
