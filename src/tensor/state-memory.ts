// The memory of what a step replaces, parameters and their state: it is written again some steps later.
// Knows no update rule.
import { HostPool } from "../onnx/host-pool.ts";
import type { Tensor } from "./tensor.ts";
import { activeTrace } from "./trace.ts";

export class StateMemory {
  readonly #pool = new HostPool();

  /** What is not yet computed will replace others. A compiled function has its own way. */
  claim(tensors: Iterable<Tensor>): void {
    if (activeTrace() !== undefined) return;
    for (const { storage } of tensors) storage.peek.state = this.#pool;
  }

  /** What was computed has been replaced; who still holds it reads it right all the same. */
  release(tensors: Iterable<Tensor>): void {
    for (const { storage } of tensors) this.#pool.retire(storage.peek.value);
  }
}
