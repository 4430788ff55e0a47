// Leaves: nodes without inputs whose elements come from outside.
// Knows nothing of where a value is computed.
import type { DType } from "./dtype.ts";
import { Node, recipeOf, type Value } from "./node.ts";
import { defineOp } from "./op.ts";
import type { Shape } from "./shape.ts";

/** A value from outside. Its lowering is the graph's: an input, or an initializer when it lies in a file. */
const leafOp = defineOp({
  name: "leaf",
  doc: "A value from outside the graph.",
  infer: () => ({ shape: [], dtype: "float32" }),
  lower: () => {
    throw new Error("internal: a leaf is lowered by the graph");
  },
  grad: "a leaf has no inputs",
});

/** A leaf with its elements; never hash-consed, so that two leaves stay two. */
export function makeLeaf(shape: Shape, dtype: DType, value: Value): Node {
  const node = new Node(leafOp, [], {}, recipeOf(leafOp, {}, shape, dtype));
  node.value = value;
  return node;
}

let copies: WeakMap<Node, Node> | undefined;

/** From now on it is noted which leaf is a copy of which. */
export function noteCopies(into: WeakMap<Node, Node> | undefined): void {
  copies = into;
}

/** Another leaf with the elements of a node. */
export function copyLeaf(node: Node, value: Value): Node {
  const leaf = makeLeaf(node.shape, node.dtype, value);
  copies?.set(leaf, node);
  return leaf;
}

/** A named input of a traced graph; it has no value, only a shape that may be symbolic. */
export function makePlaceholder(name: string, shape: Shape, dtype: DType): Node {
  const attrs = { name };
  return new Node(leafOp, [], attrs, recipeOf(leafOp, attrs, shape, dtype));
}

export function placeholderName(node: Node): string | undefined {
  const name = node.op === leafOp ? node.attrs["name"] : undefined;
  return typeof name === "string" ? name : undefined;
}
