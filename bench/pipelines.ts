// Pipelines against transformers.js: random weights of the shapes that people run, ours from safetensors, theirs from ONNX files that
// torch.onnx.export made of the same weights, and onnxruntime's quantizers of those; both in one process, runs alternating. Theirs is at
// its best: of batches of 1, 8, 32 and all, and of 1, 2 and the runtime's own number of threads.
//
// npm run bench -- pipelines [python3] [encoder | generation | qwen2 | contexts | cold | memory | loop | serving] [quick]
//
// Python needs bench/requirements.txt; it makes the models, and runs the first two parts itself, for orientation. `quick` measures little, to
// see that all works. qwen2 is a model of 0.5 billion weights, which takes 7 GB of memory and of disk.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { pathToFileURL } from "node:url";
import { pipeline } from "../pipelines/index.ts";
import { packageFile } from "../src/package-root.ts";
import { contexts, generation } from "./pipelines-generation.ts";
import { serving } from "./pipelines-serving.ts";
import {
  type Bits,
  both,
  DTYPES,
  FULL,
  median,
  mixedTexts,
  orientation,
  QUICK,
  type Run,
  type Settings,
  timed,
  words,
} from "./pipelines-sides.ts";

function scores(results: unknown): number[] {
  return (results as { score: number }[]).map(({ score }) => score); // safe because both sides classify so
}

const SIZES = [1, 8, 32] as const;

async function encoder(folder: string, settings: Settings): Promise<void> {
  for (const dtype of ["fp32", "q8"] as const) await classified(folder, dtype, settings);
  const texts = mixedTexts(settings.texts);
  const { best, ms = 0 } = orientation(settings.python, { task: "text-classification", folder, texts, sizes: SIZES });
  console.log(
    `  for orientation: DistilBERT-base fp32, ${texts.length} mixed texts in Python transformers at its best batch of ${best} ${(ms / 1000).toFixed(1)} s`,
  );
}

async function inBatches(run: Run, texts: readonly string[], size: number): Promise<unknown[]> {
  const results: unknown[] = [];
  for (let at = 0; at < texts.length; at += size) results.push(await run(texts.slice(at, at + size)));
  return results.flat();
}

async function classified(folder: string, dtype: Bits, settings: Settings): Promise<void> {
  const few = mixedTexts(40);
  const trial = (run: Run) => inBatches(run, few, 8);
  const { ours, theirs, threads, dispose } = await both("text-classification", folder, dtype, trial);
  const [mine, other] = [scores(await ours(few)), scores(await inBatches(theirs, few, 8))];
  const apart = Math.max(...mine.map((score, at) => Math.abs(score - (other[at] ?? 0))));
  console.log(`${dtype}: largest difference of a score ${apart.toExponential(1)}`);
  const sizes = [...SIZES, few.length];
  const tried: number[] = [];
  for (const size of sizes) tried.push(await timed(() => inBatches(theirs, few, size)));
  const best = sizes[tried.indexOf(Math.min(...tried))] ?? 8;
  const texts = mixedTexts(settings.texts);
  const rounds: { a: number; b: number; a1: number; b1: number }[] = [];
  const one = words(12, 3);
  const each = async (run: Run) => {
    const times: number[] = [];
    for (let call = 0; call < 30; call++) times.push(await timed(() => run(one)));
    return median(times);
  };
  for (let round = 0; round < settings.rounds; round++) {
    const size = best === few.length ? texts.length : best;
    const [b, a] = [await timed(() => inBatches(theirs, texts, size)), await timed(() => ours(texts))];
    rounds.push({ a, b, b1: await each(theirs), a1: await each(ours) });
  }
  const of = (key: "a" | "b" | "a1" | "b1") => median(rounds.map((round) => round[key]));
  console.log(
    `DistilBERT-base ${dtype}, ${texts.length} mixed texts: abrazo ${(of("a") / 1000).toFixed(1)} s, transformers.js with ${threads} at its best batch of ${best === few.length ? "all" : best} ${(of("b") / 1000).toFixed(1)} s, ratio ${(of("b") / of("a")).toFixed(2)} (goal 2)`,
  );
  console.log(
    `  one text of 12 words, warm: abrazo ${of("a1").toFixed(1)} ms, transformers.js ${of("b1").toFixed(1)} ms, ratio ${(of("b1") / of("a1")).toFixed(2)} (goal 1)`,
  );
  await dispose();
}

/** A process that loads a classifier and gives a first result: what it says of itself then. */
function started(side: "abrazo" | "transformers.js", folder: string, dtype: Bits): Record<string, number> {
  const dist = pathToFileURL(packageFile("dist", "src", "index.js")).href;
  const library = side === "abrazo" ? dist : "@huggingface/transformers";
  // maxRSS counts what the process was before it became Node: the most since then stands in /proc.
  const script = `
    const { pipeline } = await import(${JSON.stringify(library)});
    const run = await pipeline("text-classification", ${JSON.stringify(folder)}, { dtype: ${JSON.stringify(dtype)} });
    await run("w1 w2 w3");
    const ms = performance.now();
    const { readFileSync } = await import("node:fs");
    const status = readFileSync("/proc/self/status", "utf8");
    const [most, own, files] = ["VmHWM", "RssAnon", "RssFile"].map((name) => Number(new RegExp(name + ":\\\\s+(\\\\d+)").exec(status)[1]) / 1024);
    console.log(JSON.stringify({ ms, most, own, files }));`;
  const child = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    cwd: packageFile(),
    encoding: "utf8",
  });
  if (child.status !== 0) throw new Error(`${side} did not start:\n${child.stderr.slice(-2000)}`);
  return JSON.parse(child.stdout.trim().split("\n").at(-1) ?? "{}");
}

