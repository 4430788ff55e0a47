// Python's datasets through a listening hub: what is pushed is what is loaded, by split, configuration and revision.
import { afterAll, beforeAll, expect, it } from "vitest";
import { type TestHub, testHub } from "../support/hub.ts";
import { ClientHome, describeClients, type Python } from "./python.ts";

const SETUP = `
  from datasets import Dataset, disable_progress_bars, get_dataset_config_names, load_dataset
  from huggingface_hub import HfApi
  disable_progress_bars()
  api = HfApi()
  rows = {"text": ["Good.", "Bad, 日本.", "Ugly"], "label": [1, 0, 0]}
`;

describeClients("datasets", () => {
  let hub: TestHub;
  let home: ClientHome;
  let python: Python;
  const rows = { text: ["Good.", "Bad, 日本.", "Ugly"], label: [1, 0, 0] };

  beforeAll(async () => {
    hub = await testHub();
    home = await ClientHome.make(hub.url, await hub.user("ana"));
    python = home.python();
    await python.run(SETUP);
  });
  afterAll(async () => {
    await home?.remove();
    await hub?.stop();
  });

  it("loads and streams files as they were uploaded", async () => {
    const loaded = await python.run(`
      api.create_repo("ana/reviews", repo_type="dataset", private=True)
      for name, text in {"train.csv": "text,label\\nGood.,1\\nBad,0\\n", "test.csv": "text,label\\nUgly,0\\n"}.items():
          api.upload_file(path_or_fileobj=text.encode(), path_in_repo=name, repo_id="ana/reviews", repo_type="dataset")
      result = [
          {split: part[:] for split, part in load_dataset("ana/reviews").items()},
          list(load_dataset("ana/reviews", split="train", streaming=True)),
      ]
    `);
    expect(loaded).toEqual([
      { train: { text: ["Good.", "Bad"], label: [1, 0] }, test: { text: ["Ugly"], label: [0] } },
      [
        { text: "Good.", label: 1 },
        { text: "Bad", label: 0 },
      ],
    ]);
  });

  it("pushes splits and configurations, and loads each back", async () => {
    const pushed = await python.run(`
      data = Dataset.from_dict(rows)
      data.push_to_hub("ana/pushed", private=True)
      data.select([0]).push_to_hub("ana/pushed", split="test")
      data.select([1, 2]).push_to_hub("ana/pushed", "small")
      result = {
          "names": get_dataset_config_names("ana/pushed"),
          "default": {split: part[:] for split, part in load_dataset("ana/pushed").items()},
          "small": load_dataset("ana/pushed", "small", split="train")["text"][:],
          "streamed": [row["text"] for row in load_dataset("ana/pushed", split="train", streaming=True)],
      }
    `);
    expect(pushed).toEqual({
      names: ["default", "small"],
      default: { train: rows, test: { text: ["Good."], label: [1] } },
      small: rows.text.slice(1),
      streamed: rows.text,
    });
  });

  it("pushes to a branch alone", async () => {
    const counts = await python.run(`
      Dataset.from_dict({"text": ["new"]}).push_to_hub("ana/pushed", "only", revision="next")
      result = [get_dataset_config_names("ana/pushed", revision=name) for name in ("main", "next")]
    `);
    expect(counts).toEqual([
      ["default", "small"],
      ["default", "only", "small"],
    ]);
  });

  it("pushes without Xet, too", async () => {
    const other = home.python({ HF_HUB_DISABLE_XET: "1" });
    await other.run(SETUP);
    const texts = `Dataset.from_dict(rows).push_to_hub("ana/other"); result = load_dataset("ana/other")["train"]["text"][:]`;
    expect(await other.run(texts, { rows })).toEqual(rows.text);
  });
});
