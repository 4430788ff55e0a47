// What clients send that no git sends, and what goes wrong around it: refused in words, nothing kept, the server up.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { GitCache } from "../../hub-server/git/cache.ts";
import { type PackObject, writePack } from "../../hub-server/git/pack.ts";
import { FLUSH, PktReader, pktLine } from "../../hub-server/git/pkt-line.ts";
import { encodeCommit, encodePointer, encodeTag, encodeTree, objectId } from "../../src/io/git-objects.ts";
import { audit } from "../support/audit.ts";
import { type Caller, caller, file } from "../support/calls.ts";
import { describeGit, type Git, gitHome } from "../support/git.ts";
import { type TestHub, testHub } from "../support/hub.ts";

const ZERO = "0".repeat(40);
const who = { name: "Eve", email: "eve@example.org", time: 1_700_000_000 };
const whole = (type: PackObject["type"], content: Uint8Array): PackObject => ({ type, size: content.length, content });
const blob = (text: string | Uint8Array) => whole("blob", Buffer.from(text));
const idOf = ({ type, content }: PackObject) => objectId(type, content as Uint8Array); // safe because these tests give bytes
/** A folder with entries as they are, which encodeTree would not write. */
const rawTree = (entries: readonly [mode: string, name: string | Uint8Array, id: string][]) =>
  whole(
    "tree",
    Buffer.concat(
      entries.flatMap(([mode, name, id]) => [
        Buffer.from(`${mode} `),
        Buffer.from(name),
        Buffer.from([0]),
        Buffer.from(id, "hex"),
      ]),
    ),
  );
const commitOf = (tree: string, parents: string[] = [], message = "from eve") =>
  whole("commit", encodeCommit({ tree, parents, author: who, committer: who, message }));

async function* listed<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}
async function packOf(objects: readonly PackObject[]): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of writePack(objects.length, listed(objects))) chunks.push(chunk);
  return Buffer.concat(chunks);
}

type Command = [before: string, after: string, ref: string];

