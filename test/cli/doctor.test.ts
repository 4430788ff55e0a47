// The doctor before a hub that is well, and behind proxies that each do one thing wrong: it says which, and what to change.
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Finding } from "../../src/cli/doctor/finding.ts";
import { createRepo, parseRepoId, uploadFolder } from "../../src/hub/index.ts";
import { HubProxy, type ProxyRules } from "../hub/proxy.ts";
import { runCli } from "../support/cli.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { runCommand } from "./run-command.ts";

/** Of 127.0.0.1, made for this test, good for nothing else. */
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgDglzj/TZlwfQucZO
8jd81rrSALiZX9oHTOCD6Q58MW+hRANCAATnFrNmfo+a6ZML+rKAVDBMY0kwMdFz
ARfzpVja9wofxchj0Autr0+8ADyLqOR5vo+UrwPw+DKuvPuLSqjga38m
-----END PRIVATE KEY-----`;
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBkDCCATagAwIBAgIUFuApS1A3CoB/jggGsOX3sVL0exswCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyNzA4MjYyMFoYDzIxMjYxMTAz
MDgyNjIwWjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATnFrNmfo+a6ZML+rKAVDBMY0kwMdFzARfzpVja9wofxchj0Autr0+8
ADyLqOR5vo+UrwPw+DKuvPuLSqjga38mo2QwYjAdBgNVHQ4EFgQUBUj3feZpwPRF
1GX1DaKDSv31qLAwHwYDVR0jBBgwFoAUBUj3feZpwPRF1GX1DaKDSv31qLAwDwYD
VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0gAMEUC
IQD8MtHqHWeT5CdxQzzLEFr2yWH+hZj9Aigzzj/Qej+oVgIgVy7Il+93SEB+LdIs
VsIsnKq6ZVG9HtJeHxx9ZgTgP8A=
-----END CERTIFICATE-----`;

let home: string;
let hub: TestHub;
let token: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "abrazo-doctor-"));
  vi.stubEnv("XDG_CACHE_HOME", join(home, "xdg"));
  hub = await testHub();
  token = await hub.user("ana");
  const folder = join(home, "folder");
  await mkdir(folder);
  await writeFile(join(folder, "config.json"), '{"layers": 2}');
  const [access, id] = [{ endpoint: hub.url, token }, parseRepoId("ana/mood")];
  await createRepo(access, id);
  await createRepo(access, parseRepoId("ana/another"));
  await uploadFolder(access, id, folder, { message: "First" });
});
beforeEach(() => {
  for (const name of ["HF_ENDPOINT", "HF_TOKEN", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "HF_HUB_OFFLINE"])
    vi.stubEnv(name, "");
  vi.stubEnv("HF_HUB_CACHE", join(home, "cache"));
  vi.stubEnv("XDG_CONFIG_HOME", join(home, "config"));
  vi.stubEnv("ABRAZO_TOKEN", token);
});
afterEach(() => vi.unstubAllEnvs());
afterAll(async () => {
  await hub.stop();
  await rm(home, { recursive: true, force: true });
});

interface Report {
  wrong: number;
  findings: Finding[];
  words: string;
  isBad: boolean;
}

async function examine(endpoint: string, env: Record<string, string> = {}): Promise<Report> {
  vi.stubEnv("ABRAZO_ENDPOINT", endpoint);
  vi.stubEnv("HF_ENDPOINT", endpoint);
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const { document, words, isBad } = await runCommand("doctor");
  return { ...(document as Report), words, isBad }; // safe because the command gives that document
}

const states = ({ findings }: Report, state: Finding["state"]) =>
  findings.filter((finding) => finding.state === state).map(({ check }) => check);

/** What is wrong behind a proxy with these rules. */
async function behind(rules: ProxyRules): Promise<Report> {
  const proxy = await HubProxy.before(hub.url, rules);
  try {
    return await examine(proxy.url);
  } finally {
    await proxy.close();
  }
}

describe("a hub that is well", () => {
  it("straight and behind an honest proxy", async () => {
    for (const report of [await examine(hub.url), await behind({})]) {
      expect(states(report, "wrong"), report.words).toEqual([]);
      expect(report.isBad).toBe(false);
      expect(states(report, "ok")).toEqual(
        expect.arrayContaining(["reachable", "hub", "clock", "authorization", "login", "%2F", "etag", "compression"]),
      );
      expect(states(report, "ok")).toEqual(expect.arrayContaining(["range", "delete", "upload size", "own address"]));
      expect(report.words).toMatch(/ok +hub +Abrazo \d/);
      expect(report.words).toContain("ana, with a token of role write");
    }
  });

  it("asked by nobody: what needs a login is skipped", async () => {
    const report = await examine(hub.url, { ABRAZO_TOKEN: "" });
    expect(states(report, "wrong")).toEqual([]);
    expect(states(report, "skipped")).toEqual(["login", "delete"]);
  });
});

