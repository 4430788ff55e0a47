// Comparisons, logic and choice. Results of comparisons are bool.
import { constant, unbroadcast, where } from "../build.ts";
import { defineOp, direct, inputAt } from "../op.ts";
import { broadcast } from "../shape.ts";
import { binaryType } from "./arithmetic.ts";

const NO_GRADIENT = "a truth value has no gradient";

function comparison(name: string, opType: string, doc: string): void {
  defineOp({
    name,
    doc,
    infer: (inputs) => ({ shape: binaryType(inputs).shape, dtype: "bool" }),
    lower: direct(opType),
    grad: NO_GRADIENT,
  });
}

comparison("eq", "Equal", "a = b.");
comparison("lt", "Less", "a < b.");
comparison("gt", "Greater", "a > b.");
comparison("le", "LessOrEqual", "a ≤ b.");
comparison("ge", "GreaterOrEqual", "a ≥ b.");
comparison("logicalAnd", "And", "a and b, both bool.");
comparison("logicalOr", "Or", "a or b, both bool.");
comparison("logicalXor", "Xor", "a or b but not both, both bool.");

defineOp({
  name: "logicalNot",
  doc: "not a, a bool.",
  infer: (inputs) => ({ shape: inputAt(inputs, 0).shape, dtype: "bool" }),
  lower: direct("Not"),
  grad: NO_GRADIENT,
});

defineOp({
  name: "where",
  doc: "a where the condition holds, else b; each takes g where it was chosen.",
  infer: (inputs) => {
    const { shape, dtype } = binaryType(inputs.slice(1));
    return { shape: broadcast(inputAt(inputs, 0).shape, shape), dtype };
  },
  lower: direct("Where"),
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
