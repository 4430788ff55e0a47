// Convolution, its transpose and its gradient by the weight: each is linear in both inputs, and the three are each
// other's gradients, so they differentiate any number of times.
import { type ConvGeometry, conv, convTranspose, convWeight, pad, sum } from "../build.ts";
import type { Attrs, Node } from "../node.ts";
import { defineOp, inputAt, type LowerContext, listAttr, NOT_REAL } from "../op.ts";
import { type Dim, numeric, type Shape } from "../shape.ts";
import {
  columnsByConvolution,
  columnsOf,
  emitter,
  leftOver,
  onnxWindows,
  padded,
  product,
  reach,
  slicesOf,
  spatial,
  windowCounts,
  windowsOf,
} from "./windows.ts";

/** Below this many channels of a group, columns by convolution beat products place by place. */
const FEW_CHANNELS = 8;

/** WebGPU's kernel reads channels by three where they come in threes and not in fours, and takes wrong ones from the fourth on. */
function isMiscounted(x: Shape, out: Shape): boolean {
  const [channels, filters] = [Number(x[1]), Number(out[1])];
  return channels > 3 && channels % 3 === 0 && channels % 4 !== 0 && filters % 4 === 0;
}

/** The bias takes g summed over all axes but the channels. */
function biasGrad(inputs: readonly Node[], g: Node): Node[] {
  if (inputs.length < 3) return [];
  return [
    sum(
      g,
      g.shape.map((_, axis) => axis).filter((axis) => axis !== 1),
    ),
  ];
}

/** Multiply-adds: each element of `node` takes one product for each place of the window and channel of the group. */
function flopsOf(node: Node, weight: Shape): number {
  return product(numeric(node.shape) ?? [1]) * product(numeric(weight.slice(1)) ?? [1]);
}

const names = (ctx: LowerContext): string[] => ctx.node.inputs.map((_, index) => ctx.input(index));

defineOp({
  name: "conv",
  doc: "Cross-correlation of [N, C, …] with [O, C / groups, …], plus a bias [O]; dx = the transpose of g, dw = the windows of x times g.",
  computeIn: { float16: "float32" },
  autocast: "lower",
  lacks: NOT_REAL,
  infer: (inputs, attrs) => {
    const [x, weight] = [inputAt(inputs, 0), inputAt(inputs, 1)];
    return {
      shape: [x.shape[0] ?? 1, weight.shape[0] ?? 1, ...windowCounts(x.shape, windowsOf(attrs))],
      dtype: x.dtype,
    };
  },
  lower: (ctx) => {
    const windows = windowsOf(ctx.node.attrs);
    const { shape } = inputAt(ctx.node.inputs, 0);
    const byColumns = ctx.node.dtype === "float64" || (ctx.device === "webgpu" && isMiscounted(shape, ctx.node.shape));
    if (byColumns) return [withBias(ctx, productOfColumns(ctx, ctx.input(0), shape, ctx.input(1), windows))];
    return ctx.emit("Conv", names(ctx), { attrs: { ...onnxWindows(windows), group: windows.groups } });
  },
  grad: ({ inputs, attrs, g }) => {
    const [x, weight] = [inputAt(inputs, 0), inputAt(inputs, 1)];
    const geometry = windowsOf(attrs);
    // As a convolution with the weight turned, dx takes 6.5 ms instead of 4.8 (3 × 3 of 64 → 32 channels on 24 × 24, batch 64).
    return [
      convTranspose(g, weight, undefined, { ...geometry, outputPadding: leftOver(x.shape, g.shape, geometry) }),
      convWeight(x, g, geometry),
      ...biasGrad(inputs, g),
    ];
  },
  flops: (node) => flopsOf(node, inputAt(node.inputs, 1).shape),
});

function transposedSizes(x: Shape, attrs: Attrs): number[] {
  const windows = windowsOf(attrs);
  const extra = listAttr(attrs, "outputPadding");
  return spatial(x).map((size, axis) => {
    const whole = (size - 1) * (windows.stride[axis] ?? 1) + reach(windows, axis) + (extra[axis] ?? 0);
    return whole - (windows.before[axis] ?? 0) - (windows.after[axis] ?? 0);
  });
}

