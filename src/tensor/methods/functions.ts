// Functions of one operand, element by element. Functions of real numbers give float32 for whole numbers.
// Knows no formula: those are the operations'.
import { AbrazoError } from "../../errors.ts";
import * as build from "../../graph/build.ts";
import { isFloat } from "../../graph/dtype.ts";
import { optionsOf } from "../../options.ts";
import type { Tensor } from "../tensor.ts";
import { floating, unary, wideInAutocast } from "./support.ts";

const roundOptions = optionsOf<{ decimals?: number }>({ decimals: true });

/** What leaves whole numbers as they are. */
const toWhole = (name: string) =>
  function (this: Tensor): Tensor {
    return this.map((node) => (isFloat(node.dtype) || node.dtype === "bool" ? build.call(name, [node]) : node));
  };

/** What exists in whole numbers too. */
const same = (name: string) =>
  function (this: Tensor): Tensor {
    return this.map((node) => build.call(name, [node]));
  };

function signOf(this: Tensor): Tensor {
  return this.map((node) => (node.dtype === "bool" ? node : build.sign(node)));
}

const scaledBy = (factor: number) =>
  function (this: Tensor): Tensor {
    return this.map((node) => build.scale(floating(node), factor));
  };

export const functionMethods = {
  /** -x; truth values have none. */
  neg(this: Tensor): Tensor {
    if (this.dtype === "bool") {
      throw new AbrazoError({
        code: "DTYPE_UNSUPPORTED",
        message:
          "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead.",
        hint: "logicalNot() turns truth values.",
      });
    }
    return this.map(build.neg);
  },
  /** |x|, in the dtype of x. */
  abs: same("abs"),
  /** -1, 0 or 1. */
  sign: signOf,
  /** As sign: these tensors are real. */
  sgn: signOf,
  /** The square, x · x. */
  square(this: Tensor): Tensor {
    return this.map((node) => build.square(node.dtype === "bool" ? build.cast(node, "int64") : wideInAutocast(node)));
  },
  /** The reciprocal, 1 / x. */
  reciprocal: unary("reciprocal"),
  /** √x, NaN below 0. */
  sqrt: unary("sqrt"),
  /** 1 / √x. */
  rsqrt: unary("rsqrt"),
  /** eˣ. */
  exp: unary("exp"),
  /** 2ˣ. */
  exp2: unary("exp2"),
  /** eˣ - 1, exact near 0. */
  expm1: unary("expm1"),
  /** ln x: -Infinity at 0, NaN below. */
  log: unary("log"),
  /** The logarithm to base 2. */
  log2: unary("log2"),
  /** The logarithm to base 10. */
  log10: unary("log10"),
  /** ln(1 + x), exact near 0. */
  log1p: unary("log1p"),
  /** sin x, of radians. */
  sin: unary("sin"),
  /** cos x, of radians. */
  cos: unary("cos"),
  /** tan x, of radians. */
  tan: unary("tan"),
  /** The angle in [-π/2, π/2] whose sine is x, NaN outside [-1, 1]. */
  asin: unary("asin"),
  /** The angle in [0, π] whose cosine is x, NaN outside [-1, 1]. */
  acos: unary("acos"),
  /** The angle in (-π/2, π/2) whose tangent is x. */
  atan: unary("atan"),
  /** (eˣ - e⁻ˣ) / 2. */
  sinh: unary("sinh"),
  /** (eˣ + e⁻ˣ) / 2. */
  cosh: unary("cosh"),
  /** (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ). */
  tanh: unary("tanh"),
  /** ln(x + √(x² + 1)). */
  asinh: unary("asinh"),
  /** ln(x + √(x² - 1)), NaN below 1. */
  acosh: unary("acosh"),
  /** ln((1 + x) / (1 - x)) / 2, NaN outside [-1, 1]. */
  atanh: unary("atanh"),
  /** sin(πx) / πx, 1 at 0. */
  sinc: unary("sinc"),
  /** 2/√π ∫ e^(-t²) dt from 0 to x. */
  erf: unary("erf"),
  /** 1 - erf x, with its digits where that is nearly 0. */
  erfc: unary("erfc"),
  /** The number whose erf is x, NaN outside [-1, 1]. */
  erfinv: unary("erfinv"),
  /** 1 / (1 + e⁻ˣ). */
  sigmoid: unary("sigmoid"),
  /** ln(x / (1 - x)); with `eps`, x is limited to [eps, 1 - eps] first. */
  logit(this: Tensor, eps?: number | null): Tensor {
    const limited = eps === undefined || eps === null ? this : this.map(floating).clamp(eps, 1 - eps);
    return limited.map((node) => {
      const x = floating(node);
      return build.log(build.div(x, build.sub(build.constant(1, x.dtype), x)));
    });
  },
  /** Degrees as radians: x π / 180. */
  deg2rad: scaledBy(Math.PI / 180),
  /** Radians as degrees: 180 x / π. */
  rad2deg: scaledBy(180 / Math.PI),
  /** The largest whole number that is not above x, in the dtype of x. */
  floor: toWhole("floor"),
  /** The smallest whole number that is not below x, in the dtype of x. */
  ceil: toWhole("ceil"),
  /** x without its fraction, in the dtype of x. */
  trunc: toWhole("trunc"),
  /** x without its whole part, with its sign. */
  frac(this: Tensor): Tensor {
    return this.map((node) => build.sub(node, build.call("trunc", [node])));
  },
  /** To the nearest whole number, halves to the even one; with `decimals`, to so many digits after the point. */
  round(this: Tensor, given?: { decimals?: number }): Tensor {
    const { decimals = 0 } = roundOptions("round", given);
    if (decimals === 0) return toWhole("round").call(this);
    return this.map((node) => {
      const factor = build.constant(10 ** Math.abs(decimals), node.dtype);
      const round = (x: typeof node) => build.call("round", [x]);
      if (decimals > 0) return build.div(round(build.mul(node, factor)), factor);
      return build.mul(round(build.div(node, factor)), factor);
    });
  },
};
