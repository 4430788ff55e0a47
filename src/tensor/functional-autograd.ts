// Derivatives of functions of tensors: torch.autograd.functional.
// Knows no operation: everything is made of gradients.
import { requireFunction } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
import { optionsOf } from "../options.ts";
import { requireTensorList } from "./arguments.ts";
import { grad } from "./backward.ts";
import { zerosLike } from "./create.ts";
import { stack } from "./join.ts";
import { enableGrad } from "./scope.ts";
import { Tensor } from "./tensor.ts";

type Given = Tensor | readonly Tensor[];
/** One tensor for one, a list for a list. */
type Like<Inputs extends Given, One> = Inputs extends Tensor ? One : One[];

export interface FunctionalOptions {
  /** True where the result is differentiated again: it then depends on the inputs themselves. */
  createGraph?: boolean;
  /** Throws where the output does not depend on an input, instead of giving zeros. */
  strict?: boolean;
}

const functionalOptions = optionsOf<FunctionalOptions>({ createGraph: true, strict: true });

function list(given: Given): readonly Tensor[] {
  const tensors = given instanceof Tensor ? [given] : given;
  requireTensorList("autograd.functional", tensors);
  return tensors;
}

// safe because a list is given exactly where the caller gave one
const shaped = <Inputs extends Given, One>(like: Inputs, found: One[]) =>
  (like instanceof Tensor ? found[0] : found) as Like<Inputs, One>;

/** Inputs to differentiate with respect to: those given, or copies of their elements that stand alone. */
function leavesFor(inputs: Given, createGraph: boolean): Tensor[] {
  return list(inputs).map((input) => {
    if (createGraph && input.requiresGrad) return input.clone();
    return input.detach().clone().requiresGrad_();
  });
}

function requireDependence(output: Tensor, leaves: readonly Tensor[], strict: boolean): void {
  if (!strict) return;
  const found = output.requiresGrad
    ? grad(output, leaves, { gradOutputs: zerosLike(output), allowUnused: true, retainGraph: true })
    : leaves.map(() => null);
  const index = found.indexOf(null);
  if (index < 0) return;
  throw new AbrazoError({
    code: "GRAD_UNUSED",
    message: `Output 0 of the user-provided function is independent of input ${index}. This is not allowed in strict mode.`,
    hint: "Leave strict away to have zeros for it.",
  });
}

function gradsOf(output: Tensor, leaves: readonly Tensor[], seed: Tensor | null, createGraph: boolean): Tensor[] {
  if (!output.requiresGrad) return leaves.map((leaf) => zerosLike(leaf));
  const options = { gradOutputs: seed, createGraph, retainGraph: true, materializeGrads: true };
  return [...grad(output, leaves, options)];
}

/**
 * All first derivatives of `fn`: [...output, ...input], one for each input where a list is given.
 *
 * @param fn gives one tensor
 *
 * @example
 * ```ts
 * const x = tensor([1, 2], { dtype: "float32" });
 * await autograd.functional.jacobian((x) => x.pow(2), x).tolist(); // [[2, 0], [0, 4]]
 * ```
 */
export function jacobian<Inputs extends Given>(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: Inputs,
  given?: FunctionalOptions,
): Like<Inputs, Tensor> {
  requireFunction("jacobian", fn);
  const { createGraph = false, strict = false } = functionalOptions("jacobian", given);
  return enableGrad(() => {
    const leaves = leavesFor(inputs, createGraph);
    const output = fn(...leaves);
    requireDependence(output, leaves, strict);
    const places = output.reshape([-1]);
    const rows = Array.from({ length: output.numel() }, (_, at) =>
      gradsOf(places.select(0, at), leaves, null, createGraph),
    );
    const found = leaves.map((leaf, which) => {
      const parts = rows.flatMap((row) => row[which] ?? []);
      const sizes = [...output.shape, ...leaf.shape];
      return parts.length === 0
        ? zerosLike(leaf).reshape([-1]).slice(0, 0, 0).reshape(sizes)
        : stack(parts).reshape(sizes);
    });
    return shaped(inputs, found);
  });
}

/**
 * All second derivatives of a function that gives one number: [...input, ...input]; a list of lists where a list is given.
 *
 * @example
 * ```ts
 * const x = tensor([1, 2], { dtype: "float32" });
 * await autograd.functional.hessian((x) => x.pow(3).sum(), x).tolist(); // [[6, 0], [0, 12]]
 * ```
 */
