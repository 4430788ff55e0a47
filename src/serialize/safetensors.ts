// Tensors to and from safetensors files: whole, one by one, or rows of one.
// Knows no modules.
import { requireType } from "../arguments.ts";
import { AbrazoError, suggestion } from "../errors.ts";
import { DTYPES } from "../graph/dtype.ts";
import { type ByteSource, openFile, withFile } from "../io/bytes.ts";
import { readHeaderOf, type SafetensorsHeader, type TensorEntry, writeSafetensors } from "../io/safetensors.ts";
import type { Tensor } from "../tensor/index.ts";
import { eachOnce, otherNamesIn, underAllNames } from "./shared.ts";
import {
  dtypeOfTag,
  elementsOf,
  elementsOfBytes,
  entriesOf,
  type LoadOptions,
  loadOptions,
  type StateDict,
  tensorOf,
} from "./state.ts";

/**
 * Writes tensors by name as a safetensors file, byte for byte as the reference implementation does: sorted, without holes.
 * A tensor of several names, such as a tied weight, is stored once, and its other names as metadata: save_model() of
 * safetensors.torch does the same, its load_model() reads it, and loadFile() gives all names again.
 *
 * @example
 * ```ts
 * await saveFile(new nn.Linear(2, 1).stateDict(), "model.safetensors", { format: "pt" });
 * [...(await loadFile("model.safetensors")).keys()]; // ["bias", "weight"]
 * ```
 */
export async function saveFile(
  state: StateDict,
  path: string,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { entries, otherNames } = eachOnce(entriesOf("saveFile", state));
  const data = await elementsOf(entries.map(([, tensor]) => tensor));
  const tensors = entries.map(([name, { dtype, shape }], index) => {
    const elements = data[index] ?? new Uint8Array(0);
    return { name, dtype: DTYPES[dtype].safetensors, shape, data: elements };
  });
  requireType("saveFile", "string", path, 2);
  await writeSafetensors(path, tensors, { ...otherNames, ...metadata });
}

/** All tensors of a safetensors file, by name. One of several names is there under each. */
export async function loadSafetensors(path: string, given?: LoadOptions): Promise<Map<string, Tensor>> {
  const { tensors, others } = await loadStored(path, loadOptions("loadSafetensors", given));
  return underAllNames(tensors, others);
}

/** What a safetensors file holds, and the other names that it has for some of it. */
export async function loadStored(
  path: string,
  options: LoadOptions,
): Promise<{ tensors: Map<string, Tensor>; others: [string, string][] }> {
  return await withFile(path, async (source) => {
    const file = new SafeFile(source, await readHeaderOf(source), options);
    const tensors = new Map<string, Tensor>();
    for (const name of file.keys()) tensors.set(name, await file.getTensor(name));
    return { tensors, others: otherNamesIn(tensors.keys(), file.metadata) };
  });
}

/** One tensor of an open file, not yet read. */
export interface TensorSlice {
  shape: readonly number[];
  /** The tag in the file, such as "F32". */
  dtype: string;
  /** Rows `start` to `end` along the first axis; their bytes alone are read. Negative places count from the end. */
  rows(start: number, end?: number): Promise<Tensor>;
}

/**
 * A safetensors file of which tensors are read one by one.
 *
 * @throws NO_SUCH_TENSOR with the nearest name; NO_ROWS for rows of a tensor without axes
 *
 * @example
 * ```ts
 * await saveFile({ bias: zeros([3]) }, "bias.safetensors", { format: "pt" });
 * const file = await safeOpen("bias.safetensors");
 * [file.keys(), file.metadata]; // [["bias"], { format: "pt" }]
 * await file.close();
 * ```
 */
export class SafeFile {
  readonly #source: ByteSource & { close?(): Promise<void> };
  readonly #header: SafetensorsHeader;
  readonly #options: LoadOptions;

  constructor(source: ByteSource & { close?(): Promise<void> }, header: SafetensorsHeader, options: LoadOptions) {
    this.#source = source;
    this.#header = header;
    this.#options = options;
  }

  /** Words that the file holds besides tensors. */
  get metadata(): Readonly<Record<string, string>> {
    return this.#header.metadata;
  }

  /** Names in the order in which they lie in the file. */
  keys(): string[] {
    return [...this.#header.tensors.keys()];
  }

  #entry(name: string): TensorEntry {
    const entry = this.#header.tensors.get(name);
    if (entry !== undefined) return entry;
    throw new AbrazoError({
      code: "NO_SUCH_TENSOR",
      message: `File does not contain tensor ${name}`,
      hint: suggestion(name, this.keys()),
      data: { name },
    });
  }

  /** Reads one tensor: its bytes alone. */
  async getTensor(name: string): Promise<Tensor> {
    const { dtype, shape } = this.#entry(name);
    const type = dtypeOfTag(name, dtype);
    return await tensorOf(elementsOfBytes(type, shape, await this.getBytes(name)), this.#options);
  }

  /** The bytes of one tensor as they are, of whatever dtype. */
  async getBytes(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const { offset, byteLength } = this.#entry(name);
    return await this.#source.read(offset, byteLength);
  }

  /** One tensor of which rows can be read. */
  getSlice(name: string): TensorSlice {
    const { dtype, shape, offset, byteLength } = this.#entry(name);
    const [count = 1, ...rest] = shape;
    const place = (at: number): number => Math.min(count, Math.max(0, at < 0 ? at + count : at));
    return {
      shape,
      dtype,
      rows: async (start, end = count) => {
        const type = dtypeOfTag(name, dtype);
        if (shape.length === 0) throw noRows(name);
        const first = place(start);
        const rows = Math.max(0, place(end) - first);
        const width = count === 0 ? 0 : byteLength / count;
        const bytes = await this.#source.read(offset + first * width, rows * width);
        return await tensorOf(elementsOfBytes(type, [rows, ...rest], bytes), this.#options);
      },
    };
  }

  /** Closes the file. */
  async close(): Promise<void> {
    await this.#source.close?.();
  }
}

function noRows(name: string): AbrazoError {
  return new AbrazoError({
    code: "NO_ROWS",
    message: `The tensor "${name}" has no axes, and so no rows.`,
    hint: "Read it whole with getTensor().",
  });
}

/**
 * Opens a safetensors file and reads its header alone. Close it after use.
 *
 * @throws INVALID_SAFETENSORS for a header that no tensors fit
 *
 * @example
 * ```ts
 * await saveFile({ bias: zeros([3]), weight: ones([3, 2]) }, "layer.safetensors");
 * const file = await safeOpen("layer.safetensors");
 * file.keys(); // ["bias", "weight"]
 * (await file.getTensor("bias")).shape; // [3]
 * (await file.getSlice("weight").rows(0, 1)).tolistSync(); // [[1, 1]]
 * await file.close();
 * ```
 */
export async function safeOpen(path: string, given?: LoadOptions): Promise<SafeFile> {
  const options = loadOptions("safeOpen", given);
  const source = await openFile(path);
  try {
    return new SafeFile(source, await readHeaderOf(source), options);
  } catch (error) {
    await source.close();
    throw error;
  }
}
