// Large shards are held one at a time; one that comes slowly keeps nobody waiting.
import { expect, test } from "vitest";
import { takeShard } from "../../hub-server/services/xet-upload.ts";
import { writeDedupShard } from "../../hub-server/xet/shard.ts";

const empty = writeDedupShard([], { key: new Uint8Array(32), hide: (hash) => hash, created: 0, expires: 0 });

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
