// Reverse-mode differentiation: gradients are nodes of the same graph, so they can be differentiated again.
// Knows no operation's rule: each is asked of its op.
import { AbrazoError } from "../errors.ts";
import { add } from "./build.ts";
import { isFloat } from "./dtype.ts";
import type { Node } from "./node.ts";
import { ancestors } from "./walk.ts";

/**
 * Gradients of `sum(output * seed)` with respect to each of `wrt`; undefined where nothing flows.
 *
 * @param seed gradient of the output, of its shape
 */
export function gradients(output: Node, seed: Node, wrt: readonly Node[]): (Node | undefined)[] {
  const order = ancestors(output);
  const depends = new Set<Node>(wrt);
  for (const node of order) {
    if (!depends.has(node) && node.inputs.some((input) => depends.has(input))) depends.add(node);
  }
  const flowing = new Map<Node, Node>([[output, seed]]);
  for (const node of order.reverse()) {
    const g = flowing.get(node);
    if (g === undefined || node.inputs.length === 0 || !depends.has(node)) continue;
    if (typeof node.op.grad === "string") continue;
    const results = node.op.grad({ node, inputs: node.inputs, attrs: node.attrs, out: node, g });
    for (const [index, input] of node.inputs.entries()) {
      const part = results[index];
      if (part === undefined || !depends.has(input) || !isFloat(input.dtype)) continue;
      const known = flowing.get(input);
      flowing.set(input, known === undefined ? part : add(known, part));
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
