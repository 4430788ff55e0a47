// Commands about repositories, accounts and the cache against a real hub: what they do, what they print, what they refuse.
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { newKeyPair } from "../../hub-server/ssh/server.ts";
import { runCli } from "../support/cli.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { runCommand } from "./run-command.ts";

let home: string;
let hub: TestHub;
let folder: string;
/** Token of a user who may read and propose. */
let bob: string;
const data = (name: string) => join(home, name);
const abrazo = (line: string) => {
  const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
  return runCommand(...words.map((word) => word.replace("FOLDER", folder)));
};
const said = async (line: string) => (await abrazo(line)).words;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "abrazo-commands-"));
  hub = await testHub({ webhookHosts: ["127.0.0.1"] });
  const token = await hub.user("ana");
  bob = await hub.user("bob");
  vi.stubEnv("ABRAZO_ENDPOINT", hub.url);
  vi.stubEnv("ABRAZO_TOKEN", token);
  vi.stubEnv("HF_HUB_CACHE", data("cache"));
  vi.stubEnv("XDG_CACHE_HOME", data("xdg"));
  vi.stubEnv("XDG_CONFIG_HOME", data("config"));
  folder = data("folder");
  await mkdir(join(folder, "sub"), { recursive: true });
  await writeFile(join(folder, "data.csv"), "text,label\nfine,1\n");
  await writeFile(join(folder, "sub", "more.csv"), "text,label\nbad,0\n");
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await hub.stop();
  await rm(home, { recursive: true, force: true });
});

describe("push and pull", () => {
  it("say what they would do, do it, and say when nothing has changed", async () => {
    const plan = await abrazo("push FOLDER ana/reviews --type dataset --dry-run");
    expect(plan.words).toBe(
      "upload  data.csv  18 B\nupload  sub/more.csv  17 B\n2 files of 35 B to upload, 0 unchanged, 0 to delete.",
    );
    await expect(abrazo("ls datasets/ana/reviews")).rejects.toMatchObject({ code: "HUB_REPO_NOT_FOUND" });
    const pushed = await abrazo('push FOLDER ana/reviews --type dataset -m "Two files" --description "And more."');
    expect(pushed.document).toMatchObject({ files: 2, unchanged: 0, bytes: 35, repository: "ana/reviews" });
    expect(pushed.notes).toEqual(["Sent 35 B of 35 B; 0 files unchanged."]);
    expect(await said("push FOLDER datasets/ana/reviews")).toContain("(nothing has changed)");
    await writeFile(join(folder, "data.csv"), "text,label\nfine,1\ngood,1\n");
    const more = await abrazo("push FOLDER datasets/ana/reviews --include data.csv --delete *.csv");
    expect(more.document).toMatchObject({ files: 1, unchanged: 0, deleted: 1 });
    await abrazo(`push ${join(folder, "data.csv")} datasets/ana/reviews copies/data.csv`);
    expect(await said("ls datasets/ana/reviews")).toMatch(/copies\/data\.csv\n.*data\.csv$/m);
  });

  it("take what patterns let through, into a folder", async () => {
    expect(await said('pull datasets/ana/reviews --dry-run --include "copies/*"')).toBe(
      "copies/data.csv  25 B\n1 files of 25 B.",
    );
    await abrazo(`pull datasets/ana/reviews ${data("some")} --include *.csv --exclude copies/`);
    expect(await readdir(data("some"), { recursive: true })).toEqual(expect.not.arrayContaining([".gitattributes"]));
    expect(await readFile(join(data("some"), "data.csv"), "utf8")).toContain("good,1");
  });
});

