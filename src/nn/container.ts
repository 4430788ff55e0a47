// Modules and parameters in lists, by name, and in a row: ModuleList, ModuleDict, Sequential, ParameterList, ParameterDict.
// Knows no layer.
import { argumentError, kindOf } from "../arguments.ts";
import { AbrazoError, nearestName } from "../errors.ts";
import type { Tensor } from "../tensor/index.ts";
import { AnyModule } from "./any-module.ts";
import { isParameter } from "./marks.ts";
import { Module } from "./module.ts";
import { foldRepeats } from "./print.ts";

/** The place of an item counted from the end when negative. */
function placeOf(index: number, length: number): number {
  if (Number.isInteger(index) && index >= -length && index < length) return index < 0 ? index + length : index;
  throw new AbrazoError({
    code: "INDEX_OUT_OF_RANGE",
    message: `index ${index} is out of range`,
    hint: `There are ${length} items.`,
    data: { index, length },
  });
}

/** PyTorch's sentence for what is put among modules and is none. */
function requireModule<Item extends AnyModule>(item: Item): Item {
  if (item instanceof AnyModule) return item;
  throw new AbrazoError({
    code: "NOT_A_MODULE",
    message: `${kindOf(item)} is not a Module subclass`,
    hint: "Put a module there: a layer, or a class that extends Module.",
  });
}

function requireIterable(where: string, items: unknown): void {
  const isIterable = typeof items === "object" && items !== null && Symbol.iterator in items;
  if (!isIterable) throw argumentError(where, 1, "a list", items);
}

const isPlainObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && kindOf(value) === "Object";

function entriesOf<Value>(where: string, items: object): [string, Value][] {
  if (!isPlainObject(items)) throw argumentError(where, 1, "an object", items);
  return Object.entries<Value>(items as Readonly<Record<string, Value>>); // safe because the caller's type says so
}

/** Makes the first `count` places readable as properties, without listing them as properties of the module. */
function readable(target: object, count: number, item: (place: number) => unknown): void {
  for (let place = 0; place < count; place++) {
    if (Object.hasOwn(target, place)) continue;
    Object.defineProperty(target, place, { get: () => item(place), configurable: true });
  }
}

/**
 * Modules in a list, named by their place. It has no forward(): a module that holds it says in what order they are called.
 *
 * @example
 * ```ts
 * const layers = new ModuleList([new Linear(2, 2), new Linear(2, 1)]);
 * layers[1]; // Linear(in_features=2, out_features=1, bias=True)
 * [...layers.namedParameters()].map(([name]) => name); // ["0.weight", "0.bias", "1.weight", "1.bias"]
 * ```
 */
export class ModuleList<Item extends AnyModule> extends AnyModule {
  readonly [place: number]: Item;
  readonly #items: Item[] = [];

  constructor(items: Iterable<Item> = []) {
    super();
    this.extend(items);
  }

