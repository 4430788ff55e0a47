// A small file sent by huggingface_hub, as everybody else sees it.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect } from "vitest";
import { type TestHub, testHub } from "../../support/hub.ts";
import { type Recorder, recorder } from "../../support/recorder.ts";
import type { ClientHome } from "../python.ts";
import { check, describeVersions } from "./harness.ts";

const run = promisify(execFile);

describeVersions("a small upload", ({ make }) => {
  let hub: TestHub;
  let proxy: Recorder;
  let home: ClientHome;

  beforeAll(async () => {
    hub = await testHub();
    proxy = await recorder(() => hub.url);
    home = await make(proxy.url, await hub.user("ana"));
  });
  afterAll(async () => {
    await home?.remove();
    await proxy?.stop();
    await hub?.stop();
  });

  check(17, "upload_file of a small text: in the tree, by resolve and in a clone", async () => {
    const commit = await home.python().run<{ oid: string; url: string; repo: string }>(`
      from huggingface_hub import HfApi
      api = HfApi()
      api.create_repo("ana/notes")
      commit = api.upload_file(
          path_or_fileobj="Grüße\\n".encode(), path_in_repo="a dir/note é.txt", repo_id="ana/notes", commit_message="Say hello")
      result = {"oid": commit.oid, "url": commit.commit_url, "repo": commit.repo_url.repo_id}
    `);
    expect(commit).toEqual({
      oid: expect.stringMatching(/^[0-9a-f]{40}$/),
      url: `${proxy.url}/ana/notes/commit/${commit.oid}`,
      repo: "ana/notes",
    });
    const asked = proxy.take();
    expect(asked).toContain("POST /api/models/ana/notes/preupload/main");
    expect(asked).toContain("POST /api/models/ana/notes/commit/main");
    expect(asked.some((call) => /lfs|xet/.test(call))).toBe(false);

    const tree: { path: string; oid: string }[] = await (
      await fetch(`${hub.url}/api/models/ana/notes/tree/main/a%20dir`)
    ).json();
    expect(tree.map(({ path }) => path)).toEqual(["a dir/note é.txt"]);
    const resolved = await fetch(`${hub.url}/ana/notes/resolve/main/a%20dir/note%20%C3%A9.txt`);
    expect([await resolved.text(), resolved.headers.get("x-repo-commit"), resolved.headers.get("etag")]).toEqual([
      "Grüße\n",
      commit.oid,
      `"${tree[0]?.oid}"`,
    ]);
    const clone = join(home.folder, "clone");
    await run("git", ["clone", "--quiet", `${hub.url}/ana/notes`, clone], {
      env: { ...process.env, HOME: home.folder },
    });
    expect(await readFile(join(clone, "a dir", "note é.txt"), "utf8")).toBe("Grüße\n");
    const { stdout } = await run("git", ["-C", clone, "log", "-1", "--format=%H %an %s"]);
    expect(stdout.trim()).toBe(`${commit.oid} ana Say hello`);
  });
});
