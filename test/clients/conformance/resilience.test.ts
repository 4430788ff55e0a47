// A hub that goes away in the middle of things, and one that says when to come again: the clients wait and finish.
import { rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, vi } from "vitest";
import { type TestHub, testHub } from "../../support/hub.ts";
import { type Call, type Recorder, recorder } from "../../support/recorder.ts";
import type { ClientHome, Python } from "../python.ts";
import { check, describeVersions } from "./harness.ts";

const SIZE = 24 * 1024 * 1024;
/** As long as a restart takes. */
const AWAY_MS = 500;

describeVersions("resilience", ({ make }) => {
  let hub: TestHub;
  let folder: string;
  let proxy: Recorder;
  let home: ClientHome;
  /** Without Xet: by LFS and plain HTTP. */
  let plain: Python;
  let xet: Python;
  let restarts = 0;
  let restarted: Promise<void> = Promise.resolve();

  beforeAll(async () => {
    hub = await testHub();
    folder = hub.folder;
    proxy = await recorder(() => hub.url);
    home = await make(proxy.url, await hub.user("ana"));
    plain = home.python({ HF_HUB_DISABLE_XET: "1" });
    xet = home.python();
    for (const python of [plain, xet]) {
      await python.run(
        `
        import hashlib, random
        from pathlib import Path
        from huggingface_hub import HfApi, hf_hub_download
        api = HfApi()
        data = random.Random(seed).randbytes(size)
        result = hashlib.sha256(data).hexdigest()
      `,
        { size: SIZE, seed: python === xet ? 1 : 2 },
      );
    }
    await plain.run(`api.create_repo("ana/large")`);
  });
  afterAll(async () => {
    await restarted;
    await home?.remove();
    await proxy?.stop();
    await hub?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** Stops the hub the first time a call fits, and starts it again on the same folder. */
  function restartAt(fits: (call: Call) => boolean): void {
    const before = restarts;
    proxy.watch = (call) => {
      if (restarts !== before || !fits(call)) return;
      restarts++;
      restarted = sleep(50).then(() => restart());
    };
  }
  async function restart(away: () => Promise<unknown> = () => sleep(AWAY_MS)): Promise<void> {
    await hub.close();
    await away();
    hub = await testHub({ dataDir: folder });
  }
  async function expectRestart(): Promise<void> {
    await restarted;
    proxy.watch = undefined;
    expect(proxy.take().length).toBeGreaterThan(0);
  }

  const UPLOAD = `
    api.upload_file(path_or_fileobj=data, path_in_repo=name, repo_id="ana/large")
    result = hashlib.sha256(Path(hf_hub_download("ana/large", name)).read_bytes()).hexdigest() == hashlib.sha256(data).hexdigest()
  `;

  check(63, "a restart in the middle of an upload by LFS", async () => {
    restartAt(({ method }) => method === "PUT");
    expect(await plain.run(UPLOAD, { name: "by-lfs.bin" })).toBe(true);
    expect(restarts).toBe(1);
    await expectRestart();
  });

  check(63, "a restart in the middle of an upload by Xet", async () => {
    const before = restarts;
    restartAt(({ method, url }) => method === "POST" && url.includes("/v1/xorbs/"));
    expect(await xet.run(UPLOAD, { name: "by-xet.bin" })).toBe(true);
    expect(restarts).toBe(before + 1);
    await expectRestart();
  });

  check(63, "a restart in the middle of a download by Xet: a proxy's 502, and the client asks again", async () => {
    const before = restarts;
    const saw502 = () => proxy.calls.some(({ status }) => status === 502);
    proxy.take();
    proxy.watch = undefined;
    proxy.fault = ({ url }) => {
      if (restarts !== before || !url.startsWith("/cas/data/")) return undefined;
      restarts++;
      // Clients wait a while before they ask again: it is away until they did.
      restarted = restart(() => vi.waitUntil(saw502, { timeout: 60_000, interval: 50 }));
      return { cutAfter: 1000 };
    };
    const right = await xet.run<boolean>(
      `result = Path(hf_hub_download("ana/large", "by-xet.bin", cache_dir=cache)).read_bytes() == data`,
      { cache: `${home.folder}/by-xet` },
    );
    proxy.fault = undefined;
    expect([right, restarts]).toEqual([true, before + 1]);
    expect(saw502()).toBe(true);
    await expectRestart();
  });

  check(63, "a restart in the middle of a download, which goes on where it was", async () => {
    const before = restarts;
    proxy.watch = undefined;
    // Of a proxy's 502 in a download Python makes an error at once; a connection that ends is one to try again.
    proxy.away = "cut";
    proxy.fault = ({ method, url, status }) => {
      if (restarts !== before || method !== "GET" || status !== 200 || !/\/(lfs|resolve)\//.test(url)) return undefined;
      restarts++;
      restarted = sleep(200).then(() => restart());
      return { cutAfter: SIZE / 2 };
    };
    const same = await plain.run(
      `
      path = Path(hf_hub_download("ana/large", "by-lfs.bin", cache_dir=cache))
      result = [path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()]
    `,
      { cache: `${home.folder}/again` },
    );
    proxy.fault = undefined;
    const data = await plain.run<string>("result = hashlib.sha256(data).hexdigest()");
    expect(same).toEqual([SIZE, data]);
    const ranges = proxy.calls.filter(
      ({ headers, status }) => /^bytes=[1-9]\d*-/.test(headers.range ?? "") && status === 206,
    );
    expect(ranges.length).toBeGreaterThan(0);
    await expectRestart();
  });
});

describeVersions("limits of calls", ({ make }) => {
  let hub: TestHub;
  let proxy: Recorder;
  let home: ClientHome;

  beforeAll(async () => {
    hub = await testHub({ rateLimit: { requests: 6, seconds: 2 } });
    proxy = await recorder(() => hub.url);
    home = await make(proxy.url, await hub.user("ana"));
  });
  afterAll(async () => {
    await home?.remove();
    await proxy?.stop();
    await hub?.stop();
  });

  check(62, "a 429 says when to come again: Python waits so long, and succeeds", async () => {
    const seconds = await home.python().run<number>(`
      import time
      from huggingface_hub import CommitOperationAdd, HfApi
      api = HfApi()
      api.create_repo("ana/busy")
      start = time.monotonic()
      for _ in range(10):
          api.preupload_lfs_files("ana/busy", [CommitOperationAdd("a.txt", b"small")])
      result = time.monotonic() - start
    `);
    const refused = proxy.calls.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(seconds).toBeGreaterThan(1);
    for (const { answer } of refused) {
      expect(answer["ratelimit"]).toMatch(/^"api";r=0;t=[12]$/);
      expect(answer["ratelimit-policy"]).toBe('"fixed window";"api";q=6;w=2');
    }
  });

  check(62, "a 429 that Python does not wait for says how many calls were too many", async () => {
    const failed = await home.python().run<string>(`
      from huggingface_hub import HfApi
      try:
          for _ in range(20):
              HfApi().whoami()
      except Exception as error:
          result = str(error)
    `);
    expect(failed).toMatch(/429|rate limit/i);
  });
});
