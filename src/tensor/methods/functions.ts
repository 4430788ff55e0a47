// Functions of one operand, element by element. Functions of real numbers give float32 for whole numbers.
// Knows no formula: those are the operations'.
import { AbrazoError } from "../../errors.ts";
import * as build from "../../graph/build.ts";
import { isFloat } from "../../graph/dtype.ts";
import type { Tensor } from "../tensor.ts";
import { floating, unary, wideInAutocast } from "./support.ts";

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
  abs: same("abs"),
  /** -1, 0 or 1. */
  sign: signOf,
  /** As sign: these tensors are real. */
  sgn: signOf,
  square(this: Tensor): Tensor {
    return this.map((node) => build.square(node.dtype === "bool" ? build.cast(node, "int64") : wideInAutocast(node)));
  },
  reciprocal: unary("reciprocal"),
  sqrt: unary("sqrt"),
  rsqrt: unary("rsqrt"),
  exp: unary("exp"),
  exp2: unary("exp2"),
  /** eˣ - 1, exact near 0. */
  expm1: unary("expm1"),
  log: unary("log"),
  log2: unary("log2"),
  log10: unary("log10"),
  /** ln(1 + x), exact near 0. */
  log1p: unary("log1p"),
  sin: unary("sin"),
  cos: unary("cos"),
  tan: unary("tan"),
  asin: unary("asin"),
  acos: unary("acos"),
  atan: unary("atan"),
  sinh: unary("sinh"),
  cosh: unary("cosh"),
  tanh: unary("tanh"),
  asinh: unary("asinh"),
  acosh: unary("acosh"),
  atanh: unary("atanh"),
  /** sin(πx) / πx, 1 at 0. */
  sinc: unary("sinc"),
  erf: unary("erf"),
  /** 1 - erf x, with its digits where that is nearly 0. */
  erfc: unary("erfc"),
  erfinv: unary("erfinv"),
  sigmoid: unary("sigmoid"),
  /** ln(x / (1 - x)); with `eps`, x is limited to [eps, 1 - eps] first. */
  logit(this: Tensor, eps?: number | null): Tensor {
    const limited = eps === undefined || eps === null ? this : this.map(floating).clamp(eps, 1 - eps);
    return limited.map((node) => {
      const x = floating(node);
      return build.log(build.div(x, build.sub(build.constant(1, x.dtype), x)));
    });
  },
  deg2rad: scaledBy(Math.PI / 180),
  rad2deg: scaledBy(180 / Math.PI),
  floor: toWhole("floor"),
  ceil: toWhole("ceil"),
  trunc: toWhole("trunc"),
  /** x without its whole part, with its sign. */
  frac(this: Tensor): Tensor {
    return this.map((node) => build.sub(node, build.call("trunc", [node])));
  },
  /** To the nearest whole number, halves to the even one; with `decimals`, to so many digits after the point. */
  round(this: Tensor, { decimals = 0 }: { decimals?: number } = {}): Tensor {
    if (decimals === 0) return toWhole("round").call(this);
    return this.map((node) => {
      const factor = build.constant(10 ** Math.abs(decimals), node.dtype);
      const round = (x: typeof node) => build.call("round", [x]);
      if (decimals > 0) return build.div(round(build.mul(node, factor)), factor);
      return build.mul(round(build.div(node, factor)), factor);
    });
  },
};
