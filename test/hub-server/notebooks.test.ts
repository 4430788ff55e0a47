// Notebooks by the API, as Google Colab opens them: what is one is given whole, what is none is refused with what to do.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Caller, caller, file } from "../support/calls.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { operation } from "../support/operations.ts";

const NOTEBOOK = {
  nbformat: 4,
  nbformat_minor: 5,
  metadata: {},
  cells: [{ cell_type: "markdown", source: ["# héllo"] }],
};
const TEXT = `${JSON.stringify(NOTEBOOK, null, 1)}\n`;
const MIB = 1024 * 1024;

let hub: TestHub;
let ana: Caller;
let tokens: Record<"ana" | "ben", string>;
beforeAll(async () => {
  hub = await testHub();
  tokens = { ana: await hub.user("ana"), ben: await hub.user("ben") };
  ana = caller(hub.url, tokens.ana);
  for (const [type, more] of [
    ["model", {}],
    ["dataset", {}],
    ["space", { sdk: "static" }],
  ] as const)
    for (const hidden of [false, true])
      await ana.ok("POST", "/api/repos/create", { name: hidden ? "shut" : "open", type, private: hidden, ...more });
});
afterAll(() => hub.stop());

const get = (path: string, as?: "ana" | "ben", more: Record<string, string> = {}, method = "GET") =>
  fetch(`${hub.url}${path}`, {
    method,
    headers: { ...(as !== undefined && { authorization: `Bearer ${tokens[as]}` }), ...more },
  });
const outcome = async (path: string, as?: "ana" | "ben") => {
  const { status, headers } = await get(path, as);
  return [status, headers.get("x-error-code")];
};

operation("GET /api/{models|datasets|spaces}/{namespace}/{repo}/notebook/{rev}/{path}", async (type) => {
  const [api, page] = [`/api/${type}/ana/open`, `${type === "models" ? "" : `/${type}`}/ana/open`];
  const { commitOid } = await ana.commit(api, "main", [file("lessons/one two.ipynb", TEXT)]);
  const address = `${api}/notebook/main/lessons/one%20two.ipynb`;
  const answer = await get(address);
  expect([answer.status, answer.headers.get("content-type"), await answer.text()]).toEqual([
    200,
    "application/json",
    TEXT,
  ]);
  expect(answer.headers.get("x-repo-commit")).toBe(commitOid);
  expect(answer.headers.get("access-control-allow-origin")).toBe("*");
  const direct = await get(`${page}/resolve/main/lessons/one%20two.ipynb`);
  expect(await direct.text()).toBe(TEXT);
  const etag = answer.headers.get("etag") ?? "";
  expect(etag).toBe(direct.headers.get("etag"));
  expect((await get(address, undefined, { "if-none-match": etag })).status).toBe(304);
  const head = await get(address, undefined, {}, "HEAD");
  expect([head.status, head.headers.get("content-length")]).toEqual([200, `${Buffer.byteLength(TEXT)}`]);
  const changed = await ana.commit(api, "main", [file("lessons/one two.ipynb", TEXT.replace("héllo", "bye"))]);
  expect(await (await get(address)).text()).toContain("# bye");
  expect(await (await get(`${api}/notebook/${commitOid}/lessons/one%20two.ipynb`)).text()).toBe(TEXT);
  await ana.ok("POST", `${api}/branch/${encodeURIComponent("a/b")}`, { startingPoint: changed.commitOid });
  expect(await (await get(`${api}/notebook/a%2Fb/lessons/one%20two.ipynb`)).text()).toContain("# bye");
});

describe("a notebook", () => {
  it("is there for those who may read its repository", async () => {
    for (const type of ["models", "datasets", "spaces"]) {
      await ana.commit(`/api/${type}/ana/shut`, "main", [file("a.ipynb", TEXT)]);
      const address = `/api/${type}/ana/shut/notebook/main/a.ipynb`;
      expect(await outcome(address, "ana")).toEqual([200, null]);
      const [stranger, missing] = [`/api/${type}/ana/shut/tree/main`, `/api/${type}/ana/none/notebook/main/a.ipynb`];
      for (const as of ["ben", undefined] as const) {
        expect(await outcome(address, as)).toEqual(await outcome(stranger, as));
        expect(await outcome(address, as)).toEqual(await outcome(missing, as));
      }
    }
    await ana.ok("PUT", "/api/models/ana/open/settings", { gated: "manual" });
    await ana.commit("/api/models/ana/open", "main", [file("a.ipynb", TEXT)]);
    expect(await outcome("/api/models/ana/open/notebook/main/a.ipynb")).toEqual([401, "GatedRepo"]);
    expect(await outcome("/api/models/ana/open/notebook/main/a.ipynb", "ben")).toEqual([403, "GatedRepo"]);
    await ana.ok("PUT", "/api/models/ana/open/settings", { gated: false });
  });

  it.each([
    ["of another name", "a.json", TEXT, 400, "BAD_REQUEST"],
    ["that is a folder", "", "", 400, "BAD_REQUEST"],
    ["that is no JSON", "text.ipynb", "# hello", 422, "BAD_NOTEBOOK"],
    ["that is empty", "empty.ipynb", "", 422, "BAD_NOTEBOOK"],
    ["that is cut off", "cut.ipynb", TEXT.slice(0, 50), 422, "BAD_NOTEBOOK"],
    ["that is other JSON", "list.ipynb", "[]", 422, "BAD_NOTEBOOK"],
    ["without cells", "bare.ipynb", '{"nbformat":4}', 422, "BAD_NOTEBOOK"],
    ["of 200,000 lists in each other", "deep.ipynb", "[".repeat(200_000), 422, "BAD_NOTEBOOK"],
    ["of 11 MiB", "large.ipynb", `${TEXT}${" ".repeat(11 * MIB)}`, 413, "NOTEBOOK_TOO_LARGE"],
  ])("%s is refused", async (_, path, content, status, code) => {
    if (path !== "") await ana.commit("/api/models/ana/open", "main", [file(path, content)]);
    const answer = await get(`/api/models/ana/open/notebook/main/${path}`);
    expect([answer.status, answer.headers.get("x-error-code")]).toEqual([status, code]);
    expect((await answer.json()).error).toContain("is fetched, as it is, by resolve");
  });

  it.each([
    ["of version 3, whose cells lie in worksheets", '{"nbformat":3,"worksheets":[]}'],
    ["of five million bytes", JSON.stringify({ ...NOTEBOOK, metadata: { pad: "x".repeat(5_000_000) } })],
    ["with a mark of its encoding in front", `\ufeff${TEXT}`],
  ])("%s is given", async (_, content) => {
    await ana.commit("/api/models/ana/open", "main", [file("some.ipynb", content)]);
    const answer = await get("/api/models/ana/open/notebook/main/some.ipynb");
    expect([answer.status, Buffer.from(await answer.arrayBuffer()).equals(Buffer.from(content))]).toEqual([200, true]);
  });

  it("that is not there is named", async () => {
    const none = "/api/models/ana/open/notebook";
    expect(await outcome(`${none}/main/none.ipynb`)).toEqual([404, "EntryNotFound"]);
    expect(await outcome(`${none}/other/a.ipynb`)).toEqual([404, "RevisionNotFound"]);
  });
});
