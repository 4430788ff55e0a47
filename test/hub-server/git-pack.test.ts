// Packs, lines and lists of refs, against the real git and against what a hostile client makes of them.
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { idsOfIndex, longestUnused, packedRefs, readRefs, writeRefs } from "../../hub-server/git/folder.ts";
import { type PackLimits, type PackObject, scanPack, writePack } from "../../hub-server/git/pack.ts";
import { PktReader, pktLine, sideBand } from "../../hub-server/git/pkt-line.ts";
import { pushReport, readPush, receiveAdvertisement } from "../../hub-server/git/receive.ts";
import { Slots } from "../../hub-server/git/slots.ts";
import { encodeCommit, encodeTree, objectId } from "../../src/io/git-objects.ts";
import { Generator } from "../../src/tensor/index.ts";

const LIMITS: PackLimits = { objects: 1000, unpacked: 64e6, held: 1e6, depth: 50, ratio: 500 };

let folder: string;
const git = (...args: string[]) => execFileSync("git", args, { cwd: folder, encoding: "utf8", stdio: "pipe" }).trim();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "abrazo-pack-"));
  git("init", "--quiet", "-b", "main");
  git("config", "user.name", "Ana");
  git("config", "user.email", "ana@example.org");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* listed<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}

const whole = (type: PackObject["type"], content: Uint8Array): PackObject => ({ type, size: content.length, content });
const packOf = (objects: readonly PackObject[]) => collect(writePack(objects.length, listed(objects)));

async function scan(bytes: Uint8Array, limits: Partial<PackLimits> = {}) {
  const path = join(folder, "scanned.pack");
  await writeFile(path, bytes);
  return scanPack(path, { ...LIMITS, ...limits });
}

/** A pack with objects as they are given: the byte of type and small size, what follows it, the zlib stream. */
function raw(objects: readonly Uint8Array[]): Buffer {
  const head = Buffer.from("PACK\0\0\0\x02\0\0\0\0", "latin1");
  head.writeUInt32BE(objects.length, 8);
  return Buffer.concat([head, ...objects, Buffer.alloc(20)]);
}
/** How far back the base of a delta lies. */
function backBy(distance: number): number[] {
  const bytes = [distance & 127];
  for (let rest = distance >> 7; rest > 0; rest >>= 7) {
    rest--;
    bytes.unshift(128 | (rest & 127));
  }
  return bytes;
}
const blobHead = (size: number) => Buffer.from(size < 16 ? [0x30 | size] : [0xb0 | (size % 16), size >> 4]);
const refused = (message: RegExp) =>
  expect.objectContaining({ code: "PACK_REFUSED", status: 400, message: expect.stringMatching(message) });

