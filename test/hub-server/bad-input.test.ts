// What no client should send: each is refused with a status, a code and a sentence, and leaves nothing behind.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { requireAccess } from "../../hub-server/services/access.ts";
import { insertCommit, moveRef } from "../../hub-server/services/commits.ts";
import { putTrees } from "../../hub-server/services/objects.ts";
import { encodeTree, objectId } from "../../src/io/git-objects.ts";
import { audit } from "../support/audit.ts";
import { type TestHub, testHub } from "../support/hub.ts";

const OLD = { namespace: "ana", name: "old" };
let hub: TestHub;
let token: string;
let head: string;
beforeAll(async () => {
  hub = await testHub();
  token = await hub.user("ana");
  await post("/api/repos/create", JSON.stringify({ name: "kept" }));
  head = await headOf();
});
afterAll(() => hub.stop());

const post = (path: string, body: BodyInit, headers: Record<string, string> = {}) =>
  fetch(`${hub.url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
    body,
  });

async function headOf(): Promise<string> {
  const headers = { authorization: `Bearer ${token}` };
  const info: { sha: string } = await (await fetch(`${hub.url}/api/models/ana/kept`, { headers })).json();
  return info.sha;
}

const line = (key: string, value: object) => JSON.stringify({ key, value });
const header = line("header", { summary: "bad" });
const file = (path: string, content = "eA==", encoding = "base64") => line("file", { path, content, encoding });

/** Refused with this status, a code and a sentence that tells of no place inside the server; nothing was written. */
async function expectRefused(response: Response, status: number, says: RegExp): Promise<void> {
  const text = await response.text();
  expect([response.status, text]).toEqual([status, expect.stringMatching(says)]);
  expect(response.headers.get("x-error-code")).toMatch(/^[A-Za-z_0-9]+$/);
  expect(response.headers.get("x-error-message")).not.toBe("");
  expect(text).not.toMatch(/node_modules|\.ts:|\/tmp\/|at \w+ \(/);
  expect(await headOf()).toBe(head);
  expect(await readdir(join(hub.folder, "blobs", "incoming"))).toEqual([]);
}

it.each([
  ["no header line", file("a.txt"), /header/],
  ["an empty body", "", /header/],
  ["a line cut off", `${header}\n${file("a.txt").slice(0, -9)}`, /no JSON/],
  ["a key that is none", `${header}\n${line("fil", { path: "a" })}`, /not as expected/],
  ["a file without content", `${header}\n${line("file", { path: "a" })}`, /not as expected/],
  ["broken base64", `${header}\n${file("a.txt", "eA=")}`, /base64/],
  ["what is no base64", `${header}\n${file("a.txt", "héllo!==")}`, /base64/],
  ["a good file before a bad path", `${header}\n${file("good.txt")}\n${file("../bad.txt")}`, /not allowed/],
  ["an absolute path", `${header}\n${file("/etc/passwd")}`, /relative/],
  ["a path into .git", `${header}\n${file("a/.GIT/config")}`, /\.git/],
  ["the short name of .git", `${header}\n${file("a/Git~1/config")}`, /\.git/],
  ["a name that Windows cuts to .git", `${header}\n${file(".git . ./config")}`, /\.git/],
  ["a stream of .git", `${header}\n${file(".git::$INDEX_ALLOCATION/config")}`, /\.git/],
  ["a name that macOS reads as .git", `${header}\n${file(".g\u200cit/config")}`, /\.git/],
  ["a backslash", `${header}\n${file("a\\..\\b")}`, /backslash/],
  ["a NUL", `${header}\n${file("a\0b")}`, /control/],
  ["half a character", `${header}\n${file("a\ud800b")}`, /Unicode/],
  ["a NUL in the message", `${line("header", { summary: "a\0b" })}\n${file("a.txt")}`, /NUL/],
  ["half a character in the message", `${line("header", { summary: "a\udc00" })}\n${file("a.txt")}`, /Unicode/],
  ["a long name", `${header}\n${file("a".repeat(256))}`, /255/],
  ["a long path", `${header}\n${file(`${"a/".repeat(600)}b`)}`, /1024/],
  ["a file as a folder", `${header}\n${file(".gitattributes/inside")}`, /file, not a folder/],
  [
    "a large file that never came",
    `${header}\n${line("lfsFile", { path: "m.bin", oid: "0".repeat(64), size: 3 })}`,
    /LFS/,
  ],
  [
    "an object id that is none",
    `${header}\n${line("lfsFile", { path: "m.bin", oid: "../x", size: 3 })}`,
    /not as expected/,
  ],
])("a commit with %s", async (_, body, says) => {
  await expectRefused(await post("/api/models/ana/kept/commit/main", body), 400, says);
});

it("a deletion of what is not there", async () => {
  const body = `${header}\n${line("deletedFile", { path: "not-there" })}`;
  await expectRefused(await post("/api/models/ana/kept/commit/main", body), 404, /not-there/);
});

it("a commit on a stale parent, on a branch that is not there, or under a name that cannot be", async () => {
  const stale = line("header", { summary: "late", parentCommit: "0".repeat(40) });
  await expectRefused(await post("/api/models/ana/kept/commit/main", `${stale}\n${file("a.txt")}`), 412, /./);
  await expectRefused(await post("/api/models/ana/kept/commit/nowhere", `${header}\n${file("a.txt")}`), 404, /nowhere/);
  await expectRefused(await post("/api/models/ana/kept/commit/%ff", `${header}\n${file("a.txt")}`), 400, /percent/);
});

it("bodies that would fill the memory, a stranger's before any other", async () => {
  const large = "x".repeat(33 * 1024 * 1024);
  await expectRefused(await post("/api/repos/create", JSON.stringify({ name: large })), 413, /more than/);
  const body = `${header}\n${file("a.txt", large.slice(0, 64 * 1024), "utf-8")}`;
  const stranger = await fetch(`${hub.url}/api/models/ana/kept/commit/main`, { method: "POST", body });
  await expectRefused(stranger, 401, /./);
});

it("bodies beyond what a call needs are refused before they are looked at, and the first faults of the others told", async () => {
  const MIB = 1024 * 1024;
  const long = JSON.stringify({ title: "x".repeat(2 * MIB) });
  await expectRefused(await post("/api/collections", long), 413, /more than 1048576 bytes/);
  const many = JSON.stringify({ q: "a", type: Array.from({ length: 20_000 }, () => 0) });
  await expectRefused(await post("/api/quicksearch", many), 413, /more than 10000 values/);
  const quoted = JSON.stringify({ paths: [",".repeat(50_000), '\\",[{'.repeat(20_000), "\\\\"] });
  await expectRefused(await post("/api/models/ana/kept/paths-info/main", quoted), 400, /longer than 1024/);
  const some = JSON.stringify({ q: "a", type: Array.from({ length: 100 }, () => "model") });
  await expectRefused(await post("/api/quicksearch", some), 400, /not as expected: type/);
  const ids = JSON.stringify({ discussionIds: Array(900).fill("no id"), read: true });
  const faulty = await (await post("/api/notifications/mark-as-read", ids)).text();
  expect(faulty).toMatch(/discussionIds\.0: .*; discussionIds\.1: .*; discussionIds\.2: /);
  expect(faulty).not.toContain("discussionIds.3");
  // Longer ones where they are needed: a card of a megabyte, and the samples of many files.
  const card = JSON.stringify({ content: `---\nlicense: mit\n---\n${"x\n".repeat(MIB / 2 - 20)}` });
  expect(card.length).toBeGreaterThan(1.4 * MIB);
  expect((await post("/api/validate-yaml", card)).status).toBe(200);
  const sample = "x".repeat(700);
  const files = Array.from({ length: 10_000 }, (_, at) => ({ path: `many/${at}.txt`, sample, size: 9 }));
  const planned = await post("/api/models/ana/kept/preupload/main", JSON.stringify({ files }));
  expect(planned.status).toBe(200);
  expect((await planned.json()).files).toHaveLength(10_000);
  // A stranger's is not read at all.
  const stranger = await fetch(`${hub.url}/api/models/ana/kept/preupload/main`, { method: "POST", body: "{" });
  await expectRefused(stranger, 401, /./);
});

it.each([
  ["no JSON", "{", 400],
  ["a list", "[1]", 400],
  ["a number for a name", JSON.stringify({ name: 7 }), 400],
  ["a name with a slash too many", JSON.stringify({ name: "a/b/c" }), 400],
  ["a name that climbs", JSON.stringify({ name: ".." }), 400],
  ["somebody else's namespace", JSON.stringify({ name: "x", organization: "nobody" }), 403],
  ["a kind that is none", JSON.stringify({ name: "x", type: "film" }), 400],
])("a repository asked for with %s", async (_, body, status) => {
  await expectRefused(await post("/api/repos/create", body), status, /./);
});

it.each([
  "/ana/kept/resolve/main/..%2F..%2Fetc%2Fpasswd",
  "/ana/kept/resolve/main/a%00b",
  "/ana/kept/resolve/main/a%5Cb",
  "/api/models/ana/kept/tree/main/a%00b",
])("the address %s", async (path) => {
  await expectRefused(await fetch(`${hub.url}${path}`), 400, /not allowed/);
});

it.each([
  "/ana/kept/resolve/a%00b/x",
  "/api/models/ana/kept/tree/%00",
  "/api/models/ana/ke%00pt",
  "/api/models?search=%00",
])("a NUL in %s is the caller's fault", async (path) => {
  await expectRefused(await fetch(`${hub.url}${path}`), 400, /NUL/);
});

it("a NUL in a body", async () => {
  await expectRefused(await post("/api/models/ana/kept/branch/b", '{"startingPoint":"a\\u0000"}'), 400, /NUL/);
  await expectRefused(await post("/api/repos/move", '{"fromRepo":"ana/a\\u0000","toRepo":"ana/b"}'), 400, /./);
});

it("a form that is too long, also where nobody says how long it is", async () => {
  const form = `paths=${"x".repeat(8 * 1024 * 1024)}`;
  for (const body of [form, new Blob([form]).stream()]) {
    const init: RequestInit & { duplex: "half" } = {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/x-www-form-urlencoded" },
      body,
      duplex: "half",
    };
    await expectRefused(await fetch(`${hub.url}/api/models/ana/kept/paths-info/main`, init), 413, /more than 8388608/);
  }
});

it("a header that is too large", async () => {
  const response = await fetch(`${hub.url}/api/models`, { headers: { "x-large": "x".repeat(64 * 1024) } });
  expect(response.status).toBe(431);
  expect(await headOf()).toBe(head);
});

it("20 commits at once land one after the other, and two repositories of one name become one", async () => {
  const done = await Promise.all(
    Array.from({ length: 20 }, (_, at) =>
      post("/api/models/ana/kept/commit/main", `${line("header", { summary: `${at}` })}\n${file(`many/${at}.txt`)}`),
    ),
  );
  expect(done.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
  const answers: { commitOid: string }[] = await Promise.all(done.map((response) => response.json()));
  const listed: { id: string }[] = await (
    await fetch(`${hub.url}/api/models/ana/kept/commits/main`, { headers: { authorization: `Bearer ${token}` } })
  ).json();
  expect(new Set(listed.map(({ id }) => id))).toEqual(new Set([head, ...answers.map(({ commitOid }) => commitOid)]));
  const made = await Promise.all([1, 2].map(() => post("/api/repos/create", JSON.stringify({ name: "twice" }))));
  expect(made.map(({ status }) => status).sort()).toEqual([200, 409]);
  const { faults, commits } = await audit(hub.deps);
  expect(faults).toEqual([]);
  expect(commits).toBe(22);
});

it("operations of one commit run in their order: the last on a path wins, and a folder gives way only when deleted", async () => {
  const commit = (...lines: string[]) => post("/api/models/ana/kept/commit/main", [header, ...lines].join("\n"));
  const read = async (path: string) => (await fetch(`${hub.url}/ana/kept/resolve/main/${path}`)).text();
  expect((await commit(file("twice.txt", "b25l"), file("twice.txt", "dHdv"), file("folder/in.txt"))).status).toBe(200);
  expect(await read("twice.txt")).toBe("two");
  head = await headOf();
  await expectRefused(await commit(file("folder")), 400, /is a folder/);
  await expectRefused(await commit(line("deletedFolder", { path: "twice.txt" })), 404, /folder/);
  await expectRefused(await commit(line("deletedFile", { path: "folder" })), 404, /file/);
  expect((await commit(line("deletedFolder", { path: "folder" }), file("folder"))).status).toBe(200);
  expect(await read("folder")).toBe("x");
});

it("what an older hub took as .GIT can be read and removed", async () => {
  expect((await post("/api/repos/create", JSON.stringify({ name: "old" }))).status).toBe(200);
  expect((await post("/api/models/ana/old/commit/main", `${header}\n${file("a.txt")}`)).status).toBe(200);
  const repo = await requireAccess({ ...hub.deps, actor: undefined }, "read", { type: "model", ...OLD });
  const entry = { name: "config", kind: "file", id: objectId("blob", Buffer.from("x")) } as const;
  const inner = objectId("tree", encodeTree([entry]));
  const top = [{ name: ".GIT", kind: "directory", id: inner } as const, { ...entry, name: "a.txt" }];
  const treeId = objectId("tree", encodeTree(top));
  await hub.deps.db.transaction(async (tx) => {
    const rows = [
      { id: inner, entries: [entry] },
      { id: treeId, entries: top },
    ];
    await putTrees(tx, rows);
    const commit = { treeId, parents: [], author: { name: "ana", email: "ana@example.org" }, message: "old" };
    await moveRef(tx, repo, "refs/heads/main", await insertCommit(tx, repo, commit));
  });
  const paths = async () => {
    const rows: { path: string }[] = await (
      await fetch(`${hub.url}/api/models/ana/old/tree/main?recursive=true`)
    ).json();
    return rows.map(({ path }) => path);
  };
  expect(await paths()).toEqual([".GIT", ".GIT/config", "a.txt"]);
  expect((await fetch(`${hub.url}/api/models/ana/old/tree/main/.GIT`)).status).toBe(200);
  expect(await (await fetch(`${hub.url}/ana/old/resolve/main/.GIT/config`)).text()).toBe("x");
  const info = await post("/api/models/ana/old/paths-info/main", JSON.stringify({ paths: [".GIT/config"] }));
  expect(await info.json()).toHaveLength(1);
  const added = await post("/api/models/ana/old/commit/main", `${header}\n${file(".GIT/more")}`);
  expect([added.status, await added.text()]).toEqual([400, expect.stringContaining(".git")]);
  const gone = await post("/api/models/ana/old/commit/main", `${header}\n${line("deletedFolder", { path: ".GIT" })}`);
  expect(gone.status).toBe(200);
  expect(await paths()).toEqual(["a.txt"]);
});

it("names that only resemble .git are names", async () => {
  const names = [".gitignore", ".github/x", "git", "git~10", "a.git", "x/.git-keep"];
  const body = [header, ...names.map((name) => file(name))].join("\n");
  expect((await post("/api/repos/create", JSON.stringify({ name: "resembling" }))).status).toBe(200);
  expect((await post("/api/models/ana/resembling/commit/main", body)).status).toBe(200);
});
