// How requests for one model go beside each other: batches, limits, callers who leave or may not call, the end of a server.
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type ModelServer, modelServer } from "../../pipelines/index.ts";
import { eventsOf, LONG, Serving } from "../support/served.ts";

const served = new Serving();
let server: ModelServer;

beforeAll(async () => {
  await served.writeModels();
  const mood = { model: served.folder("mood"), id: "ana/mood" };
  const names = ["fill-mask", "feature-extraction", "stories", "t5"];
  server = await served.start({ models: [mood, ...names.map((name) => served.folder(name))] });
});

describe("requests together", () => {
  it("those that come together are one run, and each gets its own answer", async () => {
    const texts = ["i love this book", "bad", "a very dull film", "great story", "the film was not good"];
    const apart = [];
    for (const text of texts) apart.push(await served.result("/models/ana/mood", { inputs: text }));
    const before = server.models[0];
    // So many that some come while others wait, however slowly they come.
    const many = Array.from({ length: 40 }, (_, at) => at % texts.length);
    const together = await Promise.all(many.map((at) => served.result("/models/ana/mood", { inputs: texts[at] })));
    const after = server.models[0];
    expect((after?.requests ?? 0) - (before?.requests ?? 0)).toBe(40);
    expect((after?.runs ?? 0) - (before?.runs ?? 0)).toBeLessThan(32);
    for (const [index, [labels]] of together.entries()) {
      const [alone] = apart[many[index] ?? 0];
      expect(labels.map(({ label }: { label: string }) => label)).toEqual(
        alone.map(({ label }: { label: string }) => label),
      );
      expect(labels[0].score).toBeCloseTo(alone[0].score, 5);
    }
  });

  it("inside one process they are one run exactly, as many as a batch holds", async () => {
    const own = await served.make({ models: [served.folder("mood")], batchSize: 4 });
    const body = (inputs: unknown) => JSON.stringify({ inputs });
    const request = (inputs: unknown) =>
      own.app.request("/models/mood", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: body(inputs),
      });
    await Promise.all(["bad", "great", "dull", "good"].map(request));
    expect(own.models).toEqual([{ id: "mood", task: "text-classification", adapters: [], requests: 4, runs: 1 }]);
    await request(Array.from({ length: 10 }, () => "bad"));
    expect(own.models[0]?.runs).toBe(4);
  });

  it("a bad input fails alone", async () => {
    const texts = ["ana [MASK] the book", "no mask", "the [MASK] is old"];
    const answers = await Promise.all(texts.map((inputs) => served.post("/models/fill-mask", { inputs })));
    expect(answers.map(({ status }) => status)).toEqual([200, 422, 200]);
    expect(answers[2]?.body[0].sequence).toContain("is old");
  });
});

describe("limits", () => {
  it("of bodies, inputs, texts and queues", async () => {
    const small = await served.make({
      models: [served.folder("mood"), served.folder("talker")],
      maxBodyBytes: 500,
      maxInputs: 2,
      maxTextLength: 40,
    });
    const { url: at } = await small.listen();
    const status = async (body: unknown) => (await served.post("/models/mood", body, { at })).status;
    expect(await status({ inputs: "x".repeat(600) })).toBe(413);
    expect(await status({ inputs: "x".repeat(60) })).toBe(413);
    expect(await status({ inputs: ["a", "b", "c"] })).toBe(413);
    expect(await status({ inputs: ["a", "b"] })).toBe(200);
    const chunked = await fetch(`${at}/models/mood`, {
      ...{ method: "POST", headers: { "Content-Type": "application/json" }, duplex: "half" },
      body: new Blob(["x".repeat(2000)]).stream(),
    } as RequestInit); // safe because fetch wants to be told that a stream is a body
    expect(chunked.status).toBe(413);
    const openAi = await served.post("/v1/embeddings", { model: "mood", input: "x".repeat(600) }, { at });
    expect(openAi).toMatchObject({
      status: 413,
      body: { error: { code: "too_large", type: "invalid_request_error" } },
    });
  });

  it("a full queue answers 503 with Retry-After, a request that takes too long as well", async () => {
    const busy = await served.make({ models: [served.folder("talker")], maxQueue: 1, timeout: 0.3 });
    const { url: at } = await busy.listen();
    const long = served.post("/v1/completions", LONG, { at });
    await expect.poll(() => busy.models[0]?.requests).toBe(1);
    const full = await served.post("/models/talker", { inputs: "great" }, { at });
    expect(full).toMatchObject({ status: 503, body: { error: expect.stringContaining("wait already") } });
    expect(full.headers.get("retry-after")).toBe("1");
    expect(await long).toMatchObject({ status: 503, body: { error: { type: "server_error", code: "timeout" } } });
    expect(
      (await served.post("/models/talker", { inputs: "great", parameters: { max_new_tokens: 1 } }, { at })).status,
    ).toBe(200);
  });

  it("a stream that nobody reads ends as well, and gives the model to others", async () => {
    const own = await served.make({ models: [served.folder("talker")], timeout: 0.4 });
    const ask = (body: object) =>
      own.app.request("/v1/completions", {
        ...{ method: "POST", headers: { "Content-Type": "application/json" } },
        body: JSON.stringify(body),
      });
    const unread = await ask({ ...LONG, stream: true });
    const waiting = await ask({ ...LONG, n: 1, max_tokens: 1 });
    const answer = await (waiting.status === 200 ? waiting : await ask({ ...LONG, n: 1, max_tokens: 1 })).json();
    expect(answer.choices).toHaveLength(1);
    const { values } = await eventsOf(unread);
    expect(JSON.parse(values.at(-1) ?? "")).toMatchObject({ error: { code: "timeout" } });
  });

  it("of generation", async () => {
    const asked = { inputs: "great", parameters: { max_new_tokens: 4000 } };
    expect((await served.post("/models/stories", asked)).body.error).toBe(
      "max_new_tokens is 4000; this server allows 2048.",
    );
    expect(await served.post("/models/t5", { ...asked, parameters: { num_beams: 20 } })).toMatchObject({ status: 400 });
    const short = await served.make({ models: [served.folder("stories"), served.folder("t5")], maxNewTokens: 3 });
    const app = async (path: string, body: object) => {
      const headers = { "Content-Type": "application/json" };
      return (await short.app.request(path, { method: "POST", headers, body: JSON.stringify(body) })).json();
    };
    const parameters = { do_sample: false, return_full_text: false };
    const [{ generated_text }] = await app("/models/stories", { inputs: "this film", parameters });
    expect(generated_text.trim().split(" ").length).toBeLessThanOrEqual(3);
    expect(await app("/models/t5", { inputs: "a day", parameters: {} })).toEqual(
      await app("/models/t5", { inputs: "a day", parameters: { max_new_tokens: 3 } }),
    );
  });
});

