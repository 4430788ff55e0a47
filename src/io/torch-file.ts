// PyTorch's .pth and .pt files: tensors, numbers, words, lists and dicts of them. Nothing of a pickle is ever run.
// Knows no tensors of ours: what a tensor becomes is the caller's.
//
// Since 1.6 a zip archive: NAME/data.pkl (the pickle), NAME/data/KEY (elements of each storage), NAME/byteorder, NAME/version.
// Before, one after the other: pickles of a magic number, the version, the machine, the value, the storages' keys; then for
// each key 8 bytes of count and the elements.
import { AbrazoError } from "../errors.ts";
import { allocate, DTYPES, type DType, isDType, type TypedArray, viewBytes } from "../graph/dtype.ts";
import { type ByteSource, toHostOrder, walkStrides } from "./bytes.ts";
import { isTuple, PickleGlobal, type PickleHost, pickleError, readPickle } from "./pickle.ts";
import { PickleWriter } from "./pickle-writer.ts";
import { readZip, readZipEntry, writeZip, type ZipInput } from "./zip.ts";

export interface TorchTensor {
  dtype: DType;
  shape: readonly number[];
  /** Elements row by row. */
  data: TypedArray;
  requiresGrad: boolean;
}

const STORAGES: Readonly<Record<string, DType>> = {
  FloatStorage: "float32",
  DoubleStorage: "float64",
  HalfStorage: "float16",
  BFloat16Storage: "bfloat16",
  LongStorage: "int64",
  IntStorage: "int32",
  ShortStorage: "int16",
  CharStorage: "int8",
  ByteStorage: "uint8",
  BoolStorage: "bool",
};
const STORAGE_OF = new Map(Object.entries(STORAGES).map(([storage, dtype]) => [dtype, storage]));

const MAGIC_NUMBER = 0x1950a86a20f9469cfc6cn;
/** Elements that a tensor repeats by strides of 0 may take this much beyond the file in all. */
const MAX_REPEATED = 2 ** 30;

/** One storage: its key, its dtype (a storage without has that of its tensor), and its bytes once they are there. */
class Storage {
  readonly key: string;
  readonly dtype: string;
  readonly count: number;

  constructor(key: string, dtype: string, count: number) {
    this.key = key;
    this.dtype = dtype;
    this.count = count;
  }
}

/** Where elements are, by storage key; during the first pass over a pickle nothing is there yet. */
type Elements = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

class Host implements PickleHost {
  readonly storages = new Map<string, Storage>();
  readonly #make: (tensor: TorchTensor) => unknown;
  readonly #elements: Elements | undefined;
  /** What each tensor was made of: a parameter is made of a tensor once more. */
  readonly #made = new Map<unknown, TorchTensor>();
  #budget: number;

  constructor(make: (tensor: TorchTensor) => unknown, elements?: Elements) {
    this.#make = make;
    this.#elements = elements;
    const own = [...(elements?.values() ?? [])].reduce((sum, { length }) => sum + length, 0);
    this.#budget = elements === undefined ? Number.POSITIVE_INFINITY : own + MAX_REPEATED;
  }

  persistent(id: unknown): Storage {
    const [kind, type, key, , count, view = null] = isTuple(id) ? id : [];
    const name = type instanceof PickleGlobal ? type.name.replace(/^torch\.(storage\.)?/, "") : "";
    if (kind !== "storage" || typeof key !== "string" || typeof count !== "number" || name === "" || view !== null) {
      throw pickleError("Only persistent_load of storage is allowed");
    }
    const storage = new Storage(key, name === "UntypedStorage" ? "uint8" : (STORAGES[name] ?? name), count);
    this.storages.set(key, storage);
    return storage;
  }

  global(name: string): unknown {
    if (DTYPE_NAMES.test(name)) return name;
    const maker = Object.hasOwn(MAKERS, name) ? MAKERS[name] : undefined;
    if (maker !== undefined) return new PickleGlobal(name, (args) => maker(args, this));
    return NAMES.test(name) ? new PickleGlobal(name) : undefined;
  }

