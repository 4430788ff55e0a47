import * as hf from "@huggingface/hub";
import { eq, inArray, like, sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { repoDownloads, repoIndex } from "../../hub-server/db/schema/repos.ts";
import { evaluations, repos, settings } from "../../hub-server/db/schema.ts";
import { flushDownloads, noteDownload, refreshNumbers } from "../../hub-server/services/downloads.ts";
import { indexById, indexStale } from "../../hub-server/services/indexer.ts";
import { getRepo } from "../../hub-server/services/repos.ts";
import { ggufFile } from "../support/gguf.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { operation } from "../support/operations.ts";
import { base64, outcome, repoCalls } from "../support/repo-calls.ts";

let hub: TestHub;
let ana: string;
let ben: string;

beforeAll(async () => {
  hub = await testHub();
  [ana, ben] = [await hub.user("ana"), await hub.user("ben")];
});
afterAll(() => hub.stop());

const { call, send, create, info, organization } = repoCalls(
  () => hub,
  () => ana,
);

describe("finding", () => {
  beforeAll(async () => {
    await create("quokka", {
      files: [
        base64("README.md", "---\npipeline_tag: fill-mask\nlanguage: sw\nlibrary_name: quokkalib\nlicense: mit\n---\n"),
      ],
    });
    await create("quokka-data", {
      type: "dataset",
      files: [base64("README.md", "---\ntask_categories: [quokka-task]\n---\n")],
    });
    await create("quokka-demo", { type: "space", sdk: "static" });
    await create("quokka-private", { private: true });
    await hub.user("quokkaist");
    await organization("quokkas", { ana: "admin" });
  });

  operation("GET /api/quicksearch", async () => {
    expect(await info("/api/quicksearch?q=quok")).toEqual({
      q: "quok",
      models: [{ _id: expect.stringMatching(/^[0-9a-f]{24}$/), id: "ana/quokka", trendingWeight: 0 }],
      modelsCount: 1,
      datasets: [expect.objectContaining({ id: "ana/quokka-data" })],
      datasetsCount: 1,
      spaces: [expect.objectContaining({ id: "ana/quokka-demo" })],
      spacesCount: 1,
      users: [expect.objectContaining({ user: "quokkaist" })],
      usersCount: 1,
      orgs: [expect.objectContaining({ name: "quokkas" })],
      orgsCount: 1,
    });
    const own = await info("/api/quicksearch?q=quokka&type=model&limit=5", ana);
    expect(own["models"]).toContainEqual(expect.objectContaining({ id: "ana/quokka-private", private: true }));
    expect(own).not.toHaveProperty("datasets");
    expect(await outcome(call("/api/quicksearch?q=x&limit=many"))).toEqual([400, "BAD_REQUEST"]);
    expect(await info("/api/quicksearch?q=numb")).toMatchObject({ modelsCount: 0 });
    await create("numbat");
    expect(await info("/api/quicksearch?q=numb")).toMatchObject({ models: [{ id: "ana/numbat" }], modelsCount: 1 });
  });

  operation("POST /api/quicksearch", async () => {
    const found = await send("POST", "/api/quicksearch", undefined, {
      q: "quokka",
      type: ["dataset", "user"],
      limit: 1,
    });
    expect(await found.json()).toMatchObject({ datasets: [{ id: "ana/quokka-data" }], usersCount: 1 });
    expect(await outcome(send("POST", "/api/quicksearch", undefined, { q: 5 }))).toEqual([400, "BAD_REQUEST"]);
    await create("bilby", { type: "dataset" });
    const made = await send("POST", "/api/quicksearch", undefined, { q: "bilby", type: ["dataset"] });
    expect(await made.json()).toMatchObject({ datasets: [{ id: "ana/bilby" }] });
  });

  operation("GET /api/trending", async () => {
    const [repo] = await hub.deps.db.select().from(repos).where(eq(repos.name, "quokka-data"));
    for (let host = 1; host <= 9; host++)
      if (repo !== undefined) noteDownload({ ...hub.deps, actor: undefined }, repo, `10.0.0.${host}`);
    await flushDownloads(hub.deps);
    const { recentlyTrending } = await (await call("/api/trending?limit=3")).json();
    expect(recentlyTrending).toHaveLength(3);
    expect(recentlyTrending[0]).toMatchObject({
      repoType: "dataset",
      repoData: { id: "ana/quokka-data", downloads: 9, trendingScore: 9 },
    });
    expect((await (await call("/api/trending?type=space")).json()).recentlyTrending[0].repoType).toBe("space");
    const first = await (await call("/api/datasets?sort=trendingScore&limit=1")).json();
    expect(first).toMatchObject([{ id: "ana/quokka-data", trendingScore: 9 }]);
    expect(await outcome(call("/api/trending?type=paper"))).toEqual([400, "BAD_REQUEST"]);
  });

  it("counts days as they are in the world, wherever the database is", async () => {
    const { db } = hub.deps;
    await create("counted");
    const [repo] = await db.select().from(repos).where(eq(repos.name, "counted"));
    const repoId = repo?.id ?? "";
    const day = (ago: number) => new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 10);
    await db.insert(repoDownloads).values([31, 30, 7, 6].map((ago) => ({ repoId, day: day(ago), count: 1 })));
    // At any hour one of the two has another day than the world.
    for (const zone of ["Etc/GMT-14", "Etc/GMT+12"]) {
      await db.execute(sql.raw(`set time zone '${zone}'`));
      await db.delete(settings).where(eq(settings.key, "numbers_day"));
      await refreshNumbers(hub.deps);
      await db.execute(sql`reset time zone`);
      const [now] = await db.select().from(repos).where(eq(repos.id, repoId));
      expect(now).toMatchObject({ downloads: 3, trendingScore: 1 });
    }
  });

  it("writes notes of downloads at once where there are very many", async () => {
    const [repo] = await hub.deps.db.select().from(repos).where(eq(repos.name, "counted"));
    if (repo === undefined) throw new Error("it was not made");
    const before = repo.downloadsAllTime;
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    for (let visitor = 0; visitor < 20_000; visitor++)
      noteDownload({ ...hub.deps, actor: undefined }, repo, `visitor ${visitor}`);
    vi.useRealTimers();
    await expect
      .poll(async () => (await getRepo({ ...hub.deps, actor: undefined }, repo)).downloadsAllTime)
      .toBe(before + 20_000);
  });

  operation("GET /api/models-tags-by-type", async () => {
    const tags = await info("/api/models-tags-by-type");
    expect(tags["pipeline_tag"]).toContainEqual({ id: "fill-mask", label: "fill-mask", type: "pipeline_tag" });
    expect(tags["license"]).toContainEqual({ id: "license:mit", label: "mit", type: "license" });
    expect(tags["library"]).toContainEqual({ id: "quokkalib", label: "quokkalib", type: "library" });
    expect(tags["language"]).toContainEqual({ id: "sw", label: "sw", type: "language" });
    expect(Object.keys(await info("/api/models-tags-by-type?type=license"))).toEqual(["license"]);
    // What it names is what lists are narrowed by.
    for (const tag of ["license:mit", "quokkalib", "sw", "fill-mask"])
      expect(await (await call(`/api/models?filter=${tag}`)).json()).toContainEqual(
        expect.objectContaining({ id: "ana/quokka" }),
      );
  });

  operation("GET /api/datasets-tags-by-type", async () => {
    expect((await info("/api/datasets-tags-by-type"))["task_categories"]).toContainEqual({
      id: "task_categories:quokka-task",
      label: "quokka-task",
      type: "task_categories",
    });
    const narrowed = await (await call("/api/datasets?filter=task_categories:quokka-task")).json();
    expect(narrowed).toMatchObject([{ id: "ana/quokka-data" }]);
  });
});

