// Words of a command line, and what is said about them. No hub is asked.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { helpOf, parseCommand } from "../../src/cli/command.ts";
import { COMMANDS } from "../../src/cli/commands/index.ts";
import { report } from "../../src/cli/report.ts";
import { describeProgress, printable } from "../../src/cli/ui.ts";
import { CLI, type CliResult, cleanEnv, runCli } from "../support/cli.ts";

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "abrazo-words-"));
});
afterAll(() => rm(home, { recursive: true, force: true }));

const abrazo = (...args: string[]): Promise<CliResult> => runCli(args, { home });
const load = async (name: string) => {
  const found = COMMANDS[name];
  if (found === undefined) throw new Error(`no command ${name}`);
  return found.load();
};
const TRACE = /^\s+at .+:\d+:\d+/m;

describe("words", () => {
  it.each([
    ["toString", 'There is no command "toString"'],
    ["constructor", 'There is no command "constructor"'],
    ["pusj", 'Did you mean "push"?'],
    ["train sentimnt", 'Did you mean "train sentiment"?'],
    [
      "repo",
      "abrazo repo needs one of: repo list, repo create, repo settings, repo duplicate, repo move, repo delete.",
    ],
    ["repo craete", "See abrazo repo create --help"],
    ["help pul", 'Did you mean "pull"?'],
    ["pull --constructor", "There is no flag --constructor."],
    [
      "nope",
      "Commands: serve, admin, login, logout, whoami, doctor, push, pull, ls, log, diff, repo, branch, tag, pr,",
    ],
    ["pull -x", "There is no flag -x.\n"],
    ["pull x/y --revison=1", "Did you mean --revision?"],
    ["pull x/y --revision", "--revision needs a value.\n"],
    [
      "pull x/y --revision --quiet",
      '--revision needs a value; one that begins with "-" is given as --revision=VALUE.\n',
    ],
    ["push . x/y -m", "-m needs a value.\n"],
    ["pull x/y --dry-run=1", "--dry-run takes no value.\n"],
    ["pull a/b c d", '"d" is one argument too many'],
    ["", "Usage: abrazo COMMAND"],
  ])("abrazo %s: exit 2", async (line, text) => {
    const { status, stdout, stderr } = await abrazo(...line.split(" ").filter((word) => word !== ""));
    expect(status).toBe(2);
    expect(`${stdout}${stderr}`).toContain(text);
    expect(stderr).not.toMatch(TRACE);
    if (line !== "") expect(stdout).toBe("");
  });

  it("help: of all, of a group, of a command, in words and as one document", async () => {
    const [all, group, also, push, json, version] = await Promise.all([
      abrazo("help"),
      abrazo("repo", "--help"),
      abrazo("help", "repo"),
      abrazo("help", "push"),
      abrazo("push", "--help", "--json"),
      abrazo("--json", "--version"),
    ]);
    for (const { status, stderr } of [all, group, also, push, json, version]) expect([status, stderr]).toEqual([0, ""]);
    for (const name of Object.keys(COMMANDS)) expect(all.stdout).toContain(`  ${name} `);
    expect(group.stdout).toContain("repo delete");
    expect(group.stdout).not.toContain("whoami");
    expect(also.stdout).toBe(group.stdout);
    expect(JSON.parse(json.stdout)).toEqual({ help: push.stdout.trimEnd() });
    expect(JSON.parse(version.stdout)).toEqual({ version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
  });

  it("flags of all may stand in front; what follows -- is no flag", async () => {
    const [front, after] = await Promise.all([
      abrazo("--json", "-q", "export", join(home, "nope")),
      abrazo("export", "--", "--json"),
    ]);
    expect(JSON.parse(front.stdout).error.code).toBe("ENOENT");
    expect(front.stderr).toBe("");
    expect(after.stdout).toBe("");
    expect(after.stderr).toContain("ENOENT: There is no such file or folder: --json/config.json");
  });

  it("a refusal of the system is told in words, without a trace unless one is asked for", async () => {
    const [missing, refused, debug] = await Promise.all([
      abrazo("export", join(home, "nope")),
      abrazo("pull", "x/y", "--endpoint", "http://127.0.0.1:9", "--token", "hf_secret"),
      runCli(["export", join(home, "nope")], { home, env: { ABRAZO_DEBUG: "1" } }),
    ]);
    expect(missing).toMatchObject({ status: 1, stdout: "" });
    expect(missing.stderr).toMatch(/^ENOENT: There is no such file or folder: .*nope\/config\.json\.\n/);
    expect(missing.stderr).not.toMatch(TRACE);
    expect(refused.stderr).toContain("HUB_UNREACHABLE");
    expect(refused.stderr).not.toContain("hf_secret");
    expect(debug.stderr).toMatch(TRACE);
  });

  it("a reader that has read enough is no failure", async () => {
    const child = spawn(process.execPath, [...CLI, "--help"], { env: cleanEnv(home) });
    child.stdout.destroy();
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk;
    });
    const status = await new Promise((resolve) => child.once("close", resolve));
    expect([status, stderr]).toEqual([0, ""]);
  });

  const terminal = "/usr/bin/script";
  it.skipIf(!existsSync(terminal))(
    "a password is asked for on a terminal and not shown (needs script of util-linux)",
    async () => {
      const command = [process.execPath, ...CLI, "login", "--endpoint", "http://127.0.0.1:9"];
      const line = command.map((word) => `'${word}'`).join(" ");
      const child = spawn(terminal, ["-qec", line, "/dev/null"], { env: cleanEnv(home) });
      let shown = "";
      child.stdout.on("data", (chunk: Buffer) => {
        const asked = shown.includes("Token for http://127.0.0.1:9: ");
        shown += chunk;
        if (!asked && shown.includes("Token for http://127.0.0.1:9: ")) child.stdin.write("hf_typexX\x7f\x7fd\r");
      });
      const status = await new Promise((resolve) => child.once("close", resolve));
      expect(status).toBe(1);
      expect(shown).toContain("HUB_UNREACHABLE");
      expect(shown).not.toContain("type");
    },
  );
});