  tensor(
    storage: unknown,
    offset: unknown,
    shape: unknown,
    strides: unknown,
    requiresGrad: unknown,
    as?: string,
  ): unknown {
    if (!(storage instanceof Storage)) throw pickleError("a tensor without a storage");
    const { key, count, dtype } = storage;
    const type = as ?? dtype;
    if (!isDType(type)) throw unsupportedDtype(type);
    if (!isSizes(shape) || !isSizes(strides) || !isSize(offset) || shape.length !== strides.length) {
      throw pickleError("a tensor has sizes that are none");
    }
    const { bytes: width } = DTYPES[type];
    const capacity = as === undefined ? count : Math.floor(count / width);
    const total = shape.reduce((product, size) => product * size, 1);
    const last =
      total === 0 ? -1 : shape.reduce((place, size, axis) => place + (size - 1) * (strides[axis] ?? 0), offset);
    if (last >= capacity) {
      throw pickleError(`a tensor of ${total} elements reaches to place ${last} of a storage of ${capacity}`);
    }
    this.#budget -= total * width;
    if (!(this.#budget >= 0))
      throw pickleError(`its tensors would take more than ${MAX_REPEATED} bytes beyond its own`);
    const bytes = this.#elements?.get(key);
    const data = bytes === undefined ? allocate(type, 0) : elementsOf(bytes, type, { shape, strides, offset, total });
    return this.#keep({ dtype: type, shape: [...shape], data, requiresGrad: requiresGrad === true });
  }

  parameter(tensor: unknown, requiresGrad: unknown): unknown {
    const made = this.#made.get(tensor);
    if (made === undefined) throw pickleError("a parameter without a tensor");
    return this.#keep({ ...made, requiresGrad: requiresGrad === true });
  }

  #keep(tensor: TorchTensor): unknown {
    const made = this.#make(tensor);
    this.#made.set(made, tensor);
    return made;
  }
}

const isSize = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
const isSizes = (value: unknown): value is readonly number[] => Array.isArray(value) && value.every(isSize);

interface Layout {
  shape: readonly number[];
  strides: readonly number[];
  offset: number;
  total: number;
}

function elementsOf(
  bytes: Uint8Array<ArrayBuffer>,
  dtype: DType,
  { shape, strides, offset, total }: Layout,
): TypedArray {
  const { bytes: width } = DTYPES[dtype];
  const rowMajor = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const dense = shape.every((size, axis) => size === 1 || strides[axis] === rowMajor[axis]);
  if (total === 0) return allocate(dtype, 0);
  if (dense) return viewBytes(dtype, bytes.buffer, offset * width, total);
  const from = viewBytes(dtype, bytes.buffer, 0, Math.floor(bytes.length / width));
  const out = allocate(dtype, total);
  walkStrides(shape, strides, offset, (place, to) => {
    // safe because both arrays are of one dtype, so both hold numbers or both bigints
    (out as { [index: number]: number | bigint })[to] = from[place] as number | bigint;
  });
  return out;
}

type Maker = (args: readonly unknown[], host: Host) => unknown;

/** A dtype is the word that PyTorch prints, such as "torch.float32". */
const dtypeName = (value: unknown): string | undefined =>
  typeof value === "string" ? value.replace(/^torch\./, "") : undefined;

/** What stands where Python would call: data of ours. These and the names below are all that a file may name. */
const MAKERS: Readonly<Record<string, Maker>> = {
  "collections.OrderedDict": ([pairs = []]) => orderedDict(pairs),
  "collections.Counter": ([counts = {}]) => counts,
  "torch._utils._rebuild_tensor": ([storage, offset, shape, strides], host) =>
    host.tensor(storage, offset, shape, strides, false),
  "torch._utils._rebuild_tensor_v2": ([storage, offset, shape, strides, requiresGrad], host) =>
    host.tensor(storage, offset, shape, strides, requiresGrad),
  "torch._utils._rebuild_tensor_v3": ([storage, offset, shape, strides, requiresGrad, , dtype], host) =>
    host.tensor(storage, offset, shape, strides, requiresGrad, dtypeName(dtype)),
  "torch._utils._rebuild_parameter": ([data, requiresGrad], host) => host.parameter(data, requiresGrad),
  "torch._utils._rebuild_parameter_with_state": ([data, requiresGrad], host) => host.parameter(data, requiresGrad),
  "torch._tensor._rebuild_from_type_v2": ([rebuild, , args]) => {
    if (!(rebuild instanceof PickleGlobal) || rebuild.make === undefined || !isTuple(args)) {
      throw pickleError("a tensor of a kind that is not known");
    }
    return rebuild.make(args);
  },
  "builtins.set": ([items = []]) => new Set(Array.isArray(items) ? items : []),
  "torch.Size": ([sizes]) => sizes,
  "torch.device": ([type, index]) => (index === undefined ? type : `${type}:${index}`),
  "_codecs.encode": ([text, encoding]) => {
    if (typeof text !== "string" || encoding !== "latin1") throw pickleError("bytes in an encoding that is not known");
    return new Uint8Array(Buffer.from(text, "latin1"));
  },
};

const DTYPE_NAMES = /^torch\.(?:u?int\d+|b?float\d+\w*|complex\d+|bool)$/;

/** Names that only stand for something: types of storages, kinds of tensors. */
const NAMES = /^torch\.(?:(?:storage\.)?\w+Storage|Tensor|nn\.parameter\.Parameter)$/;

function orderedDict(pairs: unknown): Map<string | number, unknown> {
  const dict = new Map<string | number, unknown>();
  for (const pair of Array.isArray(pairs) ? pairs : []) {
    const [key, value] = Array.isArray(pair) ? pair : [];
    if (typeof key !== "string" && typeof key !== "number")
      throw pickleError("an ordered dict has a key that is no word");
    dict.set(key, value);
  }
  return dict;
}

function unsupportedDtype(name: string): AbrazoError {
  return new AbrazoError({
    code: "DTYPE_UNSUPPORTED",
    message: `The file holds a tensor of ${name}, which no tensor of Abrazo has.`,
    hint: `Convert it in PyTorch first, e.g. with tensor.float(). Known: ${Object.keys(DTYPES).join(", ")}.`,
  });
}

/**
 * The value of a file. `make` is called for each tensor.
 *
 * @throws PICKLE_GLOBAL_REFUSED where the file names anything but tensors and plain values
 */
export async function readTorchFile(source: ByteSource, make: (tensor: TorchTensor) => unknown): Promise<unknown> {
  const first = await source.read(0, Math.min(4, source.size));
  const isZip = first[0] === 0x50 && first[1] === 0x4b;
  const value = isZip ? await readArchive(source, make) : readLegacy(await source.read(0, source.size), make);
  requirePlain(value);
  return value;
}

/** A name or a storage by itself is no value that could be given to anybody. */
function requirePlain(value: unknown): void {
  const seen = new Set<unknown>();
  const open = [value];
  while (open.length > 0) {
    const item = open.pop();
    if (item instanceof PickleGlobal) throw pickleError(`It holds ${item.name} as a value`);
    if (item instanceof Storage) throw pickleError("It holds a storage without a tensor");
    if (typeof item !== "object" || item === null || seen.has(item)) continue;
    seen.add(item);
    const items = item instanceof Map || item instanceof Set || Array.isArray(item) ? item.values() : undefined;
    if (items !== undefined) for (const inner of items) open.push(inner);
    else if (Object.getPrototypeOf(item) === Object.prototype)
      for (const inner of Object.values(item)) open.push(inner);
  }
}

async function readArchive(source: ByteSource, make: (tensor: TorchTensor) => unknown): Promise<unknown> {
  const entries = await readZip(source);
  const pickleName = [...entries.keys()].find((name) => /^[^/]+\/data\.pkl$/.test(name));
  const prefix = pickleName?.slice(0, -"data.pkl".length) ?? "";
  const pickleEntry = entries.get(pickleName ?? "");
  if (pickleEntry === undefined) throw pickleError(`${source.name} is an archive without data.pkl`);
  if (entries.has(`${prefix}constants.pkl`)) {
    throw pickleError(`${source.name} is a TorchScript archive, which is a program`, "TORCHSCRIPT_REFUSED");
  }
  const pickle = await readZipEntry(source, pickleEntry);
  const order = entries.get(`${prefix}byteorder`);
  const little = order === undefined || new TextDecoder().decode(await readZipEntry(source, order)) !== "big";
  // The first pass tells which storages there are, the second has their elements.
  const scan = new Host(() => null);
  readPickle(pickle, scan);
  const elements = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const storage of scan.storages.values()) {
    const entry = entries.get(`${prefix}data/${storage.key}`);
    if (entry === undefined) throw pickleError(`the storage ${storage.key} is missing`);
    elements.set(storage.key, ordered(await readZipEntry(source, entry), storage, little));
  }
  return readPickle(pickle, new Host(make, elements)).value;
}

