// The backward pass over tensors: grads of leaves, gradients of chosen inputs, and hooks that look on.
// Knows no operation's rule.
import { AbrazoError } from "../errors.ts";
import { cast, constant, expand } from "../graph/build.ts";
import { DEEP, type Node } from "../graph/node.ts";
import { sameShape } from "../graph/shape.ts";
import { optionsOf } from "../options.ts";
import { checkFinite } from "./anomaly.ts";
import { requireTensorList } from "./arguments.ts";
import {
  accumulated,
  type BackwardRequest,
  backwardNodes,
  dependsOnLeaf,
  differentiate,
  nodesOfLeaf,
  readsForward,
  secondBackwardError,
  seedsOf,
  watchOf,
} from "./autograd.ts";
import { noteLoss } from "./foresight.ts";
import { gradSizeError, noGradHookError, noGraphError } from "./grad-errors.ts";
import { currentScope } from "./scope.ts";
import { Storage } from "./storage.ts";
import { Tensor } from "./tensor.ts";
import { timed } from "./timing.ts";
import { noteDeep } from "./waiting.ts";

const backwardOptions = optionsOf<BackwardOptions & { inputs?: readonly Tensor[] }>({
  retainGraph: true,
  createGraph: true,
  inputs: true,
});

/** Tensors whose graph PyTorch would have freed. */
const freed = new WeakSet<Tensor>();
const afterAccumulation = new WeakMap<Tensor, Set<(leaf: Tensor) => void>>();

/** Whether the graph is kept, and whether gradients have one. */
export interface BackwardOptions {
  /** True where another backward pass through the same graph follows. As `createGraph` when absent. */
  retainGraph?: boolean;
  /** True where gradients are differentiated again. */
  createGraph?: boolean;
}

/** A gradient as a tensor; it can be differentiated where the graph goes on. */
function gradTensor(node: Node, device: string, createGraph: boolean): Tensor {
  const storage = new Storage(node);
  const requiresGrad = createGraph && dependsOnLeaf(node);
  if (node.depth >= DEEP) noteDeep(storage, device, requiresGrad);
  return timed(new Tensor(storage, { device, requiresGrad }));
}

function seedOf(output: Tensor, gradient: Tensor | null | undefined, index: number): Node | undefined {
  if (!output.requiresGrad) throw noGraphError(index);
  if (gradient === undefined || gradient === null) return undefined;
  if (!sameShape(gradient.dims, output.dims)) {
    throw gradSizeError(
      `Mismatch in shape: grad_output[${index}] has a shape of torch.Size([${gradient.dims.join(", ")}]) and output[${index}] has a shape of torch.Size([${output.dims.join(", ")}]).`,
      "A gradient has the shape of the tensor that it is the gradient of.",
    );
  }
  return cast(gradient.node, output.dtype);
}

function request(outputs: readonly Tensor[], gradients: readonly (Tensor | null | undefined)[]) {
  const seeds = outputs.map((output, index) => seedOf(output, gradients[index], index));
  return { outputs: outputs.map(({ node }) => node), seeds };
}

/** The second pass through a graph whose gradients read what the first pass computed is PyTorch's error. */
function passOnce(
  outputs: readonly Tensor[],
  keep: boolean,
  taken: { outputs: readonly Node[]; nodes: readonly (Node | undefined)[] },
): void {
  if (outputs.some((output) => freed.has(output)) && readsForward(taken.outputs, taken.nodes)) {
    throw secondBackwardError();
  }
  if (!keep) for (const output of outputs) if (!output.isLeaf) freed.add(output);
}

function accumulate(tensor: Tensor, node: Node, createGraph: boolean): void {
  const sum = accumulated(tensor.grad?.node, node, createGraph);
  tensor.grad = gradTensor(cast(sum, tensor.dtype), tensor.device, createGraph);
}

/**
 * Adds to the `grad` of every leaf behind several tensors, as one pass: torch.autograd.backward.
 *
 * @param gradients gradient with respect to each tensor, of its shape; null where it has one element
 * @throws GRAD_NOT_SCALAR, NO_GRAD_GRAPH, BACKWARD_TWICE, SHAPE_MISMATCH
 *
 * @example
 * ```ts
 * const x = ones([2], { requiresGrad: true });
 * autograd.backward([x.sum(), x.mul(2).sum()]);
 * await x.grad?.tolist(); // [3, 3]
 * ```
 */
