// What went wrong at other hubs, tried here: each test is an incident somebody wrote up.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdirSync, truncateSync } from "node:fs";
import { createServer, type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { Readable } from "node:stream";
import * as hf from "@huggingface/hub";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROUTES } from "../../hub-server/api/index.ts";
import { setLogListener } from "../../src/log.ts";
import { audit } from "../support/audit.ts";
import { type TestHub, testHub } from "../support/hub.ts";

let hub: TestHub;
let ana: string;
let ben: string;
let reading: string;

beforeAll(async () => {
  hub = await testHub();
  ana = await hub.user("ana");
  ben = await hub.user("ben");
  reading = (await hub.tokenOf("ana", "read")).token;
});
afterAll(() => hub.stop());

type Repo = { type: "model" | "dataset"; name: string };
const model = (name: string): Repo => ({ type: "model", name: `ana/${name}` });
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const as = (token?: string): Record<string, string> =>
  token === undefined ? {} : { authorization: `Bearer ${token}` };
const get = (path: string, token?: string, headers: Record<string, string> = {}) =>
  fetch(`${hub.url}${path}`, { headers: { ...as(token), ...headers } });
const send = (method: string, path: string, body: unknown, token = ana) =>
  fetch(`${hub.url}${path}`, {
    method,
    headers: { ...as(token), "content-type": "application/json" },
    body: JSON.stringify(body),
  });

async function create(repo: Repo, isPrivate = false): Promise<void> {
  await hf.createRepo({ hubUrl: hub.url, accessToken: ana, repo, private: isPrivate });
}
async function upload(
  repo: Repo,
  path: string,
  content: string | Uint8Array<ArrayBuffer>,
  useXet = false,
): Promise<string> {
  const done = await hf.uploadFile({
    hubUrl: hub.url,
    accessToken: ana,
    repo,
    file: { path, content: new Blob([content]) },
    useXet,
  });
  return done?.commit.oid ?? "";
}
const bytesOf = async (path: string, token?: string) => new Uint8Array(await (await get(path, token)).arrayBuffer());
const large = (seed: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length: 300_000 }, (_, index) => (index * 2654435761 + seed) >>> 13);

describe("large files that several repositories name", () => {
  it("stay for the others when one deletes its file, or itself", async () => {
    const data = large(1);
    for (const name of ["first", "second", "third"]) {
      await create(model(name));
      await upload(model(name), "weights.bin", data);
    }
    await hf.deleteFile({ hubUrl: hub.url, accessToken: ana, repo: model("first"), path: "weights.bin" });
    const listed = await get("/api/models/ana/second/lfs-files", ana);
    if (listed.status === 200) {
      const gone = await send(
        "DELETE",
        `/api/models/ana/second/lfs-files/${sha256(data)}?rewriteHistory=true`,
        undefined,
      );
      expect(gone.status).toBeLessThan(300);
    }
    await hf.deleteRepo({ hubUrl: hub.url, accessToken: ana, repo: model("first") });
    expect(await bytesOf("/ana/third/resolve/main/weights.bin")).toEqual(data);
    expect((await audit(hub.deps)).faults).toEqual([]);
  });
});

