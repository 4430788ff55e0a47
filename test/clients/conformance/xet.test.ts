// Large files from huggingface_hub with its Xet client: the calls that were recorded, deduplication across clients, and credentials that
// end in the middle.
import { createHash } from "node:crypto";
import { mkdtemp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { downloadFile, uploadFiles } from "@huggingface/hub";
import { afterAll, beforeAll, beforeEach, expect } from "vitest";
import { readXetToken, writeXetToken, type XetGrant } from "../../../hub-server/services/xet-tokens.ts";
import { type TestHub, testHub } from "../../support/hub.ts";
import { type Call, type Recorder, recorder } from "../../support/recorder.ts";
import type { ClientHome } from "../python.ts";
import { check, describeVersions } from "./harness.ts";

const SETUP = `
  import hashlib, random
  from huggingface_hub import HfApi, hf_hub_download
  api = HfApi()
  content = lambda seed, size: random.Random(seed).randbytes(size)
  sha256 = lambda data: hashlib.sha256(data).hexdigest()
`;
const UPLOAD = "result = api.upload_file(path_or_fileobj=data, path_in_repo=path, repo_id=repo).oid";
const DOWNLOAD = `result = hf_hub_download("ana/m1", "model.bin")`;

describeVersions("Xet", ({ make }) => {
  let hub: TestHub;
  let proxy: Recorder;
  let token: string;
  const homes: ClientHome[] = [];

  beforeAll(async () => {
    hub = await testHub();
    proxy = await recorder(() => hub.url);
    token = await hub.user("ana");
    const python = await fresh();
    await python.run(`for name in ["m1", "other", "js"]: api.create_repo(f"ana/{name}")`);
  });
  beforeEach(() => {
    proxy.watch = undefined;
    proxy.take();
  });
  afterAll(async () => {
    for (const home of homes) await home.remove();
    await proxy?.stop();
    await hub?.stop();
  });

  /** An interpreter with a cache of its own: what it knows of chunks the hub told it. */
  async function fresh(values: Record<string, unknown> = {}) {
    const home = await make(proxy.url, token);
    homes.push(home);
    const python = home.python();
    await python.run(SETUP, values);
    return python;
  }

  const named = ({ status, method, url }: Call) => `${status} ${method} ${url.split("?")[0]}`;
  const shortened = (calls: readonly Call[]) =>
    calls.map((call) => named(call).replace(/[0-9a-f]{40,64}/g, (hash) => hash.slice(0, 8)));
  /** Bytes that went to the store as xorbs. */
  const sent = () =>
    proxy.calls
      .filter(({ method, url }) => method === "POST" && url.startsWith("/cas/v1/xorbs/"))
      .reduce((sum, { headers }) => sum + Number(headers["content-length"]), 0);

  const sha256OfFile = async (path: string): Promise<string> =>
    createHash("sha256")
      .update(await readFile(path))
      .digest("hex");

  async function sha256OfHttp(repo: string, path: string): Promise<string> {
    const response = await fetch(`${hub.url}/${repo}/resolve/main/${path}`);
    return createHash("sha256")
      .update(Buffer.from(await response.arrayBuffer()))
      .digest("hex");
  }

  check(18, "upload_file of a large file: the calls as they were recorded (A1), and the hashes", async () => {
    const python = await fresh();
    await python.run(`random.seed(1); data = random.randbytes(3_000_000)`);
    await python.run(UPLOAD, { repo: "ana/m1", path: "model.bin" });
    const calls = shortened(proxy.calls.filter(({ url }) => /preupload|xet|cas|commit/.test(url)));
    expect(calls.filter((call) => !/telemetry|HEAD/.test(call))).toEqual([
      "200 POST /api/models/ana/m1/preupload/main",
      "200 GET /api/models/ana/m1/xet-write-token/main",
      "404 GET /cas/v1/chunks/default/11e3056d",
      "200 POST /cas/v1/xorbs/default/91e9562a",
      "200 POST /cas/v2/shards",
      "200 POST /api/models/ana/m1/commit/main",
    ]);
    const xorb = proxy.calls.find(({ url }) => url.includes("/xorbs/"));
    expect([xorb?.headers["content-length"], xorb?.url]).toEqual([
      "3000440",
      "/cas/v1/xorbs/default/91e9562aeac466564383d5b3be1b8f6e4d878fb7f8241b46479ae32812e8b4ee",
    ]);
    const [file] = await python.run<{ xet: string; lfs: string; size: number }[]>(`
      result = [{"xet": f.xet_hash, "lfs": f.lfs.sha256, "size": f.size}
                for f in api.list_repo_tree("ana/m1", recursive=True) if f.path == "model.bin"]
    `);
    expect(file).toEqual({
      xet: "833fc2b84debbb8f396cad2b22e913bc086eee7a144658023c7ae2c79e6fa285",
      lfs: "8f267bd2d4db5f01a3a3c9c256d2e5789c59c8acffb4847c0c82a7555318a4bb",
      size: 3_000_000,
    });
    expect(await sha256OfHttp("ana/m1", "model.bin")).toBe(file?.lfs);
  });

  check(3, "hf_hub_download of a Xet file: the calls as they were recorded (A2)", async () => {
    const python = await fresh();
    const path = await python.run<string>(DOWNLOAD);
    expect(await sha256OfFile(path)).toBe("8f267bd2d4db5f01a3a3c9c256d2e5789c59c8acffb4847c0c82a7555318a4bb");
    const calls = shortened(proxy.calls.filter(({ url }) => !url.includes("telemetry")));
    expect(calls.slice(0, 2)).toEqual([
      "200 HEAD /ana/m1/resolve/main/model.bin",
      expect.stringMatching(/^200 GET \/api\/models\/ana\/m1\/xet-read-token\/[0-9a-f]{8}$/),
    ]);
    expect(calls).toContain("200 GET /cas/v2/reconstructions/833fc2b8");
    expect(calls).toContain("206 GET /cas/data/91e9562a");
    expect(calls.filter((call) => call.includes("GET /ana/m1/resolve"))).toEqual([]);
    // Ranges beyond the end are asked for at once, and there are none.
    for (const { url, status, headers } of proxy.calls.filter((call) => call.url.includes("/reconstructions/"))) {
      const [, from] = /^bytes=(\d+)-/.exec(headers.range ?? "bytes=0-") ?? [];
      expect([url.length, from, status]).toEqual([url.length, from, Number(from) < 3_000_000 ? 200 : 416]);
    }
    const data = proxy.calls.filter(({ url }) => url.startsWith("/cas/data/"));
    expect(data.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  check(53, "hf_xet uploads what others have uploaded: only new chunks go", async () => {
    const size = 12_000_000;
    const first = await fresh();
    await first.run(`data = content(7, size)`, { size });
    await first.run(UPLOAD, { repo: "ana/m1", path: "base.bin" });
    expect(sent()).toBeGreaterThan(size);
    proxy.take();
    const second = await fresh();
    await second.run(`data = content(7, size); data = data[:9_000_000] + content(8, 100_000) + data[9_100_000:]`, {
      size,
    });
    await second.run(UPLOAD, { repo: "ana/other", path: "tuned.bin" });
    expect(shortened(proxy.calls)).toContainEqual(expect.stringMatching(/^200 GET \/cas\/v1\/chunks\/default\//));
    expect(sent()).toBeLessThan(500_000);
    const sha256 = await second.run<string>("result = sha256(data)");
    expect(await sha256OfHttp("ana/other", "tuned.bin")).toBe(sha256);
    const third = await fresh();
    const path = await third.run<string>(`result = hf_hub_download("ana/other", "tuned.bin")`);
    expect(await sha256OfFile(path)).toBe(sha256);
  });

  check(
    53,
    "hf_xet with empty caches, of a file whose beginning is new: what the repository has does not go again",
    async () => {
      const size = 12_000_000;
      const first = await fresh();
      await first.run(`data = content(31, size); api.create_repo("ana/tuned")`, { size });
      await first.run(UPLOAD, { repo: "ana/tuned", path: "model.bin" });
      proxy.take();
      const second = await fresh();
      await second.run(`data = content(32, 600_000) + content(31, size)[600_000:]`, { size });
      await second.run(UPLOAD, { repo: "ana/tuned", path: "model.bin" });
      expect(sent()).toBeLessThan(1_000_000);
      expect(await sha256OfHttp("ana/tuned", "model.bin")).toBe(await second.run<string>("result = sha256(data)"));
    },
  );

  check(54, "chunks that JavaScript uploaded are not uploaded by Python, and the other way round", async () => {
    const python = await fresh();
    const folder = await mkdtemp(join(homes[0]?.folder ?? "", "js-"));
    const path = join(folder, "data.bin");
    await python.run(`data = content(21, 4_000_000); open(path, "wb").write(data)`, { path });
    const data = await readFile(path);
    const js = { repo: "ana/js", hubUrl: proxy.url, accessToken: token };
    await uploadFiles({ ...js, files: [{ path: "js.bin", content: new Blob([Uint8Array.from(data)]) }], useXet: true });
    proxy.take();
    const fetched = await python.run<string>(`result = hf_hub_download("ana/js", "js.bin")`);
    expect((await readFile(fetched)).equals(data)).toBe(true);
    expect([asked("GET /cas/v2/reconstructions/") > 0, asked("GET /ana/js/resolve/")]).toEqual([true, 0]);
    proxy.take();
    await python.run(`data = data + content(22, 200_000)`);
    await python.run(UPLOAD, { repo: "ana/js", path: "py.bin" });
    expect(sent()).toBeLessThan(1_000_000);
    const got = await downloadFile({ ...js, path: "py.bin", xet: true });
    const sha256 = createHash("sha256")
      .update(Buffer.from((await got?.arrayBuffer()) ?? new ArrayBuffer(0)))
      .digest("hex");
    expect(sha256).toBe(await python.run<string>("result = sha256(data)"));
    proxy.take();
    const edited = Uint8Array.from(Buffer.concat([data.subarray(0, 3_000_000), Buffer.alloc(70_000, 7)]));
    await uploadFiles({ ...js, files: [{ path: "again.bin", content: new Blob([edited]) }], useXet: true });
    expect(sent()).toBeLessThan(2_000_000);
    expect(await sha256OfHttp("ana/js", "again.bin")).toBe(createHash("sha256").update(edited).digest("hex"));
  });

  check(51, "create_commit(create_pr=True) of a large file: a token for what is to come, and chunks", async () => {
    const python = await fresh();
    await python.run(`
      from huggingface_hub import CommitOperationAdd
      data = content(41, 1_000_000)
      change = api.create_commit("ana/other", [CommitOperationAdd("new.bin", data)], commit_message="New", create_pr=True)
    `);
    const [token] = proxy.calls.filter(({ url }) => url.includes("xet-write-token"));
    expect(token === undefined ? undefined : `${token.status} ${token.url}`).toBe(
      "200 /api/models/ana/other/xet-write-token/None?create_pr=1",
    );
    const read = await python.run(`
      result = [change.pr_revision, open(hf_hub_download("ana/other", "new.bin", revision="refs/pr/1"), "rb").read() == data]
    `);
    expect(read).toEqual(["refs/pr/1", true]);
  });

  /** Clients ask for a new token half a minute before the end of the one they have: of these, before each call. */
  async function withShortTokens(work: () => Promise<void>): Promise<void> {
    const { xetTokenSeconds } = hub.deps.transfers;
    hub.deps.transfers.xetTokenSeconds = 30;
    try {
      await work();
    } finally {
      hub.deps.transfers.xetTokenSeconds = xetTokenSeconds;
    }
  }
  /** Refusals, but of ranges behind the end and of what need not be there. */
  const refusals = () => proxy.calls.map(named).filter((call) => /^[45](?!04|16)/.test(call));
  const asked = (route: string) => proxy.calls.map(named).filter((call) => call.includes(route)).length;

  check(56, "a token of the store that nears its end during an upload is renewed", async () => {
    const python = await fresh();
    await python.run(`data = content(31, 70_000_000)`);
    await withShortTokens(async () => {
      await python.run(UPLOAD, { repo: "ana/m1", path: "expiring.bin" });
    });
    expect(refusals()).toEqual([]);
    expect(asked("xet-write-token")).toBeGreaterThan(1);
    expect(await sha256OfHttp("ana/m1", "expiring.bin")).toBe(await python.run<string>("result = sha256(data)"));
  });

  check(56, "a token of the store that nears its end during a download is renewed", async () => {
    const python = await fresh();
    let path = "";
    await withShortTokens(async () => {
      path = await python.run<string>(DOWNLOAD);
    });
    expect(refusals()).toEqual([]);
    expect(asked("xet-read-token")).toBeGreaterThan(1);
    expect(await sha256OfFile(path)).toBe(await sha256OfHttp("ana/m1", "model.bin"));
  });

  /** Makes the first token that the store is sent older than it is; the one that comes after it is as it is. */
  function agedBy(seconds: number, scope: XetGrant["scope"]): void {
    let first: string | undefined;
    proxy.watch = ({ url, headers }) => {
      if (!url.startsWith("/cas/v") || headers.authorization === undefined) return;
      first ??= headers.authorization;
      if (headers.authorization !== first) return;
      const grant = readXetToken(hub.deps, first, scope);
      headers.authorization = `Bearer ${writeXetToken(hub.deps, { ...grant, expires: grant.expires - seconds })}`;
    };
  }

  check(56, "an upload with a token that ended minutes ago, by a clock that is slow: it holds on", async () => {
    const python = await fresh();
    await python.run(`data = content(32, 3_000_000)`);
    agedBy(hub.deps.transfers.xetTokenSeconds + 300, "write");
    await python.run(UPLOAD, { repo: "ana/m1", path: "slow-clock.bin" });
    expect([refusals(), asked("xet-write-token")]).toEqual([[], 1]);
    expect(await sha256OfHttp("ana/m1", "slow-clock.bin")).toBe(await python.run<string>("result = sha256(data)"));
  });

  check(
    56,
    "an upload with a token that is over: hf_xet says so and commits nothing, and the next one is right",
    async () => {
      const python = await fresh();
      await python.run(`data = content(33, 3_000_000)`);
      agedBy(hub.deps.transfers.xetTokenSeconds + 3600, "write");
      await expect(python.run(UPLOAD, { repo: "ana/m1", path: "over.bin" })).rejects.toThrow(/401 Unauthorized/);
      expect(asked("/commit/")).toBe(0);
      proxy.watch = undefined;
      await python.run(UPLOAD, { repo: "ana/m1", path: "over.bin" });
      expect(await sha256OfHttp("ana/m1", "over.bin")).toBe(await python.run<string>("result = sha256(data)"));
    },
  );

  check(56, "a download with a token that ended minutes ago, by a clock that is slow: it holds on", async () => {
    const python = await fresh();
    agedBy(hub.deps.transfers.xetTokenSeconds + 300, "read");
    const path = await python.run<string>(DOWNLOAD);
    expect([refusals(), asked("xet-read-token")]).toEqual([[], 1]);
    expect(await sha256OfFile(path)).toBe(await sha256OfHttp("ana/m1", "model.bin"));
  });

  check(56, "a download with a token that is over: hf_xet says so, and the next one is right", async () => {
    const python = await fresh();
    agedBy(hub.deps.transfers.xetTokenSeconds + 3600, "read");
    await expect(python.run(DOWNLOAD)).rejects.toThrow(/401 Unauthorized/);
    proxy.watch = undefined;
    const path = await python.run<string>(DOWNLOAD);
    expect(await sha256OfFile(path)).toBe(await sha256OfHttp("ana/m1", "model.bin"));
    // It goes by the end that it was told alone, and that is far off.
    expect(asked("xet-read-token")).toBe(1);
  });

  check(57, "a link to bytes that has expired: the client asks for the plan again", async () => {
    const python = await fresh();
    let done = false;
    proxy.watch = (call) => {
      if (done || !call.url.startsWith("/cas/data/")) return;
      done = true;
      call.url = call.url.replace(/expires=\d+/, "expires=1");
    };
    const path = await python.run<string>(DOWNLOAD);
    const calls = proxy.calls.map(named);
    expect(calls.filter((call) => call.startsWith("403 GET /cas/data/"))).toHaveLength(1);
    expect(await sha256OfFile(path)).toBe(await sha256OfHttp("ana/m1", "model.bin"));
  });
});
