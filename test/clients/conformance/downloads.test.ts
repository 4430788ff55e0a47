// What huggingface_hub asks when it downloads, and what it keeps: one file, a whole snapshot, what is not there.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect } from "vitest";
import { packageFile } from "../../../src/package-root.ts";
import { type TestHub, testHub } from "../../support/hub.ts";
import { type Recorder, recorder } from "../../support/recorder.ts";
import type { ClientHome, Python } from "../python.ts";
import { check, describeVersions, filesIn } from "./harness.ts";

const FOLDER = packageFile("pipelines", "defaults", "text-classification");
const gitId = (bytes: Buffer) => createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
const raised = (type: string, message: RegExp) => ({
  types: expect.arrayContaining([type]),
  message: expect.stringMatching(message),
});

describeVersions("downloads", ({ make }) => {
  let hub: TestHub;
  let proxy: Recorder;
  let home: ClientHome;
  let python: Python;
  let sha: string;
  let names: string[];

  beforeAll(async () => {
    hub = await testHub();
    proxy = await recorder(() => hub.url);
    const token = await hub.user("ana");
    names = await filesIn(FOLDER);
    home = await make(proxy.url);
    python = home.python();
    // Who downloads is nobody in particular; who uploads is ana.
    sha = await python.run<string>(
      `
      from pathlib import Path
      from huggingface_hub import *
      from huggingface_hub import constants
      ana = HfApi(token=token)
      ana.create_repo("ana/mood")
      ana.upload_file(path_or_fileobj=b"x" * 20, path_in_repo="sub dir/x é#1.txt", repo_id="ana/mood")
      result = ana.upload_folder(repo_id="ana/mood", folder_path=folder).oid
    `,
      { token, folder: FOLDER },
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

  check(1, "hf_hub_download of a small file, as nobody in particular", async () => {
    const bytes = await readFile(join(FOLDER, "config.json"));
    const found = await python.run(`
      path = Path(hf_hub_download("ana/mood", "config.json"))
      result = {"name": path.resolve().name, "snapshot": path.parent.name, "text": path.read_text()}
    `);
    expect(found).toEqual({ name: gitId(bytes), snapshot: sha, text: bytes.toString() });
    const head = proxy.calls.find(({ method, url }) => method === "HEAD" && url.includes("config.json"));
    expect(head?.status).toBe(200);
    expect(head?.headers.authorization).toBeUndefined();
    expect(head?.answer).toMatchObject({
      "x-repo-commit": sha,
      etag: `"${gitId(bytes)}"`,
      "content-length": `${bytes.length}`,
    });
    expect(head?.answer.location).toBeUndefined();
  });

  check(5, "hf_hub_download from a repository that is not there, over http", async () => {
    await expect(python.run(`hf_hub_download("ana/nothing", "config.json")`)).rejects.toMatchObject(
      raised("RepositoryNotFoundError", /404/),
    );
    await expect(python.run(`model_info("ana/nothing")`)).rejects.toMatchObject(
      raised("RepositoryNotFoundError", /404/),
    );
    expect(await python.run(`result = repo_exists("ana/nothing")`)).toBe(false);
  });

  check(6, "hf_hub_download of a revision that is not there", async () => {
    const missing = raised("RevisionNotFoundError", /404/);
    for (const revision of ["nothing", "0".repeat(40), "refs/pr/99"]) {
      const download = `hf_hub_download("ana/mood", "config.json", revision=revision)`;
      await expect(python.run(download, { revision })).rejects.toMatchObject(missing);
    }
    expect(await python.run(`result = revision_exists("ana/mood", "nothing")`)).toBe(false);
  });

  check(8, "snapshot_download: one look at the repository, its tree, then the files", async () => {
    const cache = join(home.folder, "snapshot");
    const path = await python.run<string>(`result = snapshot_download("ana/mood", cache_dir=cache)`, { cache });
    expect(path.endsWith(`/models--ana--mood/snapshots/${sha}`)).toBe(true);
    expect(await filesIn(path)).toEqual([".gitattributes", ...names, "sub dir/x é#1.txt"].sort());
    for (const name of names)
      expect((await readFile(join(path, name))).equals(await readFile(join(FOLDER, name))), name).toBe(true);
    expect(await readFile(join(path, "sub dir", "x é#1.txt"), "utf8")).toBe("x".repeat(20));
    const { calls } = proxy;
    expect(calls.filter(({ url }) => url.split("?")[0] === "/api/models/ana/mood/revision/main").length).toBe(1);
    expect(calls.filter(({ url }) => url.startsWith(`/api/models/ana/mood/tree/${sha}?recursive=`)).length).toBe(1);
    // Files that came by chunks are asked for by their hashes; all others with a HEAD and a GET at the commit.
    const plain = calls.filter(({ url }) => url.startsWith(`/ana/mood/resolve/${sha}/`));
    for (const name of ["config.json", "README.md", "sub%20dir/x%20%C3%A9%231.txt"]) {
      const asked = plain.filter(({ url }) => url === `/ana/mood/resolve/${sha}/${name}`);
      expect([name, asked.map(({ method }) => method)]).toEqual([name, ["HEAD", "GET"]]);
    }
    expect(calls.filter(({ status }) => status >= 400 && status !== 416)).toEqual([]);
  });

  check(9, "snapshot_download again: one look, and nothing is fetched", async () => {
    const cache = join(home.folder, "snapshot");
    await python.run(`snapshot_download("ana/mood", cache_dir=cache)`, { cache });
    proxy.take();
    const path = await python.run<string>(`result = snapshot_download("ana/mood", cache_dir=cache)`, { cache });
    expect(path.endsWith(sha)).toBe(true);
    expect(proxy.take()).toEqual(["GET /api/models/ana/mood/revision/main"]);
  });

  check(9, "a cache of huggingface_hub has its layout: refs, snapshots and blobs by their ids", async () => {
    const cache = join(home.folder, "layout");
    const files = await python.run<string[]>(
      `
      snapshot_download("ana/mood", cache_dir=cache, allow_patterns=["config.json", "*.safetensors"])
      root = Path(cache) / "models--ana--mood"
      result = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and ".no_exist" not in str(path))
    `,
      { cache },
    );
    const config = gitId(await readFile(join(FOLDER, "config.json")));
    expect(files).toEqual(
      expect.arrayContaining([
        `blobs/${config}`,
        "refs/main",
        `snapshots/${sha}/config.json`,
        `snapshots/${sha}/model.safetensors`,
      ]),
    );
    expect(await readFile(join(cache, "models--ana--mood", "refs", "main"), "utf8")).toBe(sha);
  });

  check(64, "an error of Python names the request by its id", async () => {
    const failed = await python.run<string>(`
      try:
          ana.create_repo("ana/mood")
      except Exception as error:
          result = str(error)
    `);
    const answer = proxy.calls.at(-1)?.answer["x-request-id"];
    expect(failed).toContain(`${answer}`);
    for (const call of proxy.calls) expect(call.answer["x-request-id"], call.url).toBeTruthy();
  });

  check(77, "get_safetensors_metadata asks for the beginning of the file alone", async () => {
    const count = await python.run<number>(
      `result = sum(ana.get_safetensors_metadata("ana/mood").parameter_count.values())`,
    );
    const [asked] = proxy.calls.filter(({ method, url }) => method === "GET" && url.includes("model.safetensors"));
    expect([asked?.headers.range, asked?.status]).toEqual(["bytes=0-100000", 206]);
    expect(asked?.bytes).toBe(100_001);
    expect(count).toBe(await python.run(`result = ana.model_info("ana/mood").safetensors.total`));
  });

  check(87, "names of every kind make the round trip", async () => {
    const odd = [
      "nfc-é.txt",
      "nfd-e\u0301.txt",
      "日本語/データ.txt",
      "100% #1 a+b?c&d=e.txt",
      'it\'s "quoted" [x] {y} ~z;.txt',
      `${"long-".repeat(40)}name/${"deep/".repeat(20)}x.txt`,
    ];
    const seen = await python.run(
      `
      ana.create_repo("ana/names")
      ana.create_commit("ana/names", [CommitOperationAdd(name, name.encode()) for name in odd], commit_message="Names")
      there = set(list_repo_files("ana/names"))
      cache = str(Path(cache))
      folder = Path(snapshot_download("ana/names", cache_dir=cache))
      result = [[
          name in there,
          file_exists("ana/names", name),
          Path(hf_hub_download("ana/names", name, force_download=True)).read_text() == name,
          (folder / name).read_text() == name,
          [entry.path for entry in ana.get_paths_info("ana/names", [name])] == [name],
          HfFileSystem().read_text(f"ana/names/{name}") == name,
      ] for name in odd]
    `,
      { odd, cache: join(home.folder, "names") },
    );
    expect(seen).toEqual(odd.map(() => Array(6).fill(true)));
  });

  check(93, "what this hub does not do is a 501 with a sentence", async () => {
    for (const call of [
      `ana.list_jobs(namespace="ana")`,
      `ana.request_space_hardware("ana/app", "cpu-basic")`,
      `ana.get_space_runtime("ana/app")`,
      `ana.list_papers(query="x")`,
    ]) {
      const failure = python.run(`list(${call} or [])`);
      await expect(failure, call).rejects.toMatchObject(raised("HfHubHTTPError", /501.*does not support/s));
    }
  });
});
