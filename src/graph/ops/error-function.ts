// The error function, its complement and inverse, and the activation that is made of it.
// Formulas: d is the derivative, y the result. onnxruntime has erf in float32 alone.
import { add, constant, erf, exp, mul, neg, scale, shift, square, sub, tanh } from "../build.ts";
import type { Node } from "../node.ts";
import { defineOp, eachAlong, inputAt, type LowerContext, like, NOT_REAL, stringAttr } from "../op.ts";
import { ONE_ROUNDING } from "./exponential.ts";
import { type Formula, formula } from "./formula.ts";
import { unary } from "./math.ts";

const TWO_OVER_ROOT_PI = 2 / Math.sqrt(Math.PI);

/** 2/√π x e^(-x²) Σ (2x²)ⁿ / (2n + 1)!!, whose terms are all positive: for |x| below 1/2. */
function erfSeries(f: Formula, x: string): string {
  const twice = f.mul(f.mul(x, x), f.number(2));
  let sum = f.number(1);
  for (let n = 18; n >= 0; n--) sum = f.add(f.number(1), f.mul(f.mul(twice, f.number(1 / (2 * n + 3))), sum));
  const bell = f.exp(f.mul(twice, f.number(-0.5)));
  return f.mul(f.mul(f.mul(x, f.number(TWO_OVER_ROOT_PI)), bell), sum);
}

/** Press et al., Numerical Recipes (2nd edition, 6.2): relative error below 1.2e-7. */
const SINGLE_FIT = [
  0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368,
  -1.26551223,
];
/** Chebyshev's series of the same function, from order 1 up (3rd edition, 6.2.2): relative error 1e-14. */
const DOUBLE_FIT = [
  0.6419697923564902, 1.9476473204185836e-2, -9.561514786808631e-3, -9.46595344482036e-4, 3.66839497852761e-4,
  4.2523324806907e-5, -2.0278578112534e-5, -1.624290004647e-6, 1.30365583558e-6, 1.5626441722e-8, -8.5238095915e-8,
  6.529054439e-9, 5.059343495e-9, -9.91364156e-10, -2.27365122e-10, 9.6467911e-11, 2.394038e-12, -6.886027e-12,
  8.94487e-13, 3.13092e-13, -1.12708e-13, 3.81e-16, 7.106e-15, -1.523e-15, -9.4e-17, 1.21e-16, -2.8e-17,
];
const DOUBLE_ORDER_0 = -1.3026537197817094;

/** erfc z = t e^(-z² + fit(t)) for z ≥ 0, t = 2 / (2 + z). In float32 the exponent's rounding adds 4e-6 at z = 9. */
function erfcTail(f: Formula, z: string): string {
  const t = f.div(f.number(2), f.add(z, f.number(2)));
  const fit =
    f.dtype === "float64" ? chebyshev(f, f.sub(f.mul(t, f.number(4)), f.number(2))) : f.polynomial(t, SINGLE_FIT);
  return f.mul(t, f.exp(f.sub(fit, f.mul(z, z))));
}

/** Clenshaw's recurrence. */
function chebyshev(f: Formula, twice: string): string {
  let [current, before] = [f.number(0), f.number(0)];
  for (const coefficient of DOUBLE_FIT.toReversed()) {
    const next = f.add(f.sub(f.mul(twice, current), before), f.number(coefficient));
    [current, before] = [next, current];
  }
  const half = f.mul(f.add(f.mul(twice, current), f.number(DOUBLE_ORDER_0)), f.number(0.5));
  return f.sub(half, before);
}

function erfOf(f: Formula, x: string): string {
  if (f.dtype !== "float64") return f.on("Erf", x);
  const size = f.abs(x);
  const far = f.mul(f.on("Sign", x), f.sub(f.number(1), erfcTail(f, size)));
  return f.where(f.on("Less", size, f.number(0.5)), erfSeries(f, x), far);
}

function erfcOf(f: Formula, x: string): string {
  const size = f.abs(x);
  const tail = erfcTail(f, size);
  const far = f.where(f.on("Less", x, f.number(0)), f.sub(f.number(2), tail), tail);
  const near = f.sub(f.number(1), f.dtype === "float64" ? erfSeries(f, x) : f.on("Erf", x));
  return f.where(f.on("Less", size, f.number(0.5)), near, far);
}

unary("erf", "The error function; d = 2/√π e^(-x²).", (x, g) => mul(g, scale(exp(neg(square(x))), TWO_OVER_ROOT_PI)), {
  lower: (ctx) => [erfOf(formula(ctx), ctx.input(0))],
});

