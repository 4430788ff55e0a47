// Nodes whose gradient is a function that a user gave.
// Knows no tensors: rules take and give nodes.
import { internalError } from "../errors.ts";
import { makeUnique, type Node } from "./node.ts";
import { OPS } from "./op.ts";

/** Gradients of the inputs, given that of the result. */
export type Rule = (g: Node) => readonly (Node | undefined)[];

const rules = new WeakMap<Node, Rule>();

/** `result` as a function of `inputs`, differentiated by `rule`. */
export function customNode(result: Node, inputs: readonly Node[], rule: Rule): Node {
  const op = OPS.get("custom");
  if (op === undefined) throw internalError("operation custom is not declared");
  const node = makeUnique(op, [result, ...inputs]);
  rules.set(node, rule);
  return node;
}

export const hasRule = (node: Node): boolean => rules.has(node);

export function ruleOf(node: Node): Rule {
  const rule = rules.get(node);
  if (rule === undefined) throw internalError("a custom node lost its gradient");
  return rule;
}
