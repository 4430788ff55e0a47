// The unmodified huggingface_hub against a listening hub: what its users do in a day, and the errors they meet.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { flushDownloads } from "../../hub-server/services/downloads.ts";
import { filesOf } from "../../src/hub/upload-files.ts";
import { encodePointer, objectId } from "../../src/io/git-objects.ts";
import { packageFile } from "../../src/package-root.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { ClientHome, describeClients, type Python } from "./python.ts";

const FOLDER = packageFile("pipelines", "defaults", "text-classification");
const HASH = /^[0-9a-f]{40}$/;
const raised = (type: string, message: RegExp) => ({
  types: expect.arrayContaining([type]),
  message: expect.stringMatching(message),
});

describeClients("huggingface_hub", () => {
  let hub: TestHub;
  let home: ClientHome;
  let python: Python;
  let names: string[];
  let strangerToken: string;
  const people = new Map<string, string>();

  beforeAll(async () => {
    hub = await testHub();
    home = await ClientHome.make(hub.url, await hub.user("ana"));
    strangerToken = await hub.user("bob");
    python = home.python();
    names = await filesOf(FOLDER);
    const setup = `
      from pathlib import Path
      from huggingface_hub import *
      from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete
      from huggingface_hub.errors import *
      api, bob = HfApi(), HfApi(token=stranger_token)
    `;
    await python.run(setup, { folder: FOLDER, stranger_token: strangerToken });
  });
  afterAll(async () => {
    await home?.remove();
    await hub?.stop();
  });

  it("says who the caller is", async () => {
    expect(await python.run("result = api.whoami()")).toMatchObject({ type: "user", name: "ana" });
  });

  it("creates a repository, and takes an existing one only when told so", async () => {
    expect(await python.run(`result = api.create_repo("ana/mood").url`)).toBe(`${hub.url}/ana/mood`);
    await expect(python.run(`api.create_repo("ana/mood")`)).rejects.toMatchObject(
      raised("HfHubHTTPError", /409 Conflict.*exists already/s),
    );
    const again = python.run(`result = api.create_repo("ana/mood", exist_ok=True).repo_id`);
    expect(await again).toBe("ana/mood");
  });

  it("uploads a folder, and nothing when nothing has changed", async () => {
    const upload = `
      commit = api.upload_folder(
          repo_id="ana/mood", folder_path=folder, commit_message="Add the model", commit_description="All of it")
      result = commit.oid
    `;
    const commit = await python.run(upload);
    expect(commit).toMatch(HASH);
    expect(await python.run(upload)).toBe(commit);
    const commits = await python.run(
      `result = [[commit.title, commit.message, commit.authors] for commit in api.list_repo_commits("ana/mood")]`,
    );
    expect(commits).toEqual([
      ["Add the model", "All of it", ["ana"]],
      ["initial commit", "", ["ana"]],
    ]);
  });

  it("lists files and reads what the hub learned from them", async () => {
    expect(await python.run(`result = api.list_repo_files("ana/mood")`)).toEqual([".gitattributes", ...names]);
    const info = await python.run(`
      info = api.model_info("ana/mood", files_metadata=True)
      result = {
          "sha": info.sha == api.list_repo_commits("ana/mood")[0].commit_id,
          "pipeline_tag": info.pipeline_tag,
          "tags": info.tags,
          "architectures": info.config["architectures"],
          "parameters": info.safetensors.total,
          "card": info.card_data.library_name,
          "blobs": {file.rfilename: [file.size, file.blob_id] for file in info.siblings},
          "metadata": sum(api.get_safetensors_metadata("ana/mood").parameter_count.values()),
      }
    `);
    const blobs: Record<string, unknown> = { ".gitattributes": expect.anything() };
    for (const name of names) {
      const bytes = await readFile(join(FOLDER, name));
      // git's id of a large file is its pointer's.
      const isLarge = /\.(safetensors|onnx)$/.test(name);
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      blobs[name] = [bytes.length, objectId("blob", isLarge ? encodePointer(sha256, bytes.length) : bytes)];
    }
    expect(info).toMatchObject({
      sha: true,
      pipeline_tag: "text-classification",
      tags: expect.arrayContaining(["transformers", "safetensors", "distilbert", "text-classification"]),
      architectures: ["DistilBertForSequenceClassification"],
      card: "transformers",
      blobs,
    });
    expect(info).toHaveProperty("parameters", (info as { metadata: number }).metadata);
  });

  it("finds models by author, task and words", async () => {
    const found = await python.run(`
      ids = lambda models: [model.id for model in models]
      result = [
          ids(api.list_models(author="ana")), ids(api.list_models(filter="text-classification", search="moo")),
          ids(api.list_models(author="bob")), ids(api.list_models(search="no such thing")),
      ]
    `);
    expect(found).toEqual([["ana/mood"], ["ana/mood"], [], []]);
  });

  it("downloads a file once, under its ETag", async () => {
    const download = await python.run<{ etag: string; blob: string; same: boolean; text: string }>(`
      etag = get_hf_file_metadata(hf_hub_url("ana/mood", "config.json")).etag
      path = Path(hf_hub_download("ana/mood", "config.json"))
      before = path.stat()
      again = Path(hf_hub_download("ana/mood", "config.json"))
      result = {
          "etag": etag, "blob": path.resolve().name, "text": path.read_text(),
          "same": again == path and again.stat().st_mtime_ns == before.st_mtime_ns and again.stat().st_ino == before.st_ino,
      }
    `);
    expect(download.text).toBe(await readFile(join(FOLDER, "config.json"), "utf8"));
    expect(download.blob).toBe(download.etag);
    expect(download.same).toBe(true);
  });

  it("brings a whole snapshot into an empty cache, byte for byte, and does without the hub after that", async () => {
    const cache = join(home.folder, "empty");
    const folder = await python.run<string>(`result = snapshot_download("ana/mood", cache_dir=cache)`, { cache });
    expect(await filesOf(folder)).toEqual([".gitattributes", ...names]);
    for (const name of names) {
      expect((await readFile(join(folder, name))).equals(await readFile(join(FOLDER, name))), name).toBe(true);
    }
    const offline = home.python({ HF_HUB_OFFLINE: "1" });
    const code = `
      from huggingface_hub import snapshot_download
      result = snapshot_download("ana/mood", cache_dir=cache)
    `;
    expect(await offline.run(code, { cache })).toBe(folder);
  });

  it("counts a snapshot as one download, and a look at what is cached as none", async () => {
    // People who have fetched nothing yet: of one person, one download a minute counts.
    const counts: number[] = [];
    for (const [person, cache] of [
      ["carol", "one"],
      ["carol", "one"],
      ["dave", "two"],
    ] as const) {
      const token = people.get(person) ?? (await hub.user(person));
      people.set(person, token);
      const folder = join(home.folder, cache);
      await python.run(`snapshot_download("ana/mood", cache_dir=cache, revision="main", token=token)`, {
        cache: folder,
        token,
      });
      await flushDownloads(hub.deps);
      counts.push(await python.run<number>(`result = api.model_info("ana/mood").downloads`));
    }
    const [first = 0] = counts;
    expect(counts).toEqual([first, first, first + 1]);
    expect(first).toBeGreaterThan(0);
  });

  it("adds, copies and deletes in one commit", async () => {
    await python.run(`api.upload_file(path_or_fileobj=b"old", path_in_repo="notes/a b é.txt", repo_id="ana/mood")`);
    const operations = `
      result = api.create_commit("ana/mood", [
          CommitOperationAdd("docs/one.txt", b"1"),
          CommitOperationAdd("docs/two.txt", b"2"),
          CommitOperationCopy("config.json", "copies/config.json"),
          CommitOperationCopy("model.safetensors", "copies/model.safetensors"),
          CommitOperationDelete("notes/a b é.txt"),
      ], commit_message="Several").oid
    `;
    expect(await python.run(operations)).toMatch(HASH);
    const paths = [
      "copies",
      "copies/config.json",
      "copies/model.safetensors",
      "docs",
      "docs/one.txt",
      "docs/two.txt",
      "onnx",
    ];
    const tree = await python.run<string[]>(
      `result = [entry.path for entry in api.list_repo_tree("ana/mood", recursive=True)]`,
    );
    expect(tree.filter((path) => !names.includes(path))).toEqual([".gitattributes", ...paths]);
    const copied = await python.run<string>(`result = hf_hub_download("ana/mood", "copies/model.safetensors")`);
    expect((await readFile(copied)).equals(await readFile(join(FOLDER, "model.safetensors")))).toBe(true);
  });

  it("leaves out what .gitignore names", async () => {
    const uploaded = await python.run(
      `
      folder = Path(scratch)
      for name, text in {".gitignore": "*.log\\n.env\\n/runs/\\n", ".env": "SECRET=1", "a.log": "", "runs/x.txt": "x", "b.txt": "b"}.items():
          (folder / name).parent.mkdir(parents=True, exist_ok=True)
          (folder / name).write_text(text)
      api.create_repo("ana/ignoring")
      api.upload_folder(repo_id="ana/ignoring", folder_path=folder)
      api.upload_file(path_or_fileobj=b"late", path_in_repo="late.log", repo_id="ana/ignoring")
      result = api.list_repo_files("ana/ignoring")
    `,
      { scratch: join(home.folder, "ignoring") },
    );
    expect(uploaded).toEqual([".gitattributes", ".gitignore", "b.txt"]);
  });

  it("deletes a file and a folder", async () => {
    await python.run(`
      api.delete_file("docs/one.txt", "ana/mood")
      api.delete_folder("copies", "ana/mood")
    `);
    const files = await python.run<string[]>(`result = api.list_repo_files("ana/mood")`);
    expect(files.filter((path) => !names.includes(path))).toEqual([".gitattributes", "docs/two.txt"]);
    await expect(python.run(`api.delete_file("docs/one.txt", "ana/mood")`)).rejects.toMatchObject(
      raised("EntryNotFoundError", /docs\/one\.txt/),
    );
  });

  it("refuses a commit on top of what is no longer the head", async () => {
    const stale = `
      parent = api.list_repo_commits("ana/mood")[1].commit_id
      api.create_commit("ana/mood", [CommitOperationAdd("late.txt", b"1")], commit_message="Late", parent_commit=parent)
    `;
    await expect(python.run(stale)).rejects.toMatchObject(raised("HfHubHTTPError", /412.*is at [0-9a-f]{40}, not at/s));
  });

  it("branches and tags, and reads each revision as it was", async () => {
    const refs = await python.run(`
      api.create_branch("ana/mood", branch="feature/x")
      api.create_tag("ana/mood", tag="v1", tag_message="First")
      api.upload_file(path_or_fileobj=b"new", path_in_repo="new.txt", repo_id="ana/mood", revision="feature/x")
      refs = api.list_repo_refs("ana/mood")
      result = {
          "branches": [ref.name for ref in refs.branches], "tags": [ref.name for ref in refs.tags],
          "there": [api.file_exists("ana/mood", "new.txt", revision=name) for name in ("feature/x", "main", "v1")],
          "text": Path(hf_hub_download("ana/mood", "new.txt", revision="feature/x")).read_text(),
      }
    `);
    expect(refs).toEqual({ branches: ["feature/x", "main"], tags: ["v1"], there: [true, false, false], text: "new" });
    await expect(python.run(`api.create_tag("ana/mood", tag="v1")`)).rejects.toMatchObject(
      raised("HfHubHTTPError", /409/),
    );
    const left = await python.run(`
      api.create_branch("ana/mood", branch="feature/x", exist_ok=True)
      api.delete_tag("ana/mood", tag="v1")
      api.delete_branch("ana/mood", branch="feature/x")
      refs = api.list_repo_refs("ana/mood")
      result = [ref.name for ref in refs.branches + refs.tags]
    `);
    expect(left).toEqual(["main"]);
  });

  it("reads a file through its file system", async () => {
    const read = await python.run(`
      files = HfFileSystem()
      with files.open("ana/mood/config.json") as file:
          file.seek(4)
          part = file.read(10).decode()
      result = [part, sorted(Path(path).name for path in files.glob("ana/mood/*.json"))]
    `);
    const config = await readFile(join(FOLDER, "config.json"), "utf8");
    expect(read).toEqual([config.slice(4, 14), names.filter((name) => name.endsWith(".json"))]);
  });

  it("keeps datasets, and hides a private one from everybody else", async () => {
    const dataset = await python.run(`
      api.create_repo("ana/reviews", repo_type="dataset", private=True)
      api.upload_file(
          path_or_fileobj=b"text,label\\nGood,1\\n", path_in_repo="data/train.csv", repo_id="ana/reviews", repo_type="dataset")
      info = api.dataset_info("ana/reviews")
      path = hf_hub_download("ana/reviews", "data/train.csv", repo_type="dataset")
      result = [info.private, [file.rfilename for file in info.siblings], Path(path).read_text()]
    `);
    expect(dataset).toEqual([true, [".gitattributes", "data/train.csv"], "text,label\nGood,1\n"]);
    const hidden = raised("RepositoryNotFoundError", /404.*Repository Not Found/s);
    for (const who of ["bob", "HfApi(token=False)"]) {
      await expect(python.run(`${who}.dataset_info("ana/reviews")`)).rejects.toMatchObject(hidden);
      const download = `
        ${who}.hf_hub_download("ana/reviews", "data/train.csv", repo_type="dataset", cache_dir=cache)
      `;
      const cache = join(home.folder, "theirs");
      await expect(python.run(download, { cache })).rejects.toMatchObject(hidden);
    }
    await python.run(`api.update_repo_settings("ana/reviews", repo_type="dataset", private=False)`);
    expect(await python.run(`result = bob.dataset_info("ana/reviews").private`)).toBe(false);
  });

  it("tells what is missing: repository, file, revision", async () => {
    const missing = async (code: string, type: string) =>
      expect(python.run(code)).rejects.toMatchObject(raised(type, /404/));
    await missing(`api.model_info("ana/nothing")`, "RepositoryNotFoundError");
    await missing(`hf_hub_download("ana/nothing", "config.json")`, "RepositoryNotFoundError");
    await missing(`hf_hub_download("ana/mood", "nothing.json")`, "EntryNotFoundError");
    await missing(`hf_hub_download("ana/mood", "config.json", revision="nothing")`, "RevisionNotFoundError");
    await missing(`api.model_info("ana/mood", revision="nothing")`, "RevisionNotFoundError");
    const exist = `result = [api.repo_exists("ana/nothing"), api.revision_exists("ana/mood", "nothing")]`;
    expect(await python.run(exist)).toEqual([false, false]);
  });

  it("refuses a wrong token, and a right one for what is another's", async () => {
    const wrong = { wrong: `hf_${"x".repeat(34)}` };
    await expect(python.run("HfApi(token=wrong).whoami()", wrong)).rejects.toMatchObject(
      raised("HfHubHTTPError", /Invalid user token/),
    );
    await expect(python.run(`HfApi(token=wrong).model_info("ana/mood")`, wrong)).rejects.toMatchObject(
      raised("HfHubHTTPError", /401.*Invalid credentials/s),
    );
    const upload = `bob.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id="ana/mood")`;
    await expect(python.run(upload)).rejects.toMatchObject(raised("HfHubHTTPError", /403.*bob may not write/s));
    const anonymous = upload.replace("bob", "HfApi(token=False)");
    await expect(python.run(anonymous)).rejects.toMatchObject(raised("HfHubHTTPError", /401/));
    await expect(python.run(`bob.delete_repo("ana/mood")`)).rejects.toMatchObject(raised("HfHubHTTPError", /403/));
  });

  it("refuses a card whose metadata are broken before it is committed", async () => {
    const upload = `api.upload_file(path_or_fileobj=card.encode(), path_in_repo="README.md", repo_id="ana/mood")`;
    const card = "---\nlicense: mit\ntags: one\n---\n# Mood\n";
    await expect(python.run(upload, { card })).rejects.toMatchObject(
      raised("ValueError", /Invalid metadata.*"tags" must be a list of strings/s),
    );
    await python.run(upload, { card: card.replace("one", "[one]") });
    expect(await python.run(`result = ModelCard.load("ana/mood").data.to_dict()`)).toEqual({
      license: "mit",
      tags: ["one"],
    });
  });

  it("moves and deletes a repository", async () => {
    const moved = `
      api.move_repo("ana/mood", "ana/moods")
      result = [api.model_info("ana/mood").id, api.repo_exists("ana/moods")]
    `;
    expect(await python.run(moved)).toEqual(["ana/moods", true]);
    await python.run(`api.delete_repo("ana/moods")`);
    expect(await python.run(`result = api.repo_exists("ana/moods")`)).toBe(false);
    await expect(python.run(`api.delete_repo("ana/moods")`)).rejects.toMatchObject(
      raised("RepositoryNotFoundError", /404/),
    );
  });
});
