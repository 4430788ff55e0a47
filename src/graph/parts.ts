// Choosing early: where a part of a result is all that is read, the operations behind it compute that part alone.
// Knows no operation: each says along which axes its parts are made of parts.
import { internalError } from "../errors.ts";
import { makeNode, type Node } from "./node.ts";
import type { Dim } from "./shape.ts";
import { type Order, topological } from "./walk.ts";

/** Parts along an axis: what `by`, a node that selects, makes of its input, done along `axis`. */
interface Selection {
  by: Node;
  axis: number;
}

/** What is read of a node: all of it, or one selection. */
type Demand = Selection | "all";

/**
 * The outputs, computed from nodes that give no more than is read of them: the first token's state, say, takes one row of the
 * last layer, and of its keys and values all.
 */
export function readEarly(outputs: readonly Node[]): Node[] {
  const order = topological(outputs);
  const demands = demandsOn(order, outputs);
  const pushed = order.nodes.filter((node) => demands.get(node) !== "all");
  if (pushed.length === 0) return [...outputs];
  // What selects by index is needed wherever its selection goes, which may be earlier than where it stood.
  const chosen = order.nodes.filter(isSelection).flatMap(({ inputs }) => inputs.slice(1));
  const made = new Map<Node, Node>();
  const whole = (node: Node): Node => made.get(node) ?? lost(node);
  const select = (node: Node, { by, axis }: Selection): Node =>
    makeNode(by.op, [node, ...by.inputs.slice(1).map(whole)], { ...by.attrs, axis });
  for (const node of topological([...chosen, ...outputs]).nodes) made.set(node, rebuilt(node));
  return outputs.map(whole);

  function rebuilt(node: Node): Node {
    if (order.isLeaf(node)) return node;
    const demand = demands.get(node) ?? "all";
    const read = readsOf(node, demand);
    const inputs = node.inputs.map((input, at) => {
      const part = read[at] ?? "all";
      const own = made.get(input) ?? lost(input);
      return part !== "all" && demands.get(input) === "all" ? select(own, part) : own;
    });
    // A node that selects has become what it selects of its input.
    if (demand === "all" && read[0] !== "all" && isSelection(node)) return inputs[0] ?? lost(node);
    const attrs = demand === "all" ? node.attrs : cutShape(node, demand);
    const isSame = attrs === node.attrs && inputs.every((input, at) => input === node.inputs[at]);
    return isSame ? node : makeNode(node.op, inputs, attrs);
  }
}

function lost(node: Node): never {
  throw internalError(`${node.op.name} was not made before what reads it`);
}

/** From the outputs back: a node of which all readers read the same parts need not give the others. */
function demandsOn(order: Order, outputs: readonly Node[]): ReadonlyMap<Node, Demand> {
  const demands = new Map<Node, Demand>(outputs.map((node) => [node, "all"]));
  for (const node of order.nodes.toReversed()) {
    const demand = demands.get(node) ?? "all";
    // What cannot give parts gives all, and they are selected behind it.
    const isWhole = demand === "all" || order.isLeaf(node) || node.op.along?.(node, demand.axis) === undefined;
    if (isWhole) demands.set(node, "all");
    if (order.isLeaf(node)) continue;
    const read = readsOf(node, isWhole ? "all" : demand);
    for (const [at, input] of node.inputs.entries()) {
      const wanted = read[at] ?? "all";
      const known = demands.get(input);
      demands.set(input, known === undefined || isSameSelection(known, wanted) ? wanted : "all");
    }
  }
  return demands;
}

/** What a node of which `demand` is read reads of its inputs. */
function readsOf(node: Node, demand: Demand): readonly Demand[] {
  if (demand !== "all") {
    const axes = node.op.along?.(node, demand.axis) ?? [];
    return axes.map((axis) => (axis === undefined ? "all" : { by: demand.by, axis }));
  }
  if (!isSelection(node)) return node.inputs.map(() => "all");
  const axis = Number(node.attrs["axis"]);
  return node.inputs.map((_, at) => (at === 0 ? { by: node, axis } : "all"));
}

/** Fixed few of many: indices of a table may be more than its rows. */
function isSelection(node: Node): boolean {
  if (node.op.selects !== true || node.value !== undefined) return false;
  const [source, indices] = node.inputs;
  const axis = Number(node.attrs["axis"]);
  const [size, count] = [source?.shape[axis], node.shape[axis]];
  if (indices !== undefined && indices.shape.length !== 1) return false;
  return typeof count === "number" && (typeof size === "string" || (size ?? 0) > count);
}

function isSameSelection(a: Demand, b: Demand): boolean {
  if (a === "all" || b === "all") return a === b;
  if (a.axis !== b.axis || a.by.op !== b.by.op) return false;
  const rest = (node: Node) => JSON.stringify({ ...node.attrs, axis: 0 });
  return rest(a.by) === rest(b.by) && a.by.inputs.slice(1).every((input, at) => input === b.by.inputs[at + 1]);
}

function cutShape({ attrs }: Node, { by, axis }: Selection): Node["attrs"] {
  const { shape } = attrs;
  if (!Array.isArray(shape)) return attrs;
  const count = by.shape[Number(by.attrs["axis"])];
  return { ...attrs, shape: shape.map((dim: Dim, at) => (at === axis && count !== undefined ? count : dim)) };
}
