// Eigenvalues of symmetric matrices and singular values, in float64, one matrix at a time.
// Knows no graph and no tensors. Numbers of chapters are those of Golub and Van Loan, Matrix Computations.
import { at, detOf, identity, lengthOf, luOf, luSolve, type Matrix, transposed } from "./dense.ts";

/** Eigenvalues, rising, and eigenvectors (columns) of a symmetric matrix, read from its lower triangle. */
export function eighOf(a: Matrix, n: number): { values: Float64Array; vectors: Matrix } {
  // Row j of v is column j of what is made: inner loops then read memory in order.
  const v = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      v[i * n + j] = at(a, i * n + j);
      v[j * n + i] = at(a, i * n + j);
    }
  }
  if (n === 0) return { values: new Float64Array(), vectors: v };
  const [d, e] = [new Float64Array(n), new Float64Array(n)];
  tridiagonalize(v, n, d, e);
  diagonalize(v, n, d, e);
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => at(d, i) - at(d, j));
  const vectors = new Float64Array(n * n);
  for (const [to, from] of order.entries()) for (let i = 0; i < n; i++) vectors[i * n + to] = at(v, from * n + i);
  return { values: Float64Array.from(order, (i) => at(d, i)), vectors };
}

/** Householder's reduction to three diagonals (8.3.1; EISPACK's tred2): d the diagonal, e below it, v the reflections' product. */
function tridiagonalize(v: Matrix, n: number, d: Float64Array, e: Float64Array): void {
  for (let j = 0; j < n; j++) d[j] = at(v, j * n + n - 1);
  for (let i = n - 1; i > 0; i--) d[i] = reflectRow(v, n, d, e, i);
  for (let i = 0; i < n - 1; i++) accumulate(v, n, d, i);
  for (let j = 0; j < n; j++) {
    d[j] = at(v, j * n + n - 1);
    v[j * n + n - 1] = 0;
  }
  v[n * n - 1] = 1;
  e[0] = 0;
}

/** Clears row i left of the element beside the diagonal; gives half the squared length of the reflection's vector. */
function reflectRow(v: Matrix, n: number, d: Float64Array, e: Float64Array, i: number): number {
  let scale = 0;
  for (let k = 0; k < i; k++) scale += Math.abs(at(d, k));
  if (scale === 0) {
    e[i] = at(d, i - 1);
    for (let j = 0; j < i; j++) {
      d[j] = at(v, j * n + i - 1);
      v[j * n + i] = 0;
      v[i * n + j] = 0;
    }
    return 0;
  }
  let h = 0;
  for (let k = 0; k < i; k++) {
    d[k] = at(d, k) / scale;
    h += at(d, k) ** 2;
  }
  const head = at(d, i - 1);
  const length = head > 0 ? -Math.sqrt(h) : Math.sqrt(h);
  e[i] = scale * length;
  h -= head * length;
  d[i - 1] = head - length;
  multiplyLower(v, n, d, e, i);
  let product = 0;
  for (let j = 0; j < i; j++) {
    e[j] = at(e, j) / h;
    product += at(e, j) * at(d, j);
  }
  const half = product / (h + h);
  for (let j = 0; j < i; j++) e[j] = at(e, j) - half * at(d, j);
  for (let j = 0; j < i; j++) {
    const f = at(d, j);
    const g = at(e, j);
    for (let k = j; k < i; k++) v[j * n + k] = at(v, j * n + k) - (f * at(e, k) + g * at(d, k));
    d[j] = at(v, j * n + i - 1);
    v[j * n + i] = 0;
  }
  return h;
}

/** e = A d over the first i rows of a symmetric matrix, of which the lower triangle is read; keeps d in row i of v. */
function multiplyLower(v: Matrix, n: number, d: Float64Array, e: Float64Array, i: number): void {
  e.fill(0, 0, i);
  for (let j = 0; j < i; j++) {
    const f = at(d, j);
    v[i * n + j] = f;
    let g = at(e, j) + at(v, j * n + j) * f;
    for (let k = j + 1; k < i; k++) {
      g += at(v, j * n + k) * at(d, k);
      e[k] = at(e, k) + at(v, j * n + k) * f;
    }
    e[j] = g;
  }
}

/** Applies reflection i + 1 to the product of those before it. */
function accumulate(v: Matrix, n: number, d: Float64Array, i: number): void {
  v[i * n + n - 1] = at(v, i * n + i);
  v[i * n + i] = 1;
  const h = at(d, i + 1);
  const vector = (i + 1) * n;
  if (h !== 0) {
    for (let k = 0; k <= i; k++) d[k] = at(v, vector + k) / h;
    for (let j = 0; j <= i; j++) {
      let g = 0;
      for (let k = 0; k <= i; k++) g += at(v, vector + k) * at(v, j * n + k);
      for (let k = 0; k <= i; k++) v[j * n + k] = at(v, j * n + k) - g * at(d, k);
    }
  }
  v.fill(0, vector, vector + i + 1);
}

