// Modules as PyTorch prints them: a tree of names, with values written as Python writes them.
// Knows no layer.
export interface Printed {
  name: string;
  /** What stands between the parentheses before the children; lines. */
  extra: string;
  children: readonly (readonly [string, string])[];
}

/** The text of torch.nn.Module's repr(). */
export function printTree({ name, extra, children }: Printed): string {
  const extraLines = extra === "" ? [] : extra.split("\n");
  if (children.length === 0 && extraLines.length <= 1) return `${name}(${extra})`;
  const lines = [...extraLines, ...children.map(([key, text]) => `(${key}): ${text.replaceAll("\n", "\n  ")}`)];
  return `${name}(\n  ${lines.join("\n  ")}\n)`;
}

/** Runs of equal neighbours as one line, e.g. "(0-3): 4 x Linear(…)": how a ModuleList prints. */
export function foldRepeats(children: readonly (readonly [string, string])[]): [string, string][] {
  const folded: { first: string; last: string; count: number; text: string }[] = [];
  for (const [key, text] of children) {
    const previous = folded.at(-1);
    if (previous?.text === text) {
      previous.last = key;
      previous.count++;
    } else folded.push({ first: key, last: key, count: 1, text });
  }
  return folded.map(({ first, last, count, text }) =>
    count === 1 ? [first, text] : [`${first}-${last}`, `${count} x ${text}`],
  );
}

type Printable = number | boolean | string | null | undefined | readonly Printable[];

/**
 * A value as Python prints it: True, None, 'text', (1, 2), 1e-05.
 *
 * @example
 * ```ts
 * python([1, 2]); // "(1, 2)"
 * ```
 */
export function python(value: Printable): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return `'${value}'`;
  if (typeof value === "number") return Number.isInteger(value) ? `${value}` : pythonFloat(value);
  return value.length === 1 ? `(${python(value[0])},)` : `(${value.map(python).join(", ")})`;
}

/** A number that is a float in Python, whole or not: 1.0, 0.5, 1e-05. */
export function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    const [digits, exponent = ""] = value.toExponential().split("e");
    return `${digits}e${exponent.startsWith("-") ? "-" : "+"}${exponent.slice(1).padStart(2, "0")}`;
  }
  return Number.isInteger(value) ? `${value}.0` : `${value}`;
}
