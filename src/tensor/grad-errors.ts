// PyTorch's refusals around gradients, in its words.
// Decides nothing: who throws them knows when.
import { AbrazoError } from "../errors.ts";
import type { DType } from "../graph/dtype.ts";
import type { Tensor } from "./tensor.ts";

const size = (shape: readonly unknown[]): string => `[${shape.join(", ")}]`;

/** A gradient fits its tensor: same sizes, dtype and device. */
export function checkGrad(tensor: Tensor, grad: unknown): void {
  // safe because every tensor has dims; anything else is refused
  const given = (grad ?? {}) as Partial<Tensor>;
  if (given.dims === undefined || given.dtype === undefined) {
    throw gradError(`assigned grad expected to be a Tensor or None but got grad of type ${typeof grad}`);
  }
  if (given === tensor) throw gradError("can't assign Variable as its own grad");
  if (given.dims.join() !== tensor.dims.join()) {
    throw gradError(
      `attempting to assign a gradient of size '${size(given.dims)}' to a tensor of size '${size(tensor.dims)}'. Please ensure that the gradient and the tensor are the same size`,
    );
  }
  if (given.dtype !== tensor.dtype) {
    throw gradError(
      `attempting to assign a gradient with dtype '${given.dtype}' to a tensor with data type '${tensor.dtype}'. Please ensure that the gradient and the tensor have the same dtype`,
    );
  }
  if (given.device !== tensor.device) {
    throw gradError(
      `attempting to assign a gradient with device type '${given.device}' to a tensor with device type '${tensor.device}'. Please ensure that the gradient and the tensor are on the same device`,
    );
  }
}

function gradError(message: string): AbrazoError {
  return new AbrazoError({
    code: "GRAD_MISMATCH",
    message,
    hint: "A gradient has the shape, the dtype and the device of its tensor; null takes it away.",
  });
}

export function integerGradError(dtype: DType): AbrazoError {
  return new AbrazoError({
    code: "GRAD_OF_INTEGER",
    message: "only Tensors of floating point dtype can require gradients",
    hint: `This tensor is ${dtype}; convert it with to("float32").`,
  });
}

export function notLeafError(): AbrazoError {
  return new AbrazoError({
    code: "NOT_A_LEAF",
    message:
      "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach().",
    hint: "detach() gives the same elements without a history.",
  });
}

export function detachViewError(): AbrazoError {
  return new AbrazoError({
    code: "DETACH_VIEW",
    message: "Can't detach views in-place. Use detach() instead.",
    hint: "A view has the history of what it looks at.",
  });
}

export function noGraphError(index: number): AbrazoError {
  return new AbrazoError({
    code: "NO_GRAD_GRAPH",
    message: `element ${index} of tensors does not require grad and does not have a grad_fn`,
    hint: "Create a leaf with { requiresGrad: true }, and do not compute it inside noGrad().",
  });
}

export function noGradHookError(message: string): AbrazoError {
  return new AbrazoError({
    code: "NO_GRAD_GRAPH",
    message,
    hint: "Create a leaf with { requiresGrad: true }, and do not compute it inside noGrad().",
  });
}

export function gradSizeError(message: string, hint: string): AbrazoError {
  return new AbrazoError({ code: "SHAPE_MISMATCH", message, hint });
}
