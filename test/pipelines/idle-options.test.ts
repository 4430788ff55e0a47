// Every option of pipeline() shows, or is refused where it changes nothing. An option without a row here fails.
import { mkdtempSync, rmSync } from "node:fs";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PipelineInfo, type PipelineOptions, pipeline } from "../../pipelines/index.ts";
import { parsePipelineOptions } from "../../pipelines/options.ts";
import { ImageProcessor } from "../../src/data/index.ts";
import { AbrazoError } from "../../src/errors.ts";
import { fromConfig, loadPretrained } from "../../src/models/auto.ts";
import { AutoModelForSequenceClassification, AutoTokenizer } from "../../src/models/auto-model.ts";
import { packageFile } from "../../src/package-root.ts";
import { Generator } from "../../src/tensor/index.ts";
import { Tokenizer } from "../../src/text/tokenizer.ts";
import { tinyClassifier, tinyLanguageModel } from "../support/tiny-models.ts";
import { tinyOnnx } from "../support/tiny-onnx.ts";

const root = mkdtempSync(join(tmpdir(), "abrazo-idle-"));
const [folder, detector, writer] = ["classifier", "detector", "writer"].map((name) => join(root, name)) as [
  string,
  string,
  string,
]; // safe because three go in
const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const cache = join(root, "cache");
const open: PipelineInfo[] = [];
/** What a hub that has nothing was asked, and by whom. */
const asked: { path: string; token: string | undefined }[] = [];
const server = createServer((request, response) => {
  asked.push({ path: request.url ?? "", token: request.headers.authorization });
  response.writeHead(404).end("{}");
});
let endpoint = "";

beforeAll(async () => {
  await tinyClassifier(folder);
  await tinyLanguageModel(writer);
  await tinyOnnx(detector, "object-detection");
  const repository = join(cache, "models--tiny--classifier");
  await mkdir(join(repository, "refs"), { recursive: true });
  for (const name of ["main", "v2"])
    await writeFile(join(repository, "refs", name), COMMIT.replace("0", name === "v2" ? "f" : "0"));
  for (const commit of [COMMIT, COMMIT.replace("0", "f")])
    await cp(folder, join(repository, "snapshots", commit), { recursive: true });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // safe because it listens on a port
});
afterAll(async () => {
  for (const each of open) await each.dispose();
  server.close();
  rmSync(root, { recursive: true });
});

async function load(options: PipelineOptions, model: string | null = folder) {
  const run = await pipeline("text-classification", model, options);
  open.push(run);
  return run;
}
const failure = (made: Promise<unknown>): Promise<unknown> =>
  made.then(
    () => undefined,
    (error: unknown) => error,
  );

/** A tokenizer that knows no word, and so gives other results. */
async function otherTokenizer(): Promise<Tokenizer> {
  const copy = join(root, "other-tokenizer");
  await cp(folder, copy, { recursive: true });
  const json = JSON.parse(await readFile(join(copy, "tokenizer.json"), "utf8"));
  const vocab = Object.keys(json.model.vocab).map((word, id) => [word.startsWith("[") ? word : `${word}x`, id]);
  await writeFile(
    join(copy, "tokenizer.json"),
    JSON.stringify({ ...json, model: { ...json.model, vocab: Object.fromEntries(vocab) } }),
  );
  return Tokenizer.fromFolder(copy);
}

const tokenizer = () => Tokenizer.fromFolder(folder);
const processor = () => ImageProcessor.fromConfig({ image_processor_type: "ViTImageProcessor" });
const repository = "tiny/classifier";

type Source = "folder" | "shipped" | "program" | "images" | "handed on";

interface Row {
  /** Shows that the option changes something; or the test that does, where it takes more than a tiny model. */
  shows: (() => Promise<void>) | { in: string };
  /** A value, and where it changes nothing. */
  value: () => unknown;
  idle: readonly Source[];
}

const HUB: readonly Source[] = ["folder", "shipped", "program", "images", "handed on"];

