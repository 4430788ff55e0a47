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
 * another output of theirs. The order follows from the structure alone, never from when a node was made: the same
 * computation recorded anew has the same order, and so the same key.
 */
export function topological(outputs: readonly Node[]): Order {
  const anew = sourcesOfProjections(outputs);
  const isLeaf = (node: Node) => node.inputs.length === 0 || (node.value !== undefined && !anew.has(node));
  const nodes: Node[] = [];
  const seen = new Set<Node>();
  // A node is met twice: first its inputs are put above it, then, when they are done, it follows them.
  const stack = [...outputs].reverse();
  const open = new Set<Node>();
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (seen.has(node)) continue;
    if (open.has(node) || isLeaf(node)) {
      seen.add(node);
      nodes.push(node);
      continue;
    }
    open.add(node);
    stack.push(node);
    for (let index = node.inputs.length - 1; index >= 0; index--) {
      const input = node.inputs[index];
      if (input !== undefined && !seen.has(input)) stack.push(input);
    }
  }
  return { nodes, isLeaf };
}

/** Nodes that have a value and are computed anew all the same, because a node of the graph reads another output of theirs. */
function sourcesOfProjections(outputs: readonly Node[]): ReadonlySet<Node> {
  const anew = new Set<Node>();
  const seen = new Set<Node>(outputs);
  const stack = [...seen];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (node.value !== undefined && !anew.has(node)) continue;
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
  return anew;
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
