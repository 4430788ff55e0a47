// Who gets what on every route: walked over the declarations, so that a new route is tested by being declared.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROUTES } from "../../hub-server/api/index.ts";
import type { Route } from "../../hub-server/api/route.ts";
import { createToken, findUser } from "../../hub-server/services/users.ts";
import type { RepoType } from "../../src/hub/repo-id.ts";
import { type TestHub, testHub } from "../support/hub.ts";

interface Example {
  /** What stands for the path's star. */
  rest?: string;
  query?: string;
  /** What stands for :status. */
  status?: string;
  /** What is needed of the body's repository, where that is the path's and more than the route says of the path's. */
  access?: Route["access"];
  body?: unknown;
  /** For routes that name the repository in the body. */
  named?(namespace: string, name: string): unknown;
}

/** What a call of each route looks like, where the path alone does not say it. */
const EXAMPLES: Readonly<Record<string, Example>> = {
  preupload: { rest: "main", body: { files: [{ path: "a.txt", size: 1, sample: "" }] } },
  getXetReadToken: { rest: "main" },
  getXetWriteToken: { rest: "main" },
  commit: { rest: "main", body: { key: "header", value: { summary: "x" } } },
  lfsBatch: { body: { operation: "upload", transfers: ["basic"], objects: [{ oid: "0".repeat(64), size: 1 }] } },
  lfsBatchDataset: { body: { operation: "upload", transfers: ["basic"], objects: [{ oid: "0".repeat(64), size: 1 }] } },
  lfsBatchSpace: { body: { operation: "upload", transfers: ["basic"], objects: [{ oid: "0".repeat(64), size: 1 }] } },
  gitRefs: { query: "?service=git-upload-pack" },
  gitRefsDataset: { query: "?service=git-upload-pack" },
  gitRefsSpace: { query: "?service=git-upload-pack" },
  lfsLock: { body: { path: "a.txt" } },
  lfsLockDataset: { body: { path: "a.txt" } },
  lfsLockSpace: { body: { path: "a.txt" } },
  deleteRepo: { named: (organization, name) => ({ organization, name }) },
  moveRepo: {
    named: (namespace, name) => ({ fromRepo: `${namespace}/${name}`, toRepo: `${namespace}/${name}-moved` }),
  },
  updateRepoSettings: { body: { private: false } },
  duplicateRepo: { named: (_, name) => ({ repository: `${name}-copy` }) },
  getRepoAtRevision: { rest: "main" },
  resolve: { rest: "main/.gitattributes" },
  resolveDataset: { rest: "main/.gitattributes" },
  raw: { rest: "main/.gitattributes" },
  getNotebook: { rest: "main/a.ipynb" },
  rawDataset: { rest: "main/.gitattributes" },
  listTree: { rest: "main" },
  getPathsInfo: { rest: "main", body: { paths: [".gitattributes"] } },
  listCommits: { rest: "main" },
  createBranch: { rest: "made", body: {} },
  deleteBranch: { rest: "other" },
  createTag: { rest: "main", body: { tag: "made" } },
  deleteTag: { rest: "v1" },
  createDiscussion: { body: { title: "A title", description: "" } },
  commentDiscussion: { body: { comment: "x" } },
  editDiscussionComment: { body: { content: "x" } },
  renameDiscussion: { body: { title: "A title" } },
  changeDiscussionStatus: { body: { status: "closed" } },
  pinDiscussion: { body: { pinned: true } },
  lockDiscussion: { body: { locked: true } },
  getTreeSize: { rest: "main" },
  compare: { rest: "main..other" },
  superSquash: { rest: "main", body: {} },
  resolveSpace: { rest: "main/.gitattributes" },
  rawSpace: { rest: "main/.gitattributes" },
  resolveCache: { rest: "main/.gitattributes" },
  deleteLfsFiles: { body: { deletions: { sha: ["0".repeat(64)] } } },
  duplicateLfsFiles: {
    access: "write",
    named: (namespace, name) => ({ target: { type: "model", name: `${namespace}/${name}` }, files: [] }),
  },
  listAccessRequests: { status: "pending" },
  handleAccessRequest: { body: { user: "ben", status: "accepted" } },
  handleAccessRequests: { body: { requests: [{ user: "ben" }], status: "accepted" } },
  grantAccess: { body: { user: "ben" } },
  setRepoResourceGroup: { body: { resourceGroupId: null } },
};

