// The rules of realization, one test each: when a value is computed, what is computed with it, what it may not disturb.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { dropoutStep } from "../../src/nn/functional.ts";
import { Embedding, functional as F, Linear } from "../../src/nn/index.ts";
import { SGD } from "../../src/optim/index.ts";
import { packageFile } from "../../src/package-root.ts";
import {
  cat,
  clearSessions,
  compileGraph,
  fromTypedArray,
  Generator,
  getRngState,
  manualSeed,
  noGrad,
  ones,
  rand,
  randint,
  randn,
  randperm,
  sessionStats,
  setRngState,
  symbolic,
  type Tensor,
  tensor,
  zeros,
} from "../../src/tensor/index.ts";

interface Golden {
  random: Record<"rand" | "randnFew" | "randnMany" | "randperm" | "randint" | "mixed" | "embedding", number[]> & {
    linear: number[][];
  };
  conversions: Record<"from" | "float16" | "bfloat16", number[]>;
  views: Record<"base" | "turned" | "stepped" | "corner" | "grad", number[]>;
  steps: { predictions: number[][]; losses: number[]; weight: number[] };
}
const golden: Golden = JSON.parse(readFileSync(packageFile("test", "goldens", "realization.json"), "utf8"));

const list = (t: Tensor | null | undefined) => t?.tolistSync();
const flat = (t: Tensor | null | undefined) => [...(t?.dataSync() ?? [])].map(Number);
const bitsOf = (t: Tensor): number[] => {
  const data = t.dataSync();
  return [...new Int32Array(data.buffer, data.byteOffset, data.length)];
};
const pause = () => new Promise<void>((resolve) => setImmediate(resolve));
/** Runs of sessions during `fn`. */
function runsOf(fn: () => void): number {
  const before = sessionStats.runs;
  fn();
  return sessionStats.runs - before;
}

describe("reading", () => {
  it("data(), item() and tolist() are asynchronous and give way to pending work first", async () => {
    const order: string[] = [];
    const reading = tensor([1.5, 2.5])
      .sum()
      .item()
      .then((value) => order.push(`value ${value}`));
    queueMicrotask(() => order.push("pending"));
    await reading;
    expect(order).toEqual(["pending", "value 4"]);
    expect([...(await tensor([1, 2]).add(1).data())]).toEqual([2n, 3n]);
    expect(
      await tensor([[1], [2]])
        .mul(2)
        .tolist(),
    ).toEqual([[2], [4]]);
  });

  it("dataSync(), itemSync() and toString() compute at once", () => {
    const x = tensor([0.5, 1.5]);
    expect([...x.add(1).dataSync()]).toEqual([1.5, 2.5]);
    expect(x.sum().itemSync()).toBe(2);
    expect(`${x.mul(2)}`).toBe("tensor([1., 3.])");
  });

  it("optimizer.step() computes at once, also what is asked for beside the update", () => {
    const w = ones([2], { requiresGrad: true });
    const loss = w.mul(3).sum();
    loss.backward();
    expect(runsOf(() => new SGD([w], { lr: 0.5 }).step([loss]))).toBe(1);
    expect(runsOf(() => expect([loss.itemSync(), list(w)]).toEqual([6, [-0.5, -0.5]]))).toBe(0);
  });

  it("operations whose shape depends on data (nonzero, masks) compute at once", () => {
    const x = tensor([
      [0, 1.5],
      [2, 0],
    ]);
    expect(list(x.nonzero())).toEqual([
      [0, 1],
      [1, 0],
    ]);
    expect(x.nonzero().shape).toEqual([2, 2]);
    const w = tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { dtype: "float32", requiresGrad: true },
    );
    const picked = w.maskedSelect(x.gt(0));
    expect(list(picked)).toEqual([2, 3]);
    picked.square().sum().backward();
    expect(list(w.grad)).toEqual([
      [0, 4],
      [6, 0],
    ]);
    expect(zeros([3]).nonzero().shape).toEqual([0, 1]);
  });

  it("a value is computed once, and only what it needs", () => {
    const x = randn([4, 4]);
    const [y, other] = [x.exp(), x.log()];
    expect(runsOf(() => y.dataSync())).toBe(1);
    expect(runsOf(() => y.dataSync())).toBe(0);
    expect(other.node.value).toBeUndefined();
  });
});

