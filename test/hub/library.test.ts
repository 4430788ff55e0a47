// What the library asks of a hub besides files: branches, history, discussions, repositories, tokens, organizations, webhooks.
// Each is seen by another call than the one that made it.
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import * as hf from "../../src/hub/index.ts";
import { type TestHub, testHub } from "../support/hub.ts";

let home: string;
let hub: TestHub;
let ana: hf.HubAccess;
let bob: hf.HubAccess;
let folder: string;
const id = hf.parseRepoId("ana/mood");
const put = (path: string, text: string) => writeFile(join(folder, path), text);

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "abrazo-library-"));
  vi.stubEnv("XDG_CACHE_HOME", join(home, "xdg"));
  hub = await testHub({ webhookHosts: ["127.0.0.1"] });
  ana = { endpoint: hub.url, token: await hub.user("ana") };
  bob = { endpoint: hub.url, token: await hub.user("bob") };
  folder = join(home, "folder");
  await mkdir(folder);
  await put("config.json", '{"layers": 2}\n');
  await hf.createRepo(ana, id);
  await hf.uploadFolder(ana, id, folder, { message: "First", description: "In two lines." });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await hub.stop();
  await rm(home, { recursive: true, force: true });
});

describe("versions", () => {
  it("are named by branches and tags, and compared", async () => {
    const head = await hf.commitOf(ana, id, "main");
    expect(await hf.createTag(ana, id, "v1", { message: "One" })).toBe(true);
    expect(await hf.createTag(ana, id, "v1", { existOk: true })).toBe(false);
    await expect(hf.createTag(ana, id, "v1")).rejects.toMatchObject({ data: { status: 409 } });
    expect(await hf.createBranch(ana, id, "feat/x.y", { revision: "v1" })).toBe(true);
    expect(await hf.createBranch(ana, id, "feat/x.y", { existOk: true })).toBe(false);
    const refs = await hf.listRepoRefs(ana, id);
    expect(refs.branches.map(({ name }) => name).sort()).toEqual(["feat/x.y", "main"]);
    expect(refs.branches.map(({ targetCommit }) => targetCommit)).toEqual([head, head]);
    expect(refs.tags.map(({ name }) => name)).toEqual(["v1"]);
    await put("config.json", '{"layers": 4}\n');
    await put("more.txt", "more\n");
    await hf.uploadFolder(ana, id, folder, { message: "Second", revision: "feat/x.y" });
    const changes = await hf.diffRevisions(ana, id, "v1", "feat/x.y");
    expect(changes.map(({ change, path }) => `${change} ${path}`)).toEqual(["changed config.json", "added more.txt"]);
    expect(await hf.diffRevisions(ana, id, "feat/x.y", "v1")).toMatchObject([
      { path: "config.json" },
      { change: "deleted" },
    ]);
    expect(await hf.compareRevisions(ana, id, "v1", "feat/x.y")).toContain('+{"layers": 4}');
    const commits = await hf.listRepoCommits(ana, id, { revision: "feat/x.y" });
    expect(commits.map(({ title }) => title)).toEqual(["Second", "First", expect.any(String)]);
    expect(await hf.listRepoCommits(ana, id, { limit: 1 })).toMatchObject([
      { id: head, title: "First", message: "In two lines." },
    ]);
    await hf.deleteBranch(ana, id, "feat/x.y");
    await hf.deleteTag(ana, id, "v1");
    const after = await hf.listRepoRefs(ana, id);
    expect([after.branches.length, after.tags.length]).toEqual([1, 0]);
    await expect(hf.commitOf(ana, id, "v1")).rejects.toMatchObject({ code: "HUB_REVISION_NOT_FOUND" });
  });

  it("come one file at a time, from the cache without a hub, and what is not there is known for that", async () => {
    const options = { cacheDir: join(home, "cache") };
    const path = await hf.downloadFile(ana, id, "config.json", options);
    expect(path).toContain(join("models--ana--mood", "snapshots"));
    expect(await hf.downloadFile(ana, id, "config.json", { ...options, localFilesOnly: true })).toBe(path);
    await expect(hf.downloadFile(ana, id, "nothing.json", options)).rejects.toMatchObject({
      code: "HUB_ENTRY_NOT_FOUND",
    });
    await expect(hf.downloadFile(ana, id, "nothing.json", { ...options, localFilesOnly: true })).rejects.toMatchObject({
      code: "NOT_CACHED",
    });
    await expect(hf.downloadFile(ana, id, "../up", options)).rejects.toMatchObject({ code: "UNSAFE_PATH" });
    expect(await hf.getPathsInfo(ana, id, ["config.json", "nothing"])).toMatchObject([{ path: "config.json" }]);
  });
});

