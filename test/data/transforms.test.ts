// Transforms beside torchvision's formulas on torch (test/goldens/make_transforms.py), what they draw, and what they refuse.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Image, transforms } from "../../src/data/index.ts";
import { packageFile } from "../../src/package-root.ts";
import { fromTypedArray, manualSeed, ones, rand, type Tensor, tensor, zeros } from "../../src/tensor/index.ts";

const { functional: T } = transforms;

interface Values {
  shape: number[];
  values: number[];
}
const golden: {
  rgb: Values;
  grey: Values;
  float: Values;
  cases: Record<string, Values>;
  cropParams: Record<string, [number, number]>;
  resizedCropParams: Record<string, [number, number, number, number][]>;
  angles: Record<string, number>;
} = JSON.parse(readFileSync(packageFile("test/goldens/transforms.json"), "utf8"));

const bytes = ({ values, shape }: Values): Tensor => fromTypedArray(Uint8Array.from(values), shape);
const sources = {
  rgb: bytes(golden.rgb),
  grey: bytes(golden.grey),
  float: fromTypedArray(Float32Array.from(golden.float.values), golden.float.shape),
};
const flat = (picture: Tensor): number[] => Array.from(picture.dataSync(), Number);

/** What each case of the goldens is here. */
const CASES: Record<string, (picture: Tensor) => Tensor> = {
  brightness: (x) => T.adjustBrightness(x, 1.4),
  contrast: (x) => T.adjustContrast(x, x === sources.grey ? 1.8 : 0.6),
  saturation: (x) => T.adjustSaturation(x, 1.7),
  hue: (x) => T.adjustHue(x, 0.2),
  "hue back": (x) => T.adjustHue(x, -0.35),
  grey: (x) => T.rgbToGrayscale(x),
  shrink: (x) => T.resize(x, [3, 4]),
  "shrink plain": (x) => T.resize(x, [3, 4], { antialias: false }),
  grow: (x) => T.resize(x, [13, 11]),
  mixed: (x) => T.resize(x, [4, 20]),
  "cubic shrink": (x) => T.resize(x, [3, 4], { interpolation: "bicubic" }),
  "cubic grow": (x) => T.resize(x, [13, 11], { interpolation: "bicubic" }),
  nearest: (x) => T.resize(x, [5, 13], { interpolation: "nearest" }),
  "rotate 33": (x) => T.rotate(x, 33),
  "rotate 90 expand": (x) => T.rotate(x, 90, { expand: true }),
  "rotate 37 bilinear": (x) => T.rotate(x, 37, { interpolation: "bilinear" }),
  "rotate -20 expand bilinear": (x) => T.rotate(x, -20, { interpolation: "bilinear", expand: true }),
  "rotate 33 center": (x) => T.rotate(x, 33, { center: [2, 3] }),
  "rotate 33 fill": (x) => T.rotate(x, 33, { fill: x === sources.float ? 0.5 : 100 }),
  "rotate 37 bilinear fill": (x) =>
    T.rotate(x, 37, { interpolation: "bilinear", fill: x === sources.float ? 0.5 : 100 }),
  jitter: (x) => {
    manualSeed(11);
    return new transforms.ColorJitter({ brightness: 0.4, contrast: 0.5, saturation: 0.7, hue: 0.2 })(x);
  },
  erase: (x) => {
    manualSeed(5);
    return new transforms.RandomErasing({ p: 1, value: "random" })(x);
  },
  bytes: (x) => T.convertImageDtype(x, "uint8"),
  "pad reflect": (x) => T.pad(x, [2, 3, 1, 2], { paddingMode: "reflect" }),
  "pad replicate": (x) => T.pad(x, [2, 3, 1, 2], { paddingMode: "edge" }),
};

const kindOf = (name: string): keyof typeof sources =>
  name.startsWith("rgb") ? "rgb" : name.startsWith("grey") ? "grey" : "float";

