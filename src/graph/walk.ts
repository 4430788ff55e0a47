// The order in which a graph is computed, found without recursion.
import type { Node } from "./node.ts";

export interface Order {
  /** Every node that is needed, inputs before users. */
  nodes: Node[];
  /** Whether a node is an input of the computation: it has a value that nothing asks to compute anew. */
  isLeaf(node: Node): boolean;
}

/** Each walk takes two numbers, one for a node that is met and one for a node that is done: cheaper than sets of nodes. */
let walks = 0;

/**
 * What `outputs` need. Nodes with a value are leaves: nothing behind them is visited, unless a projection asks for
 * another output of theirs. The order follows from the structure alone, never from when a node was made: the same
 * computation recorded anew has the same order, and so the same key.
 */
export function topological(outputs: readonly Node[]): Order {
  const anew = sourcesOfProjections(outputs);
  const isLeaf = (node: Node) => node.inputs.length === 0 || (node.value !== undefined && anew?.has(node) !== true);
  const nodes: Node[] = [];
  walks += 2;
  const [open, done] = [walks, walks + 1];
  // A node is met twice: first its inputs are put above it, then, when they are done, it follows them.
  const stack = [...outputs].reverse();
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (node.visited === done) continue;
    if (node.visited === open || isLeaf(node)) {
      node.visited = done;
      nodes.push(node);
      continue;
    }
    node.visited = open;
    stack.push(node);
    for (let index = node.inputs.length - 1; index >= 0; index--) {
      const input = node.inputs[index];
      if (input !== undefined && input.visited !== done) stack.push(input);
    }
  }
  return { nodes, isLeaf };
}

/** Nodes that have a value and are computed anew all the same, because a node of the graph reads another output of theirs. */
function sourcesOfProjections(outputs: readonly Node[]): ReadonlySet<Node> | undefined {
  let anew: Set<Node> | undefined;
  walks += 2;
  const met = walks;
  const stack: Node[] = [];
  const meet = (node: Node): void => {
    if (node.visited === met) return;
    node.visited = met;
    stack.push(node);
  };
  for (const output of outputs) meet(output);
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (node.value !== undefined && anew?.has(node) !== true) continue;
    const source = node.op.projects === true ? node.inputs[0] : undefined;
    if (source !== undefined && source.value !== undefined && anew?.has(source) !== true) {
      anew ??= new Set();
      anew.add(source);
      if (source.visited === met) stack.push(source);
    }
    for (const input of node.inputs) meet(input);
  }
  return anew;
}

/** Every node behind the outputs, values or not: the order in which gradients are taken, reversed. */
export function ancestors(...outputs: readonly Node[]): Node[] {
  walks += 2;
  const met = walks;
  const found = [...new Set(outputs)];
  for (const output of found) output.visited = met;
  for (let at = 0; at < found.length; at++) {
    for (const input of found[at]?.inputs ?? []) {
      if (input.visited === met) continue;
      input.visited = met;
      found.push(input);
    }
  }
  return found.sort((a, b) => a.id - b.id);
}
