// einsum: products and sums by Einstein's notation, lowered to diagonals, sums, transposes and matrix products.
// Reads no notation (einsum-parse.ts) and chooses no order (einsum-path.ts).
import { AbrazoError, internalError } from "../errors.ts";
import * as build from "../graph/build.ts";
import { isFloat, promote } from "../graph/dtype.ts";
import type { Node } from "../graph/node.ts";
import type { Dim } from "../graph/shape.ts";
import { type Equation, type Label, parseEquation } from "./einsum-parse.ts";
import { type ContractionPath, contractionPath, keptLabels } from "./einsum-path.ts";
import { widened } from "./methods/support.ts";

import { currentScope } from "./scope.ts";
import { Tensor } from "./tensor.ts";
import { scalarTypeName } from "./type-names.ts";

/** A node with a label for each axis; no axis of size 1, no label twice. */
interface Term {
  node: Node;
  labels: readonly Label[];
}

/** Sizes that are only known when the graph runs count as this when orders are compared. */
const GUESSED_SIZE = 64;

/**
 * Multiplies operands and sums, as an equation says: each letter names an axis, a letter that stands in several operands
 * is multiplied along, a letter that the result lacks is summed over.
 *
 * - `'ij,jk->ik'`: operands left of the arrow, the result right of it; letters are arbitrary, upper and lower case differ.
 * - Without an arrow the result has the letters that stand once, in alphabetical order.
 * - A letter twice in one operand takes its diagonal: `'ii->i'`, and `'ii->'` is the trace.
 * - `...` stands for any further axes, which broadcast; so do axes of size 1. Spaces mean nothing.
 *
 * Any number of operands: the order that needs the fewest multiply-adds is found first (see `einsumPath`). Operands of one
 * dtype; whole numbers are exact. Differentiable, any number of times.
 *
 * Only products and sums can be written so. What is not linear in each operand, such as max, min, sort or an activation,
 * is applied to the operands or to the result.
 *
 * Throws `EINSUM` when the equation does not fit the operands: it names the subscript and both sizes.
 *
 * @example
 * ```ts
 * const a = arange(6).view([2, 3]);
 * const b = arange(12).view([3, 4]);
 * await einsum("ij,jk->ik", a, b).tolist(); // [[20, 23, 26, 29], [56, 68, 80, 92]]
 * ```
 */
export function einsum(equation: string, ...operands: Tensor[]): Tensor {
  const { output, sizes, terms, kept, order } = prepared(equation, operands);
  for (const [first, second] of order.path) {
    const [a, b] = [terms[first], terms[second]];
    terms.splice(second, 1);
    terms.splice(first, 1);
    if (a === undefined || b === undefined) throw internalError("einsum lost an operand");
    const others = terms.map(({ labels }) => labels);
    terms.push(multiply(a, b, keptLabels(a.labels, b.labels, others, kept), kept));
  }
  const [result] = terms;
  if (result === undefined) throw internalError("einsum lost its operands");
  const shape = output.map((label) => sizes.get(label) ?? 1);
  return Tensor.fromNode(build.reshape(arranged(result, kept), shape), operands);
}

/**
 * The order in which `einsum` contracts its operands: each step takes the terms at two places of the list and puts their
 * product at its end. The best order up to six operands, a greedy one above. Costs are counted in multiply-adds.
 *
 * @example
 * ```ts
 * const [a, b, c] = [zeros([2, 100]), zeros([100, 100]), zeros([100, 1])];
 * einsumPath("ij,jk,kl->il", a, b, c); // { path: [[1, 2], [0, 1]], cost: 10200, naiveCost: 20200 }
 * ```
 */
export function einsumPath(equation: string, ...operands: Tensor[]): ContractionPath {
  return prepared(equation, operands).order;
}

function numericSizes(sizes: ReadonlyMap<Label, Dim>): Map<Label, number> {
  return new Map([...sizes].map(([label, size]) => [label, typeof size === "number" ? size : GUESSED_SIZE]));
}

interface Prepared {
  output: readonly Label[];
  sizes: ReadonlyMap<Label, Dim>;
  terms: Term[];
  /** The labels of the result whose size is not 1. */
  kept: readonly Label[];
  order: ContractionPath;
}

