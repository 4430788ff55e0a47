// Xet uploads and downloads of hf_xet that go wrong: bytes that are damaged on the way, files of others, ranges beyond the end, and a
// check that takes longer than the client waits for silence.
import { createHash } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, vi } from "vitest";
import { type TestHub, testHub } from "../../support/hub.ts";
import { type Recorder, recorder } from "../../support/recorder.ts";
import { startS3, type TestS3 } from "../../support/s3-server.ts";
import type { ClientHome, Python } from "../python.ts";
import { check, describeVersions } from "./harness.ts";

const SIZE = 1_000_000;
const SETUP = `
  import hashlib, random
  import hf_xet
  from huggingface_hub import HfApi
  api = HfApi()
  content = lambda seed: random.Random(seed).randbytes(size)
`;
const UPLOAD = `
  data = content(path)
  api.upload_file(path_or_fileobj=data, path_in_repo=path, repo_id="ana/own")
  result = hashlib.sha256(data).hexdigest()
`;
const COMMITS = `result = len(api.list_repo_commits("ana/own"))`;
/** Bytes of a shard of one file that is one term: its header, then records of 48 bytes that each begin with a hash. */
const SHARD = { "the file's hash": 48, "the xorb's hash": 96, "the hash of the range": 144, "the SHA-256": 192 };

describeVersions("refusals of Xet", ({ make }) => {
  let hub: TestHub;
  let proxy: Recorder;
  let home: ClientHome;
  let python: Python;

  beforeAll(async () => {
    hub = await testHub();
    proxy = await recorder(() => hub.url);
    home = await make(proxy.url, await hub.user("ana"));
    python = await fresh();
    await python.run(`
      for name in ("own", "other"): api.create_repo(f"ana/{name}", private=True)
      api.upload_file(path_or_fileobj=content("secret"), path_in_repo="secret.bin", repo_id="ana/other")
      api.upload_file(path_or_fileobj=content("mine"), path_in_repo="mine.bin", repo_id="ana/own")
    `);
  });
  beforeEach(() => {
    proxy.watch = undefined;
    proxy.damage = undefined;
    proxy.take();
  });
  afterAll(async () => {
    await home?.remove();
    await proxy?.stop();
    await hub?.stop();
  });

  /** An interpreter that knows of no chunks, and gives up soon. */
  let caches = 0;
  async function fresh(): Promise<Python> {
    const env = { HF_XET_CACHE: `${home.folder}/xet-${caches++}`, HF_XET_CLIENT_RETRY_MAX_ATTEMPTS: "1" };
    const made = home.python(env);
    await made.run(SETUP, { size: SIZE });
    return made;
  }
  const answers = (route: string) =>
    proxy.calls.filter(({ method, url }) => method === "POST" && url.startsWith(route)).map(({ status }) => status);
  const stored = async (path: string): Promise<string> => {
    const authorization = { authorization: `Bearer ${(await hub.tokenOf("ana", "read")).token}` };
    const response = await fetch(`${hub.url}/ana/own/resolve/main/${path}`, { headers: authorization });
    return response.status === 200
      ? createHash("sha256")
          .update(Buffer.from(await response.arrayBuffer()))
          .digest("hex")
      : `${response.status}`;
  };

  check(58, "hf_xet's xorb under another name, or with a chunk that was damaged on the way", async () => {
    for (const [path, go] of [
      ["renamed.bin", () => (proxy.watch = (call) => (call.url = call.url.replace(/(xorbs\/default\/)../, "$1ff")))],
      ["damaged.bin", () => (proxy.damage = ({ url }) => (url.includes("/xorbs/") ? 500_000 : undefined))],
    ] as const) {
      const client = await fresh();
      go();
      await expect(client.run(UPLOAD, { path })).rejects.toThrow(/400|Bad Request/);
      expect([path, ...answers("/cas/v1/xorbs/")]).toEqual([path, 400]);
      expect([answers("/cas/v2/shards"), answers("/api/models/ana/own/commit/")]).toEqual([[], []]);
      [proxy.watch, proxy.damage] = [undefined, undefined];
      proxy.take();
      expect(await stored(path)).toBe("404");
      const sent = await client.run(UPLOAD, { path });
      expect(await stored(path)).toBe(sent);
      proxy.take();
    }
  });

  check(
    59,
    "hf_xet's shard with a claim that was damaged on the way: a frame says so, and nothing is there",
    async () => {
      for (const [what, at] of Object.entries(SHARD)) {
        const client = await fresh();
        const before = await client.run(COMMITS);
        proxy.damage = ({ url }) => (url.includes("/shards") ? at : undefined);
        const path = `${what}.bin`;
        await expect(client.run(UPLOAD, { path }), what).rejects.toThrow(/The upload was refused: /);
        expect([what, ...answers("/cas/v2/shards")]).toEqual([what, 200]);
        expect([what, answers("/cas/v1/shards"), answers("/api/models/ana/own/commit/")]).toEqual([what, [], []]);
        proxy.damage = undefined;
        proxy.take();
        expect([what, await stored(path), await client.run(COMMITS)]).toEqual([what, "404", before]);
        const sent = await client.run(UPLOAD, { path });
        expect([what, await stored(path)]).toEqual([what, sent]);
        proxy.take();
      }
    },
  );

  /** Ranges of a file's bytes, by a token for a repository. */
  const READ = `
    def read(repo, file, start=None, end=None):
        group = hf_xet.XetSession().new_download_stream_group(
            token_refresh_url=f"{api.endpoint}/api/models/{repo}/xet-read-token/main", token_refresh_headers=api._build_hf_headers())
        return b"".join(group.download_stream(hf_xet.XetFileInfo(file), start, end))
    hash_of = lambda repo, path: api.get_paths_info(repo, [path])[0].xet_hash
  `;

  check(60, "hf_xet asks for a file of a private repository by a token for another one", async () => {
    const client = await fresh();
    await client.run(READ);
    const right = `result = read("ana/other", hash_of("ana/other", "secret.bin")) == content("secret")`;
    expect(await client.run(right)).toBe(true);
    proxy.take();
    const read = await client.run<number | string>(`
      try:
          result = len(read("ana/own", hash_of("ana/other", "secret.bin")))
      except Exception as error:
          result = str(error)
    `);
    // By which of its calls the refusal comes first decides whether it says so or gives nothing.
    if (read !== 0) expect(read).toMatch(/404|not found/i);
    const plans = proxy.calls.filter(({ url }) => url.includes("/reconstructions/"));
    // Of several that it asks at once it does not wait for the others.
    const answered = plans.map(({ status }) => status).filter((status) => status !== 0);
    expect([...new Set(answered)]).toEqual([404]);
    expect(proxy.calls.filter(({ url }) => url.startsWith("/cas/data/"))).toEqual([]);
  });

  check(55, "hf_xet reads from the middle of a chunk, up to and beyond the end, and from behind it", async () => {
    const client = await fresh();
    await client.run(READ);
    const got = await client.run(`
      file, data = hash_of("ana/own", "mine.bin"), content("mine")
      result = [read("ana/own", file, start, end) == data[start:end] for start, end in
                ((300_001, 300_101), (size - 10, size), (size - 10, size + 1000), (size - 1, None), (0, 1))]
    `);
    expect(got).toEqual([true, true, true, true, true]);
    const asked = (status: number) =>
      proxy.calls
        .filter((call) => call.status === status && call.url.includes("/reconstructions/"))
        .map(({ headers }) => headers.range?.slice("bytes=".length));
    expect(asked(200)).toEqual(expect.arrayContaining(["300001-300100", "999990-999999", "999990-1000999", "0-0"]));
    proxy.take();
    expect(await client.run(`result = len(read("ana/own", file, size, size + 10))`)).toBe(0);
    expect([asked(200), asked(416)]).toEqual([[], ["1000000-1000009"]]);
  });
});

