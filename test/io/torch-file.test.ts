import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { bytesSource, withFile } from "../../src/io/bytes.ts";
import { readTorchFile, type TorchTensor, writeTorchFile } from "../../src/io/torch-file.ts";
import { writeZip } from "../../src/io/zip.ts";
import { decode } from "../../src/tensor/convert.ts";
import { dataPath } from "../support/data.ts";
import { inFolder, serialized, serializeFixture } from "../support/fixtures.ts";

const read = (path: string): Promise<unknown> => withFile(path, (source) => readTorchFile(source, (tensor) => tensor));

function described({ dtype, shape, data, requiresGrad }: TorchTensor) {
  const values = Array.from({ length: data.length }, (_, index) => decode(data, dtype, index));
  return { dtype, shape, values, requires_grad: requiresGrad };
}

// What the fixtures hold, as TypeScript sees it; read as unknown, checked by what follows.
interface Checkpoint {
  model: Map<string, TorchTensor>;
  optimizer: { state: Record<number, Record<string, TorchTensor>>; param_groups: Record<string, unknown>[] };
  views: Record<string, TorchTensor>;
  dtypes: Record<string, TorchTensor>;
  parameter: TorchTensor;
  frozen: TorchTensor;
  scalar: TorchTensor;
}

describe("a checkpoint of PyTorch's is read", () => {
  it.each(["checkpoint.pth", "legacy.pth", "protocol4.pth"])("%s", async (file) => {
    const value = (await read(serializeFixture(file))) as Checkpoint; // safe because every field is compared below
    const { model, optimizer, views, dtypes, parameter, frozen, scalar, ...plain } = value;
    const found: Record<string, TorchTensor | undefined> = {
      weight: model.get("weight"),
      bias: model.get("bias"),
      exp_avg: optimizer.state[0]?.["exp_avg"],
      parameter,
      frozen,
      scalar,
    };
    for (const [name, tensor] of Object.entries(views)) found[`views.${name}`] = tensor;
    for (const [name, tensor] of Object.entries(dtypes)) found[`dtypes.${name}`] = tensor;
    expect(Object.keys(found)).toEqual(Object.keys(serialized.torch));
    for (const [name, tensor] of Object.entries(found)) {
      expect(tensor && described(tensor), name).toEqual(serialized.torch[name]);
    }
    expect(optimizer.param_groups[0]).toMatchObject({ lr: 0.01, betas: [0.9, 0.999], params: [0, 1] });
    expect(Object.isFrozen(optimizer.param_groups[0]?.["betas"])).toBe(true);
    expect(Object.entries(plain)).toEqual([
      ["epoch", 3],
      ["lr", 1e-3],
      ["names", ["a", ["b", "ü"]]],
      ["nothing", null],
      ["flags", [true, false]],
      ["numbers", [-1, 255, 65535, 2 ** 31 - 1, -(2 ** 31), 2 ** 40, 2n ** 70n, -(2n ** 70n)]],
      ["bytes", new Uint8Array([0, 255, 122])],
      ["size", [2, 3]],
      ["dtype", "torch.float16"],
      ["device", "cpu"],
      ["counter", { 10: 2 }],
      ["__proto__", { x: 1 }],
    ]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });
});

describe("a file that would have Python call something is refused by the name of it", () => {
  it.each([
    ["evil.pth", "builtins.print"],
    ["module.pth", "torch.nn.modules.linear.Linear"],
  ])("%s", async (file, global) => {
    await expect(read(serializeFixture(file))).rejects.toMatchObject({
      code: "PICKLE_GLOBAL_REFUSED",
      data: { global },
    });
    await expect(read(serializeFixture(file))).rejects.toThrow(
      `Weights only load failed. Unsupported global: GLOBAL ${global} was not an allowed global by default.`,
    );
  });

  it("a TorchScript archive, which is a program", async () => {
    await expect(read(serializeFixture("script.pt"))).rejects.toMatchObject({ code: "TORCHSCRIPT_REFUSED" });
  });

  it.each(["uint16.pth", "complex.pth"])("%s holds a dtype that no tensor has", async (file) => {
    await expect(read(serializeFixture(file))).rejects.toMatchObject({ code: "DTYPE_UNSUPPORTED" });
  });
});

/** An archive with this pickle, and one storage "0" of the floats 0, 1, 2, 3. */
async function withPickle(pickle: string, use: (path: string) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const path = join(folder, "x.pth");
    await writeZip(path, [
      { name: "x/data.pkl", data: Buffer.from(pickle, "latin1") },
      { name: "x/data/0", data: new Uint8Array(new Float32Array([0, 1, 2, 3]).buffer) },
    ]);
    await use(path);
  });
}

