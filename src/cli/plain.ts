// Results of tasks as JSON can hold them: tensors and samples as numbers, pictures as their sizes with their bytes.
// Knows no task.
import { Image } from "../data/index.ts";
import { Tensor } from "../tensor/index.ts";

/** The same in lists, numbers, texts and plain objects. */
export async function plain(value: unknown): Promise<unknown> {
  if (value instanceof Tensor) return value.tolist();
  if (ArrayBuffer.isView(value)) return [...(value as Float32Array)]; // safe because results hold samples and bytes, and no other views
  if (Array.isArray(value)) return Promise.all(value.map(plain));
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Image) {
    const { width, height, channels, data } = value;
    return { width, height, channels, data: Buffer.from(data).toString("base64") };
  }
  const entries = Object.entries(value).map(async ([name, item]) => [name, await plain(item)] as const);
  return Object.fromEntries(await Promise.all(entries));
}
