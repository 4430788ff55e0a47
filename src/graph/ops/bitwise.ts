// Bits of whole numbers, and of truth values as numbers of one bit.
// Knows no promotion: operands come in one dtype.

import type { DType } from "../dtype.ts";
import { defineOp, type LowerContext, like } from "../op.ts";
import { binaryType } from "./arithmetic.ts";
import { formula } from "./formula.ts";

const REALS: readonly DType[] = ["float32", "float64", "float16", "bfloat16"];
const NO_GRADIENT = "whole numbers have no gradient";

for (const [name, opType, logical, doc] of [
  ["bitwiseAnd", "BitwiseAnd", "And", "Bits that both have."],
  ["bitwiseOr", "BitwiseOr", "Or", "Bits that one of both has."],
  ["bitwiseXor", "BitwiseXor", "Xor", "Bits in which both differ."],
] as const) {
  defineOp({
    name,
    doc,
    lacks: REALS,
    infer: binaryType,
    lower: (ctx) => ctx.emit(ctx.node.dtype === "bool" ? logical : opType, [ctx.input(0), ctx.input(1)]),
    grad: NO_GRADIENT,
  });
}

defineOp({
  name: "bitwiseNot",
  doc: "Every bit turned: -x - 1 for numbers with a sign.",
  lacks: REALS,
  infer: like(0),
  lower: (ctx) => ctx.emit(ctx.node.dtype === "bool" ? "Not" : "BitwiseNot", [ctx.input(0)]),
  grad: NO_GRADIENT,
});

const IN_LONG = { int8: "int64", int16: "int64", int32: "int64", uint8: "int64" } as const;
const UINT64 = 13;

/** Shifts of 64 bits without a sign, the only ones that ONNX has; `by` outside of 0 … 63 shifts everything out. */
function shifted(ctx: LowerContext, a: string, by: string, direction: "LEFT" | "RIGHT"): string {
  const cast = (name: string, to: number) => ctx.emit("Cast", [name], { attrs: { to } })[0] ?? "";
  const f = formula(ctx);
  const out = f.on("Or", f.on("Less", by, f.number(0)), f.on("Greater", by, f.number(63)));
  const bits = [cast(a, UINT64), cast(f.where(out, f.number(0), by), UINT64)];
  const moved = cast(ctx.emit("BitShift", bits, { attrs: { direction } })[0] ?? "", ctx.onnxType("int64"));
  return f.where(out, f.number(0), moved);
}

defineOp({
  name: "bitwiseLeftShift",
  doc: "a · 2^b, as far as the dtype has bits.",
  lacks: [...REALS, "bool"],
  computeIn: IN_LONG,
  infer: binaryType,
  lower: (ctx) => [shifted(ctx, ctx.input(0), ctx.input(1), "LEFT")],
  grad: NO_GRADIENT,
});

/** A number below 0 has ones to the left: its complement is shifted and turned back. */
defineOp({
  name: "bitwiseRightShift",
  doc: "a / 2^b rounded down.",
  lacks: [...REALS, "bool"],
  computeIn: IN_LONG,
  infer: binaryType,
  lower: (ctx) => {
    const f = formula(ctx);
    const a = ctx.input(0);
    const negative = f.on("Less", a, f.number(0));
    const turned = f.where(negative, f.on("BitwiseNot", a), a);
    const moved = shifted(ctx, turned, ctx.input(1), "RIGHT");
    return [f.where(negative, f.on("BitwiseNot", moved), moved)];
  },
  grad: NO_GRADIENT,
});
