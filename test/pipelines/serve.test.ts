// Models behind HTTP: each route in the shape that clients send and read, streams chunk by chunk, batches, limits, errors, the end.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ModelServer, type ModelServerOptions, modelServer, pipeline } from "../../pipelines/index.ts";
import { taskOf } from "../../pipelines/serve/task-of.ts";
import { setLogListener } from "../../src/log.ts";
import { packageFile } from "../../src/package-root.ts";
import { Tensor } from "../../src/tensor/index.ts";
import { type ModelCase, writeCheckpoint } from "../support/model-goldens.ts";
import { tinyClassifier, tinyLanguageModel } from "../support/tiny-models.ts";

type Golden = Pick<ModelCase, "config" | "tensors">;
const encoders: { tokenizer: object; tokenizerConfig: object; models: Record<string, Golden> } = JSON.parse(
  readFileSync(packageFile("test", "goldens", "pipelines", "encoders.json"), "utf8"),
);
const seq2seq: Golden & { tokenizer: object; tokenizerConfig: object } = JSON.parse(
  readFileSync(packageFile("test", "goldens", "pipelines", "text2text.json"), "utf8"),
);

const root = mkdtempSync(join(tmpdir(), "abrazo-serve-"));
const logged: string[] = [];
const open: ModelServer[] = [];
let restore: () => void;
let server: ModelServer;
let url: string;

async function write(golden: Golden, files: { tokenizer: object; tokenizerConfig: object }, name: string) {
  const at = await writeCheckpoint({ ...golden, note: "", inputs: {}, outputs: {} }, join(root, name));
  await writeFile(join(at, "tokenizer.json"), JSON.stringify(files.tokenizer));
  await writeFile(join(at, "tokenizer_config.json"), JSON.stringify(files.tokenizerConfig));
  return at;
}

const folder = (name: string): string => join(root, name);
const TEMPLATE =
  "{% for m in messages %}{{ m.content }} {% endfor %}{% if add_generation_prompt %}this film{% endif %}";

beforeAll(async () => {
  restore = setLogListener(({ level, message }) => level === "error" && logged.push(message));
  for (const [name, golden] of Object.entries(encoders.models)) await write(golden, encoders, name);
  await write(seq2seq, seq2seq, "t5");
  await tinyClassifier(folder("mood"));
  await tinyLanguageModel(folder("stories"), 1, 64);
  await tinyLanguageModel(folder("talker"), 1, 512);
  const path = join(folder("talker"), "tokenizer_config.json");
  const config = JSON.parse(await readFile(path, "utf8"));
  await writeFile(path, JSON.stringify({ ...config, chat_template: TEMPLATE }));
  // Nothing ends its texts but their length.
  await writeFile(join(folder("talker"), "generation_config.json"), JSON.stringify({ suppress_tokens: [3] }));
  const names = ["token-classification", "question-answering", "fill-mask", "feature-extraction"];
  server = await make({
    models: [
      { model: folder("mood"), id: "ana/mood" },
      { model: folder("zero-shot-classification"), id: "nli", task: "zero-shot-classification" },
      ...names.map((name) => folder(name)),
      folder("stories"),
      folder("talker"),
      { model: folder("t5"), id: "t5" },
      { model: folder("t5"), id: "summaries", task: "summarization" },
      { model: folder("t5"), id: "translations", task: "translation_en_to_fr" },
    ],
  });
  ({ url } = await server.listen());
}, 60_000);

afterAll(async () => {
  for (const each of open) await each.close();
  restore();
  rmSync(root, { recursive: true });
});

async function make(options: ModelServerOptions): Promise<ModelServer> {
  const made = await modelServer(options);
  open.push(made);
  return made;
}

