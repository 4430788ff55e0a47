// Inverses, solutions and decompositions of batches of matrices: computed in float64 on the host, differentiated by formula.
// Knows no algorithm: they are in dense.ts and spectral.ts.
import { AbrazoError, internalError } from "../../errors.ts";
import {
  call,
  constant,
  div,
  expand,
  matmul,
  mul,
  neg,
  reshape,
  scale,
  slice,
  sub,
  sum,
  transpose,
  trilu,
} from "../build.ts";
import { choleskyOf, detOf, identity, luOf, luSolve, type Matrix, qrOf, slogdetOf, substitute } from "../dense.ts";
import type { Node } from "../node.ts";
import { defineHostOp, flag, type HostArray, inputAt } from "../op.ts";
import { type Shape, sizeOf } from "../shape.ts";
import { cofactorsOf, eighOf, svdOf } from "../spectral.ts";

const turn = (a: Node): Node => transpose(a, -1, -2);
const sizeAt = (shape: Shape, axis: number): number => Number(shape.at(axis) ?? 1);
const batchOf = (shape: Shape): Shape => shape.slice(0, -2);

/** Computes each matrix of a batch by itself, from the matrices of every input at the same place. */
function eachMatrix(
  inputs: readonly HostArray[],
  node: Node,
  compute: (matrices: readonly Matrix[], where: string) => readonly Float64Array[],
): Float64Array {
  const batch = sizeOf(batchOf(inputs[0]?.shape ?? []));
  const all = inputs.map(({ data }) => Float64Array.from(data, Number));
  const out = new Float64Array(sizeOf(node.shape));
  const size = out.length / batch;
  for (let at = 0; at < batch; at++) {
    const matrices = all.map((data) => data.subarray((at * data.length) / batch, ((at + 1) * data.length) / batch));
    let place = at * size;
    for (const part of compute(
      matrices,
      batchOf(inputs[0]?.shape ?? []).length === 0 ? "" : `(Batch element ${at}): `,
    )) {
      out.set(part, place);
      place += part.length;
    }
  }
  return out;
}

function first(matrices: readonly Matrix[]): Matrix {
  const [matrix] = matrices;
  if (matrix === undefined) throw internalError("a matrix is missing");
  return matrix;
}

const orderOf = (inputs: readonly HostArray[]): number => inputs[0]?.shape.at(-1) ?? 0;

function failed(message: string, hint: string): AbrazoError {
  return new AbrazoError({ code: "LINALG", message, hint });
}

/** The identity of n rows in the dtype of a node. */
export function identityLike(a: Node, n: number): Node {
  const ones = expand(constant(1, a.dtype), [n, n]);
  return trilu(trilu(ones, true, 0), false, 0);
}

const column = (v: Node): Node => reshape(v, [...v.shape, 1]);
const row = (v: Node): Node => reshape(v, [...v.shape.slice(0, -1), 1, sizeAt(v.shape, -1)]);

/** `checked`: a singular matrix is an error; else its inverse is infinite or NaN, as a gradient there should be. */
export const inverse = (a: Node, checked: boolean): Node => call("inverse", [a], { checked });
export const solve = (a: Node, b: Node): Node => call("solve", [a, b]);
export const solveTriangular = (a: Node, b: Node, upper: boolean, unit = false): Node =>
  call("solveTriangular", [a, b], { upper, unit });

/** Matrices that lie one after another in each row of a packed result. */
export function unpack(packed: Node, shapes: readonly (readonly number[])[]): Node[] {
  let start = 0;
  const axis = packed.shape.length - 1;
  return shapes.map((shape) => {
    const size = sizeOf(shape);
    start += size;
    return reshape(slice(packed, axis, start - size, start), [...packed.shape.slice(0, -1), ...shape]);
  });
}

defineHostOp({
  name: "inverse",
  doc: "A⁻¹ = Y; d = -Yᵀ g Yᵀ.",
  infer: ([a]) => ({ shape: a?.shape ?? [], dtype: a?.dtype ?? "float32" }),
  host: (inputs, node) =>
    eachMatrix(inputs, node, (matrices, where) => {
      const n = orderOf(inputs);
      const lu = luOf(first(matrices), n);
      if (lu.zeroPivot > 0 && flag(node.attrs, "checked")) {
        throw failed(
          `linalg.inv: ${where}The diagonal element ${lu.zeroPivot} is zero, the inversion could not be completed because the input matrix is singular.`,
          "linalg.pinv gives the pseudoinverse of any matrix.",
        );
      }
      return [luSolve(lu, n, identity(n), n)];
    }),
  grad: ({ out, g }) => [neg(matmul(matmul(turn(out), g), turn(out)))],
});

