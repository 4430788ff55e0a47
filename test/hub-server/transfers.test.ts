// Bytes in and out, for every type of repository: commits as they stream in, large files whole and in parts, and reading them.
import { createHash, randomBytes } from "node:crypto";
import { request } from "node:http";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { jsonLines } from "../../hub-server/api/json-lines.ts";
import { Spool } from "../../hub-server/storage/spool.ts";
import { type Caller, caller, file, type Line } from "../support/calls.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { operation } from "../support/operations.ts";

const MIB = 1024 * 1024;
const PART = 5 * MIB;

let hub: TestHub;
let ana: Caller;
let ben: Caller;
let token: string;
let made = 0;

beforeAll(async () => {
  hub = await testHub({ transfers: { partSize: PART, multipartAbove: 10 * MIB } });
  token = await hub.user("ana");
  [ana, ben] = [caller(hub.url, token), caller(hub.url, await hub.user("ben"))];
});
afterAll(() => hub?.stop());

interface Made {
  api: string;
  page: string;
}

async function repo(type = "models", more: Record<string, unknown> = {}, by = ana): Promise<Made> {
  const name = `t${made++}`;
  const singular = type.replace(/s$/, "");
  await by.ok("POST", "/api/repos/create", {
    name,
    type: singular,
    ...(type === "spaces" && { sdk: "static" }),
    ...more,
  });
  return { api: `/api/${type}/ana/${name}`, page: `${type === "models" ? "" : `/${type}`}/ana/${name}` };
}

const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");
const gitId = (bytes: Uint8Array): string =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
const line = (value: unknown): string => `${JSON.stringify(value)}\n`;
const header = line({ key: "header", value: { summary: "change" } });
const get = (path: string, headers: Record<string, string> = {}, method = "GET") =>
  fetch(`${hub.url}${path}`, { method, headers, redirect: "manual" });
