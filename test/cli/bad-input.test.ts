// The command line against a real hub: what it refuses, before it sends or trains anything, and what it keeps to itself.
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { checkFolder } from "../../src/cli/commands/push.ts";
import { fineTune } from "../../src/cli/commands/train/fine-tune.ts";
import { commitOf, createRepo, listFiles, parseRepoId } from "../../src/hub/index.ts";
import { packageFile } from "../../src/package-root.ts";
import { type CliResult, runCli, startCli } from "../support/cli.ts";
import { dataPath } from "../support/data.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { tinyClassifier } from "../support/tiny-models.ts";

let home: string;
let hub: TestHub;
let token: string;
let folder: string;
let model: string;
const LIMIT = 60_000;
const TRACE = /^\s+at .+:\d+:\d+/m;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "abrazo-bad-"));
  hub = await testHub();
  token = await hub.user("ana");
  model = await tinyClassifier(join(home, "tiny"));
}, LIMIT);
beforeEach(async () => {
  folder = await mkdtemp(join(home, "folder with space ü "));
});
afterAll(async () => {
  await hub.stop();
  await rm(home, { recursive: true, force: true });
});

const abrazo = (
  args: readonly string[],
  options: { input?: string; env?: Record<string, string> } = {},
): Promise<CliResult> =>
  runCli(args, { home, ...options, env: { ABRAZO_ENDPOINT: hub.url, ABRAZO_TOKEN: token, ...options.env } });
const access = () => ({ endpoint: hub.url, token });

/** The one document of --json; anything else on stdout is a failure. */
async function failure(
  args: readonly string[],
  options = {},
): Promise<{ code: string; message: string; hint: string }> {
  const { status, stdout, stderr } = await abrazo([...args, "--json"], options);
  expect(stdout.match(/\n/g)).toHaveLength(1);
  expect(stderr).not.toMatch(TRACE);
  const { error } = JSON.parse(stdout);
  expect(status).toBe(["USAGE", "INVALID_REPO_ID"].includes(error.code) ? 2 : 1);
  return error;
}

describe("login", { timeout: LIMIT }, () => {
  it("goes to a hub that was named, keeps what the hub accepted alone, and shows no token", async () => {
    const env = { ABRAZO_ENDPOINT: "", ABRAZO_TOKEN: "" };
    expect(await failure(["login", "--token", token], { env })).toMatchObject({ code: "ENDPOINT_MISSING" });
    expect(await failure(["login"], { input: "\n" })).toMatchObject({ code: "USAGE", message: "There is no token." });
    const wrong = `hf_${"w".repeat(34)}`;
    const refused = await abrazo(["login", "--token", wrong]);
    expect(refused.stderr).toContain(`log in again: abrazo login --endpoint ${hub.url}`);
    await expect(readdir(join(home, ".config"))).rejects.toMatchObject({ code: "ENOENT" });
    const done = await abrazo(["login"], { input: `${token}\n` });
    expect(done).toMatchObject({ status: 0 });
    const path = join(home, ".config", "abrazo", "credentials.json");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const who = await abrazo(["whoami"], { env: { ABRAZO_TOKEN: "" } });
    expect(who.stdout).toBe(`ana at ${hub.url} (write token)\n`);
    for (const { stdout, stderr } of [refused, done, who]) {
      expect(stdout + stderr).not.toContain(token);
      expect(stdout + stderr).not.toContain(wrong);
    }
    await rm(join(home, ".config"), { recursive: true });
  });

  it("of a user that the hub would refuse makes none", async () => {
    const create = (...more: string[]) => ["admin", "user", "create", "carl", "--data", hub.folder, ...more];
    expect(await failure(create("--token", "nope"))).toMatchObject({ code: "USAGE" });
    const { stdout } = await abrazo([...create("--password-stdin", "--token", `hf_${"c".repeat(34)}`), "--json"], {
      input: "long enough\nnot this line",
    });
    expect(JSON.parse(stdout)).toMatchObject({ name: "carl" });
  });
});

