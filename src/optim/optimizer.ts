// What optimizers share: parameter groups, one run a step, clipping of the global gradient norm, state for checkpoints.
// Knows no update rule, no loop and no schedule.
import { AbrazoError } from "../errors.ts";
import { noGrad, realizeSync, type Tensor, tensor, zerosLike } from "../tensor/index.ts";

export interface ParameterGroup {
  parameters: readonly Tensor[];
  /** Instead of the optimizer's own. */
  weightDecay?: number;
}

/** State of one parameter by name, e.g. "m" and "v". */
export type SlotState = Record<string, Tensor>;

interface Slot {
  parameter: Tensor;
  weightDecay: number;
  state: SlotState;
}

export interface UpdateContext {
  parameter: Tensor;
  grad: Tensor;
  weightDecay: number;
  state: SlotState;
  /** Steps taken, this one included. */
  step: number;
}

export interface OptimizerState {
  step: number;
  /** By place of the parameter. */
  slots: SlotState[];
}

export abstract class Optimizer {
  lr: number;
  readonly #slots: Slot[];
  #step = 0;

  constructor(groups: readonly Tensor[] | readonly ParameterGroup[], lr: number, weightDecay: number) {
    if (!(lr >= 0)) throw optionError("learning rate", lr);
    if (!(weightDecay >= 0)) throw optionError("weight_decay value", weightDecay);
    this.lr = lr;
    this.#slots = groups
      .flatMap((item): ParameterGroup[] => ("parameters" in item ? [item] : [{ parameters: [item] }]))
      .flatMap((group) =>
        group.parameters.map((parameter) => ({
          parameter,
          weightDecay: group.weightDecay ?? weightDecay,
          state: Object.fromEntries(this.stateNames().map((name) => [name, zerosLike(parameter)])),
        })),
      );
    if (this.#slots.length === 0) {
      throw new AbrazoError({
        code: "NO_PARAMETERS",
        message: "optimizer got an empty parameter list",
        hint: "Pass model.parameters() of a model that has some.",
      });
    }
  }

  /** Names of what is kept per parameter; each starts at zero. */
  protected abstract stateNames(): readonly string[];

  /** The new parameter and the new state, recorded and not computed. */
  protected abstract update(context: UpdateContext): { parameter: Tensor; state: SlotState };

  /** Steps taken. */
  get stepCount(): number {
    return this.#step;
  }

  zeroGrad(): void {
    for (const { parameter } of this.#slots) parameter.grad = null;
  }

  /**
   * Updates every parameter that has a gradient, in one run together with `also` (such as the loss, whose value is then
   * there without running again).
   */
  step(also: readonly Tensor[] = []): void {
    noGrad(() => {
      this.#step++;
      const updates = this.#slots.flatMap((slot) => {
        const { grad } = slot.parameter;
        return grad === null ? [] : [{ slot, next: this.update({ ...slot, grad, step: this.#step }) }];
      });
      const results = updates.flatMap(({ next }) => [next.parameter, ...Object.values(next.state)]);
      realizeSync([...results, ...also]);
      for (const { slot, next } of updates) {
        slot.parameter.assign(next.parameter.settle().node);
        slot.state = Object.fromEntries(Object.entries(next.state).map(([name, value]) => [name, value.settle()]));
      }
    });
  }

  stateDict(): OptimizerState {
    return { step: this.#step, slots: this.#slots.map(({ state }) => ({ ...state })) };
  }

  loadStateDict({ step, slots }: OptimizerState): void {
    if (slots.length !== this.#slots.length) {
      throw new AbrazoError({
        code: "OPTIMIZER_STATE",
        message: `The state is of ${slots.length} parameters; this optimizer has ${this.#slots.length}.`,
        hint: "Make the optimizer with the same parameters in the same order as the one that was saved.",
      });
    }
    this.#step = step;
    for (const [index, slot] of this.#slots.entries()) slot.state = { ...slots[index] };
  }
}

function optionError(name: string, value: number): AbrazoError {
  return new AbrazoError({
    code: "OPTIMIZER_OPTION",
    message: `Invalid ${name}: ${value}`,
    hint: "It has to be 0 or more.",
  });
}

/**
 * Scales gradients so that their norm, taken over all of them together, is at most `maxNorm`. Returns the norm before.
 * Nothing is computed yet: pass the norm to step() to have its value with the step.
 */
export function clipGradNorm_(parameters: readonly Tensor[], maxNorm: number): Tensor {
  return noGrad(() => {
    const given = parameters.flatMap((parameter) =>
      parameter.grad === null ? [] : [{ parameter, grad: parameter.grad }],
    );
    const squares = given.map(({ grad }) => grad.square().sum());
    const norm = squares.reduce((sum, part) => sum.add(part), tensor(0, { dtype: "float32" })).sqrt();
    const scale = norm.add(1e-6).reciprocal().mul(maxNorm).clamp(0, 1); // as PyTorch's clip_grad_norm_
    for (const { parameter, grad } of given) parameter.grad = grad.mul(scale);
    return norm;
  });
}

/** Matrices and tables decay; biases and norms, which have one axis, do not. */
export function decayGroups(parameters: readonly Tensor[], weightDecay: number): ParameterGroup[] {
  return [
    { parameters: parameters.filter(({ ndim }) => ndim > 1), weightDecay },
    { parameters: parameters.filter(({ ndim }) => ndim <= 1), weightDecay: 0 },
  ];
}
