// Large files from huggingface_hub, with its Xet client and without.
import { createHash } from "node:crypto";
import { mkdtemp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type TestHub, testHub } from "../support/hub.ts";
import { ClientHome, describeClients } from "./python.ts";

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
  let home: ClientHome;

  beforeAll(async () => {
    hub = await testHub();
    home = await ClientHome.make(hub.url, await hub.user("ana"));
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

  it.each([
    ["with Xet", {}],
    ["without", { HF_HUB_DISABLE_XET: "1" }],
  ])("goes up %s, and comes down both ways", async (_, env) => {
    const python = home.python(env);
    await python.run(SETUP);
    const size = 52 * 2 ** 20 + 1;
    const name = Object.keys(env).length === 0 ? "chunks.bin" : "larger.bin";
    const uploaded = await python.run<Uploaded>(UPLOAD, { name, size });
    expect(uploaded).toMatchObject({ size, lfs: uploaded.sha256, files: expect.arrayContaining([name]) });
    expect(await sha256OfDownload(name, {})).toBe(uploaded.sha256);
    expect(await sha256OfDownload(name, { HF_HUB_DISABLE_XET: "1" })).toBe(uploaded.sha256);
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
