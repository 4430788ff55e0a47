// `abrazo train --device …` as a user types it: the CPU's losses on WebGPU, what auto takes, what cuda needs.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { trainingRecordSchema } from "../../src/io/training-record.ts";
import { packageFile } from "../../src/package-root.ts";
import { CLI } from "../support/cli.ts";
import { tinyClassifier } from "../support/tiny-models.ts";

const PROVIDERS = join(dirname(createRequire(import.meta.url).resolve("onnxruntime-node/package.json")), "bin");
const hasCuda = existsSync(join(PROVIDERS, "napi-v6", "linux", "x64", "libonnxruntime_providers_cuda.so"));

let home: string;
let dataset: string;
let tiny: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "abrazo-gpu-"));
  dataset = join(home, "reviews.tsv");
  const rows = Array.from({ length: 60 }, (_, at) =>
    at % 2 === 0
      ? `What a lovely and moving story it is, number ${at}.\tPOSITIVE`
      : `What a dull and bad film it was, number ${at}.\tNEGATIVE`,
  );
  await writeFile(dataset, `text\tlabel\n${rows.join("\n")}\n`);
  tiny = await tinyClassifier(join(home, "tiny"));
});
afterAll(() => rm(home, { recursive: true }));

function train(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const out = join(home, `out-${args.join("")}`.replaceAll(/\W/g, "-"));
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...CLI, "train", "--dataset", dataset, "--out", out, ...args],
    { env: { ...process.env, HOME: home, ...env }, encoding: "utf8", cwd: packageFile() },
  );
  return { status, stdout, stderr, out };
}

describe("abrazo train", { timeout: 240_000 }, () => {
  it("--device webgpu --steps 3 fine-tunes the shipped classifier with the CPU's losses", async () => {
    const run = async (device: string) => {
      const { status, stdout, stderr, out } = train([
        "--device",
        device,
        "--steps",
        "3",
        "--batch-tokens",
        "128",
        "--json",
      ]);
      expect(status, stderr).toBe(0);
      const document = JSON.parse(stdout);
      const record = trainingRecordSchema.parse(JSON.parse(await readFile(join(out, "training-record.json"), "utf8")));
      expect([document.device, record.device, document.steps]).toEqual([device, device, 3]);
      expect(document.history).toEqual(record.history);
      return record;
    };
    const [expected, found] = [await run("cpu"), await run("webgpu")];
    expect(expected.history.map(({ step }) => step)).toEqual([1, 2, 3]);
    for (const [at, { stepLoss, gradNorm }] of expected.history.entries()) {
      const { stepLoss: loss = Number.NaN, gradNorm: norm = Number.NaN } = found.history[at] ?? {};
      expect(Math.abs(loss - (stepLoss ?? Number.NaN))).toBeLessThan(1e-3);
      expect(Math.abs(norm / (gradNorm ?? Number.NaN) - 1)).toBeLessThan(1e-3);
    }
    expect(found.evaluations.map(({ value }) => value)).toEqual(expected.evaluations.map(({ value }) => value));
  });

  it("--device auto takes the best that works, and says which", () => {
    const args = ["--model", tiny, "--device", "auto", "--steps", "1"];
    const here = train(args);
    expect([here.status, here.stderr]).toEqual([0, expect.stringMatching(/^info: Device: (webgpu|cuda)\.$/m)]);
    expect(here.stdout).toMatch(/^1 step in \d+ s on (webgpu|cuda)$/m);
    const without = train([...args, "--seed", "2"], { VK_ICD_FILENAMES: join(home, "none.json") });
    expect([without.status, without.stderr]).toEqual([0, expect.stringMatching(/^info: Device: (cpu|cuda)\.$/m)]);
  });

  it("--device webgpu without a driver fails before anything is trained, and says what is needed", () => {
    const { status, stdout, stderr } = train(["--model", tiny, "--device", "webgpu", "--json"], {
      VK_ICD_FILENAMES: join(home, "none.json"),
    });
    expect([status, stderr]).toEqual([1, expect.not.stringContaining("internal:")]);
    expect(JSON.parse(stdout)).toMatchObject({
      error: { code: "DEVICE_UNAVAILABLE", hint: expect.stringContaining("Vulkan") },
    });
  });

  it.skipIf(hasCuda)(
    `--device cuda says what to install${hasCuda ? " (skipped: CUDA's provider is here)" : ""}`,
    () => {
      const { status, stdout } = train(["--model", tiny, "--device", "cuda", "--json"]);
      expect([status, JSON.parse(stdout)]).toMatchObject([
        1,
        {
          error: {
            code: "DEVICE_UNAVAILABLE",
            hint: expect.stringMatching(/CUDA 12 and cuDNN 9.*npm rebuild onnxruntime-node/),
          },
        },
      ]);
    },
  );

  it("an unknown device is a fault of usage that offers the nearest", () => {
    expect(train(["--device", "webgp"])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('Did you mean "webgpu"?'),
    });
  });
});
