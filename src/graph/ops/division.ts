// Division that gives whole numbers, and what it leaves over. Formulas: d is the derivative.
// A divisor of 0 gives 0 for whole numbers here: the processor's own division would end the process.
import { divideWhole, mul, neg, scale, unbroadcast } from "../build.ts";
import { isFloat } from "../dtype.ts";
import type { Node } from "../node.ts";
import { defineOp, inputAt, type LowerContext, NARROW_INTS, stringAttr } from "../op.ts";
import { binary, binaryType } from "./arithmetic.ts";
import { type Formula, formula } from "./formula.ts";

const WIDER = { ...NARROW_INTS, float16: "float32" } as const;

/** The operator divides towards 0. Division by -1 is a negation, as the smallest number has no positive twin. */
function wholeTowardsZero(f: Formula, a: string, b: string): string {
  const [zero, one, minusOne] = [f.number(0), f.number(1), f.number(-1)];
  const none = f.on("Equal", b, zero);
  const negated = f.on("Equal", b, minusOne);
  const quotient = f.div(a, f.where(f.on("Or", none, negated), one, b));
  return f.where(none, zero, f.where(negated, f.on("Neg", a), quotient));
}

/** True where the rest has the other sign than the divisor: rounding down goes one further. */
function pastZero(f: Formula, rest: string, b: string): string {
  const zero = f.number(0);
  const differs = f.on("Xor", f.on("Less", rest, zero), f.on("Less", b, zero));
  return f.on("And", f.on("Not", f.on("Equal", rest, zero)), differs);
}

function wholeDown(f: Formula, a: string, b: string): string {
  const quotient = wholeTowardsZero(f, a, b);
  const rest = f.sub(a, f.mul(quotient, b));
  const past = f.on("And", pastZero(f, rest, b), f.on("Not", f.on("Equal", b, f.number(0))));
  return f.where(past, f.sub(quotient, f.number(1)), quotient);
}

const truncated = (f: Formula, x: string): string =>
  f.where(f.on("Less", x, f.number(0)), f.on("Ceil", x), f.on("Floor", x));

/** C's fmod: exact on the CPU; a shader has no such function. */
function restOf(ctx: LowerContext, f: Formula, a: string, b: string): string {
  if (ctx.device === "webgpu") return f.sub(a, f.mul(truncated(f, f.div(a, b)), b));
  return ctx.emit("Mod", [a, b], { attrs: { fmod: 1 } })[0] ?? "";
}

/** From the rest, as in Python: a / b itself may round up to the next whole number. */
function realDown(ctx: LowerContext, f: Formula, a: string, b: string): string {
  const rest = restOf(ctx, f, a, b);
  const quotient = f.div(f.sub(a, rest), b);
  const lowered = f.where(pastZero(f, rest, b), f.sub(quotient, f.number(1)), quotient);
  const whole = f.on("Floor", lowered);
  const near = f.where(f.on("Greater", f.sub(lowered, whole), f.number(0.5)), f.add(whole, f.number(1)), whole);
  return f.where(f.on("Equal", b, f.number(0)), f.div(a, b), near);
}

defineOp({
  name: "divideWhole",
  doc: "a / b as a whole number, rounded down or towards 0; d = 0.",
  infer: binaryType,
  computeIn: WIDER,
  lacks: ["bool"],
  lower: (ctx) => {
    const f = formula(ctx);
    const [a, b] = [ctx.input(0), ctx.input(1)];
    const down = stringAttr(ctx.node.attrs, "rounding") === "floor";
    if (isFloat(f.dtype)) return [down ? realDown(ctx, f, a, b) : truncated(f, f.div(a, b))];
    return [down ? wholeDown(f, a, b) : wholeTowardsZero(f, a, b)];
  },
  grad: ({ inputs, g }) => {
    const none = scale(g, 0);
    return [unbroadcast(none, inputAt(inputs, 0).shape), unbroadcast(none, inputAt(inputs, 1).shape)];
  },
});

const restGrad =
  (rounding: "floor" | "trunc") =>
  (a: Node, b: Node, g: Node): readonly [Node, Node] => [g, neg(mul(g, divideWhole(a, b, rounding)))];

binary("fmod", "Mod", "a - b trunc(a / b), with the sign of a; da = g, db = -g trunc(a / b).", restGrad("trunc"), {
  computeIn: WIDER,
  lower: (ctx) => {
    const f = formula(ctx);
    const [a, b] = [ctx.input(0), ctx.input(1)];
    if (isFloat(f.dtype)) return [restOf(ctx, f, a, b)];
    return [f.sub(a, f.mul(wholeTowardsZero(f, a, b), b))];
  },
});

binary("remainder", "Mod", "a - b floor(a / b), with the sign of b; da = g, db = -g floor(a / b).", restGrad("floor"), {
  computeIn: WIDER,
  lower: (ctx) => {
    const f = formula(ctx);
    const [a, b] = [ctx.input(0), ctx.input(1)];
    if (!isFloat(f.dtype)) return [f.sub(a, f.mul(wholeDown(f, a, b), b))];
    const rest = restOf(ctx, f, a, b);
    return [f.where(pastZero(f, rest, b), f.add(rest, b), rest)];
  },
});
