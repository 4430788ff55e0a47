// Convolution and pooling layers against PyTorch: what they start from, print, give and learn; and what they refuse.
import { describe, expect, it } from "vitest";
import * as N from "../../src/nn/index.ts";
import { manualSeed, ones, rand, type Tensor, tensor, zeros } from "../../src/tensor/index.ts";
import { apart, convnet, differences, IMAGES, LeNet5, numbers, train } from "./images.ts";

const { functional: F } = N;
const make = (js: string): N.Module<[Tensor], Tensor> => new Function("N", `return ${js};`)(N);

describe("what a layer starts from and prints, after seed 7", () => {
  it.each(IMAGES.layers)("$js", ({ js, text, state, shapes }) => {
    manualSeed(7);
    const layer = make(js);
    expect(`${layer}`).toBe(text);
    const found = layer.stateDict();
    expect([...found.keys()]).toEqual(Object.keys(state));
    for (const [name, value] of found) {
      expect(value.shape).toEqual(shapes[name]);
      expect(apart(numbers(value), state[name] ?? [])).toBeLessThan(1e-7);
    }
  });
});

describe("what a layer gives on random images", () => {
  it.each(IMAGES.forwards)("$js", ({ js, input, shape, y }) => {
    manualSeed(7);
    const layer = make(js);
    const found = layer(rand(input));
    expect(found.shape).toEqual(shape);
    expect(apart(numbers(found), y)).toBeLessThan(1e-5);
  });
});

describe("what pooling layers give with indices, and what is made of both again", () => {
  const pools = [N.MaxPool1d, N.MaxPool2d, N.MaxPool3d];
  const unpools = [N.MaxUnpool1d, N.MaxUnpool2d, N.MaxUnpool3d];
  it.each(IMAGES.indexed)("along $axes axes", ({ axes, kernel, options, input, ...golden }) => {
    const [Pool = N.MaxPool1d, Unpool = N.MaxUnpool1d] = [pools[axes - 1], unpools[axes - 1]];
    manualSeed(7);
    const [values, indices] = new Pool(kernel, { ...options, returnIndices: true })(rand(input));
    expect(indices.dtype).toBe("int64");
    expect(apart(numbers(values), golden.values)).toBeLessThan(1e-7);
    expect(numbers(indices)).toEqual(golden.indices);
    const again = new Unpool(kernel, options)(values, indices, input.slice(-axes));
    expect(again.shape).toEqual(input);
    expect(apart(numbers(again), golden.again)).toBeLessThan(1e-7);
  });
});

describe("a small network, trained from a seed", () => {
  const networks = [
    { name: "LeNet5", make: () => new LeNet5(), golden: IMAGES.lenet5, shape: [4, 1, 28, 28], classes: 10 },
    {
      name: "batch normalization and pooling",
      make: convnet,
      golden: IMAGES.convnet,
      shape: [6, 1, 10, 10],
      classes: 5,
    },
  ];
  it.each(networks)("$name", ({ make, golden, shape, classes }) => {
    const trained = train(make, shape, classes, golden.losses.length);
    expect(trained.model.parameterCount()).toBe(golden.parameters);
    expect([...trained.model.stateDict().keys()].sort()).toEqual(Object.keys(golden.state).sort());
    expect(differences(golden, trained, 1e-5)).toEqual([]);
  });
});

