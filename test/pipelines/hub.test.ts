// Pipelines through a listening hub: unmodified transformers.js on our export, and ours with revision, token, cache and no network.
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import * as hf from "@huggingface/hub";
import * as transformers from "@huggingface/transformers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exportModel, pipeline } from "../../pipelines/index.ts";
import { setLogListener } from "../../src/log.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { tinyClassifier, tinyLanguageModel } from "../support/tiny-models.ts";

let hub: TestHub;
let root: string;
let token: string;
let cacheDir: string;
let firstCommit: string;
const TEXTS = ["i love this book", "the film was bad and very dull", "not good"];

async function push(name: string, folder: string, options: { private?: boolean } = {}): Promise<string> {
  const client = { hubUrl: hub.url, accessToken: token, repo: { type: "model", name } as const };
  await hf.createRepo({ ...client, private: options.private ?? false }).catch(() => {});
  const paths = await readdir(folder, { recursive: true });
  const files = paths
    .filter((path) => /\.[a-z]+$/.test(path))
    .map((path) => ({ path, content: pathToFileURL(join(folder, path)) }));
  const uploaded = await hf.uploadFiles({ ...client, files, commitTitle: "Add model", useXet: false });
  return uploaded?.commit.oid ?? "";
}

/** Runs and gives what was logged meanwhile. */
async function logged<Result>(run: () => Promise<Result>): Promise<{ result: Result; messages: string[] }> {
  const messages: string[] = [];
  const restore = setLogListener(({ message }) => messages.push(message));
  try {
    return { result: await run(), messages };
  } finally {
    restore();
  }
}

beforeAll(async () => {
  hub = await testHub();
  token = await hub.user("ana");
  root = await mkdtemp(join(tmpdir(), "abrazo-pipelines-"));
  cacheDir = join(root, "cache");
  const folder = await tinyClassifier(join(root, "classifier"), { initializer_range: 0.15 });
  await exportModel(folder);
  await exportModel(folder, { dtype: "q8" });
  firstCommit = await push("ana/tiny", folder);
});
afterAll(async () => {
  await hub.stop();
  await rm(root, { recursive: true });
});

describe("unmodified transformers.js with env.remoteHost at the hub", () => {
  beforeAll(() => {
    transformers.env.remoteHost = `${hub.url}/`;
    transformers.env.allowLocalModels = false;
    transformers.env.cacheDir = join(root, "their-cache");
  });

  it.each(["fp32", "q8"] as const)("classifies with our export in %s", async (dtype) => {
    const theirs = await transformers.pipeline("text-classification", "ana/tiny", { dtype });
    const ours = await pipeline("text-classification", join(root, "classifier"));
    const [found, expected] = [await theirs(TEXTS), await ours(TEXTS)];
    for (const [at, { label, score }] of expected.entries()) {
      // safe because an array of texts with top_k 1 gives one result each
      const result = found[at] as { label: string; score: number };
      expect(result.label).toBe(label);
      expect(Math.abs(result.score - score)).toBeLessThan(dtype === "fp32" ? 1e-5 : 0.05);
    }
    await Promise.all([theirs.dispose(), ours.dispose()]);
  });

  it("generates with our export", async () => {
    const folder = await tinyLanguageModel(join(root, "lm"));
    await exportModel(folder);
    await push("ana/tiny-lm", folder);
    const theirs = await transformers.pipeline("text-generation", "ana/tiny-lm", { dtype: "fp32" });
    const ours = await pipeline("text-generation", "ana/tiny-lm", { endpoint: hub.url, cacheDir });
    const found = await theirs("this film was", { max_new_tokens: 8, do_sample: false });
    const [expected] = await ours("this film was", { maxNewTokens: 8, doSample: false });
    expect(found).toEqual([{ generated_text: expected?.generatedText }]);
    await Promise.all([theirs.dispose(), ours.dispose()]);
  });
});

