// The unmodified `hf` command line against a listening hub.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { filesOf } from "../../src/hub/upload-files.ts";
import { packageFile } from "../../src/package-root.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { ClientHome, describeClients } from "./python.ts";

const FOLDER = packageFile("pipelines", "defaults", "text-classification");

describeClients("hf", () => {
  let hub: TestHub;
  let home: ClientHome;
  let token: string;
  const hf = async (...args: string[]) => (await home.program("hf", args)).stdout;
  const fails = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    home.program("hf", args, env).then(
      ({ stdout }) => Promise.reject(new Error(`It was to fail, and said ${stdout}`)),
      ({ stderr }: { stderr: string }) => stderr,
    );

  beforeAll(async () => {
    hub = await testHub();
    token = await hub.user("ana");
    home = await ClientHome.make(hub.url);
  });
  afterAll(async () => {
    await home?.remove();
    await hub?.stop();
  });

  it("logs in, and says who is logged in", async () => {
    await hf("auth", "login", "--token", token);
    const said = await hf("auth", "whoami");
    expect(said).toContain("user: ana");
    expect(said).toContain(`endpoint: ${hub.url}`);
    const wrong = await fails(["auth", "whoami"], { HF_TOKEN: `hf_${"x".repeat(34)}` });
    expect(wrong).toContain("Invalid user token");
  });

  it("creates a repository by uploading a folder to it, private when asked", async () => {
    expect(await hf("upload", "ana/mood", FOLDER, ".", "--private", "--commit-message", "Add the model")).toContain(
      `${hub.url}/ana/mood/commit/`,
    );
    await hf("upload", "ana/mood", join(FOLDER, "config.json"), "other/config.json");
    const info: unknown = JSON.parse(await hf("models", "info", "ana/mood", "--format", "json"));
    expect(info).toMatchObject({ id: "ana/mood", private: true, pipeline_tag: "text-classification" });
  });

  it("downloads the repository into a folder, byte for byte, and one file into the cache", async () => {
    const folder = join(home.folder, "here");
    await hf("download", "ana/mood", "--local-dir", folder);
    for (const name of await filesOf(FOLDER)) {
      expect((await readFile(join(folder, name))).equals(await readFile(join(FOLDER, name))), name).toBe(true);
    }
    const path = (await hf("download", "ana/mood", "other/config.json", "--quiet")).trim();
    expect(await readFile(path, "utf8")).toBe(await readFile(join(FOLDER, "config.json"), "utf8"));
  });

  it("says what is missing", async () => {
    expect(await fails(["download", "ana/mood", "nothing.json"])).toContain("File not found in repository");
    const other = join(home.folder, "of-bob");
    const bob = { HF_TOKEN: await hub.user("bob"), HF_HOME: other };
    expect(await fails(["download", "ana/mood", "config.json"], bob)).toMatch(/Repository.*not found/i);
  });

  it("tags and deletes", async () => {
    await hf("repos", "tag", "create", "ana/mood", "v1");
    expect(await hf("repos", "tag", "list", "ana/mood")).toContain("v1");
    await hf("repos", "delete", "ana/mood", "--yes");
    expect(await fails(["models", "info", "ana/mood"])).toMatch(/not found/i);
  });
});
