// What goldens cannot say of elementwise operations, comparisons and reductions: errors, answers in JavaScript, accuracy.
import { describe, expect, it } from "vitest";
import { AbrazoError } from "../../src/errors.ts";
import { arange, noGrad, ones, type Tensor, tensor, zeros } from "../../src/tensor/index.ts";

const float = (values: number[]): Tensor => tensor(values, { dtype: "float32" });

/** The code of the error that is thrown, with PyTorch's sentence checked. */
function codeOf(run: () => unknown, sentence: string): string {
  try {
    run();
  } catch (error) {
    if (!(error instanceof AbrazoError)) throw error;
    expect(error.message).toContain(sentence);
    expect(error.hint).not.toBe("");
    return error.code;
  }
  return "no error";
}

describe("errors begin with PyTorch's sentence", () => {
  const whole = tensor([7, -7]);
  const truths = tensor([true, false]);
  it.each<[string, () => unknown, string, string]>([
    ["division by 0", () => whole.floorDivide(0), "ZeroDivisionError", "ZERO_DIVISION"],
    ["remainder by 0n", () => whole.remainder(0n), "ZeroDivisionError", "ZERO_DIVISION"],
    [
      "division by a tensor with 0",
      () => whole.div(tensor([1, 0]), { roundingMode: "trunc" }),
      "ZeroDivisionError",
      "ZERO_DIVISION",
    ],
    ["negative power", () => whole.pow(-1), "Integers to negative integer powers are not allowed.", "BAD_ARGUMENT"],
    [
      "real alpha",
      () => whole.add(whole, { alpha: 1.5 }),
      "For integral input tensors, argument alpha",
      "DTYPE_MISMATCH",
    ],
    [
      "truth minus truth",
      () => truths.sub(truths),
      "Subtraction, the `-` operator, with two bool tensors",
      "DTYPE_UNSUPPORTED",
    ],
    [
      "truth minus number",
      () => truths.sub(1),
      "Subtraction, the `-` operator, with a bool tensor",
      "DTYPE_UNSUPPORTED",
    ],
    ["negative truth", () => truths.neg(), "Negation, the `-` operator, on a bool tensor", "DTYPE_UNSUPPORTED"],
    [
      "clamp without limits",
      () => whole.clamp(),
      "torch.clamp: At least one of 'min' or 'max' must not be None",
      "BAD_ARGUMENT",
    ],
    ["mean of whole numbers", () => whole.mean(), "mean(): could not infer output dtype.", "DTYPE_UNSUPPORTED"],
    ["std of whole numbers", () => whole.std(), "std and var only support floating point", "DTYPE_UNSUPPORTED"],
    ["norm of whole numbers", () => whole.norm(), "linalg.vector_norm: Expected a floating point", "DTYPE_UNSUPPORTED"],
    [
      "extreme of nothing",
      () => zeros([0]).amax(),
      "amax(): Expected reduction dim to be specified for input.numel() == 0.",
      "EMPTY_REDUCTION",
    ],
    ["max of nothing", () => zeros([0]).max(), "max(): Expected reduction dim to be specified", "EMPTY_REDUCTION"],
    [
      "max along nothing",
      () => zeros([0, 3]).max(0),
      "max(): Expected reduction dim 0 to have non-zero size.",
      "EMPTY_REDUCTION",
    ],
    [
      "argmin along nothing",
      () => zeros([0, 3]).argmin(0),
      "argmin(): Expected reduction dim 0 to have non-zero size.",
      "EMPTY_REDUCTION",
    ],
    [
      "an axis twice",
      () => ones([2, 3]).sum([0, -2]),
      "dim 0 appears multiple times in the list of dims",
      "SHAPE_MISMATCH",
    ],
    [
      "an axis that is not there",
      () => ones([2, 3]).cumsum(2),
      "Dimension out of range (expected to be in range of [-2, 1], but got 2)",
      "DIM_OUT_OF_RANGE",
    ],
    [
      "shapes that do not fit",
      () => ones([2, 3]).add(ones([2])),
      "The size of tensor a (3) must match the size of tensor b (2)",
      "SHAPE_MISMATCH",
    ],
    [
      "bits of real numbers",
      () => float([1]).bitwiseAnd(float([1])),
      "not implemented for float32",
      "DTYPE_UNSUPPORTED",
    ],
    ["closeness of two dtypes", () => float([1]).isclose(whole), "Float did not match Long", "DTYPE_MISMATCH"],
    ["relu of truth values", () => truths.relu(), "Boolean inputs not supported for relu", "DTYPE_UNSUPPORTED"],
    [
      "whole numbers take no real ones",
      () => tensor([1]).add_(1.5),
      "result type Float can't be cast to the desired output type Long",
      "DTYPE_MISMATCH",
    ],
    [
      "whole numbers take no quotient",
      () => tensor([1]).div_(2),
      "result type Float can't be cast to the desired output type Long",
      "DTYPE_MISMATCH",
    ],
    [
      "whole numbers take no exponential",
      () => tensor([1]).exp_(),
      "result type Float can't be cast to the desired output type Long",
      "DTYPE_MISMATCH",
    ],
    [
      "truth values take no numbers",
      () => tensor([true]).add_(1),
      "result type Long can't be cast to the desired output type Bool",
      "DTYPE_MISMATCH",
    ],
    [
      "no growing in place",
      () => float([1, 2]).add_(ones([3, 2])),
      "output with shape [2] doesn't match the broadcast shape [3, 2]",
      "SHAPE_MISMATCH",
    ],
  ])("%s", (_, run, sentence, code) => {
    expect(codeOf(run, sentence)).toBe(code);
  });

  it("a failed write leaves the tensor as it was", () => {
    const x = tensor([1, 2]);
    expect(() => x.add_(0.5)).toThrow();
    expect(x.tolistSync()).toEqual([1, 2]);
  });
});

