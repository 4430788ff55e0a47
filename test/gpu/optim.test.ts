// Optimizers, clipping and stored tensors on WebGPU against the CPU.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  Adadelta,
  Adagrad,
  Adam,
  Adamax,
  AdamW,
  clipGradNorm_,
  clipGradValue_,
  NAdam,
  type Optimizer,
  RAdam,
  RMSprop,
  SGD,
} from "../../src/optim/index.ts";
import { load, loadFile, save, saveFile } from "../../src/serialize/index.ts";
import { type Tensor, tensor } from "../../src/tensor/index.ts";

const MAKES: Readonly<Record<string, (p: Tensor[]) => Optimizer>> = {
  SGD: (p) => new SGD(p, { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.1 }),
  Adam: (p) => new Adam(p, { lr: 0.1, amsgrad: true, maximize: true }),
  AdamW: (p) => new AdamW(p, { lr: 0.1 }),
  RMSprop: (p) => new RMSprop(p, { lr: 0.1, centered: true, momentum: 0.5, eps: 1e-2 }),
  Adagrad: (p) => new Adagrad(p, { lr: 0.1, initialAccumulatorValue: 0.5 }),
  Adadelta: (p) => new Adadelta(p),
  Adamax: (p) => new Adamax(p, { lr: 0.1 }),
  NAdam: (p) => new NAdam(p, { lr: 0.1 }),
  RAdam: (p) => new RAdam(p, { lr: 0.1 }),
};

function run(make: (p: Tensor[]) => Optimizer, device: string): number[] {
  const w = tensor([1, -2, 0.5], { dtype: "float32", device, requiresGrad: true });
  const optimizer = make([w]);
  for (let step = 0; step < 7; step++) {
    optimizer.zeroGrad();
    w.sub(3).square().sum().backward();
    clipGradNorm_([w], 4, { normType: 3 });
    clipGradValue_([w], 3);
    optimizer.step();
  }
  expect(w.device).toBe(device);
  return [...w.dataSync()].map(Number);
}

it.each(Object.keys(MAKES))("%s takes the CPU's steps", (name) => {
  const make = MAKES[name] ?? (() => new SGD([]));
  const cpu = run(make, "cpu");
  for (const [place, value] of run(make, "webgpu").entries()) expect(value).toBeCloseTo(cpu[place] ?? Number.NaN, 4);
});

it("tensors are stored from a device, and loaded onto it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "abrazo-"));
  try {
    const w = tensor([[1, 2.5]], { dtype: "float32", device: "webgpu" }).mul(2);
    await saveFile({ w }, join(folder, "w.safetensors"));
    const first = (await loadFile(join(folder, "w.safetensors"), { device: "webgpu" })).get("w");
    await save({ w }, join(folder, "w.pth"));
    const { w: second } = Object(await load(join(folder, "w.pth"), { device: "webgpu" }));
    for (const loaded of [first, second]) {
      expect(loaded?.device).toBe("webgpu");
      expect(loaded?.add(1).tolistSync()).toEqual([[3, 6]]);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
