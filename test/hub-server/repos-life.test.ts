// The life of repositories through the API: made, moved, copied, set, deleted; and what bad input gets.
import { createHash, randomBytes } from "node:crypto";
import * as hf from "@huggingface/hub";
import { eq, inArray, like, sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { orgMembers } from "../../hub-server/db/schema/organizations.ts";
import { repoDownloads, repoIndex } from "../../hub-server/db/schema/repos.ts";
import { evaluations, repos, settings, tokens as tokenRows, users } from "../../hub-server/db/schema.ts";
import { flushDownloads, noteDownload, refreshNumbers } from "../../hub-server/services/downloads.ts";
import { indexById, indexStale } from "../../hub-server/services/indexer.ts";
import { getRepo } from "../../hub-server/services/repos.ts";
import { ggufFile } from "../support/gguf.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { operation } from "../support/operations.ts";

let hub: TestHub;
let ana: string;
let ben: string;

beforeAll(async () => {
  hub = await testHub();
  [ana, ben] = [await hub.user("ana"), await hub.user("ben")];
});
afterAll(() => hub.stop());

const call = (path: string, token?: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${hub.url}${path}`, {
    ...init,
    headers: { ...init.headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
  });
const send = (method: string, path: string, token: string | undefined, body: unknown): Promise<Response> =>
  call(path, token, { method, body: JSON.stringify(body), headers: { "content-type": "application/json" } });
const create = (name: string, more: object = {}, token = ana) =>
  send("POST", "/api/repos/create", token, { name, ...more });
const base64 = (path: string, content: string) => ({
  path,
  content: Buffer.from(content).toString("base64"),
  encoding: "base64",
});
/** The status and the code of an answer. */
const outcome = async (response: Promise<Response>) => {
  const { status, headers } = await response;
  return [status, headers.get("x-error-code")];
};

async function info(path: string, token?: string): Promise<Record<string, unknown>> {
  const response = await call(path, token);
  expect([path, response.status]).toEqual([path, 200]);
  return response.json();
}

async function organization(
  name: string,
  members: Readonly<Record<string, "read" | "contributor" | "write" | "admin">>,
) {
  const { db } = hub.deps;
  const [org] = await db.insert(users).values({ name, kind: "org" }).returning({ id: users.id });
  for (const [member, role] of Object.entries(members)) {
    const [user] = await db.select({ id: users.id }).from(users).where(eq(users.name, member));
    await db.insert(orgMembers).values({ orgId: org?.id ?? "", userId: user?.id ?? "", role });
  }
}

describe("making", () => {
  operation("POST /api/repos/create", async () => {
    const made = await create("first", { type: "model", license: "mit", files: [base64("notes/a.txt", "hello")] });
    expect([made.status, await made.json()]).toEqual([
      200,
      { url: `${hub.url}/ana/first`, id: expect.stringMatching(/^[0-9a-f]{24}$/), name: "ana/first" },
    ]);
    expect(await (await call("/ana/first/resolve/main/notes/a.txt")).text()).toBe("hello");
    expect(await info("/api/models/ana/first")).toMatchObject({ cardData: { license: "mit" }, tags: ["license:mit"] });
    const page = await (await call("/ana/first", undefined, { headers: { accept: "text/html" } })).text();
    expect(page).toContain("mit");
  });

  it("makes spaces, with what they are written for in their card", async () => {
    const made = await create("demo", { type: "space", sdk: "gradio", license: "mit" });
    expect(await made.json()).toMatchObject({ url: `${hub.url}/spaces/ana/demo` });
    expect(await info("/api/spaces/ana/demo")).toMatchObject({
      sdk: "gradio",
      tags: ["gradio", "license:mit"],
      cardData: { title: "demo", sdk: "gradio", license: "mit" },
    });
    const readme = { key: "file", value: base64("README.md", "---\nsdk: static\n---\n") };
    const lines = [{ key: "header", value: { summary: "x" } }, readme].map((line) => JSON.stringify(line)).join("\n");
    await call("/api/spaces/ana/demo/commit/main", ana, { method: "POST", body: lines });
    expect(await info("/api/spaces/ana/demo?expand=sdk")).toMatchObject({ sdk: "static" });
    const page = await call("/spaces/ana/demo", undefined, { headers: { accept: "text/html" } });
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining("Space card")]);
  });

  it("takes what old clients say of privacy, and what new ones do", async () => {
    await create("old-private", { private: true });
    await create("new-private", { visibility: "private" });
    await create("open", { visibility: "public" });
    for (const [name, isPrivate] of [
      ["old-private", true],
      ["new-private", true],
      ["open", false],
    ] as const)
      expect(await info(`/api/models/ana/${name}`, ana)).toMatchObject({ private: isPrivate });
  });

  it("may be called like a word of an address, as may its owner", async () => {
    const owner = await hub.user("tree");
    for (const name of ["revision", "tag", "compare", "paths-info"]) {
      await create(name, {}, owner);
      const api = `/api/models/tree/${name}`;
      const { sha } = await info(`${api}/revision/main`);
      expect(await info(`${api}/tree/main`)).toMatchObject([{ path: ".gitattributes" }]);
      expect((await send("POST", `${api}/tag/main`, owner, { tag: "a/b" })).status).toBe(201);
      expect(await info(`${api}/revision/a%2Fb`)).toMatchObject({ sha });
      expect((await call(`${api}/compare/a%2Fb..main`)).headers.get("x-compare-from")).toBe(sha);
      for (const path of [`/tree/${name}/resolve/main/`, `/api/resolve-cache/models/tree/${name}/${sha}/`])
        expect((await call(`${path}.gitattributes`)).headers.get("x-repo-commit")).toBe(sha);
      expect((await call(`/tree/${name}/blob/main/.gitattributes`)).status).toBe(200);
      // As clients ask whose endpoint ends in a slash.
      expect(await info(`/${api}/tree/main`)).toHaveLength(1);
      expect((await call(`${api}/tag/a%2Fb`, owner, { method: "DELETE" })).status).toBe(200);
    }
  });

  it("says that a name is taken in JSON with the address, whatever its case", async () => {
    await create("taken");
    for (const name of ["taken", "TAKEN"]) {
      const again = await create(name);
      expect([again.status, again.headers.get("x-error-code")]).toEqual([409, "REPO_EXISTS"]);
      expect(await again.json()).toMatchObject({ url: `${hub.url}/ana/${name}` });
    }
    // Another type is another name.
    expect((await create("taken", { type: "dataset" })).status).toBe(200);
  });

  it("lets one of many who want a name at once have it", async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => create("wanted")));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(7).fill(409)]);
  });

  it.each<[string, object, number, string]>([
    ["a space without an sdk", { type: "space" }, 400, "BAD_REQUEST"],
    ["a space of an unknown sdk", { type: "space", sdk: "flask" }, 400, "BAD_REQUEST"],
    ["a model with an sdk", { sdk: "gradio" }, 400, "BAD_REQUEST"],
    ["hardware", { type: "space", sdk: "gradio", hardware: "t4-small" }, 501, "NOT_IMPLEMENTED"],
    ["secrets", { type: "space", sdk: "gradio", secrets: [{ key: "a", value: "b" }] }, 501, "NOT_IMPLEMENTED"],
    ["a region", { region: "eu" }, 501, "NOT_IMPLEMENTED"],
    ["a kernel", { type: "kernel" }, 501, "NOT_IMPLEMENTED"],
    ["a key that nobody knows", { colour: "red" }, 400, "BAD_REQUEST"],
    ["a protected repository", { visibility: "protected" }, 400, "BAD_REQUEST"],
    ["a type that there is not", { type: "notebook" }, 400, "BAD_REQUEST"],
    ["a file outside", { files: [base64("../x", "x")] }, 400, "BAD_REQUEST"],
    ["a file in .git", { files: [base64(".git/config", "x")] }, 400, "BAD_REQUEST"],
    ["files in another encoding", { files: [{ path: "a", content: "x", encoding: "utf-8" }] }, 400, "BAD_REQUEST"],
    ["the namespace of somebody else", { organization: "ben" }, 403, "FORBIDDEN"],
    ["a namespace that there is not", { organization: "nobody" }, 403, "FORBIDDEN"],
  ])("refuses %s, and leaves nothing", async (what, more, status, code) => {
    const name = what.replaceAll(/[^a-z]+/g, "-");
    expect(await outcome(create(name, more))).toEqual([status, code]);
    expect(await outcome(call(`/api/models/ana/${name}`, ana))).toEqual([404, "RepoNotFound"]);
    expect(await outcome(call(`/api/spaces/ana/${name}`, ana))).toEqual([404, "RepoNotFound"]);
  });

  it.each(["a b", "a--b", "a..b", ".a", "a.git", "a.ipynb", "é", "x".repeat(97), "resolve", "TREE", "settings", ""])(
    "refuses the name %j",
    async (name) => expect(await outcome(create(name))).toEqual([400, "BAD_REQUEST"]),
  );
});

describe("moving", () => {
  const move = (fromRepo: string, toRepo: string, token = ana, type = "model") =>
    send("POST", "/api/repos/move", token, { fromRepo, toRepo, type });

  operation("POST /api/repos/move", async () => {
    await create("one", { files: [base64("a.txt", "hello")] });
    expect((await move("ana/one", "ana/two")).status).toBe(200);
    expect((await move("ana/two", "ana/three")).status).toBe(200);
    for (const name of ["one", "ONE", "two", "three"]) {
      expect(await info(`/api/models/ana/${name}`)).toMatchObject({ id: "ana/three" });
      expect(await (await call(`/ana/${name}/resolve/main/a.txt`)).text()).toBe("hello");
    }
    const page = await call("/ana/one", undefined, { redirect: "manual", headers: { accept: "text/html" } });
    expect([page.status, page.headers.get("location")]).toEqual([307, "/ana/three"]);
    // Found by its new name, and not by the old one.
    expect(await (await call("/api/models?search=three&expand=likes")).json()).toMatchObject([{ id: "ana/three" }]);
    expect(await (await call("/api/models?search=ana%2Ftwo&author=ana")).json()).toEqual([]);
    const lines = `${JSON.stringify({ key: "header", value: { summary: "x" } })}\n${JSON.stringify({ key: "file", value: base64("b.txt", "b") })}`;
    expect((await call("/api/models/ana/one/commit/main", ana, { method: "POST", body: lines })).status).toBe(200);
    expect(await (await call("/ana/three/resolve/main/b.txt")).text()).toBe("b");
  });

  it("gives an old name to whoever takes it, and back to its first owner", async () => {
    await create("was-here");
    await move("ana/was-here", "ana/moved-on");
    expect((await create("was-here", { files: [base64("new.txt", "new")] })).status).toBe(200);
    expect(await info("/api/models/ana/was-here")).toMatchObject({ id: "ana/was-here" });
    await send("DELETE", "/api/repos/delete", ana, { name: "was-here" });
    // The name belonged to the one that took it: it leads nowhere now.
    expect(await outcome(call("/api/models/ana/was-here"))).toEqual([404, "RepoNotFound"]);
    expect((await move("ana/moved-on", "ana/was-here")).status).toBe(200);
    expect((await move("ana/was-here", "ana/moved-on")).status).toBe(200);
    expect((await move("ana/moved-on", "ana/was-here")).status).toBe(200);
    expect(await info("/api/models/ana/moved-on")).toMatchObject({ id: "ana/was-here" });
  });

  it("changes the case of a name", async () => {
    await create("lower");
    expect((await move("ana/lower", "ana/Lower")).status).toBe(200);
    expect(await info("/api/models/ana/lower")).toMatchObject({ id: "ana/Lower" });
  });

  it("moves into an organization for those who may make repositories there", async () => {
    await organization("movers", { ana: "write", ben: "read" });
    await create("to-org");
    expect((await move("ana/to-org", "movers/to-org")).status).toBe(200);
    expect(await info("/api/models/ana/to-org")).toMatchObject({ id: "movers/to-org", author: "movers" });
    await create("bens", {}, ben);
    expect(await outcome(move("ben/bens", "movers/bens", ben))).toEqual([403, "FORBIDDEN"]);
  });

  it.each<[string, string, string, number, string]>([
    ["to a name that is taken", "ana/stays", "ana/other", 409, "REPO_EXISTS"],
    ["to a name that is none", "ana/stays", "ana/a--b", 400, "BAD_REQUEST"],
    ["to a name without a namespace", "ana/stays", "ana/x/y", 400, "BAD_REQUEST"],
    ["to somebody else", "ana/stays", "ben/stays", 403, "FORBIDDEN"],
    ["what is not there", "ana/nothing", "ana/something", 404, "RepoNotFound"],
    ["what belongs to another", "ben/theirs", "ana/mine", 403, "FORBIDDEN"],
  ])("does not move %s", async (_, from, to, status, code) => {
    await create("stays");
    await create("other");
    await create("theirs", {}, ben);
    expect(await outcome(move(from, to))).toEqual([status, code]);
    expect(await info("/api/models/ana/stays")).toMatchObject({ id: "ana/stays" });
  });

  it("deletes by the present name alone", async () => {
    await create("kept");
    await move("ana/kept", "ana/kept-2");
    expect(await outcome(send("DELETE", "/api/repos/delete", ana, { name: "kept" }))).toEqual([409, "REPO_MOVED"]);
    expect((await send("DELETE", "/api/repos/delete", ana, { name: "Kept-2" })).status).toBe(200);
    expect(await outcome(call("/api/models/ana/kept"))).toEqual([404, "RepoNotFound"]);
  });
});

describe("copying", () => {
  const duplicate = (from: string, body: unknown, token = ana, type = "models") =>
    send("POST", `/api/${type}/${from}/duplicate`, token, body);

  /** A large file by LFS, with the right that only its repository has. */
  async function upload(repo: string): Promise<string> {
    const bytes = randomBytes(70_000);
    const oid = createHash("sha256").update(bytes).digest("hex");
    const batch = await send("POST", `/${repo}.git/info/lfs/objects/batch`, ana, {
      operation: "upload",
      objects: [{ oid, size: bytes.length }],
    });
    const { objects }: { objects: { actions: { upload: { href: string } } }[] } = await batch.json();
    await fetch(objects[0]?.actions.upload.href ?? "", { method: "PUT", body: bytes });
    const lines = [
      { key: "header", value: { summary: "large" } },
      { key: "lfsFile", value: { path: "w.bin", algo: "sha256", oid, size: bytes.length } },
    ];
    const body = lines.map((line) => JSON.stringify(line)).join("\n");
    expect((await call(`/api/models/${repo}/commit/main`, ana, { method: "POST", body })).status).toBe(200);
    return createHash("sha1").update(bytes).digest("hex");
  }

  operation("POST /api/{repoType}/{namespace}/{repo}/duplicate", async () => {
    await create("source", { files: [base64("README.md", "---\nlicense: mit\n---\n# Zebroid\n")] });
    const hash = await upload("ana/source");
    await send("POST", "/api/models/ana/source/branch/other", ana, {});
    const made = await duplicate("ana/source", { repository: "ben/copy" }, ben);
    expect([made.status, await made.json()]).toEqual([
      200,
      { url: `${hub.url}/ben/copy`, id: expect.stringMatching(/^[0-9a-f]{24}$/), name: "ben/copy" },
    ]);
    const [source, copy] = [await info("/api/models/ana/source"), await info("/api/models/ben/copy")];
    for (const field of ["sha", "siblings", "tags", "cardData", "usedStorage"])
      expect(copy[field]).toEqual(source[field]);
    const log = async (repo: string) => (await call(`/api/models/${repo}/commits/main`)).json();
    expect(await log("ben/copy")).toEqual(await log("ana/source"));
    const { branches } = await (await call("/api/models/ben/copy/refs")).json();
    expect(branches.map(({ name }: { name: string }) => name).sort()).toEqual(["main", "other"]);
    // The copy stands by itself.
    await send("DELETE", "/api/repos/delete", ana, { name: "source" });
    const file = Buffer.from(await (await call("/ben/copy/resolve/main/w.bin")).arrayBuffer());
    expect(createHash("sha1").update(file).digest("hex")).toBe(hash);
    expect(await (await call("/api/models?search=zebroid&expand=likes")).json()).toMatchObject([{ id: "ben/copy" }]);
  });

  it("is as visible as its original, or as it is told", async () => {
    await create("hidden", { private: true });
    await duplicate("ana/hidden", { repository: "ana/hidden-too" });
    expect(await outcome(call("/api/models/ana/hidden-too"))).toEqual([404, "RepoNotFound"]);
    await duplicate("ana/hidden", { repository: "ana/not-hidden", visibility: "public" });
    expect(await outcome(call("/api/models/ana/not-hidden"))).toEqual([200, null]);
  });

  it("hands the gate on, and nothing to who was not let in", async () => {
    await create("gate");
    await send("PUT", "/api/models/ana/gate/settings", ana, { gated: "manual" });
    expect(await outcome(duplicate("ana/gate", { repository: "ben/gate" }, ben))).toEqual([403, "GatedRepo"]);
    expect((await duplicate("ana/gate", { repository: "ana/gate-2" })).status).toBe(200);
    expect(await info("/api/models/ana/gate-2", ana)).toMatchObject({ gated: "manual", private: true });
  });

  it.each<[string, string, string, object, number, string]>([
    ["of what is hidden", "hide", "ben", { repository: "ben/hide" }, 404, "RepoNotFound"],
    ["under a name that is taken", "show", "ana", { repository: "ana/show" }, 409, "REPO_EXISTS"],
    ["under somebody else's name", "show", "ben", { repository: "ana/mine" }, 403, "FORBIDDEN"],
    ["under no name", "show", "ana", { repository: "ana/a b" }, 400, "BAD_REQUEST"],
    ["with hardware", "show", "ana", { repository: "ana/hard", hardware: "t4-small" }, 501, "NOT_IMPLEMENTED"],
    ["with what nobody knows", "show", "ana", { repository: "ana/odd", colour: "red" }, 400, "BAD_REQUEST"],
  ])("makes no copy %s", async (_, name, who, body, status, code) => {
    await create("hide", { private: true });
    await create("show");
    expect(await outcome(duplicate(`ana/${name}`, body, who === "ana" ? ana : ben))).toEqual([status, code]);
  });
});

describe("settings", () => {
  it.each(["model", "dataset", "space"] as const)("of a %s", async (type) => {
    await create("settled", { type, ...(type === "space" && { sdk: "docker" }) });
    const put = (body: object) => send("PUT", `/api/${type}s/ana/settled/settings`, ana, body);
    expect(await (await put({ private: true })).json()).toMatchObject({ private: true, visibility: "private" });
    expect(await outcome(call(`/api/${type}s/ana/settled`))).toEqual([404, "RepoNotFound"]);
    expect(await (await put({ visibility: "public", discussionsDisabled: true })).json()).toMatchObject({
      private: false,
      discussionsDisabled: true,
    });
    expect((await info(`/api/${type}s/ana/settled`))["private"]).toBe(false);
  });

  const SETTINGS = ["models", "datasets", "spaces"] as const;
  for (const type of SETTINGS) {
    operation(`PUT /api/${type}/{namespace}/{repo}/settings`, async () => {
      await create("switched", { type: type.slice(0, -1), ...(type === "spaces" && { sdk: "docker" }) });
      expect((await send("PUT", `/api/${type}/ana/switched/settings`, ana, { visibility: "private" })).status).toBe(
        200,
      );
      const listed: { id: string }[] = await (await call(`/api/${type}?search=switched`)).json();
      expect(listed).toEqual([]);
      expect(await info(`/api/${type}/ana/switched`, ana)).toMatchObject({ private: true });
    });
  }

  it("puts a gate before the files, and takes it away", async () => {
    await create("fenced", { files: [base64("a.txt", "hello")] });
    for (const gated of ["auto", "manual", false] as const) {
      expect((await send("PUT", "/api/models/ana/fenced/settings", ana, { gated })).status).toBe(200);
      expect(await info("/api/models/ana/fenced")).toMatchObject({ gated });
      expect(await outcome(call("/ana/fenced/resolve/main/a.txt"))).toEqual(
        gated === false ? [200, null] : [401, "GatedRepo"],
      );
    }
  });

  it.each<[string, string, unknown, number, string]>([
    ["what nobody knows", "models", { colour: "red" }, 400, "BAD_REQUEST"],
    ["what needs spaces that run", "models", { hardware: "t4" }, 501, "NOT_IMPLEMENTED"],
    ["another gate", "models", { gated: "perhaps" }, 400, "BAD_REQUEST"],
    ["a gate before a space", "spaces", { gated: "auto" }, 400, "BAD_REQUEST"],
    ["no Xet", "models", { xetEnabled: false }, 400, "BAD_REQUEST"],
    ["words for a truth", "models", { private: "yes" }, 400, "BAD_REQUEST"],
    ["no JSON", "models", undefined, 200, ""],
  ])("refuses %s", async (_, type, body, status, code) => {
    await create("strict", { type: type.slice(0, -1), ...(type === "spaces" && { sdk: "docker" }) });
    const response = await send("PUT", `/api/${type}/ana/strict/settings`, ana, body);
    expect([response.status, response.headers.get("x-error-code") ?? ""]).toEqual([status, code]);
  });
});

describe("what an owner keeps", () => {
  interface Kept {
    id: string;
    type: string;
    storage: number;
    storagePercent: number;
    visibility: string;
  }

  operation("GET /api/settings/repositories", async () => {
    const cleo = await hub.user("cleo");
    await create("small", { files: [base64("a.txt", "x".repeat(1000))] }, cleo);
    await create("large", { type: "dataset", private: true, files: [base64("a.txt", "y".repeat(3000))] }, cleo);
    const rows: Kept[] = await (await call("/api/settings/repositories", cleo)).json();
    expect(rows.map(({ id, type, visibility }) => [id, type, visibility])).toEqual([
      ["cleo/large", "dataset", "private"],
      ["cleo/small", "model", "public"],
    ]);
    expect(rows[0]?.storage).toBe((await info("/api/datasets/cleo/large?expand=usedStorage", cleo))["usedStorage"]);
    expect((rows[0]?.storage ?? 0) - (rows[1]?.storage ?? 0)).toBe(2000);
    expect(rows.reduce((sum, { storagePercent }) => sum + storagePercent, 0)).toBeCloseTo(100);
    expect(await outcome(call("/api/settings/repositories"))).toEqual([401, "UNAUTHORIZED"]);
  });

  operation("GET /api/organizations/{name}/settings/repositories", async () => {
    await organization("keepers", { ana: "admin", ben: "read" });
    await create("kept", { organization: "keepers", private: true });
    for (const token of [ana, ben]) {
      const rows: Kept[] = await (await call("/api/organizations/Keepers/settings/repositories", token)).json();
      expect(rows).toMatchObject([{ id: "keepers/kept", storagePercent: 100 }]);
    }
    const stranger = await hub.user("stranger");
    expect(await outcome(call("/api/organizations/keepers/settings/repositories", stranger))).toEqual([
      403,
      "FORBIDDEN",
    ]);
    expect(await outcome(call("/api/organizations/nobody/settings/repositories", ana))).toEqual([403, "FORBIDDEN"]);
  });
});

describe("finding", () => {
  beforeAll(async () => {
    await create("quokka", {
      files: [
        base64("README.md", "---\npipeline_tag: fill-mask\nlanguage: sw\nlibrary_name: quokkalib\nlicense: mit\n---\n"),
      ],
    });
    await create("quokka-data", {
      type: "dataset",
      files: [base64("README.md", "---\ntask_categories: [quokka-task]\n---\n")],
    });
    await create("quokka-demo", { type: "space", sdk: "static" });
    await create("quokka-private", { private: true });
    await hub.user("quokkaist");
    await organization("quokkas", { ana: "admin" });
  });

  operation("GET /api/quicksearch", async () => {
    expect(await info("/api/quicksearch?q=quok")).toEqual({
      q: "quok",
      models: [{ _id: expect.stringMatching(/^[0-9a-f]{24}$/), id: "ana/quokka", trendingWeight: 0 }],
      modelsCount: 1,
      datasets: [expect.objectContaining({ id: "ana/quokka-data" })],
      datasetsCount: 1,
      spaces: [expect.objectContaining({ id: "ana/quokka-demo" })],
      spacesCount: 1,
      users: [expect.objectContaining({ user: "quokkaist" })],
      usersCount: 1,
      orgs: [expect.objectContaining({ name: "quokkas" })],
      orgsCount: 1,
    });
    const own = await info("/api/quicksearch?q=quokka&type=model&limit=5", ana);
    expect(own["models"]).toContainEqual(expect.objectContaining({ id: "ana/quokka-private", private: true }));
    expect(own).not.toHaveProperty("datasets");
    expect(await outcome(call("/api/quicksearch?q=x&limit=many"))).toEqual([400, "BAD_REQUEST"]);
    expect(await info("/api/quicksearch?q=numb")).toMatchObject({ modelsCount: 0 });
    await create("numbat");
    expect(await info("/api/quicksearch?q=numb")).toMatchObject({ models: [{ id: "ana/numbat" }], modelsCount: 1 });
  });

  operation("POST /api/quicksearch", async () => {
    const found = await send("POST", "/api/quicksearch", undefined, {
      q: "quokka",
      type: ["dataset", "user"],
      limit: 1,
    });
    expect(await found.json()).toMatchObject({ datasets: [{ id: "ana/quokka-data" }], usersCount: 1 });
    expect(await outcome(send("POST", "/api/quicksearch", undefined, { q: 5 }))).toEqual([400, "BAD_REQUEST"]);
    await create("bilby", { type: "dataset" });
    const made = await send("POST", "/api/quicksearch", undefined, { q: "bilby", type: ["dataset"] });
    expect(await made.json()).toMatchObject({ datasets: [{ id: "ana/bilby" }] });
  });

  operation("GET /api/trending", async () => {
    const [repo] = await hub.deps.db.select().from(repos).where(eq(repos.name, "quokka-data"));
    for (let host = 1; host <= 9; host++)
      if (repo !== undefined) noteDownload({ ...hub.deps, actor: undefined }, repo, `10.0.0.${host}`);
    await flushDownloads(hub.deps);
    const { recentlyTrending } = await (await call("/api/trending?limit=3")).json();
    expect(recentlyTrending).toHaveLength(3);
    expect(recentlyTrending[0]).toMatchObject({
      repoType: "dataset",
      repoData: { id: "ana/quokka-data", downloads: 9, trendingScore: 9 },
    });
    expect((await (await call("/api/trending?type=space")).json()).recentlyTrending[0].repoType).toBe("space");
    const first = await (await call("/api/datasets?sort=trendingScore&limit=1")).json();
    expect(first).toMatchObject([{ id: "ana/quokka-data", trendingScore: 9 }]);
    expect(await outcome(call("/api/trending?type=paper"))).toEqual([400, "BAD_REQUEST"]);
  });

  it("counts days as they are in the world, wherever the database is", async () => {
    const { db } = hub.deps;
    await create("counted");
    const [repo] = await db.select().from(repos).where(eq(repos.name, "counted"));
    const repoId = repo?.id ?? "";
    const day = (ago: number) => new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 10);
    await db.insert(repoDownloads).values([31, 30, 7, 6].map((ago) => ({ repoId, day: day(ago), count: 1 })));
    // At any hour one of the two has another day than the world.
    for (const zone of ["Etc/GMT-14", "Etc/GMT+12"]) {
      await db.execute(sql.raw(`set time zone '${zone}'`));
      await db.delete(settings).where(eq(settings.key, "numbers_day"));
      await refreshNumbers(hub.deps);
      await db.execute(sql`reset time zone`);
      const [now] = await db.select().from(repos).where(eq(repos.id, repoId));
      expect(now).toMatchObject({ downloads: 3, trendingScore: 1 });
    }
  });

  it("writes notes of downloads at once where there are very many", async () => {
    const [repo] = await hub.deps.db.select().from(repos).where(eq(repos.name, "counted"));
    if (repo === undefined) throw new Error("it was not made");
    const before = repo.downloadsAllTime;
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    for (let visitor = 0; visitor < 20_000; visitor++)
      noteDownload({ ...hub.deps, actor: undefined }, repo, `visitor ${visitor}`);
    vi.useRealTimers();
    await expect
      .poll(async () => (await getRepo({ ...hub.deps, actor: undefined }, repo)).downloadsAllTime, { timeout: 30_000 })
      .toBe(before + 20_000);
  });

  operation("GET /api/models-tags-by-type", async () => {
    const tags = await info("/api/models-tags-by-type");
    expect(tags["pipeline_tag"]).toContainEqual({ id: "fill-mask", label: "fill-mask", type: "pipeline_tag" });
    expect(tags["license"]).toContainEqual({ id: "license:mit", label: "mit", type: "license" });
    expect(tags["library"]).toContainEqual({ id: "quokkalib", label: "quokkalib", type: "library" });
    expect(tags["language"]).toContainEqual({ id: "sw", label: "sw", type: "language" });
    expect(Object.keys(await info("/api/models-tags-by-type?type=license"))).toEqual(["license"]);
    // What it names is what lists are narrowed by.
    for (const tag of ["license:mit", "quokkalib", "sw", "fill-mask"])
      expect(await (await call(`/api/models?filter=${tag}`)).json()).toContainEqual(
        expect.objectContaining({ id: "ana/quokka" }),
      );
  });

  operation("GET /api/datasets-tags-by-type", async () => {
    expect((await info("/api/datasets-tags-by-type"))["task_categories"]).toContainEqual({
      id: "task_categories:quokka-task",
      label: "quokka-task",
      type: "task_categories",
    });
    const narrowed = await (await call("/api/datasets?filter=task_categories:quokka-task")).json();
    expect(narrowed).toMatchObject([{ id: "ana/quokka-data" }]);
  });
});

describe("what was measured", () => {
  operation("GET /api/datasets/{namespace}/{repo}/leaderboard", async () => {
    await create("benchmark", { type: "dataset" });
    const result = (value: number) => `- dataset: {id: Ana/benchmark, task_id: default}\n  value: ${value}\n`;
    await create("weak", { files: [base64(".eval_results/a.yaml", result(0.4))] });
    const told = "  source: {url: 'https://example.org/runs/1', name: Runs}\n  notes: One run\n";
    await create("strong", { files: [base64(".eval_results/a.yaml", result(0.9) + told)] });
    await create("tuned", {
      files: [base64(".eval_results/a.yaml", result(0.95)), base64("README.md", "---\nbase_model: ana/strong\n---\n")],
    });
    await create("hidden-best", { private: true, files: [base64(".eval_results/a.yaml", result(1))] });
    await create("wrong", { files: [base64(".eval_results/a.yaml", "- value: 3\n")] });
    const board = async (query = "", token?: string) => {
      const rows: { rank: number; modelId: string; value: number }[] = await (
        await call(`/api/datasets/ana/benchmark/leaderboard${query}`, token)
      ).json();
      return rows.map(({ rank, modelId, value }) => [rank, modelId, value]);
    };
    expect(await board()).toEqual([
      [1, "ana/strong", 0.9],
      [2, "ana/weak", 0.4],
    ]);
    expect(await info("/api/datasets/ana/benchmark/leaderboard")).toMatchObject([
      {
        filename: ".eval_results/a.yaml",
        verified: false,
        source: { url: "https://example.org/runs/1", name: "Runs", isExternal: true },
        notes: "One run",
        author: { type: "user", name: "ana", avatarUrl: expect.stringContaining("/api/avatars/ana/") },
      },
      { modelId: "ana/weak" },
    ]);
    expect((await board("?base_model=false"))[0]).toEqual([1, "ana/tuned", 0.95]);
    expect((await board("", ana))[0]).toEqual([1, "ana/hidden-best", 1]);
    expect(await board("?task_id=another")).toEqual([]);
    expect(await info("/api/models/ana/strong?expand=evalResults")).toMatchObject({
      evalResults: [{ filename: ".eval_results/a.yaml", data: { value: 0.9 } }],
    });
    expect(await info("/api/models/ana/wrong?expand=evalResults")).toMatchObject({
      evalResults: [{ filename: ".eval_results/a.yaml", error: expect.stringContaining("dataset") }],
    });
  });
});

describe("what files say beside the card", () => {
  const ids = async (path: string) => (await (await call(path)).json()).map(({ id }: { id: string }) => id);
  const adapter = (base: string) =>
    base64("adapter_config.json", JSON.stringify({ base_model_name_or_path: base, task_type: "SEQ_CLS", r: 8 }));

  it("an adapter comes from the model that PEFT's file names, where the card names none", async () => {
    await create("adapted");
    await create("lora", { files: [adapter("ana/adapted")] });
    await create("lora-of-folder", { files: [adapter("/home/ana/adapted"), base64("README.md", "# Mine\n")] });
    await create("lora-said", {
      files: [adapter("ana/adapted"), base64("README.md", "---\nbase_model: ana/other\n---\n")],
    });
    expect(await ids("/api/models?filter=base_model:adapter:ana/adapted")).toEqual(["ana/lora"]);
    expect(await info("/api/models/ana/lora")).toMatchObject({
      library_name: "peft",
      config: { peft: { base_model_name_or_path: "ana/adapted", task_type: "SEQ_CLS" } },
    });
    expect(await info("/api/models/ana/adapted?expand=childrenModelCount")).toMatchObject({ childrenModelCount: 1 });
    const bases = async (name: string) => (await info(`/api/models/ana/${name}?expand=baseModels`))["baseModels"];
    expect(await Promise.all(["lora", "lora-of-folder", "lora-said"].map(bases))).toEqual([
      ["ana/adapted"],
      [],
      ["ana/other"],
    ]);
  });

  it("a GGUF file tells the architecture, the context, the template and how many parameters there are", async () => {
    const values = {
      "general.architecture": "llama",
      "llama.context_length": 2048,
      "tokenizer.ggml.tokens": ["<s>", "</s>\0"],
      "tokenizer.ggml.eos_token_id": 1,
      "tokenizer.chat_template": "{{ messages }}",
    };
    const file = (path: string, bytes: Buffer) => ({ path, content: bytes.toString("base64"), encoding: "base64" });
    const long = Array.from({ length: 20_000 }, (_, index) => `word ${index}`);
    await create("quantized", {
      files: [
        file("mmproj-model.gguf", ggufFile({ "general.architecture": "clip" }, { a: [9] })),
        file("model-Q4-00001-of-00002.gguf", ggufFile({ ...values, "tokenizer.ggml.merges": long }, { a: [40, 2] })),
        file("model-Q4-00002-of-00002.gguf", ggufFile({}, { b: [20] })),
        file("model-Q8.gguf", ggufFile(values, { a: [40, 2], b: [20] })),
      ],
    });
    const gguf = { architecture: "llama", context_length: 2048, eos_token: "</s>", chat_template: "{{ messages }}" };
    expect(await info("/api/models/ana/quantized?expand=gguf")).toMatchObject({ gguf: { ...gguf, total: 100 } });
    expect(await ids("/api/models?num_parameters=min:100,max:100&filter=gguf")).toEqual(["ana/quantized"]);
    await create("no-gguf", { files: [file("model.gguf", Buffer.from("no such thing"))] });
    expect(await info("/api/models/ana/no-gguf")).not.toHaveProperty("gguf");
  });

  it("a dataset with tasks to be measured on is a benchmark", async () => {
    await create("tasks", { type: "dataset", files: [base64("eval.yaml", "name: Tasks\ntasks: [{id: default}]\n")] });
    expect(await ids("/api/datasets?filter=benchmark:official")).toEqual(["ana/tasks"]);
  });

  it("a space says that it does not run", async () => {
    await create("resting", { type: "space", sdk: "docker" });
    expect(await info("/api/spaces/ana/resting")).toMatchObject({ runtime: { stage: "STOPPED" } });
  });
});

describe("scanning", () => {
  /** Protocol 2, a global, a call of it with a text, and the end. */
  const pickle = (name: string) => {
    const [module = "", what = ""] = name.split(/\.(?=[^.]*$)/);
    return Buffer.concat([
      Buffer.from([0x80, 2]),
      Buffer.from(`c${module}\n${what}\n`),
      Buffer.from([0x58, 2, 0, 0, 0, 0x6c, 0x73, 0x85, 0x52, 0x2e]),
    ]);
  };

  for (const type of ["models", "datasets", "spaces"] as const) {
    operation(`GET /api/${type}/{namespace}/{repo}/scan`, async () => {
      const file = (path: string, bytes: Buffer) => ({ path, content: bytes.toString("base64"), encoding: "base64" });
      await create("scanned", {
        type: type.slice(0, -1),
        ...(type === "spaces" && { sdk: "docker" }),
        files: [
          file("evil.pkl", pickle("posix.system")),
          file("strange.bin", pickle("mymodule.Thing")),
          file("good.bin", pickle("collections.OrderedDict")),
          file("cut.pt", pickle("torch.FloatStorage").subarray(0, 12)),
          file("plain.bin", Buffer.from("no pickle")),
        ],
      });
      const scan = await info(`/api/${type}/ana/scanned/scan`);
      expect(scan).toEqual({
        scansDone: true,
        filesWithIssues: [
          { path: "cut.pt", level: "error" },
          { path: "evil.pkl", level: "unsafe" },
          { path: "strange.bin", level: "suspicious" },
        ],
      });
      expect((await info(`/api/${type}/ana/scanned?securityStatus=true`))["securityRepoStatus"]).toEqual(scan);
      expect(await info(`/api/${type}/ana/scanned`)).not.toHaveProperty("securityRepoStatus");
    });
  }
});

describe("a token of one repository", () => {
  for (const type of ["models", "datasets", "spaces"] as const) {
    operation(`GET /api/${type}/{namespace}/{repo}/jwt`, async () => {
      const sdk = type === "spaces" && { sdk: "docker" };
      const files = [base64("a.txt", "hello")];
      for (const name of ["opened", "shut"])
        await create(name, { type: type.slice(0, -1), private: true, ...sdk, files });
      const { token } = await (await call(`/api/${type}/ana/opened/jwt`, ana)).json();
      const prefix = type === "models" ? "" : `/${type}`;
      const read = (name: string, as: string) => outcome(call(`${prefix}/ana/${name}/resolve/main/a.txt`, as));
      expect(await read("opened", token)).toEqual([200, null]);
      expect(await read("shut", token)).toEqual([404, "RepoNotFound"]);
      expect(await outcome(call(`/api/${type}/ana/opened`, token))).toEqual([200, null]);
      expect(await outcome(send("PUT", `/api/${type}/ana/opened/settings`, token, { private: false }))).toEqual([
        403,
        "FORBIDDEN",
      ]);
      expect(await outcome(call(`/api/${type}/ana/opened/jwt`, ben))).toEqual([404, "RepoNotFound"]);
    });
  }

  it("is refused when it is forged, when it is over, and when what asked for it is gone", async () => {
    await create("short", { private: true });
    const dora = await hub.user("tokener");
    await create("own", { private: true }, dora);
    const ask = async (path: string, as: string) => (await (await call(path, as)).json()).token as string; // safe because it is asserted below
    const short = await ask("/api/models/ana/short/jwt?expiration=1", ana);
    const [head = "", body = "", signature = ""] = short.split(".");
    const forged = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(body, "base64url").toString()), exp: 9e9 }));
    const bad = [
      `${head}.${forged.toString("base64url")}.${signature}`,
      `${head}.${body}.`,
      `${head}.${body}`,
      `${head}.x.y`,
      `${short}.z`,
    ];
    for (const token of bad)
      expect(await outcome(call("/api/models/ana/short", token))).toEqual([401, "INVALID_TOKEN"]);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    expect(await outcome(call("/api/models/ana/short", short))).toEqual([401, "INVALID_TOKEN"]);
    const own = await ask("/api/models/tokener/own/jwt", dora);
    expect(await outcome(call("/api/models/tokener/own", own))).toEqual([200, null]);
    await hub.deps.db.delete(tokenRows).where(eq(tokenRows.ending, dora.slice(-4)));
    expect(await outcome(call("/api/models/tokener/own", own))).toEqual([401, "INVALID_TOKEN"]);
    expect(await outcome(call("/api/models/ana/short/jwt?expiration=never", ana))).toEqual([400, "BAD_REQUEST"]);
  });

  it("reads, for somebody who is nobody, what anybody may", async () => {
    await create("for-all");
    const { token } = await (await call("/api/models/ana/for-all/jwt")).json();
    expect(await outcome(call("/api/models/ana/for-all", token))).toEqual([200, null]);
    expect(await outcome(call("/api/whoami-v2", token))).toEqual([401, "UNAUTHORIZED"]);
  });
});

describe("@huggingface/hub", () => {
  const collect = async <Item>(items: AsyncIterable<Item>): Promise<Item[]> => {
    const out: Item[] = [];
    for await (const item of items) out.push(item);
    return out;
  };

  it("lists models, datasets and spaces, tells of them, and asks whether they are there", async () => {
    const at = { hubUrl: hub.url, accessToken: await hub.user("dora") };
    await hf.createRepo({
      ...at,
      repo: "dora/m1",
      license: "mit",
      files: [{ path: "a.txt", content: new Blob(["a"]) }],
    });
    await hf.createRepo({ ...at, repo: "dora/m2", private: true });
    await hf.createRepo({ ...at, repo: "datasets/dora/d1" });
    await hf.createRepo({ ...at, repo: "spaces/dora/s1", sdk: "gradio" });
    const owner = { search: { owner: "dora" } };
    const models = await collect(
      hf.listModels({ ...at, ...owner, sort: "id", additionalFields: ["author", "tags", "filePaths"] }),
    );
    expect(models.map(({ name, private: isPrivate }) => [name, isPrivate])).toEqual([
      ["dora/m1", false],
      ["dora/m2", true],
    ]);
    expect(models[0]).toMatchObject({
      id: expect.stringMatching(/^[0-9a-f]{24}$/),
      gated: false,
      likes: 0,
      downloads: 0,
      author: "dora",
      tags: ["license:mit"],
      filePaths: [".gitattributes", "README.md", "a.txt"],
    });
    expect(models[0]?.updatedAt.getTime()).toBeGreaterThan(Date.now() - 60_000);
    expect(await collect(hf.listModels({ hubUrl: hub.url, ...owner, limit: 1 }))).toHaveLength(1);
    expect(
      await collect(hf.listModels({ hubUrl: hub.url, search: { owner: "dora", tags: ["license:mit"], query: "m" } })),
    ).toHaveLength(0);
    expect(await collect(hf.listDatasets({ ...at, ...owner }))).toMatchObject([{ name: "dora/d1" }]);
    expect(await collect(hf.listSpaces({ ...at, ...owner, additionalFields: ["models"] }))).toMatchObject([
      { name: "dora/s1", sdk: "gradio", models: [] },
    ]);
    expect(await hf.datasetInfo({ ...at, name: "dora/d1" })).toMatchObject({ name: "dora/d1" });
    expect(await hf.spaceInfo({ ...at, name: "dora/s1", additionalFields: ["runtime"] })).toMatchObject({
      sdk: "gradio",
      runtime: { stage: "STOPPED" },
    });
  });

  it("conformance/36 modelInfo without a revision", async () => {
    const at = { hubUrl: hub.url, accessToken: await hub.user("emil") };
    const { id } = await hf.createRepo({ ...at, repo: "emil/m" });
    expect(await hf.modelInfo({ ...at, name: "emil/m", additionalFields: ["sha"] })).toMatchObject({
      id,
      name: "emil/m",
      private: false,
      sha: expect.stringMatching(/^[0-9a-f]{40}$/),
    });
  });

  it("conformance/37 repoExists and checkRepoAccess: there, not there, private", async () => {
    const at = { hubUrl: hub.url, accessToken: await hub.user("fay") };
    await hf.createRepo({ ...at, repo: "fay/open" });
    await hf.createRepo({ ...at, repo: "fay/closed", private: true });
    for (const [repo, token, there] of [
      ["fay/open", undefined, true],
      ["fay/none", undefined, false],
      ["fay/closed", undefined, false],
      ["fay/closed", ben, false],
      ["fay/closed", at.accessToken, true],
    ] as const) {
      const who = { hubUrl: hub.url, ...(token !== undefined && { accessToken: token }) };
      expect([repo, await hf.repoExists({ ...who, repo })]).toEqual([repo, there]);
      const access = hf.checkRepoAccess({ ...who, repo });
      if (there) await access;
      else await expect(access).rejects.toMatchObject({ statusCode: 404 });
    }
    await hf.deleteRepo({ ...at, repo: "fay/open" });
    expect(await hf.repoExists({ ...at, repo: "fay/open" })).toBe(false);
  });

  it("conformance/77 parseSafetensorsMetadata: one file and several", async () => {
    const at = { hubUrl: hub.url, accessToken: await hub.user("gil") };
    const part = (name: string, count: number) => {
      const header = Buffer.from(JSON.stringify({ [name]: { dtype: "U8", shape: [count], data_offsets: [0, count] } }));
      const length = Buffer.alloc(8);
      length.writeBigUInt64LE(BigInt(header.length));
      return new Blob([length, header, Buffer.alloc(count)]);
    };
    await hf.createRepo({ ...at, repo: "gil/single", files: [{ path: "model.safetensors", content: part("w", 300) }] });
    const single = await hf.parseSafetensorsMetadata({ ...at, repo: "gil/single", computeParametersCount: true });
    expect(single).toMatchObject({ sharded: false, parameterCount: { U8: 300 } });
    const index = { metadata: {}, weight_map: { a: "model-1.safetensors", b: "model-2.safetensors" } };
    await hf.createRepo({
      ...at,
      repo: "gil/sharded",
      files: [
        { path: "model-1.safetensors", content: part("a", 100) },
        { path: "model-2.safetensors", content: part("b", 20) },
        { path: "model.safetensors.index.json", content: new Blob([JSON.stringify(index)]) },
      ],
    });
    const sharded = await hf.parseSafetensorsMetadata({ ...at, repo: "gil/sharded", computeParametersCount: true });
    expect(sharded).toMatchObject({ sharded: true, parameterCount: { U8: 120 } });
    expect(await hf.modelInfo({ ...at, name: "gil/sharded", additionalFields: ["safetensors"] })).toMatchObject({
      safetensors: { total: 120, parameters: { U8: 120 } },
    });
  });
});

describe("the index", () => {
  it("is made anew where another version of the hub made it", async () => {
    await create("stale", { files: [base64("README.md", "# Axolotl\n")] });
    const [repo] = await hub.deps.db.select().from(repos).where(eq(repos.name, "stale"));
    const find = async () => (await (await call("/api/models?search=axolotl&expand=likes")).json()).length;
    await hub.deps.db
      .update(repoIndex)
      .set({ version: 0, document: "" })
      .where(eq(repoIndex.repoId, repo?.id ?? ""));
    expect(await find()).toBe(0);
    await indexStale(hub.deps);
    expect(await find()).toBe(1);
  });

  it("is made anew of all others where one cannot be", async () => {
    const { db } = hub.deps;
    await create("anew-1");
    await create("anew-2");
    const [first, second] = await db.select().from(repos).where(like(repos.name, "anew-_")).orderBy(repos.id);
    const card =
      "---\nmodel-index: [{ results: [{ dataset: { name: d }, metrics: [{ type: odd, value: 1 }] }] }]\n---\n";
    const lines = [
      { key: "header", value: { summary: "claim" } },
      { key: "file", value: base64("README.md", card) },
    ];
    const body = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
    const commit = call(`/api/models/ana/${first?.name}/commit/main`, ana, { method: "POST", body });
    expect((await commit).status).toBe(200);
    await db.execute(sql`delete from ${evaluations} where metric = 'odd'`);
    await db.execute(sql`alter table ${evaluations} add constraint no_odd check (metric <> 'odd')`);
    const both = inArray(
      repoIndex.repoId,
      [first, second].map((row) => row?.id ?? ""),
    );
    await db.update(repoIndex).set({ version: 0 }).where(both);
    await expect(indexStale(hub.deps)).rejects.toThrow(/1 repositories/);
    const versions = () => db.select().from(repoIndex).where(both).orderBy(repoIndex.repoId);
    expect((await versions()).map(({ version }) => version === 0)).toEqual([true, false]);
    await db.execute(sql`alter table ${evaluations} drop constraint no_odd`);
    await indexStale(hub.deps);
    expect((await versions()).map(({ version }) => version === 0)).toEqual([false, false]);
  });

  it("is written whole or not at all, and what was done before it stays done", async () => {
    const { db } = hub.deps;
    await create("halves");
    await db.execute(sql`alter table ${evaluations} add constraint no_such check (metric <> 'no-such')`);
    const card =
      "---\nmodel-index: [{ results: [{ dataset: { name: d }, metrics: [{ type: no-such, value: 1 }] }] }]\n---\n";
    const lines = [
      { key: "header", value: { summary: "claim" } },
      { key: "file", value: base64("README.md", card) },
    ];
    const body = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
    expect((await call("/api/models/ana/halves/commit/main", ana, { method: "POST", body })).status).toBe(200);
    const moved = { fromRepo: "ana/halves", toRepo: "ana/whole", type: "model" };
    expect((await send("POST", "/api/repos/move", ana, moved)).status).toBe(200);
    const copied = { repository: "ana/copied" };
    expect((await send("POST", "/api/models/ana/whole/duplicate", ana, copied)).status).toBe(200);
    const row = async () => (await db.select().from(repos).where(eq(repos.name, "whole")))[0];
    expect(await row()).toMatchObject({ indexedCommit: null, cardData: {} });
    await db.execute(sql`alter table ${evaluations} drop constraint no_such`);
    const repo = await row();
    await indexById(hub.deps, repo?.id ?? "");
    expect((await row())?.indexedCommit).toMatch(/^[0-9a-f]{40}$/);
    const measured = await db
      .select()
      .from(evaluations)
      .where(eq(evaluations.repoId, repo?.id ?? ""));
    expect(measured).toMatchObject([{ metric: "no-such", value: 1 }]);
  });
});
