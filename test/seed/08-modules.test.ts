// Chapter 3.1.6, models: a network of layers, its print, its parameters, its state, and what calling it does.
import { describe, expect, it } from "vitest";
import * as nn from "../../src/nn/index.ts";
import { functional as F, init, Linear } from "../../src/nn/index.ts";
import { manualSeed, rand, type Tensor, tensor } from "../../src/tensor/index.ts";
import { LeNet5 } from "../nn/images.ts";

class SimpleNetwork extends nn.Module<[Tensor], Tensor> {
  readonly flatten = new nn.Flatten();
  readonly network_stack = new nn.Sequential(
    new nn.Linear(784, 512),
    new nn.ReLU(),
    new nn.Linear(512, 512),
    new nn.ReLU(),
    new nn.Linear(512, 10),
  );

  override forward(x: Tensor): Tensor {
    return this.network_stack(this.flatten(x));
  }
}

const PRINTED_LOGITS = [0.0464, -0.0368, 0.0447, -0.064, -0.0253, 0.0242, 0.0378, -0.1139, 0.0005, 0.0299];
const numbers = (tensor: Tensor) => Array.from(tensor.dataSync(), Number);

function expectClose(tensor: Tensor | undefined, wanted: readonly number[], tolerance: number): void {
  const found = tensor === undefined ? [] : numbers(tensor).slice(0, wanted.length);
  expect(found).toHaveLength(wanted.length);
  for (const [at, value] of wanted.entries())
    expect(Math.abs((found[at] ?? Number.NaN) - value)).toBeLessThan(tolerance);
}

it("seed/8-01 SimpleNetwork is Flatten and a Sequential of Linear and ReLU", () => {
  const model = new SimpleNetwork();
  expect(model).toBeInstanceOf(nn.Module);
  expect([...model.namedChildren()].map(([name]) => name)).toEqual(["flatten", "network_stack"]);
  expect([...model.network_stack].map((layer) => layer.constructor.name)).toEqual([
    "Linear",
    "ReLU",
    "Linear",
    "ReLU",
    "Linear",
  ]);
});

it("seed/8-02 the print of the model is PyTorch's tree of ten lines", () => {
  expect(`${new SimpleNetwork()}`).toBe(`SimpleNetwork(
  (flatten): Flatten(start_dim=1, end_dim=-1)
  (network_stack): Sequential(
    (0): Linear(in_features=784, out_features=512, bias=True)
    (1): ReLU()
    (2): Linear(in_features=512, out_features=512, bias=True)
    (3): ReLU()
    (4): Linear(in_features=512, out_features=10, bias=True)
  )
)`);
});

it("seed/8-03 669,706 parameters, with PyTorch's names in its order", () => {
  const model = new SimpleNetwork();
  expect(model.parameterCount()).toBe(669_706);
  expect([...model.stateDict().keys()]).toEqual([
    "network_stack.0.weight",
    "network_stack.0.bias",
    "network_stack.2.weight",
    "network_stack.2.bias",
    "network_stack.4.weight",
    "network_stack.4.bias",
  ]);
});

it("seed/8-04 a picture gives ten logits; the network and the picture each from seed 7, they are PyTorch's", () => {
  manualSeed(7);
  const model = new SimpleNetwork();
  expectClose(model.network_stack[0]?.getParameter("weight"), [0.00249447, -0.02151406, 0.01137226], 5e-9);
  manualSeed(7);
  const logits = model(rand([1, 28, 28]));
  expect(logits.shape).toEqual([1, 10]);
  const wanted = [
    -0.0237801, 0.02035129, 0.00586028, 0.01113781, 0.05654728, -0.05361983, 0.03975407, 0.0339439, 0.03911184,
    -0.01884595,
  ];
  expectClose(logits, wanted, 1e-5);
});

it("seed/8-05 Softmax(dim=1) of the printed logits, and the class", () => {
  const probabilities = new nn.Softmax(1)(tensor([PRINTED_LOGITS]));
  const wanted = [0.1052, 0.0968, 0.105, 0.0942, 0.0979, 0.1029, 0.1043, 0.0896, 0.1005, 0.1035];
  expect(numbers(probabilities).map((value) => Number(value.toFixed(4)))).toEqual(wanted);
  expect(`${probabilities.argmax(1)}`).toBe("tensor([0])");
});

