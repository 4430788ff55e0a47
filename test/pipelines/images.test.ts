// The pipelines that see images, against transformers' own: labels, scores and features; every form of an image; the web; bad input.
// The cases come from test/goldens/pipelines/images.py.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { copyFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import { type Classification, exportModel, type PipelineInfo, pipeline } from "../../pipelines/index.ts";
import { Image } from "../../src/data/index.ts";
import { setLogListener } from "../../src/log.ts";
import { packageFile } from "../../src/package-root.ts";
import { stack, Tensor, tensor } from "../../src/tensor/index.ts";
import { type ModelCase, writeCheckpoint } from "../support/model-goldens.ts";
import { tinyClassifier } from "../support/tiny-models.ts";

type ImageTask = "image-classification" | "zero-shot-image-classification" | "image-feature-extraction";

interface Golden {
  pictures: Record<string, string>;
  tokenizer: object;
  tokenizerConfig: object;
  processors: Record<string, object>;
  models: Record<
    string,
    Pick<ModelCase, "config" | "tensors"> & {
      task: ImageTask;
      processor: string;
      calls: { images: string | string[]; args: unknown[]; options: object; result: unknown }[];
    }
  >;
}

const golden: Golden = JSON.parse(readFileSync(packageFile("test", "goldens", "pipelines", "images.json"), "utf8"));
const png = (name: string): Buffer => Buffer.from(golden.pictures[name] ?? "", "base64");
const ALL = Object.keys(golden.pictures);
const THINGS = ["cat", "old dog", "red car in the rain", "house"];

const root = mkdtempSync(join(tmpdir(), "abrazo-images-"));
const open: PipelineInfo[] = [];
let restoreLog: () => void;
let server: Server;
let web: string;
beforeAll(async () => {
  restoreLog = setLogListener(() => {});
  for (const name of Object.keys(golden.models)) await writeModel(name, join(root, name));
  for (const name of ALL) await writeFile(join(root, `${name}.png`), png(name));
  await writeFile(join(root, "empty.png"), "");
  server = createServer(({ url }, response) => {
    const respond = ROUTES[url ?? ""];
    if (respond === undefined) response.writeHead(404).end("no such image");
    else respond(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  web = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // safe because it listens on a port
});
afterAll(async () => {
  restoreLog();
  for (const each of open) await each.dispose();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(root, { recursive: true });
});

type Respond = (response: import("node:http").ServerResponse) => void;

/** Gives zeros until nobody reads on. */
let sent = 0;
const endless: Respond = (response) => {
  const more = () => {
    for (let at = 0; at < 16; at++) {
      sent += 2 ** 20;
      if (!response.write(Buffer.alloc(2 ** 20))) return response.once("drain", more);
    }
    return setImmediate(() => response.destroyed || more());
  };
  more();
};

const ROUTES: Readonly<Record<string, Respond>> = {
  "/wide.png": (response) => response.end(png("wide")),
  "/moved": (response) => response.writeHead(302, { location: "/wide.png" }).end(),
  "/page": (response) => response.end("<html></html>"),
  "/nothing": (response) => response.end(),
  "/declared": (response) => response.writeHead(200, { "content-length": 2 ** 40 }).flushHeaders(),
  "/endless": endless,
  "/slow": (response) => response.writeHead(200, { "content-length": 1000 }).flushHeaders(),
  "/cut": (response) => response.writeHead(200, { "content-length": 1000 }).write("PNG", () => response.destroy()),
};

async function writeModel(name: string, at: string): Promise<string> {
  const { config, tensors, processor } = golden.models[name] ?? golden.models["several"] ?? none();
  await writeCheckpoint({ config, tensors, note: "", inputs: {}, outputs: {} }, at);
  await writeFile(join(at, "preprocessor_config.json"), JSON.stringify(golden.processors[processor]));
  if (name !== "clip") return at;
  await writeFile(join(at, "tokenizer.json"), JSON.stringify(golden.tokenizer));
  await writeFile(join(at, "tokenizer_config.json"), JSON.stringify(golden.tokenizerConfig));
  return at;
}

function none(): never {
  throw new Error("the goldens have no such model");
}

type Run = ((...args: unknown[]) => Promise<unknown>) & PipelineInfo;

async function load(name: string, options = {}, folder = join(root, name)): Promise<Run> {
  const run = await pipeline(golden.models[name]?.task ?? none(), folder, options);
  open.push(run);
  return run as unknown as Run; // safe because every pipeline is a function; what it takes is this test's matter
}

async function classifier() {
  const classify = await pipeline("image-classification", join(root, "several"));
  open.push(classify);
  return classify;
}

const settled = async (result: unknown): Promise<unknown> => (result instanceof Tensor ? result.tolist() : result);

/** Numbers may differ by 1e-4, all else not at all. */
function expectLike(actual: unknown, wanted: unknown): void {
  const near = (value: unknown): unknown => {
    if (typeof value === "number") return expect.closeTo(value, 4);
    if (Array.isArray(value)) return value.map(near);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, near(item)]));
  };
  expect(actual).toEqual(near(wanted));
}

