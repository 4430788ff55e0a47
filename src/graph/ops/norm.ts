// Layer normalization, with the mean and inverse deviation that its gradient needs, and normalization by the root of the mean square.
import { internalError } from "../../errors.ts";
import { call, div, expand, layerNormStat, mean, mul, neg, scale, shift, square, sub, unbroadcast } from "../build.ts";
import { apartFrom, defineOp, inputAt, type LowerContext, like, NOT_REAL, numberAttr } from "../op.ts";

const MEAN = 1;
const INVERSE_DEVIATION = 2;

/**
 * Layer normalization (Ba et al. 2016, arXiv 1607.06450) over the last axis: y = x̂ w + b with x̂ = (x - μ) / √(σ² + ε).
 * With gw = g w: dx = (gw - mean(gw) - x̂ mean(gw x̂)) / √(σ² + ε), dw = Σ g x̂, db = Σ g.
 */
defineOp({
  name: "layerNorm",
  along: apartFrom(({ shape }) => [shape.length - 1]),
  autocast: "float32",
  doc: "(x - mean) / √(variance + eps) · weight + bias over the last axis.",
  // The kernel's statistics are float32 whatever its input.
  computeIn: { float16: "float32" },
  lacks: NOT_REAL,
  infer: like(0),
  lower: (ctx) => (ctx.node.dtype === "float64" ? lowerByParts(ctx) : lowerLayerNorm(ctx)),
  grad: ({ inputs, out, g }) => {
    const [x, weight, bias] = [inputAt(inputs, 0), inputAt(inputs, 1), inputAt(inputs, 2)];
    const last = x.shape.length - 1;
    const inverse = layerNormStat(out, x, INVERSE_DEVIATION);
    const normal = mul(sub(x, layerNormStat(out, x, MEAN)), inverse);
    const gw = mul(g, weight);
    const centred = sub(sub(gw, mean(gw, [last], true)), mul(normal, mean(mul(gw, normal), [last], true)));
    return [mul(centred, inverse), unbroadcast(mul(g, normal), weight.shape), unbroadcast(g, bias.shape)];
  },
});

function lowerLayerNorm(ctx: LowerContext): readonly string[] {
  return ctx.emit("LayerNormalization", [ctx.input(0), ctx.input(1), ctx.input(2)], {
    attrs: { axis: -1, epsilon: { float: numberAttr(ctx.node.attrs, "eps") } },
    outputs: 3,
  });
}

function lowerByParts(ctx: LowerContext): readonly string[] {
  const on = (opType: string, ...inputs: string[]) => ctx.emit(opType, inputs)[0] ?? "";
  const last = ctx.int64([-1]);
  const eps = ctx.constant(ctx.node.dtype, numberAttr(ctx.node.attrs, "eps"));
  const mean = on("ReduceMean", ctx.input(0), last);
  const centred = on("Sub", ctx.input(0), mean);
  const variance = on("ReduceMean", on("Mul", centred, centred), last);
  const inverse = on("Reciprocal", on("Sqrt", on("Add", variance, eps)));
  const normal = on("Mul", centred, inverse);
  return [on("Add", on("Mul", normal, ctx.input(1)), ctx.input(2)), mean, inverse];
}

defineOp({
  name: "layerNormStat",
  doc: "The mean (index 1) or inverse deviation r (index 2) of a layerNorm: dx = g / n, or -g r³ (x - mean) / n.",
  projects: true,
  infer: (inputs) => {
    const { shape, dtype } = inputAt(inputs, 0);
    return { shape: [...shape.slice(0, -1), 1], dtype };
  },
  lower: (ctx) => {
    const name = ctx.outputsOf(0)[numberAttr(ctx.node.attrs, "index")];
    if (name === undefined) throw internalError("an output that its operation does not have");
    return [name];
  },
  grad: ({ inputs, attrs, out, g }) => {
    const [source, x] = [inputAt(inputs, 0), inputAt(inputs, 1)];
    const share = scale(g, 1 / Number(x.shape.at(-1)));
    if (numberAttr(attrs, "index") === MEAN) return [undefined, expand(share, x.shape)];
    const centred = sub(x, layerNormStat(source, x, MEAN));
    return [undefined, neg(mul(mul(share, mul(out, square(out))), centred))];
  },
});

/**
 * Normalization by the root of the mean square (Zhang and Sennrich 2019, arXiv 1910.07467) over the last axis: y = x̂ w with
 * x̂ = x / r and r = √(mean(x²) + ε). With gw = g w: dx = (gw - x̂ mean(gw x̂)) / r, dw = Σ g x̂.
 */
defineOp({
  name: "rmsNorm",
  along: apartFrom(({ shape }) => [shape.length - 1]),
  doc: "x / √(mean(x²) + eps) · weight over the last axis.",
  // The kernel's sums are float32 whatever its input.
  computeIn: { float16: "float32" },
  lacks: NOT_REAL,
  infer: like(0),
  lower: lowerRmsNorm,
  grad: ({ inputs, attrs, g }) => {
    const [x, weight] = [inputAt(inputs, 0), inputAt(inputs, 1)];
    const last = [x.shape.length - 1];
    const root = call("sqrt", [shift(mean(square(x), last, true), numberAttr(attrs, "eps"))]);
    const normal = div(x, root);
    const gw = mul(g, weight);
    const along = mul(normal, mean(mul(gw, normal), last, true));
    return [div(sub(gw, along), root), unbroadcast(mul(g, normal), weight.shape)];
  },
});

/**
 * One kernel of onnxruntime's where there is one: steps of one token gain a twentieth. Exported, in float32, in the form that its
 * optimizer makes that kernel of; in float64 in another, for there it would take an epsilon of its own.
 */
function lowerRmsNorm(ctx: LowerContext): readonly string[] {
  const on = (opType: string, ...inputs: string[]) => ctx.emit(opType, inputs)[0] ?? "";
  const { dtype, attrs, shape } = ctx.node;
  const x = ctx.input(0);
  if (dtype === "float32" && ctx.device !== "export" && !shape.includes(0)) {
    const epsilon = { float: numberAttr(attrs, "eps") };
    return ctx.emit("SimplifiedLayerNormalization", [x, ctx.input(1)], { attrs: { axis: -1, epsilon, stash_type: 1 } });
  }
  const square = dtype === "float32" ? on("Pow", x, ctx.constant(dtype, 2)) : on("Mul", x, x);
  const meanSquare = on("ReduceMean", square, ctx.int64([-1]));
  const root = on("Sqrt", on("Add", meanSquare, ctx.constant(dtype, numberAttr(attrs, "eps"))));
  return [on("Mul", on("Div", x, root), ctx.input(1))];
}
