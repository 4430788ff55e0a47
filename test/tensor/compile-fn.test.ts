// compile(fn) gives what the function gives: results, weights, state, gradients, random numbers, whatever changes between calls.
import { describe, expect, it } from "vitest";
import { BatchNorm1d, Dropout, functional as F, Linear, type Module, Sequential } from "../../src/nn/index.ts";
import * as optim from "../../src/optim/index.ts";
import {
  compile,
  einsum,
  fromTypedArray,
  Generator,
  manualSeed,
  noGrad,
  ones,
  rand,
  randint,
  randn,
  sessionStats,
  Tensor,
  tensor,
  zeros,
} from "../../src/tensor/index.ts";

const numbers = (t: Tensor): number[] => [...t.dataSync()].map(Number);

const OPTIMIZERS: Readonly<Record<string, (params: Tensor[]) => optim.Optimizer>> = {
  SGD: (params) => new optim.SGD(params, { lr: 0.1 }),
  "SGD with momentum": (params) => new optim.SGD(params, { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.01 }),
  Adam: (params) => new optim.Adam(params),
  AdamW: (params) => new optim.AdamW(params, { amsgrad: true }),
  RMSprop: (params) => new optim.RMSprop(params, { momentum: 0.5 }),
  Adagrad: (params) => new optim.Adagrad(params, { lrDecay: 0.1 }),
  NAdam: (params) => new optim.NAdam(params),
};

const net = (): Sequential => new Sequential(new Linear(6, 8), new BatchNorm1d(8), new Dropout(0.3), new Linear(8, 3));

interface Trained {
  losses: number[];
  state: number[];
}

/** Twelve steps with a learning rate that changes, by the function as it is or compiled. */
function train(
  make: (params: Tensor[]) => optim.Optimizer,
  isCompiled: boolean,
  model: Module<[Tensor], Tensor>,
): Trained {
  manualSeed(11);
  const optimizer = make(model.parameters());
  const step = (x: Tensor, y: Tensor): Tensor => {
    const loss = F.crossEntropy(model(x), y);
    loss.backward();
    optimizer.step();
    optimizer.zeroGrad();
    return loss;
  };
  const run = isCompiled ? compile(step) : step;
  const data = new Generator(5);
  const losses: number[] = [];
  for (let index = 0; index < 12; index++) {
    optimizer.lr *= 0.9;
    losses.push(run(randn([4, 6], { generator: data }), randint(0, 3, [4], { generator: data })).itemSync());
  }
  return { losses, state: [...model.stateDict().values()].flatMap(numbers) };
}

describe("a training step that is compiled trains as the one that is recorded each time", () => {
  it.each(Object.entries(OPTIMIZERS))("%s, with batch normalization and dropout", (_, make) => {
    const runs = [false, true].map((isCompiled) => {
      manualSeed(3);
      return train(make, isCompiled, net());
    });
    for (const part of ["losses", "state"] as const) {
      const [wanted = [], found = []] = runs.map((run) => run[part]);
      expect(found.length).toBe(wanted.length);
      for (const [at, value] of found.entries()) expect(value).toBeCloseTo(wanted[at] ?? Number.NaN, 4);
    }
  });
});

it("seed/3-20 a compiled function runs as it is, then is traced, then replayed, with the same result", () => {
  const product = compile((a: Tensor, b: Tensor) => einsum("ij,jk->ik", a, b));
  const [a, b] = [rand([10, 20]), rand([20, 30])];
  const wanted = numbers(a.matmul(b));
  const before = sessionStats.compiled;
  for (let call = 0; call < 4; call++) {
    const result = product(a, b);
    expect(result.shape).toEqual([10, 30]);
    for (const [at, value] of numbers(result).entries()) expect(value).toBeCloseTo(wanted[at] ?? 0, 4);
  }
  expect(product.stats).toEqual({ recorded: 1, traced: 1, replayed: 2 });
  expect(sessionStats.compiled - before).toBeLessThanOrEqual(2);
});

it("each kind of arguments has its own trace; plain values are a part of it", () => {
  const scaled = compile((x: Tensor, { by, names }: { by: number; names: readonly string[] }) =>
    x.mul(by * names.length),
  );
  const call = (size: number, by: number) => numbers(scaled(ones([size]), { by, names: ["a", "b"] }));
  for (let round = 0; round < 3; round++) {
    expect(call(2, 3)).toEqual([6, 6]);
    expect(call(3, 3)).toEqual([6, 6, 6]);
    expect(call(2, 5)).toEqual([10, 10]);
  }
  expect(scaled.stats).toEqual({ recorded: 3, traced: 3, replayed: 3 });
});

it("weights, lists and objects: what is read from outside is read at each call", () => {
  const weight = tensor([1, 2], { dtype: "float32" });
  const both = compile(({ x }: { x: Tensor }) => ({ sum: x.add(weight), list: [x.mul(weight), "kept"] as const }));
  for (let call = 1; call <= 4; call++) {
    weight.fill_(call);
    const { sum, list } = both({ x: ones([2]) });
    expect([numbers(sum), numbers(list[0]), list[1]]).toEqual([[1 + call, 1 + call], [call, call], "kept"]);
  }
  const shared = new Float32Array([1, 1]);
  const view = fromTypedArray(shared);
  const doubled = compile((x: Tensor) => x.add(view));
  for (let call = 1; call <= 4; call++) {
    shared[0] = call;
    expect(numbers(doubled(zeros([2])))).toEqual([call, 1]);
  }
});

