// The order in which a graph is computed, found without recursion.
import type { Node } from "./node.ts";

export interface Order {
  /** Every node that is needed, inputs before users. */
  nodes: Node[];
  /** Whether a node is an input of the computation: it has a value that nothing asks to compute anew. */
  isLeaf(node: Node): boolean;
}

/**
 * What `outputs` need. Nodes with a value are leaves: nothing behind them is visited, unless a projection asks for
 * another output of theirs. A node's id is larger than its inputs' ids, so sorting by id is a topological order.
 */
export function topological(outputs: readonly Node[]): Order {
  const anew = new Set<Node>();
  const isLeaf = (node: Node) => node.inputs.length === 0 || (node.value !== undefined && !anew.has(node));
  const seen = new Set<Node>(outputs);
  const stack = [...seen];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (isLeaf(node)) continue;
    const source = node.op.projects === true ? node.inputs[0] : undefined;
    if (source !== undefined && source.value !== undefined && !anew.has(source)) {
      anew.add(source);
      if (seen.has(source)) stack.push(source);
    }
    for (const input of node.inputs) {
      if (seen.has(input)) continue;
      seen.add(input);
      stack.push(input);
    }
  }
  return { nodes: [...seen].sort((a, b) => a.id - b.id), isLeaf };
}

/** Every node behind `output`, values or not: the order in which gradients are taken, reversed. */
export function ancestors(output: Node): Node[] {
  const seen = new Set<Node>([output]);
  const stack = [output];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    for (const input of node.inputs) {
      if (seen.has(input)) continue;
      seen.add(input);
      stack.push(input);
    }
  }
  return [...seen].sort((a, b) => a.id - b.id);
}