const ROWS: Readonly<Record<keyof PipelineOptions, Row>> = {
  revision: {
    shows: async () => {
      const [first, second] = [
        await load({ cacheDir: cache, localFilesOnly: true }, repository),
        await load({ cacheDir: cache, localFilesOnly: true, revision: "v2" }, repository),
      ];
      expect([first.revision, second.revision]).toEqual([COMMIT, COMMIT.replace("0", "f")]);
    },
    value: () => "v2",
    idle: ["folder", "program", "images", "handed on"],
  },
  token: {
    shows: async () => {
      await failure(load({ endpoint, token: "hf_secret", cacheDir: join(root, "none") }, repository));
      expect(asked.at(-1)?.token).toBe("Bearer hf_secret");
    },
    value: () => "hf_secret",
    idle: HUB,
  },
  endpoint: {
    shows: async () => {
      const before = asked.length;
      await failure(load({ endpoint, cacheDir: join(root, "none") }, repository));
      expect(asked.length).toBeGreaterThan(before);
    },
    value: () => endpoint,
    idle: HUB,
  },
  cacheDir: {
    shows: async () => {
      expect((await load({ cacheDir: cache, localFilesOnly: true }, repository)).revision).toBe(COMMIT);
      const none = await failure(load({ cacheDir: join(root, "none"), localFilesOnly: true }, repository));
      expect(none).toMatchObject({ code: "NOT_CACHED" });
    },
    value: () => cache,
    idle: HUB,
  },
  localFilesOnly: {
    shows: async () => {
      const before = asked.length;
      await failure(load({ endpoint, cacheDir: join(root, "none"), localFilesOnly: true }, repository));
      expect(asked).toHaveLength(before);
    },
    value: () => true,
    idle: ["program"],
  },
  device: { shows: { in: "test/gpu/pipelines.test.ts" }, value: () => "cpu", idle: [] },
  dtype: { shows: { in: "test/pipelines/dtype.test.ts" }, value: () => "fp32", idle: [] },
  tokenizer: {
    shows: async () => {
      const [own, other] = [await load({}), await load({ tokenizer: await otherTokenizer() })];
      expect(await other("i love this book")).not.toEqual(await own("i love this book"));
    },
    value: tokenizer,
    idle: ["images", "handed on"],
  },
  imageProcessor: {
    shows: async () => {
      const sizes = {
        hidden_size: 8,
        num_hidden_layers: 1,
        num_attention_heads: 1,
        intermediate_size: 8,
        image_size: 4,
        patch_size: 2,
      };
      const model = fromConfig(
        { model_type: "vit", architectures: ["ViTForImageClassification"], initializer_range: 0.5, ...sizes },
        new Generator(0),
      );
      const picture = { data: new Uint8Array(48).map((_, at) => at * 5), width: 4, height: 4, channels: 3 };
      const results = [0, 0.5].map(async (mean) => {
        const config = { image_processor_type: "ViTImageProcessor", size: 4, image_mean: [mean, 0, 0] };
        const run = await pipeline("image-classification", model, {
          imageProcessor: ImageProcessor.fromConfig(config),
        });
        open.push(run);
        return run(picture);
      });
      const [first, second] = await Promise.all(results);
      expect(first).not.toEqual(second);
    },
    value: processor,
    idle: ["folder", "shipped", "program", "handed on"],
  },
  adapters: { shows: { in: "test/pipelines/adapters.test.ts" }, value: () => ({ none: root }), idle: [] },
  adapter: { shows: { in: "test/pipelines/adapters.test.ts" }, value: () => "none", idle: [] },
  batchSize: { shows: { in: "test/pipelines/images.test.ts" }, value: () => 2, idle: ["handed on"] },
  threads: { shows: { in: "test/onnx/session.test.ts" }, value: () => 1, idle: [] },
  worker: { shows: { in: "test/pipelines/worker.test.ts" }, value: () => true, idle: [] },
};

const SOURCES: Readonly<Record<Source, (options: PipelineOptions) => Promise<unknown>>> = {
  folder: (options) => pipeline("text-classification", folder, options),
  shipped: (options) => pipeline("text-classification", null, options),
  program: async (options) =>
    pipeline("text-classification", await loadPretrained(folder), { tokenizer: await tokenizer(), ...options }),
  images: (options) => pipeline("image-classification", folder, options),
  "handed on": (options) => pipeline("object-detection", detector, options),
};

it("has a row for every option", () => {
  const refused = (() => {
    try {
      return parsePipelineOptions({ nope: 1 });
    } catch (error) {
      return error;
    }
  })();
  if (!(refused instanceof AbrazoError)) throw new Error("an unknown option was taken");
  expect(Object.keys(ROWS).sort()).toEqual([...(refused.data["known"] as string[])].sort()); // safe because the error lists the names
});