describe("a token that may only read", () => {
  /** What changes nothing of the caller's, though it is no GET. */
  const READS = new Set([
    "validateYaml",
    "getPathsInfo",
    "quicksearchByBody",
    "lfsBatch",
    "lfsBatchDataset",
    "lfsBatchSpace",
  ]);

  it("changes nothing by any route", async () => {
    await create(model("kept"));
    const changing = ROUTES.filter(
      ({ method, access, operation }) =>
        method !== "GET" && access !== "link" && access !== "public" && !READS.has(operation),
    );
    expect(changing.length).toBeGreaterThanOrEqual(10);
    for (const { method, path, operation } of changing) {
      const address = path
        .replace(":type", "models")
        .replace(":namespace", "ana")
        .replace(/:name\b/, "kept")
        .replace("*", "main")
        .replace(/:\w+(\{[^}]*\})?/g, "1");
      const { status } = await send(method, address, {}, reading);
      expect([operation, address, status]).toEqual([
        operation,
        address,
        expect.toSatisfy((code: number) => code >= 400 && code < 500),
      ]);
    }
    const wrote = hf.uploadFile({
      hubUrl: hub.url,
      accessToken: reading,
      repo: model("kept"),
      file: { path: "x.txt", content: new Blob(["x"]) },
    });
    await expect(wrote).rejects.toMatchObject({ statusCode: 403 });
    expect((await get("/ana/kept/resolve/main/x.txt")).status).toBe(404);
  });

  it("ends itself, and no other", async () => {
    const { token } = await hub.tokenOf("ben", "read");
    const tokens: { id: string; role: string }[] = await (await get("/api/settings/tokens", ben)).json();
    for (const { id, role } of [...tokens].sort((a, b) => (a.role < b.role ? 1 : -1))) {
      const ended = await fetch(`${hub.url}/api/settings/tokens/${id}`, { method: "DELETE", headers: as(token) });
      expect([role, ended.status]).toEqual([role, role === "read" ? 200 : 403]);
    }
    expect((await get("/api/whoami-v2", token)).status).toBe(401);
    expect((await get("/api/whoami-v2", ben)).status).toBe(200);
  });
});

describe("what is private", () => {
  it("is in no list, search or page of a stranger, also right after its owner looked", async () => {
    const name = "hidden-thing";
    await create(model(name), true);
    await upload(model(name), "README.md", "---\ntags: [hidden-tag]\n---\n# The hidden-thing of ana\n");
    const places = [
      "/api/models",
      "/api/models?search=hidden",
      "/api/models?author=ana&limit=100",
      "/api/models?filter=hidden-tag",
      "/api/quicksearch?q=hidden",
      "/api/trending",
      "/api/models-tags-by-type",
      "/models?search=hidden",
      "/search?search=hidden",
      "/ana",
      "/",
    ];
    for (const path of places) {
      const seen = await (await get(path, ana, { accept: "text/html, application/json" })).text();
      for (const token of [undefined, ben]) {
        const theirs = await (await get(path, token, { accept: "text/html, application/json" })).text();
        expect(
          theirs.replaceAll(path, ""),
          `${path} after ${seen.includes(name) ? "it was shown" : "nothing"}`,
        ).not.toContain(name);
        expect(theirs).not.toContain("The hidden-thing");
      }
    }
    for (const path of [
      `/api/models/ana/${name}`,
      `/ana/${name}/resolve/main/README.md`,
      `/ana/${name}/raw/main/README.md`,
    ]) {
      expect((await get(path, ana)).status).toBe(200);
      for (const token of [undefined, ben]) {
        const refused = await get(path, token);
        expect([path, refused.status, refused.headers.get("x-error-code")]).toEqual([path, 404, "RepoNotFound"]);
      }
    }
  });
});

describe("a HEAD", () => {
  it("is answered by itself, for small and large files, and by the signed link too", async () => {
    const data = large(2);
    await create(model("headed"));
    await upload(model("headed"), "config.json", "{}");
    await upload(model("headed"), "weights.bin", data);
    for (const name of ["config.json", "weights.bin"]) {
      const head = await fetch(`${hub.url}/ana/headed/resolve/main/${name}`, { method: "HEAD", redirect: "manual" });
      expect([name, head.status]).toEqual([name, 200]);
      expect(head.headers.get("location")).toBeNull();
    }
    const first = await fetch(`${hub.url}/ana/headed/resolve/main/weights.bin`, { redirect: "manual" });
    const link = first.headers.get("location");
    await first.body?.cancel();
    if (link === null) return;
    const head = await fetch(new URL(link, hub.url), { method: "HEAD" });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, `${data.length}`]);
  });

  it("has the same length and the same tag as the GET, whatever encoding the client would take", async () => {
    const path = "/ana/headed/resolve/main/config.json";
    for (const encoding of ["identity", "gzip, deflate, br, zstd"]) {
      const headers = { "accept-encoding": encoding };
      const [head, whole] = [
        await fetch(`${hub.url}${path}`, { method: "HEAD", headers }),
        await get(path, undefined, headers),
      ];
      for (const name of ["content-length", "etag", "x-repo-commit", "content-encoding"])
        expect([name, head.headers.get(name)]).toEqual([name, whole.headers.get(name)]);
      expect([head.headers.get("content-length"), head.headers.get("content-encoding")]).toEqual(["2", null]);
      expect(await whole.text()).toBe("{}");
    }
  });
});