const bytesOf = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer());
const send = (path: string, body: string | ReadableStream | Uint8Array<ArrayBuffer>) =>
  fetch(`${hub.url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/x-ndjson" },
    body,
    ...(body instanceof ReadableStream && { duplex: "half" }),
  });

interface Action {
  href: string;
  header?: Record<string, string>;
}
interface Batch {
  transfer: string;
  objects: { oid: string; size: number; actions?: Record<string, Action>; error?: { code: number } }[];
}

const batchOf = ({ page }: Made, objects: { oid: string; size: number }[], more = {}, by = ana): Promise<Batch> =>
  by.ok<Batch>("POST", `${page}.git/info/lfs/objects/batch`, {
    operation: "upload",
    transfers: ["basic", "multipart"],
    hash_algo: "sha256",
    ref: { name: "main" },
    objects,
    ...more,
  });

describe("commits", () => {
  operation("POST /api/{models|datasets|spaces}/{namespace}/{repo}/preupload/{rev}", async (type) => {
    const { api } = await repo(type);
    await ana.commit(api, "main", [file("same.txt", "same"), file(".gitignore", "*.tmp\n")]);
    const asked = [
      { path: "same.txt", size: 4, sample: "" },
      { path: "model.safetensors", size: 100, sample: "" },
      { path: "x.tmp", size: 1, sample: "" },
      { path: "huge.txt", size: 100 * MIB, sample: "" },
    ];
    const { files } = await ana.ok<{ files: Record<string, unknown>[] }>("POST", `${api}/preupload/main`, {
      files: asked,
    });
    expect(files).toMatchObject([
      { path: "same.txt", uploadMode: "regular", shouldIgnore: false, oid: gitId(Buffer.from("same")) },
      { path: "model.safetensors", uploadMode: "lfs", shouldIgnore: false, oid: null },
      { path: "x.tmp", uploadMode: "regular", shouldIgnore: true, oid: null },
      { path: "huge.txt", uploadMode: "lfs", shouldIgnore: false, oid: null },
    ]);
    expect((await ana.call("POST", `${api}/preupload/main`, { files: [{ path: "../x", size: 1 }] })).status).toBe(400);
  });

  operation("POST /api/{models|datasets|spaces}/{namespace}/{repo}/commit/{rev}", async (type) => {
    const { api, page } = await repo(type);
    const { commitOid } = await ana.commit(api, "main", [file("a.txt", "1"), file("d/b.txt", "2")]);
    const answer = await ana.ok<{ commitUrl: string; commitOid: string }>("GET", `${api}/revision/main`);
    expect(answer).toMatchObject({ sha: commitOid });
    await ana.commit(api, "main", [{ key: "deletedFolder", value: { path: "d/" } }]);
    expect((await get(`${page}/resolve/main/d/b.txt`)).status).toBe(404);
    expect(await (await get(`${page}/resolve/main/a.txt`)).text()).toBe("1");
    const empty = await ana.commit(api, "main", []);
    expect(empty.commitOid).toMatch(/^[0-9a-f]{40}$/);
  });

  it("a line of 135 MB goes through without being held", async () => {
    const { api, page } = await repo();
    const piece = randomBytes(3 * MIB);
    const [text, times] = [piece.toString("base64"), 33];
    const size = piece.length * times;
    async function* body() {
      yield header;
      yield `{"value":{"content":"`;
      for (let at = 0; at < times; at++) yield text;
      yield `","path":"large.txt","encoding":"base64"},"key":"file"}\n`;
      yield line(file("small.txt", "small"));
    }
    const before = process.memoryUsage().rss;
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss - before);
    }, 20);
    // safe because Node's stream types and fetch types describe the same object
    const answer = await send(`${api}/commit/main`, Readable.toWeb(Readable.from(body())) as ReadableStream);
    clearInterval(watch);
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining("commitOid")]);
    expect(most).toBeLessThan(200 * MIB);
    const [hash, id] = [createHash("sha256"), createHash("sha1").update(`blob ${size}\0`)];
    for (let at = 0; at < times; at++) {
      hash.update(piece);
      id.update(piece);
    }
    const resolved = await get(`${page}/resolve/main/large.txt`);
    const found = createHash("sha256");
    for await (const chunk of resolved.body ?? []) found.update(chunk);
    expect(found.digest("hex")).toBe(hash.digest("hex"));
    expect(resolved.headers.get("etag")).toBe(`"${id.digest("hex")}"`);
    expect(await (await get(`${page}/resolve/main/small.txt`)).text()).toBe("small");
  });

  it.each([
    ["UTF-8 with escapes", (text: string) => ({ key: "file", value: { path: "t.txt", content: text } })],
    [
      "UTF-8, said so before",
      (text: string) => ({ key: "file", value: { encoding: "utf-8", path: "t.txt", content: text } }),
    ],
  ])("a long text as %s", async (_, lineOf) => {
    const { api, page } = await repo();
    const text = `${'"quoted" \\ back\n\té 😀 '.repeat(40_000)}end`;
    for (const [at, body] of [
      JSON.stringify(lineOf(text)),
      // Every letter that is none of ASCII as an escape.
      JSON.stringify(lineOf(text)).replace(
        /[^\x20-\x7e]/g,
        (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
      ),
    ].entries()) {
      const answer = await send(`${api}/commit/main`, `${header}${body}`);
      expect([at, answer.status]).toEqual([at, 200]);
      expect(await (await get(`${page}/resolve/main/t.txt`)).text()).toBe(text);
    }
  });

  it.each([
    ["no base64", `"${"A".repeat(200_000)}*AAA"`, /no base64/],
    ["base64 of a wrong length", `"${"A".repeat(200_001)}"`, /no base64/],
    ["an end in the middle", `"${"A".repeat(200_000)}==${"A".repeat(2)}"`, /no base64/],
  ])("a long content that is %s leaves no commit", async (_, content, says) => {
    const { api } = await repo();
    const before = await ana.ok("GET", `${api}/commits/main`);
    const text = `${header}{"key":"file","value":{"path":"x","content":${content},"encoding":"base64"}}`;
    const answer = await send(`${api}/commit/main`, text);
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringMatching(says)]);
    expect(await ana.ok("GET", `${api}/commits/main`)).toEqual(before);
  });

  it.each([
    ["a path that is too long to be one", `{"key":"file","value":{"path":"${"p".repeat(200_000)}","content":""}}`, 400],
    ["a line of many texts", `{"key":"file","value":{"path":"x","content":"","x":[${'"y",'.repeat(200_000)}0]}}`, 413],
    ["a line that never ends", `{"key":"file","value":{"path":"x","content":"${"A".repeat(200_000)}`, 400],
    ["two headers", header, 400],
    ["no JSON", "{key}", 400],
    ["another key", `{"key":"what","value":{}}`, 400],
  ])("%s is refused", async (_, text, status) => {
    const { api } = await repo();
    const answer = await send(`${api}/commit/main`, `${header}${text}`);
    expect(answer.status).toBe(status);
    expect(await ana.ok<unknown[]>("GET", `${api}/commits/main`)).toHaveLength(1);
  });

  it("nobody names the text of another line", async () => {
    const lines = [line({ a: "x".repeat(200_000) }), line({ b: "long:00000000-0000-0000-0000-000000000000:0" })];
    const spool = new Spool();
    const found = [];
    for await (const { value, long } of jsonLines(Readable.from([Buffer.from(lines.join(""))]), spool))
      found.push([Object.values(value as Record<string, string>)[0], long.size]);
    await spool.close();
    expect(found).toEqual([
      [expect.stringMatching(/^long:/), 1],
      ["long:00000000-0000-0000-0000-000000000000:0", 0],
    ]);
  });

  it("lines are found wherever the chunks end", async () => {
    const text = `${line({ a: 'q"\\', b: "y".repeat(98_305), c: '\\"' })}\r\n${line({ d: "é\n" })}`;
    const bytes = Buffer.from(text);
    for (const size of [1, 2, 3, 7, 4096]) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
        bytes.subarray(at * size, (at + 1) * size),
      );
      const spool = new Spool();
      const values: unknown[] = [];
      for await (const { value } of jsonLines(Readable.from(chunks), spool))
        if (value !== undefined) values.push(value);
      await spool.close();
      expect(values).toEqual([{ a: 'q"\\', b: expect.stringMatching(/^long:/), c: '\\"' }, { d: "é\n" }]);
    }
  });

  it("a sender who goes away leaves no commit", async () => {
    const { api } = await repo();
    await new Promise<void>((resolve) => {
      const { port } = new URL(hub.url);
      const sending = request({
        port,
        path: `${api}/commit/main`,
        method: "POST",
        headers: { authorization: `Bearer ${token}` },
      });
      sending.on("error", () => resolve());
      sending.write(
        `${header}${line(file("a.txt", "x".repeat(300_000)))}{"key":"file","value":{"path":"b.txt","content":"AAAA`,
      );
      setTimeout(() => sending.destroy(), 300);
    });
    await expect.poll(() => ana.ok<unknown[]>("GET", `${api}/commits/main`)).toHaveLength(1);
    expect((await ana.commit(api, "main", [file("c.txt", "c")])).commitOid).toMatch(/^[0-9a-f]{40}$/);
  });
});

