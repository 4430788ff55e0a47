// Decompositions: Cholesky, QR, eigenvalues, singular values.
// Knows no algorithm: values are computed by the operations of graph/ops/decompositions.ts.
import { AbrazoError, internalError, suggestion } from "../../errors.ts";
import { call } from "../../graph/build.ts";
import { singularVectors, unpack } from "../../graph/ops/decompositions.ts";
import { optionsOf } from "../../options.ts";
import { requireTensors } from "../arguments.ts";
import { realizeNodes } from "../realize.ts";
import { Tensor } from "../tensor.ts";
import { requireMatrices, requireSquare } from "./checks.ts";

const svdOptions = optionsOf<{ fullMatrices?: boolean }>({ fullMatrices: true });

const choleskyOptions = optionsOf<{ upper?: boolean }>({ upper: true });

/**
 * The lower triangular L of L Lᵀ = A for symmetric matrices with positive eigenvalues [..., n, n], or Lᵀ with `upper`.
 * A's lower triangle is read. Throws `LINALG` where A is not positive-definite: computed at once.
 *
 * @example
 * ```ts
 * await linalg.cholesky(tensor([[4, 2], [2, 5]], { dtype: "float32" })).tolist(); // [[2, 0], [1, 2]]
 * ```
 */
export function cholesky(a: Tensor, given?: { upper?: boolean }): Tensor {
  requireTensors("cholesky", a);
  const { upper = false } = choleskyOptions("cholesky", given);
  requireSquare("cholesky", a);
  const l = a.map((node) => call("cholesky", [node]));
  realizeNodes([l.node], l.device);
  return upper ? l.transpose(-1, -2) : l;
}

const QR_MODES = ["reduced", "complete", "r"] as const;

/**
 * Q with orthonormal columns and the upper triangular R of A = Q R, for matrices [..., m, n]. "reduced": Q is [..., m, k]
 * with k = min(m, n); "complete": Q is square; "r": R alone, Q empty.
 *
 * @throws BAD_OPTION for an unknown mode; SHAPE_MISMATCH; DTYPE_UNSUPPORTED for whole numbers
 *
 * @example
 * ```ts
 * const { q, r } = linalg.qr(tensor([[3, 1], [4, 2]], { dtype: "float64" }));
 * await r.select(0, 0).tolist(); // [-5, -2.2]
 * ```
 */
export function qr(a: Tensor, mode: (typeof QR_MODES)[number] = "reduced"): { q: Tensor; r: Tensor } {
  requireTensors("qr", a);
  if (!QR_MODES.includes(mode)) {
    throw new AbrazoError({
      code: "BAD_OPTION",
      message: `qr received unrecognized mode '${mode}' but expected one of 'reduced' (default), 'r', or 'complete'`,
      hint: suggestion(mode, QR_MODES),
    });
  }
  requireMatrices("qr", a);
  const [m, n] = [a.size(-2), a.size(-1)];
  const k = mode === "complete" ? m : Math.min(m, n);
  const [q, r] = unpack(call("qr", [a.node], { complete: mode === "complete" }), [
    [m, k],
    [k, n],
  ]).map((node) => Tensor.fromNode(node, [a]));
  if (q === undefined || r === undefined) throw internalError("qr has two results");
  if (mode !== "r") return { q, r };
  return { q: q.flatten().slice(0, 0, 0), r };
}

/**
 * Eigenvalues [..., n], rising, and eigenvectors (columns of [..., n, n]) of symmetric matrices; the lower triangle is read.
 * An eigenvector's sign is arbitrary. The gradient of the eigenvectors exists where the eigenvalues differ.
 *
 * @example
 * ```ts
 * const { eigenvalues } = linalg.eigh(tensor([[2, 1], [1, 2]], { dtype: "float32" }));
 * await eigenvalues.tolist(); // [1, 3]
 * ```
 */
export function eigh(a: Tensor): { eigenvalues: Tensor; eigenvectors: Tensor } {
  requireTensors("eigh", a);
  requireSquare("eigh", a);
  return { eigenvalues: eigvalsh(a), eigenvectors: a.map((node) => call("eighVectors", [node])) };
}

/**
 * The eigenvalues of `eigh` alone; their gradient exists where some are equal, too. Symmetric [..., n, n] → [..., n],
 * ascending.
 *
 * @example
 * ```ts
 * linalg.eigvalsh(tensor([[2, 1], [1, 2]], { dtype: "float32" })).tolistSync(); // [1, 3]
 * ```
 */
export function eigvalsh(a: Tensor): Tensor {
  requireTensors("eigvalsh", a);
  requireSquare("eigvalsh", a);
  return a.map((node) => call("eigvalsh", [node]));
}

/**
 * U, s (falling) and Vᵀ of A = U diag(s) Vᵀ for matrices [..., m, n], k = min(m, n): U is [..., m, k] and Vᵀ [..., k, n].
 * Signs of singular vectors are arbitrary, in pairs. `fullMatrices: true` (PyTorch's default) makes both square; the
 * columns that it adds are arbitrary and have no gradient.
 *
 * @throws NO_GRADIENT for the full vectors of a matrix that is not square and requires grad; SHAPE_MISMATCH;
 *   DTYPE_UNSUPPORTED
 *
 * @example
 * ```ts
 * const { s } = linalg.svd(tensor([[3, 0], [0, -4]], { dtype: "float64" }));
 * await s.tolist(); // [4, 3]
 * ```
 */
export function svd(a: Tensor, given?: { fullMatrices?: boolean }): { u: Tensor; s: Tensor; vh: Tensor } {
  requireTensors("svd", a);
  const { fullMatrices = true } = svdOptions("svd", given);
  requireMatrices("svd", a);
  const { u, vh } = singularVectors(a.node);
  const reduced = { u: Tensor.fromNode(u, [a]), s: svdvals(a), vh: Tensor.fromNode(vh, [a]) };
  const [m, n] = [a.size(-2), a.size(-1)];
  if (!fullMatrices || m === n) return reduced;
  if (a.requiresGrad) {
    throw new AbrazoError({
      code: "NO_GRADIENT",
      message: "svd_backward: The gradient of the full singular vectors is not defined.",
      hint: "Pass { fullMatrices: false }, or detach() the input.",
    });
  }
  return m > n
    ? { ...reduced, u: squared(reduced.u) }
    : { ...reduced, vh: squared(reduced.vh.transpose(-1, -2)).transpose(-1, -2) };
}

/** Orthonormal columns, and further ones that make the matrix square: those of its complete Q R. */
function squared(u: Tensor): Tensor {
  const [m, k] = [u.size(-2), u.size(-1)];
  const { q } = qr(u, "complete");
  return Tensor.fromNode(call("concat", [u.node, q.slice(-1, k, m).node], { axis: u.ndim - 1 }), [u]);
}

/**
 * The singular values of `svd` alone; their gradient exists where some are equal or zero, too. [..., m, n] → [...,
 * min(m, n)], descending.
 *
 * @example
 * ```ts
 * linalg.svdvals(tensor([[3, 0], [0, -4]], { dtype: "float32" })).tolistSync(); // [4, 3]
 * ```
 */
export function svdvals(a: Tensor): Tensor {
  requireTensors("svdvals", a);
  requireMatrices("svdvals", a);
  return a.map((node) => call("svdvals", [node]));
}
