// Which kinds of cases the goldens hold for each operation: found in the recorded shapes, never in notes.
// Knows no operation by name: what an operation does without is said beside the test.
import { broadcast, type Dim, sameShape } from "../../src/graph/shape.ts";
import { METHOD_CASES, type MethodCase, REFUSALS, type Refusal } from "./goldens.ts";

export const KINDS = ["0-d", "empty", "broadcast", "not contiguous", "gradient"] as const;
export type Kind = (typeof KINDS)[number];

type Row = MethodCase | Refusal;

const outsOf = (row: Row): MethodCase["outs"] => ("outs" in row ? row.outs : []);

/** The operand that an expression is about; of what takes no tensor, its results. */
const shapesOf = (row: Row): number[][] =>
  row.leaves.length === 0 ? outsOf(row).map(({ shape }) => shape) : row.leaves.slice(0, 1).map(({ shape }) => shape);

/** The shape that all broadcast to, if they do and it is not what they all have. */
function stretched(shapes: readonly (readonly number[])[]): readonly Dim[] | undefined {
  try {
    const whole = shapes.reduce<readonly Dim[]>(broadcast, []);
    return shapes.every((shape) => sameShape(shape, whole)) ? undefined : whole;
  } catch {
    return undefined;
  }
}

/** True of shapes that are a batch of one product, but for sizes to broadcast. */
const areFactors = ([one = [], other = []]: readonly (readonly number[])[]): boolean => one.at(-1) === other.at(-2);

/**
 * Operands of at least one axis that broadcast: whole, to the shape of the result or to one that it sums up; the first,
 * to the result; or of matrices the axes before the last two.
 */
function broadcasts(row: Row): boolean {
  const shapes = row.leaves.map(({ shape }) => shape).filter(({ length }) => length > 0);
  const matrices = shapes.filter(({ length }) => length > 1);
  const [whole, batch] = [stretched(shapes), stretched(matrices.map((shape) => shape.slice(0, -2)))];
  if (!("outs" in row)) return whole !== undefined || (batch !== undefined && areFactors(matrices));
  const { shape } = row.outs[0] ?? { shape: [] };
  if (whole !== undefined && (shape.join() === whole.join() || shape.length < whole.length)) return true;
  if (batch !== undefined && shape.length > 2 && shape.slice(0, -2).join() === batch.join()) return true;
  const first = stretched([...shapes.slice(0, 1), shape]);
  return shapes.length > 1 && first?.join() === shape.join();
}

const HOLDS: Readonly<Record<Kind, (row: Row) => boolean>> = {
  "0-d": (row) => shapesOf(row).some((shape) => shape.length === 0),
  empty: (row) => shapesOf(row).some((shape) => shape.includes(0)),
  broadcast: broadcasts,
  "not contiguous": (row) =>
    row.turned === true && row.leaves.some(({ data, shape }) => data.length > 1 && shape.length > 0),
  gradient: (row) => "outs" in row && row.grads?.some((grad) => grad !== null) === true,
};

/** What an operation cannot have, as its cases show: no tensor goes in, one alone, no float comes out. */
function impossible(rows: readonly Row[], kind: Kind): boolean {
  const operands = Math.max(...rows.map(({ leaves }) => leaves.length));
  if (kind === "broadcast") return operands < 2;
  if (kind === "not contiguous") return operands === 0;
  if (kind !== "gradient") return false;
  return operands === 0 || rows.flatMap(outsOf).every(({ dtype }) => !dtype.includes("float"));
}

export interface Coverage {
  op: string;
  has: ReadonlySet<Kind>;
  /** Neither there nor impossible. */
  lacks: readonly Kind[];
}

/** By operation of the table (in-place twins belong to what they are twins of). */
export function coverage(): Coverage[] {
  const byName = new Map<string, Row[]>();
  for (const row of [...METHOD_CASES, ...REFUSALS]) byName.set(row.op, [...(byName.get(row.op) ?? []), row]);
  return [...byName]
    .filter(([op]) => !op.endsWith("_"))
    .map(([op, rows]) => {
      const has = new Set(KINDS.filter((kind) => rows.some(HOLDS[kind])));
      return { op, has, lacks: KINDS.filter((kind) => !has.has(kind) && !impossible(rows, kind)) };
    });
}
