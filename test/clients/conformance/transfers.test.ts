// Files in and out by huggingface_hub without Xet: whole, in parts, hundreds at once, unchanged, cut off, copied, missing.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, beforeEach, expect } from "vitest";
import { type TestHub, testHub } from "../../support/hub.ts";
import { type Recorder, recorder } from "../../support/recorder.ts";
import { startS3, type TestS3 } from "../../support/s3-server.ts";
import type { ClientHome, Python } from "../python.ts";
import { check, describeVersions } from "./harness.ts";

const MIB = 1024 * 1024;
const SETUP = `
  from hashlib import sha256, shake_128
  from pathlib import Path
  from huggingface_hub import HfApi, try_to_load_from_cache
  from huggingface_hub.errors import *
  api = HfApi()
  content = lambda name, size: shake_128(name.encode()).digest(size)
`;

describeVersions("transfers by LFS", ({ make }) => {
  let hub: TestHub;
  let proxy: Recorder;
  let home: ClientHome;
  let python: Python;

  beforeAll(async () => {
    hub = await testHub({ transfers: { partSize: 5 * MIB, multipartAbove: 10 * MIB } });
    proxy = await recorder(() => hub.url);
    home = await make(proxy.url, await hub.user("ana"));
    python = home.python({ HF_HUB_DISABLE_XET: "1" });
    await python.run(SETUP);
  });
  beforeEach(() => {
    proxy.take();
  });
  afterAll(async () => {
    await home?.remove();
    await proxy?.stop();
    await hub?.stop();
  });

  check(19, "upload_file below and above the size where parts begin", async () => {
    const found = await python.run<{ sizes: number[]; same: boolean[] }>(`
      api.create_repo("ana/large")
      sizes, same = [], []
      for name, size in [("whole.bin", 3_000_000), ("parts.bin", 12_000_007)]:
          data = content(name, size)
          api.upload_file(path_or_fileobj=data, path_in_repo=name, repo_id="ana/large")
          info = api.get_paths_info("ana/large", [name])[0]
          sizes.append(info.lfs.size)
          same.append(info.lfs.sha256 == sha256(data).hexdigest()
                      and Path(api.hf_hub_download("ana/large", name)).read_bytes() == data)
      result = {"sizes": sizes, "same": same}
    `);
    expect(found).toEqual({ sizes: [3_000_000, 12_000_007], same: [true, true] });
    const puts = proxy.calls.filter(({ method }) => method === "PUT");
    expect(puts.map(({ url }) => url.replace(/[0-9a-f]{64}/, "oid").split("?")[0])).toEqual([
      "/api/lfs/oid",
      "/api/lfs/oid/parts/1",
      "/api/lfs/oid/parts/2",
      "/api/lfs/oid/parts/3",
    ]);
    expect(puts.every(({ headers }) => headers.authorization === undefined)).toBe(true);
    expect(puts.every(({ answer }) => /^"[0-9a-f]+"$/.test(answer.etag ?? ""))).toBe(true);
    const asked = proxy.take().map((call) => call.replace(/[0-9a-f]{64}/, "oid"));
    expect(asked).toContain("POST /api/lfs/oid/complete");
    expect(asked.filter((call) => call === "POST /api/lfs/oid/verify")).toHaveLength(2);
  });

  check(2, "hf_hub_download of an LFS file", async () => {
    const found = await python.run<{ name: string; sha256: string; size: number; etag: string; commit: string }>(`
      from huggingface_hub import get_hf_file_metadata, hf_hub_url
      path = api.hf_hub_download("ana/large", "whole.bin", force_download=True)
      meta = get_hf_file_metadata(hf_hub_url("ana/large", "whole.bin"))
      result = {"name": Path(path).resolve().name, "sha256": sha256(Path(path).read_bytes()).hexdigest(),
                "size": meta.size, "etag": meta.etag, "commit": meta.commit_hash}
    `);
    expect(found).toEqual({
      name: found.sha256,
      sha256: found.etag,
      size: 3_000_000,
      etag: expect.stringMatching(/^[0-9a-f]{64}$/),
      commit: expect.stringMatching(/^[0-9a-f]{40}$/),
    });
    const [head] = proxy.calls.filter(({ method }) => method === "HEAD");
    expect([head?.status, head?.answer["x-linked-etag"], head?.answer["x-linked-size"]]).toEqual([
      200,
      `"${found.etag}"`,
      "3000000",
    ]);
  });

  check(4, "a missing file, remembered as missing", async () => {
    const found = await python.run<{ error: string; known: string; marker: string }>(`
      try:
          api.hf_hub_download("ana/large", "none.txt")
      except Exception as error:
          raised = type(error).__name__
      sha = api.repo_info("ana/large").sha
      known = try_to_load_from_cache("ana/large", "none.txt", revision=sha)
      from huggingface_hub import constants
      marker = Path(constants.HF_HUB_CACHE) / "models--ana--large" / ".no_exist" / sha / "none.txt"
      result = {"error": raised, "known": type(known).__name__, "marker": str(marker)}
    `);
    expect(found).toMatchObject({ error: "RemoteEntryNotFoundError", known: "object" });
    expect(existsSync(found.marker)).toBe(true);
    const [missing] = proxy.calls.filter(({ status }) => status === 404);
    expect(missing?.answer).toMatchObject({
      "x-error-code": "EntryNotFound",
      "x-repo-commit": expect.stringMatching(/^[0-9a-f]{40}$/),
    });
  });

  check(10, "a download that is cut in the middle fails, and the next one is right", async () => {
    proxy.fault = ({ method, url, headers }) =>
      method === "GET" && url.includes("/resolve/") && headers.range === undefined
        ? { cutAfter: 6_000_000 }
        : undefined;
    const download = `result = api.hf_hub_download("ana/large", "parts.bin", cache_dir=cache)`;
    const cache = join(home.folder, "cut");
    await expect(python.run(download, { cache })).rejects.toThrow();
    proxy.fault = undefined;
    const path = await python.run<string>(download, { cache });
    const hash = createHash("sha256").update(await readFile(path));
    const right = await python.run(`result = sha256(content("parts.bin", 12_000_007)).hexdigest()`);
    expect(hash.digest("hex")).toBe(right);
  });

  check(20, "upload_folder of 300 mixed files", async () => {
    const folder = join(home.folder, "folder");
    const found = await python.run<{ files: number; same: boolean; empty: unknown }>(
      `
      root = Path(folder)
      def put(name, data):
          (root / name).parent.mkdir(parents=True, exist_ok=True)
          (root / name).write_bytes(data)
      for at in range(290):
          put(f"d{at % 13}/deep/{at}.txt" if at % 2 else f"{at}.bin", content(str(at), at * 7 + 1))
      for at in range(8):
          put(f"ünï cödé/a b {at}.txt", f"Grüße {at}".encode())
      put("empty.txt", b"")
      put("empty.bin", b"")
      api.create_repo("ana/folder")
      api.upload_folder(repo_id="ana/folder", folder_path=folder)
      local = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
      remote = [name for name in api.list_repo_files("ana/folder") if name != ".gitattributes"]
      down = Path(api.snapshot_download("ana/folder"))
      infos = api.get_paths_info("ana/folder", ["empty.bin"])
      result = {"files": len(remote), "same": sorted(remote) == sorted(local)
                and all((down / name).read_bytes() == data for name, data in local.items()),
                "empty": [infos[0].size, infos[0].lfs]}
    `,
      { folder },
    );
    expect(found).toEqual({ files: 300, same: true, empty: [0, null] });
    expect(proxy.take().filter((call) => call.includes("/preupload/")).length).toBeGreaterThanOrEqual(2);
  });

  check(21, "upload_folder again, unchanged", async () => {
    const found = await python.run(
      `
      before = api.repo_info("ana/folder").sha
      commit = api.upload_folder(repo_id="ana/folder", folder_path=folder)
      result = [commit.oid == before, len(api.list_repo_commits("ana/folder"))]
    `,
      { folder: join(home.folder, "folder") },
    );
    expect(found).toEqual([true, 2]);
    expect(proxy.take().some((call) => /\/commit\/|PUT /.test(call))).toBe(false);
  });

  check(76, "list_lfs_files, and permanently_delete_lfs_files through the history", async () => {
    const found = await python.run(`
      from huggingface_hub import CommitOperationAdd
      for name in ["ana/mine", "ana/other"]:
          api.create_repo(name)
          adds = [CommitOperationAdd("d/secret.bin", b"secret" * 99), CommitOperationAdd("keep.bin", b"keep" * 99),
                  CommitOperationAdd("a.txt", b"a")]
          api.create_commit(name, adds, commit_message="Change")
      files = {item.filename: item for item in api.list_lfs_files("ana/mine")}
      secret = files["d/secret.bin"]
      api.permanently_delete_lfs_files("ana/mine", [secret], rewrite_history=True)
      result = [
          sorted(files), [secret.size, secret.ref, len(secret.file_oid)],
          [item.filename for item in api.list_lfs_files("ana/mine")], api.list_repo_files("ana/mine"),
          [item.title for item in api.list_repo_commits("ana/mine")],
          Path(api.hf_hub_download("ana/mine", "keep.bin")).read_bytes() == b"keep" * 99,
          Path(api.hf_hub_download("ana/other", "d/secret.bin")).read_bytes() == b"secret" * 99,
      ]
    `);
    expect(found).toEqual([
      ["d/secret.bin", "keep.bin"],
      [594, "refs/heads/main", 64],
      ["keep.bin"],
      [".gitattributes", "a.txt", "keep.bin"],
      ["Change", "initial commit"],
      true,
      true,
    ]);
  });

  check(80, "a file of 5 GB over HTTP: its length, and its ends", async () => {
    const size = 5 * 1024 ** 3 + 7;
    // The same byte over and over: what a file of this size costs to make and to keep is of no matter here.
    const piece = Buffer.alloc(16 * MIB);
    const hash = createHash("sha256");
    for (let at = 0; at < size; at += piece.length) hash.update(piece.subarray(0, Math.min(piece.length, size - at)));
    const oid = hash.digest("hex");
    async function* source() {
      for (let at = 0; at < size; at += piece.length) yield piece.subarray(0, Math.min(piece.length, size - at));
    }
    await python.run(`api.create_repo("ana/huge", exist_ok=True)`);
    const batch = await python.run<string>(
      `
      from huggingface_hub.utils import get_session, build_hf_headers
      answer = get_session().post(api.endpoint + "/ana/huge.git/info/lfs/objects/batch", headers=build_hf_headers(),
          json={"operation": "upload", "transfers": ["basic"], "objects": [{"oid": oid, "size": size}]}).json()
      result = answer["objects"][0]["actions"]["upload"]["href"]
    `,
      { oid, size },
    );
    // safe because Node's stream types and fetch types describe the same object
    const body = Readable.toWeb(Readable.from(source())) as ReadableStream;
    const init: RequestInit & { duplex: "half" } = { method: "PUT", body, duplex: "half" };
    expect((await fetch(batch.replace(proxy.url, hub.url), init)).status).toBe(200);
    const found = await python.run(
      `
      import json
      lines = [{"key": "header", "value": {"summary": "huge"}},
               {"key": "lfsFile", "value": {"path": "huge.bin", "algo": "sha256", "oid": oid, "size": size}}]
      get_session().post(api.endpoint + "/api/models/ana/huge/commit/main", headers=build_hf_headers(),
          content="\\n".join(map(json.dumps, lines))).raise_for_status()
      from huggingface_hub import get_hf_file_metadata, hf_hub_url
      url = hf_hub_url("ana/huge", "huge.bin")
      end = get_session().get(url, headers=build_hf_headers() | {"Range": f"bytes={size - 3}-"})
      result = [get_hf_file_metadata(url).size, end.headers["content-range"], len(end.content)]
    `,
      { oid, size },
    );
    expect(found).toEqual([size, `bytes ${size - 3}-${size - 1}/${size}`, 3]);
    await hub.deps.blobs.delete(oid);
  });
});