describe("a promise in a listing", () => {
  it("is kept: what a tree gives a hash of Xet for, the chunk store has", async () => {
    await create(model("chunked"));
    const done = await upload(model("chunked"), "weights.bin", large(3), true);
    expect(done).toMatch(/^[0-9a-f]{40}$/);
    const tree: { path: string; xetHash?: string }[] = await (await get("/api/models/ana/chunked/tree/main")).json();
    for (const { xetHash } of tree) {
      if (xetHash === undefined) continue;
      const token = await get("/api/models/ana/chunked/xet-read-token/main");
      expect(token.status).toBe(200);
      const { casUrl, accessToken }: { casUrl: string; accessToken: string } = await token.json();
      const terms = await fetch(`${casUrl}/v2/reconstructions/${xetHash}`, { headers: as(accessToken) });
      expect(terms.status).toBe(200);
      await terms.arrayBuffer();
    }
    const got = await bytesOf("/ana/chunked/resolve/main/weights.bin");
    expect(sha256(got)).toBe(sha256(large(3)));
  });

  it("is kept: the commit that a revision stands at is there, also after history was rewritten", async () => {
    await create(model("rewritten"));
    for (const text of ["one", "two", "three"]) await upload(model("rewritten"), "a.txt", text);
    const squash = await send("POST", "/api/models/ana/rewritten/super-squash/main", { message: "All of it" });
    if (squash.status !== 501) expect(squash.status).toBeLessThan(300);
    const { sha }: { sha: string } = await (await get("/api/models/ana/rewritten/revision/main")).json();
    expect(sha).toMatch(/^[0-9a-f]{40}$/);
    for (const path of [`/api/models/ana/rewritten/revision/${sha}`, `/api/models/ana/rewritten/tree/${sha}`])
      expect([path, (await get(path)).status]).toEqual([path, 200]);
    expect(await (await get(`/ana/rewritten/resolve/${sha}/a.txt`)).text()).toBe("three");
  });
});

describe("files made to do harm", () => {
  const header = (json: string, length = BigInt(json.length)) => {
    const bytes = new Uint8Array(8 + json.length + 16);
    new DataView(bytes.buffer).setBigUint64(0, length, true);
    bytes.set(new TextEncoder().encode(json), 8);
    return bytes;
  };
  const tensor = (fields: string) => header(`{"w":{"dtype":"F32",${fields}}}`);
  const FILES: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
    "a header longer than the file": header("{}", 1n << 62n),
    "a header of no length": header("", 0n),
    "a header that is no JSON": header("x".repeat(200)),
    "a header that nests": header(`${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`),
    "a shape beyond all numbers": tensor('"shape":[9007199254740991,9007199254740991],"data_offsets":[0,16]'),
    "a negative shape": tensor('"shape":[-4],"data_offsets":[0,16]'),
    "offsets beyond the file": tensor('"shape":[4],"data_offsets":[0,99999999999999]'),
    "offsets that go back": tensor('"shape":[4],"data_offsets":[16,0]'),
    "a name that is a property of all objects": header(
      '{"__proto__":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}',
    ),
  };

  it.each(Object.entries(FILES))("%s: kept as it is, and the repository is shown", async (_, bytes) => {
    const repo = model(`harm-${sha256(bytes).slice(0, 12)}`);
    await create(repo);
    await upload(repo, "config.json", '{"model_type":"bert"}');
    await upload(repo, "model.safetensors", bytes);
    await expect.poll(async () => (await audit(hub.deps)).faults).toEqual([]);
    for (const path of [
      `/api/models/${repo.name}`,
      `/${repo.name}`,
      `/${repo.name}/blob/main/model.safetensors`,
      "/api/models?expand=safetensors",
    ]) {
      const answer = await get(path, undefined, { accept: "text/html, application/json" });
      expect([path, answer.status]).toEqual([path, 200]);
      await answer.arrayBuffer();
    }
    expect(await bytesOf(`/${repo.name}/resolve/main/model.safetensors`)).toEqual(bytes);
  });
});

