// Trigonometric and hyperbolic functions and their inverses. Formulas: d is the derivative, y the result.
// onnxruntime has most of them in float32 alone; in float64 they are formulas of what it has.
import { call, constant, div, mul, neg, rsqrt, shift, square, sub, unbroadcast } from "../build.ts";
import type { Node } from "../node.ts";
import { defineOp, type GradContext, inputAt, type LowerContext, NOT_REAL } from "../op.ts";
import { binaryType } from "./arithmetic.ts";
import { log1pOf } from "./exponential.ts";
import { type Formula, formula, isNegative } from "./formula.ts";
import { unary } from "./math.ts";

type Write = (f: Formula, x: string, device: string) => string;

/** The kernel, or a formula in float64 and where a shader's function is wrong or has no digits. */
function double(opType: string, write: Write, shaders = false): (ctx: LowerContext) => readonly string[] {
  return (ctx) =>
    ctx.node.dtype === "float64" || (shaders && ctx.device === "webgpu")
      ? [write(formula(ctx), ctx.input(0), ctx.device)]
      : ctx.emit(opType, [ctx.input(0)]);
}

const oneMinusSquare = (x: Node): Node => sub(constant(1, x.dtype), square(x));

unary("tan", "tan x; d = 1 + y².", (_x, g, y) => mul(g, shift(square(y), 1)), {
  autocast: "float32",
  lower: double("Tan", (f, x) => f.div(f.on("Sin", x), f.on("Cos", x))),
});

/** Cephes' atan (Moshier): the argument brought below 0.66, then a rational fit; relative error 2e-16. */
function atanOf(f: Formula, x: string): string {
  const size = f.abs(x);
  const one = f.number(1);
  const beyond = f.on("Greater", size, f.number(Math.SQRT2 + 1));
  const middle = f.on("Greater", size, f.number(0.66));
  const moved = f.where(beyond, f.div(f.number(-1), size), f.div(f.sub(size, one), f.add(size, one)));
  const t = f.where(middle, moved, size);
  const z = f.mul(t, t);
  const top = f.polynomial(
    z,
    [-0.8750608600031904, -16.157537187333652, -75.00855792314705, -122.88666844901361, -64.85021904942025],
  );
  const bottom = f.polynomial(
    z,
    [1, 24.858464901423062, 165.02700983169885, 432.88106049129027, 485.3903996359137, 194.5506571482614],
  );
  const near = f.add(t, f.mul(t, f.div(f.mul(z, top), bottom)));
  const base = f.where(beyond, f.number(Math.PI / 2), f.number(Math.PI / 4));
  // What π/2 has beyond the digits of float64.
  const rest = f.where(beyond, f.number(6.123233995736766e-17), f.number(3.061616997868383e-17));
  const positive = f.where(middle, f.add(base, f.add(near, rest)), near);
  return f.where(
    f.on("Less", x, f.number(0)),
    f.on("Neg", positive),
    f.where(f.on("Equal", x, f.number(0)), x, positive),
  );
}

unary("asin", "arcsin x; d = 1 / √(1 - x²).", (x, g) => mul(g, rsqrt(oneMinusSquare(x))), {
  autocast: "float32",
  lower: double("Asin", (f, x) => atanOf(f, f.div(x, f.sqrt(f.mul(f.sub(f.number(1), x), f.add(f.number(1), x)))))),
});
unary("acos", "arccos x; d = -1 / √(1 - x²).", (x, g) => neg(mul(g, rsqrt(oneMinusSquare(x)))), {
  autocast: "float32",
  lower: double("Acos", (f, x) =>
    f.mul(f.number(2), atanOf(f, f.sqrt(f.div(f.sub(f.number(1), x), f.add(f.number(1), x))))),
  ),
});
unary("atan", "arctan x; d = 1 / (1 + x²).", (x, g) => div(g, shift(square(x), 1)), {
  lower: double("Atan", atanOf),
});

/** The square of e^(|x|/2) does not overflow before the result does. */
function coshOf(f: Formula, x: string): string {
  const root = f.exp(f.mul(f.abs(x), f.number(0.5)));
  const half = f.mul(root, f.number(0.5));
  return f.add(f.mul(root, half), f.div(f.div(f.number(0.5), root), root));
}

/** tanh x · cosh x. A shader computes tanh from exponentials, so that it has no digits near 0: Taylor's series there. */
function sinhOf(f: Formula, x: string, device: string): string {
  const product = f.mul(f.on("Tanh", x), coshOf(f, x));
  if (device !== "webgpu") return product;
  const series = f.mul(x, f.polynomial(f.mul(x, x), [1 / 5040, 1 / 120, 1 / 6, 1]));
  return f.where(f.on("Less", f.abs(x), f.number(0.5)), series, product);
}

unary("sinh", "sinh x; d = cosh x.", (x, g) => mul(g, call("cosh", [x])), { lower: double("Sinh", sinhOf, true) });
unary("cosh", "cosh x; d = sinh x.", (x, g) => mul(g, call("sinh", [x])), { lower: double("Cosh", coshOf, true) });

