// Chapter 3.1.8, saving and loading: weights, whole models, safetensors, and what goes wrong.
import { existsSync, readFileSync } from "node:fs";
import { readFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { functional as F, Flatten, Linear, Module, ReLU, Sequential } from "../../src/nn/index.ts";
import { SGD } from "../../src/optim/index.ts";
import { load, loadFile, loadModel, safeOpen, save, saveFile, saveModel } from "../../src/serialize/index.ts";
import { manualSeed, noGrad, ones, rand, randint, type Tensor, zeros } from "../../src/tensor/index.ts";
import { inFolder, serialized, serializeFixture } from "../support/fixtures.ts";

/** The chapter's network. */
class SimpleNetwork extends Module<[Tensor], Tensor> {
  readonly flatten = new Flatten();
  readonly network_stack = new Sequential(
    new Linear(28 * 28, 512),
    new ReLU(),
    new Linear(512, 512),
    new ReLU(),
    new Linear(512, 10),
  );

  override forward(x: Tensor): Tensor {
    return this.network_stack(this.flatten(x));
  }
}

/** A network after a few steps, and the loss and the part that is right on a batch. */
function trained(): { model: SimpleNetwork; evaluate: (of: SimpleNetwork) => [number, number] } {
  manualSeed(7);
  const model = new SimpleNetwork();
  const [x, y] = [rand([64, 1, 28, 28]), randint(0, 10, [64])];
  const optimizer = new SGD(model.parameters(), { lr: 0.1 });
  for (let step = 0; step < 3; step++) {
    optimizer.zeroGrad();
    F.crossEntropy(model(x), y).backward();
    optimizer.step();
  }
  const evaluate = (of: SimpleNetwork): [number, number] =>
    noGrad(() => {
      const logits = of(x);
      const right = logits.argmax(1).eq(y).to("float32").mean();
      return [F.crossEntropy(logits, y).itemSync(), right.itemSync()];
    });
  model.eval();
  return { model, evaluate };
}

it("seed/10-01 torch.save(model.state_dict()) and load_state_dict(torch.load()): the same loss and accuracy before and after", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "model_weights.pth");
    const { model, evaluate } = trained();
    const before = evaluate(model);
    await save(model.stateDict(), path);
    const again = new SimpleNetwork();
    expect(evaluate(again)).not.toEqual(before);
    again.loadStateDict(await loadFile(path));
    again.to({ device: "cpu" }).eval();
    expect(evaluate(again)).toEqual(before);
    expect(await load(path)).toBeInstanceOf(Map);
  });
});

it("seed/10-02 a whole model is stored as architecture and weights, without code, and gives the same result", async () => {
  await inFolder(async (folder) => {
    const { model, evaluate } = trained();
    await saveModel(model, folder);
    const architecture = JSON.parse(await readFile(join(folder, "architecture.json"), "utf8"));
    expect(architecture.model).toMatchObject({
      class: "SimpleNetwork",
      children: { network_stack: { class: "Sequential" } },
    });
    const again = await loadModel(folder, { classes: { SimpleNetwork } });
    expect(again).toBeInstanceOf(SimpleNetwork);
    expect(again.training).toBe(false);
    if (again instanceof SimpleNetwork) expect(evaluate(again)).toEqual(evaluate(model));
    await expect(loadModel(folder)).rejects.toMatchObject({ code: "UNKNOWN_CLASS" });
  });
});

it("seed/10-03 a pickle that would run code is refused by default, with the name of what it would call", async () => {
  const printed: unknown[] = [];
  const { write } = process.stdout;
  process.stdout.write = (text) => printed.push(text) > 0;
  try {
    await expect(load(serializeFixture("evil.pth"))).rejects.toMatchObject({
      code: "PICKLE_GLOBAL_REFUSED",
      message: expect.stringContaining(
        "Unsupported global: GLOBAL builtins.print was not an allowed global by default.",
      ),
      hint: expect.stringContaining("could run code"),
    });
  } finally {
    process.stdout.write = write;
  }
  expect(printed).toEqual([]);
  await expect(loadFile(serializeFixture("module.pth"))).rejects.toMatchObject({
    data: { global: "torch.nn.modules.linear.Linear" },
  });
});