describe("what is refused, in PyTorch's words", () => {
  const image = ones([2, 1, 28, 28]);
  const refused: [string, () => unknown, string][] = [
    [
      "channels that are not the weight's",
      () => F.conv2d(image, ones([32, 3, 3, 3])),
      "Given groups=1, weight of size [32, 3, 3, 3], expected input[2, 1, 28, 28] to have 3 channels, but got 1 channels instead",
    ],
    [
      "a kernel larger than the input",
      () => F.conv2d(ones([1, 1, 2, 2]), ones([1, 1, 3, 3])),
      "Calculated padded input size per channel: (2 x 2). Kernel size: (3 x 3). Kernel size can't be greater than actual input size",
    ],
    [
      "an input of other axes",
      () => F.conv2d(ones([3, 3]), ones([1, 1, 3, 3])),
      "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [3, 3]",
    ],
    [
      "a weight that does not fall into groups",
      () => F.conv2d(ones([1, 4, 3, 3]), ones([3, 2, 3, 3]), null, { groups: 2 }),
      "Given groups=2, expected weight to be divisible by 2 at dimension 0, but got weight of size [3, 2, 3, 3] instead",
    ],
    [
      "a bias of another size",
      () => F.conv2d(image, ones([4, 1, 3, 3]), ones([3])),
      "Given weight of size [4, 1, 3, 3], expected bias to be 1-dimensional with 4 elements, but got bias of size [3] instead",
    ],
    [
      "a stride of zero",
      () => F.conv2d(image, ones([4, 1, 3, 3]), null, { stride: 0 }),
      "non-positive stride is not supported",
    ],
    [
      "negative padding",
      () => F.conv2d(image, ones([4, 1, 3, 3]), null, { padding: -1 }),
      "negative padding is not supported",
    ],
    [
      "the same size with a stride",
      () => new N.Conv2d(1, 1, 3, { padding: "same", stride: 2 }),
      "padding='same' is not supported for strided convolutions",
    ],
    [
      "channels that do not fall into groups",
      () => new N.Conv2d(3, 4, 3, { groups: 2 }),
      "in_channels must be divisible by groups",
    ],
    [
      "dtypes that differ",
      () => F.conv2d(image, ones([4, 1, 3, 3], { dtype: "float64" })),
      "Input type (float32) and weight type (float64) should be the same",
    ],
    [
      "whole numbers",
      () => F.conv2d(ones([1, 1, 3, 3], { dtype: "int64" }), ones([1, 1, 3, 3], { dtype: "int64" })),
      '"conv" not implemented for int64',
    ],
    [
      "too much output padding",
      () => F.convTranspose2d(image, ones([1, 1, 3, 3]), null, { outputPadding: 1 }),
      "output padding must be smaller than either stride or dilation, but got output_padding: [1,1] stride: [1,1] dilation: [1,1]",
    ],
    [
      "channels that are not those of a transposed weight",
      () => F.convTranspose2d(image, ones([3, 1, 3, 3])),
      "Given transposed=1, weight of size [3, 1, 3, 3], expected input[2, 1, 28, 28] to have 3 channels, but got 1 channels instead",
    ],
    [
      "padding of more than half a window",
      () => F.maxPool2d(image, 2, { padding: 2 }),
      "pad should be at most half of effective kernel size, but got pad=2, kernel_size=2 and dilation=1",
    ],
    [
      "windows that do not fit",
      () => F.avgPool2d(ones([1, 1, 2, 2]), 3),
      "Given input size: (1x2x2). Calculated output size: (1x0x0). Output size is too small",
    ],
    [
      "indices of another shape",
      () => F.maxUnpool2d(ones([1, 1, 2, 2]), zeros([1, 1, 1, 2], { dtype: "int64" }), 2),
      "Expected shape of indices to be same as that of the input tensor ([1, 1, 2, 2]) but got indices tensor with shape: [1, 1, 1, 2]",
    ],
    [
      "a size that does not pool to the input's",
      () => F.maxUnpool2d(ones([1, 1, 2, 2]), zeros([1, 1, 2, 2], { dtype: "int64" }), 2, { outputSize: [9, 9] }),
      'invalid output_size "[9, 9]" (dim 0 must be between 2 and 6)',
    ],
    [
      "a size of other axes",
      () => F.maxUnpool2d(ones([1, 1, 2, 2]), zeros([1, 1, 2, 2], { dtype: "int64" }), 2, { outputSize: [1, 5, 5] }),
      "output_size should be a sequence containing 2 or 4 elements, but it has a length of '3'",
    ],
    ["padding without pairs", () => F.pad(image, [1]), "Padding length must be divisible by 2"],
    [
      "more to mirror than there is",
      () => F.pad(ones([1, 1, 4, 4]), [4, 4, 0, 0], "reflect"),
      "Padding size should be less than the corresponding input dimension, but got: padding (4, 4) at dimension 3 of input [1, 1, 4, 4]",
    ],
    [
      "columns that are no windows",
      () => F.fold(ones([1, 4, 5]), 3, 2),
      "Given output_size=(3, 3), kernel_size=(2, 2), expected size of input's dimension 2 to match the calculated number of sliding blocks 2 * 2 = 4, but got input.size(2)=5.",
    ],
    ["no size to resize to", () => F.interpolate(image, {}), "either size or scale_factor should be defined"],
    [
      "channels that are no pixels",
      () => F.pixelShuffle(ones([1, 3, 2, 2]), 2),
      "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but input.size(-3)=3 is not divisible by 4",
    ],
  ];
  it.each(refused)("%s", (_, act, message) => {
    expect(act).toThrow(message);
  });

  it("and goes on afterwards", () => {
    expect(() => F.conv2d(image, ones([32, 3, 3, 3]))).toThrow();
    expect(F.conv2d(ones([1, 1, 2, 2]), ones([1, 1, 2, 2])).itemSync()).toBe(4);
  });
});

