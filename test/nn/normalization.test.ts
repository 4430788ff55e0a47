// Layers with running statistics against PyTorch, what they refuse, and that a step stays one run.
import { describe, expect, it } from "vitest";
import * as N from "../../src/nn/index.ts";
import { SGD } from "../../src/optim/index.ts";
import { manualSeed, ones, rand, sessionStats, type Tensor, tensor } from "../../src/tensor/index.ts";
import { apart, IMAGES, numbers } from "./images.ts";

const { functional: F } = N;
const make = (js: string): N.Module<[Tensor], Tensor> => new Function("N", `return ${js};`)(N);

describe("statistics move as PyTorch's do, and are used after eval()", () => {
  it.each(IMAGES.running)("$js", ({ js, input, after, eval: wanted }) => {
    manualSeed(7);
    const layer = make(js);
    for (const { y, ...state } of after) {
      expect(apart(numbers(layer(rand(input).mul(3).sub(1))), y ?? [])).toBeLessThan(1e-5);
      const buffers = new Map(layer.namedBuffers());
      expect([...buffers.keys()]).toEqual(Object.keys(state));
      for (const [name, value] of buffers) expect(apart(numbers(value), state[name] ?? []), name).toBeLessThan(1e-6);
    }
    layer.eval();
    expect(apart(numbers(layer(rand(input))), wanted)).toBeLessThan(1e-5);
  });
});

describe("running statistics are computed with the run that needs their batch", () => {
  const step = (model: N.Module<[Tensor], Tensor>, optimizer: SGD, x: Tensor) => {
    optimizer.zeroGrad();
    const loss = model(x).square().mean();
    loss.backward();
    optimizer.step([loss]);
    return loss;
  };
  const network = () => {
    manualSeed(5);
    const model = new N.Sequential(new N.Linear(3, 4), new N.BatchNorm1d(4), new N.Linear(4, 2));
    return { model, optimizer: new SGD(model.parameters(), { lr: 0.1 }), x: rand([6, 3]) };
  };
  const bufferOf = (model: N.AnyModule, name: string): Tensor => {
    const found = new Map(model.namedBuffers()).get(name);
    if (found === undefined) throw new Error(`no buffer ${name}`);
    return found;
  };

  it("a training step is one run, from the second step on without a new session", () => {
    const { model, optimizer, x } = network();
    step(model, optimizer, x);
    step(model, optimizer, x);
    const before = { ...sessionStats };
    for (let i = 0; i < 3; i++) step(model, optimizer, x).itemSync();
    expect(sessionStats.runs - before.runs).toBe(3);
    expect(sessionStats.compiled).toBe(before.compiled);
    expect(bufferOf(model, "1.running_mean").node.value).toBeDefined();
    expect(bufferOf(model, "1.num_batches_tracked").itemSync()).toBe(5);
  });

  it("reading the loss before going back is still one run, and the statistics move once", () => {
    const { model, optimizer, x } = network();
    const { model: other, optimizer: otherOptimizer, x: same } = network();
    step(model, optimizer, x);
    optimizer.zeroGrad();
    const loss = model(x).square().mean();
    const before = sessionStats.runs;
    loss.itemSync();
    expect(bufferOf(model, "1.running_var").node.value).toBeDefined();
    loss.backward();
    optimizer.step();
    expect(sessionStats.runs - before).toBe(2);
    step(other, otherOptimizer, same);
    step(other, otherOptimizer, same);
    for (const name of ["1.running_mean", "1.running_var"]) {
      expect(numbers(bufferOf(model, name))).toEqual(numbers(bufferOf(other, name)));
    }
  });

  it("many batches that nothing reads do not pile up", () => {
    const layer = new N.BatchNorm1d(2);
    manualSeed(1);
    const first = tensor(
      [
        [1, 2],
        [3, 6],
      ],
      { dtype: "float32" },
    );
    const before = sessionStats.runs;
    for (let i = 0; i < 100; i++) layer(first);
    expect(sessionStats.runs - before).toBeGreaterThan(0);
    expect(sessionStats.runs - before).toBeLessThan(20);
    const share = 0.9 ** 100;
    expect(apart(numbers(layer.runningMean), [2 * (1 - share), 4 * (1 - share)])).toBeLessThan(1e-5);
    expect(layer.numBatchesTracked?.itemSync()).toBe(100);
  });

  it("statistics of several batches in one loss all count", () => {
    const layer = new N.BatchNorm1d(1, { momentum: 0.5 });
    const column = (a: number, b: number) => tensor([[a], [b]], { dtype: "float32" });
    const loss = layer(column(0, 2))
      .add(layer(column(2, 6)))
      .sum();
    loss.backward();
    loss.itemSync();
    expect(layer.runningMean?.itemSync()).toBeCloseTo(0.5 * 0.5 + 0.5 * 4, 6); // after 1, then 4
  });

  it("gradients after eval() go through no batch that came before", () => {
    const layer = new N.BatchNorm1d(1);
    const source = tensor([[1], [3]], { dtype: "float32" }).requiresGrad_();
    layer(source.mul(2));
    layer.eval();
    const x = tensor([[5]], { dtype: "float32" }).requiresGrad_();
    layer(x).sum().backward();
    expect(source.grad).toBeNull();
    expect(x.grad).not.toBeNull();
  });

  it("a state that is loaded is where the next batch goes on from", () => {
    const [one, other] = [new N.BatchNorm1d(2), new N.BatchNorm1d(2)];
    manualSeed(2);
    const [x, y] = [rand([4, 2]), rand([4, 2])];
    numbers(one(x));
    other.loadStateDict(one.stateDict());
    numbers(one(y));
    numbers(other(y));
    expect(numbers(other.runningMean)).toEqual(numbers(one.runningMean));
    expect(numbers(other.runningVar)).toEqual(numbers(one.runningVar));
    expect(other.numBatchesTracked?.itemSync()).toBe(2);
  });

  it("resetRunningStats() forgets every batch", () => {
    const layer = new N.BatchNorm1d(2);
    layer(ones([3, 2]).mul(4));
    layer.resetRunningStats();
    expect(numbers(layer.runningMean)).toEqual([0, 0]);
    expect(numbers(layer.runningVar)).toEqual([1, 1]);
    expect(layer.numBatchesTracked?.itemSync()).toBe(0);
  });
});

