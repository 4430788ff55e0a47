// Writing into a tensor: methods whose name ends in an underscore, as in PyTorch. Views of it see what was written.
import { scalarNode, type Tensor, type TensorLike } from "../tensor.ts";

type Binary = (this: Tensor, other: TensorLike) => Tensor;

/** The twin of a method of two operands that writes its result into the first. */
const inPlace = (name: "add" | "sub" | "mul" | "div"): Binary =>
  function (this: Tensor, other: TensorLike): Tensor {
    return this.write(this[name](other).node, typeof other === "number" ? [] : [other]);
  };

export const inPlaceMethods = {
  add_: inPlace("add"),
  sub_: inPlace("sub"),
  mul_: inPlace("mul"),
  div_: inPlace("div"),
  copy_(this: Tensor, other: Tensor): Tensor {
    return this.write(other.node, [other]);
  },
  fill_(this: Tensor, value: number): Tensor {
    return this.write(scalarNode(value, this.dtype));
  },
  zero_(this: Tensor): Tensor {
    return this.fill_(0);
  },
};
