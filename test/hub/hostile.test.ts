// The client against hubs that mean harm, break off or fall silent, and against a cache in disorder.
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import {
  commitOf,
  createRepo,
  listFiles,
  parseRepoId,
  snapshotDownload,
  uploadFolder,
  whoAmI,
} from "../../src/hub/index.ts";
import { setLogListener } from "../../src/log.ts";
import { packageFile } from "../../src/package-root.ts";

const COMMIT = "a".repeat(40);
const id = parseRepoId("x/y");

interface Entry {
  path: string;
  content: Buffer;
  /** In place of the true ones. */
  oid?: string;
  lfs?: { oid: string; size: number };
}

/** A hub of one repository whose every answer can be replaced. */
interface EvilHub {
  sha: string;
  files: Entry[];
  /** Answers a request and returns true, or leaves it to the hub. */
  answer: (request: IncomingMessage, response: ServerResponse) => boolean;
  requests: IncomingMessage[];
}

let home: string;
let hub: EvilHub;
let server: Server;
let endpoint: string;

const sha256 = (content: Buffer): string => createHash("sha256").update(content).digest("hex");
const large = (path: string, content: Buffer): Entry => ({ path, content, lfs: { oid: sha256(content), size: 0 } });
const gitId = (content: Buffer): string =>
  createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
const small = (path: string, text = path): Entry => ({ path, content: Buffer.from(text) });

function answer(request: IncomingMessage, response: ServerResponse): void {
  hub.requests.push(request);
  if (hub.answer(request, response)) return;
  const url = request.url ?? "";
  if (url.includes("/revision/")) response.end(JSON.stringify({ id: "x/y", sha: hub.sha }));
  else if (url.includes("/tree/")) {
    const entries = hub.files.map(({ path, content, oid = gitId(content), lfs }) => ({
      ...{ type: "file", path, oid, size: content.length },
      ...(lfs !== undefined && { lfs: { ...lfs, size: content.length } }),
    }));
    response.end(JSON.stringify(entries));
  } else {
    const file = hub.files.find(({ path }) => url.endsWith(`/${encodeURIComponent(path)}`));
    const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    response.statusCode = file === undefined ? 404 : start > 0 ? 206 : 200;
    response.end(file?.content.subarray(start));
  }
}

beforeAll(async () => {
  server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  endpoint = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
});
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "abrazo-hostile-"));
  hub = { sha: COMMIT, files: [small("config.json", "{}")], answer: () => false, requests: [] };
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(home, { recursive: true, force: true });
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const access = (token?: string) => ({ endpoint, token });
const cacheDir = () => join(home, "deep", "in", "the", "cache");
const pull = () => snapshotDownload(access(), id, { cacheDir: cacheDir() });
const root = () => join(cacheDir(), "models--x--y");

/** Every file below a folder, with what was last done to it. */
async function state(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const rows = names.map(async (name) => {
    const { ino, mtimeMs } = await lstat(join(folder, name));
    return `${name} ${ino} ${mtimeMs}`;
  });
  return (await Promise.all(rows)).sort();
}

describe("a hub that names files outside the repository", () => {
  const NAMES = [
    ...["../evil", "a/../../evil", "/evil", "a//evil", "./evil", ".", "..", "", "a/", "a\\..\\evil", "a\nb", "a\0b"],
    ...[".git/hooks/post-checkout", "sub/.GIT/config", "\ud800"],
  ];

  it.each(NAMES)("has %j refused, with nothing written", async (path) => {
    hub.files = [small("config.json", "{}"), small(path, "evil")];
    await expect(pull()).rejects.toMatchObject({ code: "UNSAFE_PATH", data: { path } });
    expect(await state(home)).toEqual([]);
  });

  it("may name files that only look like that", async () => {
    hub.files = [small("..well"), small("a..b"), small(".gitattributes"), small("ü ✓")];
    const { folder } = await pull();
    expect((await readdir(folder)).sort()).toEqual([".gitattributes", "..well", "a..b", "ü ✓"].sort());
  });

  it.each(["../../../../evil", "/evil", "A".repeat(40), "a".repeat(39), ""])(
    "is not believed the commit %j",
    async (sha) => {
      hub.sha = sha;
      await expect(pull()).rejects.toMatchObject({ code: "HUB_ANSWER_INVALID" });
      expect(await state(home)).toEqual([]);
    },
  );

  it("is not believed an object id that is a path, be it to read or to write", async () => {
    await writeFile(join(home, "secret"), "secret");
    const oid = "../../../../../../secret";
    for (const file of [
      { path: "stolen", content: Buffer.from("secret"), oid },
      { path: "stolen", content: Buffer.from("secret"), lfs: { oid, size: 6 } },
    ]) {
      hub.files = [file];
      await expect(pull()).rejects.toMatchObject({ code: "HUB_ANSWER_INVALID" });
      expect(await readdir(home)).toEqual(["secret"]);
    }
  });

  it("cannot be asked for a revision outside the cache", async () => {
    const outside = snapshotDownload(access(), id, { cacheDir: cacheDir(), revision: "../../../evil" });
    await expect(outside).rejects.toMatchObject({ code: "INVALID_REVISION" });
    expect(hub.requests).toEqual([]);
  });
});

