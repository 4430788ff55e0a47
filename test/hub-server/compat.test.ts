// The scoreboard is true: what is answered is tested, what is tested is answered, and what is neither says so.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nameOf, OPERATIONS, type Scoreboard, scoreboard } from "../../hub-server/api/compat.ts";
import { ROUTES } from "../../hub-server/api/index.ts";
import { areaOf, templateOf } from "../../hub-server/api/openapi.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { testedOperations } from "../support/operations.ts";

const answers = ROUTES.flatMap(({ answers = [] }) => answers);
const tested = testedOperations();
const listed = new Set(OPERATIONS.map(nameOf));

let hub: TestHub;
let token: string;
const get = (path: string, headers: Record<string, string> = {}) => fetch(`${hub.url}${path}`, { headers });

beforeAll(async () => {
  hub = await testHub();
  token = await hub.user("ana");
});
afterAll(() => hub.stop());

describe("the list", () => {
  it("has 311 operations, each once", () => {
    expect(OPERATIONS.length).toBe(311);
    expect(listed.size).toBe(311);
  });

  it("has every row that a route answers, and no two routes answer one", () => {
    expect(answers.filter((row) => !listed.has(row))).toEqual([]);
    expect(answers.filter((row, index) => answers.indexOf(row) !== index)).toEqual([]);
  });

  it("has every row that is tested, and each is tested once", () => {
    expect(tested.filter((row) => !listed.has(row))).toEqual([]);
    expect(tested.filter((row, index) => tested.indexOf(row) !== index)).toEqual([]);
  });

  it("what is answered is tested", () => {
    expect(answers.filter((row) => !tested.includes(row))).toEqual([]);
  });

  it("what is tested is answered", () => {
    expect(tested.filter((row) => !answers.includes(row))).toEqual([]);
  });
});

/** An address that a row could be asked at. */
const VALUES: Readonly<Record<string, string>> = {
  "{repoType}": "models",
  "{namespace}": "ana",
  "{name}": "ana",
  "{username}": "ana",
  "{repo}": "mood",
  "{rev}": "main",
  "{path}": "data/a%20b.txt",
  "{compare}": "main..other",
  "{num}": "1",
  "{status}": "pending",
  "{sha}": "0".repeat(64),
  "{slug}-{id}": `list-${"0".repeat(24)}`,
};
const addressOf = (path: string) =>
  path
    .replace("{slug}-{id}", VALUES["{slug}-{id}"] ?? "")
    .replace(/\{\w+\}/g, (name) => VALUES[name] ?? "0".repeat(24));

const call = async ({ method, path }: { method: string; path: string }) => {
  const headers = { authorization: `Bearer ${token}`, accept: "application/json" };
  const response = await fetch(`${hub.url}${addressOf(path)}`, { method, headers, redirect: "manual" });
  const text = await response.text();
  return { status: response.status, code: response.headers.get("x-error-code"), headers: response.headers, text };
};

describe("calls", () => {
  it("of what is answered never say that it is not", async () => {
    for (const operation of OPERATIONS.filter((row) => answers.includes(nameOf(row)))) {
      const { status, code, text } = await call(operation);
      expect(code, `${nameOf(operation)}: ${status} ${text}`).not.toBe("NOT_IMPLEMENTED");
      expect(status, `${nameOf(operation)}: ${text}`).not.toBe(500);
    }
  });

  it("of what is not answered are a 501 with a code and a message, also outside of /api", async () => {
    // A row of the same form as an answered one, with other names for its parts, is that one's.
    const forms = new Set(answers.map((row) => addressOf(row)));
    const open = OPERATIONS.filter((row) => !answers.includes(nameOf(row)) && !forms.has(addressOf(nameOf(row))));
    expect(open.some(({ path }) => !path.startsWith("/api/"))).toBe(true);
    for (const operation of open) {
      const { status, code, headers, text } = await call(operation);
      expect([nameOf(operation), status, code]).toEqual([nameOf(operation), 501, "NOT_IMPLEMENTED"]);
      expect(headers.get("x-error-message")).toMatch(/does not support/);
      expect(JSON.parse(text)).toEqual({ error: headers.get("x-error-message") });
    }
  });
});

