// Options of update rules and their checks, and the steps of the calculation that several rules share.
// Knows no state and no run.
import { AbrazoError } from "../errors.ts";
import { addScaled } from "../graph/build.ts";
import { optionsOf, unknownOption } from "../options.ts";
import { requireTensorList } from "../tensor/arguments.ts";
import { Tensor } from "../tensor/index.ts";
import { scalarNode } from "../tensor/tensor.ts";

/** Options that every optimizer has; each adds its own. A group may give any of them another value. */
export interface GroupOptions {
  lr: number;
  weightDecay: number;
  /** Goes up the gradient instead of down. */
  maximize: boolean;
}

/**
 * A rule's options: its defaults, and what is given in their place.
 *
 * @throws OPTIMIZER_OPTION for a name that the rule does not have, and for anything but an object of options
 */
export function withDefaults<Options extends GroupOptions>(
  where: string,
  defaults: Options,
  given: Partial<Options>,
): Options {
  if (typeof given !== "object" || given === null) {
    throw new AbrazoError({
      code: "OPTIMIZER_OPTION",
      message: `The options of an optimizer are an object, not a ${typeof given}.`,
      hint: "Name them: { lr: 0.1 }.",
    });
  }
  return { ...defaults, ...knownNames(where, Object.keys(defaults), given) };
}

/**
 * Options whose names are all of `names`.
 *
 * @throws OPTIMIZER_OPTION for another name
 */
export function knownNames<Options extends object>(where: string, names: readonly string[], given: Options): Options {
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown === undefined) return given;
  throw unknownOption(where, unknown, names, "OPTIMIZER_OPTION");
}

/** An option that has to hold, for a rule's check. PyTorch's sentence names it. */
export function requireOption(holds: boolean, name: string, value: number, allowed = "It has to be 0 or more."): void {
  if (holds) return;
  throw new AbrazoError({ code: "OPTIMIZER_OPTION", message: `Invalid ${name}: ${value}`, hint: allowed });
}

export const zeroGradOptions = optionsOf<{ setToNone?: boolean }>({ setToNone: true });

export function nonLeafError(): AbrazoError {
  return new AbrazoError({
    code: "NON_LEAF_PARAMETER",
    message: "can't optimize a non-leaf Tensor",
    hint: "This tensor was computed from others that require grad; pass those, or detach().settle().requiresGrad_() it.",
  });
}

/** The check that every rule begins with. */
export function checkShared({ lr, weightDecay }: GroupOptions): void {
  requireOption(typeof lr === "number" && lr >= 0, "learning rate", lr);
  requireOption(weightDecay >= 0, "weight_decay value", weightDecay);
}

/** The check of Adam's kin. */
export function checkBetas({ betas, eps }: { betas: readonly [number, number]; eps: number }): void {
  requireOption(eps >= 0, "epsilon value", eps);
  if (!Array.isArray(betas) || betas.length !== 2) {
    throw new AbrazoError({
      code: "OPTIMIZER_OPTION",
      message: `Invalid betas: ${String(betas)}`,
      hint: "They are two numbers in [0, 1): betas: [0.9, 0.999].",
    });
  }
  for (const [index, beta] of betas.entries()) {
    requireOption(beta >= 0 && beta < 1, `beta parameter at index ${index}`, beta, "It has to be in [0, 1).");
  }
}

/** The gradient with weight decay added to it, as L2 regularization is. */
export function decayedGrad(grad: Tensor, parameter: Tensor, weightDecay: number): Tensor {
  return weightDecay === 0 ? grad : grad.add(parameter.mul(weightDecay));
}

/** p - lr d; where the direction is a gradient that was not computed yet and is a product, one kernel does all of it. */
export function descend(parameter: Tensor, direction: Tensor, lr: number): Tensor {
  const node = addScaled(parameter.node, direction.node, scalarNode(-lr, parameter.dtype));
  return Tensor.fromNode(node, [parameter, direction]);
}

/**
 * Matrices and tables decay; biases and norms, which have one axis, do not.
 *
 * @example
 * ```ts
 * const groups = decayGroups([ones([2, 2]), ones([2])], 0.01);
 * groups.map(({ params, weightDecay }) => [params.length, weightDecay]); // [[1, 0.01], [1, 0]]
 * ```
 */
export function decayGroups(
  parameters: readonly Tensor[],
  weightDecay: number,
): { params: Tensor[]; weightDecay: number }[] {
  requireTensorList("decayGroups", parameters);
  return [
    { params: parameters.filter(({ ndim }) => ndim > 1), weightDecay },
    { params: parameters.filter(({ ndim }) => ndim <= 1), weightDecay: 0 },
  ];
}
