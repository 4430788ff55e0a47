// Affine maps: linear, bilinear.
// Holds no weights.
import { AbrazoError } from "../../errors.ts";
import * as build from "../../graph/build.ts";
import { shapeError } from "../../graph/shape.ts";
import { requireOptionalTensor, requireTensors } from "../../tensor/arguments.ts";
import { Tensor } from "../../tensor/index.ts";
import { scalarTypeName } from "../../tensor/operands.ts";
import { currentScope } from "../../tensor/scope.ts";

/**
 * x Wᵀ + b, with x [..., in], W [out, in], b [out]: [..., out].
 *
 * @example
 * ```ts
 * linear(ones([2, 3]), ones([4, 3])).tolistSync(); // [[3, 3, 3, 3], [3, 3, 3, 3]]
 * ```
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor | null): Tensor {
  requireTensors("linear", x, weight);
  requireOptionalTensor("linear", 3, bias);
  // Autocast brings both to one dtype.
  if (x.dtype !== weight.dtype && currentScope().autocast === undefined) {
    throw new AbrazoError({
      code: "DTYPE_MISMATCH",
      message: `mat1 and mat2 must have the same dtype, but got ${scalarTypeName(x.dtype)} and ${scalarTypeName(weight.dtype)}`,
      hint: `Convert the input with to("${weight.dtype}"), or the module with to("${x.dtype}").`,
      data: { input: x.dtype, weight: weight.dtype },
    });
  }
  if (x.ndim === 0) {
    throw shapeError(`both arguments to linear need to be at least 1D, but they are 0D and ${weight.ndim}D`);
  }
  if (x.ndim === 1) return linear(x.unsqueeze(0), weight, bias).squeeze(0);
  if (bias && x.ndim === 2 && x.dtype === weight.dtype && x.dtype === bias.dtype) {
    const node = build.addmm(bias.node, x.node, weight.node, { transposeB: true });
    return Tensor.fromNode(node, [x, weight, bias]);
  }
  const product = Tensor.fromNode(build.matmul(x.node, weight.node, true), [x, weight]);
  return bias ? product.add(bias) : product;
}

/**
 * y_k = x₁ᵀ W_k x₂ + b_k, with x₁ [..., in₁], x₂ [..., in₂], W [out, in₁, in₂], b [out]: [..., out].
 *
 * @example
 * ```ts
 * bilinear(ones([5, 2]), ones([5, 3]), ones([4, 2, 3])).shape; // [5, 4]
 * ```
 */
export function bilinear(x1: Tensor, x2: Tensor, weight: Tensor, bias?: Tensor | null): Tensor {
  requireTensors("bilinear", x1, x2, weight);
  requireOptionalTensor("bilinear", 4, bias);
  requireFitting(x1, x2, weight, bias);
  const [out, in1, in2] = weight.shape as readonly [number, number, number]; // safe because a bilinear weight has three axes
  // x₁ times all W_k side by side, [..., out, in₂], then each row times x₂.
  const flat = weight.permute([1, 0, 2]).reshape([in1, out * in2]);
  const left = x1.matmul(flat).unflatten(-1, [out, in2]);
  const product = left.mul(x2.unsqueeze(-2)).sum(-1);
  return bias ? product.add(bias) : product;
}

function requireFitting(x1: Tensor, x2: Tensor, weight: Tensor, bias: Tensor | null | undefined): void {
  if (x1.ndim !== x2.ndim) {
    throw shapeError(`bilinear(): input dimensions do not match: got ${x1.ndim} and ${x2.ndim}`);
  }
  if (x1.ndim === 0) throw shapeError("Dimension specified as -1 but tensor has no dimensions");
  const odd = x1.dims.findIndex((dim, axis) => axis < x1.ndim - 1 && dim !== x2.dims[axis]);
  if (odd >= 0) {
    throw shapeError(
      `bilinear(): input batch dimensions do not match at dim ${odd}: got ${x1.dims[odd]} and ${x2.dims[odd]}`,
    );
  }
  const [out, in1, in2] = weight.dims;
  for (const [name, size, wanted] of [
    ["input1", x1.dims.at(-1), in1],
    ["input2", x2.dims.at(-1), in2],
    ["bias", bias?.dims[0] ?? out, out],
  ] as const) {
    if (size === wanted) continue;
    throw shapeError(`bilinear(): ${name} size does not match weight size: got ${size} but expected ${wanted}`);
  }
}
