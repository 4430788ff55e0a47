// What steps of generation with transformers.js models have in common: logits read, rows picked.
// Knows no model.
import { AbrazoError } from "../src/errors.ts";
import type { ModelLike, TensorLike, Transformers } from "./engine.ts";

/** Tensors by wire name. */
export type Tensors = Readonly<Record<string, TensorLike>>;

/** A model of transformers.js, and the folder that errors name. */
export interface OnnxModel {
  transformers: Transformers;
  model: ModelLike;
  folder: string;
}

/** int64 [rows, columns] */
export const matrixOf = ({ Tensor }: Transformers, data: BigInt64Array, rows: number): TensorLike =>
  new Tensor("int64", data, [rows, data.length / rows]);

/** The elements of a float32 output. */
export function floats(output: TensorLike | undefined, name: string, folder: string): Float32Array {
  if (output?.data instanceof Float32Array) return output.data;
  throw new AbrazoError({
    code: "UNSUPPORTED_ONNX",
    message: `The ONNX model of ${folder} gives ${output === undefined ? `no ${name}` : `${name} of ${output.type}`}.`,
    hint: `Export it with float32 ${name}.`,
  });
}

/** Logits [B, T, V] of each row's last token. */
export function lastLogits(outputs: Tensors, rows: number, folder: string): Float32Array[] {
  const logits = floats(outputs["logits"], "logits", folder);
  const [, columns = 1, width = 0] = outputs["logits"]?.dims ?? [];
  return Array.from({ length: rows }, (_, row) => {
    const last = (row + 1) * columns - 1;
    return logits.subarray(last * width, (last + 1) * width);
  });
}

/** Keys and values that a step gave, under the names by which the next is fed them. */
export function pastOf(outputs: Tensors): Record<string, TensorLike> {
  return Object.fromEntries(
    Object.entries(outputs)
      .filter(([name]) => name.startsWith("present"))
      .map(([name, tensor]) => [name.replace("present", "past_key_values"), tensor]),
  );
}

/** The tensors with these rows alone, in this order. */
export function pickRows(transformers: Transformers, tensors: Tensors, rows: readonly number[]): Tensors {
  const picked = Object.entries(tensors).map(([name, tensor]) => [name, pickedRows(transformers, tensor, rows)]);
  return Object.fromEntries(picked);
}

function pickedRows({ Tensor }: Transformers, { type, data, dims }: TensorLike, rows: readonly number[]): TensorLike {
  const size = dims.slice(1).reduce((product, dim) => product * dim, 1);
  // safe because what is fed is float32, float16 in a Uint16Array or int64: all have subarray and set
  const source = data as Float32Array;
  const picked = new (source.constructor as Float32ArrayConstructor)(rows.length * size); // safe for the same reason
  for (const [place, row] of rows.entries()) picked.set(source.subarray(row * size, (row + 1) * size), place * size);
  return new Tensor(type as "float32", picked, [rows.length, ...dims.slice(1)]); // safe because the type is the tensor's own
}
