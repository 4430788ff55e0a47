// The notation of einsum: an equation and the shapes of its operands → subscripts of each operand and of the result.
// Knows no tensors; every sentence of an error is PyTorch's.
import { AbrazoError } from "../errors.ts";
import type { Dim, Shape } from "../graph/shape.ts";

/** A letter, or ".0", ".1", … for the axes under an ellipsis, counted from the last. */
export type Label = string;

export interface Equation {
  /** One label for each axis of each operand. */
  operands: Label[][];
  output: Label[];
  /** The size of every label after broadcasting. */
  sizes: ReadonlyMap<Label, Dim>;
}

const LETTER = /[a-zA-Z]/;
const ELLIPSIS = "...";

function einsumError(message: string, hint: string, data: Record<string, unknown>): AbrazoError {
  return new AbrazoError({ code: "EINSUM", message: `einsum(): ${message}`, hint, data });
}

/** Letters and ellipses of one side of an equation; spaces are skipped. */
function scan(equation: string, from: number, to: number, where: string, more: string): string[] {
  const parts: string[] = [];
  for (let at = from; at < to; at++) {
    const letter = equation[at] ?? "";
    if (letter === " ") continue;
    if (letter === ".") {
      if (parts.includes(ELLIPSIS)) {
        throw einsumError(`found '.' for ${where} ${more}`, "One ellipsis stands for all axes without a letter.", {
          equation,
        });
      }
      if (equation.slice(at, at + 3) !== ELLIPSIS || at + 3 > to) {
        throw einsumError(
          `found '.' for ${where} that is not part of any ellipsis`,
          "An ellipsis is three dots: '...ij->...ji'.",
          { equation },
        );
      }
      parts.push(ELLIPSIS);
      at += 2;
    } else if (LETTER.test(letter)) parts.push(letter);
    else throw invalid(equation, at);
  }
  return parts;
}

function invalid(equation: string, at: number): AbrazoError {
  const called = /[()]/.test(equation);
  return einsumError(
    `invalid subscript given at index ${at} in the equation string, subscripts must be in [a-zA-Z]`,
    called
      ? "An equation multiplies and sums, nothing else: apply max, min, sort and the like to the operands or to the result."
      : `Found "${equation[at]}". Operands are parted by ',', the result follows '->': 'ij,jk->ik'.`,
    { equation, index: at },
  );
}

function scanInputs(equation: string, end: number, count: number): string[][] {
  const operands: string[][] = [];
  for (let from = 0; from <= end; ) {
    const comma = equation.indexOf(",", from);
    const to = comma < 0 || comma > end ? end : comma;
    const where = `operand ${operands.length}`;
    operands.push(scan(equation, from, to, where, "for which an ellipsis was already found"));
    from = to + 1;
  }
  if (operands.length === count) return operands;
  throw einsumError(
    `${operands.length > count ? "fewer" : "more"} operands were provided than specified in the equation`,
    `'${equation}' has subscripts for ${operands.length}; ${count} came.`,
    { equation, specified: operands.length, provided: count },
  );
}

/** The ellipsis as one label for each axis it covers. */
function spread(parts: readonly string[], covered: number): Label[] {
  return parts.flatMap((part) =>
    part === ELLIPSIS ? Array.from({ length: covered }, (_, at) => `.${covered - 1 - at}`) : [part],
  );
}

function labelsOf(equation: string, parts: readonly string[], shape: Shape, operand: number): Label[] {
  const open = parts.includes(ELLIPSIS);
  const letters = parts.length - (open ? 1 : 0);
  if (open ? letters > shape.length : letters !== shape.length) {
    throw einsumError(
      `the number of subscripts in the equation (${letters}) ${open ? "is more than" : "does not match"} the number of dimensions (${shape.length}) for operand ${operand}${open ? "" : " and no ellipsis was given"}`,
      open ? "An ellipsis covers what the letters leave." : "Write one letter for each axis, or '...' for the others.",
      { equation, operand, subscripts: letters, shape },
    );
  }
  return spread(parts, shape.length - letters);
}

