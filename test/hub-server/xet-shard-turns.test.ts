// Shards and those who wait: neither one that comes slowly nor a long answer stops others.
import { expect, test } from "vitest";
import { takeShard } from "../../hub-server/services/xet-upload.ts";
import { parseShard, writeDedupShard } from "../../hub-server/xet/shard.ts";
import { ChunkTable } from "../../hub-server/xet/xorb.ts";

const empty = await writeDedupShard([], { key: new Uint8Array(32), hide: (hash) => hash, created: 0, expires: 0 });

async function* whole() {
  yield empty;
}

test("a large shard that is still on its way stops no other; one that is there waits for the one before", async () => {
  let finish = () => {};
  const ended = new Promise<void>((resolve) => {
    finish = resolve;
  });
  async function* slow() {
    yield empty.subarray(0, 50);
    await ended;
    yield empty.subarray(50);
  }
  const late = takeShard(slow(), undefined);
  const first = await takeShard(whole(), undefined);
  expect(first.shard).toEqual({ files: [], xorbs: [] });
  const order: string[] = [];
  const second = takeShard(whole(), undefined).then((held) => {
    order.push("second");
    return held;
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  order.push("release");
  first.release();
  (await second).release();
  expect(order).toEqual(["release", "second"]);
  finish();
  const last = await late;
  expect(last.shard).toEqual({ files: [], xorbs: [] });
  last.release();
});

test("a large shard that is refused gives its turn back", async () => {
  async function* broken() {
    yield new Uint8Array(100);
  }
  await expect(takeShard(broken(), undefined)).rejects.toMatchObject({ code: "XET_REFUSED" });
  (await takeShard(whole(), undefined)).release();
});

test("an answer with very many chunks lets others have their turn", async () => {
  const table = new ChunkTable(new Uint8Array(8192 * 40));
  let turns = 0;
  let done = false;
  const count = () => {
    turns++;
    if (!done) setImmediate(count);
  };
  setImmediate(count);
  const xorbs = [{ hash: "0".repeat(64), table }];
  await writeDedupShard(xorbs, { key: new Uint8Array(32), hide: (hash) => hash, created: 0, expires: 0 });
  done = true;
  expect(turns).toBeGreaterThanOrEqual(3);
});

test("a shard with more files than any commit, or xorbs without chunks, is refused", () => {
  const header = empty.subarray(0, 48);
  const end = empty.subarray(48, 96);
  const record = Buffer.alloc(48);
  const files = (count: number) => Buffer.concat([header, Buffer.alloc(count * 48), end, end]);
  expect(parseShard(files(100_000)).files).toHaveLength(100_000);
  expect(() => parseShard(files(100_001))).toThrow("The shard has more than 100000 files.");
  expect(() => parseShard(Buffer.concat([header, end, record, end]))).toThrow("has no chunks");
});
