// What optimizers share: parameter groups with options of their own, one run a step, state for checkpoints.
// Knows no update rule, no loop and no schedule.
import { AbrazoError, internalError } from "../errors.ts";
import type { TypedArray } from "../graph/dtype.ts";
import type { Node } from "../graph/node.ts";
import { takeLosses } from "../tensor/foresight.ts";
import { enableGrad, noGrad, realizeSync, Tensor, zeros, zerosLike } from "../tensor/index.ts";
import { sharingNumbers } from "../tensor/operands.ts";
import { StateMemory } from "../tensor/state-memory.ts";
import { Storage } from "../tensor/storage.ts";
import { activeTrace, guard, inTrace, Trace } from "../tensor/trace.ts";
import { Foresight } from "./foresight.ts";
import { NumbersOfStep } from "./numbers.ts";
import { type GroupOptions, knownNames, nonLeafError, zeroGradOptions } from "./options.ts";

export type { GroupOptions };

/** Parameters and what holds for them alone. */
export type ParamGroupInput<Options extends GroupOptions = GroupOptions> = {
  params: readonly Tensor[];
} & Partial<Options>;

/** What an optimizer is made of: parameters, or groups of them. */
export type ParamsInput<Options extends GroupOptions = GroupOptions> =
  | readonly Tensor[]
  | readonly ParamGroupInput<Options>[];

/** A group as the optimizer holds it. What is written here, such as `lr`, holds from the next step on. */
export type ParamGroup<Options extends GroupOptions = GroupOptions> = Options & {
  params: readonly Tensor[];
  /** The learning rate that a scheduler started from. */
  initialLr?: number;
};

/** State of one parameter: its steps, and tensors and numbers by name, e.g. "expAvg". */
export type SavedSlot = { step: number } & Record<string, Tensor | number>;

/** State to keep: PyTorch's structure. Parameters are numbered through all groups; one that never had a gradient has no state. */
export interface OptimizerState<Options extends GroupOptions = GroupOptions> {
  state: Record<number, SavedSlot>;
  paramGroups: (Options & { params: readonly number[]; initialLr?: number })[];
}

/** Tensors and numbers that a rule keeps for one parameter from step to step. */
export interface SlotState {
  tensors: Readonly<Record<string, Tensor>>;
  numbers?: Readonly<Record<string, number>>;
}

/** What a rule is given for one parameter. */
export interface UpdateContext<Options extends GroupOptions> extends SlotState {
  parameter: Tensor;
  /** Already negated where the group maximizes. */
  grad: Tensor;
  group: Options;
  /** Steps taken with this parameter, this one included. */
  step: number;
}

interface Slot<Options extends GroupOptions> extends SlotState {
  parameter: Tensor;
  group: ParamGroup<Options>;
  step: number;
}

interface Update<Options extends GroupOptions> {
  slot: Slot<Options>;
  step: number;
  next: SlotState & { parameter: Tensor };
}

/**
 * What all optimizers share: groups of parameters with options of their own, one run for a step, and a state to keep.
 * An
 * optimizer of one's own says in `update` what a parameter becomes, element by element, and in `check` which options it
 * refuses.
 *
 * @throws NO_PARAMETERS for an empty list; NOT_A_TENSOR and NON_LEAF_PARAMETER for what cannot be trained; DUPLICATE_PARAMETER
 *
 * @example
 * ```ts
 * class SignDescent extends Optimizer {
 *   protected override check(): void {}
 *   protected override update({ parameter, grad, group, tensors }: UpdateContext<GroupOptions>) {
 *     return { parameter: parameter.sub(grad.sign().mul(group.lr)), tensors };
 *   }
 * }
 * const w = tensor([1.5, -2], { requiresGrad: true });
 * const optimizer = new SignDescent([w], { lr: 0.5, weightDecay: 0, maximize: false });
 * w.square().sum().backward();
 * optimizer.step();
 * w.tolistSync(); // [1, -1.5]
 * ```
 */