describe("what was measured", () => {
  operation("GET /api/datasets/{namespace}/{repo}/leaderboard", async () => {
    await create("benchmark", { type: "dataset" });
    const result = (value: number) => `- dataset: {id: Ana/benchmark, task_id: default}\n  value: ${value}\n`;
    await create("weak", { files: [base64(".eval_results/a.yaml", result(0.4))] });
    const told = "  source: {url: 'https://example.org/runs/1', name: Runs}\n  notes: One run\n";
    await create("strong", { files: [base64(".eval_results/a.yaml", result(0.9) + told)] });
    await create("tuned", {
      files: [base64(".eval_results/a.yaml", result(0.95)), base64("README.md", "---\nbase_model: ana/strong\n---\n")],
    });
    await create("hidden-best", { private: true, files: [base64(".eval_results/a.yaml", result(1))] });
    await create("wrong", { files: [base64(".eval_results/a.yaml", "- value: 3\n")] });
    const board = async (query = "", token?: string) => {
      const rows: { rank: number; modelId: string; value: number }[] = await (
        await call(`/api/datasets/ana/benchmark/leaderboard${query}`, token)
      ).json();
      return rows.map(({ rank, modelId, value }) => [rank, modelId, value]);
    };
    expect(await board()).toEqual([
      [1, "ana/strong", 0.9],
      [2, "ana/weak", 0.4],
    ]);
    expect(await info("/api/datasets/ana/benchmark/leaderboard")).toMatchObject([
      {
        filename: ".eval_results/a.yaml",
        verified: false,
        source: { url: "https://example.org/runs/1", name: "Runs", isExternal: true },
        notes: "One run",
        author: { type: "user", name: "ana", avatarUrl: expect.stringContaining("/api/avatars/ana/") },
      },
      { modelId: "ana/weak" },
    ]);
    expect((await board("?base_model=false"))[0]).toEqual([1, "ana/tuned", 0.95]);
    expect((await board("", ana))[0]).toEqual([1, "ana/hidden-best", 1]);
    expect(await board("?task_id=another")).toEqual([]);
    expect(await info("/api/models/ana/strong?expand=evalResults")).toMatchObject({
      evalResults: [{ filename: ".eval_results/a.yaml", data: { value: 0.9 } }],
    });
    expect(await info("/api/models/ana/wrong?expand=evalResults")).toMatchObject({
      evalResults: [{ filename: ".eval_results/a.yaml", error: expect.stringContaining("dataset") }],
    });
  });
});

