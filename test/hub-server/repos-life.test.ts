// The life of repositories through the API: made, moved, copied, set, deleted; and what bad input gets.
import { createHash, randomBytes } from "node:crypto";
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tokens as tokenRows } from "../../hub-server/db/schema.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { operation } from "../support/operations.ts";
import { base64, outcome, repoCalls } from "../support/repo-calls.ts";

let hub: TestHub;
let ana: string;
let ben: string;

beforeAll(async () => {
  hub = await testHub();
  [ana, ben] = [await hub.user("ana"), await hub.user("ben")];
});
afterAll(() => hub.stop());

const { call, send, create, info, organization } = repoCalls(
  () => hub,
  () => ana,
);

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

  it("asks for no other that holds longer than itself", async () => {
    await create("renewed", { private: true });
    const first = await (await call("/api/models/ana/renewed/jwt?expiration=100", ana)).json();
    const second = await (await call("/api/models/ana/renewed/jwt", first.token)).json();
    expect(second.exp).toBe(first.exp);
    const shorter = await (await call("/api/models/ana/renewed/jwt?expiration=10", second.token)).json();
    expect(Date.parse(shorter.exp)).toBeLessThan(Date.parse(first.exp) - 60_000);
  });

  it("reads, for somebody who is nobody, what anybody may", async () => {
    await create("for-all");
    const { token } = await (await call("/api/models/ana/for-all/jwt")).json();
    expect(await outcome(call("/api/models/ana/for-all", token))).toEqual([200, null]);
    expect(await outcome(call("/api/whoami-v2", token))).toEqual([401, "UNAUTHORIZED"]);
  });
});