describe("a divisor of 0 that is only found when the graph runs", () => {
  it.each(["int64", "int32", "int8", "uint8"] as const)("gives 0 in %s, and the process lives on", (dtype) => {
    const divisor = tensor([1, 2], { dtype }).mul(tensor([0, 1], { dtype }));
    const x = tensor([7, 7], { dtype });
    expect(x.floorDivide(divisor).tolistSync()).toEqual([0, 3]);
    expect(x.div(divisor, { roundingMode: "trunc" }).tolistSync()).toEqual([0, 3]);
  });

  it("and the smallest number by -1 wraps around", () => {
    const smallest = -(2n ** 63n);
    expect(tensor([smallest]).floorDivide(-1).dataSync()).toEqual(new BigInt64Array([smallest]));
  });
});

describe("answers in JavaScript", () => {
  it("equal compares shape and elements", () => {
    expect(float([1, 2]).equal(float([1, 2]))).toBe(true);
    expect(float([1, 2]).equal(float([1, 3]))).toBe(false);
    expect(ones([2, 1]).equal(ones([1, 2]))).toBe(false);
    expect(zeros([0]).equal(zeros([0]))).toBe(true);
    expect(float([Number.NaN]).equal(float([Number.NaN]))).toBe(false);
  });

  it("allclose takes tolerances", () => {
    expect(float([1, 2]).allclose(float([1, 2.000001]))).toBe(true);
    expect(float([1, 2]).allclose(float([1, 2.1]))).toBe(false);
    expect(float([1, 2]).allclose(float([1, 2.1]), { rtol: 0.1 })).toBe(true);
    expect(float([Number.NaN]).allclose(float([Number.NaN]), { equalNan: true })).toBe(true);
  });
});

