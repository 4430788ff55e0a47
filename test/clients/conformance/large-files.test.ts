// Large files without Xet: by LFS in one piece and in parts, downloaded, interrupted, missing, deleted for good; and folders of many files.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect } from "vitest";
import { type TestHub, testHub } from "../../support/hub.ts";
import { type Recorder, recorder } from "../../support/recorder.ts";
import type { ClientHome, Python } from "../python.ts";
import { check, describeVersions } from "./harness.ts";

const MIB = 1024 * 1024;
const PART = 5 * MIB;

describeVersions("large files", ({ make }) => {
  let hub: TestHub;
  let proxy: Recorder;
  let home: ClientHome;
  let python: Python;

  beforeAll(async () => {
    hub = await testHub({ transfers: { partSize: PART, multipartAbove: 8 * MIB } });
    proxy = await recorder(() => hub.url);
    home = await make(proxy.url, await hub.user("ana"));
    python = home.python({ HF_HUB_DISABLE_XET: "1" });
    await python.run(`
      import hashlib, random, shutil
      from pathlib import Path
      from huggingface_hub import HfApi, hf_hub_download, try_to_load_from_cache
      from huggingface_hub.constants import HF_HUB_CACHE
      api = HfApi()
      api.create_repo("ana/large")
      bytes_of = lambda seed, size: random.Random(seed).randbytes(size)
      sha256 = lambda data: hashlib.sha256(data).hexdigest()
    `);
  });
  beforeEach(() => {
    proxy.take();
  });
  afterAll(async () => {
    await home?.remove();
    await proxy?.stop();
    await hub?.stop();
  });

  const UPLOAD = `
    data = bytes_of(seed, size)
    api.upload_file(path_or_fileobj=data, path_in_repo=name, repo_id="ana/large")
    result = sha256(data)
  `;

  check(19, "upload_file by LFS in one piece: a PUT without credentials, then verify and commit", async () => {
    await python.run(UPLOAD, { seed: 1, size: 3 * MIB, name: "one.bin" });
    const puts = proxy.calls.filter(({ method }) => method === "PUT");
    expect(puts.map(({ status, headers }) => [status, headers.authorization])).toEqual([[200, undefined]]);
    const posts = proxy.take().filter((call) => call.startsWith("POST"));
    expect(posts.map((call) => call.replace(/[0-9a-f]{64}/, "…"))).toEqual([
      "POST /api/models/ana/large/preupload/main",
      "POST /ana/large.git/info/lfs/objects/batch",
      expect.stringMatching(/verify/),
      "POST /api/models/ana/large/commit/main",
    ]);
  });

  check(19, "upload_file by LFS in parts (sequence A4): each with an ETag, put together, then verified", async () => {
    const sha = await python.run<string>(UPLOAD, { seed: 2, size: 12 * MIB + 7, name: "parts.bin" });
    const puts = proxy.calls.filter(({ method }) => method === "PUT");
    expect(puts.length).toBe(3);
    for (const { status, headers, answer } of puts) {
      expect([status, headers.authorization]).toEqual([200, undefined]);
      expect(answer.etag).toBeTruthy();
    }
    const posts = proxy.calls.filter(({ method, url }) => method === "POST" && url.startsWith("/api/lfs/"));
    expect(
      posts.map(({ url, status, headers }) => [/(complete|verify)/.exec(url)?.[0], status, headers.authorization]),
    ).toEqual([
      ["complete", 200, undefined],
      ["verify", 200, expect.stringMatching(/^Bearer hf_/)],
    ]);
    const got = await fetch(`${hub.url}/ana/large/resolve/main/parts.bin`);
    const bytes = Buffer.from(await got.arrayBuffer());
    expect([bytes.length, createHash("sha256").update(bytes).digest("hex")]).toEqual([12 * MIB + 7, sha]);
  });

  check(2, "hf_hub_download of an LFS file: a HEAD that answers by itself, bytes without credentials", async () => {
    const sha = await python.run<string>(`
      path = Path(hf_hub_download("ana/large", "one.bin"))
      assert sha256(path.read_bytes()) == path.resolve().name
      result = path.resolve().name
    `);
    const head = proxy.calls.find(({ method }) => method === "HEAD");
    expect(head?.status).toBe(200);
    expect(head?.answer).toMatchObject({ "x-linked-etag": `"${sha}"`, "x-linked-size": `${3 * MIB}` });
    expect(head?.answer.location).toBeUndefined();
    // The bytes are on the hub's own disk: nothing to send the client elsewhere for.
    const gets = proxy.calls.filter(({ method }) => method === "GET");
    expect(gets.map(({ url, status, bytes }) => [url.includes("/resolve/"), status, bytes])).toEqual([
      [true, 200, 3 * MIB],
    ]);
  });

  check(4, "hf_hub_download of what is not there: an error that the cache remembers", async () => {
    const found = await python.run<[string[], boolean, boolean]>(`
      from huggingface_hub import _CACHED_NO_EXIST
      try:
          hf_hub_download("ana/large", "nothing.json")
      except Exception as error:
          names = [base.__name__ for base in type(error).__mro__]
      marks = [path.name for path in Path(HF_HUB_CACHE).rglob(".no_exist/*/*")]
      result = [names, marks == ["nothing.json"], try_to_load_from_cache("ana/large", "nothing.json") is _CACHED_NO_EXIST]
    `);
    expect(found).toEqual([expect.arrayContaining(["RemoteEntryNotFoundError"]), true, true]);
    const answer = proxy.calls.find(({ status }) => status === 404)?.answer;
    expect(answer).toMatchObject({
      "x-error-code": "EntryNotFound",
      "x-repo-commit": expect.stringMatching(/^[0-9a-f]{40}$/),
    });
  });

  /** Downloads the file of three parts into a cache of its own, cut off once in the middle; whether it is right in the end. */
  async function cutOff(cache: string): Promise<boolean> {
    const cut: string[] = [];
    proxy.fault = ({ method, url, status }) => {
      if (method !== "GET" || status !== 200 || cut.length > 0) return undefined;
      cut.push(url);
      return { cutAfter: 11 * MIB };
    };
    try {
      const same = await python.run<boolean>(
        `result = sha256(Path(hf_hub_download("ana/large", "parts.bin", cache_dir=cache)).read_bytes()) == sha256(bytes_of(2, 12 * 1024 * 1024 + 7))`,
        { cache: join(home.folder, cache) },
      );
      return same && cut.length === 1;
    } finally {
      proxy.fault = undefined;
      proxy.watch = undefined;
    }
  }
  const WHOLE = 12 * MIB + 7;
  const startOf = (range = "") => Number(/^bytes=(\d+)-$/.exec(range)?.[1] ?? 0);

  check(
    10,
    "hf_hub_download that is cut off in the middle goes on where it was: Range, 206, the bytes that lack",
    async () => {
      expect(await cutOff("cut")).toBe(true);
      const rest = proxy.calls.filter(({ headers }) => headers.range !== undefined);
      const start = startOf(rest[0]?.headers.range);
      expect(start).toBeGreaterThan(WHOLE / 2);
      expect(rest.map(({ status, answer, bytes }) => [status, answer["content-range"], bytes])).toEqual([
        [206, `bytes ${start}-${WHOLE - 1}/${WHOLE}`, WHOLE - start],
      ]);
    },
  );

  check(
    10,
    "hf_hub_download that is cut off, where a proxy drops Range: a 200 begins anew, and the file is right",
    async () => {
      const dropped: number[] = [];
      proxy.watch = ({ headers }) => {
        if (headers.range === undefined) return;
        dropped.push(startOf(headers.range));
        delete headers.range;
      };
      expect(await cutOff("cut-and-dropped")).toBe(true);
      expect(dropped).toEqual([expect.any(Number)]);
      expect(dropped[0]).toBeGreaterThan(WHOLE / 2);
      const gets = proxy.calls.filter(({ method, url }) => method === "GET" && url.includes("/resolve/"));
      expect(gets.map(({ status }) => status)).toEqual([200, 200]);
      expect(gets.at(-1)?.bytes).toBe(WHOLE);
    },
  );

  check(20, "upload_folder of 300 mixed files, nested, with unicode, spaces and an empty one", async () => {
    const listed = await python.run(
      `
      folder = Path(folder)
      for index in range(294):
          path = folder / f"dir {index % 7}" / f"файл-{index} é.txt"
          path.parent.mkdir(parents=True, exist_ok=True)
          path.write_text(f"text {index}")
      for index in range(5):
          (folder / f"weights-{index}.bin").write_bytes(bytes_of(index, 2000))
      (folder / "empty.txt").write_text("")
      api.create_repo("ana/folder")
      first = api.upload_folder(repo_id="ana/folder", folder_path=folder).oid
      there = {entry.path: entry for entry in api.list_repo_tree("ana/folder", recursive=True) if hasattr(entry, "size")}
      local = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
      result = [
          sorted(name for name in there if name != ".gitattributes") == local, len(local), there["empty.txt"].size,
          there["empty.txt"].lfs is None, there["weights-1.bin"].lfs is not None,
      ]
    `,
      { folder: join(home.folder, "mixed") },
    );
    expect(listed).toEqual([true, 300, 0, true, true]);
    const asked = proxy.take();
    expect(asked.filter((call) => call.includes("/preupload/")).length).toBe(2);
    // Five large ones, each once; the empty one is none.
    const puts = asked.filter((call) => call.startsWith("PUT "));
    expect([puts.length, new Set(puts).size]).toEqual([5, 5]);
  });

  check(21, "upload_folder again, with nothing changed: no commit", async () => {
    const same = await python.run(`
      again = api.upload_folder(repo_id="ana/folder", folder_path=folder).oid
      result = [again == first, len(api.list_repo_commits("ana/folder"))]
    `);
    expect(same).toEqual([true, 2]);
    expect(proxy.take().filter((call) => call.includes("/commit/"))).toEqual([]);
  });

  check(76, "list_lfs_files and permanently_delete_lfs_files: gone here, there for others", async () => {
    const left = await python.run(`
      api.create_repo("ana/keeps")
      for repo in ("ana/keeps", "ana/large"):
          api.upload_file(path_or_fileobj=bytes_of(9, 5000), path_in_repo="shared.bin", repo_id=repo)
      files = {file.filename: file for file in api.list_lfs_files("ana/large")}
      before = sorted(files)
      api.permanently_delete_lfs_files("ana/large", [files["shared.bin"]], rewrite_history=True)
      result = [
          before, files["shared.bin"].file_oid == sha256(bytes_of(9, 5000)), sorted(file.filename for file in api.list_lfs_files("ana/large")),
          api.file_exists("ana/large", "shared.bin"), sha256(Path(hf_hub_download("ana/keeps", "shared.bin")).read_bytes()) == sha256(bytes_of(9, 5000)),
      ]
    `);
    expect(left).toEqual([["one.bin", "parts.bin", "shared.bin"], true, ["one.bin", "parts.bin"], false, true]);
  });
});