export function hessian<Inputs extends Given>(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: Inputs,
  given?: FunctionalOptions,
): Inputs extends Tensor ? Tensor : Tensor[][] {
  requireFunction("hessian", fn);
  const { createGraph = false, strict = false } = functionalOptions("hessian", given);
  const rows = list(inputs).map((_, which) =>
    list(
      jacobian(
        (...given) => {
          const output = scalar(fn(...given));
          requireDependence(output, given, strict);
          return gradsOf(output, given, null, true)[which] ?? output;
        },
        inputs,
        { createGraph },
      ),
    ),
  );
  // safe because a list is given exactly where the caller gave one
  return (inputs instanceof Tensor ? rows[0]?.[0] : rows) as Inputs extends Tensor ? Tensor : Tensor[][];
}

function scalar(output: Tensor): Tensor {
  if (output.numel() === 1) return output;
  throw new AbrazoError({
    code: "GRAD_NOT_SCALAR",
    message: "The Tensor returned by the function given to hessian should contain a single element",
    hint: `It has the shape [${output.shape.join(", ")}]; reduce it with sum() or mean().`,
  });
}

/**
 * The result of `fn`, and a vector times its Jacobian: vᵀ J. `v` has the shape of the result.
 *
 * @example
 * ```ts
 * const [value, product] = autograd.functional.vjp((x) => x.pow(2), tensor([1.5, 2]), tensor([1, 10]).to("float32"));
 * await product.tolist(); // [3, 40]
 * ```
 */
export function vjp<Inputs extends Given>(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: Inputs,
  v: Tensor | null = null,
  given?: FunctionalOptions,
): [Tensor, Like<Inputs, Tensor>] {
  requireFunction("vjp", fn);
  const { createGraph = false, strict = false } = functionalOptions("vjp", given);
  return enableGrad(() => {
    const leaves = leavesFor(inputs, createGraph);
    const output = fn(...leaves);
    requireDependence(output, leaves, strict);
    const value = createGraph ? output : output.detach();
    return [value, shaped(inputs, gradsOf(output, leaves, v, createGraph))];
  });
}

/**
 * The result of `fn`, and its Jacobian times a vector: J v. `v` has the shapes of the inputs. Made of two backward passes:
 * vᵀ J is linear in v, and its own gradient with respect to v is J.
 *
 * @example
 * ```ts
 * const [, product] = autograd.functional.jvp((x) => x.pow(2), tensor([1.5, 2]), tensor([1, 10]).to("float32"));
 * await product.tolist(); // [3, 40]
 * ```
 */
export function jvp(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: Given,
  v: Given,
  given?: FunctionalOptions,
): [Tensor, Tensor] {
  requireFunction("jvp", fn);
  const { createGraph = false, strict = false } = functionalOptions("jvp", given);
  return enableGrad(() => {
    const leaves = leavesFor(inputs, createGraph);
    const output = fn(...leaves);
    requireDependence(output, leaves, strict);
    const seed = zerosLike(output).requiresGrad_();
    const backward = gradsOf(output, leaves, seed, true);
    const flowing = backward.flatMap((part, index) => (part.requiresGrad ? [{ part, v: list(v)[index] ?? part }] : []));
    const value = createGraph ? output : output.detach();
    if (flowing.length === 0) return [value, zerosLike(output)];
    const options = { gradOutputs: flowing.map((each) => each.v), createGraph, materializeGrads: true };
    const [product] = grad(
      flowing.map(({ part }) => part),
      [seed],
      options,
    );
    return [value, product];
  });
}

/**
 * The value of a function that gives one number, and its Hessian times a vector, without making the Hessian.
 *
 * @example
 * ```ts
 * const [, product] = autograd.functional.hvp((x) => x.pow(3).sum(), tensor([1.5, 2]), tensor([1, 10]).to("float32"));
 * await product.tolist(); // [9, 120]
 * ```
 */
export function hvp<Inputs extends Given>(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: Inputs,
  v: Given,
  given?: FunctionalOptions,
): [Tensor, Like<Inputs, Tensor>] {
  requireFunction("hvp", fn);
  const { createGraph = false, strict = false } = functionalOptions("hvp", given);
  return enableGrad(() => {
    const leaves = leavesFor(inputs, createGraph);
    const output = scalar(fn(...leaves));
    requireDependence(output, leaves, strict);
    const first = gradsOf(output, leaves, null, true);
    const flowing = first.flatMap((part, index) => (part.requiresGrad ? [{ part, v: list(v)[index] ?? part }] : []));
    const value = createGraph ? output : output.detach();
    if (flowing.length === 0)
      return [
        value,
        shaped(
          inputs,
          leaves.map((leaf) => zerosLike(leaf)),
        ),
      ];
    const options = { gradOutputs: flowing.map((each) => each.v), createGraph, materializeGrads: true };
    return [
      value,
      shaped(inputs, [
        ...grad(
          flowing.map(({ part }) => part),
          leaves,
          options,
        ),
      ]),
    ];
  });
}