defineHostOp({
  name: "det",
  doc: "The determinant; d = g × the matrix of cofactors, which exists for singular matrices too.",
  infer: ([a]) => ({ shape: batchOf(a?.shape ?? []), dtype: a?.dtype ?? "float32" }),
  host: (inputs, node) =>
    eachMatrix(inputs, node, (matrices) => {
      const n = orderOf(inputs);
      return [Float64Array.of(detOf(luOf(first(matrices), n), n))];
    }),
  grad: ({ inputs, g }) => [mul(reshape(g, [...g.shape, 1, 1]), call("cofactors", [inputAt(inputs, 0)]))],
});

defineHostOp({
  name: "cofactors",
  doc: "d det / dA = C; d = (⟨g, C⟩ C - C gᵀ C) / det, where A has an inverse.",
  infer: ([a]) => ({ shape: a?.shape ?? [], dtype: a?.dtype ?? "float32" }),
  host: (inputs, node) => eachMatrix(inputs, node, (matrices) => [cofactorsOf(first(matrices), orderOf(inputs))]),
  grad: ({ inputs, out, g }) => {
    const det = call("det", [inputAt(inputs, 0)]);
    const rank = out.shape.length;
    const share = sum(mul(g, out), [rank - 2, rank - 1], true);
    return [div(sub(mul(share, out), matmul(matmul(out, turn(g)), out)), reshape(det, [...det.shape, 1, 1]))];
  },
});

defineHostOp({
  name: "slogdet",
  doc: "The sign and ln |det| of the determinant, side by side; d of the logarithm = A⁻ᵀ.",
  infer: ([a]) => ({ shape: [...batchOf(a?.shape ?? []), 2], dtype: a?.dtype ?? "float32" }),
  host: (inputs, node) =>
    eachMatrix(inputs, node, (matrices) => {
      const n = orderOf(inputs);
      return [Float64Array.from(slogdetOf(luOf(first(matrices), n), n))];
    }),
  grad: ({ inputs, g }) => {
    const [, log] = unpack(g, [[1], [1]]);
    if (log === undefined) throw internalError("slogdet has two results");
    return [mul(column(log), turn(inverse(inputAt(inputs, 0), false)))];
  },
});

defineHostOp({
  name: "solve",
  doc: "X of A X = B; dB = A⁻ᵀ g, dA = -dB Xᵀ.",
  infer: ([, b]) => ({ shape: b?.shape ?? [], dtype: b?.dtype ?? "float32" }),
  host: (inputs, node) =>
    eachMatrix(inputs, node, ([a = new Float64Array(), b = new Float64Array()], where) => {
      const n = orderOf(inputs);
      const lu = luOf(a, n);
      if (lu.zeroPivot > 0) {
        throw failed(
          `torch.linalg.solve: ${where}The solver failed because the input matrix is singular.`,
          "linalg.lstsq finds the best answer where there is no exact one.",
        );
      }
      return [luSolve(lu, n, b, n === 0 ? 0 : b.length / n)];
    }),
  grad: ({ inputs, out, g }) => {
    const db = solve(turn(inputAt(inputs, 0)), g);
    return [neg(matmul(db, out, true)), db];
  },
});

defineHostOp({
  name: "solveTriangular",
  doc: "X of T X = B for the upper or lower triangle T of A; dB = T⁻ᵀ g, dT = the triangle of -dB Xᵀ.",
  infer: ([, b]) => ({ shape: b?.shape ?? [], dtype: b?.dtype ?? "float32" }),
  host: (inputs, node) =>
    eachMatrix(inputs, node, ([a = new Float64Array(), b = new Float64Array()]) => {
      const n = orderOf(inputs);
      const x = b.slice();
      const options = { upper: flag(node.attrs, "upper"), unit: flag(node.attrs, "unit") };
      substitute(a, n, x, n === 0 ? 0 : x.length / n, options);
      return [x];
    }),
  grad: ({ inputs, attrs, out, g }) => {
    const [upper, unit] = [flag(attrs, "upper"), flag(attrs, "unit")];
    const db = solveTriangular(turn(inputAt(inputs, 0)), g, !upper, unit);
    const strict = unit ? 1 : 0;
    return [trilu(neg(matmul(db, out, true)), upper, upper ? strict : -strict), db];
  },
});

