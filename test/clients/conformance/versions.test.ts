// Trees, paths, refs, commits and history, as huggingface_hub reads and changes them.
import { afterAll, beforeAll, expect } from "vitest";
import { type TestHub, testHub } from "../../support/hub.ts";
import type { ClientHome, Python } from "../python.ts";
import { check, describeVersions } from "./harness.ts";

const raised = (type: string, message: RegExp) => ({
  types: expect.arrayContaining([type]),
  message: expect.stringMatching(message),
});

describeVersions("versions", ({ make }) => {
  let hub: TestHub;
  let home: ClientHome;
  let python: Python;

  beforeAll(async () => {
    hub = await testHub();
    home = await make(hub.url, await hub.user("ana"));
    python = home.python();
    await python.run(`
      from pathlib import Path
      from concurrent.futures import ThreadPoolExecutor
      from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi, hf_hub_download, snapshot_download
      api = HfApi()
      api.create_repo("ana/files")
      add = lambda path, text: CommitOperationAdd(path, text.encode())
      commit = lambda title, *operations, **options: api.create_commit("ana/files", operations, commit_message=title, **options)
      first = commit("First", add("a.txt", "a"), add("dir/b.txt", "b"), add("dir/deep/c.txt", "c"), add("w.bin", "weights"))
      commit("Second", add("dir/b.txt", "b2"))
    `);
  });
  afterAll(async () => {
    await home?.remove();
    await hub?.stop();
  });

  check(42, "list_repo_tree of the root, a folder, a file and what is not there", async () => {
    const seen = await python.run(`
      tree = lambda path=None, **options: {entry.path: entry for entry in api.list_repo_tree("ana/files", path, **options)}
      expanded = tree(recursive=True, expand=True)
      failures = []
      for path in ("a.txt", "nothing"):
          try:
              tree(path)
          except Exception as error:
              failures.append(type(error).__name__)
      result = {
          "root": sorted(tree()), "folder": sorted(tree("dir")), "all": sorted(tree(recursive=True)), "failures": failures,
          "commits": [expanded["dir/b.txt"].last_commit.title, expanded["a.txt"].last_commit.title, expanded["dir"].last_commit.title],
          "lfs": tree()["w.bin"].lfs.size, "size": tree()["a.txt"].size,
      }
    `);
    expect(seen).toEqual({
      root: [".gitattributes", "a.txt", "dir", "w.bin"],
      folder: ["dir/b.txt", "dir/deep"],
      all: [".gitattributes", "a.txt", "dir", "dir/b.txt", "dir/deep", "dir/deep/c.txt", "w.bin"],
      failures: [expect.stringMatching(/EntryNotFoundError$/), expect.stringMatching(/EntryNotFoundError$/)],
      commits: ["Second", "First", "Second"],
      lfs: 7,
      size: 1,
    });
  });

  check(43, "get_paths_info of files, folders and what is not there", async () => {
    const seen = await python.run(`
      infos = api.get_paths_info("ana/files", ["a.txt", "dir", "nothing"], expand=True)
      result = sorted([info.path, type(info).__name__, info.last_commit.title] for info in infos)
    `);
    expect(seen).toEqual([
      ["a.txt", "RepoFile", "First"],
      ["dir", "RepoFolder", "Second"],
    ]);
  });

  check(45, "branches and tags: made, there already, exist_ok, deleted, with slashes in their names", async () => {
    const seen = await python.run(`
      api.create_branch("ana/files", branch="feat/x+y", revision=first.oid)
      api.create_branch("ana/files", branch="feat/x+y", exist_ok=True)
      api.create_tag("ana/files", tag="v/1", tag_message="The first", revision="feat/x+y")
      api.create_tag("ana/files", tag="v/1", exist_ok=True)
      refs = api.list_repo_refs("ana/files")
      result = [
          {ref.name: ref.target_commit == first.oid for ref in refs.branches}, [ref.name for ref in refs.tags],
          Path(hf_hub_download("ana/files", "dir/b.txt", revision="v/1")).read_text(),
      ]
    `);
    expect(seen).toEqual([{ main: false, "feat/x+y": true }, ["v/1"], "b"]);
    for (const again of [`api.create_branch("ana/files", branch="feat/x+y")`, `api.create_tag("ana/files", tag="v/1")`])
      await expect(python.run(again)).rejects.toMatchObject(raised("HfHubHTTPError", /409/));
    const left = await python.run(`
      api.delete_tag("ana/files", tag="v/1")
      api.delete_branch("ana/files", branch="feat/x+y")
      refs = api.list_repo_refs("ana/files")
      result = [ref.name for ref in refs.branches + refs.tags]
    `);
    expect(left).toEqual(["main"]);
  });

  check(44, "list_repo_refs with pull requests", async () => {
    const seen = await python.run(`
      commit("Proposed", add("new.txt", "new"), create_pr=True)
      refs = api.list_repo_refs("ana/files", include_pull_requests=True)
      result = [[ref.name for ref in refs.branches], refs.converts, refs.tags, [ref.ref for ref in refs.pull_requests]]
    `);
    expect(seen).toEqual([["main"], [], [], ["refs/pr/1"]]);
  });

  check(51, "create_commit(create_pr=True): its address, its files, main as it was", async () => {
    const seen = await python.run(`
      change = commit("Another", add("other.txt", "other"), add("more.bin", "weights of another"), create_pr=True)
      result = [
          change.pr_num, change.pr_revision, change.pr_url,
          Path(hf_hub_download("ana/files", "other.txt", revision="refs/pr/2")).read_text(),
          Path(hf_hub_download("ana/files", "more.bin", revision="refs/pr/2")).read_text(),
          api.file_exists("ana/files", "other.txt"),
      ]
    `);
    expect(seen).toEqual([2, "refs/pr/2", `${hub.url}/ana/files/discussions/2`, "other", "weights of another", false]);
  });

  check(46, "create_commit with added, deleted and copied files, small and large, and a deleted folder", async () => {
    const seen = await python.run(`
      before = len(api.list_repo_commits("ana/files"))
      commit(
          "Several", add("added.txt", "added"), CommitOperationDelete("a.txt"), CommitOperationDelete("dir/", is_folder=True),
          CommitOperationCopy("dir/b.txt", "copies/b.txt"), CommitOperationCopy("w.bin", "copies/w.bin"))
      result = [
          sorted(api.list_repo_files("ana/files")), len(api.list_repo_commits("ana/files")) - before,
          [Path(hf_hub_download("ana/files", f"copies/{name}")).read_text() for name in ("b.txt", "w.bin")],
      ]
    `);
    expect(seen).toEqual([
      [".gitattributes", "added.txt", "copies/b.txt", "copies/w.bin", "w.bin"],
      1,
      ["b2", "weights"],
    ]);
  });

  check(47, "create_commit on a parent that is no longer the head", async () => {
    const late = `commit("Late", add("late.txt", "late"), parent_commit=first.oid)`;
    await expect(python.run(late)).rejects.toMatchObject(raised("HfHubHTTPError", /412/));
    expect(await python.run(`result = api.file_exists("ana/files", "late.txt")`)).toBe(false);
  });

  check(48, "8 create_commit at once: all are there, one after the other", async () => {
    const seen = await python.run(`
      before = len(api.list_repo_commits("ana/files"))
      with ThreadPoolExecutor(8) as pool:
          oids = list(pool.map(lambda index: commit(f"At once {index}", add(f"at-once/{index}.txt", str(index))).oid, range(8)))
      history = api.list_repo_commits("ana/files")
      result = [
          len(set(oids)), len(history) - before, sorted(item.title for item in history[:8]),
          len([name for name in api.list_repo_files("ana/files") if name.startswith("at-once/")]),
      ]
    `);
    expect(seen).toEqual([8, 8, Array.from({ length: 8 }, (_, index) => `At once ${index}`), 8]);
  });

  check(75, "super_squash_history: one commit, the same files, what was cached stays right", async () => {
    const seen = await python.run(`
      old = api.list_repo_commits("ana/files")[0].commit_id
      files = sorted(api.list_repo_files("ana/files"))
      cached = Path(snapshot_download("ana/files", revision=old))
      api.super_squash_history("ana/files", commit_message="All of it")
      history = api.list_repo_commits("ana/files")
      fresh = Path(snapshot_download("ana/files"))
      result = [
          [item.title for item in history], sorted(api.list_repo_files("ana/files")) == files, fresh.name == history[0].commit_id != old,
          (cached / "added.txt").read_text(), Path(snapshot_download("ana/files", revision=old, local_files_only=True)) == cached,
          sorted(str(path.relative_to(fresh)) for path in fresh.rglob("*") if path.is_file()) == files,
      ]
    `);
    expect(seen).toEqual([["All of it"], true, true, "added", true, true]);
  });
});
