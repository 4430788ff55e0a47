// Versions through the API, for every type of repository: what one route changes is seen by another.
import { createHash } from "node:crypto";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { contents, trees } from "../../hub-server/db/schema.ts";
import { type Caller, caller, file, type Line } from "../support/calls.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { operation } from "../support/operations.ts";

let hub: TestHub;
let ana: Caller;
let ben: Caller;
let nobody: Caller;
let made = 0;

beforeAll(async () => {
  hub = await testHub();
  [ana, ben] = [caller(hub.url, await hub.user("ana")), caller(hub.url, await hub.user("ben"))];
  nobody = caller(hub.url, undefined);
});
afterAll(() => hub?.stop());

interface Made {
  api: string;
  /** Where files are read. */
  page: string;
  name: string;
  type: string;
}

/** A fresh repository of ana's; the type is given as in addresses. */
async function repo(type: string, more: Record<string, unknown> = {}, by = ana): Promise<Made> {
  const name = `v${made++}`;
  const owner = by === ana ? "ana" : "ben";
  const singular = type.replace(/s$/, "");
  await by.ok("POST", "/api/repos/create", {
    name,
    type: singular,
    ...(type === "spaces" && { sdk: "static" }),
    ...more,
  });
  const page = `${type === "models" ? "" : `/${type}`}/${owner}/${name}`;
  return { api: `/api/${type}/${owner}/${name}`, page, name: `${owner}/${name}`, type: singular };
}

const codeOf = async (response: Response): Promise<[number, string | null]> => {
  await response.arrayBuffer();
  return [response.status, response.headers.get("x-error-code")];
};
const textOf = async (path: string, by = ana): Promise<string> => {
  const response = await by.call("GET", path);
  expect(response.status, path).toBe(200);
  return response.text();
};
const deleted = (path: string): Line => ({ key: "deletedFile", value: { path } });
const shaOf = (content: string) => createHash("sha256").update(content).digest("hex");

interface Row {
  type: string;
  path: string;
  oid: string;
  size: number;
  lfs?: { oid: string };
  lastCommit?: { id: string; title: string; date: string };
  securityFileStatus?: { status: string };
}
interface Refs {
  branches: { name: string; ref: string; targetCommit: string }[];
  tags: { name: string; targetCommit: string; message?: string }[];
  converts: unknown[];
  pullRequests?: { name: string; ref: string; targetCommit: string }[];
}
const refsOf = ({ api }: Made, query = ""): Promise<Refs> => ana.ok<Refs>("GET", `${api}/refs${query}`);

