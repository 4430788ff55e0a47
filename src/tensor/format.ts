// Tensors as text, to the letter as PyTorch prints them (torch/_tensor_str.py).
// Reads only the tensor it is given.
import { AbrazoError } from "../errors.ts";
import { isFloat } from "../graph/dtype.ts";
import { numeric } from "../graph/shape.ts";
import { optionsOf } from "../options.ts";
import { requireTensors } from "./arguments.ts";
import { decode } from "./convert.ts";
import { fixed, scientific } from "./digits.ts";
import type { Tensor } from "./tensor.ts";

const printOptions = optionsOf<Partial<PrintOptions> & { profile?: "default" | "short" | "full" }>({
  precision: true,
  threshold: true,
  edgeItems: true,
  lineWidth: true,
  sciMode: true,
  profile: true,
});

/** How tensors are printed: torch.set_printoptions. */
export interface PrintOptions {
  /** Digits behind the point. */
  precision: number;
  /** More elements than this are shortened in the middle. */
  threshold: number;
  /** Elements shown at each end of a shortened axis. */
  edgeItems: number;
  /** Characters of a line. */
  lineWidth: number;
  /** True or false: always or never in scientific form; null: where the numbers ask for it. */
  sciMode: boolean | null;
}

const DEFAULTS: PrintOptions = { precision: 4, threshold: 1000, edgeItems: 3, lineWidth: 80, sciMode: null };
const PROFILES: Readonly<Record<string, PrintOptions>> = {
  default: DEFAULTS,
  short: { ...DEFAULTS, precision: 2, edgeItems: 2 },
  full: { ...DEFAULTS, threshold: Number.POSITIVE_INFINITY },
};
let current: PrintOptions = DEFAULTS;

/**
 * Changes how tensors are printed from here on. A profile sets everything, single options go on top.
 *
 * @example
 * ```ts
 * setPrintOptions({ precision: 2 });
 * `${tensor([0.12345])}`; // "tensor([0.12])"
 * setPrintOptions({ profile: "default" });
 * ```
 */
export function setPrintOptions(given: Partial<PrintOptions> & { profile?: "default" | "short" | "full" }): void {
  const { profile, ...options } = printOptions("setPrintOptions", given);
  const base = profile === undefined ? current : PROFILES[profile];
  const next = { ...(base ?? DEFAULTS), ...options };
  for (const name of ["precision", "edgeItems", "lineWidth", "threshold"] as const) {
    if (next[name] >= 0) continue;
    throw new AbrazoError({
      code: "PRINT_OPTION",
      message: `Invalid ${name}: ${next[name]}`,
      hint: "It has to be 0 or more.",
    });
  }
  current = next;
}

/** What is printed: single elements by their place, each as wide as the widest. */
interface Elements {
  width: number;
  show(at: number): string;
}

/**
 * The elements as PyTorch prints them. Computes them now; a tensor whose sizes are only known at run time shows these.
 *
 * @example
 * ```ts
 * formatTensor(tensor([[1, 2], [3, 4]], { dtype: "float64" }));
 * // tensor([[1., 2.],
 * //         [3., 4.]], dtype=torch.float64)
 * ```
 */
export function formatTensor(tensor: Tensor): string {
  requireTensors("formatTensor", tensor);
  const indent = "tensor(".length;
  const shape = numeric(tensor.dims);
  const suffixes: string[] = [];
  if (tensor.device !== "cpu") suffixes.push(`device='${tensor.device}'`);
  let body = "...";
  if (shape === undefined) {
    suffixes.push(`size=(${tensor.dims.join(", ")})`);
  } else if (shape.includes(0)) {
    body = "[]";
    if (shape.length !== 1) suffixes.push(`size=(${shape.join(", ")})`);
  } else {
    body = writeElements(tensor, shape, indent);
  }
  const isKnown = ["float32", "int64", "bool"].includes(tensor.dtype);
  const isShown = shape?.includes(0) === true ? tensor.dtype !== "float32" : !isKnown;
  if (isShown) suffixes.push(`dtype=torch.${tensor.dtype}`);
  const made = tensor.gradFn;
  if (made !== null) suffixes.push(`grad_fn=<${made}>`);
  else if (tensor.requiresGrad) suffixes.push("requires_grad=True");
  return withSuffixes(`tensor(${body}`, suffixes, indent);
}