unary("erfc", "1 - erf x; d = -2/√π e^(-x²).", (x, g) => mul(g, scale(exp(neg(square(x))), -TWO_OVER_ROOT_PI)), {
  computeIn: ONE_ROUNDING,
  lower: (ctx) => [erfcOf(formula(ctx), ctx.input(0))],
});

/** Rational fits of the centre and the tails, then two steps of Newton's method with erf, as PyTorch does. */
function lowerErfinv(ctx: LowerContext): readonly string[] {
  const f = formula(ctx);
  const y = ctx.input(0);
  const [one, size] = [f.number(1), f.abs(y)];
  const square = f.mul(y, y);
  const centre = f.div(
    f.mul(y, f.polynomial(square, [-0.140543331, 0.914624893, -1.645349621, 0.886226899])),
    f.polynomial(square, [0.012229801, -0.329097515, 1.442710462, -2.118377725, 1]),
  );
  const z = f.sqrt(f.on("Neg", f.log(f.mul(f.sub(one, size), f.number(0.5)))));
  const tail = f.div(
    f.mul(f.on("Sign", y), f.polynomial(z, [1.641345311, 3.429567803, -1.624906493, -1.970840454])),
    f.polynomial(z, [1.6370678, 3.5438892, 1]),
  );
  let x = f.where(f.on("LessOrEqual", size, f.number(0.7)), centre, tail);
  for (let step = 0; step < 2; step++) {
    const slope = f.mul(f.exp(f.on("Neg", f.mul(x, x))), f.number(2 / Math.sqrt(Math.PI)));
    x = f.sub(x, f.div(f.sub(erfOf(f, x), y), slope));
  }
  const end = f.div(y, f.number(0));
  return [f.where(f.on("Equal", size, one), end, x)];
}

unary(
  "erfinv",
  "The x of which y is the erf; d = √π/2 e^(y²).",
  (_x, g, y) => mul(g, scale(exp(square(y)), Math.sqrt(Math.PI) / 2)),
  { computeIn: ONE_ROUNDING, lower: lowerErfinv },
);

/** onnxruntime has the kernel in float32 alone; x erfc(-x/√2) / 2 keeps the digits of what is nearly 0. */
function lowerGelu(ctx: LowerContext): readonly string[] {
  const f = formula(ctx);
  const x = ctx.input(0);
  const approximate = stringAttr(ctx.node.attrs, "approximate");
  if (f.dtype !== "float64") return ctx.emit("Gelu", [x], { attrs: { approximate } });
  const half = f.mul(x, f.number(0.5));
  if (approximate === "none") return [f.mul(half, erfcOf(f, f.mul(x, f.number(-Math.SQRT1_2))))];
  const inner = f.mul(x, f.polynomial(f.mul(x, x), [0.044715, 1]));
  return [f.mul(half, f.add(f.number(1), f.on("Tanh", f.mul(inner, f.number(Math.sqrt(2 / Math.PI))))))];
}

/**
 * Gaussian error linear unit (Hendrycks and Gimpel 2016, arXiv 1606.08415): x Φ(x), and its tanh approximation.
 * d = Φ(x) + x φ(x); for the tanh form with u = √(2/π)(x + 0.044715 x³): d = (1 + t)/2 + x (1 - t²) u' / 2.
 */
defineOp({
  name: "gelu",
  along: eachAlong,
  doc: "x Φ(x), or its tanh approximation.",
  lacks: NOT_REAL,
  infer: like(0),
  lower: lowerGelu,
  grad: ({ inputs, attrs, g }) => {
    const x = inputAt(inputs, 0);
    return [mul(g, attrs["approximate"] === "tanh" ? geluTanhSlope(x) : geluSlope(x))];
  },
});

function geluSlope(x: Node): Node {
  const cdf = shift(scale(erf(scale(x, Math.SQRT1_2)), 0.5), 0.5);
  const pdf = scale(exp(scale(square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  return add(cdf, mul(x, pdf));
}

function geluTanhSlope(x: Node): Node {
  const c = Math.sqrt(2 / Math.PI);
  const x2 = square(x);
  const t = tanh(mul(x, shift(scale(x2, c * 0.044715), c)));
  const inner = shift(scale(x2, 3 * c * 0.044715), c);
  const rise = mul(mul(x, sub(constant(1, x.dtype), square(t))), inner);
  return scale(add(shift(t, 1), rise), 0.5);
}
