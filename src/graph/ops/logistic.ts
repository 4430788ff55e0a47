// Softplus and binary cross entropy: a composition of other operations would be infinite or NaN far out and at the ends.
import { call, constant, div, mul, neg, sub } from "../build.ts";
import { defineOp, eachAlong, inputAt, like, NOT_REAL } from "../op.ts";
import { binaryType } from "./arithmetic.ts";
import { log1pOf } from "./exponential.ts";
import { formula } from "./formula.ts";

defineOp({
  name: "softplus",
  along: eachAlong,
  autocast: "float32",
  doc: "ln(1 + e^x), as max(x, 0) + ln(1 + e^-|x|); d = σ(x).",
  lacks: NOT_REAL,
  computeIn: { float16: "float32" },
  infer: like(0),
  lower: (ctx) => {
    const f = formula(ctx);
    const x = ctx.input(0);
    return [f.add(f.on("Max", x, f.number(0)), log1pOf(f, f.exp(f.on("Neg", f.abs(x))), ctx.device))];
  },
  grad: ({ inputs, g }) => [mul(g, call("sigmoid", [inputAt(inputs, 0)]))],
});

/** The logarithms and the slope are cut where PyTorch cuts them. */
const LEAST_LOG = -100;
const LEAST_PRODUCT = 1e-12;

defineOp({
  name: "binaryCrossEntropy",
  autocast: "float32",
  doc: "-(y max(ln x, -100) + (1 - y) max(ln(1 - x), -100)); dx = g (x - y) / max(x (1 - x), 1e-12), dy = g (ln(1 - x) - ln x), cut alike.",
  lacks: NOT_REAL,
  computeIn: { float16: "float32" },
  infer: binaryType,
  lower: (ctx) => {
    const f = formula(ctx);
    const [x, y] = [ctx.input(0), ctx.input(1)];
    const least = f.number(LEAST_LOG);
    // A shader need not give -∞ for ln 0.
    const cut = (logarithm: string, end: number) => {
      const limited = f.on("Max", logarithm, least);
      return ctx.device === "webgpu" ? f.where(f.on("Equal", x, f.number(end)), least, limited) : limited;
    };
    const yes = cut(f.log(x), 0);
    const no = cut(log1pOf(f, f.on("Neg", x), ctx.device), 1);
    return [f.sub(f.mul(f.sub(y, f.number(1)), no), f.mul(y, yes))];
  },
  grad: ({ inputs, g }) => {
    const [x, y] = [inputAt(inputs, 0), inputAt(inputs, 1)];
    const product = mul(x, sub(constant(1, x.dtype), x));
    const slope = div(sub(x, y), call("maximum", [product, constant(LEAST_PRODUCT, x.dtype)]));
    const cut = (logarithm: typeof x) => call("maximum", [logarithm, constant(LEAST_LOG, x.dtype)]);
    const odds = sub(cut(call("log1p", [neg(x)])), cut(call("log", [x])));
    return [mul(g, slope), mul(g, odds)];
  },
});