describe("packs", () => {
  it("are git's: objects of all kinds, from bytes and from streams", async () => {
    const random = new Generator(1);
    const large = Buffer.from(Uint8Array.from({ length: 700_000 }, () => random.u32() & 255));
    async function* pieces() {
      for (let at = 0; at < large.length; at += 64_000) yield large.subarray(at, at + 64_000);
    }
    const text = Buffer.from("hello\n");
    const tree = encodeTree([
      { name: "a.txt", kind: "file", id: objectId("blob", text) },
      { name: "large.bin", kind: "file", id: objectId("blob", large), mode: "100755" },
    ]);
    const who = { name: "Ana", email: "a@b.c", time: 1_700_000_000 };
    const commit = encodeCommit({
      tree: objectId("tree", tree),
      parents: [],
      author: who,
      committer: who,
      message: "x\n",
    });
    const pack = await packOf([
      whole("commit", commit),
      whole("tree", tree),
      whole("blob", text),
      { type: "blob", size: large.length, content: pieces() },
      whole("blob", new Uint8Array()),
    ]);
    await mkdir(join(folder, "made"));
    await writeFile(join(folder, "made", "x.pack"), pack);
    git("index-pack", "--strict", "made/x.pack");
    const ids = idsOfIndex(await readFile(join(folder, "made", "x.idx")));
    expect(ids).toEqual(
      [
        objectId("commit", commit),
        objectId("tree", tree),
        objectId("blob", text),
        objectId("blob", large),
        objectId("blob", new Uint8Array()),
      ].sort(),
    );
    expect(await scan(pack)).toEqual({
      objects: 5,
      unpacked: commit.length + tree.length + text.length + large.length,
    });
    await expect(collect(writePack(2, listed([whole("blob", text)])))).rejects.toThrow("was given 1");
  });

  it("of git with deltas of both kinds are looked through", async () => {
    const lines = Array.from({ length: 4000 }, (_, at) => `line ${at}`);
    for (let version = 0; version < 12; version++) {
      lines[version * 300] = `changed in ${version}`;
      await writeFile(join(folder, "long.txt"), lines.join("\n"));
      git("add", "long.txt");
      git("commit", "--quiet", "-m", `version ${version}`);
    }
    for (const ofs of ["--delta-base-offset", "--no-delta-base-offset"]) {
      const ids = git("rev-list", "--objects", "--all")
        .split("\n")
        .map((line) => line.slice(0, 40))
        .join("\n");
      const pack = execFileSync("git", ["pack-objects", "--stdout", "-q", ...(ofs.startsWith("--no") ? [] : [ofs])], {
        cwd: folder,
        input: ids,
      });
      const facts = await scan(pack);
      expect(facts.objects).toBe(36);
      expect(facts.unpacked).toBeGreaterThan(12 * 39_000);
      await expect(scan(pack, { unpacked: 400_000 })).rejects.toEqual(refused(/unpacks to more than 400000 bytes/));
      await expect(scan(pack, { held: 30_000 })).rejects.toEqual(refused(/an object of \d+ bytes; 30000 are allowed/));
      if (ofs.startsWith("--delta"))
        await expect(scan(pack, { depth: 3 })).rejects.toEqual(refused(/a chain of more than 3 deltas/));
    }
  });

  it("that are bombs or damaged are refused", async () => {
    const zeros = await packOf([whole("blob", Buffer.alloc(3_000_000))]);
    expect(zeros.length).toBeLessThan(20_000);
    expect(await scan(zeros)).toEqual({ objects: 1, unpacked: 3_000_000 });
    await expect(scan(zeros, { unpacked: 2_000_000 })).rejects.toEqual(refused(/unpacks to more than/));
    await expect(scan(await packOf([whole("tree", Buffer.alloc(2_000_000))]))).rejects.toEqual(
      refused(/an object of 2000000 bytes/),
    );
    const many = await packOf(Array.from({ length: 30 }, () => whole("blob", Buffer.alloc(3_000_000))));
    await expect(scan(many, { unpacked: 1e9, ratio: 10 })).rejects.toEqual(refused(/more than 10 times/));
    await expect(scan(many, { objects: 29 })).rejects.toEqual(refused(/30 objects; 29 are allowed/));

    const good = deflateSync("0123456789");
    expect(await scan(raw([Buffer.concat([blobHead(10), good])]))).toEqual({ objects: 1, unpacked: 10 });
    const damaged = refused(/damaged or was cut off/);
    for (const [what, bytes] of Object.entries({
      empty: Buffer.alloc(0),
      "no pack": Buffer.alloc(100, 1),
      "shorter than it says": raw([Buffer.concat([blobHead(11), good])]),
      "longer than it says": raw([Buffer.concat([blobHead(9), good])]),
      "no zlib": raw([Buffer.concat([blobHead(10), Buffer.from("not zlib at all")])]),
      "cut off": zeros.subarray(0, zeros.length - 900),
      "more behind it": Buffer.concat([zeros, Buffer.alloc(40)]),
      "an unknown type": raw([Buffer.concat([Buffer.from([0x5a]), good])]),
      "a size without end": raw([Buffer.alloc(60, 0xff)]),
      "a delta without sizes": raw([Buffer.concat([Buffer.from([0x70]), Buffer.alloc(20), deflateSync("")])]),
    }))
      await expect(scan(bytes), what).rejects.toEqual(damaged);
    // A delta of some bytes that asks for gigabytes, which git would allocate.
    const delta = deflateSync(Buffer.from([10, 0x80, 0x80, 0x80, 0x80, 0x20, 0x90, 10]));
    await expect(
      scan(raw([Buffer.concat([blobHead(10), good]), Buffer.concat([Buffer.from([0x78]), Buffer.alloc(20), delta])])),
    ).rejects.toEqual(refused(/an object of 8589934592 bytes/));
    // A delta on a blob that is too large to be held.
    const base = Buffer.concat([Buffer.from([0xb0, 0x80, 0x80, 0x5b]), deflateSync(Buffer.alloc(0x5b << 18))]);
    const small = deflateSync(Buffer.from([10, 10, 0, 0, 0, 0, 0, 0]));
    const onIt = Buffer.concat([Buffer.from([0x68, ...backBy(base.length)]), small]);
    const byName = Buffer.concat([Buffer.from([0x78]), Buffer.alloc(20), small]);
    for (const delta of [onIt, byName])
      await expect(scan(raw([base, delta]))).rejects.toEqual(refused(/an object of 23855104 bytes/));
  });
});

