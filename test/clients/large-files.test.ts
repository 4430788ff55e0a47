// Large files from huggingface_hub, with its Xet client and without.
import { createHash } from "node:crypto";
import { mkdtemp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type TestHub, testHub } from "../support/hub.ts";
import { describeClients, PythonHome } from "./python.ts";

const SETUP = `
  from hashlib import sha256, shake_128
  from huggingface_hub import HfApi, hf_hub_download
  api = HfApi()
  content = lambda name, size: shake_128(name.encode()).digest(size)
`;
const UPLOAD = `
  data = content(name, size)
  api.upload_file(path_or_fileobj=data, path_in_repo=name, repo_id="ana/large")
  info = api.get_paths_info("ana/large", [name])[0]
  result = {
      "sha256": sha256(data).hexdigest(), "size": info.size,
      "lfs": info.lfs and info.lfs.sha256, "files": api.list_repo_files("ana/large"),
  }
`;
const DOWNLOAD = `
  from pathlib import Path
  result = hf_hub_download("ana/large", name, cache_dir=cache)
`;

interface Uploaded {
  sha256: string;
  size: number;
  lfs: string | null;
  files: string[];
}

describeClients("large files", () => {
  let hub: TestHub;
  let home: PythonHome;

  beforeAll(async () => {
    hub = await testHub();
    home = await PythonHome.make(hub.url, await hub.user("ana"));
    await home.python().run(`
      from huggingface_hub import create_repo
      create_repo("ana/large")
    `);
  });
  afterAll(async () => {
    await home?.remove();
    await hub?.stop();
  });

  async function sha256OfDownload(name: string, env: NodeJS.ProcessEnv): Promise<string> {
    const python = home.python(env);
    await python.run(SETUP);
    const path = await python.run<string>(DOWNLOAD, { name, cache: await mkdtemp(join(home.folder, "cache-")) });
    return createHash("sha256")
      .update(await readFile(path))
      .digest("hex");
  }

  it("goes as it is up to 50 MB", async () => {
    const python = home.python();
    await python.run(SETUP);
    const uploaded = await python.run<Uploaded>(UPLOAD, { name: "weights.bin", size: 12 * 2 ** 20 + 1 });
    expect(uploaded).toMatchObject({ size: 12 * 2 ** 20 + 1, files: [".gitattributes", "weights.bin"] });
    expect(await sha256OfDownload("weights.bin", {})).toBe(uploaded.sha256);
  });

  it("above that is refused with what to do, and leaves no trace", async () => {
    const python = home.python();
    await python.run(SETUP);
    const upload = python.run(UPLOAD, { name: "larger.bin", size: 52 * 2 ** 20 + 1 });
    await expect(upload).rejects.toThrow(/501 Not Implemented.*HF_HUB_DISABLE_XET=1/s);
    expect(await python.run(`result = api.file_exists("ana/large", "larger.bin")`)).toBe(false);
  });

  it("goes by LFS without Xet", async () => {
    const env = { HF_HUB_DISABLE_XET: "1" };
    const python = home.python(env);
    await python.run(SETUP);
    const uploaded = await python.run<Uploaded>(UPLOAD, { name: "larger.bin", size: 52 * 2 ** 20 + 1 });
    expect(uploaded).toMatchObject({ size: 52 * 2 ** 20 + 1, lfs: uploaded.sha256 });
    expect(await sha256OfDownload("larger.bin", env)).toBe(uploaded.sha256);
    // With Xet on, too: the hub promises nothing by Xet, so the client reads the file as it is.
    expect(await sha256OfDownload("larger.bin", {})).toBe(uploaded.sha256);
  });

  it("copies within the repository without sending it again", async () => {
    const copied = await home.python().run(`
      from huggingface_hub import CommitOperationCopy, HfApi
      api = HfApi()
      api.create_commit("ana/large", [CommitOperationCopy("larger.bin", "copy.bin")], commit_message="Copy")
      first, second = api.get_paths_info("ana/large", ["larger.bin", "copy.bin"])
      result = first.lfs.sha256 == second.lfs.sha256 and first.size == second.size
    `);
    expect(copied).toBe(true);
  });
});