describe("large files in parts", () => {
  const bytes = randomBytes(12_000_007);
  const oid = sha256(bytes);
  const parts = (action: Action) => {
    const size = Number(action.header?.["chunk_size"]);
    return Object.entries(action.header ?? {})
      .filter(([name]) => /^\d+$/.test(name))
      .sort()
      .map(([name, href], index) => ({
        number: Number(name),
        href,
        bytes: bytes.subarray(index * size, (index + 1) * size),
      }));
  };
  const put = async (href: string, body: Uint8Array<ArrayBuffer>) => fetch(href, { method: "PUT", body });
  const post = async (href: string, body: unknown) => {
    const answer = await fetch(href, { method: "POST", body: JSON.stringify(body) });
    return [answer.status, await answer.text()] as const;
  };

  it("what has more parts than an answer can name waits for the next batch", async () => {
    const made = await repo();
    const huge = Array.from({ length: 6 }, (_, at) => ({ oid: `${at}`.repeat(64), size: 1e13 }));
    const { objects } = await batchOf(made, huge);
    expect(
      objects.map(({ actions, error }) => error?.code ?? Object.keys(actions?.["upload"]?.header ?? {}).length),
    ).toEqual([...Array.from({ length: 5 }, () => 10_001), 413]);
  });

  it("A4: batch, parts without credentials, completion, verification, commit", async () => {
    const made = await repo();
    const batch = await batchOf(made, [{ oid, size: bytes.length }]);
    expect(batch.transfer).toBe("multipart");
    const { upload, verify } = batch.objects[0]?.actions ?? {};
    if (upload === undefined || verify === undefined) throw new Error("the batch gave no actions");
    expect(Object.keys(upload.header ?? {})).toEqual(["chunk_size", "00001", "00002", "00003"]);
    const pointer: Line = { key: "lfsFile", value: { path: "w.bin", algo: "sha256", oid, size: bytes.length } };
    const named = [];
    for (const part of parts(upload).reverse()) {
      const answer = await put(part.href, part.bytes);
      expect(answer.status).toBe(200);
      named.push({ partNumber: part.number, etag: answer.headers.get("etag") });
    }
    expect((await post(verify.href, { oid, size: bytes.length }))[0]).toBe(404);
    const few = await post(upload.href, { oid, parts: named.slice(1) });
    expect(few).toEqual([400, expect.stringContaining("3 parts; 2 were named")]);
    const other = named.map((part) => ({ ...part, etag: '"other"' }));
    expect((await post(upload.href, { oid, parts: other }))[0]).toBe(400);
    expect((await ana.call("POST", `${made.api}/commit/main`, undefined, `${header}${line(pointer)}`)).status).toBe(
      400,
    );
    expect((await post(upload.href, { oid, parts: named }))[0]).toBe(200);
    expect((await post(upload.href, { oid, parts: named }))[0]).toBe(200);
    expect((await post(verify.href, { oid, size: bytes.length }))[0]).toBe(200);
    await ana.commit(made.api, "main", [pointer]);
    expect((await bytesOf(await get(`${made.page}/resolve/main/w.bin`))).equals(bytes)).toBe(true);
    expect((await batchOf(made, [{ oid, size: bytes.length }])).objects[0]).not.toHaveProperty("actions");
  });

  it("a part that is still being sent keeps the upload open: what was checked cannot be changed behind it", async () => {
    const made = await repo();
    const { upload } = (await batchOf(made, [{ oid, size: bytes.length }])).objects[0]?.actions ?? {};
    if (upload === undefined) throw new Error("the batch gave no actions");
    const named: { partNumber: number; etag: string | null }[] = [];
    for (const part of parts(upload))
      named.push({ partNumber: part.number, etag: (await put(part.href, part.bytes)).headers.get("etag") });
    const again = request(parts(upload)[0]?.href ?? "", { method: "PUT", headers: { "content-length": PART } });
    again.on("error", () => {});
    again.write(Buffer.alloc(2 * MIB));
    const complete = () => post(upload.href, { oid, parts: named });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await complete()).toEqual([409, expect.stringContaining("still on its way")]);
    again.destroy();
    // What it wrote is in the upload by now, and is refused with it.
    await expect.poll(async () => (await complete())[0]).toBe(400);
    expect((await batchOf(made, [{ oid, size: bytes.length }])).objects[0]?.actions).toHaveProperty("upload");
  });

  it("who was cut off goes on: parts that arrived are told, by the same links and by new ones", async () => {
    const made = await repo();
    const first = (await batchOf(made, [{ oid, size: bytes.length }])).objects[0]?.actions?.["upload"];
    if (first === undefined) throw new Error("no links");
    const [one] = parts(first);
    const etag = (await put(one?.href ?? "", one?.bytes ?? new Uint8Array())).headers.get("etag");
    const second = (await batchOf(made, [{ oid, size: bytes.length }])).objects[0]?.actions?.["upload"];
    if (second === undefined) throw new Error("no links");
    const state = await Promise.all(parts(second).map(({ href }) => fetch(href, { method: "HEAD" })));
    expect(state.map(({ status, headers }) => [status, headers.get("etag")])).toEqual([
      [200, etag],
      [404, null],
      [404, null],
    ]);
    const named = [{ partNumber: 1, etag }];
    for (const part of parts(second).slice(1))
      named.push({ partNumber: part.number, etag: (await put(part.href, part.bytes)).headers.get("etag") });
    expect((await post(second.href, { oid, parts: named }))[0]).toBe(200);
  });

  it("parts that are together something else end the upload, and nothing of them stays", async () => {
    const made = await repo();
    const upload = (await batchOf(made, [{ oid, size: bytes.length }])).objects[0]?.actions?.["upload"];
    if (upload === undefined) throw new Error("no links");
    const named = [];
    for (const part of parts(upload)) {
      const wrong = part.number === 2 ? new Uint8Array(part.bytes.length) : part.bytes;
      named.push({ partNumber: part.number, etag: (await put(part.href, wrong)).headers.get("etag") });
    }
    expect((await post(upload.href, { oid, parts: named }))[0]).toBe(400);
    const [status, text] = await post(upload.href, { oid, parts: named });
    expect([status, text]).toEqual([404, expect.stringContaining("over")]);
    expect((await put(parts(upload)[0]?.href ?? "", new Uint8Array(PART))).status).toBe(404);
  });

  it.each([
    ["a part of a wrong length", (href: string) => put(href, new Uint8Array(10)), 400],
    [
      "a part that there is not",
      (href: string) => put(href.replace("/parts/1?", "/parts/9?"), new Uint8Array(10)),
      400,
    ],
    ["a part of another object", (href: string) => put(href.replace(oid, "0".repeat(64)), new Uint8Array(10)), 403],
    ["a forged signature", (href: string) => put(href.replace("signature=", "signature=x"), new Uint8Array(10)), 403],
    ["another upload", (href: string) => put(href.replace(/upload=[^&]*/, "upload=x"), new Uint8Array(10)), 403],
    ["an expired link", (href: string) => put(href.replace(/expires=\d+/, "expires=1"), new Uint8Array(10)), 403],
  ])("%s is refused", async (_, call, status) => {
    const made = await repo();
    const upload = (await batchOf(made, [{ oid, size: bytes.length }])).objects[0]?.actions?.["upload"];
    const [one] = upload === undefined ? [] : parts(upload);
    expect((await call(one?.href ?? "")).status).toBe(status);
  });
});

