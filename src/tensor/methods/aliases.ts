// PyTorch's second names of methods.
// Has no method of its own.
import { compareMethods } from "./compare.ts";
import { elementwiseMethods } from "./elementwise.ts";
import { functionMethods } from "./functions.ts";
import { inPlaceMethods } from "./in-place.ts";

export const aliasMethods = {
  absolute: functionMethods.abs,
  absolute_: inPlaceMethods.abs_,
  arccos: functionMethods.acos,
  arccos_: inPlaceMethods.acos_,
  arccosh: functionMethods.acosh,
  arccosh_: inPlaceMethods.acosh_,
  arcsin: functionMethods.asin,
  arcsin_: inPlaceMethods.asin_,
  arcsinh: functionMethods.asinh,
  arcsinh_: inPlaceMethods.asinh_,
  arctan: functionMethods.atan,
  arctan_: inPlaceMethods.atan_,
  arctan2: elementwiseMethods.atan2,
  arctan2_: inPlaceMethods.atan2_,
  arctanh: functionMethods.atanh,
  arctanh_: inPlaceMethods.atanh_,
  divide: elementwiseMethods.div,
  divide_: inPlaceMethods.div_,
  trueDivide: elementwiseMethods.div,
  trueDivide_: inPlaceMethods.div_,
  multiply: elementwiseMethods.mul,
  multiply_: inPlaceMethods.mul_,
  subtract: elementwiseMethods.sub,
  subtract_: inPlaceMethods.sub_,
  negative: functionMethods.neg,
  negative_: inPlaceMethods.neg_,
  fix: functionMethods.trunc,
  fix_: inPlaceMethods.trunc_,
  greater: compareMethods.gt,
  greater_: inPlaceMethods.gt_,
  greaterEqual: compareMethods.ge,
  greaterEqual_: inPlaceMethods.ge_,
  less: compareMethods.lt,
  less_: inPlaceMethods.lt_,
  lessEqual: compareMethods.le,
  lessEqual_: inPlaceMethods.le_,
  notEqual: compareMethods.ne,
  notEqual_: inPlaceMethods.ne_,
};
