// Notifications: who is told of what, and what becomes of it.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mentions } from "../../hub-server/services/notifications.ts";
import { type Caller, caller } from "../support/calls.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { operation } from "../support/operations.ts";

interface Item {
  type: string;
  read: boolean;
  updatedAt: string;
  discussionEventId?: string;
  repo: { name: string; type: string };
  discussion: { id: string; num: number; title: string; participating: { user: string }[] };
}
interface List {
  notifications: Item[];
  count: { view: number; unread: number; all: number };
  start: number;
}

let hub: TestHub;
let ana: Caller;
let ben: Caller;
let eve: Caller;
let made = 0;

beforeAll(async () => {
  hub = await testHub();
  [ana, ben, eve] = [
    caller(hub.url, await hub.user("ana")),
    caller(hub.url, await hub.user("ben")),
    caller(hub.url, await hub.user("eve")),
  ];
});
afterAll(() => hub.stop());

async function repo(options: Record<string, unknown> = {}): Promise<string> {
  const name = `n${made++}`;
  await ana.ok("POST", "/api/repos/create", { name, ...options });
  return `/api/models/ana/${name}`;
}
const open = async (by: Caller, path: string, description = "Hi"): Promise<number> =>
  (await by.ok<{ num: number }>("POST", `${path}/discussions`, { title: "A title", description })).num;
const say = (by: Caller, path: string, num: number, comment: string) =>
  by.ok("POST", `${path}/discussions/${num}/comment`, { comment });
const news = (by: Caller, query = ""): Promise<List> => by.ok("GET", `/api/notifications?${query}`);
/** Titles, numbers and state of what somebody is told of one repository. */
const of = async (by: Caller, path: string, query = "") =>
  (await news(by, `repoName=${path.replace("/api/models/", "")}&${query}`)).notifications.map(
    ({ discussion, read }) => `${discussion.num} ${read ? "read" : "new"}`,
  );