const answering = (
  change: (headers: Record<string, string | string[] | undefined>) => void,
  path = /\/resolve\//,
): ProxyRules => ({
  answer: (headers, { url = "" }) => {
    if (path.test(url)) change(headers);
    return headers;
  },
});

describe("a proxy that", () => {
  it.each<[string, string, RegExp, ProxyRules]>([
    ["decodes %2F", "%2F", /proxy_pass without a path/, { path: (path) => path.replaceAll("%2F", "/") }],
    ["encodes %2F again", "%2F", /AllowEncodedSlashes/, { path: (path) => path.replaceAll("%2F", "%252F") }],
    [
      "refuses %2F",
      "%2F",
      /AllowEncodedSlashes/,
      {
        instead: ({ url = "" }, response) => {
          if (!url.includes("%2F")) return false;
          response.writeHead(404, { "Content-Type": "text/html" }).end("<h1>Not Found</h1>");
          return true;
        },
      },
    ],
    ["drops bodies of DELETE", "delete", /DELETE with its body/, { dropBody: ({ method }) => method === "DELETE" }],
    [
      "strips Authorization",
      "authorization",
      /proxy_set_header Authorization/,
      { headers: ({ authorization, ...rest }) => rest },
    ],
    [
      "weakens ETag",
      "etag",
      /gzip off/,
      answering((headers) => Object.assign(headers, { etag: `W/${String(headers["etag"])}` })),
    ],
    [
      "drops ETag",
      "etag",
      /etag off/,
      answering((headers) => Object.assign(headers, { etag: undefined, "x-linked-etag": undefined })),
    ],
    [
      "drops X-Repo-Commit",
      "etag",
      /X-Repo-Commit/,
      answering((headers) => Object.assign(headers, { "x-repo-commit": undefined })),
    ],
    ["drops Range", "range", /proxy_set_header Range/, { headers: ({ range, ...rest }) => rest }],
    [
      "packs files",
      "compression",
      /gzip off/,
      {
        instead: ({ url = "", method, headers }, response) => {
          if (!url.endsWith("/config.json") && !url.includes("gitattributes")) return false;
          if (method !== "GET" || headers.range !== undefined || url.includes("%2F")) return false;
          response.writeHead(200, { "Content-Encoding": "gzip" }).end(gzipSync("packed"));
          return true;
        },
      },
    ],
    [
      "limits uploads",
      "upload size",
      /client_max_body_size/,
      {
        instead: ({ headers }, response) => {
          if (Number(headers["content-length"] ?? 0) < 1_000_000) return false;
          response.writeHead(413, { Connection: "close" }).end("<h1>Request Entity Too Large</h1>");
          return true;
        },
      },
    ],
    [
      "keeps Host to itself",
      "own address",
      /proxy_set_header Host/,
      { headers: (headers) => ({ ...headers, host: "internal:7860" }) },
    ],
    [
      "has another time",
      "clock",
      /set-ntp/,
      answering((headers) => Object.assign(headers, { date: new Date(Date.now() - 600_000).toUTCString() }), /./),
    ],
  ])("%s", async (_, check, change, rules) => {
    const report = await behind(rules);
    expect(states(report, "wrong"), report.words).toEqual([check]);
    const found = report.findings.find((finding) => finding.check === check && finding.state === "wrong");
    expect(found).toMatchObject({ seen: expect.stringMatching(/./), change: expect.stringMatching(change) });
    expect(report.isBad).toBe(true);
    expect(report.words).toContain("1 wrong");
  });
});