describe("callers", () => {
  it("who goes away ends the text", async () => {
    const own = await served.make({ models: [served.folder("talker")] });
    const { url: at } = await own.listen();
    for (const stream of [true, false]) {
      const leaving = new AbortController();
      const sent = served.send("/v1/completions", { ...LONG, stream }, { at, signal: leaving.signal });
      const before = own.models[0]?.requests ?? 0;
      if (stream) {
        const reader = (await sent).body?.getReader();
        await reader?.read();
        leaving.abort();
      } else {
        await expect.poll(() => own.models[0]?.requests).toBe(before + 1);
        leaving.abort();
        await expect(sent).rejects.toThrow();
      }
      const started = performance.now();
      await served.post("/v1/completions", { ...LONG, n: 1, max_tokens: 1 }, { at });
      expect(performance.now() - started).toBeLessThan(1000);
    }
  });

  it("need the key where there is one", async () => {
    const own = await served.make({ models: [served.folder("mood")], apiKey: "secret" });
    const { url: at } = await own.listen();
    const body = { inputs: "bad" };
    for (const headers of [{}, { Authorization: "Bearer wrong" }, { Authorization: "secret" }]) {
      expect(await served.post("/models/mood", body, { at, headers })).toMatchObject({
        status: 401,
        body: { error: expect.any(String) },
      });
    }
    const openAi = await served.post("/v1/completions", {}, { at });
    expect(openAi).toMatchObject({ status: 401, body: { error: { type: "authentication_error" } } });
    expect((await served.post("/models/mood", body, { at, headers: { Authorization: "Bearer secret" } })).status).toBe(
      200,
    );
    expect(await (await fetch(`${at}/health`)).json()).toEqual({ status: "ok", models: 1 });
  });

  it("in pages of other origins are let in where they are named", async () => {
    const origin = { headers: { Origin: "http://page.test" } };
    expect((await fetch(`${served.url}/health`, origin)).headers.get("access-control-allow-origin")).toBeNull();
    const own = await served.make({ models: [served.folder("mood")], cors: "http://page.test", apiKey: "secret" });
    const asked = await own.app.request("/models/mood", {
      method: "OPTIONS",
      headers: { ...origin.headers, "Access-Control-Request-Method": "POST" },
    });
    expect([asked.status, asked.headers.get("access-control-allow-origin")]).toEqual([204, "http://page.test"]);
  });

  it("are told nothing of files when something breaks", async () => {
    await mkdir(join(served.folder("feature-extraction"), "1_Pooling"));
    await writeFile(join(served.folder("feature-extraction"), "1_Pooling", "config.json"), "{");
    const { status, body } = await served.post("/v1/embeddings", { model: "feature-extraction", input: "a day" });
    await rm(join(served.folder("feature-extraction"), "1_Pooling"), { recursive: true });
    expect([status, body.error.type]).toEqual([500, "server_error"]);
    expect(JSON.stringify(body)).not.toContain(served.root);
    expect(served.logged.pop()).toContain(served.root);
  });
});

describe("the end", () => {
  it("waits for what runs, and takes nothing new", async () => {
    const own = await modelServer({ models: [served.folder("talker")] });
    const { url: at } = await own.listen();
    const running = served.post("/v1/completions", { ...LONG, n: 1, max_tokens: 300 }, { at });
    await expect.poll(() => own.models[0]?.requests).toBe(1);
    const closed = own.close();
    expect(await served.post("/models/talker", { inputs: "great" }, { at })).toMatchObject({ status: 503 });
    expect((await fetch(`${at}/health`)).status).toBe(503);
    expect(await running).toMatchObject({ status: 200 });
    await closed;
    await own.close();
    await expect(fetch(`${at}/health`)).rejects.toThrow();
    await expect(own.listen()).rejects.toMatchObject({ code: "SERVER_CLOSED" });
  });

  it("ends what runs too long", async () => {
    const own = await modelServer({ models: [served.folder("talker")] });
    const { url: at } = await own.listen();
    const running = served.post("/v1/completions", LONG, { at });
    await expect.poll(() => own.models[0]?.requests).toBe(1);
    await own.close({ grace: 50 });
    expect(await running.catch(() => ({ status: 503 }))).toMatchObject({ status: 503 });
  });
});

it("nothing went wrong that nobody expected", () => expect(served.logged).toEqual([]));
