// A server whose models compute in threads of their own: it answers meanwhile, texts grow together there too, callers may go, and a
// thread that dies is an error of what it did alone.
import { beforeAll, describe, expect, it } from "vitest";
import type { ModelServer } from "../../pipelines/index.ts";
import { startModelServer } from "../../pipelines/serve/index.ts";
import type { OpenPipeline } from "../../pipelines/serve/models.ts";
import { PipelinePool } from "../../pipelines/worker/pool.ts";
import { pooled } from "../../pipelines/worker/start.ts";
import { writeVision } from "../support/pipeline-goldens.ts";
import { eventsOf, LONG, Serving } from "../support/served.ts";
import { tinyClassifier } from "../support/tiny-models.ts";

const served = new Serving();
/** The same models in this thread. */
let here: string;
let server: ModelServer;
const NAMES = ["mood", "talker", "t5", "feature-extraction", "image-classification"];

beforeAll(async () => {
  await served.writeModels();
  await writeVision(served.root);
  await tinyClassifier(served.folder("slow"), { dim: 384, n_layers: 4, n_heads: 6, hidden_dim: 1536 });
  const models = NAMES.map((name) => served.folder(name));
  ({ url: here } = await (await served.make({ models })).listen());
  server = await served.start({ models: [...models, served.folder("slow")], worker: true });
});

const PICTURE = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR4nGP8z8DAwMDAxMDAwMDAAAANHQEDasKb6QAAAABJRU5ErkJggg==",
  "base64",
);

const REQUESTS: readonly [path: string, body: object][] = [
  ["/models/mood", { inputs: ["i love this book", "bad"] }],
  ["/models/feature-extraction", { inputs: "a day" }],
  ["/v1/embeddings", { model: "feature-extraction", input: ["a day", "rome"] }],
  ["/models/t5", { inputs: ["a day", "the old city"], parameters: { max_new_tokens: 4 } }],
  ["/models/image-classification", { inputs: PICTURE.toString("base64") }],
  ["/models/talker", { inputs: ["great", "a film"], parameters: { max_new_tokens: 20, seed: 3, details: true } }],
  ["/models/talker", { inputs: "this", parameters: { max_new_tokens: 8, num_beams: 2, do_sample: false } }],
  ["/v1/completions", { ...LONG, n: 3, max_tokens: 30 }],
];

const rounded = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (_, each) => (typeof each === "number" ? Number(each.toFixed(4)) : each));

