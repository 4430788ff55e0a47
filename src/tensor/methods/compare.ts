// Comparisons, logic and bits. Results of comparisons and of logic are bool.
import { AbrazoError } from "../../errors.ts";
import * as build from "../../graph/build.ts";
import { isFloat } from "../../graph/dtype.ts";
import type { Node } from "../../graph/node.ts";
import { optionsOf } from "../../options.ts";
import { scalarTypeName } from "../operands.ts";
import type { Tensor, TensorLike } from "../tensor.ts";
import { binary, floating, unary } from "./support.ts";

/** Truth values are compared as 0 and 1. */
const compared = (name: string) => (a: Node, b: Node) =>
  a.dtype === "bool" && name !== "eq"
    ? build.call(name, [build.cast(a, "int32"), build.cast(b, "int32")])
    : build.call(name, [a, b]);

const comparison = (name: string) =>
  function (this: Tensor, other: TensorLike): Tensor {
    return this.combine(other, compared(name));
  };

const eq = comparison("eq");

const logical = (name: string) =>
  function (this: Tensor, other: TensorLike): Tensor {
    return this.combine(other, (a, b) => build.call(name, [build.cast(a, "bool"), build.cast(b, "bool")]));
  };

const isValue = (value: number, prepare: (node: Node) => Node = (node) => node) =>
  function (this: Tensor): Tensor {
    return this.map((node) => {
      const x = prepare(floating(node));
      return build.equal(x, build.constant(value, x.dtype));
    });
  };

function finite(node: Node): Node {
  const x = floating(node);
  return build.less(build.abs(x), build.constant(Number.POSITIVE_INFINITY, x.dtype));
}

export interface Closeness {
  rtol?: number;
  atol?: number;
  /** Counts a NaN as close to a NaN. */
  equalNan?: boolean;
}

const closenessOptions = optionsOf<Closeness>({ rtol: true, atol: true, equalNan: true });

export const compareMethods = {
  /** Whether the elements are equal: bool, broadcast. NaN equals nothing. */
  eq,
  /** Whether the elements differ. */
  ne(this: Tensor, other: TensorLike): Tensor {
    return eq.call(this, other).map(build.logicalNot);
  },
  /** Whether this < other. */
  lt: comparison("lt"),
  /** Whether this ≤ other. */
  le: comparison("le"),
  /** Whether this > other. */
  gt: comparison("gt"),
  /** Whether this ≥ other. */
  ge: comparison("ge"),
  /**
   * Whether shapes and all elements are the same. Computes now.
   *
   * @example
   * ```ts
   * tensor([1, 2]).equal(tensor([1, 2])); // true
   * ```
   */
  equal(this: Tensor, other: Tensor): boolean {
    if (this.ndim !== other.ndim || this.shape.some((size, axis) => size !== other.shape[axis])) return false;
    return eq.call(this, other).all().itemSync() === 1;
  },
  /** Whether |this - other| ≤ atol + rtol · |other|, element by element; infinities are close to themselves. */
  isclose(this: Tensor, other: Tensor, given?: Closeness): Tensor {
    const { rtol = 1e-5, atol = 1e-8, equalNan = false } = closenessOptions("isclose", given);
    if (this.dtype !== other.dtype) {
      throw new AbrazoError({
        code: "DTYPE_MISMATCH",
        message: `${scalarTypeName(this.dtype)} did not match ${scalarTypeName(other.dtype)}`,
        hint: `Convert one of them, e.g. with to("${this.dtype}").`,
      });
    }
    const same = eq.call(this, other);
    if (!isFloat(this.dtype) && rtol === 0 && atol === 0) return same;
    const [a, b] = [this.map(floating), other.map(floating)];
    const distance = a.sub(b).abs();
    const near = distance.le(b.abs().mul(rtol).add(atol)).logicalAnd(distance.isfinite());
    const close = same.logicalOr(near);
    return equalNan ? close.logicalOr(a.isnan().logicalAnd(b.isnan())) : close;
  },
  /** Whether all elements are close. Computes now. */
  allclose(this: Tensor, other: Tensor, given?: Closeness): boolean {
    const closeness = closenessOptions("allclose", given);
    return this.isclose(other, closeness).all().itemSync() === 1;
  },
  /** Whether both are not zero. */
  logicalAnd: logical("logicalAnd"),
  /** Whether one is not zero. */
  logicalOr: logical("logicalOr"),
  /** Whether exactly one is not zero. */
  logicalXor: logical("logicalXor"),
  /** Whether it is zero. */
  logicalNot(this: Tensor): Tensor {
    return this.map((node) => build.logicalNot(build.cast(node, "bool")));
  },
  /** Whether it is no number. */
  isnan: unary("isnan"),
  /** Whether it is Infinity or -Infinity. */
  isinf: isValue(Number.POSITIVE_INFINITY, build.abs),
  /** Whether it is Infinity. */
  isposinf: isValue(Number.POSITIVE_INFINITY),
  /** Whether it is -Infinity. */
  isneginf: isValue(Number.NEGATIVE_INFINITY),
  /** Whether the sign is negative: true of -0 too. */
  signbit(this: Tensor): Tensor {
    return this.map((node) => {
      const x = node.dtype === "bool" ? build.cast(node, "int32") : node;
      const sign = isFloat(x.dtype) ? build.call("copysign", [build.constant(1, x.dtype), x]) : x;
      return build.less(sign, build.constant(0, x.dtype));
    });
  },
  /** Whether it is neither infinite nor NaN. */
  isfinite(this: Tensor): Tensor {
    return this.map(finite);
  },
  /** Bits that are set in both; of truth values: and. Floats have no bits to work on. */
  bitwiseAnd: binary("bitwiseAnd"),
  /** Bits that are set in either; of truth values: or. */
  bitwiseOr: binary("bitwiseOr"),
  /** Bits that are set in one of both; of truth values: whether they differ. */
  bitwiseXor: binary("bitwiseXor"),
  /** All bits turned; of truth values: not. */
  bitwiseNot(this: Tensor): Tensor {
    return this.map((node) => build.call("bitwiseNot", [node]));
  },
  /** `this · 2^other`, as far as the dtype has bits. */
  bitwiseLeftShift: binary("bitwiseLeftShift"),
  /** `this / 2^other`, rounded down. */
  bitwiseRightShift: binary("bitwiseRightShift"),
};
