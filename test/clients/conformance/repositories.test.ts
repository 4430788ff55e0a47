// Repositories as huggingface_hub knows them: made, listed, told of, moved, copied, set, deleted.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { caller } from "../../support/caller.ts";
import { ggufFile } from "../../support/gguf.ts";
import { type TestHub, testHub } from "../../support/hub.ts";
import type { ClientHome, Python } from "../python.ts";
import { check, describeVersions } from "./harness.ts";

const run = promisify(execFile);

describeVersions("repositories", ({ version, make }) => {
  let hub: TestHub;
  let home: ClientHome;
  let python: Python;

  beforeAll(async () => {
    hub = await testHub();
    await hub.user("ben");
    home = await make(hub.url, await hub.user("ana"));
    python = home.python();
    await python.run("from huggingface_hub import HfApi\napi = HfApi()\nresult = None");
  });
  afterAll(async () => {
    await home?.remove();
    await hub?.stop();
  });

  check(13, "model_info names task and library, from the card or from what the config shows", async () => {
    const told = await python.run(`
      import json
      api.create_repo("ana/tasked")
      api.upload_file(path_or_fileobj=b"---\\npipeline_tag: fill-mask\\nlibrary_name: keras\\n---\\n", path_in_repo="README.md", repo_id="ana/tasked")
      api.create_repo("ana/shown")
      config = json.dumps({"model_type": "bert", "architectures": ["BertForSequenceClassification"]}).encode()
      api.upload_file(path_or_fileobj=config, path_in_repo="config.json", repo_id="ana/shown")
      result = [[i.pipeline_tag, i.library_name, i.transformers_info and i.transformers_info.auto_model]
                for i in (api.model_info("ana/tasked"), api.model_info("ana/shown"))]
    `);
    expect(told).toEqual([
      ["fill-mask", "keras", null],
      ["text-classification", "transformers", "AutoModelForSequenceClassification"],
    ]);
  });

  check(16, "create_repo: new, again with exist_ok, again without", async () => {
    const made = await python.run<Record<string, unknown>>(`
      from huggingface_hub.errors import HfHubHTTPError
      urls = [api.create_repo("ana/made"), api.create_repo("made", exist_ok=True), api.create_repo("ana/MADE", exist_ok=True)]
      try:
          api.create_repo("ana/made")
          status = None
      except HfHubHTTPError as error:
          status = error.response.status_code
      space = api.create_repo("ana/space", repo_type="space", space_sdk="gradio", private=True)
      data = api.create_repo("ana/data", repo_type="dataset", exist_ok=True)
      result = {
          "urls": [str(url) for url in urls], "ids": [url.repo_id for url in urls], "status": status,
          "space": [str(space), space.repo_type], "sdk": api.space_info("ana/space").sdk, "data": data.repo_type,
          "private": api.space_info("ana/space").private,
      }
    `);
    expect(made).toEqual({
      urls: [`${hub.url}/ana/made`, `${hub.url}/ana/made`, `${hub.url}/ana/MADE`],
      ids: ["ana/made", "ana/made", "ana/MADE"],
      status: 409,
      space: [`${hub.url}/spaces/ana/space`, "space"],
      sdk: "gradio",
      data: "dataset",
      private: true,
    });
  });

  it("deletes a repository, and minds one that is not there only when told to", async () => {
    const outcome = await python.run(`
      from huggingface_hub.errors import RepositoryNotFoundError
      api.create_repo("ana/gone")
      there = api.repo_exists("ana/gone")
      api.delete_repo("ana/gone")
      api.delete_repo("ana/gone", missing_ok=True)
      try:
          api.delete_repo("ana/gone")
          missed = False
      except RepositoryNotFoundError:
          missed = True
      result = [there, api.repo_exists("ana/gone"), missed]
    `);
    expect(outcome).toEqual([true, false, true]);
  });

  check(40, "list_models by author, words, tags and order, over several pages", async () => {
    const listed = await python.run<Record<string, unknown>>(`
      import datetime
      for index in range(7):
          api.create_repo(f"ana/listed-{index}")
          tags = "[even, tiny]" if index % 2 == 0 else "[odd, tiny]"
          card = f"---\\ntags: {tags}\\nlicense: mit\\nlanguage: en\\n---\\n# Wombat {index}\\n".encode()
          api.upload_file(path_or_fileobj=card, path_in_repo="README.md", repo_id=f"ana/listed-{index}")
      names = lambda rows: [row.id for row in rows]
      rows = list(api.list_models(author="ana", search="wombat", filter=["even", "license:mit"], sort="created_at"))
      result = {
          "all": names(rows),
          "dates": all(isinstance(row.created_at, datetime.datetime) and row.created_at.tzinfo for row in rows),
          "limited": names(api.list_models(search="wombat", sort="created_at", limit=3)),
          "paged": names(api.list_models(search="wombat", sort="created_at", limit=1000)),
          "downloads": len(list(api.list_models(author="ana", search="listed", sort="downloads", limit=1000))),
          "none": names(api.list_models(author="ana", filter=["even", "odd"])),
          "datasets": names(api.list_datasets(author="ana", language="en")),
          "spaces": names(api.list_spaces(author="ana")),
      }
    `);
    const named = (numbers: readonly number[]) => numbers.map((number) => `ana/listed-${number}`);
    expect(listed).toEqual({
      all: named([6, 4, 2, 0]),
      dates: true,
      limited: named([6, 5, 4]),
      paged: named([6, 5, 4, 3, 2, 1, 0]),
      downloads: 7,
      none: [],
      datasets: [],
      spaces: ["ana/space"],
    });
  });

  check(40, "list_models follows the links of a list that is longer than a page", async () => {
    const count = await python.run(`
      from huggingface_hub.utils import paginate
      path, headers = f"{api.endpoint}/api/models", {}
      rows = list(paginate(path, params={"author": "ana", "search": "listed", "limit": 2, "expand": ["likes", "sha"]}, headers=headers))
      result = [len(rows), len({row["id"] for row in rows}), sorted(rows[0])]
    `);
    expect(count).toEqual([7, 7, ["_id", "id", "likes", "sha"]]);
  });

  check(41, "expand, files_metadata and securityStatus", async () => {
    const told = await python.run<{ size: number; sha256: string[] }>(`
      import hashlib, json, struct
      header = json.dumps({"w": {"dtype": "F32", "shape": [10, 5], "data_offsets": [0, 200]}}).encode()
      weights = struct.pack("<Q", len(header)) + header + bytes(200)
      api.create_repo("ana/expanded")
      api.upload_file(path_or_fileobj=weights, path_in_repo="model.safetensors", repo_id="ana/expanded")
      large = bytes(range(256)) * 8000
      api.upload_file(path_or_fileobj=large, path_in_repo="large.bin", repo_id="ana/expanded")
      api.upload_file(path_or_fileobj=b"cposix\\nsystem\\n.", path_in_repo="notes.txt", repo_id="ana/expanded")
      info = api.model_info("ana/expanded", expand=["likes", "safetensors", "downloadsAllTime", "childrenModelCount"])
      row = [r for r in api.list_models(author="ana", search="expanded", expand=["likes", "safetensors"])][0]
      files = {s.rfilename: s for s in api.model_info("ana/expanded", files_metadata=True).siblings}
      secure = api.model_info("ana/expanded", securityStatus=True)
      result = {
          "info": [info.likes, info.safetensors.total, info.safetensors.parameters, info.tags, info.siblings, info.downloads_all_time],
          "row": [row.likes, row.safetensors.total, row.author, row.siblings],
          "file": [files["model.safetensors"].size, len(files["model.safetensors"].blob_id), files["notes.txt"].size],
          "lfs": [files[name].lfs and dict(files[name].lfs) for name in ("large.bin", "model.safetensors", "notes.txt")],
          "sha256": [hashlib.sha256(data).hexdigest() for data in (large, weights)],
          "plain": [s.size for s in secure.siblings],
          "secure": secure.security_repo_status,
          "size": len(weights),
      }
    `);
    const { size, sha256 } = told;
    const pointer = (oid: string | undefined, bytes: number) => ({
      sha256: oid,
      size: bytes,
      pointer_size: `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${bytes}\n`.length,
    });
    expect(told).toMatchObject({
      lfs: [pointer(sha256[0], 2_048_000), pointer(sha256[1], size), null],
      info: [0, 50, { F32: 50 }, null, null, 0],
      row: [0, 50, null, null],
      file: [size, 40, 15],
      plain: [null, null, null, null],
      secure: { scansDone: true, filesWithIssues: [] },
    });
  });

  check(41, "expand of every field that the client's signatures name", async () => {
    const missing = await python.run(
      `
      import base64, json, struct, typing
      from huggingface_hub import CommitOperationAdd, hf_api
      def put(repo, repo_type, files, **options):
          api.create_repo(repo, repo_type=repo_type, **options)
          operations = [CommitOperationAdd(path, data.encode() if isinstance(data, str) else data) for path, data in files.items()]
          api.create_commit(repo, operations, commit_message="Fill", repo_type=repo_type)
      header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
      put("ana/whole-base", "model", {"a.txt": "a"})
      put("ana/whole-data", "dataset", {
          "README.md": "---\\nlicense: mit\\npaperswithcode_id: whole\\n---\\nWords of it.\\n\\n\`\`\`bibtex\\n@misc{a}\\n\`\`\`\\n", "eval.yaml": "tasks: [{id: default}]"})
      put("ana/whole", "model", {
          "README.md": "---\\nlicense: mit\\nlibrary_name: transformers\\npipeline_tag: fill-mask\\nbase_model: ana/whole-base\\ndatasets: [ana/whole-data]\\n"
                       "widget: [{text: hello}]\\nmodel-index:\\n- name: whole\\n  results: []\\n---\\n",
          "config.json": json.dumps({"model_type": "bert", "architectures": ["BertForMaskedLM"]}),
          "tokenizer_config.json": json.dumps({"mask_token": "[MASK]"}),
          ".eval_results/a.yaml": "- dataset: {id: ana/whole-data, task_id: default}\\n  value: 0.5\\n",
          "model.safetensors": struct.pack("<Q", len(header)) + header + bytes(8), "model.gguf": base64.b64decode(gguf)})
      put("ana/whole-space", "space", {"README.md": "---\\nsdk: static\\nmodels: [ana/whole]\\ndatasets: [ana/whole-data]\\n---\\n"}, space_sdk="static")
      attribute = {"cardData": "card_data", "pipeline_tag": "pipeline_tag", "paperswithcode_id": "paperswithcode_id", "model-index": "model_index"}
      snake = lambda name: attribute.get(name) or "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)
      missing = {}
      for info, repos, repo, names in (
          (api.model_info, api.list_models, "ana/whole", hf_api.ExpandModelProperty_T),
          (api.dataset_info, api.list_datasets, "ana/whole-data", hf_api.ExpandDatasetProperty_T),
          (api.space_info, api.list_spaces, "ana/whole-space", hf_api.ExpandSpaceProperty_T)):
          for name in typing.get_args(names):
              [row] = [row for row in repos(author="ana", expand=[name]) if row.id == repo]
              if None in (getattr(info(repo, expand=[name]), snake(name)), getattr(row, snake(name))):
                  missing.setdefault(repo, []).append(name)
      board = api.get_dataset_leaderboard("ana/whole-data", base_model_only=False)
      result = [missing, [d.id for d in api.list_datasets(benchmark=True)], board[0].author.avatar_url.startswith(api.endpoint),
                api.model_info("ana/whole").gguf["total"]]
    `,
      { gguf: ggufFile({ "general.architecture": "bert" }, { w: [4, 3] }).toString("base64") },
    );
    // Of what this hub does not have: services that answer for a model, groups outside of organizations, places, spaces that run.
    const none = {
      "ana/whole": ["inference", "inferenceProviderMapping", "resourceGroup"],
      "ana/whole-data": ["resourceGroup"],
      "ana/whole-space": ["region", "resourceGroup", "subdomain"],
    };
    expect(missing).toEqual([none, ["ana/whole-data"], true, 12]);
  });

  it("InferenceClient says that nobody serves a model of this hub", async () => {
    await python.run(`api.create_repo("ana/unserved")\nfrom huggingface_hub import InferenceClient`);
    const asked = python.run(`InferenceClient(model="ana/unserved").fill_mask("a [MASK]")`);
    await expect(asked).rejects.toMatchObject({
      message: expect.stringMatching(/No provider mapping found for model ana.unserved/),
    });
  });

  it("an adapter of PEFT is listed with its base, whatever its card says", async () => {
    const adapters = await python.run(`
      import json
      api.create_repo("ana/adapter-base")
      api.create_repo("ana/adapter")
      config = json.dumps({"base_model_name_or_path": "ana/adapter-base", "task_type": "SEQ_CLS"}).encode()
      api.upload_file(path_or_fileobj=config, path_in_repo="adapter_config.json", repo_id="ana/adapter")
      result = [[m.id for m in api.list_models(filter="base_model:adapter:ana/adapter-base")],
                api.model_info("ana/adapter", expand=["baseModels"]).base_models, api.model_info("ana/adapter").library_name]
    `);
    expect(adapters).toEqual([["ana/adapter"], ["ana/adapter-base"], "peft"]);
  });

  it("create_repo and create_collection in a resource group", async () => {
    const call = caller(hub, { token: (await hub.tokenOf("ana", "write")).token });
    await call("POST", "/api/organizations", { name: "grouped" });
    const id = (await call("POST", "/api/organizations/grouped/resource-groups", { name: "Inner" })).get("id");
    const made = await python.run(
      `
      api.create_repo("grouped/inner", private=True, resource_group_id=id)
      collection = api.create_collection("Inner", namespace="grouped", private=True, resource_group_id=id)
      result = [api.model_info("grouped/inner", expand=["resourceGroup"]).resource_group["name"], collection.private]
    `,
      { id },
    );
    expect(made).toEqual(["Inner", true]);
    const groups = "/api/organizations/grouped/resource-groups";
    expect((await call("GET", `${groups}/${id}`)).get("repos")).toMatchObject([{ name: "grouped/inner" }]);
  });

  check(67, "move_repo twice: downloads, git and model_info by both old names", async () => {
    const told = await python.run(`
      from huggingface_hub import hf_hub_download
      api.create_repo("ana/first-name")
      api.upload_file(path_or_fileobj=b"hello", path_in_repo="a.txt", repo_id="ana/first-name")
      api.move_repo("ana/first-name", "ana/second-name")
      api.move_repo("ana/second-name", "ana/third-name")
      result = [[api.model_info(name).id, open(hf_hub_download(name, "a.txt")).read()]
                for name in ("ana/first-name", "ana/second-name", "ana/third-name")]
    `);
    expect(told).toEqual(Array(3).fill(["ana/third-name", "hello"]));
    const clone = join(home.folder, `moved-${version}`);
    await run("git", ["clone", "--quiet", `${hub.url}/ana/first-name`, clone], {
      env: { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_LFS_SKIP_SMUDGE: "1", GIT_TERMINAL_PROMPT: "0" },
    });
    await python.run(
      `api.upload_file(path_or_fileobj=b"more", path_in_repo="b.txt", repo_id="ana/first-name")\nresult = None`,
    );
    await run("git", ["-C", clone, "pull", "--quiet"], { env: { ...process.env, GIT_TERMINAL_PROMPT: "0" } });
    const { stdout } = await run("git", ["-C", clone, "ls-files"]);
    expect(stdout.split("\n").filter(Boolean)).toEqual([".gitattributes", "a.txt", "b.txt"]);
  });

  check(68, "an id in another case is the same repository, and is told its own name", async () => {
    const told = await python.run(`
      api.create_repo("ana/CamelCase", exist_ok=True)
      result = [api.model_info("Ana/camelcase").id, api.repo_exists("ANA/CAMELCASE"),
                [f for f in api.list_repo_files("ana/camelCASE")]]
    `);
    expect(told).toEqual(["ana/CamelCase", true, [".gitattributes"]]);
  });

  check(69, "update_repo_settings: private and gated, also as old clients say it", async () => {
    const told = await python.run(`
      from huggingface_hub.utils import get_session, build_hf_headers
      api.create_repo("ana/settled")
      seen = lambda: [api.model_info("ana/settled").private, api.model_info("ana/settled").gated]
      out = []
      api.update_repo_settings("ana/settled", private=True, gated="auto")
      out.append(seen())
      api.update_repo_settings("ana/settled", gated="manual")
      out.append(seen())
      get_session().put(f"{api.endpoint}/api/models/ana/settled/settings", json={"private": False, "xetEnabled": True}, headers=build_hf_headers())
      out.append(seen())
      api.update_repo_settings("ana/settled", gated=False, visibility="public")
      out.append(seen())
      result = out
    `);
    expect(told).toEqual([
      [true, "auto"],
      [true, "manual"],
      [false, "manual"],
      [false, false],
    ]);
  });

  check(77, "get_safetensors_metadata of one file and of several", async () => {
    const told = await python.run(`
      import json, struct
      def weights(name, rows):
          header = json.dumps({name: {"dtype": "F32", "shape": [rows, 4], "data_offsets": [0, rows * 16]}}).encode()
          return struct.pack("<Q", len(header)) + header + bytes(rows * 16)
      api.create_repo("ana/sharded")
      index = json.dumps({"metadata": {}, "weight_map": {"a": "model-1-of-2.safetensors", "b": "model-2-of-2.safetensors"}}).encode()
      for path, data in (("model-1-of-2.safetensors", weights("a", 3)), ("model-2-of-2.safetensors", weights("b", 5)), ("model.safetensors.index.json", index)):
          api.upload_file(path_or_fileobj=data, path_in_repo=path, repo_id="ana/sharded")
      result = [[m.sharded, m.parameter_count] for m in (api.get_safetensors_metadata("ana/expanded"), api.get_safetensors_metadata("ana/sharded"))]
      result.append(api.model_info("ana/sharded").safetensors.total)
    `);
    expect(told).toEqual([[false, { F32: 50 }], [true, { F32: 32 }], 32]);
  });

  check(78, "metadata_update, and a README that is wrong", async () => {
    const told = await python.run<unknown[]>(`
      from huggingface_hub import RepoCard, metadata_update
      # It asks huggingface.co, whatever the endpoint; the commit asks this hub.
      RepoCard.validate = lambda *args, **options: None
      api.create_repo("ana/described")
      metadata_update("ana/described", {"license": "mit", "tags": ["tiny"]})
      info = api.model_info("ana/described")
      before = info.sha
      try:
          api.upload_file(path_or_fileobj=b"---\\nlicense: [mit\\n---\\n", path_in_repo="README.md", repo_id="ana/described")
          words = None
      except ValueError as error:
          words = str(error)
      result = [info.card_data.license, info.tags, words, api.model_info("ana/described").sha == before]
    `);
    expect(told).toEqual([
      "mit",
      expect.arrayContaining(["tiny", "license:mit"]),
      expect.stringContaining("Invalid metadata in README.md"),
      true,
    ]);
  });

  check(86, "duplicate_repo moves no bytes, and keeps the history", async () => {
    const told = await python.run(`
      import os, hashlib
      from huggingface_hub import hf_hub_download
      api.create_repo("ana/original")
      data = os.urandom(300_000)
      api.upload_file(path_or_fileobj=data, path_in_repo="data.bin", repo_id="ana/original")
      api.create_tag("ana/original", tag="v1")
      url = api.duplicate_repo("ana/original", to_id="ana/copy", private=True)
      copy = api.model_info("ana/copy")
      result = [url.repo_id, copy.private, copy.sha == api.model_info("ana/original").sha,
                len(api.list_repo_commits("ana/copy")), [t.name for t in api.list_repo_refs("ana/copy").tags],
                open(hf_hub_download("ana/copy", "data.bin"), "rb").read() == data]
    `);
    expect(told).toEqual(["ana/copy", true, true, 2, ["v1"], true]);
  });

  check(93, "what needs spaces that run, jobs, papers, buckets or kernels says that it is not here", async () => {
    const told = await python.run<[number, string | null][]>(`
      from huggingface_hub.errors import HfHubHTTPError
      api.create_repo("ana/still", repo_type="space", space_sdk="static")
      out = []
      for call in (
          lambda: api.add_space_secret("ana/still", "KEY", "value"),
          lambda: api.request_space_hardware("ana/still", "t4-small"),
          lambda: api.pause_space("ana/still"),
          lambda: api.restart_space("ana/still"),
          lambda: list(api.list_jobs()),
          lambda: api.create_repo("ana/hard", repo_type="space", space_sdk="gradio", space_hardware="t4-small"),
          lambda: api.create_scheduled_job(image="python:3.12", command=["ls"], schedule="@daily"),
          lambda: api.get_space_runtime("ana/still"),
          lambda: api.list_spaces_hardware(),
          lambda: api.read_paper("2307.09288"),
          lambda: list(api.list_daily_papers()),
          lambda: api.create_bucket("ana/bucket"),
          lambda: api.move_bucket("ana/bucket", "ana/other"),
          lambda: api.kernel_info("ana/kernel"),
      ):
          try:
              call()
              out.append([200, None])
          except HfHubHTTPError as error:
              out.append([error.response.status_code, str(error)])
      result = out
    `);
    const space = /does not support spaces that run/;
    const words = [
      space,
      space,
      space,
      space,
      /support jobs\./,
      /not supported: hardware/,
      /support jobs\./,
      space,
      space,
    ];
    words.push(/support papers\./, /support papers\./, /support buckets\./, /support buckets\./, /support kernels\./);
    expect(told).toEqual(words.map((said) => [501, expect.stringMatching(said)]));
  });

  check(94, "telemetry and the list of agents are answered at once, without a word in the log", async () => {
    for (const [method, path] of [
      ["HEAD", "/api/telemetry/x/y"],
      ["GET", "/api/agent-harnesses"],
    ] as const) {
      const times: number[] = [];
      for (let round = 0; round < 9; round++) {
        const start = performance.now();
        const response = await fetch(`${hub.url}${path}`, { method });
        await response.arrayBuffer();
        times.push(performance.now() - start);
        expect([path, [200, 204, 404, 501].includes(response.status)]).toEqual([path, true]);
      }
      // The middle one: others use this machine, too.
      expect(times.sort((a, b) => a - b)[4]).toBeLessThan(50);
    }
  });

  check(95, "an endpoint that ends in a slash", async () => {
    const slashed = await make(`${hub.url}/`, (await hub.tokenOf("ana", "write")).token);
    try {
      const told = await slashed.python().run(`
        from huggingface_hub import HfApi
        api = HfApi()
        api.create_repo("ana/slashed", repo_type="dataset")
        api.upload_file(path_or_fileobj=b"text\\nhello\\n", path_in_repo="train.csv", repo_id="ana/slashed", repo_type="dataset")
        from datasets import load_dataset
        result = [load_dataset("ana/slashed", split="train")[0]["text"], api.dataset_info("ana/slashed").id]
      `);
      expect(told).toEqual(["hello", "ana/slashed"]);
    } finally {
      await slashed.remove();
    }
  });

  it("lists what the caller keeps, with shares of the whole", async () => {
    if (version === "1.33" || version === "2.0") {
      const told = await python.run<[string, string, number][]>(`
        rows = list(api.list_user_repos())
        result = [[row.id, row.visibility, row.storage] for row in rows] + [["sum", "", round(sum(row.storage_percent for row in rows))]]
      `);
      expect(told).toContainEqual(["ana/copy", "private", expect.any(Number)]);
      expect(told.at(-1)).toEqual(["sum", "", 100]);
    }
  });
});
