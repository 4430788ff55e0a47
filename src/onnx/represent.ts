// Storage dtype and compute dtype apart: what a node's numbers are inside a graph, and at its edges.
// Knows no operation: each says in which dtypes it has no kernel.
import { DTYPES, type DType, type TypedArray } from "../graph/dtype.ts";
import { narrowToBfloat16, widenBfloat16 } from "../graph/half.ts";
import { Node } from "../graph/node.ts";

/** bfloat16 has no kernels and cannot cross the binding: inside a graph it is float32, rounded after every operation. */
export const storedAs = (dtype: DType): DType => (dtype === "bfloat16" ? "float32" : dtype);

export const onnxTypeOf = (dtype: DType): number => DTYPES[storedAs(dtype)].onnx;

/** The node as its kernel sees it: itself, or one of other dtypes where there is no kernel for its own. */
export function asComputed(node: Node): Node {
  const { op, attrs, inputs, dtype } = node;
  const as = (own: DType): DType => op.computeIn?.[storedAs(own)] ?? storedAs(own);
  if (as(dtype) === dtype && inputs.every((input) => as(input.dtype) === input.dtype)) return node;
  const seen = inputs.map((input) => {
    const other = as(input.dtype);
    return other === input.dtype ? input : new Node(input.op, input.inputs, input.attrs, { ...input, dtype: other });
  });
  return new Node(op, seen, attrs, { ...node, dtype: as(dtype) });
}

/** Elements as a session takes them. */
export function toSession(dtype: DType, data: TypedArray): { dtype: DType; data: TypedArray } {
  if (dtype !== "bfloat16") return { dtype, data };
  // safe because bfloat16 elements are always bits in a Uint16Array
  return { dtype: "float32", data: widenBfloat16(data as Uint16Array) };
}

/** Elements as a session gave them, in their own dtype. */
export function fromSession(dtype: DType, data: TypedArray): TypedArray {
  // safe because storedAs("bfloat16") is float32
  return dtype === "bfloat16" ? narrowToBfloat16(data as Float32Array) : data;
}