/** The implicit QL iteration on three diagonals (8.3.3; EISPACK's tql2). */
function diagonalize(v: Matrix, n: number, d: Float64Array, e: Float64Array): void {
  e.copyWithin(0, 1);
  e[n - 1] = 0;
  let [shift, largest] = [0, 0];
  for (let l = 0; l < n; l++) {
    largest = Math.max(largest, Math.abs(at(d, l)) + Math.abs(at(e, l)));
    const least = Number.EPSILON * largest;
    let m = l;
    while (m < n - 1 && Math.abs(at(e, m)) > least) m++;
    while (m > l && Math.abs(at(e, l)) > least) shift += sweep(v, n, d, e, l, m);
    d[l] = at(d, l) + shift;
    e[l] = 0;
  }
}

/** One sweep over the rows l … m; gives what was taken off the diagonal. */
function sweep(v: Matrix, n: number, d: Float64Array, e: Float64Array, l: number, m: number): number {
  const g = at(d, l);
  const off = at(e, l);
  let p = (at(d, l + 1) - g) / (2 * off);
  const root = p < 0 ? -Math.hypot(p, 1) : Math.hypot(p, 1);
  d[l] = off / (p + root);
  d[l + 1] = off * (p + root);
  const next = at(d, l + 1);
  const taken = g - at(d, l);
  for (let i = l + 2; i < n; i++) d[i] = at(d, i) - taken;
  p = at(d, m);
  const below = at(e, l + 1);
  let [c, c2, c3, s, s2] = [1, 1, 1, 0, 0];
  for (let i = m - 1; i >= l; i--) {
    c3 = c2;
    c2 = c;
    s2 = s;
    const ce = c * at(e, i);
    const h = c * p;
    const r = Math.hypot(p, at(e, i));
    e[i + 1] = s * r;
    s = at(e, i) / r;
    c = p / r;
    p = c * at(d, i) - s * ce;
    d[i + 1] = h + s * (c * ce + s * at(d, i));
    rotateRows(v, n, i, i + 1, c, s);
  }
  p = (-s * s2 * c3 * below * at(e, l)) / next;
  e[l] = s * p;
  d[l] = c * p;
  return taken;
}

const MOST_SWEEPS = 60;

/** The cosine and sine that make the element between two axes zero, from the cotangent of twice the angle. */
function rotation(theta: number): [number, number] {
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(1 + theta * theta));
  const c = 1 / Math.sqrt(1 + t * t);
  return [c, c * t];
}

function rotateRows(a: Matrix, width: number, p: number, q: number, c: number, s: number): void {
  const [row, column] = [p * width, q * width];
  for (let j = 0; j < width; j++) {
    const one = at(a, row + j);
    const other = at(a, column + j);
    a[row + j] = c * one - s * other;
    a[column + j] = s * one + c * other;
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

/**
 * A = U diag(s) Vh with k = min(m, n): one-sided Jacobi (8.6), which is exact to the last bits of small singular values too.
 * It starts from the eigenvectors of AᵀA, which are V but for rounding, so that two or three sweeps are enough.
 */
export function svdOf(a: Matrix, m: number, n: number): Svd {
  if (m < n) {
    const { u, s, vh } = svdOf(transposed(a, m, n), n, m);
    return { u: transposed(vh, m, m), s, vh: transposed(u, n, m) };
  }
  // Rows of v are right singular vectors, rows of `columns` those of (A V)ᵀ; rotations make the latter orthogonal.
  const { v, columns } = nearlyOrthogonal(a, m, n);
  // A sum of m products is not more exact than this.
  const limit = Number.EPSILON * Math.sqrt(m);
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
    let rotated = false;
    for (let p = 0; p < n - 1; p++) {
      for (let q = p + 1; q < n; q++) {
        let [app, aqq, apq] = [0, 0, 0];
        for (let i = 0; i < m; i++) {
          const one = at(columns, p * m + i);
          const other = at(columns, q * m + i);
          app += one * one;
          aqq += other * other;
          apq += one * other;
        }
        if (Math.abs(apq) <= limit * Math.sqrt(app * aqq) || apq === 0) continue;
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

/** V as rows and (A V)ᵀ, from the eigenvectors of AᵀA; of A over its largest element, whose squares neither overflow nor vanish. */
function nearlyOrthogonal(a: Matrix, m: number, n: number): { v: Matrix; columns: Matrix } {
  const columns = transposed(a, m, n);
  const largest = a.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (largest === 0 || !Number.isFinite(largest)) return { v: identity(n), columns };
  const scaled = columns.map((value) => value / largest);
  const gram = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) gram[i * n + j] = dotRows(scaled, m, i, j);
  const v = transposed(eighOf(gram, n).vectors, n, n);
  const turned = new Float64Array(n * m);
  for (let p = 0; p < n; p++) {
    for (let j = 0; j < n; j++) {
      const share = at(v, p * n + j);
      for (let i = 0; i < m; i++) turned[p * m + i] = at(turned, p * m + i) + share * at(columns, j * m + i);
    }
  }
  return { v, columns: turned };
}

function dotRows(a: Matrix, width: number, p: number, q: number): number {
  let sum = 0;
  for (let i = 0; i < width; i++) sum += at(a, p * width + i) * at(a, q * width + i);
  return sum;
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