it("what is written outside is written at each call, through views and detached twins too, and old results keep their values", () => {
  const count = zeros([2, 2]);
  const twin = count.detach();
  const touch = compile((x: Tensor) => {
    count.select(0, 1).add_(x);
    return count.sum();
  });
  const results = [1, 2, 3, 4].map(() => touch(ones([2])));
  expect(results.map((result) => result.itemSync())).toEqual([2, 4, 6, 8]);
  expect([numbers(count), numbers(twin)]).toEqual([
    [0, 0, 4, 4],
    [0, 0, 4, 4],
  ]);
  const held = count.mul(1);
  touch(ones([2]));
  touch(ones([2]));
  touch(ones([2]));
  expect(numbers(held)).toEqual([0, 0, 4, 4]);
  expect(numbers(count)).toEqual([0, 0, 7, 7]);
});

it("gradients add up over calls as they do without", () => {
  const w = tensor([1, 2], { dtype: "float32", requiresGrad: true });
  const backward = compile((x: Tensor) => {
    const loss = w.mul(x).sum();
    loss.backward();
    return loss;
  });
  const grads = [1, 2, 3, 4, 5].map((value) => {
    backward(tensor([value, 0], { dtype: "float32" }));
    return numbers(w.grad ?? zeros([1]));
  });
  expect(grads).toEqual([
    [1, 0],
    [3, 0],
    [6, 0],
    [10, 0],
    [15, 0],
  ]);
  w.grad = null;
  backward(tensor([7, 7], { dtype: "float32" }));
  expect(numbers(w.grad ?? zeros([1]))).toEqual([7, 7]);
});

it("a module's mode, and recording of gradients, are not taken for granted", () => {
  const model = new Sequential(new Linear(4, 4), new Dropout(0.5));
  const infer = compile((x: Tensor) => noGrad(() => model(x)));
  const x = ones([64, 4]);
  const zerosIn = (result: Tensor) => numbers(result).filter((value) => value === 0).length;
  for (let round = 0; round < 3; round++) {
    model.eval();
    expect(zerosIn(infer(x))).toBe(0);
    model.train();
    expect(zerosIn(infer(x))).toBeGreaterThan(60);
  }
  model.train();
  const masks = [1, 2, 3, 4].map(() =>
    numbers(infer(x))
      .map((value) => Number(value === 0))
      .join(""),
  );
  expect(new Set(masks).size).toBe(4);
});

it("a function whose result is to be differentiated is recorded as a part of the larger graph", () => {
  const w = tensor([3], { dtype: "float32", requiresGrad: true });
  const forward = compile((x: Tensor) => x.mul(w).square());
  for (let call = 0; call < 3; call++) {
    w.grad = null;
    forward(tensor([2], { dtype: "float32" }))
      .sum()
      .backward();
    expect(numbers(w.grad ?? zeros([1]))).toEqual([24]);
    expect(numbers(noGrad(() => forward(tensor([2], { dtype: "float32" }))))).toEqual([36]);
  }
});

it("frozen weights, and weights of another shape, make another trace", () => {
  const w = tensor([2], { dtype: "float32", requiresGrad: true });
  const optimizer = new optim.SGD([w], { lr: 0.5 });
  const step = compile((x: Tensor) => {
    const loss = w.mul(x).sum();
    if (loss.requiresGrad) loss.backward();
    optimizer.step();
    optimizer.zeroGrad();
    return loss;
  });
  for (let call = 0; call < 3; call++) step(ones([1]));
  expect(numbers(w)).toEqual([0.5]);
  w.requiresGrad_(false);
  for (let call = 0; call < 3; call++) step(ones([1]));
  expect(numbers(w)).toEqual([0.5]);
});

describe("what cannot be compiled says so, and changes nothing", () => {
  const w = tensor([1, 2], { dtype: "float32", requiresGrad: true });
  const bad: readonly [string, (x: Tensor) => Tensor | Map<string, Tensor>][] = [
    ["a value that is read", (x) => x.mul(x.sum().itemSync())],
    ["a shape that depends on data", (x) => x.maskedSelect(x.gt(0))],
    ["a result of another kind", (x) => new Map([["x", x]])],
  ];
  it.each(bad)("%s", (_, fn) => {
    const kept = tensor([5], { dtype: "float32" });
    // safe because the test is of what the types forbid
    const broken = compile((x: Tensor) => {
      kept.add_(1);
      return fn(x) as Tensor;
    });
    const call = () => broken(w.detach());
    try {
      call();
    } catch {}
    const before = numbers(kept);
    expect(call).toThrow(expect.objectContaining({ code: "NOT_COMPILABLE" }));
    expect(numbers(kept)).toEqual(before);
    expect(Tensor.prototype.add.call(w, 1).tolistSync()).toEqual([2, 3]);
  });

  it("an argument of another kind", () => {
    const anything = compile((x: { at: Tensor }) => x.at);
    // safe because the test is of what the types forbid
    expect(() =>
      anything(
        new (class Odd {
          at = w;
        })() as unknown as { at: Tensor },
      ),
    ).toThrow("not Odd");
  });
});