describe("as torch has it", () => {
  it.each(Object.entries(golden.cases))("%s", (name, wanted) => {
    const kind = kindOf(name);
    const made = CASES[name.slice(kind.length + 1)]?.(sources[kind]);
    if (made === undefined) throw new Error(`no case ${name}`);
    expect(made.shape).toEqual(wanted.shape);
    const got = flat(made);
    // A few bytes may differ by one, where torch's float32 sum falls on the other side of a half or of a whole number.
    const tolerance = made.dtype === "uint8" ? 1 : 2e-6;
    for (const [index, value] of wanted.values.entries())
      expect(Math.abs((got[index] ?? Number.NaN) - value)).toBeLessThanOrEqual(tolerance);
    if (made.dtype !== "uint8") return;
    const off = wanted.values.filter((value, index) => value !== got[index]).length;
    expect(off).toBeLessThanOrEqual(wanted.values.length * 0.06);
  });

  it("every case has been asked for", () => {
    const asked = new Set(Object.keys(golden.cases).map((name) => name.slice(kindOf(name).length + 1)));
    expect([...asked].sort()).toEqual(Object.keys(CASES).sort());
  });

  it("images give what tensors of the same bytes give", () => {
    const image = T.toPilImage(sources.rgb);
    for (const [name, run] of Object.entries(CASES)) {
      if (["erase", "bytes"].includes(name)) continue;
      const wanted = run(sources.rgb);
      // safe because these cases take an image for a tensor as well
      const got = (run as unknown as (picture: Image) => Image)(image);
      expect({ name, ...planes(got) }).toEqual({ name, shape: wanted.shape, values: flat(wanted) });
    }
  });

  it("a batch gives what its pictures give", () => {
    const batch = fromTypedArray(
      Float32Array.from([...golden.float.values, ...golden.float.values.map((v) => v / 2)]),
      [2, 3, 7, 9],
    );
    const second = fromTypedArray(Float32Array.from(golden.float.values.map((v) => v / 2)), [3, 7, 9]);
    for (const name of ["contrast", "saturation", "hue", "grey", "shrink", "rotate 37 bilinear"]) {
      const made = CASES[name]?.(batch);
      expect(made?.select(0, 1).tolistSync()).toEqual(CASES[name]?.(second).tolistSync());
    }
  });
});

function planes(image: Image): Values {
  const tensorOf = T.pilToTensor(image);
  return { shape: [...tensorOf.shape], values: flat(tensorOf) };
}

describe("geometry", () => {
  const image = new Image(
    Uint8Array.from({ length: 12 }, (_, index) => index),
    4,
    3,
    1,
  );
  const rows = (picture: Image) => T.pilToTensor(picture).squeeze(0).tolistSync();

  it("crop, flips and pads", () => {
    expect(rows(T.crop(image, 1, 2, 2, 2))).toEqual([
      [6, 7],
      [10, 11],
    ]);
    expect(rows(T.crop(image, -1, 3, 2, 2))).toEqual([
      [0, 0],
      [3, 0],
    ]);
    expect(rows(T.hflip(image))).toEqual([
      [3, 2, 1, 0],
      [7, 6, 5, 4],
      [11, 10, 9, 8],
    ]);
    expect(rows(T.vflip(image))).toEqual([
      [8, 9, 10, 11],
      [4, 5, 6, 7],
      [0, 1, 2, 3],
    ]);
    expect(rows(T.pad(image, [1, 0], { fill: 9 }))).toEqual([
      [9, 0, 1, 2, 3, 9],
      [9, 4, 5, 6, 7, 9],
      [9, 8, 9, 10, 11, 9],
    ]);
    expect(rows(T.pad(image, [2, 0, 1, 0], { paddingMode: "symmetric" }))).toMatchObject([
      [1, 0, 0, 1, 2, 3, 3],
      {},
      {},
    ]);
    expect(() => T.pad(image, 3, { paddingMode: "reflect" })).toThrow("Padding size should be less than");
  });

  it("centerCrop, also of a picture that is too small", () => {
    expect(rows(T.centerCrop(image, [1, 2]))).toEqual([[5, 6]]);
    expect(rows(T.centerCrop(image, [5, 2]))).toEqual([
      [0, 0],
      [1, 2],
      [5, 6],
      [9, 10],
      [0, 0],
    ]);
    expect(T.centerCrop(zeros([3, 5, 5]), 8).shape).toEqual([3, 8, 8]);
  });

  it("sizes: the smaller edge, a limit of the longer one", () => {
    expect(T.resize(zeros([1, 30, 20]), 10).shape).toEqual([1, 15, 10]);
    expect(T.resize(zeros([1, 20, 33]), 10, { maxSize: 12 }).shape).toEqual([1, 7, 12]);
    expect(T.resize(zeros([2, 1, 4, 4]), [2, 8]).shape).toEqual([2, 1, 2, 8]);
    expect(() => T.resize(zeros([1, 4, 4]), [2, 2], { maxSize: 3 })).toThrow("max_size should only be passed if size");
    expect(() => T.resize(zeros([1, 4, 4]), 4, { maxSize: 3 })).toThrow("must be strictly greater");
    expect(() => T.resize(zeros([1, 4, 4]), [0, 2])).toThrow("Input and output sizes should be greater than 0");
  });

  it("what is no picture", () => {
    expect(() => T.hflip(tensor([1, 2]))).toThrow("Tensor is not a torch image.");
    expect(() => T.hflip(zeros([1, 2, 2], { dtype: "int64" }))).toThrow("transforms are not implemented for int64");
    expect(() => T.hflip("cat" as unknown as Image)).toThrow("Unexpected type string");
  });
});