defineOp({
  name: "convTranspose",
  doc: "The transpose of a convolution: [N, C, …] with [C, O / groups, …], plus a bias [O]; dx = the convolution of g, dw = the windows of g times x.",
  computeIn: { float16: "float32" },
  autocast: "lower",
  lacks: NOT_REAL,
  infer: (inputs, attrs) => {
    const [x, weight] = [inputAt(inputs, 0), inputAt(inputs, 1)];
    const channels = Number(weight.shape[1]) * windowsOf(attrs).groups;
    return { shape: [x.shape[0] ?? 1, channels, ...transposedSizes(x.shape, attrs)], dtype: x.dtype };
  },
  lower: (ctx) => {
    const { attrs, dtype } = ctx.node;
    const windows = windowsOf(attrs);
    const extra = listAttr(attrs, "outputPadding");
    // WebGPU's kernel is wrong for groups of one channel, and knows no third axis.
    const known = ctx.device !== "webgpu" || (windows.groups === 1 && windows.kernel.length < 3);
    if (dtype === "float64" || !known) return [transposeByColumns(ctx, windows, extra)];
    // Further elements at the end are first those that the padding would crop; the kernel adds the others.
    const after = windows.after.map((count, axis) => Math.max(0, count - (extra[axis] ?? 0)));
    const more = extra.map((count, axis) => count - ((windows.after[axis] ?? 0) - (after[axis] ?? 0)));
    const within = more.map((count, axis) => Math.min(count, (windows.stride[axis] ?? 1) - 1));
    const beyond = more.map((count, axis) => count - (within[axis] ?? 0));
    const options = { ...onnxWindows({ ...windows, after }), group: windows.groups, output_padding: within };
    if (beyond.every((count) => count === 0)) return ctx.emit("ConvTranspose", names(ctx), { attrs: options });
    // The kernel adds fewer than the stride; no window reaches those beyond.
    const [out = ""] = ctx.emit("ConvTranspose", names(ctx).slice(0, 2), { attrs: options });
    const none = beyond.map(() => 0);
    return [withBias(ctx, padded(ctx, out, dtype, none, beyond))];
  },
  grad: ({ inputs, attrs, g }) => {
    const [x, weight] = [inputAt(inputs, 0), inputAt(inputs, 1)];
    const [reached, geometry] = reachedBy(x.shape, g, windowsOf(attrs));
    return [conv(reached, weight, undefined, geometry), convWeight(reached, x, geometry), ...biasGrad(inputs, g)];
  },
  flops: (node) => flopsOf(inputAt(node.inputs, 0), inputAt(node.inputs, 1).shape),
});

/** The part of `g` that windows at the places of `x` reach: further elements at the end would make further windows. */
function reachedBy(x: Shape, g: Node, geometry: ConvGeometry): [Node, ConvGeometry] {
  const more = windowCounts(g.shape, geometry).map(
    (count, axis) => (count - Number(x[axis + 2])) * (geometry.stride[axis] ?? 1),
  );
  const after = geometry.after.map((count, axis) => Math.max(0, count - (more[axis] ?? 0)));
  const cut = more.map((count, axis) => (geometry.after[axis] ?? 0) - (after[axis] ?? 0) - count);
  return [pad(g, [0, 0, ...cut.map(() => 0)], [0, 0, ...cut], 0), { ...geometry, after }];
}

defineOp({
  name: "convWeight",
  doc: "Windows of x [N, C, …] times g [N, O, …], summed: what a convolution's weight [O, C / groups, …] takes; dx = the transpose of g with its gradient, dg = the convolution of x with it.",
  computeIn: { float16: "float32" },
  autocast: "lower",
  lacks: NOT_REAL,
  infer: (inputs, attrs) => {
    const [x, g] = [inputAt(inputs, 0), inputAt(inputs, 1)];
    const { kernel, groups } = windowsOf(attrs);
    return { shape: [g.shape[1] ?? 1, Number(x.shape[1]) / groups, ...kernel], dtype: x.dtype };
  },
  lower: lowerConvWeight,
  grad: ({ inputs, attrs, g: weight }) => {
    const [x, g] = [inputAt(inputs, 0), inputAt(inputs, 1)];
    const geometry = windowsOf(attrs);
    return [
      convTranspose(g, weight, undefined, { ...geometry, outputPadding: leftOver(x.shape, g.shape, geometry) }),
      conv(x, weight, undefined, geometry),
    ];
  },
  flops: (node) => flopsOf(inputAt(node.inputs, 1), node.shape),
});

/**
 * Windows of x, [N, G, C / G · places, windows], times g: one product for each image, summed. Measured on two cores, batch 64, against
 * the convolution of transposed inputs (in ms): 3 × 3 of 32 → 64 channels on 26 × 26, 17.0 as a convolution, 6.4 by columns, 5.5
 * place by place (PyTorch 3.8); 1 → 32 on 28 × 28: 0.6, 0.3, 1.6 (PyTorch 0.3); 5 × 5 of 6 → 16 on 14 × 14: 0.7, 0.5, 1.1.
 */
function lowerConvWeight(ctx: LowerContext): readonly string[] {
  const on = emitter(ctx);
  const [x, g] = [inputAt(ctx.node.inputs, 0), inputAt(ctx.node.inputs, 1)];
  const geometry = windowsOf(ctx.node.attrs);
  const { kernel, groups } = geometry;
  if (x.shape.includes(0)) return [zeros(ctx)];
  const [batch, channels, out] = [x.shape[0] ?? 1, Number(x.shape[1]) / groups, Number(g.shape[1]) / groups];
  const counts = windowCounts(x.shape, geometry);
  const rows = on("Reshape", [ctx.input(1), ctx.shape([batch, groups, out, product(counts)])]); // [N, G, O / G, L]
  const summed = (columns: string): string =>
    on("ReduceSum", [timesTransposed(ctx, rows, columns), ctx.int64([0])], { keepdims: 0 });
  if (ctx.node.dtype !== "float64" && channels >= FEW_CHANNELS) {
    const target = ctx.shape([batch, groups, channels, product(counts)]);
    const parts = slicesOf(ctx, ctx.input(0), x.dtype, geometry, counts).map((part) => {
      return on("Reshape", [summed(on("Reshape", [part, target])), ctx.shape([groups * out, channels, 1])]);
    });
    return [on("Reshape", [on("Concat", parts, { axis: 2 }), ctx.shape(ctx.node.shape)])];
  }
  const make = ctx.node.dtype === "float64" ? columnsOf : columnsByConvolution;
  const wide = ctx.shape([batch, groups, channels * product(kernel), product(counts)]);
  const columns = on("Reshape", [make(ctx, ctx.input(0), x, geometry), wide]);
  return [on("Reshape", [summed(columns), ctx.shape(ctx.node.shape)])];
}

