// Whole models as folders of an architecture and weights.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import * as nn from "../../src/nn/index.ts";
import { loadModel, type ModuleClass, saveFile, saveModel } from "../../src/serialize/index.ts";
import { manualSeed, ones, rand, type Tensor } from "../../src/tensor/index.ts";
import { inFolder } from "../support/fixtures.ts";

class Block extends nn.Module<[Tensor], Tensor> {
  readonly fc: nn.Linear;
  readonly config: { width: number };

  constructor(config: { width: number }) {
    super();
    this.config = config;
    this.fc = new nn.Linear(config.width, config.width);
  }

  override forward(x: Tensor): Tensor {
    return this.fc(x).relu().add(x);
  }
}

class Pair extends nn.Module<[Tensor], Tensor> {
  readonly left: nn.Linear;
  readonly right: nn.Linear;

  constructor(inputs: number, outputs: number) {
    super();
    this.left = new nn.Linear(inputs, outputs);
    this.right = new nn.Linear(inputs, outputs, { bias: false });
  }

  override forward(x: Tensor): Tensor {
    return this.left(x).mul(this.right(x));
  }
}

/** Stores a model, makes it again under other random numbers, and compares what both say. */
async function again(
  model: nn.AnyModule,
  x: Tensor,
  classes: Readonly<Record<string, ModuleClass>> = {},
  args?: unknown[],
) {
  await inFolder(async (folder) => {
    await saveModel(model, folder, args === undefined ? {} : { args });
    expect((await readdir(folder)).sort()).toEqual(["architecture.json", "model.safetensors"]);
    manualSeed(99);
    const loaded = await loadModel(folder, { classes });
    expect(`${loaded}`).toBe(`${model}`);
    expect(loaded.training).toBe(model.training);
    const call = (of: nn.AnyModule) => (of as nn.Sequential)(x).tolistSync(); // safe because these models take one tensor
    expect(call(loaded)).toEqual(call(model));
  });
}

describe("a stored model is made again", () => {
  it("of usual layers, without any class being passed", async () => {
    const layers = [
      new nn.Conv2d(1, 4, 3, { padding: 1, stride: 2, bias: false }),
      new nn.BatchNorm2d(4),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.AvgPool2d(2, { ceilMode: true }),
      new nn.Flatten(),
      new nn.Linear(16, 6),
      new nn.LayerNorm(6, { eps: 1e-3 }),
      new nn.Dropout(0.2),
      new nn.GELU({ approximate: "tanh" }),
      new nn.LeakyReLU(0.3),
      new nn.Linear(6, 4, { bias: false }),
      new nn.SiLU(),
      new nn.BatchNorm1d(4, { affine: false, momentum: null }),
      new nn.Unflatten(1, [2, 2]),
      new nn.Conv1d(2, 2, 2, { padding: "same" }),
      new nn.Sigmoid(),
      new nn.Tanh(),
      new nn.Identity(),
      new nn.Softmax(-1),
      new nn.LogSoftmax(1),
    ];
    const model = new nn.Sequential(...layers);
    model(rand([3, 1, 16, 16])); // moves the running means
    await again(model.eval(), rand([2, 1, 16, 16]));
  });

  it("of every other layer that an architecture may name", async () => {
    const rows: [nn.AnyModule, number[]][] = [
      [new nn.BatchNorm3d(2), [2, 2, 1, 2, 2]],
      [new nn.Conv3d(1, 2, [1, 2, 2], { groups: 1 }), [1, 1, 2, 3, 3]],
      [new nn.GroupNorm(2, 4, { affine: false }), [2, 4]],
      [new nn.RMSNorm([2, 3], { eps: 1e-3 }), [1, 2, 3]],
      [new nn.RMSNorm(3), [1, 3]],
      [new nn.GLU(-1), [2, 4]],
      [new nn.Dropout1d(0.1), [1, 2, 3]],
      [new nn.Dropout2d(0.1), [1, 2, 3]],
      [new nn.Dropout3d(0.1), [1, 2, 3, 4]],
    ];
    const plain = [
      new nn.AlphaDropout(0.1),
      ...[new nn.PReLU(3), new nn.ELU(0.5), new nn.CELU(0.5), new nn.SELU(), new nn.ReLU6(), new nn.Hardtanh(-2, 2)],
      ...[new nn.Hardsigmoid(), new nn.Hardswish(), new nn.Hardshrink(0.1), new nn.Softshrink(0.1)],
      ...[new nn.Threshold(0.1, 2), new nn.Softplus(2, 10), new nn.Softsign(), new nn.LogSigmoid()],
      ...[new nn.Tanhshrink(), new nn.Mish(), new nn.Softmin(0)],
    ];
    for (const layer of plain) rows.push([layer, [2, 3]]);
    for (const [layer, shape] of rows) await again(layer.eval(), rand(shape));
  });

  it("in its dtype, with what was frozen", async () => {
    await inFolder(async (folder) => {
      const model = new nn.Sequential(new nn.Linear(2, 2), new nn.Linear(2, 1)).to("float16");
      model.at(0).requiresGrad_(false);
      await saveModel(model, folder);
      const loaded = await loadModel(folder);
      expect(loaded.parameters().map(({ dtype, requiresGrad }) => [dtype, requiresGrad])).toEqual([
        ["float16", false],
        ["float16", false],
        ["float16", true],
        ["float16", true],
      ]);
      expect(loaded.parameters().map((tensor) => tensor.tolistSync())).toEqual(
        model.parameters().map((tensor) => tensor.tolistSync()),
      );
    });
  });

  it("of steps with names, and of one that is used twice", async () => {
    await again(new nn.Sequential({ first: new nn.Linear(2, 3), act: new nn.ReLU() }), rand([2, 2]));
    const shared = new nn.Linear(2, 2);
    const model = new nn.Sequential(shared, new nn.Tanh(), shared);
    await again(model, rand([2, 2]));
    await inFolder(async (folder) => {
      await saveModel(model, folder);
      const loaded = (await loadModel(folder)) as nn.Sequential; // safe because a Sequential was stored
      expect(loaded.at(0)).toBe(loaded.at(2));
      // Any one of a tensor's names in the file is enough.
      await saveFile({ "2.weight": shared.weight, "2.bias": ones([2]) }, join(folder, "model.safetensors"));
      expect((await loadModel(folder)).getParameter("0.bias").tolistSync()).toEqual([1, 1]);
    });
  });

  it("of classes of one's own, by their config or by their arguments", async () => {
    await again(new Block({ width: 3 }), rand([2, 3]), { Block });
    await again(new nn.Sequential(new Block({ width: 3 }), new nn.Linear(3, 1)), rand([2, 3]), { Block });
    await again(new Pair(3, 2), rand([2, 3]), { Pair }, [3, 2]);
  });

  it("holds a table of words", async () => {
    await inFolder(async (folder) => {
      const model = new nn.ModuleDict({
        words: new nn.Embedding(5, 2, { paddingIdx: -1 }),
        list: new nn.ModuleList([new nn.Linear(1, 1)]),
      });
      await saveModel(model, folder);
      expect([...(await loadModel(folder)).stateDict()].map(([name, value]) => [name, value.tolistSync()])).toEqual(
        [...model.stateDict()].map(([name, value]) => [name, value.tolistSync()]),
      );
    });
  });
});

