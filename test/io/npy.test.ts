import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { withFile } from "../../src/io/bytes.ts";
import { encodeNpy, type NpyArray, readNpy, readNpz, writeNpz } from "../../src/io/npy.ts";
import { decode } from "../../src/tensor/convert.ts";
import { dataPath } from "../support/data.ts";
import { inFolder, serialized, serializeFixture } from "../support/fixtures.ts";

const valuesOf = ({ data, dtype }: NpyArray): number[] =>
  Array.from({ length: data.length }, (_, index) => decode(data, dtype, index));

const DTYPES: Readonly<Record<string, string>> = {
  bool: "bool",
  i1: "int8",
  i2: "int16",
  i4: "int32",
  i8: "int64",
  u1: "uint8",
  u2: "int32",
  u4: "int64",
  u8: "int64",
  f2: "float16",
  f4: "float32",
  f8: "float64",
};

describe("arrays of numpy", () => {
  it.each(["stored.npz", "deflated.npz"])("are read out of %s", async (file) => {
    const arrays = await withFile(serializeFixture(file), readNpz);
    expect([...arrays.keys()]).toEqual(Object.keys(serialized.numpy));
    for (const [name, array] of arrays) {
      const want = serialized.numpy[name];
      expect(array.shape).toEqual(want?.shape);
      expect(valuesOf(array)).toEqual(want?.values);
      const dtype = DTYPES[name.replace(">", "")];
      if (dtype !== undefined) expect(array.dtype).toBe(dtype);
    }
  });

  it.each([1, 2, 3])("are read in version %s of the format", (version) => {
    const array = readNpy(readFileSync(serializeFixture(`version${version}.npy`)));
    expect(array).toEqual({ dtype: "float32", shape: [3], data: new Float32Array([0, 1, 2]) });
  });

  it("are written byte for byte as numpy writes them", () => {
    const hex = (array: NpyArray) => Buffer.from(encodeNpy(array)).toString("hex");
    expect(hex({ dtype: "float32", shape: [2, 2], data: new Float32Array([1, 2.5, 3, -4]) })).toBe(serialized.npy.f4);
    expect(hex({ dtype: "int64", shape: [2], data: new BigInt64Array([1n, -2n]) })).toBe(serialized.npy.i8);
    expect(hex({ dtype: "bool", shape: [], data: new Uint8Array([1]) })).toBe(serialized.npy.b1);
  });

  it("are read back from what is written", async () => {
    await inFolder(async (folder) => {
      const arrays = await withFile(serializeFixture("stored.npz"), readNpz);
      for (const compressed of [false, true]) {
        const path = join(folder, "x.npz");
        await writeNpz(path, arrays, { compressed });
        expect(await withFile(path, readNpz)).toEqual(arrays);
      }
    });
  });

  it.each([
    ["words.npy", "DTYPE_UNSUPPORTED", '"<U2"'],
    ["complex.npy", "DTYPE_UNSUPPORTED", '"<c16"'],
    ["record.npy", "DTYPE_UNSUPPORTED", "[('a', '<i4')"],
    ["uint64.npy", "DTYPE_UNSUPPORTED", "more than int64 can"],
    ["object.npy", "OBJECT_ARRAY", "Object arrays cannot be loaded when allow_pickle=False"],
  ])("that no tensor can hold are refused: %s", (file, code, message) => {
    const read = () => readNpy(readFileSync(serializeFixture(file)));
    expect(read).toThrow(message);
    expect(read).toThrow(expect.objectContaining({ code }));
  });

  it("a zip of something else is refused", async () => {
    await expect(withFile(serializeFixture("checkpoint.pth"), readNpz)).rejects.toMatchObject({ code: "INVALID_NPZ" });
  });
});

describe("a damaged header is refused", () => {
  const file = (header: string, { version = 1, data = new Uint8Array(8) } = {}) => {
    const length = [header.length & 0xff, header.length >> 8, ...(version === 1 ? [] : [0, 0])];
    const head = [0x93, ...Buffer.from("NUMPY"), version, 0, ...length, ...Buffer.from(header)];
    return new Uint8Array([...head, ...data]);
  };

  it.each([
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", "EOF: reading array data, expected 12 bytes got 8"],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }", "EOF: reading array data"],
    ["{'descr': '<f4', 'fortran_order': False}", "Cannot parse header"],
    ["{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}", "Cannot parse header"],
    ["{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "Cannot parse header"],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}", "Cannot parse header"],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (1e3,)}", "Cannot parse header"],
    ["{'descr': __import__('os'), 'fortran_order': False, 'shape': (2,)}", "Cannot parse header"],
    ["", "Cannot parse header"],
    ["{", "Cannot parse header"],
  ])("%s", (header, message) => {
    expect(() => readNpy(file(header))).toThrow(message);
    expect(() => readNpy(file(header))).toThrow(expect.objectContaining({ code: "INVALID_NPY" }));
  });

  it("of another version, too long, or cut off", () => {
    expect(() => readNpy(file("{}", { version: 4 }))).toThrow("we only support format version (1,0), (2,0), and (3,0)");
    expect(() => readNpy(file("x".repeat(20_000)))).toThrow("Header info length (20000) is large");
    expect(() => readNpy(file("{}").slice(0, 9))).toThrow("the magic string is not correct");
    expect(() => readNpy(file("{}", { version: 2 }).slice(0, 11))).toThrow("EOF: reading array header length");
    expect(() => readNpy(file("{'descr': '<f4'").slice(0, 20))).toThrow("EOF: reading array header");
  });
});

const folder = dataPath("fixtures", "npy");

interface Case {
  file: string;
  must_reject?: true;
  shape?: number[];
  values_c_order?: unknown[];
  arrays?: Record<string, { shape: number[]; values_c_order: unknown[] }>;
}

/** Numbers as the file writes them: those beyond 2^53 and those that are none as words. */
function written({ data, dtype }: NpyArray): unknown[] {
  return [...data].map((value, index) => {
    if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    const number = decode(data, dtype, index);
    if (dtype === "bool") return number !== 0;
    if (Number.isNaN(number)) return "nan";
    return Number.isFinite(number) ? number : number > 0 ? "inf" : "-inf";
  });
}

describe.skipIf(folder === undefined)("files of others (skipped without ABRAZO_DATA)", () => {
  const { cases }: { cases: Case[] } =
    folder === undefined ? { cases: [] } : JSON.parse(readFileSync(join(folder, "expected.json"), "utf8"));
  const read = async (file: string): Promise<Map<string, NpyArray>> => {
    const path = join(folder ?? "", file);
    return file.endsWith(".npz") ? await withFile(path, readNpz) : new Map([["", readNpy(readFileSync(path))]]);
  };

  it.each(cases.filter(({ must_reject }) => must_reject === true))("$file is refused", async ({ file }) => {
    const code = file.startsWith("py3-objarr") ? "OBJECT_ARRAY" : "INVALID_NPY";
    await expect(read(file)).rejects.toMatchObject({ code });
  });

  it.each(cases.filter(({ must_reject }) => must_reject === undefined))("$file is read", async (of) => {
    const { file, shape = [], values_c_order = [], arrays = { "": { shape, values_c_order } } } = of;
    const found = await read(file);
    expect([...found.keys()]).toEqual(Object.keys(arrays));
    for (const [name, array] of found) {
      expect(array.shape).toEqual(arrays[name]?.shape);
      expect(written(array)).toEqual(arrays[name]?.values_c_order);
    }
  });
});
