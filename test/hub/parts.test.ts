// Pushes by LFS in parts, where Xet is off: what arrived is not sent again, and what is wrong is.
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { createRepo, listFiles, parseRepoId, type RepoId, uploadFolder } from "../../src/hub/index.ts";
import { runCli, startCli } from "../support/cli.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { HubProxy } from "./proxy.ts";

const MIB = 2 ** 20;
const PART = 5 * MIB;
const SIZE = 6 * PART + 123;
const PARTS = /\/api\/lfs\/[0-9a-f]{64}\/parts\/(\d+)/;
let home: string;
let hub: TestHub;
let proxy: HubProxy;
let access: { endpoint: string; token: string };
let env: Record<string, string>;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "abrazo-parts-"));
  hub = await testHub({ transfers: { partSize: PART, multipartAbove: 6 * MIB } });
  proxy = await HubProxy.before(hub.url);
  access = { endpoint: proxy.url, token: await hub.user("ana") };
  env = {
    ABRAZO_ENDPOINT: proxy.url,
    ABRAZO_TOKEN: access.token,
    XDG_CACHE_HOME: join(home, "xdg"),
    HF_HUB_DISABLE_XET: "1",
  };
  for (const name of ["XDG_CACHE_HOME", "HF_HUB_DISABLE_XET"]) vi.stubEnv(name, env[name]);
});
beforeEach(() => {
  proxy.passed.length = 0;
  proxy.rules = {};
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await proxy.close();
  await hub.stop();
  await rm(home, { recursive: true, force: true });
});

async function folderOf(name: string, content: Buffer): Promise<string> {
  const folder = join(home, name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "w.bin"), content);
  return folder;
}

async function madeRepo(name: string): Promise<RepoId> {
  const id = parseRepoId(`ana/${name}`);
  await createRepo(access, id);
  return id;
}

const sha256Of = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
const sentParts = (status = 200): number[] =>
  proxy.passed
    .filter((passed) => passed.method === "PUT" && passed.status === status && PARTS.test(passed.path))
    .map(({ path }) => Number(PARTS.exec(path)?.[1]))
    .sort((a, b) => a - b);
const storedHash = async (id: RepoId) =>
  (await listFiles(access, id, "main")).find(({ path }) => path === "w.bin")?.lfs?.oid;

/** The link to a part of a file, as a client is given it. */
async function linkOf(id: RepoId, content: Buffer, part: number): Promise<string> {
  const response = await fetch(`${hub.url}/${id.namespace}/${id.name}.git/info/lfs/objects/batch`, {
    method: "POST",
    headers: { Authorization: `Bearer ${access.token}`, "Content-Type": "application/vnd.git-lfs+json" },
    body: JSON.stringify({
      operation: "upload",
      transfers: ["basic", "multipart"],
      hash_algo: "sha256",
      objects: [{ oid: sha256Of(content), size: content.length }],
    }),
  });
  const { objects } = (await response.json()) as { objects: { actions: { upload: { header: object } } }[] }; // safe because that is what a batch answers
  const links = new Map(Object.entries(objects[0]?.actions.upload.header ?? {}));
  return String(links.get(`${part}`.padStart(5, "0")));
}

/** A push that is killed once its first three parts have arrived; nothing of the others has. */
async function cutPush(args: readonly string[]): Promise<void> {
  proxy.rules.instead = ({ method, url = "" }) => method === "PUT" && Number(PARTS.exec(url)?.[1] ?? 0) > 3;
  const first = startCli(args, { home, env });
  await expect.poll(sentParts, { timeout: 120_000, interval: 20 }).toEqual([1, 2, 3]);
  first.kill("SIGKILL");
  await once(first, "close");
  proxy.passed.length = 0;
  proxy.rules = {};
}

it("a push that is killed goes on with the parts that are missing", { timeout: 180_000 }, async () => {
  const content = randomBytes(SIZE);
  const folder = await folderOf("killed", content);
  const args = ["push", folder, "ana/killed", "--no-card"];
  await cutPush(args);
  const again = await runCli([...args, "--json"], { home, env });
  expect(again.status, again.stderr).toBe(0);
  expect(sentParts()).toEqual([4, 5, 6, 7]);
  expect(proxy.total(PARTS, "sent")).toBe(SIZE - 3 * PART);
  expect(JSON.parse(again.stdout)).toMatchObject({ bytes: SIZE, sent: SIZE - 3 * PART });
  expect(await storedHash(parseRepoId("ana/killed"))).toBe(sha256Of(content));
});

it("of a file that changed since all of it is sent", { timeout: 180_000 }, async () => {
  const content = randomBytes(SIZE);
  const folder = await folderOf("changed", content);
  const args = ["push", folder, "ana/changed", "--no-card"];
  await cutPush(args);
  content.writeUInt8(content.readUInt8(SIZE - 1) ^ 1, SIZE - 1);
  await folderOf("changed", content);
  const again = await runCli(args, { home, env });
  expect(again.status, again.stderr).toBe(0);
  expect(sentParts()).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(await storedHash(parseRepoId("ana/changed"))).toBe(sha256Of(content));
});

it("parts that turn out to be wrong are sent anew", async () => {
  const [id, content] = [await madeRepo("wrong"), randomBytes(SIZE)];
  const folder = await folderOf("wrong", content);
  const put = await fetch(await linkOf(id, content, 2), { method: "PUT", body: randomBytes(PART) });
  expect(put.status).toBe(200);
  await uploadFolder(access, id, folder, { message: "Weights" });
  // All but the second, whose bytes are not those of the file; then all.
  expect(sentParts()).toEqual([1, 1, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7]);
  expect(await storedHash(id)).toBe(sha256Of(content));
});

it("an upload that somebody else ended is not begun again where the file is there", async () => {
  const [id, content] = [await madeRepo("twice"), randomBytes(SIZE)];
  const folder = await folderOf("twice", content);
  let other: Promise<unknown> | undefined;
  proxy.rules.before = async ({ method, url = "" }) => {
    if (method !== "PUT" || PARTS.exec(url)?.[1] !== "4") return;
    // Meanwhile the same file comes by another way.
    other ??= uploadFolder({ ...access, endpoint: hub.url }, id, folder, { message: "Other", pathInRepo: "other" });
    await other;
  };
  await uploadFolder(access, id, folder, { message: "Weights" });
  expect(sentParts(404)).toContain(4);
  expect(proxy.passed.filter(({ path }) => path.endsWith("/objects/batch"))).toHaveLength(2);
  expect(await storedHash(id)).toBe(sha256Of(content));
});

it("a part that somebody is still sending is waited for", async () => {
  const [id, content] = [await madeRepo("busy"), randomBytes(SIZE)];
  const folder = await folderOf("busy", content);
  const slow = request(await linkOf(id, content, 2), { method: "PUT", headers: { "Content-Length": PART } });
  slow.on("error", () => {});
  await new Promise((resolve) => slow.write(content.subarray(PART, PART + MIB), resolve));
  const refused = () => proxy.passed.some(({ path, status }) => path.includes("/complete") && status === 409);
  const done = uploadFolder(access, id, folder, { message: "Weights" });
  await expect.poll(refused, { interval: 20 }).toBe(true);
  slow.destroy();
  await done;
  expect(await storedHash(id)).toBe(sha256Of(content));
});
