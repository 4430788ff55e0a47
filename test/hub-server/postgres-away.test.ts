// A Postgres that goes away in the middle of calls, crashed and shut down, and comes back: calls meanwhile are told to come again, the
// hub goes on by itself, and what it acknowledged is there.
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import * as hf from "@huggingface/hub";
import { afterAll, beforeAll, expect, it } from "vitest";
import { audit, unsoundIndexes } from "../support/audit.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { noise } from "../support/xet.ts";

const repo = { type: "model", name: "ana/kept" } as const;
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

let server: TestPostgres;
let hub: TestHub;
let accessToken: string;

beforeAll(async () => {
  server = await startPostgres();
  hub = await testHub({ databaseUrl: await server.database("hub") });
  accessToken = await hub.user("ana");
  await hf.createRepo({ hubUrl: hub.url, accessToken, repo });
});
afterAll(async () => {
  await hub?.stop();
  await server?.stop();
});

/** What was refused, as status, code and when to come again; pages apart. */
const refusals = new Set<string>();
const pages = new Set<string>();
const watched: typeof fetch = async (input, init) => {
  const answer = await fetch(input, init);
  // A page tells it in its words.
  const page = /text.html/.test(answer.headers.get("content-type") ?? "") ? await answer.clone().text() : "";
  if (page !== "" && !answer.ok) pages.add(`${answer.status} ${page.includes("cannot be reached at the moment")}`);
  else if (!answer.ok && answer.headers.get("x-error-code") !== "XET_NOT_FOUND")
    refusals.add(`${answer.status} ${answer.headers.get("x-error-code")} ${answer.headers.get("retry-after")}`);
  return answer;
};

it("commits, pushes of large files and reads while Postgres is restarted", async () => {
  const client = { hubUrl: hub.url, accessToken, fetch: watched };
  const kept: { commit: string; path: string; sha256: string }[] = [];
  let over = false;
  const writer = async (number: number) => {
    for (let turn = 0; !over; turn++) {
      const length = [900, 90_000, 700_000][(number + turn) % 3] ?? 0;
      const path = `writer-${number}/${turn}-${length}.bin`;
      const content = noise(path, length);
      const files = [{ path, content: new Blob([Uint8Array.from(content)]) }];
      await hf
        .uploadFiles({ ...client, repo, files, useXet: turn % 2 === 0 })
        .then((pushed) => kept.push({ commit: pushed?.commit.oid ?? "", path, sha256: sha256(content) }))
        .catch(async (error: unknown) => {
          if (!(error instanceof hf.HubApiError)) throw error;
          await sleep(50);
        });
    }
  };
  const reader = async (path: string, accept: string) => {
    for (; !over; await sleep(20)) await (await watched(`${hub.url}${path}`, { headers: { accept } })).arrayBuffer();
  };
  const going = Promise.all([
    ...[0, 1, 2].map(writer),
    reader("/api/models/ana/kept", "*/*"),
    reader("/ana/kept", "text/html"),
    reader("/ana/kept/resolve/main/.gitattributes", "*/*"),
  ]);
  going.catch(() => {});
  for (const how of ["crash", "shutdown", "crash"] as const) {
    const before = kept.length;
    await expect.poll(() => kept.length, { interval: 20 }).toBeGreaterThan(before + 3);
    await server.halt(how);
    await sleep(300);
    await server.resume();
  }
  const before = kept.length;
  await expect.poll(() => kept.length, { interval: 20 }).toBeGreaterThan(before + 3);
  over = true;
  await going;
  expect([...refusals].filter((each) => !each.startsWith("503 DATABASE_AWAY "))).toEqual([]);
  expect(refusals.size).toBeGreaterThan(0);
  expect([...pages]).toEqual(["503 true"]);
  for (const { commit, path, sha256: expected } of kept) {
    const file = await hf.downloadFile({ hubUrl: hub.url, accessToken, repo, path, revision: commit });
    expect(sha256(new Uint8Array((await file?.arrayBuffer()) ?? [])), path).toBe(expected);
  }
  await expect.poll(async () => (await audit(hub.deps)).faults).toEqual([]);
  expect(await unsoundIndexes(hub.deps)).toEqual([]);
});
