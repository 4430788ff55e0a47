// Clones and pushes with the real git and git-lfs, beside the API: two doors, the same repository.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { repos } from "../../hub-server/db/schema.ts";
import { findUser } from "../../hub-server/services/users.ts";
import { check } from "../clients/conformance/harness.ts";
import { audit } from "../support/audit.ts";
import { type Caller, caller, file } from "../support/calls.ts";
import { describeGit, type Git, gitHome, withToken } from "../support/git.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { type Recorder, recorder } from "../support/recorder.ts";

const sha256 = (content: string | Uint8Array) => createHash("sha256").update(content).digest("hex");
const WEIGHTS = Buffer.alloc(300_000, "weights of a model, ");
const CARD = "---\nlicense: mit\n---\n# A model\n";

describeGit("git", () => {
  let hub: TestHub;
  let proxy: Recorder;
  let git: Git;
  let ana: Caller;
  let token: string;
  let made = 0;

  beforeAll(async () => {
    hub = await testHub();
    proxy = await recorder(() => hub.url);
    token = await hub.user("ana");
    ana = caller(hub.url, token);
    git = await gitHome();
  });
  beforeEach(() => {
    proxy.take();
  });
  afterAll(async () => {
    expect((await audit(hub.deps)).faults).toEqual([]);
    await git?.remove();
    await proxy?.stop();
    await hub?.stop();
  });

  interface Made {
    name: string;
    /** Path of its API. */
    api: string;
    url: string;
    /** With ana's token. */
    mine: string;
  }

  async function freshRepo(options: Record<string, unknown> = {}): Promise<Made> {
    const name = `r${made++}`;
    await ana.ok("POST", "/api/repos/create", { name, type: "model", ...options });
    const url = `${proxy.url}/ana/${name}`;
    return { name, api: `/api/models/ana/${name}`, url, mine: withToken(url, token) };
  }

  /** A clone in a folder of its own. */
  async function clone(url: string, ...args: string[]): Promise<string> {
    const folder = `clone${made++}`;
    await git.ok("", "clone", "--quiet", ...args, url, folder);
    return folder;
  }

  const read = (folder: string, name: string) => readFile(join(git.folder, folder, name));
  const head = async (api: string, revision = "main") =>
    (await ana.ok<{ sha: string }>("GET", `${api}/revision/${encodeURIComponent(revision)}`)).sha;
  const names = async (api: string, revision = "main") => {
    const rows = await ana.ok<{ path: string; type: string }[]>(
      "GET",
      `${api}/tree/${encodeURIComponent(revision)}?recursive=true`,
    );
    return rows.filter(({ type }) => type === "file").map(({ path }) => path);
  };
  const refsOf = async (api: string) => {
    const { branches, tags } = await ana.ok<Record<"branches" | "tags", { name: string; targetCommit: string }[]>>(
      "GET",
      `${api}/refs`,
    );
    const list = (rows: { name: string; targetCommit: string }[]) =>
      Object.fromEntries(rows.map((row) => [row.name, row.targetCommit]));
    return { branches: list(branches), tags: list(tags) };
  };

  check(25, "git clone of what came by the API, by nobody in particular, with and without .git", async () => {
    const { api, url } = await freshRepo();
    const lfs = await ana.lfs(api, WEIGHTS.toString());
    const { commitOid } = await ana.commit(api, "main", [
      file("README.md", CARD),
      lfs("model.bin"),
      file("a/b/c.txt", "deep"),
    ]);
    for (const address of [url, `${url}.git`]) {
      const folder = await clone(address);
      expect(await git.ok(folder, "rev-parse", "HEAD")).toBe(commitOid);
      expect(sha256(await read(folder, "model.bin"))).toBe(sha256(WEIGHTS));
      expect((await read(folder, "a/b/c.txt")).toString()).toBe("deep");
      expect(await git.ok(folder, "status", "--porcelain")).toBe("");
      expect(await git.ok(folder, "fsck", "--full", "--strict")).toBe("");
      expect(await git.ok(folder, "log", "--format=%an %s")).toBe("ana change\nana initial commit");
    }
    const first = proxy.calls.find(({ url: path }) => path.includes("info/refs"));
    expect(first).toMatchObject({ status: 200, headers: { "git-protocol": "version=2" } });
    expect(first?.headers.authorization).toBeUndefined();
    expect(first?.answer["content-type"]).toBe("application/x-git-upload-pack-advertisement");
    expect(first?.answer["cache-control"]).toContain("no-cache");
  });

  check(25, "git clone by the first version of the protocol", async () => {
    const { url, api } = await freshRepo();
    await git.ok("", "-c", "protocol.version=0", "clone", "--quiet", url, "old");
    expect(await git.ok("old", "rev-parse", "HEAD")).toBe(await head(api));
  });

  check(26, "git push with a token as password, a large file by LFS with it; the calls of appendix A9", async () => {
    const { name, api, mine } = await freshRepo({ private: true });
    const folder = await clone(mine);
    expect(proxy.calls.map(({ method, url, status }) => `${status} ${method} ${url}`)).toEqual([
      `401 GET /ana/${name}/info/refs?service=git-upload-pack`,
      `200 GET /ana/${name}/info/refs?service=git-upload-pack`,
      `200 POST /ana/${name}/git-upload-pack`,
      `200 POST /ana/${name}/git-upload-pack`,
    ]);
    expect(proxy.calls[0]?.answer["www-authenticate"]).toBe('Basic realm="Abrazo"');
    proxy.take();
    const commit = await git.commit(folder, { "model.bin": WEIGHTS, "notes.txt": "small\n" }, "By git");
    expect(await git.ok(folder, "push", "origin", "main")).toContain("main -> main");
    const calls = proxy.calls.map(
      ({ method, url, status }) => `${status} ${method} ${url.replace(/\?.*/, "").replace(/[0-9a-f]{64}/, "<oid>")}`,
    );
    // git-lfs asks for the refs on its own, by ls-remote: what was asked before is not listed again.
    const expected = [
      `401 GET /ana/${name}/info/refs`,
      `200 GET /ana/${name}/info/refs`,
      `200 POST /ana/${name}/git-upload-pack`,
      `200 POST /ana/${name}.git/info/lfs/locks/verify`,
      `200 POST /ana/${name}.git/info/lfs/objects/batch`,
      "200 PUT /api/lfs/<oid>",
      "200 POST /api/lfs/<oid>/verify",
      `200 POST /ana/${name}/git-receive-pack`,
    ];
    expect([...new Set(calls)]).toEqual(expected);
    expect(await head(api)).toBe(commit);
    expect(await names(api)).toEqual([".gitattributes", "model.bin", "notes.txt"]);
    const response = await ana.call("GET", `/ana/${name}/resolve/main/model.bin`);
    expect(sha256(new Uint8Array(await response.arrayBuffer()))).toBe(sha256(WEIGHTS));
    const [newest] = await ana.ok<{ id: string; title: string }[]>("GET", `${api}/commits/main`);
    expect(newest).toMatchObject({ id: commit, title: "By git" });
  });

  check(83, "shallow clones, clones without contents or LFS objects, one branch, a branch with a slash", async () => {
    const { api, url, mine } = await freshRepo();
    const lfs = await ana.lfs(api, "the weights");
    await ana.commit(api, "main", [lfs("model.bin"), file("one.txt", "1")]);
    await ana.commit(api, "main", [file("two.txt", "2")]);
    await ana.ok("POST", `${api}/branch/${encodeURIComponent("feat/x y".replace(" ", "-"))}`, {});
    await ana.commit(api, "feat/x-y", [file("three.txt", "3")]);

    const shallow = await clone(url, "--depth=1");
    expect(await git.ok(shallow, "rev-list", "--count", "HEAD")).toBe("1");
    await git.ok(shallow, "fetch", "--quiet", "--unshallow");
    expect(await git.ok(shallow, "rev-list", "--count", "HEAD")).toBe("3");

    const { status } = await git.run("", ["clone", "--quiet", url, "pointers"], { env: { GIT_LFS_SKIP_SMUDGE: "1" } });
    expect(status).toBe(0);
    expect((await read("pointers", "model.bin")).toString()).toMatch(
      /^version https:\/\/git-lfs.github.com\/spec\/v1\n/,
    );
    await git.ok("pointers", "lfs", "pull");
    expect((await read("pointers", "model.bin")).toString()).toBe("the weights");

    const partial = await clone(url, "--filter=blob:none", "--no-checkout");
    const absent = await git.ok(partial, "rev-list", "--objects", "--all", "--missing=print");
    expect(absent.split("\n").filter((line) => line.startsWith("?")).length).toBe(5);
    await git.ok(partial, "checkout", "--quiet", "main");
    expect((await read(partial, "two.txt")).toString()).toBe("2");

    const single = await clone(url, "--single-branch", "--branch=feat/x-y");
    expect(await git.ok(single, "branch", "--remotes")).toBe("origin/feat/x-y");
    expect((await read(single, "three.txt")).toString()).toBe("3");

    // A push from a shallow clone, of a branch with a slash.
    const short = await clone(mine, "--depth=1");
    const commit = await git.commit(short, { "four.txt": "4" });
    await git.ok(short, "push", "--quiet", "origin", "HEAD:refs/heads/deep/er/branch");
    expect((await refsOf(api)).branches["deep/er/branch"]).toBe(commit);
  });

  check(83, "addresses of ssh, at a hub that does not speak it: git's own setting makes https of them", async () => {
    const { api, name } = await freshRepo({ private: true });
    // As the README says it.
    const address = `git@hub.example:ana/${name}`;
    const setting = `url.${withToken(hub.url, token)}/.insteadOf`;
    await git.ok("", "config", "--global", setting, "git@hub.example:");
    try {
      const folder = await clone(address);
      const commit = await git.commit(folder, { "model.bin": WEIGHTS });
      await git.ok(folder, "push", "--quiet", "origin", "main");
      expect(await head(api)).toBe(commit);
      expect(sha256(await read(await clone(address), "model.bin"))).toBe(sha256(WEIGHTS));
    } finally {
      await git.ok("", "config", "--global", "--unset", setting);
    }
    // Without it git calls ssh, and says what that said; the hub hears nothing.
    const ssh = { GIT_SSH_COMMAND: "echo nobody speaks ssh here >&2; false" };
    const { status, text } = await git.run("", ["clone", address, "by-ssh"], { env: ssh });
    expect([status, existsSync(join(git.folder, "by-ssh"))]).toEqual([128, false]);
    expect(text).toContain("Could not read from remote repository");
  });

  check(83, "push to refs/pr/1: by who opened it, and by writers, not by others", async () => {
    const { api, name, url } = await freshRepo();
    const ben = caller(hub.url, await hub.user("ben"));
    const { token: bens } = await hub.tokenOf("ben", "write");
    await hub.user("eva");
    const { token: evas } = await hub.tokenOf("eva", "write");
    const { num } = await ben.ok<{ num: number }>("POST", `${api}/discussions`, {
      title: "Better words",
      description: "",
      pullRequest: true,
    });
    const folder = await clone(url);
    await git.ok(folder, "fetch", "--quiet", "origin", `refs/pr/${num}`);
    const commit = await git.commit(folder, { "words.txt": "better\n" }, "Better words");
    const push = (who: string, ref: string) => git.run(folder, ["push", withToken(url, who), `HEAD:${ref}`]);
    expect((await push(evas, `refs/pr/${num}`)).status).not.toBe(0);
    const main = await push(bens, "refs/heads/main");
    expect(main.status).not.toBe(0);
    expect(main.text).toContain("ben may not write to");
    expect(await push(bens, `refs/pr/${num}`)).toMatchObject({ status: 0 });
    expect(await head(api, `refs/pr/${num}`)).toBe(commit);
    expect((await push(token, "refs/pr/99")).text).toMatch(/remote rejected.*refs\/pr\/99/s);
    const fetched = await ana.call("GET", `/ana/${name}/resolve/${encodeURIComponent(`refs/pr/${num}`)}/words.txt`);
    expect(await fetched.text()).toBe("better\n");
  });

  check(84, "git push of a pointer without its object is refused in words, and leaves nothing", async () => {
    const { api, mine, name } = await freshRepo();
    const before = await head(api);
    const folder = await clone(mine);
    const commit = await git.commit(folder, { "model.bin": "never sent", "fine.txt": "fine\n" });
    const { status, text } = await git.run(folder, ["push", "--no-verify", "origin", "main"], {
      env: { GIT_LFS_SKIP_PUSH: "1" },
    });
    expect(status).toBe(1);
    expect(text).toMatch(
      /^remote: model\.bin is a Git LFS pointer whose object [0-9a-f]{64} was not uploaded\. Run: git lfs push/m,
    );
    expect(text).toMatch(/^remote: Nothing was pushed\./m);
    expect(text).toContain("! [remote rejected] main -> main");
    expect(await head(api)).toBe(before);
    expect((await ana.call("GET", `/ana/${name}/resolve/${commit}/fine.txt`)).status).toBe(404);
    expect((await ana.call("GET", `${api}/revision/${commit}`)).status).toBe(404);
    // What the lines say helps.
    await git.ok(folder, "lfs", "push", "--all", "origin");
    await git.ok(folder, "push", "--quiet", "origin", "main");
    expect(await head(api)).toBe(commit);
  });

  check(85, "git and git-lfs through a proxy that adds a charset to content types", async () => {
    const { api, mine } = await freshRepo();
    proxy.watch = ({ headers }) => {
      const type = headers["content-type"];
      if (type !== undefined) headers["content-type"] = `${type.split(";")[0]}; charset=UTF-8`;
    };
    try {
      const folder = await clone(mine);
      const commit = await git.commit(folder, { "model.bin": WEIGHTS });
      await git.ok(folder, "push", "--quiet", "origin", "main");
      expect(await head(api)).toBe(commit);
      expect(
        proxy.calls.some(({ headers }) => headers["content-type"] === "application/vnd.git-lfs+json; charset=UTF-8"),
      ).toBe(true);
      expect(sha256(await read(await clone(mine), "model.bin"))).toBe(sha256(WEIGHTS));
    } finally {
      proxy.watch = undefined;
    }
  });

  check(87, "names with spaces, accents, #, %, + and ?, and long ones, from both doors", async () => {
    const { api, mine, name } = await freshRepo();
    const long = `${"d".repeat(200)}/${"e".repeat(200)}`;
    const odd = [
      "a b.txt",
      "ñandú é.txt",
      "n\u0303fd.txt",
      "#1.txt",
      "100%.txt",
      "a%20b.txt",
      "c+d.txt",
      "what?.txt",
      "日本語.txt",
      "'q\".txt",
      "[x].txt",
      `${long}/f.txt`,
    ];
    await ana.commit(
      api,
      "main",
      odd.map((path) => file(`api/${path}`, `api ${path}`)),
    );
    const folder = await clone(mine);
    const listed = (text: string) => text.split("\0").filter(Boolean).sort();
    expect(listed(await git.ok(folder, "ls-files", "-z", "api"))).toEqual(odd.map((path) => `api/${path}`).sort());
    for (const path of odd) expect((await read(folder, `api/${path}`)).toString()).toBe(`api ${path}`);
    await mkdir(join(git.folder, folder, "git", long), { recursive: true });
    const commit = await git.commit(folder, Object.fromEntries(odd.map((path) => [`git/${path}`, `git ${path}`])));
    await git.ok(folder, "push", "--quiet", "origin", "main");
    expect(await head(api)).toBe(commit);
    expect((await names(api)).sort()).toEqual(
      [".gitattributes", ...odd.flatMap((path) => [`api/${path}`, `git/${path}`])].sort(),
    );
    for (const path of odd) {
      const response = await ana.call(
        "GET",
        `/ana/${name}/resolve/main/${`git/${path}`.split("/").map(encodeURIComponent).join("/")}`,
      );
      expect(await response.text()).toBe(`git ${path}`);
    }
  });

  it("pulls what the API committed, also under a name from before", async () => {
    const { api, mine, name } = await freshRepo();
    const folder = await clone(mine);
    await ana.commit(api, "main", [file("new.txt", "new")]);
    await git.ok(folder, "pull", "--quiet");
    expect((await read(folder, "new.txt")).toString()).toBe("new");
    await ana.ok("POST", "/api/repos/move", { fromRepo: `ana/${name}`, toRepo: `ana/${name}-moved`, type: "model" });
    await ana.commit(`${api}-moved`, "main", [file("after.txt", "after the move")]);
    await git.ok(folder, "pull", "--quiet");
    expect((await read(folder, "after.txt")).toString()).toBe("after the move");
    const commit = await git.commit(folder, { "model.bin": "large", "back.txt": "back" });
    await git.ok(folder, "push", "--quiet");
    expect(await head(`${api}-moved`)).toBe(commit);
  });

  it("branches and tags: made, moved by force, deleted; annotated tags keep their object", async () => {
    const { api, mine } = await freshRepo();
    const folder = await clone(mine);
    const first = await git.commit(folder, { "a.txt": "1" });
    await git.ok(folder, "tag", "--annotate", "v1", "--message", "The first\n\nwith words");
    await git.ok(folder, "tag", "light");
    await git.ok(folder, "push", "--quiet", "origin", "HEAD:main", "HEAD:refs/heads/topic", "v1", "light");
    const tag = await git.ok(folder, "rev-parse", "v1");
    expect(tag).not.toBe(first);
    expect(await refsOf(api)).toMatchObject({
      branches: { main: first, topic: first },
      tags: { v1: first, light: first },
    });
    const again = await clone(mine, "--branch=v1");
    expect(await git.ok(again, "rev-parse", "v1")).toBe(tag);
    expect(await git.ok(again, "tag", "--list", "--format=%(contents:subject)", "v1")).toBe("The first");

    await git.ok(folder, "commit", "--quiet", "--amend", "--message", "other words");
    expect((await git.run(folder, ["push", "origin", "HEAD:topic"])).text).toContain("non-fast-forward");
    await git.ok(folder, "push", "--quiet", "--force", "origin", "HEAD:topic", "HEAD:main");
    expect((await refsOf(api)).branches).toMatchObject({ topic: await git.ok(folder, "rev-parse", "HEAD") });
    // A clone that has the old one fetches the new one.
    await git.ok(again, "fetch", "--quiet", "origin");
    expect(await git.ok(again, "rev-parse", "origin/main")).toBe(await head(api));

    await git.ok(folder, "push", "--quiet", "origin", "--delete", "topic", "v1");
    expect(await refsOf(api)).toMatchObject({ branches: { main: expect.any(String) }, tags: { light: first } });
    expect((await refsOf(api)).branches["topic"]).toBeUndefined();
    expect(await git.ok(again, "ls-remote", "--tags", "origin")).not.toContain("v1");
    const refused = await git.run(folder, ["push", "origin", "--delete", "main"]);
    expect(refused.text).toContain("the branch main cannot be deleted");
  });

  it("ids are equal on both doors, also of commits that the API could not make", async () => {
    const { api, mine, name } = await freshRepo();
    const folder = await clone(mine);
    await writeFile(join(git.folder, folder, "run.sh"), "#!/bin/sh\n");
    await chmod(join(git.folder, folder, "run.sh"), 0o755);
    await symlink("run.sh", join(git.folder, folder, "link"));
    await git.ok(folder, "add", "--all");
    const env = {
      GIT_AUTHOR_NAME: "Bé <n>",
      GIT_AUTHOR_DATE: "1700000000 +0530",
      GIT_COMMITTER_NAME: "Somebody Else",
      GIT_COMMITTER_DATE: "1700000100 -0800",
    };
    await git.run(folder, ["commit", "--quiet", "-m", "zone\n\nand body"], { env });
    await git.ok(folder, "checkout", "--quiet", "-b", "side", "HEAD~1");
    await git.commit(folder, { "side.txt": "side" });
    await git.ok(folder, "checkout", "--quiet", "main");
    await git.ok(folder, "merge", "--quiet", "--no-ff", "side", "--message", "merged");
    await git.ok(folder, "push", "--quiet", "origin", "main");
    const commit = await git.ok(folder, "rev-parse", "HEAD");
    expect(await head(api)).toBe(commit);
    expect(await (await ana.call("GET", `/ana/${name}/resolve/main/link`)).text()).toBe("run.sh");
    // A change of the API leaves the modes as they are.
    await ana.commit(api, "main", [file("run.sh", "#!/bin/sh\necho changed\n")]);
    const again = await clone(mine);
    expect(await git.ok(again, "ls-files", "--stage", "run.sh", "link")).toMatch(/^120000 .*link\n100755 .*run\.sh$/s);
    expect(await git.ok(again, "rev-parse", "HEAD~1")).toBe(commit);
    expect(await git.ok(again, "rev-list", "--count", "HEAD")).toBe("5");
    expect(await git.ok(again, "fsck", "--full", "--strict")).toBe("");
  });

  it("an empty repository is cloned, and pushed into", async () => {
    const owner = await findUser(hub.deps, "ana");
    const row = { type: "dataset" as const, namespace: "ana", name: "empty", ownerId: owner?.id ?? "", searchText: "" };
    await hub.deps.db.insert(repos).values(row);
    const url = withToken(`${proxy.url}/datasets/ana/empty`, token);
    const folder = await clone(url);
    expect(await git.ok(folder, "symbolic-ref", "HEAD")).toBe("refs/heads/main");
    const commit = await git.commit(folder, { "data.csv": "a,b\n1,2\n" });
    await git.ok(folder, "push", "--quiet", "origin", "main");
    expect(await head("/api/datasets/ana/empty")).toBe(commit);
  });

  it("a repository of 3,000 files, pushed and cloned", async () => {
    const { api, mine } = await freshRepo();
    const folder = await clone(mine);
    for (let at = 0; at < 30; at++) {
      await mkdir(join(git.folder, folder, `part-${at}`));
      for (let number = 0; number < 100; number++)
        await writeFile(join(git.folder, folder, `part-${at}/${number}.txt`), `${at} ${number}\n`.repeat(20));
    }
    const commit = await git.commit(folder, {});
    await git.ok(folder, "push", "--quiet", "origin", "main");
    expect(await head(api)).toBe(commit);
    const again = await clone(mine);
    expect((await readdir(join(git.folder, again, "part-29"))).length).toBe(100);
    expect(await git.ok(again, "status", "--porcelain")).toBe("");
  });

  it("locks of git-lfs: taken, listed, told to others, given back, broken by force", async () => {
    const { mine, url, name } = await freshRepo();
    const folder = await clone(mine);
    const locks = async () => (await git.ok(folder, "lfs", "locks")).split("\n").filter(Boolean);
    await git.commit(folder, { "model.bin": "weights" });
    await git.ok(folder, "push", "--quiet", "origin", "main");
    expect(await git.ok(folder, "lfs", "lock", "model.bin")).toContain("Locked model.bin");
    expect(await locks()).toEqual([expect.stringMatching(/^model\.bin\s+ana\s+ID:[0-9a-f]{24}$/)]);
    const rosa = await hub.user("rosa", { admin: true });
    const theirs = await clone(withToken(url, rosa));
    const twice = await git.run(theirs, ["lfs", "lock", "model.bin"]);
    expect(twice.text).toMatch(/model\.bin is locked by ana|already/i);
    expect((await git.run(theirs, ["lfs", "unlock", "model.bin"])).status).not.toBe(0);
    await git.commit(theirs, { "model.bin": "other weights" });
    const pushed = await git.run(theirs, ["-c", "lfs.locksverify=true", "push", "origin", "main"]);
    expect(pushed.text).toContain("Unable to push locked files");
    await git.ok(theirs, "lfs", "unlock", "--force", "model.bin");
    expect(await locks()).toEqual([]);
    const list = await fetch(`${hub.url}/ana/${name}.git/info/lfs/locks`);
    expect(await list.json()).toEqual({ locks: [] });
  });

  it("8 pushes and 8 commits at once: all arrive, one after the other", async () => {
    const { api, mine } = await freshRepo();
    const folders = await Promise.all(Array.from({ length: 4 }, () => clone(mine)));
    const ids = await Promise.all(folders.map((folder, at) => git.commit(folder, { [`git-${at}.txt`]: `${at}` })));
    const pushes = folders.map((folder, at) => git.ok(folder, "push", "--quiet", "origin", `HEAD:refs/heads/b${at}`));
    const commits = Array.from({ length: 8 }, (_, at) => ana.commit(api, "main", [file(`api-${at}.txt`, `${at}`)]));
    // To main as well: whoever comes late fetches and tries again, as git says.
    const contested = folders.map(async (folder) => {
      for (let attempt = 0; attempt < 30; attempt++) {
        if ((await git.run(folder, ["push", "origin", "HEAD:main"])).status === 0) return;
        await git.ok(folder, "pull", "--quiet", "--rebase", "origin", "main");
      }
      throw new Error("never got through");
    });
    await Promise.all([...pushes, ...commits, ...contested]);
    expect((await refsOf(api)).branches).toMatchObject({ b0: ids[0], b1: ids[1], b2: ids[2], b3: ids[3] });
    const all = [...folders.map((_, at) => `git-${at}.txt`), ...commits.map((_, at) => `api-${at}.txt`)];
    expect(await names(api)).toEqual([".gitattributes", ...all].sort());
    expect((await ana.ok<unknown[]>("GET", `${api}/commits/main`)).length).toBe(13);
  });

  it("content of a gated repository is not cloned by who was not let in", async () => {
    const { api, url, mine } = await freshRepo();
    await ana.ok("PUT", `${api}/settings`, { gated: "manual" });
    const paul = await hub.user("paul");
    const stranger = await git.run("", ["clone", url, "gated"]);
    expect(stranger.status).not.toBe(0);
    const known = await git.run("", ["clone", withToken(url, paul), "gated"]);
    expect(known.text).toContain("403");
    expect(existsSync(join(git.folder, "gated"))).toBe(false);
    await clone(mine);
  });
});
