// The hashes and formats of Xet against the protocol's own values, and against bytes that mean harm.
import { blake3 } from "hash-wasm";
import { describe, expect, it } from "vitest";
import { ChunkReader, MOST_CHUNK_BYTES, type PackedChunk, unpack } from "../../hub-server/xet/chunks.ts";
import {
  chunkHash,
  fileHash,
  hashBytes,
  hashText,
  isDedupEligible,
  keyedHash,
  MerkleRoot,
  rangeHash,
} from "../../hub-server/xet/hash.ts";
import { decodeFrame } from "../../hub-server/xet/lz4.ts";
import { packTerms, parseShard, termsIn, unpackTerm, writeDedupShard } from "../../hub-server/xet/shard.ts";
import { ChunkTable, XorbVerifier } from "../../hub-server/xet/xorb.ts";
import { hashOf, lz4Frame, makeShard, makeXorb, noise, packed, pieces, rootOf, sha256Of } from "../support/xet.ts";

const ABC = new TextEncoder().encode("abc".repeat(1000));

function verify(bytes: Uint8Array, step = bytes.length) {
  const verifier = new XorbVerifier();
  for (const piece of pieces(bytes, step)) verifier.push(piece);
  return verifier.finish();
}

const read = (bytes: Uint8Array): PackedChunk[] => [...new ChunkReader().push(bytes)];

describe("hashes", () => {
  it("are those of hf_xet", () => {
    const hash = chunkHash(ABC);
    expect(hashText(hash)).toBe("7d212e8b8f093dceb0e0cd9e5bca99fce45101929221611f6c66308f981bc6ff");
    expect(hashText(rootOf([{ hash, size: 3000 }]))).toBe(hashText(hash));
    expect(hashText(fileHash(hash, 3000))).toBe("975bfcc2e85590ce5bac86d209d8ca46fa4664d9214a4dd6c3dafa2fe6fcd92a");
    expect(hashText(rangeHash(hash))).toBe("26441e8a30cdfb6753f692bafe57ce2e7017882636d1c63d6591c1773c8d19d9");
  });

  it("are written as four numbers, little-endian", () => {
    const bytes = Uint8Array.from({ length: 32 }, (_, index) => index);
    const text = "07060504030201000f0e0d0c0b0a090817161514131211101f1e1d1c1b1a1918";
    expect(hashText(bytes)).toBe(text);
    expect(hashBytes(text)).toEqual(bytes);
    expect(() => hashBytes("7d21")).toThrow('"7d21" is no hash: it has 64 hex digits.');
  });

  it("of nothing are zeros", () => {
    expect(hashText(rootOf([]))).toBe("0".repeat(64));
    expect(hashText(fileHash(chunkHash(ABC), 0))).toBe("0".repeat(64));
  });

  it("go under any key", async () => {
    const key = Uint8Array.from({ length: 32 }, (_, index) => 7 * index);
    const hide = await keyedHash(key);
    expect(Buffer.from(hide(ABC)).toString("hex")).toBe(await blake3(ABC, 256, key));
    expect(Buffer.from(hide(ABC)).toString("hex")).toBe(await blake3(ABC, 256, key));
  });

  it("of a tree are the same one by one as by the rule over whole levels", () => {
    for (const count of [1, 2, 3, 8, 9, 10, 55, 197, 1071]) {
      const nodes = Array.from({ length: count }, (_, index) => ({
        hash: chunkHash(noise(`${index}`, 9)),
        size: index,
      }));
      expect([count, hashText(rootOf(nodes))]).toEqual([count, hashText(byLevels(nodes))]);
    }
  });

  it("one in 1024 is asked of other uploads", () => {
    const hash = new Uint8Array(32).fill(1);
    expect(isDedupEligible(hash)).toBe(false);
    hash.set([0, 4], 24);
    expect(isDedupEligible(hash)).toBe(true);
    hash.set([0, 1], 24);
    expect(isDedupEligible(hash)).toBe(false);
  });
});

