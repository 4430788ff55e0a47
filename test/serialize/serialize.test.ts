// Tensors and values that hold tensors, stored and loaded, against files of PyTorch, numpy and safetensors.
import { mkdir, readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Embedding, Linear, ModuleDict } from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/index.ts";
import {
  load,
  loadFile,
  loadNpy,
  loadNpz,
  loadSharded,
  safeOpen,
  save,
  saveFile,
  saveNpy,
  saveNpz,
  saveSharded,
} from "../../src/serialize/index.ts";
import { type DType, Generator, ones, Tensor, tensor, zeros } from "../../src/tensor/index.ts";
import { inFolder, serializeFixture } from "../support/fixtures.ts";

const DTYPES: readonly DType[] = [
  "float32",
  "float64",
  "float16",
  "bfloat16",
  "int8",
  "int16",
  "int32",
  "int64",
  "uint8",
  "bool",
];
const ofEach = (): Record<string, Tensor> =>
  Object.fromEntries(DTYPES.map((dtype) => [dtype, tensor([[0, 1, 2]]).to(dtype)]));

function expectSame(got: Tensor | undefined, want: Tensor): void {
  expect(got?.dtype).toBe(want.dtype);
  expect(got?.shape).toEqual(want.shape);
  expect(got?.tolistSync()).toEqual(want.tolistSync());
}

describe("safetensors", () => {
  it("are written as the reference implementation writes them, byte for byte, whatever the order", async () => {
    await inFolder(async (folder) => {
      const state = await loadFile(serializeFixture("mixed.safetensors"));
      const path = join(folder, "x.safetensors");
      await saveFile(new Map([...state].reverse()), path, { format: "pt" });
      expect(await readFile(path)).toEqual(await readFile(serializeFixture("mixed.safetensors")));
    });
  });

  it("hold every dtype, no elements, views, and what is not yet computed", async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "x.safetensors");
      const x = tensor([
        [1, 2, 3],
        [4, 5, 6],
      ]).to("float32");
      const state = { ...ofEach(), empty: zeros([0, 3]), scalar: tensor(7), view: x.transpose(0, 1), sum: x.add(x) };
      await saveFile(state, path, { note: "a ü" });
      const loaded = await loadFile(path);
      expect(new Set(loaded.keys())).toEqual(new Set(Object.keys(state)));
      for (const [name, want] of Object.entries(state)) expectSame(loaded.get(name), want);
      const file = await safeOpen(path);
      expect(file.metadata).toEqual({ note: "a ü" });
      await file.close();
    });
  });

  it("hold a tied weight once, and give it under both names", async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "x.safetensors");
      const make = () => {
        const [table, head] = [new Embedding(4, 3), new Linear(3, 4)];
        head.registerParameter("weight", table.weight);
        return new ModuleDict({ table, head });
      };
      const [model, other] = [make(), make()];
      await saveFile(model.stateDict(), path, { format: "pt" });
      const file = await safeOpen(path);
      expect(file.keys()).toEqual(["head.bias", "table.weight"]);
      expect(file.metadata).toEqual({ format: "pt", "head.weight": "table.weight" });
      await file.close();
      expect(other.loadStateDict(await loadFile(path))).toEqual({ missing: [], unexpected: [] });
      expectSame(other.getParameter("head.weight"), model.getParameter("table.weight"));
      await saveSharded(model.stateDict(), folder, { maxShardSize: "20B" });
      expect((await readdir(folder)).filter((name) => name.startsWith("model-"))).toHaveLength(2);
      expect([...(await loadSharded(folder)).keys()].sort()).toEqual([...model.stateDict().keys()].sort());
    });
  });

  it("loaded are their own: writing to one leaves the file and others alone", async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "x.safetensors");
      await saveFile({ a: ones([2]), b: ones([2]) }, path);
      const first = await loadFile(path);
      first.get("a")?.add_(1);
      await saveFile({ a: zeros([2]), b: zeros([2]) }, path);
      expect(first.get("a")?.tolistSync()).toEqual([2, 2]);
      expect(first.get("b")?.tolistSync()).toEqual([1, 1]);
    });
  });

  it("of dtypes that no tensor has are refused by name, and their bytes can be read", async () => {
    const path = serializeFixture("strange.safetensors");
    await expect(loadFile(path)).rejects.toMatchObject({ code: "DTYPE_UNSUPPORTED", data: { dtype: "U64" } });
    const file = await safeOpen(path);
    await expect(file.getTensor("float8_e4m3fn")).rejects.toThrow('The tensor "float8_e4m3fn" is F8_E4M3');
    expect(await file.getBytes("uint16")).toEqual(new Uint8Array([1, 0, 2, 0]));
    expect([...(await file.getBytes("float8_e4m3fn"))]).toEqual([0x38, 0x40]);
    await expect(file.getSlice("uint32").rows(0)).rejects.toMatchObject({ code: "DTYPE_UNSUPPORTED" });
    await file.close();
  });

  it("give rows of one tensor, and know their names", async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "x.safetensors");
      const x = tensor([
        [1, 2],
        [3, 4],
        [5, 6],
      ]);
      await saveFile({ x, scalar: tensor(1), none: zeros([0, 2]) }, path);
      const file = await safeOpen(path);
      const slice = file.getSlice("x");
      expect({ shape: slice.shape, dtype: slice.dtype }).toEqual({ shape: [3, 2], dtype: "I64" });
      expect((await slice.rows(1)).tolistSync()).toEqual([
        [3, 4],
        [5, 6],
      ]);
      expect((await slice.rows(-3, -1)).tolistSync()).toEqual([
        [1, 2],
        [3, 4],
      ]);
      expect((await slice.rows(2, 1)).shape).toEqual([0, 2]);
      expect((await slice.rows(0, 99)).shape).toEqual([3, 2]);
      expect((await file.getSlice("none").rows(0)).shape).toEqual([0, 2]);
      await expect(file.getSlice("scalar").rows(0)).rejects.toMatchObject({ code: "NO_ROWS" });
      await expect(file.getTensor("scalr")).rejects.toMatchObject({
        code: "NO_SUCH_TENSOR",
        message: "File does not contain tensor scalr",
        hint: expect.stringContaining("scalar"),
      });
      await file.close();
    });
  });

  it("may not be called __metadata__, and a refused write leaves no file", async () => {
    await inFolder(async (folder) => {
      const writing = saveFile({ __metadata__: ones([1]) }, join(folder, "x.safetensors"));
      await expect(writing).rejects.toMatchObject({ code: "INVALID_SAFETENSORS" });
      expect(await readdir(folder)).toEqual([]);
    });
  });
});

