// Elements around a tensor.
import { pad } from "../build.ts";
import { defineOp, inputAt, listAttr, numberAttr } from "../op.ts";
import { addDims } from "../shape.ts";

defineOp({
  name: "pad",
  doc: "A value put before and after each axis, a negative number of elements cropping; d = g cropped where elements were put.",
  computeIn: { float16: "float32", int16: "int32" },
  infer: (inputs, attrs) => {
    const { shape, dtype } = inputAt(inputs, 0);
    const [before, after] = [listAttr(attrs, "before"), listAttr(attrs, "after")];
    return { shape: shape.map((dim, axis) => addDims(dim, (before[axis] ?? 0) + (after[axis] ?? 0))), dtype };
  },
  lower: (ctx) => {
    const { attrs } = ctx.node;
    const around = ctx.int64([...listAttr(attrs, "before"), ...listAttr(attrs, "after")]);
    const { dtype } = inputAt(ctx.node.inputs, 0);
    return ctx.emit("Pad", [ctx.input(0), around, ctx.constant(dtype, numberAttr(attrs, "value"))]);
  },
  grad: ({ attrs, g }) => {
    const back = (name: string) => listAttr(attrs, name).map((count) => -count);
    return [pad(g, back("before"), back("after"), 0)];
  },
});
