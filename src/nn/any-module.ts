// AnyModule: what all modules share. Named parameters, buffers and children, train and eval, state, printing.
// Knows no layer, and not what a module is called with.
import { AbrazoError } from "../errors.ts";
import { type DType, isFloat } from "../graph/dtype.ts";
import { optionsOf } from "../options.ts";
import { moveTo, noGrad, realizeSync, type Tensor } from "../tensor/index.ts";
import { buffer, isBuffer, isParameter, isState, parameter } from "./marks.ts";
import { printTree } from "./print.ts";
import { type LoadedState, loadState, stateMap } from "./state.ts";

const loadStateDictOptions = optionsOf<{ strict?: boolean }>({ strict: true });

const registerBufferOptions = optionsOf<{ persistent?: boolean }>({ persistent: true });

/** Where a call of a module leads. */
export const RUN = Symbol("run");

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

/**
 * What all modules share, whatever they are called with: names, modes, state. Layers and models extend Module.
 *
 * @example
 * ```ts
 * new Linear(2, 1) instanceof AnyModule; // true
 * ```
 */
export abstract class AnyModule extends Callable {
  #training = true;

  /** True after train(), false after eval(); a new module is in training. */
  get training(): boolean {
    return this.#training;
  }

  /** Puts this module and all below it into training mode (or out of it): dropout drops, batch norm uses its batch. */
  train(mode = true): this {
    for (const module of this.modules()) module.#training = mode;
    return this;
  }

  /** Evaluation mode: dropout is the identity, batch norm uses its running statistics. */
  eval(): this {
    return this.train(false);
  }

  // --- what is below ---

  /** Modules held directly, each once, by the name of the property that holds them. */
  *namedChildren(): Generator<[string, AnyModule]> {
    const seen = new Set<AnyModule>();
    for (const [name, value] of this.ownModules()) {
      if (seen.has(value)) continue;
      seen.add(value);
      yield [name, value];
    }
  }

  /** Modules held directly, in order, also one that is held twice. Containers say here what they hold. */
  protected *ownModules(): Generator<[string, AnyModule]> {
    for (const [name, value] of Object.entries(this)) if (value instanceof AnyModule) yield [name, value];
  }

  /** Modules held directly. */
  *children(): Generator<AnyModule> {
    for (const [, child] of this.namedChildren()) yield child;
  }

  /** This module and all below it, each once. */
  *modules(): Generator<AnyModule> {
    for (const [, module] of this.namedModules()) yield module;
  }

  /** This module as "" and all below it by their path, e.g. "encoder.layer.0", each once. */
  *namedModules(prefix = "", seen: Set<AnyModule> = new Set()): Generator<[string, AnyModule]> {
    if (seen.has(this)) return;
    seen.add(this);
    yield [prefix, this];
    for (const [name, child] of this.ownModules()) yield* child.namedModules(joined(prefix, name), seen);
  }