/** The rule as the protocol says it: level by level, from the leaves. */
function byLevels(leaves: readonly { hash: Uint8Array; size: number }[]): Uint8Array {
  let nodes = [...leaves];
  while (nodes.length > 1) {
    const out: typeof nodes = [];
    for (let at = 0; at < nodes.length; ) {
      const rem = nodes.slice(at, at + 9);
      const cut = rem.findIndex(({ hash }, index) => index >= 2 && (hash[24] ?? 0) % 4 === 0);
      const group = rem.slice(0, cut < 0 ? rem.length : cut + 1);
      // A node of these alone, by a tree that has no choice: at most nine leaves.
      const root = new MerkleRoot();
      for (const { hash, size } of group) root.add(hash, size);
      out.push({
        hash: group.length === 1 ? single(group[0]) : root.finish(),
        size: group.reduce((sum, { size }) => sum + size, 0),
      });
      at += group.length;
    }
    nodes = out;
  }
  return nodes[0]?.hash ?? new Uint8Array(32);
}

/** A lone node is hashed over as well where its level has others: the tree of it and an empty rest. */
function single(node: { hash: Uint8Array; size: number } | undefined): Uint8Array {
  return NODE(Buffer.from(`${hashText(node?.hash ?? new Uint8Array(32))} : ${node?.size}\n`));
}
const NODE = await keyedHash(
  Uint8Array.from([
    ...[1, 126, 197, 199, 165, 71, 41, 150, 253, 148, 102, 102, 180, 138, 2, 230],
    ...[93, 221, 83, 111, 55, 199, 109, 210, 248, 99, 82, 230, 74, 83, 113, 63],
  ]),
);

describe("LZ4", () => {
  it("unpacks literals, matches that overlap themselves, and blocks as they are", () => {
    const literals = Buffer.concat([Buffer.from([0x50]), Buffer.from("hello")]);
    expect(Buffer.from(decodeFrame(lz4Frame({ data: literals }), new Uint8Array(5))).toString()).toBe("hello");
    expect(
      Buffer.from(decodeFrame(lz4Frame({ data: Buffer.from("plain"), plain: true }), new Uint8Array(5))).toString(),
    ).toBe("plain");
    // "ab", then 2 + 98 bytes from two back, then a last literal.
    const repeated = Buffer.from([0x2f, 0x61, 0x62, 2, 0, 79, 0x10, 0x63]);
    expect(Buffer.from(decodeFrame(lz4Frame({ data: repeated }), new Uint8Array(101))).toString()).toBe(
      `${"ab".repeat(50)}c`,
    );
  });

  it("looks back into earlier blocks of a frame", () => {
    const [first, second] = [
      Buffer.concat([Buffer.from([0x40]), Buffer.from("wxyz")]),
      Buffer.from([0x00, 4, 0, 0x10, 0x21]),
    ];
    expect(Buffer.from(decodeFrame(lz4Frame({ data: first }, { data: second }), new Uint8Array(9))).toString()).toBe(
      "wxyzwxyz!",
    );
  });

  it.each([
    ["another magic", Buffer.from("this is no frame of LZ4"), "it does not begin as one"],
    ["too short", lz4Frame().subarray(0, 9), "it does not begin as one"],
    ["a dictionary", Buffer.from(lz4Frame()).fill(0x61, 4, 5), "it is of a kind that nobody sends"],
    ["cut off", lz4Frame({ data: Buffer.from([0x50, 1, 2, 3, 4, 5]) }).subarray(0, 14), "it ends within a block"],
    ["no end mark", lz4Frame({ data: Buffer.from([0x50, 1, 2, 3, 4, 5]) }).subarray(0, -4), "it ends within a block"],
    [
      "more behind",
      Buffer.concat([lz4Frame({ data: Buffer.from([0x50, 1, 2, 3, 4, 5]) }), Buffer.from([1])]),
      "something follows its end",
    ],
    ["fewer bytes", lz4Frame({ data: Buffer.from([0x40, 1, 2, 3, 4]) }), "it holds 4 bytes, not 5"],
    ["more bytes", lz4Frame({ data: Buffer.from([0x60, 1, 2, 3, 4, 5, 6]) }), "literals lead beyond its end"],
    ["more bytes as they are", lz4Frame({ data: Buffer.alloc(6), plain: true }), "it holds more than 5 bytes"],
    [
      "a bomb",
      lz4Frame({ data: Buffer.from([0x1f, 1, 1, 0, ...new Array(200).fill(255), 0]) }),
      "it holds more than 5 bytes",
    ],
    [
      "a match from before",
      lz4Frame({ data: Buffer.from([0x10, 1, 2, 0, 0x10, 1]) }),
      "a match begins before the content",
    ],
    [
      "a match from nowhere",
      lz4Frame({ data: Buffer.from([0x10, 1, 0, 0, 0x10, 1]) }),
      "a match begins before the content",
    ],
    ["half an offset", lz4Frame({ data: Buffer.from([0x10, 1, 1]) }), "it ends within an offset"],
    ["half a length", lz4Frame({ data: Buffer.from([0xf0, 255]) }), "it ends within a length"],
    ["literals beyond the block", lz4Frame({ data: Buffer.from([0x50, 1, 2]) }), "literals lead beyond its end"],
  ])("refuses %s", (_, frame, message) => {
    expect(() => decodeFrame(frame, new Uint8Array(5))).toThrow(`The LZ4 frame is broken: ${message}`);
  });
});