const picked = (names: string | string[]): unknown => (Array.isArray(names) ? names.map(png) : png(names));

const calls = Object.entries(golden.models).flatMap(([name, { calls: each }]) =>
  each.map((call) => [name, JSON.stringify([call.images, ...call.args, call.options]), call] as const),
);

describe("gives what Python's gives", () => {
  it.each(calls)("%s %s", async (name, _, { images, args, options, result }) => {
    const run = await load(name);
    expect(run.runtime).toBe("native");
    expectLike(await settled(await run(picked(images), ...args, options)), result);
  });

  it.each(["several", "clip", "vit"])("from an exported ONNX file, too: %s", async (name) => {
    const out = join(root, `${name}-onnx`);
    await exportModel(join(root, name), { out });
    const run = await load(name, {}, out);
    expect(run.runtime).toBe("transformers.js");
    for (const { images, args, options, result } of golden.models[name]?.calls ?? none()) {
      expectLike(await settled(await run(picked(images), ...args, options)), result);
    }
  });
});

describe("an image is", () => {
  it("a path, an address, a Blob, bytes, pixels or a tensor", async () => {
    const classify = await classifier();
    const path = join(root, "wide.png");
    const wanted = await classify(path);
    expectTypeOf(wanted).toEqualTypeOf<Classification[]>();
    const { data, width, height, channels } = await Image.open(path);
    const bytes = new Uint8Array(png("wide"));
    const address = `data:image/png;base64,${golden.pictures["wide"]}`;
    const planes = tensor(Array.from(data), { dtype: "uint8" }).reshape([height, width, channels]).permute([2, 0, 1]);
    for (const image of [
      ...[pathToFileURL(path).href, pathToFileURL(path), `${web}/wide.png`, new URL(`${web}/moved`), address],
      ...[new Blob([bytes]), bytes, png("wide"), new Image(data, width, height, channels), planes],
      { data: new Uint8ClampedArray(data), width, height, channels },
    ]) {
      expectLike(await classify(image), wanted);
    }
    const many = await classify([path, planes, bytes]);
    expectTypeOf(many).toEqualTypeOf<Classification[][]>();
    expectLike(many, [wanted, wanted, wanted]);
    const run = await load("several");
    expectLike(await run(stack([planes, planes])), [wanted, wanted]);
  });

  it("refused with its place when it is none", async () => {
    const run = await load("several");
    const image = png("wide");
    for (const [input, said] of [
      [7, "it got number"],
      ["", "an empty string"],
      [null, "it got null"],
      [[image, { data: image }], "Object at place 1"],
      [[image, tensor([[1, 2]])], "a tensor [1, 2] at place 1"],
    ] as const) {
      const message = expect.stringContaining(said);
      await expect(run(input)).rejects.toMatchObject({ code: "INVALID_INPUT", message });
    }
    await expect(run([image, "ftp://example.org/a.png"])).rejects.toMatchObject({
      code: "INVALID_INPUT",
      message: expect.stringContaining("image 1, ftp://example.org/a.png: images are not read from ftp:"),
    });
    await expect(run("file://elsewhere/a.png")).rejects.toMatchObject({ code: "INVALID_INPUT" });
    await expect(run({ data: new Uint8Array(5), width: 2, height: 2, channels: 3 })).rejects.toMatchObject({
      code: "SHAPE_MISMATCH",
    });
  });

  it("refused when its file is missing, empty or something else", async () => {
    const run = await load("several");
    for (const [input, said] of [
      [join(root, "missing.png"), "missing.png"],
      [join(root, "empty.png"), "empty.png"],
      [join(root, "several", "config.json"), "config.json"],
      [new Uint8Array(), "the image:"],
      [new Blob(["text"]), "the image:"],
      [[png("wide"), png("tall").subarray(0, 60)], "image 1:"],
      ["data:image/png;base64,AAAA", "the image, data:image/png;base64,AAAA:"],
    ] as const) {
      const message = expect.stringContaining(said);
      await expect(run(input)).rejects.toMatchObject({ code: "IMAGE_UNREADABLE", message });
    }
  });
});