describe("what files say beside the card", () => {
  const ids = async (path: string) => (await (await call(path)).json()).map(({ id }: { id: string }) => id);
  const adapter = (base: string) =>
    base64("adapter_config.json", JSON.stringify({ base_model_name_or_path: base, task_type: "SEQ_CLS", r: 8 }));

  it("an adapter comes from the model that PEFT's file names, where the card names none", async () => {
    await create("adapted");
    await create("lora", { files: [adapter("ana/adapted")] });
    await create("lora-of-folder", { files: [adapter("/home/ana/adapted"), base64("README.md", "# Mine\n")] });
    await create("lora-said", {
      files: [adapter("ana/adapted"), base64("README.md", "---\nbase_model: ana/other\n---\n")],
    });
    expect(await ids("/api/models?filter=base_model:adapter:ana/adapted")).toEqual(["ana/lora"]);
    expect(await info("/api/models/ana/lora")).toMatchObject({
      library_name: "peft",
      config: { peft: { base_model_name_or_path: "ana/adapted", task_type: "SEQ_CLS" } },
    });
    expect(await info("/api/models/ana/adapted?expand=childrenModelCount")).toMatchObject({ childrenModelCount: 1 });
    const bases = async (name: string) => (await info(`/api/models/ana/${name}?expand=baseModels`))["baseModels"];
    expect(await Promise.all(["lora", "lora-of-folder", "lora-said"].map(bases))).toEqual([
      ["ana/adapted"],
      [],
      ["ana/other"],
    ]);
  });

  it("a GGUF file tells the architecture, the context, the template and how many parameters there are", async () => {
    const values = {
      "general.architecture": "llama",
      "llama.context_length": 2048,
      "tokenizer.ggml.tokens": ["<s>", "</s>\0"],
      "tokenizer.ggml.eos_token_id": 1,
      "tokenizer.chat_template": "{{ messages }}",
    };
    const file = (path: string, bytes: Buffer) => ({ path, content: bytes.toString("base64"), encoding: "base64" });
    const long = Array.from({ length: 20_000 }, (_, index) => `word ${index}`);
    await create("quantized", {
      files: [
        file("mmproj-model.gguf", ggufFile({ "general.architecture": "clip" }, { a: [9] })),
        file("model-Q4-00001-of-00002.gguf", ggufFile({ ...values, "tokenizer.ggml.merges": long }, { a: [40, 2] })),
        file("model-Q4-00002-of-00002.gguf", ggufFile({}, { b: [20] })),
        file("model-Q8.gguf", ggufFile(values, { a: [40, 2], b: [20] })),
      ],
    });
    const gguf = { architecture: "llama", context_length: 2048, eos_token: "</s>", chat_template: "{{ messages }}" };
    expect(await info("/api/models/ana/quantized?expand=gguf")).toMatchObject({ gguf: { ...gguf, total: 100 } });
    expect(await ids("/api/models?num_parameters=min:100,max:100&filter=gguf")).toEqual(["ana/quantized"]);
    await create("no-gguf", { files: [file("model.gguf", Buffer.from("no such thing"))] });
    expect(await info("/api/models/ana/no-gguf")).not.toHaveProperty("gguf");
  });

  it("a dataset with tasks to be measured on is a benchmark", async () => {
    await create("tasks", { type: "dataset", files: [base64("eval.yaml", "name: Tasks\ntasks: [{id: default}]\n")] });
    expect(await ids("/api/datasets?filter=benchmark:official")).toEqual(["ana/tasks"]);
  });

  it("a space says that it does not run", async () => {
    await create("resting", { type: "space", sdk: "docker" });
    expect(await info("/api/spaces/ana/resting")).toMatchObject({ runtime: { stage: "STOPPED" } });
  });
});

