// How well and how fast two models do on the same batches: scores of each, and times taken in turns.
// Prints nothing.
import { performance } from "node:perf_hooks";
import { internalError } from "../errors.ts";
import type { AnyModel } from "../models/architecture.ts";
import type { PruneBatch } from "../models/prune.ts";
import { call, crossEntropyOfRows } from "../models/prune-importance.ts";
import { compile, noGrad, stack, type Tensor } from "../tensor/index.ts";
import type { Batches } from "./prune-data.ts";

/** Of a classifier accuracy and loss; of a language model perplexity. */
export interface Score {
  /** Mean loss of an example; of a language model of a token. */
  loss: number;
  accuracy?: number;
  perplexity?: number;
}

export interface Compared {
  before: Score;
  after: Score;
  /** Seconds of a pass over the batches, each batch's the least of the rounds. */
  seconds: { before: number; after: number; ratio: number; rounds: number };
}

const ROUNDS = 7;
const LEAST_ROUNDS = 3;
/** Once so long is measured, there are no more rounds. */
const ENOUGH_SECONDS = 30;

/** Both models on the same batches in turns, batch by batch: what slows the machine meanwhile slows both. */
export async function compareModels(before: AnyModel, after: AnyModel, data: Batches): Promise<Compared> {
  const [old, small] = [judgeOf(before), judgeOf(after)];
  const scores = { before: scoreOf(old, data), after: scoreOf(small, data) };
  // The second call of a shape traces; those from then on only run.
  for (const judge of [old, small]) scoreOf(judge, data);
  const least = data.batches.map(() => ({ before: Number.POSITIVE_INFINITY, after: Number.POSITIVE_INFINITY }));
  const began = performance.now();
  let rounds = 0;
  while (rounds < ROUNDS && (rounds < LEAST_ROUNDS || performance.now() - began < ENOUGH_SECONDS * 1000)) {
    for (const [at, batch] of data.batches.entries()) {
      const best = least[at];
      if (best === undefined) continue;
      const turns = { before: () => timed(old, batch), after: () => timed(small, batch) };
      const order = (rounds + at) % 2 === 0 ? (["before", "after"] as const) : (["after", "before"] as const);
      for (const which of order) best[which] = Math.min(best[which], turns[which]());
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    rounds++;
  }
  const sum = (which: "before" | "after") => least.reduce((total, each) => total + each[which], 0) / 1000;
  const seconds = { before: sum("before"), after: sum("after") };
  return { ...scores, seconds: { ...seconds, ratio: seconds.after / seconds.before, rounds } };
}

type Judge = (batch: PruneBatch) => { losses: ArrayLike<unknown>; counts: ArrayLike<unknown> };

function timed(judge: Judge, batch: PruneBatch): number {
  const start = performance.now();
  judge(batch);
  return performance.now() - start;
}

/** A function that runs a model on a batch and judges each row. */
function judgeOf(model: AnyModel): Judge {
  const lossOf = crossEntropyOfRows(model);
  const judge = compile((batch: PruneBatch) =>
    noGrad(() => {
      const output = call(model, batch);
      // Side by side, so that one run gives both.
      return stack([lossOf(output, batch), countsOf(batch, output.logits)]);
    }),
  );
  return (batch) => {
    const values = judge(batch).dataSync();
    return { losses: values.subarray(0, values.length / 2), counts: values.subarray(values.length / 2) };
  };
}

function scoreOf(judge: Judge, { batches, rows, tokens }: Batches): Score {
  let [loss, hits] = [0, 0];
  for (const batch of batches) {
    const { losses, counts } = judge(batch);
    for (let row = 0; row < losses.length; row++) {
      loss += Number(losses[row]) * (tokens > 0 ? Number(counts[row]) : 1);
      hits += Number(counts[row]);
    }
  }
  if (tokens === 0) return { loss: loss / rows, accuracy: hits / rows };
  return { loss: loss / tokens, perplexity: Math.exp(loss / tokens) };
}

/** [B], 1 where the class is the right one; of a language model how many tokens are predicted. */
function countsOf({ labels }: PruneBatch, logits: Tensor | undefined): Tensor {
  if (labels === undefined || logits === undefined) throw internalError("what is measured has labels and logits");
  if (labels.dims.length === 1) return logits.argmax(-1).eq(labels).to("float32");
  return labels
    .narrow(1, 1, labels.size(1) - 1)
    .ne(-100)
    .to("float32")
    .sum(1);
}