describe("shards", () => {
  const state = () => ({ a: ones([100]), b: zeros([100]), large: ones([300]), c: tensor([1, 2]).to("float16") });

  it("hold at most their size; a larger tensor has a file of its own; the index names them all", async () => {
    await inFolder(async (folder) => {
      await saveSharded(state(), folder, { maxShardSize: "0.9KB" });
      expect((await readdir(folder)).sort()).toEqual([
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
      ]);
      expect(JSON.parse(await readFile(join(folder, "model.safetensors.index.json"), "utf8"))).toEqual({
        metadata: { total_size: 2004 },
        weight_map: {
          a: "model-00001-of-00002.safetensors",
          b: "model-00001-of-00002.safetensors",
          c: "model-00001-of-00002.safetensors",
          large: "model-00002-of-00002.safetensors",
        },
      });
      for (const path of [folder, join(folder, "model.safetensors.index.json")]) {
        const loaded = await loadSharded(path);
        expect(new Set(loaded.keys())).toEqual(new Set(Object.keys(state())));
        for (const [name, want] of Object.entries(state())) expectSame(loaded.get(name), want);
      }
    });
  });

  it("are one file where it fits, and take the place of those of an earlier save", async () => {
    await inFolder(async (folder) => {
      await writeFile(join(folder, "config.json"), "{}");
      await saveSharded(state(), folder, { maxShardSize: 500 });
      expect(await readdir(folder)).toHaveLength(5);
      await saveSharded(state(), folder);
      expect((await readdir(folder)).sort()).toEqual(["config.json", "model.safetensors"]);
      expectSame((await loadSharded(folder)).get("c"), state().c);
    });
  });

  it("that do not belong together are refused", async () => {
    await inFolder(async (folder) => {
      await saveSharded(state(), folder, { maxShardSize: 900 });
      const index = join(folder, "model.safetensors.index.json");
      const text = await readFile(index, "utf8");
      const refused = async (changed: string, message: string) => {
        await writeFile(index, changed);
        await expect(loadSharded(folder)).rejects.toMatchObject({ code: "SHARD_INDEX" });
        await expect(loadSharded(folder)).rejects.toThrow(message);
      };
      await refused(text.replace('"a":', '"z":'), 'holds "a", which model.safetensors.index.json does not say');
      await refused(text.replace('"a":', '"z": "model-00001-of-00002.safetensors", "a":'), "The files lack z");
      await refused(text.replace(/model-00002/g, "../model-00002"), "is outside its folder");
      await writeFile(index, "{}");
      await expect(loadSharded(folder)).rejects.toMatchObject({ code: "INVALID_JSON" });
      await expect(saveSharded(state(), folder, { maxShardSize: "5 apples" })).rejects.toMatchObject({
        code: "SHARD_SIZE",
      });
    });
  });
});

describe("arrays of numpy", () => {
  it("are loaded and saved", async () => {
    await inFolder(async (folder) => {
      expect((await loadNpy(serializeFixture("version2.npy"))).tolistSync()).toEqual([0, 1, 2]);
      expect((await loadNpz(serializeFixture("deflated.npz"))).get("big fortran")?.tolistSync()).toEqual([
        [0, 1, 2],
        [3, 4, 5],
      ]);
      const view = tensor([
        [1, 2],
        [3, 4],
      ]).transpose(0, 1);
      await saveNpy(join(folder, "x.npy"), view);
      expectSame(await loadNpy(join(folder, "x.npy")), view);
      for (const compressed of [false, true]) {
        await saveNpz(join(folder, "x.npz"), ofEach(), { compressed });
        const loaded = await loadNpz(join(folder, "x.npz"));
        for (const [name, want] of Object.entries(ofEach())) {
          expectSame(loaded.get(name), name === "bfloat16" ? want.to("float32") : want);
        }
      }
    });
  });
});

