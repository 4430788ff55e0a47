// compile(fn): a function of tensors is traced once for each kind of arguments, and its graph run from then on.
// Knows no operation, no layer and no optimizer: these say to the trace what they do.
import { requireFunction } from "../arguments.ts";
import { type AbrazoError, internalError } from "../errors.ts";
import type { TypedArray } from "../graph/dtype.ts";
import { makeLeaf } from "../graph/leaf.ts";
import { forgetRecorded, type Node, type Value } from "../graph/node.ts";
import { ancestors } from "../graph/walk.ts";
import { type Prepared, prepare } from "../onnx/execute.ts";
import { realizeNodes } from "./realize.ts";
import { currentScope } from "./scope.ts";
import { Storage } from "./storage.ts";
import { leafOf, Tensor } from "./tensor.ts";
import { activeTrace, inTrace, Trace, traceError } from "./trace.ts";

/** What a compiled function takes and gives: tensors, plain values, and lists and objects of them. */
export type Compilable =
  | Tensor
  | number
  | string
  | boolean
  | null
  | undefined
  | readonly Compilable[]
  | { readonly [name: string]: Compilable };

/** How calls of a compiled function were answered. */
export interface CompileStats {
  /** How often the function itself ran: as it is, and to be traced. */
  recorded: number;
  traced: number;
  replayed: number;
}

/** A compiled function: called as the one that it was made of. */
export interface Compiled<Args extends Compilable[], Result extends Compilable> {
  (...args: Args): Result;
  readonly stats: Readonly<CompileStats>;
}

/** Traces that are kept; the one that was used longest ago goes first. */
const MOST_TRACES = 64;

/** Where a replay takes a leaf's elements from. */
type Source =
  | { kind: "argument"; place: number }
  | { kind: "storage"; storage: Storage }
  | { kind: "grad"; of: Tensor }
  | { kind: "fresh"; place: number; item: number }
  | { kind: "fixed" };

interface Entry {
  trace: Trace;
  prepared: Prepared;
  sources: readonly Source[];
  device: string;
  /** Shape and dtype of each output: results first, then what is written to storages, then gradients. */
  outputs: readonly Node[];
  results: number;
  rebuild(results: readonly Tensor[]): Compilable;
  storages: readonly Storage[];
  /** Tensors whose grad is set, and to nothing where `place` is undefined. */
  grads: readonly { tensor: Tensor; place: number | undefined }[];
  /** Arrays that outputs may be written to, by place: nothing reads them any more. */
  spare: (TypedArray | undefined)[];
}

/**
 * A function of tensors that is recorded no more once its graph is known. The first call with arguments of new shapes runs
 * the function as it is, the second traces it, later ones only feed the graph and take its results. Tensors that it reads from
 * outside, such as weights, are read at each call; tensors that it writes, such as weights in an optimizer's step, gradients and
 * running means, are written at each call; learning rates, step counts and random numbers are made anew at each call. Other
 * values of JavaScript are as they were when it was traced: pass them as arguments. A function whose results require grad
 * and that does not take the gradients itself is recorded at each call, as its graph is a part of a larger one.
 *
 * @param fn synchronous; takes and gives tensors, plain values, and lists and objects of them; reads no tensor's value
 * @throws NOT_COMPILABLE where it reads a value or takes or gives anything else
 *
 * @example
 * ```ts
 * const product = compile((a: Tensor, b: Tensor) => einsum("ij,jk->ik", a, b));
 * for (let call = 0; call < 3; call++) product(ones([10, 20]), ones([20, 30]));
 * product.stats; // { recorded: 1, traced: 1, replayed: 1 }
 * ```
 */
export function compile<Args extends Compilable[], Result extends Compilable>(
  fn: (...args: Args) => Result,
): Compiled<Args, Result> {
  requireFunction("compile", fn);
  const entries = new Map<string, Entry | "seen" | "inline">();
  const stats = { recorded: 0, traced: 0, replayed: 0 };
  const remember = (key: string, entry: Entry | "seen" | "inline"): void => {
    entries.delete(key);
    entries.set(key, entry);
    if (entries.size > MOST_TRACES) entries.delete(entries.keys().next().value ?? "");
  };
  const asItIs = (args: Args): Result => {
    stats.recorded++;
    return fn(...args);
  };
  const call = (...args: Args): Result => {
    const tensors: Tensor[] = [];
    const key = `${scopeKey()}${describe(args, tensors)}`;
    const known = entries.get(key);
    const isRecorded = known === undefined || known === "inline" || activeTrace() !== undefined;
    if (isRecorded || tensors.some(({ requiresGrad }) => requiresGrad)) {
      if (known === undefined) remember(key, "seen");
      return asItIs(args);
    }
    if (known !== "seen" && holds(known)) {
      remember(key, known);
      stats.replayed++;
      return replay(known, tensors) as Result; // safe because it is rebuilt in the form that fn gave
    }
    const { entry, result } = traceCall(fn, args, tensors);
    remember(key, entry);
    if (entry === "inline") stats.recorded++;
    else stats.traced++;
    return result as Result; // safe for the same reason
  };
  return Object.assign(call, { stats });
}

