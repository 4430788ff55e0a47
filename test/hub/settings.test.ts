// Which token goes where, which addresses are taken, and what is kept on disk.
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readCredential, writeCredential } from "../../src/hub/credentials.ts";
import { configFolder, endpointOf, pushEndpoint, tokenFor } from "../../src/hub/settings.ts";

let home: string;
const NAMES = [
  ...["ABRAZO_ENDPOINT", "ABRAZO_TOKEN", "HF_ENDPOINT", "HF_TOKEN", "HF_TOKEN_PATH", "HF_HOME"],
  ...["XDG_CONFIG_HOME", "XDG_CACHE_HOME"],
];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "abrazo-settings-"));
  for (const name of NAMES) vi.stubEnv(name, "");
  vi.stubEnv("HOME", home);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(home, { recursive: true, force: true });
});

describe("tokenFor", () => {
  const HF = "https://huggingface.co";
  const HUB = "https://hub.example.org";

  it.each<[Record<string, string>, string, string | undefined]>([
    [{ HF_TOKEN: "hf_t" }, HF, "hf_t"],
    [{ HF_TOKEN: "hf_t" }, HUB, undefined],
    [{ HF_TOKEN: "hf_t" }, "http://huggingface.co", undefined],
    [{ HF_TOKEN: "hf_t" }, "https://huggingface.co.example.org", undefined],
    [{ HF_TOKEN: "hf_t" }, "https://huggingface.com", undefined],
    [{ HF_TOKEN: "hf_t", HF_ENDPOINT: HUB }, HUB, "hf_t"],
    [{ HF_TOKEN: "hf_t", HF_ENDPOINT: `${HUB}/` }, `${HUB}/path`, "hf_t"],
    [{ HF_TOKEN: "hf_t", HF_ENDPOINT: HUB }, HF, "hf_t"],
    [{ HF_TOKEN: "hf_t", HF_ENDPOINT: HUB }, "https://other.example.org", undefined],
    [{ HF_TOKEN: "hf_t", HF_ENDPOINT: HUB }, "https://hub.example.org:444", undefined],
    [{ HF_TOKEN: "hf_t", HF_ENDPOINT: HUB }, "http://hub.example.org", undefined],
    [{ HF_TOKEN: "hf_t", ABRAZO_ENDPOINT: HUB }, HUB, undefined],
    [{ ABRAZO_TOKEN: "hf_a" }, HUB, "hf_a"],
    [{ ABRAZO_TOKEN: "hf_a" }, HF, undefined],
    [{ ABRAZO_TOKEN: "hf_a", ABRAZO_ENDPOINT: HUB }, HUB, "hf_a"],
    [{ ABRAZO_TOKEN: "hf_a", ABRAZO_ENDPOINT: HUB }, "https://other.example.org", undefined],
    [{ ABRAZO_TOKEN: "hf_a", ABRAZO_ENDPOINT: HF }, HF, "hf_a"],
  ])("with %j gives %s %s", (env, endpoint, expected) => {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    expect(tokenFor(endpoint)).toBe(expected);
    expect(tokenFor(endpoint, "hf_given")).toBe("hf_given");
  });

  it("reads Hugging Face's token file for huggingface.co alone", async () => {
    await writeFile(join(home, "token"), "hf_file\n");
    vi.stubEnv("HF_TOKEN_PATH", join(home, "token"));
    expect([tokenFor(HF), tokenFor(HUB), tokenFor("http://huggingface.co")]).toEqual(["hf_file", undefined, undefined]);
  });

  it("says so when HF_ENDPOINT is no address", () => {
    vi.stubEnv("HF_ENDPOINT", "huggingface.co");
    expect(() => tokenFor(HUB)).toThrow(expect.objectContaining({ code: "INVALID_ENDPOINT" }));
  });
});

describe("endpoints", () => {
  it("are the same however they are written", () => {
    expect(endpointOf("HTTP://LocalHost:80//")).toBe("http://localhost");
    expect(endpointOf("https://Hub.example.org/Sub/")).toBe("https://hub.example.org/Sub");
  });

  it.each(["", "hub", "ftp://hub", "file:///etc/passwd", "http://", "http://h/?a=b", "http://h/#a"])(
    "are refused: %j",
    (text) => expect(() => endpointOf(text)).toThrow(expect.objectContaining({ code: "INVALID_ENDPOINT" })),
  );

  it.each(["http://ana:s3cret@hub", "ftp://ana:s3cret@hub", "http://:s3cret@hub"])(
    "with a password are refused without telling it: %s",
    (text) => {
      const refused = expect(() => endpointOf(text));
      refused.toThrow(expect.objectContaining({ code: "INVALID_ENDPOINT" }));
      refused.not.toThrow(expect.objectContaining({ message: expect.stringContaining("s3cret") }));
    },
  );

  it("need a name for a push", () => {
    expect(() => pushEndpoint()).toThrow(expect.objectContaining({ code: "ENDPOINT_MISSING" }));
    expect(endpointOf()).toBe("https://huggingface.co");
  });
});

describe("credentials", () => {
  it("are kept by endpoint, readable by their owner alone", async () => {
    const folder = join(home, "config");
    const path = writeCredential(folder, "http://a", { token: "hf_a", user: "ana" });
    writeCredential(folder, "http://b", { token: "hf_b", user: "ben" });
    expect(["http://a", "http://b", "http://c", "toString"].map((of) => readCredential(folder, of))).toEqual([
      ...["hf_a", "hf_b"],
      undefined,
      undefined,
    ]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    writeCredential(folder, "http://a", undefined);
    expect(readCredential(folder, "http://a")).toBeUndefined();
    expect(await readdir(folder)).toEqual(["credentials.json"]);
  });

  it("are closed to others again when they had been opened", async () => {
    const folder = configFolder();
    const path = writeCredential(folder, "http://a", { token: "hf_a", user: "ana" });
    await writeFile(path, await readFile(path, "utf8"), { mode: 0o644 });
    writeCredential(folder, "http://b", { token: "hf_b", user: "ben" });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(tokenFor("http://a")).toBe("hf_a");
  });

  it("that are damaged are neither read as none nor written over", async () => {
    const folder = join(home, "config");
    const path = writeCredential(folder, "http://a", { token: "hf_a", user: "ana" });
    await writeFile(path, '{"http://a": {"token": "hf_a"}, ');
    const damaged = expect.objectContaining({ code: "INVALID_CREDENTIALS", message: expect.stringContaining(path) });
    expect(() => readCredential(folder, "http://a")).toThrow(damaged);
    expect(() => writeCredential(folder, "http://b", { token: "hf_b", user: "ben" })).toThrow(damaged);
    expect(await readFile(path, "utf8")).toContain("hf_a");
  });
});
