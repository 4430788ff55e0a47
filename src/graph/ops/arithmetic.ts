// Arithmetic of two operands with NumPy broadcasting, and of one. Formulas: d is the derivative.

import { AbrazoError, internalError } from "../../errors.ts";
import {
  cast,
  constant,
  div,
  equal,
  greater,
  less,
  log,
  logicalOr,
  mul,
  neg,
  pow,
  scale,
  shift,
  unbroadcast,
  where,
} from "../build.ts";
import { type DType, isFloat } from "../dtype.ts";
import type { Attrs, Node } from "../node.ts";
import {
  defineOp,
  direct,
  eachAlong,
  type GradContext,
  inputAt,
  type LowerContext,
  like,
  NARROW_INTS,
  NOT_REAL,
  numberAttr,
  type Op,
  stringAttr,
  type TypeInfo,
} from "../op.ts";
import { broadcast } from "../shape.ts";
import { formula, isNegative } from "./formula.ts";

export function binaryType(inputs: readonly Node[]): { shape: readonly (number | string)[]; dtype: DType } {
  const [a, b] = [inputAt(inputs, 0), inputAt(inputs, 1)];
  if (a.dtype !== b.dtype) throw internalError(`operands of ${a.dtype} and ${b.dtype} were not promoted`);
  return { shape: broadcast(a.shape, b.shape), dtype: a.dtype };
}

type BinaryGrad = (a: Node, b: Node, g: Node, out: Node) => readonly [Node | undefined, Node | undefined];

export function binary(name: string, opType: string, doc: string, grad: BinaryGrad, extra: Partial<Op> = {}): void {
  defineOp({
    lacks: ["bool"],
    along: eachAlong,
    ...extra,
    name,
    doc,
    infer: binaryType,
    lower: extra.lower ?? direct(opType),
    grad: ({ inputs, g, out }) => {
      const [a, b] = [inputAt(inputs, 0), inputAt(inputs, 1)];
      const [da, db] = grad(a, b, g, out);
      return [da && unbroadcast(da, a.shape), db && unbroadcast(db, b.shape)];
    },
  });
}

/** A fraction has no place in whole numbers: an operation that needs one does not exist for them. */
function constantType(_: readonly Node[], attrs: Attrs): TypeInfo {
  const dtype = stringAttr(attrs, "dtype") as DType; // safe because constant() takes a DType
  const value = numberAttr(attrs, "value");
  if (isFloat(dtype) || Number.isInteger(value)) return { shape: [], dtype };
  throw new AbrazoError({
    code: "DTYPE_UNSUPPORTED",
    message: `not implemented for ${dtype}: the factor ${value} is no whole number`,
    hint: 'Convert the tensor first, e.g. with to("float32").',
    data: { dtype, value },
  });
}

defineOp({
  name: "constant",
  doc: "A scalar that is part of the graph's structure.",
  infer: constantType,
  lower: (ctx) => [ctx.constant(ctx.node.dtype, numberAttr(ctx.node.attrs, "value"))],
  grad: "a constant has no inputs",
});

binary("add", "Add", "a + b; da = g, db = g.", (_a, _b, g) => [g, g]);
binary("sub", "Sub", "a - b; da = g, db = -g.", (_a, _b, g) => [g, neg(g)]);
binary("mul", "Mul", "a * b; da = g b, db = g a.", (a, b, g) => [mul(g, b), mul(g, a)]);
binary("div", "Div", "a / b; da = g / b, db = -g out / b.", (_a, b, g, out) => [div(g, b), neg(div(mul(g, out), b))], {
  lacks: NOT_REAL,
});
binary("pow", "Pow", "a ** b; da = g b a^(b-1) (0 where b is 0), db = g out ln a (0 where a is 0).", powGrad, {
  autocast: "float32",
  computeIn: NARROW_INTS,
});

/** Both cuts are PyTorch's; the first keeps 0 ** 0 from giving 0 · ∞. */
function powGrad(a: Node, b: Node, g: Node, out: Node): readonly [Node, Node] {
  const zero = constant(0, a.dtype);
  const logA = where(equal(a, zero), zero, log(where(equal(a, zero), constant(1, a.dtype), a)));
  const slope = where(equal(b, zero), zero, mul(b, pow(a, shift(b, -1))));
  return [mul(g, slope), mul(g, mul(out, logA))];
}

