// Standardization over any axes: one node with the mean, variance and inverse deviation that gradients and running statistics need.

import { internalError } from "../../errors.ts";
import { expand, mean, mul, neg, scale, square, standardizeStat, sub } from "../build.ts";
import { defineOp, inputAt, type LowerContext, like, listAttr, NOT_REAL, numberAttr } from "../op.ts";
import { emitter, product } from "./windows.ts";

export const STAT = { mean: 1, variance: 2, inverseDeviation: 3 } as const;

/**
 * What batch normalization (Ioffe and Szegedy 2015, arXiv 1502.03167) does before its affine part: x̂ = (x - μ) r with r = 1 / √(σ² + ε).
 * dx = r (g - mean(g) - x̂ mean(g x̂)).
 */
defineOp({
  name: "standardize",
  doc: "(x - mean) / √(variance + eps), both taken over axes; dx = (g - mean(g) - x̂ mean(g x̂)) / √(variance + eps).",
  computeIn: { float16: "float32" },
  autocast: "float32",
  lacks: NOT_REAL,
  infer: like(0),
  lower: lowerStandardize,
  grad: ({ inputs, attrs, out, g }) => {
    const x = inputAt(inputs, 0);
    const axes = listAttr(attrs, "axes");
    const inverse = standardizeStat(out, x, axes, STAT.inverseDeviation);
    const centred = sub(sub(g, mean(g, axes, true)), mul(out, mean(mul(g, out), axes, true)));
    return [mul(centred, inverse)];
  },
});

function lowerStandardize(ctx: LowerContext): readonly string[] {
  const on = emitter(ctx);
  const { attrs, dtype } = ctx.node;
  const axes = ctx.int64(listAttr(attrs, "axes"));
  const mean = on("ReduceMean", [ctx.input(0), axes]);
  const centred = on("Sub", [ctx.input(0), mean]);
  const variance = on("ReduceMean", [on("Mul", [centred, centred]), axes]);
  const deviation = on("Sqrt", [on("Add", [variance, ctx.constant(dtype, numberAttr(attrs, "eps"))])]);
  const inverse = on("Reciprocal", [deviation]);
  return [on("Mul", [centred, inverse]), mean, variance, inverse];
}

defineOp({
  name: "standardizeStat",
  doc: "The mean (1), the variance (2) or the inverse deviation r (3) of a standardize: dx = g / n, 2 g (x - mean) / n, or -g r³ (x - mean) / n.",
  projects: true,
  infer: (inputs, attrs) => {
    const { shape, dtype } = inputAt(inputs, 0);
    const axes = listAttr(attrs, "axes");
    return { shape: shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim)), dtype };
  },
  lower: (ctx) => {
    const name = ctx.outputsOf(0)[numberAttr(ctx.node.attrs, "index")];
    if (name === undefined) throw internalError("an output that its operation does not have");
    return [name];
  },
  grad: ({ inputs, attrs, out, g }) => {
    const [source, x] = [inputAt(inputs, 0), inputAt(inputs, 1)];
    const axes = listAttr(attrs, "axes");
    const share = scale(g, 1 / product(axes.map((axis) => Number(x.shape[axis]))));
    const index = numberAttr(attrs, "index");
    if (index === STAT.mean) return [undefined, expand(share, x.shape)];
    const centred = sub(x, standardizeStat(source, x, axes, STAT.mean));
    if (index === STAT.variance) return [undefined, mul(scale(share, 2), centred)];
    return [undefined, neg(mul(mul(share, mul(out, square(out))), centred))];
  },
});