defineHostOp({
  name: "cholesky",
  doc: "The lower L of L Lᵀ = A; d = ½ (S + Sᵀ), S = L⁻ᵀ Φ(Lᵀ g) L⁻¹, Φ = lower triangle with half the diagonal.",
  infer: ([a]) => ({ shape: a?.shape ?? [], dtype: a?.dtype ?? "float32" }),
  host: (inputs, node) =>
    eachMatrix(inputs, node, (matrices, where) => {
      const { l, failed: minor } = choleskyOf(first(matrices), orderOf(inputs));
      if (minor > 0) {
        throw failed(
          `linalg.cholesky: ${where}The factorization could not be completed because the input is not positive-definite (the leading minor of order ${minor} is not positive-definite).`,
          "Only symmetric matrices with positive eigenvalues have one; adding a little to the diagonal helps where rounding is to blame.",
        );
      }
      return [l];
    }),
  grad: ({ out, g }) => {
    const product = matmul(turn(out), g);
    const phi = sub(trilu(product, false, 0), scale(mul(product, identityLike(out, sizeAt(out.shape, -1))), 0.5));
    // S = L⁻ᵀ Φ L⁻¹, the right factor through the transpose.
    const left = solveTriangular(turn(out), phi, true);
    const s = turn(solveTriangular(turn(out), turn(left), true));
    return [scale(call("add", [s, turn(s)]), 0.5)];
  },
});

const kOf = (shape: Shape): number => Math.min(sizeAt(shape, -1), sizeAt(shape, -2));

defineHostOp({
  name: "qr",
  doc: "Q and R of A = Q R, packed; d = (gQ + Q sym(R gRᵀ - gQᵀ Q)) R⁻ᵀ where A is no wider than high, the rest of R by A's rest.",
  infer: ([a], attrs) => {
    const shape = a?.shape ?? [];
    const [m, n] = [sizeAt(shape, -2), sizeAt(shape, -1)];
    const k = flag(attrs, "complete") ? m : Math.min(m, n);
    return { shape: [...batchOf(shape), m * k + k * n], dtype: a?.dtype ?? "float32" };
  },
  host: (inputs, node) => {
    const [m, n] = [inputs[0]?.shape.at(-2) ?? 0, orderOf(inputs)];
    return eachMatrix(inputs, node, (matrices) => {
      const { q, r } = qrOf(first(matrices), m, n, flag(node.attrs, "complete"));
      return [q, r];
    });
  },
  grad: ({ inputs, attrs, out, g }) => {
    const a = inputAt(inputs, 0);
    const [m, n] = [sizeAt(a.shape, -2), sizeAt(a.shape, -1)];
    if (flag(attrs, "complete") && m > n) {
      throw failed(
        "The QR decomposition is not differentiable when mode='complete' and nrows > ncols",
        "Use mode 'reduced': the columns beyond it are arbitrary.",
      );
    }
    const k = Math.min(m, n);
    const shapes = [
      [m, k],
      [k, n],
    ];
    const [[q, r], [gq, gr]] = [unpack(out, shapes), unpack(g, shapes)];
    if (q === undefined || r === undefined || gq === undefined || gr === undefined)
      throw internalError("qr has two results");
    if (m >= n) return [qrGrad(q, r, gq, gr)];
    const axis = a.shape.length - 1;
    const gRest = slice(gr, axis, m, n);
    const square = qrGrad(
      q,
      slice(r, axis, 0, m),
      call("add", [gq, matmul(slice(a, axis, m, n), gRest, true)]),
      slice(gr, axis, 0, m),
    );
    return [call("concat", [square, matmul(q, gRest)], { axis })];
  },
});

/** For R square and Q with as many columns (Walter and Lehmann, 2010). */
function qrGrad(q: Node, r: Node, gq: Node, gr: Node): Node {
  const m = sub(matmul(r, gr, true), matmul(turn(gq), q));
  const lower = trilu(m, false, -1);
  const symmetric = call("add", [trilu(m, false, 0), turn(lower)]);
  const right = call("add", [gq, matmul(q, symmetric)]);
  // right R⁻ᵀ = (R⁻¹ rightᵀ)ᵀ
  return turn(solveTriangular(r, turn(right), true));
}

/** x_j - x_i off the diagonal, 1 on it. */
function gaps(x: Node): Node {
  return call("add", [sub(row(x), column(x)), identityLike(x, sizeAt(x.shape, -1))]);
}