interface Sent {
  at?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

function send(path: string, body: unknown, { at = url, headers, signal }: Sent = {}): Promise<Response> {
  return fetch(`${at}${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...(signal !== undefined && { signal }),
  });
}

async function post(path: string, body: unknown, sent: Sent = {}) {
  const response = await send(path, body, sent);
  return { status: response.status, headers: response.headers, body: JSON.parse(await response.text()) };
}

async function result(path: string, body: unknown) {
  const answer = await post(path, body);
  expect(answer, JSON.stringify(answer.body)).toMatchObject({ status: 200 });
  return answer.body;
}

/** The values of an event stream, with how many pieces the network gave them in. */
async function eventsOf(response: Response): Promise<{ values: string[]; reads: number }> {
  let [text, reads] = ["", 0];
  for await (const piece of response.body ?? []) {
    text += Buffer.from(piece).toString("utf8");
    reads++;
  }
  const values = text.split("\n\n").filter((event) => event !== "");
  expect(values.every((value) => value.startsWith("data: "))).toBe(true);
  return { values: values.map((value) => value.slice("data: ".length)), reads };
}

/** What a pipeline gives for a model of this test. */
async function reference(task: string, name: string, ...args: unknown[]): Promise<unknown> {
  const run = await pipeline(task as "text-classification", folder(name)); // safe because pipeline() refuses what is no task
  try {
    const output: unknown = await (run as unknown as (...given: unknown[]) => Promise<unknown>)(...args); // safe because what it takes is this test's matter
    return output instanceof Tensor ? await output.tolist() : output;
  } finally {
    await run.dispose();
  }
}

describe("the Inference API", () => {
  it("text-classification: all labels, in a list of texts even for one", async () => {
    const one = await result("/models/ana/mood", { inputs: "i love this book" });
    expect(one).toEqual([await reference("text-classification", "mood", "i love this book", { topK: null })]);
    expect(one[0].map(({ label }: { label: string }) => label).sort()).toEqual(["NEGATIVE", "POSITIVE"]);
    const two = await result("/models/ana%2Fmood", { inputs: ["bad", "great"], parameters: { top_k: 1 } });
    expect(two).toEqual(await reference("text-classification", "mood", ["bad", "great"], { topK: 1 }));
    const logits = await result("/models/ana/mood", { inputs: "bad", parameters: { function_to_apply: "none" } });
    expect(Math.abs(logits[0][0].score + logits[0][1].score - 1)).toBeGreaterThan(1e-3);
    const pair = await result("/models/ana/mood", { inputs: { text: "bad", text_pair: "great" } });
    expect(pair).not.toEqual(await result("/models/ana/mood", { inputs: "bad" }));
  });

  it("a task in the path, before or behind the model", async () => {
    const wanted = await result("/models/ana/mood", { inputs: "bad" });
    expect(await result("/pipeline/text-classification/ana/mood", { inputs: "bad" })).toEqual(wanted);
    expect(await result("/models/ana/mood/pipeline/sentiment-analysis", { inputs: "bad" })).toEqual(wanted);
    expect(await post("/pipeline/fill-mask/ana/mood", { inputs: "bad" })).toMatchObject({
      status: 400,
      body: { error: "ana/mood is served for text-classification, not for fill-mask." },
    });
  });

  it("zero-shot-classification", async () => {
    const labels = ["sport", "music", "politics"];
    const text = "the film is great";
    const body = { inputs: text, parameters: { candidate_labels: labels, multi_label: true } };
    const args = [text, labels, { multiLabel: true }];
    const reply = await reference("zero-shot-classification", "zero-shot-classification", ...args);
    const expected = reply as { labels: string[]; scores: number[] }; // safe because the pipeline gives this for one text
    expect(await result("/models/nli", body)).toEqual(
      expected.labels.map((label, at) => ({ label, score: expected.scores[at] })),
    );
    expect((await post("/models/nli", { inputs: text })).body.error).toContain("candidate_labels");
    expect(await result("/models/nli", { ...body, inputs: [text, text] })).toHaveLength(2);
  });

  it("token-classification: groups, with places in characters", async () => {
    const text = "🦊🦊 Ana lives in Berlin .";
    const found = await result("/models/token-classification", { inputs: text });
    expect(found.length).toBeGreaterThan(0);
    for (const { entity_group, score, word, start, end, ...others } of found) {
      expect([typeof entity_group, typeof score, others]).toEqual(["string", "number", {}]);
      expect([...text].slice(start, end).join("").toLowerCase().replaceAll(" ", "").replace("🦊🦊", "[UNK]")).toBe(
        word.replaceAll(" ", ""),
      );
    }
    const tokens = await result("/models/token-classification", {
      inputs: text,
      parameters: { aggregation_strategy: "none" },
    });
    expect(Object.keys(tokens[0]).sort()).toEqual(["end", "entity", "index", "score", "start", "word"]);
  });

  it("question-answering", async () => {
    const inputs = { question: "who lives in berlin ?", context: "🦊 Ana lives in Berlin . Maria works in Paris ." };
    const found = await result("/models/question-answering", { inputs });
    expect(Object.keys(found).sort()).toEqual(["answer", "end", "score", "start"]);
    expect([...inputs.context].slice(found.start, found.end).join("")).toBe(found.answer);
    expect(await result("/models/question-answering", { inputs, parameters: { top_k: 3 } })).toHaveLength(3);
    expect(await result("/models/question-answering", { inputs: [inputs, inputs] })).toEqual([found, found]);
  });

  it("fill-mask", async () => {
    const text = "ana [MASK] the book";
    const found = await result("/models/fill-mask", { inputs: text, parameters: { top_k: 2 } });
    expect(found.map((each: object) => Object.keys(each).sort())).toEqual([
      ["score", "sequence", "token", "token_str"],
      ["score", "sequence", "token", "token_str"],
    ]);
    expect(await result("/models/fill-mask", { inputs: "[MASK] and [MASK] ." })).toHaveLength(2);
    expect(await post("/models/fill-mask", { inputs: "no mask" })).toMatchObject({ status: 422 });
  });

  it("feature-extraction: each text's own tokens, or vectors", async () => {
    const texts = ["a day", "the old city of rome"];
    const apart = await Promise.all(texts.map((text) => reference("feature-extraction", "feature-extraction", text)));
    const together = await result("/models/feature-extraction", { inputs: texts });
    const [short, long] = together;
    expect(short.length).toBeLessThan(long.length);
    for (const [at, states] of together.entries()) {
      const wanted = (apart[at] as number[][][])[0] ?? []; // safe because features are [1, T, D]
      expect(states.length).toBe(wanted.length);
      for (const [row, values] of wanted.entries()) {
        for (const [column, value] of values.entries()) expect(states[row][column]).toBeCloseTo(value, 4);
      }
    }
    const path = "/models/feature-extraction/pipeline/feature-extraction";
    const vector = await result(path, { inputs: "a day", normalize: true, parameters: { pooling: "mean" } });
    expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
    expect((await post(path, { inputs: "a day", normalize: true })).body.error).toContain("pooling");
  });

  it("text-generation", async () => {
    const parameters = { max_new_tokens: 4, do_sample: false, return_full_text: false };
    const wanted = await reference("text-generation", "stories", "this film", {
      ...{ maxNewTokens: 4, doSample: false, returnFullText: false },
    });
    const [{ generatedText }] = wanted as [{ generatedText: string }]; // safe because one prompt gives one text
    const found = await result("/models/stories", { inputs: "this film", parameters });
    expect(found).toEqual([{ generated_text: generatedText }]);
    expect(await result("/models/stories", { inputs: ["this film", "this film"], parameters })).toEqual([found, found]);
    const copies = { max_new_tokens: 4, num_return_sequences: 3, seed: 1, temperature: 1.5 };
    expect(await result("/models/stories", { inputs: "great", parameters: copies })).toHaveLength(3);
    const word = generatedText.trim().split(" ")[1] ?? "?";
    const stopped = await result("/models/stories", {
      inputs: "this film",
      parameters: { ...parameters, stop: [word] },
    });
    expect(stopped[0].generated_text.endsWith(word)).toBe(true);
  });

  it("text2text-generation, summarization and translation", async () => {
    const parameters = { max_new_tokens: 3 };
    for (const [id, field] of [
      ["t5", "generated_text"],
      ["summaries", "summary_text"],
      ["translations", "translation_text"],
    ] as const) {
      const one = await result(`/models/${id}`, { inputs: "a day", parameters });
      expect(one).toEqual([{ [field]: expect.any(String) }]);
      expect(await result(`/models/${id}`, { inputs: ["a day", "a day"], parameters })).toEqual([one[0], one[0]]);
      expect(
        await result(`/models/${id}`, { inputs: "a day", parameters: { generate_parameters: parameters } }),
      ).toEqual(one);
    }
    const beams = { max_new_tokens: 3, num_beams: 2, num_return_sequences: 2 };
    expect(await result("/models/t5", { inputs: "a day", parameters: beams })).toHaveLength(2);
  });

  it("options that clients send are kept to, others are refused", async () => {
    const wanted = await result("/models/ana/mood", { inputs: "bad" });
    const options = { wait_for_model: true, use_cache: false };
    expect(await result("/models/ana/mood", { inputs: "bad", options, parameters: { top_k: null } })).toEqual(wanted);
    const gpu = await post("/models/ana/mood", { inputs: "bad", options: { use_gpu: true } });
    expect(gpu).toMatchObject({ status: 400, body: { error: expect.stringContaining("options.use_gpu") } });
  });

  it("a server of one model is its endpoint", async () => {
    const one = await make({ models: [folder("mood")] });
    const request = { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"inputs":"bad"}' };
    expect(await (await one.app.request("/", request)).json()).toEqual(
      await result("/models/ana/mood", { inputs: "bad" }),
    );
    expect(await post("/", { inputs: "bad" })).toMatchObject({ status: 404 });
  });
});

describe("errors of the Inference API", () => {
  it.each([
    ["{", 400, "The body is no JSON."],
    ["[]", 400, "The body: "],
    [{}, 400, "The body has no inputs."],
    [{ inputs: "bad", parametres: {} }, 400, 'Did you mean "parameters"?'],
    [{ inputs: "bad", parameters: { topk: 1 } }, 400, 'Did you mean "top_k"?'],
    [{ inputs: "bad", parameters: { toString: 1 } }, 400, "parameters.toString is not supported here."],
    [{ inputs: "bad", parameters: { top_k: 0 } }, 400, "top_k"],
    [{ inputs: "bad", parameters: { function_to_apply: "relu" } }, 400, "function_to_apply"],
    [{ inputs: 5 }, 422, "inputs is no input of text-classification"],
    [{ inputs: ["bad", 5] }, 422, "inputs[1] is no input of text-classification"],
  ])("%j: %i %s", async (body, status, text) => {
    expect(await post("/models/ana/mood", body)).toMatchObject({
      status,
      body: { error: expect.stringContaining(text) },
    });
  });

  it("an unknown model has the nearest name", async () => {
    expect(await post("/models/ana/mod", { inputs: "bad" })).toMatchObject({
      ...{ status: 404, body: { error: 'There is no model "ana/mod" here. Did you mean "ana/mood"?' } },
    });
    expect(await post("/models/%zz", { inputs: "bad" })).toMatchObject({ status: 400 });
    expect(await post("/nowhere", {})).toMatchObject({ status: 404, body: { error: "There is no POST /nowhere." } });
  });

  it("a body of another type is refused: pages could send it unasked", async () => {
    const sent = { headers: { "Content-Type": "text/plain" } };
    expect(await post("/models/ana/mood", { inputs: "bad" }, sent)).toMatchObject({ status: 415 });
  });
});

describe("the OpenAI API", () => {
  it("lists models", async () => {
    const list = await (await fetch(`${url}/v1/models`)).json();
    expect(list.object).toBe("list");
    expect(list.data[0]).toEqual({ id: "ana/mood", object: "model", created: expect.any(Number), owned_by: "abrazo" });
    expect(list.data).toHaveLength(server.models.length);
    expect(await (await fetch(`${url}/v1/models/ana/mood`)).json()).toEqual(list.data[0]);
    expect((await fetch(`${url}/v1/models/none`)).status).toBe(404);
  });

  const greedy = { model: "stories", prompt: "this film", temperature: 0, max_tokens: 6 };
  const complete = (more: object = {}) => result("/v1/completions", { ...greedy, ...more });

  it("completions: text, counts, why it ended", async () => {
    const found = await complete();
    const [{ generatedText }] = (await reference("text-generation", "stories", "this film", {
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
    const { values } = await eventsOf(await send("/v1/completions", { ...greedy, max_tokens: 8, stop, stream: true }));
    const texts = values.slice(0, -1).map((value) => JSON.parse(value).choices[0].text);
    expect(texts.join("")).toBe(found.text);
  });

  it("completions: a stream of chunks that ends in [DONE]", async () => {
    const wanted = await complete();
    const body = { ...greedy, stream: true, stream_options: { include_usage: true } };
    const response = await send("/v1/completions", body);
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
    const found = await result("/v1/chat/completions", body);
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
    const { values } = await eventsOf(await send("/v1/chat/completions", { ...body, stream: true }));
    const chunks = values.slice(0, -1).map((value) => JSON.parse(value));
    expect(values.at(-1)).toBe("[DONE]");
    expect(chunks[0]).toMatchObject({ object: "chat.completion.chunk", choices: [{ delta: { role: "assistant" } }] });
    expect(chunks.map(({ choices: [{ delta }] }) => delta.content ?? "").join("")).toBe(plain.choices[0].text);
    expect(chunks.at(-1).choices[0]).toMatchObject({ delta: {}, finish_reason: plain.choices[0].finish_reason });
    // The way of clients that are given a model's address.
    const under = await result("/models/talker/v1/chat/completions", { ...body, model: "http://elsewhere" });
    expect(under.choices).toEqual(found.choices);
  });

  it("a model without a chat template says so", async () => {
    const messages = [{ role: "user", content: "i love" }];
    expect(await post("/v1/chat/completions", { model: "stories", messages })).toMatchObject({
      ...{ status: 400, body: { error: { message: expect.stringContaining("stories has no chat template.") } } },
    });
  });

  it("embeddings: vectors of length 1, as numbers or bytes", async () => {
    const texts = ["a day", "the old city of rome"];
    const body = { model: "feature-extraction", input: texts };
    const found = await result("/v1/embeddings", body);
    const wanted = (await reference("feature-extraction", "feature-extraction", texts, {
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
    const [packed] = (await result("/v1/embeddings", { ...body, input: "a day", encoding_format: "base64" })).data;
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
    const answer = await post(path, body);
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

describe("requests together", () => {
  it("those that come together are one run, and each gets its own answer", async () => {
    const texts = ["i love this book", "bad", "a very dull film", "great story", "the film was not good"];
    const apart = [];
    for (const text of texts) apart.push(await result("/models/ana/mood", { inputs: text }));
    const before = server.models[0];
    const together = await Promise.all(texts.map((text) => result("/models/ana/mood", { inputs: text })));
    const after = server.models[0];
    expect((after?.requests ?? 0) - (before?.requests ?? 0)).toBe(5);
    expect((after?.runs ?? 0) - (before?.runs ?? 0)).toBeLessThan(4);
    for (const [at, [labels]] of together.entries()) {
      expect(labels.map(({ label }: { label: string }) => label)).toEqual(
        apart[at][0].map(({ label }: { label: string }) => label),
      );
      expect(labels[0].score).toBeCloseTo(apart[at][0][0].score, 5);
    }
  });

  it("inside one process they are one run exactly, as many as a batch holds", async () => {
    const own = await make({ models: [folder("mood")], batchSize: 4 });
    const body = (inputs: unknown) => JSON.stringify({ inputs });
    const request = (inputs: unknown) =>
      own.app.request("/models/mood", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: body(inputs),
      });
    await Promise.all(["bad", "great", "dull", "good"].map(request));
    expect(own.models).toEqual([{ id: "mood", task: "text-classification", requests: 4, runs: 1 }]);
    await request(Array.from({ length: 10 }, () => "bad"));
    expect(own.models[0]?.runs).toBe(4);
  });

  it("a bad input fails alone", async () => {
    const texts = ["ana [MASK] the book", "no mask", "the [MASK] is old"];
    const answers = await Promise.all(texts.map((inputs) => post("/models/fill-mask", { inputs })));
    expect(answers.map(({ status }) => status)).toEqual([200, 422, 200]);
    expect(answers[2]?.body[0].sequence).toContain("is old");
  });

  it("texts are generated one request after the other", async () => {
    const body = { model: "stories", prompt: "this film", temperature: 0, max_tokens: 6 };
    const wanted = await result("/v1/completions", body);
    const all = await Promise.all([1, 2, 3].map(() => result("/v1/completions", body)));
    for (const { choices } of all) expect(choices).toEqual(wanted.choices);
  });
});

/** What is not over soon. */
const LONG = { model: "talker", prompt: "this film", max_tokens: 500, temperature: 1.5, seed: 3, n: 16 };

describe("limits", () => {
  it("of bodies, inputs, texts and queues", async () => {
    const small = await make({
      models: [folder("mood"), folder("talker")],
      maxBodyBytes: 500,
      maxInputs: 2,
      maxTextLength: 40,
    });
    const { url: at } = await small.listen();
    const status = async (body: unknown) => (await post("/models/mood", body, { at })).status;
    expect(await status({ inputs: "x".repeat(600) })).toBe(413);
    expect(await status({ inputs: "x".repeat(60) })).toBe(413);
    expect(await status({ inputs: ["a", "b", "c"] })).toBe(413);
    expect(await status({ inputs: ["a", "b"] })).toBe(200);
    const chunked = await fetch(`${at}/models/mood`, {
      ...{ method: "POST", headers: { "Content-Type": "application/json" }, duplex: "half" },
      body: new Blob(["x".repeat(2000)]).stream(),
    } as RequestInit); // safe because fetch wants to be told that a stream is a body
    expect(chunked.status).toBe(413);
    const openAi = await post("/v1/embeddings", { model: "mood", input: "x".repeat(600) }, { at });
    expect(openAi).toMatchObject({
      status: 413,
      body: { error: { code: "too_large", type: "invalid_request_error" } },
    });
  });

  it("a full queue answers 503 with Retry-After, a request that takes too long as well", async () => {
    const busy = await make({ models: [folder("talker")], maxQueue: 1, timeout: 0.3 });
    const { url: at } = await busy.listen();
    const long = post("/v1/completions", LONG, { at });
    await expect.poll(() => busy.models[0]?.requests).toBe(1);
    const full = await post("/models/talker", { inputs: "great" }, { at });
    expect(full).toMatchObject({ status: 503, body: { error: expect.stringContaining("wait already") } });
    expect(full.headers.get("retry-after")).toBe("1");
    expect(await long).toMatchObject({ status: 503, body: { error: { type: "server_error", code: "timeout" } } });
    expect((await post("/models/talker", { inputs: "great", parameters: { max_new_tokens: 1 } }, { at })).status).toBe(
      200,
    );
  });

  it("a stream that nobody reads ends as well, and gives the model to others", async () => {
    const own = await make({ models: [folder("talker")], timeout: 0.4 });
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
    expect((await post("/models/stories", asked)).body.error).toBe("max_new_tokens is 4000; this server allows 2048.");
    expect(await post("/models/t5", { ...asked, parameters: { num_beams: 20 } })).toMatchObject({ status: 400 });
    const short = await make({ models: [folder("stories"), folder("t5")], maxNewTokens: 3 });
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
    const own = await make({ models: [folder("talker")] });
    const { url: at } = await own.listen();
    for (const stream of [true, false]) {
      const leaving = new AbortController();
      const sent = send("/v1/completions", { ...LONG, stream }, { at, signal: leaving.signal });
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
      await post("/v1/completions", { ...LONG, n: 1, max_tokens: 1 }, { at });
      expect(performance.now() - started).toBeLessThan(1000);
    }
  });

  it("need the key where there is one", async () => {
    const own = await make({ models: [folder("mood")], apiKey: "secret" });
    const { url: at } = await own.listen();
    const body = { inputs: "bad" };
    for (const headers of [{}, { Authorization: "Bearer wrong" }, { Authorization: "secret" }]) {
      expect(await post("/models/mood", body, { at, headers })).toMatchObject({
        status: 401,
        body: { error: expect.any(String) },
      });
    }
    const openAi = await post("/v1/completions", {}, { at });
    expect(openAi).toMatchObject({ status: 401, body: { error: { type: "authentication_error" } } });
    expect((await post("/models/mood", body, { at, headers: { Authorization: "Bearer secret" } })).status).toBe(200);
    expect(await (await fetch(`${at}/health`)).json()).toEqual({ status: "ok", models: 1 });
  });

  it("in pages of other origins are let in where they are named", async () => {
    const origin = { headers: { Origin: "http://page.test" } };
    expect((await fetch(`${url}/health`, origin)).headers.get("access-control-allow-origin")).toBeNull();
    const own = await make({ models: [folder("mood")], cors: "http://page.test", apiKey: "secret" });
    const asked = await own.app.request("/models/mood", {
      method: "OPTIONS",
      headers: { ...origin.headers, "Access-Control-Request-Method": "POST" },
    });
    expect([asked.status, asked.headers.get("access-control-allow-origin")]).toEqual([204, "http://page.test"]);
  });

  it("are told nothing of files when something breaks", async () => {
    await mkdir(join(folder("feature-extraction"), "1_Pooling"));
    await writeFile(join(folder("feature-extraction"), "1_Pooling", "config.json"), "{");
    const { status, body } = await post("/v1/embeddings", { model: "feature-extraction", input: "a day" });
    await rm(join(folder("feature-extraction"), "1_Pooling"), { recursive: true });
    expect([status, body.error.type]).toEqual([500, "server_error"]);
    expect(JSON.stringify(body)).not.toContain(root);
    expect(logged.pop()).toContain(root);
  });
});

describe("the end", () => {
  it("waits for what runs, and takes nothing new", async () => {
    const own = await modelServer({ models: [folder("talker")] });
    const { url: at } = await own.listen();
    const running = post("/v1/completions", { ...LONG, n: 1, max_tokens: 300 }, { at });
    await expect.poll(() => own.models[0]?.requests).toBe(1);
    const closed = own.close();
    expect(await post("/models/talker", { inputs: "great" }, { at })).toMatchObject({ status: 503 });
    expect((await fetch(`${at}/health`)).status).toBe(503);
    expect(await running).toMatchObject({ status: 200 });
    await closed;
    await own.close();
    await expect(fetch(`${at}/health`)).rejects.toThrow();
    await expect(own.listen()).rejects.toMatchObject({ code: "SERVER_CLOSED" });
  });

  it("ends what runs too long", async () => {
    const own = await modelServer({ models: [folder("talker")] });
    const { url: at } = await own.listen();
    const running = post("/v1/completions", LONG, { at });
    await expect.poll(() => own.models[0]?.requests).toBe(1);
    await own.close({ grace: 50 });
    expect(await running.catch(() => ({ status: 503 }))).toMatchObject({ status: 503 });
  });
});

describe("making a server", () => {
  it("finds the task of a config", () => {
    const tasks = Object.entries(encoders.models).map(([name, { config }]) => [name, taskOf(config)]);
    expect(tasks).toEqual(
      Object.keys(encoders.models).map((name) => [
        name,
        name === "zero-shot-classification" ? "text-classification" : name,
      ]),
    );
    expect(taskOf({ architectures: ["T5ForConditionalGeneration"] })).toBe("text2text-generation");
    expect(() => taskOf({ architectures: ["ViTForSegmentation"] })).toThrow("No task is known");
    expect(() => taskOf({})).toThrow("names no class");
  });

  it("refuses what cannot be", async () => {
    const mood = folder("mood");
    await expect(modelServer({ models: [] })).rejects.toMatchObject({ code: "INVALID_OPTION" });
    await expect(modelServer({ models: [mood, mood] })).rejects.toMatchObject({ code: "DUPLICATE_MODEL" });
    await expect(modelServer({ models: [{ model: mood, task: "fill-mask" }] })).rejects.toMatchObject({
      code: "WRONG_TASK",
    });
    await expect(modelServer({ models: [{ model: mood, task: "tex-classification" }] })).rejects.toMatchObject({
      code: "UNKNOWN_TASK",
    });
    await expect(modelServer({ models: [join(root, "nowhere")] })).rejects.toMatchObject({ code: "MODEL_NOT_FOUND" });
    const taken = await make({ models: [mood] });
    await expect(taken.listen({ port: Number(new URL(url).port) })).rejects.toMatchObject({ code: "PORT_IN_USE" });
  });

  it("nothing went wrong that nobody expected", () => expect(logged).toEqual([]));
});
