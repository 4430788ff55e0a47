// The unmodified @huggingface/hub against a listening hub, on whichever database is given.
import { randomBytes } from "node:crypto";
import * as hf from "@huggingface/hub";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestHub } from "../support/hub.ts";

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const out: Item[] = [];
  for await (const item of items) out.push(item);
  return out;
}

export function officialClientSuite(name: string, start: () => Promise<TestHub>): void {
  describe(`@huggingface/hub on ${name}`, () => {
    let hub: TestHub;
    let client: { hubUrl: string; accessToken: string };
    const repo = { type: "model", name: "ana/first" } as const;

    beforeAll(async () => {
      hub = await start();
      client = { hubUrl: hub.url, accessToken: await hub.user("ana") };
    });
    afterAll(() => hub.stop());

    const large = randomBytes(11 * 1024 * 1024 + 7);

    it("says who the caller is", async () => {
      expect(await hf.whoAmI(client)).toMatchObject({ type: "user", name: "ana" });
    });

    it("creates a repository and refuses it twice", async () => {
      const { repoUrl } = await hf.createRepo({ ...client, repo });
      expect(repoUrl).toBe(`${hub.url}/ana/first`);
      await expect(hf.createRepo({ ...client, repo })).rejects.toMatchObject({ statusCode: 409 });
      expect(await hf.repoExists({ ...client, repo })).toBe(true);
    });

    it("uploads small and large files in one commit", async () => {
      const pushed = await hf.uploadFiles({
        ...client,
        repo,
        commitTitle: "Add files",
        files: [
          {
            path: "README.md",
            content: new Blob(["---\nlicense: apache-2.0\npipeline_tag: text-classification\n---\n# Hello\n"]),
          },
          { path: "sub/dir/x é.txt", content: new Blob(["text"]) },
          { path: "model.bin", content: new Blob([large]) },
        ],
      });
      expect(pushed?.commit.oid).toMatch(/^[0-9a-f]{40}$/);
    });

    it("lists files, folders included", async () => {
      const files = await collect(hf.listFiles({ ...client, repo, recursive: true }));
      const names = files.map(({ path }) => path);
      expect(names).toEqual([".gitattributes", "README.md", "model.bin", "sub", "sub/dir", "sub/dir/x é.txt"]);
      expect(files.find(({ path }) => path === "model.bin")).toMatchObject({
        size: large.length,
        lfs: { size: large.length },
      });
    });

    it("reads info", async () => {
      const info = await hf.modelInfo({ ...client, name: repo.name, additionalFields: ["sha", "tags"] });
      expect(info).toMatchObject({ name: "ana/first", private: false, task: "text-classification" });
      expect(info.tags).toContain("license:apache-2.0");
      expect(info.sha).toMatch(/^[0-9a-f]{40}$/);
      const listed = await collect(hf.listModels({ ...client, search: { owner: "ana" } }));
      expect(listed.map(({ name }) => name)).toEqual(["ana/first"]);
    });

    it("downloads what was uploaded, whole and in parts", async () => {
      const blob = await hf.downloadFile({ ...client, repo, path: "model.bin" });
      expect(Buffer.from((await blob?.arrayBuffer()) ?? new ArrayBuffer(0)).equals(large)).toBe(true);
      const part = await (await hf.downloadFile({ ...client, repo, path: "model.bin" }))?.slice(5, 10).arrayBuffer();
      expect(Buffer.from(part ?? new ArrayBuffer(0))).toEqual(large.subarray(5, 10));
      const text = await hf.downloadFile({ ...client, repo, path: "sub/dir/x é.txt" });
      expect(await text?.text()).toBe("text");
      expect(await hf.fileExists({ ...client, repo, path: "nothing.txt" })).toBe(false);
    });

    it("branches, and commits to the branch alone", async () => {
      await hf.createBranch({ ...client, repo, branch: "next" });
      await hf.uploadFile({ ...client, repo, branch: "next", file: { path: "new.txt", content: new Blob(["new"]) } });
      expect(await hf.fileExists({ ...client, repo, revision: "next", path: "new.txt" })).toBe(true);
      expect(await hf.fileExists({ ...client, repo, path: "new.txt" })).toBe(false);
      const commits = await collect(hf.listCommits({ ...client, repo, revision: "next" }));
      expect(commits.map(({ title }) => title)).toEqual(["Add new.txt", "Add files", "initial commit"]);
      expect(await hf.countCommits({ ...client, repo, revision: "main" })).toBe(2);
      await hf.deleteBranch({ ...client, repo, branch: "next" });
    });

    it("deletes files and the repository", async () => {
      await hf.deleteFiles({ ...client, repo, paths: ["model.bin"] });
      expect(await hf.fileExists({ ...client, repo, path: "model.bin" })).toBe(false);
      await hf.deleteRepo({ ...client, repo });
      expect(await hf.repoExists({ ...client, repo })).toBe(false);
    });
  });
}
