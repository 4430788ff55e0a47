// Word vectors from unlabelled text: token pairs counted in a window → positive pointwise mutual information → its
// leading singular vectors. Starts the embeddings of a small model that sees few labels. Knows no model and no tokenizer.
//
// Levy and Goldberg 2014 ("Neural Word Embedding as Implicit Matrix Factorization") show that skip-gram with negative
// sampling factorizes this matrix; their context smoothing (0.75) and weights (the root of the singular values) are used.
// The factorization is randomized subspace iteration (Halko, Martinsson, Tropp 2011, arXiv 0909.4061, algorithm 4.4).
import { fromTypedArray, type Generator, noGrad, type Tensor } from "../tensor/index.ts";

export interface WordVectorOptions {
  /** Tokens of the vocabulary: rows of the result. */
  vocabSize: number;
  /** Columns of the result. */
  dim: number;
  /** Tokens to each side that count as neighbours, the nearest weighing most. */
  window?: number;
  generator: Generator;
}

const SMOOTHING = 0.75;
const OVERSAMPLING = 16;
const ITERATIONS = 3;

/**
 * One vector for each token, of length 1; zeros for a token that the text does not hold.
 *
 * @param documents token ids; no window crosses from one document into the next
 * @returns vocabSize × dim, row by row
 */
export async function wordVectors(
  documents: Iterable<ArrayLike<number>>,
  { vocabSize, dim, window = 5, generator }: WordVectorOptions,
): Promise<Float32Array> {
  const matrix = countPairs(documents, vocabSize, window);
  toPositiveInformation(matrix, vocabSize);
  const columns = Math.min(vocabSize, dim + OVERSAMPLING);
  const vectors = noGrad(() => leadingVectors(fromTypedArray(matrix, [vocabSize, vocabSize]), columns, generator));
  return normalizedRows(vectors, { rows: vocabSize, columns, keep: Math.min(dim, columns), dim });
}

/** Vectors as an embedding table starts: each column centred, all elements scaled to a standard deviation. Rows of zeros stay. */
export function asEmbeddings(vectors: Float32Array, dim: number, std: number): Float32Array {
  const rows = vectors.length / dim;
  const means = new Float64Array(dim);
  for (const [at, value] of vectors.entries()) means[at % dim] = (means[at % dim] ?? 0) + value / rows;
  const empty = (row: number) => vectors.subarray(row * dim, (row + 1) * dim).every((value) => value === 0);
  const centred = new Float32Array(vectors.length);
  for (let row = 0; row < rows; row++) {
    if (empty(row)) continue;
    for (let k = 0; k < dim; k++) centred[row * dim + k] = (vectors[row * dim + k] ?? 0) - (means[k] ?? 0);
  }
  const scale = std / Math.sqrt(centred.reduce((sum, value) => sum + value * value, 0) / centred.length || 1);
  return centred.map((value) => value * scale);
}

/** Weighted counts of neighbours: `window` for the next token, 1 for the one `window` away; symmetric. */
function countPairs(documents: Iterable<ArrayLike<number>>, size: number, window: number): Float32Array {
  const counts = new Float32Array(size * size);
  for (const ids of documents) {
    for (let at = 0; at < ids.length; at++) {
      const row = (ids[at] ?? 0) * size;
      const end = Math.min(ids.length - 1, at + window);
      for (let next = at + 1; next <= end; next++) {
        const cell = row + (ids[next] ?? 0);
        counts[cell] = (counts[cell] ?? 0) + window + 1 - (next - at);
      }
    }
  }
  for (let row = 0; row < size; row++) {
    for (let column = 0; column <= row; column++) {
      const sum = (counts[row * size + column] ?? 0) + (counts[column * size + row] ?? 0);
      counts[row * size + column] = sum;
      counts[column * size + row] = sum;
    }
  }
  return counts;
}

/** In place: max(0, ln p(row, column) − ln p(row) p(column)), with p(column) from counts to the power of 0.75. */
function toPositiveInformation(counts: Float32Array, size: number): void {
  const totals = new Float64Array(size);
  for (let row = 0; row < size; row++) {
    let sum = 0;
    for (let column = 0; column < size; column++) sum += counts[row * size + column] ?? 0;
    totals[row] = sum;
  }
  const smoothed = totals.map((total) => total ** SMOOTHING);
  const all = smoothed.reduce((sum, value) => sum + value, 0);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const count = counts[row * size + column] ?? 0;
      if (count === 0) continue;
      const ratio = (count * all) / ((totals[row] ?? 1) * (smoothed[column] ?? 1));
      counts[row * size + column] = Math.max(0, Math.log(ratio));
    }
  }
}