const STORAGE = "(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x04tQ";
const tensor = (rest: string, storage = STORAGE) =>
  `\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(${storage}${rest}\x89)tR.`;

describe("a pickle that is made to hurt is refused", () => {
  it.each([
    ["os.system", "cos\nsystem\n(U\x04evilt\x52.", "GLOBAL os.system was not"],
    ["a name off the stack", "\x80\x04\x8c\x05posix\x8c\x06system\x93.", "GLOBAL posix.system was not"],
    ["an object of a class", "\x80\x02ctorch\nTensor\n)\x81.", "Unsupported operand 129"],
    ["INST of protocol 0", "(ios\nsystem\n.", "Unsupported operand 105"],
    [
      "a call of a name that only stands for something",
      "ctorch\nFloatStorage\n)R.",
      "unrecognized function torch.FloatStorage",
    ],
    ["a call of a word", "U\x01a)R.", "Trying to call reduce for unrecognized function"],
    ["attributes for a list", "]}b.", "Can only build OrderedDict, but got a list"],
    ["a name as a value", "}U\x01actorch\nTensor\ns.", "It holds torch.Tensor as a value"],
    ["a storage as a value", `${STORAGE}.`, "It holds a storage without a tensor"],
    ["a persistent id that is no storage", "U\x01aQ.", "Only persistent_load of storage is allowed"],
    ["a dict with a list as its key", "}]K\x01s.", "a dict has the key a list"],
    ["an empty stack", ".", "pop from empty list"],
    ["no mark", "t.", "could not find MARK"],
    ["a mark as a value", "(.", "unexpected MARK found"],
    ["an unknown memo", "h\x07.", "Memo value not found at index 7"],
    ["a tuple that is written to", ")K\x01a.", "Can only append to lists"],
    ["an end before the end", "]", "pickle data was truncated"],
    ["a length beyond the end", "X\xff\xff\xff\x7fabc.", "pickle data was truncated"],
    ["a length that no file has", "\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc.", "pickle data was truncated"],
    ["a huge integer", "\x8b\x00\x00\x00\x7f.", "an integer of"],
  ])("%s", async (_, pickle, message) => {
    await withPickle(pickle, async (path) => {
      await expect(read(path)).rejects.toThrow(message);
      await expect(read(path)).rejects.toThrow("Weights only load failed.");
    });
  });

  it.each([
    ["beyond its storage", tensor("K\x00K\x05\x85K\x01\x85"), "reaches to place 4 of a storage of 4"],
    ["beyond its storage by its offset", tensor("K\x02K\x03\x85K\x01\x85"), "reaches to place 4 of a storage of 4"],
    ["with a negative size", tensor("K\x00J\xff\xff\xff\xff\x85K\x01\x85"), "a tensor has sizes that are none"],
    ["with sizes and strides of two lengths", tensor("K\x00K\x02\x85)"), "a tensor has sizes that are none"],
    [
      "repeated without end",
      tensor("K\x00J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86K\x00K\x00\x86"),
      "bytes beyond its own",
    ],
    ["without a storage", tensor("K\x00))", "N"), "a tensor without a storage"],
    ["of a storage that is missing", tensor("K\x00))", STORAGE.replace("\x010", "\x017")), "the storage 7 is missing"],
    ["of a storage of another length", tensor("K\x00))", STORAGE.replace("K\x04", "K\x05")), "has 16 bytes, not 20"],
  ])("a tensor %s", async (_, pickle, message) => {
    await withPickle(pickle, async (path) => {
      await expect(read(path)).rejects.toThrow(message);
      await expect(read(path)).rejects.toMatchObject({ code: "INVALID_PICKLE" });
    });
  });

  it("lists in lists without end are no harm: 100,000 of them are read", async () => {
    await withPickle(`${"]".repeat(100_000)}${"a".repeat(99_999)}.`, async (path) => {
      expect(Array.isArray(await read(path))).toBe(true);
    });
  });

  it("files that are nothing of the kind", async () => {
    for (const bytes of [[], [1, 2, 3], [...Buffer.from("\x80\x02K\x01.")], [...Buffer.from("PK\x03\x04")]]) {
      await expect(readTorchFile(bytesSource(new Uint8Array(bytes)), (made) => made)).rejects.toThrow(
        /Weights only|Not a valid zip/,
      );
    }
  });

  it("a legacy file that is cut off anywhere", async () => {
    const whole = readFileSync(serializeFixture("legacy.pth"));
    for (let length = 0; length < whole.length; length += 13) {
      await expect(readTorchFile(bytesSource(whole.subarray(0, length)), (made) => made)).rejects.toThrow();
    }
  });
});

