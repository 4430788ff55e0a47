// Text generation of pipelines.ts: tokens a second after a long context in float32, 8 and 4 bits, and the cost of a token by its context.
import {
  type Bits,
  both,
  DTYPES,
  median,
  orientation,
  plot,
  type Run,
  type Settings,
  words,
} from "./pipelines-sides.ts";

interface Texts {
  /** Greedy, exactly so many tokens. */
  own(prompts: readonly string[], tokens: number): Promise<number>;
  their(prompts: readonly string[], tokens: number): Promise<number>;
}

const theirOptions = (tokens: number) => ({ do_sample: false, max_new_tokens: tokens, min_new_tokens: tokens });

async function open(folder: string, dtype: Bits, { context }: Settings) {
  const prompt = [words(Math.ceil(context / 4), 1)];
  const sides = await both("text-generation", folder, dtype, (theirs) => theirs(prompt, theirOptions(8)));
  const time = async (run: Run, prompts: readonly string[], options: object) => {
    const start = performance.now();
    await run(prompts, options);
    return performance.now() - start;
  };
  const texts: Texts = {
    own: (prompts, tokens) =>
      time(sides.ours, prompts, { doSample: false, maxNewTokens: tokens, minNewTokens: tokens, batchSize: 8 }),
    their: (prompts, tokens) => time(sides.theirs, prompts, theirOptions(tokens)),
  };
  return { ...sides, texts };
}

/** Tokens a second after the first, whose time tells the prompt from the text that follows. */
const speedOf = (rows: number, tokens: number, all: number, first: number): number =>
  (rows * (tokens - 1) * 1000) / (all - first);

/** One row a dtype and batch, and Python's for float32. */
export async function generation(folder: string, settings: Settings, title: string): Promise<void> {
  for (const dtype of DTYPES) {
    const { texts, threads, dispose } = await open(folder, dtype, settings);
    for (const rows of [1, 8]) await speeds(texts, rows, settings, `${title} ${dtype}`, threads);
    await dispose();
  }
  for (const rows of [1, 8]) {
    const { context, tokens, python } = settings;
    const prompts = Array.from({ length: rows }, (_, at) => words(context, at));
    const { first = 0, all = 0 } = orientation(python, { task: "text-generation", folder, prompts, tokens });
    console.log(
      `  for orientation: ${title} fp32, ${rows} × ${context} tokens in Python transformers ${speedOf(rows, tokens, all, first).toFixed(1)} tokens/s, the prompt ${first.toFixed(0)} ms`,
    );
  }
}

async function speeds(
  { own, their }: Texts,
  rows: number,
  { rounds, context, tokens }: Settings,
  title: string,
  threads: string,
): Promise<void> {
  const prompts = Array.from({ length: rows }, (_, at) => words(context, at));
  const measured: { a: number; b: number; a1: number; b1: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    const [b1, a1] = [await their(prompts, 1), await own(prompts, 1)];
    const [b, a] = [await their(prompts, tokens), await own(prompts, tokens)];
    measured.push({ a, b, a1, b1 });
  }
  const of = (key: "a1" | "b1") => median(measured.map((each) => each[key]));
  // A long prompt takes many times what its text does: of two times that differ, the least are disturbed least.
  const least = (key: "a" | "b" | "a1" | "b1") => Math.min(...measured.map((each) => each[key]));
  const [mine, other] = [
    speedOf(rows, tokens, least("a"), least("a1")),
    speedOf(rows, tokens, least("b"), least("b1")),
  ];
  console.log(
    `${title}, ${rows} × ${context} tokens: abrazo ${mine.toFixed(1)} tokens/s, transformers.js with ${threads} ${other.toFixed(1)}, ratio ${(mine / other).toFixed(2)} (goal 1.5); the prompt itself ${of("a1").toFixed(0)} ms against ${of("b1").toFixed(0)}, ratio ${(of("b1") / of("a1")).toFixed(2)}`,
  );
}

/** The cost of a token against the length of what is before it, as numbers and drawn. */
export async function contexts(folder: string, settings: Settings): Promise<void> {
  const { texts, threads, dispose } = await open(folder, "fp32", settings);
  const { rounds, tokens } = settings;
  const lines = { abrazo: [] as [number, number][], "transformers.js": [] as [number, number][] };
  for (const length of settings.contexts) {
    const prompt = [words(length, 1)];
    const costs: { a: number; b: number }[] = [];
    for (let round = 0; round < rounds; round++) {
      const [a1, a, b1, b] = [
        await texts.own(prompt, 1),
        await texts.own(prompt, tokens),
        await texts.their(prompt, 1),
        await texts.their(prompt, tokens),
      ];
      costs.push({ a: (a - a1) / (tokens - 1), b: (b - b1) / (tokens - 1) });
    }
    const [a, b] = [median(costs.map((cost) => cost.a)), median(costs.map((cost) => cost.b))];
    lines.abrazo.push([length, a]);
    lines["transformers.js"].push([length, b]);
    console.log(
      `a token after ${length}: abrazo ${a.toFixed(1)} ms, transformers.js with ${threads} ${b.toFixed(1)} ms, ratio ${(b / a).toFixed(2)}`,
    );
  }
  const drawn = Object.entries(lines).map(([name, points]) => ({ name, points }));
  console.log(plot(drawn, { x: "tokens before it", y: "ms a token" }));
  await dispose();
}