describe("our pipelines", () => {
  const options = () => ({ endpoint: hub.url, cacheDir });

  it("take the file of a type where a repository has one, and make it of safetensors where it has none", async () => {
    const elsewhere = { endpoint: hub.url, cacheDir: join(root, "types") };
    const file = await pipeline("sentiment-analysis", "ana/tiny", { ...elsewhere, dtype: "q8" });
    const made = await pipeline("sentiment-analysis", "ana/tiny", { ...elsewhere, dtype: "q4" });
    expect([file.runtime, made.runtime]).toEqual(["transformers.js", "native"]);
    const [first, second] = [await file(TEXTS), await made(TEXTS)];
    expect(second.map(({ label }) => label)).toEqual(first.map(({ label }) => label));
    await Promise.all([file.dispose(), made.dispose()]);
  });

  it("run a repository from its safetensors, and download nothing else", async () => {
    const classify = await pipeline("sentiment-analysis", "ana/tiny", options());
    expect([classify.model, classify.revision, classify.runtime]).toEqual(["ana/tiny", firstCommit, "native"]);
    expect(await classify(TEXTS)).toHaveLength(3);
    await classify.dispose();
    const snapshot = join(cacheDir, "models--ana--tiny", "snapshots", firstCommit);
    const files = (await readdir(snapshot)).sort();
    expect(files).toEqual(["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]);
  });

  it("follow a branch, and stay at a commit that was asked for", async () => {
    const other = await tinyClassifier(join(root, "second"), { seed: 2, initializer_range: 0.15 });
    const second = await push("ana/tiny", other);
    const newest = await pipeline("sentiment-analysis", "ana/tiny", options());
    const pinned = await pipeline("sentiment-analysis", "ana/tiny", { ...options(), revision: firstCommit });
    expect([newest.revision, pinned.revision]).toEqual([second, firstCommit]);
    expect(await newest(TEXTS)).not.toEqual(await pinned(TEXTS));
    await Promise.all([newest.dispose(), pinned.dispose()]);
  });

  it("need a token for a private repository, and say so without one", async () => {
    await push("ana/secret", join(root, "classifier"), { private: true });
    await expect(pipeline("sentiment-analysis", "ana/secret", options())).rejects.toMatchObject({
      data: { status: 404 },
      hint: expect.stringContaining("abrazo login"),
    });
    const stranger = await hub.user("bob");
    await expect(pipeline("sentiment-analysis", "ana/secret", { ...options(), token: stranger })).rejects.toMatchObject(
      { data: { status: 404 } },
    );
    const wrong = { ...options(), token: `hf_${"x".repeat(34)}` };
    await expect(pipeline("sentiment-analysis", "ana/secret", wrong)).rejects.toMatchObject({ data: { status: 401 } });
    const classify = await pipeline("sentiment-analysis", "ana/secret", { ...options(), token });
    expect(await classify(TEXTS)).toHaveLength(3);
    await classify.dispose();
  });

  it("name the nearest repository for one that is not there", async () => {
    await expect(pipeline("sentiment-analysis", "ana/tinny", options())).rejects.toMatchObject({
      data: { status: 404 },
      hint: expect.stringContaining('Did you mean "ana/tiny"?'),
    });
    await expect(
      pipeline("sentiment-analysis", "ana/tiny", { ...options(), revision: "no-such" }),
    ).rejects.toMatchObject({ data: { status: 404 } });
  });

  it("run a repository that has ONNX files alone", async () => {
    const folder = join(root, "onnx-alone");
    await exportModel(join(root, "classifier"), { out: folder });
    await push("ana/onnx", folder);
    const classify = await pipeline("sentiment-analysis", "ana/onnx", options());
    expect(classify.runtime).toBe("transformers.js");
    expect(await classify(TEXTS)).toHaveLength(3);
    await classify.dispose();
  });

  it("refuse a repository whose weights are damaged", async () => {
    const folder = await tinyClassifier(join(root, "damaged"));
    const weights = await readFile(join(folder, "model.safetensors"));
    await writeFile(join(folder, "model.safetensors"), weights.subarray(0, 5000));
    await push("ana/damaged", folder);
    await expect(pipeline("sentiment-analysis", "ana/damaged", options())).rejects.toMatchObject({
      code: "INVALID_SAFETENSORS",
    });
  });

  it("use the cache with localFilesOnly, and with a warning when the hub is gone", async () => {
    const before = await pipeline("sentiment-analysis", "ana/tiny", options());
    const expected = await before(TEXTS);
    await before.dispose();
    await hub.close();
    const silent = await logged(() =>
      pipeline("sentiment-analysis", "ana/tiny", { ...options(), localFilesOnly: true }),
    );
    expect(silent.messages).toEqual([]);
    expect(await silent.result(TEXTS)).toEqual(expected);
    const warned = await logged(() => pipeline("sentiment-analysis", "ana/tiny", options()));
    expect(warned.messages).toEqual([expect.stringMatching(/does not answer; using ana\/tiny .* from the cache/)]);
    expect(await warned.result(TEXTS)).toEqual(expected);
    await expect(pipeline("sentiment-analysis", "ana/never", options())).rejects.toMatchObject({
      code: "HUB_UNREACHABLE",
    });
    await expect(
      pipeline("sentiment-analysis", "ana/never", { ...options(), localFilesOnly: true }),
    ).rejects.toMatchObject({ code: "NOT_CACHED" });
    await Promise.all([silent.result.dispose(), warned.result.dispose()]);
  });
});