function withSuffixes(text: string, suffixes: readonly string[], indent: number): string {
  let out = text;
  let last = text.length - text.lastIndexOf("\n") + 1;
  for (const suffix of suffixes) {
    const isFull = last + suffix.length + 2 > current.lineWidth;
    out += isFull ? `,\n${" ".repeat(indent)}${suffix}` : `, ${suffix}`;
    last = isFull ? indent + suffix.length : last + suffix.length + 2;
  }
  return `${out})`;
}

function writeElements(tensor: Tensor, shape: readonly number[], indent: number): string {
  const data = tensor.dataSync();
  const isShort = data.length > current.threshold;
  const places = isShort ? shownPlaces(shape) : undefined;
  const { dtype } = tensor;
  const number = (at: number): number => decode(data, dtype, at);
  const count = places?.length ?? data.length;
  const placeOf = (index: number): number => places?.[index] ?? index;
  const elements = isFloat(dtype)
    ? floats(
        Array.from({ length: count }, (_, index) => number(placeOf(index))),
        number,
      )
    : wholes(count, placeOf, (at) => (dtype === "bool" ? (number(at) === 0 ? "False" : "True") : `${data[at]}`));
  return write({ shape, isShort, elements }, 0, 0, indent);
}

function wholes(count: number, placeOf: (index: number) => number, show: (at: number) => string): Elements {
  let width = 1;
  for (let index = 0; index < count; index++) width = Math.max(width, show(placeOf(index)).length);
  return { width, show: (at) => show(at).padStart(width) };
}

/** The rule of PyTorch's _Formatter: one form for all, found from the numbers that are finite and not zero. */
function floats(shown: readonly number[], number: (at: number) => number): Elements {
  const { precision, sciMode } = current;
  const telling = shown.filter((value) => Number.isFinite(value) && value !== 0);
  const isWhole = telling.every(Number.isInteger);
  let [most, least] = [0, Number.POSITIVE_INFINITY];
  for (const value of telling) {
    most = Math.max(most, Math.abs(value));
    least = Math.min(least, Math.abs(value));
  }
  const isWide = telling.length > 0 && (most / least > 1000 || most > 1e8 || (!isWhole && least < 1e-4));
  const forms = {
    scientific: (value: number) => scientific(value, precision),
    whole: (value: number) => `${fixed(value, 0)}${Number.isFinite(value) ? "." : ""}`,
    fixed: (value: number) => fixed(value, precision),
  };
  const form = (sciMode ?? isWide) ? forms.scientific : isWhole ? forms.whole : forms.fixed;
  let width = 1;
  for (const value of telling) width = Math.max(width, form(value).length);
  return { width, show: (at) => form(number(at)).padStart(width) };
}

/** Places of the elements that a shortened print shows. */
function shownPlaces(shape: readonly number[]): number[] {
  let places = [0];
  for (const size of shape) {
    const axis = edges(size);
    places = places.flatMap((place) => axis.map((index) => place * size + index));
  }
  return places;
}

function edges(size: number): number[] {
  const { edgeItems } = current;
  const all = Array.from({ length: size }, (_, index) => index);
  return size > 2 * edgeItems ? [...all.slice(0, edgeItems), ...all.slice(size - edgeItems)] : all;
}

interface Printed {
  shape: readonly number[];
  isShort: boolean;
  elements: Elements;
}

function write(printed: Printed, depth: number, offset: number, indent: number): string {
  const { shape, isShort, elements } = printed;
  if (depth === shape.length) return elements.show(offset);
  const size = shape[depth] ?? 0;
  const stride = shape.slice(depth + 1).reduce((product, dim) => product * dim, 1);
  const isCut = isShort && size > 2 * current.edgeItems;
  const isRow = depth === shape.length - 1;
  const parts = (isCut ? edges(size) : Array.from({ length: size }, (_, index) => index)).map((index) =>
    write(printed, depth + 1, offset + index * stride, indent + 1),
  );
  if (isCut) parts.splice(current.edgeItems, 0, isRow && current.edgeItems > 0 ? " ..." : "...");
  if (!isRow) return `[${parts.join(`,${"\n".repeat(shape.length - depth - 1)}${" ".repeat(indent + 1)}`)}]`;
  const perLine = Math.max(1, Math.floor((current.lineWidth - indent) / (elements.width + 2)));
  const lines = Array.from({ length: Math.ceil(parts.length / perLine) }, (_, line) =>
    parts.slice(line * perLine, (line + 1) * perLine).join(", "),
  );
  return `[${lines.join(`,\n${" ".repeat(indent + 1)}`)}]`;
}
