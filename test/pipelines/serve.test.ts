// Models behind HTTP: each task in the shape that clients of the Inference API send and read, its errors, and how a server is made.
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { modelServer } from "../../pipelines/index.ts";
import { taskOf } from "../../pipelines/serve/task-of.ts";
import { encoders } from "../support/pipeline-goldens.ts";
import { Serving } from "../support/served.ts";

const served = new Serving();

beforeAll(async () => {
  await served.writeModels();
  await served.start({
    models: [
      { model: served.folder("mood"), id: "ana/mood" },
      { model: served.folder("zero-shot-classification"), id: "nli", task: "zero-shot-classification" },
      ...["token-classification", "question-answering", "fill-mask", "feature-extraction"].map((name) =>
        served.folder(name),
      ),
      served.folder("stories"),
      served.folder("talker"),
      { model: served.folder("t5"), id: "t5" },
      { model: served.folder("t5"), id: "summaries", task: "summarization" },
      { model: served.folder("t5"), id: "translations", task: "translation_en_to_fr" },
    ],
  });
});

describe("the Inference API", () => {
  it("text-classification: all labels, in a list of texts even for one", async () => {
    const one = await served.result("/models/ana/mood", { inputs: "i love this book" });
    expect(one).toEqual([await served.reference("text-classification", "mood", "i love this book", { topK: null })]);
    expect(one[0].map(({ label }: { label: string }) => label).sort()).toEqual(["NEGATIVE", "POSITIVE"]);
    const two = await served.result("/models/ana%2Fmood", { inputs: ["bad", "great"], parameters: { top_k: 1 } });
    expect(two).toEqual(await served.reference("text-classification", "mood", ["bad", "great"], { topK: 1 }));
    const logits = await served.result("/models/ana/mood", {
      inputs: "bad",
      parameters: { function_to_apply: "none" },
    });
    expect(Math.abs(logits[0][0].score + logits[0][1].score - 1)).toBeGreaterThan(1e-3);
    const pair = await served.result("/models/ana/mood", { inputs: { text: "bad", text_pair: "great" } });
    expect(pair).not.toEqual(await served.result("/models/ana/mood", { inputs: "bad" }));
  });

  it("a task in the path, before or behind the model", async () => {
    const wanted = await served.result("/models/ana/mood", { inputs: "bad" });
    expect(await served.result("/pipeline/text-classification/ana/mood", { inputs: "bad" })).toEqual(wanted);
    expect(await served.result("/models/ana/mood/pipeline/sentiment-analysis", { inputs: "bad" })).toEqual(wanted);
    expect(await served.post("/pipeline/fill-mask/ana/mood", { inputs: "bad" })).toMatchObject({
      status: 400,
      body: { error: "ana/mood is served for text-classification, not for fill-mask." },
    });
  });

  it("zero-shot-classification", async () => {
    const labels = ["sport", "music", "politics"];
    const text = "the film is great";
    const body = { inputs: text, parameters: { candidate_labels: labels, multi_label: true } };
    const args = [text, labels, { multiLabel: true }];
    const reply = await served.reference("zero-shot-classification", "zero-shot-classification", ...args);
    const expected = reply as { labels: string[]; scores: number[] }; // safe because the pipeline gives this for one text
    expect(await served.result("/models/nli", body)).toEqual(
      expected.labels.map((label, at) => ({ label, score: expected.scores[at] })),
    );
    expect((await served.post("/models/nli", { inputs: text })).body.error).toContain("candidate_labels");
    expect(await served.result("/models/nli", { ...body, inputs: [text, text] })).toHaveLength(2);
  });

  it("token-classification: groups, with places in characters", async () => {
    const text = "🦊🦊 Ana lives in Berlin .";
    const found = await served.result("/models/token-classification", { inputs: text });
    expect(found.length).toBeGreaterThan(0);
    for (const { entity_group, score, word, start, end, ...others } of found) {
      expect([typeof entity_group, typeof score, others]).toEqual(["string", "number", {}]);
      expect([...text].slice(start, end).join("").toLowerCase().replaceAll(" ", "").replace("🦊🦊", "[UNK]")).toBe(
        word.replaceAll(" ", ""),
      );
    }
    const tokens = await served.result("/models/token-classification", {
      inputs: text,
      parameters: { aggregation_strategy: "none" },
    });
    expect(Object.keys(tokens[0]).sort()).toEqual(["end", "entity", "index", "score", "start", "word"]);
  });

  it("question-answering", async () => {
    const inputs = { question: "who lives in berlin ?", context: "🦊 Ana lives in Berlin . Maria works in Paris ." };
    const found = await served.result("/models/question-answering", { inputs });
    expect(Object.keys(found).sort()).toEqual(["answer", "end", "score", "start"]);
    expect([...inputs.context].slice(found.start, found.end).join("")).toBe(found.answer);
    expect(await served.result("/models/question-answering", { inputs, parameters: { top_k: 3 } })).toHaveLength(3);
    expect(await served.result("/models/question-answering", { inputs: [inputs, inputs] })).toEqual([found, found]);
  });

  it("fill-mask", async () => {
    const text = "ana [MASK] the book";
    const found = await served.result("/models/fill-mask", { inputs: text, parameters: { top_k: 2 } });
    expect(found.map((each: object) => Object.keys(each).sort())).toEqual([
      ["score", "sequence", "token", "token_str"],
      ["score", "sequence", "token", "token_str"],
    ]);
    expect(await served.result("/models/fill-mask", { inputs: "[MASK] and [MASK] ." })).toHaveLength(2);
    expect(await served.post("/models/fill-mask", { inputs: "no mask" })).toMatchObject({ status: 422 });
  });

  it("feature-extraction: each text's own tokens, or vectors", async () => {
    const texts = ["a day", "the old city of rome"];
    const apart = await Promise.all(
      texts.map((text) => served.reference("feature-extraction", "feature-extraction", text)),
    );
    const together = await served.result("/models/feature-extraction", { inputs: texts });
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
    const vector = await served.result(path, { inputs: "a day", normalize: true, parameters: { pooling: "mean" } });
    expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
    expect((await served.post(path, { inputs: "a day", normalize: true })).body.error).toContain("pooling");
  });

  it("text-generation", async () => {
    const parameters = { max_new_tokens: 4, do_sample: false, return_full_text: false };
    const wanted = await served.reference("text-generation", "stories", "this film", {
      ...{ maxNewTokens: 4, doSample: false, returnFullText: false },
    });
    const [{ generatedText }] = wanted as [{ generatedText: string }]; // safe because one prompt gives one text
    const found = await served.result("/models/stories", { inputs: "this film", parameters });
    expect(found).toEqual([{ generated_text: generatedText }]);
    expect(await served.result("/models/stories", { inputs: ["this film", "this film"], parameters })).toEqual([
      found,
      found,
    ]);
    const copies = { max_new_tokens: 4, num_return_sequences: 3, seed: 1, temperature: 1.5 };
    expect(await served.result("/models/stories", { inputs: "great", parameters: copies })).toHaveLength(3);
    const word = generatedText.trim().split(" ")[1] ?? "?";
    const stopped = await served.result("/models/stories", {
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
      const one = await served.result(`/models/${id}`, { inputs: "a day", parameters });
      expect(one).toEqual([{ [field]: expect.any(String) }]);
      expect(await served.result(`/models/${id}`, { inputs: ["a day", "a day"], parameters })).toEqual([
        one[0],
        one[0],
      ]);
      expect(
        await served.result(`/models/${id}`, { inputs: "a day", parameters: { generate_parameters: parameters } }),
      ).toEqual(one);
    }
    const beams = { max_new_tokens: 3, num_beams: 2, num_return_sequences: 2 };
    expect(await served.result("/models/t5", { inputs: "a day", parameters: beams })).toHaveLength(2);
  });

  it("options that clients send are kept to, others are refused", async () => {
    const wanted = await served.result("/models/ana/mood", { inputs: "bad" });
    const options = { wait_for_model: true, use_cache: false };
    expect(await served.result("/models/ana/mood", { inputs: "bad", options, parameters: { top_k: null } })).toEqual(
      wanted,
    );
    const gpu = await served.post("/models/ana/mood", { inputs: "bad", options: { use_gpu: true } });
    expect(gpu).toMatchObject({ status: 400, body: { error: expect.stringContaining("options.use_gpu") } });
  });

  it("a server of one model is its endpoint", async () => {
    const one = await served.make({ models: [served.folder("mood")] });
    const request = { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"inputs":"bad"}' };
    expect(await (await one.app.request("/", request)).json()).toEqual(
      await served.result("/models/ana/mood", { inputs: "bad" }),
    );
    expect(await served.post("/", { inputs: "bad" })).toMatchObject({ status: 404 });
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
    expect(await served.post("/models/ana/mood", body)).toMatchObject({
      status,
      body: { error: expect.stringContaining(text) },
    });
  });

  it("an unknown model has the nearest name", async () => {
    expect(await served.post("/models/ana/mod", { inputs: "bad" })).toMatchObject({
      ...{ status: 404, body: { error: 'There is no model "ana/mod" here. Did you mean "ana/mood"?' } },
    });
    expect(await served.post("/models/%zz", { inputs: "bad" })).toMatchObject({ status: 400 });
    expect(await served.post("/nowhere", {})).toMatchObject({
      status: 404,
      body: { error: "There is no POST /nowhere." },
    });
  });

  it("a body of another type is refused: pages could send it unasked", async () => {
    const sent = { headers: { "Content-Type": "text/plain" } };
    expect(await served.post("/models/ana/mood", { inputs: "bad" }, sent)).toMatchObject({ status: 415 });
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
    const mood = served.folder("mood");
    await expect(modelServer({ models: [] })).rejects.toMatchObject({ code: "INVALID_OPTION" });
    await expect(modelServer({ models: [mood, mood] })).rejects.toMatchObject({ code: "DUPLICATE_MODEL" });
    await expect(modelServer({ models: [{ model: mood, task: "fill-mask" }] })).rejects.toMatchObject({
      code: "WRONG_TASK",
    });
    await expect(modelServer({ models: [{ model: mood, task: "tex-classification" }] })).rejects.toMatchObject({
      code: "UNKNOWN_TASK",
    });
    await expect(modelServer({ models: [join(served.root, "nowhere")] })).rejects.toMatchObject({
      code: "MODEL_NOT_FOUND",
    });
    const taken = await served.make({ models: [mood] });
    await expect(taken.listen({ port: Number(new URL(served.url).port) })).rejects.toMatchObject({
      code: "PORT_IN_USE",
    });
  });
});

it("nothing went wrong that nobody expected", () => expect(served.logged).toEqual([]));
