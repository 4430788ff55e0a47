// Node: one operation applied to nodes. Immutable and hash-consed: the same expression is the same object.
// Knows no devices and no gradients; a computed value may be attached to a node, and then it is a leaf to later graphs.
import { attributeError } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
import type { DType, TypedArray } from "./dtype.ts";
import type { Op } from "./op.ts";
import type { Shape } from "./shape.ts";

export type AttrValue = number | string | boolean | readonly (number | string)[];
export type Attrs = Readonly<Record<string, AttrValue>>;

/** Bytes of a file that hold a leaf's elements as they are: mapped by the runtime, never read into JavaScript. */
export interface FileRange {
  path: string;
  offset: number;
  byteLength: number;
}

/** Where a node's elements are once they exist. */
export type Value =
  /** `native` is what the runtime made of the array, kept for the next run; `sent` the device that a run took it to. */
  | { kind: "host"; data: TypedArray; native?: unknown; sent?: string }
  | { kind: "file"; range: FileRange }
  /** In the memory of a device, or, where that is "cpu", in an array that may be written over and comes back. */
  | { kind: "device"; device: string; handle: unknown };

/** What is known of a node before it is made: the result of an operation on inputs of these types. */
interface Recipe {
  shape: Shape;
  dtype: DType;
  type: number;
  signature: number;
}

export class Node {
  readonly id: number;
  readonly op: Op;
  readonly inputs: readonly Node[];
  readonly attrs: Attrs;
  readonly shape: Shape;
  readonly dtype: DType;
  /** A small number that stands for shape and dtype. */
  readonly type: number;
  /** A small number that stands for op, attributes and types of inputs: what a node adds to a graph's key. */
  readonly signature: number;
  /** Another recorded node of the same hash. */
  next: Node | undefined;
  /** Runs that computed this node on the way to others. */
  runs = 0;
  /** The recording that it belongs to. */
  readonly recording = recording;
  /** How far what nothing has computed goes back behind it; see DEEP. */
  readonly depth: number;
  /** The walk that met this node last; see walk.ts. */
  visited = 0;
  /** True once somebody may hold on to it: its elements are not written over. */
  isRead = false;
  /** Set by an optimizer on what its next step replaces: where the memory for it may come from. */
  state: object | undefined;
  /** The elements, once known. Set once; a node with a value is a leaf. */
  value: Value | undefined;

  constructor(op: Op, inputs: readonly Node[], attrs: Attrs, { shape, dtype, type, signature }: Recipe) {
    this.id = nextId++;
    this.op = op;
    this.inputs = inputs;
    this.attrs = attrs;
    this.shape = shape;
    this.dtype = dtype;
    this.type = type;
    this.signature = signature;
    this.depth = inputs.length === 0 ? 0 : depthOf(inputs, signature);
  }
}

/** Counts runs: what is recorded between two of them is one recording. */
let recording = 0;
/** What one recording counts for, against one repeat of an operation on its own result. */
const OF_A_RECORDING = 16;
/**
 * Nodes of this depth are better computed soon: each keeps alive, and has computed once more when it is read, all that lies
 * behind it. A chain over 16 recordings has it, or one operation that is repeated on its own result 256 times.
 */
export const DEEP = 256;

/** How far what nothing has computed goes back behind a node: in recordings, and in repeats of one operation. */
function depthOf(inputs: readonly Node[], signature: number): number {
  let depth = 0;
  for (const input of inputs) {
    if (input.value !== undefined) continue;
    let own = input.depth;
    if (input.recording !== recording) own += OF_A_RECORDING;
    else if (input.signature === signature) own++;
    if (own > depth) depth = own;
  }
  return depth;
}

let nextId = 1;
let nextSignature = 1;
const types = new Map<string, number>();
const recipes = new Map<string, Recipe>();
/** Those of operations without attributes on up to three inputs, found without making a text. */
const plainRecipes = new WeakMap<Op, Map<number, Recipe>>();
const MOST_RECIPES = 200_000;
/**
 * Nodes recorded since the last run, by a hash of operation and inputs. Strong references, let go after each run: weak ones would
 * hold every node, and with it its buffers, to the end of a synchronous loop.
 */
const recorded = new Map<number, Node>();
const MOST_RECORDED = 200_000;

/** Ends a recording: the same expression recorded from here on is a new node. */
export function forgetRecorded(): void {
  recording++;
  recorded.clear();
}

