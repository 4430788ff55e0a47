// save() and load() as torch.save and torch.load: tensors, and plain values that hold tensors. No code is stored, none is run.
// Knows no modules: give it their stateDict().
import { requireType } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
import { withFile } from "../io/bytes.ts";
import { readTorchFile, type TorchTensor, writeTorchFile } from "../io/torch-file.ts";
import { fromHost } from "../tensor/create.ts";
import { resolveDevice, Tensor } from "../tensor/index.ts";
import { loadSafetensors } from "./safetensors.ts";
import { elementsOf, type LoadOptions, loadOptions } from "./state.ts";

/** What a file may hold: a dict of Python is a plain object, an ordered one a Map, a tuple a frozen array, None null. */
export type Storable =
  | Tensor
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly Storable[]
  | ReadonlySet<Storable>
  | ReadonlyMap<string | number, Storable>
  | { readonly [name: string]: Storable };

/**
 * Writes a value as torch.save does: torch.load(path, weights_only=True) reads it. A Map becomes an OrderedDict, so that
 * a module's state is one; an object becomes a dict, a frozen array a tuple.
 *
 * @throws UNSTORABLE_VALUE for functions, undefined and objects of other classes
 * @example
 * ```ts
 * const model = new nn.Linear(2, 1);
 * const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
 * await save(model.stateDict(), "model_weights.pth");
 * await save({ model: model.stateDict(), optimizer: optimizer.stateDict(), epoch: 3 }, "checkpoint.pth");
 * model.loadStateDict(await loadFile("model_weights.pth")).missing; // []
 * ```
 */
export async function save(value: Storable | object, path: string): Promise<void> {
  requireType("save", "string", path, 2);
  const tensors = new Set<Tensor>();
  collect(value, tensors, new Set());
  const list = [...tensors];
  const data = await elementsOf(list);
  const written = new Map<object, TorchTensor>(
    list.map((tensor, index) => {
      const { dtype, shape, requiresGrad } = tensor;
      return [tensor, { dtype, shape, data: data[index] ?? new Uint8Array(0), requiresGrad }];
    }),
  );
  await writeTorchFile(path, value, (object) => written.get(object));
}

/** All tensors inside, so that they are computed together. */
function collect(value: unknown, tensors: Set<Tensor>, seen: Set<object>): void {
  const open: unknown[] = [value];
  while (open.length > 0) {
    const item = open.pop();
    if (typeof item !== "object" || item === null || seen.has(item)) continue;
    seen.add(item);
    if (item instanceof Tensor) tensors.add(item);
    else if (item instanceof Map || item instanceof Set) for (const inner of item.values()) open.push(inner);
    else if (!(item instanceof Uint8Array)) for (const inner of Object.values(item)) open.push(inner);
  }
}

/**
 * The value of a file that torch.save wrote, of the formats since 1.6 and before. Only tensors and plain values are
 * read; a file that names anything else is refused, and nothing of it is run.
 *
 * @throws PICKLE_GLOBAL_REFUSED with the name that the file would have Python call; INVALID_PICKLE; DTYPE_UNSUPPORTED
 * @example
 * ```ts
 * await save({ epoch: 3, best: 0.25, weight: ones([2]) }, "checkpoint.pth");
 * const checkpoint = await load("checkpoint.pth");
 * checkpoint; // { epoch: 3, best: 0.25, weight: tensor([1., 1.]) }
 * ```
 */
export async function load(path: string, given?: LoadOptions): Promise<Storable> {
  const { device = "cpu" } = loadOptions("load", given);
  const target = device === "cpu" ? "cpu" : resolveDevice(device);
  const make = ({ dtype, shape, data, requiresGrad }: TorchTensor): Tensor => {
    const made = fromHost(data, shape, dtype);
    const moved = target === "cpu" ? made : made.to({ device: target });
    return requiresGrad ? moved.requiresGrad_() : moved;
  };
  // safe because the reader makes nothing but these
  return (await withFile(path, (source) => readTorchFile(source, make))) as Storable;
}

/**
 * The tensors of a file by name: of a safetensors file, or of one that torch.save wrote and that holds a dict of tensors alone.
 *
 * @throws INVALID_SAFETENSORS, DTYPE_UNSUPPORTED; NOT_A_STATE_DICT where the file holds something else; as load() does
 * @example
 * ```ts
 * await saveFile(new nn.Linear(2, 1).stateDict(), "model.safetensors");
 * const model = new nn.Linear(2, 1);
 * model.loadStateDict(await loadFile("model.safetensors", { device: "cpu" })).unexpected; // []
 * ```
 */
export async function loadFile(path: string, given?: LoadOptions): Promise<Map<string, Tensor>> {
  const options = loadOptions("loadFile", given);
  const first = await withFile(path, (source) => source.read(0, Math.min(4, source.size)));
  const starts = (...bytes: number[]): boolean => bytes.every((byte, index) => first[index] === byte);
  const isTorch = starts(0x50, 0x4b, 0x03, 0x04) || starts(0x80, 0x02, 0x8a);
  return isTorch ? stateDictOf(await load(path, options), path) : await loadSafetensors(path, options);
}

function stateDictOf(value: Storable, path: string): Map<string, Tensor> {
  const isObject = typeof value === "object" && value !== null && !(value instanceof Tensor) && !Array.isArray(value);
  const entries = value instanceof Map ? [...value] : isObject ? Object.entries(value) : [];
  const tensors = new Map<string, Tensor>();
  for (const [name, item] of entries) if (item instanceof Tensor) tensors.set(String(name), item);
  if (isObject && tensors.size === entries.length) return tensors;
  throw new AbrazoError({
    code: "NOT_A_STATE_DICT",
    message: `${path} holds no dict of tensors alone.`,
    hint: `Read it with load(), which gives what is inside${isObject ? `: ${entries.map(([name]) => name).join(", ")}` : ""}.`,
  });
}