/** What was found for an equation and shapes: a training step asks again and again. */
const known = new Map<string, { equation: Equation; order?: ContractionPath }>();
const MOST_KNOWN = 1_000;

function argumentError(place: number, given: unknown): AbrazoError {
  const wanted = place === 0 ? "the first argument is the equation" : `operand ${place - 1} must be a Tensor`;
  return new AbrazoError({
    code: "EINSUM",
    message: `einsum(): ${wanted}, not ${given instanceof Tensor ? "Tensor" : typeof given}`,
    hint: "Write einsum('ij,jk->ik', a, b).",
  });
}

/** Each operand by itself: diagonals taken, axes of size 1 dropped, and summed over what no one else reads. */
function prepared(text: string, operands: readonly Tensor[]): Prepared {
  const odd = [text, ...operands].findIndex(
    (given, at) => !(at === 0 ? typeof given === "string" : given instanceof Tensor),
  );
  if (odd >= 0) throw argumentError(odd, odd === 0 ? text : operands[odd - 1]);
  const nodes = operands.map(({ node }) => node);
  const shapes = nodes.map(({ shape }) => shape);
  const key = `${text}|${shapes.join("|")}`;
  const plan = known.get(key) ?? { equation: parseEquation(text, shapes) };
  const { operands: labels, output, sizes } = plan.equation;
  const kept = output.filter((label) => sizes.get(label) !== 1);
  const terms = nodes.map((node, at) => narrowed(diagonals({ node, labels: labels[at] ?? [] })));
  const summed = terms.map((term, at) => {
    const read = new Set([...kept, ...terms.filter((_, other) => other !== at).flatMap((other) => other.labels)]);
    return sumOver(
      term,
      term.labels.filter((label) => !read.has(label)),
    );
  });
  const order =
    plan.order ??
    contractionPath(
      summed.map((term) => term.labels),
      kept,
      numericSizes(sizes),
    );
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(key, { equation: plan.equation, order });
  return { output, sizes, terms: summed, kept, order };
}

/** A label that stands twice: both axes go to the end, become one, and every (n + 1)-th element is the diagonal. */
function diagonals({ node, labels }: Term): Term {
  const second = labels.findIndex((label, at) => labels.indexOf(label) < at);
  if (second < 0) return { node, labels };
  const first = labels.indexOf(labels[second] ?? "");
  const others = labels.map((_, at) => at).filter((at) => at !== first && at !== second);
  const size = Number(node.shape[first]);
  const turned = build.permute(node, [...others, first, second]);
  const flat = build.reshape(turned, [...others.map((at) => node.shape[at] ?? 1), size * size]);
  const diagonal = build.slice(flat, others.length, 0, size * size, size + 1);
  return diagonals({ node: diagonal, labels: [...others, first].map((at) => labels[at] ?? "") });
}

/** Without axes of size 1: they broadcast, and the result's come back by its shape. */
function narrowed({ node, labels }: Term): Term {
  const wide = (at: number) => node.shape[at] !== 1;
  return {
    node: build.reshape(
      node,
      node.shape.filter((_, at) => wide(at)),
    ),
    labels: labels.filter((_, at) => wide(at)),
  };
}

function sumOver({ node, labels }: Term, gone: readonly Label[]): Term {
  if (gone.length === 0) return { node, labels };
  const axes = gone.map((label) => labels.indexOf(label));
  return { node: build.sum(widened(node), axes), labels: labels.filter((label) => !gone.includes(label)) };
}

function arranged({ node, labels }: Term, wanted: readonly Label[]): Node {
  return build.permute(
    node,
    wanted.map((label) => labels.indexOf(label)),
  );
}