describe.each(Object.entries(ROWS))("%s", (name, { shows, value, idle }) => {
  it("shows", async () => {
    if (typeof shows === "function") return shows();
    expect(await readFile(packageFile(shows.in), "utf8")).toContain(name);
  });

  it.each(Object.keys(SOURCES) as Source[])("beside %s it is refused where it changes nothing", async (source) => {
    // safe because these are its keys
    const found = await failure(SOURCES[source]({ [name]: await value() }));
    if (idle.includes(source)) {
      expect(found).toMatchObject({
        code: "INVALID_OPTION",
        message: expect.stringContaining(`${name} changes nothing here`),
      });
    } else {
      expect(found instanceof AbrazoError ? found.message : "").not.toContain("changes nothing here");
    }
  });
});

describe("adapters may come from a hub where the model does not", () => {
  it("takes token, endpoint and cacheDir then, but no revision", async () => {
    const adapters = { mine: "tiny/adapter" };
    const options = { adapters, endpoint, token: "hf_secret", cacheDir: join(root, "none") };
    const before = asked.length;
    expect(await failure(pipeline("text-generation", writer, options))).toBeInstanceOf(AbrazoError);
    expect(asked.slice(before).map(({ token }) => token)).toContain("Bearer hf_secret");
    const found = await failure(pipeline("text-generation", writer, { ...options, revision: "v2" }));
    expect(found).toMatchObject({ code: "INVALID_OPTION", data: { option: "revision" } });
  });
});

describe("fromPretrained()", () => {
  it.each(["revision", "token", "endpoint", "cacheDir"])("refuses %s beside a folder", async (name) => {
    for (const auto of [AutoModelForSequenceClassification, AutoTokenizer])
      await expect(auto.fromPretrained(folder, { [name]: "x" })).rejects.toMatchObject({
        code: "INVALID_OPTION",
        data: { option: name },
      });
    expect(
      (await AutoModelForSequenceClassification.fromPretrained(folder, { localFilesOnly: true })).labels,
    ).toHaveLength(2);
  });

  it("refuses a number of labels that is not that of their names", async () => {
    const id2label = { 0: "bad", 1: "good", 2: "both" };
    const read = (options: object) => AutoModelForSequenceClassification.fromPretrained(folder, options);
    await expect(read({ id2label, numLabels: 2 })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining("got 2 as the number of labels, and names of 3"),
    });
    for (const numLabels of [0, -1, 1.5, Number.NaN])
      await expect(read({ numLabels })).rejects.toMatchObject({ code: "INVALID_OPTION" });
    expect((await read({ id2label, numLabels: 3 })).labels).toEqual(["bad", "good", "both"]);
    expect((await read({ numLabels: 1 })).labels).toEqual(["LABEL_0"]);
  });
});

describe("num_labels of a config", () => {
  const sizes = { dim: 8, n_layers: 1, n_heads: 1, hidden_dim: 8, vocab_size: 8, max_position_embeddings: 8 };
  const config = { model_type: "distilbert", architectures: ["DistilBertForSequenceClassification"], ...sizes };

  it("makes as many classes, as in Python", () => {
    const model = fromConfig({ ...config, num_labels: 3 });
    expect(model.labels).toEqual(["LABEL_0", "LABEL_1", "LABEL_2"]);
    expect(model.stateDict().get("classifier.weight")?.shape).toEqual([3, 8]);
    expect(fromConfig({ ...config, num_labels: 2, id2label: { 0: "a", 1: "b" } }).labels).toEqual(["a", "b"]);
  });

  it("is refused where the names are others", () => {
    expect(() => fromConfig({ ...config, num_labels: 3, id2label: { 0: "a", 1: "b" } })).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION" }),
    );
  });

  it("gives way to the names that fromPretrained() is given", async () => {
    const copy = join(root, "counted");
    await cp(folder, copy, { recursive: true });
    const file = JSON.parse(await readFile(join(copy, "config.json"), "utf8"));
    await writeFile(join(copy, "config.json"), JSON.stringify({ ...file, num_labels: 2 }));
    expect((await AutoModelForSequenceClassification.fromPretrained(copy, { numLabels: 4 })).labels).toHaveLength(4);
  });
});
