// The goldens of test/goldens/tensor: each case is one expression of ours beside one of PyTorch, with what that gave.
// Shared by the suites of every device. Knows no operation.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type DType, isDType, isFloat } from "../../src/graph/dtype.ts";
import { ancestors } from "../../src/graph/walk.ts";
import { functional as F } from "../../src/nn/index.ts";
import { packageFile } from "../../src/package-root.ts";
import { encode } from "../../src/tensor/convert.ts";
import { fromHost } from "../../src/tensor/create.ts";
import * as T from "../../src/tensor/index.ts";
import { difference, weightedSum } from "../graph/op-goldens.ts";

type Cell = number | "nan" | "inf" | "-inf";

export interface MethodCase {
  /** PyTorch's name of the operation. */
  op: string;
  note: string;
  py: string;
  js: string;
  /** Leaves of two or more axes are read through a transposition, vectors as every second element of a longer one. */
  turned?: boolean;
  /** Relative, where float32 is worse than 1e-4. */
  tolerance?: number;
  leaves: { shape: number[]; dtype: string; data: Cell[] }[];
  outs: { shape: number[]; dtype: string; value: Cell[] }[];
  /** By float leaf; null where nothing flows. */
  grads?: (Cell[] | null)[];
  seconds?: (Cell[] | null)[];
  /** Values alone in further dtypes: elements of the leaves and of the results. */
  others?: Record<string, { inputs: Cell[][]; outs: { dtype: string; value: Cell[] }[] }>;
}

const folder = packageFile("test", "goldens", "tensor");

/** An expression that PyTorch refuses. */
export type Refusal = Pick<MethodCase, "op" | "note" | "py" | "js" | "turned" | "leaves"> & { raises: true };

const RECORDED = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .flatMap((name): (MethodCase | Refusal)[] => JSON.parse(readFileSync(join(folder, name), "utf8")).cases);

const isRefusal = (row: MethodCase | Refusal): row is Refusal => "raises" in row;
export const REFUSALS: readonly Refusal[] = RECORDED.filter(isRefusal);
export const METHOD_CASES: readonly MethodCase[] = RECORDED.filter((row): row is MethodCase => !isRefusal(row));

export const titleOf = ({ js, note, leaves }: MethodCase | Refusal): string =>
  `${js} of ${leaves.map(({ shape }) => `[${shape.join(", ")}]`).join(", ") || "nothing"}${note === "" ? "" : ` (${note})`}`;

const SPECIAL = { nan: Number.NaN, inf: Number.POSITIVE_INFINITY, "-inf": Number.NEGATIVE_INFINITY };
export const toNumber = (cell: Cell): number => (typeof cell === "number" ? cell : SPECIAL[cell]);

const LETTERS = "abcdefghij";

export interface Recorded {
  floats: T.Tensor[];
  outs: T.Tensor[];
}

function tensorsOf(result: unknown): T.Tensor[] {
  if (result instanceof T.Tensor) return [result];
  if (typeof result === "object" && result !== null) return Object.values(result).flatMap(tensorsOf);
  throw new Error(`the expression gave ${String(result)}, no tensor`);
}

/** Records a case: leaves marked "float" are of `dtype` and require grad, `data` replaces their elements. */
export function recordCase(
  row: MethodCase | Refusal,
  {
    dtype,
    device = "cpu",
    data,
    requiresGrad = true,
  }: { dtype: DType; device?: string; data?: readonly (readonly Cell[])[]; requiresGrad?: boolean },
): Recorded {
  const floats: T.Tensor[] = [];
  const inputs = row.leaves.map((leaf, index) => {
    const type = isDType(leaf.dtype) ? leaf.dtype : dtype;
    const cells = (data?.[index] ?? leaf.data).map(toNumber);
    const differentiated = requiresGrad && leaf.dtype === "float" && isFloat(type);
    const made = fromHost(encode(cells, type), leaf.shape, type, { device, requiresGrad: differentiated });
    if (leaf.dtype === "float") floats.push(made);
    if (row.turned !== true || leaf.shape.length === 0) return made;
    if (leaf.shape.length === 1) return T.stack([made, made], 1).select(1, 0);
    // A transposed tensor that was made by transposing: as PyTorch's contiguous copy, turned back.
    return made.transpose(0, -1).contiguous().transpose(0, -1);
  });
  const names = [...LETTERS].slice(0, inputs.length);
  const expression = new Function("T", "F", ...names, `return (${row.js});`);
  return { floats, outs: tensorsOf(expression(T, F, ...inputs)) };
}

/** Gradients of the weighted sum of the float results, and of the weighted sum of these. Nothing is computed yet. */
export function differentiateCase(
  { floats, outs }: Recorded,
  twice: boolean,
): { grads: T.Tensor[]; seconds: T.Tensor[] } {
  const take = (): T.Tensor[] =>
    floats.map((leaf) => {
      const grad = leaf.grad ?? leaf.detach().mul(0);
      leaf.grad = null;
      return grad;
    });
  const sums = outs.filter(({ requiresGrad }) => requiresGrad).map((out) => weightedSum(out, 0));
  sums.reduce((sum, part) => sum.add(part)).backward(null, { createGraph: twice });
  const grads = take();
  if (!twice) return { grads, seconds: [] };
  const seconds = grads.filter(({ requiresGrad }) => requiresGrad).map((grad) => weightedSum(grad, 1));
  // A gradient that no leaf has a part in has no second derivative: zeros.
  if (seconds.length > 0) seconds.reduce((sum, part) => sum.add(part)).backward();
  return { grads, seconds: take() };
}

/** Operations of the graph that the cases record, with their gradients: what these goldens cover. */
export function recordedOps(): ReadonlySet<string> {
  const names = new Set<string>();
  for (const row of METHOD_CASES) {
    const made = recordCase(row, { dtype: "float32" });
    const { grads, seconds } =
      row.grads === undefined ? { grads: [], seconds: [] } : differentiateCase(made, row.seconds !== undefined);
    for (const { node } of [...made.outs, ...grads, ...seconds])
      for (const { op } of ancestors(node)) names.add(op.name);
  }
  return names;
}

export interface Check {
  what: string;
  found: T.Tensor;
  wanted: readonly Cell[] | null | undefined;
  tolerance: { relative: number; absolute: number };
}

/** What is not as it was in PyTorch, as sentences. */
export function differing(checks: readonly Check[]): string[] {
  return checks.flatMap(({ what, found, wanted, tolerance }) => {
    const differs = difference(found, wanted, tolerance);
    return differs === undefined ? [] : [`${what}: ${differs}`];
  });
}