const build = () => execFileSync("npm", ["run", "build"], { cwd: packageFile(), stdio: "inherit" });
const mebibytes = (folder: string): number => statSync(join(folder, "model.safetensors")).size / 2 ** 20;
const SIDES = ["abrazo", "transformers.js"] as const;

/** From the start of a process to its first result. */
async function cold(folder: string, { rounds }: Settings): Promise<void> {
  build();
  const figures = { abrazo: [] as number[], "transformers.js": [] as number[] };
  for (let round = 0; round < 2 * rounds; round++) {
    for (const side of SIDES) figures[side].push(started(side, folder, "fp32")["ms"] ?? Number.NaN);
  }
  const [a, b] = SIDES.map((side) => median(figures[side]));
  console.log(
    `cold start to the first result, ${mebibytes(folder).toFixed(0)} MiB: abrazo ${a?.toFixed(0)} ms, transformers.js with ready ONNX files ${b?.toFixed(0)} ms, ratio ${((b ?? 0) / (a ?? 0)).toFixed(2)} (goal 1)`,
  );
}

/** Memory of a process with the model loaded: its own, pages of files that the system may take back, and the most it ever had. */
async function memory(folder: string): Promise<void> {
  build();
  const file = mebibytes(folder);
  console.log(`memory of a process with a model of ${file.toFixed(0)} MiB, after the first result:`);
  for (const dtype of DTYPES) {
    for (const side of SIDES) {
      const { most = 0, own = 0, files = 0 } = started(side, folder, dtype);
      console.log(
        `  ${dtype} ${side}: own ${own.toFixed(0)} MiB, of files ${files.toFixed(0)}, at most ${most.toFixed(0)}, ${(most / file).toFixed(2)} times the file`,
      );
    }
  }
}

/** How long timers wait while a thousand texts are classified, in this thread and in a worker's. */
async function loop(folder: string, settings: Settings): Promise<void> {
  const texts = mixedTexts(Math.min(200, settings.texts));
  const delays = async (run: () => Promise<unknown>) => {
    const histogram = monitorEventLoopDelay({ resolution: 1 });
    histogram.enable();
    await run();
    histogram.disable();
    return [histogram.percentile(99) / 1e6, histogram.max / 1e6] as const;
  };
  const show = (what: string, [p99, max]: readonly [number, number]) =>
    console.log(`  loop delay ${what}: p99 ${p99.toFixed(1)} ms, max ${max.toFixed(1)} ms`);
  show("idle", await delays(() => new Promise((resolve) => setTimeout(resolve, 3000))));
  for (const worker of [false, true]) {
    const run = await pipeline("text-classification", folder, worker ? { worker } : {});
    await run(texts.slice(0, 8));
    show(worker ? "with worker: true (goal p99 ≤ 10)" : "in this thread", await delays(() => run(texts)));
    await run.dispose();
  }
}

const PARTS = {
  encoder: { kind: "distilbert", run: encoder },
  generation: { kind: "gpt2", run: (folder, settings) => generation(folder, settings, "GPT-2 12 × 768") },
  qwen2: {
    kind: "qwen2",
    run: (folder, settings) => generation(folder, { ...settings, rounds: 1 }, "Qwen2 24 × 896"),
  },
  contexts: { kind: "gpt2", run: contexts },
  cold: { kind: "small", run: cold },
  memory: { kind: "distilbert", run: memory },
  loop: { kind: "small", run: loop },
  serving: { kind: "gpt2", run: serving },
} as const satisfies Record<string, { kind: string; run(folder: string, settings: Settings): Promise<void> }>;

/** The kinds whose ONNX files are quantized too. */
const QUANTIZED: ReadonlySet<string> = new Set(["distilbert", "gpt2", "qwen2"]);

function make(python: string, kind: string, folder: string): void {
  const script = packageFile("bench", "pipelines.py");
  for (const step of QUANTIZED.has(kind) ? [kind, "quantize"] : [kind]) {
    const child = spawnSync(python, [script, step, folder], { encoding: "utf8", maxBuffer: 2 ** 26 });
    if (child.status !== 0) throw new Error(`${python} ${script} ${step} failed:\n${child.stderr.slice(-2000)}`);
  }
}

export async function main(args: readonly string[]): Promise<void> {
  const others = args.filter((arg) => arg !== "quick");
  const [python = "python3", only] = others;
  const settings: Settings = { python, ...(others.length < args.length ? QUICK : FULL) };
  if (only !== undefined && !(only in PARTS)) throw new Error(`Parts: ${Object.keys(PARTS).join(", ")}.`);
  const made = mkdtempSync(join(tmpdir(), "abrazo-bench-"));
  try {
    for (const [name, { kind, run }] of Object.entries(PARTS)) {
      if (only !== undefined && only !== name) continue;
      const folder = join(made, kind);
      if (!existsSync(folder)) make(python, kind, folder);
      console.log(`${name}, ${JSON.parse(readFileSync(join(folder, "config.json"), "utf8")).architectures[0]}`);
      await run(folder, settings);
    }
  } finally {
    rmSync(made, { recursive: true });
  }
}
