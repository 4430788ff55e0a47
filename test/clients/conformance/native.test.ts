// Clients that are not Python's or JavaScript's: llama.cpp, and Rust's hf-hub in both of its versions. hf-hub has no program of its
// own; a module for Node has 1.0 for models and 0.4 for tokenizers, and its whole work is done with what they fetch.
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import * as hf from "@huggingface/hub";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject } from "vitest";
import { parseRepoId, uploadFolder } from "../../../src/hub/index.ts";
import { packageFile } from "../../../src/package-root.ts";
import { tinyLlama } from "../../support/gguf.ts";
import { type TestHub, testHub } from "../../support/hub.ts";
import { type Recorder, recorder } from "../../support/recorder.ts";
import { ClientHome } from "../python.ts";
import { check, filesIn } from "./harness.ts";

const MOOD = packageFile("pipelines", "defaults", "text-classification");
const SMALL = ["config.json", "tokenizer_config.json", "tokenizer.json"];
const MODEL = "onnx/model.onnx";
const TEXT = "A wonderful film. ".repeat(20);

/** Cuts a text where a tokenizer says so, which hf-hub 0.4 fetches as tokenizer.json. */
const CHUNKS = `
  const { extractBytes } = require(process.env.HF_HUB_MODULE);
  const chunking = { maxChars: 16, maxOverlap: 0, sizingType: "tokenizer", sizingModel: process.argv[1] };
  extractBytes(Buffer.from(${JSON.stringify(TEXT)}), "text/plain", { useCache: false, chunking }).then(
    ({ chunks }) => console.log(JSON.stringify(chunks.map(({ content }) => content))),
    (error) => { console.error(error.message); process.exitCode = 1; },
  );`;
/** Runs the model with the tokenizer beside it, which hf-hub 1.0 fetches. */
const EMBED = `
  const { embed } = require(process.env.HF_HUB_MODULE);
  const model = { modelType: "custom", value: process.argv[1], dimensions: 2 };
  embed(["A wonderful film."], { model, normalize: false, cacheDir: process.env.HF_HUB_CACHE }).then(
    (found) => console.log(JSON.stringify(found)),
    (error) => { console.error(error.message); process.exitCode = 1; },
  );`;

const digest = (kind: string, bytes: Buffer) => createHash(kind).update(bytes).digest("hex");
const gitId = (bytes: Buffer) => digest("sha1", Buffer.concat([Buffer.from(`blob ${bytes.length}\0`), bytes]));

const native = inject("native");
const reason = "missing" in native ? ` (skipped: ${native.missing})` : "";

