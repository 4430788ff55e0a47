// abrazo serve-model as a user types it: what it prints, what it answers, how it ends, what is wrong with its words.
import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseCommand } from "../../src/cli/command.ts";
import { serveModel } from "../../src/cli/commands/serve-model.ts";
import { loadPretrained } from "../../src/models/auto.ts";
import { addAdapter, saveAdapter } from "../../src/models/lora.ts";
import { Generator } from "../../src/tensor/index.ts";
import { type CliResult, runCli, startCli } from "../support/cli.ts";
import { tinyClassifier, tinyLanguageModel } from "../support/tiny-models.ts";

const LIMIT = 60_000;

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "abrazo-serve-model-"));
  await tinyClassifier(join(home, "mood"));
  await tinyLanguageModel(join(home, "stories"));
  await tinyLanguageModel(join(home, "long"), 1, 512);
  const base = await loadPretrained(join(home, "stories"));
  addAdapter(base, { r: 2, targetModules: ["c_attn"] }, { generator: new Generator(0) });
  await saveAdapter(base, join(home, "news"));
});
afterAll(() => rm(home, { recursive: true, force: true }));

const abrazo = (...args: string[]): Promise<CliResult> => runCli(["serve-model", ...args], { home });

/** What a started server printed first, and how it ended. */
async function started(args: readonly string[], env: Record<string, string> = {}) {
  const child: ChildProcess = startCli(["serve-model", ...args], { home, env });
  let [out, err] = ["", ""];
  child.stderr?.on("data", (chunk: Buffer) => {
    err += chunk;
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on("data", (chunk: Buffer) => {
      out += chunk;
      if (out.endsWith("\n")) resolve();
    });
    child.once("close", () => reject(new Error(`serve-model ended: ${out}${err}`)));
  });
  return { child, ended, out: () => out, err: () => err };
}

const post = (url: string, body: object, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });

describe("abrazo serve-model", { timeout: LIMIT }, () => {
  it("has help that says what it takes", async () => {
    const { status, stdout, stderr } = await abrazo("--help");
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("Usage: abrazo serve-model MODEL… [flags]");
    for (const flag of Object.keys(serveModel.flags ?? {})) expect(stdout).toContain(`--${flag} `);
  });

  it("serves models until it is interrupted, and ends in order", async () => {
    const { child, ended, out, err } = await started([join(home, "mood"), join(home, "stories"), "--port", "0"]);
    const [, url = ""] = /^Models listening on (http:\/\/127\.0\.0\.1:\d+)$/m.exec(out()) ?? [];
    expect(out()).toContain("  mood  text-classification\n  stories  text-generation\n");
    expect(await (await post(`${url}/models/mood`, { inputs: "great" })).json()).toEqual([
      [
        { label: expect.any(String), score: expect.any(Number) },
        { label: expect.any(String), score: expect.any(Number) },
      ],
    ]);
    const text = post(`${url}/v1/completions`, { model: "stories", prompt: "this film", max_tokens: 4 });
    expect((await text).status).toBe(200);
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
    expect(err()).toContain("Stopping …");
    await expect(fetch(url)).rejects.toThrow();
  });

  it("--json, --api-key and the key of the environment", async () => {
    const words = [join(home, "mood"), "--port", "0", "--json"];
    const key = ["--api-key", "secret"];
    for (const server of [await started([...words, ...key]), await started(words, { ABRAZO_API_KEY: "secret" })]) {
      const { url, models } = JSON.parse(server.out());
      expect(models).toEqual([{ id: "mood", task: "text-classification" }]);
      expect((await post(`${url}/models/mood`, { inputs: "great" })).status).toBe(401);
      const headers = { Authorization: "Bearer secret" };
      expect((await post(`${url}/models/mood`, { inputs: "great" }, headers)).status).toBe(200);
      server.child.kill("SIGINT");
      expect(await server.ended).toBe(0);
    }
  });

  it("computes in threads of its own unless told otherwise, and answers meanwhile", async () => {
    for (const words of [[], ["--workers", "2"], ["--workers", "0"]]) {
      const server = await started([join(home, "long"), join(home, "mood"), "--port", "0", "--json", ...words]);
      const { url } = JSON.parse(server.out());
      const text = { model: "long", prompt: "this film", max_tokens: 300, temperature: 0, n: 1 };
      const long = Array.from({ length: 4 }, () => post(`${url}/v1/completions`, text));
      expect((await fetch(`${url}/health`)).status).toBe(200);
      expect((await post(`${url}/models/mood`, { inputs: "great" })).status).toBe(200);
      const answers = await Promise.all((await Promise.all(long)).map((response) => response.json()));
      expect(new Set(answers.map(({ choices }) => JSON.stringify(choices))).size).toBe(1);
      server.child.kill("SIGTERM");
      expect(await server.ended).toBe(0);
    }
  });

  it("serves a model with adapters", async () => {
    const words = ["--adapter", `news=${join(home, "news")}`, `--adapter=verse=${join(home, "news")}`];
    const server = await started([join(home, "stories"), "--port", "0", ...words]);
    const [, url = ""] = /(http:\/\/\S+)/.exec(server.out()) ?? [];
    expect(server.out()).toContain("  stories  text-generation  + news  + verse\n");
    const body = { inputs: "great", parameters: { adapter_id: "news", max_new_tokens: 3 } };
    expect((await post(`${url}/models/stories`, body)).status).toBe(200);
    expect((await post(`${url}/v1/completions`, { model: "verse", prompt: "a" })).status).toBe(200);
    server.child.kill("SIGTERM");
    expect(await server.ended).toBe(0);
    const wrong = await Promise.all(
      [["news"], ["news=a", "news=b"], [`news=${home}/none`]].map((given) =>
        abrazo(join(home, "stories"), ...given.map((each) => `--adapter=${each}`)),
      ),
    );
    expect(wrong.map(({ status }) => status)).toEqual([2, 2, 1]);
    const two = await abrazo(join(home, "stories"), join(home, "mood"), "--adapter=news=a");
    expect([two.status, two.stderr]).toEqual([2, expect.stringContaining("one MODEL")]);
  });

  it("says that a wide address is open, and to what", async () => {
    const { child, ended, err } = await started([join(home, "mood"), "--port", "0", "--host", "0.0.0.0"]);
    await expect.poll(err).toContain("there is no --api-key");
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
  });

  it("says what is wrong", async () => {
    const mood = join(home, "mood");
    const found = await Promise.all(
      [[], [mood, "--device", "cup"], [join(home, "none")], [mood, "--task", "fill-mask"], [mood, mood]].map((words) =>
        abrazo(...words),
      ),
    );
    expect(found.map(({ status }) => status)).toEqual([2, 2, 1, 1, 1]);
    const texts = ["MODEL is missing.", 'Did you mean "cpu"?', "There is no folder", "fill-mask", 'called "mood"'];
    for (const [at, text] of texts.entries()) expect(found[at]?.stderr).toContain(text);
  });

  it.each([
    ["port", ["0", "65535"], ["-1", "65536", "1.5", "x"]],
    ["batch-size", ["1", "64"], ["0", "1.5", "x"]],
    ["workers", ["0", "4"], ["-1", "1.5", "x"]],
  ])("--%s is checked where it is given", (flag, right, wrong) => {
    for (const value of right)
      expect(parseCommand(serveModel, ["m", `--${flag}=${value}`]).flags).toHaveProperty(flag, Number(value));
    for (const value of wrong)
      expect(() => parseCommand(serveModel, ["m", `--${flag}=${value}`])).toThrow(
        expect.objectContaining({ code: "USAGE" }),
      );
  });
});
