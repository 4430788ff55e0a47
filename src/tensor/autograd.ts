// Which leaves want gradients, and the backward pass over tensors.
// Knows no operation's rule.
import { AbrazoError } from "../errors.ts";
import { add, onesLike, stopGradient } from "../graph/build.ts";
import { gradients, notScalarError } from "../graph/grad.ts";
import type { Node } from "../graph/node.ts";
import { numeric, sameShape, shapeError, showShape, sizeOf } from "../graph/shape.ts";
import { ancestors } from "../graph/walk.ts";
import type { Tensor } from "./tensor.ts";

/** The tensor that a leaf node stood for when it was recorded. */
const leafTensors = new WeakMap<Node, Tensor>();
/** Gradients that reading a scalar loss already computed: backward() takes them instead of running forward again. */
const ready = new WeakMap<Node, LeafGradients>();

export interface LeafGradients {
  leaves: Tensor[];
  nodes: (Node | undefined)[];
}

export function registerLeaf(node: Node, tensor: Tensor): void {
  if (!leafTensors.has(node)) leafTensors.set(node, tensor);
}

function leavesOf(output: Node): { leaves: Tensor[]; wrt: Node[] } {
  const leaves: Tensor[] = [];
  const wrt: Node[] = [];
  for (const node of ancestors(output)) {
    const tensor = leafTensors.get(node);
    if (tensor?.requiresGrad === true) {
      leaves.push(tensor);
      wrt.push(node);
    }
  }
  return { leaves, wrt };
}

/** Gradient nodes of every leaf behind a scalar output; remembered, so that they are made once. */
export function leafGradients(output: Node): LeafGradients {
  const known = ready.get(output);
  if (known !== undefined) return known;
  const { leaves, wrt } = leavesOf(output);
  const made = { leaves, nodes: gradients(output, onesLike(output), wrt) };
  ready.set(output, made);
  return made;
}

export function backwardNodes(output: Node, gradient: Node | undefined): LeafGradients {
  if (gradient === undefined) {
    if (numeric(output.shape) === undefined || sizeOf(output.shape) !== 1) throw notScalarError(output.shape);
    return leafGradients(output);
  }
  if (!sameShape(gradient.shape, output.shape)) {
    throw shapeError(
      `Mismatch in shape: grad_output has a shape of ${showShape(gradient.shape)} and output has a shape of ${showShape(output.shape)}.`,
    );
  }
  const { leaves, wrt } = leavesOf(output);
  return { leaves, nodes: gradients(output, gradient, wrt) };
}

/** Adds a gradient to what a leaf has; the sum does not carry the graph further unless asked. */
export function accumulated(known: Node | undefined, gradient: Node, createGraph: boolean): Node {
  const node = createGraph ? gradient : stopGradient(gradient);
  return known === undefined ? node : add(known, node);
}

export function noGraphError(): AbrazoError {
  return new AbrazoError({
    code: "NO_GRAD_GRAPH",
    message: "element 0 of tensors does not require grad and does not have a grad_fn",
    hint: "Create a leaf with { requiresGrad: true }, and do not compute it inside noGrad().",
  });
}

export function secondBackwardError(): AbrazoError {
  return new AbrazoError({
    code: "BACKWARD_TWICE",
    message: "Trying to backward through the graph a second time.",
    hint: "Pass { retainGraph: true } to the first backward() if you need a second.",
  });
}

export function inPlaceLeafError(): AbrazoError {
  return new AbrazoError({
    code: "IN_PLACE_ON_LEAF",
    message: "a leaf Variable that requires grad is being used in an in-place operation.",
    hint: "Write inside noGrad(), or use the operation that returns a new tensor.",
  });
}
