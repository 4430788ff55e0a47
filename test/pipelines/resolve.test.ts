// Where a pipeline's model comes from, and whom is asked for it: a server that counts, and has nothing.
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { pipeline } from "../../pipelines/index.ts";
import { setLogListener } from "../../src/log.ts";
import { tinyClassifier } from "../support/tiny-models.ts";

let root: string;
let server: Server;
let endpoint: string;
let asked: string[];
let messages: string[];
let restore: () => void;
let status: number;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "abrazo-resolve-"));
  await tinyClassifier(join(root, "tiny"));
  server = createServer(({ url = "" }, response) => {
    asked.push(url);
    response.statusCode = status;
    response.end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  endpoint = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
});
beforeEach(() => {
  [asked, messages, status] = [[], [], 404];
  restore = setLogListener(({ message }) => messages.push(message));
});
afterEach(() => {
  restore();
  vi.unstubAllEnvs();
});
afterAll(async () => {
  server.close();
  await rm(root, { recursive: true });
});

const options = () => ({ endpoint, cacheDir: join(root, "cache") });

it("a default model is the shipped one: nobody is asked, one warning names it and its revision", async () => {
  vi.stubEnv("ABRAZO_ENDPOINT", endpoint);
  const classify = await pipeline("sentiment-analysis");
  expect(classify.model).toBe("abrazo/sentiment");
  expect(messages).toHaveLength(1);
  expect(messages[0]).toContain(`abrazo/sentiment and revision ${classify.revision}`);
  expect(asked).toEqual([]);
  await classify.dispose();
});

it("a revision without a model is one of the default model's repository, and has no stand-in", async () => {
  const wanted = pipeline("sentiment-analysis", undefined, { ...options(), revision: "v9" });
  await expect(wanted).rejects.toMatchObject({ data: { status: 404 } });
  expect(asked[0]).toBe("/api/models/abrazo/sentiment/revision/v9");
});

it("the default model's repository by name is the shipped copy where the hub is away, with a warning", async () => {
  status = 503;
  const classify = await pipeline("sentiment-analysis", "abrazo/sentiment", options());
  expect(messages).toEqual([
    expect.stringContaining("from the hub (HUB_503); using the copy shipped with the package"),
  ]);
  expect(asked[0]).toBe("/api/models/abrazo/sentiment/revision/main");
  await classify.dispose();
});

it("an explicit folder goes before a repository of that name", async () => {
  const folder = join(root, "work", "ana", "mood");
  await mkdir(dirname(folder), { recursive: true });
  await cp(join(root, "tiny"), folder, { recursive: true });
  vi.stubEnv("ABRAZO_ENDPOINT", endpoint);
  const before = process.cwd();
  process.chdir(join(root, "work"));
  try {
    const classify = await pipeline("sentiment-analysis", "ana/mood");
    expect([classify.model, classify.revision]).toEqual(["ana/mood", undefined]);
    await classify.dispose();
  } finally {
    process.chdir(before);
  }
  expect([asked, messages]).toEqual([[], []]);
});

it("with localFilesOnly or offline nobody is asked, not even for a name that is near", async () => {
  await expect(
    pipeline("sentiment-analysis", "ana/nothing", { ...options(), localFilesOnly: true }),
  ).rejects.toMatchObject({ code: "NOT_CACHED" });
  vi.stubEnv("HF_HUB_OFFLINE", "1");
  await expect(pipeline("sentiment-analysis", "ana/nothing", options())).rejects.toMatchObject({ code: "NOT_CACHED" });
  await expect(pipeline("sentiment-analysis", "abrazo/sentimnt", options())).rejects.toMatchObject({
    hint: expect.stringContaining('Did you mean "abrazo/sentiment"?'),
  });
  expect(asked).toEqual([]);
});
