// Texts of many requests: they grow together, each as it does alone; token by token as text-generation-inference sends them; and texts
// that are made from others, together where their options are the same.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type ModelServer, pipeline, type StreamedToken } from "../../pipelines/index.ts";
import { eventsOf, LONG, Serving } from "../support/served.ts";

const served = new Serving();
let server: ModelServer;

beforeAll(async () => {
  await served.writeModels();
  const names = ["stories", "talker", "t5"];
  server = await served.start({ models: names.map((name) => served.folder(name)) });
});

/** Requests of every kind for one model, with the texts of their answers. */
const REQUESTS: readonly (() => Promise<unknown>)[] = [
  async () => (await served.result("/v1/completions", { ...LONG, n: 3, max_tokens: 40 })).choices,
  async () => (await served.result("/v1/completions", { ...LONG, n: 1, max_tokens: 90, seed: 4 })).choices,
  async () =>
    (await served.result("/v1/completions", { ...LONG, n: 1, temperature: 0, prompt: ["great", "a"] })).choices,
  async () =>
    served.result("/models/talker", {
      inputs: ["this film", "i love the story"],
      parameters: { max_new_tokens: 30, seed: 5, repetition_penalty: 1.2 },
    }),
  async () =>
    served.result("/models/talker", {
      inputs: "dull",
      parameters: { max_new_tokens: 9, num_beams: 3, do_sample: false },
    }),
  async () => {
    const messages = [{ role: "user", content: "i hate this film" }];
    const chat = { model: "talker", messages, max_tokens: 25, seed: 6, stop: ["very", "but"] };
    return (await served.result("/v1/chat/completions", chat)).choices;
  },
  async () => textOf(await served.send("/v1/completions", { ...LONG, n: 1, max_tokens: 20, seed: 8, stream: true })),
];

async function textOf(response: Response): Promise<string> {
  const { values } = await eventsOf(response);
  expect(values.at(-1)).toBe("[DONE]");
  return values
    .slice(0, -1)
    .map((value) => JSON.parse(value).choices[0].text)
    .join("");
}

describe("texts of many requests", () => {
  it("are what each is alone", async () => {
    const apart: unknown[] = [];
    for (const ask of REQUESTS) apart.push(await ask());
    expect(await Promise.all(REQUESTS.map((ask) => ask()))).toEqual(apart);
    expect(await Promise.all(REQUESTS.toReversed().map((ask) => ask()))).toEqual(apart.toReversed());
  });

  it("do not wait for each other: a short one that comes later ends first", async () => {
    const ended: string[] = [];
    const long = served.post("/v1/completions", { ...LONG, n: 4 }).then(() => ended.push("long"));
    await expect.poll(() => server.models.find(({ id }) => id === "talker")?.requests).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const short = served.post("/v1/completions", { ...LONG, n: 1, max_tokens: 3 }).then(() => ended.push("short"));
    await Promise.all([long, short]);
    expect(ended).toEqual(["short", "long"]);
  });

  it("go on when one of them is left, or is refused", async () => {
    const wanted = await served.result("/v1/completions", { ...LONG, n: 1, max_tokens: 200 });
    const leaving = new AbortController();
    const running = served.result("/v1/completions", { ...LONG, n: 1, max_tokens: 200 });
    const left = served.send("/v1/completions", { ...LONG, stream: true }, { signal: leaving.signal });
    await (await left).body?.getReader().read();
    const refused = served.post("/models/talker", { inputs: "this ".repeat(600) });
    leaving.abort();
    expect((await refused).status).toBe(422);
    expect((await running).choices).toEqual(wanted.choices);
  });

  it("of a request with many prompts leave room for others", async () => {
    const many = { inputs: Array.from({ length: 60 }, () => "this film"), parameters: { max_new_tokens: 60 } };
    const ended: string[] = [];
    const all = served.post("/models/talker", many).then(({ body }) => {
      ended.push("many");
      return body.length;
    });
    await new Promise((resolve) => setTimeout(resolve, 30));
    await served.post("/v1/completions", { ...LONG, n: 1, max_tokens: 5 }).then(() => ended.push("one"));
    expect(await all).toBe(60);
    expect(ended).toEqual(["one", "many"]);
  });
});