it("others get their turn while large objects of a pack are looked through", async () => {
  const bytes = await packOf(Array.from({ length: 200 }, () => whole("blob", Buffer.alloc(256 * 1024))));
  let turns = 0;
  let over = false;
  const count = () => {
    turns++;
    if (!over) setImmediate(count);
  };
  setImmediate(count);
  await scan(bytes);
  over = true;
  expect(turns).toBeGreaterThan(40);
});

describe("lines", () => {
  const reader = (...chunks: string[]) => new PktReader(listed(chunks.map((text) => Buffer.from(text, "latin1"))));

  it("are read however they are cut, and what follows them is kept", async () => {
    const lines = reader("00", "09do", "ne\n00", "00PA", "CK");
    expect((await lines.next())?.toString()).toBe("done\n");
    expect(await lines.next()).toBe("flush");
    expect((await collect(lines.rest())).toString()).toBe("PACK");
    expect(await reader().next()).toBeUndefined();
  });

  it("that are none are refused", async () => {
    for (const text of ["zzzz", "0001", "0003", "00", "0009do", "fffd x"])
      await expect(reader(text).next(), text).rejects.toMatchObject({ status: 400 });
    expect(() => pktLine(Buffer.alloc(65_517))).toThrow(RangeError);
    const long = sideBand("text", Buffer.alloc(150_000));
    expect(long.length).toBe(150_000 + 3 * 5);
  });

  it("a push is read, and reported", async () => {
    const [a, b, zero] = ["a".repeat(40), "b".repeat(40), "0".repeat(40)];
    const line = (text: string) => pktLine(text).toString("latin1");
    const text = `${line(`shallow ${a}`)}${line(`${a} ${b} refs/heads/main\0 report-status side-band-64k agent=git/2`)}${line(`${zero} ${a} refs/tags/v1`)}0000`;
    const { commands, capabilities } = await readPush(reader(text));
    expect(commands).toEqual([
      { ref: "refs/heads/main", before: a, after: b },
      { ref: "refs/tags/v1", before: undefined, after: a },
    ]);
    expect(capabilities.has("side-band-64k")).toBe(true);
    for (const bad of [
      line("hello"),
      line(`${a} ${b}`),
      line(`${a} ${b} `),
      line(`${a.slice(1)} ${b} refs/heads/x`),
      line(`push-cert\0x`),
    ])
      await expect(readPush(reader(`${bad}0000`)), bad).rejects.toMatchObject({ status: 400 });
    await expect(readPush(reader(line(`${a} ${b} refs/heads/x`)))).rejects.toMatchObject({ status: 400 });
    const many = Array.from({ length: 1001 }, (_, at) => line(`${zero} ${a} refs/heads/${at}`)).join("");
    await expect(readPush(reader(`${many}0000`))).rejects.toMatchObject({
      message: expect.stringContaining("1000 refs"),
    });
    const report = pushReport("ok", [
      { ref: "refs/heads/main" },
      { ref: "refs/heads/x", why: "two\nlines" },
    ]).toString();
    expect(report).toBe("000eunpack ok\n0017ok refs/heads/main\n001eng refs/heads/x two lines\n0000");
    expect(receiveAdvertisement([]).toString()).toMatch(
      /^[0-9a-f]{4}0{40} capabilities\^\{\}\0report-status .*\n0000$/,
    );
  });
});