/** limited: a token of the owner that has no permission at all. */
type Caller = "anonymous" | "wrong token" | "other" | "reader" | "limited" | "owner" | "admin";
const OF_REPOSITORIES = new Set(["read", "content", "contribute", "write", "manage"]);
const routes = ROUTES.filter(({ access }) => OF_REPOSITORIES.has(access));

let hub: TestHub;
let tokens: Record<Caller, string | undefined>;
let made = 0;

beforeAll(async () => {
  hub = await testHub();
  const owner = await hub.user("ana");
  const { token: reader }: { token: string } = await hub.tokenOf("ana", "read");
  tokens = {
    anonymous: undefined,
    "wrong token": `hf_${"x".repeat(34)}`,
    other: await hub.user("ben"),
    reader,
    limited: await createToken(hub.deps, (await findUser(hub.deps, "ana"))?.id ?? "", {
      name: "limited",
      role: "fineGrained",
      scopes: { canReadGatedRepos: false, global: [], scoped: [] },
    }),
    owner,
    admin: await hub.user("root", { admin: true }),
  };
});
afterAll(() => hub.stop());

function typeOf({ path, operation }: Route): RepoType {
  if (path.startsWith("/spaces/")) return "space";
  return path.startsWith("/datasets/") || operation.endsWith("Dataset") ? "dataset" : "model";
}

function call(route: Route, namespace: string, name: string, caller: Caller): Promise<Response> {
  const { rest = "", query = "", status = "", body, named } = EXAMPLES[route.operation] ?? {};
  const path = route.path
    .replace(":type", `${typeOf(route)}s`)
    .replace(":namespace", namespace)
    .replace(":name", name)
    .replace(":num", "1")
    .replace(":status", status)
    .replace(":sha", "0".repeat(64))
    .replace(/(?<=\/):(\w+)(?:\{(\w+)[^}]*\})?/g, (_, parameter: string, first?: string) =>
      route.access === "link" ? `:${parameter}` : (first ?? "x"),
    )
    .replace("*", rest);
  const sent = named?.(namespace, name) ?? body;
  const token = tokens[caller];
  return fetch(`${hub.url}${path}${query}`, {
    method: route.method,
    redirect: "manual",
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(sent === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(sent === undefined ? {} : { body: JSON.stringify(sent) }),
  });
}

