// Tensors as text, in the manner of PyTorch's print.
// Reads only the tensor it is given.
import { decode } from "./convert.ts";
import type { Tensor } from "./tensor.ts";

const EDGE = 3;
const MOST = 1000;

/** The elements as PyTorch prints them, four digits, long ones shortened in the middle. */
export function formatTensor(tensor: Tensor): string {
  const { dtype, shape } = tensor;
  const data = tensor.dataSync();
  const value = (at: number): number => decode(data, dtype, at);
  const numbers = Array.from({ length: Math.min(data.length, MOST) }, (_, at) => value(at));
  const whole = numbers.every((number) => Number.isInteger(number) || !Number.isFinite(number));
  const isFloat = dtype.includes("float");
  const show = (number: number): string => {
    if (dtype === "bool") return number === 0 ? "False" : "True";
    if (Number.isNaN(number)) return "nan";
    if (!Number.isFinite(number)) return number > 0 ? "inf" : "-inf";
    if (!isFloat) return `${number}`;
    return whole ? `${number}.` : number.toFixed(4);
  };
  const width = Math.max(0, ...numbers.map((number) => show(number).length));
  const body = write(shape, 0, 0, (at) => show(value(at)).padStart(width), data.length > MOST, "tensor(".length);
  const suffix = dtype === "float32" || dtype === "int64" || dtype === "bool" ? "" : `, dtype=${dtype}`;
  const grad = tensor.requiresGrad ? (tensor.isLeaf ? ", requiresGrad=true" : ", gradFn") : "";
  return `tensor(${body}${suffix}${grad})`;
}

function write(
  shape: readonly number[],
  depth: number,
  offset: number,
  show: (at: number) => string,
  short: boolean,
  indent: number,
): string {
  if (depth === shape.length) return show(offset);
  const size = shape[depth] ?? 0;
  const stride = shape.slice(depth + 1).reduce((product, dim) => product * dim, 1);
  const indices = Array.from({ length: size }, (_, index) => index);
  const parts = indices
    .filter((index) => !short || size <= 2 * EDGE || index < EDGE || index >= size - EDGE)
    .map((index) => write(shape, depth + 1, offset + index * stride, show, short, indent + 1));
  if (short && size > 2 * EDGE) parts.splice(EDGE, 0, "...");
  const last = depth === shape.length - 1;
  const gap = last ? ", " : `,${"\n".repeat(shape.length - depth - 1)}${" ".repeat(indent + 1)}`;
  return `[${parts.join(gap)}]`;
}
