// What the parts of pipelines.ts share: texts of known length, both sides of a comparison, Python for orientation, a plot of characters.
// Measures nothing itself.
import { spawnSync } from "node:child_process";
import { pipeline } from "../pipelines/index.ts";
import { packageFile } from "../src/package-root.ts";

/** How much is measured. */
export interface Settings {
  python: string;
  rounds: number;
  /** Texts for the classifier. */
  texts: number;
  /** Tokens before the text that is written, and of that. */
  context: number;
  tokens: number;
  /** Contexts of the plot. */
  contexts: readonly number[];
}

export const FULL = {
  rounds: 3,
  texts: 1000,
  context: 1000,
  tokens: 32,
  contexts: [125, 250, 500, 1000, 1900],
} as const;
/** To see that it works: the figures mean little. */
export const QUICK = { rounds: 1, texts: 48, context: 60, tokens: 4, contexts: [20, 60] } as const;

export const DTYPES = ["fp32", "q8", "q4"] as const;
export type Bits = (typeof DTYPES)[number];

const WORDS = 4000;

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

export async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

/** Deterministic: each run compares the same texts. */
export const words = (count: number, from: number): string =>
  Array.from({ length: count }, (_, at) => `w${(from * 7919 + at * 31) % WORDS}`).join(" ");

/** As a queue of reviews: sentences, one paragraph in ten, one page in fifty. */
export const mixedTexts = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => words(at % 50 === 0 ? 300 : at % 10 === 0 ? 100 : 5 + ((at * 13) % 30), at));

/** What both sides have in common, by the shape of their functions. */
export type Run = (input: unknown, options?: object) => Promise<unknown>;

type Task = "text-classification" | "text-generation";

/** Theirs alone, with so many threads; as many as the runtime takes by itself when undefined. */
async function peer(task: Task, folder: string, dtype: Bits, threads: number | undefined) {
  const { pipeline: theirPipeline } = await import("@huggingface/transformers");
  const session_options = threads === undefined ? {} : { intraOpNumThreads: threads };
  const theirs = await theirPipeline(task, folder, { dtype, session_options });
  return { run: theirs as unknown as Run, dispose: () => theirs.dispose() }; // safe because every pipeline is a function of inputs and options
}

/** Both sides in one process, theirs with the threads that took least of 1, 2 and the runtime's own choice for `trial`. */
export async function both(task: Task, folder: string, dtype: Bits, trial: (theirs: Run) => Promise<unknown>) {
  const tried: { threads: number | undefined; ms: number }[] = [];
  for (const threads of [1, 2, undefined]) {
    const { run, dispose } = await peer(task, folder, dtype, threads);
    await trial(run);
    tried.push({ threads, ms: await timed(() => trial(run)) });
    await dispose();
  }
  const best = tried.reduce((least, each) => (each.ms < least.ms ? each : least));
  const theirs = await peer(task, folder, dtype, best.threads);
  const ours = await pipeline(task, folder, { dtype });
  return {
    ours: ours as unknown as Run, // safe because every pipeline is a function of inputs and options
    theirs: theirs.run,
    threads: `${best.threads ?? "the runtime's own"} threads`,
    dispose: () => Promise.all([ours.dispose(), theirs.dispose()]),
  };
}

/** What transformers takes for the same in Python, in a process of its own. */
export function orientation(python: string, job: object): Record<string, number> {
  const script = packageFile("bench", "pipelines_torch.py");
  const child = spawnSync(python, [script], { input: JSON.stringify(job), encoding: "utf8", maxBuffer: 2 ** 26 });
  if (child.status !== 0) throw new Error(`${python} ${script} failed:\n${child.stderr.slice(-2000)}`);
  return JSON.parse(child.stdout.trim().split("\n").at(-1) ?? "{}");
}

/** Lines of a plot, each with a letter of its own. */
export interface Line {
  name: string;
  points: readonly (readonly [x: number, y: number])[];
}

const [WIDTH, HEIGHT] = [64, 16];

/** Lines as characters, from zero on both axes; points are letters, what lies between them dots. */
export function plot(lines: readonly Line[], { x, y }: { x: string; y: string }): string {
  const all = lines.flatMap(({ points }) => points);
  const [mostX, mostY] = [Math.max(...all.map(([at]) => at)), Math.max(...all.map(([, value]) => value))];
  const grid = Array.from({ length: HEIGHT }, () => new Array<string>(WIDTH).fill(" "));
  const put = (at: number, value: number, mark: string) => {
    const row = grid[HEIGHT - 1 - Math.round((value / mostY) * (HEIGHT - 1))];
    const column = Math.round((at / mostX) * (WIDTH - 1));
    if (row !== undefined && (mark !== "·" || row[column] === " ")) row[column] = mark;
  };
  for (const { name, points } of lines) {
    for (const [at, point] of points.entries()) {
      const next = points[at + 1] ?? point;
      for (let step = 0; step <= WIDTH; step++)
        put(point[0] + ((next[0] - point[0]) * step) / WIDTH, point[1] + ((next[1] - point[1]) * step) / WIDTH, "·");
    }
    for (const [at, value] of points) put(at, value, name.charAt(0));
  }
  const rows = grid.map((row, at) => `  ${at === 0 ? mostY.toFixed(1).padStart(8) : " ".repeat(8)} │${row.join("")}`);
  const legend = lines.map(({ name }) => `${name.charAt(0)} ${name}`).join(", ");
  const axis = `  ${"0".padStart(8)} └${"─".repeat(WIDTH)}\n${" ".repeat(12)}0${String(mostX).padStart(WIDTH - 1)}`;
  return [`  ${y}: ${legend}`, ...rows, axis, `${" ".repeat(12)}${x}`].join("\n");
}
