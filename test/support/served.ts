// Servers of models for a test file: made in a folder of their own, asked over HTTP, and closed with the file.
// Asserts only that an answer that is taken as good is one.
import { mkdtempSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import { type ModelServer, type ModelServerOptions, modelServer, pipeline } from "../../pipelines/index.ts";
import { setLogListener } from "../../src/log.ts";
import { Tensor } from "../../src/tensor/index.ts";
import { writeEncoders, writeSeq2Seq } from "./pipeline-goldens.ts";
import { tinyClassifier, tinyLanguageModel } from "./tiny-models.ts";

interface Sent {
  at?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

const TEMPLATE =
  "{% for m in messages %}{{ m.content }} {% endfor %}{% if add_generation_prompt %}this film{% endif %}";

/** What is not over soon, of the model "talker". */
export const LONG = { model: "talker", prompt: "this film", max_tokens: 500, temperature: 1.5, seed: 3, n: 16 };

export class Serving {
  readonly root = mkdtempSync(join(tmpdir(), "abrazo-serve-"));
  /** Errors that were logged. */
  readonly logged: string[] = [];
  /** Address of the server that is asked where a request names none. */
  url = "";
  readonly #open: ModelServer[] = [];

  constructor() {
    const restore = setLogListener(({ level, message }) => level === "error" && this.logged.push(message));
    afterAll(async () => {
      for (const each of this.#open) await each.close();
      restore();
      rmSync(this.root, { recursive: true });
    });
  }

  folder(name: string): string {
    return join(this.root, name);
  }

  /** Models of all tasks of texts: "mood", "stories", "talker", "t5", and those that go by the names of their tasks. */
  async writeModels(): Promise<void> {
    await writeEncoders(this.root);
    await writeSeq2Seq(this.root);
    await tinyClassifier(this.folder("mood"));
    await tinyLanguageModel(this.folder("stories"), 1, 64);
    await this.writeTalker();
  }

  /** A model that chats; nothing ends its texts but their length. */
  async writeTalker(): Promise<void> {
    await tinyLanguageModel(this.folder("talker"), 1, 512);
    const path = join(this.folder("talker"), "tokenizer_config.json");
    const config = JSON.parse(await readFile(path, "utf8"));
    await writeFile(path, JSON.stringify({ ...config, chat_template: TEMPLATE }));
    await writeFile(join(this.folder("talker"), "generation_config.json"), JSON.stringify({ suppress_tokens: [3] }));
  }

  async make(options: ModelServerOptions): Promise<ModelServer> {
    const made = await modelServer(options);
    this.#open.push(made);
    return made;
  }

  /** One that listens, and is the one that is asked. */
  async start(options: ModelServerOptions): Promise<ModelServer> {
    const made = await this.make(options);
    ({ url: this.url } = await made.listen());
    return made;
  }

  send(path: string, body: unknown, { at = this.url, headers, signal }: Sent = {}): Promise<Response> {
    return fetch(`${at}${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
      ...(signal !== undefined && { signal }),
    });
  }

  async post(path: string, body: unknown, sent: Sent = {}) {
    const response = await this.send(path, body, sent);
    return { status: response.status, headers: response.headers, body: JSON.parse(await response.text()) };
  }

  async result(path: string, body: unknown, sent: Sent = {}) {
    const answer = await this.post(path, body, sent);
    expect(answer, JSON.stringify(answer.body)).toMatchObject({ status: 200 });
    return answer.body;
  }

  /** What a pipeline gives for a model of this folder. */
  async reference(task: string, name: string, ...args: unknown[]): Promise<unknown> {
    const run = await pipeline(task as "text-classification", this.folder(name)); // safe because pipeline() refuses what is no task
    try {
      const output: unknown = await (run as unknown as (...given: unknown[]) => Promise<unknown>)(...args); // safe because what it takes is the test's matter
      return output instanceof Tensor ? await output.tolist() : output;
    } finally {
      await run.dispose();
    }
  }
}

/** The values of an event stream, with how many pieces the network gave them in. */
export async function eventsOf(response: Response): Promise<{ values: string[]; reads: number }> {
  let [text, reads] = ["", 0];
  for await (const piece of response.body ?? []) {
    text += Buffer.from(piece).toString("utf8");
    reads++;
  }
  const values = text.split("\n\n").filter((event) => event !== "");
  expect(values.every((value) => value.startsWith("data: "))).toBe(true);
  return { values: values.map((value) => value.slice("data: ".length)), reads };
}