describe("chunks", () => {
  it("are grouped by bytes and put back, whatever is left over", () => {
    for (const size of [1, 2, 3, 4, 5, 6, 7, 4096, 4099]) {
      const data = noise("floats", size);
      const grouped = Buffer.concat([0, 1, 2, 3].map((group) => data.filter((_, index) => index % 4 === group)));
      const frame = lz4Frame({ data: grouped, plain: true });
      const [chunk] = read(packed(frame, { scheme: 2, size }));
      expect(chunk && Buffer.from(unpack(chunk))).toEqual(data);
      const memory = new Uint8Array(MOST_CHUNK_BYTES).fill(1);
      expect(chunk && Buffer.from(unpack(chunk, memory))).toEqual(data);
    }
  });

  it("come whole out of pieces of any size", () => {
    const xorb = makeXorb(pieces(noise("pieces", 5000), 700));
    for (const step of [1, 7, 8, 9, 700, 708, 5000])
      expect([step, verify(xorb.bytes, step).hash]).toEqual([step, xorb.hash]);
  });

  it.each([
    ["another version", packed(Buffer.from("x"), { version: 1 }), "A chunk has version 1; only 0 is known."],
    ["no data", packed(Buffer.from("x"), { size: 0 }), "A chunk is said to have 0 bytes; it may have 1 to 131072."],
    ["nothing packed", packed(Buffer.alloc(0), { size: 1 }), "A chunk is said to have 0 bytes packed"],
    [
      "too much data",
      packed(Buffer.from("x"), { size: MOST_CHUNK_BYTES + 1 }),
      "A chunk is said to have 131073 bytes; it may have 1 to 131072.",
    ],
    [
      "too much packed",
      packed(Buffer.alloc(200_000), { scheme: 1, size: 5 }),
      "A chunk is said to have 200000 bytes packed",
    ],
    ["another scheme", packed(Buffer.from("x"), { scheme: 3 }), "The chunk is packed by scheme 3, which nobody knows."],
    ["another length", packed(Buffer.from("xyz"), { size: 2 }), "The chunk has 3 bytes, not 2 as its header says."],
    [
      "a bomb",
      packed(lz4Frame({ data: Buffer.from([0x1f, 1, 1, 0, ...new Array(250).fill(255), 0]) }), {
        scheme: 1,
        size: 100,
      }),
      "it holds more than 100 bytes",
    ],
    ["half a chunk", packed(Buffer.from("whole")).subarray(0, -1), "The xorb ends within a chunk"],
    ["nothing at all", Buffer.alloc(0), "The xorb has no chunks."],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => verify(bytes)).toThrow(message);
  });

  it("refuses more chunks than a xorb may have", () => {
    const one = packed(Buffer.from("x"));
    expect(() => verify(Buffer.concat(new Array(8193).fill(one)))).toThrow("The xorb has more than 8192 chunks.");
    expect(verify(Buffer.concat(new Array(8192).fill(one))).size).toBe(8192);
  });

  it("are told from the index that older clients put behind them", () => {
    const xorb = makeXorb(pieces(noise("footer", 3000), 1000));
    const footer = Buffer.concat([Buffer.from("XETBLOB\x01"), noise("index", 500)]);
    for (const step of [1, 10, 4000]) {
      const { hash, packedSize } = verify(Buffer.concat([xorb.bytes, footer]), step);
      expect([hash, packedSize]).toEqual([xorb.hash, xorb.bytes.length]);
    }
    const long = Buffer.concat([xorb.bytes, Buffer.from("XETBLOB\x01"), Buffer.alloc(1024 * 1024)]);
    expect(() => verify(long, 100_000)).toThrow("Too much follows the chunks of the xorb.");
  });

  it("are found in the table of their xorb", () => {
    const xorb = makeXorb([noise("a", 100), noise("b", 200), noise("c", 300)]);
    const table = new ChunkTable(verify(xorb.bytes).table);
    expect([table.count, table.start(3), table.packedStart(3)]).toEqual([3, 600, 624]);
    expect([0, 99, 100, 299, 300, 599].map((at) => table.chunkOf(at))).toEqual([0, 0, 1, 1, 2, 2]);
    expect(table.sizeOf(1, 3)).toBe(500);
    expect(Buffer.from(table.hashAt(2))).toEqual(Buffer.from(xorb.chunks[2]?.hash ?? []));
  });
});