describe("stream: true on /models", () => {
  const events = async (body: object) => {
    const response = await served.send("/models/talker", { stream: true, ...body });
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
    return (await eventsOf(response)).values.map((value) => JSON.parse(value));
  };

  it("gives token by token what text-generation-inference gives", async () => {
    const parameters = { max_new_tokens: 5, do_sample: false, details: true };
    const found = await events({ inputs: "this film", parameters });
    const run = await pipeline("text-generation", served.folder("talker"));
    const wanted: StreamedToken[] = [];
    const options = { maxNewTokens: 5, doSample: false, logprobs: true };
    for await (const token of run.tokens("this film", options)) wanted.push(token);
    const [text] = await run("this film", { maxNewTokens: 5, doSample: false, returnFullText: false });
    await run.dispose();
    expect(found).toEqual(
      wanted.map(({ id, text: piece, logprob }, at) => ({
        index: at + 1,
        token: { id, text: piece, logprob: expect.closeTo(logprob ?? Number.NaN, 4), special: false },
        generated_text: at === 4 ? text?.generatedText : null,
        details: at === 4 ? { finish_reason: "length", generated_tokens: 5, input_length: 2, seed: null } : null,
      })),
    );
    expect(found.map(({ token }) => token.text).join("")).toBe(text?.generatedText);
  });

  it("says why a text ended, and gives details and the prompt to who asks for them", async () => {
    const parameters = { max_new_tokens: 40, seed: 3, temperature: 1.5 };
    const plain = await events({ inputs: "this film", parameters });
    expect(plain.at(-1)).toMatchObject({ details: null, generated_text: expect.any(String) });
    const words = plain.at(-1).generated_text.trim().split(" ");
    const stop = [words[5], "never"];
    const stopped = await events({ inputs: "this film", parameters: { ...parameters, stop, details: true } });
    const { generated_text, details } = stopped.at(-1);
    expect(details).toMatchObject({ finish_reason: "stop_sequence", seed: 3, generated_tokens: stopped.length });
    expect(generated_text.endsWith(words[5])).toBe(true);
    expect(plain.at(-1).generated_text.startsWith(generated_text)).toBe(true);
    const whole = await events({ inputs: "this film", parameters: { ...parameters, return_full_text: true } });
    expect(whole.at(-1).generated_text).toBe(`this film${plain.at(-1).generated_text}`);
    const forced = { max_new_tokens: 3, do_sample: false, forced_eos_token_id: 3, details: true };
    const ended = await events({ inputs: "this film", parameters: { ...forced, suppress_tokens: [] } });
    expect(ended.at(-1)).toMatchObject({
      token: { id: 3, text: "[SEP]", special: true },
      details: { finish_reason: "eos_token", generated_tokens: 3 },
      generated_text: ended
        .slice(0, 2)
        .map(({ token }) => token.text)
        .join(""),
    });
  });

  it("gives details without a stream as well", async () => {
    const parameters = { max_new_tokens: 5, do_sample: false, details: true, return_full_text: false };
    const [found] = await served.result("/models/talker", { inputs: "this film", parameters });
    const streamed = await events({ inputs: "this film", parameters });
    expect(found).toEqual({
      generated_text: streamed.at(-1).generated_text,
      details: { ...streamed.at(-1).details, prefill: [], tokens: streamed.map(({ token }) => token) },
    });
    const full = await served.result("/models/talker", {
      inputs: "this film",
      parameters: { ...parameters, return_full_text: true },
    });
    expect(full[0].generated_text).toBe(`this film${found.generated_text}`);
  });

  it.each([
    ["talker", { inputs: ["a", "b"] }, 400, "array"],
    ["talker", { inputs: "a", parameters: { num_beams: 2 } }, 400, "stream is one text"],
    ["talker", { inputs: "a", parameters: { details: "yes" } }, 400, "details"],
    ["talker", { inputs: "a", parameters: { max_new_tokens: 4000 } }, 400, "max_new_tokens"],
    ["talker", { inputs: "this ".repeat(600) }, 422, "tokens"],
    ["talker", { inputs: "a", stream: "yes" }, 400, "stream"],
    ["t5", { inputs: "a" }, 400, "stream"],
  ])("%s %j: %i", async (model, body, status, said) => {
    const answer = await served.post(`/models/${model}`, { stream: true, ...body });
    expect(answer).toMatchObject({ status, body: { error: expect.stringContaining(said) } });
  });

  it("an error within the stream is its last event, of a kind that clients know", async () => {
    const own = await served.make({ models: [served.folder("talker")], timeout: 0.2 });
    const response = await own.app.request("/models/talker", {
      ...{ method: "POST", headers: { "Content-Type": "application/json" } },
      body: JSON.stringify({ inputs: "this film", stream: true, parameters: { max_new_tokens: 500 } }),
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const { values } = await eventsOf(response);
    expect(JSON.parse(values.at(-1) ?? "")).toEqual({ error: expect.any(String), error_type: "overloaded" });
  });
});

describe("texts made from others", () => {
  const ask = (inputs: unknown, parameters: object) => served.result("/models/t5", { inputs, parameters });
  const runs = () => server.models.find(({ id }) => id === "t5")?.runs ?? 0;

  it("run together where their options are the same", async () => {
    const inputs = ["a day", "the old city", "a river", "a book", "rome"];
    const apart: unknown[] = [];
    for (const each of inputs) apart.push(await ask(each, { max_new_tokens: 4 }));
    const before = runs();
    // So many that some come while others wait, however slowly they come.
    const many = Array.from({ length: 4 }, () => inputs).flat();
    const together = await Promise.all(many.map((each) => ask(each, { max_new_tokens: 4 })));
    expect(together).toEqual(many.map((_, at) => apart[at % inputs.length]));
    expect(runs() - before).toBeLessThan(16);
  });

  it("that are drawn with a seed are what they are alone", async () => {
    const drawn = { max_new_tokens: 6, do_sample: true, temperature: 2, seed: 9 };
    const inputs = ["a day", "the old city", "a river"];
    const apart: unknown[] = [];
    for (const each of inputs) apart.push(await ask(each, drawn));
    expect(await Promise.all(inputs.map((each) => ask(each, drawn)))).toEqual(apart);
  });

  it("are no longer than the server allows, whatever the repository says", async () => {
    const path = join(served.folder("t5"), "config.json");
    const config = await readFile(path, "utf8");
    const specific = { summarization: { max_length: 30 }, translation_en_to_fr: { max_length: 2 } };
    await writeFile(path, JSON.stringify({ ...JSON.parse(config), task_specific_params: specific }));
    const own = await served.make({
      models: [
        { model: served.folder("t5"), id: "summaries", task: "summarization" },
        { model: served.folder("t5"), id: "translations", task: "translation_en_to_fr" },
      ],
      maxNewTokens: 3,
    });
    const { url: at } = await own.listen();
    const text = async (id: string, parameters: object) =>
      served.result(`/models/${id}`, { inputs: "a day", parameters }, { at });
    expect(await text("summaries", {})).toEqual(await text("summaries", { max_new_tokens: 3 }));
    expect(await text("translations", {})).toEqual(await text("translations", { max_length: 2 }));
    expect(await text("translations", {})).not.toEqual(await text("translations", { max_new_tokens: 3 }));
    await writeFile(path, config);
  });
});

it("nothing went wrong that nobody expected", () => expect(served.logged).toEqual([]));