describe("a server that is no hub, or a bad one", () => {
  const page = (_: IncomingMessage, response: ServerResponse) => {
    response.setHeader("content-type", "text/html").end("<html>Please log in to the hotel's network</html>");
    return true;
  };
  const list = (_: IncomingMessage, response: ServerResponse) => {
    response.setHeader("content-type", "application/json").end('[{"path": 3}]');
    return true;
  };

  it.each([
    ["a login page", page],
    ["another JSON", list],
  ])("answers everything with %s", async (_, evil) => {
    hub.answer = evil;
    const folder = join(home, "folder");
    await mkdir(folder);
    await writeFile(join(folder, "a"), "a");
    const token = `hf_${"a".repeat(34)}`;
    const calls = [
      () => commitOf(access(), id, "main"),
      () => listFiles(access(), id, "main"),
      () => whoAmI(access(token)),
      () => uploadFolder(access(token), id, folder, { message: "x" }),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "HUB_ANSWER_INVALID" });
  });

  it("names a page of files as the page after itself", async () => {
    hub.answer = (request, response) => {
      response.setHeader("link", `<http://127.0.0.1:1${request.url}>; rel="next"`);
      return false;
    };
    await expect(listFiles(access(), id, "main")).rejects.toMatchObject({ code: "HUB_ANSWER_INVALID" });
  });

  it("sends to another host, which does not get the token", async () => {
    const seen: (string | undefined)[] = [];
    const other = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.end("{}");
    });
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.2", resolve));
    const address = other.address();
    hub.answer = ({ url = "" }, response) => {
      if (!url.includes("/resolve/")) return false;
      response.statusCode = 302;
      response.setHeader("location", `http://127.0.0.2:${typeof address === "object" ? address?.port : 0}/blob`).end();
      return true;
    };
    try {
      await snapshotDownload(access("hf_secret"), id, { cacheDir: cacheDir() });
    } finally {
      other.closeAllConnections();
      other.close();
    }
    expect(hub.requests.map(({ headers }) => headers.authorization)).toContain("Bearer hf_secret");
    expect(seen).toEqual([undefined]);
  });

  it("is away behind its gateway: what is cached is used, with a warning", async () => {
    const { folder } = await pull();
    hub.answer = (_, response) => {
      response.statusCode = 503;
      response.end();
      return true;
    };
    const messages: string[] = [];
    const restore = setLogListener(({ message }) => messages.push(message));
    try {
      expect(await pull()).toEqual({ folder, commit: COMMIT, source: "cache" });
    } finally {
      restore();
    }
    expect(messages).toEqual([expect.stringContaining("using x/y at aaaaaaa from the cache")]);
  });
});

