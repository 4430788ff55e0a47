// What no ref leads to goes after its time, with all that it alone led to; what anything leads to or names stays, also while people commit.
import { and, eq, like } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { discussions } from "../../hub-server/db/schema/discussions.ts";
import { garbage, reached } from "../../hub-server/db/schema/xet.ts";
import { commits, contents, refs, trees } from "../../hub-server/db/schema.ts";
import { collectObjects } from "../../hub-server/services/object-garbage.ts";
import { type Caller, caller, file } from "../support/calls.ts";
import { describeEngines } from "../support/engines.ts";
import type { TestHub } from "../support/hub.ts";

let hub: TestHub;
let ana: Caller;
let made = 0;

const nothing = { commits: 0, trees: 0, contents: 0 };
/** What was marked before goes now. */
const collect = () => collectObjects(hub.deps, { graceMs: -60_000 });
const mark = () => collectObjects(hub.deps);
/** Marks and takes away, until nothing is left: contents may follow commits a run later. */
async function collectAll() {
  const all = { ...nothing };
  for (;;) {
    await mark();
    const removed = await collect();
    if (removed.commits + removed.trees + removed.contents === 0) return all;
    all.commits += removed.commits;
    all.trees += removed.trees;
    all.contents += removed.contents;
  }
}

async function newRepo(): Promise<string> {
  const name = `r${made++}`;
  await ana.ok("POST", "/api/repos/create", { name });
  return `ana/${name}`;
}

const commit = async (repo: string, path: string, text: string, revision = "main"): Promise<string> =>
  (await ana.commit(`/api/models/${repo}`, revision, [file(path, text)])).commitOid;

const read = async (repo: string, path: string, revision = "main"): Promise<string> => {
  const response = await ana.call("GET", `/${repo}/resolve/${revision}/${path}`);
  return response.ok ? response.text() : `${response.status}`;
};

async function remove(repo: string): Promise<void> {
  const [organization, name] = repo.split("/");
  await ana.call("DELETE", "/api/repos/delete", { name, organization });
}

async function counts() {
  const { db } = hub.deps;
  return {
    commits: await db.$count(commits),
    trees: await db.$count(trees),
    contents: await db.$count(contents),
  };
}

const squash = (repo: string) => ana.call("POST", `/api/models/${repo}/super-squash/main`, { message: "one" });