describe("from the web", () => {
  it.each([
    ["/gone", "DOWNLOAD_FAILED", "HTTP 404"],
    ["/page", "IMAGE_UNREADABLE", "/page"],
    ["/nothing", "IMAGE_UNREADABLE", "/nothing"],
    ["/declared", "IMAGE_TOO_LARGE", "67108864"],
    ["/endless", "IMAGE_TOO_LARGE", "67108864"],
    ["/slow", "DOWNLOAD_FAILED", "more than 0.5 s"],
    ["/cut", "DOWNLOAD_FAILED", "/cut"],
  ])("%s is %s", async (path, code, said) => {
    const run = await load("several");
    const options = { timeout: path === "/slow" ? 0.5 : 20 };
    const message = expect.stringContaining(`image 1, ${web}${path}: `);
    await expect(run([png("wide"), `${web}${path}`], options)).rejects.toMatchObject({ code, message });
    await expect(run(`${web}${path}`, options)).rejects.toThrow(said);
  });

  it("no more is read than the limit, and nothing from a port that nobody listens at", async () => {
    expect(sent).toBeLessThan(2 * 2 ** 27);
    const run = await load("several");
    await expect(run("http://127.0.0.1:1/a.png")).rejects.toMatchObject({ code: "DOWNLOAD_FAILED" });
  });
});

describe("batches and streams", () => {
  const many = Array.from({ length: 41 }, (_, at) => png(ALL[(at * at) % ALL.length] ?? ""));

  it("results do not depend on batches, and others get their turn", async () => {
    const classify = await classifier();
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    const whole = await classify(many, { batchSize: 2 });
    clearInterval(timer);
    expect(turns).toBeGreaterThan(5);
    expectLike(await classify(many), whole);
    expectLike(await classify(many, { batchSize: 100 }), whole);
    expect(await classify([])).toEqual([]);
    expectLike(await (await load("several", { batchSize: 3 }))(many), whole);
  });

  it("streams give results in order, read a batch ahead at most, and end with the loop", async () => {
    for (const [name, ...args] of [["several"], ["clip", THINGS]] as const) {
      const run = await load(name);
      const wanted = await run(many, ...args);
      let [read, ended] = [0, false];
      async function* images(): AsyncGenerator<Buffer> {
        try {
          for (const image of many) {
            read++;
            yield image;
          }
        } finally {
          ended = true;
        }
      }
      const seen: unknown[] = [];
      const stream = run(images(), ...args) as unknown as AsyncGenerator<unknown>; // safe because streams give streams
      for await (const result of stream) {
        if (seen.push(result) === 17) break;
        expect(read).toBeLessThanOrEqual(8 * Math.ceil(seen.length / 8));
      }
      expect(ended).toBe(true);
      expectLike(seen, (wanted as unknown[]).slice(0, 17)); // safe because many images give a list
    }
  });

  it("features come image by image, and none of none", async () => {
    const extract = await pipeline("image-feature-extraction", join(root, "vit"));
    open.push(extract);
    function* images(): Generator<Buffer> {
      for (const name of ALL) yield png(name);
    }
    const rows: unknown[] = [];
    for await (const row of extract(images(), { pool: true })) rows.push(await row.tolist());
    expectLike(rows, await settled(await extract(ALL.map(png), { pool: true })));
    expect((await extract([])).shape).toEqual([0, 0, 0]);
    expect((await extract([], { pool: true })).shape).toEqual([0, 0]);
  });

  it("labels are told apart however many they are", async () => {
    const words = THINGS.join(" ").split(" ");
    const labels = Array.from(
      { length: 300 },
      (_, at) => words.slice(at % 7, 1 + (at % 8) + (at % 3)).join(" ") || "dog",
    );
    const run = await load("clip");
    const scores = (await run(png("tall"), labels)) as Classification[]; // safe because one image gives one list
    expect(scores.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 6);
    const few = (await run(png("tall"), ["house", "cat", "dog"])) as Classification[]; // safe for the same reason
    const scoreOf = (list: Classification[], wanted: string) => list.find(({ label }) => label === wanted)?.score ?? 0;
    const ratio = (list: Classification[]) => scoreOf(list, "cat") / scoreOf(list, "dog");
    expect(ratio(scores)).toBeCloseTo(ratio(few), 4);
    expectLike(await run(png("tall"), "house, cat, dog"), few);
  });
});

