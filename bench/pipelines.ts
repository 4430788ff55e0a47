// Pipelines against transformers.js: random weights of the shapes that people run, ours from safetensors, theirs from ONNX files that
// torch.onnx.export made of the same weights; both in one process, runs alternating.
// npm run bench -- pipelines [python3] [encoder | generation | cold | loop]
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { pathToFileURL } from "node:url";
import { pipeline } from "../pipelines/index.ts";
import { packageFile } from "../src/package-root.ts";

const ROUNDS = 3;
const WORDS = 4000;

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

/** Deterministic: each run compares the same texts. */
const words = (count: number, from: number): string =>
  Array.from({ length: count }, (_, at) => `w${(from * 7919 + at * 31) % WORDS}`).join(" ");

/** As a queue of reviews: sentences, one paragraph in ten, one page in fifty. */
const mixedTexts = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => words(at % 50 === 0 ? 300 : at % 10 === 0 ? 100 : 5 + ((at * 13) % 30), at));

/** What both sides have in common, by the shape of their functions. */
type Run = (input: unknown, options?: object) => Promise<unknown>;

async function both(task: "text-classification" | "text-generation", folder: string) {
  const { pipeline: theirPipeline } = await import("@huggingface/transformers");
  const ours = await pipeline(task, folder);
  const theirs = await theirPipeline(task, folder, { dtype: "fp32" });
  return {
    ours: ours as unknown as Run, // safe because every pipeline is a function of inputs and options
    theirs: theirs as unknown as Run,
    dispose: () => Promise.all([ours.dispose(), theirs.dispose()]),
  };
}

function scores(results: unknown): number[] {
  return (results as { score: number }[]).map(({ score }) => score); // safe because both sides classify so
}

async function encoder(folder: string): Promise<void> {
  const { ours, theirs, dispose } = await both("text-classification", folder);
  const few = mixedTexts(40);
  const inBatches = async (texts: readonly string[], size: number) => {
    const results: unknown[] = [];
    for (let at = 0; at < texts.length; at += size) results.push(await theirs(texts.slice(at, at + size)));
    return results.flat();
  };
  const [mine, other] = [scores(await ours(few)), scores(await inBatches(few, 8))];
  console.log(
    `largest difference of a score: ${Math.max(...mine.map((score, at) => Math.abs(score - (other[at] ?? 0)))).toExponential(1)}`,
  );
  const sizes = [1, 8, 32, few.length];
  const tried: number[] = [];
  for (const size of sizes) tried.push(await timed(() => inBatches(few, size)));
  const best = sizes[tried.indexOf(Math.min(...tried))] ?? 8;
  const texts = mixedTexts(1000);
  const rounds: { a: number; b: number; a1: number; b1: number }[] = [];
  const one = words(12, 3);
  const each = async (run: Run) => {
    const times: number[] = [];
    for (let call = 0; call < 30; call++) times.push(await timed(() => run(one)));
    return median(times);
  };
  for (let round = 0; round < ROUNDS; round++) {
    const [b, a] = [await timed(() => inBatches(texts, best)), await timed(() => ours(texts))];
    rounds.push({ a, b, b1: await each(theirs), a1: await each(ours) });
  }
  const of = (key: "a" | "b" | "a1" | "b1") => median(rounds.map((round) => round[key]));
  console.log(
    `DistilBERT-base, 1,000 mixed texts: abrazo ${(of("a") / 1000).toFixed(1)} s, transformers.js at its best batch of ${best} ${(of("b") / 1000).toFixed(1)} s, ratio ${(of("b") / of("a")).toFixed(2)} (goal 2)`,
  );
  console.log(
    `  one text of 12 words, warm: abrazo ${of("a1").toFixed(1)} ms, transformers.js ${of("b1").toFixed(1)} ms, ratio ${(of("b1") / of("a1")).toFixed(2)} (goal 1)`,
  );
  await dispose();
}

