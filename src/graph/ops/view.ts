// Another look at the same elements: shape, order, parts, joins.

import { internalError } from "../../errors.ts";
import { constant, expand, permute, reshape, slice, sliceScatter, trilu, unbroadcast } from "../build.ts";
import type { DType } from "../dtype.ts";
import type { Attrs, Node } from "../node.ts";
import {
  apartFrom,
  defineOp,
  dimsAttr,
  eachAlong,
  flag,
  inputAt,
  type LowerContext,
  like,
  listAttr,
  NARROW_INTS,
  numberAttr,
} from "../op.ts";
import { addDims, broadcast, type Dim, inferReshape, type Shape, sameShape, shapeError, showShape } from "../shape.ts";

/** Symbolic sizes that stay in place are copied (0), one other is inferred (-1): the exported graph then runs for any size. */
function reshapeTarget(ctx: LowerContext): string {
  const from = inputAt(ctx.node.inputs, 0).shape;
  const to = ctx.node.shape;
  const target = to.map((dim, axis) => (typeof dim === "number" ? dim : dim === from[axis] ? 0 : -1));
  if (target.filter((dim) => dim === -1).length > 1 || to.includes(0)) return ctx.shape(to);
  return ctx.int64(target);
}

/** How many elements there are, as a text: equal for shapes of the same sizes in any order. */
function countOf(shape: Shape): string {
  const known = shape.reduce<number>((count, dim) => (typeof dim === "number" ? count * dim : count), 1);
  return [known, ...shape.filter((dim) => typeof dim === "string").sort()].join(" * ");
}

defineOp({
  name: "reshape",
  isView: true,
  along: ({ inputs, shape }, axis) => {
    const from = inputAt(inputs, 0).shape;
    const before = countOf(shape.slice(0, axis));
    const own = from.findIndex((dim, at) => dim === shape[axis] && countOf(from.slice(0, at)) === before);
    return own < 0 ? undefined : [own];
  },
  doc: "The same elements in another shape; d = g in the input's shape.",
  infer: (inputs, attrs) => {
    const { shape, dtype } = inputAt(inputs, 0);
    return { shape: inferReshape(shape, dimsAttr(attrs, "shape")), dtype };
  },
  lower: (ctx) =>
    ctx.emit("Reshape", [ctx.input(0), reshapeTarget(ctx)], {
      attrs: { allowzero: ctx.node.shape.includes(0) ? 1 : 0 },
    }),
  grad: ({ inputs, g }) => [reshape(g, inputAt(inputs, 0).shape)],
});

defineOp({
  name: "permute",
  isView: true,
  along: ({ attrs }, axis) => [listAttr(attrs, "order")[axis]],
  doc: "Axes in another order; d = g in the inverse order.",
  infer: (inputs, attrs) => {
    const { shape, dtype } = inputAt(inputs, 0);
    return { shape: listAttr(attrs, "order").map((axis) => shape[axis] ?? 1), dtype };
  },
  lower: (ctx) => ctx.emit("Transpose", [ctx.input(0)], { attrs: { perm: listAttr(ctx.node.attrs, "order") } }),
  grad: ({ attrs, g }) => {
    const order = listAttr(attrs, "order");
    return [
      permute(
        g,
        order.map((_, axis) => order.indexOf(axis)),
      ),
    ];
  },
});

defineOp({
  name: "expand",
  isView: true,
  along: eachAlong,
  doc: "Repeated along axes of size 1; d = g summed over them.",
  infer: (inputs, attrs) => {
    const { shape, dtype } = inputAt(inputs, 0);
    const wanted = dimsAttr(attrs, "shape");
    if (!sameShape(broadcast(shape, wanted), wanted)) {
      throw shapeError(`The tensor of shape ${showShape(shape)} cannot be expanded to ${showShape(wanted)}`);
    }
    return { shape: wanted, dtype };
  },
  lower: lowerExpand,
  grad: ({ inputs, g }) => [unbroadcast(g, inputAt(inputs, 0).shape)],
});

