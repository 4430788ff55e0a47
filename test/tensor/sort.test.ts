// Sorting, selection and counting beyond their goldens: errors in PyTorch's sentences, stability, large inputs.
import { describe, expect, it } from "vitest";
import { AbrazoError } from "../../src/errors.ts";
import { bucketize, ones, rand, randint, searchsorted, type Tensor, tensor, zeros } from "../../src/tensor/index.ts";

function errorOf(compute: () => unknown): AbrazoError {
  try {
    compute();
  } catch (error) {
    if (error instanceof AbrazoError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const x = (): Tensor => tensor([3, 1, 2], { dtype: "float32" });
const whole = (values: number[]): Tensor => tensor(values, { dtype: "int64" });

describe("errors are PyTorch's sentences, with a hint", () => {
  it.each<[string, () => unknown, string]>([
    ["topk", () => x().topk(4), "selected index k out of range"],
    ["topk below 0", () => x().topk(-1), "selected index k out of range"],
    ["kthvalue", () => x().kthvalue(0), "kthvalue(): selected number k out of range for dimension 0"],
    [
      "kthvalue of nothing",
      () => zeros([0]).kthvalue(1),
      "kthvalue(): Expected reduction dim 0 to have non-zero size.",
    ],
    ["sort", () => x().sort(1), "Dimension out of range (expected to be in range of [-1, 0], but got 1)"],
    ["median of nothing", () => zeros([0, 2]).median(0), "median(): Expected reduction dim 0 to have non-zero size."],
    ["mode of nothing", () => zeros([0]).mode(), "mode(): Expected reduction dim 0 to have non-zero size."],
    ["quantile beyond 1", () => x().quantile(1.5), "quantile() q must be in the range [0, 1] but got 1.5"],
    [
      "quantile of whole numbers",
      () => whole([1]).quantile(0.5),
      "quantile() input tensor must be either float or double dtype",
    ],
    ["quantile of nothing", () => zeros([0]).quantile(0.5), "quantile() input tensor must be non-empty"],
    [
      "quantile of two dtypes",
      () => x().quantile(tensor([0.5], { dtype: "float64" })),
      "quantile() q tensor must be same dtype as the input tensor",
    ],
    ["quantile of a matrix of shares", () => x().quantile(zeros([2, 2])), "quantile() q must be a scalar or 1D tensor"],
    ["bincount below 0", () => whole([-1]).bincount(), "bincount only supports 1-d non-negative integral inputs."],
    [
      "bincount of a matrix",
      () => zeros([2, 2], { dtype: "int64" }).bincount(),
      "bincount only supports 1-d non-negative integral inputs.",
    ],
    ["bincount of floats", () => x().bincount(), "\"bincount_cpu\" not implemented for 'Float'"],
    ["bincount's length", () => whole([1]).bincount(undefined, -1), "minlength should be >= 0"],
    ["bincount's weights", () => whole([1]).bincount(x()), "weights should be 1-d and have the same length as input"],
    ["histc of no bars", () => x().histc(0), "torch.histogram(): bins must be > 0, but got 0 for dimension 0"],
    ["histc turned round", () => x().histc(3, 2, 1), "torch.histc: max must be larger than min"],
    ["histc of whole numbers", () => whole([1]).histc(3), "\"histogram_cpu\" not implemented for 'Long'"],
    [
      "searchsorted",
      () => searchsorted(zeros([2, 3]), zeros([3, 3])),
      "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input value tensor must match, but we got boundaries tensor [2, 3] and input value tensor [3, 3]",
    ],
    [
      "searchsorted in a number",
      () => searchsorted(zeros([]), zeros([3])),
      "torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension",
    ],
    ["bucketize", () => bucketize(x(), zeros([2, 2])), "boundaries tensor must be 1 dimension, but got dim(2)"],
    ["unique", () => x().unique({ dim: 2 }), "Dimension out of range (expected to be in range of [-1, 0], but got 2)"],
  ])("%s", (_, compute, message) => {
    const error = errorOf(compute);
    expect(error.message).toBe(message);
    expect(error.hint ?? "").not.toBe("");
  });
});

describe("large inputs", () => {
  it.each([false, true])("equal elements keep their order, descending %s", (descending) => {
    const values = randint(0, 5, [5000]);
    const { indices } = values.sort(0, descending);
    const numbers = [...values.dataSync()].map(Number);
    const wanted = [...numbers.keys()].sort(
      (a, b) => (descending ? (numbers[b] ?? 0) - (numbers[a] ?? 0) : (numbers[a] ?? 0) - (numbers[b] ?? 0)) || a - b,
    );
    expect([...indices.dataSync()].map(Number)).toEqual(wanted);
    expect([...values.topk(40, 0, descending).indices.dataSync()].map(Number)).toEqual(wanted.slice(0, 40));
  });

  it("a median is the middle of what is sorted", () => {
    const values = rand([1001]);
    const sorted = [...values.dataSync()].map(Number).sort((a, b) => a - b);
    expect(values.median().itemSync()).toBe(sorted[500]);
    expect(values.quantile(0.25).itemSync()).toBe(sorted[250]);
  });

  it("whole numbers of 64 bits are told apart beyond 2^53", () => {
    const large = whole([1, 0, 1]).add(2 ** 53);
    const { values, counts } = large.unique({ returnCounts: true });
    expect(values.dataSync()).toEqual(BigInt64Array.of(2n ** 53n, 2n ** 53n + 1n));
    expect(counts.tolistSync()).toEqual([1, 2]);
    expect(large.sort().values.dataSync()).toEqual(BigInt64Array.of(2n ** 53n, 2n ** 53n + 1n, 2n ** 53n + 1n));
    expect(large.mode().values.dataSync()).toEqual(BigInt64Array.of(2n ** 53n + 1n));
  });

  it("the largest number stays below infinity, and infinity below NaN", () => {
    const values = tensor([Number.NaN, 3.4028234663852886e38, Number.POSITIVE_INFINITY], { dtype: "float32" });
    expect(values.sort().indices.tolistSync()).toEqual([1, 2, 0]);
  });

  it("gradients of a selection add up where one element is picked twice", () => {
    const a = tensor([[3, 1, 2]], { dtype: "float32", requiresGrad: true });
    a.topk(2)
      .values.sum()
      .add(
        a
          .sort()
          .values.mul(ones([1, 3]))
          .sum(),
      )
      .backward();
    expect(a.grad?.tolistSync()).toEqual([[2, 1, 2]]);
  });
});
