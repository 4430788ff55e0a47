// torch.linalg: one namespace of the functions of linear algebra.
// Has no function of its own.
export { cholesky, eigh, eigvalsh, qr, svd, svdvals } from "./linalg/factors.ts";
export { cond, type MatrixOrder, matrixNorm, matrixRank, norm, vectorNorm } from "./linalg/norms.ts";
export { cross, matrixPower, multiDot } from "./linalg/products.ts";
export { det, inv, lstsq, pinv, slogdet, solve, solveTriangular } from "./linalg/solving.ts";
