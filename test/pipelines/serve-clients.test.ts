// Served models and the JavaScript clients that people have: @huggingface/inference and openai, pointed at this server and otherwise as they come.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceClient, type TextGenerationStreamOutput } from "@huggingface/inference";
import { OpenAI } from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ModelServer, modelServer, pipeline } from "../../pipelines/index.ts";
import { png, SERVED, writeServed } from "../support/pipeline-goldens.ts";

const root = mkdtempSync(join(tmpdir(), "abrazo-clients-"));
let server: ModelServer;
let url = "";

beforeAll(async () => {
  server = await modelServer({ apiKey: "secret", models: await writeServed(root) });
  ({ url } = await server.listen());
});
afterAll(async () => {
  await server.close();
  rmSync(root, { recursive: true });
});

const MESSAGES = [{ role: "user" as const, content: "i love this" }];

/** The answer of the pipeline itself, six tokens without drawing. */
async function answerHere(): Promise<string> {
  const talk = await pipeline("text-generation", join(root, "talker"));
  const [answer] = await talk(MESSAGES, { doSample: false, maxNewTokens: 6, returnFullText: false });
  await talk.dispose();
  return answer?.generatedText ?? "";
}

describe("@huggingface/inference", () => {
  const client = (name: string) => new InferenceClient("secret", { endpointUrl: `${url}/models/${name}` });

  it("classifies, answers, fills, extracts", async () => {
    const moods = await client("mood").textClassification({ inputs: "i love this book", parameters: { top_k: 2 } });
    expect(moods.map(({ label }) => label).sort()).toEqual(["NEGATIVE", "POSITIVE"]);
    const labels = await client("zero-shot-classification").zeroShotClassification({
      inputs: "the film is great",
      parameters: { candidate_labels: ["sport", "music"] },
    });
    expect(labels.map(({ label }) => label).sort()).toEqual(["music", "sport"]);
    const inputs = { question: "who lives in berlin ?", context: "Ana lives in Berlin . Maria works in Paris ." };
    expect((await client("question-answering").questionAnswering({ inputs })).answer).toBeTypeOf("string");
    const entities = await client("token-classification").tokenClassification({ inputs: "Ana lives in Berlin ." });
    expect(entities.length).toBeGreaterThan(0);
    const words = await client("fill-mask").fillMask({ inputs: "ana [MASK] the book" });
    expect(words).toHaveLength(5);
    const features = await client("feature-extraction").featureExtraction({ inputs: "the river is old" });
    expect(features.length).toBeGreaterThan(0);
  });

  it("classifies images, also by labels of the caller's", async () => {
    const picture = new Blob([new Uint8Array(png("wide"))], { type: "image/png" });
    const classify = await pipeline("image-classification", join(root, "image-classification"));
    const wanted = await classify(png("wide"));
    await classify.dispose();
    expect(await client("image-classification").imageClassification({ data: picture })).toEqual(wanted);
    expect(await client("image-classification").imageClassification({ inputs: picture })).toEqual(wanted);
    const labels = ["cat", "old dog", "house"];
    const compare = await pipeline("zero-shot-image-classification", join(root, "zero-shot-image-classification"));
    const found = await client("zero-shot-image-classification").zeroShotImageClassification({
      inputs: picture,
      parameters: { candidate_labels: labels },
    });
    expect(found).toEqual(await compare(png("wide"), labels));
    await compare.dispose();
  });

  it("writes texts token by token", async () => {
    const parameters = { max_new_tokens: 6, do_sample: false, return_full_text: false };
    const run = await pipeline("text-generation", join(root, "talker"));
    const [whole] = await run("i love this", { maxNewTokens: 6, doSample: false, returnFullText: false });
    await run.dispose();
    const pieces: string[] = [];
    for await (const event of client("talker").textGenerationStream({ inputs: "i love this", parameters })) {
      // This version of it asks /v1/completions, whatever its types say.
      const { choices } = event as unknown as { choices: { text: string }[] }; // safe because that is the shape of a completion's chunk
      pieces.push(choices[0]?.text ?? "");
    }
    expect([pieces.join(""), pieces.length > 3]).toEqual([whole?.generatedText, true]);
    const wrong = client("talker").textGenerationStream({ inputs: "a", parameters: { watermark: true } });
    await expect(wrong.next()).rejects.toThrow("watermark");
  });

  it("reads text-generation-inference's events below /models", async () => {
    // Versions of it that spoke to /models sent the same under other names.
    const older: typeof fetch = (address, init) => {
      const body = JSON.parse(String(init?.body));
      const { prompt: inputs, max_tokens: max_new_tokens, stream, model: _, ...parameters } = body;
      const sent = { inputs, stream, parameters: { max_new_tokens, ...parameters } };
      return fetch(String(address).replace("/v1/completions", ""), { ...init, body: JSON.stringify(sent) });
    };
    const talker = new InferenceClient("secret", { endpointUrl: `${url}/models/talker`, fetch: older });
    let text = "";
    let last: TextGenerationStreamOutput | undefined;
    const parameters = { max_new_tokens: 6, do_sample: false, details: true };
    for await (const event of talker.textGenerationStream({ inputs: "i love this", parameters })) {
      if (!event.token.special) text += event.token.text;
      expect(event.token.logprob).toBeLessThanOrEqual(0);
      last = event;
    }
    expect(last).toMatchObject({ generated_text: text, details: { generated_tokens: last?.index, seed: null } });
  });

  it("writes texts, and chats whole and as a stream", async () => {
    const parameters = { max_new_tokens: 6, temperature: 0 };
    const written = await client("talker").textGeneration({ inputs: "i love this", parameters });
    expect(written.generated_text.length).toBeGreaterThan(3);
    const options = { messages: MESSAGES, max_tokens: 6, temperature: 0, model: "talker" };
    const chat = await client("talker").chatCompletion(options);
    expect(chat.choices[0]?.message.content).toBe(await answerHere());
    let text = "";
    for await (const event of client("talker").chatCompletionStream(options))
      text += event.choices[0]?.delta.content ?? "";
    expect(text).toBe(await answerHere());
  });
});

