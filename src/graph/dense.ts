// Dense linear algebra of one matrix at a time, in float64: what the runtime has no kernels for.
// Knows no graph and no tensors; matrices are rows of numbers one after another.

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
function at(a: Matrix, index: number): number {
  return a[index] as number; // safe because every index is computed from the matrix's own sizes
}

/** Euclidean length of the elements `from` (included) to `end` (excluded), safe from overflow. */
function lengthOf(a: Float64Array, from: number, end: number): number {
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

const MOST_SWEEPS = 60;

/** Eigenvalues, rising, and eigenvectors (columns) of a symmetric matrix, read from its lower triangle: cyclic Jacobi (8.5). */
export function eighOf(a: Matrix, n: number): { values: Float64Array; vectors: Matrix } {
  const work = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      work[i * n + j] = at(a, i * n + j);
      work[j * n + i] = at(a, i * n + j);
    }
  }
  const least = (Number.EPSILON / 8) * work.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  // Rows of v are the eigenvectors: rotating rows reads memory in order.
  const v = identity(n);
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
    let rotated = false;
    for (let p = 0; p < n - 1; p++) {
      for (let q = p + 1; q < n; q++) {
        const [app, aqq, apq] = [at(work, p * n + p), at(work, q * n + q), at(work, p * n + q)];
        if (Math.abs(apq) <= least) continue;
        rotated = true;
        const [c, s] = rotation((aqq - app) / (2 * apq));
        rotateColumns(work, n, p, q, c, s);
        rotateRows(work, n, p, q, c, s);
        rotateRows(v, n, p, q, c, s);
      }
    }
    if (!rotated) break;
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => at(work, i * n + i) - at(work, j * n + j));
  const vectors = new Float64Array(n * n);
  for (const [to, from] of order.entries()) for (let i = 0; i < n; i++) vectors[i * n + to] = at(v, from * n + i);
  return { values: Float64Array.from(order, (i) => at(work, i * n + i)), vectors };
}

/** The cosine and sine that make the element between two axes zero, from the cotangent of twice the angle. */
function rotation(theta: number): [number, number] {
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(1 + theta * theta));
  const c = 1 / Math.sqrt(1 + t * t);
  return [c, c * t];
}

function rotateRows(a: Matrix, width: number, p: number, q: number, c: number, s: number): void {
  for (let j = 0; j < width; j++) {
    const [one, other] = [at(a, p * width + j), at(a, q * width + j)];
    a[p * width + j] = c * one - s * other;
    a[q * width + j] = s * one + c * other;
  }
}

function rotateColumns(a: Matrix, n: number, p: number, q: number, c: number, s: number): void {
  for (let i = 0; i < n; i++) {
    const [one, other] = [at(a, i * n + p), at(a, i * n + q)];
    a[i * n + p] = c * one - s * other;
    a[i * n + q] = s * one + c * other;
  }
}

export interface Svd {
  /** m × k */
  u: Matrix;
  /** k, falling */
  s: Float64Array;
  /** k × n */
  vh: Matrix;
}

/** A = U diag(s) Vh with k = min(m, n): one-sided Jacobi (8.6), which is exact to the last bits of small singular values too. */
export function svdOf(a: Matrix, m: number, n: number): Svd {
  if (m < n) {
    const { u, s, vh } = svdOf(transposed(a, m, n), n, m);
    return { u: transposed(vh, m, m), s, vh: transposed(u, n, m) };
  }
  // Rows of `columns` are the columns of A; rotations make them orthogonal.
  const columns = transposed(a, m, n);
  const v = identity(n);
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
    let rotated = false;
    for (let p = 0; p < n - 1; p++) {
      for (let q = p + 1; q < n; q++) {
        let [app, aqq, apq] = [0, 0, 0];
        for (let i = 0; i < m; i++) {
          const [one, other] = [at(columns, p * m + i), at(columns, q * m + i)];
          app += one * one;
          aqq += other * other;
          apq += one * other;
        }
        if (Math.abs(apq) <= Number.EPSILON * Math.sqrt(app * aqq) || apq === 0) continue;
        rotated = true;
        const [c, s] = rotation((aqq - app) / (2 * apq));
        rotateRows(columns, m, p, q, c, s);
        rotateRows(v, n, p, q, c, s);
      }
    }
    if (!rotated) break;
  }
  const lengths = Float64Array.from({ length: n }, (_, p) => lengthOf(columns, p * m, (p + 1) * m));
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => at(lengths, j) - at(lengths, i));
  const s = Float64Array.from(order, (i) => at(lengths, i));
  const vh = new Float64Array(n * n);
  const rows = new Float64Array(n * m);
  for (const [to, from] of order.entries()) {
    vh.set(v.subarray(from * n, (from + 1) * n), to * n);
    for (let i = 0; i < m; i++) rows[to * m + i] = at(columns, from * m + i) / at(lengths, from);
  }
  completed(rows, s, m, n);
  return { u: transposed(rows, n, m), s, vh };
}

/** A singular value of zero has no direction of its own: any unit vector at right angles to the others is one. */
function completed(rows: Matrix, s: Float64Array, m: number, n: number): void {
  const least = at(s, 0) * m * Number.EPSILON * Number.EPSILON;
  for (let p = 0; p < n; p++) {
    if (at(s, p) > least) continue;
    for (let axis = 0; axis < m; axis++) {
      const candidate = new Float64Array(m);
      candidate[axis] = 1;
      // Twice is enough for full accuracy.
      for (let pass = 0; pass < 2; pass++) {
        for (let other = 0; other < p; other++) {
          const row = rows.subarray(other * m, (other + 1) * m);
          const share = row.reduce((sum, value, i) => sum + value * at(candidate, i), 0);
          for (let i = 0; i < m; i++) candidate[i] = at(candidate, i) - share * at(row, i);
        }
      }
      const length = lengthOf(candidate, 0, m);
      if (length < 0.5 / Math.sqrt(m)) continue;
      rows.set(
        candidate.map((value) => value / length),
        p * m,
      );
      break;
    }
  }
}

/** The matrix of cofactors, d det / dA: det A⁻ᵀ, and by singular values where A has no inverse. */
export function cofactorsOf(a: Matrix, n: number): Matrix {
  const lu = luOf(a, n);
  const pivots = Array.from({ length: n }, (_, i) => Math.abs(at(lu.lu, i * n + i)));
  if (Math.min(...pivots) > Number.EPSILON * n * Math.max(...pivots)) {
    const det = detOf(lu, n);
    return transposed(luSolve(lu, n, identity(n), n), n, n).map((value) => value * det);
  }
  const { u, s, vh } = svdOf(a, n, n);
  const turn = detOf(luOf(u, n), n) * detOf(luOf(vh, n), n);
  const out = new Float64Array(n * n);
  for (let k = 0; k < n; k++) {
    const rest = s.reduce((product, value, i) => (i === k ? product : product * value), Math.sign(turn));
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) out[i * n + j] = at(out, i * n + j) + at(u, i * n + k) * rest * at(vh, k * n + j);
  }
  return out;
}