describe("refuses", () => {
  it.each(Object.keys(golden.models))("unknown options, and calls after dispose(): %s", async (name) => {
    const run = await load(name);
    const { images, args } = golden.models[name]?.calls[0] ?? none();
    await expect(run(picked(images), ...args, { topQ: 1 })).rejects.toMatchObject({ code: "UNKNOWN_OPTION" });
    await expect(run(picked(images), ...args, { timeout: 0 })).rejects.toMatchObject({ code: "INVALID_OPTION" });
    await run.dispose();
    expect(() => run(picked(images), ...args)).toThrow(expect.objectContaining({ code: "PIPELINE_DISPOSED" }));
  });

  it("labels that are none, and a template without a place", async () => {
    const run = await load("clip");
    const image = png("wide");
    for (const labels of [[], ["cat", ""], undefined, 7, ""]) {
      await expect(run(image, labels)).rejects.toMatchObject({
        code: "INVALID_INPUT",
        message: expect.stringContaining("zero-shot-image-classification needs at least one label"),
      });
    }
    await expect(run(image, ["cat"], { hypothesisTemplate: "a photo" })).rejects.toMatchObject({
      code: "INVALID_OPTION",
    });
  });

  it("a model that does another task", async () => {
    const text = await tinyClassifier(join(root, "text"));
    for (const [task, folder] of [
      ["image-classification", join(root, "clip")],
      ["image-classification", text],
      ["zero-shot-image-classification", join(root, "several")],
      ["zero-shot-image-classification", join(root, "tower")],
      ["image-feature-extraction", text],
      ["text-classification", join(root, "several")],
    ] as const) {
      await expect(pipeline(task, folder)).rejects.toMatchObject({ code: "WRONG_TASK" });
    }
  });

  it("a processor of another model, and a model without one", async () => {
    const folder = await writeModel("several", join(root, "other"));
    const processor = { image_processor_type: "ViTImageProcessor", size: { height: 4, width: 8 } };
    await writeFile(join(folder, "preprocessor_config.json"), JSON.stringify(processor));
    const run = await load("several", {}, folder);
    await expect(run(png("wide"))).rejects.toMatchObject({ code: "SHAPE_MISMATCH" });
    await writeFile(
      join(folder, "preprocessor_config.json"),
      JSON.stringify({ ...processor, image_processor_type: "CLIPImageProcessor", size: 8, do_center_crop: false }),
    );
    const uneven = await load("several", {}, folder);
    await expect(uneven([png("clear"), png("wide")])).rejects.toMatchObject({
      code: "SHAPE_MISMATCH",
      message: expect.stringContaining("image 1 comes out as [3, 8, 13]"),
    });
    rmSync(join(folder, "preprocessor_config.json"));
    await expect(load("several", {}, folder)).rejects.toMatchObject({ code: "FILE_MISSING" });
  });

  it("pooled features of a model that has none", async () => {
    const folder = join(root, "several-onnx-features");
    await exportModel(join(root, "several"), { out: folder });
    await copyFile(join(root, "vit", "preprocessor_config.json"), join(folder, "preprocessor_config.json"));
    const run = await load("vit", {}, folder);
    await expect(run(png("wide"), { pool: true })).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });
});

it("features of pictures come from a classifier and from a pair of towers", async () => {
  const [body, whole] = [await load("vit", {}, join(root, "several")), await load("vit")];
  expect(((await body(png("wide"))) as Tensor).shape).toEqual([1, 5, 16]); // safe because features are tensors
  const states = async (run: Run) => settled(await run(png("wide")));
  expect(JSON.stringify(await states(body))).not.toBe(JSON.stringify(await states(whole)));
  const [ours, theirs] = [
    await load("tower", {}, join(root, "clip")),
    await load("tower", {}, join(root, "clip-onnx")),
  ];
  expect([ours.runtime, theirs.runtime]).toEqual(["native", "transformers.js"]);
  const projected = await ours(ALL.map(png), { pool: true });
  expect((projected as Tensor).shape).toEqual([4, 6]); // safe because features are tensors
  for (const options of [{}, { pool: true }]) {
    expectLike(await settled(await theirs(png("tall"), options)), await settled(await ours(png("tall"), options)));
  }
});
