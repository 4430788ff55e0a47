// Which leaves want gradients, who looks on while these are taken, and the nodes of a backward pass.
// Knows no operation's rule, and makes no tensors.
import { AbrazoError } from "../errors.ts";
import { add, onesLike, stopGradient } from "../graph/build.ts";
import { hasRule } from "../graph/custom.ts";
import { isFloat } from "../graph/dtype.ts";
import { gradients, notScalarError } from "../graph/grad.ts";
import type { Node } from "../graph/node.ts";
import { numeric, sizeOf } from "../graph/shape.ts";
import { ancestors } from "../graph/walk.ts";
import { type AnomalyNotes, currentScope, inScope } from "./scope.ts";
import type { Tensor } from "./tensor.ts";

/** The tensor that a leaf node stood for when it was recorded. */
const leafTensors = new WeakMap<Node, Tensor>();
/** Gradients that reading a scalar loss already computed: backward() takes them instead of running forward again. */
const ready = new WeakMap<Node, LeafGradients>();

/** Sees a gradient, and may give another in its place. */
export type NodeHook = (g: Node) => Node;

export interface Watch {
  hooks: Set<NodeHook>;
  /** Tensors that keep the gradient that is left when the hooks are through. */
  retain: Set<Tensor>;
}

const watches = new WeakMap<Node | Tensor, Watch>();
/** False until a program uses hooks: then nothing is looked up. */
let isWatching = false;

export interface LeafGradients {
  leaves: Tensor[];
  nodes: (Node | undefined)[];
}

/** True when the node stands for this leaf alone from now on; false when it is another's. */
export function registerLeaf(node: Node, tensor: Tensor): boolean {
  const owner = leafTensors.get(node);
  if (owner === undefined) leafTensors.set(node, tensor);
  return owner === undefined || owner === tensor;
}

/** Who looks at the gradients of a leaf (a tensor, whose nodes change as it is trained) or of a node. */
export function watchOf(what: Node | Tensor): Watch {
  isWatching = true;
  let watch = watches.get(what);
  if (watch === undefined) {
    watch = { hooks: new Set(), retain: new Set() };
    watches.set(what, watch);
  }
  return watch;
}

function watching(node: Node): Watch | undefined {
  return watches.get(leafTensors.get(node) ?? node) ?? watches.get(node);
}

/** Every node that stood for a leaf behind the outputs, with the leaf. */
function leavesOf(order: readonly Node[], only?: ReadonlySet<Tensor>): { leaves: Tensor[]; wrt: Node[] } {
  const leaves: Tensor[] = [];
  const wrt: Node[] = [];
  for (const node of order) {
    const tensor = leafTensors.get(node);
    if (tensor?.requiresGrad !== true || only?.has(tensor) === false) continue;
    leaves.push(tensor);
    wrt.push(node);
  }
  return { leaves, wrt };
}

/** Gradient nodes, hooks called on the way. What is recorded for them is never cast by an autocast around the call. */
export function differentiate(
  outputs: readonly Node[],
  seeds: readonly Node[],
  wrt: readonly Node[],
  retained: (tensor: Tensor, g: Node) => void,
): (Node | undefined)[] {
  const { autocast, anomaly } = currentScope();
  const flow = (node: Node, g: Node): Node => {
    const watch = watching(node);
    if (watch === undefined) return g;
    let current = g;
    for (const hook of watch.hooks) current = hook(current);
    for (const tensor of watch.retain) retained(tensor, current);
    return current;
  };
  const ruled = (node: Node, parts: readonly (Node | undefined)[]): void => {
    for (const [index, part] of parts.entries()) {
      if (part !== undefined && anomaly !== undefined) markOrigin(part, { of: node, index }, anomaly);
    }
  };
  const take = () =>
    gradients(outputs, seeds, wrt, {
      ...(isWatching ? { flow } : {}),
      ...(anomaly === undefined ? {} : { ruled }),
    });
  return autocast === undefined ? take() : inScope({ autocast: undefined }, take);
}

/** Nodes that a rule made are younger than the node whose rule it is, and lead to older ones. */
function markOrigin(part: Node, origin: { of: Node; index: number }, { origins }: AnomalyNotes): void {
  const stack = [part];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (origins.has(node) || node.id <= origin.of.id || node.inputs.length === 0) continue;
    origins.set(node, origin);
    stack.push(...node.inputs);
  }
}