export abstract class Optimizer<Options extends GroupOptions = GroupOptions> {
  /** Options of groups that do not name their own. */
  readonly defaults: Readonly<Options>;
  /** Groups, whose options may be changed between steps. */
  readonly paramGroups: ParamGroup<Options>[] = [];
  readonly #slots: Slot<Options>[] = [];
  readonly #foresight = new Foresight<Slot<Options>, Update<Options>>(this.#slots, {
    record: (slot, grad) => this.#updateOf(slot, grad),
  });
  readonly #numbers = new NumbersOfStep();
  readonly #memory = new StateMemory();
  #step = 0;

  constructor(params: readonly (Tensor | ParamGroupInput<Options>)[], defaults: Options) {
    this.defaults = defaults;
    if (!Array.isArray(params)) throw notListError(params);
    const loose = params.filter((item): item is Tensor => item instanceof Tensor);
    const groups = params.filter((item): item is ParamGroupInput<Options> => !(item instanceof Tensor));
    for (const group of groups) if (!Array.isArray(group?.params)) throw notTensorError(group);
    if (loose.length === 0 && groups.every((group) => group.params.length === 0)) {
      throw new AbrazoError({
        code: "NO_PARAMETERS",
        message: "optimizer got an empty parameter list",
        hint: "Pass model.parameters() of a model that has some.",
      });
    }
    if (loose.length > 0) this.#addGroup(loose, {});
    for (const group of groups) this.addParamGroup(group);
  }

  /** Throws where an option has a value that the rule cannot work with. Runs in the constructor: reads its argument alone. */
  protected abstract check(options: Options): void;

  /**
   * The new parameter and the new state, recorded and not computed. Works element by element: an element of the result
   * depends on the same element of what is given alone.
   */
  protected abstract update(context: UpdateContext<Options>): SlotState & { parameter: Tensor };

  /** Adds parameters, e.g. those of layers that are unfrozen later. */
  addParamGroup({ params, ...options }: ParamGroupInput<Options>): void {
    this.#addGroup(params, knownNames("addParamGroup", [...Object.keys(this.defaults), "initialLr"], options));
  }

  #addGroup(params: readonly Tensor[], options: object): void {
    // safe because what the group leaves out comes from the defaults
    const group = { ...this.defaults, ...options, params: [...params] } as ParamGroup<Options>;
    this.check(group);
    const known = new Set(this.#slots.map(({ parameter }) => parameter));
    for (const parameter of group.params) {
      if (known.has(parameter)) throw duplicateError();
      known.add(parameter);
      if (!(parameter instanceof Tensor)) throw notTensorError(parameter);
      if (!parameter.isLeaf) throw nonLeafError();
    }
    this.paramGroups.push(group);
    for (const parameter of group.params) {
      this.#slots.push({ parameter, group, step: 0, tensors: {} });
      this.#foresight.watch(parameter);
    }
  }

  /** The learning rate of the first group; setting it sets that of every group. */
  get lr(): number {
    return this.paramGroups[0]?.lr ?? this.defaults.lr;
  }

  set lr(value: number) {
    for (const group of this.paramGroups) group.lr = value;
  }

  /** Steps taken. */
  get stepCount(): number {
    return this.#step;
  }

  /** Takes gradients away; `setToNone: false` makes them zeros, so that a parameter without a new one still decays. */
  zeroGrad(options?: { setToNone?: boolean }): void {
    const { setToNone = true } = zeroGradOptions("zeroGrad", options);
    for (const { parameter } of this.#slots) {
      parameter.grad = setToNone || parameter.grad === null ? null : zerosLike(parameter);
    }
  }

  /**
   * Updates every parameter that has a gradient, in one run together with `also` (such as the loss, whose value is then
   * there without running again). With a closure: it makes the gradients and gives the loss, which is returned.
   *
   * @example
   * ```ts
   * const w = tensor([1.5], { requiresGrad: true });
   * const optimizer = new SGD([w], { lr: 0.1 });
   * const loss = optimizer.step(() => {
   *   optimizer.zeroGrad();
   *   const loss = w.square().sum();
   *   loss.backward();
   *   return loss;
   * });
   * [loss.itemSync(), w.tolistSync()]; // [2.25, [1.2]]
   * ```
   */
  step(closure: () => Tensor): Tensor;
  step(also?: readonly Tensor[]): void;
  step(given: readonly Tensor[] | (() => Tensor) = []): Tensor | undefined {
    const loss = typeof given === "function" ? enableGrad(given) : undefined;
    const also = typeof given === "function" ? [] : given;
    const trace = activeTrace();
    if (trace !== undefined) noGrad(() => this.#updateInTrace(trace));
    else noGrad(() => this.#updateAll(loss === undefined ? also : [loss]));
    return loss;
  }

  #updateAll(also: readonly Tensor[]): void {
    this.#step++;
    const foreseen = this.#foresight.take();
    const updates = foreseen ?? this.#slots.flatMap((slot) => this.#updateOf(slot, slot.parameter.grad));
    const device = updates[0]?.slot.parameter.device ?? "cpu";
    const losses = takeLosses().map((node) => new Tensor(new Storage(node), { device }));
    const results = updates.flatMap(({ next }) => [next.parameter, ...Object.values(next.tensors)]);
    realizeSync([...results, ...also, ...losses]);
    for (const { slot, step, next } of updates) {
      this.#memory.release([slot.parameter, ...Object.values(slot.tensors)]);
      slot.parameter.assign(next.parameter.settle().node);
      slot.tensors = mapValues(next.tensors, (value) => value.settle());
      count(slot, step, next);
    }
  }

  /**
   * Recorded as a part of the trace, and not computed. Each later call asks the rule again for the numbers of its step, such
   * as a learning rate: one parameter speaks for all that are in the same group and at the same step.
   */
  #updateInTrace(trace: Trace): void {
    takeLosses();
    const kinds = new Map<string, { slots: Slot<Options>[]; leaves: Node[] }>();
    for (const slot of this.#slots) {
      const { result, leaves } = trace.numbersIn(() => this.#updateOf(slot, slot.parameter.grad));
      for (const { step, next } of result) {
        const group = this.paramGroups.indexOf(slot.group);
        const kind = [group, slot.step, slot.parameter.dtype, leaves.length, ...Object.keys(next.tensors)].join();
        const known = kinds.get(kind) ?? { slots: [], leaves: [] };
        kinds.set(kind, { slots: [...known.slots, slot], leaves: [...known.leaves, ...leaves] });
        slot.parameter.assign(next.parameter.node);
        for (const [name, value] of Object.entries(next.tensors)) {
          if (slot.tensors[name] === undefined) trace.isPassing = true;
          else slot.tensors[name].assign(value.node);
        }
        if (trace.isPassing) slot.tensors = next.tensors;
        count(slot, step, next);
      }
    }
    this.#step++;
    trace.effects.push(() => void this.#step++);
    for (const { slots, leaves } of kinds.values())
      trace.fresh.push({ leaves, make: () => this.#numbersOf(slots, leaves.length) });
    guard(() => this.#slots.length);
  }

  /**
   * The numbers of one more step, which is counted. The rule works element by element, so that a single one stands for the
   * parameter and its state: these are not touched, and their arrays stay free to be written over.
   */
  #numbersOf(slots: readonly Slot<Options>[], wanted: number): TypedArray[] {
    const [first] = slots;
    if (first === undefined) return [];
    const one = zeros([], { dtype: first.parameter.dtype });
    const standIn = { ...first, parameter: one, tensors: mapValues(first.tensors, () => one) };
    const trace = new Trace();
    const { result, leaves } = inTrace(trace, () => trace.numbersIn(() => noGrad(() => this.#updateOf(standIn, one))));
    const made = leaves.map(({ value }) => (value?.kind === "host" ? value.data : new Float32Array(1)));
    for (const slot of slots) for (const { step, next } of result) count(slot, step, next);
    if (made.length * slots.length !== wanted)
      throw internalError("an optimizer's rule has other numbers than when it was traced");
    return slots.flatMap(() => made);
  }

  #updateOf(slot: Slot<Options>, grad: Tensor | null): Update<Options>[] {
    if (grad === null) return [];
    const step = slot.step + 1;
    const context = { ...slot, grad: slot.group.maximize ? grad.neg() : grad, step };
    const next = sharingNumbers(this.#numbers.at(slot.group, step), () => this.update(context));
    this.#memory.claim([next.parameter, ...Object.values(next.tensors)]);
    return [{ slot, step, next }];
  }

  /** Options of the groups and what is kept for each parameter: tensors and plain numbers. */
  stateDict(): OptimizerState<Options> {
    const numberOf = new Map(this.#slots.map(({ parameter }, index) => [parameter, index]));
    const state: Record<number, SavedSlot> = {};
    for (const [index, { step, tensors, numbers }] of this.#slots.entries()) {
      if (step > 0) state[index] = { ...tensors, ...numbers, step };
    }
    const paramGroups = this.paramGroups.map((group) => ({
      ...group,
      params: group.params.map((parameter) => numberOf.get(parameter) ?? 0),
    }));
    return { state, paramGroups };
  }

  /**
   * Goes on from a state: groups take its options, parameters its tensors in their own dtype and on their own device.
   *
   * @throws OPTIMIZER_STATE where groups or shapes are not those of this optimizer
   */
  loadStateDict(saved: OptimizerState): void {
    const { state, paramGroups }: Partial<OptimizerState> = saved ?? {};
    if (state === undefined || !Array.isArray(paramGroups)) {
      throw stateError(
        "loaded state dict is no state of an optimizer",
        "Pass what stateDict() gave: { state, paramGroups }.",
      );
    }
    this.#checkGroups(paramGroups);
    const ids = paramGroups.flatMap((group) => group.params);
    const loaded = this.#slots.map((slot, index) => {
      const saved: SavedSlot = state[ids[index] ?? index] ?? { step: 0 };
      return { slot, step: saved.step, ...splitSlot(saved, slot.parameter) };
    });
    for (const { slot, ...values } of loaded) Object.assign(slot, values);
    for (const [index, group] of this.paramGroups.entries()) {
      const { params: _, ...options } = paramGroups[index] ?? group;
      Object.assign(group, options);
    }
    this.#step = Math.max(0, ...this.#slots.map(({ step }) => step));
  }

  #checkGroups(saved: OptimizerState["paramGroups"]): void {
    if (saved.length !== this.paramGroups.length) {
      throw stateError(
        "loaded state dict has a different number of parameter groups",
        `The state has ${saved.length}, this optimizer ${this.paramGroups.length}.`,
      );
    }
    for (const [index, group] of this.paramGroups.entries()) {
      const count = saved[index]?.params.length;
      if (count === group.params.length) continue;
      throw stateError(
        "loaded state dict contains a parameter group that doesn't match the size of optimizer's group",
        `Group ${index} of the state has ${count} parameters, that of this optimizer ${group.params.length}.`,
      );
    }
    for (const [index, group] of saved.entries()) {
      const { params: _, ...options } = group;
      this.check({ ...this.defaults, ...this.paramGroups[index], ...options });
    }
  }
}

function notListError(given: unknown): AbrazoError {
  const what = given instanceof Tensor ? "Tensor" : typeof given;
  return new AbrazoError({
    code: "NOT_A_PARAMETER",
    message: `params argument given to the optimizer should be an iterable of Tensors or dicts, but got ${what}`,
    hint: "Pass a list: model.parameters(), or groups { params: [...] }.",
  });
}

function count(slot: { step: number; numbers?: SlotState["numbers"] }, step: number, next: SlotState): void {
  slot.step = step;
  slot.numbers = next.numbers ?? {};
}

function mapValues<From, To>(record: Readonly<Record<string, From>>, make: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, make(value)]));
}

/** Tensors and numbers of a saved slot, apart, and fitted to its parameter. */
function splitSlot({ step: _, ...saved }: SavedSlot, parameter: Tensor): Required<SlotState> {
  const tensors: Record<string, Tensor> = {};
  const numbers: Record<string, number> = {};
  for (const [name, value] of Object.entries(saved)) {
    if (typeof value === "number") numbers[name] = value;
    else if (value.shape.join() === parameter.shape.join()) {
      tensors[name] = value.to(parameter.dtype).to({ device: parameter.device }).detach();
    } else {
      throw stateError(
        `The state "${name}" has the shape [${value.shape.join(", ")}]; its parameter has [${parameter.shape.join(", ")}].`,
      );
    }
  }
  return { tensors, numbers };
}

const SAME_PARAMETERS = "Make the optimizer with the same parameters in the same order as the one that was saved.";

function stateError(message: string, detail = ""): AbrazoError {
  const hint = detail === "" ? SAME_PARAMETERS : `${detail} ${SAME_PARAMETERS}`;
  return new AbrazoError({ code: "OPTIMIZER_STATE", message, hint });
}

function duplicateError(): AbrazoError {
  return new AbrazoError({
    code: "DUPLICATE_PARAMETER",
    message: "some parameters appear in more than one parameter group",
    hint: "Give each parameter once: it would be updated twice a step.",
  });
}

function notTensorError(given: unknown): AbrazoError {
  return new AbrazoError({
    code: "NOT_A_TENSOR",
    message: `optimizer can only optimize Tensors, but one of the params is ${typeof given}`,
    hint: "Pass tensors, or groups { params: [tensors], lr, … }.",
  });
}
