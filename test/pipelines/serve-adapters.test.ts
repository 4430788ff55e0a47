// Served models with adapters of LoRA, chosen by each request: by adapter_id below /models, by the model's name below /v1.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PipelineInfo, pipeline, type TextGenerationPipeline } from "../../pipelines/index.ts";
import { loadPretrained } from "../../src/models/auto.ts";
import { addAdapter, saveAdapter } from "../../src/models/lora.ts";
import { Generator, noGrad, tensor } from "../../src/tensor/index.ts";
import { Serving } from "../support/served.ts";

const served = new Serving();
let run: TextGenerationPipeline & PipelineInfo;
const GREEDY = { doSample: false, maxNewTokens: 8, returnFullText: false };

/** An adapter whose texts are others. */
async function writeAdapter(model: string, name: string, seed: number): Promise<string> {
  const base = await loadPretrained(served.folder(model));
  const init = { generator: new Generator(seed) };
  addAdapter(base, { r: 2, targetModules: ["c_attn"], loraAlpha: 64 }, init);
  // Fresh ones change nothing: their second matrix is zero.
  for (const [path, parameter] of base.namedParameters()) {
    if (!path.includes("lora_B")) continue;
    const count = parameter.shape.reduce((product, size) => product * size, 1);
    const values = tensor(Array.from({ length: count }, (_, at) => Math.sin(seed + 1.3 * at))).reshape(parameter.shape);
    noGrad(() => parameter.copy_(values));
  }
  await saveAdapter(base, served.folder(name));
  return served.folder(name);
}

beforeAll(async () => {
  await served.writeModels();
  const poems = await writeAdapter("talker", "poems", 1);
  const news = await writeAdapter("talker", "news", 2);
  const other = await writeAdapter("stories", "other-news", 3);
  run = await pipeline("text-generation", served.folder("talker"), { adapters: { poems, news } });
  await served.start({
    models: [
      { model: served.folder("talker"), id: "ana/talker", adapters: { poems, news } },
      { model: served.folder("stories"), adapters: { news: other } },
      served.folder("mood"),
    ],
  });
});
afterAll(() => run.dispose());

async function textOf(adapter: string | null, prompt = "this film"): Promise<string> {
  const [text] = await run(prompt, { ...GREEDY, adapter });
  return text?.generatedText ?? "";
}

const complete = async (model: string, more: object = {}, path = "/v1/completions"): Promise<string> => {
  const body = { model, prompt: "this film", temperature: 0, max_tokens: 8, ...more };
  return (await served.result(path, body)).choices[0].text;
};

describe("adapters of served models", () => {
  it("make texts of their own", async () => {
    const texts = await Promise.all([textOf(null), textOf("poems"), textOf("news")]);
    expect(new Set(texts).size).toBe(3);
  });

  it("are chosen by adapter_id below /models", async () => {
    const parameters = { max_new_tokens: 8, do_sample: false, return_full_text: false };
    for (const adapter of [null, "poems", "news"]) {
      const body = { inputs: "this film", parameters: { ...parameters, adapter_id: adapter } };
      expect(await served.result("/models/ana/talker", body)).toEqual([{ generated_text: await textOf(adapter) }]);
    }
  });

  it("are models of their own below /v1", async () => {
    const { data } = await (await fetch(`${served.url}/v1/models`)).json();
    const rows = data.map(({ id, parent }: { id: string; parent?: string }) => [id, parent]);
    expect(rows).toEqual([
      ["ana/talker", undefined],
      ["stories", undefined],
      ["mood", undefined],
      ["poems", "ana/talker"],
      ["ana/talker:news", "ana/talker"],
      ["stories:news", "stories"],
    ]);
    expect(await complete("ana/talker")).toBe(await textOf(null));
    for (const name of ["poems", "ana/talker:poems"]) expect(await complete(name)).toBe(await textOf("poems"));
    expect(await complete("ana/talker:news")).toBe(await textOf("news"));
    const at = "/models/ana/talker/v1/completions";
    for (const name of ["news", "ana/talker:news"]) expect(await complete(name, {}, at)).toBe(await textOf("news"));
    expect(await complete("tgi", {}, at)).toBe(await textOf(null));
    const shown = await (await fetch(`${served.url}/v1/models/ana/talker:poems`)).json();
    expect(shown).toMatchObject({ id: "ana/talker:poems", parent: "ana/talker" });
  });

  it("go beside each other and beside the model alone", async () => {
    const names = ["ana/talker", "poems", "ana/talker:news", "poems", "ana/talker"];
    const prompts = ["this film", "great", "i love", "a very dull", "story"];
    const apart: string[] = [];
    for (const [at, name] of names.entries()) apart.push(await complete(name, { prompt: prompts[at] }));
    const all = names.map((name, at) => complete(name, { prompt: prompts[at] }));
    expect(await Promise.all(all)).toEqual(apart);
  });

  it("are the same in threads", async () => {
    const adapters = { poems: served.folder("poems"), news: served.folder("news") };
    const own = await served.make({ models: [{ model: served.folder("talker"), adapters }], worker: true });
    const { url: at } = await own.listen();
    expect(own.models[0]?.adapters).toEqual(["poems", "news"]);
    const texts = ["talker", "poems", "news"].map(async (model) => {
      const body = { model, prompt: "this film", temperature: 0, max_tokens: 8 };
      return (await served.result("/v1/completions", body, { at })).choices[0].text;
    });
    expect(await Promise.all(texts)).toEqual([await textOf(null), await textOf("poems"), await textOf("news")]);
  });

  it.each([
    ["/models/ana/talker", { inputs: "a", parameters: { adapter_id: "poem" } }, 404, 'Did you mean "poems"?'],
    ["/models/ana/talker", { inputs: "a", stream: true, parameters: { adapter_id: "poem" } }, 404, "poems"],
    ["/models/mood", { inputs: "a", parameters: { adapter_id: "poems" } }, 404, "without any"],
    ["/models/ana/talker", { inputs: "a", parameters: { adapter_id: 3 } }, 400, "adapter_id"],
    ["/v1/completions", { model: "ana/talker:poem", prompt: "a" }, 404, "ana/talker:poems"],
    ["/v1/completions", { model: "news", prompt: "a" }, 404, "news"],
  ])("%s %j: %i", async (path, body, status, said) => {
    const answer = await served.post(path, body);
    expect(answer.status).toBe(status);
    expect(JSON.stringify(answer.body)).toContain(said.replaceAll('"', '\\"'));
  });

  it("are served with their base where a folder is nothing but one", async () => {
    const path = join(served.folder("poems"), "adapter_config.json");
    const config = JSON.parse(await readFile(path, "utf8"));
    await writeFile(path, JSON.stringify({ ...config, base_model_name_or_path: served.folder("talker") }));
    const own = await served.make({ models: [served.folder("poems")] });
    const { url: at } = await own.listen();
    expect(own.models).toMatchObject([{ id: "poems", task: "text-generation", adapters: ["default"] }]);
    const body = { model: "poems", prompt: "this film", temperature: 0, max_tokens: 8 };
    expect((await served.result("/v1/completions", body, { at })).choices[0].text).toBe(await textOf("poems"));
  });

  it("that are none are refused when the server starts", async () => {
    const models = [{ model: served.folder("talker"), adapters: { none: served.folder("mood") } }];
    await expect(served.make({ models })).rejects.toThrow("adapter_");
  });
});

it("nothing went wrong that nobody expected", () => expect(served.logged).toEqual([]));
