// Writing the lowering of an operation as a formula of ONNX operators.
// Knows no operation of ours.
import type { DType } from "../dtype.ts";
import type { LowerContext } from "../op.ts";

/** Each function emits one ONNX node and gives the name of its result. */
export interface Formula {
  /** The dtype of the first input: that of the constants. */
  readonly dtype: DType;
  on(opType: string, ...inputs: string[]): string;
  number(value: number): string;
  add(a: string, b: string): string;
  sub(a: string, b: string): string;
  mul(a: string, b: string): string;
  div(a: string, b: string): string;
  abs(a: string): string;
  exp(a: string): string;
  log(a: string): string;
  sqrt(a: string): string;
  where(condition: string, a: string, b: string): string;
  /** Coefficients from the highest power down. */
  polynomial(x: string, coefficients: readonly number[]): string;
}

export function formula(ctx: LowerContext): Formula {
  const dtype = ctx.node.inputs[0]?.dtype ?? ctx.node.dtype;
  const on = (opType: string, ...inputs: string[]): string => ctx.emit(opType, inputs)[0] ?? "";
  const number = (value: number): string => ctx.constant(dtype, value);
  const add = (a: string, b: string): string => on("Add", a, b);
  const mul = (a: string, b: string): string => on("Mul", a, b);
  return {
    dtype,
    on,
    number,
    add,
    sub: (a, b) => on("Sub", a, b),
    mul,
    div: (a, b) => on("Div", a, b),
    abs: (a) => on("Abs", a),
    exp: (a) => on("Exp", a),
    log: (a) => on("Log", a),
    sqrt: (a) => on("Sqrt", a),
    where: (condition, a, b) => on("Where", condition, a, b),
    polynomial: (x, [first = 0, ...rest]) =>
      rest.reduce((sum, coefficient) => add(mul(sum, x), number(coefficient)), number(first)),
  };
}

/** b's sign bit, that of -0 too: 1 / -0 is -∞. */
export function isNegative({ on, number, div }: Formula, b: string): string {
  const zero = number(0);
  return on("Or", on("Less", b, zero), on("Less", div(number(1), b), zero));
}