/** The runtime drops an Expand to no elements as if it changed nothing, so that one is written as a constant. */
function lowerExpand(ctx: LowerContext): readonly string[] {
  const { shape, dtype } = ctx.node;
  const cast = (name: string, to: DType) => ctx.emit("Cast", [name], { attrs: { to: ctx.onnxType(to) } });
  if (shape.includes(0)) return cast(ctx.emit("ConstantOfShape", [ctx.shape(shape)])[0] ?? "", dtype);
  // WebGPU's kernel takes uint8 and fails on some of its shapes.
  if (ctx.device !== "webgpu" || dtype !== "uint8") return ctx.emit("Expand", [ctx.input(0), ctx.shape(shape)]);
  const [wide = ""] = ctx.emit("Expand", [cast(ctx.input(0), "int32")[0] ?? "", ctx.shape(shape)]);
  return cast(wide, dtype);
}

function sliceLength(size: number, start: number, end: number, step: number): number {
  return Math.max(0, Math.ceil((Math.min(end, size) - start) / step));
}

function lowerSlice(ctx: LowerContext): readonly string[] {
  const { attrs } = ctx.node;
  const one = (name: string) => ctx.int64([numberAttr(attrs, name)]);
  return ctx.emit("Slice", [ctx.input(0), one("start"), one("end"), one("axis"), one("step")]);
}

defineOp({
  name: "slice",
  selects: true,
  along: apartFrom(({ attrs }) => [numberAttr(attrs, "axis")]),
  doc: "Elements start, start + step, … below end along an axis; d = g scattered into zeros.",
  infer: (inputs, attrs) => {
    const { shape, dtype } = inputAt(inputs, 0);
    const [axis, start, end, step] = ["axis", "start", "end", "step"].map((name) => numberAttr(attrs, name));
    const size = shape[axis ?? 0];
    const length =
      typeof size === "number" ? sliceLength(size, start ?? 0, end ?? 0, step ?? 1) : (end ?? 0) - (start ?? 0);
    return { shape: shape.map((dim, at) => (at === axis ? length : dim)), dtype };
  },
  lower: lowerSlice,
  grad: ({ inputs, attrs, g }) => {
    const { shape, dtype } = inputAt(inputs, 0);
    const zeros = expand(constant(0, dtype), shape);
    return [sliceScatter(zeros, g, numberAttr(attrs, "axis"), numberAttr(attrs, "start"), numberAttr(attrs, "step"))];
  },
});

function dimAttr(attrs: Attrs, name: string): Dim {
  const value = attrs[name];
  if (typeof value === "number" || typeof value === "string") return value;
  throw internalError(`attribute ${name} is not a size`);
}

defineOp({
  name: "narrow",
  selects: true,
  along: apartFrom(({ attrs }) => [numberAttr(attrs, "axis")]),
  doc: "`length` elements from `start` along an axis, both possibly sizes known only at run time; d = g scattered into zeros.",
  infer: (inputs, attrs) => {
    const { shape, dtype } = inputAt(inputs, 0);
    const axis = numberAttr(attrs, "axis");
    return { shape: shape.map((dim, at) => (at === axis ? dimAttr(attrs, "length") : dim)), dtype };
  },
  lower: (ctx) => {
    const { attrs } = ctx.node;
    const start = dimAttr(attrs, "start");
    const end = addDims(start, dimAttr(attrs, "length"));
    const axis = ctx.int64([numberAttr(attrs, "axis")]);
    return ctx.emit("Slice", [ctx.input(0), ctx.shape([start]), ctx.shape([end]), axis]);
  },
  grad: ({ inputs, attrs, g }) => {
    const { shape, dtype } = inputAt(inputs, 0);
    const zeros = expand(constant(0, dtype), shape);
    return [sliceScatter(zeros, g, numberAttr(attrs, "axis"), Number(dimAttr(attrs, "start")))];
  },
});