describe("silence", () => {
  beforeEach(() => vi.stubEnv("HF_HUB_DOWNLOAD_TIMEOUT", "0.3"));

  it("ends a request", async () => {
    hub.answer = () => true;
    await expect(pull()).rejects.toMatchObject({
      code: "HUB_UNREACHABLE",
      message: expect.stringContaining("nothing came for 0.3 s"),
    });
    const token = `hf_${"a".repeat(34)}`;
    await expect(createRepo(access(token), id)).rejects.toMatchObject({ code: "HUB_UNREACHABLE" });
  });

  it("ends a body of JSON", async () => {
    hub.answer = (_, response) => {
      response.write("[");
      return true;
    };
    await expect(listFiles(access(), id, "main")).rejects.toMatchObject({ code: "HUB_UNREACHABLE" });
  });

  it("ends a download, which goes on later where it stopped; slow ones are waited for", async () => {
    const content = Buffer.from("0123456789");
    hub.files = [large("w.bin", content)];
    hub.answer = ({ url = "" }, response) => {
      if (url.includes("/resolve/")) response.write(content.subarray(0, 4));
      return url.includes("/resolve/");
    };
    await expect(pull()).rejects.toMatchObject({
      code: "DOWNLOAD_CUT_OFF",
      message: expect.stringContaining("after 4 of 10 bytes"),
    });
    hub.requests = [];
    hub.answer = ({ url = "", headers }, response) => {
      if (!url.includes("/resolve/")) return false;
      expect(headers.range).toBe("bytes=4-");
      response.statusCode = 206;
      const drip = (from: number) => {
        if (from === 10) response.end();
        else response.write(content.subarray(from, from + 1), () => setTimeout(drip, 100, from + 1));
      };
      drip(4);
      return true;
    };
    const { folder } = await pull();
    expect(await readFile(join(folder, "w.bin"), "utf8")).toBe("0123456789");
  });

  it("is measured in seconds that make sense", async () => {
    vi.stubEnv("HF_HUB_DOWNLOAD_TIMEOUT", "soon");
    await expect(pull()).rejects.toMatchObject({ code: "INVALID_SETTING", message: expect.stringContaining("soon") });
  });
});

describe("downloads", () => {
  it("that never end are ended", async () => {
    hub.files = [large("w.bin", Buffer.from("short"))];
    hub.answer = ({ url = "" }, response) => {
      if (!url.includes("/resolve/")) return false;
      const more = () => {
        if (!response.destroyed) response.write(Buffer.alloc(1 << 16), () => setImmediate(more));
      };
      more();
      return true;
    };
    await expect(pull()).rejects.toMatchObject({ code: "DOWNLOAD_DAMAGED" });
    expect(await readdir(join(root(), "blobs"))).toEqual([]);
  });

  it("begin anew when what an earlier try left is wrong", async () => {
    hub.files = [large("w.bin", Buffer.from("0123456789"))];
    hub.answer = ({ url = "" }, response) => {
      if (url.includes("/resolve/")) response.write("xxxx", () => setTimeout(() => response.destroy(), 50));
      return url.includes("/resolve/");
    };
    await expect(pull()).rejects.toMatchObject({ code: "DOWNLOAD_CUT_OFF" });
    hub.answer = () => false;
    const { folder } = await pull();
    expect(await readFile(join(folder, "w.bin"), "utf8")).toBe("0123456789");
  });

  it("of one repository run side by side, in one process and in several", async () => {
    const content = Buffer.alloc(300_000, "0123456789abcdef");
    hub.files = Array.from({ length: 8 }, (_, at) => large(`w${at}.bin`, Buffer.concat([content, Buffer.from([at])])));
    hub.answer = ({ url = "" }, response) => {
      const file = hub.files.find(({ path }) => url.endsWith(`/resolve/${COMMIT}/${path}`));
      if (file === undefined) return false;
      response.write(file.content.subarray(0, 1000), () =>
        setTimeout(() => response.end(file.content.subarray(1000)), 30),
      );
      return true;
    };
    const script = `
      import { snapshotDownload, parseRepoId } from ${JSON.stringify(packageFile("src", "hub", "index.ts"))};
      await snapshotDownload(${JSON.stringify(access())}, parseRepoId("x/y"), { cacheDir: ${JSON.stringify(cacheDir())} });
    `;
    const other = () => {
      const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
        cwd: packageFile(),
        stdio: ["ignore", "inherit", "pipe"],
      });
      return ended(child);
    };
    const results = await Promise.all([pull(), pull(), pull(), other(), other()]);
    expect(results.slice(3)).toEqual(["", ""]);
    const { folder } = results[0];
    for (const { path, content: expected } of hub.files)
      expect((await readFile(join(folder, path))).equals(expected)).toBe(true);
    expect(await readdir(join(root(), "blobs"))).toHaveLength(8);
  });

  it("take over what a process that is no more has left", async () => {
    const content = Buffer.from("0123456789");
    hub.files = [large("w.bin", content)];
    hub.answer = ({ url = "" }, response) => {
      if (url.includes("/resolve/")) response.write(content.subarray(0, 4));
      return url.includes("/resolve/");
    };
    const script = `
      import { snapshotDownload, parseRepoId } from ${JSON.stringify(packageFile("src", "hub", "index.ts"))};
      await snapshotDownload(${JSON.stringify(access())}, parseRepoId("x/y"), { cacheDir: ${JSON.stringify(cacheDir())} });
    `;
    const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
      cwd: packageFile(),
    });
    const part = async () => {
      const names = await readdir(join(root(), "blobs")).catch((): string[] => []);
      return names[0] !== undefined && (await stat(join(root(), "blobs", names[0]))).size === 4;
    };
    await vi.waitUntil(part, { timeout: 20_000, interval: 50 });
    const gone = ended(child);
    child.kill("SIGKILL");
    await gone;
    hub.requests = [];
    hub.answer = () => false;
    const { folder } = await pull();
    expect(hub.requests.at(-1)?.headers.range).toBe("bytes=4-");
    expect(await readFile(join(folder, "w.bin"), "utf8")).toBe("0123456789");
  });
});