describe("the loss read before backward()", () => {
  it("brings its gradients along: forward runs once, backward() and reading a gradient run nothing", () => {
    const x = tensor([3], { dtype: "float32", requiresGrad: true });
    const loss = x.mul(x).sum();
    expect(runsOf(() => expect(loss.itemSync()).toBe(9))).toBe(1);
    expect(runsOf(() => loss.backward())).toBe(0);
    expect(runsOf(() => expect(list(x.grad)).toEqual([6]))).toBe(0);
  });

  it("leaves two runs for a whole step: one for loss and gradients, one for the update", () => {
    const w = randn([8, 4], { requiresGrad: true });
    const optimizer = new SGD([w], { lr: 0.1, momentum: 0.9 });
    const step = () => {
      optimizer.zeroGrad();
      const loss = F.linear(ones([2, 4]), w)
        .square()
        .mean();
      loss.itemSync();
      loss.backward();
      optimizer.step();
    };
    step();
    expect(runsOf(step)).toBe(2);
  });
});

it("buffers are immutable: predictions of step t, read after step t + 3, are those of step t in PyTorch", () => {
  const { predictions, losses, weight } = golden.steps;
  const w = tensor([[0.5, -1, 0.25]], { dtype: "float32", requiresGrad: true });
  const x = tensor([
    [1, 2, 3],
    [0.5, -1, 2],
  ]);
  const y = tensor([[1], [-1]], { dtype: "float32" });
  const optimizer = new SGD([w], { lr: 0.1, momentum: 0.9 });
  const kept: { predicted: Tensor; loss: Tensor }[] = [];
  const check = (step: number) => {
    const held = kept[step];
    for (const [at, value] of flat(held?.predicted).entries())
      expect(value).toBeCloseTo(predictions[step]?.[at] ?? 0, 4);
    expect(held?.loss.itemSync()).toBeCloseTo(losses[step] ?? 0, 4);
  };
  for (let step = 0; step < 6; step++) {
    optimizer.zeroGrad();
    const predicted = x.matmul(w.t());
    const loss = predicted.sub(y).square().mean();
    loss.backward();
    optimizer.step();
    kept.push({ predicted, loss });
    if (step >= 3) check(step - 3);
  }
  for (const step of [5, 3, 4]) check(step);
  for (const [at, value] of flat(w).entries()) expect(value).toBeCloseTo(weight[at] ?? 0, 4);
});

it("recording on a shared typed array takes its values at that moment", () => {
  const array = new Float32Array([1, 2]);
  const shared = fromTypedArray(array);
  const c = shared.add(1);
  const view = shared.slice(0, 0, 1).mul(10);
  array[0] = 100;
  expect([list(c), list(view)]).toEqual([[2, 3], [10]]);
  expect(list(shared)).toEqual([100, 2]);
  shared.fill_(7);
  expect([...array]).toEqual([7, 7]);
});