describeEngines("objects that nothing leads to", (start) => {
  beforeAll(async () => {
    hub = await start();
    ana = caller(hub.url, await hub.user("ana"));
  });
  afterAll(() => hub.stop());
  beforeEach(async () => {
    await collectAll();
  });

  it("are what a deleted repository leaves, except for what another one has", async () => {
    const other = await newRepo();
    await commit(other, "deep/in/shared.txt", "shared");
    await collectAll();
    const before = await counts();
    const repo = await newRepo();
    await commit(repo, "deep/in/shared.txt", "shared");
    await commit(repo, "deep/in/own.txt", "only here");
    await commit(repo, "deep/in/own.txt", "only here, again");
    await remove(repo);
    expect(await collectAll()).toEqual({ commits: 0, trees: expect.any(Number), contents: 2 });
    expect(await counts()).toEqual(before);
    expect(await read(other, "deep/in/shared.txt")).toBe("shared");
  });

  it("stay for four weeks, and wait anew when they were named in between", async () => {
    const repo = await newRepo();
    await commit(repo, "a.txt", "waits");
    await remove(repo);
    const { db } = hub.deps;
    expect(await mark()).toEqual(nothing);
    const almost = new Date(Date.now() - 27 * 24 * 3600 * 1000);
    await db.update(garbage).set({ since: almost });
    expect(await mark()).toEqual(nothing);
    const again = await newRepo();
    await commit(again, "a.txt", "waits");
    await remove(again);
    expect(await mark()).toEqual(nothing);
    await db
      .update(garbage)
      .set({ since: new Date(almost.getTime() - 2 * 24 * 3600 * 1000) })
      .where(eq(garbage.since, almost));
    // The content was marked anew, so its time is not over.
    const removed = await mark();
    expect(removed.contents).toBe(0);
    expect((await collect()).contents).toBe(1);
  });

  it("are what was before a squash, and what a deleted branch had alone", async () => {
    const repo = await newRepo();
    const first = await commit(repo, "a.txt", "first");
    await commit(repo, "a.txt", "second");
    await ana.ok("POST", `/api/models/${repo}/branch/side`, {});
    const onSide = await commit(repo, "b.txt", "side", "side");
    expect((await squash(repo)).ok).toBe(true);
    // The branch leads to all of it still.
    expect(await collectAll()).toEqual(nothing);
    await ana.call("DELETE", `/api/models/${repo}/branch/side`);
    expect(await read(repo, "a.txt", first)).toBe("first");
    expect(await collectAll()).toMatchObject({ commits: 4, contents: 2 });
    expect([await read(repo, "a.txt"), await read(repo, "a.txt", first), await read(repo, "b.txt", onSide)]).toEqual([
      "second",
      "404",
      "404",
    ]);
  });

  it("are no commits that a tag or a pull request names, with all that is behind them", async () => {
    const repo = await newRepo();
    const first = await commit(repo, "a.txt", "first");
    await ana.ok("POST", `/api/models/${repo}/tag/${first}`, { tag: "v1" });
    await commit(repo, "a.txt", "second");
    const { pullRequestUrl } = await ana.commit(
      `/api/models/${repo}`,
      "main",
      [file("b.txt", "wanted")],
      {},
      "?create_pr=1",
    );
    expect(pullRequestUrl).toBeDefined();
    const { db } = hub.deps;
    const [request] = await db.select().from(discussions).orderBy(discussions.createdAt);
    await squash(repo);
    // Its ref may go: the discussion names the commit.
    await db.delete(refs).where(and(eq(refs.repoId, request?.repoId ?? ""), like(refs.name, "refs/pr/%")));
    expect(await collectAll()).toEqual(nothing);
    expect(await read(repo, "a.txt", "v1")).toBe("first");
    expect(await read(repo, "b.txt", request?.headCommit ?? "")).toBe("wanted");
  });

  it("are none when a branch was made of them, and keep their history", async () => {
    const repo = await newRepo();
    const first = await commit(repo, "a.txt", "first");
    const second = await commit(repo, "a.txt", "second");
    await squash(repo);
    await mark();
    await ana.ok("POST", `/api/models/${repo}/branch/back`, { startingPoint: second });
    expect((await collect()).commits).toBe(0);
    expect([await read(repo, "a.txt", first), await read(repo, "a.txt", "back")]).toEqual(["first", "second"]);
  });

  it("are none when they are committed again while the collector takes them away", async () => {
    for (let round = 0; round < 6; round++) {
      const lost = await newRepo();
      await commit(lost, "deep/a.txt", `again ${round}`);
      await remove(lost);
      await mark();
      const repo = await newRepo();
      await Promise.all([collect(), commit(repo, "deep/a.txt", `again ${round}`)]);
      await collect();
      expect(await read(repo, "deep/a.txt")).toBe(`again ${round}`);
      expect(await ana.ok("GET", `/api/models/${repo}/tree/main?recursive=true`)).toHaveLength(3);
    }
  });

  it("are none, or refused, when a branch is made of them while the collector takes them away", async () => {
    for (let round = 0; round < 6; round++) {
      const repo = await newRepo();
      const first = await commit(repo, "a.txt", `first ${round}`);
      const second = await commit(repo, "a.txt", `second ${round}`);
      await squash(repo);
      await mark();
      const [, branch] = await Promise.all([
        collect(),
        ana.call("POST", `/api/models/${repo}/branch/back`, { startingPoint: second }),
      ]);
      await collectAll();
      const told = [await read(repo, "a.txt", "back"), await read(repo, "a.txt", first)];
      expect(told).toEqual(branch.ok ? [`second ${round}`, `first ${round}`] : ["404", "404"]);
      expect([201, 404]).toContain(branch.status);
    }
  });

  it("are none that a running collection has not seen: what is committed meanwhile stays", async () => {
    const repo = await newRepo();
    await commit(repo, "first.txt", "first");
    let running = true;
    const collecting = (async () => {
      while (running) await collect();
    })();
    for (let at = 0; at < 15; at++) await commit(repo, `folder ${at}/a.txt`, `text ${at}`);
    running = false;
    await collecting;
    await collect();
    for (let at = 0; at < 15; at++) expect(await read(repo, `folder%20${at}/a.txt`)).toBe(`text ${at}`);
  });

  it("are found without a note left behind", async () => {
    await mark();
    expect(await hub.deps.db.$count(reached)).toBe(0);
  });
});