/** A storage's bytes, checked for their length, in this machine's order. */
function ordered(
  bytes: Uint8Array<ArrayBuffer>,
  { key, dtype, count }: Storage,
  little: boolean,
): Uint8Array<ArrayBuffer> {
  if (!isDType(dtype)) throw unsupportedDtype(dtype);
  const { bytes: width } = DTYPES[dtype];
  if (bytes.length !== count * width) {
    throw pickleError(`the storage ${key} has ${bytes.length} bytes, not ${count * width}`);
  }
  toHostOrder(bytes, width, little);
  return bytes;
}

function readLegacy(bytes: Uint8Array, make: (tensor: TorchTensor) => unknown): unknown {
  const plain = new Host(() => null);
  const magic = readPickle(bytes, plain);
  if (magic.value !== MAGIC_NUMBER) throw pickleError("it does not begin as a file of PyTorch's does");
  const version = readPickle(bytes, plain, magic.end);
  if (version.value !== 1001) throw pickleError(`Invalid protocol version: ${String(version.value)}`);
  const machine = readPickle(bytes, plain, version.end);
  const { little_endian: little } = { little_endian: true, ...(machine.value as object) }; // safe because a value that is no object spreads to nothing
  const scan = new Host(() => null);
  const object = readPickle(bytes, scan, machine.end);
  const keys = readPickle(bytes, plain, object.end);
  const elements = new Map<string, Uint8Array<ArrayBuffer>>();
  let at = keys.end;
  for (const key of Array.isArray(keys.value) ? keys.value : []) {
    const storage = scan.storages.get(key);
    if (storage === undefined || !isDType(storage.dtype)) throw unsupportedDtype(storage?.dtype ?? String(key));
    const length = storage.count * DTYPES[storage.dtype].bytes;
    if (at + 8 + length > bytes.length) throw pickleError(`the storage ${key} is cut off`);
    const count = new DataView(bytes.buffer, bytes.byteOffset + at, 8).getBigInt64(0, little === true);
    if (count !== BigInt(storage.count))
      throw pickleError(`the storage ${key} has ${count} elements, not ${storage.count}`);
    elements.set(key, ordered(Uint8Array.from(bytes.subarray(at + 8, at + 8 + length)), storage, little === true));
    at += 8 + length;
  }
  const missing = [...scan.storages.keys()].find((key) => !elements.has(key));
  if (missing !== undefined) throw pickleError(`the storage ${missing} is missing`);
  return readPickle(bytes, new Host(make, elements), machine.end).value;
}

