// Python's datasets, HfFileSystem and pandas: what is pushed is what is loaded, streamed and read by hf:// addresses.
import { afterAll, beforeAll, beforeEach, expect } from "vitest";
import { type TestHub, testHub } from "../../support/hub.ts";
import { type Recorder, recorder } from "../../support/recorder.ts";
import type { ClientHome, Python } from "../python.ts";
import { check, describeVersions } from "./harness.ts";

const SETUP = `
  import pandas as pd
  from huggingface_hub import CommitOperationAdd, DatasetCard, HfApi, HfFileSystem
  from datasets import Dataset, disable_progress_bars, get_dataset_config_names, load_dataset
  disable_progress_bars()
  api = HfApi()
  rows = {"text": [f"text {index} é" for index in range(40)], "label": [index % 2 for index in range(40)]}

  def upload(repo, path="data/train-00000-of-00001.parquet"):
      api.create_repo(repo, repo_type="dataset", exist_ok=True)
      pd.DataFrame(rows).to_parquet("rows.parquet")
      api.upload_file(path_or_fileobj="rows.parquet", path_in_repo=path, repo_id=repo, repo_type="dataset")
`;

describeVersions("datasets", ({ make }) => {
  let hub: TestHub;
  let proxy: Recorder;
  let home: ClientHome;
  let python: Python;
  /** Another interpreter of the same user, without Xet. */
  let other: Python;

  beforeAll(async () => {
    hub = await testHub();
    proxy = await recorder(() => hub.url);
    home = await make(proxy.url, await hub.user("ana"));
    python = home.python();
    // The endpoint ends in a slash, which datasets keeps: it asks for //datasets/… (check 95).
    other = home.python({ HF_HUB_DISABLE_XET: "1", HF_ENDPOINT: `${proxy.url}/` });
    const chdir = `import os; os.chdir(folder)`;
    await Promise.all(
      [python, other].map(async (each) => {
        await each.run(chdir, { folder: home.folder });
        await each.run(SETUP);
      }),
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

  check(14, "load_dataset of parquet files", async () => {
    const loaded = await python.run(`
      upload("ana/plain")
      data = load_dataset("ana/plain")
      result = [list(data), data["train"][:] == rows]
    `);
    expect(loaded).toEqual([["train"], true]);
    const missing = proxy.calls.filter(({ status, url }) => status === 404 && url.includes("/resolve/"));
    const names = missing.map(({ url }) => url.split("?")[0]?.split("/").at(-1));
    expect(names).toEqual(expect.arrayContaining(["plain.py", ".huggingface.yaml"]));
    // What older versions ask for, too.
    const older = await fetch(`${proxy.url}/datasets/ana/plain/resolve/main/dataset_infos.json`);
    expect([older.status, older.headers.get("x-error-code")]).toEqual([404, "EntryNotFound"]);
    for (const { answer, url } of missing) {
      expect([url, answer["x-error-code"]]).toEqual([url, "EntryNotFound"]);
      expect(answer["x-repo-commit"]).toMatch(/^[0-9a-f]{40}$/);
    }
  });

  /** What is read of parquet files is read in ranges, by resolve. */
  function expectRanges(): void {
    const ranged = proxy.calls.filter(
      ({ method, url, headers }) => method === "GET" && url.includes(".parquet") && headers.range,
    );
    expect(ranged.length).toBeGreaterThan(0);
    for (const { status, url } of ranged) expect([url.includes("/resolve/"), status]).toEqual([true, 206]);
  }

  check(15, "load_dataset as a stream, of a file that came by Xet", async () => {
    const first = await python.run(`
      upload("ana/by-xet")
      stream = load_dataset("ana/by-xet", split="train", streaming=True)
      result = [next(iter(stream)), [row["text"] for row in stream] == rows["text"]]
    `);
    expect(first).toEqual([{ text: "text 0 é", label: 0 }, true]);
    expectRanges();
  });

  check(15, "load_dataset as a stream, of a file that came by LFS", async () => {
    const first = await other.run(`
      upload("ana/by-lfs")
      stream = load_dataset("ana/by-lfs", split="train", streaming=True)
      result = [next(iter(stream)), [row["text"] for row in stream] == rows["text"]]
    `);
    expect(first).toEqual([{ text: "text 0 é", label: 0 }, true]);
    expect(proxy.calls.some(({ method, status }) => method === "PUT" && status === 200)).toBe(true);
    expectRanges();
  });

  check(95, "an endpoint that ends in a slash", async () => {
    const loaded = await other.run(`
      upload("ana/slashed")
      result = load_dataset("ana/slashed", split="train")[:] == rows
    `);
    expect(loaded).toBe(true);
    expect(proxy.calls.some(({ url }) => url.startsWith("//"))).toBe(true);
    expect(proxy.calls.filter(({ url, status }) => url.startsWith("//") && status >= 400 && status !== 404)).toEqual(
      [],
    );
  });

  check(49, "push_to_hub: a new repository, another split, three configurations, another branch", async () => {
    const pushed = await python.run(`
      data = Dataset.from_dict(rows)
      data.push_to_hub("ana/pushed")
      data.select(range(10)).push_to_hub("ana/pushed", split="test")
      data.select(range(20)).push_to_hub("ana/pushed", "small")
      data.select(range(5)).push_to_hub("ana/pushed", "tiny", split="validation")
      Dataset.from_dict({"text": ["new"]}).push_to_hub("ana/pushed", "only", revision="next/one")
      count = lambda name, **options: {split: len(part) for split, part in load_dataset("ana/pushed", name, **options).items()}
      card = DatasetCard.load("ana/pushed", repo_type="dataset").data.to_dict()
      result = {
          "names": [get_dataset_config_names("ana/pushed", revision=name) for name in ("main", "next/one")],
          "default": count("default"), "small": count("small"), "tiny": count("tiny"),
          "only": load_dataset("ana/pushed", "only", revision="next/one", split="train")["text"][:],
          "same": load_dataset("ana/pushed", split="train")[:] == rows,
          "card": [info["config_name"] for info in card["dataset_info"]],
          "files": {config["config_name"]: [part["split"] for part in config["data_files"]] for config in card["configs"]},
      }
    `);
    expect(pushed).toEqual({
      names: [
        ["default", "small", "tiny"],
        ["default", "only", "small", "tiny"],
      ],
      default: { train: 40, test: 10 },
      small: { train: 20 },
      tiny: { validation: 5 },
      only: ["new"],
      same: true,
      card: ["default", "small", "tiny"],
      files: { default: ["train", "test"], small: ["train"], tiny: ["validation"] },
    });
    expect(proxy.take()).toContain("POST /api/validate-yaml");
  });

  check(50, "two push_to_hub at once to different splits", async () => {
    await python.run(`Dataset.from_dict(rows).push_to_hub("ana/raced", split="train")`);
    const push = (split: string) => `Dataset.from_dict(rows).push_to_hub("ana/raced", split="${split}")`;
    const ends = await Promise.allSettled([python.run(push("left")), other.run(push("right"))]);
    const splits = ["left", "right"].filter((_, index) => ends[index]?.status === "fulfilled");
    expect(splits.length).toBeGreaterThan(0);
    for (const end of ends) if (end.status === "rejected") expect(String(end.reason)).toMatch(/412/);
    const found = await python.run<{ splits: string[]; same: boolean[] }>(`
      data = load_dataset("ana/raced", download_mode="force_redownload")
      card = DatasetCard.load("ana/raced", repo_type="dataset").data.to_dict()
      result = {
          "splits": sorted(data), "same": [part[:] == rows for part in data.values()],
          "card": sorted(part["name"] for part in card["dataset_info"]["splits"]),
      }
    `);
    expect(found).toEqual({
      splits: [...splits, "train"].sort(),
      same: Array(splits.length + 1).fill(true),
      card: [...splits, "train"].sort(),
    });
  });

  check(52, "HfFileSystem: ls, glob, info, exists, open", async () => {
    const seen = await python.run(`
      upload("ana/files"), upload("ana/files", "data/more/test.parquet")
      files = HfFileSystem()
      root = "datasets/ana/files"
      with files.open(f"{root}/data/more/test.parquet") as file:
          head = file.read(4).decode()
          file.seek(-4, 2)
          tail = file.read().decode()
      info = files.info(f"{root}/data/more/test.parquet")
      try:
          files.open(f"{root}/nothing.parquet").read()
      except FileNotFoundError:
          missing = True
      result = {
          "ls": sorted(files.ls(f"{root}/data", detail=False)), "glob": files.glob(f"{root}/**/*.parquet"),
          "ends": [head, tail], "info": [info["type"], info["size"] == os.path.getsize("rows.parquet")],
          "exists": [files.exists(f"{root}/data/more"), files.exists(f"{root}/nothing"), files.exists("datasets/ana/nothing")],
          "missing": missing,
      }
    `);
    const root = "datasets/ana/files/data";
    expect(seen).toEqual({
      ls: [`${root}/more`, `${root}/train-00000-of-00001.parquet`],
      glob: [`${root}/more/test.parquet`, `${root}/train-00000-of-00001.parquet`],
      ends: ["PAR1", "PAR1"],
      info: ["file", true],
      exists: [true, false, false],
      missing: true,
    });
    expectRanges();
  });

  check(52, "pandas reads and writes hf:// addresses", async () => {
    const read = await python.run(`
      upload("ana/frames")
      frame = pd.read_parquet("hf://datasets/ana/frames/data/train-00000-of-00001.parquet")
      frame.head(3).to_csv("hf://datasets/ana/frames/head.csv", index=False)
      back = pd.read_csv("hf://datasets/ana/frames/head.csv")
      result = [frame.to_dict("list") == rows, back["text"].tolist()]
    `);
    expect(read).toEqual([true, ["text 0 é", "text 1 é", "text 2 é"]]);
  });

  check(52, "HfFileSystem reads a pull request by @refs/pr/1", async () => {
    const read = await python.run(`
      upload("ana/proposed")
      change = api.create_commit(
          "ana/proposed", [CommitOperationAdd("new.txt", b"proposed")], repo_type="dataset", commit_message="New", create_pr=True)
      files = HfFileSystem()
      result = [
          change.pr_revision, files.read_text("datasets/ana/proposed@refs/pr/1/new.txt"),
          files.exists("datasets/ana/proposed/new.txt"),
          sorted(files.ls("datasets/ana/proposed@refs/pr/1", detail=False)),
      ]
    `);
    const root = "datasets/ana/proposed@refs/pr/1";
    expect(read).toEqual([
      "refs/pr/1",
      "proposed",
      false,
      [`${root}/.gitattributes`, `${root}/data`, `${root}/new.txt`],
    ]);
  });
});