describe("scanning", () => {
  /** Protocol 2, a global, a call of it with a text, and the end. */
  const pickle = (name: string) => {
    const [module = "", what = ""] = name.split(/\.(?=[^.]*$)/);
    return Buffer.concat([
      Buffer.from([0x80, 2]),
      Buffer.from(`c${module}\n${what}\n`),
      Buffer.from([0x58, 2, 0, 0, 0, 0x6c, 0x73, 0x85, 0x52, 0x2e]),
    ]);
  };

  for (const type of ["models", "datasets", "spaces"] as const) {
    operation(`GET /api/${type}/{namespace}/{repo}/scan`, async () => {
      const file = (path: string, bytes: Buffer) => ({ path, content: bytes.toString("base64"), encoding: "base64" });
      await create("scanned", {
        type: type.slice(0, -1),
        ...(type === "spaces" && { sdk: "docker" }),
        files: [
          file("evil.pkl", pickle("posix.system")),
          file("strange.bin", pickle("mymodule.Thing")),
          file("good.bin", pickle("collections.OrderedDict")),
          file("cut.pt", pickle("torch.FloatStorage").subarray(0, 12)),
          file("plain.bin", Buffer.from("no pickle")),
        ],
      });
      const scan = await info(`/api/${type}/ana/scanned/scan`);
      expect(scan).toEqual({
        scansDone: true,
        filesWithIssues: [
          { path: "cut.pt", level: "error" },
          { path: "evil.pkl", level: "unsafe" },
          { path: "strange.bin", level: "suspicious" },
        ],
      });
      expect((await info(`/api/${type}/ana/scanned?securityStatus=true`))["securityRepoStatus"]).toEqual(scan);
      expect(await info(`/api/${type}/ana/scanned`)).not.toHaveProperty("securityRepoStatus");
    });
  }
});