/** Where both operands are equal each takes half, as in PyTorch. */
function extremum(wins: (a: Node, b: Node) => Node): BinaryGrad {
  return (a, b, g) => {
    const half = scale(cast(equal(a, b), g.dtype), 0.5);
    const share = (first: Node, second: Node) => mul(g, where(equal(a, b), half, cast(wins(first, second), g.dtype)));
    return [share(a, b), share(b, a)];
  };
}

binary("maximum", "Max", "The larger of a and b; g to the larger, half each where equal.", extremum(greater), {
  computeIn: { int16: "int32" },
});
binary("minimum", "Min", "The smaller of a and b; g to the smaller, half each where equal.", extremum(less), {
  computeIn: { int16: "int32" },
});

defineOp({
  name: "neg",
  along: eachAlong,
  doc: "-a; da = -g.",
  infer: like(0),
  lower: direct("Neg"),
  computeIn: { uint8: "int32" },
  lacks: ["bool"],
  grad: ({ g }) => [neg(g)],
});

/** Identity that lets no gradient through. */
defineOp({
  name: "stopGradient",
  along: eachAlong,
  doc: "The input itself, cut off from differentiation (PyTorch's detach).",
  infer: like(0),
  lower: (ctx) => [ctx.input(0)],
  addScaledTo: ({ inputs }, base, factor) => {
    const source = inputAt(inputs, 0);
    return source.value === undefined ? source.op.addScaledTo?.(source, base, factor) : undefined;
  },
  grad: "cuts the gradient on purpose",
});

defineOp({
  name: "cast",
  along: eachAlong,
  doc: "The input in another dtype; da = g in the input's dtype.",
  infer: (inputs, attrs) => ({ shape: inputAt(inputs, 0).shape, dtype: stringAttr(attrs, "dtype") as DType }), // safe because cast() takes a DType
  lower: lowerCast,
  grad: ({ inputs, g }: GradContext) => [cast(g, inputAt(inputs, 0).dtype)],
});

function lowerCast(ctx: LowerContext): readonly string[] {
  return ctx.emit("Cast", [ctx.input(0)], { attrs: { to: ctx.onnxType(ctx.node.dtype) } });
}

/** Where the limits cross the upper one holds, as in PyTorch. */
defineOp({
  name: "clamp",
  along: eachAlong,
  doc: "a limited to [low, high]; da = g inside, limits included; each limit takes g where it is the result.",
  infer: (inputs) => ({
    shape: broadcast(binaryType(inputs).shape, inputAt(inputs, 2).shape),
    dtype: inputAt(inputs, 0).dtype,
  }),
  computeIn: { ...NARROW_INTS, float16: "float32" },
  lacks: ["bool"],
  lower: (ctx) => {
    const [a, low, high] = [ctx.input(0), ctx.input(1), ctx.input(2)];
    const scalars = [1, 2].every((index) => inputAt(ctx.node.inputs, index).shape.length === 0);
    if (scalars) return ctx.emit("Clip", [a, low, high]);
    return ctx.emit("Min", [...ctx.emit("Max", [a, low]), high]);
  },
  grad: ({ inputs, g }) => {
    const [a, low, high] = [inputAt(inputs, 0), inputAt(inputs, 1), inputAt(inputs, 2)];
    const zero = constant(0, g.dtype);
    const [below, above, crossed] = [less(a, low), greater(a, high), less(high, low)];
    const limited = where(logicalOr(below, above), zero, g);
    return [
      unbroadcast(limited, a.shape),
      unbroadcast(where(below, where(crossed, zero, g), zero), low.shape),
      unbroadcast(where(logicalOr(above, crossed), g, zero), high.shape),
    ];
  },
});

/** |a| with b's sign, that of -0 too. */
binary(
  "copysign",
  "",
  "|a| with the sign of b; da = g where a has that sign, -g where it has the other, 0 where a is 0.",
  (a, _b, g, out) => {
    const zero = constant(0, a.dtype);
    const kept = where(equal(a, out), g, neg(g));
    return [where(equal(a, zero), zero, kept), undefined];
  },
  {
    lacks: NOT_REAL,
    computeIn: { float16: "float32" },
    lower: (ctx) => {
      const f = formula(ctx);
      const size = f.abs(ctx.input(0));
      return [f.where(isNegative(f, ctx.input(1)), f.on("Neg", size), size)];
    },
  },
);