describeVersions("slow checks of Xet", ({ make }) => {
  let s3: TestS3;
  let hub: TestHub;
  let proxy: Recorder;
  let home: ClientHome;

  beforeAll(async () => {
    s3 = await startS3();
    for (const [name, value] of Object.entries(s3.credentials)) vi.stubEnv(name, value);
    hub = await testHub({ s3: { bucket: s3.bucket, region: s3.region, endpoint: s3.url } });
    proxy = await recorder(() => hub.url);
    home = await make(proxy.url, await hub.user("ana"));
  });
  afterAll(async () => {
    await home?.remove();
    await proxy?.stop();
    await hub?.stop();
    await s3?.stop();
    vi.unstubAllEnvs();
  });

  check(91, "hf_xet waits for a check of its shard that takes longer than the silence that it bears", async () => {
    // The hub speaks every 15 seconds; the bytes that it checks come from a bucket that takes longer.
    const python = home.python({ HF_XET_CLIENT_READ_TIMEOUT: "18s", HF_XET_CLIENT_RETRY_MAX_ATTEMPTS: "1" });
    await python.run(`${SETUP}  api.create_repo("ana/own")`, { size: SIZE });
    s3.fault = ({ method }) => (method === "GET" ? { delayMs: 20_000 } : undefined);
    const started = performance.now();
    const sent = await python.run(UPLOAD, { path: "slow.bin" });
    s3.fault = undefined;
    expect(performance.now() - started).toBeGreaterThan(18_000);
    expect(proxy.take().filter((call) => call.includes("/shards"))).toEqual(["POST /cas/v2/shards"]);
    const answer = await fetch(`${hub.url}/ana/own/resolve/main/slow.bin`);
    expect(
      createHash("sha256")
        .update(Buffer.from(await answer.arrayBuffer()))
        .digest("hex"),
    ).toBe(sent);
  });
});