/** The product of two terms, summed over the labels that both have and no one reads any more. */
function multiply(a: Term, b: Term, kept: readonly Label[], output: readonly Label[]): Term {
  const shared = a.labels.filter((label) => b.labels.includes(label));
  const summed = shared.filter((label) => !kept.includes(label));
  const only = (one: Term) => one.labels.filter((label) => !shared.includes(label));
  if (summed.length === 0) return product(a, b, kept);
  const [left, right] = [only(a), only(b)];
  if (left.length === 0 && right.length === 0 && shared.length > summed.length) {
    // Row by row the matrices would be one by one.
    requireOneDType(a.node, b.node);
    return sumProduct(product(a, b, shared), summed);
  }
  // The operand whose own axes come first in the result goes left, so that the result needs no transpose.
  const place = (labels: readonly Label[]) => labels.map((label) => output.indexOf(label)).find((at) => at >= 0) ?? -1;
  const swap = left.length > 0 && right.length > 0 && place(right) >= 0 && place(right) < place(left);
  const batch = shared.filter((label) => !summed.includes(label));
  batch.sort((one, other) => output.indexOf(one) - output.indexOf(other));
  return swap ? matrixProduct(b, a, batch, summed) : matrixProduct(a, b, batch, summed);
}

function sumProduct({ node, labels }: Term, gone: readonly Label[]): Term {
  const axes = gone.map((label) => labels.indexOf(label));
  return { node: build.sum(node, axes), labels: labels.filter((label) => !gone.includes(label)) };
}

/** Elementwise along what both have, every with every other along the rest. */
function product(a: Term, b: Term, wanted: readonly Label[]): Term {
  const dtype = promote(a.node.dtype, b.node.dtype);
  const [left, right] = [a, b].map((term) => {
    const held = wanted.filter((label) => term.labels.includes(label));
    const node = build.cast(arranged(term, held), dtype);
    const shape = wanted.map((label) => (held.includes(label) ? (node.shape[held.indexOf(label)] ?? 1) : 1));
    return build.reshape(node, shape);
  });
  if (left === undefined || right === undefined) throw internalError("a product of two terms has two");
  return { node: build.mul(left, right), labels: wanted };
}

function sizesOf({ node, labels }: Term, wanted: readonly Label[]): Dim[] {
  return wanted.map((label) => node.shape[labels.indexOf(label)] ?? 1);
}

/** Several axes as one; -1 where the size is only known when the graph runs. */
function merged(dims: readonly Dim[]): Dim {
  if (dims.length === 1) return dims[0] ?? 1;
  return dims.every((dim) => typeof dim === "number") ? dims.reduce((size, dim) => Number(size) * Number(dim), 1) : -1;
}

function matrixProduct(a: Term, b: Term, batch: readonly Label[], summed: readonly Label[]): Term {
  requireOneDType(a.node, b.node);
  const own = (term: Term) => term.labels.filter((label) => !batch.includes(label) && !summed.includes(label));
  const [left, right] = [own(a), own(b)];
  const group = (term: Term, rows: readonly Label[], columns: readonly Label[]) =>
    build.reshape(arranged(term, [...batch, ...rows, ...columns]), [
      ...sizesOf(term, batch),
      merged(sizesOf(term, rows)),
      merged(sizesOf(term, columns)),
    ]);
  // An operand that holds its summed axes last is read as it lies, transposed by the product's own kernel.
  const turned = b.labels.at(-1) !== undefined && summed.includes(b.labels.at(-1) ?? "") && right.length > 0;
  const [one, other] = [group(a, left, summed), turned ? group(b, right, summed) : group(b, summed, right)];
  const dtype = promote(one.dtype, other.dtype);
  const node = build.matmul(build.cast(one, dtype), build.cast(other, dtype), turned);
  const shape = [...sizesOf(a, batch), ...sizesOf(a, left), ...sizesOf(b, right)];
  return { node: build.reshape(node, shape), labels: [...batch, ...left, ...right] };
}

/** As PyTorch, a matrix product does not convert; sums of whole numbers have become int64 on the way. */
function requireOneDType(a: Node, b: Node): void {
  if (a.dtype === b.dtype || (!isFloat(a.dtype) && !isFloat(b.dtype))) return;
  if (currentScope().autocast !== undefined) return;
  throw new AbrazoError({
    code: "DTYPE_MISMATCH",
    message: `expected scalar type ${scalarTypeName(a.dtype)} but found ${scalarTypeName(b.dtype)}`,
    hint: `Operands are ${a.dtype} and ${b.dtype}; convert one of them with to("${promote(a.dtype, b.dtype)}").`,
    data: { dtypes: [a.dtype, b.dtype] },
  });
}
