// What the hub promises on every database: versions, access, uploads, bad input.

import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { facets } from "../../hub-server/services/facets.ts";
import { listEvaluations } from "../../hub-server/services/indexer.ts";
import { getRepo } from "../../hub-server/services/repos.ts";
import type { TestHub } from "../support/hub.ts";

type Line = Record<string, unknown>;

export function hubContract(name: string, start: () => Promise<TestHub>): void {
  describe(`hub on ${name}`, () => {
    let hub: TestHub;
    let ana: string;
    let ben: string;

    beforeAll(async () => {
      hub = await start();
      [ana, ben] = [await hub.user("ana"), await hub.user("ben")];
    });
    afterAll(() => hub.stop());

    const call = (path: string, token?: string, init: RequestInit = {}) =>
      fetch(`${hub.url}${path}`, {
        ...init,
        headers: { ...init.headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      });
    const create = (repo: string, token: string, more = {}) =>
      call("/api/repos/create", token, { method: "POST", body: JSON.stringify({ name: repo, ...more }) });
    const commit = (repo: string, token: string | undefined, lines: Line[], header: Line = {}) =>
      call(`/api/models/${repo}/commit/main`, token, {
        method: "POST",
        headers: { "content-type": "application/x-ndjson" },
        body: [{ key: "header", value: { summary: "change", ...header } }, ...lines]
          .map((line) => JSON.stringify(line))
          .join("\n"),
      });
    const file = (path: string, content: string): Line => ({
      key: "file",
      value: { path, content: Buffer.from(content).toString("base64"), encoding: "base64" },
    });

    it("gives git's own ids to blobs, trees and commits", async () => {
      await create("ids", ana);
      const { commitOid }: { commitOid: string } = await (
        await commit("ana/ids", ana, [file("a.txt", "hello\n"), file("d/b.txt", "x")])
      ).json();
      const tree: { path: string; oid: string }[] = await (
        await call("/api/models/ana/ids/tree/main?recursive=true")
      ).json();
      const git = (...args: string[]) => execFileSync("git", args, { input: "hello\n", encoding: "utf8" }).trim();
      expect(tree.find(({ path }) => path === "a.txt")?.oid).toBe(git("hash-object", "--stdin"));
      expect(commitOid).toMatch(/^[0-9a-f]{40}$/);
      const info: { sha: string } = await (await call("/api/models/ana/ids")).json();
      expect(info.sha).toBe(commitOid);
    });

    it("refuses a stale parent with 412 and queues the others", async () => {
      await create("queue", ana);
      const { sha }: { sha: string } = await (await call("/api/models/ana/queue")).json();
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, at) => commit("ana/queue", ana, [file(`${at}.txt`, `${at}`)])),
      );
      expect(answers.map(({ status }) => status)).toEqual(new Array(12).fill(200));
      const listed: unknown[] = await (await call("/api/models/ana/queue/tree/main")).json();
      expect(listed).toHaveLength(13);
      expect((await commit("ana/queue", ana, [file("late.txt", "late")], { parentCommit: sha })).status).toBe(412);
    });

    it("hides what a caller may not see: 404, never 403", async () => {
      await create("secret", ana, { private: true });
      for (const token of [undefined, ben]) {
        for (const path of [
          "/api/models/ana/secret",
          "/api/models/ana/secret/tree/main",
          "/ana/secret/resolve/main/.gitattributes",
        ]) {
          const response = await call(path, token);
          expect([response.status, response.headers.get("x-error-code")]).toEqual([404, "RepoNotFound"]);
        }
        expect((await commit("ana/secret", token, [file("x", "x")])).status).toBe(404);
        const listed: { id: string }[] = await (await call("/api/models?author=ana", token)).json();
        expect(listed.map(({ id }) => id)).not.toContain("ana/secret");
      }
      expect((await call("/api/models/ana/secret", ana)).status).toBe(200);
    });

    it("lets only the owner write, with a token that may", async () => {
      const reader = await hub.user("cleo", { role: "read" });
      await create("open", ana);
      expect((await commit("ana/open", undefined, [file("x", "x")])).status).toBe(401);
      expect((await commit("ana/open", ben, [file("x", "x")])).status).toBe(403);
      expect((await create("own", reader)).status).toBe(403);
      expect((await create("ana/mine", ben)).status).toBe(403);
      const wrong = await call("/api/models/ana/open", `hf_${"x".repeat(34)}`);
      expect([wrong.status, wrong.headers.get("x-error-message")]).toEqual([
        401,
        "Invalid credentials in Authorization header",
      ]);
    });

    it.each(["../up", "a/../../b", "/etc/passwd", "a//b", ".git/config", "x/.GIT/y", "a\\b", "nul\u0000", ""])(
      "refuses the path %j",
      async (path) => {
        await create("paths", ana);
        const before: { sha: string } = await (await call("/api/models/ana/paths")).json();
        expect((await commit("ana/paths", ana, [file("good.txt", "good"), file(path, "bad")])).status).toBe(400);
        const after: { sha: string } = await (await call("/api/models/ana/paths")).json();
        expect(after.sha).toBe(before.sha);
      },
    );

    it("refuses truncated and wrong uploads, and leaves nothing visible", async () => {
      await create("uploads", ana);
      const bytes = randomBytes(200_000);
      const oid = createHash("sha256").update(bytes).digest("hex");
      const batch = await call("/ana/uploads.git/info/lfs/objects/batch", ana, {
        method: "POST",
        body: JSON.stringify({ operation: "upload", objects: [{ oid, size: bytes.length }] }),
      });
      const { objects }: { objects: { actions: { upload: { href: string } } }[] } = await batch.json();
      const href = objects[0]?.actions.upload.href ?? "";
      const pointer: Line = { key: "lfsFile", value: { path: "w.bin", algo: "sha256", oid, size: bytes.length } };
      for (const body of [bytes.subarray(0, 100_000), randomBytes(200_000), Buffer.concat([bytes, bytes])]) {
        expect((await fetch(href, { method: "PUT", body })).status).toBe(400);
        expect(await hub.deps.blobs.has(oid)).toBe(false);
        expect((await commit("ana/uploads", ana, [pointer])).status).toBe(400);
      }
      expect((await fetch(href.replace("signature=", "signature=x"), { method: "PUT", body: bytes })).status).toBe(403);
      expect((await fetch(href, { method: "PUT", body: bytes })).status).toBe(200);
      expect((await commit("ana/uploads", ana, [pointer])).status).toBe(200);
      // Another repository cannot name an object that was not uploaded to it.
      await create("thief", ben);
      expect((await commit("ben/thief", ben, [pointer])).status).toBe(400);
      const part = await call("/ana/uploads/resolve/main/w.bin", undefined, { headers: { range: "bytes=10-19" } });
      expect([part.status, part.headers.get("content-range")]).toEqual([206, `bytes 10-19/${bytes.length}`]);
      expect(Buffer.from(await part.arrayBuffer())).toEqual(bytes.subarray(10, 20));
      const head = await call("/ana/uploads/resolve/main/w.bin", undefined, { method: "HEAD" });
      expect([head.status, head.headers.get("content-length"), head.headers.get("x-linked-etag")]).toEqual([
        200,
        `${bytes.length}`,
        `"${oid}"`,
      ]);
    });

    it("answers missing things as clients expect", async () => {
      await create("missing", ana);
      const codes = async (path: string) => {
        const response = await call(path);
        return [response.status, response.headers.get("x-error-code")];
      };
      expect(await codes("/api/models/ana/nothing")).toEqual([404, "RepoNotFound"]);
      expect(await codes("/api/models/ana/missing/revision/nope")).toEqual([404, "RevisionNotFound"]);
      expect(await codes("/ana/missing/resolve/main/nope.txt")).toEqual([404, "EntryNotFound"]);
      expect(await codes("/api/models/ana/missing/tree/main/nope")).toEqual([404, "EntryNotFound"]);
      expect((await call("/api/jobs")).status).toBe(501);
      expect((await call("/api/repos/create", ana, { method: "POST", body: "{" })).status).toBe(400);
      expect((await create("bad name!", ana)).status).toBe(400);
    });

    it("moves, and the old name still leads there", async () => {
      await create("old", ana);
      const moved = await call("/api/repos/move", ana, {
        method: "POST",
        body: JSON.stringify({ fromRepo: "ana/old", toRepo: "ana/new", type: "model" }),
      });
      expect(moved.status).toBe(200);
      const info: { id: string } = await (await call("/api/models/ana/old")).json();
      expect(info.id).toBe("ana/new");
    });

    it("reads card, tensors and evaluations off a commit", async () => {
      await create("indexed", ana);
      const card =
        "---\nlicense: mit\npipeline_tag: text-classification\ntags: [tiny]\ndatasets: [ana/reviews]\n---\n# Zebra words\n";
      await commit("ana/indexed", ana, [file("README.md", card)]);
      const found: { id: string }[] = await (
        await call("/api/models?search=zebra&filter=tiny&pipeline_tag=text-classification")
      ).json();
      expect(found.map(({ id }) => id)).toEqual(["ana/indexed"]);
      const info: { tags: string[]; cardData: { license: string } } = await (
        await call("/api/models/ana/indexed")
      ).json();
      expect(info.cardData.license).toBe("mit");
      expect(info.tags).toEqual(expect.arrayContaining(["tiny", "license:mit", "dataset:ana/reviews"]));
      const ctx = { ...hub.deps, actor: undefined };
      const narrowed = await facets(ctx, { type: "model", filters: { search: ["zebra"] } });
      expect(narrowed).toEqual({
        tasks: [{ name: "text-classification", count: 1 }],
        libraries: [],
        licenses: [{ name: "mit", count: 1 }],
        datasets: [{ name: "ana/reviews", count: 1 }],
        sdks: [],
      });
    });

    it("keeps the evaluations of a training record as rows", async () => {
      await create("scored", ana);
      const evaluation = {
        dataset: { name: "SST-2", split: "validation" },
        metric: "accuracy",
        metricName: "Accuracy",
        value: 0.84,
        interval: [0.81, 0.87],
        count: 872,
      };
      const record = {
        version: 1,
        createdAt: "",
        abrazoVersion: "",
        task: "text-classification",
        seed: 0,
        device: "cpu",
        model: { modelType: "bert", parameters: 1 },
        datasets: [],
        hyperparameters: {},
        steps: 0,
        durationSeconds: 0,
        environment: {},
        history: [],
        evaluations: [evaluation],
      };
      const done = await commit("ana/scored", ana, [file("training-record.json", JSON.stringify(record))]);
      const { commitOid }: { commitOid: string } = await done.json();
      const ctx = { ...hub.deps, actor: undefined };
      const repo = await getRepo(ctx, { type: "model", namespace: "ana", name: "scored" });
      const rows = await listEvaluations(ctx, repo, commitOid);
      expect(rows).toMatchObject([
        {
          dataset: "SST-2",
          metric: "accuracy",
          metricName: "Accuracy",
          value: 0.84,
          low: 0.81,
          high: 0.87,
          count: 872,
        },
      ]);
    });

    it.each([
      ["a NUL and half a character", '---\nlicense: mit\ntags: ["a\\0b"]\npipeline_tag: "x\\uD800y"\n---\nA \0 body\n'],
      ["a value that holds itself", "---\nlicense: mit\ntags: &a [*a]\n---\n"],
      ["the deepest list", `---\nlicense: mit\ntags: ${"[".repeat(500)}${"]".repeat(500)}\n---\n`],
    ])("indexes a repository whose card holds %s", async (what, card) => {
      const name = `odd-${what.length}`;
      await create(name, ana);
      const config = '{"model_type": "bert\\u0000", "\\u0000": ["\\ud800"]}';
      const done = await commit(`ana/${name}`, ana, [file("README.md", card), file("config.json", config)]);
      const { commitOid }: { commitOid: string } = await done.json();
      const ctx = { ...hub.deps, actor: undefined };
      const repo = await getRepo(ctx, { type: "model", namespace: "ana", name });
      expect(repo).toMatchObject({ indexedCommit: commitOid, config: { model_type: "bert" } });
    });

    it("takes the evaluations that a card claims where there is no record, and leaves what is not well-formed", async () => {
      await create("claimed", ana);
      const card = `---
model-index:
- name: claimed
  results:
  - task: {type: text-classification}
    dataset: {type: glue, name: GLUE, config: sst2, split: validation, revision: abc}
    metrics:
    - {type: accuracy, value: 0.91, name: Top-1}
    - {type: f1, value: "high"}
  - dataset: {type: imdb, name: IMDB}
    metrics: [{type: loss, value: 0.4}]
  - metrics: nonsense
- nothing
---
`;
      const done = await commit("ana/claimed", ana, [file("README.md", card)]);
      const { commitOid }: { commitOid: string } = await done.json();
      const ctx = { ...hub.deps, actor: undefined };
      const repo = await getRepo(ctx, { type: "model", namespace: "ana", name: "claimed" });
      expect(await listEvaluations(ctx, repo, commitOid)).toMatchObject([
        { dataset: "GLUE", datasetRevision: "abc", split: "sst2, validation", metric: "accuracy", metricName: "Top-1" },
        { dataset: "IMDB", split: "", metric: "loss", metricName: null, value: 0.4, low: null, count: null },
      ]);
    });
  });
}