describe("what is refused, in PyTorch's words", () => {
  const refused: [string, () => unknown, string][] = [
    [
      "a batch of one while training",
      () => new N.BatchNorm1d(3)(ones([1, 3])),
      "Expected more than 1 value per channel when training, got input size torch.Size([1, 3])",
    ],
    ["axes of another layer", () => new N.BatchNorm2d(3)(ones([2, 3, 4])), "expected 4D input (got 3D input)"],
    ["other axes", () => new N.BatchNorm1d(3)(ones([2, 3, 4, 4])), "expected 2D or 3D input (got 4D input)"],
    ["other channels", () => new N.BatchNorm1d(4)(ones([2, 3])), "running_mean should contain 3 elements not 4"],
    [
      "no statistics",
      () => F.batchNorm(ones([2, 3]), null, null),
      "Expected running_mean and running_var to be defined when training=False",
    ],
    [
      "an input that does not end in the sizes",
      () => F.layerNorm(ones([2, 3]), [4]),
      "Given normalized_shape=[4], expected input with shape [*, 4], but got input of size[2, 3]",
    ],
    [
      "a weight of other sizes",
      () => F.layerNorm(ones([2, 4]), [4], ones([3])),
      "Expected weight to be of same shape as normalized_shape, but got weight of shape [3] and normalized_shape = [4]",
    ],
    [
      "channels that do not fall into groups",
      () => F.groupNorm(ones([2, 4, 3]), 3),
      "Expected number of channels in input to be divisible by num_groups, but got input of shape [2, 4, 3] and num_groups=3",
    ],
    ["a layer of such groups", () => new N.GroupNorm(3, 4), "num_channels (4) must be divisible by num_groups (3)"],
    [
      "planes of one element",
      () => F.instanceNorm(ones([2, 3, 1])),
      "Expected more than 1 spatial element when training, got input size torch.Size([2, 3, 1])",
    ],
  ];
  it.each(refused)("%s", (_, act, message) => {
    expect(act).toThrow(message);
  });

  it("and a refused batch does not count", () => {
    const layer = new N.BatchNorm1d(3);
    expect(() => layer(ones([1, 3]))).toThrow();
    expect(layer.numBatchesTracked?.itemSync()).toBe(0);
    expect(numbers(layer.runningMean)).toEqual([0, 0, 0]);
  });
});