/** A repository of ana's with a second branch and a tag. */
async function freshRepo(type: RepoType, isPrivate: boolean): Promise<string> {
  const name = `r${made++}`;
  const headers = { authorization: `Bearer ${tokens.owner}`, "content-type": "application/json" };
  const post = (path: string, body: unknown) =>
    fetch(`${hub.url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  expect(
    (await post("/api/repos/create", { name, type, ...(type === "space" && { sdk: "static" }), private: isPrivate }))
      .status,
  ).toBe(200);
  expect((await post(`/api/${type}s/ana/${name}/branch/other`, {})).status).toBe(201);
  expect((await post(`/api/${type}s/ana/${name}/tag/main`, { tag: "v1" })).status).toBe(201);
  return name;
}

const outcome = async (response: Response): Promise<"allowed" | "hidden" | 401 | 403> => {
  await response.arrayBuffer();
  if (response.status === 401 || response.status === 403) return response.status;
  if (response.status === 404 && response.headers.get("x-error-code") === "RepoNotFound") return "hidden";
  expect(response.status).toBeLessThan(500 + Number(response.headers.get("x-error-code") === "NOT_IMPLEMENTED") * 2);
  return "allowed";
};

/** Routes of git and git-lfs, which send credentials only when they are asked to. */
const isGit = ({ operation }: Route): boolean => /^(lfs|git)[A-Z]/.test(operation);

/** What DESIGN's rule says of a caller: what may not be seen does not exist, and git asks strangers to log in. */
function expected(route: Route, caller: Caller, isPrivate: boolean): "allowed" | "hidden" | 401 | 403 {
  if (caller === "owner" || caller === "admin") return "allowed";
  if (caller === "wrong token") return 401;
  const { access } = { ...route, ...EXAMPLES[route.operation] };
  const reads = access === "read" || access === "content";
  if (caller === "reader") return reads ? "allowed" : 403;
  if (caller === "limited") return isPrivate ? "hidden" : reads ? "allowed" : 403;
  if (caller === "anonymous" && isGit(route)) return reads && !isPrivate ? "allowed" : 401;
  if (isPrivate) return "hidden";
  if (reads || (caller === "other" && access === "contribute")) return "allowed";
  return caller === "anonymous" ? 401 : 403;
}

describe.each(routes.map((route) => [`${route.method} ${route.path}`, route] as const))("%s", (_, route) => {
  it.each([
    ["public", false],
    ["private", true],
  ])("%s", async (__, isPrivate) => {
    if (route.path.includes("*")) {
      const needed = `EXAMPLES needs an entry for ${route.operation}: what stands for the star`;
      expect(EXAMPLES[route.operation]?.rest, needed).toBeDefined();
    }
    const type = typeOf(route);
    const name = await freshRepo(type, isPrivate);
    for (const caller of ["anonymous", "wrong token", "other", "reader", "limited"] as const)
      expect([caller, await outcome(await call(route, "ana", name, caller))]).toEqual([
        caller,
        expected(route, caller, isPrivate),
      ]);
    expect(["owner", await outcome(await call(route, "ana", name, "owner"))]).toEqual(["owner", "allowed"]);
    const another = await freshRepo(type, isPrivate);
    expect(["admin", await outcome(await call(route, "ana", another, "admin"))]).toEqual(["admin", "allowed"]);
  });

  it("answers for a hidden repository what it answers for one that is not there", async () => {
    const name = await freshRepo(typeOf(route), true);
    for (const caller of ["anonymous", "other", "limited"] as const) {
      const [hidden, missing] = [await call(route, "ana", name, caller), await call(route, "ana", "not-there", caller)];
      expect(hidden.status).toBe(missing.status);
      expect((await hidden.text()).replaceAll(name, "X")).toBe((await missing.text()).replaceAll("not-there", "X"));
      if (isGit(route) && caller === "anonymous")
        expect(hidden.headers.get("www-authenticate")).toMatch(/^Basic realm=/);
    }
  });
});

describe("routes without a repository", () => {
  const others = ROUTES.filter(({ access, path }) => !OF_REPOSITORIES.has(access) && !path.includes(":oid"));

  it.each(others.map((route) => [`${route.method} ${route.path}`, route] as const))("%s", async (_, route) => {
    const status = (await call(route, "none", "none", "anonymous")).status;
    if (route.access === "public") expect([401, 403]).not.toContain(status);
    else expect([401, 403]).toContain(status);
    expect((await call(route, "none", "none", "wrong token")).status === 401 || route.access === "link").toBe(true);
  });

  const callers = ROUTES.filter(({ access }) => access === "user");

  it.each(callers.map((route) => [`${route.method} ${route.path}`, route] as const))(
    "%s: a token without permissions",
    async (_, route) => {
      const { status } = await call(route, "none", "none", "limited");
      // A token may end itself, and no other.
      if (route.scope !== "any" || route.operation === "revokeToken") expect(status).toBe(403);
      // Who the user is, an app alone is told.
      else if (!route.path.startsWith("/oauth/")) expect(status).not.toBe(403);
    },
  );

  it("links allow what they were signed for and nothing else", async () => {
    const name = await freshRepo("model", true);
    const oid = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    const batch = async (operation: "upload" | "download") => {
      const response = await fetch(`${hub.url}/ana/${name}.git/info/lfs/objects/batch`, {
        method: "POST",
        headers: { authorization: `Bearer ${tokens.owner}`, "content-type": "application/json" },
        body: JSON.stringify({ operation, transfers: ["basic"], objects: [{ oid, size: 5 }] }),
      });
      const { objects }: { objects: { actions?: Record<string, { href: string }> }[] } = await response.json();
      return objects[0]?.actions?.[operation]?.href ?? "";
    };
    const up = await batch("upload");
    expect((await fetch(up.replace(/size=5/, "size=6"), { method: "PUT", body: "hello!" })).status).toBe(403);
    expect((await fetch(up.replace(oid, "0".repeat(64)), { method: "PUT", body: "hello" })).status).toBe(403);
    expect((await fetch(up)).status, "an upload link downloads nothing").toBe(403);
    expect((await fetch(up, { method: "PUT", body: "hello" })).status).toBe(200);
    const down = await batch("download");
    expect(await (await fetch(down)).text()).toBe("hello");
    expect((await fetch(down, { method: "PUT", body: "hello" })).status).toBe(403);
    expect((await fetch(down.replace(/signature=[^&]*/, "signature=x"))).status).toBe(403);
    expect((await fetch(down.replace(/expires=\d+/, "expires=1"))).status).toBe(403);
  });
});
