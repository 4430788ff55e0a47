// What PyTorch calls the gradient of what made a tensor: `grad_fn=<MmBackward0>`. For print alone.
// Nothing is decided by these names.
import type { Node } from "../graph/node.ts";

/** Base and number where they differ from the method's own name and 0; `overload` is the type of the first argument. */
type Name = string | ((node: Node, overload: string | undefined) => string);

/** Without axes it is one overload of PyTorch's, with axes another. */
const folding = (base: string, [whole, along]: readonly [number, number]): Name => {
  return (_, overload) => `${base}Backward${overload === "undefined" ? whole : along}`;
};
const product: Name = ({ shape }) => `${["Dot", "Mv", "Mm"][shape.length] ?? "UnsafeView"}Backward0`;

/** By method, or by function of the library. */
const METHODS: Readonly<Record<string, Name>> = {
  sum: folding("Sum", [0, 1]),
  mean: folding("Mean", [0, 1]),
  max: folding("Max", [1, 0]),
  min: folding("Min", [1, 0]),
  squeeze: folding("Squeeze", [0, 1]),
  matmul: product,
  square: "Pow",
  pow: (_, overload) => `PowBackward${overload === "number" ? 0 : 1}`,
  clamp: "ClampBackward1",
  clip: "ClampBackward1",
  norm: "LinalgVectorNorm",
  to: "ToCopy",
  double: "ToCopy",
  float: "ToCopy",
  half: "ToCopy",
  bfloat16: "ToCopy",
  view: "View",
  viewAs: "View",
  reshape: "View",
  reshapeAs: "View",
  flatten: "View",
  unflatten: "View",
  einsum: "View",
  swapaxes: "Transpose",
  swapdims: "Transpose",
  mT: "Transpose",
  movedim: "Permute",
  moveaxis: "Permute",
  narrow: "Slice",
  chunk: "Split",
  get: "Index",
  at: "Index",
};

/** By operation of the graph, for what no method made. */
const OPERATIONS: Readonly<Record<string, Name>> = {
  sum: "SumBackward1",
  mean: "MeanBackward1",
  matmul: product,
  cast: "ToCopy",
  concat: "Cat",
  reshape: "View",
  conv: "Convolution",
  maxPool: ({ shape }) => `MaxPool${shape.length - 2}DWithIndicesBackward0`,
  gather: "Embedding",
  layerNorm: "NativeLayerNorm",
  rmsNorm: "Mul",
  sliceScatter: "CopySlices",
};

/** The name of the gradient of a tensor with a history. */
export function gradName(node: Node, method?: string, overload?: string): string {
  const own = method === undefined ? node.op.name : method.replace(/_$/, "");
  const name = (method === undefined ? OPERATIONS : METHODS)[own] ?? own.charAt(0).toUpperCase() + own.slice(1);
  if (typeof name === "function") return name(node, overload);
  return /Backward\d$|^CopySlices$/.test(name) ? name : `${name}Backward0`;
}
