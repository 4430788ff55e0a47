// The pages over HTTP: what strangers see, what leaks, where addresses lead, what forms refuse.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestHub, testHub } from "../support/hub.ts";

let hub: TestHub;
let ana: string;
let cookie: string;

interface Visit {
  path: string;
  as?: string | undefined;
  headers?: Record<string, string>;
  form?: Record<string, string>;
}

const visit = ({ path, as, headers = {}, form }: Visit) =>
  fetch(`${hub.url}${path}`, {
    redirect: "manual",
    headers: {
      accept: "text/html",
      ...(as !== undefined && { cookie: `abrazo_session=${as}` }),
      ...(form !== undefined && { origin: hub.url }),
      ...headers,
    },
    ...(form !== undefined && { method: "POST", body: new URLSearchParams(form) }),
  });
const page = async (path: string, as?: string) => (await visit({ path, as })).text();

const api = (path: string, body: string, headers: Record<string, string> = {}) =>
  fetch(`${hub.url}${path}`, {
    method: "POST",
    body,
    headers: { authorization: `Bearer ${ana}`, "content-type": "application/json", ...headers },
  });
const create = (name: string, isPrivate = false, type = "model") =>
  api("/api/repos/create", JSON.stringify({ name, type, private: isPrivate }));

async function commit(repo: string, files: Record<string, string | Buffer>, summary = "Change"): Promise<string> {
  const lines = [
    { key: "header", value: { summary } },
    ...Object.entries(files).map(([path, content]) => ({
      key: "file",
      value: { path, content: Buffer.from(content).toString("base64"), encoding: "base64" },
    })),
  ];
  const body = lines.map((line) => JSON.stringify(line)).join("\n");
  const kind = repo.startsWith("datasets/") ? repo : `models/${repo}`;
  const done = await api(`/api/${kind}/commit/main`, body, { "content-type": "application/x-ndjson" });
  const { commitOid }: { commitOid: string } = await done.json();
  return commitOid;
}

beforeAll(async () => {
  hub = await testHub();
  ana = await hub.user("ana", { password: "correct horse" });
  await hub.user("ben", { password: "correct horse" });
  const login = await visit({ path: "/login", form: { name: "ana", password: "correct horse", next: "/" } });
  cookie = /abrazo_session=([^;]+)/.exec(login.headers.get("set-cookie") ?? "")?.[1] ?? "";
  await create("open");
  await create("hidden", true);
  await create("rows", false, "dataset");
  const card =
    "---\nlicense: secretlicense\npipeline_tag: secrettask\nlibrary_name: secretlibrary\nbase_model: ana/open\ndatasets: [ana/rows]\n---\n# Zebra\n";
  await commit("ana/hidden", { "README.md": card });
});
afterAll(() => hub.stop());

describe("what is private", () => {
  it.each(["", "/tree/main", "/blob/main/README.md", "/commits/main", "/commit/main"])(
    "is, to strangers, as if it were not there: %s",
    async (rest) => {
      const [hidden, missing] = [
        await visit({ path: `/ana/hidden${rest}` }),
        await visit({ path: `/ana/nothing${rest}` }),
      ];
      expect([hidden.status, missing.status]).toEqual([404, 404]);
      expect((await hidden.text()).replaceAll("hidden", "nothing")).toBe(
        (await missing.text()).replaceAll("hidden", "nothing"),
      );
      expect((await visit({ path: `/ana/hidden${rest}`, as: cookie })).status).toBe(
        rest === "/commit/main" ? 200 : 200,
      );
    },
  );

  it.each(["/", "/models", "/models?search=zebra", "/search?search=zebra", "/ana", "/ana/open", "/datasets/ana/rows"])(
    "shows in no list, filter or count: %s",
    async (path) => {
      expect(await page(path)).not.toMatch(/ana\/hidden|secret(task|library|license)|1 model (made|trained)/);
      expect(await page(path, cookie)).toMatch(/hidden|secret|1 model (made|trained)/);
    },
  );
});

