// Gradients as PyTorch gives and refuses them: leaves and histories, chosen inputs, hooks, errors.
import { describe, expect, it } from "vitest";
import {
  arange,
  autograd,
  enableGrad,
  fromTypedArray,
  isGradEnabled,
  noGrad,
  ones,
  sessionStats,
  setGradEnabled,
  type Tensor,
  tensor,
  zeros,
} from "../../src/tensor/index.ts";

const list = (t: Tensor | null | undefined) => t?.tolistSync();
const leaf = (values: number | number[] | number[][], dtype: "float32" | "float64" = "float32") =>
  tensor(values, { dtype, requiresGrad: true });
const { grad } = autograd;

describe("leaves", () => {
  it("are what was not computed from others that require grad", () => {
    const x = leaf([1, 2]);
    expect([x.isLeaf, x.mul(1).isLeaf, x.clone().isLeaf, x.view([2]).isLeaf, x.detach().isLeaf]).toEqual([
      true,
      false,
      false,
      false,
      true,
    ]);
    expect(ones([2]).mul(2).isLeaf).toBe(true);
    expect(ones([2]).mul(2).requiresGrad_().isLeaf).toBe(true);
  });

  it("take no gradient of another that has the same elements", () => {
    const a = tensor([1, 2], { dtype: "float32" });
    const copy = a.clone().requiresGrad_();
    a.mul(copy).sum().backward();
    expect(list(copy.grad)).toEqual([1, 2]);

    const [p, q] = [leaf([1, 2]), leaf([3, 4])];
    noGrad(() => p.copy_(q));
    p.mul(q).sum().backward();
    expect([list(p.grad), list(q.grad)]).toEqual([
      [3, 4],
      [3, 4],
    ]);

    const base = leaf([1, 2]);
    const [one, two] = [base.mul(2).detach().requiresGrad_(), base.mul(2).detach().requiresGrad_()];
    one.mul(3).sum().backward();
    expect([list(one.grad), two.grad, base.grad]).toEqual([[3, 3], null, null]);
  });

  it("may be computed: a detached result, a view", () => {
    const h = leaf([1, 2]).mul(3).detach().requiresGrad_();
    h.mul(h).sum().backward();
    expect(list(h.grad)).toEqual([6, 12]);
    const row = tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { dtype: "float32" },
    )
      .select(0, 1)
      .requiresGrad_();
    row.view([2, 1]).mul(5).sum().backward();
    expect([row.isLeaf, list(row.grad)]).toEqual([true, [5, 5]]);
  });

  it("share an array that changes: each recording has its own elements", () => {
    const array = new Float32Array([1, 2]);
    const x = fromTypedArray(array, [2], { requiresGrad: true });
    const first = x.mul(x);
    array[0] = 10;
    const second = x.mul(x);
    expect(list(grad(first.add(second).sum(), [x])[0])).toEqual([22, 8]);
  });

  it("requires_grad can be set, also as a property, and taken from leaves alone", () => {
    const x = ones([2]);
    x.requiresGrad = true;
    expect(x.mul(2).requiresGrad).toBe(true);
    x.requiresGrad = false;
    expect(x.mul(2).requiresGrad).toBe(false);
    expect(() => leaf([1]).mul(2).requiresGrad_(false)).toThrow(
      "you can only change requires_grad flags of leaf variables.",
    );
    expect(() => arange(2).requiresGrad_()).toThrow("only Tensors of floating point dtype can require gradients");
  });

  it("detach_ makes one of a result, but not of a view", () => {
    const x = leaf([1, 2]);
    const y = x.mul(2);
    expect(y.detach_()).toBe(y);
    expect([y.requiresGrad, y.isLeaf, list(y)]).toEqual([false, true, [2, 4]]);
    expect(() => x.mul(1).view([2]).detach_()).toThrow("Can't detach views in-place. Use detach() instead.");
  });

  it("a view that was made before its base got a history has it too", () => {
    const base = zeros([2]);
    const view = base.view([2, 1]);
    base.mul_(leaf([1, 2]));
    expect([view.requiresGrad, view.gradFn]).toEqual([true, "ViewBackward0"]);
  });

  it("loaded values bring no history along", () => {
    const w = leaf([1, 2]);
    const buffer = zeros([2]);
    noGrad(() => buffer.copy_(w));
    const v = leaf([1, 1]);
    buffer.mul(v).sum().backward();
    expect([w.grad, list(v.grad)]).toEqual([null, [1, 2]]);
  });
});