describe("between images and tensors", () => {
  it("toTensor, pilToTensor, toPilImage", () => {
    const image = new Image(new Uint8Array([0, 51, 255, 10, 20, 30]), 2, 1, 3);
    expect(T.pilToTensor(image).tolistSync()).toEqual([[[0, 10]], [[51, 20]], [[255, 30]]]);
    const float = T.toTensor(image);
    expect([float.dtype, float.shape]).toEqual(["float32", [3, 1, 2]]);
    expect(flat(float)).toEqual([0, 10, 51, 20, 255, 30].map((value) => Math.fround(value / 255)));
    expect(T.toPilImage(T.pilToTensor(image)).data).toEqual(image.data);
    expect(T.toPilImage(zeros([4, 5])).mode).toBe("L");
    expect(() => T.toPilImage(zeros([1, 3, 4, 5]))).toThrow("pic should be 2/3 dimensional. Got 4 dimensions.");
  });

  it("normalize: each channel, and what is not a float tensor of channels", () => {
    const made = T.normalize(ones([2, 1, 2]), [0.5, 1], [0.5, 2]);
    expect(made.tolistSync()).toEqual([[[1, 1]], [[0, 0]]]);
    expect(() => T.normalize(ones([2, 2]), [0], [1])).toThrow("Expected tensor to be a tensor image of size");
    expect(() => T.normalize(ones([2, 2, 2], { dtype: "uint8" }), [0], [1])).toThrow(
      "Input tensor should be a float tensor. Got uint8.",
    );
    expect(() => T.normalize(ones([3, 2, 2]), [0, 0], [1, 1])).toThrow("The size of tensor a (3) must match");
    expect(() => T.normalize(ones([1, 2, 2]), [0], [0])).toThrow("std evaluated to zero");
  });

  it("factors out of range", () => {
    expect(() => T.adjustBrightness(sources.rgb, -1)).toThrow("brightness_factor (-1) is not non-negative.");
    expect(() => T.adjustHue(sources.rgb, 0.6)).toThrow("hue_factor (0.6) is not in [-0.5, 0.5].");
    expect(() => T.adjustContrast(zeros([2, 3, 3]), 1)).toThrow("permitted channel values are 1 or 3, but found 2");
    expect(() => T.rgbToGrayscale(sources.rgb, 2)).toThrow("num_output_channels should be either 1 or 3");
  });

  it("invert, three grey channels", () => {
    expect(flat(T.invert(tensor([[0.25, 1]], { dtype: "float32" })))).toEqual([0.75, 0]);
    expect(T.invert(new Image(new Uint8Array([0, 200]), 2, 1, 1)).data).toEqual(new Uint8Array([255, 55]));
    const grey = T.rgbToGrayscale(T.toPilImage(sources.rgb), 3);
    expect([grey.channels, grey.data[0], grey.data[1]]).toEqual([3, grey.data[1], grey.data[2]]);
  });
});

