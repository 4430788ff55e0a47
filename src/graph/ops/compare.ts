// Comparisons, logic and choice. Results of comparisons are bool.
import { constant, unbroadcast, where } from "../build.ts";
import type { DType } from "../dtype.ts";
import { defineOp, direct, eachAlong, inputAt, type LowerContext } from "../op.ts";
import { broadcast } from "../shape.ts";
import { binaryType } from "./arithmetic.ts";

const NO_GRADIENT = "a truth value has no gradient";

function comparison(name: string, opType: string, doc: string, lacks: readonly DType[] = []): void {
  defineOp({
    lacks,
    along: eachAlong,
    name,
    doc,
    infer: (inputs) => ({ shape: binaryType(inputs).shape, dtype: "bool" }),
    lower: direct(opType),
    grad: NO_GRADIENT,
  });
}

comparison("eq", "Equal", "a = b.");
comparison("lt", "Less", "a < b.", ["bool"]);
comparison("gt", "Greater", "a > b.", ["bool"]);
comparison("le", "LessOrEqual", "a ≤ b.", ["bool"]);
comparison("ge", "GreaterOrEqual", "a ≥ b.", ["bool"]);
comparison("logicalAnd", "And", "a and b, both bool.");
comparison("logicalOr", "Or", "a or b, both bool.");
comparison("logicalXor", "Xor", "a or b but not both, both bool.");

defineOp({
  name: "logicalNot",
  along: eachAlong,
  doc: "not a, a bool.",
  infer: (inputs) => ({ shape: inputAt(inputs, 0).shape, dtype: "bool" }),
  lower: direct("Not"),
  grad: NO_GRADIENT,
});

/** Where has no kernel for truth values: (c and a) or (not c and b). */
function chooseTruth(ctx: LowerContext): readonly string[] {
  const on = (opType: string, ...inputs: string[]) => ctx.emit(opType, inputs)[0] ?? "";
  const [condition, a, b] = [ctx.input(0), ctx.input(1), ctx.input(2)];
  return [on("Or", on("And", condition, a), on("And", on("Not", condition), b))];
}

defineOp({
  name: "where",
  along: eachAlong,
  doc: "a where the condition holds, else b; each takes g where it was chosen.",
  infer: (inputs) => {
    const { shape, dtype } = binaryType(inputs.slice(1));
    return { shape: broadcast(inputAt(inputs, 0).shape, shape), dtype };
  },
  lower: (ctx) => (ctx.node.dtype === "bool" ? chooseTruth(ctx) : direct("Where")(ctx)),
  computeIn: { int16: "int32", int8: "int32" },
  grad: ({ inputs, g }) => {
    const [condition, a, b] = [inputAt(inputs, 0), inputAt(inputs, 1), inputAt(inputs, 2)];
    const zero = constant(0, g.dtype);
    return [
      undefined,
      unbroadcast(where(condition, g, zero), a.shape),
      unbroadcast(where(condition, zero, g), b.shape),
    ];
  },
});
