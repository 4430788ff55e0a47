// Module: named parameters, buffers and children, train and eval, state dict, hooks. A module is called like a function.
// Knows no layer.
import { AbrazoError, nearestName } from "../errors.ts";
import { moveTo, type Tensor } from "../tensor/index.ts";

const RUN = Symbol("run");

/** Makes each instance a function as well: that is what `model(x)` calls. */
class Callable {
  constructor() {
    const self: { [RUN](inputs: unknown[]): unknown } = Object.setPrototypeOf(
      (...inputs: unknown[]) => self[RUN](inputs),
      new.target.prototype,
    );
    // A function's own name and length would hide those of a module.
    Reflect.deleteProperty(self, "name");
    Reflect.deleteProperty(self, "length");
    // biome-ignore lint/correctness/noConstructorReturn: the function is the instance
    return self;
  }
}

/** What all modules share, whatever they are called with: names, modes, state. Layers and models extend Module. */
export abstract class AnyModule extends Callable {
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

  /** This module as "" and all below it by their path, e.g. "encoder.layer.0". */
  *namedModules(prefix = ""): Generator<[string, AnyModule]> {
    yield [prefix, this];
    for (const [name, child] of this.namedChildren())
      yield* child.namedModules(prefix === "" ? name : `${prefix}.${name}`);
  }

  /** Parameters with their path, e.g. "encoder.layer.0.weight". A parameter held twice is given once. */
  *namedParameters(): Generator<[string, Tensor]> {
    yield* this.#marked(parameters);
  }

  /** Tensors that belong to the state and are not trained, such as running means, with their path. */
  *namedBuffers(): Generator<[string, Tensor]> {
    yield* this.#marked(buffers);
  }

  *#marked(kind: WeakSet<Tensor>, prefix = "", seen = new Set<unknown>()): Generator<[string, Tensor]> {
    for (const [name, value] of Object.entries(this)) {
      if (!isMarked(kind, value) || seen.has(value)) continue;
      seen.add(value);
      yield [prefix + name, value];
    }
    for (const [name, child] of this.namedChildren()) yield* child.#marked(kind, `${prefix}${name}.`, seen);
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

  /**
   * Moves every parameter and buffer to a device. They stay the objects that an optimizer holds.
   *
   * @example
   * ```ts
   * new Linear(2, 1).to({ device: "webgpu" }).weight.device; // "webgpu"
   * ```
   */
  to({ device }: { device: string }): this {
    moveTo([...this.stateDict().values()], device);
    return this;
  }

  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.grad = null;
  }

  /** Parameters and buffers by path. */
  stateDict(): Map<string, Tensor> {
    return new Map([...this.namedParameters(), ...this.namedBuffers()]);
  }

  /**
   * Takes parameters and buffers by name. Missing, unexpected and misshapen ones are one error that lists them all, with nearest names.
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

  [RUN](_inputs: unknown[]): unknown {
    const name = this.constructor.name;
    throw new AbrazoError({
      code: "NO_FORWARD",
      message: `Module [${name}] is missing the required "forward" function`,
      hint: "Call its items, or extend Module and give it forward().",
    });
  }
}

type Hook<Input extends unknown[], Output> = (
  module: Module<Input, Output>,
  inputs: Input,
  output: Output,
) => Output | undefined;

/**
 * Base of layers and models. Tensors held as properties and marked as parameters, and modules held as properties, are
 * found by name in the order in which they were assigned. A module is called like a function: forward() runs, then the hooks.
 *
 * @example
 * ```ts
 * class Net extends Module<[Tensor], Tensor> {
 *   readonly fc = new Linear(2, 1);
 *   override forward(x: Tensor): Tensor { return this.fc(x).relu(); }
 * }
 * const net = new Net();
 * net(ones([3, 2])).shape; // [3, 1]
 * [...net.namedParameters()].map(([name]) => name); // ["fc.weight", "fc.bias"]
 * ```
 */
export interface Module<Input extends unknown[], Output> {
  // biome-ignore lint/style/useShorthandFunctionType: a type cannot merge with the class
  (...inputs: Input): Output;
}

// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the other half of the interface above
export abstract class Module<Input extends unknown[], Output> extends AnyModule {
  readonly #hooks = new Set<Hook<Input, Output>>();

  abstract forward(...inputs: Input): Output;

  override [RUN](inputs: unknown[]): Output {
    return this.#run(inputs as Input); // safe because only the call signature leads here
  }

  #run(inputs: Input): Output {
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
const buffers = new WeakSet<Tensor>();

/** Marks a tensor as a parameter: it requires grad and is found by namedParameters(). */
export function parameter(tensor: Tensor): Tensor {
  parameters.add(tensor);
  return tensor.requiresGrad_();
}

/** Marks a tensor as a buffer: part of the state, found by namedBuffers(), not trained. */
export function buffer(tensor: Tensor): Tensor {
  buffers.add(tensor);
  return tensor;
}

function isMarked(kind: WeakSet<Tensor>, value: unknown): value is Tensor {
  return typeof value === "object" && value !== null && kind.has(value as Tensor); // safe because WeakSet only compares identity
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
    return this.#items.reduce((value, item) => item(value), x);
  }
}
