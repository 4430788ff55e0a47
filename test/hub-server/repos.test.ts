// Lists and what is told of repositories: every filter, order and field of the tables, through the API.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { flushDownloads } from "../../hub-server/services/downloads.ts";
import {
  FILTER_NAMES,
  type FilterName,
  LIST_FILTERS,
  LIST_SORTS,
  type ListFilter,
  type ListSort,
  SORT_NAMES,
} from "../../hub-server/services/list-parameters.ts";
import { FIELD_NAMES, REPO_FIELDS } from "../../hub-server/services/repo-fields.ts";
import { REPO_TYPES, type RepoType } from "../../src/hub/repo-id.ts";
import { type TestHub, testHub } from "../support/hub.ts";

let hub: TestHub;
let tokens: { ana: string; ben: string };

type Row = { id: string; _id: string } & Record<string, unknown>;

const call = (path: string, token?: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${hub.url}${path}`, {
    ...init,
    headers: { ...init.headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
  });

async function listed(path: string, token?: string): Promise<Row[]> {
  const response = await call(path, token);
  expect([path, response.status]).toEqual([path, 200]);
  return response.json();
}

const ids = (rows: readonly Row[]): string[] => rows.map(({ id }) => id);

/** A safetensors header that claims one tensor of this many parameters; its bytes are left out, the header is all that counts. */
function weights(count: number): Uint8Array {
  const header = Buffer.from(JSON.stringify({ w: { dtype: "U8", shape: [count], data_offsets: [0, count] } }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, Buffer.alloc(count)]);
}

type Files = Readonly<Record<string, string | Uint8Array>>;

async function make(type: RepoType, name: string, files: Files, more: object = {}, token = tokens.ana): Promise<void> {
  const encoded = Object.entries(files).map(([path, content]) => ({
    path,
    content: Buffer.from(content).toString("base64"),
    encoding: "base64",
  }));
  const body = JSON.stringify({ name, type, ...(type === "space" && { sdk: "static" }), files: encoded, ...more });
  const response = await call("/api/repos/create", token, { method: "POST", body });
  expect([name, response.status]).toEqual([name, 200]);
}

const card = (yaml: string, text = ""): string => `---\n${yaml}\n---\n${text}`;

beforeAll(async () => {
  hub = await testHub();
  tokens = { ana: await hub.user("ana"), ben: await hub.user("ben") };
  await make("model", "bert-tiny", {
    "README.md": card(
      "license: mit\nlanguage: [en, de]\npipeline_tag: fill-mask\ntags: [tiny]\ndatasets: [ana/reviews]\nmodel-index: []",
      "# Bert\nA zebra among encoders, see https://arxiv.org/abs/1810.04805.",
    ),
    "config.json": JSON.stringify({ model_type: "bert", architectures: ["BertForMaskedLM"] }),
    "tokenizer_config.json": JSON.stringify({ mask_token: { content: "[MASK]" }, chat_template: "{{x}}" }),
    "tokenizer.json": "{}",
    "model.safetensors": weights(500),
  });
  await make("model", "bert-mood", {
    "README.md": card(
      "license: apache-2.0\nlibrary_name: transformers\nbase_model: ana/bert-tiny\nwidget: [{text: hello}]",
    ),
    "config.json": JSON.stringify({ model_type: "bert", architectures: ["BertForSequenceClassification"] }),
    "model.safetensors": weights(2000),
  });
  await make("model", "chat", { "README.md": card("pipeline_tag: text-generation"), "chat.gguf": "GGUF" });
  await make("model", "Secret-Bert", { "README.md": card("license: mit") }, { private: true });
  await make("model", "gated-bert", { "README.md": card("license: mit") });
  await call("/api/models/ana/gated-bert/settings", tokens.ana, {
    method: "PUT",
    body: JSON.stringify({ gated: "auto" }),
  });
  await make("model", "ben-bert", { "README.md": card("base_model: Ana/Bert-Tiny") }, {}, tokens.ben);
  await make("dataset", "reviews", {
    "README.md": card(
      "pretty_name: Film reviews\nlanguage: en\ntask_categories: [text-classification]\nsize_categories: n<1K\nlicense: cc0-1.0\npaperswithcode_id: reviews",
      "# Reviews\nWhat people thought.\n\n```bibtex\n@misc{r, title={R}}\n```\n",
    ),
    "train.csv": "text,label\nx,1\n",
  });
  await make("dataset", "plain", { "data.txt": "x".repeat(5000) });
  await make("space", "demo", {
    "README.md": card("title: A demo\nsdk: gradio\nmodels: [ana/bert-tiny]\ndatasets: [ana/reviews]\ntags: [fun]"),
  });
  await make("space", "empty", {}, { sdk: "docker" });
});
afterAll(() => hub.stop());

/** For each filter: values, and whose repositories they leave; the public ones unless a token is given. */
const FILTER_CASES: Readonly<Record<FilterName, readonly [type: RepoType, query: string, found: string[]][]>> = {
  search: [
    ["model", "search=zebra", ["ana/bert-tiny"]],
    ["model", "search=bert", ["ana/bert-mood", "ana/bert-tiny", "ana/gated-bert", "ben/ben-bert"]],
    ["model", "search=ert-zeb", ["ana/bert-tiny"]],
    ["model", "search=ana/bert-ti", ["ana/bert-mood", "ana/bert-tiny", "ben/ben-bert"]],
    ["model", "search=zeb&search=encod", ["ana/bert-tiny"]],
    ["model", "search=zebra nothing", []],
    ["model", "search=!!", []],
    ["dataset", "search=film", ["ana/reviews"]],
    ["space", "search=DEMO", ["ana/demo"]],
  ],
  author: [
    ["model", "author=BEN", ["ben/ben-bert"]],
    ["dataset", "author=ana", ["ana/plain", "ana/reviews"]],
    ["space", "author=nobody", []],
  ],
  filter: [
    ["model", "filter=gguf", ["ana/chat"]],
    ["model", "filter=license:mit&filter=language:en", ["ana/bert-tiny"]],
    ["model", "filter=bert,fill-mask", ["ana/bert-tiny"]],
    ["model", "filter[]=dataset:ana/reviews", ["ana/bert-tiny"]],
    ["model", "filter=base_model:ana/bert-tiny", ["ana/bert-mood"]],
    ["model", "filter=base_model:finetune:ana/bert-tiny", ["ana/bert-mood"]],
    ["model", "filter=arxiv:1810.04805", ["ana/bert-tiny"]],
    ["model", "filter=region:us", []],
    ["dataset", "filter=language:en&filter=task_categories:text-classification", ["ana/reviews"]],
    ["dataset", "filter=size_categories:n<1K&filter=format:csv", ["ana/reviews"]],
    ["space", "filter=fun", ["ana/demo"]],
  ],
  pipeline_tag: [["model", "pipeline_tag=text-classification", ["ana/bert-mood"]]],
  library: [["model", "library=transformers", ["ana/bert-mood", "ana/bert-tiny"]]],
  sdk: [["space", "sdk=gradio", ["ana/demo"]]],
  apps: [
    ["model", "apps=ollama", ["ana/chat"]],
    ["model", "apps=llama.cpp,lmstudio", ["ana/chat"]],
    ["model", "apps=nothing", []],
  ],
  gated: [
    ["model", "gated=true", ["ana/gated-bert"]],
    ["model", "gated=False&author=ben", ["ben/ben-bert"]],
    ["dataset", "gated=1", []],
  ],
  num_parameters: [
    ["model", "num_parameters=min:1K", ["ana/bert-mood"]],
    ["model", "num_parameters=min:0.4K,max:500", ["ana/bert-tiny"]],
    ["model", "num_parameters=2000", ["ana/bert-mood"]],
  ],
  inference: [["model", "inference=warm", []]],
  inference_provider: [["model", "inference_provider=all", []]],
  models: [["space", "models=Ana/bert-tiny", ["ana/demo"]]],
  datasets: [["space", "datasets=ana/reviews", ["ana/demo"]]],
  linked: [
    ["space", "linked=true", ["ana/demo"]],
    ["space", "linked=false", ["ana/demo", "ana/empty"]],
  ],
};

describe("filters", () => {
  it.each(
    FILTER_NAMES.flatMap((name) =>
      FILTER_CASES[name].map(([type, query, found]) => [name, type, query, found] as const),
    ),
  )("%s of %ss: %s", async (name, type, query, found) => {
    const filter: ListFilter = LIST_FILTERS[name];
    expect(filter.types).toContain(type);
    expect(ids(await listed(`/api/${type}s?${query}`)).sort()).toEqual(found);
    // The same under every order, and page by page.
    for (const sort of SORT_NAMES) {
      const row: ListSort = LIST_SORTS[sort];
      if (row.types.includes(type))
        expect(ids(await listed(`/api/${type}s?${query}&sort=${sort}`)).sort()).toEqual(found);
    }
    expect((await pages(`/api/${type}s?${query}&limit=1`)).sort()).toEqual(found);
  });

  it.each([
    ["models", "num_parameters=many"],
    ["models", "gated=maybe"],
    ["models", "sort=beauty"],
    ["datasets", "sort=num_parameters"],
    ["models", "direction=2"],
    ["models", "limit=-1"],
    ["models", "limit=x"],
    ["models", "cursor=x"],
    ["models", `cursor=${Buffer.from('["a", "b"]').toString("base64url")}`],
    ["spaces", "linked=perhaps"],
  ])("refuses /api/%s?%s", async (type, query) => {
    const response = await call(`/api/${type}?${query}`);
    expect([response.status, response.headers.get("x-error-code")]).toEqual([400, "BAD_REQUEST"]);
  });

  it.each([
    ["a quotation", "'); drop table repos; --"],
    ["operators", "a & | ! <-> :* b"],
    ["a backslash", "\\"],
    ["a percent sign", "%"],
    ["ten thousand words", "word ".repeat(10_000)],
  ])("takes %s for words to look for", async (_, words) => {
    const response = await call(`/api/models?${new URLSearchParams({ search: words.slice(0, 6000) })}`);
    expect([response.status, await response.json()]).toEqual([200, []]);
  });

  it("ranks the name before the text", async () => {
    await make("model", "about-giraffes", { "README.md": "# Animals\nMany a giraffe and a hippopotamus.\n" });
    await make("model", "hippopotamus", {});
    expect(ids(await listed("/api/models?search=hippopotamus"))).toEqual(["ana/hippopotamus", "ana/about-giraffes"]);
  });

  it("shows private repositories to those who may see them, also by a search", async () => {
    for (const query of ["author=ana&filter=license:mit", "search=secret", "sort=likes&search=secret"]) {
      expect(ids(await listed(`/api/models?${query}`))).not.toContain("ana/Secret-Bert");
      expect(ids(await listed(`/api/models?${query}`, tokens.ben))).not.toContain("ana/Secret-Bert");
      expect(ids(await listed(`/api/models?${query}`, tokens.ana))).toContain("ana/Secret-Bert");
    }
  });
});

/** All ids of a list, following its links. */
async function pages(path: string, token?: string): Promise<string[]> {
  const out: string[] = [];
  for (let next: string | undefined = path; next !== undefined; ) {
    const response = await call(next, token);
    expect(response.status).toBe(200);
    out.push(...ids(await response.json()));
    const link: string | undefined = /^<(https?:\/\/[^>]+)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1];
    expect(link === undefined || link.startsWith(hub.url)).toBe(true);
    next = link?.slice(hub.url.length);
  }
  return out;
}

describe("orders", () => {
  const sorted: readonly (readonly [RepoType, string])[] = SORT_NAMES.flatMap((name) => {
    const { types }: ListSort = LIST_SORTS[name];
    return types.map((type) => [type, name] as const);
  });

  it.each(sorted)("%ss by %s, both ways and page by page", async (type, name) => {
    const whole = ids(await listed(`/api/${type}s?sort=${name}`, tokens.ana));
    expect(new Set(whole).size).toBe(whole.length);
    const sort: ListSort = LIST_SORTS[name as keyof typeof LIST_SORTS]; // safe because the names come from the table
    const turned = sort.ascending === true ? -1 : 1;
    expect(ids(await listed(`/api/${type}s?sort=${name}&direction=${turned}`, tokens.ana))).toEqual(whole.toReversed());
    for (const limit of [1, 2, 3])
      expect(await pages(`/api/${type}s?sort=${name}&limit=${limit}`, tokens.ana)).toEqual(whole);
  });

  it("gives the most parameters, the largest and the names in order", async () => {
    const first = async (query: string) => (await listed(`/api/models?${query}&limit=1`))[0]?.id;
    expect(await first("sort=num_parameters")).toBe("ana/bert-mood");
    expect((await listed("/api/datasets?sort=mainSize&limit=1"))[0]?.id).toBe("ana/plain");
    const names = ids(await listed("/api/models?sort=id"));
    expect(names).toEqual([...names].sort());
  });

  it("goes on where it was when repositories are made and changed between two pages", async () => {
    const before = ids(await listed("/api/models?sort=createdAt"));
    const first = await call("/api/models?sort=createdAt&limit=3");
    const seen = ids(await first.json());
    await make("model", "made-meanwhile", {});
    const link = /<([^>]+)>/.exec(first.headers.get("link") ?? "")?.[1]?.slice(hub.url.length) ?? "";
    expect([...seen, ...(await pages(link))]).toEqual(before);
  });

  it("keeps all parameters in the link, and refuses none of its own cursors", async () => {
    const response = await call("/api/models?author=ana&filter=license:mit&limit=1&expand=likes&expand=sha");
    const link = new URL(/<([^>]+)>/.exec(response.headers.get("link") ?? "")?.[1] ?? "");
    expect(link.searchParams.getAll("expand")).toEqual(["likes", "sha"]);
    expect(link.searchParams.get("author")).toBe("ana");
    expect(ids(await listed("/api/models?limit=0"))).toEqual([]);
  });
});

/** What `expand` gives for repositories that have it all; undefined where the value differs from run to run. */
const TOLD: Readonly<Record<RepoType, readonly [string, Readonly<Record<string, unknown>>]>> = {
  model: [
    "ana/bert-tiny",
    {
      author: "ana",
      private: false,
      gated: false,
      disabled: false,
      downloads: 0,
      downloadsAllTime: 0,
      likes: 0,
      trendingScore: 0,
      xetEnabled: true,
      tags: [
        "transformers",
        "safetensors",
        "bert",
        "fill-mask",
        "tiny",
        "en",
        "de",
        "dataset:ana/reviews",
        "arxiv:1810.04805",
        "license:mit",
      ],
      pipeline_tag: "fill-mask",
      library_name: "transformers",
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      lastModified: expect.stringMatching(/Z$/),
      sha: expect.stringMatching(/^[0-9a-f]{40}$/),
      siblings: [
        ".gitattributes",
        "README.md",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
      ].map((rfilename) => ({ rfilename })),
      cardData: expect.objectContaining({ license: "mit" }),
      config: {
        architectures: ["BertForMaskedLM"],
        model_type: "bert",
        tokenizer_config: { mask_token: "[MASK]", chat_template: "{{x}}" },
      },
      safetensors: { parameters: { U8: 500 }, total: 500 },
      transformersInfo: { auto_model: "AutoModelForMaskedLM", pipeline_tag: "fill-mask", processor: "AutoTokenizer" },
      mask_token: "[MASK]",
      "model-index": [],
      spaces: ["ana/demo"],
      usedStorage: expect.any(Number),
      baseModels: [],
      childrenModelCount: 2,
      evalResults: [],
    },
  ],
  dataset: [
    "ana/reviews",
    {
      author: "ana",
      private: false,
      gated: false,
      disabled: false,
      downloads: 0,
      downloadsAllTime: 0,
      likes: 0,
      trendingScore: 0,
      xetEnabled: true,
      tags: [
        "task_categories:text-classification",
        "language:en",
        "size_categories:n<1K",
        "license:cc0-1.0",
        "format:csv",
      ],
      createdAt: expect.any(String),
      lastModified: expect.any(String),
      sha: expect.any(String),
      siblings: [{ rfilename: ".gitattributes" }, { rfilename: "README.md" }, { rfilename: "train.csv" }],
      cardData: expect.objectContaining({ pretty_name: "Film reviews" }),
      usedStorage: expect.any(Number),
      mainSize: expect.any(Number),
      description: "What people thought.",
      citation: "@misc{r, title={R}}",
      paperswithcode_id: "reviews",
    },
  ],
  space: [
    "ana/demo",
    {
      author: "ana",
      private: false,
      disabled: false,
      likes: 0,
      trendingScore: 0,
      xetEnabled: true,
      tags: ["gradio", "fun"],
      sdk: "gradio",
      createdAt: expect.any(String),
      lastModified: expect.any(String),
      sha: expect.any(String),
      siblings: [{ rfilename: ".gitattributes" }, { rfilename: "README.md" }],
      cardData: expect.objectContaining({ title: "A demo" }),
      models: ["ana/bert-tiny"],
      datasets: ["ana/reviews"],
      usedStorage: expect.any(Number),
      runtime: { stage: "STOPPED", hardware: { current: null, requested: null }, gcTimeout: null },
    },
  ],
};

describe("what is told", () => {
  const fields = REPO_TYPES.flatMap((type) =>
    FIELD_NAMES.filter((name) => (REPO_FIELDS[name].types as readonly string[]).includes(type)) // safe because types are words
      .map((name) => [type, name] as const),
  );

  it.each(fields)("%ss: expand=%s gives this field alone, of one and in lists", async (type, name) => {
    const [id, told] = TOLD[type];
    const expected = { _id: expect.stringMatching(/^[0-9a-f]{24}$/), id, ...(name in told && { [name]: told[name] }) };
    for (const expand of [`expand=${name}`, `expand[]=${name}`, `expand=${name},unheardOf`]) {
      const one = await call(`/api/${type}s/${id}?${expand}`);
      expect([one.status, await one.json()]).toEqual([200, expected]);
    }
    const rows = await listed(`/api/${type}s?expand=${name}&author=ana`);
    expect(rows.find((row) => row.id === id)).toEqual(expected);
  });

  it("has a value for every field of the table in some repository", async () => {
    const mood = await (await call("/api/models/ana/bert-mood?expand=widgetData,baseModels")).json();
    expect(mood).toMatchObject({ widgetData: [{ text: "hello" }], baseModels: ["ana/bert-tiny"] });
    expect(Object.keys(await (await call("/api/models/ana/bert-tiny?expand=unheardOf")).json())).toEqual(["_id", "id"]);
  });

  it("gives files with sizes and ids when asked for blobs", async () => {
    const info: { siblings: Row[] } = await (await call("/api/models/ana/bert-tiny?blobs=true")).json();
    expect(info.siblings.find(({ rfilename }) => rfilename === "tokenizer.json")).toEqual({
      rfilename: "tokenizer.json",
      size: 2,
      blobId: "9e26dfeeb6e641a33dae4961196235bdb965b21b",
    });
    const weightsRow = info.siblings.find(({ rfilename }) => rfilename === "model.safetensors");
    expect(weightsRow).toMatchObject({ size: expect.any(Number), blobId: expect.stringMatching(/^[0-9a-f]{40}$/) });
  });

  it("tells of full lists the files, the commit and the card; of plain ones none of them", async () => {
    const [plain] = await listed("/api/models?search=zebra");
    expect(plain).not.toHaveProperty("siblings");
    expect(plain).not.toHaveProperty("cardData");
    const [full] = await listed("/api/models?search=zebra&full=True");
    expect(full).toMatchObject({ sha: expect.any(String), siblings: expect.any(Array), cardData: { license: "mit" } });
    const [more] = await listed("/api/models?search=zebra&cardData=1&config=true");
    expect(more).toMatchObject({ cardData: { license: "mit" }, config: { model_type: "bert" } });
    expect(more).not.toHaveProperty("siblings");
  });

  it("takes HEAD, a branch, a short and a whole commit for a revision, and says so of none", async () => {
    const at = (revision: string) => call(`/api/models/ana/bert-tiny/revision/${revision}`);
    const { sha }: { sha: string } = await (await at("HEAD")).json();
    for (const revision of ["main", sha, "refs%2Fheads%2Fmain"])
      expect((await (await at(revision)).json()).sha).toBe(sha);
    const missing = await at("nowhere");
    expect([missing.status, missing.headers.get("x-error-code")]).toEqual([404, "RevisionNotFound"]);
  });

  it("finds a repository under its name in another case, and calls it by its own", async () => {
    for (const path of ["/api/models/ANA/Bert-Tiny", "/api/models/ana/BERT-TINY/revision/main"])
      expect((await (await call(path)).json()).id).toBe("ana/bert-tiny");
    expect((await call("/ANA/BERT-tiny/resolve/main/config.json")).status).toBe(200);
  });

  it("reads an endpoint that ends in a slash", async () => {
    expect((await call("//api/datasets/ana/reviews")).status).toBe(200);
    expect((await call("//datasets/ana/reviews/resolve/main/train.csv")).status).toBe(200);
  });

  it("answers for kernels, and for spaces that run, with 501", async () => {
    for (const path of [
      "/api/kernels",
      "/api/spaces/hardware",
      "/api/spaces/templates",
      "/api/spaces/ana/demo/secrets",
    ]) {
      const response = await call(path, tokens.ana);
      expect([path, response.status]).toEqual([path, 501]);
      expect(response.headers.get("x-error-message")).toBeTruthy();
    }
  });
});

describe("downloads", () => {
  it("counts one for each visitor and minute, whatever they fetch, and not what pages show", async () => {
    const file = "/ana/chat/resolve/main/chat.gguf";
    const numbers = async () => {
      await flushDownloads(hub.deps);
      const info = await call("/api/models/ana/chat?expand=downloads,downloadsAllTime,trendingScore");
      const { downloads, downloadsAllTime, trendingScore } = await info.json();
      return [downloads, downloadsAllTime, trendingScore];
    };
    // A minute that ends between two requests would count both.
    const second = new Date().getSeconds();
    if (second > 55) await new Promise((resolve) => setTimeout(resolve, (61 - second) * 1000));
    await call(file, undefined, { headers: { "sec-fetch-site": "same-origin" } });
    expect(await numbers()).toEqual([0, 0, 0]);
    await call(file, undefined, { method: "HEAD" });
    await call(file);
    await call("/ana/chat/resolve/main/README.md");
    expect(await numbers()).toEqual([1, 1, 1]);
    await call(file);
    expect(await numbers()).toEqual([1, 1, 1]);
    await call(file, tokens.ben);
    await call(file, tokens.ana);
    expect(await numbers()).toEqual([3, 3, 3]);
    expect(ids(await listed("/api/models?sort=downloads&limit=1"))).toEqual(["ana/chat"]);
    expect(ids(await listed("/api/models?sort=trendingScore&limit=1"))).toEqual(["ana/chat"]);
  });

  it("counts none of what fails", async () => {
    await call("/ana/bert-mood/resolve/main/nothing.bin");
    await flushDownloads(hub.deps);
    expect(await (await call("/api/models/ana/bert-mood?expand=downloads")).json()).toMatchObject({ downloads: 0 });
  });
});