describe("serve and admin", { timeout: LIMIT }, () => {
  it.each([
    ["postgres://ana:s3cret@127.0.0.1:1/hub", "The database at 127.0.0.1:1 cannot be used: connect ECONNREFUSED"],
    ["nonsense", "The database cannot be used: "],
  ])("say what is wrong with the database %s", async (DATABASE_URL, text) => {
    const words = [
      ["serve", "--port", "0"],
      ["admin", "user", "create", "dora"],
    ];
    for (const command of words) {
      const found = await failure([...command, "--data", folder], { env: { DATABASE_URL } });
      expect(found).toMatchObject({ code: "DATABASE_UNUSABLE", message: expect.stringContaining(text) });
      expect(JSON.stringify(found)).not.toContain("s3cret");
    }
  });

  it("end in order when nobody reads what they say any more", async () => {
    const child = startCli(["serve", "--port", "0", "--data", folder], { home });
    const gone = new Promise((resolve) => child.once("close", resolve));
    await new Promise((resolve) => child.stdout?.once("data", resolve));
    child.stdout?.destroy();
    child.stderr?.destroy();
    child.kill("SIGTERM");
    expect(await gone).toBe(0);
    expect(await readdir(folder)).not.toContain("hub.lock");
  });

  it("say what is wrong with the address and the folder", async () => {
    await writeFile(join(folder, "file"), "");
    const found = await Promise.all([
      failure(["serve", "--port", "0", "--data", join(folder, "file")]),
      failure(["serve", "--port", "0", "--data", folder, "--host", "999.1.1.1"]),
      failure(["serve", "--port", new URL(hub.url).port, "--data", join(folder, "a")]),
      failure(["serve", "--port", "0", "--data", hub.folder]),
    ]);
    expect(found.map(({ code }) => code)).toEqual(["EEXIST", "ENOTFOUND", "PORT_IN_USE", "DATA_FOLDER_IN_USE"]);
    // Of a folder in which nothing can be made, and that says so as if it were not there, there is one only here.
    if (process.platform === "linux")
      expect(await failure(["serve", "--data", "/proc/none/x"])).toMatchObject({ code: "ENOENT" });
  });
});