it("seed/10-04 safetensors: the file of SimpleNetwork has 2,679,360 bytes, and is the reference implementation's", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "model.safetensors");
    const { model, evaluate } = trained();
    await saveFile(model.stateDict(), path);
    const bytes = await readFile(path);
    expect(bytes.length).toBe(2_679_360);
    expect(Number(bytes.readBigUInt64LE(0))).toBe(528);
    const header = bytes.subarray(8, 536).toString();
    expect(header).toBe(serialized.simple.header);
    expect(header.endsWith(" ")).toBe(true);
    expect(Object.keys(JSON.parse(header))).toEqual(
      [0, 2, 4].flatMap((at) => [`network_stack.${at}.bias`, `network_stack.${at}.weight`]),
    );
    const again = new SimpleNetwork();
    again.loadStateDict(await loadFile(path, { device: "cpu" }));
    expect(evaluate(again.eval())).toEqual(evaluate(model));
  });
});

/** Bytes that this process has read so far, where the system counts them. */
function bytesRead(): number {
  const text = readFileSync("/proc/self/io", "utf8");
  return Number(/rchar: (\d+)/.exec(text)?.[1]);
}

it("seed/10-05 reading one tensor, or rows of one, reads its bytes alone", async () => {
  await inFolder(async (folder) => {
    // A header over 64 GiB that are not there: the file system keeps holes, and who read them would not come back.
    const path = join(folder, "huge.safetensors");
    const small = 16;
    const large = 2 ** 36;
    const json = JSON.stringify({
      large: { dtype: "F32", shape: [large / 1024, 256], data_offsets: [0, large] },
      small: { dtype: "F32", shape: [4], data_offsets: [large, large + small] },
    });
    const header = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, " ");
    header.writeBigUInt64LE(BigInt(header.length - 8));
    header.write(json, 8);
    await writeFile(path, header);
    await truncate(path, header.length + large + small);
    expect((await stat(path)).size).toBeGreaterThan(2 ** 36);
    const counts = existsSync("/proc/self/io");
    const before = counts ? bytesRead() : 0;
    const file = await safeOpen(path);
    expect((await file.getTensor("small")).tolistSync()).toEqual([0, 0, 0, 0]);
    expect((await file.getSlice("large").rows(1_000_000, 1_000_002)).shape).toEqual([2, 256]);
    await file.close();
    // The header, 16 bytes, two rows, and what counting itself reads.
    if (counts) expect(bytesRead() - before).toBeLessThan(header.length + small + 2 * 1024 + 4096);
  });
});

it("seed/10-06 weights of another model are refused in PyTorch's words", () => {
  const layer = new Linear(2, 3);
  const state = (names: Record<string, Tensor>) => new Map(Object.entries(names));
  const weight = zeros([3, 2]);
  const bias = zeros([3]);
  expect(() => layer.loadStateDict(state({ weight }))).toThrow('Missing key(s) in state_dict: "bias".');
  expect(() => layer.loadStateDict(state({ weight, bias, extra: bias }))).toThrow(
    'Unexpected key(s) in state_dict: "extra".',
  );
  expect(() => layer.loadStateDict(state({ weight: zeros([2, 2]), bias }))).toThrow(
    "size mismatch for weight: copying a param with shape torch.Size([2, 2]) from checkpoint, the shape in current model is torch.Size([3, 2]).",
  );
  expect(() => layer.loadStateDict(state({ weight }))).toThrow("Error(s) in loading state_dict for Linear:");
});

it("seed/10-07 a state dict maps layers to tensors; strict = false loads what fits and says what does not", () => {
  const layer = new Linear(2, 3);
  expect([...layer.stateDict().keys()]).toEqual(["weight", "bias"]);
  const given = new Map([
    ["weight", ones([3, 2])],
    ["old.head", ones([1])],
  ]);
  const { missing, unexpected } = layer.loadStateDict(given, { strict: false });
  expect({ missing, unexpected }).toEqual({ missing: ["bias"], unexpected: ["old.head"] });
  expect(layer.weight.tolistSync()).toEqual([
    [1, 1],
    [1, 1],
    [1, 1],
  ]);
});