  /** Parameters with their path, e.g. "encoder.layer.0.weight". A parameter held twice is given once. */
  *namedParameters(prefix = "", recurse = true): Generator<[string, Tensor]> {
    yield* once(this.#tensors(isParameter, prefix, recurse));
  }

  /** Tensors that belong to the module and are not trained, such as running means, with their path. */
  *namedBuffers(prefix = "", recurse = true): Generator<[string, Tensor]> {
    yield* once(this.#tensors(isBuffer, prefix, recurse));
  }

  *#tensors(wanted: (value: unknown) => value is Tensor, prefix: string, recurse = true): Generator<[string, Tensor]> {
    const own = Object.entries(this);
    // Parameters first, as in PyTorch, whatever the order of assignment.
    for (const kind of [isParameter, isBuffer]) {
      for (const [name, value] of own) if (kind(value) && wanted(value)) yield [joined(prefix, name), value];
    }
    if (!recurse) return;
    for (const [name, child] of this.ownModules()) yield* child.#tensors(wanted, joined(prefix, name));
  }

  /** Every parameter once, those of modules inside too unless `recurse` is false. */
  parameters(recurse = true): Tensor[] {
    return [...this.namedParameters("", recurse)].map(([, tensor]) => tensor);
  }

  /** Every buffer once, those of modules inside too unless `recurse` is false. */
  buffers(recurse = true): Tensor[] {
    return [...this.namedBuffers("", recurse)].map(([, tensor]) => tensor);
  }

  /** Number of elements of all parameters. */
  parameterCount(): number {
    return this.parameters().reduce((sum, tensor) => sum + tensor.numel(), 0);
  }

  /**
   * The module at a path.
   *
   * @example
   * ```ts
   * new Sequential(new Linear(2, 3), new ReLU()).getSubmodule("1").toString(); // "ReLU()"
   * ```
   */
  getSubmodule(path: string): AnyModule {
    const found = new Map(this.#allModules()).get(path);
    if (found === undefined) throw noAttribute(this.constructor.name, path, "module");
    return found;
  }

  *#allModules(prefix = ""): Generator<[string, AnyModule]> {
    yield [prefix, this];
    for (const [name, child] of this.ownModules()) yield* child.#allModules(joined(prefix, name));
  }

  /** The parameter at a path, e.g. "encoder.layer.0.weight". */
  getParameter(path: string): Tensor {
    const found = new Map(this.#tensors(isParameter, "")).get(path);
    if (found === undefined) throw noAttribute(this.constructor.name, path, "parameter");
    return found;
  }

  /** The buffer at a path. */
  getBuffer(path: string): Tensor {
    const found = new Map(this.#tensors(isBuffer, "")).get(path);
    if (found === undefined) throw noAttribute(this.constructor.name, path, "buffer");
    return found;
  }

  /** Holds a tensor as a parameter under a name that is only known at run time. */
  registerParameter(name: string, tensor: Tensor): void {
    this.#hold(name, parameter(tensor));
  }

  /** Holds a tensor as a buffer under a name that is only known at run time. */
  registerBuffer(name: string, tensor: Tensor, given?: { persistent?: boolean }): void {
    const options = registerBufferOptions("registerBuffer", given);
    this.#hold(name, buffer(tensor, options));
  }

  /** Holds a module under a name that is only known at run time. */
  registerModule(name: string, module: AnyModule): void {
    this.#hold(name, module);
  }

  #hold(name: string, value: unknown): void {
    if (name === "" || name.includes(".")) {
      throw new AbrazoError({
        code: "MODULE_NAME",
        message: name === "" ? 'parameter name can\'t be empty string ""' : 'parameter name can\'t contain "."',
        hint: "Dots separate the modules of a path.",
        data: { name },
      });
    }
    if (name in this && !Object.hasOwn(this, name)) throw noAttribute(this.constructor.name, name, "free name");
    Object.defineProperty(this, name, { value, enumerable: true, configurable: true, writable: true });
  }

  /**
   * Calls `fn` with every module below and then with this one.
   *
   * @example
   * ```ts
   * const net = new Sequential(new Linear(2, 3), new ReLU());
   * net.apply((module) => { if (module instanceof Linear) init.zeros_(module.bias ?? module.weight); });
   * (net[0] as Linear).bias?.tolistSync(); // [0, 0, 0]
   * ```
   */
  apply(fn: (module: AnyModule) => void): this {
    for (const child of this.children()) child.apply(fn);
    fn(this);
    return this;
  }

  // --- state ---

  /** Freezes every parameter (false) or lets it be trained. Gradients and optimizers leave frozen ones alone. */
  requiresGrad_(requiresGrad = true): this {
    for (const tensor of this.parameters()) {
      tensor.requiresGrad_(requiresGrad);
      // What is computed on the way, e.g. from a file's narrower dtype, becomes elements of its own.
      if (!tensor.isLeaf) tensor.assign(tensor.detach().settle().node);
    }
    return this;
  }

  /** Takes the gradients of all parameters away: they are null. */
  zeroGrad(): void {
    for (const tensor of this.parameters()) tensor.grad = null;
  }

  /**
   * Moves every parameter and buffer to a device, or casts those of a floating dtype. They stay the objects that an optimizer holds.
   *
   * @example needs a GPU
   * ```ts
   * new Linear(2, 1).to({ device: "webgpu" }).weight.device; // "webgpu"
   * new Linear(2, 1).to("float64").weight.dtype; // "float64"
   * ```
   */
  to(target: DType | { device?: string; dtype?: DType }): this {
    const { device, dtype } = typeof target === "string" ? { dtype: target, device: undefined } : target;
    const tensors = [...this.parameters(), ...this.buffers()];
    if (dtype !== undefined) castTo(tensors, dtype);
    if (device !== undefined) {
      moveTo(tensors, device);
      for (const tensor of tensors) if (tensor.grad !== null) moveTo([tensor.grad], device);
    }
    return this;
  }

  /** Parameters and buffers of float dtypes as float32. */
  float(): this {
    return this.to("float32");
  }

  /** Parameters and buffers of float dtypes as float64. */
  double(): this {
    return this.to("float64");
  }

  /** Parameters and buffers of float dtypes as float16. */
  half(): this {
    return this.to("float16");
  }

  /** Parameters and buffers of float dtypes as bfloat16. */
  bfloat16(): this {
    return this.to("bfloat16");
  }

  /**
   * Parameters and buffers by path, in PyTorch's order: a module's own before those of its children. One that is held twice,
   * such as a tied weight, has both names.
   *
   * @example
   * ```ts
   * const [table, head] = [new Embedding(4, 3), new Linear(3, 4, { bias: false })];
   * head.registerParameter("weight", table.weight);
   * const model = new ModuleDict({ table, head });
   * [...model.stateDict().keys()]; // ["table.weight", "head.weight"]
   * [...model.namedParameters()].map(([name]) => name); // ["table.weight"]
   * ```
   */
  stateDict(): Map<string, Tensor> {
    return new Map(this.#tensors(isState, ""));
  }

  /**
   * Takes parameters and buffers by name, from a Map or a plain object; values are cast to the dtype that is there. Missing, unexpected and misshapen
   * ones are one error that lists them all, and then nothing is taken.
   *
   * @param strict false: missing and unexpected names are returned instead of refused; misshapen ones never pass
   */
  loadStateDict(
    state: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>,
    given?: { strict?: boolean },
  ): LoadedState {
    const { strict = true } = loadStateDictOptions("loadStateDict", given);
    return loadState(this.constructor.name, [...this.#tensors(isState, "")], stateMap(state), strict);
  }

  // --- printing ---

  /** What toString() writes between the parentheses, as PyTorch's extra_repr(). */
  extraRepr(): string {
    return "";
  }

  /**
   * The tree that PyTorch prints.
   *
   * @example
   * ```ts
   * `${new Linear(2, 1)}`; // "Linear(in_features=2, out_features=1, bias=True)"
   * ```
   */
  override toString(): string {
    return printTree({ name: this.constructor.name, extra: this.extraRepr(), children: this.childTexts() });
  }

  protected childTexts(): (readonly [string, string])[] {
    return [...this.ownModules()].map(([name, child]) => [name, child.toString()] as const);
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
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

function joined(prefix: string, name: string): string {
  return prefix === "" ? name : `${prefix}.${name}`;
}

function* once(entries: Iterable<[string, Tensor]>): Generator<[string, Tensor]> {
  const seen = new Set<Tensor>();
  for (const [name, tensor] of entries) {
    if (seen.has(tensor)) continue;
    seen.add(tensor);
    yield [name, tensor];
  }
}

function castTo(tensors: readonly Tensor[], dtype: DType): void {
  const held = tensors.flatMap((tensor) => (tensor.grad === null ? [tensor] : [tensor, tensor.grad]));
  const old = held.filter((tensor) => isFloat(tensor.dtype) && tensor.dtype !== dtype);
  const cast = noGrad(() => old.map((tensor) => tensor.detach().to(dtype)));
  realizeSync(cast);
  for (const [at, tensor] of old.entries()) tensor.assign(cast[at]?.settle().node ?? tensor.node);
}

function noAttribute(module: string, path: string, wanted: string): AbrazoError {
  return new AbrazoError({
    code: "NO_ATTRIBUTE",
    message: `${module} has no ${wanted} \`${path}\``,
    hint: "Print the module to see the names of what is below it.",
    data: { path },
  });
}
