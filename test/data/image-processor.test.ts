// Image processors against transformers' own over Pillow: every option, every filter, and what is refused.
// The pictures and numbers come from test/goldens/models/vision.py.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Image, ImageProcessor } from "../../src/data/index.ts";
import { packageFile } from "../../src/package-root.ts";
import { ones, tensor } from "../../src/tensor/index.ts";

interface Wanted {
  config: Record<string, unknown>;
  shape: number[];
  data: number[];
}

interface Golden {
  pictures: Record<string, string>;
  processors: (Wanted & { images: string[] })[];
  floats: (Wanted & { input: number[]; size: number[] })[];
}

const golden: Golden = JSON.parse(readFileSync(packageFile("test", "goldens", "models", "vision.json"), "utf8"));
const file = (name: string): Buffer => Buffer.from(golden.pictures[name] ?? "", "base64");
const scratch = mkdtempSync(join(tmpdir(), "abrazo-processor-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const VIT = { image_processor_type: "ViTImageProcessor" };
const vit = (options: object = {}) => ImageProcessor.fromConfig({ ...VIT, ...options });

function expectClose(actual: { data: Float32Array; shape: number[] }, { shape, data }: Wanted): void {
  expect(actual.shape).toEqual(shape);
  const worst = Math.max(...data.map((value, at) => Math.abs((actual.data[at] ?? Number.NaN) - value)));
  expect(worst).toBeLessThan(1e-5);
}

describe("gives what transformers gives", () => {
  it.each(golden.processors.map((row) => [`${JSON.stringify(row.config)} on ${row.images.join(", ")}`, row] as const))(
    "%s",
    async (_, row) => {
      const processor = ImageProcessor.fromConfig(row.config);
      expectClose(await processor.process(row.images.map(file)), row);
    },
  );

  it.each(golden.floats.map((row) => [`${JSON.stringify(row.config)} from ${row.input[3]}, …`, row] as const))(
    "%s",
    async (_, row) => {
      const picture = tensor(row.input, { dtype: "float32" }).reshape(row.size);
      expectClose(await ImageProcessor.fromConfig(row.config).process(picture), row);
    },
  );
});

describe("gives what transformers' other processors give", () => {
  const { rows }: { rows: (Wanted & { images: string[]; step: number })[] } = JSON.parse(
    readFileSync(packageFile("test", "goldens", "processors.json"), "utf8"),
  );

  it.each(rows.map((row) => [`${JSON.stringify(row.config)} on ${row.images.join(", ")}`, row] as const))(
    "%s",
    async (_, { config, images, shape, step, data }) => {
      const found = await ImageProcessor.fromConfig(config).process(images.map(file));
      expect(found.shape).toEqual(shape);
      expectClose({ shape, data: found.data.filter((__, at) => at % step === 0) }, { config, shape, data });
    },
  );

  it("knows a model's by its model_type, and lists them all beside one that it does not know", () => {
    const known = new Set(
      rows.map(({ config }) => String(config["image_processor_type"] ?? config["feature_extractor_type"])),
    );
    for (const name of [...known].map((each) =>
      each.replace(/(FeatureExtractor|ImageProcessorFast)$/, "ImageProcessor"),
    ))
      expect(() => ImageProcessor.fromConfig({ image_processor_type: "DonutImageProcessor" })).toThrow(
        expect.objectContaining({ code: "UNKNOWN_IMAGE_PROCESSOR", hint: expect.stringContaining(name) }),
      );
  });

  it("refuses a size with two edges where a share of it is cropped", () => {
    const config = { image_processor_type: "ConvNextImageProcessor", size: { height: 5, width: 4 } };
    expect(() => ImageProcessor.fromConfig(config)).toThrow(expect.objectContaining({ code: "INVALID_JSON" }));
    expect(() => ImageProcessor.fromConfig({ ...config, size: 5, crop_pct: 0 })).toThrow(
      expect.objectContaining({ code: "INVALID_JSON" }),
    );
  });
});

it("takes a path, bytes, pixels and tensors alike", async () => {
  const processor = vit({ size: { height: 5, width: 4 } });
  const wanted = await processor.process(file("wide"));
  const path = join(scratch, "wide.png");
  await writeFile(path, file("wide"));
  const { data, width, height, channels } = await Image.open(path);
  const planes = tensor([...data], { dtype: "uint8" })
    .reshape([height, width, channels])
    .permute([2, 0, 1]);
  const clamped = new Uint8ClampedArray(data);
  const given = [
    path,
    new Uint8Array(file("wide")),
    { data, width, height, channels },
    { data: clamped, width, height, channels },
    planes,
  ];
  for (const image of given) expect(await processor.process(image)).toEqual(wanted);
  const batch = await processor.process([path, planes.unsqueeze(0)]);
  expect(batch.shape).toEqual([2, 3, 5, 4]);
  expect([...batch.data]).toEqual([...wanted.data, ...wanted.data]);
});

it("turns a photograph upright as its EXIF says", async () => {
  const { default: sharp } = await import("sharp");
  const lying = await sharp(file("wide")).withMetadata({ orientation: 6 }).png().toBuffer();
  const options = { do_resize: false };
  expect((await vit(options).process(file("wide"))).shape).toEqual([1, 3, 7, 11]);
  expect((await vit(options).process(lying)).shape).toEqual([1, 3, 11, 7]);
});

describe("reads the config of a folder", () => {
  const folder = (files: Record<string, unknown>): Promise<string> => {
    const at = mkdtempSync(join(scratch, "folder-"));
    const written = Object.entries(files).map(([name, value]) => writeFile(join(at, name), JSON.stringify(value)));
    return Promise.all(written).then(() => at);
  };

  it("from preprocessor_config.json, or its part of processor_config.json", async () => {
    const own = await ImageProcessor.fromFolder(await folder({ "preprocessor_config.json": { ...VIT, size: 9 } }));
    expect(own.config).toMatchObject({ size: { height: 9, width: 9 }, resample: 2, do_center_crop: false });
    const together = { image_processor: { image_processor_type: "CLIPImageProcessorFast", size: 9, do_pad: null } };
    const part = await ImageProcessor.fromFolder(await folder({ "processor_config.json": together }));
    expect(part.config).toMatchObject({ size: { shortest_edge: 9 }, resample: 3, do_center_crop: true });
  });

  it("by the model's type where the file names no processor", async () => {
    const files = { "config.json": { model_type: "clip" }, "preprocessor_config.json": { size: 9 } };
    expect((await ImageProcessor.fromFolder(await folder(files))).config.size).toEqual({ shortest_edge: 9 });
  });

  it("and says what is wrong with it", async () => {
    await expect(ImageProcessor.fromFolder(await folder({}))).rejects.toMatchObject({ code: "FILE_MISSING" });
    await expect(ImageProcessor.fromFolder(await folder({ "preprocessor_config.json": {} }))).rejects.toMatchObject({
      code: "UNKNOWN_IMAGE_PROCESSOR",
    });
    const broken = await folder({});
    await writeFile(join(broken, "preprocessor_config.json"), "{");
    await expect(ImageProcessor.fromFolder(broken)).rejects.toMatchObject({ code: "INVALID_JSON" });
  });
});

it.each([
  [{ image_processor_type: "VitImageProcessor" }, "UNKNOWN_IMAGE_PROCESSOR", "ViTImageProcessor"],
  [{ ...VIT, size: { longest_edge: 5 } }, "INVALID_JSON", "size: has to be { height, width }"],
  [{ ...VIT, size: 0 }, "INVALID_JSON", "size"],
  [{ ...VIT, size: { height: 1e6, width: 1e6 } }, "INVALID_JSON", "pixels"],
  [{ ...VIT, crop_size: "large" }, "INVALID_JSON", "crop_size"],
  [{ ...VIT, resample: 6 }, "INVALID_JSON", "resample"],
  [{ ...VIT, do_resize: "yes" }, "INVALID_JSON", "do_resize"],
  [{ ...VIT, image_std: [0.5, 0, 0.5] }, "INVALID_JSON", "image_std.1: has to differ from 0"],
  [{ ...VIT, image_mean: [] }, "INVALID_JSON", "image_mean"],
  [{ ...VIT, do_pad: true }, "INVALID_JSON", "do_pad"],
])("refuses the config %j", (config, code, part) => {
  try {
    ImageProcessor.fromConfig(config);
  } catch (error) {
    expect(error).toMatchObject({ code });
    expect(JSON.stringify(error)).toContain(part);
    return;
  }
  expect.unreachable();
});

/** A PNG that says it is of a size and has next to nothing. */
function hollow(width: number, height: number): Buffer {
  const bytes = file("grey");
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  return bytes;
}

describe("refuses what is no picture", () => {
  it.each([
    ["nothing", Buffer.alloc(0), "IMAGE_UNREADABLE"],
    ["text", Buffer.from("no picture"), "IMAGE_UNREADABLE"],
    ["a file cut short", file("tall").subarray(0, 200), "IMAGE_UNREADABLE"],
    ["a path where nothing is", join(scratch, "none.png"), "IMAGE_UNREADABLE"],
    ["more pixels than Pillow takes", hollow(14_000, 14_000), "IMAGE_TOO_LARGE"],
    ["a row of numbers", ones([3]), "NOT_A_PICTURE"],
    ["a tensor without pixels", ones([3, 0, 5]), "NOT_A_PICTURE"],
    ["floats beyond 1", ones([3, 2, 2]).mul(1.5), "BAD_PIXELS"],
    ["normalized floats", ones([3, 2, 2]).neg(), "BAD_PIXELS"],
    ["a tensor of two channels", ones([2, 2, 2]), "SHAPE_MISMATCH"],
    ["fewer bytes than pixels", { data: new Uint8Array(5), width: 2, height: 2, channels: 3 }, "SHAPE_MISMATCH"],
  ])("%s", async (_, image, code) => {
    await expect(vit({ size: 4 }).process(image)).rejects.toMatchObject({ code });
  });

  it("and names the one of several that is at fault", async () => {
    await expect(vit({ size: 4 }).process([file("wide"), Buffer.alloc(0)])).rejects.toThrow("'picture 1'");
    await expect(vit().process([])).rejects.toMatchObject({ code: "NOT_A_PICTURE" });
  });

  it("pictures of several sizes where the config leaves them", async () => {
    const processor = vit({ size: { shortest_edge: 4 } });
    await expect(processor.process([file("wide"), file("tall")])).rejects.toThrow(
      "pictures of one batch come out in several sizes: [3, 4, 6] and, at 1, [3, 8, 4]",
    );
  });

  it("a line whose longer edge would fill the memory", async () => {
    const line = { data: new Uint8Array(30_000), width: 10_000, height: 1, channels: 3 };
    await expect(vit({ size: { shortest_edge: 224 } }).process(line)).rejects.toMatchObject({
      code: "IMAGE_TOO_LARGE",
    });
  });

  it("opacity that nothing leaves away", async () => {
    await expect(vit({ do_convert_rgb: false }).process(file("clear"))).rejects.toMatchObject({
      code: "NOT_A_PICTURE",
    });
  });
});
