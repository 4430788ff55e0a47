// Chapter 3.1.1, tensor objects, with the values that PyTorch gives.
import { expect, it } from "vitest";
import { Conv2d, Embedding } from "../../src/nn/index.ts";
import {
  arange,
  empty,
  floatTensor,
  fromTypedArray,
  manualSeed,
  ones,
  rand,
  randn,
  stack,
  type Tensor,
  tensor,
  zeros,
} from "../../src/tensor/index.ts";
import { METHODS } from "../../src/tensor/methods.ts";
import { METHOD_CASES } from "../tensor/goldens.ts";

const list = (t: Tensor) => t.tolistSync();
const rounded = (t: Tensor) =>
  [t.flatten().tolistSync()]
    .flat()
    .map((value) => Number(value).toFixed(4))
    .join(" ");

it("seed/1-01 sizes without values", () => {
  const x = empty([3, 2, 4]);
  expect([x.shape, x.dtype]).toEqual([[3, 2, 4], "float32"]);
});

it("seed/1-02 a plain nested list is accepted", () => {
  const d = [
    [1, 2],
    [3, 4],
  ];
  expect(Array.isArray(d)).toBe(true);
  expect(list(tensor(d))).toEqual(d);
});

it("seed/1-03 torch.Tensor(list) is a float32 copy", () => {
  const d = [
    [1, 2],
    [3, 4],
  ];
  const a = floatTensor(d);
  (d[0] as number[])[0] = 100; // safe because the list was written above
  expect(`${a}`).toBe("tensor([[1., 2.],\n        [3., 4.]])");
  expect(a.dtype).toBe("float32");
});

it("seed/1-04 from_numpy shares memory and keeps the dtype", () => {
  const d = BigInt64Array.of(1n, 2n, 3n, 4n);
  const b = fromTypedArray(d, [2, 2]);
  expect(`${b}`).toBe("tensor([[1, 2],\n        [3, 4]])");
  expect(b.dtype).toBe("int64");
  expect(b.numpy().buffer).toBe(d.buffer);
});

it("seed/1-05 torch.Tensor(array) is a float32 copy", () => {
  const d = BigInt64Array.of(1n, 2n, 3n, 4n);
  const c = floatTensor(fromTypedArray(d, [2, 2]));
  d[0] = 100n;
  expect(`${c}`).toBe("tensor([[1., 2.],\n        [3., 4.]])");
});

it("seed/1-06 a write to the array is seen in what shares it, and the other way round", () => {
  const d = BigInt64Array.of(1n, 2n, 3n, 4n);
  const b = fromTypedArray(d, [2, 2]);
  const c = floatTensor(b);
  d[0] = 100n;
  expect(`${b}`).toBe("tensor([[100,   2],\n        [  3,   4]])");
  expect(`${c}`).toBe("tensor([[1., 2.],\n        [3., 4.]])");
  b.set([1, 1], 7);
  b.select(0, 1).slice(0, 0, 1).fill_(9);
  expect([...d]).toEqual([100n, 2n, 9n, 7n]);
});

it("seed/1-07 dtypes: of whole numbers, of arrays, and always float32", () => {
  expect(tensor([[1, 2]]).dtype).toBe("int64");
  expect(fromTypedArray(BigInt64Array.of(1n)).dtype).toBe("int64");
  expect(fromTypedArray(new Float64Array(1)).dtype).toBe("float64");
  expect([floatTensor([[1, 2]]).dtype, floatTensor([true]).dtype, floatTensor(new Float64Array(1)).dtype]).toEqual([
    "float32",
    "float32",
    "float32",
  ]);
});

it("seed/1-08 zeros, ones, rand, randn and arange by shape", () => {
  expect([zeros([2, 3]), ones([2, 3]), rand([2, 3]), randn([2, 3])].map((t) => [t.shape, t.dtype])).toEqual(
    Array.from({ length: 4 }, () => [[2, 3], "float32"]),
  );
  manualSeed(1);
  const uniform = [rand([10_000]).tolistSync()].flat().map(Number);
  expect(Math.min(...uniform)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...uniform)).toBeLessThan(1);
  const normal = randn([100, 100]);
  expect(Math.abs(normal.mean().itemSync())).toBeLessThan(0.05);
  expect(normal.mul(normal).mean().itemSync()).toBeCloseTo(1, 1);
  expect(list(arange(2, 6))).toEqual([2, 3, 4, 5]);
});

