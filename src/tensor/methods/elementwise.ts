// Arithmetic and functions of single elements.
import * as build from "../../graph/build.ts";
import type { Tensor, TensorLike } from "../tensor.ts";
import { binary, floating, unary } from "./support.ts";

export const elementwiseMethods = {
  add: binary("add"),
  sub: binary("sub"),
  mul: binary("mul"),
  /** True division: whole numbers give float32. */
  div(this: Tensor, other: TensorLike): Tensor {
    return this.combine(other, (a, b) => build.div(floating(a), floating(b)));
  },
  pow: binary("pow"),
  maximum: binary("maximum"),
  minimum: binary("minimum"),
  neg(this: Tensor): Tensor {
    return this.map((node) => build.neg(node));
  },
  abs: unary("abs"),
  sign: unary("sign"),
  exp: unary("exp"),
  log: unary("log"),
  sqrt: unary("sqrt"),
  rsqrt(this: Tensor): Tensor {
    return this.sqrt().reciprocal();
  },
  reciprocal: unary("reciprocal"),
  sin: unary("sin"),
  cos: unary("cos"),
  tanh: unary("tanh"),
  sigmoid: unary("sigmoid"),
  relu: unary("relu"),
  erf: unary("erf"),
  floor: unary("floor"),
  round: unary("round"),
  gelu(this: Tensor, { approximate = "none" }: { approximate?: "none" | "tanh" } = {}): Tensor {
    return this.map((node) => build.gelu(floating(node), approximate));
  },
  square(this: Tensor): Tensor {
    return this.map((node) => build.square(node));
  },
  clamp(this: Tensor, min: number, max: number): Tensor {
    return this.map((node) => build.call("clamp", [node], { min, max }));
  },
};