describe("models in threads", () => {
  it("answer as they do in this one, one after the other and all at once", async () => {
    const wanted: unknown[] = [];
    const plain = ({ id: _, created: __, ...body }: { id?: string; created?: number }) => body;
    const ask = async (path: string, body: object, at: string) => {
      const found = await served.result(path, body, { at });
      // What shares a run may change the last digits.
      return rounded(Array.isArray(found) ? found : plain(found));
    };
    for (const [path, body] of REQUESTS) wanted.push(await ask(path, body, here));
    for (const [at, [path, body]] of REQUESTS.entries()) expect(await ask(path, body, served.url)).toEqual(wanted[at]);
    const all = await Promise.all(REQUESTS.map(([path, body]) => ask(path, body, served.url)));
    expect(all).toEqual(wanted);
  });

  it("refuse what they refuse in this one", async () => {
    const bad: [string, object][] = [
      ["/models/mood", { inputs: "bad", parameters: { function_to_apply: "relu" } }],
      ["/models/talker", { inputs: "this ".repeat(600) }],
      ["/models/talker", { inputs: "this ".repeat(600), stream: true }],
      ["/models/image-classification", { inputs: Buffer.from("no picture").toString("base64") }],
    ];
    for (const [path, body] of bad) {
      const [there, same] = [await served.post(path, body), await served.post(path, body, { at: here })];
      expect([there.status, there.body]).toEqual([same.status, same.body]);
      expect(there.status).toBeLessThan(500);
    }
  });

  it("leave the server free: it answers while they compute", async () => {
    const busy = served.post("/models/slow", {
      inputs: Array.from({ length: 250 }, () => "i love this film ".repeat(5)),
    });
    const state = { isOver: false };
    void busy.then(() => {
      state.isOver = true;
    });
    await expect.poll(() => server.models.find(({ id }) => id === "slow")?.runs).toBeGreaterThan(0);
    let longest = 0;
    let answers = 0;
    while (!state.isOver && answers < 20) {
      const start = performance.now();
      expect((await fetch(`${served.url}/health`)).status).toBe(200);
      await served.result("/models/mood", { inputs: "bad" });
      longest = Math.max(longest, performance.now() - start);
      answers++;
    }
    expect(answers).toBeGreaterThan(1);
    expect((await busy).status).toBe(200);
    expect(longest).toBeLessThan(2000);
  });

  it("stream token by token, and stop for a caller who leaves", async () => {
    const streamed = await served.send("/v1/completions", { ...LONG, n: 1, max_tokens: 200, stream: true });
    const { values } = await eventsOf(streamed);
    const whole = await served.result("/v1/completions", { ...LONG, n: 1, max_tokens: 200 });
    const text = values.slice(0, -1).map((value) => JSON.parse(value).choices[0].text);
    expect([text.join(""), text.length > 50]).toEqual([whole.choices[0].text, true]);
    const leaving = new AbortController();
    const left = await served.send("/v1/completions", { ...LONG, stream: true }, { signal: leaving.signal });
    await left.body?.getReader().read();
    leaving.abort();
    const start = performance.now();
    await served.result("/v1/completions", { ...LONG, n: 1, max_tokens: 1 });
    expect(performance.now() - start).toBeLessThan(1000);
  });

  it("finish what runs when the server closes", async () => {
    const own = await served.make({ models: [served.folder("talker")], worker: { count: 2 } });
    const { url: at } = await own.listen();
    const running = [
      served.post("/v1/completions", { ...LONG, n: 2, max_tokens: 200 }, { at }),
      served.send("/v1/completions", { ...LONG, n: 1, max_tokens: 200, stream: true }, { at }).then(eventsOf),
    ] as const;
    await expect.poll(() => own.models[0]?.requests).toBe(2);
    await own.close();
    expect((await running[0]).status).toBe(200);
    expect((await running[1]).values.at(-1)).toBe("[DONE]");
  });
});

/** pipeline() in a thread that dies when an input asks for it. */
const mortal: OpenPipeline = async (task, folder) => {
  const body = new URL("./worker-bodies.ts", import.meta.url);
  const pool = new PipelinePool({ task, folder, count: 1, options: {}, body });
  const { call, dispose } = pooled(pool, await pool.start());
  return Object.assign(call, { dispose });
};

describe("a thread that dies", () => {
  it("is a 503 for the requests in it; the next starts another", async () => {
    const models = [served.folder("talker"), served.folder("mood")];
    const own = await startModelServer(mortal, { models });
    const { url: at } = await own.listen();
    const text = served.post("/v1/completions", { ...LONG, n: 2 }, { at });
    const stream = await served.send(
      "/models/talker",
      { inputs: "great", stream: true, parameters: { max_new_tokens: 400 } },
      { at },
    );
    const killer = await served.post("/models/talker", { inputs: "exit" }, { at });
    expect(killer).toMatchObject({ status: 503, body: { error: expect.stringContaining("ended unexpectedly") } });
    expect(killer.headers.get("retry-after")).toBe("1");
    expect(await text).toMatchObject({ status: 503, body: { error: { code: "worker_died", type: "server_error" } } });
    const { values } = await eventsOf(stream);
    expect(JSON.parse(values.at(-1) ?? "")).toMatchObject({ error_type: "overloaded" });
    expect(await served.post("/models/talker", { inputs: "great" }, { at })).toMatchObject({ status: 200 });
    const together = await Promise.all(
      ["exit", "bad"].map((inputs) => served.post("/models/mood", { inputs }, { at })),
    );
    expect(together.map(({ status }) => status)).toEqual([503, 503]);
    expect(await served.post("/models/mood", { inputs: "bad" }, { at })).toMatchObject({ status: 200 });
    await own.close();
    expect(served.logged.splice(0).every((said) => said.includes("ended unexpectedly"))).toBe(true);
  });
});

it("nothing went wrong that nobody expected", () => expect(served.logged).toEqual([]));
