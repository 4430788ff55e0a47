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

/** What one batch took: until the first token, which is the prompt's, and from one token to the next. */
interface Taken {
  prompt: number;
  /** Milliseconds of each further token of every text. */
  steps: readonly number[];
}

type Write = (prompts: readonly string[], tokens: number) => Promise<Taken>;

/** Greedy, exactly so many tokens, by the clock whenever a token is told; ours tells every text's, theirs those of all at once. */
function writer(run: Run, options: (tokens: number) => object, tellsEach: boolean): Write {
  return async (prompts, tokens) => {
    const told: number[] = [];
    const streamer = { put: () => told.push(performance.now()), end: () => {} };
    const start = performance.now();
    await run(prompts, { ...options(tokens), streamer });
    // The first is the prompts themselves.
    const every = tellsEach ? prompts.length : 1;
    const ends = told.slice(1).filter((_, at) => at % every === every - 1);
    if (ends.length !== tokens) throw new Error(`${ends.length} tokens of ${tokens} were told`);
    return { prompt: (ends[0] ?? 0) - start, steps: ends.slice(1).map((end, at) => end - (ends[at] ?? 0)) };
  };
}

const theirOptions = (tokens: number) => ({ do_sample: false, max_new_tokens: tokens, min_new_tokens: tokens });
const ourOptions = (tokens: number) => ({
  doSample: false,
  maxNewTokens: tokens,
  minNewTokens: tokens,
  batchSize: 8,
});

async function open(folder: string, dtype: Bits, { context }: Settings) {
  const prompt = [words(Math.ceil(context / 4), 1)];
  const { ours, theirs, ...sides } = await both("text-generation", folder, dtype, (run) =>
    run(prompt, theirOptions(8)),
  );
  return { ...sides, ours: writer(ours, ourOptions, true), theirs: writer(theirs, theirOptions, false) };
}

/** Medians of rounds in which both sides take turns. */
async function measured({ ours, theirs }: { ours: Write; theirs: Write }, prompts: readonly string[], of: Settings) {
  const taken: { a: Taken; b: Taken }[] = [];
  for (let round = 0; round < of.rounds; round++) {
    const b = await theirs(prompts, of.tokens);
    taken.push({ a: await ours(prompts, of.tokens), b });
  }
  const medians = (side: "a" | "b") => ({
    prompt: median(taken.map((each) => each[side].prompt)),
    step: median(taken.flatMap((each) => each[side].steps)),
  });
  return { mine: medians("a"), other: medians("b") };
}

/** One row a dtype and batch, and Python's for float32. */
export async function generation(folder: string, settings: Settings, title: string): Promise<void> {
  for (const dtype of DTYPES) {
    const sides = await open(folder, dtype, settings);
    for (const rows of [1, 8]) {
      const prompts = Array.from({ length: rows }, (_, at) => words(settings.context, at));
      const { mine, other } = await measured(sides, prompts, settings);
      const speed = ({ step }: { step: number }) => ((rows * 1000) / step).toFixed(1);
      console.log(
        `${title} ${dtype}, ${rows} × ${settings.context} tokens: abrazo ${speed(mine)} tokens/s, transformers.js with ${sides.threads} ${speed(other)}, ratio ${(other.step / mine.step).toFixed(2)} (goal 1.5); the prompt itself ${mine.prompt.toFixed(0)} ms against ${other.prompt.toFixed(0)}, ratio ${(other.prompt / mine.prompt).toFixed(2)}`,
      );
    }
    await sides.dispose();
  }
  for (const rows of [1, 8]) {
    const { context, tokens, python } = settings;
    const prompts = Array.from({ length: rows }, (_, at) => words(context, at));
    const { first = 0, all = 0 } = orientation(python, { task: "text-generation", folder, prompts, tokens });
    console.log(
      `  for orientation: ${title} fp32, ${rows} × ${context} tokens in Python transformers ${((rows * (tokens - 1) * 1000) / (all - first)).toFixed(1)} tokens/s, the prompt ${first.toFixed(0)} ms`,
    );
  }
}

/** The cost of a token against the length of what is before it, as numbers and drawn. */
export async function contexts(folder: string, settings: Settings): Promise<void> {
  const sides = await open(folder, "fp32", settings);
  const lines = { abrazo: [] as [number, number][], "transformers.js": [] as [number, number][] };
  for (const length of settings.contexts) {
    const { mine, other } = await measured(sides, [words(length, 1)], settings);
    lines.abrazo.push([length, mine.step]);
    lines["transformers.js"].push([length, other.step]);
    console.log(
      `a token after ${length}: abrazo ${mine.step.toFixed(1)} ms, transformers.js with ${sides.threads} ${other.step.toFixed(1)} ms, ratio ${(other.step / mine.step).toFixed(2)}`,
    );
  }
  const drawn = Object.entries(lines).map(([name, points]) => ({ name, points }));
  console.log(plot(drawn, { x: "tokens before it", y: "ms a token" }));
  await sides.dispose();
}
