// PyTorch's type promotion of operands: tensors, 0-d tensors and numbers.
// Knows nodes and numbers, no tensors.
import { AbrazoError } from "../errors.ts";
import * as build from "../graph/build.ts";
import { DTYPES, type DType, isFloat, promote } from "../graph/dtype.ts";
import { makeLeaf } from "../graph/leaf.ts";
import { Node } from "../graph/node.ts";
import { encode, requireScalar, type Scalar } from "./convert.ts";
import { activeTrace } from "./trace.ts";

/** The dtype of a number by itself: whole numbers that fit 64 bits are int64, as JavaScript has no 2.0 apart from 2. */
function dtypeOfScalar(value: Scalar): DType {
  if (typeof value === "boolean") return "bool";
  if (typeof value === "bigint") return "int64";
  return Number.isInteger(value) && Math.abs(value) < 2 ** 63 ? "int64" : "float32";
}

/** `higher` raised to the kind of `lower`, never in width: a number leaves int8 int8 and float16 float16. */
function raise(higher: DType | undefined, lower: DType | undefined): DType | undefined {
  if (higher === undefined || lower === undefined) return higher ?? lower;
  if (isFloat(higher)) return higher;
  return higher === "bool" || isFloat(lower) ? promote(higher, lower) : higher;
}

/**
 * The dtype in which an operation on these operands computes (torch.result_type): tensors with axes decide first, then
 * 0-d tensors, then numbers.
 */
export function resultType(operands: readonly (Node | Scalar)[]): DType {
  let [arrays, zeros, numbers]: (DType | undefined)[] = [];
  const join = (known: DType | undefined, dtype: DType) => (known === undefined ? dtype : promote(known, dtype));
  for (const operand of operands) {
    if (!(operand instanceof Node)) numbers = join(numbers, dtypeOfScalar(operand));
    else if (operand.shape.length === 0) zeros = join(zeros, operand.dtype);
    else arrays = join(arrays, operand.dtype);
  }
  return raise(arrays, raise(zeros, numbers)) ?? "float32";
}

/** The operands as nodes of one dtype. Numbers become inputs of the graph: another number needs no other graph. */
export function operandNodes(operands: readonly (Node | Scalar)[], dtype: DType = resultType(operands)): Node[] {
  return operands.map((operand) => (operand instanceof Node ? build.cast(operand, dtype) : numberNode(operand, dtype)));
}

/** The numbers that a piece of code records, in the order in which it does. */
export type SharedNumbers = { value: Scalar; node: Node }[];

let shared: { numbers: SharedNumbers; next: number } | undefined;

/**
 * Records `fn`, which is called for one tensor after another, with its n-th number as one input of the graph for all of them,
 * as long as they are equal: each input costs its feeding. Not by value: the graph shall not change when two happen to meet.
 */
export function sharingNumbers<Result>(numbers: SharedNumbers, fn: () => Result): Result {
  const before = shared;
  shared = { numbers, next: 0 };
  try {
    return fn();
  } finally {
    shared = before;
  }
}

/** A 0-d leaf. A number beyond a whole-number dtype wraps around, as in PyTorch. */
export function numberNode(value: Scalar, dtype: DType): Node {
  requireScalar(value);
  const trace = activeTrace();
  if (shared === undefined || trace !== undefined) {
    const leaf = numberLeaf(value, dtype);
    trace?.number(leaf);
    return leaf;
  }
  const place = shared.next++;
  const known = shared.numbers[place];
  if (known !== undefined && Object.is(known.value, value) && known.node.dtype === dtype) return known.node;
  const node = numberLeaf(value, dtype);
  shared.numbers[place] ??= { value, node };
  return node;
}

function numberLeaf(value: Scalar, dtype: DType): Node {
  return makeLeaf([], dtype, { kind: "host", data: encode([value], dtype) });
}

/** PyTorch's names of the dtypes in messages. */
const SCALAR_TYPES: Readonly<Record<DType, string>> = {
  float32: "Float",
  float64: "Double",
  float16: "Half",
  bfloat16: "BFloat16",
  int8: "Char",
  int16: "Short",
  int32: "Int",
  int64: "Long",
  uint8: "Byte",
  bool: "Bool",
};

export const scalarTypeName = (dtype: DType): string => SCALAR_TYPES[dtype];

/** A result may be written where no kind is lost: no real number into whole ones, no number into truth values. */
export function requireCastable(from: DType, to: DType): void {
  const order = { bool: 0, int: 1, float: 2 };
  if (order[DTYPES[from].kind] <= order[DTYPES[to].kind]) return;
  throw new AbrazoError({
    code: "DTYPE_MISMATCH",
    message: `result type ${scalarTypeName(from)} can't be cast to the desired output type ${scalarTypeName(to)}`,
    hint: `Use the form without an underscore, which gives a new ${from} tensor.`,
    data: { from, to },
  });
}