describe("save() and load()", () => {
  it("give back tensors of every dtype, those that require grad as such", async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "x.pth");
      const w = tensor([1, 2], { dtype: "float32", requiresGrad: true });
      await save(
        {
          ...ofEach(),
          w,
          t: tensor([
            [1, 2],
            [3, 4],
          ]).transpose(0, 1),
        },
        path,
      );
      const loaded = await loadFile(path);
      for (const [name, want] of Object.entries(ofEach())) expectSame(loaded.get(name), want);
      expect(loaded.get("w")?.requiresGrad).toBe(true);
      expect(loaded.get("t")?.tolistSync()).toEqual([
        [1, 3],
        [2, 4],
      ]);
    });
  });

  it("keep a training's state: it goes on as if it had not stopped", async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "checkpoint.pth");
      const make = () => {
        const model = new Linear(3, 2, { generator: new Generator(1) });
        return { model, optimizer: new AdamW(model.parameters(), { lr: 0.1 }) };
      };
      const step = ({ model, optimizer }: ReturnType<typeof make>) => {
        optimizer.zeroGrad();
        model(ones([2, 3]))
          .square()
          .sum()
          .backward();
        optimizer.step();
      };
      const whole = make();
      for (let at = 0; at < 4; at++) step(whole);
      const first = make();
      for (let at = 0; at < 2; at++) step(first);
      await save({ model: first.model.stateDict(), optimizer: first.optimizer.stateDict(), epoch: 2 }, path);
      const second = make();
      // safe because this file was written a line above
      const { model, optimizer, epoch } = (await load(path)) as unknown as {
        model: Map<string, Tensor>;
        optimizer: ReturnType<AdamW["stateDict"]>;
        epoch: number;
      };
      second.model.loadStateDict(model);
      second.optimizer.loadStateDict(optimizer);
      expect(epoch).toBe(2);
      for (let at = 0; at < 2; at++) step(second);
      expect(second.model.weight.tolistSync()).toEqual(whole.model.weight.tolistSync());
    });
  });

  it("loadFile() takes a file of torch.save, old or new, that holds a dict of tensors", async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "x.pth");
      await save({ w: ones([2]), 3: zeros([1]) }, path);
      expect(new Set((await loadFile(path)).keys())).toEqual(new Set(["w", "3"]));
      await save(new Map([["w", ones([2])]]), path);
      expect([...(await loadFile(path)).keys()]).toEqual(["w"]);
      await expect(loadFile(serializeFixture("legacy.pth"))).rejects.toMatchObject({ code: "NOT_A_STATE_DICT" });
      await expect(loadFile(serializeFixture("checkpoint.pth"))).rejects.toMatchObject({
        hint: expect.stringContaining("model, optimizer, views"),
      });
      await save(ones([1]), path);
      await expect(loadFile(path)).rejects.toMatchObject({ code: "NOT_A_STATE_DICT" });
      expectSame((await load(path)) as Tensor, ones([1])); // safe because it was saved a line above
    });
  });

  it("a file that is not there, a folder, or an empty file is an error that says so", async () => {
    await inFolder(async (folder) => {
      await expect(load(join(folder, "none.pth"))).rejects.toMatchObject({ code: "ENOENT" });
      await mkdir(join(folder, "sub"));
      await expect(loadFile(join(folder, "sub"))).rejects.toThrow();
      await writeFile(join(folder, "empty"), "");
      await expect(load(join(folder, "empty"))).rejects.toMatchObject({ code: "INVALID_PICKLE" });
      await expect(loadFile(join(folder, "empty"))).rejects.toMatchObject({ code: "INVALID_SAFETENSORS" });
    });
  });

  it("an archive that was cut off is refused", async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "x.pth");
      await save({ w: ones([100]) }, path);
      await truncate(path, 400);
      await expect(load(path)).rejects.toMatchObject({ code: "INVALID_ZIP" });
    });
  });

  it("values that cannot be stored are refused before anything is written", async () => {
    await inFolder(async (folder) => {
      await expect(save({ f: () => 1 }, join(folder, "x.pth"))).rejects.toMatchObject({ code: "UNSTORABLE_VALUE" });
      await expect(save(new Linear(1, 1), join(folder, "x.pth"))).rejects.toMatchObject({ code: "UNSTORABLE_VALUE" });
      expect(await readdir(folder)).toEqual([]);
    });
  });
});

it("every tensor that is loaded is one of ours", async () => {
  const value = await load(serializeFixture("checkpoint.pth"));
  expect(value).toMatchObject({ scalar: expect.any(Tensor), views: { t: expect.any(Tensor) } });
});
