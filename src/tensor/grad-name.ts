// What PyTorch calls the gradient of what made a tensor: `grad_fn=<MmBackward0>`. For print alone.
// Nothing is decided by these names.
import type { Node } from "../graph/node.ts";

/** Base and number where they differ from the method's own name and 0. */
type Name = string | ((node: Node) => string);

const whole = (base: string): Name => {
  return (node) => `${base}Backward${node.shape.length === 0 ? 0 : 1}`;
};
const extreme = (base: string): Name => {
  return (node) => `${base}Backward${node.shape.length === 0 ? 1 : 0}`;
};
const product: Name = ({ shape }) => `${["Dot", "Mv", "Mm"][shape.length] ?? "UnsafeView"}Backward0`;

/** By method, or by function of the library. */
const METHODS: Readonly<Record<string, Name>> = {
  sum: whole("Sum"),
  mean: whole("Mean"),
  max: extreme("Max"),
  min: extreme("Min"),
  matmul: product,
  square: "Pow",
  pow: ({ inputs }) => `PowBackward${(inputs[1]?.shape.length ?? 0) === 0 ? 0 : 1}`,
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
  sum: whole("Sum"),
  mean: whole("Mean"),
  matmul: product,
  cast: "ToCopy",
  concat: "Cat",
  reshape: "View",
  gather: "Embedding",
  layerNorm: "NativeLayerNorm",
  sliceScatter: "CopySlices",
};

/** The name of the gradient of a tensor with a history. */
export function gradName(method: string | undefined, node: Node): string {
  const own = method === undefined ? node.op.name : method.replace(/_$/, "");
  const name = (method === undefined ? OPERATIONS : METHODS)[own] ?? own.charAt(0).toUpperCase() + own.slice(1);
  if (typeof name === "function") return name(node);
  return /Backward\d$|^CopySlices$/.test(name) ? name : `${name}Backward0`;
}
