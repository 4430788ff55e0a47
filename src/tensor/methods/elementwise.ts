// Arithmetic of two operands and more, element by element, with broadcasting and PyTorch's promotion.
// Functions of one operand are in functions.ts.
import { AbrazoError } from "../../errors.ts";
import * as build from "../../graph/build.ts";
import { type DType, isFloat } from "../../graph/dtype.ts";
import type { Node } from "../../graph/node.ts";
import { optionsOf } from "../../options.ts";
import type { Scalar } from "../convert.ts";
import { numberNode, resultType } from "../operands.ts";
import { Tensor, type TensorLike } from "../tensor.ts";
import { floating, realBinary, requireReal, wideInAutocast } from "./support.ts";

const factorOption = optionsOf<{ value?: Scalar }>({ value: true });

const divOptions = optionsOf<{ roundingMode?: Rounding | undefined }>({ roundingMode: true });

const alphaOption = optionsOf<{ alpha?: Scalar }>({ alpha: true });

/** An operation that on truth values is a logical one. */
const withTruth = (name: string, logical: string) => (a: Node, b: Node) =>
  build.call(a.dtype === "bool" ? logical : name, [a, b]);
const plus = withTruth("add", "logicalOr");
const times = withTruth("mul", "logicalAnd");
const larger = withTruth("maximum", "logicalOr");
const smaller = withTruth("minimum", "logicalAnd");

function scaled(node: Node, alpha: Scalar): Node {
  if (alpha === 1) return node;
  if (!isFloat(node.dtype) && typeof alpha === "number" && !Number.isInteger(alpha)) {
    throw new AbrazoError({
      code: "DTYPE_MISMATCH",
      message: "For integral input tensors, argument alpha must not be a floating point number.",
      hint: `The operands are ${node.dtype}; convert one of them to float32.`,
    });
  }
  return times(node, numberNode(alpha, node.dtype));
}

/** PyTorch subtracts no truth values, not even as the numbers 0 and 1. */
function requireNumbers(a: Tensor, b: TensorLike): void {
  const isTruth = (operand: TensorLike) =>
    operand instanceof Tensor ? operand.dtype === "bool" : operand === true || operand === false;
  const count = Number(isTruth(a)) + Number(isTruth(b));
  if (count === 0) return;
  throw new AbrazoError({
    code: "DTYPE_UNSUPPORTED",
    message:
      count === 2
        ? "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead."
        : "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead.",
    hint: "logicalXor() tells where truth values differ, logicalNot() turns them.",
  });
}

/** Whole numbers divided by a 0 that is known now are an error; a 0 that is only found when the graph runs gives 0. */
function requireDivisor(a: Tensor, b: TensorLike): void {
  if (isFloat(resultType([a.node, b instanceof Tensor ? b.node : b]))) return;
  const value = b instanceof Tensor ? b.node.value : undefined;
  const known = b instanceof Tensor ? (value?.kind === "host" ? value.data : []) : [Number(b)];
  for (const element of known) {
    if (Number(element) !== 0) continue;
    throw new AbrazoError({
      code: "ZERO_DIVISION",
      message: "ZeroDivisionError",
      hint: "Whole numbers have no infinity; convert to float32 first, or replace the zeros.",
    });
  }
}

export type Rounding = "floor" | "trunc";

function dividedWhole(a: Tensor, b: TensorLike, rounding: Rounding): Tensor {
  requireDivisor(a, b);
  return a.combine(b, (x, y) => build.divideWhole(x, y, rounding));
}

const rest = (name: "fmod" | "remainder") =>
  function (this: Tensor, other: TensorLike): Tensor {
    requireDivisor(this, other);
    return this.combine(other, (a, b) => build.call(name, [a, b]));
  };

/** Repeated squaring: exact, and wrapping as products do. */
function wholePower(node: Node, exponent: number): Node {
  let result: Node | undefined;
  for (let [power, left] = [node, exponent]; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result = result === undefined ? power : build.mul(result, power);
    if (left > 1) power = build.square(power);
  }
  return result ?? build.onesLike(node);
}

const LARGEST_UNROLLED = 64;