/** A product of nothing, which kernels refuse. */
function zeros(ctx: LowerContext): string {
  const on = emitter(ctx);
  return on("Cast", [on("ConstantOfShape", [ctx.shape(ctx.node.shape)])], { to: ctx.onnxType(ctx.node.dtype) });
}

/** a bᵀ over the last two of four axes. */
function timesTransposed(ctx: LowerContext, a: string, b: string): string {
  if (ctx.device === "cpu" && ctx.node.dtype === "float32") {
    return ctx.emit("FusedMatMul", [a, b], { domain: "com.microsoft", attrs: { transB: 1 } })[0] ?? "";
  }
  const on = emitter(ctx);
  return on("MatMul", [a, on("Transpose", [b], { perm: [0, 1, 3, 2] })]);
}

function withBias(ctx: LowerContext, out: string): string {
  if (ctx.node.inputs.length < 3) return out;
  const on = emitter(ctx);
  const shape: Dim[] = ctx.node.shape.map((dim, axis) => (axis === 1 ? dim : 1));
  return on("Add", [out, on("Reshape", [ctx.input(2), ctx.shape(shape)])]);
}

/** A convolution as the product of the weight with the columns of `x`: where there is no right kernel. */
function productOfColumns(
  ctx: LowerContext,
  x: string,
  shape: Shape,
  weight: string,
  windows: ReturnType<typeof windowsOf>,
): string {
  const on = emitter(ctx);
  if (shape.includes(0)) return zeros(ctx);
  const { groups, kernel } = windows;
  const inner = (Number(shape[1]) / groups) * product(kernel);
  const columns = columnsOf(ctx, x, { shape, dtype: ctx.node.dtype }, windows);
  const wide = on("Reshape", [
    columns,
    ctx.shape([shape[0] ?? 1, groups, inner, product(windowCounts(shape, windows))]),
  ]);
  const rows = on("Reshape", [weight, ctx.shape([groups, Number(ctx.node.shape[1]) / groups, inner])]);
  return on("Reshape", [on("MatMul", [rows, wide]), ctx.shape(ctx.node.shape)]);
}

/** The transpose as a convolution: elements apart by the stride, zeros around, the weight turned. */
function transposeByColumns(
  ctx: LowerContext,
  windows: ReturnType<typeof windowsOf>,
  extra: readonly number[],
): string {
  const on = emitter(ctx);
  const [x, weight] = [inputAt(ctx.node.inputs, 0), inputAt(ctx.node.inputs, 1)];
  const { kernel, stride, groups, dilation } = windows;
  const sizes = spatial(x.shape);
  const lead = [x.shape[0] ?? 1, x.shape[1] ?? 1];
  const apart = on("Reshape", [ctx.input(0), ctx.shape([...lead, ...sizes.flatMap((size) => [size, 1])])]);
  const between = sizes.flatMap((_, axis) => [0, (stride[axis] ?? 1) - 1]);
  const spread = padded(
    ctx,
    apart,
    x.dtype,
    between.map(() => 0),
    between,
  );
  const shape = [...lead, ...sizes.map((size, axis) => size * (stride[axis] ?? 1))];
  const around = sizes.map((_, axis) => reach(windows, axis) - 1);
  const flat = {
    kernel,
    dilation,
    groups,
    stride: stride.map(() => 1),
    before: around.map((count, axis) => count - (windows.before[axis] ?? 0)),
    // The zeros behind the last element are there already.
    after: around.map(
      (count, axis) => count - (windows.after[axis] ?? 0) + (extra[axis] ?? 0) - (stride[axis] ?? 1) + 1,
    ),
  };
  const [inGroup, outGroup] = [Number(weight.shape[0]) / groups, Number(weight.shape[1])];
  const ends = ctx.int64(kernel.map((size) => -size - 1));
  const backwards = ctx.int64(kernel.map(() => -1));
  const turned = on("Slice", [ctx.input(1), backwards, ends, ctx.int64(kernel.map((_, axis) => axis + 2)), backwards]);
  const grouped = on("Reshape", [turned, ctx.shape([groups, inGroup, outGroup, product(kernel)])]);
  const filters = on("Transpose", [grouped], { perm: [0, 2, 1, 3] });
  return withBias(ctx, productOfColumns(ctx, on("Reshape", [spread, ctx.shape(shape)]), shape, filters, flat));
}