/** sign x · ln(1 + |x| + x² / (1 + √(1 + x²))); beyond 1e8 ln(2|x|), as x² overflows later on. */
function asinhOf(f: Formula, x: string, device: string): string {
  const size = f.abs(x);
  const large = f.on("Greater", size, f.number(1e8));
  const small = f.where(large, f.number(1), size);
  const squared = f.mul(small, small);
  const root = f.sqrt(f.add(squared, f.number(1)));
  const near = log1pOf(f, f.add(small, f.div(squared, f.add(root, f.number(1)))), device);
  const far = f.add(f.log(size), f.number(Math.LN2));
  return f.mul(f.on("Sign", x), f.where(large, far, near));
}

/** ln(1 + t + √(2t + t²)) with t = x - 1; beyond 1e8 ln(2x). */
function acoshOf(f: Formula, x: string, device: string): string {
  const large = f.on("Greater", x, f.number(1e8));
  const t = f.sub(f.where(large, f.number(1), x), f.number(1));
  const near = log1pOf(f, f.add(t, f.sqrt(f.mul(t, f.add(t, f.number(2))))), device);
  return f.where(large, f.add(f.log(x), f.number(Math.LN2)), near);
}

unary("asinh", "arsinh x; d = 1 / √(x² + 1).", (x, g) => mul(g, rsqrt(shift(square(x), 1))), {
  lower: double("Asinh", asinhOf, true),
});
unary("acosh", "arcosh x; d = 1 / √(x² - 1).", (x, g) => mul(g, rsqrt(shift(square(x), -1))), {
  lower: double("Acosh", acoshOf, true),
});
unary("atanh", "artanh x; d = 1 / (1 - x²).", (x, g) => div(g, oneMinusSquare(x)), {
  lower: double(
    "Atanh",
    (f, x, device) => f.mul(f.number(0.5), log1pOf(f, f.div(f.add(x, x), f.sub(f.number(1), x)), device)),
    true,
  ),
});

/** Of the smaller side over the larger, then turned into the quadrant: 0/0 and ∞/∞ have the angles that C gives them. */
function lowerAtan2(ctx: LowerContext): readonly string[] {
  const f = formula(ctx);
  const [y, x] = [ctx.input(0), ctx.input(1)];
  const [rise, run] = [f.abs(y), f.abs(x)];
  const largest = f.on("Max", rise, run);
  const same = f.on("Equal", rise, run);
  const none = f.on("Equal", largest, f.number(0));
  const ratio = f.div(f.on("Min", rise, run), f.where(none, f.number(1), largest));
  const t = f.where(none, f.number(0), f.where(same, f.number(1), ratio));
  const flat = f.dtype === "float64" ? atanOf(f, t) : f.on("Atan", t);
  const steep = f.where(f.on("Greater", rise, run), f.sub(f.number(Math.PI / 2), flat), flat);
  const turned = f.where(isNegative(f, x), f.sub(f.number(Math.PI), steep), steep);
  return [f.where(isNegative(f, y), f.on("Neg", turned), turned)];
}

defineOp({
  name: "atan2",
  doc: "The angle of the point (b, a); da = g b / (a² + b²), db = -g a / (a² + b²).",
  lacks: NOT_REAL,
  computeIn: { float16: "float32" },
  infer: binaryType,
  lower: lowerAtan2,
  grad: ({ inputs, g }: GradContext) => {
    const [a, b] = [inputAt(inputs, 0), inputAt(inputs, 1)];
    const length = call("add", [square(a), square(b)]);
    return [unbroadcast(div(mul(g, b), length), a.shape), unbroadcast(neg(div(mul(g, a), length)), b.shape)];
  },
});

/** The larger side times √(1 + ratio²): the squares of the sides may overflow where the result does not. */
function lowerHypot(ctx: LowerContext): readonly string[] {
  const f = formula(ctx);
  const [one, other] = [f.abs(ctx.input(0)), f.abs(ctx.input(1))];
  const infinity = f.number(Number.POSITIVE_INFINITY);
  // An infinite side makes it infinite whatever the other is, a NaN too.
  const endless = f.on("Or", f.on("Equal", one, infinity), f.on("Equal", other, infinity));
  const largest = f.where(endless, infinity, f.on("Max", one, other));
  const plain = f.on("Or", endless, f.on("Equal", largest, f.number(0)));
  const ratio = f.div(f.where(plain, f.number(0), f.on("Min", one, other)), f.where(plain, f.number(1), largest));
  return [f.mul(largest, f.sqrt(f.add(f.mul(ratio, ratio), f.number(1))))];
}

defineOp({
  name: "hypot",
  doc: "√(a² + b²); da = g a / y, db = g b / y.",
  lacks: NOT_REAL,
  computeIn: { float16: "float32" },
  infer: binaryType,
  lower: lowerHypot,
  grad: ({ inputs, g, out }: GradContext) => {
    const [a, b] = [inputAt(inputs, 0), inputAt(inputs, 1)];
    return [unbroadcast(mul(g, div(a, out)), a.shape), unbroadcast(mul(g, div(b, out)), b.shape)];
  },
});
