// Sentiment pipeline against transformers.js: the same weights in float32, both in this process, runs alternating.
// npx tsx bench/main.ts sentiment [model folder] [rounds]
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportModel } from "../pipelines/export.ts";
import { pipeline } from "../pipelines/index.ts";
import { packageFile } from "../src/package-root.ts";
import { dataPath } from "../test/support/data.ts";

const TEXTS = 1_000;

/** Sentences of SST-2 and IMDB in turn, or plain sentences repeated where the data folder is absent: 3 to 500 words. */
function mixedTexts(): string[] {
  const dev = dataPath("sentiment/sst2/dev.tsv") ?? packageFile("test", "fixtures", "plain-sentiment.tsv");
  const sentences = readFileSync(dev, "utf8")
    .split("\n")
    .slice(1)
    .map((line) => line.split("\t")[0] ?? "")
    .filter((text) => text !== "");
  return Array.from({ length: TEXTS }, (_, index) => {
    // One text in ten is a paragraph, one in fifty a page: what a queue of reviews looks like.
    const joined = index % 50 === 0 ? 16 : index % 10 === 0 ? 5 : 1;
    return Array.from({ length: joined }, (_, at) => sentences[(index * 7 + at) % sentences.length] ?? "").join(" ");
  });
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

/** Median of many calls in a row: a single call after other work measures that work's traces. */
async function timedEach(run: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let call = 0; call < 100; call++) times.push(await timed(run));
  return median(times);
}

function mapValues<Key extends string>(
  lists: Record<Key, number[]>,
  of: (values: number[]) => number,
): Record<Key, number> {
  // safe because the entries are those of `lists`, one number for each list
  return Object.fromEntries(Object.entries<number[]>(lists).map(([key, list]) => [key, of(list)])) as Record<
    Key,
    number
  >;
}

export async function main(args: readonly string[]): Promise<void> {
  const folder = args[0] ?? packageFile("pipelines", "defaults", "text-classification");
  const rounds = Number(args[1] ?? 5);
  const out = mkdtempSync(join(tmpdir(), "abrazo-bench-"));
  await exportModel(folder, { out });
  const { pipeline: theirPipeline } = await import("@huggingface/transformers");
  const ours = await pipeline("sentiment-analysis", folder);
  const theirs = await theirPipeline("sentiment-analysis", out, { dtype: "fp32" });
  const texts = mixedTexts();
  const one = "A quiet film that says more than it shows.";
  const inBatches = async () => {
    for (let at = 0; at < texts.length; at += 32) await theirs(texts.slice(at, at + 32));
  };
  const figures = {
    ours: [] as number[],
    whole: [] as number[],
    theirs: [] as number[],
    ours1: [] as number[],
    theirs1: [] as number[],
  };
  for (let round = -1; round < rounds; round++) {
    const [c, b, a] = [await timed(() => theirs(texts)), await timed(inBatches), await timed(() => ours(texts))];
    const [b1, a1] = [await timedEach(() => theirs(one)), await timedEach(() => ours(one))];
    if (round < 0) continue; // warm-up
    figures.whole.push(c);
    figures.theirs.push(b);
    figures.ours.push(a);
    figures.theirs1.push(b1);
    figures.ours1.push(a1);
  }
  const { ours: a, theirs: b, whole: c, ours1: a1, theirs1: b1 } = mapValues(figures, median);
  const ratio = (other: number, own: number) => `ratio ${(other / own).toFixed(2)}`;
  console.log(`${TEXTS} mixed texts in one call: abrazo ${a.toFixed(0)} ms`);
  console.log(`  transformers.js, one call (one padded batch): ${c.toFixed(0)} ms, ${ratio(c, a)} (goal 2)`);
  console.log(`  transformers.js, 32 texts a call: ${b.toFixed(0)} ms, ${ratio(b, a)} (goal 2)`);
  console.log(
    `one text, warm: abrazo ${a1.toFixed(2)} ms, transformers.js ${b1.toFixed(2)} ms, ${ratio(b1, a1)} (goal 1)`,
  );
  await ours.dispose();
  await theirs.dispose();
  rmSync(out, { recursive: true, force: true });
}