async function generation(folder: string): Promise<void> {
  const { ours, theirs, dispose } = await both("text-generation", folder);
  const count = 32;
  const own = (prompts: readonly string[], tokens: number) =>
    timed(() => ours(prompts, { doSample: false, maxNewTokens: tokens, minNewTokens: tokens }));
  const their = (prompts: readonly string[], tokens: number) =>
    timed(() => theirs(prompts, { do_sample: false, max_new_tokens: tokens, min_new_tokens: tokens }));
  for (const rows of [1, 8]) {
    const prompts = Array.from({ length: rows }, (_, at) => words(1000, at));
    const speeds: { a: number; b: number; first: number }[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      // The time of one token tells the prompt from the text that follows.
      const [b1, a1] = [await their(prompts, 1), await own(prompts, 1)];
      const [b, a] = [await their(prompts, count), await own(prompts, count)];
      const speed = (all: number, first: number) => (rows * (count - 1) * 1000) / (all - first);
      speeds.push({ a: speed(a, a1), b: speed(b, b1), first: b1 / a1 });
    }
    const of = (key: "a" | "b" | "first") => median(speeds.map((each) => each[key]));
    console.log(
      `GPT-2 12 × 768, ${rows} × 1,000 tokens: abrazo ${of("a").toFixed(1)} tokens/s, transformers.js ${of("b").toFixed(1)}, ratio ${(of("a") / of("b")).toFixed(2)} (goal 1.5); the prompt itself ${of("first").toFixed(2)}`,
    );
  }
  for (const length of [125, 250, 500, 1000]) {
    const prompt = [words(length, 1)];
    const ms = (all: number, first: number) => (all - first) / (count - 1);
    const [a1, a, b1, b] = [
      await own(prompt, 1),
      await own(prompt, count),
      await their(prompt, 1),
      await their(prompt, count),
    ];
    console.log(
      `  a token after ${length}: abrazo ${ms(a, a1).toFixed(1)} ms, transformers.js ${ms(b, b1).toFixed(1)} ms`,
    );
  }
  await dispose();
}

/** A process of its own from its start to the first result: milliseconds and the most memory it had. */
function cold(folder: string): void {
  const dist = packageFile("dist", "src", "index.js");
  execFileSync("npm", ["run", "build"], { cwd: packageFile(), stdio: "inherit" });
  // maxRSS counts what the process was before it became Node: the most since then stands in /proc.
  const report =
    'const { readFileSync } = await import("node:fs"); const [, kilobytes] = /VmHWM:\\s+(\\d+)/.exec(readFileSync("/proc/self/status", "utf8")); console.log(JSON.stringify([now, kilobytes / 1024]))';
  const sides = {
    abrazo: `const { pipeline } = await import(${JSON.stringify(pathToFileURL(dist).href)}); const run = await pipeline("text-classification", ${JSON.stringify(folder)}); await run("w1 w2 w3"); const now = performance.now(); ${report}`,
    "transformers.js": `const { pipeline } = await import("@huggingface/transformers"); const run = await pipeline("text-classification", ${JSON.stringify(folder)}, { dtype: "fp32" }); await run("w1 w2 w3"); const now = performance.now(); ${report}`,
  };
  const figures: Record<string, number[][]> = { abrazo: [], "transformers.js": [] };
  for (let round = 0; round < 2 * ROUNDS; round++) {
    for (const [side, script] of Object.entries(sides)) {
      const child = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
        cwd: packageFile(),
        encoding: "utf8",
      });
      figures[side]?.push(JSON.parse(child.stdout.trim().split("\n").at(-1) ?? "[]"));
    }
  }
  const of = (side: string, place: number) => median((figures[side] ?? []).map((row) => row[place] ?? Number.NaN));
  const file = statSync(join(folder, "model.safetensors")).size / 2 ** 20;
  const [a, b] = [of("abrazo", 0), of("transformers.js", 0)];
  console.log(
    `cold start to the first result, ${file.toFixed(0)} MiB: abrazo ${a.toFixed(0)} ms, transformers.js with ready ONNX files ${b.toFixed(0)} ms, ratio ${(b / a).toFixed(2)} (goal 1)`,
  );
  for (const side of Object.keys(sides))
    console.log(
      `  memory of ${side}: ${of(side, 1).toFixed(0)} MiB, ${(of(side, 1) / file).toFixed(2)} times the file`,
    );
}

/** How long timers wait while a thousand texts are classified, in this thread and in a worker's. */
async function loop(folder: string): Promise<void> {
  const texts = mixedTexts(200);
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
  generation: { kind: "gpt2", run: generation },
  cold: { kind: "small", run: async (folder: string) => cold(folder) },
  loop: { kind: "small", run: loop },
} as const;

export async function main(args: readonly string[]): Promise<void> {
  const [python = "python3", only] = args;
  const made = mkdtempSync(join(tmpdir(), "abrazo-bench-"));
  for (const [name, { kind, run }] of Object.entries(PARTS)) {
    if (only !== undefined && only !== name) continue;
    const folder = join(made, kind);
    if (!existsSync(folder)) {
      const script = packageFile("bench", "pipelines.py");
      const child = spawnSync(python, [script, kind, folder], { encoding: "utf8" });
      if (child.status !== 0) throw new Error(`${python} ${script} failed:\n${child.stderr.slice(-2000)}`);
    }
    console.log(`${name}, ${JSON.parse(readFileSync(join(folder, "config.json"), "utf8")).architectures[0]}`);
    await run(folder);
  }
  rmSync(made, { recursive: true });
}