export function backward(
  tensors: Tensor | readonly Tensor[],
  gradients: Tensor | null | readonly (Tensor | null)[] = null,
  options?: BackwardOptions & { inputs?: readonly Tensor[] },
): void {
  const { createGraph = false, retainGraph = createGraph, inputs } = backwardOptions("backward", options);
  const outputs = tensors instanceof Tensor ? [tensors] : tensors;
  requireTensorList("backward", outputs);
  const given = gradients === null || gradients instanceof Tensor ? [gradients] : gradients;
  const asked = request(outputs, given);
  const kept = new Map<Tensor, Node>();
  const retained = (tensor: Tensor, g: Node): void => void kept.set(tensor, g);
  const passed: BackwardRequest = { ...asked, retained, only: inputs === undefined ? undefined : new Set(inputs) };
  const { leaves, nodes } = backwardNodes(passed);
  passOnce(outputs, retainGraph, { outputs: asked.outputs, nodes });
  for (const output of asked.outputs) noteLoss(output, leaves);
  for (const [tensor, node] of kept) accumulate(tensor, node, createGraph);
  const changed = new Set<Tensor>();
  for (const [index, leaf] of leaves.entries()) {
    const node = nodes[index];
    if (node === undefined || !leaf.requiresGrad) continue;
    accumulate(leaf, node, createGraph);
    changed.add(leaf);
  }
  if (currentScope().anomaly !== undefined)
    checkFinite([...outputs, ...[...changed].flatMap(({ grad }) => grad ?? [])]);
  for (const leaf of changed) for (const hook of afterAccumulation.get(leaf) ?? []) hook(leaf);
}

/** As BackwardOptions, with the gradients that come in and what becomes of inputs without one. */
export interface GradOptions extends BackwardOptions {
  /** Gradient with respect to each output, of its shape; null where it has one element. */
  gradOutputs?: Tensor | null | readonly (Tensor | null)[];
  /** Gives null for an input that the outputs do not depend on, instead of an error. */
  allowUnused?: boolean;
  /** Gives zeros for such an input. */
  materializeGrads?: boolean;
}

const gradOptions = optionsOf<GradOptions>({
  retainGraph: true,
  createGraph: true,
  gradOutputs: true,
  allowUnused: true,
  materializeGrads: true,
});

/**
 * Gradients of outputs with respect to inputs, leaves or not, without touching any `grad`: torch.autograd.grad.
 *
 * @throws GRAD_UNUSED where an input took no part; GRAD_NOT_SCALAR, NO_GRAD_GRAPH, BACKWARD_TWICE, SHAPE_MISMATCH
 *
 * @example
 * ```ts
 * const x = tensor(2, { dtype: "float32", requiresGrad: true });
 * const [first] = autograd.grad(x.pow(3), [x], { createGraph: true });
 * const [second] = autograd.grad(first, [x]);
 * await second.item(); // 12
 * ```
 */