describe("views and writes in place", () => {
  it("reach the base and every view, through views of views, and carry gradients, as in PyTorch", () => {
    const x = tensor(
      [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9, 10, 11],
      ],
      { dtype: "float32", requiresGrad: true },
    );
    const base = x.mul(1);
    const turned = base.t();
    turned.select(0, 1).mul_(10);
    const stepped = base.slice(1, 0, 4, 2);
    stepped.slice(0, 1).add_(x.slice(0, 0, 2).slice(1, 0, 2));
    base.view([12]).slice(0, 11, 12).fill_(5);
    const corner = base.slice(0, 1).slice(1, 1).t().select(0, 0);
    corner.copy_(x.select(0, 0).slice(0, 0, 2).mul(2));
    base.mul(base).sum().backward();
    expect(flat(base)).toEqual(golden.views.base);
    expect(flat(turned)).toEqual(golden.views.turned);
    expect(flat(stepped)).toEqual(golden.views.stepped);
    expect(flat(corner)).toEqual(golden.views.corner);
    expect(flat(x.grad)).toEqual(golden.views.grad);
  });

  it("do not change what was recorded before", () => {
    const base = zeros([3, 4]);
    const before = base.sum();
    base.select(0, 1).fill_(5);
    expect([before.itemSync(), base.sum().itemSync()]).toEqual([0, 20]);
    expect(() => zeros([1]).expand([3]).add_(1)).toThrow(
      "more than one element of the written-to tensor refers to a single memory",
    );
  });
});

it("scalars are inputs, never part of the key: other numbers take the same sessions", () => {
  const x = randn([7, 3]);
  const compute = (value: number) =>
    x
      .mul(value)
      .add(value)
      .sub(value / 3)
      .div(value + 1)
      .maximum(value)
      .maskedFill(x.gt(value), value)
      .pow(value)
      .sum()
      .itemSync();
  compute(0.1);
  const before = sessionStats.compiled;
  expect(compute(0.2)).not.toBe(compute(0.7));
  expect(sessionStats.compiled).toBe(before);
});

it("the same computation recorded anew has the same key, whatever was recorded in between", () => {
  const compute = () => {
    const [a, b] = [ones([5]), ones([5])];
    return a.mul(3).add(b.exp()).sum().itemSync();
  };
  const compiled = () => {
    const before = sessionStats.compiled;
    compute();
    return sessionStats.compiled - before;
  };
  expect(compiled()).toBe(1);
  // Here the leaf that is read last is made first.
  const b = ones([5]);
  const before = sessionStats.compiled;
  ones([5]).mul(3).add(b.exp()).sum().itemSync();
  expect(sessionStats.compiled).toBe(before);
});

it("no walk is recursive: a chain of 20,000 operations lowers, computes and differentiates", {
  timeout: 60_000,
}, () => {
  const x = tensor([1], { dtype: "float32", requiresGrad: true });
  let y: Tensor = x;
  for (let i = 0; i < 20_000; i++) y = y.mul(1.0001);
  y.sum().backward();
  expect(x.grad?.itemSync()).toBeCloseTo(1.0001 ** 20_000, 1);
});

describe("random numbers on the host are PyTorch's MT19937, bit for bit, after seed 7", () => {
  const seeded = (make: () => Tensor): Tensor => {
    manualSeed(7);
    return make();
  };
  it.each<[keyof Golden["random"], () => Tensor]>([
    ["rand", () => rand([1000])],
    ["randnFew", () => randn([15])],
    ["randnMany", () => randn([1003])],
    ["mixed", () => cat([rand([3]), randn([4]), rand([2]), randn([20])])],
    ["embedding", () => new Embedding(9, 5).weight],
  ])("%s", (name, make) => {
    expect(bitsOf(seeded(make))).toEqual(golden.random[name]);
  });

  it("randperm and randint", () => {
    expect(flat(seeded(() => randperm(500)))).toEqual(golden.random.randperm);
    expect(flat(seeded(() => randint(-5, 1000, [500])))).toEqual(golden.random.randint);
  });

  it("the start of a Linear layer", () => {
    manualSeed(7);
    expect(new Linear(37, 11).parameters().map(bitsOf)).toEqual(golden.random.linear);
  });

  it("a generator's state can be taken and put back", () => {
    const generator = new Generator(7);
    generator.normal();
    const state = generator.getState();
    const next = [generator.normal(), generator.float(), generator.u32()];
    generator.setState(state);
    expect([generator.normal(), generator.float(), generator.u32()]).toEqual(next);
    // Through JSON too, which has no NaN.
    setRngState(JSON.parse(JSON.stringify(state)));
    expect(getRngState()).toEqual(state);
    const drawn = flat(rand([3]));
    generator.setState(state);
    expect(flat(rand([3], { generator }))).toEqual(drawn);
  });
});