describe("trees", () => {
  operation("GET /api/{models|datasets|spaces}/{namespace}/{repo}/tree/{rev}/{path}", async (type) => {
    const { api } = await repo(type);
    const first = await ana.commit(api, "main", [file("a/b.txt", "1"), file("a-b.txt", "2"), file("a/c/d.txt", "3")]);
    const second = await ana.commit(api, "main", [file("a/b.txt", "new")], { summary: "Change b" });
    const rows = await ana.ok<Row[]>("GET", `${api}/tree/main?recursive=true&expand=true`);
    const card = type === "spaces" ? ["README.md"] : [];
    const paths = [".gitattributes", ...card, "a", "a-b.txt", "a/b.txt", "a/c", "a/c/d.txt"];
    expect(rows.map(({ path }) => path)).toEqual(paths);
    const last = Object.fromEntries(rows.map(({ path, lastCommit }) => [path, lastCommit?.id]));
    expect(last).toMatchObject({
      a: second.commitOid,
      "a/b.txt": second.commitOid,
      "a/c/d.txt": first.commitOid,
      "a-b.txt": first.commitOid,
    });
    expect(rows.find(({ path }) => path === "a/b.txt")).toMatchObject({
      size: 3,
      lastCommit: { title: "Change b", date: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/) },
      securityFileStatus: { status: "unscanned" },
    });
    const plain = await ana.ok<Row[]>("GET", `${api}/tree/main/a?recursive=false&expand=false`);
    expect(plain.map(({ path, lastCommit }) => [path, lastCommit])).toEqual([
      ["a/b.txt", undefined],
      ["a/c", undefined],
    ]);
    expect(await codeOf(await ana.call("GET", `${api}/tree/main/a/b.txt`))).toEqual([404, "EntryNotFound"]);
    expect(await codeOf(await ana.call("GET", `${api}/tree/main/none`))).toEqual([404, "EntryNotFound"]);
    expect(await codeOf(await ana.call("GET", `${api}/tree/none`))).toEqual([404, "RevisionNotFound"]);
  });

  it("2,500 files come in three pages without a file twice, in the order of their paths", async () => {
    const { api } = await repo("models");
    const names = Array.from({ length: 2500 }, (_, at) => `d${at % 7}/${at % 3 === 0 ? "deep/" : ""}f-${at}.txt`);
    await ana.commit(
      api,
      "main",
      names.map((name) => file(name, name)),
    );
    const found: string[] = [];
    let pages = 0;
    let next: string | undefined = `${hub.url}${api}/tree/main?recursive=true&expand=false`;
    while (next !== undefined) {
      const response: Response = await fetch(next);
      const rows: Row[] = await response.json();
      found.push(...rows.map(({ path }) => path));
      pages++;
      next = /^<(https?:[^>]+)>;\s+rel="next"$/.exec(response.headers.get("link") ?? "")?.[1];
      if (next !== undefined) expect(rows).toHaveLength(1000);
    }
    expect(pages).toBe(3);
    const folders = Array.from({ length: 7 }, (_, at) => [`d${at}`, `d${at}/deep`]).flat();
    expect(found).toEqual([".gitattributes", ...folders, ...names].sort((a, b) => (a < b ? -1 : 1)));
  });

  it("a branch's name keeps its slashes, as JavaScript's client sends them", async () => {
    const { api } = await repo("models");
    await ana.commit(api, "main", [file("sub/x.txt", "x")]);
    await ana.ok("POST", `${api}/branch/feat%2Fx`, {});
    const rows = await ana.ok<Row[]>("GET", `${api}/tree/feat/x/sub`);
    expect(rows.map(({ path }) => path)).toEqual(["sub/x.txt"]);
    expect((await ana.ok<Row[]>("GET", `${api}/tree/feat%2Fx/sub`)).length).toBe(1);
    expect((await ana.ok<Row[]>("GET", `${api}/tree/refs/heads/main/sub`)).length).toBe(1);
  });

  it("what begins empty has no files, and no folders either", async () => {
    const { api } = await repo("models");
    await ana.ok("POST", `${api}/branch/bare`, { emptyBranch: true });
    expect(await ana.ok("GET", `${api}/tree/bare`)).toEqual([]);
    expect(await codeOf(await ana.call("GET", `${api}/tree/bare/sub`))).toEqual([404, "EntryNotFound"]);
  });

  operation("GET /api/{models|datasets|spaces}/{namespace}/{repo}/treesize/{rev}/{path}", async (type) => {
    const { api, page } = await repo(type);
    const large = await ana.lfs(page.replace(/^\//, type === "models" ? "/api/models/" : "/api/"), "x".repeat(100_000));
    await ana.commit(api, "main", [file("d/a.txt", "12345"), file("d/e/b.txt", "123"), large("d/large.bin")]);
    expect(await ana.ok("GET", `${api}/treesize/main/d`)).toEqual({ path: "/d", size: 100_008 });
    expect(await ana.ok("GET", `${api}/treesize/main/d/e`)).toEqual({ path: "/d/e", size: 3 });
    expect(await ana.ok("GET", `${api}/treesize/main/d/a.txt`)).toEqual({ path: "/d/a.txt", size: 5 });
    const rows = await ana.ok<Row[]>("GET", `${api}/tree/main?recursive=true`);
    const total = rows.reduce((sum, { size }) => sum + size, 0);
    expect(await ana.ok("GET", `${api}/treesize/main/`)).toMatchObject({ size: total });
    expect(await codeOf(await ana.call("GET", `${api}/treesize/main/none`))).toEqual([404, "EntryNotFound"]);
  });

  operation("POST /api/{models|datasets|spaces}/{namespace}/{repo}/paths-info/{rev}", async (type) => {
    const { api } = await repo(type);
    const { commitOid } = await ana.commit(api, "main", [file("d/a b.txt", "12345")]);
    const form = await fetch(`${hub.url}${api}/paths-info/main`, {
      method: "POST",
      body: new URLSearchParams([
        ["paths", "d/a b.txt"],
        ["paths", "d"],
        ["paths", "none"],
        ["expand", "true"],
      ]),
    });
    const rows: Row[] = await form.json();
    expect(rows.map(({ path, type: kind }) => [path, kind]).sort()).toEqual([
      ["d", "directory"],
      ["d/a b.txt", "file"],
    ]);
    expect(rows.map(({ lastCommit }) => lastCommit?.id)).toEqual([commitOid, commitOid]);
    const json = await ana.ok<Row[]>("POST", `${api}/paths-info/main`, { paths: ["d/a b.txt"] });
    expect(json).toMatchObject([{ path: "d/a b.txt", size: 5 }]);
    expect(json[0]?.lastCommit).toBeUndefined();
    const many = Array.from({ length: 2001 }, (_, at) => `f${at}`);
    expect((await ana.call("POST", `${api}/paths-info/main`, { paths: many })).status).toBe(400);
  });

  it("finds the commit that last touched a file far back", async () => {
    const { api } = await repo("models");
    const first = await ana.commit(api, "main", [file("old.txt", "old"), file("d/old.txt", "old")]);
    for (let at = 0; at < 40; at++) await ana.commit(api, "main", [file("d/new.txt", `${at}`)]);
    const rows = await ana.ok<Row[]>("POST", `${api}/paths-info/main`, {
      paths: ["old.txt", "d/old.txt"],
      expand: true,
    });
    expect(rows.map(({ lastCommit }) => lastCommit?.id)).toEqual([first.commitOid, first.commitOid]);
  });
});

describe("refs", () => {
  operation("GET /api/{models|datasets|spaces}/{namespace}/{repo}/refs", async (type) => {
    const made = await repo(type);
    const { commitOid } = await ana.commit(made.api, "main", [file("a.txt", "a")]);
    expect(await refsOf(made)).toEqual({
      branches: [{ name: "main", ref: "refs/heads/main", targetCommit: commitOid }],
      tags: [],
      converts: [],
    });
    const request = await ana.commit(made.api, "main", [file("b.txt", "b")], {}, "?create_pr=1");
    const { pullRequests } = await refsOf(made, "?include_prs=1");
    expect(pullRequests).toEqual([{ name: "refs/pr/1", ref: "refs/pr/1", targetCommit: request.commitOid }]);
    expect(await textOf(`${made.page}/resolve/refs%2Fpr%2F1/b.txt`)).toBe("b");
  });

  operation("POST /api/{models|datasets|spaces}/{namespace}/{repo}/branch/{rev}", async (type) => {
    const made = await repo(type);
    const first = await ana.commit(made.api, "main", [file("a.txt", "1")]);
    const second = await ana.commit(made.api, "main", [file("a.txt", "2")]);
    expect((await ana.call("POST", `${made.api}/branch/next`, {})).status).toBe(201);
    expect((await ana.call("POST", `${made.api}/branch/next`, {})).status).toBe(409);
    await ana.ok("POST", `${made.api}/branch/feat%2Fx%20y`.replace("%20", "-"), { startingPoint: first.commitOid });
    expect(await textOf(`${made.page}/resolve/feat%2Fx-y/a.txt`)).toBe("1");
    await ana.ok("POST", `${made.api}/branch/next`, { startingPoint: first.commitOid, overwrite: true });
    expect(await textOf(`${made.page}/resolve/next/a.txt`)).toBe("1");
    await ana.ok("POST", `${made.api}/branch/short`, { startingPoint: second.commitOid.slice(0, 8) });
    expect(await textOf(`${made.page}/resolve/short/a.txt`)).toBe("2");
    await ana.ok("POST", `${made.api}/branch/empty`, { emptyBranch: true });
    expect(await ana.ok("GET", `${made.api}/commits/empty`)).toHaveLength(1);
    expect((await refsOf(made)).branches.map(({ name }) => name)).toEqual([
      "empty",
      "feat/x-y",
      "main",
      "next",
      "short",
    ]);
    expect((await ben.call("POST", `${made.api}/branch/his`, {})).status).toBe(403);
  });

  it.each(["a..b", "a b", "-x", "a/", "x.lock", "HEAD", "a".repeat(40), "refs/pr/1", "", "x~1", "a//b"])(
    "%j is no name of a branch",
    async (name) => {
      const { api } = await repo("models");
      const answer = await ana.call("POST", `${api}/branch/${encodeURIComponent(name)}`, {});
      expect([400, 404]).toContain(answer.status);
      expect((await ana.call("POST", `${api}/tag/main`, { tag: name })).status).toBe(400);
    },
  );

  it("a branch cannot be where another one's folder would be in git", async () => {
    const { api } = await repo("models");
    await ana.ok("POST", `${api}/branch/a%2Fb`, {});
    for (const name of ["a", "a%2Fb%2Fc"])
      expect(await codeOf(await ana.call("POST", `${api}/branch/${name}`, {}))).toEqual([409, "REF_CLASH"]);
    await ana.ok("POST", `${api}/branch/a%2Fc`, {});
  });

  operation("DELETE /api/{models|datasets|spaces}/{namespace}/{repo}/branch/{rev}", async (type) => {
    const made = await repo(type);
    await ana.ok("POST", `${made.api}/branch/a%2Fb`, {});
    await ana.ok("DELETE", `${made.api}/branch/a%2Fb`);
    expect((await refsOf(made)).branches.map(({ name }) => name)).toEqual(["main"]);
    expect(await codeOf(await ana.call("DELETE", `${made.api}/branch/a%2Fb`))).toEqual([404, "RevisionNotFound"]);
    expect(await codeOf(await ana.call("DELETE", `${made.api}/branch/main`))).toEqual([403, "PROTECTED_BRANCH"]);
  });

  operation("POST /api/{models|datasets|spaces}/{namespace}/{repo}/tag/{rev}", async (type) => {
    const made = await repo(type);
    const { commitOid } = await ana.commit(made.api, "main", [file("a.txt", "1")]);
    expect((await ana.call("POST", `${made.api}/tag/main`, { tag: "v1", message: "The first" })).status).toBe(201);
    await ana.ok("POST", `${made.api}/tag/${commitOid}`, { tag: "plain/1" });
    expect((await ana.call("POST", `${made.api}/tag/main`, { tag: "v1" })).status).toBe(409);
    await ana.commit(made.api, "main", [file("a.txt", "2")]);
    expect(await textOf(`${made.page}/resolve/v1/a.txt`)).toBe("1");
    expect((await refsOf(made)).tags).toEqual([
      { name: "plain/1", ref: "refs/tags/plain/1", targetCommit: commitOid },
      { name: "v1", ref: "refs/tags/v1", targetCommit: commitOid, message: "The first" },
    ]);
  });

  operation("DELETE /api/{models|datasets|spaces}/{namespace}/{repo}/tag/{rev}", async (type) => {
    const made = await repo(type);
    await ana.ok("POST", `${made.api}/tag/main`, { tag: "v1", message: "The first" });
    await ana.ok("DELETE", `${made.api}/tag/v1`);
    expect((await refsOf(made)).tags).toEqual([]);
    expect(await codeOf(await ana.call("DELETE", `${made.api}/tag/v1`))).toEqual([404, "RevisionNotFound"]);
    await ana.ok("POST", `${made.api}/tag/main`, { tag: "v1" });
    expect((await refsOf(made)).tags[0]).not.toHaveProperty("message");
  });
});

describe("histories", () => {
  operation("GET /api/{models|datasets|spaces}/{namespace}/{repo}/commits/{rev}", async (type) => {
    const { api } = await repo(type);
    const ids = [];
    for (let at = 0; at < 3; at++) {
      const header = { summary: `<b> ${at}`, description: "Why" };
      ids.push((await ana.commit(api, "main", [file("a.txt", `${at}`)], header)).commitOid);
    }
    const first = await fetch(`${hub.url}${api}/commits/main?limit=2&expand%5B%5D=formatted`);
    expect(first.headers.get("x-total-count")).toBe("4");
    const rows: Record<string, unknown>[] = await first.json();
    expect(rows.map(({ id }) => id)).toEqual([ids[2], ids[1]]);
    expect(rows[0]).toMatchObject({
      title: "<b> 2",
      message: "Why",
      authors: [{ user: "ana", avatar: expect.stringMatching(/^http:/) }],
      date: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      formatted: { title: "&lt;b&gt; 2", message: "Why" },
    });
    const link = /^<([^>]+)>; rel="next"$/.exec(first.headers.get("link") ?? "")?.[1] ?? "";
    expect(link).toContain("expand");
    const rest = await fetch(link);
    expect(rest.headers.get("link")).toBeNull();
    const more: { id: string; formatted?: unknown }[] = await rest.json();
    expect(more.map(({ id }) => id)[0]).toBe(ids[0]);
    expect(more).toHaveLength(2);
    const short = await ana.ok<{ id: string; formatted?: unknown }[]>("GET", `${api}/commits/${ids[1]?.slice(0, 7)}`);
    expect(short.map(({ id }) => id).slice(0, 2)).toEqual([ids[1], ids[0]]);
    expect(short[0]).not.toHaveProperty("formatted");
  });

  operation("GET /api/{models|datasets|spaces}/{namespace}/{repo}/compare/{compare}", async (type) => {
    const { api, page } = await repo(type);
    const lfs = await ana.lfs(page.replace(/^\//, type === "models" ? "/api/models/" : "/api/"), "weights");
    await ana.commit(api, "main", [file("a.txt", "one\ntwo\nthree\n"), file("gone.txt", "x")]);
    await ana.ok("POST", `${api}/branch/next`, {});
    await ana.commit(api, "next", [file("a.txt", "one\n2\nthree\n"), deleted("gone.txt"), lfs("w.bin")]);
    await ana.commit(api, "main", [file("other.txt", "later")]);
    const diff = await textOf(`${api}/compare/main...next`);
    expect(diff).toContain("diff --git a/a.txt b/a.txt\n");
    expect(diff).toContain("@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n");
    expect(diff).toContain("deleted file mode 100644");
    expect(diff).toContain("+version https://git-lfs.github.com/spec/v1\n");
    expect(diff).toContain(`+oid sha256:${shaOf("weights")}\n+size 7\n`);
    expect(diff).not.toContain("other.txt");
    expect(await textOf(`${api}/compare/main..next`)).toContain("deleted file mode 100644\nindex ");
    expect(await textOf(`${api}/compare/main..next`)).toContain("other.txt");
    expect(await textOf(`${api}/compare/next..next`)).toBe("");
    expect((await ana.call("GET", `${api}/compare/main`)).status).toBe(400);
    expect(await codeOf(await ana.call("GET", `${api}/compare/main..none`))).toEqual([404, "RevisionNotFound"]);
  });

  operation("POST /api/{models|datasets|spaces}/{namespace}/{repo}/super-squash/{rev}", async (type) => {
    const { api, page } = await repo(type);
    const old = await ana.commit(api, "main", [file("a.txt", "1"), file("gone.txt", "x")]);
    await ana.commit(api, "main", [file("a.txt", "2"), deleted("gone.txt")]);
    const before = await ana.ok<Row[]>("GET", `${api}/tree/main?recursive=true`);
    await ana.ok("POST", `${api}/super-squash/main`, { message: "All of it" });
    const log = await ana.ok<{ id: string; title: string }[]>("GET", `${api}/commits/main`);
    expect(log.map(({ title }) => title)).toEqual(["All of it"]);
    expect(await ana.ok("GET", `${api}/tree/main?recursive=true`)).toEqual(before);
    const info = await ana.ok<{ sha: string }>("GET", api);
    expect(info.sha).toBe(log[0]?.id);
    // What clients keep under the old ids stays true.
    expect(await textOf(`${page}/resolve/${old.commitOid}/gone.txt`)).toBe("x");
    expect(await codeOf(await ana.call("POST", `${api}/super-squash/none`, {}))).toEqual([404, "RevisionNotFound"]);
    expect((await ben.call("POST", `${api}/super-squash/main`, {})).status).toBe(403);
  });
});

interface LfsRow {
  fileOid: string;
  filename: string;
  oid: string;
  pushedAt: string;
  ref: string | null;
  size: number;
}

const lfsPath = ({ page, type }: Made) => (type === "model" ? `/api/models${page}` : `/api${page}`);

describe("large files", () => {
  operation("GET /api/{models|datasets|spaces}/{namespace}/{repo}/lfs-files", async (type) => {
    const made = await repo(type);
    const [now, before] = [await ana.lfs(lfsPath(made), "now"), await ana.lfs(lfsPath(made), "before")];
    await ana.commit(made.api, "main", [now("d/now.bin"), before("d/before.bin")]);
    await ana.commit(made.api, "main", [deleted("d/before.bin")]);
    const rows = await ana.ok<LfsRow[]>("GET", `${made.api}/lfs-files`);
    const byName = Object.fromEntries(rows.map((row) => [row.filename, row]));
    expect(byName["d/now.bin"]).toMatchObject({ fileOid: shaOf("now"), size: 3, ref: "refs/heads/main" });
    expect(byName["d/before.bin"]).toMatchObject({ fileOid: shaOf("before"), size: 6, ref: null });
    const tree = await ana.ok<Row[]>("GET", `${made.api}/tree/main/d`);
    expect(byName["d/now.bin"]?.oid).toBe(tree[0]?.oid);
    const page = await ana.call("GET", `${made.api}/lfs-files?limit=1`);
    const next = /^<([^>]+)>/.exec(page.headers.get("link") ?? "")?.[1] ?? "";
    const first: LfsRow[] = await page.json();
    const second: LfsRow[] = await (await fetch(next)).json();
    expect([...first, ...second].map(({ filename }) => filename).sort()).toEqual(["d/before.bin", "d/now.bin"]);
  });

  operation("DELETE /api/{models|datasets|spaces}/{namespace}/{repo}/lfs-files/{sha}", async (type) => {
    const made = await repo(type);
    const other = await repo(type, {}, ben);
    const content = `secret of ${made.name}`;
    const [mine, his] = [await ana.lfs(lfsPath(made), content), await ben.lfs(lfsPath(other), content)];
    const old = await ana.commit(made.api, "main", [mine("w.bin")]);
    await ben.commit(other.api, "main", [his("w.bin")]);
    expect((await ben.call("DELETE", `${made.api}/lfs-files/${shaOf(content)}`)).status).toBe(403);
    await ana.ok("DELETE", `${made.api}/lfs-files/${shaOf(content)}`);
    expect(await codeOf(await ana.call("GET", `${made.page}/resolve/${old.commitOid}/w.bin`))).toEqual([
      404,
      "EntryNotFound",
    ]);
    expect(await ana.ok("GET", `${made.api}/lfs-files`)).toEqual([]);
    expect(await textOf(`${other.page}/resolve/main/w.bin`)).toBe(content);
    expect((await ana.call("DELETE", `${made.api}/lfs-files/${shaOf(content)}`)).status).toBe(404);
    expect((await ana.call("DELETE", `${made.api}/lfs-files/zzz`)).status).toBe(400);
  });

  operation("POST /api/{models|datasets|spaces}/{namespace}/{repo}/lfs-files/batch", async (type) => {
    const made = await repo(type);
    const [bad, good] = [await ana.lfs(lfsPath(made), "bad"), await ana.lfs(lfsPath(made), "good")];
    await ana.commit(made.api, "main", [bad("d/bad.bin"), good("good.bin"), file("a.txt", "1")], { summary: "First" });
    await ana.ok("POST", `${made.api}/tag/main`, { tag: "v1", message: "Tagged" });
    await ana.commit(made.api, "main", [file("a.txt", "2")], { summary: "Second" });
    await ana.ok("POST", `${made.api}/lfs-files/batch`, { deletions: { sha: [shaOf("bad")], rewriteHistory: true } });
    const log = await ana.ok<{ id: string; title: string }[]>("GET", `${made.api}/commits/main`);
    expect(log.map(({ title }) => title)).toEqual(["Second", "First", "initial commit"]);
    for (const revision of ["main", "v1"]) {
      const rows = await ana.ok<Row[]>("GET", `${made.api}/tree/${revision}?recursive=true`);
      const card = type === "spaces" ? ["README.md"] : [];
      expect(rows.map(({ path }) => path)).toEqual([".gitattributes", ...card, "a.txt", "good.bin"]);
    }
    expect((await refsOf(made)).tags).toMatchObject([{ message: "Tagged", targetCommit: log[1]?.id }]);
    expect(await textOf(`${made.page}/resolve/main/good.bin`)).toBe("good");
    expect(await textOf(`${made.page}/resolve/v1/a.txt`)).toBe("1");
    expect((await ana.ok<LfsRow[]>("GET", `${made.api}/lfs-files`)).map(({ filename }) => filename)).toEqual([
      "good.bin",
    ]);
    expect((await ana.call("POST", `${made.api}/lfs-files/batch`, { deletions: { sha: ["x"] } })).status).toBe(400);
  });

  operation("POST /api/{models|datasets|spaces}/{namespace}/{repo}/lfs-files/duplicate", async (type) => {
    const [source, target] = [await repo(type, { private: true }), await repo("models", {}, ben)];
    const line = await ana.lfs(lfsPath(source), "shared bytes");
    await ana.commit(source.api, "main", [line("w.bin")]);
    const sha256 = shaOf("shared bytes");
    const asked = { target: { type: "model", name: target.name }, files: [{ xetHash: "", sha256, filename: "w.bin" }] };
    expect(await codeOf(await ben.call("POST", `${source.api}/lfs-files/duplicate`, asked))).toEqual([
      404,
      "RepoNotFound",
    ]);
    expect((await ana.call("POST", `${source.api}/lfs-files/duplicate`, asked)).status).toBe(403);
    const mine = await repo("datasets");
    const files = [...asked.files, { xetHash: "", sha256: "0".repeat(64), filename: "none.bin" }];
    const done = await ana.ok<{ failed: { sha256: string; error: string }[] }>(
      "POST",
      `${source.api}/lfs-files/duplicate`,
      { target: { type: "dataset", name: mine.name }, files },
    );
    expect(done.failed).toEqual([{ sha256: "0".repeat(64), error: expect.stringContaining("none.bin") }]);
    await ana.commit(mine.api, "main", [{ key: "lfsFile", value: { path: "copy.bin", algo: "sha256", oid: sha256 } }]);
    expect(await textOf(`${mine.page}/resolve/main/copy.bin`)).toBe("shared bytes");
    expect((await nobody.call("GET", `${source.page}/resolve/main/w.bin`)).status).toBe(404);
  });
});

describe("many files", () => {
  it("a commit to 100,000 files reads and writes the folders that it touches", { timeout: 240_000 }, async () => {
    const { api } = await repo("models");
    for (let part = 0; part < 20; part++) {
      const lines = Array.from({ length: 5000 }, (_, at) => {
        const number = part * 5000 + at;
        return file(`d${Math.floor(number / 100)}/${number}.txt`, "same");
      });
      await ana.commit(api, "main", lines);
    }
    const count = async (table: typeof trees | typeof contents): Promise<number> => hub.deps.db.$count(table);
    /** Rows of folders that were read since the database started. */
    const read = async (): Promise<number> => {
      await hub.deps.db.execute(sql`select pg_stat_force_next_flush()`);
      const [row] = await hub.deps.db.execute<{ value: string }>(sql`
        select (coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::text as value
        from pg_stat_user_tables where relname = 'trees'`);
      return Number(row?.value);
    };
    const before = [await count(trees), await count(contents)];
    // The queue looks at the commits of before; a commit is counted by itself.
    let readBefore = await read();
    await vi.waitFor(
      async () => {
        const last = readBefore;
        readBefore = await read();
        expect(readBefore).toBe(last);
      },
      { timeout: 30_000, interval: 1000 },
    );
    const started = performance.now();
    await ana.commit(api, "main", [file("d500/new.txt", "something new")]);
    const elapsed = performance.now() - started;
    // With what the index looks at, which is the same however much there is, and which the queue may look at once more.
    expect((await read()) - readBefore).toBeLessThan(300);
    // The root and one folder, and one content.
    expect([await count(trees), await count(contents)]).toEqual([(before[0] ?? 0) + 2, (before[1] ?? 0) + 1]);
    expect(elapsed).toBeLessThan(10_000);
    const page = await fetch(`${hub.url}${api}/tree/main?recursive=true`);
    expect(await page.json()).toHaveLength(1000);
    expect(await ana.ok("GET", `${api}/treesize/main/`)).toMatchObject({ size: expect.any(Number) });
  });

  it("more than 10,000 entries in a folder are refused", async () => {
    const { api } = await repo("models");
    const lines = Array.from({ length: 10_001 }, (_, at) => file(`d/${at}.txt`, "same"));
    const text = [{ key: "header", value: { summary: "many" } }, ...lines]
      .map((line) => JSON.stringify(line))
      .join("\n");
    const refused = await ana.call("POST", `${api}/commit/main`, undefined, text);
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining("10000")]);
    expect((await ana.ok<Row[]>("GET", `${api}/tree/main`)).map(({ path }) => path)).toEqual([".gitattributes"]);
  });
});
