// Exponentials and logarithms that hold where the plain formula loses its digits, and what is made of them.
// Formulas: d is the derivative, y the result.
import {
  add,
  call,
  constant,
  div,
  equal,
  lessEqual,
  log,
  mul,
  reciprocal,
  scale,
  shift,
  sigmoid,
  square,
  sub,
  unbroadcast,
  where,
} from "../build.ts";
import type { Node } from "../node.ts";
import { defineOp, type GradContext, inputAt, type LowerContext, NOT_REAL } from "../op.ts";
import { binaryType } from "./arithmetic.ts";
import { type Formula, formula } from "./formula.ts";
import { unary } from "./math.ts";

/** Formulas of several steps are computed in float32 and rounded once. */
export const ONE_ROUNDING = { float16: "float32" } as const;

unary("exp2", "2^x; d = y ln 2.", (_x, g, y) => mul(g, scale(y, Math.LN2)), {
  autocast: "float32",
  computeIn: ONE_ROUNDING,
  lower: (ctx) => ctx.emit("Pow", [formula(ctx).number(2), ctx.input(0)]),
});

/** e^x - 1 = tanh(x/2) (e^x + 1), in which nothing cancels. Largest relative error measured on the CPU: 3e-7 (float32). */
function lowerExpm1(ctx: LowerContext): readonly string[] {
  const f = formula(ctx);
  const x = ctx.input(0);
  if (ctx.device !== "webgpu") {
    return [f.mul(f.on("Tanh", f.mul(x, f.number(0.5))), f.add(f.exp(x), f.number(1)))];
  }
  // Shaders compute tanh from exponentials, so that it has no digits near 0: Taylor's series there.
  const series = f.mul(
    x,
    f.polynomial(
      x,
      [8, 7, 6, 5, 4, 3, 2, 1].map((n) => 1 / factorial(n)),
    ),
  );
  return [f.where(f.on("Less", f.abs(x), f.number(0.5)), series, f.sub(f.exp(x), f.number(1)))];
}

const factorial = (n: number): number => (n <= 1 ? 1 : n * factorial(n - 1));

unary("expm1", "e^x - 1; d = y + 1.", (_x, g, y) => mul(g, shift(y, 1)), {
  autocast: "float32",
  computeIn: ONE_ROUNDING,
  lower: lowerExpm1,
});

/**
 * ln(1 + x) = ln(u) · x / (u - 1) with u = 1 + x as rounded (Goldberg 1991, theorem 4): the rounding of u cancels.
 * Largest relative error measured on the CPU: 3e-7 (float32).
 */
export function log1pOf(f: Formula, x: string, device: string): string {
  const u = f.add(x, f.number(1));
  const rest = f.sub(u, f.number(1));
  const same = f.on("Or", f.on("Equal", rest, f.number(0)), f.on("Equal", u, f.number(Number.POSITIVE_INFINITY)));
  const far = f.where(same, x, f.mul(f.log(u), f.div(x, rest)));
  if (device !== "webgpu") return far;
  // The logarithm of a shader has an absolute error near 1: ln(1 + x) = 2 artanh(x / (2 + x)) as a series there.
  const s = f.div(x, f.add(x, f.number(2)));
  const series = f.mul(
    s,
    f.polynomial(
      f.mul(s, s),
      [13, 11, 9, 7, 5, 3, 1].map((n) => 2 / n),
    ),
  );
  return f.where(f.on("Less", f.abs(x), f.number(0.4)), series, far);
}

unary("log1p", "ln(1 + x); d = 1 / (1 + x).", (x, g) => div(g, shift(x, 1)), {
  autocast: "float32",
  computeIn: ONE_ROUNDING,
  lower: (ctx) => [log1pOf(formula(ctx), ctx.input(0), ctx.device)],
});

/** ln x / ln base, and exactly n where x is the base to the power of a whole n. */
function lowerLogOf(base: number): (ctx: LowerContext) => readonly string[] {
  return (ctx) => {
    const f = formula(ctx);
    const x = ctx.input(0);
    const plain = f.mul(f.log(x), f.number(1 / Math.log(base)));
    const whole = f.on("Round", plain);
    return [f.where(f.on("Equal", f.on("Pow", f.number(base), whole), x), whole, plain)];
  };
}

for (const base of [2, 10]) {
  unary(
    `log${base}`,
    `The logarithm to base ${base}; d = 1 / (x ln ${base}).`,
    (x, g) => div(g, scale(x, Math.log(base))),
    {
      computeIn: ONE_ROUNDING,
      lower: lowerLogOf(base),
    },
  );
}

