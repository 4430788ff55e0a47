// Module: named parameters, buffers and children, train and eval, state dict, hooks. A module is called like a function.
// Knows no layer.
import { AbrazoError, nearestName } from "../errors.ts";
import type { Tensor } from "../tensor/index.ts";

/** What all modules share, whatever they are called with: names, modes, state. Layers and models extend Module. */
export abstract class AnyModule {
  #training = true;

  get training(): boolean {
    return this.#training;
  }

  train(mode = true): this {
    for (const module of this.modules()) module.#training = mode;
    return this;
  }

  eval(): this {
    return this.train(false);
  }

  *namedChildren(): Generator<[string, AnyModule]> {
    for (const [name, value] of Object.entries(this)) {
      if (value instanceof AnyModule) yield [name, value];
    }
  }

  /** This module and all below it. */
  *modules(): Generator<AnyModule> {
    yield this;
    for (const [, child] of this.namedChildren()) yield* child.modules();
  }

  /** Parameters with their path, e.g. "encoder.layer.0.weight". A parameter held twice is given once. */
  *namedParameters(prefix = "", seen = new Set<Tensor>()): Generator<[string, Tensor]> {
    for (const [name, value] of Object.entries(this)) {
      if (!isParameter(value) || seen.has(value)) continue;
      seen.add(value);
      yield [prefix + name, value];
    }
    for (const [name, child] of this.namedChildren()) yield* child.namedParameters(`${prefix}${name}.`, seen);
  }

  parameters(): Tensor[] {
    return [...this.namedParameters()].map(([, parameter]) => parameter);
  }

  /** Number of elements of all parameters. */
  parameterCount(): number {
    return this.parameters().reduce((sum, parameter) => sum + parameter.numel(), 0);
  }

  requiresGrad_(requiresGrad = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad_(requiresGrad);
    return this;
  }

  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.grad = null;
  }

  stateDict(): Map<string, Tensor> {
    return new Map(this.namedParameters());
  }

  /**
   * Takes parameters by name. Missing, unexpected and misshapen ones are one error that lists them all, with nearest names.
   *
   * @param strict false: missing and unexpected names are returned instead of refused; misshapen ones never pass
   */
  loadStateDict(
    state: ReadonlyMap<string, Tensor>,
    { strict = true } = {},
  ): { missing: string[]; unexpected: string[] } {
    const own = this.stateDict();
    const missing = [...own.keys()].filter((name) => !state.has(name));
    const unexpected = [...state.keys()].filter((name) => !own.has(name));
    const problems: string[] = [];
    if (strict) {
      for (const name of missing) problems.push(`missing ${name}${near(name, unexpected)}`);
      for (const name of unexpected) problems.push(`unexpected ${name}${near(name, missing)}`);
    }
    for (const [name, parameter] of own) {
      const value = state.get(name);
      if (value === undefined) continue;
      if (value.shape.join() !== parameter.shape.join()) {
        problems.push(`size mismatch for ${name}: [${value.shape}] given, [${parameter.shape}] wanted`);
      }
    }
    if (problems.length > 0) throw stateError(this.constructor.name, problems, { missing, unexpected });
    for (const [name, parameter] of own) {
      const value = state.get(name);
      if (value !== undefined) parameter.assign(value.to(parameter.dtype).node);
    }
    return { missing, unexpected };
  }
}

type Hook<Input extends unknown[], Output> = (
  module: Module<Input, Output>,
  inputs: Input,
  output: Output,
) => Output | undefined;

/**
 * Base of layers and models. Tensors held as properties and marked as parameters, and modules held as properties, are
 * found by name in the order in which they were assigned.
 *
 * @example
 * ```ts
 * class Net extends Module<[Tensor], Tensor> {
 *   readonly fc = new Linear(2, 1);
 *   override forward(x: Tensor): Tensor { return this.fc.call(x).relu(); }
 * }
 * [...new Net().namedParameters()].map(([name]) => name); // ["fc.weight", "fc.bias"]
 * ```
 */
export abstract class Module<Input extends unknown[], Output> extends AnyModule {
  readonly #hooks = new Set<Hook<Input, Output>>();

  abstract forward(...inputs: Input): Output;

  /** Runs forward() and then the hooks. */
  call(...inputs: Input): Output {
    let output = this.forward(...inputs);
    for (const hook of this.#hooks) output = hook(this, inputs, output) ?? output;
    return output;
  }

  /** Calls `hook(module, inputs, output)` after every forward; a value it returns replaces the output. Returns the way to remove it. */
  registerForwardHook(hook: Hook<Input, Output>): () => void {
    this.#hooks.add(hook);
    return () => this.#hooks.delete(hook);
  }
}

const parameters = new WeakSet<Tensor>();

/** Marks a tensor as a parameter: it requires grad and is found by namedParameters(). */
export function parameter(tensor: Tensor): Tensor {
  parameters.add(tensor);
  return tensor.requiresGrad_();
}

function isParameter(value: unknown): value is Tensor {
  return typeof value === "object" && value !== null && parameters.has(value as Tensor); // safe because WeakSet only compares identity
}

function near(name: string, candidates: readonly string[]): string {
  const found = nearestName(name, candidates);
  return found === undefined ? "" : ` (there is ${found})`;
}

function stateError(name: string, problems: readonly string[], data: Record<string, unknown>): AbrazoError {
  const shown = problems.slice(0, 20).join("; ");
  return new AbrazoError({
    code: "STATE_DICT_MISMATCH",
    message: `Error(s) in loading state_dict for ${name}: ${shown}${problems.length > 20 ? `; and ${problems.length - 20} more` : ""}`,
    hint: "Check that the weights belong to this architecture and configuration, or pass { strict: false }.",
    data,
  });
}

/** Modules in a list, named by their place. */
export class ModuleList<Item extends AnyModule> extends AnyModule {
  readonly #items: readonly Item[];

  constructor(items: readonly Item[]) {
    super();
    this.#items = items;
    for (const [index, item] of items.entries()) Object.defineProperty(this, index, { value: item, enumerable: true });
  }

  [Symbol.iterator](): IterableIterator<Item> {
    return this.#items[Symbol.iterator]();
  }

  get length(): number {
    return this.#items.length;
  }
}

/** Modules called one after the other. */
export class Sequential extends Module<[Tensor], Tensor> {
  readonly #items: readonly Module<[Tensor], Tensor>[];

  constructor(...items: readonly Module<[Tensor], Tensor>[]) {
    super();
    this.#items = items;
    for (const [index, item] of items.entries()) Object.defineProperty(this, index, { value: item, enumerable: true });
  }

  override forward(x: Tensor): Tensor {
    return this.#items.reduce((value, item) => item.call(value), x);
  }
}