describe("/compat", () => {
  it("is the scoreboard, as JSON by its ending or by what is accepted", async () => {
    const board: Scoreboard = await (await get("/compat.json")).json();
    expect(board).toEqual(scoreboard(ROUTES));
    expect(await (await get("/compat", { accept: "application/json" })).json()).toEqual(board);
    expect(board.total).toBe(311);
    expect(board.answered).toBe(answers.length);
    expect(board.areas.reduce((sum, { answered }) => sum + answered, 0)).toBe(board.answered);
    expect(board.operations.filter(({ state }) => state === "501").length).toBe(311 - board.answered);
  });

  it("is a page for browsers, narrowed to an area", async () => {
    const page = await (await get("/compat", { accept: "text/html" })).text();
    expect(page).toContain(`${answers.length} of 311`);
    const scim = await (await get("/compat?area=scim", { accept: "text/html" })).text();
    expect(scim).toContain("ServiceProviderConfig");
    expect(scim).not.toContain("scheduled-jobs");
  });
});

interface Document {
  openapi: string;
  servers: { url: string }[];
  paths: Record<string, Record<string, DocumentOperation>>;
}
interface DocumentOperation {
  operationId: string;
  tags: string[];
  parameters: { name: string; in: string }[];
  requestBody?: { content: { "application/json": { schema: Record<string, unknown> } } };
  responses: Record<string, unknown>;
  "x-answers"?: string[];
}

describe("/api/openapi.json", () => {
  let document: Document;
  beforeAll(async () => {
    document = await (await get("/api/openapi.json")).json();
  });

  it("has every route once, with its parameters, body and what it answers", () => {
    expect(document.openapi).toBe("3.1.0");
    expect(document.servers).toEqual([{ url: hub.url }]);
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
    expect(operations.map(({ operationId }) => operationId).sort()).toEqual(
      ROUTES.map(({ operation }) => operation).sort(),
    );
    for (const route of ROUTES) {
      const path = templateOf(route.path);
      const found = document.paths[path]?.[route.method.toLowerCase()];
      const named = found?.parameters.filter((parameter) => parameter.in === "path").map(({ name }) => name) ?? [];
      expect(
        [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name),
        path,
      ).toEqual(named);
      expect(path, "no part of the router's own language").not.toMatch(/[:*?|]/);
      expect(found?.tags).toEqual([areaOf(route)]);
      expect(found?.["x-answers"] ?? []).toEqual(route.answers ?? []);
      expect(found?.requestBody === undefined, route.operation).toBe(route.body === undefined);
      expect(Object.keys(found?.responses ?? {})).toEqual(["2XX", "default"]);
    }
  });

  it("says what a body is", () => {
    const schema = document.paths["/api/validate-yaml"]?.["post"]?.requestBody?.content["application/json"].schema;
    expect(schema).toMatchObject({
      type: "object",
      required: ["content"],
      properties: { repoType: { enum: ["model", "dataset", "space"] } },
    });
  });
});

describe("/api/docs", () => {
  it("shows every operation with an anchor, its fields and a call to try", async () => {
    const page = await (await get("/api/docs")).text();
    for (const { operation } of ROUTES) expect(page).toContain(`id="${operation}"`);
    expect(page).toContain(`curl &quot;${hub.url}/api/whoami-v2&quot;`);
    expect(page).toContain("model, dataset or space");
  });

  it("narrows to an area", async () => {
    const page = await (await get("/api/docs?area=versions")).text();
    expect(page).toContain('id="listTree"');
    expect(page).not.toContain('id="whoami"');
  });
});
