// Discussions and pull requests over HTTP: who may do what, what follows, and what clients are told.
import { listFiles, uploadFiles } from "@huggingface/hub";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Caller, caller, file } from "../support/calls.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { operation } from "../support/operations.ts";

interface Event {
  id: string;
  type: string;
  author?: { name: string };
  createdAt: string;
  data: Record<string, unknown> & {
    latest?: { raw: string; html: string; author?: { name: string } };
    history?: { raw: string; author: { name: string } }[];
  };
}
interface Details {
  num: number;
  title: string;
  status: string;
  isPullRequest: boolean;
  pinned: boolean;
  author?: { name: string };
  repo: { name: string; type: string };
  events: Event[];
  changes?: { base: string; mergeCommitId?: string };
  filesWithConflicts?: string[];
  diff?: string;
}
interface List {
  discussions: Details[];
  count: number;
  start: number;
}

let hub: TestHub;
let ana: Caller;
let ben: Caller;
let eve: Caller;
let reader: Caller;
let nobody: Caller;
let benToken: string;
let made = 0;

beforeAll(async () => {
  hub = await testHub();
  benToken = await hub.user("ben");
  [ana, ben, eve] = [
    caller(hub.url, await hub.user("ana")),
    caller(hub.url, benToken),
    caller(hub.url, await hub.user("eve")),
  ];
  reader = caller(hub.url, (await hub.tokenOf("ana", "read")).token);
  nobody = caller(hub.url, undefined);
});
afterAll(() => hub.stop());

/** A model of ana's with a file. */
async function repo(options: Record<string, unknown> = {}): Promise<string> {
  const name = `d${made++}`;
  await ana.ok("POST", "/api/repos/create", { name, ...options });
  const type = options["type"] ?? "model";
  const path = `/api/${type}s/ana/${name}`;
  await ana.commit(path, "main", [file("a.txt", "one\ntwo\nthree\n"), file("b.txt", "b\n")]);
  return path;
}

const open = async (by: Caller, path: string, more: Record<string, unknown> = {}): Promise<number> =>
  (await by.ok<{ num: number }>("POST", `${path}/discussions`, { title: "A title", description: "Hello.", ...more }))
    .num;
const details = (path: string, num: number, by: Caller = ana): Promise<Details> =>
  by.ok("GET", `${path}/discussions/${num}?diff=1`);
const textAt = async (path: string, revision: string, name: string): Promise<string> => {
  const response = await ana.call(
    "GET",
    `${path.replace(/^\/api\/models/, "")}/raw/${encodeURIComponent(revision)}/${name}`,
  );
  return response.status === 200 ? response.text() : `${response.status}`;
};
/** A pull request by ben with one commit. */
async function request(path: string, lines = [file("a.txt", "one\n2\nthree\n")], by: Caller = ben): Promise<number> {
  const { pullRequestUrl = "" } = await by.commit(
    path,
    "main",
    lines,
    { summary: "Two is 2", description: "As said." },
    "?create_pr=1",
  );
  return Number(pullRequestUrl.split("/").at(-1));
}

