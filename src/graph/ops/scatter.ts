// Putting elements at indices, folding what falls on one place; and elements in another order.
import { call, cast, constant, div, equal, expand, gatherElements, mul, scatterAddElements, where } from "../build.ts";
import type { Node } from "../node.ts";
import { defineOp, direct, type GradContext, inputAt, type LowerContext, like, numberAttr } from "../op.ts";

const zerosLike = (node: Node): Node => expand(constant(0, node.dtype), node.shape);
const onesLike = (node: Node): Node => expand(constant(1, node.dtype), node.shape);

function lowerScatter(reduction: string): (ctx: LowerContext) => readonly string[] {
  return (ctx) => direct("ScatterElements", { attrs: { axis: numberAttr(ctx.node.attrs, "axis"), reduction } })(ctx);
}

const scatter = (base: Node, indices: Node, updates: Node, axis: number): Node =>
  call("scatter", [base, indices, updates], { axis });

defineOp({
  name: "scatter",
  doc: "The base with updates put at indices along an axis (PyTorch's scatter); base takes g where it was kept, updates take g at the indices.",
  infer: like(0),
  lower: lowerScatter("none"),
  grad: ({ inputs, attrs, g }) => {
    const [indices, updates, axis] = [inputAt(inputs, 1), inputAt(inputs, 2), numberAttr(attrs, "axis")];
    return [scatter(g, indices, zerosLike(cast(updates, g.dtype)), axis), undefined, gatherElements(g, indices, axis)];
  },
});

/** Extremes share g evenly among the elements that equal the result, as PyTorch does. */
function gradOfExtreme({ inputs, attrs, out, g }: GradContext): (Node | undefined)[] {
  const [base, indices, updates, axis] = [
    inputAt(inputs, 0),
    inputAt(inputs, 1),
    inputAt(inputs, 2),
    numberAttr(attrs, "axis"),
  ];
  const isBase = cast(equal(base, out), g.dtype);
  const isUpdate = cast(equal(updates, gatherElements(out, indices, axis)), g.dtype);
  const share = div(g, scatterAddElements(isBase, indices, isUpdate, axis));
  // Where nothing equals the result there is nothing to share: a result that is NaN.
  return [mul(share, isBase), undefined, mul(gatherElements(share, indices, axis), isUpdate)];
}

for (const [name, reduction] of [
  ["scatterMax", "max"],
  ["scatterMin", "min"],
] as const) {
  defineOp({
    name,
    doc: `The ${reduction} of the base and of the updates that fall on each place along an axis; g is shared evenly among equals.`,
    infer: like(0),
    computeIn: { float16: "float32", bool: "uint8" },
    lower: lowerScatter(reduction),
    grad: gradOfExtreme,
  });
}

/**
 * A factor's gradient is g times the product of the others, which is the result divided by the factor; where one update
 * is the only zero of its place, the product without it.
 */
function gradOfProduct({ inputs, attrs, out, g }: GradContext): (Node | undefined)[] {
  const [base, indices, updates] = [inputAt(inputs, 0), inputAt(inputs, 1), inputAt(inputs, 2)];
  const axis = numberAttr(attrs, "axis");
  const at = (node: Node) => gatherElements(node, indices, axis);
  const product = (one: Node, other: Node) => call("scatterMul", [one, indices, other], { axis });
  const baseOr1 = where(equal(base, zerosLike(base)), onesLike(base), base);
  const isZero = equal(updates, zerosLike(updates));
  const zeros = at(scatterAddElements(zerosLike(base), indices, cast(isZero, base.dtype), axis));
  const isOnlyZero = call("logicalAnd", [isZero, equal(zeros, onesLike(zeros))]);
  const withoutZero = product(base, where(isOnlyZero, onesLike(updates), updates));
  const others = div(at(mul(g, out)), where(isZero, onesLike(updates), updates));
  return [
    div(mul(g, product(baseOr1, updates)), baseOr1),
    undefined,
    where(isOnlyZero, at(mul(g, withoutZero)), others),
  ];
}

defineOp({
  name: "scatterMul",
  doc: "The base times the updates that fall on each place along an axis; each factor takes g times the product of the others.",
  infer: like(0),
  computeIn: { float16: "float32" },
  lower: lowerScatter("mul"),
  grad: gradOfProduct,
});

defineOp({
  name: "flip",
  doc: "Elements along an axis in reverse; d = g in reverse.",
  infer: like(0),
  lower: (ctx) => {
    const axis = ctx.int64([numberAttr(ctx.node.attrs, "axis")]);
    // An end below every index: the slice runs down to the first element.
    return ctx.emit("Slice", [ctx.input(0), ctx.int64([-1]), ctx.int64([-(2 ** 31)]), axis, ctx.int64([-1])]);
  },
  grad: ({ attrs, g }) => [call("flip", [g], { axis: numberAttr(attrs, "axis") })],
});

defineOp({
  name: "withHistory",
  doc: "The elements of the first input with the gradient of the second: what a write outside of recording leaves of a computed tensor.",
  infer: like(0),
  lower: (ctx) => ctx.emit("Identity", [ctx.input(0)]),
  grad: ({ g }) => [undefined, g],
});
