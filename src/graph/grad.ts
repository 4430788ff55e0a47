// Reverse-mode differentiation: gradients are nodes of the same graph, so they can be differentiated again.
// Knows no operation's rule: each is asked of its op.
import { AbrazoError } from "../errors.ts";
import { add } from "./build.ts";
import { isFloat } from "./dtype.ts";
import type { Node } from "./node.ts";
import { ancestors } from "./walk.ts";

/** What may look on while gradients are taken. */
export interface GradientWatch {
  /** Sees the whole gradient of a node once, and gives what flows on. */
  flow?(node: Node, g: Node): Node;
  /** Sees what the rule of a node's operation gave. */
  ruled?(node: Node, parts: readonly (Node | undefined)[]): void;
}

/**
 * Gradients of `Σ sum(output * seed)` with respect to each of `wrt`; undefined where nothing flows.
 *
 * @param seeds gradient of each output, of its shape
 */
export function gradients(
  outputs: readonly Node[],
  seeds: readonly Node[],
  wrt: readonly Node[],
  { flow, ruled }: GradientWatch = {},
): (Node | undefined)[] {
  const order = ancestors(...outputs);
  const depends = new Set<Node>(wrt);
  for (const node of order) {
    if (!depends.has(node) && node.inputs.some((input) => depends.has(input))) depends.add(node);
  }
  const flowing = new Map<Node, Node>();
  const join = (node: Node, part: Node): void => {
    const known = flowing.get(node);
    flowing.set(node, known === undefined ? part : add(known, part));
  };
  for (const [index, output] of outputs.entries()) {
    const seed = seeds[index];
    if (seed !== undefined && depends.has(output)) join(output, seed);
  }
  for (const node of order.reverse()) {
    let g = flowing.get(node);
    if (g === undefined) continue;
    if (flow !== undefined) {
      g = flow(node, g);
      flowing.set(node, g);
    }
    if (node.inputs.length === 0 || typeof node.op.grad === "string") continue;
    const parts = node.op.grad({ node, inputs: node.inputs, attrs: node.attrs, out: node, g });
    ruled?.(node, parts);
    for (const [index, input] of node.inputs.entries()) {
      const part = parts[index];
      if (part !== undefined && depends.has(input) && isFloat(input.dtype)) join(input, part);
    }
  }
  return wrt.map((node) => flowing.get(node));
}

/** The error of a backward pass from a value that has no single gradient. */
export function notScalarError(shape: readonly unknown[]): AbrazoError {
  return new AbrazoError({
    code: "GRAD_NOT_SCALAR",
    message: "grad can be implicitly created only for scalar outputs",
    hint: `This tensor has shape [${shape.join(", ")}]; reduce it with sum() or mean(), or pass a gradient of that shape.`,
  });
}
