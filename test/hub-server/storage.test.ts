// The two blob stores by one suite, and what each has of its own: the disk's safety, S3's signed addresses.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { DiskBlobStore } from "../../hub-server/storage/disk-blobs.ts";
import { presignedGet } from "../../hub-server/storage/presign.ts";
import { S3BlobStore } from "../../hub-server/storage/s3-blobs.ts";
import { Spool } from "../../hub-server/storage/spool.ts";
import { packageFile } from "../../src/package-root.ts";
import { canMount } from "../support/mount.ts";
import { startS3, type TestS3 } from "../support/s3-server.ts";
import { storageSuite } from "./storage.suite.ts";

const names = async (folder: string): Promise<string[]> =>
  (await Promise.all(["incoming", "uploads"].map((name) => readdir(join(folder, name))))).flat();

storageSuite("disk", async () => {
  const folder = await mkdtemp(join(tmpdir(), "abrazo-blobs-"));
  return {
    store: await DiskBlobStore.create(folder),
    leftovers: async () => (await names(folder)).length,
    stop: () => rm(folder, { recursive: true }),
  };
});

/** A bucket, and the credentials for it where Amazon's client looks for them. */
async function withCredentials(): Promise<TestS3> {
  const s3 = await startS3();
  for (const [name, value] of Object.entries(s3.credentials)) vi.stubEnv(name, value);
  return s3;
}

storageSuite("S3", async () => {
  const s3 = await withCredentials();
  const { bucket, region, url: endpoint } = s3;
  return {
    store: await S3BlobStore.create({ bucket, region, endpoint, prefix: "hub/" }),
    leftovers: async () => s3.openUploads() + s3.keys().filter((key) => key.includes("incoming/")).length,
    stop: async () => {
      await s3.stop();
      vi.unstubAllEnvs();
    },
  };
});

describe("the disk", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "abrazo-blobs-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("has nothing half-written after the process is killed in the middle of uploads", async () => {
    const script = `
      import { randomBytes } from "node:crypto";
      import { DiskBlobStore } from ${JSON.stringify(packageFile("hub-server", "storage", "disk-blobs.ts"))};
      const store = await DiskBlobStore.create(${JSON.stringify(folder)});
      async function* slow() { for (;;) { yield randomBytes(100_000); await new Promise((r) => setTimeout(r, 5)); } }
      for (let at = 0; at < 3; at++) store.put(slow(), { sha256: "0".repeat(64), size: 1e12 });
      setTimeout(() => console.log("writing"), 300);
    `;
    const child: ChildProcess = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
      cwd: packageFile(),
    });
    await new Promise<void>((resolve, reject) => {
      child.stdout?.once("data", () => resolve());
      child.stderr?.once("data", (text: Buffer) => reject(new Error(String(text))));
    });
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
    expect((await names(folder)).length).toBe(3);
    const store = await DiskBlobStore.create(folder);
    expect(await names(folder)).toEqual([]);
    expect(await store.has("0".repeat(64))).toBe(false);
  });

  it("keeps parts over a restart, and forgets those that nobody came back to", async () => {
    const store = await DiskBlobStore.create(folder);
    const bytes = randomBytes(1000);
    const expected = { sha256: createHash("sha256").update(bytes).digest("hex"), size: 1000 };
    const handle = await store.startParts();
    const etag = await store.putPart(
      handle,
      { number: 1, start: 0, size: 500 },
      Readable.from([bytes.subarray(0, 500)]),
    );
    const again = await DiskBlobStore.create(folder);
    const second = await again.putPart(
      handle,
      { number: 2, start: 500, size: 500 },
      Readable.from([bytes.subarray(500)]),
    );
    await again.finishParts(
      handle,
      [
        { number: 1, etag },
        { number: 2, etag: second },
      ],
      expected,
    );
    expect(await again.has(expected.sha256)).toBe(true);
    await again.endParts(handle);
    const old = await again.startParts();
    const longAgo = new Date(Date.now() - 3 * 24 * 3600 * 1000);
    await utimes(join(folder, "uploads", old), longAgo, longAgo);
    await DiskBlobStore.create(folder);
    expect(await names(folder)).toEqual([]);
  });

  const mountable = canMount();
  it.skipIf(!mountable)(
    `says that it is full, and keeps nothing${mountable ? "" : " (skipped: no right to mount)"}`,
    async () => {
      const small = join(folder, "small");
      execFileSync("mkdir", ["-p", small]);
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", small]);
      try {
        const store = await DiskBlobStore.create(small);
        const bytes = randomBytes(8 * 1024 * 1024);
        const expected = { sha256: createHash("sha256").update(bytes).digest("hex"), size: bytes.length };
        async function* source() {
          for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
        }
        await expect(store.put(source(), expected)).rejects.toMatchObject({ status: 507, code: "DISK_FULL" });
        expect(await names(small)).toEqual([]);
        const less = bytes.subarray(0, 1024 * 1024 + 10_000);
        await store.put(Readable.from([less]), {
          sha256: createHash("sha256").update(less).digest("hex"),
          size: less.length,
        });
        // What fits in part is not taken for written: somewhat less than 3 MiB are left.
        vi.stubEnv("TMPDIR", small);
        const spool = new Spool();
        const fill = async () => {
          for (let at = 0; at < 3; at++) await spool.append(randomBytes(1024 * 1024));
        };
        const filled = fill().finally(() => spool.close());
        await expect(filled).rejects.toMatchObject({ status: 507, code: "DISK_FULL" });
      } finally {
        vi.unstubAllEnvs();
        execFileSync("umount", [small]);
      }
    },
  );
});