describe("folders", () => {
  it("refs are written as git packs them, and put in place at once", async () => {
    const path = join(folder, "refs-only");
    await mkdir(path);
    const [commit, tag] = ["c".repeat(40), "d".repeat(40)];
    const text = packedRefs([
      { name: "refs/tags/v1", id: tag, peeled: commit },
      { name: "refs/heads/main", id: commit },
    ]);
    expect(text).toBe(
      `# pack-refs with: peeled fully-peeled sorted \n${commit} refs/heads/main\n${tag} refs/tags/v1\n^${commit}\n`,
    );
    expect(await readRefs(path)).toEqual({ text: "", ids: [] });
    await writeRefs(path, text);
    expect(await readRefs(path)).toEqual({ text, ids: [commit, tag, commit] });
    expect(await readdir(path)).toEqual(["packed-refs"]);
  });

  it("the longest unused go first", async () => {
    const root = join(folder, "many");
    for (const [at, name] of ["old", "middle", "new"].entries()) {
      await mkdir(join(root, name, "objects", "pack"), { recursive: true });
      await writeFile(join(root, name, "objects", "pack", "a.pack"), Buffer.alloc(1000));
      const time = new Date(1_700_000_000_000 + at * 1000);
      await import("node:fs/promises").then(({ utimes }) => utimes(join(root, name), time, time));
    }
    expect(await longestUnused(root, 3000)).toEqual([]);
    expect(await longestUnused(root, 2500)).toEqual(["old"]);
    expect((await longestUnused(root, 500)).sort()).toEqual(["middle", "new", "old"]);
  });
});

describe("slots", () => {
  const never = new AbortController().signal;

  it("are handed on in order, and given up by who is gone", async () => {
    const slots = new Slots(1, { waiting: 2, patience: 10_000 });
    const first = await slots.take("ana", never);
    const gone = new AbortController();
    const second = slots.take("ana", gone.signal);
    const third = slots.take("bob", never);
    await expect(slots.take("cleo", never)).rejects.toMatchObject({ status: 503, code: "GIT_BUSY" });
    gone.abort(new Error("left"));
    await expect(second).rejects.toThrow("left");
    first();
    first();
    (await third)();
    (await slots.take("ana", never))();
    await expect(new Slots(0, { patience: 5 }).take("ana", never)).rejects.toMatchObject({
      headers: { "Retry-After": "10" },
    });
  });

  it("one caller has half of them, and half of the places to wait", async () => {
    const slots = new Slots(4, { waiting: 4, patience: 10_000 });
    const mine = [await slots.take("eve", never), await slots.take("eve", never)];
    const begun: string[] = [];
    const later = async (caller: string) => {
      const end = await slots.take(caller, never);
      begun.push(caller);
      return end;
    };
    const waiting = [later("eve"), later("eve")];
    await expect(slots.take("eve", never)).rejects.toMatchObject({ status: 503, code: "GIT_BUSY" });
    const others = [await slots.take("ana", never), await slots.take("bob", never)];
    const cleo = later("cleo");
    others[0]?.();
    (await cleo)();
    expect(begun, "who came later, but has none").toEqual(["cleo"]);
    mine[0]?.();
    expect(await waiting[0]).toBeTypeOf("function");
    expect(begun).toEqual(["cleo", "eve"]);
    mine[1]?.();
    for (const end of await Promise.all(waiting)) end();
    others[1]?.();
    const all = await Promise.all(["a", "a", "b", "b"].map((caller) => slots.take(caller, never)));
    expect(all, "all were given back").toHaveLength(4);
  });
});