describe("shards", () => {
  const xorb = makeXorb(pieces(noise("shard", 4000), 1000));
  const file = {
    terms: [
      { xorb, start: 1, end: 3 },
      { xorb, start: 0, end: 1 },
    ],
  };
  const shard = makeShard([file], [xorb]);

  it("say what they were made of", () => {
    const { files, xorbs } = parseShard(shard);
    const [read] = files;
    expect(files).toHaveLength(1);
    expect([read?.hash, read?.sha256, read?.count]).toEqual([hashOf(file), sha256Of(file), 2]);
    expect([...(read?.terms() ?? [])].map(({ xorb: of, size, start, end }) => [of, size, start, end])).toEqual([
      [xorb.hash, 2000, 1, 3],
      [xorb.hash, 1000, 0, 1],
    ]);
    expect([...(xorbs[0]?.chunks() ?? [])].map(({ hash }) => hash)).toEqual(
      xorb.chunks.map(({ hash }) => hashText(hash)),
    );
  });

  it.each([
    ["what is none", Buffer.from("no shard at all, but long enough to be taken for one"), "The body is no shard."],
    ["another version", Buffer.from(shard).fill(3, 32, 33), "The shard has version 3; only 2 is known."],
    ["one that is cut off", shard.subarray(0, 200), "The shard ends too early."],
    ["a count beyond its end", Buffer.from(shard).fill(255, 48 + 36, 48 + 40), "The shard ends too early."],
    [
      "a file without hashes of ranges",
      makeShard([{ ...file, claims: { flags: 0x40000000 } }]),
      "comes without the hashes of its ranges",
    ],
  ])("refuse %s", (_, bytes, message) => {
    expect(() => parseShard(bytes)).toThrow(message);
  });

  it("keep terms small, and find those of a range", () => {
    const terms = [
      { xorb: xorb.hash, size: 2000, start: 1, end: 3 },
      { xorb: xorb.hash, size: 1000, start: 0, end: 1 },
    ];
    const bytes = packTerms(terms, 2);
    expect([0, 1].map((index) => unpackTerm(bytes, index))).toEqual(terms);
    expect([...termsIn(bytes, 0, 2000)].map(({ before }) => before)).toEqual([0]);
    expect([...termsIn(bytes, 1999, 2001)].map(({ before }) => before)).toEqual([0, 2000]);
    expect([...termsIn(bytes, 2000, 3000)].map(({ before }) => before)).toEqual([2000]);
  });

  it("that answer a question hide the hashes of chunks", async () => {
    const key = Uint8Array.from(noise("key", 32));
    const hide = await keyedHash(key);
    const table = new ChunkTable(verify(xorb.bytes).table);
    const answer = await writeDedupShard([{ hash: xorb.hash, table }], { key, hide, created: 1000, expires: 2000 });
    const parsed = parseShard(answer);
    expect(parsed.files).toEqual([]);
    expect(parsed.xorbs.map(({ hash }) => hash)).toEqual([xorb.hash]);
    const hidden = xorb.chunks.map(({ hash }) => hashText(hide(hash)));
    expect([...(parsed.xorbs[0]?.chunks() ?? [])]).toEqual(hidden.map((hash) => ({ hash, size: 1000 })));
    const footer = Buffer.from(answer.subarray(answer.length - 200));
    const word = (at: number) => Number(footer.readBigUInt64LE(at));
    expect([word(0), word(16), word(24), word(104), word(112), word(192)]).toEqual([
      1,
      96,
      answer.length - 200,
      1000,
      2000,
      answer.length - 200,
    ]);
    expect(footer.subarray(72, 104)).toEqual(Buffer.from(key));
  });
});