/** Powers that PyTorch does not leave to the general function either: it is slow, and so is its gradient. */
const POWERS: ReadonlyMap<number, (node: Node) => Node> = new Map([
  [0.5, build.sqrt],
  [2, build.square],
  [3, (node: Node) => build.mul(build.square(node), node)],
  [-0.5, build.rsqrt],
  [-1, build.reciprocal],
  [-2, (node: Node) => build.reciprocal(build.square(node))],
]);

/** Ignores a NaN where the other operand is a number. */
const ignoringNaN = (whole: (a: Node, b: Node) => Node, holds: (a: Node, b: Node) => Node) =>
  function (this: Tensor, other: TensorLike): Tensor {
    return this.combine(other, (a, b) => {
      if (!isFloat(a.dtype)) return whole(a, b);
      return build.where(build.logicalOr(holds(a, b), build.call("isnan", [b])), a, b);
    });
  };

export type Bound = TensorLike | null | undefined;

function clamped(tensor: Tensor, min: Bound, max: Bound): Tensor {
  const [low, high] = [min ?? undefined, max ?? undefined];
  if (low === undefined && high === undefined) {
    throw new AbrazoError({
      code: "BAD_ARGUMENT",
      message: "torch.clamp: At least one of 'min' or 'max' must not be None",
      hint: "Give one limit or both: clamp(0), clamp(undefined, 1), clamp(0, 1).",
    });
  }
  const operands = [tensor, low, high].filter((operand) => operand !== undefined);
  return Tensor.combineAll(operands, ([a = tensor.node, first = a, second]) => {
    if (second !== undefined) return build.call("clamp", [a, first, second]);
    if (!isFloat(a.dtype)) return build.call(low === undefined ? "minimum" : "maximum", [a, first]);
    const limit = build.constant(low === undefined ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY, a.dtype);
    return build.call("clamp", low === undefined ? [a, limit, first] : [a, first, limit]);
  });
}

const LARGEST: Partial<Record<DType, number>> = {
  float16: 65504,
  bfloat16: 3.3895313892515355e38,
  float32: 3.4028234663852886e38,
  float64: Number.MAX_VALUE,
};