describe("@huggingface/hub", () => {
  const collect = async <Item>(items: AsyncIterable<Item>): Promise<Item[]> => {
    const out: Item[] = [];
    for await (const item of items) out.push(item);
    return out;
  };

  it("lists models, datasets and spaces, tells of them, and asks whether they are there", async () => {
    const at = { hubUrl: hub.url, accessToken: await hub.user("dora") };
    await hf.createRepo({
      ...at,
      repo: "dora/m1",
      license: "mit",
      files: [{ path: "a.txt", content: new Blob(["a"]) }],
    });
    await hf.createRepo({ ...at, repo: "dora/m2", private: true });
    await hf.createRepo({ ...at, repo: "datasets/dora/d1" });
    await hf.createRepo({ ...at, repo: "spaces/dora/s1", sdk: "gradio" });
    const owner = { search: { owner: "dora" } };
    const models = await collect(
      hf.listModels({ ...at, ...owner, sort: "id", additionalFields: ["author", "tags", "filePaths"] }),
    );
    expect(models.map(({ name, private: isPrivate }) => [name, isPrivate])).toEqual([
      ["dora/m1", false],
      ["dora/m2", true],
    ]);
    expect(models[0]).toMatchObject({
      id: expect.stringMatching(/^[0-9a-f]{24}$/),
      gated: false,
      likes: 0,
      downloads: 0,
      author: "dora",
      tags: ["license:mit"],
      filePaths: [".gitattributes", "README.md", "a.txt"],
    });
    expect(models[0]?.updatedAt.getTime()).toBeGreaterThan(Date.now() - 60_000);
    expect(await collect(hf.listModels({ hubUrl: hub.url, ...owner, limit: 1 }))).toHaveLength(1);
    expect(
      await collect(hf.listModels({ hubUrl: hub.url, search: { owner: "dora", tags: ["license:mit"], query: "m" } })),
    ).toHaveLength(0);
    expect(await collect(hf.listDatasets({ ...at, ...owner }))).toMatchObject([{ name: "dora/d1" }]);
    expect(await collect(hf.listSpaces({ ...at, ...owner, additionalFields: ["models"] }))).toMatchObject([
      { name: "dora/s1", sdk: "gradio", models: [] },
    ]);
    expect(await hf.datasetInfo({ ...at, name: "dora/d1" })).toMatchObject({ name: "dora/d1" });
    expect(await hf.spaceInfo({ ...at, name: "dora/s1", additionalFields: ["runtime"] })).toMatchObject({
      sdk: "gradio",
      runtime: { stage: "STOPPED" },
    });
  });

  it("conformance/36 modelInfo without a revision", async () => {
    const at = { hubUrl: hub.url, accessToken: await hub.user("emil") };
    const { id } = await hf.createRepo({ ...at, repo: "emil/m" });
    expect(await hf.modelInfo({ ...at, name: "emil/m", additionalFields: ["sha"] })).toMatchObject({
      id,
      name: "emil/m",
      private: false,
      sha: expect.stringMatching(/^[0-9a-f]{40}$/),
    });
  });

  it("conformance/37 repoExists and checkRepoAccess: there, not there, private", async () => {
    const at = { hubUrl: hub.url, accessToken: await hub.user("fay") };
    await hf.createRepo({ ...at, repo: "fay/open" });
    await hf.createRepo({ ...at, repo: "fay/closed", private: true });
    for (const [repo, token, there] of [
      ["fay/open", undefined, true],
      ["fay/none", undefined, false],
      ["fay/closed", undefined, false],
      ["fay/closed", ben, false],
      ["fay/closed", at.accessToken, true],
    ] as const) {
      const who = { hubUrl: hub.url, ...(token !== undefined && { accessToken: token }) };
      expect([repo, await hf.repoExists({ ...who, repo })]).toEqual([repo, there]);
      const access = hf.checkRepoAccess({ ...who, repo });
      if (there) await access;
      else await expect(access).rejects.toMatchObject({ statusCode: 404 });
    }
    await hf.deleteRepo({ ...at, repo: "fay/open" });
    expect(await hf.repoExists({ ...at, repo: "fay/open" })).toBe(false);
  });

  it("conformance/77 parseSafetensorsMetadata: one file and several", async () => {
    const at = { hubUrl: hub.url, accessToken: await hub.user("gil") };
    const part = (name: string, count: number) => {
      const header = Buffer.from(JSON.stringify({ [name]: { dtype: "U8", shape: [count], data_offsets: [0, count] } }));
      const length = Buffer.alloc(8);
      length.writeBigUInt64LE(BigInt(header.length));
      return new Blob([length, header, Buffer.alloc(count)]);
    };
    await hf.createRepo({ ...at, repo: "gil/single", files: [{ path: "model.safetensors", content: part("w", 300) }] });
    const single = await hf.parseSafetensorsMetadata({ ...at, repo: "gil/single", computeParametersCount: true });
    expect(single).toMatchObject({ sharded: false, parameterCount: { U8: 300 } });
    const index = { metadata: {}, weight_map: { a: "model-1.safetensors", b: "model-2.safetensors" } };
    await hf.createRepo({
      ...at,
      repo: "gil/sharded",
      files: [
        { path: "model-1.safetensors", content: part("a", 100) },
        { path: "model-2.safetensors", content: part("b", 20) },
        { path: "model.safetensors.index.json", content: new Blob([JSON.stringify(index)]) },
      ],
    });
    const sharded = await hf.parseSafetensorsMetadata({ ...at, repo: "gil/sharded", computeParametersCount: true });
    expect(sharded).toMatchObject({ sharded: true, parameterCount: { U8: 120 } });
    expect(await hf.modelInfo({ ...at, name: "gil/sharded", additionalFields: ["safetensors"] })).toMatchObject({
      safetensors: { total: 120, parameters: { U8: 120 } },
    });
  });
});