describe("an upload that has not arrived whole", () => {
  it("is nothing to anybody", async () => {
    await create(model("partial"));
    const data = large(4);
    const oid = sha256(data);
    const batch = async (operation: "upload" | "download") => {
      const answer = await send("POST", "/ana/partial.git/info/lfs/objects/batch", {
        operation,
        transfers: ["basic"],
        objects: [{ oid, size: data.length }],
      });
      const { objects }: { objects: { actions?: Record<string, { href: string }>; error?: unknown }[] } =
        await answer.json();
      return objects[0] ?? {};
    };
    const href = (await batch("upload")).actions?.["upload"]?.href ?? "";
    const put = request(href, { method: "PUT", headers: { "content-length": `${data.length}` } });
    put.on("error", () => {});
    await new Promise<void>((resolve) => put.write(data.subarray(0, 200_000), () => resolve()));
    expect((await batch("upload")).actions?.["upload"]?.href, "still to be sent").toBeTruthy();
    expect((await batch("download")).actions).toBeUndefined();
    const line = (value: unknown) => JSON.stringify(value);
    const commit = await fetch(`${hub.url}/api/models/ana/partial/commit/main`, {
      method: "POST",
      headers: { ...as(ana), "content-type": "application/x-ndjson" },
      body: [
        line({ key: "header", value: { summary: "Too early", description: "" } }),
        line({ key: "lfsFile", value: { path: "w.bin", algo: "sha256", oid, size: data.length } }),
      ].join("\n"),
    });
    expect(commit.status).toBe(400);
    put.destroy();
    expect((await get("/ana/partial/resolve/main/w.bin")).status).toBe(404);
    expect((await fetch(href, { method: "PUT", body: data })).status).toBe(200);
    expect((await batch("upload")).actions).toBeUndefined();
    expect((await audit(hub.deps)).faults).toEqual([]);
  });
});

describe("what somebody else does at the same moment", () => {
  it("is no fault of the hub: a repository is deleted while a large file comes", async () => {
    await create(model("vanishing"));
    const data = large(5);
    const objects = [{ oid: sha256(data), size: data.length }];
    const asked = { operation: "upload", transfers: ["basic"], objects };
    const answer = await send("POST", "/ana/vanishing.git/info/lfs/objects/batch", asked);
    const batch: { objects: { actions: { upload: { href: string } } }[] } = await answer.json();
    const put = request(batch.objects[0]?.actions.upload.href ?? "", {
      method: "PUT",
      headers: { "content-length": data.length },
    });
    const answered = once(put, "response");
    put.write(data.subarray(0, 200_000));
    const incoming = join(hub.folder, "blobs", "incoming");
    await expect.poll(() => readdirSync(incoming)).not.toEqual([]);
    expect((await send("DELETE", "/api/repos/delete", { name: "vanishing" })).status).toBe(200);
    put.end(data.subarray(200_000));
    const [told]: IncomingMessage[] = await answered;
    expect([told?.statusCode, told?.headers["x-error-code"]]).toEqual([409, "CHANGED_MEANWHILE"]);
    // Once it is gone its links are over.
    const late = await fetch(batch.objects[0]?.actions.upload.href ?? "", { method: "PUT", body: data });
    expect(late.status).toBe(403);
  });

  it("is no fault of the hub: two collections get one title", async () => {
    const make = async (title: string): Promise<{ slug: string }> =>
      (await send("POST", "/api/collections", { title })).json();
    const [one, two] = [await make("One"), await make("Two")];
    for (const title of ["A", "B", "C", "D", "E"]) {
      const renamed = [one, two].map(({ slug }) => send("PATCH", `/api/collections/${slug}`, { title }));
      expect((await Promise.all(renamed)).map(({ status }) => status).sort(), title).toEqual([200, 409]);
    }
  });
});