export const elementwiseMethods = {
  /** `this + alpha · other`. Of truth values: or. */
  add(this: Tensor, other: TensorLike, given?: { alpha?: Scalar }): Tensor {
    const { alpha = 1 } = alphaOption("add", given);
    return this.combine(other, (a, b) => plus(a, scaled(b, alpha)));
  },
  /** `this - alpha · other`. */
  sub(this: Tensor, other: TensorLike, given?: { alpha?: Scalar }): Tensor {
    const { alpha = 1 } = alphaOption("sub", given);
    requireNumbers(this, other);
    return this.combine(other, (a, b) => build.sub(a, scaled(b, alpha)));
  },
  /** `other - alpha · this`. */
  rsub(this: Tensor, other: TensorLike, given?: { alpha?: Scalar }): Tensor {
    const { alpha = 1 } = alphaOption("rsub", given);
    requireNumbers(this, other);
    return this.combine(other, (a, b) => build.sub(b, scaled(a, alpha)));
  },
  /** The product, element by element. Of truth values: and. */
  mul(this: Tensor, other: TensorLike): Tensor {
    return this.combine(other, times);
  },
  /**
   * True division, in which whole numbers give float32; with `roundingMode` a whole number, of the operands' dtype.
   *
   * @example
   * ```ts
   * await tensor([7, -7]).div(2).tolist(); // [3.5, -3.5]
   * await tensor([7, -7]).div(2, { roundingMode: "floor" }).tolist(); // [3, -4]
   * ```
   */
  div(this: Tensor, other: TensorLike, given?: { roundingMode?: Rounding | undefined }): Tensor {
    const { roundingMode } = divOptions("div", given);
    if (roundingMode !== undefined) return dividedWhole(this, other, roundingMode);
    return this.combine(other, (a, b) => build.div(floating(a), floating(b)));
  },
  /** `floor(this / other)`. */
  floorDivide(this: Tensor, other: TensorLike): Tensor {
    return dividedWhole(this, other, "floor");
  },
  /** What `floorDivide` leaves over: it has the sign of the divisor, as Python's `%`. */
  remainder: rest("remainder"),
  /** What a division towards 0 leaves over: it has the sign of `this`, as JavaScript's `%`. */
  fmod: rest("fmod"),
  /**
   * `this` to the power of `exponent`. Whole numbers stay whole, and have no negative powers.
   *
   * @example
   * ```ts
   * await tensor([1, 2, 3]).pow(2).tolist(); // [1, 4, 9]
   * ```
   */
  pow(this: Tensor, exponent: TensorLike): Tensor {
    return this.combine(exponent, (a, b) => {
      if (exponent instanceof Tensor) return build.pow(a, b);
      if (isFloat(a.dtype)) return POWERS.get(Number(exponent))?.(wideInAutocast(a)) ?? build.pow(a, b);
      const power = Number(exponent);
      if (power < 0) {
        throw new AbrazoError({
          code: "BAD_ARGUMENT",
          message: "Integers to negative integer powers are not allowed.",
          hint: 'Convert the base first: to("float32").',
        });
      }
      return power <= LARGEST_UNROLLED ? wholePower(a, power) : build.pow(a, b);
    });
  },
  /** The larger of both; NaN where one is. */
  maximum(this: Tensor, other: TensorLike): Tensor {
    return this.combine(other, larger);
  },
  /** The smaller of both; NaN where one is. */
  minimum(this: Tensor, other: TensorLike): Tensor {
    return this.combine(other, smaller);
  },
  /** The larger of both; a NaN counts as missing. */
  fmax: ignoringNaN(larger, build.greaterEqual),
  /** The smaller of both; a NaN counts as missing. */
  fmin: ignoringNaN(smaller, build.lessEqual),
  /**
   * Limited to [min, max]; either may be absent, or a tensor that broadcasts. Where the limits cross, max holds.
   *
   * @example
   * ```ts
   * await tensor([-2, 0.5, 3]).clamp(-1, 1).tolist(); // [-1, 0.5, 1]
   * await tensor([-2, 0.5, 3]).clamp(0).tolist(); // [0, 0.5, 3]
   * ```
   */
  clamp(this: Tensor, min?: Bound, max?: Bound): Tensor {
    return clamped(this, min, max);
  },
  /** As clamp. */
  clip(this: Tensor, min?: Bound, max?: Bound): Tensor {
    return clamped(this, min, max);
  },
  /** At least `min`, a number or a tensor that broadcasts. */
  clampMin(this: Tensor, min: TensorLike): Tensor {
    return clamped(this, min, undefined);
  },
  /** At most `max`, a number or a tensor that broadcasts. */
  clampMax(this: Tensor, max: TensorLike): Tensor {
    return clamped(this, undefined, max);
  },
  /** `this + value · first · second`. */
  addcmul(this: Tensor, first: Tensor, second: Tensor, given?: { value?: Scalar }): Tensor {
    const { value = 1 } = factorOption("addcmul", given);
    return Tensor.combineAll([this, first, second], ([a = this.node, b = a, c = a]) =>
      // Of whole numbers the factor is one too, as in PyTorch.
      plus(a, times(times(b, c), numberNode(value, a.dtype))),
    );
  },
  /** `this + value · first / second`, of real numbers. */
  addcdiv(this: Tensor, first: Tensor, second: Tensor, given?: { value?: Scalar }): Tensor {
    const { value = 1 } = factorOption("addcdiv", given);
    if (!isFloat(first.dtype) && !isFloat(second.dtype)) {
      throw new AbrazoError({
        code: "DTYPE_UNSUPPORTED",
        message:
          "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true division of tensor1 and tensor2.",
        hint: "Convert one of them to float32.",
      });
    }
    return Tensor.combineAll([this, first, second], ([a = this.node, b = a, c = a]) =>
      build.add(a, scaled(build.div(b, c), value)),
    );
  },
  /** `this + weight · (end - this)`: at 0 `this`, at 1 exactly `end`. Both, and a tensor of weights, have one real dtype. */
  lerp(this: Tensor, end: Tensor, weight: Tensor | number): Tensor {
    requireSame(this, end, "end");
    if (weight instanceof Tensor) requireSame(this, weight, "weight");
    requireReal("lerp", this.dtype);
    return Tensor.combineAll([this, end, weight], ([a = this.node, b = a, w = a]) => {
      const way = build.sub(b, a);
      const one = build.constant(1, a.dtype);
      const fromStart = () => build.add(a, build.mul(w, way));
      const fromEnd = () => build.sub(b, build.mul(way, build.sub(one, w)));
      if (typeof weight === "number") return Math.abs(weight) < 0.5 ? fromStart() : fromEnd();
      const near = build.less(build.abs(w), build.constant(0.5, a.dtype));
      return build.where(near, fromStart(), fromEnd());
    });
  },
  /** √(this² + other²), without overflow on the way. */
  hypot: realBinary("hypot", false),
  /** The angle of the point (x = other, y = this), in [-π, π]. */
  atan2: realBinary("atan2"),
  /** |this| with the sign of `other`, that of -0 too. */
  copysign: realBinary("copysign"),
  /** ln(eᵃ + eᵇ). */
  logaddexp: realBinary("logaddexp", false),
  /** log2(2ᵃ + 2ᵇ). */
  logaddexp2(this: Tensor, other: TensorLike): Tensor {
    return this.combine(other, (a, b) =>
      build.scale(build.call("logaddexp", [build.scale(a, Math.LN2), build.scale(b, Math.LN2)]), Math.LOG2E),
    );
  },
  /** `this · 2^other`. */
  ldexp(this: Tensor, other: TensorLike): Tensor {
    return this.combine(other, (a, b) => build.mul(floating(a), build.call("exp2", [floating(b)])));
  },
  /** `this` to the power of `exponent`, in float64. */
  floatPower(this: Tensor, exponent: TensorLike): Tensor {
    const double = (tensor: Tensor): Tensor => tensor.map((node) => build.cast(node, "float64"));
    return double(this).combine(exponent instanceof Tensor ? double(exponent) : exponent, build.pow);
  },
  /** `this · ln(other)`, and 0 where `this` is 0. */
  xlogy: realBinary("xlogy"),
  /** 0 below 0, 1 above, `values` at 0. No gradient flows. */
  heaviside(this: Tensor, values: Tensor): Tensor {
    if (this.dtype !== values.dtype) {
      throw new AbrazoError({
        code: "DTYPE_MISMATCH",
        message: "heaviside is not yet implemented for tensors with different dtypes.",
        hint: `They are ${this.dtype} and ${values.dtype}.`,
      });
    }
    return this.combine(values, (a, b) => {
      const zero = build.constant(0, a.dtype);
      const step = a.dtype === "bool" ? a : build.cast(build.greater(a, zero), a.dtype);
      return build.stopGradient(build.where(build.equal(a, zero), b, step));
    });
  },
  /**
   * Numbers in place of NaN and the infinities: by default 0 and the largest of the dtype.
   *
   * @example
   * ```ts
   * await tensor([Number.NaN, Number.POSITIVE_INFINITY, 1]).nanToNum(0, 9).tolist(); // [0, 9, 1]
   * ```
   */
  nanToNum(this: Tensor, nan = 0, posinf?: number | null, neginf?: number | null): Tensor {
    return this.map((node) => {
      const largest = LARGEST[node.dtype];
      if (largest === undefined) return node;
      const number = (value: number) => numberNode(value, node.dtype);
      const is = (value: number) => build.equal(node, build.constant(value, node.dtype));
      const below = build.where(is(Number.NEGATIVE_INFINITY), number(neginf ?? -largest), node);
      const finite = build.where(is(Number.POSITIVE_INFINITY), number(posinf ?? largest), below);
      return build.where(build.call("isnan", [node]), number(nan), finite);
    });
  },
};

function requireSame(a: Tensor, b: Tensor, what: string): void {
  if (a.dtype === b.dtype) return;
  throw new AbrazoError({
    code: "DTYPE_MISMATCH",
    message: `expected dtype ${a.dtype} for \`${what}\` but got dtype ${b.dtype}`,
    hint: `Convert it with to("${a.dtype}").`,
  });
}