describeGit("hostile pushes", () => {
  let hub: TestHub;
  let eve: Caller;
  let token: string;
  let made = 0;

  beforeAll(async () => {
    hub = await testHub();
    token = await hub.user("eve");
    eve = caller(hub.url, token);
  });
  afterAll(async () => {
    expect((await audit(hub.deps)).faults).toEqual([]);
    await hub.stop();
  });

  async function freshRepo(): Promise<string> {
    const name = `r${made++}`;
    await eve.ok("POST", "/api/repos/create", { name, type: "model" });
    return name;
  }
  const refsOf = async (name: string) => {
    const { branches, tags } = await eve.ok<Record<"branches" | "tags", { ref: string; targetCommit: string }[]>>(
      "GET",
      `/api/models/eve/${name}/refs`,
    );
    return Object.fromEntries([...branches, ...tags].map(({ ref, targetCommit }) => [ref, targetCommit]));
  };

  const post = (name: string, body: Uint8Array, headers: Record<string, string> = {}, service = "git-receive-pack") =>
    fetch(`${hub.url}/eve/${name}/${service}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": `application/x-${service}-request`, ...headers },
      body: Buffer.from(body),
    });

  /** A push as it is; gives the lines for people, and the report. */
  async function push(
    name: string,
    commands: readonly Command[],
    pack: Uint8Array,
    capabilities = "report-status side-band-64k",
  ) {
    const lines = commands.map(([before, after, ref], at) =>
      pktLine(`${before} ${after} ${ref}${at === 0 ? `\0${capabilities}` : ""}`),
    );
    const response = await post(name, Buffer.concat([...lines, FLUSH, pack]));
    expect(response.status).toBe(200);
    const bytes = Buffer.from(await response.arrayBuffer());
    const reader = new PktReader(listed([bytes]));
    let [remote, answer] = ["", ""];
    for (let line = await reader.next(); line !== undefined && line !== "flush"; line = await reader.next()) {
      if (line[0] === 2) remote += line.subarray(1).toString();
      else answer += line.subarray(1).toString();
    }
    return { remote, report: answer.replaceAll(/[0-9a-f]{4}(?=unpack|ok |ng )|0000$/g, "") };
  }

  /** Pushes a new branch made of objects, the last of which is its commit. */
  async function pushAll(name: string, objects: readonly PackObject[], ref = "refs/heads/new") {
    return push(name, [[ZERO, idOf(objects.at(-1) ?? blob("")), ref]], await packOf(objects));
  }

  it("folders and names that no repository may hold", async () => {
    const name = await freshRepo();
    const before = await refsOf(name);
    const a = blob("a");
    const of = (tree: PackObject, ...more: PackObject[]) => [a, ...more, tree, commitOf(idOf(tree))];
    const sub = rawTree([["100644", "x", idOf(a)]]);
    const cases: [PackObject[], RegExp][] = [
      [of(rawTree([["100644", "..", idOf(a)]])), /hasDotdot/],
      [of(rawTree([["100644", ".git", idOf(a)]])), /hasDotgit/],
      [of(rawTree([["100644", ".GIT", idOf(a)]])), /hasDotgit/],
      [of(rawTree([["100644", "a/b", idOf(a)]])), /fullPathname/],
      [of(rawTree([["100644", "", idOf(a)]])), /emptyName|empty filename/],
      [
        of(
          rawTree([
            ["100644", "x", idOf(a)],
            ["100644", "x", idOf(a)],
          ]),
        ),
        /duplicateEntries/,
      ],
      [
        of(
          rawTree([
            ["100644", "b", idOf(a)],
            ["100644", "a", idOf(a)],
          ]),
        ),
        /treeNotSorted/,
      ],
      [of(rawTree([["040000", "sub", idOf(sub)]]), sub), /zeroPadded|has the mode/],
      [of(rawTree([["160000", "module", "1".repeat(40)]])), /module is a submodule; this hub keeps none/],
      [of(rawTree([["100664", "old", idOf(a)]])), /old has the mode 100664|badFilemode/],
      [of(rawTree([["100644", Buffer.from([0x66, 0xff, 0xfe]), idOf(a)]])), /the name is no UTF-8/],
      [of(rawTree([["100644", "back\\slash", idOf(a)]])), /backslash/],
      [of(rawTree([["100644", "bell\x07", idOf(a)]])), /control character/],
      [of(rawTree([["100644", "n".repeat(300), idOf(a)]])), /longer than 255 bytes/],
      [of(rawTree([["40000", "file", idOf(a)]])), /not a tree|is a blob|object.*tree/],
      [of(rawTree([["100644", "tree", idOf(sub)]]), sub), /not a blob|is a tree|object.*blob/],
      [of(rawTree([["100644", "gone", "2".repeat(40)]])), /did not receive expected object 2222/],
    ];
    for (const [objects, message] of cases) {
      const { remote, report } = await pushAll(name, objects);
      expect(remote, report).toMatch(message);
      expect(report).toContain("ng refs/heads/new");
    }
    expect(await refsOf(name)).toEqual(before);
  });

  it("paths that are too long through nested folders, and folders with too many entries", async () => {
    const name = await freshRepo();
    const a = blob("a");
    let tree = rawTree([["100644", "x", idOf(a)]]);
    const objects = [a, tree];
    for (let depth = 0; depth < 6; depth++) {
      tree = rawTree([["40000", "d".repeat(200), idOf(tree)]]);
      objects.push(tree);
    }
    expect((await pushAll(name, [...objects, commitOf(idOf(tree))])).remote).toMatch(/longer than 1024 bytes/);
    const wide = rawTree(
      Array.from({ length: 10_001 }, (_, at) => ["100644", `f${`${at}`.padStart(6, "0")}`, idOf(a)]),
    );
    expect((await pushAll(name, [a, wide, commitOf(idOf(wide))])).remote).toMatch(/10001 entries; 10000 are allowed/);
  });

  it("folders that lie in each other without end; one that lies at very many places is looked at once", async () => {
    const name = await freshRepo();
    const a = blob("a");
    const leaf = rawTree([["100644", "x", idOf(a)]]);
    const nested = (levels: number, names: readonly string[]) => {
      const trees = [leaf];
      for (let level = 0; level < levels; level++) {
        const child = idOf(trees.at(-1) ?? leaf);
        trees.push(rawTree(names.map((each) => ["40000", each, child])));
      }
      return [a, ...trees, commitOf(idOf(trees.at(-1) ?? leaf))];
    };
    expect((await pushAll(name, nested(2000, ["d"]))).remote).toMatch(/more than 512 deep/);
    const names = Array.from({ length: 24 }, (_, at) => "n".repeat(at + 1));
    expect((await pushAll(name, nested(30, names))).report).toContain("ok refs/heads/new");
    expect((await pushAll(await freshRepo(), nested(45, names))).remote).toMatch(/longer than 1024 bytes/);
  });

  it("commits, tags and folders larger than any that people make", async () => {
    const name = await freshRepo();
    const tree = rawTree([["100644", "a", idOf(blob("a"))]]);
    const long = "x".repeat(1024 * 1024);
    const told = /The (commit|tag|tree) [0-9a-f]{40} has \d+ bytes; \d+ are allowed/;
    expect((await pushAll(name, [blob("a"), tree, commitOf(idOf(tree), [], long)])).report).toMatch(told);
    const commit = commitOf(idOf(tree));
    const tag = whole("tag", encodeTag({ object: idOf(commit), name: "t", tagger: who, message: long }));
    expect((await pushAll(name, [blob("a"), tree, commit, tag], "refs/tags/t")).report).toMatch(told);
    const names = Array.from({ length: 13_000 }, (_, at) => `${`${at}`.padStart(6, "0")}${"n".repeat(240)}`);
    const wide = rawTree(names.map((each) => ["100644", each, idOf(blob("a"))]));
    expect((await pushAll(name, [blob("a"), wide, commitOf(idOf(wide))])).report).toMatch(told);
    expect((await pushAll(name, [blob("a"), tree, commitOf(idOf(tree), [], long.slice(1000))])).report).toContain(
      "ok refs",
    );
  });

  it("a large file that is no LFS file is named, with the command that helps", async () => {
    const name = await freshRepo();
    const large = blob(Buffer.alloc(11 * 1024 * 1024, 3));
    const tree = rawTree([["100644", "data.csv", idOf(large)]]);
    const { remote } = await pushAll(name, [large, tree, commitOf(idOf(tree))]);
    expect(remote).toMatch(
      /^data\.csv has 11\.0 MiB; above 10 MiB files are kept by Git LFS\. Run: git lfs migrate import --include="data\.csv"/,
    );
  });

  it("contents of other repositories are not got by naming them", async () => {
    const name = await freshRepo();
    const ana = caller(hub.url, await hub.user("ana"));
    await ana.ok("POST", "/api/repos/create", { name: "secret", type: "model", private: true });
    const lfs = await ana.lfs("/api/models/ana/secret", "weights of ana");
    await ana.commit("/api/models/ana/secret", "main", [file("s/secret.txt", "secret"), lfs("model.bin")]);
    const rows = await ana.ok<{ path: string; oid: string }[]>(
      "GET",
      "/api/models/ana/secret/tree/main?recursive=true",
    );
    const idAt = (path: string) => rows.find((row) => row.path === path)?.oid ?? "";
    for (const entry of [
      ["100644", "mine.txt", idAt("s/secret.txt")],
      ["40000", "mine", idAt("s")],
    ] as const) {
      const tree = rawTree([[...entry]]);
      expect((await pushAll(name, [tree, commitOf(idOf(tree))])).remote).toMatch(/did not receive expected object/);
    }
    const sha256 = createHash("sha256").update("weights of ana").digest("hex");
    const pointer = blob(encodePointer(sha256, "weights of ana".length));
    const tree = rawTree([["100644", "model.bin", idOf(pointer)]]);
    expect((await pushAll(name, [pointer, tree, commitOf(idOf(tree))])).remote).toMatch(
      /model\.bin is a Git LFS pointer whose object/,
    );
    // Nor by the API, where a pointer comes as the content of a file.
    const text = Buffer.from(encodePointer(sha256, "weights of ana".length)).toString("base64");
    const body = [
      { key: "header", value: { summary: "x" } },
      { key: "file", value: { path: "model.bin", content: text, encoding: "base64" } },
    ];
    const response = await eve.call(
      "POST",
      `/api/models/eve/${name}/commit/main`,
      undefined,
      body.map((line) => JSON.stringify(line)).join("\n"),
    );
    expect(response.status).toBe(400);
    expect(await response.text()).toContain("LFS pointer pointed to a file that does not exist");
    // A commit of the other repository is none here.
    const { sha } = await ana.ok<{ sha: string }>("GET", "/api/models/ana/secret");
    const moved = await push(name, [[ZERO, sha, "refs/heads/new"]], await packOf([]));
    expect(moved.remote).toContain("did not come along");
  });

  it("pointers that are broken, and cards that are", async () => {
    const name = await freshRepo();
    const broken = blob(`version https://git-lfs.github.com/spec/v1\nsize 3\noid sha256:${"a".repeat(64)}\n`);
    const readme = blob("---\ntags: [1, {\n---\n# Card\n");
    const tree = rawTree([
      ["100644", "README.md", idOf(readme)],
      ["100644", "model.bin", idOf(broken)],
    ]);
    const { remote } = await pushAll(name, [broken, readme, tree, commitOf(idOf(tree))]);
    expect(remote).toContain("model.bin is a broken Git LFS pointer");
    const alone = rawTree([["100644", "README.md", idOf(readme)]]);
    const refused = await pushAll(name, [readme, alone, commitOf(idOf(alone))]);
    expect(refused.remote).toMatch(/^README\.md: .+/);
    expect(refused.report).toBe("unpack ok\nng refs/heads/new see the lines above that begin with remote:\n");
    expect(await refsOf(name)).not.toHaveProperty("refs/heads/new");
  });

  it("refs that cannot be, that moved meanwhile, and that are not whole", async () => {
    const name = await freshRepo();
    const before = await refsOf(name);
    const main = before["refs/heads/main"] ?? "";
    const none = await packOf([]);
    const bad = [
      "refs/heads/../x",
      "refs/heads/a b",
      "refs/heads/x.lock",
      "refs/heads/a..b",
      "refs/heads/-x",
      "refs/heads/@",
      "refs/foo/bar",
      "HEAD",
      "refs/heads/",
      "refs/convert/x",
      "refs/pr/7",
      "refs/pr/x",
      "refs/heads/nul\x01",
    ];
    for (const ref of bad) {
      const { report } = await push(
        name,
        [
          [ZERO, main, ref],
          [ZERO, main, "refs/heads/fine"],
        ],
        none,
      );
      expect(report, ref).toMatch(/^unpack ok\nng .* \S+/);
      expect(report).toContain("ng refs/heads/fine another ref of this push was refused");
    }
    const stale = await push(name, [[ZERO, main, "refs/heads/main"]], none);
    expect(stale.remote).toMatch(
      /refs\/heads\/main is at [0-9a-f]{40}, not at nothing\. Somebody else moved it\. Run git fetch/,
    );
    expect((await push(name, [["1".repeat(40), main, "refs/heads/main"]], none)).report).toContain(
      "ng refs/heads/main",
    );
    expect(
      (
        await push(
          name,
          [
            [ZERO, main, "refs/heads/a"],
            [ZERO, main, "refs/heads/a/b"],
          ],
          none,
        )
      ).report,
    ).toContain("ng refs/heads/a/b");
    expect(
      (
        await push(
          name,
          [
            [ZERO, main, "refs/heads/a"],
            [ZERO, main, "refs/heads/a"],
          ],
          none,
        )
      ).report,
    ).toContain("named twice");
    expect((await push(name, [[main, ZERO, "refs/heads/main"]], new Uint8Array())).report).toContain(
      "main cannot be deleted",
    );
    expect((await push(name, [[ZERO, ZERO, "refs/heads/ghost"]], new Uint8Array())).report).toContain("no such ref");
    const orphan = commitOf("4b825dc642cb6eb9a060e54bf8d69288fbee4904", ["3".repeat(40)]);
    expect((await pushAll(name, [whole("tree", new Uint8Array()), orphan])).remote).toMatch(
      /did not receive expected object 333|history is not whole/,
    );
    // Tags of what is no commit, and branches of tags.
    const a = blob("a");
    const tagBlob = whole(
      "tag",
      Buffer.from(
        Buffer.from(encodeTag({ object: idOf(a), name: "t", tagger: who, message: "m\n" }))
          .toString()
          .replace("type commit", "type blob"),
      ),
    );
    expect((await pushAll(name, [a, tagBlob], "refs/tags/t")).remote).toContain("tags a blob");
    expect((await pushAll(name, [a], "refs/heads/blob")).remote).toContain("refs name commits");
    const tag = whole("tag", encodeTag({ object: main, name: "t", tagger: who, message: "m\n" }));
    expect((await pushAll(name, [tag], "refs/heads/tag")).remote).toContain("branches name commits");
    expect((await pushAll(name, [tag], "refs/tags/t")).report).toBe("unpack ok\nok refs/tags/t\n");
    expect(await refsOf(name)).toEqual({ ...before, "refs/tags/t": main });
  });

  it("packs that are none, cut off, or bombs", async () => {
    const name = await freshRepo();
    const a = blob("a");
    const tree = rawTree([["100644", "a", idOf(a)]]);
    const commit = commitOf(idOf(tree));
    const pack = await packOf([a, tree, commit]);
    const command: Command[] = [[ZERO, idOf(commit), "refs/heads/new"]];
    const wrong = Buffer.from(pack);
    wrong[wrong.length - 1] = (wrong.at(-1) ?? 0) ^ 1;
    for (const [what, bytes] of Object.entries({
      text: Buffer.from("hello, this is no pack of git, but some text"),
      "cut off": pack.subarray(0, pack.length - 30),
      "of a wrong sum": wrong,
      nothing: new Uint8Array(),
    })) {
      const { report, remote } = await push(name, command, bytes);
      expect(report, what).toContain("ng refs/heads/new");
      expect(remote, what).not.toBe("");
    }
    // Three objects of 40 MB each that are all zeros.
    const zeros = Buffer.concat([
      Buffer.from([0xb0, 0xa0, 0xcb, 0x98, 0x01]),
      deflateSync(Buffer.alloc(40_000_000), { level: 9 }),
    ]);
    const bombs = Buffer.concat([
      Buffer.from("PACK\0\0\0\x02\0\0\0\x03", "latin1"),
      zeros,
      zeros,
      zeros,
      Buffer.alloc(20),
    ]);
    expect(bombs.length).toBeLessThan(200_000);
    const { remote, report } = await push(name, command, bombs);
    expect(remote).toMatch(/unpacks to more than 500 times as many/);
    expect(report).toMatch(/^unpack The pack of \d+ bytes/);
    expect(await readdir(join(hub.folder, "git", "incoming"))).toEqual([]);
    // Without the capability of lines for people there is the report alone; without that, nothing.
    const plain = await post(
      name,
      Buffer.concat([pktLine(`${ZERO} ${idOf(commit)} refs/heads/new\0report-status`), FLUSH, pack]),
    );
    expect(await plain.text()).toBe("000eunpack ok\n0016ok refs/heads/new\n0000");
  });

  it("requests that are no git's", async () => {
    const name = await freshRepo();
    const get = (path: string, headers = {}) => fetch(`${hub.url}${path}`, { headers });
    const dumb = await get(`/eve/${name}/info/refs`);
    expect([dumb.status, dumb.headers.get("x-error-code"), await dumb.text()]).toEqual([
      403,
      "DUMB_PROTOCOL",
      expect.stringContaining("smart protocol"),
    ]);
    expect((await get(`/eve/${name}/info/refs?service=git-upload-archive`)).status).toBe(403);
    expect((await get(`/eve/${name}/HEAD`)).status).toBe(404);
    expect((await get(`/eve/${name}/objects/info/packs`)).status).toBe(404);
    for (const path of [
      `/eve/${name}/info/refs?service=git-receive-pack`,
      "/eve/not-there/info/refs?service=git-upload-pack",
      "/datasets/no/body/info/refs?service=git-upload-pack",
    ]) {
      const response = await get(path);
      expect([response.status, response.headers.get("www-authenticate")]).toEqual([401, 'Basic realm="Abrazo"']);
    }
    const known = await get("/eve/not-there/info/refs?service=git-upload-pack", { authorization: `Bearer ${token}` });
    expect([known.status, known.headers.get("content-type"), await known.text()]).toEqual([
      404,
      "text/plain; charset=utf-8",
      "Repository not found\n",
    ]);

    const upload = (body: Uint8Array, headers: Record<string, string>) => post(name, body, headers, "git-upload-pack");
    expect((await upload(Buffer.from("no pkt"), {})).status).toBe(400);
    expect((await upload(Buffer.from("0000"), { "content-encoding": "br" })).status).toBe(415);
    expect((await upload(Buffer.from("no gzip"), { "content-encoding": "gzip" })).status).toBe(400);
    expect((await upload(gzipSync(Buffer.alloc(40_000_000)), { "content-encoding": "gzip" })).status).toBe(413);
    const refs = Buffer.concat([pktLine("command=ls-refs\n"), Buffer.from("0001"), pktLine("peel\n"), FLUSH]);
    const zipped = await upload(gzipSync(refs), { "content-encoding": "gzip", "git-protocol": "version=2" });
    expect(await zipped.text()).toMatch(/^[0-9a-f]{44} HEAD\n[0-9a-f]{44} refs\/heads\/main\n0000$/);
    expect((await upload(refs, { "git-protocol": "version=2\u00e9; rm -rf" })).status).toBe(400);
    expect((await post(name, Buffer.from("hello"))).status).toBe(400);
    expect((await post(name, Buffer.from("0000"))).status).toBe(200);
    expect((await post(name, Buffer.concat([pktLine(`${ZERO} ${ZERO}`), FLUSH]))).status).toBe(400);
    const wrong = await get(`/eve/${name}/info/refs?service=git-upload-pack`, {
      authorization: `Basic ${Buffer.from(`x:hf_${"x".repeat(34)}`).toString("base64")}`,
    });
    expect(wrong.status).toBe(401);
    const asName = `Basic ${Buffer.from(`${token}:`).toString("base64")}`;
    expect((await get(`/eve/${name}/info/refs?service=git-receive-pack`, { authorization: asName })).status).toBe(200);
  });

  it("locks are asked for what they are", async () => {
    const name = await freshRepo();
    const locks = `/eve/${name}.git/info/lfs/locks`;
    const made = await eve.call("POST", locks, { path: "a/model.bin" });
    expect(made.status).toBe(201);
    expect(made.headers.get("content-type")).toBe("application/vnd.git-lfs+json");
    const { lock }: { lock: { id: string } } = await made.json();
    expect(lock).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{24}$/),
      path: "a/model.bin",
      locked_at: expect.any(String),
      owner: { name: "eve" },
    });
    const again = await eve.call("POST", locks, { path: "a/model.bin" });
    expect([again.status, await again.json()]).toEqual([409, { lock, message: "a/model.bin is locked by eve." }]);
    for (const path of ["../x", "/etc/passwd", "", "a//b", ".git/config"])
      expect((await eve.call("POST", locks, { path })).status, path).toBe(400);
    for (let at = 0; at < 4; at++) await eve.ok("POST", locks, { path: `f${at}` });
    const page = await eve.ok<{ locks: unknown[]; next_cursor: string }>("GET", `${locks}?limit=3`);
    expect([page.locks.length, page.next_cursor]).toEqual([3, "3"]);
    expect(await eve.ok("GET", `${locks}?limit=3&cursor=3`)).toEqual({ locks: [expect.anything(), expect.anything()] });
    expect(await eve.ok("GET", `${locks}?path=f1`)).toMatchObject({ locks: [{ path: "f1" }] });
    expect(await eve.ok("POST", `${locks}/verify`, { ref: { name: "refs/heads/main" } })).toMatchObject({
      theirs: [],
      ours: { length: 5 },
    });
    expect((await eve.call("POST", `${locks}/${"0".repeat(24)}/unlock`, {})).status).toBe(404);
    expect(await eve.ok("POST", `${locks}/${lock.id}/unlock`, {})).toEqual({ lock });
    const stranger = await caller(hub.url, undefined).call("POST", `${locks}/verify`, {});
    expect([stranger.status, stranger.headers.get("lfs-authenticate")]).toEqual([401, 'Basic realm="Abrazo"']);
  });
});