describe("large files whole", () => {
  it("256 objects in one batch; those that are there get no link", async () => {
    const made = await repo();
    const contents = Array.from({ length: 256 }, (_, at) => `content ${at}`);
    const objects = contents.map((content) => ({ oid: sha256(content), size: content.length }));
    const first = await batchOf(made, objects);
    expect([first.transfer, first.objects.filter(({ actions }) => actions !== undefined).length]).toEqual([
      "basic",
      256,
    ]);
    for (const at of [0, 255]) {
      const href = first.objects[at]?.actions?.["upload"]?.href ?? "";
      for (let again = 0; again < 2; again++)
        expect((await fetch(href, { method: "PUT", body: contents[at] ?? "" })).status).toBe(200);
    }
    const second = await batchOf(made, objects);
    expect(second.objects.filter(({ actions }) => actions === undefined).map(({ oid }) => oid)).toEqual([
      objects[0]?.oid,
      objects[255]?.oid,
    ]);
    const down = await batchOf(made, objects.slice(0, 2), { operation: "download" });
    expect(down.objects[1]?.error?.code).toBe(404);
    const link = down.objects[0]?.actions?.["download"]?.href ?? "";
    const part = await fetch(link, { headers: { range: "bytes=2-4" } });
    expect([part.status, await part.text(), part.headers.get("content-range")]).toEqual([206, "nte", "bytes 2-4/9"]);
  });

  it("a body without a length is taken", async () => {
    const made = await repo();
    const bytes = randomBytes(300_000);
    const oid = sha256(bytes);
    const href = (await batchOf(made, [{ oid, size: bytes.length }])).objects[0]?.actions?.["upload"]?.href ?? "";
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(bytes);
        controller.close();
      },
    });
    const init: RequestInit & { duplex: "half" } = { method: "PUT", body, duplex: "half" };
    expect((await fetch(href, init)).status).toBe(200);
    expect(await hub.deps.blobs.has(oid)).toBe(true);
  });

  it("a sender who goes away leaves nothing", async () => {
    const made = await repo();
    const oid = sha256("never whole");
    const href = (await batchOf(made, [{ oid, size: 5_000_000 }])).objects[0]?.actions?.["upload"]?.href ?? "";
    await new Promise<void>((resolve) => {
      const sending = request(href, { method: "PUT", headers: { "content-length": "5000000" } });
      sending.on("error", () => resolve());
      sending.write(Buffer.alloc(1_000_000));
      setTimeout(() => sending.destroy(), 200);
    });
    expect(await hub.deps.blobs.has(oid)).toBe(false);
    expect((await fetch(`${hub.url}/api/models?limit=1`)).status).toBe(200);
  });
});

