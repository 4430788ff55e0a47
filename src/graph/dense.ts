// Dense linear algebra of one matrix at a time, in float64: what the runtime has no kernels for.
// Knows no graph and no tensors, and no eigenvalues (spectral.ts); matrices are rows of numbers one after another.

export type Matrix = Float64Array;

export interface Lu {
  /** L below the diagonal (ones on it are not stored), U on and above it, rows in the order of `rows`. */
  lu: Matrix;
  rows: Int32Array;
  sign: number;
  /** The first row, counted from 1, whose pivot is zero: 0 when there is none. */
  zeroPivot: number;
}

/** P A = L U with partial pivoting (Golub and Van Loan, Matrix Computations, 3.4). */
export function luOf(a: Matrix, n: number): Lu {
  const lu = a.slice();
  const rows = Int32Array.from({ length: n }, (_, row) => row);
  let [sign, zeroPivot] = [1, 0];
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(at(lu, i * n + k)) > Math.abs(at(lu, pivot * n + k))) pivot = i;
    if (pivot !== k) {
      swapRows(lu, n, pivot, k);
      const row = rows[k] ?? 0;
      rows[k] = rows[pivot] ?? 0;
      rows[pivot] = row;
      sign = -sign;
    }
    const head = at(lu, k * n + k);
    if (head === 0) {
      zeroPivot ||= k + 1;
      continue;
    }
    for (let i = k + 1; i < n; i++) {
      const factor = at(lu, i * n + k) / head;
      lu[i * n + k] = factor;
      if (factor !== 0) for (let j = k + 1; j < n; j++) lu[i * n + j] = at(lu, i * n + j) - factor * at(lu, k * n + j);
    }
  }
  return { lu, rows, sign, zeroPivot };
}

/** An element that is known to be there. */
export function at(a: Matrix, index: number): number {
  return a[index] as number; // safe because every index is computed from the matrix's own sizes
}

/** Euclidean length of the elements `from` (included) to `end` (excluded), safe from overflow. */
export function lengthOf(a: Float64Array, from: number, end: number): number {
  let [largest, sum] = [0, 0];
  for (let i = from; i < end; i++) largest = Math.max(largest, Math.abs(at(a, i)));
  if (largest === 0) return 0;
  for (let i = from; i < end; i++) sum += (at(a, i) / largest) ** 2;
  return largest * Math.sqrt(sum);
}

function swapRows(a: Matrix, width: number, one: number, other: number): void {
  const kept = a.slice(one * width, (one + 1) * width);
  a.copyWithin(one * width, other * width, (other + 1) * width);
  a.set(kept, other * width);
}

export function detOf({ lu, sign }: Lu, n: number): number {
  let det = sign;
  for (let i = 0; i < n; i++) det *= at(lu, i * n + i);
  return det;
}

/** The sign of the determinant and the logarithm of its size: 0 and -∞ for a singular matrix. */
export function slogdetOf({ lu, sign }: Lu, n: number): [number, number] {
  let [signed, log] = [sign, 0];
  for (let i = 0; i < n; i++) {
    const pivot = at(lu, i * n + i);
    signed *= Math.sign(pivot);
    log += Math.log(Math.abs(pivot));
  }
  return [signed, log];
}

/** X of A X = B, where B has `width` columns. */
export function luSolve({ lu, rows }: Lu, n: number, b: Matrix, width: number): Matrix {
  const x = new Float64Array(n * width);
  for (let i = 0; i < n; i++) {
    const from = rows[i] ?? 0;
    x.set(b.subarray(from * width, (from + 1) * width), i * width);
  }
  substitute(lu, n, x, width, { upper: false, unit: true });
  substitute(lu, n, x, width, { upper: true, unit: false });
  return x;
}

/** Replaces B by T⁻¹ B for a triangular T. */
export function substitute(
  t: Matrix,
  n: number,
  b: Matrix,
  width: number,
  { upper, unit }: { upper: boolean; unit: boolean },
): void {
  for (let step = 0; step < n; step++) {
    const i = upper ? n - 1 - step : step;
    for (let k = upper ? i + 1 : 0; k < (upper ? n : i); k++) {
      const factor = at(t, i * n + k);
      if (factor !== 0)
        for (let j = 0; j < width; j++) b[i * width + j] = at(b, i * width + j) - factor * at(b, k * width + j);
    }
    if (unit) continue;
    for (let j = 0; j < width; j++) b[i * width + j] = at(b, i * width + j) / at(t, i * n + i);
  }
}

export function identity(n: number): Matrix {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) out[i * n + i] = 1;
  return out;
}

export function transposed(a: Matrix, rows: number, columns: number): Matrix {
  const out = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = at(a, i * columns + j);
  return out;
}

/** The lower L of L Lᵀ = A, read from A's lower triangle; the order of the first minor that is not positive, if there is one. */
export function choleskyOf(a: Matrix, n: number): { l: Matrix; failed: number } {
  const l = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let sum = at(a, i * n + j);
      for (let k = 0; k < j; k++) sum -= at(l, i * n + k) * at(l, j * n + k);
      if (i === j && !(sum > 0)) return { l, failed: j + 1 };
      l[i * n + j] = i === j ? Math.sqrt(sum) : sum / at(l, j * n + j);
    }
  }
  return { l, failed: 0 };
}

/** Householder's Q (m × k) and R (k × n) with k = m when complete, else min(m, n); signs as LAPACK's. */
export function qrOf(a: Matrix, m: number, n: number, complete: boolean): { q: Matrix; r: Matrix } {
  const k = complete ? m : Math.min(m, n);
  const work = a.slice();
  const steps = Math.min(m, n);
  const vectors: { v: Float64Array; tau: number }[] = [];
  for (let column = 0; column < steps; column++) {
    const v = new Float64Array(m);
    for (let i = column; i < m; i++) v[i] = at(work, i * n + column);
    const [head, length] = [at(v, column), lengthOf(v, column, m)];
    const rest = lengthOf(v, column + 1, m);
    const beta = head >= 0 ? -length : length;
    // A column that is already reduced is left as it is, as LAPACK does.
    const tau = rest === 0 ? 0 : (beta - head) / beta;
    if (tau !== 0) for (let i = column + 1; i < m; i++) v[i] = at(v, i) / (head - beta);
    v[column] = 1;
    vectors.push({ v, tau });
    reflect(work, n, v, tau, column, m);
  }
  const q = new Float64Array(m * k);
  for (let i = 0; i < k; i++) q[i * k + i] = 1;
  for (const [column, { v, tau }] of [...vectors.entries()].reverse()) reflect(q, k, v, tau, column, m);
  const r = new Float64Array(k * n);
  for (let i = 0; i < k; i++) for (let j = i; j < n; j++) r[i * n + j] = at(work, i * n + j);
  return { q, r };
}

/** (I - τ v vᵀ) A over the rows from `from`. */
function reflect(a: Matrix, width: number, v: Float64Array, tau: number, from: number, rows: number): void {
  if (tau === 0) return;
  for (let j = 0; j < width; j++) {
    let sum = 0;
    for (let i = from; i < rows; i++) sum += at(v, i) * at(a, i * width + j);
    sum *= tau;
    for (let i = from; i < rows; i++) a[i * width + j] = at(a, i * width + j) - sum * at(v, i);
  }
}