describe("notifications", () => {
  operation("GET /api/notifications", async () => {
    const path = await repo();
    const num = await open(ben, path);
    const { notifications, count, start } = await news(ana);
    expect([count, start]).toEqual([{ view: 1, unread: 1, all: 1 }, 0]);
    expect(notifications[0]).toMatchObject({
      type: "repo",
      read: false,
      repo: { name: path.replace("/api/models/", ""), type: "model" },
      discussion: { num, title: "A title", status: "open", isPullRequest: false, participating: [{ user: "ben" }] },
    });
    expect(notifications[0]?.discussion.id).toMatch(/^[0-9a-f]{24}$/);
    expect(await of(ben, path), "not of what one does oneself").toEqual([]);
    expect(await of(eve, path)).toEqual([]);
    await say(ana, path, num, "An answer, @eve");
    expect(await of(ben, path)).toEqual([`${num} new`]);
    expect(await of(eve, path, "mention=mentions")).toEqual([`${num} new`]);
    expect(await of(ben, path, "mention=mentions")).toEqual([]);
    expect(await of(ben, path, "mention=participating")).toEqual([`${num} new`]);
    expect(await of(ana, path, "mention=participating")).toEqual([]);
    expect(await of(ben, path, "repoType=dataset")).toEqual([]);
    expect(await of(ben, path, "paperId=1")).toEqual([]);
    expect(await of(ben, path, "lastUpdate=2020-01-01T00:00:00.000Z")).toEqual([]);
    for (const wrong of ["p=-1", "p=x", "mention=x", "readStatus=x", "lastUpdate=now"])
      expect((await ben.call("GET", `/api/notifications?${wrong}`)).status, wrong).toBe(400);
  });

  operation("POST /api/notifications/mark-as-read", async () => {
    const path = await repo();
    const [one, two] = [await open(ben, path), await open(ben, path)];
    const { notifications } = await news(ana);
    const id = notifications.find(({ discussion }) => discussion.num === two)?.discussion.id;
    await ana.ok("POST", "/api/notifications/mark-as-read", { discussionIds: [id] });
    expect((await of(ana, path)).sort()).toEqual([`${one} new`, `${two} read`]);
    expect(await of(ana, path, "readStatus=unread")).toEqual([`${one} new`]);
    await ana.ok("POST", "/api/notifications/mark-as-read", { discussionIds: [id], read: false });
    expect(await of(ana, path, "readStatus=unread")).toHaveLength(2);
    await ana.ok(
      "POST",
      `/api/notifications/mark-as-read?applyToAll=true&repoName=${path.slice("/api/models/".length)}`,
    );
    expect(await of(ana, path, "readStatus=unread")).toEqual([]);
    await say(ben, path, one, "News");
    expect(await of(ana, path, "readStatus=unread"), "what is new again").toEqual([`${one} new`]);
    await eve.ok("POST", "/api/notifications/mark-as-read?applyToAll=true", { read: true });
    expect(await of(ana, path, "readStatus=unread"), "of others nothing changes").toEqual([`${one} new`]);
    expect((await ana.call("POST", "/api/notifications/mark-as-read", {})).status).toBe(400);
    expect((await ana.call("POST", "/api/notifications/mark-as-read", { discussionIds: ["x"] })).status).toBe(400);
  });

  operation("DELETE /api/notifications", async () => {
    const path = await repo();
    const [one, two] = [await open(ben, path), await open(ben, path)];
    const { notifications } = await news(ana);
    const id = notifications.find(({ discussion }) => discussion.num === one)?.discussion.id;
    await eve.ok("DELETE", "/api/notifications", { discussionIds: [id] });
    expect(await of(ana, path)).toHaveLength(2);
    await ana.ok("DELETE", "/api/notifications", { discussionIds: [id] });
    expect(await of(ana, path)).toEqual([`${two} new`]);
    await ana.ok("DELETE", `/api/notifications?applyToAll=true&repoName=${path.slice("/api/models/".length)}`);
    expect(await of(ana, path)).toEqual([]);
    expect((await ana.call("DELETE", "/api/notifications", {})).status).toBe(400);
  });

  operation("PATCH /api/settings/notifications", async () => {
    const set = (by: Caller, notifications: Record<string, unknown>) =>
      by.call("PATCH", "/api/settings/notifications", { notifications });
    const path = await repo();
    expect(await (await set(ana, { web_discussions_watched: false })).json()).toEqual({
      notifications: { web_discussions_participating: true, web_discussions_watched: false },
    });
    const num = await open(ben, path);
    expect(await of(ana, path)).toEqual([]);
    await say(ana, path, num, "Now I take part");
    await say(ben, path, num, "Good");
    expect(await of(ana, path)).toEqual([`${num} new`]);
    await set(ana, { web_discussions_watched: true, web_discussions_participating: false });
    const other = await open(ben, path);
    expect(await of(ana, path, "readStatus=unread")).toContain(`${other} new`);
    await set(ana, { web_discussions_participating: true });
    const refused = await set(ana, { launch_spaces: true });
    expect(refused.status).toBe(400);
    expect(((await refused.json()) as { error: string }).error).toContain("launch_spaces");
    expect((await set(ana, { web_discussions_watched: "yes" })).status).toBe(400);
  });

  operation("PATCH /api/settings/watch", async () => {
    const path = await repo();
    const name = path.slice("/api/models/".length);
    const watch = (by: Caller, changes: Record<string, unknown>) => by.call("PATCH", "/api/settings/watch", changes);
    expect((await watch(eve, { add: [{ type: "user", id: "ana" }] })).status).toBe(200);
    const one = await open(ben, path);
    expect(await of(eve, path)).toEqual([`${one} new`]);
    await watch(eve, { delete: [{ type: "user", id: "ana" }] });
    const two = await open(ben, path);
    expect(await of(eve, path)).toEqual([`${one} new`]);
    const { _id } = await eve.ok<{ _id: string }>("GET", path);
    await watch(eve, { add: [{ type: "repo", id: _id }] });
    const three = await open(ben, path);
    expect((await of(eve, path)).sort()).toEqual([`${one} new`, `${three} new`]);
    // An owner can mute, too.
    await watch(ana, { delete: [{ type: "repo", id: name }] });
    const four = await open(ben, path);
    expect((await of(ana, path)).sort()).toEqual([`${one} new`, `${two} new`, `${three} new`]);
    await say(ben, path, four, "@ana please");
    expect(await of(ana, path, "mention=mentions")).toEqual([`${four} new`]);
    for (const wrong of [
      { type: "user", id: "nobody" },
      { type: "org", id: "ana" },
      { type: "repo", id: "ana/nothing" },
      { type: "repo", id: "../.." },
      { type: "repo", id: "0".repeat(24) },
    ])
      expect((await watch(eve, { add: [wrong] })).status, JSON.stringify(wrong)).toBe(400);
  });

  it("tell nobody of what they may not read", async () => {
    const path = await repo({ private: true });
    await eve.ok("PATCH", "/api/settings/watch", { add: [{ type: "user", id: "ana" }] });
    await open(ana, path, "@eve @ben look");
    expect((await news(eve, "readStatus=unread")).notifications.map(({ repo }) => repo.name)).not.toContain(
      path.slice(12),
    );
    const open_ = await repo();
    const num = await open(ana, open_, "@eve look");
    expect(await of(eve, open_)).toEqual([`${num} new`]);
    await ana.ok("PUT", `${open_}/settings`, { private: true });
    expect(await of(eve, open_), "no longer").toEqual([]);
    await eve.ok("PATCH", "/api/settings/watch", { delete: [{ type: "user", id: "ana" }] });
  });

  it("find names at the beginning of words, and not too many", () => {
    expect(mentions("@ana, (@Ben) and\n@eve-b.c. but not a@b.de, `@x`, /@y or @@z")).toEqual(["ana", "ben", "eve-b.c"]);
    expect(mentions(Array.from({ length: 100 }, (_, index) => `@u${index}`).join(" "))).toHaveLength(20);
  });
});
