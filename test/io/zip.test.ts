import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { bytesSource, withFile } from "../../src/io/bytes.ts";
import { readZip, readZipEntry, writeZip, type ZipInput, type ZipOptions } from "../../src/io/zip.ts";
import { inFolder } from "../support/fixtures.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const INPUTS: ZipInput[] = [
  { name: "a.txt", data: text("hello, hello, hello, hello") },
  { name: "folder/é", data: new Uint8Array(0) },
  { name: "zeros", data: new Uint8Array(5000) },
];

async function bytesOf(options: ZipOptions = {}): Promise<Uint8Array> {
  let bytes = new Uint8Array(0);
  await inFolder(async (folder) => {
    const path = join(folder, "x.zip");
    await writeZip(path, INPUTS, options);
    bytes = new Uint8Array(await readFile(path));
  });
  return bytes;
}

async function readAll(bytes: Uint8Array): Promise<ZipInput[]> {
  const source = bytesSource(bytes);
  const found: ZipInput[] = [];
  for (const entry of (await readZip(source)).values()) {
    found.push({ name: entry.name, data: await readZipEntry(source, entry) });
  }
  return found;
}

describe("an archive is read as it was written", () => {
  it.each([
    ["stored", {}],
    ["deflated", { compressed: true }],
    ["aligned", { align: 64 }],
    ["with zip64 fields", { zip64From: 0 }],
    ["all at once", { compressed: true, align: 4096, zip64From: 10 }],
  ])("%s", async (_, options) => {
    expect(await readAll(await bytesOf(options))).toEqual(INPUTS);
  });

  it("with a comment at its end, or something before it that is no archive", async () => {
    const bytes = await bytesOf();
    const commented = new Uint8Array([...bytes, ...text("comment")]);
    new DataView(commented.buffer).setUint16(bytes.length - 2, 7, true);
    expect(await readAll(commented)).toEqual(INPUTS);
  });

  it("with data at multiples of the alignment", async () => {
    const bytes = await bytesOf({ align: 64 });
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const starts = [...(await readZip(bytesSource(bytes))).values()].map(
      ({ offset }) => offset + 30 + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true),
    );
    expect(starts.map((start) => start % 64)).toEqual([0, 0, 0]);
  });
});

describe("a damaged archive is refused", () => {
  const refused = async (bytes: Uint8Array, message: string) => {
    await expect(readAll(bytes)).rejects.toMatchObject({ code: "INVALID_ZIP" });
    await expect(readAll(bytes)).rejects.toThrow(message);
  };
  /** The archive with some bytes changed: places counted from where a signature stands, the last one of its kind. */
  const patched = async (signature: string, at: number, values: readonly number[], options: ZipOptions = {}) => {
    const bytes = await bytesOf(options);
    bytes.set(values, Buffer.from(bytes).lastIndexOf(signature, undefined, "latin1") + at);
    return bytes;
  };

  it("without a directory, or cut off", async () => {
    await refused(text("PK\x03\x04 nothing"), "it has no directory");
    await refused((await bytesOf()).slice(0, -1), "it has no directory");
    await refused(new Uint8Array(0), "it has no directory");
  });

  it("whose check sum is another", async () => {
    await refused(await patched("PK\x01\x02", 16, [1, 2, 3, 4]), 'the entry "zeros" fails its check sum');
  });

  it("that is encrypted, or packed in another way", async () => {
    await refused(await patched("PK\x01\x02", 8, [1]), "is encrypted");
    await refused(await patched("PK\x01\x02", 10, [12]), "is packed by method 12");
  });

  it("that would unpack to more than it can hold", async () => {
    await refused(
      await patched("PK\x01\x02", 24, [0, 0, 0, 0x7f], { compressed: true }),
      "claims 2130706432 bytes out of",
    );
    await refused(await patched("PK\x01\x02", 24, [0x10, 0, 0, 0], { compressed: true }), "cannot be unpacked");
    await refused(
      await patched("PK\x01\x02", 24, [0xff, 0x13, 0, 0], { compressed: true }),
      "has 5000 bytes, not 5119",
    );
  });

  it("whose entries overlap, or lie where there is none", async () => {
    await refused(await patched("PK\x01\x02", 42, [0, 0, 0, 0]), "overlaps another");
    await refused(await patched("PK\x01\x02", 42, [0xf0, 0xff, 0, 0]), "reaches beyond the entries");
    await refused(await patched("PK\x03\x04", 0, [0]), "is not where it should be");
  });

  it("whose directory is no directory, or outside", async () => {
    await refused(await patched("PK\x05\x06", 10, [9]), "its directory is cut off");
    await refused(await patched("PK\x05\x06", 16, [0xff, 0xff, 0xff, 0x7f]), "its directory would end at");
    await refused(
      await patched("PK\x06\x07", 8, [0xff, 0xff, 0xff, 0x7f], { zip64From: 0 }),
      "its zip64 record is outside",
    );
  });

  it("where a name stands twice", async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "x.zip");
      const [first] = INPUTS;
      await writeZip(path, first === undefined ? [] : [first, first]);
      await expect(withFile(path, readZip)).rejects.toThrow('the entry "a.txt" stands twice');
    });
  });
});
