// Comparisons and logic: results are bool.
import * as build from "../../graph/build.ts";
import type { Tensor, TensorLike } from "../tensor.ts";
import { binary, unary } from "./support.ts";

export const compareMethods = {
  eq: binary("eq"),
  ne(this: Tensor, other: TensorLike): Tensor {
    return this.eq(other).logicalNot();
  },
  lt: binary("lt"),
  le: binary("le"),
  gt: binary("gt"),
  ge: binary("ge"),
  logicalAnd: binary("logicalAnd"),
  logicalOr: binary("logicalOr"),
  logicalNot(this: Tensor): Tensor {
    return this.map((node) => build.logicalNot(build.cast(node, "bool")));
  },
  isnan: unary("isnan"),
};