describe("openai", () => {
  const client = (apiKey = "secret") => new OpenAI({ apiKey, baseURL: `${url}/v1`, maxRetries: 0 });

  it("lists models, writes chats and texts, whole and as a stream, with usage", async () => {
    const models: string[] = [];
    for await (const { id } of client().models.list()) models.push(id);
    expect(models.sort()).toEqual([...SERVED].sort());
    const options = { model: "talker", messages: MESSAGES, max_tokens: 6, temperature: 0 };
    const chat = await client().chat.completions.create(options);
    expect(chat.choices[0]?.message.content).toBe(await answerHere());
    expect(chat.usage?.completion_tokens).toBe(6);
    let text = "";
    for await (const event of await client().chat.completions.create({ ...options, stream: true })) {
      text += event.choices[0]?.delta.content ?? "";
    }
    expect(text).toBe(await answerHere());
    const written = await client().completions.create({
      model: "talker",
      prompt: "i love this",
      max_tokens: 4,
      temperature: 0,
    });
    expect(written.choices[0]?.finish_reason).toBe("length");
  });

  it("embeds, in base64 as it asks by itself", async () => {
    const { data } = await client().embeddings.create({
      model: "feature-extraction",
      input: ["a day", "the old city"],
    });
    expect(data.map(({ embedding }) => embedding.length)).toEqual([16, 16]);
    const embed = await pipeline("feature-extraction", join(root, "feature-extraction"));
    const wanted = (await embed(["a day"], { pooling: "mean" })).tolistSync() as number[][]; // safe because its shape is [1, 16]
    await embed.dispose();
    const found = data[0]?.embedding ?? [];
    const cosine =
      found.reduce((sum, value, at) => sum + value * (wanted[0]?.[at] ?? 0), 0) /
      (Math.hypot(...found) * Math.hypot(...(wanted[0] ?? [])));
    expect(cosine).toBeGreaterThan(0.999);
  });

  it("gets errors of its own kinds", async () => {
    await expect(client("wrong").models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    const unknown = client().chat.completions.create({ model: "talkr", messages: MESSAGES });
    await expect(unknown).rejects.toThrow(/talker/);
    await expect(unknown).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    const tools = client().chat.completions.create({ model: "talker", messages: MESSAGES, logit_bias: { 3: 1 } });
    await expect(tools).rejects.toBeInstanceOf(OpenAI.BadRequestError);
  });
});
