// Views: where their elements lie, whose memory they share, and what writes through them do.
import { describe, expect, it } from "vitest";
import { AbrazoError } from "../../src/errors.ts";
import {
  arange,
  empty,
  fromTypedArray,
  noGrad,
  ones,
  rand,
  type Tensor,
  tensor,
  zeros,
} from "../../src/tensor/index.ts";

const list = (t: Tensor | null) => t?.tolistSync();

/** Expression over a = arange(24).view([2, 3, 4]); stride, storage offset, contiguity, and whether memory is shared: PyTorch 2.13's. */
const LAYOUTS: readonly (readonly [string, readonly number[], number, boolean, boolean])[] = [
  ["a", [12, 4, 1], 0, true, true],
  ["a.select(0, 0).t()", [1, 4], 0, false, true],
  ["a.permute([2, 0, 1])", [1, 12, 4], 0, false, true],
  ["a.slice(1, 1).slice(2, 0, 4, 2)", [12, 4, 2], 4, false, true],
  ["a.select(0, 1).t().select(0, 2)", [4], 14, false, true],
  ["a.unsqueeze(1)", [12, 12, 4, 1], 0, true, true],
  ["a.transpose(0, 2).unsqueeze(-1)", [1, 4, 12, 1], 0, false, true],
  ["a.narrow(1, 2, 1).squeeze()", [12, 1], 8, false, true],
  ["a.slice(1, 0, 1).expand([2, 5, 4])", [12, 0, 1], 0, false, true],
  ["a.select(0, 0).select(0, 0).expand([3, 1, 4])", [0, 4, 1], 0, false, true],
  ["a.diagonal(1, 1, 2)", [12, 5], 1, false, true],
  ["a.diagonal(-1, 0, 1)", [1, 16], 12, true, true],
  ["a.unfold(2, 3, 1)", [12, 4, 1, 1], 0, false, true],
  ["a.view([6, 4]).slice(0, 0, 6, 2).view([3, 2, 2])", [8, 2, 1], 0, false, true],
  ["a.permute([0, 2, 1]).view([2, 2, 2, 3])", [12, 2, 1, 4], 0, false, true],
  ["a.permute([0, 2, 1]).reshape([2, 12])", [12, 1], 0, true, false],
  ["a.select(1, 0).flatten()", [1], 0, true, false],
  ["a.mT.contiguous()", [12, 3, 1], 0, true, false],
  ["a.asStrided([2, 2], [5, 3], 4)", [5, 3], 4, false, true],
  ["a.chunk(2, 2)[1]", [12, 4, 1], 2, false, true],
  ["a.movedim(0, -1)", [4, 1, 12], 0, false, true],
  ["a.unflatten(2, [2, 2]).select(0, 1).select(1, 1)", [4, 1], 14, false, true],
  ["a.unbind(1)[2]", [12, 1], 8, false, true],
  ["a.index('...', null, '1:3')", [12, 4, 4, 1], 1, false, true],
  ["a.select(0, 1).T", [1, 4], 12, false, true],
  ["a.slice(1, 3).view([0, 5])", [5, 1], 12, true, true],
  ["a.select(0, 0).select(0, 0).select(0, 0).broadcastTo([2, 2])", [0, 0], 0, false, true],
];

describe("layout", () => {
  it.each(LAYOUTS)("%s", (expression, strides, offset, contiguous, shared) => {
    const a = arange(24).view([2, 3, 4]);
    const made: Tensor = new Function("a", `return ${expression}`)(a);
    expect([made.stride(), made.storageOffset(), made.isContiguous(), made.storage === a.storage]).toEqual([
      strides,
      offset,
      contiguous,
      shared,
    ]);
    if (!shared) return;
    // The strides find the very elements that the view shows.
    const size = made.numel();
    expect(list(a.asStrided(made.shape, made.stride(), made.storageOffset()))).toEqual(list(made));
    if (size > 0) expect(made.stride(-1)).toBe(strides.at(-1));
  });
});

