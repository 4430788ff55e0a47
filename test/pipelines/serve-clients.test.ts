// Served models and the JavaScript clients that people have: @huggingface/inference and openai, pointed at this server and otherwise as they come.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceClient } from "@huggingface/inference";
import { OpenAI } from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ModelServer, modelServer, pipeline } from "../../pipelines/index.ts";
import { packageFile } from "../../src/package-root.ts";
import { type ModelCase, writeCheckpoint } from "../support/model-goldens.ts";
import { tinyClassifier, tinyLanguageModel } from "../support/tiny-models.ts";

type Golden = Pick<ModelCase, "config" | "tensors">;
const encoders: { tokenizer: object; tokenizerConfig: object; models: Record<string, Golden> } = JSON.parse(
  readFileSync(packageFile("test", "goldens", "pipelines", "encoders.json"), "utf8"),
);
const TEMPLATE = "{% for m in messages %}{{ m.content }} {% endfor %}{% if add_generation_prompt %}film{% endif %}";
const ENCODERS = [
  "zero-shot-classification",
  "feature-extraction",
  "question-answering",
  "token-classification",
  "fill-mask",
];

const root = mkdtempSync(join(tmpdir(), "abrazo-clients-"));
let server: ModelServer;
let url = "";

beforeAll(async () => {
  for (const name of ENCODERS) {
    const model = encoders.models[name];
    if (model === undefined) throw new Error(`no model for ${name}`);
    const at = await writeCheckpoint({ ...model, note: "", inputs: {}, outputs: {} }, join(root, name));
    await writeFile(join(at, "tokenizer.json"), JSON.stringify(encoders.tokenizer));
    await writeFile(join(at, "tokenizer_config.json"), JSON.stringify(encoders.tokenizerConfig));
  }
  await tinyClassifier(join(root, "mood"));
  await tinyLanguageModel(join(root, "talker"), 1, 64);
  await writeFile(join(root, "talker", "chat_template.jinja"), TEMPLATE);
  server = await modelServer({
    apiKey: "secret",
    models: [...ENCODERS, "mood", "talker"].map((name) => ({
      ...{ model: join(root, name), id: name },
      ...(name === "zero-shot-classification" ? { task: name } : {}),
    })),
  });
  ({ url } = await server.listen());
}, 60_000);
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
    expect(models.sort()).toEqual([...ENCODERS, "mood", "talker"].sort());
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
