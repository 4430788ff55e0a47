// The numbers of a step, such as its learning rate: one input of the graph for all parameters of a group.
// Knows no rule.
import type { SharedNumbers } from "../tensor/operands.ts";

/** By group: others have options of their own. */
export class NumbersOfStep {
  readonly #latest = new WeakMap<object, { step: number; numbers: SharedNumbers }>();

  at(group: object, step: number): SharedNumbers {
    const known = this.#latest.get(group);
    if (known?.step === step) return known.numbers;
    const numbers: SharedNumbers = [];
    this.#latest.set(group, { step, numbers });
    return numbers;
  }
}
