// Pull requests by git: pushed to their refs by who may not write to branches, brought up to date by a merge, merged here.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Caller, caller, file } from "../support/calls.ts";
import { type TestHub, testHub } from "../support/hub.ts";

const run = promisify(execFile);
const PATH = "/api/models/ana/mood";

describe("pull requests by git", () => {
  let hub: TestHub;
  let ana: Caller;
  let ben: Caller;
  let folder: string;
  let num: number;

  // Not in step: the hub that git talks to is in this process.
  const git = async (...args: string[]): Promise<string> => {
    const env = { ...process.env, GIT_TERMINAL_PROMPT: "0", GIT_CONFIG_GLOBAL: "/dev/null", GIT_LFS_SKIP_SMUDGE: "1" };
    return (await run("git", args, { cwd: folder, env })).stdout.trim();
  };
  const refused = (...args: string[]): Promise<string> =>
    git(...args).catch((error: { stderr?: string }) => error.stderr ?? "");
  const commit = async (name: string, content: string, message: string): Promise<void> => {
    writeFileSync(join(folder, name), content);
    await git("add", name);
    await git("commit", "-q", "-m", message);
  };
  const details = () =>
    ana.ok<{
      diff: string;
      filesWithConflicts: string[];
      status: string;
      events: { type: string; author: { name: string }; data: { subject?: string; oid?: string } }[];
    }>("GET", `${PATH}/discussions/${num}?diff=1`);
  const pushed = async () => (await details()).events.filter(({ type }) => type === "commit");

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "abrazo-pr-"));
    hub = await testHub();
    const token = await hub.user("ben");
    [ana, ben] = [caller(hub.url, await hub.user("ana")), caller(hub.url, token)];
    await ana.ok("POST", "/api/repos/create", { name: "mood" });
    await ana.commit(PATH, "main", [file("a.txt", "one\n"), file("b.txt", "b\n")]);
    await git("clone", "-q", `${hub.url.replace("://", `://ben:${token}@`)}/ana/mood`, ".");
    await git("config", "user.name", "Ben");
    await git("config", "user.email", "ben@example.org");
    num = (
      await ben.ok<{ num: number }>("POST", `${PATH}/discussions`, {
        title: "By git",
        description: "",
        pullRequest: true,
      })
    ).num;
  });
  afterAll(async () => {
    await hub.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("are pushed to by their author, who may not push to a branch", async () => {
    await commit("a.txt", "two\n", "Two");
    await commit("c.txt", "c\n", "And c");
    expect(await refused("push", "origin", "HEAD:refs/heads/main")).toContain("may not write");
    expect(await refused("push", "origin", "HEAD:refs/pr/99")).toContain("refs/pr/99");
    await git("push", "-q", "origin", `HEAD:refs/pr/${num}`);
    const events = await pushed();
    expect(events.map(({ author, data }) => [author.name, data.subject])).toEqual([
      ["ben", "Two"],
      ["ben", "And c"],
    ]);
    expect(events.at(-1)?.data.oid).toBe(await git("rev-parse", "HEAD"));
    expect((await details()).diff).toContain("+two");
  });

  it("take a merge of the branch, and show what is theirs alone", async () => {
    await ana.commit(PATH, "main", [file("a.txt", "three\n"), file("d.txt", "d\n")], { summary: "Three" });
    expect((await details()).filesWithConflicts).toEqual(["a.txt"]);
    await git("fetch", "-q", "origin", "main");
    await refused("merge", "-q", "FETCH_HEAD");
    await commit("a.txt", "two and three\n", "Merge main");
    await git("push", "-q", "origin", `HEAD:refs/pr/${num}`);
    const { filesWithConflicts, diff } = await details();
    expect(filesWithConflicts).toEqual([]);
    expect(diff).toContain("-three\n+two and three\n");
    expect(diff, "what main has already").not.toContain("d.txt");
    expect((await pushed()).map(({ data }) => data.subject)).toEqual(["Two", "And c", "Merge main"]);
  });

  it("may be rewritten", async () => {
    await commit("e.txt", "e\n", "To be amended");
    await git("push", "-q", "origin", `HEAD:refs/pr/${num}`);
    await git("commit", "-q", "--amend", "-m", "Amended");
    await git("push", "-q", "--force", "origin", `HEAD:refs/pr/${num}`);
    expect((await pushed()).map(({ data }) => data.subject).slice(3)).toEqual(["To be amended", "Amended"]);
  });

  it("are merged into what git pulls", async () => {
    const head = await git("rev-parse", "HEAD");
    await ben.ok("POST", `${PATH}/discussions/${num}/status`, { status: "open" });
    await ana.ok("POST", `${PATH}/discussions/${num}/merge`, {});
    await git("fetch", "-q", "origin", "main");
    expect((await git("rev-list", "--parents", "-1", "FETCH_HEAD")).split(" ").at(-1)).toBe(head);
    expect(await git("show", "FETCH_HEAD:a.txt")).toBe("two and three");
    expect(await git("diff", "--name-only", "FETCH_HEAD", "HEAD")).toBe("");
    expect(await git("fsck", "--strict")).not.toContain("error");
    expect(await git("log", "-1", "--format=%s", "FETCH_HEAD")).toBe(`By git (#${num})`);
    // Ben has no open pull request any more: the door is shut before anything is sent.
    await commit("f.txt", "f\n", "Too late");
    expect(await refused("push", "origin", `HEAD:refs/pr/${num}`)).toContain("may not write");
  });
});
