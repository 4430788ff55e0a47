// What the functions of linear algebra ask of their inputs, in PyTorch's sentences.
// Computes nothing.
import { AbrazoError } from "../../errors.ts";
import { type DType, isFloat } from "../../graph/dtype.ts";
import { type Shape, shapeError, showShape } from "../../graph/shape.ts";
import { currentScope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { cTypeName, scalarTypeName } from "../type-names.ts";

export function rankError(message: string, hint: string, tensors: readonly Tensor[]): AbrazoError {
  return shapeError(message, hint, { shapes: tensors.map(({ dims }) => dims) });
}

export const has = ({ dims }: Tensor): string => `It has shape ${showShape(dims)}.`;

/** Products do not convert: both operands are of one dtype, unless autocast converts them. */
export function requireSameDType(a: DType, b: DType): void {
  if (a === b || currentScope().autocast !== undefined) return;
  throw new AbrazoError({
    code: "DTYPE_MISMATCH",
    message: `expected m1 and m2 to have the same dtype, but got: ${cTypeName(a)} != ${cTypeName(b)}`,
    hint: `Operands are ${a} and ${b}; convert one of them with to().`,
    data: { dtypes: [a, b] },
  });
}

export function requireFloat(name: string, a: Tensor): void {
  if (isFloat(a.dtype)) return;
  throw new AbrazoError({
    code: "DTYPE_UNSUPPORTED",
    message: `linalg.${name}: Expected a floating point or complex tensor as input. Got ${scalarTypeName(a.dtype)}`,
    hint: 'Convert it with to("float32").',
    data: { dtype: a.dtype },
  });
}

/** At least a matrix, of float32 or float64. */
export function requireMatrices(name: string, a: Tensor, letter = "A"): void {
  if (a.ndim < 2) {
    throw rankError(`linalg.${name}: The input tensor ${letter} must have at least 2 dimensions.`, has(a), [a]);
  }
  requireFloat(name, a);
  if (a.dtype === "float32" || a.dtype === "float64") return;
  throw new AbrazoError({
    code: "DTYPE_UNSUPPORTED",
    message: `linalg.${name}: Low precision dtypes not supported. Got ${scalarTypeName(a.dtype)}`,
    hint: 'Convert it with to("float32").',
    data: { dtype: a.dtype },
  });
}

export function requireSquare(name: string, a: Tensor): void {
  requireMatrices(name, a);
  requireEqualSides(name, a);
}

export function requireEqualSides(name: string, a: Tensor): void {
  if (a.ndim < 2) throw rankError(`linalg.${name}: The input tensor A must have at least 2 dimensions.`, has(a), [a]);
  const [rows, columns] = a.dims.slice(-2);
  if (rows === columns) return;
  throw rankError(
    `linalg.${name}: A must be batches of square matrices, but they are ${rows} by ${columns} matrices`,
    has(a),
    [a],
  );
}

export const batchOf = (shape: Shape): Shape => shape.slice(0, -2);