  protected override *ownModules(): Generator<[string, AnyModule]> {
    for (const [place, item] of this.#items.entries()) yield [`${place}`, item];
  }

  [Symbol.iterator](): IterableIterator<Item> {
    return this.#items[Symbol.iterator]();
  }

  /** How many modules there are. */
  get length(): number {
    return this.#items.length;
  }

  /** The item at a place, counted from the end when negative. */
  at(index: number): Item {
    return this.#items[placeOf(index, this.length)] as Item; // safe because placeOf checks the place
  }

  /** Adds a module at the end. */
  append(item: Item): this {
    return this.insert(this.length, item);
  }

  /** Adds modules at the end. */
  extend(items: Iterable<Item>): this {
    requireIterable("ModuleList", items);
    for (const item of items) this.append(item);
    return this;
  }

  /** Puts an item before the one at `index`; those after it move on by one place, and so do their names. */
  insert(index: number, item: Item): this {
    this.#items.splice(index, 0, requireModule(item));
    readable(this, this.length, (place) => this.#items[place]);
    return this;
  }

  protected override childTexts(): (readonly [string, string])[] {
    return foldRepeats(super.childTexts());
  }
}

/**
 * Modules by name, in the order in which they were given.
 *
 * @throws UNKNOWN_KEY with the nearest name
 *
 * @example
 * ```ts
 * const heads = new ModuleDict({ stars: new Linear(8, 5), topic: new Linear(8, 12) });
 * heads.get("stars").toString(); // "Linear(in_features=8, out_features=5, bias=True)"
 * ```
 */
export class ModuleDict<Item extends AnyModule> extends AnyModule {
  readonly #items = new Map<string, Item>();

  /** Names that are whole numbers come first in an object; pairs keep any order. */
  constructor(items: Readonly<Record<string, Item>> | Iterable<readonly [string, Item]> = []) {
    super();
    const pairs = items !== null && Symbol.iterator in Object(items) ? items : entriesOf("ModuleDict", items);
    for (const [name, item] of pairs as Iterable<readonly [string, Item]>) this.set(name, item); // safe because an object has no iterator
  }

  protected override *ownModules(): Generator<[string, AnyModule]> {
    yield* this.#items;
  }

  [Symbol.iterator](): IterableIterator<string> {
    return this.#items.keys();
  }

  /** How many modules there are. */
  get length(): number {
    return this.#items.size;
  }

  /** The module of a name; an error with the nearest one where there is none. */
  get(name: string): Item {
    const found = this.#items.get(name);
    if (found !== undefined) return found;
    const near = nearestName(name, this.#items.keys());
    throw new AbrazoError({
      code: "UNKNOWN_KEY",
      message: `There is no module '${name}'.`,
      hint: near === undefined ? `There are: ${[...this.#items.keys()].join(", ")}.` : `Did you mean '${near}'?`,
      data: { name },
    });
  }

  /** Whether there is a module of a name. */
  has(name: string): boolean {
    return this.#items.has(name);
  }

  /** Puts a module under a name. */
  set(name: string, item: Item): this {
    this.#items.set(name, requireModule(item));
    return this;
  }

  /** The names, in the order in which they were given. */
  keys(): IterableIterator<string> {
    return this.#items.keys();
  }

  /** The modules, in that order. */
  values(): IterableIterator<Item> {
    return this.#items.values();
  }

  /** Names and modules, in that order. */
  entries(): IterableIterator<[string, Item]> {
    return this.#items.entries();
  }
}

type Step = Module<[Tensor], Tensor>;

/**
 * Modules called one after the other, named by their place or by the names of an object.
 *
 * @example
 * ```ts
 * const net = new Sequential(new Linear(4, 8), new ReLU(), new Linear(8, 2));
 * net(ones([3, 4])).shape; // [3, 2]
 * net[0]?.toString(); // "Linear(in_features=4, out_features=8, bias=True)"
 * new Sequential({ hidden: new Linear(4, 8), act: new ReLU() }).getSubmodule("act").toString(); // "ReLU()"
 * ```
 */
export class Sequential extends Module<[Tensor], Tensor> {
  readonly [place: number]: Step;
  readonly #items: [string, Step][] = [];

  constructor(...items: readonly Step[] | readonly [Readonly<Record<string, Step>>]) {
    super();
    const [first] = items;
    if (isPlainObject(first)) this.#items.push(...Object.entries(first));
    // safe because a call with modules has nothing but modules
    else for (const [place, item] of (items as readonly Step[]).entries()) this.#items.push([`${place}`, item]);
    for (const [, item] of this.#items) requireModule(item);
    this.#show();
  }

  #show(): void {
    readable(this, this.length, (place) => this.#items[place]?.[1]);
    for (const [name, item] of this.#items) {
      if (name in this) continue;
      Object.defineProperty(this, name, { value: item, configurable: true });
    }
  }

  protected override *ownModules(): Generator<[string, AnyModule]> {
    yield* this.#items;
  }

  [Symbol.iterator](): IterableIterator<Step> {
    return this.#items.map(([, item]) => item)[Symbol.iterator]();
  }

  override get length(): number {
    return this.#items.length;
  }

  /** The item at a place, counted from the end when negative. */
  at(index: number): Step {
    return [...this][placeOf(index, this.length)] as Step; // safe because placeOf checks the place
  }

  /** Adds a step at the end, named by its place. */
  append(item: Step): this {
    this.#items.push([`${this.length}`, requireModule(item)]);
    this.#show();
    return this;
  }

  /** Steps `start` (included) to `end` (excluded) as a Sequential over the same modules: Python's `net[1:3]`. */
  slice(start?: number, end?: number): Sequential {
    return new Sequential(Object.fromEntries(this.#items.slice(start, end)));
  }

  override forward(x: Tensor): Tensor {
    return this.#items.reduce((value, [, item]) => item(value), x);
  }
}

function requireParameter(value: Tensor): Tensor {
  if (isParameter(value)) return value;
  throw new AbrazoError({
    code: "NOT_A_PARAMETER",
    message: "a ParameterList holds parameters, and this tensor is none",
    hint: "Wrap it: parameter(tensor).",
  });
}

/**
 * Parameters in a list, named by their place.
 *
 * @example
 * ```ts
 * const scales = new ParameterList([parameter(ones([2])), parameter(ones([3]))]);
 * [...scales.stateDict().keys()]; // ["0", "1"]
 * ```
 */
export class ParameterList extends AnyModule {
  readonly [place: number]: Tensor;
  #length = 0;

  constructor(items: Iterable<Tensor> = []) {
    super();
    requireIterable("ParameterList", items);
    for (const item of items) this.append(item);
  }

  /** Adds a parameter at the end. */
  append(item: Tensor): this {
    this.registerParameter(`${this.#length++}`, requireParameter(item));
    return this;
  }

  [Symbol.iterator](): IterableIterator<Tensor> {
    return this.parameters()[Symbol.iterator]();
  }

  /** How many parameters there are. */
  get length(): number {
    return this.#length;
  }

  override extraRepr(): string {
    return describe([...this.namedParameters()]);
  }
}

/**
 * Parameters by name.
 *
 * @example
 * ```ts
 * const heads = new ParameterDict({ left: parameter(ones([2])), right: parameter(ones([2])) });
 * heads.get("left").shape; // [2]
 * ```
 */
export class ParameterDict extends AnyModule {
  constructor(items: Readonly<Record<string, Tensor>> = {}) {
    super();
    for (const [name, item] of entriesOf<Tensor>("ParameterDict", items)) this.set(name, item);
  }

  /** Puts a parameter under a name. */
  set(name: string, item: Tensor): this {
    this.registerParameter(name, requireParameter(item));
    return this;
  }

  /** The parameter of a name. */
  get(name: string): Tensor {
    return this.getParameter(name);
  }

  /** The names, in the order in which they were given. */
  keys(): string[] {
    return [...this.namedParameters()].map(([name]) => name);
  }

  override extraRepr(): string {
    return describe([...this.namedParameters()]);
  }
}

function describe(entries: readonly (readonly [string, Tensor])[]): string {
  return entries
    .map(([name, { dtype, shape }]) => `  (${name}): Parameter containing: [torch.${dtype} of size ${shape.join("x")}]`)
    .join("\n");
}