export function grad<const Inputs extends readonly Tensor[]>(
  outputs: Tensor | readonly Tensor[],
  inputs: Inputs,
  options: GradOptions & { allowUnused: true; materializeGrads?: false },
): { [Place in keyof Inputs]: Tensor | null };
export function grad<const Inputs extends readonly Tensor[]>(
  outputs: Tensor | readonly Tensor[],
  inputs: Inputs,
  options?: GradOptions,
): { [Place in keyof Inputs]: Tensor };
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  options?: GradOptions,
): (Tensor | null)[] {
  const {
    gradOutputs = null,
    createGraph = false,
    retainGraph = createGraph,
    materializeGrads = false,
    allowUnused = materializeGrads,
  } = gradOptions("grad", options);
  const tensors = outputs instanceof Tensor ? [outputs] : outputs;
  requireTensorList("grad", tensors);
  requireTensorList("grad", inputs);
  const given = gradOutputs === null || gradOutputs instanceof Tensor ? [gradOutputs] : gradOutputs;
  const asked = request(tensors, given);
  if (inputs.some((input) => !input.requiresGrad)) {
    throw noGradHookError("One of the differentiated Tensors does not require grad");
  }
  const places = inputs.map((input) => (input.isLeaf ? nodesOfLeaf(asked.outputs, input) : [input.node]));
  const wrt = [...new Set(places.flat())];
  const seeds = seedsOf(asked.outputs, asked.seeds);
  const retained = (tensor: Tensor, g: Node): void => accumulate(tensor, g, createGraph);
  const nodes = differentiate(asked.outputs, seeds, wrt, retained);
  passOnce(tensors, retainGraph, { outputs: asked.outputs, nodes });
  const found = new Map(wrt.map((node, index) => [node, nodes[index]]));
  const results = places.map((list, index) => {
    const parts = list.flatMap((node) => found.get(node) ?? []);
    const input = inputs[index];
    if (input === undefined) return null;
    const [first, ...rest] = parts;
    if (first !== undefined) {
      const sum = rest.reduce((known, part) => accumulated(known, part, true), first);
      return gradTensor(createGraph ? sum : accumulated(undefined, sum, false), input.device, createGraph);
    }
    if (!allowUnused) throw unusedError(index);
    return materializeGrads ? gradTensor(expand(constant(0, input.dtype), input.dims), input.device, false) : null;
  });
  if (currentScope().anomaly !== undefined) checkFinite([...tensors, ...results.filter((result) => result !== null)]);
  return results;
}

function unusedError(index: number): AbrazoError {
  return new AbrazoError({
    code: "GRAD_UNUSED",
    message:
      "One of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if this is the desired behavior.",
    hint: `Input ${index} took no part in the outputs. Pass { allowUnused: true } to have null for it.`,
    data: { index },
  });
}

/** Takes a hook away again. */
export interface HookHandle {
  remove(): void;
}

/** Sees a gradient, and may give another of the same shape. */
export type GradHook = ((grad: Tensor) => Tensor | undefined) | ((grad: Tensor) => void);

export function addHook(tensor: Tensor, hook: GradHook): HookHandle {
  if (!tensor.requiresGrad) {
    throw noGradHookError("cannot register a hook on a tensor that doesn't require gradient");
  }
  const { hooks } = watchOf(tensor.isLeaf ? tensor : tensor.node);
  const { device } = tensor;
  const onNode = (g: Node): Node => {
    const result: unknown = hook(gradTensor(g, device, true));
    if (result === undefined || result === null) return g;
    if (!(result instanceof Tensor)) {
      throw new AbrazoError({
        code: "NOT_A_TENSOR",
        message: `expected Variable, but hook returned '${typeof result}'`,
        hint: "A hook gives a gradient of the same shape, or nothing.",
      });
    }
    if (!sameShape(result.dims, g.shape)) {
      throw gradSizeError(
        `hook '${hook.name || "<anonymous>"}' has changed the size of value`,
        `It took [${g.shape.join(", ")}] and gave [${result.dims.join(", ")}].`,
      );
    }
    return cast(result.node, g.dtype);
  };
  hooks.add(onNode);
  return { remove: () => void hooks.delete(onNode) };
}

export function retain(tensor: Tensor): void {
  if (!tensor.requiresGrad) throw noGradHookError("can't retain_grad on Tensor that has requires_grad=False");
  if (!tensor.isLeaf) watchOf(tensor.node).retain.add(tensor);
}

export function addAccumulationHook(tensor: Tensor, hook: (leaf: Tensor) => void): HookHandle {
  if (!tensor.requiresGrad) {
    throw noGradHookError("cannot register a hook on a tensor that doesn't require gradient");
  }
  if (!tensor.isLeaf) {
    throw noGradHookError("post accumulate grad hooks cannot be registered on non-leaf tensors");
  }
  const hooks = afterAccumulation.get(tensor) ?? new Set();
  afterAccumulation.set(tensor, hooks);
  hooks.add(hook);
  return { remove: () => void hooks.delete(hook) };
}