describe("discussions", () => {
  it("are opened, answered, renamed, closed and found", async () => {
    const num = await hf.createDiscussion(bob, id, "Which data?", { description: "The card does not say." });
    await hf.commentDiscussion(ana, id, num, "The reviews of May.");
    await hf.renameDiscussion(bob, id, num, "Which data was it?");
    await hf.changeDiscussionStatus(ana, id, num, "closed", { comment: "Answered." });
    expect(await hf.getRepoDiscussions(ana, id, { status: "open" })).toEqual([]);
    expect(await hf.getRepoDiscussions(ana, id, { type: "discussion", author: "bob" })).toMatchObject([
      { num, title: "Which data was it?", status: "closed", isPullRequest: false },
    ]);
    const { events } = await hf.getDiscussionDetails(ana, id, num);
    expect(events.map(({ type }) => type)).toEqual(
      expect.arrayContaining(["comment", "title-change", "status-change"]),
    );
    await hf.changeDiscussionStatus(ana, id, num, "open");
    expect((await hf.getDiscussionDetails(ana, id, num)).status).toBe("open");
  });

  it("propose a change, in one step or in two, and it is merged", async () => {
    await put("config.json", '{"layers": 8}\n');
    const done = await hf.uploadFolder(bob, id, folder, { message: "Eight layers", createPr: true });
    const num = Number(/\/discussions\/(\d+)$/.exec(done.pullRequestUrl ?? "")?.[1]);
    expect(await hf.getDiscussionDetails(ana, id, num, { diff: true })).toMatchObject({
      title: "Eight layers",
      isPullRequest: true,
      diff: expect.stringContaining('+{"layers": 8}'),
    });
    const later = await hf.createPullRequest(bob, id, "Nine layers");
    await put("config.json", '{"layers": 9}\n');
    await hf.uploadFolder(bob, id, folder, { message: "Nine", revision: `refs/pr/${later}` });
    const proposed = await hf.downloadFile(ana, id, "config.json", {
      cacheDir: join(home, "pr"),
      revision: `refs/pr/${later}`,
    });
    expect(proposed).toContain("snapshots");
    await hf.mergePullRequest(ana, id, num, { comment: "Thank you." });
    expect((await hf.getDiscussionDetails(ana, id, num)).status).toBe("merged");
    expect(
      (await hf.listRepoRefs(ana, id, { includePullRequests: true })).pullRequests.map(({ ref }) => ref),
    ).toContain(`refs/pr/${later}`);
    expect(await hf.diffRevisions(ana, id, "main", `refs/pr/${num}`)).toEqual([]);
    await expect(hf.mergePullRequest(bob, id, later)).rejects.toMatchObject({ data: { status: 403 } });
  });
});

describe("repositories", () => {
  it("are found, hidden, gated, copied, renamed and deleted", async () => {
    const other = hf.parseRepoId("datasets/ana/reviews");
    await hf.createRepo(ana, other);
    expect((await hf.listDatasets(bob, { author: "ana" })).map((repo) => repo.id)).toEqual(["ana/reviews"]);
    expect((await hf.listModels(bob, { search: "moo", sort: "likes", limit: 1 })).map((repo) => repo.id)).toEqual([
      "ana/mood",
    ]);
    expect(await hf.createRepo(bob, other)).toBe(false);
    expect([(await hf.modelInfo(bob, "ana/mood")).id, (await hf.datasetInfo(bob, "ana/reviews")).id]).toEqual([
      "ana/mood",
      "ana/reviews",
    ]);
    await hf.updateRepoSettings(ana, other, { isPrivate: true, gated: "manual" });
    expect(await hf.repoInfo(ana, other)).toMatchObject({ private: true, gated: "manual" });
    expect(await hf.repoExists(bob, other)).toBe(false);
    expect(await hf.repoExists(ana, other)).toBe(true);
    const copy = hf.parseRepoId("bob/mood");
    expect(await hf.duplicateRepo(bob, id, copy)).toBe(`${hub.url}/bob/mood`);
    expect(await hf.commitOf(bob, copy, "main")).toBe(await hf.commitOf(ana, id, "main"));
    await hf.moveRepo(bob, copy, hf.parseRepoId("bob/mood-2"));
    expect((await hf.repoInfo(bob, copy)).id).toBe("bob/mood-2");
    await hf.deleteRepo(bob, hf.parseRepoId("bob/mood-2"));
    expect((await hf.listModels(ana, { author: "bob" })).length).toBe(0);
    await hf.createRepo(ana, hf.parseRepoId("spaces/ana/demo"), { sdk: "static" });
    expect((await hf.spaceInfo(ana, "ana/demo")).id).toBe("ana/demo");
    expect((await hf.listSpaces(ana)).map((repo) => repo.id)).toEqual(["ana/demo"]);
  });
});