/** What a process wrote on stderr until it ended. */
function ended(child: ChildProcess): Promise<string> {
  let text = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    text += chunk;
  });
  return new Promise((resolve) => child.once("close", () => resolve(text)));
}

describe("a cache", () => {
  const offline = () => snapshotDownload(access(), id, { cacheDir: cacheDir(), localFilesOnly: true });

  it("that has everything is not written to", async () => {
    hub.files = [small("config.json", "{}"), large("w.bin", Buffer.from("weights"))];
    await pull();
    const ignore = (path: string) => path !== "config.json";
    await snapshotDownload(access(), id, { cacheDir: cacheDir(), ignore });
    const before = await state(cacheDir());
    expect(before.length).toBeGreaterThan(8);
    await pull();
    await snapshotDownload(access(), id, { cacheDir: cacheDir(), ignore });
    expect(await state(cacheDir())).toEqual(before);
  });

  it("full of rubbish is put right, or is an error that names it", async () => {
    const { folder } = await pull();
    await rm(join(root(), ".complete"), { recursive: true });
    await writeFile(join(root(), "blobs", gitId(Buffer.from("{}"))), "longer than it was");
    await rm(join(folder, "config.json"));
    await writeFile(join(folder, "config.json"), "rubbish");
    await pull();
    expect(await readFile(join(folder, "config.json"), "utf8")).toBe("{}");
    for (const rubbish of ["../../..", "", "main", "\0", "a".repeat(41)]) {
      await writeFile(join(root(), "refs", "main"), rubbish);
      await expect(offline()).rejects.toMatchObject({ code: "NOT_CACHED" });
    }
    await pull();
    expect((await offline()).folder).toBe(folder);
    await rm(cacheDir(), { recursive: true });
    await writeFile(cacheDir(), "a file where a folder belongs");
    await expect(pull()).rejects.toMatchObject({
      code: "CACHE_UNUSABLE",
      message: expect.stringContaining(cacheDir()),
      hint: expect.stringContaining("HF_HUB_CACHE"),
    });
  });

  it("may lie anywhere, and be moved", async () => {
    const place = join(home, "with space", "ünïcödé ✓ % #");
    const { folder } = await snapshotDownload(access(), id, { cacheDir: place });
    expect(await readFile(join(folder, "config.json"), "utf8")).toBe("{}");
    await cp(place, join(home, "moved"), { recursive: true, verbatimSymlinks: true });
    await rm(place, { recursive: true });
    const moved = await snapshotDownload(access(), id, { cacheDir: join(home, "moved"), localFilesOnly: true });
    expect(await readFile(join(moved.folder, "config.json"), "utf8")).toBe("{}");
  });

  it("is all that there is when the environment says so", async () => {
    await pull();
    vi.stubEnv("HF_HUB_OFFLINE", "0");
    vi.stubEnv("ABRAZO_OFFLINE", "1");
    hub.requests = [];
    await expect(listFiles(access(), id, "main")).rejects.toMatchObject({ code: "OFFLINE" });
    expect((await offline()).source).toBe("cache");
    expect(hub.requests).toEqual([]);
  });
});