describe("the index", () => {
  it("is made anew where another version of the hub made it", async () => {
    await create("stale", { files: [base64("README.md", "# Axolotl\n")] });
    const [repo] = await hub.deps.db.select().from(repos).where(eq(repos.name, "stale"));
    const find = async () => (await (await call("/api/models?search=axolotl&expand=likes")).json()).length;
    await hub.deps.db
      .update(repoIndex)
      .set({ version: 0, document: "" })
      .where(eq(repoIndex.repoId, repo?.id ?? ""));
    expect(await find()).toBe(0);
    await indexStale(hub.deps);
    expect(await find()).toBe(1);
  });

  it("is brought up to the head at the start, where the process that had the job died", async () => {
    const { db } = hub.deps;
    await create("behind");
    const of = eq(repos.name, "behind");
    const indexed = async () => (await db.select({ commit: repos.indexedCommit }).from(repos).where(of))[0]?.commit;
    const head = await indexed();
    expect(head).toMatch(/^[0-9a-f]{40}$/);
    await db.update(repos).set({ indexedCommit: null }).where(of);
    await indexStale(hub.deps);
    expect(await indexed()).toBe(head);
  });

  it("is made anew of all others where one cannot be", async () => {
    const { db } = hub.deps;
    await create("anew-1");
    await create("anew-2");
    const [first, second] = await db.select().from(repos).where(like(repos.name, "anew-_")).orderBy(repos.id);
    const card =
      "---\nmodel-index: [{ results: [{ dataset: { name: d }, metrics: [{ type: odd, value: 1 }] }] }]\n---\n";
    const lines = [
      { key: "header", value: { summary: "claim" } },
      { key: "file", value: base64("README.md", card) },
    ];
    const body = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
    const commit = call(`/api/models/ana/${first?.name}/commit/main`, ana, { method: "POST", body });
    expect((await commit).status).toBe(200);
    await db.execute(sql`delete from ${evaluations} where metric = 'odd'`);
    await db.execute(sql`alter table ${evaluations} add constraint no_odd check (metric <> 'odd')`);
    const both = inArray(
      repoIndex.repoId,
      [first, second].map((row) => row?.id ?? ""),
    );
    await db.update(repoIndex).set({ version: 0 }).where(both);
    await expect(indexStale(hub.deps)).rejects.toThrow(/1 repositories/);
    const versions = () => db.select().from(repoIndex).where(both).orderBy(repoIndex.repoId);
    expect((await versions()).map(({ version }) => version === 0)).toEqual([true, false]);
    await db.execute(sql`alter table ${evaluations} drop constraint no_odd`);
    await indexStale(hub.deps);
    expect((await versions()).map(({ version }) => version === 0)).toEqual([false, false]);
  });

  it("is written whole or not at all, and what was done before it stays done", async () => {
    const { db } = hub.deps;
    await create("halves");
    await db.execute(sql`alter table ${evaluations} add constraint no_such check (metric <> 'no-such')`);
    const card =
      "---\nmodel-index: [{ results: [{ dataset: { name: d }, metrics: [{ type: no-such, value: 1 }] }] }]\n---\n";
    const lines = [
      { key: "header", value: { summary: "claim" } },
      { key: "file", value: base64("README.md", card) },
    ];
    const body = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
    expect((await call("/api/models/ana/halves/commit/main", ana, { method: "POST", body })).status).toBe(200);
    const moved = { fromRepo: "ana/halves", toRepo: "ana/whole", type: "model" };
    expect((await send("POST", "/api/repos/move", ana, moved)).status).toBe(200);
    const copied = { repository: "ana/copied" };
    expect((await send("POST", "/api/models/ana/whole/duplicate", ana, copied)).status).toBe(200);
    const row = async () => (await db.select().from(repos).where(eq(repos.name, "whole")))[0];
    expect(await row()).toMatchObject({ indexedCommit: null, cardData: {} });
    await db.execute(sql`alter table ${evaluations} drop constraint no_such`);
    const repo = await row();
    await indexById(hub.deps, repo?.id ?? "");
    expect((await row())?.indexedCommit).toMatch(/^[0-9a-f]{40}$/);
    const measured = await db
      .select()
      .from(evaluations)
      .where(eq(evaluations.repoId, repo?.id ?? ""));
    expect(measured).toMatchObject([{ metric: "no-such", value: 1 }]);
  });
});
