// Scores → token: the most probable one, or a draw.
// Knows no option: what the scores went through before stands in processors/.
import type { Generator } from "../tensor/index.ts";
import { largestOf, OUT, totalWeight } from "./processors/scores.ts";

/** The index of the largest score; the first of equals. */
export function argmax(scores: Float32Array): number {
  let best = 0;
  for (let id = 1; id < scores.length; id++) {
    if ((scores[id] ?? OUT) > (scores[best] ?? OUT)) best = id;
  }
  return best;
}

/** Draws an index with the probabilities softmax(scores). */
export function draw(scores: Float32Array, generator: Generator): number {
  const largest = largestOf(scores);
  let rest = generator.double() * totalWeight(scores, largest);
  let last = argmax(scores);
  for (let id = 0; id < scores.length; id++) {
    const score = scores[id] ?? OUT;
    if (score === OUT) continue;
    const weight = Math.exp(score - largest);
    if (weight === 0) continue;
    last = id;
    rest -= weight;
    if (rest < 0) return id;
  }
  return last;
}