describe("discussions", () => {
  operation("POST /api/{repoType}/{namespace}/{repo}/discussions", async () => {
    const path = await repo();
    expect(await open(ben, path)).toBe(1);
    expect(await open(ben, path, { title: "Another one" })).toBe(2);
    const found = await details(path, 1, nobody);
    expect(found).toMatchObject({
      num: 1,
      title: "A title",
      status: "open",
      isPullRequest: false,
      author: { name: "ben" },
      repo: { name: path.replace("/api/models/", ""), type: "model" },
    });
    expect(found.events).toHaveLength(1);
    expect(found.events[0]).toMatchObject({ type: "comment", author: { name: "ben" } });
    expect(found.events[0]?.data).toMatchObject({ edited: false, hidden: false, history: [] });
    expect(found.events[0]?.data.latest).toMatchObject({
      raw: "Hello.",
      html: "<p>Hello.</p>",
      author: { name: "ben" },
    });
    expect(found.events[0]?.id).toMatch(/^[0-9a-f]{24}$/);
    expect(found.events[0]?.createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it("are there on datasets and spaces, too, with numbers of their own", async () => {
    for (const type of ["dataset", "space"]) {
      const path = await repo({ type, ...(type === "space" && { sdk: "static" }) });
      expect(await open(ben, path)).toBe(1);
      expect((await details(path, 1)).repo.type).toBe(type);
    }
  });

  operation("GET /api/{repoType}/{namespace}/{repo}/discussions", async () => {
    const path = await repo();
    for (let index = 1; index <= 53; index++) await open(index % 2 ? ben : ana, path, { title: `Number ${index}` });
    const page = (query: string) => nobody.ok<List>("GET", `${path}/discussions?${query}`);
    const first = await page("");
    expect([first.count, first.start, first.discussions.length]).toEqual([53, 0, 50]);
    expect(first.discussions.map(({ num }) => num).slice(0, 3)).toEqual([53, 52, 51]);
    const second = await page("p=1");
    expect([second.count, second.start, second.discussions.length]).toEqual([53, 50, 3]);
    expect((await page("author=BEN")).count).toBe(27);
    expect((await page("search=ber 53")).discussions.map(({ num }) => num)).toEqual([53]);
    expect((await page("search=%25")).count).toBe(0);
    await ana.ok("POST", `${path}/discussions/7/status`, { status: "closed" });
    expect((await page("status=closed")).discussions.map(({ num }) => num)).toEqual([7]);
    expect((await page("status=open")).count).toBe(52);
    expect((await page("type=pull_request")).count).toBe(0);
    const request = await open(ben, path, { pullRequest: true });
    expect((await page("type=pull_request")).discussions.map(({ num }) => num)).toEqual([request]);
    expect((await page("sort=trending")).discussions[0]?.num).toBe(request);
    for (const wrong of ["sort=x", "status=merged", "type=x", "p=-1", "p=x", "p=1e99"])
      expect((await nobody.call("GET", `${path}/discussions?${wrong}`)).status, wrong).toBe(400);
  });

  operation("GET /api/{repoType}/{namespace}/{repo}/discussions/{num}", async () => {
    const path = await repo();
    const num = await request(path);
    const found = await details(path, num);
    expect(found).toMatchObject({ isPullRequest: true, status: "open", title: "Two is 2", filesWithConflicts: [] });
    expect(found.changes).toEqual({ base: "refs/heads/main" });
    expect(found.diff).toBe(
      [
        "diff --git a/a.txt b/a.txt",
        "index 4cb29ea..f04eb26 100644",
        "--- a/a.txt",
        "+++ b/a.txt",
        "@@ -1,3 +1,3 @@",
        " one",
        "-two",
        "+2",
        " three",
        "",
      ].join("\n"),
    );
    expect(found.events.map(({ type }) => type)).toEqual(["comment", "commit"]);
    expect(found.events[0]?.data.latest?.raw).toBe("As said.");
    expect(found.events[1]?.data).toMatchObject({ subject: "Two is 2", oid: expect.stringMatching(/^[0-9a-f]{40}$/) });
    expect((await ana.call("GET", `${path}/discussions/99`)).status).toBe(404);
    expect((await ana.call("GET", `${path}/discussions/0`)).status).toBe(400);
    expect((await ana.call("GET", `${path}/discussions/99999999999`)).status).toBe(400);
  });

  operation("POST /api/{repoType}/{namespace}/{repo}/discussions/{num}/comment", async () => {
    const path = await repo();
    const num = await open(ben, path);
    const { newMessage } = await eve.ok<{ newMessage: Event }>("POST", `${path}/discussions/${num}/comment`, {
      comment: "**Bold**",
    });
    expect(newMessage.data.latest?.html).toBe("<p><strong>Bold</strong></p>");
    expect((await details(path, num)).events.at(-1)?.id).toBe(newMessage.id);
    const say = (by: Caller, comment: unknown) => by.call("POST", `${path}/discussions/${num}/comment`, { comment });
    expect((await say(nobody, "x")).status).toBe(401);
    expect((await say(reader, "x")).status).toBe(403);
    for (const wrong of ["", "   ", 5, "x".repeat(65_537), "a\0b", "\ud800"])
      expect((await say(ben, wrong)).status, JSON.stringify(wrong).slice(0, 40)).toBe(400);
    expect((await say(ben, "x".repeat(65_536))).status).toBe(201);
    expect((await details(path, num)).events).toHaveLength(3);
    // Closed is not silent; locked is, but for who may write.
    await ben.ok("POST", `${path}/discussions/${num}/status`, { status: "closed" });
    expect((await say(eve, "One more")).status).toBe(201);
    expect((await eve.call("POST", `${path}/discussions/${num}/lock`, { locked: true })).status).toBe(403);
    await ana.ok("POST", `${path}/discussions/${num}/lock`, { locked: true });
    expect((await say(eve, "And more")).status).toBe(403);
    expect((await say(ana, "The end")).status).toBe(201);
  });

  it("hold so much and no more", async () => {
    const path = await repo();
    const num = await open(ben, path);
    const statuses: number[] = [];
    for (let index = 0; index < 17; index++) {
      const response = await ben.call("POST", `${path}/discussions/${num}/comment`, { comment: "x".repeat(65_536) });
      await response.arrayBuffer();
      statuses.push(response.status);
    }
    expect(statuses.slice(0, 15)).toEqual(Array.from({ length: 15 }, () => 201));
    expect(statuses.at(-1)).toBe(409);
    expect((await details(path, num)).events).toHaveLength(16);
    // What is full can be closed.
    await ben.ok("POST", `${path}/discussions/${num}/status`, { status: "closed" });
    const long = { summary: "x", description: "x".repeat(65_537) };
    const line = `${JSON.stringify({ key: "header", value: long })}\n`;
    expect((await ben.call("POST", `${path}/commit/main?create_pr=1`, undefined, line)).status).toBe(400);
  });

  it("are not laid out where that would keep the server busy", async () => {
    const path = await repo();
    const num = await open(ben, path);
    for (const mark of ["> ", "~~a", "[a](", "<b>", "*a **b "]) {
      const comment = mark.repeat(Math.floor(65_536 / mark.length));
      const started = performance.now();
      const { newMessage } = await ben.ok<{ newMessage: Event }>("POST", `${path}/discussions/${num}/comment`, {
        comment,
      });
      expect(performance.now() - started, mark).toBeLessThan(10_000);
      expect(newMessage.data.latest?.html).toMatch(/^<p><em>Shown as plain text.*<\/p><pre>/);
    }
    const code = `\`\`\`\n${"[[]] ".repeat(4000)}\n\`\`\``;
    const { newMessage } = await ben.ok<{ newMessage: Event }>("POST", `${path}/discussions/${num}/comment`, {
      comment: code,
    });
    expect(newMessage.data.latest?.html, "code costs nothing").toMatch(/^<pre tabindex="0"><code>/);
  });

  it("show what strangers write without their scripts", async () => {
    const path = await repo();
    const num = await open(ben, path, {
      description:
        "---\nnot: a card\n---\n\n[x](javascript:alert(1)) <img src=x onerror=alert(1)> <b onclick='x'>b</b>\n\n<script>alert(1)</script>",
    });
    const html = (await details(path, num)).events[0]?.data.latest?.html ?? "";
    expect(html).not.toMatch(/<script|onerror|onclick|javascript:/);
    expect(html).toContain("not: a card");
    expect(html).toContain("<b>b</b>");
  });

  it("let authors and managers change a comment, and keep what it said", async () => {
    const path = await repo();
    const num = await open(ben, path);
    const { newMessage } = await eve.ok<{ newMessage: Event }>("POST", `${path}/discussions/${num}/comment`, {
      comment: "first",
    });
    const at = `${path}/discussions/${num}/comment/${newMessage.id}`;
    expect((await ben.call("POST", `${at}/edit`, { content: "no" })).status).toBe(403);
    await eve.ok("POST", `${at}/edit`, { content: "second" });
    const { updatedComment } = await ana.ok<{ updatedComment: Event }>("POST", `${at}/edit`, { content: "third" });
    expect(updatedComment.data).toMatchObject({ edited: true, latest: { raw: "third", author: { name: "ana" } } });
    expect(updatedComment.data.history).toMatchObject([
      { raw: "first", author: { name: "eve" } },
      { raw: "second", author: { name: "eve" } },
    ]);
    expect((await details(path, num)).events[1]?.data.latest?.raw).toBe("third");
    // An id of another discussion, or of an event that is no comment, is no comment here.
    const other = await open(ben, path);
    const foreign = `${path}/discussions/${other}/comment/${newMessage.id}/edit`;
    expect((await eve.call("POST", foreign, { content: "x" })).status).toBe(404);
    const { newStatus } = await ben.ok<{ newStatus: Event }>("POST", `${path}/discussions/${num}/status`, {
      status: "closed",
    });
    expect((await ana.call("POST", `${path}/discussions/${num}/comment/${newStatus.id}/hide`)).status).toBe(404);
    expect((await ben.call("POST", `${at}/hide`)).status).toBe(403);
    await ana.ok("POST", `${at}/hide`);
    const hidden = (await details(path, num)).events[1]?.data;
    expect(hidden).toMatchObject({ hidden: true, history: [], latest: { raw: "This comment has been hidden" } });
    expect(JSON.stringify(hidden)).not.toContain("third");
    expect((await eve.call("POST", `${at}/edit`, { content: "back" })).status).toBe(409);
  });

  operation("POST /api/{repoType}/{namespace}/{repo}/discussions/{num}/title", async () => {
    const path = await repo();
    const num = await open(ben, path);
    const rename = (by: Caller, title: string) => by.call("POST", `${path}/discussions/${num}/title`, { title });
    expect((await rename(eve, "Not mine")).status).toBe(403);
    for (const wrong of ["ab", "x".repeat(201), "  a  "]) expect((await rename(ben, wrong)).status).toBe(400);
    expect((await rename(ben, "  Better   words ")).status).toBe(200);
    expect((await rename(ana, "The owner's words")).status).toBe(200);
    const found = await details(path, num, nobody);
    expect(found.title).toBe("The owner's words");
    expect(found.events.slice(1).map(({ type, data }) => [type, data])).toEqual([
      ["title-change", { from: "A title", to: "Better words" }],
      ["title-change", { from: "Better words", to: "The owner's words" }],
    ]);
  });

  operation("POST /api/{repoType}/{namespace}/{repo}/discussions/{num}/status", async () => {
    const path = await repo();
    const num = await open(ben, path);
    const set = (by: Caller, status: string, comment?: string) =>
      by.call("POST", `${path}/discussions/${num}/status`, { status, comment });
    expect((await set(eve, "closed")).status).toBe(403);
    expect((await set(ben, "merged")).status).toBe(400);
    expect((await set(ben, "open")).status).toBe(409);
    expect((await set(ben, "closed", "Done.")).status).toBe(200);
    expect((await set(ana, "open")).status).toBe(200);
    expect(
      (await details(path, num)).events.slice(1).map(({ type, data }) => [type, data.latest?.raw ?? data["status"]]),
    ).toEqual([
      ["comment", "Done."],
      ["status-change", "closed"],
      ["status-change", "open"],
    ]);
  });

  operation("POST /api/{repoType}/{namespace}/{repo}/discussions/{num}/pin", async () => {
    const path = await repo();
    const first = await open(ben, path);
    await open(ben, path);
    expect((await ben.call("POST", `${path}/discussions/${first}/pin`, { pinned: true })).status).toBe(403);
    await ana.ok("POST", `${path}/discussions/${first}/pin`, { pinned: true });
    const { discussions } = await nobody.ok<List>("GET", `${path}/discussions`);
    expect(discussions.map(({ num, pinned }) => [num, pinned])).toEqual([
      [1, true],
      [2, false],
    ]);
  });

  operation("DELETE /api/{repoType}/{namespace}/{repo}/discussions/{num}", async () => {
    const path = await repo();
    const num = await request(path);
    expect((await ben.call("DELETE", `${path}/discussions/${num}`)).status).toBe(403);
    await ana.ok("DELETE", `${path}/discussions/${num}`);
    expect((await ana.call("GET", `${path}/discussions/${num}`)).status).toBe(404);
    expect((await ana.call("GET", `${path}/tree/refs%2Fpr%2F${num}`)).headers.get("x-error-code")).toBe(
      "RevisionNotFound",
    );
    expect(await open(ben, path), "a number is not given twice").toBe(num + 1);
  });

  it("are hidden with a private repository", async () => {
    const path = await repo({ private: true });
    const num = await open(ana, path);
    for (const by of [nobody, ben]) {
      for (const [method, at] of [
        ["GET", ""],
        ["POST", ""],
        ["GET", `/${num}`],
        ["POST", `/${num}/comment`],
        ["POST", `/${num}/merge`],
        ["GET", `/${num}/storage`],
      ] as const) {
        const response = await by.call(method, `${path}/discussions${at}`, method === "POST" ? {} : undefined);
        expect([method, at, response.status, response.headers.get("x-error-code")]).toEqual([
          method,
          at,
          404,
          "RepoNotFound",
        ]);
      }
    }
  });

  it("keep what is behind a gate behind it", async () => {
    const path = await repo();
    const num = await request(path);
    await ana.ok("PUT", `${path}/settings`, { gated: "manual" });
    expect((await details(path, num, ana)).diff).toContain("+2");
    for (const by of [eve, nobody]) {
      const found = await details(path, num, by);
      expect([found.title, found.diff]).toEqual(["Two is 2", undefined]);
    }
    const page = `${hub.url}${path.slice("/api/models".length)}/discussions/${num}/files`;
    expect((await fetch(page)).status).toBe(401);
  });

  it("can be switched off", async () => {
    const path = await repo();
    await ana.ok("PUT", `${path}/settings`, { discussionsDisabled: true });
    expect((await nobody.call("GET", `${path}/discussions`)).status).toBe(403);
    expect((await ana.call("POST", `${path}/discussions`, { title: "abc", description: "" })).status).toBe(403);
    expect(
      (await ben.call("POST", `${path}/commit/main?create_pr=1`, undefined, '{"key":"header","value":{"summary":"x"}}'))
        .status,
    ).toBe(403);
  });
});

describe("pull requests", () => {
  it("are opened by @huggingface/hub", async () => {
    const path = await repo();
    const { pullRequestUrl } =
      (await uploadFiles({
        hubUrl: hub.url,
        accessToken: benToken,
        repo: path.slice("/api/models/".length),
        isPullRequest: true,
        commitTitle: "From JavaScript",
        files: [
          { path: "small.txt", content: new Blob(["small"]) },
          { path: "large.bin", content: new Blob(["x".repeat(100_000)]) },
        ],
        useXet: false,
      })) ?? {};
    expect(pullRequestUrl).toBe(`${hub.url}${path.slice("/api/models".length)}/discussions/1`);
    expect(await textAt(path, "refs/pr/1", "small.txt")).toBe("small");
    expect(await textAt(path, "main", "small.txt")).toBe("404");
    const listed = [];
    for await (const entry of listFiles({
      hubUrl: hub.url,
      repo: path.slice("/api/models/".length),
      revision: "refs/pr/1",
    }))
      listed.push(entry.path);
    expect(listed.sort()).toContain("large.bin");
  });

  it("begin as drafts without changes", async () => {
    const path = await repo();
    const num = await open(ben, path, { pullRequest: true });
    const found = await details(path, num);
    expect(found).toMatchObject({ status: "draft", isPullRequest: true, diff: "" });
    expect(await textAt(path, `refs/pr/${num}`, "b.txt")).toBe("b\n");
    expect((await ana.call("POST", `${path}/discussions/${num}/merge`, {})).status, "a draft").toBe(409);
    await ben.commit(path, `refs/pr/${num}`, [file("c.txt", "c\n")], { summary: "c" });
    await ben.ok("POST", `${path}/discussions/${num}/status`, { status: "open" });
    await ana.ok("POST", `${path}/discussions/${num}/merge`, {});
    expect(await textAt(path, "main", "c.txt")).toBe("c\n");
  });

  it("take commits of their author and of writers, of nobody else", async () => {
    const path = await repo();
    const num = await request(path);
    const commit = (by: Caller, name: string) =>
      by.call(
        "POST",
        `${path}/commit/refs%2Fpr%2F${num}`,
        undefined,
        ['{"key":"header","value":{"summary":"more"}}', JSON.stringify(file(name, "x"))].join("\n"),
      );
    expect((await commit(ben, "1.txt")).status).toBe(200);
    expect((await commit(ana, "2.txt")).status).toBe(200);
    expect((await commit(eve, "3.txt")).status).toBe(403);
    expect((await commit(reader, "4.txt")).status).toBe(403);
    expect((await commit(nobody, "5.txt")).status).toBe(401);
    const upload = (by: Caller, revision: string, query = "") =>
      by.call("POST", `${path}/preupload/${encodeURIComponent(revision)}${query}`, {
        files: [{ path: "x.bin", size: 1, sample: "" }],
      });
    expect((await upload(ben, `refs/pr/${num}`)).status).toBe(200);
    expect((await upload(eve, `refs/pr/${num}`)).status).toBe(403);
    expect((await upload(eve, "main", "?create_pr=1")).status).toBe(200);
    expect((await upload(eve, "main")).status).toBe(403);
    const pushed = (await details(path, num)).events.filter(({ type }) => type === "commit");
    expect(pushed.map(({ author, data }) => [author?.name, data["subject"]])).toEqual([
      ["ben", "Two is 2"],
      ["ben", "more"],
      ["ana", "more"],
    ]);
    expect(
      (await ben.call("POST", `${path}/commit/main`, undefined, '{"key":"header","value":{"summary":"x"}}')).status,
    ).toBe(403);
    expect(
      (await ben.call("POST", `${path}/commit/refs%2Fpr%2F99`, undefined, '{"key":"header","value":{"summary":"x"}}'))
        .status,
    ).toBe(404);
  });

  operation("POST /api/{repoType}/{namespace}/{repo}/discussions/{num}/merge", async () => {
    const path = await repo();
    const before = (await ana.ok<{ sha: string }>("GET", path)).sha;
    const num = await request(path);
    expect((await ben.call("POST", `${path}/discussions/${num}/merge`, {})).status).toBe(403);
    await ana.ok("POST", `${path}/discussions/${num}/merge`, { comment: "Thanks!" });
    expect(await textAt(path, "main", "a.txt")).toBe("one\n2\nthree\n");
    const found = await details(path, num);
    const head = (await ana.ok<{ sha: string }>("GET", path)).sha;
    expect(found.status).toBe("merged");
    expect(found.changes).toEqual({ base: "refs/heads/main", mergeCommitId: head });
    expect(found.events.slice(2).map(({ type }) => type)).toEqual(["comment", "status-change"]);
    expect(found.diff).toContain("+2\n");
    const [commit] = await ana.ok<{ id: string; title: string; message: string }[]>("GET", `${path}/commits/main`);
    expect(commit).toMatchObject({ id: head, title: `Two is 2 (#${num})` });
    expect(commit?.message).toMatch(/^- Two is 2 \([0-9a-f]{40}\)$/);
    expect(head).not.toBe(before);
    // What is merged stays as it is.
    for (const [at, body] of [
      ["merge", {}],
      ["status", { status: "closed" }],
      ["status", { status: "open" }],
    ] as const)
      expect((await ana.call("POST", `${path}/discussions/${num}/${at}`, body)).status).toBe(409);
    const more = await ben.call(
      "POST",
      `${path}/commit/refs%2Fpr%2F${num}`,
      undefined,
      '{"key":"header","value":{"summary":"x"}}',
    );
    expect(more.status).toBe(409);
  });

  it("are merged by path where both sides went on", async () => {
    const path = await repo();
    await ana.commit(path, "main", [file("d/e/deep.txt", "deep\n"), file("d/gone.txt", "gone\n")]);
    const num = await request(path, [
      file("a.txt", "mine\n"),
      file("d/e/new.txt", "new\n"),
      { key: "deletedFile", value: { path: "d/gone.txt" } },
    ]);
    await ana.commit(path, "main", [file("b.txt", "theirs\n"), file("d/e/deep.txt", "deeper\n")]);
    expect((await details(path, num)).filesWithConflicts).toEqual([]);
    await ana.ok("POST", `${path}/discussions/${num}/merge`, {});
    const names = await ana.ok<{ path: string; type: string }[]>("GET", `${path}/tree/main?recursive=true`);
    expect(names.filter(({ type }) => type === "file").map((entry) => entry.path)).toEqual([
      ".gitattributes",
      "a.txt",
      "b.txt",
      "d/e/deep.txt",
      "d/e/new.txt",
    ]);
    expect(await textAt(path, "main", "a.txt")).toBe("mine\n");
    expect(await textAt(path, "main", "b.txt")).toBe("theirs\n");
    expect(await textAt(path, "main", "d/e/deep.txt")).toBe("deeper\n");
    expect((await details(path, num)).diff).not.toContain("theirs");
  });

  it("are refused where both sides changed a file, and can be brought together", async () => {
    const path = await repo();
    await ana.commit(path, "main", [file("dir/x.txt", "x\n"), file("dir/y.txt", "y\n")]);
    const num = await request(path, [
      file("a.txt", "ben\n"),
      file("dir/x.txt", "ben\n"),
      file("both.txt", "the same\n"),
      file("thing", "a file\n"),
      { key: "deletedFile", value: { path: "dir/y.txt" } },
    ]);
    await ana.commit(path, "main", [
      file("a.txt", "ana\n"),
      { key: "deletedFile", value: { path: "dir/x.txt" } },
      file("both.txt", "the same\n"),
      file("thing/inside.txt", "a folder\n"),
    ]);
    const conflicts = ["a.txt", "dir/x.txt", "thing"];
    expect((await details(path, num)).filesWithConflicts).toEqual(conflicts);
    const before = (await ana.ok<{ sha: string }>("GET", path)).sha;
    const refused = await ana.call("POST", `${path}/discussions/${num}/merge`, { comment: "Never seen" });
    expect(refused.status).toBe(409);
    expect(refused.headers.get("x-error-code")).toBe("MERGE_CONFLICT");
    const { error }: { error: string } = await refused.json();
    for (const name of conflicts) expect(error).toContain(`"${name}"`);
    expect((await ana.ok<{ sha: string }>("GET", path)).sha, "nothing is half-merged").toBe(before);
    expect((await details(path, num)).events.map(({ type }) => type)).toEqual(["comment", "commit"]);
    await ben.commit(
      path,
      `refs/pr/${num}`,
      [file("a.txt", "one\ntwo\nthree\n"), file("dir/x.txt", "x\n"), { key: "deletedFile", value: { path: "thing" } }],
      { summary: "As before" },
    );
    expect((await details(path, num)).filesWithConflicts).toEqual([]);
    await ana.ok("POST", `${path}/discussions/${num}/merge`, {});
    expect(await textAt(path, "main", "a.txt")).toBe("ana\n");
    expect(await textAt(path, "main", "dir/x.txt")).toBe("404");
    expect(await textAt(path, "main", "both.txt")).toBe("the same\n");
  });

  it("are merged once, also by two at the same time, and beside commits", async () => {
    const path = await repo();
    const num = await request(path);
    const merging = [1, 2, 3].map(() => ana.call("POST", `${path}/discussions/${num}/merge`, {}));
    const beside = ana.commit(path, "main", [file("beside.txt", "x\n")]);
    const statuses = (await Promise.all(merging)).map(({ status }) => status).sort();
    expect(statuses).toEqual([200, 409, 409]);
    await beside;
    expect(await textAt(path, "main", "beside.txt")).toBe("x\n");
    expect(await textAt(path, "main", "a.txt")).toBe("one\n2\nthree\n");
  });

  it("close and open again", async () => {
    const path = await repo();
    const num = await request(path);
    const set = (status: string) => ben.ok("POST", `${path}/discussions/${num}/status`, { status });
    await set("closed");
    expect((await ana.call("POST", `${path}/discussions/${num}/merge`, {})).status).toBe(409);
    const late = await ben.call(
      "POST",
      `${path}/commit/refs%2Fpr%2F${num}`,
      undefined,
      '{"key":"header","value":{"summary":"x"}}',
    );
    expect([late.status, late.headers.get("x-error-code")]).toEqual([409, "PULL_REQUEST_CLOSED"]);
    await set("open");
    await ana.ok("POST", `${path}/discussions/${num}/merge`, {});
  });

  operation("GET /api/{repoType}/{namespace}/{repo}/discussions/{num}/storage", async () => {
    const path = await repo();
    const shared = await ana.lfs(path, "shared content");
    await ana.commit(path, "main", [shared("shared.bin")]);
    const own = await ben.lfs(path, "only in the request");
    const num = await request(path, [own("own.bin"), shared("again.bin"), file("small.txt", "x")]);
    const storage = () => ana.ok("GET", `${path}/discussions/${num}/storage`);
    expect((await ben.call("GET", `${path}/discussions/${num}/storage`)).status).toBe(403);
    expect(await storage()).toEqual({ size: "only in the request".length, numFiles: 1 });
    await ana.ok("POST", `${path}/discussions/${num}/merge`, {});
    expect(await storage()).toEqual({ size: 0, numFiles: 0 });
    const discussion = await open(ben, path);
    expect((await ana.call("GET", `${path}/discussions/${discussion}/storage`)).status).toBe(400);
  });

  operation("DELETE /api/{repoType}/{namespace}/{repo}/discussions/{num}/ref", async () => {
    const path = await repo();
    const own = await ben.lfs(path, "to be freed");
    const num = await request(path, [own("own.bin")]);
    const drop = (by: Caller) => by.call("DELETE", `${path}/discussions/${num}/ref`);
    expect((await drop(ben)).status).toBe(403);
    expect((await drop(ana)).status, "open").toBe(409);
    await ben.ok("POST", `${path}/discussions/${num}/status`, { status: "closed" });
    expect((await drop(ana)).status).toBe(200);
    expect(await textAt(path, `refs/pr/${num}`, "b.txt")).toBe("404");
    const found = await details(path, num);
    expect(found.diff, "the page still shows what was proposed").toContain("b/own.bin");
    await ben.ok("POST", `${path}/discussions/${num}/status`, { status: "open" });
    const merged = await ana.call("POST", `${path}/discussions/${num}/merge`, {});
    expect([merged.status, merged.headers.get("x-error-code")]).toEqual([409, "PULL_REQUEST_REF_GONE"]);
    // The object is no longer of this repository.
    const again = await ana.call(
      "POST",
      `${path}/commit/main`,
      undefined,
      ['{"key":"header","value":{"summary":"x"}}', JSON.stringify(own("own.bin"))].join("\n"),
    );
    expect(again.status).toBe(400);
  });

  it("go into other branches, and nowhere once these are gone", async () => {
    const path = await repo();
    await ana.ok("POST", `${path}/branch/dev`, {});
    const { pullRequestUrl = "" } = await ben.commit(path, "dev", [file("dev.txt", "dev\n")], {}, "?create_pr=1");
    const num = Number(pullRequestUrl.split("/").at(-1));
    expect((await details(path, num)).changes).toEqual({ base: "refs/heads/dev" });
    await ana.ok("DELETE", `${path}/branch/dev`);
    const gone = await ana.call("POST", `${path}/discussions/${num}/merge`, {});
    expect([gone.status, gone.headers.get("x-error-code")]).toEqual([409, "BRANCH_GONE"]);
    expect((await details(path, num)).status).toBe("open");
    for (const base of ["nowhere", "refs%2Ftags%2Fv1", "refs%2Fpr%2F1"]) {
      const header = '{"key":"header","value":{"summary":"x"}}';
      const response = await ben.call("POST", `${path}/commit/${base}?create_pr=1`, undefined, header);
      expect([400, 404], base).toContain(response.status);
    }
    expect((await nobody.ok<List>("GET", `${path}/discussions`)).count, "nothing half-opened").toBe(1);
  });

  it("start where the caller says that the branch was", async () => {
    const path = await repo();
    const { sha } = await ana.ok<{ sha: string }>("GET", path);
    await ana.commit(path, "main", [file("later.txt", "later\n")]);
    const { pullRequestUrl = "" } = await ben.commit(
      path,
      "main",
      [file("c.txt", "c\n")],
      { parentCommit: sha },
      "?create_pr=1",
    );
    const num = Number(pullRequestUrl.split("/").at(-1));
    expect(await textAt(path, `refs/pr/${num}`, "later.txt")).toBe("404");
    expect((await details(path, num)).diff).not.toContain("later");
    const wrong = await ben.call(
      "POST",
      `${path}/commit/main?create_pr=1`,
      undefined,
      JSON.stringify({
        key: "header",
        value: { summary: "x", parentCommit: "0".repeat(40) },
      }),
    );
    expect(wrong.status).toBe(404);
    await ana.ok("POST", `${path}/discussions/${num}/merge`, {});
    expect(await textAt(path, "main", "later.txt")).toBe("later\n");
    expect(await textAt(path, "main", "c.txt")).toBe("c\n");
  });
});