describe("grad_fn", () => {
  it("is PyTorch's name of what made a tensor", () => {
    const x = leaf([
      [1, 2],
      [3, 4],
    ]);
    const names = [
      x.add(1),
      x.mul_ && x.mul(2).mul_(2),
      x.matmul(x),
      x.select(0, 0).matmul(x.select(0, 1)),
      x.sum(),
      x.sum(0),
    ];
    expect(names.map(({ gradFn }) => gradFn)).toEqual([
      "AddBackward0",
      "MulBackward0",
      "MmBackward0",
      "DotBackward0",
      "SumBackward0",
      "SumBackward1",
    ]);
    expect([x.gradFn, x.detach().gradFn, ones([1]).mul(2).gradFn]).toEqual([null, null, null]);
  });
});

describe("backward", () => {
  it("raises PyTorch's errors", () => {
    const x = leaf([1, 2]);
    expect(() => x.mul(2).backward()).toThrow("grad can be implicitly created only for scalar outputs");
    expect(() => x.mul(2).backward(ones([3]))).toThrow(
      "Mismatch in shape: grad_output[0] has a shape of torch.Size([3]) and output[0] has a shape of torch.Size([2]).",
    );
    expect(() => ones([1]).backward()).toThrow(
      "element 0 of tensors does not require grad and does not have a grad_fn",
    );
    expect(() => x.add_(1)).toThrow("a leaf Variable that requires grad is being used in an in-place operation.");
    expect(() => x.view([2, 1]).add_(1)).toThrow(
      "a view of a leaf Variable that requires grad is being used in an in-place operation.",
    );
    expect(x.grad).toBeNull();
  });

  it("runs a second time only where gradients read nothing of the first, or the graph was kept", () => {
    const x = leaf([1, 2]);
    const square = x.mul(x).sum();
    square.backward(null, { retainGraph: true });
    square.backward();
    expect(list(x.grad)).toEqual([4, 8]);
    expect(() => square.backward()).toThrow(
      "Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed).",
    );
    expect(() => grad(square, [x])).toThrow("Trying to backward through the graph a second time");
    expect(list(x.grad)).toEqual([4, 8]);
    const sum = x.add(1).sum();
    sum.backward();
    sum.backward(); // nothing to free in a sum: PyTorch allows this too
    expect(list(x.grad)).toEqual([6, 10]);
  });

  it("of one tensor is not that of an equal one", () => {
    const x = leaf([1, 2]);
    x.mul(x).sum().backward();
    x.mul(x).sum().backward();
    expect(list(x.grad)).toEqual([4, 8]);
  });

  it("of a shared part goes through again: nothing is freed here", () => {
    const x = leaf([1, 2]);
    const h = x.mul(x);
    h.sum().backward();
    h.mul(3).sum().backward();
    expect(list(x.grad)).toEqual([8, 16]);
  });

  it("takes several roots, and leaves to fill", () => {
    const [x, y] = [leaf([1, 2]), leaf([3, 4])];
    autograd.backward([x.mul(y).sum(), x.mul(2)], [null, ones([2])], { inputs: [x] });
    expect([list(x.grad), y.grad]).toEqual([[5, 6], null]);
  });

  it("of a leaf itself is 1", () => {
    const x = leaf(2);
    x.backward();
    expect(list(x.grad)).toBe(1);
  });

  it("keeps the gradient free of a graph unless asked", () => {
    const x = leaf([1, 2]);
    x.mul(x).sum().backward();
    expect(x.grad?.requiresGrad).toBe(false);
    x.grad = null;
    x.mul(x).sum().backward(null, { createGraph: true });
    expect(x.grad).toMatchObject({ requiresGrad: true, isLeaf: false });
    const y = leaf([1, 2]);
    y.sum().backward(null, { createGraph: true });
    expect((y.grad as Tensor | null)?.requiresGrad).toBe(false); // a constant, as in PyTorch
  });

  it("does not run the forward pass again after the loss was read, detached or not", () => {
    for (const read of [(loss: Tensor) => loss.itemSync(), (loss: Tensor) => loss.detach().itemSync()]) {
      const x = leaf([1, 2]);
      const loss = x.mul(x).exp().sum();
      const { runs } = sessionStats;
      read(loss);
      loss.backward();
      expect(list(x.grad)).toEqual([Math.fround(2 * Math.fround(Math.E)), expect.closeTo(4 * Math.exp(4), 3)]);
      expect(sessionStats.runs - runs).toBe(1);
    }
  });

  it("after the loss was read is the same, with hooks too", () => {
    const x = leaf([1, 2]);
    const loss = x.mul(x).sum();
    expect(loss.itemSync()).toBe(5);
    x.registerHook((g) => g.mul(10));
    loss.backward();
    expect(list(x.grad)).toEqual([20, 40]);
  });
});