describe("the dropout mask depends on seed, step and place alone", () => {
  const masks = (seed: number, step: number) =>
    dropoutStep(seed, step, () => [1, 2].map(() => F.dropout(ones([40, 10]), 0.4, true)));
  const values = (seed: number, step: number) => masks(seed, step).map(flat);

  it("it repeats on resume and after its session was evicted, and differs from step to step and place to place", () => {
    const [first, second] = values(3, 5);
    expect(first).not.toEqual(second);
    clearSessions();
    expect(values(3, 5)).toEqual([first, second]);
    expect(values(3, 6)[0]).not.toEqual(first);
    expect(values(4, 5)[0]).not.toEqual(first);
    const kept = (first ?? []).filter((value) => value !== 0);
    expect(new Set(kept.map((value) => value.toFixed(4)))).toEqual(new Set([(1 / 0.6).toFixed(4)]));
    expect(kept.length / 400).toBeCloseTo(0.6, 1);
  });

  it("it is the same when the forward pass is computed again for the gradient", () => {
    const x = ones([40, 10], { requiresGrad: true });
    const dropped = dropoutStep(1, 2, () => F.dropout(x, 0.4, true));
    const mask = flat(dropped.detach());
    dropped.mul(2).sum().backward();
    expect(flat(x.grad)).toEqual(mask.map((value) => value * 2));
  });
});

it("noGrad follows async code: two interleaved scopes keep their own mode", async () => {
  const x = ones([1], { requiresGrad: true });
  const [inside, outside, nested] = await Promise.all([
    noGrad(async () => {
      await pause();
      return x.mul(2).requiresGrad;
    }),
    (async () => {
      await pause();
      return x.mul(2).requiresGrad;
    })(),
    noGrad(() => noGrad(() => x.mul(2))).requiresGrad,
  ]);
  expect([inside, outside, nested]).toEqual([false, true, false]);
});

it("tensor([1, 2]) is int64: BigInt64Array behind data(), numbers from tolist()", async () => {
  const x = tensor([1, 2]);
  expect([x.dtype, await x.data(), await x.tolist(), await x.sum().item()]).toEqual([
    "int64",
    new BigInt64Array([1n, 2n]),
    [1, 2],
    3,
  ]);
});

describe("storage dtype and compute dtype are separate", () => {
  const numbers = new Float32Array(new Int32Array(golden.conversions.from).buffer);
  it.each(["float16", "bfloat16"] as const)(
    "%s is a Uint16Array of PyTorch's bits, made here and by the runtime",
    (dtype) => {
      const made = tensor([...numbers], { dtype });
      expect(made.dataSync()).toBeInstanceOf(Uint16Array);
      const wanted = golden.conversions[dtype];
      const same = (found: Tensor) => {
        for (const [at, bits] of flat(found).entries()) {
          if (!Number.isNaN(numbers[at])) expect(bits, `${numbers[at]}`).toBe(wanted[at]);
        }
      };
      same(made);
      same(fromTypedArray(numbers).to(dtype));
      const back = flat(made.to("float32"));
      const again = flat(tensor(back, { dtype }));
      for (const [at, bits] of again.entries()) if (!Number.isNaN(numbers[at])) expect(bits).toBe(wanted[at]);
    },
  );

  it("bfloat16 trains: every operation is computed in float32 and rounded", () => {
    const w = tensor([1, 2, 3], { dtype: "bfloat16", requiresGrad: true });
    const loss = w.mul(w).mul(1.0039).sum();
    loss.backward();
    expect([loss.dtype, w.grad?.dtype, loss.itemSync(), list(w.grad)]).toEqual(["bfloat16", "bfloat16", 14, [2, 4, 6]]);
  });

  it("bfloat16 crosses a compiled graph", () => {
    const x = symbolic("x", ["n"], "bfloat16");
    const graph = compileGraph({ inputs: [x], outputs: { y: x.add(tensor([0.5], { dtype: "bfloat16" })) } });
    const { y } = graph.run({ x: { data: new Uint16Array([0x3f80, 0x4000]), shape: [2] } });
    expect(y).toEqual({ data: new Uint16Array([0x3fc0, 0x4020]), shape: [2] });
    graph.dispose();
  });
});