function typeOf(shape: Shape, dtype: DType): number {
  const text = `${dtype}${shape.join()}`;
  let type = types.get(text);
  if (type === undefined) {
    type = types.size + 1;
    types.set(text, type);
  }
  return type;
}

/** Attributes as text: other values, other text. JSON would make one of NaN and the infinities, and of 0 and -0. */
function textOf(attrs: Attrs): string {
  let text = "";
  for (const key in attrs) text += `;${key}=${valueText(attrs[key] ?? "")}`;
  return text;
}

function valueText(value: AttrValue): string {
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : `${value}`;
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "boolean") return `${value}`;
  if (!Array.isArray(value)) throw attributeError("", "a number, a word or a list of them", value);
  return `[${value.map(valueText).join()}]`;
}

function learn(key: string, { shape, dtype }: { shape: Shape; dtype: DType }): Recipe {
  // Numbers are never given twice: a graph that is recorded anew after this only finds no session of its own.
  if (recipes.size >= MOST_RECIPES) recipes.clear();
  const recipe = { shape, dtype, type: typeOf(shape, dtype), signature: nextSignature++ };
  recipes.set(key, recipe);
  return recipe;
}

/** The recipe of a node without inputs. */
export function recipeOf(op: Op, attrs: Attrs, shape: Shape, dtype: DType): Recipe {
  const key = `${op.name}${textOf(attrs)}|${typeOf(shape, dtype)}`;
  return recipes.get(key) ?? learn(key, { shape, dtype });
}

function requireDType(op: Op, inputs: readonly Node[]): void {
  const dtype = inputs.find((input) => op.lacks?.includes(input.dtype))?.dtype;
  if (dtype === undefined) return;
  throw new AbrazoError({
    code: "DTYPE_UNSUPPORTED",
    message: `"${op.name}" not implemented for ${dtype}`,
    hint: 'Convert the tensor first, e.g. with to("float32").',
    data: { op: op.name, dtype },
  });
}

const NONE: Attrs = {};

/** Types are numbers below this, three of which fit a whole number that is exact. */
const MOST_PLAIN_TYPES = 2 ** 17;

function recipeFor(op: Op, inputs: readonly Node[], attrs: Attrs): Recipe {
  if (attrs !== NONE || inputs.length > 3) return recipeByText(op, inputs, attrs);
  let key = 0;
  for (const { type } of inputs) {
    if (type >= MOST_PLAIN_TYPES) return recipeByText(op, inputs, attrs);
    key = key * MOST_PLAIN_TYPES + type;
  }
  let known = plainRecipes.get(op);
  if (known === undefined || known.size >= MOST_RECIPES) {
    known = new Map();
    plainRecipes.set(op, known);
  }
  let recipe = known.get(key);
  if (recipe === undefined) {
    recipe = recipeByText(op, inputs, attrs);
    known.set(key, recipe);
  }
  return recipe;
}

function recipeByText(op: Op, inputs: readonly Node[], attrs: Attrs): Recipe {
  let kind = op.name + textOf(attrs);
  for (const input of inputs) kind += `,${input.type}`;
  const known = recipes.get(kind);
  if (known !== undefined) return known;
  const inferred = op.infer(inputs, attrs);
  if (op.lacks !== undefined) requireDType(op, inputs);
  return learn(kind, inferred);
}

/** A node that is equal to no other, whatever was recorded: for what has an identity, such as a leaf or a hook's place. */
export function makeUnique(op: Op, inputs: readonly Node[], attrs: Attrs = NONE): Node {
  return new Node(op, inputs, attrs, recipeFor(op, inputs, attrs));
}

/** The node of `op` over `inputs`; an equal one of the same recording is returned instead of a new one. */
export function makeNode(op: Op, inputs: readonly Node[], attrs: Attrs = NONE): Node {
  const recipe = recipeFor(op, inputs, attrs);
  const { signature } = recipe;
  let hash = signature;
  for (const { id } of inputs) hash = (Math.imul(hash, 0x9e3779b1) ^ id) | 0;
  const first = recorded.get(hash);
  for (let known = first; known !== undefined; known = known.next) {
    if (known.signature === signature && sameNodes(known.inputs, inputs)) return known;
  }
  if (recorded.size >= MOST_RECORDED) recorded.clear();
  const node = new Node(op, inputs, attrs, recipe);
  node.next = first;
  recorded.set(hash, node);
  return node;
}

function sameNodes(a: readonly Node[], b: readonly Node[]): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}