describe("grad as it is assigned", () => {
  it("has the shape, the dtype and the device of its tensor", () => {
    const x = leaf([1, 2]);
    x.grad = ones([2]);
    x.mul(2).sum().backward();
    expect(list(x.grad)).toEqual([3, 3]);
    expect(() => (x.grad = ones([3]))).toThrow(
      "attempting to assign a gradient of size '[3]' to a tensor of size '[2]'.",
    );
    expect(() => (x.grad = ones([2], { dtype: "float64" }))).toThrow(
      "attempting to assign a gradient with dtype 'float64'",
    );
    expect(() => (x.grad = zeros([2], { device: "webgpu" }))).toThrow(
      "attempting to assign a gradient with device type",
    );
    expect(() => (x.grad = x)).toThrow("can't assign Variable as its own grad");
    // safe because the point is what a program without types would do
    expect(() => (x.grad = 3 as unknown as Tensor)).toThrow(
      "assigned grad expected to be a Tensor or None but got grad of type number",
    );
  });
});

describe("autograd.grad", () => {
  it("differentiates results too, and touches no grad", () => {
    const x = leaf([1, 2]);
    const h = x.mul(x);
    const [dh, dx] = grad(h.mul(3).sum(), [h, x]);
    expect([list(dh), list(dx), x.grad, h.grad]).toEqual([[3, 3], [6, 12], null, null]);
  });

  it("differentiates as often as asked", () => {
    const x = leaf(2, "float64");
    let y: Tensor = x.pow(5);
    for (const wanted of [80, 160, 240, 240, 120]) {
      [y] = grad(y, [x], { createGraph: true });
      expect(list(y.detach())).toBeCloseTo(wanted, 9);
    }
  });

  it("names what took no part, or gives null or zeros for it", () => {
    const [x, y] = [leaf([1, 2]), leaf([1, 2, 3])];
    const loss = () => x.mul(2).sum();
    expect(() => grad(loss(), [x, y])).toThrow(
      "One of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if this is the desired behavior.",
    );
    expect(grad(loss(), [x, y], { allowUnused: true }).map(list)).toEqual([[2, 2], undefined]);
    expect(grad(loss(), [x, y], { materializeGrads: true }).map(list)).toEqual([
      [2, 2],
      [0, 0, 0],
    ]);
    expect(() => grad(loss(), [ones([2])])).toThrow("One of the differentiated Tensors does not require grad");
    expect(() => grad(ones([1]), [x])).toThrow("element 0 of tensors does not require grad");
    expect(() => grad(x.mul(2), [x])).toThrow("grad can be implicitly created only for scalar outputs");
  });

  it("takes gradients of the outputs, which may be differentiated themselves", () => {
    const x = leaf([1, 2]);
    const v = leaf([1, 10]);
    const [g] = grad(x.mul(x), [x], { gradOutputs: v, createGraph: true });
    expect(list(g.detach())).toEqual([2, 40]);
    expect(list(grad(g.sum(), [v])[0])).toEqual([2, 4]);
  });
});