describe("versions", () => {
  it("are listed, named and compared", async () => {
    await abrazo('tag create datasets/ana/reviews v1 -m "First"');
    expect(await said("tag create datasets/ana/reviews v1 --exist-ok")).toContain("has a tag v1 already");
    await abrazo("branch create datasets/ana/reviews dev --revision v1");
    expect(await said("branch list datasets/ana/reviews")).toMatch(/^NAME +COMMIT\n(dev|main)/);
    expect(await said("tag list datasets/ana/reviews")).toMatch(/^NAME +COMMIT\nv1 +[0-9a-f]{7}$/);
    await writeFile(join(folder, "data.csv"), "text,label\n");
    await abrazo("push FOLDER datasets/ana/reviews --revision dev -m Shorter");
    expect(await said("log datasets/ana/reviews --revision dev -n 1")).toMatch(/ana +Shorter$/);
    expect(await said("diff datasets/ana/reviews v1..dev")).toBe("M  data.csv  25 B → 11 B\nA  sub/more.csv  17 B");
    expect(await said("diff datasets/ana/reviews v1..dev --patch")).toContain("-good,1");
    expect(await said("diff datasets/ana/reviews v1..v1")).toBe("They hold the same files.");
    expect(await said("diff datasets/ana/reviews v1..v1 --patch")).toBe("They hold the same files.");
    await expect(abrazo("diff datasets/ana/reviews v1")).rejects.toMatchObject({ code: "USAGE" });
    await abrazo("branch delete datasets/ana/reviews dev");
    await abrazo("tag delete datasets/ana/reviews v1");
    expect(await said("tag list datasets/ana/reviews")).toBe("None.");
  });
});