describeGit("the cache of git", () => {
  let hub: TestHub;
  let git: Git;
  let ana: Caller;

  beforeAll(async () => {
    hub = await testHub();
    ana = caller(hub.url, await hub.user("ana"));
    git = await gitHome();
  });
  afterAll(async () => {
    await git?.remove();
    await hub?.stop();
  });

  const processes = () =>
    execFileSync("ps", ["--ppid", `${process.pid}`, "-o", "comm="], { encoding: "utf8" })
      .split("\n")
      .filter((name) => name.startsWith("git"));

  it("is made anew after damage, and thrown away at any time", async () => {
    await ana.ok("POST", "/api/repos/create", { name: "one", type: "model" });
    const url = `${hub.url}/ana/one`;
    await git.ok("", "clone", "--quiet", url, "first");
    const root = join(hub.folder, "git", "repositories");
    const [name = ""] = await readdir(root);
    const packs = join(root, name, "objects", "pack");
    for (const pack of await readdir(packs))
      if (pack.endsWith(".pack"))
        await writeFile(join(packs, pack), Buffer.alloc(300), { mode: 0o644 }).catch(() => rm(join(packs, pack)));
    const damaged = await git.run("", ["clone", "--quiet", url, "second"]);
    if (damaged.status !== 0) await git.ok("", "clone", "--quiet", url, "third");
    await rm(join(root, name), { recursive: true });
    await git.ok("", "clone", "--quiet", url, "fourth");
    expect(await git.ok("fourth", "fsck", "--full")).toBe("");
  });

  /** A repository of one commit with one file. */
  const rowsOf = (text: string) => {
    const content = Buffer.from(text);
    const tree = encodeTree([{ name: "a", kind: "file", id: objectId("blob", content) }]);
    const commit = commitOf(objectId("tree", tree));
    const objects = [whole("blob", content), whole("tree", tree), commit];
    return {
      refs: async () => [{ name: "refs/heads/main", id: idOf(commit) }],
      missing: async () => ({ count: 3, objects: listed(objects) }),
    };
  };

  const call = { caller: "ana", signal: new AbortController().signal };

  it("joins its packs", async () => {
    const folder = await mkdtemp(join(tmpdir(), "abrazo-cache-"));
    const cache = await GitCache.open({ folder, path: process.env["PATH"] ?? "" });
    const lease = await cache.lease("busy", call);
    const packs = async () =>
      (await readdir(join(cache.folderOf("busy"), "objects", "pack"))).filter((name) => name.endsWith(".idx")).length;
    for (let at = 0; at < 41; at++) await lease.sync(rowsOf(`${at}`));
    expect(await packs()).toBe(1);
    lease.release();
    await cache.close();
    await rm(folder, { recursive: true });
  });

  it("takes no more room than it may", async () => {
    const folder = await mkdtemp(join(tmpdir(), "abrazo-cache-"));
    const cache = await GitCache.open({ folder, path: process.env["PATH"] ?? "", limit: 1000 });
    const noise = (seed: string) =>
      Array.from({ length: 40 }, (_, at) => createHash("sha512").update(`${seed}${at}`).digest("hex")).join("");
    for (const name of ["a", "b", "c"]) {
      const lease = await cache.lease(name, call);
      await lease.sync(rowsOf(noise(name)));
      lease.release();
    }
    expect(await readdir(cache.repositories), "the last one was worked with").toEqual(["c"]);
    const lease = await cache.lease("kept", call);
    await lease.sync(rowsOf(noise("kept")));
    expect(await readdir(cache.repositories), "whoever works with it").toEqual(["kept"]);
    lease.release();
    await cache.close();
    await rm(folder, { recursive: true });
  });

  it("ends git with the request", async () => {
    await ana.ok("POST", "/api/repos/create", { name: "large", type: "model" });
    const noise = Array.from({ length: 60 }, (_, at) =>
      file(`f${at}.txt`, Buffer.alloc(60_000, `${at} ${Math.sin(at)}`).toString()),
    );
    await ana.commit("/api/models/ana/large", "main", noise);
    const leaving = new AbortController();
    const { sha } = await ana.ok<{ sha: string }>("GET", "/api/models/ana/large");
    const body = Buffer.concat([
      pktLine("command=fetch"),
      Buffer.from("0001"),
      pktLine(`want ${sha}\n`),
      pktLine("done\n"),
      FLUSH,
    ]);
    const response = await fetch(`${hub.url}/ana/large/git-upload-pack`, {
      method: "POST",
      headers: { "git-protocol": "version=2" },
      body,
      signal: leaving.signal,
    });
    expect(response.status).toBe(200);
    await response.body?.getReader().read();
    leaving.abort();
    await expect.poll(processes).toEqual([]);
    await git.ok("", "clone", "--quiet", `${hub.url}/ana/large`, "large");
  });
});

describeGit("without git", () => {
  it("git's routes say so, and the others work", async () => {
    const path = process.env["PATH"];
    process.env["PATH"] = "/nowhere";
    const hub = await testHub().finally(() => {
      process.env["PATH"] = path;
    });
    try {
      const ana = caller(hub.url, await hub.user("ana"));
      await ana.ok("POST", "/api/repos/create", { name: "one", type: "model" });
      for (const service of ["git-upload-pack", "git-receive-pack"]) {
        const response = await ana.call("GET", `/ana/one/info/refs?service=${service}`);
        expect([response.status, response.headers.get("x-error-code")]).toEqual([501, "GIT_NOT_INSTALLED"]);
        expect(await response.text()).toMatch(
          /^This hub cannot speak git: the program git is not installed where it runs\./,
        );
      }
      await ana.commit("/api/models/ana/one", "main", [file("a.txt", "a")]);
    } finally {
      await hub.stop();
    }
  });
});