it("a largest element that occurs twice takes the gradient once, at its first place", () => {
  const x = zeros([1, 1, 2, 4]).requiresGrad_();
  F.maxPool2d(x, 2).sum().backward();
  expect(x.grad?.tolistSync()).toEqual([
    [
      [
        [1, 0, 1, 0],
        [0, 0, 0, 0],
      ],
    ],
  ]);
});

it("pooling without gradients gives what it gives with them", () => {
  manualSeed(3);
  const x = rand([2, 3, 7, 7]);
  const plain = numbers(F.maxPool2d(x, 3, { stride: 2 }));
  expect(numbers(F.maxPool2d(x.requiresGrad_(), 3, { stride: 2 }))).toEqual(plain);
});

describe("a window with a NaN gives NaN, whose index lies in the window", () => {
  const none = Number.NaN;
  const rows = [
    [none, 1, 1, none, -1],
    [2, 3, 4, 0, none],
    [1, 2, none, -2, 5],
    [none, 3, -1, none, 6],
    [-4, -5, -6, none, -7],
  ];
  it.each<[string, Parameters<typeof F.maxPool2d>[1], Parameters<typeof F.maxPool2d>[2], number[]]>([
    ["edge to edge", 2, {}, [none, none, none, none]],
    ["edge to edge in rows", [1, 2], {}, [none, none, 3, 4, 2, none, none, none, -4, none]],
    ["overlapping", 2, { stride: [1, 2] }, [none, none, 3, none, none, none, none, none]],
    ["padded", 2, { padding: 1 }, [none, 1, none, 2, none, none, none, 3, none]],
    ["dilated", 2, { dilation: 2, stride: 2 }, [none, none, none, none]],
  ])("%s", (_, kernel, options, expected) => {
    for (const dtype of ["float32", "float64"] as const) {
      const x = tensor([[rows]], { dtype }).requiresGrad_();
      const [picked, indices] = F.maxPool2d(x, kernel, { ...options, returnIndices: true });
      const [values, places] = [numbers(picked), numbers(indices)];
      expect(values).toEqual(expected);
      for (const [at, place] of places.entries()) {
        if (!Number.isNaN(values[at])) expect(rows.flat()[place]).toBe(values[at]);
      }
      expect(numbers(F.maxPool2d(x.detach(), kernel, { ...options, returnIndices: false }))).toEqual(expected);
    }
  });

  it("the gradient of a window edge to edge goes to one of its places", () => {
    const x = tensor([[rows]], { dtype: "float32" }).requiresGrad_();
    F.maxPool2d(x, 2).sum().backward();
    const reached = numbers(x.grad ?? tensor([])).flatMap((value, at) => (value === 1 ? [at] : []));
    const windows = reached.map((place) => [place / 10, (place % 5) / 2].map(Math.floor).join());
    expect(windows.sort()).toEqual(["0,0", "0,1", "1,0", "1,1"]);
  });
});

it("a batch of named size runs for every size", async () => {
  const { compileGraph, symbolic } = await import("../../src/tensor/index.ts");
  const layer = new N.Conv2d(1, 2, 3, { padding: 1 });
  const x = symbolic("x", ["batch", 1, 4, 4], "float32");
  const y = F.maxPool2d(layer(x), 2).flatten(1);
  const graph = compileGraph({ inputs: [x], outputs: { y } });
  for (const batch of [1, 3]) {
    const data = Float32Array.from({ length: batch * 16 }, (_, at) => Math.sin(at));
    const found = graph.run({ x: { data, shape: [batch, 1, 4, 4] } })["y"];
    expect(found?.shape).toEqual([batch, 8]);
    const eager = F.maxPool2d(layer(tensor([...data], { dtype: "float32" }).reshape([batch, 1, 4, 4])), 2);
    expect(apart([...(found?.data ?? [])].map(Number), numbers(eager))).toBeLessThan(1e-6);
  }
  graph.dispose();
});