describe("declarations", () => {
  it("every command has examples that parse", async () => {
    for (const name of Object.keys(COMMANDS)) {
      const command = await load(name);
      expect(command.name).toBe(name);
      expect(command.examples.length, name).toBeGreaterThan(0);
      expect(helpOf(command)).toContain(`Usage: abrazo ${name}`);
      for (const example of command.examples) {
        const words = [...(example.split("abrazo ")[1] ?? "").matchAll(/"([^"]*)"|(\S+)/g)].map(
          ([, a, b]) => a ?? b ?? "",
        );
        expect(words.slice(0, name.split(" ").length).join(" "), example).toBe(name);
        parseCommand(command, words.slice(name.split(" ").length));
      }
    }
  });

  it.each([
    ["serve", "port", ["0", "65535"], ["-1", "65536", "1.5", "x", "", " "]],
    ["train", "epochs", ["1", "20"], ["0", "-1", "1.5", "NaN", "Infinity"]],
    ["train", "steps", ["1"], ["0", "0.5"]],
    ["train", "seed", ["0", "7"], ["-1", "1.5", "9007199254740993"]],
    ["train", "lr", ["1e-5", "0.1"], ["0", "-1", "x"]],
    ["train", "batch-tokens", ["1"], ["0", "1.5"]],
    ["train generation", "dropout", ["0", "0.1"], ["1", "-0.1"]],
  ])("abrazo %s --%s is checked where it is given", async (name, flag, right, wrong) => {
    const command = await load(name);
    for (const value of right)
      expect(parseCommand(command, [`--${flag}=${value}`]).flags).toHaveProperty(flag, Number(value));
    for (const value of wrong) {
      const parse = () => parseCommand(command, [`--${flag}=${value}`]);
      expect(parse).toThrow(expect.objectContaining({ code: "USAGE", message: expect.stringContaining(`"${value}"`) }));
    }
  });
});

describe("what is printed", () => {
  it("cannot steer a terminal", () => {
    expect(printable("a\x1b[2Jb\rc\x9bd\x7f\u202ee\n\tf ü ✓ 你")).toBe(
      "a\\x1b[2Jb\\x0dc\\x9bd\\x7f\\u202ee\n\tf ü ✓ 你",
    );
  });

  it.each([
    [{ code: "ENOSPC", syscall: "copyfile", path: "from", dest: "to" }, "ENOSPC: The disk is full: to.\nMake room"],
    [{ code: "ENOENT", syscall: "open", path: "from" }, "no such file or folder: from.\nCheck the path"],
    [{ code: "EADDRNOTAVAIL", syscall: "listen" }, "does not have that address.\nCheck the address.\n"],
  ])("names the place that the system refused: %j", (fields, told) => {
    const written: string[] = [];
    const spy = vi.spyOn(process.stderr, "write").mockImplementation((text) => written.push(String(text)) > 0);
    report(Object.assign(new Error("refused"), fields), false);
    spy.mockRestore();
    expect(written.join("")).toContain(told);
  });

  it("has bytes and rate", () => {
    const event = { task: "upload a/b", loaded: 5_000_000, total: 20_000_000, unit: "bytes" as const };
    expect(describeProgress(event, 2)).toBe("upload a/b ██████░░░░░░░░░░░░░░░░░░  25% 5.0 MB 2.5 MB/s 6 s left");
    expect(describeProgress({ ...event, loaded: 120, total: 120, done: true }, 0.7)).toMatch(/100% 120 B 171 B\/s$/);
    expect(describeProgress({ ...event, loaded: 20_000_000, done: true }, 4)).toMatch(/100% 20\.0 MB 5\.0 MB\/s$/);
  });
});
