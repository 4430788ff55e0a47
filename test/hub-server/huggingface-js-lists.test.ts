// Lists, info and existence as @huggingface/hub asks for them: pages, refs that are not encoded, HEAD as a revision.
import * as hf from "@huggingface/hub";
import { afterAll, beforeAll, expect } from "vitest";
import { check } from "../clients/conformance/harness.ts";
import { type TestHub, testHub } from "../support/hub.ts";

let hub: TestHub;
let token: string;
const many = { type: "model", name: "ana/many" } as const;
const COUNT = 2500;

async function commit(name: string, paths: readonly string[], query = ""): Promise<void> {
  const files = paths.map((path) =>
    JSON.stringify({ key: "file", value: { path, content: "eA==", encoding: "base64" } }),
  );
  const answer = await fetch(`${hub.url}/api/models/${name}/commit/main${query}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/x-ndjson" },
    body: [JSON.stringify({ key: "header", value: { summary: "Files", description: "" } }), ...files].join("\n"),
  });
  expect(answer.status, await answer.text()).toBe(200);
}

async function collect<Item>(list: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of list) items.push(item);
  return items;
}

beforeAll(async () => {
  hub = await testHub();
  token = await hub.user("ana");
  await hf.createRepo({ hubUrl: hub.url, accessToken: token, repo: many });
  await hf.createRepo({
    hubUrl: hub.url,
    accessToken: token,
    repo: { type: "model", name: "ana/hidden" },
    private: true,
  });
  await commit(
    "ana/many",
    Array.from({ length: COUNT }, (_, index) => `dir-${index % 5}/file-${index}.txt`),
  );
  await commit("ana/many", ["proposed/new.txt"], "?create_pr=1");
});
afterAll(() => hub?.stop());

check(34, "listFiles of 2500 files, over pages, none twice", async () => {
  const links: (string | null)[] = [];
  const counted: typeof fetch = async (...args) => {
    const answer = await fetch(...args);
    links.push(answer.headers.get("link"));
    return answer;
  };
  const files = await collect(hf.listFiles({ hubUrl: hub.url, repo: many, recursive: true, fetch: counted }));
  const paths = files.filter(({ type }) => type === "file").map(({ path }) => path);
  expect([new Set(paths).size, paths.length]).toEqual([COUNT + 1, COUNT + 1]);
  const next = expect.stringMatching(new RegExp(`^<${hub.url}/api/models/ana/many/tree/main\\?.*>; rel="next"$`));
  expect(links).toEqual([next, next, null]);
});

check(35, "listFiles of refs/pr/1, which it does not encode", async () => {
  const of = (path?: string) =>
    collect(hf.listFiles({ hubUrl: hub.url, repo: many, revision: "refs/pr/1", ...(path !== undefined && { path }) }));
  expect((await of()).map(({ path }) => path)).toContain("proposed");
  expect((await of("proposed")).map(({ path }) => path)).toEqual(["proposed/new.txt"]);
});

check(36, "modelInfo without a revision", async () => {
  const asked: string[] = [];
  const watched: typeof fetch = (input, init) => {
    asked.push(new URL(String(input)).pathname);
    return fetch(input, init);
  };
  const name = "ana/many";
  const info = await hf.modelInfo({ hubUrl: hub.url, name, additionalFields: ["sha", "tags"], fetch: watched });
  expect(asked).toEqual(["/api/models/ana/many/revision/HEAD"]);
  expect(info).toMatchObject({ id: expect.stringMatching(/^[0-9a-f]{24}$/), name: "ana/many", private: false });
  expect(info.sha).toMatch(/^[0-9a-f]{40}$/);
});

check(37, "repoExists: there, not there, private", async () => {
  const exists = (name: string, accessToken?: string) =>
    hf.repoExists({
      hubUrl: hub.url,
      repo: { type: "model", name },
      ...(accessToken !== undefined && { accessToken }),
    });
  expect([await exists("ana/many"), await exists("ana/nothing"), await exists("ana/hidden")]).toEqual([
    true,
    false,
    false,
  ]);
  expect(await exists("ana/hidden", token)).toBe(true);
});

check(39, "listCommits and countCommits", async () => {
  const commits = await collect(hf.listCommits({ hubUrl: hub.url, repo: many }));
  expect(commits.map(({ title, authors }) => [title, authors.map(({ username }) => username)])).toEqual([
    ["Files", ["ana"]],
    ["initial commit", ["ana"]],
  ]);
  expect(commits[0]?.date).toBeInstanceOf(Date);
  expect(await hf.countCommits({ hubUrl: hub.url, repo: many, revision: "main" })).toBe(2);
});
