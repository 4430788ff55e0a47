// Files beyond what 32 and 36 bits can count, by Xet. Nobody uploads 68 GB in a test: a file of one xorb is made, in the
// database, the same xorb thousands of times over. From there on all is as with any other: commit, plan, bytes by both ways.
import { downloadFile, fileDownloadInfo } from "@huggingface/hub";
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { xetFiles } from "../../hub-server/db/schema/xet.ts";
import { lfsObjects } from "../../hub-server/db/schema.ts";
import { packTerms } from "../../hub-server/xet/shard.ts";
import { check } from "../clients/conformance/harness.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { Cas, hashOf, makeXorb, noise, pieces, sha256Of, type TestFile, XetClient } from "../support/xet.ts";

const CHUNK = 128 * 1024;
/** 8 MiB and some bytes, so that powers of two lie in the middle of chunks. */
const TERM = 64 * CHUNK + 4321;
const COUNT = 8400;
const SIZE = TERM * COUNT;

describe("files of more than 50 GB", () => {
  let hub: TestHub;
  let token: string;
  let ana: XetClient;
  let file: TestFile;
  const data = noise("huge", TERM);
  /** What a range of the file has. */
  const bytesAt = (start: number, end: number) =>
    Buffer.from(Array.from({ length: end - start }, (_, index) => data[(start + index) % TERM] ?? 0));

  beforeAll(async () => {
    hub = await testHub();
    token = await hub.user("ana");
    ana = new XetClient(hub.url, token);
    await ana.createRepo("huge");
    const xorb = makeXorb(pieces(data, CHUNK));
    file = { terms: [{ xorb, start: 0, end: xorb.chunks.length }] };
    await ana.upload("ana/huge", file);
    const term = { xorb: xorb.hash, start: 0, end: xorb.chunks.length, size: TERM };
    const terms = packTerms(Array<typeof term>(COUNT).fill(term), COUNT);
    await hub.deps.db
      .update(xetFiles)
      .set({ size: SIZE, terms })
      .where(eq(xetFiles.hash, hashOf(file)));
    await hub.deps.db
      .update(lfsObjects)
      .set({ size: SIZE })
      .where(eq(lfsObjects.sha256, sha256Of(file)));
    const lines = [
      { key: "header", value: { summary: "Add a huge file" } },
      { key: "lfsFile", value: { path: "huge.bin", algo: "sha256", oid: sha256Of(file), size: SIZE } },
    ];
    const committed = await fetch(`${hub.url}/api/models/ana/huge/commit/main`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/x-ndjson" },
      body: lines.map((line) => JSON.stringify(line)).join("\n"),
    });
    expect(committed.status, await committed.text()).toBe(200);
  });
  afterAll(() => hub?.stop());

  /** Around 4 GiB, 64 GiB, and at the end. */
  const places = [2 ** 32, 2 ** 36, SIZE - 25].map((at) => [at - 50, at + 25] as const);

  check(80, "a file of 70 GB by Xet: its length, the plan and the bytes above 2^32 and 2^36", async () => {
    expect(SIZE).toBeGreaterThan(2 ** 36);
    const head = await ana.call("HEAD", "/ana/huge/resolve/main/huge.bin");
    expect([head.headers.get("x-xet-hash"), head.headers.get("x-linked-size")]).toEqual([hashOf(file), `${SIZE}`]);
    expect(head.headers.get("content-length")).toBe(`${SIZE}`);
    const cas = new Cas(await ana.token("read", "ana/huge"));
    for (const [start, end] of places) {
      const plan = await (await cas.plan(hashOf(file), `${start}-${end - 1}`)).json();
      const inTerm = start % TERM;
      expect(plan).toMatchObject({
        offset_into_first_range: inTerm % CHUNK,
        terms: [{ range: { start: Math.floor(inTerm / CHUNK) } }],
      });
      const got = await fetch(`${hub.url}/ana/huge/resolve/main/huge.bin`, {
        headers: { authorization: `Bearer ${token}`, range: `bytes=${start}-${end - 1}` },
      });
      expect([got.status, got.headers.get("content-range")]).toEqual([206, `bytes ${start}-${end - 1}/${SIZE}`]);
      expect(Buffer.from(await got.arrayBuffer()).equals(bytesAt(start, end))).toBe(true);
    }
    expect((await cas.plan(hashOf(file), `${SIZE}-${SIZE + 9}`)).headers.get("content-range")).toBe(`bytes */${SIZE}`);
    const whole: { terms: unknown[] } = await (await cas.plan(hashOf(file))).json();
    expect(whole.terms).toHaveLength(COUNT);
  });

  check(80, "JavaScript's slices of a file of 70 GB, by Xet and by HTTP", async () => {
    const at = { repo: "ana/huge", hubUrl: hub.url, accessToken: token, path: "huge.bin" };
    expect((await fileDownloadInfo(at))?.size).toBe(SIZE);
    for (const xet of [true, false]) {
      const blob = await downloadFile({ ...at, xet });
      for (const [start, end] of places) {
        const part = Buffer.from((await blob?.slice(start, end).arrayBuffer()) ?? new ArrayBuffer(0));
        expect([xet, start, part.equals(bytesAt(start, end))]).toEqual([xet, start, true]);
      }
    }
  });
});