/** Gradients of every leaf behind a scalar, made ahead of backward(); undefined where user code takes part in them. */
export function gradientsAhead(output: Node): LeafGradients | undefined {
  const known = ready.get(output);
  if (known !== undefined) return known;
  const order = ancestors(output);
  if (order.some((node) => hasRule(node) || (isWatching && watching(node) !== undefined))) return undefined;
  const { leaves, wrt } = leavesOf(order);
  const made = { leaves, nodes: differentiate([output], [onesLike(output)], wrt, () => undefined) };
  ready.set(output, made);
  return made;
}

export interface BackwardRequest {
  outputs: readonly Node[];
  /** Undefined: 1, for an output of one element. */
  seeds: readonly (Node | undefined)[];
  /** Leaves that shall have gradients, instead of all; other tensors by their nodes. */
  only?: ReadonlySet<Tensor> | undefined;
  retained(tensor: Tensor, g: Node): void;
}

/** Gradients of the leaves behind outputs. A leaf is named as often as nodes stood for it. */
export function backwardNodes({ outputs, seeds, only, retained }: BackwardRequest): LeafGradients {
  const [first] = outputs;
  if (first !== undefined && outputs.length === 1 && seeds[0] === undefined && only === undefined) {
    requireScalar(first);
    const ahead = ready.get(first) ?? (isWatching ? undefined : gradientsAhead(first));
    if (ahead !== undefined && !(isWatching && ancestors(first).some((node) => watching(node) !== undefined))) {
      return ahead;
    }
  }
  const { leaves, wrt } = leavesOf(ancestors(...outputs), only);
  return { leaves, nodes: differentiate(outputs, seedsOf(outputs, seeds), wrt, retained) };
}

/** Nodes that stood for a leaf behind the outputs. */
export function nodesOfLeaf(outputs: readonly Node[], leaf: Tensor): Node[] {
  return ancestors(...outputs).filter((node) => leafTensors.get(node) === leaf);
}

export function seedsOf(outputs: readonly Node[], seeds: readonly (Node | undefined)[]): Node[] {
  return outputs.map((output, index) => {
    const seed = seeds[index];
    if (seed === undefined) requireScalar(output);
    return seed ?? onesLike(output);
  });
}

function requireScalar({ shape }: Node): void {
  if (numeric(shape) === undefined || sizeOf(shape) !== 1) throw notScalarError(shape);
}

/** Whether gradients still read what the forward pass computed: PyTorch frees that, so that a second pass is an error. */
export function readsForward(outputs: readonly Node[], nodes: readonly (Node | undefined)[]): boolean {
  const forward = new Set(ancestors(...outputs));
  return ancestors(...nodes.filter((node) => node !== undefined)).some((node) => forward.has(node));
}

/**
 * Whether the node depends on a leaf that requires grad, in the sense of PyTorch: through truth values and indices too,
 * though nothing flows there, but not through what was cut off.
 */
export function dependsOnLeaf(node: Node): boolean {
  const seen = new Set([node]);
  for (const each of seen) {
    if (leafTensors.get(each)?.requiresGrad === true) return true;
    if (typeof each.op.grad === "string" && isFloat(each.dtype)) continue;
    for (const input of each.inputs) seen.add(input);
  }
  return false;
}

/** Adds a gradient to what a leaf has; the sum does not carry the graph further unless asked. */
export function accumulated(known: Node | undefined, gradient: Node, createGraph: boolean): Node {
  const node = createGraph ? gradient : stopGradient(gradient);
  return known === undefined ? node : add(known, node);
}

export function secondBackwardError(): AbrazoError {
  return new AbrazoError({
    code: "BACKWARD_TWICE",
    message:
      "Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors after calling backward.",
    hint: "Pass { retainGraph: true } to the first backward() if you need a second.",
  });
}

export function inPlaceLeafError(isView = false): AbrazoError {
  const what = isView ? "a view of a leaf Variable" : "a leaf Variable";
  return new AbrazoError({
    code: "IN_PLACE_ON_LEAF",
    message: `${what} that requires grad is being used in an in-place operation.`,
    hint: "Write inside noGrad(), or use the operation that returns a new tensor.",
  });
}