/** Left singular vectors times the root of their singular values: size × columns, the largest first. */
function leadingVectors(matrix: Tensor, columns: number, generator: Generator): Float64Array {
  const size = matrix.size(0);
  const start = Float32Array.from({ length: size * columns }, () => generator.float() - 0.5);
  let basis = orthonormal(matrix.matmul(fromTypedArray(start, [size, columns])));
  const transposed = matrix.transpose(0, 1);
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    const right = orthonormal(transposed.matmul(basis));
    basis = orthonormal(matrix.matmul(right));
  }
  const { values, vectors } = gram(transposed.matmul(basis));
  const scale = values.map((value) => Math.max(0, value) ** 0.25);
  return times(basis, vectors, columns, (column) => scale[column] ?? 0);
}

/** The same column space with orthonormal columns: Y V Λ^(−1/2), where YᵀY = V Λ Vᵀ. */
function orthonormal(y: Tensor): Tensor {
  const columns = y.size(1);
  const { values, vectors } = gram(y);
  const floor = (values[0] ?? 0) * 1e-10;
  const data = times(y, vectors, columns, (column) => 1 / Math.sqrt(Math.max(values[column] ?? 0, floor)));
  return fromTypedArray(Float32Array.from(data), [y.size(0), columns]);
}

function gram(y: Tensor): { values: Float64Array; vectors: Float64Array } {
  return symmetricEigen(Float64Array.from(y.transpose(0, 1).matmul(y).dataSync(), Number), y.size(1));
}

/** y (rows × n) times vectors (n × n), each column of the product scaled. */
function times(y: Tensor, vectors: Float64Array, n: number, scale: (column: number) => number): Float64Array {
  const scaled = Float32Array.from(vectors, (value, index) => value * scale(index % n));
  return Float64Array.from(y.matmul(fromTypedArray(scaled, [n, n])).dataSync(), Number);
}

/** Eigenvalues, largest first, and eigenvectors (columns) of a symmetric n × n matrix by cyclic Jacobi rotations (Golub and Van Loan, 8.5). */
export function symmetricEigen(matrix: Float64Array, n: number): { values: Float64Array; vectors: Float64Array } {
  const a = Float64Array.from(matrix);
  const v = new Float64Array(n * n);
  for (let i = 0; i < n; i++) v[i * n + i] = 1;
  const norm = a.reduce((sum, value) => sum + value * value, 0);
  for (let sweep = 0; sweep < 30 && offDiagonal(a, n) > 1e-22 * norm; sweep++) {
    for (let p = 0; p < n - 1; p++) for (let q = p + 1; q < n; q++) rotate(a, v, n, p, q);
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => (a[j * n + j] ?? 0) - (a[i * n + i] ?? 0));
  return {
    values: Float64Array.from(order, (i) => a[i * n + i] ?? 0),
    vectors: Float64Array.from({ length: n * n }, (_, at) => v[Math.floor(at / n) * n + (order[at % n] ?? 0)] ?? 0),
  };
}

function offDiagonal(a: Float64Array, n: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) sum += 2 * (a[i * n + j] ?? 0) ** 2;
  return sum;
}

function rotate(a: Float64Array, v: Float64Array, n: number, p: number, q: number): void {
  const apq = a[p * n + q] ?? 0;
  if (apq === 0) return;
  const theta = ((a[q * n + q] ?? 0) - (a[p * n + p] ?? 0)) / (2 * apq);
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  for (let k = 0; k < n; k++) mix(a, k * n + p, k * n + q, c, s);
  for (let k = 0; k < n; k++) mix(a, p * n + k, q * n + k, c, s);
  for (let k = 0; k < n; k++) mix(v, k * n + p, k * n + q, c, s);
}

function mix(x: Float64Array, i: number, j: number, c: number, s: number): void {
  const [xi, xj] = [x[i] ?? 0, x[j] ?? 0];
  x[i] = c * xi - s * xj;
  x[j] = s * xi + c * xj;
}

function normalizedRows(
  vectors: Float64Array,
  { rows, columns, keep, dim }: { rows: number; columns: number; keep: number; dim: number },
): Float32Array {
  const result = new Float32Array(rows * dim);
  for (let row = 0; row < rows; row++) {
    let norm = 0;
    for (let column = 0; column < keep; column++) norm += (vectors[row * columns + column] ?? 0) ** 2;
    if (norm === 0) continue;
    for (let column = 0; column < keep; column++)
      result[row * dim + column] = (vectors[row * columns + column] ?? 0) / Math.sqrt(norm);
  }
  return result;
}
