// What every blob store promises: bytes by their SHA-256, whole or not at all, however they come.
import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BlobStore, Range } from "../../hub-server/storage/blobs.ts";

const MIB = 1024 * 1024;

export interface StoreUnderTest {
  store: BlobStore;
  /** How many things the store keeps, finished or not, besides blobs that were put. */
  leftovers(): Promise<number>;
  stop(): Promise<void>;
}

const expectedOf = (bytes: Uint8Array) => ({
  sha256: createHash("sha256").update(bytes).digest("hex"),
  size: bytes.length,
});

async function* inChunks(bytes: Uint8Array, size = 64 * 1024): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function* failing(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(0, bytes.length >> 1);
  throw new Error("the client went away");
}

export function storageSuite(name: string, start: () => Promise<StoreUnderTest>): void {
  describe(`blobs on ${name}`, () => {
    let tested: StoreUnderTest;
    let store: BlobStore;

    beforeAll(async () => {
      tested = await start();
      ({ store } = tested);
    });
    afterAll(() => tested?.stop());

    const read = async (sha256: string, range?: Range): Promise<Buffer> => {
      const chunks: Buffer[] = [];
      for await (const chunk of await store.open(sha256, range)) chunks.push(Buffer.from(chunk));
      return Buffer.concat(chunks);
    };

    it.each([0, 1, 65_536, 3 * MIB + 1, 21 * MIB + 5])("keeps %i bytes", async (size) => {
      const bytes = randomBytes(size);
      const expected = expectedOf(bytes);
      expect(await store.has(expected.sha256)).toBe(false);
      await store.put(inChunks(bytes), expected);
      expect(await store.has(expected.sha256)).toBe(true);
      expect((await read(expected.sha256)).equals(bytes)).toBe(true);
      await store.put(inChunks(bytes), expected);
      expect((await read(expected.sha256)).equals(bytes)).toBe(true);
    });

    it("gives ranges", async () => {
      const bytes = randomBytes(2 * MIB);
      const { sha256, size } = expectedOf(bytes);
      await store.put(inChunks(bytes), { sha256, size });
      for (const [begin, end] of [
        [0, 1],
        [10, 20],
        [MIB - 1, MIB + 1],
        [size - 1, size],
        [0, size],
        [7, 7],
      ] as const)
        expect((await read(sha256, { start: begin, end })).equals(bytes.subarray(begin, end))).toBe(true);
    });

    const sent = randomBytes(12 * MIB);
    it.each([
      ["too few bytes", sent.subarray(0, sent.length - 1)],
      ["too many bytes", Buffer.concat([sent, sent.subarray(0, 1)])],
      ["other bytes", randomBytes(sent.length)],
    ])("refuses %s and keeps nothing of them", async (_, bytes) => {
      const expected = expectedOf(sent);
      const before = await tested.leftovers();
      await expect(store.put(inChunks(bytes), expected)).rejects.toMatchObject({
        status: 400,
        code: "UPLOAD_MISMATCH",
      });
      expect(await store.has(expected.sha256)).toBe(false);
      expect(await tested.leftovers()).toBe(before);
    });

    it.each([2 * MIB, 20 * MIB])("keeps nothing of %i bytes whose sender went away", async (size) => {
      const bytes = randomBytes(size);
      const expected = expectedOf(bytes);
      const before = await tested.leftovers();
      await expect(store.put(failing(bytes), expected)).rejects.toThrow("went away");
      expect(await store.has(expected.sha256)).toBe(false);
      expect(await tested.leftovers()).toBe(before);
    });

    it("deletes, also what is not there", async () => {
      const bytes = randomBytes(100);
      const expected = expectedOf(bytes);
      await store.put(inChunks(bytes), expected);
      await store.delete(expected.sha256);
      await store.delete(expected.sha256);
      expect(await store.has(expected.sha256)).toBe(false);
    });

    const PART = 5 * MIB;
    const whole = randomBytes(2 * PART + 1234);
    const partAt = (number: number) => ({
      number,
      start: (number - 1) * PART,
      size: Math.min(PART, whole.length - (number - 1) * PART),
    });
    const bytesOf = (number: number) => {
      const { start: begin, size } = partAt(number);
      return whole.subarray(begin, begin + size);
    };

    it("takes parts in any order, and again", async () => {
      const expected = expectedOf(whole);
      const handle = await store.startParts(expected);
      const etags = new Map<number, string>();
      await store.putPart(handle, partAt(2), inChunks(randomBytes(PART)));
      for (const number of [3, 1, 2])
        etags.set(number, await store.putPart(handle, partAt(number), inChunks(bytesOf(number))));
      expect(await store.has(expected.sha256)).toBe(false);
      const parts = [1, 2, 3].map((number) => ({ number, etag: etags.get(number) ?? "" }));
      await store.finishParts(handle, parts, expected);
      expect((await read(expected.sha256)).equals(whole)).toBe(true);
      // As whoever died before it was written down does; nothing comes in the place of what was checked.
      parts[0] = { number: 1, etag: await store.putPart(handle, partAt(1), inChunks(randomBytes(PART))) };
      await store.finishParts(handle, parts, expected);
      expect((await read(expected.sha256)).equals(whole)).toBe(true);
      await store.endParts(handle);
      expect(await tested.leftovers()).toBe(0);
      await store.delete(expected.sha256);
    });

    it.each([
      ["shorter", whole.subarray(0, 100)],
      ["longer", Buffer.concat([whole, whole])],
    ])("refuses a part that is %s than it should be", async (_, bytes) => {
      const handle = await store.startParts(expectedOf(whole));
      await expect(store.putPart(handle, partAt(1), inChunks(bytes))).rejects.toMatchObject({ status: 400 });
      await store.endParts(handle);
      expect(await tested.leftovers()).toBe(0);
    });

    it("refuses parts that are together something else, and keeps nothing of them", async () => {
      const expected = expectedOf(whole);
      const handle = await store.startParts(expected);
      const parts = [];
      for (const number of [1, 2, 3]) {
        const bytes = number === 2 ? randomBytes(PART) : bytesOf(number);
        parts.push({ number, etag: await store.putPart(handle, partAt(number), inChunks(bytes)) });
      }
      await expect(store.finishParts(handle, parts, expected)).rejects.toMatchObject({ code: "UPLOAD_MISMATCH" });
      expect(await store.has(expected.sha256)).toBe(false);
      expect(await tested.leftovers()).toBe(0);
    });

    it("gives up an upload in parts, also twice", async () => {
      const handle = await store.startParts(expectedOf(whole));
      await store.putPart(handle, partAt(1), inChunks(bytesOf(1)));
      await store.endParts(handle);
      await store.endParts(handle);
      expect(await tested.leftovers()).toBe(0);
    });

    it("takes the same blob from several at once", async () => {
      const bytes = randomBytes(MIB);
      const expected = expectedOf(bytes);
      await Promise.all(Array.from({ length: 5 }, () => store.put(Readable.from([bytes]), expected)));
      expect((await read(expected.sha256)).equals(bytes)).toBe(true);
    });
  });
}
