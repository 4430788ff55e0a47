// A linear classifier of two classes over n-grams, in typed arrays: what a small neural model has to beat, and its teacher
// on text without labels. Token ids → hashed n-grams weighted by TF-IDF → logistic regression.
// Knows no tokenizer and no tensors.
import type { Generator } from "../tensor/index.ts";

export interface NgramOptions {
  /** Longest n-gram, in tokens. */
  order?: number;
  /** n-grams are hashed to 2 to the power of this many slots. */
  slotBits?: number;
  epochs?: number;
  learningRate?: number;
  /** Of the order of examples. */
  generator: Generator;
}

/** n-grams of a text: slots, and weights whose squares sum to 1. */
interface Features {
  slots: Int32Array;
  weights: Float32Array;
}

/**
 * @example
 * ```ts
 * const documents = [[1, 2], [1, 3], [4, 2], [4, 3]];
 * const teacher = NgramClassifier.train(documents, [0, 0, 1, 1], { generator: new Generator(1) });
 * teacher.probability([4, 2]) > 0.5; // true
 * ```
 */
export class NgramClassifier {
  readonly #order: number;
  readonly #mask: number;
  /** ln((1 + documents) / (1 + documents with it)) + 1; 0 for an n-gram that fewer than two documents have. */
  readonly #idf: Float32Array;
  readonly #weights: Float32Array;
  #bias = 0;

  private constructor(order: number, slotBits: number) {
    this.#order = order;
    this.#mask = 2 ** slotBits - 1;
    this.#idf = new Float32Array(2 ** slotBits);
    this.#weights = new Float32Array(2 ** slotBits);
  }

  /**
   * Logistic regression by AdaGrad (Duchi et al. 2011), one document at a time; few epochs stand in for a penalty.
   *
   * @param documents token ids
   * @param labels 0 or 1 for each document
   */
  static train(
    documents: readonly ArrayLike<number>[],
    labels: readonly number[],
    { order = 2, slotBits = 22, epochs = 4, learningRate = 0.5, generator }: NgramOptions,
  ): NgramClassifier {
    const classifier = new NgramClassifier(order, slotBits);
    classifier.#countDocuments(documents);
    const features = documents.map((ids) => classifier.#features(ids));
    const squares = new Float32Array(classifier.#weights.length).fill(1e-2);
    let biasSquares = 1;
    for (let epoch = 0; epoch < epochs; epoch++) {
      for (const at of generator.permutation(documents.length)) {
        const { slots, weights } = features[at] ?? EMPTY;
        const error = sigmoid(classifier.#score(slots, weights)) - (labels[at] ?? 0);
        for (let k = 0; k < slots.length; k++) {
          const slot = slots[k] ?? 0;
          const gradient = error * (weights[k] ?? 0);
          squares[slot] = (squares[slot] ?? 0) + gradient * gradient;
          classifier.#weights[slot] =
            (classifier.#weights[slot] ?? 0) - (learningRate * gradient) / Math.sqrt(squares[slot] ?? 1);
        }
        biasSquares += error * error;
        classifier.#bias -= (learningRate * error) / Math.sqrt(biasSquares);
      }
    }
    return classifier;
  }

  /** Probability of class 1. */
  probability(ids: ArrayLike<number>): number {
    const { slots, weights } = this.#features(ids);
    return sigmoid(this.#score(slots, weights));
  }

  #score(slots: Int32Array, weights: Float32Array): number {
    let sum = this.#bias;
    for (let k = 0; k < slots.length; k++) sum += (weights[k] ?? 0) * (this.#weights[slots[k] ?? 0] ?? 0);
    return sum;
  }

  #countDocuments(documents: readonly ArrayLike<number>[]): void {
    const counts = new Int32Array(this.#idf.length);
    for (const ids of documents) for (const slot of this.#counts(ids).keys()) counts[slot] = (counts[slot] ?? 0) + 1;
    for (const [slot, count] of counts.entries())
      this.#idf[slot] = count < 2 ? 0 : Math.log((1 + documents.length) / (1 + count)) + 1;
  }

  /** How often each slot's n-grams occur. */
  #counts(ids: ArrayLike<number>): Map<number, number> {
    const counts = new Map<number, number>();
    for (let start = 0; start < ids.length; start++) {
      let hash = 0x811c9dc5;
      for (let end = start; end < Math.min(ids.length, start + this.#order); end++) {
        hash = Math.imul(hash ^ ((ids[end] ?? 0) + 1), 0x01000193);
        hash ^= hash >>> 15;
        const slot = (Math.imul(hash, 0x2c1b3c6d) >>> 0) & this.#mask;
        counts.set(slot, (counts.get(slot) ?? 0) + 1);
      }
    }
    return counts;
  }

  #features(ids: ArrayLike<number>): Features {
    const counts = this.#counts(ids);
    const slots = new Int32Array(counts.size);
    const weights = new Float32Array(counts.size);
    let squares = 0;
    let length = 0;
    for (const [slot, count] of counts) {
      const weight = (1 + Math.log(count)) * (this.#idf[slot] ?? 0);
      if (weight === 0) continue;
      slots[length] = slot;
      weights[length++] = weight;
      squares += weight * weight;
    }
    const norm = Math.sqrt(squares) || 1;
    return { slots: slots.subarray(0, length), weights: weights.subarray(0, length).map((weight) => weight / norm) };
  }
}

const EMPTY: Features = { slots: new Int32Array(0), weights: new Float32Array(0) };

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