function scopeKey(): string {
  const { grad, autocast } = currentScope();
  return `${grad}${autocast ?? ""}`;
}

/** Arguments as text: kinds of tensors, plain values as they are. Collects the tensors. */
function describe(value: Compilable, tensors: Tensor[]): string {
  if (value instanceof Tensor) {
    tensors.push(value);
    return `T${value.dtype}[${value.shape}]${value.device}`;
  }
  if (value === undefined || value === null || typeof value === "boolean") return `${value}`;
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : `${value}`;
  if (typeof value === "string") return JSON.stringify(value);
  if (isList(value)) return `(${value.map((item) => describe(item, tensors)).join()})`;
  if (!isPlain(value)) throw argumentError(value);
  return `{${Object.entries(value)
    .map(([name, item]) => `${JSON.stringify(name)}:${describe(item, tensors)}`)
    .join()}}`;
}

/** The same value with other tensors in the places of these. */
function exchange(value: Compilable, next: () => Tensor): Compilable {
  if (value instanceof Tensor) return next();
  if (typeof value !== "object" || value === null) return value;
  if (isList(value)) return value.map((item) => exchange(item, next));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, exchange(item, next)]));
}

function isList(value: Compilable): value is readonly Compilable[] {
  return Array.isArray(value);
}

function isPlain(value: unknown): value is { readonly [name: string]: Compilable } {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function argumentError(value: unknown): AbrazoError {
  const what = typeof value === "object" && value !== null ? value.constructor.name : typeof value;
  return traceError(
    `A compiled function takes and gives tensors, plain values, and lists and objects of them, not ${what}.`,
    "Let the function read it from outside, and compile one function for each.",
  );
}

/** Whether what the trace took for granted is still so. */
function holds({ trace }: Entry): boolean {
  for (const { read, was } of trace.guards) if (read() !== was) return false;
  for (const [node, { storage }] of trace.read) if (storage.peek.type !== node.type) return false;
  return true;
}

interface Traced {
  entry: Entry | "seen" | "inline";
  result: Compilable;
}

function traceCall<Args extends Compilable[]>(
  fn: (...args: Args) => Compilable,
  args: Args,
  tensors: readonly Tensor[],
): Traced {
  const inner = tensors.map((tensor) => {
    const { shape, dtype, value } = leafOf(tensor.node, tensor.device);
    if (value === undefined) throw traceError("An argument has no elements.", "Pass a tensor that can be computed.");
    return new Tensor(new Storage(makeLeaf(shape, dtype, value)), { device: tensor.device });
  });
  forgetRecorded();
  let next = 0;
  // safe because a tensor takes the place of each tensor
  const given = args.map((arg) => exchange(arg, () => inner[next++] ?? internal())) as Args;
  const trace = new Trace();
  try {
    const result = inTrace(trace, () => fn(...given));
    return finish(trace, result, inner, tensors);
  } catch (error) {
    for (const [storage, node] of trace.written) storage.write(node);
    for (const [tensor, grad] of trace.grads) tensor.grad = grad;
    throw error;
  }
}

/** After the function has run in a trace: computes what it did, for this call, and keeps how. */
function finish(trace: Trace, result: Compilable, inner: readonly Tensor[], tensors: readonly Tensor[]): Traced {
  const results: Tensor[] = [];
  describe(result, results);
  const storages = [...trace.written].filter(([storage, node]) => storage.peek !== node).map(([storage]) => storage);
  const grads = [...trace.grads].filter(([tensor, grad]) => tensor.grad !== grad);
  if (storages.length === 0 && grads.length === 0 && results.some(({ requiresGrad }) => requiresGrad)) {
    return { entry: "inline", result };
  }
  const set: Entry["grads"][number][] = [];
  const outputs = [...results.map(({ node }) => node), ...storages.map(({ peek }) => peek)];
  for (const [tensor] of grads) {
    set.push({ tensor, place: tensor.grad === null ? undefined : outputs.length });
    if (tensor.grad !== null) outputs.push(tensor.grad.node);
  }
  const device = tensors[0]?.device ?? [...trace.read.values()][0]?.device ?? "cpu";
  const unready = [...trace.read].filter(([node]) => node.id < trace.firstId && node.value === undefined);
  const onHost = ancestors(...outputs).find(({ id, op }) => id > trace.firstId && op.host !== undefined);
  if (onHost !== undefined) {
    throw traceError(`"${onHost.op.name}" is computed outside of graphs.`, "Leave it out of the compiled function.");
  }
  const prepared = prepare(outputs, device, true);
  let at = 0;
  const entry: Entry = {
    ...{ trace, prepared, device, outputs, storages, results: results.length, grads: set, spare: [] },
    sources: prepared.leaves.map((leaf) => sourceOf(leaf, trace, inner)),
    rebuild: (made) => {
      at = 0;
      return exchange(result, () => made[at++] ?? internal());
    },
  };
  const made = settle(entry, prepared.run(prepared.leaves));
  // A tensor that had not been computed is a leaf for the next trace.
  for (const [node, { storage, device: on }] of unready) {
    if (storage.peek !== node) continue;
    realizeNodes([node], on);
    if (node.value !== undefined) storage.write(makeLeaf(node.shape, node.dtype, node.value));
  }
  return { entry: trace.isPassing || unready.length > 0 ? "seen" : entry, result: made };
}

function sourceOf(leaf: Node, trace: Trace, inner: readonly Tensor[]): Source {
  let origin = leaf;
  for (let from = trace.copies.get(origin); from !== undefined; from = trace.copies.get(origin)) origin = from;
  const place = inner.findIndex(({ storage }) => storage.peek === origin);
  if (place >= 0) return { kind: "argument", place };
  for (const [tensor, grad] of trace.grads) if (grad?.storage.peek === origin) return { kind: "grad", of: tensor };
  for (const [index, { leaves }] of trace.fresh.entries()) {
    const item = leaves.indexOf(origin);
    if (item >= 0) return { kind: "fresh", place: index, item };
  }
  const read = trace.read.get(origin);
  return read === undefined ? { kind: "fixed" } : { kind: "storage", storage: read.storage };
}

function replay(entry: Entry, tensors: readonly Tensor[]): Compilable {
  const { trace, prepared, sources, device, outputs } = entry;
  for (const effect of trace.effects) effect();
  const drawn = trace.fresh.map(({ make }) => make());
  const values = prepared.leaves.map((leaf, index): Node => {
    const source = sources[index] ?? internal();
    if (source.kind === "argument") return computed(tensors[source.place]?.node ?? leaf, device);
    if (source.kind === "storage") return computed(currentNode(source.storage), device);
    if (source.kind === "grad") return computed(source.of.grad?.node ?? leaf, device);
    if (source.kind === "fixed") return leaf;
    const data = drawn[source.place]?.[source.item] ?? internal();
    return makeLeaf(leaf.shape, leaf.dtype, { kind: "host", data });
  });
  const into = entry.spare.length === 0 ? undefined : outputs.map((_, place) => entry.spare[place]);
  return settle(entry, prepared.run(values, into));
}

/** The elements as they are now; looking at them is no use that keeps them. */
function currentNode(storage: Storage): Node {
  return storage.shared === undefined ? storage.peek : storage.node;
}

function computed(node: Node, device: string): Node {
  if (node.value === undefined) realizeNodes([node], device);
  return node;
}

/** Puts what a run gave where the function would have put it. */
function settle(
  { outputs, storages, results, grads, device, rebuild, spare }: Entry,
  values: readonly Value[],
): Compilable {
  const leaves = outputs.map(({ shape, dtype }, place) => makeLeaf(shape, dtype, values[place] ?? internal()));
  for (const [index, storage] of storages.entries()) {
    const place = results + index;
    const old = storage.peek;
    spare[place] = isReusable(old, device) ? old.value.data : undefined;
    storage.write(leaves[place] ?? internal());
  }
  for (const { tensor, place } of grads) {
    const leaf = place === undefined ? undefined : leaves[place];
    tensor.grad = leaf === undefined ? null : new Tensor(new Storage(leaf), { device });
  }
  return rebuild(leaves.slice(0, results).map((leaf) => new Tensor(new Storage(leaf), { device })));
}

/** A leaf that a replay made, and that nothing has read but replays: its array can be written over. */
function isReusable(node: Node, device: string): node is Node & { value: { kind: "host"; data: TypedArray } } {
  return (
    !node.isRead &&
    device === "cpu" &&
    node.dtype !== "bfloat16" &&
    node.inputs.length === 0 &&
    node.value?.kind === "host"
  );
}

function internal(): never {
  throw internalError("a compiled function lost a tensor");
}