it("seed/1-09 and seed/1-10 rand and randn after the seed", () => {
  manualSeed(7);
  expect(rounded(rand([2, 3]))).toBe("0.5349 0.1988 0.6592 0.6569 0.2328 0.4251");
  expect(rounded(randn([2, 3]))).toBe("-1.2514 -1.8841 0.4457 -0.7068 -1.5750 -0.6318");
});

it("seed/1-11 ones and zeros as printed", () => {
  expect(`${ones([2, 3])}`).toBe("tensor([[1., 1., 1.],\n        [1., 1., 1.]])");
  expect(`${zeros([2, 3])}`).toBe("tensor([[0., 0., 0.],\n        [0., 0., 0.]])");
});

it("seed/1-12 more than 100 operations, each with its values from PyTorch", () => {
  const operations = new Set(METHOD_CASES.map(({ op }) => op));
  expect(operations.size).toBeGreaterThanOrEqual(100);
  // The same rows run on WebGPU: what has leaves is computed there.
  expect(new Set(METHOD_CASES.filter(({ leaves }) => leaves.length > 0).map(({ op }) => op)).size).toBeGreaterThan(100);
  expect(Object.keys(METHODS).length).toBeGreaterThan(100);
});

it("seed/1-15 an array to a tensor and back, in one memory", () => {
  const a = BigInt64Array.of(1n, 1n, 2n, 3n);
  const b = fromTypedArray(a, [2, 2]);
  const back = b.numpy();
  expect([[...a], `${b}`, [...back]]).toEqual([
    [1n, 1n, 2n, 3n],
    "tensor([[1, 1],\n        [2, 3]])",
    [1n, 1n, 2n, 3n],
  ]);
  back[0] = 5n;
  expect([a[0], list(b)]).toEqual([
    5n,
    [
      [5, 1],
      [2, 3],
    ],
  ]);
  b.mul_(2);
  expect([...back]).toEqual([10n, 2n, 4n, 6n]);
  const made = ones([2]).add(1);
  const seen = made.numpy();
  seen[0] = 7;
  made.slice(0, 1).fill_(3);
  expect([list(made), [...seen]]).toEqual([
    [7, 3],
    [7, 3],
  ]);
});

it("seed/1-16 numpy() of a tensor that requires grad", () => {
  const x = ones([2], { requiresGrad: true });
  expect(() => x.numpy()).toThrow(
    "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.",
  );
  expect([...x.detach().numpy()]).toEqual([1, 1]);
  expect(x.cpu()).toBe(x);
  expect(() => ones([2], { device: "webgpu" }).numpy()).toThrow(
    "can't convert webgpu device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first.",
  );
});

it("seed/1-17 shape, dtype and device", () => {
  const a = rand([2, 3]);
  expect([a.shape, a.dtype, a.device]).toEqual([[2, 3], "float32", "cpu"]);
});

/** The chapter's matrix: after the seed, the numbers above, and 100,000,000 more. */
function chapterMatrix(): Tensor {
  const generator = manualSeed(7);
  rand([2, 3]);
  randn([2, 3]);
  generator.jump(1e8);
  rand([2, 3]);
  return rand([3, 3]);
}

it("seed/1-18 rand(3, 3) where the chapter has come to", () => {
  expect(`${chapterMatrix()}`).toBe(
    "tensor([[0.2069, 0.8296, 0.4973],\n        [0.9265, 0.8386, 0.6611],\n        [0.5329, 0.7822, 0.0975]])",
  );
});

it("seed/1-19 a row, a column, the last column: views that share memory", () => {
  const a = chapterMatrix();
  expect(rounded(a.index(0))).toBe("0.2069 0.8296 0.4973");
  expect(rounded(a.index(":", 0))).toBe("0.2069 0.9265 0.5329");
  expect(rounded(a.index("...", -1))).toBe("0.4973 0.6611 0.0975");
  const column = a.index("...", -1);
  column.fill_(1);
  a.index(0).mul_(0);
  expect([list(column), a.index(1, 2).itemSync()]).toEqual([[0, 1, 1], 1]);
});

it("seed/1-20 images are batch, channel, height, width; text is batch, sequence, embedding", () => {
  const images = stack([zeros([3, 8, 10]), zeros([3, 8, 10])]);
  expect(new Conv2d(3, 4, 3)(images).shape).toEqual([2, 4, 6, 8]);
  const words = tensor([
    [1, 2, 3],
    [4, 5, 0],
  ]);
  expect(new Embedding(6, 5)(words).shape).toEqual([2, 3, 5]);
});