function repeatedError(equation: string, label: Label, operand: number, size: Dim, first: Dim): AbrazoError {
  return einsumError(
    `subscript ${label} is repeated for operand ${operand} but the sizes don't match, ${size} != ${first}`,
    "A letter twice in one operand takes its diagonal, which needs equal sizes.",
    { equation, subscript: label, operand, size, previous: first },
  );
}

function unequalError(
  equation: string,
  label: Label,
  operand: number,
  size: Dim,
  seen: Dim,
  rank: number,
): AbrazoError {
  const data = { equation, subscript: label, operand, size, previous: seen };
  const hint = `One letter stands for one size (or 1). Check the order of the axes in '${equation}', and whether operand ${operand} needs a transpose.`;
  if (LETTER.test(label)) {
    return einsumError(
      `subscript ${label} has size ${size} for operand ${operand} which does not broadcast with previously seen size ${seen}`,
      hint,
      data,
    );
  }
  return einsumError(
    `dimension ${rank - 1 - Number(label.slice(1))} covered by ellipsis in operand ${operand} has size ${size} which does not broadcast with previously seen ellipsis with size ${seen} for the respective dimension`,
    hint,
    data,
  );
}

function addSizes(
  equation: string,
  sizes: Map<Label, Dim>,
  labels: readonly Label[],
  shape: Shape,
  operand: number,
): void {
  const covered = labels.filter((label) => label.startsWith(".")).length;
  for (const [axis, label] of labels.entries()) {
    const size = shape[axis] ?? 1;
    const first = labels.indexOf(label);
    if (first < axis && shape[first] !== size) throw repeatedError(equation, label, operand, size, shape[first] ?? 1);
    const seen = sizes.get(label) ?? 1;
    if (seen !== 1 && size !== 1 && seen !== size) throw unequalError(equation, label, operand, size, seen, covered);
    sizes.set(label, seen === 1 ? size : seen);
  }
}

/** Without an arrow: the axes under the ellipsis, then the letters that stand once, in the order of the alphabet, capitals first. */
function implicitOutput(operands: readonly Label[][], batch: readonly Label[]): Label[] {
  const all = operands.flat();
  const once = all.filter((label) => LETTER.test(label) && all.indexOf(label) === all.lastIndexOf(label));
  return [...batch, ...once.sort()];
}

function explicitOutput(
  equation: string,
  from: number,
  known: ReadonlyMap<Label, Dim>,
  batch: readonly Label[],
): Label[] {
  const parts = scan(equation, from, equation.length, "output", "but an ellipsis (...) was already found");
  for (const [at, part] of parts.entries()) {
    if (parts.indexOf(part) < at) {
      throw einsumError(
        `output subscript ${part} appears more than once in the output`,
        "A result holds each letter once; a diagonal is taken, never made.",
        { equation, subscript: part },
      );
    }
    if (part !== ELLIPSIS && !known.has(part)) {
      throw einsumError(
        `output subscript ${part} does not appear in the equation for any input operand`,
        `Letters of the operands: ${[...known.keys()].filter((label) => LETTER.test(label)).join(", ") || "none"}.`,
        { equation, subscript: part },
      );
    }
  }
  return spread(parts, batch.length);
}

/** Reads an equation for operands of these shapes; every size is checked. */
export function parseEquation(equation: string, shapes: readonly Shape[]): Equation {
  if (shapes.length === 0) {
    throw einsumError(
      "must specify the equation string and at least one operand, or at least one operand and its subscripts list",
      "Write einsum('ij,jk->ik', a, b).",
      { equation },
    );
  }
  const arrow = equation.indexOf("->");
  const parts = scanInputs(equation, arrow < 0 ? equation.length : arrow, shapes.length);
  const operands = parts.map((part, at) => labelsOf(equation, part, shapes[at] ?? [], at));
  const sizes = new Map<Label, Dim>();
  for (const [at, labels] of operands.entries()) addSizes(equation, sizes, labels, shapes[at] ?? [], at);
  const covered = [...sizes.keys()].filter((label) => label.startsWith(".")).length;
  const batch = spread([ELLIPSIS], covered);
  const output = arrow < 0 ? implicitOutput(operands, batch) : explicitOutput(equation, arrow + 2, sizes, batch);
  return { operands, output, sizes };
}
