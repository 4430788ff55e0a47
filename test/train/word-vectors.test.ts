// Word vectors: the eigenvalue solver against known matrices, and words of like company beside each other.
import { expect, it } from "vitest";
import { Generator } from "../../src/tensor/index.ts";
import { symmetricEigen, wordVectors } from "../../src/train/word-vectors.ts";

it("finds eigenvalues and vectors of a symmetric matrix", () => {
  const n = 12;
  const generator = new Generator(3);
  const a = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) a[i * n + j] = a[j * n + i] = generator.normal();
  const { values, vectors } = symmetricEigen(a, n);
  for (let k = 0; k < n; k++) {
    if (k > 0) expect(values[k]).toBeLessThanOrEqual(values[k - 1] ?? Number.NaN);
    for (let i = 0; i < n; i++) {
      let product = 0;
      for (let j = 0; j < n; j++) product += (a[i * n + j] ?? 0) * (vectors[j * n + k] ?? 0);
      expect(product).toBeCloseTo((values[k] ?? 0) * (vectors[i * n + k] ?? 0), 9);
    }
  }
});

/** Tokens 1–3 stand before 7, tokens 4–6 before 8; 9 is never seen. */
const documents = Array.from({ length: 300 }, (_, at) => {
  const kind = at % 2;
  return [1 + (at % 3) + 3 * kind, 7 + kind, 1 + ((at * 7) % 3) + 3 * kind];
});
const options = { vocabSize: 10, dim: 4, window: 2 };

const cosine = (vectors: Float32Array, a: number, b: number): number => {
  let sum = 0;
  for (let k = 0; k < options.dim; k++)
    sum += (vectors[a * options.dim + k] ?? 0) * (vectors[b * options.dim + k] ?? 0);
  return sum;
};

it("puts tokens of like neighbours together, tokens never seen at 0, and repeats itself", async () => {
  const vectors = await wordVectors(documents, { ...options, generator: new Generator(0) });
  expect(cosine(vectors, 1, 1)).toBeCloseTo(1, 5);
  expect(cosine(vectors, 1, 2)).toBeGreaterThan(0.9);
  expect(cosine(vectors, 4, 5)).toBeGreaterThan(0.9);
  expect(Math.abs(cosine(vectors, 1, 4))).toBeLessThan(0.1);
  expect(cosine(vectors, 9, 9)).toBe(0);
  expect(await wordVectors(documents, { ...options, generator: new Generator(0) })).toEqual(vectors);
});