describeVersions("transfers with S3", ({ make }) => {
  let s3: TestS3;
  let hub: TestHub;
  let proxy: Recorder;
  let home: ClientHome;
  const before = { ...process.env };

  beforeAll(async () => {
    s3 = await startS3();
    Object.assign(process.env, s3.credentials);
    const { bucket, region, url: endpoint } = s3;
    hub = await testHub({ s3: { bucket, region, endpoint } });
    proxy = await recorder(() => hub.url);
    home = await make(proxy.url, await hub.user("ana"));
  });
  afterAll(async () => {
    process.env = before;
    await home?.remove();
    await proxy?.stop();
    await hub?.stop();
    await s3?.stop();
  });

  check(2, "hf_hub_download of an LFS file by a link to the bucket, which gets no token", async () => {
    const python = home.python({ HF_HUB_DISABLE_XET: "1" });
    await python.run(SETUP);
    const found = await python.run(`
      api.create_repo("ana/away")
      data = content("x", 3_000_000)
      api.upload_file(path_or_fileobj=data, path_in_repo="x.bin", repo_id="ana/away")
      path = Path(api.hf_hub_download("ana/away", "x.bin"))
      result = [path.read_bytes() == data, path.resolve().name == sha256(data).hexdigest()]
    `);
    expect(found).toEqual([true, true]);
    const calls = proxy.calls.filter(({ url }) => url.includes("/resolve/"));
    expect(calls.map(({ method, status }) => `${status} ${method}`)).toEqual(["200 HEAD", "302 GET"]);
    expect(calls.at(-1)?.answer.location?.startsWith(s3.url)).toBe(true);
    expect(s3.lastHeaders()).toHaveProperty("host");
    expect(s3.lastHeaders().authorization).toBeUndefined();
  });
});
