// What tensors refuse: sizes, dtypes, devices, elements and operands that are none, each as one error with what to do next.
import { describe, expect, it } from "vitest";
import { AbrazoError } from "../../src/errors.ts";
import { Embedding, functional as F, Linear } from "../../src/nn/index.ts";
import {
  arange,
  cat,
  einsum,
  eye,
  full,
  linspace,
  manualSeed,
  ones,
  rand,
  randn,
  randperm,
  stack,
  tensor,
  zeros,
} from "../../src/tensor/index.ts";

/** A value of a type that the signature does not allow, as JavaScript lets it through. */
function wrong<Type>(value: unknown): Type {
  return value as Type; // safe because the test is that it is refused
}

function refusal(act: () => unknown): AbrazoError {
  try {
    act();
  } catch (error) {
    if (error instanceof AbrazoError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("what is too large", () => {
  it.each<[string, () => unknown, number]>([
    ["zeros", () => zeros([1e12]), 4e12],
    ["several axes", () => ones([1e6, 1e6], { dtype: "float64" }), 8e12],
    ["rand", () => rand([1e12]), 4e12],
    ["randn", () => randn([1e12], { dtype: "float16" }), 2e12],
    ["randperm", () => randperm(1e12), 8e12],
    ["arange", () => arange(1e12), 8e12],
    ["arange of bigints", () => arange(0n, 10n ** 12n), 8e12],
    ["linspace", () => linspace(0, 1, 1e12), 4e12],
    ["eye", () => eye(1e6), 4e12],
  ])("%s names the bytes", (_, act, bytes) => {
    const { code, message, data } = refusal(act);
    expect([code, data["bytes"]]).toEqual(["OUT_OF_MEMORY", bytes]);
    expect(message).toContain(`${bytes} bytes`);
  });
});

it.each<[string, () => unknown, string, string]>([
  ["sizes one by one", () => zeros(wrong(3)), "BAD_SIZE", "Sizes are one list: zeros([2, 3])."],
  ["a misspelt dtype", () => zeros([2], { dtype: wrong("flaot32") }), "UNKNOWN_DTYPE", 'Did you mean "float32"?'],
  ["PyTorch's other name", () => tensor([1], { dtype: wrong("double") }), "UNKNOWN_DTYPE", 'Did you mean "float64"?'],
  ["a dtype to convert to", () => ones([1]).to("boool"), "UNKNOWN_DTYPE", 'Did you mean "bool"?'],
  [
    "a dtype among options",
    () => ones([1]).to({ dtype: wrong("folat16") }),
    "UNKNOWN_DTYPE",
    'Did you mean "float16"?',
  ],
  ["a misspelt device", () => zeros([2], { device: "webgup" }), "UNKNOWN_DEVICE", 'Did you mean "webgpu"?'],
  ["a device of values", () => tensor([2], { device: "cudaa" }), "UNKNOWN_DEVICE", 'Did you mean "cuda"?'],
  ["a device of random numbers", () => randn([2], { device: "cpuu" }), "UNKNOWN_DEVICE", 'Did you mean "cpu"?'],
])("%s is refused where it is given", (_, act, code, hint) => {
  const error = refusal(act);
  expect([error.code, error.hint]).toEqual([code, hint]);
});

describe("elements", () => {
  it.each<[string, unknown, string]>([
    ["a word", ["a"], "new(): invalid data type 'str'"],
    ["null", [1, null], "Could not infer dtype of null"],
    ["nothing", undefined, "Could not infer dtype of undefined"],
    ["an object", { a: 1 }, "Could not infer dtype of Object"],
    ["tensors", [tensor(1), tensor(2)], "Could not infer dtype of Tensor"],
  ])("%s is no number", (_, values, message) => {
    expect(refusal(() => tensor(wrong(values)))).toMatchObject({ code: "NOT_A_NUMBER", message });
  });

  it("bigints keep all 64 bits, and more are refused", () => {
    const large = 2n ** 53n + 1n;
    expect(tensor([large, -large]).add(1n).dataSync()).toEqual(BigInt64Array.of(large + 1n, 1n - large));
    expect(full([1], large).dataSync()).toEqual(BigInt64Array.of(large));
    expect(arange(large, large + 2n).dataSync()).toEqual(BigInt64Array.of(large, large + 1n));
    expect(arange(5n, 0n, -2n).dataSync()).toEqual(BigInt64Array.of(5n, 3n, 1n));
    expect(refusal(() => tensor([2n ** 63n])).message).toBe("Overflow when unpacking long long");
  });

  it("a number beyond 64 bits is a float", () => {
    expect(tensor([1e20]).dtype).toBe("float32");
    expect(tensor([1e20], { dtype: "int64" }).dataSync()).toEqual(BigInt64Array.of(-(2n ** 63n)));
  });
});

it.each<[string, () => unknown, string]>([
  ["a word", () => ones([2]).add(wrong("a")), "new(): invalid data type 'str'"],
  ["nothing", () => ones([2]).mul(wrong(undefined)), "Could not infer dtype of undefined"],
  ["a list", () => ones([2]).add(wrong([1, 2])), "Could not infer dtype of Array"],
  [
    "a number for a matrix",
    () => ones([2]).matmul(wrong(2)),
    "matmul() received an invalid combination of arguments - got (number)",
  ],
  [
    "options for an axis",
    () => ones([2]).sum(wrong({ dim: 0 })),
    "sum() received an invalid combination of arguments - got (object)",
  ],
  [
    "a tensor for a list",
    () => cat(wrong(ones([2]))),
    "cat(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor",
  ],
  [
    "a number in a list",
    () => stack([ones([2]), wrong(3)]),
    "stack(): argument 'tensors' (position 1) must be tuple of Tensors, not number as element 1",
  ],
  [
    "operands before the equation",
    () => einsum(wrong(ones([2])), wrong("i->")),
    "einsum(): the first argument is the equation, not Tensor",
  ],
  ["a word as seed", () => manualSeed(wrong("a")), "manual_seed expected a long, but got a"],
])("%s as an operand", (_, act, message) => {
  expect(refusal(act).message).toBe(message);
});

it("sizes given one by one are shown as the list that is meant", () => {
  const error = refusal(() => (ones([6]) as unknown as { reshape(...sizes: number[]): unknown }).reshape(2, 3));
  expect(error.hint).toBe("Sizes and axes are one list: reshape([2, 3]).");
});

it("an error inside of a hook is the hook's own", () => {
  const x = ones([2], { requiresGrad: true });
  x.registerHook(() => {
    throw new TypeError("of the hook");
  });
  expect(() => x.sum().backward()).toThrow(new TypeError("of the hook"));
});

it("indices that were computed are out of range too, and the process goes on", () => {
  const five = tensor([2]).add(3);
  expect(refusal(() => ones([3]).gather(0, five).dataSync()).code).toBe("INDEX_OUT_OF_RANGE");
  expect(refusal(() => F.crossEntropy(zeros([1, 3]), five).itemSync()).code).toBe("INDEX_OUT_OF_RANGE");
  expect(refusal(() => new Embedding(3, 2)(five).dataSync()).code).toBe("INDEX_OUT_OF_RANGE");
  expect(
    ones([3])
      .gather(0, tensor([2]))
      .tolistSync(),
  ).toEqual([1]);
});

it("layers take inputs of their own dtype", () => {
  const layer = new Linear(3, 2);
  expect(refusal(() => layer(tensor([[1, 2, 3]]))).message).toBe(
    "mat1 and mat2 must have the same dtype, but got Long and Float",
  );
  expect(refusal(() => layer(ones([3], { dtype: "float64" }))).hint).toBe(
    'Convert the input with to("float32"), or the module with to("float64").',
  );
  expect(refusal(() => new Embedding(3, 2)(ones([1]))).code).toBe("INDEX_DTYPE");
});

it("a loop goes through the parts along the first axis", () => {
  const rows = [
    ...tensor([
      [1, 2],
      [3, 4],
    ]),
  ].map((row) => row.tolistSync());
  expect(rows).toEqual([
    [1, 2],
    [3, 4],
  ]);
  const [a, b] = tensor([5, 6]);
  expect([a?.itemSync(), b?.itemSync()]).toEqual([5, 6]);
  expect(refusal(() => [...tensor(1)]).message).toBe("iteration over a 0-d tensor");
});