describe("push", { timeout: LIMIT }, () => {
  const vectors = dataPath("fixtures", "safetensors", "vectors");
  it.skipIf(vectors === undefined)(
    "refuses every malformed safetensors file by its name (needs ABRAZO_DATA)",
    async () => {
      const { cases }: { cases: { file: string; valid: boolean }[] } = JSON.parse(
        await readFile(join(vectors ?? "", "expected.json"), "utf8"),
      );
      expect(cases.filter(({ valid }) => !valid).length).toBeGreaterThan(30);
      for (const { file, valid } of cases) {
        await cp(join(vectors ?? "", file), join(folder, "model.safetensors"));
        const checked = checkFolder(folder, "dataset");
        if (valid) expect(await checked).toBe(1);
        else
          await expect(checked, file).rejects.toMatchObject({
            code: "INVALID_SAFETENSORS",
            message: expect.stringMatching(/^model\.safetensors: /),
          });
      }
    },
  );

  it("refuses malformed JSON of a model and lets a dataset's lines pass; nothing is made for what is refused", async () => {
    await writeFile(join(folder, "broken.json"), '{"a": 1}\n{"a": 2}\n');
    expect(await failure(["push", folder, "ana/never"])).toMatchObject({ code: "INVALID_JSON" });
    await rm(join(folder, "broken.json"));
    await writeFile(join(folder, "training-record.json"), '{"version": 9}');
    expect(await failure(["push", folder, "ana/never"])).toMatchObject({ code: "INVALID_JSON" });
    await rm(join(folder, "training-record.json"));
    await writeFile(join(folder, "README.md"), Buffer.from([0x23, 0xff, 0xfe]));
    expect(await failure(["push", folder, "ana/never"])).toMatchObject({ code: "CARD_NOT_UTF8" });
    await expect(commitOf(access(), parseRepoId("ana/never"), "main")).rejects.toMatchObject({ data: { status: 404 } });
    expect(await abrazo(["push", folder, "ana/latin", "--no-card"])).toMatchObject({ status: 0 });
    expect(await readFile(join(folder, "README.md"))).toEqual(Buffer.from([0x23, 0xff, 0xfe]));
    await writeFile(join(folder, "lines.json"), '{"a": 1}\n{"a": 2}\n');
    expect(await abrazo(["push", folder, "ana/lines", "--type", "dataset"])).toMatchObject({ status: 0 });
  });

  it("goes on from the card of the repository, and leaves it alone when told to", async () => {
    await cp(model, folder, { recursive: true });
    await writeFile(join(folder, "README.md"), "# Ours\r\n\r\nWritten by people.");
    await abrazo(["push", folder, "ana/carded", "-m", "First"]);
    const first = await readFile(join(folder, "README.md"), "utf8");
    expect(first).toContain("# Ours\r\n\r\nWritten by people.\r\n\r\n<!-- abrazo:summary -->");
    await rm(join(folder, "README.md"));
    expect(await abrazo(["push", folder, "ana/carded", "--revision", "dev"])).toMatchObject({ status: 0 });
    expect(await readFile(join(folder, "README.md"), "utf8")).toBe(first);
    await writeFile(join(folder, "README.md"), "# Bare\n");
    await abrazo(["push", folder, "ana/carded", "--no-card"]);
    expect(await readFile(join(folder, "README.md"), "utf8")).toBe("# Bare\n");
    const id = parseRepoId("ana/carded");
    expect(await commitOf(access(), id, "dev")).not.toBe(await commitOf(access(), id, "main"));
  });

  it("of a folder of links, as a cache has them, leaves what they lead to alone", async () => {
    await cp(model, folder, { recursive: true });
    await writeFile(join(home, "blob"), "# In the cache\n");
    await symlink(join(home, "blob"), join(folder, "README.md"));
    expect(await abrazo(["push", folder, "ana/linked"])).toMatchObject({ status: 0 });
    expect(await readFile(join(home, "blob"), "utf8")).toBe("# In the cache\n");
    expect(await readFile(join(folder, "README.md"), "utf8")).toContain("# In the cache\n\n<!-- abrazo:summary -->");
  });

  it("is told on stderr with bytes and rate, or not at all; with --json stdout is one document", async () => {
    await writeFile(join(folder, "w.bin"), Buffer.alloc(12_000_000, 7));
    const loud = await abrazo(["push", folder, "ana/loud"]);
    expect(loud.stderr).toMatch(/^upload ana\/loud █+ 100% 12\.0 MB [\d.]+ [kM]B\/s MB saved 11\.\d+$/m);
    expect(loud.stderr).toMatch(/^Sent \S+ k?B of 12\.0 MB, 12\.0 MB \(100%\) were there or packed/m);
    for (const drawn of ["\x1b", "\r"]) expect(loud.stderr).not.toContain(drawn);
    const quiet = await abrazo(["push", folder, "ana/quiet", "-q"]);
    expect([quiet.status, quiet.stderr]).toEqual([0, ""]);
    expect(quiet.stdout).toMatch(/^ana\/quiet is at [0-9a-f]{7}: http\S+\n$/);
    const { stdout } = await abrazo(["push", folder, "ana/json", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({
      repository: "ana/json",
      commit: expect.stringMatching(/^[0-9a-f]{40}$/),
    });
  });
});

describe("what is somebody else's", { timeout: LIMIT }, () => {
  it("does not exist, for a stranger as for nobody", async () => {
    await createRepo(access(), parseRepoId("ana/private"), { isPrivate: true });
    const [stranger, read] = [await hub.user("bob"), (await hub.tokenOf("ana", "read")).token];
    const commands = [["ls"], ["pull"], ["run", "sentiment-analysis", "x", "--model"]];
    const tries = commands.flatMap((words) => [stranger, ""].map((who) => ({ words, env: { ABRAZO_TOKEN: who } })));
    const found = await Promise.all(tries.map(({ words, env }) => failure([...words, "ana/private"], { env })));
    expect(found.map(({ code }) => code)).toEqual(tries.map(() => "HUB_REPO_NOT_FOUND"));
    await cp(model, folder, { recursive: true });
    for (const ABRAZO_TOKEN of [stranger, read]) {
      const refused = await failure(["push", folder, "ana/private"], { env: { ABRAZO_TOKEN } });
      expect(refused).toMatchObject({ code: "HUB_FORBIDDEN", hint: expect.stringContaining("role write") });
    }
    expect(await failure(["push", folder, "ana/x"], { env: { ABRAZO_TOKEN: "" } })).toMatchObject({
      code: "NOT_LOGGED_IN",
      hint: `Log in: abrazo login --endpoint ${hub.url}`,
    });
  });
});

const SETTINGS = {
  ...{ baseModel: { id: "tiny" }, epochs: 1, learningRate: 1e-4, batchTokens: 256, holdOut: 0.1, seed: 0 },
  device: "cpu",
} as const;

describe("train and evaluate", { timeout: LIMIT }, () => {
  const rows = Array.from({ length: 10 }, (_, at) => `the film was great ${at}\t1\nthe film was bad ${at}\t0\n`).join(
    "",
  );

  it.each([
    ["empty.tsv", "", "DATASET_EMPTY"],
    ["header.tsv", "text\tlabel\n", "DATASET_EMPTY"],
    ["no-label.tsv", `text\tstars\n${rows}`, "COLUMN_MISSING"],
    ["one-label.tsv", `text\tlabel\n${rows.replaceAll("\t0", "\t1")}`, "ONE_LABEL"],
    ["one-row.tsv", "text\tlabel\nonly one\t1\n", "DATASET_TOO_SMALL"],
    ["three-labels.tsv", `text\tlabel\n${rows}so so\t2\n`, "UNKNOWN_LABEL"],
    ["broken.tsv.gz", "no gzip", "BROKEN_GZIP"],
    ["unknown.txt", rows, "UNKNOWN_FORMAT"],
  ])("refuse %s", async (name, text, code) => {
    await writeFile(join(folder, name), text);
    const out = join(folder, "out");
    const task = fineTune({ ...SETTINGS, model, dataset: join(folder, name), out });
    await expect(task).rejects.toMatchObject({ code, message: expect.stringContaining(name) });
    await expect(readdir(out)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("refuse what is not there, by its place", async () => {
    const dataset = join(folder, "reviews.tsv");
    await writeFile(dataset, `text\tlabel\n${rows}`);
    const oneLabel = join(folder, "one.tsv");
    await writeFile(oneLabel, "text\tlabel\na\t1\nb\t1\n");
    const nope = join(folder, "nope");
    const temporary = await mkdtemp(join(folder, "tmp-"));
    const found = await Promise.all(
      [
        ["train", "--dataset", dataset, "--model", nope],
        ["train", "--dataset", oneLabel, "--model", model],
        ["evaluate", "ana/nope", "--dataset", dataset],
        ["evaluate", model, "--dataset", nope],
        ["evaluate", model, "--dataset", folder],
        ["run", "sentiment-analysis", "x", "--device", "gpu"],
        ["card", model, 'a"b/c'],
      ].map((words) => failure(words, { env: { TMPDIR: temporary } })),
    );
    expect(found.map(({ code }) => code)).toEqual([
      ...["MODEL_NOT_FOUND", "ONE_LABEL", "FOLDER_MISSING", "FILE_MISSING", "FILE_MISSING", "USAGE", "INVALID_REPO_ID"],
    ]);
    expect((await readdir(temporary)).filter((name) => name.startsWith("abrazo-"))).toEqual([]);
  });

  it("refuse a push that cannot be before they train", async () => {
    const dataset = join(folder, "reviews.tsv");
    await writeFile(dataset, `text\tlabel\n${rows}`);
    const train = (to: string, env: Record<string, string> = {}) => {
      const out = ["--out", join(folder, "out")];
      return failure(["train", "--model", model, "--dataset", dataset, ...out, "--push", to], { env });
    };
    expect(await train("ana/x", { ABRAZO_ENDPOINT: "" })).toMatchObject({ code: "ENDPOINT_MISSING" });
    expect(await train("nonsense")).toMatchObject({ code: "INVALID_REPO_ID" });
    expect(await train("ana/x", { ABRAZO_TOKEN: `hf_${"w".repeat(34)}` })).toMatchObject({ code: "HUB_INVALID_TOKEN" });
    const read = (await hub.tokenOf("ana", "read")).token;
    expect(await train("ana/x", { ABRAZO_TOKEN: read })).toMatchObject({ code: "READ_ONLY_TOKEN" });
    await expect(readdir(join(folder, "out"))).rejects.toMatchObject({ code: "ENOENT" });
    expect(await train("bob/x")).toMatchObject({ code: "HUB_FORBIDDEN", hint: expect.stringContaining("abrazo push") });
    expect(await readdir(join(folder, "out"))).toContain("model.safetensors");
  });

  it("keep the words of the card that they push to, and may train a folder on", async () => {
    const dataset = join(folder, "reviews.tsv");
    await writeFile(dataset, `text\tlabel\n${rows}`);
    await cp(model, join(folder, "base"), { recursive: true });
    await writeFile(join(folder, "base", "README.md"), "# Mood\n\nOur own words.\n");
    await abrazo(["push", join(folder, "base"), "ana/words"]);
    const steps = ["--steps", "1", "--dataset", dataset];
    await abrazo(["train", "--model", "ana/words", ...steps, "--push", "ana/words"]);
    await abrazo(["pull", "ana/words", join(folder, "pulled")]);
    const card = await readFile(join(folder, "pulled", "README.md"), "utf8");
    expect(card).toContain("# Mood\n\nOur own words.\n");
    expect(card).toContain("It was fine-tuned from ana/words at ");
    expect(card).toContain("reviews.tsv, held out");
    const pulled = join(folder, "pulled");
    const again = await abrazo(["train", "--model", pulled, ...steps, "--out", pulled]);
    expect(again).toMatchObject({ status: 0, stdout: expect.stringContaining("1 step in") });
    expect(await readFile(join(pulled, "README.md"), "utf8")).toBe(card);
  });
});

describe("pull and run", { timeout: LIMIT }, () => {
  it("take folders with spaces and letters of all kinds, and refuse a file in their place", async () => {
    await cp(model, join(folder, "ü ✓"), { recursive: true });
    await mkdir(join(folder, "ü ✓", "sub folder"));
    await writeFile(join(folder, "ü ✓", "sub folder", "größe %20#.txt"), "kept");
    await abrazo(["push", join(folder, "ü ✓"), "ana/spaces"]);
    expect((await listFiles(access(), parseRepoId("ana/spaces"), "main")).map(({ path }) => path)).toContain(
      "sub folder/größe %20#.txt",
    );
    const to = join(folder, "into here", "ñ");
    const { stdout } = await abrazo(["pull", "ana/spaces", to]);
    expect(stdout).toContain(`is in ${to}`);
    expect(await readFile(join(to, "sub folder", "größe %20#.txt"), "utf8")).toBe("kept");
    const ran = await abrazo(["run", "sentiment-analysis", "great", "--model", to]);
    expect(ran.stdout).toMatch(/^(POSITIVE|NEGATIVE) {2}0\.\d{4} {2}great\n$/);
    await writeFile(join(folder, "taken"), "");
    expect(await failure(["pull", "ana/spaces", join(folder, "taken")])).toMatchObject({
      code: /EEXIST|ENOTDIR|ERR_FS/,
    });
  });

  it("of a revision without a model look for the task's own repository, and say where it is not", async () => {
    const error = await failure(["run", "sentiment-analysis", "x", "--revision", "v9"]);
    expect(error).toMatchObject({ code: "HUB_REPO_NOT_FOUND", message: expect.stringContaining(hub.url) });
    const offline = await failure(["run", "sentiment-analysis", "x", "--revision", "v9"], {
      env: { HF_HUB_OFFLINE: "1" },
    });
    expect(offline).toMatchObject({ code: "NOT_CACHED", message: expect.stringContaining("abrazo/sentiment at v9") });
    expect(await failure(["ls", "ana/spaces"], { env: { HF_HUB_OFFLINE: "1" } })).toMatchObject({ code: "OFFLINE" });
  });

  it("of a fresh machine without a network use the shipped copy, with one warning that names it", async () => {
    const env = { HF_HUB_OFFLINE: "1", ABRAZO_ENDPOINT: "http://127.0.0.1:9" };
    const { status, stdout, stderr } = await abrazo(["run", "text-generation", "This film"], { env });
    expect([status, stdout.startsWith("This film")]).toEqual([0, true]);
    const { version } = JSON.parse(await readFile(packageFile("package.json"), "utf8"));
    expect(stderr.match(/^warn: /gm)).toHaveLength(1);
    expect(stderr).toContain(`defaulted to abrazo/reviews and revision v${version}`);
  });
});
