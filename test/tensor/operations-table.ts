// The table of operations as Markdown, found by trying each one: dtypes, where its kernels run on WebGPU, gradients.
// Keeps no list of operations: the goldens name them.
import { AbrazoError } from "../../src/errors.ts";
import { DTYPES, type DType, isDType, isFloat } from "../../src/graph/dtype.ts";
import { deviceReport, type PlacedKernel } from "../../src/tensor/index.ts";
import { METHOD_CASES, type MethodCase, recordCase } from "./goldens.ts";

const NAMES = Object.keys(DTYPES).filter(isDType);
const GROUPS: readonly [string, readonly DType[]][] = [
  ["floats", ["float32", "float64", "float16", "bfloat16"]],
  ["whole numbers", ["int8", "int16", "int32", "int64", "uint8"]],
  ["bool", ["bool"]],
];

function computes(row: MethodCase, dtype: DType): boolean {
  try {
    // Sixteenths would be zeros in whole-number dtypes, and zero is no number to divide by.
    const small = (leaf: MethodCase["leaves"][number]) => leaf.data.map((_, at) => (at % 5) + 1);
    const data = row.leaves.map((leaf) => (leaf.dtype === "float" && !isFloat(dtype) ? small(leaf) : leaf.data));
    const made = recordCase(row, { dtype, data });
    for (const out of made.outs) out.dataSync();
    return true;
  } catch (error) {
    if (error instanceof AbrazoError) return false;
    throw error;
  }
}

/** Names of groups that are whole, and of dtypes of those that are not. */
function shown(dtypes: readonly DType[]): string {
  if (dtypes.length === NAMES.length) return "all";
  return GROUPS.flatMap(([name, members]) =>
    members.every((member) => dtypes.includes(member)) ? [name] : members.filter((member) => dtypes.includes(member)),
  ).join(", ");
}

/** Where the kernels run on a device of its own: there, on the CPU, or both; "host" where there is no kernel at all. */
export function placement(row: MethodCase, device: string): string {
  let kernels: readonly PlacedKernel[];
  try {
    const { outs } = recordCase(row, { dtype: "float32", device, requiresGrad: false });
    kernels = deviceReport(outs.filter((out) => out.device === device));
  } catch (error) {
    if (error instanceof AbrazoError && error.code === "HOST_ONLY") return "host";
    throw error;
  }
  const elsewhere = new Set(kernels.filter((kernel) => kernel.device !== device).map(({ kernel }) => kernel));
  if (kernels.length === 0) return "host";
  if (elsewhere.size === 0) return "yes";
  return `${[...elsewhere].sort().join(", ")} on the CPU`;
}

export interface OperationRow {
  op: string;
  call: string;
  dtypes: string;
  gradient: string;
  row: MethodCase;
}

const isFloatCase = ({ leaves }: MethodCase): boolean => leaves.some(({ dtype }) => dtype === "float");

/** Neither 0-d nor empty: there every dtype and every device is right. */
const isOrdinary = ({ leaves, outs }: MethodCase): boolean =>
  (leaves.length > 0 ? leaves : outs).every(({ shape }) => shape.length > 0 && !shape.includes(0));

/** Floats before others, ordinary shapes before others, then short expressions. */
function isSimpler(row: MethodCase, other: MethodCase): boolean {
  if (isFloatCase(row) !== isFloatCase(other)) return isFloatCase(row);
  if (isOrdinary(row) !== isOrdinary(other)) return isOrdinary(row);
  return row.js.length < other.js.length;
}

/** One row for each name of PyTorch's, by its simplest case. In-place twins belong to the operation that they are twins of. */
export function operationRows(): OperationRow[] {
  const first = new Map<string, MethodCase>();
  for (const row of METHOD_CASES) {
    if (row.op.endsWith("_")) continue;
    const known = first.get(row.op);
    if (known === undefined || isSimpler(row, known)) first.set(row.op, row);
  }
  return [...first.values()]
    .sort((a, b) => (a.op < b.op ? -1 : 1))
    .map((row) => {
      const dtypes = isFloatCase(row) ? shown(NAMES.filter((dtype) => computes(row, dtype))) : "as asked for";
      const ofRows = METHOD_CASES.filter(({ op }) => op === row.op);
      const twice = ofRows.some(({ seconds }) => seconds !== undefined);
      const once = ofRows.some(({ grads }) => grads?.some((grad) => grad !== null) === true);
      return { op: row.op, call: row.js, dtypes, gradient: once ? (twice ? "yes, and again" : "yes") : "no", row };
    });
}

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

/** The table, its columns aligned; `placements` by operation, where they are known. */
export function operationsTable(rows: readonly OperationRow[], placements: ReadonlyMap<string, string>): string {
  const lines = rows.map(({ op, call, dtypes, gradient }) => [
    `\`${op}\``,
    `\`${cell(call)}\``,
    dtypes,
    placements.get(op) ?? "not tried",
    gradient,
  ]);
  const head = ["PyTorch", "here", "dtypes", "WebGPU", "gradient"];
  const widths = head.map((_, at) => Math.max(...[head, ...lines].map((line) => line[at]?.length ?? 0)));
  const aligned = (line: readonly string[]) =>
    `| ${line.map((text, at) => text.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  return [head, widths.map((width) => "-".repeat(width)), ...lines].map(aligned).join("\n");
}