describe("in place", () => {
  it("returns the tensor itself, and views see what was written", () => {
    const x = float([1, 2, 3, 4]);
    const view = x.view([2, 2]);
    expect(x.mul_(2).add_(1)).toBe(x);
    expect(view.tolistSync()).toEqual([
      [3, 5],
      [7, 9],
    ]);
  });

  it("keeps the tensor's dtype where the result's is another", () => {
    expect(tensor([1, 2, 3]).gt_(1).tolistSync()).toEqual([0, 1, 1]);
    expect(tensor([1, 2], { dtype: "float16" }).add_(ones([2], { dtype: "float64" })).dtype).toBe("float16");
  });

  it("updates a leaf inside noGrad, as an optimizer does", () => {
    const w = tensor([1, 2], { dtype: "float32", requiresGrad: true });
    w.square().sum().backward();
    noGrad(() => w.sub_(w.grad?.mul(0.5) ?? 0));
    expect(w.tolistSync()).toEqual([0, 0]);
    expect(w.isLeaf).toBe(true);
  });
});

/** The largest relative error over many arguments, against JavaScript's own functions in float64. */
function worst(found: Tensor, wanted: (x: number) => number, x: Tensor): number {
  const values = Array.from(found.dataSync(), Number);
  const args = Array.from(x.dataSync(), Number);
  return Math.max(...values.map((value, at) => Math.abs(value / wanted(args[at] ?? 0) - 1)));
}

const logSpaced = (from: number, to: number, dtype: "float32" | "float64"): Tensor =>
  tensor(
    Array.from({ length: 2000 }, (_, at) => 10 ** (from + ((to - from) * (at + 0.5)) / 2000)),
    { dtype },
  );

describe("functions hold their digits", () => {
  it.each<[string, (x: Tensor) => Tensor, (x: number) => number, number, number]>([
    ["expm1", (x) => x.expm1(), Math.expm1, -20, 1.9],
    ["log1p", (x) => x.log1p(), Math.log1p, -20, 20],
    ["sigmoid of -x", (x) => x.neg().sigmoid(), (x) => 1 / (1 + Math.exp(x)), -3, 1.9],
    ["sinh", (x) => x.sinh(), Math.sinh, -6, 1.9],
    ["asinh", (x) => x.asinh(), Math.asinh, -6, 20],
    ["atanh", (x) => x.atanh(), Math.atanh, -6, -0.01],
    ["atan", (x) => x.atan(), Math.atan, -6, 6],
    ["asin", (x) => x.asin(), Math.asin, -6, -0.01],
    ["log2", (x) => x.log2(), Math.log2, -20, 20],
    ["log10", (x) => x.log10(), Math.log10, -20, 20],
    ["hypot", (x) => x.hypot(x), (x) => x * Math.SQRT2, -30, 30],
  ])("%s", (_, ours, theirs, from, to) => {
    const single = logSpaced(from, to, "float32");
    const double = logSpaced(from, to, "float64");
    expect(worst(ours(single), theirs, single)).toBeLessThan(1e-6);
    expect(worst(ours(double), theirs, double)).toBeLessThan(1e-14);
  });

  it("whole powers of the base have whole logarithms", () => {
    const powers = arange(-30, 31);
    const two = tensor(2, { dtype: "float32" }).pow(powers);
    expect(two.log2().equal(powers.to("float32"))).toBe(true);
  });
});

it("long cumulative products and extremes are right", () => {
  const x = arange(1, 1001).to("float64");
  const ratio = x.add(1).div(x).cumprod(0);
  expect(ratio.sub(x.add(1)).abs().max().itemSync()).toBeLessThan(1e-9);
  const wave = x.mul(12.9898).sin();
  const list = Array.from(wave.dataSync(), Number);
  const { values, indices } = wave.cummax(0);
  let best = 0;
  const places = list.map((value, at) => {
    if (value >= (list[best] ?? 0)) best = at;
    return best;
  });
  expect(Array.from(indices.dataSync(), Number)).toEqual(places);
  expect(Array.from(values.dataSync(), Number)).toEqual(places.map((place) => list[place]));
});