describe("a stored model is refused", () => {
  it("when its class was not passed", async () => {
    await inFolder(async (folder) => {
      await saveModel(new Block({ width: 2 }), folder);
      await expect(loadModel(folder)).rejects.toMatchObject({ code: "UNKNOWN_CLASS", data: { class: "Block" } });
      for (const name of ["constructor", "__proto__", "toString"]) {
        const path = join(folder, "architecture.json");
        const text = await readFile(path, "utf8");
        await writeFile(path, text.replace(/"class": "\w+"/, `"class": "${name}"`));
        await expect(loadModel(folder)).rejects.toMatchObject({ code: "UNKNOWN_CLASS" });
      }
    });
  });

  it("when the class makes something else by now", async () => {
    await inFolder(async (folder) => {
      await saveModel(new Block({ width: 2 }), folder);
      class Other extends Block {
        readonly more = new nn.Linear(1, 1);
      }
      Object.defineProperty(Other, "name", { value: "Block" });
      await expect(loadModel(folder, { classes: { Block: Other } })).rejects.toMatchObject({
        code: "ARCHITECTURE_MISMATCH",
      });
    });
  });

  it("when the files are not what they were", async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "architecture.json");
      await saveModel(new nn.Sequential(new nn.Linear(2, 3)), folder);
      const text = await readFile(path, "utf8");
      const load = async (changed: string) => {
        await writeFile(path, changed);
        return await loadModel(folder);
      };
      await expect(load(text.replace('"inFeatures": 2', '"inFeatures": 4'))).rejects.toMatchObject({
        code: "ARCHITECTURE_MISMATCH",
      });
      await expect(load(text.replace('"inFeatures": 2', '"inFeatures": "2"'))).rejects.toMatchObject({
        code: "INVALID_ARCHITECTURE",
      });
      await expect(load(text.replace("abrazo-model-1", "other"))).rejects.toMatchObject({ code: "INVALID_JSON" });
      await writeFile(path, text);
      await saveModelWeightsOf(new nn.Sequential(new nn.Linear(2, 4)), folder, text);
      await expect(loadModel(folder)).rejects.toMatchObject({ code: "STATE_DICT_MISMATCH" });
    });
  });

  it("when it could not be told apart from another", async () => {
    await inFolder(async (folder) => {
      const shared = new nn.ReLU();
      const model = new nn.Sequential({ a: shared, b: shared });
      await expect(saveModel(model, folder)).rejects.toMatchObject({ code: "UNSTORABLE_MODEL" });
      const unknown = new nn.Sequential(new nn.ReLU(), new nn.ZeroPad2d(1));
      await expect(saveModel(unknown, folder)).rejects.toThrow('The layer "1" is a ZeroPad2d');
      expect(await readdir(folder)).toEqual([]);
    });
  });
});

/** Weights of one model beside the architecture of another. */
async function saveModelWeightsOf(model: nn.AnyModule, folder: string, architecture: string): Promise<void> {
  await saveModel(model, folder);
  await writeFile(join(folder, "architecture.json"), architecture);
}
