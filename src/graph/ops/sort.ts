// Order: the places of the largest and smallest elements, and places in what is sorted already.
// Values are picked by place (gatherElements), so gradients go to the picked elements.
import { defineHostOp, defineOp, flag, inputAt, type LowerContext, numberAttr } from "../op.ts";
import { sizeOf } from "../shape.ts";

/** Larger than every float32 there is, and smaller than infinity. */
const BEYOND_FLOAT32 = 1e300;

/** The input as the kernel orders it rightly: NaN becomes infinity, and infinity moves below it. */
function ordered(ctx: LowerContext): string {
  const { dtype } = inputAt(ctx.node.inputs, 0);
  if (dtype !== "float32" && dtype !== "float64") return ctx.input(0);
  const on = (opType: string, ...inputs: string[]) => ctx.emit(opType, inputs)[0] ?? "";
  const [wide = ""] = ctx.emit("Cast", [ctx.input(0)], { attrs: { to: ctx.onnxType("float64") } });
  const below = on("Min", wide, ctx.constant("float64", dtype === "float32" ? BEYOND_FLOAT32 : Number.MAX_VALUE));
  return on("Where", on("IsNaN", ctx.input(0)), ctx.constant("float64", Number.POSITIVE_INFINITY), below);
}

function lowerTopk(ctx: LowerContext): readonly string[] {
  const { attrs, shape } = ctx.node;
  if (shape.includes(0)) {
    return ctx.emit("Cast", ctx.emit("ConstantOfShape", [ctx.shape(shape)]), { attrs: { to: ctx.onnxType("int64") } });
  }
  const [, places = ""] = ctx.emit("TopK", [ordered(ctx), ctx.int64([numberAttr(attrs, "k")])], {
    attrs: {
      axis: numberAttr(attrs, "axis"),
      largest: flag(attrs, "largest") ? 1 : 0,
      sorted: flag(attrs, "unordered") ? 0 : 1,
    },
    outputs: 2,
  });
  return [places];
}

defineOp({
  name: "argTopk",
  doc: "int64 places of the k largest (or smallest) elements along an axis, in order unless `unordered`; of equal ones the first comes first, NaN is largest.",
  infer: (inputs, attrs) => {
    const axis = numberAttr(attrs, "axis");
    return {
      shape: inputAt(inputs, 0).shape.map((size, at) => (at === axis ? numberAttr(attrs, "k") : size)),
      dtype: "int64",
    };
  },
  lower: lowerTopk,
  computeIn: { float16: "float32", bool: "uint8" },
  grad: "a place has no gradient",
  flops: ({ inputs }) => {
    const size = inputAt(inputs, 0).shape.reduce<number>((product, dim) => product * Number(dim), 1);
    return size * Math.max(1, Math.ceil(Math.log2(size + 1)));
  },
});

defineHostOp({
  name: "searchSorted",
  doc: "int64 places at which values keep rows of the first input sorted: before equal ones, or behind them (right).",
  infer: ([, values]) => ({ shape: values?.shape ?? [], dtype: "int64" }),
  host: ([sorted, values], { attrs, shape }) => {
    const right = flag(attrs, "right");
    const [edges, wanted] = [sorted?.data ?? [], values?.data ?? []];
    const size = sorted?.shape.at(-1) ?? 0;
    // One row of edges serves all values; else each row of values has its own.
    const width = sorted?.shape.length === 1 ? wanted.length : (values?.shape.at(-1) ?? 1);
    return Float64Array.from({ length: sizeOf(shape) }, (_, at) => {
      const value = wanted[at] ?? 0;
      const start = Math.floor(at / width) * size;
      let [low, high] = [start, start + size];
      while (low < high) {
        const middle = (low + high) >> 1;
        const edge = edges[middle] ?? 0;
        if (right ? edge > value : edge >= value) high = middle;
        else low = middle + 1;
      }
      return low - start;
    });
  },
  grad: "a place has no gradient",
});

defineHostOp({
  name: "argMode",
  doc: "int64 place of the most frequent element of each row of the last axis: of equal counts the smallest element, of equal elements the last.",
  infer: ([a]) => ({ shape: a?.shape.slice(0, -1) ?? [], dtype: "int64" }),
  host: ([a], { shape }) => {
    const data = a?.data ?? [];
    const size = a?.shape.at(-1) ?? 0;
    return Float64Array.from({ length: sizeOf(shape) }, (_, row) => {
      const element = (place: number) => data[row * size + place] ?? 0;
      const order = Array.from({ length: size }, (_, place) => place);
      order.sort((one, other) => compareElements(element(one), element(other)) || one - other);
      let [best, longest, run] = [order[0] ?? 0, 0, 0];
      for (const [at, place] of order.entries()) {
        const before = order[at - 1];
        run = before !== undefined && compareElements(element(before), element(place)) === 0 ? run + 1 : 1;
        if (run > longest) [best, longest] = [place, run];
      }
      return best;
    });
  },
  grad: "a place has no gradient",
});

/** By value, NaN last; for numbers and bigints. */
export function compareElements(a: number | bigint, b: number | bigint): number {
  if (a < b) return -1;
  if (a > b) return 1;
  // NaN is the only value that is not itself.
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
}
