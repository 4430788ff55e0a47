// The op goldens as tensors: leaves, steps, weighted sums. Shared by the suites of every device.
// Knows no operation: a case names its own.
import { readFileSync } from "node:fs";
import { call } from "../../src/graph/build.ts";
import { type DType, isDType, isFloat } from "../../src/graph/dtype.ts";
import type { Attrs } from "../../src/graph/node.ts";
import { packageFile } from "../../src/package-root.ts";
import { encode } from "../../src/tensor/convert.ts";
import { fromHost } from "../../src/tensor/create.ts";
import { Tensor } from "../../src/tensor/index.ts";

type Cell = number | "nan" | "inf" | "-inf";

export interface GoldenCase {
  op: string;
  note: string;
  leaves: { shape: number[]; dtype: string; data: Cell[] }[];
  /** The last one is what is tested. */
  steps: { op: string; from: number[]; attrs: Attrs }[];
  shape: number[];
  value: Cell[];
  /** By float leaf; null where nothing flows. */
  grads?: (Cell[] | null)[];
  /** Gradients of the weighted sum of the gradients. */
  seconds?: (Cell[] | null)[];
  /** Inputs and value by further dtype. */
  others?: Record<string, { inputs: Cell[][]; value: Cell[] }>;
}

const { cases }: { cases: GoldenCase[] } = JSON.parse(readFileSync(packageFile("test", "goldens", "ops.json"), "utf8"));
export const GOLDEN_CASES: readonly GoldenCase[] = cases;

export const titleOf = ({ op, note, leaves }: GoldenCase): string =>
  `${op} of ${leaves.map(({ shape }) => `[${shape.join(", ")}]`).join(", ") || "nothing"}${note === "" ? "" : ` (${note})`}`;

const SPECIAL = { nan: Number.NaN, inf: Number.POSITIVE_INFINITY, "-inf": Number.NEGATIVE_INFINITY };
const toNumber = (cell: Cell): number => (typeof cell === "number" ? cell : SPECIAL[cell]);

export interface Recorded {
  /** The leaves that are differentiated. */
  floats: Tensor[];
  out: Tensor;
}

/** Records a case: leaves marked "float" are of `dtype`, `data` replaces their elements. */
export function record(
  { leaves, steps }: GoldenCase,
  { dtype, device = "cpu", data }: { dtype: DType; device?: string; data?: readonly Cell[][] },
): Recorded {
  const floats: Tensor[] = [];
  const made: Tensor[] = leaves.map((leaf, index) => {
    const type = isDType(leaf.dtype) ? leaf.dtype : dtype;
    const cells = (data?.[index] ?? leaf.data).map(toNumber);
    const differentiated = leaf.dtype === "float" && isFloat(type);
    const tensor = fromHost(encode(cells, type), leaf.shape, type, { device, requiresGrad: differentiated });
    if (differentiated) floats.push(tensor);
    return tensor;
  });
  for (const { op, from, attrs } of steps) {
    const inputs = from.map((index) => made[index] ?? missing(index));
    const node = call(
      op,
      inputs.map(({ node }) => node),
      attrs,
    );
    const out = Tensor.fromNode(node, inputs);
    made.push(inputs.length > 0 ? out : new Tensor(out.storage, { device }));
  }
  return { floats, out: made.at(-1) ?? missing(0) };
}

function missing(index: number): never {
  throw new Error(`no value ${index} in the case`);
}

/** The goldens' own formula: a different weight for every element, so that a gradient in the wrong place shows. */
function weightOf(which: 0 | 1, index: number): number {
  return which === 0 ? 0.25 + ((7 * index) % 11) / 16 : 0.5 - ((5 * index) % 13) / 16;
}

export function weightedSum(tensor: Tensor, which: 0 | 1): Tensor {
  const weights = Array.from({ length: tensor.numel() }, (_, index) => weightOf(which, index));
  const { dtype, device, shape } = tensor;
  return tensor.mul(fromHost(encode(weights, dtype), shape, dtype, { device })).sum();
}

/** Records gradients of the weighted sum, and of the weighted sum of these. Nothing is computed yet. */
export function differentiate({ floats, out }: Recorded, twice: boolean): { grads: Tensor[]; seconds: Tensor[] } {
  const take = (): Tensor[] =>
    floats.map((leaf) => {
      const grad = leaf.grad ?? leaf.detach().mul(0);
      leaf.grad = null;
      return grad;
    });
  weightedSum(out, 0).backward(null, { createGraph: twice });
  const grads = take();
  if (!twice) return { grads, seconds: [] };
  const sums = grads.filter(({ requiresGrad }) => requiresGrad).map((grad) => weightedSum(grad, 1));
  // A gradient in which the leaves do not stand, as relu's, has none of its own.
  if (sums.length > 0) sums.reduce((sum, part) => sum.add(part)).backward();
  return { grads, seconds: take() };
}

/** The first element that is not within the tolerances, as a sentence; undefined when all are. */
export function difference(
  found: Tensor,
  expected: readonly Cell[] | null | undefined,
  { relative, absolute }: { relative: number; absolute: number },
): string | undefined {
  const values = Array.from(found.to(isFloat(found.dtype) ? "float64" : found.dtype).dataSync(), Number);
  const wanted = (expected ?? values.map(() => 0)).map(toNumber);
  if (values.length !== wanted.length) return `${values.length} elements, ${wanted.length} wanted`;
  const largest = Math.max(1, ...wanted.filter(Number.isFinite).map(Math.abs));
  for (const [index, value] of values.entries()) {
    const want = wanted[index] ?? Number.NaN;
    if (Object.is(value, want) || value === want) continue;
    if (!(Math.abs(value - want) <= relative * Math.abs(want) + absolute * largest)) {
      return `element ${index} is ${value}, ${want} wanted`;
    }
  }
  return undefined;
}
