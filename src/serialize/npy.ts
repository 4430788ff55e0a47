// Tensors to and from NumPy's .npy and .npz files.
// Knows no modules.
import { readFile, writeFile } from "node:fs/promises";
import { argumentError, requireType } from "../arguments.ts";
import { withFile } from "../io/bytes.ts";
import { encodeNpy, type NpyArray, readNpy, readNpz, writeNpz } from "../io/npy.ts";
import { onFile } from "../io/system-error.ts";
import { optionsOf } from "../options.ts";
import { Tensor } from "../tensor/index.ts";
import { elementsOf, entriesOf, type LoadOptions, loadOptions, type StateDict, tensorOf } from "./state.ts";

const saveNpzOptions = optionsOf<{ compressed?: boolean }>({ compressed: true });

/** numpy has no bfloat16: such a tensor is written as float32, which holds all its values. */
async function arraysOf(tensors: readonly Tensor[]): Promise<NpyArray[]> {
  const fitting = tensors.map((tensor) => {
    const dtype = tensor.dtype === "bfloat16" ? "float32" : tensor.dtype;
    return { dtype, shape: tensor.shape, tensor: tensor.to(dtype) } as const;
  });
  const data = await elementsOf(fitting.map(({ tensor }) => tensor));
  return fitting.map(({ dtype, shape }, index) => ({ dtype, shape, data: data[index] ?? new Uint8Array(0) }));
}

/**
 * Writes a tensor as numpy.save does. bfloat16 is written as float32.
 *
 * @example
 * ```ts
 * await saveNpy("x.npy", tensor([[1, 2], [3, 4]]));
 * (await loadNpy("x.npy")).tolistSync(); // [[1, 2], [3, 4]]
 * ```
 */
export async function saveNpy(path: string, tensor: Tensor): Promise<void> {
  requireType("saveNpy", "string", path);
  if (!(tensor instanceof Tensor)) throw argumentError("saveNpy", 2, "Tensor", tensor);
  for (const array of await arraysOf([tensor])) await onFile(path, () => writeFile(path, encodeNpy(array)));
}

/**
 * The tensor of a .npy file: either byte order, either order of elements, versions 1 to 3. uint16 becomes int32, uint32 and
 * uint64 int64.
 *
 * @throws OBJECT_ARRAY for an array of Python objects, which is a pickle; DTYPE_UNSUPPORTED for words, dates, complex numbers
 * @example
 * ```ts
 * await saveNpy("x.npy", tensor([true, false]));
 * (await loadNpy("x.npy")).dtype; // "bool"
 * ```
 */
export async function loadNpy(path: string, given?: LoadOptions): Promise<Tensor> {
  const options = loadOptions("loadNpy", given);
  return await tensorOf(readNpy(await onFile(path, () => readFile(path))), options);
}

/**
 * Writes tensors by name as numpy.savez does, or numpy.savez_compressed.
 *
 * @example
 * ```ts
 * await saveNpz("data.npz", { x: ones([2]), y: zeros([3]) }, { compressed: true });
 * [...(await loadNpz("data.npz")).keys()]; // ["x", "y"]
 * ```
 */
export async function saveNpz(path: string, state: StateDict, given?: { compressed?: boolean }): Promise<void> {
  const { compressed = false } = saveNpzOptions("saveNpz", given);
  const entries = entriesOf("saveNpz", state, 2);
  const arrays = await arraysOf(entries.map(([, tensor]) => tensor));
  const named = entries.flatMap(([name], index): [string, NpyArray][] => {
    const array = arrays[index];
    return array === undefined ? [] : [[name, array]];
  });
  requireType("saveNpz", "string", path);
  await writeNpz(path, new Map(named), { compressed });
}

/**
 * The tensors of a .npz file, by name. Throws as loadNpy() does.
 *
 * @example
 * ```ts
 * await saveNpz("data.npz", { x: ones([2, 3]) });
 * (await loadNpz("data.npz")).get("x")?.shape; // [2, 3]
 * ```
 */
export async function loadNpz(path: string, given?: LoadOptions): Promise<Map<string, Tensor>> {
  const options = loadOptions("loadNpz", given);
  const arrays = await withFile(path, readNpz);
  const tensors = new Map<string, Tensor>();
  for (const [name, array] of arrays) tensors.set(name, await tensorOf(array, options));
  return tensors;
}
