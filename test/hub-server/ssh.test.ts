// git over SSH with the real ssh, git and git-lfs: who gets in, what they may run, and what they are told.
import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { addSshKey, listSshKeys, removeSshKey } from "../../hub-server/services/ssh-keys.ts";
import { actorOfToken } from "../../hub-server/services/users.ts";
import { check } from "../clients/conformance/harness.ts";
import { caller, file } from "../support/calls.ts";
import { describeSsh, type Git, gitHome, type Ran } from "../support/git.ts";
import { type TestHub, testHub } from "../support/hub.ts";

describeSsh("git over SSH", () => {
  let hub: TestHub;
  let git: Git;
  let token: string;
  const key = (name: string) => join(git.folder, name);
  const actor = async () => ({ ...hub.deps, actor: await actorOfToken(hub.deps, token) });

  beforeAll(async () => {
    hub = await testHub({ sshPort: 0 });
    git = await gitHome();
    token = await hub.user("ana");
    for (const name of ["mine", "other"])
      execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", `${name}@laptop`, "-f", key(name)]);
    await addSshKey(await actor(), { key: await readFile(key("mine.pub"), "utf8") });
  });
  afterAll(async () => {
    await git?.remove();
    await hub?.stop();
  });

  const sshArgs = (name = "mine", user = "git") => [
    ...["-F", "none", "-i", key(name), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"],
    ...["-o", "StrictHostKeyChecking=accept-new", "-o", `UserKnownHostsFile=${key("known_hosts")}`],
    ...["-p", `${hub.sshPort}`, `${user}@127.0.0.1`],
  ];
  const env = (name = "mine") => ({
    GIT_SSH_COMMAND: ["ssh", ...sshArgs(name).slice(0, -3)].map((word) => `'${word}'`).join(" "),
  });
  const address = (repo: string) => `ssh://git@127.0.0.1:${hub.sshPort}/${repo}`;
  const ssh = (
    command: readonly string[],
    { name = "mine", user = "git", input = "", options = [] as readonly string[] } = {},
  ): Promise<Ran> =>
    new Promise((resolve, reject) => {
      const child = spawn("ssh", [...options, ...sshArgs(name, user), ...command]);
      let text = "";
      child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      child.stderr.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      child.once("error", reject);
      child.once("close", (status) => resolve({ status, text }));
      child.stdin.end(input);
    });
  const create = async (name: string, rest: Record<string, unknown> = {}) => {
    const response = await fetch(`${hub.url}/api/repos/create`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ name, ...rest }),
    });
    expect(response.status).toBe(200);
  };
  const well = async (folder: string, args: string[], name = "mine") => {
    const ran = await git.run(folder, args, { env: env(name) });
    expect([ran.status, ran.text]).toEqual([0, ran.text]);
    return ran.text;
  };

  check(
    83,
    "git over SSH: clone, push with an LFS object, fetch, shallow and without contents, delete a branch",
    async () => {
      await create("m1", { private: true });
      await well("", ["clone", address("ana/m1.git"), "first"]);
      await git.ok("first", "lfs", "install", "--local");
      await git.ok("first", "lfs", "track", "*.bin");
      const large = randomBytes(300_000);
      await git.commit("first", { "a.txt": "one\n", "large.bin": large }, "First");
      await well("first", ["push", "origin", "main", "main:feature/x"]);
      const bytes = await fetch(`${hub.url}/ana/m1/resolve/main/large.bin`, {
        headers: { authorization: `Bearer ${token}` },
      });
      expect(Buffer.from(await bytes.arrayBuffer()).equals(large)).toBe(true);
      await well("", ["clone", address("ana/m1"), "second"]);
      expect((await readFile(join(git.folder, "second", "large.bin"))).equals(large)).toBe(true);
      await git.commit("first", { "a.txt": "two\n" }, "Second");
      await well("first", ["push", "origin", "main"]);
      await well("second", ["pull"]);
      expect(await readFile(join(git.folder, "second", "a.txt"), "utf8")).toBe("two\n");
      await well("", ["clone", "--depth", "1", "--no-checkout", address("ana/m1"), "shallow"]);
      expect(await git.ok("shallow", "rev-list", "--count", "HEAD")).toBe("1");
      await well("", ["clone", "--filter=blob:none", "--no-checkout", address("ana/m1"), "partial"]);
      for (const version of ["0", "1", "2"])
        expect(await well("", ["-c", `protocol.version=${version}`, "ls-remote", address("ana/m1")])).toContain(
          "refs/heads/feature/x",
        );
      await well("first", ["push", "origin", ":feature/x"]);
      expect(await well("", ["ls-remote", address("ana/m1")])).not.toContain("feature/x");
      expect(await well("first", ["push", "origin", "main"])).toContain("Everything up-to-date");
    },
  );

  it("the page of a repository says how to clone it, in words that work", async () => {
    for (const [type, path] of [
      ["model", "ana/shown"],
      ["dataset", "datasets/ana/shown"],
      ["space", "spaces/ana/shown"],
    ] as const) {
      await create("shown", { type, ...(type === "space" && { sdk: "static" }) });
      await caller(hub.url, token).commit(`/api/${type}s/ana/shown`, "main", [file("README.md", "# Shown")]);
      const page = await fetch(`${hub.url}/${path}`, { headers: { authorization: `Bearer ${token}` } });
      const [, clone = ""] = /git clone (ssh:\/\/[^\s<]+)/.exec(await page.text()) ?? [];
      expect(clone).toBe(address(path));
      await well("", ["clone", clone, type]);
      expect(existsSync(join(git.folder, type, "README.md"))).toBe(true);
    }
  });

  it("tells its own key, for who comes for the first time", async () => {
    const known = execFileSync("ssh-keygen", ["-l", "-f", key("known_hosts")], { encoding: "utf8" });
    const { fingerprint = "" } = hub.deps.ssh.served ?? {};
    expect([fingerprint, known]).toEqual([
      expect.stringMatching(/^SHA256:\S{43}$/),
      expect.stringContaining(fingerprint),
    ]);
  });

  it("lets nobody in whose key is not known, or is of another name", async () => {
    const { status, text } = await git.run("", ["clone", address("ana/m1"), "none"], { env: env("other") });
    expect([status, existsSync(join(git.folder, "none"))]).toEqual([128, false]);
    expect(text).toContain("Permission denied (publickey)");
    expect((await ssh(["git-upload-pack", "ana/m1"], { user: "root" })).status).toBe(255);
  });

  it.each([
    ["ed25519", 256],
    ["ecdsa", 256],
    ["ecdsa", 384],
    ["ecdsa", 521],
    ["rsa", 2048],
    ["rsa", 4096],
  ])("knows who comes with a key of the kind %s with %i bits", async (kind, bits) => {
    const name = `${kind}${bits}`;
    execFileSync("ssh-keygen", ["-q", "-t", kind, "-b", `${bits}`, "-N", "", "-C", "", "-f", key(name)]);
    const { id } = await addSshKey(await actor(), { key: await readFile(key(`${name}.pub`), "utf8") });
    expect((await ssh([], { name })).text).toContain("Hello ana.");
    // A signature that is made with SHA-1.
    const weak = { name, options: ["-o", "PubkeyAcceptedAlgorithms=ssh-rsa"] };
    if (kind === "rsa") expect((await ssh([], weak)).status).toBe(255);
    await removeSshKey(await actor(), id);
  });

  it("who may only suggest changes pushes to a pull request of theirs", async () => {
    const ben = await hub.user("ben");
    await addSshKey(
      { ...hub.deps, actor: await actorOfToken(hub.deps, ben) },
      { key: await readFile(key("other.pub"), "utf8") },
    );
    await create("open");
    await caller(hub.url, ben).commit("/api/models/ana/open", "main", [file("b.txt", "ben's")], {}, "?create_pr=1");
    await well("", ["clone", address("ana/open"), "suggested"], "other");
    await well("suggested", ["fetch", "origin", "refs/pr/1"], "other");
    await git.ok("suggested", "checkout", "-q", "FETCH_HEAD");
    await git.ok("suggested", "lfs", "install", "--local");
    await git.ok("suggested", "lfs", "track", "*.bin");
    await git.commit("suggested", { "c.txt": "more\n", "large.bin": randomBytes(100_000) }, "More");
    await well("suggested", ["push", "origin", "HEAD:refs/pr/1"], "other");
    const { status, text } = await git.run("suggested", ["push", "origin", "HEAD:main"], { env: env("other") });
    expect([status, text]).toEqual([1, expect.stringContaining("ben may not write to ana/open")]);
    const files = await caller(hub.url, ben).ok<{ path: string }[]>("GET", "/api/models/ana/open/tree/refs%2Fpr%2F1");
    expect(files.map(({ path }) => path)).toEqual(expect.arrayContaining(["b.txt", "c.txt", "large.bin"]));
  });

  it("says in a sentence what is wrong, and runs nothing else", async () => {
    for (const [command, words] of [
      ["git-upload-pack 'ana/nothing.git'", /Repository not found/],
      ["git-upload-pack '../../etc'", /is no repository name/],
      ["git-upload-pack ana/m1; id", /takes the path|cannot be run|no repository name/],
      ["id", /"id" cannot be run here\. Over SSH this hub speaks git and git-lfs alone\./],
      ["git-lfs-authenticate ana/m1 everything", /upload or download/],
      ["'", /cannot be read/],
    ] as const) {
      const { status, text } = await ssh([command]);
      expect([command, status, text]).toEqual([command, 1, expect.stringMatching(words)]);
    }
    const shell = await ssh([]);
    expect([shell.status, shell.text]).toEqual([
      1,
      expect.stringContaining("Hello ana. This hub speaks git over SSH, and has no shell."),
    ]);
  });

  it("a push that is refused says why, and leaves nothing", async () => {
    await git.commit("first", { "README.md": "---\nlicense: [\n---\n" }, "Broken card");
    const { status, text } = await git.run("first", ["push", "origin", "main"], { env: env() });
    expect([status, text]).toEqual([1, expect.stringMatching(/remote: .*README\.md/)]);
    await git.ok("first", "reset", "-q", "--hard", "HEAD~1");
  });

  it("git-lfs gets a token for one repository and one hour, which ends with the key", async () => {
    await create("m2");
    execFileSync("ssh-keygen", ["-q", "-t", "rsa", "-b", "2048", "-N", "", "-C", "", "-f", key("brief")]);
    const { id } = await addSshKey(await actor(), { title: "brief", key: await readFile(key("brief.pub"), "utf8") });
    const { text } = await ssh(["git-lfs-authenticate", "ana/m1.git", "download"], { name: "brief" });
    const { href, header, expires_in }: { href: string; header: Record<string, string>; expires_in: number } =
      JSON.parse(text);
    expect([href, expires_in]).toEqual([`${hub.url}/ana/m1.git/info/lfs`, 3600]);
    const batch = async (repo: string, operation: string) => {
      const response = await fetch(`${hub.url}/${repo}.git/info/lfs/objects/batch`, {
        method: "POST",
        headers: { ...header, "content-type": "application/vnd.git-lfs+json" },
        body: JSON.stringify({ operation, transfers: ["basic"], objects: [{ oid: "0".repeat(64), size: 3 }] }),
      });
      return response.status;
    };
    expect([
      await batch("ana/m1", "download"),
      await batch("ana/m1", "upload"),
      await batch("ana/m2", "upload"),
    ]).toEqual([200, 403, 403]);
    await removeSshKey(await actor(), id);
    expect(await batch("ana/m1", "download")).toBe(401);
    expect((await ssh(["git-upload-pack", "ana/m1"], { name: "brief" })).status).toBe(255);
    expect((await listSshKeys(await actor())).map(({ title }) => title)).toEqual(["mine@laptop"]);
  });

  it("whoever sends rubbish, or hangs up in the middle, changes nothing", async () => {
    await new Promise<void>((resolve) => {
      const socket = connect(hub.sshPort ?? 0, "127.0.0.1", () => socket.write(randomBytes(100_000)));
      socket.on("data", () => {});
      socket.once("close", () => resolve());
      socket.on("error", () => {});
    });
    expect((await ssh(["git-receive-pack", "ana/m1"], { input: "zzzz" })).status).toBe(1);
    expect((await ssh(["git-receive-pack", "ana/m1"], { input: "0000" })).status).toBe(0);
    expect(await well("", ["ls-remote", address("ana/m1")])).toContain("refs/heads/main");
  });

  it("keys are checked when they are added", async () => {
    const mine = await readFile(key("mine.pub"), "utf8");
    await writeFile(key("short"), "");
    for (const [line, code] of [
      [mine, "SSH_KEY_EXISTS"],
      [await readFile(key("mine"), "utf8"), "INVALID_SSH_KEY"],
      [mine.replace(/ (\S{30})\S*/, " $1"), "INVALID_SSH_KEY"],
      ["ssh-dss AAAA", "INVALID_SSH_KEY"],
      ["", "INVALID_SSH_KEY"],
    ] as const)
      await expect(actor().then((ctx) => addSshKey(ctx, { key: line }))).rejects.toMatchObject({ code });
  });
});