describe("pull requests and discussions", () => {
  it("go from the proposal to the merge", async () => {
    const made = await abrazo('pr create datasets/ana/reviews FOLDER --title "Shorter" --description "Why: *less*."');
    expect(made.words).toBe(`${hub.url}/datasets/ana/reviews/discussions/1`);
    expect(await said("pr list datasets/ana/reviews")).toMatch(/#1 +open +ana +\S+ \S+ +Shorter/);
    const shown = await said("pr show datasets/ana/reviews 1");
    for (const part of ["#1 Shorter", "Why: *less*.", "-good,1"]) expect(shown).toContain(part);
    await abrazo(`pr checkout datasets/ana/reviews #1 ${data("proposed")}`);
    expect(await readFile(join(data("proposed"), "data.csv"), "utf8")).toBe("text,label\n");
    await abrazo('pr comment datasets/ana/reviews 1 "Looks right."');
    await abrazo("pr close datasets/ana/reviews 1");
    await abrazo("pr reopen datasets/ana/reviews 1");
    expect(await said("pr merge datasets/ana/reviews 1 --comment Thanks")).toBe("Merged #1 of ana/reviews");
    expect(await said("pr list datasets/ana/reviews")).toBe("There are none.");
    const empty = await said("pr create datasets/ana/reviews --title Later");
    expect(empty).toContain("--revision refs/pr/2");
    await writeFile(join(folder, "later.csv"), "a\n");
    await abrazo("push FOLDER datasets/ana/reviews --revision refs/pr/2 -m Later");
    expect(await said("pr show datasets/ana/reviews 2")).toContain("+a");
    const discussed = await abrazo('discussion create datasets/ana/reviews "Which films?" --description "Any."');
    expect(discussed.document).toMatchObject({ num: 3 });
    await abrazo("discussion comment datasets/ana/reviews 3 All.");
    expect(await said("discussion show datasets/ana/reviews 3")).toMatch(/Any\.[\s\S]*All\./);
    await abrazo("discussion close datasets/ana/reviews 3 --comment Done");
    expect(await said("discussion list datasets/ana/reviews --status closed")).toContain("#3");
    const theirs = await abrazo(`push FOLDER datasets/ana/reviews --create-pr -m Bob --token ${bob}`);
    expect(theirs.words).toBe(`${hub.url}/datasets/ana/reviews/discussions/4`);
    expect(await said("pr list datasets/ana/reviews --author bob")).toContain("#4");
    for (const [line, text] of [
      ["discussion list datasets/ana/reviews --status shut", "Valid names: open, closed, all."],
      ["pr show datasets/ana/reviews zero", "Give it as 3 or #3"],
    ]) {
      await expect(abrazo(line ?? "")).rejects.toMatchObject({
        code: "USAGE",
        hint: expect.stringContaining(text ?? ""),
      });
    }
  });
});

describe("repositories", () => {
  it("are made, found, hidden, copied, renamed and deleted", async () => {
    expect(await said("repo create ana/mood")).toBe(`Created ${hub.url}/ana/mood`);
    expect(await said("repo list --author ana")).toMatch(/^NAME.*\nana\/mood +all/);
    await abrazo("repo settings ana/mood --private");
    expect(await said("repo list moo")).toMatch(/ana\/mood +owner/);
    await abrazo("repo settings ana/mood --public --gated manual");
    expect(await said("repo list moo")).toMatch(/ana\/mood +who asks/);
    await abrazo("repo duplicate datasets/ana/reviews ana/reviews-2");
    expect(await said("repo move datasets/ana/reviews-2 ana/reviews-3")).toContain("/datasets/ana/reviews-3 now");
    await expect(abrazo("repo delete datasets/ana/reviews-3")).rejects.toMatchObject({ code: "USAGE" });
    await abrazo("repo delete datasets/ana/reviews-3 --yes");
    expect(await said("repo list reviews-3 --type dataset")).toBe("There are none.");
    for (const line of [
      "repo settings ana/mood",
      "repo settings ana/mood --private --public",
      "repo list --sort names",
    ])
      await expect(abrazo(line)).rejects.toMatchObject({ code: "USAGE" });
  });
});

describe("accounts", () => {
  it("make tokens and revoke them by name", async () => {
    const { document, words } = await abrazo("token create ci --scope model:ana/mood=repo.write --days 3");
    expect(words).toMatch(/^hf_/);
    expect(document).toMatchObject({ token: words });
    expect(await said("token list")).toMatch(/ci +fineGrained +never +20/);
    await expect(abrazo("token create x --role read --scope repo.write")).rejects.toMatchObject({ code: "USAGE" });
    await expect(abrazo("token create x --scope pet:ana=repo.write")).rejects.toMatchObject({ code: "USAGE" });
    await expect(abrazo("token revoke ic")).rejects.toMatchObject({
      code: "TOKEN_NOT_FOUND",
      hint: 'Did you mean "ci"?',
    });
    expect(await said("token revoke ci")).toBe("Revoked ci");
    expect(await said("token list")).not.toMatch(/ ci /);
  });

  it("add keys for git over SSH, list and remove them, and send nothing that is no public key", async () => {
    const pair = newKeyPair();
    const line = `${pair.public} ana@laptop`;
    await writeFile(data("key.pub"), `${line}\n`);
    await writeFile(data("key"), pair.private);
    await writeFile(data("notes"), "my password is hunter2\n");
    await writeFile(data("two.pub"), `${line}\n${line}\n`);
    expect(await said(`ssh-key add ${data("key.pub")}`)).toMatch(/^Added ana@laptop, SHA256:/);
    await expect(abrazo(`ssh-key add ${data("key.pub")} --title again`)).rejects.toMatchObject({
      code: "HUB_SSH_KEY_EXISTS",
    });
    await expect(abrazo(`ssh-key add ${data("key")}`)).rejects.toMatchObject({
      code: "PRIVATE_KEY",
      hint: `Give the public one: ${data("key")}.pub.`,
    });
    for (const name of ["notes", "two.pub"])
      await expect(abrazo(`ssh-key add ${data(name)}`)).rejects.toMatchObject({
        code: "INVALID_SSH_KEY",
        message: `${data(name)} is no public key, and was not sent.`,
      });
    await expect(abrazo(`ssh-key add ${data("none.pub")}`)).rejects.toMatchObject({ code: "ENOENT" });
    const { document, words } = await abrazo("ssh-key list");
    expect(words).toMatch(/ana@laptop +SHA256:\S+ +never/);
    expect(document).toMatchObject([{ title: "ana@laptop", key: line.split(" ").slice(0, 2).join(" ") }]);
    await expect(abrazo("ssh-key remove ana@lapto")).rejects.toMatchObject({
      code: "SSH_KEY_NOT_FOUND",
      hint: 'Did you mean "ana@laptop"?',
    });
    expect(await said("ssh-key remove ana@laptop")).toBe("Removed ana@laptop");
    expect((await abrazo("ssh-key list")).document).toEqual([]);
  });

  it("form organizations", async () => {
    expect(await said('org create team --full-name "The Team"')).toBe(`Created ${hub.url}/team`);
    await abrazo("org add team bob");
    await abrazo("org role team bob contributor");
    expect(await said("org members team")).toMatch(/bob +contributor/);
    await expect(abrazo("org role team bob boss")).rejects.toMatchObject({ code: "USAGE" });
    await abrazo("org remove team bob");
    expect(await said("org members team")).not.toContain("bob");
  });

  it("are told what happens", async () => {
    const server = createServer((_, response) => response.end()).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/`;
    await abrazo(`webhook create ${url} --watch model:ana/mood --events repo`);
    const [made] = (await abrazo("webhook list")).document as { id: string }[]; // safe because the command lists webhooks
    await abrazo("branch create ana/mood seen --revision main").catch(() => {});
    await abrazo(`push ${join(folder, "later.csv")} ana/mood`);
    const logs = await vi.waitFor(
      async () => {
        const { words, document } = await abrazo(`webhook logs ${made?.id}`);
        expect(words).toMatch(/delivered +1 +200/);
        return document as { id: string }[]; // safe because the command lists deliveries
      },
      { timeout: 20_000, interval: 200 },
    );
    expect(await said(`webhook replay ${made?.id} ${logs[0]?.id}`)).toContain("answered 200");
    expect(await said(`webhook disable ${made?.id}`)).toContain("is off");
    expect(await said("webhook list")).toMatch(/ off +repo +model:ana\/mood/);
    await abrazo(`webhook enable ${made?.id}`);
    await abrazo(`webhook delete ${made?.id}`);
    expect(await said("webhook list")).toBe("None.");
    await expect(abrazo(`webhook create ${url}`)).rejects.toMatchObject({ code: "USAGE" });
    await expect(abrazo(`webhook create ${url} --watch modle:ana/mood`)).rejects.toMatchObject({
      hint: 'Did you mean "model"?',
    });
    server.close();
  });
});

describe("the cache", () => {
  it("is listed, checked, put in order and emptied", async () => {
    await abrazo("pull datasets/ana/reviews");
    expect(await said("cache ls")).toMatch(/ana\/reviews +dataset +\S+ kB +\d +\S+ \S+ +http/);
    expect(await said("cache ls datasets/ana/reviews")).toContain("main");
    expect((await abrazo("cache verify")).isBad).toBe(false);
    const blobs = join(data("cache"), "datasets--ana--reviews", "blobs");
    const [blob = ""] = (await readdir(blobs)).filter((name) => !name.includes("."));
    await writeFile(join(blobs, blob), "damaged");
    const damaged = await abrazo("cache verify ana/reviews");
    expect(damaged.isBad).toBe(true);
    expect(damaged.words).toContain("cache verify --repair");
    expect(await said("cache verify --repair")).toContain("deleted ");
    await abrazo("pull datasets/ana/reviews");
    expect((await abrazo("cache verify")).isBad).toBe(false);
    expect(await said("cache prune --dry-run")).toContain("would be deleted");
    await expect(abrazo("cache ls ana/review")).rejects.toMatchObject({ hint: 'Did you mean "ana/reviews"?' });
    await expect(abrazo("cache rm ana/reviews")).rejects.toMatchObject({ code: "USAGE" });
    await expect(abrazo("cache rm ana/reviews --revision nope --yes")).rejects.toMatchObject({ code: "NOT_CACHED" });
    expect(await said("cache rm ana/reviews --yes")).toMatch(/^Deleted ana\/reviews: /);
    expect(await said("cache ls")).toContain("The cache is empty.");
  });
});

it("bad news has exit code 1, and --json is one document all the same", async () => {
  const cache = join(data("broken"), "models--x--y");
  await mkdir(join(cache, "blobs"), { recursive: true });
  await writeFile(join(cache, "blobs", "a".repeat(40)), "not that");
  const { status, stdout, stderr } = await runCli(["cache", "verify", "--dir", data("broken"), "--json", "-q"], {
    home,
  });
  expect([status, stderr]).toEqual([1, ""]);
  expect(JSON.parse(stdout)).toMatchObject({ problems: [{ repo: "x/y" }] });
});
