// Picking by index and adding back by index.
import {
  cast,
  constant,
  expand,
  gather,
  gatherElements,
  permute,
  reshape,
  scatterAddElements,
  scatterAddRows,
} from "../build.ts";
import type { Node } from "../node.ts";
import { defineOp, direct, inputAt, like, numberAttr } from "../op.ts";
import type { Dim } from "../shape.ts";

function moveAxis(node: Node, from: number, to: number): Node {
  const order = node.shape.map((_, axis) => axis).filter((axis) => axis !== from);
  order.splice(to, 0, from);
  return permute(node, order);
}

defineOp({
  name: "gather",
  selects: true,
  doc: "Slices of the table along an axis at integer indices of any shape; d adds g back row by row.",
  infer: (inputs, attrs) => {
    const [table, indices] = [inputAt(inputs, 0), inputAt(inputs, 1)];
    const axis = numberAttr(attrs, "axis");
    return {
      shape: [...table.shape.slice(0, axis), ...indices.shape, ...table.shape.slice(axis + 1)],
      dtype: table.dtype,
    };
  },
  lower: (ctx) => direct("Gather", { attrs: { axis: numberAttr(ctx.node.attrs, "axis") } })(ctx),
  along: ({ inputs, attrs }, axis) => {
    const [own, count] = [numberAttr(attrs, "axis"), inputAt(inputs, 1).shape.length];
    if (axis < own) return [axis, undefined];
    return axis < own + count ? [undefined, axis - own] : [axis - count + 1, undefined];
  },
  grad: ({ inputs, attrs, g }) => {
    const [table, indices] = [inputAt(inputs, 0), inputAt(inputs, 1)];
    const axis = numberAttr(attrs, "axis");
    const count = indices.shape.reduce<number>((product, dim) => product * Number(dim), 1);
    const row: Dim[] = table.shape.filter((_, at) => at !== axis);
    // The picked axis goes to the front, where rows are added, and back.
    const merged = reshape(g, [...table.shape.slice(0, axis), count, ...table.shape.slice(axis + 1)]);
    const updates = reshape(moveAxis(merged, axis, 0), [count, ...row]);
    const places = cast(reshape(indices, [count, 1]), "int64");
    return [moveAxis(scatterAddRows(places, updates, Number(table.shape[axis])), 0, axis), undefined];
  },
});

defineOp({
  name: "scatterAddRows",
  doc: "Zeros of `rows` rows, with each row of the updates added at its index; d of the updates = the rows of g.",
  infer: (inputs, attrs) => {
    const updates = inputAt(inputs, 1);
    return { shape: [numberAttr(attrs, "rows"), ...updates.shape.slice(1)], dtype: updates.dtype };
  },
  lower: (ctx) => {
    const zero = ctx.constant(ctx.node.dtype, 0);
    const [zeros = ""] = ctx.emit("Expand", [zero, ctx.shape(ctx.node.shape)]);
    if (inputAt(ctx.node.inputs, 1).shape.includes(0)) return [zeros];
    if (ctx.device !== "cpu")
      return ctx.emit("ScatterND", [zeros, ctx.input(0), ctx.input(1)], { attrs: { reduction: "add" } });
    // The CPU's ScatterND lets two threads add to one row at once, and loses updates; ScatterElements runs in order.
    const { shape } = inputAt(ctx.node.inputs, 1);
    const [column = ""] = ctx.emit("Reshape", [ctx.input(0), ctx.shape(shape.map((dim, at) => (at === 0 ? dim : 1)))]);
    const [places = ""] = ctx.emit("Expand", [column, ctx.shape(shape)]);
    return ctx.emit("ScatterElements", [zeros, places, ctx.input(1)], { attrs: { axis: 0, reduction: "add" } });
  },
  grad: ({ inputs, g }) => {
    const indices = inputAt(inputs, 0);
    return [undefined, gather(g, reshape(indices, [Number(indices.shape[0])]), 0)];
  },
});

defineOp({
  name: "gatherElements",
  doc: "out[i][j] = a[index[i][j]][j] along an axis (PyTorch's gather); d adds g back at the indices.",
  infer: (inputs) => ({ shape: inputAt(inputs, 1).shape, dtype: inputAt(inputs, 0).dtype }),
  lower: (ctx) => direct("GatherElements", { attrs: { axis: numberAttr(ctx.node.attrs, "axis") } })(ctx),
  grad: ({ inputs, attrs, g }) => {
    const [a, indices] = [inputAt(inputs, 0), inputAt(inputs, 1)];
    const zeros = expand(constant(0, a.dtype), a.shape);
    return [scatterAddElements(zeros, indices, g, numberAttr(attrs, "axis")), undefined];
  },
});

defineOp({
  name: "scatterAddElements",
  doc: "The base with updates added at indices along an axis (PyTorch's scatter_add); base takes g, updates take g at the indices.",
  infer: like(0),
  computeIn: { float16: "float32" },
  lower: (ctx) =>
    direct("ScatterElements", { attrs: { axis: numberAttr(ctx.node.attrs, "axis"), reduction: "add" } })(ctx),
  grad: ({ inputs, attrs, g }) => [g, undefined, gatherElements(g, inputAt(inputs, 1), numberAttr(attrs, "axis"))],
});

defineOp({
  name: "arangeLike",
  doc: "int64 0, 1, … up to the size of one axis of the input; it depends on the size alone.",
  infer: (inputs, attrs) => {
    const dim = inputAt(inputs, 0).shape[numberAttr(attrs, "axis")];
    return { shape: [dim ?? 1], dtype: "int64" };
  },
  lower: (ctx) => {
    const axis = numberAttr(ctx.node.attrs, "axis");
    const [size = ""] = ctx.emit("Shape", [ctx.input(0)], { attrs: { start: axis, end: axis + 1 } });
    const [scalar = ""] = ctx.emit("Squeeze", [size]);
    return ctx.emit("Range", [ctx.int64(0), scalar, ctx.int64(1)]);
  },
  grad: "positions have no gradient",
});