describe("names", () => {
  it("in another case are the same repository, under its own name", async () => {
    await create(model("Cased"));
    await upload(model("Cased"), "a.txt", "a");
    const info: { id: string } = await (await get("/api/models/ANA/cAsEd")).json();
    expect(info.id).toBe("ana/Cased");
    expect(await (await get("/Ana/CASED/resolve/main/a.txt")).text()).toBe("a");
    await expect(create(model("cased"))).rejects.toMatchObject({ statusCode: 409 });
  });

  it("longer than a file system has are refused or kept, and never a fault", async () => {
    await create(model("long"));
    for (const path of [`${"x".repeat(255)}.txt`, `${"é".repeat(200)}.txt`, `${"deep/".repeat(60)}x.txt`]) {
      const outcome = await upload(model("long"), path, "kept").catch((error: hf.HubApiError) => error.statusCode);
      if (typeof outcome === "number") expect([path.length, outcome]).toEqual([path.length, 400]);
      else expect(await (await get(`/ana/long/resolve/main/${path}`)).text()).toBe("kept");
    }
    const tooLong = await fetch(`${hub.url}/api/repos/create`, {
      method: "POST",
      headers: { ...as(ana), "content-type": "application/json" },
      body: JSON.stringify({ name: "n".repeat(97) }),
    });
    expect(tooLong.status).toBe(400);
  });

  it("of empty files are files of no bytes, by every way", async () => {
    await create(model("empty"));
    await upload(model("empty"), "nothing.txt", "");
    const whole = await get("/ana/empty/resolve/main/nothing.txt");
    expect([whole.status, whole.headers.get("content-length"), (await whole.arrayBuffer()).byteLength]).toEqual([
      200,
      "0",
      0,
    ]);
    const blob = await hf.downloadFile({ hubUrl: hub.url, repo: model("empty"), path: "nothing.txt" });
    expect([blob?.size, await blob?.text()]).toEqual([0, ""]);
  });
});

it("bytes that cannot be read break their answer off and are told to whoever runs the hub, a client that leaves is not", async () => {
  const repo = model("unreadable");
  await create(repo);
  const content = large(7);
  const commit = await upload(repo, "w.bin", content);
  const path = `/ana/unreadable/resolve/${commit}/w.bin`;
  const said: string[] = [];
  const restore = setLogListener(({ message }) => said.push(message));
  const leaving = new AbortController();
  const left = await fetch(`${hub.url}${path}`, { signal: leaving.signal });
  leaving.abort();
  await left.arrayBuffer().catch(() => {});
  const name = sha256(content);
  truncateSync(join(hub.folder, "blobs", name.slice(0, 2), name.slice(2, 4), name), 100_000);
  const broken = get(path, undefined, { "x-request-id": "the-broken-one" });
  await expect(broken.then((response) => response.arrayBuffer())).rejects.toThrow();
  const short = "the file ends 200000 bytes before it should";
  await expect.poll(() => said).toEqual([expect.stringContaining(`the-broken-one: the answer broke off: ${short}`)]);
  await hub.deps.blobs.delete(name);
  const gone = await get(path, undefined, { "x-request-id": "the-gone-one" });
  expect([gone.status, gone.headers.get("x-error-code")]).toEqual([500, "INTERNAL"]);
  expect(said.slice(1)).toEqual([expect.stringMatching(/the-gone-one.*ENOENT/)]);
  restore();
  await hub.deps.blobs.put(Readable.from([content]), { sha256: sha256(content), size: content.length });
  expect((await bytesOf(path)).length).toBe(content.length);
});

it("a proxy that closes each connection gets whole answers", async () => {
  await create(model("proxied"));
  await upload(model("proxied"), "a.txt", "through");
  const proxy = createServer((asked, answer) => {
    const { hostname, port } = new URL(hub.url);
    request(
      { hostname, port, path: asked.url, headers: { host: asked.headers.host ?? "", connection: "close" } },
      (given) => {
        answer.writeHead(given.statusCode ?? 502, given.headers);
        given.pipe(answer);
      },
    ).end();
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const address = proxy.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  expect(await (await fetch(`http://127.0.0.1:${port}/ana/proxied/resolve/main/a.txt`)).text()).toBe("through");
  await new Promise((resolve) => proxy.close(resolve));
});