describe("an endpoint that", () => {
  let server: Server;
  let url: string;
  const answer = vi.fn();
  beforeAll(async () => {
    server = createServer((request, response) => answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  it("is a login page is no hub", async () => {
    answer.mockImplementation((_, response) =>
      response.writeHead(200, { "Content-Type": "text/html" }).end("<html>Log in"),
    );
    const report = await examine(url);
    expect(states(report, "wrong")).toEqual(["hub"]);
    expect(report.words).toContain("<html>Log in");
  });

  it("leads elsewhere is told with the other address", async () => {
    answer.mockImplementation((_, response) =>
      response.writeHead(301, { Location: "https://hub.example.org/api/models" }).end(),
    );
    const report = await examine(url);
    expect(report.findings.find(({ state }) => state === "wrong")?.change).toContain(
      "HF_ENDPOINT=https://hub.example.org",
    );
  });

  it("answers nothing, or is not there", async () => {
    answer.mockImplementation((_, response) => response.destroy());
    expect(states(await examine(url), "wrong")).toEqual(["reachable"]);
    const gone = createServer();
    await new Promise<void>((resolve) => gone.listen(0, "127.0.0.1", resolve));
    const address = gone.address();
    await new Promise((resolve) => gone.close(resolve));
    const { findings } = await examine(`http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`);
    expect(findings.find(({ check }) => check === "reachable")).toMatchObject({
      seen: expect.stringContaining("ECONNREFUSED"),
      change: expect.stringContaining("abrazo serve"),
    });
  });
});

it("a certificate that nobody vouches for is told with the way to trust it", async () => {
  const server = createTlsServer({ key: KEY, cert: CERTIFICATE }, (_, response) => response.end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const report = await examine(`https://127.0.0.1:${typeof address === "object" ? address?.port : 0}`);
  await new Promise((resolve) => server.close(resolve));
  expect(report.findings.find(({ check }) => check === "reachable")).toMatchObject({
    seen: expect.stringContaining("DEPTH_ZERO_SELF_SIGNED_CERT"),
    change: expect.stringContaining("NODE_EXTRA_CA_CERTS"),
  });
});

describe("an environment in which", () => {
  it.each<[string, Record<string, string>, string, RegExp]>([
    ["HF_ENDPOINT ends in a slash", { HF_ENDPOINT: "URL/" }, "endpoint", /export HF_ENDPOINT=http[^/]+\/\/[^/]+$/],
    ["HF_ENDPOINT is another hub", { HF_ENDPOINT: "http://127.0.0.1:9" }, "endpoint", /export HF_ENDPOINT=/],
    ["HF_ENDPOINT is missing", { HF_ENDPOINT: "" }, "endpoint", /export HF_ENDPOINT=/],
    ["Xet is off", { HF_HUB_DISABLE_XET: "1" }, "switches", /unset HF_HUB_DISABLE_XET/],
    [
      "a proxy is named",
      { HTTP_PROXY: "http://me:secret@proxy:3128", NO_PROXY: "", no_proxy: "" },
      "proxy",
      /NO_PROXY=127\.0\.0\.1/,
    ],
    ["HF_TOKEN is another token", { HF_TOKEN: `hf_${"b".repeat(34)}` }, "token", /HF_TOKEN=/],
    ["an old name is used", { HUGGING_FACE_HUB_TOKEN: "hf_x" }, "token", /unset HUGGING_FACE_HUB_TOKEN/],
  ])("%s", async (_, env, check, change) => {
    const given = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value.replace("URL", hub.url)]));
    const report = await examine(hub.url, given);
    expect(states(report, "warning"), report.words).toContain(check);
    const changes = report.findings.filter((finding) => finding.state === "warning").map((finding) => finding.change);
    expect(changes.join("\n")).toMatch(new RegExp(change.source, "m"));
    expect(report.words).not.toContain("secret");
  });

  it("the token only reads, is no token, or has a line break", async () => {
    const reader = (await hub.tokenOf("ana", "read")).token;
    expect((await examine(hub.url, { ABRAZO_TOKEN: reader })).words).toContain("may only read");
    const wrong = await examine(hub.url, { ABRAZO_TOKEN: `hf_${"a".repeat(34)}` });
    expect(states(wrong, "wrong")).toEqual(["login"]);
    expect(wrong.words).toContain(`change: abrazo login --endpoint ${hub.url}`);
    const broken = await examine(hub.url, { HF_TOKEN: `${token}\n` });
    expect(states(broken, "wrong")).toContain("token");
  });

  it("others can read the credentials", async () => {
    await mkdir(join(home, "open", "abrazo"), { recursive: true });
    const path = join(home, "open", "abrazo", "credentials.json");
    await writeFile(path, "{}");
    await chmod(path, 0o644);
    const report = await examine(hub.url, { XDG_CONFIG_HOME: join(home, "open") });
    expect(report.findings.find(({ state }) => state === "wrong")?.change).toBe(`chmod 600 ${path}`);
  });

  it("the cache is no folder, or nobody is to be asked", async () => {
    await writeFile(join(home, "file"), "");
    const report = await examine(hub.url, { HF_HUB_CACHE: join(home, "file") });
    expect(states(report, "wrong")).toEqual(["cache"]);
    const offline = await examine(hub.url, { HF_HUB_OFFLINE: "1" });
    expect(states(offline, "skipped")).toEqual(["reachable"]);
    expect(states(offline, "warning")).toContain("switches");
  });
});

it("ends with 1 where something is wrong, and shows no token", async () => {
  const env = { ABRAZO_ENDPOINT: "http://127.0.0.1:1", ABRAZO_TOKEN: token };
  const { status, stdout } = await runCli(["doctor"], { home, env });
  expect(status).toBe(1);
  expect(stdout).toMatch(/WRONG +reachable/);
  expect(stdout).not.toContain(token);
});
