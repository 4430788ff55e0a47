// Random numbers inside a graph, from an explicit seed: no hidden state, so the same seed gives the same numbers anywhere.
import { AbrazoError } from "../../errors.ts";
import { defineOp, dimsAttr, type LowerContext } from "../op.ts";
import { numeric, type Shape, showShape } from "../shape.ts";

/**
 * A hash of (row, column, seed) to [0, 1) in float32 arithmetic alone, so that every device computes it:
 * p = fract((row + s₀, column + s₁, row + s₀) · 0.1031); p += p · (p_yzx + 33.33); fract((p_x + p_y) p_z)
 * (the scheme of D. Hoskins, "Hash without Sine"). Good enough for dropout, not for cryptography.
 */
defineOp({
  name: "hashUniform",
  doc: "Uniform float32 numbers in [0, 1) as a hash of position and seed [2].",
  infer: (_, attrs) => ({ shape: dimsAttr(attrs, "shape"), dtype: "float32" }),
  lower: lowerHash,
  grad: "random numbers have no gradient",
});

/** How many numbers there are is part of the graph. Dropout is what draws them in a model that is traced. */
function unknownCount(shape: Shape): AbrazoError {
  return new AbrazoError({
    code: "TRAINING_MODE",
    message: `The graph draws random numbers ${showShape(shape)}, whose count is only known when it runs.`,
    hint: "A model in training mode drops numbers out: call eval() on it before it is traced, compiled or exported.",
    data: { shape },
  });
}

function lowerHash(ctx: LowerContext): readonly string[] {
  const sizes = numeric(ctx.node.shape);
  if (sizes === undefined) throw unknownCount(ctx.node.shape);
  const columns = sizes.at(-1) ?? 1;
  const rows = sizes.slice(0, -1).reduce((product, dim) => product * dim, 1);
  const on = (opType: string, ...inputs: string[]) => ctx.emit(opType, inputs)[0] ?? "";
  const float = (value: number) => ctx.constant("float32", value);
  const fract = (value: string) => on("Sub", value, on("Floor", value));
  const counted = (count: number) => on("Range", float(0), float(count), float(1));
  const coordinate = (count: number, shape: number[], which: number) => {
    const range = counted(count);
    const offset = on("Gather", ctx.input(0), ctx.int64([which]));
    return fract(on("Mul", on("Reshape", on("Add", range, offset), ctx.int64(shape)), float(0.1031)));
  };
  const x = coordinate(rows, [rows, 1], 0); // [R, 1]
  const y = coordinate(columns, [1, columns], 1); // [1, C]
  const bias = float(33.33);
  // dot(p, p.yzx + 33.33) with p = (x, y, x): x (y + k) + y (x + k) + x (x + k)
  const xy = on("Mul", x, y); // [R, C]
  const onlyX = on("Mul", x, on("Add", on("Add", x, bias), bias)); // [R, 1]
  const dot = on("Add", on("Add", on("Add", xy, xy), onlyX), on("Mul", y, bias)); // [R, C]
  const [px, py] = [on("Add", x, dot), on("Add", y, dot)]; // [R, C]
  const hashed = fract(on("Mul", on("Add", px, py), px));
  return [on("Reshape", hashed, ctx.int64(sizes))];
}