it("a synchronous loop holds no more buffers after many steps than after few", () => {
  const w = zeros([1_000_000], { requiresGrad: true });
  const optimizer = new SGD([w], { lr: 0.1 });
  const steps = (count: number) => {
    for (let step = 0; step < count; step++) {
      optimizer.zeroGrad();
      w.sub(1).square().mean().backward();
      optimizer.step();
    }
    return process.memoryUsage().arrayBuffers / 1e6;
  };
  const few = steps(20);
  // Each step makes 4 MB: sixty kept ones would be 240 MB.
  expect(steps(60) - few).toBeLessThan(120);
});

describe("loops that carry a value from step to step", () => {
  /** Sessions that the later steps still needed. */
  const compiledLater = (steps: number, step: () => void): number => {
    for (let at = 0; at < steps; at++) step();
    const before = sessionStats.compiled;
    for (let at = 0; at < steps; at++) step();
    return sessionStats.compiled - before;
  };

  it.each(["before", "after"])("a state detached %s the step is not computed again with each later one", (when) => {
    const cell = new Linear(3, 3);
    const optimizer = new SGD(cell.parameters(), { lr: 0.1 });
    let state = ones([2, 3]);
    const later = compiledLater(4, () => {
      const next = cell(state).tanh();
      if (when === "before") state = next.detach();
      optimizer.zeroGrad();
      next.square().mean().backward();
      optimizer.step();
      state = when === "before" ? state : next.detach();
    });
    expect(later).toBe(0);
    if (when === "before") expect(state.node.inputs).toEqual([]);
    expect(state.requiresGrad).toBe(false);
  });

  it("a view that is read computes what it looks at, once", () => {
    const turn = tensor([
      [0, -1],
      [1, 0],
    ]).to("float32");
    let point: Tensor = tensor([3, 4], { dtype: "float32" });
    const later = compiledLater(4, () => {
      point = turn.matmul(point);
      point.dataSync();
    });
    expect(later).toBe(0);
    expect(point.tolistSync()).toEqual([3, 4]);
  });

  it("what takes no gradient keeps no history once it is read", () => {
    let x = ones([3]);
    x = x.add(1);
    expect(x.node.inputs.length).toBeGreaterThan(0);
    x.dataSync();
    expect(x.node.inputs).toEqual([]);
    const y = ones([3], { requiresGrad: true }).mul(2);
    y.dataSync();
    expect(y.node.inputs.length).toBeGreaterThan(0);
  });
});

describe("a value that is carried from step to step, and of which only a function is read", () => {
  const compiledBy = (fn: () => void): number => {
    const before = sessionStats.compiled;
    fn();
    return sessionStats.compiled - before;
  };

  it("is kept, so that a step costs what it did before", () => {
    let p = ones([4, 4]);
    const step = () => {
      p = p.mul(0.5).add(1);
      return p.sum().itemSync();
    };
    for (let index = 0; index < 6; index++) step();
    expect(compiledBy(() => Array.from({ length: 40 }, step))).toBeLessThanOrEqual(1);
    expect(step()).toBeCloseTo(32, 5);
  });

  it("also when it is written in place", () => {
    const x = zeros([3]);
    const step = () => {
      x.add_(1);
      return x.sum().itemSync();
    };
    for (let index = 0; index < 6; index++) step();
    expect(compiledBy(() => Array.from({ length: 40 }, step))).toBeLessThanOrEqual(1);
    expect(step()).toBe(3 * 47);
  });
});