describe("addresses", () => {
  it("that nobody has are pages for people and JSON for programs", async () => {
    for (const path of ["/ana/open/settings/x/y", "/nobody", "/assets/nothing.css", "/ana/open/commit"]) {
      const seen = await visit({ path });
      expect([seen.status, seen.headers.get("content-type")]).toEqual([404, "text/html; charset=UTF-8"]);
      const read = await visit({ path, headers: { accept: "*/*" } });
      expect([read.status, read.headers.get("content-type")]).toEqual([404, "application/json"]);
    }
    const broken = await visit({ path: "/models?search=%00" });
    expect([broken.status, broken.headers.get("content-type")]).toEqual([400, "text/html; charset=UTF-8"]);
  });

  it("of a file under tree and of a folder under blob lead to the right page", async () => {
    await commit("ana/open", { "a b/c#d.txt": "x\n" });
    const to = async (path: string) => (await visit({ path })).headers.get("location");
    expect(await to("/ana/open/tree/main/a%20b/c%23d.txt")).toBe("/ana/open/blob/main/a%20b/c%23d.txt");
    expect(await to("/ana/open/blob/main/a%20b")).toBe("/ana/open/tree/main/a%20b");
    expect(await to("/ana/open/tree")).toBe("/ana/open/tree/main");
    expect(await to("/%2Fevil.example/x/tree")).toBeNull();
    expect(await to("/ANA/Open")).toBe("/ana/open");
  });

  it("say what is missing, and where to go on", async () => {
    expect(await page("/ana/open/tree/nope")).toMatch(/no branch, tag or commit “nope”.*href="\/ana\/open"/);
    expect(await page("/ana/open/blob/main/nope.txt")).toMatch(/no file or folder “nope.txt”.*href="\/ana\/open\/tree/);
  });

  it("of a card that did not change answer 304, and 200 after each change that shows", async () => {
    const tag = async () => (await visit({ path: "/ana/open" })).headers.get("etag") ?? "";
    const before = await tag();
    const again = await visit({ path: "/ana/open", headers: { "if-none-match": before } });
    expect([again.status, again.headers.get("cache-control")]).toEqual([304, "private, no-cache"]);
    await commit("ana/open", { "README.md": "# Open\n" });
    expect(await tag()).not.toBe(before);
    expect((await visit({ path: "/ana/open", as: cookie, headers: { "if-none-match": before } })).status).toBe(200);
  });

  it("of assets change with their content and are kept for ever", async () => {
    const href = /href="(\/assets\/style\.css\?v=[0-9a-f]{12})"/.exec(await page("/"))?.[1] ?? "";
    const style = await visit({ path: href });
    expect(style.headers.get("cache-control")).toContain("immutable");
    expect(style.headers.get("content-type")).toBe("text/css; charset=utf-8");
  });
});

describe("forms", () => {
  it("of other sites are refused with a page that says so", async () => {
    const foreign = await visit({ path: "/login", form: { name: "ana" }, headers: { origin: "https://evil.example" } });
    expect(foreign.status).toBe(403);
    expect(await foreign.text()).toContain("not sent by a page of this hub");
  });

  it("work behind a proxy that ends TLS, with a cookie for TLS alone", async () => {
    const { host } = new URL(hub.url);
    const form = { name: "ana", password: "correct horse", next: "/models" };
    const headers = { origin: `https://${host}`, "x-forwarded-proto": "https" };
    const done = await visit({ path: "/login", form, headers });
    expect([done.status, done.headers.get("location")]).toEqual([303, "/models"]);
    expect(done.headers.get("set-cookie")).toMatch(/Secure/);
  });

  it.each(["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)"])(
    "a login leads nowhere else: %s",
    async (next) => {
      const done = await visit({ path: "/login", form: { name: "ana", password: "correct horse", next } });
      expect(done.headers.get("location")).toBe("/");
    },
  );

  it("keep what was typed when something is wrong with it", async () => {
    const taken = await visit({ path: "/new", as: cookie, form: { name: "open", type: "model", private: "yes" } });
    expect(taken.status).toBe(409);
    const text = await taken.text();
    expect(text).toContain("exists already");
    expect(text).toMatch(/name="name"[^>]*value="open"/);
    expect(text).toMatch(/name="private"[^>]*checked/);
    const bad = await visit({ path: "/new", as: cookie, form: { name: "<b>", type: "dataset" } });
    expect(bad.status).toBe(400);
    expect(await bad.text()).toMatch(/value="&lt;b&gt;"/);
  });

  it("that show a token are kept by no cache", async () => {
    const made = await visit({ path: "/settings/tokens", as: cookie, form: { name: "laptop", role: "read" } });
    expect(made.headers.get("cache-control")).toBe("no-store");
    expect(await made.text()).toMatch(/hf_[A-Za-z0-9]{34}/);
  });
});

describe("a commit's page", () => {
  const weights = (header: Record<string, { dtype: string; shape: number[]; values: Buffer }>): Buffer => {
    let at = 0;
    const entries = Object.entries(header).map(([name, { dtype, shape, values }]) => {
      const offsets = [at, at + values.length];
      at += values.length;
      return [name, { dtype, shape, data_offsets: offsets }];
    });
    const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    return Buffer.concat([length, json, ...Object.values(header).map(({ values }) => values)]);
  };
  const f32 = (...values: number[]) => ({
    dtype: "F32",
    shape: [values.length],
    values: bytesOf(new Float32Array(values)),
  });
  const bytesOf = (array: Float32Array | Uint16Array) => Buffer.from(array.buffer);
  const half = (dtype: string, ...bits: number[]) => ({
    dtype,
    shape: [bits.length],
    values: bytesOf(new Uint16Array(bits)),
  });
  /** The words of each row of the table of tensors. */
  const rows = (html: string) =>
    [...html.matchAll(/<tr>(.*?)<\/tr>/gs)].map(([row]) =>
      row
        .replaceAll(/<[^>]*>/g, " ")
        .replaceAll(/\s+/g, " ")
        .trim(),
    );

  it("shows which tensors came, went, changed, and how far they moved", async () => {
    await create("weights");
    // 3 and 4 in half and brain floats; then 3 and 4.125, 3 and 4.25.
    const before = {
      kept: f32(1, 2),
      moved: f32(3, 4),
      half: half("F16", 0x4200, 0x4400),
      brain: half("BF16", 0x4040, 0x4080),
    };
    await commit("ana/weights", { "model.safetensors": weights({ ...before, gone: f32(1), shaped: f32(1, 2) }) });
    const after = { moved: f32(3, 4.5), half: half("F16", 0x4200, 0x4420), brain: half("BF16", 0x4040, 0x4088) };
    const id = await commit("ana/weights", {
      "model.safetensors": weights({ ...after, kept: f32(1, 2), shaped: f32(1), new: f32(9) }),
      "a.txt": "one\ntwo\n",
    });
    const html = await page(`/ana/weights/commit/${id}`);
    expect(html).toContain("6 tensors changed, 1 the same");
    expect(rows(html)).toEqual(
      expect.arrayContaining([
        "moved changed 10 % F32 [2]",
        "half changed 2.5 % F16 [2]",
        "brain changed 5 % BF16 [2]",
        "gone removed F32 [1]",
        "new added F32 [1]",
        "shaped changed F32 [2] → F32 [1]",
      ]),
    );
    // What a model is comes before what describes it.
    expect(html.indexOf("model.safetensors")).toBeLessThan(html.indexOf("a.txt"));
  });

  it("shows that only line ends changed", async () => {
    await create("ends");
    await commit("ana/ends", { "a.txt": "one\r\ntwo\r\n", "b.txt": "x" });
    const html = await page(`/ana/ends/commit/${await commit("ana/ends", { "a.txt": "one\ntwo\n", "b.txt": "x\n" })}`);
    expect(html).toContain('<span class="turning">CR</span>');
    expect(html).toContain("only the end of the last line does");
  });
});

describe("a list of files", () => {
  it("names the commit that last touched each entry, folders by what is in them", async () => {
    await create("touched");
    await commit("ana/touched", { "a.txt": "1", "sub/deep/b.txt": "1" }, "First");
    await commit("ana/touched", { "a.txt": "2" }, "Second");
    await commit("ana/touched", { "sub/deep/c.txt": "3" }, "Third");
    await commit("ana/touched", { "a.txt": "1" }, "Back again");
    const changes = async (path: string) =>
      Object.fromEntries(
        [
          ...(await page(path)).matchAll(
            /<td class="name">.*?<bdi>([^<]*)<\/bdi>.*?<td class="wide change">.*?<a [^>]*>([^<]*)</gs,
          ),
        ].map(([, name, title]) => [name, title]),
      );
    expect(await changes("/ana/touched/tree/main")).toEqual({
      sub: "Third",
      ".gitattributes": "initial commit",
      "a.txt": "Back again",
    });
    expect(await changes("/ana/touched/tree/main/sub/deep")).toEqual({ "b.txt": "First", "c.txt": "Third" });
    const bar = async (path: string) => /class="last-commit">.*?<a [^>]*>([^<]*)</s.exec(await page(path))?.[1];
    expect(await bar("/ana/touched/tree/main")).toBe("Back again");
    expect(await bar("/ana/touched/tree/main/sub")).toBe("Third");
    expect(await bar("/ana/touched/blob/main/sub/deep/b.txt")).toBe("First");
  });
});

describe("a dataset", () => {
  it("shows the rows of the table asked for, of train where none is", async () => {
    await commit("datasets/ana/rows", {
      "a.csv": "x\nfirst\n",
      "data/train.tsv": "x\nsecond\n",
      "c.jsonl": '{"x":"<b>third"}\n',
    });
    expect(await page("/datasets/ana/rows")).toMatch(/<td[^>]*>second</);
    expect(await page("/datasets/ana/rows?table=a.csv")).toMatch(/<td[^>]*>first</);
    expect(await page("/datasets/ana/rows?table=c.jsonl")).toMatch(/<td[^>]*>&lt;b&gt;third</);
    expect(await page("/datasets/ana/rows?table=nothing")).toMatch(/<td[^>]*>second</);
  });
});
