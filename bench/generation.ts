// Text generation against transformers.js: the same weights in float32, greedy, both in this process, runs alternating.
// npx tsx bench/main.ts generation [model folder] [prompt tokens] [new tokens]
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportModel } from "../pipelines/export.ts";
import { pipeline } from "../pipelines/index.ts";
import { fromConfig, savePretrained } from "../src/models/auto.ts";
import { Generator } from "../src/tensor/index.ts";
import { tinyLanguageModel } from "../test/support/tiny-models.ts";

/** A GPT-2 of 25 million random weights with 1,024 positions: speed does not depend on what it says. */
async function randomModel(folder: string): Promise<string> {
  await tinyLanguageModel(folder); // for its tokenizer
  const config = {
    ...{ model_type: "gpt2", architectures: ["GPT2LMHeadModel"], vocab_size: 8192, n_positions: 1024 },
    ...{ n_embd: 512, n_layer: 6, n_head: 8, bos_token_id: 2, eos_token_id: 8191 },
  };
  const tokenizer = join(folder, "tokenizer_config.json");
  writeFileSync(tokenizer, readFileSync(tokenizer, "utf8").replace('"model_max_length":32', '"model_max_length":1024'));
  await savePretrained(fromConfig(config, new Generator(1)), folder);
  return folder;
}

export async function main(args: readonly string[]): Promise<void> {
  const out = mkdtempSync(join(tmpdir(), "abrazo-bench-"));
  const [given, promptTokens = "896", newTokens = "64"] = args;
  const folder = given === undefined ? await randomModel(join(out, "random")) : join(out, "copy");
  if (given !== undefined) cpSync(given, folder, { recursive: true });
  await exportModel(folder);
  const { pipeline: theirPipeline } = await import("@huggingface/transformers");
  const ours = await pipeline("text-generation", folder);
  const theirs = await theirPipeline("text-generation", folder, { dtype: "fp32" });
  const prompt = Array.from({ length: Number(promptTokens) }, (_, at) => ["the", "story", "was", "good"][at % 4]).join(
    " ",
  );
  const count = Number(newTokens);
  // The time of one token tells the prompt from the text that follows.
  const own = (tokens: number) => timed(() => ours(prompt, { doSample: false, maxNewTokens: tokens }));
  const their = (tokens: number) => timed(() => theirs(prompt, { do_sample: false, max_new_tokens: tokens }));
  const rows: number[][] = [];
  for (let round = -1; round < 3; round++) {
    const row = [await their(1), await own(1), await their(count), await own(count)];
    if (round >= 0) rows.push(row);
  }
  const [b1, a1, b, a] = [0, 1, 2, 3].map((at) => median(rows.map((row) => row[at] ?? 0))) as [
    number,
    number,
    number,
    number,
  ]; // safe because four columns are taken
  const speed = (whole: number, first: number) => ((count - 1) / (whole - first)) * 1000;
  const [mine, other] = [speed(a, a1), speed(b, b1)];
  console.log(
    `prompt of ${promptTokens} tokens: abrazo ${a1.toFixed(0)} ms, transformers.js ${b1.toFixed(0)} ms, ratio ${(b1 / a1).toFixed(2)}`,
  );
  console.log(
    `tokens after it: abrazo ${mine.toFixed(1)}/s, transformers.js ${other.toFixed(1)}/s, ratio ${(mine / other).toFixed(2)} (goal 1.5)`,
  );
  await Promise.all([ours.dispose(), theirs.dispose()]);
  rmSync(out, { recursive: true, force: true });
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;