const HASH = /^"[0-9a-f]{40}"$/;

describe("reading", () => {
  const data = randomBytes(200_000);
  let files: Made;
  let head: string;

  beforeAll(async () => {
    files = await repo();
    const oid = sha256(data);
    const href = (await batchOf(files, [{ oid, size: data.length }])).objects[0]?.actions?.["upload"]?.href ?? "";
    await fetch(href, { method: "PUT", body: data });
    const lfs: Line = { key: "lfsFile", value: { path: "d/w.bin", algo: "sha256", oid, size: data.length } };
    const texts = [
      file("a.txt", "0123456789"),
      file("page.html", "<script>1</script>"),
      file("empty.txt", ""),
      file("x é;.svg", "<svg/>"),
    ];
    ({ commitOid: head } = await ana.commit(files.api, "main", [...texts, lfs]));
  });

  const SHOWN = {
    models: "GET /{namespace}/{repo}/resolve/{rev}/{path}",
    datasets: "GET /datasets/{namespace}/{repo}/resolve/{rev}/{path}",
    spaces: "GET /spaces/{namespace}/{repo}/resolve/{rev}/{path}",
  } as const;
  const readsByType = (type: keyof typeof SHOWN) => async () => {
    const { api, page } = await repo(type);
    const { commitOid } = await ana.commit(api, "main", [file("d/a b.txt", "hello")]);
    const answer = await get(`${page}/resolve/main/d/a%20b.txt`);
    expect([await answer.text(), answer.headers.get("x-repo-commit")]).toEqual(["hello", commitOid]);
    const rows = await ana.ok<{ oid: string }[]>("GET", `${api}/tree/main/d`);
    expect(answer.headers.get("etag")).toBe(`"${rows[0]?.oid}"`);
    expect((await get(`${page}/resolve/${commitOid.slice(0, 10)}/d/a%20b.txt`)).headers.get("x-repo-commit")).toBe(
      commitOid,
    );
    const missing = await get(`${page}/resolve/main/none`, {}, "HEAD");
    expect([missing.status, missing.headers.get("x-error-code"), missing.headers.get("x-repo-commit")]).toEqual([
      404,
      "EntryNotFound",
      commitOid,
    ]);
  };
  operation("GET /{namespace}/{repo}/resolve/{rev}/{path}", readsByType("models"));
  operation("GET /datasets/{namespace}/{repo}/resolve/{rev}/{path}", readsByType("datasets"));
  operation("GET /spaces/{namespace}/{repo}/resolve/{rev}/{path}", readsByType("spaces"));

  operation("GET /api/resolve-cache/{models|datasets|spaces}/{namespace}/{repo}/{rev}/{path}", async (type) => {
    const { api, page } = await repo(type);
    const { commitOid } = await ana.commit(api, "main", [file("d/a.txt", "hello")]);
    const [, , name] = page.replace(/^\/(datasets|spaces)/, "").split("/");
    const answer = await get(`/api/resolve-cache/${type}/ana/${name}/${commitOid}/d/a.txt`);
    const direct = await get(`${page}/resolve/main/d/a.txt`);
    expect([answer.status, await answer.text()]).toEqual([200, "hello"]);
    expect(answer.headers.get("etag")).toBe(direct.headers.get("etag"));
    expect(answer.headers.get("cache-control")).toContain("immutable");
    expect((await get(`/api/resolve-cache/${type}/ana/${name}/main/none`)).status).toBe(404);
  });

  it.each([
    ["bytes=0-0", 206, "0", "bytes 0-0/10"],
    ["bytes=2-4", 206, "234", "bytes 2-4/10"],
    ["bytes=8-", 206, "89", "bytes 8-9/10"],
    ["bytes=-3", 206, "789", "bytes 7-9/10"],
    ["bytes=-100", 206, "0123456789", "bytes 0-9/10"],
    ["bytes=5-100", 206, "56789", "bytes 5-9/10"],
    ["bytes=0-1,4-5", 200, "0123456789", null],
    ["bytes=5-2", 200, "0123456789", null],
    ["items=1-2", 200, "0123456789", null],
    ["bytes=a-b", 200, "0123456789", null],
    ["bytes=-", 200, "0123456789", null],
  ])("Range: %s", async (range, status, text, contentRange) => {
    const answer = await get(`${files.page}/resolve/main/a.txt`, { range });
    expect([answer.status, await answer.text(), answer.headers.get("content-range")]).toEqual([
      status,
      text,
      contentRange,
    ]);
    expect(answer.headers.get("accept-ranges")).toBe("bytes");
  });

  it.each(["bytes=10-", "bytes=10-20", "bytes=-0"])("Range: %s lies beyond the end", async (range) => {
    const answer = await get(`${files.page}/resolve/main/a.txt`, { range });
    expect([answer.status, answer.headers.get("content-range")]).toEqual([416, "bytes */10"]);
  });

  it("a range of an empty file is the empty file", async () => {
    const answer = await get(`${files.page}/resolve/main/empty.txt`, { range: "bytes=0-0" });
    const told = ["content-range", "content-length", "etag"].map((name) => answer.headers.get(name));
    expect([answer.status, await answer.text(), ...told]).toEqual([
      200,
      "",
      "bytes */0",
      "0",
      expect.stringMatching(HASH),
    ]);
  });

  it("HEAD tells everything by itself, also with a Range", async () => {
    for (const headers of [{}, { range: "bytes=0-0" }]) {
      const small = await get(`${files.page}/resolve/main/a.txt`, headers, "HEAD");
      expect(small.status).toBe(200);
      expect(Object.fromEntries(small.headers)).toMatchObject({
        "x-repo-commit": head,
        etag: expect.stringMatching(HASH),
        "content-length": "10",
        "accept-ranges": "bytes",
        "content-type": "text/plain; charset=utf-8",
        "content-disposition": `inline; filename*=UTF-8''a.txt; filename="a.txt";`,
        "cache-control": "no-cache",
        "access-control-allow-origin": "*",
        "x-request-id": expect.any(String),
      });
      expect(small.headers.get("location")).toBeNull();
      expect(small.headers.get("x-linked-etag")).toBeNull();
      expect(small.headers.get("content-encoding")).toBeNull();
      const large = await get(`${files.page}/resolve/main/d/w.bin`, { "accept-encoding": "gzip", ...headers }, "HEAD");
      expect(Object.fromEntries(large.headers)).toMatchObject({
        etag: `"${sha256(data)}"`,
        "x-linked-etag": `"${sha256(data)}"`,
        "x-linked-size": `${data.length}`,
        "content-length": `${data.length}`,
      });
    }
  });

  it("raw is what git stores", async () => {
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256(data)}\nsize ${data.length}\n`;
    const answer = await get(`${files.page}/raw/main/d/w.bin`);
    expect(await answer.text()).toBe(pointer);
    expect(answer.headers.get("etag")).toBe(`"${gitId(Buffer.from(pointer))}"`);
    expect((await get(`${files.page}/raw/main/d/w.bin`, {}, "HEAD")).headers.get("content-length")).toBe(
      `${pointer.length}`,
    );
    expect(await (await get(`${files.page}/raw/main/a.txt`)).text()).toBe("0123456789");
  });

  it("what a client has is not sent again, and a part only of what it has begun", async () => {
    const path = `${files.page}/resolve/main/a.txt`;
    const etag = (await get(path)).headers.get("etag") ?? "";
    for (const tags of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      const answer = await get(path, { "if-none-match": tags });
      expect([answer.status, answer.headers.get("etag"), await answer.text()]).toEqual([304, etag, ""]);
    }
    expect((await get(path, { "if-none-match": '"other"' })).status).toBe(200);
    expect((await get(path, { range: "bytes=1-2", "if-range": etag })).status).toBe(206);
    for (const other of ['"other"', `W/${etag}`, "Sat, 01 Jan 2000 00:00:00 GMT"]) {
      const answer = await get(path, { range: "bytes=1-2", "if-range": other });
      expect([answer.status, await answer.text()]).toEqual([200, "0123456789"]);
    }
  });

  it("nothing that a file holds runs in the hub's origin", async () => {
    for (const name of ["page.html", "x%20%C3%A9;.svg"]) {
      const answer = await get(`${files.page}/resolve/main/${name}`);
      expect(answer.headers.get("content-type")).toBe("text/plain; charset=utf-8");
      expect(answer.headers.get("content-security-policy")).toContain("sandbox");
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
      expect(answer.headers.get("cross-origin-resource-policy")).toBe("cross-origin");
    }
  });

  it("names files for those who save them", async () => {
    const disposition = async (query: string) =>
      (await get(`${files.page}/resolve/main/x%20%C3%A9;.svg${query}`)).headers.get("content-disposition");
    const named = `filename*=UTF-8''x%20%C3%A9%3B.svg; filename="x __.svg";`;
    expect(await disposition("")).toBe(`inline; ${named}`);
    expect(await disposition("?download=true")).toBe(`attachment; ${named}`);
    expect(await disposition("?noContentDisposition=1")).toBeNull();
  });

  it("what can never change may be kept, by everybody or by one", async () => {
    const cache = async (path: string, headers = {}) => (await get(path, headers)).headers.get("cache-control");
    expect(await cache(`${files.page}/resolve/${head}/a.txt`)).toBe("public, max-age=31536000, immutable");
    expect(await cache(`${files.page}/resolve/main/a.txt`)).toBe("no-cache");
    const hidden = await repo("models", { private: true });
    const { commitOid } = await ana.commit(hidden.api, "main", [file("a.txt", "x")]);
    const authorization = `Bearer ${token}`;
    expect(await cache(`${hidden.page}/resolve/${commitOid}/a.txt`, { authorization })).toMatch(/^private,/);
  });

  it("a page of another origin may ask and read", async () => {
    const asked = await get(`${files.page}/resolve/main/a.txt`, { origin: "http://localhost:5173" }, "OPTIONS");
    expect(asked.status).toBe(204);
    const allowed = (name: string) => (asked.headers.get(name) ?? "").toLowerCase().split(/,\s*/);
    expect(allowed("access-control-allow-headers")).toEqual(
      expect.arrayContaining(["authorization", "content-type", "range", "accept", "x-request-id", "x-xet-session-id"]),
    );
    expect(allowed("access-control-allow-methods")).toEqual(
      expect.arrayContaining(["get", "head", "post", "put", "patch", "delete", "options"]),
    );
    expect(asked.headers.get("access-control-max-age")).toBe("86400");
    for (const path of [`${files.page}/resolve/main/a.txt`, `${files.page}/resolve/main/none`]) {
      const exposed = ((await get(path)).headers.get("access-control-expose-headers") ?? "").toLowerCase();
      for (const name of [
        "link",
        "etag",
        "x-error-code",
        "x-repo-commit",
        "x-linked-size",
        "content-range",
        "location",
      ])
        expect(exposed).toContain(name);
    }
  });

  it("A6, A8: JavaScript's probe of a byte, then the whole", async () => {
    const probe = await get(`${files.page}/resolve/main/d/w.bin`, {
      range: "bytes=0-0",
      accept: "application/vnd.xet-fileinfo+json, */*",
    });
    expect([probe.status, probe.headers.get("content-range"), (await bytesOf(probe)).length]).toEqual([
      206,
      `bytes 0-0/${data.length}`,
      1,
    ]);
    const whole = await get(`${files.page}/resolve/main/d/w.bin`);
    expect([whole.status, (await bytesOf(whole)).equals(data)]).toEqual([200, true]);
    const anonymous = await get(`${files.page}/resolve/main/a.txt`, { range: "bytes=0-0" });
    expect([anonymous.status, await anonymous.text()]).toEqual([206, "0"]);
  });

  it("A3: info, tree, then HEAD and GET of each file at the commit", async () => {
    const info = await ana.ok<{ sha: string }>("GET", `${files.api}/revision/main`);
    const rows = await ana.ok<{ type: string; path: string; size: number }[]>(
      "GET",
      `${files.api}/tree/${info.sha}?recursive=true&expand=false`,
    );
    for (const { path, size } of rows.filter(({ type }) => type === "file")) {
      const at = `${files.page}/resolve/${info.sha}/${path.split("/").map(encodeURIComponent).join("/")}`;
      const told = await get(at, { "accept-encoding": "identity" }, "HEAD");
      expect([told.status, told.headers.get("content-length"), told.headers.get("x-repo-commit")]).toEqual([
        200,
        `${size}`,
        info.sha,
      ]);
      expect((await bytesOf(await get(at))).length).toBe(size);
    }
  });

  it("others may not send, nor read what is hidden", async () => {
    const hidden = await repo("models", { private: true });
    expect((await ben.call("GET", `${hidden.page}/resolve/main/.gitattributes`)).status).toBe(404);
    const body = { operation: "upload", objects: [{ oid: "0".repeat(64), size: 1 }] };
    expect((await ben.call("POST", `${hidden.page}.git/info/lfs/objects/batch`, body)).status).toBe(404);
    expect(
      (
        await fetch(`${hub.url}${hidden.page}.git/info/lfs/objects/batch`, {
          method: "POST",
          body: JSON.stringify(body),
        })
      ).status,
    ).toBe(401);
  });
});
