// The OpenAI API of served models: completions, chats and embeddings, whole and as streams, and its errors.
import { beforeAll, describe, expect, it } from "vitest";
import type { ModelServer } from "../../pipelines/index.ts";
import { eventsOf, Serving } from "../support/served.ts";

const served = new Serving();
let server: ModelServer;

beforeAll(async () => {
  await served.writeModels();
  const names = ["feature-extraction", "stories", "talker"];
  const mood = { model: served.folder("mood"), id: "ana/mood" };
  server = await served.start({ models: [mood, ...names.map((name) => served.folder(name))] });
});

describe("the OpenAI API", () => {
  it("lists models", async () => {
    const list = await (await fetch(`${served.url}/v1/models`)).json();
    expect(list.object).toBe("list");
    expect(list.data[0]).toEqual({ id: "ana/mood", object: "model", created: expect.any(Number), owned_by: "abrazo" });
    expect(list.data).toHaveLength(server.models.length);
    expect(await (await fetch(`${served.url}/v1/models/ana/mood`)).json()).toEqual(list.data[0]);
    expect((await fetch(`${served.url}/v1/models/none`)).status).toBe(404);
  });

  const greedy = { model: "stories", prompt: "this film", temperature: 0, max_tokens: 6 };
  const complete = (more: object = {}) => served.result("/v1/completions", { ...greedy, ...more });

  it("completions: text, counts, why it ended", async () => {
    const found = await complete();
    const [{ generatedText }] = (await served.reference("text-generation", "stories", "this film", {
      ...{ maxNewTokens: 6, doSample: false, returnFullText: false },
    })) as [{ generatedText: string }]; // safe because one prompt gives one text
    expect(found).toMatchObject({ object: "text_completion", model: "stories", id: expect.stringMatching(/^cmpl-/) });
    expect(found.choices).toEqual([
      { index: 0, text: generatedText, logprobs: null, finish_reason: expect.stringMatching(/stop|length/) },
    ]);
    const { prompt_tokens, completion_tokens, total_tokens } = found.usage;
    expect([prompt_tokens, total_tokens]).toEqual([2, 2 + completion_tokens]);
    expect(found.choices[0].finish_reason).toBe(completion_tokens === 6 ? "length" : "stop");
    expect((await complete({ max_tokens: 1 })).usage.completion_tokens).toBe(1);
  });

  it("completions: several prompts, several texts, seeds", async () => {
    const drawn = { temperature: 1.5, seed: 7, n: 2, max_tokens: 5, prompt: ["this film", "great"] };
    const found = await complete(drawn);
    expect(found.choices.map(({ index }: { index: number }) => index)).toEqual([0, 1, 2, 3]);
    expect(new Set(found.choices.map(({ text }: { text: string }) => text)).size).toBeGreaterThan(1);
    expect((await complete(drawn)).choices).toEqual(found.choices);
    expect((await complete({ ...drawn, seed: 8 })).choices).not.toEqual(found.choices);
    expect(found.usage.prompt_tokens).toBe(3);
  });

  it("completions: a stop string ends a text and is no part of it", async () => {
    const whole = (await complete({ max_tokens: 8 })).choices[0].text;
    const words = whole.trim().split(" ");
    const stop = words[2] ?? "?";
    const found = (await complete({ max_tokens: 8, stop: [stop, "nothing of the kind"] })).choices[0];
    expect(found.finish_reason).toBe("stop");
    expect(found.text).toBe(whole.slice(0, whole.indexOf(stop)));
    const { values } = await eventsOf(
      await served.send("/v1/completions", { ...greedy, max_tokens: 8, stop, stream: true }),
    );
    const texts = values.slice(0, -1).map((value) => JSON.parse(value).choices[0].text);
    expect(texts.join("")).toBe(found.text);
  });

  it("completions: a stream of chunks that ends in [DONE]", async () => {
    const wanted = await complete();
    const body = { ...greedy, stream: true, stream_options: { include_usage: true } };
    const response = await served.send("/v1/completions", body);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const { values, reads } = await eventsOf(response);
    expect(values.at(-1)).toBe("[DONE]");
    expect(reads).toBeGreaterThan(2);
    const chunks = values.slice(0, -1).map((value) => JSON.parse(value));
    const last = chunks.pop();
    expect(last).toMatchObject({ object: "text_completion", choices: [], usage: wanted.usage });
    expect(chunks.map(({ choices: [{ text }] }) => text).join("")).toBe(wanted.choices[0].text);
    expect(chunks.map(({ choices: [{ finish_reason }] }) => finish_reason).filter((why) => why !== null)).toEqual([
      wanted.choices[0].finish_reason,
    ]);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    expect(chunks.every(({ usage }) => usage === null)).toBe(true);
  });

  it("chats, by the tokenizer's template, whole and as a stream", async () => {
    const body = {
      ...{ model: "talker", temperature: 0, max_completion_tokens: 5 },
      messages: [
        { role: "system", content: "great story" },
        { role: "user", content: [{ type: "text", text: "i love" }] },
      ],
    };
    const found = await served.result("/v1/chat/completions", body);
    const plain = await complete({ model: "talker", prompt: "great story i love this film", max_tokens: 5 });
    expect(found).toMatchObject({
      object: "chat.completion",
      id: expect.stringMatching(/^chatcmpl-/),
      usage: plain.usage,
    });
    expect(found.choices).toEqual([
      {
        ...{ index: 0, message: { role: "assistant", content: plain.choices[0].text }, logprobs: null },
        finish_reason: plain.choices[0].finish_reason,
      },
    ]);
    const { values } = await eventsOf(await served.send("/v1/chat/completions", { ...body, stream: true }));
    const chunks = values.slice(0, -1).map((value) => JSON.parse(value));
    expect(values.at(-1)).toBe("[DONE]");
    expect(chunks[0]).toMatchObject({ object: "chat.completion.chunk", choices: [{ delta: { role: "assistant" } }] });
    expect(chunks.map(({ choices: [{ delta }] }) => delta.content ?? "").join("")).toBe(plain.choices[0].text);
    expect(chunks.at(-1).choices[0]).toMatchObject({ delta: {}, finish_reason: plain.choices[0].finish_reason });
    // The way of clients that are given a model's address.
    const under = await served.result("/models/talker/v1/chat/completions", { ...body, model: "http://elsewhere" });
    expect(under.choices).toEqual(found.choices);
  });

  it("a model without a chat template says so", async () => {
    const messages = [{ role: "user", content: "i love" }];
    expect(await served.post("/v1/chat/completions", { model: "stories", messages })).toMatchObject({
      ...{ status: 400, body: { error: { message: expect.stringContaining("stories has no chat template.") } } },
    });
  });

  it("embeddings: vectors of length 1, as numbers or bytes", async () => {
    const texts = ["a day", "the old city of rome"];
    const body = { model: "feature-extraction", input: texts };
    const found = await served.result("/v1/embeddings", body);
    const wanted = (await served.reference("feature-extraction", "feature-extraction", texts, {
      ...{ pooling: "mean", normalize: true },
    })) as number[][]; // safe because a pooling gives [B, D]
    expect(found.data.map(({ index, object }: { index: number; object: string }) => [index, object])).toEqual([
      [0, "embedding"],
      [1, "embedding"],
    ]);
    for (const [at, { embedding }] of found.data.entries()) {
      for (const [column, value] of (wanted[at] ?? []).entries()) expect(embedding[column]).toBeCloseTo(value, 5);
    }
    expect(found.usage.prompt_tokens).toBe(found.usage.total_tokens);
    const [packed] = (await served.result("/v1/embeddings", { ...body, input: "a day", encoding_format: "base64" }))
      .data;
    const bytes = Buffer.from(packed.embedding, "base64");
    expect(bytes.length).toBe(found.data[0].embedding.length * 4);
    expect(bytes.readFloatLE(4)).toBeCloseTo(found.data[0].embedding[1], 5);
  });

  it.each([
    ["/v1/completions", { ...greedy, logit_bias: {} }, 400, "logit_bias"],
    ["/v1/completions", { ...greedy, presence_penalty: 1 }, 400, "presence_penalty"],
    ["/v1/completions", { ...greedy, echo: true }, 400, "echo"],
    ["/v1/completions", { ...greedy, prompt: [1, 2] }, 400, "prompt"],
    ["/v1/completions", { ...greedy, n: 17 }, 400, "n"],
    ["/v1/completions", { ...greedy, max_tokens: 2049 }, 400, "max_tokens"],
    ["/v1/completions", { ...greedy, stream_options: {} }, 400, "stream_options"],
    ["/v1/completions", { ...greedy, model: "storys" }, 404, "model"],
    ["/v1/completions", { ...greedy, model: "ana/mood" }, 400, "model"],
    ["/v1/completions", { ...greedy, prompt: "this ".repeat(100) }, 400, null],
    ["/v1/completions", { ...greedy, prompt: "this ".repeat(100), stream: true }, 400, null],
    ["/v1/chat/completions", { model: "talker", messages: [{ role: "user", content: "x" }], tools: [] }, 400, "tools"],
    ["/v1/chat/completions", { model: "talker", messages: [] }, 400, "messages"],
    ["/v1/embeddings", { model: "feature-extraction", input: "a", dimensions: 4 }, 400, "dimensions"],
    ["/v1/embeddings", { model: "stories", input: "a" }, 400, "model"],
  ])("%s %j: %i for %s", async (path, body, status, param) => {
    const answer = await served.post(path, body);
    expect(answer).toMatchObject({
      ...{ status, body: { error: { type: "invalid_request_error", param, message: expect.any(String) } } },
    });
    expect(typeof answer.body.error.code).toBe("string");
  });

  it("values that change nothing are taken", async () => {
    const wanted = await complete();
    const neutral = { frequency_penalty: 0, presence_penalty: 0, echo: false, best_of: 1, logprobs: null, top_p: 0.5 };
    expect((await complete(neutral)).choices).toEqual(wanted.choices);
  });
});

it("nothing went wrong that nobody expected", () => expect(served.logged).toEqual([]));
