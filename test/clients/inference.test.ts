// Served models and huggingface_hub's InferenceClient: each task called as a Python user would, with what the pipeline itself gives.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ModelServer, modelServer, pipeline } from "../../pipelines/index.ts";
import { Tensor } from "../../src/tensor/index.ts";
import { png, writeServed } from "../support/pipeline-goldens.ts";
import { ClientHome, describeClients, type Python } from "./python.ts";

describeClients("InferenceClient", () => {
  const root = mkdtempSync(join(tmpdir(), "abrazo-inference-"));
  let home: ClientHome;
  let python: Python;
  let server: ModelServer;
  let url = "";

  beforeAll(async () => {
    server = await modelServer({ models: await writeServed(root) });
    ({ url } = await server.listen());
    home = await ClientHome.make("http://127.0.0.1:9");
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

  it("writes texts token by token, with details", async () => {
    interface Event {
      index: number;
      token: { id: number; text: string; logprob: number; special: boolean };
      generated_text: string | null;
      details: { finish_reason: string; generated_tokens: number; seed: number | null } | null;
    }
    const found = await python.run<{
      pieces: string[];
      events: Event[];
      whole: Event & { details: { tokens: unknown[] } };
    }>(`
      from dataclasses import asdict
      options = dict(max_new_tokens=6, do_sample=False, return_full_text=False)
      talker = client("talker")
      result = {
          "pieces": list(talker.text_generation("i love this", stream=True, **options)),
          "events": [asdict(event) for event in talker.text_generation("i love this", stream=True, details=True, **options)],
          "whole": asdict(talker.text_generation("i love this", details=True, **options)),
      }
    `);
    const options = { doSample: false, maxNewTokens: 6, returnFullText: false };
    const [text] = (await here("text-generation", "talker", "i love this", options)) as { generatedText: string }[]; // safe because a prompt gives a list
    const shown = found.events.filter(({ token }) => !token.special).map(({ token }) => token.text);
    expect([found.pieces.length, shown.join("")]).toEqual([found.events.length, text?.generatedText]);
    expect(found.events.at(-1)).toMatchObject({
      generated_text: text?.generatedText,
      details: { generated_tokens: found.events.length, seed: null },
    });
    expect(found.whole).toMatchObject({ generated_text: text?.generatedText });
    expect(found.whole.details.tokens).toEqual(found.events.map(({ token }) => token));
  });

  it("classifies images, also by labels of the caller's", async () => {
    const found = await python.run<Record<string, unknown>>(
      `
      import base64, pathlib, tempfile
      picture = base64.b64decode(picture)
      path = pathlib.Path(tempfile.mkdtemp()) / "picture.png"
      path.write_bytes(picture)
      classifier = client("image-classification")
      result = {
          "bytes": plain(classifier.image_classification(picture)),
          "path": plain(classifier.image_classification(str(path))),
          "two": plain(classifier.image_classification(path, top_k=2)),
          "labels": plain(client("zero-shot-image-classification").zero_shot_image_classification(picture, ["cat", "old dog", "house"])),
      }
      `,
      { picture: png("wide").toString("base64") },
    );
    const all = await here("image-classification", "image-classification", png("wide"));
    expect([found["bytes"], found["path"]]).toEqual([all, all]);
    expect(found["two"]).toEqual(await here("image-classification", "image-classification", png("wide"), { topK: 2 }));
    const task = "zero-shot-image-classification";
    expect(found["labels"]).toEqual(await here(task, task, png("wide"), ["cat", "old dog", "house"]));
  });
});
