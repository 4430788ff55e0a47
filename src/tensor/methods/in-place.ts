// Writing into a tensor: methods whose name ends in an underscore, as in PyTorch. Views of it see what was written.
// Computes nothing: a twin writes what the method without underscore gives.
import * as build from "../../graph/build.ts";
import type { Node } from "../../graph/node.ts";
import { shapeError, showShape } from "../../graph/shape.ts";
import type { Scalar } from "../convert.ts";
import { requireCastable } from "../operands.ts";
import { gradEnabled } from "../scope.ts";
import { scalarNode, type Tensor } from "../tensor.ts";
import { activationMethods } from "./activation.ts";
import { compareMethods } from "./compare.ts";
import { cumulativeMethods } from "./cumulative.ts";
import { elementwiseMethods } from "./elementwise.ts";
import { functionMethods } from "./functions.ts";

const { cumsum, cumprod } = cumulativeMethods;
const { relu } = activationMethods;
// Of two operands of equal rank none is the one to be written; these answer with a truth value.
const { equal: _equal, allclose: _allclose, isclose: _isclose, ...comparisons } = compareMethods;
const {
  isnan: _nan,
  isinf: _inf,
  isposinf: _pos,
  isneginf: _neg,
  isfinite: _finite,
  signbit: _sign,
  ...logic
} = comparisons;
const { rsub: _rsub, maximum: _max, minimum: _min, fmax: _fmax, fmin: _fmin, ...further } = elementwiseMethods;
const { logaddexp: _logaddexp, logaddexp2: _logaddexp2, ...arithmetic } = further;

/** Every method that has a twin: what PyTorch has as `name_`. */
const WRITABLE = { ...arithmetic, ...functionMethods, ...logic, relu, cumsum, cumprod };

type Twins<Methods> = { [Name in keyof Methods & string as `${Name}_`]: Methods[Name] };
type Method = (this: Tensor, ...args: never[]) => Tensor;

/** The result must fit: its dtype without losing a kind, its shape as it is. */
const twinOf = (method: Method): Method =>
  function (this: Tensor, ...args: never[]): Tensor {
    const result = method.apply(this, args);
    requireCastable(result.dtype, this.dtype);
    const same = result.ndim === this.ndim && result.dims.every((size, axis) => size === this.dims[axis]);
    if (!same) {
      throw shapeError(
        `output with shape ${showShape(this.dims)} doesn't match the broadcast shape ${showShape(result.dims)}`,
        "What is written has the shape of the tensor that it is written to; expand() that one first.",
      );
    }
    return this.write(result.node, [result]);
  };

const twins = Object.fromEntries(
  Object.entries(WRITABLE).map(([name, method]) => [`${name}_`, twinOf(method)]),
) as Twins<typeof WRITABLE>; // safe because every method is entered once, with its own parameters

/** What is written over a result still depends on what that came from: its gradient is 0 there, as in PyTorch, not absent. */
function overwriting(tensor: Tensor, node: Node): Node {
  if (!gradEnabled() || tensor.isLeaf) return node;
  const value = build.expand(build.cast(node, tensor.dtype), tensor.dims);
  return build.where(build.constant(0, "bool"), tensor.node, value);
}

export const inPlaceMethods = {
  ...twins,
  /** Takes over the elements of another tensor, converted and broadcast. */
  copy_(this: Tensor, other: Tensor): Tensor {
    return this.write(overwriting(this, other.node), [other]);
  },
  /** One value everywhere, converted to the dtype. */
  fill_(this: Tensor, value: Scalar): Tensor {
    return this.write(overwriting(this, scalarNode(value, this.dtype)));
  },
  /** 0 everywhere. */
  zero_(this: Tensor): Tensor {
    return this.fill_(0);
  },
};
