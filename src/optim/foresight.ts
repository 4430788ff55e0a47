// Whether a step can be computed together with the loss that is read before it, as loops do that add up loss.item().
// Knows no update rule.
import { stopGradient } from "../graph/build.ts";
import type { Node } from "../graph/node.ts";
import { type GradientTaker, setTaker } from "../tensor/foresight.ts";
import { noGrad } from "../tensor/index.ts";
import { Storage } from "../tensor/storage.ts";
import { Tensor } from "../tensor/tensor.ts";

/** What an optimizer holds of a parameter. */
interface Held {
  readonly parameter: Tensor;
  readonly group: object;
  readonly tensors: Readonly<Record<string, Tensor>>;
}

interface Recorded {
  readonly next: { readonly parameter: Tensor; readonly tensors: Readonly<Record<string, Tensor>> };
}

/** Records the update of one parameter by its gradient. */
interface Recorder<Slot, Update> {
  record(slot: Slot, grad: Tensor): Update[];
}

interface Plan<Update> {
  updates: Update[];
  /** Groups and nodes as they were: the plan holds while they are the same. */
  seen: unknown[];
}

/** So many steps in a row took the gradients just as the loss had left them before the next are foreseen. */
const SURE = 2;
/** A plan that nobody used cost a forward pass: so many more steps before the next try, for each time. */
const PENALTY = 8;

/**
 * Reading a loss computes its gradients, because backward() follows; and when each step so far took these gradients as they
 * were, the step follows too: then it is computed in the same run, and the gradients need not leave it. A plan is used
 * only if nothing it read has changed since; otherwise the step is computed as if there had been none.
 */
export class Foresight<Slot extends Held, Update extends Recorded> implements GradientTaker {
  readonly #slots: readonly Slot[];
  readonly #recorder: Recorder<Slot, Update>;
  #offered: ReadonlyMap<Tensor, Node> | undefined;
  #plan: Plan<Update> | undefined;
  #streak = 0;
  #failures = 0;

  constructor(slots: readonly Slot[], recorder: Recorder<Slot, Update>) {
    this.#slots = slots;
    this.#recorder = recorder;
  }

  watch(parameter: Tensor): void {
    setTaker(parameter, this);
  }

  foresee(gradients: ReadonlyMap<Tensor, Node>): readonly Node[] | undefined {
    if (this.#plan !== undefined) this.#distrust();
    this.#offered = gradients;
    if (this.#streak < SURE) return undefined;
    const updates = noGrad(() =>
      this.#slots.flatMap((slot) => {
        const gradient = gradients.get(slot.parameter);
        if (gradient === undefined) return [];
        const { device } = slot.parameter;
        return this.#recorder.record(slot, new Tensor(new Storage(stopGradient(gradient)), { device }));
      }),
    );
    this.#plan = { updates, seen: this.#seen() };
    return updates.flatMap(({ next }) => [next.parameter, ...Object.values(next.tensors)]).map(({ node }) => node);
  }

  /** Called by a step: the updates of the plan if it holds. */
  take(): Update[] | undefined {
    const [plan, offered] = [this.#plan, this.#offered];
    this.#plan = undefined;
    this.#offered = undefined;
    const asOffered =
      offered !== undefined && this.#slots.every(({ parameter }) => isGradient(parameter.grad, offered.get(parameter)));
    if (plan === undefined) {
      this.#streak = asOffered ? this.#streak + 1 : Math.min(0, this.#streak);
      return undefined;
    }
    const seen = this.#seen();
    const holds = asOffered && plan.seen.every((part, at) => part === seen[at]) && plan.seen.length === seen.length;
    // Gradients that somebody read were computed a second time.
    const wasted = [...(offered?.values() ?? [])].some(({ value }) => value !== undefined);
    if (!holds || wasted) this.#distrust();
    return holds ? plan.updates : undefined;
  }

  #distrust(): void {
    this.#plan = undefined;
    this.#failures++;
    this.#streak = -PENALTY * this.#failures;
  }

  #seen(): unknown[] {
    const groups = new Set(this.#slots.map(({ group }) => group));
    const options = [...groups].map((group) => JSON.stringify({ ...group, params: undefined }));
    const nodes = this.#slots.flatMap(({ parameter, tensors }) => [
      parameter.storage.peek,
      ...Object.values(tensors).map(({ storage }) => storage.peek),
    ]);
    return [...options, ...nodes];
  }
}

/** Whether what a parameter holds is the gradient itself, with nothing added and nothing changed. */
function isGradient(grad: Tensor | null, gradient: Node | undefined): boolean {
  if (grad === null || gradient === undefined) return grad === null && gradient === undefined;
  const found = grad.storage.peek;
  if (gradient.value !== undefined && found.value === gradient.value) return true;
  return found.op.name === "stopGradient" && found.inputs[0] === gradient;
}