it("seed/8-07 calling the model runs the hooks before and after; forward() runs none", () => {
  const model = new SimpleNetwork();
  const seen: string[] = [];
  const handles = [
    model.registerForwardPreHook((_, [x]) => void seen.push(`before ${x.shape.join("x")}`)),
    model.registerForwardHook((_, __, output) => void seen.push(`after ${output.shape.join("x")}`)),
  ];
  model(rand([2, 28, 28]));
  expect(seen).toEqual(["before 2x28x28", "after 2x10"]);
  model.forward(rand([2, 28, 28]));
  expect(seen).toHaveLength(2);
  for (const handle of handles) handle.remove();
  model(rand([2, 28, 28]));
  expect(seen).toHaveLength(2);
});

it("seed/8-09 logits are the raw output of the network: the inverse of probabilities, any real numbers", () => {
  const probabilities = tensor([0.1, 0.5, 0.9]);
  const logits = probabilities.logit();
  expectClose(logits, [-2.1972246, 0, 2.1972246], 1e-5);
  expectClose(logits.sigmoid(), [0.1, 0.5, 0.9], 1e-6);
  // The losses of the network's raw output take logits, and say so in their names or do the softmax themselves.
  const raw = tensor([PRINTED_LOGITS]);
  const byHand = F.nllLoss(raw.softmax(1).log(), tensor([5]));
  expectClose(F.crossEntropy(raw, tensor([5])), numbers(byHand), 1e-6);
});

it("seed/8-10 Linear is x Wᵀ + b and starts uniform in ±1/√in", () => {
  manualSeed(7);
  const layer = new Linear(4, 3);
  expectClose(layer.weight, [0.03492254, -0.30119681, 0.1592117, 0.15689027], 5e-9);
  expectClose(layer.bias, [-0.21316099, -0.29368061, -0.05490983], 5e-9);
  const x = tensor([[1, 2, 3, 4]]).to("float32");
  const bias = layer.bias;
  if (bias === undefined) throw new Error("a Linear has a bias");
  expectClose(layer(x), numbers(x.matmul(layer.weight.t()).add(bias)), 1e-6);
  const wide = new Linear(100, 50);
  expect(Math.max(...numbers(wide.weight).map(Math.abs))).toBeLessThanOrEqual(0.1);
  expect(new Linear(4, 3, { bias: false }).bias).toBeUndefined();
});

it("seed/8-11 xavierUniform_ of Linear(10, 5): its bound and its numbers", () => {
  const layer = new Linear(10, 5);
  manualSeed(7);
  expect(init.xavierUniform_(layer.weight)).toBe(layer.weight);
  expectClose(layer.weight, [0.04417391, -0.38098717, 0.20138863, 0.19845223], 5e-9);
  const bound = Math.sqrt(6 / 15);
  expect(bound).toBeCloseTo(0.63245553, 8);
  expect(Math.max(...numbers(layer.weight).map(Math.abs))).toBeLessThanOrEqual(bound);
});

describe("torchsummary", () => {
  it("seed/8-13 summary(model, (1, 28, 28)) is its table, and the same as rows", () => {
    const model = new LeNet5();
    const found = nn.summary(model, [1, 28, 28]);
    expect(`${found}`).toBe(
      [
        "----------------------------------------------------------------",
        "        Layer (type)               Output Shape         Param #",
        "================================================================",
        "            Conv2d-1            [-1, 6, 28, 28]             156",
        "         AvgPool2d-2            [-1, 6, 14, 14]               0",
        "            Conv2d-3           [-1, 16, 10, 10]           2,416",
        "         AvgPool2d-4             [-1, 16, 5, 5]               0",
        "            Linear-5                  [-1, 120]          48,120",
        "            Linear-6                   [-1, 84]          10,164",
        "            Linear-7                   [-1, 10]             850",
        "================================================================",
        "Total params: 61,706",
        "Trainable params: 61,706",
        "Non-trainable params: 0",
        "----------------------------------------------------------------",
        "Input size (MB): 0.00",
        "Forward/backward pass size (MB): 0.06",
        "Params size (MB): 0.24",
        "Estimated Total Size (MB): 0.30",
        "----------------------------------------------------------------",
      ].join("\n"),
    );
    expect(found.rows.map(({ outputShape, parameters }) => [outputShape.slice(1), parameters])).toEqual([
      [[6, 28, 28], 156],
      [[6, 14, 14], 0],
      [[16, 10, 10], 2416],
      [[16, 5, 5], 0],
      [[120], 48120],
      [[84], 10164],
      [[10], 850],
    ]);
    expect([found.totalParameters, found.trainableParameters]).toEqual([61706, 61706]);
    expect([...model.modules()].every(({ training }) => training)).toBe(true);
  });
});
