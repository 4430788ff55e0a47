// A hub whose disk fills up in the middle of uploads, by every door: each is told so, nothing half-written is visible, reads go on, and
// with room made all of it works.
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { audit, unsoundIndexes } from "../support/audit.ts";
import { type Caller, caller, file } from "../support/calls.ts";
import { type Git, gitHome, withToken } from "../support/git.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { canMount } from "../support/mount.ts";
import { Cas, makeXorb, noise, pieces, XetClient } from "../support/xet.ts";

const MIB = 1024 * 1024;
const REPO = "/api/models/ana/m";
const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");
const mountable = canMount();

describe.skipIf(!mountable)(`a full disk${mountable ? "" : " (skipped: no right to mount)"}`, () => {
  let disk: string;
  let hub: TestHub;
  let git: Git;
  let token: string;
  let ana: Caller;

  beforeAll(async () => {
    disk = await mkdtemp(join(tmpdir(), "abrazo-full-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=256m", "tmpfs", disk]);
    vi.stubEnv("TMPDIR", disk);
    git = await gitHome();
    await start();
    token = await hub.user("ana");
    ana = caller(hub.url, token);
    await ana.ok("POST", "/api/repos/create", { name: "m" });
    await ana.commit(REPO, "main", [file("a.txt", "a")]);
  });
  afterAll(async () => {
    await hub?.stop();
    await git?.remove();
    vi.unstubAllEnvs();
    if (disk === undefined) return;
    execFileSync("umount", [disk]);
    await rm(disk, { recursive: true });
  });

  async function start(): Promise<void> {
    hub = await testHub({ dataDir: join(disk, "data"), transfers: { partSize: 5 * MIB, multipartAbove: 10 * MIB } });
  }
  /** Leaves so many bytes of the disk. */
  async function leave(bytes: number): Promise<void> {
    await makeRoom();
    const { bavail, bsize } = await statfs(disk);
    await writeFile(join(disk, "ballast"), new Uint8Array(Math.max(0, bavail * bsize - bytes)));
  }
  const makeRoom = () => rm(join(disk, "ballast"), { force: true });
  const head = async () => (await ana.ok<{ sha: string }>("GET", REPO)).sha;
  const incoming = async () =>
    (await Promise.all(["blobs/incoming", "git/incoming"].map((name) => readdir(join(disk, "data", name))))).flat();

  it("refuses large files, chunks, commits and pushes, and takes them once there is room", {
    timeout: 120_000,
  }, async () => {
    const upload = async (bytes: Uint8Array) => {
      const oid = sha256(bytes);
      const asked = { operation: "upload", transfers: ["basic", "multipart"], objects: [{ oid, size: bytes.length }] };
      const { objects } = await ana.ok<{
        objects: { actions?: { upload: { href: string; header: Record<string, string> } } }[];
      }>("POST", "/ana/m.git/info/lfs/objects/batch", asked);
      const { href = "", header = {} } = objects[0]?.actions?.upload ?? {};
      const numbered = Object.entries(header).filter(([key]) => /^\d+$/.test(key));
      if (numbered.length === 0) return fetch(href, { method: "PUT", body: Uint8Array.from(bytes) });
      const parts = [];
      for (const [name, link] of numbered) {
        const number = Number(name);
        const answer = await fetch(link, {
          method: "PUT",
          body: Uint8Array.from(bytes.subarray((number - 1) * 5 * MIB, number * 5 * MIB)),
        });
        if (!answer.ok) return answer;
        parts.push({ partNumber: number, etag: answer.headers.get("etag") });
      }
      return fetch(href, { method: "POST", body: JSON.stringify({ oid, parts }) });
    };
    const data = pieces(noise("chunks", 9 * MIB), 100_000);
    const xorb = makeXorb(data);
    const cas = new Cas(await new XetClient(hub.url, token).token("write", "ana/m"));
    const commit = (text: string) =>
      ana.call(
        "POST",
        `${REPO}/commit/main`,
        undefined,
        [{ key: "header", value: { summary: "x" } }, file("long.txt", text)]
          .map((line) => JSON.stringify(line))
          .join("\n"),
      );
    const whole = randomBytes(8 * MIB);
    const inParts = randomBytes(12 * MIB);
    const text = randomBytes(3 * MIB).toString("hex");
    const mine = withToken(`${hub.url}/ana/m`, token);
    await git.ok("", "clone", "--quiet", mine, "m");
    await git.commit("m", { "pushed.txt": randomBytes(4 * MIB).toString("hex") });
    const before = await head();
    const ways: [string, () => Promise<Response>][] = [
      ["whole", () => upload(whole)],
      ["parts", () => upload(inParts)],
      ["xorb", () => cas.putXorb(xorb.hash, xorb.bytes)],
      ["commit", () => commit(text)],
    ];
    for (const [what, way] of ways) {
      await leave(2 * MIB);
      const answer = await way();
      expect([what, answer.status, answer.headers.get("x-error-code")]).toEqual([what, 507, "DISK_FULL"]);
      expect((await answer.json()).error).toMatch(/no room left.*Nothing was stored.*make room/);
      expect([what, await head(), await incoming()]).toEqual([what, before, []]);
    }
    await leave(2 * MIB);
    const push = await git.run("m", ["push", "origin", "main"]);
    expect(push).toMatchObject({ status: 1, text: expect.stringMatching(/remote: .*no room left for this upload/) });
    expect([await head(), await incoming()]).toEqual([before, []]);
    expect((await cas.call("HEAD", `/v1/xorbs/default/${xorb.hash}`)).status).toBe(404);

    // The database is on that disk, too: sooner or later it has no room for a commit, and reads go on.
    await leave(0);
    let last = before;
    let answer = await commit("small");
    for (let at = 0; answer.ok && at < 3000; at++) {
      last = (await answer.json()).commitOid;
      answer = await commit(`small ${at} `.repeat(100));
    }
    expect([answer.status, answer.headers.get("x-error-code")]).toEqual([507, "DISK_FULL"]);
    expect(await head()).toBe(last);
    expect(await (await fetch(`${hub.url}/ana/m/resolve/main/a.txt`)).text()).toBe("a");

    await makeRoom();
    for (const [what, way] of ways) expect([what, (await way()).status]).toEqual([what, 200]);
    await git.ok("m", "pull", "--rebase", "--quiet", "origin", "main");
    await git.ok("m", "push", "--quiet", "origin", "main");
    expect(await git.ok("m", "rev-parse", "HEAD")).toBe(await head());
    await expectSound();
    await hub.close();
    await start();
    await expectSound();
  });

  async function expectSound(): Promise<void> {
    await expect.poll(async () => (await audit(hub.deps)).faults).toEqual([]);
    expect(await unsoundIndexes(hub.deps)).toEqual([]);
  }
});
