// What only sampling reads: temperature, and which tokens may be drawn at all.
// Each is a function of one row of scores; none looks at the ids.
import type { LogitsProcessor } from "../contract.ts";
import {
  dropBelow,
  entropyOf,
  kthLargest,
  largestIds,
  largestOf,
  logSoftmax,
  OUT,
  softmax,
  totalWeight,
} from "./scores.ts";

export function temperature(value: number): LogitsProcessor {
  return (scores) => {
    for (let id = 0; id < scores.length; id++) scores[id] = (scores[id] ?? 0) / value;
  };
}

/** Tokens that tie with the k-th stay, as in the reference implementation. */
export function topK(count: number, least = 1): LogitsProcessor {
  const kept = Math.max(count, least);
  return (scores) => {
    if (kept < scores.length) dropBelow(scores, kthLargest(scores, kept));
  };
}

/** Tokens of the head that a nucleus is first looked for in: it is seldom larger, and a full sort is then spared. */
const HEAD = 256;

/** Nucleus sampling (Holtzman et al. 2019, arXiv 1904.09751); the `least` most probable tokens always stay. */
export function topP(sum: number, least = 1): LogitsProcessor {
  return (scores) => {
    const largest = largestOf(scores);
    const total = totalWeight(scores, largest);
    for (let count = HEAD; ; count *= 16) {
      const ids = largestIds(scores, count);
      const kept = nucleus(scores, ids, { sum, total, largest, least });
      if (kept === undefined && ids.length === count) continue;
      const inside = new Set(ids.slice(0, kept));
      for (let id = 0; id < scores.length; id++) if (!inside.has(id)) scores[id] = OUT;
      return;
    }
  };
}

interface Nucleus {
  sum: number;
  total: number;
  largest: number;
  least: number;
}

/** How many of `ids`, the most probable first, make up the nucleus; undefined when they do not reach the sum. */
function nucleus(scores: Float32Array, ids: readonly number[], { sum, total, largest, least }: Nucleus) {
  let before = 0;
  for (const [place, id] of ids.entries()) {
    // what this token and those after it hold, at most the complement of the sum: it goes, and they with it
    if (total - before <= (1 - sum) * total && place >= least) return place;
    before += Math.exp((scores[id] ?? 0) - largest);
  }
  return undefined;
}

/** Tokens with less than this share of the most probable one's probability go (Nguyen et al. 2024, arXiv 2407.01082). */
export function minP(part: number, least = 1): LogitsProcessor {
  return (scores) => {
    const limit = largestOf(scores) + Math.log(part);
    dropBelow(scores, least > 1 ? Math.min(limit, kthLargest(scores, Math.min(least, scores.length))) : limit);
  };
}

/** Of the hundred most probable tokens, those that together hold this share of their entropy. */
const TOP_H = 100;

/** Entropy-bounded sampling (Potraghloo et al. 2025, arXiv 2509.02510); the most probable token always stays. */
export function topH(part: number): LogitsProcessor {
  return (scores) => {
    const ids = largestIds(scores, TOP_H);
    const probabilities = softmax(Float32Array.from(ids, (id) => scores[id] ?? OUT));
    const limit = entropyOf(probabilities) * part;
    let entropy = 0;
    const kept = ids.filter((_, place) => {
      const probability = probabilities[place] ?? 0;
      entropy -= probability * Math.log(probability);
      return place === 0 || entropy <= limit;
    });
    const inside = new Set(kept);
    for (let id = 0; id < scores.length; id++) if (!inside.has(id)) scores[id] = OUT;
  };
}

/** Locally typical sampling (Meister et al. 2022, arXiv 2202.00666): tokens whose surprise is nearest the entropy. */
export function typicalP(mass: number, least = 1): LogitsProcessor {
  return (scores) => {
    const normalized = Float32Array.from(scores);
    logSoftmax(normalized);
    const probabilities = softmax(scores);
    const entropy = entropyOf(probabilities);
    const distances = Float32Array.from(normalized, (logProbability) => Math.abs(-logProbability - entropy));
    const ids = Uint32Array.from(distances, (_, id) => id).sort(
      (a, b) => (distances[a] ?? 0) - (distances[b] ?? 0) || a - b,
    );
    let sum = 0;
    let last = 0;
    for (const [place, id] of ids.entries()) {
      sum += probabilities[id] ?? 0;
      last = place;
      if (sum >= mass) break;
    }
    const limit = distances[ids[last] ?? 0] ?? 0;
    for (let place = least; place < ids.length; place++) {
      const id = ids[place] ?? 0;
      if ((distances[id] ?? 0) > limit) scores[id] = OUT;
    }
  };
}

/** Tokens below this probability go (Hewitt et al. 2022, arXiv 2210.15191); the `least` most probable ones stay. */
export function epsilonCutoff(epsilon: number, least = 1): LogitsProcessor {
  return (scores) => cutOff(scores, softmax(scores), epsilon, least);
}

/** As `epsilonCutoff`, with a limit that falls as the entropy rises. */
export function etaCutoff(epsilon: number, least = 1): LogitsProcessor {
  return (scores) => {
    const probabilities = softmax(scores);
    const limit = Math.min(epsilon, Math.sqrt(epsilon) * Math.exp(-entropyOf(probabilities)));
    cutOff(scores, probabilities, limit, least);
  };
}

function cutOff(scores: Float32Array, probabilities: Float64Array, limit: number, least: number): void {
  const kept = kthLargest(scores, Math.min(least, scores.length));
  for (let id = 0; id < scores.length; id++) {
    if ((probabilities[id] ?? 0) < limit && (scores[id] ?? OUT) < kept) scores[id] = OUT;
  }
}