describe("S3", () => {
  let s3: TestS3;
  beforeAll(async () => {
    s3 = await withCredentials();
  });
  afterAll(async () => {
    await s3.stop();
    vi.unstubAllEnvs();
  });
  const options = () => ({ bucket: s3.bucket, region: s3.region, endpoint: s3.url });

  it("signs addresses as Amazon's own example has it", () => {
    const signed = presignedGet({
      url: new URL("https://examplebucket.s3.amazonaws.com/test.txt"),
      region: "us-east-1",
      credentials: { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" },
      seconds: 86_400,
      query: {},
      now: new Date("2013-05-24T00:00:00.000Z"),
    });
    expect(new URL(signed).searchParams.get("X-Amz-Signature")).toBe(
      "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
    );
  });

  it("gives links that hold for a time, with the type and name that the answer is to have", async () => {
    const store = await S3BlobStore.create(options());
    const bytes = Buffer.from("hello");
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    await store.put(Readable.from([bytes]), { sha256, size: 5 });
    const contentDisposition = `inline; filename*=UTF-8''x%20y.txt; filename="x y.txt";`;
    const link = (seconds: number) => store.link?.(sha256, { seconds, contentType: "text/plain", contentDisposition });
    const response = await fetch((await link(60)) ?? "", { headers: { range: "bytes=1-2" } });
    expect([response.status, await response.text()]).toEqual([206, "el"]);
    expect(response.headers.get("content-disposition")).toBe(contentDisposition);
    expect(response.headers.get("content-type")).toBe("text/plain");
    const shortLived = (await link(1)) ?? "";
    await sleep(1500);
    expect((await fetch(shortLived)).status).toBe(403);
    expect((await fetch(((await link(60)) ?? "").replace("text%2Fplain", "text%2Fhtml"))).status).toBe(403);
    const streaming = await S3BlobStore.create({ ...options(), redirect: false });
    expect(streaming.link).toBeUndefined();
  });

  it("says what is wrong with a bucket that cannot be used", async () => {
    await expect(S3BlobStore.create({ ...options(), bucket: "none" })).rejects.toMatchObject({
      code: "S3_BUCKET",
      message: expect.stringContaining('"none"'),
    });
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "another");
    await expect(S3BlobStore.create(options())).rejects.toMatchObject({ code: "S3_BUCKET" });
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", s3.credentials.AWS_SECRET_ACCESS_KEY);
  });

  it("keeps nothing of parts that S3 lost", async () => {
    const store = await S3BlobStore.create(options());
    const handle = await store.startParts();
    await expect(
      store.finishParts(handle, [{ number: 1, etag: "gone" }], { sha256: "0".repeat(64), size: 1 }),
    ).rejects.toThrow();
    expect(s3.openUploads()).toBe(0);
  });
});
