// The command line as a user types it, against a hub that it started itself, with an empty HOME.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packageFile } from "../../src/package-root.ts";
import { CLI } from "../support/cli.ts";

const LIMIT = 120_000;

describe("abrazo", { timeout: LIMIT }, () => {
  let home: string;
  let server: ChildProcess;
  let env: NodeJS.ProcessEnv;

  const abrazo = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [...CLI, ...args], {
      env,
      encoding: "utf8",
      cwd: packageFile(),
    });
    return { status, stdout, stderr };
  };
  const json = (...args: string[]) => {
    const { status, stdout, stderr } = abrazo(...args, "--json");
    expect(stderr).not.toContain("internal:");
    return { status, document: JSON.parse(stdout) };
  };

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "abrazo-home-"));
    const clean = Object.entries(process.env).filter(([name]) => !/^(HF_|ABRAZO_|XDG_|DATABASE_URL)/.test(name));
    env = { ...Object.fromEntries(clean), HOME: home };
    server = spawn(process.execPath, [...CLI, "serve", "--port", "0", "--data", join(home, "hub")], {
      env,
      cwd: packageFile(),
    });
    const url = await new Promise<string>((resolve, reject) => {
      let text = "";
      server.stdout?.on("data", (chunk: Buffer) => {
        text += chunk;
        const found = /^Abrazo hub listening on (http:\S+)$/m.exec(text)?.[1];
        if (found !== undefined) resolve(found);
      });
      server.once("exit", () => reject(new Error(`serve ended: ${text}`)));
    });
    env = { ...env, ABRAZO_ENDPOINT: url };
  }, LIMIT);

  afterAll(async () => {
    const ended = new Promise((resolve) => server.once("exit", resolve));
    server.kill("SIGTERM");
    await ended;
    await rm(home, { recursive: true, force: true });
  });

  it("makes a user through the running server, logs in, and knows who it is", () => {
    const { document } = json("admin", "user", "create", "ana", "--data", join(home, "hub"));
    expect(document.token).toMatch(/^hf_[A-Za-z0-9]{34}$/);
    expect(json("login", "--token", document.token).document.user).toBe("ana");
    expect(json("whoami").document).toMatchObject({ name: "ana", role: "write" });
  });

  it("fine-tunes the shipped classifier on a file, pushes it as two commits, pulls it and runs it", async () => {
    const rows = ["great and lovely", "awful and dull"].flatMap((text, label) =>
      Array.from({ length: 12 }, (_, at) => `${text} ${at}\t${1 - label}`),
    );
    const dataset = join(home, "reviews.tsv");
    await writeFile(dataset, `text\tlabel\n${rows.join("\n")}\n`);
    // A push refreshes the card in its folder, and the shipped one is not ours to change.
    const model = join(home, "model");
    await cp(packageFile("pipelines", "defaults", "text-classification"), model, { recursive: true });
    const first = json("push", model, "ana/mood");
    expect(first.document.commit).toMatch(/^[0-9a-f]{40}$/);
    const trained = json("train", "--model", "ana/mood", "--dataset", dataset, "--steps", "3", "--push", "ana/mood");
    expect(trained.document.pushed.commit).not.toBe(first.document.commit);
    expect(json("pull", "ana/mood", join(home, "pulled")).document.commit).toBe(trained.document.pushed.commit);
    const names = json("ls", "ana/mood").document.map(({ path }: { path: string }) => path);
    expect(names).toEqual(
      expect.arrayContaining(["config.json", "model.safetensors", "tokenizer.json", "training-record.json"]),
    );
    const [result] = json("run", "sentiment-analysis", "What a great and lovely day", "--model", "ana/mood").document;
    expect(result.output.label).toBe("POSITIVE");
  });

  it("refuses a folder with broken weights before a byte is sent", async () => {
    const folder = await mkdtemp(join(home, "broken-"));
    await writeFile(join(folder, "model.safetensors"), "not weights");
    const { status, document } = json("push", folder, "ana/broken");
    expect([status, document.error.code]).toEqual([1, "INVALID_SAFETENSORS"]);
    expect(json("ls", "ana/broken").document.error.code).toBe("HUB_REPO_NOT_FOUND");
  });

  it("offers the nearest name, and tells usage from failure by the exit code", () => {
    expect(abrazo("pul", "x/y")).toMatchObject({ status: 2, stderr: expect.stringContaining('Did you mean "pull"?') });
    expect(abrazo("pull", "x/y", "--revison", "v1")).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("Did you mean --revision?"),
    });
    expect(abrazo("push", ".")).toMatchObject({ status: 2, stderr: expect.stringContaining("NS/NAME is missing") });
    expect(abrazo("run", "sentiment-analisis", "x")).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("sentiment-analysis"),
    });
    expect(abrazo("pull", "nobody/nothing")).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("HUB_REPO_NOT_FOUND"),
    });
    expect(abrazo("whoami", "--token", `hf_${"x".repeat(34)}`)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("401"),
    });
  });

  it("has help with examples for every command", () => {
    expect(abrazo("--help").stdout).toContain("repo create");
    expect(abrazo("push", "--help")).toMatchObject({
      status: 0,
      stdout: expect.stringContaining("Examples:\n  abrazo push ./model"),
    });
    expect(abrazo("--version").stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