unary("rsqrt", "1 / √x; d = -y³ / 2.", (_x, g, y) => mul(g, scale(mul(y, square(y)), -0.5)), {
  autocast: "float32",
  computeIn: ONE_ROUNDING,
  lower: (ctx) => ctx.emit("Reciprocal", ctx.emit("Sqrt", [ctx.input(0)])),
});

/** onnxruntime's own Sigmoid for the CPU is cut off beyond ±18: it has no digits left for what is nearly 0. */
function lowerSigmoid(ctx: LowerContext): readonly string[] {
  if (ctx.device === "webgpu") return ctx.emit("Sigmoid", [ctx.input(0)]);
  const f = formula(ctx);
  return [f.on("Reciprocal", f.add(f.exp(f.on("Neg", ctx.input(0))), f.number(1)))];
}

unary("sigmoid", "1 / (1 + e^-x); d = y (1 - y).", (_x, g, y) => mul(g, mul(y, sub(constant(1, y.dtype), y))), {
  computeIn: ONE_ROUNDING,
  lower: lowerSigmoid,
});

/** The larger plus ln(1 + e^-|a - b|); equal infinities have no difference. */
defineOp({
  name: "logaddexp",
  doc: "ln(e^a + e^b); da = g σ(a - b), db = g σ(b - a).",
  autocast: "float32",
  lacks: NOT_REAL,
  computeIn: ONE_ROUNDING,
  infer: binaryType,
  lower: (ctx) => {
    const f = formula(ctx);
    const [a, b] = [ctx.input(0), ctx.input(1)];
    const distance = f.where(f.on("Equal", a, b), f.number(0), f.abs(f.sub(a, b)));
    return [f.add(f.on("Max", a, b), log1pOf(f, f.exp(f.on("Neg", distance)), ctx.device))];
  },
  grad: ({ inputs, g }: GradContext) => {
    const [a, b] = [inputAt(inputs, 0), inputAt(inputs, 1)];
    const share = (one: Node, other: Node) =>
      unbroadcast(mul(g, sigmoid(where(equal(one, other), constant(0, g.dtype), sub(one, other)))), one.shape);
    return [share(a, b), share(b, a)];
  },
});

defineOp({
  name: "xlogy",
  doc: "a ln b, and 0 where a is 0 (NaN where b is); da = g ln b, 0 where a is 0 and b ≤ 0; db = g a / b.",
  lacks: NOT_REAL,
  computeIn: ONE_ROUNDING,
  infer: binaryType,
  lower: (ctx) => {
    const f = formula(ctx);
    const [a, b] = [ctx.input(0), ctx.input(1)];
    const product = f.mul(a, f.log(b));
    const zero = f.on("And", f.on("Equal", a, f.number(0)), f.on("Not", f.on("IsNaN", b)));
    return [f.where(zero, f.mul(a, f.number(0)), product)];
  },
  grad: ({ inputs, g }: GradContext) => {
    const [a, b] = [inputAt(inputs, 0), inputAt(inputs, 1)];
    const [zero, one] = [constant(0, a.dtype), constant(1, a.dtype)];
    const cut = call("logicalAnd", [equal(a, zero), lessEqual(b, zero)]);
    const slope = where(cut, zero, log(where(cut, one, b)));
    return [unbroadcast(mul(g, slope), a.shape), unbroadcast(div(mul(g, a), b), b.shape)];
  },
});

/** sin πx / πx, 1 at 0. */
defineOp({
  name: "sinc",
  doc: "sin(πx) / πx, 1 at 0; d = (cos πx - y) / x, 0 at 0.",
  lacks: NOT_REAL,
  computeIn: ONE_ROUNDING,
  infer: (inputs) => ({ shape: inputAt(inputs, 0).shape, dtype: inputAt(inputs, 0).dtype }),
  lower: (ctx) => {
    const f = formula(ctx);
    const angle = f.mul(ctx.input(0), f.number(Math.PI));
    const zero = f.on("Equal", angle, f.number(0));
    return [f.where(zero, f.number(1), f.div(f.on("Sin", angle), angle))];
  },
  grad: ({ inputs, g, out }) => {
    const x = inputAt(inputs, 0);
    const atZero = equal(x, constant(0, x.dtype));
    const safe = where(atZero, constant(1, x.dtype), x);
    const slope = mul(sub(call("cos", [scale(x, Math.PI)]), out), reciprocal(safe));
    return [mul(g, where(atZero, constant(0, x.dtype), add(slope, constant(0, x.dtype))))];
  },
});
