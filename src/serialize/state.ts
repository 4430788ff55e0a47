// What the writers and readers of tensors share: elements of tensors out, and tensors of elements in.
// Knows no file format.
import { argumentError } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
import { DTYPES, type DType, type TypedArray, viewBytes } from "../graph/dtype.ts";
import { optionsOf } from "../options.ts";
import { fromHost } from "../tensor/create.ts";
import { realize, resolveDevice, Tensor } from "../tensor/index.ts";

/** Tensors by name: what `module.stateDict()` gives, or a plain object. */
export type StateDict = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>;

/** Where loaded tensors go. */
export interface LoadOptions {
  /** Where the tensors shall be: "cpu" (the default), "webgpu", "cuda" or "auto". */
  device?: string;
}

export const loadOptions = optionsOf<LoadOptions>({ device: true });

/** @throws BAD_ARGUMENT for what is no Map and no object of tensors */
export function entriesOf(where: string, state: StateDict, position = 1): [string, Tensor][] {
  const isObject = typeof state === "object" && state !== null && !Array.isArray(state) && !(state instanceof Tensor);
  if (!isObject) throw argumentError(where, position, "tensors by name", state);
  const entries: [string, Tensor][] = state instanceof Map ? [...state] : Object.entries(state);
  const odd = entries.find(([, tensor]) => !(tensor instanceof Tensor));
  if (odd === undefined) return entries;
  throw argumentError(where, position, `tensors by name: "${odd[0]}" must be Tensor`, odd[1]);
}

/** Elements of tensors, computed together. */
export async function elementsOf(tensors: readonly Tensor[]): Promise<TypedArray[]> {
  await realize(tensors);
  return await Promise.all(tensors.map((tensor) => tensor.data()));
}

const DTYPE_OF_TAG = new Map(
  // safe because the keys of the table are the dtypes
  Object.entries(DTYPES).map(([name, { safetensors }]) => [safetensors as string, name as DType]),
);

/** The dtype of a safetensors tag; one that no tensor has is refused. */
export function dtypeOfTag(name: string, tag: string): DType {
  const dtype = DTYPE_OF_TAG.get(tag);
  if (dtype !== undefined) return dtype;
  throw new AbrazoError({
    code: "DTYPE_UNSUPPORTED",
    message: `The tensor "${name}" is ${tag}, which no tensor of Abrazo has.`,
    hint: `Its bytes can be read: (await safeOpen(path)).getBytes(${JSON.stringify(name)}).`,
    data: { name, dtype: tag },
  });
}

export interface Elements {
  dtype: DType;
  shape: readonly number[];
  data: TypedArray;
}

/** A tensor that owns its elements, on the device asked for. */
export async function tensorOf({ dtype, shape, data }: Elements, { device = "cpu" }: LoadOptions): Promise<Tensor> {
  const made = fromHost(data, shape, dtype);
  return device === "cpu" ? made : made.to({ device: resolveDevice(device) });
}

export function elementsOfBytes(dtype: DType, shape: readonly number[], bytes: Uint8Array<ArrayBuffer>): Elements {
  return { dtype, shape, data: viewBytes(dtype, bytes.buffer, bytes.byteOffset, bytes.length / DTYPES[dtype].bytes) };
}