describe("chance", () => {
  it.each(Object.entries(golden.cropParams))("RandomCrop draws as torchvision: seed %s", (seed, [top, left]) => {
    const source = fromTypedArray(
      Float32Array.from({ length: 28 * 32 }, (_, index) => index),
      [1, 28, 32],
    );
    manualSeed(Number(seed));
    const made = new transforms.RandomCrop(20)(source);
    expect(made.dataSync()[0]).toBe(top * 32 + left);
    expect(made.shape).toEqual([1, 20, 20]);
  });

  it("RandomCrop: the whole picture draws nothing, a smaller one is refused or padded", () => {
    manualSeed(1);
    new transforms.RandomCrop(4)(zeros([1, 4, 4]));
    const drawn = rand([1]).tolistSync();
    manualSeed(1);
    expect(rand([1]).tolistSync()).toEqual(drawn);
    expect(() => new transforms.RandomCrop(5)(zeros([1, 4, 4]))).toThrow(
      "Required crop size (5, 5) is larger than input image size (4, 4)",
    );
    expect(new transforms.RandomCrop([6, 5], { padIfNeeded: true })(zeros([1, 4, 4])).shape).toEqual([1, 6, 5]);
    expect(new transforms.RandomCrop(8, { padding: [2, 2] })(zeros([1, 4, 4])).shape).toEqual([1, 8, 8]);
  });

  it.each(Object.entries(golden.resizedCropParams))("RandomResizedCrop draws as torchvision: %s", (name, wanted) => {
    const [seed = 0, height = 0, width = 0] = name.split(" ").map(Number);
    manualSeed(seed);
    const crop = new transforms.RandomResizedCrop(8);
    const got = wanted.map(() => crop.getParams({ height, width }));
    expect(got.map(({ top, left, height: h, width: w }) => [top, left, h, w])).toEqual(wanted);
  });

  it.each(Object.entries(golden.angles))("RandomRotation draws as torchvision: seed %s", (seed, angle) => {
    manualSeed(Number(seed));
    const made = new transforms.RandomRotation(30)(sources.float);
    expect(flat(made)).toEqual(flat(T.rotate(sources.float, angle)));
  });

  it.each([
    ["flip", transforms.RandomHorizontalFlip],
    ["vertical flip", transforms.RandomVerticalFlip],
    ["invert", transforms.RandomInvert],
    ["grey", transforms.RandomGrayscale],
  ] as const)("%s happens where a drawn number is below p, and draws no other", (_, Make) => {
    const image = T.toPilImage(sources.rgb);
    const happened = (p: number) => String(new Make(p)(image).data) !== String(image.data);
    expect([happened(1), happened(0)]).toEqual([true, false]);
    manualSeed(8);
    const wanted = Array.from({ length: 6 }, () => rand([1]).itemSync() < 0.4);
    manualSeed(8);
    expect(wanted.map(() => happened(0.4))).toEqual(wanted);
    expect(new Set(wanted).size).toBe(2);
    expect(() => new Make(1.5)).toThrow("p should be a probability between 0 and 1, got 1.5");
  });

  it("RandomApply and RandomChoice", () => {
    const flip = new transforms.RandomHorizontalFlip(1);
    const one = new Image(new Uint8Array([1, 2]), 2, 1, 1);
    expect(new transforms.RandomApply([flip, flip], 1)(one).data).toEqual(one.data);
    expect(new transforms.RandomApply([flip], 0)(one).data).toEqual(one.data);
    manualSeed(0);
    const choice = new transforms.RandomChoice([flip, new transforms.RandomInvert(1)]);
    const seen = new Set(Array.from({ length: 20 }, () => choice(one).data.join()));
    expect([...seen].sort()).toEqual(["2,1", "254,253"]);
    expect(() => new transforms.RandomApply([1 as unknown as transforms.PictureTransform])).toThrow(
      "sequence of callables",
    );
  });

  it("ColorJitter: ranges as torchvision checks them", () => {
    const { brightness, hue, contrast } = new transforms.ColorJitter({
      brightness: 1.5,
      hue: [-0.1, 0.2],
      contrast: 0,
    });
    expect([brightness, hue, contrast]).toEqual([[0, 2.5], [-0.1, 0.2], undefined]);
    expect(() => new transforms.ColorJitter({ hue: 0.7 })).toThrow(
      "hue values should be between (-0.5, 0.5), but got (-0.7, 0.7).",
    );
    expect(() => new transforms.ColorJitter({ brightness: -1 })).toThrow(
      "If brightness is a single number, it must be non negative.",
    );
  });
});

describe("transforms are called, chained and extended", () => {
  it("Compose and the options of each class", () => {
    const image = new Image(
      Uint8Array.from({ length: 48 }, (_, index) => index * 5),
      4,
      4,
      3,
    );
    const chain = new transforms.Compose([
      new transforms.Resize([6, 6]),
      new transforms.CenterCrop(4),
      new transforms.Pad(1),
      new transforms.Grayscale(),
      new transforms.PILToTensor(),
      new transforms.ConvertImageDtype("float64"),
      new transforms.Normalize([0.5], [0.5]),
    ]);
    const made: Tensor = chain(image);
    expect([made.shape, made.dtype]).toEqual([[1, 6, 6], "float64"]);
    expect(made.dataSync()[0]).toBe(-1);
    expect(new transforms.ToPILImage()(ones([3, 2, 2])).data[0]).toBe(255);
    expect(() => new transforms.Compose([new transforms.ToTensor(), 3 as never])).toThrow("item 1 is not callable");
    expect(() => new transforms.Lambda("x" as never)).toThrow("Argument lambd should be callable, got string");
  });

  it("a transform of one's own", () => {
    class Darker extends transforms.Transform<Image, Image> {
      forward(image: Image): Image {
        return T.adjustBrightness(image, 0.5);
      }
    }
    expect(new Darker()(new Image(new Uint8Array([100]), 1, 1, 1)).data).toEqual(new Uint8Array([50]));
    expect(
      new transforms.Compose([new Darker(), new transforms.ToTensor()])(
        new Image(new Uint8Array([255]), 1, 1, 1),
      ).itemSync(),
    ).toBe(Math.fround(127 / 255));
  });

  it("leave their input as it was", () => {
    const before = flat(sources.float);
    for (const [name, run] of Object.entries(CASES)) if (name !== "bytes") run(sources.float);
    T.normalize(sources.float, [0.1, 0.2, 0.3], [1, 2, 3]);
    expect(flat(sources.float)).toEqual(before);
  });
});
