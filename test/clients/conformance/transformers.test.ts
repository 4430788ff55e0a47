// Python's transformers: what it asks when it loads a model by its name or a revision of it, and a task from a name alone.
import { afterAll, beforeAll, beforeEach, expect } from "vitest";
import { packageFile } from "../../../src/package-root.ts";
import { type TestHub, testHub } from "../../support/hub.ts";
import { type Recorder, recorder } from "../../support/recorder.ts";
import type { ClientHome, Python } from "../python.ts";
import { check, describeVersions } from "./harness.ts";

const FOLDER = packageFile("pipelines", "defaults", "text-classification");

describeVersions("transformers", ({ make }) => {
  let hub: TestHub;
  let proxy: Recorder;
  let home: ClientHome;
  let python: Python;
  let sha: string;

  beforeAll(async () => {
    hub = await testHub();
    proxy = await recorder(() => hub.url);
    home = await make(proxy.url, await hub.user("ana"));
    python = home.python();
    sha = await python.run<string>(
      `
      from huggingface_hub import CommitOperationAdd, HfApi
      from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer, pipeline
      api = HfApi()
      api.create_repo("ana/mood")
      result = api.upload_folder(repo_id="ana/mood", folder_path=folder, ignore_patterns="onnx/*").oid
    `,
      { folder: FOLDER },
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

  check(11, "AutoConfig, AutoTokenizer and AutoModel by a repository's name (sequence A7)", async () => {
    const loaded = await python.run(`
      config = AutoConfig.from_pretrained("ana/mood")
      tokenizer = AutoTokenizer.from_pretrained("ana/mood")
      model = AutoModelForSequenceClassification.from_pretrained("ana/mood")
      result = [config.model_type, tokenizer("Good.")["input_ids"] != [], model.num_parameters() > 1_000_000]
    `);
    expect(loaded).toEqual(["distilbert", true, true]);
    const asked = proxy.calls.map(({ method, url, status }) => `${status} ${method} ${url.split("?")[0]}`);
    const at = `/ana/mood/resolve/${sha}`;
    for (const call of [
      "200 GET /api/models/ana/mood",
      `200 HEAD ${at}/config.json`,
      `200 HEAD ${at}/tokenizer_config.json`,
      `200 HEAD ${at}/tokenizer.json`,
      `200 HEAD ${at}/model.safetensors`,
    ])
      expect(asked).toContain(call);
    expect(
      asked.some((call) => /^404 GET \/api\/models\/ana\/mood\/tree\/\w+\/additional_chat_templates$/.test(call)),
    ).toBe(true);
    for (const { status, answer, url } of proxy.calls.filter(({ status }) => status >= 400 && status !== 416)) {
      expect([url, status, answer["x-error-code"]]).toEqual([url, 404, "EntryNotFound"]);
    }
  });

  check(12, "from_pretrained of a branch with a slash in its name", async () => {
    const loaded = await python.run(`
      api.create_branch("ana/mood", branch="feat/x")
      api.upload_file(
          path_or_fileobj=(b'{"model_type": "distilbert", "dim": 48, "n_heads": 2}'), path_in_repo="config.json", repo_id="ana/mood", revision="feat/x")
      result = [AutoConfig.from_pretrained("ana/mood", revision=name).dim for name in ("feat/x", "main")]
    `);
    expect(loaded).toEqual([48, expect.not.stringMatching("48")]);
    expect(proxy.calls.some(({ url }) => url.includes("feat%2Fx"))).toBe(true);
  });

  check(12, "from_pretrained of a pull request", async () => {
    const loaded = await python.run(`
      text = b'{"model_type": "distilbert", "dim": 96, "n_heads": 2}'
      change = api.create_commit(
          "ana/mood", [CommitOperationAdd("config.json", text)], commit_message="Wider", create_pr=True)
      result = [change.pr_revision, AutoConfig.from_pretrained("ana/mood", revision="refs/pr/1").dim]
    `);
    expect(loaded).toEqual(["refs/pr/1", 96]);
    expect(proxy.calls.some(({ url }) => url.includes("refs%2Fpr%2F1"))).toBe(true);
  });

  check(13, "a pipeline of a name alone: the hub knows the task", async () => {
    const [task, label] = await python.run<[string, string]>(`
      mood = pipeline(model="ana/mood")
      result = [mood.task, mood("A wonderful film.")[0]["label"]]
    `);
    expect([task, label.toLowerCase()]).toEqual(["text-classification", "positive"]);
  });
});
