// Elementwise functions of one operand. Formulas: d is the derivative, y the result.
import {
  cast,
  constant,
  cos,
  div,
  expand,
  greater,
  maxUnpool,
  mul,
  neg,
  scale,
  sign,
  sin,
  square,
  sub,
} from "../build.ts";
import type { Node } from "../node.ts";
import { defineOp, direct, eachAlong, inputAt, like, NARROW_INTS, NOT_REAL, type Op } from "../op.ts";
import { formula } from "./formula.ts";

type UnaryGrad = (x: Node, g: Node, y: Node) => Node;

/** A function of real numbers unless `extra` says otherwise. */
export function unary(name: string, doc: string, grad: UnaryGrad, extra: Partial<Op> & Pick<Op, "lower">): void {
  defineOp({
    lacks: NOT_REAL,
    along: eachAlong,
    ...extra,
    name,
    doc,
    infer: like(0),
    grad: ({ inputs, g, out }) => [grad(inputAt(inputs, 0), g, out)],
  });
}

/**
 * Where y went into a max pool alone, g is zero but for one element of each window, at which y is what the pool gave: `grad`
 * of those is enough, a fourth of the elements for windows of 2 × 2.
 */
function behindPool(g: Node, y: Node, grad: (g: Node, y: Node) => Node): Node {
  const [values, indices] = g.inputs;
  const pooled = indices?.inputs[0];
  const isPooled = g.op.name === "maxUnpool" && indices?.op.name === "maxPoolIndices" && pooled?.inputs[0] === y;
  if (!isPooled || values === undefined || indices === undefined) return grad(g, y);
  return maxUnpool(grad(values, pooled), indices, y.shape);
}

/** No slope, however steep what follows is. */
const flat: UnaryGrad = (_x, g) => expand(constant(0, g.dtype), g.shape);

/** The same where ONNX has an operator for it. */
function kernel(name: string, opType: string, doc: string, grad: UnaryGrad, extra: Partial<Op> = {}): void {
  unary(name, doc, grad, { lower: direct(opType), ...extra });
}

kernel("exp", "Exp", "e^x; d = y.", (_x, g, y) => mul(g, y), { autocast: "float32" });
kernel("log", "Log", "ln x; d = 1 / x.", (x, g) => div(g, x), { autocast: "float32" });
kernel("sqrt", "Sqrt", "√x; d = 1 / 2y.", (_x, g, y) => div(g, scale(y, 2)));
kernel("reciprocal", "Reciprocal", "1 / x; d = -y².", (_x, g, y) => neg(mul(g, square(y))), {
  autocast: "float32",
});
kernel("sin", "Sin", "sin x; d = cos x.", (x, g) => mul(g, cos(x)));
kernel("cos", "Cos", "cos x; d = -sin x.", (x, g) => neg(mul(g, sin(x))));
kernel("tanh", "Tanh", "tanh x; d = 1 - y².", (_x, g, y) => mul(g, sub(constant(1, y.dtype), square(y))));
kernel(
  "relu",
  "Relu",
  "max(x, 0); d = 1 where x > 0.",
  (_x, g, y) => behindPool(g, y, (g, y) => mul(g, cast(greater(y, constant(0, y.dtype)), g.dtype))),
  {
    lacks: ["bool"],
    computeIn: NARROW_INTS,
    // int64 has no Relu kernel
    lower: (ctx) =>
      ctx.node.dtype === "int64" ? ctx.emit("Max", [ctx.input(0), ctx.int64(0)]) : ctx.emit("Relu", [ctx.input(0)]),
  },
);
kernel("abs", "Abs", "|x|; d = sign x.", (x, g) => mul(g, sign(x)), { lacks: ["bool"] });
kernel("sign", "Sign", "-1, 0 or 1; d = 0.", flat, { lacks: ["bool"] });
kernel("floor", "Floor", "The largest whole number not above x; d = 0.", flat);
kernel("ceil", "Ceil", "The smallest whole number not below x; d = 0.", flat);
kernel("round", "Round", "To the nearest whole number, halves to even; d = 0.", flat);
unary("trunc", "x without its fraction; d = 0.", flat, {
  lower: (ctx) => {
    const f = formula(ctx);
    const x = ctx.input(0);
    return [f.where(f.on("Less", x, f.number(0)), f.on("Ceil", x), f.on("Floor", x))];
  },
});
defineOp({
  name: "isnan",
  along: eachAlong,
  doc: "Whether x is not a number.",
  lacks: NOT_REAL,
  infer: (inputs) => ({ shape: inputAt(inputs, 0).shape, dtype: "bool" }),
  lower: direct("IsNaN"),
  grad: "a truth value has no gradient",
});
