// Served models and huggingface_hub's InferenceClient: each task called as a Python user would, with what the pipeline itself gives.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ModelServer, modelServer, pipeline } from "../../pipelines/index.ts";
import { packageFile } from "../../src/package-root.ts";
import { Tensor } from "../../src/tensor/index.ts";
import { type ModelCase, writeCheckpoint } from "../support/model-goldens.ts";
import { tinyClassifier, tinyLanguageModel } from "../support/tiny-models.ts";
import { describeClients, type Python, PythonHome } from "./python.ts";

const golden: {
  tokenizer: object;
  tokenizerConfig: object;
  models: Record<string, Pick<ModelCase, "config" | "tensors">>;
} = JSON.parse(readFileSync(packageFile("test", "goldens", "pipelines", "encoders.json"), "utf8"));

const TEMPLATE = "{% for m in messages %}{{ m.content }} {% endfor %}{% if add_generation_prompt %}film{% endif %}";
const ENCODERS = [
  "zero-shot-classification",
  "feature-extraction",
  "question-answering",
  "token-classification",
  "fill-mask",
];

describeClients("InferenceClient", () => {
  const root = mkdtempSync(join(tmpdir(), "abrazo-inference-"));
  let home: PythonHome;
  let python: Python;
  let server: ModelServer;
  let url = "";

  beforeAll(async () => {
    for (const name of ENCODERS) {
      const model = golden.models[name];
      if (model === undefined) throw new Error(`no model for ${name}`);
      const at = await writeCheckpoint({ ...model, note: "", inputs: {}, outputs: {} }, join(root, name));
      await writeFile(join(at, "tokenizer.json"), JSON.stringify(golden.tokenizer));
      await writeFile(join(at, "tokenizer_config.json"), JSON.stringify(golden.tokenizerConfig));
    }
    await tinyClassifier(join(root, "mood"));
    await tinyLanguageModel(join(root, "talker"), 1, 64);
    await writeFile(join(root, "talker", "chat_template.jinja"), TEMPLATE);
    const models = [...ENCODERS, "mood", "talker"].map((name) => ({
      ...{ model: join(root, name), id: name },
      ...(name === "zero-shot-classification" ? { task: name } : {}),
    }));
    server = await modelServer({ models });
    ({ url } = await server.listen());
    home = await PythonHome.make("http://127.0.0.1:9");
    python = home.python();
    await python.run(
      `
      from huggingface_hub import InferenceClient
      def client(name):
          return InferenceClient(model=f"{url}/models/{name}")
      def plain(value):
          return [plain(item) for item in value] if isinstance(value, list) else dict(value)
      `,
      { url },
    );
  }, 120_000);
  afterAll(async () => {
    await server?.close();
    await home?.remove();
    rmSync(root, { recursive: true });
  });

  /** What the pipeline gives here. */
  async function here(task: string, name: string, ...args: unknown[]): Promise<unknown> {
    const run = await pipeline(task as "text-classification", join(root, name)); // safe because pipeline() refuses what is no task
    const output: unknown = await (run as unknown as (...given: unknown[]) => Promise<unknown>)(...args); // safe because each task is a function
    await run.dispose();
    return output instanceof Tensor ? output.tolist() : output;
  }

  it("classifies texts, also by labels of the caller's", async () => {
    const [moods, labels] = await python.run<[unknown, unknown]>(`
      moods = plain(client("mood").text_classification("i love this book", top_k=2))
      result = [moods, plain(client("zero-shot-classification").zero_shot_classification("the film is great", ["sport", "music"], multi_label=True))]
    `);
    expect(moods).toMatchObject(
      (await here("text-classification", "mood", "i love this book", { topK: 2 })) as object[],
    ); // safe because topK gives a list
    const options = { multiLabel: true };
    const wanted = await here(
      "zero-shot-classification",
      "zero-shot-classification",
      "the film is great",
      ["sport", "music"],
      options,
    );
    const { labels: names, scores } = wanted as { labels: string[]; scores: number[] }; // safe because one text gives this
    expect(labels).toMatchObject(names.map((label, at) => ({ label, score: scores[at] })));
  });

  it("finds entities, answers, words behind masks, features", async () => {
    const found = await python.run<Record<string, unknown>>(`
      answer = client("question-answering").question_answering(question="who lives in berlin ?", context="Ana lives in Berlin . Maria works in Paris .")
      result = {
          "answer": dict(answer[0] if isinstance(answer, list) else answer),
          "entities": plain(client("token-classification").token_classification("Ana lives in Berlin .")),
          "words": plain(client("fill-mask").fill_mask("ana [MASK] the book")),
          "features": client("feature-extraction").feature_extraction("the river is old").tolist(),
      }
    `);
    expect(found["answer"]).toMatchObject(
      (await here(
        "question-answering",
        "question-answering",
        "who lives in berlin ?",
        "Ana lives in Berlin . Maria works in Paris .",
      )) as object,
    ); // safe because one question gives one answer
    expect(found["entities"]).toHaveLength(
      (
        (await here("token-classification", "token-classification", "Ana lives in Berlin .", {
          aggregationStrategy: "simple",
        })) as unknown[]
      ).length, // safe because a text gives a list
    );
    const words = (await here("fill-mask", "fill-mask", "ana [MASK] the book")) as {
      token: number;
      sequence: string;
    }[]; // safe because one mask gives a list
    expect(found["words"]).toMatchObject(words.map(({ token, sequence }) => ({ token, sequence })));
    const features = found["features"] as number[][] | number[][][]; // safe because features are nested lists
    expect(features.flat(2)).toHaveLength(
      ((await here("feature-extraction", "feature-extraction", "the river is old")) as number[][][]).flat(2).length,
    ); // safe because a text gives a matrix
  });

  it("writes texts and chats, whole and as a stream", async () => {
    const found = await python.run<{ text: string; chat: string; pieces: string[] }>(`
      chat = InferenceClient(base_url=f"{url}/v1")
      options = dict(model="talker", messages=[{"role": "user", "content": "i love this"}], max_tokens=6, temperature=0)
      result = {
          "text": client("talker").text_generation("i love this", max_new_tokens=6, do_sample=False, return_full_text=False),
          "chat": chat.chat_completion(**options).choices[0].message.content,
          "pieces": [event.choices[0].delta.content or "" for event in chat.chat_completion(**options, stream=True) if event.choices],
      }
    `);
    const options = { doSample: false, maxNewTokens: 6, returnFullText: false };
    const [text] = (await here("text-generation", "talker", "i love this", options)) as { generatedText: string }[]; // safe because a prompt gives a list
    expect(found.text).toBe(text?.generatedText);
    const messages = [{ role: "user", content: "i love this" }];
    const [chat] = (await here("text-generation", "talker", messages, options)) as { generatedText: string }[]; // safe as above
    expect(found.chat).toBe(chat?.generatedText);
    expect(found.pieces.join("")).toBe(found.chat);
    expect(found.pieces.length).toBeGreaterThan(2);
  });
});