describe.skipIf(reason !== "")(`clients of other languages${reason}`, () => {
  let hub: TestHub;
  let proxy: Recorder;
  let token: string;
  let home: ClientHome;

  beforeAll(async () => {
    hub = await testHub();
    proxy = await recorder(() => hub.url);
    token = await hub.user("ana");
  });
  beforeEach(async () => {
    home = await ClientHome.make(proxy.url, undefined, "native");
    proxy.take();
  });
  afterEach(async () => {
    await home?.remove();
  });
  afterAll(async () => {
    await proxy?.stop();
    await hub?.stop();
  });

  const account = () => ({ hubUrl: hub.url, accessToken: token });
  const create = (name: string, isPrivate = false) =>
    hf.createRepo({ ...account(), repo: { type: "model", name }, private: isPrivate });

  /** Commits files, the large ones by LFS; gives the commit. */
  async function byLfs(name: string, files: { path: string; content: Blob | URL }[]): Promise<string> {
    const repo = { type: "model", name } as const;
    const made = await hf.uploadFiles({ ...account(), repo, files, useXet: false });
    return made?.commit.oid ?? "";
  }

  /** The same with the large ones by Xet. */
  async function byXet(name: string, files: { path: string; content: Buffer }[]): Promise<string> {
    const folder = join(home.folder, "source");
    for (const { path, content } of files) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content);
    }
    const access = { endpoint: hub.url, token };
    return (await uploadFolder(access, parseRepoId(name), folder, { message: "By Xet" })).commit;
  }

  const text = (path: string, content: string) => ({ path, content: new Blob([content]) });
  const small = (...names: string[]) => names.map((path) => ({ path, content: pathToFileURL(join(MOOD, path)) }));
  const network = () => readFile(join(MOOD, "onnx", "model_quantized.onnx"));
  /** Below the folder that a client keeps of a repository. */
  const kept = (name: string, ...path: string[]) =>
    join(home.folder, "hf", "hub", `models--${name.replace("/", "--")}`, ...path);
  const calls = () =>
    proxy.calls.map(({ method, url, status, answer }) => [method, url, status, answer["content-range"]]);
  const rust = (code: string, name: string) =>
    home.program("node-native", ["-e", code, name], { HF_HUB_CACHE: join(home.folder, "hf", "hub") });
  /** Has it write a few bytes; fails where it does. What it prints is not looked at: it may end before all is out. */
  const llama = (...args: string[]) =>
    home.program("llama-completion", [...args, ...["--no-conversation", "--prompt", "hello", "--n-predict", "4"]]);

  check(81, "hf-hub 0.4 get() of a small file: Content-Range of one byte, then the rest", async () => {
    await create("ana/words");
    const commit = await byLfs("ana/words", small(...SMALL));
    const { stdout } = await rust(CHUNKS, "ana/words");
    expect(JSON.parse(stdout).join(" ")).toBe(TEXT.trim());
    const bytes = await readFile(join(MOOD, "tokenizer.json"));
    const url = "/ana/words/resolve/main/tokenizer.json";
    expect(calls()).toEqual([
      ["GET", url, 206, `bytes 0-0/${bytes.length}`],
      ["GET", url, 206, `bytes 0-${bytes.length - 1}/${bytes.length}`],
    ]);
    expect(proxy.calls[0]?.headers["user-agent"]).toMatch(/hf-hub\/0\.4/);
    expect((await readFile(kept("ana/words", "blobs", gitId(bytes)))).equals(bytes)).toBe(true);
    expect((await readFile(kept("ana/words", "snapshots", commit, "tokenizer.json"))).equals(bytes)).toBe(true);
    expect(await readFile(kept("ana/words", "refs", "main"), "utf8")).toBe(commit);

    proxy.take();
    await rust(CHUNKS, "ana/words");
    expect(calls()).toEqual([]);
  });

  check(
    81,
    "hf-hub 0.4 get() of an LFS file of a private repository, with the token that hf auth login leaves",
    async () => {
      await create("ana/secret-words", true);
      await byLfs("ana/secret-words", [text(".gitattributes", "tokenizer.json filter=lfs diff=lfs merge=lfs -text\n")]);
      await byLfs("ana/secret-words", small("tokenizer.json"));
      // Without a token it gets nothing, and the module makes nothing of the text.
      expect(JSON.parse((await rust(CHUNKS, "ana/secret-words")).stdout)).toEqual([]);
      expect(new Set(proxy.calls.map(({ status }) => status))).toEqual(new Set([404]));

      await mkdir(join(home.folder, "hf"), { recursive: true });
      await writeFile(join(home.folder, "hf", "token"), token);
      proxy.take();
      const { stdout } = await rust(CHUNKS, "ana/secret-words");
      expect(JSON.parse(stdout).join(" ")).toBe(TEXT.trim());
      const bytes = await readFile(join(MOOD, "tokenizer.json"));
      const sha256 = digest("sha256", bytes);
      expect(proxy.calls[0]?.answer["x-linked-etag"]).toBe(`"${sha256}"`);
      expect(proxy.calls.at(-1)).toMatchObject({ status: 206, bytes: bytes.length });
      expect((await readFile(kept("ana/secret-words", "blobs", sha256))).equals(bytes)).toBe(true);
    },
  );

  check(81, "hf-hub 1.0 downloads small files and those of LFS, and remembers what is missing", async () => {
    await create("ana/mood");
    const content = new Blob([await network()]);
    const commit = await byLfs("ana/mood", [...small(...SMALL), { path: MODEL, content }]);
    const { stdout } = await rust(EMBED, "ana/mood");
    expect(JSON.parse(stdout)).toEqual([[expect.any(Number), expect.any(Number)]]);
    expect(proxy.calls[0]?.headers["user-agent"]).toMatch(/hf[-_]hub/);
    for (const path of SMALL)
      expect(
        (await readFile(kept("ana/mood", "snapshots", commit, path))).equals(await readFile(join(MOOD, path))),
      ).toBe(true);
    expect((await readFile(kept("ana/mood", "snapshots", commit, MODEL))).equals(await network())).toBe(true);
    expect(await filesIn(kept("ana/mood", ".no_exist", commit))).toEqual(["special_tokens_map.json"]);
  });

  check(81, "hf-hub 1.0 downloads what came by Xet, chunk by chunk", async () => {
    await create("ana/chunks");
    const tokenizer = await Promise.all(
      SMALL.map(async (path) => ({ path, content: await readFile(join(MOOD, path)) })),
    );
    const commit = await byXet("ana/chunks", [...tokenizer, { path: MODEL, content: await network() }]);
    await rust(EMBED, "ana/chunks");
    expect((await readFile(kept("ana/chunks", "snapshots", commit, MODEL))).equals(await network())).toBe(true);
    const urls = proxy.calls.map(({ url }) => url);
    expect(urls).toEqual(
      expect.arrayContaining([
        expect.stringContaining("/xet-read-token/"),
        expect.stringContaining("/reconstructions/"),
        expect.stringContaining("/cas/data/"),
      ]),
    );
    expect(calls()).not.toContainEqual(["GET", `/ana/chunks/resolve/main/${MODEL}`, 200, undefined]);
  });

  check(82, "llama.cpp's -hf: refs, a tree in one page, files at the commit; the model runs", async () => {
    const model = tinyLlama();
    await create("ana/tiny");
    const commit = await byLfs("ana/tiny", [
      text("README.md", "# Tiny\n"),
      { path: "tiny-F32.gguf", content: new Blob([Uint8Array.from(model)]) },
      text("tiny-Q8_0.gguf", "not to be fetched"),
    ]);
    await llama("--hf-repo", "ana/tiny:F32");
    const file = `/ana/tiny/resolve/${commit}/tiny-F32.gguf`;
    expect(calls()).toEqual([
      ["GET", "/api/models/ana/tiny/refs", 200, undefined],
      ["GET", `/api/models/ana/tiny/tree/${commit}?recursive=true`, 200, undefined],
      ["HEAD", file, 200, undefined],
      ["GET", file, 200, undefined],
    ]);
    expect(proxy.calls[0]?.headers["user-agent"]).toMatch(/^llama-cpp\//);
    expect((await readFile(kept("ana/tiny", "blobs", digest("sha256", model)))).equals(model)).toBe(true);
    expect(await readFile(kept("ana/tiny", "refs", "main"), "utf8")).toBe(commit);

    // Again: the file is there already. And without a network there is all it needs.
    proxy.take();
    await llama("--hf-repo", "ana/tiny:F32");
    expect(proxy.take()).toEqual(["GET /api/models/ana/tiny/refs", `GET /api/models/ana/tiny/tree/${commit}`]);
    await llama("--hf-repo", "ana/tiny:F32", "--offline");
    expect(proxy.take()).toEqual([]);
  });

  check(82, "llama.cpp's -hf of a private repository: a model that came by Xet, among a thousand files", async () => {
    const model = tinyLlama();
    const rest = Array.from({ length: 990 }, (_, index) => ({
      path: `part-${index}.txt`,
      content: Buffer.from(`${index}`),
    }));
    await create("ana/many", true);
    await byXet("ana/many", [...rest, { path: "tiny-F32.gguf", content: model }]);
    await expect(llama("--hf-repo", "ana/many:F32")).rejects.toMatchObject({ code: 1 });
    await expect(llama("--hf-repo", "ana/many:F32", "--hf-token", "hf_wrong")).rejects.toMatchObject({ code: 1 });
    proxy.take();
    await llama("--hf-repo", "ana/many:F32", "--hf-token", token);
    const [tree, ...more] = proxy.calls.filter(({ url }) => url.includes("/tree/"));
    expect([tree?.answer.link, more]).toEqual([undefined, []]);
    expect((await readFile(kept("ana/many", "blobs", digest("sha256", model)))).equals(model)).toBe(true);
  });
});