defineHostOp({
  name: "eigvalsh",
  doc: "Eigenvalues of symmetric matrices, rising; d = V diag(g) Vᵀ.",
  infer: ([a]) => ({ shape: a?.shape.slice(0, -1) ?? [], dtype: a?.dtype ?? "float32" }),
  host: (inputs, node) => eachMatrix(inputs, node, (matrices) => [eighOf(first(matrices), orderOf(inputs)).values]),
  grad: ({ inputs, g }) => {
    const v = call("eighVectors", [inputAt(inputs, 0)]);
    return [matmul(mul(v, row(g)), v, true)];
  },
});

defineHostOp({
  name: "eighVectors",
  doc: "Eigenvectors of symmetric matrices as columns V; d = V ((Vᵀ g) / (λ_j - λ_i)) Vᵀ.",
  infer: ([a]) => ({ shape: a?.shape ?? [], dtype: a?.dtype ?? "float32" }),
  host: (inputs, node) => eachMatrix(inputs, node, (matrices) => [eighOf(first(matrices), orderOf(inputs)).vectors]),
  grad: ({ inputs, out, g }) => {
    const a = inputAt(inputs, 0);
    const off = sub(constant(1, a.dtype), identityLike(a, sizeAt(a.shape, -1)));
    const inner = mul(div(matmul(turn(out), g), gaps(call("eigvalsh", [a]))), off);
    return [matmul(matmul(out, inner), out, true)];
  },
});

defineHostOp({
  name: "svdvals",
  doc: "Singular values, falling; d = U diag(g) Vᵀ.",
  infer: ([a]) => ({ shape: [...batchOf(a?.shape ?? []), kOf(a?.shape ?? [])], dtype: a?.dtype ?? "float32" }),
  host: (inputs, node) => {
    const [m, n] = [inputs[0]?.shape.at(-2) ?? 0, orderOf(inputs)];
    return eachMatrix(inputs, node, (matrices) => [svdOf(first(matrices), m, n).s]);
  },
  grad: ({ inputs, g }) => {
    const a = inputAt(inputs, 0);
    const { u, vh } = singularVectors(a);
    return [matmul(mul(u, row(g)), vh)];
  },
});

/** U and Vᵀ of A = U diag(s) Vᵀ. */
export function singularVectors(a: Node): { u: Node; vh: Node } {
  const [m, n, k] = [sizeAt(a.shape, -2), sizeAt(a.shape, -1), kOf(a.shape)];
  const [u, vh] = unpack(call("svd", [a]), [
    [m, k],
    [k, n],
  ]);
  if (u === undefined || vh === undefined) throw internalError("svd has two results");
  return { u, vh };
}

defineHostOp({
  name: "svd",
  doc: "Singular vectors U and Vᵀ, packed; d = U ((skew(Uᵀ gU) / E) S + S (skew(Vᵀ gV) / E)) Vᵀ and what lies outside of both, E = s_j² - s_i².",
  infer: ([a]) => {
    const shape = a?.shape ?? [];
    const k = kOf(shape);
    return { shape: [...batchOf(shape), k * (sizeAt(shape, -2) + sizeAt(shape, -1))], dtype: a?.dtype ?? "float32" };
  },
  host: (inputs, node) => {
    const [m, n] = [inputs[0]?.shape.at(-2) ?? 0, orderOf(inputs)];
    return eachMatrix(inputs, node, (matrices) => {
      const { u, vh } = svdOf(first(matrices), m, n);
      return [u, vh];
    });
  },
  grad: ({ inputs, out, g }) => {
    const a = inputAt(inputs, 0);
    const [m, n, k] = [sizeAt(a.shape, -2), sizeAt(a.shape, -1), kOf(a.shape)];
    const shapes = [
      [m, k],
      [k, n],
    ];
    const [[u, vh], [gu, gvh]] = [unpack(out, shapes), unpack(g, shapes)];
    if (u === undefined || vh === undefined || gu === undefined || gvh === undefined)
      throw internalError("svd has two results");
    const s = call("svdvals", [a]);
    const e = gaps(mul(s, s));
    const skew = (x: Node): Node => div(sub(x, turn(x)), e);
    const inner = call("add", [mul(skew(matmul(turn(u), gu)), row(s)), mul(column(s), skew(matmul(vh, gvh, true)))]);
    if (m > k) {
      const scaled = div(gu, row(s));
      const outside = sub(scaled, matmul(u, matmul(turn(u), scaled)));
      return [matmul(call("add", [matmul(u, inner), outside]), vh)];
    }
    if (n > k) {
      const scaled = div(gvh, column(s));
      const outside = sub(scaled, matmul(matmul(scaled, vh, true), vh));
      return [matmul(u, call("add", [matmul(inner, vh), outside]))];
    }
    return [matmul(matmul(u, inner), vh)];
  },
});