describe("a file is written", () => {
  it("and read back: values of every kind, a tensor held twice, one in a tuple", async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "x.pth");
      const held: TorchTensor = {
        dtype: "float32",
        shape: [1, 2],
        data: new Float32Array([1, -2]),
        requiresGrad: true,
      };
      const half: TorchTensor = { dtype: "bfloat16", shape: [], data: new Uint16Array([0x3f80]), requiresGrad: false };
      const value = {
        held,
        state: new Map([["a.b", held]]),
        tuple: Object.freeze([half, 1]),
        numbers: [0, -0, 1.5, -1, 255, 2 ** 31, -(2 ** 53), 1e300, Number.NaN, Number.POSITIVE_INFINITY],
        big: [2n ** 64n, -(2n ** 63n), 0n, 255n, -1n],
        words: ["", "ü\u{1F600}\n"],
        bytes: new Uint8Array([0, 200]),
        nested: { 0: { step: 3 }, "01": null, "": [true, [], {}] },
        set: new Set([1, 2]),
      };
      const tensors = new Set<object>([held, half]);
      // safe because the set has tensors alone
      await writeTorchFile(path, value, (object) => (tensors.has(object) ? (object as TorchTensor) : undefined));
      const found = (await read(path)) as typeof value; // safe because it is compared as a whole
      expect(found).toEqual({ ...value, big: [2n ** 64n, -(2n ** 63n), 0, 255, -1] });
      expect(Object.isFrozen(found.tuple)).toBe(true);
    });
  });

  it("not of what cannot be stored", async () => {
    await inFolder(async (folder) => {
      const loop: unknown[] = [];
      loop.push(loop);
      const refused: [unknown, string][] = [
        [{ f: () => 1 }, "A value of type function cannot be stored."],
        [[undefined], "A value of type undefined cannot be stored."],
        [new Date(0), "An object of class Date cannot be stored."],
        [loop, "nested more than 200 deep, or holds itself"],
        [new Map([[{}, 1]]), "A Map has a key that is no word."],
      ];
      for (const [value, message] of refused) {
        const writing = writeTorchFile(join(folder, "x.pth"), value, () => undefined);
        await expect(writing).rejects.toThrow(message);
      }
    });
  });
});

const folder = dataPath("fixtures", "torch");

interface Leaf {
  dtype: string;
  shape: number[];
  values: (number | string)[];
}
interface Content {
  [name: string]: Content | Leaf;
}

function contentOf(value: unknown): Content {
  const entries = value instanceof Map ? [...value] : Object.entries(Object(value));
  if ("dtype" in Object(value)) {
    const { dtype, shape, values } = described(value as TorchTensor); // safe because only tensors have a dtype here
    const shown = values.map((item) =>
      Number.isFinite(item) ? item : String(item).replace("Infinity", "inf").replace("NaN", "nan"),
    );
    return { tensor: { dtype, shape: [...shape], values: shown } satisfies Leaf };
  }
  return Object.fromEntries(entries.map(([name, item]) => [name, contentOf(item)]));
}

describe.skipIf(folder === undefined)("files of others (skipped without ABRAZO_DATA)", () => {
  const { cases }: { cases: { file: string; must_reject?: true; content?: Content }[] } =
    folder === undefined ? { cases: [] } : JSON.parse(readFileSync(join(folder, "expected.json"), "utf8"));

  it.each(cases)("$file", async ({ file, must_reject, content }) => {
    const reading = read(join(folder ?? "", file));
    if (must_reject === true) await expect(reading).rejects.toMatchObject({ code: "INVALID_PICKLE" });
    else expect(contentOf(await reading)).toEqual(content);
  });
});
