// Files from one repository to another by huggingface_hub: what is large stays where it is, and no byte of it travels.
import { afterAll, beforeAll, beforeEach, expect } from "vitest";
import { type TestHub, testHub } from "../../support/hub.ts";
import { type Recorder, recorder } from "../../support/recorder.ts";
import type { ClientHome, Python } from "../python.ts";
import { check, describeVersions } from "./harness.ts";

const SIZE = 3_000_000;

describeVersions("copies", ({ make }) => {
  let hub: TestHub;
  let proxy: Recorder;
  let home: ClientHome;
  let python: Python;

  beforeAll(async () => {
    hub = await testHub();
    proxy = await recorder(() => hub.url);
    home = await make(proxy.url, await hub.user("ana"));
    python = home.python();
    await python.run(
      `
      import random
      from pathlib import Path
      from huggingface_hub import CommitOperationCopy, HfApi, hf_hub_download
      api = HfApi()
      data = random.Random(5).randbytes(size)
      read = lambda repo, path, **options: Path(hf_hub_download(repo, path, **options)).read_bytes()
      api.create_repo("ana/original")
      api.upload_file(path_or_fileobj=data, path_in_repo="large/data.bin", repo_id="ana/original")
      api.upload_file(path_or_fileobj=b"{}", path_in_repo="config.json", repo_id="ana/original")
    `,
      { size: SIZE },
    );
  });
  beforeEach(() => {
    proxy.take();
  });
  afterAll(async () => {
    await home?.remove();
    await proxy?.stop();
    await hub?.stop();
  });

  /** What went up since the last look: the calls that could bring a file's bytes, and bytes of all bodies. */
  function wentUp(): { uploads: string[]; few: boolean } {
    const { calls } = proxy;
    const uploads = calls.filter(
      ({ method, url }) => method === "PUT" || /\/cas\/|xet-write-token|objects\/batch/.test(url),
    );
    const bytes = calls.reduce((sum, { headers }) => sum + Number(headers["content-length"] ?? 0), 0);
    const chunked = calls.filter(({ headers }) => headers["transfer-encoding"] !== undefined);
    return { uploads: [...uploads, ...chunked].map(({ method, url }) => `${method} ${url}`), few: bytes < 10_000 };
  }

  check(86, "duplicate_repo uploads no bytes", async () => {
    await python.run(`api.duplicate_repo("ana/original", to_id="ana/whole")`);
    expect(wentUp()).toEqual({ uploads: [], few: true });
    const same = `result = [read("ana/whole", "large/data.bin") == data, read("ana/whole", "config.json") == b"{}"]`;
    expect(await python.run(same)).toEqual([true, true]);
  });

  check(86, "CommitOperationCopy from another repository, by lfs-files/duplicate, uploads no bytes", async () => {
    await python.run(`
      api.create_repo("ana/part")
      copy = lambda source, target: CommitOperationCopy(source, target, src_repo_id="ana/original", src_repo_type="model")
      api.create_commit("ana/part", [copy("large/data.bin", "mine.bin"), copy("config.json", "mine.json")], commit_message="Copy")
    `);
    expect(proxy.calls.map(({ method, url, status }) => `${status} ${method} ${url}`)).toContain(
      "200 POST /api/models/ana/original/lfs-files/duplicate",
    );
    expect(wentUp()).toEqual({ uploads: [], few: true });
    // The source may go: each repository keeps what it names.
    const same = await python.run(`
      api.delete_repo("ana/original")
      result = [read("ana/part", "mine.bin") == data, read("ana/part", "mine.json") == b"{}"]
    `);
    expect(same).toEqual([true, true]);
  });

  check(86, "CommitOperationCopy to a repository of another type, and what the source does not have", async () => {
    proxy.take();
    await python.run(`
      api.create_repo("ana/rows", repo_type="dataset")
      copy = lambda source, target: CommitOperationCopy(source, target, src_repo_id="ana/part", src_repo_type="model")
      api.create_commit("ana/rows", [copy("mine.bin", "rows.bin")], commit_message="Copy", repo_type="dataset")
    `);
    expect(wentUp()).toEqual({ uploads: [], few: true });
    expect(await python.run(`result = read("ana/rows", "rows.bin", repo_type="dataset") == data`)).toBe(true);
    const wrong = `api.create_commit("ana/rows", [copy("none.bin", "x.bin")], commit_message="Copy", repo_type="dataset")`;
    await expect(python.run(wrong)).rejects.toThrow(/EntryNotFoundError/);
  });
});