describe("writes", () => {
  it("through a view are seen in the base and in other views", () => {
    const base = zeros([2, 3]);
    const [row, column, flat] = [base.select(0, 1), base.t().select(0, 2), base.view([6])];
    row.fill_(1);
    column.add_(5);
    expect(list(base)).toEqual([
      [0, 0, 5],
      [1, 1, 6],
    ]);
    expect(list(flat)).toEqual([0, 0, 5, 1, 1, 6]);
    flat.copy_(arange(6));
    expect([list(row), list(column)]).toEqual([
      [3, 4, 5],
      [2, 5],
    ]);
  });

  it("through windows that do not overlap, diagonals and strides", () => {
    const base = zeros([2, 4]);
    base.unfold(1, 2, 2).select(2, 1).fill_(1);
    base.diagonal(1).fill_(2);
    base.asStrided([2], [3], 0).fill_(9);
    expect(list(base)).toEqual([
      [9, 2, 0, 9],
      [0, 1, 2, 1],
    ]);
  });

  it("to what repeats elements is refused", () => {
    const message = "more than one element of the written-to tensor refers to a single memory location";
    expect(() => zeros([1, 2]).expand([3, 2]).add_(1)).toThrow(message);
    expect(() => zeros([4]).unfold(0, 2, 1).add_(1)).toThrow(message);
    expect(() => zeros([4]).asStrided([2, 2], [1, 1]).add_(1)).toThrow(message);
    expect(list(zeros([2]).expand([1, 2]).add_(1))).toEqual([[1, 1]]);
  });

  it("leave a copy as it was, and the other way round", () => {
    const base = zeros([2, 2]);
    const copies = [base.clone(), base.t().contiguous(), base.t().reshape([4]), base.flip(0), base.index([0])];
    base.fill_(1);
    for (const copy of copies) expect(copy.sum().itemSync()).toBe(0);
    copies[0]?.fill_(7);
    expect(base.sum().itemSync()).toBe(4);
    expect(base.contiguous()).toBe(base);
  });

  it("to views of a leaf that requires grad are refused while gradients are recorded", () => {
    const w = ones([3], { requiresGrad: true });
    expect(() => w.view([3]).fill_(0)).toThrow(
      "a view of a leaf Variable that requires grad is being used in an in-place operation.",
    );
    noGrad(() => w.slice(0, 0, 1).fill_(5));
    expect([list(w), w.isLeaf, w.requiresGrad]).toEqual([[5, 1, 1], true, true]);
    w.mul(w).sum().backward();
    expect(list(w.grad)).toEqual([10, 2, 2]);
  });
});

describe("detach", () => {
  it("shares the elements both ways, a clone does not", () => {
    const w = ones([2], { requiresGrad: true });
    const [detached, copy] = [w.detach(), w.clone()];
    expect([detached.requiresGrad, copy.requiresGrad, copy.isLeaf]).toEqual([false, true, false]);
    detached.slice(0, 0, 1).fill_(5);
    expect([list(w), list(copy), w.isLeaf]).toEqual([[5, 1], [1, 1], true]);
    noGrad(() => w.mul_(2));
    expect(list(detached)).toEqual([10, 2]);
    expect(list(detached.detach().view([2, 1]))).toEqual([[10], [2]]);
    w.mul(w).sum().backward();
    expect(list(w.grad)).toEqual([20, 4]);
  });

  it("of what was computed keeps the gradient's way after a write", () => {
    const w = tensor([2, 3], { dtype: "float32", requiresGrad: true });
    const y = w.mul(4);
    y.detach().fill_(1);
    expect(list(y)).toEqual([1, 1]);
    y.mul(y).sum().backward();
    expect(list(w.grad)).toEqual([8, 8]); // 2 y · 4 with the y that was written
  });

  it("shares an array with what it came from", () => {
    const w = ones([2], { requiresGrad: true });
    const array = w.detach().numpy();
    array[1] = 3;
    expect(list(w)).toEqual([1, 3]);
    w.mul(w).sum().backward();
    expect(list(w.grad)).toEqual([2, 6]);
    noGrad(() => w.add_(1));
    expect([...array]).toEqual([2, 4]);
  });
});

it("a synchronous loop of detached views keeps no buffers", () => {
  const w = zeros([1_000_000], { requiresGrad: true });
  const steps = (count: number) => {
    for (let step = 0; step < count; step++) noGrad(() => w.view([1000, 1000]).mul_(1));
    return process.memoryUsage().arrayBuffers / 1e6;
  };
  const few = steps(20);
  // Each step makes 4 MB: sixty kept ones would be 240 MB.
  expect(steps(60) - few).toBeLessThan(120);
});

describe("typed arrays", () => {
  it("keep what was recorded before they changed", () => {
    const data = new Float32Array([1, 2]);
    const x = fromTypedArray(data);
    const y = x.add(1);
    data[0] = 100;
    expect([list(y), list(x), list(x.add(1))]).toEqual([
      [2, 3],
      [100, 2],
      [101, 3],
    ]);
  });

  it("of views begin where the view does; without strides there is no array", () => {
    const x = arange(6).to("float32").view([2, 3]).clone();
    const row = x.select(0, 1).numpy();
    row[0] = -1;
    expect([list(x), row.length]).toEqual([
      [
        [0, 1, 2],
        [-1, 4, 5],
      ],
      3,
    ]);
    expect(() => x.t().numpy()).toThrow(AbrazoError);
    expect([...x.t().contiguous().numpy()]).toEqual([0, -1, 1, 4, 2, 5]);
  });

  it("are the same one for the same tensor, and gradients go on through it", () => {
    const w = tensor([2], { dtype: "float32", requiresGrad: true });
    const y = fromTypedArray(new Float32Array([3]));
    y.mul_(w);
    expect(list(y)).toEqual([6]);
    y.sum().backward();
    expect(list(w.grad)).toEqual([3]);
    const z = zeros([2]);
    expect(z.numpy().buffer).toBe(z.numpy().buffer);
  });

  it("of a kind that does not hold the dtype are refused", () => {
    expect(() => fromTypedArray(new Float32Array(2), [2], { dtype: "int64" })).toThrow(
      "does not hold elements of int64",
    );
    expect(() => fromTypedArray(new Float32Array(2), [3])).toThrow("shape '[3]' is invalid for input of size 2");
    expect(fromTypedArray(Uint8Array.of(1, 0), [2], { dtype: "bool" }).dtype).toBe("bool");
    const bytes = Buffer.from([1, 2]);
    const x = fromTypedArray(bytes);
    const y = x.add(0);
    bytes[0] = 9;
    expect([list(x), list(y)]).toEqual([
      [9, 2],
      [1, 2],
    ]);
  });

  it("make tensors: copies, or shared where asked", () => {
    const data = new Float64Array([1, 2]);
    const [copy, shared, rows] = [tensor(data), tensor([0]).to("float64"), tensor([data, data])];
    expect([copy.dtype, rows.dtype, rows.shape, shared.dtype]).toEqual(["float64", "float64", [2, 2], "float64"]);
    data[0] = 7;
    expect(list(copy)).toEqual([1, 2]);
  });
});

