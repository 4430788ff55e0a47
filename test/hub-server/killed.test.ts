// The hub killed with SIGKILL in the middle of what takes several steps: large files in parts, commits of many files, squashes, moves,
// deletions, merges and new repositories. What is seen after the next start is what was before or what should be after; the same call again
// does what it says; what was acknowledged is there; and what nobody names goes with the next collections.
//
// On Postgres the moments are exact: tables are locked, so that every call stands still before it writes there, or the answer to a COMMIT
// is lost. On the embedded database they are spread over the time that the calls take.
import { mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { and, eq, isNotNull } from "drizzle-orm";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { uploads } from "../../hub-server/db/schema/uploads.ts";
import { storedBlobs } from "../../hub-server/db/schema/xet.ts";
import { commits, contents, lfsObjects, repos, trees } from "../../hub-server/db/schema.ts";
import type { HubOptions } from "../../hub-server/main.ts";
import { collectGarbage } from "../../hub-server/services/garbage.ts";
import { collectObjects } from "../../hub-server/services/object-garbage.ts";
import { audit, unsoundIndexes } from "../support/audit.ts";
import { type Caller, caller } from "../support/calls.ts";
import { freePort } from "../support/free-port.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { type HubProcess, hubProcess } from "../support/hub-process.ts";
import { beginUpload, INTERRUPTED, TRANSFERS } from "../support/interrupted.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";

/** A hub on one folder and one database, which is killed again and again. */
class Victim {
  readonly folder: string;
  readonly options: HubOptions;
  token = "";
  ana: Caller;
  #next: HubProcess;
  #running: HubProcess | undefined;
  #here: TestHub | undefined;

  private constructor(folder: string, options: HubOptions) {
    [this.folder, this.options] = [folder, options];
    this.ana = caller("", undefined);
    this.#next = hubProcess();
  }

  static async begin(more: HubOptions = {}): Promise<Victim> {
    const folder = await mkdtemp(join(tmpdir(), "abrazo-killed-"));
    const victim = new Victim(folder, { port: await freePort(), dataDir: folder, transfers: TRANSFERS, ...more });
    const hub = await victim.here();
    victim.token = await hub.user("ana");
    victim.ana = caller(hub.url, victim.token);
    return victim;
  }

  /** The hub in this process: what the other one left, looked at. */
  async here(): Promise<TestHub> {
    this.#here ??= await testHub(this.options);
    return this.#here;
  }

  /** The hub in a process of its own. */
  async apart(options: HubOptions = {}): Promise<void> {
    await this.#running?.kill();
    await this.#here?.stop();
    this.#here = undefined;
    [this.#running, this.#next] = [this.#next, hubProcess()];
    await this.#running.serve({ ...this.options, ...options });
  }

  async kill(): Promise<void> {
    await this.#running?.kill();
  }

  async end(): Promise<void> {
    await this.#here?.stop();
    await this.#running?.kill();
    await this.#next.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

type Call = (typeof INTERRUPTED)[number] & { repo: string; status: number | undefined; ended: boolean };

/** Begins all calls, each on a repository of its own; what is cut off has no status. */
function beginAll(ana: Caller, round: string) {
  const calls = INTERRUPTED.map((one) => {
    const call: Call = { ...one, repo: `${one.name}-${round}`, status: undefined, ended: false };
    return call;
  });
  const all = calls.map(async (call) => {
    const answer = await call.call(ana, call.repo).catch(() => undefined);
    // An answer whose body is cut off is none.
    const text = await answer?.text().catch(() => undefined);
    if (text !== undefined) call.status = answer?.status;
    call.ended = true;
  });
  return { calls, over: Promise.all(all) };
}
const prepareAll = (ana: Caller, round: string) =>
  Promise.all(INTERRUPTED.map((one) => one.prepare(ana, `${one.name}-${round}`)));

/** Nothing is in between; what was answered has been done; and what has not been done is done by the same call. */
async function lookAtAll(ana: Caller, { calls }: ReturnType<typeof beginAll>): Promise<void> {
  for (const { repo, status, call, state, finish } of calls) {
    const found = await state(ana, repo);
    if (status !== undefined) expect([repo, status, found]).toEqual([repo, 200, "after"]);
    if (found === "before") expect([repo, (await call(ana, repo)).status]).toEqual([repo, 200]);
    expect([repo, await state(ana, repo)]).toEqual([repo, "after"]);
    await finish?.(ana, repo);
  }
}

const namesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .sort();

/** All that is there is whole; and after the next collections all that is there is named. */
async function expectSound(hub: TestHub, ana: Caller): Promise<void> {
  await expect.poll(async () => (await audit(hub.deps)).faults, { timeout: 30_000 }).toEqual([]);
  const { db } = hub.deps;
  const blobs = join(hub.folder, "blobs");
  // Uploads that nobody comes back to go with the next one that begins.
  const longAgo = new Date(Date.now() - 3 * 24 * 3600 * 1000);
  await db.update(uploads).set({ touchedAt: longAgo });
  for (const name of await readdir(join(blobs, "uploads")))
    await utimes(join(blobs, "uploads", name), longAgo, longAgo);
  await ana.ok("POST", "/api/repos/create", { name: "last" });
  await beginUpload(ana, "last");
  const begun = await db.select({ handle: uploads.handle }).from(uploads);
  expect([begun.length, await readdir(join(blobs, "uploads"))]).toEqual([1, begun.map(({ handle }) => handle)]);
  for (let left = 1; left > 0; ) {
    const [stored, objects] = [
      await collectGarbage(hub.deps, { graceMs: -60_000 }),
      await collectObjects(hub.deps, { graceMs: -60_000 }),
    ];
    const again = await collectObjects(hub.deps, { graceMs: -60_000 });
    left = [stored, objects, again].flatMap((removed) => Object.values(removed)).reduce((sum, count) => sum + count, 0);
  }
  const found = await audit(hub.deps);
  expect(found.faults).toEqual([]);
  expect({
    commits: await db.$count(commits),
    trees: await db.$count(trees),
    contents: await db.$count(contents),
  }).toEqual({ commits: found.commits, trees: found.trees, contents: found.contents });
  const named = new Set<string | null>();
  for (const { sha256 } of await db.select({ sha256: lfsObjects.sha256 }).from(lfsObjects)) named.add(sha256);
  const isBlob = and(isNotNull(contents.sha256), eq(contents.isLfs, false));
  for (const { sha256 } of await db.select({ sha256: contents.sha256 }).from(contents).where(isBlob)) named.add(sha256);
  expect((await db.select().from(storedBlobs)).map(({ sha256 }) => sha256).sort()).toEqual([...named].sort());
  expect((await namesIn(blobs)).filter((name) => /^[0-9a-f]{64}$/.test(name))).toEqual([...named].sort());
  expect(await readdir(join(blobs, "incoming"))).toEqual([]);
  expect(await readdir(join(hub.folder, "git", "incoming"))).toEqual([]);
  const there = new Set((await db.select({ id: repos.id }).from(repos)).map(({ id }) => id));
  expect((await readdir(join(hub.folder, "git", "repositories"))).filter((id) => !there.has(id))).toEqual([]);
}

/** Stands between a hub and its database: once told so, what the database answers to a COMMIT gets lost, and all behind it. */
async function losingCommits(target: string) {
  const { hostname, port } = new URL(target);
  const state = { url: target, armed: false, lost: 0, stop: () => {} };
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    let isLost = false;
    client.pipe(upstream);
    upstream.on("data", (bytes: Buffer) => {
      if (state.armed && !isLost && bytes.includes("COMMIT\0")) {
        isLost = true;
        state.lost++;
      }
      if (!isLost) client.write(bytes);
    });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on("error", () => {});
      one.on("close", () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("the proxy does not listen");
  state.url = target.replace(`${hostname}:${port}`, `127.0.0.1:${address.port}`);
  state.stop = () => server.close();
  return state;
}

describe("killed on Postgres", () => {
  let server: TestPostgres;
  let database: string;
  let victim: Victim;
  let sql: postgres.Sql;

  beforeAll(async () => {
    server = await startPostgres();
    database = await server.database("hub");
    sql = postgres(database, { max: 2, onnotice: () => {} });
    victim = await Victim.begin({ databaseUrl: database });
  });
  afterAll(async () => {
    await victim?.end();
    await sql?.end();
    await server?.stop();
  });

  /** Waits until all calls have ended or stand still; on a slow machine no longer than a while: every moment is one to be killed at. */
  async function standing({ calls }: ReturnType<typeof beginAll>, still: () => Promise<number>): Promise<void> {
    let [before, since] = [-1, performance.now()];
    for (const until = performance.now() + 20_000; performance.now() < until; await sleep(20)) {
      const waiting = await still();
      const ended = calls.filter((call) => call.ended).length;
      if (waiting + ended >= calls.length) return;
      if (waiting + ended !== before) [before, since] = [waiting + ended, performance.now()];
      if (waiting > 0 && performance.now() - since > 1000) return;
    }
  }

  const waitingForLocks = async (): Promise<number> => {
    const [row] = await sql<{ count: number }[]>`
      select count(*)::int as count from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`;
    return row?.count ?? 0;
  };

  /** What the killed process had begun is over, before the lock goes: nothing of it is done afterwards. */
  async function endConnections(keep: number): Promise<void> {
    const others = async () => sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and pid <> ${keep} and backend_type = 'client backend'`;
    await expect.poll(async () => (await others()).length, { timeout: 20_000 }).toBe(0);
  }

  it.each([
    ["what comes first", ["contents", "stored_blobs", "redirects", "discussions"]],
    ["what comes last", ["refs", "lfs_objects", "uploads"]],
  ])("before %s is written: rows of %j", { timeout: 300_000 }, async (what, tables) => {
    const round = what.replace(/.* /, "");
    await victim.apart();
    await prepareAll(victim.ana, round);
    const holder = await sql.reserve();
    await holder`begin`;
    for (const table of tables) await holder`lock table ${sql(table)} in exclusive mode`;
    const begun = beginAll(victim.ana, round);
    try {
      await standing(begun, waitingForLocks);
      await victim.kill();
      const [row] = await holder<{ pid: number }[]>`select pg_backend_pid() as pid`;
      await endConnections(row?.pid ?? 0);
    } finally {
      await holder`rollback`;
      holder.release();
    }
    await begun.over;
    expect(begun.calls.some(({ status }) => status === undefined)).toBe(true);
    await victim.here();
    await lookAtAll(victim.ana, begun);
  });

  it("after a transaction was committed, before the hub knows", { timeout: 300_000 }, async () => {
    const proxy = await losingCommits(database);
    try {
      await victim.apart({ databaseUrl: proxy.url });
      await prepareAll(victim.ana, "committed");
      proxy.armed = true;
      const begun = beginAll(victim.ana, "committed");
      await standing(begun, async () => proxy.lost);
      await victim.kill();
      await begun.over;
      expect(begun.calls.some(({ status }) => status === undefined)).toBe(true);
      await victim.here();
      await lookAtAll(victim.ana, begun);
    } finally {
      proxy.stop();
    }
  });

  it("leaves nothing that is not whole, and nothing that nobody takes away", { timeout: 300_000 }, async () => {
    await expectSound(await victim.here(), victim.ana);
  });
});

describe("killed on the embedded database", () => {
  const KILLS = 2;
  let victim: Victim;
  let took = 0;

  beforeAll(async () => {
    victim = await Victim.begin();
  });
  afterAll(() => victim?.end());

  it("nothing is: every call does what it says", { timeout: 300_000 }, async () => {
    await prepareAll(victim.ana, "whole");
    for (const one of INTERRUPTED)
      expect([one.name, await one.state(victim.ana, `${one.name}-whole`)]).toEqual([one.name, "before"]);
    const started = performance.now();
    const begun = beginAll(victim.ana, "whole");
    await begun.over;
    took = performance.now() - started;
    expect(begun.calls.map(({ status }) => status)).toEqual(INTERRUPTED.map(() => 200));
    await lookAtAll(victim.ana, begun);
  });

  it.each(Array.from({ length: KILLS }, (_, at) => (at + 0.5) / KILLS))(
    "at %f of the time that all calls take",
    { timeout: 300_000 },
    async (share) => {
      await victim.apart();
      const round = `${Math.round(share * 100)}`;
      await prepareAll(victim.ana, round);
      const begun = beginAll(victim.ana, round);
      await sleep(took * share);
      await victim.kill();
      await begun.over;
      await victim.here();
      await lookAtAll(victim.ana, begun);
    },
  );

  it("leaves nothing that is not whole, and nothing that nobody takes away", { timeout: 300_000 }, async () => {
    const hub = await victim.here();
    await expectSound(hub, victim.ana);
    expect(await unsoundIndexes(hub.deps)).toEqual([]);
  });
});
