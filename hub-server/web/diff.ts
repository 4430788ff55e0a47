// Lines that changed between two texts, in hunks with context (Myers 1986, "An O(ND) Difference Algorithm").
// Knows no HTML.

export interface DiffLine {
  kind: "same" | "add" | "del" | "gap";
  text: string;
  before?: number;
  after?: number;
}

const CONTEXT = 3;
/** Texts that differ in more than this are shown as replaced whole. */
const MOST_EDITS = 2000;

export function diffLines(before: string, after: string): DiffLine[] {
  const [a, b] = [lines(before), lines(after)];
  const numbered = numbering();
  const [x, y] = [a.map(numbered), b.map(numbered)];
  let start = 0;
  while (start < a.length && start < b.length && x[start] === y[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && x[x.length - 1 - end] === y[y.length - 1 - end]) end++;
  const trace = shortest(x.slice(start, x.length - end), y.slice(start, y.length - end));
  const edits = middle(a.slice(start, a.length - end), b.slice(start, b.length - end), trace);
  const head = a.slice(0, start).map((text): Edit => ["same", text]);
  const tail = a.slice(a.length - end).map((text): Edit => ["same", text]);
  return withContext(number([...head, ...edits, ...tail]));
}

type Edit = ["same" | "add" | "del", string];

function lines(text: string): string[] {
  if (text === "") return [];
  const out = text.split("\n");
  if (out.at(-1) === "") out.pop();
  return out;
}

/** Gives equal lines equal numbers: many pairs are compared, and lines may be long. */
function numbering(): (line: string) => number {
  const known = new Map<string, number>();
  return (line) => {
    const number = known.get(line) ?? known.size;
    known.set(line, number);
    return number;
  };
}

function middle(a: readonly string[], b: readonly string[], trace: readonly Int32Array[] | undefined): Edit[] {
  if (trace === undefined) return [...a.map((text): Edit => ["del", text]), ...b.map((text): Edit => ["add", text])];
  const edits: Edit[] = [];
  let [x, y] = [a.length, b.length];
  for (let d = trace.length - 1; d > 0; d--) {
    const before = trace[d - 1] ?? new Int32Array();
    const k = x - y;
    const down = goesDown(before, d, k);
    const previousX = at(before, d - 1, down ? k + 1 : k - 1);
    const previousY = previousX - (down ? k + 1 : k - 1);
    while (x > previousX && y > previousY) {
      edits.push(["same", a[--x] ?? ""]);
      y--;
    }
    if (down) edits.push(["add", b[--y] ?? ""]);
    else edits.push(["del", a[--x] ?? ""]);
  }
  while (x > 0) edits.push(["same", a[--x] ?? ""]);
  return edits.reverse();
}

/** The furthest x on diagonal k after d edits; each row of the trace holds the diagonals from -d to d. */
const at = (row: Int32Array, d: number, k: number): number => row[k + d] ?? 0;

/** Whether the furthest way to diagonal k with d edits ends in an insertion. */
const goesDown = (before: Int32Array, d: number, k: number): boolean =>
  k === -d || (k !== d && at(before, d - 1, k - 1) < at(before, d - 1, k + 1));

/** The furthest x on each diagonal after each number of edits; undefined when there are too many. */
function shortest(a: readonly number[], b: readonly number[]): Int32Array[] | undefined {
  const trace: Int32Array[] = [];
  for (let d = 0; d <= Math.min(a.length + b.length, MOST_EDITS); d++) {
    const before = trace[d - 1] ?? new Int32Array();
    const row = new Int32Array(2 * d + 1);
    trace.push(row);
    for (let k = -d; k <= d; k += 2) {
      let x = 0;
      if (d > 0) x = goesDown(before, d, k) ? at(before, d - 1, k + 1) : at(before, d - 1, k - 1) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      row[k + d] = x;
      if (x >= a.length && x - k >= b.length) return trace;
    }
  }
  return undefined;
}

function number(edits: readonly Edit[]): DiffLine[] {
  let [before, after] = [0, 0];
  return edits.map(([kind, text]) => {
    if (kind !== "add") before++;
    if (kind !== "del") after++;
    if (kind === "same") return { kind, text, before, after };
    return kind === "del" ? { kind, text, before } : { kind, text, after };
  });
}

/** Keeps changed lines and a few around them; longer equal parts become one gap. */
function withContext(all: readonly DiffLine[]): DiffLine[] {
  if (all.every(({ kind }) => kind === "same")) return [];
  const changed = [...all.keys()].filter((index) => all[index]?.kind !== "same");
  let next = 0;
  const out: DiffLine[] = [];
  let skipped: DiffLine[] = [];
  const close = () => {
    // A gap of a line or two would say less than the lines.
    if (skipped.length > CONTEXT) out.push({ kind: "gap", text: `${skipped.length} unchanged lines` });
    else out.push(...skipped);
    skipped = [];
  };
  for (const [index, line] of all.entries()) {
    while ((changed[next] ?? all.length) < index - CONTEXT) next++;
    if ((changed[next] ?? Number.POSITIVE_INFINITY) <= index + CONTEXT) {
      close();
      out.push(line);
    } else skipped.push(line);
  }
  close();
  return out;
}