describe("accounts", () => {
  it("have tokens with roles, scopes and an end", async () => {
    const expiresAt = new Date(Date.now() + 3_600_000);
    const read = await hf.createToken(ana, "reader", { role: "read", expiresAt });
    const scoped = [{ entity: { type: "model", name: "ana/mood" }, permissions: ["repo.write"] }];
    const fine = await hf.createToken(ana, "fine", { role: "fineGrained", fineGrained: { scoped } });
    const tokens = await hf.listTokens(ana);
    expect(tokens.find(({ name }) => name === "reader")).toMatchObject({
      role: "read",
      expiresAt: expiresAt.toISOString(),
    });
    expect(await hf.whoAmI({ ...ana, token: fine.token })).toMatchObject({ name: "ana", role: "fineGrained" });
    expect(await hf.createBranch({ ...ana, token: fine.token }, id, "by-token")).toBe(true);
    await expect(hf.createRepo({ ...ana, token: read.token }, hf.parseRepoId("ana/no"))).rejects.toMatchObject({
      data: { status: 403 },
    });
    await hf.revokeToken(ana, tokens.find(({ name }) => name === "reader")?.id ?? "");
    await expect(hf.whoAmI({ ...ana, token: read.token })).rejects.toMatchObject({ data: { status: 401 } });
  });

  it("belong to organizations", async () => {
    await hf.createOrganization(ana, "team", { fullname: "The Team" });
    await hf.addOrganizationMember(ana, "team", "bob");
    const roles = async () =>
      (await hf.listOrganizationMembers(ana, "team")).map(({ user, role }) => `${user} ${role}`);
    expect((await roles()).sort()).toEqual(["ana admin", "bob read"]);
    await hf.setOrganizationRole(ana, "team", "bob", "write");
    expect((await hf.whoAmI(bob)).orgs).toEqual([{ name: "team", role: "write" }]);
    expect(await hf.createRepo(bob, hf.parseRepoId("team/shared"))).toBe(true);
    await hf.removeOrganizationMember(ana, "team", "bob");
    expect(await roles()).toEqual(["ana admin"]);
  });

  it("are called by webhooks, whose log is read and sent again", async () => {
    const calls: string[] = [];
    const server = createServer((request, response) => {
      calls.push(String(request.headers["x-webhook-secret"]));
      response.end();
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/`;
    const watched = [{ type: "user", name: "ana" }] as const;
    const made = await hf.createWebhook(ana, url, { watched, domains: ["repo"], secret: "s3cret" });
    expect(await hf.listWebhooks(ana)).toMatchObject([{ id: made.id, url, disabled: false }]);
    await hf.createBranch(ana, id, "seen");
    await vi.waitFor(() => expect(calls).toEqual(["s3cret"]), { timeout: 20_000, interval: 100 });
    const log = await vi.waitFor(
      async () => {
        const found = await hf.listWebhookDeliveries(ana, made.id);
        expect(found).toMatchObject([{ state: "delivered", status: 200 }]);
        return found;
      },
      { timeout: 20_000, interval: 100 },
    );
    expect(await hf.replayWebhook(ana, made.id, log[0]?.id ?? "")).toBe(200);
    expect(calls.length).toBe(2);
    expect(await hf.setWebhookEnabled(ana, made.id, false)).toMatchObject({ disabled: true });
    expect(await hf.setWebhookEnabled(ana, made.id, true)).toMatchObject({ disabled: false });
    await hf.deleteWebhook(ana, made.id);
    expect(await hf.listWebhooks(ana)).toEqual([]);
    server.close();
  });
});

it("refusals come in the hub's own words, with what can be done about them", async () => {
  await hf.createBranch(ana, id, "grün");
  for (const [call, told] of [
    [() => hf.createBranch(ana, id, "grün"), { message: expect.stringContaining('"grün" exists already') }],
    [() => hf.deleteBranch(ana, id, "main"), { code: "HUB_PROTECTED_BRANCH", hint: undefined }],
    [() => hf.deleteBranch(bob, id, "grün"), { code: "HUB_FORBIDDEN", hint: expect.stringContaining("role write") }],
    [() => hf.listOrganizationMembers(ana, "nobody"), { code: "HUB_ORG_NOT_FOUND", hint: undefined }],
    [() => hf.commitOf(ana, id, "gone"), { hint: "Check the name and the revision." }],
    [
      () => hf.listFiles({ ...ana, endpoint: `${hub.url}/ana` }, id, "main"),
      { code: "HUB_NO_PAGE", hint: "Check the address of the hub." },
    ],
  ] as const)
    await expect(call()).rejects.toMatchObject(told);
});

it.each(["hf_sec\nret", "hf_sec ret", "hf_sécret", ""])(
  "a token that no header can hold is not repeated: %j",
  async (token) => {
    const access = { ...ana, token };
    for (const call of [
      () => hf.whoAmI(access),
      () => hf.createRepo(access, id),
      () => hf.snapshotDownload(access, id, { cacheDir: join(home, "cache") }),
    ])
      await expect(call()).rejects.toMatchObject({
        code: "INVALID_TOKEN",
        message: expect.not.stringContaining("ret"),
      });
  },
);

it("a proxy that refuses long bodies is named as such", async () => {
  const proxy = createServer((_, response) => response.writeHead(413).end("<html>Too large</html>"));
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  const address = proxy.address();
  const access = { ...ana, endpoint: `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}` };
  await expect(hf.createBranch(access, id, "long")).rejects.toMatchObject({
    code: "HUB_413",
    hint: "A proxy before the hub limits what may be sent; abrazo doctor names the line to change.",
  });
  proxy.close();
});