/** Writes a file that torch.load() reads, with weights_only=True. `tensorOf` says which objects are tensors. */
export async function writeTorchFile(
  path: string,
  value: unknown,
  tensorOf: (value: object) => TorchTensor | undefined,
): Promise<void> {
  const storages: ZipInput[] = [];
  const keys = new Map<object, string>();
  const writer = new PickleWriter((object, pickle) => {
    const tensor = tensorOf(object);
    if (tensor === undefined) return false;
    const key = keys.get(object) ?? String(storages.length);
    if (!keys.has(object)) {
      const { data } = tensor;
      const bytes = Uint8Array.from(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      toHostOrder(bytes, DTYPES[tensor.dtype].bytes, true);
      storages.push({ name: `archive/data/${key}`, data: bytes });
      keys.set(object, key);
    }
    writeTensor(pickle, tensor, key);
    return true;
  });
  writer.value(value);
  const text = (name: string, content: string): ZipInput => ({
    name: `archive/${name}`,
    data: new TextEncoder().encode(content),
  });
  const inputs = [
    { name: "archive/data.pkl", data: writer.finish() },
    text("byteorder", "little"),
    ...storages,
    text("version", "3\n"),
  ];
  await writeZip(path, inputs, { align: 64 });
}

function writeTensor(pickle: PickleWriter, { dtype, shape, data, requiresGrad }: TorchTensor, key: string): void {
  const strides = shape.map((_, axis) =>
    shape.slice(axis + 1).reduce((product, size) => product * Math.max(size, 1), 1),
  );
  pickle.global("torch._utils", "_rebuild_tensor_v2");
  pickle.op("(", "(");
  pickle.value("storage");
  pickle.global("torch", STORAGE_OF.get(dtype) ?? "");
  pickle.value(key);
  pickle.value("cpu");
  pickle.value(data.length);
  pickle.op("t", "Q");
  pickle.value(0);
  pickle.tuple(shape);
  pickle.tuple(strides);
  pickle.value(requiresGrad);
  pickle.global("collections", "OrderedDict");
  pickle.op(")", "R", "t", "R");
}