describe("errors of shapes", () => {
  const a = arange(12).view([3, 4]);
  it.each<[() => unknown, string]>([
    [() => a.permute([0]), "input.dim() = 2 is not equal to len(dims) = 1"],
    [() => a.permute([0, 0]), "permute(): duplicate dims are not allowed."],
    [() => a.reshape([5, -1]), "shape '[5, -1]' is invalid for input of size 12"],
    [() => a.narrow(0, 2, 3), "start (2) + length (3) exceeds dimension size (3)."],
    [() => a.narrow(0, 0, -1), "narrow(): length must be non-negative."],
    [() => a.select(0, 3), "index 3 is out of bounds for dimension 0 with size 3"],
    [() => tensor(1).select(0, 0), "select() cannot be applied to a 0-dim tensor."],
    [() => a.slice(0, 0, 2, 0), "slice step must be positive"],
    [() => a.unfold(0, 5, 1), "maximum size for tensor at dimension 0 is 3 but size is 5"],
    [() => a.diagonal(0, 0, 0), "diagonal dimensions cannot be identical 0, 0"],
    [() => a.asStrided([5, 5], [3, 1]), "are out of bounds for storage of 12 elements"],
    [() => a.unflatten(0, [2, 2]), "unflatten: Provided sizes [2, 2] don't multiply up to the size of dim 0 (3)"],
    [() => a.squeeze(5), "Dimension out of range (expected to be in range of [-2, 1], but got 5)"],
    [() => a.expand([4]), "the number of sizes provided (1) must be greater or equal to the number of dimensions"],
    [() => a.split([1, 1]), "split_with_sizes expects split_sizes to sum exactly to 3"],
    [() => a.split(0), "split_size can only be 0 if dimension size is 0, but got dimension size of 3"],
    [() => a.chunk(0), "chunk expects `chunks` to be greater than 0, got: 0"],
    [() => a.tensorSplit(0), "number of sections must be larger than 0, got 0"],
    [() => a.hsplit(3), "the size of the dimension 4 is not divisible by the split_size 3!"],
    [() => zeros([2, 2, 2]).t(), "t() expects a tensor with <= 2 dimensions, but self is 3D"],
    [() => zeros([2]).mT, "tensor.mT is only supported on matrices or batches of matrices. Got 1-D tensor."],
    [() => a.movedim([0, 0], [0, 1]), "movedim: repeated dim in `source`"],
    [() => a.repeat([2]), "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"],
    [() => a.flip([0, 0]), "dim 0 appears multiple times in the list of dims"],
    [() => a.roll([1, 2], [0]), "shifts and dimensions must align. shifts: 2, dims:1"],
    [() => a.rot90(1, [0, 0]), "expected rotation dims to be different, but got dim0 = 0 and dim1 = 0"],
    [() => zeros([3]).tril(), "tril: input tensor must have at least 2 dimensions"],
    [() => zeros([1, 2, 3]).diag(), "diag(): Supports 1D or 2D tensors. Got 3D"],
    [() => empty([-1]), "Trying to create tensor with negative dimension -1: [-1]"],
    [() => rand([2], { dtype: "int64" }), '"check_uniform_bounds" not implemented for int64'],
    [() => arange(0, 5, -1), "upper bound and lower bound inconsistent with step sign"],
    [() => arange(0, 5, 0), "step must be nonzero"],
    [() => zeros([2]).uniform_(3, 1), "uniform_ expects to return a [from, to) range, but found from=3 > to=1"],
    [() => zeros([2]).normal_(0, -1), "normal expects std >= 0.0, but found std -1"],
    [() => zeros([2]).bernoulli_(2), "bernoulli_ expects p to be in [0, 1], but got p=2"],
    [() => tensor([0.5, -1]).multinomial(1), "probability tensor contains either `inf`, `nan` or element < 0"],
    [() => tensor([0.5, 1]).multinomial(3), "cannot sample n_sample > prob_dist.size(-1) samples without replacement"],
  ])("%#", (act, message) => {
    expect(act).toThrow(AbrazoError);
    expect(act).toThrow(message);
  });
});
