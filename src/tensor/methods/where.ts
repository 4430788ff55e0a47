// Choosing between two operands by a condition.
// Knows no masks that pick: those are scatter.ts.
import { AbrazoError } from "../../errors.ts";
import * as build from "../../graph/build.ts";
import { Tensor, type TensorLike } from "../tensor.ts";

/** `a` where the condition holds, else `b`; all three broadcast, and the dtype is PyTorch's promotion of the two. */
export function chooseWhere(condition: Tensor, a: TensorLike, b: TensorLike): Tensor {
  if (condition.dtype !== "bool" && condition.dtype !== "uint8") {
    throw new AbrazoError({
      code: "MASK_DTYPE",
      message: `where expected condition to be a boolean tensor, but got a tensor with dtype ${condition.dtype}`,
      hint: 'Make a condition with a comparison, or with to("bool").',
    });
  }
  const holds = build.cast(condition.node, "bool");
  const chosen = Tensor.combineAll([a, b], ([one, other]) => build.where(holds, one ?? holds, other ?? holds));
  const isPlaced = [a, b].some((operand) => operand instanceof Tensor && operand.ndim > 0);
  return isPlaced || condition.device === chosen.device
    ? chosen
    : new Tensor(chosen.storage, { device: condition.device });
}