/** Without steps the result is the part before, the new part and the part after, joined; with steps it is scattered by index. */
function lowerSliceScatter(ctx: LowerContext): readonly string[] {
  const { attrs, inputs } = ctx.node;
  const [axis, start, step] = [numberAttr(attrs, "axis"), numberAttr(attrs, "start"), numberAttr(attrs, "step")];
  const [base, value] = [inputAt(inputs, 0), inputAt(inputs, 1)];
  const [size, count] = [Number(base.shape[axis]), Number(value.shape[axis])];
  if (step === 1) {
    const end = start + count;
    const part = (from: number, to: number) =>
      from < to ? ctx.emit("Slice", [ctx.input(0), ctx.int64([from]), ctx.int64([to]), ctx.int64([axis])]) : [];
    const parts = [...part(0, start), ctx.input(1), ...part(end, size)];
    return parts.length === 1 ? parts : ctx.emit("Concat", parts, { attrs: { axis } });
  }
  if (value.shape.includes(0)) return ctx.emit("Identity", [ctx.input(0)]);
  const places = Array.from({ length: count }, (_, index) => start + index * step);
  const column = value.shape.map((_, at) => (at === axis ? count : 1));
  const [shaped = ""] = ctx.emit("Reshape", [ctx.int64(places), ctx.int64(column)]);
  const [indices = ""] = ctx.emit("Expand", [shaped, ctx.shape(value.shape)]);
  return ctx.emit("ScatterElements", [ctx.input(0), indices, ctx.input(1)], { attrs: { axis } });
}

defineOp({
  name: "sliceScatter",
  doc: "The first input with a slice along an axis replaced by the second; g goes to each where it was kept.",
  infer: (inputs) => like(0)(inputs),
  lower: lowerSliceScatter,
  grad: ({ inputs, attrs, g }) => {
    const value = inputAt(inputs, 1);
    const [axis, start, step] = [numberAttr(attrs, "axis"), numberAttr(attrs, "start"), numberAttr(attrs, "step")];
    const zeros = expand(constant(0, g.dtype), value.shape);
    const end = start + Number(value.shape[axis]) * step;
    return [sliceScatter(g, zeros, axis, start, step), slice(g, axis, start, end, step)];
  },
});

function concatShape(parts: readonly Node[], axis: number): Dim[] {
  const first = inputAt(parts, 0).shape;
  let size: Dim = 0;
  for (const { shape } of parts) {
    if (shape.length !== first.length || shape.some((dim, at) => at !== axis && dim !== first[at])) {
      throw shapeError(
        `Sizes of tensors must match except in dimension ${axis}: got ${parts.map((part) => showShape(part.shape)).join(", ")}`,
      );
    }
    size = addDims(size, shape[axis] ?? 0);
  }
  return first.map((dim, at) => (at === axis ? size : dim));
}

defineOp({
  name: "concat",
  along: ({ inputs, attrs }, axis) => (axis === numberAttr(attrs, "axis") ? undefined : inputs.map(() => axis)),
  doc: "Joined along an axis; each part takes its own slice of g.",
  infer: (inputs, attrs) => ({
    shape: concatShape(inputs, numberAttr(attrs, "axis")),
    dtype: inputAt(inputs, 0).dtype,
  }),
  lower: (ctx) =>
    ctx.emit(
      "Concat",
      ctx.node.inputs.map((_, index) => ctx.input(index)),
      { attrs: { axis: numberAttr(ctx.node.attrs, "axis") } },
    ),
  grad: ({ inputs, attrs, g }) => {
    const axis = numberAttr(attrs, "axis");
    let start = 0;
    return inputs.map((part) => {
      const size = Number(part.shape[axis]);
      start += size;
      return slice(g, axis, start - size, start);
    });
  },
});

defineOp({
  name: "trilu",
  doc: "The part of a matrix on and above (upper) or below a diagonal, zeros elsewhere; d = the same part of g.",
  infer: like(0),
  lower: (ctx) =>
    ctx.emit("Trilu", [ctx.input(0), ctx.int64(numberAttr(ctx.node.attrs, "diagonal"))], {
      attrs: { upper: flag(ctx.node.attrs, "upper") ? 1 : 0 },
    }),
  computeIn: NARROW_INTS,
  grad: ({ attrs, g }) => [trilu(g, flag(attrs, "upper"), numberAttr(attrs, "diagonal"))],
});