describe("hooks", () => {
  it("see gradients of results and leaves, change them, and go away", () => {
    const x = leaf([1, 2]);
    const h = x.mul(2);
    const seen: unknown[] = [];
    const first = h.registerHook((g) => g.mul(10));
    h.retainGrad();
    h.registerHook((g) => void seen.push(list(g)));
    const last = h.registerHook((g) => g.add(1));
    h.sum().backward(null, { retainGraph: true });
    expect([list(x.grad), list(h.grad), seen]).toEqual([[22, 22], [11, 11], [[10, 10]]]);
    first.remove();
    last.remove();
    [x.grad, h.grad] = [null, null];
    h.sum().backward();
    expect([list(x.grad), list(h.grad)]).toEqual([
      [2, 2],
      [1, 1],
    ]);
  });

  it("of a leaf hold while it is trained", () => {
    const x = leaf([1, 2]);
    x.registerHook((g) => g.mul(0.5));
    const after: unknown[] = [];
    x.registerPostAccumulateGradHook((p) => after.push(list(p.grad)));
    for (let step = 0; step < 2; step++) {
      x.grad = null;
      x.mul(2).sum().backward();
      noGrad(() => x.sub_(x.grad ?? 0));
    }
    expect([list(x.detach()), after]).toEqual([
      [-1, 0],
      [
        [1, 1],
        [1, 1],
      ],
    ]);
  });

  it("are refused in PyTorch's words", () => {
    const x = leaf([1, 2]);
    expect(() => ones([2]).registerHook(() => undefined)).toThrow(
      "cannot register a hook on a tensor that doesn't require gradient",
    );
    expect(() => ones([2]).retainGrad()).toThrow("can't retain_grad on Tensor that has requires_grad=False");
    expect(() => x.mul(2).registerPostAccumulateGradHook(() => undefined)).toThrow(
      "post accumulate grad hooks cannot be registered on non-leaf tensors",
    );
    const handle = x.registerHook(function wider() {
      return ones([3]);
    });
    expect(() => x.sum().backward()).toThrow("hook 'wider' has changed the size of value");
    handle.remove();
    // safe because the point is what a program without types would do
    x.registerHook((() => 3) as unknown as () => undefined);
    expect(() => x.sum().backward()).toThrow("expected Variable, but hook returned 'number'");
  });
});

describe("modes", () => {
  it("nest, by argument too, and follow async code", async () => {
    const x = leaf([1]);
    expect([isGradEnabled(), noGrad(isGradEnabled), noGrad(() => enableGrad(isGradEnabled))]).toEqual([
      true,
      false,
      true,
    ]);
    expect([
      setGradEnabled(false, () => x.mul(2).requiresGrad),
      setGradEnabled(true, () => x.mul(2).requiresGrad),
    ]).toEqual([false, true]);
    const [inside, outside] = await Promise.all([
      noGrad(async () => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        return x.mul(2).requiresGrad;
      }),
      (async () => x.mul(2).requiresGrad)(),
    ]);
    expect([inside, outside]).toEqual([false, true]);
  });

  it("a view taken without gradients carries none", () => {
    const x = leaf([
      [1, 2],
      [3, 4],
    ]);
    const view = noGrad(() => x.t());
    const w = leaf([1, 1]);
    view.matmul(w).sum().backward();
    expect([view.requiresGrad, x.grad, list(w.grad)]).toEqual([false, null, [3, 7]]);
  });
});

describe("what was written over", () => {
  it("keeps its old value for the gradients that need it, where PyTorch has an error", () => {
    const [x, w] = [leaf([1, 2]), leaf([3, 4])];
    const h = x.mul(2);
    const y = h.mul(w);
    h.mul_(100);
    y.sum().backward();
    expect([list(x.grad), list(w.grad)]).toEqual([
      [6, 8],
      [2, 4],
    ]);
  });
});
